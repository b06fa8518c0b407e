"""Finds certificates, and shows each with its fields, findings, chain and downloads."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from smki_testca.errors import InputError
from smki_testca.estate.audit_owners import AuditOwners
from smki_testca.estate.certificate_pages import Position
from smki_testca.estate.certificates import Selection
from smki_testca.estate.status import Status
from smki_testca.identifiers import Eui64, SerialNumber, SerialPrefix
from smki_testca.importers.sources import Source
from smki_testca.labels import LabelPattern
from smki_testca.lint.chain import gathered
from smki_testca.lint.engine import Linter
from smki_testca.lint.linted import LintSettings
from smki_testca.lint.sheet import FINGERPRINTS, Sheet, fingerprints
from smki_testca.profiles.model import Tier
from smki_testca.service.portal.certificate_downloads import (
    Download,
    download,
    downloads,
    exported,
    plain_file,
    plain_files,
)
from smki_testca.service.portal.form import Problem
from smki_testca.service.portal.page_declaration import Page, Route
from smki_testca.service.portal.unanswered import Unanswered
from smki_testca.text import shown
from smki_testca.x509.pem import to_pem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiohttp import web

    from smki_testca.api import Estate
    from smki_testca.estate.certificate_pages import CertificatePage
    from smki_testca.estate.certificates import Record
    from smki_testca.estate.status_changes import StandingChange
    from smki_testca.roles import Roles
    from smki_testca.service.portal.viewer import Viewer
    from smki_testca.service.portal.visit import Visit

SIZE = 50
"""The certificates on a page."""
FIELDS = (
    *("eui64", "serial", "cn", "label", "participant", "role", "environment", "profile"),
    *("status", "run"),
)
"""The names in the query of what is searched for."""


@dataclass(frozen=True, slots=True)
class CertificateSearch:
    """The terms of a search.

    Attributes:
        given: the text of each field.
        selection: what the fields say; everything where one is wrong.
        run: that issued them; None for any, and none.
        after: where the page before ended.
        problems: what is wrong with them.
    """

    given: Mapping[str, str]
    selection: Selection
    run: int | None
    after: Position | None
    problems: tuple[Problem, ...]

    @classmethod
    def of(cls, visit: Visit) -> CertificateSearch:
        """Read the query of a visit; a participant finds its own certificates alone."""
        given = {name: visit.query(name) for name in FIELDS}
        if not visit.viewer.is_operator:
            given["participant"] = visit.viewer.participant or ""
        parse = _parsers(visit.context.library.roles)
        parts: dict[str, Any] = {}
        problems = []
        for name, text in given.items():
            if text and name in parse:
                try:
                    parts[name] = parse[name](text)
                except InputError as error:
                    problems.append(Problem(name, f"{error.message} {error.remedy}".rstrip()))
        after = None
        try:
            after = Position.parse(visit.query("after")) if visit.query("after") else None
        except InputError as error:
            problems.append(Problem("", f"{error.message} {error.remedy}"))
        run = parts.pop("run", None)
        return cls(given, Selection(**parts), run, after, tuple(problems))

    @property
    def is_narrow(self) -> bool:
        """Whether anything is asked for."""
        return any(self.given.values())


def _parsers(roles: Roles) -> dict[str, Callable[[str], Any]]:
    """The parser of each field that is a part of a selection."""
    return {
        "eui64": Eui64.parse,
        "serial": SerialPrefix.parse,
        "label": LabelPattern.parse,
        "participant": str,
        "role": lambda text: roles.remote_party_role(text).code,
        "environment": str,
        "profile": str,
        "status": Status.parse,
        "run": _run_number,
    }


def _run_number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise InputError(
            "request.input", f"{shown(text)} is not the number of a run.", "Give one such as 3."
        )
    return int(text)


async def _list(visit: Visit) -> web.StreamResponse:
    search = CertificateSearch.of(visit)
    name = search.given["cn"]

    def find(estate: Estate) -> tuple[CertificatePage | None, list[str], list[str]]:
        environments = [each.name for each in estate.environments()]
        participants = sorted(estate.register.load().participants)
        if search.problems:
            return None, environments, participants
        now = estate.clock.now()
        page = estate.certificate_pages.page(
            search.selection, now, SIZE, name=name, run=search.run, after=search.after
        )
        return page, environments, participants

    # A name or a pattern may be compared with every certificate.
    is_long = bool(name) or isinstance(search.selection.label, LabelPattern)
    read = visit.read_long if is_long else visit.read
    page, environments, participants = await read(find)
    onward = None if page is None else page.onward
    query = {name: search.given[name] for name in FIELDS}
    if not visit.viewer.is_operator:
        query["participant"] = ""
    return visit.page(
        "certificates.html",
        status=HTTPStatus.BAD_REQUEST if search.problems else HTTPStatus.OK,
        search=search,
        page=page,
        size=SIZE,
        environments=[("", "any"), *((each, each) for each in environments)],
        participants=participants if visit.viewer.is_operator else [],
        profiles=_profiles(visit),
        roles=_roles(visit),
        statuses=[("", "any"), *((each.word, each.word) for each in Status)],
        role_name=lambda code: role_name(code, visit.context.library.roles),
        first=None if search.after is None else visit.link(**query),
        next=None if onward is None else visit.link(**query, after=onward),
    )


def _profiles(visit: Visit) -> list[tuple[str, str]]:
    """The types to choose from: a participant has no CAs."""
    library = visit.context.library
    authorities = [each for each in library.profiles if each.tier is not Tier.END_ENTITY]
    known = [*library.end_entity_profiles, *(authorities if visit.viewer.is_operator else ())]
    return [("", "any"), *((each.name, each.title) for each in known)]


def _roles(visit: Visit) -> list[tuple[str, str]]:
    roles = visit.context.library.roles.remote_party_roles
    return [("", "any"), *((each.hex, f"{each.name} ({each.hex})") for each in roles)]


def role_name(code: int | None, roles: Roles) -> str:
    """The name of a RemotePartyRole with its code; empty where there is none."""
    if code is None:
        return ""
    role = roles.by_code(code)
    return f"{code:02X}" if role is None else f"{role.name} ({role.hex})"


@dataclass(frozen=True, slots=True)
class CertificateCsr:
    """The CSR that asked for a certificate.

    Attributes:
        notes: the title and the text of each note of it.
        dropped: the paths of what the certificate does not take from it.
        sheet: its fields and findings; None where it is not kept.
        der: all of it; empty where it is not kept.
    """

    notes: tuple[tuple[str, str], ...]
    dropped: tuple[str, ...] = ()
    sheet: Sheet | None = None
    der: bytes = b""

    def is_dropped(self, path: str) -> bool:
        """Whether the certificate does not take a field from it."""
        return any(path == each or path.startswith(f"{each}.") for each in self.dropped)


@dataclass(frozen=True, slots=True)
class CertificateDetail:
    """Everything that the page of a certificate shows.

    Attributes:
        sheet: its fields and findings.
        chain: the CAs above it, the issuing one first.
        history: of its status.
        predecessor, successors: the certificates that it renewed, and that renewed it.
        has_entry: whether the viewer may see the entry of the audit log that issued it.
        csr: that asked for it; None where none did.
        run: that issued it; None if it was issued alone.
        downloads: without private keys.
    """

    record: Record
    status: Status
    sheet: Sheet
    chain: tuple[Record, ...]
    history: list[StandingChange]
    predecessor: SerialNumber | None
    successors: list[SerialNumber]
    has_entry: bool
    csr: CertificateCsr | None
    run: int | None
    downloads: list[Download]


async def _show(visit: Visit) -> web.StreamResponse:
    serial = _serial(visit)
    detail = await visit.read(lambda estate: _detail(estate, serial, visit.viewer))
    record = detail.record
    prints = fingerprints(record.der)
    return visit.page(
        "certificate.html",
        detail=detail,
        record=record,
        files=plain_files(record),
        role=role_name(record.role, visit.context.library.roles),
        fingerprints=[(FINGERPRINTS[name], value) for name, value in prints.items() if value],
    )


def _detail(estate: Estate, serial: SerialNumber, viewer: Viewer) -> CertificateDetail:
    record = visible(estate, serial, viewer)
    return CertificateDetail(
        record,
        estate.status(record),
        _sheet_of(estate, record, str(record.serial), record.der),
        tuple(estate.certificates.chain(record)) if record.issuer != record.serial else (),
        estate.history(record),
        estate.renewal_links.predecessor(record.serial),
        estate.renewal_links.successors(record.serial),
        viewer.sees_entry(AuditOwners(estate).of(estate.audit.entry(record.audit))),
        _csr(estate, record),
        None if record.place is None else record.place[0],
        downloads(estate, record),
    )


def visible(estate: Estate, serial: SerialNumber, viewer: Viewer) -> Record:
    """The certificate with a serial number, if the viewer may see it: one's own, or a CA's.

    Raises:
        Unanswered: if there is none, or it is another participant's.
    """
    record = estate.by_serial(serial)
    if record is not None and (
        record.tier is not Tier.END_ENTITY or viewer.sees(record.participant)
    ):
        return record
    whose = "The estate has" if viewer.is_operator else f"{viewer.participant} has"
    raise Unanswered.missing(
        f"{whose} no certificate {serial}.", "Search for it on the page Certificates."
    )


def _sheet_of(estate: Estate, record: Record, name: str, der: bytes) -> Sheet:
    """The fields and findings of a certificate, or of its CSR."""
    trusted = [each.der for each in estate.certificates.authorities()]
    settings = LintSettings(estate.clock.now(), environment=record.environment)
    linter = Linter(settings, gathered([*trusted, record.der]), estate.library)
    return Sheet.of(Source(name, 0, der), linter)


def _csr(estate: Estate, record: Record) -> CertificateCsr | None:
    """The CSR that asked for a certificate, as far as it is kept; None where none did."""
    if record.place is not None:
        run = estate.runs.get(record.place[0])
        is_asked = run.terms.source == "requests"
        return CertificateCsr((("CSR", f"one of those of run {run.id}"),)) if is_asked else None
    remarks = estate.audit.entry(record.audit).body.get("csr")
    if not isinstance(remarks, dict):
        return None
    dropped = remarks.get("dropped", ())
    notes = (
        ("Taken as", str(remarks.get("as", ""))),
        ("Warnings", ", ".join(map(str, remarks.get("warnings", ()))) or "none"),
        ("Not taken from it", "; ".join(str(each.get("message", "")) for each in dropped)),
    )
    der = base64.b64decode(str(remarks.get("der", "")))
    paths = tuple(str(each.get("path", "")) for each in dropped)
    sheet = _sheet_of(estate, record, "CSR", der) if der else None
    return CertificateCsr(
        tuple((name, text or "nothing") for name, text in notes), paths, sheet, der
    )


async def _file(visit: Visit) -> web.StreamResponse:
    serial, name = _serial(visit), visit.part("file")

    def make(estate: Estate) -> Download:
        record = visible(estate, serial, visit.viewer)
        return plain_file(estate, record, name)

    return download(visit, await visit.read(make))


async def _csr_file(visit: Visit) -> web.StreamResponse:
    serial = _serial(visit)

    def make(estate: Estate) -> Download:
        csr = _csr(estate, visible(estate, serial, visit.viewer))
        if csr is None or not csr.der:
            raise Unanswered.missing("The estate has no CSR of this certificate.")
        pem = to_pem(csr.der, "CERTIFICATE REQUEST")
        return Download(f"{serial}-csr.pem", "CSR", "application/x-pem-file", pem)

    return download(visit, await visit.read(make))


async def _export(visit: Visit) -> web.StreamResponse:
    serial, form = _serial(visit), visit.part("form")

    def make(estate: Estate) -> Download:
        record = visible(estate, serial, visit.viewer)
        return exported(estate, record, form)

    return download(visit, await visit.read(make))


def _serial(visit: Visit) -> SerialNumber:
    try:
        return SerialNumber.parse(visit.part("serial"))
    except InputError as error:
        raise Unanswered.missing(error.message, error.remedy) from error


PAGE = Page(
    Route.get("/certificates", _list),
    Route.get("/certificates/{serial}", _show),
    Route.get("/certificates/{serial}/files/{file}", _file),
    Route.get("/certificates/{serial}/export/{form}", _export),
    Route.get("/certificates/{serial}/csr.pem", _csr_file),
    title="Certificates",
    place=30,
)
