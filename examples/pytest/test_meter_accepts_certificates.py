"""An example suite: does a meter take the certificates it should, and no others?

    pip install smki-testca pytest
    pytest examples/pytest

``Meter`` is a toy that stands for the client under test. Put your own in its place and keep the
tests. The ``smki_`` fixtures come with smki-testca; nothing has to be configured.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SUPPLIER = {"id": "90-B3-D5-1F-30-01-00-00", "role": "supplier"}
NETWORK = {"id": "90-B3-D5-1F-30-02-00-00", "role": "networkOperator"}


class RejectedError(Exception):
    """The meter does not take a certificate."""


class Meter:
    """A toy: it takes a supplier's certificate if that is in order.

    Args:
        root: the PEM file of the root it trusts.
        authorities: the PEM file of the CAs it knows.
        revocation_lists: the PEM file of the CRL and ARL it has.
        now: what time it is.
    """

    def __init__(self, root, authorities, revocation_lists, now):
        self._root = x509.load_pem_x509_certificate(root.read_bytes())
        self._authorities = x509.load_pem_x509_certificates(authorities.read_bytes())
        blocks = revocation_lists.read_bytes().split(b"-----BEGIN")[1:]
        self._lists = [x509.load_pem_x509_crl(b"-----BEGIN" + one) for one in blocks]
        self._now = now

    def install(self, pem):
        """Take a supplier's certificate for digital signatures.

        Raises:
            RejectedError: with what is wrong.
        """
        certificate = x509.load_pem_x509_certificate(pem)
        role = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
        if [one.value for one in role] != ["02"]:
            raise RejectedError("not a supplier's")
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        if not usage.digital_signature:
            raise RejectedError("not for digital signatures")
        while certificate != self._root:
            issuer = self._issuer(certificate)
            self._check(certificate, issuer)
            certificate = issuer
        return True

    def _issuer(self, certificate):
        for one in self._authorities:
            if one.subject == certificate.issuer:
                return one
        raise RejectedError("from an unknown CA")

    def _check(self, certificate, issuer):
        try:
            certificate.verify_directly_issued_by(issuer)
        except InvalidSignature:
            raise RejectedError("not signed by its CA") from None
        if self._now < certificate.not_valid_before_utc:
            raise RejectedError("not valid yet")
        if self._now > certificate.not_valid_after_utc:
            raise RejectedError("expired")
        for one in self._lists:
            if one.issuer == certificate.issuer and one.is_signature_valid(issuer.public_key()):
                if one.get_revoked_certificate_by_serial_number(certificate.serial_number):
                    raise RejectedError("revoked")
                return
        raise RejectedError("without a revocation list")


@pytest.fixture
def meter(smki_trust, smki_now):
    """A meter that trusts the test CAs and knows of no revocation."""
    trust = smki_trust("organisation")
    return Meter(trust.root_file, trust.authorities_file, trust.revocation_lists_file, smki_now)


def test_a_suppliers_certificate_is_taken(meter, smki_issue):
    assert meter.install(smki_issue("organisation", **SUPPLIER).pem)


def test_the_private_key_belongs_to_it(smki_issue):
    supplier = smki_issue("organisation", **SUPPLIER)
    signature = supplier.private_key.sign(b"a command", ec.ECDSA(hashes.SHA256()))
    key = supplier.certificate.public_key()
    key.verify(signature, b"a command", ec.ECDSA(hashes.SHA256()))


@pytest.mark.parametrize("ago", [timedelta(seconds=1), timedelta(days=90)])
def test_an_expired_certificate_is_rejected(meter, smki_expired, ago):
    with pytest.raises(RejectedError, match="expired"):
        meter.install(smki_expired("organisation", ago=ago, **SUPPLIER).pem)


def test_a_certificate_that_is_not_valid_yet_is_rejected(meter, smki_not_yet_valid):
    with pytest.raises(RejectedError, match="not valid yet"):
        meter.install(smki_not_yet_valid("organisation", **SUPPLIER).pem)


def test_a_revoked_certificate_is_rejected(smki_revoked, smki_trust, smki_now):
    revoked = smki_revoked("organisation", reason="key-compromise", **SUPPLIER)
    trust = smki_trust("organisation")
    meter = Meter(trust.root_file, trust.authorities_file, revoked.revocation_lists_file, smki_now)
    with pytest.raises(RejectedError, match="revoked"):
        meter.install(revoked.pem)


def test_a_network_operators_certificate_is_rejected(meter, smki_issue):
    with pytest.raises(RejectedError, match="not a supplier's"):
        meter.install(smki_issue("organisation", **NETWORK).pem)


def test_a_certificate_for_key_agreement_is_rejected(meter, smki_issue):
    with pytest.raises(RejectedError, match="not for digital signatures"):
        meter.install(smki_issue("organisation", usage="key-agreement", **SUPPLIER).pem)


def test_each_device_has_its_own_id_and_keys(smki_devices):
    devices = smki_devices("00-DB-12-00-00-00-01-00", 5)
    assert [str(one.device_id)[-5:] for one in devices] == [f"01-0{n}" for n in range(5)]
    pairs = [(one.digital_signature, one.key_agreement) for one in devices]
    assert len({one.key_pem for pair in pairs for one in pair}) == 10


def test_a_device_certificate_has_no_end(smki_issue):
    device = smki_issue("device", device_id="00-DB-12-00-00-00-01-00")
    assert device.certificate.not_valid_after_utc == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
