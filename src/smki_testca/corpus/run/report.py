"""The report of a run: what came of each case, and whether the run fails."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import msgspec

from smki_testca.corpus.defect import Importance, Level, Need, Stage, Verdict
from smki_testca.corpus.run.documents import CaseId  # noqa: TC001 - so it does here
from smki_testca.corpus.run.outcomes import CaseOutcome, judge
from smki_testca.corpus.run.target_answers import Behaviour  # noqa: TC001 - msgspec reads annotations
from smki_testca.errors import InputError
from smki_testca.input_files import read_regular
from smki_testca.roles import Basis
from smki_testca.text import plain
from smki_testca.text_files import utf8

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from smki_testca.corpus.run.asking import RunAnswers
    from smki_testca.corpus.run.expectations import Expectations
    from smki_testca.corpus.run.loaded_corpus import LoadedCase, LoadedCorpus

MAX_REPORT_OCTETS = 256 << 20
"""The longest report that is read."""
WRONG = frozenset({CaseOutcome.WRONG, CaseOutcome.WRONG_FACTS})
"""Outcomes that fail a run."""
REMARKABLE = frozenset({CaseOutcome.RIGHT_LATE, CaseOutcome.RIGHT_WRONG_REASON})
"""Outcomes that fail a strict run, too."""
UNASKED = frozenset({CaseOutcome.VACUOUS, CaseOutcome.NOT_APPLICABLE})
"""Outcomes of cases that the target was not asked."""
_LEAST_FIRST = list(Importance)


@dataclass(frozen=True, kw_only=True)
class CaseResult:
    """The result of a case; its texts are safe to print, wherever they come from.

    Attributes:
        id: of the case.
        title: of the case.
        profile: of the case.
        stage: the step that must refuse it.
        importance: how much it matters.
        expected: what the target must do.
        outcome: what came of it.
        seen: what the target did; None where it was not asked.
        said_stage: the step that refused, by the target's word.
        code: the target's own code for the reason.
        reason: the target's own words.
        facts: what the target read.
        seconds: how long it took.
        note: why, where the outcome does not say.
        known: the reason that the expectations give.
        stale: whether the expectations have it, and it came right.
        failed: whether it fails the run.
        why: what goes wrong in the field if a parser gets it wrong.
        basis: how well it is known what the target must do; None where the corpus does not say.
    """

    id: CaseId
    title: str
    profile: str
    stage: Stage
    importance: Importance
    expected: Verdict
    outcome: CaseOutcome
    seen: Behaviour | None = None
    said_stage: Stage | None = None
    code: str = ""
    reason: str = ""
    facts: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    note: str = ""
    known: str = ""
    stale: bool = False
    failed: bool = False
    why: str = ""
    basis: Basis | None = None

    def __post_init__(self) -> None:
        facts = {plain(name): plain(value) for name, value in self.facts.items()}
        object.__setattr__(self, "facts", facts)
        _make_plain(self, "title", "profile", "code", "reason", "note", "known", "why")

    @property
    def is_wrong(self) -> bool:
        """Whether the target got it wrong, and nobody expects that."""
        return self.outcome in WRONG

    @property
    def demand(self) -> str:
        """The verdict that the target must reach, marked where it is assumed."""
        return self.expected.value + (" (assumed)" if self.basis is Basis.ASSUMED else "")

    @property
    def words(self) -> str:
        """The behaviour and words of the target, on one line."""
        seen = "not asked" if self.seen is None else self.seen.value
        details = ", ".join(filter(None, (self.said_stage and self.said_stage.value, self.code)))
        more = "; ".join(filter(None, (self.note, self.reason)))
        return f"{seen}{f' ({details})' if details else ''}{f': {more}' if more else ''}"


@dataclass(frozen=True)
class OutcomeDifference:
    """A case whose outcome is not that of an earlier run.

    Attributes:
        id: of the case.
        before: its outcome then; None if it was not there.
        after: its outcome now; None if it is not there.
    """

    id: CaseId
    before: CaseOutcome | None
    after: CaseOutcome | None


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """The report of a run.

    Attributes:
        target: as ``--with`` names it.
        name: as the target or the user names it.
        capabilities: what the target can do.
        corpus: the digest of the corpus.
        level: against which rules the target was judged.
        fail_on: the least importance of a wrong case that fails the run.
        strict: whether refusing late, or for another reason, fails the run, too.
        cases: what came of each, in the order of the corpus.
        differences: to an earlier run.
    """

    target: str
    name: str
    capabilities: tuple[Need, ...]
    corpus: str
    level: Level
    fail_on: Importance
    strict: bool
    cases: tuple[CaseResult, ...]
    differences: tuple[OutcomeDifference, ...] = ()

    def __post_init__(self) -> None:
        _make_plain(self, "target", "name", "corpus")

    @property
    def failed(self) -> bool:
        """Whether the run fails."""
        return any(result.failed for result in self.cases)

    @property
    def title(self) -> str:
        """The name of the target in a report."""
        return self.name or self.target

    def summary(self) -> dict[CaseOutcome, int]:
        """The number of cases by outcome, none left out."""
        counted = Counter(result.outcome for result in self.cases)
        return {outcome: counted[outcome] for outcome in CaseOutcome}

    def as_json(self) -> dict[str, Any]:
        """The report as a JSON object: its attributes, ``summary`` and ``failed``."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        cases = document.pop("cases")
        summary = {outcome.value: count for outcome, count in self.summary().items()}
        return {**document, "summary": summary, "failed": self.failed, "cases": cases}

    def check_level(self, level: Level) -> None:
        """Check that a run of a level can be reported as what differs from this report.

        Raises:
            InputError: if this is of another level.
        """
        if self.level is not level:
            raise InputError(
                "corpus.report",
                f"The last report is of the level {self.level}, and this run of {level}.",
                "Name a report of the same level with --last.",
            )

    def since(self, before: RunReport) -> RunReport:
        """The same report with what differs from an earlier one.

        Raises:
            InputError: if that is of another level.
        """
        before.check_level(self.level)
        old = {result.id: result.outcome for result in before.cases}
        new = {result.id: result.outcome for result in self.cases}
        return replace(
            self,
            differences=tuple(
                OutcomeDifference(case, old.get(case), new.get(case))
                for case in dict.fromkeys((*new, *old))
                if old.get(case) is not new.get(case)
            ),
        )


@dataclass(frozen=True)
class ReportTerms:
    """By what a run is judged.

    Attributes:
        level: against which rules.
        fail_on: the least importance of a wrong case that fails the run.
        strict: whether refusing late, or for another reason, fails the run, too.
        expectations: what the target is known to get wrong.
    """

    level: Level
    fail_on: Importance
    strict: bool
    expectations: Expectations


def report(
    corpus: LoadedCorpus,
    cases: Iterable[LoadedCase],
    target: tuple[str, str],
    run_answers: RunAnswers,
    terms: ReportTerms,
) -> RunReport:
    """The report of a run.

    Args:
        corpus: that was run.
        cases: those that were selected.
        target: as ``--with`` names it, and what to call it.
        run_answers: what the target answered.
        terms: by what it is judged.
    """
    return RunReport(
        target=target[0],
        name=target[1] or run_answers.hello.name,
        capabilities=tuple(sorted(run_answers.hello.capabilities)),
        corpus=corpus.digest,
        level=terms.level,
        fail_on=terms.fail_on,
        strict=terms.strict,
        cases=tuple(_result(case, run_answers, terms) for case in cases),
    )


def read_report(path: Path) -> RunReport:
    """Read a report that a run wrote as JSON.

    Raises:
        InputError: if it cannot be read, or is none.
    """
    data = read_regular(path, MAX_REPORT_OCTETS)
    try:
        saved = msgspec.json.decode(utf8(data), type=RunReport)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _no_report(path, str(error)) from error
    ids = Counter(result.id for result in saved.cases)
    for result in saved.cases:
        if ids[result.id] > 1:
            raise _no_report(path, f"it has {result.id} {ids[result.id]} times")
        if (result.seen is None) is not (result.outcome in UNASKED):
            behaviour = "nothing" if result.seen is None else result.seen.value
            raise _no_report(
                path, f"of {result.id}, {result.outcome} does not go with {behaviour} seen"
            )
    return saved


def _no_report(path: Path, cause: str) -> InputError:
    return InputError(
        "corpus.report",
        f"{path} is not a report of a run: {cause}.",
        "Name a file that corpus run wrote with --save or --json.",
    )


def _make_plain(struct: CaseResult | RunReport, *names: str) -> None:
    """Put some texts of a new value on one line each, control characters escaped."""
    for name in names:
        object.__setattr__(struct, name, plain(getattr(struct, name)))


def _result(case: LoadedCase, run_answers: RunAnswers, terms: ReportTerms) -> CaseResult:
    result = CaseResult(
        id=case.id,
        title=case.title,
        profile=case.profile,
        stage=case.stage,
        importance=case.importance,
        expected=case.verdicts[terms.level],
        basis=case.bases[terms.level],
        outcome=CaseOutcome.NOT_APPLICABLE,
        why=case.why,
    )
    unasked = run_answers.unasked.get(case.id)
    if unasked is not None:
        return replace(result, outcome=unasked.outcome, note=unasked.note)
    answer = run_answers.answers[case.id]
    judgement = judge(case, answer, terms.level)
    result = replace(
        result,
        outcome=judgement.outcome,
        importance=Importance.CRITICAL if judgement.is_dangerous else case.importance,
        seen=answer.seen,
        said_stage=answer.stage,
        code=answer.code,
        reason=answer.reason,
        facts=dict(answer.facts),
        seconds=round(answer.seconds, 4),
        note=judgement.note,
    )
    return _with_expectation(result, terms)


def _with_expectation(result: CaseResult, terms: ReportTerms) -> CaseResult:
    known = terms.expectations.known.get(result.id)
    if known is not None and result.outcome not in WRONG:
        note = "; ".join(filter(None, (result.note, "it is right, and expected to be wrong")))
        return replace(result, stale=True, note=note, failed=True)
    if known is not None and known.seen is result.seen:
        return replace(result, outcome=CaseOutcome.KNOWN, known=known.reason)
    if known is not None:
        note = "; ".join(filter(None, (result.note, f"it is expected to be {known.seen}")))
        result = replace(result, note=note)
    failing = WRONG | REMARKABLE if terms.strict else WRONG
    matters = _LEAST_FIRST.index(result.importance) >= _LEAST_FIRST.index(terms.fail_on)
    return replace(result, failed=result.outcome in failing and matters)
