"""Signs the state of an estate's audit log, and compares anchors with the log.

The key is the estate's own, sealed like those of its CAs. Its making is an entry of the log, with
the public key, so that verifying needs no passphrase. But for that the estate is only read.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from smki_testca.clock import iso
from smki_testca.errors import EstateError, InputError, SmkiTestcaError
from smki_testca.estate.anchor import Anchor, compressed_point
from smki_testca.estate.database import RESTORE
from smki_testca.estate.key_holders import ANCHOR
from smki_testca.text import counted
from smki_testca.x509.keys import key_id
from smki_testca.x509.names import KeyType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smki_testca.authority.signers import Signer
    from smki_testca.clock import Clock
    from smki_testca.estate.audit import AuditLog, Verification
    from smki_testca.estate.database import Database
    from smki_testca.estate.key_store import KeyStore

_KEY = "anchor-key"
"""The row of ``meta`` with the id of the key."""
_MADE = "anchor.key"
"""The action of the entry that records the key."""
_GRAVITY = ("anchor.rewritten", "anchor.cut_off", "anchor.estate", "anchor.signature")
"""The faults of anchors, the gravest first; those of the log itself are graver."""


@dataclass(frozen=True, slots=True)
class Continuation:
    """The result of the verification of a log with anchors.

    Attributes:
        verification: of the log.
        anchors: those that the log continues, in their order.
    """

    verification: Verification
    anchors: tuple[Anchor, ...]

    @property
    def newest(self) -> Anchor | None:
        """The anchor of the last entry, and of those the last signed."""
        return max(self.anchors, key=lambda anchor: (anchor.number, anchor.at), default=None)


class AnchorFaultsError(SmkiTestcaError):
    """Several faults that a verification with anchors found; it stands for the gravest.

    Attributes:
        faults: all of them, the gravest first.
    """

    def __init__(self, faults: Sequence[SmkiTestcaError]) -> None:
        self.faults = tuple(sorted(faults, key=_gravity))
        gravest = self.faults[0]
        super().__init__(gravest.code, gravest.message, gravest.remedy)
        self.exit_code = gravest.exit_code

    def as_json(self) -> dict[str, Any]:
        """As any error, with ``all``: each fault."""
        error = super().as_json()["error"]
        return {"error": {**error, "all": [fault.as_json()["error"] for fault in self.faults]}}

    def lines(self) -> list[str]:
        """One line for each fault."""
        return [line for fault in self.faults for line in fault.lines()]


def _gravity(fault: SmkiTestcaError) -> int:
    if isinstance(fault, InputError):
        return len(_GRAVITY) + 1
    return _GRAVITY.index(fault.code) + 1 if fault.code in _GRAVITY else 0


class AnchorStore:
    """The anchors of one estate: makes them, and judges them."""

    def __init__(
        self, database: Database, audit: AuditLog, key_store: KeyStore, clock: Clock
    ) -> None:
        self._database = database
        self._audit = audit
        self._keys = key_store
        self._clock = clock

    def unlock(self) -> None:
        """Unlock the key now, before other work.

        Raises:
            EstateError: if the passphrase is missing or wrong.
        """
        self._keys.estate_key.unlock()

    def make(self) -> Anchor:
        """Sign the state of the log now; the first time, make the key for that.

        The same state and time give the same anchor.

        Raises:
            EstateError: if the passphrase is wrong, or the end of the log was changed.
        """
        # Before a transaction: somebody may have to type the passphrase.
        self.unlock()
        signer = self._signer()
        with self._database.snapshot():
            head, first = self._audit.head(), self._audit.state(1)
        if first is None:
            raise EstateError("audit.broken", "The audit log is empty.", RESTORE)
        unsigned = Anchor(
            head.number,
            self._clock.now(),
            bytes.fromhex(first.digest),
            bytes.fromhex(head.digest),
            compressed_point(signer.public_key),
        )
        return unsigned.signed_by(signer.sign)

    def fault(self, anchor: Anchor) -> EstateError | None:
        """The fault of an anchor, or of the log that should continue it; None if there is none.

        Looks up single entries: only ``verify`` shows that the log is whole.
        """
        with self._database.snapshot():
            return self._fault(anchor, self._recorded_key())

    def fault_at_start(self, anchor: Anchor) -> EstateError | None:
        """The same without a look at which keys the log records, which takes a search through it.

        For a file of anchors that this program writes.
        """
        with self._database.snapshot():
            return self._fault(anchor, anchor.public_key)

    def verify(
        self,
        anchors: Sequence[Anchor],
        head: str | None = None,
        *,
        unusable: Sequence[InputError] = (),
    ) -> Continuation:
        """Check the whole estate, and that its log continues each anchor.

        All of that is read as it is at one moment.

        Args:
            anchors: any number.
            head: see ``AuditLog.examine``.
            unusable: what is wrong with other anchors already.

        Raises:
            EstateError: for the one fault.
            AnchorFaultsError: for several.
        """
        faults: list[SmkiTestcaError] = list(unusable)
        continued = []
        verification = None
        with self._database.snapshot():
            try:
                verification = self._audit.examine(head)
            except EstateError as error:
                faults.append(error)
            recorded = self._recorded_key() if anchors else None
            for anchor in anchors:
                fault = self._fault(anchor, recorded)
                if fault is None:
                    continued.append(anchor)
                else:
                    faults.append(fault)
        if len(faults) > 1:
            raise AnchorFaultsError(faults)
        if faults or verification is None:
            raise faults[0]
        return Continuation(verification, tuple(continued))

    def _fault(self, anchor: Anchor, recorded: bytes | None) -> EstateError | None:
        """See ``fault``.

        Args:
            anchor: to judge.
            recorded: the SubjectPublicKeyInfo of the key that the log records; None if it has none.
        """
        which = f"The anchor of entry {anchor.number}, of {iso(anchor.at)},"
        public_key = anchor.public_key
        if public_key is None or not anchor.is_signed:
            return EstateError(
                "anchor.signature",
                f"{which} was altered: its signature does not fit.",
                "Take the anchor from where it was first written.",
            )
        first = self._audit.state(1)
        if first is None or bytes.fromhex(first.digest) != anchor.estate:
            return EstateError(
                "anchor.estate",
                f"{which} is of another estate, or the log was rewritten from its first entry on.",
                "Name the estate that it is of. If this is the one, restore a copy that continues"
                " the anchor.",
            )
        if recorded is not None and public_key != recorded:
            return EstateError(
                "anchor.signature",
                f"{which} is signed with a key that the audit log does not record: it is forged, or"
                " the log was rewritten since its key was made.",
                "Compare it with another anchor of that time. If it is right, restore a copy of the"
                " estate's directory that continues it.",
            )
        state = self._audit.state(anchor.number)
        if state is None:
            return self._cut_off(anchor, which)
        if bytes.fromhex(state.digest) != anchor.digest:
            return EstateError(
                "anchor.rewritten",
                f"{which} is not continued: entry {anchor.number} of the audit log, or one before"
                " it, is another now. The log was rewritten, or an older copy of the estate was put"
                " back and used.",
                "Restore a copy of the estate's directory that continues the anchor.",
            )
        if recorded is None:
            return EstateError(
                "anchor.signature",
                f"{which} is signed with a key that the audit log does not record: it is forged.",
                "Take the anchor from where it was first written.",
            )
        return None

    def _cut_off(self, anchor: Anchor, which: str) -> EstateError:
        last = self._audit.entries(1)
        end = f"entry {last[0].number} of {last[0].at}" if last else "no entry"
        missing = anchor.number - (last[0].number if last else 0)
        return EstateError(
            "anchor.cut_off",
            f"{which} is not continued: the audit log ends with {end}. What came after that is"
            f" missing, {counted(missing, 'entry', 'entries')} up to the anchor: the end was cut"
            " off, or an older copy of the estate was put back.",
            "Restore a copy of the estate's directory that continues the anchor.",
        )

    def _recorded_key(self) -> bytes | None:
        """The SubjectPublicKeyInfo of the key that the log records.

        The first counts: anchors cover that entry, and an attacker can append another.
        """
        for entry in self._audit.entries_of(_MADE)[:1]:
            try:
                return base64.b64decode(entry.body["public_key"], validate=True)
            except (KeyError, TypeError, ValueError):
                return b""  # no anchor fits it
        return None

    def _signer(self) -> Signer:
        identifier = self._key()
        if identifier is None:
            with self._database.transaction():
                identifier = self._key() or self._make_key()
        reference = self._keys.reference(identifier, "the anchors", holder=ANCHOR)
        return self._keys.signer(reference)

    def _key(self) -> bytes | None:
        identifier: bytes | None = self._database.value(
            "SELECT value FROM meta WHERE name = ?", (_KEY,)
        )
        return identifier

    def _make_key(self) -> bytes:
        public_key = self._keys.generate(KeyType.P256, ANCHOR)
        identifier = key_id(public_key)
        self._database.insert("meta", {"name": _KEY, "value": identifier})
        public = base64.b64encode(public_key).decode("ascii")
        self._audit.append(
            self._clock.now(), _MADE, {"key": identifier.hex(), "public_key": public}
        )
        return identifier
