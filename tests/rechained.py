"""Signs changed certificates again, below CAs whose keys the tests have."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

import csrs
from nodes import with_field
from smki_testca.der import encode
from smki_testca.der.read import read
from smki_testca.x509.keys import key_identifier
from smki_testca.x509.view import view_certificate


class Chain:
    """The CAs of an estate with other keys, so that a changed certificate can be signed again.

    Args:
        root: the certificate of a root, DER.
        issuing: the certificate of the CA below it.
    """

    def __init__(self, root: bytes, issuing: bytes) -> None:
        root_key, self._key = csrs.new_key(), csrs.new_key()
        self.root = signed(_with_key(root, root_key), root_key)
        identifier = view_certificate(self.root).octets("extensions.subjectKeyIdentifier")
        rekeyed = _with_authority(_with_key(issuing, self._key), identifier)
        self.issuing = signed(rekeyed, root_key)
        self._identifier = view_certificate(self.issuing).octets("extensions.subjectKeyIdentifier")

    def issue(self, der: bytes, change=None) -> bytes:
        """A certificate under this chain, changed before it is signed."""
        der = _with_authority(der, self._identifier)
        return signed(der if change is None else change(der), self._key)


def signed(der: bytes, key) -> bytes:
    """A certificate signed again, its algorithm outside as inside."""
    tbs = read(der)[0].children[0]
    fields = [one for one in tbs.children if one.tag == encode.SEQUENCE]
    signature = key.sign(tbs.encoded, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    return encode.sequence(tbs.encoded, fields[0].encoded, encode.bit_string(signature))


def _with_key(der, key):
    der = with_field(der, "subjectPublicKeyInfo", csrs.spki(key))
    point = csrs.spki(key)[-65:]
    identifier = encode.octet_string(key_identifier(point, method=2))
    return with_field(der, "extensions.subjectKeyIdentifier", identifier)


def _with_authority(der, identifier):
    path = "extensions.authorityKeyIdentifier.keyIdentifier"
    return with_field(der, path, encode.tlv(0x80, identifier))
