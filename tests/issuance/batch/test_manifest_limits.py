"""Manifests of any kind are read within limits of memory, and every Parquet type by name."""

from __future__ import annotations

import datetime as dt
import decimal
import json

import pytest

from smki_testca.errors import InputError
from smki_testca.issuance.batch import bounded_lines, csv_rows
from smki_testca.issuance.batch.bounded_lines import MAX_ROW_CHARACTERS
from smki_testca.issuance.batch.manifest import columns, lines
from smki_testca.profiles import Library
from smki_testca.workers import call_bounded

COLUMNS = columns(Library())


def _read(path):
    return [(line.number, line.cells, line.problem) for line in lines(path, COLUMNS)]


def _code(path):
    try:
        for _ in lines(path, COLUMNS):
            pass
    except InputError as error:
        return error.code
    return None


def _bounded_code(path, mebibytes=512):
    return call_bounded(_code, path, seconds=300, octets=mebibytes << 20)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "head", "piece"),
    [
        ("one line.csv", b"profile,label\n", b"a" * 1_000 + b","),
        ("quoted lines.csv", b"profile,label\n", b'"\n",'),
        ("header.csv", b"", b"profile,"),
        ("one quote.csv", b'profile\n"', b"a\n"),
        ("one line.jsonl", b'{"label": "', b"a" * 1_000),
        ("spaces.jsonl", b"", b" " * 1_000),
        ("nested.jsonl", b"", b"[" * 1_000),
    ],
)
def test_a_row_without_end_is_read_no_further_than_a_row_may_be(tmp_path, name, head, piece):
    path = tmp_path / name
    path.write_bytes(head + piece * ((200 << 20) // len(piece)))
    assert _bounded_code(path, 64) in {"manifest.row", "manifest.csv"}


def test_a_row_of_the_longest_length_is_read(tmp_path):
    path = tmp_path / "rows.jsonl"
    row = json.dumps({"profile": "device"})
    path.write_text((row + " " * (MAX_ROW_CHARACTERS - len(row) - 1) + "\n") * 3)
    assert [cells for _, cells, _ in _read(path)] == [{"profile": "device"}] * 3
    path.write_text(row + " " * (MAX_ROW_CHARACTERS - len(row)) + "\n")
    assert _code(path) == "manifest.row"


@pytest.mark.parametrize(
    ("name", "head", "blank", "row"),
    [
        ("rows.csv", "profile,label\n", "\n", "iki,a\n"),
        ("rows.csv", "profile,label\n", "\r\n", "iki,a\n"),
        ("rows.csv", "profile,label\n", "\r", "iki,a\r"),
        ("rows.csv", "profile,label\n", " ,\t\n", "iki,a\n"),
        ("rows.csv", "profile;label\n", ";\n", "iki;a\n"),
        ("rows.csv", "profile,label\n", '"",\n', "iki,a\n"),
        ("rows.csv", "profile,label\n", "\u00a0\n", "iki,a\n"),
        ("rows.csv", "", "\n", "profile,label\n"),
        ("rows.csv", "", '""\n', "profile,label\n"),
        ("rows.csv", "", "sep=,\n", "profile,label\n"),
        ("rows.jsonl", "", "\n", '{"profile": "iki"}\n'),
        ("rows.jsonl", "", " \n", '{"profile": "iki"}\n'),
        ("rows.jsonl", "", "\u00a0\n", '{"profile": "iki"}\n'),
        ("rows.jsonl", "", "{}\n", '{"profile": "iki"}\n'),
        ("rows.jsonl", "", '{"label": ""}\n', '{"profile": "iki"}\n'),
    ],
)
def test_rows_of_nothing_are_passed_over_up_to_a_limit(
    tmp_path, monkeypatch, name, head, blank, row
):
    monkeypatch.setattr(bounded_lines, "MAX_BLANK_ROWS", 5)
    path = tmp_path / name
    path.write_bytes((head + blank * 5 + row).encode())
    assert [number for number, _, _ in _read(path)] == [6 + bool(head)] * (row[0] in "i{")
    path.write_bytes((head + blank * 6 + row).encode())
    assert _code(path) == "manifest.too_long"


def test_rows_of_nothing_in_parquet_have_the_same_limit(tmp_path, monkeypatch):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet  # noqa: PLC0415 - where pyarrow is there

    monkeypatch.setattr(bounded_lines, "MAX_BLANK_ROWS", 5)
    path = tmp_path / "rows.parquet"
    for count, code in ((5, None), (6, "manifest.too_long")):
        parquet.write_table(pa.table({"label": pa.nulls(count, pa.string())}), path)
        assert _code(path) == code


def test_blank_lines_within_a_cell_are_its_content(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text('profile,label\n\niki,"a\n\n,\nb"\n')
    assert _read(path) == [(6, {"profile": "iki", "label": "a\n\n,\nb"}, "")]


def test_lines_of_nothing_are_passed_over_before_anything_parses_them(tmp_path, monkeypatch):
    path = tmp_path / "rows.csv"
    path.write_text("profile,label\n" + "\n,\n" * 1_000 + "iki,a\n")
    calls = []
    fitted = csv_rows.CsvRow

    def counted(*row):
        calls.append(row)
        return fitted(*row)

    monkeypatch.setattr(csv_rows, "CsvRow", counted)
    assert _read(path) == [(2_002, {"profile": "iki", "label": "a"}, "")]
    assert len(calls) == 1


def _typed():
    pa = pytest.importorskip("pyarrow")
    day = dt.date(2026, 1, 1)
    instant = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    values = [
        *((kind(), 1) for kind in (pa.int8, pa.int16, pa.int32, pa.int64)),
        *((kind(), 1) for kind in (pa.uint8, pa.uint16, pa.uint32, pa.uint64)),
        *((kind(), 1.5) for kind in (pa.float32, pa.float64)),
        (pa.bool_(), True),
        *((kind, b"\xff\x00") for kind in (pa.binary(), pa.large_binary(), pa.binary(2))),
        *((kind, day) for kind in (pa.date32(), pa.date64())),
        *((pa.timestamp(unit), 1 << 62) for unit in ("ms", "us", "ns")),
        (pa.timestamp("us", "Nowhere/Land"), 1),
        (pa.timestamp("ns", "UTC"), instant),
        *((pa.time32(unit), 5) for unit in ("s", "ms")),
        *((pa.time64(unit), 5) for unit in ("us", "ns")),
        *((pa.duration(unit), 1 << 62) for unit in ("s", "ms", "us", "ns")),
        (pa.decimal128(10, 2), decimal.Decimal("1.50")),
        (pa.decimal256(50, 2), decimal.Decimal("1.50")),
        (pa.list_(pa.string()), ["a"]),
        (pa.large_list(pa.int8()), [1]),
        (pa.list_(pa.string(), 1), ["a"]),
        (pa.struct([("a", pa.string())]), {"a": "b"}),
        (pa.map_(pa.string(), pa.string()), [("a", "b")]),
    ]
    arrays = [pa.array([None, value], kind) for kind, value in values]
    arrays.append(pa.array([None, 1], pa.int64()).dictionary_encode())
    for extension, storage in (
        ("uuid", pa.array([None, b"0" * 16], pa.binary(16))),
        ("json_", pa.array([None, "{}"])),
        ("bool8", pa.array([None, 1], pa.int8())),
    ):
        if hasattr(pa, extension):
            arrays.append(getattr(pa, extension)().wrap_array(storage))
    return arrays


def _written(path, array):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet  # noqa: PLC0415 - where pyarrow is there

    parquet.write_table(pa.table({"profile": ["device", "iki"], "label": array}), path)
    return parquet.read_schema(path).field("label").type


@pytest.mark.slow
def test_every_type_of_column_is_read_or_refused_by_name(tmp_path):
    path = tmp_path / "rows.parquet"
    for array in _typed():
        kind = _written(path, array)
        problem = f"a cell holds no text: label is of type {kind}"[:120]
        first, second = _read(path)
        assert first == (1, {"profile": "device"}, "")
        assert second[:2] == (2, {})
        assert second[2].startswith(problem[:60])


@pytest.mark.slow
def test_every_type_of_text_is_read(tmp_path):
    pa = pytest.importorskip("pyarrow")
    path = tmp_path / "rows.parquet"
    text = pa.array([None, "é"])
    for array in (text, text.cast(pa.large_string()), text.dictionary_encode()):
        _written(path, array)
        assert [cells.get("label") for _, cells, _ in _read(path)] == [None, "é"]
    _written(path, pa.nulls(2))
    assert [problem for _, _, problem in _read(path)] == ["", ""]


def _bombs():
    pa = pytest.importorskip("pyarrow")
    once = pa.array([0] * 2_000, pa.int32())
    return {
        "a long cell": pa.array(["x" * (300 << 20)]),
        "a long cell, many times": pa.DictionaryArray.from_arrays(once, ["x" * (1 << 20)]),
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a long cell", "a long cell, many times"])
def test_a_few_octets_that_unpack_to_many_are_refused_in_little_memory(tmp_path, name):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet  # noqa: PLC0415 - where pyarrow is there

    path = tmp_path / "rows.parquet"
    parquet.write_table(pa.table({"label": _bombs()[name]}), path, compression="zstd")
    assert path.stat().st_size < 1 << 20
    assert _bounded_code(path, 1_024) == "manifest.parquet"


def test_parquet_is_read_from_a_file_only(tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "rows.parquet").mkdir()
    assert _code(tmp_path / "rows.parquet") == "manifest.parquet"
