"""Begins the run that signs a batch of CSRs, and makes the response once it is done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from smki_testca.authority.csr import OF_ZIP, TakenAs
from smki_testca.collector import without_collector
from smki_testca.errors import InputError
from smki_testca.estate.runs import State
from smki_testca.estate.terms import Secrets
from smki_testca.issuance.batch import csr_reader, portal
from smki_testca.issuance.batch.existing import Existing
from smki_testca.issuance.batch.outcome import BatchOutcome
from smki_testca.issuance.batch.planning import BatchPlan, begin
from smki_testca.register.requests import Delivery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from smki_testca.authority.csr import Remedies
    from smki_testca.errors import SmkiTestcaError
    from smki_testca.estate.runs import Run
    from smki_testca.estate.stores import Stores
    from smki_testca.issuance.batch.csr_sources import CsrSource


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningOptions:
    """The options with which a batch of CSRs is signed.

    Attributes:
        participant: who asks: its id in the register.
        purpose: the code of a Testing Service.
        environment: the test environment; the estate's first by default.
        taken_as: ``portal`` to refuse what SEC App. M does not list, ``test-ca`` to drop what no
            certificate takes from a CSR.
        delivery: how the certificates reach their holders (R6).
        devices_only: whether CSRs for certificates of others than Devices are refused.
        skip_existing: whether Devices are left out that have a certificate in use.
        dry_run: whether to say what would be signed, and change nothing.
    """

    participant: str
    purpose: str
    environment: str | None = None
    taken_as: str = TakenAs.PORTAL
    delivery: Delivery = Delivery.LOCAL
    devices_only: bool = False
    skip_existing: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class SignedBatch:
    """The outcome of a batch of CSRs.

    Attributes:
        outcome: of the batch; its lines are the places of CSRs, from 1.
        names: of the CSRs, in order.
        report: what the response says of each CSR.
        issued: the certificates, DER, by the places of their CSRs; none before the run is done,
            and for a dry run.
    """

    outcome: BatchOutcome
    names: tuple[str, ...]
    report: portal.PortalReport
    issued: Mapping[int, bytes] = field(default_factory=dict)

    @property
    def certificates(self) -> dict[str, bytes]:
        """The certificates, DER, by the names of their CSRs."""
        return {self.names[number - 1]: der for number, der in self.issued.items()}

    @property
    def refused(self) -> dict[str, SmkiTestcaError]:
        """The errors of the others, by the names of their CSRs."""
        return {self.names[each.line - 1]: each.error for each in self.outcome.problems}

    @property
    def signed(self) -> set[int]:
        """The places of the CSRs that are signed, or would be."""
        outcome = self.outcome
        left_out = {*outcome.skipped, *(problem.line for problem in outcome.problems)}
        return set(range(1, len(self.names) + 1)) - left_out

    def response(self) -> bytes:
        """The response in the Portal's form (SEC App. M F): a ZIP of a report and certificates."""
        return portal.response(self.report, self.issued)


def _nothing(_run: int | None, _report: portal.PortalReport) -> None:
    pass


def begin_signing(
    estate: Stores,
    source: CsrSource,
    options: SigningOptions,
    *,
    workers: int,
    watch: Callable[[Iterable[Any]], Iterable[Any]] = iter,
    on_store: Callable[[int | None, portal.PortalReport], None] = _nothing,
    remedies: Remedies = OF_ZIP,
    on_cluster: bool = False,
) -> SignedBatch:
    """Plan a batch of CSRs and store the run that will sign them.

    Args:
        estate: that will issue.
        source: of the CSRs.
        options: of the batch.
        workers: the number of processes that read CSRs.
        watch: yields the CSRs that it is given, and may show how many there were.
        on_store: called in the transaction that stores the run, with its id, or None if no CSR
            can be signed, and the report. What it raises takes the run back.
        remedies: what can be done about a CSR that cannot be used.
        on_cluster: whether other machines will make the certificates.

    Returns:
        What will be signed and what will not. The run has made no certificate yet.

    Raises:
        ValueError: for another ``taken_as``.
        InputError: if the batch as a whole is refused.
        EstateError: if a process died, others change the estate time and again meanwhile, or a
            token that is needed cannot be used.
    """
    name, members = portal.request_name(source.path), source.members
    cells = {
        "participant": options.participant,
        "purpose": options.purpose,
        "delivery": Delivery(options.delivery).value,
    }
    if options.environment is not None:
        cells["environment"] = options.environment
    existing = Existing.SKIP if options.skip_existing else Existing.AGAIN
    taken_as, secrets = TakenAs(options.taken_as), Secrets.of_run(None)

    def planned() -> BatchPlan:
        plan = BatchPlan(
            estate, "requests", None, secrets, existing=existing, on_cluster=on_cluster
        )
        reader = csr_reader.Reader(source, estate.library, taken_as, remedies)
        rows = csr_reader.row_requests(
            estate, reader, members, cells, workers, devices_only=options.devices_only
        )
        plan.add_all(watch(rows))
        return plan

    def report_of(plan: BatchPlan) -> portal.PortalReport:
        # What is skipped has a certificate already, and none in the response.
        skipped = set(plan.skipped)
        answered = [member for member in members if member.number not in skipped]
        return portal.PortalReport.of(name, answered, plan.problems, plan.remarks)

    def store(plan: BatchPlan) -> int | None:
        report = report_of(plan)
        if not plan.ready():
            plan.record(None)
            on_store(None, report)
            return None
        run = plan.store()
        estate.runs.keep_report(run, msgspec.msgpack.encode(report))
        on_store(run, report)
        return run

    run: int | None = None
    with without_collector():
        if options.dry_run:
            plan = planned()
            plan.close()
        else:
            plan, run = begin(estate, planned, store)
    stored_run = None if run is None else estate.runs.get(run)
    return SignedBatch(
        BatchOutcome.of(plan, stored_run, is_issued=plan.ready()),
        tuple(member.name for member in members),
        report_of(plan),
    )


def stored_response(estate: Stores, run: Run) -> tuple[bytes, int]:
    """The response of a run that signed a batch of CSRs, and the number of certificates in it.

    Raises:
        InputError: if the run is not done, or of another source.
    """
    encoded_report = estate.runs.report(run.id)
    if encoded_report is None or run.state is not State.DONE:
        raise InputError(
            "batch.no_response",
            f"Run {run.id} has no response: it is {run.state}, and its source is"
            f" {run.terms.source}.",
            "Only a run of a ZIP of CSRs that is done has one.",
        )
    issued = dict(estate.run_certificates.numbered(run))
    report = msgspec.msgpack.decode(encoded_report, type=portal.PortalReport)
    return portal.response(report, issued), len(issued)
