"""Looks whether each CA has its key, and each key opens and belongs to its certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.errors import EstateError
from smki_testca.estate.database import RESTORE
from smki_testca.estate.orphans import Orphans
from smki_testca.lifecycle.doctor import kinds
from smki_testca.lifecycle.doctor.observation import Observation
from smki_testca.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.lifecycle.doctor.patient import Patient
    from smki_testca.lifecycle.looking import Look


def check(patient: Patient, look: Look) -> Iterator[Observation]:
    """Look where the keys are; with ``--keys``, open each as ``audit verify --keys`` does."""
    estate, orphans = look.estate, Orphans(look.database)
    for name in orphans.authorities_without_key():
        yield Observation(
            kinds.KEY_MISSING,
            f"The key of the CA {name} is neither in the estate nor in a token: the CA cannot"
            " sign.",
            f"{RESTORE} Or roll the CA over.",
        )
    for identifier in orphans.keys_in_two_places():
        yield Observation(
            kinds.KEY_TWICE,
            f"The key {identifier.hex()} is sealed in the estate, and noted as one in a token,"
            " too.",
            RESTORE,
        )
    if patient.with_keys:
        estate.estate_key.unlock()
        try:
            estate.verify_keys(patient.progress("private keys"))
        except EstateError as error:
            yield Observation(kinds.KEY_UNFIT, error.message, error.remedy or RESTORE)
        yield from _in_tokens(patient, look)


def _in_tokens(patient: Patient, look: Look) -> Iterator[Observation]:
    """Have the tokens show that they have their keys, if there is a way to ask them."""
    in_tokens = len(look.estate.key_store.in_tokens.rows())
    if in_tokens and patient.token_access is None:
        yield Observation(
            kinds.TOKENS_NOT_ASKED,
            f"{counted(in_tokens, 'key')} in tokens {'was' if in_tokens == 1 else 'were'} not"
            " checked: no PKCS#11 module is named.",
            "Name it with --token-module.",
        )
    elif in_tokens:
        try:
            look.estate.verify_token_keys()
        except EstateError as error:
            yield Observation(kinds.KEY_UNFIT, error.message, error.remedy or RESTORE)
