"""Device CSRs that are like one read before: their octets differ in three places only.

A meter maker's tool writes the same octets around each public key, Device ID and signature. One
CSR is read in full; those that are the same outside these places need only their key loaded and
their signature verified. Any other CSR is not like it, and is read in full in its turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from smki_testca.der import encode
from smki_testca.x509.keys import P256_HEAD
from smki_testca.x509.names import ECDSA_WITH_SHA256

if TYPE_CHECKING:
    from smki_testca.authority.csr import Csr
    from smki_testca.profiles.subject import Subject
    from smki_testca.roles import KeyUsage

_POINT_OCTETS = 65
_UNCOMPRESSED = 4
_ID_OCTETS = 8
_CURVE, _ECDSA = ec.SECP256R1(), ec.ECDSA(hashes.SHA256())
_ALGORITHM = ECDSA_WITH_SHA256.encoded


@dataclass(frozen=True, slots=True)
class CsrPattern:
    """What Device CSRs of one make have alike.

    Attributes:
        before, between, after: the octets of the part that is signed, up to the point of the
            public key, from there to the Device ID, and to the end.
        spki_head: of the public key, up to its point.
        subject: that of the CSR learnt from; those of others differ in the EUI-64.
    """

    before: bytes
    between: bytes
    after: bytes
    spki_head: bytes
    subject: Subject
    usage: KeyUsage | None

    @classmethod
    def of(cls, csr: Csr) -> CsrPattern | None:
        """Learn from a CSR that is in order; None where its EUI-64 does not follow its key."""
        fields, signed = csr.view.fields, csr.view.signed
        point = fields["subjectPublicKeyInfo"].node.stop - _POINT_OCTETS
        if csr.id_path is None or not csr.public_key.startswith(P256_HEAD):
            return None
        device_id = fields[csr.id_path].node.stop - _ID_OCTETS
        if device_id < point + _POINT_OCTETS:
            return None
        data = signed.data
        return cls(
            data[signed.offset : point],
            data[point + _POINT_OCTETS : device_id],
            data[device_id + _ID_OCTETS : signed.stop],
            csr.public_key[:-_POINT_OCTETS],
            csr.subject,
            csr.usage,
        )

    def read(self, der: bytes) -> tuple[int, bytes] | None:
        """The Device ID and public key of a CSR like this; None if it is not, or is wrong."""
        start = 2 if der[1:2] < b"\x80" else 2 + (der[1] & 0x7F)
        point = start + len(self.before)
        between = point + _POINT_OCTETS
        device_id = between + len(self.between)
        after = device_id + _ID_OCTETS
        stop = after + len(self.after)
        signature_at = stop + len(_ALGORITHM) + 3
        length = len(der) - signature_at
        if (
            not 0 < length < 0x7F
            or der[:start] != encode.header(encode.SEQUENCE, len(der) - start)
            or der[start:point] != self.before
            or der[point] != _UNCOMPRESSED
            or der[between:device_id] != self.between
            or der[after:stop] != self.after
            or der[stop:signature_at] != _ALGORITHM + bytes((3, length + 1, 0))
        ):
            return None
        octets = der[point:between]
        try:
            key = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, octets)
            key.verify(der[signature_at:], der[start:stop], _ECDSA)
        except (ValueError, InvalidSignature):
            return None
        return int.from_bytes(der[device_id:after]), self.spki_head + octets
