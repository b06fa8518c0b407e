"""Takes in other people's certificates and private keys from whatever files hold them.

Certificates are taken as they are, the defective too; a private key goes to every certificate of
its public key. What is neither, or fits nothing, is remarked on.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from smki_testca.der.read import DerError
from smki_testca.errors import InputError
from smki_testca.importers.sources import Content, contents
from smki_testca.pkcs12.decryption import Unlocker
from smki_testca.pkcs12.reader import StoreReader
from smki_testca.text import plain
from smki_testca.x509.keys import key_identity, public_key_octets
from smki_testca.x509.view import is_in_place, view_certificate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from smki_testca.importers.sources import Source
    from smki_testca.x509.keys import PrivateKey
    from smki_testca.x509.view import View

MAX_CERTIFICATES = 50_000
"""How many certificates one import takes."""
MAX_KEYS = 50_000
"""How many private keys one import reads."""
MAX_OCTETS = 256 << 20
"""How many octets the certificates of one import may have together."""
MAX_LABEL_CHARACTERS = 200
"""Where a label is cut off."""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that was not taken, and why.

    Attributes:
        code: a stable dotted code.
        source: the file.
        message: one clause, without the file.
    """

    code: str
    source: str
    message: str

    def as_json(self) -> dict[str, str]:
        """The remark as a JSON object: source, code, message."""
        return {"source": self.source, "code": self.code, "message": self.message}


@dataclass(frozen=True, slots=True)
class Found:
    """A certificate that was found.

    Attributes:
        der: its octets, as they were.
        source: the file it came from, below what the user named; no folders above that.
        label: what a key store calls it, or the name of the file that holds nothing else.
        key: its private key, where that was found, too.
    """

    der: bytes
    source: str
    label: str | None
    key: PrivateKey | None = None


@dataclass(frozen=True, slots=True)
class LooseKey:
    """A private key that belongs to none of the certificates found with it."""

    key: PrivateKey
    source: str


@dataclass(frozen=True, slots=True)
class Intake:
    """What files held.

    Attributes:
        certificates: each once, in the order found.
        loose_keys: each once.
        remarks: on what was not taken.
    """

    certificates: tuple[Found, ...]
    loose_keys: tuple[LooseKey, ...] = ()
    remarks: tuple[Remark, ...] = ()


def take_in(
    names: Iterable[str],
    standard_input: bytes | None = None,
    *,
    passphrase: str | None = None,
    with_keys: bool = True,
) -> Intake:
    """Find the certificates and private keys in files, folders, bundles, stores and archives.

    Args:
        names: paths; ``-`` is standard input.
        standard_input: what was read from it.
        passphrase: opens encrypted private keys and PKCS#12 stores.
        with_keys: whether private keys are read at all.

    Raises:
        InputError: if a path cannot be read, nothing to take was found, a passphrase is missing
            or wrong, or a limit is passed.
    """
    taking = _Taking(Unlocker(passphrase), with_keys)
    for name in names:
        for source in contents([name], standard_input):
            taking.take(source, _shown(name, source.file))
    intake = taking.paired()
    if not intake.certificates and not intake.loose_keys:
        if intake.remarks:
            first = intake.remarks[0]
            raise InputError(first.code, f"{first.source} cannot be imported: {first.message}.")
        raise InputError("import.nothing", "There is nothing in it to import.")
    return intake


class _Taking:
    def __init__(self, unlocker: Unlocker, with_keys: bool) -> None:  # noqa: FBT001 - its own module
        self._unlocker = unlocker
        self._stores = StoreReader(unlocker)
        self._with_keys = with_keys
        self._found: dict[bytes, Found] = {}
        self._identities: dict[bytes, bytes | None] = {}
        self._in_file: Counter[str] = Counter()
        self._places: dict[bytes, list[str]] = {}
        self._octets = 0
        self._keys: dict[bytes, LooseKey] = {}
        self._keys_read = 0
        self._remarks: list[Remark] = []
        self._last: bytes | None = None

    def take(self, source: Source, shown: str) -> None:
        """Take what stands at one place of a file."""
        if source.problem is not None:
            self._last = None
            code, message = source.problem
            self._remark(code, shown, message)
        elif source.content is Content.DOCUMENT:
            self._certificate(source.data, shown, source.name)
        elif source.content is Content.PKCS12:
            self._store(source.data, shown)
        elif self._with_keys:
            self._count_key()
            key = self._unlocker.private_key(source.data, _of(shown, source.name))
            beside = self._last if source.content is Content.KEY_OF_DOCUMENT else None
            self._key(key, shown, source.name, beside)

    def paired(self) -> Intake:
        """Everything taken, each certificate with its key."""
        certificates = []
        fitting = set()
        for der, one in self._found.items():
            identity = self._identities[der]
            held = None if identity is None else self._keys.get(identity)
            if held is not None and identity is not None:
                fitting.add(identity)
            # A file of its own tells more of a certificate than a bundle.
            alone = next((place for place in self._places[der] if self._in_file[place] == 1), None)
            certificates.append(
                replace(
                    one,
                    source=alone or one.source,
                    label=one.label or (None if alone is None else _stem(alone)),
                    key=None if held is None else held.key,
                )
            )
        loose = tuple(one for identity, one in self._keys.items() if identity not in fitting)
        return Intake(tuple(certificates), loose, tuple(self._remarks))

    def _certificate(self, der: bytes, shown: str, name: str | None) -> None:
        self._last = None
        message = "it is no certificate, but a CSR, a CRL or something else"
        try:
            view: View | None = view_certificate(der)
        except DerError as error:
            view = None
            if error.code != "der.structure":
                message = f"it is no certificate: {error.message}"
        if view is None or not is_in_place(view):
            self._remark("import.no_certificate", shown, message)
            return
        self._last = der
        self._in_file[shown] += 1
        self._places.setdefault(der, []).append(shown)
        label = None if name is None else plain(name)[:MAX_LABEL_CHARACTERS]
        known = self._found.get(der)
        if known is not None:
            self._found[der] = replace(known, label=known.label or label)
            return
        self._octets += len(der)
        if len(self._found) == MAX_CERTIFICATES or self._octets > MAX_OCTETS:
            raise InputError(
                "import.too_much",
                f"One import takes {MAX_CERTIFICATES:,} certificates of {MAX_OCTETS >> 20} MiB"
                " together, and there are more.",
                "Import fewer files at a time.",
            )
        self._found[der] = Found(der, shown, label)
        self._identities[der] = _identity(view)

    def _store(self, data: bytes, shown: str) -> None:
        opened = self._stores.read(data, shown)
        for der, name in opened.certificates:
            self._certificate(der, shown, name)
        for key in opened.keys if self._with_keys else ():
            self._count_key()
            self._key(key, shown, None, None)

    def _key(
        self, key: PrivateKey | None, shown: str, name: str | None, beside: bytes | None
    ) -> None:
        if key is None:
            message = "it is no private key on an elliptic curve or of RSA that can be read"
            self._remark("key.unreadable", _of(shown, name), message)
            return
        identity = hashlib.sha256(public_key_octets(key.public_key())).digest()
        self._keys.setdefault(identity, LooseKey(key, shown))
        if beside is not None and self._identities[beside] != identity:
            message = "the private key given with the certificate is not its own"
            self._remark("import.key_mismatch", _of(shown, name), message)

    def _count_key(self) -> None:
        self._keys_read += 1
        if self._keys_read > MAX_KEYS:
            raise InputError(
                "import.too_much",
                f"One import reads {MAX_KEYS:,} private keys, and there are more.",
                "Import fewer files at a time.",
            )

    def _remark(self, code: str, source: str, message: str) -> None:
        self._remarks.append(Remark(code, source, plain(message)))


def _identity(view: View) -> bytes | None:
    spki = view.octets("subjectPublicKeyInfo")
    return None if spki is None else key_identity(spki)


def _shown(name: str, file: str) -> str:
    """A file as it is kept: below what the user named, without the folders above that."""
    if name == "-":
        return plain(file)
    above = str(Path(name).parent)
    shown = file
    if above != ".":
        shown = file.removeprefix(above).lstrip("/\\")
    return plain(shown)


def _of(shown: str, name: str | None) -> str:
    return shown if name is None else f"{shown} ({plain(name)[:MAX_LABEL_CHARACTERS]})"


def _stem(source: str) -> str | None:
    """The name of a file without folders, archive and suffix."""
    path = PurePosixPath(source.replace("\\", "/").rpartition("!")[2])
    return None if source == "-" else path.stem[:MAX_LABEL_CHARACTERS] or None
