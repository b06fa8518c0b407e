"""Looks whether the profiles can be read, and are those by which the CAs were made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.errors import InputError
from smki_testca.estate.stores import renew_command
from smki_testca.lifecycle.doctor import kinds
from smki_testca.lifecycle.doctor.observation import Observation
from smki_testca.profiles.file_digests import profile_digests
from smki_testca.profiles.model import Tier
from smki_testca.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.estate.certificates import Record
    from smki_testca.lifecycle.doctor.patient import Patient
    from smki_testca.lifecycle.looking import Look


def check_files(patient: Patient) -> Iterator[Observation]:
    """Read every file of the profiles."""
    try:
        patient.library().check()
    except InputError as error:
        yield Observation(
            kinds.PROFILES_UNREADABLE, error.message, error.remedy or "Mend the file, or remove it."
        )


def check_changes(patient: Patient, look: Look) -> Iterator[Observation]:
    """Compare the profiles with those of the newest certificate of each CA."""
    del patient
    estate = look.estate
    current = profile_digests(estate.library)
    unrecorded = 0
    for state in estate.authorities.states():
        if not state.issues_now:
            continue
        entry = estate.audit.entry(state.record.audit)
        recorded = entry.body.get("profiles")
        if not isinstance(recorded, dict):
            unrecorded += 1
            continue
        for name, digest in sorted(recorded.items()):
            if current.get(name) != digest:
                yield _changed(look, state.record, name)
    if unrecorded:
        yield Observation(
            kinds.PROFILES_NOT_RECORDED,
            f"The log does not record by which profiles {counted(unrecorded, 'CA')} of this estate"
            " were made: an earlier version made them.",
            "Nothing needs to be done: the next renewal of a CA records them.",
        )


def _changed(look: Look, authority: Record, name: str) -> Observation:
    library = look.estate.library
    where = f"The profile {name}"
    since = f"since the certificate of the CA {authority.label} was made"
    if name not in {*library.profile_names, *library.revocation_list_profile_names}:
        return Observation(
            kinds.PROFILE_MISSING,
            f"{where}, by which the CA {authority.label} was made, is missing.",
            "Put its file back, or name its folder with --profiles.",
        )
    path = library.any_profile(name).origin
    if name in library.profile_names and library.profile(name).tier is Tier.END_ENTITY:
        return Observation(
            kinds.PROFILE_OF_ISSUED,
            f"{where}, in {path}, has changed {since}: what it issues now is made by other rows.",
            "If the change was not meant, put the earlier file back.",
        )
    return Observation(
        kinds.PROFILE_OF_CA,
        f"{where}, in {path}, has changed {since}.",
        "Put the earlier file back, or make the CA's certificate by it:"
        f" {renew_command(authority)}",
    )
