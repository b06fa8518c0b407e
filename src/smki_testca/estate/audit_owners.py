"""Tells whose an entry of the audit log is: of which participants it tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smki_testca.errors import InputError
from smki_testca.estate.batch_requests import ACTIONS as BATCH_ACTIONS
from smki_testca.identifiers import SerialNumber

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.estate.audit_entry import Entry
    from smki_testca.estate.stores import Stores

NAMING = frozenset({"issue", "check", "register.allocate", "service.adhoc", "service.batched"})
"""The actions whose entries name their participants; others may name certificates or runs alone."""
MAX_SERIALS = 200
"""An entry with more certificates, and no participant, is the operator's alone."""
_SERIALS = frozenset({"serial", "serials", "revoked"})


class AuditOwners:
    """The participants of entries, as the register and the certificates say now.

    Args:
        estate: whose log it is; for one piece of work.
    """

    def __init__(self, estate: Stores) -> None:
        self._estate = estate
        self._agreements = estate.register.load().agreements
        self._of_runs: dict[int, frozenset[str]] = {}

    def of(self, entry: Entry) -> frozenset[str]:
        """The participants of which an entry tells; none for what is the operator's alone."""
        named = frozenset(_texts(entry.body, frozenset({"participant", "participants"})))
        return named or self._of_certificates(entry) or self._of_others(entry)

    def _of_certificates(self, entry: Entry) -> frozenset[str]:
        serials = list(dict.fromkeys(_texts(entry.body, _SERIALS)))
        if len(serials) > MAX_SERIALS:
            return frozenset()
        owners = set()
        for text in serials:
            try:
                record = self._estate.by_serial(SerialNumber.parse(text))
            except InputError:
                record = None
            if record is None or record.participant is None:
                # A CA's certificate is among them: that is not one participant's business.
                return frozenset()
            owners.add(record.participant)
        return frozenset(owners)

    def _of_others(self, entry: Entry) -> frozenset[str]:
        run, reference = entry.body.get("run"), entry.body.get("reference")
        if isinstance(run, int):
            return self._of_run(run)
        if entry.action.startswith(BATCH_ACTIONS):
            return self._of_batch(entry.body.get("batch"))
        if isinstance(reference, str) and reference in self._agreements:
            return frozenset({self._agreements[reference].participant})
        return self._of_account(entry.body.get("account"))

    def _of_run(self, run: int) -> frozenset[str]:
        if run not in self._of_runs:
            sections = self._estate.runs.get(run).terms.sections
            self._of_runs[run] = frozenset(section.participant for section in sections)
        return self._of_runs[run]

    def _of_batch(self, number: object) -> frozenset[str]:
        batch = self._estate.batch_requests.get(number) if isinstance(number, int) else None
        return frozenset() if batch is None else frozenset({batch.participant})

    def _of_account(self, name: object) -> frozenset[str]:
        if not isinstance(name, str):
            return frozenset()
        try:
            participant = self._estate.accounts.get(name).participant
        except InputError:
            return frozenset()
        return frozenset() if participant is None else frozenset({participant})


def _texts(value: Any, keys: frozenset[str], *, is_asked: bool = False) -> Iterator[str]:
    """The texts that an object of JSON has under some keys, however deep."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, keys, is_asked=key in keys)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, keys, is_asked=is_asked)
    elif isinstance(value, str) and is_asked:
        yield value
