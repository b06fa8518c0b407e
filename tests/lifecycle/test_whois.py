from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography import x509

import csrs
from nodes import with_field
from smki_testca.api import Estate
from smki_testca.authority.revocation import Reason
from smki_testca.der import encode
from smki_testca.errors import InputError
from smki_testca.estate.certificates import Selection
from smki_testca.identifiers import Eui64, Signifier
from smki_testca.importers.intake import take_in
from smki_testca.lifecycle.whois import look_up, whois_certificate
from smki_testca.register.correction import Correction
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
@pytest.mark.shows("4-issue-1", "4-issue-4", "4-issue-5", "R7", "R15", "R18")
def test_an_id_has_one_holder_and_its_own_user_roles_only(whois, eui64, participant, roles):
    answer = whois(eui64).json
    assert (answer["participant"], answer["found_by"]) == (participant, "eui64")
    assert answer["user_roles"] == roles
    assert len(answer["ids"]) == 1
    assert answer["issued_here"] is None


@pytest.mark.shows("¶35", "R14")
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


@pytest.mark.shows("4-issue-4", "4-issue-7", "¶32", "¶34", "¶36", "R9", "R15", "R16")
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


@pytest.mark.shows("R7")
def test_an_id_in_a_range_that_was_not_allocated_says_whose_range(whois):
    message = whois("90-B3-D5-1F-30-01-12-34").json["error"]["message"]
    assert "range of supplier-one" in message


@pytest.mark.slow
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
@pytest.mark.shows("4-issue-6", "¶36", "R8", "R16")
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


@pytest.mark.parametrize(
    ("label", "ids", "user_roles"),
    [
        (
            "dccki-supplier-one",
            [f"90-B3-D5-1F-30-01-00-0{last}" for last in (0, 1, 2, 8, 9)],
            [
                *("Import Supplier", "Export Supplier", "Gas Supplier", "Load Controller"),
                "Meter Data Retriever",
            ],
        ),
        ("dccki-rdp-one", ["90-B3-D5-1F-30-05-00-00"], ["Registration Data Provider"]),
    ],
)
@pytest.mark.shows("4-issue-4", "4-issue-7", "¶32", "¶34", "¶36", "R9", "R15", "R16")
def test_a_dccki_certificate_leads_to_every_id_of_its_holder(
    whois, estate, tmp_path, label, ids, user_roles
):
    path = tmp_path / "presented.der"
    path.write_bytes(of_label(estate, label).der)
    answer = whois(path).json
    assert answer["found_by"] == "signifier"
    assert [one["eui64"] for one in answer["ids"]] == ids
    assert answer["user_roles"] == user_roles


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


@pytest.mark.slow
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


def of_label(estate, label):
    (record,) = estate.certificates.select(Selection(label=label))
    return record


# What an identifier means depends on the certificate type.


@pytest.mark.shows("R7")
def test_an_organisation_certificate_is_nobodys_under_a_registry_entry(estate):
    record = of_label(estate, "Z1-supplier-ds")
    device_id = encode.bit_string(bytes.fromhex("00db120000000001"))
    changed = with_field(record.der, "subject.x500UniqueIdentifier", device_id)
    with pytest.raises(InputError, match="which is for Device IDs") as caught:
        whois_certificate(estate, changed)
    assert caught.value.code == "whois.nobody"
    assert "meters-one" in caught.value.message


@pytest.mark.shows("R11")
def test_a_device_certificate_is_nobodys_by_an_allocated_id(estate):
    record = of_label(estate, "ESME-ka")
    changed = record.der.replace(
        bytes.fromhex("00db120000000001"), bytes.fromhex("90b3d51f30010000")
    )
    assert changed != record.der
    with pytest.raises(InputError, match="allocated to supplier-one") as caught:
        whois_certificate(estate, changed)
    assert caught.value.code == "whois.nobody"


@pytest.mark.slow
def test_of_two_with_one_trading_name_the_record_tells_whose_an_iki_certificate_is(
    estate, other_estate
):
    estate.correct_participant("supplier-two", Correction(name="Supplier One"))
    own = whois_certificate(estate, of_label(estate, "iki-supplier-one").der)
    assert (own.participant.id, own.by, own.value) == (
        *("supplier-one", "issued-to", "supplier-one"),
    )
    subject = other_estate.subject("iki", role="02", system_name="x")
    request = other_estate.request("supplier-one", "uept", subject)
    (foreign,), _ = other_estate.issue(request)
    with pytest.raises(InputError) as caught:
        whois_certificate(estate, foreign.der)
    assert caught.value.code == "whois.ambiguous"
    assert "supplier-one, supplier-two" in caught.value.message


def test_a_name_that_is_anothers_by_now_does_not_lead_away_from_the_holder(estate):
    participants = estate.register.load().participants
    renamed = replace(participants["supplier-one"], name="Renamed")
    estate.register.bring_in([renamed], [])
    estate.correct_participant("supplier-two", Correction(name="Supplier One"))
    answer = whois_certificate(estate, of_label(estate, "iki-supplier-one").der)
    assert (answer.participant.id, answer.by) == ("supplier-one", "issued-to")


# Expired, revoked, not yet valid.


def test_revoked_is_told(whois, estate, tmp_path):
    estate.revoke(Selection(label="Z1-supplier-ds"), Reason.SUPERSEDED)
    path = tmp_path / "revoked.pem"
    path.write_bytes(to_pem(of_label(estate, "Z1-supplier-ds").der))
    certificate = whois(path).json["certificate"]
    assert certificate["status"] == "revoked"
    assert certificate["revoked_at"] is not None
    assert certificate["issued_to"] == "supplier-one"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("at", "status", "said"),
    [
        ("2026-12-24", "in-use", "in-use, until 20"),
        ("2199-01-01", "expired", "EXPIRED on 20"),
        ("2001-01-01", "not-yet-valid", "NOT YET VALID: from 20"),
    ],
)
@pytest.mark.parametrize("is_own", [True, False])
def test_the_dates_are_told_of_any_certificate(
    command, quickstart, estate, tmp_path, is_own, at, status, said
):
    record = of_label(estate, "Z1-supplier-ds")
    path = tmp_path / "presented.der"
    path.write_bytes(record.der if is_own else record.der[:-1] + bytes([record.der[-1] ^ 1]))
    call = ("--estate", quickstart, "--clock", at)
    certificate = command(*call, "--json", "register", "whois", path).json["certificate"]
    if not is_own and status == "in-use":
        status, said = None, "whether it is revoked is not known here"
    assert (certificate["status"], certificate["issued_here"]) == (status, is_own)
    assert said in command(*call, "register", "whois", path).out


# Several certificates in a file.


def written(tmp_path, *ders):
    path = tmp_path / "several.pem"
    path.write_bytes(b"".join(map(to_pem, ders)))
    return path


def test_every_certificate_of_a_file_is_answered(whois, estate, tmp_path):
    labels = ("dccki-rdp-one", "Z1", "GSME-ka", "Z1-supplier-ds")
    path = written(tmp_path, *(of_label(estate, label).der for label in labels))
    outcome = whois(path)
    assert outcome.code == 0
    assert outcome.json["participant"] == "rdp-one"
    told = [one.get("participant") or one["error"]["code"] for one in outcome.json["answers"]]
    assert told == ["rdp-one", "whois.no_identifier", "meters-one", "supplier-one"]
    assert [one["certificate"]["authority"] for one in outcome.json["answers"]] == [
        *(False, True, False, False),
    ]


def test_a_csr_is_said_to_be_one(command, quickstart, tmp_path):
    path = tmp_path / "a.csr"
    path.write_bytes(csrs.pem(csrs.organisation(csrs.new_key())))
    outcome = command("--estate", quickstart, "register", "whois", path)
    assert outcome.code == 4
    assert outcome.err == (
        "error: It is not a certificate, but a CSR. Give the certificate that was issued for it.\n"
    )


def test_what_is_not_answered_is_told_beside_what_is(command, quickstart, estate, tmp_path):
    known = of_label(estate, "GSME-ka").der
    unknown = known.replace(bytes.fromhex("00db12"), bytes.fromhex("00db99"))
    call = ("--estate", quickstart, "--json", "register", "whois")
    both = command(*call, written(tmp_path, unknown, b"\x30\x00", known))
    assert both.code == 1
    assert both.json["participant"] == "meters-one"
    first, second, _ = both.json["answers"]
    assert first["error"]["code"] == "whois.nobody"
    assert second["certificate"] is None
    neither = command(*call, written(tmp_path, unknown, unknown))
    assert (neither.code, neither.json["error"]["code"]) == (4, "whois.nobody")
    out = command("--estate", quickstart, "register", "whois", tmp_path / "several.pem").out
    assert out.count("Participant  unknown: The Device ID 00-DB-99") == 2


# Other terms.


@pytest.mark.parametrize(
    ("term", "participant", "found_by", "ids"),
    [
        ("labs-one", "labs-one", "participant", 0),
        ("supplier-one", "supplier-one", "participant", 5),
        ("SUP1", "supplier-one", "market-participant-id", 2),
        ("N1G", "network-one", "market-participant-id", 1),
    ],
)
@pytest.mark.shows("R14")
def test_participant_ids_and_market_participant_ids_lead_to_a_participant(
    whois, term, participant, found_by, ids
):
    answer = whois(term).json
    assert (answer["participant"], answer["found_by"], answer["value"]) == (
        *(participant, found_by, term),
    )
    assert len(answer["ids"]) == ids
    assert "certificate" not in answer


@pytest.mark.slow
@pytest.mark.parametrize("label", ["Z1-supplier-ds", "GSME-ka", "iki-supplier-one"])
def test_a_serial_number_leads_to_the_certificate_and_its_holder(whois, estate, label):
    record = of_label(estate, label)
    plain, serial = f"{record.serial}", f"{record.serial.value:x}"
    colons = ":".join(plain[place : place + 2] for place in range(0, 32, 2))
    for term in (plain, serial, colons, str(record.serial.value)):
        answer = whois(term).json
        assert (answer["participant"], answer["found_by"]) == (record.participant, "serial")
        assert answer["value"] == plain
        assert answer["certificate"]["serial"] == plain


def test_a_serial_number_of_a_ca_or_of_none_is_nobodys(whois, estate):
    assert whois(of_label(estate, "Z1").serial).json["error"]["code"] == "whois.no_identifier"
    assert whois("12" * 16).json["error"]["code"] == "whois.nobody"
    assert whois("0" * 32).json["error"]["code"] == "whois.nobody"


def test_a_term_of_several_participants_is_answered_for_each(estate, whois):
    first, second = (
        estate.register.load().participant(name) for name in ("supplier-one", "supplier-two")
    )
    market = replace(first.market_participant_ids[0], ids=())
    before = estate.register.load()
    shared = {
        **before.participants,
        "supplier-two": replace(second, market_participant_ids=(market,)),
        "dcc": replace(before.participants["dcc"], signifier=Signifier("labs-one")),
    }
    # A version before let two have one.
    with estate.transaction():
        estate.register._store(before, replace(before, participants=shared))  # noqa: SLF001
    answers = whois("SUP1").json["answers"]
    assert [one["participant"] for one in answers] == ["supplier-one", "supplier-two"]
    assert [len(one["ids"]) for one in answers] == [2, 2]
    answers = whois("labs-one").json["answers"]
    assert [(one["participant"], one["found_by"]) for one in answers] == [
        ("dcc", "signifier"),
        ("labs-one", "participant"),
    ]


@pytest.mark.slow
def test_an_imported_certificate_is_found_by_its_serial_number(estate, other_estate, tmp_path):
    data = csrs.organisation(csrs.new_key(), eui64=bytes.fromhex("90b3d51f30010009"), role="7F")
    record, _ = other_estate.sign(data, "supplier-one", "uept")
    path = tmp_path / "theirs.pem"
    path.write_bytes(to_pem(record.der))
    estate.import_material(take_in([str(path)]))
    (answer,) = look_up(estate, str(record.serial))
    assert (answer.participant.id, answer.by, answer.issued_here) == (
        *("supplier-one", "serial", False),
    )
    assert answer.certificate.issued_to is None


def test_an_id_that_was_withdrawn_since_leads_to_whom_the_certificate_was_issued(estate):
    record = of_label(estate, "Z1-supplier-ds")
    estate.revoke(Selection(eui64=record.eui64), Reason.SUPERSEDED)
    correction = Correction(withdrawn=frozenset({Eui64(record.eui64.value)}))
    estate.correct_participant("supplier-one", correction)
    answer = whois_certificate(estate, record.der)
    assert (answer.participant.id, answer.by) == ("supplier-one", "issued-to")
    assert answer.certificate.status == "revoked"
