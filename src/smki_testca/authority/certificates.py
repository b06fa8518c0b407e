"""A certification authority: it builds, signs and verifies certificates and CRLs.

An end-entity certificate takes an ``Authorisation``; only the operator creates CAs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from smki_testca.authority.crl import revocation_list
from smki_testca.authority.filling import (
    Filling,
    TemplateSetting,
    Validity,
    Values,
    check_inputs,
    issuer_of,
    values,
)
from smki_testca.authority.template import Template, compile_template
from smki_testca.der import encode
from smki_testca.der.read import header_at
from smki_testca.errors import InputError, SmkiTestcaError
from smki_testca.identifiers import SerialNumber
from smki_testca.profiles.inputs import USAGE
from smki_testca.x509.key_usages import USAGE_BITS
from smki_testca.x509.keys import is_plain_p256, key_type_of, load_public_key, own_signature_fits
from smki_testca.x509.names import KeyType
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smki_testca.authority.crl import RevocationList
    from smki_testca.authority.revocation import Revocation
    from smki_testca.authority.signers import Signer
    from smki_testca.entropy import Entropy
    from smki_testca.profiles import Library
    from smki_testca.profiles.model import Environment, Profile, RevocationListProfile
    from smki_testca.profiles.subject import Subject
    from smki_testca.register.gate import Authorisation
    from smki_testca.roles import KeyUsage
    from smki_testca.x509.fields import Value
    from smki_testca.x509.keys import PublicKey
    from smki_testca.x509.view import View

_V = TypeVar("_V")


@dataclass(frozen=True, slots=True)
class Certificate:
    """A newly signed certificate.

    Attributes:
        der: its octets.
        issued_at: when, UTC; notBefore may be earlier.
        values: of its fields, by path.
        warnings: one line for each row of the profile that only warns.
    """

    der: bytes
    profile: Profile
    serial: SerialNumber
    issued_at: datetime
    values: Values
    warnings: tuple[str, ...]

    def instant(self, end: str) -> datetime:
        """``notBefore`` or ``notAfter``."""
        return _typed(self.values, f"validity.{end}", datetime)

    @property
    def key_usage(self) -> tuple[str, ...]:
        """The keyUsage bits, by name; none where the profile has no such extension."""
        path = "extensions.keyUsage"
        return _typed(self.values, path, tuple) if path in self.values else ()

    @property
    def public_key(self) -> bytes:
        """The SubjectPublicKeyInfo, DER."""
        return _typed(self.values, "subjectPublicKeyInfo", bytes)


class Unsigned:
    """A built and checked certificate without its signature; its CA can sign it once.

    Attributes:
        profile: its certificate type.
        authorisation: of the request for it; None for a CA's.
        serial: its serial number.
        issued_at: when, UTC; notBefore may be earlier.
        values: of its fields, by path.
        elements: of the fields that vary, encoded, by path.
        tbs: the TBSCertificate.
        warnings: one line for each row of the profile that only warns.
    """

    __slots__ = (
        "_spent",
        "_view",
        "authorisation",
        "authority",
        "elements",
        "issued_at",
        "serial",
        "tbs",
        "template",
        "values",
        "warnings",
    )

    def __init__(
        self,
        authority: CertificationAuthority,
        template: Template,
        filling: Filling,
        values: Values,
        warnings: tuple[str, ...],
        authorisation: Authorisation | None,
    ) -> None:
        self.authority = authority
        self.authorisation = authorisation
        self.template = template
        self.serial = filling.serial
        self.issued_at = filling.now
        self.values = values
        self.warnings = warnings
        self.elements = template.elements(values)
        self.tbs = template.render(self.elements)
        self._spent = False
        self._view: View | None = None

    @property
    def profile(self) -> Profile:
        """Its certificate type."""
        return self.template.setting.profile

    def instant(self, end: str) -> datetime:
        """``notBefore`` or ``notAfter``."""
        return _typed(self.values, f"validity.{end}", datetime)

    @property
    def public_key(self) -> bytes:
        """The SubjectPublicKeyInfo, DER."""
        return _typed(self.values, "subjectPublicKeyInfo", bytes)

    def view(self) -> View:
        """Its fields as read from the certificate with a placeholder for the signature."""
        if self._view is None:
            algorithm = self.template.setting.algorithm.encoded
            self._view = view_certificate(
                encode.sequence(self.tbs, algorithm, encode.bit_string(b"\x30\x00"))
            )
        return self._view

    def spend(self, authority: CertificationAuthority) -> None:
        """Mark it as signed.

        Raises:
            ValueError: if it was signed before, or another CA built it.
        """
        if self._spent or authority is not self.authority:
            raise ValueError("a certificate is signed once, by the CA that built it")
        self._spent = True


class CertificationAuthority:
    """A test CA with its key.

    Args:
        certificate: of the CA, DER; None for a root that has yet to sign its own.
        signer: its key.
        environment: of its certificates.
        library: the profiles and roles.
    """

    def __init__(
        self, certificate: bytes | None, signer: Signer, environment: Environment, library: Library
    ) -> None:
        self.certificate = certificate
        self._signer = signer
        self._environment = environment
        self._library = library
        self._templates: dict[tuple[str, frozenset[str]], Template] = {}
        self._issuer = None if certificate is None else issuer_of(certificate)

    def prepare(
        self,
        authorisation: Authorisation,
        usage: KeyUsage | None,
        public_key: bytes,
        *,
        entropy: Entropy,
        validity: Validity | None = None,
    ) -> Unsigned:
        """Build and check one certificate of an authorised request.

        Args:
            authorisation: from the gate; its instant is the time of issue.
            usage: one of the usages authorised; None where the profile fixes it.
            public_key: the subject's SubjectPublicKeyInfo, DER.
            entropy: for the serial number.
            validity: dates in place of those that the rows compute.

        Raises:
            InputError: if the profile's rows forbid a value of the request, the dates or the key.
            ValueError: if the usage was not authorised.
        """
        request = authorisation.request
        if usage is not None and usage not in request.usages:
            raise ValueError(f"{usage} was not authorised")
        participant = authorisation.participant
        filling = Filling(
            SerialNumber.generate(entropy),
            authorisation.at,
            public_key,
            inputs(request.subject, usage),
            participant.signifier.text if participant.signifier else None,
            participant.name,
            validity or Validity(),
        )
        profile = self._library.profile(request.subject.profile)
        return self._prepare(profile, filling, authorisation)

    def sign(self, unsigned: Unsigned) -> Certificate:
        """Sign a certificate that this CA built, and verify the result.

        Raises:
            ValueError: if it was signed before, or another CA built it.
        """
        unsigned.spend(self)
        tbs = unsigned.tbs
        signature = self._signer.sign(tbs)
        der = encode.sequence(tbs, self._signer.algorithm.encoded, encode.bit_string(signature))
        self._verify(unsigned, der)
        return Certificate(
            der,
            unsigned.profile,
            unsigned.serial,
            unsigned.issued_at,
            unsigned.values,
            unsigned.warnings,
        )

    def issue_authority(
        self, profile: Profile, public_key: bytes, *, at: datetime, entropy: Entropy
    ) -> Certificate:
        """Issue the certificate of a CA: of this one, or of one of the tier below."""
        filling = Filling(SerialNumber.generate(entropy), at, public_key)
        return self.sign(self._prepare(profile, filling))

    def issue_revocation_list(
        self,
        profile: RevocationListProfile,
        revocations: Sequence[Revocation],
        number: int,
        *,
        at: datetime,
        next_update: datetime | None = None,
    ) -> RevocationList:
        """Issue a CRL or ARL of this CA.

        Args:
            profile: of the CRL.
            revocations: its entries, in their order.
            number: its cRLNumber; the caller increases it from CRL to CRL.
            at: its thisUpdate, UTC.
            next_update: its nextUpdate, UTC; by default computed by the rows.

        Raises:
            InputError: if a rule or a row of severity error forbids the CRL, or the CA's
                certificate does not allow it to sign CRLs.
            ValueError: if the CA has no certificate yet.
        """
        if self.certificate is None:
            raise ValueError("a CA signs CRLs once it has its own certificate")
        return revocation_list(
            profile,
            self.certificate,
            self._signer,
            revocations,
            number,
            at=at,
            next_update=next_update,
        )

    def _prepare(
        self, profile: Profile, filling: Filling, authorisation: Authorisation | None = None
    ) -> Unsigned:
        _check_key(profile, filling.public_key)
        template = self._template(profile, frozenset(filling.inputs))
        fields = values(template.setting, filling)
        warnings = check_inputs(profile, fields, self._library.roles, template.varying)
        return Unsigned(self, template, filling, fields, tuple(warnings), authorisation)

    def _template(self, profile: Profile, present: frozenset[str]) -> Template:
        key = (profile.name, present)
        if key not in self._templates:
            setting = TemplateSetting(
                profile, self._environment, self._signer.algorithm, self._issuer
            )
            self._templates[key] = compile_template(setting, present, self._library.roles)
        return self._templates[key]

    def _verify(self, unsigned: Unsigned, der: bytes) -> None:
        """Check a signed certificate against its template and the CA's public key."""
        signed, signature = _signed_parts(der)
        unsigned.template.verify(signed, unsigned.elements)
        if self._issuer is None or self.certificate is None:
            key = load_public_key(unsigned.public_key)
        else:
            key = _key_of(self.certificate)
        if key is None or not own_signature_fits(key, signature, signed):
            raise SmkiTestcaError(
                "ca.key_mismatch", "The CA's key does not belong to the CA's certificate."
            )


def _typed(values: Values, path: str, kind: type[_V]) -> _V:
    """The value of a field that is in every certificate, and whose type follows from its path."""
    value = values[path]
    if not isinstance(value, kind):
        raise TypeError(f"{path} is {type(value).__name__}, not {kind.__name__}")
    return value


def _signed_parts(der: bytes) -> tuple[bytes, bytes]:
    """The TBSCertificate and the octets of the signature, as they are in a certificate."""
    _, start, end = header_at(der, 0, len(der))
    *_, algorithm = header_at(der, start, end)
    *_, bits = header_at(der, algorithm, end)
    _, signature, stop = header_at(der, bits, end)
    if stop != len(der):
        raise ValueError("a certificate ends with its signature")
    return der[start:algorithm], der[signature + 1 : stop]


@lru_cache(maxsize=16)
def _key_of(certificate: bytes) -> PublicKey | None:
    """The public key of a CA's certificate; the same few CAs verify what they sign all the time."""
    octets = view_certificate(certificate).octets("subjectPublicKeyInfo")
    return None if octets is None else load_public_key(octets)


def _check_key(profile: Profile, public_key: bytes) -> None:
    key = load_public_key(public_key)
    if key is None or key_type_of(key) is not profile.key_type:
        raise InputError(
            "key.type",
            f"The public key is not {profile.key_type}, which the profile {profile.name} asks for.",
        )
    if profile.key_type is KeyType.P256 and not is_plain_p256(public_key):
        raise InputError(
            "key.point",
            "The point of the public key is not uncompressed, as certificates have it (RFC 5480"
            " 2.2).",
            "Encode the public key with the uncompressed point.",
        )


def inputs(subject: Subject, usage: KeyUsage | None) -> dict[str, Value]:
    """The inputs of a request as field values, by the names that rows use."""
    usage_bits: dict[str, Value] = {} if usage is None else {USAGE: (USAGE_BITS[usage.value],)}
    return usage_bits | subject.field_values()


__all__ = ["USAGE_BITS", "Certificate", "CertificationAuthority", "Unsigned", "inputs"]
