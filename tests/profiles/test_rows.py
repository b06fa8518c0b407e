from __future__ import annotations

import re

import pytest

from located import without_line
from smki_testca.authority.trial import compile_all
from smki_testca.errors import ExitCode, InputError
from smki_testca.profiles import Library
from smki_testca.profiles.model import Constant, Derived, Input, Severity
from smki_testca.roles import Basis
from smki_testca.shipped import shipped
from smki_testca.x509.fields import FIELDS

CERTIFICATES = shipped("profiles") / "certificates"
HEAD = """
name = "organisation"
title = "A profile of a test"
hierarchy = "organisation"
tier = "end-entity"
key-type = "p-256"
"""
ROW = '\n[[row]]\nbasis = "assumed"\nsource = "a test"\n'


def row_of(name, field):
    """The first row of a shipped profile for a field, and its number."""
    tables = (CERTIFICATES / f"{name}.toml").read_text(encoding="utf-8").split("\n[[row]]\n")
    number = next(n for n, table in enumerate(tables) if f'field = "{field}"' in table)
    return number, tables


def changed(directory, name, field, old, new):
    """A shipped profile with one row changed: its path and the row's number."""
    number, tables = row_of(name, field)
    assert old in tables[number]
    tables[number] = tables[number].replace(old, new, 1)
    return write(directory, name, "\n[[row]]\n".join(tables)), number


def extended(directory, name, *rows):
    """A shipped profile with rows added at its end: its path and the last row's number."""
    text = (CERTIFICATES / f"{name}.toml").read_text(encoding="utf-8")
    text += "".join(ROW + row + "\n" for row in rows)
    return write(directory, name, text), text.count("\n[[row]]\n")


def write(directory, name, text):
    path = directory / "certificates" / f"{name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def refused(directory, code="profile.row"):
    library = Library(directory)
    with pytest.raises(InputError) as caught:
        compile_all(library)
    error = caught.value
    assert error.exit_code is ExitCode.INPUT
    assert error.code == code
    assert len(error.lines()) == 1
    assert error.lines()[0].isprintable()
    return error


# Rows as they are shipped


def test_every_shipped_profile_compiles_bare_and_with_all_its_options(library):
    templates = compile_all(library)
    compiled = {template.setting.profile.name for template in templates}
    assert compiled == set(library.profile_names)
    assert len(templates) > len(compiled)


def test_a_breach_is_as_grave_as_its_basis_unless_its_row_says_otherwise(tmp_path):
    field = 'field = "subject.title"\nholds = { max-characters = 5 }'
    tables = "".join(
        f'\n[[row]]\n{field}\nbasis = "{basis}"\nsource = "a test"\n' for basis in Basis
    )
    tables += f'\n[[row]]\n{field}\nbasis = "assumed"\nseverity = "error"\nsource = "a test"\n'
    text = (CERTIFICATES / "organisation.toml").read_text(encoding="utf-8")
    write(tmp_path, "organisation", text + tables)
    rows = Library(tmp_path).profile("organisation").rows[-4:]
    assert [row.severity for row in rows] == [
        Severity.ERROR,
        Severity.WARNING,
        Severity.NOTICE,
        Severity.ERROR,
    ]


def test_rows_keep_their_numbers_and_say_what_they_do(library):
    profile = library.profile("organisation")
    assert [row.number for row in profile.rows] == list(range(1, len(profile.rows) + 1))
    by_path = {row.field.path: row for row in profile.filling_rows}
    assert by_path["version"].fill == Constant("v3")
    assert by_path["subject.commonName"].fill == Input("common-name", optional=True)
    assert by_path["validity.notAfter"].fill == Derived("not-after", 10)
    assert str(by_path["validity.notAfter"].fill) == "derived not-after (10 years)"
    assert by_path["extensions.keyUsage"].rule.startswith("critical; exactly one of")
    assert profile.inputs == {"common-name", "role", "eui64", "usage"}


def test_each_field_is_filled_once_and_each_row_speaks_of_a_known_field(library):
    for profile in library.profiles:
        filled = [row.field.path for row in profile.filling_rows]
        assert len(set(filled)) == len(filled)
        assert {row.field.path for row in profile.rows} <= set(FIELDS)


def test_the_rows_fill_each_kind_of_certificate_in_its_own_order(library):
    def order(name, prefix):
        paths = [row.field.path for row in library.profile(name).filling_rows]
        found = [path.split(".")[1] for path in paths if path.startswith(prefix)]
        return list(dict.fromkeys(found))

    ca = ["keyUsage", "basicConstraints", "certificatePolicies", "subjectKeyIdentifier"]
    aki = "authorityKeyIdentifier"
    assert order("organisation-root-ca", "extensions.") == ca
    assert order("organisation-issuing-ca", "extensions.") == [*ca, aki]
    assert order("device-issuing-ca", "extensions.") == [*ca, aki]
    assert order("organisation", "extensions.") == [
        "keyUsage",
        "subjectKeyIdentifier",
        "certificatePolicies",
        aki,
    ]
    assert order("device", "extensions.") == [
        "keyUsage",
        "subjectKeyIdentifier",
        "subjectAltName",
        "certificatePolicies",
        aki,
    ]
    names = ["commonName", "organizationalUnitName", "x500UniqueIdentifier"]
    assert order("organisation", "subject.") == names
    assert order("device", "subject.") == []
    assert order("device-issuing-ca", "subject.") == ["commonName"]
    assert set(order("dccki", "subject.")) == {
        "organizationName",
        "organizationalUnitName",
        "commonName",
    }
    assert order("iki", "subject.") == [
        "organizationName",
        "organizationalUnitName",
        "commonName",
    ]


# Keys and types


SHAPES = [
    ("basis =", "bases =", r"row\[3\].*bases"),
    ('basis = "specified"', "", r"no key 'basis'"),
    ('basis = "specified"', 'basis = "rumoured"', r"row\[3\]\.basis"),
    ("source =", "sauce =", r"row\[3\].*sauce"),
    ('"RFC 5758 3.2; GBCS v0.8.1 s.12"', '""', r"row\[3\]\.source"),
    ("fill =", "fills =", r"row\[3\].*fills"),
    ("fill = { derived", "fill = { computed", r"row\[3\]\.fill.*computed"),
    ("holds = { equals", "holds = { equal", r"row\[3\]\.holds.*equal"),
    ("basis =", 'severity = "fatal"\nbasis =', r"row\[3\]\.severity"),
    ("basis =", 'critical = "yes"\nbasis =', r"row\[3\]\.critical"),
    ("basis =", "encode = 12\nbasis =", r"row\[3\]\.encode"),
    ("fill = { derived", "fill = { years = 0, derived", r"row\[3\]\.fill\.years"),
    ("holds = { equals", "holds = { max-octets = -1, equals", r"row\[3\]\.holds\.max-octets"),
    ("holds = { equals", "holds = { max_octets = 1, equals", r"row\[3\]\.holds.*max_octets"),
    ('field = "signature"', "", r"row\[3\].*field"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("old", "new", "key"), SHAPES)
def test_a_key_that_does_not_fit_is_an_error_that_names_its_row(tmp_path, old, new, key):
    path, _ = changed(tmp_path, "organisation", "signature", old, new)
    error = refused(tmp_path, "toml.shape")
    assert str(path) in error.message
    assert re.search(key, error.message), error.message


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('tier = "end-entity"', 'tier = "leaf"', "tier"),
        ('key-type = "p-256"', 'key-type = "p-384"', "key-type"),
        ('key-type = "p-256"', 'key_type = "p-256"', "key_type"),
        ('title = "Organisation Certificate"', "", "title"),
        ('tier = "end-entity"', 'tier = "end-entity"\nversion = 1', "version"),
    ],
)
def test_a_wrong_key_at_the_head_is_an_error_that_names_it(tmp_path, old, new, key):
    text = (CERTIFICATES / "organisation.toml").read_text(encoding="utf-8")
    assert old in text
    path = write(tmp_path, "organisation", text.replace(old, new, 1))
    error = refused(tmp_path, "toml.shape")
    assert str(path) in error.message
    assert key in error.message


def test_a_profile_of_an_unknown_hierarchy_is_an_error_that_lists_those_there_are(
    library, tmp_path
):
    text = (CERTIFICATES / "organisation.toml").read_text(encoding="utf-8")
    wrong = text.replace('hierarchy = "organisation"', 'hierarchy = "gas"', 1)
    path = write(tmp_path, "organisation", wrong)
    error = refused(tmp_path, "profile.reference")
    assert without_line(error.message) == f"{path}, hierarchy: unknown hierarchy 'gas'."
    assert error.remedy == f"Use one of {', '.join(library.hierarchies)}."


def test_a_profile_without_rows_is_an_error(tmp_path):
    path = write(tmp_path, "organisation", HEAD)
    assert str(path) in refused(tmp_path, "toml.shape").message
    write(tmp_path, "organisation", HEAD + "row = []\n")
    assert "no row fills version" in refused(tmp_path).message


# One row


ONE_ROW = [
    ('field = "subject.nickname"\nfill = { constant = "x" }', "no field 'subject.nickname'"),
    ('field = "Version"\nfill = { constant = "v3" }', "no field 'Version'"),
    ('field = "subject.title"', "neither fills nor checks the field"),
    ('field = "subject.title"\nholds = {}', "neither fills nor checks the field"),
    ('field = "subject.title"\nencode = "BMPString"', "UTF8String or PrintableString"),
    ('field = "subject.countryName"\nencode = "UTF8String"', "as PrintableString, not UTF8String"),
    ('field = "serialNumber"\nencode = "UTF8String"', "as INTEGER, not UTF8String"),
    ('field = "subject.title"\ncritical = true', "only an extension has a criticality"),
    ('field = "extensions"\ncritical = true', "only an extension has a criticality"),
    (
        'field = "extensions.certificatePolicies.policyIdentifier"\ncritical = true',
        "only an extension has a criticality",
    ),
    ('field = "extensions.nameConstraints"\ncritical = true', "no row fills"),
    ('field = "subject.title"\nfill = {}', "exactly one of constant, input and derived"),
    (
        'field = "subject.title"\nfill = { constant = "a", input = "role" }',
        "exactly one of constant, input and derived",
    ),
    (
        'field = "subject.title"\nfill = { derived = "signifier", input = "role" }',
        "exactly one of constant, input and derived",
    ),
    ('field = "subject.title"\nfill = { constant = "a", optional = true }', "only an input"),
    (
        'field = "subject.title"\nfill = { derived = "signifier", optional = true }',
        "only an input is optional",
    ),
    ('field = "subject.title"\nfill = { derived = "signifier", years = 2 }', "years is only for"),
    (
        'field = "validity.notBefore"\nfill = { derived = "midnight", backdate = 2 }',
        "backdate is only for",
    ),
    (
        'field = "validity.notAfter"\nfill = { derived = "now", backdate = 2 }',
        "backdate is only for",
    ),
    ('field = "subject.title"\nfill = { input = "nickname" }', "nothing is called 'nickname'"),
    ('field = "subject.title"\nfill = { input = "" }', "nothing is called ''"),
    ('field = "subject.title"\nfill = { derived = "" }', "nothing is called ''"),
    ('field = "subject.title"\nfill = { input = "signifier" }', "nothing is called 'signifier'"),
    ('field = "subject.title"\nfill = { derived = "role" }', "nothing is called 'role'"),
    ('field = "subject.title"\nfill = { input = "eui64" }', "eui64 cannot fill it"),
    ('field = "subject.title"\nfill = { derived = "now" }', "now cannot fill it"),
    (
        'field = "subject.title"\nholds = { optional = true }',
        "only an extension and its parts are optional",
    ),
    (
        'field = "extensions.issuerAltName"\nholds = { optional = true, absent = true }',
        "is not optional",
    ),
    (
        'field = "extensions.keyUsage"\nfill = { input = "usage" }\nholds = { optional = true }',
        "a field that is filled",
    ),
    ('field = "subject.title"\nholds = { identifies = true }', "identifies says nothing"),
    (
        'field = "subject.title"\nfill = { constant = "a" }\nholds = { absent = true }',
        "must be absent cannot be filled",
    ),
    ('field = "subject.title"\nfill = { constant = 5 }', "'5' is not a value"),
    ('field = "subject.title"\nfill = { constant = ["a"] }', "is not a value"),
    ('field = "subject.title"\nfill = { constant = { a = 1 } }', "is not a value"),
    ('field = "subject.title"\nfill = { constant = 2026-01-01 }', "is not a value"),
    ('field = "subject.title"\nholds = { octets = 8 }', "octets says nothing of"),
    ('field = "subject.title"\nholds = { max-octets = 8 }', "max-octets says nothing of"),
    ('field = "subject.title"\nholds = { positive = true }', "positive says nothing of"),
    ('field = "subject.title"\nholds = { no-unused-bits = true }', "no-unused-bits says nothing"),
    ('field = "subject.title"\nholds = { in-row-order = true }', "in-row-order says nothing of"),
    ('field = "subject.title"\nholds = { max-years = 3 }', "max-years says nothing of"),
    ('field = "subject.title"\nholds = { exactly-one-of = ["x"] }', "exactly-one-of says nothing"),
    ('field = "serialNumber"\nholds = { max-characters = 3 }', "max-characters says nothing of"),
    ('field = "serialNumber"\nholds = { matches = "1" }', "matches says nothing of"),
    ('field = "serialNumber"\nholds = { one-of = ["1"] }', "one-of says nothing of"),
    ('field = "serialNumber"\nholds = { role-code = true }', "role-code says nothing of"),
    ('field = "serialNumber"\nholds = { last = true }', "only a subject attribute is last"),
    ('field = "subject"\nholds = { last = true }', "only a subject attribute is last"),
    ('field = "validity.notBefore"\nholds = { max-years = 3 }', "is only for validity.notAfter"),
    ('field = "subject.title"\nholds = { matches = "[A-" }', "'[A-' is not a regular expression"),
    ('field = "subject.title"\nholds = { matches = "a{99999999999}" }', "not a regular expression"),
    ('field = "subject.title"\nholds = { equals = 4 }', "'4' is not a value"),
    (
        'field = "extensions.keyUsage"\nholds = { equals = ["signing"] }',
        "is not a value for it: the field holds key usages",
    ),
    ('field = "extensions.keyUsage"\nholds = { equals = [["a"]] }', "is not a value"),
    ('field = "extensions.keyUsage"\nholds = { equals = [] }', "is not a value"),
    ('field = "extensions.extKeyUsage"\nholds = { equals = [] }', "is not a value"),
    ('field = "extensions.extKeyUsage"\nholds = { equals = [["a"]] }', "is no"),
    (
        'field = "extensions.extKeyUsage"\nholds = { equals = ["clientAuthentication"] }',
        "'clientAuthentication' is not an OBJECT IDENTIFIER",
    ),
    (
        'field = "extensions.keyUsage"\nholds = { exactly-one-of = ["digitalSigning"] }',
        "'digitalSigning'",
    ),
    (
        'field = "extensions.extKeyUsage"\nholds = { exactly-one-of = ["clientAuthentication"] }',
        "'clientAuthentication'",
    ),
    ('field = "version"\nholds = { equals = "v4" }', "'v4' is not a value"),
    ('field = "version"\nholds = { equals = 3 }', "'3' is not a value"),
    ('field = "signature"\nholds = { equals = "ecdsa" }', "'ecdsa' is not a value"),
    ('field = "validity.notAfter"\nholds = { equals = "soon" }', "'soon' is not a UTC time"),
    (
        'field = "validity.notAfter"\nholds = { equals = "2030-01-01T00:00:00+01:00" }',
        "is not a UTC time",
    ),
    (
        'field = "validity.notAfter"\nholds = { equals = 2030-01-01T00:00:00+01:00 }',
        "is not a UTC time",
    ),
    ('field = "extensions.subjectKeyIdentifier"\nholds = { equals = "0g" }', "is not a value"),
    ('field = "extensions.subjectKeyIdentifier"\nholds = { equals = "012" }', "is not a value"),
    (
        'field = "extensions.certificatePolicies.policyIdentifier"\nholds = { equals = "1.2.x" }',
        "'1.2.x' is not an OBJECT IDENTIFIER",
    ),
    (
        'field = "extensions.basicConstraints.pathLenConstraint"\nholds = { equals = true }',
        "is not a value",
    ),
    (
        'field = "extensions.basicConstraints.pathLenConstraint"\nholds = { equals = -1 }',
        "is not a value",
    ),
    ('field = "extensions.basicConstraints.cA"\nholds = { equals = 1 }', "is not a value"),
    ('field = "extensions.nameConstraints"\nfill = { constant = "3000" }', "is not a value"),
    ('field = "subjectUniqueID"\nfill = { constant = "00" }', "is not a value"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("row", "message"), ONE_ROW)
def test_a_row_that_cannot_be_is_an_error_that_names_it(tmp_path, row, message):
    path, number = extended(tmp_path, "organisation", row)
    error = refused(tmp_path)
    field = row.split('"')[1]
    stated = re.match(r"(.*), line (\d+), row (\d+) \((.*?)\)(?:, ([a-z.-]+))?: ", error.message)
    assert stated is not None, error.message
    assert stated.group(1, 3, 4) == (str(path), str(number), field)
    line = path.read_text("utf-8").split("\n")[int(stated[2]) - 1]
    key = "[[row]]" if stated[5] is None else stated[5].rpartition(".")[2]
    assert key in line
    assert message in error.message


@pytest.mark.parametrize(
    ("row", "known"),
    [
        ('field = "subject.title"\nfill = { input = "nickname" }', "hw-type"),
        ('field = "subject.title"\nfill = { derived = "nickname" }', "not-after"),
    ],
)
def test_an_unknown_name_is_answered_with_the_known_ones(tmp_path, row, known):
    extended(tmp_path, "organisation", row)
    assert known in refused(tmp_path).remedy


@pytest.mark.slow
@pytest.mark.parametrize(
    "row",
    [
        'field = "validity.notAfter"\nholds = { equals = 9999-12-31T23:59:59Z }',
        'field = "validity.notAfter"\nholds = { equals = "9999-12-31T23:59:59Z" }',
        'field = "validity.notAfter"\nholds = { equals = 9999-12-31T23:59:59 }',
    ],
)
def test_a_time_may_be_written_as_toml_or_as_text(tmp_path, row):
    extended(tmp_path, "device", row)
    assert compile_all(Library(tmp_path))


# Rows against each other


def test_two_rows_that_fill_one_field_are_an_error(tmp_path):
    path, number = extended(
        tmp_path, "organisation", 'field = "version"\nfill = { constant = "v3" }'
    )
    error = refused(tmp_path)
    assert without_line(error.message) == (
        f"{path}, row {number} (version), fill: row 1 fills it already."
    )


def test_two_string_types_for_one_field_are_an_error(tmp_path):
    field = "subject.organizationalUnitName"
    path, number = extended(
        tmp_path, "organisation", f'field = "{field}"\nencode = "PrintableString"'
    )
    error = refused(tmp_path)
    assert without_line(error.message).startswith(f"{path}, row {number} ({field}), encode: ")
    assert error.message.endswith("encodes it as UTF8String.")


@pytest.mark.parametrize(
    "field", ["subject.commonName", "extensions.keyUsage", "extensions.authorityKeyIdentifier"]
)
def test_a_field_that_is_filled_and_must_be_absent_is_an_error(tmp_path, field):
    path, number = extended(
        tmp_path, "organisation", f'field = "{field}"\nholds = {{ absent = true }}'
    )
    error = refused(tmp_path)
    said = f"{path}, row {number} ({field}): it must be absent, yet row"
    assert without_line(error.message).startswith(said)


@pytest.mark.slow
@pytest.mark.parametrize(
    "field",
    [
        "version",
        "serialNumber",
        "signature",
        "issuer",
        "validity.notBefore",
        "validity.notAfter",
        "subjectPublicKeyInfo",
    ],
)
def test_a_field_that_every_certificate_has_must_be_filled(tmp_path, field):
    number, tables = row_of("organisation", field)
    del tables[number]
    path = write(tmp_path, "organisation", "\n[[row]]\n".join(tables))
    error = refused(tmp_path)
    assert str(path) in error.message
    assert f"no row fills {field}" in error.message


@pytest.mark.parametrize("half", ["hwType", "hwSerialNum"])
def test_half_a_hardware_module_name_is_an_error(tmp_path, half):
    number, tables = row_of("device", f"extensions.subjectAltName.hardwareModuleName.{half}")
    del tables[number]
    path = write(tmp_path, "device", "\n[[row]]\n".join(tables))
    error = refused(tmp_path)
    assert str(path) in error.message
    assert "takes both hwType and hwSerialNum" in error.message


def test_the_tier_and_basic_constraints_go_together(tmp_path):
    path, _ = extended(
        tmp_path,
        "iki",
        'field = "extensions.basicConstraints.cA"\nfill = { constant = true }',
    )
    error = refused(tmp_path)
    assert str(path) in error.message
    assert "tier end-entity and basicConstraints" in error.message


def test_a_ca_must_say_that_it_is_one(tmp_path):
    changed(
        tmp_path,
        "iki-issuing-ca",
        "extensions.basicConstraints.cA",
        "constant = true",
        "constant = false",
    )
    assert "tier issuing and basicConstraints" in refused(tmp_path).message


def test_a_path_length_without_ca_is_an_error(tmp_path):
    path, number = extended(
        tmp_path,
        "iki",
        'field = "extensions.basicConstraints.pathLenConstraint"\nfill = { constant = 0 }',
    )
    error = refused(tmp_path)
    assert f"{path}, row {number}" in without_line(error.message)
    assert "basicConstraints.cA" in error.message


def test_an_end_that_is_worked_out_comes_after_its_start(tmp_path):
    start, tables = row_of("organisation", "validity.notBefore")
    tables[start], tables[start + 1] = tables[start + 1], tables[start]
    path = write(tmp_path, "organisation", "\n[[row]]\n".join(tables))
    error = refused(tmp_path)
    assert f"{path}, row {start} (validity.notAfter)" in without_line(error.message)
    assert "validity.notBefore" in error.message


# Contradictions found when a profile is compiled


CONTRADICTIONS = [
    ("organisation", 'field = "version"\nholds = { equals = "v1" }', "version is v3, not v1"),
    ("organisation", 'field = "serialNumber"\nholds = { octets = 20 }', "has 16 octets, not 20"),
    (
        "organisation",
        'field = "validity.notAfter"\nholds = { max-years = 5 }',
        "more than 5 years after notBefore",
    ),
    (
        "organisation",
        'field = "extensions.subjectKeyIdentifier"\nholds = { octets = 20 }',
        "has 8 octets, not 20",
    ),
    (
        "organisation",
        'field = "extensions.subjectKeyIdentifier"\ncritical = true\n',
        "must not be critical",
    ),
    (
        "organisation-issuing-ca",
        'field = "subject.commonName"\nholds = { max-characters = 1 }',
        "has 2 characters",
    ),
    (
        "organisation-issuing-ca",
        'field = "extensions.keyUsage"\nholds = { equals = ["digitalSignature"] }',
        "keyUsage is keyCertSign, cRLSign, not digitalSignature",
    ),
    (
        "organisation-issuing-ca",
        'field = "subject.organizationalUnitName"\nholds = { last = true }',
        "must be the last attribute",
    ),
    (
        "organisation-issuing-ca",
        'field = "subject.organizationalUnitName"\nholds = { matches = "[A-F]+" }',
        "'07', which does not match",
    ),
    (
        "dccki",
        'field = "extensions.extKeyUsage"\nholds = { exactly-one-of = ["clientAuth"] }',
        "where exactly clientAuth is right",
    ),
    (
        "organisation",
        'field = "subject.title"\nencode = "PrintableString"\nfill = { constant = "a*b" }',
        "'*'",
    ),
    (
        "organisation",
        'field = "subject.domainComponent"\nfill = { constant = "é" }',
        "'é'",
    ),
    (
        "organisation",
        'field = "subject.title"\nfill = { constant = "a\\u0007" }',
        "holds only characters",
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "row", "message"), CONTRADICTIONS)
def test_rows_that_contradict_each_other_are_found_when_compiled(tmp_path, name, row, message):
    path, _ = extended(tmp_path, name, row)
    error = refused(tmp_path, "profile.contradiction")
    assert error.message.startswith(f"{path} contradicts itself: i")
    assert message in error.message


def test_a_profile_whose_sample_cannot_be_written_is_an_error(tmp_path):
    path, _ = changed(
        tmp_path,
        "organisation",
        "subjectPublicKeyInfo",
        '{ derived = "public-key" }',
        '{ constant = "ecdsa-with-SHA256" }',
    )
    error = refused(tmp_path, "profile.contradiction")
    assert error.message.startswith(f"{path} contradicts itself: ")


@pytest.mark.parametrize("issuer", ["iki-issuing-ca", "dccki-issuing-ca"])
def test_a_signature_algorithm_that_the_issuer_cannot_make_is_a_contradiction(tmp_path, issuer):
    name = issuer.removesuffix("-issuing-ca")
    path, _ = changed(
        tmp_path,
        name,
        "signature",
        'fill = { derived = "issuer-key-algorithm" }',
        'fill = { derived = "issuer-key-algorithm" }\nholds = { equals = "ecdsa-with-SHA256" }',
    )
    error = refused(tmp_path, "profile.contradiction")
    assert str(path) in error.message
    assert "sha256WithRSAEncryption" in error.message
