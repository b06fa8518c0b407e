"""Commands hold nobody up while they wait for a passphrase, or lint."""

import os
import subprocess
import sys
import time

import pytest

import batches
from estates import opened
from smki_testca.estate.externals import ExternalStore

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")

DEVICE = (
    *("device", "--participant", "meters-one", "--purpose", batches.DEVICE_PURPOSE),
    *("--device-id", batches.device_id(0x77), "--hw-type", batches.HW_TYPE),
    *("--usage", "key-agreement"),
)
COMMANDS = [
    ("issue", *DEVICE),
    ("renew", "--label", "Z1-supplier-ds"),
    ("crl", "issue", "--hierarchy", "organisation"),
    ("ca", "renew", "Z1"),
    ("ca", "roll-over", "device", "--name", "Z1X2"),
    ("batch", "issue", *batches.range_of(3)),
]


def _write_end(pipe, process):
    """The end to write to, once the command has opened the other and waits for it."""
    while True:
        ended = process.poll() is not None
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody reads yet
            assert not ended, process.communicate()
            time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words[:2]))
def test_a_command_that_waits_for_its_passphrase_holds_nobody_up(
    command, quickstart, tmp_path, words
):
    pipe = tmp_path / "passphrase"
    os.mkfifo(pipe)
    if words[:2] == ("ca", "renew"):
        with opened(quickstart) as estate:
            words = (*words[:2], str(next(iter(estate.certificates.authorities())).serial))
    call = ["-m", "smki_testca", "--estate", quickstart, "--passphrase-file", pipe, *words]
    with subprocess.Popen(
        [sys.executable, *map(str, call)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        with os.fdopen(_write_end(pipe, process), "w") as file:
            outcome = command("--estate", quickstart, "agreement", "suspend", "BIL-2020-001")
            assert outcome.code == 0, outcome.err
            outcome = command("--estate", quickstart, "agreement", "resume", "BIL-2020-001")
            assert outcome.code == 0, outcome.err
            file.write((quickstart / "passphrase").read_text())
        out, err = process.communicate(timeout=batches.PATIENCE)
    assert process.returncode == 0, out + err


@pytest.mark.slow
def test_re_sign_lints_without_the_write_lock(command, newcomer, quickstart, monkeypatch):
    theirs = quickstart / "export" / "pem" / "ZAZ1" / "organisation" / "supplier-one"
    here = ("--estate", newcomer)
    assert command(*here, "import", theirs).code == 0
    lint, codes = ExternalStore.errors, []

    def errors(self, *arguments):
        for word in ("suspend", "resume"):
            outcome = command(*here, "agreement", word, "BIL-2020-001")
            codes.append(outcome.code)
        return lint(self, *arguments)

    monkeypatch.setattr(ExternalStore, "errors", errors)
    outcome = command(*here, "re-sign", "--purpose", "uept")
    assert outcome.code == 0, outcome.out + outcome.err
    assert codes
    assert set(codes) == {0}
