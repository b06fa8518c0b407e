"""The options that say how a service is called, and the lines that tell how it went."""

from __future__ import annotations

import contextlib
import math
import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.output import say
from smki_testca.cli.secret import first_line
from smki_testca.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from smki_testca.cli.session import Session
    from smki_testca.client.address import Address
    from smki_testca.client.caller import ServiceCaller
    from smki_testca.client.repository_account import RepositoryAccount
    from smki_testca.client.trace import PassedStep, Trace

API_KEY_VARIABLE = "SMKI_TESTCA_API_KEY"
MOST_SECONDS = 3600.0


class Seconds(click.FloatRange):
    """A time in seconds that ends."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Read the number, which is finite."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a number of seconds.", param, ctx)
        return number


_FILE = click.Path(path_type=Path)
_OPTIONS = [
    click.option(
        "--url",
        metavar="URL",
        required=True,
        help="The service: https://HOST:PORT, or a whole URL, which is used as it is.",
    ),
    click.option(
        "--cert", metavar="FILE", type=_FILE, help="The client's certificate; CAs may follow it."
    ),
    click.option("--key", metavar="FILE", type=_FILE, help="Its private key, PEM."),
    click.option(
        "--key-passphrase-file",
        metavar="FILE",
        help="Open the private key with the passphrase on the first line of FILE.",
    ),
    click.option(
        "--ca",
        metavar="FILE",
        type=_FILE,
        help="The CAs to trust for the server's certificate; by default the system's.",
    ),
    click.option(
        "--tls",
        type=click.Choice(["1.2", "1.3"]),
        help="The only version of TLS to use; by default 1.2 or 1.3.",
    ),
    click.option(
        "--timeout",
        metavar="SECONDS",
        type=Seconds(0.1, MOST_SECONDS),
        default=30.0,
        show_default=True,
        help="How long each step may take.",
    ),
]


def calling(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say how a service is called."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_OF_ACCOUNT = [
    click.option(
        "--api-key-file",
        metavar="FILE",
        help=f"The API key is on the first line of FILE; or in the variable {API_KEY_VARIABLE}.",
    ),
    click.option("--user", metavar="NAME", help="The account, where a password opens it."),
    click.option(
        "--password-file", metavar="FILE", help="Its password is on the first line of FILE."
    ),
]


def of_account(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say which account opens a repository."""
    for option in reversed(_OF_ACCOUNT):
        command = option(command)
    return command


def account_given(given: dict[str, Any]) -> RepositoryAccount:
    """The account that the options name.

    Raises:
        UsageError: if they do not go together.
        InputError: if a file cannot be read.
    """
    from smki_testca.client.repository_account import RepositoryAccount

    name, file = given["user"], given["password_file"]
    if (name is None) != (file is None):
        raise UsageError("usage", "--user and --password-file belong together.")
    if name is None:
        return RepositoryAccount(_api_key(given))
    return RepositoryAccount(_api_key(given), name, str(first_line(file)))


def _api_key(given: dict[str, Any]) -> str:
    """The API key, from a file or the environment; empty if there is none.

    Raises:
        InputError: if the file cannot be read.
    """
    file: str | None = given["api_key_file"]
    key = os.environ.get(API_KEY_VARIABLE, "") if file is None else str(first_line(file))
    if not key.isprintable():
        raise InputError("client.api_key", "The API key has control characters.", "Give another.")
    return key


def endpoint(given: dict[str, Any]) -> tuple[ServiceCaller, Address]:
    """The caller and the address of a service, as the options state them.

    Raises:
        UsageError: if the extra is not installed, or options do not go together.
        InputError: if the URL or a file cannot be used.
    """
    check_extra()
    from smki_testca.client.address import Address
    from smki_testca.client.caller import ServiceCaller
    from smki_testca.client.credentials import Credentials, certificates_in
    from smki_testca.client.handshake import TlsVersion

    certificate, key, ca = given["cert"], given["key"], given["ca"]
    if (certificate is None) != (key is None):
        raise UsageError("usage", "--cert and --key belong together.", "Give both, or neither.")
    if given["key_passphrase_file"] is not None and key is None:
        raise UsageError("usage", "--key-passphrase-file needs --key.")
    address = Address.parse(given["url"])
    passphrase = given["key_passphrase_file"]
    secret = None if passphrase is None else first_line(passphrase)
    credentials = None if key is None else Credentials.read(certificate, key, secret)
    authorities = None if ca is None else tuple(certificates_in(ca))
    version = None if given["tls"] is None else TlsVersion(given["tls"])
    caller = ServiceCaller(given["timeout"], authorities, credentials, version)
    if credentials is not None and address.is_tls:
        caller.context()
    return caller, address


def check_extra() -> None:
    """Check that what reads the services' XML is installed.

    Raises:
        UsageError: if it is not.
    """
    if find_spec("lxml") is None:
        raise UsageError(
            "service.extra",
            "client needs the extra [service].",
            "Install it: pip install 'smki-testca[service]'",
        )


@contextlib.contextmanager
def tracing(session: Session) -> Iterator[Trace]:
    """Yields the trace of a call, and tells its steps on standard error unless JSON is asked for.

    Of TLS that failed, it tells what was seen before.
    """
    from smki_testca.client.service_errors import ServiceError
    from smki_testca.client.trace import Step, Trace

    def tell(passed: PassedStep) -> None:
        say(f"{passed.step}: {passed.result}", err=True)
        if passed.step is Step.TLS:
            _tell_tls(trace)

    trace = Trace() if session.as_json else Trace(tell)
    try:
        yield trace
    except ServiceError as error:
        if not session.as_json and error.step == Step.TLS:
            _tell_tls(trace)
        raise


def _tell_tls(trace: Trace) -> None:
    if trace.tls is not None:
        say(*(f"  {line}" for line in trace.tls.lines()), err=True)
