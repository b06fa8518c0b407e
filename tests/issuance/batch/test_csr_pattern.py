"""CSRs read by their likeness to one read before, and read in full: both must say the same."""

import zipfile
from functools import cache

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import csrs
from smki_testca.authority import csr as full
from smki_testca.errors import InputError
from smki_testca.issuance.batch.csr_pattern import CsrPattern
from smki_testca.issuance.batch.csr_reader import Reader
from smki_testca.issuance.batch.csr_sources import ZipOfCsrs
from smki_testca.issuance.batch.row_requests import RowProblem
from smki_testca.profiles import Library
from smki_testca.x509.view import view_request

LIBRARY = Library()
OTHER_HW_TYPE = "1.3.6.1.4.1.99999.7"


@cache
def _key(number):
    del number
    return csrs.new_key()


KEYS = st.integers(0, 5).map(_key)
NOBODY = (bytes(8), b"\xff" * 8)
DEVICE_IDS = st.binary(min_size=8, max_size=8).filter(lambda octets: octets not in NOBODY)
MAKES = st.fixed_dictionaries(
    {
        "hw_type": st.sampled_from([csrs.HW_TYPE, OTHER_HW_TYPE, "1.2.3"]),
        "usage": st.sampled_from(["ds", "ka"]),
        "critical": st.booleans(),
    }
)


def _in_full(der):
    """What the full reader says: what is asked for, or the codes of the faults."""
    try:
        csr = full.parse(der, LIBRARY)
    except full.CsrFaultsError as error:
        return [fault.code for fault in error.faults]
    return csr.subject.device_id.value, csr.subject.hw_type, csr.usage, csr.public_key


def _by_likeness(like, der):
    found = like.read(der)
    return None if found is None else (found[0], like.subject.hw_type, like.usage, found[1])


def _learnt(**make):
    return CsrPattern.of(full.parse(csrs.device(_key(0), **make), LIBRARY))


@given(MAKES, KEYS, DEVICE_IDS)
def test_a_csr_of_the_same_make_is_known_and_says_what_the_full_reader_says(make, key, device_id):
    der = csrs.device(key, device_id=device_id, **make)
    found = _by_likeness(_learnt(**make), der)
    assert found == _in_full(der)
    assert found[0] == int.from_bytes(device_id)


@pytest.mark.parametrize("device_id", NOBODY)
def test_a_device_id_of_nobody_is_left_to_the_full_reader_which_refuses_it(device_id):
    der = csrs.device(_key(1), device_id=device_id)
    assert _by_likeness(_learnt(), der) is None
    assert _in_full(der) == ["csr.device_id"]


@given(MAKES, MAKES, KEYS, DEVICE_IDS)
def test_a_csr_of_another_make_is_not_known(one, other, key, device_id):
    found = _by_likeness(_learnt(**one), csrs.device(key, device_id=device_id, **other))
    assert (found is not None) == (one == other)


@pytest.mark.slow
@given(MAKES, KEYS, st.integers(0, 400), st.integers(1, 255))
def test_whatever_octet_is_changed_only_what_is_in_order_is_known(make, key, at, change):
    der = bytearray(csrs.device(key, **make))
    der[at % len(der)] ^= change
    found = _by_likeness(_learnt(**make), bytes(der))
    assert found in (None, _in_full(bytes(der)))


@pytest.mark.slow
@given(MAKES, KEYS, st.integers(0, 300), st.integers(1, 255))
def test_whatever_was_changed_before_it_was_signed_both_say_the_same(make, key, at, change):
    info = bytearray(view_request(csrs.device(key, **make)).signed.encoded)
    info[at % len(info)] ^= change
    der = csrs.sign(bytes(info), key)
    found = _by_likeness(_learnt(**make), der)
    assert found in (None, _in_full(der))


@pytest.mark.slow
@given(MAKES, KEYS, st.binary(max_size=4), st.integers(0, 400))
@example({"hw_type": csrs.HW_TYPE, "usage": "ka", "critical": True}, _key(1), b"\x00", 0)
def test_a_csr_that_is_cut_off_or_goes_on_is_not_known(make, key, more, cut):
    der = csrs.device(key, **make)
    changed = der[: len(der) - cut] + more
    found = _by_likeness(_learnt(**make), changed)
    assert found == (_in_full(der) if changed == der else None)


@pytest.mark.parametrize("maker", [csrs.organisation, lambda _: csrs.iki(csrs.rsa_key())])
def test_nothing_is_learnt_from_a_csr_of_another_kind(maker):
    assert CsrPattern.of(full.parse(maker(_key(0)), LIBRARY)) is None


def test_a_compressed_point_is_not_known():
    der = csrs.device(_key(1))
    point = der.index(bytes.fromhex("03420004")) + 3
    changed = der[:point] + bytes((2 + (der[point + 64] & 1),)) + der[point + 1 :]
    assert _learnt().read(der) is not None
    assert _learnt().read(changed) is None


def test_a_batch_of_every_make_is_read_as_each_csr_is_by_itself(tmp_path):
    path = tmp_path / "requests.zip"
    ders = [
        csrs.device(_key(n % 6), device_id=n.to_bytes(8), hw_type=hw_type, usage=usage)
        for n, (hw_type, usage) in enumerate(
            [(hw_type, usage) for hw_type in (csrs.HW_TYPE, "1.2.3") for usage in ("ds", "ka")] * 5
        )
    ]
    broken = bytearray(csrs.device(_key(2)))
    broken[-1] ^= 1
    ders += [bytes(broken), b"nonsense", csrs.device(csrs.new_key(csrs.ec.SECP384R1()))]
    with zipfile.ZipFile(path, "w") as archive:
        for number, der in enumerate(ders):
            archive.writestr(f"{number}.csr", csrs.pem(der))
    data = path.read_bytes()
    source = ZipOfCsrs(path.name, data)
    found = Reader(source, LIBRARY).read(range(1, len(source.members) + 1))
    assert len(found) == len(ders)
    for number, (one, der) in enumerate(zip(found, ders, strict=True), 1):
        if isinstance(one, RowProblem):
            assert one.line == number
            with pytest.raises(InputError) as raised:
                full.parse(csrs.pem(der), LIBRARY, remedies=full.OF_ZIP)
            assert one.error.as_json() == raised.value.as_json()
        else:
            subject = one.subject
            device_id = subject.device_id.value if one.eui64 is None else one.eui64
            assert one.number == number
            asked = device_id, subject.hw_type, one.usage, one.public_key
            assert asked == _in_full(der)


def test_csrs_with_null_parameters_are_known_by_their_pattern_too():
    make = {"algorithm": csrs.ECDSA_WITH_SHA256_NULL}
    first, second = (
        csrs.raw(_key(number), (), csrs.device_extensions(bytes((number,)) * 8), **make)
        for number in (1, 2)
    )
    learnt = CsrPattern.of(full.parse(first, LIBRARY))
    assert learnt is not None
    assert [warning.code for warning in learnt.remarks.warnings] == ["csr.algorithm_parameters"]
    assert _by_likeness(learnt, second) == _in_full(second)
    assert learnt.read(csrs.device(_key(2))) is None
    broken = second[:-1] + bytes((second[-1] ^ 1,))
    assert learnt.read(broken) is None
