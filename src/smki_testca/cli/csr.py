"""``csr``: makes a key and a CSR of any certificate type, for those whose tools cannot."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Any

import click

from smki_testca.authority.csr_builder import PARTICIPANT_NAME, build, holds_participant_name
from smki_testca.cli.issue import CertificateTypes, input_options, inputs_given, placeholders
from smki_testca.cli.output import print_json, print_warnings, say
from smki_testca.cli.output_paths import OUTPUT, check_alone, place_of
from smki_testca.cli.secret import first_line
from smki_testca.entropy import KeyedEntropy, SystemEntropy, parse_seed
from smki_testca.errors import UsageError
from smki_testca.files import check_free, write_texts
from smki_testca.profiles.subject import Subject
from smki_testca.roles import KeyUsage
from smki_testca.streams import is_standard_output

if TYPE_CHECKING:
    from smki_testca.authority.csr_builder import CsrWithKey
    from smki_testca.cli.session import Session
    from smki_testca.profiles.model import Profile

_FILE_OPTIONS = [
    click.option(
        "--out",
        metavar="FILE",
        type=OUTPUT,
        required=True,
        help="The CSR to write, PEM; - for standard output.",
    ),
    click.option(
        "--key",
        metavar="FILE",
        type=OUTPUT,
        required=True,
        help="Its private key to write, PEM; - for standard output.",
    ),
    click.option(
        "--key-passphrase-file",
        metavar="FILE",
        help="Encrypt the private key with the passphrase on the first line of FILE.",
    ),
    click.option("--seed", metavar="HEX", help="Derive the key from this seed; it is not secret."),
    click.option("--force", is_flag=True, help="Overwrite the files if they are there already."),
]
_NAME = click.option(
    f"--{PARTICIPANT_NAME}",
    metavar="NAME",
    required=True,
    help="The participant's trading name, as the register has it.",
)
_USAGE = click.option(
    "--usage",
    "usages",
    type=click.Choice([usage.value for usage in KeyUsage]),
    multiple=True,  # so that a second one is an error, and not the one taken
    required=True,
    help="The key usage to ask for.",
)
_OF_REQUESTS = {"--participant", "--purpose"}
_NOT_SECRET = "The key is made from a seed: it is not secret."  # noqa: S105 - a text


class CsrTypes(CertificateTypes):
    """A command for each certificate type of which a CSR can be made."""

    def command_for(self, profile: Profile) -> click.Command:
        """Return the command of a certificate type, with options from the rows, as in ``issue``."""

        @click.pass_obj
        def run(session: Session, /, **given: Any) -> None:
            _make(session, profile, given)

        decorated: Any = run
        name = [_NAME] if holds_participant_name(profile) else []
        for option in reversed([*input_options(profile, _USAGE), *name, *_FILE_OPTIONS]):
            decorated = option(decorated)
        text = (
            f"Make a key and a CSR for this certificate type: {profile.summary}\n\n\b\nExample:\n"
            f"  smki-testca csr {profile.name} {_example(profile)}"
        )
        command: click.Command = click.command(profile.name, help=text, short_help=profile.summary)(
            decorated
        )
        return command


@click.group(cls=CsrTypes)
def csr() -> None:
    """Make a key pair and the CSR that asks for a certificate for it; no estate is needed.

    The CSR holds what its certificate takes from it, and nothing else: `sign` takes it. For
    Organisation, Device and IKI Certificates that is what SEC App. M lists, and the Portal takes
    it, too; for others it follows from the profile, which may be assumed.

    \b
    Example:
      smki-testca csr device --device-id 00-DB-12-00-00-00-00-05
      --hw-type 1.2.826.0.1.8641679.1.2.2.1 --usage key-agreement
      --out meter.csr --key meter.key
    """


def _example(profile: Profile) -> str:
    """Return options for help: the profile's example, without those of a request."""
    pairs = _pairs(profile.example) or placeholders(profile)
    kept = [word for pair in pairs if pair[0] not in _OF_REQUESTS for word in pair]
    if holds_participant_name(profile):
        kept += [f"--{PARTICIPANT_NAME}", "Supplier One"]
    return shlex.join([*kept, "--out", f"{profile.name}.csr", "--key", f"{profile.name}.key"])


def _pairs(line: str) -> list[tuple[str, str]]:
    """Return the options of a line, each with its value; none where it has something else."""
    try:
        words = shlex.split(line)
        return list(zip(words[::2], words[1::2], strict=True))
    except ValueError:
        return []


def _make(session: Session, profile: Profile, given: dict[str, Any]) -> None:
    out, key, force = given["out"], given["key"], given["force"]
    if os.path.realpath(out) == os.path.realpath(key):
        raise UsageError("usage", "--out and --key name the same file.", "Name two files.")
    for path in (out, key):
        check_free(path, force=force)
        check_alone(session, path)
    passphrase_file = given["key_passphrase_file"]
    passphrase = None if passphrase_file is None else first_line(passphrase_file)
    request = _built(session, profile, given)
    texts = {key: request.key_pem(passphrase), out: request.pem}
    write_texts({path: pem.decode("ascii") for path, pem in texts.items()}, force=force)
    if session.as_json:
        print_json(
            {
                "csr": str(out),
                "key": str(key),
                "profile": request.profile,
                "pem": request.pem.decode("ascii"),
                "key_encrypted": passphrase is not None,
                "key_secret": request.key_is_secret,
            }
        )
        return
    if not request.key_is_secret:
        print_warnings([_NOT_SECRET])
    state = "encrypted" if passphrase is not None else "not encrypted"
    say(
        f"The CSR is {place_of(out)}; its private key is {place_of(key)}, {state}.",
        err=is_standard_output(out) or is_standard_output(key),
    )


def _built(session: Session, profile: Profile, given: dict[str, Any]) -> CsrWithKey:
    library = session.library()
    texts = inputs_given(profile, given)
    usages = given.get("usages", ())
    if len(usages) > 1:
        raise UsageError("usage", "A CSR asks for one key usage.", "Make a CSR for each.")
    seed = given["seed"]
    return build(
        library,
        Subject.parse(profile, texts, library.roles),
        KeyUsage(usages[0]) if usages else None,
        SystemEntropy() if seed is None else KeyedEntropy(parse_seed(seed)),
        given.get(PARTICIPANT_NAME.replace("-", "_")),
    )
