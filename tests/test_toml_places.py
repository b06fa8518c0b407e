"""Errors in TOML state the file, the line and the key path; the line is never a wrong one."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smki_testca import toml
from smki_testca.errors import InputError
from smki_testca.profiles.documents import EnvironmentsFile, decode
from smki_testca.register.documents import RegisterFile
from smki_testca.shipped import shipped
from smki_testca.toml_places import Place, dotted, line_of, lines_of, path_on_line

FILES = [
    path for folder in ("profiles", "examples") for path in sorted(shipped(folder).rglob("*.toml"))
]


def _paths(tree, path=()):
    """The path of every key, table and element of a tree."""
    below = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for part, value in below:
        yield (*path, part)
        if isinstance(value, dict | list):
            yield from _paths(value, (*path, part))


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_line_of_every_key_of_a_file_has_that_key(file):
    text = file.read_text("utf-8")
    lines = text.split("\n")
    found = lines_of(text)
    for path in _paths(tomllib.loads(text)):
        assert path in found
        line = found[path]
        key = next(part for part in reversed(path) if isinstance(part, str))
        if isinstance(path[-1], str):
            assert key in lines[line - 1]


EVERY = """\
# comment = 1
a = 1
"quoted key".'b' = "#"
array = [ # [
  1,
  [2, 3],

  { x = "]", y = [4,
    5] },
]
long = '''
a = 2
'''
date = 2026-01-01 10:00:00.5
[table.inner]
k = { p.q = 1, r = {} }
[[many]]
n = 1
[[many.below]]
m = 1
[[many.below]]
m = 2
[[many]]
n = 2
[many.table]
m = 3
"""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("a",), 2),
        (("quoted key", "b"), 3),
        (("array",), 4),
        (("array", 0), 5),
        (("array", 1, 1), 6),
        (("array", 2), 8),
        (("array", 2, "x"), 8),
        (("array", 2, "y", 1), 9),
        (("long",), 11),
        (("date",), 14),
        (("table", "inner"), 15),
        (("table", "inner", "k", "p", "q"), 16),
        (("many", 0, "n"), 18),
        (("many", 0, "below", 1, "m"), 22),
        (("many", 1), 23),
        (("many", 1, "n"), 24),
        (("many", 1, "table", "m"), 26),
        (("many", 2), None),
        (("nothing",), None),
    ],
)
def test_the_line_of_a_key_path_is_found_in_every_form(path, line, end):
    assert line_of(EVERY.replace("\n", end), path) == line


@given(st.text(st.sampled_from("a.=[]{}\"'#\\\n ,1-"), max_size=60))
def test_a_scan_of_any_text_ends_and_finds_what_the_parser_finds(text):
    path_on_line(text, 1)
    try:
        tree = tomllib.loads(text)
    except ValueError:
        return
    for path in _paths(tree):
        line = line_of(text, path)
        assert line is None or 1 <= line <= text.count("\n") + 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = \n", "line 1, is not TOML: Invalid value at column 5."),
        ("\n[[x]]\nb = 1\nc = [1,\n2,\n", "line 5, x[0].c, is not TOML: Invalid value at the end"),
        ("[[x]\n", "line 1, x[0], is not TOML: Expected ']]'"),
        ("a = 1\na = 2\n", "line 2, a, is not TOML: Cannot overwrite a value"),
        ("[t]\nx = { a = 1, b = no }\n", "line 2, t.x, is not TOML: Invalid value"),
        ("[t]\n\nwords of prose\n", "line 3, is not TOML: Expected '='"),
        ("a = 1\n\ufeffb = 2\n", "a byte order mark is here. Were files joined?"),
    ],
)
def test_an_error_of_syntax_states_the_line_and_the_key(text, said):
    with pytest.raises(InputError) as raised:
        toml.parse(text.encode(), "some.toml")
    assert raised.value.code == "toml.syntax"
    assert raised.value.message.startswith("some.toml, line ")
    assert said in raised.value.message


@pytest.mark.parametrize(
    "text",
    [
        "{}\n",
        "{}=\n",
        "{}==\n",
        "[{}\n",
        "{}.x\n",
        "{} y z\n",
        "{}/+ = 1\n",
        '"{}\n',
        "a = {}\n",
        "a = 1\n{}\n",
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
    ],
)
def test_an_error_of_syntax_quotes_no_word_that_is_not_the_key_of_a_value(text):
    with pytest.raises(InputError) as raised:
        toml.parse(text.format("kQGV-qz7").encode(), "some.toml")
    assert raised.value.code == "toml.syntax"
    assert "kQGV" not in raised.value.message


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_content(encoding):
    assert toml.parse('a = "Zähler"\r\n'.encode(encoding), "some.toml") == {"a": "Zähler"}


def test_utf_16_without_a_mark_is_refused_with_that_cause():
    with pytest.raises(InputError) as raised:
        toml.parse("a = 1\n".encode("utf-16-le"), "some.toml")
    assert raised.value.code == "toml.encoding"
    assert "UTF-16 without a byte order mark" in raised.value.message


PARTICIPANT = """\
[[participant]]
id = "x"
name = "X"
kind = "other"
"""


@pytest.mark.parametrize(
    ("text", "said", "remedy"),
    [
        (
            PARTICIPANT.replace('"other"', '"baker"'),
            "line 4: participant[0].kind is 'baker', which is none of its choices.",
            "Use one of party, rdp, dcc, manufacturer, other.",
        ),
        (
            PARTICIPANT + '[[participant.market-participant-ids]]\nscheme = "BAD"\n'
            'identifier = "1"\nrole-code = "1"\n',
            (
                "line 6: participant[0].market-participant-ids[0].scheme is 'BAD', which is none of"
                " its choices."
            ),
            "Use one of MRA, UNC.",
        ),
        (
            PARTICIPANT + "knd = 1\n",
            "line 5: participant[0].knd is an unknown key.",
            (
                "Did you mean kind? Use one of id, name, kind, signifier, ranges, ids,"
                " market-participant-ids, registry-entries."
            ),
        ),
        (
            "coulour = 1\n",
            "line 1: coulour is an unknown key.",
            "Use one of participant, agreement.",
        ),
        ("\n[[participant]]\nid = 'x'\n", "line 2: participant[0] has no key 'name'.", "Add it."),
        (
            PARTICIPANT.replace('"x"', '""'),
            "line 2: participant[0].id is empty.",
            "Write something, or leave the key out where it is optional.",
        ),
        (
            PARTICIPANT.replace('"x"', "5"),
            "line 2: participant[0].id is a whole number, not text.",
            "Write it in quotation marks.",
        ),
        (
            "\nparticipant = 3\n",
            "line 2: participant is a whole number, not a list.",
            "Write it in brackets.",
        ),
    ],
)
def test_a_value_that_does_not_fit_states_its_line_its_path_and_the_choices(text, said, remedy):
    with pytest.raises(InputError) as raised:
        decode(text.encode(), RegisterFile, "some.toml")
    error = raised.value
    assert error.code == "toml.shape"
    assert error.message == f"some.toml, {said}"
    assert error.remedy == remedy


def test_a_value_below_a_key_that_anybody_may_choose_is_found():
    text = (shipped("profiles") / "environments.toml").read_text("utf-8")
    lines = text.split("\n")
    (first,) = [n for n, line in enumerate(lines) if line.startswith("dccki = { root")][:1]
    lines[first] = "dccki = { root = 1, issuing = 'x' }"
    with pytest.raises(InputError) as raised:
        decode("\n".join(lines).encode(), EnvironmentsFile, "some.toml")
    assert f"some.toml, line {first + 1}: family[0]." in raised.value.message
    assert "ca-names.dccki.root is" in raised.value.message


def test_a_place_is_called_by_its_table_and_its_key(tmp_path):
    path = tmp_path / "file.toml"
    path.write_text("[[row]]\nfield = 'x'\nfill = { constant = 1 }\n")
    place = Place(str(path)).within("row", 0, noun="row 1 (x)")
    assert str(Place(str(path))) == str(path)
    assert str(place) == f"{path}, line 1, row 1 (x)"
    assert str(place.within("fill", "constant")) == f"{path}, line 3, row 1 (x), fill.constant"
    assert str(place.within("holds")) == f"{path}, row 1 (x), holds"
    path.unlink()
    assert str(place) == f"{path}, row 1 (x)"


def test_a_key_that_is_no_bare_one_is_quoted():
    assert dotted(("a-b", 0, "c.d", "e")) == 'a-b[0]."c.d".e'
