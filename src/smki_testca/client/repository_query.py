"""Search and retrieval of certificates in the repository, as the DCC's own client speaks them.

The production schema is not published: messages are read by the names that were observed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from lxml import etree

from smki_testca.client.adhoc_request import XML
from smki_testca.client.answer_documents import document_in, octets_of, text_of
from smki_testca.client.caller import ServiceCaller, ServiceRequest, check_status
from smki_testca.client.issued_certificate import IssuedCertificate
from smki_testca.client.repository_account import NOBODY, RepositoryAccount
from smki_testca.client.service_errors import ServiceFaultError, ServiceRefusalError, remedy_beside
from smki_testca.client.trace import Step
from smki_testca.errors import InputError
from smki_testca.identifiers import Eui64
from smki_testca.text import is_one_line, plain, shown

if TYPE_CHECKING:
    from smki_testca.client.address import Address
    from smki_testca.client.caller import ServiceAnswer
    from smki_testca.client.trace import Trace

SEARCH_PATH = "/services/certificatesearch"
RETRIEVE_PATH = "/services/retrievecertificate"
MAX_ANSWER_OCTETS = 16 << 20
"""The longest answer read."""
NO_ACCOUNTS_KEY = "any"
"""The API key that is sent where none is given: any will do while a repository has no accounts."""
_MAX_NAME = 256
_SERIAL = re.compile(r"[0-9A-Fa-f]{1,64}", re.ASCII)
_OK, _REFUSED, _NOTHING = "200", "401", "402"


@dataclass(frozen=True, slots=True)
class RepositoryEntry:
    """A certificate, as the repository describes it.

    Attributes:
        serial: its serial number, hexadecimal.
        name: the EUI-64 of a Device, or the name of an organisation.
        status: ``P``, ``I``, ``N``, ``E`` or ``R``.
        role: the RemotePartyRole, decimal; empty where there is none.
        usage: ``DS`` or ``KA``; empty where there is none.
        manufacturing: ``true`` or ``false``; empty where it is not said.
    """

    serial: str
    name: str
    status: str
    role: str
    usage: str
    manufacturing: str

    @classmethod
    def of(cls, element: etree._Element) -> Self:
        """Read a Result or a CertificateResponse."""
        return cls(
            text_of(element, "CertificateSerial"),
            text_of(element, "CertificateSubjectAltName")
            or text_of(element, "CertificateSubjectName"),
            text_of(element, "CertificateStatus"),
            text_of(element, "CertificateRole"),
            text_of(element, "CertificateUsage"),
            text_of(element, "ManufacturingFlag"),
        )

    def as_json(self) -> dict[str, Any]:
        """The certificate as JSON: serial, name, status, role, usage, manufacturing."""
        return {
            "serial": self.serial,
            "name": self.name,
            "status": self.status,
            "role": self.role,
            "usage": self.usage,
            "manufacturing": self.manufacturing,
        }


@dataclass(frozen=True, slots=True)
class RepositoryClient:
    """Calls a repository.

    Attributes:
        caller: how services are called.
        address: of the repository: a base, or the whole URL of the query.
        account: that opens it; empty where there is none.
    """

    caller: ServiceCaller
    address: Address
    account: RepositoryAccount = NOBODY

    def search(
        self, name: str, trace: Trace, *, is_organisation: bool = False
    ) -> list[RepositoryEntry]:
        """Search for certificates.

        Args:
            name: the EUI-64 of a Device, or else the name of an organisation.
            trace: of the call.
            is_organisation: whether an EUI-64 is that of an organisation, too.

        Raises:
            InputError: if the name is none.
            ServiceRefusalError: if nothing is found, or the search is refused.
            ServiceFaultError: if the repository cannot be reached, or its answer cannot be used.
        """
        field, value = _searched(name, is_organisation=is_organisation)
        hint = _NO_DEVICE if field == _DEVICE else _NO_ORGANISATION
        root = self._ask(SEARCH_PATH, "CertificateSearch", {field: value}, trace, hint)
        results = [RepositoryEntry.of(element) for element in root.findall("Result")]
        trace.add(Step.CHECK, f"{len(results)} found")
        return results

    def retrieve(self, serial: str, trace: Trace) -> tuple[RepositoryEntry, IssuedCertificate]:
        """Retrieve the certificate with a serial number, hexadecimal.

        Raises:
            InputError: if it is no number.
            ServiceRefusalError: if there is none, or the request is refused.
            ServiceFaultError: if the repository cannot be reached, or its answer cannot be used.
        """
        if not _SERIAL.fullmatch(serial):
            raise InputError(
                "serial.form",
                f"{shown(serial)} is not a serial number.",
                "Write 1 to 64 hexadecimal digits.",
            )
        root = self._ask(
            *(RETRIEVE_PATH, "CertificateData", {"CertificateSerial": serial.upper()}, trace),
            "Compare the serial number; `client search` finds those of a Device.",
        )
        with trace.during(Step.CHECK):
            element = root.find("CertificateResponse")
            if element is None:
                raise _incomplete("CertificateResponse")
            certificate = IssuedCertificate.read(octets_of(element, "CertificateBody"))
            if int(certificate.serial or "0", 16) != int(serial, 16):
                raise ServiceFaultError(
                    "client.other_serial",
                    f"The repository gave the certificate {certificate.serial}, and"
                    f" {serial.upper()} was asked for.",
                    "Tell the repository's operator.",
                )
        trace.add(Step.CHECK, f"the certificate has the serial number {certificate.serial}")
        return RepositoryEntry.of(element), certificate

    def _ask(
        self, path: str, name: str, values: dict[str, str], trace: Trace, hint: str
    ) -> etree._Element:
        """Send a request, and read the answer if it is one of success.

        Args:
            path: of the query, below a base.
            name: of the messages, without its end.
            values: what is asked for.
            trace: of the call.
            hint: what to do where nothing is found.
        """
        root = etree.Element(f"{name}Request")
        for field, value in values.items():
            etree.SubElement(root, field).text = value
        body = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
        account = self.account
        account.check(self.address)
        address = self.address.at(path).with_query("apikey", account.api_key or NO_ACCOUNTS_KEY)
        headers = {**XML, **account.headers()}
        answer = self.caller.call(
            ServiceRequest("POST", address, MAX_ANSWER_OCTETS, body, headers), trace
        )
        with trace.during(Step.ANSWER):
            if str(answer.status) not in {_OK, _REFUSED, _NOTHING}:
                check_status(answer)
            if str(answer.status) != _OK:
                raise self._refusal(str(answer.status), _reason(answer, f"{name}Response"), hint)
            response = document_in(answer, f"{name}Response")
            code = text_of(response, "ResponseCode")
            if code != _OK:
                raise self._refusal(code, text_of(response, "ResponseMessage"), hint)
        return response

    def _refusal(self, code: str, message: str, hint: str) -> ServiceRefusalError:
        """The error for an answer that gives nothing."""
        suffix = f": {plain(message).rstrip('.')}" if message else ""
        if code == _NOTHING:
            error = ServiceRefusalError(
                "client.nothing_found", f"The repository found nothing ({code}){suffix}.", hint
            )
        else:
            error = ServiceRefusalError(
                "client.query_refused",
                f"The repository refuses the query ({plain(code) or 'no ResponseCode'}){suffix}.",
                _NO_KEY if self.account.is_none else remedy_beside(message, _OTHER_KEY),
            )
        error.verdict = {"status": "", "code": code, "text": message}
        return error


_NO_KEY = "If it is for accounts, name a file with the API key of yours: --api-key-file FILE."
_OTHER_KEY = "Compare what was asked for, and the account."
_DEVICE, _ORGANISATION = "CertificateSubjectAltName", "CertificateSubjectName"
_NO_DEVICE = (
    "Compare the Device ID; if it is the EUI-64 of an organisation or a CA, add --organisation."
)
_NO_ORGANISATION = "Compare the name, with the case of its letters."


def _reason(answer: ServiceAnswer, root: str) -> str:
    """The reason for which a repository gives nothing: stated in XML, or else in plain text."""
    try:
        return text_of(document_in(answer, root), "ResponseMessage")
    except ServiceFaultError:
        return answer.first_line.removeprefix(": ") or answer.reason


def _incomplete(name: str) -> ServiceFaultError:
    return ServiceFaultError(
        "client.incomplete",
        f"The repository's answer has no {name}.",
        "Tell the repository's operator.",
    )


def _searched(name: str, *, is_organisation: bool) -> tuple[str, str]:
    """The element of a search, and its text.

    Raises:
        InputError: if nothing can have the name.
    """
    try:
        return _ORGANISATION if is_organisation else _DEVICE, str(Eui64.parse(name))
    except InputError:
        pass
    if not name.strip() or len(name) > _MAX_NAME or not is_one_line(name):
        raise InputError(
            "client.name",
            f"{shown(name)} is neither a Device ID nor the name of an organisation.",
            f"Give one line of at most {_MAX_NAME} characters.",
        )
    return _ORGANISATION, name
