"""``--if-needed``: a command whose work is done already ends with 0, and nothing else does."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from smki_testca.cli import cli

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
REPLACEMENT = f"agreement replace {shlex.quote(str(EXAMPLES / 'agreement-replacement.toml'))}"
RANGE = (
    "batch issue --profile device --participant meters-one --purpose device-and-user-system-tests"
    " --hw-type 1.2.826.0.1.8641679.1.2.2.1 --usage digital-signature --count 2"
    " --first-id 00-DB-12-01-00-00-00-00 --workers 1"
)
REVOKE = "revoke --participant supplier-one --usage key-agreement --reason superseded"

ACCOUNT = f"account add ann --operator --password-file {shlex.quote(__file__)}"

CASES = {
    "account unlock": (ACCOUNT, "account unlock ann"),
    "agreement end": ("", "agreement end BIL-2020-001 --on 2035-06-30"),
    "agreement replace": ("", REPLACEMENT),
    "agreement resume": ("agreement suspend BIL-2020-001", "agreement resume BIL-2020-001"),
    "agreement suspend": ("", "agreement suspend BIL-2020-001"),
    "batch resume": (RANGE, "batch resume 1"),
    "init": ("", "init {estate} --environment SIT-A"),
    "register correct": ("", "register correct supplier-two --signifier TPTY-SUPPLIER-2"),
    "revoke": ("", REVOKE),
}
"""For each command what comes before it, and a call that is not needed a second time."""

WITH_TOKEN = {"ca move"}
"""They need a PKCS#11 token: tests/custody has their cases."""

ALREADY_DONE = {"account unlock", "batch resume"}
"""Commands that are not needed in their case from the start."""

OTHER_STATES = [
    ("agreement end BIL-2020-001 --on 2035-06-30", "agreement end BIL-2020-001 --on 2036-01-01"),
    ("", "agreement suspend NONE"),
    ("", "account unlock nobody"),
    ("", "agreement end BIL-2020-001 --on 2000-01-01"),
    (f"{RANGE} --seed 0011223344556677", "batch resume 2"),
    ("", "register correct nobody --name X"),
    (REVOKE, REVOKE.replace("superseded", "key-compromise")),
    (REVOKE, f"{REVOKE} --at 2020-01-01"),
    ("", "revoke --label nothing-of-that-name --reason superseded"),
    ("", "revoke --profile device --reason superseded"),
    ("", "init {estate} --environment NOWHERE"),
    ("", "init {estate} --ca-keys {keys}"),
]
"""What comes before, and a call that is a mistake or asks for another state."""


def _with_if_needed(group, path=()):
    context = click.Context(group, **group.context_settings)
    for name in group.list_commands(context):
        found: Any = group.get_command(context, name)
        if isinstance(found, click.Group):
            yield from _with_if_needed(found, (*path, name))
        elif any("--if-needed" in parameter.opts for parameter in found.params):
            yield " ".join((*path, name))


@pytest.fixture
def call(command, quickstart, tmp_path):
    """Calls the command with words as a shell splits them."""
    names = {"estate": quickstart, "keys": tmp_path / "keys"}

    def run(words, *more):
        given = [word.format(**names) for word in shlex.split(words)]
        return command("--estate", quickstart, *more, *given)

    return run


def _give_a_key(folder):
    """Writes a key for a CA, as ``init --ca-keys`` takes it."""
    folder.mkdir()
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "organisation-root-ca.key").write_bytes(pem)


def test_each_command_with_the_option_has_a_case():
    assert set(_with_if_needed(cli)) <= CASES.keys() | WITH_TOKEN, "write a case for each of these"


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(CASES))
def test_the_second_time_nothing_is_needed_and_nothing_changes(call, digest, path):
    before, words = CASES[path]
    if before:
        assert call(before).code == 0
    first = call(f"{words} --if-needed", "--json")
    assert first.code == 0, first.out
    assert first.json["changed"] is (path not in ALREADY_DONE)
    state = digest()
    assert call(words).code == 4
    again = call(f"{words} --if-needed", "--json")
    assert (again.code, again.json) == (0, {"changed": False})
    for_people = call(f"{words} --if-needed")
    assert (for_people.code, for_people.err) == (0, "")
    assert for_people.out.startswith("Nothing was needed. ")
    assert for_people.out.count("\n") == 1
    assert digest() == state


@pytest.mark.slow
@pytest.mark.parametrize(("before", "words"), OTHER_STATES)
def test_another_state_and_every_other_mistake_still_fail(call, tmp_path, before, words):
    _give_a_key(tmp_path / "keys")
    if before:
        assert call(before).code == 0
    alone, repeated = call(words, "--json"), call(f"{words} --if-needed", "--json")
    assert alone.code == repeated.code == 4
    assert alone.json["error"] == repeated.json["error"]


def test_revoke_if_needed_revokes_those_that_are_not(call):
    first = call("revoke --label Z1-supplier-ka --reason superseded --if-needed", "--json").json
    rest = call(
        "revoke --participant supplier-one --profile organisation --reason superseded --if-needed",
        "--json",
    ).json
    assert len(first["certificates"]) == 1
    assert len(rest["certificates"]) >= 1
    serials = {one["serial"] for one in rest["certificates"]}
    assert first["certificates"][0]["serial"] not in serials
    assert rest["changed"] is True


def test_the_unspecified_reason_is_the_same_as_none(call):
    serial = call("list --label Z1-supplier-ka", "--json").json["certificates"][0]["serial"]
    assert call(f"reject {serial}").code == 0
    again = call(f"revoke --serial {serial} --reason unspecified --if-needed", "--json")
    assert again.json == {"changed": False}


def test_without_a_run_that_was_interrupted_the_last_one_needs_no_resuming(call):
    assert call("batch resume --last").code == 4
    assert call("batch resume --last --if-needed", "--json").json == {"changed": False}


def test_a_dry_run_of_what_is_not_needed_says_both(call):
    words = "agreement suspend BIL-2020-001 --if-needed --dry-run"
    tried = call(words, "--json").json
    assert (tried["dry_run"], tried["changed"]) == (True, True)
    call("agreement suspend BIL-2020-001")
    assert call(words, "--json").json == {"dry_run": True, "changed": False}


@pytest.mark.slow
def test_init_if_needed_knows_the_keys_that_were_given_to_its_cas(command, tmp_path):
    keys = tmp_path / "keys"
    _give_a_key(keys)
    secret = tmp_path / "secret"
    secret.write_text("phrase\n")
    words = ("--json", "--passphrase-file", secret, "init", tmp_path / "new", "--ca-keys", keys)
    assert command(*words, "--if-needed").json["changed"] is True
    assert command(*words, "--if-needed").json == {"changed": False}
