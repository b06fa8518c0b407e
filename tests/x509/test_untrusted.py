"""Whatever cryptography does with octets from outside is one error, and prints nothing."""

from __future__ import annotations

import os

import pytest
from cryptography.hazmat.primitives import serialization

from smki_testca.errors import InputError
from smki_testca.x509 import untrusted

PANICS = (
    b"-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
    b"DEK-Info: AES-128-CBC,0011223344556677\n\nAAAAAAAAAAAAAAAAAAAAAA==\n"
    b"-----END EC PRIVATE KEY-----\n"
)


class Panic(BaseException):
    pass


def _raise(error):
    os.write(2, b"a trace")
    raise error


def test_a_panic_of_the_library_is_one_error_without_a_trace(capfd):
    with pytest.raises(InputError) as raised:
        untrusted.call(serialization.load_pem_private_key, PANICS, b"x")
    assert raised.value.code == "cryptography.fault"
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("error", [Panic(), ValueError(), TypeError(), OverflowError()])
def test_every_fault_is_one_error(capfd, error):
    with pytest.raises(InputError):
        untrusted.call(_raise, error)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(), MemoryError()])
def test_what_is_not_the_librarys_fault_goes_on(error):
    with pytest.raises(type(error)):
        untrusted.call(_raise, error)


def test_standard_error_is_there_again_afterwards(capfd):
    assert untrusted.call(len, b"abc") == 3
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"
