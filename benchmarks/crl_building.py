"""CRLs of many entries: ours, checked and signed, against pyca's builder and the bare signature.

python benchmarks/crl_building.py

All are measured by turns in one run; the median of the turns counts. The cost of pyca's builder
grows with the square of the number, so that the largest CRL has one turn of it only.
"""

from __future__ import annotations

import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from smki_testca.authority.certificates import CertificationAuthority
from smki_testca.authority.revocation import Reason, Revocation
from smki_testca.authority.signers.software import SoftwareSigner
from smki_testca.entropy import SystemEntropy
from smki_testca.identifiers import SerialNumber
from smki_testca.importers.sources import Source
from smki_testca.lint.chain import gathered
from smki_testca.lint.engine import Linter
from smki_testca.lint.linted import LintSettings
from smki_testca.profiles import Library
from smki_testca.x509.private_keys import public_key_info
from smki_testca.x509.view import view_revocation_list

if TYPE_CHECKING:
    from collections.abc import Callable

NUMBERS = (1_000, 10_000, 100_000)
TURNS = 5
NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
REASONS = {None: None, Reason.KEY_COMPROMISE: x509.ReasonFlags.key_compromise}


class Contest:
    """The CRL builders that are compared; they sign with one key for one CA."""

    def __init__(self) -> None:
        library, entropy = Library(), SystemEntropy()
        environment = library.default_environment
        self.key = ec.generate_private_key(ec.SECP256R1())
        signer = SoftwareSigner(self.key)
        root = CertificationAuthority(None, signer, environment, library).issue_authority(
            library.profile("organisation-root-ca"),
            public_key_info(self.key),
            at=NOW,
            entropy=entropy,
        )
        self.certificate = x509.load_der_x509_certificate(root.der)
        self.authority = CertificationAuthority(root.der, signer, environment, library)
        self.profile = library.revocation_list_profile("organisation-arl")
        self.sign = signer.sign
        settings = LintSettings(NOW + timedelta(hours=1), trusted=(root.der,))
        self.linter = Linter(settings, gathered(settings.trusted))

    def ours(self, revocations: list[Revocation]) -> bytes:
        """Issue a CRL: fill it from the rows, read it back, lint it, sign it, verify it."""
        return self.authority.issue_revocation_list(self.profile, revocations, 7, at=NOW).der

    def pyca(self, revocations: list[Revocation]) -> bytes:
        """Make the same CRL with pyca's builder, its entries included."""
        identifier = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(NOW)
            .next_update(NOW.replace(year=2027))
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier.value),
                critical=False,
            )
            .add_extension(x509.CRLNumber(7), critical=False)
        )
        for revocation in revocations:
            entry = (
                x509.RevokedCertificateBuilder()
                .serial_number(revocation.serial.value)
                .revocation_date(revocation.at)
            )
            reason = REASONS[revocation.reason]
            if reason is not None:
                entry = entry.add_extension(x509.CRLReason(reason), critical=False)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(self.key, hashes.SHA256(), ecdsa_deterministic=True).public_bytes(
            Encoding.DER
        )


def revocations_of(number: int) -> list[Revocation]:
    """Make so many revocations, half of them with a reason, each at another time."""
    entropy = SystemEntropy()
    return [
        Revocation(
            SerialNumber.generate(entropy),
            NOW - timedelta(seconds=place),
            Reason.KEY_COMPROMISE if place % 2 else None,
        )
        for place in range(number)
    ]


def milliseconds(work: Callable[[], object]) -> float:
    """Return the milliseconds that a call takes."""
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


def main() -> None:
    """Measure by turns and print times and ratios."""
    contest = Contest()
    print(f"{TURNS} turns, median, ms; Python {sys.version.split()[0]}")
    print(
        f"{'entries':>8}{'signature':>11}{'ours':>8}{'pyca':>9}{'ratio':>7}{'lint':>8}{'octets':>9}"
    )
    for number in NUMBERS:
        revocations = revocations_of(number)
        crl = contest.ours(revocations)
        tbs, source = view_revocation_list(crl).signed.encoded, Source("-", 0, crl)
        measured: dict[str, list[float]] = {}
        for turn in range(TURNS):
            works: dict[str, Callable[[], object]] = {
                "signature": partial(contest.sign, tbs),
                "ours": partial(contest.ours, revocations),
                "lint": partial(contest.linter.lint, source),
            }
            if turn == 0 or number < NUMBERS[-1]:
                works["pyca"] = partial(contest.pyca, revocations)
            for name, work in works.items():
                measured.setdefault(name, []).append(milliseconds(work))
        ms = {name: statistics.median(times) for name, times in measured.items()}
        print(
            f"{number:8}{ms['signature']:11.1f}{ms['ours']:8.1f}{ms['pyca']:9.1f}"
            f"{ms['pyca'] / ms['ours']:7.1f}{ms['lint']:8.1f}{len(crl):9}"
        )


if __name__ == "__main__":
    main()
