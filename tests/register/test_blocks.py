"""Who holds which block of EUI-64s is found without going through all participants."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

import work
from smki_testca.errors import InputError
from smki_testca.identifiers import Eui64, IdRange, RegistryEntry, Signifier
from smki_testca.profiles import Library
from smki_testca.profiles.model import ParticipantKind
from smki_testca.register import documents
from smki_testca.register.blocks import Block, Blocks
from smki_testca.register.participants import Participant
from smki_testca.register.register import Register

BLOCKS = st.builds(
    lambda number, bits: Block(number >> (64 - bits) << (64 - bits), bits),
    st.integers(0, 255).map(lambda value: value << 56),
    st.integers(1, 8),
)


def _overlap(one, other):
    return one.first < other.end and other.first < one.end


@given(st.lists(st.tuples(BLOCKS, st.sampled_from("abc")), max_size=8), BLOCKS)
def test_an_overlap_is_found_whichever_block_is_the_larger(asked, block):
    blocks = Blocks()
    given_ = {}
    for candidate, holder in asked:
        if blocks.overlapping(candidate, holder) is None:
            blocks.add([candidate], holder)
            given_[candidate] = holder
    expected = {
        other for other, holder in given_.items() if holder != "a" and _overlap(block, other)
    }
    found = blocks.overlapping(block, "a")
    assert (found is None) == (not expected)
    assert found is None or found[0] in expected
    assert all(
        blocks.holder(Eui64(other.first)) == holder
        for other, holder in given_.items()
        if not any(_overlap(other, each) for each in given_ if each != other)
    )
    blocks.remove(given_)
    assert blocks.overlapping(block, "a") is None


@given(st.lists(st.tuples(BLOCKS, st.sampled_from("abc")), max_size=8), BLOCKS, BLOCKS)
def test_the_blocks_that_a_range_meets_are_found_with_their_holders(asked, one, other):
    blocks = Blocks()
    apart = {}
    for candidate, holder in asked:
        if not any(_overlap(candidate, each) for each in apart):
            blocks.add([candidate], holder)
            apart[candidate] = holder
    first, last = sorted((one.first, other.end - 1))
    found = blocks.in_range(IdRange(Eui64(first), Eui64(last)))
    assert found == sorted(
        (block, holder)
        for block, holder in apart.items()
        if block.first <= last and first < block.end
    )
    single = blocks.in_range(IdRange(Eui64(first), Eui64(first)))
    assert [holder for _, holder in single] == [blocks.holder(Eui64(first))] * len(single)
    blocks.remove(apart)
    assert blocks.in_range(IdRange(Eui64(first), Eui64(last))) == []


def _parties(count):
    return [
        Participant(f"p{n}", "x", ParticipantKind.PARTY, Signifier(f"S{n}")) for n in range(count)
    ]


def _makers(count):
    return [
        Participant(
            f"m{n}", "x", ParticipantKind.MANUFACTURER, registry_entries=(RegistryEntry(n, 36),)
        )
        for n in range(count)
    ]


@pytest.mark.parametrize("made", [_parties, _makers])
def test_an_import_takes_work_in_proportion_to_its_participants(made):
    calls = []
    for count in (200, 800):
        participants = made(count)
        with work.counted() as done:
            register = Register(()).with_participants(participants)
        calls.append(done.calls)
        with work.counted() as done:
            register.with_participants(made(1))
        assert done.calls < 60 * count + 2_000
    assert calls[1] < 6 * calls[0]


def test_looking_up_many_ids_does_not_go_through_the_participants_for_each():
    register = Register(()).with_participants(_makers(500))
    register.holder_of_device_id(Eui64(0))
    with work.counted() as done:
        for number in range(500):
            assert register.holder_of_device_id(Eui64(number << 28)).id == f"m{number}"
            assert register.holder_of_id(Eui64(number)) is None
            assert register.holder_of_range(Eui64(number)) is None
            assert register.agreements_of(f"m{number}") == []
    assert done.calls < 500 * 700


@pytest.mark.slow
def test_a_participant_of_thousands_of_ids_and_market_ids_is_checked_by_sets():
    ids = [f"90-B3-D5-1F-30-A1-{n >> 8:02X}-{n & 255:02X}" for n in range(5_000)]
    listed = ", ".join(f'{{ eui64 = "{each}" }}' for each in ids)
    market = ", ".join(f'"{each}"' for each in ids)
    text = f"""
[[participant]]
id = "one"
name = "one"
kind = "party"
signifier = "one"
ranges = [{{ registry-entry = "90-B3-D5-1F-3", organisation-number = "0A1" }}]
ids = [{listed}]
market-participant-ids = [{{ scheme = "MRA", identifier = "X", role-code = "X", ids = [{market}] }}]
"""
    start = time.process_time()
    participants, _ = documents.read_file(text.encode(), "text", Library())
    Register((RegistryEntry.parse("90-B3-D5-1F-3"),)).with_participants(participants)
    # Each with each would be 25 million comparisons, a quarter of a minute.
    assert time.process_time() - start < 60


def test_an_entry_that_is_given_up_can_be_had_by_another():
    maker, other = _makers(2)
    register = Register(()).with_participants([maker])
    taken = Participant(
        "z", "z", ParticipantKind.MANUFACTURER, registry_entries=maker.registry_entries
    )
    with pytest.raises(InputError):
        register.with_participants([taken])
    without = Participant(maker.id, "x", maker.kind, registry_entries=other.registry_entries)
    assert register.with_participants([without, taken]).holder_of_device_id(Eui64(0)).id == "z"
