"""Reading CSRs and comparing certificates with them, from Python and without an estate."""

from __future__ import annotations

import pytest

from smki_testca import (
    CsrFaultsError,
    DeviceSubject,
    Eui64,
    InputError,
    KeyUsage,
    compare_with_csr,
    make_csr,
    read_csr,
)

DEVICE = DeviceSubject(Eui64.parse("00-DB-12-00-00-00-00-05"), "1.2.826.0.1.8641679.1.2.2.1")
INPUTS = {"device_id": "00-DB-12-00-00-00-00-05", "hw_type": DEVICE.hw_type}


@pytest.fixture(scope="module")
def csr():
    return make_csr("device", KeyUsage.KEY_AGREEMENT, **INPUTS).pem


def test_a_csr_is_read_without_an_estate(csr):
    read = read_csr(csr)
    assert (read.subject, read.usage) == (DEVICE, KeyUsage.KEY_AGREEMENT)
    assert read_csr(csr, profile="device", taken_as="test-ca").subject == DEVICE


def test_every_fault_of_a_csr_is_told(csr):
    with pytest.raises(CsrFaultsError) as caught:
        read_csr(csr, profile="iki")
    assert caught.value.faults
    with pytest.raises(CsrFaultsError):
        read_csr(b"no CSR")
    with pytest.raises(InputError, match="devise"):
        read_csr(csr, profile="devise")


def test_a_certificate_is_compared_with_its_csr(csr, estate):
    record, _ = estate.sign(estate.read_csr(csr), "meters-one", "device-and-user-system-tests")
    assert compare_with_csr(csr, record.der) == []
    pem = estate.credential(record).pem
    other = make_csr("device", KeyUsage.DIGITAL_SIGNATURE, **INPUTS).pem
    assert compare_with_csr(other, pem) == ["the public key differs", "the key usage differs"]
    with pytest.raises(InputError) as caught:
        compare_with_csr(csr, csr)
    assert caught.value.code == "compare.certificate"
