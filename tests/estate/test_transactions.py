"""Transactions inside others: parts that fail by themselves, and are safe with the whole."""

import contextlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from smki_testca.api import Estate
from smki_testca.errors import EstateError
from smki_testca.estate import database
from smki_testca.estate.audit import AuditLog
from smki_testca.estate.audited_table import AuditedTable
from smki_testca.estate.certificates import Selection
from smki_testca.estate.database import Database


def names(estate):
    return [one.reference for one in estate.register.load().agreements.values() if one.suspended]


def test_a_part_that_fails_is_undone_and_the_rest_goes_on(estate):
    with estate.transaction():
        estate.register.set_suspended("SEC-2020-001", suspended=True)
        with contextlib.suppress(KeyError), estate.transaction():
            estate.register.set_suspended("SEC-2020-002", suspended=True)
            raise KeyError
        estate.register.set_suspended("SEC-2020-003", suspended=True)
    assert sorted(names(estate)) == ["SEC-2020-001", "SEC-2020-003"]
    estate.audit.verify()


def test_parts_are_undone_with_the_whole(estate):
    before = len(list(estate.audit.entries()))
    with contextlib.suppress(KeyError), estate.transaction():
        with estate.transaction():
            estate.register.set_suspended("SEC-2020-001", suspended=True)
        raise KeyError
    assert names(estate) == []
    assert len(list(estate.audit.entries())) == before
    assert estate.certificates.select(Selection(label="Z1-supplier-ds"))


def test_the_register_is_read_anew_when_another_process_changed_it(quickstart, estate):

    assert len(estate.register.load().participant("rdp-one").ids) == 1
    with Estate.open(quickstart, lambda: "unused") as other:
        other.register.allocate("rdp-one", "RDP", 1)
    assert len(estate.register.load().participant("rdp-one").ids) == 2


@pytest.fixture
def writer(quickstart, monkeypatch):
    """Another process that does not wait: changes something, and tells whether that was done."""
    monkeypatch.setattr(database, "WAIT_SECONDS", 0.0)
    with Estate.open(quickstart, lambda: "unused") as other:

        def write():
            try:
                other.register.allocate("rdp-one", "RDP", 1)
            except EstateError as error:
                return error.code != "estate.locked"
            return True

        yield write


def _before_each(monkeypatch, owner, name, act):
    """Have something done before each call of a method, but its own; gives what came of it."""
    done = []
    method = getattr(owner, name)
    is_acting = False

    def stepped(*arguments):
        nonlocal is_acting
        if not is_acting:
            is_acting = True
            done.append(act())
            is_acting = False
        return method(*arguments)

    monkeypatch.setattr(owner, name, stepped)
    return done


@pytest.mark.slow
@pytest.mark.parametrize(
    ("owner", "step"),
    [
        (AuditLog, "_recorded_head"),
        (Database, "are_numbered_in_turn"),
        (AuditedTable, "verify"),
        (Database, "sum_of_rows"),
        (Database, "check_schema"),
        (Database, "file_faults"),
    ],
)
def test_the_audit_reads_one_state_beside_a_process_that_writes(
    quickstart, writer, monkeypatch, owner, step
):
    with Estate.open(quickstart, lambda: "unused") as reader:
        last = reader.audit.head().number
        with monkeypatch.context() as patch:
            done = _before_each(patch, owner, step, writer)
            assert reader.audit.verify() == last
        assert done
        assert not any(done)
        assert writer()
        assert reader.audit.verify() == last + 1


def test_the_head_is_that_of_one_state(quickstart, writer, monkeypatch):
    with Estate.open(quickstart, lambda: "unused") as reader:
        before = reader.audit.head()
        with monkeypatch.context() as patch:
            done = _before_each(patch, AuditLog, "_recorded_head", writer)
            assert reader.audit.head() == before
        assert done == [False]
        assert writer()
        assert reader.audit.head() != before


def test_nothing_is_written_while_one_state_is_read(estate):
    before = estate.audit.head()
    with (
        estate._database.snapshot(),  # noqa: SLF001 - no store has it
        pytest.raises(EstateError, match="readonly"),
    ):
        estate.register.set_suspended("SEC-2020-001", suspended=True)
    assert estate.audit.head() == before
    estate.register.set_suspended("SEC-2020-001", suspended=True)
    assert estate.audit.verify()


def test_an_estate_belongs_to_the_thread_that_opened_it(estate):
    with ThreadPoolExecutor(1) as pool:
        error = pool.submit(estate.certificates.authorities).exception()
    assert isinstance(error, EstateError)
    assert error.code == "estate.thread"
    assert "Open it in each thread" in error.remedy
