"""``import``, ``re-sign`` and ``list --external``, as a user has them."""

from __future__ import annotations

import json
import shutil

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import csrs
from nodes import with_field
from smki_testca.importers.sources import sources
from smki_testca.x509.names import ECDSA_WITH_NULL

PHRASE = "x"


@pytest.fixture(scope="session")
def theirs(quickstart_original):
    """Somebody else's export: a supplier's certificates with their keys."""
    return quickstart_original / "export" / "pem" / "ZAZ1" / "organisation" / "supplier-one"


@pytest.fixture
def run(command, newcomer):
    """Runs a command on an estate that has issued nothing."""
    return lambda *arguments, **options: command("--estate", newcomer, *arguments, **options)


@pytest.fixture
def as_json(command, newcomer):
    return lambda *arguments: command("--json", "--estate", newcomer, *arguments).json


@pytest.fixture
def mixed(tmp_path, theirs):
    """A good certificate, a defective one, and a file that is neither."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    for suffix in ("pem", "key"):
        shutil.copy(theirs / f"Z1-supplier-ds.{suffix}", folder)
    (der,) = (one.data for one in sources([str(theirs / "Z1-supplier-ka.pem")]))
    (folder / "bad.der").write_bytes(with_field(der, "signature", ECDSA_WITH_NULL))
    (folder / "README").write_text("From somebody else.\n")
    return folder


def test_import_prints_what_came_in_and_what_is_wrong_with_it(run, mixed):
    outcome = run("import", mixed)
    assert outcome.code == 0
    good, bad = (
        next(line for line in outcome.out.splitlines() if line.startswith(name))
        for name in ("Z1-supplier-ds", "bad")
    )
    assert "90-B3-D5-1F-30-01-00-00" in good
    assert "supplier (02)" in good
    assert "none  " in good
    assert good.split()[-1] == bad.split()[-1] == "new"
    assert "signature.parameters_null" in bad
    assert "2 certificates and 1 private key imported." in outcome.out
    assert "0 expired and 1 has errors" in outcome.out
    assert outcome.err == (
        "warning: mixed/README: it is neither DER, PEM, base64, ZIP nor a key store."
        " [document.unknown_kind]\n"
    )


def test_import_tells_programs_the_same(as_json, mixed):
    told = as_json("import", mixed)
    assert told["changed"] is True
    assert told["keys"] == 1
    assert [one["code"] for one in told["remarks"]] == ["document.unknown_kind"]
    good, bad = sorted(told["certificates"], key=lambda one: len(one["errors"]))
    assert (good["label"], good["arrival"], good["has_key"]) == ("Z1-supplier-ds", "new", True)
    assert (good["expired"], good["errors"], good["re_signed"]) == (False, [], [])
    assert good["external"] is True
    assert set(bad["errors"]) == {"signature.parameters_null", "signature.algorithms_differ"}
    assert bad["has_key"] is False


def test_importing_again_says_that_nothing_is_new(run, as_json, mixed, newcomer, file_digest):
    run("import", mixed)
    before = file_digest(newcomer)
    assert "Nothing is new: nothing was changed." in run("import", mixed).out
    assert as_json("import", mixed)["changed"] is False
    assert file_digest(newcomer) == before


def test_what_expired_is_told_apart_from_what_is_defective(command, newcomer, mixed):
    outcome = command("--estate", newcomer, "--clock", "2050-01-01", "import", mixed)
    assert "2 expired and 1 has errors" in outcome.out
    (line,) = (one for one in outcome.out.splitlines() if one.startswith("Z1-supplier-ds"))
    assert "(expired)  none" in line


def test_import_takes_standard_input(run, theirs):
    data = (theirs / "Z1-supplier-ds.pem").read_bytes()
    assert "1 certificate and 0 private keys imported" in run("import", "-", stdin=data).out


def test_without_keys_leaves_keys_unread(as_json, theirs):
    told = as_json("import", "--without-keys", theirs)
    assert told["keys"] == 0
    assert not any(one["has_key"] for one in told["certificates"])


@pytest.fixture
def locked(tmp_path, theirs):
    """A certificate with its private key encrypted."""
    folder = tmp_path / "locked"
    folder.mkdir()
    shutil.copy(theirs / "Z1-supplier-ds.pem", folder)
    key = serialization.load_pem_private_key((theirs / "Z1-supplier-ds.key").read_bytes(), None)
    data = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"right"),
    )
    (folder / "one.key").write_bytes(data)
    for name in ("right", "wrong"):
        (tmp_path / name).write_text(f"{name}\n")
    return folder


def test_a_missing_or_wrong_passphrase_imports_nothing(
    run, locked, tmp_path, newcomer, file_digest, one_line
):
    before = file_digest(newcomer)
    missing = run("import", locked)
    wrong = run("import", locked, "--import-passphrase-file", tmp_path / "wrong")
    for outcome in (missing, wrong):
        assert outcome.code == 4
        assert "locked/one.key" in one_line(outcome)
        assert "--import-passphrase-file" in outcome.err
    assert file_digest(newcomer) == before
    right = run("import", locked, "--import-passphrase-file", tmp_path / "right")
    assert "1 certificate and 1 private key imported" in right.out


def test_what_this_estate_issued_is_told_and_left(command, quickstart, theirs):
    outcome = command("--estate", quickstart, "import", theirs)
    assert outcome.code == 0
    assert "7 certificates issued by this estate" in outcome.out
    assert "Nothing is new" in outcome.out
    told = command("--json", "--estate", quickstart, "import", theirs).json
    assert {one["arrival"] for one in told["certificates"]} == {"own"}
    assert told["certificates"][0]["participant"] == "supplier-one"


@pytest.mark.slow
def test_list_shows_external_certificates_only_when_asked(run, as_json, mixed):
    run("import", mixed)
    assert "bad" not in run("list").out
    assert len(as_json("list")["certificates"]) == 8
    listed = as_json("list", "--external")["externals"]
    assert {one["label"] for one in listed} == {"Z1-supplier-ds", "bad"}
    (one,) = as_json("list", "--external", "--usage", "key-agreement", "--role", "02")["externals"]
    assert one["label"] == "bad"
    assert as_json("list", "--external", "--label", "none")["externals"] == []
    assert "signature.parameters_null" in run("list", "--external", "--label", "bad").out


@pytest.mark.parametrize(("option", "value"), [("--participant", "a"), ("--status", "in-use")])
def test_list_external_takes_no_options_of_the_estates_own(run, one_line, option, value):
    outcome = run("list", "--external", option, value)
    assert outcome.code == 2
    assert option in one_line(outcome)


@pytest.mark.slow
def test_show_draws_an_external_certificate_by_its_sha256(run, as_json, mixed, one_line):
    run("import", mixed)
    for one in as_json("list", "--external")["externals"]:
        outcome = run("show", one["sha256"])
        assert outcome.code == bool(one["errors"])
        assert all(code in outcome.out for code in one["errors"])
        shown = as_json("show", one["sha256"].upper())
        assert shown["record"]["label"] == one["label"]
    unknown = run("show", "0" * 64)
    assert unknown.code == 4
    assert "external" in one_line(unknown)


@pytest.mark.slow
def test_re_sign_signs_the_good_ones_and_says_why_not_the_others(run, as_json, mixed):
    run("import", mixed)
    outcome = run("re-sign", "--purpose", "uept")
    assert outcome.code == 1
    assert "1 certificate signed again, 1 left out." in outcome.out
    assert outcome.err.startswith("left out: bad: error: Lint finds errors in it")
    own = [one for one in as_json("list")["certificates"] if one["tier"] == "end-entity"]
    assert [(one["label"], one["participant"]) for one in own] == [
        ("Z1-supplier-ds", "supplier-one")
    ]
    external = as_json("list", "--external", "--label", "Z1-supplier-ds")["externals"][0]
    assert external["re_signed"] == [own[0]["serial"]]
    assert own[0]["serial"] in run("list", "--external").out


def test_re_sign_tells_programs_what_was_signed_and_what_left_out(command, newcomer, run, mixed):
    run("import", mixed)
    outcome = command("--json", "--estate", newcomer, "re-sign", "--purpose", "uept")
    assert outcome.code == 1
    (signed,) = outcome.json["re_signed"]
    (left,) = outcome.json["left_out"]
    assert signed["label"] == "Z1-supplier-ds"
    assert left["error"]["code"] == "re_sign.defective"
    assert left["label"] == "bad"
    assert outcome.json["warnings"] == []


def test_re_sign_with_defects_leaves_none_out(run, as_json, mixed):
    run("import", mixed)
    outcome = run("re-sign", "--purpose", "uept", "--with-defects", "--days", "30")
    assert outcome.code == 0
    assert "2 certificates signed again, 0 left out." in outcome.out
    assert len([one for one in as_json("list")["certificates"] if one["tier"] == "end-entity"]) == 2


@pytest.mark.slow
def test_re_sign_of_one_that_cannot_be_ends_like_any_refusal(command, newcomer, run, mixed):
    run("import", mixed)
    options = ("re-sign", "--label", "Z1-supplier-ds", "--purpose")
    refused = command("--json", "--estate", newcomer, *options, "internal-systems-change-testing")
    assert refused.code == 3
    assert refused.json["refusal"]["code"] == "purpose.not_covered"
    defective = run("re-sign", "--label", "bad", "--purpose", "uept")
    assert defective.code == 4
    assert "signature.parameters_null" in defective.err


def test_all_or_nothing_signs_nothing_and_lists_what_stands_against_it(
    command, newcomer, run, as_json, mixed
):
    run("import", mixed)
    arguments = ("re-sign", "--purpose", "uept", "--all-or-nothing")
    outcome = command("--json", "--estate", newcomer, *arguments)
    assert outcome.code == 4
    assert outcome.json["error"]["code"] == "re_sign.left_out"
    (left,) = outcome.json["error"]["left_out"]
    assert left["error"]["code"] == "re_sign.defective"
    assert [one for one in as_json("list")["certificates"] if one["tier"] == "end-entity"] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        ("--days", "0"),
        ("--days", "5", "--until", "2030-01-01"),
        ("--until", "soon"),
        ("--until", "2020-01-01"),
        ("--environment", "NOWHERE"),
        ("--label", "nothing"),
        ("--serial", "zz"),
    ],
    ids=" ".join,
)
def test_re_sign_with_wrong_options_changes_nothing(
    run, mixed, newcomer, file_digest, one_line, options
):
    run("import", mixed, "--without-keys")
    before = file_digest(newcomer)
    given = options if "--label" in options else (*options, "--label", "Z1-supplier-ds")
    outcome = run("re-sign", "--purpose", "uept", *given)
    assert outcome.code in {2, 3, 4}
    assert "Traceback" not in outcome.err
    if outcome.code != 3:
        one_line(outcome)
        assert file_digest(newcomer) == before


def test_what_was_signed_again_is_exported_with_its_key_and_loads(run, theirs, tmp_path):
    run("import", theirs)
    signed = run("re-sign", "--purpose", "uept")
    assert signed.code == 0, signed.err
    assert "6 certificates signed again, 0 left out." in signed.out
    assert "1 certificate of CAs skipped." in signed.err
    options = ("--format", "pem", "--with-keys", "--participant", "supplier-one")
    outcome = run("export", *options, "--out", tmp_path / "kit")
    assert outcome.code == 0, outcome.err
    for path in (tmp_path / "kit").rglob("*.key"):
        key = serialization.load_pem_private_key(path.read_bytes(), None)
        certificate = x509.load_pem_x509_certificate(path.with_suffix(".pem").read_bytes())
        assert certificate.public_key() == key.public_key()
        was = theirs / path.name
        old = serialization.load_pem_private_key(was.read_bytes(), None)
        assert key.private_numbers() == old.private_numbers()


def test_importing_what_cannot_be_read_is_one_clear_line(run, tmp_path, one_line):
    (tmp_path / "bad").write_bytes(b"\x30\x03\x02\x01\x05")
    for arguments, code in (
        ((tmp_path / "bad",), 4),
        ((tmp_path / "missing",), 4),
        ((), 2),
        ((tmp_path / "bad", "--import-passphrase-file", tmp_path / "missing"), 4),
    ):
        outcome = run("import", *arguments)
        assert outcome.code == code
        one_line(outcome)


def test_a_csr_is_no_certificate(run, one_line, tmp_path):
    (tmp_path / "a.csr").write_bytes(csrs.organisation(csrs.new_key()))
    outcome = run("import", tmp_path / "a.csr")
    assert outcome.code == 4
    assert one_line(outcome).rstrip() == (
        f"error: {tmp_path / 'a.csr'} cannot be imported: it is not a certificate, but a CSR."
    )


def test_what_others_wrote_does_not_steer_the_terminal(run, theirs, tmp_path):
    pem = (theirs / "Z1-supplier-ds.pem").read_text()
    entry = {"certificate": pem, "privateKey": "broken \x1b[2J", "name": "evil \x1b[2J\u202e"}
    store = tmp_path / "keystore.json"
    store.write_text(json.dumps({"a": {"b": {"1": entry}}}))
    outcome = run("import", store)
    assert outcome.code == 0
    assert "\x1b" not in outcome.out + outcome.err
    assert "\u202e" not in outcome.out + outcome.err


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.binary(max_size=80))
def test_any_octets_on_standard_input_end_in_a_documented_way(command, newcomer, one_line, data):
    outcome = command("--estate", newcomer, "import", "-", stdin=data)
    assert outcome.code in {0, 4}
    if outcome.code:
        one_line(outcome)


@pytest.mark.parametrize(
    ("name", "code", "known"),
    [
        ("--purpose", "purpose.not_a_testing_service", "uept"),
        ("--participant", "participant.unknown", "supplier-one"),
        ("--environment", "environment.unknown", "ZAZ1"),
    ],
)
def test_unknown_names_are_refused_before_any_certificate_is_looked_at(
    command, quickstart, name, code, known
):
    here = ("--estate", quickstart, "--json")
    words = ("re-sign", *(() if name == "--purpose" else ("--purpose", "uept")), name, "nope")
    outcome = command(*here, *words)
    assert outcome.code == 3
    (reason,) = outcome.json["refusal"]["all"]
    assert reason["code"] == code
    assert known in reason["remedy"]
    (entry,) = command(*here, "audit", "show", "--last", "1").json["entries"]
    assert (entry["action"], entry["body"]["granted"]) == ("re-sign", False)
    told = command("--estate", quickstart, "audit", "show", "--last", "1").out
    assert f"refused: {code}" in told
