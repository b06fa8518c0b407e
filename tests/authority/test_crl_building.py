from __future__ import annotations

import shlex
import subprocess
import time
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from hypothesis import given
from hypothesis import strategies as st
from pyasn1.codec.der.decoder import decode
from pyasn1.codec.der.encoder import encode as pyasn1_encode
from pyasn1_modules import rfc5280

import csrs
import strategies
from smki_testca.authority.certificates import CertificationAuthority
from smki_testca.authority.revocation import Reason, Revocation
from smki_testca.authority.signers.software import SoftwareSigner
from smki_testca.entropy import SystemEntropy
from smki_testca.errors import InputError, SmkiTestcaError
from smki_testca.estate.certificates import Selection
from smki_testca.identifiers import SerialNumber
from smki_testca.importers.sources import Source
from smki_testca.lint.chain import gathered
from smki_testca.lint.engine import Linter
from smki_testca.lint.linted import LintSettings
from smki_testca.profiles import Library
from smki_testca.profiles.model import Hierarchy, Tier
from smki_testca.x509.entries import entries
from smki_testca.x509.names import REASON_NAMES
from smki_testca.x509.private_keys import from_pkcs8, public_key_info
from smki_testca.x509.view import view_revocation_list

AT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
LIBRARY = Library()
PROFILES = LIBRARY.revocation_list_profile_names
SERIAL = SerialNumber(0x4FBC << 112)
OTHER = SerialNumber(0x4FBD << 112)


@cache
def own_root():
    """A Root OCA of this test's own: its certificate and its key."""
    key = csrs.new_key()
    environment = LIBRARY.default_environment
    authority = CertificationAuthority(None, SoftwareSigner(key), environment, LIBRARY)
    certificate = authority.issue_authority(
        LIBRARY.profile("organisation-root-ca"),
        public_key_info(key),
        at=AT,
        entropy=SystemEntropy(),
    )
    return certificate.der, key


def own_authority(key=None, library=LIBRARY):
    certificate, own_key = own_root()
    signer = SoftwareSigner(key or own_key)
    return CertificationAuthority(certificate, signer, library.default_environment, library)


def issued(revocations=(), number=7, *, name="organisation-arl", library=LIBRARY, **times):
    profile = library.revocation_list_profile(name)
    given_times = {"at": AT, **times}
    authority = own_authority(library=library)
    return authority.issue_revocation_list(profile, revocations, number, **given_times)


def refused(*given_arguments, **changed):
    with pytest.raises(InputError) as caught:
        issued(*given_arguments, **changed)
    return caught.value


def lint(der, certificate=None, at=AT + timedelta(hours=1)):
    trusted = [certificate or own_root()[0]]
    return Linter(LintSettings(at), gathered(trusted)).lint(Source("-", 0, der))


@pytest.fixture
def authority(estate):
    """A CA of the quickstart estate: its certificate, and itself able to sign."""

    def run(profile):
        (record,) = (
            one
            for one in estate.certificates.authorities()
            if (one.hierarchy, one.tier) == (profile.hierarchy, profile.tier)
        )
        return record.der, estate.authorities.able(record)

    return run


# What it is


@pytest.mark.slow
@pytest.mark.parametrize("name", PROFILES)
def test_each_ca_signs_the_list_of_its_profile_and_the_linter_has_nothing_against_it(
    authority, name
):
    profile = LIBRARY.revocation_list_profile(name)
    certificate, signing = authority(profile)
    revocations = [Revocation(SERIAL, AT, Reason.SUPERSEDED), Revocation(OTHER, AT)]
    made = signing.issue_revocation_list(profile, revocations, 7, at=AT)
    assert made.warnings == ()
    linted = lint(made.der, certificate)
    assert (linted.kind, linted.findings) == (name, ())
    loaded = x509.load_der_x509_crl(made.der)
    issuer = x509.load_der_x509_certificate(certificate)
    key: Any = issuer.public_key()
    assert loaded.is_signature_valid(key)
    assert loaded.issuer.public_bytes() == issuer.subject.public_bytes()
    assert loaded.last_update_utc == made.this_update == AT
    assert loaded.next_update_utc == made.next_update
    identifier = loaded.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    key = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert identifier.value.key_identifier == key.digest
    number = loaded.extensions.get_extension_for_class(x509.CRLNumber)
    assert (number.value.crl_number, number.critical) == (made.number, False) == (7, False)
    assert [one.serial_number for one in loaded] == [SERIAL.value, OTHER.value]


@pytest.mark.skipif(which("openssl") is None, reason="openssl is not installed")
def test_openssl_verifies_it_and_reads_the_same(tmp_path):
    made = issued([Revocation(SERIAL, AT, Reason.CA_COMPROMISE)])
    (tmp_path / "list.crl").write_bytes(made.der)
    certificate = x509.load_der_x509_certificate(own_root()[0])
    (tmp_path / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    told = subprocess.run(
        shlex.split("openssl crl -inform DER -in list.crl -verify -CAfile ca.pem -text -noout"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "verify OK" in told.stderr + told.stdout
    for line in ("Version 2 (0x1)", "OU = 00, CN = ZA", "CA Compromise", f"Number: {SERIAL}"):
        assert line in told.stdout


def test_pyasn1_reads_it_by_rfc_5280_and_writes_the_same_octets():
    made = issued([Revocation(SERIAL, AT, Reason.SUPERSEDED), Revocation(OTHER, AT)])
    document, rest = decode(made.der, asn1Spec=rfc5280.CertificateList())
    assert not rest
    assert pyasn1_encode(document) == made.der
    assert len(document["tbsCertList"]["revokedCertificates"]) == 2


def test_cryptography_builds_the_same_octets():
    certificate, key = own_root()
    issuer = x509.load_der_x509_certificate(certificate)
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    bare = x509.RevokedCertificateBuilder().revocation_date(AT)
    reason = x509.CRLReason(x509.ReasonFlags.superseded)
    theirs = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(AT)
        .next_update(AT.replace(year=2027))
        .add_revoked_certificate(
            bare.serial_number(SERIAL.value).add_extension(reason, critical=False).build()
        )
        .add_revoked_certificate(bare.serial_number(OTHER.value).build())
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
            critical=False,
        )
        .add_extension(x509.CRLNumber(7), critical=False)
        .sign(key, hashes.SHA256(), ecdsa_deterministic=True)
    )
    made = issued([Revocation(SERIAL, AT, Reason.SUPERSEDED), Revocation(OTHER, AT)])
    assert made.der == theirs.public_bytes(serialization.Encoding.DER)


def test_a_list_of_nothing_has_no_revoked_certificates_at_all():
    made = issued()
    assert made.count == 0
    assert "revokedCertificates" not in view_revocation_list(made.der).fields
    assert len(x509.load_der_x509_crl(made.der)) == 0


def test_entries_come_in_the_order_given():
    serials = [OTHER, SERIAL, SerialNumber(1), SerialNumber((1 << 127) - 1)]
    made = issued([Revocation(one, AT) for one in serials])
    loaded = x509.load_der_x509_crl(made.der)
    assert [one.serial_number for one in loaded] == [one.value for one in serials]


@pytest.mark.parametrize("reason", [one for one in Reason if one is not Reason.REMOVE_FROM_CRL])
def test_a_reason_is_written_where_one_is_given_and_unspecified_never_is(reason):
    made = issued([Revocation(SERIAL, AT, reason)])
    (entry,) = x509.load_der_x509_crl(made.der)
    if reason is Reason.UNSPECIFIED:
        assert len(entry.extensions) == 0
        return
    (extension,) = entry.extensions
    assert not extension.critical
    assert extension.value.reason.value == reason.name_in_crl


def test_reasons_are_those_of_rfc_5280():
    assert {reason.code: reason.name_in_crl for reason in Reason} == REASON_NAMES
    named = rfc5280.CRLReason.namedValues
    assert all(named[reason.name_in_crl] == reason.code for reason in Reason)


@pytest.mark.parametrize(
    ("revoked", "tag"), [("2049-12-31T23:59:59", 0x17), ("2050-01-01T00:00:00", 0x18)]
)
def test_times_from_2050_on_are_generalized(revoked, tag):
    at = datetime.fromisoformat(revoked).replace(tzinfo=UTC)
    made = issued([Revocation(SERIAL, at)], at=at)
    view = view_revocation_list(made.der)
    (entry,) = entries(view.fields["revokedCertificates"].node)
    assert (entry.at, entry.date_tag) == (at, tag)
    assert view.fields["thisUpdate"].node.tag == tag
    assert view.fields["nextUpdate"].node.tag == 0x18
    assert x509.load_der_x509_crl(made.der).last_update_utc == at


@pytest.mark.parametrize("number", [0, 1, 255, (1 << 159) - 1])
def test_a_number_of_up_to_20_octets_is_written_as_it_is(number):
    made = issued(number=number)
    extension = x509.load_der_x509_crl(made.der).extensions.get_extension_for_class(x509.CRLNumber)
    assert extension.value.crl_number == number


def test_the_next_update_is_the_rows_or_the_one_asked_for():
    crl = LIBRARY.revocation_list_profile("organisation-crl")
    by_rows = own_authority().issue_revocation_list(crl, [], 1, at=AT)
    assert by_rows.next_update == AT + timedelta(hours=48)
    assert issued().next_update == AT.replace(year=2027)
    soon = AT + timedelta(minutes=1)
    asked = issued(next_update=soon)
    assert asked.next_update == soon
    assert x509.load_der_x509_crl(asked.der).next_update_utc == soon


def test_parts_of_a_second_are_left_out():
    at = AT + timedelta(microseconds=999_999)
    made = issued([Revocation(SERIAL, at)], at=at, next_update=at + timedelta(days=1))
    assert made.der == issued([Revocation(SERIAL, AT)], next_update=AT + timedelta(days=1)).der
    assert made.this_update == AT


def test_the_same_question_has_the_same_octets():
    revocations = [Revocation(SERIAL, AT)]
    assert issued(revocations).der == issued(revocations).der


reasons = st.sampled_from([None, *(one for one in Reason if one is not Reason.REMOVE_FROM_CRL)])
revocation_lists = st.lists(
    st.builds(
        Revocation,
        st.builds(SerialNumber, strategies.serials),
        strategies.instants,
        reasons,
    ),
    max_size=20,
    unique_by=lambda one: one.serial,
)


@pytest.mark.slow
@given(revocation_lists)
def test_what_is_built_is_what_we_and_cryptography_read_back(revocations):
    made = issued(revocations)
    asked = [
        (
            one.serial.value,
            one.at,
            None if one.reason in {None, Reason.UNSPECIFIED} else one.reason.name_in_crl,
        )
        for one in revocations
    ]
    view = view_revocation_list(made.der)
    listed = view.fields.get("revokedCertificates")
    ours = [] if listed is None else list(entries(listed.node))
    assert [(one.serial, one.at, REASON_NAMES.get(one.reason)) for one in ours] == asked
    assert view.value("revokedCertificates") == (len(asked) or None)
    theirs = []
    for one in x509.load_der_x509_crl(made.der):
        told = [extension.value.reason.value for extension in one.extensions]
        theirs.append((one.serial_number, one.revocation_date_utc, told[0] if told else None))
    assert theirs == asked
    remarks = {finding.code for finding in lint(made.der).findings}
    assert remarks <= {"revokedCertificates.reasonCode.value", "crl.revoked_later"}


@pytest.mark.slow
def test_a_hundred_thousand_entries_take_a_moment():
    spread = [
        Revocation(
            SerialNumber(0x41 << 112 | number),
            AT - timedelta(seconds=number),
            Reason.SUPERSEDED if number % 2 else None,
        )
        for number in range(100_000)
    ]
    start = time.process_time()
    made = issued(spread)
    # Far above what it takes, and far below what takes the square of it.
    assert time.process_time() - start < 5
    assert made.count == len(x509.load_der_x509_crl(made.der)) == 100_000


# What it refuses


@pytest.mark.parametrize(
    ("revocations", "changed", "said"),
    [
        ([Revocation(SERIAL, AT), Revocation(SERIAL, AT)], {}, "twice"),
        ([Revocation(SERIAL, AT, Reason.REMOVE_FROM_CRL)], {}, "removeFromCRL"),
        ([], {"next_update": AT}, "not after its thisUpdate"),
        ([], {"next_update": AT - timedelta(days=1)}, "not after its thisUpdate"),
        ([], {"number": -1}, "negative"),
        ([], {"number": 1 << 159}, "21 octets"),
    ],
)
def test_what_a_rule_forbids_is_refused_before_it_is_signed(revocations, changed, said):
    error = refused(revocations, **changed)
    assert error.code == "crl.value"
    assert said in error.message


def test_nothing_is_signed_of_what_is_refused(monkeypatch):
    certificate, key = own_root()
    signer = SoftwareSigner(key)
    monkeypatch.setattr(signer, "sign", lambda _: pytest.fail("it was signed"))
    environment = LIBRARY.default_environment
    authority = CertificationAuthority(certificate, signer, environment, LIBRARY)
    profile = LIBRARY.revocation_list_profile("organisation-arl")
    with pytest.raises(InputError):
        authority.issue_revocation_list(profile, [Revocation(SERIAL, AT)] * 2, 1, at=AT)


@pytest.mark.parametrize(
    ("revocation", "changed", "said"),
    [
        (Revocation(SERIAL, AT + timedelta(seconds=1)), {}, "after thisUpdate"),
        (Revocation(SERIAL, AT, Reason.CERTIFICATE_HOLD), {}, "certificateHold"),
        (Revocation(SERIAL, AT), {"next_update": AT + timedelta(days=400)}, "1 year after"),
    ],
)
def test_what_a_rule_only_remarks_on_is_issued_with_a_warning(revocation, changed, said):
    made = issued([revocation], **changed)
    (warning,) = made.warnings
    assert said in warning
    assert warning.endswith(".")
    assert len(lint(made.der).findings) == 1


def test_a_ca_whose_key_is_not_its_own_lets_nothing_out():
    profile = LIBRARY.revocation_list_profile("organisation-arl")
    with pytest.raises(SmkiTestcaError) as caught:
        own_authority(csrs.new_key()).issue_revocation_list(profile, [], 1, at=AT)
    assert caught.value.code == "ca.key_mismatch"


def test_what_may_sign_no_crl_signs_none(estate):
    record = next(
        one
        for one in estate.certificates.select(Selection())
        if (one.hierarchy, one.tier) == (Hierarchy.ORGANISATION, Tier.END_ENTITY)
    )
    signer = SoftwareSigner(from_pkcs8(estate.private_key(record)))
    authority = CertificationAuthority(record.der, signer, LIBRARY.default_environment, LIBRARY)
    profile = LIBRARY.revocation_list_profile("organisation-crl")
    with pytest.raises(InputError) as caught:
        authority.issue_revocation_list(profile, [], 1, at=AT)
    assert caught.value.code == "ca.crl_sign"


def test_a_ca_without_a_certificate_of_its_own_signs_none():
    _, key = own_root()
    bare = CertificationAuthority(None, SoftwareSigner(key), LIBRARY.default_environment, LIBRARY)
    profile = LIBRARY.revocation_list_profile("organisation-arl")
    with pytest.raises(ValueError, match="own certificate"):
        bare.issue_revocation_list(profile, [], 1, at=AT)


# What an operator's rows make of it


def overridden(directory, *pairs, name="organisation-arl"):
    text = Path(LIBRARY.revocation_list_profile(name).origin).read_text("utf-8")
    for old, new in pairs:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (directory / "revocation-lists").mkdir(exist_ok=True)
    (directory / "revocation-lists" / f"{name}.toml").write_text(text, "utf-8")
    return Library(directory)


def test_rows_decide_what_is_in_it(tmp_path):
    library = overridden(
        tmp_path,
        ('derived = "next-update", years = 1', 'derived = "next-update", hours = 3'),
        ('fill = { derived = "reason" }\ncritical = false\n', "holds = { absent = true }\n"),
        (
            'fill = { derived = "crl-number" }\ncritical = false',
            "fill = { constant = 12 }\ncritical = true",
        ),
    )
    made = issued([Revocation(SERIAL, AT, Reason.SUPERSEDED)], library=library)
    loaded = x509.load_der_x509_crl(made.der)
    assert loaded.next_update_utc == AT + timedelta(hours=3)
    assert [len(one.extensions) for one in loaded] == [0]
    number = loaded.extensions.get_extension_for_class(x509.CRLNumber)
    assert (number.value.crl_number, number.critical) == (12, True)


def test_the_reason_of_every_entry_can_be_one_and_critical(tmp_path):
    library = overridden(
        tmp_path,
        ('derived = "reason" }\ncritical = false', 'constant = "keyCompromise" }\ncritical = true'),
    )
    made = issued([Revocation(SERIAL, AT), Revocation(OTHER, AT)], library=library)
    for entry in x509.load_der_x509_crl(made.der):
        (extension,) = entry.extensions
        assert (extension.critical, extension.value.reason.value) == (True, "keyCompromise")


def test_a_constant_time_gives_way_to_none(tmp_path):
    library = overridden(
        tmp_path, ('derived = "next-update", years = 1', 'constant = "2027-01-01T00:00:00Z"')
    )
    assert issued(library=library).next_update == datetime(2027, 1, 1, tzinfo=UTC)
    error = refused(library=library, next_update=AT + timedelta(days=1))
    assert error.code == "validity.fixed"


def test_a_row_of_severity_error_stops_the_list(tmp_path):
    library = overridden(
        tmp_path, ("holds = { max-years = 1 }", 'holds = { max-years = 1 }\nseverity = "error"')
    )
    error = refused(library=library, next_update=AT + timedelta(days=400))
    assert error.code == "crl.value"
    assert "nextUpdate is more than 1 year after thisUpdate" in error.message
