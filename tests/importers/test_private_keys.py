"""Private keys are read in every form, within the limits of one import."""

from __future__ import annotations

import functools
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

import csrs
from material import (
    OTHER,
    PHRASE,
    needs_openssl,
    numbers,
    pem,
    pkcs8,
    refused,
    same,
    take,
)
from smki_testca.der import encode
from smki_testca.errors import InputError
from smki_testca.importers import intake, private_keys
from smki_testca.importers.intake import take_in
from smki_testca.importers.private_keys import PrivateKeyReader
from smki_testca.pkcs12.decryption import Decryptor


@pytest.mark.parametrize("encoding", [serialization.Encoding.PEM, serialization.Encoding.DER])
@pytest.mark.parametrize(
    "form", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL]
)
def test_a_key_is_taken_in_every_form_that_openssl_writes(tmp_path, pair, encoding, form):
    der, key = pair
    (tmp_path / "one.der").write_bytes(der)
    octets = key.private_bytes(encoding, form, serialization.NoEncryption())
    (tmp_path / "one.key").write_bytes(octets)
    (one,) = take_in([str(tmp_path)]).certificates
    assert same(one, pair)


def test_a_key_of_rsa_is_taken_like_any_other(quickstart_original):
    folder = quickstart_original / "export" / "pem" / "ZAZ1" / "iki" / "supplier-one"
    names = [str(folder / f"iki-supplier-one.{suffix}") for suffix in ("pem", "key")]
    (one,) = take_in(names).certificates
    assert isinstance(one.key, rsa.RSAPrivateKey)
    assert one.label == "iki-supplier-one"


@pytest.mark.slow
@needs_openssl
@pytest.mark.parametrize("form", ["PEM", "DER"])
@pytest.mark.parametrize(
    "options",
    [
        "-v2 aes-256-cbc",
        "-v2 aes-128-cbc -v2prf hmacWithSHA512",
        "-v2 des3",
        "-scrypt",
        "-v1 PBE-SHA1-3DES",
    ],
)
def test_encrypted_keys_of_openssl_open_with_their_passphrase(tmp_path, pair, options, form):
    (tmp_path / "plain").write_bytes(pkcs8(pair[1]))
    subprocess.run(
        [
            *("openssl", "pkcs8", "-topk8", "-in", "plain", "-out", "one.key", "-outform", form),
            *("-passout", f"pass:{PHRASE}", *options.split()),
        ],
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    (tmp_path / "plain").unlink()
    (tmp_path / "one.der").write_bytes(pair[0])
    (one,) = take_in([str(tmp_path)], passphrase=PHRASE).certificates
    assert same(one, pair)
    for wrong in (None, "another"):
        with pytest.raises(InputError) as caught:
            take_in([str(tmp_path)], passphrase=wrong)
        assert caught.value.code == "import.passphrase"
        assert "one.key" in caught.value.message


def test_a_key_locked_the_old_way_opens_with_its_passphrase(pair):
    locked = pair[1].private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.BestAvailableEncryption(OTHER.encode()),
    )
    assert b"DEK-Info" in locked
    (one,) = take(pem(pair[0]) + locked, passphrase=OTHER).certificates
    assert same(one, pair)
    assert refused(locked) == refused(locked, passphrase=PHRASE) == "import.passphrase"


@pytest.mark.parametrize(
    "key", [ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP384R1())]
)
def test_a_key_of_another_kind_is_remarked_on_or_loose(pair, key):
    found = take(pem(pair[0]) + pkcs8(key))
    on_a_curve = isinstance(key, ec.EllipticCurvePrivateKey)
    assert len(found.loose_keys) == on_a_curve
    assert [one.code for one in found.remarks] == ["key.unreadable"] * (not on_a_curve)


@pytest.mark.slow
def test_so_many_rsa_keys_are_read_and_no_more(monkeypatch):
    key = pkcs8(csrs.rsa_key())
    partial = functools.partial(PrivateKeyReader, rsa_keys_left=2)
    monkeypatch.setattr(intake, "PrivateKeyReader", partial)
    assert len(take(key * 2).loose_keys) == 1
    assert refused(key * 3) == "import.work"


def test_a_key_that_is_too_long_is_not_read():
    long = b"\x00" * private_keys.MAX_KEY_OCTETS
    assert (
        PrivateKeyReader(Decryptor()).read(b"\x30\x82\x10\x00\x02\x01\x00\x30" + long, "a key")
        is None
    )
    plain = encode.sequence(b"\x02\x01\x00", encode.octet_string(bytes(3000)))
    assert PrivateKeyReader(Decryptor()).read(plain, "a key") is None


def test_the_boundaries_of_a_key_may_say_anything(pair):
    lines = pkcs8(pair[1]).splitlines()
    octets = b"\n".join([b"-----BEGIN key-----", *lines[1:-1], b"-----end-----"])
    key = PrivateKeyReader(Decryptor()).read(octets, "a key")
    assert numbers(key) == numbers(pair[1])
