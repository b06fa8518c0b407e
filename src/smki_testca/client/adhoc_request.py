"""A request to the Ad Hoc Device CSR Web Service: one CSR, one certificate (SEC App. M A)."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lxml import etree

from smki_testca.client.answer_documents import document_in, octets_of, text_of
from smki_testca.client.caller import ServiceCaller, ServiceRequest, check_status
from smki_testca.client.issued_certificate import IssuedCertificate
from smki_testca.client.service_errors import ServiceFaultError
from smki_testca.client.trace import Step
from smki_testca.client.verdict import ServiceVerdict
from smki_testca.service.device_csr.csr_answers import AdHocStatus
from smki_testca.service.device_csr.schema import VERSION, MessageSchema
from smki_testca.service.paths import ADHOC_PATH
from smki_testca.x509.view import view_request

if TYPE_CHECKING:
    from smki_testca.client.address import Address
    from smki_testca.client.trace import Trace

MAX_ANSWER_OCTETS = 1 << 20
"""The longest answer read."""
MAX_REFERENCE = 32
"""The longest reference of a request, in characters."""
XML = {"Content-Type": "application/xml;charset=UTF-8", "Accept": "application/xml"}
"""The headers of a request in XML (SEC App. M A)."""


@dataclass(frozen=True, slots=True)
class AdHocAnswer:
    """The answer to a CSR for which the service issued a certificate.

    Attributes:
        certificate: that was issued.
        transaction: the service's own number of the request.
        build: the version of the service's software.
    """

    certificate: IssuedCertificate
    transaction: str
    build: str

    def as_json(self) -> dict[str, Any]:
        """The answer as JSON: transaction, build, certificate."""
        return {
            "transaction": self.transaction,
            "build": self.build,
            "certificate": self.certificate.as_json(),
        }


def submit(
    caller: ServiceCaller, address: Address, csr: bytes, reference: str, trace: Trace
) -> AdHocAnswer:
    """Submit a CSR, and check the certificate against it.

    Args:
        caller: how to call the service.
        address: of the service; a base gets the path of our own service.
        csr: to submit, DER.
        reference: the client's, of the request: 1 to 32 characters.
        trace: of the call.

    Raises:
        ServiceRefusalError: if the service refuses.
        ServiceFaultError: if it cannot be reached, or its answer cannot be used.
        DerError: if the CSR is none.
    """
    view = view_request(csr)
    body = _document(csr, reference)
    request = ServiceRequest("POST", address.at(ADHOC_PATH), MAX_ANSWER_OCTETS, body, XML)
    answer = caller.call(request, trace)
    with trace.during(Step.ANSWER):
        check_status(answer)
        root = document_in(answer, "DeviceCertificateSigningResponse", MessageSchema.AD_HOC)
        transaction, build = text_of(root, "TransactionId"), text_of(root, "Build")
        status = text_of(root, "Status")
        if root.get("ID") not in {None, reference}:
            raise ServiceFaultError(
                "client.other_request",
                f"The answer is to the request {root.get('ID')!r}, and this one is {reference!r}.",
                "Tell the service's operator.",
            )
        if (status == AdHocStatus.SUCCESS) != (root.find("Error") is None):
            raise contradiction(status)
        if status != AdHocStatus.SUCCESS:
            raise ServiceVerdict.of(root, status).error(transaction=transaction)
        der = octets_of(root, "Certificate")
    with trace.during(Step.CHECK):
        certificate = IssuedCertificate.read(der)
        certificate.check(view)
    trace.add(Step.CHECK, f"the certificate {certificate.serial} is as the CSR asks")
    return AdHocAnswer(certificate, transaction, build)


def contradiction(status: str) -> ServiceFaultError:
    """The error that a status does not go with what follows it."""
    return ServiceFaultError(
        "client.contradiction",
        f"The answer contradicts itself: with the status {status}, there"
        f" is {'an error' if status == AdHocStatus.SUCCESS else 'no error'}.",
        "Tell the service's operator.",
    )


def _document(csr: bytes, reference: str) -> bytes:
    root = etree.Element("DeviceCertificateSigningRequest", ID=reference)
    etree.SubElement(root, "Version").text = VERSION
    text = base64.b64encode(csr).decode("ascii")
    etree.SubElement(root, "CertificateSigningRequest").text = text
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)
