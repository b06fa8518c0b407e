"""Exports the certificates of a kit's estate, a folder for each format, and its CRLs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from smki_testca.errors import InputError
from smki_testca.estate.certificates import Selection
from smki_testca.exporters.export import items, make, notes
from smki_testca.exporters.fitting import summary
from smki_testca.exporters.format import FormatNeed
from smki_testca.exporters.item import safe_name
from smki_testca.exporters.registry import FORMATS, check_format
from smki_testca.folders import OutputFile, write
from smki_testca.x509.pem import to_pem

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from smki_testca.api import Estate
    from smki_testca.exporters.format import Format, Traits
    from smki_testca.exporters.item import Item

REVOCATION_LISTS = "revocation-lists"


@dataclass(slots=True)
class Exports:
    """The exports written beside an estate.

    Attributes:
        certificates: the number of certificates in the estate.
        folders: the formats written; one that fits none of the certificates has no folder.
        notes: one line for each reason why a format left certificates out, by the format.
        needed_passphrase: whether a store among them is protected by the passphrase.
    """

    certificates: int
    folders: list[str] = field(default_factory=list)
    notes: dict[str, list[str]] = field(default_factory=dict)
    needed_passphrase: bool = False


def check_formats(names: Iterable[str] | None) -> tuple[str, ...]:
    """Return the formats asked for, each once, in the order of the documents; None asks for all.

    Raises:
        InputError: if there is no such format.
    """
    chosen = tuple(FORMATS) if names is None else tuple(names)
    for name in chosen:
        check_format(name)
    return tuple(name for name in FORMATS if name in chosen)


def export(
    estate: Estate, format_names: Iterable[str] | None, out: Path, passphrase: str
) -> Exports:
    """Write every certificate, private keys of end entities included, in each of some formats.

    Args:
        estate: the estate with the certificates.
        format_names: names of formats; None for every one.
        out: gets a folder of each format's name.
        passphrase: protects the stores that need one; everything else is unencrypted.

    Raises:
        InputError: if there is no such format, one cannot do what is asked, or a file cannot be
            written.
    """
    records = list(estate.select(Selection()))
    selected = items(estate, records, with_keys=True, with_c_names=True)
    exports = Exports(len(records))
    for name in check_formats(format_names):
        form = FORMATS[name]
        taken = (
            selected if format_names is not None else _without_many_stores(form.traits, selected)
        )
        if not form.fitting(taken):
            exports.notes[name] = ["none of the certificates fits: there is no such folder"]
            continue
        protected = form.traits.passphrase is FormatNeed.REQUIRED
        parts = _parts(form, taken)
        left_out, renamings = [], []
        for folder, part in parts.items():
            exported = make(name, part, passphrase if protected else None, current_only=True)
            write(exported.files, out / name / folder, force=False)
            left_out += [left for left in exported.left_out if not left.item.is_ca]
            renamings += exported.renamings()
        exports.folders.append(name)
        exports.needed_passphrase |= protected
        lines = [*summary(left_out, len(taken)), *dict.fromkeys(renamings)]
        if len(parts) > 1:
            lines.append("a folder for each environment, because IDs are in several")
        if len(taken) < len(selected):
            lines.append(_TOO_MANY_STORES.format(len(selected) - len(taken)))
        if lines:
            exports.notes[name] = lines
    write(notes(selected), out, force=False)
    return exports


def _parts(form: Format, selected: list[Item]) -> dict[str, list[Item]]:
    """Return the certificates to export together, by the folder below that of the format.

    A format that cannot hold two environments together has a folder for each.
    """
    fitting = [item for item in selected if form.misfit(item) is None]
    try:
        form.check(fitting)
    except InputError:
        parts: dict[str, list[Item]] = {}
        for item in fitting:
            parts.setdefault(safe_name(item.record.environment), []).append(item)
        return parts
    return {"": selected}


_MANY_STORES = 100
"""The most Device Certificates that get a store each, which takes some 10 ms."""
_TOO_MANY_STORES = (
    "{} Device Certificates left out: a store each takes long, and java/ has one for all"
    " (--format pkcs12 makes them)."
)


def _without_many_stores(traits: Traits, selected: list[Item]) -> list[Item]:
    """Return the certificates for a format that was not asked for by name.

    A format with a store for each certificate leaves out many Devices issued in a run.
    """
    others = [item for item in selected if item.record.place is None]
    too_many = len(selected) - len(others) > _MANY_STORES
    return others if traits.store_each and too_many else selected


def write_revocation_lists(estate: Estate, out: Path) -> int:
    """Issue a CRL or ARL for every CA that has a profile for it, and write it in DER and PEM.

    Returns:
        The number of lists.
    """
    files = []
    places = {
        (authority.environment, authority.hierarchy)
        for authority in estate.certificates.authorities()
    }
    for environment, hierarchy in sorted(places):
        for profile in estate.library.revocation_list_profiles:
            if profile.hierarchy != hierarchy:
                continue
            record = estate.issue_revocation_list(hierarchy, profile.tier, environment=environment)
            path = PurePosixPath(safe_name(record.family), profile.name)
            files.append(OutputFile(path.with_suffix(".crl"), record.der))
            files.append(OutputFile(path.with_suffix(".pem"), to_pem(record.der, "X509 CRL")))
    write(files, out / REVOCATION_LISTS, force=False)
    return len(files) // 2
