"""Looks for rows of an estate that belong to nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.estate.database import RESTORE
from smki_testca.estate.orphans import Orphans
from smki_testca.lifecycle.doctor import kinds
from smki_testca.lifecycle.doctor.observation import Observation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.lifecycle.doctor.patient import Patient
    from smki_testca.lifecycle.looking import Look

_UNUSED = "Nothing uses it. If audit verify finds no fault, it does no harm: keep it."


def check(patient: Patient, look: Look) -> Iterator[Observation]:
    """Look for keys without certificates, and for what is of nobody in the register."""
    del patient
    orphans = Orphans(look.database)
    for kind, noun, keys in (
        (kinds.ORPHAN_SEALED_KEY, "sealed private key", orphans.sealed_keys()),
        (kinds.ORPHAN_TOKEN_KEY, "key in a token", orphans.token_keys()),
        (kinds.ORPHAN_IMPORTED_KEY, "imported private key", orphans.imported_keys()),
    ):
        for identifier in keys:
            yield Observation(kind, f"No certificate has the {noun} {identifier.hex()}.", _UNUSED)
    for name, participant in orphans.accounts():
        yield Observation(
            kinds.ORPHAN_ACCOUNT,
            f"The account {name} is of {participant}, which is not in the register.",
            f"Remove it: smki-testca account remove {name}",
        )
    for reference, participant in orphans.agreements():
        yield Observation(
            kinds.ORPHAN_AGREEMENT,
            f"The agreement {reference} is of {participant}, which is not in the register.",
            RESTORE,
        )
    for table, run in orphans.rows_of_unknown_runs():
        yield Observation(
            kinds.ORPHAN_ROWS,
            f"The table {table} has rows of run {run}, which the estate does not have.",
            RESTORE,
        )
