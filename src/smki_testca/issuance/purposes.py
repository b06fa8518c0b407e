"""Finds the Testing Service for which a certificate was issued: tiles and the audit log tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smki_testca.errors import InputError

if TYPE_CHECKING:
    from smki_testca.estate.certificates import Record
    from smki_testca.estate.stores import Stores


class Purposes:
    """The Testing Services of certificates of one estate.

    Args:
        estate: that issued them.
    """

    def __init__(self, estate: Stores) -> None:
        self._estate = estate
        self._of_entries: dict[int, dict[str, str] | str | None] = {}
        self._of_sections: dict[tuple[int, int], str] = {}

    def of(self, record: Record) -> str:
        """The Testing Service that a certificate was issued for.

        Raises:
            InputError: if the audit log does not say.
        """
        if record.place is not None:
            section = record.place[:2]
            if section not in self._of_sections:
                section_terms = self._estate.run_certificates.section_of(*section)
                self._of_sections[section] = section_terms.purpose
            return self._of_sections[section]
        if record.audit not in self._of_entries:
            body = self._estate.audit.entry(record.audit).body
            self._of_entries[record.audit] = _purposes(body)
        purpose = self._of_entries[record.audit]
        if isinstance(purpose, dict):
            purpose = purpose.get(str(record.serial))
        if not isinstance(purpose, str):
            raise InputError(
                "renew.purpose",
                f"The audit log does not say for what purpose certificate {record.serial} was"
                " issued.",
                "Give it with --purpose.",
            )
        return purpose


def _purposes(body: dict[str, Any]) -> dict[str, str] | str | None:
    """The purpose of all certificates of an entry, or of each by its serial number."""
    request = body.get("request")
    if isinstance(request, dict):
        purpose = request.get("purpose")
        return purpose if isinstance(purpose, str) else None
    entries = body.get("certificates", ())
    return {entry["serial"]: entry["purpose"] for entry in entries if "purpose" in entry}
