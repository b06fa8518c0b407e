"""``batch verify``: what is wrong with a run is found, and nothing else is."""

import csv
import json
import sqlite3
import tracemalloc
from array import array

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import batches
from batches import device_id, range_of
from smki_testca.api import Estate
from smki_testca.estate import tile
from smki_testca.issuance.batch import verification
from smki_testca.issuance.batch.fingerprints import (
    FingerprintFiles,
    FingerprintKind,
    FingerprintOrigin,
    Records,
)
from smki_testca.x509.keys import public_key_octets
from smki_testca.x509.view import view_certificate

FIRST = 0x1000
COUNT = 8


@pytest.fixture
def opened(quickstart):
    """The estate, opened anew."""
    passphrase = (quickstart / "passphrase").read_text().strip()
    return lambda: Estate.open(quickstart, passphrase)


@pytest.fixture
def verify(command, quickstart):
    """Verifies a run: the outcome, and its JSON."""

    def run(*more, run=1):
        outcome = command(
            *("--json", "--estate", quickstart, "batch", "verify", run, "--workers", 1, *more)
        )
        return outcome, outcome.json

    return run


@pytest.fixture
def run_of_eight(command, quickstart):
    return batches.issue(command, quickstart, *range_of(COUNT, FIRST))["id"]


def _codes(document):
    return [finding["code"] for finding in document["findings"]]


def _tampered(estate, opened, change):
    """Change the certificates and keys of the first tile of run 1, and its digest in the estate."""
    with opened() as estate_before:
        run = estate_before.runs.get(1)
        (record,) = estate_before.tiles.of_run(1)
        before = estate_before.tiles.open(record)
        sealing_key = estate_before.runs.secrets(run.id).sealing_key
        ders = [before.der(place) for place in range(len(before))]
        ids = [before.eui64(place) for place in range(len(before))]
        serials = [before.serial(place).to_bytes(16) for place in range(len(before))]
        keys = before.keys(sealing_key)
        change(ders, ids, serials, keys)
        extra = msgspec.json.encode(before.extra())
        header = msgspec.structs.replace(before.header, der_octets=sum(map(len, ders)))
        data = tile.assemble(header, serials, ids, ders, extra, keys, sealing_key)
        digest = tile.write(estate_before.tiles.folder(1), record.number, data)
    with sqlite3.connect(estate / "estate.sqlite") as connection:
        connection.execute("UPDATE tiles SET digest = ?", (digest,))
    connection.close()


@pytest.mark.slow
def test_a_run_as_it_was_issued_has_no_findings(verify, run_of_eight):
    outcome, document = verify()
    assert outcome.code == 0
    others = document.pop("others")
    assert others > 0
    assert document == {
        "run": run_of_eight,
        "state": "done",
        "certificates": COUNT,
        "keys": COUNT,
        "findings": [],
    }


@pytest.mark.slow
def test_every_kind_of_certificate_that_a_run_can_have_is_verified(command, newcomer, tmp_path):
    rows = [row for row in batches.mixed() if row != batches.device(0x101)]
    batches.issue(command, newcomer, batches.write(tmp_path / "rows.csv", rows))
    outcome = command("--json", "--estate", newcomer, "batch", "verify", 1)
    assert (outcome.code, outcome.json["findings"]) == (0, [])
    assert outcome.json["certificates"] == outcome.json["keys"] == len(rows)


@pytest.mark.slow
def test_keys_that_their_holders_keep_are_not_paired(command, quickstart, verify, tmp_path):
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    (tmp_path / "key.der").write_bytes(public_key_octets(key))
    row = batches.device(**{"public-key-file": "key.der"})
    batches.issue(command, quickstart, batches.write(tmp_path / "rows.csv", [row]))
    _, document = verify()
    assert (document["certificates"], document["keys"], document["findings"]) == (1, 0, [])


@pytest.mark.slow
def test_a_person_reads_each_finding_and_the_counts(command, quickstart, run_of_eight, issue):
    good = command("--estate", quickstart, "batch", "verify", run_of_eight)
    assert (good.code, good.err) == (0, "")
    assert f"{COUNT} certificates and {COUNT} private keys checked" in good.out
    issue("--usage", "key-agreement", device=device_id(FIRST))
    bad = command("--estate", quickstart, "batch", "verify", run_of_eight)
    assert bad.code == 1
    first, last = bad.out.splitlines()
    assert first.startswith("verify.id_twice: ")
    assert last.endswith("; 1 finding.")


def _swap_keys(_ders, _ids, _serials, keys):
    keys[0], keys[1] = keys[1], keys[0]


def _break_signature(ders, *_):
    ders[3] = ders[3][:-1] + bytes((ders[3][-1] ^ 1,))


def _change_content(ders, ids, *_):
    ders[2] = ders[2].replace(ids[2].to_bytes(8), (ids[2] ^ 1 << 20).to_bytes(8))


def _cut(ders, *_):
    ders[4] = ders[4][:-1]


def _break_first(ders, *_):
    ders[0] = b"nonsense"


def _repeat(ders, ids, serials, keys):
    for column in (ders, ids, serials, keys):
        column[1] = column[0]


def _other_serial(_ders, _ids, serials, _keys):
    serials[5] = bytes((serials[5][0] ^ 1,)) + serials[5][1:]


CHANGES = {
    "keys of two certificates": (_swap_keys, ["verify.key", "verify.key"]),
    "an octet of a signature": (_break_signature, ["verify.signature"]),
    "an ID": (_change_content, ["verify.id", "verify.signature"]),
    "an octet less": (_cut, ["verify.signature"]),
    "a whole certificate": (_break_first, ["verify.key", "verify.signature"]),
    "a serial number": (_other_serial, ["verify.issuer"]),
    "a certificate twice": (
        _repeat,
        ["verify.id_twice", "verify.key_twice", "verify.serial_twice"],
    ),
}


@pytest.mark.slow
@pytest.mark.usefixtures("run_of_eight")
@pytest.mark.parametrize(("change", "codes"), CHANGES.values(), ids=CHANGES)
def test_what_was_changed_is_found(verify, quickstart, opened, change, codes):
    _tampered(quickstart, opened, change)
    outcome, document = verify()
    assert outcome.code == 1
    assert sorted(_codes(document)) == codes
    assert all(finding["serial"] for finding in document["findings"])


@pytest.mark.slow
@pytest.mark.usefixtures("run_of_eight")
def test_a_key_that_another_certificate_has_is_found(verify, opened):
    with opened() as estate:
        record = next(estate.run_certificates.of_run(estate.runs.get(1)))
        public = view_certificate(record.der).octets("subjectPublicKeyInfo")
        subject = estate.subject("device", device_id=device_id(9), hw_type=batches.HW_TYPE)
        request = estate.request("meters-one", batches.DEVICE_PURPOSE, subject, _usages())
        (other,), _ = estate.issue(request, public_key=public)
    _, document = verify()
    (finding,) = document["findings"]
    assert (finding["code"], finding["serial"]) == ("verify.key_twice", str(record.serial))
    assert str(other.serial) in finding["message"]


def _usages():
    from smki_testca.roles import KeyUsage  # noqa: PLC0415 - one test needs it

    return (KeyUsage.DIGITAL_SIGNATURE,)


@pytest.mark.slow
@pytest.mark.usefixtures("run_of_eight")
def test_the_same_id_and_usage_of_another_run_is_found_unless_one_is_out_of_use(
    command, quickstart, verify, issue
):
    issued = issue("--usage", "key-agreement", device=device_id(FIRST + 1))
    records = issued.json["certificates"]
    (serial,) = [each["serial"] for each in records if each["usage"] == "key-agreement"]
    _, document = verify()
    assert _codes(document) == ["verify.id_twice"]
    assert document["findings"][0]["eui64"] == device_id(FIRST + 1)
    assert serial in document["findings"][0]["message"]
    retired = command("--estate", quickstart, "set-status", "not-in-use", "--serial", serial)
    assert retired.code == 0, retired.err
    assert verify()[1]["findings"] == []


@pytest.mark.slow
@pytest.mark.usefixtures("run_of_eight")
def test_a_renewed_certificate_of_a_run_is_no_finding(command, quickstart, verify):
    renewed = command("--estate", quickstart, "renew", "--eui64", device_id(FIRST))
    assert renewed.code == 0, renewed.err
    assert verify()[1]["findings"] == []


@pytest.mark.slow
def test_a_run_that_is_not_done_is_a_finding(command, quickstart, verify, monkeypatch):
    def no_tile(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("smki_testca.issuance.batch.engines.LocalEngine.make", no_tile)
        command("--estate", quickstart, "batch", "issue", *range_of(3))
    outcome, document = verify()
    assert (outcome.code, document["state"]) == (1, "interrupted")
    assert _codes(document) == ["verify.unfinished"]


@pytest.mark.slow
@pytest.mark.usefixtures("run_of_eight")
def test_a_tile_that_was_changed_is_the_error_of_audit_verify(verify, quickstart):
    (path,) = batches.tiles_of(quickstart)
    path.write_bytes(path.read_bytes()[:-1])
    outcome, document = verify()
    assert (outcome.code, document["error"]["code"]) == (5, "bulk.damaged")


def _list(path, header, *rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


@pytest.mark.slow
@pytest.mark.usefixtures("run_of_eight")
def test_a_list_of_the_same_ids_has_no_findings(verify, tmp_path):
    rows = [(f"S{number}", device_id(FIRST + number)) for number in range(COUNT)]
    path = _list(tmp_path / "list.csv", ("Serial number", "Device ID"), *rows)
    outcome, document = verify("--against", path)
    assert (outcome.code, document["findings"], document["listed"]) == (0, [], COUNT)


@pytest.mark.slow
@pytest.mark.usefixtures("run_of_eight")
def test_what_only_the_list_has_and_what_only_the_run_has_are_found(verify, tmp_path):
    rows = [(device_id(FIRST + number),) for number in range(1, COUNT + 1)]
    path = _list(tmp_path / "list.csv", ("eui64",), *rows)
    outcome, document = verify("--against", path)
    assert outcome.code == 1
    found = {each["code"]: each for each in document["findings"]}
    assert found["verify.missing"]["eui64"] == device_id(FIRST + COUNT)
    assert found["verify.missing"]["line"] == COUNT + 1
    assert found["verify.not_listed"]["eui64"] == device_id(FIRST)
    assert len(found["verify.not_listed"]["serial"]) == 32
    assert len(document["findings"]) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("usage", "codes"),
    [
        ("key-agreement", []),
        ("digital-signature", ["verify.missing", "verify.not_listed"]),
        ("both", ["verify.missing"]),
        ("", ["verify.missing"]),
    ],
)
def test_the_usages_of_a_list_are_compared_if_it_has_any(
    command, quickstart, verify, tmp_path, usage, codes
):
    batches.issue(command, quickstart, *range_of(1, FIRST))
    path = _list(tmp_path / "list.csv", ("id", "usage"), (device_id(FIRST), usage))
    assert sorted(_codes(verify("--against", path)[1])) == codes


@pytest.mark.slow
@pytest.mark.usefixtures("run_of_eight")
def test_the_export_of_a_run_is_a_list_of_it(command, quickstart, verify, tmp_path):
    path = tmp_path / "run.csv"
    command("--estate", quickstart, "batch", "export", 1, "--format", "csv", "--out", path)
    outcome, document = verify("--against", path)
    assert (outcome.code, document["listed"]) == (0, COUNT)


WRONG_LISTS = {
    "no column for IDs": ("name\nx\n", "list.column"),
    "nothing": ("", "list.column"),
    "two columns for IDs": ("device-id,id\n00-DB-12-00-00-00-10-00,\n", "list.column"),
    "a row without an ID": ("name,id\nx,\n", "list.row"),
    "no EUI-64": ("id\nx\n", "list.row"),
    "no usage": (f"id,usage\n{device_id(1)},spying\n", "list.row"),
    "a row that is too long": (f"id\n{device_id(1)},2,3\n", "manifest.line"),
}


@pytest.mark.slow
@pytest.mark.usefixtures("run_of_eight")
@pytest.mark.parametrize(("text", "code"), WRONG_LISTS.values(), ids=WRONG_LISTS)
def test_a_list_that_cannot_be_read_is_an_error_with_its_line(verify, tmp_path, text, code):
    (tmp_path / "list.csv").write_text(text)
    outcome, document = verify("--against", tmp_path / "list.csv")
    assert (outcome.code, document["error"]["code"]) == (4, code)


@pytest.mark.slow
@pytest.mark.usefixtures("run_of_eight")
def test_findings_beyond_a_number_are_counted(verify, tmp_path, monkeypatch):
    monkeypatch.setattr(verification, "LISTED_FINDINGS", 3)
    path = _list(tmp_path / "list.csv", ("id",), (device_id(1),))
    _, document = verify("--against", path)
    assert (len(document["findings"]), document["findings_not_listed"]) == (3, COUNT + 1 - 3)


@pytest.mark.slow
@pytest.mark.usefixtures("run_of_eight")
def test_verifying_changes_nothing(verify, quickstart):
    before = {path: path.read_bytes() for path in quickstart.rglob("*") if path.is_file()}
    assert verify()[0].code == 0
    assert before == {path: path.read_bytes() for path in quickstart.rglob("*") if path.is_file()}


@pytest.mark.slow
@pytest.mark.usefixtures("run_of_eight")
def test_a_line_tells_now_and_then_how_far_it_is(verify, monkeypatch):
    monkeypatch.setattr("smki_testca.cli.output.HEARTBEAT_SECONDS", 0)
    assert f"verifying: {COUNT} of {COUNT}" in verify()[0].err


@pytest.mark.slow
def test_any_number_of_workers_finds_the_same(command, quickstart):
    batches.issue(command, quickstart, *range_of(4_500, FIRST))
    shared = ("--json", "--estate", quickstart, "batch", "verify", 1, "--workers")
    one, three = command(*shared, 1), command(*shared, 3)
    assert one.json == three.json
    assert one.json["keys"] == 4_500


def test_repeated_values_are_found_whatever_file_they_are_in():
    with FingerprintFiles() as files:
        for run in (1, 2):
            records = Records()
            for number in range(1_000):
                value = (number * run).to_bytes(16)
                records.add(FingerprintKind.SERIAL, value, FingerprintOrigin(run, number).packed)
                records.add(
                    FingerprintKind.KEY,
                    (run << 64 | number).to_bytes(16),
                    FingerprintOrigin(run, number).packed,
                )
            files.keep(records.joined())
        repeated = list(files.repeated())
    assert {kind for kind, _ in repeated} == {FingerprintKind.SERIAL}
    assert len(repeated) == 500
    assert all(origins[0].row == 2 * origins[1].row for _, origins in repeated)


@pytest.mark.slow
def test_the_memory_of_a_search_is_a_small_part_of_what_is_searched():
    count = 400_000
    values = array("Q", range(count))
    with FingerprintFiles() as files:
        tracemalloc.start()
        for start in range(0, count, 2_000):
            records = Records()
            for number in values[start : start + 2_000]:
                records.add(FingerprintKind.KEY, number.to_bytes(16), number)
            files.keep(records.joined())
        assert list(files.repeated()) == []
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert most < count * 25 / 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM tiles WHERE run = 1 AND number = 1",
        "UPDATE tiles SET digest = x'', audit = NULL WHERE run = 1 AND number = 1",
        "UPDATE tiles SET section = 0 WHERE run = 1 AND number = 1",
        "UPDATE tiles SET count = 3 WHERE run = 1 AND number = 1",
    ],
)
def test_a_run_that_lost_certificates_is_neither_verified_nor_noted_nor_exported(
    command, quickstart, verify, tmp_path, change
):
    usages = "digital-signature", "key-agreement"
    batches.issue(command, quickstart, *range_of(4, FIRST, *usages))
    run = json.loads(command("--json", "--estate", quickstart, "batch", "show", 1).out)
    assert run["run"]["count"] == 8
    with sqlite3.connect(quickstart / "estate.sqlite") as connection:
        connection.execute(change)
    connection.close()
    outcomes = [
        verify()[0],
        command("--json", "--estate", quickstart, "batch", "note", 1),
        *(
            command(
                *("--json", "--estate", quickstart, "batch", "export", 1),
                *("--format", form, "--out", tmp_path / form),
            )
            for form in ("device-csv", "der-stream", "csv", "device-folders")
        ),
    ]
    for outcome in outcomes:
        assert (outcome.code, outcome.json["error"]["code"]) == (5, "bulk.missing")
        assert "run 1" in outcome.json["error"]["message"]
    assert not list(tmp_path.glob("de*"))


@pytest.mark.slow
def test_the_newest_run_is_verified(command, quickstart):
    here = ("--json", "--estate", quickstart, "batch", "verify")
    assert command(*here, "--last").json["error"]["code"] == "batch.unknown"
    batches.issue(command, quickstart, *range_of(1, FIRST))
    batches.issue(command, quickstart, *range_of(2, FIRST + 1))
    document = command(*here, "--last", "--workers", 1).json
    assert (document["run"], document["certificates"]) == (2, 2)
    assert command(*here).code == 2
    assert command(*here, 1, "--last").code == 2


@pytest.mark.slow
def test_a_range_without_a_usage_has_both(command, quickstart):
    words = range_of(2, FIRST)
    assert words[:2] == ["--usage", "key-agreement"]
    assert batches.issue(command, quickstart, *words[2:])["issued"] == 4
