from __future__ import annotations

import csv
import hashlib
import io

import pytest
from exported import device, names, records
from hypothesis import given
from hypothesis import strategies as st

from smki_testca.exporters.csv_inventory import COLUMNS
from smki_testca.text import spreadsheet_cell


def inventory(folder):
    assert names(folder) == ["certificates.csv"]
    octets = (folder / "certificates.csv").read_bytes()
    return list(csv.DictReader(io.StringIO(octets.decode("utf-8"), newline="")))


def test_the_inventory_has_a_line_for_each_certificate(export, estate):
    _, folder = export("csv", "--with-keys")
    lines = inventory(folder)
    assert tuple(lines[0]) == COLUMNS
    found = {one["serial"]: one for one in lines}
    assert len(found) == len(lines) == len(records(estate))
    for record in records(estate):
        line = found[str(record.serial)]
        told = record.as_json()
        for column in set(COLUMNS) - {"status"}:
            assert line[column] == (told[column] or ""), column
        assert line["sha256"] == hashlib.sha256(record.der).hexdigest()
        assert line["status"] == "in-use"


def test_the_inventory_tells_statuses(command, quickstart, export):
    for arguments in (
        ("set-status", "pending", "--label", "ESME-ds"),
        ("revoke", "--label", "Z1-supplier-ds", "--reason", "superseded"),
    ):
        assert command("--estate", quickstart, *arguments).code == 0
    found = {one["label"]: one["status"] for one in inventory(export("csv")[1])}
    assert found["ESME-ds"] == "pending"
    assert found["Z1-supplier-ds"] == "revoked"
    assert found["Z1-supplier-ka"] == "in-use"


def test_lines_end_as_rfc_4180_has_it(export):
    _, folder = export("csv", "--label", "ESME-ds")
    octets = (folder / "certificates.csv").read_bytes()
    assert octets.count(b"\r\n") == octets.count(b"\n") == 2


@pytest.mark.slow
@pytest.mark.parametrize("label", ["=1+1", "@SUM(A1)", "+1", "-1", "a,b", 'say "x"', "two\nlines"])
def test_no_label_is_worked_out_by_a_spreadsheet_or_breaks_the_table(
    command, quickstart, export, label
):
    device(command, quickstart, "00db12000000000a", f"--label={label}")
    (line,) = inventory(export("csv", "--eui64", "00db12000000000a")[1])
    assert line["label"] == (f"'{label}" if label[0] in "=+-@" else label)


@given(st.text(max_size=5))
def test_no_cell_begins_a_formula(cell):
    assert spreadsheet_cell(cell)[:1] not in {"=", "+", "-", "@", "\t", "\r"}
    assert spreadsheet_cell(cell).removeprefix("'") == cell.removeprefix("'")
