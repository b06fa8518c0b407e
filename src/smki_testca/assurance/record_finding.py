"""A finding of a record: one of the linter's that names a person, a decision and a line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from smki_testca.lint.findings import Finding


@dataclass(frozen=True, slots=True)
class RecordFinding(Finding):
    """A finding of a record.

    Attributes:
        line: the line of the record that shows it; None if it cannot be told.
        report: the id of the report; None for what concerns the record as a whole.
        decision: the id of the decision; None where there is none.
        person: the id of the person or organisation; None where there is none.
        rule: the rule of the regime that is broken, ``R19``; None for a record that contradicts
            itself.
    """

    line: int | None = None
    report: str | None = None
    decision: str | None = None
    person: str | None = None
    rule: str | None = None

    @property
    def where(self) -> str:
        """The place in the record, for people: ``line 12``; empty where there is none."""
        return "" if self.line is None else f"line {self.line}"

    @property
    def region(self) -> dict[str, int]:
        """The place in the record as SARIF writes it; empty where there is none."""
        return {} if self.line is None else {"startLine": self.line}

    @property
    def properties(self) -> dict[str, Any]:
        """Further properties of the finding in SARIF."""
        values = {
            "basis": self.basis,
            "report": self.report,
            "decision": self.decision,
            "person": self.person,
            "rule": self.rule,
        }
        return {name: value for name, value in values.items() if value is not None}

    def as_json(self) -> dict[str, Any]:
        """The finding as a JSON object, its attributes as keys."""
        return {
            # slots make a class of its own, which super() without arguments does not know.
            **Finding.as_json(self),
            "line": self.line,
            "report": self.report,
            "decision": self.decision,
            "person": self.person,
            "rule": self.rule,
        }
