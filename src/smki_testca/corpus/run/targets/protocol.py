"""The line protocol: lines of ASCII that a device of any size can read and write.

See docs/corpus-protocol.md. A line that is asked ends with the CRC-16 of what comes before it.
"""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Need
from smki_testca.corpus.run.questions import CERTIFICATE, Question
from smki_testca.corpus.run.target_answers import AnswerRemarks, Hello
from smki_testca.corpus.run.targets.target_messages import (
    VERDICTS,
    Code,
    End,
    Message,
    ProtocolError,
    RepeatRequest,
    Reply,
)
from smki_testca.text import shown, use_one_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_LINE = re.compile(r"(?:.*\W)?(smki (\d+) (\S+)(?: (.*))?)", re.DOTALL)
"""A message; before it may stand what a terminal or a logger puts there, such as the time, and the
noise of a line."""
_VERSION = "1"
NUMBER = re.compile(r"[0-9]{1,9}")
"""A number in a line, or in the name of a target."""
_HEX = re.compile(r"[0-9A-Fa-f]{16,}")
"""The octets of a document that no answer begins with; of a shorter one, the CRC tells."""
_NEEDS = {need.value: need for need in Need}


def crc16(data: bytes) -> int:
    """The CRC-16 of octets: polynomial 0x1021, begun with 0xFFFF (CRC-16/CCITT-FALSE)."""
    return binascii.crc_hqx(data, 0xFFFF)


def with_crc(line: str) -> bytes:
    """A line as it is sent."""
    data = f"{line} ".encode("ascii")
    return b"%b%04X\n" % (data, crc16(data))


class TextDialect:
    """Lines of text; see ``Dialect``."""

    def hello(self) -> bytes:
        """The lines that ask for a hello; the empty one ends what was left of another."""
        return b"\nsmki 1 hello\n"

    def question(self, question: Question, hello: Hello) -> bytes:
        """The lines that ask a case: what it is judged by, where the target can, and the case."""
        context = b"".join(
            with_crc(f"smki 1 +{name} {value}") for name, value in _context(question, hello)
        )
        return context + with_crc(f"smki 1 {question.id} {question.der.hex().upper()}")

    def message(self, line: str) -> Message | None:
        """The message in a line; None for a line of the target's log, or an echo."""
        match = _LINE.fullmatch(line)
        if match is None or match[3].startswith("+"):
            return None
        version, name, words = match[2], match[3], (match[4] or "").split()
        if version != _VERSION:
            return None
        if name == "hello":
            return _hello(words) if words else None
        if name == "code":
            return Code(words[0], words[1]) if len(words) == 2 else None
        if name == "end":
            return End(int(words[0])) if len(words) == 1 and NUMBER.fullmatch(words[0]) else None
        if words == ["again"]:
            return RepeatRequest()
        if not words or words[0] not in VERDICTS:
            if _is_echo(match[1], words):
                return None
            raise ProtocolError(
                f"{shown(line)} is not an answer. {use_one_of(VERDICTS)}".rstrip(".")
            )
        return Reply(name, VERDICTS[words[0]], AnswerRemarks.of(words[1:]))


def _is_echo(text: str, words: list[str]) -> bool:
    """Whether a line is one that was sent, which a terminal shows, be it damaged on the way."""
    if words and _HEX.fullmatch(words[0]):
        return True
    return text.isascii() and f"{text}\n".encode() == with_crc(text[:-5])


def _context(question: Question, hello: Hello) -> Iterator[tuple[str, str]]:
    can = hello.capabilities
    if question.kind != CERTIFICATE:
        yield "kind", question.kind
    if Need.TIME in can:
        yield "at", question.at
    if Need.NAMES in can:
        yield from question.expected.items()
    if Need.CHAIN in can:
        if question.root is not None:
            yield "root", question.root.hex().upper()
        for der in question.chain:
            yield "chain", der.hex().upper()
    if Need.CRL in can:
        for der in question.crls:
            yield "crl", der.hex().upper()
        if question.about is not None:
            yield "cert", question.about.hex().upper()


def _hello(words: list[str]) -> Hello:
    """A hello: ``NAME [CAPABILITY,…] [max=OCTETS]``."""
    name, can, most = words[0], frozenset[Need](), None
    for word in words[1:]:
        key, equals, value = word.partition("=")
        if equals and key == "max" and NUMBER.fullmatch(value):
            most = int(value)
            if most < 1:
                raise ProtocolError(f"its hello has {shown(word)}; a length is at least 1")
            continue
        named = [each for each in word.split(",") if each and each != "none"]
        unknown = [each for each in named if each not in _NEEDS]
        if unknown or equals:
            raise ProtocolError(
                f"its hello has {shown((unknown or [word])[0])}, which is not a capability"
            )
        can |= {_NEEDS[each] for each in named}
    return Hello(name, can, most)
