"""Reads Device CSRs quickly that differ from one read before only in three places.

A meter maker's tool writes the same octets around each public key, Device ID and signature. One
CSR is read in full. Those with the same octets outside the three places need only their key loaded
and their signature verified. Any other CSR is read in full in its turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from smki_testca.der import encode
from smki_testca.errors import InputError
from smki_testca.identifiers import identifies_nobody
from smki_testca.x509 import untrusted
from smki_testca.x509.keys import P256_HEAD

if TYPE_CHECKING:
    from smki_testca.authority.csr import Csr, Remarks
    from smki_testca.profiles.subject import Subject
    from smki_testca.roles import KeyUsage

_POINT_OCTETS = 65
_UNCOMPRESSED = 4
_ID_OCTETS = 8
_CURVE, _ECDSA = ec.SECP256R1(), ec.ECDSA(hashes.SHA256())


@dataclass(frozen=True, slots=True)
class CsrPattern:
    """The octets that the Device CSRs of one tool share.

    Attributes:
        before, between, after: the octets of the signed part up to the point of the public key,
            from there to the Device ID, and from there to the end.
        algorithm: the outer AlgorithmIdentifier.
        spki_head: the SubjectPublicKeyInfo up to the point.
        subject: of the CSR that the pattern was learnt from; others differ in the EUI-64.
        usage: the key usage asked for; None if there is none.
        remarks: on each of them.
    """

    before: bytes
    between: bytes
    after: bytes
    algorithm: bytes
    spki_head: bytes
    subject: Subject
    usage: KeyUsage | None
    remarks: Remarks

    @classmethod
    def of(cls, csr: Csr) -> CsrPattern | None:
        """The pattern of a valid CSR; None unless its EUI-64 follows a P-256 public key."""
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
            csr.view.signature_algorithm.encoded,
            csr.public_key[:-_POINT_OCTETS],
            csr.subject,
            csr.usage,
            csr.remarks,
        )

    def read(self, der: bytes) -> tuple[int, bytes] | None:
        """The Device ID and public key of a CSR; None if it does not match, or is at fault.

        Args:
            der: the CSR.
        """
        start = 2 if der[1:2] < b"\x80" else 2 + (der[1] & 0x7F)
        point = start + len(self.before)
        between = point + _POINT_OCTETS
        device_id = between + len(self.between)
        after = device_id + _ID_OCTETS
        stop = after + len(self.after)
        signature_at = stop + len(self.algorithm) + 3
        length = len(der) - signature_at
        if (
            not 0 < length < 0x7F
            or der[:start] != encode.header(encode.SEQUENCE, len(der) - start)
            or der[start:point] != self.before
            or der[point] != _UNCOMPRESSED
            or der[between:device_id] != self.between
            or der[after:stop] != self.after
            or der[stop:signature_at] != self.algorithm + bytes((3, length + 1, 0))
            or identifies_nobody(der[device_id:after])
        ):
            return None
        octets = der[point:between]
        try:
            untrusted.call(_verify, octets, der[signature_at:], der[start:stop])
        except InputError:
            return None
        return int.from_bytes(der[device_id:after]), self.spki_head + octets


def _verify(point: bytes, signature: bytes, data: bytes) -> None:
    ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, point).verify(signature, data, _ECDSA)
