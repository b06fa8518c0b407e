"""Finds the key of a base's own holder, for defects that sign with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.corpus.parts import RSA_SHA256
from smki_testca.corpus.signing_keys import ec_key, rsa_key

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.signing_keys import CorpusSigner


def own_key(base: Base) -> CorpusSigner:
    """The private key whose public key an end entity's certificate holds."""
    make_key = rsa_key if base.document.algorithm == RSA_SHA256 else ec_key
    return make_key(base.name)
