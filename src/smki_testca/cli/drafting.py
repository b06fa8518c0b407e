"""Files to fill in: ``register new``, ``agreement new``, ``kit new``, ``assurance new``; copies."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from string import Template
from typing import TYPE_CHECKING

import click

from smki_testca.cli.input_files import read_input
from smki_testca.cli.output import print_document, print_json, say
from smki_testca.cli.output_paths import FILE_HELP, FOLDER, OUTPUT, check_alone, place_of
from smki_testca.errors import InputError
from smki_testca.files import check_free
from smki_testca.folders import OutputFile, write
from smki_testca.streams import is_standard_output
from smki_testca.text import plain, shown, use_one_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from smki_testca.cli.session import Session
    from smki_testca.profiles import Library

_FOLDER = Path(__file__).parent / "drafts"
_FILE = click.argument("out", metavar="FILE", type=OUTPUT)
_FORCE = click.option("--force", is_flag=True, help="Overwrite the file if it is there already.")
_KIT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


def _draft(command: Callable[..., Any]) -> click.Command:
    draft: click.Command = click.command("new")(_FILE(_FORCE(click.pass_obj(command))))
    return draft


@_draft
def new_register(session: Session, out: Path, *, force: bool) -> None:
    """Write a FILE of a participant and an agreement to fill in; - prints it.

    Its comments say what to write, and which values are allowed. When you have filled it in,
    `register check FILE` says what is wrong with it, and `register import FILE` registers it.

    \b
    Example:
      smki-testca register new participants.toml
    """
    _write(session, "register", out, force=force)


@_draft
def new_agreement(session: Session, out: Path, *, force: bool) -> None:
    """Write a FILE of an agreement to fill in; - prints it.

    Its comments say what to write, and which values are allowed. When you have filled it in,
    `register check FILE` says what is wrong with it, and `agreement add FILE` registers it.

    \b
    Example:
      smki-testca agreement new agreement.toml
    """
    _write(session, "agreement", out, force=force)


@_draft
def new_kit(session: Session, out: Path, *, force: bool) -> None:
    """Write a FILE of a kit to fill in; - prints it.

    The kit has the name of the file. Once it is filled in, `kit show FILE` says what is wrong with
    it, or what it would make.

    \b
    Example:
      smki-testca kit new meters.toml
    """
    name = "kit" if is_standard_output(out) else out.name.removesuffix(".toml")
    if not _KIT_NAME.fullmatch(name):
        raise InputError(
            "kit.file_name",
            f"{shown(name)} cannot be the name of a kit.",
            "Name a file of up to 64 letters, digits, dots, hyphens and underscores.",
        )
    path = "kit.toml" if is_standard_output(out) else plain(str(out))
    _write(session, "kit", out, force=force, name=name, path=path)


@click.command("new")
@click.option("--out", metavar="FILE", type=OUTPUT, default="-", help=FILE_HELP)
@_FORCE
@click.pass_obj
def new_assurance_record(session: Session, out: Path, *, force: bool) -> None:
    """Write a record of an SMKI assessment to fill in, with comments that say what to write.

    It has an invented assessment in it, which was independent: replace its names and dates by
    yours. `assurance check FILE` then judges it.

    \b
    Example:
      smki-testca assurance new --out record.toml
    """
    _write(session, "assurance", out, force=force)


def _write(session: Session, draft: str, out: Path, *, force: bool, **values: str) -> None:
    check_alone(session, out)
    template = Template((_FOLDER / f"{draft}.toml").read_text("utf-8"))
    text = template.substitute(_values(session, session.library()), **values)
    if is_standard_output(out):
        print_document(text)
    else:
        check_free(out, force=force)
        write([OutputFile(PurePosixPath(out.name), text.encode())], out.parent, force=force)
    if session.as_json:
        print_json({"file": str(out)})
        return
    say(f"A draft is {place_of(out, 'in')}. Fill it in as its comments say.", err=True)


def _values(session: Session, library: Library) -> dict[str, str]:
    """Return what a draft says of the library: the values that there are."""
    terms = library.assurance_terms
    obligations = sorted({each for category in library.categories for each in category.obligations})
    return {
        "today": session.clock_or_system().now().date().isoformat(),
        "purposes": ", ".join(library.testing_services),
        "categories": ", ".join(category.name for category in library.categories),
        "environments": ", ".join(library.environments),
        "environment": library.default_environment.name,
        "obligations": ", ".join(obligations),
        "stages": ", ".join(terms.stage),
        "posts": ", ".join(terms.post),
        "parts": ", ".join(terms.part),
        "decisions": ", ".join(terms.decision),
        "oversights": ", ".join(terms.oversight),
        "quoted_obligations": ", ".join(f'"{each}"' for each in obligations),
    }


_COPIED = """\
# Copied from {origin}.
# With --profiles and its directory, this file comes before that one. Change what you need: rows
# whose basis is "specified" bind everybody, and nothing is issued from a profile that weakens one
# outside an experimental environment. Then: smki-testca --profiles {directory} profiles check

"""


@click.command("copy")
@click.argument("name", metavar="NAME")
@click.argument("directory", metavar="DIR", type=FOLDER)
@_FORCE
@click.pass_obj
def copy_profile(session: Session, name: str, directory: Path, *, force: bool) -> None:
    """Copy the file of a profile to your own profile directory DIR, to change it there.

    NAME is a certificate or CRL profile. For another file, it is its path, such as
    categories/device or environments.

    \b
    Example:
      smki-testca profiles copy device my-profiles
    """
    library = session.library()
    path = _file_of(library, name)
    origin = library.path_of(path)
    head = _COPIED.format(origin=f"profiles/{path}", directory=plain(str(directory)))
    data = head.encode() + read_input(str(origin))
    (written,) = write([OutputFile(PurePosixPath(path), data)], directory, force=force)
    if session.as_json:
        print_json({"file": str(written)})
        return
    say(f"The copy is in {written}.")


def _file_of(library: Library, name: str) -> str:
    """Return the path of a file of the library; a profile may be named without its folder.

    Raises:
        InputError: if there is no such file.
    """
    files = library.file_names()
    bare = name.removesuffix(".toml")
    for path in (f"certificates/{bare}", f"revocation-lists/{bare}", bare):
        if f"{path}.toml" in files:
            return f"{path}.toml"
    names = [*library.names("certificates"), *library.names("revocation-lists")]
    raise InputError(
        "profile.no_file",
        f"There is no profile or file {shown(name)}.",
        f"{use_one_of(names, given=name)} For another file, give its path, such as environments.",
    )
