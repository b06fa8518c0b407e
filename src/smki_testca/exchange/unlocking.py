"""Opens what a passphrase locks: encrypted private keys, and the stores of PKCS#12 (RFC 7292).

``cryptography`` opens one key of a store, and no store at all that holds a certificate it cannot
read. Here every key comes out, and the certificates octet for octet, however defective they are.
How much work a passphrase may cost is in the file, so it is read first and bounded.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import padding, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from smki_testca.der import encode
from smki_testca.der.read import DerError, Node, read
from smki_testca.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm

    from smki_testca.x509.keys import PrivateKey

_T = TypeVar("_T")

MAX_KEY_OCTETS = 4 << 10
"""The longest private key read, in octets as it lies in its file."""
MAX_PLAIN_KEY_OCTETS = 2_600
"""The longest private key read, in octets of its DER: RSA of 4096 bits."""
MAX_LARGE_KEYS = 1_000
"""How many RSA keys one import reads: each takes some hundredths of a second to check."""
MAX_ITERATIONS = 20_000_000
"""How often one import hashes to turn its passphrase into keys: some ten seconds of work."""
MAX_SCRYPT_OCTETS = 64 << 20
"""The most memory that scrypt is given, in octets."""
MAX_BAGS = 10_000
"""How many bags a PKCS#12 store may hold."""
MAX_NESTING = 4
"""How deep the bags of a PKCS#12 store may nest."""

_PKCS8_VERSION = re.compile(rb"\x30(?:[\x00-\x7f]|\x81.|\x82..)\x02\x01[\x00\x01]", re.DOTALL)
_PBES2 = "1.2.840.113549.1.5.13"
_PBKDF2 = "1.2.840.113549.1.5.12"
_PBMAC1 = "1.2.840.113549.1.5.14"
_SCRYPT = "1.3.6.1.4.1.11591.4.11"
_DATA, _ENCRYPTED_DATA = "1.2.840.113549.1.7.1", "1.2.840.113549.1.7.6"
_BAG = "1.2.840.113549.1.12.10.1."
_KEY_BAG, _SHROUDED_KEY_BAG, _CERT_BAG, _NESTED_BAG = (f"{_BAG}{n}" for n in (1, 2, 3, 6))
_X509_CERTIFICATE = "1.2.840.113549.1.9.22.1"
_FRIENDLY_NAME = encode.oid("1.2.840.113549.1.9.20")

_HMACS = {
    encode.oid(oid): name
    for oid, name in (
        ("1.2.840.113549.2.7", "sha1"),
        ("1.2.840.113549.2.8", "sha224"),
        ("1.2.840.113549.2.9", "sha256"),
        ("1.2.840.113549.2.10", "sha384"),
        ("1.2.840.113549.2.11", "sha512"),
    )
}
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
_AES = {
    encode.oid(oid): octets
    for oid, octets in (
        ("2.16.840.1.101.3.4.1.2", 16),
        ("2.16.840.1.101.3.4.1.22", 24),
        ("2.16.840.1.101.3.4.1.42", 32),
    )
}
_TRIPLE_DES = encode.oid("1.2.840.113549.3.7")
# PKCS#12's own schemes: the octets of their keys.
_OWN_SCHEMES = {
    encode.oid(f"1.2.840.113549.1.12.1.{number}"): octets
    for number, octets in ((3, 24), (4, 16), (5, 16))
}
_RC2_128 = encode.oid("1.2.840.113549.1.12.1.5")
_RC2_40 = encode.oid("1.2.840.113549.1.12.1.6")
_OWN_KEY, _OWN_IV, _OWN_MAC = 1, 2, 3
_BLOCK_OCTETS = {"sha1": 64, "sha224": 64, "sha256": 64, "sha384": 128, "sha512": 128}


@dataclass(frozen=True, slots=True)
class Opened:
    """What a PKCS#12 store holds.

    Attributes:
        certificates: the DER of each, and its friendlyName.
        keys: the private keys; None for one that is neither EC nor RSA, or broken.
    """

    certificates: tuple[tuple[bytes, str | None], ...]
    keys: tuple[PrivateKey | None, ...]


@dataclass(slots=True)
class Unlocker:
    """Opens one locked thing after another with the same passphrase.

    Attributes:
        passphrase: None where none was given.
        iterations_left: how often it may still hash.
        large_keys_left: how many RSA keys it may still read.
    """

    passphrase: str | None = None
    iterations_left: int = field(default=MAX_ITERATIONS)
    large_keys_left: int = field(default=MAX_LARGE_KEYS)

    def private_key(self, data: bytes, what: str) -> PrivateKey | None:
        """A private key from PEM or DER: PKCS#8, PKCS#1 or SEC 1, encrypted or not.

        Args:
            data: its octets.
            what: the key's name in messages.

        Returns:
            The key; None where it is broken, or neither EC nor RSA.

        Raises:
            InputError: if a passphrase is needed, missing or wrong, the encryption is unknown,
                or it asks for too much work.
        """
        if len(data) > MAX_KEY_OCTETS:
            return None
        if data.lstrip().startswith(b"-----"):
            block = _pem_content(data)
            if block is None:
                return self._traditional(data, what) if b"DEK-Info" in data else None
            data = block
        if _PKCS8_VERSION.match(data) is None:
            try:
                root, _ = read(data, what="private key")
                algorithm, locked = root.children
            except (DerError, ValueError):
                return None
            data = self._decrypted(algorithm, _octets(locked), what)
        return self._loaded(data, what)

    def store(self, data: bytes, what: str) -> Opened:
        """The certificates and keys of a PKCS#12 store.

        Args:
            data: its octets, DER or BER.
            what: the store's name in messages.

        Raises:
            InputError: as ``private_key`` does, or if the store is broken or too large.
        """
        try:
            root, _ = read(data, what="PKCS#12 store")
            safe = _octets(_explicit(root.children[1]))
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
                certificates.append((_octets(value.children[1].children[0]), name))
            elif kind == _KEY_BAG:
                private.append(self._loaded(value.encoded, what))
            elif kind == _SHROUDED_KEY_BAG:
                algorithm, locked = value.children
                plain = self._decrypted(algorithm, _octets(locked), what)
                private.append(self._loaded(plain, what))
        return Opened(tuple(certificates), tuple(private))

    def _safe_contents(
        self, content_info: Node, what: str
    ) -> Iterator[tuple[str, Node, str | None]]:
        """The bags of a ContentInfo: kind, value, friendlyName."""
        kind = content_info.children[0].encoded
        if kind == encode.oid(_DATA):
            octets = _octets(_explicit(content_info))
        elif kind == encode.oid(_ENCRYPTED_DATA):
            _, algorithm, locked = _explicit(content_info).children[1].children
            octets = self._decrypted(algorithm, _octets(locked), what)
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
            name = _known(_HMACS, scheme.children[0].encoded, what)
            key = self._derived(derivation, 0, what)
            found = [hmac.digest(key, safe, name)]
        else:
            name = _known(_DIGESTS, algorithm.children[0].encoded, what)
            size = hashlib.new(name).digest_size
            iterations = _number(count[0]) if count else 1
            found = []
            for passphrase in self._own_passphrases():
                self._spend(iterations, what)
                key = _own_derived(name, _OWN_MAC, passphrase, _octets(salt), iterations, size)
                found.append(hmac.digest(key, safe, name))
        if not any(hmac.compare_digest(one, _octets(wanted)) for one in found):
            raise _not_opened(what, given=self.passphrase is not None)

    def _decrypted(self, algorithm: Node, locked: bytes, what: str) -> bytes:
        """The octets that a scheme of PKCS#5 or PKCS#12 encrypted.

        They are the content of one DER element at least; what is none was not opened.
        """
        try:
            for key, cipher, vector in self._keys(algorithm, what):
                opened = _unpadded(cipher, key, vector, locked)
                if opened is not None:
                    return opened
        except (IndexError, ValueError, UnsupportedAlgorithm) as error:
            raise _unknown(what) from error
        raise _not_opened(what, given=self.passphrase is not None)

    def _keys(
        self, algorithm: Node, what: str
    ) -> Iterator[tuple[bytes, Callable[[bytes], BlockCipherAlgorithm], bytes]]:
        """The keys that the passphrase may stand for: key, cipher and initial vector of each."""
        scheme, parameters = algorithm.children
        if scheme.encoded == encode.oid(_PBES2):
            derivation, encryption = parameters.children
            oid, vector = encryption.children
            size = 24 if oid.encoded == _TRIPLE_DES else _known(_AES, oid.encoded, what)
            cipher = _triple_des() if oid.encoded == _TRIPLE_DES else algorithms.AES
            yield self._derived(derivation, size, what), cipher, _octets(vector)
            return
        size = _known(_OWN_SCHEMES, scheme.encoded, what)
        salt, iterations = _octets(parameters.children[0]), _number(parameters.children[1])
        is_rc2 = scheme.encoded == _RC2_128
        for passphrase in self._own_passphrases():
            self._spend(3 * iterations, what)
            key = _own_derived("sha1", _OWN_KEY, passphrase, salt, iterations, size)
            initial = _own_derived("sha1", _OWN_IV, passphrase, salt, iterations, 8)
            if is_rc2:
                yield key, _rc2(), initial
            else:
                # Of two keys, the first is also the third.
                yield (key + key[:8])[:24], _triple_des(), initial

    def _derived(self, derivation: Node, size: int, what: str) -> bytes:
        """A key by PBKDF2 or scrypt (RFC 8018, RFC 7914); 0 octets for as many as it says."""
        passphrase = (self.passphrase or "").encode("utf-8")
        oid, parameters = derivation.children
        values = parameters.children
        salt = _octets(values[0])
        if oid.encoded == encode.oid(_SCRYPT):
            cost, block, lanes = (_number(one) for one in values[1:4])
            if not 0 < 128 * cost * block * lanes <= MAX_SCRYPT_OCTETS:
                raise _too_much_work(what)
            self._spend(cost * block * lanes, what)
            return hashlib.scrypt(
                passphrase,
                salt=salt,
                n=cost,
                r=block,
                p=lanes,
                maxmem=2 * MAX_SCRYPT_OCTETS,
                dklen=size,
            )
        if oid.encoded != encode.oid(_PBKDF2):
            raise _unknown(what)
        iterations = _number(values[1])
        self._spend(iterations, what)
        rest = values[2:]
        stated = [_number(rest.pop(0))] if rest and rest[0].tag == 0x02 else []
        name = _known(_HMACS, rest[0].children[0].encoded, what) if rest else "sha1"
        size = size or (stated[0] if stated and 0 < stated[0] <= 128 else 0)
        return hashlib.pbkdf2_hmac(name, passphrase, salt, iterations, size)

    def _own_passphrases(self) -> list[bytes]:
        """The passphrase as PKCS#12 hashes it; an empty one is written in either of two ways."""
        if self.passphrase:
            return [self.passphrase.encode("utf-16-be") + b"\0\0"]
        return [b"\0\0", b""]

    def _spend(self, iterations: int, what: str) -> None:
        if iterations < 1 or iterations > self.iterations_left:
            raise _too_much_work(what)
        self.iterations_left -= iterations

    def _loaded(self, der: bytes, what: str) -> PrivateKey | None:
        if len(der) > MAX_PLAIN_KEY_OCTETS:
            return None
        # No EC key is longer.
        if len(der) > 300:
            self.large_keys_left -= 1
        if self.large_keys_left < 0:
            raise _too_much_work(what)
        try:
            key = serialization.load_der_private_key(der, None)
        except Exception:  # noqa: BLE001 - the parser raises several kinds for hostile octets
            return None
        return key if isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) else None

    def _traditional(self, data: bytes, what: str) -> PrivateKey | None:
        """A PEM key locked the old way, whose passphrase is hashed but once."""
        if not self.passphrase:
            raise _not_opened(what, given=False)
        try:
            key = serialization.load_pem_private_key(data, self.passphrase.encode("utf-8"))
        except Exception as error:  # the parser raises several kinds for a wrong passphrase
            raise _not_opened(what, given=True) from error
        return key if isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) else None

    def _by_cryptography(self, contents: list[Node], data: bytes, what: str) -> Opened:
        """A store under 40-bit RC2, for which there is no other reader here.

        Defective certificates make it fail. The MAC was right, so the rest is by its owner.
        """
        # It takes a while to import, and only the oldest stores have need of it.
        from cryptography.hazmat.primitives.serialization import pkcs12  # noqa: PLC0415

        for content_info in contents:
            for number in _visible_iterations(content_info):
                self._spend(2 * number, what)
        try:
            opened = pkcs12.load_pkcs12(data, (self.passphrase or "").encode("utf-8"))
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


def _octets(node: Node) -> bytes:
    """The octets of an OCTET STRING, in pieces or not."""
    if node.constructed:
        return b"".join(one.content for one in node.children)
    return node.content


def _number(node: Node) -> int:
    if node.tag != 0x02 or not 0 < len(node.content) <= 8:
        raise ValueError("no such INTEGER")
    return int.from_bytes(node.content, signed=True)


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
            yield max(_number(node.children[1]), 1)


def _known(table: dict[bytes, _T], oid: bytes, what: str) -> _T:
    if oid not in table:
        raise _unknown(what)
    return table[oid]


def _unknown(what: str) -> InputError:
    return InputError(
        "import.algorithm",
        f"{what} is encrypted in a way that is not known here.",
        "Convert it with openssl pkcs8 or openssl pkcs12.",
    )


def _not_opened(what: str, *, given: bool) -> InputError:
    """A passphrase is missing or wrong."""
    return InputError(
        "import.passphrase",
        f"The passphrase does not open {what}." if given else f"{what} needs its passphrase.",
        f"Give {'the right one' if given else 'it'} with --import-passphrase-file FILE.",
    )


def _too_much_work(what: str) -> InputError:
    return InputError(
        "import.work",
        f"{what} asks for more work than one import does: {MAX_ITERATIONS:,} iterations and"
        f" {MAX_LARGE_KEYS:,} RSA keys in all, {MAX_SCRYPT_OCTETS >> 20} MiB for scrypt.",
        "Import fewer files at a time, or encrypt it again with openssl pkcs8.",
    )


def _triple_des() -> Callable[[bytes], BlockCipherAlgorithm]:
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES  # noqa: PLC0415

    return TripleDES


def _rc2() -> Callable[[bytes], BlockCipherAlgorithm]:
    from cryptography.hazmat.decrepit.ciphers.algorithms import RC2  # noqa: PLC0415

    return RC2


def _unpadded(
    cipher: Callable[[bytes], BlockCipherAlgorithm], key: bytes, vector: bytes, locked: bytes
) -> bytes | None:
    """The plain octets, one DER element; None where the key is not the right one."""
    algorithm = cipher(key)
    decryptor = Cipher(algorithm, modes.CBC(vector)).decryptor()
    unpadder = padding.PKCS7(algorithm.block_size).unpadder()
    try:
        padded = decryptor.update(locked) + decryptor.finalize()
        plain = unpadder.update(padded) + unpadder.finalize()
        root, anomalies = read(plain)
    except (DerError, ValueError):
        return None
    trailing = any(one.code == "der.trailing_octets" for one in anomalies)
    return plain if root.tag == 0x30 and not trailing else None


def _own_derived(
    name: str, purpose: int, passphrase: bytes, salt: bytes, iterations: int, size: int
) -> bytes:
    """A key by PKCS#12's own derivation (RFC 7292 B.2)."""
    block = _BLOCK_OCTETS[name]
    diversifier = bytes([purpose]) * block
    state = _filled(salt, block) + _filled(passphrase, block)
    found = b""
    while len(found) < size:
        digest = hashlib.new(name, diversifier + state).digest()
        for _ in range(iterations - 1):
            digest = hashlib.new(name, digest).digest()
        found += digest
        addend = int.from_bytes(_filled(digest, block)[:block]) + 1
        state = b"".join(
            ((int.from_bytes(state[at : at + block]) + addend) % (1 << 8 * block)).to_bytes(block)
            for at in range(0, len(state), block)
        )
    return found[:size]


def _filled(octets: bytes, block: int) -> bytes:
    """The octets repeated to a multiple of the block; none stay none."""
    length = -(-len(octets) // block) * block
    return (octets * (length // len(octets) + 1))[:length] if octets else b""


def _pem_content(block: bytes) -> bytes | None:
    """The DER in a PEM block without headers; None where there is none."""
    lines = block.strip().splitlines()
    try:
        return base64.b64decode(b"".join(b"".join(lines[1:-1]).split()), validate=True) or None
    except binascii.Error:
        return None
