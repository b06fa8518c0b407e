"""TOML is scanned for what costs memory or time before it is parsed."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smki_testca import toml
from smki_testca.errors import ExitCode, InputError
from smki_testca.shipped import shipped
from smki_testca.workers import call_bounded

parse = toml.parse  # before the suite remembers what it says of the shipped files

BEYOND = {
    "a dotted key of 80 kB": b"a." * 40_000 + b"a = 1",
    "a dotted key with spaces": b"a . " * 25_000 + b"a = 1",
    "a dotted key in quotes": b'"a".' * 25_000 + b"a = 1",
    "a table's long name": b"[" + b"a." * 25_000 + b"a]\n",
    "an array table's long name": b"[[" + b"a." * 25_000 + b"a]]\n",
    "a dotted key in an inline table": b"x = {" + b"a." * 25_000 + b"a = 1}",
    "many dotted keys": b"".join(b"k%x.b.c.d.e.f.g.h = 1\n" % n for n in range(30_000)),
    "many tables": b"".join(b"[k%x]\n" % number for number in range(105_000)),
    "many inline tables": b"a = [" + b"{}," * 200_000 + b"]",
    "nested arrays": b"a = " + b"[" * 100_000,
    "nested inline tables": b"a = " + b"{a=" * 100_000,
    "an integer of many digits": b"a = " + b"9" * 4_301,
    "a hexadecimal integer of many digits": b"a = 0x" + b"f" * 900_000,
    "a fraction of many digits": b"a = 0." + b"9" * 900_000,
    "a bare key": b"a" * 900_000 + b" = 1",
    "after a string of brackets": b"""a = '''[[[[''' # [[[\nb = "[{" \nc = """ + b"[" * 40,
}


@pytest.mark.slow
@pytest.mark.parametrize("data", BEYOND.values(), ids=BEYOND)
def test_what_would_take_the_parser_memory_or_time_is_refused_with_its_line(data):
    with pytest.raises(InputError) as raised:
        call_bounded(toml.parse, data, "a file", seconds=300, octets=256 << 20)
    assert raised.value.code == "toml.syntax"
    assert raised.value.exit_code == ExitCode.INPUT
    assert "line " in raised.value.message
    assert len(raised.value.message) < 200


def test_a_file_that_is_too_long_is_not_scanned():
    with pytest.raises(InputError) as raised:
        toml.parse(b"#" * (toml.MAX_OCTETS + 1), "a file")
    assert raised.value.code == "toml.too_long"


@pytest.mark.parametrize(
    "text", ["a = 2026-02-30", "a = 25:61:00", "a = 0000-00-00", "a = -", "a = 1e", "\x00", '"'],
)  # fmt: skip
def test_values_that_no_calendar_or_number_has_are_one_line(text):
    with pytest.raises(InputError) as raised:
        toml.parse(text.encode(), "a file")
    assert raised.value.code == "toml.syntax"


def _key(parts):
    return ".".join("a" * parts)


def test_the_limits_are_those_that_are_stated():
    parts, nesting = toml.MAX_KEY_PARTS, toml.MAX_NESTING
    toml.parse(f"{_key(parts)} = 1".encode(), "a file")
    toml.parse(f"a = {'[' * nesting}{']' * nesting}".encode(), "a file")
    toml.parse(b"a" * toml.MAX_WORD_CHARACTERS + b" = 1", "a file")
    for text in (
        f"{_key(parts + 1)} = 1",
        f"a = {'[' * (nesting + 1)}{']' * (nesting + 1)}",
        f"{'a' * (toml.MAX_WORD_CHARACTERS + 1)} = 1",
    ):
        with pytest.raises(InputError):
            toml.parse(text.encode(), "a file")


def test_strings_and_comments_may_hold_anything():
    text = f"""
# {"[" * 100} {"a." * 100}
one = "{"[" * 100} {"a." * 100} # \\" {"{" * 100}"
two = '{"[" * 100} {"a." * 100}\\'
three = \"\"\"{"[" * 100} "" {"a." * 100}\\\"\"\" \"\"\"\"\"
four = '''{"[" * 100} '' {"a." * 100}\\'''''
"{"a." * 100}" = 1
"""
    assert toml.parse(text.encode(), "a file") == tomllib.loads(text)


def test_every_shipped_file_is_within_the_limits():
    for folder in ("profiles", "examples"):
        for path in shipped(folder).rglob("*.toml"):
            assert parse(path.read_bytes(), str(path)) == tomllib.loads(path.read_text("utf-8"))


@given(st.text(st.sampled_from("a.=[]{}\"'#\\\n ,1-"), max_size=40))
def test_what_is_parsed_is_what_the_library_parses(text):
    try:
        parsed = toml.parse(text.encode(), "a file")
    except InputError:
        return
    assert parsed == tomllib.loads(text)
