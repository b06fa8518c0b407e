"""Reads the CSRs of a batch in many processes, each CSR checked as any is.

Loading keys and verifying signatures takes the time. What comes back from the processes is
little: for whom each certificate would be, and its public key. The gate sees every one of them.
"""

from __future__ import annotations

from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING

from smki_testca.authority import csr as csrs
from smki_testca.errors import EstateError, InputError, SmkiTestcaError
from smki_testca.identifiers import Eui64
from smki_testca.issuance.batch.csr_pattern import CsrPattern
from smki_testca.issuance.batch.portal_zip import unpack
from smki_testca.issuance.batch.row_requests import RowProblem, RowRequest
from smki_testca.workers import pool

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from smki_testca.estate.stores import Stores
    from smki_testca.issuance.batch.portal_zip import Member
    from smki_testca.profiles import Library
    from smki_testca.profiles.subject import Subject
    from smki_testca.register.requests import Request
    from smki_testca.roles import KeyUsage

    Asked = tuple[int, int | None, Subject, KeyUsage | None, bytes]
    """Number, EUI-64 in place of the subject's, subject, usage, public key of a CSR."""

_CHUNK = 500
"""How many CSRs a process is handed at a time; fewer than that are read in this one."""
_MAX_LIKENESSES = 8


class Reader:
    """Reads CSRs; quicker those that are like one it has read.

    Args:
        name: of the batch, for messages.
        data: its ZIP.
        library: the certificate types, and the RemotePartyRoles.
    """

    def __init__(self, name: str, data: bytes, library: Library) -> None:
        self._name = name
        self._data = data
        self._library = library
        self._known: list[CsrPattern] = []

    def read(self, members: Sequence[Member]) -> list[Asked | RowProblem]:
        """What each CSR asks for, or what stands against it.

        Raises:
            InputError: if the batch as a whole is refused.
        """
        return [self.read_one(one.number, unpack(self._name, self._data, one)) for one in members]

    def read_one(self, number: int, data: bytes) -> Asked | RowProblem:
        """What one CSR asks for, or what stands against it."""
        try:
            der = csrs.to_der(data)
            for one in self._known:
                found = one.read(der)
                if found is not None:
                    return number, found[0], one.subject, one.usage, found[1]
            csr = csrs.parse(data, self._library)
        except InputError as error:
            return RowProblem(number, error)
        like = CsrPattern.of(csr)
        if like is not None and len(self._known) < _MAX_LIKENESSES:
            self._known.append(like)
        return number, None, csr.subject, csr.usage, csr.public_key


def row_requests(
    estate: Stores, reader: Reader, members: Sequence[Member], cells: dict[str, str], workers: int
) -> Iterator[RowRequest | RowProblem]:
    """The certificates that the CSRs of a batch ask for, in the order of the batch.

    Args:
        estate: for its environments.
        reader: of this batch.
        members: of the batch.
        cells: participant, purpose and environment, as in a manifest.
        workers: how many processes read.

    Raises:
        InputError: if the batch as a whole is refused.
        EstateError: if a process died.
    """
    labels = {one.number: one.name.removesuffix(".csr") for one in members}
    alike: dict[tuple[str, KeyUsage | None], Request] = {}
    for found in _read(reader, members, workers):
        if isinstance(found, RowProblem):
            yield found
            continue
        number, eui64, subject, usage, public_key = found
        try:
            if eui64 is not None:
                subject = subject.with_identifier(Eui64(eui64))
            first = alike.get((subject.profile, usage))
            if first is None:
                first = alike[subject.profile, usage] = estate.request(
                    cells["participant"],
                    cells["purpose"],
                    subject,
                    () if usage is None else (usage,),
                    environment=cells.get("environment"),
                )
            request = first.of(subject)
            yield RowRequest(number, request, usage, public_key, labels[number])
        except SmkiTestcaError as error:
            yield RowProblem(number, error)


def _read(reader: Reader, members: Sequence[Member], workers: int) -> Iterator[Asked | RowProblem]:
    chunks = [members[start : start + _CHUNK] for start in range(0, len(members), _CHUNK)]
    if len(chunks) == 1 or workers == 1:
        for chunk in chunks:
            yield from reader.read(chunk)
        return
    with pool(workers, _begin, reader) as processes:
        try:
            for found in processes.map(_read_chunk, chunks):
                yield from found
        except BrokenProcessPool as error:
            raise EstateError(
                "batch.worker_died",
                "A worker process ended unexpectedly; nothing of this batch was issued.",
                "Give the command again.",
            ) from error


_reader: list[Reader] = []


def _begin(reader: Reader) -> None:
    _reader[:] = [reader]


def _read_chunk(members: Sequence[Member]) -> list[Asked | RowProblem]:
    return _reader[0].read(members)
