"""Certificates per second: the template against pyca's builder and the bare signature.

python benchmarks/issuing.py [CERTIFICATES]

One core, one Organisation Certificate after another, the key pair of the subject ready made. The
four are measured by turns in one run; the median of the turns counts.
"""

from __future__ import annotations

import statistics
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from smki_testca.api import Estate
from smki_testca.authority.certificates import CertificationAuthority, inputs
from smki_testca.authority.filling import Filling, TemplateSetting, issuer_of, values
from smki_testca.authority.signers.software import SoftwareSigner
from smki_testca.authority.template import compile_template
from smki_testca.der import encode
from smki_testca.entropy import SystemEntropy
from smki_testca.identifiers import Eui64, SerialNumber
from smki_testca.profiles import Library
from smki_testca.profiles.typed_subjects import OrganisationSubject
from smki_testca.roles import KeyUsage
from smki_testca.shipped import shipped
from smki_testca.x509.private_keys import public_key_info

if TYPE_CHECKING:
    from collections.abc import Callable

    from smki_testca.register.gate import Authorisation

TURNS = 7
NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
EUI64 = Eui64.parse("90-B3-D5-1F-30-01-00-00")
USAGE = KeyUsage.DIGITAL_SIGNATURE


def authorised() -> Authorisation:
    """Return the gate's authorisation of one request, from a temporary estate."""
    with (
        TemporaryDirectory() as directory,
        Estate.create(Path(directory), lambda: "benchmark") as estate,
    ):
        participants = shipped("examples") / "participants.toml"
        estate.register.import_file(participants.read_bytes(), participants.name)
        role = estate.library.roles.remote_party_role("supplier")
        subject = OrganisationSubject(EUI64, role)
        return estate.check(estate.request("supplier-one", "uept", subject, (USAGE,)))


def cases() -> dict[str, Callable[[], bytes]]:
    """Return the functions to measure, by name."""
    library, entropy = Library(), SystemEntropy()
    environment = library.default_environment
    ca_key, subject_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    signer, spki = SoftwareSigner(ca_key), public_key_info(subject_key)
    root = CertificationAuthority(None, signer, environment, library).issue_authority(
        library.profile("organisation-root-ca"), public_key_info(ca_key), at=NOW, entropy=entropy
    )
    authority = CertificationAuthority(root.der, signer, environment, library)
    authorisation = authorised()
    given = inputs(authorisation.request.subject, USAGE)
    profile = library.profile("organisation")
    setting = TemplateSetting(profile, environment, signer.algorithm, issuer_of(root.der))
    template = compile_template(setting, frozenset(given), library.roles)

    def filled() -> bytes:
        filling = Filling(SerialNumber.generate(entropy), NOW, spki, given)
        return template.render(template.elements(values(setting, filling)))

    tbs = filled()

    def template_and_sign() -> bytes:
        rendered = filled()
        signature = encode.bit_string(signer.sign(rendered))
        return encode.sequence(rendered, signer.algorithm.encoded, signature)

    def checked() -> bytes:
        unsigned = authority.prepare(authorisation, USAGE, spki, entropy=entropy)
        return authority.sign(unsigned).der

    issuer = x509.load_der_x509_certificate(root.der)

    def builder() -> bytes:
        return pyca(issuer, ca_key, subject_key.public_key())

    return {
        "bare signature": lambda: signer.sign(tbs),
        "template and signature": template_and_sign,
        "the same, checked before it leaves": checked,
        "pyca CertificateBuilder": builder,
    }


def pyca(
    issuer: x509.Certificate, ca_key: ec.EllipticCurvePrivateKey, key: ec.EllipticCurvePublicKey
) -> bytes:
    """Make the same certificate with pyca's builder."""
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    policy = x509.PolicyInformation(x509.ObjectIdentifier("1.2.826.0.1.8641679.1.2.1.4"), None)
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "02"),
            x509.NameAttribute(NameOID.X500_UNIQUE_IDENTIFIER, b"\x00" + EUI64.octets, BIT_STRING),
        ]
    )
    return (
        x509.CertificateBuilder()
        .serial_number(SerialNumber.generate(SystemEntropy()).value)
        .issuer_name(issuer.subject)
        .subject_name(subject)
        .not_valid_before(NOW)
        .not_valid_after(NOW.replace(year=2036))
        .public_key(key)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.CertificatePolicies([policy]), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
            critical=False,
        )
        .sign(ca_key, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )


BIT_STRING = x509.name._ASN1Type.BitString  # noqa: SLF001 - pyca has no public name for it


def main(count: int) -> None:
    """Measure by turns and print rates and ratios."""
    work = cases()
    measured: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(TURNS):
        for name, make in work.items():
            start = time.perf_counter()
            for _ in range(count):
                make()
            measured[name].append(count / (time.perf_counter() - start))
    rates = {name: statistics.median(measurements) for name, measurements in measured.items()}
    bare = rates["bare signature"]
    builder = rates["pyca CertificateBuilder"]
    print(f"{count} certificates, {TURNS} turns, median; Python {sys.version.split()[0]}")
    print(f"{'':36}{'per s':>8}{'of bare':>9}{'of pyca':>9}")
    for name, rate in rates.items():
        print(f"{name:36}{rate:8.0f}{rate / bare:9.2f}{rate / builder:9.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
