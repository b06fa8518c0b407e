"""Finds everything that can be read but is not DER (X.690 10 and 11)."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

from smki_testca.der.read import DerError, Node, read
from smki_testca.lint.findings import Breach
from smki_testca.lint.reading import ENCODE_AGAIN, of_anomaly
from smki_testca.lint.rule import detects, rule
from smki_testca.profiles.model import Severity
from smki_testca.roles import Basis
from smki_testca.x509 import names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from smki_testca.x509.entries import CrlEntry
    from smki_testca.x509.view import View

_MOST = 100
"""The most anomalies of one document that are reported: hostile ones have a hundred thousand."""

_RAW_OCTETS = 64
"""The length of r and s on P-256, side by side."""
_STRINGS = {
    0x0C: "utf-8",
    0x12: "ascii",
    0x13: "ascii",
    0x16: "ascii",
    0x1A: "ascii",
    0x1C: "utf-32-be",
    0x1E: "utf-16-be",
}
_PRINTABLE = re.compile(rb"[A-Za-z0-9 '()+,\-./:=?]*")
_NUMERIC = re.compile(rb"[0-9 ]*")
_VISIBLE = re.compile(rb"[ -~]*")
_ALPHABETS = {0x12: _NUMERIC, 0x13: _PRINTABLE, 0x1A: _VISIBLE}
_UTC_TIME = re.compile(rb"[0-9]{12}Z")
_GENERALIZED_TIME = re.compile(rb"[0-9]{14}Z")
# Each arc ends with an octet below 80 and does not begin with 80.
_OID = re.compile(rb"(?:[\x00-\x7f]|[\x81-\xff][\x80-\xff]*+[\x00-\x7f])++")
_CONSTRUCTED_STRINGS = frozenset(
    0x20 | tag for tag in (0x03, 0x04, 0x0C, 0x12, 0x13, 0x16, 0x1A, 0x1C, 0x1E)
)


def anomalies(view: View) -> list[Breach]:
    """The breaches of DER in a document in octet order, a hundred at most."""
    breaches = [of_anomaly(anomaly) for anomaly in view.anomalies]
    for node in (view.root, *view.wrapped.values()):
        breaches += islice(_element_breaches(node), _MOST)
    breaches += (*_defaults(view), *_named_bits(view), *_signature_bits(view))
    return _first_breaches(breaches)


def entry_anomalies(entry: CrlEntry) -> list[Breach]:
    """The breaches of DER in an entry of a CRL in octet order, a hundred at most."""
    breaches = [of_anomaly(anomaly) for anomaly in entry.anomalies]
    if entry.node is None:
        return breaches
    for node in (entry.node, *entry.wrapped.values()):
        breaches += islice(_element_breaches(node), _MOST)
    if entry.problem is None:
        for extensions in entry.node.children[2:]:
            breaches += _criticalities(extensions.children)
    return _first_breaches(breaches)


def _first_breaches(breaches: list[Breach]) -> list[Breach]:
    return sorted(breaches, key=lambda breach: breach.offset or 0)[:_MOST]


@rule(
    "signature.malformed", Severity.ERROR, Basis.SPECIFIED, "RFC 5758 3.2; RFC 3279 2.2.3",
    meaning="The ECDSA signature is not a SEQUENCE of two INTEGERs.",
    remedy="Write r and s as a DER SEQUENCE.",
    good="30 45 02 20 … 02 21 00 …", bad="64 octets, r and s side by side",
)  # fmt: skip
@rule(
    "signature.integer_padded", Severity.ERROR, Basis.SPECIFIED, "X.690 8.3.2; RFC 3279 2.2.3",
    meaning="An INTEGER of the ECDSA signature is padded: BER, which readers reject.",
    remedy="Write r and s in the fewest octets; the signature's value need not change.",
    good="02 1f 34 …", bad="02 20 00 34 …",
)  # fmt: skip
def signature_anomalies(view: View) -> Iterator[Breach]:
    """Check the form of an ECDSA signature (RFC 5758 3.2, X.690 8.3.2)."""
    algorithm = view.signature_algorithm.children
    if not algorithm or algorithm[0].encoded != names.ECDSA_WITH_SHA256.encoded[2:]:
        return
    bits = view.root.children[2]
    if bits.content[:1] != b"\x00":
        return
    start = bits.end - len(view.signature)
    pair = ecdsa_integers(view.signature)
    if pair is None:
        message = "the signature is not a SEQUENCE of two INTEGERs"
        if looks_raw(view.signature):
            message = (
                "the signature is 64 octets and no SEQUENCE: r and s side by side, by its look, as"
                " hardware and JOSE write it; it takes a DER SEQUENCE of both (RFC 3279 2.2.3)"
            )
        yield Breach("signature.malformed", start, message)
        return
    for number in pair:
        if not _minimal(number.content):
            yield Breach(
                "signature.integer_padded",
                start + number.offset,
                f"an INTEGER of the ECDSA signature is padded to {len(number.content)} octets",
            )
            return


def looks_raw(signature: bytes) -> bool:
    """Whether a signature has the length of r and s on P-256 side by side, and is no element."""
    if len(signature) != _RAW_OCTETS:
        return False
    try:
        _, anomalies = read(signature, noun="signature")
    except DerError:
        return True
    return bool(anomalies)


def ecdsa_integers(signature: bytes) -> list[Node] | None:
    """The two INTEGERs of an ECDSA signature, whether or not they are minimal."""
    try:
        root, anomalies = read(signature, noun="signature")
    except DerError:
        return None
    numbers = root.children
    is_pair = root.tag == 0x30 and [number.tag for number in numbers] == [0x02, 0x02]
    has_content = all(number.content for number in numbers)
    return numbers if is_pair and has_content and not anomalies else None


def _element_breaches(node: Node) -> Iterator[Breach]:
    """Check an element and every element within it."""
    pending = [node]
    while pending:
        element = pending.pop()
        check = _CHECKS.get(element.tag)
        breach = None if check is None else check(element)
        if breach is not None:
            # An element without content is reported at its header.
            yield breach if element.start < element.end else breach._replace(offset=element.offset)
        if element.children:
            pending += element.children


def _minimal(content: bytes) -> bool:
    if len(content) < 2:
        return bool(content)
    return not (
        (content[0] == 0x00 and content[1] < 0x80) or (content[0] == 0xFF and content[1] >= 0x80)
    )


@rule(
    "der.integer_not_minimal", Severity.ERROR, Basis.SPECIFIED, "X.690 8.3.2, 8.4",
    meaning="An INTEGER or ENUMERATED is not written in the fewest octets.", remedy=ENCODE_AGAIN,
    good="02 01 05", bad="02 02 00 05",
)  # fmt: skip
def _integer(node: Node) -> Breach | None:
    if _minimal(node.content):
        return None
    fault = "has no content" if node.start == node.end else "is not written in the fewest octets"
    kind = "an ENUMERATED" if node.tag == 0x0A else "an INTEGER"
    return Breach("der.integer_not_minimal", node.start, f"{kind} {fault}")


@rule(
    "der.boolean", Severity.ERROR, Basis.SPECIFIED, "X.690 11.1",
    meaning="A BOOLEAN is neither 00 nor ff.", remedy=ENCODE_AGAIN,
    good="01 01 ff", bad="01 01 01",
)  # fmt: skip
def _boolean(node: Node) -> Breach | None:
    if node.content in {b"\x00", b"\xff"}:
        return None
    message = f"a BOOLEAN is written {node.content[:4].hex()}, not 00 or ff"
    return Breach("der.boolean", node.start, message)


@rule(
    "der.null", Severity.ERROR, Basis.SPECIFIED, "X.690 8.8",
    meaning="A NULL has content.", remedy=ENCODE_AGAIN,
    good="05 00", bad="05 01 00",
)  # fmt: skip
def _null(node: Node) -> Breach | None:
    if node.start == node.end:
        return None
    return Breach("der.null", node.start, "a NULL has content")


@rule(
    "der.oid", Severity.ERROR, Basis.SPECIFIED, "X.690 8.19",
    meaning="An OBJECT IDENTIFIER is not well formed.", remedy=ENCODE_AGAIN,
    good="06 03 55 1d 0f", bad="06 04 55 1d 80 0f",
)  # fmt: skip
def _oid(node: Node) -> Breach | None:
    if _is_oid(node.content):
        return None
    return Breach("der.oid", node.start, "an OBJECT IDENTIFIER is not well formed")


@lru_cache(maxsize=1024)
def _is_oid(content: bytes) -> bool:
    """Whether these octets are an OBJECT IDENTIFIER; the same few recur in every certificate."""
    return _OID.fullmatch(content) is not None


@rule(
    "der.bit_string", Severity.ERROR, Basis.SPECIFIED, "X.690 8.6 and 11.2",
    meaning="A BIT STRING has wrong unused bits, or a named-bit list trailing zeros.",
    remedy=ENCODE_AGAIN,
    good="03 02 07 80", bad="03 02 00 80 as a keyUsage",
)  # fmt: skip
def _bit_string(node: Node) -> Breach | None:
    content = node.content
    unused = content[0] if content else 8
    stray = unused <= 7 and len(content) > 1 and content[-1] & ((1 << unused) - 1)
    if unused > 7 or stray or (unused and len(content) == 1):
        return Breach("der.bit_string", node.start, "a BIT STRING has wrong unused bits")
    return None


@rule(
    "der.string", Severity.ERROR, Basis.SPECIFIED, "X.680 41",
    meaning="A string holds octets that its type does not have.", remedy=ENCODE_AGAIN,
    good="PrintableString Z1", bad="PrintableString Z_1",
)  # fmt: skip
def _string(node: Node) -> Breach | None:
    content = node.content
    try:
        content.decode(_STRINGS[node.tag])
        alphabet = _ALPHABETS.get(node.tag)
        broken = alphabet is not None and not alphabet.fullmatch(content)
    except UnicodeDecodeError:
        broken = True
    if not broken:
        return None
    return Breach("der.string", node.start, "a string holds octets that its type does not have")


@rule(
    "der.time_form", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 4.1.2.5",
    meaning="A time lacks seconds or Z, or has a fraction or an offset.", remedy=ENCODE_AGAIN,
    good="151030000000Z", bad="1510300000Z",
)  # fmt: skip
def _utc_time(node: Node) -> Breach | None:
    if _UTC_TIME.fullmatch(node.content):
        return None
    return Breach("der.time_form", node.start, "a UTCTime is not of the form YYMMDDHHMMSSZ")


@detects("der.time_form")
def _generalized_time(node: Node) -> Breach | None:
    if _GENERALIZED_TIME.fullmatch(node.content):
        return None
    message = "a GeneralizedTime is not of the form YYYYMMDDHHMMSSZ"
    return Breach("der.time_form", node.start, message)


@rule(
    "der.set_order", Severity.ERROR, Basis.SPECIFIED, "X.690 11.6",
    meaning="The elements of a SET OF are not in ascending order.", remedy=ENCODE_AGAIN,
    good="one attribute in each RDN", bad="two attributes of one RDN, the larger first",
)  # fmt: skip
def _set(node: Node) -> Breach | None:
    if len(node.children) < 2:
        return None
    encoded = [child.encoded for child in node.children]
    if encoded == sorted(encoded):
        return None
    return Breach("der.set_order", node.offset, "the elements of a SET OF are not in order")


@rule(
    "der.constructed_string", Severity.ERROR, Basis.SPECIFIED, "X.690 10.2",
    meaning="A string is written in parts.", remedy=ENCODE_AGAIN,
    good="04 04 …", bad="24 08 04 02 … 04 02 …",
)  # fmt: skip
def _constructed(node: Node) -> Breach | None:
    return Breach("der.constructed_string", node.offset, "a string is written in parts")


_CHECKS: dict[int, Callable[[Node], Breach | None]] = {
    0x01: _boolean,
    0x02: _integer,
    0x03: _bit_string,
    0x05: _null,
    0x06: _oid,
    0x0A: _integer,
    0x17: _utc_time,
    0x18: _generalized_time,
    0x31: _set,
    **dict.fromkeys(_STRINGS, _string),
    **dict.fromkeys(_CONSTRUCTED_STRINGS, _constructed),
}


@rule(
    "der.default_encoded", Severity.ERROR, Basis.SPECIFIED, "X.690 11.5",
    meaning="A value that equals its DEFAULT is written out.", remedy=ENCODE_AGAIN,
    good="an extension without critical", bad="critical FALSE written out",
)  # fmt: skip
def _defaults(view: View) -> Iterator[Breach]:
    """Find values written out that equal their DEFAULT."""
    version = view.fields.get("version")
    if view.kind == "certificate" and version is not None and version.value == "v1":
        yield Breach("der.default_encoded", version.node.offset, "version v1 is written out")
    yield from _criticalities(view.extension_nodes)
    authority = view.fields.get("extensions.basicConstraints.cA")
    if authority is not None and authority.value is False:
        yield Breach("der.default_encoded", authority.node.offset, "cA FALSE is written out")


@detects("der.default_encoded")
def _criticalities(extensions: Iterable[Node]) -> Iterator[Breach]:
    for extension in extensions:
        for part in extension.children[1:-1]:
            if part.tag == 0x01 and part.content == b"\x00":
                yield Breach("der.default_encoded", part.offset, "critical FALSE is written out")


@detects("signature.malformed")
def _signature_bits(view: View) -> Iterator[Breach]:
    signature = view.root.children[2]
    if signature.content[:1] != b"\x00":
        yield Breach(
            "signature.malformed", signature.start, "the signature is not a whole number of octets"
        )


@detects("der.bit_string")
def _named_bits(view: View) -> Iterator[Breach]:
    usage = view.fields.get("extensions.keyUsage")
    if usage is None or usage.node.tag != 0x03:
        return
    content = usage.node.content
    if not content or content[0] > 7:
        return
    if len(content) > 1 and not content[-1] >> content[0] & 1:
        yield Breach("der.bit_string", usage.node.start, "a named-bit list has trailing zero bits")


CHECKERS: tuple[Callable[[View], Iterable[Breach]], ...] = (anomalies, signature_anomalies)
"""The checkers of a signed document's encoding; of a CSR, the first alone."""
