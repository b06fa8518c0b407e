"""Reads the CSRs of a batch in several processes, with the same checks as a single CSR.

Loading keys and verifying signatures takes most of the time. The processes return little: the
subject, usage and public key of each certificate asked for. Each then passes the gate.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from smki_testca.authority import csr as csrs
from smki_testca.errors import InputError, SmkiTestcaError
from smki_testca.file_labels import label_of, told_apart
from smki_testca.identifiers import Eui64
from smki_testca.issuance.batch.csr_names import without_ending
from smki_testca.issuance.batch.csr_pattern import CsrPattern
from smki_testca.issuance.batch.repeated_csrs import RepeatedCsrs, digest_of
from smki_testca.issuance.batch.row_requests import RowProblem, RowRequest
from smki_testca.profiles.model import Identity
from smki_testca.register.requests import Delivery
from smki_testca.text import plain
from smki_testca.workers import explained_death, ordered

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from smki_testca.authority.csr import Remarks
    from smki_testca.estate.stores import Stores
    from smki_testca.issuance.batch.csr_sources import CsrSource, NumberedCsr
    from smki_testca.profiles import Library
    from smki_testca.profiles.subject import Subject
    from smki_testca.register.requests import Request
    from smki_testca.roles import KeyUsage


class CsrContent(NamedTuple):
    """The content of a CSR of a batch.

    Attributes:
        number: its place in the batch, from 1.
        digest: that it is known by.
        eui64: in place of that of the subject; None if the subject has it.
        subject, usage, public_key, holder_name, remarks: see ``Csr``.
    """

    number: int
    digest: bytes
    eui64: int | None
    subject: Subject
    usage: KeyUsage | None
    public_key: bytes
    holder_name: str | None
    remarks: Remarks


_CHUNK = 500
"""The number of CSRs that a process takes at a time; fewer are read in this process."""
_MAX_PATTERNS = 8


class Reader:
    """Reads the CSRs of a batch; quickly those with the pattern of one read before.

    Args:
        source: of the batch.
        library: the certificate types, and the RemotePartyRoles.
        taken_as: by whose rules the CSRs are taken.
        remedies: what can be done about one that cannot be used.
    """

    def __init__(
        self,
        source: CsrSource,
        library: Library,
        taken_as: csrs.TakenAs = csrs.TakenAs.PORTAL,
        remedies: csrs.Remedies = csrs.OF_ZIP,
    ) -> None:
        self._source = source
        self._library = library
        self._taken_as = taken_as
        self._remedies = remedies
        self._patterns: list[CsrPattern] = []

    def read(self, numbers: Sequence[int]) -> list[CsrContent | RowProblem]:
        """Read the CSRs of these numbers: the content of each, or its problem.

        Raises:
            InputError: if the batch as a whole is refused.
        """
        return [self._read(number) for number in numbers]

    def _read(self, number: int) -> CsrContent | RowProblem:
        try:
            data = self._source.read(number)
        except InputError as error:
            if self._source.is_refused_whole:
                raise
            return RowProblem(number, error)
        try:
            der = csrs.to_der(data)
            for pattern in self._patterns:
                match = pattern.read(der)
                if match is not None:
                    eui64, public_key = match
                    return CsrContent(
                        number,
                        digest_of(der),
                        eui64,
                        pattern.subject,
                        pattern.usage,
                        public_key,
                        None,
                        pattern.remarks,
                    )
            csr = csrs.parse(data, self._library, taken_as=self._taken_as, remedies=self._remedies)
        except InputError as error:
            return RowProblem(number, error)
        learnt = CsrPattern.of(csr)
        if learnt is not None and len(self._patterns) < _MAX_PATTERNS:
            self._patterns.append(learnt)
        return CsrContent(
            number,
            digest_of(der),
            None,
            csr.subject,
            csr.usage,
            csr.public_key,
            csr.holder_name,
            csr.remarks,
        )


def labels_of(members: Sequence[NumberedCsr]) -> dict[int, str | None]:
    """The label of each CSR's certificate, by the CSR's number: the name of its file."""
    labels = told_apart(label_of(without_ending(member.name)) for member in members)
    return {member.number: label for member, label in zip(members, labels, strict=True)}


def row_requests(
    estate: Stores,
    reader: Reader,
    members: Sequence[NumberedCsr],
    cells: dict[str, str],
    workers: int,
    *,
    devices_only: bool,
) -> Iterator[RowRequest | RowProblem]:
    """Read the requests of a batch of CSRs, in the order of the batch.

    Args:
        estate: the estate that will issue.
        reader: of this batch.
        members: of the batch.
        cells: participant, purpose, delivery and environment, as in a manifest.
        workers: how many processes read.
        devices_only: whether CSRs for certificates of others than Devices are refused.

    Yields:
        The request of each CSR, or its problem.

    Raises:
        InputError: if the batch as a whole is refused.
        EstateError: if a process died.
    """
    labels = labels_of(members)
    repeated = RepeatedCsrs()
    first_requests: dict[tuple[str, KeyUsage | None], Request] = {}
    for content in _read(reader, members, workers):
        if isinstance(content, RowProblem):
            yield content
            continue
        subject, usage = content.subject, content.usage
        try:
            if devices_only:
                check_of_device(subject, estate.library)
            if content.eui64 is not None:
                subject = subject.with_identifier(Eui64(content.eui64))
            first = first_requests.get((subject.profile, usage))
            if first is None:
                first = first_requests[subject.profile, usage] = estate.request(
                    cells["participant"],
                    cells["purpose"],
                    subject,
                    () if usage is None else (usage,),
                    environment=cells.get("environment"),
                    delivery=Delivery(cells["delivery"]),
                )
            request = first.of(subject)
            repeated.check(content.digest)
            repeated.add(content.digest, plain(members[content.number - 1].name))
            yield RowRequest(
                content.number,
                request,
                content.public_key,
                labels[content.number],
                content.holder_name,
                content.remarks,
            )
        except SmkiTestcaError as error:
            yield RowProblem(content.number, error)


def check_of_device(subject: Subject, library: Library) -> None:
    """Check that a CSR asks for the certificate of a Device.

    Raises:
        InputError: if it does not.
    """
    if library.profile(subject.profile).embedded is not Identity.DEVICE_ID:
        raise InputError(
            "csr.not_of_device",
            f"The CSR asks for a certificate of profile {subject.profile}, and the service issues"
            " those of Devices.",
        )


def _read(
    reader: Reader, members: Sequence[NumberedCsr], workers: int
) -> Iterator[CsrContent | RowProblem]:
    numbers = range(1, len(members) + 1)
    chunks = [numbers[start : start + _CHUNK] for start in range(0, len(numbers), _CHUNK)]
    if len(chunks) == 1 or workers == 1:
        for chunk in chunks:
            yield from reader.read(chunk)
        return
    contents_of_chunks = ordered(workers, _read_chunk, chunks, _begin, reader)
    with (
        explained_death("nothing of this batch was issued", "Repeat the command."),
        contextlib.closing(contents_of_chunks),
    ):
        for contents in contents_of_chunks:
            yield from contents


_reader: list[Reader] = []
"""In a worker process: its reader."""


def _begin(reader: Reader) -> None:
    _reader[:] = [reader]


def _read_chunk(numbers: Sequence[int]) -> list[CsrContent | RowProblem]:
    return _reader[0].read(numbers)
