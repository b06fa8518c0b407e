"""The files that a client writes of a batch: the certificates, and a report in CSV."""

from __future__ import annotations

import csv
import io
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from smki_testca.folders import OutputFile
from smki_testca.issuance.batch.csr_names import without_ending
from smki_testca.text import spreadsheet_cell
from smki_testca.x509.pem import to_pem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from smki_testca.client.csr_batch import CsrOutcome

REPORT = "report.csv"
"""The file of the report, beside the certificates."""
COLUMNS = ("id", "name", "status", "code", "text", "serial")
"""The columns of the report."""


def file_names(named: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The names of the files of certificates, by the IDs of their CSRs.

    Args:
        named: the ID and the name of each CSR.
    """
    taken, names = {REPORT.casefold()}, {}
    for key, name in named:
        # A folder may hold a.csr and a.CSR.
        file = f"{without_ending(name)}.crt"
        if file.casefold() in taken:
            file = f"{name}.{key}.crt"
        taken.add(file.casefold())
        names[key] = file
    return names


def issued_as_json(outcomes: Sequence[CsrOutcome]) -> list[dict[str, str]]:
    """The certificates as JSON, each with its CSR and the file that it is written to."""
    names = file_names((each.id, each.name) for each in outcomes)
    return [
        {
            "id": each.id,
            "name": each.name,
            "file": names[each.id],
            **each.certificate.as_json(),
        }
        for each in outcomes
        if each.certificate is not None
    ]


def files_of(outcomes: Sequence[CsrOutcome]) -> Iterator[OutputFile]:
    """Yield the certificates, PEM, and the report."""
    names = file_names((each.id, each.name) for each in outcomes)
    for each in outcomes:
        if each.certificate is not None:
            yield OutputFile(PurePosixPath(names[each.id]), to_pem(each.certificate.der))
    yield OutputFile(PurePosixPath(REPORT), _report(outcomes))


def _report(outcomes: Sequence[CsrOutcome]) -> bytes:
    """A row for each CSR."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for each in outcomes:
        serial = "" if each.certificate is None else each.certificate.serial
        cells = (each.id, each.name, *verdict_cells(each), serial)
        writer.writerow([spreadsheet_cell(cell) for cell in cells])
    return file.getvalue().encode("utf-8")


def verdict_cells(outcome: CsrOutcome) -> tuple[str, str, str]:
    """The status, code and text of an outcome: cells of its row."""
    if outcome.verdict is None:
        return "SUCCESS", "", ""
    return outcome.verdict.status, outcome.verdict.code, outcome.verdict.text
