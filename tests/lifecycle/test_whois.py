from __future__ import annotations

import pytest
from cryptography import x509

import csrs
from smki_testca.api import Estate
from smki_testca.errors import InputError
from smki_testca.estate.certificates import Selection
from smki_testca.lifecycle.whois import whois_certificate
from smki_testca.shipped import shipped
from smki_testca.x509.pem import to_pem


@pytest.fixture
def whois(command, quickstart):
    return lambda what: command("--json", "--estate", quickstart, "register", "whois", what)


@pytest.mark.parametrize(
    ("eui64", "participant", "roles"),
    [
        ("90-B3-D5-1F-30-01-00-00", "supplier-one", ["Import Supplier"]),
        ("90b3d51f30010002", "supplier-one", ["Gas Supplier"]),
        ("90B3D51F30010009", "supplier-one", ["Meter Data Retriever"]),
        ("90-b3-d5-1f-30-02-00-01", "network-one", ["Gas Transporter"]),
        ("90-B3-D5-1F-30-05-00-00", "rdp-one", ["Registration Data Provider"]),
    ],
)
def test_an_id_has_one_holder_and_its_own_user_roles_only(whois, eui64, participant, roles):
    answer = whois(eui64).json
    assert (answer["participant"], answer["found_by"]) == (participant, "eui64")
    assert answer["user_roles"] == roles
    assert len(answer["ids"]) == 1
    assert answer["issued_here"] is None


def test_market_participant_ids_are_those_of_the_id(whois):
    def told(what):
        return [one["identifier"] for one in whois(what).json["market_participant_ids"]]

    assert told("90-B3-D5-1F-30-01-00-00") == ["SUP1"]
    assert told("90-B3-D5-1F-30-01-00-02") == ["S1G"]
    assert told("90-B3-D5-1F-30-01-00-08") == []
    assert told("TPTY-SUPPLIER-ONE") == ["SUP1", "S1G"]


@pytest.mark.parametrize(
    ("identifier", "participants"),
    [("SUP1", ["supplier-one"]), ("S1G", ["supplier-one"]), ("NET1", ["network-one"]), ("X", [])],
)
def test_a_market_participant_id_leads_to_its_party(estate, identifier, participants):
    found = estate.register.load().holders_of_market_participant(identifier)
    assert [one.id for one in found] == participants


def test_a_signifier_has_one_holder_with_all_its_ids(whois):
    answer = whois("TPTY-SUPPLIER-ONE").json
    assert (answer["participant"], answer["found_by"]) == ("supplier-one", "signifier")
    assert len(answer["ids"]) == 5
    assert set(answer["remote_party_roles"]) >= {"supplier", "loadController", "other"}


@pytest.mark.parametrize(
    "what",
    [
        "tpty-supplier-one",
        "TPTY-SUPPLIER-ONE ",
        "90-B3-D5-1F-30-01-00-0A",
        "FF-FF-FF-FF-FF-FF-FF-FF",
        "nobody",
    ],
)
def test_nobody_is_nobody(whois, what):
    outcome = whois(what)
    assert outcome.code == 4
    assert outcome.json["error"]["code"] == "whois.nobody"


def test_an_id_in_a_range_that_was_not_allocated_says_whose_range(whois):
    message = whois("90-B3-D5-1F-30-01-12-34").json["error"]["message"]
    assert "range of supplier-one" in message


@pytest.mark.parametrize(
    ("label", "participant", "found_by", "value"),
    [
        ("Z1-supplier-ds", "supplier-one", "eui64", "90-B3-D5-1F-30-01-00-00"),
        ("xml-sign-90B3D51F30020000-ds", "network-one", "eui64", "90-B3-D5-1F-30-02-00-00"),
        ("GSME-ka", "meters-one", "device-id", "00-DB-12-00-00-00-00-02"),
        ("dccki-supplier-one", "supplier-one", "signifier", "TPTY-SUPPLIER-ONE"),
        ("dccki-rdp-one", "rdp-one", "signifier", "TRDP-ONE"),
        ("iki-supplier-one", "supplier-one", "participant-name", "Supplier One"),
    ],
)
@pytest.mark.parametrize("form", ["pem", "der", "chain"])
def test_a_presented_certificate_leads_to_its_holder(
    whois, estate, tmp_path, label, participant, found_by, value, form
):
    (record,) = estate.certificates.select(Selection(label=label))
    path = tmp_path / "presented"
    chain = b"".join(to_pem(one.der) for one in estate.certificates.chain(record))
    forms = {
        "pem": to_pem(record.der),
        "der": record.der,
        "chain": b"subject=somebody\n" + to_pem(record.der) + chain,
    }
    path.write_bytes(forms[form])
    answer = whois(path).json
    assert (answer["participant"], answer["found_by"], answer["value"]) == (
        *(participant, found_by, value),
    )
    assert answer["issued_here"] is True


@pytest.fixture(scope="module")
def other_estate(tmp_path_factory):
    """Another estate with the same names, whose CAs have other keys."""
    directory = tmp_path_factory.mktemp("other") / "estate"
    with Estate.create(directory, lambda: "phrase") as estate:
        estate.add_environment("ZAZ1")
        estate.register.import_file((shipped("examples") / "participants.toml").read_bytes(), "-")
        yield estate


def test_a_certificate_of_another_estate_is_told_as_such(estate, other_estate):
    data = csrs.organisation(csrs.new_key(), eui64=bytes.fromhex("90b3d51f30010008"), role="08")
    record, _ = other_estate.sign(data, "supplier-one", "uept")
    assert x509.load_der_x509_certificate(record.der).issuer.rfc4514_string() == "CN=Z1,OU=07"
    answer = whois_certificate(estate, record.der)
    assert (answer.participant.id, answer.issued_here) == ("supplier-one", False)
    assert whois_certificate(other_estate, record.der).issued_here is True


@pytest.mark.parametrize("label", ["Z1", "ZA", "EII DCCKICA ZAZ1 Test"])
def test_a_cas_certificate_is_nobodys(whois, estate, tmp_path, label):
    (record,) = estate.certificates.select(Selection(label=label))
    path = tmp_path / "ca.der"
    path.write_bytes(record.der)
    outcome = whois(path)
    assert outcome.code == 4
    assert outcome.json["error"]["code"] == "whois.no_identifier"


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\x30\x00",
        b"noise" * 100,
        b"-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----",
    ],
)
def test_a_file_that_is_no_certificate_is_refused(whois, tmp_path, octets):
    path = tmp_path / "file"
    path.write_bytes(octets)
    outcome = whois(path)
    assert outcome.code == 4
    assert outcome.json["error"]["code"].split(".")[0] in {"der", "document"}


def test_whatever_is_changed_under_the_signature_was_not_issued_here(estate):
    (record,) = estate.certificates.select(Selection(label="dccki-supplier-one"))
    signed = x509.load_der_x509_certificate(record.der).tbs_certificate_bytes
    start = record.der.index(signed)
    answers = set()
    for position in range(start, start + len(signed), 3):
        changed = bytearray(record.der)
        changed[position] ^= 0x41
        try:
            answers.add(whois_certificate(estate, bytes(changed)).issued_here)
        except InputError:
            answers.add(None)
    assert answers == {False, None}
