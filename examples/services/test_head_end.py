"""An example suite: does a head-end renew its meters' certificates, whatever the service does?

    pip install 'smki-testca[service]' pytest
    pytest examples/services

``HeadEnd`` is a toy that stands for the system under test. Put your own in its place and keep the
tests. ``smki_services`` gives it the SMKI services of a test PKI, which misbehave as a test asks.
"""

from __future__ import annotations

import base64
import http.client
import re
import urllib.request
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

DEVICE_ID = "00-DB-12-00-00-00-10-01"
OTHER_ID = "00-DB-12-00-00-00-10-02"
HW_TYPE = "1.2.826.0.1.8641679.1.2.2.1"
REQUEST = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<DeviceCertificateSigningRequest ID="{id}"><Version>1.0</Version>'
    "<CertificateSigningRequest>{csr}</CertificateSigningRequest>"
    "</DeviceCertificateSigningRequest>"
)


class RefusedError(Exception):
    """The service answers with an error that asking again does not change."""


class HeadEnd:
    """A toy: it has a meter's certificate replaced, and installs only what the meter asked for.

    Args:
        services: the services that it calls.
        attempts: how often it asks where the service fails.
    """

    def __init__(self, services, attempts=3):
        self._services = services
        self._attempts = attempts
        self.installed = None

    def replace(self, csr):
        """Replace a certificate.

        Raises:
            RefusedError: with the code and the text of the service, or what is wrong with what it
                sent.
            OSError: if the service failed each time.
        """
        for attempt in range(self._attempts):
            try:
                answer = self._post(csr)
            except (OSError, http.client.HTTPException) as error:
                if attempt + 1 == self._attempts:
                    raise OSError("the service does not answer") from error
                continue
            return self._install(answer, csr)
        raise AssertionError("there is at least one attempt")

    def _post(self, csr):
        where = urlsplit(self._services.url("adhoc"))
        connection = http.client.HTTPSConnection(
            where.hostname,
            where.port,
            context=self._services.client_context("adhoc"),
            timeout=5,
        )
        body = REQUEST.format(id="meter", csr=base64.b64encode(csr).decode())
        headers = {"Content-Type": "application/xml;charset=UTF-8"}
        try:
            connection.request("POST", where.path, body.encode(), headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise http.client.HTTPException(f"HTTP {answer.status}")
        return text

    def _install(self, answer, csr):
        certificate = re.search(r"<Certificate>([^<]+)</Certificate>", answer)
        if certificate is None:
            code = re.search(r"<ErrorCode>([^<]+)</ErrorCode>", answer)
            raise RefusedError("no answer" if code is None else code[1])
        made = x509.load_der_x509_certificate(base64.b64decode(certificate[1]))
        asked = x509.load_der_x509_csr(csr)
        if made.public_key() != asked.public_key():
            raise RefusedError("the certificate is not for the key of this meter")
        self.installed = made
        return made


def new_csr(device_id):
    """A CSR for digital signatures, as a meter makes it."""
    eui64 = bytes.fromhex(device_id.replace("-", ""))
    arcs = x509.ExtendedKeyUsage([x509.ObjectIdentifier(HW_TYPE)]).public_bytes()[2:]
    module = b"\x30" + bytes([len(arcs) + 10]) + arcs + b"\x04\x08" + eui64
    name = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.5.5.7.8.4"), module)
    bits = dict.fromkeys(
        (
            *("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
            *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
        ),
        False,
    )
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    builder = builder.add_extension(x509.KeyUsage(digital_signature=True, **bits), critical=True)
    builder = builder.add_extension(x509.SubjectAlternativeName([name]), critical=True)
    return builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(
        Encoding.DER
    )


@pytest.fixture
def head_end(smki_services, smki_issue):
    """A head-end whose meter had a certificate from its factory."""
    for device_id in (DEVICE_ID, OTHER_ID):
        smki_issue("device", device_id=device_id, usage="digital-signature")
    return HeadEnd(smki_services)


def test_a_certificate_is_replaced_and_installed(head_end):
    head_end.replace(new_csr(DEVICE_ID))
    assert head_end.installed is not None


@pytest.mark.parametrize("fault", ["reset", "503", "short"])
def test_it_asks_again_where_the_service_fails_once(head_end, smki_services, fault):
    smki_services.misbehave(f"adhoc:*={fault}:1")
    head_end.replace(new_csr(DEVICE_ID))
    assert head_end.installed is not None


def test_it_gives_up_where_the_service_fails_each_time(head_end, smki_services):
    smki_services.misbehave("adhoc:*=503")
    with pytest.raises(OSError, match="does not answer"):
        head_end.replace(new_csr(DEVICE_ID))


def test_it_installs_no_certificate_of_another_key(head_end, smki_services):
    smki_services.misbehave("adhoc:*=wrong-certificate:1")
    with pytest.raises(RefusedError, match="not for the key"):
        head_end.replace(new_csr(DEVICE_ID))
    assert head_end.installed is None


def test_it_does_not_repeat_what_was_refused_for_good(head_end, smki_services):
    smki_services.misbehave("adhoc:*=error:ISSUANCE_ANOMALY:1")
    with pytest.raises(RefusedError, match="CA:"):
        head_end.replace(new_csr(DEVICE_ID))


def test_a_meter_that_never_had_a_certificate_cannot_replace_it(head_end):
    with pytest.raises(RefusedError, match="UD:"):
        head_end.replace(new_csr("00-DB-12-00-00-00-10-99"))


def test_what_was_issued_is_in_the_repository(head_end, smki_services):
    made = head_end.replace(new_csr(DEVICE_ID))
    body = (
        "<CertificateDataRequest>"
        f"<CertificateSerial>{made.serial_number:x}</CertificateSerial>"
        "</CertificateDataRequest>"
    )
    request = urllib.request.Request(  # noqa: S310 - of our own services
        smki_services.url("repository") + "/services/retrievecertificate?apikey=test",
        body.encode(),
        {"Content-Type": "application/xml"},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - the same
        assert "<CertificateBody>" in answer.read().decode()
