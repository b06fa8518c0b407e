"""Defines the contents of files: documents, keys, PKCS#12 stores, problems, and anything else."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from smki_testca.der.read import MAX_OCTETS
from smki_testca.x509 import entries


class ContentKind(Enum):
    """The kinds of content; the linter reads documents only."""

    DOCUMENT = "document"
    PRIVATE_KEY = "private key"
    KEY_OF_DOCUMENT = "private key given with the document before it"
    PKCS12 = "PKCS#12 store"
    PUBLIC_KEY = "public key"
    OTHER = "something else"


PRIVATE_KEYS = frozenset({ContentKind.PRIVATE_KEY, ContentKind.KEY_OF_DOCUMENT})
"""The kinds of content that are private keys."""
KEYS = PRIVATE_KEYS | {ContentKind.PUBLIC_KEY}
"""The kinds of content that are keys."""


@dataclass(frozen=True, slots=True)
class FileProblem:
    """The reason why something in a file cannot be read.

    Attributes:
        code: of a lint rule, such as ``document.base64``.
        message: one clause, without the file.
    """

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Content:
    """One part of a file: a document, a key, a store, a problem or something else.

    Attributes:
        data: its octets, meant to be DER; a private key may be a PEM block.
        problem: why it cannot be read; None if it can. Something else always has one.
        kind: the kind of content.
        name: its name in a key store.
    """

    data: bytes = b""
    problem: FileProblem | None = None
    kind: ContentKind = ContentKind.DOCUMENT
    name: str | None = None


LOCKED_STORE = FileProblem(
    "document.unknown_kind", "it is a PKCS#12 store; only `import` opens those"
)
"""The problem of a PKCS#12 store where only documents are read."""


def problem(code: str, message: str) -> Content:
    """A document that cannot be read."""
    return Content(problem=FileProblem(code, message))


def something_else(message: str) -> Content:
    """Content that is no document, nor meant to be one; ``message`` is one clause."""
    problem = FileProblem("document.unknown_kind", message)
    return Content(problem=problem, kind=ContentKind.OTHER)


def document(data: bytes) -> Content:
    """A document, or the problem that it is too long."""
    limit = max_octets(data)
    if len(data) > limit:
        message = f"it has {len(data)} octets; at most {limit} are read"
        return problem("document.too_long", message)
    return Content(data)


def max_octets(data: bytes) -> int:
    """The most octets that are read of a document: of a CRL more than of any other."""
    return entries.MAX_OCTETS if entries.place(data) is not None else MAX_OCTETS
