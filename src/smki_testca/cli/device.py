"""``device``: a model of a Device: its Trust Anchor Cells, and its answers to replacements."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.input_files import read_input
from smki_testca.cli.output import print_json, print_table, print_warnings, say
from smki_testca.errors import ExitCode, InputError, UsageError
from smki_testca.estate_files import check_outside, is_estate
from smki_testca.input_files import read_regular
from smki_testca.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from smki_testca.cli.session import Session
    from smki_testca.device.answer import CellContent, DeviceAnswer, DeviceVerdict
    from smki_testca.device.device import Device, Replacement

_AUTO = "auto"
_DEVICE = click.option(
    "--device",
    "device_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    default="device.json",
    show_default=True,
    help="The file of the Device.",
)
_PATH = click.option(
    "--path",
    metavar="FILE",
    multiple=True,
    help="Path certificates: the CAs between the certificates and the root. May be given several"
    " times, and a file may hold several.",
)
_AT = click.option("--at", metavar="TIME", help="The time of the Device, UTC; now by default.")


@click.group()
def device() -> None:
    """A model of a Device: fill its Trust Anchor Cells, and send it replacement certificates.

    It answers as docs/device.md says, which also says how well each answer is known.

    \b
    Example:
      smki-testca device load estate --type esme
      smki-testca device update new.pem --path issuing.pem
      smki-testca device show
    """


@device.command()
@click.argument("source", metavar="[ESTATE|KIT]", required=False)
@click.option("--type", "kind", metavar="TYPE", required=True, help="Such as esme, gsme or chf.")
@click.option(
    "--environment", metavar="E", help="The test environment; the estate's first by default."
)
@click.option(
    "--cell",
    "cells",
    metavar="CELL=LABEL|SERIAL",
    multiple=True,
    help="The certificate for a cell, such as supplier/KA/prepayment=L. May be given several"
    " times.",
)
@_DEVICE
@click.option("--force", is_flag=True, help="Overwrite the file of a Device.")
@click.pass_obj
def load(
    session: Session,
    /,
    source: str | None,
    kind: str,
    environment: str | None,
    cells: Sequence[str],
    device_file: Path,
    *,
    force: bool,
) -> None:
    """Fill the Trust Anchor Cells of a Device from an estate, or from the folder of a kit.

    No passphrase is needed. A cell gets the newest certificate of its role and key usage, of the
    holder to whom the first was issued. The cell of prepayment stays empty until you name its
    certificate, because nothing in a certificate tells it from the ordinary one.

    \b
    Example:
      smki-testca device load estate --type esme --cell supplier/KA/prepayment=Z1-supplierPP-ka
      smki-testca device load device-maker --type gsme
    """
    from smki_testca.device.device import Device
    from smki_testca.device.filled_cells import is_kit

    check_outside(device_file)
    chosen = _distinct((_pair(each, "--cell", "CELL=LABEL") for each in cells), "--cell")
    if source is not None and is_kit(Path(source)):
        device = Device.load(
            Path(source), kind, environment, cells=chosen, library=session.library()
        )
    else:
        if source is not None:
            if Path(source).is_dir() and not is_estate(Path(source)):
                raise InputError(
                    "device.no_cells",
                    f"{source} is neither an estate nor what a kit wrote for Devices.",
                    "Name an estate, the directory of a kit, or the folder of the type in its"
                    " trust-anchor-cells, such as trust-anchor-cells/ZAZ1/ESME.",
                )
            session.give("estate", source)
        with session.open() as estate:
            device = Device.load(estate, kind, environment, cells=chosen)
    device.write(device_file, force=force)
    if session.as_json:
        print_json({"file": str(device_file), **device.as_json(), "notes": list(device.notes)})
        return
    print_warnings(device.notes)
    filled = [held for held in device.cells.values() if held is not None]
    say(
        f"{device_file} is {device.kind.name} of {device.environment}: {len(filled)} of"
        f" {len(device.cells)} cells are filled."
    )
    if device.kind.note:
        say(f"note: {device.kind.note}")


@device.command()
@_DEVICE
@click.pass_obj
def show(session: Session, /, device_file: Path) -> None:
    """Show what each Trust Anchor Cell of a Device holds.

    \b
    Example:
      smki-testca device show
    """
    device = _read(session, device_file)
    if session.as_json:
        print_json({"file": str(device_file), **device.as_json()})
        return
    rows = [_row(name, held) for name, held in device.cells.items()]
    if device.root is not None and "root" not in device.cells:
        from smki_testca.device.answer import CellContent

        rows.insert(0, _row("(root)", CellContent.of(device.root)))
    of_environment = f" of {device.environment}" if device.environment else ""
    columns = ("Cell", "Identifier", "Key identifier", "Not after")
    print_table(columns, rows, f"{device.kind.name}{of_environment}")
    if device.kind.note:
        say(f"note: {device.kind.note}")


@device.command()
@click.argument("replacements", metavar="REPLACEMENT…", nargs=-1, required=True)
@click.option(
    "--cell",
    "cells",
    metavar="CELL",
    multiple=True,
    help="The cell of a replacement, such as supplier/DS or supplier/KA/prepayment: given once for"
    " each, in their order, auto for that of its role and key usage. All are auto by default.",
)
@_PATH
@click.option("--no-time-checks", is_flag=True, help="Disapply the checks of time.")
@click.option("--mode", metavar="N|NAME", help="The replacement mode; unchecked by default.")
@click.option("--use-case", metavar="NAME", help="Such as CS02b or CS02f; unchecked by default.")
@click.option(
    "--answer",
    "answers",
    metavar="[CELL=]STATUS",
    multiple=True,
    help="Answer so whatever the certificate is, such as resourcesBusy or supplier/DS=17.",
)
@_AT
@_DEVICE
@click.pass_context
def update(
    context: click.Context,
    /,
    replacements: Sequence[str],
    cells: Sequence[str],
    path: Sequence[str],
    answers: Sequence[str],
    device_file: Path,
    **options: Any,
) -> None:
    """Send a Device replacement certificates, and show what it answers to each.

    Each one is judged for itself. One that is refused leaves what its cell holds, and the others
    take effect. The exit code is 1 if one is refused. Defective certificates are judged, too.

    \b
    Example:
      smki-testca device update new.pem --path issuing.pem
      smki-testca device update pp.pem --cell supplier/KA/prepayment --path issuing.pem
    """
    session: Session = context.obj
    device = _read(session, device_file)
    answered = device.update(
        _replacements(replacements, cells),
        _certificates(path),
        time_checks=not options["no_time_checks"],
        mode=options["mode"],
        use_case=options["use_case"],
        at=_instant(session, options["at"]),
        answers=_distinct(map(_answer, answers), "--answer"),
    )
    if any(answer.is_replaced for answer in answered):
        device.write(device_file, force=True)
    if session.as_json:
        documents = [answer.as_json() for answer in answered]
        print_json({"file": str(device_file), "answers": documents})
    else:
        for answer in answered:
            _print_answer(answer, has_cell=answer.cell.short in device.cells)
    if not all(answer.is_replaced for answer in answered):
        context.exit(ExitCode.FINDINGS)


@device.command()
@click.argument("certificate", metavar="CERT")
@click.option("--id", "device_id", metavar="EUI64", help="The ID of the Device.")
@click.option("--usage", metavar="U", help="The key usage asked for, such as key-agreement.")
@click.option("--csr", metavar="FILE", help="The Device's CSR, whose key CERT must have.")
@_PATH
@click.option(
    "--answer", metavar="STATUS", help="Answer so whatever the certificate is, such as 6."
)
@_AT
@_DEVICE
@click.pass_context
def check(
    context: click.Context,
    /,
    certificate: str,
    csr: str | None,
    path: Sequence[str],
    device_file: Path,
    **options: Any,
) -> None:
    """Show what a Device answers to a certificate of its own (CS02d).

    What you do not give with an option is not checked. The exit code is 1 if the Device refuses it.

    \b
    Example:
      smki-testca device check esme.pem --id 00-DB-12-00-00-00-00-01 --path device-cas.pem
    """
    from smki_testca.identifiers import Eui64
    from smki_testca.roles import KeyUsage

    session: Session = context.obj
    device_id, usage = options["device_id"], options["usage"]
    answer = _read(session, device_file).check(
        _one(certificate),
        device_id=None if device_id is None else Eui64.parse(device_id),
        usage=None if usage is None else KeyUsage.parse(usage),
        csr=None if csr is None else _one(csr),
        path=_certificates(path),
        at=_instant(session, options["at"]),
        answer=options["answer"],
    )
    if session.as_json:
        print_json(answer.as_json())
    else:
        say(f"{answer.device_id or certificate}: {answer.status.number} {answer.status.name}")
        _say_more(answer.message, answer.findings, answer.remarks)
        say(f"  {answer.basis.value}: {answer.source}")
    if not answer.status.is_success:
        context.exit(ExitCode.FINDINGS)


@device.command()
@click.pass_obj
def answers(session: Session, /) -> None:
    """List what Devices answer, and the rules and replacement modes of the model.

    Each has its basis: observed in published material, or assumed. With --json it has its source,
    too, which says whether published messages show a status, or only the programs that read them.

    \b
    Example:
      smki-testca device answers
    """
    from smki_testca.device.device import ASKED_FOR

    known = session.library().device_answers
    if session.as_json:
        print_json(known.as_json())
        return
    statuses = [
        (command, str(status.number), status.name, status.basis.value)
        for command, each in known.statuses_by_command.items()
        for status in each
    ]
    print_table(("Answer to", "Status", "Name", "Basis"), statuses)
    say("")
    rules = [(rule.code, rule.status.name, rule.basis.value) for rule in known.rules]
    rules.insert(0, (ASKED_FOR, "the one asked for", "that of the status"))
    print_table(("Rule", "Status if broken", "Basis"), rules)
    say("")
    modes = [
        (str(mode.number), mode.name, ", ".join(role.name for role in mode.roles) or "any")
        for mode in known.modes
    ]
    print_table(("Mode", "Name", "Replaces"), modes)


def _read(session: Session, device_file: Path) -> Device:
    from smki_testca.device.device import Device

    return Device.read(device_file, session.library())


def _row(name: str, held: CellContent | None) -> tuple[str, ...]:
    if held is None:
        return (name, "empty", "", "")
    return (name, held.eui64 or "", held.key_identifier or "", (held.not_after or "")[:10])


def _instant(session: Session, text: str | None) -> Any:
    from smki_testca.clock import parse_instant

    return session.clock_or_system().now() if text is None else parse_instant(text)


def _pair(text: str, option: str, form: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not (name and separator and value):
        raise UsageError("usage", f"{option} {shown(text)} is not {form}.")
    return name, value


def _distinct(pairs: Iterable[tuple[str, str]], option: str) -> dict[str, str]:
    """The values of an option that may be given several times, by cell."""
    values: dict[str, str] = {}
    for name, value in pairs:
        if name in values:
            of = "every cell" if name == "all" else shown(name)
            raise UsageError("usage", f"{option} is given twice for {of}.", "Give one of them.")
        values[name] = value
    return values


def _answer(text: str) -> tuple[str, str]:
    from smki_testca.device.device import ALL

    return _pair(text, "--answer", "CELL=STATUS") if "=" in text else (ALL, text)


def _replacements(names: Sequence[str], cells: Sequence[str]) -> list[Replacement]:
    from smki_testca.device.device import Replacement

    documents = [(name, der) for name in names for der in _ders(name)]
    if cells and len(cells) != len(documents):
        raise UsageError(
            "usage",
            f"--cell is given {len(cells)} times, for {len(documents)} replacement certificates.",
            "Give it once for each, in their order: auto for the cell of its role and key usage.",
        )
    chosen = cells or (_AUTO,) * len(documents)
    return [
        Replacement(der, None if cell.lower() == _AUTO else cell, name)
        for (name, der), cell in zip(documents, chosen, strict=True)
    ]


def _certificates(names: Sequence[str]) -> list[bytes]:
    return [der for name in names for der in _ders(name)]


def _one(name: str) -> bytes:
    """The one document of a file."""
    ders = _ders(name)
    if len(ders) != 1:
        raise InputError("device.several", f"{name} holds {len(ders)} documents, not one.")
    return ders[0]


def _ders(name: str) -> list[bytes]:
    """The documents of a file; octets that are none are handed on as they are, to be judged."""
    from smki_testca.importers.sources import Documents

    data = (
        read_input(name, _MAX_INPUT_OCTETS)
        if name == "-"
        else read_regular(Path(name), _MAX_INPUT_OCTETS)
    )
    sources = list(Documents([name], data))
    documents = [source.data for source in sources if source.problem is None]
    problem = next((source.problem for source in sources if source.problem is not None), None)
    if problem is not None and (documents or _PEM in data):
        raise InputError(problem.code, f"{name} cannot be sent: {problem.message}.")
    return documents or [data]


_PEM = b"-----BEGIN "
_MAX_INPUT_OCTETS = 1 << 20


def _print_answer(answer: DeviceAnswer, *, has_cell: bool) -> None:
    verdict = answer.verdict
    say(f"{answer.cell.short}: {verdict.status.number} {verdict.status.name}")
    _say_more(verdict.message, verdict.findings, verdict.remarks)
    if has_cell:
        say(f"  old: {_held(answer.old)}")
    say(f"  new: {_held(answer.new)}")
    if has_cell and not answer.is_replaced:
        say("  The cell keeps what it holds.")
    say(f"  {_known(verdict)}")
    other = answer.without_time_checks if answer.time_checks else answer.with_time_checks
    if other.status != verdict.status:
        word = "without" if answer.time_checks else "with"
        say(f"  {word} checks of time: {other.status.number} {other.status.name}")


def _known(verdict: DeviceVerdict) -> str:
    code = "" if verdict.code is None else f"{verdict.code}, "
    return f"{code}{verdict.basis.value}: {verdict.source}"


def _say_more(message: str, findings: Sequence[str], remarks: Sequence[str]) -> None:
    if message:
        codes = f" ({', '.join(findings)})" if findings else ""
        say(f"  {message}{codes}")
    for remark in remarks:
        say(f"  warning: {remark}")


def _held(held: CellContent | None) -> str:
    if held is None:
        return "empty"
    return f"{held.eui64 or 'no identifier'}, key {held.key_identifier or 'unknown'}"
