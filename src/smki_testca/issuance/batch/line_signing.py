"""Signs the CSRs of a production line one by one: a line of JSON asks, a line of JSON answers.

Each certificate is in the estate, and safe on the disk, before it is given back. A line that cannot
be signed is answered with its error or refusal; the next line is not affected.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from smki_testca.authority import csr as csrs
from smki_testca.errors import InputError, Refusal
from smki_testca.issuance.batch.existing import (
    Existing,
    ExistingCertificates,
)
from smki_testca.issuance.batch.repeated_csrs import (
    RepeatedCsrs,
    digest_of,
)
from smki_testca.issuance.batch.row_requests import RowRequest
from smki_testca.issuance.history import IssueHistory
from smki_testca.issuance.issuance import Issuance
from smki_testca.schema_words import UNKNOWN_KEY, json_in_words
from smki_testca.text import use_one_of
from smki_testca.x509.pem import to_pem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from smki_testca.authority.csr import Csr, TakenAs
    from smki_testca.estate.stores import Stores
    from smki_testca.register.requests import Request

MAX_LINE_OCTETS = 1 << 17
"""The longest line that is read: a CSR of the greatest length fits."""
_CHUNK = 1 << 16
_REMEDIES = csrs.Remedies("name that as profile in the line", csrs.OF_SIGN.drop)
_MARK = b"\xef\xbb\xbf"


class _Ask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line.

    Attributes:
        csr: PEM, or base64.
        id: given back with the answer.
        label: a name to find the certificate by.
        profile: the certificate type; without it, recognised by the content.
    """

    csr: str
    id: str | int | None = None
    label: str | None = None
    profile: str | None = None


class _Tag(msgspec.Struct, frozen=True):
    """The tag by which a line that is wrong otherwise is known."""

    id: str | int | None = None


class LineSigner:
    """Answers lines.

    Args:
        estate: that issues; its keys are unlocked.
        participant: who asks: its id in the register.
        purpose: the code of a Testing Service.
        environment: the test environment; the estate's first by default.
        taken_as: by whose rules the CSRs are taken.
        is_dry_run: whether to say what would be, and issue nothing.
    """

    def __init__(
        self,
        estate: Stores,
        participant: str,
        purpose: str,
        environment: str | None,
        taken_as: TakenAs,
        *,
        is_dry_run: bool = False,
    ) -> None:
        self._estate = estate
        self._participant = participant
        self._purpose = purpose
        self._environment = environment
        self._taken_as = taken_as
        self._is_dry_run = is_dry_run
        self._repeated = RepeatedCsrs()

    def answer(self, line: bytes, number: int) -> dict[str, Any]:
        """Sign the CSR of a line, and give the answer as a JSON object.

        Args:
            line: the line.
            number: its place, for messages about later ones.

        Raises:
            InputError: if the line or its CSR cannot be used.
            Refusal: if the gate refuses the request.
            EstateError: if the estate cannot be used: nothing further will be signed.
        """
        ask = _parsed(line)
        library = self._estate.library
        profile = None if ask.profile is None else library.end_entity_profile(ask.profile)
        csr = csrs.parse(ask.csr.encode("utf-8"), library, profile, self._taken_as, _REMEDIES)
        request = self._estate.request(
            self._participant,
            self._purpose,
            csr.subject,
            () if csr.usage is None else (csr.usage,),
            environment=self._environment,
        )
        digest = digest_of(csrs.to_der(ask.csr.encode("utf-8")))
        self._repeated.check(digest)
        issued = self._issued(request, csr, ask.label)
        self._repeated.add(digest, f"line {number}")
        remarks = csr.remarks
        return {
            **issued,
            "csr_warnings": [warning.as_json() for warning in remarks.warnings],
            "dropped": [each.as_json() for each in remarks.dropped],
        }

    def _issued(self, request: Request, csr: Csr, label: str | None) -> dict[str, Any]:
        # A new one for each line: others may have changed the register meanwhile.
        issuance = Issuance(self._estate)
        existing = ExistingCertificates(self._estate, Existing.AGAIN, IssueHistory(self._estate))
        existing.remaining(RowRequest(1, request, None, label))
        in_use = existing.warnings()
        if self._is_dry_run:
            prepared = issuance.prepare(request, label=label, csr=csr)
            return {
                "dry_run": True,
                "authorisation": prepared.authorisation.as_json(),
                "warnings": [*prepared.warnings, *in_use],
            }
        (record,), warnings = issuance.issue(request, label=label, csr=csr)
        pem = to_pem(record.der).decode("ascii")
        certificate = {**record.as_json(), "pem": pem}
        return {"certificate": certificate, "warnings": [*warnings, *in_use]}


def identified(line: bytes) -> dict[str, Any]:
    """The ``id`` of a line, if it has one that can be read: an error is answered with it."""
    try:
        tag = msgspec.json.decode(line, type=_Tag)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
    return {} if tag.id is None else {"id": tag.id}


def lines(file: BinaryIO, first: bytes = b"") -> Iterator[tuple[int, bytes | None]]:
    """Yield the number of each line and the line; blank ones are passed over.

    Args:
        file: read line by line: nothing waits for more than one.
        first: what was read of the first line.

    Yields:
        None in place of a line that is longer than ``MAX_LINE_OCTETS``; no more of it is kept.
    """
    number = 0
    line = first or file.readline(MAX_LINE_OCTETS + 1)
    while line:
        number += 1
        if number == 1:
            line = line.removeprefix(_MARK)
        if len(line.rstrip(b"\r\n")) > MAX_LINE_OCTETS:
            while line and not line.endswith(b"\n"):
                line = file.readline(_CHUNK)
            yield number, None
        elif line.strip():
            yield number, line
        line = file.readline(MAX_LINE_OCTETS + 1)


def too_long() -> InputError:
    """The error for a line that is not read to its end."""
    return InputError(
        "line.too_long", f"The line is longer than {MAX_LINE_OCTETS:,} octets.", "Send one CSR."
    )


def _parsed(line: bytes) -> _Ask:
    """Read a line.

    Raises:
        InputError: if it is no such object.
    """
    if line.startswith(_MARK):
        raise _unreadable("it has a byte order mark, as if files had been joined")
    try:
        ask = msgspec.json.decode(line, type=_Ask)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _unreadable(json_in_words(error), error) from error
    # The parser keeps the last of several values of one key.
    keys = json.loads(line, strict=False, object_pairs_hook=lambda pairs: [key for key, _ in pairs])
    for key in ask.__struct_fields__:
        if keys.count(key) > 1:
            raise _unreadable(f"it has the key {key} more than once")
    return ask


def _unreadable(cause: str, error: Exception | None = None) -> InputError:
    unknown = UNKNOWN_KEY.fullmatch(str(error))
    keys = use_one_of(_Ask.__struct_fields__, "key", given=unknown[1]) if unknown else ""
    return InputError(
        "line.unreadable",
        f"The line cannot be read: {cause}.",
        keys or 'Send an object on one line, such as {"csr": "MII…", "id": "1"}.',
    )


ANSWERED = (InputError, Refusal)
"""The errors that end no more than their line."""
