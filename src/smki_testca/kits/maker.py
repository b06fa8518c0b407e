"""Makes a kit: an estate with its certificates, and exports in each format beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from smki_testca.api import Estate
from smki_testca.entropy import SeededEntropy, SystemEntropy
from smki_testca.folders import OutputFile, write
from smki_testca.gitignore import (
    GITIGNORE,
    LEAVE_OUT_ALL,
)
from smki_testca.kits.authorities import add_authorities
from smki_testca.kits.cell_folders import write_cells
from smki_testca.kits.directory import appearing
from smki_testca.kits.exporting import check_formats, export, write_revocation_lists
from smki_testca.kits.kit_issuance import issue, issue_devices
from smki_testca.kits.readme import text as readme
from smki_testca.kits.result import ESTATE, EXPORT_PASSPHRASE_FILE, README, KitResult
from smki_testca.passphrases import leave_passphrase, make_passphrase
from smki_testca.profiles.library import met_in
from smki_testca.shipped import shipped
from smki_testca.toml_places import Place
from smki_testca.x509.names import KeyType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from smki_testca.clock import Clock
    from smki_testca.entropy import Entropy
    from smki_testca.kits.kit import Kit
    from smki_testca.kits.kit_requests import KitRequest


@dataclass(frozen=True, slots=True)
class KitOptions:
    """The options with which a kit is made.

    Attributes:
        devices: the number of Devices of each type in each environment; None for the kit's number.
        seed: the seed of serials and private keys; None for fresh ones.
        formats: the export formats to write; None for every one.
    """

    devices: int | None = None
    seed: bytes | None = None
    formats: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class FilledEstate:
    """The outcome of filling an estate with a kit.

    Attributes:
        run: the run that issued the Devices; None if there are none.
        warnings: what the participants should read, each line once.
    """

    run: int | None
    warnings: tuple[str, ...] = ()


def fill(
    estate: Estate,
    kit: Kit,
    options: KitOptions,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> FilledEstate:
    """Fill a new estate with a kit: its CAs, register, certificates and Devices.

    From a seed, whatever has to do with RSA keys comes after the rest: so the rest gets the same
    keys and serials from a seed as before RSA keys could be made from one.

    Args:
        estate: a new estate; made with a seeded entropy if the options have a seed.
        kit: the kit.
        options: the number of Devices, and the seed.
        progress: called with the number of certificates issued and the number of all, for the
            requests and for the Devices.

    Raises:
        Refusal: if the gate refuses a request; those before it stay issued.
        InputError: if the kit's register has a mistake.
    """
    library, seeded = estate.library, options.seed is not None
    hierarchies = kit.hierarchies_of(library)
    later = [each for each in hierarchies if seeded and library.has_rsa_keys(each)]
    warnings: dict[str, None] = {}

    def is_later(request: KitRequest) -> bool:
        profile = library.profile(request.profile)
        is_rsa = profile.key_type is not KeyType.P256
        return profile.hierarchy in later or (seeded and is_rsa)

    def warn(lines: Iterable[str]) -> None:
        warnings.update(dict.fromkeys(lines))

    add_authorities(estate, kit, [each for each in hierarchies if each not in later])
    if kit.example is not None:
        example = shipped("examples") / kit.example
        estate.register.import_file(example.read_bytes(), example.name)
    if kit.participants or kit.agreements:
        with met_in(Place(kit.origin)):
            estate.register.bring_in(list(kit.participants), kit.agreements_on(estate.clock))
    issue(estate, kit, progress, selected=lambda request: not is_later(request), warn=warn)
    if seeded:
        add_authorities(estate, kit, later)
        issue(estate, kit, progress, selected=is_later, warn=warn)
    run = issue_devices(estate, kit, options.devices, options.seed, progress, warn)
    return FilledEstate(run, tuple(warnings))


def make(
    kit: Kit,
    out: Path,
    options: KitOptions,
    *,
    profiles: Path | None = None,
    clock: Clock | None = None,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> KitResult:
    """Make a kit in a directory. If that fails, nothing is left of it.

    Args:
        kit: the kit.
        out: a directory that is new or empty.
        options: the number of Devices, the seed and the formats.
        profiles: the operator's profile directory, if there is one.
        clock: tells the time; the system's by default.
        progress: called with the number of certificates issued and the number of all, for the
            requests and for the Devices.

    Raises:
        Refusal: if the gate refuses a request.
        InputError: if the directory holds anything or cannot be made, or a format cannot hold
            the kit.
    """
    check_formats(options.formats)
    entropy, phrase_entropy = _entropies(options.seed)
    phrase, export_phrase = make_passphrase(phrase_entropy), make_passphrase(phrase_entropy)
    with appearing(out) as work:
        home = work / ESTATE
        with Estate.create(
            home, lambda: phrase, profiles=profiles, clock=clock, entropy=entropy
        ) as estate:
            leave_passphrase(home, phrase)
            filled = fill(estate, kit, options, progress)
            lists = write_revocation_lists(estate, work)
            cells = write_cells(estate, kit, work)
            exports = export(estate, options.formats, work, export_phrase)
            if exports.needed_passphrase:
                leave_passphrase(work, export_phrase, EXPORT_PASSPHRASE_FILE)
            devices = 0 if filled.run is None else estate.runs.get(filled.run).issued
            result = KitResult(
                kit,
                out,
                estate.clock.now(),
                devices,
                exports,
                lists,
                options.seed is not None,
                filled.warnings,
                tuple(cells),
            )
        beside = {README: readme(result).encode(), GITIGNORE: LEAVE_OUT_ALL}
        files = [OutputFile(PurePosixPath(name), data) for name, data in beside.items()]
        write(files, work, force=False)
    return result


def _entropies(seed: bytes | None) -> tuple[Entropy, Entropy]:
    """Return the entropy of keys and serials, and that of passphrases."""
    if seed is None:
        return SystemEntropy(), SystemEntropy()
    return SeededEntropy(seed), SeededEntropy(b"passphrases" + seed)
