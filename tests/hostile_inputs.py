"""Hostile inputs for every reader, each made from a number, and what a reader makes of one.

A reader gives a result or one documented error. Anything else is a fault.
"""

from __future__ import annotations

import functools
import io
import json
import random
import struct
import tempfile
import time
import zipfile
import zlib
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12

import ber
from noise import flip_bits, lie_about_length
from smki_testca.authority import csr
from smki_testca.cli.secret import first_line
from smki_testca.errors import ExitCode, SmkiTestcaError
from smki_testca.importers.intake import take_in
from smki_testca.importers.sources import sources
from smki_testca.issuance.batch import manifest, portal_zip
from smki_testca.issuance.batch.row_requests import _public_key
from smki_testca.kits.documents import KitFile
from smki_testca.lint.chain import gathered
from smki_testca.lint.engine import Linter
from smki_testca.lint.linted import LintSettings
from smki_testca.profiles import Library
from smki_testca.profiles.documents import EnvironmentsFile, ProfileFile, decode
from smki_testca.profiles.text_pattern import PatternError, TextPattern
from smki_testca.register.documents import read_file
from smki_testca.register.register import Register
from smki_testca.shipped import shipped
from smki_testca.workers import WorkerEndedError, call_bounded
from smki_testca.x509.pem import to_pem
from smki_testca.x509.private_keys import from_pem

if TYPE_CHECKING:
    from collections.abc import Callable

PHRASE = "x"
START = datetime(2026, 1, 1, tzinfo=UTC)


class Reader(NamedTuple):
    """One reader, and the inputs that it is made to read.

    Attributes:
        name: what it reads.
        read: reads the octets.
        seeds: makes good inputs, which are then broken.
        words: octets that mean something to it.
    """

    name: str
    read: Callable[[bytes], object]
    seeds: Callable[[], list[bytes]]
    words: tuple[bytes, ...] = ()


# Changes


def _cut(data, chance):
    return data[: chance.randrange(len(data) + 1)]


def _repeated(data, chance):
    start = chance.randrange(len(data) + 1)
    piece = data[start : start + chance.choice((1, 2, 3, 8, 40))]
    times = chance.choice((2, 20, 1_000, 60_000))
    return data[:start] + piece * times + data[start:]


def _spliced(data, chance, others):
    other = chance.choice(others)
    return _cut(data, chance) + other[chance.randrange(len(other) + 1) :]


def _word(data, chance, words):
    start = chance.randrange(len(data) + 1)
    word = chance.choice(words) * chance.choice((1, 1, 1, 30, 3_000))
    return data[:start] + word + data[start + chance.choice((0, 0, 1, len(word))) :]


def _number(data, chance):
    """Another number in the place of a digit."""
    places = [place for place, octet in enumerate(data[:100_000]) if 0x30 <= octet <= 0x39]
    if not places:
        return data
    place = chance.choice(places)
    number = chance.choice((b"-1", b"0", b"99999999999999999999", b"9" * 5_000, b"1e999"))
    return data[:place] + number + data[place + 1 :]


def hostile_input(reader, number):
    """One input: a good one after one to four changes."""
    chance = random.Random(f"{reader.name} {number}")
    seeds = _seeds(reader.name)
    data = chance.choice(seeds)
    changes = [
        lambda data: flip_bits(data, chance, seeds),
        lambda data: lie_about_length(data, chance, seeds),
        lambda data: _cut(data, chance),
        lambda data: _repeated(data, chance),
        lambda data: _spliced(data, chance, seeds),
        lambda data: _number(data, chance),
        lambda data: _word(data, chance, (*reader.words, b"\x00", b"\xff", b"\x30\x80", b"\n")),
    ]
    for _ in range(chance.randint(1, 4)):
        if data:
            data = chance.choice(changes)(data)
    return data


@functools.cache
def _seeds(name):
    return BY_NAME[name].seeds()


def outcome(reader, data):
    """The code of the error with which a reader refuses an input; None if it reads it.

    Raises:
        Exception: whatever else the reader raises: a fault.
    """
    try:
        reader.read(data)
    except SmkiTestcaError as error:
        if len(error.lines()) != 1 or not error.lines()[0].isprintable():
            raise ValueError(f"not one line: {error.lines()}") from error
        if error.exit_code not in {ExitCode.USAGE, ExitCode.INPUT}:
            raise ValueError(f"exit code {error.exit_code}: {error}") from error
        return error.code
    except PatternError:
        return "pattern"
    return None


# Readers


@functools.cache
def _library():
    return Library()


@functools.cache
def _folder():
    return Path(tempfile.mkdtemp(prefix="hostile-"))


def _file(data, name):
    path = _folder() / name
    path.write_bytes(data)
    return path


def _manifest(suffix):
    def read(data):
        path = _file(data, f"rows{suffix}")
        for _ in manifest.lines(path, manifest.columns(_library())):
            pass

    return read


def _register(data):
    participants, agreements = read_file(data, "a file", _library())
    central = tuple(known.entry for known in _library().sec_registry_entries)
    Register(central).with_participants(participants).with_agreements(agreements)


def _toml(shape):
    return lambda data: decode(data, shape, "a file")


def _import(data):
    take_in(["-"], data, passphrase=PHRASE)


def _lint(data):
    for position, source in enumerate(sources(["-"], data)):
        _linter().lint(source, position)


@functools.cache
def _linter():
    return Linter(LintSettings(START), gathered([]))


def _portal(data):
    for member in portal_zip.directory("a.zip", data).members:
        portal_zip.unpack("a.zip", data, member)


def _csr(data):
    csr.parse(data, _library())


def _passphrase(data):
    first_line(str(_file(data, "passphrase")))


def _pattern(data):
    TextPattern.parse(data.decode("utf-8", "replace")).fullmatch("a" * 2_000 + "!")


# Good inputs


@functools.cache
def _pair():
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Z1-one")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(START)
        .not_valid_after(START.replace(year=2030))
        .sign(key, hashes.SHA256())
    )
    return key, certificate


def _certificates():
    der, pem = serialization.Encoding.DER, serialization.Encoding.PEM
    key, certificate = _pair()
    crl = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(certificate.issuer)
        .last_update(certificate.not_valid_before_utc)
        .next_update(certificate.not_valid_after_utc)
        .sign(key, hashes.SHA256())
    )
    return [
        certificate.public_bytes(der),
        certificate.public_bytes(pem),
        crl.public_bytes(der),
        crl.public_bytes(pem),
        pkcs7.serialize_certificates([certificate, certificate], der),
        pkcs7.serialize_certificates([certificate], pem),
    ]


def _keys():
    key = _pair()[0]
    locked = serialization.BestAvailableEncryption(PHRASE.encode())
    clear = serialization.NoEncryption()
    pkcs8 = serialization.PrivateFormat.PKCS8
    traditional = serialization.PrivateFormat.TraditionalOpenSSL
    der, pem = serialization.Encoding.DER, serialization.Encoding.PEM
    return [
        key.private_bytes(pem, pkcs8, clear),
        key.private_bytes(der, pkcs8, clear),
        key.private_bytes(der, pkcs8, locked),
        key.private_bytes(pem, pkcs8, locked),
        key.private_bytes(pem, traditional, clear),
        key.private_bytes(der, traditional, clear),
        key.private_bytes(pem, traditional, locked),
    ]


def _stores():
    key, certificate = _pair()
    builder = serialization.PrivateFormat.PKCS12.encryption_builder().kdf_rounds(2_000)
    schemes = (
        pkcs12.PBES.PBESv2SHA256AndAES256CBC,
        pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC,
    )
    return [
        pkcs12.serialize_key_and_certificates(
            b"one",
            key,
            certificate,
            [certificate],
            builder.key_cert_algorithm(scheme).build(PHRASE.encode()),
        )
        for scheme in schemes
    ]


def _in_ber():
    """Bundles and stores in BER; the certificates of a bundle are, too, which nobody writes."""
    bundle = pkcs7.serialize_certificates([_pair()[1]] * 2, serialization.Encoding.DER)
    return [ber.to_ber(data, depth=depth) for data in (bundle, *_stores()) for depth in (1, 3)]


def _streams():
    return [der * count for der in _certificates()[:3:2] for count in (2, 20)]


def _texts():
    """Certificates and CRLs in the other text forms."""
    ders = _certificates()[:3:2]
    return [
        *(der.hex(separator).encode() for der in ders for separator in (" ", ":")),
        *(b"0: Certificate\n" + to_pem(der) + to_pem(der) for der in ders),
        *(to_pem(der + b"\x30\x02\x0c\x00", "TRUSTED CERTIFICATE") for der in ders),
        to_pem(_certificates()[4], "PKCS #7 SIGNED DATA"),
        to_pem(_in_ber()[-1], "PKCS12"),
        bytes.fromhex("feedfeed0000000200000001"),
        _certificates()[1].decode().encode("utf-16-le"),
    ]


def _zips_of_systems():
    """A ZIP with a name in a Unicode Path field, among what macOS adds."""
    info = zipfile.ZipInfo("Z?hler.csr")
    content = struct.pack("<BL", 1, zlib.crc32(b"Z?hler.csr")) + "Zähler.csr".encode()
    info.extra = struct.pack("<HH", 0x7075, len(content)) + content
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(info, b"a CSR")
        archive.writestr("__MACOSX/._Z?hler.csr", bytes.fromhex("00051607"))
        archive.writestr("\u00e4.csr", b"a CSR")
    return [buffer.getvalue()]


def _key_stores():
    _, certificate = _pair()
    pem = serialization.Encoding.PEM
    entry = {
        "certificate": certificate.public_bytes(pem).decode(),
        "privateKey": _keys()[0].decode(),
        "name": "Z1",
        "role": 2,
    }
    return [json.dumps({"90b3d51f30010000": {"digitalSignature": {"1": entry}}}).encode()]


def _zips(names):
    packed = []
    methods = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    for method in methods:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as archive:
            for name in names:
                archive.writestr(name, _certificates()[1])
            archive.comment = b"a comment"
        packed.append(buffer.getvalue())
    return packed


def _csrs():
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "one")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    encodings = serialization.Encoding
    return [request.public_bytes(encodings.DER), request.public_bytes(encodings.PEM)]


def _public_keys():
    key = _pair()[0].public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    encodings = serialization.Encoding
    return [key.public_bytes(encoding, form) for encoding in (encodings.DER, encodings.PEM)]


_ROWS = [
    {"profile": "device", "participant": "meters-one", "purpose": "uept", "label": f"é{number}"}
    for number in range(20)
]


def _csv_rows():
    lines = [",".join(_ROWS[0]), *(",".join(row.values()) for row in _ROWS)]
    return ["\r\n".join(lines).encode(), '\ufeffprofile,label\ndevice,"a ""b""\nc"\n'.encode()]


def _json_rows():
    return ["\n".join(json.dumps(row) for row in _ROWS).encode()]


def _parquet_rows():
    import pyarrow as pa  # noqa: PLC0415 - an extra
    from pyarrow import parquet  # noqa: PLC0415 - an extra

    files = []
    for compression in ("none", "zstd", "snappy"):
        buffer = io.BytesIO()
        parquet.write_table(pa.Table.from_pylist(_ROWS), buffer, compression=compression)
        files.append(buffer.getvalue())
    return files


def _shipped(*patterns):
    def seeds():
        paths = [path for pattern in patterns for path in sorted(shipped("profiles").glob(pattern))]
        return [path.read_bytes() for path in paths]

    return seeds


def _examples():
    return [path.read_bytes() for path in sorted(shipped("examples").glob("*.toml"))]


_TOML_WORDS = (b"a.", b'"a".', b"[", b"{a=", b"'''", b'"""', b"[[a]]\n", b"=", b"0x", b"2026-02-30")
_PEM_WORDS = (
    b"-----BEGIN CERTIFICATE-----\n",
    b"-----BEGIN EC PRIVATE KEY-----\n",
    b"-----END PRIVATE KEY-----\n",
    b"Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0011223344556677\n\n",
    b"DEK-Info: DES-EDE3-CBC,00\n\n",
    b"MIIB",
)

READERS = (
    Reader("profile", _toml(ProfileFile), _shipped("certificates/*.toml"), _TOML_WORDS),
    Reader("environments", _toml(EnvironmentsFile), _shipped("environments.toml"), _TOML_WORDS),
    Reader("kit", _toml(KitFile), _shipped("kits/*.toml"), _TOML_WORDS),
    Reader("register", _register, _examples, _TOML_WORDS),
    Reader("csv", _manifest(".csv"), _csv_rows, (b'"', b",", b"\r\n", b'""')),
    Reader("jsonl", _manifest(".jsonl"), _json_rows, (b'"', b"{", b"[", b"\\ud800", b":")),
    Reader("parquet", _manifest(".parquet"), _parquet_rows, (b"PAR1",)),
    Reader("zip", _import, lambda: _zips(["a.pem", "b/c.pem"]), (b"PK\x01\x02", b"PK\x05\x06")),
    Reader(
        "portal", _portal, lambda: _zips(["a.csr", "b.csr"])[:2], (b"PK\x01\x02", b"PK\x06\x07")
    ),
    Reader("certificates", _import, _certificates, _PEM_WORDS),
    Reader("linted", _lint, _certificates, _PEM_WORDS),
    Reader("keys", _import, _keys, _PEM_WORDS),
    Reader("pkcs12", _import, _stores),
    Reader("ber", _import, _in_ber, (b"\x24\x80", b"\xa0\x80", b"\x00\x00", b"\x04\x80")),
    Reader("der stream", _lint, _streams, (b"\x30\x03\x30\x01\x00", b"\x30\x84\x7f")),
    Reader(
        "text forms",
        _lint,
        _texts,
        (b"3082", b":", b"0x", b"-----BEGIN PKCS #7 SIGNED DATA-----\n", *_PEM_WORDS),
    ),
    Reader(
        "zip names",
        _portal,
        _zips_of_systems,
        (b"up", b"\x75\x70\x05\x00\x01", b"__MACOSX/", b"PK\x01\x02"),
    ),
    Reader("keystore.json", _import, _key_stores, (b"{", b'"', b"\\u0000", b"null", *_PEM_WORDS)),
    Reader("csr", _csr, _csrs, _PEM_WORDS),
    Reader("public key", _public_key, _public_keys, _PEM_WORDS),
    Reader("plain key", lambda data: from_pem(data, "a key"), lambda: _keys()[::4], _PEM_WORDS),
    Reader("passphrase", _passphrase, lambda: [b"a passphrase\n", "pässwörd\r\n".encode()]),
    Reader(
        "pattern",
        _pattern,
        lambda: [b"(a+)+$", rb"(?=.{1,253}$)(\*\.)?([A-Z]([a-z-]{0,61}[0-9])?\.)*", b"[A-F0-9]{2}"],
        (b"(", b"(?=", b"(?!", b"|", b")*", b"{1,1000}", b"[^]", b"\\1", b"(?>"),
    ),
)
BY_NAME = {reader.name: reader for reader in READERS}

MAX_MEMORY = 512 << 20
"""The most memory that a reader may take for one input, beyond what the process starts with."""


class Tally(NamedTuple):
    """The outcomes of some inputs.

    Attributes:
        codes: how often each error refused an input; ``read`` for those that were read.
        faults: what a reader raised otherwise, each with its reader and number.
        slowest: the seconds of the slowest input, with its reader and number.
    """

    codes: Counter[str]
    faults: list[str]
    slowest: tuple[float, str]


def tally(name, numbers):
    """Read inputs of a reader, and say what became of them."""
    codes, faults, slowest = Counter(), [], (0.0, "")
    for number in numbers:
        data = hostile_input(BY_NAME[name], number)
        start = time.monotonic()
        try:
            codes[outcome(BY_NAME[name], data) or "read"] += 1
        except BaseException as fault:  # noqa: BLE001 - a panic is no Exception
            faults.append(f"{name} {number}: {type(fault).__name__}: {str(fault)[:200]}")
        slowest = max(slowest, (time.monotonic() - start, f"{name} {number}"))
    return Tally(codes, faults, slowest)


def bounded_tally(name, numbers, seconds):
    """Read inputs in a process with limited memory and time; what it does not end is a fault."""
    try:
        return call_bounded(tally, name, numbers, seconds=seconds, octets=MAX_MEMORY)
    except WorkerEndedError as error:
        if len(numbers) > 1:
            halves = numbers[: len(numbers) // 2], numbers[len(numbers) // 2 :]
            one, other = (bounded_tally(name, half, seconds) for half in halves)
            return Tally(
                one.codes + other.codes, one.faults + other.faults, max(one.slowest, other.slowest)
            )
        return Tally(
            Counter(), [f"{name} {numbers[0]}: {error}"], (seconds, f"{name} {numbers[0]}")
        )
