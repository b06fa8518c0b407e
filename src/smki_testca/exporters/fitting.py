"""What a client's format can hold: which certificates fit it, and which are left out and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.errors import InputError
from smki_testca.exporters.item import LeftOut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from smki_testca.exporters.item import Item
    from smki_testca.profiles.model import Hierarchy

_HIERARCHIES = {
    "organisation": "an Organisation Certificate",
    "device": "a Device Certificate",
    "dccki": "of DCCKI",
    "iki": "of IKI",
}


def fitting(
    items: Iterable[Item], stands_against: Callable[[Item], str | None]
) -> tuple[list[Item], list[LeftOut]]:
    """Tell those that fit from those that do not.

    Args:
        items: what was selected.
        stands_against: what stands against one of them; None for one that fits.
    """
    fit, left_out = [], []
    for item in items:
        reason = stands_against(item)
        if reason is None:
            fit.append(item)
        else:
            left_out.append(LeftOut(item, reason))
    return fit, left_out


def stands_against(
    item: Item, hierarchies: tuple[Hierarchy, ...], usages: tuple[str, ...]
) -> str | None:
    """What keeps a certificate out of a format of end entities and their keys, if anything does.

    Args:
        item: the certificate.
        hierarchies: those that the format knows.
        usages: the key usages that it knows.
    """
    record = item.record
    if item.is_ca:
        return "is a CA's"
    if record.hierarchy not in hierarchies:
        return f"is {_HIERARCHIES[record.hierarchy.value]}"
    if record.usage not in usages:
        return f"is for {record.usage}"
    if item.private_key is None:
        return "has no private key here"
    return None


def need_keys(items: Iterable[Item], what: str) -> None:
    """See that private keys are written, for a format that is of no use without.

    Args:
        items: what was selected.
        what: the format, as a sentence begins with it.

    Raises:
        InputError: if no private key is.
    """
    if not any(item.private_key is not None for item in items):
        raise InputError(
            "export.needs_keys",
            f"{what} is of no use without private keys, and none is to be written.",
            "Add --with-keys, and select certificates whose keys the estate made.",
        )


def refuse_passphrase(items: Iterable[Item], passphrase: str | None, what: str) -> None:
    """See that no passphrase is given where the format could not encrypt private keys with it.

    Args:
        items: what was selected.
        passphrase: the one given, if one was.
        what: the format, as a sentence begins with it.

    Raises:
        InputError: if private keys would be written in the clear all the same.
    """
    if passphrase is not None and any(item.private_key is not None for item in items):
        raise InputError(
            "export.cannot_encrypt",
            f"{what} cannot hold encrypted private keys.",
            "Leave --export-passphrase-file out to write them in the clear,"
            " or choose pem, der, pkcs12 or java.",
        )


def need_clear_keys(items: Sequence[Item], passphrase: str | None, what: str) -> None:
    """See that private keys are written, and in the clear, for a format that has no other way.

    Raises:
        InputError: as ``need_keys`` and ``refuse_passphrase`` do.
    """
    need_keys(items, what)
    refuse_passphrase(items, passphrase, what)


def need_passphrase(passphrase: str | None, what: str) -> str:
    """The passphrase of a store that always has one.

    Raises:
        InputError: if none is given.
    """
    if not passphrase:
        raise InputError(
            "export.passphrase",
            f"{what} need a passphrase.",
            "Give one with --export-passphrase-file FILE.",
        )
    return passphrase


def summary(left_out: Sequence[LeftOut], total: int) -> list[str]:
    """What was left out in plain words, one line for each reason."""
    by_reason: dict[str, list[str]] = {}
    for one in left_out:
        by_reason.setdefault(one.reason, []).append(one.item.name)
    lines = []
    for reason, names in by_reason.items():
        named = ", ".join([*names[:3], *(["…"] if len(names) > 3 else [])])
        lines.append(f"{len(names)} of {total} certificates left out ({named}): each {reason}.")
    return lines
