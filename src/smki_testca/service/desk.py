"""Does the services' work on the estate: changes in one thread, questions in a few others.

An open estate belongs to one thread. So the event loop never waits for the disk: it hands work to
a desk, and goes on with other requests until the answer is there.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sys
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Self, TypeGuard, TypeVar

from smki_testca.errors import EstateError

if TYPE_CHECKING:
    from collections.abc import Callable

    from smki_testca.api import Estate

T = TypeVar("T")

MAX_TOGETHER = 64
"""The most works that are committed together: the first of them waits for the last."""
SWITCH_SECONDS = 0.0001
"""The time that a thread keeps the interpreter while another one waits for it. SQLite gives it up
at each statement: with Python's 5 ms, the thread that writes would wait for the event loop that
long at each of them."""
BETWEEN_SECONDS = 60.0
"""The time after a change in which what is due between changes is done."""
READERS = 2
"""The number of threads that answer questions."""
_LOCKED = "estate.locked"
_UNWRITABLE = frozenset({_LOCKED, "estate.unusable"})
"""The codes of errors that the next work would have, too."""
_WRITER = 0
"""The place of the thread that changes the estate among all."""


class _Work:
    """A piece of work, and the future of its result, which the event loop waits for."""

    __slots__ = ("error", "future", "loop", "result", "work")

    def __init__(self, work: Callable[[Estate], Any]) -> None:
        self.work = work
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self.result: Any = None
        self.error: BaseException | None = None

    def do(self, estate: Estate) -> None:
        """Do it, and keep the result or the error until the transaction ends."""
        try:
            self.result = self.work(estate)
        except Exception as error:  # noqa: BLE001 - it is raised again where the work came from
            self.error = error

    def tell(self, failure: BaseException | None = None) -> None:
        """Tell who waits, in its loop: the result if all was committed, or else the failure."""
        if self.future.done():
            return  # the client hung up
        error = self.error or failure
        if error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(error)


def _tell_all(works: list[_Work], failure: BaseException | None = None) -> None:
    """Tell all who wait, from another thread: each loop is woken once, not once for each work."""
    for loop in dict.fromkeys(work.loop for work in works):
        own = [work for work in works if work.loop is loop]

        def tell(own: list[_Work] = own) -> None:
            for work in own:
                work.tell(failure)

        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits
            loop.call_soon_threadsafe(tell)


class Desk:
    """The estate behind the services.

    Args:
        open_estate: opens the estate; called once in each thread.
        between: does what is due once in a while after changes, such as an anchor of the audit
            log. It is called in the thread that changes the estate, and raises nothing.
    """

    def __init__(
        self,
        open_estate: Callable[[], Estate],
        between: Callable[[Estate], None] | None = None,
    ) -> None:
        self._open = open_estate
        self._between = between
        self._due_at: float | None = None
        self._changes: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._questions: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._write_all, name="desk-writer"),
            *(
                threading.Thread(target=self._read_all, name=f"desk-reader-{number}")
                for number in range(READERS)
            ),
        ]
        self._opened = [Future[None]() for _ in self._threads]
        self._switch_seconds = sys.getswitchinterval()
        self.failure: EstateError | None = None
        """The reason why the last works could not be written; None if they could."""

    def start(self) -> Self:
        """Open the estate in each thread, and unlock its keys.

        Raises:
            EstateError: if it cannot be opened, or the passphrase is wrong.
        """
        sys.setswitchinterval(SWITCH_SECONDS)
        for thread in self._threads:
            thread.start()
        try:
            for opened in self._opened:
                opened.result()
        except BaseException:  # Ctrl-C, too: no thread is left that holds the estate open
            self.close()
            raise
        return self

    def close(self) -> None:
        """Do the work that waits, and close the estate."""
        self._changes.put(None)
        for _ in range(READERS):
            self._questions.put(None)
        for thread in self._threads:
            thread.join()
        sys.setswitchinterval(self._switch_seconds)

    async def write(self, work: Callable[[Estate], T]) -> T:
        """Do work that changes the estate, and return its result once that is safe on the disk.

        Works that wait at the same time are committed together. Each makes its changes in
        ``estate.transaction()``: so one that raises an error takes back its own alone.

        Args:
            work: gets the open estate, which it must not keep.

        Raises:
            EstateError: if the changes cannot be committed.
        """
        return await _answered(work, self._changes)

    async def read(self, work: Callable[[Estate], T]) -> T:
        """Do work that changes nothing, and return its result.

        Args:
            work: gets an open estate, which it must not keep; its result must not be lazy.
        """
        return await _answered(work, self._questions)

    def _write_all(self) -> None:
        """The work of the writing thread until the desk is closed."""
        estate = self._opened_for(_WRITER)
        if estate is None:
            return
        with estate:
            while (first := self._next_change(estate)) is not None:
                together: list[_Work] = [first]
                while len(together) < MAX_TOGETHER and not self._changes.empty():
                    following = self._changes.get()
                    if following is None:
                        self._changes.put(None)  # the end, which comes after these
                        break
                    together.append(following)
                self._commit(estate, together)
                if self._due_at is None:
                    self._due_at = time.monotonic() + BETWEEN_SECONDS

    def _next_change(self, estate: Estate) -> _Work | None:
        """The next work, None for the end; meanwhile what is due between changes is done."""
        if self._between is not None and self._due_at is not None:
            with contextlib.suppress(queue.Empty):
                wait = self._due_at - time.monotonic()
                if wait > 0:
                    return self._changes.get(timeout=wait)
            self._due_at = None
            self._between(estate)
        return self._changes.get()

    def _commit(self, estate: Estate, together: list[_Work]) -> None:
        """Do works in one transaction, and tell who waits for each."""
        failure: BaseException | None = None
        try:
            with estate.transaction():
                for waiting in together:
                    waiting.do(estate)
        except Exception as error:  # noqa: BLE001 - whose work was rolled back gets the error
            failure = error
        errors = (*(waiting.error for waiting in together), failure)
        self.failure = next(filter(is_unwritable, errors), None)
        if is_unwritable(failure) and failure.code == _LOCKED:
            # Those who came meanwhile have waited as long: they do not wait once more.
            together = [*together, *self._come_meanwhile()]
        _tell_all(together, failure)

    def _come_meanwhile(self) -> list[_Work]:
        """The works that wait to be done now; they are not done any more."""
        changes = [self._changes.get() for _ in range(self._changes.qsize())]
        if None in changes:
            self._changes.put(None)
        return [work for work in changes if work is not None]

    def _read_all(self) -> None:
        """The work of a reading thread until the desk is closed."""
        estate = self._opened_for(self._threads.index(threading.current_thread()))
        if estate is None:
            return
        with estate:
            while (question := self._questions.get()) is not None:
                question.do(estate)
                _tell_all([question])

    def _opened_for(self, number: int) -> Estate | None:
        """The open estate of a thread; None if it cannot be opened, which ``start`` raises."""
        estate: Estate | None = None
        try:
            estate = self._open()
            if number == _WRITER:
                estate.unlock()
        except BaseException as error:  # noqa: BLE001 - ``start`` raises it
            if estate is not None:
                estate.close()
            self._opened[number].set_exception(error)
            return None
        self._opened[number].set_result(None)
        return estate


async def _answered(work: Callable[[Estate], T], waiting: queue.SimpleQueue[_Work | None]) -> T:
    """The result of work that is put into a queue."""
    piece = _Work(work)
    waiting.put(piece)
    # Whoever waits may be cancelled, as the client hangs up; the work is done all the same.
    result: T = await piece.future
    return result


def is_unwritable(error: BaseException | None) -> TypeGuard[EstateError]:
    """Whether an error says that the estate cannot be written now, whatever the work is."""
    return isinstance(error, EstateError) and error.code in _UNWRITABLE
