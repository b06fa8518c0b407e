"""What a user names: URLs, certificates and keys."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

import csrs
from bad_servers import authority, issued
from smki_testca.client.address import Address
from smki_testca.client.credentials import Credentials, certificates_in
from smki_testca.client.handshake import client_context
from smki_testca.client.references import check_reference, reference_of
from smki_testca.errors import InputError


@pytest.mark.parametrize(
    ("url", "shown", "target"),
    [
        ("https://a.example", "https://a.example/", "/"),
        ("https://a.example/", "https://a.example/", "/"),
        ("HTTPS://A.example:443/x", "https://a.example/x", "/x"),
        ("http://a:80", "http://a/", "/"),
        ("http://a:8083/x/?b=c", "http://a:8083/x/", "/x/?b=c"),
        ("https://[::1]:8081", "https://[::1]:8081/", "/"),
        ("http://bücher.example/ü", "http://xn--bcher-kva.example/%C3%BC", "/%C3%BC"),
        ("http://a/%20b", "http://a/%20b", "/%20b"),
    ],
)
def test_urls_are_read(url, shown, target):
    address = Address.parse(url)
    assert (str(address), address.target) == (shown, target)


@pytest.mark.parametrize(
    ("url", "path"), [("https://a", "/p"), ("https://a/", "/p"), ("https://a/own", "/own")]
)
def test_a_base_gets_the_path_of_a_service_and_a_whole_url_stays(url, path):
    assert Address.parse(url).at("/p").path == path


@pytest.mark.parametrize(
    "url",
    [
        *("", "a.example", "ftp://a", "https://", "https:///x", "https://a:99999", "https://a:0"),
        *(
            "https://a:x",
            "https://a/#f",
            "https://a/ b",
            "https://a/\n",
            "https://[::1",
            "file:///x",
        ),
        *("https://" + "a" * 3000, "https://a..b", "https://[zz]"),
    ],
)
def test_what_is_no_url_of_a_service(url):
    with pytest.raises(InputError) as caught:
        Address.parse(url)
    assert caught.value.code == "client.url"
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    "url",
    [
        "https://me:secret@a",
        "https://secret@a",
        "https://a/?apikey=secret",
        "ftp://me:secret@a",
        "https://a/ ?apikey=secret",
        "https://a/?x&APIKEY=secret",
    ],
)
def test_a_url_with_a_secret_is_refused_and_not_quoted(url):
    with pytest.raises(InputError) as caught:
        Address.parse(url)
    assert "secret" not in caught.value.message + caught.value.remedy


def fails(code, certificate, key, passphrase=None):
    with pytest.raises(InputError) as caught:
        Credentials.read(certificate, key, passphrase)
    assert caught.value.code == code, caught.value.message
    return caught.value


def test_a_certificate_and_its_key_are_read_with_the_chain(tmp_path):
    certificate, key = issued("client").files(tmp_path)
    certificate.write_bytes(issued("client").pem + authority().pem)
    read = Credentials.read(certificate, key, None)
    assert read.chain == (issued("client").der, authority().der)
    assert read.subject == "CN=client"
    client_context(None, read, None)


def test_an_encrypted_key_opens_with_its_passphrase_alone(tmp_path):
    files = issued("client").files(tmp_path, passphrase=b"open sesame")
    assert Credentials.read(*files, "open sesame").subject == "CN=client"
    assert "--key-passphrase-file" in fails("client.key_passphrase", *files).remedy
    assert "another" not in fails("client.key_passphrase", *files, "another").message


def test_a_key_of_another_certificate(tmp_path):
    certificate, _ = issued("client").files(tmp_path)
    _, key = issued("other").files(tmp_path, "other")
    fails("client.key_mismatch", certificate, key)


def test_a_file_that_holds_no_key(tmp_path):
    certificate, _ = issued("client").files(tmp_path)
    fails("client.key", certificate, certificate)


def test_a_key_of_another_kind(tmp_path):
    certificate, key = issued("client").files(tmp_path)
    key.write_bytes(
        ed25519.Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    fails("client.key", certificate, key)


def test_files_that_are_not_there(tmp_path):
    certificate, key = issued("client").files(tmp_path)
    fails("input.unreadable", certificate, tmp_path / "none")
    fails("input.unreadable", tmp_path / "none", key)


@pytest.mark.parametrize("content", [b"", b"text", csrs.pem(csrs.device(csrs.new_key()))])
def test_a_file_of_certificates_holds_certificates_alone(tmp_path, content):
    path = tmp_path / "ca.pem"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as caught:
        certificates_in(path)
    assert caught.value.code == "client.certificates"


def test_a_reference_follows_from_the_csrs():
    assert reference_of("csr", [b"a"]) == reference_of("csr", [b"a"])
    assert reference_of("csr", [b"a"]) != reference_of("csr", [b"b"])
    check_reference(reference_of("batch", [b"a"]), 32)


@pytest.mark.parametrize("reference", ["", "x" * 33, "a\nb", "a\x00"])
def test_a_reference_that_no_request_can_have(reference):
    with pytest.raises(InputError) as caught:
        check_reference(reference, 32)
    assert caught.value.code == "client.reference"
