"""delete: imported certificates and keys go, and what was issued stays."""

import hashlib
import sqlite3
from contextlib import closing
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from estates import opened
from smki_testca.errors import InputError
from smki_testca.identifiers import SerialNumber
from smki_testca.importers.intake import take_in
from smki_testca.lifecycle.deletion import delete_externals


@pytest.fixture(scope="session")
def theirs(quickstart_original):
    """Somebody else's export: certificates of organisations with their keys."""
    return quickstart_original / "export" / "pem" / "ZAZ1" / "organisation" / "supplier-one"


@pytest.fixture
def run(command, newcomer, theirs):
    """Runs a command on an estate that has imported those, and issued nothing itself."""
    imported = command("--json", "--estate", newcomer, "import", theirs)
    assert imported.code == 0
    return partial(command, "--estate", newcomer)


def _externals(run):
    return run("--json", "list", "--external").json["externals"]


def _error(outcome, code, exit_code=4):
    assert outcome.code == exit_code, outcome.out
    assert outcome.json["error"]["code"] == code
    return outcome.json["error"]


def _last_entry(run):
    (entry,) = run("--json", "audit", "show", "--last", "1").json["entries"]
    return entry


@pytest.mark.slow
def test_one_in_the_middle_goes_with_its_key_and_the_others_stay_in_their_order(run):
    before = _externals(run)
    gone = next(each for each in before[1:-1] if each["has_key"])
    told = run("--json", "delete", gone["sha256"])
    assert told.code == 0
    assert [each["sha256"] for each in told.json["deleted"]] == [gone["sha256"]]
    assert told.json["keys"] == 1
    assert _externals(run) == [each for each in before if each != gone]
    assert run("audit", "verify", "--keys").code == 0
    entry = _last_entry(run)
    assert entry["action"] == "external.delete"
    assert entry["body"]["externals"] == [
        {name: gone[name] for name in ("sha256", "source", "label")}
    ]
    assert len(entry["body"]["external_keys"]) == 1


def test_what_was_deleted_can_be_imported_again(run, theirs):
    before = _externals(run)
    gone = before[0]["sha256"]
    assert run("delete", gone).code == 0
    told = run("--json", "import", theirs).json
    assert [each["sha256"] for each in told["certificates"] if each["arrival"] == "new"] == [gone]
    assert [each["sha256"] for each in _externals(run)] == [
        *(each["sha256"] for each in before[1:]),
        gone,
    ]
    assert run("audit", "verify", "--keys").code == 0


@pytest.mark.slow
@settings(
    max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.lists(st.tuples(st.booleans(), st.sets(st.integers(0, 40))), min_size=1, max_size=4))
def test_the_log_stays_right_whatever_is_deleted_and_imported(newcomer, theirs, steps):
    with opened(newcomer) as estate:
        for imports, places in steps:
            if imports:
                estate.import_material(take_in([theirs]))
            present = estate.externals.select()
            chosen = [record for place, record in enumerate(present) if place in places]
            kept = [record.sha256 for record in present if record not in chosen]
            if chosen:
                delete_externals(estate, chosen)
            assert [record.sha256 for record in estate.externals.select()] == kept
            assert estate.audit.verify()
        estate.verify_keys()


def test_a_key_stays_as_long_as_another_certificate_has_it(command, newcomer, quickstart, tmp_path):
    renewed = command(
        *("--estate", quickstart, "renew", "--label", "Z1-supplier-ds", "--same-key"),
    )
    assert renewed.code == 0, renewed.err
    out = tmp_path / "pem"
    exported = command(
        *("--estate", quickstart, "export", "--format", "pem", "--out", out, "--with-keys"),
        *("--label", "Z1-supplier-ds", "--status", "in-use", "--status", "not-in-use"),
    )
    assert exported.code == 0, exported.err
    run = partial(command, "--estate", newcomer)
    assert run("import", out).code == 0
    one, other = (each for each in _externals(run) if each["has_key"])
    assert run("--json", "delete", one["sha256"]).json["keys"] == 0
    assert [each["has_key"] for each in _externals(run) if each["sha256"] == other["sha256"]] == [
        True
    ]
    assert run("--json", "delete", other["sha256"]).json["keys"] == 1
    assert run("audit", "verify", "--keys").code == 0


def test_nothing_of_what_was_deleted_is_left_in_the_file(run, newcomer):
    path = newcomer / "estate.sqlite"
    with closing(sqlite3.connect(path)) as database:
        parts = [
            # Serial numbers and signatures; names are also those of other certificates.
            *(der[:40] for (der,) in database.execute("SELECT der FROM externals")),
            *(der[-60:] for (der,) in database.execute("SELECT der FROM externals")),
            *(sealed[:60] for (sealed,) in database.execute("SELECT sealed FROM external_keys")),
        ]
    assert all(part in path.read_bytes() for part in parts)
    assert run("delete", "--all-externals").code == 0
    octets = path.read_bytes()
    assert not any(part in octets for part in parts)
    assert _externals(run) == []


def test_a_dry_run_prints_what_would_go_and_changes_nothing(run, newcomer, file_digest):
    before = file_digest(newcomer)
    dry = run("delete", "--all-externals", "--dry-run")
    assert (dry.code, file_digest(newcomer)) == (0, before)
    assert "This was a dry run" in dry.err
    assert "would be deleted." in dry.out
    real = run("delete", "--all-externals").out
    assert dry.out.replace("would be deleted.", "deleted.") == real


@pytest.mark.slow
def test_an_import_is_deleted_by_the_number_of_its_entry(run, theirs):
    (entry,) = run("--json", "audit", "show", "--action", "import").json["entries"]
    first = _externals(run)
    iki = theirs.parents[1] / "iki"
    assert run("import", iki).code == 0
    second = [each for each in _externals(run) if each not in first]
    assert second
    assert run("delete", "--import", entry["number"]).code == 0
    assert _externals(run) == second
    _error(run("--json", "delete", "--import", entry["number"]), "delete.nothing")


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [(), ("--all-externals", "--label", "x"), ("--all-externals", "0" * 64)]
)
def test_all_is_never_meant_by_accident(run, newcomer, file_digest, one_line, words):
    before = file_digest(newcomer)
    outcome = run("delete", *words)
    assert outcome.code == 2
    one_line(outcome)
    assert file_digest(newcomer) == before


def test_what_fits_nothing_is_told(run):
    _error(run("--json", "delete", "--label", "nobody"), "delete.nothing")
    _error(run("--json", "delete", "0" * 64), "certificate.unknown")
    _error(run("--json", "delete", "a name"), "certificate.unknown")


# What was issued.


def test_what_was_issued_is_refused_in_words(command, quickstart, file_digest):
    before = file_digest(quickstart)
    run = partial(command, "--estate", quickstart)
    listed = run("--json", "list", "--label", "Z1-supplier-ds").json["certificates"]
    serial = listed[0]["serial"]
    with opened(quickstart) as estate:
        der = estate.by_serial(SerialNumber.parse(serial)).der
    digest = hashlib.sha256(der).hexdigest()
    for words in ((serial,), (digest,), ("--serial", serial), ("--label", "Z1-supplier-ds")):
        error = _error(run("--json", "delete", *words), "delete.issued")
        assert "never deleted" in error["message"]
        assert f"smki-testca revoke --serial {serial}" in error["remedy"]
        assert "set-status not-in-use" in error["remedy"]
    assert file_digest(quickstart) == before


@pytest.mark.slow
def test_one_that_was_signed_again_stays(run):
    signed = run("re-sign", "--purpose", "uept", "--label", "Z1-supplier-ds")
    assert signed.code == 0, signed.err
    error = _error(run("--json", "delete", "--label", "Z1-supplier-ds"), "external.re_signed")
    assert "Z1-supplier-ds was signed again as" in error["message"]
    before = _externals(run)
    _error(run("--json", "delete", "--all-externals"), "external.re_signed")
    assert _externals(run) == before
    assert run("delete", "--label", "Z1-supplier-ka").code == 0
    assert run("audit", "verify", "--keys").code == 0


@pytest.mark.usefixtures("run")
def test_what_another_process_deletes_meanwhile_is_no_fault(newcomer):
    with opened(newcomer) as one, opened(newcomer) as other:
        records = one.externals.select()
        delete_externals(other, records[:1])
        assert delete_externals(one, records[:2]).records == tuple(records[1:2])
        with pytest.raises(InputError):
            delete_externals(one, records[:2])
