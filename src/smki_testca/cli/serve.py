"""``serve``: SMKI's web services, the repository and a portal, until it is ended."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from smki_testca.cli.ending import ended_as_by_ctrl_c
from smki_testca.cli.output import print_json_line, say
from smki_testca.errors import InputError, SmkiTestcaError, UsageError
from smki_testca.text import use_one_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from smki_testca.api import Estate
    from smki_testca.cli.session import Session
    from smki_testca.service.estate_access import EstateAccess
    from smki_testca.service.services import Served
    from smki_testca.service.settings import Settings

_PARTS = ("aiohttp", "jinja2", "lxml")
"""The packages of the extra [service]."""


@click.command()
@click.option(
    "--bind",
    metavar="ADDRESS",
    default="127.0.0.1",
    show_default=True,
    help="The address to serve at. Beyond this machine, the portal asks who is there.",
)
@click.option(
    "--host-name",
    "host_names",
    metavar="NAME",
    multiple=True,
    help="A name or IP address by which clients call this machine: the server's certificate is for"
    " it, and the first is in the addresses. May be given several times.",
)
@click.option(
    "--port-base",
    metavar="N",
    type=click.IntRange(0, 65528),
    default=8080,
    show_default=True,
    help="The first of the ports; 0 takes any free ones.",
)
@click.option(
    "--purpose",
    metavar="CODE",
    help="The Testing Service of what is asked for; that of the caller's certificate by default.",
)
@click.option(
    "--batch-window",
    metavar="HH:MM-HH:MM",
    help="Process batches in this time of day only, UTC; PAUSED otherwise.",
)
@click.option(
    "--misbehave",
    "misbehaviours",
    metavar="PATH=MODE[:N]",
    multiple=True,
    help="Answer badly on purpose; see docs/misbehaviour.md. May be given several times.",
)
@click.option(
    "--seed",
    metavar="N",
    type=click.IntRange(0, (1 << 63) - 1),
    default=0,
    help="Of misbehaviour by probability.",
)
@click.option(
    "--clients",
    "client_folder",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep the certificates and keys to try the services with in DIR; by default in a"
    " temporary folder.",
)
@click.option(
    "--no-issue", is_flag=True, help="Issue no IKI certificates to try the services with."
)
@click.pass_obj
def serve(  # noqa: PLR0913 - click passes each option by its name
    session: Session,
    /,
    *,
    bind: str,
    host_names: Sequence[str],
    port_base: int,
    purpose: str | None,
    batch_window: str | None,
    misbehaviours: Sequence[str],
    seed: int,
    client_folder: Path | None,
    no_issue: bool,
) -> None:
    """Run SMKI's web services for Device CSRs, the repository and a portal, until Ctrl-C.

    It prints each address, which certificate and key a client needs, and a line to try. The extra
    [service] is needed: pip install 'smki-testca[service]'

    \b
    Example:
      smki-testca --estate estate serve
      smki-testca --estate estate serve --misbehave '/services/*=503:3'
    """
    _check_extra()
    from smki_testca.service.settings import Settings, Window, host_name

    settings = Settings(
        bind=host_name(bind),
        host_names=tuple(map(host_name, host_names)),
        port_base=port_base,
        purpose=purpose,
        batch_window=None if batch_window is None else Window.parse(batch_window),
        client_folder=client_folder,
        issue_clients=not no_issue,
        seed=seed,
        misbehaviours=tuple(misbehaviours),
    )
    access = _access(session, settings)
    with ended_as_by_ctrl_c():
        asyncio.run(
            _serve(access, settings, _adding_anchors(session, access), as_json=session.as_json)
        )


def _check_extra() -> None:
    """Check that what only servers need is installed.

    Raises:
        UsageError: if it is not.
    """
    from importlib.util import find_spec

    if not all(map(find_spec, _PARTS)):
        raise UsageError(
            "service.extra",
            "serve needs the extra [service].",
            "Install it: pip install 'smki-testca[service]'",
        )


def _access(session: Session, settings: Settings) -> EstateAccess:
    """The access to the estate; its passphrase and PINs are asked for now.

    Raises:
        InputError: if the purpose is not known.
    """
    from smki_testca.service.estate_access import EstateAccess, TokenSecrets

    with session.open() as estate:
        services = estate.library.testing_services
        directory = estate.directory
        if settings.purpose is not None and settings.purpose not in services:
            raise InputError(
                "service.purpose",
                f"There is no Testing Service {settings.purpose}.",
                use_one_of(services, given=settings.purpose),
            )
        wrapped = estate.estate_key.wrapped()
        # The anchor at the end is made with this store, also after a change of the passphrase.
        estate.estate_key.open_by(wrapped)
        passphrase = session.passphrase(directory)
        tokens = TokenSecrets.ask(estate, session.token_access())
    return EstateAccess(
        directory, passphrase, session.profiles_directory, session.clock(), wrapped, tokens
    )


def _adding_anchors(session: Session, access: EstateAccess) -> Callable[[Estate], None] | None:
    """Returns a function that adds an anchor while the services run; None if no file is configured.

    What keeps it from that is printed, and does not end the services.
    """
    anchoring = session.anchors.of(access.directory)
    if anchoring is None:
        return None
    anchoring.passphrase = lambda: access.passphrase  # a pipe gives it once

    def add(estate: Estate) -> None:
        try:
            anchoring.between(estate)
        except SmkiTestcaError as error:
            say(f"no anchor was added to {anchoring.path}: {error.message}", err=True)

    return add


async def _serve(
    access: EstateAccess,
    settings: Settings,
    between: Callable[[Estate], None] | None,
    *,
    as_json: bool,
) -> None:
    """Serve until a signal ends it."""
    from smki_testca.service.services import Services

    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    hang_up = [] if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [signal.SIGHUP]  # nohup
    for number in (signal.SIGINT, signal.SIGTERM, *hang_up):
        loop.add_signal_handler(number, ended.set)
    async with Services(access, settings, lambda line: say(line, err=True), between) as services:
        served = services.served()
        if as_json:
            print_json_line({"services": {name: each.as_json() for name, each in served.items()}})
        else:
            _tell(settings, served)
        await ended.wait()
        say("ending", err=True)


def _tell(settings: Settings, served: dict[str, Served]) -> None:
    """Print what answers where, how to try it, and what is out of the ordinary."""
    for name, each in served.items():
        say("", f"{_TITLES[name]}: {each.url}")
        for kind, url in each.more.items():
            if url != each.url:
                say(f"  {_ADDRESSES[kind]}: {url}")
        if each.client is not None:
            new = ", issued just now" if each.client.is_new else ""
            say(
                f"  certificate: {each.client.certificate} ({each.client.participant}'s{new})",
                f"  key:         {each.client.key}",
            )
        if each.authority is not None:
            say(f"  CA:          {each.authority}")
        say(f"  try: {_example(name, each)}")
    if not settings.is_local:
        names = ", ".join(settings.certified)
        say("", f"The servers' certificate is for {names}; --host-name adds others.")
    if settings.batch_window is not None:
        say("", f"Batches are processed in {settings.batch_window}, UTC, only.")
    if settings.misbehaviours:
        say("", "Misbehaviour on purpose, until it is changed at the last address:")
        say(*(f"  {rule}" for rule in settings.misbehaviours))
    say("", "Everything here is for tests only. Ctrl-C ends it.")


_TITLES = {
    "adhoc": "Ad Hoc Device CSR Web Service",
    "batched": "Batched Device CSR Web Service",
    "repository": "SMKI Repository",
    "portal": "Portal",
    "control": "Control of misbehaviour",
}
_ADDRESSES = {"https_url": "over HTTPS", "submit": "submit", "result": "result"}
"""The other addresses of a service, by their names in JSON."""
_XML = " -H 'Content-Type: application/xml;charset=UTF-8'"


def _example(name: str, each: Served) -> str:
    """A line to try a service with."""
    match name:
        case "adhoc" | "batched":
            return _example_of_csr(name, each)
        case "repository" if each.device is not None:
            key = "KEY-OF-AN-ACCOUNT" if each.needs_account else "any"
            query = (
                f"<CertificateSearchRequest><CertificateSubjectAltName>{each.device}"
                "</CertificateSubjectAltName></CertificateSearchRequest>"
            )
            url = f"{each.url}/services/certificatesearch?apikey={key}"
            return f"curl{_XML} --data '{query}' '{url}'"
        case "control":
            return f"curl {each.url}/misbehaviour"
        case _:
            return f"curl{_trust(each)} {each.url}/"


def _example_of_csr(name: str, each: Served) -> str:
    """A line to try a service for Device CSRs with."""
    if each.client is None:
        return "no certificate of the estate opens it; see smki-testca issue iki --help"
    if each.client.request is None:
        command = {"adhoc": "adhoc", "batched": "batch"}[name]
        return f"no Device has a certificate yet; see smki-testca client {command} --help"
    client, key = quote(str(each.client.certificate)), quote(str(each.client.key))
    data = f"--data-binary @{quote(str(each.client.request))}"
    url = each.more.get("submit", each.url)
    return f"curl{_trust(each)} --cert {client} --key {key}{_XML} {data} {url}"


def _trust(each: Served) -> str:
    """The option of curl that names the CA of a server."""
    if each.authority is None or not each.url.startswith("https:"):
        return ""
    return f" --cacert {quote(str(each.authority))}"
