"""Manifests as Excel writes them are taken, or refused with the cause and the cure."""

from __future__ import annotations

import csv
import io

import pytest

import batches
from smki_testca.errors import InputError, UsageError
from smki_testca.issuance.batch.manifest import ManifestLine, columns, lines
from smki_testca.issuance.batch.row_requests import RowProblem, from_manifest
from smki_testca.issuance.batch.spreadsheet_damage import damage
from smki_testca.profiles import Library

COLUMNS = columns(Library())
ROWS = batches.mixed()
HEADER = list(dict.fromkeys(name for row in ROWS for name in row))


def _sheet(delimiter=",", header=HEADER):
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(header)
    writer.writerows([row.get(name, "") for name in HEADER] for row in ROWS)
    return text.getvalue()


def _cells(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    read = list(lines(path, COLUMNS))
    assert not [one.problem for one in read if one.problem]
    return [one.cells for one in read]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("ending", [".csv", ".CSV", ".Csv"])
def test_every_delimiter_encoding_and_case_of_the_ending_is_taken(
    tmp_path, delimiter, encoding, ending
):
    path = tmp_path / f"rows{ending}"
    assert _cells(path, _sheet(delimiter), encoding) == ROWS
    stated = f"sep={delimiter}\r\n{_sheet(delimiter)}"
    assert _cells(path, stated, encoding) == ROWS


@pytest.mark.parametrize(
    "spelled",
    [str.upper, str.title, lambda name: name.replace("-", "_").upper(), lambda name: f" {name} "],
)
def test_columns_are_known_by_any_spelling(tmp_path, spelled):
    header = [spelled(name.replace("-", " ")) for name in HEADER]
    assert _cells(tmp_path / "rows.csv", _sheet(header=header)) == ROWS


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_every_kind_of_manifest_knows_columns_by_any_spelling(tmp_path, kind):
    rows = [{"Device ID": "x", "PROFILE": "device", "hw_type": "1.2"}]
    path = batches.write(tmp_path / f"rows.{kind}", rows)
    (line,) = lines(path, COLUMNS)
    assert line.cells == {"device-id": "x", "profile": "device", "hw-type": "1.2"}


def test_two_columns_that_mean_the_same_are_refused_with_both(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("profile,Device ID,device_id\n")
    with pytest.raises(InputError) as raised:
        list(lines(path, COLUMNS))
    assert raised.value.code == "manifest.column"
    assert "'device_id' twice, as 'Device ID', too" in raised.value.message


def test_a_column_that_may_be_either_of_two_is_refused_with_both(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("A B\n")
    with pytest.raises(InputError) as raised:
        list(lines(path, ("a-b", "ab")))
    assert "may be a-b or ab" in raised.value.message
    path.write_text("ab,a-b\n1,2\n")
    assert list(lines(path, ("a-b", "ab"))) == [ManifestLine(2, {"ab": "1", "a-b": "2"})]


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_rows_and_columns_of_nothing_are_passed_over(tmp_path, delimiter):
    text = """,,,,
 ,,,,
profile,,label,,
device,,a,,
,,,,
, ,,,
iki,,b
iki,,c,,,,,,

"""
    path = tmp_path / "rows.csv"
    path.write_text(text.replace(",", delimiter))
    assert list(lines(path, COLUMNS)) == [
        ManifestLine(4, {"profile": "device", "label": "a"}),
        ManifestLine(7, {"profile": "iki", "label": "b"}),
        ManifestLine(8, {"profile": "iki", "label": "c"}),
    ]


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_rows_of_nothing_are_passed_over_in_every_kind_of_manifest(tmp_path, kind):
    rows = [{"profile": "device", "label": ""}, {"profile": "", "label": " "}, {"profile": "iki"}]
    path = batches.write(tmp_path / f"rows.{kind}", rows)
    assert [one.number for one in lines(path, COLUMNS)] == [1, 3]


def test_a_cell_in_a_column_without_a_name_is_a_problem_of_its_row_alone(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("profile,,label\ndevice,lost,a\ndevice,,b\ndevice,,c,too many\n")
    lost, good, wide = lines(path, COLUMNS)
    assert lost.problem == "its cell 2, 'lost', is in a column without a name"
    assert good == ManifestLine(3, {"profile": "device", "label": "b"})
    assert "4 cells where the header has 3" in wide.problem


def test_a_delimiter_that_nobody_uses_is_refused_with_its_line(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("sep=x\nprofilexlabel\n")
    with pytest.raises(InputError) as raised:
        list(lines(path, COLUMNS))
    assert (raised.value.code, "line 1" in raised.value.message) == ("manifest.csv", True)
    assert "semicolon" in raised.value.remedy


def test_a_header_with_another_delimiter_than_stated_is_refused_with_both(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("sep=;\nprofile,label\ndevice,a\n")
    with pytest.raises(InputError) as raised:
        list(lines(path, COLUMNS))
    assert raised.value.code == "manifest.csv"
    assert "line 2: the header has ',' between its columns" in raised.value.message
    assert "sep=;, states ';'" in raised.value.message
    assert raised.value.remedy == "Write sep=,, or take that line out."


def test_an_apostrophe_that_begins_a_cell_is_no_content_in_whatever_column(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("id,label\n'90B3D51F30010000,'=x\n'FFB3,'lab\n'x,'90\n',''s\n")
    assert [one.cells for one in lines(path, COLUMNS)] == [
        {"id": "90B3D51F30010000", "label": "=x"},
        {"id": "FFB3", "label": "lab"},
        {"id": "x", "label": "90"},
        {"label": "'s"},
    ]


def test_a_second_byte_order_mark_is_named(tmp_path):
    path = tmp_path / "rows.csv"
    sheet = "\ufeffprofile,label\ndevice,a\n"
    path.write_text("\ufeff" + sheet)
    with pytest.raises(InputError) as raised:
        list(lines(path, COLUMNS))
    assert raised.value.code == "manifest.csv"
    assert "line 1: there is a byte order mark in the header" in raised.value.message
    path.write_text(sheet + sheet)
    first, joined, last = lines(path, COLUMNS)
    assert first.cells == last.cells == {"profile": "device", "label": "a"}
    assert "byte order mark" in joined.problem


@pytest.mark.parametrize(
    ("name", "data", "cause"),
    [
        ("rows.csv", "profile;label\ndevice;Z\u00e4hler\n".encode("latin-1"), "line 2"),
        ("rows.csv", "profile,label\n".encode("utf-16-le"), "UTF-16 without a byte order mark"),
        ("rows.csv", b"PK\x03\x04\x14\0\6\0", "a ZIP file, as a workbook of Excel is"),
        ("rows.csv", "profile\n".encode("utf-16") + b"\0", "its byte order mark says UTF-16"),
    ],
)
def test_what_is_no_text_is_refused_with_the_cause_and_how_to_save_it(tmp_path, name, data, cause):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(InputError) as raised:
        list(lines(path, COLUMNS))
    assert raised.value.code == "input.encoding"
    assert cause in raised.value.message
    assert "CSV UTF-8" in raised.value.remedy


def test_a_workbook_by_its_name_is_refused_with_how_to_save_it(tmp_path):
    with pytest.raises(UsageError) as raised:
        list(lines(tmp_path / "rows.xlsx", COLUMNS))
    assert "CSV UTF-8" in raised.value.remedy


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_json_lines_may_begin_with_a_byte_order_mark(tmp_path, encoding):
    path = tmp_path / "rows.jsonl"
    path.write_bytes('{"label": "Z\u00e4hler"}\r\n{"label": "b"}\r\n'.encode(encoding))
    assert [one.cells["label"] for one in lines(path, COLUMNS)] == ["Z\u00e4hler", "b"]


def test_a_mark_or_a_wrong_octet_within_json_lines_is_a_problem_of_that_line_alone(tmp_path):
    path = tmp_path / "rows.jsonl"
    good = b'{"label": "a"}\n'
    path.write_bytes(good + b"\xef\xbb\xbf" + good + b'{"label": "\xe4"}\n' + good)
    first, marked, latin, last = lines(path, COLUMNS)
    assert (first.number, last.number) == (1, 4)
    assert first.cells == last.cells == {"label": "a"}
    assert "byte order mark" in marked.problem
    assert latin.problem == "it is not UTF-8"


SPOILT = [
    ("device-id", "1.23457E+15", "as a number and dropped digits"),
    ("device-id", "1,23457E+15", "as a number and dropped digits"),
    ("device-id", "123456789012345", "as a number and dropped its leading zeros"),
    ("id", "12/03/2026", "as a date"),
    ("id", "12-Mar", "as a date"),
    ("id", "Mar 26", "as a date"),
    ("hw-type", "01.02.2003", "as a date"),
    ("hw-type", "2003-02-01 00:00:00", "as a date"),
    ("device-id", '="00DB120000000101"', "as a formula"),
    ("device-id", "#NAME?", "as an error"),
    ("device-id", "########", "as an error"),
]


@pytest.mark.parametrize(("name", "cell", "what"), SPOILT)
def test_what_a_spreadsheet_makes_of_an_identifier_is_named_with_the_cure(name, cell, what):
    said = damage({"profile": "device", name: cell})
    assert f"its {name} {what} ({cell!r})" in said
    assert "Text" in said


def test_no_good_cell_is_taken_for_a_spoilt_one():
    for row in ROWS:
        assert damage(row) == ""
    assert damage({"label": "12/03/2026", "common-name": "1.2E+3"}) == ""
    assert damage({"device-id": "12E4567890123456", "hw-type": "1.2.826", "role": "02"}) == ""


def test_a_refused_row_says_what_the_spreadsheet_did(estate, tmp_path):
    path = batches.write(tmp_path / "rows.csv", [batches.device() | {"device-id": "1.23E+15"}])
    (problem,) = from_manifest(estate, lines(path, COLUMNS), None)
    assert isinstance(problem, RowProblem)
    assert problem.error.code == "eui64.form"
    assert "A spreadsheet wrote its device-id as a number" in problem.error.remedy
