"""The desk: works that wait together are one transaction, and each answers for itself."""

import asyncio
import contextlib
import sqlite3
import threading

import pytest

from estates import opened
from smki_testca.errors import EstateError, InputError
from smki_testca.estate import database
from smki_testca.service import desk as desk_module
from smki_testca.service.desk import Desk
from smki_testca.service.estate_access import EstateAccess


def _access(directory):
    return EstateAccess(directory, (directory / "passphrase").read_text().strip())


@pytest.fixture
def desk(quickstart):
    desk = Desk(_access(quickstart).open).start()
    yield desk
    desk.close()


def _noting(what):
    def work(estate):
        with estate.transaction():
            return estate.audit.append(estate.clock.now(), "note", {"what": what})

    return work


def _notes(directory):
    with opened(directory) as estate:
        assert estate.audit.verify()
        return [entry.body["what"] for entry in estate.audit.entries_of("note")]


def test_works_that_wait_together_are_committed_in_their_order(desk, quickstart):
    async def many():
        return await asyncio.gather(*(desk.write(_noting(number)) for number in range(200)))

    numbers = asyncio.run(many())
    assert numbers == sorted(numbers)
    assert _notes(quickstart) == list(range(200))


def test_a_work_that_fails_takes_back_its_own_alone(desk, quickstart):
    def failing(estate):
        with estate.transaction():
            estate.audit.append(estate.clock.now(), "note", {"what": "lost"})
            raise InputError("test.failed", "It failed.")

    async def several():
        works = [_noting("before"), failing, _noting("after")]
        return await asyncio.gather(*map(desk.write, works), return_exceptions=True)

    _, error, _ = asyncio.run(several())
    assert isinstance(error, InputError)
    assert _notes(quickstart) == ["before", "after"]


def test_what_somebody_no_longer_waits_for_is_done_all_the_same(desk, quickstart):
    free = threading.Event()

    async def leaving():
        held = asyncio.create_task(desk.write(lambda _: free.wait(30)))
        left = asyncio.create_task(desk.write(_noting("left")))
        await asyncio.sleep(0)
        left.cancel()
        free.set()
        assert await held
        with pytest.raises(asyncio.CancelledError):
            await left
        await desk.write(_noting("last"))

    asyncio.run(leaving())
    assert _notes(quickstart) == ["left", "last"]


def test_a_commit_that_fails_is_told_to_everybody_whose_work_it_takes_back(desk, quickstart):
    def breaking(estate):
        estate._database.on_commit = _fail  # noqa: SLF001 - as a full disk fails
        return "done"

    def _fail():
        raise EstateError("estate.unwritable", "The disk is full.")

    async def both():
        return await asyncio.gather(desk.write(breaking), return_exceptions=True)

    (error,) = asyncio.run(both())
    assert isinstance(error, EstateError)
    assert _notes(quickstart) == []


def _filling(estate):
    estate._database.execute("PRAGMA max_page_count = 1")  # noqa: SLF001 - as a full disk is
    with estate.transaction():
        estate.audit.append(estate.clock.now(), "note", {"what": "x" * 100_000})


def _emptied(estate):
    estate._database.execute("PRAGMA max_page_count = 1000000")  # noqa: SLF001 - there is space


def test_a_full_disk_is_told_as_such_until_something_is_written(desk, quickstart):
    async def filling():
        with pytest.raises(EstateError) as raised:
            await desk.write(_filling)
        failure = desk.failure
        await desk.write(_emptied)
        await desk.write(_noting("after"))
        return raised.value, failure

    error, failure = asyncio.run(filling())
    assert error.code == "estate.unusable"
    assert failure is error
    assert desk.failure is None
    assert _notes(quickstart) == ["after"]


def test_after_a_transaction_that_sqlite_took_back_nothing_is_written_alone(desk, quickstart):
    free = threading.Event()

    def losing(estate):
        estate._database.execute("ROLLBACK")  # noqa: SLF001 - as SQLite does on some full disks

    async def several():
        held = asyncio.create_task(desk.write(lambda _: free.wait(30)))
        await asyncio.sleep(0.1)  # those that follow wait together
        works = [_noting("before"), losing, _noting("after")]
        waiting = [asyncio.create_task(desk.write(work)) for work in works]
        await asyncio.sleep(0)
        free.set()
        assert await held
        return await asyncio.gather(*waiting, return_exceptions=True)

    errors = asyncio.run(several())
    assert [error.code for error in errors] == ["estate.unusable"] * 3
    assert _notes(quickstart) == []


@pytest.mark.slow
def test_who_came_while_the_estate_was_locked_does_not_wait_once_more(quickstart, monkeypatch):
    monkeypatch.setattr(database, "WAIT_SECONDS", 0.5)
    desk = Desk(_access(quickstart).open).start()
    begun = []

    def work(_):
        begun.append(1)

    async def several():
        first = asyncio.create_task(desk.write(work))
        await asyncio.sleep(0.2)  # the first waits for the lock
        rest = [asyncio.create_task(desk.write(work)) for _ in range(200)]
        return await asyncio.gather(first, *rest, return_exceptions=True)

    try:
        with contextlib.closing(sqlite3.connect(quickstart / "estate.sqlite")) as other:
            other.execute("BEGIN IMMEDIATE")
            errors = asyncio.run(several())
        assert {error.code for error in errors} == {"estate.locked"}
        assert len({id(error) for error in errors}) == 1
        assert not begun
        assert desk.failure in errors
    finally:
        desk.close()


def test_questions_are_answered_while_a_change_waits(desk):
    free = threading.Event()

    async def asking():
        held = asyncio.create_task(desk.write(lambda _: free.wait(30)))
        serials = await desk.read(lambda estate: len(estate.certificates.authorities()))
        free.set()
        assert await held
        return serials

    assert asyncio.run(asking()) > 0


def test_a_wrong_passphrase_is_told_at_the_start(quickstart):
    before = set(threading.enumerate())
    with pytest.raises(EstateError, match="passphrase"):
        Desk(EstateAccess(quickstart, "wrong").open).start()
    assert set(threading.enumerate()) <= before


def test_a_lacking_estate_is_told_at_the_start(tmp_path):
    with pytest.raises(EstateError, match="no estate"):
        Desk(EstateAccess(tmp_path, "phrase").open).start()


def test_what_is_due_between_changes_is_done_once_after_them(quickstart, monkeypatch):
    monkeypatch.setattr(desk_module, "BETWEEN_SECONDS", 0.01)
    done, seen = threading.Event(), []

    def between(estate):
        seen.append((threading.current_thread().name, len(estate.audit.entries_of("note"))))
        done.set()

    desk = Desk(_access(quickstart).open, between).start()
    try:
        assert not done.wait(0.05)  # nothing was changed yet
        asyncio.run(desk.write(_noting("one")))
        assert done.wait(30)
        done.clear()
        assert not done.wait(0.05)
        asyncio.run(desk.write(_noting("two")))
        assert done.wait(30)
    finally:
        desk.close()
    assert seen == [("desk-writer", 1), ("desk-writer", 2)]
    assert _notes(quickstart) == ["one", "two"]
