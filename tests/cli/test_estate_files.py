"""No output of any command takes the place of an estate's own files, and none leaves its folder."""

import os
import shutil

import click
import pytest

import batches
from smki_testca.cli import cli
from smki_testca.cli.output_paths import FOLDER, OUTPUT
from smki_testca.errors import InputError
from smki_testca.estate_files import check_outside

OWN = ("estate.sqlite", "estate.sqlite-journal", "passphrase", "bulk", "bulk/000001/new", "bulk/..")
WRITERS = ("out", "key", "directory")
"""The names of options and arguments that name an output."""

links = pytest.mark.skipif(os.name == "nt", reason="Windows has no such links")


def _parameters(command, context, words=()):
    """Every parameter of every command below one, with the words that name it."""
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            yield from _parameters(command.get_command(context, name), context, (*words, name))
        return
    for parameter in command.params:
        yield (*words, parameter.name), parameter


def test_whatever_a_command_writes_to_is_known_as_an_output():
    found = dict(_parameters(cli, click.Context(cli)))
    outputs = {words for words, parameter in found.items() if parameter.type in {OUTPUT, FOLDER}}
    # A client of a service reads its key from a file.
    named = {words for words in found if words[-1] in WRITERS} - {
        words for words in found if words[0] == "client" and words[-1] == "key"
    }
    assert named - outputs == set()
    assert len(outputs) > 20


@pytest.mark.parametrize("name", [name for name in OWN if name != "bulk/.."])
def test_no_output_is_an_estates_own_file(quickstart, name):
    for kind in (OUTPUT, FOLDER):
        with pytest.raises(InputError) as caught:
            kind.convert(str(quickstart / name), None, None)
        assert caught.value.code == "export.estate"
        assert kind.convert(str(quickstart / "export" / name), None, None)


@links
def test_an_estates_file_is_known_behind_links_and_under_other_names(quickstart, tmp_path):
    link, folder, hard, copy = (tmp_path / name for name in ("link", "folder", "hard", "copy"))
    link.symlink_to(quickstart / "passphrase")
    folder.symlink_to(quickstart)
    os.link(quickstart / "estate.sqlite", hard)
    shutil.copy(quickstart / "estate.sqlite", copy)
    for path in (link, folder / "passphrase", folder / "bulk" / "1", hard, copy):
        with pytest.raises(InputError, match="cannot be written"):
            check_outside(path)
    (quickstart / "passphrase").rename(tmp_path / "moved")
    (quickstart / "passphrase").symlink_to(tmp_path / "moved")
    with pytest.raises(InputError, match="one of the files of the estate"):
        check_outside(quickstart / "passphrase")
    for path in (tmp_path / "passphrase", quickstart / "export", quickstart / "profiles" / "bulk"):
        check_outside(path)


@pytest.mark.slow
def test_another_sqlite_file_makes_no_estate(command, quickstart, tmp_path):
    batches.issue(command, quickstart, *batches.range_of(2))
    words = ("--estate", quickstart, "batch", "export", 1, "--format", "device-sqlite", "--out")
    out = tmp_path / "estate.sqlite"
    assert command(*words, out).code == 0
    again = command(*words, out, "--force")
    assert again.code == 0, again.err


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("batch", "export", 1, "--format", "csv", "--force", "--out"),
        ("batch", "export", 1, "--format", "device-sqlite", "--force", "--out"),
        ("batch", "note", 1, "--force", "--out"),
        ("crl", "issue", "--force", "--out"),
        ("register", "new", "--force"),
    ],
)
def test_a_command_that_would_overwrite_its_estate_does_nothing(
    command, quickstart, file_digest, one_line, words
):
    batches.issue(command, quickstart, *batches.range_of(2))
    before = file_digest(quickstart)
    for path in (quickstart / "estate.sqlite", quickstart / "estate.sqlite-journal"):
        outcome = command("--estate", quickstart, *words, path)
        assert outcome.code == 4
        assert "is one of the files of the estate in" in one_line(outcome)
    assert file_digest(quickstart) == before
    told = command("--estate", quickstart, *words, quickstart / "passphrase", "--json")
    assert told.json["error"]["code"] == "export.estate"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bulk", "Passphrase", "estate.sqlite-wal"])
def test_no_file_of_a_set_is_an_estates_own(command, quickstart, tmp_path, files_of, name):
    """The operator's own column names the folders."""
    manifest = batches.write(tmp_path / "m.csv", [batches.device(0x100, site=name)])
    batches.issue(command, quickstart, manifest)
    before = files_of(quickstart)
    outcome = command(
        *("--json", "--estate", quickstart, "batch", "export", 1, "--format", "device-folders"),
        *("--name-by", "site", "--force", "--out", quickstart),
    )
    assert outcome.json["error"]["code"] == "export.estate"
    assert files_of(quickstart) == before


@pytest.mark.slow
@links
@pytest.mark.parametrize(
    "words",
    [
        ("batch", "export", 1, "--format", "device-folders", "--with-keys"),
        ("batch", "export", 1, "--format", "pem-tree", "--with-keys"),
        ("batch", "export", 1, "--format", "device-folders", "--split", 1),
        ("export", "--format", "pem", "--with-keys"),
    ],
)
def test_no_file_of_a_set_leaves_the_folder_through_a_link(
    command, quickstart, tmp_path, files_of, words
):
    batches.issue(command, quickstart, *batches.range_of(2))
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    elsewhere.mkdir()

    def write():
        return command("--json", "--estate", quickstart, *words, "--force", "--out", out)

    assert write().code == 0
    folder = min((path for path in out.rglob("*") if path.is_dir()), key=str)
    shutil.rmtree(folder)
    folder.symlink_to(elsewhere)
    before = files_of(out)
    outcome = write()
    assert outcome.json["error"]["code"] == "export.link"
    assert str(folder) in outcome.json["error"]["message"]
    assert not list(elsewhere.iterdir())
    assert files_of(out) == before
    folder.unlink()
    (tmp_path / "real").mkdir()
    shutil.rmtree(out)
    out.symlink_to(tmp_path / "real")
    assert write().code == 0
    assert list((tmp_path / "real").iterdir())
