"""Takes a CSR, or a ZIP of CSRs, and tells what became of it (SEC App. M 2.3)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from smki_testca.authority.csr import MAX_OCTETS, OF_PORTAL, CsrFaultsError, TakenAs, parse
from smki_testca.errors import InputError, Refusal
from smki_testca.issuance.issuance import Issuance
from smki_testca.service.device_csr.csr_batches import PortalZip, submit_zip
from smki_testca.service.portal.choices import RequestChoices, delivery
from smki_testca.service.portal.form import Problem
from smki_testca.service.portal.page_declaration import Page, Route
from smki_testca.service.tls import peer_address

if TYPE_CHECKING:
    from aiohttp import web

    from smki_testca.api import Estate
    from smki_testca.authority.csr import Csr
    from smki_testca.estate.certificates import Record
    from smki_testca.service.portal.form import Form
    from smki_testca.service.portal.visit import Visit

MAX_ZIP = 40 << 20
"""The most octets of what is submitted: 50,000 CSRs in a ZIP have about 15 MB."""
_KEPT = ("participant", "purpose", "environment", "taken-as")
"""The values that another CSR is likely to have in common with one before."""
_TAKEN_AS = [
    (TakenAs.PORTAL.value, "as the Portal: refuse what SEC App. M does not list"),
    (TakenAs.TEST_CA.value, "as a test CA: drop what no certificate takes from a CSR"),
]


@dataclass(frozen=True, slots=True)
class SubmittedForm:
    """The form that a visitor submitted.

    Attributes:
        values: of the fields, as they were filled in.
        csr: PEM, base64 or DER; empty if a ZIP was chosen.
        name, zipped: of a ZIP that was chosen; no octets if none was.
    """

    values: dict[str, str]
    csr: bytes = b""
    name: str = ""
    zipped: bytes = b""


class RejectionReason(NamedTuple):
    """A reason why there is no certificate; the rule is empty where the CSR is at fault."""

    text: str
    remedy: str
    code: str
    rule: str = ""


@dataclass(frozen=True, slots=True)
class SubmissionOutcome:
    """The outcome of a CSR.

    Attributes:
        record: the certificate; None if there is none.
        warnings: what its participant should read.
        dropped: what was dropped from the CSR.
        faults: what is wrong with the CSR.
        reasons: those of the gate.
    """

    record: Record | None = None
    warnings: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    faults: tuple[RejectionReason, ...] = ()
    reasons: tuple[RejectionReason, ...] = ()

    @property
    def status(self) -> HTTPStatus:
        """Of HTTP."""
        return HTTPStatus.OK if self.record is not None else HTTPStatus.UNPROCESSABLE_ENTITY


async def _show(visit: Visit) -> web.StreamResponse:
    # A link, as from the answer to a CSR, may have them filled in.
    return await _page(visit, {name: visit.query(name) for name in _KEPT})


async def _submit(visit: Visit) -> web.StreamResponse:
    form = await visit.form()
    submitted = _submitted_form(form)
    problems = _problems(visit, submitted)
    if problems:
        return await _page(visit, submitted.values, problems)
    if submitted.zipped:
        return await _submit_zip(visit, submitted)
    answer = await visit.write(lambda estate: _sign(estate, visit, submitted))
    another = visit.link("/submit", **{name: submitted.values[name] for name in _KEPT})
    return visit.page("submitted.html", status=answer.status, answer=answer, another=another)


def _submitted_form(form: Form) -> SubmittedForm:
    names = ("participant", "purpose", "environment", "taken-as", "csr", "label")
    values = {name: form.text(name) for name in names}
    upload = form.file("file")
    if upload is None or not upload.data:
        return SubmittedForm(values, values["csr"].encode())
    if upload.data.startswith(b"PK") or upload.name.lower().endswith(".zip"):
        return SubmittedForm(values, name=upload.name, zipped=upload.data)
    return SubmittedForm(values, upload.data)


def _problems(visit: Visit, submitted: SubmittedForm) -> tuple[Problem, ...]:
    """The problems of a request: what is missing, or may not be asked for."""
    values, problems = submitted.values, []
    if not visit.viewer.sees(values["participant"] or None):
        problems.append(Problem("participant", "Choose a participant that is yours."))
    if not values["participant"]:
        problems.append(Problem("participant", "Choose the participant that asks."))
    if not values["purpose"]:
        problems.append(Problem("purpose", "Choose the Testing Service."))
    if not submitted.csr and not submitted.zipped:
        problems.append(Problem("csr", "Paste a CSR here, or choose a file below."))
    if submitted.csr and values["csr"] and submitted.csr != values["csr"].encode():
        problems.append(Problem("csr", "Paste a CSR or choose a file, not both."))
    if values["taken-as"] not in {"", *TakenAs}:
        problems.append(Problem("taken-as", "Choose one of these."))
    if len(submitted.csr) > MAX_OCTETS:
        problems.append(Problem("file", f"A CSR has at most {MAX_OCTETS:,} octets."))
    return tuple(problems)


async def _submit_zip(visit: Visit, submitted: SubmittedForm) -> web.StreamResponse:
    values = submitted.values
    try:
        zipped = await asyncio.to_thread(PortalZip.read, submitted.name, submitted.zipped)
    except InputError as error:
        problem = Problem("file", f"{error.message} {error.remedy}".rstrip())
        return await _page(visit, values, (problem,))
    peer = {"address": peer_address(visit.request), "viewer": visit.viewer.how}
    delivered = delivery(visit)
    number = await visit.write(
        lambda estate: submit_zip(
            estate,
            zipped,
            participant=values["participant"],
            purpose=values["purpose"],
            environment=values["environment"] or None,
            delivery=delivered,
            peer=peer,
        )
    )
    visit.context.submitted.set()
    return visit.see(f"/batches/{number}")


def _sign(estate: Estate, visit: Visit, submitted: SubmittedForm) -> SubmissionOutcome:
    """Sign a CSR through the gate; what is wrong is an answer, too."""
    values = submitted.values
    try:
        taken_as = TakenAs(values["taken-as"] or TakenAs.PORTAL)
        csr = parse(submitted.csr, estate.library, taken_as=taken_as, remedies=OF_PORTAL)
        request = estate.request(
            values["participant"],
            values["purpose"],
            csr.subject,
            () if csr.usage is None else (csr.usage,),
            environment=values["environment"] or None,
            delivery=delivery(visit),
        )
        peer = {"address": peer_address(visit.request), "viewer": visit.viewer.how}
        (record,), warnings = Issuance(estate).issue(
            request, label=values["label"] or None, csr=csr, details={"peer": peer}
        )
    except CsrFaultsError as error:
        faults = error.faults
        return SubmissionOutcome(
            faults=tuple(RejectionReason(each.message, error.remedy, each.code) for each in faults)
        )
    except Refusal as refusal:
        reasons = (
            RejectionReason(each.reason, each.remedy, each.code, each.rule)
            for each in refusal.reasons
        )
        return SubmissionOutcome(reasons=tuple(reasons))
    except InputError as error:
        return SubmissionOutcome(faults=(RejectionReason(error.message, error.remedy, error.code),))
    return SubmissionOutcome(record, warnings, _dropped(csr))


def _dropped(csr: Csr) -> tuple[str, ...]:
    return tuple(each.message for each in csr.remarks.dropped)


async def _page(
    visit: Visit, values: dict[str, str], problems: tuple[Problem, ...] = ()
) -> web.StreamResponse:
    choices = await visit.read(lambda estate: RequestChoices.of(estate, visit.viewer))
    return visit.page(
        "submit.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if problems else HTTPStatus.OK,
        choices=choices,
        taken_as=_TAKEN_AS,
        values=values,
        problems=problems,
    )


PAGE = Page(
    Route.get("/submit", _show),
    Route.post("/submit", _submit, most=MAX_ZIP),
    title="Submit",
    place=20,
)
