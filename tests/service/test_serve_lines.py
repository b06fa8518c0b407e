"""What ``serve`` prints, and that its lines to try work as they stand."""

from __future__ import annotations

import subprocess

import pytest

from smki_testca.cli.serve import _tell
from smki_testca.service.settings import Settings, Window


@pytest.fixture
def told(serving, capsys):
    """The lines that ``serve`` prints of the services that run."""

    def tell(**settings):
        _tell(Settings(**settings), serving.running.services.served())
        return capsys.readouterr().out.splitlines()

    return tell


@pytest.mark.slow
def test_each_line_to_try_works_as_it_stands(told):
    tries = [line.split("try: ")[1] for line in told() if "try: " in line]
    assert len(tries) == 5
    answers = []
    for line in tries:
        done = subprocess.run(
            ["bash", "-c", f"{line} --silent --show-error --fail"], capture_output=True, check=False
        )
        assert done.returncode == 0, f"{line}: {done.stderr.decode()}"
        answers.append(done.stdout.decode())
    adhoc, batched, repository, portal, control = answers
    assert "<Status>SUCCESS</Status>" in adhoc
    assert "<BatchStatus>PENDING</BatchStatus>" in batched
    assert "<ResponseCode>200</ResponseCode>" in repository
    assert "<html" in portal
    assert "rules" in control


def test_what_is_out_of_the_ordinary_is_told(told):
    plain = "\n".join(told())
    assert "Misbehaviour on purpose" not in plain
    assert "Batches are processed" not in plain
    more = told(misbehaviours=("adhoc=503:3",), batch_window=Window.parse("20:00-08:00"))
    assert "  adhoc=503:3" in more
    assert "Batches are processed in 20:00:00-08:00:00, UTC, only." in more


def test_no_address_is_told_twice(told):
    addresses = [line.rpartition(" ")[2] for line in told() if "try:" not in line and "://" in line]
    assert len(set(addresses)) == len(addresses)
