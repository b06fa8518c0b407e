"""Choices of a request by form: what there is to choose from, and the delivery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from smki_testca.register.requests import Delivery

if TYPE_CHECKING:
    from smki_testca.api import Estate
    from smki_testca.profiles import Library
    from smki_testca.service.portal.viewer import Viewer
    from smki_testca.service.portal.visit import Visit

Options = list[tuple[str, str]]
"""Pairs of a value and its text."""


@dataclass(frozen=True, slots=True)
class RequestChoices:
    """The values that a request for a certificate names.

    Attributes:
        participants: whom the viewer may ask for.
        purposes: the Testing Services.
        environments: those that the estate has CAs for, its first one first.
    """

    participants: Options
    purposes: Options
    environments: Options

    @classmethod
    def of(cls, estate: Estate, viewer: Viewer) -> RequestChoices:
        """The choices of a viewer in an estate."""
        participants = estate.register.load().participants.values()
        first = estate.environment(None)
        environments = sorted(
            (each.name for each in estate.environments()), key=lambda name: name != first
        )
        return cls(
            [
                (each.id, f"{each.name} ({each.id})")
                for each in participants
                if viewer.sees(each.id)
            ],
            [(each.code, each.name) for each in estate.library.testing_services.values()],
            [(name, name) for name in environments],
        )


def purpose_text(library: Library, code: str) -> str:
    """A Testing Service as people read it: its name, and its code."""
    service = library.testing_services.get(code)
    return code if service is None else f"{service.name} ({code})"


def delivery(visit: Visit) -> Delivery:
    """The delivery of what is issued here (R6): remote, if others reach this machine."""
    return Delivery.LOCAL if visit.context.settings.is_local else Delivery.REMOTE
