"""What smki-testca.toml says, which file is used, and what comes before it."""

import contextlib
import json
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from smki_testca.cli import configuration
from typed import install

ROOT = Path(__file__).parent.parent.parent

DEVICE = ("--device-id", "00-DB-12-00-00-00-00-05", "--usage", "digital-signature")
HW_TYPE = "1.2.826.0.1.8641679.1.2.2.1"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A home directory with a folder to work in, and what writes a file into either."""
    home = tmp_path / "home"
    work = home / "project" / "deep"
    work.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("SMKI_TESTCA_CONFIG")
    monkeypatch.chdir(work)

    def write(text, folder=home / "project"):
        path = folder / "smki-testca.toml"
        is_new = not path.exists()
        path.write_text(text, "utf-8")
        if is_new:
            path.chmod(0o600)
        return path

    return write


def _shown(command, *line):
    outcome = command("config", "--json", *line)
    assert outcome.code == 0, outcome.out
    return outcome.json["file"], {each["name"]: each for each in outcome.json["settings"]}


@pytest.mark.usefixtures("project")
def test_without_a_file_everything_is_its_default(command):
    file, settings = _shown(command)
    assert file is None
    assert set(settings) == set(configuration.KEYS)
    for each in settings.values():
        assert (each["value"], each["source"], each["place"]) == (None, "default", None)
    assert "No smki-testca.toml is read." in command("config").out


def test_each_value_is_shown_with_the_line_that_it_is_from(command, project):
    lines = [f'{key} = "x"' for key in configuration.KEYS]
    path = project("\n".join(["# Ours.", *lines]) + "\n")
    file, settings = _shown(command)
    assert file == str(path)
    for number, key in enumerate(configuration.KEYS, 2):
        assert settings[key]["source"] == "file"
        assert settings[key]["place"] == f"{path}:{number}"
        paths = {"estate", "profiles", "passphrase-file", "token-module", "token-pin-file"}
        is_path = key in paths | {"audit.anchor"}
        assert settings[key]["value"] == (str(path.parent / "x") if is_path else "x")
    assert f"{path}:9" in command("config").out


def test_a_path_is_relative_to_the_file_or_to_the_home_directory(command, project, tmp_path):
    path = project('estate = "../e"\nprofiles = "~/p"\npassphrase-file = "/somewhere/p"\n')
    _, settings = _shown(command)
    assert settings["estate"]["value"] == str(path.parent / "../e")
    assert settings["profiles"]["value"] == str(tmp_path / "home" / "p")
    assert settings["passphrase-file"]["value"] == "/somewhere/p"


def test_options_come_first_then_variables_then_the_file(command, project, monkeypatch):
    project('estate = "e"\nprofiles = "p"\npassphrase-file = "secret"\n')
    monkeypatch.setenv("SMKI_TESTCA_ESTATE", "by-variable")
    monkeypatch.setenv("SMKI_TESTCA_PASSPHRASE", "correct horse")
    _, settings = _shown(command)
    assert settings["estate"]["value"] == "by-variable"
    assert settings["estate"]["place"] == "SMKI_TESTCA_ESTATE"
    assert settings["passphrase-file"]["source"] == "variable"
    assert settings["passphrase-file"]["value"] is None
    for line in (("config",), ("config", "--json")):
        assert "horse" not in command(*line).out
    given = ("--estate", "o", "--profiles", "q", "--passphrase-file", "f")
    _, settings = _shown(command, *given)
    for name, value in (("estate", "o"), ("profiles", "q"), ("passphrase-file", "f")):
        assert settings[name] == {
            "name": name,
            "value": value,
            "source": "option",
            "place": f"--{name}",
        }


def test_the_passphrase_that_quickstart_left_comes_before_the_configured_file(
    command, project, quickstart
):
    project(f'estate = "{quickstart}"\npassphrase-file = "none"\n')
    _, settings = _shown(command)
    assert settings["passphrase-file"]["value"] == str(quickstart / "passphrase")
    assert command("crl", "issue", "--hierarchy", "organisation").code == 0


@pytest.mark.slow
def test_a_request_takes_from_the_file_what_its_line_leaves_out(command, project, quickstart):
    secret = quickstart / "secret"
    (quickstart / "passphrase").rename(secret)
    path = project(
        f'estate = "{quickstart}"\npassphrase-file = "{secret}"\nenvironment = "ZAZ1"\n'
        f'participant = "meters-one"\npurpose = "device-and-user-system-tests"\n'
        f'hw-type = "{HW_TYPE}"\nexport-format = "der"\n'
    )
    outcome = command("issue", "device", *DEVICE, "--json")
    assert outcome.code == 0, outcome.out
    (record,) = outcome.json["certificates"]
    assert record["participant"] == "meters-one"
    assert command("check", "device", *DEVICE, "--participant", "labs-one").code == 3
    out = path.parent / "out"
    assert command("export", "--out", out).code == 0
    assert list(out.rglob("*.der"))
    assert command("export", "--out", path.parent / "o", "--format", "pem").code == 0
    assert not list((path.parent / "o").rglob("*.der"))
    csr = ("csr", "device", *DEVICE, "--out", path.parent / "c", "--key", path.parent / "k")
    assert command(*csr).code == 0
    assert command("sign", path.parent / "c").code == 0
    batch = ("batch", "check", "--profile", "device", "--usage", "digital-signature")
    outcome = command(*batch, "--first-id", "00-DB-12-01-00-00-00-00", "--count", "3")
    assert outcome.code == 0, outcome.err


def test_nothing_in_the_file_selects_certificates(command, project, quickstart):
    wanted = command("--estate", quickstart, "--json", "list").json
    path = project(f'estate = "{quickstart}"\nparticipant = "rdp-one"\nenvironment = "UIT-A"\n')
    assert command("list", "--json").json == wanted
    for line in (("revoke", "--reason", "key-compromise"), ("set-status", "not-in-use")):
        outcome = command(*line)
        assert outcome.code == 2
        assert "No certificate is selected" in outcome.err
    outcome = command("export", "--format", "pem", "--out", path.parent / "out", "--json")
    assert any("supplier-one" in name for name in outcome.json["files"])


def test_a_manifest_is_taken_beside_a_configured_participant(command, project, quickstart):
    path = project(
        f'estate = "{quickstart}"\nparticipant = "meters-one"\npurpose = "uept"\n'
        f'hw-type = "{HW_TYPE}"\n'
    )
    manifest = path.parent / "rows.csv"
    manifest.write_text(
        "profile,participant,purpose,device-id,hw-type,usage\n"
        f"device,meters-one,device-and-user-system-tests,00-DB-12-00-00-00-00-05,{HW_TYPE},"
        "digital-signature\n"
    )
    outcome = command("batch", "check", manifest, "--json")
    assert outcome.code == 0, outcome.out
    assert outcome.json["accepted"] == 1


def test_a_wrong_value_names_the_line_that_it_is_from(command, project, quickstart):
    path = project(f'estate = "{quickstart}"\nexport-format = "pme"\n')
    outcome = command("export", "--out", path.parent / "out")
    assert outcome.code == 2
    error, note = outcome.err.splitlines()
    assert "pme" in error
    assert note == f"note: export-format is 'pme' by {path}:2."
    # What the line itself says is not the file's.
    outcome = command("export", "--format", "emp", "--out", path.parent / "out")
    assert "note" not in outcome.err


@pytest.mark.parametrize("way", ["option", "after", "variable"])
def test_there_are_ways_not_to_use_it(command, project, monkeypatch, way):
    project("no TOML")
    assert command("config").code == 4
    lines = {"option": ["--no-config", "config"], "after": ["config", "--no-config"]}
    line = lines.get(way, ["config"])
    if way == "variable":
        monkeypatch.setenv("SMKI_TESTCA_CONFIG", "")
    assert command(*line).code == 0
    assert command("--help").code == 0
    assert command("list", "--help").code == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["check", "issue"])
def test_it_is_not_used_either_where_commands_depend_on_its_profiles(
    command, project, quickstart, name
):
    project('profiles = "missing"\nparticipant = "nobody"\n')
    words = ("device", "--participant", "meters-one", "--hw-type", HW_TYPE, *DEVICE)
    line = ("--estate", quickstart, name, *words, "--purpose", "device-and-user-system-tests")
    assert command(*line).code == 4
    assert command("--no-config", *line).code == 0
    assert command(*line, "--no-config").code == 0
    assert command(*line[:3], "--no-config", *line[3:]).code == 0
    assert command(name, "--no-config", "device", "--help").code == 0


def test_the_variable_names_another_file(command, project, monkeypatch, tmp_path):
    project('estate = "found"\n')
    other = tmp_path / "other.toml"
    other.write_text('estate = "named"\n')
    monkeypatch.setenv("SMKI_TESTCA_CONFIG", str(other))
    file, settings = _shown(command)
    assert file == str(other)
    assert settings["estate"]["value"] == str(tmp_path / "named")
    monkeypatch.setenv("SMKI_TESTCA_CONFIG", str(tmp_path / "missing.toml"))
    outcome = command("config", "--json")
    assert outcome.code == 4
    assert outcome.json["error"]["code"] == "input.unreadable"


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        (
            '\nenviroment = "x"',
            "config.key",
            "line 2, enviroment: there is no such key. Did you mean env",
        ),
        ('hw_type = "x"', "config.key", "Did you mean hw-type?"),
        ('xyzzy = "x"', "config.key", "line 1, xyzzy: there is no such key."),
        ('[tool]\nestate = "x"', "config.key", "tool"),
        ('passphrase-fil = "x"', "config.key", "Did you mean passphrase-file?"),
        ('passphrase = "x"', "config.secret", "a secret does not belong in this file"),
        ('estate-password = "x"', "config.secret", "a secret does not belong in this file"),
        ("participant = 3", "config.value", "line 1, participant: the value is not a text"),
        ('participant = ""', "config.value", "participant"),
        (f'participant = "{"x" * 5000}"', "config.value", "has 5000 characters. It may have 4096"),
        ('participant = "a\\nb"', "config.value", "participant"),
        ('estate = ["a"]', "config.value", 'estate = "…"'),
        ("estate = e", "toml.syntax", "line 1"),
        ('estate = "a"\nestate = "b"', "toml.syntax", "line 2"),
    ],
)
def test_a_file_that_is_wrong_is_one_line_that_says_where(
    command, project, one_line, text, code, told
):
    path = project(text + "\n")
    outcome = command("list")
    assert outcome.code == 4
    line = one_line(outcome)
    assert told in line
    assert str(path) in line
    assert command("list", "--json").json["error"]["code"] == code


def test_the_nearest_file_is_used_and_none_above_the_home_directory(command, project, tmp_path):
    home = tmp_path / "home"
    above = project('estate = "above"\n', tmp_path)
    assert _shown(command)[0] is None
    at_home = project('estate = "home"\n', home)
    assert _shown(command)[0] == str(at_home)
    nearer = project('profiles = "p"\n')
    file, settings = _shown(command)
    assert file == str(nearer)
    assert settings["estate"]["value"] is None, "files are not joined"
    os.chdir(tmp_path)
    assert _shown(command)[0] == str(above), "whoever works there uses it"


def _writable_file(path):
    path.chmod(0o666)


def _writable_folder(path):
    path.parent.chmod(0o777)


def _sticky_folder(path):
    path.parent.chmod(0o777 | stat.S_ISVTX)


def _others_file(path):
    os.chown(path, 4321, -1)


def _others_folder(path):
    os.chown(path.parent, 4321, -1)


def _others_link(path):
    kept = path.rename(path.with_name("ours.toml"))
    path.symlink_to(kept)
    os.chown(path, 4321, -1, follow_symlinks=False)


def _link_to_others_folder(path):
    elsewhere = path.parent / "theirs"
    elsewhere.mkdir()
    kept = path.rename(elsewhere / path.name)
    path.symlink_to(kept)
    os.chown(elsewhere, 4321, -1)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="files have no owner there")
@pytest.mark.parametrize(
    "plant",
    [
        *(_writable_file, _writable_folder, _sticky_folder, _others_file, _others_folder),
        *(_others_link, _link_to_others_folder),
    ],
)
def test_a_file_that_somebody_else_may_have_put_there_is_refused(
    command, project, one_line, monkeypatch, plant
):
    path = project('estate = "theirs"\n')
    try:
        plant(path)
    except PermissionError:
        pytest.skip("only root can give files away")
    outcome = command("list")
    assert outcome.code == 4
    line = one_line(outcome)
    assert f"{path} is not used" in line
    assert "--no-config" in line
    assert command("list", "--json").json["error"]["code"] == "config.untrusted"
    assert command("--no-config", "config").code == 0
    monkeypatch.setenv("SMKI_TESTCA_CONFIG", str(path))
    assert _shown(command)[0] == str(path), "whoever names it trusts it"


# The PKCS#11 module is a program: a folder that somebody else made must not bring it along.


@pytest.fixture
def use_module(command, project, tmp_path):
    """Uses the module that a file names; gives the error. The module is no library, if it is there.

    The file is in the folder ``project`` of the home directory, the command works in ``deep``.
    """
    for name in ("pin", "phrase"):
        (tmp_path / name).write_text("1234\n")
    files = ("--token-pin-file", tmp_path / "pin", "--passphrase-file", tmp_path / "phrase")

    def use(written, *words):
        project(f"token-module = '{written}'\n")
        assert command("config").code == 0
        make = ("init", tmp_path / "estate", "--token", "pkcs11:token=trial")
        outcome = command("--json", *make, *files, *words)
        assert outcome.code != 0
        assert not (tmp_path / "estate").exists()
        return outcome.json["error"]

    return use


@pytest.fixture
def library():
    """Writes what a file would name as a module."""

    def write(folder):
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "module.so"
        path.write_bytes(b"no library")
        path.chmod(0o644)
        return path

    return write


@pytest.mark.slow
@pytest.mark.parametrize("written", ["module.so", "../module.so", "~/module.so"])
def test_a_found_file_gives_the_whole_path_of_a_module(use_module, written):
    error = use_module(written)
    assert error["code"] == "config.untrusted"
    assert "its whole path" in error["message"]
    assert "--token-module or SMKI_TESTCA_PKCS11_MODULE" in error["remedy"]


@pytest.mark.slow
def test_a_module_that_came_with_the_found_file_is_refused(use_module, library, tmp_path):
    project = tmp_path / "home" / "project"
    inner = library(project / "lib")
    assert f"it is below {project}" in use_module(inner)["message"]
    # So is one beside the folder of the file, in the same working copy.
    beside = library(tmp_path / "home" / "lib")
    assert "it is below" not in use_module(beside)["message"]
    (tmp_path / "home" / ".git").mkdir()
    error = use_module(beside)
    assert error["code"] == "config.untrusted"
    assert f"it is below {tmp_path / 'home'}" in error["message"]


@pytest.mark.slow
def test_no_link_leads_round_that(use_module, library, tmp_path):
    project = tmp_path / "home" / "project"
    outside, inside = library(tmp_path / "lib"), library(project / "lib")
    (project / "in.so").symlink_to(outside)
    (tmp_path / "out.so").symlink_to(inside)
    for path in (project / "in.so", tmp_path / "out.so", tmp_path / "lib" / ".." / "out.so"):
        assert "it is below" in use_module(path)["message"]


@pytest.fixture
def give_to_group(monkeypatch):
    """Lets a group write to a path: one with a name and members."""
    grp = pytest.importorskip("grp")

    def give(path, name, members):
        with contextlib.suppress(PermissionError):  # the user's own group stands in for it
            os.chown(path, -1, 4321)
        path.chmod(path.stat().st_mode | 0o020)
        group = grp.struct_group((name, "x", path.stat().st_gid, members))
        monkeypatch.setattr(grp, "getgrgid", lambda _: group)

    return give


@pytest.mark.slow
@pytest.mark.parametrize("place", ["file", "folder", "module", "folder of the module"])
def test_where_a_group_may_write_no_module_is_used(
    use_module, library, tmp_path, give_to_group, place
):
    path, project = library(tmp_path / "lib"), tmp_path / "home" / "project"
    use_module(path)
    places = {
        "file": project / "smki-testca.toml",
        "folder": project,
        "module": path,
        "folder of the module": path.parent,
    }
    give_to_group(places[place], "staff", [])
    error = use_module(path)
    assert error["code"] == "config.untrusted"
    assert f"a group may write to {places[place]}" in error["message"]
    assert use_module(path, "--token-module", path)["code"] != "config.untrusted"


@pytest.mark.slow
def test_a_group_of_the_users_own_is_none_of_others(use_module, library, tmp_path, give_to_group):
    pwd = pytest.importorskip("pwd")
    path, name = library(tmp_path / "lib"), pwd.getpwuid(os.geteuid()).pw_name
    for members, is_used in (([], True), ([name], True), ([name, "another"], False)):
        give_to_group(path, name, members)
        assert (use_module(path)["code"] != "config.untrusted") is is_used


def test_a_file_that_a_group_may_write_to_is_used_for_all_else(command, project, give_to_group):
    give_to_group(project('estate = "theirs"\n'), "staff", [])
    assert str(command("--json", "config").json).count("theirs")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="files have no owner there")
def test_a_module_that_others_may_change_is_refused(use_module, library, tmp_path):
    path = library(tmp_path / "lib")
    path.chmod(0o646)
    error = use_module(path)
    assert (error["code"], "everybody may write to" in error["message"]) == (
        "config.untrusted",
        True,
    )


@pytest.mark.slow
def test_whoever_names_the_module_or_the_file_trusts_it(use_module, library, tmp_path, monkeypatch):
    path = library(tmp_path / "home" / "project")
    named = use_module("/nowhere.so", "--token-module", path)
    monkeypatch.setenv("SMKI_TESTCA_PKCS11_MODULE", str(path))
    by_variable = use_module("/nowhere.so")
    monkeypatch.delenv("SMKI_TESTCA_PKCS11_MODULE")
    monkeypatch.setenv(
        "SMKI_TESTCA_CONFIG", str(tmp_path / "home" / "project" / "smki-testca.toml")
    )
    by_file = use_module("module.so")
    assert named == by_variable == by_file
    assert named["code"].startswith("token.")


@pytest.mark.slow
def test_a_module_elsewhere_is_used_and_one_that_is_missing_told(use_module, library, tmp_path):
    for path in (library(tmp_path / "lib"), tmp_path / "nowhere.so"):
        assert use_module(path)["code"].startswith("token.")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="files have no owner there")
def test_files_of_the_administrator_are_used_and_those_of_a_group(command, project, monkeypatch):
    path = project('estate = "ours"\n')
    path.chmod(0o660)
    path.parent.chmod(0o775)
    own = path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: own)
    assert _shown(command)[0] == str(path)
    monkeypatch.setattr(os, "geteuid", lambda: own + 1)
    assert (command("config").code == 0) == (own == 0)


def test_a_link_to_nothing_and_a_pipe_are_told_and_nothing_waits(command, project):
    path = project("")
    path.unlink()
    path.symlink_to("nowhere")
    assert command("config", "--json").json["error"]["code"] == "input.unreadable"
    path.unlink()
    if hasattr(os, "mkfifo"):
        os.mkfifo(path, 0o600)
        assert command("config", "--json").json["error"]["code"] == "input.unreadable"


def test_a_user_without_a_home_directory_has_a_file_too(command, project, monkeypatch):
    path = project('estate = "~/e"\n')
    monkeypatch.setattr(os.path, "expanduser", lambda text: text)  # as without one
    file, settings = _shown(command)
    assert file == str(path)
    assert settings["estate"]["value"] == str(path.parent / "~/e")


@pytest.mark.usefixtures("project")
def test_a_working_directory_that_is_gone_has_no_file(command):
    folder = Path.cwd()
    folder.rmdir()
    assert _shown(command)[0] is None


def test_tests_meet_no_stray_file(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "smki-testca.toml").write_text("no TOML")
    assert _shown(command)[0] is None
    assert os.environ["SMKI_TESTCA_CONFIG"] == ""


def test_what_is_configured_completes_too(command, project, quickstart, monkeypatch):
    project(f'estate = "{quickstart}"\n')
    monkeypatch.setenv("_SMKI_TESTCA_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "smki-testca list --participant met")
    monkeypatch.setenv("COMP_CWORD", "3")
    assert command().out == "plain,meters-one\n"


@pytest.mark.usefixtures("project")
def test_the_json_of_config_is_stable(command):
    document = json.loads(command("config", "--json").out)
    assert set(document) == {"file", "settings"}
    assert {key for each in document["settings"] for key in each} == {
        "name",
        "value",
        "source",
        "place",
    }


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_the_page_on_configuration_works_as_typed(project):
    text = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    blocks = re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL)
    (written,) = [block for language, block in blocks if language == "toml"]
    typed = [block for language, block in blocks if language == "sh"]
    assert len(typed) > 4
    work = Path.cwd()
    project(written, work)
    (work / "ci").mkdir()
    project("", work / "ci")
    program = install(work / "bin")
    subprocess.run(
        ["bash", "-eu", "-c", "\n".join(typed)],
        env={**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"},
        check=True,
        capture_output=True,
    )
    assert list((work / "certificates").rglob("*.pem"))
