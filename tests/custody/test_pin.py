"""The PIN comes from a file, a variable, the configuration or a prompt, and stays nowhere."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from custodies import issue
from smki_testca.cli.session import Session
from smki_testca.cli.tokens import Needs, ask_first
from tokens import PIN

pytestmark = pytest.mark.interop

ISSUE = issue("organisation")


class Terminal:
    """Standard input where somebody types."""

    def isatty(self):
        return True


@pytest.fixture
def pin_file(tmp_path, monkeypatch):
    monkeypatch.delenv("SMKI_TESTCA_TOKEN_PIN")
    path = tmp_path / "pin"
    path.write_text(f"{PIN}\nand a second line\n")
    return path


@pytest.mark.slow
def test_the_pin_is_on_the_first_line_of_a_file(custody, pin_file):
    assert custody(*ISSUE, "--token-pin-file", pin_file).code == 0


@pytest.mark.slow
def test_the_configuration_names_the_file_and_the_module(custody, pin_file, monkeypatch, tmp_path):
    monkeypatch.delenv("SMKI_TESTCA_PKCS11_MODULE")
    path = tmp_path / "smki-testca.toml"
    path.write_text(
        f'token-module = "{custody.token.module}"\ntoken-pin-file = "{pin_file.name}"\n'
    )
    monkeypatch.setenv("SMKI_TESTCA_CONFIG", str(path))
    assert custody(*ISSUE).code == 0
    settings = {each["name"]: each for each in custody("config", "--json").json["settings"]}
    assert settings["token-pin-file"]["value"] == str(pin_file)


@pytest.mark.slow
def test_a_configuration_that_is_found_names_the_module_of_the_system(
    custody, pin_file, monkeypatch, tmp_path
):
    monkeypatch.delenv("SMKI_TESTCA_PKCS11_MODULE")
    monkeypatch.delenv("SMKI_TESTCA_CONFIG")
    path = tmp_path / "work" / "smki-testca.toml"
    path.parent.mkdir()
    path.write_text(f'token-module = "{custody.token.module}"\ntoken-pin-file = "{pin_file}"\n')
    path.chmod(0o600)
    monkeypatch.chdir(path.parent)
    assert custody(*ISSUE).code == 0


def test_the_configuration_takes_no_pin(custody, monkeypatch, tmp_path):
    path = tmp_path / "smki-testca.toml"
    path.write_text(f'token-pin = "{PIN}"\n')
    monkeypatch.setenv("SMKI_TESTCA_CONFIG", str(path))
    outcome = custody("list", "--json")
    assert outcome.json["error"]["code"] == "config.secret"
    assert PIN not in outcome.out


def test_a_variable_with_the_pin_is_not_shown(custody):
    outcome = custody("config", "--json")
    assert PIN not in outcome.out
    (pin,) = [each for each in outcome.json["settings"] if each["name"] == "token-pin-file"]
    assert (pin["value"], pin["source"], pin["place"]) == (
        None,
        "variable",
        "SMKI_TESTCA_TOKEN_PIN",
    )


@pytest.mark.slow
def test_the_pin_is_asked_for_on_a_terminal_once_and_the_passphrase_only_if_needed(
    custody, monkeypatch
):
    for name in ("SMKI_TESTCA_TOKEN_PIN", "SMKI_TESTCA_PASSPHRASE"):
        monkeypatch.delenv(name)
    asked = []

    def answer(question, **options):
        assert options["hide_input"]
        asked.append(question)
        return PIN if "PIN" in question else "phrase"

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(click, "prompt", answer)
    session = Session(given={"estate": str(custody.estate)})
    with session.open() as estate:
        root, issuing = (estate.authorities.named(name) for name in ("ZA", "Z1"))
        ask_first(session, estate, lambda: Needs([root, issuing], sealing=False))
        assert asked == ["PIN of the token smki"]
        estate.renew_authority("Z1")
        estate.renew_authority("ZA")
        assert asked == ["PIN of the token smki"]
    asked.clear()
    with session.open() as estate:
        sealed = estate.authorities.named("DZ")
        ask_first(session, estate, lambda: Needs([sealed], sealing=False))
        assert asked == [f"Passphrase of {custody.estate}"]
        estate.renew_authority("DZ")
        assert len(asked) == 1


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
@pytest.mark.parametrize(
    "words",
    [ISSUE, ("crl", "issue"), ("ca", "roll-over", "organisation", "--name", "Z1b")],
    ids=lambda words: words[0],
)
def test_a_command_that_waits_for_a_pin_holds_nobody_up(custody, pin_file, words):
    pin_file.unlink()
    os.mkfifo(pin_file)
    call = ["-m", "smki_testca", "--estate", custody.estate, "--token-pin-file", pin_file, *words]
    with subprocess.Popen(
        [sys.executable, *map(str, call)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        writer = None
        while writer is None:
            try:
                writer = os.open(pin_file, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:  # nobody reads yet
                assert process.poll() is None, process.communicate()
                time.sleep(0.01)
        with os.fdopen(writer, "w") as file:
            assert custody("agreement", "suspend", "BIL-2020-001").code == 0
            assert custody("agreement", "resume", "BIL-2020-001").code == 0
            file.write(f"{PIN}\n")
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err


@pytest.mark.slow
def test_the_pin_is_in_no_file_and_no_output(custody, pin_file, monkeypatch):
    monkeypatch.setenv("SMKI_TESTCA_TRACEBACK", "1")
    given = ("--token-pin-file", pin_file)
    said = [custody(*ISSUE, *given), custody(*issue("iki", "--token", "pkcs11:token=smki"), *given)]
    said += [custody("audit", "show", "--json"), custody("audit", "verify", "--keys", *given)]
    pin_file.write_text("0000-wrong\n")
    said.append(custody(*ISSUE, *given))
    assert [each.code for each in said] == [0, 0, 0, 0, 5]
    for each in said:
        assert PIN not in each.out + each.err
        assert "0000-wrong" not in each.out + each.err
    files = [path for path in custody.estate.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert PIN.encode() not in path.read_bytes(), path


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="there is no /proc")
def test_no_program_has_the_pin_in_its_arguments_or_variables(custody, monkeypatch):
    monkeypatch.delenv("SMKI_TESTCA_TOKEN_PIN")
    with custody.open() as estate:
        estate.authorities.signer(estate.authorities.named("Z1")).sign(b"data")
        told = [
            path.read_bytes()
            for child in children()
            for path in (child / "cmdline", child / "environ")
        ]
    assert any(b"tokens.process" in octets for octets in told)
    assert not any(PIN.encode() in octets for octets in told)


def children():
    """The folders in /proc of the processes that this one started."""
    tasks = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return [Path("/proc", number) for path in tasks for number in path.read_text().split()]


@pytest.mark.slow
def test_a_wrong_pin_is_tried_once(custody, pin_file):
    pin_file.write_text("0000-wrong\n")
    before = (custody.estate / "estate.sqlite").read_bytes()
    outcome = custody(*ISSUE, "--token-pin-file", pin_file, "--json")
    assert (outcome.code, outcome.json["error"]["code"]) == (5, "token.pin")
    assert (custody.estate / "estate.sqlite").read_bytes() == before
    pin_file.write_text("\n")
    assert custody(*ISSUE, "--token-pin-file", pin_file).code == 4


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [ISSUE, ("crl", "issue"), ("ca", "roll-over", "organisation", "--name", "Z1b")],
    ids=lambda words: words[0],
)
def test_a_module_that_does_not_answer_holds_nobody_up(
    custody, pkcs11_fault, words, monkeypatch, tmp_path
):
    """The PIN and the passphrase are in variables: nothing has to be typed."""
    log = tmp_path / "calls"
    faults = {"": "C_Login:0:hang", "_MODULE": custody.token.module, "_LOG": log}
    for name, value in faults.items():
        monkeypatch.setenv(f"PKCS11_FAULT{name}", str(value))
    call = ["-m", "smki_testca", "--estate", custody.estate, "--token-module", pkcs11_fault, *words]
    with subprocess.Popen(
        [sys.executable, *map(str, call)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            while not log.exists() or "C_Login" not in log.read_text().split():
                assert process.poll() is None, process.communicate()
                time.sleep(0.01)
            assert custody("agreement", "suspend", "BIL-2020-001").code == 0
            assert process.poll() is None
        finally:
            process.kill()
