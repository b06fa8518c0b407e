"""``check``, ``issue`` and ``sign``: requests for certificates, authorised by the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from smki_testca.authority import csr
from smki_testca.cli.command_line import (
    ConfiguredOption,
    configured,
)
from smki_testca.cli.input_files import read_input
from smki_testca.cli.issued_files import (
    issued_to,
    print_saved,
    saved_as_json,
    target_of,
    writing,
)
from smki_testca.cli.library_names import library_of
from smki_testca.cli.numbers import number_from
from smki_testca.cli.output import (
    print_document,
    print_json,
    print_warnings,
    say,
)
from smki_testca.cli.records import print_records
from smki_testca.cli.tokens import Needs, ask_first, token_option
from smki_testca.errors import UsageError
from smki_testca.labels import check_label
from smki_testca.profiles.model import Tier
from smki_testca.profiles.subject import Subject
from smki_testca.register.requests import Delivery
from smki_testca.roles import KeyUsage
from smki_testca.x509.pem import to_pem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from smki_testca.api import Estate
    from smki_testca.authority.filling import Validity
    from smki_testca.cli.session import Session
    from smki_testca.estate.certificates import Record
    from smki_testca.exporters.stale_files import SavedExport
    from smki_testca.profiles.model import Profile
    from smki_testca.register.requests import Request
    from smki_testca.roles import Roles

PARTICIPANT = click.option(
    "--participant",
    cls=ConfiguredOption,
    metavar="P",
    required=True,
    help="The participant that asks: its id in the register.",
)
PURPOSE = click.option(
    "--purpose",
    cls=ConfiguredOption,
    metavar="S",
    required=True,  # every request names one (R3)
    help="The Testing Service, such as uept.",
)
ENVIRONMENT = click.option(
    "--environment",
    cls=ConfiguredOption,
    metavar="E",
    help="The test environment; the estate's first by default.",
)
DELIVERY = click.option(
    "--delivery",
    type=click.Choice([delivery.value for delivery in Delivery]),
    default=Delivery.LOCAL.value,
    help="remote: over a DCC Gateway Connection.",
)
LABEL = click.option("--label", metavar="L", help="A name to find the certificates by.")
_USAGE = click.option(
    "--usage",
    "usages",
    type=click.Choice([usage.value for usage in KeyUsage]),
    multiple=True,
    required=True,
    help="One certificate for each; may be given twice.",
)
_NOT_BEFORE = click.option(
    "--not-before", metavar="TIME", help="Begin at this UTC time; by default the profile decides."
)
_NOT_AFTER = click.option(
    "--not-after", metavar="TIME", help="End with this day, or at this UTC time."
)


_DAYS = click.option(
    "--days",
    type=number_from(1, 36525),
    metavar="N",
    help="End N days from now, or from --not-before.",
)


_TOKEN = token_option(
    "Make the key in this PKCS#11 token, where it stays, and write the certificate there, too."
)


class CertificateTypes(click.Group):
    """A command for each certificate type of the library, an operator's own included."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the certificate types, sorted."""
        return sorted(profile.name for profile in library_of(ctx).end_entity_profiles)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of a certificate type, with the options that its profile asks for."""
        library = library_of(ctx)
        if cmd_name not in library.profile_names:
            return None
        profile = library.profile(cmd_name)
        return None if profile.tier is not Tier.END_ENTITY else self.command_for(profile)

    def command_for(self, profile: Profile) -> click.Command:
        """Return the command of a certificate type."""
        return _command(self, profile)


@click.group(cls=CertificateTypes)
def check() -> None:
    """Ask the gate whether it grants a request; nothing is issued.

    \b
    Example:
      smki-testca --estate estate check iki --participant labs-one --purpose uept
      --system-name lab --role supplier
    """


@click.group(cls=CertificateTypes)
def issue() -> None:
    """Issue Test Certificates with fresh keys.

    \b
    Example:
      smki-testca --estate estate issue organisation --participant supplier-one
      --purpose uept --id 90-B3-D5-1F-30-01-00-00 --role supplier
      --usage digital-signature
    """


def _check(session: Session, profile: str, **options: Any) -> None:
    check_label(options.pop("label"))
    with session.open() as estate:
        authorisation = estate.check(_request(estate, profile, options))
    if session.as_json:
        print_json({"authorisation": authorisation.as_json()})
        return
    print_warnings(authorisation.warnings)
    say(
        f"granted under agreement {authorisation.agreement}, category {authorisation.category.name}"
    )


def _issue(session: Session, profile: str, **options: Any) -> None:
    label = options.pop("label")
    target, token = target_of(options), options.pop("token")
    if token is not None and target is not None and target.with_key:
        raise UsageError(
            "usage",
            "--with-key writes a private key: one in a token never leaves it.",
            "Leave --with-key out.",
        )
    dates = {name: options.pop(name) for name in ("not_before", "not_after", "days")}
    if dates["not_after"] is not None and dates["days"] is not None:
        raise UsageError("usage", "Give --days or --not-after, not both.")
    with session.open() as estate:
        place = (options["environment"], profile)
        ask_first(
            session,
            estate,
            lambda: Needs(issuing_authorities(estate, [place]), token is None, [token]),
        )
        validity = _validity(estate.clock.now(), **dates)
        request = _request(estate, profile, options)
        (records, warnings), saved = issued_to(
            target,
            estate,
            lambda: estate.issue(request, label=label, validity=validity, token=token),
            lambda issued: issued[0],
        )
        _print_issued(session, records, warnings, estate.library.roles, saved)


def issuing_authorities(estate: Estate, places: Iterable[tuple[str | None, str]]) -> list[Record]:
    """Return the CAs that issue now from profiles in environments.

    Raises:
        EstateError: if the estate has no CAs for one of these environments.
    """
    library = estate.library
    return [
        estate.authorities.newest(
            library.environment(estate.environment(environment)),
            library.profile(profile).hierarchy,
            Tier.ISSUING,
        )
        for environment, profile in dict.fromkeys(places)
    ]


def _validity(
    now: datetime, not_before: str | None, not_after: str | None, days: int | None
) -> Validity | None:
    from datetime import timedelta

    from smki_testca.authority.filling import Validity
    from smki_testca.clock import later, parse_end, parse_instant

    begin = None if not_before is None else parse_instant(not_before)
    end = None if not_after is None else parse_end(not_after)
    if days is not None:
        end = later(begin or now, timedelta(days=days))
    return None if begin is None and end is None else Validity(begin, end)


def _request(estate: Estate, name: str, options: dict[str, Any]) -> Request:
    profile = estate.library.profile(name)
    given = inputs_given(profile, options)
    return estate.request(
        options["participant"],
        options["purpose"],
        Subject.parse(profile, given, estate.library.roles),
        tuple(dict.fromkeys(KeyUsage(usage) for usage in options.get("usages", ()))),
        environment=options["environment"],
        delivery=Delivery(options["delivery"]),
    )


def inputs_given(profile: Profile, options: dict[str, Any]) -> dict[str, str | None]:
    """Return the texts of the inputs of a certificate type, by option; None if not given."""
    texts: dict[str, str | None] = {}
    for subject_input in profile.subject_inputs:
        option = subject_input.type.option
        given = options[option.replace("-", "_")]
        if subject_input.is_repeatable:
            given = ",".join(given) if given else None
        texts[option] = given
    return texts


def _print_issued(
    session: Session,
    records: list[Record],
    warnings: tuple[str, ...],
    roles: Roles,
    saved: SavedExport | None,
) -> None:
    if session.as_json:
        print_json({**_as_json(records, warnings), **saved_as_json(saved)})
        return
    print_warnings(warnings)
    print_records(records, roles)
    print_saved(saved)


def _as_json(records: list[Record], warnings: tuple[str, ...]) -> dict[str, Any]:
    certificates = [
        {**record.as_json(), "pem": to_pem(record.der).decode("ascii")} for record in records
    ]
    return {"certificates": certificates, "warnings": list(warnings)}


def input_options(
    profile: Profile, usage_option: Callable[..., Any] = _USAGE
) -> list[Callable[..., Any]]:
    """Return an option for each input of a certificate type: the required, the usage, the rest."""
    options = [
        (
            subject_input.optional,
            click.option(
                f"--{subject_input.type.option}",
                cls=configured(subject_input.type.option),
                metavar=subject_input.type.metavar,
                required=not subject_input.optional,
                multiple=subject_input.is_repeatable,
                help=subject_input.type.help
                + (" May be given several times." if subject_input.is_repeatable else ""),
            ),
        )
        for subject_input in profile.subject_inputs
    ]
    required = [option for optional, option in options if not optional]
    usage = [usage_option] if profile.takes_usage else []
    return [*required, *usage, *(option for optional, option in options if optional)]


def _command(group: click.Group, profile: Profile) -> click.Command:
    is_issuing = group.name == "issue"

    @click.pass_obj
    def run(session: Session, /, **given: Any) -> None:
        (_issue if is_issuing else _check)(session, profile.name, **given)

    # The options of the files and the token come last: each decorator puts its options before
    # those there are.
    decorated: Any = writing(_TOKEN(run)) if is_issuing else run
    inputs = input_options(profile)
    dates = [_NOT_BEFORE, _NOT_AFTER, _DAYS] if is_issuing else []
    for option in reversed([PARTICIPANT, PURPOSE, *inputs, *dates, LABEL, ENVIRONMENT, DELIVERY]):
        decorated = option(decorated)
    line = f"smki-testca --estate estate {group.name} {profile.name} {example(profile)}"
    asks = "" if is_issuing else "Ask the gate whether it grants this certificate type: "
    summary = f"{asks}{profile.summary}"
    text = f"{summary}\n\n\b\nExample:\n  {line}"
    command: click.Command = click.command(profile.name, help=text, short_help=profile.summary)(
        decorated
    )
    return command


def example(profile: Profile) -> str:
    """Return the options of a request: the profile's example, or a placeholder for each option."""
    return profile.example or " ".join(map(" ".join, placeholders(profile)))


def placeholders(profile: Profile) -> list[tuple[str, str]]:
    """Return each option that a request must have, with a placeholder for its value."""
    inputs = [
        (f"--{subject_input.type.option}", subject_input.type.metavar)
        for subject_input in profile.subject_inputs
        if not subject_input.optional
    ]
    usage = [("--usage", "digital-signature")] if profile.takes_usage else []
    return [("--participant", "P"), ("--purpose", "uept"), *inputs, *usage]


TAKEN_AS = click.option(
    "--as",
    "taken_as",
    type=click.Choice([each.value for each in csr.TakenAs]),
    default=csr.TakenAs.PORTAL.value,
    help="portal: refuse what SEC App. M does not list (the default). test-ca: drop what no"
    " certificate takes from a CSR, and say so.",
)


@click.command()
@click.argument("file", metavar="FILE")
@PARTICIPANT
@PURPOSE
@click.option(
    "--profile", metavar="NAME", help="The certificate type; by default recognised by the content."
)
@TAKEN_AS
@LABEL
@ENVIRONMENT
@DELIVERY
@writing
@click.pass_obj
def sign(
    session: Session,
    /,
    file: str,
    participant: str,
    purpose: str,
    profile: str | None,
    taken_as: str,
    delivery: str,
    **options: Any,
) -> None:
    """Issue the Test Certificate that the CSR in FILE asks for (- for standard input).

    Organisation, Device, IKI and DCCKI CSRs are recognised by their content; a CSR for another
    certificate type may need --profile. The command reads PEM with either header, bare base64 and
    DER, and prints the certificate as PEM, or writes it with --out DIR. docs/csrs.md says what
    each program's CSRs need.

    \b
    Example:
      smki-testca --estate estate sign meter.csr --participant meters-one
      --purpose device-and-user-system-tests
    """
    target = target_of(options)
    data = read_input(file, csr.MAX_OCTETS)
    with session.open() as estate:
        read = estate.read_csr(data, profile=profile, taken_as=taken_as)
        place = (options["environment"], read.subject.profile)
        ask_first(
            session, estate, lambda: Needs(issuing_authorities(estate, [place]), sealing=False)
        )
        (record, warnings), saved = issued_to(
            target,
            estate,
            lambda: estate.sign(
                read,
                participant,
                purpose,
                environment=options["environment"],
                delivery=Delivery(delivery),
                label=options["label"],
            ),
            lambda signed: [signed[0]],
        )
    if session.as_json:
        document = _as_json([record], warnings)
        document["csr_warnings"] = [warning.as_json() for warning in read.remarks.warnings]
        document["dropped"] = [each.as_json() for each in read.remarks.dropped]
        print_json({**document, **saved_as_json(saved)})
        return
    print_warnings(warnings)
    for each in read.remarks.dropped:
        say(f"dropped: {each.message}", err=True)
    if saved is None:
        print_document(to_pem(record.der).decode("ascii"))
    else:
        print_saved(saved)
