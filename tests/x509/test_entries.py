from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import strategies
from smki_testca.der import encode
from smki_testca.der.read import MAX_ELEMENTS, DerError, read
from smki_testca.x509 import entries as crl_entries
from smki_testca.x509.entries import CrlEntry, count, entries, place
from smki_testca.x509.names import ENTRY_EXTENSIONS
from smki_testca.x509.view import view_revocation_list

NAME = bytes.fromhex("300d310b300906035504030c025a31")
ALGORITHM = bytes.fromhex("300a06082a8648ce3d040302")
TIME = bytes.fromhex("170d3236313132333039333030305a")


V2 = encode.integer(1)


def crl(*parts, version=V2):
    tbs = encode.sequence(version, ALGORITHM, NAME, TIME, *parts)
    return encode.sequence(tbs, ALGORITHM, encode.bit_string(b"\x30\x00"))


def extension(name, value, flag=b""):
    oid = encode.oid(ENTRY_EXTENSIONS.get(name, name))
    return encode.sequence(oid, flag, encode.octet_string(value))


def reason(code, flag=b""):
    return extension("reasonCode", encode.tlv(0x0A, bytes((code,))), flag)


def entry(serial=7, date=TIME, *extensions):
    more = encode.sequence(*extensions) if extensions else b""
    return encode.sequence(encode.integer(serial), date, more)


def listed(*encoded):
    revoked, _ = read(encode.sequence(*encoded))
    return list(entries(revoked))


def one_of(*encoded):
    (found,) = listed(*encoded)
    return found


# Where they are


@pytest.mark.parametrize("version", [b"", V2])
@pytest.mark.parametrize("next_update", [b"", TIME])
def test_a_crl_is_told_by_its_outermost_elements(version, next_update):
    revoked = encode.sequence(entry())
    data = crl(next_update, revoked, version=version)
    start, end = place(data)
    assert data[start:end] == revoked
    assert view_revocation_list(data).value("revokedCertificates") == 1
    bare = crl(next_update, version=version)
    start, end = place(bare)
    assert start == end
    assert "revokedCertificates" not in view_revocation_list(bare).fields


def test_a_certificate_or_a_csr_is_no_crl(quickstart_original):
    for path in sorted(quickstart_original.rglob("*.der")):
        assert place(path.read_bytes()) is None
    for data in (b"", b"\x30", b"\x30\x80", b"\x30\x03\x30\x01", b"\x04\x00", b"text"):
        assert place(data) is None


@pytest.mark.slow
@given(st.one_of(st.binary(max_size=60), strategies.elements))
def test_whatever_the_octets_are_looking_at_them_is_safe(data):
    found = place(data)
    if found is not None:
        assert 0 <= found[0] <= found[1] <= len(data)


# How they are read


@given(
    st.integers(-(1 << 170), 1 << 170),
    strategies.instants,
    st.one_of(st.none(), st.integers(0, 127)),
)
def test_an_entry_is_read_as_it_was_written(serial, at, code):
    extensions = () if code is None else (reason(code),)
    found = one_of(entry(serial, encode.time(at), *extensions))
    assert (found.serial, found.at, found.reason) == (serial, at, code)
    assert found.date_tag == encode.time(at)[0]
    assert found.problem is None
    assert not found.anomalies
    assert dict(found.criticality) == ({} if code is None else {"reasonCode": False})


def test_only_an_entry_in_an_unusual_form_is_an_element():
    usual = [entry(), entry(7, TIME, reason(1)), entry((1 << 159) - 1)]
    assert all(one.node is None for one in listed(*usual))
    date = extension("invalidityDate", TIME)
    unusual = [
        entry(1 << 160),
        entry(7, encode.tlv(0x18, b"20261123093000Z")),
        entry(7, TIME, reason(1, b"\x01\x01\xff")),
        entry(7, TIME, date),
        encode.sequence(encode.tlv(0x02, b"\x00\x07"), TIME),
    ]
    assert all(one.node is not None and one.problem is None for one in listed(*unusual))


def test_every_extension_is_told_with_its_criticality():
    found = one_of(
        entry(
            7,
            TIME,
            extension("invalidityDate", TIME),
            reason(3, b"\x01\x01\xff"),
            extension("1.2.3", b"\x05\x00", b"\x01\x01\xff"),
            reason(3),
        )
    )
    assert dict(found.criticality) == {"invalidityDate": False, "reasonCode": True, "1.2.3": True}
    assert found.duplicates == ("reasonCode",)
    assert found.reason == 3


@pytest.mark.parametrize("value", [b"\x0a\x02\x00\x01", b"\x02\x01\x01", b"", b"\x0a\x00"])
def test_a_reason_that_is_none_is_there_without_a_value(value):
    found = one_of(entry(7, TIME, extension("reasonCode", value)))
    assert found.reason is None
    assert "reasonCode" in found.criticality


@pytest.mark.parametrize(
    "broken",
    [
        encode.sequence(),
        encode.sequence(encode.integer(7)),
        encode.sequence(TIME, encode.integer(7)),
        encode.sequence(encode.integer(7), encode.integer(7)),
        encode.sequence(encode.integer(7), TIME, TIME),
        encode.sequence(encode.integer(7), TIME, encode.sequence(), encode.sequence()),
        encode.sequence(encode.integer(7), TIME, encode.sequence(encode.integer(1))),
        encode.sequence(encode.integer(7), TIME, encode.sequence(encode.sequence())),
        encode.sequence(encode.integer(7), encode.tlv(0x17, b"261323093000Z")),
        encode.sequence(encode.integer(7), encode.tlv(0x17, b"2611230930Z")),
        encode.sequence(encode.tlv(0x02, b""), TIME),
        encode.sequence(encode.tlv(0x02, b"\x01" * 300), TIME),
        encode.integer(7),
        encode.octet_string(entry()),
    ],
    ids=lambda one: one.hex()[:24],
)
def test_what_is_no_entry_is_said_so_and_the_next_is_read(broken):
    first, second = listed(broken, entry(8))
    assert first.problem is not None
    assert first.problem.code == "crl.entry"
    assert (second.serial, second.problem) == (8, None)


def test_an_entry_that_is_cut_off_is_the_last():
    whole = entry(1) + entry(2) + entry(3)
    revoked, _ = read(encode.tlv(0x30, whole[:-1]), closed=0)
    found = list(entries(revoked))
    assert [one.serial for one in found] == [1, 2, None]
    assert found[-1].problem.code == "der.truncated"
    assert count(revoked) == 2


def test_one_entry_too_many_is_the_last(monkeypatch):
    monkeypatch.setattr(crl_entries, "MAX_ENTRIES", 3)
    found = listed(*(entry(number) for number in range(1, 6)))
    assert [one.serial for one in found] == [1, 2, 3, None]
    assert found[-1].problem.code == "crl.too_many_entries"
    assert [one.problem for one in listed(*(entry(n) for n in (1, 2, 3)))] == [None] * 3


@pytest.mark.slow
@given(st.lists(strategies.elements, max_size=4), st.binary(max_size=12))
def test_whatever_stands_in_their_place_each_ends_where_the_next_begins(parts, tail):
    data = encode.sequence(*parts, tail)
    revoked, _ = read(data, closed=0)
    found = list(entries(revoked))
    offsets = [one.offset for one in found]
    assert offsets == sorted(offsets)
    assert all(isinstance(one, CrlEntry) for one in found)
    for one in found:
        assert (one.problem is None) == (one.serial is not None) == (one.at is not None)


@pytest.mark.slow
def test_a_crl_of_more_elements_than_a_document_may_have_is_read():
    many = [entry(number, TIME, reason(4)) for number in range(1, MAX_ELEMENTS // 2)]
    data = crl(TIME, encode.sequence(*many))
    view = view_revocation_list(data)
    assert view.value("revokedCertificates") == len(many)
    with pytest.raises(DerError, match="elements"):
        read(data)
