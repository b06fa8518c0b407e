"""However a file hides its iterations, they are counted before they run."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import time

import pytest
from cryptography.hazmat.primitives import serialization

from material import PHRASE, content, needs_openssl, pem, pkcs8, refused, same, take
from smki_testca.der import encode
from smki_testca.errors import InputError
from smki_testca.importers.private_keys import PrivateKeyReader
from smki_testca.pkcs12 import decryption, oids
from smki_testca.pkcs12.decryption import MAX_ITERATIONS, MAX_SALT_OCTETS, Decryptor
from smki_testca.pkcs12.reader import StoreReader

HUGE = 1_000_000_000
SALT = encode.octet_string(bytes(8))


def _pbes2(iterations, *, salt=SALT, prf=None, size=None, cipher="2.16.840.1.101.3.4.1.2"):
    optional = [] if size is None else [encode.integer(size)]
    optional += [] if prf is None else [encode.sequence(encode.oid(prf), b"\x05\x00")]
    parameters = encode.sequence(salt, encode.integer(iterations), *optional)
    vector = encode.octet_string(bytes(16))
    return encode.sequence(
        oids.PBES2,
        encode.sequence(
            encode.sequence(oids.PBKDF2, parameters), encode.sequence(encode.oid(cipher), vector)
        ),
    )


def _pkcs12_scheme(scheme, iterations, salt=SALT):
    return encode.sequence(scheme, encode.sequence(salt, encode.integer(iterations)))


def _key(algorithm):
    return encode.sequence(algorithm, encode.octet_string(bytes(32)))


def _block(body, *headers, label="ENCRYPTED PRIVATE KEY"):
    text = base64.encodebytes(body).decode()
    return "\n".join(
        [f"-----BEGIN {label}-----", *headers, text + f"-----END {label}-----"]
    ).encode()


DEK = "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF"


@pytest.mark.parametrize(
    "headers",
    [
        [],
        ["Proc-Type: 4,ENCRYPTED", DEK, ""],
        [DEK, ""],
        ["X: y", ""],
        ["Proc-Type: 4,ENCRYPTED", ""],
    ],
)
@pytest.mark.parametrize("label", ["ENCRYPTED PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY"])
def test_header_lines_of_pem_hide_no_iterations(headers, label):
    data = _block(_key(_pbes2(HUGE)), *headers, label=label)
    code = refused(data, passphrase=PHRASE)
    assert code in {"import.work", "import.passphrase"}


@pytest.mark.parametrize("octets", range(18))
@pytest.mark.parametrize("cipher", ["AES-128-CBC", "AES-256-CBC", "DES-EDE3-CBC", "RC2-40-CBC", ""])
def test_an_initial_vector_of_any_length_is_one_error(capfd, octets, cipher):
    header = f"DEK-Info: {cipher},{'00' * octets}"
    data = _block(bytes(64), "Proc-Type: 4,ENCRYPTED", header, "", label="EC PRIVATE KEY")
    assert refused(data, passphrase=PHRASE) in {
        *("import.algorithm", "import.passphrase", "key.unreadable"),
    }
    assert capfd.readouterr().err == ""


@needs_openssl
@pytest.mark.parametrize("cipher", ["-aes128", "-aes192", "-aes256", "-des3"])
def test_keys_that_openssl_locked_the_old_way_open(tmp_path, pair, cipher):
    (tmp_path / "plain").write_bytes(pkcs8(pair[1]))
    done = subprocess.run(
        ["openssl", "ec", "-in", "plain", cipher, "-passout", f"pass:{PHRASE}"],
        cwd=tmp_path, capture_output=True, check=True,
    )  # fmt: skip
    assert b"DEK-Info" in done.stdout
    assert same(take(pem(pair[0]) + done.stdout, passphrase=PHRASE).certificates[0], pair)


def test_a_block_of_the_key_costs_all_iterations_anew():
    # 24 octets under SHA-1 are two blocks.
    algorithm = _pbes2(MAX_ITERATIONS // 2 + 1, cipher="1.2.840.113549.3.7")
    assert refused(_key(algorithm), passphrase=PHRASE) == "import.work"


def _store(mac_algorithm, *, iterations, contents=b"\x30\x00"):
    mac = encode.sequence(mac_algorithm, encode.octet_string(bytes(32)))
    return encode.sequence(
        encode.integer(3),
        content(contents),
        encode.sequence(mac, SALT, encode.integer(iterations)),
    )


def _pbmac1(iterations, size):
    parameters = encode.sequence(SALT, encode.integer(iterations), encode.integer(size))
    return encode.sequence(
        oids.PBMAC1,
        encode.sequence(
            encode.sequence(oids.PBKDF2, parameters),
            encode.sequence(oids.HMAC_WITH_SHA256, b"\x05\x00"),
        ),
    )


@pytest.mark.parametrize("size", [1, 20, 128])
def test_pbmac1_is_charged_for_each_block(size):
    blocks = -(-size // 20)
    store = _store(_pbmac1(MAX_ITERATIONS // blocks + 1, size), iterations=1)
    assert refused(store, passphrase=PHRASE) == "import.work"


@pytest.mark.parametrize("size", [0, -1, 129, 1 << 40])
def test_pbmac1_makes_no_key_of_another_size(size):
    store = _store(_pbmac1(1, size), iterations=1)
    assert refused(store, passphrase=PHRASE) in {"import.algorithm", "import.pkcs12"}


def test_the_mac_of_a_store_is_charged():
    algorithm = encode.sequence(oids.SHA256, b"\x05\x00")
    assert refused(_store(algorithm, iterations=HUGE), passphrase=PHRASE) == "import.work"


SCHEMES = [*sorted(oids.PKCS12_SCHEMES)]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("hidden", ["encrypted", "key in data", "in segments"])
def test_no_scheme_of_pkcs12_hides_its_iterations(scheme, hidden):
    locked = _key(_pkcs12_scheme(scheme, HUGE))
    cheap = _encrypted(_pkcs12_scheme(oids.RC2_40, 1))
    if hidden == "encrypted":
        contents = [_encrypted(_pkcs12_scheme(scheme, HUGE))]
    elif hidden == "key in data":
        contents = [cheap, content(encode.sequence(_shrouded(locked)))]
    else:
        bags = encode.sequence(_shrouded(locked))
        segments = encode.tlv(0x24, *[b"".join(map(encode.octet_string, (bags[:9], bags[9:])))])
        contents = [cheap, encode.sequence(oids.DATA, encode.tlv(0xA0, segments))]
    data = encode.sequence(encode.integer(3), content(encode.sequence(*contents)))
    assert refused(data, passphrase=PHRASE) in {"import.work", "import.algorithm"}


def test_beside_40_bit_rc2_no_scheme_is_read_whose_work_is_unknown():
    contents = [_encrypted(_pkcs12_scheme(oids.RC2_40, 1)), _encrypted(_pbes2(1))]
    data = encode.sequence(encode.integer(3), content(encode.sequence(*contents)))
    assert refused(data, passphrase=PHRASE) == "import.algorithm"


def _encrypted(algorithm):
    info = encode.sequence(oids.DATA, algorithm, encode.tlv(0x80, bytes(16)))
    inner = encode.sequence(encode.integer(0), info)
    return encode.sequence(oids.ENCRYPTED_DATA, encode.tlv(0xA0, inner))


def _shrouded(locked):
    return encode.sequence(oids.SHROUDED_KEY_BAG, encode.tlv(0xA0, locked))


@pytest.mark.parametrize(
    "numbers", [(HUGE, 8, 1), (2, HUGE, 1), (2, 1, HUGE), (-2, -1, 1), (0, 8, 1), (3, 1, 1)]
)
def test_scrypt_is_bounded_in_every_parameter(numbers):
    parameters = encode.sequence(SALT, *map(encode.integer, numbers))
    cipher = encode.sequence(oids.AES128_CBC, encode.octet_string(bytes(16)))
    derivation = encode.sequence(oids.SCRYPT, parameters)
    algorithm = encode.sequence(oids.PBES2, encode.sequence(derivation, cipher))
    assert refused(_key(algorithm), passphrase=PHRASE) in {"import.work", "import.algorithm"}


@pytest.mark.parametrize("octets", [MAX_SALT_OCTETS, MAX_SALT_OCTETS + 1])
def test_a_salt_has_a_longest_length(octets):
    salt = encode.octet_string(bytes(octets))
    for algorithm in (_pbes2(1, salt=salt), _pkcs12_scheme(oids.TRIPLE_DES_3_KEYS, 1, salt)):
        with pytest.raises(InputError) as raised:
            PrivateKeyReader(Decryptor(PHRASE)).read(_key(algorithm), "a key")
        too_long = octets > MAX_SALT_OCTETS
        assert raised.value.code == ("import.algorithm" if too_long else "import.passphrase")


def test_a_long_derivation_runs_in_a_process_that_is_ended(monkeypatch, pair):
    monkeypatch.setattr(decryption, "_SHORT_ITERATIONS", 0)
    locked = pkcs8(pair[1], PHRASE)
    assert len(take(locked, passphrase=PHRASE).loose_keys) == 1
    monkeypatch.setattr(decryption, "MAX_DERIVATION_SECONDS", 0)
    assert refused(locked, passphrase=PHRASE) == "import.work"


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals are sent as on POSIX")
def test_ctrl_c_ends_a_derivation(tmp_path):
    (tmp_path / "one.key").write_bytes(_key(_pbes2(MAX_ITERATIONS, prf="1.2.840.113549.2.11")))
    program = (
        "import sys; from smki_testca.importers.intake import take_in; print('begun', flush=True);"
        " take_in([sys.argv[1]], passphrase='x')"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "one.key")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout.readline() == b"begun\n"
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        assert process.wait(120) != 0


def test_a_store_under_40_bit_rc2_is_read_in_a_process_of_its_own(monkeypatch):
    monkeypatch.setattr(decryption, "MAX_DERIVATION_SECONDS", 60)
    contents = [_encrypted(_pkcs12_scheme(oids.RC2_40, 1))]
    data = encode.sequence(encode.integer(3), content(encode.sequence(*contents)))
    with pytest.raises(InputError) as raised:
        StoreReader(Decryptor(PHRASE)).read(data, "a store")
    assert raised.value.code == "import.pkcs12"


def test_a_plain_key_needs_no_passphrase(pair):
    encoded = pkcs8(pair[1], encoding=serialization.Encoding.DER)
    assert PrivateKeyReader(Decryptor()).read(encoded, "a key") is not None
