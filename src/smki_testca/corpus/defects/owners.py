"""Finds the key of a base's own holder, for defects that sign with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.corpus.keys import ec_key, rsa_key
from smki_testca.corpus.parts import RSA_SHA256

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.keys import Signer


def own_key(base: Base) -> Signer:
    """The private key whose public key an end entity's certificate holds."""
    make_key = rsa_key if base.document.algorithm == RSA_SHA256 else ec_key
    return make_key(base.name)
