"""``show`` of certificates, CSRs and CRLs, whole and broken."""

from __future__ import annotations

import re

import pytest
from cryptography import x509

import csrs
from broken import CHANGES, chain_and_leaf, field
from golden_cases import CASES
from seeds import revocation_list
from smki_testca.der import encode
from smki_testca.importers.sources import sources


@pytest.fixture(scope="session")
def organisation(quickstart_original):
    """The chain of CAs, and an Organisation Certificate to break."""
    return chain_and_leaf(quickstart_original, "organisation")


@pytest.fixture
def supplier(quickstart_original):
    folder = quickstart_original / "export" / "pem" / "ZAZ1" / "organisation" / "supplier-one"
    return folder / "Z1-supplier-ds.pem"


def table(outcome):
    """The lines of the table by the field that each begins with."""
    return {line.split()[0]: line.rstrip() for line in outcome.out.splitlines() if line.strip()}


def test_a_csr_is_shown_with_its_kind_names_and_role(command, tmp_path):
    (tmp_path / "a.csr").write_bytes(
        csrs.pem(csrs.organisation(csrs.new_key(), role="02", common_name="SUPPLIER"))
    )
    outcome = command("show", tmp_path / "a.csr")
    assert outcome.code == 0
    assert outcome.out.startswith("CSR: Organisation")
    assert "90-B3-D5-1F-30-01-00-00" in outcome.out
    assert "02 (supplier)" in outcome.out
    shown = command("--json", "show", tmp_path / "a.csr").json
    assert shown["kind"] == "csr-organisation"
    assert shown["fields"]["subject.commonName"] == "SUPPLIER"
    assert shown["findings"] == []


def test_a_csr_with_a_fault_ends_with_1_and_the_fault_is_beside_its_field(command, tmp_path):
    request = csrs.organisation(csrs.new_key(), role="supplier")
    (tmp_path / "a.csr").write_bytes(csrs.pem(request))
    outcome = command("show", tmp_path / "a.csr")
    assert outcome.code == 1
    assert table(outcome)["subject.organizationalUnitName"].endswith("error")
    assert "[csr.role at octet " in outcome.out


def test_a_crl_is_shown(command, tmp_path):
    (tmp_path / "a.crl").write_bytes(csrs.pem(revocation_list(), header="X509 CRL"))
    outcome = command("--json", "show", tmp_path / "a.crl")
    assert outcome.json["kind"] == "organisation-crl"
    assert outcome.json["subject"] == "OU=07, CN=Z1"
    assert outcome.json["fields"]["revokedCertificates"] == "2"
    assert "left)" in outcome.json["fields"]["nextUpdate"]
    told = command("show", tmp_path / "a.crl")
    assert told.out.startswith("Organisation CRL OU=07, CN=Z1")
    assert "extensions.authorityKeyIdentifier.missing" in told.out
    assert told.code == outcome.code == 1


def test_an_end_that_has_passed_says_how_long_ago(command, supplier):
    outcome = command("--clock", "2060-01-01", "show", supplier)
    assert outcome.code == 0
    line = table(outcome)["validity.notAfter"]
    assert "(expired " in line
    assert re.search(r" years( \d+ months?)? ago\)", line)
    assert line.endswith("warning")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "path"),
    [
        ("keyUsage nonRepudiation", "extensions.keyUsage"),
        ("certificatePolicies not critical", "extensions.certificatePolicies"),
        ("serial of 21 octets", "serialNumber"),
        ("early GeneralizedTime", "validity.notBefore"),
    ],
)
def test_a_finding_is_beside_the_field_it_concerns(command, organisation, tmp_path, change, path):
    chain, der = organisation
    bundle = (chain.issue(der, CHANGES[change]), chain.issuing, chain.root)
    (tmp_path / "a.pem").write_bytes(b"".join(csrs.pem(d, header="CERTIFICATE") for d in bundle))
    documents = command("--json", "show", tmp_path / "a.pem").json["documents"]
    assert [one["path"] for one in documents[0]["findings"] if one["severity"] == "error"] == [path]
    assert not any(f["severity"] == "error" for one in documents[1:] for f in one["findings"])
    outcome = command("show", "-", stdin=csrs.pem(bundle[0], header="CERTIFICATE"))
    assert outcome.code == 1
    assert table(outcome)[path].endswith("error")


def signature(outcome):
    """What is said of the signature."""
    return outcome.json["fields"]["signatureValue"]


def test_the_signature_is_shown_with_its_algorithm_and_by_whose_key_it_verifies(
    command, organisation, quickstart, supplier, tmp_path
):
    ecdsa = "ecdsa-with-SHA256"
    alone = command("--json", "show", supplier)
    assert signature(alone) == f"{ecdsa}, not verified: the issuer's certificate is not known"
    serial = f"{x509.load_pem_x509_certificate(supplier.read_bytes()).serial_number:032X}"
    here = command("--json", "--estate", quickstart, "show", serial)
    assert signature(here) == f"{ecdsa}, verifies with the key of OU=07, CN=Z1"
    chain, der = organisation
    bundle = (chain.issue(der, CHANGES["unchanged"]), chain.issuing, chain.root)
    (tmp_path / "a.pem").write_bytes(b"".join(csrs.pem(d, header="CERTIFICATE") for d in bundle))
    documents = command("--json", "show", tmp_path / "a.pem").json["documents"]
    assert [one["fields"]["signatureValue"] for one in documents] == [
        f"{ecdsa}, verifies with the key of OU=07, CN=Z1",
        f"{ecdsa}, verifies with the key of OU=00, CN=ZA",
        f"{ecdsa}, verifies with its own key",
    ]


def test_a_signature_that_is_wrong_has_its_finding_beside_it(command, organisation, tmp_path):
    chain, der = organisation
    der = chain.issue(der, CHANGES["unchanged"])
    changed = der[:-1] + bytes((der[-1] ^ 1,))
    bundle = (changed, chain.issuing, chain.root[:-1] + bytes((chain.root[-1] ^ 1,)))
    (tmp_path / "a.pem").write_bytes(b"".join(csrs.pem(d, header="CERTIFICATE") for d in bundle))
    documents = command("--json", "show", tmp_path / "a.pem").json["documents"]
    said = [one["fields"]["signatureValue"].split(", ")[1] for one in documents]
    assert said[0] == "does not verify with the key of the issuer that it names"
    assert said[2] == "does not verify with its own key"
    lines = [line for line in command("show", tmp_path / "a.pem").out.splitlines() if line]
    rows = [line.rstrip() for line in lines if line.startswith("signatureValue")]
    assert rows[0].endswith("error")
    assert rows[2].endswith("error")


def test_the_signature_of_a_csr_and_of_a_crl_is_shown_too(command, tmp_path):
    request = csrs.organisation(csrs.new_key())
    (tmp_path / "a.csr").write_bytes(csrs.pem(request))
    assert signature(command("--json", "show", tmp_path / "a.csr")).endswith(
        "verifies with its own key"
    )
    broken = request[:-1] + bytes((request[-1] ^ 1,))
    (tmp_path / "b.csr").write_bytes(csrs.pem(broken))
    assert "does not verify" in signature(command("--json", "show", tmp_path / "b.csr"))
    assert table(command("show", tmp_path / "b.csr"))["signatureValue"].endswith("error")
    (tmp_path / "a.crl").write_bytes(csrs.pem(revocation_list(), header="X509 CRL"))
    assert "not verified" in signature(command("--json", "show", tmp_path / "a.crl"))


def test_a_certificate_of_no_pki_is_shown_as_such(command):
    outcome = command("show", CASES / "other-pki-web.pem")
    assert outcome.code == 1
    assert outcome.out.startswith("Certificate of another PKI CN=www.example")
    assert "sha256WithRSAEncryption, not verified" in outcome.out
    assert outcome.out.count("error: ") == 1


def test_json_shows_the_same_fields_as_the_table(command, supplier):
    shown = command("--json", "show", supplier).json
    lines = table(command("show", supplier))
    for path, value in shown["fields"].items():
        assert value.split("\n")[0][:40] in lines[path]


def test_the_chain_in_a_file_is_shown_one_by_one(command, quickstart):
    chain = next((quickstart / "export" / "pem" / "ZAZ1" / "device" / "ca").glob("DZ1-chain.pem"))
    outcome = command("--json", "show", chain)
    assert [one["kind"] for one in outcome.json["documents"]] == [
        *("device-issuing-ca", "device-root-ca"),
    ]
    assert outcome.code == 0


def test_the_cas_of_an_estate_that_is_named_are_trusted(command, quickstart, supplier):
    alone = command("--json", "show", supplier).json
    assert "issuer.unknown" in {one["code"] for one in alone["findings"]}
    known = command("--estate", quickstart, "--json", "show", supplier).json
    assert "issuer.unknown" not in {one["code"] for one in known["findings"]}


def test_a_certificate_of_another_estate_is_shown_as_of_an_unknown_issuer(
    command, newcomer, supplier
):
    outcome = command("--estate", newcomer, "--json", "show", supplier)
    assert outcome.code == 0
    assert [
        one["code"] for one in outcome.json["findings"] if one["code"] != "eui64.look_alike"
    ] == ["issuer.unknown"]


def test_asn1_lists_every_element_with_its_offset(command, supplier):
    outcome = command("show", "--asn1", supplier)
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert lines[0].startswith("     0: SEQUENCE (")
    assert any("OBJECT IDENTIFIER (3) x500UniqueIdentifier (2.5.4.45)" in line for line in lines)
    elements = command("--json", "show", "--asn1", supplier).json["elements"]
    assert [one["text"] for one in elements] == lines
    (der,) = (one.data for one in sources([str(supplier)]))
    for one in elements:
        if one["content"] is not None:
            assert bytes.fromhex(one["content"]) in der[one["offset"] :]


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda der: der[:-10], "claims"),
        (lambda der: der + b"\x00", "octet follows the end"),
        (lambda der: der[:60] + b"\xff" + der[61:], "!!"),
        (lambda der: b"\x30\x80" + der + b"\x00\x00", "indefinite"),
    ],
)
def test_asn1_of_broken_der_lists_what_can_be_read_and_says_where_it_ends(
    command, organisation, break_it, said
):
    data = break_it(organisation[1])
    outcome = command("show", "--asn1", "-", stdin=data)
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert len(lines) > 3
    assert any("!!" in line and said in line for line in lines)
    assert all(0 <= int(line.split(":")[0]) <= len(data) for line in lines)


def test_broken_der_is_shown_as_unknown_with_the_octet_where_it_breaks(command, organisation):
    outcome = command("--json", "show", "-", stdin=organisation[1][:-10])
    assert outcome.code == 1
    assert outcome.json["kind"] == "unknown"
    assert [one["code"] for one in outcome.json["findings"]] == ["der.truncated"]
    told = command("show", "-", stdin=organisation[1][:-10])
    assert told.code == 1
    assert "at octet 0" in told.out


@pytest.mark.parametrize("name", ["[red]A[/red]", "[/]", "[link=http://x]", "\\[", "[bold"])
def test_brackets_in_a_name_are_text(command, organisation, name):
    chain, der = organisation
    data = chain.issue(der, field("subject.commonName", encode.text(0x0C, name)))
    outcome = command("show", "-", stdin=data)
    assert outcome.code in {0, 1}
    assert name in outcome.out.splitlines()[0]
    assert name in table(outcome)["subject.commonName"]


def test_control_characters_in_names_never_reach_the_terminal(command, organisation):
    chain, der = organisation
    name = "A\x1b[2J\x9b1m\u202eB\nC\x07"
    data = chain.issue(der, field("subject.commonName", encode.text(0x0C, name)))
    for arguments in ((), ("--json",)):
        outcome = command(*arguments, "show", "-", stdin=data)
        assert "[2J" in outcome.out
        assert all(line.isprintable() for line in outcome.out.split("\n"))


def test_a_private_key_is_not_shown(command, quickstart, one_line):
    key = next((quickstart / "export" / "pem").rglob("*.key"))
    for arguments in (("show",), ("show", "--asn1")):
        outcome = command(*arguments, key)
        assert outcome.code == 4
        one_line(outcome)
        assert key.read_text().splitlines()[1] not in outcome.err


def test_the_key_beside_a_certificate_is_passed_over(command, supplier):
    key = supplier.with_suffix(".key").read_bytes()
    alone = command("--json", "show", supplier).json
    both = command("--json", "show", "-", stdin=key + supplier.read_bytes())
    assert both.json["fields"] == alone["fields"]
    dump = command("show", "--asn1", "-", stdin=key + supplier.read_bytes()).out
    assert dump == command("show", "--asn1", supplier).out


@pytest.mark.parametrize("data", [b"", b"nothing", b"-----BEGIN CERTIFICATE-----\nMII"])
def test_what_is_no_document_is_an_error_on_one_line(command, data, one_line):
    outcome = command("show", "-", stdin=data)
    assert outcome.code == 4
    one_line(outcome)
    assert command("--json", "show", "-", stdin=data).json["error"]["code"].startswith("document.")
