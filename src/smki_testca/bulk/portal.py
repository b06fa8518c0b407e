"""The Portal's batch of CSRs: a ZIP in, a ZIP with certificates and a report out (SEC App. M F).

A ZIP that breaks a limit or plays a trick is refused whole, with the reason; a CSR that cannot
be used, or that the gate refuses, is told of in the report and the others go through.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from smki_testca.authority import csr as csrs
from smki_testca.bulk.planning import Problem, of_csr
from smki_testca.errors import InputError, Refusal, SmkiTestcaError
from smki_testca.exchange.pem import to_pem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from smki_testca.bulk.planning import Wanted
    from smki_testca.estate import Estate
    from smki_testca.estate.certificates import Record

MAX_REQUESTS = 50_000
"""How many CSRs a batch may hold."""
MAX_ZIP_OCTETS = 256 << 20
"""How long the ZIP itself may be, in octets."""
_STORED_DATE = (2000, 1, 1, 0, 0, 0)


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
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            _check(name, infos)
            return [
                Entry(n, info.filename, _read(name, archive, info))
                for n, info in enumerate(infos, 1)
            ]
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, ValueError) as error:
        raise _refused(name, f"it is broken ({error})") from error


def _check(name: str, infos: list[zipfile.ZipInfo]) -> None:
    if len(infos) > MAX_REQUESTS:
        raise _refused(name, f"it holds {len(infos)} files; at most {MAX_REQUESTS} are allowed")
    if not infos:
        raise _refused(name, "it is empty")
    seen: set[str] = set()
    for info in infos:
        entry = info.filename
        if "/" in entry or "\\" in entry or entry.startswith(".") or info.is_dir():
            raise _refused(name, f"{entry[:60]!r} is not a plain name at its root")
        if PurePosixPath(entry).suffix != ".csr":
            raise _refused(name, f"{entry[:60]!r} does not end in .csr")
        if not entry.isprintable() or len(entry) > 255:
            raise _refused(name, f"{entry[:60]!r} is no file name")
        if entry.lower() in seen:
            raise _refused(name, f"it holds {entry[:60]!r} twice")
        seen.add(entry.lower())
        if info.flag_bits & 1:
            raise _refused(name, "it is encrypted")
        if info.file_size > csrs.MAX_OCTETS:
            raise _refused(name, f"{entry[:60]!r} is longer than {csrs.MAX_OCTETS} octets")


def _read(name: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    with archive.open(info) as file:
        data = file.read(csrs.MAX_OCTETS + 1)
    if len(data) > csrs.MAX_OCTETS:
        raise _refused(name, f"{info.filename[:60]!r} unpacks to more than it says")
    return data


def _refused(name: str, reason: str) -> InputError:
    return InputError("batch.zip", f"The batch {name} is refused whole: {reason}.")


def wanted(
    estate: Estate, entries: Iterable[Entry], cells: dict[str, str]
) -> Iterator[Wanted | Problem]:
    """The certificates that the CSRs of a batch ask for.

    Args:
        estate: for its roles and environments.
        entries: of the batch.
        cells: participant, purpose and environment, as in a manifest.
    """
    for entry in entries:
        try:
            csr = csrs.parse(entry.data, estate.library.roles)
            label = PurePosixPath(entry.name).stem
            yield of_csr(estate, entry.number, csr, {**cells, "label": label})
        except SmkiTestcaError as error:
            yield Problem(entry.number, error)


def response(
    request_name: str,
    entries: list[Entry],
    records: Iterable[tuple[int, Record]],
    problems: list[Problem],
) -> bytes:
    """The response: a ZIP of the report and of the ZIP of certificates.

    Args:
        request_name: the request file's name without ``.zip``.
        entries: of the batch.
        records: each certificate issued with the number of its CSR.
        problems: of the others.
    """
    issued = dict(records)
    by_number = {one.line: one for one in problems}
    report = ["Identifier\tFile\tStatus\tErrorCode"]
    certificates = io.BytesIO()
    with zipfile.ZipFile(certificates, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as inner:
        for entry in entries:
            record = issued.get(entry.number)
            if record is None:
                status, code = outcome(by_number[entry.number].error)
            else:
                status, code = Status.SUCCESS, ""
                _store(inner, f"{PurePosixPath(entry.name).stem}.crt", to_pem(record.der))
            report.append(f"{entry.number}\t{entry.name}\t{status}\t{code}")
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as outer:
        text = "\r\n".join([*report, ""])
        _store(outer, f"{request_name}-response.txt", text.encode("utf-8"))
        _store(outer, f"{request_name}-response.zip", certificates.getvalue())
    return whole.getvalue()


def outcome(error: SmkiTestcaError) -> tuple[Status, str]:
    """The status and error code of a CSR that did not go through."""
    if isinstance(error, Refusal):
        codes = {reason.code for reason in error.reasons}
        if codes == {"device_id.issuance_anomaly"}:
            return Status.ANOMALY, "CA:LIMIT"
        rule = error.reasons[0].rule
        return Status.INELIGIBLE, f"IN:{rule}"
    return Status.ERROR, ERROR_CODES.get(error.code, "CR:FORM")


def _store(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, _STORED_DATE)
    info.compress_type = archive.compression
    info.external_attr = 0o600 << 16
    archive.writestr(info, data, compresslevel=1)


def request_name(path: str) -> str:
    """The request file's name without ``.zip``."""
    return Path(path).stem
