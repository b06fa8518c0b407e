"""Reads the XML that clients send: one root with elements in it that have text, and no more.

It comes from anybody, so a reader takes only what these messages may have, and bounds its cost:

- UTF-8 alone, which the octets decide and not what the message or HTTP says of them;
- no document type, so no entities; no namespaces, so no ``xsi`` attributes and no XInclude;
- comments and processing instructions mean nothing, and no value ends at one;
- elements in two levels; a message is never held as a tree, and nothing else is ever read for it.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lxml import etree

from smki_testca.text import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CHUNK = 1 << 16
"""The octets that are read at a time."""
_MOST_LEVELS = 2
_MOST_CHARACTERS = 300
"""The most of the words of a parser that an answer quotes."""
_VALUE = re.compile(r"'([^']{,40})([^']*)'")
_OTHER_ENCODINGS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
"""The byte order marks of UTF-16 and UTF-32."""
_DECLARED = re.compile(
    rb"(?:\xef\xbb\xbf)?<\?xml\s[^>]*?\sencoding\s*=\s*[\"'](?P<encoding>[^\"'>]*)[\"']", re.ASCII
)


class XmlError(ValueError):
    """A message is not XML of the kind that is read; it says why, without a full stop."""


@dataclass(frozen=True, slots=True)
class Element:
    """An element of the second level.

    Attributes:
        tag: its name.
        attributes: by name.
        text: all its text.
    """

    tag: str
    attributes: Mapping[str, str]
    text: str


class Message:
    """Follows a message while it is parsed, and collects its elements of the second level.

    The names of its methods are those that lxml calls.

    Args:
        root: the name that its root element must have.

    Attributes:
        attributes: of the root element.
        ready: the elements that ended since they were last taken.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self.attributes: dict[str, str] = {}
        self.ready: list[Element] = []
        self._level = 0
        self._open: tuple[str, dict[str, str]] = ("", {})
        self._text: list[str] = []

    def doctype(self, *_name_and_identifiers: str | None) -> None:
        """Refuse a document type.

        Raises:
            XmlError: always.
        """
        raise XmlError("it has a document type declaration (DOCTYPE), which no message has")

    def start(
        self, tag: str, attributes: Mapping[str, str], namespaces: Mapping[str | None, str]
    ) -> None:
        """Take the beginning of an element.

        Raises:
            XmlError: if it has a namespace, is too deep, or another root than expected.
        """
        if namespaces or "{" in tag or any("{" in name for name in attributes):
            raise XmlError(
                f"the element {cut(tag.rpartition('}')[2])} has a namespace, or an attribute of"
                " one such as xsi; the messages have none"
            )
        self._level += 1
        if self._level > _MOST_LEVELS:
            raise XmlError(f"the element {cut(self._open[0])} holds an element, {cut(tag)}")
        if self._level == 1:
            if tag != self._root:
                raise XmlError(f"its root element is {cut(tag)} instead of {self._root}")
            self.attributes = dict(attributes)
        else:
            self._open = tag, dict(attributes)
            self._text = []

    def data(self, text: str) -> None:
        """Take some of the text of an element.

        Raises:
            XmlError: for text between elements that is not white space.
        """
        if self._level == _MOST_LEVELS:
            self._text.append(text)
        elif text.strip():
            raise XmlError(f"it has text between its elements: {cut(text)}")

    def end(self, _tag: str) -> None:
        """Take the end of an element."""
        if self._level == _MOST_LEVELS:
            self.ready.append(Element(*self._open, "".join(self._text)))
        self._level -= 1

    def close(self) -> None:
        """Does nothing: what was collected is taken as it comes."""


def elements(document: bytes, message: Message) -> Iterator[Element]:
    """Yield the elements of the second level of a message, while it is read.

    Raises:
        XmlError: if it is not well-formed XML in UTF-8, or has what a message does not have.
    """
    check_encoding(document)
    followed = _followed()
    followed.message, parser = message, followed.parser
    try:
        for part in parts(document):
            parser.feed(part)
            yield from message.ready
            message.ready.clear()
        parser.close()
    except etree.XMLSyntaxError as error:
        raise XmlError(cut(error.msg or "it is not well-formed")) from error
    if len(_spare) < _MOST_SPARE:
        _spare.append(followed)
    yield from message.ready


class _Followed:
    """A parser, and the message that follows it now.

    lxml inspects the target of each new parser, which takes longer than reading a short message. So
    one that read a message to its end is kept for another.
    """

    def __init__(self) -> None:
        self.message = Message("")
        self.parser = strict_parser(self)

    def doctype(self, *name_and_identifiers: str | None) -> None:
        self.message.doctype(*name_and_identifiers)

    def start(
        self, tag: str, attributes: Mapping[str, str], namespaces: Mapping[str | None, str]
    ) -> None:
        self.message.start(tag, attributes, namespaces)

    def data(self, text: str) -> None:
        self.message.data(text)

    def end(self, tag: str) -> None:
        self.message.end(tag)

    def close(self) -> None:
        """Does nothing: see ``Message.close``."""


def _followed() -> _Followed:
    """A parser for one message."""
    try:
        return _spare.pop()
    except IndexError:
        return _Followed()


_spare: list[_Followed] = []
"""Parsers that wait for a message; any thread may take one."""
_MOST_SPARE = 4


def strict_parser(target: Any, schema: etree.XMLSchema | None = None) -> Any:
    """A parser that reads nothing but what it is fed, and tells a target of it."""
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


def parts(document: bytes) -> Iterator[bytes]:
    """A document in parts to feed to a parser."""
    for start in range(0, len(document), _CHUNK):
        yield document[start : start + _CHUNK]


def check_encoding(document: bytes) -> None:
    """Check that a message is UTF-8.

    Raises:
        XmlError: if it is not, or declares that it is not.
    """
    if not document:
        raise XmlError("it is empty")
    if document.startswith(_OTHER_ENCODINGS) or b"\x00" in document:
        raise XmlError("it is in UTF-16, UTF-32 or binary, and must be in UTF-8")
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for part in parts(document):
            decoder.decode(part)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise XmlError("it is not in UTF-8") from error
    declared = _DECLARED.match(document)
    if declared is not None and declared["encoding"].lower() != b"utf-8":
        name = declared["encoding"].decode("utf-8")
        raise XmlError(f"it declares the encoding {cut(name)}, and must be in UTF-8")


def cut(text: str) -> str:
    """A text on one line, for a message; the rest of it, or of a value in it, is left out."""
    text = _VALUE.sub(lambda each: f"'{each[1]}{'…' if each[2] else ''}'", plain(text.strip()))
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"
