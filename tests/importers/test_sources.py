"""Documents are found in whatever holds them, and private keys are passed over."""

from __future__ import annotations

import base64
import io
import json
import os
import struct
import subprocess
import zipfile
from shutil import which

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12

import csrs
from mutation import revocation_list
from smki_testca.der import encode
from smki_testca.der.read import MAX_OCTETS
from smki_testca.errors import InputError
from smki_testca.importers.sources import (
    MAX_FILE_OCTETS,
    MAX_ZIP_ENTRIES,
    MAX_ZIP_OCTETS,
    Source,
    sources,
)


@pytest.fixture(scope="session")
def ders(quickstart_original):
    """Three certificates."""
    folder = quickstart_original / "export" / "pem" / "ZAZ1" / "device" / "meters-one"
    found = [one.data for one in sources([str(folder)])]
    assert len(found) >= 3
    return found[:3]


def found(data):
    return list(sources(["-"], data))


def octets(data):
    """The documents in these octets; there must be no problem."""
    every = found(data)
    assert [one.problem for one in every] == [None] * len(every)
    assert [one.index for one in every] == list(range(len(every)))
    return [one.data for one in every]


def problems(data):
    return [one.problem and one.problem[0] for one in found(data)]


def certificate_pem(der):
    return csrs.pem(der, header="CERTIFICATE")


def zipped(entries, compression=zipfile.ZIP_DEFLATED):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return packed.getvalue()


def test_der_is_one_document(ders):
    assert octets(ders[0]) == [ders[0]]


def test_pem_holds_a_document_for_each_block(ders):
    assert octets(b"".join(map(certificate_pem, ders))) == ders


@pytest.mark.parametrize("label", ["CERTIFICATE", "X509 CERTIFICATE", "X509 CRL"])
def test_pem_blocks_of_every_label_are_documents(label):
    der = revocation_list()
    assert octets(csrs.pem(der, header=label)) == [der]


def test_csrs_are_documents_in_every_text_form_of_the_portal():
    der = csrs.device(csrs.new_key())
    for form, data in csrs.text_forms(der).items():
        assert octets(data) == [der], form


def test_text_around_pem_blocks_is_passed_over(ders):
    text = b"subject=OU = 07, CN = Z1\n" + certificate_pem(ders[0]) + b"\nthe end - or so\n"
    assert octets(text) == [ders[0]]


def test_a_pem_block_without_its_end_is_told_and_the_next_one_is_read(ders):
    cut = certificate_pem(ders[0]).split(b"-----END")[0]
    assert problems(cut) == ["document.base64"]
    every = found(cut + certificate_pem(ders[1]))
    assert [one.problem and one.problem[0] for one in every] == ["document.base64", None]
    assert every[1].data == ders[1]


def test_a_pem_block_that_ends_with_another_label_is_told(ders):
    crossed = certificate_pem(ders[0]).replace(b"END CERTIFICATE", b"END X509 CRL")
    assert problems(crossed) == ["document.base64"]


def test_broken_base64_is_told_and_the_next_block_is_read(ders):
    broken = certificate_pem(ders[0]).replace(b"MII", b"M*I", 1)
    assert problems(broken + certificate_pem(ders[1])) == ["document.base64", None]


@pytest.mark.parametrize("label", ["PGP MESSAGE", "ATTRIBUTE CERTIFICATE", "A"])
def test_a_pem_block_of_an_unknown_label_is_told(label):
    assert problems(csrs.pem(b"\x30\x00", header=label)) == ["document.unknown_kind"]


def private_keys():
    key, other = csrs.new_key(), csrs.rsa_key()
    no, secret = serialization.NoEncryption(), serialization.BestAvailableEncryption(b"secret")
    private = serialization.PrivateFormat
    return {
        "PKCS#8 P-256": (key, private.PKCS8, no),
        "PKCS#8 RSA": (other, private.PKCS8, no),
        "EC": (key, private.TraditionalOpenSSL, no),
        "RSA": (other, private.TraditionalOpenSSL, no),
        "encrypted PKCS#8": (key, private.PKCS8, secret),
    }


@pytest.mark.parametrize("name", private_keys())
@pytest.mark.parametrize("encoding", [serialization.Encoding.PEM, serialization.Encoding.DER])
def test_a_private_key_is_passed_over_whatever_its_form(ders, name, encoding):
    key, form, encryption = private_keys()[name]
    data = key.private_bytes(encoding, form, encryption)
    assert found(data) == []
    if encoding is serialization.Encoding.PEM:
        assert octets(data + certificate_pem(ders[0])) == [ders[0]]


@pytest.mark.skipif(which("openssl") is None, reason="openssl is not installed")
def test_ec_parameters_and_an_encrypted_key_of_openssl_are_passed_over():
    made = ["openssl", "ecparam", "-name", "prime256v1", "-genkey"]
    plain = subprocess.run(made, capture_output=True, check=True).stdout
    assert b"BEGIN EC PARAMETERS" in plain
    assert found(plain) == []
    locked = subprocess.run(
        ["openssl", "ec", "-aes128", "-passout", "pass:secret"],
        input=plain,
        capture_output=True,
        check=True,
    ).stdout
    assert b"DEK-Info" in locked
    assert found(locked) == []


@pytest.mark.parametrize("form", ["PBESv1SHA1And3KeyTripleDESCBC", "PBESv2SHA256AndAES256CBC"])
def test_a_pkcs12_store_is_told_and_not_opened(ders, form):
    encryption = (
        serialization.PrivateFormat.PKCS12.encryption_builder()
        .key_cert_algorithm(getattr(pkcs12.PBES, form))
        .build(b"secret")
    )
    certificate = x509.load_der_x509_certificate(ders[0])
    store = pkcs12.serialize_key_and_certificates(None, None, certificate, None, encryption)
    assert problems(store) == ["document.unknown_kind"]
    assert problems(base64.b64encode(store)) == ["document.unknown_kind"]


@pytest.mark.parametrize("encoding", [serialization.Encoding.PEM, serialization.Encoding.DER])
def test_pkcs7_holds_its_certificates_whatever_its_encoding(ders, encoding):
    bundle = pkcs7.serialize_certificates(
        [x509.load_der_x509_certificate(der) for der in ders], encoding
    )
    assert sorted(octets(bundle)) == sorted(ders)


def test_pkcs7_without_certificates_is_told():
    oid = bytes.fromhex("06092a864886f70d010702")
    empty = encode.sequence(oid, encode.tlv(0xA0, encode.sequence(b"\x02\x01\x01")))
    assert problems(empty) == ["document.unknown_kind"]
    assert problems(empty[:-2]) == ["document.unknown_kind"]


def test_a_certificate_in_pkcs7_that_is_too_long_is_told():
    oid = bytes.fromhex("06092a864886f70d010702")
    huge = encode.sequence(encode.octet_string(bytes(MAX_OCTETS)))
    content = encode.sequence(b"\x02\x01\x01", b"\x31\x00", b"\x30\x00", encode.tlv(0xA0, huge))
    bundle = encode.sequence(oid, encode.tlv(0xA0, content))
    assert problems(bundle) == ["document.too_long"]


def test_a_key_store_holds_its_certificates_in_the_order_of_the_file(ders):
    entries = {
        str(number): {"certificate": certificate_pem(der).decode(), "privateKey": "x", "role": 2}
        for number, der in enumerate(ders)
    }
    store = {"00db123456780004": {"digitalSignature": entries}}
    assert octets(json.dumps(store, indent=2).encode()) == ders


@pytest.mark.parametrize(
    "text",
    [
        b"{}x",
        b'{"a": 1}',
        b'{"a": {"b": {"c": {}}}}',
        b'{"a": {"b": {"c": {"certificate": 5}}}}',
        b'{"a": "\xff"}',
        b'{"\\ud800": 1}',
        b'{"a":' * 5000,
    ],
)
def test_json_that_is_no_key_store_is_told(text):
    assert problems(text) == ["document.unknown_kind"]


def test_a_key_store_whose_certificate_is_no_pem_is_told():
    store = {"a": {"b": {"c": {"certificate": "nothing \ud7ff"}}}}
    assert problems(json.dumps(store).encode()) == ["document.base64"]
    store["a"]["b"]["c"]["certificate"] = (
        "-----BEGIN CERTIFICATE-----\nMI\u00fc\n-----END CERTIFICATE-----"
    )
    assert problems(json.dumps(store).encode()) == ["document.base64"]


@pytest.mark.parametrize("data", [b"", b"\n", b"hello", b"\x00\x01", b"PK", "übrigens".encode()])
def test_anything_else_is_of_an_unknown_kind(data):
    assert problems(data) == ["document.unknown_kind"]


def test_a_folder_is_walked_in_the_order_of_its_paths(tmp_path, ders):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "1.pem").write_bytes(certificate_pem(ders[1]))
    (tmp_path / "a.der").write_bytes(ders[0])
    (tmp_path / "c.cer").write_bytes(base64.b64encode(ders[2]))
    assert list(sources([str(tmp_path)])) == [
        Source(str(tmp_path / "a.der"), 0, ders[0]),
        Source(str(tmp_path / "b" / "1.pem"), 0, ders[1]),
        Source(str(tmp_path / "c.cer"), 0, ders[2]),
    ]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_named_pipe_in_a_folder_is_not_waited_for(tmp_path, ders):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "one.der").write_bytes(ders[0])
    assert [one.data for one in sources([str(tmp_path)])] == [ders[0]]


def test_a_folder_that_links_to_itself_is_walked_once(tmp_path, ders):
    (tmp_path / "one.der").write_bytes(ders[0])
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)
    assert [one.data for one in sources([str(tmp_path)])] == [ders[0]]


def test_the_name_of_a_file_says_nothing_of_what_it_holds(tmp_path, ders):
    (tmp_path / "key.zip").write_bytes(certificate_pem(ders[0]))
    assert [one.data for one in sources([str(tmp_path / "key.zip")])] == [ders[0]]


@pytest.mark.parametrize("name", ["missing.pem", "no/such/folder"])
def test_a_file_that_is_not_there_is_an_error(tmp_path, name):
    with pytest.raises(InputError) as caught:
        list(sources([str(tmp_path / name)]))
    assert caught.value.code == "input.unreadable"
    assert name in caught.value.message


def test_a_file_that_is_too_long_is_told_and_the_next_one_is_read(tmp_path, ders):
    with (tmp_path / "a").open("wb") as file:
        file.truncate(MAX_FILE_OCTETS + 1)
    (tmp_path / "b").write_bytes(ders[0])
    first, second = sources([str(tmp_path)])
    assert first.problem[0] == "document.too_long"
    assert second.data == ders[0]


@pytest.mark.parametrize(
    "compression",
    [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA],
)
def test_a_zip_holds_its_entries_whatever_their_compression(tmp_path, ders, compression):
    path = tmp_path / "batch"
    entries = {f"{n}.csr": base64.b64encode(der) for n, der in enumerate(ders)}
    path.write_bytes(zipped(entries, compression))
    every = list(sources([str(path)]))
    assert [one.data for one in every] == ders
    assert [one.file for one in every] == [f"{path}!{n}.csr" for n in range(3)]
    assert [one.data for one in found(path.read_bytes())] == ders


def test_a_zip_inside_a_zip_is_not_opened(ders):
    inner = zipped({"a.csr": ders[0]})
    assert problems(zipped({"inner.zip": inner})) == ["document.zip"]


def test_a_zip_without_files_is_told():
    assert problems(zipped({})) == ["document.zip"]
    assert problems(zipped({"folder/": b""})) == ["document.zip"]


def test_a_zip_with_one_file_too_many_is_told_at_once():
    limit = {f"{number}": b"" for number in range(MAX_ZIP_ENTRIES)}
    assert len(found(zipped(limit, zipfile.ZIP_STORED))) == MAX_ZIP_ENTRIES
    over = zipped({**limit, "one more": b""}, zipfile.ZIP_STORED)
    assert problems(over) == ["document.zip"]
    assert "50001" in found(over)[0].problem[1]


def test_a_zip_that_unpacks_to_too_much_is_not_unpacked():
    piece = bytes(16 << 20)
    bomb = zipped({str(n): piece for n in range(MAX_ZIP_OCTETS // len(piece) + 1)})
    assert len(bomb) < 1 << 20
    assert problems(bomb) == ["document.zip"]


def test_a_zip_whose_entry_is_longer_than_it_says_is_told():
    bomb = bytearray(zipped({"a": bytes(4 * MAX_OCTETS)}))
    directory = bomb.index(b"PK\x01\x02")
    for at in (22, directory + 24):
        bomb[at : at + 4] = struct.pack("<I", 10)
    assert problems(bytes(bomb)) == ["document.zip"]


def test_an_entry_that_is_too_long_is_told_and_the_next_one_is_read(ders):
    packed = zipped({"a": bytes(MAX_OCTETS + 1), "b": ders[0]})
    assert problems(packed) == ["document.too_long", None]


def test_an_encrypted_zip_is_told(ders):
    packed = bytearray(zipped({"a": ders[0]}))
    packed[6] |= 1
    packed[packed.index(b"PK\x01\x02") + 8] |= 1
    assert problems(bytes(packed)) == ["document.zip"]


def test_an_entry_that_is_broken_is_told_and_the_next_one_is_read(ders):
    packed = bytearray(zipped({"a": ders[0], "b": ders[1]}))
    at = 30 + 1 + 40
    packed[at : at + 8] = bytes(8)
    every = found(bytes(packed))
    assert [one.problem and one.problem[0] for one in every] == ["document.zip", None]
    assert every[1].data == ders[1]


@pytest.mark.parametrize("keep", [4, 40, 0.5, 0.99])
def test_a_zip_that_is_cut_off_is_told(ders, keep):
    packed = zipped({"a": ders[0], "b": ders[1]})
    cut = packed[: keep if isinstance(keep, int) else int(keep * len(packed))]
    assert problems(cut) == ["document.zip"]


def test_a_zip_of_an_unknown_compression_is_told(ders):
    packed = bytearray(zipped({"a": ders[0]}))
    packed[8] = 99
    packed[packed.index(b"PK\x01\x02") + 10] = 99
    assert problems(bytes(packed)) == ["document.zip"]
