"""Changes of one element of a document, where its parts cannot say them: lengths, tags, octets.

``edited`` finds an element by its place, changes its octets and puts it back: the lengths around
it follow, and a document whose signed part changed is signed again. The other functions change
the octets of one element.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.corpus.parts import CertificateParts, CsrParts
from smki_testca.der.encode import OCTET_STRING, header, tlv
from smki_testca.der.read import Node, read, read_wrapped
from smki_testca.x509.view import view_certificate, view_request, view_revocation_list

if TYPE_CHECKING:
    from collections.abc import Callable

    from smki_testca.corpus.parts import Parts
    from smki_testca.x509.view import View

CONSTRUCTED = 0x20
"""The bit of an identifier octet that says that an element contains others (X.690 8.1.2.5)."""


def edited(document: Parts, change: Callable[[bytes], bytes], name: str, *steps: int) -> bytes:
    """The document with one element changed.

    Args:
        document: a good one.
        change: of the octets of the element.
        name: of the place to start from: ``document``, ``signed``, ``signatureAlgorithm``,
            ``signatureValue``, or a field such as ``validity.notBefore``; a field of an extension
            is the element inside its value.
        steps: from there to the element: the number of an element inside, one after another.
    """
    whole, target = _found(document, name, steps)
    signed, octets = whole.children[0], change(target.encoded)
    if signed.offset <= target.offset < signed.stop:
        return document.with_tbs(_replaced(signed, target, octets))
    return _replaced(whole, target, octets)


def element(document: Parts, name: str, *steps: int) -> bytes:
    """The octets of one element of a document; its place is given as for ``edited``."""
    return _found(document, name, steps)[1].encoded


def _found(document: Parts, name: str, steps: tuple[int, ...]) -> tuple[Node, Node]:
    """A whole document and the element at a place in it."""
    der = document.der
    whole, _ = read(der)
    named = {
        "document": whole,
        "signed": whole.children[0],
        "signatureAlgorithm": whole.children[1],
        "signatureValue": whole.children[2],
    }
    node = named.get(name) or _view_of(document)(der).fields[name].node
    if name == "revokedCertificates":
        # A view does not look into the entries of a CRL.
        node = next(each for each in whole.children[0].children if each.offset == node.offset)
    for step in steps:
        node = _inside(node)[step]
    return whole, node


def _view_of(document: Parts) -> Callable[[bytes], View]:
    if isinstance(document, CertificateParts):
        return view_certificate
    return view_request if isinstance(document, CsrParts) else view_revocation_list


def _inside(node: Node) -> list[Node]:
    """The elements in an element; in an OCTET STRING, the one that it wraps."""
    if node.tag == OCTET_STRING:
        wrapped, _ = read_wrapped(node)
        return [] if wrapped is None else [wrapped]
    return node.children


def _replaced(node: Node, target: Node, octets: bytes) -> bytes:
    """An element with other octets in place of one that is it or is in it."""
    if (node.offset, node.stop) == (target.offset, target.stop):
        return octets
    if not node.offset <= target.offset < node.stop:
        return node.encoded
    return tlv(node.tag, b"".join(_replaced(child, target, octets) for child in _inside(node)))


# Changes of one element


def content_of(octets: bytes) -> bytes:
    """The content of an element."""
    return read(octets)[0].content


def elements_of(octets: bytes) -> list[bytes]:
    """The elements in an element, each whole."""
    return [child.encoded for child in read(octets)[0].children]


def retagged(octets: bytes, tag: int) -> bytes:
    """An element with another identifier octet."""
    return bytes((tag,)) + octets[1:]


def holding(octets: bytes, content: bytes) -> bytes:
    """An element with other content; its length follows."""
    return tlv(octets[0], content)


def long_form(octets: bytes, count: int | None = None) -> bytes:
    """An element whose length is written in more octets than it needs.

    Args:
        octets: of the element.
        count: of the octets after the first one of the length; by default one too many.
    """
    content = content_of(octets)
    fewest = len(header(0, len(content))) - 2
    count = fewest + 1 if count is None else count
    return bytes((octets[0], 0x80 | count)) + len(content).to_bytes(count) + content


def indefinite(octets: bytes) -> bytes:
    """An element of indefinite length: BER's end-of-contents octets end it (X.690 8.1.3.6)."""
    return bytes((octets[0], 0x80)) + content_of(octets) + b"\x00\x00"


def claiming(octets: bytes, more: int) -> bytes:
    """An element whose length says more content octets than there are, or fewer."""
    content = content_of(octets)
    return header(octets[0], len(content) + more) + content


def without_element(octets: bytes, number: int) -> bytes:
    """An element without one of the elements in it."""
    inside = elements_of(octets)
    del inside[number]
    return holding(octets, b"".join(inside))


def doubled(octets: bytes, number: int) -> bytes:
    """An element in which one of the elements in it is there twice."""
    inside = elements_of(octets)
    return holding(octets, b"".join([*inside[:number], inside[number], *inside[number:]]))


def swapped(octets: bytes, number: int) -> bytes:
    """An element in which one of the elements in it has changed places with the next."""
    inside = elements_of(octets)
    inside[number : number + 2] = reversed(inside[number : number + 2])
    return holding(octets, b"".join(inside))


def appended(octets: bytes, more: bytes) -> bytes:
    """An element with more octets at the end of its content."""
    return holding(octets, content_of(octets) + more)
