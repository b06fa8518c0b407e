"""Reads the XML that services answer with: bounded, and without anything but elements and text."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from lxml import etree

from smki_testca.client.service_errors import ServiceFaultError
from smki_testca.text import plain, shown

if TYPE_CHECKING:
    from smki_testca.client.caller import ServiceAnswer
    from smki_testca.service.device_csr.schema import MessageSchema

_MOST_CHARACTERS = 300
_REMEDY = "Compare the address: what answers there is not this service, or is at fault."


def document_in(
    answer: ServiceAnswer, root: str, schema: MessageSchema | None = None
) -> etree._Element:
    """The root element of the document in an answer.

    Args:
        answer: of the service.
        root: the name that the element must have.
        schema: that it must fit; None where none is published.

    Raises:
        ServiceFaultError: if the answer is no XML, another document, or does not fit.
    """
    document = _parsed(answer)
    if document.tag != root:
        raise ServiceFaultError(
            "client.other_document",
            f"The answer is the XML document {shown(str(document.tag))} instead of {root}.",
            _REMEDY,
        )
    if schema is not None and not schema.validator.validate(document):
        first = schema.validator.error_log[0]
        raise ServiceFaultError(
            "client.schema",
            f"The answer does not fit the schema {schema.value}: line {first.line}:"
            f" {_cut(first.message).rstrip('.')}.",
            "Tell the service's operator.",
        )
    return document


def _parsed(answer: ServiceAnswer) -> etree._Element:
    """The root element of an answer in XML.

    Raises:
        ServiceFaultError: if it is none in UTF-8, or has a document type.
    """
    body = answer.body
    reason = ""
    if not body.strip():
        reason = "it is empty"
    elif b"<!DOCTYPE" in body:
        # Entities are declared there, and no message has any.
        reason = "it has a document type (DOCTYPE), as a page of HTML has"
    elif b"\x00" in body:
        reason = "it is in UTF-16, UTF-32 or binary, and must be in UTF-8"
    else:
        try:
            return etree.fromstring(body, _parser())
        except (etree.XMLSyntaxError, ValueError) as error:
            # As text, lxml's errors have a name of a file that there is not.
            words = error.msg if isinstance(error, etree.XMLSyntaxError) else str(error)
            reason = f"{_cut(words).rstrip('.')}; it begins {shown(_beginning(body))}"
    media_type = f", {answer.media_type}" if answer.media_type else ""
    raise ServiceFaultError(
        "client.not_xml",
        f"The answer (HTTP {answer.status}{plain(media_type)}) is not XML: {reason}.",
        _REMEDY,
    )


def _parser() -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
    )


def _beginning(body: bytes) -> str:
    return body.lstrip()[:40].decode("utf-8", "replace")


def text_of(parent: etree._Element, name: str) -> str:
    """The text of a child, white space around it left out; empty if there is none."""
    return (parent.findtext(name) or "").strip()


def octets_of(parent: etree._Element, name: str) -> bytes:
    """The octets of a child in base64; empty if there is none.

    White space in it is skipped, although Appendix M allows none.

    Raises:
        ServiceFaultError: if it is not base64.
    """
    text = "".join(text_of(parent, name).split())
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ServiceFaultError(
            "client.base64",
            f"The {name} in the answer is not base64.",
            "Tell the service's operator.",
        ) from error


def _cut(text: str) -> str:
    text = plain(text)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"
