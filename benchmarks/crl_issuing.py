"""Times of issuing and verifying a CRL of many entries, and of pyca's builder for comparison.

python benchmarks/crl_issuing.py [COUNT …]
"""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from smki_testca.api import Estate
from smki_testca.authority.revocation import Reason, Revocation
from smki_testca.entropy import SystemEntropy
from smki_testca.identifiers import SerialNumber
from smki_testca.lifecycle.crl_comparison import compare_list
from smki_testca.lifecycle.crls import find_authority, name_of
from smki_testca.profiles.model import Hierarchy, Tier

if TYPE_CHECKING:
    from collections.abc import Callable

COUNTS = (1000, 10_000, 100_000)
TURNS = 3


def seconds(call: Callable[[], object]) -> float:
    """Return the seconds of a core that a call takes."""
    start = time.process_time()
    call()
    return time.process_time() - start


def revoke(estate: Estate, count: int) -> list[Revocation]:
    """Store so many revocations, half of them with a reason, without the usual checks."""
    issuer = name_of(find_authority(estate, Hierarchy.ORGANISATION, Tier.ISSUING))
    now, entropy = estate.clock.now(), SystemEntropy()
    revocations = [
        Revocation(
            SerialNumber.generate(entropy),
            now - timedelta(minutes=number),
            Reason.SUPERSEDED if number % 2 else None,
        )
        for number in range(count)
    ]
    with estate.transaction():
        details = {"revoked": [str(revocation.serial) for revocation in revocations]}
        number = estate.audit.append(now, "revoke", details)
        pairs = ((issuer, revocation) for revocation in revocations)
        estate.revocations.add(pairs, "revoked", now, number)
    return revocations


def by_pyca(revocations: list[Revocation]) -> None:
    """Make a CRL of the same entries with the builder of the cryptography package."""
    now = max(revocation.at for revocation in revocations)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Z1")])
    builder = x509.CertificateRevocationListBuilder(name, now, now + timedelta(days=2))
    for revocation in revocations:
        entry = x509.RevokedCertificateBuilder(revocation.serial.value, revocation.at)
        if revocation.reason is not None:
            reason = x509.CRLReason(x509.ReasonFlags.superseded)
            entry = entry.add_extension(reason, critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())


def measure(count: int) -> tuple[float, float, float]:
    """Measure the seconds of `crl issue`, `crl verify` and pyca's builder for so many entries."""
    with TemporaryDirectory() as directory:
        with Estate.create(Path(directory) / "estate", lambda: "benchmark") as estate:
            estate.add_environment("ZAZ1")
            revocations = revoke(estate, count)
            # The first list pays for the imports.
            estate.issue_revocation_list(Hierarchy.IKI, Tier.ISSUING)
            issue = seconds(
                lambda: estate.issue_revocation_list(Hierarchy.ORGANISATION, Tier.ISSUING)
            )
            newest = estate.revocation_lists(current_only=True)[-1]
            verify = seconds(lambda: compare_list(estate, newest.der))
        return issue, verify, seconds(lambda: by_pyca(revocations))


def main(counts: tuple[int, ...]) -> None:
    """Measure each number of certificates in an estate of its own."""
    print(f"{TURNS} turns, the quickest, in seconds of a core; Python {sys.version.split()[0]}")
    print(f"{'certificates':>12}{'crl issue':>12}{'crl verify':>12}{'pyca':>10}{'ratio':>8}")
    for count in counts:
        turns = [measure(count) for _ in range(TURNS)]
        issue, verify, pyca = (min(column) for column in zip(*turns, strict=True))
        print(f"{count:12}{issue:12.2f}{verify:12.2f}{pyca:10.2f}{pyca / issue:8.1f}", flush=True)


if __name__ == "__main__":
    main(tuple(map(int, sys.argv[1:])) or COUNTS)
