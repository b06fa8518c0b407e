"""``export``: writes certificates, and their keys if asked, to files or standard output.

``export ca-keys`` is a command of its own: nothing else gives out the key of a CA.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.command_line import (
    ConfiguredOption,
    OptionsOrCommand,
)
from smki_testca.cli.library_names import HierarchyName
from smki_testca.cli.output import (
    Progress,
    print_document,
    print_json,
    print_table,
    print_warnings,
    say,
)
from smki_testca.cli.output_paths import (
    FOLDER,
    OUTPUT,
    check_alone,
)
from smki_testca.cli.secret import first_line, typed
from smki_testca.cli.selection import (
    own_selection,
    selecting,
)
from smki_testca.cli.session import Session
from smki_testca.errors import InputError, UsageError
from smki_testca.estate.status import LIVING
from smki_testca.estate.token_keys import stays_in_token
from smki_testca.exporters.export import NOT_SECRET, items, make, notes, takes_passphrase
from smki_testca.exporters.fitting import summary
from smki_testca.exporters.format import FormatNeed
from smki_testca.exporters.idle_options import idle_options
from smki_testca.exporters.registry import FORMATS
from smki_testca.exporters.stale_files import save
from smki_testca.files import write_file
from smki_testca.streams import is_standard_output
from smki_testca.text import (
    counted,
    is_or_are,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from smki_testca.estate.certificates import Record
    from smki_testca.exporters.item import Item
    from smki_testca.exporters.prepared_export import PreparedExport
    from smki_testca.folders import OutputFile


@click.group(cls=OptionsOrCommand, invoke_without_command=True)
@click.option(
    "--format",
    "form",
    cls=ConfiguredOption,
    key="export-format",
    type=click.Choice(list(FORMATS)),
    required=True,
    help="See docs/formats.md.",
)
@click.option(
    "--out",
    metavar="PATH",
    type=OUTPUT,
    required=True,
    help="The folder to write to; - prints the certificates as PEM, or the one file of a format,"
    " and does not go with --json.",
)
@click.option("--with-keys", is_flag=True, help="Write the private keys, too.")
@click.option(
    "--export-passphrase-file",
    metavar="FILE",
    help="Encrypt the private keys with the passphrase on the first line of FILE;"
    f" {' and '.join(takes_passphrase(FormatNeed.REQUIRED))} need it.",
)
@click.option(
    "--c-name",
    metavar="NAME",
    help="With c-header and c-table: name the files, their guard and what is in them, so that a"
    " program may have several.",
)
@click.option(
    "--force",
    is_flag=True,
    help="Overwrite files that are there already, and remove stale ones of the same labels.",
)
@selecting
@click.pass_context
def export(context: click.Context, /, **options: Any) -> None:
    """Write the certificates of an estate, or those that fit every option, to a folder.

    A certificate that was renewed, or that is out of use and has another in its place under the
    same label, is left out unless --status or --serial selects it. The current one has the plain
    file name.

    Private keys are written only with --with-keys; a CA's private key never is, except by the
    command ca-keys.

    \b
    Example:
      smki-testca --estate estate export --format pem --out kit --with-keys
      --participant supplier-one

    \b
    One certificate on standard output:
      smki-testca --estate estate export --format pem --label Z1-supplier-ds --out -
    """
    if context.invoked_subcommand is None:
        _export(context.ensure_object(Session), **options)


def _export(
    session: Session,
    /,
    form: str,
    out: Path,
    export_passphrase_file: str | None,
    c_name: str | None,
    *,
    with_keys: bool,
    force: bool,
    **given: tuple[str, ...],
) -> None:
    check_alone(session, out)
    printed = is_standard_output(out)
    has_passphrase = export_passphrase_file is not None
    idle = idle_options(FORMATS[form].traits, with_keys=with_keys, has_passphrase=has_passphrase)
    passphrase = None
    if export_passphrase_file is not None:
        passphrase = first_line(export_passphrase_file)
    with session.open() as estate:
        selected_records = estate.select(own_selection(estate, given))
        records = list(Progress("reading certificates").over(selected_records))
        if not records:
            raise InputError("export.nothing", "No certificate fits the selection.")
        selected = items(
            estate, records, with_keys=with_keys, with_c_names=FORMATS[form].traits.c_names
        )
        in_tokens = _in_tokens(selected) if with_keys else []
        named = given.get("status") or given.get("serial")
        prepared = make(
            *(form, selected, passphrase),
            current_only=not named,
            printable=printed,
            c_name=c_name,
        )
        if printed:
            _check_one(prepared.files)
        else:
            saved = save(estate, prepared, out, force=force, passphrase=passphrase)
    print_warnings(idle)
    unasked = [] if given.get("status") else _not_living(prepared)
    warnings = [
        *summary(prepared.left_out, len(selected)),
        *prepared.renamings(),
        *_warnings_of_tokens(in_tokens),
        *_warnings_of_use(unasked),
    ]
    if printed:
        print_warnings(
            [*warnings, *(NOT_SECRET[1].decode().splitlines() if notes(prepared.written) else [])]
        )
        _print(prepared.files[0], out)
        return
    if session.as_json:
        remarks = {**_remarks(prepared), **_tokens_as_json(in_tokens), **_use_as_json(unasked)}
        print_json({**saved.as_json(), **remarks})
        return
    print_warnings([*warnings, *saved.warnings()])
    say(
        *saved.removals(),
        f"{counted(len(saved.paths), 'file')} {is_or_are(len(saved.paths))} below {out}.",
    )


def _remarks(prepared: PreparedExport) -> dict[str, list[dict[str, str]]]:
    left_out = [
        {"serial": str(each.item.record.serial), "name": each.item.name, "reason": each.reason}
        for each in prepared.left_out
    ]
    renamed = [{"name": name, "written_as": instead} for name, instead in prepared.renamed]
    return {"left_out": left_out, "renamed": renamed}


@export.command("ca-keys")
@click.option("--out", metavar="FOLDER", type=FOLDER, required=True, help="The folder to write to.")
@click.option(
    "--environment",
    metavar="E",
    help="The CAs' environment; the estate's first by default.",
)
@click.option(
    "--hierarchy",
    "hierarchies",
    type=HierarchyName(),
    multiple=True,
    help="Only the CAs of this hierarchy. May be given several times.",
)
@click.option(
    "--export-passphrase-file",
    metavar="FILE",
    help="Encrypt the keys with the passphrase on the first line of FILE; otherwise it is asked"
    " for.",
)
@click.option("--force", is_flag=True, help="Overwrite files that are there already.")
@click.pass_obj
def ca_keys(
    session: Session,
    out: Path,
    environment: str | None,
    hierarchies: tuple[str, ...],
    export_passphrase_file: str | None,
    *,
    force: bool,
) -> None:
    """Write the private keys of CAs, encrypted, and their certificates, for another team's estate.

    Whoever has them and the passphrase can issue as these CAs. The audit log records which CAs
    were given out. init --ca-keys takes the folder, so that both estates have the same CAs: the
    root and the newest issuing CA of each hierarchy.

    \b
    Example:
      smki-testca --estate estate export ca-keys --out shared --export-passphrase-file secret
    """
    from smki_testca.lifecycle.shared_authorities import share_authorities

    passphrase = _passphrase_for_keys(export_passphrase_file)
    with session.open(needs_keys=True) as estate:
        named = estate.library.environment(estate.environment(environment))
        chosen = [name for name in estate.library.hierarchies if name in hierarchies]
        sharing = share_authorities(estate, named, chosen, passphrase, out, force=force)
    shared = sharing.given
    warnings = _warnings_of_cas(sharing.in_tokens)
    if session.as_json:
        print_json(
            {
                "folder": str(out),
                "authorities": [authority.as_json() for authority in shared],
                "files": [str(out / file.path) for each in shared for file in each.files],
                **({"warnings": warnings} if warnings else {}),
            }
        )
        return
    print_warnings(warnings)
    print_table(
        ("CA", "Profile", "Not after", "Serial"),
        [
            (record.label or "", record.profile, f"{record.not_after.date()}", str(record.serial))
            for record in (each.record for each in shared)
        ],
    )
    keys = counted(len(shared), "encrypted key")
    say(
        f"{keys} and the certificates of the CAs are in {out}.",
        "Whoever has them and the passphrase can issue as these CAs.",
    )


def _warnings_of_cas(in_tokens: Sequence[Record]) -> list[str]:
    if not in_tokens:
        return []
    named = ", ".join(record.label or str(record.serial) for record in in_tokens)
    return [f"{counted(len(in_tokens), 'CA')} left out: the key is in a PKCS#11 token: {named}."]


def _passphrase_for_keys(path: str | None) -> str:
    """The passphrase to encrypt keys with: of a file, or typed twice on a terminal.

    Raises:
        InputError: if the file cannot be read.
        UsageError: if there is neither a file nor a terminal.
    """
    if path is not None:
        return first_line(path)
    passphrase = typed("Passphrase for the keys", confirm=True)
    if passphrase is None:
        raise UsageError(
            "usage",
            "A passphrase is needed to encrypt the keys with.",
            "Give it with --export-passphrase-file FILE.",
        )
    return passphrase


def _in_tokens(items: Sequence[Item]) -> list[Item]:
    """The certificates of end entities whose private keys are in tokens, where they stay.

    Raises:
        EstateError: if no other of the certificates has a private key.
    """
    in_tokens = [item for item in items if item.record.key_uri is not None and not item.is_ca]
    if in_tokens and not any(item.private_key for item in items):
        raise stays_in_token(in_tokens[0].name)
    return in_tokens


def _warnings_of_tokens(items: Sequence[Item]) -> list[str]:
    if not items:
        return []
    named = ", ".join(item.name for item in items[:_NAMED])
    more = ", …" if len(items) > _NAMED else ""
    keys = counted(len(items), "private key")
    return [f"{keys} left out: in a PKCS#11 token and never out of it: {named}{more}."]


def _tokens_as_json(items: Sequence[Item]) -> dict[str, list[dict[str, str]]]:
    certificates = [
        {"serial": str(item.record.serial), "name": item.name, "key_place": item.record.key_uri}
        for item in items
        if item.record.key_uri is not None
    ]
    return {"keys_in_tokens": certificates} if certificates else {}


def _not_living(prepared: PreparedExport) -> list[Item]:
    """The certificates written that are neither in use nor pending, though none took their place.

    Nobody would expect them under a plain name.
    """
    return [item for item in prepared.written if item.status not in LIVING]


def _warnings_of_use(items: Sequence[Item]) -> list[str]:
    if not items:
        return []
    named = ", ".join(f"{item.name} ({item.status.word})" for item in items[:_NAMED])
    more = ", …" if len(items) > _NAMED else ""
    number = counted(len(items), "certificate")
    verb = is_or_are(len(items))
    remedy = "--status in-use leaves such out."
    return [f"{number} of this export {verb} not in use: {named}{more}. {remedy}"]


_NAMED = 3
"""The most certificates that a warning names."""


def _use_as_json(items: Sequence[Item]) -> dict[str, list[dict[str, str]]]:
    certificates = [
        {"serial": str(item.record.serial), "name": item.name, "status": item.status.value}
        for item in items
    ]
    return {"not_in_use": certificates} if certificates else {}


def _check_one(files: Sequence[OutputFile]) -> None:
    """Check that an export can go to standard output.

    Raises:
        InputError: if it has several files.
    """
    if len(files) == 1:
        return
    named = ", ".join([*(file.path.name for file in files[:3]), *(["…"] if len(files) > 3 else [])])
    raise InputError(
        "export.several_files",
        f"This export has {len(files)} files ({named}); standard output takes one.",
        "Name a folder with --out, select one certificate, or leave out --with-keys.",
    )


def _print(file: OutputFile, out: Path) -> None:
    """Print a text, or write binary data to what is not a terminal."""
    text = _text(file.data)
    if text is None:
        write_file(out, file.data, force=False)
    else:
        print_document(text)


def _text(data: bytes) -> str | None:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text
