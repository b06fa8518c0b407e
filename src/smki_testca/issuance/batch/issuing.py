"""Begins the run of a batch: plans its rows, asks the gate, and stores what can be issued."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from smki_testca.entropy import check_seed
from smki_testca.errors import InputError
from smki_testca.estate.terms import Secrets
from smki_testca.issuance.batch.existing import Existing
from smki_testca.issuance.batch.outcome import BatchOutcome
from smki_testca.issuance.batch.planning import BatchPlan, begin
from smki_testca.labels import LabelTemplate

if TYPE_CHECKING:
    from smki_testca.estate.stores import Stores
    from smki_testca.issuance.batch.row_sources import RowSource


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOptions:
    """The options with which a batch is issued.

    Attributes:
        label: for certificates whose row has none, or a template such as ``meter-{id}-{usage}``.
        seed: the seed of serials and private keys, 8 to 64 octets; None for fresh ones.
        existing: what is done where a Device has a certificate in use already; of rows, also where
            the manifest was issued before, or a row comes twice.
        all_or_nothing: whether nothing is issued where one row is wrong.
        dry_run: whether to say what would be issued, and change nothing.

    Raises:
        InputError: for a seed of another length.
    """

    label: str | None = None
    seed: bytes | None = None
    existing: Existing = Existing.REFUSE
    all_or_nothing: bool = False
    dry_run: bool = False

    def __post_init__(self) -> None:
        check_seed(self.seed)
        # From programs without type checks, the name of a member is welcome, too.
        object.__setattr__(self, "existing", Existing(self.existing))


def begin_batch(
    estate: Stores, source: RowSource, options: BatchOptions, *, on_cluster: bool = False
) -> BatchOutcome:
    """Plan a batch and store the run that will issue it.

    Args:
        estate: that will issue.
        source: of the rows.
        options: of the batch.
        on_cluster: whether other machines will make the certificates.

    Returns:
        What will be issued and what will not. The run has made no certificate yet.

    Raises:
        Refusal: if the gate refuses a range; the audit log records it.
        InputError: if the batch as a whole cannot be issued.
        UsageError: for a seed, if the key of a CA is in a token.
        EstateError: if others change the estate time and again meanwhile, or a token that is
            needed cannot be used.
    """
    secrets = Secrets.of_run(options.seed)
    label = LabelTemplate.of(options.label)

    def planned() -> BatchPlan:
        manifest = source.manifest_id()
        plan = BatchPlan(
            estate,
            source.name,
            label,
            secrets,
            existing=options.existing,
            manifest=manifest,
            on_cluster=on_cluster,
        )
        source.add_to(plan)
        return plan

    def is_issued(plan: BatchPlan) -> bool:
        return plan.ready() and not (plan.problems and options.all_or_nothing)

    def store(plan: BatchPlan) -> int | None:
        if is_issued(plan):
            return plan.store()
        plan.record(None)
        return None

    run: int | None = None
    if options.dry_run:
        plan = planned()
        plan.close()
        plan.check_seed()
    else:
        plan, run = begin(estate, planned, store)
    if plan.is_range and plan.problems:
        raise plan.problems[0].error
    if not (plan.ready() or plan.problems or plan.skipped_count):
        raise InputError("manifest.empty", "The manifest has no rows.")
    stored_run = None if run is None else estate.runs.get(run)
    return BatchOutcome.of(plan, stored_run, is_issued=is_issued(plan))
