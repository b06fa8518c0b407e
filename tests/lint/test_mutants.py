"""Whatever octets come in, findings come out: no exception, no hang, no flood."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huge_inputs import CROWDED, HUGE, extension
from judge import Judge
from nodes import rebuilt
from noise import mutant
from seeds import containers, device_certificate, documents
from smki_testca.der import encode
from smki_testca.der.read import MAX_DEPTH, MAX_ELEMENTS, MAX_OCTETS
from smki_testca.importers.sources import MAX_DOCUMENTS, sources
from work import counted

MUTANTS = 5_000
BATCHES = 10
MOST_CALLS = 1_000_000
"""Of functions, for one document with all its reports; the mutants take at most some 25,000."""


@pytest.fixture(scope="session")
def certificates(quickstart_original):
    found = [one.data for one in sources([str(quickstart_original / "export" / "pem")])]
    return list(dict.fromkeys(found))


@pytest.fixture(scope="session")
def seeds(certificates):
    return documents(certificates) + containers(certificates) * 2


@pytest.fixture(scope="session")
def judge(certificates):
    return Judge(certificates)


@pytest.fixture(scope="session")
def device(certificates):
    return device_certificate(certificates)


def nested(tag, depth):
    element = b""
    for _ in range(depth):
        element = encode.tlv(tag, element)
    return element


@pytest.fixture(scope="session")
def intact(seeds):
    """Every document in the seeds."""
    return {one.data for seed in seeds for one in sources(["-"], seed)}


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(BATCHES))
def test_five_thousand_mutants_give_findings_and_nothing_else(judge, seeds, intact, batch):
    size = MUTANTS // BATCHES
    changed = 0
    for number in range(batch * size, (batch + 1) * size):
        data = mutant(seeds, number)
        with counted() as work:
            judged = judge(data)
        assert "internal.rule_failed" not in judged.codes, data.hex()
        assert work.calls < MOST_CALLS, data.hex()
        changed += data not in seeds
        # Only a change outside the documents, such as between PEM blocks, is passed over.
        silent = [one.data for one in sources(["-"], data) if not judged.findings]
        assert set(silent) <= intact, data.hex()
    assert changed > size * 0.9


@pytest.mark.slow
def test_every_changed_octet_of_a_certificate_is_told(judge, certificates):
    der = next(one for one in certificates if not judge(one).findings)
    silent = [
        position
        for position in range(len(der))
        if not judge(der[:position] + bytes((der[position] ^ 0x01,)) + der[position + 1 :]).findings
    ]
    assert silent == []


@given(data=st.binary(max_size=600))
def test_random_octets_give_findings(judge, data):
    assert judge(data).findings


@given(data=st.binary(max_size=400), head=st.sampled_from([b"0", b"PK\x03\x04", b"{", b"MII"]))
def test_octets_that_begin_like_a_document_give_no_fault(judge, data, head):
    assert "internal.rule_failed" not in judge(head + data).codes


@pytest.mark.slow
@given(data=st.text(max_size=200))
def test_text_of_any_characters_in_a_subject_gives_no_fault(judge, device, data):
    name = encode.tlv(0x31, encode.sequence(encode.oid("2.5.4.3"), encode.text(0x0C, data)))
    judged = judge(rebuilt(device, subject=[name]))
    assert "subject.unexpected" in judged.codes
    assert "internal.rule_failed" not in judged.codes


@pytest.mark.slow
@pytest.mark.parametrize("tag", [0x30, 0x31, 0xA0, 0x24, 0x04])
def test_elements_nested_to_any_depth_are_a_finding(judge, device, tag):
    deep = nested(tag, 20_000)
    assert judge(deep).findings
    assert judge(encode.sequence(deep)).findings
    with counted() as work:
        inside = judge(rebuilt(device, extensions=[extension("1.2.3", deep)]))
    assert "extensions.unexpected" in inside.codes or "der.too_deep" in inside.codes
    assert work.calls < MOST_CALLS


def test_the_documented_depth_is_read_and_one_more_is_not(judge):
    assert "der.structure" in judge(nested(0x30, MAX_DEPTH)).codes
    assert judge(nested(0x30, MAX_DEPTH + 1)).codes == {"der.too_deep"}


@pytest.mark.slow
def test_the_documented_number_of_elements_is_read_and_one_more_is_not(judge):
    null = b"\x05\x00"
    assert "der.structure" in judge(encode.sequence(null * (MAX_ELEMENTS - 1))).codes
    assert judge(encode.sequence(null * MAX_ELEMENTS)).codes == {"der.too_many"}


def test_the_documented_length_is_read_and_one_octet_more_is_not(judge):
    full = encode.sequence(encode.octet_string(bytes(MAX_OCTETS - 10)))
    assert len(full) == MAX_OCTETS
    assert judge(full).codes == {"der.structure"}
    assert judge(full + b"\x00").codes == {"document.too_long"}


@pytest.mark.slow
def test_a_file_of_too_many_documents_is_read_up_to_the_documented_number():
    found = list(sources(["-"], b"-----BEGIN CERTIFICATE-----\n" * (MAX_DOCUMENTS + 100)))
    assert len(found) == MAX_DOCUMENTS + 1
    assert found[-1].problem.code == "document.too_long"


@pytest.mark.slow
@pytest.mark.parametrize("name", HUGE)
def test_ten_megabytes_take_little_work_and_memory(name):
    data = HUGE[name]
    tracemalloc.start()
    try:
        with counted() as work:
            found = list(sources(["-"], data))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert work.calls < len(data) / 4
    assert peak < 10 * len(data)
    assert found
    assert all(one.problem for one in found)


@pytest.mark.slow
@pytest.mark.parametrize("name", CROWDED)
def test_a_crowded_certificate_gives_a_bounded_number_of_findings(judge, device, name):
    der = rebuilt(device, **CROWDED[name])
    with counted() as work:
        judged = judge(der)
    # It grows with the octets, not with their square.
    assert work.calls < 50 * len(der)
    assert 0 < judged.findings < 200


def test_a_huge_integer_gives_no_fault(judge, device):
    huge = encode.tlv(encode.INTEGER, b"\x01" * 900_000)
    judged = judge(rebuilt(device, extensions=[extension("2.5.29.20", huge)]))
    assert "internal.rule_failed" not in judged.codes
