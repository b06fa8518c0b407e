"""Warnings about a CA that is expired, revoked, or runs out before what it signs."""

from __future__ import annotations

import zipfile
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import batches
import csrs
from estates import opened
from smki_testca import kits
from smki_testca.authority.filling import Validity, end_by_rows
from smki_testca.clock import iso
from smki_testca.estate.certificates import Selection
from smki_testca.kits import kit_issuance
from smki_testca.profiles.model import Hierarchy, Tier

YEAR = timedelta(days=365)
ORGANISATION = (
    *("--participant", "supplier-one", "--purpose", "uept", "--id", batches.SUPPLIER_ID),
    *("--role", "supplier", "--usage", "key-agreement"),
)
DEVICE = (
    *("--participant", "meters-one", "--purpose", batches.DEVICE_PURPOSE),
    *("--hw-type", batches.HW_TYPE, "--usage", "key-agreement"),
)


@pytest.fixture
def ends(quickstart):
    """The notAfter of a CA, by its name."""
    with opened(quickstart) as estate:
        return {one.label: one.not_after for one in estate.certificates.authorities()}


@pytest.fixture
def run(command, quickstart):
    """Calls a command at a time; gives the lines on standard error and the outcome."""

    def call(at, *words):
        outcome = command("--clock", iso(at), "--estate", quickstart, *words)
        assert outcome.code == 0, outcome.out + outcome.err
        return outcome

    return call


def outlived(name, end, renew=None):
    return (
        f"The CA {name} expires at {iso(end)}, before what is signed under it: nobody trusts that"
        f" from then on. Renew it: smki-testca ca renew {renew or name}"
    )


def csr(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    path = folder / "one.csr"
    path.write_bytes(csrs.organisation(key, usage="ka"))
    return path


def calls(folder):
    """Each way to get an Organisation or DCCKI certificate, by the command."""
    manifest = batches.write(folder / "rows.csv", [batches.organisation()])
    with zipfile.ZipFile(folder / "csrs.zip", "w") as archive:
        archive.write(csr(folder), "one.csr")
    portal = ("--participant", "supplier-one", "--purpose", "uept", "--out", folder / "answer")
    return {
        "issue": ("issue", "organisation", *ORGANISATION),
        "sign": ("sign", csr(folder), "--participant", "supplier-one", "--purpose", "uept"),
        "renew": ("renew", "--label", "Z1-supplier-ds"),
        "batch issue": ("batch", "issue", manifest, "--workers", "1"),
        "batch sign": ("batch", "sign", folder / "csrs.zip", *portal),
    }


@pytest.mark.slow
@pytest.mark.parametrize("way", ["issue", "sign", "renew", "batch issue", "batch sign"])
def test_each_way_to_issue_warns_of_a_ca_that_runs_out_first(run, ends, tmp_path, way):
    warned = run(ends["Z1"] - 9 * YEAR, *calls(tmp_path)[way])
    assert warned.err.count(f"warning: {outlived('Z1', ends['Z1'])}\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize("way", ["issue", "sign", "renew", "batch issue", "batch sign"])
def test_while_the_ca_lasts_longer_nothing_is_said(run, ends, tmp_path, way):
    assert "expires" not in run(ends["Z1"] - 11 * YEAR, *calls(tmp_path)[way]).err


def test_the_warning_is_in_the_json_too(run, ends):
    words = ("--json", "issue", "organisation", *ORGANISATION)
    assert outlived("Z1", ends["Z1"]) in run(ends["Z1"] - YEAR, *words).json["warnings"]


def test_many_renewals_warn_once(run, ends):
    warned = run(ends["Z1"] - YEAR, "renew", "--profile", "organisation")
    assert warned.err.count("The CA Z1 expires") == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("issue", "device", *DEVICE, "--device-id", batches.device_id(5)),
        (
            "batch",
            "issue",
            "--profile",
            "device",
            *DEVICE,
            "--count",
            "2",
            "--workers",
            "1",
            "--first-id",
            batches.device_id(0x9000),
        ),
        ("renew", "--label", "ESME-ds"),
    ],
)
def test_a_device_certificate_outlives_its_ca_by_design_and_nothing_is_said(run, ends, words):
    assert "warning" not in run(ends["DZ1"] - YEAR, *words).err


def test_the_profile_tells_when_its_certificates_end(library, ends):
    at = ends["Z1"]
    assert library.profile("device").fixes_end
    assert end_by_rows(library.profile("device"), at) is None
    assert not library.profile("organisation").fixes_end
    end = end_by_rows(library.profile("organisation"), at)
    assert end == at.replace(year=at.year + 10) - timedelta(seconds=1)


def test_an_end_that_was_asked_for_is_the_one_that_counts(quickstart, ends):
    at = ends["Z1"] - YEAR
    with opened(quickstart, at) as estate:
        for days, expected in ((30, ()), (400, (outlived("Z1", ends["Z1"]),))):
            validity = Validity(not_after=at + timedelta(days=days))
            (renewal,) = estate.renew(Selection(label="Z1-supplier-ds"), validity=validity)
            assert renewal.warnings == expected


def test_a_kit_in_an_old_estate_warns(quickstart, ends):
    warnings: list[str] = []
    with opened(quickstart, ends["Z1"] - YEAR) as estate:
        kit = kits.load(estate.library, "quickstart")
        kit_issuance.issue(
            estate,
            kit,
            selected=lambda request: request.profile in {"organisation", "device"},
            warn=warnings.extend,
        )
    assert set(warnings) == {outlived("Z1", ends["Z1"])}


def test_a_list_that_outlasts_its_ca_warns_in_the_library_and_the_command(run, quickstart, ends):
    at = ends["Z1"] - timedelta(hours=12)
    expected = outlived("Z1", ends["Z1"])
    with opened(quickstart, at) as estate:
        record = estate.issue_revocation_list(Hierarchy.ORGANISATION, Tier.ISSUING)
        assert record.warnings == (expected,)
        # The list itself is as it is read again.
        assert estate.revocation_lists() == [record]
    assert f"warning: {expected}\n" in run(at, "crl", "issue").err
    assert run(at, "--json", "crl", "issue").json["warnings"] == [expected]
    every = run(at, "--json", "crl", "issue", "--all", "--also-current").json["warnings"]
    assert expected in every
    assert len(every) == len(set(every)) == 3


def test_a_list_of_a_ca_that_has_run_out_or_is_revoked_warns(run, ends):
    expired = run(ends["Z1"] + YEAR, "crl", "issue").err
    assert "warning: The CA Z1 is expired: nobody trusts what it signs. Renew it:" in expired
    at = ends["Z1"] - YEAR
    run(at, "revoke", "--label", "Z1", "--reason", "superseded")
    assert (
        "warning: The CA Z1 is revoked: nobody trusts what it signs." in run(at, "crl", "issue").err
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("ca", "renew", "Z1"),
        ("ca", "roll-over", "organisation", "--name", "Z1b"),
    ],
)
def test_a_ca_that_outlives_its_root_is_warned_of(run, ends, words):
    at = ends["ZA"] - 20 * YEAR
    expected = outlived("ZA", ends["ZA"])
    assert run(at, *words, "--dry-run").err.startswith(f"warning: {expected}\n")
    assert run(at, "--json", *words).json["warnings"] == [expected]
    # What the new CA signs for five years is in time; for ten years it is not.
    assert "expires" not in run(at, "issue", "organisation", *ORGANISATION).err
    late = ends["ZA"] - 9 * YEAR
    assert expected in run(late, "issue", "organisation", *ORGANISATION).err


def test_a_name_of_several_words_is_quoted_in_the_remedy(run, ends):
    name = "EII DCCKICA ZAZ1 Test"
    words = ("issue", "dccki", "--participant", "supplier-one", "--purpose", "uept")
    warned = run(ends[name] - YEAR, *words, "--common-name", "gateway.test")
    assert outlived(name, ends[name], f"'{name}'") in warned.err


def test_an_expired_root_is_warned_of_where_the_issuing_ca_signs(run, ends):
    at = ends["ZA"] + timedelta(days=1)
    warned = run(at, "issue", "organisation", *ORGANISATION).err
    assert "The CA Z1 is expired" in warned
    assert "The CA ZA is expired" in warned
