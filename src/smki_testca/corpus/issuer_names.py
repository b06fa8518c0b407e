"""Writes the name of a CA in other ways, whatever its parts are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.der.encode import sequence, set_of, tlv
from smki_testca.der.read import read

if TYPE_CHECKING:
    from collections.abc import Callable


def attributes(name: bytes) -> list[bytes]:
    """The AttributeTypeAndValues of a Name, DER each."""
    return [attribute.encoded for rdn in read(name)[0].children for attribute in rdn.children]


def of_attributes(encoded: list[bytes]) -> bytes:
    """A Name of these attributes, each an RDN of its own."""
    return sequence(*(set_of([attribute]) for attribute in encoded))


def rewritten(name: bytes, change: Callable[[str], str] = str, *, tag: int | None = None) -> bytes:
    """A Name with its texts changed.

    Args:
        name: DER; its values are UTF8Strings or PrintableStrings.
        change: makes another text of each.
        tag: of the strings; that of each by default.
    """
    encoded = []
    for attribute in attributes(name):
        oid, value = read(attribute)[0].children
        text = change(value.content.decode("utf-8")).encode()
        encoded.append(sequence(oid.encoded, tlv(value.tag if tag is None else tag, text)))
    return of_attributes(encoded)
