"""Gives a corpus and its cases their names in C."""

from __future__ import annotations

from dataclasses import dataclass

from smki_testca.exporters.c_names import check_own, fitted


@dataclass(frozen=True)
class CNames:
    """The names of a corpus in C.

    Attributes:
        file: its files' names without an ending; those of units begin with it.
        tables: what the names of its tables begin with, and in capitals those of macros.
        cases: what the name of the place of a case begins with.
    """

    file: str = "corpus"
    tables: str = "smki_corpus"
    cases: str = "SMKI_CASE_"

    @classmethod
    def own(cls, name: str) -> CNames:
        """The names of a corpus with a name of the user's own, so that a program may have several.

        Raises:
            InputError: if C or a file system could not take it.
        """
        return cls(check_own(name), name, f"{name.upper()}_CASE_")

    def unit(self, profile: str) -> str:
        """The file of the unit of a profile, without its ending."""
        return f"{self.file}_{profile.replace('-', '_')}"

    def table(self, profile: str) -> str:
        """The table of a profile."""
        return f"{self.tables}_{profile.replace('-', '_')}"

    def count(self, profile: str) -> str:
        """The macro of the number of its cases."""
        return f"{self.table(profile).upper()}_COUNT"

    def symbol(self, case_id: str) -> str:
        """The place of a case: it depends on its id alone, and is no longer than C99 reads.

        Args:
            case_id: kebab case.
        """
        return fitted(self.cases + case_id.replace("-", "_").upper(), case_id)
