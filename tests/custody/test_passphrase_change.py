"""A change of the passphrase: the old one or the new one opens the estate, at any moment."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing

import click
import pytest

from estates import opened, unpacked
from smki_testca import files
from smki_testca.api import Estate
from smki_testca.custody import passphrase_change
from smki_testca.custody.passphrase_change import change_passphrase, settle_file
from smki_testca.errors import EstateError, InputError, OutputError
from smki_testca.estate import sealing
from smki_testca.passphrases import Passphrase, being_changed, readings
from smki_testca.service.device_csr.batch_process import _access, secret_line
from smki_testca.service.estate_access import EstateAccess

VARIABLE = "SMKI_TESTCA_NEW_PASSPHRASE"


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture
def old(quickstart):
    return (quickstart / "passphrase").read_text().strip()


@pytest.fixture
def change_to(command, quickstart, tmp_path):
    """Changes the passphrase by the command, and gives how that ended."""

    def run(new, *more):
        path = tmp_path / "new"
        path.write_bytes(new if isinstance(new, bytes) else f"{new}\n".encode())
        words = ("--json", *more, "--estate", quickstart, "passphrase", "change")
        return command(*words, "--new-passphrase-file", path)

    return run


def opens(directory, phrase):
    with Estate.open(directory, phrase) as estate:
        try:
            estate.unlock()
        except EstateError:
            return False
    return True


def test_the_next_command_opens_the_estate_without_more(change_to, command, quickstart, issue, old):
    outcome = change_to("another")
    path = quickstart / "passphrase"
    assert outcome.json == {
        "estate": str(quickstart),
        "passphrase_file": str(path),
        "still_old": None,
    }
    assert path.read_text() == "another\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert opens(quickstart, "another")
    assert not opens(quickstart, old)
    assert issue().code == 0
    assert command("--estate", quickstart, "audit", "verify", "--keys").code == 0
    words = ("audit", "show", "--action", "estate.passphrase")
    (entry,) = command("--json", "--estate", quickstart, *words).json["entries"]
    assert entry["body"] == {}


@pytest.mark.slow
def test_whoever_has_the_estate_open_goes_on(change_to, quickstart, old):
    with Estate.open(quickstart, old) as before:
        before.unlock()
        access = EstateAccess(quickstart, old, wrapped=before.estate_key.wrapped())
        assert change_to("another").code == 0
        before.add_environment("UIT-A")
    # A service opens the estate for each thread, and for its batch process.
    for one in (access, _access(str(quickstart), None, None, secret_line(access))):
        with one.open() as estate:
            estate.unlock()
            estate.unlock_meanwhile()
            assert estate.key_store.verify()
    with pytest.raises(EstateError), EstateAccess(quickstart, old).open() as estate:
        estate.unlock()


def test_an_early_cost_becomes_that_of_today(command, tmp_path, monkeypatch):
    directory = unpacked(1, tmp_path / "old")
    monkeypatch.setattr(sealing, "COST", sealing.Cost(1 << 11, 8, 1))
    monkeypatch.setenv(VARIABLE, "another")
    assert command("--estate", directory, "passphrase", "change").code == 0
    with opened(directory) as estate:
        assert estate.estate_key.wrapped().startswith(b"smki-testca scrypt n=2048 r=8 p=1;")
        assert estate.key_store.verify()


def test_nothing_that_the_old_passphrase_opens_stays_in_the_file(change_to, quickstart):
    def secret():
        with opened(quickstart) as estate:
            return estate.estate_key.wrapped()[-76:]

    before = [secret()]
    for number in range(3):
        # The stated cost is longer each time, so that the row is stored at another place.
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sealing, "COST", sealing.Cost(1 << (2 + 4 * number), 8, 1))
            assert change_to(f"number {number}").code == 0
        octets = (quickstart / "estate.sqlite").read_bytes()
        assert secret() in octets
        assert [old for old in before if old in octets] == []
        before.append(secret())


# Where the new passphrase comes from.


def test_the_new_passphrase_comes_from_a_file_the_variable_or_is_typed_twice(
    change_to, command, quickstart, monkeypatch
):
    words = ("--json", "--estate", quickstart, "passphrase", "change")
    assert command(*words).json["error"]["code"] == "passphrase.needed"
    monkeypatch.setenv(VARIABLE, "of the variable")
    assert command(*words).code == 0
    assert opens(quickstart, "of the variable")
    assert change_to("of the file").code == 0
    assert opens(quickstart, "of the file")
    assert command(*words, "--new-passphrase-file", "-", stdin=b"of the input\n").code == 0
    assert opens(quickstart, "of the input")
    monkeypatch.delenv(VARIABLE)
    asked = {}

    def prompt(text, **options):
        asked.update(options, text=text)
        return "typed"

    monkeypatch.setattr(click, "prompt", prompt)
    monkeypatch.setattr("smki_testca.cli.secret._is_somebody_there", lambda: True)
    assert command(*words).code == 0
    assert opens(quickstart, "typed")
    assert (asked["hide_input"], asked["confirmation_prompt"]) == (True, True)
    assert asked["text"] == f"New passphrase of {quickstart}"


@pytest.mark.parametrize(
    ("new", "code"),
    [
        (b"", "passphrase.empty"),
        (b"\n", "passphrase.empty"),
        (b"\xff\n", "passphrase.encoding"),
        (b"x" * 1024, "passphrase.too_long"),
        (b"a\rb\n", "passphrase.line"),
    ],
)
def test_a_passphrase_that_cannot_be_used_changes_nothing(change_to, quickstart, digest, new, code):
    before = digest()
    assert change_to(new).json["error"]["code"] == code
    assert digest() == before
    with opened(quickstart) as estate:
        estate.unlock()


def test_the_longest_passphrase_and_one_with_a_mark_work(change_to, quickstart):
    assert change_to("x" * passphrase_change.MAX_OCTETS).code == 0
    assert change_to("\ufeffmarked").code == 0
    assert (quickstart / "passphrase").read_text() == "marked\n"
    with opened(quickstart) as estate:
        estate.unlock()


def test_the_old_passphrase_is_needed(change_to, quickstart, digest):
    (quickstart / "passphrase").write_text("wrong\n")
    before = digest()
    assert change_to("another").json["error"]["code"] == "estate.passphrase"
    assert digest() == before
    assert (quickstart / "passphrase").read_text() == "wrong\n"


# Other places that have the passphrase.


def test_places_that_still_have_the_old_passphrase_are_named(
    change_to, command, quickstart, old, tmp_path, monkeypatch
):
    (tmp_path / "mine").write_text(f"{old}\n")
    (quickstart / "passphrase").unlink()
    outcome = change_to("one", "--passphrase-file", tmp_path / "mine")
    assert (outcome.json["passphrase_file"], outcome.json["still_old"]) == (
        None,
        str(tmp_path / "mine"),
    )
    assert (tmp_path / "mine").read_text() == f"{old}\n"
    monkeypatch.setenv("SMKI_TESTCA_PASSPHRASE", "one")
    assert change_to("two").json["still_old"] == "SMKI_TESTCA_PASSPHRASE"
    monkeypatch.setenv("SMKI_TESTCA_PASSPHRASE", "two")
    monkeypatch.setenv(VARIABLE, "three")
    outcome = command("--estate", quickstart, "passphrase", "change")
    assert outcome.err == (
        "note: SMKI_TESTCA_PASSPHRASE still has the old passphrase. Put the new one there.\n"
    )
    monkeypatch.setenv("SMKI_TESTCA_PASSPHRASE", "three")
    assert change_to("three").json["still_old"] is None


def test_a_file_that_has_another_passphrase_or_is_a_link_is_left_alone(
    change_to, quickstart, old, tmp_path
):
    path = quickstart / "passphrase"
    (tmp_path / "mine").write_text(f"{old}\n")
    path.write_text("of something else\n")
    outcome = change_to("one", "--passphrase-file", tmp_path / "mine")
    assert outcome.json["passphrase_file"] is None
    assert path.read_text() == "of something else\n"
    path.unlink()
    (tmp_path / "mine").write_text("one\n")
    path.symlink_to(tmp_path / "mine")
    outcome = change_to("two")
    assert (outcome.json["passphrase_file"], outcome.json["still_old"]) == (None, str(path))
    assert path.is_symlink()
    assert (tmp_path / "mine").read_text() == "one\n"


# Interrupted.


@pytest.fixture
def interrupted(quickstart, old, monkeypatch):
    """Changes the passphrase, and is killed: before the estate has it, or right after."""

    class Killed(BaseException):
        pass

    def run(*, is_committed):
        with Estate.open(quickstart, old) as estate, monkeypatch.context() as patch:

            def killed(*_):
                raise Killed

            if is_committed:
                patch.setattr(passphrase_change, "settle_file", killed)
            else:
                patch.setattr(estate._database, "on_commit", killed)  # noqa: SLF001 - the last moment
            with pytest.raises(Killed):
                change_passphrase(estate, old, "another")

    return run


@pytest.mark.parametrize("is_committed", [False, True])
def test_a_kill_leaves_a_way_in_and_the_next_command_tidies_up(
    interrupted, quickstart, command, issue, old, is_committed
):
    interrupted(is_committed=is_committed)
    path = quickstart / "passphrase"
    assert path.read_text() == f"{old}\nbeing changed to: another\n"
    assert opens(quickstart, "another" if is_committed else old)
    # A dry run changes nothing, but opens it.
    words = ("revoke", "--label", "Z1-supplier-ds", "--reason", "superseded", "--dry-run")
    assert command("--estate", quickstart, *words).code == 0
    assert "being changed" in path.read_text()
    assert issue().code == 0
    assert path.read_text() == ("another\n" if is_committed else f"{old}\n")


@pytest.mark.parametrize("is_committed", [False, True])
def test_a_change_after_a_kill_works(interrupted, quickstart, change_to, is_committed):
    interrupted(is_committed=is_committed)
    assert change_to("a third").code == 0
    assert (quickstart / "passphrase").read_text() == "a third\n"
    assert opens(quickstart, "a third")


def test_the_file_named_as_an_option_opens_it_meanwhile(interrupted, quickstart, command):
    interrupted(is_committed=True)
    words = ("--passphrase-file", quickstart / "passphrase", "--estate", quickstart)
    assert command(*words, "audit", "verify", "--keys").code == 0


def test_if_the_file_cannot_be_written_nothing_changes(quickstart, old, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with opened(quickstart) as estate:
        monkeypatch.setattr(passphrase_change, "replace_private", full)
        with pytest.raises(OutputError):
            change_passphrase(estate, old, "another")
        assert estate.audit.verify()
    assert opens(quickstart, old)
    assert (quickstart / "passphrase").read_text() == f"{old}\n"


def test_if_the_file_cannot_be_tidied_up_it_opens_the_estate(quickstart, old, monkeypatch):
    write, calls = files.replace_private, []

    def fails_later(path, data):
        calls.append(data)
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        write(path, data)

    with opened(quickstart) as estate:
        monkeypatch.setattr(passphrase_change, "replace_private", fails_later)
        assert change_passphrase(estate, old, "another")
    phrase = Passphrase.of_file((quickstart / "passphrase").read_bytes(), "-")
    assert readings(phrase) == (old, "another")
    assert opens(quickstart, phrase)


def test_of_two_changes_at_once_the_later_is_refused(quickstart, old):
    with opened(quickstart) as one, opened(quickstart) as two:
        change_passphrase(one, old, "first")
        with pytest.raises(EstateError) as caught:
            change_passphrase(two, old, "second")
    assert caught.value.code == "estate.passphrase"
    assert (quickstart / "passphrase").read_text() == "first\n"
    assert opens(quickstart, "first")


def test_a_file_of_which_neither_opens_the_estate_stays(quickstart):
    path = quickstart / "passphrase"
    path.write_bytes(being_changed("one", "two"))
    with Estate.open(quickstart, "") as estate:
        settle_file(estate)
    assert path.read_bytes() == being_changed("one", "two")


# The file.


def test_other_second_lines_are_no_passphrase():
    assert Passphrase.of_file(b"one\ntwo\n", "-").successor is None
    assert Passphrase.of_file(b"one\nbeing changed to: \xff\n", "-").successor is None
    both = Passphrase.of_file(being_changed("one", "two"), "-")
    assert (both, both.successor, readings(both)) == ("one", "two", ("one", "two"))
    marked = Passphrase.of_file(being_changed("\ufeffone", "two"), "-")
    assert readings(marked) == ("one", "\ufeffone", "two")


def test_the_wrapped_key_is_bound_to_the_log(change_to, quickstart, command):
    with closing(sqlite3.connect(quickstart / "estate.sqlite")) as file:
        (wrapped,) = file.execute("SELECT value FROM meta WHERE name = 'wrapped-key'").fetchone()
    assert change_to("another").code == 0
    with closing(sqlite3.connect(quickstart / "estate.sqlite")) as file, file:
        file.execute("UPDATE meta SET value = ? WHERE name = 'wrapped-key'", (wrapped,))
    outcome = command("--json", "--estate", quickstart, "audit", "verify")
    assert outcome.json["error"]["code"] == "audit.rows"


def test_a_new_passphrase_is_checked_from_python(quickstart, old):
    with opened(quickstart) as estate:
        for new in ("", "\ud800", "two\nlines", "x" * 1024):
            with pytest.raises(InputError):
                change_passphrase(estate, old, new)
