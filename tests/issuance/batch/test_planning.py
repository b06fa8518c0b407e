"""What the gate and the parsers make of rows and ranges, before anything is issued."""

import pytest

import batches
import csrs
from batches import device_id, range_of
from smki_testca.identifiers import Eui64
from smki_testca.issuance.batch.planning import MAX_COUNT

OTHER_SUPPLIER_ID = "90-B3-D5-1F-30-03-00-00"
CSR = csrs.pem(csrs.device(csrs.new_key()))


def _code(problem):
    return (problem.get("refusal") or problem["error"])["code"]


@pytest.fixture
def check(command, quickstart, tmp_path):
    """Checks rows, whatever there is already; returns the answer as JSON."""

    def run(*rows, kind="jsonl"):
        path = batches.write(tmp_path / f"rows.{kind}", list(rows))
        outcome = command("--json", "--estate", quickstart, "batch", "check", "--again", path)
        assert outcome.code == (1 if outcome.json["problems"] else 0)
        return outcome.json

    return run


@pytest.fixture
def refusal(command, quickstart):
    """Asks for a range; returns the codes of the reasons for which it is refused."""

    def run(*options):
        outcome = command("--json", "--estate", quickstart, "batch", "issue", "--again", *options)
        assert outcome.code == 3, outcome.out
        return [one["code"] for one in outcome.json["refusal"]["all"]]

    return run


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_manifest_in_order_goes_through_in_full(check, kind):
    rows = batches.mixed()
    assert check(*rows, kind=kind) == {"accepted": len(rows), "problems": []}


WRONG = {
    "no participant": (batches.device(participant=""), "request.incomplete"),
    "no purpose": (batches.device(purpose=""), "request.incomplete"),
    "no profile": (batches.device(profile=""), "request.profile"),
    "a profile that is a CA's": (batches.device(profile="device-root-ca"), None),
    "no such profile": (batches.device(profile="fridge"), "profile.unknown"),
    "no such participant": (batches.device(participant="nobody"), "participant.unknown"),
    "no such purpose": (batches.device(purpose="fun"), "purpose.not_a_testing_service"),
    "no such environment": (batches.device(environment="MOON"), "environment.unknown"),
    "no such role": (batches.organisation(role="baker"), "role.unknown"),
    "no such usage": (batches.device(usage="signing"), "request.usage"),
    "another usage than the profiles have": (batches.device(usage="DS"), "request.usage"),
    "a usage where the profile fixes it": (
        batches.iki(usage="digital-signature"),
        "request.incomplete",
    ),
    "no EUI-64": (batches.device(**{"device-id": "00-DB"}), "eui64.form"),
    "no OID": (batches.device(**{"hw-type": "1.2.x"}), "oid.form"),
    "no Device ID": (batches.device(**{"device-id": ""}), "request.incomplete"),
    "somebody else's ID": (batches.organisation(id=OTHER_SUPPLIER_ID), "id.outside_range"),
    "an ID not allocated": (
        batches.organisation(id="90-B3-D5-1F-30-01-00-77"),
        "id.not_allocated",
    ),
    "a Device ID of the SEC's": (
        batches.device(**{"device-id": batches.SUPPLIER_ID}),
        "device_id.in_sec_registry_entry",
    ),
    "a Device ID of another maker": (
        batches.device(**{"device-id": "00-DB-13-00-00-00-00-00"}),
        "device_id.outside_own_registry_entry",
    ),
    "somebody else's Signifier": (batches.dccki(signifier="TPTY-NETWORK-ONE"), "signifier.not_own"),
    "a text that is too long": (batches.iki(**{"system-name": "x" * 65}), "request.value"),
    "a text that its field cannot hold": (batches.dccki(dns="caf\u00e9.test"), "field.characters"),
    "a key file that is not there": (
        batches.device(**{"public-key-file": "gone.pem"}),
        "input.unreadable",
    ),
    "a CSR file that is not there": (batches.signed("gone.csr"), "input.unreadable"),
    "a CSR and what it says already": (
        batches.signed("good.csr", usage="key-agreement"),
        "manifest.csr",
    ),
    "a CSR and a key": (batches.signed("good.csr", **{"public-key-file": "k.pem"}), "manifest.csr"),
    "a CSR that is none": (batches.signed("bad.csr"), "csr.encoding"),
    "a CSR of another's Device ID": (batches.signed("alien.csr"), None),
}


@pytest.fixture
def files(tmp_path):
    """The files that rows name, beside the manifest."""
    (tmp_path / "good.csr").write_bytes(CSR)
    (tmp_path / "bad.csr").write_bytes(b"nonsense!")
    alien = csrs.device(csrs.new_key(), device_id=csrs.SUPPLIER_ID)
    (tmp_path / "alien.csr").write_bytes(csrs.pem(alien))


@pytest.mark.slow
@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(("row", "code"), WRONG.values(), ids=WRONG)
@pytest.mark.shows("R3")
def test_a_wrong_row_is_told_of_with_its_line_and_the_others_go_through(check, row, code):
    answer = check(batches.device(1), row, batches.organisation())
    assert answer["accepted"] == 2
    (problem,) = answer["problems"]
    assert problem["line"] == 2
    if code is not None:
        assert _code(problem) == code


def test_many_wrong_rows_are_each_told_of_with_their_own_line(check):
    rows = [
        batches.device(n, usage="none" if n % 3 == 0 else "key-agreement") for n in range(1, 31)
    ]
    answer = check(*rows, kind="csv")
    assert answer["accepted"] == 20
    # A CSV file has a line of names above its first row.
    assert [one["line"] for one in answer["problems"]] == [n + 1 for n in range(3, 31, 3)]


def test_a_row_allowed_does_not_let_others_of_its_kind_through(check):
    """The gate decides once for a kind; each row's own identifier is seen for itself."""
    rows = [
        batches.device(1),
        batches.device(**{"device-id": "00-DB-13-00-00-00-00-00"}),
        batches.organisation(),
        batches.organisation(id=OTHER_SUPPLIER_ID),
        batches.organisation(id="90-B3-D5-1F-30-01-00-08"),
    ]
    answer = check(*rows)
    assert [one["line"] for one in answer["problems"]] == [2, 4, 5]
    # The Load Controller's ID does not hold the role of a supplier.
    assert _code(answer["problems"][2]) == "id.role_not_held"


def test_a_wrong_first_row_does_not_hold_back_others_of_its_kind(check):
    rows = [batches.organisation(id=OTHER_SUPPLIER_ID), *[batches.organisation()] * 3]
    answer = check(*rows)
    assert (answer["accepted"], [one["line"] for one in answer["problems"]]) == (3, [1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"participant": "nobody"}, "participant.unknown"),
        ({"participant": "labs-one"}, "agreement.none"),
        ({"purpose": "uept"}, "purpose.not_covered"),
        ({"environment": "MOON"}, "environment.unknown"),
        ({"delivery": "remote"}, "delivery.not_agreed"),
    ],
)
def test_a_range_is_refused_for_what_a_single_request_is_refused_for(refusal, changed, code):
    assert code in refusal(*range_of(10, **changed))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "count"),
    [
        ("90-B3-D5-1F-30-01-00-00", 1),
        ("90-B3-D5-1F-30-00-00-00", 10_000_000),
        ("90-B3-D5-1F-2F-FF-FF-FF", 2),
        ("90-B3-D5-1F-3F-FF-FF-FF", 2),
        ("90-B3-D5-1F-2F-FF-FF-F0", 100_000_000),
    ],
)
def test_a_range_that_meets_an_entry_of_the_sec_is_refused(refusal, first, count):
    """A Party has no entry of its own; those of the SEC are barred all the same."""
    codes = refusal(*range_of(count, first, participant="supplier-one"))
    assert codes == ["device_id.in_sec_registry_entry"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "count"),
    [
        ("00-DB-13-00-00-00-00-00", 1),
        ("00-DB-11-FF-FF-FF-FF-FF", 2),
        ("00-DB-12-FF-FF-FF-FF-FF", 2),
        ("00-DB-11-FF-FF-FF-FF-FE", 1),
    ],
)
def test_a_range_that_leaves_its_makers_own_entry_is_refused(refusal, first, count):
    codes = refusal(*range_of(count, first))
    assert codes == ["device_id.outside_own_registry_entry"]


def test_the_last_id_of_the_own_entry_can_be_used(command, quickstart):
    run = batches.issue(command, quickstart, *range_of(2, "00-DB-12-FF-FF-FF-FF-FE"))
    assert run["issued"] == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "count"),
    [
        (device_id(0), 0),
        (device_id(0), -1),
        (device_id(0), MAX_COUNT + 1),
        ("FF-FF-FF-FF-FF-FF-FF-FF", 2),
    ],
)
def test_a_range_that_is_none_cannot_be_used(command, quickstart, first, count):
    outcome = command("--json", "--estate", quickstart, "batch", "issue", *range_of(count, first))
    assert (outcome.code, outcome.json["error"]["code"]) == (4, "batch.range")


def test_a_range_has_no_more_certificates_than_a_run_for_all_its_usages(command, quickstart):
    usages = ["--usage", "key-agreement", "--usage", "digital-signature"]
    words = [*range_of(MAX_COUNT // 2 + 1, device_id(0)), *usages]
    outcome = command("--json", "--estate", quickstart, "batch", "issue", *words)
    assert (outcome.code, outcome.json["error"]["code"]) == (4, "batch.range")


def _singles(command, quickstart, number, count):
    for _ in range(count):
        outcome = command(
            *("--estate", quickstart, "issue", "device", "--participant", "meters-one"),
            *("--purpose", batches.DEVICE_PURPOSE, "--device-id", device_id(number)),
            *("--hw-type", batches.HW_TYPE, "--usage", "key-agreement"),
        )
        assert outcome.code == 0


def test_100_per_device_id_holds_within_one_manifest(check):
    rows = [batches.device(5)] * 103 + [batches.device(6)] * 2
    answer = check(*rows)
    assert answer["accepted"] == 102
    assert [one["line"] for one in answer["problems"]] == [101, 102, 103]
    assert {_code(one) for one in answer["problems"]} == {"device_id.issuance_anomaly"}


def test_rows_that_fail_for_another_reason_do_not_count_towards_the_100(check, tmp_path):
    (tmp_path / "rsa.pem").write_bytes(csrs.spki(csrs.rsa_key()))
    wrong = batches.device(5, **{"public-key-file": "rsa.pem"})
    answer = check(*[wrong] * 5, *[batches.device(5)] * 100)
    assert answer["accepted"] == 100
    assert {_code(one) for one in answer["problems"]} == {"key.type"}


@pytest.mark.slow
def test_100_per_device_id_holds_over_singles_tiles_ranges_and_runs(
    command, quickstart, check, refusal, tmp_path
):
    _singles(command, quickstart, 0x1005, 2)
    rows = batches.write(tmp_path / "most.jsonl", [batches.device(0x1005)] * 96)
    assert batches.issue(command, quickstart, "--again", rows)["issued"] == 96
    batches.issue(command, quickstart, "--again", *range_of(10, 0x1000))
    answer = check(batches.device(0x1005), batches.device(0x1005), batches.device(0x1004))
    assert answer["accepted"] == 2
    assert [one["line"] for one in answer["problems"]] == [2]
    both = ("key-agreement", "digital-signature")
    assert refusal(*range_of(3, 0x1004, *both)) == ["device_id.issuance_anomaly"]
    batches.issue(command, quickstart, "--again", *range_of(3, 0x1004))
    assert refusal(*range_of(3, 0x1004)) == ["device_id.issuance_anomaly"]
    batches.issue(command, quickstart, "--again", *range_of(3, 0x1006))
    single = command(
        *("--json", "--estate", quickstart, "issue", "device", "--participant", "meters-one"),
        *("--purpose", batches.DEVICE_PURPOSE, "--device-id", device_id(0x1005)),
        *("--hw-type", batches.HW_TYPE, "--usage", "key-agreement"),
    )
    assert (single.code, single.json["refusal"]["code"]) == (3, "device_id.issuance_anomaly")


@pytest.mark.slow
def test_ranges_side_by_side_do_not_count_together(estate, command, quickstart):
    for n in range(4):
        batches.issue(command, quickstart, *range_of(5, 0x2000 + 5 * n))
    first, last = Eui64.parse(device_id(0x2000)), Eui64.parse(device_id(0x2013))
    assert estate.issued.most_for_devices(first, last) == 1
    both = range_of(3, 0x2004, "key-agreement", "digital-signature")
    batches.issue(command, quickstart, "--again", *both)
    assert estate.issued.most_for_devices(first, last) == 3


def test_each_usage_of_a_range_counts(command, quickstart):
    both = range_of(2, 0x3000, "key-agreement", "digital-signature", "key-agreement")
    run = batches.issue(command, quickstart, *both)
    assert run["issued"] == 4


def test_a_public_key_of_the_wrong_type_is_a_problem_of_its_row(check, tmp_path):
    (tmp_path / "rsa.der").write_bytes(csrs.spki(csrs.rsa_key()))
    (tmp_path / "p256.der").write_bytes(csrs.spki(csrs.new_key()))
    (tmp_path / "p384.der").write_bytes(csrs.spki(csrs.new_key(csrs.ec.SECP384R1())))
    (tmp_path / "junk.pem").write_bytes(b"-----BEGIN PUBLIC KEY-----\nAAAA\n")
    answer = check(
        batches.device(**{"public-key-file": "rsa.der"}),
        batches.iki(**{"public-key-file": "p256.der"}),
        batches.device(**{"public-key-file": "p384.der"}),
        batches.device(**{"public-key-file": "junk.pem"}),
        batches.iki(**{"public-key-file": "rsa.der"}),
        batches.device(**{"public-key-file": "p256.der"}),
    )
    assert answer["accepted"] == 2
    assert [(one["line"], _code(one)) for one in answer["problems"]] == [
        (1, "key.type"),
        (2, "key.type"),
        (3, "key.type"),
        (4, "key.unreadable"),
    ]


def test_what_the_profile_forbids_of_the_participant_is_told_of_before_a_run_begins(
    quickstart, check
):
    shipped = batches.ROOT / "profiles" / "certificates" / "iki.toml"
    own = quickstart / "profiles" / "certificates"
    own.mkdir(parents=True)
    narrow = shipped.read_text().replace(
        'holds = { max-characters = 64 }\nnote = "the trading name"',
        'holds = { max-characters = 11 }\nnote = "the trading name"',
    )
    assert narrow != shipped.read_text()
    (own / "iki.toml").write_text(narrow)
    answer = check(
        batches.iki(participant="other-one", role="other"),
        batches.iki(participant="network-one", role="networkOperator"),
    )
    assert answer["accepted"] == 1
    (problem,) = answer["problems"]
    assert (problem["line"], _code(problem)) == (1, "request.value")
    assert "subject.organizationName" in problem["error"]["message"]


@pytest.mark.slow
def test_a_quota_of_the_category_holds_over_rows_ranges_and_runs(
    command, quickstart, check, refusal
):
    shipped = batches.ROOT / "profiles" / "categories" / "device.toml"
    own = quickstart / "profiles" / "categories"
    own.mkdir(parents=True)
    listed = command("--json", "--estate", quickstart, "list", "--participant", "meters-one").json
    # As many as there are already, and ten more.
    quota = len(listed["certificates"]) + 10
    (own / "device.toml").write_text(f"{shipped.read_text()}per-participant = {quota}\n")
    answer = check(*(batches.device(n) for n in range(1, 14)))
    assert [one["line"] for one in answer["problems"]] == [11, 12, 13]
    assert {_code(one) for one in answer["problems"]} == {"category.quota"}
    both = ("key-agreement", "digital-signature")
    assert refusal(*range_of(6, 0x7000, *both)) == ["category.quota"]
    assert batches.issue(command, quickstart, *range_of(4, 0x7000, *both))["issued"] == 8
    assert check(*(batches.device(n) for n in range(1, 4)))["accepted"] == 2


@pytest.mark.slow
def test_what_a_range_of_the_estate_was_issued_is_the_same_one_by_one(estate, command, quickstart):
    batches.issue(command, quickstart, *range_of(5, 0x4000))
    both = range_of(4, 0x4003, "key-agreement", "digital-signature")
    batches.issue(command, quickstart, "--again", *both)
    first, last = Eui64.parse(device_id(0x3FFF)), Eui64.parse(device_id(0x4008))
    issued = estate.issued.for_devices(first, last)
    one_by_one = {
        value: count
        for value in range(first.value, last.value + 1)
        if (count := estate.issued.for_device(Eui64(value)))
    }
    assert issued == one_by_one
    assert sorted(issued.values()) == [1, 1, 1, 2, 2, 3, 3]
