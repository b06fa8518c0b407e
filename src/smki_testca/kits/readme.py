"""Writes the README.txt of a kit, which says what each folder holds and who loads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.exporters.registry import FORMATS
from smki_testca.kits.cell_folders import FOLDER as CELLS
from smki_testca.text import counted

if TYPE_CHECKING:
    from smki_testca.kits.result import KitResult

_SEEDED = (
    "Private keys here were made from a seed: they are not secret. The same seed, clock and kit",
    "give the same keys, certificates and files, but for encrypted stores, which have fresh salts.",
)


def text(result: KitResult) -> str:
    """Return the README.txt, with lines that end in LF."""
    where = ", ".join(result.kit.environments)
    lines = [
        f"{result.kit.title} (kit {result.kit.name})",
        "",
        "Test material only: certificates of a test CA, trusted by nobody but its user. It must",
        "not be used in live systems.",
        "",
        f"{counted(result.exports.certificates, 'certificate')} for {where}, the CAs' included.",
        f"Made by smki-testca at {result.at:%Y-%m-%dT%H:%M:%SZ}.",
        "",
        *_contents(result),
    ]
    if result.seeded:
        lines += ["", *_SEEDED]
    return "\n".join(lines) + "\n"


def _contents(result: KitResult) -> list[str]:
    """Return a line for each file and folder, and below a folder what it leaves out."""
    entries = [("estate/", "where they were issued; the passphrase is in estate/passphrase")]
    for folder in result.exports.folders:
        entries.append((f"{folder}/", FORMATS[folder].traits.summary))
        entries += [("", f"  {note}") for note in result.exports.notes.get(folder, ())]
    unused = [folder for folder in result.exports.notes if folder not in result.exports.folders]
    entries += [(f"no {folder}/", result.exports.notes[folder][0]) for folder in unused]
    if result.revocation_lists:
        entries.append(("revocation-lists/", "the CRLs and ARLs, in DER (.crl) and PEM"))
    if any(kind.cells for kind in result.cells):
        entries.append(
            (f"{CELLS}/", "what the Trust Anchor Cells of Devices need, a folder for each type")
        )
    for kind in result.cells:
        name = f"{kind.environment}, {kind.device_type}"
        count = "no folder" if not kind.cells else counted(kind.cells, "cell")
        entries.append(("", f"  {name}: {count}. {kind.note}".rstrip()))
    if result.exports.needed_passphrase:
        entries.append(("export-passphrase", "protects the stores that cannot do without one"))
    width = max(len(name) for name, _ in entries) + 2
    return [f"  {name:{width}}{summary}" for name, summary in entries]
