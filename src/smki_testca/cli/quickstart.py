"""``quickstart`` and ``init``: make estates."""

from __future__ import annotations

import shlex
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smki_testca import kits
from smki_testca.api import Estate
from smki_testca.cli.ca_files import CaFiles, ca_places, read_ca_files
from smki_testca.cli.command_line import ConfiguredOption
from smki_testca.cli.configuration import SettingSource
from smki_testca.cli.if_needed import with_if_needed
from smki_testca.cli.library_names import HierarchyName
from smki_testca.cli.output import (
    Progress,
    print_json,
    print_outcome,
    print_table,
    print_warnings,
    say,
)
from smki_testca.cli.output_paths import FOLDER
from smki_testca.cli.records import print_records
from smki_testca.cli.secret import first_line
from smki_testca.cli.tokens import Needs, TokenUriType, ask_first, remarks_on_key, token_option
from smki_testca.entropy import SystemEntropy
from smki_testca.errors import UsageError
from smki_testca.estate.certificates import Selection
from smki_testca.estate.creation import creating, is_unfinished
from smki_testca.estate_files import FILE_NAME, FILES, PASSPHRASE_FILE
from smki_testca.exporters.export import items, make
from smki_testca.folders import write
from smki_testca.kits import maker
from smki_testca.lifecycle.ca_keys import FoundInToken, MadeInToken
from smki_testca.passphrases import leave_passphrase, make_passphrase
from smki_testca.text import counted, shown, use_one_of

if TYPE_CHECKING:
    from smki_testca.authority.signers.tokens.uri import TokenUri
    from smki_testca.cli.session import Session
    from smki_testca.lifecycle.ca_keys import CaKey
    from smki_testca.profiles import Library
    from smki_testca.profiles.model import Hierarchy, Tier

_KIT = "quickstart"
_EXPORTS = "export"


@click.command()
@click.argument("directory", metavar="DIR", type=FOLDER)
@click.pass_obj
def quickstart(session: Session, directory: Path) -> None:
    """Make an estate in DIR with the example participants and one certificate of each kind.

    The command also writes the certificates below DIR/export/pem, private keys included. It
    generates a passphrase and writes it to DIR/passphrase.

    \b
    Example:
      smki-testca quickstart estate
    """
    path = directory
    passphrase = make_passphrase(SystemEntropy())
    anchoring = session.anchors.of(path)
    if anchoring is not None:
        anchoring.check_unused()
    with (
        creating(path, *FILES, PASSPHRASE_FILE, _EXPORTS),
        Estate.create(
            path, lambda: passphrase, profiles=session.profiles_directory, clock=session.clock()
        ) as estate,
    ):
        if anchoring is not None:
            anchoring.follow(estate)
        passphrase_file = leave_passphrase(path, passphrase)
        kit = kits.load(estate.library, _KIT)
        filled = maker.fill(estate, kit, maker.KitOptions(), Progress("issuing"))
        records = estate.certificates.select(Selection())
        export = path / _EXPORTS / "pem"
        write(make("pem", items(estate, records, with_keys=True), None).files, export, force=False)
    if session.as_json:
        print_json(
            {
                "estate": str(path),
                "passphrase_file": str(passphrase_file),
                "export": str(export),
                "certificates": [record.as_json() for record in records],
                **({"warnings": list(filled.warnings)} if filled.warnings else {}),
            }
        )
        return
    print_warnings(filled.warnings)
    print_records(records, estate.library.roles)
    quoted = shlex.quote(str(path))
    example = export / "ZAZ1" / "organisation" / "supplier-one" / "Z1-supplier-ds.pem"
    say(
        "",
        f"{counted(len(records), 'certificate')} are in {path} and, with the private keys of the"
        f" end entities, below {export}.",
        f"The passphrase of the estate is in {passphrase_file}; later commands find it there.",
        "",
        "Try next:",
        f"  smki-testca --estate {quoted} register show",
        f"  smki-testca --estate {quoted} show {shlex.quote(str(example))}",
        f"  smki-testca --estate {quoted} issue device --participant meters-one --purpose"
        " device-and-user-system-tests --device-id 00-DB-12-00-00-00-00-05 --hw-type"
        " 1.2.826.0.1.8641679.1.2.2.1 --usage digital-signature",
    )


@click.command()
@click.argument("directory", metavar="[DIR]", type=FOLDER, required=False)
@click.option(
    "--environment",
    cls=ConfiguredOption,
    metavar="NAME",
    help="The test environment; ZAZ1 by default.",
)
@click.option(
    "--ca-keys",
    metavar="KEYS",
    help="A folder of PEM private keys named after CA profiles, such as"
    " organisation-root-ca.key; CAs without one get a fresh key. Certificates beside them, such as"
    " organisation-root-ca.crt, are taken over.",
)
@click.option(
    "--ca-keys-passphrase-file",
    metavar="FILE",
    help="Decrypt the keys of --ca-keys with the passphrase on the first line of FILE.",
)
@token_option("Make the keys of the CAs in this PKCS#11 token, such as pkcs11:token=NAME.")
@click.option(
    "--hierarchy",
    "hierarchies",
    type=HierarchyName(),
    multiple=True,
    help="Only this hierarchy's keys go into the token; may be given several times.",
)
@click.option(
    "--ca-key",
    "found",
    type=(str, TokenUriType()),
    metavar="PROFILE URI",
    multiple=True,
    help="Take the key that is in a PKCS#11 token already, for the CA of this profile.",
)
@click.pass_obj
@with_if_needed
def init(
    session: Session,
    directory: Path | None,
    environment: str | None,
    ca_keys: str | None,
    ca_keys_passphrase_file: str | None,
    **in_tokens: Any,
) -> None:
    """Make an estate in DIR with the CAs of an environment, or add them to the estate there.

    Without DIR it is the estate of --estate, of SMKI_TESTCA_ESTATE or of smki-testca.toml.

    \b
    Example:
      smki-testca --passphrase-file secret init estate --environment UIT-A

    \b
    With the keys of one hierarchy in a PKCS#11 token:
      smki-testca init estate --token pkcs11:token=trial --hierarchy organisation
    """
    path = _directory_of(session, directory)
    # Names are checked first, so that a wrong name leaves no incomplete estate.
    library = session.library()
    library.check_hierarchies()
    passphrase = None if ca_keys_passphrase_file is None else first_line(ca_keys_passphrase_file)
    given = (
        CaFiles({}, {}) if ca_keys is None else read_ca_files(Path(ca_keys), library, passphrase)
    )
    keys: dict[_Place, CaKey] = dict(given.keys)
    _add_keys_in_tokens(keys, library, **in_tokens)
    name = (library.environment(environment) if environment else library.default_environment).name
    # What a killed command left is no estate to add to: it is removed, and made anew.
    is_new = is_unfinished(path) or not (path / FILE_NAME).exists()
    anchoring = session.anchors.of(path)
    if anchoring is not None:
        (anchoring.check_unused if is_new else anchoring.check)()
    create_or_open = Estate.create if is_new else Estate.open
    whole = creating(path, *FILES, PASSPHRASE_FILE, _EXPORTS) if is_new else nullcontext()
    with (
        whole,
        create_or_open(
            path,
            lambda: session.passphrase(path, confirm=is_new),
            profiles=session.profiles_directory,
            clock=session.clock(),
            token_access=session.token_access(),
        ) as estate,
    ):
        if anchoring is not None:
            anchoring.follow(estate)
        if not is_new:
            uris = [uri for _, uri in in_tokens["found"]]
            ask_first(session, estate, lambda: Needs(tokens=[in_tokens["token"], *uris]))
        records = estate.add_environment(name, keys, ca_certificates=given.certificates)
        warnings = [
            line
            for profile, uri in in_tokens["found"]
            for line in remarks_on_key(profile, estate.tokens.find(uri))
        ]
    if session.as_json:
        certificates = [record.as_json() for record in records]
        document = {"estate": str(path), "certificates": certificates}
        print_outcome(session, {**document, **({"warnings": warnings} if warnings else {})})
        return
    print_warnings(warnings)
    print_table(
        ("CA", "Profile", "Not after", "Serial"),
        [
            (record.label or "", record.profile, f"{record.not_after.date()}", str(record.serial))
            for record in records
        ],
    )


def _directory_of(session: Session, directory: Path | None) -> Path:
    """The directory of the estate to make: the one given, or the estate's that is configured.

    Raises:
        UsageError: if there is none, or the command line names two.
    """
    setting = session.setting("estate")
    if directory is None and setting.value is not None:
        return FOLDER.convert(setting.value, None, None)
    if directory is None:
        raise UsageError("usage", "No directory is given.", "Name one: smki-testca init DIR")
    if setting.source is SettingSource.OPTION and not session.is_named_estate(directory):
        raise UsageError(
            "usage", f"DIR is {directory}, and --estate {setting.value}.", "Name one of them."
        )
    return directory


_Place = tuple["Hierarchy", "Tier"]


def _add_keys_in_tokens(
    keys: dict[_Place, CaKey],
    library: Library,
    token: TokenUri | None,
    hierarchies: tuple[str, ...],
    found: tuple[tuple[str, TokenUri], ...],
) -> None:
    """Add the keys that are to be made in a token, or are in one already.

    Args:
        keys: those of files.
        library: knows the hierarchies.
        token: to make keys in.
        hierarchies: whose keys are made there; of all if there are none.
        found: the profiles of CAs, each with its key in a token.

    Raises:
        UsageError: if a CA would have two keys, or there is no such CA, or no token.
    """
    if hierarchies and token is None:
        raise UsageError(
            "usage", "--hierarchy says whose keys go into a token.", "Name it with --token URI."
        )
    places = ca_places(library)
    for profile, uri in found:
        if profile not in places:
            raise UsageError(
                "usage",
                f"There is no CA of a profile {shown(profile)}.",
                use_one_of(places, given=profile),
            )
        if places[profile] in keys:
            raise UsageError("usage", f"Two keys are given for {profile}.", "Give one.")
        keys[places[profile]] = FoundInToken(uri)
    if token is not None:
        new_places = [
            place for place in places.values() if not hierarchies or place[0] in hierarchies
        ]
        keys.update((place, MadeInToken(token)) for place in new_places if place not in keys)
