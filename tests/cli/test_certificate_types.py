"""A certificate type is a file: an operator's is issued wherever the shipped ones are."""

from __future__ import annotations

import json
import shutil

import pytest

import batches
import certificate_types as types
import csrs
from estates import opened
from smki_testca.api import Estate
from smki_testca.errors import InputError
from smki_testca.estate.certificates import Selection
from smki_testca.register.requests import Request
from smki_testca.roles import KeyUsage

DEVICE = "00-DB-12-00-00-00-00-05"
MODEL = "1.2.826.0.1.1"
SENSOR = (
    *("--participant", "meters-one", "--purpose", batches.DEVICE_PURPOSE),
    *("--device-id", DEVICE, "--model", MODEL),
)
USAGE = ("--usage", "key-agreement")
GATEWAY = ("--participant", "supplier-one", "--purpose", "uept", "--common-name", "gateway.test")
MODEL_FIELD = "extensions.subjectAltName.hardwareModuleName.hwType"


@pytest.fixture
def own(newcomer):
    """An estate whose operator has two certificate types of its own."""
    types.gateway(types.sensor(newcomer / "profiles"))
    return newcomer


@pytest.fixture
def run(command, own):
    """Runs the command in that estate; returns what it says as JSON."""

    def with_code(*words, code=0):
        outcome = command("--json", "--estate", own, *words)
        assert outcome.code == code, outcome.out + outcome.err
        # A batch tells of its progress, a line each time; the last is its run.
        many = words[:2] == ("batch", "issue") and code == 0
        return json.loads(outcome.out.splitlines()[-1] if many else outcome.out)

    return with_code


def request_of(estate, action):
    """The request in the last audit entry of an action."""
    with opened(estate) as open_:
        found = [one for one in open_.audit.entries() if one.action == action]
        return found[-1].body["request"]


def field(run, serial, name):
    return run("show", serial)["fields"].get(name)


# The command line


@pytest.mark.parametrize("verb", ["issue", "check"])
def test_a_new_file_is_a_new_command(command, own, verb):
    listed = command("--estate", own, verb, "--help").out
    commands = listed.split("Commands:\n")[1].split()
    names = [word for word in commands if word in {"device", "dccki", "gateway", "iki", "sensor"}]
    assert names == ["dccki", "device", "gateway", "iki", "sensor"]
    assert "Sensor Certificate." in listed
    assert "sensor" not in command(verb, "--help").out


def options_of(command, *words):
    """The options of a command in the order of its help, with the text of each."""
    out = command(*words, "--help").out.split("Options:\n")[1]
    entries = out.split("\n  --")
    entries[0] = entries[0].removeprefix("  --")
    return {one.split()[0]: " ".join(one.split()[1:]) for one in entries if one.split()}


def test_the_options_are_the_inputs_with_their_own_help(command, own):
    sensor = options_of(command, "--estate", own, "issue", "sensor")
    assert list(sensor)[:6] == ["participant", "purpose", "model", "device-id", "usage", "site"]
    assert sensor["model"] == "MODEL The model, by the maker's OID. [required]"
    assert sensor["site"] == "TEXT Where the sensor is."
    gateway = options_of(command, "--estate", own, "check", "gateway")
    assert list(gateway)[2:7] == ["rack", "common-name", "dns", "ip", "signifier"]
    assert "usage" not in gateway
    assert "not-before" not in gateway


def test_the_help_of_a_batch_lists_the_columns_of_a_new_type(command, own):
    out = command("--estate", own, "batch", "issue", "--help").out
    columns = out.split("Columns of a manifest")[1]
    assert "\n  sensor " in columns
    assert " model [site] device-id [usage]\n" in columns


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("organisation", ["id", "role", "usage", "common-name"]),
        ("device", ["device-id", "hw-type", "usage"]),
        ("dccki", ["common-name", "dns", "ip", "signifier"]),
        ("iki", ["system-name", "role"]),
    ],
)
def test_the_shipped_types_have_the_options_they_always_had(command, name, options):
    issue = list(options_of(command, "issue", name))
    dates = ["not-before", "not-after", "days"]
    tail = ["label", "environment", "delivery"]
    files = ["out", "with-key", "export-passphrase-file", "force"]
    own = ["participant", "purpose", *options, *dates, *tail, *files]
    assert issue[: len(own)] == own
    check = list(options_of(command, "check", name))
    assert check[: 2 + len(options) + 3] == ["participant", "purpose", *options, *tail]


def test_a_type_without_an_example_of_its_own_has_one_that_names_its_options(command, own):
    out = " ".join(command("--estate", own, "issue", "sensor", "--help").out.split())
    assert "issue sensor --participant P --purpose uept --model MODEL --device-id EUI64" in out


@pytest.mark.parametrize("name", ["sensor-two", "device-issuing-ca", ""])
def test_what_is_no_type_is_no_command(command, own, name):
    outcome = command("--estate", own, "issue", name)
    assert outcome.code == 2
    assert "No such command" in outcome.err


def test_an_input_that_is_needed_is_asked_for(command, own):
    outcome = command("--estate", own, "issue", "gateway", *GATEWAY)
    assert outcome.code == 2
    assert "--rack" in outcome.err


# What is issued


def test_inputs_go_into_the_certificate_the_audit_log_and_nowhere_else(run, own):
    assert run("check", "sensor", *SENSOR, *USAGE)["authorisation"]["request"]["model"] == MODEL
    (issued,) = run("issue", "sensor", *SENSOR, *USAGE, "--site", "Leeds")["certificates"]
    assert (issued["profile"], issued["eui64"]) == ("sensor", DEVICE)
    assert field(run, issued["serial"], MODEL_FIELD) == MODEL
    assert field(run, issued["serial"], "subject.commonName") == "Leeds"
    request = request_of(own, "issue")
    assert (request["model"], request["site"], request["device_id"]) == (MODEL, "Leeds", DEVICE)
    assert run("show", issued["serial"])["findings"] == []


def test_a_value_is_held_to_the_rows_of_the_profile(run):
    told = run("issue", "sensor", *SENSOR, *USAGE, "--site", "L" * 21, code=4)
    assert told["error"]["code"] == "request.value"
    wrong = ["four" if word == MODEL else word for word in SENSOR]
    assert run("issue", "sensor", *wrong, *USAGE, code=4)["error"]["code"] == "oid.form"


def test_the_gate_decides_by_the_identity_that_follows_from_the_rows(run):
    central = ["90-B3-D5-1F-30-01-00-00" if word == DEVICE else word for word in SENSOR]
    refused = run("issue", "sensor", *central, *USAGE, code=3)["refusal"]
    assert "device_id.in_sec_registry_entry" in {one["code"] for one in refused["all"]}
    wrong = ("--rack", "A1", "--signifier", "TPTY-SUPPLIER-TWO")
    refused = run("issue", "gateway", *GATEWAY, *wrong, code=3)["refusal"]
    assert [one["code"] for one in refused["all"]] == ["signifier.not_own"]
    (issued,) = run("issue", "gateway", *GATEWAY, "--rack", "A1")["certificates"]
    assert field(run, issued["serial"], "subject.title") == "A1"


@pytest.mark.parametrize("kind", [("dccki",), ("gateway", "--rack", "A1")], ids=["dccki", "own"])
def test_the_audit_entry_of_a_refused_signifier_has_what_was_stated(run, own, kind):
    run("issue", kind[0], *GATEWAY, *kind[1:], "--signifier", "TPTY-SUPPLIER-TWO", code=3)
    assert request_of(own, "issue")["signifier"] == "TPTY-SUPPLIER-TWO"
    run("issue", kind[0], *GATEWAY, *kind[1:], code=0)
    assert "signifier" not in request_of(own, "issue")


@pytest.mark.parametrize("by_name", [False, True])
def test_a_csr_is_of_the_type_that_is_named(run, tmp_path, by_name):
    path = tmp_path / "sensor.csr"
    path.write_bytes(csrs.device(csrs.new_key(), hw_type=MODEL))
    named = ("--profile", "sensor") if by_name else ()
    submitted = ("--participant", "meters-one", "--purpose", batches.DEVICE_PURPOSE)
    (issued,) = run("sign", path, *submitted, *named)["certificates"]
    assert issued["profile"] == ("sensor" if by_name else "device")
    assert field(run, issued["serial"], MODEL_FIELD) == MODEL


@pytest.mark.parametrize("name", ["fridge", "device-issuing-ca"])
def test_a_csr_for_what_is_no_type_is_an_error_that_lists_those_there_are(
    run, library, tmp_path, name
):
    path = tmp_path / "sensor.csr"
    path.write_bytes(csrs.device(csrs.new_key()))
    submitted = ("--participant", "meters-one", "--purpose", batches.DEVICE_PURPOSE)
    error = run("sign", path, *submitted, "--profile", name, code=4)["error"]
    assert error["code"] == "request.profile"
    ordinary = [hierarchy.end_entity for hierarchy in library.hierarchies.values()]
    every = {profile.name for profile in library.end_entity_profiles} | {"gateway", "sensor"}
    in_order = [*ordinary, *sorted(every - set(ordinary))]
    assert error["remedy"].endswith(f"Use one of {', '.join(in_order)}.")


def test_a_certificate_is_renewed_with_the_same_inputs(run):
    (issued,) = run("issue", "sensor", *SENSOR, *USAGE, "--site", "Leeds")["certificates"]
    (renewed,) = run("renew", "--serial", issued["serial"])["certificates"]
    assert renewed["profile"] == "sensor"
    for name, value in ((MODEL_FIELD, MODEL), ("subject.commonName", "Leeds")):
        assert field(run, renewed["serial"], name) == value


def test_inputs_are_keywords_in_python(own):
    with opened(own) as estate:
        subject = estate.subject("sensor", device_id=DEVICE, model=MODEL, site="Leeds")
        assert (subject.model, subject.site) == (MODEL, "Leeds")
        request = estate.request(
            "meters-one", batches.DEVICE_PURPOSE, subject, (KeyUsage.KEY_AGREEMENT,)
        )
        assert isinstance(request, Request)
        (record,), _ = estate.issue(request)
        assert record.profile == "sensor"
        with pytest.raises(TypeError, match="takes no 'hw_type'"):
            estate.subject("sensor", device_id=DEVICE, hw_type=MODEL)
        with pytest.raises(InputError) as caught:
            estate.subject("fridge", device_id=DEVICE)
        assert caught.value.code == "request.profile"


@pytest.mark.slow
def test_certificates_of_others_are_signed_again_with_their_inputs(
    run, command, own, newcomer_original, tmp_path
):
    (issued,) = run("issue", "sensor", *SENSOR, *USAGE, "--site", "Leeds")["certificates"]
    path = tmp_path / "theirs.pem"
    path.write_text(issued["pem"])
    other = tmp_path / "other"
    shutil.copytree(newcomer_original, other)
    shutil.copytree(own / "profiles", other / "profiles")
    words = ("--json", "--estate", other)
    imported = command(*words, "import", path)
    assert imported.code == 0, imported.err
    outcome = command(*words, "re-sign", "--purpose", batches.DEVICE_PURPOSE)
    assert outcome.code == 0, outcome.out + outcome.err
    (again,) = outcome.json["re_signed"]
    assert again["profile"] == "sensor"
    fields = command(*words, "show", again["serial"]).json["fields"]
    assert (fields[MODEL_FIELD], fields["subject.commonName"]) == (MODEL, "Leeds")


# Batches


def sensors(count, **inputs):
    """The options that ask for a range of sensors; those of the usage come first."""
    wanted = batches.range_of(count, 0x900, profile="sensor", **inputs)
    at = wanted.index("--hw-type")
    return wanted[:at] + wanted[at + 2 :]


def sensor_row(number, **cells):
    row = batches.device(number, profile="sensor", model=MODEL)
    del row["hw-type"]
    return row | cells


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_manifest_may_have_rows_of_an_operators_types(run, tmp_path, kind):
    rows = [
        sensor_row(0x101, site="Leeds"),
        batches.device(0x102),
        batches.dccki(profile="gateway", rack="A1"),
        sensor_row(0x103, model="1.2.3"),
        sensor_row(0x104, site="York"),
    ]
    path = batches.write(tmp_path / f"rows.{kind}", rows)
    assert run("batch", "check", path) == {"accepted": 5, "problems": []}
    told = run("batch", "issue", path)["run"]
    assert (told["issued"], told["profiles"]) == (5, ["device", "gateway", "sensor"])
    issued = run("list", "--profile", "sensor")["certificates"]
    said = {
        one["eui64"]: tuple(
            field(run, one["serial"], name) for name in (MODEL_FIELD, "subject.commonName")
        )
        for one in issued
    }
    assert said == {
        batches.device_id(0x101): (MODEL, "Leeds"),
        batches.device_id(0x103): ("1.2.3", None),
        batches.device_id(0x104): (MODEL, "York"),
    }
    (gateway,) = run("list", "--profile", "gateway")["certificates"]
    assert field(run, gateway["serial"], "subject.title") == "A1"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("row", "code"),
    [
        (sensor_row(0x101, **{"hw-type": MODEL}), "manifest.cell"),
        (sensor_row(0x101, model=""), "request.incomplete"),
        (sensor_row(0x101, model="four"), "oid.form"),
        (sensor_row(0x101, site="L" * 21), "request.value"),
        (batches.dccki(profile="gateway"), "request.incomplete"),
        (batches.device(0x101, site="Leeds"), "manifest.cell"),
    ],
)
def test_a_wrong_row_of_an_operators_type_is_told_of(run, tmp_path, row, code):
    path = batches.write(tmp_path / "rows.jsonl", [row])
    (problem,) = run("batch", "check", path, code=1)["problems"]
    assert (problem["line"], problem["error"]["code"]) == (1, code)


def test_a_row_of_an_operators_type_without_a_usage_asks_for_both(run, tmp_path):
    path = batches.write(tmp_path / "rows.jsonl", [sensor_row(0x101, usage="")])
    checked = run("batch", "check", path)
    assert checked == {"accepted": 1, "certificates": 2, "problems": []}


@pytest.mark.slow
def test_a_row_may_bring_a_csr_for_an_operators_type(run, tmp_path):
    (tmp_path / "sensor.csr").write_bytes(csrs.device(csrs.new_key(), hw_type=MODEL))
    row = batches.signed("sensor.csr", profile="sensor")
    path = batches.write(tmp_path / "rows.jsonl", [row, batches.signed("sensor.csr")])
    told = run("batch", "issue", path)["run"]
    assert told["profiles"] == ["device", "sensor"]


@pytest.mark.slow
def test_a_range_is_of_any_type_with_a_device_id(run):
    told = run("batch", "issue", *sensors(3, model=MODEL, site="Leeds"))["run"]
    assert (told["issued"], told["profiles"]) == (3, ["sensor"])
    (one,) = run("list", "--eui64", batches.device_id(0x901))["certificates"]
    assert field(run, one["serial"], MODEL_FIELD) == MODEL
    assert field(run, one["serial"], "subject.commonName") == "Leeds"


@pytest.mark.slow
def test_a_range_that_lacks_an_input_names_its_option(run):
    error = run("batch", "issue", *sensors(3), code=2)["error"]
    assert error["message"] == "Give a manifest, or for a range --model."


@pytest.mark.parametrize(
    "wanted",
    [
        lambda: (*sensors(3, model=MODEL), "--hw-type", MODEL),
        lambda: (*batches.range_of(3, 0x900), "--site", "Leeds"),
    ],
)
def test_a_range_takes_no_input_of_another_type(run, wanted):
    error = run("batch", "issue", *wanted(), code=4)["error"]
    assert error["code"] == "request.input"


def test_a_range_of_a_type_that_fixes_the_usage_takes_none(run, own):
    path = own / "profiles" / "certificates" / "sensor.toml"
    text = path.read_text("utf-8")
    path.write_text(text.replace('{ input = "usage" }', '{ constant = ["digitalSignature"] }'))
    wanted = sensors(3, model=MODEL)
    assert run("batch", "issue", *wanted, code=2)["error"]["message"].endswith("leave out --usage.")
    told = run("batch", "issue", *wanted[2:])["run"]
    assert told["issued"] == 3
    (one,) = run("list", "--eui64", batches.device_id(0x902))["certificates"]
    assert (one["profile"], one["usage"]) == ("sensor", "digital-signature")


# Kits

KIT = """
name = "ours"
title = "Types of an operator's own"
register = "participants.toml"

[[request]]
profile = "dccki"
participant = "supplier-one"
purpose = "uept"
label = "gate"
common-name = "gateway.test"
signifier = "TPTY-SUPPLIER-ONE"

[[request]]
profile = "gateway"
participant = "supplier-one"
purpose = "uept"
label = "rack"
common-name = "gateway.test"
rack = "A1"

[[series]]
profile = "sensor"
participant = "meters-one"
purpose = "device-and-user-system-tests"
first-id = "00-DB-12-00-00-00-0A-00"
count = 2
usages = ["digital-signature"]
label = "{id}"
model = "1.2.3"

[[devices]]
profile = "sensor"
type = "SENSOR"
participant = "meters-one"
purpose = "device-and-user-system-tests"
first-id = "00-DB-12-00-00-00-0B-00"
count = 2
usages = ["key-agreement"]
label = "{type}-{number}"
model = "1.2.4"
site = "York"
"""


@pytest.fixture
def kit(command, tmp_path):
    """Makes a kit; returns the outcome and the estate that it made."""

    def make(text=KIT):
        directory = types.gateway(types.sensor(tmp_path / "kit-profiles"))
        types.write(directory, "kits/ours.toml", text)
        out = tmp_path / "out"
        words = ("--json", "--profiles", directory, "kit", "make", "ours", "--out", out)
        return command(*words, "--format", "pem"), out / "estate"

    return make


@pytest.mark.slow
def test_a_kit_states_any_input_of_any_type(command, kit):
    outcome, estate = kit()
    assert outcome.code == 0, outcome.out + outcome.err
    profiles = estate.parents[1] / "kit-profiles"
    phrase = (estate / "passphrase").read_text().strip()
    with Estate.open(estate, phrase, profiles=profiles) as open_:
        records = list(open_.select(Selection()))
        signifiers = [
            entry.body["request"].get("signifier")
            for entry in open_.audit.entries()
            if entry.action == "issue"
        ]
        assert signifiers.count("TPTY-SUPPLIER-ONE") == 1
    made = {(one.profile, one.label) for one in records if one.participant}
    ids = ("00DB120000000A00", "00DB120000000A01")
    assert made == {
        ("dccki", "gate"),
        ("gateway", "rack"),
        *(("sensor", name) for name in (*ids, "SENSOR-1", "SENSOR-2")),
    }
    here = ("--json", "--profiles", profiles, "--estate", estate)
    (one,) = command(*here, "list", "--label", "SENSOR-2").json["certificates"]
    fields = command(*here, "show", one["serial"]).json["fields"]
    assert (fields[MODEL_FIELD], fields["subject.commonName"]) == ("1.2.4", "York")


@pytest.mark.slow
def test_a_wrong_signifier_in_a_kit_is_refused_like_any(kit):
    outcome, estate = kit(KIT.replace("TPTY-SUPPLIER-ONE", "TPTY-SUPPLIER-TWO"))
    assert outcome.code == 3
    assert outcome.json["refusal"]["code"] == "signifier.not_own"
    assert not estate.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "code", "said"),
    [
        ('rack = "A1"', 'rak = "A1"', "toml.shape", "request[1].rak is an unknown key"),
        ('rack = "A1"', "rack = 1", "toml.shape", "request[1].rack is a whole number"),
        ('rack = "A1"', 'model = "1.2"', "profile.reference", "unknown input of profile gateway"),
        ('model = "1.2.3"\n', "", "kit.series", "series 1"),
        ('model = "1.2.3"', 'model = "1.2.3"\nhw-type = "1.2"', "profile.reference", "series 1"),
        ('model = "1.2.4"', 'model = "four"', "oid.form", "devices 1"),
        ('model = "1.2.4"\n', "", "request.incomplete", "devices 1"),
        ('profile = "sensor"\ntype', 'profile = "gateway"\ntype', "kit.devices", "gateway"),
    ],
)
def test_a_mistake_in_the_inputs_of_a_kit_is_one_clear_error(kit, old, new, code, said):
    assert old in KIT
    outcome, _ = kit(KIT.replace(old, new))
    assert outcome.code == 4, outcome.out
    assert outcome.json["error"]["code"] == code
    assert said in outcome.json["error"]["message"]
    assert "ours.toml" in outcome.json["error"]["message"]
