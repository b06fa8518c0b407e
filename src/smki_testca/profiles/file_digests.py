"""Tells whose the files of a library are, and what they hold, by a digest of each."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from smki_testca.profiles.model import Tier

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from smki_testca.profiles.library import Library
    from smki_testca.profiles.model import Hierarchy


PROFILE_FOLDERS = ("revocation-lists", "certificates")
"""The folders of the profiles by which documents are made."""


class Owner(StrEnum):
    """The owner of the folder that a file of a library comes from."""

    OPERATOR = "operator"
    ESTATE = "estate"
    SHIPPED = "shipped"


@dataclass(frozen=True, slots=True)
class FileDigest:
    """One file of a library.

    Attributes:
        name: its path below the folder, such as ``certificates/device.toml``.
        path: where it is.
        owner: whose folder that is.
        sha256: of its octets, hexadecimal.
    """

    name: str
    path: Path
    owner: Owner
    sha256: str


def file_digests(library: Library, of_estate: Path) -> list[FileDigest]:
    """Every file that a library reads.

    Args:
        library: the library.
        of_estate: the folder of profiles in the estate, whether there is one or not.

    Raises:
        OSError: if a file cannot be read.
    """
    return [
        FileDigest(name, path, _owner(library, path, of_estate), _sha256(path))
        for name in library.file_names()
        for path in [library.path_of(name)]
    ]


def profile_digests(library: Library, names: Iterable[str] | None = None) -> dict[str, str]:
    """SHA-256 of the files of certificate and CRL profiles, hexadecimal, by the profiles' names.

    Args:
        library: the library.
        names: of the profiles; every one by default. One that the library lacks is left out.
    """
    known = {name: folder for folder in PROFILE_FOLDERS for name in library.names(folder)}
    return {
        name: _sha256(library.path_of(f"{known[name]}/{name}.toml"))
        for name in (known if names is None else names)
        if name in known
    }


def profiles_of_ca(library: Library, hierarchy: Hierarchy, tier: Tier) -> list[str]:
    """The names of the profiles that a CA works by.

    They are its own, that of its revocation lists and, of an issuing CA, those of what it issues.
    """
    lists = library.revocation_list_profile_for(hierarchy, tier)
    issued = [
        profile.name
        for profile in library.end_entity_profiles
        if tier is Tier.ISSUING and profile.hierarchy == hierarchy
    ]
    own = library.profile_for(hierarchy, tier).name
    return [own, *([] if lists is None else [lists.name]), *issued]


def _owner(library: Library, path: Path, of_estate: Path) -> Owner:
    folder = next(each for each in library.directories if path.is_relative_to(each))
    if folder not in library.overrides:
        return Owner.SHIPPED
    return Owner.ESTATE if folder == of_estate else Owner.OPERATOR


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
