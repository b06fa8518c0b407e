from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import csrs
from estates import ca_key
from smki_testca.authority.certificates import CertificationAuthority
from smki_testca.authority.filling import issuer_of
from smki_testca.authority.signers.software import SoftwareSigner
from smki_testca.authority.template import Template, TemplateMismatchError
from smki_testca.entropy import SeededEntropy, SystemEntropy
from smki_testca.errors import InputError, SmkiTestcaError
from smki_testca.estate.certificates import Selection
from smki_testca.identifiers import Eui64, SerialNumber
from smki_testca.profiles.model import Tier
from smki_testca.profiles.typed_subjects import DcckiSubject, OrganisationSubject
from smki_testca.register.gate import Authorisation, Gate
from smki_testca.roles import KeyUsage
from smki_testca.x509.private_keys import from_pkcs8
from smki_testca.x509.view import view_certificate

AT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


@pytest.fixture
def authorise(estate):
    """Asks the gate of the quickstart estate."""

    def run(*usages, common_name=None, subject=None):
        subject = subject or OrganisationSubject(
            Eui64.parse("90b3d51f30010000"),
            estate.library.roles.remote_party_role("supplier"),
            common_name,
        )
        gate = Gate(estate.library, estate.register.load(), estate.certificates)
        return gate.authorise(estate.request("supplier-one", "uept", subject, usages), AT)

    return run


@pytest.fixture
def issuing(estate):
    """The Issuing OCA; with another key than its own, if one is given."""

    def run(key=None, label="Z1"):
        (record,) = estate.certificates.select(Selection(label=label))
        signer = SoftwareSigner(key) if key else estate.authorities.signer(record)
        environment = estate.library.environment("ZAZ1")
        return CertificationAuthority(record.der, signer, environment, estate.library)

    return run


def cut(authority, authorisation, usage, **changed):
    public_key = changed.get("public_key", csrs.spki(csrs.new_key()))
    entropy = changed.get("entropy", SystemEntropy())
    return authority.sign(authority.prepare(authorisation, usage, public_key, entropy=entropy))


def test_what_was_prepared_is_signed_once_and_by_the_ca_that_built_it(authorise, issuing):
    usage, authority = KeyUsage.DIGITAL_SIGNATURE, issuing()
    key, entropy = csrs.spki(csrs.new_key()), SystemEntropy()
    unsigned = authority.prepare(authorise(usage), usage, key, entropy=entropy)
    with pytest.raises(ValueError, match="by the CA that built it"):
        issuing().sign(unsigned)
    signed = authority.sign(unsigned)
    assert view_certificate(signed.der).signed.encoded == unsigned.tbs
    with pytest.raises(ValueError, match="once"):
        authority.sign(unsigned)


def test_nobody_but_the_gate_makes_an_authorisation(authorise):
    granted = authorise(KeyUsage.DIGITAL_SIGNATURE)
    with pytest.raises(TypeError, match="only the gate"):
        Authorisation(
            granted.request,
            granted.participant,
            granted.category,
            granted.agreement,
            granted.environment,
            granted.at,
            granted.warnings,
            object(),
        )
    with pytest.raises((TypeError, ValueError)):
        replace(granted, _token=None)


def test_a_usage_that_was_not_authorised_is_not_issued(authorise, issuing):
    with pytest.raises(ValueError, match="not authorised"):
        cut(issuing(), authorise(KeyUsage.DIGITAL_SIGNATURE), KeyUsage.KEY_AGREEMENT)


def test_the_instant_of_the_decision_becomes_not_before(authorise, issuing):
    made = cut(issuing(), authorise(KeyUsage.KEY_AGREEMENT), KeyUsage.KEY_AGREEMENT)
    loaded = x509.load_der_x509_certificate(made.der)
    assert loaded.not_valid_before_utc == AT
    assert loaded.serial_number == made.serial.value


@pytest.mark.shows("R4")
def test_a_ca_whose_key_is_not_its_own_lets_nothing_out(authorise, issuing):
    with pytest.raises(SmkiTestcaError) as caught:
        cut(issuing(csrs.new_key()), authorise(KeyUsage.KEY_AGREEMENT), KeyUsage.KEY_AGREEMENT)
    assert caught.value.code == "ca.key_mismatch"


@pytest.mark.shows("R4")
def test_a_certificate_that_is_not_as_its_template_says_is_not_let_out(
    authorise, issuing, monkeypatch
):
    render = Template.render

    def of_another_id(template, elements):
        own, other = (bytes.fromhex(f"90b3d51f3001000{last}") for last in (0, 1))
        assert own in render(template, elements)
        return render(template, elements).replace(own, other)

    monkeypatch.setattr(Template, "render", of_another_id)
    with pytest.raises(TemplateMismatchError, match="x500UniqueIdentifier"):
        cut(issuing(), authorise(KeyUsage.KEY_AGREEMENT), KeyUsage.KEY_AGREEMENT)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "fits"),
    [("x" * 64, True), ("x" * 65, False), ("tab\t", False), ("", False), ("Ünïcode ✓", True)],
)
def test_a_name_is_issued_as_given_or_refused(authorise, issuing, name, fits):
    authorisation = authorise(KeyUsage.KEY_AGREEMENT, common_name=name)
    if not fits:
        with pytest.raises(InputError):
            cut(issuing(), authorisation, KeyUsage.KEY_AGREEMENT)
        return
    made = cut(issuing(), authorisation, KeyUsage.KEY_AGREEMENT)
    subject = x509.load_der_x509_certificate(made.der).subject
    (common_name,) = subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    assert common_name.value == name


def test_a_name_longer_than_any_seen_is_remarked_on(authorise, issuing):
    long = cut(
        issuing(), authorise(KeyUsage.KEY_AGREEMENT, common_name="x" * 17), KeyUsage.KEY_AGREEMENT
    )
    short = cut(
        issuing(), authorise(KeyUsage.KEY_AGREEMENT, common_name="x" * 16), KeyUsage.KEY_AGREEMENT
    )
    assert short.warnings == ()
    (warning,) = long.warnings
    assert "16" in warning
    assert "observed" in warning


def test_the_same_entropy_gives_the_same_certificate(authorise, issuing):
    authorisation = authorise(KeyUsage.KEY_AGREEMENT)
    public_key = csrs.spki(csrs.new_key())
    one, two = (
        cut(
            issuing(),
            authorisation,
            KeyUsage.KEY_AGREEMENT,
            public_key=public_key,
            entropy=SeededEntropy(b"seed"),
        )
        for _ in range(2)
    )
    assert one.der == two.der


def test_signatures_of_p256_cas_are_der_and_by_rfc_6979(authorise, issuing, estate):
    (record,) = estate.certificates.select(Selection(label="Z1"))
    key: Any = from_pkcs8(ca_key(estate, record))
    made = cut(issuing(), authorise(KeyUsage.KEY_AGREEMENT), KeyUsage.KEY_AGREEMENT)
    loaded = x509.load_der_x509_certificate(made.der)
    expected = key.sign(
        loaded.tbs_certificate_bytes, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
    )
    assert loaded.signature == expected


@pytest.mark.shows("R8")
def test_the_signifier_comes_from_the_register(authorise, issuing):
    authorisation = authorise(subject=DcckiSubject("gateway", "gateway.test"))
    public_key = csrs.spki(csrs.rsa_key())
    made = cut(issuing(label="EII DCCKICA ZAZ1 Test"), authorisation, None, public_key=public_key)
    loaded = x509.load_der_x509_certificate(made.der)
    assert loaded.subject.rfc4514_string() == "CN=gateway,OU=TPTY-SUPPLIER-ONE,O=Supplier One"
    assert loaded.signature_algorithm_oid.dotted_string == "1.2.840.113549.1.1.11"


def test_a_ca_certificate_without_key_identifier_cannot_issue():
    key = csrs.new_key()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bare")])
    bare = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(AT)
        .not_valid_after(AT.replace(year=2030))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.DER)
    )
    with pytest.raises(InputError) as caught:
        issuer_of(bare)
    assert caught.value.code == "ca.certificate"


def test_every_ca_of_the_estate_can_tell_what_it_gives(estate):
    for record in estate.certificates.authorities():
        loaded = x509.load_der_x509_certificate(record.der)
        issuer = issuer_of(record.der)
        identifier = loaded.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        assert issuer.key_identifier == identifier.digest
        assert issuer.subject == loaded.subject.public_bytes()
        assert record.tier is not Tier.END_ENTITY


def test_serials_from_any_octets_have_16_octets_and_no_leading_zero():
    class Fixed:
        secret = False

        def __init__(self, octet):
            self.octet = octet

        def octets(self, count):
            return bytes((self.octet,)) * count

    for octet in range(256):
        serial = SerialNumber.generate(Fixed(octet))
        assert 0x10 <= serial.value >> 120 < 0x80
