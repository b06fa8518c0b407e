"""Good documents of every shape and the files that they come in, for tests that damage them."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7

import csrs
from smki_testca.corpus import bases
from smki_testca.corpus.document_changes import without
from smki_testca.corpus.parts import entry
from smki_testca.corpus.pki import corpus_pki
from smki_testca.der.encode import integer, time


def documents(certificates):
    """One DER document of every shape: the certificates given, CSRs and a CRL."""
    key = csrs.new_key()
    return [
        *certificates,
        csrs.organisation(key),
        csrs.device(key),
        csrs.iki(csrs.rsa_key()),
        revocation_list(),
    ]


def revocation_list():
    """An Organisation CRL of two entries that lasts two days, of a CA that no estate knows.

    One thing is wrong with it: it lacks its authorityKeyIdentifier.
    """
    pki = corpus_pki()
    good = bases.revocation_list(pki, "organisation-crl", bases.organisation(pki))
    listed = tuple(entry(integer(serial)) for serial in (0x4711, 0x4712))
    start = datetime.now(UTC).replace(microsecond=0)
    end = start + timedelta(days=2)
    made = replace(good, this_update=time(start), next_update=time(end), entries=listed)
    return without(made, "authorityKeyIdentifier").der


def containers(ders):
    """Every file that documents come in."""
    certificates = [x509.load_der_x509_certificate(der) for der in ders[:3]]
    pem = "".join(one.public_bytes(serialization.Encoding.PEM).decode() for one in certificates)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, der in enumerate(ders[:3]):
            archive.writestr(f"{number}.csr", base64.b64encode(der))
    store = {"00db123456780004": {"digitalSignature": {"1": {"certificate": pem}}}}
    bundle = pkcs7.serialize_certificates(certificates, serialization.Encoding.DER)
    return [
        pem.encode(),
        base64.b64encode(ders[0]),
        packed.getvalue(),
        json.dumps(store).encode(),
        bundle,
    ]


def device_certificate(certificates):
    """The first Device Certificate."""
    return next(der for der in certificates if bytes.fromhex("06082b06010505070804") in der)
