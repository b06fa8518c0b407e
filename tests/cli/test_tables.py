"""Tables on a terminal of 80 columns: what is copied is never broken."""

from __future__ import annotations

import io
import re
import shutil
import sys

import click
import pytest
from rich.cells import cell_len

from smki_testca.api import Estate
from smki_testca.cli import cli
from smki_testca.cli.folding import folded, layout
from smki_testca.estate.certificates import Selection
from smki_testca.estate.status import Status

SERIAL, EUI64 = "6763D10DF35E12D0060FE4D82C1A9B37", "90-B3-D5-1F-30-01-00-00"
DEVICE_ID = re.compile(r"00-DB-12-00-00-00-01-[0-9A-F]{2}")
SERIAL_NUMBER = re.compile(r"[0-9A-F]{32}\b")
COPIED = re.compile(
    r"\b(?:[0-9A-F]{2}-){7}[0-9A-F]{2}\b|\b[0-9A-Fa-f]{32}\b|\b[0-9a-f]{64}\b(?!…)|\b[0-9]{37,39}\b"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:]{8}Z"
)


class _Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(scope="module")
def busy(quickstart_original, tmp_path_factory):
    """An estate of which every table has rows, and the serial number of a renewed certificate."""
    directory = tmp_path_factory.mktemp("busy") / "estate"
    shutil.copytree(quickstart_original, directory)
    device = (
        "--profile",
        "device",
        "--participant",
        "meters-one",
        "--purpose",
        "device-and-user-system-tests",
    )
    ids = ("--first-id", "00-DB-12-00-00-00-01-00", "--count", "3", "--hw-type", "1.2.3")
    commands = (
        ("renew", "--label", "Z1-supplier-ds"),
        ("revoke", "--label", "Z1-networkOperator-ds", "--reason", "superseded"),
        ("crl", "issue", "--all"),
        ("batch", "issue", *device, *ids, "--usage", "both", "--label", "x" * 60),
    )
    for words in commands:
        cli(["--estate", str(directory), *words], standalone_mode=False)
    passphrase = (directory / "passphrase").read_text().strip()
    with Estate.open(directory, passphrase) as estate:
        (renewed,) = estate.select(Selection(status=Status.NOT_IN_USE))
    return directory, str(renewed.serial)


@pytest.fixture
def on_a_terminal(monkeypatch, busy):
    """Runs the command on a terminal of 80 columns; the lines of its table."""

    def run(*words):
        screen = _Terminal()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", screen)
            patch.setenv("COLUMNS", "80")
            cli(["--estate", str(busy[0]), *words], standalone_mode=False)
        return [click.unstyle(line) for line in screen.getvalue().splitlines()]

    return run


TABLES = [
    ("list",),
    ("ca", "list"),
    ("crl", "list"),
    ("expiring", "--within", "500w"),
    ("register", "show"),
    ("register", "whois", EUI64),
    ("agreement", "show"),
    ("audit", "show"),
    ("status", "SERIAL"),
    ("show", "SERIAL"),
    ("batch", "list"),
    ("profiles", "list"),
    ("profiles", "show", "organisation"),
    ("profiles", "show", "organisation-crl"),
    ("lint", "rules"),
    ("lint", "explain", "subject.too_long"),
    ("kit", "list"),
    ("kit", "show", "zaz1"),
    ("config",),
]


@pytest.mark.slow
@pytest.mark.parametrize("words", TABLES, ids=" ".join)
def test_what_is_copied_is_whole_on_a_narrow_terminal(words, on_a_terminal, command, busy):
    directory, serial = busy
    words = [serial if word == "SERIAL" else word for word in words]
    wide = command("--estate", directory, *words).out
    narrow = on_a_terminal(*words)
    # A path, which config has, is copied, too.
    assert max(map(len, narrow)) <= 80 or words == ["config"]
    assert set(COPIED.findall(wide)) <= set(COPIED.findall("\n".join(narrow)))


@pytest.mark.slow
def test_no_path_is_folded_that_is_configured(on_a_terminal, tmp_path, monkeypatch):
    place = tmp_path / "a folder with a name" / "of a user who likes names" / "that are long"
    place.mkdir(parents=True)
    monkeypatch.chdir(place)
    monkeypatch.delenv("SMKI_TESTCA_CONFIG", raising=False)
    (place / "smki-testca.toml").write_text('profiles = "our-profiles"\n')
    lines = on_a_terminal("config")
    assert f"Value: {place / 'our-profiles'}" in lines
    assert f"From: {place / 'smki-testca.toml'}:1" in lines


@pytest.mark.slow
@pytest.mark.parametrize("width", [70, 80, 100, 120, 200])
def test_a_device_without_a_label_is_told_by_its_id(quickstart, monkeypatch, width):
    """However late it comes: the widths follow from the first rows."""
    words = [
        *(
            "batch",
            "issue",
            "--profile",
            "device",
            "--participant",
            "meters-one",
            "--usage",
            "both",
        ),
        *("--count", "80", "--purpose", "device-and-user-system-tests", "--hw-type", "1.2.3"),
        *("--first-id", "00-DB-12-00-00-00-01-00"),
    ]
    cli(["--estate", str(quickstart), *words], standalone_mode=False)
    screen = _Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", str(width))
    cli(["--estate", str(quickstart), "list"], standalone_mode=False)
    lines = [click.unstyle(line) for line in screen.getvalue().splitlines()]
    assert max(map(len, lines)) <= width
    assert sum(1 for line in lines if DEVICE_ID.search(line)) == 2 * 80
    assert width < 80 or any("Z1-networkOperator-ds" in line for line in lines)


@pytest.mark.parametrize(
    "words", [("list", "--label", "電*"), ("renew", "--label", "電*", "--dry-run")]
)
def test_wide_characters_take_their_cells(words, busy, monkeypatch, tmp_path):
    directory = tmp_path / "estate"
    shutil.copytree(busy[0], directory)
    issue = [
        *("issue", "organisation", "--participant", "supplier-one", "--purpose", "uept"),
        *("--id", EUI64, "--role", "supplier", "--usage", "digital-signature"),
    ]
    label = "電力量計一二三四五六七八"
    cli(["--estate", str(directory), *issue, "--label", label], standalone_mode=False)
    screen = _Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", "80")
    cli(["--estate", str(directory), *words], standalone_mode=False)
    heading, *rows = [click.unstyle(line) for line in screen.getvalue().splitlines()]
    (row,) = (line for line in rows if label in line)
    assert max(map(cell_len, (heading, *rows))) <= 80
    place = heading.index("Serial")
    assert SERIAL_NUMBER.match(row[place - len(label) :])


@pytest.mark.parametrize(
    ("line", "width", "expected"),
    [
        ("subject.organizationalUnitName", 20, ["subject.", "organizationalUnit", "Name"]),
        ("short", 20, ["short"]),
        ("two words of text", 10, ["two words", "of text"]),
        ("organisation-issuing-ca", 16, ["organisation-", "issuing-ca"]),
        (f"renewed as {SERIAL}", 32, ["renewed as", SERIAL]),
        (f"xml-sign-{EUI64}-ds", 23, ["xml-sign-", EUI64, "-ds"]),
        ("x" * 25, 10, ["x" * 10, "x" * 10, "x" * 5]),
        ("電" * 12, 10, ["電" * 5, "電" * 5, "電" * 2]),
        ("電力量計 電力量計", 10, ["電力量計", "電力量計"]),
        ("from 2026-11-28 16:09:03Z on", 21, ["from", "2026-11-28 16:09:03Z", "on"]),
    ],
)
def test_a_line_is_folded_between_words_and_never_in_what_is_copied(line, width, expected):
    assert folded(line, width) == expected


def test_columns_are_left_out_in_the_order_stated_and_no_more_than_needed():
    rows = [
        [("Name",), ("Subject",), ("Serial",), ("Again",)],
        [("a name",), ("s" * 40,), (SERIAL,), (SERIAL,)],
    ]
    assert layout(rows, [1, 0], 200) == ([0, 1, 2, 3], [6, 40, 32, 32])
    assert layout(rows, [1, 0], 80).places == [0, 2, 3]
    assert layout(rows, [1, 0], 70).places == [2, 3]
    assert layout(rows, [], 60).widths[2:] == [32, 32]


@pytest.mark.parametrize("width", [-1, 0, 1, 2])
@pytest.mark.parametrize("text", ["a word", "\u4e2d\u6587 text", "2015-06-10"])
def test_a_text_is_folded_whole_in_no_room_at_all(text, width):
    assert "".join(folded(text, width)).replace(" ", "") == text.replace(" ", "")
