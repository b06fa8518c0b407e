"""The formats of Devices, each read back by the reader that its documentation gives."""

import ast
import contextlib
import csv
import hashlib
import importlib.util
import json
import os
import random
import shutil
import sqlite3
import stat
import subprocess
import sys
from binascii import crc32
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

import batches
from estates import copied_with_run
from smki_testca.exporters.registry import RUN_FORMATS
from smki_testca.exporters.run_formats import device_file

pytestmark = pytest.mark.slow

READERS = Path(__file__).parents[2] / "examples" / "factory"
OF_DEVICES = [name for name, form in RUN_FORMATS.items() if form.traits.of_devices]
FILES = [name for name, form in RUN_FORMATS.items() if form.traits.suffix]
COUNT = 5
PHRASE = "correct horse"
GCC = shutil.which("gcc")


@pytest.fixture(scope="module")
def issued(quickstart_original, tmp_path_factory):
    """The quickstart estate with a range of Devices; not to be changed."""
    asked = batches.range_of(COUNT, 0x1000, "digital-signature", "key-agreement")
    return copied_with_run(quickstart_original, tmp_path_factory.mktemp("issued") / "one", *asked)


@pytest.fixture
def quickstart(request, tmp_path):
    """A copy of the quickstart estate: with the range in it for a test of that run."""
    name = "issued" if "run" in request.fixturenames else "quickstart_original"
    return shutil.copytree(request.getfixturevalue(name), tmp_path / "estate")


@pytest.fixture
def run(command, quickstart):
    """A range of Devices, each with both certificates: of each ID and usage, the record."""
    listed = command("--json", "--estate", quickstart, "list", "--profile", "device").json
    records = listed["certificates"][-2 * COUNT :]
    return {(record["eui64"], record["usage"]): record for record in records}


@pytest.fixture
def export(command, quickstart, tmp_path):
    """Exports run 1; gives the outcome and the path."""

    def do(form, *more, out=None, run=1):
        path = out or tmp_path / f"out.{form}"
        outcome = command(
            *("--json", "--estate", quickstart, "batch", "export", run),
            *("--format", form, "--out", path, *more),
        )
        return outcome, path

    return do


@pytest.fixture
def phrase_file(tmp_path):
    path = tmp_path / "phrase"
    path.write_text(f"{PHRASE}\n")
    return path


@pytest.fixture
def line(tmp_path):
    """The key pair of a programming line: the files of its private and its public half."""
    key = ec.generate_private_key(ec.SECP256R1())
    private, public = tmp_path / "line.key", tmp_path / "line.pub"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    return private, public


def read(name, *words):
    """What a reader prints: octets by name."""
    done = subprocess.run(
        [sys.executable, READERS / name, *words], capture_output=True, text=True, check=True
    )
    return parsed(done.stdout)


def parsed(text):
    return {name: bytes.fromhex(octets) for name, _, octets in _lines(text)}


def _lines(text):
    return (line.partition(" ") for line in text.splitlines())


def plain(eui64):
    return eui64.replace("-", "").lower()


def device_by(form, out, eui64, *phrase):
    """One Device as the reader of a format gives it."""
    if form == "device-folders":
        return read("read_device_folders.py", out / plain(eui64), *phrase)
    if form == "device-file":
        return read("read_device_file.py", out, "id", plain(eui64), *phrase)
    if form == "device-csv":
        words = [sys.executable, READERS / "read_device_csv.py", out, *phrase]
        text = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        _, _, after = text.partition(f"eui64 {plain(eui64)}\n")
        return parsed(after.split("eui64")[0])
    name = f"read_{form.replace('-', '_')}.py"
    return read(name, out, eui64, *phrase)


def check_device(device, run, eui64, *, form="pkcs8"):
    """Check the certificates, keys and chain of a Device against the estate's records."""
    chain = _chain(device["chain.der"])
    assert len(chain) == 2
    for half, usage in (("ds", "digital-signature"), ("ka", "key-agreement")):
        certificate = x509.load_der_x509_certificate(device[f"{half}.der"])
        assert f"{certificate.serial_number:032X}" == run[eui64, usage]["serial"]
        certificate.verify_directly_issued_by(chain[0])
        if form is None:
            assert not device.get(f"{half}.key")
            continue
        key = device[f"{half}.key"]
        if form == "raw":
            assert len(key) == 32
            public = ec.derive_private_key(int.from_bytes(key), ec.SECP256R1()).public_key()
            assert public == certificate.public_key()
        else:
            assert load_der_private_key(key, None).public_key() == certificate.public_key()
    chain[0].verify_directly_issued_by(chain[1])


def _chain(octets):
    chain = []
    while octets:
        length = 4 + int.from_bytes(octets[2:4])
        chain.append(x509.load_der_x509_certificate(octets[:length]))
        octets = octets[length:]
    return chain


@pytest.mark.parametrize("form", OF_DEVICES)
def test_the_reader_of_a_format_finds_keys_certificates_and_chain(run, export, form):
    outcome, out = export(form, "--with-keys", "--key-form", "pkcs8")
    assert outcome.json == {
        "run": 1,
        "out": str(out),
        "certificates": 2 * COUNT,
        "devices": COUNT,
        "left_out": 0,
    }
    for eui64 in {eui64 for eui64, _ in run}:
        check_device(device_by(form, out, eui64), run, eui64)


@pytest.mark.parametrize("form", OF_DEVICES)
def test_no_private_key_of_a_device_leaves_unless_asked_for(run, export, form):
    _, out = export(form)
    check_device(
        device_by(form, out, batches.device_id(0x1002)), run, batches.device_id(0x1002), form=None
    )


@pytest.mark.parametrize("form", OF_DEVICES)
def test_keys_are_encrypted_under_a_passphrase_and_their_reader_opens_them(
    run, export, phrase_file, form
):
    more = ("--with-keys", "--key-form", "pkcs8")
    _, clear = export(form, *more)
    _, out = export(
        form, *more, "--export-passphrase-file", phrase_file, out=clear.with_suffix(".encrypted")
    )
    eui64 = batches.device_id(0x1001)
    device = device_by(form, out, eui64, PHRASE)
    assert device == device_by(form, clear, eui64)
    check_device(device, run, eui64)
    scalars = [device[f"{half}.key"][36:68] for half in ("ds", "ka")]
    written = b"".join(path.read_bytes() for path in [out, *out.rglob("*")] if path.is_file())
    assert not [scalar for scalar in scalars if scalar in written]


@pytest.mark.parametrize("form", [*OF_DEVICES, "csv", "parquet"])
def test_keys_in_raw_octets_are_32_and_fit(run, export, form):
    assert export(form, "--with-keys", "--key-form", "raw")[0].code == 0
    if form in {"device-file", "device-sqlite", "device-csv"}:
        eui64 = batches.device_id(0x1003)
        _, out = export(form, "--with-keys", "--key-form", "raw", "--force")
        check_device(device_by(form, out, eui64), run, eui64, form="raw")


@pytest.mark.parametrize("form", ["device-file", "device-sqlite", "device-csv"])
def test_keys_in_sec1_open(run, export, form):
    eui64 = batches.device_id(0x1003)
    _, out = export(form, "--with-keys", "--key-form", "sec1")
    check_device(device_by(form, out, eui64), run, eui64)


@pytest.mark.skipif(GCC is None, reason="there is no gcc")
def test_the_reader_in_c_compiles_without_a_warning_and_finds_every_device(run, export, tmp_path):
    program = tmp_path / "read_device_file"
    flags = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic")
    subprocess.run([GCC, *flags, "-o", program, READERS / "read_device_file.c"], check=True)
    _, out = export("device-file", "--with-keys")

    def found(*words):
        done = subprocess.run([program, out, *words], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    for (eui64, _), record in run.items():
        code, text = found("id", plain(eui64))
        assert code == 0
        check_device(parsed(text), run, eui64, form="raw")
        assert found("name", record["serial"]) == (0, text)
    for words in (
        ("id", plain(batches.device_id(0x1000 + COUNT))),
        ("name", "0" * 32),
        ("name", ""),
    ):
        assert found(*words) == (1, "")
    damaged = bytearray(out.read_bytes())
    damaged[-100] ^= 1
    out.write_bytes(damaged)
    assert found("id", plain(batches.device_id(0x1000 + COUNT - 1))) == (1, "")
    damaged[20] ^= 1
    out.write_bytes(damaged)
    assert found("id", plain(batches.device_id(0x1000))) == (1, "")


@pytest.mark.parametrize("form", ["device-file", "device-parquet", "device-sqlite"])
@pytest.mark.parametrize("wanted", ["X", "00DB", "00DB12000000FFFF", "00-DB-12-00-00-00-FF-FF"])
@pytest.mark.usefixtures("run")
def test_a_reader_says_that_there_is_no_such_device(export, form, wanted):
    _, out = export(form)
    words = [out, "id", wanted] if form == "device-file" else [out, wanted]
    reader = READERS / f"read_{form.replace('-', '_')}.py"
    done = subprocess.run(
        [sys.executable, reader, *words], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (1, "no such Device\n")


@pytest.mark.usefixtures("run")
def test_a_name_longer_than_any_is_no_device(export):
    _, out = export("device-file")
    words = [sys.executable, READERS / "read_device_file.py", out, "name", "n" * 100]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "no such Device\n")


def test_a_function_of_the_readers_in_python_has_at_most_30_lines():
    for path in READERS.glob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        functions = [each for each in tree.body if isinstance(each, ast.FunctionDef)]
        assert functions
        for function in functions:
            assert (function.end_lineno or 0) - function.body[1].lineno < 30, path


def forged(octets, place, value, device=0):
    """A device-file with another octet, whose CRC-32s fit again, and the SHA-256 at its end."""
    data = bytearray(octets)
    data[place] = value
    header = device_file.HEADER.unpack_from(data)
    size, ends = header[7], [*header[12:16]]
    for start, end, crc in zip(ends, ends[1:], (80, 84, 88), strict=False):
        if start <= end <= len(data):
            data[crc : crc + 4] = crc32(data[start:end]).to_bytes(4)
    data[252:256] = crc32(data[:252]).to_bytes(4)
    record = header[15] + size * device
    if size > 4 and record + size <= len(data):
        end = record + size - 4
        data[end : end + 4] = crc32(data[record:end]).to_bytes(4)
    data[-32:] = hashlib.sha256(data[:-32]).digest()
    return bytes(data)


def damages(octets):
    """Forged, damaged and cut device-files: those that lead readers astray, and many at random."""
    drawn = random.Random(13)
    header = device_file.HEADER.unpack_from(octets)
    record, size = header[15], header[7]
    for place in (*range(12, 104), *range(record, record + 28), record + 188):
        for value in (0, 1, 0x7F, 0x80, 0xFF):
            yield forged(octets, place, value)
    for place in range(header[12], header[14]):
        yield forged(octets, place, drawn.randrange(256))
    for _ in range(100):
        yield forged(octets, drawn.randrange(record, record + size), drawn.randrange(256))
        damaged = bytearray(octets)
        damaged[drawn.randrange(len(octets) - 32)] ^= 1 << drawn.randrange(8)
        yield bytes(damaged)
        yield octets[: drawn.randrange(len(octets))]
    yield b""
    yield octets + b"\0"


@pytest.fixture
def reader(capsys):
    """Runs a reader in this process: why it ended, and what it printed."""

    def read_with(name, *words):
        spec = importlib.util.spec_from_file_location(name, READERS / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        reason = None
        try:
            module.main(*map(str, words))
        except SystemExit as leaving:
            reason = leaving.code
        return reason, capsys.readouterr().out

    return read_with


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.usefixtures("run")
def test_the_reader_of_device_file_gives_no_other_device_and_no_traceback(
    export, reader, phrase_file, encrypted, tmp_path
):
    more = ("--export-passphrase-file", phrase_file) if encrypted else ()
    _, out = export("device-file", "--with-keys", *more)
    words = ("id", plain(batches.device_id(0x1000)), *([PHRASE] if encrypted else []))
    octets, damaged = out.read_bytes(), tmp_path / "damaged"
    _, whole = reader("read_device_file", out, *words)
    reasons = set()
    # To derive a key takes a tenth of a second.
    for data in [*damages(octets)][:: 80 if encrypted else 1]:
        damaged.write_bytes(data)
        reason, text = reader("read_device_file", damaged, *words)
        reasons.add(reason)
        assert (reason is None) == bool(text)
        assert not text or text.startswith(whole.partition("\n")[0])
        assert reason is None or (isinstance(reason, str) and "\n" not in reason)
    assert len(reasons) > (1 if encrypted else 5)
    if encrypted:
        assert "passphrase" in reader("read_device_file", out, *words[:2], "wrong")[0]


@pytest.mark.skipif(GCC is None, reason="there is no gcc")
@pytest.mark.usefixtures("run")
def test_the_reader_in_c_reads_nothing_out_of_its_bounds(export, tmp_path):
    program, damaged = tmp_path / "read_device_file", tmp_path / "damaged"
    flags = ("-std=c99", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    words = [GCC, *flags, "-o", program, READERS / "read_device_file.c"]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("this gcc has no sanitizers")
    _, out = export("device-file", "--with-keys")
    eui64 = plain(batches.device_id(0x1000))
    reasons = set()
    octets = out.read_bytes()
    name = octets[device_file.HEADER.unpack_from(octets)[13] :][:32].decode()
    for number, data in enumerate([octets, *damages(octets)][::3]):
        damaged.write_bytes(data)
        asked = ("name", name) if number % 2 else ("id", eui64)
        done = subprocess.run(
            [program, damaged, *asked],
            capture_output=True,
            text=True,
            check=False,
            env={"ASAN_OPTIONS": "exitcode=99", "UBSAN_OPTIONS": "exitcode=99"},
        )
        reasons.add(done.stderr)
        assert done.returncode == bool(done.stderr), done.stderr
        assert not done.stderr or done.stdout == ""
        assert done.stderr.count("\n") == bool(done.stderr)
        if asked[0] == "id" and not done.returncode:
            assert done.stdout.startswith(f"eui64 {eui64}\n")
    assert len(reasons) > 6


@pytest.mark.parametrize("form", OF_DEVICES)
@pytest.mark.usefixtures("run")
def test_readers_say_in_one_line_that_a_file_was_cut_or_the_passphrase_is_wrong(
    export, reader, phrase_file, form
):
    more = ("--with-keys", "--export-passphrase-file", phrase_file, "--key-form", "pkcs8")
    _, out = export(form, *more)
    eui64 = batches.device_id(0x1002)
    words = {"device-file": ("id", plain(eui64)), "device-csv": (), "device-folders": ()}
    name = f"read_{form.replace('-', '_')}"
    target = out / plain(eui64) if form == "device-folders" else out

    def read_now(phrase=PHRASE):
        return reader(name, target, *words.get(form, (eui64,)), phrase)

    assert read_now()[0] is None
    assert isinstance(read_now("wrong")[0], str)
    file = target / "ds.key" if form == "device-folders" else target
    whole = file.read_bytes()
    for length in (0, 1, len(whole) // 3, len(whole) // 2, len(whole) - 2):
        file.write_bytes(whole[:length])
        reason, _ = read_now()
        assert isinstance(reason, str), length
        assert "\n" not in reason
    file.unlink()
    if form != "device-folders":
        assert isinstance(read_now()[0], str)


@pytest.mark.parametrize("form", [name for name in FILES if RUN_FORMATS[name].traits.can_seal])
@pytest.mark.usefixtures("run")
def test_a_sealed_file_opens_with_the_lines_key_alone(export, line, tmp_path, form):
    private, public = line
    # Twice the same, as far as nothing in it is random.
    _, clear = export(form, "--with-keys")
    _, sealed = export(form, "--with-keys", "--seal-to", public, out=tmp_path / "sealed")
    opened = tmp_path / "opened"
    read("unseal.py", sealed, private, opened)
    assert opened.read_bytes() == clear.read_bytes()
    other = tmp_path / "other.key"
    key = ec.generate_private_key(ec.SECP256R1())
    other.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(subprocess.CalledProcessError):
        read("unseal.py", sealed, other, tmp_path / "nothing")


@pytest.mark.usefixtures("run")
def test_a_sealed_file_that_was_cut_or_changed_does_not_open(export, line, tmp_path, monkeypatch):
    monkeypatch.setattr("smki_testca.exporters.run_formats.sealed_file.CHUNK_OCTETS", 1024)
    private, public = line
    _, sealed = export("device-file", "--with-keys", "--seal-to", public)
    whole = sealed.read_bytes()
    chunks = 24 + 113
    step = 1024 + 16
    swapped = whole[:chunks] + whole[chunks + step :][:step] + whole[chunks:][:step]
    for number, octets in enumerate(
        (
            whole[:-1],
            whole[: chunks + step],
            whole[:chunks] + whole[chunks + step :],
            swapped + whole[chunks + 2 * step :],
            whole[:20] + bytes((whole[20] ^ 1,)) + whole[21:],
        )
    ):
        sealed.write_bytes(octets)
        with pytest.raises(subprocess.CalledProcessError):
            read("unseal.py", sealed, private, tmp_path / f"opened-{number}")
    sealed.write_bytes(whole)
    read("unseal.py", sealed, private, tmp_path / "opened")


@pytest.mark.usefixtures("run")
def test_opening_a_sealed_file_leaves_it_for_its_owner_or_leaves_nothing(
    export, line, tmp_path, monkeypatch
):
    monkeypatch.setattr("smki_testca.exporters.run_formats.sealed_file.CHUNK_OCTETS", 1024)
    private, public = line
    _, sealed = export("device-file", "--with-keys", "--seal-to", public)
    whole = sealed.read_bytes()
    folder = tmp_path / "line"
    folder.mkdir()
    opened = folder / "opened"
    other = tmp_path / "other.key"
    key = ec.generate_private_key(ec.SECP256R1())
    other.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    def unseal(octets, line_key=private):
        sealed.write_bytes(octets)
        done = subprocess.run(  # noqa: PLW1510 - it is to fail
            [sys.executable, READERS / "unseal.py", sealed, line_key, opened],
            capture_output=True,
            text=True,
            umask=0o022,
        )
        return done.returncode, done.stderr

    for octets in (b"", whole[:10], whole[:60], whole[:137], whole[:-1], b"x" * 500):
        code, told = unseal(octets)
        assert (code, told.count("\n")) == (1, 1)
        assert str(sealed) in told
        assert list(folder.iterdir()) == []
    for line_key in (other, sealed, tmp_path / "missing"):
        code, told = unseal(whole, line_key)
        assert (code, told.count("\n")) == (1, 1)
        assert list(folder.iterdir()) == []
    assert unseal(whole) == (0, "")
    assert stat.S_IMODE(opened.stat().st_mode) == 0o600
    before = opened.read_bytes()
    assert unseal(whole)[0] == 1
    assert (list(folder.iterdir()), opened.read_bytes()) == ([opened], before)


def tree(folder):
    """Everything below a folder, and the octets of its files."""
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.mark.parametrize("form", list(RUN_FORMATS))
@pytest.mark.usefixtures("run")
def test_parts_of_two_exports_are_never_in_one_folder(export, form):
    _, out = export(form, "--with-keys", "--split", 1)
    before = tree(out)
    outcome, _ = export(form, "--with-keys", "--split", 1)
    assert (outcome.code, outcome.json["error"]["code"]) == (4, "export.exists")
    for size in (2, 100):
        outcome, _ = export(form, "--with-keys", "--split", size, "--force")
        assert (outcome.code, outcome.json["error"]["code"]) == (4, "export.mixed_parts")
        assert tree(out) == before
    outcome, _ = export(form, "--with-keys", "--split", 1, "--force")
    assert (outcome.code, tree(out).keys()) == (0, before.keys())


@pytest.mark.parametrize("form", ["pem-tree", "device-folders"])
@pytest.mark.usefixtures("run")
def test_a_part_that_is_a_folder_keeps_no_device_of_an_earlier_part(export, form):
    _, out = export(form, "--split", 3)
    before = tree(out)
    outcome, _ = export(form, "--split", 2, "--force")
    assert (outcome.code, outcome.json["error"]["code"]) == (4, "export.mixed_parts")
    assert tree(out) == before


@pytest.mark.parametrize("form", list(RUN_FORMATS))
def test_parts_have_at_most_so_many_and_together_all(run, export, form):
    outcome, out = export(form, "--with-keys", "--split", 2)
    units = COUNT if RUN_FORMATS[form].traits.of_devices else len(run)
    assert outcome.json["parts"] == -(-units // 2)
    suffix = RUN_FORMATS[form].traits.suffix
    names = [f"{number:06d}{suffix}" for number in range(1, outcome.json["parts"] + 1)]
    assert sorted(path.name for path in out.iterdir()) == names
    for path in [out, *out.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    if form in OF_DEVICES:
        for number in range(COUNT):
            eui64 = batches.device_id(0x1000 + number)
            device = device_by(form, out / names[number // 2], eui64)
            check_device(device, run, eui64, form="raw" if form == "device-file" else "pkcs8")


@pytest.mark.parametrize("form", FILES)
@pytest.mark.usefixtures("run")
def test_a_file_goes_to_standard_output(quickstart, export, form):
    _, out = export(form, "--with-keys")
    words = ("--estate", quickstart, "batch", "export", "1", "--with-keys", "--format", form)
    done = subprocess.run(
        [sys.executable, "-m", "smki_testca", *words, "--out", "-"], capture_output=True, check=True
    )
    assert done.stdout == out.read_bytes()


def test_a_manifest_in_any_order_gives_each_device_its_certificates(
    command, quickstart, export, tmp_path
):
    rows = [
        batches.device(0x103, usage="key-agreement"),
        batches.organisation(),
        batches.device(0x101, usage="digital-signature"),
        batches.device(0x102, usage="key-agreement"),
        batches.device(0x103, usage="digital-signature"),
        batches.device(0x101, usage="key-agreement"),
    ]
    batches.issue(command, quickstart, batches.write(tmp_path / "rows.csv", rows))
    outcome, out = export("device-sqlite", "--with-keys")
    counts = {name: outcome.json[name] for name in ("certificates", "devices", "left_out")}
    assert counts == {"certificates": 5, "devices": 3, "left_out": 1}
    for number, halves in ((0x101, "ds ka"), (0x102, "ka"), (0x103, "ds ka")):
        device = device_by("device-sqlite", out, batches.device_id(number))
        assert [half for half in ("ds", "ka") if device[f"{half}.der"]] == halves.split()
        for half in halves.split():
            certificate = x509.load_der_x509_certificate(device[f"{half}.der"])
            key = load_der_private_key(device[f"{half}.key"], None)
            assert key.public_key() == certificate.public_key()
            bits = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
            assert bits.digital_signature == (half == "ds")


def _order(form, out):
    """The numbers of the Devices that an export holds, in its order."""
    if form == "device-csv":
        with out.open(newline="") as file:
            return [_number(row["eui64"]) for row in csv.DictReader(file)]
    if form == "device-parquet":
        parquet = pytest.importorskip("pyarrow.parquet")
        return [_number(row["eui64"]) for row in parquet.read_table(out).to_pylist()]
    with contextlib.closing(sqlite3.connect(out)) as connection:
        rows = connection.execute("SELECT eui64 FROM devices ORDER BY rowid").fetchall()
    return [_number(eui64) for (eui64,) in rows]


def _number(eui64):
    return int(plain(eui64)[-4:], 16)


@pytest.mark.parametrize("form", ["device-csv", "device-parquet", "device-sqlite"])
@pytest.mark.parametrize("seed", range(3))
def test_devices_are_in_the_order_of_their_first_rows(
    command, quickstart, export, tmp_path, form, seed
):
    shuffled = [
        batches.device(number, usage=usage)
        for number in range(0x2000, 0x2000 + COUNT)
        for usage in ("digital-signature", "key-agreement")
    ]
    random.Random(seed).shuffle(shuffled)
    shuffled.insert(0, batches.device(0x2010, usage="key-agreement"))
    shuffled.append(batches.device(0x2011, usage="both"))
    path = batches.write(tmp_path / "manifest.csv", shuffled)
    batches.issue(command, quickstart, path)
    in_order = list(dict.fromkeys(_number(row["device-id"]) for row in shuffled))
    _, out = export(form)
    assert _order(form, out) == in_order
    _, parts = export(form, "--split", 2, out=tmp_path / "parts")
    found = [number for part in sorted(parts.iterdir()) for number in _order(form, part)]
    assert found == in_order


@pytest.mark.parametrize("form", ["device-folders", "device-file"])
def test_parts_hold_devices_in_the_order_of_their_first_rows(
    command, quickstart, export, tmp_path, form
):
    shuffled = [
        batches.device(0x2002, usage="key-agreement"),
        batches.device(0x2001, usage="digital-signature"),
        batches.device(0x2001, usage="key-agreement"),
        batches.device(0x2000, usage="both"),
    ]
    path = batches.write(tmp_path / "manifest.csv", shuffled)
    batches.issue(command, quickstart, path)
    _, parts = export(form, "--split", 1)
    for part, row in zip(sorted(parts.iterdir()), shuffled[:2] + shuffled[3:], strict=True):
        eui64 = plain(row["device-id"])
        if form == "device-file":
            assert bytes.fromhex(eui64) in part.read_bytes()
        else:
            assert [each.name for each in part.iterdir() if each.is_dir()] == [eui64]


@pytest.mark.parametrize("form", ["device-csv", "device-sqlite"])
def test_a_range_of_which_parts_were_left_out_is_exported_in_the_order_of_ids(
    command, quickstart, export, form
):
    batches.issue(command, quickstart, *batches.range_of(1, 0x2001, "digital-signature"))
    usages = "digital-signature", "key-agreement"
    words = *batches.range_of(3, 0x2000, *usages), "--skip-existing"
    assert batches.issue(command, quickstart, *words)["issued"] == 5
    outcome, out = export(form, run=2)
    assert outcome.code == 0
    assert (outcome.json["devices"], outcome.json["certificates"]) == (3, 5)
    assert _order(form, out) == [0x2000, 0x2001, 0x2002]


def test_a_row_for_both_usages_is_found_by_its_serial_number(command, quickstart, export, tmp_path):
    rows = [
        batches.device(number, usage="both", serial_number=f"SN-{number:X}")
        for number in (0x203, 0x201, 0x202)
    ]
    batches.issue(command, quickstart, batches.write(tmp_path / "rows.csv", rows))
    outcome, out = export("device-file", "--with-keys")
    assert (outcome.json["devices"], outcome.json["certificates"]) == (3, 6)
    for number in (0x201, 0x202, 0x203):
        device = read("read_device_file.py", out, "name", f"SN-{number:X}")
        assert device["eui64"].hex() == plain(batches.device_id(number))
        assert len(device["ds.key"]) == len(device["ka.key"]) == 32
    # As the header of the manifest may have it.
    assert export("device-file", "--name-by", "Serial Number", out=tmp_path / "named")[0].code == 0


# A manifest's own columns, as RunRows gives them.


@pytest.fixture
def columns(monkeypatch):
    """Gives the rows of the run columns of their own, by the last digits of the Device ID."""
    from smki_testca.estate import run_rows  # noqa: PLC0415

    def give(*names):
        def values(self, opened, section):
            del self, section
            for eui64 in opened.ids():
                yield {name: f"{name}-{eui64[-1]}" for name in names}

        monkeypatch.setattr(run_rows.RunRows, "columns", lambda _: list(names))
        monkeypatch.setattr(run_rows.RunRows, "_columns", values)

    return give


def test_own_columns_are_in_every_table(run, export, columns):
    import csv  # noqa: PLC0415

    columns("serial_number", "chain")
    for form in ("csv", "device-csv"):
        _, out = export(form)
        with out.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        own = "chain" if form == "csv" else "own_chain"
        assert {row["serial_number"] for row in rows} == {
            f"serial_number-{n}" for n in range(COUNT)
        }
        assert {row[own] for row in rows} == {f"chain-{n}" for n in range(COUNT)}
    parquet = pytest.importorskip("pyarrow.parquet")
    for form in ("parquet", "device-parquet"):
        _, out = export(form)
        assert "serial_number-3" in parquet.read_table(out)["serial_number"].to_pylist()
    assert run


def test_own_columns_lie_beside_certificates_in_folders(run, export, columns):
    _, out = export("device-folders", "--with-keys")
    assert not list(out.rglob("*.json"))
    columns("serial_number", "ort")
    _, out = export("device-folders", out=out.with_name("named"))
    for number in range(COUNT):
        folder = out / plain(batches.device_id(0x1000 + number))
        own = {"serial_number": f"serial_number-{number}", "ort": f"ort-{number}"}
        assert json.loads((folder / "columns.json").read_text("utf-8")) == own
    words = [sys.executable, READERS / "read_device_folders.py", folder]
    printed = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert f"columns.json {json.dumps(own)}" in printed.splitlines()
    _, out = export("pem-tree")
    for (eui64, usage), record in run.items():
        name = f"{usage}-{record['serial'].lower()}-columns.json"
        text = (out / plain(eui64) / name).read_text("utf-8")
        assert json.loads(text)["ort"] == f"ort-{int(eui64[-2:], 16)}"


@pytest.mark.usefixtures("run")
def test_a_column_names_folders_and_the_second_index(export, columns):
    columns("serial_number", "line")
    _, out = export("device-folders", "--name-by", "serial_number")
    assert sorted(path.name for path in out.iterdir()) == [
        f"serial_number-{number}" for number in range(COUNT)
    ]
    _, out = export("device-file")
    for number in range(COUNT):
        found = read("read_device_file.py", out, "name", f"serial_number-{number}")
        assert found["eui64"].hex() == plain(batches.device_id(0x1000 + number))
    _, out = export("device-file", "--name-by", "line", "--force")
    assert read("read_device_file.py", out, "name", "line-2")["eui64"][-1] == 2


@pytest.mark.parametrize("form", ["device-folders", "device-file"])
@pytest.mark.usefixtures("run")
def test_names_that_do_not_tell_devices_apart_are_refused(export, monkeypatch, columns, form):
    from smki_testca.estate import run_rows  # noqa: PLC0415

    outcome, out = export(form, "--name-by", "serial_number")
    assert (outcome.code, outcome.json["error"]["code"]) == (4, "export.device_name")
    columns("serial_number")
    for name in ("twice", ""):
        monkeypatch.setattr(
            run_rows.RunRows,
            "_columns",
            lambda _, opened, __, name=name: ({"serial_number": name} for _ in range(len(opened))),
        )
        outcome, out = export(form, "--name-by", "serial_number")
        assert (outcome.code, outcome.json["error"]["code"]) == (4, "export.device_name")
        assert not out.exists()


# What cannot be is refused, and nothing is written.


@pytest.mark.parametrize(
    ("form", "options", "exit_code", "code"),
    [
        ("device-csv", ("--key-form", "raw", "PHRASE"), 4, "export.cannot_encrypt"),
        ("device-folders", ("--key-form", "sec1", "PHRASE"), 4, "export.cannot_encrypt"),
        ("pem-tree", ("--key-form", "raw"), 4, "export.key_form"),
        ("device-folders", ("SEAL",), 4, "export.cannot_seal"),
        ("device-sqlite", ("SEAL",), 4, "export.cannot_seal"),
        ("device-csv", ("--name-by", "serial_number"), 2, "usage"),
        ("csv", ("--environment", "ZAZ1"), 2, "usage"),
        ("response", ("--split", "2"), 2, "usage"),
        ("device-file", ("--environment", "UIT-A"), 4, "export.none_fit"),
        ("device-file", ("--split", "1000000"), 4, "export.split"),
        ("device-file", ("--seal-to", "PHRASE-FILE"), 4, "export.seal_key"),
    ],
)
@pytest.mark.usefixtures("run")
def test_what_cannot_be_is_refused(export, phrase_file, line, form, options, exit_code, code):
    words = {
        "PHRASE": ("--export-passphrase-file", phrase_file),
        "SEAL": ("--seal-to", line[1]),
        "PHRASE-FILE": (phrase_file,),
    }
    given = [part for option in options for part in words.get(option, (option,))]
    keys = () if form == "response" else ("--with-keys",)
    outcome, out = export(form, *keys, *given)
    assert (outcome.code, outcome.json["error"]["code"]) == (exit_code, code)
    assert outcome.json["error"]["remedy"]
    assert not out.exists()


@pytest.mark.usefixtures("run")
def test_more_devices_than_a_file_holds_are_refused_with_the_way_out(export, monkeypatch):
    from dataclasses import replace  # noqa: PLC0415

    form = RUN_FORMATS["device-file"]
    monkeypatch.setattr(type(form), "traits", replace(form.traits, limit=COUNT - 1))
    outcome, _ = export("device-file")
    assert outcome.json["error"]["code"] == "export.split"
    assert outcome.json["error"]["remedy"] == f"Add --split {COUNT - 1}."
    assert export("device-file", "--split", COUNT - 1)[0].code == 0


@pytest.mark.parametrize("form", OF_DEVICES)
@pytest.mark.usefixtures("run")
def test_what_is_there_is_kept_unless_forced(export, form):
    export(form)
    outcome, out = export(form, "--with-keys")
    assert (outcome.code, outcome.json["error"]["code"]) == (4, "export.exists")
    outcome, out = export(form, "--with-keys", "--force")
    assert outcome.code == 0
    for path in [out, *out.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    assert not list(out.parent.glob(".*.unfinished"))


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of Linux on files")
@pytest.mark.parametrize("form", ["device-file", "device-csv", "device-sqlite"])
@pytest.mark.usefixtures("run")
def test_a_file_that_cannot_be_written_whole_is_not_there(quickstart, tmp_path, form):
    words = ("--estate", quickstart, "batch", "export", "1", "--with-keys", "--format", form)
    place = tmp_path / "place"
    place.mkdir()
    limited = f'ulimit -f 4; exec {sys.executable} -m smki_testca "$@"'
    done = subprocess.run(
        ["/bin/sh", "-c", limited, "sh", *words, "--out", place / "out"],
        capture_output=True,
        text=True,
        check=False,
        # The limit is not for the file in which coverage keeps its counts.
        env={name: text for name, text in os.environ.items() if not name.startswith("COV")},
    )
    assert (done.returncode, done.stderr.count("\n")) == (5, 1), done.stderr
    assert "cannot be written" in done.stderr
    assert not list(place.iterdir())


def test_the_header_is_as_documented():
    assert device_file.HEADER.size <= device_file.HEADER_OCTETS - 4
    assert device_file.RECORD.size == 188
    assert device_file.HEADER.size == 120


def test_no_device_has_the_folder_of_the_note_on_keys(command, quickstart, export, tmp_path):
    rows = [batches.device(0x101, serial_number="keys-are-not-secret.TXT")]
    batches.issue(command, quickstart, batches.write(tmp_path / "rows.csv", rows))
    outcome, out = export("device-folders", "--name-by", "serial_number")
    assert outcome.json["error"]["code"] == "export.device_name"
    assert "a note has that name" in outcome.json["error"]["message"]
    assert not out.exists()
