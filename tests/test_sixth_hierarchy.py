"""Certificate types with unusual inputs, in a hierarchy of TOML files alone, are served in full.

The types of ``tests/test_another_type.py`` have a common name or a Device ID as the first ones do.
These have not: the role is in the title, names come from inputs of their own, and a Device's hwType
does, too.
"""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from smki_testca.api import Estate
from smki_testca.authority.csr_builder import make_csr
from smki_testca.authority.csr_comparison import compare_with_csr
from smki_testca.issuance.batch.spreadsheet_damage import damage
from smki_testca.testing import PluginOptions, Workshop

ROOT = Path(__file__).parent.parent
ANOTHER_PKI = ROOT / "examples" / "another-pki" / "profiles"
SOURCE = 'basis = "assumed"\nsource = "made up"\n'
PURPOSE = "uept"


def _row(field, **keys):
    return f'[[row]]\nfield = "{field}"\n' + "".join(
        f"{key} = {value}\n" for key, value in {**keys, "basis": '"assumed"'}.items()
    ) + 'source = "made up"\n\n'  # fmt: skip


def _blocks():
    text = (ANOTHER_PKI / "certificates" / "s1spki-device.toml").read_text("utf-8")
    return [f"[[row]]{block}" for block in text.split("[[row]]")[1:]]


def _type(name, identity, inputs, subject, *, names="", takes_usage=False):
    """A certificate type with the rows of S1SPKI's, but for its subject and names."""
    head = f'name = "{name}"\ntitle = "{name.title()} Certificate"\nhierarchy = "field-pki"\n'
    head += f'tier = "end-entity"\nkey-type = "p-256"\nidentity = "{identity}"\n\n{inputs}\n'
    blocks = [block for block in _blocks() if 'field = "subject.' not in block]
    place = next(index for index, block in enumerate(blocks) if '"subjectPublicKeyInfo"' in block)
    usage = _row("extensions.keyUsage", fill='{ input = "usage" }', critical="true")
    if takes_usage:
        blocks = [usage if '"extensions.keyUsage"' in block else block for block in blocks]
    rows = "".join([*blocks[:place], *subject, *blocks[place:]]).rstrip()
    return f"{head}{rows}\n\n{names}"


def _input(name, kind="text"):
    return f'[inputs.{name}]\ntype = "{kind}"\nhelp = "The {name}."\n\n'


_SAN = "extensions.subjectAltName"
_MODULE = f"{_SAN}.hardwareModuleName"
TYPES = {
    "engineer": _type(
        "engineer",
        "role",
        _input("badge") + _input("depot"),
        [
            _row("subject.organizationName", fill='{ derived = "participant-name" }'),
            _row("subject.organizationalUnitName", fill='{ input = "depot", optional = true }'),
            _row("subject.userId", fill='{ input = "badge" }'),
            _row("subject.title", fill='{ input = "role" }', holds="{ role-code = true }"),
        ],
        names=_row(f"{_SAN}.dNSName", fill='{ input = "dns", optional = true }'),
    ),
    "sensor": _type(
        "sensor",
        "device-id",
        _input("model", "oid"),
        [],
        names=_row(f"{_MODULE}.hwType", fill='{ input = "model" }')
        + _row(f"{_MODULE}.hwSerialNum", fill='{ input = "device-id" }'),
        takes_usage=True,
    ),
}
CATEGORY = f"""
name = "field"
title = "Field"
profiles = ["engineer", "sensor"]
participants = ["party"]
testing-services = ["{PURPOSE}", "device-and-user-system-tests"]
environments = "all"
obligations = []
remote-delivery = true
{SOURCE}"""
HIERARCHY = f"""
[[hierarchy]]
name = "field-pki"
title = "Field PKI"
tiers = {{ root = "field-pki-root-ca", issuing = "field-pki-issuing-ca" }}
revocation-lists = []
end-entity = "engineer"
{SOURCE}"""
PARTY = """
[[participant]]
id = "field-one"
name = "Field One"
kind = "party"
signifier = "TPTY-FIELD-ONE"
ranges = [{ registry-entry = "90-B3-D5-1F-3", organisation-number = "0F1" }]
ids = [{ eui64 = "90-B3-D5-1F-30-F1-00-00", user-roles = ["Import Supplier"] }]
registry-entries = ["00-DB-14", "00-DB-15"]

[[agreement]]
reference = "FIELD-1"
participant = "field-one"
kind = "sec-accession"
from = 2020-01-01
purposes = ["uept", "device-and-user-system-tests"]
categories = ["field", "s1spki-device"]
environments = ["ZAZ1"]
obligations = ["security-requirements-of-the-etad"]
remote-delivery = false
"""
KIT = """
name = "engineers"
title = "Engineers"
environments = ["ZAZ1"]

[[request]]
profile = "engineer"
participant = "field-one"
purpose = "uept"
label = "first"
role = "supplier"
badge = "A-1"
"""
ENGINEER = {"badge": "A-1", "role": "supplier"}


@pytest.fixture(scope="module")
def profiles(tmp_path_factory):
    """The profiles of the sixth hierarchy, beside those of the fifth."""
    directory = tmp_path_factory.mktemp("sixth") / "profiles"
    shutil.copytree(ANOTHER_PKI, directory)
    certificates = directory / "certificates"
    for kind in ("root-ca", "issuing-ca"):
        text = (certificates / f"s1spki-{kind}.toml").read_text("utf-8")
        (certificates / f"field-pki-{kind}.toml").write_text(text.replace("s1spki", "field-pki"))
    for name, text in TYPES.items():
        (certificates / f"{name}.toml").write_text(text)
    (directory / "categories" / "field.toml").write_text(CATEGORY)
    (directory / "kits" / "engineers.toml").write_text(KIT)
    with (directory / "hierarchies.toml").open("a") as file:
        file.write(HIERARCHY)
    environments = directory / "environments.toml"
    lines = []
    for line in environments.read_text("utf-8").splitlines():
        lines.append(line)
        if line.startswith("s1spki = "):
            lines.append(line.replace("S1SPKI", "Field").replace("s1spki", "field-pki"))
    environments.write_text("\n".join(lines))
    return directory


@pytest.fixture(scope="module")
def original(profiles, newcomer_original, tmp_path_factory):
    directory = tmp_path_factory.mktemp("sixth-estate") / "estate"
    shutil.copytree(newcomer_original, directory)
    with Estate.open(directory, "phrase", profiles=profiles) as estate:
        estate.add_environment("ZAZ1")
        estate.register.import_file(PARTY.encode(), "-")
    return directory


@pytest.fixture
def directory(original, tmp_path):
    shutil.copytree(original, tmp_path / "estate")
    return tmp_path / "estate"


@pytest.fixture
def run(command, profiles, directory):
    def run(*words, code=0):
        outcome = command("--profiles", profiles, "--estate", directory, *words)
        assert outcome.code == code, outcome.out + outcome.err
        return outcome

    return run


def _csr(profiles, profile, usage=None, **inputs):
    participant_name = "Field One" if profile == "engineer" else None
    made = make_csr(profile, usage, participant_name=participant_name, profiles=profiles, **inputs)
    return made.pem.encode() if isinstance(made.pem, str) else made.pem


def test_the_profiles_hold_together(command, profiles):
    assert "files hold together" in command("--profiles", profiles, "profiles", "check").out


def test_a_role_is_named_in_the_field_that_holds_one(run, profiles, tmp_path):
    path = tmp_path / "engineer.csr"
    path.write_bytes(_csr(profiles, "engineer", depot="02", **ENGINEER))
    table = run("show", path).out
    assert "02 (supplier)" in table
    # The depot has the digits of a role, and is none.
    (unit,) = [line for line in table.splitlines() if "subject.organizationalUnitName" in line]
    assert "supplier" not in unit


def test_compare_looks_at_everything_that_the_csr_states(profiles, directory):
    stated = _csr(profiles, "engineer", dns="a.test,b.test", depot="North", **ENGINEER)
    with Estate.open(directory, "phrase", profiles=profiles) as estate:
        record, _ = estate.sign(stated, "field-one", PURPOSE, profile="engineer")
    assert compare_with_csr(stated, record.der) == []
    for changed, noun in (
        ({"badge": "A-2"}, "userId"),
        ({"role": "transitionalCoS"}, "title"),
        ({"depot": "South"}, "organisational unit"),
        ({"dns": "a.test,c.test"}, "dNSName"),
    ):
        inputs = {"dns": "a.test,b.test", "depot": "North", **ENGINEER, **changed}
        told = compare_with_csr(_csr(profiles, "engineer", **inputs), record.der)
        assert told == ["the public key differs", f"the {noun} differs"]
    # The order of names says nothing.
    inputs = {"dns": "b.test,a.test", "depot": "North", **ENGINEER}
    assert compare_with_csr(_csr(profiles, "engineer", **inputs), record.der) == [
        "the public key differs"
    ]


def test_the_plan_of_a_kit_names_its_certificates_by_their_own_inputs(run):
    table = run("kit", "apply", "engineers", "--dry-run").out
    (row,) = [line for line in table.splitlines() if " first " in line]
    assert "A-1" in row
    told = json.loads(run("--json", "kit", "apply", "engineers", "--dry-run").out)
    assert [each["name"] for each in told["additions"]] == ["A-1"]


def test_a_run_of_devices_leaves_with_its_own_hwtype(run, tmp_path):
    words = ["--participant", "field-one", "--purpose", PURPOSE, "--model", "1.2.3.4"]
    run(
        *("batch", "issue", "--profile", "sensor", *words),
        "--first-id",
        "00-DB-15" + "-00" * 5,
        "--count",
        "2",
    )
    run("batch", "export", "1", "--format", "device-csv", "--out", tmp_path / "devices.csv")
    with (tmp_path / "devices.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["hw_type"] for row in rows] == ["1.2.3.4"] * 2
    assert all(row["ds_serial"] and row["ka_serial"] for row in rows)


def test_devices_whose_type_fixes_the_usage_leave_in_the_forms_of_devices(run, tmp_path):
    words = ["--participant", "field-one", "--purpose", "device-and-user-system-tests"]
    words += ["--installation", "EDGE-7", "--first-id", "00-DB-14-00-00-00-00-00", "--count", "2"]
    run("batch", "issue", "--profile", "s1spki-device", *words)
    manifest = tmp_path / "rows.csv"
    manifest.write_text(
        "profile,participant,purpose,device-id,installation\n"
        "s1spki-device,field-one,device-and-user-system-tests,00-DB-14-00-00-00-00-09,EDGE-7\n"
    )
    run("batch", "issue", manifest)
    for number, count in (("1", 2), ("2", 1)):
        path = tmp_path / f"devices-{number}.csv"
        run("batch", "export", number, "--format", "device-csv", "--out", path)
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == count
        assert all(row["ds_serial"] and not row["ka_serial"] for row in rows)
        assert {row["hw_type"] for row in rows} == {""}


def test_a_range_of_a_type_without_device_id_is_told_first(run):
    outcome = run("batch", "issue", "--profile", "engineer", "--count", "2", code=2)
    assert "A range is of --profile device or s1spki-device or sensor" in outcome.err


def test_a_hierarchy_without_lists_is_not_taken_for_that_of_devices(run):
    outcome = run("crl", "issue", "--hierarchy", "field-pki", code=4)
    assert "Device" not in outcome.err


def test_no_spreadsheet_is_blamed_for_what_an_input_of_ones_own_holds(run, tmp_path):
    manifest = tmp_path / "rows.csv"
    manifest.write_text(
        "profile,participant,purpose,role,badge\nengineer,field-one,uept,nobody,MAR-12\n"
    )
    outcome = run("batch", "check", manifest, code=1)
    assert "spreadsheet" not in outcome.out + outcome.err
    # An object identifier can be damaged, whoever declared the input.
    assert "model" in damage({"model": "01.02.2026"}, {"badge"})


@pytest.mark.slow
def test_the_pytest_plugin_gives_pairs_of_a_type_of_ones_own(profiles, tmp_path):
    register = tmp_path / "register.toml"
    register.write_text(PARTY)
    options = PluginOptions(profiles=profiles, register=register)
    with Workshop.open(options, tmp_path) as workshop:
        inputs: dict[str, Any] = {"profile": "sensor", "model": "1.2.3.4"}
        (device,) = workshop.devices("00-DB-15" + "-00" * 5, 1, **inputs)
    for issued in (device.digital_signature, device.key_agreement):
        assert issued.record.profile == "sensor"
    assert device.digital_signature.record.usage != device.key_agreement.record.usage


def test_an_estate_without_its_profiles_is_told_what_it_lacks(command, run, directory):
    run("issue", "engineer", "--participant", "field-one", "--purpose", PURPOSE, "--badge", "A-1",
        "--role", "supplier")  # fmt: skip
    labels = ["Root Field ZAZ1 Test", "Issuing Field ZAZ1 Test"]
    without = command("--json", "--estate", directory, "ca", "list").json["authorities"]
    assert [each["label"] for each in without][-2:] == labels
    told = command("--json", "--estate", directory, "doctor").json["problems"]
    missing = [each["message"] for each in told if each["code"] == "doctor.profiles.missing"]
    assert any("engineer" in message for message in missing)
    error = command("--json", "--estate", directory, "list", "--profile", "engineer").json["error"]
    assert "--profiles" in error["remedy"]


def test_types_that_differ_in_a_constant_of_the_subject_are_told_apart(
    command, profiles, directory, tmp_path
):
    own = tmp_path / "profiles"
    shutil.copytree(profiles, own)
    names = [f"engineer-{region}" for region in ("north", "south")]
    for name in names:
        region = _row("subject.localityName", fill=f'{{ constant = "{name}" }}')
        text = TYPES["engineer"].replace('name = "engineer"', f'name = "{name}"', 1)
        text = text.replace(
            '[[row]]\nfield = "subject.title"', f'{region}[[row]]\nfield = "subject.title"'
        )
        (own / "certificates" / f"{name}.toml").write_text(text)
    category = CATEGORY.replace('["engineer"', json.dumps(names)[:-1] + ', "engineer"')
    (own / "categories" / "field.toml").write_text(category)
    words = ("--profiles", own, "--estate", directory)
    for name in names:
        asked = ("--participant", "field-one", "--purpose", PURPOSE, "--label", name)
        inputs = ("--badge", "A-1", "--role", "supplier", "--out", tmp_path / "out")
        command(*words, "issue", name, *asked, *inputs)
        path = tmp_path / "out" / f"{name}.pem"
        (linted,) = command("--json", *words, "lint", path).json["files"]
        assert (linted["kind"], linted["findings"]) == (name, [])


@pytest.mark.slow
def test_a_type_without_a_key_usage_is_issued_and_leaves_like_any_other(
    command, profiles, directory, tmp_path
):
    own = tmp_path / "profiles"
    shutil.copytree(profiles, own)
    head, *rows = (
        TYPES["engineer"].replace('name = "engineer"', 'name = "plain"', 1).split("[[row]]")
    )
    kept = [row for row in rows if '"extensions.keyUsage"' not in row]
    (own / "certificates" / "plain.toml").write_text("[[row]]".join([head, *kept]))
    (own / "categories" / "field.toml").write_text(CATEGORY.replace('["engineer"', '["plain"'))
    words = ("--profiles", own, "--estate", directory)
    asked = ("--participant", "field-one", "--purpose", PURPOSE)
    inputs = ("--badge", "A-1", "--role", "supplier")
    issued = command(*words, "issue", "plain", *asked, *inputs, "--label", "alone")
    assert issued.code == 0, issued.err
    manifest = tmp_path / "rows.csv"
    manifest.write_text(
        f"profile,participant,purpose,role,badge,label\nplain,field-one,{PURPOSE},02,A-2,run\n"
    )
    assert command(*words, "batch", "issue", manifest).code == 0
    for label in ("alone", "run"):
        assert command(*words, "renew", "--label", label).code == 0
        (_, renewed) = command("--json", *words, "list", "--label", label).json["certificates"]
        assert renewed["usage"] == ""
    exported = tmp_path / "tree"
    assert (
        command(*words, "batch", "export", "1", "--format", "pem-tree", "--out", exported).code == 0
    )
    (path,) = exported.rglob("*.pem")
    (linted,) = command("--json", *words, "lint", path).json["files"]
    assert (linted["kind"], linted["findings"]) == ("plain", [])


def test_a_ca_without_a_key_identifier_is_told_before_it_is_to_be_made(command, profiles, tmp_path):
    own = tmp_path / "profiles"
    shutil.copytree(profiles, own)
    path = own / "certificates" / "field-pki-issuing-ca.toml"
    head, *rows = path.read_text("utf-8").split("[[row]]")
    kept = [row for row in rows if '"extensions.subjectKeyIdentifier"' not in row]
    path.write_text("[[row]]".join([head, *kept]))
    error = command("--json", "--profiles", own, "profiles", "check").json["error"]
    assert error["code"] == "profile.row"
    assert str(path) in error["message"]
    assert "extensions.subjectKeyIdentifier" in error["message"]
