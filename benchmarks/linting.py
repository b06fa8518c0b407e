"""Compares the speed of ``smki-testca lint`` with that of pkilint on the same certificates.

Run it with pkilint installed:

    python benchmarks/linting.py [--count 10000] [--sample 200] [--turns 3]

It makes a folder of Device Certificates under one chain and lints it by turns with

- the command, from start to end, all of the folder, over all cores, chain given;
- pkilint's command, from start to end, some of the folder: it takes one file a run;
- pkilint's PKIX linter called from Python, a sample of the folder in one process that is already
  running, which is the best that can be had from it.

The time of a certificate is that of the quickest turn. It ends with exit code 1 where the ratio
to pkilint's command is below the one promised.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from smki_testca.authority.filling import Filling, Issuer, TemplateSetting, issuer_of, values
from smki_testca.authority.signers.software import SoftwareSigner
from smki_testca.authority.template import Template, compile_template
from smki_testca.der import encode
from smki_testca.entropy import SystemEntropy
from smki_testca.identifiers import SerialNumber
from smki_testca.profiles import Library
from smki_testca.profiles.model import Hierarchy, Tier
from smki_testca.x509.private_keys import public_key_info

PROMISED = 20
"""The least ratio of pkilint's time to ours, for each certificate and core."""
_FIRST_DEVICE = 0x00DB1234_00000000
_NOW = datetime(2026, 1, 1, tzinfo=UTC)

_COMMANDS = 5
_PKILINT = """
import sys
import time
from pathlib import Path
from pkilint import loader
from pkilint.pkix import certificate, extension, name

validator = certificate.create_pkix_certificate_validator_container(
    certificate.create_decoding_validators(
        name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS
    ),
    [
        certificate.create_issuer_validator_container([]),
        certificate.create_validity_validator_container(),
        certificate.create_subject_validator_container([]),
        certificate.create_extensions_validator_container([]),
        certificate.create_spki_validator_container([]),
    ],
)
start = time.perf_counter()
for path in sorted(Path(sys.argv[1]).iterdir())[: int(sys.argv[2])]:
    document = loader.load_pem_certificate(path.read_text(), path.name)
    validator.validate(document.root)
print(time.perf_counter() - start)
"""


def make_folder(folder: Path, trust: Path, count: int) -> None:
    """Write Device Certificates, one a file, and their chain into another file."""
    library = Library()
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]
    root = _cut(library, library.profile_for(Hierarchy.DEVICE, Tier.ROOT).name, keys[0], keys[0])
    issuing = _cut(
        library,
        library.profile_for(Hierarchy.DEVICE, Tier.ISSUING).name,
        keys[1],
        keys[0],
        issuer_of(root),
    )
    trust.write_text(_pem(issuing) + _pem(root))
    inputs: dict[str, Any] = {
        "usage": ("digitalSignature",),
        "hw-type": "1.2.826.0.1.8641679.1.2.2.1",
    }
    signer = SoftwareSigner(keys[1])
    template = _template(library, "device", issuer_of(issuing), frozenset({*inputs, "device-id"}))
    for number in range(count):
        device_id = (_FIRST_DEVICE + number).to_bytes(8)
        public = public_key_info(ec.generate_private_key(ec.SECP256R1()))
        serial = SerialNumber.generate(SystemEntropy())
        filling = Filling(serial, _NOW, public, {**inputs, "device-id": device_id})
        certificate = _signed(template, filling, signer)
        (folder / f"{device_id.hex()}-ds.pem").write_text(_pem(certificate))


def _cut(
    library: Library,
    profile: str,
    key: ec.EllipticCurvePrivateKey,
    issuing_key: ec.EllipticCurvePrivateKey,
    issuer: Issuer | None = None,
) -> bytes:
    template = _template(library, profile, issuer, frozenset())
    filling = Filling(SerialNumber.generate(SystemEntropy()), _NOW, public_key_info(key))
    return _signed(template, filling, SoftwareSigner(issuing_key))


def _template(
    library: Library, profile: str, issuer: Issuer | None, present: frozenset[str]
) -> Template:
    algorithm = SoftwareSigner(ec.generate_private_key(ec.SECP256R1())).algorithm
    setting = TemplateSetting(
        library.profile(profile), library.default_environment, algorithm, issuer
    )
    return compile_template(setting, present, library.roles)


def _signed(template: Template, filling: Filling, signer: SoftwareSigner) -> bytes:
    tbs = template.render(template.elements(values(template.setting, filling)))
    signature = encode.bit_string(signer.sign(tbs))
    return encode.sequence(tbs, signer.algorithm.encoded, signature)


def _pem(der: bytes) -> str:
    text = base64.b64encode(der).decode("ascii")
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])


def _timed(*command: str) -> tuple[float, bytes]:
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr.decode("utf-8", "replace"))
    return time.perf_counter() - start, done.stdout


def _ours(folder: Path, trust: Path, count: int) -> float:
    """Seconds of one core for each certificate, by our command."""
    command = (sys.executable, "-m", "smki_testca", "--json", "lint", "--trust", str(trust))
    seconds, report = _timed(*command, str(folder))
    summary = json.loads(report)["summary"]
    if summary["clean"] != count:
        sys.exit(f"the certificates should be clean: {summary}")
    return seconds * (os.cpu_count() or 1) / count


def _their_command(folder: Path) -> float:
    """Seconds of one core for each certificate, by pkilint's command."""
    paths = sorted(folder.iterdir())[:_COMMANDS]
    program = "import sys; from pkilint.bin.lint_pkix_cert import main; sys.exit(main())"
    command = (sys.executable, "-c", program, "lint", "-s", "ERROR")
    return sum(_timed(*command, str(path))[0] for path in paths) / len(paths)


def _their_library(folder: Path, sample: int) -> float:
    """Seconds of one core for each certificate, by pkilint's functions alone."""
    _, output = _timed(sys.executable, "-c", _PKILINT, str(folder), str(sample))
    return float(output) / sample


def main() -> None:
    """Make the folder, run both linters, print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000, help="certificates in the folder")
    parser.add_argument("--sample", type=int, default=200, help="of them for pkilint")
    parser.add_argument("--turns", type=int, default=3, help="how often each is run")
    options = parser.parse_args()
    ours, command, library = [], [], []
    with tempfile.TemporaryDirectory() as scratch:
        folder, trust = Path(scratch) / "devices", Path(scratch) / "chain.pem"
        folder.mkdir()
        make_folder(folder, trust, options.count)
        for _ in range(options.turns):
            ours.append(_ours(folder, trust, options.count))
            command.append(_their_command(folder))
            library.append(_their_library(folder, options.sample))
    print(
        f"{options.count} Device Certificates, {options.turns} turns, the quickest;"
        f" Python {platform.python_version()}, {os.cpu_count()} cores"
    )
    print(f"{'':28}{'µs':>9}{'ratio':>8}")
    for name, times in (
        ("smki-testca lint", ours),
        ("pkilint's command", command),
        ("pkilint's functions alone", library),
    ):
        print(f"{name:28}{min(times) * 1e6:9.0f}{min(times) / min(ours):8.1f}")
    if min(command) / min(ours) < PROMISED:
        sys.exit(f"less than {PROMISED} times as fast as pkilint's command")


if __name__ == "__main__":
    main()
