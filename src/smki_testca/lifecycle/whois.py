"""Finds the holder of a presented certificate, and the CA of the estate that signed it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from smki_testca.errors import InputError
from smki_testca.importers.content import problem
from smki_testca.importers.formats import documents_of
from smki_testca.lint.recognise import Recogniser
from smki_testca.profiles.model import Tier
from smki_testca.register.whois import Answer, whois_subject
from smki_testca.x509.keys import load_public_key, signature_fits
from smki_testca.x509.view import View, view_certificate

if TYPE_CHECKING:
    from smki_testca.estate.certificates import Record
    from smki_testca.estate.stores import Stores
    from smki_testca.profiles.model import Profile


def whois_certificate(estate: Stores, data: bytes) -> Answer:
    """Find the holder of a presented certificate.

    Args:
        estate: with the register.
        data: PEM or DER; of several PEM blocks the first counts.

    Raises:
        InputError: if it cannot be read, has no identifier, or no participant has that one.
    """
    view = view_certificate(_first_certificate(data))
    register = estate.register.load()
    issuer = signer_of(estate, view)
    profile = _profile(estate, view, issuer)
    answer = whois_subject(register, view, profile)
    return replace(answer, issued_here=issuer is not None)


def _first_certificate(data: bytes) -> bytes:
    first = next(documents_of(data), problem("document.unknown_kind", "it holds nothing"))
    if first.problem is not None:
        code, message = first.problem.code, first.problem.message
        raise InputError(code, f"The certificate cannot be read: {message}.")
    return first.data


def signer_of(estate: Stores, view: View) -> Record | None:
    """The CA of the estate that has the issuer's name and whose key fits the signature."""
    if view.octets("signature") != view.signature_algorithm.encoded:
        return None
    for record in reversed(estate.certificates.authorities()):
        ca = view_certificate(record.der)
        if ca.octets("subject") != view.octets("issuer"):
            continue
        key = load_public_key(ca.octets("subjectPublicKeyInfo") or b"")
        if key is not None and signature_fits(key, view.signature, view.signed.encoded):
            return record
    return None


def _profile(estate: Stores, view: View, issuer: Record | None) -> Profile:
    recognise = Recogniser(estate.library)
    if issuer is None or view.value("extensions.basicConstraints.cA") is True:
        return recognise(view)
    # The CA is known, and so is the hierarchy, however defective the certificate is.
    profile = recognise(view, issuer.hierarchy)
    if profile.tier is Tier.END_ENTITY:
        return profile
    return estate.library.profile_for(issuer.hierarchy, Tier.END_ENTITY)
