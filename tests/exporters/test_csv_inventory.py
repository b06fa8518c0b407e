from __future__ import annotations

import csv
import hashlib
import io
import json
import subprocess
from dataclasses import replace
from shutil import which

import pytest
from exported import device, names, records
from hypothesis import given
from hypothesis import strategies as st

from smki_testca.exporters.csv_inventory import COLUMNS
from smki_testca.exporters.export import items
from smki_testca.exporters.registry import FORMATS
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


@pytest.mark.slow
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


# The operator's own columns of a manifest.

OWN = {"serial_number": "SN-1", "status": "tested", "note": "=1+1"}


@pytest.fixture
def with_columns(estate):
    """Certificates of the estate, the first with columns of the operator's own."""
    first, *others = items(estate, records(estate, profile="device"), with_keys=False)
    return [replace(first, record=replace(first.record, columns=OWN)), *others]


def test_own_columns_come_last_and_take_no_other_columns_name(with_columns):
    (file,) = FORMATS["csv"].files(with_columns, None)
    lines = list(csv.DictReader(io.StringIO(file.data.decode("utf-8"), newline="")))
    assert tuple(lines[0]) == (*COLUMNS, "serial_number", "manifest_status", "note")
    assert lines[0]["status"] == "in-use"
    assert lines[0]["serial_number"] == "SN-1"
    assert lines[0]["manifest_status"] == "tested"
    assert lines[0]["note"] == "'=1+1"
    assert {line["serial_number"] for line in lines[1:]} == {""}


@pytest.mark.parametrize("form", ["pem", "der"])
def test_own_columns_lie_beside_the_certificate(with_columns, form):
    files = FORMATS[form].files(with_columns, None)
    (file,) = [file for file in files if file.path.suffix == ".json"]
    first = with_columns[0]
    assert file.path == first.folder / f"{first.name}-columns.json"
    assert json.loads(file.data) == OWN
    printed = FORMATS[form].printable(with_columns, None)
    assert not [file.path for file in printed if file.path.suffix == ".json"]


def test_own_columns_are_members_of_a_jwk(with_columns):
    (file,) = FORMATS["jwks"].files(with_columns, None)
    first, *others = json.loads(file.data)["keys"]
    assert first["columns"] == OWN
    assert not any("columns" in one for one in others)


@pytest.mark.skipif(which("cc") is None, reason="there is no C compiler (cc)")
@pytest.mark.parametrize(
    "text", ["SN-1", "*/ int x; /*", "/*", "ünïcode", "a\\", "two\nlines", "??/"]
)
def test_own_columns_are_in_the_comment_of_a_c_header_whatever_they_say(
    with_columns, tmp_path, text
):
    first = with_columns[0]
    record = replace(first.record, columns={"serial_number": text})
    (file,) = FORMATS["c-header"].files([replace(first, record=record)], None)
    header = tmp_path / "smki_certificates.h"
    header.write_bytes(file.data)
    assert b"serial_number " in file.data
    program = tmp_path / "main.c"
    program.write_text('#include "smki_certificates.h"\nint main(void) { return 0; }\n')
    flags = ("-std=c99", "-Wall", "-Wextra", "-pedantic", "-Wno-unused-variable", "-Werror")
    call = ["cc", *flags, "-fsyntax-only", program]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
