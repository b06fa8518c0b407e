from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from located import without_line
from smki_testca.authority.trial import compile_all
from smki_testca.errors import ExitCode, InputError
from smki_testca.profiles import Library
from smki_testca.profiles.model import Hierarchy, Severity, Tier
from smki_testca.roles import Basis
from smki_testca.shipped import shipped
from smki_testca.x509.fields import REVOCATION_LIST_FIELDS

SHIPPED = shipped("profiles") / "revocation-lists"
AT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
EXTRA = 'field = "nextUpdate"\nholds = { max-years = 9 }'
ROW = '\n[[row]]\nbasis = "assumed"\nsource = "a test"\n'


def write(directory, text, name="organisation-crl"):
    path = directory / "revocation-lists" / f"{name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return Library(directory)


def text_of(name="organisation-crl"):
    return (SHIPPED / f"{name}.toml").read_text("utf-8")


def changed(directory, old, new, name="organisation-crl"):
    text = text_of(name)
    assert text.count(old) >= 1
    return write(directory, text.replace(old, new, 1), name)


def tried(library):
    library.check()
    compile_all(library)


def refused(library, code="profile.row"):
    with pytest.raises(InputError) as caught:
        tried(library)
    error = caught.value
    assert (error.exit_code, error.code) == (ExitCode.INPUT, code)
    assert error.lines()[0].isprintable()
    return error


# What is shipped


def test_every_hierarchy_but_that_of_devices_has_a_crl_and_an_arl(library):
    for hierarchy in library.hierarchies:
        found = [library.revocation_list_profile_for(hierarchy, tier) for tier in Tier]
        if hierarchy == Hierarchy.DEVICE:
            assert found == [None, None, None]
            continue
        root, issuing, end_entity = found
        assert root.name == f"{hierarchy}-arl"
        assert issuing.name == f"{hierarchy}-crl"
        assert end_entity is None
    assert len(library.revocation_list_profiles) == 6


def test_every_row_has_a_basis_and_a_source_and_only_rfc_5280_is_an_error(library):
    for profile in library.revocation_list_profiles:
        assert len(profile.rows) > 15
        for row in profile.rows:
            assert row.source
            assert (row.severity is Severity.ERROR) == (row.basis is Basis.SPECIFIED)
            if row.basis is Basis.SPECIFIED:
                assert "RFC" in row.source


def test_crls_come_every_twelve_hours_for_two_days_and_arls_every_year(library):
    for profile in library.revocation_list_profiles:
        frequency = profile.frequency
        assert (frequency.basis, bool(frequency.source)) == (Basis.ASSUMED, True)
        if profile.tier is Tier.ISSUING:
            assert frequency.at_least_every == timedelta(hours=12)
            assert frequency.within_of_revocation == timedelta(hours=1)
        else:
            assert frequency.at_least_every == timedelta(days=365)
            assert frequency.within_of_revocation is None


def test_every_field_of_the_vocabulary_is_spoken_of(library):
    spoken = {row.field.path for p in library.revocation_list_profiles for row in p.rows}
    assert spoken == set(REVOCATION_LIST_FIELDS)


# An operator's directory


def test_a_file_is_replaced_whole_and_by_itself(tmp_path):
    library = changed(tmp_path, "at-least-every-hours = 12", "at-least-every-hours = 6")
    ours, theirs = (
        library.revocation_list_profile(name).frequency.at_least_every
        for name in ("organisation-crl", "iki-crl")
    )
    assert (ours, theirs) == (timedelta(hours=6), timedelta(hours=12))
    assert str(tmp_path) in library.revocation_list_profile("organisation-crl").origin
    compile_all(library)


def test_an_operator_may_give_devices_a_crl(tmp_path):
    text = text_of().replace("organisation-crl", "device-crl")
    library = write(tmp_path, text.replace('"organisation"', '"device"'), "device-crl")
    profile = library.revocation_list_profile_for(Hierarchy.DEVICE, Tier.ISSUING)
    assert profile is not None
    assert profile.name == "device-crl"
    compile_all(library)


def test_two_profiles_for_one_ca_are_an_error(tmp_path):
    library = write(tmp_path, text_of().replace("organisation-crl", "another"), "another")
    error = refused(library, "profile.duplicate")
    assert "another" in error.message
    assert "organisation-crl" in error.message


def test_a_crl_cannot_have_the_name_of_a_certificate(tmp_path):
    library = write(tmp_path, text_of().replace("organisation-crl", "device"), "device")
    assert "a certificate profile has that name" in refused(library, "profile.duplicate").message


@pytest.mark.parametrize("name", ["", "organisation", "organisation-CRL", "../roles"])
def test_an_unknown_name_is_an_error_that_lists_those_there_are(library, name):
    with pytest.raises(InputError) as caught:
        library.revocation_list_profile(name)
    assert caught.value.code == "profile.unknown"
    assert "organisation-arl, organisation-crl" in caught.value.remedy


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = "organisation-crl"', 'nam = "organisation-crl"'),
        ("at-least-every-hours = 12", "at-least-every-hours = 0"),
        ("at-least-every-hours = 12", "every-hours = 12"),
        ("hours = 48 }", "days = 2 }"),
        ("max-hours = 48", "max-days = 2"),
        ('tier = "issuing"', 'tier = "issuing"\nkey-type = "p-256"'),
        ("[frequency]", "[frequencies]"),
    ],
)
def test_an_unknown_or_impossible_key_is_an_error_that_names_it(tmp_path, old, new):
    error = refused(changed(tmp_path, old, new), "toml.shape")
    assert "organisation-crl.toml" in error.message


def test_an_unknown_hierarchy_is_an_error_that_lists_those_there_are(library, tmp_path):
    directory = changed(tmp_path, 'hierarchy = "organisation"', 'hierarchy = "organisations"')
    error = refused(directory, "profile.reference")
    said = without_line(error.message)
    assert "organisation-crl.toml, hierarchy: unknown hierarchy 'organisations'" in said
    choices = f"Use one of {', '.join(library.hierarchies)}."
    assert error.remedy == f"Did you mean organisation? {choices}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('field = "thisUpdate"', 'field = "validity.notBefore"', "no field"),
        ('field = "extensions.cRLNumber"', 'field = "extensions.keyUsage"', "no field"),
        ('derived = "crl-number"', 'derived = "revoked-serial"', "each entry has its own"),
        ('derived = "revoked-serial"', 'derived = "crl-number"', "none of their own"),
        ('derived = "revocation-date"', 'derived = "now"', "none of their own"),
        (
            'fill = { derived = "next-update", hours = 48 }',
            "holds = { max-hours = 4 }",
            "no row fills nextUpdate, which every CRL has",
        ),
        ('derived = "crl-number"', 'derived = "midnight"', "nothing is called 'midnight'"),
        ('derived = "crl-number"', 'input = "role"', "nothing is called 'role'"),
        ('derived = "crl-number"', 'derived = "now"', "cannot fill it"),
        (
            'derived = "next-update", hours = 48',
            'derived = "next-update"',
            "years or hours is only",
        ),
        ("hours = 48", "hours = 48, years = 1", "years or hours is only for"),
        (
            'derived = "now"',
            'derived = "now", hours = 1',
            "hours is only for derived = 'next-update'",
        ),
        ('derived = "now"', 'derived = "now", years = 1', "'not-after' or 'next-update'"),
        (
            'fill = { derived = "revoked-serial" }\nholds = { positive = true, max-octets = 16 }',
            "fill = { constant = 7 }",
            "a constant cannot fill it",
        ),
        ("positive = true", "equals = 7", "none equals all of them"),
        ("positive = true", "max-hours = 1", "max-hours says nothing"),
        ("not-negative = true", "absent = true", "cannot be filled"),
        ('derived = "now"', 'derived = "now" }\nholds = { max-hours = 1', "is only for nextUpdate"),
        ('tier = "issuing"', 'tier = "end-entity"', "an end entity signs no CRL"),
        (
            'field = "revokedCertificates.reasonCode"\nfill = { derived = "reason" }\n',
            'field = "revokedCertificates.userCertificate"\n',
            "only an extension has a criticality",
        ),
    ],
)
def test_a_row_that_cannot_be_is_an_error_that_names_it(tmp_path, old, new, said):
    error = refused(changed(tmp_path, old, new))
    assert said in error.message
    assert "organisation-crl.toml" in error.message


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("max-hours = 48", "max-hours = 47", "nextUpdate is more than 47 hours after"),
        ('"ecdsa-with-SHA256"', '"sha256WithRSAEncryption"', "signature is ecdsa"),
        ("not-negative = true, max-octets = 20", "octets = 2", "cRLNumber has 1 octet"),
        ('derived = "next-update", hours = 48', 'derived = "now"', "not after its thisUpdate"),
        (EXTRA, 'field = "version"\nholds = { equals = "v3" }', "version is v2, not v3"),
        (
            EXTRA,
            'field = "revokedCertificates.userCertificate"\nholds = { octets = 3 }',
            "has 16 octets, not 3",
        ),
    ],
)
def test_rows_that_contradict_each_other_are_found_without_a_crl(tmp_path, old, new, said):
    text = text_of() + ROW + EXTRA
    assert text.count(old) == 1
    error = refused(write(tmp_path, text.replace(old, new)), "profile.contradiction")
    assert said in error.message
