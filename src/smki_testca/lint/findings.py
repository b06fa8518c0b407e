"""Defines breaches of rules, and the findings that report them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from smki_testca.lint.rule import Rule
    from smki_testca.profiles.model import Severity
    from smki_testca.roles import Basis


class Breach(NamedTuple):
    """A breach of a rule, as a checker yields it.

    Attributes:
        code: the code of the rule.
        offset: the offset of the octet at fault; None where there is none.
        message: what is wrong.
        path: the field; None for the smallest one that holds the octet.
        position: the document's place in the input, for a rule over several documents.
    """

    code: str
    offset: int | None
    message: str
    path: str | None = None
    position: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """One defect of a document.

    Attributes:
        code: stable dotted code: the field's path and what is wrong with it.
        severity: how grave it is; it follows the basis unless the row says otherwise.
        path: the field.
        offset: of the element at fault in the document's octets; None where it is missing.
        message: what is wrong, one line.
        basis: how well the broken rule is known.
        source: where the rule was read.
        remedy: how to mend the document; may be empty.
    """

    code: str
    severity: Severity
    path: str
    offset: int | None
    message: str
    basis: Basis
    source: str
    remedy: str = ""

    @classmethod
    def of(cls, breach: Breach, rule: Rule) -> Finding:
        """Combine a breach with the metadata of its rule."""
        return cls(
            breach.code,
            rule.severity,
            breach.path or "",
            breach.offset,
            breach.message,
            rule.basis,
            rule.source,
            rule.remedy,
        )

    @property
    def where(self) -> str:
        """The place in the document, for people: ``octet 12``; empty where there is none."""
        return "" if self.offset is None else f"octet {self.offset}"

    @property
    def region(self) -> dict[str, int]:
        """The place in the document as SARIF writes it; empty where there is none."""
        return {} if self.offset is None else {"byteOffset": self.offset}

    @property
    def properties(self) -> dict[str, Any]:
        """Further properties of the finding in SARIF."""
        return {"basis": self.basis}

    def as_json(self) -> dict[str, Any]:
        """The finding as a JSON object, its attributes as keys."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "path": self.path,
            "offset": self.offset,
            "message": self.message,
            "basis": self.basis.value,
            "source": self.source,
            "remedy": self.remedy,
        }
