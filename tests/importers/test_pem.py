"""PEM holds a document for each block."""

from __future__ import annotations

import subprocess
from shutil import which

import pytest

import csrs
from material import (
    documents_in,
    needs_openssl,
    pem,
    problem_codes,
    sources_in,
)
from seeds import revocation_list
from smki_testca.der import encode
from smki_testca.importers.pem import decode_base64, pem_blocks


def test_pem_holds_a_document_for_each_block(ders):
    assert documents_in(b"".join(map(pem, ders))) == ders


@pytest.mark.parametrize("label", ["CERTIFICATE", "X509 CERTIFICATE", "X509 CRL"])
def test_pem_blocks_of_every_label_are_documents(label):
    der = revocation_list()
    assert documents_in(csrs.pem(der, header=label)) == [der]


def test_text_around_pem_blocks_is_passed_over(ders):
    text = b"subject=OU = 07, CN = Z1\n" + pem(ders[0]) + b"\nthe end - or so\n"
    assert documents_in(text) == [ders[0]]


def test_a_pem_block_without_its_end_is_told_and_the_next_one_is_read(ders):
    cut = pem(ders[0]).split(b"-----END")[0]
    assert problem_codes(cut) == ["document.base64"]
    every = sources_in(cut + pem(ders[1]))
    assert [one.problem and one.problem.code for one in every] == ["document.base64", None]
    assert every[1].data == ders[1]


def test_a_pem_block_that_ends_with_another_label_is_told(ders):
    crossed = pem(ders[0]).replace(b"END CERTIFICATE", b"END X509 CRL")
    assert problem_codes(crossed) == ["document.base64"]


def test_broken_base64_is_told_and_the_next_block_is_read(ders):
    broken = pem(ders[0]).replace(b"MII", b"M*I", 1)
    assert problem_codes(broken + pem(ders[1])) == ["document.base64", None]


def test_a_trusted_certificate_of_openssl_is_the_certificate(ders):
    settings = encode.sequence(encode.tlv(0x0C, b"an alias"))
    trusted = pem(ders[0] + settings, header="TRUSTED CERTIFICATE")
    assert documents_in(trusted) == [ders[0]]
    # In a block of any other label, octets after the certificate are a defect of it.
    assert documents_in(pem(ders[0] + settings)) == [ders[0] + settings]


@needs_openssl
def test_openssl_writes_a_trusted_certificate_that_is_read(ders):
    made = ["openssl", "x509", "-trustout", "-addtrust", "serverAuth", "-setalias", "one"]
    trusted = subprocess.run(made, input=pem(ders[0]), capture_output=True, check=True).stdout
    assert b"BEGIN TRUSTED CERTIFICATE" in trusted
    assert documents_in(trusted) == [ders[0]]


@pytest.mark.parametrize("data", [b"", b"\x30", b"\x30\x82\x01\x00\x02"])
def test_a_trusted_certificate_that_is_cut_off_is_read_as_it_is(data):
    assert documents_in(pem(data, header="TRUSTED CERTIFICATE")) == [data]


def test_a_trusted_certificate_in_broken_base64_is_told(ders):
    broken = pem(ders[0], header="TRUSTED CERTIFICATE").replace(b"MII", b"M*I", 1)
    assert problem_codes(broken) == ["document.base64"]


@pytest.mark.parametrize("label", ["PGP MESSAGE", "ATTRIBUTE CERTIFICATE", "A"])
def test_a_pem_block_of_an_unknown_label_is_told(label):
    assert problem_codes(csrs.pem(b"\x30\x00", header=label)) == ["document.unknown_kind"]


@pytest.mark.skipif(which("openssl") is None, reason="openssl is not installed")
def test_ec_parameters_and_an_encrypted_key_of_openssl_are_no_documents(ders):
    made = ["openssl", "ecparam", "-name", "prime256v1", "-genkey"]
    plain = subprocess.run(made, capture_output=True, check=True).stdout
    assert b"BEGIN EC PARAMETERS" in plain
    assert problem_codes(plain) == ["document.unknown_kind"]
    assert documents_in(plain + pem(ders[0])) == [ders[0]]
    locked = subprocess.run(
        ["openssl", "ec", "-aes128", "-passout", "pass:secret"],
        input=plain,
        capture_output=True,
        check=True,
    ).stdout
    assert b"DEK-Info" in locked
    assert problem_codes(locked) == ["document.unknown_kind"]
    assert documents_in(locked + pem(ders[0])) == [ders[0]]


def test_blocks_come_with_label_text_and_body():
    first = b"-----BEGIN A-----\nAAAA\n-----END A-----"
    second = b"-----BEGIN B C-----\nBBBB\n"
    blocks = list(pem_blocks(b"text " + first + b" more text\n" + second))
    assert [(one.label, one.is_complete) for one in blocks] == [(b"A", True), (b"B C", False)]
    assert (blocks[0].text, blocks[0].body) == (first, b"\nAAAA\n")
    assert blocks[1].body == b""


@pytest.mark.parametrize("text", [b"AAAA", b" A\nA\r\nAA\t"])
def test_base64_is_decoded_whatever_its_lines(text):
    assert decode_base64(text) == bytes(3)


@pytest.mark.parametrize("text", [b"AAA", b"AA*A", b"-----"])
def test_broken_base64_is_nothing(text):
    assert decode_base64(text) is None
