"""Exports a folder for OpenSSL's ``-CApath``: CAs and CRLs, named by the hash of the CA's name."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from smki_testca.der import encode
from smki_testca.der.read import Node, read
from smki_testca.exporters.format import Format, FormatNeed, Traits
from smki_testca.exporters.item import authorities
from smki_testca.folders import OutputFile
from smki_testca.x509.pem import to_pem
from smki_testca.x509.view import view_certificate, view_revocation_list

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from smki_testca.exporters.format import FormerFile
    from smki_testca.exporters.item import Item

_RENEWALS = 16
"""Of so many renewals of a CA, earlier exports are searched for the certificates."""
_SPACES = b" \t\n\v\f\r"
_ONLY_SPACES = bytes.maketrans(_SPACES, b" " * len(_SPACES))
_CODECS = {
    encode.UTF8_STRING: "utf-8",
    encode.PRINTABLE_STRING: "latin-1",
    0x14: "latin-1",
    encode.IA5_STRING: "latin-1",
    0x1A: "latin-1",
    0x1C: "utf-32-be",
    0x1E: "utf-16-be",
}
"""The codecs for the types of text that OpenSSL brings into canonical form."""


class CaPath(Format):
    """``hash.0`` for each CA, ``hash.r0`` for each CRL, PEM; ``.1`` and so on for equal hashes."""

    traits = Traits(
        name="capath",
        summary="CAs and CRLs by hashed name: openssl verify -CApath",
        keys=FormatNeed.NEVER,
        passphrase=FormatNeed.NEVER,
    )

    def files(self, items: Sequence[Item], passphrase: str | None) -> Iterator[OutputFile]:
        """Yield the CAs among the items and above them, and their CRLs."""
        del passphrase
        yield from _numbered(
            (
                (record.der, view_certificate(record.der).fields["subject"].node.encoded)
                for _, record in authorities(items)
            ),
            "CERTIFICATE",
            "",
        )
        lists = dict.fromkeys(der for item in items for der in item.revocation_lists)
        yield from _numbered(
            ((der, view_revocation_list(der).fields["issuer"].node.encoded) for der in lists),
            "X509 CRL",
            "r",
        )

    def former_files(self, items: Sequence[Item]) -> Iterator[FormerFile]:
        """The files of further CA certificates of the same names in earlier exports."""
        hashes = [
            name_hash(view_certificate(record.der).fields["subject"].node.encoded)
            for _, record in authorities(items)
        ]
        for digest, count in Counter(hashes).items():
            for number in range(count + _RENEWALS):
                yield PurePosixPath(), f"{digest}.{number}"


def _numbered(
    documents: Iterable[tuple[bytes, bytes]], label: str, letter: str
) -> Iterator[OutputFile]:
    count: dict[str, int] = {}
    for der, name in documents:
        digest = name_hash(name)
        number = count.get(digest, 0)
        count[digest] = number + 1
        yield OutputFile(PurePosixPath(f"{digest}.{letter}{number}"), to_pem(der, label))


def name_hash(name: bytes) -> str:
    """The hash that ``openssl x509 -subject_hash`` prints: 8 lower-case hexadecimal digits.

    The first four octets, the last of them first, of the SHA-1 of the name's canonical form.

    Args:
        name: a Name, DER.
    """
    digest = hashlib.sha1(canonical(name), usedforsecurity=False).digest()
    return digest[3::-1].hex()


def canonical(name: bytes) -> bytes:
    """A Name as OpenSSL compares names: its RDNs without the outer header.

    Text is UTF8String, ASCII letters are in lower case, and spaces are dropped at both ends and
    joined within; other values stay as they are.

    Raises:
        DerError: if the octets are no ASN.1.
    """
    root, _ = read(name, noun="name")
    return b"".join(
        encode.set_of(_canonical_attribute(attribute) for attribute in rdn.children)
        for rdn in root.children
    )


def _canonical_attribute(attribute: Node) -> bytes:
    kind, value = attribute.children
    return encode.sequence(kind.encoded, _canonical_value(value))


def _canonical_value(value: Node) -> bytes:
    codec = _CODECS.get(value.tag)
    if codec is None:
        return value.encoded
    octets = value.content.decode(codec).encode("utf-8")
    words = octets.translate(_ONLY_SPACES).split(b" ")
    # bytes.lower knows ASCII letters only, as OpenSSL does here.
    return encode.tlv(encode.UTF8_STRING, b" ".join(word for word in words if word).lower())
