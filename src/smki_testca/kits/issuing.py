"""Issues what a kit holds: request by request, and Devices by the number in one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.errors import InputError, Refusal
from smki_testca.estate.terms import Secrets
from smki_testca.issuance.issuance import Issuance
from smki_testca.profiles.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from smki_testca.api import Estate
    from smki_testca.estate.certificates import Record
    from smki_testca.issuance.batch.row_requests import RowRequest
    from smki_testca.kits.kit import Kit, KitRequest

MAX_DEVICES = 100_000
"""The most Devices of one type in one environment."""


def issue(
    estate: Estate,
    kit: Kit,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
    *,
    wanted: Callable[[KitRequest], bool] = lambda _request: True,
) -> list[Record]:
    """Issue every request of a kit, all in one transaction.

    Args:
        estate: where the participants are registered.
        kit: what to issue.
        progress: told after each request how many of how many are done.
        wanted: tells the requests to make; all of them by default.

    Returns:
        What was issued, in the kit's order.

    Raises:
        Refusal: if the gate refuses a request; those before it stay issued.
    """
    requests = [one for one in kit.requests if wanted(one)]
    issued: list[Record] = []
    refused: Refusal | None = None
    issuance = Issuance(estate)
    with estate.transaction():
        for done, one in enumerate(requests, 1):
            try:
                issued += _issue(estate, issuance, one)
            except Refusal as refusal:
                # The decision stays in the audit log, like those before it.
                refused = refusal
                break
            progress(done, len(requests))
    if refused is not None:
        raise refused
    return issued


def _issue(estate: Estate, issuance: Issuance, one: KitRequest) -> list[Record]:
    profile = estate.library.end_entity_profile(one.profile)
    request = estate.request(
        one.participant,
        one.purpose,
        Subject.parse(profile, one.inputs, estate.library.roles),
        one.usages,
        environment=one.environment,
    )
    return issuance.issue(request, label=one.label)[0]


def issue_devices(
    estate: Estate,
    kit: Kit,
    count: int | None,
    seed: bytes | None,
    progress: Callable[[int, int], None],
) -> int | None:
    """Issue the Devices of a kit in one run, which is planned in one transaction.

    Args:
        estate: where the participants are registered.
        kit: whose Devices.
        count: how many of each type in each environment; None for as many as the kit says.
        seed: serials and keys are derived from it; None for fresh ones.
        progress: told how many certificates of how many are issued.

    Returns:
        The run's id; None where there are none to issue.

    Raises:
        Refusal: if the gate refuses one of them; nothing is issued then.
        InputError: if a profile's rows forbid one.
    """
    from smki_testca.issuance.batch.engines import LocalEngine  # noqa: PLC0415 - seldom needed
    from smki_testca.issuance.batch.planning import Plan  # noqa: PLC0415 - as above
    from smki_testca.issuance.batch.running import resume  # noqa: PLC0415 - as above

    with estate.transaction():
        plan = Plan(estate, "manifest", None, Secrets.of_run(seed))
        for one in _wanted(estate, kit, count):
            plan.add(one)
            if plan.problems:
                break
        run = None
        if plan.problems:
            plan.record(None)
        elif plan.ready():
            run = plan.store()
    if plan.problems:
        raise plan.problems[0].error
    if run is not None:
        total = plan.count
        resume(estate, run, LocalEngine(None if total > _ALONE else 1), progress)
    return run


def check_count(count: int | None) -> int | None:
    """See that a number of Devices is one that can be asked for.

    Raises:
        InputError: if it is negative, or too large.
    """
    if count is not None and not 0 <= count <= MAX_DEVICES:
        raise InputError(
            "kit.devices", f"{count} Devices cannot be made. Ask for 0 to {MAX_DEVICES}."
        )
    return count


_ALONE = 2_000
"""The number of certificates that one worker issues before several would have started."""


def _wanted(estate: Estate, kit: Kit, count: int | None) -> Iterator[RowRequest]:
    from smki_testca.issuance.batch.row_requests import RowRequest  # noqa: PLC0415 - as above

    for line, (devices, one) in enumerate(kit.device_certificates(count), 1):
        request = estate.request(
            devices.participant,
            devices.purpose,
            devices.subject.with_identifier(one.device_id),
            () if one.usage is None else (one.usage,),
            environment=one.environment,
        )
        yield RowRequest(line, request, one.usage, None, one.label)
