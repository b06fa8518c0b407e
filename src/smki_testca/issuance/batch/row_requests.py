"""Reads the rows of a batch: the request that each makes, or its problem."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import serialization

from smki_testca.authority import csr as csrs
from smki_testca.errors import InputError, SmkiTestcaError
from smki_testca.issuance.batch.spreadsheet_damage import damage
from smki_testca.profiles.subject import Subject
from smki_testca.roles import KeyUsage
from smki_testca.text_files import utf8
from smki_testca.x509 import untrusted
from smki_testca.x509.keys import load_public_key, public_key_octets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from smki_testca.estate.stores import Stores
    from smki_testca.issuance.batch.manifest import Line
    from smki_testca.register.requests import Request


@dataclass(frozen=True, slots=True)
class RowRequest:
    """A row that can be read: one certificate asked for.

    Attributes:
        line: its number in the manifest or archive, from 1.
        request: for the gate.
        usage: the key usage; None where the profile fixes it.
        public_key: a SubjectPublicKeyInfo, DER, in place of a fresh key.
        label: a name to find the certificate by.
        holder_name: the trading name that its CSR states; None if there is none.
        remarks: on its CSR; None if there is none.
    """

    line: int
    request: Request
    usage: KeyUsage | None
    public_key: bytes | None = None
    label: str | None = None
    holder_name: str | None = None
    remarks: csrs.Remarks | None = None


@dataclass(frozen=True, slots=True)
class RowProblem:
    """A row for which no certificate is issued.

    Attributes:
        line: its number in the manifest or archive, from 1.
        error: of the parser or the gate.
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
    """Read the requests of a manifest.

    Args:
        estate: the estate that will issue.
        lines: of the manifest.
        read: reads a file that a line names.
        environment: for lines that name none; the estate's first by default.

    Yields:
        The request of each line, or its problem.
    """
    default = {"environment": estate.environment(environment)}
    for line in lines:
        try:
            if line.problem:
                raise InputError("manifest.line", f"The row cannot be read: {line.problem}.")
            yield _row_request(estate, line.number, default | line.cells, read)
        except SmkiTestcaError as error:
            if isinstance(error, InputError) and (cause := damage(line.cells)):
                error.remedy = cause
            yield RowProblem(line.number, error)


_OF_EVERY_ROW = frozenset(
    {"profile", "participant", "purpose", "environment", "usage", "label", "public-key-file"}
)
_OF_CSR_ROWS = frozenset({"profile", "participant", "purpose", "environment", "label", "csr-file"})


def _row_request(
    estate: Stores, number: int, cells: dict[str, str], read: Callable[[str], bytes]
) -> RowRequest:
    library = estate.library
    for name in ("participant", "purpose"):
        if name not in cells:
            raise InputError("request.incomplete", f"The row has no {name}.")
    if "csr-file" in cells:
        redundant = set(cells) - _OF_CSR_ROWS
        if redundant:
            raise InputError(
                "manifest.csr",
                f"The row has a CSR, which says what {', '.join(sorted(redundant))} would say.",
            )
        profile = library.end_entity_profile(cells["profile"]) if "profile" in cells else None
        csr = csrs.parse(read(cells["csr-file"]), library, profile, remedies=csrs.OF_MANIFEST)
        return _of_csr(estate, number, csr, cells)
    if "profile" not in cells:
        raise InputError("request.profile", "The row has neither a profile nor a CSR.")
    library.profile(cells["profile"])  # an unknown name has a code of its own
    profile = library.end_entity_profile(cells["profile"])
    usage = KeyUsage.parse(cells["usage"]) if "usage" in cells else None
    if profile.takes_usage != (usage is not None):
        wrong = "no usage" if profile.takes_usage else "a usage, which its profile fixes"
        raise InputError("request.incomplete", f"The row has {wrong}.")
    inputs = {name: text for name, text in cells.items() if name not in _OF_EVERY_ROW}
    unknown = inputs.keys() - {input_type.option for input_type in profile.input_types}
    if unknown:
        raise InputError("manifest.cell", f"The row's profile has no {', '.join(sorted(unknown))}.")
    request = estate.request(
        cells["participant"],
        cells["purpose"],
        Subject.parse(profile, inputs, library.roles),
        () if usage is None else (usage,),
        environment=cells.get("environment"),
    )
    public_key = None
    if "public-key-file" in cells:
        public_key = _public_key(read(cells["public-key-file"]))
    return RowRequest(number, request, usage, public_key, cells.get("label"))


def _of_csr(estate: Stores, number: int, csr: csrs.Csr, cells: dict[str, str]) -> RowRequest:
    """The certificate that a row's CSR asks for."""
    request = estate.request(
        cells["participant"],
        cells["purpose"],
        csr.subject,
        () if csr.usage is None else (csr.usage,),
        environment=cells.get("environment"),
    )
    return RowRequest(
        number,
        request,
        csr.usage,
        csr.public_key,
        cells.get("label"),
        csr.holder_name,
        csr.remarks,
    )


def _public_key(data: bytes) -> bytes:
    data = spki = utf8(data)
    if b"-----BEGIN" in data:
        try:
            loaded = untrusted.call(serialization.load_pem_public_key, data)
            spki = loaded.public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        except InputError as error:
            raise InputError("key.unreadable", "It is no PEM public key.") from error
    key = load_public_key(spki)
    if key is None:
        raise InputError("key.unreadable", "It is no public key that can be used.")
    return public_key_octets(key)
