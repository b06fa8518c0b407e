"""Issues the certificates of a kit: its requests one by one, and its Devices in one run."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from smki_testca.errors import EstateError, InputError, Refusal, is_of_token
from smki_testca.estate.terms import Secrets
from smki_testca.issuance.issuance import Issuance
from smki_testca.profiles.subject import Subject
from smki_testca.workers import DIED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from smki_testca.api import Estate
    from smki_testca.estate.certificates import Record
    from smki_testca.issuance.batch.planning import BatchPlan
    from smki_testca.issuance.batch.row_requests import RowRequest
    from smki_testca.kits.comparison import KitCertificate
    from smki_testca.kits.faults import Faults
    from smki_testca.kits.kit import Kit
    from smki_testca.kits.kit_requests import KitRequest

MAX_DEVICES = 100_000
"""The most Devices of one type in one environment."""


def issue(
    estate: Estate,
    kit: Kit,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
    *,
    selected: Callable[[KitRequest], bool] = lambda _request: True,
    warn: Callable[[Iterable[str]], None] = lambda _warnings: None,
) -> list[Record]:
    """Issue every request of a kit, all in one transaction.

    Args:
        estate: where the participants are registered.
        kit: what to issue.
        progress: called after each request with the number done and the number of all.
        selected: whether to make a request; all of them by default.
        warn: called with what the participants should read.

    Returns:
        The records of the certificates, in the kit's order.

    Raises:
        Refusal: if the gate refuses a request; those before it stay issued.
    """
    requests = [request for request in kit.requests if selected(request)]
    issued: list[Record] = []
    refused: Refusal | None = None
    issuance = Issuance(estate)
    with estate.transaction():
        for done, request in enumerate(requests, 1):
            try:
                records, warnings = _issue(estate, issuance, request)
            except Refusal as refusal:
                # The decision stays in the audit log, like those before it.
                refused = refusal
                break
            issued += records
            warn(warnings)
            progress(done, len(requests))
    if refused is not None:
        raise refused
    return issued


def _issue(
    estate: Estate, issuance: Issuance, kit_request: KitRequest
) -> tuple[list[Record], tuple[str, ...]]:
    profile = estate.library.end_entity_profile(kit_request.profile)
    request = estate.request(
        kit_request.participant,
        kit_request.purpose,
        Subject.parse(profile, kit_request.inputs, estate.library.roles),
        kit_request.usages,
        environment=kit_request.environment,
    )
    return issuance.issue(request, label=kit_request.label)


def issue_devices(
    estate: Estate,
    kit: Kit,
    count: int | None,
    seed: bytes | None,
    progress: Callable[[int, int], None],
    warn: Callable[[Iterable[str]], None],
) -> int | None:
    """Issue the Devices of a kit in one run.

    Args:
        estate: where the participants are registered.
        kit: the kit with the Devices.
        count: the number of each type in each environment; None for the kit's own number.
        seed: the seed of serials and keys; None for fresh ones.
        progress: called with the number of certificates issued and the number of all.
        warn: called with what the participants should read.

    Returns:
        The run's id; None if there are none to issue.

    Raises:
        Refusal: if the gate refuses one of them; nothing is issued then.
        InputError: if a profile's rows forbid one.
        EstateError: if a worker died.
    """
    from smki_testca.issuance.batch.planning import BatchPlan, begin  # noqa: PLC0415 - seldom needed

    def planned() -> BatchPlan:
        plan = BatchPlan(estate, "manifest", None, Secrets.of_run(seed))
        rows = _row_requests(estate, kit, count)
        plan.add_all(takewhile(lambda _: not plan.problems, rows))
        return plan

    def store(plan: BatchPlan) -> int | None:
        if plan.problems:
            plan.record(None)
            return None
        return plan.store() if plan.ready() else None

    plan, run = begin(estate, planned, store)
    if plan.problems:
        raise plan.problems[0].error
    warn(plan.warnings)
    if run is not None:
        try:
            complete(estate, run, progress)
        except EstateError as error:
            if is_of_token(error):
                # Makers of kits remove what there is, so that the run cannot be resumed.
                raise (error.__cause__ or error) from None
            if error.code != DIED:
                raise
            raise EstateError(
                DIED,
                "A worker process ended unexpectedly; the Devices of the kit are not all made.",
                "Make it again from the start.",
            ) from error
    return run


def complete(estate: Estate, run: int, progress: Callable[[int, int], None]) -> None:
    """Complete a run of Devices.

    Raises:
        Refusal: if the gate consents no longer.
        EstateError: if a worker died; the run can be resumed.
    """
    from smki_testca.issuance.batch.engines import LocalEngine  # noqa: PLC0415 - seldom needed
    from smki_testca.issuance.batch.running import resume  # noqa: PLC0415 - as above

    many = estate.runs.get(run).terms.count > _ONE_WORKER
    resume(estate, run, LocalEngine(None if many else 1), progress)


def plan_devices(estate: Estate, devices: Sequence[KitCertificate], faults: Faults) -> BatchPlan:
    """Plan a run of some of a kit's Devices.

    Args:
        estate: where the participants are registered.
        devices: the certificates to issue.
        faults: gets what cannot be issued, with its place in the kit.
    """
    from smki_testca.issuance.batch.planning import BatchPlan  # noqa: PLC0415 - seldom needed
    from smki_testca.issuance.batch.row_requests import RowRequest  # noqa: PLC0415 - as above

    plan = BatchPlan(estate, "manifest", None, Secrets.of_run(None))
    plan.add_all(
        RowRequest(line, device.request(estate), None, device.label)
        for line, device in enumerate(devices, 1)
    )
    plan.close()
    for problem in plan.problems:
        device = devices[problem.line - 1]
        faults.add_at(problem.error, device.place, device.label)
    return plan


def check_count(count: int | None) -> int | None:
    """Check that a number of Devices can be asked for, and return it.

    Raises:
        InputError: if it is negative, or too large.
    """
    if count is not None and not 0 <= count <= MAX_DEVICES:
        raise InputError(
            "kit.devices", f"{count} Devices cannot be made. Ask for 0 to {MAX_DEVICES}."
        )
    return count


_ONE_WORKER = 2_000
"""The most certificates of a run with one worker: it issues them before several could start."""


def _row_requests(estate: Estate, kit: Kit, count: int | None) -> Iterator[RowRequest]:
    from smki_testca.issuance.batch.row_requests import RowRequest  # noqa: PLC0415 - as above

    for line, (devices, device) in enumerate(kit.device_certificates(count), 1):
        request = estate.request(
            devices.participant,
            devices.purpose,
            devices.subject.with_identifier(device.device_id),
            () if device.usage is None else (device.usage,),
            environment=device.environment,
        )
        yield RowRequest(line, request, None, device.label)
