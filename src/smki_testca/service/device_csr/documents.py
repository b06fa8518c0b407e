"""Reads the messages that clients submit: a request for one certificate, or a batch of CSRs.

The messages come from anybody who has a client certificate, so a reader takes only what Appendix M
describes, and bounds what it costs:

- UTF-8 alone, which the octets decide and not what the message or HTTP says of them;
- no document type, so no entities; no namespaces, so no ``xsi`` attributes and no XInclude;
- comments and processing instructions mean nothing, and no value ends at one;
- elements in two levels; a message is never held as a tree, and nothing else is ever read for it;
- base64 without white space, as the tables of Appendix M ask; the schema would allow that.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lxml import etree

from smki_testca.errors import InputError
from smki_testca.issuance.batch.portal_zip import MAX_REQUESTS
from smki_testca.service.device_csr.schema import Schema
from smki_testca.text import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CHUNK = 1 << 16
"""How many octets are read at a time."""
_MOST_LEVELS = 2
_MOST_CHARACTERS = 300
"""The most of the words of a parser that an answer quotes."""
_OTHER_ENCODINGS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
"""The byte order marks of UTF-16 and UTF-32."""
_DECLARED = re.compile(
    rb"(?:\xef\xbb\xbf)?<\?xml\s[^>]*?\sencoding\s*=\s*[\"'](?P<encoding>[^\"'>]*)[\"']", re.ASCII
)
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}", re.ASCII)
_LONG_VALUE = re.compile(r"'([^']{40})[^']+'")
_SPACES = " \t\r\n"


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
        message = _Message(_BATCH)
        for element in _elements(self.document, message):
            if element.tag == _CSR_OF_BATCH:
                yield DeviceCsr(element.id, element.base64(message.id))


def signing_request(document: bytes) -> SigningRequest:
    """Read a DeviceCertificateSigningRequest.

    Raises:
        FormatError: if it is not one.
    """
    message = _Message(_REQUEST)
    elements = list(_elements(document, message))
    _check_schema(document, Schema.AD_HOC)
    return SigningRequest(message.id, elements[-1].base64(message.id))


def csr_batch(document: bytes) -> CsrBatch:
    """Read a SubmitCSRBatch.

    Raises:
        FormatError: if it is not one, or has more than 50,000 CSRs.
    """
    message = _Message(_BATCH)
    known = set[str]()
    # What the schema does not tell is reported only of what fits it.
    faults: list[FormatError] = []
    for number, element in enumerate(_elements(document, message)):
        # The first is the Version. The schema judges later whether it is.
        if number > MAX_REQUESTS:
            raise FormatError(
                "csr_message.too_many",
                f"Number of submitted CSRs exceeds maximum volume: over {MAX_REQUESTS:,}.",
                "Submit several batches.",
            ).of_request(message.id)
        if faults or element.tag != _CSR_OF_BATCH:
            continue
        if element.id in known:
            # libxml2 does not compare the IDs of what it reads as a stream.
            faults.append(_invalid(f"two {_CSR_OF_BATCH} elements have the ID {element.id}"))
        known.add(element.id)
        try:
            element.base64(message.id)
        except FormatError as fault:
            faults.append(fault)
    _check_schema(document, Schema.BATCHED)
    if faults:
        raise faults[0]
    return CsrBatch(message.id, number, document)


_REQUEST = "DeviceCertificateSigningRequest"
_BATCH = "SubmitCSRBatch"
_CSR_OF_BATCH = "DeviceCSR"


@dataclass(frozen=True, slots=True)
class _Element:
    """An element of the second level.

    Attributes:
        tag: its name.
        id: its ID without spaces around it, which ``xs:ID`` does not count; empty if it has none.
        text: all its text.
    """

    tag: str
    id: str
    text: str

    def base64(self, request_id: str) -> bytes:
        """Its value.

        Raises:
            FormatError: if that is not base64 without white space.
        """
        if _BASE64.fullmatch(self.text):
            return self.text.encode("ascii")
        which = f"{self.tag} {self.id}".rstrip()
        # libxml2 passes over characters that are not of base64.
        if not _BASE64.fullmatch("".join(self.text.split())):
            raise _invalid(f"the value of {which} is not base64")
        raise FormatError(
            "csr_message.base64",
            f"The value of {which} has white space, and Appendix M asks for base64 without.",
            "Leave out line breaks and spaces.",
        ).of_request(request_id)


class _Message:
    """Follows a message while it is parsed, and collects its elements of the second level.

    The names of its methods are those that lxml calls.

    Args:
        root: the name that its root element must have.

    Attributes:
        id: the ID of the root element; empty if it has none.
        ready: the elements that ended since they were last taken.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self.id = ""
        self.ready: list[_Element] = []
        self._level = 0
        self._open = ("", "")
        self._text: list[str] = []

    def doctype(self, *_name_and_identifiers: str | None) -> None:
        raise _invalid("it has a document type declaration (DOCTYPE), which no message has")

    def start(
        self, tag: str, attributes: Mapping[str, str], namespaces: Mapping[str | None, str]
    ) -> None:
        if namespaces or "{" in tag or any("{" in name for name in attributes):
            raise _invalid(
                f"the element {_cut(_local(tag))} has a namespace, or an attribute of one such as"
                " xsi; the messages have none"
            )
        self._level += 1
        if self._level > _MOST_LEVELS:
            raise _invalid(f"the element {_cut(self._open[0])} holds an element, {_cut(tag)}")
        if self._level == 1:
            if tag != self._root:
                raise _invalid(f"its root element is {_cut(tag)} instead of {self._root}")
            self.id = attributes.get("ID", "")
        else:
            self._open = tag, attributes.get("ID", "").strip(_SPACES)
            self._text = []

    def data(self, text: str) -> None:
        if self._level == _MOST_LEVELS:
            self._text.append(text)

    def end(self, _tag: str) -> None:
        if self._level == _MOST_LEVELS:
            self.ready.append(_Element(*self._open, "".join(self._text)))
        self._level -= 1

    def close(self) -> None:
        """Does nothing: what was collected is taken as it comes."""


class _Place:
    """Follows a message while the schema judges it, to tell where its first fault is.

    libxml2 calls this before the schema, so that a fault is known with the next element.
    """

    def __init__(self) -> None:
        self._place = ""
        self.parser: etree.XMLParser | None = None

    def check(self) -> None:
        """Check that the schema found nothing so far.

        Raises:
            FormatError: if it did.
        """
        if self.parser is not None and (faults := self.parser.feed_error_log):
            raise _invalid(_cut(faults[0].message).rstrip(".") + self._place)

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self.check()
        name = attributes.get("ID", "") if tag == _CSR_OF_BATCH else ""
        self._place = f", in the {tag} with the ID {_cut(name)}" if name else ""

    def close(self) -> None:
        """Does nothing: ``check`` is called."""


def _check_schema(document: bytes, schema: Schema) -> None:
    """Check a well-formed message without a document type or namespaces against its schema.

    Raises:
        FormatError: if it does not fit.
    """
    place = _Place()
    place.parser = parser = _parser(place, schema.validator)
    for part in _parts(document):
        parser.feed(part)
    parser.close()
    place.check()


def _elements(document: bytes, message: _Message) -> Iterator[_Element]:
    """Yield the elements of the second level of a message, while it is read.

    Raises:
        FormatError: if it is not well-formed XML in UTF-8, or has a document type or a namespace.
    """
    _check_encoding(document)
    parser = _parser(message)
    try:
        for part in _parts(document):
            parser.feed(part)
            yield from message.ready
            message.ready.clear()
        parser.close()
    except etree.XMLSyntaxError as error:
        raise _invalid(_cut(error.msg or "it is not well-formed")) from error
    yield from message.ready


def _parser(target: Any, schema: etree.XMLSchema | None = None) -> etree.XMLParser:
    return etree.XMLParser(
        encoding="utf-8",
        target=target,
        schema=schema,
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        collect_ids=False,
    )


def _parts(document: bytes) -> Iterator[bytes]:
    for start in range(0, len(document), _CHUNK):
        yield document[start : start + _CHUNK]


def _check_encoding(document: bytes) -> None:
    """Check that a message is UTF-8 (SEC App. M A: ``charset=UTF-8``).

    Raises:
        FormatError: if it is not, or declares that it is not.
    """
    if not document:
        raise _invalid("it is empty")
    if document.startswith(_OTHER_ENCODINGS) or b"\x00" in document:
        raise _invalid("it is in UTF-16, UTF-32 or binary, and must be in UTF-8")
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for part in _parts(document):
            decoder.decode(part)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise _invalid("it is not in UTF-8") from error
    declared = _DECLARED.match(document)
    if declared is not None and declared["encoding"].lower() != b"utf-8":
        name = declared["encoding"].decode("utf-8")
        raise _invalid(f"it declares the encoding {_cut(name)}, and must be in UTF-8")


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


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _cut(text: str) -> str:
    """A text on one line, for a message; the rest of it, or of a value in it, is left out."""
    text = _LONG_VALUE.sub(r"'\1…'", plain(text.strip()))
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"
