"""Other people's certificates are kept apart, and signed again where that can be."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import csrs
from broken import extension
from golden_cases import GOLDEN
from nodes import with_field
from smki_testca.api import Estate
from smki_testca.authority.filling import Validity
from smki_testca.authority.revocation import Reason
from smki_testca.clock import FixedClock
from smki_testca.der import encode
from smki_testca.errors import EstateError, InputError, Refusal
from smki_testca.estate.certificates import Selection
from smki_testca.estate.externals import ExternalStore
from smki_testca.estate.status import Status
from smki_testca.identifiers import Eui64, SerialNumber
from smki_testca.importers.intake import FoundCertificate, Intake, LooseKey, take_in
from smki_testca.importers.sources import sources
from smki_testca.issuance.re_signing import LeftOutError, ReSigningTerms
from smki_testca.lifecycle.importing import ImportOutcome
from smki_testca.shipped import shipped
from smki_testca.x509.names import ECDSA_WITH_NULL
from smki_testca.x509.view import view_certificate

UEPT = ReSigningTerms("uept")
METERS = ReSigningTerms("device-and-user-system-tests")
SUPPLIER = Eui64.parse("90-B3-D5-1F-30-01-00-00")


@pytest.fixture(scope="session")
def theirs(quickstart_original):
    """Somebody else's export of every kind of certificate, with keys."""
    return quickstart_original / "export" / "pem" / "ZAZ1"


@pytest.fixture(scope="session")
def everything(theirs):
    return take_in([str(theirs)])


@pytest.fixture(scope="session")
def one(theirs):
    """A supplier's certificate for digital signature, with its key."""
    folder = theirs / "organisation" / "supplier-one"
    names = [str(folder / f"Z1-supplier-ds.{suffix}") for suffix in ("pem", "key")]
    return take_in(names).certificates[0]


@pytest.fixture
def ours(newcomer):
    with Estate.open(newcomer, "phrase") as opened:
        yield opened


def opened(directory, *, at=None, passphrase="phrase"):  # noqa: S107 - of a test's estate
    return Estate.open(directory, passphrase, clock=None if at is None else FixedClock(at))


def state(estate):
    """The SHA-256 of an estate's file."""
    return hashlib.sha256((estate.directory / "estate.sqlite").read_bytes()).hexdigest()


def bring(estate, *ders, key=None, label="theirs"):
    """Import certificates by their octets alone."""
    found = tuple(FoundCertificate(der, "theirs.pem", label, key) for der in ders)
    return estate.import_material(Intake(found))


def codes(signing):
    return {one.external.name: one.error.code for one in signing.left_out}


@pytest.mark.slow
def test_an_import_keeps_what_each_certificate_says(ours, everything):
    done = ours.import_material(everything)
    assert done.changed
    assert {one.arrival for one in done.arrived} == {ImportOutcome.NEW}
    records = {one.name: one for one in ours.externals.select()}
    assert list(records) == [one.label for one in everything.certificates]

    supplier = records["Z1-supplier-ds"]
    loaded = x509.load_der_x509_certificate(supplier.der)
    assert supplier.profile == "organisation"
    assert supplier.eui64 == SUPPLIER
    assert supplier.role == 2
    assert supplier.usage == "digital-signature"
    assert supplier.not_before == loaded.not_valid_before_utc
    assert supplier.not_after == loaded.not_valid_after_utc
    assert supplier.serial_text == f"{loaded.serial_number:032X}"
    assert supplier.has_key
    assert supplier.source == "ZAZ1/organisation/supplier-one/Z1-supplier-ds.pem"
    assert supplier.sha256 == hashlib.sha256(supplier.der).digest()

    meter = records["ESME-ka"]
    assert (meter.profile, meter.role, meter.usage) == ("device", None, "key-agreement")
    assert str(meter.eui64).startswith("00-DB-12")
    assert records["dccki-supplier-one"].eui64 is None
    assert records["iki-supplier-one"].profile == "iki"
    assert records["Z1"].profile == "organisation-issuing-ca"
    assert not records["Z1"].has_key
    assert ours.audit.verify() > 0


def test_the_private_key_comes_back_as_it_was(ours, one):
    bring(ours, one.der, key=one.key)
    (record,) = ours.externals.select()
    got = serialization.load_der_private_key(ours.externals.private_key(record), None)
    assert got.private_numbers() == one.key.private_numbers()


def test_private_keys_are_sealed_at_rest(ours, one):
    bring(ours, one.der, key=one.key)
    secret = one.key.private_numbers().private_value.to_bytes(32)
    assert secret not in (ours.directory / "estate.sqlite").read_bytes()


def test_no_passphrase_is_asked_for_where_there_is_no_key(newcomer, one):
    def ask():
        pytest.fail("a passphrase was asked for")

    with Estate.open(newcomer, ask) as estate:
        assert bring(estate, one.der).changed


def test_importing_the_same_again_changes_nothing(ours, everything):
    ours.import_material(everything)
    before = state(ours)
    again = ours.import_material(everything)
    assert not again.changed
    assert again.keys == 0
    assert {one.arrival for one in again.arrived} == {ImportOutcome.KNOWN}
    assert state(ours) == before


def test_an_import_is_one_audit_entry(ours, everything):
    before = ours.audit.entries()[-1].number
    ours.import_material(everything)
    (entry,) = ours.audit.entries(last=1)
    assert entry.number == before + 1
    assert entry.action == "import"
    assert len(entry.body["externals"]) == len(everything.certificates)
    assert {one.audit for one in ours.externals.select()} == {entry.number}


def test_a_changed_external_certificate_is_found_by_the_audit(newcomer, one):
    with opened(newcomer) as estate:
        bring(estate, one.der)
    with sqlite3.connect(newcomer / "estate.sqlite") as database:
        database.execute("UPDATE externals SET der = CAST(der || x'00' AS BLOB)")
    database.close()
    with opened(newcomer) as estate, pytest.raises(EstateError) as caught:
        estate.audit.verify()
    assert caught.value.code == "audit.external"


def test_a_removed_external_certificate_is_found_by_the_audit(newcomer, one):
    with opened(newcomer) as estate:
        bring(estate, one.der)
    with sqlite3.connect(newcomer / "estate.sqlite") as database:
        database.execute("DELETE FROM externals")
    database.close()
    with opened(newcomer) as estate, pytest.raises(EstateError) as caught:
        estate.audit.verify()
    assert caught.value.code == "audit.external"


def test_external_certificates_are_none_of_the_estates_own(ours, everything):
    own = list(ours.select(Selection()))
    ours.import_material(everything)
    assert list(ours.select(Selection())) == own
    for record in ours.externals.select():
        serial = SerialNumber(int(record.serial_text, 16))
        assert ours.by_serial(serial) is None
    assert ours.issued.for_device(Eui64.parse("00-DB-12-00-00-00-00-01")) == 0
    assert ours.issued.in_category("supplier-one", "organisation-user") == 0
    assert ours.certificates.authorities() == [one for one in own if one.tier != "end-entity"]


def test_a_private_key_of_theirs_never_passes_for_that_of_an_own_certificate(ours, one):
    csr = csrs.organisation(one.key)
    record, _ = ours.sign(csr, "supplier-one", "uept")
    bring(ours, one.der, key=one.key)
    assert ours.externals.select()[0].key_id == record.key_id
    assert ours.private_key(record) is None


def test_what_the_estate_issued_is_left_as_it_is(estate, everything):
    before = state(estate)
    done = estate.import_material(everything)
    assert {one.arrival for one in done.arrived} == {ImportOutcome.OWN}
    assert all(one.external is None and one.own is not None for one in done.arrived)
    assert not done.changed
    assert state(estate) == before
    assert estate.externals.select() == []


def test_a_certificate_with_an_own_serial_and_other_octets_is_external(estate, one):
    changed = with_field(
        one.der, "validity.notAfter", encode.time(datetime(2050, 1, 1, tzinfo=UTC))
    )
    (arrived,) = bring(estate, changed).arrived
    assert arrived.arrival is ImportOutcome.NEW


def test_a_key_may_come_after_its_certificate(ours, one):
    bring(ours, one.der)
    loose = Intake((), (LooseKey(one.key, "late.key"),))
    done = ours.import_material(loose)
    assert (done.keys, done.remarks) == (1, ())
    assert ours.externals.select()[0].has_key
    assert not ours.import_material(loose).changed


def test_a_known_certificate_may_come_again_with_its_key(ours, one):
    bring(ours, one.der)
    (arrived,) = bring(ours, one.der, key=one.key).arrived
    assert arrived.arrival is ImportOutcome.KEY_ADDED
    assert arrived.external.has_key


def test_a_key_that_fits_no_certificate_is_remarked_on_and_not_kept(ours, one):
    bring(ours, one.der)
    before = state(ours)
    done = ours.import_material(Intake((), (LooseKey(csrs.new_key(), "stray.key"),)))
    assert [(one.source, one.code) for one in done.remarks] == [("stray.key", "import.loose_key")]
    assert state(ours) == before


@pytest.fixture
def warned(newcomer, tmp_path):
    """The same estate, whose operator says what live material is marked by."""
    profiles = tmp_path / "operator"
    profiles.mkdir()
    text = (shipped("profiles") / "environments.toml").read_text("utf-8")
    text = text.replace("policies = []", 'policies = ["1.2.3.4"]', 1)
    text = text.replace("ca-names = []", 'ca-names = ["LIVE"]', 1)
    (profiles / "environments.toml").write_text(text, "utf-8")
    with Estate.open(newcomer, "phrase", profiles=profiles) as estate:
        yield estate


def named(der, path, name, tag=0x0C):
    """A certificate with another name in the place of one of its own."""
    octets = name if isinstance(name, bytes) else name.encode()
    return with_field(der, path, encode.sequence(csrs.attribute("550403", octets, tag)))


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        extension("certificatePolicies", value="300730050603 2a0304"),
        extension("certificatePolicies", value="300e 3005 0603 2a0305 3005 0603 2a0304"),
        lambda der: named(der, "issuer", "LIVE"),
        lambda der: named(der, "subject", " live "),
        lambda der: named(der, "subject", "LI  ve"),
        lambda der: named(der, "issuer", "LIVE".encode("utf-16-be"), tag=0x1E),
    ],
    ids=["policy", "second-policy", "issuer", "subject", "spaces", "BMPString"],
)
@pytest.mark.shows("R20")
def test_live_material_is_refused_and_nothing_is_imported(warned, one, theirs, change):
    meters = take_in([str(theirs / "device")])
    live = FoundCertificate(change(one.der), "live.pem", "live", one.key)
    before = state(warned)
    with pytest.raises(InputError) as caught:
        warned.import_material(Intake((*meters.certificates, live)))
    assert caught.value.code == "import.live"
    assert "R20" in caught.value.message
    assert state(warned) == before


def test_certificates_without_live_marks_come_in_where_there_are_such(warned, everything):
    assert warned.import_material(everything).changed


BAD = {
    "null-parameters": lambda der: with_field(der, "signature", ECDSA_WITH_NULL),
    "decimal-role": lambda der: with_field(
        der, "subject.organizationalUnitName", encode.text(encode.UTF8_STRING, "137")
    ),
    "long-serial": lambda der: with_field(der, "serialNumber", encode.integer(1 << 200)),
    "negative-serial": lambda der: with_field(der, "serialNumber", encode.integer(-5)),
    "no-serial": lambda der: with_field(der, "serialNumber", b"\x02\x00"),
    "no-date": lambda der: with_field(der, "validity.notAfter", b"\x17\x01x"),
    "short-id": lambda der: with_field(
        der, "subject.x500UniqueIdentifier", encode.bit_string(bytes(7))
    ),
    "no-key": lambda der: with_field(der, "subjectPublicKeyInfo", b"\x30\x00"),
    "no-usage": extension("keyUsage", value="0500"),
}


@pytest.mark.slow
@pytest.mark.parametrize("defect", BAD)
def test_defective_certificates_are_kept_with_what_can_be_read(ours, one, defect):
    der = BAD[defect](one.der)
    bring(ours, der)
    (record,) = ours.externals.select()
    assert record.der == der
    unreadable = {
        "decimal-role": "role",
        "no-serial": "serial",
        "no-date": "not_after",
        "short-id": "eui64",
        "no-usage": "usage",
    }
    expected = {
        "role": 2,
        "eui64": SUPPLIER,
        "usage": "digital-signature",
        "not_before": view_certificate(one.der).instant("validity.notBefore"),
        "not_after": view_certificate(one.der).instant("validity.notAfter"),
    }
    for name, value in expected.items():
        assert getattr(record, name) == (None if unreadable.get(defect) == name else value)
    texts = {"long-serial": f"{1 << 200:X}", "negative-serial": "-5", "no-serial": None}
    if defect in texts:
        assert record.serial_text == texts[defect]
    assert not bring(ours, der).changed
    assert ours.audit.verify() > 0


def test_a_selection_finds_external_certificates_by_what_they_say(ours, everything):
    ours.import_material(everything)

    def names(**given):
        return {one.name for one in ours.externals.select(Selection(**given))}

    assert names(eui64=SUPPLIER, usage="key-agreement") == {"Z1-supplier-ka", "Z1-supplierPP-ka"}
    assert names(role=3) == {"Z1-networkOperator-ds", "Z1-networkOperator-ka"}
    assert names(label="ESME-ds") == {"ESME-ds"}
    assert {name[:2] for name in names(profile="device-root-ca")} == {"DZ"}
    record = ours.externals.select(Selection(label="ESME-ds"))[0]
    assert names(serial=SerialNumber.parse(record.serial_text)) == {"ESME-ds"}
    far = datetime(9000, 1, 1, tzinfo=UTC)
    assert not names(expires_before=far) & names(profile="device")


@pytest.mark.slow
def test_external_cas_are_possible_issuers_and_the_estates_own_are_not(ours, one, theirs):
    bring(ours, one.der)
    now = ours.clock.now()

    def found():
        (linted,) = ours.externals.lint(ours.externals.select(Selection(label="theirs")), now)
        return {finding.code for finding in linted.findings}

    # Our CA has the name of theirs and another key: it would make the signature wrong.
    assert "issuer.unknown" in found()
    assert "signature.invalid" not in found()
    ours.import_material(take_in([str(theirs / "organisation" / "ca")]))
    assert "issuer.unknown" not in found()


@pytest.mark.slow
def test_certificates_of_two_estates_are_imported_side_by_side(ours, one, theirs):
    # Theirs and the golden cases have a Z1 each.
    ours.import_material(take_in([str(GOLDEN / "trust.pem")]))
    bring(ours, one.der, key=one.key)
    records = ours.externals.select(Selection(label="theirs"))
    assert ours.externals.errors(records, ours.clock.now()) == [[]]
    ours.import_material(take_in([str(theirs / "organisation" / "ca")]))
    every = ours.externals.select()
    assert not any(ours.externals.errors(every, ours.clock.now()))
    assert len(ours.re_sign(Selection(label="theirs"), UEPT).re_signed) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("label", "kept"), [(" ", None), ("", None), ("x" * 201, "x" * 200), (" x", " x")]
)
def test_a_name_that_can_be_no_label_is_made_one_by_the_import(ours, one, label, kept):
    (imported,) = bring(ours, one.der, key=one.key, label=label).arrived
    assert imported.external is not None
    assert imported.external.label == kept
    (signed,) = ours.re_sign(Selection(), UEPT).re_signed
    assert signed.record.label == kept


def test_re_signing_keeps_subject_key_and_label_and_gives_new_serial_and_dates(ours, one):
    bring(ours, one.der, key=one.key, label="Z1-supplier-ds")
    (signed,) = ours.re_sign(Selection(), UEPT).re_signed
    old, new = (x509.load_der_x509_certificate(d) for d in (one.der, signed.record.der))
    assert new.subject.public_bytes() == old.subject.public_bytes()
    assert new.public_key() == old.public_key()
    for kind in (x509.SubjectKeyIdentifier, x509.KeyUsage):
        assert new.extensions.get_extension_for_class(
            kind
        ) == old.extensions.get_extension_for_class(kind)
    assert new.serial_number != old.serial_number
    assert new.signature != old.signature
    assert signed.warnings == ()
    record = signed.record
    assert (record.label, record.participant) == ("Z1-supplier-ds", "supplier-one")
    assert ours.by_serial(record.serial) == record
    key = serialization.load_der_private_key(ours.private_key(record), None)
    assert key.private_numbers() == one.key.private_numbers()
    issuer = x509.load_der_x509_certificate(ours.certificates.chain(record)[0].der)
    new.verify_directly_issued_by(issuer)
    assert ours.externals.select()[0].re_signed == (record.serial,)
    assert ours.audit.verify() > 0


def test_expired_certificates_are_signed_again(newcomer, theirs):
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(days=4000)
    with opened(newcomer, at=later) as estate:
        estate.import_material(take_in([str(theirs / "organisation" / "supplier-one")]))
        assert all(
            one.is_expired(later)
            for one in estate.externals.select(Selection(profile="organisation"))
        )
        done = estate.re_sign(Selection(), UEPT)
    assert len(done.re_signed) == 6
    assert done.left_out == ()
    assert all(one.record.not_after > later for one in done.re_signed)


@pytest.mark.slow
def test_every_kind_of_end_entity_is_signed_again_for_whoever_the_register_names(ours, everything):
    ours.import_material(everything)
    organisations = ours.re_sign(Selection(profile="organisation"), UEPT)
    devices = ours.re_sign(Selection(profile="device"), METERS)
    dccki = ours.re_sign(Selection(profile="dccki"), UEPT)
    iki = ours.re_sign(Selection(profile="iki"), UEPT)
    for done in (organisations, devices, dccki, iki):
        assert done.left_out == ()
        for one in done.re_signed:
            old, new = view_certificate(one.external.der), view_certificate(one.record.der)
            for path in ("subject", "subjectPublicKeyInfo", "extensions.subjectKeyIdentifier"):
                assert old.octets(path) == new.octets(path)
            assert old.value("extensions.keyUsage") == new.value("extensions.keyUsage")
            folder = one.external.source.split("/")[-2]
            assert one.record.participant == folder
    assert len(devices.re_signed) == 8
    assert all(one.external.not_after.year == 9999 for one in devices.re_signed)


def test_cas_are_left_out_where_they_are_asked_for(ours, theirs):
    ours.import_material(take_in([str(theirs / "organisation" / "ca")]))
    done = ours.re_sign(Selection(), UEPT)
    assert (done.re_signed, done.passed_over) == ((), ())
    assert set(codes(done).values()) == {"subject.authority"}


@pytest.mark.slow
def test_cas_that_came_along_are_passed_over(ours, theirs):
    chain = theirs / "organisation" / "supplier-one" / "Z1-supplier-ds-fullchain.pem"
    ours.import_material(take_in([str(chain)]))
    (ca,) = ours.externals.select(Selection(profile="organisation-issuing-ca"))
    done = ours.re_sign(Selection(), ReSigningTerms("uept", all_or_nothing=True))
    assert (len(done.re_signed), done.left_out, done.passed_over) == (1, (), (ca,))
    for selection in (
        Selection(profile=ca.profile),
        Selection(serial=SerialNumber.parse(ca.serial_text)),
        Selection(serial=[SerialNumber.parse(one.serial_text) for one in ours.externals.select()]),
    ):
        done = ours.re_sign(selection, ReSigningTerms("uept", again=True))
        assert set(codes(done).values()) == {"subject.authority"}


LEFT_OUT = {
    "decimal-role": ("re_sign.defective", "subject.role"),
    "null-parameters": ("re_sign.defective", None),
    "long-serial": ("re_sign.defective", None),
    "short-id": ("re_sign.defective", "subject.unreadable"),
    "no-key": ("re_sign.defective", "re_sign.key"),
    "no-usage": ("re_sign.defective", "subject.unreadable"),
}


@pytest.mark.slow
@pytest.mark.parametrize("defect", LEFT_OUT)
def test_a_defective_one_is_left_out_unless_it_is_asked_for_and_its_subject_can_be_read(
    ours, one, defect
):
    bring(ours, BAD[defect](one.der))
    by_default, asked_for = LEFT_OUT[defect]
    assert codes(ours.re_sign(Selection(), UEPT)) == {"theirs": by_default}
    done = ours.re_sign(Selection(), ReSigningTerms("uept", with_defects=True))
    assert codes(done) == ({} if asked_for is None else {"theirs": asked_for})
    for signed in done.re_signed:
        x509.load_der_x509_certificate(signed.record.der)


def test_one_with_two_usages_is_left_out(ours, one):
    both = extension("keyUsage", value="03020388")(one.der)
    bring(ours, both)
    done = ours.re_sign(Selection(), ReSigningTerms("uept", with_defects=True))
    assert codes(done) == {"theirs": "re_sign.usages"}


@pytest.mark.slow
@pytest.mark.shows("R3")
def test_the_gate_is_asked_and_its_refusals_are_in_the_audit_log(ours, one, theirs):
    ours.import_material(take_in([str(theirs / "device" / "meters-one")]))
    bring(ours, one.der)
    done = ours.re_sign(Selection(), UEPT)
    assert [signed.external.label for signed in done.re_signed] == ["theirs"]
    assert len(done.left_out) == 8
    assert all(isinstance(left.error, Refusal) for left in done.left_out)
    assert set(codes(done).values()) == {"purpose.not_covered"}
    granted, refused = ours.audit.entries(last=2)
    assert granted.action == refused.action == "re-sign"
    assert granted.body["granted"]
    assert len(refused.body["refused"]) == 8
    assert refused.body["refused"][0]["reasons"][0]["rule"] == "R3"


def test_a_participant_named_takes_the_place_of_the_register(ours, one):
    bring(ours, one.der)
    done = ours.re_sign(Selection(), ReSigningTerms("uept", participant="supplier-two"))
    assert codes(done) == {"theirs": "id.outside_range"}


def test_an_id_that_nobody_holds_is_left_out(ours, one):
    stranger = encode.bit_string(bytes.fromhex("00db123456780004"))
    bring(ours, with_field(one.der, "subject.x500UniqueIdentifier", stranger))
    done = ours.re_sign(Selection(), ReSigningTerms("uept", with_defects=True))
    assert codes(done) == {"theirs": "whois.nobody"}


def test_what_was_signed_again_is_not_once_more_unless_asked(ours, one):
    bring(ours, one.der)
    ours.re_sign(Selection(), UEPT)
    assert codes(ours.re_sign(Selection(), UEPT)) == {"theirs": "re_sign.already"}
    (again,) = ours.re_sign(Selection(), ReSigningTerms("uept", again=True)).re_signed
    assert ours.externals.select()[0].re_signed[-1] == again.record.serial


def test_what_was_signed_again_and_is_of_no_use_any_more_is_once_more(ours, one):
    bring(ours, one.der)
    (first,) = ours.re_sign(Selection(), UEPT).re_signed
    ours.revoke(Selection(serial=first.record.serial), Reason.SUPERSEDED)
    assert ours.status(first.record) is Status.REVOKED
    assert len(ours.re_sign(Selection(), UEPT).re_signed) == 1


def test_without_its_private_key_a_certificate_is_signed_again_all_the_same(ours, one):
    bring(ours, one.der)
    (signed,) = ours.re_sign(Selection(), UEPT).re_signed
    assert ours.private_key(signed.record) is None


def test_dates_are_as_asked_for(ours, one, theirs):
    bring(ours, one.der)
    end = datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)
    terms = ReSigningTerms("uept", validity=Validity(not_after=end))
    (signed,) = ours.re_sign(Selection(), terms).re_signed
    assert signed.record.not_after == end
    ours.import_material(take_in([str(theirs / "device" / "meters-one" / "ESME-ds.pem")]))
    terms = ReSigningTerms("device-and-user-system-tests", validity=Validity(not_after=end))
    done = ours.re_sign(Selection(label="ESME-ds"), terms)
    assert codes(done) == {"ESME-ds": "validity.fixed"}


def test_a_date_in_the_past_is_refused_before_anything_is_done(ours, one):
    bring(ours, one.der)
    before = state(ours)
    past = Validity(not_after=datetime(2020, 1, 1, tzinfo=UTC))
    with pytest.raises(InputError) as caught:
        ours.re_sign(Selection(), ReSigningTerms("uept", validity=past))
    assert caught.value.code == "validity.past"
    assert state(ours) == before


def test_a_selection_that_fits_none_is_refused(ours):
    with pytest.raises(InputError) as caught:
        ours.re_sign(Selection(), UEPT)
    assert caught.value.code == "selection.nothing"


@pytest.mark.slow
def test_all_or_nothing_signs_nothing_where_one_cannot_be(ours, everything):
    ours.import_material(everything)
    own = list(ours.select(Selection()))
    with pytest.raises(LeftOutError) as caught:
        ours.re_sign(Selection(), ReSigningTerms("uept", all_or_nothing=True))
    assert caught.value.code == "re_sign.left_out"
    # The Devices: their maker's agreement does not cover the purpose.
    assert len(caught.value.left_out) == 8
    assert list(ours.select(Selection())) == own
    assert all(one.re_signed == () for one in ours.externals.select())
    (entry,) = ours.audit.entries(last=1)
    assert len(entry.body["refused"]) == 8
    assert ours.audit.verify() > 0


def test_a_fault_in_the_middle_leaves_nothing_half_done(ours, theirs, monkeypatch):
    ours.import_material(take_in([str(theirs / "organisation" / "supplier-one")]))
    before = state(ours)
    note, done = ExternalStore.note_re_signing, []

    def fails(*arguments):
        done.append(note(*arguments))
        if len(done) == 3:
            raise RuntimeError("the third time")

    monkeypatch.setattr(ExternalStore, "note_re_signing", fails)
    with pytest.raises(RuntimeError):
        ours.re_sign(Selection(), UEPT)
    assert state(ours) == before


def test_two_that_import_the_same_at_once_keep_it_once(newcomer, everything):
    def run(_):
        with opened(newcomer) as estate:
            return estate.import_material(everything).changed

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(run, range(2))) == [False, True]
    with opened(newcomer) as estate:
        assert len(estate.externals.select()) == len(everything.certificates)
        assert estate.audit.verify() > 0


def test_a_wrong_passphrase_imports_no_keys_and_nothing_else(newcomer, everything):
    before = hashlib.sha256((newcomer / "estate.sqlite").read_bytes()).hexdigest()
    wrong = "another"
    with Estate.open(newcomer, wrong) as estate, pytest.raises(EstateError) as caught:
        estate.import_material(everything)
    assert caught.value.code == "estate.passphrase"
    with opened(newcomer) as estate:
        assert state(estate) == before


def test_an_estate_that_is_copied_keeps_its_external_certificates(newcomer, tmp_path, one):
    with opened(newcomer) as estate:
        bring(estate, one.der, key=one.key)
    shutil.copytree(newcomer, tmp_path / "copy")
    with opened(tmp_path / "copy") as estate:
        (record,) = estate.externals.select()
        assert estate.externals.private_key(record) is not None


def test_the_files_hold_what_the_fixtures_say(theirs):
    found = list(sources([str(theirs / "organisation" / "supplier-one")]))
    # Six certificates, each once more with the CA that issued it in the file of its chain.
    assert len(found) == 6 + 2 * 6
    assert len({source.data for source in found}) == 6 + 1


def test_the_register_of_the_moment_of_signing_counts(newcomer, one, monkeypatch):
    """To lint what is selected takes long: the register may change meanwhile."""
    lint = ExternalStore.errors

    def suspend_meanwhile(store, *arguments):
        monkeypatch.setattr(ExternalStore, "errors", lint)
        with Estate.open(newcomer, "phrase") as other:
            for agreement in other.register.load().agreements_of("supplier-one"):
                other.register.set_suspended(agreement.reference, suspended=True)
        return lint(store, *arguments)

    with Estate.open(newcomer, "phrase") as ours:
        bring(ours, one.der, key=one.key)
        monkeypatch.setattr(ExternalStore, "errors", suspend_meanwhile)
        signing = ours.re_sign(Selection(), UEPT)
        assert signing.re_signed == ()
        assert set(codes(signing).values()) == {"agreement.suspended"}
