"""Drafts pass their own checks once they are filled in as their comments say."""

import re
import tomllib
from pathlib import Path

import pytest

OUR_TYPE = "title = "


def _filled(text):
    """A draft with each empty text replaced by the example in the comment above it."""
    lines, example = [], ""
    for line in text.splitlines():
        if line.startswith("# "):
            found = re.search(r"For example: (\S.*?)$", line)
            example = found[1] if found else example
        elif '""' in line:
            assert example, f"no comment says what belongs into: {line}"
            lines.append(line.replace('""', f'"{example}"'))
            example = ""
            continue
        lines.append(line)
    return "\n".join(lines) + "\n"


def _with_options(text):
    """A draft with each option in use: the lines that begin with # and no space."""
    return re.sub(r"(?m)^#(?=[^ #\n])", "", text)


@pytest.fixture
def draft(command, tmp_path):
    """Writes a draft and gives its path and its text."""

    def write(*words, name="draft.toml"):
        path = tmp_path / name
        outcome = command(*words, path)
        assert outcome.code == 0, outcome.err
        assert "Fill it in" in outcome.err
        return path, path.read_text("utf-8")

    return write


@pytest.mark.slow
@pytest.mark.parametrize("options", [False, True], ids=["plain", "with options"])
@pytest.mark.parametrize("kind", ["register", "agreement"])
def test_a_draft_that_is_filled_in_is_imported(command, quickstart, draft, kind, options):
    path, text = draft(kind, "new")
    text = _filled(_with_options(text) if options else text)
    path.write_text(text, "utf-8")
    estate = ("--estate", quickstart)
    outcome = command("register", "check", path, "--json", *estate)
    assert outcome.code == 0, outcome.out
    (reference,) = outcome.json["agreements"]
    into = ("register", "import") if kind == "register" else ("agreement", "add")
    assert command(*into, path, *estate).code == 0
    assert command("agreement", "show", reference, *estate).code == 0


@pytest.mark.parametrize("kind", ["register", "agreement"])
def test_a_draft_that_is_not_filled_in_is_refused_at_its_first_gap(command, draft, one_line, kind):
    path, text = draft(kind, "new")
    gap = next(number for number, line in enumerate(text.splitlines(), 1) if line.endswith('""'))
    outcome = command("register", "check", path)
    assert outcome.code == 4
    assert f"line {gap}" in one_line(outcome)


@pytest.mark.slow
@pytest.mark.parametrize("options", [False, True], ids=["plain", "with options"])
def test_a_kit_that_is_filled_in_is_found_and_shown(command, draft, tmp_path, options):
    path, text = draft("kit", "new", name="own/kits/ours.toml")
    own = ("--profiles", tmp_path / "own")
    assert command("profiles", "check", *own).code == 4
    path.write_text(_filled(_with_options(text) if options else text), "utf-8")
    outcome = command("profiles", "check", *own)
    assert outcome.code == 0, outcome.err
    shown = command("kit", "show", "ours", "--json", *own).json
    assert len(shown["certificates"]) == (6 if options else 2)
    assert command("kit", "show", path, "--json").json == shown


@pytest.mark.slow
def test_a_kit_that_is_filled_in_is_made(command, draft, tmp_path):
    path, text = draft("kit", "new", name="own/kits/ours.toml")
    path.write_text(_filled(_with_options(text)), "utf-8")
    outcome = command("kit", "make", path, "--out", tmp_path / "out", "--format", "pem")
    assert outcome.code == 0, outcome.err


@pytest.mark.parametrize("kind", ["register", "agreement", "kit"])
def test_a_draft_says_which_values_there_are_and_begins_today(command, kind):
    outcome = command("--clock", "2031-02-03T00:00:00Z", kind, "new", "-")
    assert outcome.code == 0
    tomllib.loads(outcome.out)
    for known in ("section-t", "organisation-user", "SIT-B", "security-requirements-of-the-etad"):
        assert known in outcome.out
    if kind != "kit":
        assert "from = 2031-02-03" in outcome.out
    assert all(len(line) < 101 for line in outcome.out.splitlines() if "One or more of" not in line)


@pytest.mark.parametrize("kind", ["register", "agreement", "kit"])
def test_a_draft_replaces_nothing_unless_it_may(command, tmp_path, kind):
    path = tmp_path / "mine.toml"
    path.write_text("mine")
    assert command(kind, "new", path).code == 4
    assert path.read_text() == "mine"
    outcome = command(kind, "new", path, "--force", "--json")
    assert outcome.json == {"file": str(path)}
    assert path.read_text() != "mine"
    assert command(kind, "new", "-", "--json").code == 2


def test_a_kit_has_the_name_of_its_file(command, tmp_path, one_line):
    assert command("kit", "new", tmp_path / "ours.toml").code == 0
    assert tomllib.loads((tmp_path / "ours.toml").read_text("utf-8"))["name"] == "ours"
    outcome = command("kit", "new", tmp_path / "our kit.toml")
    assert outcome.code == 4
    assert "cannot be the name of a kit" in one_line(outcome)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("device", "certificates/device.toml"),
        ("certificates/iki", "certificates/iki.toml"),
        ("organisation-crl", "revocation-lists/organisation-crl.toml"),
        ("categories/device.toml", "categories/device.toml"),
        ("kits/zaz1", "kits/zaz1.toml"),
        ("environments", "environments.toml"),
    ],
)
def test_a_copy_of_a_profile_says_what_it_is_of_and_passes_the_check(
    command, library, tmp_path, name, path
):
    outcome = command("profiles", "copy", name, tmp_path / "own")
    assert outcome.code == 0, outcome.err
    written = tmp_path / "own" / path
    text = written.read_text("utf-8")
    assert text.startswith(f"# Copied from profiles/{path}.\n")
    assert text.endswith(library.path_of(path).read_text("utf-8"))
    outcome = command("--profiles", tmp_path / "own", "profiles", "check", "--json")
    assert outcome.code == 0
    assert str(written) in outcome.json["files"]
    assert command("profiles", "copy", name, tmp_path / "own").code == 4
    assert command("profiles", "copy", name, tmp_path / "own", "--force").code == 0


@pytest.mark.slow
def test_every_file_of_the_profiles_can_be_copied(command, library, tmp_path):
    for name in library.file_names():
        assert command("profiles", "copy", name, tmp_path / "own").code == 0
    assert command("--profiles", tmp_path / "own", "profiles", "check").code == 0


def test_a_copy_is_of_the_file_in_use(command, tmp_path):
    assert command("profiles", "copy", "device", tmp_path / "own").code == 0
    own = tmp_path / "own" / "certificates" / "device.toml"
    own.write_text(own.read_text("utf-8") + "# Ours.\n", "utf-8")
    command("--profiles", tmp_path / "own", "profiles", "copy", "device", tmp_path / "second")
    assert (tmp_path / "second" / "certificates" / "device.toml").read_text().endswith("# Ours.\n")


def test_what_cannot_be_copied_is_answered_with_what_can(command, tmp_path, one_line):
    outcome = command("profiles", "copy", "devices", tmp_path)
    assert outcome.code == 4
    assert "Did you mean device?" in one_line(outcome)
    assert list(tmp_path.iterdir()) == []


FILES = {
    "no TOML": ("participant = [", "toml.syntax"),
    "no such key": ('[[participant]]\nid = "a"\nnme = "A"', "toml.shape"),
    "an unknown kind": ('[[participant]]\nid = "a"\nname = "A"\nkind = "baker"', "toml.shape"),
    "no Signifier": (
        '[[participant]]\nid = "a"\nname = "A"\nkind = "party"',
        "participant.signifier",
    ),
    "twice": (2 * '[[participant]]\nid = "a"\nname = "A"\nkind = "other"\n', "participant.twice"),
    "a taken entry": (
        '[[participant]]\nid = "a"\nname = "A"\nkind = "other"\nregistry-entries = ["00-DB-12"]',
        "registry_entry.taken",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("text", "code"), FILES.values(), ids=FILES)
def test_check_tells_what_import_would_and_changes_nothing(
    command, quickstart, file_digest, tmp_path, text, code
):
    path = tmp_path / "given.toml"
    path.write_text(text, "utf-8")
    before = file_digest(quickstart)
    for line in ((path,), (path, "--json")):
        judged = command("--estate", quickstart, "register", "check", *line)
        imported = command("--estate", quickstart, "register", "import", *line)
        assert (judged.code, judged.out, judged.err) == (4, imported.out, imported.err)
    assert judged.json["error"]["code"] == code
    assert file_digest(quickstart) == before


def test_check_needs_no_estate_and_no_passphrase(command, quickstart, tmp_path, file_digest):
    path = tmp_path / "given.toml"
    path.write_text(FILES["a taken entry"][0], "utf-8")
    outcome = command("register", "check", path)
    assert outcome.code == 0
    assert outcome.out == "1 participant and 0 agreements can be imported into an empty register.\n"
    assert command("register", "check", path, "--json").json == {
        "participants": ["a"],
        "agreements": [],
        "estate": None,
        "warnings": [],
    }
    path.write_text(FILES["no Signifier"][0], "utf-8")
    outcome = command("register", "check", path)
    assert outcome.code == 4
    assert f"{path}, line 4" in outcome.err
    (quickstart / "passphrase").unlink()
    before = file_digest(quickstart)
    path.write_text('[[participant]]\nid = "a"\nname = "A"\nkind = "other"', "utf-8")
    outcome = command("register", "check", path, "--estate", quickstart)
    assert outcome.code == 0, outcome.err
    assert file_digest(quickstart) == before
    assert command("register", "show", "a", "--estate", quickstart).code == 4


def test_check_warns_of_what_an_import_would_take_back(command, quickstart, tmp_path):
    estate = ("--estate", quickstart)
    command("register", "correct", "supplier-two", "--name", "Supplier the Second", *estate)
    path = tmp_path / "old.toml"
    command("examples", tmp_path / "examples")
    path.write_bytes((tmp_path / "examples" / "participants.toml").read_bytes())
    judged = command("register", "check", path, "--json", *estate).json
    assert judged["warnings"]
    assert (
        judged["warnings"]
        == command("register", "import", path, "--json", *estate).json["warnings"]
    )


@pytest.mark.parametrize("folder", ["prof\nx = 1", "prof\r\ny = 2", "prof\x1b[31m", "prof\u2028z"])
def test_a_copied_profile_has_no_more_than_the_comment_and_the_file(
    command, tmp_path, monkeypatch, folder
):
    monkeypatch.chdir(tmp_path)
    outcome = command("--json", "profiles", "copy", "device", folder)
    assert outcome.code == 0, outcome.out
    text = Path(outcome.json["file"]).read_bytes().decode()
    plain = Path(command("--json", "profiles", "copy", "device", "plain").json["file"])
    assert tomllib.loads(text) == tomllib.loads(plain.read_text("utf-8"))
    assert len(text.splitlines()) == len(plain.read_text("utf-8").splitlines())


@pytest.mark.parametrize("words", [("register",), ("agreement",), ("kit",)])
def test_a_draft_that_is_there_is_a_file(command, tmp_path, words):
    path = tmp_path / "draft.toml"
    path.write_text("mine")
    outcome = command(*words, "new", path)
    assert outcome.code == 4
    assert f"{path} already exists. Name another, or add --force." in outcome.err
    assert path.read_text() == "mine"
