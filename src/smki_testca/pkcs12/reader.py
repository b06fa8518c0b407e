"""Reads PKCS#12 stores (RFC 7292): every private key and every certificate in them.

``cryptography`` reads one key of a store, and no store that holds a certificate it cannot parse.
This reader returns the octets of each certificate, however defective it is.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization

from smki_testca.der.encode import tlv
from smki_testca.der.read import DerError, Node, read
from smki_testca.errors import InputError
from smki_testca.pkcs12 import oids
from smki_testca.pkcs12.decryption import (
    MAX_DERIVATION_SECONDS,
    integer_of,
    looked_up,
    octets_of,
    salt_of,
    too_much_work,
    unknown_algorithm,
)
from smki_testca.pkcs12.key_derivation import Purpose, derive_key
from smki_testca.workers import WorkerEndedError, WorkerTimeoutError, call_bounded
from smki_testca.x509 import untrusted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.pkcs12.decryption import Decryptor

MAX_BAGS = 10_000
"""The most bags that a SafeContents may hold."""
MAX_NESTING = 4
"""The greatest depth to which SafeContents may nest."""
_MAX_MEMORY = 512 << 20
# A key of three and an initial vector; each block takes all iterations.
_MOST_BLOCKS = 4
_CONSTRUCTED = 0x20
_SEGMENTED = 0x24


@dataclass(frozen=True, slots=True)
class StoreContents:
    """The certificates and keys of a PKCS#12 store.

    Attributes:
        certificates: each certificate, DER, with its friendlyName.
        private_keys: each private key, unencrypted PKCS#8, neither parsed nor checked.
    """

    certificates: tuple[tuple[bytes, str | None], ...]
    private_keys: tuple[bytes, ...]


class StoreReader:
    """Reads one store after another.

    Args:
        decryptor: decrypts the stores, within a limit of work.
    """

    def __init__(self, decryptor: Decryptor) -> None:
        self._decryptor = decryptor

    def read(self, data: bytes, name: str) -> StoreContents:
        """Read the certificates and keys of a PKCS#12 store.

        Args:
            data: the store, DER or BER.
            name: the name of the store, for messages.

        Raises:
            InputError: as ``Decryptor.decrypt`` does, or if the store is broken or too large.
        """
        try:
            root, _ = read(data, noun="PKCS#12 store")
            safe = octets_of(_explicit(root.children[1]))
            self._authenticate(root.children[2:], safe, name)
            return self._contents(safe, data, name)
        except DerError as error:
            raise InputError(
                "import.pkcs12", f"{name} is a PKCS#12 store that cannot be read: {error.message}."
            ) from error
        except (IndexError, ValueError) as error:
            raise InputError("import.pkcs12", f"{name} is a broken PKCS#12 store.") from error

    def _authenticate(self, mac_data: list[Node], safe: bytes, name: str) -> None:
        """Check the passphrase by the store's MAC; some stores have none."""
        if not mac_data:
            return
        digest_info, salt, *count = mac_data[0].children
        algorithm, digest = digest_info.children
        decryptor = self._decryptor
        if algorithm.children[0].encoded == oids.PBMAC1:
            derivation, scheme = algorithm.children[1].children
            digest_name = looked_up(oids.HMACS, scheme.children[0].encoded, name)
            key = decryptor.derive_pkcs5_key(derivation, 0, name)
            macs = [hmac.digest(key, safe, digest_name)]
        else:
            digest_name = looked_up(oids.DIGESTS, algorithm.children[0].encoded, name)
            size = hashlib.new(digest_name).digest_size
            iterations = integer_of(count[0]) if count else 1
            macs = []
            for passphrase in decryptor.pkcs12_passphrases():
                decryptor.spend(iterations, name)
                key = derive_key(
                    digest_name, Purpose.MAC, passphrase, salt_of(salt), iterations, size
                )
                macs.append(hmac.digest(key, safe, digest_name))
        if not any(hmac.compare_digest(mac, octets_of(digest)) for mac in macs):
            raise decryptor.passphrase_error(name)

    def _contents(self, safe: bytes, data: bytes, name: str) -> StoreContents:
        content_infos = read(safe)[0].children
        if any(_scheme(content_info) == oids.RC2_40 for content_info in content_infos):
            return self._by_cryptography(content_infos, data, name)
        bags = [bag for content_info in content_infos for bag in self._bags_of(content_info, name)]
        certificates: list[tuple[bytes, str | None]] = []
        private_keys: list[bytes] = []
        for kind, value, friendly_name in bags:
            if kind == oids.CERT_BAG and value.children[0].encoded == oids.X509_CERTIFICATE:
                certificates.append((octets_of(value.children[1].children[0]), friendly_name))
            elif kind == oids.KEY_BAG:
                private_keys.append(_in_der(value))
            elif kind == oids.SHROUDED_KEY_BAG:
                algorithm, encrypted = value.children
                private_keys.append(self._decryptor.decrypt(algorithm, octets_of(encrypted), name))
        return StoreContents(tuple(certificates), tuple(private_keys))

    def _bags_of(self, content_info: Node, name: str) -> Iterator[tuple[bytes, Node, str | None]]:
        """Yield type, value and friendlyName of each bag of a ContentInfo."""
        content_type = content_info.children[0].encoded
        if content_type == oids.DATA:
            octets = octets_of(_explicit(content_info))
        elif content_type == oids.ENCRYPTED_DATA:
            _, algorithm, encrypted = _explicit(content_info).children[1].children
            octets = self._decryptor.decrypt(algorithm, octets_of(encrypted), name)
        else:
            raise InputError(
                "import.algorithm",
                f"{name} is encrypted to a public key, not under a passphrase.",
                "Convert it with: openssl pkcs12",
            )
        yield from _bags(read(octets)[0], 1)

    def _by_cryptography(self, content_infos: list[Node], data: bytes, name: str) -> StoreContents:
        """Read a store under 40-bit RC2, which this package does not implement.

        It fails for a defective certificate. The MAC was right, so its writer had the passphrase.
        What is encrypted may ask for more work, so it runs in a process that can be ended.
        """
        for content_info in content_infos:
            for algorithm in _visible_algorithms(content_info):
                scheme, parameters = algorithm.children
                if scheme.encoded not in oids.PKCS12_SCHEMES:
                    raise unknown_algorithm(name)
                self._decryptor.spend(integer_of(parameters.children[1]), name, _MOST_BLOCKS)
        passphrase = (self._decryptor.passphrase or "").encode("utf-8")
        try:
            return call_bounded(
                _read_by_cryptography,
                data,
                passphrase,
                seconds=MAX_DERIVATION_SECONDS,
                octets=_MAX_MEMORY,
            )
        except WorkerTimeoutError as error:
            raise too_much_work(name) from error
        except (InputError, WorkerEndedError) as error:
            raise InputError(
                "import.pkcs12",
                f"{name} is a PKCS#12 store under 40-bit RC2 that cannot be read.",
                "Convert it with: openssl pkcs12 -legacy",
            ) from error


def _read_by_cryptography(data: bytes, passphrase: bytes) -> StoreContents:
    """Read a store with ``cryptography``, in a process of its own.

    Raises:
        InputError: if it cannot be read.
    """
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - slow to import
        pkcs12,
    )

    store = untrusted.call(pkcs12.load_pkcs12, data, passphrase)
    certificates = [*([store.cert] if store.cert else []), *store.additional_certs]
    der, pkcs8 = serialization.Encoding.DER, serialization.PrivateFormat.PKCS8
    clear = serialization.NoEncryption()
    return StoreContents(
        tuple(
            (
                entry.certificate.public_bytes(der),
                entry.friendly_name.decode("utf-8", "replace") if entry.friendly_name else None,
            )
            for entry in certificates
        ),
        () if store.key is None else (store.key.private_bytes(der, pkcs8, clear),),
    )


def _bags(safe_contents: Node, depth: int) -> Iterator[tuple[bytes, Node, str | None]]:
    if depth > MAX_NESTING or len(safe_contents.children) > MAX_BAGS:
        raise ValueError("too many bags")
    for bag in safe_contents.children:
        oid, wrapped, *attributes = bag.children
        value = wrapped.children[0]
        if oid.encoded == oids.SAFE_CONTENTS_BAG:
            yield from _bags(value, depth + 1)
        elif oid.encoded in {oids.KEY_BAG, oids.SHROUDED_KEY_BAG, oids.CERT_BAG}:
            yield oid.encoded, value, _friendly_name(attributes)


def _in_der(node: Node) -> bytes:
    """An element with definite lengths, and its OCTET STRINGs in one segment."""
    if not node.constructed or node.tag == _SEGMENTED:
        return tlv(node.tag & ~_CONSTRUCTED, octets_of(node))
    return tlv(node.tag, b"".join(map(_in_der, node.children)))


def _friendly_name(attribute_sets: list[Node]) -> str | None:
    for attribute in (attribute for group in attribute_sets for attribute in group.children):
        oid, values = attribute.children
        if oid.encoded == oids.FRIENDLY_NAME and values.children:
            return values.children[0].content.decode("utf-16-be", "replace") or None
    return None


def _explicit(content_info: Node) -> Node:
    """The element in the ``[0]`` of a ContentInfo."""
    return content_info.children[1].children[0]


def _scheme(content_info: Node) -> bytes | None:
    """The encryption scheme of an EncryptedData, an OBJECT IDENTIFIER; None for other content."""
    if content_info.children[0].encoded != oids.ENCRYPTED_DATA:
        return None
    return _explicit(content_info).children[1].children[1].children[0].encoded


def _visible_algorithms(content_info: Node) -> Iterator[Node]:
    """Yield the AlgorithmIdentifiers that a ContentInfo states unencrypted."""
    if content_info.children[0].encoded == oids.ENCRYPTED_DATA:
        yield _explicit(content_info).children[1].children[1]
        return
    for kind, value, _ in _bags(read(octets_of(_explicit(content_info)))[0], 1):
        if kind == oids.SHROUDED_KEY_BAG:
            yield value.children[0]
