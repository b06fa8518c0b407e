"""``check``, ``issue`` and ``sign``: the gate, and what lies behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from smki_testca.authority import csr
from smki_testca.cli.output import print_json, print_records, print_warnings
from smki_testca.cli.session import Session, read_input
from smki_testca.register.requests import Delivery, subject
from smki_testca.roles import KeyUsage
from smki_testca.x509.pem import to_pem

if TYPE_CHECKING:
    from collections.abc import Callable

    from smki_testca.authority.filling import Validity
    from smki_testca.estate.certificates import Record
    from smki_testca.roles import Roles

PARTICIPANT = click.option(
    "--participant", metavar="P", required=True, help="Who asks: its id in the register."
)
PURPOSE = click.option(
    "--purpose", metavar="S", required=True, help="The Testing Service, such as uept."
)
ENVIRONMENT = click.option(
    "--environment", metavar="E", help="The test environment; the estate's first by default."
)
DELIVERY = click.option(
    "--delivery",
    type=click.Choice([one.value for one in Delivery]),
    default=Delivery.LOCAL.value,
    help="remote: over a DCC Gateway Connection.",
)
LABEL = click.option("--label", metavar="L", help="A name to find the certificates by.")
_USAGE = click.option(
    "--usage",
    "usages",
    type=click.Choice([one.value for one in KeyUsage]),
    multiple=True,
    required=True,
    help="One certificate for each; may be given twice.",
)
_NOT_BEFORE = click.option(
    "--not-before", metavar="TIME", help="Begin at this UTC time, not where the profile says."
)
_NOT_AFTER = click.option(
    "--not-after", metavar="TIME", help="End with this day, or at this UTC time."
)
_ROLE = click.option("--role", metavar="NAME|HEX", required=True, help="Such as supplier or 02.")

# profile: (what its help says, an example, its own options)
_PROFILES: dict[str, tuple[str, str, list[Callable[..., Any]]]] = {
    "organisation": (
        "An Organisation Certificate, with the EUI-64 of a User, an RDP or the DCC.",
        (
            "--participant supplier-one --purpose uept --id 90-B3-D5-1F-30-01-00-00"
            " --role supplier --usage digital-signature"
        ),
        [
            click.option("--id", metavar="EUI64", required=True, help="The User, RDP or DCC ID."),
            _ROLE,
            _USAGE,
            click.option("--common-name", metavar="CN", help="An optional name in the subject."),
        ],
    ),
    "device": (
        "A Device Certificate, with the EUI-64 of a Device.",
        (
            "--participant meters-one --purpose device-and-user-system-tests"
            " --device-id 00-DB-12-00-00-00-00-05 --hw-type 1.2.826.0.1.8641679.1.2.2.1"
            " --usage key-agreement"
        ),
        [
            click.option("--device-id", metavar="EUI64", required=True, help="The Device ID."),
            click.option(
                "--hw-type", metavar="OID", required=True, help="The manufacturer's hwType."
            ),
            _USAGE,
        ],
    ),
    "dccki": (
        "A DCCKI Infrastructure Certificate, with the participant's Signifier.",
        (
            "--participant supplier-one --purpose uept --common-name gateway.supplier-one.test"
            " --dns gateway.supplier-one.test"
        ),
        [
            click.option(
                "--common-name", metavar="NAME", required=True, help="The host or system name."
            ),
            click.option("--dns", metavar="NAME", help="A host name for the subjectAltName."),
            click.option(
                "--signifier",
                metavar="S",
                help="Who the requester says it is; refused unless the register agrees.",
            ),
        ],
    ),
    "iki": (
        "An IKI certificate, for access to the SMKI web services.",
        "--participant supplier-one --purpose srept --system-name adhoc-csr --role supplier",
        [
            click.option(
                "--system-name", metavar="NAME", required=True, help="The authorised system."
            ),
            _ROLE,
        ],
    ),
}


@click.group()
def check() -> None:
    """Ask the gate alone; nothing is issued.

    \b
    Example:
      smki-testca --estate estate check iki --participant labs-one --purpose uept
      --system-name lab --role supplier
    """


@click.group()
def issue() -> None:
    """Issue Test Certificates with fresh keys.

    \b
    Example:
      smki-testca --estate estate issue organisation --participant supplier-one
      --purpose uept --id 90-B3-D5-1F-30-01-00-00 --role supplier
      --usage digital-signature
    """


def _check(session: Session, profile: str, **options: Any) -> None:
    options.pop("label")
    with session.open() as estate:
        granted = estate.check(_request(estate, profile, options))
    if session.as_json:
        print_json({"authorisation": granted.as_json()})
        return
    print_warnings(granted.warnings)
    click.echo(f"granted under agreement {granted.agreement}, category {granted.category.name}")


def _issue(session: Session, profile: str, **options: Any) -> None:
    label = options.pop("label")
    validity = _validity(options.pop("not_before"), options.pop("not_after"))
    with session.open() as estate:
        request = _request(estate, profile, options)
        records, warnings = estate.issue(request, label=label, validity=validity)
        _print_issued(session, records, warnings, estate.library.roles)


def _validity(not_before: str | None, not_after: str | None) -> Validity | None:
    from smki_testca.authority.filling import Validity
    from smki_testca.clock import parse_end, parse_instant

    if not_before is None and not_after is None:
        return None
    return Validity(
        None if not_before is None else parse_instant(not_before),
        None if not_after is None else parse_end(not_after),
    )


def _request(estate: Any, profile: str, options: dict[str, Any]) -> Any:
    given = {name.replace("_", "-"): value for name, value in options.items()}
    return estate.request(
        options["participant"],
        options["purpose"],
        subject(profile, given, estate.library.roles),
        tuple(dict.fromkeys(KeyUsage(usage) for usage in options.get("usages", ()))),
        environment=options["environment"],
        delivery=Delivery(options["delivery"]),
    )


def _print_issued(
    session: Session, records: list[Record], warnings: tuple[str, ...], roles: Roles
) -> None:
    if session.as_json:
        print_json(
            {
                "certificates": [
                    {**one.as_json(), "pem": to_pem(one.der).decode("ascii")} for one in records
                ],
                "warnings": list(warnings),
            }
        )
        return
    print_warnings(warnings)
    print_records(records, roles)


def _add_commands() -> None:
    for group, callback in ((check, _check), (issue, _issue)):
        for profile, (said, example, options) in _PROFILES.items():
            group.add_command(_command(group, callback, profile, said, example, options))


def _command(
    group: click.Group,
    callback: Callable[..., None],
    profile: str,
    said: str,
    example: str,
    options: list[Callable[..., Any]],
) -> click.Command:
    @click.pass_obj
    def run(session: Session, /, **given: Any) -> None:
        callback(session, profile, **given)

    decorated: Any = run
    dates = [_NOT_BEFORE, _NOT_AFTER] if group is issue else []
    for option in reversed([PARTICIPANT, PURPOSE, *options, *dates, LABEL, ENVIRONMENT, DELIVERY]):
        decorated = option(decorated)
    text = f"{said}\n\n\b\nExample:\n  smki-testca --estate estate {group.name} {profile} {example}"
    command: click.Command = click.command(profile, help=text, short_help=said)(decorated)
    return command


_add_commands()


@click.command()
@click.argument("file", metavar="FILE")
@PARTICIPANT
@PURPOSE
@LABEL
@ENVIRONMENT
@DELIVERY
@click.pass_obj
def sign(
    session: Session,
    file: str,
    participant: str,
    purpose: str,
    label: str | None,
    environment: str | None,
    delivery: str,
) -> None:
    """Issue the Test Certificate that the CSR in FILE asks for (- for standard input).

    Organisation, Device and IKI CSRs are told apart by their content; PEM with either
    header, bare base64 and DER are read. The certificate is printed as PEM.

    \b
    Example:
      smki-testca --estate estate sign meter.csr --participant meters-one
      --purpose device-and-user-system-tests
    """
    data = read_input(file, csr.MAX_OCTETS)
    with session.open() as estate:
        record, warnings = estate.sign(
            data,
            participant,
            purpose,
            environment=environment,
            delivery=Delivery(delivery),
            label=label,
        )
        if session.as_json:
            _print_issued(session, [record], warnings, estate.library.roles)
            return
    print_warnings(warnings)
    click.echo(to_pem(record.der).decode("ascii"), nl=False)
