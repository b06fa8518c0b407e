"""The Portal's batch of CSRs: a ZIP in, a ZIP with certificates and a report out (SEC App. M F).

A ZIP that breaks a limit or plays a trick is refused whole, with the reason; a CSR that cannot
be used, or that the gate refuses, is told of in the report and the others go through.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from smki_testca.authority import csr as csrs
from smki_testca.errors import InputError, Refusal, SmkiTestcaError
from smki_testca.issuance.batch.stored import StoredZip
from smki_testca.x509.pem import to_pem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from smki_testca.issuance.batch.row_requests import Problem

MAX_REQUESTS = 50_000
"""How many CSRs a batch may hold."""
MAX_ZIP_OCTETS = 256 << 20
"""How long the ZIP itself may be, and all that it unpacks to, in octets."""
_ENCRYPTED, _UTF8_NAME = 0x0001, 0x0800
# A local header: its magic, flags, and the lengths of the name and of what is extra.
_LOCAL = struct.Struct("<4s2xH18x2H")


class Status(StrEnum):
    """How a CSR fared."""

    SUCCESS = "success"
    ERROR = "error"
    ANOMALY = "anomaly"
    INELIGIBLE = "ineligible"


ERROR_CODES = {
    "csr.signature": "CR:SIGN",
    "csr.key": "CR:KEY",
    "csr.algorithm": "CR:ALG",
    "csr.subject": "CR:SUBJ",
    "csr.identifier": "CR:ID",
    "csr.role": "CR:ROLE",
    "csr.key_usage": "CR:USAGE",
    "csr.device_id": "CR:DEVID",
    "csr.extension": "CR:EXT",
}
"""The report's code for faults of a CSR; any other is CR:FORM."""


class Member(NamedTuple):
    """Where one CSR of a batch lies in its ZIP.

    Attributes:
        number: its place from 1.
        name: of its file.
        offset: of the file's local header.
        packed, size: how many octets it takes and unpacks to.
    """

    number: int
    name: str
    offset: int
    packed: int
    size: int
    checksum: int
    deflated: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One CSR of a batch: its place from 1, its file name, its octets."""

    number: int
    name: str
    data: bytes


def read(name: str, data: bytes) -> list[Entry]:
    """The CSRs of a batch, in the order of the ZIP.

    Args:
        name: of the file, for messages.
        data: the ZIP.

    Raises:
        InputError: if the ZIP as a whole is refused.
    """
    return [Entry(one.number, one.name, unpack(name, data, one)) for one in directory(name, data)]


def directory(name: str, data: bytes) -> list[Member]:
    """What a batch holds, in the order of the ZIP; nothing is unpacked yet.

    Raises:
        InputError: if the ZIP as a whole is refused.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError) as error:
        raise _refused(name, f"it is broken ({error})") from error
    _check(name, infos)
    return [
        Member(
            number,
            info.filename,
            info.header_offset,
            info.compress_size,
            info.file_size,
            info.CRC,
            info.compress_type == zipfile.ZIP_DEFLATED,
        )
        for number, info in enumerate(infos, 1)
    ]


def unpack(name: str, data: bytes, member: Member) -> bytes:
    """The octets of one CSR of a batch.

    Raises:
        InputError: if they are not what the ZIP's directory says: it is refused as a whole.
    """
    header = data[member.offset : member.offset + _LOCAL.size]
    if len(header) < _LOCAL.size:
        raise _refused(name, f"{member.name[:60]!r} is cut off")
    magic, flags, name_octets, extra_octets = _LOCAL.unpack(header)
    name_at = member.offset + _LOCAL.size
    start = name_at + name_octets + extra_octets
    file_name = data[name_at : name_at + name_octets]
    told = file_name.decode("utf-8" if flags & _UTF8_NAME else "cp437", "replace")
    if magic != b"PK\x03\x04" or told != member.name:
        raise _refused(name, f"{member.name[:60]!r} has another name where it lies")
    if flags & _ENCRYPTED:
        raise _refused(name, "it is encrypted")
    content = data[start : start + member.packed]
    if member.deflated:
        inflating = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            content = inflating.decompress(content, csrs.MAX_OCTETS + 1)
        except zlib.error as error:
            raise _refused(name, f"it is broken ({error})") from error
    if len(content) != member.size:
        raise _refused(name, f"{member.name[:60]!r} is not as long as it says")
    if zlib.crc32(content) != member.checksum:
        raise _refused(name, f"{member.name[:60]!r} does not fit its checksum")
    return content


def _check(name: str, infos: list[zipfile.ZipInfo]) -> None:
    if len(infos) > MAX_REQUESTS:
        raise _refused(name, f"it holds {len(infos)} files; at most {MAX_REQUESTS} are allowed")
    if not infos:
        raise _refused(name, "it is empty")
    if sum(info.file_size for info in infos) > MAX_ZIP_OCTETS:
        raise _refused(name, f"it unpacks to more than {MAX_ZIP_OCTETS} octets")
    seen: set[str] = set()
    for info in infos:
        entry = info.filename
        if "/" in entry or "\\" in entry or entry.startswith(".") or info.is_dir():
            raise _refused(name, f"{entry[:60]!r} is not a plain name at its root")
        if not entry.endswith(".csr"):
            raise _refused(name, f"{entry[:60]!r} does not end in .csr")
        if not entry.isprintable() or len(entry) > 255:
            raise _refused(name, f"{entry[:60]!r} is no file name")
        if entry.lower() in seen:
            raise _refused(name, f"it holds {entry[:60]!r} twice")
        seen.add(entry.lower())
        if info.flag_bits & 1:
            raise _refused(name, "it is encrypted")
        if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise _refused(name, f"{entry[:60]!r} is neither stored nor deflated")
        if info.file_size > csrs.MAX_OCTETS:
            raise _refused(name, f"{entry[:60]!r} is longer than {csrs.MAX_OCTETS} octets")


def _refused(name: str, reason: str) -> InputError:
    return InputError("batch.zip", f"The batch {name} is refused whole: {reason}.")


class Report(msgspec.Struct, frozen=True):
    """What became of each CSR; kept with the run, so that a killed one can still be answered.

    Attributes:
        name: the request file's name without ``.zip``.
        lines: of each CSR its number, file name, status and error code.
    """

    name: str
    lines: list[tuple[int, str, Status, str]]

    @classmethod
    def of(cls, name: str, members: Iterable[Member], problems: Iterable[Problem]) -> Report:
        """The report of a batch that was planned: what is no problem will succeed."""
        outcomes = {one.line: outcome(one.error) for one in problems}
        good = (Status.SUCCESS, "")
        return cls(
            name, [(one.number, one.name, *outcomes.get(one.number, good)) for one in members]
        )


def response(report: Report, issued: Mapping[int, bytes]) -> bytes:
    """The response: a ZIP of the report and of the ZIP of certificates.

    Args:
        report: of the batch.
        issued: each certificate issued, by the number of its CSR, DER.
    """
    told = ["Identifier\tFile\tStatus\tErrorCode"]
    inner, outer = StoredZip(), StoredZip()
    for number, name, status, code in report.lines:
        if status is Status.SUCCESS:
            inner.add(f"{name.removesuffix('.csr')}.crt", to_pem(issued[number]))
        told.append(f"{number}\t{name}\t{status}\t{code}")
    text = "\r\n".join([*told, ""])
    outer.add(f"{report.name}-response.txt", text.encode("utf-8"))
    outer.add(f"{report.name}-response.zip", inner.close())
    return outer.close()


def outcome(error: SmkiTestcaError) -> tuple[Status, str]:
    """The status and error code of a CSR that did not go through."""
    if isinstance(error, Refusal):
        codes = {reason.code for reason in error.reasons}
        if codes == {"device_id.issuance_anomaly"}:
            return Status.ANOMALY, "CA:LIMIT"
        rule = error.reasons[0].rule
        return Status.INELIGIBLE, f"IN:{rule}"
    return Status.ERROR, ERROR_CODES.get(error.code, "CR:FORM")


def request_name(path: str) -> str:
    """The request file's name without ``.zip``."""
    return Path(path).stem
