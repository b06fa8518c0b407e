"""``batch``: issues many certificates at once, in runs that can be resumed."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from smki_testca.cli.batch_source import (
    SourceCommand,
    plan_manifest,
    plan_range,
    range_options_given,
    with_range_options,
)
from smki_testca.cli.issue import DELIVERY, ENVIRONMENT, LABEL, PARTICIPANT, PURPOSE, TAKEN_AS
from smki_testca.cli.numbers import NUMBER, number_from
from smki_testca.cli.output import (
    print_json,
    print_json_line,
    print_progress,
    print_table,
    print_warnings,
    say,
)
from smki_testca.cli.output_paths import FILE_HELP, OUTPUT, check_alone, place_of
from smki_testca.cli.session import Session, read_input
from smki_testca.entropy import parse_seed
from smki_testca.errors import (
    ExitCode,
    InputError,
    OutputError,
    Refusal,
    SmkiTestcaError,
    UsageError,
)
from smki_testca.estate.runs import State
from smki_testca.estate.terms import Secrets
from smki_testca.exporters.registry import RUN_FORMATS
from smki_testca.files import check_free, write_file
from smki_testca.streams import check_no_terminal, is_standard_output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from smki_testca.api import Estate
    from smki_testca.estate.runs import Run
    from smki_testca.issuance.batch.engines import Engine
    from smki_testca.issuance.batch.planning import Plan
    from smki_testca.issuance.batch.portal_zip import Member

INTERRUPTED = 130
"""The exit code after Ctrl-C, as a shell gives it."""

_ENGINE_OPTIONS = [
    click.option(
        "--workers", metavar="N", type=NUMBER, help="The number of processes; all cores by default."
    ),
    click.option("--engine", type=click.Choice(["local", "dask"]), default="local"),
    click.option("--scheduler", metavar="ADDRESS", help="Of a Dask cluster: tls://HOST:PORT."),
    click.option("--tls-cert", metavar="FILE", help="This client's certificate for the cluster."),
    click.option("--tls-key", metavar="FILE", help="Its private key."),
    click.option("--tls-ca", metavar="FILE", help="The CA of the cluster."),
]


def _with_engine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_ENGINE_OPTIONS):
        command = option(command)
    return command


_SEED = click.option(
    "--seed", metavar="HEX", help="Derive serials and keys from it; they are not secret."
)
_RESPONSE = "response"


@click.group()
def batch() -> None:
    """Issue many certificates at once, in runs that you can resume.

    \b
    Example:
      smki-testca --estate estate batch issue devices.csv
    """


@batch.command(cls=SourceCommand)
@click.argument("manifest", metavar="[MANIFEST]", required=False)
@with_range_options
@_SEED
@click.option("--all-or-nothing", is_flag=True, help="Issue nothing where one row is wrong.")
@LABEL
@ENVIRONMENT
@DELIVERY
@_with_engine_options
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
        from smki_testca.issuance.batch.planning import Plan, begin

        engine = _engine(options)
        secrets = _secrets(options["seed"])

        def planned() -> Plan:
            plan = Plan(estate, _source(manifest), options["label"], secrets)
            _plan_source(estate, plan, manifest, options)
            return plan

        def store(plan: Plan) -> int | None:
            if plan.ready() and not (plan.problems and options["all_or_nothing"]):
                return plan.store()
            plan.record(None)
            return None

        plan, run = begin(estate, planned, store)
        if run is None:
            raise _plan_error(plan)
        _report_problems(session, plan)
        _print_warnings(session, plan)
        if not session.as_json:
            say(f"run {run}", err=True)
        outcome = _problems_as_json(plan) | _warnings_as_json(plan)
        _complete_and_report(session, estate, run, engine, outcome)


@batch.command(cls=SourceCommand)
@click.argument("manifest", metavar="[MANIFEST]", required=False)
@with_range_options
@_SEED
@ENVIRONMENT
@DELIVERY
@click.pass_obj
def check(session: Session, /, manifest: str | None, **options: Any) -> None:
    """Say what of a range or a MANIFEST would be refused, and why; nothing is issued.

    \b
    Example:
      smki-testca --estate estate batch check devices.csv
      smki-testca --estate estate batch check --profile device --participant meters-one
      --purpose device-and-user-system-tests --hw-type 1.2.826.0.1.8641679.1.2.2.1
      --usage digital-signature --first-id 00-DB-12-01-00-00-00-00 --count 100000
    """
    from smki_testca.issuance.batch.planning import Plan

    with session.open() as estate:
        plan = Plan(estate, _source(manifest), None, _secrets(options["seed"]))
        plan.check_seed()
        _plan_source(estate, plan, manifest, options)
        plan.close()
    if not plan.ready() and not plan.problems:
        raise _plan_error(plan)
    if plan.is_range and plan.problems:
        raise plan.problems[0].error
    if session.as_json:
        print_json({"accepted": plan.count, **_problems_as_json(plan), **_warnings_as_json(plan)})
    else:
        _report_problems(session, plan)
        _print_warnings(session, plan)
        rows = f"{plan.count} rows would go through, {plan.problem_count} would not."
        say(f"{plan.count} certificates would be issued." if plan.is_range else rows)
    if plan.problems:
        click.get_current_context().exit(ExitCode.FINDINGS)


@batch.command()
@click.argument("requests", metavar="REQUESTS.zip")
@PARTICIPANT
@PURPOSE
@ENVIRONMENT
@TAKEN_AS
@click.option("--out", metavar="RESPONSE.zip", type=OUTPUT, required=True, help=FILE_HELP)
@click.option("--force", is_flag=True, help="Overwrite the file if it is there already.")
@_with_engine_options
@click.pass_obj
def sign(session: Session, /, requests: str, out: Path, *, force: bool, **options: Any) -> None:
    """Sign a ZIP of CSRs in the Portal's form (SEC App. M F) and write its response.

    \b
    Example:
      smki-testca --estate estate batch sign meters.zip --participant meters-one
      --purpose device-and-user-system-tests --out meters-response.zip
    """
    from smki_testca.authority.csr import TakenAs
    from smki_testca.collector import without_collector
    from smki_testca.issuance.batch import csr_reader, portal, portal_zip
    from smki_testca.issuance.batch.planning import Plan, begin
    from smki_testca.workers import how_many

    engine = _engine(options)
    workers = how_many(options["workers"])
    check_free(out, force=force)
    check_no_terminal(out)
    if out.is_dir() or not out.parent.is_dir():
        raise InputError(
            "export.unwritable",
            f"{out} cannot be written: it is a directory, or its folder is missing.",
        )
    check_alone(session, out)
    name = portal.request_name(requests)
    cells = {
        key: value
        for key in ("participant", "purpose", "environment")
        if (value := options[key]) is not None
    }
    with without_collector(), session.open() as estate:
        estate.unlock_meanwhile()
        zipped = read_input(requests, portal_zip.MAX_ZIP_OCTETS)
        members, passed_over = portal_zip.directory(requests, zipped)
        estate.unlock()

        def planned() -> Plan:
            plan = Plan(estate, "requests", None, _secrets(None))
            reader = csr_reader.Reader(
                requests, zipped, estate.library, TakenAs(options["taken_as"])
            )
            for row in csr_reader.row_requests(estate, reader, members, cells, workers):
                plan.add(row)
            return plan

        def store(plan: Plan) -> int | None:
            if not plan.ready():
                plan.record(None)
                return None
            run = plan.store()
            report = portal.Report.of(name, members, plan.problems, plan.remarks)
            estate.runs.keep_report(run, msgspec.msgpack.encode(report))
            return run

        plan, run = begin(estate, planned, store)
        _print_warnings(session, plan)
        report = portal.Report.of(name, members, plan.problems, plan.remarks)
        issued: dict[int, bytes] = {}
        if run is not None:
            finished = _complete_run(session, estate, run, engine)
            issued = dict(estate.run_certificates.numbered(finished))
        _write_signed(out, portal.response(report, issued), run, force=force)
    succeeded = len(issued)
    remarks = _grouped((remark, file) for _, file, *remark in report.remarks)
    labels = _changed_labels(members, issued)
    if session.as_json:
        counts = {
            "success": succeeded,
            "refused": plan.problem_count,
            "passed_over": len(passed_over),
        }
        told = _warnings_as_json(plan) | _remarks_as_json(remarks, "files")
        told |= {"labels": labels} if labels else {}
        print_json({"run": run, "out": str(out), **counts, **told})
        return
    _report_passed_over(requests, passed_over)
    _report_remarks(remarks)
    print_warnings(f"{row['file']}: its label is {row['label']!r}." for row in labels)
    say(
        f"{succeeded} of {len(members)} CSRs are signed; the response is {place_of(out)}.",
        err=is_standard_output(out),
    )


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
        print_json({"runs": [run.as_json() for run in runs]})
        return
    print_table(
        ("Run", "State", "Source", "Issued", "Of", "Keys", "Label", "Created"),
        [
            (
                str(run.id),
                run.state.value,
                run.terms.source,
                str(run.issued),
                str(run.terms.count),
                "not secret" if run.terms.seeded else "secret",
                run.terms.label or "",
                run.created,
            )
            for run in runs
        ],
    )


@batch.command()
@click.argument("run", metavar="ID", type=number_from(0))
@click.pass_obj
def show(session: Session, run: int) -> None:
    """Show one run: its state, its counts and its terms.

    \b
    Example:
      smki-testca --estate estate batch show 1
    """
    with session.open() as estate:
        stored_run = estate.runs.get(run)
    _print_run(session, stored_run)


@batch.command()
@click.argument("run", metavar="ID", type=number_from(0))
@_with_engine_options
@click.pass_obj
def resume(session: Session, /, run: int, **options: Any) -> None:
    """Resume a run that ended before it was complete.

    \b
    Example:
      smki-testca --estate estate batch resume 1
    """
    with session.open() as estate:
        estate.unlock_meanwhile()
        _complete_and_report(session, estate, run, _engine(options), {"problems": []})


@batch.command()
@click.argument("run", metavar="ID", type=number_from(0))
@click.pass_obj
def cancel(session: Session, run: int) -> None:
    """Cancel a run: it cannot be resumed, and the certificates it issued stay.

    \b
    Example:
      smki-testca --estate estate batch cancel 1
    """
    from smki_testca.issuance.batch import running

    with session.open() as estate:
        cancelled = running.cancel(estate, run)
    _print_run(session, cancelled)


@batch.command()
@click.argument("run", metavar="ID", type=number_from(0))
@click.option("--format", "form", type=click.Choice([*RUN_FORMATS, _RESPONSE]), required=True)
@click.option(
    "--out",
    metavar="PATH",
    type=OUTPUT,
    required=True,
    help=f"{FILE_HELP} For pem-tree, the folder.",
)
@click.option("--with-keys", is_flag=True, help="Write the private keys, too.")
@click.option("--force", is_flag=True, help="Overwrite what is there already.")
@click.pass_obj
def export(
    session: Session, run: int, form: str, out: Path, *, with_keys: bool, force: bool
) -> None:
    """Write the certificates of a run: pem-tree, der-stream, csv or parquet.

    For a ZIP of CSRs, the format response is the file that `batch sign` writes. Use it where that
    command ended before it wrote the file.

    \b
    Example:
      smki-testca --estate estate batch export 1 --format csv --out devices.csv
    """
    check_free(out, force=force)
    check_alone(session, out)
    with session.open() as estate:
        stored_run = estate.runs.get(run)
        if form == _RESPONSE:
            count = _write_response(estate, stored_run, out, force=force)
        else:
            certificates = (
                estate.run_certificates.with_keys(stored_run)
                if with_keys
                else ((record, None) for record in estate.run_certificates.of_run(stored_run))
            )
            secret = not stored_run.terms.seeded
            count = RUN_FORMATS[form].write(out, certificates, secret=secret, force=force)
    if session.as_json:
        print_json({"run": run, "out": str(out), "certificates": count})
        return
    say(f"{count} certificates are {place_of(out, 'in')}.", err=is_standard_output(out))


def _report_passed_over(requests: str, names: Sequence[str]) -> None:
    if names:
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        text = f"{requests}: {names[0]}{more} passed over: of macOS or Windows, no CSR."
        print_warnings([text])


_Remarks = dict[tuple[str, str, str], list[Any]]
"""The files or lines that each remark is on: its code, the part that was dropped, its text."""


def _grouped(remarks: Iterable[tuple[Sequence[str], Any]]) -> _Remarks:
    grouped: _Remarks = {}
    for (code, part, text), place in remarks:
        grouped.setdefault((code, part, text), []).append(place)
    return grouped


def _of_plan(plan: Plan) -> _Remarks:
    from smki_testca.issuance.batch import portal

    return _grouped(
        (remark, line) for line, each in plan.remarks.items() for remark in portal.texts(each)
    )


def _remarks_as_json(remarks: _Remarks, places: str) -> dict[str, Any]:
    """Return the warnings and what was dropped, as far as there is any.

    Args:
        remarks: on the CSRs of a batch.
        places: the key of the places that each is on.
    """
    warnings = [
        {"code": code, "message": text, places: found}
        for (code, part, text), found in remarks.items()
        if not part
    ]
    dropped = [
        {"path": part, "message": text, places: found}
        for (_, part, text), found in remarks.items()
        if part
    ]
    document = {"csr_warnings": warnings, "dropped": dropped}
    return {key: value for key, value in document.items() if value}


def _report_remarks(remarks: _Remarks, noun: str = "") -> None:
    for (code, _, text), places in remarks.items():
        others = f" and {len(places) - 1} others" if len(places) > 1 else ""
        say(f"{noun}{places[0]}{others}: {code}: {text}", err=True)


def _changed_labels(
    members: Sequence[Member], issued: Mapping[int, bytes]
) -> list[dict[str, str | None]]:
    """Return the files of CSRs whose certificates' labels are not simply the files' names."""
    from smki_testca.issuance.batch import csr_reader

    labels = csr_reader.labels_of(members)
    return [
        {"file": member.name, "label": labels[member.number]}
        for member in members
        if member.number in issued and labels[member.number] != member.name.removesuffix(".csr")
    ]


def _write_signed(target: Path, response: bytes, run: int | None, *, force: bool) -> None:
    """Write the response of a run that is done; an error says how to write it again."""
    try:
        write_file(target, response, force=force)
    except (InputError, OutputError) as error:
        if run is not None:
            error.remedy = (
                f"The certificates are issued. Write it again: smki-testca batch export {run}"
                f" --format {_RESPONSE} --out FILE"
            )
        raise


def _write_response(estate: Estate, run: Run, target: Path, *, force: bool) -> int:
    from smki_testca.issuance.batch import portal

    encoded_report = estate.runs.report(run.id)
    if encoded_report is None or run.state is not State.DONE:
        raise InputError(
            "batch.no_response",
            f"Run {run.id} has no response: it is {run.state}, of source {run.terms.source}.",
            "Only a ZIP of CSRs that is done has one.",
        )
    issued = dict(estate.run_certificates.numbered(run))
    report = msgspec.msgpack.decode(encoded_report, type=portal.Report)
    write_file(target, portal.response(report, issued), force=force)
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


def _source(manifest: str | None) -> str:
    return "range" if manifest is None else "manifest"


def _plan_source(estate: Estate, plan: Plan, manifest: str | None, options: dict[str, Any]) -> None:
    if manifest is None:
        plan_range(estate, plan, options)
    elif given := range_options_given(estate.library, options):
        raise UsageError("usage", f"{', '.join(given)}: of a range, not beside a manifest.")
    else:
        plan_manifest(estate, plan, manifest, options)


def _plan_error(plan: Plan) -> SmkiTestcaError:
    """Return the error because of which nothing of a plan is issued."""
    if not plan.problems:
        return InputError("manifest.empty", "The manifest has no rows.")
    first, others = plan.problems[0], plan.problem_count - 1
    error = first.error
    if plan.is_range:
        return error
    more = f" {others} more lines are wrong, too." if others else ""
    message = f"Line {first.line}: {error.message}{more}"
    if isinstance(error, Refusal):
        return Refusal((replace(error.reasons[0], reason=message), *error.reasons[1:]))
    error.args, error.message = (message,), message
    return error


def _report_problems(session: Session, plan: Plan) -> None:
    if session.as_json:
        return
    for problem in plan.problems:
        for line in problem.error.lines():
            say(f"line {problem.line}: {line}", err=True)
    _report_remarks(_of_plan(plan), "line ")
    unlisted = plan.problem_count - len(plan.problems)
    if unlisted:
        say(f"{unlisted} more lines are wrong, too.", err=True)


def _warnings_as_json(plan: Plan) -> dict[str, Any]:
    """Return the warnings of a plan and how many are not listed, as far as there are any."""
    document: dict[str, Any] = {"warnings": list(plan.warnings)} if plan.warnings else {}
    if plan.warnings_not_listed:
        document["warnings_not_listed"] = plan.warnings_not_listed
    return document


def _print_warnings(session: Session, plan: Plan) -> None:
    if session.as_json:
        return
    print_warnings(plan.warnings)
    if plan.warnings_not_listed:
        say(f"{plan.warnings_not_listed} more warnings are not listed.", err=True)


def _problems_as_json(plan: Plan) -> dict[str, Any]:
    """Return the problems of a plan, and how many are not listed if there are any."""
    document: dict[str, Any] = {"problems": [problem.as_json() for problem in plan.problems]}
    unlisted = plan.problem_count - len(plan.problems)
    if unlisted:
        document["problems_not_listed"] = unlisted
    return document | _remarks_as_json(_of_plan(plan), "lines")


class _Progress:
    """Shows the certificates done, their rate and the time left; as JSON, a line per thousand."""

    def __init__(self, session: Session) -> None:
        self._as_json = session.as_json
        self._start = time.monotonic()
        self._first: int | None = None
        self._thousands_shown = 0

    def __call__(self, issued: int, total: int) -> None:
        if self._first is None:
            self._first = issued
            self._thousands_shown = issued // 1000
        spent = time.monotonic() - self._start
        rate = (issued - self._first) / spent if spent > 0 else 0.0
        left = (total - issued) / rate if rate else 0.0
        if self._as_json:
            while self._thousands_shown < issued // 1000:
                self._thousands_shown += 1
                line = {
                    "issued": self._thousands_shown * 1000,
                    "count": total,
                    "per_second": round(rate),
                }
                print_json_line(line)
        elif sys.stderr.isatty() and spent > 1:
            text = f"{issued} of {total}, {rate:.0f} a second, {left:.0f} s left  "
            print_progress(text, last=issued == total)


def _complete_run(session: Session, estate: Estate, run: int, engine: Engine) -> Run:
    """Issue the tiles of a run that are not done; Ctrl-C ends the command with one line."""
    from smki_testca.issuance.batch import running

    try:
        return running.resume(estate, run, engine, _Progress(session))
    except KeyboardInterrupt:
        stored_run = estate.runs.get(run)
        say(
            f"interrupted: {stored_run.issued} of {stored_run.terms.count} certificates are issued."
            f" Go on with: smki-testca batch resume {run}",
            err=True,
        )
        click.get_current_context().exit(INTERRUPTED)


def _complete_and_report(
    session: Session, estate: Estate, run: int, engine: Engine, outcome: dict[str, Any]
) -> None:
    finished = _complete_run(session, estate, run, engine)
    _print_run(session, finished, outcome)
    if outcome["problems"]:
        click.get_current_context().exit(ExitCode.FINDINGS)


def _print_run(session: Session, run: Run, outcome: dict[str, Any] | None = None) -> None:
    if session.as_json:
        document = run.as_json()
        document |= outcome or {}
        print_json_line({"run": document})
        return
    rows = [
        (name, ", ".join(value) if isinstance(value, list) else str(value))
        for name, value in run.as_json().items()
        if value is not None
    ]
    # Plain lines, so that this command does not import rich.
    for name, value in rows:
        say(f"{name:13} {value}")
