"""The running services, as each listener's application knows them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable

    from smki_testca.clock import Clock
    from smki_testca.profiles import Library
    from smki_testca.service.desk import Desk
    from smki_testca.service.estate_access import EstateAccess
    from smki_testca.service.misbehaviour.rule_plan import Plan
    from smki_testca.service.settings import Listener, Settings


@dataclass(frozen=True, slots=True)
class Context:
    """The running services.

    Attributes:
        settings: what was asked for.
        desk: does the work on the estate.
        library: the profiles, hierarchies, roles and interfaces.
        clock: tells the time.
        access: opens the estate, in another process for example.
        build: the version of this program, as Appendix M's answers state it.
        misbehaviour: which requests are answered badly on purpose.
        tell: called with a line that the operator should see.
        addresses: the URL of each listener that answers, without a slash at its end.
        served: the services by name, as ``serve --json`` prints them, once all of them answer.
        submitted: set by whoever stored a batch of CSRs: it is looked at then.
    """

    settings: Settings
    desk: Desk
    library: Library
    clock: Clock
    access: EstateAccess
    build: str
    misbehaviour: Plan
    tell: Callable[[str], None]
    addresses: dict[Listener, str] = field(default_factory=dict)
    served: dict[str, dict[str, Any]] = field(default_factory=dict)
    submitted: asyncio.Event = field(default_factory=asyncio.Event)


CONTEXT = web.AppKey("context", Context)
"""The key under which an application keeps the context."""
