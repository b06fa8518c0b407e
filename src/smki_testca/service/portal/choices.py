"""What a form offers to choose from: participants, purposes, environments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smki_testca.api import Estate
    from smki_testca.service.portal.viewer import Viewer

Options = list[tuple[str, str]]
"""Pairs of a value and its text."""


@dataclass(frozen=True, slots=True)
class RequestChoices:
    """What a request for a certificate names.

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
        """What a viewer may choose in an estate."""
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
