"""``show``: shows a certificate, CSR or CRL to a person, field by field."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.input_files import read_input
from smki_testca.cli.output import print_json, print_table, say
from smki_testca.cli.selection import serial_of
from smki_testca.errors import ExitCode, InputError
from smki_testca.identifiers import SerialPrefix
from smki_testca.importers.sources import MAX_FILE_OCTETS, Source, sources
from smki_testca.lint.chain import gathered
from smki_testca.lint.drawing import asn1_lines, policy_names
from smki_testca.lint.engine import Linter
from smki_testca.lint.linted import LintSettings
from smki_testca.lint.report_formats import text_line
from smki_testca.lint.sheet import FINGERPRINTS, Sheet, fingerprints
from smki_testca.profiles.model import Severity
from smki_testca.text import shown

if TYPE_CHECKING:
    from smki_testca.cli.session import Session
    from smki_testca.lint.inspection import Description

_WIDTH = 16
_SHA256 = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)


@click.command()
@click.argument("target", metavar="FILE|SERIAL|SHA256")
@click.option("--asn1", is_flag=True, help="Dump the elements with their offsets instead.")
@click.pass_obj
def show(session: Session, target: str, *, asn1: bool) -> None:
    """Show the certificate, CSR or CRL in FILE, or the certificate with that SERIAL.

    The first digits of the serial number are enough. To show an imported certificate, give its
    SHA256.

    Each finding is printed next to the field it concerns. The exit code is 1 if one is an error.
    With --asn1 every element is listed with its value, also of broken DER.

    \b
    Example:
      smki-testca show certificate.pem
    """
    show_documents(session, *_documents(session, target), asn1=asn1)


def show_documents(
    session: Session,
    documents: list[Source],
    known: dict[str, Any] | None,
    trusted: list[bytes],
    *,
    asn1: bool = False,
) -> None:
    """Print documents, and end with exit code 1 if one has an error.

    Args:
        session: the global options.
        documents: the documents.
        known: the estate's record of the document, as JSON; None if it has none.
        trusted: the CA certificates to build chains with, DER.
        asn1: whether to list the ASN.1 elements instead.
    """
    settings = LintSettings(
        session.clock_or_system().now(),
        tuple(session.profile_directories()),
        environment=None if known is None else known.get("environment"),
    )
    issuers = gathered([*trusted, *(document.data for document in documents)])
    linter = Linter(settings, issuers)
    shown_documents = []
    is_wrong = False
    for document in documents:
        if asn1:
            elements = asn1_lines(document.data, policy_names(linter.library))
            shown_documents.append({"elements": elements})
            if not session.as_json:
                say(*(line["text"] for line in elements))
            continue
        sheet = Sheet.of(document, linter)
        is_wrong |= any(f.severity is Severity.ERROR for f in sheet.findings)
        shown_documents.append(_as_json(document.data, sheet.description, known))
        if not session.as_json:
            _print(document.data, sheet)
    if session.as_json:
        several = len(shown_documents) != 1
        print_json({"documents": shown_documents} if several else shown_documents[0])
    if is_wrong:
        click.get_current_context().exit(ExitCode.FINDINGS)


def _documents(
    session: Session, target: str
) -> tuple[list[Source], dict[str, Any] | None, list[bytes]]:
    """Return the documents to show, the estate's record of one of its own, and CA certificates."""
    trusted: list[bytes] = []
    known: dict[str, Any] | None = None
    if target == "-" or Path(target).is_file():
        data = read_input("-", MAX_FILE_OCTETS) if target == "-" else None
        documents = list(sources([target], data))
        for document in documents:
            if document.problem is not None:
                raise InputError(
                    document.problem.code,
                    f"{target} cannot be shown: {document.problem.message}.",
                )
        if not documents:
            raise InputError("document.unknown_kind", f"{target} holds nothing that can be shown.")
        if session.estate is not None:
            with session.open() as estate:
                trusted = [record.der for record in estate.certificates.authorities()]
        return documents, known, trusted
    if _SHA256.fullmatch(target):
        return _external(session, bytes.fromhex(target))
    _check_serial(target)
    with session.open() as estate:
        serial = serial_of(estate, target)
        record = estate.by_serial(serial)
        if record is None:
            raise InputError(
                "certificate.unknown",
                f"The estate has no certificate {serial}, nor is there a file {target}.",
            )
        trusted = [record.der for record in estate.certificates.authorities()]
        predecessor = estate.renewal_links.predecessor(record.serial)
        known = {
            **record.as_json(),
            "status": estate.status(record).value,
            "predecessor": None if predecessor is None else str(predecessor),
        }
        return [Source(target, 0, record.der)], known, trusted


def _external(
    session: Session, digest: bytes
) -> tuple[list[Source], dict[str, Any] | None, list[bytes]]:
    """Return the same for an external certificate, with the CAs among the external certificates."""
    with session.open() as estate:
        record = estate.externals.by_digests([digest]).get(digest)
        if record is None:
            raise InputError(
                "certificate.unknown", f"No external certificate has the SHA-256 {digest.hex()}."
            )
        trusted = estate.externals.authorities()
        return [Source(record.name, 0, record.der)], record.as_json(), trusted


def _check_serial(text: str) -> None:
    """Check that a target that is no file is a serial number, before an estate is opened."""
    try:
        SerialPrefix.parse(text)
    except InputError as error:
        raise InputError(
            "certificate.unknown",
            f"{shown(text)} is neither a file nor a serial number.",
            error.remedy,
        ) from error


def _as_json(data: bytes, description: Description, known: dict[str, Any] | None) -> dict[str, Any]:
    names = {"kind": description.kind, "subject": description.subject}
    return {**names, **fingerprints(data), **description.as_json(), "record": known}


def _print(data: bytes, sheet: Sheet) -> None:
    rows = [(row.path, row.value, ", ".join(row.severities)) for row in sheet.rows]
    print_table(("Field", "Value", "Findings"), rows, sheet.title)
    say("")
    # Not in the table, which folds what is long: these are copied.
    for name, value in fingerprints(data).items():
        if value is not None:
            say(f"{FINGERPRINTS[name]:<{_WIDTH}}{value}")
    say("")
    if not sheet.findings:
        say("Nothing is wrong with it.")
    for finding in sheet.findings:
        say(text_line(finding))
