"""An anchor: a signed statement of how far the audit log of an estate had come, on one line.

It is kept outside the estate. Whoever has it can tell later whether the log continues from there.
The line is made for tickets and mails: ASCII without spaces, and white space within it is ignored.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from smki_testca.clock import from_iso, iso
from smki_testca.errors import InputError
from smki_testca.text import counted
from smki_testca.x509 import untrusted
from smki_testca.x509.keys import load_public_key, public_key_octets, signature_fits

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

MARK = "smki-anchor"
"""The start of every anchor."""
_VERSION = 1
_OCTETS = 32
_ANCHOR = re.compile(
    rf"{MARK}\.{_VERSION}\.(?P<number>[1-9][0-9]{{0,17}})"
    r"\.(?P<at>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)"
    r"\.(?P<estate>[A-Za-z0-9_-]{43})\.(?P<digest>[A-Za-z0-9_-]{43})"
    r"\.(?P<key>[A-Za-z0-9_-]{44})\.(?P<signature>[A-Za-z0-9_-]{86})",
    re.ASCII,
)
_OTHER_VERSION = re.compile(rf"{MARK}\.(?!{_VERSION}\.)[0-9]+\.", re.ASCII)
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Anchor:
    """The state of an estate's audit log after one entry, signed by the estate.

    Attributes:
        number: of the entry.
        at: when it was signed, UTC.
        estate: the identity of the estate: the link after the first entry of its log.
        digest: the link after the entry, which follows from every entry and row until then.
        key: the public key that signed: a point of P-256, compressed, 33 octets.
        signature: ECDSA with SHA-256 over all of that as text: r and s, 64 octets.
    """

    number: int
    at: datetime
    estate: bytes
    digest: bytes
    key: bytes
    signature: bytes = b""

    @property
    def signed_text(self) -> str:
        """The text that is signed: the line without the signature."""
        octets = ".".join(map(_in_base64, (self.estate, self.digest, self.key)))
        return f"{MARK}.{_VERSION}.{self.number}.{iso(self.at)}.{octets}"

    @property
    def line(self) -> str:
        """The anchor as text."""
        return f"{self.signed_text}.{_in_base64(self.signature)}"

    @property
    def public_key(self) -> bytes | None:
        """The SubjectPublicKeyInfo of the key, DER; None if it is no point of the curve."""
        try:
            key = untrusted.call(
                ec.EllipticCurvePublicKey.from_encoded_point, ec.SECP256R1(), self.key
            )
        except InputError:
            return None
        return public_key_octets(key)

    @property
    def is_signed(self) -> bool:
        """Whether the signature is that of its key over its text."""
        octets = self.public_key
        key = None if octets is None else load_public_key(octets)
        if key is None:
            return False
        numbers = (int.from_bytes(half) for half in (self.signature[:32], self.signature[32:]))
        return signature_fits(key, encode_dss_signature(*numbers), self.signed_text.encode("ascii"))

    def signed_by(self, sign: Callable[[bytes], bytes]) -> Anchor:
        """The same with a signature.

        Args:
            sign: gives the ECDSA signature over octets, DER.
        """
        numbers = decode_dss_signature(sign(self.signed_text.encode("ascii")))
        signature = b"".join(number.to_bytes(_OCTETS) for number in numbers)
        return replace(self, signature=signature)

    def as_json(self) -> dict[str, Any]:
        """The anchor as a JSON object."""
        return {
            "anchor": self.line,
            "number": self.number,
            "at": iso(self.at),
            "estate": self.estate.hex(),
            "digest": self.digest.hex(),
        }


def compressed_point(spki: bytes) -> bytes:
    """The point of a P-256 key from its SubjectPublicKeyInfo, compressed, 33 octets.

    Raises:
        ValueError: if it is another kind of key.
    """
    key = load_public_key(spki)
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ValueError("it is not a key of an elliptic curve")  # noqa: TRY004 - a value of bytes
    return key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)


def parse_anchors(text: str, origin: str) -> list[Anchor]:
    """Read a text of anchors and nothing else; white space is ignored.

    Args:
        text: of one anchor or more.
        origin: the file, for messages.

    Raises:
        InputError: if it has none, or anything else.
    """
    compact = _SPACE.sub("", text)
    anchors: list[Anchor] = []
    place = 0
    while place < len(compact):
        match = _ANCHOR.match(compact, place)
        anchor = None if match is None else _read(match)
        if match is None or anchor is None:
            newer = _OTHER_VERSION.match(compact, place) is not None
            raise _unreadable(origin, len(anchors), newer=newer)
        anchors.append(anchor)
        place = match.end()
    if not anchors:
        raise _unreadable(origin, 0)
    return anchors


def last_anchor(text: str, origin: str) -> tuple[Anchor | None, str]:
    """Read the last anchor of a text, and what was begun after it and is no whole line.

    Args:
        text: the end of a file of anchors.
        origin: the file, for messages.

    Returns:
        The anchor, None where there is none; and the beginning of another one, such as a write
        that was cut off left.

    Raises:
        InputError: if anything else is at the end.
    """
    whole, _, begun = text.rpartition("\n")
    if begun and _ANCHOR.fullmatch(begun.strip()):
        whole, begun = text, ""
    compact = _SPACE.sub("", whole)
    if begun and not (begun.startswith(MARK) or MARK.startswith(begun)):
        raise _unreadable(origin)
    if not compact:
        return None, begun
    match = None
    for match in _ANCHOR.finditer(compact):  # noqa: B007 - the last is looked for
        pass
    anchor = None if match is None or match.end() != len(compact) else _read(match)
    if anchor is None:
        raise _unreadable(origin)
    return anchor, begun


def _read(match: re.Match[str]) -> Anchor | None:
    """The anchor of a match; None where it is written otherwise than this program writes it."""
    try:
        anchor = Anchor(
            int(match["number"]),
            from_iso(match["at"]),
            *(_octets(match[name]) for name in ("estate", "digest", "key", "signature")),
        )
    except ValueError:
        return None
    # The last character of base64 has bits that say nothing.
    return anchor if anchor.line == match[0] else None


def _unreadable(origin: str, before: int | None = None, *, newer: bool = False) -> InputError:
    if newer:
        predicate = "has an anchor of another version"
    elif before is None:
        predicate = "does not end with an anchor"
    elif before:
        predicate = f"has something after {counted(before, 'anchor')} that is not an anchor"
    else:
        predicate = "is not an anchor"
    remedy = f"Give whole lines as audit anchor prints them: they begin with {MARK}.{_VERSION}."
    return InputError("anchor.unreadable", f"{origin} {predicate}.", remedy)


def _in_base64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode("ascii").rstrip("=")


def _octets(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
