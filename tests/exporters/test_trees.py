"""The trees of single files: pem and der, and their chain files."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from exported import PHRASE, ders, files, load_key, needs_openssl, openssl

from smki_testca.estate.certificates import Selection
from smki_testca.exporters.export import items
from smki_testca.exporters.registry import FORMATS
from smki_testca.profiles.model import Hierarchy
from smki_testca.x509.pem import to_pem


@pytest.mark.slow
@pytest.mark.parametrize(("form", "suffix"), [("pem", ".pem"), ("der", ".der")])
@pytest.mark.parametrize("encrypted", [False, True])
def test_trees_hold_every_certificate_with_its_key(export, estate, form, suffix, encrypted):
    outcome, folder = export(form, "--with-keys", encrypted=encrypted)
    assert outcome.code == 0
    found = set()
    for path in files(folder, suffix):
        data = path.read_bytes()
        load = x509.load_pem_x509_certificate if form == "pem" else x509.load_der_x509_certificate
        loaded = load(data)
        found.add(loaded.public_bytes(serialization.Encoding.DER))
        key = path.with_suffix(".key")
        assert key.exists() == (path.parent.name != "ca")
        if key.exists():
            octets = key.read_bytes()
            password = PHRASE.encode() if encrypted else None
            assert load_key(octets, password).public_key() == loaded.public_key()
            if form == "pem":
                label = "ENCRYPTED PRIVATE KEY" if encrypted else "PRIVATE KEY"
                assert octets.startswith(f"-----BEGIN {label}-----\n".encode())
            if encrypted:
                with pytest.raises(ValueError, match=r".+"):
                    load_key(octets, b"another")
                with pytest.raises(TypeError):
                    load_key(octets)
    assert found == ders(estate)


def test_chain_files_lead_from_each_ca_to_its_root(export):
    _, folder = export("pem", "--label", "Z1-supplier-ds")
    (leaf,) = files(folder, ".pem")
    certificate = x509.load_pem_x509_certificate(leaf.read_bytes())
    chain = x509.load_pem_x509_certificates(
        (folder / "ZAZ1" / "organisation" / "ca" / "Z1-chain.pem").read_bytes()
    )
    assert [one.subject.rfc4514_string() for one in chain] == ["CN=Z1,OU=07", "CN=ZA,OU=00"]
    certificate.verify_directly_issued_by(chain[0])
    chain[0].verify_directly_issued_by(chain[1])
    (root,) = x509.load_pem_x509_certificates(
        (folder / "ZAZ1" / "organisation" / "ca" / "ZA-chain.pem").read_bytes()
    )
    assert root == chain[1]


def chain_files(estate):
    every = items(estate, list(estate.select(Selection())), with_keys=False)
    return [one for one in FORMATS["pem"].files(every, None) if "-chain" in one.path.name]


def test_a_chain_file_begins_with_the_newest_certificate_of_its_ca_and_is_written_once(estate):
    made = [estate.renew_authority(label).record for label in ("ZA", "Z1", "Z1", "ZA")]
    found = {
        one.path.name: x509.load_pem_x509_certificates(one.data) for one in chain_files(estate)
    }
    assert len(found) == len(chain_files(estate))
    issuing, root = (found[f"{name}-chain.pem"] for name in ("Z1", "ZA"))
    assert [one.serial_number for one in issuing] == [made[2].serial.value, made[3].serial.value]
    assert root == issuing[1:]


def test_chain_files_of_cas_whose_names_make_the_same_file_are_told_apart(estate):
    before = {str(one.path).lower() for one in chain_files(estate)}
    estate.roll_over(Hierarchy.IKI, "Issuing-ICA ZAZ1 Test")
    after = {str(one.path).lower() for one in chain_files(estate)}
    assert len(after) == len(before) + 1 == len(chain_files(estate))


@pytest.mark.slow
@needs_openssl
@pytest.mark.interop
@pytest.mark.parametrize("encrypted", [False, True])
def test_openssl_reads_pem_and_der_certificates_and_keys(export, encrypted):
    pass_in = ("-passin", f"pass:{PHRASE}") if encrypted else ()
    for form, suffix in (("pem", ".pem"), ("der", ".der")):
        selection = ("--participant", "network-one", "--with-keys")
        _, folder = export(form, *selection, out=form, encrypted=encrypted)
        found = files(folder / "ZAZ1" / "organisation" / "network-one", suffix)
        assert len(found) == 3
        for path in found:
            public = openssl("x509", "-inform", form, "-in", path, "-pubkey", "-noout")
            key = path.with_suffix(".key")
            assert openssl("pkey", "-inform", form, "-in", key, *pass_in, "-pubout") == public


@needs_openssl
@pytest.mark.interop
def test_pem_is_as_openssl_would_write_it(export):
    _, folder = export("pem", "--with-keys", "--label", "ESME-ds")
    (path,) = files(folder, ".pem")
    assert openssl("x509", "-in", path) == path.read_bytes()
    key = path.with_suffix(".key")
    assert openssl("pkey", "-in", key) == key.read_bytes()


@pytest.mark.parametrize("length", [0, 1, 47, 48, 49, 96, 500])
def test_pem_lines_have_64_characters(length):
    lines = to_pem(bytes(length)).decode().splitlines()
    assert all(len(line) == 64 for line in lines[1:-2])
    assert all(len(line) <= 64 for line in lines[1:-1])
