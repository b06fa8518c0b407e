"""Other people's certificates and keys come in from whatever files hold them, or it is said why."""

from __future__ import annotations

import functools
import io
import json
import random
import subprocess
import zipfile
from shutil import which

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import csrs
from mutation import cut, flip_bits, lie_about_length, revocation_list, with_field
from smki_testca.der import encode
from smki_testca.der.read import read
from smki_testca.errors import InputError
from smki_testca.estate.certificates import Selection
from smki_testca.exporters.export import export
from smki_testca.importers import intake
from smki_testca.importers.intake import take_in
from smki_testca.importers.sources import sources
from smki_testca.pkcs12 import decryption as unlocking
from smki_testca.pkcs12 import reader as stores
from smki_testca.pkcs12.decryption import Unlocker
from smki_testca.x509.names import ECDSA_WITH_NULL

PHRASE, OTHER = "pässwörd", "another"
needs_openssl = pytest.mark.skipif(which("openssl") is None, reason="openssl is not installed")


def pem(der, header="CERTIFICATE"):
    return csrs.pem(der, header=header)


def pkcs8(key, passphrase=None, encoding=serialization.Encoding.PEM):
    encryption = serialization.NoEncryption()
    if passphrase is not None:
        encryption = serialization.BestAvailableEncryption(passphrase.encode())
    return key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, encryption)


@pytest.fixture(scope="session")
def pairs(quickstart_original):
    """Certificates of a supplier, each with its private key: by the names of their files."""
    folder = quickstart_original / "export" / "pem" / "ZAZ1" / "organisation" / "supplier-one"
    found = {}
    for path in sorted(folder.glob("*.pem")):
        (one,) = sources([str(path)])
        key = serialization.load_pem_private_key(path.with_suffix(".key").read_bytes(), None)
        found[path.stem] = (one.data, key)
    assert len(found) >= 3
    return found


@pytest.fixture
def pair(pairs):
    return next(iter(pairs.values()))


def taken(data, **options):
    return take_in(["-"], data, **options)


def refused(data, **options):
    with pytest.raises(InputError) as caught:
        taken(data, **options)
    assert caught.value.message.isprintable()
    return caught.value.code


def numbers(key):
    return None if key is None else key.private_numbers()


def same(found, pair):
    return found.der == pair[0] and numbers(found.key) == numbers(pair[1])


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
    (one,) = take_in([str(folder)]).certificates
    assert isinstance(one.key, rsa.RSAPrivateKey)
    assert one.label == "iki-supplier-one"


def test_without_keys_none_is_read_and_no_passphrase_is_asked_for(pair):
    der, key = pair
    (one,) = taken(pem(der) + pkcs8(key, PHRASE), with_keys=False).certificates
    assert one.key is None


def test_a_key_on_its_own_is_loose(pairs):
    (_, first), (second, _), *_ = pairs.values()
    found = taken(pem(second) + pkcs8(first))
    assert [numbers(one.key) for one in found.loose_keys] == [numbers(first)]
    assert found.certificates[0].key is None
    assert taken(pkcs8(first)).certificates == ()


def test_one_key_of_several_certificates_goes_to_each(pair):
    der, key = pair
    renewed = with_field(der, "serialNumber", encode.integer(4711))
    found = taken(pem(der) + pkcs8(key) + pem(renewed))
    assert [numbers(one.key) for one in found.certificates] == [numbers(key)] * 2


def test_a_compressed_point_is_the_same_key(pair):
    der, key = pair
    spki = key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
    )
    algorithm = csrs.spki(key)[2:23]
    compressed = encode.sequence(algorithm, encode.bit_string(spki))
    strange = with_field(der, "subjectPublicKeyInfo", compressed)
    (one,) = taken(pem(strange) + pkcs8(key)).certificates
    assert numbers(one.key) == numbers(key)


def test_a_certificate_that_comes_twice_is_taken_once(pair):
    found = taken(pem(pair[0]) * 3)
    assert [one.der for one in found.certificates] == [pair[0]]


def test_defective_certificates_are_taken_octet_for_octet(pair):
    der = with_field(pair[0], "signature", ECDSA_WITH_NULL)
    with pytest.raises(ValueError, match=r"."):
        x509.load_der_x509_certificate(der)
    (one,) = taken(der).certificates
    assert one.der == der


def key_store(entries, eui64="90b3d51f30010000"):
    return json.dumps({eui64: {"digitalSignature": entries}}).encode()


def entry(der, key, name):
    return {"certificate": pem(der).decode(), "privateKey": key, "name": name, "role": 2}


def test_a_key_store_gives_labels_and_keys(tmp_path, pairs):
    entries = {
        str(number): entry(der, pkcs8(key).decode(), f"Z1-{number}")
        for number, (der, key) in enumerate(pairs.values())
    }
    (tmp_path / "keystore.json").write_bytes(key_store(entries))
    found = take_in([str(tmp_path / "keystore.json")])
    assert [one.label for one in found.certificates] == [f"Z1-{n}" for n in range(len(pairs))]
    assert {one.source for one in found.certificates} == {"keystore.json"}
    for one, pair in zip(found.certificates, pairs.values(), strict=True):
        assert same(one, pair)


def test_a_key_beside_a_certificate_that_is_not_its_own_is_remarked_on(pairs):
    (first, its), (second, other), *_ = pairs.values()
    swapped = {
        "1": entry(first, pkcs8(other).decode(), "one"),
        "2": entry(second, pkcs8(its).decode(), "two"),
    }
    found = taken(key_store(swapped))
    assert [(one.code, one.source) for one in found.remarks] == [
        ("import.key_mismatch", "- (one)"),
        ("import.key_mismatch", "- (two)"),
    ]
    # Their public keys tell where they belong all the same.
    assert same(found.certificates[0], (first, its))
    assert found.loose_keys == ()


@pytest.mark.parametrize("key", ["x", "-----BEGIN PRIVATE KEY-----", 5, [], "", None])
def test_a_key_store_with_a_broken_key_still_gives_its_certificate(pair, key):
    found = taken(key_store({"1": entry(pair[0], key, "a")}))
    assert found.certificates[0].key is None
    broken = isinstance(key, str) and bool(key)
    assert [one.code for one in found.remarks] == ["key.unreadable"] * broken


def test_org_crypto_zip_is_paired_and_labelled_by_its_entries(tmp_path, pairs):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, (der, key) in pairs.items():
            archive.writestr(f"org/cert/{name}.pem", pem(der))
            archive.writestr(f"org/key/{name}.key", pkcs8(key))
    (tmp_path / "org-crypto.zip").write_bytes(packed.getvalue())
    found = take_in([str(tmp_path / "org-crypto.zip")])
    assert [one.label for one in found.certificates] == list(pairs)
    assert found.certificates[0].source == f"org-crypto.zip!org/cert/{next(iter(pairs))}.pem"
    assert all(same(a, b) for a, b in zip(found.certificates, pairs.values(), strict=True))


def test_pkcs7_gives_its_certificates_without_labels(pairs):
    ders = [der for der, _ in pairs.values()]
    bundle = pkcs7.serialize_certificates(
        [x509.load_der_x509_certificate(der) for der in ders], serialization.Encoding.DER
    )
    found = taken(bundle)
    assert {one.der for one in found.certificates} == set(ders)
    assert {one.label for one in found.certificates} == {None}


def store(pair, passphrase, others=(), name=b"a friend"):
    encryption = serialization.NoEncryption()
    if passphrase:
        encryption = serialization.BestAvailableEncryption(passphrase.encode())
    return pkcs12.serialize_key_and_certificates(
        name,
        pair[1],
        x509.load_der_x509_certificate(pair[0]),
        [x509.load_der_x509_certificate(der) for der in others],
        encryption,
    )


@pytest.mark.parametrize("phrase", [PHRASE, None])
def test_a_pkcs12_store_gives_its_certificates_key_and_friendly_name(pairs, phrase):
    first, (second, _), *_ = pairs.values()
    found = taken(store(first, phrase, [second]), passphrase=phrase)
    assert same(found.certificates[0], first)
    assert found.certificates[0].label == "a friend"
    assert [one.der for one in found.certificates] == [first[0], second]


@needs_openssl
@pytest.mark.parametrize(
    "options",
    [
        "",
        "-legacy",
        "-nomac",
        "-certpbe NONE -keypbe NONE",
        "-certpbe PBE-SHA1-3DES -keypbe PBE-SHA1-3DES -macalg sha1",
        "-certpbe PBE-SHA1-2DES -keypbe PBE-SHA1-2DES -macalg sha256",
        "-certpbe PBE-SHA1-RC2-128 -keypbe PBE-SHA1-3DES -legacy",
        "-certpbe AES-128-CBC -keypbe DES-EDE3-CBC -macalg sha512",
    ],
)
@pytest.mark.parametrize("phrase", [PHRASE, ""])
def test_stores_of_openssl_open_under_every_algorithm_it_has(tmp_path, pair, options, phrase):
    (tmp_path / "one.pem").write_bytes(pem(pair[0]) + pkcs8(pair[1]))
    made = subprocess.run(
        [
            *("openssl", "pkcs12", "-export", "-in", "one.pem", "-out", "one.p12"),
            *("-name", "Z1-é", "-passout", f"pass:{phrase}", *options.split()),
        ],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    if made.returncode != 0 and b"legacy" in made.stderr + options.encode():
        pytest.skip("this openssl has no legacy algorithms")
    assert made.returncode == 0, made.stderr
    data = (tmp_path / "one.p12").read_bytes()
    (one,) = taken(data, passphrase=phrase or None).certificates
    assert same(one, pair)
    if phrase:
        assert refused(data) == "import.passphrase"
    if "NONE" not in options or "-nomac" not in options:
        assert refused(data, passphrase=OTHER) == "import.passphrase"


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
    (one,) = taken(pem(pair[0]) + locked, passphrase=OTHER).certificates
    assert same(one, pair)
    assert refused(locked) == refused(locked, passphrase=PHRASE) == "import.passphrase"


@pytest.mark.parametrize(
    "key", [ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP384R1())]
)
def test_a_key_of_another_kind_is_remarked_on_or_loose(pair, key):
    found = taken(pem(pair[0]) + pkcs8(key))
    on_a_curve = isinstance(key, ec.EllipticCurvePrivateKey)
    assert len(found.loose_keys) == on_a_curve
    assert [one.code for one in found.remarks] == ["key.unreadable"] * (not on_a_curve)


def test_csrs_and_crls_are_left_with_a_remark(pair):
    data = pem(revocation_list(), "X509 CRL") + pem(pair[0])
    data += pem(csrs.device(csrs.new_key()), "CERTIFICATE REQUEST")
    found = taken(data)
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


def test_labels_of_others_are_made_fit_to_print(pair):
    found = taken(key_store({"1": entry(pair[0], None, "\x1b[2J" + "x" * 500)}))
    label = found.certificates[0].label
    assert label.isprintable()
    assert len(label) == intake.MAX_LABEL_CHARACTERS


def safe_bag(kind, value):
    oid = encode.oid(f"1.2.840.113549.1.12.10.1.{kind}")
    return encode.sequence(oid, encode.tlv(0xA0, value))


def certificate_bag(der):
    oid = encode.oid("1.2.840.113549.1.9.22.1")
    return safe_bag(3, encode.sequence(oid, encode.tlv(0xA0, encode.octet_string(der))))


def content(octets):
    oid = encode.oid("1.2.840.113549.1.7.1")
    return encode.sequence(oid, encode.tlv(0xA0, encode.octet_string(octets)))


def plain_store(*bags):
    safe = encode.sequence(content(encode.sequence(*bags)))
    return encode.sequence(encode.integer(3), content(safe))


def test_a_store_gives_a_certificate_that_strict_readers_refuse(pair):
    der = with_field(pair[0], "signature", ECDSA_WITH_NULL)
    key_bag = safe_bag(1, pkcs8(pair[1], encoding=serialization.Encoding.DER))
    data = plain_store(certificate_bag(der), key_bag)
    with pytest.raises(ValueError, match=r"."):
        pkcs12.load_pkcs12(data, None)
    (one,) = taken(data).certificates
    assert same(one, (der, pair[1]))


def nested(bag, depth):
    for _ in range(depth):
        bag = safe_bag(6, encode.sequence(bag))
    return bag


def test_bags_nest_so_deep_and_no_deeper(pair):
    deepest = stores.MAX_NESTING - 1
    assert len(taken(plain_store(nested(certificate_bag(pair[0]), deepest))).certificates) == 1
    assert refused(plain_store(nested(certificate_bag(pair[0]), deepest + 1))) == "import.pkcs12"


def test_a_store_with_one_bag_too_many_is_refused(monkeypatch, pair):
    monkeypatch.setattr(stores, "MAX_BAGS", 3)
    bag = certificate_bag(pair[0])
    assert len(taken(plain_store(*[bag] * 3)).certificates) == 1
    assert refused(plain_store(*[bag] * 4)) == "import.pkcs12"


def locked_key(derivation, iterations_or_cost):
    """An encrypted PKCS#8 key that asks for so much work; what it holds does not matter."""
    if derivation == "pbkdf2":
        oid, numbers = "1.2.840.113549.1.5.12", [iterations_or_cost]
    else:
        oid, numbers = "1.3.6.1.4.1.11591.4.11", [iterations_or_cost, 8, 1]
    parameters = encode.sequence(encode.octet_string(bytes(8)), *map(encode.integer, numbers))
    cipher = encode.sequence(encode.oid("2.16.840.1.101.3.4.1.2"), encode.octet_string(bytes(16)))
    scheme = encode.sequence(
        encode.oid("1.2.840.113549.1.5.13"),
        encode.sequence(encode.sequence(encode.oid(oid), parameters), cipher),
    )
    return encode.sequence(scheme, encode.octet_string(bytes(32)))


@pytest.mark.parametrize(
    ("derivation", "number"),
    [
        ("pbkdf2", unlocking.MAX_ITERATIONS + 1),
        ("pbkdf2", 1 << 62),
        ("pbkdf2", 0),
        ("pbkdf2", -1),
        ("scrypt", 1 << 20),
        ("scrypt", 1 << 40),
        ("scrypt", 0),
    ],
)
def test_a_key_that_asks_for_too_much_work_is_refused_at_once(derivation, number):
    assert refused(locked_key(derivation, number), passphrase=OTHER) == "import.work"


def test_the_work_of_many_keys_is_counted_together():
    unlocker = Unlocker("x", iterations_left=2500)
    one = locked_key("pbkdf2", 1000)
    for _ in range(2):
        with pytest.raises(InputError) as caught:
            unlocker.private_key(one, "a key")
        assert caught.value.code == "import.passphrase"
    with pytest.raises(InputError) as caught:
        unlocker.private_key(one, "a key")
    assert caught.value.code == "import.work"


def test_the_mac_of_a_store_counts_as_work(pair):
    version, safe, mac = read(store(pair, PHRASE))[0].children
    parts = [one.encoded for one in mac.children[:2]]
    hungry = encode.sequence(*parts, encode.integer(unlocking.MAX_ITERATIONS + 1))
    data = encode.sequence(version.encoded, safe.encoded, hungry)
    assert refused(data, passphrase=PHRASE) == "import.work"


def test_so_many_rsa_keys_are_read_and_no_more(monkeypatch):
    key = pkcs8(csrs.rsa_key())
    partial = functools.partial(Unlocker, large_keys_left=2)
    monkeypatch.setattr(intake, "Unlocker", partial)
    assert len(taken(key * 2).loose_keys) == 1
    assert refused(key * 3) == "import.work"


def test_a_key_that_is_too_long_is_not_read():
    long = b"\x00" * unlocking.MAX_KEY_OCTETS
    assert Unlocker().private_key(b"\x30\x82\x10\x00\x02\x01\x00\x30" + long, "a key") is None
    plain = encode.sequence(b"\x02\x01\x00", encode.octet_string(bytes(3000)))
    assert Unlocker().private_key(plain, "a key") is None


@pytest.mark.parametrize(("limit", "value"), [("MAX_CERTIFICATES", 2), ("MAX_OCTETS", 1000)])
def test_one_import_takes_so_many_certificates_and_no_more(monkeypatch, pairs, limit, value):
    monkeypatch.setattr(intake, limit, value)
    ders = [pem(der) for der, _ in pairs.values()]
    assert len(taken(b"".join(ders[:2])).certificates) == 2
    assert refused(b"".join(ders[:3])) == "import.too_much"


def test_one_import_reads_so_many_keys_and_no_more(monkeypatch, pair):
    monkeypatch.setattr(intake, "MAX_KEYS", 2)
    key = pkcs8(pair[1])
    assert len(taken(key * 2).loose_keys) == 1
    assert refused(key * 3) == "import.too_much"


def test_a_store_under_an_unknown_algorithm_says_how_to_convert_it():
    scheme = encode.sequence(encode.oid("1.2.840.113549.1.5.3"), encode.sequence())
    locked = encode.sequence(scheme, encode.octet_string(bytes(16)))
    assert refused(locked, passphrase=OTHER) == "import.algorithm"


@pytest.fixture(scope="module")
def containers(quickstart_original):
    """Files of every form, to be broken."""
    folder = quickstart_original / "export" / "pem" / "ZAZ1" / "organisation" / "supplier-one"
    path = min(folder.glob("*.pem"))
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
    partial = functools.partial(Unlocker, iterations_left=50_000)
    monkeypatch.setattr(intake, "Unlocker", partial)


@pytest.mark.usefixtures("_little_work")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.sampled_from([None, "", "x"]))
@example(b"\x30\x80\x02\x01\x03\x30\x00\x00\x00", None)
@example(b"\x30\x0b\x30\x09\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d", "x")
def test_any_octets_are_taken_or_refused(data, passphrase):
    survives(data, passphrase)


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
