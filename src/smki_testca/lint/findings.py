"""A finding: one defect, where it is, and which rule it breaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smki_testca.profiles.model import Severity
    from smki_testca.roles import Basis


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
