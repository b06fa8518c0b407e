"""The command ``batch``, as its user sees it: what it prints, how it ends, what it leaves."""

import hashlib
import json
import socket
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import batches
from batches import device_id, range_of
from smki_testca.errors import EstateError

RUN_KEYS = {
    "id",
    "state",
    "source",
    "count",
    "issued",
    "seeded",
    "keys_secret",
    "label",
    "created",
    "finished",
    "participants",
    "profiles",
}


@pytest.fixture
def batch(command, quickstart):
    """Runs ``batch`` in the quickstart estate; JSON unless told otherwise."""

    def run(*arguments, text=False):
        shape = () if text else ("--json",)
        return command(*shape, "--estate", quickstart, "batch", *arguments)

    return run


@pytest.fixture
def manifest(tmp_path):
    """Writes rows as a manifest."""

    def make(*rows, kind="csv"):
        return batches.write(tmp_path / f"rows.{kind}", list(rows))

    return make


@pytest.fixture
def stopped(batch, monkeypatch):
    """A run of 30 Device Certificates from 0x1000 on that was ended before any was cut."""

    def no_cut(*_):
        raise EstateError("batch.worker_died", "A worker process ended unexpectedly.", "Resume.")

    with monkeypatch.context() as patch:
        patch.setattr("smki_testca.issuance.batch.engines.LocalEngine.make", no_cut)
        outcome = batch("issue", *range_of(30))
    assert (outcome.code, outcome.json["error"]["code"]) == (5, "batch.worker_died")
    return 1


WRONG = batches.device(**{"device-id": batches.SUPPLIER_ID})


@pytest.mark.slow
def test_issue_tells_of_the_run_and_show_and_list_tell_the_same(batch, manifest):
    path = manifest(*batches.mixed())
    issued = batch("issue", path, "--label", "all")
    assert issued.code == 0
    run = issued.json["run"]
    assert run.keys() == RUN_KEYS | {"manifest", "problems"}
    assert run.pop("problems") == []
    assert run["manifest"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (run["id"], run["state"], run["source"], run["label"]) == (1, "done", "manifest", "all")
    assert run["count"] == run["issued"] == len(batches.mixed())
    assert run["participants"] == ["meters-one", "network-one", "supplier-one"]
    assert run["profiles"] == ["dccki", "device", "iki", "organisation"]
    assert batch("show", 1).json == {"run": run}
    assert batch("list").json == {"runs": [run]}


def test_a_persons_issue_tells_of_the_run_too(batch):
    outcome = batch("issue", *range_of(3), text=True)
    assert outcome.code == 0
    told = dict(line.split(None, 1) for line in outcome.out.splitlines() if line.strip())
    assert (told["state"].strip(), told["issued"].strip()) == ("done", "3")
    assert outcome.err == "run 1\n"


@pytest.mark.slow
def test_json_streams_a_line_for_each_thousand(batch):
    outcome = batch("issue", *range_of(2_100, 0x1000, "key-agreement", "digital-signature"))
    *progress, last = map(json.loads, outcome.out.splitlines())
    assert [one["issued"] for one in progress] == [1000, 2000, 3000, 4000]
    assert {one["count"] for one in progress} == {4_200}
    assert all(one["per_second"] > 0 for one in progress)
    assert last["run"]["issued"] == 4_200


def test_wrong_rows_are_told_of_with_their_lines_and_the_others_are_issued(batch, manifest):
    path = manifest(
        batches.device(0x101), WRONG, batches.device(0x102), batches.device(usage="none")
    )
    outcome = batch("issue", path)
    assert outcome.code == 1
    run = outcome.json["run"]
    assert (run["issued"], run["count"]) == (2, 2)
    refused, wrong = run["problems"]
    assert (refused["line"], refused["refusal"]["rule"]) == (3, "R11")
    assert (wrong["line"], wrong["error"]["code"]) == (5, "request.usage")


def test_a_person_reads_a_line_for_each_reason(batch, manifest):
    outcome = batch("issue", manifest(batches.device(), WRONG), text=True)
    assert outcome.code == 1
    told = [line for line in outcome.err.splitlines() if line.startswith("line ")]
    assert told
    assert all(line.startswith("line 3: refused [device_id.") for line in told)


@pytest.mark.slow
def test_all_or_nothing_issues_nothing_where_one_row_is_wrong(
    batch, quickstart, manifest, files_of
):
    path = manifest(batches.device(0x101), WRONG, batches.device(usage="none"))
    outcome = batch("issue", path, "--all-or-nothing")
    assert outcome.code == 3
    assert outcome.json["refusal"]["reason"].startswith("Line 3: ")
    assert "1 more" in outcome.json["refusal"]["reason"]
    text = batch("issue", path, "--all-or-nothing", text=True)
    assert text.code == 3
    assert "Line 3: " in text.err
    assert batch("list").json == {"runs": []}
    before = files_of(quickstart)
    first = manifest(batches.device(usage="none"), batches.device(0x101))
    outcome = batch("issue", first, "--all-or-nothing")
    assert (outcome.code, outcome.json["error"]["code"]) == (4, "request.usage")
    assert outcome.json["error"]["message"].startswith("Line 2: ")
    assert files_of(quickstart) == before


@pytest.mark.slow
def test_all_or_nothing_issues_all_where_every_row_is_right(batch, manifest):
    outcome = batch("issue", manifest(*batches.mixed()), "--all-or-nothing")
    assert (outcome.code, outcome.json["run"]["issued"]) == (0, len(batches.mixed()))


def test_a_manifest_of_which_nothing_goes_through_begins_no_run_and_is_in_the_log(
    batch, command, manifest, quickstart
):
    assert batch("issue", manifest(WRONG)).code == 3
    assert batch("list").json == {"runs": []}
    last = command("--estate", quickstart, "--json", "audit", "show", "--last", 1).json
    (entry,) = last["entries"]
    assert entry["action"] == "batch.authorise"
    assert (entry["body"]["run"], entry["body"]["refused"]) == (None, 1)
    assert entry["body"]["refusals"][0]["line"] == 2


@pytest.mark.slow
def test_a_refused_range_is_in_the_log_with_its_ends(batch, command, quickstart):
    refused = batch(
        *("issue", "--profile", "device", "--participant", "meters-one"),
        *("--purpose", "device-and-user-system-tests", "--hw-type", "1.2.3"),
        *("--usage", "key-agreement", "--first-id", "00-DB-12-FF-FF-FF-FF-FF", "--count", 2),
    )
    assert refused.code == 3
    last = command("--estate", quickstart, "--json", "audit", "show", "--last", 1).json
    (entry,) = last["entries"]
    assert entry["body"]["range"] == {
        "first": "00-DB-12-FF-FF-FF-FF-FF",
        "last": "00-DB-13-00-00-00-00-00",
        "count": 2,
    }
    assert entry["body"]["refused"] == 1


@pytest.mark.parametrize("verb", ["issue", "check"])
def test_the_options_that_are_of_a_range_alone_go_with_no_manifest(batch, manifest, one_line, verb):
    outcome = batch(verb, manifest(batches.device()), "--count", 3, "--first-id", "1", text=True)
    assert outcome.code == 2
    assert "--first-id, --count" in one_line(outcome)


@pytest.mark.slow
def test_check_of_a_range_says_what_issue_would(batch):
    checked = batch("check", *range_of(3), text=True)
    assert (checked.code, checked.out) == (0, "3 certificates would be issued.\n")
    assert batch("check", *range_of(3)).json == {"accepted": 3, "problems": []}
    elsewhere = range_of(3, "00-DB-12-FF-FF-FF-FF-FE")
    refused = {verb: batch(verb, *elsewhere, text=True) for verb in ("check", "issue")}
    assert refused["check"].code == refused["issue"].code == 3
    assert refused["check"].err == refused["issue"].err
    assert refused["check"].err.count("\n") == 1
    assert batch("list").json == {"runs": []}


@pytest.mark.parametrize("verb", ["issue", "check"])
def test_the_help_lists_the_columns_of_every_type(batch, verb):
    _, columns = batch(verb, "--help", text=True).out.split("Columns of a manifest")
    listed = dict(line.strip().split(maxsplit=1) for line in columns.splitlines()[2:])
    assert listed["organisation"] == "id role [common-name] [usage]"
    assert listed["device"] == "device-id hw-type [usage]"
    assert listed["dccki"] == "common-name [dns] [ip] [signifier]"
    assert listed["dccki-personnel"] == "common-name [signifier]"
    assert listed["iki"] == "system-name role"


@pytest.mark.slow
def test_a_cell_that_the_profile_does_not_have_is_a_wrong_row(batch, manifest):
    rows = (batches.device(0x101), {**batches.device(0x102), "dns": "a.test"})
    outcome = batch("issue", manifest(*rows))
    assert outcome.code == 1
    (problem,) = outcome.json["run"]["problems"]
    assert (problem["line"], problem["error"]["code"]) == (3, "manifest.cell")


@pytest.mark.slow
@pytest.mark.parametrize("text", ["", "profile,participant\n", "\n\n"])
def test_a_manifest_without_rows_begins_no_run(batch, tmp_path, text):
    path = tmp_path / "empty.csv"
    path.write_text(text)
    outcome = batch("issue", path)
    assert (outcome.code, outcome.json["error"]["code"]) == (4, "manifest.empty")
    assert batch("list").json == {"runs": []}


@pytest.mark.slow
def test_check_says_beforehand_what_issue_would_and_changes_nothing(
    batch, manifest, quickstart, files_of
):
    path = manifest(
        *batches.mixed(), WRONG, batches.device(usage="none"), batches.signed("gone.csr")
    )
    before = files_of(quickstart)
    checked = batch("check", path)
    assert checked.code == 1
    assert checked.json["accepted"] == len(batches.mixed())
    said = batch("check", path, text=True)
    assert said.code == 1
    assert said.out == "7 rows would go through, 3 would not.\n"
    assert files_of(quickstart) == before
    issued = batch("issue", path)
    assert issued.code == 1
    assert issued.json["run"]["problems"] == checked.json["problems"]
    assert issued.json["run"]["issued"] == checked.json["accepted"]


@pytest.mark.slow
@pytest.mark.parametrize("text", ["", "\ufeff", "sep=;\n", ",,,\n", "\n\n", "profile,label\n"])
def test_check_of_a_manifest_without_rows_is_the_error_of_issue(batch, tmp_path, text):
    path = tmp_path / "rows.csv"
    path.write_text(text, encoding="utf-8")
    for command in ("check", "issue"):
        outcome = batch(command, path)
        assert (outcome.code, outcome.json["error"]["code"]) == (4, "manifest.empty")


def test_check_tells_now_and_then_how_many_rows_were_read(batch, manifest, monkeypatch):
    monkeypatch.setattr("smki_testca.cli.output.HEARTBEAT_SECONDS", 0)
    outcome = batch("check", manifest(*map(batches.device, range(1, 4))))
    assert "reading rows: 2" in outcome.err


def test_check_of_a_manifest_in_order_ends_well(batch, manifest):
    outcome = batch("check", manifest(*batches.mixed()))
    assert (outcome.code, outcome.json) == (0, {"accepted": len(batches.mixed()), "problems": []})


def test_check_and_issue_need_the_same_unknown_column_gone(batch, manifest):
    path = manifest(batches.device(lable="red"))
    for verb in ("check", "issue"):
        outcome = batch(verb, path)
        assert (outcome.code, outcome.json["error"]["code"]) == (4, "manifest.column")


@pytest.mark.slow
def test_the_environment_of_the_command_is_for_rows_that_name_none(
    batch, command, quickstart, manifest
):
    command("--estate", quickstart, "init", quickstart, "--environment", "UIT-A")
    path = manifest(batches.device(0x101), batches.device(0x102, environment="ZAZ1"))
    assert batch("issue", path, "--environment", "UIT-A").code == 0
    found = {
        number: command(
            "--json", "--estate", quickstart, "list", "--eui64", device_id(number)
        ).json["certificates"][-1]["environment"]
        for number in (0x101, 0x102)
    }
    assert found == {0x101: "UIT-A", 0x102: "ZAZ1"}


@pytest.mark.slow
def test_a_label_of_a_row_comes_before_that_of_the_command(batch, command, quickstart, manifest):
    path = manifest(batches.device(0x101), batches.device(0x102, label="own"))
    batch("issue", path, "--label", "all")
    for label, number in (("all", 0x101), ("own", 0x102)):
        listed = command("--json", "--estate", quickstart, "list", "--label", label).json
        assert [one["eui64"] for one in listed["certificates"]] == [device_id(number)]


@pytest.mark.slow
def test_certificates_of_runs_are_listed_shown_linted_and_looked_up_as_any_other(
    batch, command, quickstart, tmp_path
):
    here = ("--json", "--estate", quickstart)
    batch("issue", *range_of(5, 0x1000, label="rollout"))
    batch("issue", *range_of(5, 0x2000))
    (one,) = command(*here, "list", "--eui64", device_id(0x1003)).json["certificates"]
    single = command(*here, "list", "--label", "ESME-ds").json["certificates"][0]
    assert one.keys() == single.keys()
    for option, value in (("--serial", one["serial"]), ("--serial", str(int(one["serial"], 16)))):
        assert command(*here, "list", option, value).json["certificates"] == [one]
    assert command(*here, "list", "--serial", single["serial"]).json["certificates"] == [single]
    assert command(*here, "list", "--serial", "1" * 32).json["certificates"] == []
    labelled = command(*here, "list", "--label", "rollout", "--usage", "key-agreement").json
    assert len(labelled["certificates"]) == 5
    shown = command(*here, "show", one["serial"])
    assert shown.code == 0
    assert shown.json["record"] == one | {"predecessor": None}
    assert shown.json["kind"] == "device"
    out = tmp_path / "out"
    command(*here, "export", "--format", "pem", "--label", "rollout", "--out", out)
    paths = sorted(path for path in out.rglob("*.pem") if "chain" not in path.name)
    assert len(paths) == 5
    assert command(*here, "lint", *paths).code == 0
    who = command(*here, "register", "whois", paths[0])
    assert who.code == 0, who.out
    assert (who.json["participant"], who.json["issued_here"]) == ("meters-one", True)


@pytest.mark.slow
def test_list_puts_runs_in_the_order_of_their_beginning(batch):
    for first in (0x1000, 0x2000, 0x3000):
        batch("issue", *range_of(1, first))
    assert [one["id"] for one in batch("list").json["runs"]] == [1, 2, 3]


@pytest.mark.slow
def test_a_run_that_was_stopped_can_be_resumed_and_then_is_whole(
    batch, command, quickstart, stopped
):
    shown = batch("show", stopped).json["run"]
    assert (shown["state"], shown["issued"], shown["finished"]) == ("interrupted", 0, None)
    resumed = batch("resume", stopped)
    assert resumed.code == 0
    run = resumed.json["run"]
    assert (run["state"], run["issued"]) == ("done", 30)
    for number in (0x1000, 0x101D):
        listed = command("--json", "--estate", quickstart, "list", "--eui64", device_id(number))
        assert len(listed.json["certificates"]) == 1
    assert command("--estate", quickstart, "audit", "verify").code == 0


def test_a_run_that_was_cancelled_issues_no_more_and_frees_its_ids(batch, stopped, quickstart):
    cancelled = batch("cancel", stopped)
    assert (cancelled.code, cancelled.json["run"]["state"]) == (0, "cancelled")
    for verb in ("resume", "cancel"):
        outcome = batch(verb, stopped)
        assert (outcome.code, outcome.json["error"]["code"]) == (4, "batch.state")
    assert batch("show", stopped).json["run"]["issued"] == 0
    assert batches.tiles_of(quickstart) == []


@pytest.mark.slow
def test_rows_of_a_cancelled_run_do_not_count_towards_the_100(batch, manifest, monkeypatch):
    def no_cut(*_):
        raise EstateError("batch.worker_died", "A worker process ended unexpectedly.", "Resume.")

    path = manifest(*[batches.device(5)] * 100)
    with monkeypatch.context() as patch:
        patch.setattr("smki_testca.issuance.batch.engines.LocalEngine.make", no_cut)
        batch("issue", path, "--again")
    assert batch("check", path, "--again").json["accepted"] == 0
    assert batch("issue", *range_of(1, 5), "--again").code == 3
    batch("cancel", 1)
    assert batch("check", path, "--again").json["accepted"] == 100
    assert batch("issue", *range_of(1, 5)).code == 0


def test_the_number_of_a_run_is_told_at_its_start_as_json_too(batch):
    outcome = batch("issue", *range_of(2))
    assert (outcome.json["run"]["id"], outcome.err) == (1, "run 1\n")


@pytest.mark.slow
def test_the_last_interrupted_run_is_resumed_without_its_number(batch, stopped):
    batch("issue", *range_of(1, 0x9000))
    outcome = batch("resume", "--last")
    assert (outcome.json["run"]["id"], outcome.json["run"]["state"]) == (stopped, "done")
    assert outcome.err == f"run {stopped}\n"
    nothing = batch("resume", "--last")
    assert (nothing.code, nothing.json["error"]["code"]) == (4, "batch.state")
    assert batch("resume", "--last", "--if-needed").code == 0


@pytest.mark.parametrize("arguments", [(), (1, "--last")])
def test_resume_takes_a_number_or_the_last_one(batch, arguments):
    assert batch("resume", *arguments).code == 2


def test_without_a_terminal_a_line_tells_now_and_then_how_far_a_run_is(batch, monkeypatch):
    monkeypatch.setattr("smki_testca.cli.output.HEARTBEAT_SECONDS", 0)
    outcome = batch("issue", *range_of(3))
    assert "issuing: 3 of 3" in outcome.err
    assert outcome.json["run"]["issued"] == 3


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["resume", "cancel"])
def test_a_run_that_is_done_cannot_be_gone_on_with_or_ended(batch, verb):
    batch("issue", *range_of(2))
    outcome = batch(verb, 1)
    assert (outcome.code, outcome.json["error"]["code"]) == (4, "batch.state")


@pytest.mark.parametrize("verb", ["show", "resume", "cancel"])
def test_a_run_that_there_is_not_is_one_line(batch, one_line, verb):
    outcome = batch(verb, 7, text=True)
    assert outcome.code == 4
    assert "no run 7" in one_line(outcome)
    assert batch(verb, 7).json["error"]["code"] == "batch.unknown"
    assert batch(verb, "seven").code == 2


WRONG_CALLS = {
    "no workers": (["--workers", 0], 4),
    "less than no workers": (["--workers", -2], 4),
    "more workers than there can be": (["--workers", 257], 4),
    "workers that are no number": (["--workers", "two"], 2),
    "a seed that is no hexadecimal": (["--seed", "xyz"], 4),
    "a seed of odd length": (["--seed", "0" * 17], 4),
    "a seed that is too short": (["--seed", "00" * 7], 4),
    "a seed that is too long": (["--seed", "00" * 65], 4),
    "an engine that there is not": (["--engine", "steam"], 2),
    "a scheduler without its engine": (["--scheduler", "tls://127.0.0.1:1"], 2),
    "an engine without its scheduler": (["--engine", "dask"], 2),
    "a scheduler without TLS": (
        [
            *("--engine", "dask", "--scheduler", "tcp://127.0.0.1:1"),
            *("--tls-cert", __file__, "--tls-key", __file__, "--tls-ca", __file__),
        ],
        2,
    ),
    "a profile that has no ranges": (["--profile", "organisation"], 2),
    "a hwType that is no OID": (["--hw-type", "meter"], 4),
    "a first ID that is none": (["--first-id", "00-DB"], 4),
    "a count that is no number": (["--count", "many"], 2),
    "a usage that there is not": (["--usage", "signing"], 2),
}


@pytest.mark.slow
@pytest.mark.parametrize(("options", "code"), WRONG_CALLS.values(), ids=WRONG_CALLS)
def test_a_wrong_call_is_one_line_and_changes_nothing(
    batch, quickstart, files_of, one_line, options, code
):
    before = files_of(quickstart)
    outcome = batch("issue", *batches.instead(range_of(3), options), text=True)
    assert outcome.code == code
    one_line(outcome)
    assert files_of(quickstart) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["profile", "participant", "purpose", "hw-type", "first-id", "count"]
)
def test_a_range_without_one_of_its_options_names_it(batch, one_line, name):
    options = range_of(3)
    at = options.index(f"--{name}")
    outcome = batch("issue", *options[:at], *options[at + 2 :], text=True)
    assert outcome.code == 2
    assert f"--{name}" in one_line(outcome)


@pytest.fixture(scope="module")
def dask(tmp_path_factory):
    """The options of a cluster that nobody runs, with a certificate and key that could be its."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "cluster")])
    now = datetime.now(UTC)
    certificate = x509.CertificateBuilder(
        name, name, key.public_key(), 1, now, now + timedelta(days=1)
    ).sign(key, hashes.SHA256())
    (folder / "one.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "one.key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return (
        *("--engine", "dask", "--scheduler", f"tls://127.0.0.1:{port}"),
        *("--tls-cert", folder / "one.pem", "--tls-key", folder / "one.key"),
        *("--tls-ca", folder / "one.pem"),
    )


def test_dask_without_its_extra_says_what_to_install_and_begins_no_run(
    batch, quickstart, files_of, one_line, monkeypatch, dask
):
    before = files_of(quickstart)
    monkeypatch.setitem(sys.modules, "distributed", None)
    outcome = batch("issue", *range_of(3), *dask, text=True)
    assert outcome.code == 2
    assert "pip install 'smki-testca[dask]'" in one_line(outcome)
    assert files_of(quickstart) == before


@pytest.mark.slow
def test_parquet_without_its_extra_says_what_to_install(batch, manifest, one_line, monkeypatch):
    pytest.importorskip("pyarrow")
    path = manifest(batches.device(), kind="parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for verb in ("check", "issue"):
        outcome = batch(verb, path, text=True)
        assert outcome.code == 2
        assert "pip install 'smki-testca[bulk]'" in one_line(outcome)


@pytest.mark.slow
def test_a_scheduler_that_cannot_be_reached_is_told_of_and_the_run_can_go_on_here(
    batch, dask, monkeypatch
):
    pytest.importorskip("distributed")
    cluster = pytest.importorskip("smki_testca.issuance.batch.cluster")
    monkeypatch.setattr(cluster, "_CONNECT_SECONDS", 1)
    outcome = batch("issue", *range_of(3), *dask, text=True)
    assert outcome.code == 5
    *_, last = outcome.err.splitlines()
    assert f"error: The scheduler {dask[3]} cannot be reached" in last
    assert "Traceback" not in outcome.err
    resumed = batch("resume", 1)
    assert (resumed.code, resumed.json["run"]["issued"]) == (0, 3)


@pytest.mark.parametrize("option", ["--tls-cert", "--tls-key", "--tls-ca"])
def test_a_file_for_the_cluster_that_is_not_there_is_named(
    batch, dask, option, quickstart, files_of, one_line
):
    before = files_of(quickstart)
    given = list(dask)
    given[given.index(option) + 1] = "gone.pem"
    outcome = batch("issue", *range_of(3), *given, text=True)
    assert outcome.code == 4
    assert "gone.pem cannot be read" in one_line(outcome)
    assert files_of(quickstart) == before


def test_a_locked_estate_is_told_of_by_batch_as_by_any_command(command, quickstart, one_line):
    (quickstart / "passphrase").unlink()
    outcome = command("--estate", quickstart, "batch", "issue", *range_of(3))
    assert outcome.code == 5
    one_line(outcome)
    assert command("--json", "--estate", quickstart, "batch", "list").json == {"runs": []}


@pytest.mark.parametrize("verb", ["", "issue", "check", "sign", "resume", "export"])
def test_help_shows_an_example(command, verb):
    outcome = command("batch", *([verb] if verb else []), "--help")
    assert outcome.code == 0
    assert "Example" in outcome.out
    assert "smki-testca --estate estate batch" in outcome.out
