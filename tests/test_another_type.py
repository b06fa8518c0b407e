"""Two certificate types made of TOML alone go wherever the first four go.

One is shipped: the DCCKI's second type. The other is the end entity of a fifth hierarchy, in
``examples/another-pki``. Neither has a line of Python.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

from smki_testca.api import Estate
from smki_testca.errors import InputError, Refusal
from smki_testca.estate.certificates import Selection
from smki_testca.exporters.format import FormatNeed
from smki_testca.exporters.registry import FORMATS
from smki_testca.identifiers import Eui64
from smki_testca.importers.intake import FoundCertificate, Intake
from smki_testca.issuance.re_signing import ReSigningTerms
from smki_testca.lifecycle.revocation import parse_reason
from smki_testca.profiles import Library
from smki_testca.profiles.model import Hierarchy, Tier
from smki_testca.profiles.rows import INPUTS
from smki_testca.roles import KeyUsage
from smki_testca.testing import PluginOptions, Workshop

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent
ANOTHER_PKI = ROOT / "examples" / "another-pki"
P256_DCCKI = ROOT / "examples" / "profile-override" / "profiles"
REGISTER = (ROOT / "examples" / "participants.toml", ANOTHER_PKI / "participants.toml")
PURPOSE = "device-and-user-system-tests"
SEED = "00112233445566778899AABBCCDDEEFF"
AT = "2026-11-23T12:00:00Z"


@dataclass(frozen=True)
class Proof:
    """One of the two types, and what to ask for it with.

    Attributes:
        profiles: the operator's profile directory; None where the shipped files are enough.
        subject: inputs by option; those of ``other`` are for another certificate.
        whois: what the register finds a certificate's holder by.
        names: of the subject in a CSR.
        ca_names: of the root and the issuing CA.
    """

    profile: str
    hierarchy: str
    participant: str
    category: str
    profiles: Path | None
    subject: dict[str, str]
    other: dict[str, str]
    whois: tuple[str, str]
    names: Callable[[], list[x509.NameAttribute[str | bytes]]]
    ca_names: tuple[str, str]

    def options(self, **changed):
        """A request as options of the command line."""
        asked = {"participant": self.participant, "purpose": PURPOSE, **self.subject, **changed}
        return [word for option, text in asked.items() for word in (f"--{option}", text)]

    def row(self, **cells):
        """A request as a row of a manifest."""
        asked = {"profile": self.profile, "participant": self.participant, "purpose": PURPOSE}
        return {**asked, **cells}

    def keywords(self, **changed):
        """A subject as Python states it."""
        stated = {**self.subject, **changed}
        return {name.replace("-", "_"): text for name, text in stated.items()}


def _person():
    return [
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Supplier One"),
        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "TPTY-SUPPLIER-ONE"),
        x509.NameAttribute(NameOID.COMMON_NAME, "Alex Example"),
    ]


def _installed_device():
    identifier = b"\x00" + bytes.fromhex("00db140000000001")
    return [
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Installers One"),
        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "EDGE-7"),
        x509.NameAttribute(NameOID.X500_UNIQUE_IDENTIFIER, identifier, _ASN1Type.BitString),
    ]


PERSONNEL = Proof(
    profile="dccki-personnel",
    hierarchy="dccki",
    participant="supplier-one",
    category="dccki-personnel-authentication",
    profiles=None,
    subject={"common-name": "Alex Example"},
    other={"common-name": "Sam Sample"},
    whois=("signifier", "TPTY-SUPPLIER-ONE"),
    names=_person,
    ca_names=("Root DCCKICA ZAZ1 Test", "EII DCCKICA ZAZ1 Test"),
)
S1SPKI = Proof(
    profile="s1spki-device",
    hierarchy="s1spki",
    participant="installers-one",
    category="s1spki-device",
    profiles=ANOTHER_PKI / "profiles",
    subject={"device-id": "00-DB-14-00-00-00-00-01", "installation": "EDGE-7"},
    other={"device-id": "00-DB-14-00-00-00-00-02", "installation": "EDGE-8"},
    whois=("device-id", "00-DB-14-00-00-00-00-01"),
    names=_installed_device,
    ca_names=("Root S1SPKI ZAZ1 Test", "Issuing S1SPKI ZAZ1 Test"),
)
PROOFS = pytest.mark.parametrize("proof", [PERSONNEL, S1SPKI], ids=lambda one: one.profile)
pytestmark = PROOFS


class Runner:
    """Runs the command with a proof's profiles, in one estate."""

    def __init__(self, command, proof, estate):
        profiles = [] if proof.profiles is None else ["--profiles", proof.profiles]
        self._words = [*profiles, "--estate", estate]
        self._command = command
        self.proof = proof
        self.estate = estate

    def __call__(self, *words, code=0, **options):
        outcome = self._command(*self._words, *words, **options)
        assert outcome.code == code, outcome.out + outcome.err
        return outcome

    def json(self, *words, code=0):
        """What the command says to programs: the last line where it tells of its progress."""
        out = self("--json", *words, code=code).out
        is_long = words[:2] == ("batch", "issue") and code == 0
        return json.loads(out.splitlines()[-1] if is_long else out)

    def issue(self, *more, **changed):
        """One certificate, as JSON."""
        asked = self.proof.options(**changed)
        (one,) = self.json("issue", self.proof.profile, *asked, *more)["certificates"]
        return one

    def linted(self, path):
        """The profile that the first document in a file is taken for, and the findings in it."""
        first = self.json("lint", path)["files"][0]
        return first["kind"], first["findings"]

    def fields(self, serial):
        return self.json("show", serial)["fields"]


@pytest.fixture(scope="session")
def originals(newcomer_original, tmp_path_factory):
    """An estate for each proof, with its CAs and participants; not to be changed."""
    made = {}
    for proof in (PERSONNEL, S1SPKI):
        directory = tmp_path_factory.mktemp("proofs") / proof.profile
        shutil.copytree(newcomer_original, directory)
        with Estate.open(directory, "phrase", profiles=proof.profiles) as estate:
            if proof is S1SPKI:
                estate.add_environment("ZAZ1")
                estate.register.import_file(REGISTER[1].read_bytes(), "-")
        made[proof.profile] = directory
    return made


@pytest.fixture
def run(command, proof, originals, tmp_path):
    directory = tmp_path / "estate"
    shutil.copytree(originals[proof.profile], directory)
    return Runner(command, proof, directory)


@pytest.fixture
def estate(run, proof):
    with Estate.open(run.estate, "phrase", profiles=proof.profiles) as opened:
        yield opened


def request_for(estate, proof, **changed):
    subject = estate.subject(proof.profile, **proof.keywords(**changed))
    return estate.request(proof.participant, PURPOSE, subject)


def new_csr(proof):
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(proof.names()))
    return key, builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def public_pem(key):
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form)


def write_manifest(path, rows):
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    return path


def is_own(parsed, proof):
    """Whether a certificate has the subject that the proof asks for."""
    names = [(one.oid, one.value) for one in parsed.subject]
    return names == [(one.oid, one.value) for one in proof.names()]


# The data


@pytest.mark.slow
def test_the_profiles_hold_together(command, proof):
    words = [] if proof.profiles is None else ["--profiles", proof.profiles]
    assert "files hold together" in command(*words, "profiles", "check").out
    assert proof.profile in command(*words, "profiles", "list").out
    shown = command("--json", *words, "profiles", "show", proof.profile).json
    bases = {row["field"]: row["basis"] for row in shown["rows"]}
    if proof is S1SPKI:
        assert set(bases.values()) == {"assumed"}
    assumed = [name for name in bases if name.startswith(("subject", "extensions"))]
    assert {bases[name] for name in assumed} == {"assumed"}


def test_no_line_of_the_source_names_it(proof):
    for path in (ROOT / "src").rglob("*.py"):
        text = path.read_text("utf-8")
        for name in (proof.profile, proof.category, "s1spki", "installation ="):
            assert name not in text, path


def test_every_row_of_the_fifth_hierarchy_is_assumed(proof):
    library = Library() if proof.profiles is None else Library(proof.profiles)
    hierarchy = library.hierarchies[Hierarchy(proof.hierarchy)]
    if proof is PERSONNEL:
        assert proof.profile not in {hierarchy.end_entity, *hierarchy.tiers.values()}
        assert library.profile(proof.profile).inputs == {"common-name"}
        return
    assert hierarchy.end_entity == proof.profile
    own = library.profile(proof.profile).inputs - INPUTS.keys()
    assert own == {"installation"}
    named = [*hierarchy.tiers.values(), proof.profile, *hierarchy.revocation_lists]
    rows = [row for name in named for row in library.any_profile(name).rows]
    assert {str(row.basis) for row in rows} == {"assumed"}
    assert {str(one.basis) for one in library.categories if one.name == proof.category} == {
        "assumed"
    }


def test_init_makes_the_cas_of_the_missing_hierarchy_only(command, proof, newcomer):
    words = [] if proof.profiles is None else ["--profiles", proof.profiles]
    words = ["--json", *words, "--passphrase-file", newcomer / "passphrase"]
    before = command("--json", "--estate", newcomer, "list").json["certificates"]
    outcome = command(*words, "init", newcomer)
    if proof is PERSONNEL:
        # A second type in a hierarchy that has its CAs already: nothing is missing.
        assert outcome.json["error"]["code"] == "environment.present"
        return
    made = outcome.json["certificates"]
    assert [one["label"] for one in made] == list(proof.ca_names)
    after = command(*words, "--estate", newcomer, "list").json["certificates"]
    assert [one for one in after if one["hierarchy"] != proof.hierarchy] == before


# The gate


def test_the_gate_grants_and_refuses(run, proof):
    granted = run.json("check", proof.profile, *proof.options())["authorisation"]
    assert (granted["granted"], granted["category"]) == (True, proof.category)
    # Of an RDP, and so neither for its people nor for its Devices.
    refused = run.json("check", proof.profile, *proof.options(participant="rdp-one"), code=3)[
        "refusal"
    ]
    assert "category.not_open" in {one["code"] for one in refused["all"]}


def test_what_is_somebody_elses_is_refused_and_the_audit_entry_states_it(run, proof):
    key, value, code = {
        "dccki-personnel": ("signifier", "TPTY-SUPPLIER-TWO", "signifier.not_own"),
        "s1spki-device": (
            "device-id",
            "00-DB-12-00-00-00-00-01",
            "device_id.outside_own_registry_entry",
        ),
    }[proof.profile]
    asked = proof.options(**{key: value})
    refused = run.json("issue", proof.profile, *asked, code=3)["refusal"]
    assert [one["code"] for one in refused["all"]] == [code]
    (entry,) = run.json("audit", "show", "--last", "1")["entries"]
    assert entry["body"]["granted"] is False
    assert entry["body"]["request"][key.replace("-", "_")] == value
    assert entry["body"]["request"]["profile"] == proof.profile


@pytest.mark.slow
def test_the_quota_of_the_category_is_counted(run, proof, tmp_path):
    quota = {"s1spki-device": 4}.get(proof.profile)
    for _ in range(quota or 5):
        run.issue()
    if quota is None:
        return
    asked = proof.options()
    refused = run.json("issue", proof.profile, *asked, code=3)["refusal"]
    assert [one["code"] for one in refused["all"]] == ["device_id.issuance_anomaly"]
    manifest = write_manifest(tmp_path / "rows.csv", [proof.row(**proof.subject)])
    (problem,) = run.json("batch", "check", manifest, code=1)["problems"]
    assert problem["refusal"]["code"] == "device_id.issuance_anomaly"


# Issuing


@pytest.mark.slow
def test_issue_gives_a_certificate_that_is_clean_and_verifies(run, proof, tmp_path):
    one = run.issue("--label", "mine")
    assert (one["profile"], one["participant"]) == (proof.profile, proof.participant)
    assert is_own(x509.load_pem_x509_certificate(one["pem"].encode()), proof)
    assert run.linted(_file_of(run, one)) == (proof.profile, [])
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    run("export", "--format", "pem", "--out", tmp_path / "pem")
    folder = tmp_path / "pem" / "ZAZ1" / proof.hierarchy
    root, issuing = (folder / "ca" / f"{_file(name)}.pem" for name in proof.ca_names)
    call = ["verify", "-x509_strict", "-CAfile", root, "-untrusted", issuing]
    mine = folder / proof.participant / "mine.pem"
    subprocess.run([openssl, *map(str, [*call, mine])], check=True, capture_output=True)


def _file(name):
    return name.replace(" ", "-")


def test_a_csr_is_signed_by_the_type_that_is_named(run, proof, tmp_path):
    key, csr = new_csr(proof)
    path = tmp_path / "mine.csr"
    path.write_bytes(csr)
    submitted = ("--participant", proof.participant, "--purpose", PURPOSE)
    printed = run("sign", path, *submitted, "--profile", proof.profile, "--label", "from-csr").out
    signed = x509.load_pem_x509_certificate(printed.encode())
    assert signed.public_key() == key.public_key()
    assert is_own(signed, proof)
    (listed,) = run.json("list", "--label", "from-csr")["certificates"]
    assert int(listed["serial"], 16) == signed.serial_number


@pytest.mark.slow
def test_rows_of_a_manifest_bring_inputs_a_csr_or_a_public_key(run, proof, tmp_path):
    key, csr = new_csr(proof)
    (tmp_path / "mine.csr").write_bytes(csr)
    (tmp_path / "mine.pem").write_bytes(public_pem(key))
    rows = [
        proof.row(**proof.subject, label="made"),
        proof.row(**proof.other, label="brought", **{"public-key-file": "mine.pem"}),
        proof.row(label="asked", **{"csr-file": "mine.csr"}),
        PERSONNEL.row(**PERSONNEL.other, label="person"),
    ]
    # Of a Device, the first and the last but one ask for the same.
    manifest = write_manifest(tmp_path / "rows.csv", rows)
    assert run.json("batch", "check", "--again", manifest) == {"accepted": 4, "problems": []}
    told = run.json("batch", "issue", "--again", manifest)["run"]
    assert told["issued"] == 4
    assert set(told["profiles"]) == {proof.profile, PERSONNEL.profile}
    issued = {one["label"]: one for one in run.json("list")["certificates"] if one["participant"]}
    assert {one["profile"] for one in issued.values()} == set(told["profiles"])
    for label, is_mine in (("made", False), ("brought", True), ("asked", True)):
        exported = tmp_path / label
        run("export", "--format", "pem", "--out", exported, "--label", label)
        (path,) = exported.rglob(f"{label}.pem")
        parsed = x509.load_pem_x509_certificates(path.read_bytes())[0]
        assert (parsed.public_key() == key.public_key()) is is_mine
        assert is_own(parsed, proof) is (label != "brought")


def test_rows_that_are_wrong_are_told_of(run, proof, tmp_path):
    rows = [
        proof.row(**proof.subject, usage="digital-signature"),
        proof.row(),
        proof.row(**proof.subject, **{"hw-type": "1.2.3"}),
        proof.row(**proof.subject) | {"participant": "rdp-one"},
    ]
    manifest = write_manifest(tmp_path / "rows.csv", rows)
    problems = run.json("batch", "check", manifest, code=1)["problems"]
    codes = [one.get("error", one.get("refusal"))["code"] for one in problems]
    assert codes[:3] == ["request.incomplete", "request.incomplete", "manifest.cell"]
    assert len(codes) == 4


@pytest.mark.slow
def test_a_range_is_of_a_type_with_a_device_id(run, proof):
    words = ["batch", "issue", "--profile", proof.profile, "--participant", proof.participant]
    words += ["--purpose", PURPOSE, "--first-id", "00-DB-14-01-00-00-00-FE", "--count", "4"]
    if proof is PERSONNEL:
        error = run.json(*words, code=2)["error"]
        assert "A range is of --profile" in error["message"] or "for a range" in error["message"]
        return
    assert "--installation" in run.json(*words, code=2)["error"]["message"]
    told = run.json(*words, "--installation", "EDGE-9", "--label", "ranged")["run"]
    assert told["issued"] == 4
    issued = run.json("list", "--label", "ranged")["certificates"]
    assert [one["eui64"] for one in issued] == [
        f"00-DB-14-01-00-00-{end}" for end in ("00-FE", "00-FF", "01-00", "01-01")
    ]
    for one in issued:
        assert run.fields(one["serial"])["subject.organizationalUnitName"] == "EDGE-9"


# What comes later


@pytest.mark.slow
def test_it_is_renewed_whether_issued_alone_or_in_a_run(run, proof, tmp_path):
    run.issue("--label", "alone")
    manifest = write_manifest(tmp_path / "rows.csv", [proof.row(**proof.other, label="in-run")])
    run.json("batch", "issue", manifest)
    for label in ("alone", "in-run"):
        (old,) = run.json("list", "--label", label)["certificates"]
        (new,) = run.json("renew", "--label", label)["certificates"]
        assert (new["profile"], new["participant"]) == (proof.profile, proof.participant)
        assert new["serial"] != old["serial"]
        before, after = run.fields(old["serial"]), run.fields(new["serial"])
        subject = [name for name in before if name.startswith("subject.")]
        assert [after[name] for name in subject] == [before[name] for name in subject]
        assert run.json("status", old["serial"])["status"] == "N"


@pytest.mark.slow
def test_somebody_elses_is_imported_and_signed_again(run, command, proof, originals, tmp_path):
    run.issue("--label", "theirs")
    run("export", "--format", "pem", "--out", tmp_path / "theirs", "--with-keys")
    folder = tmp_path / "theirs" / "ZAZ1" / proof.hierarchy / proof.participant
    other = tmp_path / "other"
    shutil.copytree(originals[proof.profile], other)
    ours = Runner(command, proof, other)
    assert (
        len(ours.json("import", folder / "theirs.pem", folder / "theirs.key")["certificates"]) == 1
    )
    (listed,) = ours.json("list", "--external")["externals"]
    assert listed["profile"] == proof.profile
    # The register knows whose it is: nobody says it.
    (again,) = ours.json("re-sign", "--purpose", PURPOSE)["re_signed"]
    assert (again["profile"], again["participant"]) == (proof.profile, proof.participant)
    ours("export", "--format", "pem", "--out", tmp_path / "ours", "--profile", proof.profile)
    (path,) = (tmp_path / "ours").rglob("theirs.pem")
    assert ours.linted(path) == (proof.profile, [])


@pytest.mark.slow
def test_it_is_revoked_and_the_list_says_so(run, proof, tmp_path):
    one = run.issue("--label", "gone")
    run("revoke", "--label", "gone", "--reason", "key-compromise")
    assert run.json("status", one["serial"])["status"] == "R"
    for name, more in (("crl", ()), ("arl", ("--arl",))):
        path = tmp_path / f"{name}.pem"
        run("crl", "issue", "--hierarchy", proof.hierarchy, *more, "--out", path)
        assert "as the estate would have it" in run("crl", "verify", path).out
        serials = [each.serial_number for each in x509.load_pem_x509_crl(path.read_bytes())]
        assert serials == ([int(one["serial"], 16)] if name == "crl" else [])
        assert run.linted(path) == (f"{proof.hierarchy}-{name}", [])


@pytest.mark.slow
def test_its_ca_is_listed_and_rolled_over(run, proof):
    def names():
        return [
            one["label"]
            for one in run.json("ca", "list")["authorities"]
            if one["hierarchy"] == proof.hierarchy
        ]

    assert sorted(names()) == sorted(proof.ca_names)
    run("ca", "roll-over", proof.hierarchy, "--name", "The Next CA")
    assert sorted(names()) == sorted([*proof.ca_names, "The Next CA"])
    one = run.issue()
    assert "The Next CA" in str(run.json("show", one["serial"]))
    assert run.json("register", "whois", _file_of(run, one))["participant"] == proof.participant


def _file_of(run, issued):
    path = run.estate.parent / "certificate.pem"
    path.write_text(issued["pem"])
    return path


def test_the_register_knows_whose_it_is(run, proof):
    found = run.json("register", "whois", _file_of(run, run.issue()))
    assert found["participant"] == proof.participant
    assert (found["found_by"], found["value"]) == proof.whois
    assert found["issued_here"] is True


def test_list_and_expiring_know_it(run, proof):
    one = run.issue("--label", "short", "--not-after", "2026-12-31")
    (listed,) = run.json("list", "--profile", proof.profile)["certificates"]
    assert (listed["serial"], listed["status"]) == (one["serial"], "I")
    expiring = run.json("expiring", "--within", "3650d")["expiring"]
    assert one["serial"] in str(expiring)
    assert "short" in run("expiring", "--within", "3650d", "--icalendar").out


# What leaves


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_it_leaves_in_every_format_that_can_hold_it(run, proof, tmp_path, name):
    run.issue("--label", "mine")
    phrase = tmp_path / "phrase"
    phrase.write_text("to protect the export\n")
    words = ["--format", name, "--out", tmp_path / "out", "--label", "mine"]
    words += [] if FORMATS[name].traits.keys is FormatNeed.NEVER else ["--with-keys"]
    if FORMATS[name].traits.passphrase is FormatNeed.REQUIRED:
        words += ["--export-passphrase-file", phrase]
    if name in {"keystore-json", "signing-tool", "gbcs-parser", "org-crypto"}:
        # Their programs know the certificates of SMKI only.
        outcome = run("export", *words, code=4)
        assert f"is of {proof.hierarchy.upper()}" in outcome.out + outcome.err
        return
    run("export", *words)
    assert any(path.is_file() and path.stat().st_size for path in (tmp_path / "out").rglob("*"))


# Kits

PEOPLE = """
name = "people"
title = "Two of a Party's people"
register = "participants.toml"

[[request]]
profile = "dccki-personnel"
participant = "supplier-one"
purpose = "uept"
label = "alex"
common-name = "Alex Example"

[[request]]
profile = "dccki-personnel"
participant = "supplier-one"
purpose = "uept"
label = "sam"
common-name = "Sam Sample"
signifier = "TPTY-SUPPLIER-ONE"
"""


@pytest.fixture
def kit_profiles(proof, tmp_path):
    """Profiles with a kit of the proof's certificates, all of whose keys are on P-256."""
    if proof is S1SPKI:
        return proof.profiles, "another-pki"
    profiles = tmp_path / "profiles"
    shutil.copytree(P256_DCCKI, profiles)
    (profiles / "kits").mkdir()
    (profiles / "kits" / "people.toml").write_text(PEOPLE)
    return profiles, "people"


def _octets(folder):
    """Every file of a kit but the estate's own and those with fresh salts."""
    skipped = {"estate", "pkcs12", "java"}
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).parts[0] not in skipped
    }


def test_kit_show_tells_every_input_of_the_type(command, proof, kit_profiles):
    profiles, name = kit_profiles
    shown = command("--json", "--profiles", profiles, "kit", "show", name).json["certificates"]
    stated = [row["inputs"] for row in shown]
    required = set(proof.subject)
    of_type = [row["inputs"] for row in shown if row["profile"] == proof.profile]
    assert of_type
    assert all(required <= set(inputs) for inputs in of_type)
    assert [row["eui64"] for row in shown] == [inputs.get("device-id") for inputs in stated]
    table = command("--profiles", profiles, "kit", "show", name).out
    identifiers = [inputs.get("device-id") or inputs["common-name"] for inputs in stated]
    assert all(text in table for text in identifiers)


@pytest.mark.slow
def test_a_kit_from_a_seed_has_the_same_octets_twice(command, proof, kit_profiles, tmp_path):
    profiles, name = kit_profiles
    for out in ("one", "two"):
        words = ("--profiles", profiles, "--clock", AT, "kit", "make", name)
        outcome = command("--json", *words, "--out", tmp_path / out, "--seed", SEED)
        assert outcome.code == 0, outcome.out + outcome.err
        assert outcome.json["left_out"] == []
    one, two = (_octets(tmp_path / out) for out in ("one", "two"))
    assert one == two
    certificates = [
        path for path in one if re.fullmatch(rf"pem/ZAZ1/{proof.hierarchy}/[a-z-]+/.*\.pem", path)
    ]
    assert len(certificates) >= 2 + 2
    names = [path for path in one if path.startswith(f"revocation-lists/ZAZ1-{proof.hierarchy}")]
    assert names or any(proof.hierarchy in path for path in one if "revocation" in path)
    shown = command("--json", "--profiles", profiles, "kit", "show", name).json["certificates"]
    assert {row["profile"] for row in shown} == {proof.profile}


@pytest.mark.slow
def test_from_a_seed_come_rsa_keys_too(command, proof, kit_profiles, tmp_path):
    profiles, name = kit_profiles
    mixed = tmp_path / "mixed"
    shutil.copytree(profiles, mixed)
    source = ROOT / "profiles" if proof is PERSONNEL else profiles
    # A second type of its hierarchy in the same category, and the kit asks for that one.
    text = (source / "certificates" / f"{proof.profile}.toml").read_text("utf-8")
    text = text.replace('"p-256"', '"rsa-2048"', 1)
    second = f"{proof.profile}-rsa"
    text = text.replace(f'name = "{proof.profile}"', f'name = "{second}"', 1)
    (mixed / "certificates" / f"{second}.toml").write_text(text, "utf-8")
    category = (source / "categories" / f"{proof.category}.toml").read_text("utf-8")
    (mixed / "categories").mkdir(exist_ok=True)
    (mixed / "categories" / f"{proof.category}.toml").write_text(
        category.replace(f'profiles = ["{proof.profile}"]', f'profiles = ["{second}"]'), "utf-8"
    )
    for path in (mixed / "kits").iterdir():
        kit = path.read_text("utf-8")
        kit = kit.replace(f'profile = "{proof.profile}"', f'profile = "{second}"')
        path.write_text(kit, "utf-8")
    words = ("--profiles", mixed, "--clock", AT, "kit", "make", name, "--format", "pem")
    for out in ("one", "two"):
        outcome = command("--json", *words, "--out", tmp_path / out, "--seed", SEED)
        assert outcome.code == 0, outcome.out + outcome.err
        assert outcome.json["left_out"] == []
    one, two = (_octets(tmp_path / out) for out in ("one", "two"))
    assert one == two
    labels = {
        "dccki-personnel": ["alex", "sam"],
        "s1spki-device": ["gateway", "spare-1", "spare-2", "ESME-1", "ESME-2"],
    }[proof.profile]
    keys = {
        Path(path).stem: serialization.load_pem_private_key(octets, None)
        for path, octets in one.items()
        if path.endswith(".key")
    }
    assert {label for label, key in keys.items() if isinstance(key, rsa.RSAPrivateKey)} == {*labels}


# Python


def test_the_library_does_the_same(estate, proof):
    request = request_for(estate, proof)
    assert estate.check(request).category.name == proof.category
    (record,), warnings = estate.issue(request, label="mine")
    assert (record.profile, record.hierarchy, warnings) == (proof.profile, proof.hierarchy, ())
    assert estate.credential(record).chain[0].label == proof.ca_names[1]
    key, csr = new_csr(proof)
    signed, _ = estate.sign(csr, proof.participant, PURPOSE, profile=proof.profile)
    assert x509.load_der_x509_certificate(signed.der).public_key() == key.public_key()
    (renewed,) = estate.renew(Selection(serial=record.serial))
    assert renewed.record.profile == proof.profile
    estate.revoke(Selection(serial=signed.serial), parse_reason("superseded"))
    listed = estate.issue_revocation_list(Hierarchy(proof.hierarchy), Tier.ISSUING)
    assert listed.number == 1
    other = estate.subject(proof.profile, **proof.keywords())
    of_rdp = estate.request("rdp-one", PURPOSE, other)
    with pytest.raises(Refusal):
        estate.check(of_rdp)
    with pytest.raises(InputError) as caught:
        estate.request(proof.participant, PURPOSE, other, (KeyUsage.DIGITAL_SIGNATURE,))
    assert caught.value.code == "request.usage"
    with pytest.raises(TypeError):
        estate.subject(proof.profile, hw_type="1.2.3", **proof.keywords())
    with pytest.raises(InputError) as caught:
        estate.subject(proof.profile)
    assert caught.value.code == "request.incomplete"


def test_the_library_signs_somebody_elses_again(estate, proof, originals, tmp_path):
    (theirs,), _ = estate.issue(request_for(estate, proof))
    shutil.copytree(originals[proof.profile], tmp_path / "other")
    with Estate.open(tmp_path / "other", "phrase", profiles=proof.profiles) as ours:
        found = FoundCertificate(theirs.der, "theirs.pem", "theirs", None)
        ours.import_material(Intake((found,)))
        (again,) = ours.re_sign(Selection(), ReSigningTerms(PURPOSE)).re_signed
        assert (again.record.profile, again.warnings) == (proof.profile, ())


@pytest.mark.slow
def test_the_pytest_plugin_gives_it(proof, tmp_path):
    register = tmp_path / "register.toml"
    files = REGISTER if proof is S1SPKI else REGISTER[:1]
    register.write_text("\n".join(path.read_text("utf-8") for path in files), "utf-8")
    profiles = proof.profiles or P256_DCCKI
    settings = PluginOptions(seed=bytes.fromhex(SEED), profiles=profiles, register=register)
    digests = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        with Workshop.open(settings, tmp_path / name) as workshop:
            asked = {**proof.keywords(), "participant": proof.participant, "purpose": PURPOSE}
            issued = workshop.issue(proof.profile, **asked)
            assert issued.record.profile == proof.profile
            expired = workshop.expired(proof.profile, **asked)
            assert expired.record.not_after < workshop.now()
            revoked = workshop.revoked(proof.profile, **asked)
            (entry,) = x509.load_der_x509_crl(revoked.revocation_list)
            assert entry.serial_number == revoked.record.serial.value
            trust = workshop.trust(proof.hierarchy)
            assert trust.issuing.label in proof.ca_names
            digests.append([issued.pem, issued.key_pem, expired.pem, revoked.revocation_list])
            if proof is S1SPKI:
                # Whose the Device is, the register says.
                found = workshop.issue(proof.profile, **proof.keywords(), copy=2)
                assert found.record.participant == proof.participant
                assert found.record.eui64 == Eui64.parse(proof.subject["device-id"])
    assert digests[0] == digests[1]


# Recognition


@pytest.mark.slow
def test_each_type_is_taken_for_its_own(run, proof):
    """The DCCKI's two types and IKI's differ in keys, usages and issuers only."""
    supplier = ("--participant", "supplier-one", "--purpose", "srept")
    asked = {
        "dccki": ("--common-name", "gateway.test"),
        "dccki-personnel": ("--common-name", "Alex Example"),
        "iki": ("--system-name", "adhoc", "--role", "supplier"),
        "organisation": (
            *("--id", "90-B3-D5-1F-30-01-00-00", "--role", "supplier"),
            *("--usage", "key-agreement"),
        ),
    }
    for profile, options in asked.items():
        (one,) = run.json("issue", profile, *supplier, *options)["certificates"]
        kind, findings = run.linted(_file_of(run, one))
        assert kind == profile
        # That the example's IDs are a look-alike is all there is to remark.
        assert {each["code"] for each in findings} <= {"eui64.look_alike"}
    assert run.linted(_file_of(run, run.issue())) == (proof.profile, [])


# The documents

DOCUMENTS = {
    "dccki-personnel": "docs/new-type.md",
    "s1spki-device": "examples/another-pki/README.md",
}


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="its commands are for a shell")
def test_the_commands_of_its_document_work_as_typed(proof, tmp_path):
    text = (ROOT / DOCUMENTS[proof.profile]).read_text("utf-8")
    blocks = re.findall(r"(?ms)^```sh\n(.*?)^```", text)
    assert blocks
    for name in ("examples", "profiles"):
        (tmp_path / name).symlink_to(ROOT / name)
    program = tmp_path / "bin" / "smki-testca"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m smki_testca "$@"\n')
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["/bin/sh", "-e", "-c", "".join(blocks)],
        cwd=tmp_path,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"(\d) documents? in 1 file: \1 clean", done.stdout), done.stdout[-3000:]
