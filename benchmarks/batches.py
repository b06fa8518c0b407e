"""Batches against the bound of their cryptography, everything measured by turns in one run.

python benchmarks/batches.py [CERTIFICATES [CSRS [TURNS]]]

The bound of a range is P-256 key generation and signing with the package cryptography, in as many
processes as there are cores. That of a ZIP of CSRs is reading the ZIP, loading each CSR, verifying
its signature, and signing. Ours is the whole command, from the start of its process to its end.
Every turn measures each once; the quickest turn counts, for other programs only ever slow one down.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import zipfile
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from smki_testca.api import Estate
from smki_testca.der import encode
from smki_testca.estate.certificates import Selection
from smki_testca.estate.terms import TILE_ROWS, Secrets, Section
from smki_testca.issuance.batch.tile_maker import Task, TileMaker, TileMaterial
from smki_testca.roles import KeyUsage

if TYPE_CHECKING:
    from collections.abc import Callable

CORES = os.cpu_count() or 1
COMMAND = [sys.executable, "-m", "smki_testca"]
HW_TYPE = "1.2.826.0.1.8641679.1.2.2.1"
FIRST_ID = 0x00DB120000000000
REQUESTED = ("--participant", "meters-one", "--purpose", "device-and-user-system-tests")
NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
CURVE, ECDSA = ec.SECP256R1(), ec.ECDSA(hashes.SHA256())
PKCS8, CLEAR = PrivateFormat.PKCS8, NoEncryption()
RANGE_LIMIT, RANGE_AIM, SIGN_LIMIT = 0.70, 0.80, 0.65
SAMPLE = 2 * TILE_ROWS
TBS_OCTETS = 437
"""About as many as a Device Certificate's signed part has."""


def keys_and_signatures(count: int) -> float:
    """Measure the seconds of the bare cryptography of so many certificates in one process."""
    ca, tbs = ec.generate_private_key(CURVE), os.urandom(TBS_OCTETS)
    start = time.perf_counter()
    for _ in range(count):
        ec.generate_private_key(CURVE)
        ca.sign(tbs, ECDSA)
    return time.perf_counter() - start


def verified_and_signed(path: str, part: int) -> float:
    """Measure the seconds that one process takes for its part of the CSRs of a ZIP."""
    ca, tbs = ec.generate_private_key(CURVE), os.urandom(TBS_OCTETS)
    start = time.perf_counter()
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist()[part::CORES]:
            csr = x509.load_pem_x509_csr(archive.read(info))
            if not csr.is_signature_valid:
                raise ValueError(info.filename)
            ca.sign(tbs, ECDSA)
    return time.perf_counter() - start


def bound_of_range(count: int) -> float:
    """Return the seconds of the slowest process, without the start of processes."""
    with ProcessPoolExecutor(CORES) as pool:
        return max(pool.map(keys_and_signatures, [count // CORES] * CORES))


def bound_of_requests(path: str) -> float:
    """Return the seconds of the slowest process, without the start of processes."""
    with ProcessPoolExecutor(CORES) as pool:
        return max(pool.map(verified_and_signed, [path] * CORES, range(CORES)))


def command(*arguments: str) -> float:
    """Run a command, and return its seconds from start to end."""
    start = time.perf_counter()
    subprocess.run([*COMMAND, *arguments], check=True, capture_output=True)
    return time.perf_counter() - start


def device_csrs(first: int, count: int) -> list[tuple[str, bytes]]:
    """Make CSRs of Devices with consecutive IDs: file names and octets."""
    module = encode.sequence(encode.oid(HW_TYPE), encode.tlv(encode.OCTET_STRING, bytes(8)))[:-8]
    usage = x509.KeyUsage(*(bit == 4 for bit in range(9)))
    files = []
    for device_id in range(first, first + count):
        name = x509.OtherName(
            x509.ObjectIdentifier("1.3.6.1.5.5.7.8.4"), module + device_id.to_bytes(8)
        )
        csr = (
            x509.CertificateSigningRequestBuilder()
            .subject_name(x509.Name([]))
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectAlternativeName([name]), critical=True)
            .sign(ec.generate_private_key(CURVE), hashes.SHA256())
        )
        files.append((f"{device_id:016x}.csr", csr.public_bytes(Encoding.PEM)))
    return files


def write_requests(path: str, count: int, first: int) -> None:
    """Write a ZIP of so many CSRs."""
    chunk = 1000
    starts = range(0, count, chunk)
    with (
        ProcessPoolExecutor(CORES) as pool,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        sizes = [min(chunk, count - start) for start in starts]
        for files in pool.map(device_csrs, [first + start for start in starts], sizes):
            for name, data in files:
                archive.writestr(name, data)


def per_core(directory: Path) -> dict[str, Callable[[], float]]:
    """Return the cases on one core: each makes a sample and returns its certificates a second."""
    passphrase = (directory / "passphrase").read_text().strip()
    with Estate.open(directory, lambda: passphrase) as estate:
        (record,) = estate.select(Selection(profile="device-issuing-ca"))
        place = (record.environment, "device")
        keys = estate.authorities.keys_for_workers({place: record})
    material = TileMaterial({place: record.der}, *keys, Secrets(bytes(16), bytes(32)), NOW)
    section = Section(
        profile="device",
        participant="meters-one",
        participant_name="Meters One",
        signifier=None,
        purpose="device-and-user-system-tests",
        environment=record.environment,
        category="device",
        agreement="benchmark",
        issuer=str(record.serial),
        usage=KeyUsage.DIGITAL_SIGNATURE,
        hw_type=HW_TYPE,
        count=SAMPLE,
        first_id=FIRST_ID,
    )
    maker = TileMaker(material)
    tasks = [
        Task(1, n, 0, section, start, start, TILE_ROWS, None)
        for n, start in enumerate(range(0, SAMPLE, TILE_ROWS))
    ]
    issuer = x509.load_der_x509_certificate(record.der)
    ca_key = ec.generate_private_key(CURVE)

    def bare() -> float:
        return SAMPLE / keys_and_signatures(SAMPLE)

    def ours() -> float:
        start = time.perf_counter()
        for task in tasks:
            maker.make(task)
        return SAMPLE / (time.perf_counter() - start)

    def builder() -> float:
        start = time.perf_counter()
        for number in range(SAMPLE):
            pyca(issuer, ca_key, FIRST_ID + number)
        return SAMPLE / (time.perf_counter() - start)

    cases = {"key and signature": bare, "a tile of ours": ours, "pyca CertificateBuilder": builder}
    if find_spec("trustme"):
        cases["trustme"] = trustme_certificates
    if find_spec("certomancer"):
        cases["certomancer"] = certomancer_certificates
    return cases


def pyca(issuer: x509.Certificate, ca_key: ec.EllipticCurvePrivateKey, device_id: int) -> bytes:
    """Make a Device Certificate of the same content with pyca's builder and a fresh key."""
    key = ec.generate_private_key(CURVE).public_key()
    module = encode.sequence(
        encode.oid(HW_TYPE), encode.tlv(encode.OCTET_STRING, device_id.to_bytes(8))
    )
    name = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.5.5.7.8.4"), module)
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    policy = x509.PolicyInformation(x509.ObjectIdentifier("1.2.826.0.1.8641679.1.2.1.4"), None)
    return (
        x509.CertificateBuilder()
        .serial_number(x509.random_serial_number() >> 32)
        .issuer_name(issuer.subject)
        .subject_name(x509.Name([]))
        .not_valid_before(NOW)
        .not_valid_after(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
        .public_key(key)
        .add_extension(x509.KeyUsage(*(bit == 0 for bit in range(9))), critical=True)
        .add_extension(x509.SubjectAlternativeName([name]), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.CertificatePolicies([policy]), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
            critical=False,
        )
        .sign(ca_key, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )


def trustme_certificates() -> float:
    """Measure the certificates a second that trustme makes with fresh P-256 keys."""
    import trustme  # noqa: PLC0415 - measured where it is installed

    ca, count = trustme.CA(), SAMPLE // 8
    start = time.perf_counter()
    for number in range(count):
        ca.issue_cert(f"{number:016x}.test")
    return count / (time.perf_counter() - start)


def certomancer_certificates() -> float:
    """Measure the certificates a second that certomancer makes for one key; it makes no keys."""
    from certomancer.registry import ArchLabel, CertLabel, CertomancerConfig  # noqa: PLC0415

    count = SAMPLE // 40
    names = ["ca", *(f"device-{number}" for number in range(count))]
    spec = {
        "subject-key": "key",
        "issuer": "ca",
        "authority-key": "key",
        "validity": {
            "valid-from": "2026-01-01T00:00:00+0000",
            "valid-to": "2036-01-01T00:00:00+0000",
        },
    }
    with TemporaryDirectory() as directory:
        key = ec.generate_private_key(CURVE)
        Path(directory, "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PKCS8, CLEAR))
        configuration = CertomancerConfig(
            {
                "keysets": {"keys": {"keys": {"key": {"path": "key.pem"}}}},
                "pki-architectures": {
                    "devices": {
                        "keyset": "keys",
                        "entities": {name: {"common-name": name} for name in names},
                        "certs": {name: {"subject": name, **spec} for name in names},
                    }
                },
            },
            key_search_dir=directory,
        )
        architecture = configuration.get_pki_arch(ArchLabel("devices"))
        start = time.perf_counter()
        for name in names[1:]:
            architecture.get_cert(CertLabel(name)).dump()
        return count / (time.perf_counter() - start)


def turns(count: int, cases: dict[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Run every case in each turn, and return what each measured."""
    measured: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(count):
        for name, measure in cases.items():
            measured[name].append(measure())
    return measured


def main(certificates: int, requests: int, rounds: int) -> None:
    """Measure by turns, and print rates and ratios."""
    with TemporaryDirectory() as folder:
        # Our modules are compiled once, as they are where the package is installed.
        os.environ["PYTHONPYCACHEPREFIX"] = str(Path(folder, "compiled"))
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        estate = Path(folder, "estate")
        command("quickstart", str(estate))
        zipped = str(Path(folder, "requests.zip"))
        write_requests(zipped, requests, FIRST_ID + (1 << 36))
        firsts = iter(range(FIRST_ID + (1 << 32), 1 << 63, 1 << 30))

        def issue() -> float:
            return command(
                *("--estate", str(estate), "batch", "issue", "--profile", "device", *REQUESTED),
                *("--hw-type", HW_TYPE, "--usage", "digital-signature"),
                *("--first-id", f"{next(firsts):016x}", "--count", str(certificates)),
            )

        def sign() -> float:
            # Another estate each time: nothing was issued to these Devices before.
            copy = Path(folder, "signing")
            shutil.rmtree(copy, ignore_errors=True)
            command("quickstart", str(copy))
            out = str(Path(folder, "response.zip"))
            return command(
                "--estate", str(copy), "batch", "sign", zipped, *REQUESTED, "--force", "--out", out
            )

        print(
            f"{CORES} cores, {rounds} turns, the quickest counts; Python {sys.version.split()[0]}"
        )
        whole = turns(
            rounds,
            {
                "bound of a range": lambda: bound_of_range(certificates),
                "batch issue": issue,
                "bound of a ZIP of CSRs": lambda: bound_of_requests(zipped),
                "batch sign": sign,
            },
        )
        best = {name: min(times) for name, times in whole.items()}
        print(f"\n{'':26}{'number':>9}{'seconds':>9}{'per s':>9}{'ratio':>7}{'limit':>7}{'aim':>6}")
        rows = (
            ("bound of a range", certificates, None, ""),
            ("batch issue", certificates, RANGE_LIMIT, f"{RANGE_AIM:6.2f}"),
            ("bound of a ZIP of CSRs", requests, None, ""),
            ("batch sign", requests, SIGN_LIMIT, ""),
        )
        bound = 0.0
        for name, count, limit, aim in rows:
            seconds = best[name]
            bound = bound if limit else seconds
            ratio = f"{bound / seconds:7.2f}{limit:7.2f}{aim}" if limit else ""
            print(f"{name:26}{count:9}{seconds:9.2f}{count / seconds:9.0f}{ratio}")
        print(f"\n{'one core, in one process':26}{'':18}{'per s':>9}{'ratio':>7}")
        rates = {name: max(measured) for name, measured in turns(rounds, per_core(estate)).items()}
        for name, rate in rates.items():
            print(f"{name:44}{rate:9.0f}{rate / rates['key and signature']:7.3f}")


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    main(*numbers, *(200_000, 50_000, 3)[len(numbers) :])
