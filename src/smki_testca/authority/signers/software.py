"""Signs with private keys in memory. Only this module opens the PKCS#8 of a CA's key."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from smki_testca.x509 import private_keys
from smki_testca.x509.keys import signature_algorithm

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from smki_testca.authority.signers import Sealer, SigningMeans
    from smki_testca.x509.keys import PrivateKey
    from smki_testca.x509.names import SignatureAlgorithm


class SoftwareSigner:
    """Signs with a private key in memory.

    Attributes:
        sign: the signature's octets over the data.

    Args:
        deterministic: whether the same data has the same ECDSA signature (RFC 6979).
    """

    def __init__(self, key: PrivateKey, *, deterministic: bool = True) -> None:
        self._key = key
        # The kind of key is settled once: a batch signs a million times over.
        self.sign: Callable[[bytes], bytes]
        if isinstance(key, rsa.RSAPrivateKey):
            self.sign = lambda data: key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        else:
            ecdsa = ec.ECDSA(hashes.SHA256(), deterministic_signing=deterministic)
            self.sign = lambda data: key.sign(data, ecdsa)

    def sign_all(self, data: Sequence[bytes]) -> list[bytes]:
        """The signatures' octets over each of many data, in their order."""
        return [self.sign(each) for each in data]

    @property
    def algorithm(self) -> SignatureAlgorithm:
        """``ecdsa-with-SHA256`` or ``sha256WithRSAEncryption``, as the key is."""
        return signature_algorithm(self._key)

    @property
    def public_key(self) -> bytes:
        """The SubjectPublicKeyInfo of the key, DER."""
        return private_keys.public_key_info(self._key)


@dataclass(frozen=True, slots=True)
class SealedKey:
    """References a software key: it carries the key itself, sealed.

    Attributes:
        key_id: the SHA-256 of the SubjectPublicKeyInfo.
        sealed: the PKCS#8 DER, encrypted.
        holder: of the key; None if it was sealed under its id alone, as earlier formats did.
    """

    key_id: bytes
    sealed: bytes = field(repr=False)
    holder: str | None

    @property
    def label(self) -> bytes:
        """The label under which it is sealed."""
        return sealing_label(self.key_id, self.holder)

    def open(self, means: SigningMeans, *, deterministic: bool = True) -> SoftwareSigner:
        """The signer for the key; see ``KeyReference.open``."""
        pkcs8 = means.sealer().open(self.sealed, self.label)
        return SoftwareSigner(private_keys.from_pkcs8(pkcs8), deterministic=deterministic)

    def for_workers(self, means: SigningMeans, transport: Sealer) -> SealedKey:
        """The same reference under the transport key; see ``KeyReference.for_workers``."""
        pkcs8 = means.sealer().open(self.sealed, self.label)
        return SealedKey(self.key_id, transport.seal(pkcs8, self.label), self.holder)

    def encrypted(self, sealer: Sealer, encrypt: Callable[[bytes], bytes]) -> bytes:
        """The key for another estate, encrypted under a passphrase.

        Args:
            sealer: the key under which the reference is sealed.
            encrypt: turns PKCS#8 into what leaves the estate.

        Raises:
            EstateError: if the reference was changed, or is sealed under another key.
        """
        return encrypt(sealer.open(self.sealed, self.label))


def sealing_label(key_id: bytes, holder: str | None) -> bytes:
    """The label under which a private key is sealed: it names the key and its holder."""
    return key_id if holder is None else key_id + holder.encode("utf-8")
