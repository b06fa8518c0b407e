"""Reads the certificate of a CA that two estates share, and checks that it is what it must be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.authority.certificates import Certificate
from smki_testca.der.read import DerError, read
from smki_testca.errors import InputError
from smki_testca.identifiers import SerialNumber
from smki_testca.importers.sources import Source
from smki_testca.lint.linted import LintSettings
from smki_testca.lint.whole_input import lint_all
from smki_testca.profiles.model import Severity
from smki_testca.x509.keys import key_id, load_public_key, signature_fits
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from smki_testca.estate.certificates import Record
    from smki_testca.estate.stores import Stores
    from smki_testca.profiles.model import Environment, Profile
    from smki_testca.x509.view import View

_FIELDS = (
    *("subjectPublicKeyInfo", "extensions.keyUsage"),
    *("validity.notBefore", "validity.notAfter"),
)
"""The fields that an estate records of a CA's certificate."""


def read_taken(
    estate: Stores,
    der: bytes,
    profile: Profile,
    environment: Environment,
    issuer: Record | None,
    public_key: bytes,
) -> Certificate:
    """Read the certificate of a CA whose key the estate takes over.

    Args:
        estate: the estate that takes it.
        der: the certificate.
        profile: that it must follow, as the linter judges it now.
        environment: of the CA.
        issuer: the root that must have signed it; None for a root.
        public_key: the SubjectPublicKeyInfo of the key, DER.

    Raises:
        InputError: if it does not fit, naming what does not.
    """
    try:
        view = view_certificate(der)
        root, _ = read(der, noun="certificate")
        body, _, signature = root.children
        serial = SerialNumber(int(str(view.value("serialNumber"))))
        signed_with = key_id(view.octets("subjectPublicKeyInfo") or b"")
    except (DerError, InputError, ValueError) as error:
        raise refused(profile, f"cannot be read: {error}") from error
    if signed_with != key_id(public_key):
        raise refused(profile, "is not of the key given with it")
    above = view if issuer is None else view_certificate(issuer.der)
    if view.octets("issuer") != above.octets("subject"):
        whose = "itself" if issuer is None else f"the root {issuer.label}"
        raise refused(profile, f"was not issued by {whose}")
    key = load_public_key(above.octets("subjectPublicKeyInfo") or b"")
    if key is None or not signature_fits(key, signature.content[1:], body.encoded):
        raise refused(profile, "has a signature that does not fit")
    _check_rows(estate, der, profile, environment, der if issuer is None else issuer.der)
    if estate.by_serial(serial) is not None:
        raise refused(profile, f"has the serial number {serial}, which the estate has already")
    # The linter saw that each of them is there, and of its type.
    values = {path: value for path in _FIELDS if (value := view.value(path)) is not None}
    return Certificate(der, profile, serial, estate.clock.now(), values, ())


def common_name(certificate: Certificate) -> str | None:
    """The CN of a CA's certificate."""
    view: View = view_certificate(certificate.der)
    return view.text("subject.commonName")


def _check_rows(
    estate: Stores, der: bytes, profile: Profile, environment: Environment, root: bytes
) -> None:
    settings = LintSettings(
        estate.clock.now(),
        estate.library.overrides,
        environment.name,
        profile.name,
        trusted=(root,),
    )
    (linted,) = lint_all(iter([Source("it", 0, der)]), settings)
    for finding in linted.findings:
        if finding.severity is Severity.ERROR:
            raise refused(profile, f"does not follow the profile: {finding.message}")


def refused(profile: Profile, fault: str) -> InputError:
    """The error for a certificate that is not taken over.

    Args:
        profile: of the CA.
        fault: what is wrong with it, as the rest of a sentence.
    """
    return InputError(
        "ca_keys.certificate",
        f"The certificate given for {profile.name} {fault}.",
        "Give the files as export ca-keys wrote them, for the same environment; or leave the"
        " certificates out, and new ones are made.",
    )
