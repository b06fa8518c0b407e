"""Other people's certificates and keys come in from whatever files hold them, or it is said why."""

from __future__ import annotations

import functools
import random

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import csrs
from material import (
    PHRASE,
    certificate_bag,
    entry,
    key_store,
    locked_key,
    nested,
    numbers,
    pem,
    pkcs8,
    plain_store,
    refused,
    safe_bag,
    same,
    store,
    take,
)
from nodes import with_field
from noise import cut, flip_bits, lie_about_length
from seeds import revocation_list
from smki_testca.der import encode
from smki_testca.errors import InputError
from smki_testca.estate.certificates import Selection
from smki_testca.exporters.export import export
from smki_testca.importers import intake
from smki_testca.importers.intake import take_in
from smki_testca.importers.sources import sources
from smki_testca.pkcs12.decryption import Decryptor
from smki_testca.x509.names import ECDSA_WITH_NULL


def test_a_folder_of_certificates_and_keys_is_paired_by_public_key(tmp_path, pairs):
    kit = tmp_path / "somebody" / "kit"
    (kit / "a").mkdir(parents=True)
    (kit / "b").mkdir()
    for number, (name, (der, key)) in enumerate(pairs.items()):
        (kit / "a" / f"{name}.pem").write_bytes(pem(der))
        (kit / "b" / f"{number}.key").write_bytes(pkcs8(key))
    found = take_in([str(kit)])
    assert [one.label for one in found.certificates] == list(pairs)
    assert [one.source for one in found.certificates] == [f"kit/a/{name}.pem" for name in pairs]
    for one, pair in zip(found.certificates, pairs.values(), strict=True):
        assert same(one, pair)
    assert found.loose_keys == ()
    assert found.remarks == ()


def test_without_keys_none_is_read_and_no_passphrase_is_asked_for(pair):
    der, key = pair
    (one,) = take(pem(der) + pkcs8(key, PHRASE), with_keys=False).certificates
    assert one.key is None


def test_a_key_on_its_own_is_loose(pairs):
    (_, first), (second, _), *_ = pairs.values()
    found = take(pem(second) + pkcs8(first))
    assert [numbers(one.key) for one in found.loose_keys] == [numbers(first)]
    assert found.certificates[0].key is None
    assert take(pkcs8(first)).certificates == ()


def test_one_key_of_several_certificates_goes_to_each(pair):
    der, key = pair
    renewed = with_field(der, "serialNumber", encode.integer(4711))
    found = take(pem(der) + pkcs8(key) + pem(renewed))
    assert [numbers(one.key) for one in found.certificates] == [numbers(key)] * 2


def test_a_compressed_point_is_the_same_key(pair):
    der, key = pair
    spki = key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
    )
    algorithm = csrs.spki(key)[2:23]
    compressed = encode.sequence(algorithm, encode.bit_string(spki))
    strange = with_field(der, "subjectPublicKeyInfo", compressed)
    (one,) = take(pem(strange) + pkcs8(key)).certificates
    assert numbers(one.key) == numbers(key)


def test_a_certificate_that_comes_twice_is_taken_once(pair):
    found = take(pem(pair[0]) * 3)
    assert [one.der for one in found.certificates] == [pair[0]]


def test_defective_certificates_are_taken_octet_for_octet(pair):
    der = with_field(pair[0], "signature", ECDSA_WITH_NULL)
    with pytest.raises(ValueError, match=r"."):
        x509.load_der_x509_certificate(der)
    (one,) = take(der).certificates
    assert one.der == der


def test_csrs_and_crls_are_left_with_a_remark(pair):
    data = pem(revocation_list(), "X509 CRL") + pem(pair[0])
    data += pem(csrs.device(csrs.new_key()), "CERTIFICATE REQUEST")
    found = take(data)
    assert [one.code for one in found.remarks] == ["import.no_certificate"] * 2
    assert len(found.certificates) == 1


def test_what_cannot_be_read_is_told_beside_what_can(tmp_path, pair):
    (tmp_path / "README.md").write_text("Certificates of somebody.\n")
    (tmp_path / "one.pem").write_bytes(pem(pair[0]))
    found = take_in([str(tmp_path)])
    assert [(one.source, one.code) for one in found.remarks] == [
        (f"{tmp_path.name}/README.md", "document.unknown_kind")
    ]
    assert len(found.certificates) == 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "document.unknown_kind"),
        (b"hello", "document.unknown_kind"),
        (b"{}", "import.nothing"),
        (b"\x30\x03\x02\x01\x05", "import.no_certificate"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "key.unreadable"),
        (b"\x30\x06\x02\x01\x03\x30\x01\x00", "import.pkcs12"),
    ],
)
def test_files_with_nothing_to_take_are_refused_with_the_first_reason(data, code):
    assert refused(data) == code


def test_folders_above_what_was_named_are_not_kept(tmp_path, pair, monkeypatch):
    secret = tmp_path / "secret-project"
    secret.mkdir()
    (secret / "one.pem").write_bytes(pem(pair[0]))
    monkeypatch.chdir(secret)
    for named in (secret / "one.pem", "one.pem", ".", "./one.pem", "../secret-project/one.pem"):
        (one,) = take_in([str(named)]).certificates
        assert one.source == "one.pem"
        assert one.label == "one"


@pytest.mark.parametrize(("limit", "value"), [("MAX_CERTIFICATES", 2), ("MAX_OCTETS", 1000)])
def test_one_import_takes_so_many_certificates_and_no_more(monkeypatch, pairs, limit, value):
    monkeypatch.setattr(intake, limit, value)
    ders = [pem(der) for der, _ in pairs.values()]
    assert len(take(b"".join(ders[:2])).certificates) == 2
    assert refused(b"".join(ders[:3])) == "import.too_much"


def test_one_import_reads_so_many_keys_and_no_more(monkeypatch, pair):
    monkeypatch.setattr(intake, "MAX_KEYS", 2)
    key = pkcs8(pair[1])
    assert len(take(key * 2).loose_keys) == 1
    assert refused(key * 3) == "import.too_much"


@pytest.fixture(scope="module")
def containers(quickstart_original):
    """Files of every form, to be broken."""
    folder = quickstart_original / "export" / "pem" / "ZAZ1" / "organisation" / "supplier-one"
    path = min(folder.glob("*-ds.pem"))
    (one,) = sources([str(path)])
    key = serialization.load_pem_private_key(path.with_suffix(".key").read_bytes(), None)
    bags = [certificate_bag(one.data), safe_bag(1, pkcs8(key, None, serialization.Encoding.DER))]
    return [
        one.data,
        pem(one.data) + pkcs8(key),
        key_store({"1": entry(one.data, pkcs8(key).decode(), "a")}),
        store((one.data, key), "x"),
        plain_store(*bags, nested(bags[0], 2)),
        pkcs8(key, "x", serialization.Encoding.DER),
        locked_key("scrypt", 16),
    ]


def survives(data, passphrase):
    """Something is taken, or it is said in one line why nothing is."""
    try:
        found = take_in(["-"], data, passphrase=passphrase)
    except InputError as error:
        refusal: InputError | None = error
    else:
        refusal = None
    if refusal is None:
        assert found.certificates or found.loose_keys
        messages = [one.message for one in found.remarks]
    else:
        messages = [refusal.message]
    assert all(one.isprintable() and len(one) < 600 for one in messages)


@pytest.fixture
def _little_work(monkeypatch):
    partial = functools.partial(Decryptor, iterations_left=50_000)
    monkeypatch.setattr(intake, "Decryptor", partial)


@pytest.mark.usefixtures("_little_work")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.sampled_from([None, "", "x"]))
@example(b"\x30\x80\x02\x01\x03\x30\x00\x00\x00", None)
@example(b"\x30\x0b\x30\x09\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d", "x")
def test_any_octets_are_taken_or_refused(data, passphrase):
    survives(data, passphrase)


@pytest.mark.slow
@pytest.mark.usefixtures("_little_work")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=250)
@given(
    st.integers(0, 6),
    st.integers(0, 1 << 32),
    st.sampled_from([flip_bits, cut, lie_about_length]),
)
def test_broken_files_of_every_form_are_taken_or_refused(containers, which_one, seed, damage):
    chance = random.Random(seed)
    survives(damage(containers[which_one], chance, containers), "x")


# What each format holds of a supplier's certificates; keys that it writes come back with them.
ROUND_TRIPS = {
    "pem": True,
    "der": True,
    "pkcs12": True,
    "pkcs7": False,
    "java": True,
    "keystore-json": True,
    "signing-tool": True,
    "gbcs-parser": True,
    "org-crypto": True,
}


@pytest.mark.slow
@pytest.mark.parametrize("form", ROUND_TRIPS)
def test_what_an_estate_exports_comes_in_again(estate, tmp_path, form):
    wanted = Selection(participant="supplier-one", profile="organisation")
    records = list(estate.select(wanted))
    phrase = "secret" if form in {"pkcs12", "java"} else None
    out = tmp_path / "out"
    export(estate, records, form, out, with_keys=ROUND_TRIPS[form], passphrase=phrase)
    found = take_in([str(out)], passphrase=phrase)
    came = {one.der: one.key for one in found.certificates}
    written = [one for one in records if one.der in came]
    assert len(written) >= 3
    for record in written:
        assert (came[record.der] is not None) == ROUND_TRIPS[form]
    assert found.loose_keys == ()
    assert not [one for one in found.remarks if one.code.startswith(("import.", "key."))]
