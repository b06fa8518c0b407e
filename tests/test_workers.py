"""The pool of worker processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures.process import BrokenProcessPool
from itertools import count

import pytest

from smki_testca import workers

_given: list[int] = []


def _begin(*given):
    _given[:] = given


def _times(task):
    return task * _given[0]


def _end(task):
    if task == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return task


def _hang(_):
    threading.Event().wait()


def _fails(task):
    raise ValueError(task)


def test_each_task_comes_back_once_with_its_result():
    results = workers.unordered(2, _times, range(100), _begin, 7)
    assert sorted(results) == [(task, task * 7) for task in range(100)]


def test_results_of_a_pool_keep_the_order_of_their_tasks():
    with workers.pool(2, _begin, 7) as pool:
        assert list(pool.map(_times, range(100))) == [task * 7 for task in range(100)]


def test_tasks_are_taken_as_workers_come_free():
    taken = []

    def tasks():
        for number in count():
            taken.append(number)
            yield number

    results = workers.unordered(2, _times, tasks(), _begin, 1)
    for _ in range(10):
        next(results)
    results.close()
    assert len(taken) < 10 + 2 * workers.IN_FLIGHT * 2


def test_a_worker_that_dies_is_told_of_and_takes_the_others_with_it():
    with pytest.raises(BrokenProcessPool):
        list(workers.unordered(2, _end, range(100), _begin))
    assert not multiprocessing.active_children()


def test_an_error_of_a_task_reaches_the_caller_and_ends_the_workers():
    with pytest.raises(ValueError, match="0"):
        list(workers.unordered(1, _fails, range(3), _begin))
    assert not multiprocessing.active_children()


def test_workers_that_never_end_are_ended_with_the_block_that_made_them():
    with workers.pool(2, _begin) as pool:
        futures = [pool.submit(_hang, None) for _ in range(5)]
        assert len(multiprocessing.active_children()) == 2
    assert not multiprocessing.active_children()
    assert all(future.done() for future in futures)
