"""``show``: one certificate, CSR or CRL drawn for a person."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.output import print_json, print_table
from smki_testca.cli.session import Session, read_input
from smki_testca.errors import ExitCode, InputError
from smki_testca.identifiers import SerialNumber
from smki_testca.importers.sources import MAX_FILE_OCTETS, Source, sources
from smki_testca.lint.chain import gathered
from smki_testca.lint.drawing import asn1_lines, draw
from smki_testca.lint.engine import Linter
from smki_testca.lint.linted import Settings
from smki_testca.lint.reports import text_line
from smki_testca.profiles.model import Severity
from smki_testca.text import plain, shown

if TYPE_CHECKING:
    from smki_testca.lint.drawing import Line
    from smki_testca.lint.linted import Linted

_SHA256 = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)


@click.command()
@click.argument("what", metavar="FILE|SERIAL|SHA256")
@click.option("--asn1", is_flag=True, help="Dump the elements with their offsets instead.")
@click.pass_obj
def show(session: Session, what: str, *, asn1: bool) -> None:
    """Show the certificate, CSR or CRL in FILE, or the certificate with that SERIAL.

    An imported certificate of somebody else's is shown by its SHA256.

    What is wrong stands beside the field it concerns. Ends with exit code 1 where there is
    an error. With --asn1 every element is listed, also of broken DER.

    \b
    Example:
      smki-testca show certificate.pem
    """
    show_documents(session, *_documents(session, what), asn1=asn1)


def show_documents(
    session: Session,
    found: list[Source],
    known: dict[str, Any] | None,
    trusted: list[bytes],
    *,
    asn1: bool = False,
) -> None:
    """Draw documents, and end with exit code 1 where there is an error.

    Args:
        session: whose options hold.
        found: the documents.
        known: what the estate knows of the one document, if it is one of its own.
        trusted: CAs at hand, DER.
        asn1: whether their elements are listed instead.
    """
    settings = Settings(
        session.clock_or_system().now(),
        tuple(session.profile_directories()),
        environment=None if known is None else known.get("environment"),
    )
    issuers = gathered([*trusted, *(one.data for one in found)])
    linter = Linter(settings, issuers)
    documents = []
    is_wrong = False
    for one in found:
        if asn1:
            documents.append({"elements": asn1_lines(one.data)})
            if not session.as_json:
                click.echo("\n".join(line["text"] for line in documents[-1]["elements"]))
            continue
        linted = linter.lint(one)
        lines = draw(one.data, linted, linter)
        is_wrong |= any(f.severity is Severity.ERROR for f in linted.findings)
        documents.append(_as_json(linted, lines, known))
        if not session.as_json:
            _print(linted, lines, linter)
    if session.as_json:
        print_json(documents[0] if len(documents) == 1 else {"documents": documents})
    if is_wrong:
        click.get_current_context().exit(ExitCode.FINDINGS)


def _documents(
    session: Session, what: str
) -> tuple[list[Source], dict[str, Any] | None, list[bytes]]:
    """The documents to show, what the estate knows of one of its own, and CAs at hand."""
    trusted: list[bytes] = []
    known: dict[str, Any] | None = None
    if what == "-" or Path(what).is_file():
        data = read_input("-", MAX_FILE_OCTETS) if what == "-" else None
        found = list(sources([what], data))
        for one in found:
            if one.problem is not None:
                raise InputError(
                    one.problem.code, f"{what} cannot be shown: {one.problem.message}."
                )
        if not found:
            raise InputError("document.unknown_kind", f"{what} holds nothing that can be shown.")
        if session.estate is not None:
            with session.open() as estate:
                trusted = [record.der for record in estate.certificates.authorities()]
        return found, known, trusted
    if _SHA256.fullmatch(what):
        return _external(session, bytes.fromhex(what))
    serial = _serial(what)
    with session.open() as estate:
        record = estate.by_serial(serial)
        if record is None:
            raise InputError(
                "certificate.unknown",
                f"The estate has no certificate {serial}, nor is there a file {what}.",
            )
        trusted = [one.der for one in estate.certificates.authorities()]
        predecessor = estate.renewal_links.predecessor(record.serial)
        known = {
            **record.as_json(),
            "status": estate.status(record).value,
            "predecessor": None if predecessor is None else str(predecessor),
        }
        return [Source(what, 0, record.der)], known, trusted


def _external(
    session: Session, digest: bytes
) -> tuple[list[Source], dict[str, Any] | None, list[bytes]]:
    """The same of an external certificate, among its like: the estate's CAs are none of theirs."""
    with session.open() as estate:
        record = estate.externals.by_digests([digest]).get(digest)
        if record is None:
            raise InputError(
                "certificate.unknown", f"No external certificate has the SHA-256 {digest.hex()}."
            )
        others = estate.externals.authorities()
        return [Source(record.name, 0, record.der)], record.as_json(), others


def _serial(what: str) -> SerialNumber:
    try:
        return SerialNumber.parse(what)
    except InputError as error:
        raise InputError(
            "certificate.unknown",
            f"{shown(what)} is neither a file nor a serial number.",
            error.remedy,
        ) from error


def _as_json(linted: Linted, lines: list[Line], known: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "kind": linted.kind,
        "subject": linted.subject,
        "fields": {line.path: line.value for line in lines},
        "findings": [finding.as_json() for finding in linted.findings],
        "record": known,
    }


def _title(linted: Linted, linter: Linter) -> str:
    kind = linted.kind
    if kind == "crl":
        name = "Certificate Revocation List"
    elif kind in linter.library.revocation_list_profile_names:
        name = linter.library.revocation_list_profile(kind).title
    elif kind == "unknown":
        name = "Unknown document"
    elif kind.startswith("csr-"):
        name = f"CSR: {linter.library.profile(kind.removeprefix('csr-')).title}"
    else:
        name = linter.library.profile(kind).title
    return plain(f"{name} {linted.subject}".rstrip())


def _print(linted: Linted, lines: list[Line], linter: Linter) -> None:
    beside: dict[str, list[str]] = {}
    for finding in linted.findings:
        beside.setdefault(finding.path, []).append(finding.severity)
    rows = [(line.path, plain(line.value), ", ".join(beside.pop(line.path, []))) for line in lines]
    # What is missing, or has no value of its own, stands below with the findings about it.
    rows += [(path, "", ", ".join(severities)) for path, severities in beside.items() if path]
    print_table(("Field", "Value", "Findings"), rows, _title(linted, linter))
    click.echo()
    if not linted.findings:
        click.echo("Nothing is wrong with it.")
    for finding in linted.findings:
        click.echo(text_line(finding))
