from __future__ import annotations

from pathlib import Path

import pytest

from corpora import document, good_settings
from csrs import pem

AT = good_settings().at.isoformat()


@pytest.fixture
def case(tmp_path):
    """The document of a case of the corpus, as a file."""

    def run(case_id):
        path = tmp_path / f"{case_id}.crl"
        path.write_bytes(document(case_id))
        return path

    return run


@pytest.fixture
def trusted(tmp_path):
    """The CAs of the corpus, as a file."""
    path = tmp_path / "trust.pem"
    path.write_bytes(b"".join(pem(der, header="CERTIFICATE") for der in good_settings().trusted))
    return path


def test_profiles_lists_those_of_crls_with_who_signs_them(command):
    told = command("--json", "profiles", "list").json["revocation_lists"]
    assert [one["name"] for one in told] == [
        f"{hierarchy}-{kind}"
        for hierarchy in ("dccki", "iki", "organisation")
        for kind in ("arl", "crl")
    ]
    lines = command("profiles", "list").out.splitlines()
    assert any(line.split() == ["iki-crl", "IKI", "CRL", "iki-issuing-ca"] for line in lines)


def test_profiles_shows_the_rows_of_a_crl_and_how_often_it_comes(command):
    shown = command("--json", "profiles", "show", "organisation-crl").json
    assert (shown["hierarchy"], shown["tier"]) == ("organisation", "issuing")
    assert (shown["at_least_every_hours"], shown["within_hours_of_revocation"]) == (12, 1)
    (number,) = (one for one in shown["rows"] if one["field"] == "extensions.cRLNumber")
    assert number["fill"] == "derived crl-number"
    outcome = command("profiles", "show", "organisation-crl")
    assert "at least every 12 h, within 1 h of a revocation, assumed" in outcome.out
    assert "derived next-update (48 hours)" in outcome.out
    arl = command("--json", "profiles", "show", "organisation-arl").json
    assert (arl["at_least_every_hours"], arl["within_hours_of_revocation"]) == (8760, None)


def test_an_unknown_profile_is_told_with_the_names_of_both_kinds(command):
    outcome = command("profiles", "show", "crl")
    assert outcome.code == 4
    assert "organisation-root-ca" in outcome.err
    assert "organisation-crl" in outcome.err


@pytest.mark.slow
def test_profiles_check_tries_an_operators_crl(command, tmp_path):
    source = Path(command("--json", "profiles", "show", "iki-crl").json["file"])
    path = tmp_path / "revocation-lists" / "iki-crl.toml"
    path.parent.mkdir()
    path.write_text(source.read_text("utf-8").replace("max-hours = 48", "max-hours = 12"))
    outcome = command("--profiles", tmp_path, "profiles", "check")
    assert outcome.code == 4
    assert "contradicts itself" in outcome.err
    path.write_text(source.read_text("utf-8").replace("hours = 48", "hours = 12"))
    assert command("--profiles", tmp_path, "profiles", "check").code == 0


def test_show_draws_a_crl_with_its_entries_and_what_its_profile_says(command, case):
    outcome = command("--clock", AT, "show", case("good-organisation-crl-on-hold"))
    assert outcome.out.startswith("Organisation CRL OU=07, CN=Z1\n")
    rows = {line.split()[0]: line.rstrip() for line in outcome.out.splitlines() if line.split()}
    assert rows["revokedCertificates"].split() == ["revokedCertificates", "1"]
    assert rows["revokedCertificates.1"].endswith("2026-06-15 00:00:00Z, certificateHold")
    assert rows["nextUpdate"].endswith("2026-07-03 00:00:00Z (1 day left)")
    assert rows["revokedCertificates.reasonCode"].split()[-1] == "notice"


def test_lint_holds_a_crl_to_its_profile(command, case, trusted):
    broken = case("good-organisation-crl-for-a-month")
    outcome = command(*("--json", "lint", "--at", AT, "--trust", trusted, broken))
    (document,) = outcome.json["files"]
    assert document["kind"] == "organisation-crl"
    (finding,) = document["findings"]
    assert finding["code"] == "nextUpdate.period"
    assert finding["basis"] == "assumed"
    assert outcome.code == 0


def test_lint_takes_the_name_of_a_crl_profile(command, case, trusted):
    outcome = command(
        *("--json", "lint", "--at", AT, "--trust", trusted),
        *("--as", "organisation-arl", case("good-organisation-crl")),
    )
    (document,) = outcome.json["files"]
    assert (document["kind"], document["findings"]) == ("organisation-arl", [])


@pytest.mark.parametrize("code", ["crl.reason_remove", "nextUpdate.period", "validity.revoked"])
def test_the_rules_of_crls_are_explained(command, code):
    (rule, *_) = command("--json", "lint", "explain", code).json["rules"]
    assert rule["code"] == code
