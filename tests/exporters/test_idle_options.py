"""An option about private keys that changes nothing is not taken in silence."""

from __future__ import annotations

import pytest
from exported import PHRASE

from smki_testca.exporters.idle_options import idle_options
from smki_testca.exporters.registry import FORMATS, RUN_FORMATS

ALL = ("--with-keys", "--key-form", "--export-passphrase-file")


def idle(form, **given):
    asked = {"with_keys": False, "has_passphrase": False, "has_key_form": False} | given
    return [line.split()[0] for line in idle_options(form.traits, **asked)]


@pytest.mark.parametrize("name", ["der-stream"])
def test_a_format_without_keys_takes_none_of_the_options(name):
    form = RUN_FORMATS[name]
    assert idle(form, with_keys=True, has_passphrase=True, has_key_form=True) == list(ALL)
    assert idle(form) == []


def test_without_keys_nothing_is_encrypted_and_has_no_form():
    form = RUN_FORMATS["device-csv"]
    assert idle(form, has_passphrase=True, has_key_form=True) == list(ALL[1:])
    assert idle(form, with_keys=True, has_passphrase=True, has_key_form=True) == []


def test_a_store_is_protected_without_keys_too():
    assert idle(FORMATS["pkcs12"], has_passphrase=True) == []


def test_the_commands_warn_and_succeed(command, quickstart, tmp_path):
    phrase = tmp_path / "phrase"
    phrase.write_text(f"{PHRASE}\n")
    call = ("--estate", quickstart, "export", "--label", "Z1-supplier-ds", "--out", tmp_path / "o")
    outcome = command(*call, "--format", "pkcs7", "--with-keys")
    assert outcome.code == 0
    told = "warning: --with-keys changes nothing: the format pkcs7 has no private keys.\n"
    assert told in outcome.err
    outcome = command(*call, "--format", "pem", "--export-passphrase-file", phrase)
    assert outcome.code == 0
    told = "--export-passphrase-file changes nothing: an export without --with-keys has no private"
    assert told in outcome.err
    issued = ("--estate", quickstart, "renew", "--label", "Z1-supplier-ds", "--out", tmp_path / "r")
    outcome = command(*issued, "--export-passphrase-file", phrase)
    assert outcome.code == 0
    assert "--export-passphrase-file changes nothing without --with-key." in outcome.err
