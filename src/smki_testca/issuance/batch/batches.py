"""Batches of an estate, for programs: issues them, signs CSRs, and gives what their runs made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from smki_testca.input_files import read_regular
from smki_testca.issuance.batch import csr_sources, delivery_note, running, verification
from smki_testca.issuance.batch.engines import LocalEngine
from smki_testca.issuance.batch.id_list import IdList
from smki_testca.issuance.batch.issuing import BatchOptions, begin_batch
from smki_testca.issuance.batch.portal_zip import MAX_ZIP_OCTETS
from smki_testca.issuance.batch.row_sources import Manifest, Range, Rows
from smki_testca.issuance.batch.signing import begin_signing, stored_response
from smki_testca.register.requests import Delivery
from smki_testca.workers import how_many

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from smki_testca.estate.certificates import Record
    from smki_testca.estate.runs import Run
    from smki_testca.estate.stores import Stores
    from smki_testca.identifiers import Eui64
    from smki_testca.issuance.batch.delivery_note import DeliveryNote
    from smki_testca.issuance.batch.outcome import BatchOutcome
    from smki_testca.issuance.batch.row_sources import RowSource
    from smki_testca.issuance.batch.signing import SignedBatch, SigningOptions
    from smki_testca.issuance.batch.verification import RunVerification
    from smki_testca.register.requests import Request


def _nothing(_done: int, _of: int) -> None:
    pass


class Batches:
    """The batches of an estate: certificates by the thousand, each batch in a run.

    A run that ends before it is complete, for example because a process was killed, is resumed.
    """

    def __init__(self, estate: Stores) -> None:
        self._estate = estate

    def issue(
        self,
        rows: Path | str | Iterable[Mapping[str, str | Eui64 | None]],
        options: BatchOptions | None = None,
        *,
        defaults: Mapping[str, str] | None = None,
        delivery: Delivery = Delivery.LOCAL,
        workers: int | None = None,
        progress: Callable[[int, int], None] = _nothing,
    ) -> BatchOutcome:
        """Issue the certificates that the rows of a manifest ask for.

        Rows that cannot be issued are in ``problems`` of the result; the others are issued.
        ``outcome.check()`` raises the first problem.

        Args:
            rows: the path of a manifest (CSV, JSON lines or Parquet); or rows, each with its cells
                by column, such as ``{"device_id": "00-DB-12-01-00-00-00-00"}``. The columns are
                those of ``docs/manifests.md``; others are kept as your own. Rows that can be
                iterated only once are kept in memory.
            options: the label, the seed, what is done where there are certificates, a dry run.
            defaults: for cells that are empty or lacking, by column.
            delivery: how the certificates reach their holders (R6).
            workers: the number of processes; as many as there are cores by default.
            progress: called with the number of certificates issued, and of all.

        Raises:
            InputError: if there are no rows, the manifest cannot be read or was issued before, or
                an argument cannot be used.
            Refusal: if the gate consents no longer while the run is made; resume it later.
            EstateError: if the passphrase is wrong, a worker died, or others change the estate
                time and again meanwhile.
            OutputError: if the disk is full or fails.
        """
        source: RowSource
        if isinstance(rows, str | Path):
            source = Manifest(self._estate, Path(rows), defaults or {}, delivery)
        else:
            again = list(rows) if iter(rows) is rows else rows
            source = Rows(self._estate, again, defaults or {}, delivery)
        return self._issue(source, options, workers, progress)

    def issue_range(
        self,
        request: Request,
        count: int,
        options: BatchOptions | None = None,
        *,
        workers: int | None = None,
        progress: Callable[[int, int], None] = _nothing,
    ) -> BatchOutcome:
        """Issue a range of consecutive Device IDs: a certificate of each usage for each.

        Args:
            request: its subject has the first Device ID; from ``estate.request``.
            count: the number of Device IDs.
            options: as of ``issue``; a range has one row.
            workers: the number of processes; as many as there are cores by default.
            progress: called with the number of certificates issued, and of all.

        Raises:
            Refusal: with every reason of the gate.
            InputError: if the range is too long, a Device of it has a certificate in use and that
                is refused, or an argument cannot be used.
            ValueError: if the request's certificate type embeds no ID.
            EstateError, OutputError: as of ``issue``.
        """
        return self._issue(Range(request, count), options, workers, progress)

    def _issue(
        self,
        source: RowSource,
        options: BatchOptions | None,
        workers: int | None,
        progress: Callable[[int, int], None],
    ) -> BatchOutcome:
        engine = LocalEngine(workers)
        outcome = begin_batch(self._estate, source, options or BatchOptions())
        if outcome.run is None:
            return outcome
        run = running.resume(self._estate, outcome.run.id, engine, progress)
        return replace(outcome, run=run)

    def sign(
        self,
        csrs: Path | str | Mapping[str, bytes],
        options: SigningOptions,
        *,
        workers: int | None = None,
        progress: Callable[[int, int], None] = _nothing,
    ) -> SignedBatch:
        """Sign a batch of CSRs; those that are refused do not hold up the others.

        For single CSRs, as a production line sends them, use ``estate.sign``.

        Args:
            csrs: the path of a ZIP in the Portal's form (SEC App. M F), of a folder of ``.csr``
                files, or of a CSV file with the column ``csr``; or CSRs (PEM, base64 or DER) by
                name.
            options: who asks, for which Testing Service, and how the CSRs are taken.
            workers: the number of processes; as many as there are cores by default.
            progress: called with the number of certificates issued, and of all.

        Raises:
            InputError: if the batch as a whole cannot be read.
            ValueError: for an option ``taken_as`` that there is not.
            Refusal, EstateError, OutputError: as of ``issue``.
        """
        processes, engine = how_many(workers), LocalEngine(workers)
        batch = begin_signing(self._estate, _csr_source(csrs), options, workers=processes)
        if batch.outcome.run is None:
            return batch
        run = running.resume(self._estate, batch.outcome.run.id, engine, progress)
        issued = dict(self._estate.run_certificates.numbered(run))
        return replace(batch, outcome=replace(batch.outcome, run=run), issued=issued)

    def response(self, run: int) -> bytes:
        """The response of a run that signed CSRs, as ``SignedBatch.response`` gave it.

        Raises:
            InputError: if there is no such run, or it is not done or of another source.
        """
        return stored_response(self._estate, self.run(run))[0]

    def runs(self) -> list[Run]:
        """Every run, the oldest first."""
        return self._estate.runs.all()

    def run(self, number: int) -> Run:
        """The run of that number.

        Raises:
            InputError: if there is none.
        """
        return self._estate.runs.get(number)

    def resume(
        self,
        run: int,
        *,
        workers: int | None = None,
        progress: Callable[[int, int], None] = _nothing,
    ) -> Run:
        """Make the certificates of a run that are not issued yet.

        Args:
            run: the number of the run.
            workers: the number of processes; as many as there are cores by default.
            progress: called with the number of certificates issued, and of all.

        Raises:
            AlreadySoError: if the run is done.
            InputError: if there is no such run, or it was cancelled.
            Refusal, EstateError, OutputError: as of ``issue``.
        """
        return running.resume(self._estate, run, LocalEngine(workers), progress)

    def cancel(self, run: int) -> Run:
        """Cancel a run: it cannot be resumed, and the certificates it issued stay.

        Raises:
            InputError: if there is no such run, or it is done or cancelled already.
        """
        return running.cancel(self._estate, run)

    def records(self, run: int) -> Iterator[Record]:
        """Yield the certificates that a run issued, in the order of its rows.

        Memory does not grow with the run.

        Raises:
            InputError: if there is no such run.
        """
        return self._estate.run_certificates.of_run(self.run(run))

    def records_with_keys(self, run: int) -> Iterator[tuple[Record, bytes | None]]:
        """Yield the certificates that a run issued, each with its private key, PKCS#8 DER.

        The key is None where the certificate was issued for a CSR or a public key.

        Raises:
            InputError: if there is no such run.
            EstateError: if the passphrase is wrong.
        """
        return self._estate.run_certificates.with_keys(self.run(run))

    def verify(
        self,
        run: int,
        *,
        against: Path | str | None = None,
        workers: int | None = None,
        progress: Callable[[int, int], None] = _nothing,
    ) -> RunVerification:
        """Check the certificates and private keys of a run, before they are delivered.

        Each certificate verifies under its CA, and each private key fits. Serial numbers, keys, and
        IDs with their usage are unique in the whole estate, certificates not in use left aside.

        Args:
            run: the number of the run.
            against: a CSV file of the IDs that should have certificates; see ``docs/batches.md``.
            workers: the number of processes; as many as there are cores by default.
            progress: called with the number of certificates read, and of all.

        Raises:
            InputError: if there is no such run, or the list cannot be read.
            EstateError: if the passphrase is wrong, something is missing or was changed, or a
                worker died.
        """
        listed = None if against is None else IdList.of_file(Path(against))
        run_record, processes = self.run(run), how_many(workers)
        self._estate.estate_key.unlock()
        return verification.verify(self._estate, run_record, processes, listed, progress)

    def delivery_note(self, run: int) -> DeliveryNote:
        """The delivery note of a run: counts, IDs and digests; it holds no secret.

        Raises:
            InputError: if there is no such run, or it has no certificates.
        """
        return delivery_note.note_of(self._estate, self.run(run), _nothing)


def _csr_source(csrs: Path | str | Mapping[str, bytes]) -> csr_sources.CsrSource:
    """The source of a batch of CSRs."""
    if not isinstance(csrs, str | Path):
        return csr_sources.CsrsByName(csrs)
    path = str(csrs)
    zipped = read_regular(Path(path), MAX_ZIP_OCTETS) if csr_sources.is_zip(path) else None
    return csr_sources.source_of(path, zipped)
