"""What anchors detect, what they do not, and that nobody changes one unnoticed."""

from __future__ import annotations

import base64
import json
import os
import shutil
import sqlite3
import tempfile
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import csrs
from smki_testca.api import Estate
from smki_testca.authority.signers.software import SoftwareSigner
from smki_testca.clock import FixedClock
from smki_testca.errors import EstateError, InputError, OutputError
from smki_testca.estate import audit
from smki_testca.estate.anchor import Anchor, compressed_point, last_anchor, parse_anchors
from smki_testca.estate.anchor_store import AnchorFaultsError, AnchorStore
from smki_testca.estate.audit import AuditLog
from smki_testca.estate.certificates import Selection
from smki_testca.estate.database import Database
from smki_testca.estate.key_holders import ANCHOR
from smki_testca.lifecycle.anchor_file import AnchorFile

AT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
CHANGES = 6
FIRST = 3
"""The number of the entry that the first of the anchors is of."""


class History(NamedTuple):
    """Copies of an estate's file after each of its changes, and the anchor of each."""

    copies: list[Path]
    anchors: list[Anchor]


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """An estate that was changed so many times; not to be changed."""
    folder = tmp_path_factory.mktemp("history")
    copies, anchors = [], []
    with Estate.create(folder / "estate", "phrase", clock=FixedClock(AT)) as estate:
        estate.anchors.make()
        for number in range(CHANGES):
            with estate.transaction():
                estate._database.insert("meta", {"name": f"note {number}", "value": b"x"})  # noqa: SLF001 - any row
            anchors.append(estate.anchors.make())
            copies.append(folder / f"{number}.sqlite")
            shutil.copy(folder / "estate" / "estate.sqlite", copies[-1])
    assert [anchor.number for anchor in anchors] == [*range(FIRST, FIRST + CHANGES)]
    return History(copies, anchors)


@contextmanager
def _changed(original, *statements):
    """A copy of a file that was changed behind the program's back; the schema is as it was."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(shutil.copy(original, Path(folder) / "estate.sqlite"))
        with closing(sqlite3.connect(path)) as database, database:
            triggers = database.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
            ).fetchall()
            for name, _ in triggers:
                database.execute(f"DROP TRIGGER {name}")
            for statement in statements:
                statement(database)
            for _, sql in triggers:
                database.execute(sql)
        yield path


def _code(path, *anchors):
    """The code of what verifying finds wrong; None for nothing."""
    database = Database.open(path)
    try:
        log = AuditLog(database, FixedClock(AT))
        AnchorStore(database, log, None, FixedClock(AT)).verify(anchors)
    except (EstateError, AnchorFaultsError) as error:
        return error.code
    finally:
        database.close()
    return None


def _cut_after(number, older):
    """Cuts the log off after an entry, and puts rows, sums and head back as they were then."""

    def cut(database):
        with closing(sqlite3.connect(older)) as before:
            kept = {
                table: before.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - our own
                for table in ("meta", "keys", "row_sums")
            }
        database.execute("DELETE FROM audit_states WHERE number > ?", (number,))
        database.execute("DELETE FROM audit WHERE number > ?", (number,))
        for table, rows in kept.items():
            database.execute(f"DELETE FROM {table}")  # noqa: S608 - our own
            places = ", ".join("?" * len(rows[0]))
            database.executemany(f"INSERT INTO {table} VALUES ({places})", rows)  # noqa: S608 - our own

    return cut


def _rewrite(number, body):
    """Changes the details of an entry, and the chain from there on."""

    def rewrite(database):
        database.execute("UPDATE audit SET body = ? WHERE number = ?", (json.dumps(body), number))
        link = bytes(32)
        for entry, at, action, text, states in database.execute(
            "SELECT audit.number, at, action, body, digests FROM audit"
            " LEFT JOIN audit_states USING (number) ORDER BY audit.number"
        ).fetchall():
            digest = audit._digest(link, entry, at, action, text)  # noqa: SLF001 - as an attacker does
            database.execute(
                "UPDATE audit SET previous = ?, digest = ? WHERE number = ?", (link, digest, entry)
            )
            link = audit._link_after(digest, states)  # noqa: SLF001 - as an attacker does
        database.execute("UPDATE meta SET value = ? WHERE name = 'audit-head'", (link,))

    return rewrite


places = st.integers(0, CHANGES - 1)


@pytest.mark.slow
@given(places, places)
def test_an_older_copy_is_detected_by_an_anchor_beyond_it_and_by_nothing_else(history, one, other):
    copy, anchor = history.copies[one], history.anchors[other]
    assert _code(copy) is None
    assert _code(copy, anchor) == ("anchor.cut_off" if other > one else None)


@pytest.mark.slow
@settings(max_examples=25)
@given(places, places)
def test_a_tail_that_was_cut_off_is_detected_by_an_anchor_in_it_and_by_nothing_else(
    history, end, other
):
    older, anchor = history.copies[end], history.anchors[other]
    with _changed(history.copies[-1], _cut_after(FIRST + end, older)) as path:
        assert _code(path) is None
        assert _code(path, anchor) == ("anchor.cut_off" if other > end else None)


@pytest.mark.slow
@settings(max_examples=25)
@given(st.integers(1, FIRST + CHANGES - 1), st.integers(), places)
def test_a_rewritten_log_is_detected_by_an_anchor_after_the_change_and_by_nothing_else(
    history, number, changed, other
):
    anchor = history.anchors[other]
    with _changed(history.copies[-1], _rewrite(number, {"changed": changed})) as path:
        assert _code(path) is None
        if number == 1:
            assert _code(path, anchor) == "anchor.estate"
        elif number == FIRST - 1:  # that which records the key
            assert _code(path, anchor) == "anchor.signature"
        elif number > anchor.number:
            assert _code(path, anchor) is None
        else:
            assert _code(path, anchor) == "anchor.rewritten"


def test_what_was_done_after_an_older_copy_was_put_back_is_no_continuation(history, tmp_path):
    older = tmp_path / "estate"
    older.mkdir()
    shutil.copy(history.copies[2], older / "estate.sqlite")
    with Estate.open(older, "phrase", clock=FixedClock(AT)) as estate:
        for number in range(CHANGES):
            with estate.transaction():
                estate._database.insert("meta", {"name": f"other {number}", "value": b"y"})  # noqa: SLF001 - any row
        assert estate.anchors.verify(history.anchors[:3]).newest == history.anchors[2]
        for anchor in history.anchors[3:]:
            assert estate.anchors.fault(anchor).code == "anchor.rewritten"


def test_a_broken_log_is_told_before_the_anchors_that_it_does_not_continue(history):
    last = FIRST + CHANGES - 1

    def change(database):
        database.execute("UPDATE audit SET body = '{}' WHERE number = ?", (last,))

    with _changed(
        history.copies[4], lambda database: database.execute("DELETE FROM row_sums")
    ) as path:
        assert _code(path, history.anchors[-1]) == "audit.rows"
    with _changed(history.copies[-1], change) as path:
        assert _code(path, *history.anchors) == "audit.broken"


def _code_of_text(path, text):
    try:
        anchors = parse_anchors(text, "it")
    except InputError as error:
        return error.code
    return _code(path, *anchors)


@pytest.mark.slow
@given(places, st.data())
def test_no_octet_of_an_anchor_can_be_changed(history, place, data):
    anchor = history.anchors[place]
    octets = bytearray(anchor.line, "ascii")
    at = data.draw(st.integers(0, len(octets) - 1))
    octets[at] = data.draw(st.integers(0, 255).filter(lambda octet: octet != octets[at]))
    assert _code_of_text(history.copies[-1], octets.decode("latin-1")) in {
        "anchor.unreadable",
        "anchor.signature",
    }
    assert _code_of_text(history.copies[-1], anchor.line) is None


@given(st.lists(places, min_size=1, max_size=4), st.data())
def test_anchors_survive_white_space_and_the_wrapped_lines_of_a_mail(history, chosen, data):
    anchors = [history.anchors[place] for place in chosen]
    width = data.draw(st.integers(20, 80))
    text = "\r\n\r\n".join(
        "\r\n".join(
            f"  {anchor.line[at : at + width]} " for at in range(0, len(anchor.line), width)
        )
        for anchor in anchors
    )
    assert parse_anchors(f"\ufeff{text}".removeprefix("\ufeff"), "a mail") == anchors


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is not an anchor."),
        ("a certificate", "it is not an anchor."),
        ("smki-anchor.2.1.x", "it has an anchor of another version."),
        ("{line}.", "it has something after 1 anchor that is not an anchor."),
        (
            "{line}\n{line}\nsmki-anchor.1.",
            "it has something after 2 anchors that is not an anchor.",
        ),
    ],
)
def test_a_text_that_is_no_anchor_is_told_as_such(history, text, words):
    with pytest.raises(InputError) as caught:
        parse_anchors(text.format(line=history.anchors[0].line), "it")
    assert (caught.value.code, caught.value.message) == ("anchor.unreadable", words)


def test_the_same_state_and_time_give_the_same_anchor(history, tmp_path):
    folder = tmp_path / "estate"
    folder.mkdir()
    shutil.copy(history.copies[5], folder / "estate.sqlite")
    before = (folder / "estate.sqlite").read_bytes()
    for _ in range(2):
        with Estate.open(folder, "phrase", clock=FixedClock(AT)) as estate:
            assert estate.anchors.make() == history.anchors[5]
    assert (folder / "estate.sqlite").read_bytes() == before


def _forged(anchor, **changes):
    """An anchor with other content, signed with a key of the forger's."""
    signer = SoftwareSigner(csrs.new_key())
    values = {
        "number": anchor.number,
        "at": anchor.at,
        "estate": anchor.estate,
        "digest": anchor.digest,
        **changes,
    }
    return Anchor(**values, key=compressed_point(signer.public_key)).signed_by(signer.sign)


def test_an_anchor_that_another_key_signed_is_refused(history):
    anchor = history.anchors[3]
    for forged in (_forged(anchor), _forged(anchor, digest=bytes(32)), _forged(anchor, number=99)):
        assert _code(history.copies[-1], forged) == "anchor.signature"
    assert _code(history.copies[-1], _forged(anchor, estate=bytes(32))) == "anchor.estate"


def test_a_key_that_was_appended_to_the_log_signs_no_anchor(history, tmp_path):
    folder = tmp_path / "estate"
    folder.mkdir()
    shutil.copy(history.copies[-1], folder / "estate.sqlite")
    key = csrs.new_key()
    with Estate.open(folder, "phrase", clock=FixedClock(AT)) as estate:
        with estate.transaction():
            body = {"key": "00", "public_key": base64.b64encode(csrs.spki(key)).decode()}
            estate.audit.append(AT, "anchor.key", body)
        head = estate.audit.head()
        signer = SoftwareSigner(key)
        forged = Anchor(
            *(head.number, AT, history.anchors[0].estate, bytes.fromhex(head.digest)),
            compressed_point(signer.public_key),
        ).signed_by(signer.sign)
        assert estate.anchors.fault(forged).code == "anchor.signature"


def test_an_anchor_of_another_estate_is_told_as_such(history, tmp_path):
    with Estate.create(tmp_path / "other", "phrase", clock=FixedClock(AT)) as other:
        assert other.anchors.fault(history.anchors[0]).code == "anchor.estate"


def test_a_copy_from_before_the_first_anchor_is_cut_off_and_its_own_anchors_are_forged(tmp_path):
    with Estate.create(tmp_path / "estate", "phrase", clock=FixedClock(AT)) as estate:
        shutil.copytree(tmp_path / "estate", tmp_path / "older")
        anchor = estate.anchors.make()
    with Estate.open(tmp_path / "older", "phrase", clock=FixedClock(AT)) as older:
        assert older.anchors.fault(anchor).code == "anchor.cut_off"
        first = older.audit.head()
        digest = bytes.fromhex(first.digest)
        forged = _forged(anchor, number=1, digest=digest)
        assert older.anchors.fault(forged).code == "anchor.signature"


def test_the_key_of_anchors_is_recorded_once_and_given_to_nobody(estate):
    before = len(estate.audit.entries())
    estate.anchors.make()
    estate.anchors.make()
    (entry,) = estate.audit.entries()[before:]
    assert entry.action == "anchor.key"
    identifier = bytes.fromhex(entry.body["key"])
    assert estate.key_store.get(identifier, ANCHOR) is None
    with pytest.raises(EstateError):
        estate.key_store.reference(identifier)
    assert identifier not in {record.key_id for record in estate.select(Selection())}
    estate.verify_keys()
    estate.audit.verify()


# The file of anchors.


def _same(anchor):
    return anchor


def test_a_file_gets_one_line_for_each_anchor(history, tmp_path):
    file = AnchorFile(tmp_path / "anchors.txt")
    assert file.newest() is None
    for anchor in history.anchors[:3]:
        file.add(partial(_same, anchor))
        assert file.newest() == anchor
    lines = (tmp_path / "anchors.txt").read_text().splitlines()
    assert lines == [anchor.line for anchor in history.anchors[:3]]


@pytest.mark.parametrize("kept", [1, 11, 12, 40, -2])
def test_a_line_that_was_cut_off_is_taken_away_by_the_next(history, tmp_path, kept):
    one, two, three = history.anchors[:3]
    path = tmp_path / "anchors.txt"
    path.write_text(f"{one.line}\n{two.line[:kept]}")
    assert AnchorFile(path).newest() == one
    AnchorFile(path).add(lambda: three)
    assert path.read_text() == f"{one.line}\n{three.line}\n"


def test_a_last_line_without_its_end_counts(history, tmp_path):
    one, two = history.anchors[:2]
    path = tmp_path / "anchors.txt"
    path.write_text(one.line)
    assert AnchorFile(path).newest() == one
    AnchorFile(path).add(lambda: two)
    assert path.read_text() == f"{one.line}\n{two.line}\n"


@pytest.mark.parametrize("text", ["notes\n", "notes", "{line}\nnotes\n", "{line} notes\n", "\0\n"])
def test_nothing_is_added_to_a_file_of_something_else(history, tmp_path, text):
    path = tmp_path / "notes.txt"
    path.write_text(text.format(line=history.anchors[0].line))
    before = path.read_bytes()
    for work in (AnchorFile(path).newest, lambda: AnchorFile(path).add(lambda: history.anchors[1])):
        with pytest.raises(InputError) as caught:
            work()
        assert caught.value.code == "anchor.unreadable"
    assert path.read_bytes() == before


def test_a_write_that_fails_leaves_nothing(history, tmp_path, monkeypatch):
    path = tmp_path / "anchors.txt"
    AnchorFile(path).add(lambda: history.anchors[0])
    before = path.read_bytes()
    module = "smki_testca.lifecycle.anchor_file.os"
    write = os.write
    monkeypatch.setattr(f"{module}.write", lambda number, data: write(number, data[:50]))
    with pytest.raises(OutputError, match="No space left") as caught:
        AnchorFile(path).add(lambda: history.anchors[1])
    assert caught.value.code == "output.failed"
    assert path.read_bytes() == before


@pytest.mark.parametrize("end", ["", "\n", "\n\n  \n"])
def test_the_last_anchor_of_a_text_is_found_past_what_was_cut_before_it(history, end):
    one, two = history.anchors[:2]
    assert last_anchor(f"{one.line[30:]}\n{two.line}{end}", "it") == (two, "")
