"""Exports certificates: checks that the format can do what is asked, and writes its files."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from smki_testca.errors import InputError
from smki_testca.exporters.c_names import c_names
from smki_testca.exporters.file_names import file_names
from smki_testca.exporters.fitting import summary
from smki_testca.exporters.format import FormatNeed, OmittedItem
from smki_testca.exporters.item import Item, is_reserved, safe_name
from smki_testca.exporters.prepared_export import PreparedExport
from smki_testca.exporters.registry import FORMATS, check_format
from smki_testca.exporters.stale_files import save
from smki_testca.folders import OutputFile
from smki_testca.profiles.model import Tier
from smki_testca.x509.private_keys import check_passphrase

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from smki_testca.estate.certificates import Record
    from smki_testca.estate.stores import Stores
    from smki_testca.exporters.format import Traits
    from smki_testca.identifiers import SerialNumber


def items(
    estate: Stores, records: Sequence[Record], *, with_keys: bool, with_c_names: bool = False
) -> list[Item]:
    """Collect what a format needs of each certificate.

    A CA's private key never leaves the estate.

    Args:
        estate: the estate that has the certificates.
        records: the certificates.
        with_keys: whether to include the private keys of end entities.
        with_c_names: whether to include the names in C.
    """
    names = file_names(estate, records)
    named = c_names(estate, records, names) if with_c_names else {}
    chains: dict[SerialNumber, tuple[Record, ...]] = {}
    lists = _revocation_lists(estate)
    end_entities = [record for record in records if record.tier is Tier.END_ENTITY]
    keys = estate.private_keys(end_entities) if with_keys else {}
    items = []
    for record in records:
        name = names[record.serial]
        is_ca = record.tier is not Tier.END_ENTITY
        key = None if is_ca else keys.get(record.serial)
        # All certificates of an issuer have the same chain, except the issuer itself if a root.
        above = () if record.issuer == record.serial else chains.get(record.issuer)
        if above is None:
            above = chains[record.issuer] = tuple(estate.certificates.chain(record))
        signers = (record, *above) if is_ca else above
        crls = tuple(der for signer in signers for der in lists.get(signer.key_id, ()))
        items.append(
            Item(
                name.text,
                name.folder,
                record,
                above,
                tuple(names[ca.serial].text for ca in above),
                key,
                crls,
                estate.status(record),
                name.current,
                name.former,
                named.get(record.serial, ""),
            )
        )
    return items


def _revocation_lists(estate: Stores) -> dict[bytes, list[bytes]]:
    """The current revocation lists, DER, by the id of the key that signed them."""
    by_key: dict[bytes, list[bytes]] = {}
    for revocation_list in estate.revocation_lists(current_only=True):
        signer = estate.certificates.by_serial(revocation_list.authority)
        if signer is not None:
            by_key.setdefault(signer.key_id, []).append(revocation_list.der)
    return by_key


OUTDATED = "was renewed or replaced (--status or --serial exports it)"
"""The reason to leave out a certificate that was renewed, or replaced by one of its label."""


def make(
    name: str,
    selected: Sequence[Item],
    passphrase: str | None,
    *,
    current_only: bool = False,
    printable: bool = False,
    c_name: str | None = None,
) -> PreparedExport:
    """Make every file of an export.

    Args:
        name: the name of a format in ``FORMATS``.
        selected: the certificates to write.
        passphrase: encrypts private keys, where the format can.
        current_only: whether certificates that have another in their place are left out.
        printable: whether to make what goes to standard output.
        c_name: a name of the user's own, for files in C and what is in them.

    Raises:
        InputError: if the format holds none of the certificates, or cannot do what is asked.
    """
    form = FORMATS[name] if c_name is None else FORMATS[name].named(c_name)
    former = list(form.former_files(selected))
    outdated = [item for item in selected if current_only and item.is_outdated]
    out = {id(item) for item in outdated}
    selected = [item for item in selected if id(item) not in out]
    if not selected:
        raise InputError(
            "export.nothing",
            "Each certificate of the selection was renewed or replaced.",
            "To export it anyway, add --status or --serial.",
        )
    _check(form.traits, selected, passphrase)
    form.check([item for item in selected if form.misfit(item) is None])
    left_out = form.left_out(selected)
    if len(left_out) == len(selected):
        raise InputError(
            "export.none_fit",
            f"The format {name} can hold none of the certificates selected.",
            " ".join(summary(left_out, len(selected))),
        )
    out = {id(entry.item) for entry in left_out}
    remarks = notes(item for item in selected if id(item) not in out)
    written = [item for item in selected if id(item) not in out]
    if printable:
        files = form.printable(selected, passphrase)
    else:
        files = [*form.files(selected, passphrase), *remarks]
    left_out = [*left_out, *(OmittedItem(item, OUTDATED) for item in outdated)]
    return PreparedExport(files, left_out, renamed_among(written, files), former, written)


def renamed_among(items: Iterable[Item], files: Iterable[OutputFile]) -> list[tuple[str, str]]:
    """The names that Windows reserves, and those that files or folders have instead."""
    renamed: dict[tuple[str, str], None] = {}
    for item in items:
        record = item.record
        folders = (record.participant, record.family, record.hierarchy)
        stated = [(record.label, item.name), *((name, safe_name(name or "")) for name in folders)]
        renamed |= {(name, new): None for name, new in stated if name and is_reserved(name)}
    if not renamed:
        return []
    parts = {part for file in files for part in file.path.parts}
    # A file's name continues with a suffix, or with what the file is of the certificate.
    used = {part[: end.start()] for part in parts for end in _END_OF_NAME.finditer(part)}
    return [(name, new) for name, new in renamed if new in used]


_END_OF_NAME = re.compile(r"(?=[.-])|\Z")


def _check(traits: Traits, selected: Sequence[Item], passphrase: str | None) -> None:
    """Check an export against the traits of its format.

    Raises:
        InputError: if private keys or a passphrase are missing, the passphrase cannot be used, or
            keys cannot be encrypted.
    """
    if passphrase is not None:
        check_passphrase(passphrase)
    with_keys = any(item.private_key is not None for item in selected)
    if traits.keys is FormatNeed.REQUIRED and not with_keys:
        raise InputError(
            "export.needs_keys",
            f"The format {traits.name} needs private keys, and this export has none.",
            "Add --with-keys, and select certificates whose keys the estate prepared.",
        )
    if traits.passphrase is FormatNeed.REQUIRED and not passphrase:
        raise InputError(
            "export.passphrase",
            f"The format {traits.name} needs a passphrase.",
            "Give one with --export-passphrase-file FILE.",
        )
    in_the_clear = traits.passphrase is FormatNeed.NEVER and traits.keys is not FormatNeed.NEVER
    if passphrase is not None and in_the_clear and with_keys:
        *others, last = takes_passphrase(FormatNeed.OPTIONAL, FormatNeed.REQUIRED)
        raise InputError(
            "export.cannot_encrypt",
            f"The format {traits.name} cannot hold encrypted private keys.",
            "Leave --export-passphrase-file out to write them in the clear,"
            f" or choose {', '.join(others)} or {last}.",
        )


def takes_passphrase(*needs: FormatNeed) -> list[str]:
    """The names of the formats with one of these needs of a passphrase."""
    return [name for name, form in FORMATS.items() if form.traits.passphrase in needs]


NOT_SECRET = (
    PurePosixPath("KEYS-ARE-NOT-SECRET.txt"),
    b"Private keys here were made from a seed: they are not secret.\n",
)
"""The note that goes with private keys made from a seed: its name and its text."""


def notes(selected: Iterable[Item]) -> list[OutputFile]:
    """The files to add to an export whose private keys are not secret."""
    if any(item.private_key is not None and not item.record.keys_secret for item in selected):
        return [OutputFile(*NOT_SECRET)]
    return []


def export(  # noqa: PLR0913 - what may be asked of an export
    estate: Stores,
    records: Iterable[Record],
    form: str,
    out: Path | str,
    *,
    with_keys: bool = False,
    passphrase: str | None = None,
    force: bool = False,
    current_only: bool = False,
    c_name: str | None = None,
) -> list[Path]:
    """Write certificates, and their private keys where asked for, in the form a program loads.

    Args:
        estate: whose certificates they are.
        records: which; a CA's private key never leaves the estate.
        form: a format of ``docs/formats.md``, such as ``pem``.
        out: the folder to write below; it is made if need be.
        with_keys: whether private keys are written, too.
        passphrase: protects them, where the format can.
        force: whether files that are there already are overwritten, and stale ones of these
            labels removed.
        current_only: whether certificates that have another in their place, which renewed or
            replaced them, are left out.
        c_name: names the files in C, and what is in them.

    Returns:
        The paths of what was written. What a client's format cannot hold is left out;
        ``FORMATS[form].left_out`` says what and why.

    Raises:
        InputError: if there is no such format, it holds none of the certificates or cannot do
            what is asked, or a file is there already or cannot be written.
    """
    terms = _Terms(passphrase, with_keys, current_only, c_name)
    prepared = _prepared(estate, records, form, terms)
    return save(estate, prepared, Path(out), force=force, passphrase=passphrase).paths


def export_files(
    estate: Stores,
    records: Iterable[Record],
    form: str,
    *,
    with_keys: bool = False,
    passphrase: str | None = None,
    current_only: bool = False,
    c_name: str | None = None,
) -> dict[str, bytes]:
    """Give the files that ``export`` would write, without writing any.

    Args:
        estate: whose certificates they are.
        records: which; a CA's private key never leaves the estate.
        form: a format of ``docs/formats.md``, such as ``pem``.
        with_keys: whether private keys are in them, too.
        passphrase: protects them, where the format can.
        current_only: whether certificates that have another in their place are left out.
        c_name: names the files in C, and what is in them.

    Returns:
        The octets of each file by its path, whose parts a slash separates.

    Raises:
        InputError: if there is no such format, or it holds none of the certificates or cannot do
            what is asked.
    """
    terms = _Terms(passphrase, with_keys, current_only, c_name)
    prepared = _prepared(estate, records, form, terms)
    return {file.path.as_posix(): file.data for file in prepared.files}


class _Terms(NamedTuple):
    """The terms of an export; see ``export``."""

    passphrase: str | None
    with_keys: bool
    current_only: bool
    c_name: str | None


def _prepared(
    estate: Stores, records: Iterable[Record], form: str, terms: _Terms
) -> PreparedExport:
    check_format(form)
    chosen = list(records)
    if not chosen:
        raise InputError("export.nothing", "No certificate fits the selection.")
    traits = FORMATS[form].traits
    selected = items(estate, chosen, with_keys=terms.with_keys, with_c_names=traits.c_names)
    return make(
        form,
        selected,
        terms.passphrase,
        current_only=terms.current_only,
        c_name=terms.c_name,
    )
