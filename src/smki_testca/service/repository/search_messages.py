"""The messages of search and retrieval, as the DCC's own client speaks them (observed).

XML without namespaces. The production schema is not published.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lxml import etree

from smki_testca.errors import InputError
from smki_testca.identifiers import Eui64, SerialNumber
from smki_testca.service.xml import Message, XmlError, cut, elements

if TYPE_CHECKING:
    from collections.abc import Iterable

    from smki_testca.service.repository.published import Published

SEARCH = "CertificateSearch"
RETRIEVAL = "CertificateData"
"""The start of the names of the messages."""
FOUND, BAD_REQUEST, NOT_FOUND = 200, 401, 402
"""The codes of an answer, which HTTP has as well."""
MAX_NAME = 256
"""The longest name that is searched for, in characters."""
_EUI64 = re.compile(r"[0-9A-Fa-f]{2}(-[0-9A-Fa-f]{2}){7}", re.ASCII)
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML cannot have, not even escaped (XML 1.0, 2.2); CSRs and files bring them."""
_HEXADECIMAL = re.compile(r"[0-9A-Fa-f]{1,64}", re.ASCII)


class BadRequestError(ValueError):
    """A request that cannot be answered; it says why, in one sentence."""


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A CertificateSearchRequest: one of these is there.

    Attributes:
        alt_name: the EUI-64 of a Device.
        subject_name: the name of an organisation.
    """

    alt_name: Eui64 | None = None
    subject_name: str | None = None


def search_request(document: bytes) -> SearchRequest:
    """Read a CertificateSearchRequest.

    Raises:
        BadRequestError: if it is another document, or asks for anything but one name.
    """
    name, value = _only_value(
        document,
        f"{SEARCH}Request",
        ("CertificateSubjectAltName", "CertificateSubjectName"),
    )
    if name == "CertificateSubjectName":
        if len(value) > MAX_NAME:
            raise BadRequestError(f"{name} has more than {MAX_NAME} characters.")
        return SearchRequest(subject_name=value)
    if not _EUI64.fullmatch(value):
        raise BadRequestError(
            f"{name} {cut(value)} is not an EUI-64 with hyphens, like 00-DB-12-00-00-00-00-01."
        )
    return SearchRequest(alt_name=Eui64.parse(value))


def retrieval_request(document: bytes) -> SerialNumber | None:
    """Read a CertificateDataRequest: the serial number, by its value, whatever its leading zeros.

    Returns:
        The number; None for one that no certificate can have.

    Raises:
        BadRequestError: if it is another document, or does not have a hexadecimal number.
    """
    name, value = _only_value(document, f"{RETRIEVAL}Request", ("CertificateSerial",))
    if not _HEXADECIMAL.fullmatch(value):
        raise BadRequestError(f"{name} {cut(value)} is not a hexadecimal number of 1 to 64 digits.")
    try:
        return SerialNumber(int(value, 16))
    except InputError:
        return None


def _only_value(document: bytes, root: str, names: tuple[str, ...]) -> tuple[str, str]:
    """The only element of a request and its text, spaces around it left out."""
    try:
        fields = [
            (element.tag, element.text.strip()) for element in elements(document, Message(root))
        ]
    except XmlError as error:
        raise BadRequestError(f"The request is not the XML expected: {error}.") from error
    unknown = next((tag for tag, _ in fields if tag not in names), None)
    if unknown is not None:
        raise BadRequestError(f"{cut(unknown)} is not {' or '.join(names)}.")
    if len(fields) != 1 or not fields[0][1]:
        raise BadRequestError(f"{root} has one {' or '.join(names)}, which is not empty.")
    return fields[0]


def search_answer(
    certificates: Iterable[Published], code: int, message: str, reference: int
) -> bytes:
    """Write a CertificateSearchResponse.

    Args:
        certificates: a result for each.
        code: of the answer.
        message: what the code means, in words.
        reference: of the answer.
    """
    root = _answer(SEARCH, code, message, reference)
    for certificate in certificates:
        _add_fields(etree.SubElement(root, "Result"), certificate)
    return _document(root)


def retrieval_answer(
    certificate: Published | None, code: int, message: str, reference: int
) -> bytes:
    """Write a CertificateDataResponse; see ``search_answer``."""
    root = _answer(RETRIEVAL, code, message, reference)
    if certificate is not None:
        response = etree.SubElement(root, "CertificateResponse")
        _add_fields(response, certificate)
        _add(response, "CertificateBody", base64.b64encode(certificate.der).decode("ascii"))
    return _document(root)


def _answer(name: str, code: int, message: str, reference: int) -> etree._Element:
    root = etree.Element(f"{name}Response")
    _add(root, "ResponseCode", str(code))
    _add(root, "ResponseMessage", message)
    _add(root, "AuditReference", str(reference))
    return root


def _add_fields(parent: etree._Element, certificate: Published) -> None:
    fields = {
        "CertificateSerial": str(certificate.serial),
        "CertificateSubjectAltName": certificate.alt_name,
        "CertificateSubjectName": certificate.subject_name,
        "CertificateStatus": certificate.status.value,
        "CertificateRole": None if certificate.role is None else str(certificate.role),
        "CertificateUsage": certificate.usage,
        "ManufacturingFlag": "true" if certificate.is_manufacturing else "false",
    }
    for name, value in fields.items():
        if value is not None:
            _add(parent, name, value)


def _add(parent: etree._Element, name: str, value: str) -> None:
    etree.SubElement(parent, name).text = _NOT_IN_XML.sub("\ufffd", value)


def _document(root: etree._Element) -> bytes:
    # A line of its own in a terminal.
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8") + b"\n"
