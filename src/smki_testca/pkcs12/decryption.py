"""Opens what a passphrase locks: private keys, and whatever PKCS#12 encrypts.

How much work a passphrase may cost is in the file, so it is read first and bounded.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
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
from smki_testca.pkcs12.derivation import Purpose, derived, written

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

_PKCS8_VERSION = re.compile(rb"\x30(?:[\x00-\x7f]|\x81.|\x82..)\x02\x01[\x00\x01]", re.DOTALL)
_PBES2 = "1.2.840.113549.1.5.13"
_PBKDF2 = "1.2.840.113549.1.5.12"
_SCRYPT = "1.3.6.1.4.1.11591.4.11"

HMACS = {
    encode.oid(oid): name
    for oid, name in (
        ("1.2.840.113549.2.7", "sha1"),
        ("1.2.840.113549.2.8", "sha224"),
        ("1.2.840.113549.2.9", "sha256"),
        ("1.2.840.113549.2.10", "sha384"),
        ("1.2.840.113549.2.11", "sha512"),
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
            data = self.decrypted(algorithm, content_of(locked), what)
        return self.loaded(data, what)

    def decrypted(self, algorithm: Node, locked: bytes, what: str) -> bytes:
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
        raise not_opened(what, given=self.passphrase is not None)

    def _keys(
        self, algorithm: Node, what: str
    ) -> Iterator[tuple[bytes, Callable[[bytes], BlockCipherAlgorithm], bytes]]:
        """The keys that the passphrase may stand for: key, cipher and initial vector of each."""
        scheme, parameters = algorithm.children
        if scheme.encoded == encode.oid(_PBES2):
            derivation, encryption = parameters.children
            oid, vector = encryption.children
            size = 24 if oid.encoded == _TRIPLE_DES else looked_up(_AES, oid.encoded, what)
            cipher = _triple_des() if oid.encoded == _TRIPLE_DES else algorithms.AES
            yield self.derived(derivation, size, what), cipher, content_of(vector)
            return
        size = looked_up(_OWN_SCHEMES, scheme.encoded, what)
        salt, iterations = content_of(parameters.children[0]), integer_of(parameters.children[1])
        is_rc2 = scheme.encoded == _RC2_128
        for passphrase in self.own_passphrases():
            self.spend(3 * iterations, what)
            key = derived("sha1", Purpose.KEY, passphrase, salt, iterations, size)
            initial = derived("sha1", Purpose.VECTOR, passphrase, salt, iterations, 8)
            if is_rc2:
                yield key, _rc2(), initial
            else:
                # Of two keys, the first is also the third.
                yield (key + key[:8])[:24], _triple_des(), initial

    def derived(self, derivation: Node, size: int, what: str) -> bytes:
        """A key by PBKDF2 or scrypt (RFC 8018, RFC 7914); 0 octets for as many as it says."""
        passphrase = (self.passphrase or "").encode("utf-8")
        oid, parameters = derivation.children
        values = parameters.children
        salt = content_of(values[0])
        if oid.encoded == encode.oid(_SCRYPT):
            cost, block, lanes = (integer_of(one) for one in values[1:4])
            if not 0 < 128 * cost * block * lanes <= MAX_SCRYPT_OCTETS:
                raise _too_much_work(what)
            self.spend(cost * block * lanes, what)
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
        iterations = integer_of(values[1])
        self.spend(iterations, what)
        rest = values[2:]
        stated = [integer_of(rest.pop(0))] if rest and rest[0].tag == 0x02 else []
        name = looked_up(HMACS, rest[0].children[0].encoded, what) if rest else "sha1"
        size = size or (stated[0] if stated and 0 < stated[0] <= 128 else 0)
        return hashlib.pbkdf2_hmac(name, passphrase, salt, iterations, size)

    def own_passphrases(self) -> list[bytes]:
        """The passphrase as PKCS#12 hashes it; an empty one is written in either of two ways."""
        if self.passphrase:
            return [written(self.passphrase)]
        return [b"\0\0", b""]

    def spend(self, iterations: int, what: str) -> None:
        """Count work that is about to be done.

        Raises:
            InputError: if it is more than is left.
        """
        if iterations < 1 or iterations > self.iterations_left:
            raise _too_much_work(what)
        self.iterations_left -= iterations

    def loaded(self, der: bytes, what: str) -> PrivateKey | None:
        """A private key in the clear, DER; None where it is broken, or neither EC nor RSA.

        Raises:
            InputError: if it is one RSA key too many.
        """
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
            raise not_opened(what, given=False)
        try:
            key = serialization.load_pem_private_key(data, self.passphrase.encode("utf-8"))
        except Exception as error:  # the parser raises several kinds for a wrong passphrase
            raise not_opened(what, given=True) from error
        return key if isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) else None


def content_of(node: Node) -> bytes:
    """The octets of an OCTET STRING, in pieces or not."""
    if node.constructed:
        return b"".join(one.content for one in node.children)
    return node.content


def integer_of(node: Node) -> int:
    """An INTEGER of up to 8 octets.

    Raises:
        ValueError: for any other element.
    """
    if node.tag != 0x02 or not 0 < len(node.content) <= 8:
        raise ValueError("no such INTEGER")
    return int.from_bytes(node.content, signed=True)


def looked_up(table: dict[bytes, _T], oid: bytes, what: str) -> _T:
    """What a table says of an algorithm.

    Raises:
        InputError: if it is not in there.
    """
    if oid not in table:
        raise _unknown(what)
    return table[oid]


def _unknown(what: str) -> InputError:
    return InputError(
        "import.algorithm",
        f"{what} is encrypted in a way that is not known here.",
        "Convert it with openssl pkcs8 or openssl pkcs12.",
    )


def not_opened(what: str, *, given: bool) -> InputError:
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


def _pem_content(block: bytes) -> bytes | None:
    """The DER in a PEM block without headers; None where there is none."""
    lines = block.strip().splitlines()
    try:
        return base64.b64decode(b"".join(b"".join(lines[1:-1]).split()), validate=True) or None
    except binascii.Error:
        return None
