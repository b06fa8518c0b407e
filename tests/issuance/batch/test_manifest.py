import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

import batches
from smki_testca.errors import InputError, UsageError
from smki_testca.issuance.batch import manifest
from smki_testca.issuance.batch.manifest import ManifestLine, columns, lines
from smki_testca.profiles import Library

pa = pytest.importorskip("pyarrow")
from pyarrow import parquet  # noqa: E402 - only where pyarrow is there

COLUMNS = columns(Library())
KINDS = pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
CELLS = st.dictionaries(
    st.sampled_from(COLUMNS),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40),
    min_size=1,
)


def _refused(path, kind=InputError):
    with pytest.raises(kind) as raised:
        list(lines(path, COLUMNS))
    return raised.value


@KINDS
def test_a_manifest_has_no_more_rows_than_a_run_may_have(tmp_path, kind, monkeypatch):
    path = batches.write(tmp_path / f"rows.{kind}", batches.mixed()[:3])
    monkeypatch.setattr(manifest, "MAX_ROWS", 3)
    assert len(list(lines(path, COLUMNS))) == 3
    monkeypatch.setattr(manifest, "MAX_ROWS", 2)
    assert _refused(path).code == "manifest.too_long"


@KINDS
def test_every_kind_of_manifest_gives_the_same_cells(tmp_path, kind):
    rows = batches.mixed()
    path = batches.write(tmp_path / f"rows.{kind}", rows)
    read = list(lines(path, COLUMNS))
    assert [one.cells for one in read] == rows
    assert [one.number for one in read] == [
        number + (kind == "csv") for number in range(1, len(rows) + 1)
    ]
    assert not any(one.problem for one in read)


@pytest.mark.slow
@given(rows=st.lists(CELLS, min_size=1, max_size=8), kind=st.sampled_from(["csv", "jsonl"]))
def test_any_text_comes_through_and_an_empty_cell_is_left_out(tmp_path_factory, rows, kind):
    path = batches.write(tmp_path_factory.mktemp("rows") / f"rows.{kind}", rows)
    expected = [{name: text for name, text in row.items() if text} for row in rows]
    # An apostrophe is what a spreadsheet needs; a row of nothing is none.
    if kind == "csv":
        expected = [{n: text.removeprefix("'") for n, text in row.items()} for row in expected]
    expected = [row for row in expected if "".join(row.values()).strip()]
    read = [one.cells for one in lines(path, COLUMNS)]
    if kind == "csv":
        read = [{n: text.removeprefix("'") for n, text in row.items()} for row in read]
    assert read == expected


@KINDS
def test_an_unknown_column_is_an_error_that_names_it(tmp_path, kind):
    path = batches.write(tmp_path / f"rows.{kind}", [batches.device(**{"colour!": "red"})])
    error = _refused(path)
    assert error.code == "manifest.column"
    assert "'colour!'" in error.message
    assert all(name in error.remedy for name in COLUMNS)


@pytest.mark.parametrize("text", ["kQGV-qz7+/==\n", "kQGV,qz7\n", '"kQGV qz7\n'])
def test_a_header_without_any_known_column_is_not_quoted(tmp_path, text):
    path = tmp_path / "rows.csv"
    path.write_text(text)
    error = _refused(path)
    assert "kQGV" not in error.message + error.remedy


def test_a_column_that_stands_twice_is_an_error(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("profile,participant,profile\ndevice,meters-one,iki\n")
    error = _refused(path)
    assert error.code == "manifest.column"
    assert "'profile' twice" in error.message
    assert error.remedy == "Remove one of them, or give it another name."


def test_an_unknown_key_is_an_error_in_whatever_json_line_it_stands(tmp_path):
    path = batches.write(
        tmp_path / "rows.jsonl", [batches.device(), batches.device(), {"colour": "red"}]
    )
    error = _refused(path)
    assert error.code == "manifest.column"
    assert "rows.jsonl, line 3, has none of the columns" in error.message


def test_a_csv_file_may_begin_with_a_byte_order_mark_and_end_its_lines_as_windows_does(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(b"\xef\xbb\xbfprofile,label\r\ndevice,\xc3\xa9t\xc3\xa9\r\n")
    assert list(lines(path, COLUMNS)) == [
        ManifestLine(2, {"profile": "device", "label": "\u00e9t\u00e9"})
    ]


def test_the_line_of_a_csv_row_is_that_of_the_file_whatever_stands_above(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text('profile,label\n\ndevice,"two\nlines"\n\niki,x\n')
    assert [(one.number, one.cells["profile"]) for one in lines(path, COLUMNS)] == [
        (4, "device"),
        (6, "iki"),
    ]


def test_a_csv_row_with_other_cells_than_the_header_is_a_problem_of_that_line_alone(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("profile,label\ndevice,a\ndevice\ndevice,b,c\ndevice,d\n")
    read = list(lines(path, COLUMNS))
    assert [(one.number, bool(one.problem)) for one in read] == [
        (2, False),
        (3, True),
        (4, True),
        (5, False),
    ]
    assert "1 cell where the header has 2" in read[1].problem
    assert "3 cells where the header has 2" in read[2].problem


def test_broken_quotes_in_csv_are_told_of_with_their_line(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text('profile,label\ndevice,a\ndevice,"b"c\n')
    error = _refused(path)
    assert error.code == "manifest.csv"
    assert "line 3" in error.message


def test_a_quotation_mark_that_is_not_closed_is_told_of_with_the_row_that_it_begins_in(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text('profile,label\ndevice,a\n\ndevice,"b\ndevice,c\n\ndevice,d\n')
    error = _refused(path)
    assert error.code == "manifest.csv"
    assert "line 7: the file ends within quotation marks" in error.message
    assert "begins on line 4" in error.message
    assert "Close the quotation mark" in error.remedy


def test_what_is_wrong_with_a_file_of_parquet_is_one_sentence(tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "rows.parquet"
    path.write_bytes(b"device-id,usage\n" * 10)
    message = _refused(path).message
    assert "is not a Parquet file: " in message
    assert message.endswith(".")
    assert not message.endswith("..")


@pytest.mark.parametrize("second", ["label", "Label", "\\u006cabel"])
def test_a_key_twice_in_a_line_of_json_is_an_error_as_a_column_twice_is(tmp_path, second):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"profile": "iki", "label": "\\"a\\": "}\n')
    assert next(lines(path, COLUMNS)).cells == {"profile": "iki", "label": '"a": '}
    path.write_text(f'{{"profile": "iki", "label": "a", "{second}": "b"}}\n')
    error = _refused(path)
    assert error.code == "manifest.column"
    assert "twice" in error.message
    assert "rows.jsonl, line 1, has the column" in error.message


@pytest.mark.parametrize("text", ["{", "[]", '"device"', '{"profile": 1}', '{"profile": null}'])
def test_a_line_that_is_no_object_of_texts_is_a_problem_of_that_line_alone(tmp_path, text):
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{{"profile": "iki"}}\n{text}\n\n{{"profile": "device"}}\n')
    first, wrong, last = lines(path, COLUMNS)
    assert first == ManifestLine(1, {"profile": "iki"})
    assert (wrong.number, wrong.cells) == (2, {})
    assert wrong.problem
    assert last == ManifestLine(4, {"profile": "device"})


def test_a_parquet_cell_that_holds_no_text_is_a_problem_of_that_row_alone(tmp_path):
    path = tmp_path / "rows.parquet"
    parquet.write_table(
        pa.table({"profile": ["device", "iki"], "label": pa.array([None, 5], pa.int64())}), path
    )
    first, second = lines(path, COLUMNS)
    assert first == ManifestLine(1, {"profile": "device"})
    assert (second.number, second.problem) == (2, "a cell holds no text: label is of type int64")


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("rows.csv", b"profile\n\xff\n", "input.encoding"),
        ("rows.parquet", b"PAR1 not really", "manifest.parquet"),
        ("rows.parquet", b"", "manifest.parquet"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_an_error(tmp_path, name, data, code):
    path = tmp_path / name
    path.write_bytes(data)
    assert _refused(path).code == code


@pytest.mark.parametrize("name", ["gone.csv", "gone.jsonl"])
def test_a_file_that_is_not_there_is_an_error(tmp_path, name):
    assert _refused(tmp_path / name).code == "input.unreadable"


@pytest.mark.parametrize("name", ["rows", "rows.xlsx", "-"])
def test_a_name_that_tells_no_kind_is_wrong_usage(tmp_path, name):
    error = _refused(tmp_path / name, UsageError)
    assert ".csv, .jsonl, .parquet" in error.message


@KINDS
def test_a_cell_longer_than_is_read_is_a_problem_of_its_row_alone(tmp_path, kind):
    longest = "x" * manifest.MAX_CELL_CHARACTERS
    path = batches.write(
        tmp_path / f"rows.{kind}", [{"label": longest}, {"label": longest + "x"}, {"label": "y"}]
    )
    first, second, third = lines(path, COLUMNS)
    assert first.cells == {"label": longest}
    assert "label" in second.problem
    assert third.cells == {"label": "y"}


def test_parquet_without_its_extra_says_what_to_install(tmp_path, monkeypatch):
    path = batches.write(tmp_path / "rows.parquet", [batches.device()])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    error = _refused(path, UsageError)
    assert "pip install 'smki-testca[bulk]'" in error.remedy


def test_csv_and_json_lines_need_no_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for kind in ("csv", "jsonl"):
        path = batches.write(tmp_path / f"rows.{kind}", [batches.device()])
        assert [one.cells for one in lines(path, COLUMNS)] == [batches.device()]


def test_a_manifest_is_read_as_a_stream(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"profile": "iki"}) + "\n" + json.dumps({"colour": "red"}) + "\n")
    reading = lines(path, COLUMNS)
    assert next(reading).cells == {"profile": "iki"}
    with pytest.raises(InputError):
        next(reading)
