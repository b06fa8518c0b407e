"""The command ``smki-testca``: a module for each noun, without logic of its own.

Modules are imported only when their command runs, so that ``--help`` is quick.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import io
import os
import sys
from typing import NoReturn

import click

import smki_testca
from smki_testca.cli.command_line import (
    GLOBAL_OPTIONS,
    GlobalOptionsGroup,
    did_you_mean,
    with_global_options,
)
from smki_testca.cli.output import print_json, say
from smki_testca.cli.session import Session
from smki_testca.collector import without_collector
from smki_testca.errors import (
    MEDIUM_ERRORS,
    ExitCode,
    InputError,
    OutputError,
    SmkiTestcaError,
    UsageError,
)
from smki_testca.text import closest

# name: (module, attribute, summary in `--help`)
COMMANDS = {
    "quickstart": ("quickstart", "quickstart", "Make an estate with one certificate of each kind."),
    "init": ("quickstart", "init", "Make an estate, or add an environment's CAs to one."),
    "register": ("register", "register", "The register: participants and their IDs."),
    "agreement": ("agreement", "agreement", "The agreements that bind participants."),
    "account": ("account", "account", "Accounts for the repository and the portal."),
    "check": ("issue", "check", "Ask the gate whether it grants a request; nothing is issued."),
    "issue": ("issue", "issue", "Issue Test Certificates with fresh keys."),
    "kit": ("kit", "kit", "Make whole sets of certificates, in every form that clients load."),
    "batch": ("batch", "batch", "Issue many certificates at once, in runs that you can resume."),
    "csr": ("csr", "csr", "Make a key and a CSR of any certificate type."),
    "sign": ("issue", "sign", "Issue the Test Certificate that a CSR asks for."),
    "import": ("external", "import_", "Import other people's certificates and keys."),
    "re-sign": ("external", "re_sign", "Sign imported certificates again under your own CA."),
    "delete": ("external", "delete", "Delete imported certificates and their keys."),
    "list": ("listing", "list_", "List the certificates of an estate."),
    "show": ("show", "show", "Show a certificate, CSR or CRL and what is wrong with it."),
    "lint": ("lint", "lint", "Say what is wrong with certificates, and by which rule."),
    "compare": ("lint", "compare", "Compare a certificate with its CSR."),
    "export": ("export", "export", "Write certificates, and keys if asked, to files."),
    "profiles": ("profiles", "profiles", "Certificate profiles, categories, environments."),
    "expiring": ("renewal", "expiring", "List what expires soon, also as a calendar."),
    "renew": ("renewal", "renew", "Renew certificates, with the same key or a new one."),
    "ca": ("authority", "ca", "The estate's CAs: list, renew, roll over, move keys."),
    "status": ("revocation", "status", "Show a certificate's status and its history."),
    "set-status": ("revocation", "set_status", "Set the status of certificates."),
    "revoke": ("revocation", "revoke", "Revoke certificates."),
    "reject": ("revocation", "reject", "Reject a certificate in its subscriber's name."),
    "crl": ("crl", "crl", "Revocation lists: issue, list, show, verify."),
    "corpus": ("corpus", "corpus", "Defective certificates, to test parsers with."),
    "device": ("device", "device", "A model of a Device, and its answers to certificates."),
    "assurance": ("assurance", "assurance", "Whether SMKI Assessment Reports were independent."),
    "serve": ("serve", "serve", "Run SMKI's web services, the repository and a portal."),
    "client": ("client", "client", "Call such services, and see how each step goes."),
    "config": ("config", "config", "Show what is configured, and where each value is from."),
    "examples": ("examples", "examples", "Write the examples to a folder."),
    "trace": ("traceability", "trace", "Where each rule is enforced, and which test shows it."),
    "audit": ("audit", "audit", "The audit log of an estate."),
    "estate": ("estate", "estate", "Sum up an estate: its content, keys and size."),
    "doctor": ("doctor", "doctor", "Look for what is wrong with an estate, and mend it."),
    "passphrase": ("passphrase", "passphrase", "The passphrase of an estate."),
    "backup": ("backup", "backup", "Make an encrypted copy of an estate while others use it."),
    "restore": ("backup", "restore", "Restore an estate from its backups."),
}


_LAST_STREAM = 2
"""The number of standard error."""
# Errors of a path that the user named, not of this program.
_PATH_ERRORS = {errno.EACCES, errno.EPERM, errno.ENAMETOOLONG}


class LazyGroup(GlobalOptionsGroup):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, in the order in which a user needs them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        with without_collector():
            command: click.Command = getattr(
                importlib.import_module(f"smki_testca.cli.{module}"), attribute
            )
        return with_global_options(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, _, summary) in COMMANDS.items()])


def _print_version(context: click.Context, parameter: click.Parameter, is_given: bool) -> None:  # noqa: FBT001 - click calls it so
    """Print the version and exit. Only here is it read: that is too slow for ``--help``."""
    del parameter
    if is_given and not context.resilient_parsing:
        say(f"smki-testca, version {smki_testca.__version__}")
        context.exit()


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    params=[*GLOBAL_OPTIONS],
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
@click.pass_context
def cli(context: click.Context) -> None:
    """A test CA for Great Britain's smart-metering PKIs: SMKI, DCCKI and IKI.

    \b
    Example:
      smki-testca quickstart estate
      smki-testca --estate estate list

    The passphrase comes from --passphrase-file, SMKI_TESTCA_PASSPHRASE, the file that
    quickstart left in the estate, passphrase-file in smki-testca.toml, or a prompt.
    The PIN of a token comes from --token-pin-file, SMKI_TESTCA_TOKEN_PIN, token-pin-file in
    smki-testca.toml, or a prompt.
    """
    from smki_testca import core_dumps  # ctypes: not for the help

    core_dumps.prevent()
    context.ensure_object(Session)


def main() -> NoReturn:
    """Run the command and end with the documented exit code."""
    session = Session()
    try:
        _run(session)
    except SystemExit as leaving:
        sys.exit(_after(session, leaving.code))


def _after(session: Session, code: str | int | None) -> str | int | None:
    """Do what is due after a command; gives the exit code, which is 5 at least if that fails."""
    for anchoring in session.anchorings.values():
        error = anchoring.finish()
        if error is None:
            continue
        with contextlib.suppress(OSError):
            say(*error.lines(), err=True)
        code = max(code if isinstance(code, int) else ExitCode.DONE, error.exit_code)
    return code


def _run(session: Session) -> NoReturn:
    """Run the command, and end with its exit code."""
    _occupy_streams()
    if sys.stdout is None:
        _fail(
            OutputError(
                "output.failed",
                "Standard output is closed, so nothing can be printed. Nothing was done.",
                "Repeat the command with standard output open, or send it to /dev/null.",
            ),
            session,
        )
    for stream in (sys.stdout, sys.stderr):
        # Print the code of a character that the terminal or pipe cannot encode.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = cli.main(prog_name="smki-testca", standalone_mode=False, obj=session)
    except SmkiTestcaError as error:
        _fail(error, session)
    except click.exceptions.NoArgsIsHelpError as error:
        if session.as_json:
            _fail(UsageError("usage", "Missing command."), session)
        error.show()
        sys.exit(ExitCode.USAGE)
    except click.ClickException as error:
        _fail(_usage_error(error), session)
    except (click.Abort, KeyboardInterrupt):
        say("aborted", err=True)
        sys.exit(130)
    except SystemExit as leaving:
        # The reader closed the pipe: click and rich end with 1, which here would mean findings.
        if "_SMKI_TESTCA_COMPLETE" in os.environ:
            raise
        sys.exit(ExitCode.DONE if leaving.code == 1 else leaving.code)
    except Exception as error:
        # Whatever else a fault of this program raises: its user gets one line and exit code 70.
        known = _environment_error(error)
        if known is None and os.environ.get("SMKI_TESTCA_TRACEBACK"):
            raise
        _fail(
            known
            or SmkiTestcaError(
                "fault",
                f"Internal error: {type(error).__name__}: {error}.",
                "Set SMKI_TESTCA_TRACEBACK=1 and report what it prints.",
            ),
            session,
        )
    sys.exit(code if isinstance(code, int) else ExitCode.DONE)


def _occupy_streams() -> None:
    """Give the numbers of standard streams that the caller closed to nothing.

    The next file that is opened, such as the estate's, would have such a number, and take what a
    library prints.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= _LAST_STREAM:
        os.set_inheritable(number, True)  # noqa: FBT003 - its name says nothing more
    os.close(number)


def _environment_error(error: Exception) -> SmkiTestcaError | None:
    """Return the error for a wrong path or argument or a failing disk; None for any other."""
    if isinstance(error, UnicodeEncodeError) and error.reason == "surrogates not allowed":
        return InputError("input.encoding", "An argument is not UTF-8.")
    if isinstance(error, OSError) and error.filename and error.errno in _PATH_ERRORS:
        # Path.exists() also fails in this way, before anything opens the file.
        name = os.fsdecode(error.filename)
        return InputError("input.unreadable", f"{name} cannot be used: {error.strerror}.")
    if isinstance(error, OSError) and error.errno in MEDIUM_ERRORS:
        name = "The output" if error.filename is None else os.fsdecode(error.filename)
        return OutputError(
            "output.failed",
            f"{name} cannot be written: {error.strerror}.",
            "Free space on the disk, or repair it. The command may have done its work: look before"
            " repeating it.",
        )
    return None


def _usage_error(error: click.ClickException) -> UsageError:
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is not None and context.parent is not None and context.command.hidden:
        context = context.parent  # nobody typed the name of the command
    remedy = "" if context is None else f"See: {context.command_path} --help"
    message = " ".join(error.format_message().split())
    if isinstance(error, click.NoSuchOption):
        meant = closest(error.option_name, error.possibilities or ())
        message = f"No such option {error.option_name!r}. {did_you_mean(meant)}".rstrip()
    if not message.endswith((".", "?", "!")):
        message += "."
    return UsageError("usage", message, remedy)


def _fail(error: SmkiTestcaError, session: Session) -> NoReturn:
    if session.as_json and sys.stdout is not None:
        try:
            print_json(error.as_json())
            sys.exit(error.exit_code)
        except OSError:
            # Standard output is a file on a full disk: standard error tells.
            sys.stdout = None
    try:
        say(*error.lines(), *session.configured_in(" ".join(error.lines())), err=True)
    except OSError:
        # So is standard error: only the exit code can tell.
        sys.stderr = None
    sys.exit(error.exit_code)
