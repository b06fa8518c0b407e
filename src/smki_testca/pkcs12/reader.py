"""Reads the stores of PKCS#12 (RFC 7292): every key and every certificate in them.

``cryptography`` opens one key of a store, and no store at all that holds a certificate it cannot
read. Here the certificates come out octet for octet, however defective they are.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from smki_testca.der import encode
from smki_testca.der.read import DerError, Node, read
from smki_testca.errors import InputError
from smki_testca.pkcs12.decryption import HMACS, content_of, integer_of, looked_up, not_opened
from smki_testca.pkcs12.derivation import Purpose, derived

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.pkcs12.decryption import Unlocker
    from smki_testca.x509.keys import PrivateKey

MAX_BAGS = 10_000
"""How many bags a PKCS#12 store may hold."""
MAX_NESTING = 4
"""How deep the bags of a PKCS#12 store may nest."""

_PBMAC1 = "1.2.840.113549.1.5.14"
_DATA, _ENCRYPTED_DATA = "1.2.840.113549.1.7.1", "1.2.840.113549.1.7.6"
_BAG = "1.2.840.113549.1.12.10.1."
_KEY_BAG, _SHROUDED_KEY_BAG, _CERT_BAG, _NESTED_BAG = (f"{_BAG}{n}" for n in (1, 2, 3, 6))
_X509_CERTIFICATE = "1.2.840.113549.1.9.22.1"
_FRIENDLY_NAME = encode.oid("1.2.840.113549.1.9.20")
_RC2_40 = encode.oid("1.2.840.113549.1.12.1.6")

_DIGESTS = {
    encode.oid(oid): name
    for oid, name in (
        ("1.3.14.3.2.26", "sha1"),
        ("2.16.840.1.101.3.4.2.4", "sha224"),
        ("2.16.840.1.101.3.4.2.1", "sha256"),
        ("2.16.840.1.101.3.4.2.2", "sha384"),
        ("2.16.840.1.101.3.4.2.3", "sha512"),
    )
}


@dataclass(frozen=True, slots=True)
class Opened:
    """What a PKCS#12 store holds.

    Attributes:
        certificates: the DER of each, and its friendlyName.
        keys: the private keys; None for one that is neither EC nor RSA, or broken.
    """

    certificates: tuple[tuple[bytes, str | None], ...]
    keys: tuple[PrivateKey | None, ...]


class StoreReader:
    """Reads one store after another.

    Args:
        unlocker: opens what is locked in them, and bounds what that costs.
    """

    def __init__(self, unlocker: Unlocker) -> None:
        self._unlocker = unlocker

    def read(self, data: bytes, what: str) -> Opened:
        """The certificates and keys of a PKCS#12 store.

        Args:
            data: its octets, DER or BER.
            what: the store's name in messages.

        Raises:
            InputError: as ``private_key`` does, or if the store is broken or too large.
        """
        try:
            root, _ = read(data, what="PKCS#12 store")
            safe = content_of(_explicit(root.children[1]))
            self._authenticate(root.children[2:], safe, what)
            return self._opened(safe, data, what)
        except DerError as error:
            raise InputError(
                "import.pkcs12", f"{what} is a PKCS#12 store that cannot be read: {error.message}."
            ) from error
        except (IndexError, ValueError) as error:
            raise InputError("import.pkcs12", f"{what} is a broken PKCS#12 store.") from error

    def _opened(self, safe: bytes, data: bytes, what: str) -> Opened:
        certificates: list[tuple[bytes, str | None]] = []
        private: list[PrivateKey | None] = []
        contents = read(safe)[0].children
        if any(_RC2_40 in one.encoded[:128] for one in contents):
            return self._by_cryptography(contents, data, what)
        bags = [bag for one in contents for bag in self._safe_contents(one, what)]
        for kind, value, name in bags:
            if kind == _CERT_BAG and value.children[0].encoded == encode.oid(_X509_CERTIFICATE):
                certificates.append((content_of(value.children[1].children[0]), name))
            elif kind == _KEY_BAG:
                private.append(self._unlocker.loaded(value.encoded, what))
            elif kind == _SHROUDED_KEY_BAG:
                algorithm, locked = value.children
                plain = self._unlocker.decrypted(algorithm, content_of(locked), what)
                private.append(self._unlocker.loaded(plain, what))
        return Opened(tuple(certificates), tuple(private))

    def _safe_contents(
        self, content_info: Node, what: str
    ) -> Iterator[tuple[str, Node, str | None]]:
        """The bags of a ContentInfo: kind, value, friendlyName."""
        kind = content_info.children[0].encoded
        if kind == encode.oid(_DATA):
            octets = content_of(_explicit(content_info))
        elif kind == encode.oid(_ENCRYPTED_DATA):
            _, algorithm, locked = _explicit(content_info).children[1].children
            octets = self._unlocker.decrypted(algorithm, content_of(locked), what)
        else:
            raise InputError(
                "import.algorithm",
                f"{what} is locked with a public key, not with a passphrase.",
                "Convert it with: openssl pkcs12",
            )
        yield from _bags(read(octets)[0], 1)

    def _authenticate(self, mac_data: list[Node], safe: bytes, what: str) -> None:
        """See by the store's MAC whether the passphrase is right; some stores have none."""
        if not mac_data:
            return
        digest_info, salt, *count = mac_data[0].children
        algorithm, wanted = digest_info.children
        if algorithm.children[0].encoded == encode.oid(_PBMAC1):
            derivation, scheme = algorithm.children[1].children
            name = looked_up(HMACS, scheme.children[0].encoded, what)
            key = self._unlocker.derived(derivation, 0, what)
            found = [hmac.digest(key, safe, name)]
        else:
            name = looked_up(_DIGESTS, algorithm.children[0].encoded, what)
            size = hashlib.new(name).digest_size
            iterations = integer_of(count[0]) if count else 1
            found = []
            for passphrase in self._unlocker.own_passphrases():
                self._unlocker.spend(iterations, what)
                key = derived(name, Purpose.MAC, passphrase, content_of(salt), iterations, size)
                found.append(hmac.digest(key, safe, name))
        if not any(hmac.compare_digest(one, content_of(wanted)) for one in found):
            raise not_opened(what, given=self._unlocker.passphrase is not None)

    def _by_cryptography(self, contents: list[Node], data: bytes, what: str) -> Opened:
        """A store under 40-bit RC2, for which there is no other reader here.

        Defective certificates make it fail. The MAC was right, so the rest is by its owner.
        """
        # It takes a while to import, and only the oldest stores have need of it.
        from cryptography.hazmat.primitives.serialization import pkcs12  # noqa: PLC0415

        for content_info in contents:
            for number in _visible_iterations(content_info):
                self._unlocker.spend(2 * number, what)
        try:
            opened = pkcs12.load_pkcs12(data, (self._unlocker.passphrase or "").encode("utf-8"))
        except Exception as error:
            raise InputError(
                "import.pkcs12",
                f"{what} is a PKCS#12 store under 40-bit RC2 that cannot be read.",
                "Convert it with: openssl pkcs12 -legacy",
            ) from error
        held = [*([opened.cert] if opened.cert else []), *opened.additional_certs]
        der = serialization.Encoding.DER
        key = opened.key
        is_known = isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
        return Opened(
            tuple(
                (
                    one.certificate.public_bytes(der),
                    one.friendly_name.decode("utf-8", "replace") if one.friendly_name else None,
                )
                for one in held
            ),
            () if key is None else (key if is_known else None,),  # type: ignore[arg-type]
        )


def _bags(contents: Node, depth: int) -> Iterator[tuple[str, Node, str | None]]:
    if depth > MAX_NESTING or len(contents.children) > MAX_BAGS:
        raise ValueError("too many bags")
    for bag in contents.children:
        oid, wrapped, *attributes = bag.children
        value = wrapped.children[0]
        for kind in (_KEY_BAG, _SHROUDED_KEY_BAG, _CERT_BAG):
            if oid.encoded == encode.oid(kind):
                yield kind, value, _friendly_name(attributes)
        if oid.encoded == encode.oid(_NESTED_BAG):
            yield from _bags(value, depth + 1)


def _friendly_name(attributes: list[Node]) -> str | None:
    for attribute in (one for group in attributes for one in group.children):
        oid, values = attribute.children
        if oid.encoded == _FRIENDLY_NAME and values.children:
            return values.children[0].content.decode("utf-16-be", "replace") or None
    return None


def _explicit(content_info: Node) -> Node:
    """What a ContentInfo's ``[0]`` holds."""
    return content_info.children[1].children[0]


def _visible_iterations(content_info: Node) -> Iterator[int]:
    """The iterations of the schemes that a store names in clear."""
    pending = [content_info]
    while pending:
        node = pending.pop()
        pending += node.children
        if node.tag == 0x04 and node.content[:1] == b"\x30":
            try:
                pending.append(read(node.content)[0])
            except DerError:
                continue
        tags = [one.tag for one in node.children]
        if tags[:2] == [0x04, 0x02]:
            yield max(integer_of(node.children[1]), 1)
