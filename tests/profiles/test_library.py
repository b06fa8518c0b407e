from __future__ import annotations

import json

import pytest

from located import without_line
from smki_testca import Estate, kits, toml
from smki_testca.authority.trial import compile_all
from smki_testca.errors import ExitCode, InputError
from smki_testca.identifiers import RegistryEntry
from smki_testca.profiles import Library
from smki_testca.profiles.model import Hierarchy, ParticipantKind, Tier
from smki_testca.shipped import shipped

SHIPPED = shipped("profiles")
CATEGORY = "categories/organisation-dcc.toml"
ROLES = "roles.toml"
SERVICES = "testing-services.toml"
ENVIRONMENTS = "environments.toml"
HIERARCHIES = "hierarchies.toml"
SHIPPED_HIERARCHIES = ("organisation", "device", "dccki", "iki")
KIT = "kits/quickstart.toml"


def override(directory, name, old="", new="", count=1):
    """An operator's directory with one shipped file, changed in one place."""
    text = (SHIPPED / name).read_text(encoding="utf-8")
    assert old in text
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.replace(old, new, count), encoding="utf-8")
    return path


def refused(directory):
    with pytest.raises(InputError) as caught:
        compile_all_of(Library(directory))
    assert caught.value.exit_code is ExitCode.INPUT
    assert len(caught.value.lines()) == 1
    assert "\n" not in caught.value.lines()[0]
    return caught.value


def compile_all_of(library):
    library.check()
    kits.check(library)
    return compile_all(library)


# What is shipped


def test_everything_shipped_holds_together(library):
    read = {path.removeprefix(f"{SHIPPED}/") for path in [*library.check(), *kits.check(library)]}
    there = {str(path.relative_to(SHIPPED)) for path in SHIPPED.rglob("*.toml")}
    assert read == there


def test_every_row_of_every_profile_has_a_basis_and_a_source(library):
    for profile in library.profiles:
        assert profile.rows
        for row in profile.rows:
            assert row.basis in {"specified", "observed", "assumed"}
            assert len(row.source) > 3, (profile.name, row.number)


def test_an_assumed_row_is_an_error_only_where_its_file_says_so(library):
    for profile in library.profiles:
        text = (SHIPPED / "certificates" / f"{profile.name}.toml").read_text(encoding="utf-8")
        tables = text.split("[[row]]")[1:]
        for row, table in zip(profile.rows, tables, strict=True):
            if row.basis == "assumed" and row.severity == "error":
                assert 'severity = "error"' in table


@pytest.mark.parametrize("hierarchy", SHIPPED_HIERARCHIES)
@pytest.mark.parametrize("tier", Tier)
def test_there_is_a_profile_for_each_tier_of_each_hierarchy(library, hierarchy, tier):
    profile = library.profile_for(hierarchy, tier)
    assert (profile.hierarchy, profile.tier) == (hierarchy, tier)


def test_there_are_no_other_profiles(library):
    # One for each place, and a second type of end entity in the DCCKI.
    assert len(library.profiles) == len(SHIPPED_HIERARCHIES) * len(Tier) + 1
    second = library.profile("dccki-personnel")
    assert (second.hierarchy, second.tier) == (Hierarchy.DCCKI, Tier.END_ENTITY)


CATEGORIES = {
    "organisation-user": ("organisation", "party"),
    "organisation-rdp": ("organisation", "rdp"),
    "organisation-dcc": ("organisation", "dcc"),
    "organisation-xml-sign": ("organisation", "party dcc"),
    "device": ("device", "party manufacturer other dcc"),
    "dccki-infrastructure": ("dccki", "party rdp dcc"),
    "dccki-personnel-authentication": ("dccki-personnel", "party"),
    "iki-authentication": ("iki", "party rdp dcc"),
}


@pytest.mark.parametrize("name", CATEGORIES)
@pytest.mark.shows("T6.4-3", "R6")
def test_every_category_of_the_regime_is_there(library, name):
    category = next(one for one in library.categories if one.name == name)
    profile, participants = CATEGORIES[name]
    assert category.profiles == (profile,)
    assert set(category.participants) == {ParticipantKind(kind) for kind in participants.split()}
    assert category.basis == "assumed"
    assert category.obligations
    assert set(category.environments) == set(library.environments)
    assert set(category.testing_services) <= set(library.testing_services)


def test_there_are_no_other_categories(library):
    assert {one.name for one in library.categories} == set(CATEGORIES)


def test_each_role_that_someone_holds_falls_into_one_organisation_category(library):
    organisation = [one for one in library.categories if "organisation" in one.profiles]
    for role in library.roles.remote_party_roles:
        holding = [one.name for one in organisation if one.holds("organisation", role)]
        assert len(holding) == (1 if role.held_by else 0), role.name


def test_only_devices_have_a_quota_and_it_is_one_hundred(library):
    quotas = {one.name: one.quota.per_device_id for one in library.categories}
    assert {name: quota for name, quota in quotas.items() if quota} == {"device": 100}
    assert all(one.quota.per_participant is None for one in library.categories)


def test_every_environment_of_the_field_is_there(library):
    families = {name: one.family for name, one in library.environments.items()}
    assert families == {
        "ZAZ1": "ZAZ1",
        "UIT-A": "UIT",
        "UIT-B": "UIT",
        "SIT-A": "SIT",
        "SIT-B": "SIT",
    }
    assert library.default_environment.name == "ZAZ1"


@pytest.mark.parametrize(("name", "cn"), [("ZAZ1", "Z1"), ("UIT-A", "U2"), ("SIT-B", "S4")])
def test_the_issuing_ocas_have_the_names_that_were_observed(library, name, cn):
    environment = library.environment(name)
    assert environment.ca_name(Hierarchy.ORGANISATION, Tier.ISSUING) == cn


def test_ca_names_fit_and_no_two_families_share_one(library):
    seen = {}
    for environment in library.environments.values():
        for hierarchy in library.hierarchies:
            for tier in (Tier.ROOT, Tier.ISSUING):
                cn = environment.ca_name(hierarchy, tier)
                assert cn is not None
                assert seen.setdefault(cn, environment.family) == environment.family
                if hierarchy in {Hierarchy.ORGANISATION, Hierarchy.DEVICE}:
                    assert len(cn) <= 4
            assert environment.ca_name(hierarchy, Tier.END_ENTITY) is None


def test_the_policies_that_were_observed_are_allowed_where_they_were_seen(library):
    smki, rtds = "1.2.826.0.1.8641679.1.2.1.4", "1.2.826.0.1.1800000.1.2.1.4"
    for environment in library.environments.values():
        assert all(environment.policies[h].default == smki for h in library.hierarchies)
        assert set(environment.policies[Hierarchy.DEVICE].allowed) == {smki, rtds}
        assert environment.policies[Hierarchy.ORGANISATION].allowed == (smki,)


@pytest.mark.shows("4-issue-2", "R10")
def test_both_registry_entries_of_the_sec_are_known(library):
    entries = {one.entry for one in library.sec_registry_entries}
    assert entries == {RegistryEntry.parse(one) for one in ("70-B3-D5-1F-3", "90-B3-D5-1F-3")}


@pytest.mark.shows("Q29", "R3")
def test_every_purpose_of_the_regime_is_a_testing_service(library):
    assert set(library.testing_services) == {
        "uept",
        "srept",
        "device-and-user-system-tests",
        "modification-testing",
        "internal-systems-change-testing",
        "section-t",
    }
    specified = {c for c, one in library.testing_services.items() if one.basis == "specified"}
    assert specified == {"uept", "srept"}


def test_every_shipped_table_says_how_well_it_is_known(library):
    for one in (
        *library.categories,
        *library.environments.values(),
        *library.testing_services.values(),
        *library.sec_registry_entries,
        library.live,
    ):
        assert one.basis in {"specified", "observed", "assumed"}
        assert one.source


def test_the_kit_holds_what_its_file_lists(library):
    kit = kits.load(library, "quickstart")
    first = kit.requests[0]
    assert first.profile == "organisation"
    assert first.inputs["role"] == "supplier"
    assert [usage.value for usage in first.usages] == ["digital-signature"]
    assert len({request.label for request in kit.requests}) == len(kit.requests)


# An operator's directory


def test_overrides_win_file_by_file(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    override(first, SERVICES, "User Entry Process Tests", "First")
    override(second, SERVICES, "User Entry Process Tests", "Second")
    override(second, CATEGORY, 'Organisation (DCC roles)"\n', 'Theirs"\n')
    override(second, ROLES, 'name = "Import Supplier"', 'name = "Importer"')
    library = Library(first, second)
    assert library.testing_services["uept"].name == "First"
    assert (
        next(one for one in library.categories if one.name == "organisation-dcc").title == "Theirs"
    )
    assert library.roles.user_role("IS").name == "Importer"
    assert library.environments == Library().environments
    read = library.check()
    assert str(first / SERVICES) in read
    assert str(second / SERVICES) not in read
    assert str(second / CATEGORY) in read
    assert str(SHIPPED / ENVIRONMENTS) in read


def test_an_override_may_add_a_file(tmp_path):
    override(tmp_path, CATEGORY, 'name = "organisation-dcc"', 'name = "extra"').rename(
        tmp_path / "categories" / "extra.toml"
    )
    assert [one.name for one in Library(tmp_path).categories if one.name == "extra"] == ["extra"]


@pytest.mark.slow
def test_the_signifier_can_be_carried_in_another_field(tmp_path):
    override(
        tmp_path,
        "certificates/dccki.toml",
        'field = "subject.organizationalUnitName"',
        'field = "subject.title"',
    )
    library = Library(tmp_path)
    field = library.profile("dccki").field_of("signifier")
    assert field is not None
    assert field.path == "subject.title"
    compile_all_of(library)


def test_dccki_keys_can_be_p_256(tmp_path):
    path = override(tmp_path, "certificates/dccki.toml", '"rsa-2048"', '"p-256"')
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('["digitalSignature", "keyEncipherment"]', '["digitalSignature"]'))
    library = Library(tmp_path)
    assert library.profile("dccki").key_type == "p-256"
    compile_all_of(library)


def test_a_directory_of_profiles_must_be_there(tmp_path):
    with pytest.raises(InputError) as caught:
        Library(tmp_path / "nowhere")
    assert caught.value.code == "profiles.directory"
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError) as caught:
        Library(tmp_path / "file")
    assert caught.value.code == "profiles.directory"


@pytest.mark.parametrize(
    "name",
    [
        "role.toml",
        "notes.txt",
        "certificates/organisation.toml.bak",
        "certificates/organisation.tml",
        "certificate/organisation.toml",
        "certificates/deeper/organisation.toml",
        "roles.toml/inside.toml",
        ".hidden.toml",
    ],
)
def test_a_file_that_nothing_would_read_is_an_error(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    with pytest.raises(InputError) as caught:
        Library(tmp_path)
    assert caught.value.code == "profiles.stray_file"
    assert str(tmp_path / name.split("/", maxsplit=1)[0]) in caught.value.message
    assert "certificates/*.toml" in caught.value.remedy


@pytest.mark.parametrize("name", ["certificates/new.toml", "categories/new.toml"])
def test_a_directory_where_a_file_belongs_is_an_error(tmp_path, name):
    (tmp_path / name).mkdir(parents=True)
    with pytest.raises(InputError) as caught:
        Library(tmp_path)
    assert caught.value.code == "profiles.stray_file"
    assert str(tmp_path / name) in caught.value.message


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["certificates", "categories", "revocation-lists", "kits"])
@pytest.mark.parametrize("stem", ["--help", "two\nlines", "line\n", "a b", "\x1b[2J", "x" * 65])
def test_a_file_whose_name_could_not_stand_in_a_command_or_a_report_is_an_error(
    tmp_path, folder, stem
):
    shipped = min((SHIPPED / folder).glob("*.toml"))
    text = shipped.read_text(encoding="utf-8")
    path = tmp_path / folder / f"{stem}.toml"
    path.parent.mkdir()
    stated = text.replace(f'name = "{shipped.stem}"', f"name = {json.dumps(stem)}", 1)
    path.write_text(stated, encoding="utf-8")
    error = refused(tmp_path)
    assert error.code == "toml.shape"
    assert "name" in error.message
    assert "\x1b" not in error.message


def test_a_row_with_no_alternative_is_an_error(tmp_path):
    row = 'field = "subject.title"\nbasis = "assumed"\nsource = "a test"'
    tables = f"[[row]]\n{row}\nholds = {{ one-of = [] }}\n\n[[row]]"
    override(tmp_path, "certificates/iki.toml", "[[row]]", tables)
    error = refused(tmp_path)
    assert error.code == "toml.shape"
    assert "one-of" in error.message or "oneOf" in error.message


@pytest.mark.parametrize("name", [CATEGORY, "certificates/device.toml", KIT])
def test_a_file_whose_name_is_not_its_own_is_an_error(tmp_path, name):
    stem = name.split("/")[1].removesuffix(".toml")
    path = override(tmp_path, name, f'name = "{stem}"', 'name = "another"')
    error = refused(tmp_path)
    assert error.code == "profile.name"
    assert str(path) in error.message
    assert "'another'" in error.message


@pytest.mark.parametrize("name", ["", "nothing", "../roles", "Device"])
def test_an_unknown_name_is_an_error_that_lists_those_there_are(library, name):
    with pytest.raises(InputError, match="no profile") as caught:
        library.profile(name)
    assert caught.value.code == "profile.unknown"
    assert "dccki-issuing-ca" in caught.value.remedy
    with pytest.raises(InputError, match="no environment") as caught:
        library.environment(name)
    assert caught.value.code == "environment.unknown"
    assert "UIT-A" in caught.value.remedy
    with pytest.raises(InputError, match="There is no kit") as caught:
        kits.load(library, name)
    assert "quickstart" in caught.value.remedy


# Mistakes


ALL = [CATEGORY, ROLES, SERVICES, ENVIRONMENTS, HIERARCHIES, KIT, "certificates/iki.toml"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_text_that_is_no_toml_is_an_error_with_its_line(tmp_path, name):
    path = override(tmp_path, name)
    lines = path.read_text(encoding="utf-8").count("\n")
    path.write_text(path.read_text(encoding="utf-8") + "x = = 1\n", encoding="utf-8")
    error = refused(tmp_path)
    assert error.code == "toml.syntax"
    assert str(path) in error.message
    assert f"line {lines + 1}" in error.message


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_text_that_is_not_utf_8_is_an_error(tmp_path, name):
    path = override(tmp_path, name)
    path.write_bytes(b"# \xff\n" + path.read_bytes())
    error = refused(tmp_path)
    assert error.code == "toml.encoding"
    assert str(path) in error.message
    assert "position 2" in error.message


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_a_file_of_a_megabyte_and_more_is_an_error(tmp_path, name):
    path = override(tmp_path, name)
    path.write_bytes(path.read_bytes() + b"#" * toml.MAX_OCTETS)
    error = refused(tmp_path)
    assert error.code == "toml.too_long"
    assert str(path) in error.message
    assert str(toml.MAX_OCTETS) in error.message


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_an_unknown_key_is_an_error(tmp_path, name):
    path = override(tmp_path, name)
    path.write_text('colour = "red"\n' + path.read_text(encoding="utf-8"), encoding="utf-8")
    error = refused(tmp_path)
    assert error.code == "toml.shape"
    assert str(path) in error.message
    assert "colour is an unknown key" in error.message


def test_toml_nested_without_end_is_an_error(tmp_path):
    path = override(tmp_path, ROLES)
    path.write_text("x = " + "[" * 100_000, encoding="utf-8")
    error = refused(tmp_path)
    assert error.code == "toml.syntax"
    assert str(path) in error.message


@pytest.mark.parametrize("name", ALL)
def test_an_integer_of_more_digits_than_python_reads_is_an_error(tmp_path, name):
    path = override(tmp_path, name)
    text = path.read_text(encoding="utf-8")
    path.write_text(f"x = {'9' * 5_000}\n{text}", encoding="utf-8")
    error = refused(tmp_path)
    assert error.code == "toml.syntax"
    assert str(path) in error.message


@pytest.mark.parametrize("hours", [1_000_001, 10**20])
def test_hours_beyond_the_calendar_are_an_error(tmp_path, hours):
    name = "revocation-lists/organisation-crl.toml"
    path = override(tmp_path, name, "at-least-every-hours = ", f"at-least-every-hours = {hours} #")
    error = refused(tmp_path)
    assert error.code == "toml.shape"
    assert str(path) in error.message


SHAPES = [
    (CATEGORY, 'basis = "assumed"\n', "", "no key 'basis'"),
    (CATEGORY, 'basis = "assumed"', 'basis = "guessed"', "basis"),
    (CATEGORY, 'source = "the ETAD (SEC T6.4) could not be read"', "", "no key 'source'"),
    (CATEGORY, 'source = "the ETAD (SEC T6.4) could not be read"', 'source = ""', "source"),
    (CATEGORY, 'participants = ["dcc"]', 'participants = ["dcc", "guest"]', "participants"),
    (CATEGORY, "remote-delivery = false", 'remote-delivery = "no"', "remote-delivery"),
    (CATEGORY, "remote-delivery = false", "remote_delivery = false", "remote_delivery"),
    (CATEGORY, "remote-delivery = false\n", "", "no key 'remote-delivery'"),
    (CATEGORY, "title =", "[quota]\nper-device-id = 0\n[x]\ny =", "per-device-id"),
    ("categories/device.toml", "per-device-id = 100", "per-device-id = 0", "quota.per-device-id"),
    ("categories/device.toml", "per-device-id = 100", "per-device = 100", "per-device"),
    (ROLES, "code = 0x08", "code = 256", "remote-party-role"),
    (ROLES, "code = 0x08", 'code = "08"', "remote-party-role"),
    (ROLES, 'usages = ["digital-signature"]', 'usages = ["signing"]', "usages"),
    (ROLES, 'held-by = ["LC"]\n', "", "no key 'held-by'"),
    (SERVICES, 'name = "User Entry Process Tests"\n', "", "no key 'name'"),
    (ENVIRONMENTS, 'default = "ZAZ1"\n', "", "no key 'default'"),
    (ENVIRONMENTS, 'root = "ZA", ', "", "no key 'root'"),
    (ENVIRONMENTS, "[live]", "[live]\nnames = []", "names is an unknown key"),
    (HIERARCHIES, 'title = "DCCKI"\n', "", "no key 'title'"),
    (HIERARCHIES, 'name = "dccki"', 'name = "DCCKI"', "name"),
    (HIERARCHIES, 'name = "dccki"', 'name = "a name"', "name"),
    (HIERARCHIES, 'root = "dccki-root-ca", ', "", "no key 'root'"),
    (HIERARCHIES, 'root = "dccki-root-ca", ', 'top = "dccki-root-ca", ', "top is an unknown key"),
    (HIERARCHIES, 'end-entity = "dccki"\n', "", "no key 'end-entity'"),
    (HIERARCHIES, 'revocation-lists = ["dccki-arl", "dccki-crl"]\n', "", "'revocation-lists'"),
    (HIERARCHIES, 'end-entity = "dccki"', 'end-entity = "dccki"\nend = 1', "end is an unknown key"),
    (HIERARCHIES, 'basis = "specified"', 'basis = "guessed"', "basis"),
    (HIERARCHIES, 'key-usage = "required"', 'key-usage = "always"', "key-usage"),
    (HIERARCHIES, 'criticality = "any"', 'critical = "any"', "critical is an unknown key"),
    (KIT, 'usages = ["digital-signature"]', 'usage = ["digital-signature"]', "usage is an unknown"),
    (KIT, 'usages = ["digital-signature"]', 'usages = ["xml"]', "usages"),
    (KIT, 'purpose = "uept"\n', "", "no key 'purpose'"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "old", "new", "key"), SHAPES)
def test_a_key_that_does_not_fit_is_an_error_that_names_it(tmp_path, name, old, new, key):
    path = override(tmp_path, name, old, new)
    error = refused(tmp_path)
    assert error.code == "toml.shape"
    assert str(path) in error.message
    assert key in error.message


REFERENCES = [
    (CATEGORY, 'profiles = ["organisation"]', 'profiles = ["organization"]', "profiles"),
    (CATEGORY, '"uept"', '"UEPT"', "testing-services"),
    (CATEGORY, '"all"', '["ZAZ1", "SIT-C"]', "environments"),
    (ROLES, 'held-by = ["LC"]', 'held-by = ["LX"]', "loadController"),
    (ENVIRONMENTS, 'default = "ZAZ1"', 'default = "ZAZ2"', "default"),
    (ENVIRONMENTS, 'family = "SIT"', 'family = "SITE"', "SIT-A"),
    (ENVIRONMENTS, "dccki = { root", "gas = { root", "family ZAZ1, ca-names"),
    (ENVIRONMENTS, "dccki = { default", "gas = { default", "family ZAZ1, policies"),
    (HIERARCHIES, 'end-entity = "dccki"', 'end-entity = "dccky"', "hierarchy dccki"),
    (HIERARCHIES, 'issuing = "dccki-issuing-ca"', 'issuing = "dccki-ca"', "hierarchy dccki"),
    (KIT, 'profile = "iki"', 'profile = "ika"', "request"),
    (KIT, 'purpose = "uept"', 'purpose = "UEPT"', "request"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "old", "new", "key"), REFERENCES)
def test_a_reference_to_what_is_not_there_is_an_error_that_names_it(tmp_path, name, old, new, key):
    path = override(tmp_path, name, old, new)
    error = refused(tmp_path)
    assert error.code == "profile.reference"
    assert str(path) in error.message
    assert key in error.message
    assert "Use one of" in error.remedy


DUPLICATES = [
    (ROLES, 'code = "ES"', 'code = "IS"', "user-role code IS"),
    (ROLES, "code = 0x89", "code = 0x88", "remote-party-role code 88"),
    (ROLES, 'name = "dSPXmlSign"', 'name = "xmlSign"', "remote-party-role name xmlSign"),
    (SERVICES, 'code = "srept"', 'code = "uept"', "testing-service code uept"),
    (ENVIRONMENTS, 'name = "UIT-B"', 'name = "UIT-A"', "environment name UIT-A"),
    (ENVIRONMENTS, 'name = "SIT"', 'name = "UIT"', "family name UIT"),
    (HIERARCHIES, 'name = "iki"', 'name = "dccki"', "hierarchy name dccki"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "old", "new", "what"), DUPLICATES)
def test_what_is_defined_twice_is_an_error(tmp_path, name, old, new, what):
    path = override(tmp_path, name, old, new)
    error = refused(tmp_path)
    assert error.code == "profile.duplicate"
    assert what in error.message
    line = int(error.message.removeprefix(f"{path}, line ").split(",")[0])
    # Of two in the wrong order, the later is named.
    assert path.read_text("utf-8").split("\n")[line - 1].split(" = ")[0] == new.split(" = ")[0]


# Hierarchies


def test_the_four_hierarchies_are_shipped_in_their_order(library):
    assert tuple(library.hierarchies) == SHIPPED_HIERARCHIES
    assert [*(Hierarchy.ORGANISATION, Hierarchy.DEVICE, Hierarchy.DCCKI, Hierarchy.IKI)] == list(
        library.hierarchies
    )
    for name, one in library.hierarchies.items():
        assert one.end_entity == name
        assert one.tiers == {Tier.ROOT: f"{name}-root-ca", Tier.ISSUING: f"{name}-issuing-ca"}
        lists = () if name == "device" else (f"{name}-arl", f"{name}-crl")
        assert one.revocation_lists == lists
        assert library.hierarchy(name) is one
        assert one.source
    bases = {name.value: one.basis.value for name, one in library.hierarchies.items()}
    assert bases == {
        "organisation": "specified",
        "device": "specified",
        "dccki": "assumed",
        "iki": "assumed",
    }


def test_an_unknown_hierarchy_is_an_error_that_lists_those_there_are(library):
    for ask in (library.hierarchy, lambda name: library.profile_for(name, Tier.ROOT)):
        with pytest.raises(InputError, match="unknown hierarchy 'gas'") as caught:
            ask("gas")
        assert caught.value.code == "profile.reference"
        assert caught.value.remedy == f"Use one of {', '.join(library.hierarchies)}."


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            'end-entity = "dccki"',
            'end-entity = "dccki-issuing-ca"',
            "is of tier issuing of the hierarchy dccki, not of tier end-entity of this one",
        ),
        (
            'end-entity = "dccki"',
            'end-entity = "iki"',
            "the profile iki is of tier end-entity of the hierarchy iki",
        ),
        (
            'root = "dccki-root-ca", issuing = "dccki-issuing-ca"',
            'root = "dccki-issuing-ca", issuing = "dccki-root-ca"',
            "the profile dccki-issuing-ca is of tier issuing",
        ),
        (
            'revocation-lists = ["dccki-arl", "dccki-crl"]',
            'revocation-lists = ["dccki-crl"]',
            "names dccki-crl, but the CRL profiles of the hierarchy are dccki-arl, dccki-crl",
        ),
        (
            'revocation-lists = ["dccki-arl", "dccki-crl"]',
            "revocation-lists = []",
            "revocation-lists names none, but",
        ),
        (
            'revocation-lists = ["dccki-arl", "dccki-crl"]',
            'revocation-lists = ["dccki-arl", "dccki-crl", "iki-crl"]',
            "revocation-lists names dccki-arl, dccki-crl, iki-crl, but",
        ),
    ],
)
def test_a_hierarchy_whose_profiles_are_not_its_own_is_an_error(tmp_path, old, new, said):
    path = override(tmp_path, HIERARCHIES, old, new)
    error = refused(tmp_path)
    assert error.code == "profile.reference"
    assert f"{path}, hierarchy dccki, " in without_line(error.message)
    assert said in error.message


def test_a_hierarchy_without_lists_is_told_of_the_profiles_that_say_otherwise(tmp_path):
    text = (SHIPPED / "revocation-lists" / "dccki-crl.toml").read_text("utf-8")
    path = tmp_path / "revocation-lists" / "device-crl.toml"
    path.parent.mkdir()
    path.write_text(text.replace("dccki", "device"), "utf-8")
    error = refused(tmp_path)
    assert error.code == "profile.reference"
    assert "hierarchy device, revocation-lists names none" in error.message
    assert "device-crl" in error.message


def test_a_hierarchy_that_is_gone_leaves_profiles_that_say_so(library, tmp_path):
    path = override(tmp_path, HIERARCHIES, 'name = "dccki"', 'name = "gas"')
    assert path.is_file()
    error = refused(tmp_path)
    assert error.code == "profile.reference"
    assert "dccki.toml, hierarchy: unknown hierarchy 'dccki'" in without_line(error.message)
    left = ", ".join(library.hierarchies).replace("dccki", "gas")
    assert error.remedy == f"Use one of {left}."


FIFTH = """
[[hierarchy]]
name = "gas"
title = "A fifth"
tiers = { root = "gas-root-ca", issuing = "gas-issuing-ca" }
revocation-lists = []
end-entity = "gas"
basis = "assumed"
source = "a test"
"""


@pytest.mark.slow
def test_a_fifth_hierarchy_needs_names_of_cas_and_policies_in_every_family(tmp_path):
    text = (SHIPPED / HIERARCHIES).read_text("utf-8")
    (tmp_path / HIERARCHIES).write_text(text + FIFTH, "utf-8")
    (tmp_path / "certificates").mkdir()
    for name in ("device", "device-root-ca", "device-issuing-ca"):
        text = (SHIPPED / "certificates" / f"{name}.toml").read_text("utf-8")
        new = name.replace("device", "gas")
        text = text.replace(f'name = "{name}"', f'name = "{new}"', 1)
        text = text.replace('hierarchy = "device"', 'hierarchy = "gas"', 1)
        (tmp_path / "certificates" / f"{new}.toml").write_text(text, "utf-8")
    error = refused(tmp_path)
    assert error.code == "environment.incomplete"
    said = without_line(error.message)
    assert "environments.toml, family ZAZ1, ca-names: nothing for gas" in said
    environments = (SHIPPED / ENVIRONMENTS).read_text("utf-8")
    named = '[family.ca-names]\ngas = { root = "GA", issuing = "G1" }\n'
    environments = environments.replace("[family.ca-names]\n", named)
    (tmp_path / ENVIRONMENTS).write_text(environments, "utf-8")
    error = refused(tmp_path)
    assert error.code == "environment.incomplete"
    assert "family ZAZ1, policies: nothing for gas" in error.message
    policy = 'gas = { default = "1.2.3", allowed = ["1.2.3"] }\n'
    environments = environments.replace("[family.policies]\n", f"[family.policies]\n{policy}")
    (tmp_path / ENVIRONMENTS).write_text(environments, "utf-8")
    library = Library(tmp_path)
    library.check()
    compile_all_of(library)
    assert library.profile_for(Hierarchy("gas"), Tier.END_ENTITY).name == "gas"
    assert [one.name for one in library.end_entity_profiles][4] == "gas"
    assert library.environment("SIT-A").ca_name(Hierarchy("gas"), Tier.ISSUING) == "G1"
    assert not library.has_rsa_keys(Hierarchy("gas"))
    assert library.has_rsa_keys(Hierarchy("iki"))


@pytest.mark.parametrize(
    ("new", "code"),
    [("subject.commonName", "profile.role_field"), ("subject.unit", "profile.reference")],
)
def test_the_field_of_the_role_in_a_shipped_hierarchy_stays(tmp_path, new, code):
    """With another, nobody would judge the roles that an operator's type writes there."""
    path = override(tmp_path, HIERARCHIES, "subject.organizationalUnitName", new)
    error = refused(tmp_path)
    assert error.code == code
    assert f"{path}, hierarchy organisation, role-field: " in without_line(error.message)


def test_a_table_of_a_shipped_hierarchy_may_leave_out_what_is_as_there(tmp_path):
    path = override(tmp_path, HIERARCHIES)
    lines = path.read_text("utf-8").splitlines(keepends=True)
    short = [line for line in lines if not line.startswith(("role-field", "csr"))]
    assert len(lines) - len(short) == 5
    path.write_text("".join(short), "utf-8")
    assert Library(tmp_path).hierarchies == Library().hierarchies


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('issuing = "DZ1"', 'issuing = "Z1"', "ca-names.device.issuing: the issuing CA of org"),
        ('root = "DZ"', 'root = "z a"', "ca-names.device.root: the root CA of organisation"),
        ('root = "ZA"', 'root = "Z1"', "ca-names.organisation.issuing: the root CA of organis"),
    ],
)
def test_no_two_cas_of_a_family_have_one_name(tmp_path, old, new, said):
    profiles = tmp_path / "own"
    path = override(profiles, ENVIRONMENTS, old, new)
    error = refused(profiles)
    assert error.code == "profile.duplicate"
    assert f"{path}, family ZAZ1, {said}" in without_line(error.message)
    with Estate.create(tmp_path / "estate", "phrase", profiles=profiles) as estate:
        with pytest.raises(InputError, match="is called"):
            estate.add_environment("ZAZ1")
        assert not list(estate.certificates.authorities())


def test_a_hierarchy_that_names_a_profile_of_another_is_noticed_where_it_is_used(tmp_path):
    names = 'issuing = "organisation-issuing-ca"', 'issuing = "device-issuing-ca"'
    path = override(tmp_path, HIERARCHIES, *names)
    with pytest.raises(InputError, match="of the hierarchy device, not of") as caught:
        Library(tmp_path).profile_for(Hierarchy.ORGANISATION, Tier.ISSUING)
    assert caught.value.code == "profile.reference"
    assert f"{path}, hierarchy organisation, tiers.issuing" in without_line(caught.value.message)


@pytest.mark.parametrize("field", ["subject", "serialNumber", "subject.x500UniqueIdentifier"])
def test_a_role_field_is_one_of_text(tmp_path, field):
    end = 'end-entity = "device"\n'
    override(tmp_path, HIERARCHIES, end, f'{end}role-field = "{field}"\n')
    error = refused(tmp_path)
    assert error.code == "profile.reference"
    assert f"role-field: unknown field of text '{field}'." in error.message


def test_a_hierarchy_of_an_operators_may_have_a_role_field_or_none(tmp_path):
    path = override(tmp_path, HIERARCHIES)
    text = path.read_text("utf-8")
    with_field = FIFTH.replace("basis", 'role-field = "subject.commonName"\nbasis', 1)
    for table, field in ((FIFTH, None), (with_field, "subject.commonName")):
        path.write_text(text + table, "utf-8")
        assert Library(tmp_path).hierarchies[Hierarchy("gas")].role_field == field


def test_a_family_without_names_for_a_hierarchy_is_an_error(tmp_path):
    path = override(tmp_path, ENVIRONMENTS, "iki = { root", "# iki = { root")
    error = refused(tmp_path)
    assert error.code == "environment.incomplete"
    assert f"{path}, family ZAZ1, ca-names" in without_line(error.message)
    assert "iki" in error.message


def test_a_default_policy_that_is_not_allowed_is_an_error(tmp_path):
    path = override(
        tmp_path,
        ENVIRONMENTS,
        'organisation = { default = "1.2.826.0.1.8641679.1.2.1.4"',
        'organisation = { default = "1.2.3"',
    )
    error = refused(tmp_path)
    assert error.code == "environment.policy"
    assert str(path) in error.message
    assert "1.2.3" in error.message


@pytest.mark.parametrize(
    ("name", "old", "new", "code", "key"),
    [
        (CATEGORY, '"wanProvider"]', '"lanProvider"]', "role.unknown", "remote-party-roles"),
        (
            ENVIRONMENTS,
            'iki = { default = "1.2.826.0.1.8641679.1.2.1.4"',
            'iki = { default = "1.2.x"',
            "oid.form",
            "ZAZ1",
        ),
        (
            ENVIRONMENTS,
            'value = "70-B3-D5-1F-3"',
            'value = "70-B3-D5-1F"',
            "registry_entry.form",
            "sec-registry-entry",
        ),
    ],
)
def test_an_identifier_that_is_none_is_an_error_with_its_file(tmp_path, name, old, new, code, key):
    path = override(tmp_path, name, old, new)
    error = refused(tmp_path)
    assert error.code == code
    assert str(path) in error.message
    assert key in error.message


def test_a_ca_name_that_its_string_type_cannot_hold_is_an_error(tmp_path):
    override(tmp_path, ENVIRONMENTS, 'issuing = "Z1"', 'issuing = "Ž1"')
    error = refused(tmp_path)
    assert "organisation-issuing-ca.toml" in error.message
    assert "'Ž'" in error.message


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("certificates/dccki-root-ca.toml", "\ntier", '\nidentity = "role" #<\ntier', "identity"),
        ("revocation-lists/dccki-crl.toml", 'tier = "issuing"', 'tier = "root" #<', "tier"),
        (HIERARCHIES, 'end-entity = "dccki"', 'end-entity = "none" #<', "end-entity"),
        (KIT, "\nlabel = ", '\nlabel = " " #<\n#', "label"),
    ],
)
def test_what_stands_in_a_file_and_fits_no_other_is_told_with_its_line(
    tmp_path, name, old, new, said
):
    path = override(tmp_path, name, old, new)
    error = refused(tmp_path)
    place, _, _ = error.message.partition(": ")
    line = int(place.removeprefix(f"{path}, line ").split(",")[0])
    assert place.endswith(f", {said}")
    assert "#<" in path.read_text("utf-8").split("\n")[line - 1]
