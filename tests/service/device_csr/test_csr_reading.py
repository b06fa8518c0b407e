"""A CSR that is like one before is read as if it were the first."""

import base64

import pytest

import csrs
from smki_testca.authority import csr as single
from smki_testca.errors import InputError
from smki_testca.profiles import Library
from smki_testca.service.device_csr.csr_reading import DeviceCsrReader

IDS = [bytes.fromhex(f"00db12000000000{n}") for n in range(1, 6)]


@pytest.fixture(scope="module")
def library():
    return Library()


@pytest.mark.parametrize("usage", ["ds", "ka"])
def test_each_csr_of_one_tool_is_read_as_it_is(library, usage):
    reader = DeviceCsrReader(library)
    for device_id in IDS:
        der = csrs.device(csrs.new_key(), device_id=device_id, usage=usage)
        read, expected = reader.read(base64.b64encode(der)), single.parse(der, library)
        assert (read.subject, read.usage) == (expected.subject, expected.usage)
        assert (read.public_key, read.remarks) == (expected.public_key, expected.remarks)
        assert read.der == expected.der == der
        assert single.differences(read.view, expected.view) == []
        other = single.parse(csrs.device(csrs.new_key(), device_id=IDS[0]), library)
        assert single.differences(read.view, other.view)


def test_a_fault_is_found_in_a_csr_that_is_like_a_good_one(library):
    reader = DeviceCsrReader(library)
    der = csrs.device(csrs.new_key())
    reader.read(base64.b64encode(der))
    for place in (len(der) - 1, len(der) - 80, 60, 4):
        broken = der[:place] + bytes((der[place] ^ 1,)) + der[place + 1 :]
        with pytest.raises(InputError):
            reader.read(base64.b64encode(broken))
