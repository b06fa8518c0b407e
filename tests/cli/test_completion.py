"""What a shell completes, asked as its script asks, and in a bash that somebody types into."""

import contextlib
import os
import pty
import re
import select
import shutil
import subprocess
import sys

import click
import pytest

from smki_testca.cli import cli
from smki_testca.cli.completion import Completed

SHELLS = ["bash", "zsh", "fish"]


@pytest.fixture
def complete(command, quickstart, monkeypatch):
    """What the last word of a line completes to: pairs of a kind and a value."""

    def ask(*words, shell="bash", estate=True):
        line = ["smki-testca", *(["--estate", str(quickstart)] if estate else []), *words]
        with monkeypatch.context() as patch:
            patch.setenv("_SMKI_TESTCA_COMPLETE", f"{shell}_complete")
            patch.setenv("COMP_WORDS", " ".join(line))
            patch.setenv("COMP_CWORD", line[-1] if shell == "fish" else str(len(line) - 1))
            outcome = command()
        assert outcome.err == ""
        if shell == "zsh":
            lines = outcome.out.splitlines() if outcome.out.strip() else []
            return list(zip(lines[::3], lines[1::3], strict=True))
        return [
            tuple(line.split("\t")[0].split(",", 1)) for line in outcome.out.splitlines() if line
        ]

    return ask


def _plain(*names):
    return [("plain", name) for name in names]


@pytest.mark.slow
@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("list", "--participant", "su"), ("supplier-one", "supplier-two")),
        (("register", "show", "met"), ("meters-one",)),
        (("register", "correct", "net"), ("network-one",)),
        (("list", "--label", "Z1-supplier-"), ("Z1-supplier-ds", "Z1-supplier-ka")),
        (("issue", "device", "--environment", "UIT"), ("UIT-A", "UIT-B")),
        (("list", "--profile", "organisation-r"), ("organisation-root-ca",)),
        (("batch", "check", "--profile", "dev"), ("device",)),
        (("issue", "dev"), ("device",)),
        (("profiles", "show", "ik"), ("iki", "iki-root-ca")),
        (("kit", "make", "quick"), ("quickstart",)),
        (("export", "--format", "pk"), ("pkcs12", "pkcs7")),
        (("kit", "make", "zaz1", "--format", "key"), ("keystore-json",)),
        (("batch", "export", "--format", "par"), ("parquet",)),
        (("list", "--status", "in"), ("in-use",)),
        (("set-status", "not"), ("not-in-use",)),
        (("revoke", "--reason", "key"), ("key-compromise",)),
        (("renew", "--usage", "key"), ("key-agreement",)),
        (("list", "--role", "supp"), ("supplier",)),
        (("sign", "x.csr", "--purpose", "device"), ("device-and-user-system-tests",)),
        (("agreement", "show", "BIL"), ("BIL-2020-001",)),
        (("ca", "renew", "Z"), ("Z1", "ZA")),
        (("crl", "issue", "--ca", "Z1"), ("Z1",)),
        (("lint", "--as", "dev"), ("device",)),
        (("list", "--est"), ("--estate",)),
        (("lint", "--tr"), ("--trust",)),
        (("regi",), ("register",)),
    ],
    ids=" ".join,
)
def test_names_complete_from_the_estate_and_the_profiles(complete, quickstart, shell, words, names):
    (quickstart / "passphrase").unlink()
    found = complete(*words, shell=shell)
    found = [each for each in found if words[0] != "kit" or each != ("file", words[-1])]
    assert set(_plain(*names)) <= set(found)
    assert all(value.startswith(words[-1]) for _, value in found)


PATHS = [
    (("lint", "ce"), "file"),
    (("lint", "--trust", "ce"), "file"),
    (("show", "ce"), "file"),
    (("sign", "ce"), "file"),
    (("compare", "a", "ce"), "file"),
    (("import", "a", "ce"), "file"),
    (("register", "import", "ce"), "file"),
    (("register", "whois", "ce"), "file"),
    (("agreement", "add", "ce"), "file"),
    (("batch", "issue", "ce"), "file"),
    (("batch", "sign", "ce"), "file"),
    (("batch", "sign", "--out", "ce"), "file"),
    (("export", "--out", "ce"), "file"),
    (("export", "--export-passphrase-file", "ce"), "file"),
    (("csr", "device", "--key", "ce"), "file"),
    (("crl", "verify", "ce"), "file"),
    (("device", "load", "ce"), "dir"),
    (("device", "update", "ce"), "file"),
    (("device", "update", "x", "--path", "ce"), "file"),
    (("--passphrase-file", "ce"), "file"),
    (("list", "--passphrase-file", "ce"), "file"),
    (("--profiles", "ce"), "dir"),
    (("list", "--estate", "ce"), "dir"),
    (("init", "ce"), "dir"),
    (("init", "x", "--ca-keys", "ce"), "dir"),
    (("quickstart", "ce"), "dir"),
    (("kit", "make", "zaz1", "--out", "ce"), "dir"),
]


@pytest.mark.slow
@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(("words", "kind"), PATHS, ids=" ".join)
def test_where_a_path_is_expected_the_shell_completes_paths(complete, shell, words, kind):
    assert complete(*words, shell=shell, estate=False) == [(kind, "ce")]


@pytest.mark.parametrize("verb", ["show", "make", "apply"])
def test_a_kit_completes_by_name_and_by_file(complete, verb):
    assert complete("kit", verb, "zaz") == [("file", "zaz"), ("plain", "zaz1")]
    assert complete("kit", verb, "ours/k") == [("file", "ours/k")]


def test_in_bash_a_kit_file_completes_beside_the_kits_that_begin_like_it(
    complete, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for name in ("zoo.toml", "zoo.txt", "z o.toml", "other.toml"):
        (tmp_path / name).touch()
    in_bash, in_zsh = (complete("kit", "make", "z", shell=name) for name in ("bash", "zsh"))
    assert in_bash == [
        ("file", "z"),
        ("plain", "zoo.toml"),
        ("plain", "zaz1"),
    ]
    assert in_zsh == [("file", "z"), ("plain", "zaz1")]


def _parameters(group, context):
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        inner = click.Context(found, info_name=name, parent=context, resilient_parsing=True)
        for param in found.get_params(inner):
            yield f"{inner.command_path} {param.opts[0]}", param
        if isinstance(found, click.Group):
            yield from _parameters(found, inner)


PARAMETERS = dict(
    _parameters(
        cli, click.Context(cli, info_name="", resilient_parsing=True, **cli.context_settings)
    )
)
PATH_NAME = re.compile(
    r"(?:^|[-_])(?:files?|out|dir|directory|folder|path|estate|profiles|manifest)$"
)


def test_every_parameter_whose_name_is_a_paths_completes():
    paths = {
        name
        for name, param in PARAMETERS.items()
        if PATH_NAME.search(param.opts[0]) and not getattr(param, "is_flag", False)
    }
    assert len(paths) > 60
    assert [name for name in paths if not isinstance(PARAMETERS[name].type, Completed)] == []


def test_a_type_that_completes_reads_as_the_one_in_its_place():
    for param in PARAMETERS.values():
        if isinstance(param.type, Completed) and param.type.name == "text":
            assert param.type.convert("a b", param, None) == "a b"


def test_without_an_estate_or_with_a_broken_one_nothing_is_said(complete, tmp_path):
    assert complete("list", "--participant", "s", estate=False) == []
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "estate.sqlite").write_bytes(b"no estate" * 100)
    assert complete("--estate", str(broken), "list", "--label", "s", estate=False) == []
    assert complete("--profiles", str(tmp_path / "x"), "kit", "show", "z", estate=False) == []


def test_completion_changes_nothing_and_leaves_nothing_in_an_estate(complete, quickstart):
    before = {path: path.read_bytes() for path in quickstart.rglob("*") if path.is_file()}
    complete("list", "--label", "Z")
    assert {p: p.read_bytes() for p in quickstart.rglob("*") if p.is_file()} == before


def test_names_complete_with_an_option_or_a_variable_before_or_after(
    complete, quickstart, monkeypatch
):
    wanted = _plain("meters-one")
    after = ("list", "--estate", str(quickstart), "--participant", "met")
    assert complete(*after, estate=False) == wanted
    monkeypatch.setenv("SMKI_TESTCA_ESTATE", str(quickstart))
    assert complete("list", "--participant", "met", estate=False) == wanted


BARE = ["evil-bare_1", "evil.x:y+z@w/%a=b,c", "evil="]
NOT_BARE = [
    "evil$(touch${IFS}PWNED)",
    "evil`touch${IFS}PWNED`",
    "evil;touch${IFS}PWNED",
    "evil&touch",
    "evil|sh",
    "evil>PWNED",
    "evil<(x)",
    "evil*",
    "evil?",
    "evil[a-z]",
    "evil{a,b}",
    "evil!1",
    'evil"x',
    "evil'x",
    "evil\\x",
    "evil#x",
    "evil^x",
    "evil~x",
    "evil b",
    "evil\tb",
    "evil\nplain,ls",
    "evil\x1b[31m",
    "evil\u00e9",
    "evil\u0660",
    "evil,",
    "*",
    "-evil",
    "--force",
    "~evil",
    "=evil",
    "%evil",
    ",evil",
]


@pytest.mark.slow
@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("beginning", ["", "evil"])
@pytest.mark.parametrize(
    "words",
    [
        ("list", "--label"),
        ("list", "--participant"),
        ("agreement", "show"),
        ("ca", "renew"),
        ("batch", "verify"),
        ("kit", "show"),
        ("profiles", "show"),
        ("list", "--environment"),
        ("sign", "x.csr", "--purpose"),
    ],
    ids=" ".join,
)
def test_a_name_that_a_shell_would_run_or_expand_is_not_offered(
    complete, monkeypatch, tmp_path, shell, beginning, words
):
    monkeypatch.chdir(tmp_path)
    names = [*BARE, *NOT_BARE]
    monkeypatch.setattr("smki_testca.estate.known_names.known_names", lambda *_: names)
    monkeypatch.setattr("smki_testca.cli.session.Session.library", lambda _: _Names(names))
    found = complete(*words, beginning, shell=shell)
    assert [each for each in found if each[0] == "plain"] == _plain(*BARE)


class _Names:
    """A library of which every name is one of these."""

    def __init__(self, names):
        self.environments = self.testing_services = names
        self._names = names

    def names(self, folder):
        return [] if folder == "revocation-lists" else self._names


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("lint certif\t", "lint certificate.pem "),
        ("list --participant mete\t", "--participant meters-one "),
        ("quickstart fold\t", "quickstart folder/"),
    ],
)
def test_bash_completes_what_somebody_types(quickstart, tmp_path, typed, shown):
    (tmp_path / "certificate.pem").touch()
    (tmp_path / "folder").mkdir()
    with _bash(tmp_path, quickstart) as terminal:
        os.write(terminal, f"smki-testca {typed}".encode())
        assert shown in _read_until(terminal, shown)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_runs_nothing_that_is_in_a_label(command, quickstart, tmp_path):
    for label in ("evil$(touch${IFS}PWNED)", "evib;touch${IFS}PWNED", "evic-ok"):
        issued = command(
            *("--estate", quickstart, "issue", "device", "--participant", "meters-one"),
            *(
                "--device-id",
                "00-DB-12-34-00-00-0E-01",
                "--usage",
                "key-agreement",
                "--label",
                label,
            ),
            *("--hw-type", "1.2.826.0.1.8641679.1.2.2.1", "--json"),
            *("--purpose", "device-and-user-system-tests"),
        )
        assert issued.code == 0, issued.err
    with _bash(tmp_path, quickstart) as terminal:
        for typed in ("evil", "evib", "evic"):
            os.write(terminal, f"smki-testca list --columns label --label {typed}\t\n".encode())
        assert "evic-ok\r\n" in _read_until(terminal, "evic-ok\r\n")
    assert not (tmp_path / "PWNED").exists()


@contextlib.contextmanager
def _bash(folder, estate):
    """A terminal with a bash that completes the command, in a folder."""
    program = folder / "bin" / "smki-testca"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m smki_testca "$@"\n')
    program.chmod(0o700)
    environment = {
        **os.environ,
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "SMKI_TESTCA_ESTATE": str(estate),
        "PS1": "$ ",
        "TERM": "dumb",
    }
    ours, theirs = pty.openpty()
    shell = subprocess.Popen(
        ["bash", "--norc", "--noprofile", "-i"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        cwd=folder,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        os.write(ours, b'eval "$(_SMKI_TESTCA_COMPLETE=bash_source smki-testca)"; echo re""ady\n')
        _read_until(ours, "ready\r\n")
        yield ours
    finally:
        shell.kill()
        shell.wait()
        os.close(ours)


def _read_until(descriptor, wanted):
    """What a terminal shows, until a text is in it or nothing has come for two minutes."""
    text = ""
    while wanted not in text and select.select([descriptor], [], [], 120)[0]:
        text += os.read(descriptor, 4096).decode()
    return text
