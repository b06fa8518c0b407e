"""Searches for changes of good documents that a parser and the linter judge differently."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Verdict
from smki_testca.corpus.facts import facts_in, view_of
from smki_testca.corpus.fuzz.mutations import Material, Mutation, mutation
from smki_testca.corpus.fuzz.oracle import Oracle
from smki_testca.corpus.run.asking import Revival
from smki_testca.corpus.run.loaded_corpus import of_cases
from smki_testca.corpus.run.outcomes import CaseOutcome, is_taken, judge
from smki_testca.corpus.run.target_answers import Behaviour, Hello
from smki_testca.corpus.run.targets.log import Log
from smki_testca.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from smki_testca.corpus.build import Builder
    from smki_testca.corpus.fuzz.oracle import OracleJudgement
    from smki_testca.corpus.run.asking import RunSettings
    from smki_testca.corpus.run.loaded_corpus import LoadedCase
    from smki_testca.corpus.run.questions import Question
    from smki_testca.corpus.run.target_answers import TargetAnswer
    from smki_testca.corpus.run.targets.target import ParserTarget
    from smki_testca.x509.view import View

MOST_STEPS = 16
"""So often, at most, one disagreement is made smaller."""
_OF_ALGORITHMS = frozenset({"", "signature", "signatureAlgorithm", "subjectPublicKeyInfo"})
"""The fields of algorithms and keys; a CSR has its algorithm outside all fields."""
_DIGITS = 16
"""Of its digest, in the id of a case: with 8, two of 10,000 documents may have one id."""


@dataclass(frozen=True)
class ChangedCase:
    """A changed document, and the question about it.

    Attributes:
        mutation: the change.
        good: the good document as a case.
        question: about the changed document, with the facts that it has.
        view: its fields; None if it is no document of its kind any more.
        facts: of the base, as the changed document has them; None for one that it has not.
    """

    mutation: Mutation
    good: LoadedCase
    question: Question
    view: View | None
    facts: Mapping[str, str | None]

    @property
    def case(self) -> LoadedCase:
        """The changed document as a case, without a verdict."""
        question = self.question
        return replace(
            self.good,
            id=question.id,
            base=self.good.id,
            is_good=False,
            facts=question.expected,
            question=question,
        )

    @property
    def may_be_good(self) -> bool:
        """Whether a parser may have to take it, as far as can be said without the linter.

        It need not where a holder cannot be read that the base states, where an algorithm or a key
        changed (no library must know every one), or where a root is none any more.
        """
        view, mutation = self.view, self.mutation
        of_algorithm = mutation.element.field.split(".")[0] in _OF_ALGORITHMS
        if view is None or of_algorithm or not mutation.may_be_good or None in self.facts.values():
            return False
        is_root = getattr(mutation.material.base.document, "is_self_issued", False)
        return not is_root or view.octets("issuer") == view.octets("subject")


@dataclass(frozen=True)
class DisagreementKind:
    """The kind of a disagreement; of each kind, one is kept."""

    document: str
    field: str
    codes: tuple[str, ...]
    seen: Behaviour


@dataclass(frozen=True)
class Disagreement:
    """A changed document that a parser does not judge as it must.

    Attributes:
        changed: the document.
        judgement: what a parser must do with it.
        answer: what the parser did.
    """

    changed: ChangedCase
    judgement: OracleJudgement
    answer: TargetAnswer

    @property
    def kind(self) -> DisagreementKind:
        """The kind of the disagreement."""
        mutation = self.changed.mutation
        return DisagreementKind(
            self.changed.question.kind,
            mutation.element.field,
            self.judgement.codes,
            self.answer.seen,
        )


@dataclass
class DisagreementSearch:
    """A search, and what it found so far.

    Attributes:
        builder: makes the good documents.
        target: the parser.
        settings: how it is asked.
        seed: gives the changes: the same for the same seed.
        names: of the good documents to change.
        hello: what the target said of itself.
        left_out: the good documents that are not changed, and why.
        bases: the good documents that the target takes.
        asked_changes: how many changes were asked.
        disagreements: one of each kind; no two are of one document.
    """

    builder: Builder
    target: ParserTarget
    settings: RunSettings
    seed: int
    names: Sequence[str]
    hello: Hello = field(default_factory=Hello)
    left_out: dict[str, str] = field(default_factory=dict)
    bases: dict[str, LoadedCase] = field(default_factory=dict)
    asked_changes: int = 0
    disagreements: dict[DisagreementKind, Disagreement] = field(default_factory=dict)
    _kept: set[str] = field(default_factory=set, repr=False)
    _known_wrong: dict[tuple[str, str | None, Behaviour], frozenset[Verdict]] = field(
        default_factory=dict, repr=False
    )

    def run(
        self,
        count: int,
        most: int,
        progress: Callable[[int, int | None], None] = lambda _done, _total: None,
    ) -> None:
        """Ask a number of changes. What is found is kept when it is found, whatever ends this.

        Args:
            count: how many to ask.
            most: after so many disagreements it ends.
            progress: told how many are asked, of how many.

        Raises:
            InputError: if the target cannot be started, breaks the protocol, is lost, or takes
                none of the good documents.
            UsageError: if it brings its answers, and can be asked nothing else.
        """
        if isinstance(self.target, Log):
            raise UsageError(
                "usage", "A log answers no other cases.", "Name a parser that can be asked."
            )
        self._revival = Revival(self.target, self.settings)
        try:
            self.hello = self.target.open(self.settings.seconds, self.settings.capabilities)
            self._ask_bases()
            self._oracle = Oracle(self.builder, self.hello.capabilities)
            for mutation in self._mutations(count):
                self._try(mutation)
                progress(self.asked_changes, count)
                if len(self.disagreements) >= most:
                    return
        finally:
            self.target.close()

    # Good documents

    def _ask_bases(self) -> None:
        """Find out which good documents the target takes."""
        good = [self.builder.good(self.builder.bases[name]) for name in self.names]
        for case in of_cases(good).cases:
            name = case.id.removeprefix("good-")
            reason = self._reason_against(case)
            if reason:
                self.left_out[name] = reason
            else:
                self.bases[name] = case
        if not self.bases:
            name, reason = next(iter(self.left_out.items()))
            raise InputError(
                "corpus.no_base",
                f"The target takes none of the good documents: good-{name} is left out, for"
                f" {reason}.",
                "See what it says with: smki-testca corpus run.",
            )

    def _reason_against(self, case: LoadedCase) -> str:
        """The reason for which a good document is not changed; empty if the target accepts it."""
        lacking = sorted(case.needs - self.hello.capabilities)
        if lacking:
            return f"the target lacks {', '.join(lacking)}"
        if self._is_too_long(case.question.der):
            return f"the target takes {self.hello.max_octets} octets at most"
        answer = self.target.ask(case.question, self.settings.seconds)
        self._revival.after(case.id, answer, lambda: self._control(case))
        if is_taken(case, answer, self.settings.level):
            return ""
        return f"the target answers {answer.seen.value}"

    def _control(self, case: LoadedCase) -> LoadedCase | None:
        """A good document that the target took: that of a case if possible."""
        own = (case.base or "").removeprefix("good-")
        return self.bases.get(own) or next(iter(self.bases.values()), None)

    def _is_too_long(self, der: bytes) -> bool:
        return self.hello.max_octets is not None and len(der) > self.hello.max_octets

    # Changes of them

    def _mutations(self, count: int) -> Iterator[Mutation]:
        """The changes of the good documents, by turns."""
        materials = [Material.of(self.builder.bases[name]) for name in self.bases]
        for number in range(count):
            round_, turn = divmod(number, len(materials))
            yield mutation(materials[turn], self.seed, round_)

    def _try(self, mutation: Mutation) -> None:
        """Ask a change; keep it, made small, if it is a disagreement of a new kind."""
        self.asked_changes += 1
        disagreement = self._ask(mutation)
        if disagreement is None:
            return
        kind = disagreement.kind
        is_new = kind not in self.disagreements and not self._has(disagreement)
        if is_new:
            # It is kept first: a parser may be lost for good when it is brought back.
            self._keep(disagreement)
        self._bring_back(disagreement)
        if is_new:
            self._make_small(kind)

    def _has(self, disagreement: Disagreement) -> bool:
        """Whether its document is kept: changes of two fields may give the same one."""
        return disagreement.changed.question.id in self._kept

    def _keep(self, disagreement: Disagreement) -> None:
        """Keep a disagreement in place of another of its kind."""
        before = self.disagreements.get(disagreement.kind)
        if before is not None:
            self._kept.remove(before.changed.question.id)
        self._kept.add(disagreement.changed.question.id)
        self.disagreements[disagreement.kind] = disagreement

    def _make_small(self, kind: DisagreementKind) -> None:
        """Ask simpler changes than one that is kept, and keep those instead that do the same."""
        for _ in range(MOST_STEPS):
            for simpler in self.disagreements[kind].changed.mutation.simpler():
                other = self._ask(simpler)
                if other is not None:
                    self._bring_back(other)
                    if other.kind == kind and not self._has(other):
                        self._keep(other)
                        break
            else:
                return

    def _bring_back(self, disagreement: Disagreement) -> None:
        """Bring the target back if it crashed or hung."""
        case = disagreement.changed.case
        self._revival.after(case.id, disagreement.answer, lambda: self._control(case))

    def _ask(self, mutation: Mutation) -> Disagreement | None:
        """Ask a change: the disagreement that its answer is; None if it is none."""
        der = mutation.der()
        if self._is_too_long(der) or der == mutation.material.der:
            return None
        changed = self._changed(mutation, der)
        answer = self.target.ask(changed.question, self.settings.seconds)
        wrong = self._wrong_verdicts(changed, answer)
        # The linter takes its time: it is asked only where its word may make a difference.
        if not wrong or (wrong == {Verdict.ACCEPT} and not self._may_be_good(changed)):
            return None
        judgement = self._judged(changed)
        if judgement.verdicts[self.settings.level] not in wrong:
            return None
        return Disagreement(changed, judgement, answer)

    def _changed(self, mutation: Mutation, der: bytes) -> ChangedCase:
        base = mutation.material.base
        good = self.bases[base.name]
        view = view_of(base, der)
        facts = facts_in(base, view)
        facts_read = {name: value for name, value in facts.items() if value is not None}
        name = f"{base.name}-fuzz-{hashlib.sha256(der).hexdigest()[:_DIGITS]}"
        question = replace(good.question, id=name, der=der, expected=facts_read)
        return ChangedCase(mutation, good, question, view, facts)

    def _wrong_verdicts(self, changed: ChangedCase, answer: TargetAnswer) -> frozenset[Verdict]:
        """Of which verdicts an answer would be wrong."""
        if answer.facts:
            return self._wrong(changed.case, answer)
        key = (changed.question.kind, changed.question.expected.get("status"), answer.seen)
        if key not in self._known_wrong:
            self._known_wrong[key] = self._wrong(changed.case, answer)
        return self._known_wrong[key]

    def _wrong(self, case: LoadedCase, answer: TargetAnswer) -> frozenset[Verdict]:
        level = self.settings.level
        outcomes = {
            verdict: judge(replace(case, verdicts={level: verdict}), answer, level).outcome
            for verdict in Verdict
        }
        # Who reads a document that need not be taken may read in it what it likes.
        wrong = {verdict for verdict, outcome in outcomes.items() if outcome is CaseOutcome.WRONG}
        misread = {Verdict.ACCEPT} if outcomes[Verdict.ACCEPT] is CaseOutcome.WRONG_FACTS else set()
        return frozenset(wrong | misread)

    def _may_be_good(self, changed: ChangedCase) -> bool:
        """Whether a parser may have to take a document; see ``Oracle.may_have_to_be_taken``."""
        view = changed.view if changed.may_be_good else None
        return view is not None and self._oracle.may_have_to_be_taken(
            changed.mutation.material.base, view
        )

    def _judged(self, changed: ChangedCase) -> OracleJudgement:
        """The verdict due on a document: a parser need not accept one that it cannot read."""
        base = changed.mutation.material.base
        judgement = self._oracle.judge(base, changed.question.der)
        if Verdict.ACCEPT not in judgement.verdicts.values() or self._may_be_good(changed):
            return judgement
        verdicts = {
            level: Verdict.EITHER if verdict is Verdict.ACCEPT else verdict
            for level, verdict in judgement.verdicts.items()
        }
        return replace(judgement, verdicts=verdicts)
