"""``jsonl:COMMAND``: questions and answers as lines of JSON, for programs in any language."""

from __future__ import annotations

import base64
import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from smki_testca.corpus.run.documents import HelloLine, ReplyLine
from smki_testca.corpus.run.target_answers import AnswerRemarks, Hello, one_line
from smki_testca.corpus.run.targets.target_messages import VERDICTS, Message, ProtocolError, Reply
from smki_testca.text import shown, use_one_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from smki_testca.corpus.run.questions import Question


class JsonDialect:
    """Lines of JSON; see ``Dialect``."""

    def hello(self) -> bytes:
        """The line that asks for a hello."""
        return b'{"hello": 1}\n'

    def question(self, question: Question, hello: Hello) -> bytes:
        """The line that asks a case; octets are in base64."""
        del hello
        document = {
            "id": question.id,
            "kind": question.kind,
            "at": question.at,
            "expected": dict(question.expected),
            "der": base64.b64encode(question.der).decode(),
            "chain": _base64(question.chain),
            "root": _base64_of(question.root),
            "crls": _base64(question.crls),
            "cert": _base64_of(question.certificate),
        }
        return msgspec.json.encode(document) + b"\n"

    def message(self, line: str) -> Message | None:
        """The message in a line; None for one that is no object with ``id`` or ``hello``."""
        if not line.startswith("{"):
            return None
        try:
            document: Any = json.loads(line)
        except (ValueError, RecursionError):
            return None
        shape = next((shape for key, shape in _SHAPES if key in document), None)
        if shape is None:
            return None
        try:
            content = msgspec.convert(document, shape)
        except msgspec.ValidationError as error:
            raise ProtocolError(f"{shown(line)}: {error}") from error
        if isinstance(content, HelloLine):
            return Hello(
                content.hello, frozenset(content.capabilities), content.max_octets, content.codes
            )
        if content.verdict not in VERDICTS:
            raise ProtocolError(
                f"the verdict {shown(content.verdict)} is unknown. {use_one_of(VERDICTS)}".rstrip(
                    "."
                )
            )
        remarks = AnswerRemarks(
            content.stage, content.code, one_line(content.reason), content.facts
        )
        return Reply(content.id, VERDICTS[content.verdict], remarks)


_SHAPES: tuple[tuple[str, type[ReplyLine | HelloLine]], ...] = (
    ("verdict", ReplyLine),
    ("hello", HelloLine),
)
"""The messages, by a key that tells each."""


@lru_cache(maxsize=256)
def _base64_of(der: bytes | None) -> str | None:
    """A document in base64; CAs are those of many cases."""
    return None if der is None else base64.b64encode(der).decode()


def _base64(documents: Iterable[bytes]) -> list[str | None]:
    return [_base64_of(der) for der in documents]
