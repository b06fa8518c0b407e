"""What tests of exports have in common."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from shutil import which

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from estates import certificates_in
from smki_testca.estate.certificates import Selection

PHRASE = "export phrase"

files = certificates_in

needs_openssl = pytest.mark.skipif(which("openssl") is None, reason="openssl is not installed")
modes = pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes and links")


def openssl(*arguments, stdin=b""):
    done = subprocess.run(["openssl", *map(str, arguments)], input=stdin, capture_output=True)  # noqa: PLW1510
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def names(folder):
    """Every file below a folder, by its path there."""
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


def records(estate, **selection):
    return list(estate.select(Selection(**selection)))


def reasons(outcome):
    """How many certificates were left out for each reason."""
    return Counter(one["reason"] for one in outcome.json["left_out"])


def device(command, estate, device_id, *more):
    """Issue a Device Certificate; its serial number."""
    outcome = command(
        *("--json", "--estate", estate, "issue", "device", "--participant", "meters-one"),
        *("--purpose", "device-and-user-system-tests", "--hw-type", "1.2.3"),
        *("--device-id", device_id, "--usage", "digital-signature", *more),
    )
    assert outcome.code == 0, outcome.out
    return outcome.json["certificates"][0]["serial"]


def ders(estate, **selection):
    return {one.der for one in estate.certificates.select(Selection(**selection))}


def load_key(data, password=None):
    loader = (
        serialization.load_pem_private_key
        if data.startswith(b"-----")
        else serialization.load_der_private_key
    )
    return loader(data, password)


def fits(certificate, key):
    """Whether a private key belongs to a certificate, both PEM or DER."""
    pem = certificate.startswith(b"-----")
    load = x509.load_pem_x509_certificate if pem else x509.load_der_x509_certificate
    pem = key.startswith(b"-----")
    open_key = serialization.load_pem_private_key if pem else serialization.load_der_private_key
    return load(certificate).public_key() == open_key(key, None).public_key()
