"""Asks a target every case: good bases first, and a good case again after a crash or a hang."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Level
from smki_testca.corpus.run.outcomes import CaseJudgement, CaseOutcome, is_taken
from smki_testca.corpus.run.resetting import Reset
from smki_testca.corpus.run.target_answers import LOST
from smki_testca.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from smki_testca.corpus.defect import Need
    from smki_testca.corpus.run.journal import Journal
    from smki_testca.corpus.run.loaded_corpus import LoadedCase
    from smki_testca.corpus.run.target_answers import Hello, TargetAnswer
    from smki_testca.corpus.run.targets.target import ParserTarget

MOST_LOST = 3
"""After so many crashes and hangs in a row, those of good cases asked again included, a run stops.
"""


@dataclass(frozen=True)
class RunSettings:
    """The settings of a run: how it asks.

    Attributes:
        level: against which rules the target is judged.
        seconds: how long an answer may take.
        jobs: how many cases are asked at a time.
        reset: a command that resets the target after a crash or a hang; empty for none.
        capabilities: what the target can do; None for what it says itself.
    """

    level: Level = Level.RFC5280
    seconds: float = 10.0
    jobs: int = 1
    reset: str = ""
    capabilities: frozenset[Need] | None = None


@dataclass
class RunAnswers:
    """The answers of a target, and the cases that it was not asked, with the reason.

    Attributes:
        hello: what the target said of itself.
        answers: by case.
        unasked: by case.
    """

    hello: Hello
    answers: Mapping[str, TargetAnswer]
    unasked: dict[str, CaseJudgement] = field(default_factory=dict)


def ask_all(
    target: ParserTarget,
    cases: Sequence[LoadedCase],
    settings: RunSettings,
    journal: Journal,
    progress: Callable[[int, int | None], None] = lambda _done, _total: None,
    *,
    ids: frozenset[str] = frozenset(),
) -> RunAnswers:
    """Ask a target every case that the journal has no answer of.

    Bases come first. A case whose base is not taken is not asked: refusing it would prove nothing.

    Args:
        target: the parser; it is open only while this lasts.
        cases: with the bases of all of them, in any order.
        settings: how to ask.
        journal: it gets every answer when it comes.
        progress: told how many cases are done, of how many.
        ids: of every case of the corpus, for a target that brings its answers; empty to take any.

    Raises:
        InputError: if the target cannot be started, breaks the protocol, or is lost; if the
            command that resets it is none, or fails; if there is no case that it can be asked.
    """
    revival = Revival(target, settings)
    try:
        hello = target.open(settings.seconds, settings.capabilities)
        strange = sorted((hello.only or frozenset()) - ids)
        if ids and strange:
            raise _unknown(strange[0])
        run_answers = RunAnswers(hello, journal.answers)
        for case in cases:
            _leave_out(case, run_answers)
        asking = _Asking(target, settings, journal, cases, revival, progress)
        asking.ask(
            [case for case in cases if case.base is None and case.id not in run_answers.unasked]
        )
        bases = {case.id: case for case in cases if case.base is None}
        for case in cases:
            if case.base in bases and case.id not in run_answers.unasked:
                _leave_out_vacuous(case, bases[case.base], run_answers, settings.level)
        asking.ask([case for case in cases if case.base and case.id not in run_answers.unasked])
        if not any(case.id in run_answers.answers for case in cases):
            raise _nothing_asked(run_answers)
        return run_answers
    finally:
        target.close()


def _leave_out(case: LoadedCase, run_answers: RunAnswers) -> None:
    """Leave out a case that the target cannot judge."""
    lacking = sorted(case.needs - run_answers.hello.capabilities)
    most = run_answers.hello.max_octets
    if lacking:
        note = f"the target lacks {', '.join(lacking)}"
    elif most is not None and len(case.question.der) > most:
        note = f"the target takes {most} octets at most"
    elif run_answers.hello.only is not None and case.id not in run_answers.hello.only:
        note = "the log has no answer for it"
    else:
        return
    run_answers.unasked[case.id] = CaseJudgement(CaseOutcome.NOT_APPLICABLE, note)


def _leave_out_vacuous(
    case: LoadedCase, base: LoadedCase, run_answers: RunAnswers, level: Level
) -> None:
    """Leave out a case whose base the target does not take."""
    answer = run_answers.answers.get(base.id)
    if answer is None or not is_taken(base, answer, level):
        seen = "not asked" if answer is None else answer.seen.value
        run_answers.unasked[case.id] = CaseJudgement(CaseOutcome.VACUOUS, f"{base.id} is {seen}")


class _Asking:
    """Asks cases of one target, and brings it back after a crash or a hang."""

    def __init__(
        self,
        target: ParserTarget,
        settings: RunSettings,
        journal: Journal,
        cases: Sequence[LoadedCase],
        revival: Revival,
        progress: Callable[[int, int | None], None],
    ) -> None:
        self._target = target
        self._settings = settings
        self._journal = journal
        self._by_id = {case.id: case for case in cases}
        self._progress = progress
        self._lock = threading.Lock()
        self._revival = revival
        self._is_over = False

    def ask(self, cases: Iterable[LoadedCase]) -> None:
        """Ask those of some cases that the journal has no answer of."""
        unanswered = [case for case in cases if case.id not in self._journal.answers]
        if self._settings.jobs == 1 or not self._target.is_parallel:
            for case in unanswered:
                self._ask(case)
            return
        pool = ThreadPoolExecutor(self._settings.jobs)
        try:
            for _ in pool.map(self._ask, unanswered):
                pass
        except BaseException:
            # Ctrl-C, too, must kill what still runs: the pool would wait for it otherwise. What the
            # target says when it is killed is not an answer.
            self._is_over = True
            self._target.close()
            raise
        finally:
            pool.shutdown(cancel_futures=True)

    def _ask(self, case: LoadedCase) -> None:
        answer = self._target.ask(case.question, self._settings.seconds)
        with self._lock:
            if self._is_over:
                return
            self._journal.keep(case.id, answer)
            self._progress(len(self._journal.answers), len(self._by_id))
            self._revival.after(case.id, answer, lambda: self._control(case))

    def _control(self, lost: LoadedCase) -> LoadedCase | None:
        """A good base that the target took before: that of the case if possible."""
        own = self._by_id.get(lost.base or "")
        bases = [case for case in self._by_id.values() if case.base is None]
        for case in (own, *bases):
            answer = None if case is None else self._journal.answers.get(case.id)
            if case is not None and answer and is_taken(case, answer, self._settings.level):
                return case
        return None


class Revival:
    """Brings a target back after a crash or a hang, and gives up after several in a row.

    Args:
        target: the parser.
        settings: how it is asked and reset.

    Raises:
        InputError: if the command that resets it is none.
    """

    def __init__(self, target: ParserTarget, settings: RunSettings) -> None:
        self._target = target
        self._settings = settings
        self._reset = Reset(settings.reset)
        self._lost_in_a_row = 0

    def after(
        self, case: str, answer: TargetAnswer, control: Callable[[], LoadedCase | None]
    ) -> None:
        """Bring the target back if it was lost.

        Args:
            case: the id of what was asked.
            answer: to it.
            control: finds a good case that the target took before; None if it took none yet.

        Raises:
            InputError: if it is lost too often in a row.
        """
        if answer.seen not in LOST:
            self._lost_in_a_row = 0
            return
        self._lost_in_a_row += 1
        self._bring_back(case, control())

    def _bring_back(self, lost: str, control: LoadedCase | None) -> None:
        """Restart the target, and ask a good case again until it is taken."""
        while True:
            if self._lost_in_a_row >= MOST_LOST:
                raise _lost(lost)
            try:
                self._reset.run()
                self._target.restart(self._settings.seconds)
                if control is None:
                    return  # no case is known to be taken: the next good base shows it
                answer = self._target.ask(control.question, self._settings.seconds)
            except InputError as error:
                if error.code != "corpus.target":
                    raise
                self._lost_in_a_row += 1
                continue
            if is_taken(control, answer, self._settings.level):
                self._lost_in_a_row = 0
                return
            self._lost_in_a_row += 1


def _unknown(case: str) -> InputError:
    return InputError(
        "corpus.protocol",
        f"The target answers for {case}, which is not a case of this corpus.",
        "Run the corpus that the device has compiled in.",
    )


def _nothing_asked(run_answers: RunAnswers) -> InputError:
    case, why = next(iter(run_answers.unasked.items()))
    return InputError(
        "corpus.nothing_asked",
        f"No case was asked ({case}: {why.note}).",
        "Select others, or see what the target says that it can do.",
    )


def _lost(case: str) -> InputError:
    return InputError(
        "corpus.target_lost",
        f"The target crashed or hung {MOST_LOST} times in a row, the last time after {case}.",
        "Reset it, or name a command that does with --reset, then continue with --resume.",
    )
