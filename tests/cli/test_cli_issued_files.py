"""``--out`` of ``issue``, ``sign`` and ``renew``: files of what is issued, or nothing is issued."""

from __future__ import annotations

import errno
import os
import stat

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

import csrs

ORGANISATION = (
    *("issue", "organisation", "--participant", "supplier-one", "--purpose", "uept"),
    *("--id", "90-B3-D5-1F-30-01-00-00", "--role", "supplier"),
)
DS = ("--usage", "digital-signature")
BOTH = (*DS, "--usage", "key-agreement")
PHRASE = "export phrase"


@pytest.fixture
def run(command, quickstart):
    """Calls the command on the quickstart estate with ``--json``."""

    def call(*words, code=0):
        outcome = command("--json", "--estate", quickstart, *words)
        assert outcome.code == code, outcome.out
        return outcome.json

    return call


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def request_file(tmp_path):
    path = tmp_path / "one.csr"
    path.write_bytes(csrs.pem(csrs.device(csrs.new_key())))
    return path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def loaded(path):
    return x509.load_pem_x509_certificates(path.read_bytes())


def sign_words(request_file):
    purpose = ("--purpose", "device-and-user-system-tests")
    return ("sign", request_file, "--participant", "meters-one", *purpose)


def test_issue_writes_certificate_chain_and_key_as_export_names_them(run, out, quickstart):
    told = run(*ORGANISATION, *BOTH, "--label", "two", "--out", out, "--with-key")
    assert names(out) == [
        *("Z1-chain.pem", "ZA-chain.pem"),
        *("two-ds-fullchain.pem", "two-ds.key", "two-ds.pem"),
        *("two-ka-fullchain.pem", "two-ka.key", "two-ka.pem"),
    ]
    assert sorted(told["files"]) == [str(out / name) for name in names(out)]
    tree = quickstart.parent / "tree"
    run("export", "--format", "pem", "--label", "two", "--out", tree, "--with-keys")
    exported = {path.name: path.read_bytes() for path in tree.rglob("*.*")}
    assert exported == {path.name: path.read_bytes() for path in out.iterdir()}
    for usage, one in zip(("ds", "ka"), told["certificates"], strict=True):
        (certificate,) = loaded(out / f"two-{usage}.pem")
        assert f"{certificate.serial_number:032X}" == one["serial"]
        key = load_pem_private_key((out / f"two-{usage}.key").read_bytes(), None)
        assert key.public_key() == certificate.public_key()
        full = loaded(out / f"two-{usage}-fullchain.pem")
        assert full == [certificate, loaded(out / "Z1-chain.pem")[0]]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_the_key_is_its_owners_only_and_encrypted_where_asked(run, out, tmp_path):
    phrase = tmp_path / "phrase"
    phrase.write_text(f"{PHRASE}\n")
    run(
        *(*ORGANISATION, *DS, "--label", "one", "--out", out, "--with-key"),
        *("--export-passphrase-file", phrase),
    )
    key = out / "one.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert key.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    (certificate,) = loaded(out / "one.pem")
    loaded_key = load_pem_private_key(key.read_bytes(), PHRASE.encode())
    assert loaded_key.public_key() == certificate.public_key()


def test_without_with_key_no_key_is_written(run, out):
    run(*ORGANISATION, *DS, "--label", "one", "--out", out)
    assert names(out) == ["Z1-chain.pem", "ZA-chain.pem", "one-fullchain.pem", "one.pem"]


def test_several_certificates_of_one_ca_go_to_one_folder(run, out):
    for label in ("one", "other"):
        told = run(*ORGANISATION, *DS, "--label", label, "--out", out)
        assert str(out / "Z1-chain.pem") in told["files"]
    assert {"one.pem", "other.pem", "Z1-chain.pem"} < set(names(out))


def test_sign_writes_what_it_would_print(run, command, quickstart, out, request_file):
    told = run(*sign_words(request_file), "--label", "esme", "--out", out)
    assert (out / "esme.pem").read_text() == told["certificates"][0]["pem"]
    outcome = command(
        *("--estate", quickstart, *sign_words(request_file)), "--label", "next", "--out", out
    )
    assert outcome.code == 0, outcome.err
    assert "BEGIN CERTIFICATE" not in outcome.out
    assert f"wrote {out / 'next.pem'}" in outcome.out


def test_renew_replaces_the_files_of_its_predecessor(run, out):
    label = "Z1-supplier-ds"
    run("export", "--format", "pem", "--label", label, "--out", out.parent / "tree")
    words = ("renew", "--label", label, "--out", out, "--with-key")
    run(*words)
    before = (out / f"{label}.pem").read_bytes()
    told = run(*words, code=4)
    assert told["error"]["code"] == "export.exists"
    new = run(*words, "--force")
    (certificate,) = loaded(out / f"{label}.pem")
    assert f"{certificate.serial_number:032X}" == new["certificates"][0]["serial"]
    assert (out / f"{label}.pem").read_bytes() != before
    key = load_pem_private_key((out / f"{label}.key").read_bytes(), None)
    assert key.public_key() == certificate.public_key()
    assert "removed" not in new


def test_renew_removes_stale_files_of_the_label_with_force(run, out):
    (one,) = run(*ORGANISATION, *DS, "--label", "two", "--out", out, "--with-key")["certificates"]
    told = run(*ORGANISATION, "--usage", "key-agreement", "--label", "two", "--out", out)
    assert sorted(told["stale"]) == [
        str(out / name) for name in ("two-fullchain.pem", "two.key", "two.pem")
    ]
    told = run("renew", "--serial", one["serial"], "--out", out, "--with-key", "--force")
    assert len(told["removed"]) == 3
    assert {"two-ds.pem", "two-ds.key", "two-ka.pem"} < set(names(out))
    assert "two.pem" not in names(out)


# Nothing is issued where the files cannot be written.


def in_the_way(out):
    out.mkdir()
    (out / "one.pem").write_bytes(b"mine")
    return "export.exists"


def a_file(out):
    out.write_bytes(b"mine")
    return "export.unwritable"


def a_folder_of_that_name(out):
    (out / "one.key").mkdir(parents=True)
    return "export.exists"


@pytest.mark.parametrize("obstacle", [in_the_way, a_file, a_folder_of_that_name])
def test_nothing_is_issued_where_the_files_cannot_be_written(run, out, digest, obstacle):
    code = obstacle(out)
    before = digest()
    told = run(*ORGANISATION, *DS, "--label", "one", "--out", out, "--with-key", code=4)
    assert told["error"]["code"] == code
    assert digest() == before
    assert run("list", "--label", "one")["certificates"] == []
    assert not list(out.glob("*-fullchain.pem"))


def test_nothing_is_renewed_where_the_files_cannot_be_written(run, out, digest):
    out.write_bytes(b"mine")
    before = digest()
    told = run("renew", "--label", "Z1-supplier-ds", "--out", out, code=4)
    assert told["error"]["code"] == "export.unwritable"
    assert digest() == before


def test_a_key_that_the_estate_does_not_have_is_asked_for_in_vain(run, out, request_file, digest):
    before = digest()
    told = run(*sign_words(request_file), "--out", out, "--with-key", code=4)
    assert told["error"]["code"] == "credential.no_key"
    assert "--with-key" in told["error"]["remedy"]
    assert digest() == before
    assert not out.exists()


def test_what_fails_after_the_issue_says_that_it_is_issued(run, out, monkeypatch):
    from smki_testca import files, folders  # noqa: PLC0415

    sync = files.sync_folder

    def fail(folder):
        if folder == out.parent:
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(folder))
        sync(folder)

    monkeypatch.setattr(folders, "sync_folder", fail)
    error = run(*ORGANISATION, *DS, "--label", "one", "--out", out, code=5)["error"]
    (found,) = run("list", "--label", "one")["certificates"]
    assert error["code"] == "output.failed"
    assert f"1 certificate is issued anyway: {found['serial']}. " in error["remedy"]
    assert "export --format pem --serial" in error["remedy"]


def test_a_refusal_is_recorded_and_nothing_written(run, out):
    entries = len(run("audit", "show")["entries"])
    words = (*ORGANISATION, *DS, "--out", out)
    changed = tuple("network-one" if word == "supplier-one" else word for word in words)
    assert run(*changed, code=3)["refusal"]["rule"]
    assert len(run("audit", "show")["entries"]) == entries + 1
    assert not out.exists()
    run("audit", "verify")


def test_what_is_written_is_recorded(run, out):
    run(*ORGANISATION, *DS, "--label", "one", "--out", out, "--with-key")
    (found,) = run("list", "--label", "one")["certificates"]
    assert f"{loaded(out / 'one.pem')[0].serial_number:032X}" == found["serial"]
    run("audit", "verify", "--keys")


# Options.


@pytest.mark.parametrize("option", [("--with-key",), ("--force",)])
@pytest.mark.parametrize("command_words", [(*ORGANISATION, *DS), ("renew", "--label", "ESME-ds")])
def test_the_options_of_files_need_a_folder(run, digest, command_words, option):
    before = digest()
    error = run(*command_words, *option, code=2)["error"]
    assert error["message"] == f"{option[0]} needs --out."
    assert digest() == before


def test_standard_output_is_no_folder(run):
    assert run(*ORGANISATION, *DS, "--out", "-", code=2)["error"]["code"] == "usage"


def test_days_count_from_now_or_from_not_before(run):
    clock = ("--clock", "2026-03-01T12:00:00Z")
    (one,) = run(*clock, *ORGANISATION, *DS, "--days", "30")["certificates"]
    assert one["not_after"] == "2026-03-31T12:00:00Z"
    more = ("--not-before", "2026-04-01T00:00:00Z", "--days", "1")
    (one,) = run(*clock, *ORGANISATION, *DS, *more)["certificates"]
    assert (one["not_before"], one["not_after"]) == ("2026-04-01T00:00:00Z", "2026-04-02T00:00:00Z")


def test_days_and_not_after_exclude_each_other(run, digest):
    before = digest()
    error = run(*ORGANISATION, *DS, "--days", "3", "--not-after", "2030-01-01", code=2)["error"]
    assert error["message"] == "Give --days or --not-after, not both."
    assert digest() == before


def test_a_key_that_does_not_fit_is_told_with_the_option_of_the_command(command, quickstart):
    out = quickstart.parent / "out"
    words = ("--estate", quickstart, "renew", "--label", "Z1-supplier-ds", "--out", out, "--force")
    assert command(*words, "--with-key").code == 0
    outcome = command(*words)
    assert outcome.code == 0
    assert "--with-key writes the one that fits." in outcome.err


# A certificate that is current does not vanish from the folder.

DEVICE = (
    *("issue", "device", "--participant", "meters-one", "--label", "m8"),
    *("--purpose", "device-and-user-system-tests"),
    *("--hw-type", "1.2.826.0.1.8641679.1.2.2.1"),
)
ONE, OTHER = (("--device-id", f"00-DB-12-00-00-00-00-0{digit}") for digit in (8, 9))


def pairs(folder):
    """The serial in each certificate's file, where the key beside it fits."""
    found = {}
    for path in folder.glob("*.key"):
        (certificate,) = loaded(path.with_suffix(".pem"))
        key = load_pem_private_key(path.read_bytes(), None)
        assert key.public_key() == certificate.public_key()
        assert loaded(folder / f"{path.stem}-fullchain.pem")[0] == certificate
        found[path.stem] = f"{certificate.serial_number:032X}"
    return found


def serial_of(told):
    return told["certificates"][0]["serial"]


@pytest.mark.parametrize(
    ("first", "second", "names_now"),
    [
        ((*ONE, *DS), (*ONE, *BOTH[2:]), ("m8-ds", "m8-ka")),
        ((*ONE, *DS), (*OTHER, *DS), ("m8-00db120000000008", "m8-00db120000000009")),
    ],
    ids=["usage", "device"],
)
def test_what_is_current_gets_its_new_name(run, out, first, second, names_now):
    old = serial_of(run(*DEVICE, *first, "--out", out, "--with-key"))
    told = run(*DEVICE, *second, "--out", out, "--with-key", "--force")
    assert pairs(out) == dict(zip(names_now, (old, serial_of(told)), strict=True))
    assert not list(out.glob("m8.*"))
    expected = [
        {"from": str(out / f"m8{end}"), "to": str(out / f"{names_now[0]}{end}")}
        for end in (".pem", ".key", "-fullchain.pem")
    ]
    assert told["moved"] == expected
    assert "removed" not in told
    assert "stale" not in told


def test_the_older_of_two_in_use_gets_its_serial_number(run, out):
    words = (*DEVICE, *ONE, *DS, "--out", out, "--with-key", "--force")
    old, new = (serial_of(run(*words, *more)) for more in ((), ()))
    assert pairs(out) == {"m8": new, f"m8-{old.lower()}": old}


def test_another_holders_certificate_of_the_label_stays(run, out):
    more = ("--label", "same", "--out", out, "--with-key", "--force")
    old = serial_of(run(*ORGANISATION, *DS, *more))
    network = ("--participant", "network-one", "--id", "90-B3-D5-1F-30-02-00-00")
    words = ("issue", "organisation", "--purpose", "uept", "--role", "networkOperator")
    new = serial_of(run(*words, *network, *DS, *more))
    assert pairs(out) == {"same": new, "same-supplier-one": old}


def test_without_force_the_warning_tells_what_force_does(command, quickstart, out):
    def call(*words):
        return command("--estate", quickstart, *DEVICE, *ONE, *words, "--out", out)

    call(*DS)
    outcome = call(*BOTH[2:])
    assert outcome.code == 0
    assert "no current certificate has that name" in outcome.err
    assert "renames it if its certificate is current" in outcome.err
    assert "m8.pem" in names(out)


def test_a_renewal_takes_the_place_of_what_it_renewed(run, out):
    run(*DEVICE, *ONE, *DS, "--out", out, "--with-key")
    told = run("renew", "--label", "m8", "--out", out, "--with-key", "--force")
    assert pairs(out) == {"m8": serial_of(told)}
    assert "moved" not in told


@pytest.mark.slow
@pytest.mark.parametrize("form", ["pem", "der", "pkcs12"])
def test_an_export_of_one_usage_keeps_the_other(run, out, form, tmp_path):
    phrase = tmp_path / "phrase"
    phrase.write_text(f"{PHRASE}\n")
    words = ("export", "--format", form, "--out", out, "--with-keys", "--label", "m8")
    encrypted = ("--export-passphrase-file", phrase) if form == "pkcs12" else ()
    words = (*words, *encrypted)
    run(*DEVICE, *ONE, *DS)
    before = run(*words)["files"]
    run(*DEVICE, *ONE, *BOTH[2:])
    told = run(*words, "--usage", "key-agreement", "--force")
    mine = [path for path in before if "m8" in os.path.basename(path)]  # noqa: PTH119
    assert {one["from"] for one in told["moved"]} == set(mine)
    assert all("m8-ds" in one["to"] for one in told["moved"])
    assert len({path.stem for path in out.rglob("m8-*.*")}) in {2, 4}
    assert not list(out.rglob("m8.*"))
