"""Writes misbehaviour into the audit log, so that nobody takes it for a fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smki_testca.errors import SmkiTestcaError
from smki_testca.service.callers import peer_of

if TYPE_CHECKING:
    from smki_testca.api import Estate
    from smki_testca.service.context import Context
    from smki_testca.service.misbehaviour.rule_plan import RuleState

ACTION = "service.misbehaviour"
_MOST_OF_PATH = 200
"""The most characters of a path that are recorded."""


async def record(
    context: Context,
    state: RuleState,
    service: str,
    address: str,
    *,
    path: str | None = None,
    certificate: bytes | None = None,
) -> bool:
    """Write an entry into the audit log.

    Args:
        context: the running services.
        state: the rule, and how often it was followed.
        service: that misbehaves.
        address: of the client.
        path: of the request; None for a handshake of TLS.
        certificate: of the client, DER; None if it presented none.

    Returns:
        Whether it was written; if not, the operator reads why.
    """
    body: dict[str, Any] = {
        "rule": str(state.rule),
        "mode": str(state.rule.mode),
        "number": state.number,
        "done": state.done,
        "service": service,
    }
    if path is not None:
        body["path"] = path[:_MOST_OF_PATH]

    def write(estate: Estate) -> None:
        entry = body | {"peer": peer_of(estate, certificate, address)}
        with estate.transaction():
            estate.audit.append(estate.clock.now(), ACTION, entry)

    try:
        await context.desk.write(write)
    except SmkiTestcaError as error:
        context.tell(f"error: {error.message}")
        return False
    return True
