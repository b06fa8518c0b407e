"""Ends handshakes badly, where the plan chooses it: there is no request yet, and no path."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from smki_testca.service.misbehaviour.recording import record

if TYPE_CHECKING:
    from smki_testca.service.context import Context
    from smki_testca.service.tls import AlertingSSLObject, ServerContext


def install_handshakes(listening: ServerContext, context: Context, service: str) -> None:
    """Make the handshakes of a listener misbehave where the plan says so.

    Args:
        listening: the TLS context of the listener.
        context: the running services.
        service: one of ``modes.SERVICES``.
    """
    recordings: set[asyncio.Task[bool]] = set()

    def choose(connection: AlertingSSLObject) -> int | None:
        """The alert that answers a ClientHello, if it is one; other modes are set up."""
        state = context.misbehaviour.choose(service, None)
        if state is None:
            return None
        # A handshake cannot wait for the disk: the entry is written meanwhile.
        recording = asyncio.get_running_loop().create_task(
            record(context, state, service, connection.address)
        )
        recordings.add(recording)
        recording.add_done_callback(recordings.discard)
        mode = state.rule.mode
        if mode.alert is None:
            listening.present(connection, mode.name)
            return None
        connection.purpose = f"misbehaviour {mode}"
        if mode.alert.is_early:
            return mode.alert.number
        connection.alert = mode.alert.number
        return None

    listening.on_hello = choose
