"""Checks that a sealed private key opens, and belongs to the public key that it is stored for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.errors import EstateError, is_of_passphrase
from smki_testca.estate.database import RESTORE
from smki_testca.x509 import private_keys
from smki_testca.x509.keys import key_id

if TYPE_CHECKING:
    from collections.abc import Callable


def check_pair(identifier: bytes, unseal: Callable[[], bytes], whose: str) -> None:
    """Unseal a private key, and compare its public key; see ``check_opened``.

    Args:
        identifier: the SHA-256 of the SubjectPublicKeyInfo.
        unseal: gives the key, PKCS#8 DER.
        whose: the key, for the error.

    Raises:
        EstateError: if it does not open, or is another key's.
    """
    check_opened(
        identifier, lambda: private_keys.public_key_info(private_keys.from_pkcs8(unseal())), whose
    )


def check_opened(identifier: bytes, open_key: Callable[[], bytes], whose: str) -> None:
    """Open a private key, and compare its public key.

    Args:
        identifier: the SHA-256 of the SubjectPublicKeyInfo.
        open_key: opens the key, and gives its SubjectPublicKeyInfo, DER.
        whose: the key, for the error.

    Raises:
        EstateError: if it does not open, or is another key's.
    """
    try:
        fault = None if key_id(open_key()) == identifier else "is of another public key"
    except EstateError as error:
        if is_of_passphrase(error):
            raise
        fault = "was changed, or sealed for another use"
    except ValueError:
        fault = "is not a private key"
    if fault is not None:
        raise EstateError("audit.key", f"The private key of {whose} {fault}.", RESTORE)
