"""An estate without its passphrase: it can be read and described, and nothing in it is signed."""

from __future__ import annotations

import shlex

import pytest

ORGANISATION = (
    "organisation --participant supplier-one --purpose uept --role supplier"
    " --id 90-B3-D5-1F-30-01-00-00 --usage digital-signature"
)


@pytest.fixture
def run(command, quickstart):
    (quickstart / "passphrase").unlink()
    return lambda line: command("--estate", quickstart, "--json", *shlex.split(line))


@pytest.mark.parametrize(
    "line",
    [
        f"issue {ORGANISATION}",
        "renew --label Z1-supplier-ds",
        "crl issue",
        "ca renew Z1",
        "ca roll-over organisation --name Z1b",
        "audit anchor",
        "audit verify --keys",
    ],
)
def test_nothing_is_signed_and_no_key_is_opened(run, line):
    outcome = run(line)
    assert outcome.code == 5
    assert outcome.json["error"]["code"] == "estate.passphrase"


@pytest.mark.parametrize(
    "line",
    [
        f"check {ORGANISATION}",
        "list",
        "register allocate supplier-one --user-role IS",
        "agreement suspend SEC-2020-001",
        "set-status pending --label GSME-ka",
        "revoke --label Z1-supplier-ds --reason superseded",
        "audit verify",
    ],
)
def test_it_is_read_and_its_register_and_statuses_are_changed(run, line):
    assert run(line).code == 0
