"""``list``, ``show`` and ``export``: certificates, looked at and handed out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.output import print_json, print_records, print_table, role_name
from smki_testca.cli.session import Session, first_line, read_input
from smki_testca.errors import ExitCode, InputError
from smki_testca.estate.certificates import Selection
from smki_testca.estate.whois import certificate_der
from smki_testca.exchange import FORMATS, items, write
from smki_testca.identifiers import Eui64, SerialNumber, shown
from smki_testca.lint import Context, check
from smki_testca.lint.recognise import recognise
from smki_testca.profiles.model import Severity
from smki_testca.x509.fields import shown_value
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from collections.abc import Callable

    from smki_testca.lint import Finding
    from smki_testca.profiles import Library
    from smki_testca.profiles.model import Profile
    from smki_testca.x509.view import View

_SELECTION = [
    click.option("--participant", metavar="P", help="Of this participant."),
    click.option("--eui64", metavar="EUI64", help="With this User, RDP, DCC or Device ID."),
    click.option("--role", metavar="NAME|HEX", help="Of this RemotePartyRole."),
    click.option("--usage", metavar="U", help="Of this key usage, such as digital-signature."),
    click.option("--profile", metavar="NAME", help="Of this profile, such as organisation."),
    click.option("--label", metavar="L", help="With this label."),
    click.option("--serial", metavar="N", help="With this serial number."),
]


def _selecting(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_SELECTION):
        command = option(command)
    return command


def _selection(library: Library, given: dict[str, str | None]) -> Selection:
    eui64, role, serial = given["eui64"], given["role"], given["serial"]
    return Selection(
        given["participant"],
        None if eui64 is None else Eui64.parse(eui64),
        None if role is None else library.roles.remote_party_role(role).code,
        given["usage"],
        given["profile"],
        given["label"],
        None if serial is None else SerialNumber.parse(serial),
    )


@click.command("list")
@_selecting
@click.pass_obj
def list_(session: Session, /, **given: str | None) -> None:
    """List the certificates of an estate, or those that fit every option.

    \b
    Example:
      smki-testca --estate estate list --participant supplier-one --usage key-agreement
    """
    with session.open() as estate:
        records = estate.certificates.select(_selection(estate.library, given))
        if session.as_json:
            print_json({"certificates": [one.as_json() for one in records]})
            return
        print_records(records, estate.library.roles)


@click.command()
@click.argument("what", metavar="FILE|SERIAL")
@click.pass_obj
def show(session: Session, what: str) -> None:
    """Show the certificate in FILE, or the one of the estate with that SERIAL.

    Ends with exit code 1 where something is wrong with it.

    \b
    Example:
      smki-testca show certificate.pem
    """
    if what == "-" or Path(what).is_file():
        library = session.library()
        der = certificate_der(read_input(what))
        context = Context(library.roles)
        known: dict[str, Any] = {}
        view = view_certificate(der)
        profile = recognise(view, library, context)
    else:
        serial = _serial(what)
        with session.open() as estate:
            library = estate.library
            record = estate.certificates.by_serial(serial)
            if record is None:
                raise InputError(
                    "certificate.unknown",
                    f"The estate has no certificate {serial}, nor is there a file {what}.",
                )
            view, known = view_certificate(record.der), record.as_json()
            chain = estate.certificates.chain(record)
            profile = library.profile(record.profile)
            context = Context(
                library.roles,
                library.environment(record.environment),
                view_certificate(chain[0].der) if chain else None,
            )
    findings = check(view, profile, context)
    if session.as_json:
        _print_json(view, profile, findings, known)
    else:
        _print_certificate(view, profile, findings, library)
    if any(finding.severity is Severity.ERROR for finding in findings):
        click.get_current_context().exit(ExitCode.FINDINGS)


def _serial(what: str) -> SerialNumber:
    try:
        return SerialNumber.parse(what)
    except InputError as error:
        raise InputError(
            "certificate.unknown",
            f"There is no file {shown(what)}, nor is it a serial number.",
            error.remedy,
        ) from error


def _fields(view: View) -> list[tuple[str, str]]:
    shown = []
    for path, found in view.fields.items():
        if found.value is not None and path not in {"issuer", "subject"}:
            value = found.value
            is_id = (
                isinstance(value, bytes)
                and len(value) == 8
                and path.endswith(("x500UniqueIdentifier", "hwSerialNum"))
            )
            shown.append((path, str(Eui64.from_octets(value)) if is_id else shown_value(value)))  # type: ignore[arg-type]
    return shown


def _print_json(
    view: View, profile: Profile, findings: list[Finding], known: dict[str, Any]
) -> None:
    print_json(
        {
            "kind": profile.name,
            "fields": dict(_fields(view)),
            "findings": [finding.as_json() for finding in findings],
            "record": known or None,
        }
    )


def _print_certificate(
    view: View, profile: Profile, findings: list[Finding], library: Library
) -> None:
    role = view.text("subject.organizationalUnitName") or ""
    rows = []
    for path, value in _fields(view):
        text = value
        if path == "subject.organizationalUnitName" and "role" in profile.inputs:
            try:
                text = role_name(int(role, 16), library.roles)
            except ValueError:
                text = role
        if path == "serialNumber":
            text = f"{int(value):032X}"
        rows.append((path, text))
    print_table(("Field", "Value"), rows, profile.title)
    click.echo()
    if not findings:
        click.echo("Nothing is wrong with it.")
    for finding in findings:
        click.echo(f"{finding.severity}: {finding.message} [{finding.code}, {finding.basis}]")


@click.command()
@click.option(
    "--format", "form", type=click.Choice(list(FORMATS)), required=True, help="See docs/formats.md."
)
@click.option("--out", metavar="PATH", required=True, help="The folder to write to.")
@click.option("--with-keys", is_flag=True, help="Write the private keys, too.")
@click.option(
    "--export-passphrase-file",
    metavar="FILE",
    help="Its first line encrypts the private keys written; PKCS#12 needs it.",
)
@click.option("--force", is_flag=True, help="Overwrite files that are there already.")
@_selecting
@click.pass_obj
def export(
    session: Session,
    /,
    form: str,
    out: str,
    export_passphrase_file: str | None,
    *,
    with_keys: bool,
    force: bool,
    **given: str | None,
) -> None:
    """Write the certificates of an estate, or those that fit every option, to a folder.

    Private keys are written only with --with-keys; a CA's private key never is.

    \b
    Example:
      smki-testca --estate estate export --format pem --out kit --with-keys
      --participant supplier-one
    """
    passphrase = None
    if export_passphrase_file is not None:
        passphrase = first_line(export_passphrase_file)
    with session.open() as estate:
        records = estate.certificates.select(_selection(estate.library, given))
        if not records:
            raise InputError("export.nothing", "No certificate fits the selection.")
        selected = items(estate, records, with_keys=with_keys)
        paths = write(FORMATS[form].files(selected, passphrase), Path(out), force=force)
    if session.as_json:
        print_json({"files": [str(path) for path in paths]})
        return
    click.echo(f"{len(paths)} files are below {out}.")
