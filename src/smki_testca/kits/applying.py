"""Brings a living estate to what a kit says: adds what is missing, renews what is due.

Everything but the certificates of Devices happens in one transaction, or nothing of it. Those of
Devices are a run, stored in that transaction and completed after it. Where that is interrupted, the
next application completes the run, if its kit asks for all that the run will still issue. Whatever
a run will still issue is not issued twice.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from smki_testca.clock import iso, later
from smki_testca.errors import AlreadySoError, InputError, Refusal
from smki_testca.estate.status import LIVING
from smki_testca.issuance.issuance import Issuance
from smki_testca.issuance.renewal import LISTED, Renewer
from smki_testca.kits.authorities import add_authorities
from smki_testca.kits.comparison import KitComparison, certificates, compare
from smki_testca.kits.faults import Faults
from smki_testca.kits.kit_issuance import complete, plan_devices
from smki_testca.kits.plan import (
    UNFINISHED,
    KitAddition,
    KitDifference,
    KitLeftover,
    KitPlan,
    KitRenewal,
    KitRun,
)
from smki_testca.kits.registering import RegisterSource, bring_in, differences, sources

if TYPE_CHECKING:
    from collections.abc import Callable

    from smki_testca.api import Estate
    from smki_testca.estate.certificates import Record
    from smki_testca.estate.runs import Run
    from smki_testca.issuance.issuance import Prepared
    from smki_testca.kits.kit import Kit

DEFAULT_PERIOD = timedelta(days=90)
"""The period before its end in which a certificate is due, unless another one is stated."""
_ACTION = "kit.apply"


@dataclass(frozen=True, slots=True)
class ApplyOptions:
    """The options with which a kit is applied.

    Attributes:
        within: a certificate that ends within this period is renewed.
        devices: the number of Devices of each type in each environment; None for the kit's number.
        dry_run: whether to plan only.

    Raises:
        InputError: for a period of less than nothing.
    """

    within: timedelta = DEFAULT_PERIOD
    devices: int | None = None
    dry_run: bool = False

    def __post_init__(self) -> None:
        if self.within < timedelta(0):
            raise InputError(
                "time.period", f"{self.within} is not a length of time.", "Use zero or more."
            )


def apply(
    estate: Estate,
    kit: Kit,
    options: ApplyOptions | None = None,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> KitPlan:
    """Bring an estate to what a kit says.

    Args:
        estate: a living estate.
        kit: the kit.
        options: the period in which certificates are due, and the number of Devices.
        progress: called with the number of certificates issued and the number of all, for the
            requests and for the Devices.

    Returns:
        What was done; of a dry run, what would be done.

    Raises:
        Refusal: with every reason of the gate against any of the certificates. Nothing is done
            then; the audit log records it.
        InputError: if the register with the kit's participants is inconsistent, or a request
            cannot be issued; nothing is done then.
        EstateError: if a worker died; applying the kit again goes on from there.
    """
    options = options or ApplyOptions()
    application = _Application(estate, kit, options, progress)
    try:
        with estate.transaction():
            plan = application.make()
            _take_back_if(options.dry_run)
    except _DryRunError:
        return plan
    except Refusal as refusal:
        if not options.dry_run:
            application.record_refusal(refusal)
        raise
    runs = [each.run for each in plan.resumed]
    for run in runs if plan.run is None else [*runs, plan.run]:
        with suppress(AlreadySoError):  # another application was quicker
            complete(estate, run, progress)
    return plan


class _DryRunError(Exception):
    """Takes back what a dry run made in order to check it."""


def _take_back_if(dry_run: bool) -> None:  # noqa: FBT001 - its name says it
    if dry_run:
        raise _DryRunError


class _Application:
    """One application of a kit."""

    def __init__(
        self,
        estate: Estate,
        kit: Kit,
        options: ApplyOptions,
        progress: Callable[[int, int], None],
    ) -> None:
        self._estate = estate
        self._kit = kit
        self._options = options
        self._progress = progress
        self._faults = Faults()
        self._issuance = Issuance(estate)

    def record_refusal(self, refusal: Refusal) -> None:
        """Record in the audit log why nothing was done."""
        reasons = [reason.as_json() for reason in refusal.reasons[:LISTED]]
        body = {"granted": False, "kit": self._kit.name, "reasons": reasons}
        with self._estate.transaction():
            self._estate.audit.append(self._estate.clock.now(), _ACTION, body)

    def make(self) -> KitPlan:
        """Do all of it but the tiles of the run, within the caller's transaction."""
        estate, kit = self._estate, self._kit
        before = later(estate.clock.now(), self._options.within)
        plan = KitPlan(kit.name, before, self._options.dry_run)
        self._add_authorities(plan)
        of_kit = sources(kit, estate.library, estate.clock)
        self._add_register(plan, of_kit)
        runs = [run for run in estate.runs.all() if run.is_unfinished]
        comparison = self._compare(plan, of_kit, runs)
        self._plan_runs(plan, comparison, runs)
        prepared = self._prepare(comparison)
        due = self._due(plan, comparison)
        devices = [pair for pair in comparison.missing if pair[0].is_device]
        run = plan_devices(estate, [device for device, _ in devices], self._faults)
        self._faults.check()
        self._commit(plan, prepared)
        self._renew(plan, due)
        if run.is_overtaken():  # what was just issued counts for the quotas, too
            run = plan_devices(estate, [device for device, _ in devices], self._faults)
            self._faults.check()
        plan.additions += (KitAddition.of_certificate(*pair) for pair in devices)
        plan.warnings |= run.warnings
        if run.ready() and not plan.dry_run:
            plan.run = run.store()
        if plan.does_something:
            body = {
                "granted": True,
                "kit": kit.name,
                "added": len(plan.additions),
                "renewed": len(plan.renewals),
                "run": plan.run,
            }
            estate.audit.append(estate.clock.now(), _ACTION, body)
        return plan

    def _plan_runs(self, plan: KitPlan, comparison: KitComparison, runs: list[Run]) -> None:
        """Plan for each run that is not complete whether it is resumed.

        Raises:
            Refusal: if the gate no longer allows one that is to be resumed.
        """
        if not runs:
            return
        from smki_testca.issuance.batch.reauthorisation import (  # noqa: PLC0415 - seldom needed
            Reauthorisation,
        )

        estate = self._estate
        own = {
            entry.body.get("run")
            for entry in estate.audit.entries_of(_ACTION)
            if entry.body.get("kit") == self._kit.name
        }
        left_by_run = Counter(run for _, run in comparison.unfinished)
        for run in runs:
            remaining = run.terms.count - run.issued
            resumed = run.id in own and left_by_run[run.id] == remaining
            if resumed:
                Reauthorisation(estate, run).check_if_due()
            if run.id in own or left_by_run[run.id]:
                plan.unfinished.append(
                    KitRun(run.id, run.state, remaining, left_by_run[run.id], resumed)
                )
        resumed_runs = {each.run for each in plan.resumed}
        plan.additions += (
            KitAddition.of_certificate(certificate, UNFINISHED)
            for certificate, run in comparison.unfinished
            if run in resumed_runs
        )

    def _add_authorities(self, plan: KitPlan) -> None:
        records = add_authorities(
            self._estate, self._kit, self._kit.hierarchies_of(self._estate.library)
        )
        plan.additions += map(KitAddition.of_authority, records)

    def _add_register(self, plan: KitPlan, of_kit: list[RegisterSource]) -> None:
        before = self._estate.register.load()
        today = self._estate.clock.now().date()
        for source in of_kit:
            plan.changed += differences(before, source, today)
            participants, agreements = bring_in(self._estate, source)
            plan.additions += map(KitAddition.of_participant, participants)
            plan.additions += map(KitAddition.of_agreement, agreements)

    def _compare(
        self, plan: KitPlan, of_kit: list[RegisterSource], runs: list[Run]
    ) -> KitComparison:
        kit_certificates = list(
            certificates(self._kit, self._estate.library, self._options.devices, self._faults)
        )
        holders = {each.participant: None for each in kit_certificates}
        holders |= {each.id: None for source in of_kit for each in source.participants}
        comparison = compare(self._estate, kit_certificates, sorted(holders), runs, plan.before)
        plan.leftovers = [KitLeftover(*each) for each in comparison.leftovers]
        plan.leftovers_not_listed = comparison.unlisted
        return comparison

    def _prepare(self, comparison: KitComparison) -> list[tuple[KitAddition, Prepared]]:
        """Prepare the missing certificates but those of Devices."""
        prepared = []
        for certificate, reason in comparison.missing:
            if certificate.is_device:
                continue
            with self._faults.collected_at(certificate.place, certificate.label):
                request = certificate.request(self._estate)
                issue = self._issuance.prepare(request, label=certificate.label)
                prepared.append((KitAddition.of_certificate(certificate, reason), issue))
        return prepared

    def _commit(self, plan: KitPlan, prepared: list[tuple[KitAddition, Prepared]]) -> None:
        for done, (addition, issue) in enumerate(prepared, 1):
            plan.warnings |= dict.fromkeys(issue.warnings)
            if plan.dry_run:
                plan.additions.append(addition)
                continue
            (record,) = self._issuance.commit_one(issue, "issue")
            plan.additions.append(addition.issued_as(record.serial))
            self._progress(done, len(prepared))

    def _due(self, plan: KitPlan, comparison: KitComparison) -> list[Record]:
        """The certificates to renew: those that are due, and whose keys the estate has."""
        estate = self._estate
        due = []
        for certificate, record in comparison.due:
            if estate.private_key(record) is None:
                plan.changed.append(
                    KitDifference(
                        "certificate",
                        str(record.serial),
                        "not_after",
                        iso(record.not_after),
                        f"after {iso(plan.before)}",
                        "Its private key is not in the estate. Sign a new CSR of its holder:"
                        " smki-testca sign FILE",
                    )
                )
                continue
            with self._faults.collected_at(certificate.place, certificate.label):
                self._issuance.authorise(certificate.request(estate))
                due.append(record)
        return due

    def _renew(self, plan: KitPlan, due: list[Record]) -> None:
        if not due:
            return
        ended = {each.serial for each in due if self._estate.status(each) not in LIVING}
        for renewal in Renewer(self._estate).renew_each(due):
            old = renewal.predecessor
            successor = None if plan.dry_run else renewal.record.serial
            plan.renewals.append(KitRenewal(old, old.serial in ended, successor))
            plan.warnings |= dict.fromkeys(renewal.warnings)
