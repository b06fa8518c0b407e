"""What the rows of a batch ask for: the request each makes, or what already stands against it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import serialization

from smki_testca.authority import csr as csrs
from smki_testca.errors import InputError, SmkiTestcaError
from smki_testca.profiles.subject import Subject
from smki_testca.roles import KeyUsage
from smki_testca.x509.keys import load_public_key, public_key_octets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from smki_testca.estate.stores import Stores
    from smki_testca.issuance.batch.manifest import Line
    from smki_testca.register.requests import Request


@dataclass(frozen=True, slots=True)
class RowRequest:
    """One certificate asked for: the request it makes, and what its row keeps.

    Attributes:
        line: where it stands, from 1.
        usage: the key usage; None where the profile fixes it.
        public_key: a SubjectPublicKeyInfo, DER, in place of a fresh key.
    """

    line: int
    request: Request
    usage: KeyUsage | None
    public_key: bytes | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True)
class RowProblem:
    """A row that does not go through.

    Attributes:
        error: what the gate or the parser says.
    """

    line: int
    error: SmkiTestcaError

    def as_json(self) -> dict[str, Any]:
        """The problem as a JSON object: its line, and the documented error or refusal."""
        return {"line": self.line, **self.error.as_json()}


def from_manifest(
    estate: Stores,
    lines: Iterable[Line],
    read: Callable[[str], bytes],
    environment: str | None = None,
) -> Iterator[RowRequest | RowProblem]:
    """The certificates that the lines of a manifest ask for.

    Args:
        estate: for its roles and environments.
        lines: of the manifest.
        read: gives the octets of a file that a line names.
        environment: of lines that name none; the estate's first by default.
    """
    default = {"environment": estate.environment(environment)}
    for line in lines:
        try:
            if line.problem:
                raise InputError("manifest.line", f"The row cannot be read: {line.problem}.")
            yield _wanted(estate, line.number, default | line.cells, read)
        except SmkiTestcaError as error:
            yield RowProblem(line.number, error)


_OF_EVERY_ROW = frozenset(
    {"profile", "participant", "purpose", "environment", "usage", "label", "public-key-file"}
)
_OF_CSR_ROWS = frozenset({"profile", "participant", "purpose", "environment", "label", "csr-file"})


def _wanted(
    estate: Stores, number: int, cells: dict[str, str], read: Callable[[str], bytes]
) -> RowRequest:
    for name in ("participant", "purpose"):
        if name not in cells:
            raise InputError("request.incomplete", f"The row has no {name}.")
    if "csr-file" in cells:
        doubled = set(cells) - _OF_CSR_ROWS
        if doubled:
            raise InputError(
                "manifest.csr",
                f"The row has a CSR, which says what {', '.join(sorted(doubled))} would say.",
            )
        library = estate.library
        asked_for = library.end_entity_profile(cells["profile"]) if "profile" in cells else None
        csr = csrs.parse(read(cells["csr-file"]), library, asked_for)
        return _of_csr(estate, number, csr, cells)
    profile = estate.library.end_entity_profile(cells.get("profile", ""))
    usage = cells.get("usage")
    if usage is not None and usage not in {one.value for one in KeyUsage}:
        raise InputError("request.usage", f"{usage[:40]!r} is no key usage.")
    if profile.takes_usage != (usage is not None):
        wrong = "no usage" if profile.takes_usage else "a usage, which its profile fixes"
        raise InputError("request.incomplete", f"The row has {wrong}.")
    stated = {name: text for name, text in cells.items() if name not in _OF_EVERY_ROW}
    strange = stated.keys() - {one.option for one in profile.input_types}
    if strange:
        raise InputError("manifest.cell", f"The row's profile has no {', '.join(sorted(strange))}.")
    asked = None if usage is None else KeyUsage(usage)
    request = estate.request(
        cells["participant"],
        cells["purpose"],
        Subject.parse(profile, stated, estate.library.roles),
        () if asked is None else (asked,),
        environment=cells.get("environment"),
    )
    public_key = None
    if "public-key-file" in cells:
        public_key = _public_key(read(cells["public-key-file"]))
    return RowRequest(number, request, asked, public_key, cells.get("label"))


def _of_csr(estate: Stores, number: int, csr: csrs.Csr, cells: dict[str, str]) -> RowRequest:
    """The certificate that a CSR asks for."""
    request = estate.request(
        cells["participant"],
        cells["purpose"],
        csr.subject,
        () if csr.usage is None else (csr.usage,),
        environment=cells.get("environment"),
    )
    return RowRequest(number, request, csr.usage, csr.public_key, cells.get("label"))


def _public_key(data: bytes) -> bytes:
    spki = data
    if b"-----BEGIN" in data:
        try:
            loaded = serialization.load_pem_public_key(data)
            spki = loaded.public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        except ValueError as error:
            raise InputError("key.unreadable", "It is no PEM public key.") from error
    key = load_public_key(spki)
    if key is None:
        raise InputError("key.unreadable", "It is no public key that can be used.")
    return public_key_octets(key)
