import shutil

import pytest

from experimental import allow_weaker
from smki_testca.shipped import shipped

CERTIFICATES = "certificates/organisation.toml"


@pytest.fixture
def override(tmp_path, library):
    """A function that copies a shipped profile file, changed, into an operator's directory."""
    directory = tmp_path / "profiles"

    def make(name, *changes):
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = (library.directories[-1] / name).read_text("utf-8")
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        path.write_text(text, "utf-8")
        return directory

    return make


def test_list_gives_hierarchies_profiles_categories_environments_and_purposes(command, library):
    outcome = command("--json", "profiles", "list")
    assert outcome.code == 0
    keys = {name: set(entries[0]) for name, entries in outcome.json.items()}
    assert keys == {
        "profiles": {"name", "title", "file"},
        "revocation_lists": {"name", "title", "file"},
        "categories": {"name", "title", "profiles", "participants", "basis"},
        "environments": {"name", "title", "family"},
        "purposes": {"code", "name", "basis"},
        "hierarchies": {"name", "title", "basis"},
    }
    assert [one["code"] for one in outcome.json["purposes"]] == [
        *("uept", "srept", "device-and-user-system-tests", "modification-testing"),
        *("internal-systems-change-testing", "section-t"),
    ]
    assert len(outcome.json["profiles"]) == len(library.profiles)
    assert [(one["name"], one["basis"]) for one in outcome.json["hierarchies"]][:4] == [
        *(("organisation", "specified"), ("device", "specified")),
        *(("dccki", "assumed"), ("iki", "assumed")),
    ]
    table = command("profiles", "list").out
    for entries in outcome.json.values():
        for one in entries:
            assert one.get("name") in table


def test_show_is_a_table_of_field_filling_rule_basis_and_source(command):
    outcome = command("profiles", "show", "device")
    assert outcome.code == 0
    title, header, *rows = outcome.out.splitlines()
    assert title.startswith("Device Certificate (p-256)")
    for column in ("Field", "How filled", "Rule", "Severity", "Basis", "Source"):
        assert column in header
    said = command("--json", "profiles", "show", "device").json
    assert len(rows) == len(said["rows"])
    for line, row in zip(rows, said["rows"], strict=True):
        assert line.startswith(row["field"])
        assert all(row[key] in line for key in ("rule", "basis", "source"))


def test_show_in_json_gives_the_rows(command, library):
    keys = {"name", "title", "hierarchy", "tier", "key_type", "file", "rows"}
    for name in library.profile_names:
        said = command("--json", "profiles", "show", name).json
        assert set(said) == (keys | {"identity"} if said["tier"] == "end-entity" else keys)
        for row in said["rows"]:
            assert set(row) == {"field", "fill", "rule", "severity", "basis", "source", "note"}


@pytest.mark.parametrize(
    ("name", "identity"),
    [
        ("organisation", "user-id"),
        ("device", "device-id"),
        ("dccki", "signifier"),
        ("iki", "role"),
    ],
)
def test_show_says_how_a_certificate_type_identifies_its_holder(command, name, identity):
    assert command("--json", "profiles", "show", name).json["identity"] == identity
    title = command("profiles", "show", name).out.splitlines()[0]
    assert f", identified by {identity}, " in title


def test_show_of_no_profile_names_those_there_are(command, one_line):
    outcome = command("profiles", "show", "baker")
    assert outcome.code == 4
    assert "organisation-root-ca" in one_line(outcome)


def test_check_names_every_file_it_read(command, library):
    outcome = command("--json", "profiles", "check")
    assert outcome.code == 0
    shipped = {str(path) for path in library.directories[-1].rglob("*.toml")}
    assert set(outcome.json["files"]) == shipped
    said = command("profiles", "check").out
    assert said == f"{len(shipped)} files hold together.\n"


def test_an_operators_file_comes_before_the_shipped_one(command, override):
    directory = override(CERTIFICATES, ("years = 10", "years = 1"))
    said = command("--profiles", directory, "--json", "profiles", "show", "organisation").json
    assert said["file"] == str(directory / CERTIFICATES)
    assert "derived not-after (1 year)" in [row["fill"] for row in said["rows"]]
    assert command("--profiles", directory, "profiles", "check").code == 0


def test_profiles_in_the_estate_need_no_option(command, quickstart, override):
    directory = override(CERTIFICATES, ("years = 10", "years = 1"))
    shutil.copytree(directory, quickstart / "profiles")
    arguments = (
        *("issue", "organisation", "--participant", "supplier-one", "--purpose", "uept"),
        *("--id", "90-B3-D5-1F-30-01-00-00", "--role", "supplier", "--usage", "key-agreement"),
    )
    outcome = command("--clock", "2030-01-01", "--estate", quickstart, "--json", *arguments)
    assert outcome.json["certificates"][0]["not_after"] == "2030-12-31T23:59:59Z"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "change", "code", "said"),
    [
        (CERTIFICATES, ('key-type = "p-256"', 'key-type = "p-521"'), "toml.shape", "key-type"),
        (CERTIFICATES, ('tier = "end-entity"', ""), "toml.shape", "tier"),
        (CERTIFICATES, ('title = "', 'titel = "'), "toml.shape", "titel"),
        (CERTIFICATES, ('source = "RFC 5280 4.1.2.1"', ""), "toml.shape", "source"),
        (CERTIFICATES, ('source = "RFC 5280 4.1.2.1"', 'source = ""'), "toml.shape", "source"),
        (CERTIFICATES, ('basis = "specified"', 'basis = "guessed"'), "toml.shape", "basis"),
        (CERTIFICATES, ('name = "organisation"', 'name = "other"'), "profile.name", "other"),
        (CERTIFICATES, ('field = "version"', 'field = "colour"'), "profile.row", "row 1 (colour)"),
        (CERTIFICATES, ('"serial-number"', '"dice"'), "profile.row", "'dice'"),
        (CERTIFICATES, ('{ input = "role" }', '{ input = "eui64" }'), "profile.row", "eui64"),
        (CERTIFICATES, ('{ constant = "v3" }', "{ constant = 3 }"), "profile.row", "row 1"),
        (
            CERTIFICATES,
            ('{ constant = "v3" }', '{ constant = "v3", input = "role" }'),
            "profile.row",
            "exactly one",
        ),
        (CERTIFICATES, ('"not-after", years = 10', '"not-after"'), "profile.row", "years"),
        (
            CERTIFICATES,
            ("role-code = true", "role-code = true, octets = 2"),
            "profile.row",
            "octets",
        ),
        (CERTIFICATES, ('"[0-9A-F]{2}"', '"[0-9A-F"'), "profile.row", "regular expression"),
        (
            CERTIFICATES,
            ('encode = "UTF8String"', 'encode = "BMPString"'),
            "profile.row",
            "BMPString",
        ),
        (
            CERTIFICATES,
            ('{ derived = "now" }', '{ derived = "public-key" }'),
            "profile.row",
            "time",
        ),
        (
            CERTIFICATES,
            ('field = "extensions.extKeyUsage"', 'field = "extensions.keyUsage"'),
            "profile.row",
            "absent",
        ),
        (
            CERTIFICATES,
            ("holds = { octets = 8 }", "holds = { octets = 20 }"),
            "profile.contradiction",
            "octets",
        ),
        (CERTIFICATES, ('name = "organisation"', "name = "), "toml.syntax", "line 4"),
        (
            "categories/device.toml",
            ('profiles = ["device"]', 'profiles = ["meter"]'),
            "profile.reference",
            "'meter'",
        ),
        ("categories/device.toml", ('"manufacturer"', '"baker"'), "toml.shape", "participants"),
        ("categories/device.toml", ('"srept"', '"baking"'), "profile.reference", "'baking'"),
        ("categories/device.toml", ('"all"', '["MARS"]'), "profile.reference", "'MARS'"),
        (
            "categories/organisation-user.toml",
            ('"supplier"', '"baker"'),
            "role.unknown",
            "'baker'",
        ),
        ("roles.toml", ('code = "ES"', 'code = "IS"'), "profile.duplicate", "IS twice"),
        ("roles.toml", ("code = 0x01", "code = 0x00"), "profile.duplicate", "00 twice"),
        ("roles.toml", ("code = 0x01", "code = 0x100"), "toml.shape", "code"),
        ("roles.toml", ('held-by = ["DCC"]', 'held-by = ["XX"]'), "profile.reference", "'XX'"),
        (
            "environments.toml",
            ('default = "ZAZ1"', 'default = "MARS"'),
            "profile.reference",
            "'MARS'",
        ),
        (
            "environments.toml",
            (
                'organisation = { default = "1.2.826.0.1.8641679.1.2.1.4"',
                'organisation = { default = "1.2.3"',
            ),
            "environment.policy",
            "1.2.3",
        ),
        (
            "environments.toml",
            ('iki = { root = "Root ICA ZAZ1 Test", issuing = "Issuing ICA ZAZ1 Test" }', ""),
            "environment.incomplete",
            "iki",
        ),
        (
            "environments.toml",
            ('family = "ZAZ1"', 'family = "MARS"'),
            "profile.reference",
            "'MARS'",
        ),
        ("environments.toml", ('"70-B3-D5-1F-3"', '"70-B3"'), "registry_entry.form", "'70-B3'"),
        ("testing-services.toml", ('"srept"', '"uept"'), "profile.duplicate", "uept twice"),
        ("kits/quickstart.toml", ('profile = "organisation"', ""), "toml.shape", "profile"),
    ],
)
def test_a_mistake_in_a_profile_is_one_line_that_names_the_file_and_the_place(
    command, override, one_line, name, change, code, said
):
    directory = override(name, change)
    outcome = command("--profiles", directory, "profiles", "check")
    assert outcome.code == 4
    line = one_line(outcome)
    assert said in line
    error = command("--profiles", directory, "--json", "profiles", "check").json["error"]
    assert set(error) == {"code", "message", "remedy"}
    assert error["code"] == code
    if code not in {"role.unknown", "registry_entry.form"}:
        assert str(directory / name) in line


@pytest.mark.parametrize("stray", ["organisation.toml", "certificates/notes.txt", "more/a.toml"])
def test_a_file_that_nothing_would_read_is_an_error(command, one_line, tmp_path, stray):
    path = tmp_path / "profiles" / stray
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    outcome = command("--profiles", tmp_path / "profiles", "profiles", "list")
    assert outcome.code == 4
    assert "would not be read" in one_line(outcome)


def test_a_broken_profile_changes_nothing_in_an_estate(
    command, quickstart, one_line, override, file_digest
):
    directory = override(CERTIFICATES, ("holds = { octets = 8 }", "holds = { octets = 20 }"))
    allow_weaker(directory)
    before = file_digest(quickstart)
    outcome = command(
        *("--estate", quickstart, "--profiles", directory, "issue", "organisation"),
        *("--participant", "supplier-one", "--purpose", "uept", "--usage", "key-agreement"),
        *("--id", "90-B3-D5-1F-30-01-00-00", "--role", "supplier"),
    )
    assert outcome.code == 4
    one_line(outcome)
    assert file_digest(quickstart) == before


# A new environment, and categories that meet

NEW_ENVIRONMENT = """
[[environment]]
name = "LAB"
title = "Our laboratory"
family = "UIT"
basis = "assumed"
source = "ours"
"""


@pytest.mark.slow
def test_a_new_environment_is_one_table(command, override, tmp_path, monkeypatch):
    monkeypatch.setenv("SMKI_TESTCA_PASSPHRASE", "a laboratory of ours")
    directory = override("environments.toml")
    with (directory / "environments.toml").open("a") as file:
        file.write(NEW_ENVIRONMENT)
    checked = command("--profiles", directory, "--json", "profiles", "check")
    assert (checked.code, checked.json["warnings"], checked.err) == (0, [], "")
    estate = ("--profiles", directory, "--estate", tmp_path / "estate")
    assert command(*estate[:2], "init", estate[3], "--environment", "LAB").code == 0
    participants = tmp_path / "participants.toml"
    shutil.copy(shipped("examples") / "participants.toml", participants)
    text = participants.read_text("utf-8")
    participants.write_text(text.replace('"ZAZ1"', '"LAB"'), "utf-8")
    assert command(*estate, "register", "import", participants).code == 0
    issued = command(
        *(*estate, "--json", "issue", "device", "--participant", "meters-one"),
        *("--purpose", "device-and-user-system-tests", "--device-id", "00-DB-12-00-00-00-00-05"),
        *("--hw-type", "1.2.826.0.1.8641679.1.2.2.1", "--usage", "digital-signature"),
        *("--environment", "LAB"),
    )
    assert issued.code == 0, issued.err
    assert issued.json["certificates"][0]["environment"] == "LAB"


def test_check_warns_of_an_environment_that_no_category_opens(command, override, library):
    directory = override("environments.toml")
    with (directory / "environments.toml").open("a") as file:
        file.write(NEW_ENVIRONMENT)
    named = '["ZAZ1", "UIT-A", "UIT-B", "SIT-A", "SIT-B"]'
    for path in sorted((library.directories[-1] / "categories").glob("*.toml")):
        if 'environments = "all"' in path.read_text("utf-8"):
            override(f"categories/{path.name}", ('"all"', named))
    checked = command("--profiles", directory, "profiles", "check")
    assert checked.code == 0
    assert checked.err == (
        "warning: No category is open in the environment LAB: nothing is issued there. Add it to"
        ' the environments of the categories, or write environments = "all" in them.\n'
    )


def test_check_warns_of_a_certificate_type_that_no_category_holds(command, override):
    directory = override("certificates/device.toml", ('name = "device"', 'name = "fridge"'))
    (directory / "certificates" / "device.toml").rename(directory / "certificates" / "fridge.toml")
    checked = command("--profiles", directory, "--json", "profiles", "check")
    assert checked.code == 0
    (warning,) = checked.json["warnings"]
    assert warning == (
        "No category holds the certificate type fridge: nobody may have it. Add it to the profiles"
        " of a category, or write a new category."
    )


def test_check_warns_of_a_category_that_takes_anothers_requests(command, override):
    directory = override(
        "categories/device.toml", ('"all"', '["ZAZ1"]'), ('["party", "manu', '["manu')
    )
    own = (directory / "categories" / "device.toml").read_text("utf-8")
    path = directory / "categories" / "device-lab.toml"
    for environments, warned in (('["ZAZ1", "UIT-A"]', True), ('["UIT-A"]', False)):
        text = own.replace('name = "device"', 'name = "device-lab"', 1)
        path.write_text(text.replace('["ZAZ1"]', environments, 1), "utf-8")
        checked = command("--profiles", directory, "profiles", "check")
        assert checked.code == 0
        assert checked.err == (
            "warning: The category device takes requests of device-lab: both hold device"
            " certificates for participants of kind manufacturer, other, dcc in ZAZ1. The gate"
            " takes the first by name.\n"
            if warned
            else ""
        )


def test_categories_of_other_roles_do_not_meet(command, override):
    """Four of those shipped hold Organisation Certificates, of other roles each."""
    directory = override(
        "categories/organisation-xml-sign.toml", ('"dSPXmlSign"', '"dSPXmlSign", "supplier"')
    )
    checked = command("--profiles", directory, "--json", "profiles", "check")
    (warning,) = checked.json["warnings"]
    assert warning.startswith(
        "The category organisation-user takes requests of organisation-xml-sign: both hold"
        " organisation certificates of role supplier for participants of kind "
    )


@pytest.mark.parametrize("stated", ['"every"', "7", '["all"]'])
def test_a_category_is_open_in_named_environments_or_in_all(command, override, stated):
    directory = override(
        "categories/device.toml", ('environments = "all"', f"environments = {stated}")
    )
    checked = command("--profiles", directory, "profiles", "check")
    assert checked.code == 4
    assert "device.toml, line 16" in checked.err
    assert checked.err.count("\n") == 1


# Differences from the shipped files


def test_diff_shows_what_a_file_changes(command, override):
    directory = override(
        CERTIFICATES,
        ('derived = "now"', 'derived = "now", backdate = 10'),
        ("max-years = 10", "max-years = 5"),
        ('title = "Organisation Certificate"', 'title = "Ours"'),
    )
    override("categories/device.toml")
    (directory / "kits").mkdir()
    shutil.copy(directory / "categories" / "device.toml", directory / "categories" / "lab.toml")
    outcome = command("--profiles", directory, "profiles", "diff")
    path = directory / CERTIFICATES
    lines = path.read_text("utf-8").splitlines()
    at = {
        part: number
        for number, line in enumerate(lines, 1)
        for part in ("backdate", "max-years", "title")
        if part in line
    }
    assert outcome.code == 0
    assert outcome.out == (
        f"certificates/organisation.toml ({path})\n"
        f'  line {at["title"]}: title: "Organisation Certificate" is now "Ours"\n'
        f"  line {at['backdate']}: row[validity.notBefore].fill.backdate: 10 is added\n"
        f"  line {at['max-years']}: row[validity.notAfter 2].holds.max-years: 10 is now 5\n"
        f"categories/device.toml ({directory / 'categories' / 'device.toml'})\n"
        "  says the same as the shipped file\n"
        f"categories/lab.toml ({directory / 'categories' / 'lab.toml'})\n"
        "  a file of your own: none shipped has that name\n"
    )


def test_diff_as_json_has_both_values(command, override, library):
    directory = override("categories/device.toml", ('"party", ', ""), ("= 100", "= 7"))
    outcome = command("--profiles", directory, "--json", "profiles", "diff", "device")
    (compared,) = outcome.json["files"]
    assert compared["file"] == "categories/device.toml"
    assert compared["shipped"] == str(library.directories[-1] / "categories" / "device.toml")
    assert compared["changes"] == [
        {
            "change": "changed",
            "key": "participants",
            "shipped": ["party", "manufacturer", "other", "dcc"],
            "override": ["manufacturer", "other", "dcc"],
            "line": 7,
        },
        {
            "change": "changed",
            "key": "quota.per-device-id",
            "shipped": 100,
            "override": 7,
            "line": 24,
        },
    ]


def test_diff_tells_of_rows_added_left_out_and_moved(command, override, library):
    shipped_text = (library.directories[-1] / CERTIFICATES).read_text("utf-8")
    head, *rows = shipped_text.split("[[row]]\n")
    row = 'field = "subject.serialNumber"\nholds = { absent = true }\nbasis = "assumed"\n'
    row += 'source = "ours"\n\n'
    directory = override(CERTIFICATES)
    moved = [rows[1], rows[0], *rows[2:-1], row]
    text = "[[row]]\n".join([head, *moved])
    (directory / CERTIFICATES).write_text(text, "utf-8")
    (compared,) = command("--profiles", directory, "--json", "profiles", "diff").json["files"]
    changes = {change["change"]: change for change in compared["changes"]}
    assert set(changes) == {"added", "removed", "order"}
    assert changes["added"]["key"] == "row[subject.serialNumber]"
    assert changes["added"]["line"] is not None
    assert (changes["removed"]["override"], changes["removed"]["line"]) == (None, None)
    assert changes["order"]["override"][:2] == changes["order"]["shipped"][1::-1]


def test_diff_needs_profiles_of_ones_own(command, override):
    outcome = command("profiles", "diff")
    assert (outcome.code, outcome.out) == (2, "")
    directory = override("categories/device.toml")
    outcome = command("--profiles", directory, "profiles", "diff", "organisation")
    assert outcome.code == 4
    assert "no file 'organisation'" in outcome.err
    assert command("--profiles", directory.parent / "empty", "profiles", "diff").code == 4
    (directory.parent / "empty").mkdir()
    outcome = command("--profiles", directory.parent / "empty", "profiles", "diff")
    assert (outcome.code, outcome.out) == (0, "Your directories have no file that is read.\n")


@pytest.mark.parametrize("minutes", [0, 525_601])
def test_not_before_is_set_back_by_a_minute_to_a_year(command, override, minutes):
    directory = override(
        CERTIFICATES, ('derived = "now"', f'derived = "now", backdate = {minutes}')
    )
    checked = command("--profiles", directory, "profiles", "check")
    assert checked.code == 4
    assert "backdate" in checked.err
