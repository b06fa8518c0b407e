"""Does the services' work on the estate: changes in one thread, questions in a few others.

An open estate belongs to one thread. So the event loop never waits for the disk: it hands work to
a desk, and goes on with other requests until the answer is there.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from smki_testca.api import Estate

T = TypeVar("T")

MAX_TOGETHER = 64
"""The most works that are committed together: the first of them waits for the last."""
READERS = 2
"""The number of threads that answer questions."""


class _Work:
    """A piece of work, and the future of its result."""

    def __init__(self, work: Callable[[Estate], Any]) -> None:
        self.work = work
        self.future: Future[Any] = Future()
        self.result: Any = None
        self.error: BaseException | None = None

    def do(self, estate: Estate) -> None:
        """Do it, and keep the result or the error until the transaction ends."""
        try:
            self.result = self.work(estate)
        except Exception as error:  # noqa: BLE001 - it is raised again where the work came from
            self.error = error

    def tell(self, failure: BaseException | None = None) -> None:
        """Tell who waits: the result if all was committed, or else the failure."""
        error = self.error or failure
        if error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(error)


class Desk:
    """The estate behind the services.

    Args:
        open_estate: opens the estate; called once in each thread.
    """

    def __init__(self, open_estate: Callable[[], Estate]) -> None:
        self._open = open_estate
        self._works: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write_all, name="desk")
        self._own = threading.local()
        self._opened: list[Estate] = []
        self._lock = threading.Lock()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="desk-reader")
        self._started: Future[None] = Future()

    def start(self) -> Self:
        """Open the estate and unlock its keys.

        Raises:
            EstateError: if it cannot be opened, or the passphrase is wrong.
        """
        self._writer.start()
        self._started.result()
        return self

    def close(self) -> None:
        """Do the work that waits, and close the estate."""
        self._works.put(None)
        self._readers.shutdown()
        self._writer.join()
        for estate in self._opened:
            estate.close()

    async def write(self, work: Callable[[Estate], T]) -> T:
        """Do work that changes the estate, and return its result once that is safe on the disk.

        Works that wait at the same time are committed together. Each makes its changes in
        ``estate.transaction()``: so one that raises an error takes back its own alone.

        Args:
            work: gets the open estate, which it must not keep.

        Raises:
            EstateError: if the changes cannot be committed.
        """
        waiting = _Work(work)
        self._works.put(waiting)
        # Whoever waits may be cancelled, as the client hangs up; the work is done all the same.
        result: T = await asyncio.shield(asyncio.wrap_future(waiting.future))
        return result

    async def read(self, work: Callable[[Estate], T]) -> T:
        """Do work that changes nothing, and return its result.

        Args:
            work: gets an open estate, which it must not keep; its result must not be lazy.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self._read, work)

    def _read(self, work: Callable[[Estate], T]) -> T:
        estate: Estate | None = getattr(self._own, "estate", None)
        if estate is None:
            estate = self._own.estate = self._opening()
        return work(estate)

    def _opening(self) -> Estate:
        """An estate for this thread."""
        estate = self._open()
        with self._lock:
            self._opened.append(estate)
        return estate

    def _write_all(self) -> None:
        """What the writing thread does until the desk is closed."""
        try:
            estate = self._opening()
            estate.unlock()
        except BaseException as error:  # noqa: BLE001 - ``start`` raises it
            self._started.set_exception(error)
            return
        self._started.set_result(None)
        while (first := self._works.get()) is not None:
            together, is_last = [first], False
            while len(together) < MAX_TOGETHER and not self._works.empty():
                following = self._works.get()
                if following is None:
                    is_last = True
                    break
                together.append(following)
            _commit(estate, together)
            if is_last:
                return


def _commit(estate: Estate, together: list[_Work]) -> None:
    """Do works in one transaction, and tell who waits for each."""
    failure: BaseException | None = None
    try:
        with estate.transaction():
            for waiting in together:
                waiting.do(estate)
    except Exception as error:  # noqa: BLE001 - everybody whose work was taken back is told
        failure = error
    for waiting in together:
        waiting.tell(failure)
