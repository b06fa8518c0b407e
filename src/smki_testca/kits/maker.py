"""Makes a kit: an estate with everything in it, and every client's form of it beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from smki_testca.api import Estate
from smki_testca.entropy import SeededEntropy, SystemEntropy
from smki_testca.files import OutputFile, write
from smki_testca.kits.directory import appearing
from smki_testca.kits.exporting import check_formats, export, write_revocation_lists
from smki_testca.kits.issuing import issue, issue_devices
from smki_testca.kits.readme import text as readme
from smki_testca.kits.result import ESTATE, EXPORT_PASSPHRASE_FILE, README, KitResult
from smki_testca.passphrases import leave_passphrase, make_passphrase
from smki_testca.shipped import shipped

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from smki_testca.clock import Clock
    from smki_testca.entropy import Entropy
    from smki_testca.kits.kit import Kit, KitDevices, KitRequest


@dataclass(frozen=True, slots=True)
class KitOptions:
    """What is asked for beside the kit.

    Attributes:
        devices: how many Devices of each type in each environment; None for the kit's number.
        seed: serials and private keys are derived from it; None for fresh ones.
        formats: the export formats to write; None for every one.
    """

    devices: int | None = None
    seed: bytes | None = None
    formats: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Filled:
    """What was issued in an estate.

    Attributes:
        run: of the Devices; None where there are none.
        left_out: labels of the requests, and types of the Devices, that a seed cannot serve, for
            they need RSA keys.
    """

    run: int | None
    left_out: tuple[str, ...]


def fill(
    estate: Estate,
    kit: Kit,
    wish: KitOptions,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Filled:
    """Bring a kit into an estate that has nothing yet: CAs, register, certificates, Devices.

    Args:
        estate: new; made with a seeded entropy where the wish has a seed.
        kit: what to bring in.
        wish: how many Devices, and from what seed.
        progress: told how many certificates of how many are issued, for each part anew.

    Raises:
        Refusal: if the gate refuses a request; those before it stay issued.
        InputError: if the kit's register does not hold together.
    """
    seeded = wish.seed is not None
    hierarchies = [
        one for one in estate.library.hierarchies if not seeded or estate.library.seedable(one)
    ]
    families: set[str] = set()
    for name in kit.environments:
        family = estate.library.environment(name).family
        if family not in families:
            estate.add_environment(name, hierarchies=hierarchies)
            families.add(family)
    if kit.example is not None:
        example = shipped("examples") / kit.example
        estate.register.import_file(example.read_bytes(), example.name)
    if kit.participants or kit.agreements:
        today = estate.clock.now().date()
        agreements = [one.on(today) for one in kit.agreements]
        estate.register.bring_in(list(kit.participants), agreements)

    def can_be_made(one: KitRequest | KitDevices) -> bool:
        return not seeded or estate.library.is_seedable(estate.library.profile(one.profile))

    issue(estate, kit, progress, wanted=can_be_made)
    left_out = [one.label or one.profile for one in kit.requests if not can_be_made(one)]
    left_out += [one.type for one in kit.devices if not can_be_made(one)]
    kit = replace(kit, devices=tuple(filter(can_be_made, kit.devices)))
    return Filled(issue_devices(estate, kit, wish.devices, wish.seed, progress), tuple(left_out))


def make(
    kit: Kit,
    out: Path,
    wish: KitOptions,
    *,
    profiles: Path | None = None,
    clock: Clock | None = None,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> KitResult:
    """Make a kit in a directory, or nothing.

    Args:
        kit: what to make.
        out: a directory that is new or empty.
        wish: what is asked for beside the kit.
        profiles: the operator's profile directory, if there is one.
        clock: tells the time; the system's by default.
        progress: told how many certificates of how many are issued, for each part anew.

    Raises:
        Refusal: if the gate refuses a request.
        InputError: if the directory holds anything or cannot be made, or a format cannot hold
            the kit.
    """
    check_formats(wish.formats)
    entropy, made_up = _entropies(wish.seed)
    phrase, export_phrase = make_passphrase(made_up), make_passphrase(made_up)
    with appearing(out) as work:
        home = work / ESTATE
        with Estate.create(
            home, lambda: phrase, profiles=profiles, clock=clock, entropy=entropy
        ) as estate:
            leave_passphrase(home, phrase)
            filled = fill(estate, kit, wish, progress)
            lists = write_revocation_lists(estate, work)
            exports = export(estate, wish.formats, work, export_phrase)
            if exports.needed_passphrase:
                leave_passphrase(work, export_phrase, EXPORT_PASSPHRASE_FILE)
            devices = 0 if filled.run is None else estate.runs.get(filled.run).issued
            made = KitResult(
                kit,
                out,
                estate.clock.now(),
                devices,
                exports,
                lists,
                filled.left_out,
                wish.seed is not None,
            )
        write([OutputFile(PurePosixPath(README), readme(made).encode())], work, force=False)
    return made


def _entropies(seed: bytes | None) -> tuple[Entropy, Entropy]:
    """Where keys and serials come from, and where passphrases do."""
    if seed is None:
        return SystemEntropy(), SystemEntropy()
    return SeededEntropy(seed), SeededEntropy(b"passphrases" + seed)
