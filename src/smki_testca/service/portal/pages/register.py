"""Shows the register: participants, what they hold, their agreements, and what the gate answers."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from smki_testca.errors import InputError, Refusal
from smki_testca.issuance.issuance import Issuance
from smki_testca.profiles.subject import Subject
from smki_testca.roles import KeyUsage
from smki_testca.service.portal.choices import RequestChoices, delivery, purpose_text
from smki_testca.service.portal.form import Problem
from smki_testca.service.portal.page_declaration import Page, Route
from smki_testca.service.portal.unanswered import Unanswered

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aiohttp import web

    from smki_testca.api import Estate
    from smki_testca.errors import RefusalReason
    from smki_testca.profiles.model import Profile
    from smki_testca.register.agreements import Agreement
    from smki_testca.register.gate import Authorisation
    from smki_testca.register.participants import MarketParticipantId, Participant
    from smki_testca.register.requests import Delivery
    from smki_testca.roles import Roles
    from smki_testca.service.portal.visit import Visit

_LABELS = {
    "id": "EUI-64",
    "device-id": "EUI-64",
    "hw-type": "hwType",
    "common-name": "CN",
    "dns": "DNS name",
    "ip": "IP address",
}
"""The labels of inputs, by option, that are more than its words."""


@dataclass(frozen=True, slots=True)
class Branch:
    """An entry of the picture of a participant, with what hangs below it."""

    text: str
    note: str = ""
    below: tuple[Branch, ...] = ()


@dataclass(frozen=True, slots=True)
class GateAnswer:
    """The gate's answer to "may P have this?".

    Attributes:
        authorisation: its consent; None if it refuses.
        reasons: why it refuses.
    """

    authorisation: Authorisation | None = None
    reasons: tuple[RefusalReason, ...] = ()


def picture(participant: Participant) -> Branch:
    """A participant from its Signifier to its IDs, their User Roles and Market Participant IDs."""
    signifier = "no Signifier" if participant.signifier is None else participant.signifier.text
    markets = participant.market_participant_ids
    ids = [
        Branch(
            str(allocated.eui64),
            "ID",
            (
                *(Branch(role.name, f"User Role {role.code}") for role in allocated.user_roles),
                *(_market(each) for each in markets if allocated.eui64 in each.ids),
            ),
        )
        for allocated in participant.ids
    ]
    of_all = [_market(each) for each in markets if not each.ids]
    entries = [Branch(str(entry), "Registry Entry") for entry in participant.registry_entries]
    return Branch(signifier, "Signifier", (*ids, *of_all, *entries))


def _market(market: MarketParticipantId) -> Branch:
    note = f"Market Participant ID under the {market.scheme}, role {market.role_code}"
    return Branch(market.identifier, note if market.ids else f"{note}, of all IDs")


async def _list(visit: Visit) -> web.StreamResponse:
    register = await visit.read(lambda estate: estate.register.load())
    shown = [each for each in register.participants.values() if visit.viewer.sees(each.id)]
    return visit.page(
        "register.html",
        participants=[(each, len(register.agreements_of(each.id))) for each in shown],
    )


async def _show(visit: Visit) -> web.StreamResponse:
    name = visit.part("participant")

    def find(estate: Estate) -> tuple[Participant | None, list[Agreement]]:
        register = estate.register.load()
        return register.participants.get(name), register.agreements_of(name)

    participant, agreements = await visit.read(find)
    if participant is None or not visit.viewer.sees(participant.id):
        raise Unanswered.missing("The register has no such participant.", "See the page Register.")
    library = visit.context.library
    return visit.page(
        "participant.html",
        participant=participant,
        tree=picture(participant),
        agreements=agreements,
        purpose=partial(purpose_text, library),
        categories={each.name: each.title for each in library.categories},
        today=visit.context.clock.now().date(),
    )


async def _ask(visit: Visit) -> web.StreamResponse:
    """The gate's answer to a question; nothing is issued or recorded."""
    library = visit.context.library
    profiles = library.end_entity_profiles
    chosen = visit.query("profile")
    profile = next((each for each in profiles if each.name == chosen), None)
    values = defaultdict(str, {name: visit.query(name) for name in visit.request.query})
    problems: tuple[Problem, ...] = ()
    answer: GateAnswer | None = None
    choices = await visit.read(lambda estate: RequestChoices.of(estate, visit.viewer))
    if profile is not None and values.get("participant"):
        # A link, as from the page of a participant, chooses it and asks nothing yet.
        is_asked = any(each.type.option in values for each in profile.subject_inputs)
        if not visit.viewer.sees(values["participant"]):
            raise Unanswered.missing(
                "The register has no such participant.", "See the page Register."
            )
        selected: Profile = profile
        problems = tuple(_problems(profile, values, library.roles)) if is_asked else ()
        try:
            if is_asked and not problems:
                answer = await visit.read(
                    lambda estate: _answer(estate, selected, values, delivery(visit))
                )
        except InputError as error:
            problems = (Problem("", f"{error.message} {error.remedy}".rstrip()),)
    return visit.page(
        "ask.html",
        status=HTTPStatus.BAD_REQUEST if problems else HTTPStatus.OK,
        profiles=[(each.name, each.title) for each in profiles],
        profile=profile,
        choices=choices,
        usages=[(each.value, each.value.replace("-", " ")) for each in KeyUsage],
        label=_label,
        values=values,
        problems=problems,
        answer=answer,
    )


def _answer(
    estate: Estate, profile: Profile, values: Mapping[str, str], delivered: Delivery
) -> GateAnswer:
    """Ask the gate.

    Raises:
        InputError: if an input is missing or malformed.
    """
    options = {
        each.type.option: values.get(each.type.option) or None for each in profile.subject_inputs
    }
    subject = Subject.parse(profile, options, estate.library.roles, _label)
    usages = (KeyUsage.parse(values.get("usage", "")),) if profile.takes_usage else ()
    request = estate.request(
        values["participant"],
        values.get("purpose", ""),
        subject,
        usages,
        environment=values.get("environment") or None,
        delivery=delivered,
    )
    try:
        return GateAnswer(Issuance(estate).authorise(request))
    except Refusal as refusal:
        return GateAnswer(reasons=refusal.reasons)


def _problems(profile: Profile, values: Mapping[str, str], roles: Roles) -> Iterator[Problem]:
    """The problems of each input by itself."""
    for each in profile.subject_inputs:
        name = each.type.option
        text = values.get(name, "")
        if not text:
            if not each.optional:
                yield Problem(name, f"Fill in the field {_label(name)}.")
            continue
        try:
            each.parse(text, roles)
        except InputError as error:
            yield Problem(name, f"{error.message} {error.remedy}".rstrip())


def _label(option: str) -> str:
    """The label of an input on the page."""
    return _LABELS.get(option) or option.replace("-", " ").capitalize()


PAGE = Page(
    Route.get("/register", _list),
    Route.get("/register/ask", _ask),
    Route.get("/register/{participant}", _show),
    title="Register",
    place=50,
)
