"""The Portal's response to a batch of CSRs: a report and the certificates (SEC App. M F).

A CSR that cannot be used, or that the gate refuses, is reported on its line; certificates are
issued for the others.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from smki_testca.errors import Refusal, SmkiTestcaError
from smki_testca.issuance.batch.csr_names import without_ending
from smki_testca.issuance.batch.portal_zip import ZipWriter
from smki_testca.text import plain, spreadsheet_cell
from smki_testca.x509.pem import to_pem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from smki_testca.authority.csr import Remarks
    from smki_testca.issuance.batch.csr_sources import NumberedCsr
    from smki_testca.issuance.batch.row_requests import RowProblem


class ReportedOutcome(StrEnum):
    """The outcome of one CSR."""

    SUCCESS = "success"
    ERROR = "error"
    ANOMALY = "anomaly"
    INELIGIBLE = "ineligible"


ERROR_CODES = {
    "csr.signature": "CR:SIGN",
    "signature.integer_padded": "CR:SIGN",
    "signature.malformed": "CR:SIGN",
    "csr.key": "CR:KEY",
    "key.authority": "CR:KEY",
    "key.held": "CR:KEY",
    "key.point": "CR:KEY",
    "key.type": "CR:KEY",
    "csr.algorithm": "CR:ALG",
    "csr.subject": "CR:SUBJ",
    "csr.subject_order": "CR:SUBJ",
    "csr.subject_value": "CR:SUBJ",
    "csr.identifier": "CR:ID",
    "csr.role": "CR:ROLE",
    "csr.key_usage": "CR:USAGE",
    "csr.device_id": "CR:DEVID",
    "csr.extension": "CR:EXT",
    "csr.criticality": "CR:EXT",
    "csr.mismatch": "CR:SUBJ",
}
"""The report's code for faults of a CSR; any other is CR:FORM."""


class PortalReport(msgspec.Struct, frozen=True):
    """The outcome of each CSR; stored with the run, so that a resumed run can be answered.

    Attributes:
        name: the request file's name without ``.zip``.
        lines: the number, file name, status and error code of each CSR.
        remarks: the number, file name, code, part and text of each remark on a CSR that succeeds.
        problems: the number, file name, code and message of each CSR that does not.
    """

    name: str
    lines: list[tuple[int, str, ReportedOutcome, str]]
    remarks: list[tuple[int, str, str, str, str]] = []
    problems: list[tuple[int, str, str, str]] = []

    @classmethod
    def of(
        cls,
        name: str,
        members: Iterable[NumberedCsr],
        problems: Iterable[RowProblem],
        remarks: Mapping[int, Remarks],
    ) -> PortalReport:
        """The report of a planned batch: a CSR without a problem will succeed."""
        errors = {problem.line: problem.error for problem in problems}
        outcomes = {number: outcome(error) for number, error in errors.items()}
        success = (ReportedOutcome.SUCCESS, "")
        lines = [
            (member.number, member.name, *outcomes.get(member.number, success))
            for member in members
        ]
        remark_lines = [
            (number, file, *remark)
            for number, file, status, _ in lines
            if status is ReportedOutcome.SUCCESS and number in remarks
            for remark in texts(remarks[number])
        ]
        reasons = [
            (number, file, errors[number].code, message_of(errors[number]))
            for number, file, *_ in lines
            if number in errors
        ]
        return cls(name, lines, remark_lines, reasons)


def message_of(error: SmkiTestcaError) -> str:
    """The message on a CSR: what is wrong, every reason of a refusal, and what to do."""
    if isinstance(error, Refusal):
        text = " ".join(f"{each.reason} {each.remedy}".rstrip() for each in error.reasons)
        return plain(text)
    return plain(f"{error.message} {error.remedy}".rstrip())


def texts(remarks: Remarks) -> Iterator[tuple[str, str, str]]:
    """The code, the part that was dropped, and the text of each remark on a CSR."""
    for warning in remarks.warnings:
        yield warning.code, "", warning.message
    for each in remarks.dropped:
        yield DROPPED, each.path, each.message


DROPPED = "dropped"
"""The code of the remark that a part of a CSR was dropped."""


def response(report: PortalReport, issued: Mapping[int, bytes]) -> bytes:
    """The response: a ZIP that holds the report and a ZIP of the certificates.

    Where there are remarks, it holds a table of them, too; and one of the reasons for which there
    is no certificate.

    Args:
        report: of the batch.
        issued: the certificates, DER, by the numbers of their CSRs.
    """
    lines = ["Identifier\tFile\tStatus\tErrorCode"]
    inner, outer = ZipWriter(), ZipWriter()
    stems = set[str]()
    for number, name, status, code in report.lines:
        if status is ReportedOutcome.SUCCESS:
            # A folder may hold a.csr and a.CSR.
            stem = without_ending(name)
            stem = name if stem in stems else stem
            stems.add(stem)
            inner.add(f"{stem}.crt", to_pem(issued[number]))
        lines.append(f"{number}\t{name}\t{status}\t{code}")
    text = "\r\n".join([*lines, ""])
    outer.add(f"{report.name}-response.txt", text.encode("utf-8"))
    outer.add(f"{report.name}-response.zip", inner.close())
    if report.problems:
        rows = ["Identifier\tFile\tCode\tReason"]
        rows += _table_rows(report.problems)
        outer.add(f"{report.name}-problems.tsv", "\r\n".join([*rows, ""]).encode("utf-8"))
    if report.remarks:
        rows = ["Identifier\tFile\tCode\tPart\tRemark"]
        rows += _table_rows(report.remarks)
        outer.add(f"{report.name}-remarks.tsv", "\r\n".join([*rows, ""]).encode("utf-8"))
    return outer.close()


def _table_rows(rows: Iterable[tuple[Any, ...]]) -> list[str]:
    """Rows of text that a spreadsheet may open: a file's name is no formula there."""
    return ["\t".join(spreadsheet_cell(str(cell)) for cell in row) for row in rows]


def outcome(error: SmkiTestcaError) -> tuple[ReportedOutcome, str]:
    """The status and error code of a CSR for which no certificate is issued."""
    if isinstance(error, Refusal):
        codes = {reason.code for reason in error.reasons}
        if codes == {"device_id.issuance_anomaly"}:
            return ReportedOutcome.ANOMALY, "CA:LIMIT"
        rule = error.reasons[0].rule
        return ReportedOutcome.INELIGIBLE, f"IN:{rule}"
    return ReportedOutcome.ERROR, ERROR_CODES.get(error.code, "CR:FORM")


def request_name(path: str) -> str:
    """The name of the request file or folder, without ``.zip`` or ``.csv``."""
    return Path(path).stem or Path(path).resolve().name
