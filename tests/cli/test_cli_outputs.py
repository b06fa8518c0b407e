"""``--out`` of every command that writes: a file, a device, a pipe, ``-`` for standard output."""

from __future__ import annotations

import io
import json
import os
import stat
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest
from cryptography import x509

import batches
import csrs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="Windows has no such files"),
]

PATIENCE = 300
"""Seconds after which a command counts as hung."""


def _read(pipe, taken):
    taken.append(pipe.read_bytes())


def _run(estate, *words, **more):
    return subprocess.run(
        [sys.executable, "-m", "smki_testca", "--estate", estate, *map(str, words)],
        capture_output=True,
        check=False,
        timeout=PATIENCE,
        **more,
    )


@pytest.fixture
def requests(tmp_path):
    """A ZIP of one CSR in the Portal's form."""
    path = tmp_path / "requests.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("one.csr", csrs.pem(csrs.device(csrs.new_key())))
    return path


SIGN = ("--participant", "meters-one", "--purpose", batches.DEVICE_PURPOSE)


@pytest.fixture
def words(command, quickstart, requests):
    """The words of each command that writes one file, without --out."""
    batches.issue(command, quickstart, *batches.range_of(3))
    return {
        "sign": ("batch", "sign", requests, *SIGN),
        "csv": ("batch", "export", 1, "--format", "csv"),
        "der-stream": ("batch", "export", 1, "--format", "der-stream"),
        "parquet": ("batch", "export", 1, "--format", "parquet"),
        "crl": ("crl", "issue", "--der"),
    }


NAMES = ["sign", "csv", "der-stream", "parquet", "crl"]


def _holds(name, octets):
    if name == "sign":
        return zipfile.ZipFile(io.BytesIO(octets)).namelist() != []
    if name == "csv":
        return len(octets.splitlines()) == 4
    if name == "parquet":
        return octets[:4] == octets[-4:] == b"PAR1"
    if name == "crl":
        return x509.load_der_x509_crl(octets) is not None
    return octets[:1] == b"\x30"


@pytest.mark.parametrize("name", NAMES)
def test_a_device_a_pipe_and_a_hyphen_are_written_to_and_not_replaced(
    quickstart, words, name, tmp_path
):
    forces = [()] if name == "crl" else [(), ("--force",)]
    for force in forces:
        outcome = _run(quickstart, *words[name], "--out", os.devnull, *force)
        assert outcome.returncode == 0, outcome.stderr
        assert Path(os.devnull).is_char_device()
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        taken = []
        reader = threading.Thread(target=_read, args=(pipe, taken), daemon=True)
        reader.start()
        outcome = _run(quickstart, *words[name], "--out", pipe, *force)
        assert outcome.returncode == 0, outcome.stderr
        reader.join(PATIENCE)
        assert pipe.is_fifo()
        pipe.unlink()
        assert _holds(name, taken[0])
        outcome = _run(quickstart, *words[name], "--out", "-", *force, cwd=tmp_path)
        assert outcome.returncode == 0, outcome.stderr
        # The lines for people are on standard error then.
        assert _holds(name, outcome.stdout)
        assert outcome.stderr != b""
        assert not (tmp_path / "-").exists()


@pytest.mark.parametrize("name", NAMES)
def test_json_and_an_output_do_not_share_standard_output(quickstart, words, name):
    for out in ("-", "/dev/stdout"):
        outcome = _run(quickstart, "--json", *words[name], "--out", out)
        assert outcome.returncode == 2
        assert json.loads(outcome.stderr or outcome.stdout)["error"]["code"] == "usage"


@pytest.mark.parametrize("name", ["sign", "csv"])
def test_standard_output_is_called_that(quickstart, words, name):
    outcome = _run(quickstart, *words[name], "--out", "-")
    assert b"on standard output." in outcome.stderr
    assert b"/dev/stdout" not in outcome.stderr


def test_of_a_csr_and_its_key_each_may_be_on_standard_output(quickstart, tmp_path):
    device = ("--device-id", "00-DB-12-00-00-00-00-05", "--hw-type", "1.2.3")
    words = ("csr", "device", *device, "--usage", "key-agreement", "--key", tmp_path / "a.key")
    outcome = _run(quickstart, *words, "--out", "-")
    assert outcome.stdout.startswith(b"-----BEGIN CERTIFICATE REQUEST-----")
    assert b"The CSR is on standard output; its private key is " in outcome.stderr
    shown = _run(quickstart, "csr", "device", "--help").stdout.split()
    assert b"- for standard output" in b" ".join(shown)


FOLDERS = (("renew", "--label", "ESME-ds"), ("kit", "make", "zaz1"))
"""Commands that write a folder."""


@pytest.mark.parametrize(
    "command", [("corpus", "make", ""), ("renew", "--label", "L", "--out", "")]
)
def test_an_output_without_a_name_is_not_the_current_directory(quickstart, command):
    outcome = _run(quickstart, *command)
    assert outcome.returncode == 2
    assert b"its name is empty" in outcome.stderr


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_a_folder_is_not_standard_output(quickstart, words, as_json):
    for command in FOLDERS:
        outcome = _run(quickstart, *as_json, *command, "--out", "-")
        assert outcome.returncode == 2
        assert b"standard output is not a folder" in outcome.stderr + outcome.stdout
    tree = (*words["csv"][:4], "pem-tree")
    outcome = _run(quickstart, *tree, "--out", "-")
    assert outcome.returncode == 4
    assert b"Standard output is not a folder" in outcome.stderr


@pytest.mark.parametrize("name", ["sign", "der-stream", "crl"])
def test_nothing_binary_is_written_to_a_terminal(quickstart, words, name):
    import pty  # noqa: PLC0415 - not on Windows

    one, other = pty.openpty()
    try:
        terminal = os.ttyname(other)
        outcome = _run(quickstart, *words[name], "--out", terminal)
        assert outcome.returncode == 2
        assert b"terminal" in outcome.stderr
    finally:
        os.close(one)
        os.close(other)


@pytest.mark.parametrize(
    ("words", "out"),
    [
        *((words, out) for words in FOLDERS for out in ("-", os.devnull)),
        (("export", "--format", "pem"), os.devnull),
    ],
)
def test_a_folder_is_no_device(quickstart, words, out):
    outcome = _run(quickstart, *words, "--out", out)
    assert outcome.returncode == (2 if out == "-" else 4), outcome.stderr
    assert len(outcome.stderr.splitlines()) == 1
    assert Path(os.devnull).is_char_device()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="root alone may chown")
def test_crl_issue_keeps_owner_group_and_mode_of_the_file(command, quickstart, tmp_path):
    path = tmp_path / "served.crl"
    path.touch()
    path.chmod(0o640)
    os.chown(path, 1234, 4321)
    assert command("--estate", quickstart, "crl", "issue", "--out", path).code == 0
    state = path.stat()
    assert (state.st_uid, state.st_gid, stat.S_IMODE(state.st_mode)) == (1234, 4321, 0o640)
    assert path.read_bytes()


def test_crl_issue_keeps_the_mode_of_the_file(command, quickstart, tmp_path):
    path = tmp_path / "served.crl"
    path.touch()
    path.chmod(0o600)
    assert command("--estate", quickstart, "crl", "issue", "--out", path).code == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


RESERVED = {
    "CON": "CON_",
    "aux": "aux_",
    "nul.txt": "nul_.txt",
    "Com1.tar.gz": "Com1_.tar.gz",
    "lpt9": "lpt9_",
    "-prn-": "prn_",
}


def test_names_that_windows_reserves_are_changed_when_exported_and_told(
    command, quickstart, tmp_path
):
    for label in RESERVED:
        outcome = command(
            *("--estate", quickstart, "issue", "device", *SIGN, "--usage", "key-agreement"),
            *("--device-id", "00-DB-12-00-00-00-01-01", "--hw-type", batches.HW_TYPE),
            *(f"--label={label}",),
        )
        assert outcome.code == 0, outcome.err
    out = tmp_path / "out"
    here = ("--estate", quickstart, "export", "--format", "pem", "--with-keys")
    outcome = command("--json", *here, "--out", out)
    told = {entry["name"]: entry["written_as"] for entry in outcome.json["renamed"]}
    assert told == RESERVED
    names = {path.name for path in out.rglob("*")}
    assert {f"{name}.pem" for name in RESERVED.values()} <= names
    reserved = {"con", "aux", "nul", "prn", *(f"{d}{n}" for d in ("com", "lpt") for n in range(10))}
    assert not {name for name in names if name.lower().split(".")[0] in reserved}
    outcome = command(*here, "--out", tmp_path / "again")
    assert "warning: Windows reserves the file name 'aux': it is written as aux_." in outcome.err


def test_a_reserved_name_is_told_as_it_is_written_and_only_where_it_is(
    command, quickstart, tmp_path
):
    for label in ("con", "con_", "con:"):
        outcome = command(
            *("--estate", quickstart, "issue", "device", *SIGN, "--usage", "key-agreement"),
            *("--device-id", "00-DB-12-00-00-00-01-01", "--hw-type", batches.HW_TYPE),
            *(f"--label={label}",),
        )
        assert outcome.code == 0, outcome.err
    export = ("--estate", quickstart, "export")
    for form, has_such_files in (("pem", True), ("der", True), ("csv", False), ("jwks", False)):
        out = tmp_path / form
        outcome = command("--json", *export, "--format", form, "--out", out)
        assert outcome.code == 0, outcome.err
        told = [entry["written_as"] for entry in outcome.json["renamed"]]
        written = {path.stem for path in out.rglob("con_*")}
        assert bool(told) == bool(written) == has_such_files
        assert set(told) <= written
    outcome = command(*export, "--format", "pem", "--out", tmp_path / "again")
    (warning,) = [line for line in outcome.err.splitlines() if "'con'" in line]
    said = warning.split("written as ")[1].split(",")[0].rstrip(".")
    assert list((tmp_path / "again").rglob(f"{said}.pem"))


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="nobody can write there")
@pytest.mark.parametrize("more", [(), ("--dry-run",)])
@pytest.mark.parametrize("out", ["/proc/out", "nowhere/out", "file/out"])
def test_where_the_output_cannot_be_written_nothing_is_issued(
    command, quickstart, requests, file_digest, tmp_path, out, more
):
    (tmp_path / "file").touch()
    path = tmp_path / out
    before = file_digest(quickstart)
    for words in (
        ("batch", "sign", requests, *SIGN),
        ("crl", "issue"),
        ("renew", "--label", "Z1-supplier-ds"),
    ):
        if words[0] == "renew" and out == "nowhere/out":
            continue  # it makes the folder
        outcome = command("--json", "--estate", quickstart, *words, "--out", path, *more)
        assert outcome.code == 4, outcome.out
        assert outcome.json["error"]["code"] in {"export.unwritable", "crl.unwritable"}
        assert file_digest(quickstart) == before
    assert {each.name for each in tmp_path.iterdir()} == {"estate", "file", requests.name}
