"""Lists, loads, makes and applies kits: what ``kit`` does, for programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from smki_testca.entropy import check_seed
from smki_testca.kits import applying, loading, maker
from smki_testca.kits.kit import Kit
from smki_testca.kits.kit_issuance import check_count
from smki_testca.profiles import Library

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import timedelta

    from smki_testca.api import Estate
    from smki_testca.clock import Clock
    from smki_testca.kits.plan import KitPlan
    from smki_testca.kits.result import KitResult


def _nothing(_done: int, _of: int) -> None:
    pass


def kit_names(profiles: Path | str | None = None) -> list[str]:
    """Return the names of all kits.

    Args:
        profiles: the operator's profile directory, if there is one.

    Raises:
        InputError: if the profile directory cannot be read.
    """
    return loading.names(_library(profiles))


def load_kit(name: str | Path, profiles: Path | str | None = None) -> Kit:
    """Load a kit; nothing is made.

    Args:
        name: of a kit; or the path of a kit file, which ends in ``.toml``.
        profiles: the operator's profile directory, if there is one.

    Raises:
        InputError: if there is no such kit, or its file has mistakes: every message names the
            file and the table.
    """
    return loading.load(_library(profiles), str(name))


def make_kit(
    kit: Kit | str | Path,
    out: Path | str,
    *,
    devices: int | None = None,
    seed: bytes | None = None,
    formats: Iterable[str] | str | None = None,
    profiles: Path | str | None = None,
    clock: Clock | None = None,
    progress: Callable[[int, int], None] = _nothing,
) -> KitResult:
    """Make a kit in a directory: an estate, its certificates in every client's form, and CRLs.

    The passphrase of the estate is in the file ``estate/passphrase``. If it fails, nothing is left.

    Args:
        kit: from ``load_kit``, or what ``load_kit`` takes.
        out: a directory that is new or empty.
        devices: the number of Devices of each type in each environment; by default the kit's.
        seed: the source of serials and keys, 8 to 64 octets: the keys are not secret.
        formats: the export formats to write, or one; every one by default.
        profiles: the operator's profile directory, if there is one.
        clock: tells the time; the system's by default.
        progress: called with the number of certificates issued, and of all.

    Raises:
        Refusal: if the gate refuses a request.
        InputError: if the kit cannot be loaded, the directory holds anything or cannot be made, a
            format cannot hold the kit, or an argument cannot be used.
    """
    check_seed(seed)
    chosen = (formats,) if isinstance(formats, str) else None if formats is None else tuple(formats)
    return maker.make(
        kit if isinstance(kit, Kit) else load_kit(kit, profiles),
        Path(out),
        maker.KitOptions(check_count(devices), seed, chosen),
        profiles=None if profiles is None else Path(profiles),
        clock=clock,
        progress=progress,
    )


def apply_kit(
    estate: Estate,
    kit: Kit | str | Path,
    *,
    within: timedelta = applying.DEFAULT_PERIOD,
    devices: int | None = None,
    dry_run: bool = False,
    progress: Callable[[int, int], None] = _nothing,
) -> KitPlan:
    """Bring an estate to what a kit says: add what is missing, and renew what is due.

    What differs from the kit is reported and stays as it is. A second application does nothing.

    Args:
        estate: a living estate.
        kit: from ``load_kit``; or its name or path, loaded with the estate's profiles.
        within: a certificate that ends within this period is renewed.
        devices: the number of Devices of each type in each environment; by default the kit's.
        dry_run: whether to plan only.
        progress: called with the number of certificates issued, and of all.

    Returns:
        What was done; of a dry run, what would be done.

    Raises:
        Refusal: with every reason of the gate against any of the certificates. Nothing is done
            then; the audit log records it.
        InputError: if the kit cannot be loaded, its participants do not go with the register, or a
            request cannot be issued; nothing is done then.
        EstateError: if a worker died; applying the kit again goes on from there.
    """
    loaded = kit if isinstance(kit, Kit) else loading.load(estate.library, str(kit))
    options = applying.ApplyOptions(within, check_count(devices), dry_run)
    return applying.apply(estate, loaded, options, progress)


def _library(profiles: Path | str | None) -> Library:
    return Library() if profiles is None else Library(Path(profiles))
