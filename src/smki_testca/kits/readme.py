"""Writes the README.txt of a kit, which says what each folder holds and who loads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.exporters.registry import FORMATS

if TYPE_CHECKING:
    from smki_testca.kits.result import KitResult

_SEEDED = (
    "Private keys here were made from a seed: they are not secret. The same seed, clock and kit",
    "give the same keys, certificates and files, but for encrypted stores, which have fresh salts.",
)


def text(made: KitResult) -> str:
    """The README.txt, lines ending in LF."""
    where = ", ".join(made.kit.environments)
    lines = [
        f"{made.kit.title} (kit {made.kit.name})",
        "",
        "Test material only: certificates of a test CA, trusted by nobody but its user. It must",
        "not be used in live systems.",
        "",
        f"{made.exports.certificates} certificates for {where}, the CAs' included.",
        f"Made by smki-testca at {made.at:%Y-%m-%dT%H:%M:%SZ}.",
        "",
        *_contents(made),
    ]
    if made.left_out:
        lines += ["", "Left out, because RSA keys cannot be made from a seed:"]
        lines += [f"  {one}" for one in made.left_out]
    if made.seeded:
        lines += ["", *_SEEDED]
    return "\n".join(lines) + "\n"


def _contents(made: KitResult) -> list[str]:
    """A line for each file and folder, and below a folder what it could not hold."""
    entries = [("estate/", "where they were issued; the passphrase is in estate/passphrase")]
    for folder in made.exports.folders:
        entries.append((f"{folder}/", FORMATS[folder].traits.summary))
        entries += [("", f"  {note}") for note in made.exports.notes.get(folder, ())]
    unused = [folder for folder in made.exports.notes if folder not in made.exports.folders]
    entries += [(f"no {folder}/", made.exports.notes[folder][0]) for folder in unused]
    if made.revocation_lists:
        entries.append(("revocation-lists/", "the CRLs and ARLs, in DER (.crl) and PEM"))
    if made.exports.needed_passphrase:
        entries.append(("export-passphrase", "protects the stores that cannot do without one"))
    width = max(len(name) for name, _ in entries) + 2
    return [f"  {name:{width}}{said}" for name, said in entries]
