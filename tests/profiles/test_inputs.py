"""The inputs and the identity of a certificate type: read from its rows and its own tables."""

from __future__ import annotations

import click
import pytest

import certificate_types as types
from smki_testca.authority.trial import compile_all
from smki_testca.cli import cli
from smki_testca.errors import InputError
from smki_testca.issuance.batch.manifest import columns
from smki_testca.profiles import Library
from smki_testca.profiles.inputs import INPUT_TYPES
from smki_testca.profiles.model import Identity, Tier

CERTIFICATES = "certificates"


def stated(profile):
    """The inputs of a profile: option, and whether it may be left out."""
    return [(one.type.option, one.optional) for one in profile.subject_inputs]


def write(directory, name, *changes, tables=""):
    text = types.changed(f"{CERTIFICATES}/{name}.toml", *changes)
    return types.write(
        directory, f"{CERTIFICATES}/{name}.toml", types.with_head(text, tables) if tables else text
    )


def refused(directory, name, code="profile.row"):
    with pytest.raises(InputError) as caught:
        Library(directory).profile(name)
    error = caught.value
    assert error.code == code
    assert str(directory / CERTIFICATES / f"{name}.toml") in error.message
    assert len(error.lines()) == 1
    return error


@pytest.mark.parametrize(
    ("name", "inputs", "identity"),
    [
        (
            "organisation",
            [("id", False), ("role", False), ("common-name", True)],
            Identity.USER_ID,
        ),
        ("device", [("device-id", False), ("hw-type", False)], Identity.DEVICE_ID),
        (
            "dccki",
            [("common-name", False), ("dns", True), ("ip", True), ("signifier", True)],
            Identity.SIGNIFIER,
        ),
        ("iki", [("system-name", False), ("role", False)], Identity.ROLE),
    ],
)
def test_the_shipped_types_take_what_they_always_took_in_the_same_order(
    library, name, inputs, identity
):
    profile = library.profile(name)
    assert stated(profile) == inputs
    assert profile.identity is identity


@pytest.mark.parametrize("name", ["organisation", "device", "dccki", "iki"])
def test_an_identity_that_is_not_stated_follows_from_the_rows(tmp_path, library, name):
    identity = library.profile(name).identity
    write(tmp_path, name, (f'identity = "{identity.value}"\n', ""))
    assert Library(tmp_path).profile(name).identity is identity


def test_an_identity_that_is_stated_comes_before_the_one_that_would_follow(tmp_path):
    write(tmp_path, "organisation", ('identity = "user-id"', 'identity = "role"'))
    assert Library(tmp_path).profile("organisation").identity is Identity.ROLE


def test_a_type_with_identity_signifier_takes_one_although_no_row_is_filled_from_it(tmp_path):
    write(tmp_path, "organisation", ('identity = "user-id"', 'identity = "signifier"'))
    profile = Library(tmp_path).profile("organisation")
    assert stated(profile)[-1] == ("signifier", True)
    assert profile.subject_inputs[-1].path is None


def test_a_ca_has_no_inputs_and_no_identity(library):
    for profile in library.profiles:
        if profile.tier is not Tier.END_ENTITY:
            assert (profile.subject_inputs, profile.identity) == ((), None)


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        (
            "iki",
            [('identity = "role"', 'identity = "user-id"')],
            "identity = 'user-id' needs a row that is filled from the input eui64",
        ),
        (
            "iki",
            [('identity = "role"', 'identity = "device-id"')],
            "identity = 'device-id' needs a row that is filled from the input device-id",
        ),
        (
            "device",
            [('identity = "device-id"', 'identity = "role"')],
            "identity = 'role' needs a row that is filled from the input role",
        ),
        (
            "organisation",
            [('{ input = "eui64" }', '{ input = "eui64", optional = true }')],
            "the input eui64, which is not optional",
        ),
        (
            "dccki",
            [('identity = "signifier"\n', ""), ('derived = "signifier"', 'constant = "S"')],
            "states no identity of the holder",
        ),
        (
            "organisation-issuing-ca",
            [('tier = "issuing"', 'tier = "issuing"\nidentity = "role"')],
            "a CA's certificate has no inputs and no identity",
        ),
        (
            "organisation-issuing-ca",
            [('fill = { derived = "ca-name" }', 'fill = { input = "common-name" }')],
            "a CA's certificate has no inputs and no identity",
        ),
    ],
)
def test_an_identity_that_does_not_go_with_the_rows_is_an_error(tmp_path, name, changes, said):
    write(tmp_path, name, *changes)
    assert said in refused(tmp_path, name).message


def test_an_unknown_identity_is_an_error_that_lists_those_there_are(tmp_path):
    write(tmp_path, "iki", ('identity = "role"', 'identity = "name"'))
    assert "identity" in refused(tmp_path, "iki", "toml.shape").message


@pytest.mark.parametrize(
    ("tables", "code", "said"),
    [
        ('[inputs.site]\ntype = "text"\n', "profile.row", "needs a type and a help"),
        ('[inputs.site]\nhelp = "A site."\n', "profile.row", "needs a type and a help"),
        ('[inputs.site]\ntype = "text"\nhelp = "A."\n', "profile.row", "no row is filled from it"),
        ('[inputs.dns]\nhelp = "A host."\n', "profile.row", "no row is filled from it"),
        ('[inputs.signifier]\nhelp = "Who."\n', "profile.row", "no row is filled from it"),
        ('[inputs.role]\ntype = "text"\n', "profile.row", "leave its type out"),
        ('[inputs.site]\ntype = "number"\nhelp = "A."\n', "toml.shape", "type"),
        ('[inputs.site]\ntype = "text"\nhelp = ""\n', "toml.shape", "help"),
        ('[inputs.site]\ntype = "text"\nhelp = "A."\nsize = 3\n', "toml.shape", "size"),
        *(
            (
                f'[inputs.{name}]\ntype = "text"\nhelp = "A."\n',
                "profile.row",
                "is malformed or reserved",
            )
            for name in (
                *("Site", "site_name", "4th", '""', '"a b"', "a--b"),
                *("id", "usage", "participant", "label", "csr-file", "count", "roles", "help"),
                *("seed", "workers", "engine", "all-or-nothing", "tls-key"),
                "x" * 65,
                *("self", "inputs", "embedded-id", "field-values", "as-json", "class", "from"),
            )
        ),
    ],
)
def test_a_mistake_in_the_table_of_an_input_is_an_error(tmp_path, tables, code, said):
    write(tmp_path, "organisation", tables=tables)
    error = refused(tmp_path, "organisation", code)
    assert said in error.message


def _options(*words):
    """The names of the options that a command has, those of every command included."""
    program: click.Command = cli
    context, names = click.Context(program), set()
    for word in ("", *words):
        if word:
            assert isinstance(program, click.Group)
            command = program.get_command(context, word)
            assert command is not None
            program, context = command, click.Context(command, parent=context, info_name=word)
        for option in program.get_params(context):
            names |= {name[2:] for name in option.opts if name.startswith("--")}
    return names


@pytest.mark.parametrize(
    "words",
    [("issue", "organisation"), ("check", "device"), ("csr", "iki"), ("batch", "issue")],
    ids=" ".join,
)
def test_no_input_takes_the_name_of_another_option(tmp_path, words):
    inputs = {input_type.option for input_type in INPUT_TYPES.values()}
    names = _options(*words) - inputs
    assert {"estate", "json"} <= names
    for name in sorted(names):
        tables = f'[inputs.{name}]\ntype = "text"\nhelp = "A."\n'
        write(tmp_path, "organisation", tables=tables)
        assert "is malformed or reserved" in refused(tmp_path, "organisation").message, name


def test_two_rows_that_are_filled_from_one_input_are_an_error(tmp_path):
    # What a request states once is read from one field of the certificate.
    text = types.changed("certificates/organisation.toml")
    row = '\n[[row]]\nfield = "subject.title"\nfill = { input = "role" }\n'
    types.write(
        tmp_path,
        "certificates/organisation.toml",
        text + row + 'basis = "assumed"\nsource = "a test"\n',
    )
    assert "two rows are filled from the input role" in refused(tmp_path, "organisation").message


def test_a_certificate_embeds_one_identifier(tmp_path):
    write(
        tmp_path,
        "device",
        ('{ derived = "key-identifier-method-2" }', '{ input = "eui64" }'),
    )
    assert "embeds one EUI-64" in refused(tmp_path, "device").message


def test_an_input_of_its_own_fills_only_a_field_of_its_type(tmp_path):
    tables = '[inputs.site]\ntype = "oid"\nhelp = "A site."\n'
    write(tmp_path, "organisation", ('"common-name"', '"site"'), tables=tables)
    assert "site" in refused(tmp_path, "organisation").message


def test_a_profile_may_say_of_an_input_what_it_is(library, tmp_path):
    tables = '[inputs.common-name]\nhelp = "The name of the team."\nmetavar = "TEAM"\n'
    write(tmp_path, "organisation", tables=tables)
    profile = Library(tmp_path).profile("organisation")
    # What a file describes comes first.
    first = profile.input_types[0]
    assert (first.option, first.help, first.metavar) == (
        "common-name",
        "The name of the team.",
        "TEAM",
    )
    assert library.profile("organisation").input_types[-1].help == INPUT_TYPES["common-name"].help


def test_inputs_of_its_own_have_a_type_help_and_metavar(tmp_path):
    profile = Library(types.sensor(tmp_path)).profile("sensor")
    assert stated(profile) == [("model", False), ("site", True), ("device-id", False)]
    model, site, _ = profile.input_types
    assert (model.metavar, model.help) == ("MODEL", "The model, by the maker's OID.")
    assert (site.metavar, site.help) == ("TEXT", "Where the sensor is.")
    assert profile.identity is Identity.DEVICE_ID
    assert profile.summary == "Sensor Certificate."
    assert profile.example == ""


def test_types_of_an_operators_own_are_tried_with_the_others(tmp_path):
    types.sensor(tmp_path)
    types.gateway(tmp_path)
    library = Library(tmp_path)
    library.check()
    tried = {one.setting.profile.name for one in compile_all(library)}
    assert {"sensor", "gateway"} <= tried
    names = [profile.name for profile in library.end_entity_profiles]
    ordinary = [hierarchy.end_entity for hierarchy in library.hierarchies.values()]
    assert names[: len(ordinary)] == ordinary
    assert names[len(ordinary) :] == sorted(set(names) - set(ordinary))
    shipped = {profile.name for profile in Library().end_entity_profiles}
    assert set(names) == {*shipped, "gateway", "sensor"}


def test_a_manifest_has_the_columns_it_always_had_and_those_of_an_operators_types(
    library, tmp_path
):
    before = ("profile", "participant", "purpose", "environment")
    inputs = (
        *("id", "role", "usage", "common-name", "device-id", "hw-type"),
        *("dns", "ip", "signifier", "system-name"),
    )
    after = ("label", "public-key-file", "csr-file")
    assert columns(library)[: len(before) + len(inputs)] == (*before, *inputs)
    of_types = {
        subject_input.type.option
        for profile in library.end_entity_profiles
        for subject_input in profile.subject_inputs
    }
    assert sorted(columns(library)) == sorted({*before, *inputs, *of_types, *after})
    assert columns(library)[-3:] == after
    types.gateway(types.sensor(tmp_path))
    assert set(columns(Library(tmp_path))) == {*columns(library), "model", "site", "rack"}
    assert columns(Library(tmp_path))[-3:] == after


def test_nothing_is_issued_from_a_cas_profile_or_an_unknown_one(library):
    for name in ("device-issuing-ca", "sensor", ""):
        with pytest.raises(InputError) as caught:
            library.end_entity_profile(name)
        assert caught.value.code == "request.profile"
        types_there_are = ", ".join(profile.name for profile in library.end_entity_profiles)
        assert caught.value.remedy == f"Use one of {types_there_are}."
