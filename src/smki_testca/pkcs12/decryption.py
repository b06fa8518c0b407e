"""Decrypts PKCS#8 private keys and the bags of PKCS#12 stores with a passphrase.

Supports PBES2 with PBKDF2 or scrypt (RFC 8018, RFC 7914), the schemes of PKCS#12 (RFC 7292 C), and
OpenSSL's own encryption in PEM. The file itself states how much work the key derivation takes, so
that is read first and limited. Derivations that may last run in a process that can be ended.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.decrepit.ciphers.algorithms import RC2, TripleDES
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from smki_testca.der.read import DerError, Node, read
from smki_testca.errors import InputError
from smki_testca.pkcs12 import oids
from smki_testca.pkcs12.key_derivation import Purpose, derive_key, passphrase_octets
from smki_testca.workers import WorkerEndedError, WorkerTimeoutError, call_bounded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm

_T = TypeVar("_T")

MAX_ITERATIONS = 20_000_000
"""The most iterations of key derivation in one import: some ten seconds of work."""
MAX_SCRYPT_OCTETS = 64 << 20
"""The most memory that scrypt is given, in octets."""
MAX_SALT_OCTETS = 1 << 10
"""The longest salt of a key derivation."""
MAX_DERIVATION_SECONDS = 120
"""The longest time that one key derivation may take, however slow the machine."""

# Fewer take less than half a second, so Ctrl-C need not interrupt them.
_SHORT_ITERATIONS = 500_000

_AES_KEY_OCTETS = {oids.AES128_CBC: 16, oids.AES192_CBC: 24, oids.AES256_CBC: 32}
_MAX_KEY_OCTETS = 128
_SHA1_OCTETS = 20
_TRADITIONAL = {
    "AES-128-CBC": (algorithms.AES, 16),
    "AES-192-CBC": (algorithms.AES, 24),
    "AES-256-CBC": (algorithms.AES, 32),
    "DES-EDE3-CBC": (TripleDES, 24),
}
_PKCS12_KEY_OCTETS = {oids.TRIPLE_DES_3_KEYS: 24, oids.TRIPLE_DES_2_KEYS: 16, oids.RC2_128: 16}


@dataclass(slots=True)
class Decryptor:
    """Decrypts one element after another with the same passphrase, within one limit of work.

    Attributes:
        passphrase: None where none was given.
        iterations_left: how many iterations it may still use.
    """

    passphrase: str | None = None
    iterations_left: int = MAX_ITERATIONS

    def decrypt(self, algorithm: Node, encrypted: bytes, name: str) -> bytes:
        """Decrypt one SEQUENCE; any other result means a wrong passphrase.

        Args:
            algorithm: the AlgorithmIdentifier of a scheme of PKCS#5 or PKCS#12.
            encrypted: the octets to decrypt.
            name: the name of the key or store, for messages.

        Raises:
            InputError: if the passphrase is missing or wrong, the algorithm is unknown, or it
                asks for too much work.
        """
        try:
            for key, cipher, vector in self._possible_keys(algorithm, name):
                plain = _decrypted(cipher, key, vector, encrypted)
                if plain is not None:
                    return plain
        except (IndexError, ValueError, UnsupportedAlgorithm) as error:
            raise unknown_algorithm(name) from error
        raise self.passphrase_error(name)

    def decrypt_traditional(
        self, cipher_name: str, vector: bytes, encrypted: bytes, name: str
    ) -> bytes:
        """Decrypt one SEQUENCE under OpenSSL's own encryption in PEM.

        The passphrase is hashed with MD5 a fixed number of times.

        Args:
            cipher_name: as ``DEK-Info`` states it, such as ``AES-256-CBC``.
            vector: the initial vector.
            encrypted: the octets to decrypt.
            name: the name of the key, for messages.

        Raises:
            InputError: if the passphrase is missing or wrong, or the cipher is unknown.
        """
        if not self.passphrase:
            raise self.passphrase_error(name)
        if cipher_name not in _TRADITIONAL:
            raise unknown_algorithm(name)
        cipher, size = _TRADITIONAL[cipher_name]
        key = digest = b""
        while len(key) < size:
            hashed = digest + self.passphrase.encode("utf-8") + vector[:8]
            digest = hashlib.md5(hashed, usedforsecurity=False).digest()
            key += digest
        try:
            plain = _decrypted(cipher, key[:size], vector, encrypted)
        except ValueError as error:
            # The vector has another length than the cipher's block.
            raise unknown_algorithm(name) from error
        if plain is None:
            raise self.passphrase_error(name)
        return plain

    def _possible_keys(
        self, algorithm: Node, name: str
    ) -> Iterator[tuple[bytes, Callable[[bytes], BlockCipherAlgorithm], bytes]]:
        """Yield key, cipher and initial vector for each encoding of the passphrase."""
        scheme, parameters = algorithm.children
        if scheme.encoded == oids.PBES2:
            derivation, encryption = parameters.children
            oid, vector = encryption.children
            is_triple_des = oid.encoded == oids.TRIPLE_DES_CBC
            size = 24 if is_triple_des else looked_up(_AES_KEY_OCTETS, oid.encoded, name)
            cipher = TripleDES if is_triple_des else algorithms.AES
            yield self.derive_pkcs5_key(derivation, size, name), cipher, octets_of(vector)
            return
        size = looked_up(_PKCS12_KEY_OCTETS, scheme.encoded, name)
        salt, iterations = salt_of(parameters.children[0]), integer_of(parameters.children[1])
        is_rc2 = scheme.encoded == oids.RC2_128
        for passphrase in self.pkcs12_passphrases():
            blocks = -(-size // _SHA1_OCTETS) + 1
            self.spend(iterations, name, blocks)
            key = derive_key("sha1", Purpose.KEY, passphrase, salt, iterations, size)
            initial = derive_key("sha1", Purpose.INITIAL_VECTOR, passphrase, salt, iterations, 8)
            if is_rc2:
                yield key, RC2, initial
            else:
                # Of two keys, the first is also the third.
                yield (key + key[:8])[:24], TripleDES, initial

    def derive_pkcs5_key(self, derivation: Node, size: int, name: str) -> bytes:
        """Derive a key by PBKDF2 or scrypt.

        Args:
            derivation: the AlgorithmIdentifier of the key derivation function.
            size: octets of the key; 0 for as many as its parameters state.
            name: the name of the key or store, for messages.

        Raises:
            InputError: if the function is unknown, or asks for too much work.
        """
        passphrase = (self.passphrase or "").encode("utf-8")
        oid, parameters = derivation.children
        values = parameters.children
        salt = salt_of(values[0])
        if oid.encoded == oids.SCRYPT:
            cost, block, lanes = (integer_of(value) for value in values[1:4])
            is_small = 128 * cost * block * lanes <= MAX_SCRYPT_OCTETS
            if min(cost, block, lanes) < 1 or not is_small:
                raise too_much_work(name)
            self.spend(cost * block * lanes, name)
            return hashlib.scrypt(
                passphrase,
                salt=salt,
                n=cost,
                r=block,
                p=lanes,
                maxmem=2 * MAX_SCRYPT_OCTETS,
                dklen=size,
            )
        if oid.encoded != oids.PBKDF2:
            raise unknown_algorithm(name)
        iterations = integer_of(values[1])
        optional = values[2:]
        has_length = bool(optional) and optional[0].tag == 0x02
        stated = integer_of(optional.pop(0)) if has_length else 0
        hmac = optional[0].children[0].encoded if optional else None
        digest_name = "sha1" if hmac is None else looked_up(oids.HMACS, hmac, name)
        size = size or stated
        if not 0 < size <= _MAX_KEY_OCTETS:
            raise unknown_algorithm(name)
        # Each block of the key takes all iterations anew.
        blocks = -(-size // hashlib.new(digest_name).digest_size)
        self.spend(iterations, name, blocks)
        arguments = (digest_name, passphrase, salt, iterations, size)
        if iterations * blocks <= _SHORT_ITERATIONS:
            return hashlib.pbkdf2_hmac(*arguments)
        try:
            return call_bounded(hashlib.pbkdf2_hmac, *arguments, seconds=MAX_DERIVATION_SECONDS)
        except (WorkerTimeoutError, WorkerEndedError) as error:
            raise too_much_work(name) from error

    def pkcs12_passphrases(self) -> list[bytes]:
        """The encodings of the passphrase that PKCS#12 hashes; an empty one has two in use."""
        if self.passphrase:
            return [passphrase_octets(self.passphrase)]
        return [passphrase_octets(""), b""]

    def spend(self, iterations: int, name: str, times: int = 1) -> None:
        """Count iterations before they run.

        Args:
            iterations: as the file states them.
            name: the name of the key or store, for messages.
            times: how often all of them run.

        Raises:
            InputError: if they exceed the limit.
        """
        if iterations < 1 or iterations * times > self.iterations_left:
            raise too_much_work(name)
        self.iterations_left -= iterations * times

    def passphrase_error(self, name: str) -> InputError:
        """The error for a missing or wrong passphrase."""
        if self.passphrase is None:
            return InputError(
                "import.passphrase",
                f"{name} needs its passphrase.",
                "Give it with --import-passphrase-file FILE.",
            )
        return InputError(
            "import.passphrase",
            f"The passphrase does not open {name}.",
            "Give the right one with --import-passphrase-file FILE.",
        )


def octets_of(node: Node) -> bytes:
    """The octets of an OCTET STRING, primitive or in segments (X.690 8.7)."""
    if node.constructed:
        return b"".join(map(octets_of, node.children))
    return node.content


def salt_of(node: Node) -> bytes:
    """The octets of a salt.

    Raises:
        ValueError: if it is longer than ``MAX_SALT_OCTETS``.
    """
    salt = octets_of(node)
    if len(salt) > MAX_SALT_OCTETS:
        raise ValueError("the salt is too long")
    return salt


def integer_of(node: Node) -> int:
    """The value of an INTEGER of up to 8 octets.

    Raises:
        ValueError: for any other element.
    """
    if node.tag != 0x02 or not 0 < len(node.content) <= 8:
        raise ValueError("not an INTEGER of up to 8 octets")
    return int.from_bytes(node.content, signed=True)


def looked_up(algorithms_by_oid: dict[bytes, _T], oid: bytes, name: str) -> _T:
    """The entry of an algorithm in a table.

    Raises:
        InputError: if the table does not have the algorithm.
    """
    if oid not in algorithms_by_oid:
        raise unknown_algorithm(name)
    return algorithms_by_oid[oid]


def unknown_algorithm(name: str) -> InputError:
    """The error for a key or store under a scheme that this package does not support."""
    return InputError(
        "import.algorithm",
        f"{name} is encrypted with an algorithm that smki-testca does not support.",
        "Convert it with openssl pkcs8 or openssl pkcs12.",
    )


def too_much_work(name: str) -> InputError:
    """The error for a key or store that asks for more than one import does."""
    return InputError(
        "import.work",
        f"{name} needs more work than one import allows: {MAX_ITERATIONS:,} iterations in all"
        f" and {MAX_SCRYPT_OCTETS >> 20} MiB for scrypt.",
        "Import fewer files at a time, or encrypt it again with openssl pkcs8.",
    )


def _decrypted(
    cipher: Callable[[bytes], BlockCipherAlgorithm], key: bytes, vector: bytes, encrypted: bytes
) -> bytes | None:
    """Decrypt one SEQUENCE; None where the key is wrong."""
    algorithm = cipher(key)
    decryptor = Cipher(algorithm, modes.CBC(vector)).decryptor()
    unpadder = padding.PKCS7(algorithm.block_size).unpadder()
    try:
        padded = decryptor.update(encrypted) + decryptor.finalize()
        plain = unpadder.update(padded) + unpadder.finalize()
        root, anomalies = read(plain)
    except (DerError, ValueError):
        return None
    is_whole = all(anomaly.code != "der.trailing_octets" for anomaly in anomalies)
    return plain if root.tag == 0x30 and is_whole else None
