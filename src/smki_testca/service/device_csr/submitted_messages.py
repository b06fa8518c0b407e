"""Reads the messages that clients submit: a request for one certificate, or a batch of CSRs.

The messages come from anybody who has a client certificate. ``service.xml`` bounds what reading one
costs. Then the schema judges it; base64 has no white space, as the tables of Appendix M ask, which
the schema would allow.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from smki_testca.errors import InputError
from smki_testca.issuance.batch.portal_zip import MAX_REQUESTS
from smki_testca.service.device_csr.schema import MessageSchema
from smki_testca.service.xml import Message, XmlError, cut, elements, parts, strict_parser

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from smki_testca.service.xml import Element

_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}", re.ASCII)
_SPACES = " \t\r\n"
_FACET = re.compile(r"\[facet '\w+'\] ")
_OF_TYPE = re.compile(r" is not a valid value of the (?:local )?\w+ type.*", re.DOTALL)
_TYPES = {
    "CsrId": "an XML name, which begins with a letter or _",
    "xs:base64Binary": "base64",
}
"""The description of a type's values, by the name that libxml2 has of the type."""


class FormatError(InputError):
    """A message is not what Appendix M describes.

    Attributes:
        request_id: the ID to answer with: that of a message that fits the schema, or of a batch
            with too many CSRs. None for any other, which is answered without one (App. M A, C).
    """

    request_id: str | None = None

    def of_request(self, request_id: str) -> FormatError:
        """The same error of a message whose ID could be read."""
        self.request_id = request_id
        return self


@dataclass(frozen=True, slots=True)
class SigningRequest:
    """A DeviceCertificateSigningRequest (SEC App. M A).

    Attributes:
        id: the client's reference, 1 to 32 characters.
        csr: base64 without white space, not decoded yet; it may be empty.
    """

    id: str
    csr: bytes


@dataclass(frozen=True, slots=True)
class DeviceCsr:
    """One CSR of a batch.

    Attributes:
        id: the client's reference, an XML name of 1 to 100 characters.
        csr: base64 without white space, not decoded yet; it may be empty.
    """

    id: str
    csr: bytes


@dataclass(frozen=True, slots=True)
class CsrBatch:
    """A SubmitCSRBatch that was read once and is right (SEC App. M C).

    Attributes:
        id: the client's reference, 1 to 256 characters.
        count: the number of CSRs, 1 to 50,000.
        document: the message. Its CSRs are read from it again when they are asked for: so 50,000
            of them take no memory besides.
    """

    id: str
    count: int
    document: bytes

    def csrs(self) -> Iterator[DeviceCsr]:
        """Yield the CSRs in their order."""
        message = Message(_BATCH)
        with _faults_in_words():
            for element in elements(self.document, message):
                if element.tag == _CSR_OF_BATCH:
                    yield DeviceCsr(_id_of(element), _base64(element, _id(message)))


def signing_request(document: bytes) -> SigningRequest:
    """Read a DeviceCertificateSigningRequest.

    Raises:
        FormatError: if it is not one.
    """
    message = Message(_REQUEST)
    with _faults_in_words():
        children = list(elements(document, message))
        _check_schema(document, MessageSchema.AD_HOC, _Judged())
    return SigningRequest(_id(message), _base64(children[-1], _id(message)))


def csr_batch(document: bytes) -> CsrBatch:
    """Read a SubmitCSRBatch.

    Raises:
        FormatError: if it is not one, or has more than 50,000 CSRs.
    """
    message = Message(_BATCH)
    known = set[str]()
    # What the schema does not tell is reported only of what fits it.
    faults: list[FormatError] = []
    with _faults_in_words():
        for number, element in enumerate(elements(document, message)):
            # The first is the Version. The schema judges later whether it is.
            if number > MAX_REQUESTS:
                raise FormatError(
                    "csr_message.too_many",
                    f"Number of submitted CSRs exceeds maximum volume: over {MAX_REQUESTS:,}.",
                    "Submit several batches.",
                ).of_request(_id(message))
            if faults or element.tag != _CSR_OF_BATCH:
                continue
            name = _id_of(element)
            if name in known:
                # libxml2 does not compare the IDs of what it reads as a stream.
                faults.append(_invalid(f"two {_CSR_OF_BATCH} elements have the ID {name}"))
            known.add(name)
            try:
                _base64(element, _id(message))
            except FormatError as fault:
                faults.append(fault)
        _check_schema(document, MessageSchema.BATCHED, _JudgedBatch())
    if faults:
        raise faults[0]
    return CsrBatch(_id(message), number, document)


_REQUEST = "DeviceCertificateSigningRequest"
_BATCH = "SubmitCSRBatch"
_CSR_OF_BATCH = "DeviceCSR"


def _id(message: Message) -> str:
    """The ID of a message; empty if it has none."""
    return message.attributes.get("ID", "")


def _id_of(element: Element) -> str:
    """The ID of an element without spaces around it, which ``xs:ID`` does not count; or empty."""
    return element.attributes.get("ID", "").strip(_SPACES)


def _base64(element: Element, request_id: str) -> bytes:
    """The value of an element.

    Raises:
        FormatError: if that is not base64 without white space.
    """
    if _BASE64.fullmatch(element.text):
        return element.text.encode("ascii")
    which = f"{element.tag} {_id_of(element)}".rstrip()
    # libxml2 passes over characters that are not of base64.
    if not _BASE64.fullmatch("".join(element.text.split())):
        raise _invalid(f"the value of {which} is not base64")
    raise FormatError(
        "csr_message.base64",
        f"The value of {which} has white space, and Appendix M asks for base64 without.",
        "Leave out line breaks and spaces.",
    ).of_request(request_id)


def _without_types(fault: str) -> str:
    """The message of a schema, without the names that types have in our schemas alone."""
    fault = _FACET.sub("", fault)
    expected = next(
        (text for name, text in _TYPES.items() if f"'{name}'" in fault), "a valid value"
    )
    return _OF_TYPE.sub(f" is not {expected}", fault)


class _Judged:
    """Has a message judged by its schema; there is nothing to say of the place of a fault."""

    def __init__(self) -> None:
        self.parser: Any = None
        self.place = ""

    def check(self) -> None:
        """Check that the schema found nothing so far.

        Raises:
            FormatError: if it did.
        """
        if self.parser is not None and (faults := self.parser.feed_error_log):
            raise _invalid(cut(_without_types(faults[0].message)).rstrip(".") + self.place)

    def close(self) -> None:
        """Does nothing: ``check`` is called."""


class _JudgedBatch(_Judged):
    """Has a batch judged by its schema, and follows it to tell in which CSR the first fault is.

    libxml2 calls this before the schema, so that a fault is known with the next element.
    """

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self.check()
        name = attributes.get("ID", "") if tag == _CSR_OF_BATCH else ""
        self.place = f", in the {tag} with the ID {cut(name)}" if name else ""


def _check_schema(document: bytes, schema: MessageSchema, judged: _Judged) -> None:
    """Check a well-formed message without a document type or namespaces against its schema.

    Raises:
        FormatError: if it does not fit.
    """
    judged.parser = parser = strict_parser(judged, schema.validator)
    for part in parts(document):
        parser.feed(part)
    parser.close()
    judged.check()


@contextmanager
def _faults_in_words() -> Iterator[None]:
    """Turns what is no XML of our kind into the error of Appendix M."""
    try:
        yield
    except XmlError as error:
        raise _invalid(str(error)) from error


def _invalid(reason: str) -> FormatError:
    """The error for what is not the XML of Appendix M.

    Args:
        reason: in words, without a full stop.
    """
    return FormatError(
        "csr_message.invalid",
        f"Invalid XML in request: {reason.rstrip('.')}.",
        "Compare it with the schema of the service, correct it and submit it again.",
    )
