"""Every reader gives a result or one clear error, in 512 MiB, whatever it reads.

``benchmarks/hostile.py`` does the same with a hundred thousand inputs.
"""

from __future__ import annotations

import pytest

import hostile_inputs as hostile
from hostile_inputs import READERS, bounded_tally

# A busy machine changes nothing: it only detects what never ends.
SECONDS = 300


@pytest.mark.slow
@pytest.mark.parametrize("name", [reader.name for reader in READERS])
def test_a_reader_reads_or_refuses_any_input_within_its_memory(name):
    if name == "parquet":
        pytest.importorskip("pyarrow")
    count = 20 if name == "parquet" else 200
    found = bounded_tally(name, range(count), SECONDS)
    assert found.faults == []
    assert found.codes.total() == count


def test_the_good_inputs_are_read():
    for reader in READERS:
        if reader.name in {"csv", "jsonl", "pattern", "passphrase", "keystore.json", "profile"}:
            assert any(hostile.outcome(reader, data) is None for data in reader.seeds())


def _faulty(data):
    raise (RuntimeError, MemoryError, KeyboardInterrupt)[len(data) % 3]


def test_a_fault_of_a_reader_is_found(monkeypatch):
    reader = hostile.BY_NAME["csv"]._replace(read=_faulty)
    monkeypatch.setitem(hostile.BY_NAME, "csv", reader)
    found = bounded_tally("csv", range(4), SECONDS)
    assert len(found.faults) == 4
