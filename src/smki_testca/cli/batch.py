"""``batch``: many certificates at once, in runs that survive whatever ends them."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from smki_testca.cli.issue import DELIVERY, ENVIRONMENT, LABEL, PARTICIPANT, PURPOSE
from smki_testca.cli.names import library_of
from smki_testca.cli.output import print_json, print_table
from smki_testca.cli.session import Session, read_input
from smki_testca.entropy import parse_seed
from smki_testca.errors import ExitCode, InputError, Refusal, SmkiTestcaError, UsageError
from smki_testca.estate.runs import State
from smki_testca.estate.terms import Secrets
from smki_testca.exporters.registry import RUN_FORMATS
from smki_testca.files import write_file
from smki_testca.identifiers import Eui64
from smki_testca.profiles.model import Identity
from smki_testca.profiles.subject import Subject
from smki_testca.register.requests import Delivery
from smki_testca.roles import KeyUsage
from smki_testca.text import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from smki_testca.api import Estate
    from smki_testca.estate.runs import Run
    from smki_testca.issuance.batch.engines import Engine
    from smki_testca.issuance.batch.planning import Plan
    from smki_testca.issuance.batch.row_requests import RowProblem
    from smki_testca.profiles import Library
    from smki_testca.profiles.inputs import InputType
    from smki_testca.profiles.model import Profile

INTERRUPTED = 130
"""The exit code after Ctrl-C, as a shell gives it."""

_ENGINE = [
    click.option(
        "--workers", metavar="N", type=int, help="How many processes; all cores by default."
    ),
    click.option("--engine", type=click.Choice(["local", "dask"]), default="local"),
    click.option("--scheduler", metavar="ADDRESS", help="Of a Dask cluster: tls://HOST:PORT."),
    click.option("--tls-cert", metavar="FILE", help="This client's certificate for the cluster."),
    click.option("--tls-key", metavar="FILE", help="Its private key."),
    click.option("--tls-ca", metavar="FILE", help="The CA of the cluster."),
]


def _with_engine(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_ENGINE):
        command = option(command)
    return command


_SEED = click.option(
    "--seed", metavar="HEX", help="Derive serials and keys from it; they are not secret."
)
_RESPONSE = "response"


_RANGE_BY_DEFAULT = "device"
"""The certificate type whose inputs a range that names none is said to lack."""


def _range_profiles(library: Library) -> list[Profile]:
    """The certificate types of which a range is issued: those that embed a Device ID."""
    return [one for one in library.end_entity_profiles if one.identity is Identity.DEVICE_ID]


def _range_inputs(library: Library) -> dict[str, InputType]:
    """What a range may state beside its first ID, by option."""
    types = (one for profile in _range_profiles(library) for one in profile.input_types)
    return {one.option: one for one in types if not one.is_identifier}


def _key(option: str) -> str:
    return option.replace("-", "_")


class RangeCommand(click.Command):
    """A command with an option for each input of the certificate types that a range may be of."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Its own options, and after the purpose those of the certificate types."""
        params = super().get_params(ctx)
        names = {one.name for one in params}
        types = _range_inputs(library_of(ctx))
        added: list[click.Parameter] = [
            click.Option([f"--{one.option}"], metavar=one.metavar, help=f"Of a range: {_of(one)}")
            for one in types.values()
            if _key(one.option) not in names
        ]
        place = [one.name for one in params].index("purpose") + 1
        return [*params[:place], *added, *params[place:]]


def _of(input_type: InputType) -> str:
    """What an input is, as the rest of a sentence."""
    return input_type.help[:1].lower() + input_type.help[1:]


@click.group()
def batch() -> None:
    """Many certificates at once, in runs that survive whatever ends them.

    \b
    Example:
      smki-testca --estate estate batch issue devices.csv
    """


@batch.command(cls=RangeCommand)
@click.argument("manifest", metavar="[MANIFEST]", required=False)
@click.option("--profile", metavar="NAME", help="Of a range: its certificate type, device.")
@click.option("--participant", metavar="P", help="Of a range: who asks.")
@click.option("--purpose", metavar="S", help="Of a range: the Testing Service.")
@click.option(
    "--usage",
    "usages",
    type=click.Choice([one.value for one in KeyUsage]),
    multiple=True,
    help="Of a range: each ID gets a certificate of each usage.",
)
@click.option("--first-id", metavar="EUI64", help="Of a range: its first Device ID.")
@click.option("--count", metavar="N", type=int, help="Of a range: how many Device IDs.")
@_SEED
@click.option("--all-or-nothing", is_flag=True, help="Issue nothing where one row is wrong.")
@LABEL
@ENVIRONMENT
@DELIVERY
@_with_engine
@click.pass_obj
def issue(session: Session, /, manifest: str | None, **options: Any) -> None:
    """Issue a range of Device Certificates, or every row of a MANIFEST (CSV, JSON lines, Parquet).

    \b
    Example:
      smki-testca --estate estate batch issue devices.csv
      smki-testca --estate estate batch issue --profile device --participant meters-one
      --purpose device-and-user-system-tests --hw-type 1.2.826.0.1.8641679.1.2.2.1
      --usage digital-signature --first-id 00-DB-12-01-00-00-00-00 --count 100000
    """
    with session.open() as estate:
        estate.unlock_meanwhile()
        from smki_testca.issuance.batch.planning import Plan

        engine = _engine(options)
        secrets = _secrets(options["seed"])
        with estate.transaction():
            plan = Plan(
                estate, "range" if manifest is None else "manifest", options["label"], secrets
            )
            if manifest is None:
                _plan_range(estate, plan, options)
            else:
                _plan_manifest(estate, plan, manifest, options)
            stopped = _stopped(plan, all_or_nothing=options["all_or_nothing"])
            if stopped is None:
                run = plan.store()
            else:
                plan.record(None)
        if stopped is not None:
            raise stopped
        _report_problems(session, plan.problems)
        if not session.as_json:
            click.echo(f"run {run}", err=True)
        _finish(session, estate, run, engine, plan.problems)


@batch.command()
@click.argument("manifest", metavar="MANIFEST")
@_SEED
@ENVIRONMENT
@click.pass_obj
def check(session: Session, manifest: str, seed: str | None, environment: str | None) -> None:
    """Say which rows of a MANIFEST would be refused, and why; nothing is issued.

    \b
    Example:
      smki-testca --estate estate batch check devices.csv
    """
    from smki_testca.issuance.batch.planning import Plan

    with session.open() as estate:
        plan = Plan(estate, "manifest", None, _secrets(seed))
        plan.check_seed()
        _plan_manifest(estate, plan, manifest, {"environment": environment})
        plan.close()
    if session.as_json:
        print_json({"accepted": plan.count, "problems": [one.as_json() for one in plan.problems]})
    else:
        _report_problems(session, plan.problems)
        click.echo(f"{plan.count} rows would go through, {len(plan.problems)} would not.")
    if plan.problems:
        click.get_current_context().exit(ExitCode.FINDINGS)


@batch.command()
@click.argument("requests", metavar="REQUESTS.zip")
@PARTICIPANT
@PURPOSE
@ENVIRONMENT
@click.option("--out", metavar="RESPONSE.zip", required=True, help="The file to write.")
@click.option("--force", is_flag=True, help="Overwrite the file if it is there already.")
@_with_engine
@click.pass_obj
def sign(session: Session, /, requests: str, out: str, *, force: bool, **options: Any) -> None:
    """Sign a ZIP of CSRs in the Portal's form (SEC App. M F) and write its response.

    \b
    Example:
      smki-testca --estate estate batch sign meters.zip --participant meters-one
      --purpose device-and-user-system-tests --out meters-response.zip
    """
    from smki_testca.collector import without_collector
    from smki_testca.issuance.batch import csr_reader, portal, portal_zip
    from smki_testca.issuance.batch.planning import Plan
    from smki_testca.workers import how_many

    engine = _engine(options)
    workers = how_many(options["workers"])
    target = Path(out)
    if target.exists() and not force:
        raise InputError(
            "export.exists", f"{out} exists already.", "Name another file, or add --force."
        )
    if target.is_dir() or not target.parent.is_dir():
        raise InputError(
            "export.unwritable",
            f"{out} cannot be written: it is a directory, or its folder is missing.",
        )
    name = portal.request_name(requests)
    cells = {
        key: value
        for key in ("participant", "purpose", "environment")
        if (value := options[key]) is not None
    }
    with without_collector(), session.open() as estate:
        estate.unlock_meanwhile()
        zipped = read_input(requests, portal_zip.MAX_ZIP_OCTETS)
        members = portal_zip.directory(requests, zipped)
        estate.unlock()
        with estate.transaction():
            plan = Plan(estate, "requests", None, _secrets(None))
            reader = csr_reader.Reader(requests, zipped, estate.library)
            for one in csr_reader.row_requests(estate, reader, members, cells, workers):
                plan.add(one)
            report = portal.Report.of(name, members, plan.problems)
            run = plan.store() if plan.ready() else None
            if run is None:
                plan.record(None)
            else:
                estate.runs.keep_report(run, msgspec.msgpack.encode(report))
        issued: dict[int, bytes] = {}
        if run is not None:
            finished = _cut(session, estate, run, engine)
            issued = dict(estate.run_certificates.numbered(finished))
        write_file(target, portal.response(report, issued))
    succeeded = len(issued)
    if session.as_json:
        print_json({"run": run, "out": out, "success": succeeded, "refused": len(plan.problems)})
        return
    click.echo(f"{succeeded} of {len(members)} CSRs are signed; the response is {out}.")


@batch.command("list")
@click.pass_obj
def list_(session: Session) -> None:
    """List the runs of an estate.

    \b
    Example:
      smki-testca --estate estate batch list
    """
    with session.open() as estate:
        runs = estate.runs.all()
    if session.as_json:
        print_json({"runs": [one.as_json() for one in runs]})
        return
    print_table(
        ("Run", "State", "Source", "Issued", "Of", "Keys", "Label", "Created"),
        [
            (
                str(one.id),
                one.state.value,
                one.terms.source,
                str(one.issued),
                str(one.terms.count),
                "not secret" if one.terms.seeded else "secret",
                one.terms.label or "",
                one.created,
            )
            for one in runs
        ],
    )


@batch.command()
@click.argument("run", metavar="ID", type=int)
@click.pass_obj
def show(session: Session, run: int) -> None:
    """Show one run: its state, counts, and what it was asked for.

    \b
    Example:
      smki-testca --estate estate batch show 1
    """
    with session.open() as estate:
        found = estate.runs.get(run)
    _print_run(session, found)


@batch.command()
@click.argument("run", metavar="ID", type=int)
@_with_engine
@click.pass_obj
def resume(session: Session, /, run: int, **options: Any) -> None:
    """Go on with a run that was ended before it was done.

    \b
    Example:
      smki-testca --estate estate batch resume 1
    """
    with session.open() as estate:
        estate.unlock_meanwhile()
        _finish(session, estate, run, _engine(options), [])


@batch.command()
@click.argument("run", metavar="ID", type=int)
@click.pass_obj
def cancel(session: Session, run: int) -> None:
    """End a run for good; what it issued stays issued.

    \b
    Example:
      smki-testca --estate estate batch cancel 1
    """
    from smki_testca.issuance.batch import running

    with session.open() as estate:
        ended = running.cancel(estate, run)
    _print_run(session, ended)


@batch.command()
@click.argument("run", metavar="ID", type=int)
@click.option("--format", "form", type=click.Choice([*RUN_FORMATS, _RESPONSE]), required=True)
@click.option("--out", metavar="PATH", required=True, help="The file, or for pem-tree the folder.")
@click.option("--with-keys", is_flag=True, help="Write the private keys, too.")
@click.option("--force", is_flag=True, help="Overwrite what is there already.")
@click.pass_obj
def export(
    session: Session, run: int, form: str, out: str, *, with_keys: bool, force: bool
) -> None:
    """Write the certificates of a run: pem-tree, der-stream, csv or parquet.

    Of a ZIP of CSRs, response is what `batch sign` writes, should that have been ended early.

    \b
    Example:
      smki-testca --estate estate batch export 1 --format csv --out devices.csv
    """
    target = Path(out)
    if target.exists() and not force:
        raise InputError("export.exists", f"{out} exists already.", "Name another, or add --force.")
    with session.open() as estate:
        found = estate.runs.get(run)
        if form == _RESPONSE:
            count = _write_response(estate, found, target)
        else:
            kept = (
                estate.run_certificates.with_keys(found)
                if with_keys
                else ((record, None) for record in estate.run_certificates.of_run(found))
            )
            count = RUN_FORMATS[form].write(target, kept, secret=not found.terms.seeded)
    if session.as_json:
        print_json({"run": run, "out": out, "certificates": count})
        return
    click.echo(f"{count} certificates are in {out}.")


def _write_response(estate: Estate, run: Run, target: Path) -> int:
    from smki_testca.issuance.batch import portal

    kept = estate.runs.report(run.id)
    if kept is None or run.state is not State.DONE:
        raise InputError(
            "batch.no_response",
            f"Run {run.id} has no response: it is {run.state}, of source {run.terms.source}.",
            "Only a ZIP of CSRs that is done has one.",
        )
    issued = dict(estate.run_certificates.numbered(run))
    report = msgspec.msgpack.decode(kept, type=portal.Report)
    write_file(target, portal.response(report, issued))
    return len(issued)


def _engine(options: dict[str, Any]) -> Engine:
    from smki_testca.issuance.batch.engines import DaskEngine, LocalEngine

    if options["engine"] == "local":
        if options["scheduler"] is not None:
            raise UsageError("usage", "--scheduler goes with --engine dask.")
        return LocalEngine(options["workers"])
    needed = ("scheduler", "tls_cert", "tls_key", "tls_ca")
    missing = [f"--{name.replace('_', '-')}" for name in needed if options[name] is None]
    if missing:
        raise UsageError("usage", f"The engine dask needs {', '.join(missing)}.")
    for name in needed[1:]:
        if not Path(options[name]).is_file():
            raise InputError("input.unreadable", f"{options[name]} cannot be read: it is no file.")
    return DaskEngine(
        options["scheduler"], options["tls_cert"], options["tls_key"], options["tls_ca"]
    )


def _secrets(seed: str | None) -> Secrets:
    return Secrets.of_run(None if seed is None else parse_seed(seed))


def _plan_range(estate: Estate, plan: Plan, options: dict[str, Any]) -> None:
    ranged = {one.name: one for one in _range_profiles(estate.library)}
    profile = ranged.get(options["profile"] or "", estate.library.profile(_RANGE_BY_DEFAULT))
    inputs = [one for one in profile.subject_inputs if not one.type.is_identifier]
    wanted = [one.type.option for one in inputs if not one.optional]
    needed = ("profile", "participant", "purpose", *wanted, "first-id", "count")
    missing = [f"--{one}" for one in needed if options[_key(one)] is None]
    missing += ["--usage"] if profile.takes_usage and not options["usages"] else []
    if missing:
        raise UsageError("usage", f"Give a manifest, or for a range {', '.join(missing)}.")
    if options["profile"] not in ranged:
        names = " or ".join(ranged)
        raise UsageError("usage", f"A range is of --profile {names}; use a manifest for others.")
    first = Eui64.parse(options["first_id"])
    identifier = next(one.option for one in profile.input_types if one.is_identifier)
    if options["usages"] and not profile.takes_usage:
        raise UsageError("usage", f"The profile {profile.name} fixes the usage: leave out --usage.")
    every = {one.option for each in ranged.values() for one in each.input_types}
    given = {one: options[_key(one)] for one in sorted(every) if _key(one) in options}
    request = estate.request(
        options["participant"],
        options["purpose"],
        Subject.parse(profile, {identifier: str(first), **given}, estate.library.roles),
        tuple(dict.fromkeys(KeyUsage(usage) for usage in options["usages"])),
        environment=options["environment"],
        delivery=Delivery(options["delivery"]),
    )
    plan.add_range(request, options["count"])


def _plan_manifest(estate: Estate, plan: Plan, manifest: str, options: dict[str, Any]) -> None:
    from smki_testca.issuance.batch.manifest import columns, lines
    from smki_testca.issuance.batch.row_requests import from_manifest

    path = Path(manifest)

    def read(name: str) -> bytes:
        return read_input(str(path.parent / name), 1 << 16)

    for one in from_manifest(
        estate, lines(path, columns(estate.library)), read, options["environment"]
    ):
        plan.add(one)


def _stopped(plan: Plan, *, all_or_nothing: bool) -> SmkiTestcaError | None:
    """Why a plan is not carried out, if it is not."""
    if not plan.problems:
        return None if plan.ready() else InputError("manifest.empty", "The manifest has no rows.")
    if plan.ready() and not all_or_nothing:
        return None
    first, *others = plan.problems
    error = first.error
    if plan.is_range:
        return error
    said = f" {len(others)} more lines are wrong, too." if others else ""
    told = f"Line {first.line}: {error.message}{said}"
    if isinstance(error, Refusal):
        return Refusal((replace(error.reasons[0], reason=told), *error.reasons[1:]))
    error.args, error.message = (told,), told
    return error


def _report_problems(session: Session, problems: list[RowProblem]) -> None:
    if session.as_json:
        return
    for one in problems:
        for line in one.error.lines():
            click.echo(f"line {one.line}: {line}", err=True)


class _Progress:
    """Certificates done, their rate and the time left; a JSON line for each thousand."""

    def __init__(self, session: Session) -> None:
        self._as_json = session.as_json
        self._start = time.monotonic()
        self._first: int | None = None
        self._told = 0

    def __call__(self, issued: int, total: int) -> None:
        if self._first is None:
            self._first = issued
            self._told = issued // 1000
        spent = time.monotonic() - self._start
        rate = (issued - self._first) / spent if spent > 0 else 0.0
        left = (total - issued) / rate if rate else 0.0
        if self._as_json:
            while self._told < issued // 1000:
                self._told += 1
                line = {"issued": self._told * 1000, "count": total, "per_second": round(rate)}
                click.echo(json.dumps(line))
        elif sys.stderr.isatty() and spent > 1:
            text = f"\r{issued} of {total}, {rate:.0f} a second, {left:.0f} s left  "
            click.echo(text, err=True, nl=issued == total)


def _cut(session: Session, estate: Estate, run: int, engine: Engine) -> Run:
    """Make the unfinished tiles of a run; Ctrl-C ends it in one line."""
    from smki_testca.issuance.batch import running

    try:
        return running.resume(estate, run, engine, _Progress(session))
    except KeyboardInterrupt:
        found = estate.runs.get(run)
        click.echo(
            f"interrupted: {found.issued} of {found.terms.count} certificates are issued."
            f" Go on with: smki-testca batch resume {run}",
            err=True,
        )
        click.get_current_context().exit(INTERRUPTED)


def _finish(
    session: Session, estate: Estate, run: int, engine: Engine, problems: list[RowProblem]
) -> None:
    finished = _cut(session, estate, run, engine)
    _print_run(session, finished, problems)
    if problems:
        click.get_current_context().exit(ExitCode.FINDINGS)


def _print_run(session: Session, run: Run, problems: list[RowProblem] | None = None) -> None:
    if session.as_json:
        document = run.as_json()
        if problems is not None:
            document["problems"] = [one.as_json() for one in problems]
        click.echo(json.dumps({"run": document}))
        return
    rows = [
        (name, ", ".join(value) if isinstance(value, list) else str(value))
        for name, value in run.as_json().items()
        if value is not None
    ]
    # Plain lines: a table would be all that this command needs rich for.
    for name, value in rows:
        click.echo(f"{name:13} {plain(value)}")
