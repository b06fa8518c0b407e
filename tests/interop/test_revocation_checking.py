"""Other people's programs with revocation checking on: good chains stand, revoked ones fall."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import verification

from estates import opened
from smki_testca.authority.revocation import Reason
from smki_testca.estate.certificates import Selection
from smki_testca.profiles.model import Hierarchy, Tier

pytestmark = pytest.mark.interop

openssl_only = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="openssl is not installed"
)
java_only = pytest.mark.skipif(shutil.which("java") is None, reason="java is not installed")

HIERARCHIES = ("organisation", "dccki", "iki")
STALE = timedelta(days=30)


@dataclass(frozen=True)
class Case:
    """A chain, the CRLs beside it, and what a reader should think of it.

    Attributes:
        verdict: ``good``, ``revoked`` or ``stale``.
        place: of the revoked certificate in the chain, 0 for the leaf.
    """

    name: str
    leaf: bytes
    issuing: bytes
    root: bytes
    crl: bytes
    arl: bytes
    verdict: str
    place: int | None = None

    @property
    def is_good(self):
        return self.verdict == "good"

    @property
    def revoked(self):
        return [self.place] if self.verdict == "revoked" else []

    @property
    def chain(self):
        return (self.leaf, self.issuing)

    @property
    def lists(self):
        return (self.crl, self.arl)


def in_place(estate, hierarchy, tier):
    """The certificates of a hierarchy and tier."""
    place = (Hierarchy(hierarchy), tier)
    return [
        one for one in estate.certificates.select(Selection()) if (one.hierarchy, one.tier) == place
    ]


def lists(estate, hierarchy, at=None):
    return tuple(
        estate.issue_revocation_list(Hierarchy(hierarchy), tier, at=at).der
        for tier in (Tier.ISSUING, Tier.ROOT)
    )


def of_hierarchy(directory, hierarchy):
    """Every case of one hierarchy; on the way its last leaf and its issuing CA are revoked."""
    with opened(directory) as estate:
        (issuing,) = in_place(estate, hierarchy, Tier.ISSUING)
        (root,) = in_place(estate, hierarchy, Tier.ROOT)
        leaves = in_place(estate, hierarchy, Tier.END_ENTITY)
        first, last = leaves[0], leaves[-1]
        cas = (issuing.der, root.der)
        crl, arl = lists(estate, hierarchy)
        yield Case(f"{hierarchy} with nothing revoked", last.der, *cas, crl, arl, "good")
        estate.revoke(Selection(serial=last.serial), Reason.KEY_COMPROMISE)
        later, _ = lists(estate, hierarchy)
        yield Case(f"{hierarchy} revoked", last.der, *cas, later, arl, "revoked", 0)
        if first is not last:
            yield Case(f"{hierarchy} beside it", first.der, *cas, later, arl, "good")
        stale, _ = lists(estate, hierarchy, datetime.now(UTC) - STALE)
        yield Case(f"{hierarchy} stale", first.der, *cas, stale, arl, "stale")
        estate.revoke(Selection(serial=issuing.serial), Reason.CA_COMPROMISE)
        _, last_arl = lists(estate, hierarchy)
        under = f"{hierarchy} under a revoked CA"
        yield Case(under, first.der, *cas, crl, last_arl, "revoked", 1)


@pytest.fixture(scope="module")
def cases(quickstart_original, tmp_path_factory):
    directory = tmp_path_factory.mktemp("revocation") / "estate"
    shutil.copytree(quickstart_original, directory)
    found = [case for hierarchy in HIERARCHIES for case in of_hierarchy(directory, hierarchy)]
    assert sum(case.is_good for case in found) >= len(HIERARCHIES)
    return {case.name: case for case in found}


def names(*kinds):
    return [f"{hierarchy} {kind}" for hierarchy in HIERARCHIES for kind in kinds]


ALL = names("with nothing revoked", "revoked", "stale", "under a revoked CA")


def pem(*ders):
    return b"".join(x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM) for der in ders)


def crl_pem(*ders):
    return b"".join(x509.load_der_x509_crl(der).public_bytes(Encoding.PEM) for der in ders)


# OpenSSL


@pytest.fixture
def openssl(tmp_path):
    """Verifies a case with openssl; its lists left out, if asked."""

    def run(case, *, with_lists=True):
        for name, data in (
            ("root.pem", pem(case.root)),
            ("issuing.pem", pem(case.issuing)),
            ("leaf.pem", pem(case.leaf)),
            ("lists.pem", crl_pem(*case.lists)),
        ):
            (tmp_path / name).write_bytes(data)
        command = ["openssl", "verify", "-x509_strict", "-policy_check", "-crl_check_all"]
        command += ["-no-CApath", "-no-CAstore", "-CAfile", "root.pem", "-untrusted", "issuing.pem"]
        command += ["-CRLfile", "lists.pem"] if with_lists else []
        return subprocess.run(
            [*command, "leaf.pem"], cwd=tmp_path, capture_output=True, text=True, check=False
        )

    return run


@pytest.mark.slow
@openssl_only
@pytest.mark.parametrize("name", ALL)
def test_openssl_thinks_of_each_chain_what_it_should(cases, openssl, name):
    case = cases[name]
    done = openssl(case)
    assert (done.returncode == 0) == case.is_good, done.stderr
    said = {"good": "", "revoked": "certificate revoked", "stale": "CRL has expired"}
    assert said[case.verdict] in done.stderr
    if case.revoked:
        assert f"error 23 at {case.place} depth lookup" in done.stderr


@openssl_only
@pytest.mark.parametrize("hierarchy", HIERARCHIES)
def test_openssl_misses_the_lists_where_they_are_not_given(cases, openssl, hierarchy):
    done = openssl(cases[f"{hierarchy} with nothing revoked"], with_lists=False)
    assert done.returncode == 2
    assert "unable to get certificate CRL" in done.stderr


# Java


@pytest.fixture(scope="module")
def java(cases, tmp_path_factory):
    """What Java's CertPathValidator says of every case, revocation on; one run for all."""
    folder = tmp_path_factory.mktemp("java")

    def files(case, kind, ders):
        found = []
        for place, der in enumerate(ders):
            path = folder / f"{case.name.replace(' ', '-')}-{kind}-{place}.der"
            path.write_bytes(der)
            found.append(str(path))
        return ",".join(found)

    lines = [
        "\t".join(
            (
                case.name,
                files(case, "root", [case.root]),
                files(case, "chain", case.chain),
                files(case, "list", case.lists),
            )
        )
        for case in cases.values()
    ]
    told = folder / "cases"
    told.write_text("\n".join(lines))
    source = Path(__file__).parent / "Paths.java"
    done = subprocess.run(
        ["java", "-XX:TieredStopAtLevel=1", source, told],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(line.split("\t") for line in done.stdout.splitlines())


@pytest.mark.slow
@java_only
@pytest.mark.parametrize("name", ALL)
def test_java_thinks_of_each_chain_what_it_should(cases, java, name):
    case = cases[name]
    said = {
        "good": "OK",
        "revoked": f"REVOKED at {case.place}",
        "stale": "UNDETERMINED_REVOCATION_STATUS at 0",
    }
    assert java[name] == said[case.verdict]


@pytest.mark.slow
@java_only
def test_java_knows_no_other_answer(cases, java):
    assert set(java) == set(cases)


# cryptography, which verifies paths and checks no CRLs: those are asked one by one.


def verified(case):
    store = verification.Store([x509.load_der_x509_certificate(case.root)])
    # Without a word from us it accepts no critical certificatePolicies.
    criticality = verification.Criticality
    allowed = verification.ExtensionPolicy.permit_all().may_be_present(
        x509.CertificatePolicies, criticality.AGNOSTIC, None
    )
    of_a_ca = allowed.require_present(x509.BasicConstraints, criticality.CRITICAL, None)
    verifier = (
        verification.PolicyBuilder()
        .store(store)
        .time(datetime.now(UTC).replace(tzinfo=None))
        .extension_policies(ca_policy=of_a_ca, ee_policy=allowed)
        .build_client_verifier()
    )
    leaf, issuing = map(x509.load_der_x509_certificate, case.chain)
    return verifier.verify(leaf, [issuing]).chain


def revoked_in(chain, crls):
    """The places of the chain that a current CRL of its issuer lists."""
    for place, (one, issuer) in enumerate(pairwise(chain)):
        crl = next(crl for crl in crls if crl.issuer == issuer.subject)
        assert crl.is_signature_valid(issuer.public_key())
        assert crl.next_update_utc > datetime.now(UTC), "stale"
        if crl.get_revoked_certificate_by_serial_number(one.serial_number) is not None:
            yield place


@pytest.mark.parametrize("name", ALL)
def test_cryptography_thinks_of_each_chain_what_it_should(cases, name):
    case = cases[name]
    chain = verified(case)
    assert len(chain) == 3
    crls = [x509.load_der_x509_crl(der) for der in case.lists]
    if case.verdict == "stale":
        with pytest.raises(AssertionError, match="stale"):
            list(revoked_in(chain, crls))
    else:
        assert list(revoked_in(chain, crls)) == case.revoked
