"""Kits: sets of certificates made together from a data file, each request through the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.register.requests import subject

if TYPE_CHECKING:
    from collections.abc import Callable

    from smki_testca.estate import Estate
    from smki_testca.estate.certificates import Record
    from smki_testca.profiles.model import Kit


def issue(
    estate: Estate, kit: Kit, progress: Callable[[int, int], None] = lambda _done, _of: None
) -> list[Record]:
    """Issue everything in a kit, one transaction for each request.

    Args:
        estate: where the participants are registered.
        kit: what to issue.
        progress: told after each request how many of how many are done.

    Returns:
        What was issued, in the kit's order.

    Raises:
        Refusal: if the gate refuses a request; those before it stay issued.
    """
    issued: list[Record] = []
    for done, one in enumerate(kit.requests, 1):
        request = estate.request(
            one.participant,
            one.purpose,
            subject(one.profile, one.inputs, estate.library.roles),
            one.usages,
        )
        records, _ = estate.issue(request, label=one.label)
        issued += records
        progress(done, len(kit.requests))
    return issued
