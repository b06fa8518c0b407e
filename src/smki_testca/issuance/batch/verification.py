"""Verifies a run: its certificates and keys alone, against the whole estate, and against a list.

Worker processes inspect the tiles of the run. Of the tiles of other runs they read what must be
unique in the estate. Memory does not grow with the estate.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from smki_testca.errors import EstateError
from smki_testca.estate.out_of_use import (
    OutOfUse,
    out_of_use,
)
from smki_testca.estate.run_tiles import finished_tiles
from smki_testca.estate.runs import State
from smki_testca.identifiers import Eui64, SerialNumber
from smki_testca.issuance.batch.fingerprints import (
    FingerprintFiles,
    FingerprintKind,
    FingerprintOrigin,
    Records,
)
from smki_testca.issuance.batch.tile_inspection import (
    Inspector,
    Places,
    TileTask,
    begin,
    id_and_usage,
    inspect,
    listed_id,
)
from smki_testca.workers import explained_death, unordered
from smki_testca.x509.keys import load_public_key, signature_fits
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from smki_testca.estate.certificates import Record
    from smki_testca.estate.runs import Run
    from smki_testca.estate.stores import Stores
    from smki_testca.issuance.batch.id_list import IdList
    from smki_testca.issuance.batch.tile_inspection import TileFinding

LISTED_FINDINGS = 1_000
"""The most findings that are listed; the others are counted."""
_TWICE = {
    FingerprintKind.SERIAL: ("verify.serial_twice", "The serial number"),
    FingerprintKind.KEY: ("verify.key_twice", "The public key"),
    FingerprintKind.PLACE: ("verify.id_twice", "The ID and usage"),
}


@dataclass(frozen=True, slots=True)
class RunFinding:
    """Something that is wrong with a run.

    Attributes:
        code: stable, dotted; listed in ``docs/batches.md``.
        message: what is wrong, one line.
        serial: of the certificate that it is about, if it is about one.
        eui64: that it is about, if there is one.
        line: of the list, if it is about one.
    """

    code: str
    message: str
    serial: SerialNumber | None = None
    eui64: Eui64 | None = None
    line: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The finding as a JSON object, without what it is not about."""
        document = {
            "code": self.code,
            "message": self.message,
            "serial": None if self.serial is None else str(self.serial),
            "eui64": None if self.eui64 is None else str(self.eui64),
            "line": self.line,
        }
        return {key: value for key, value in document.items() if value is not None}


@dataclass(slots=True)
class RunVerification:
    """The result of the verification of a run.

    Attributes:
        certificates: the number of certificates of the run, each verified under its CA.
        keys: the number of its private keys that were paired with their certificates.
        others: the number of the other certificates in the estate that they were compared with.
        listed: the number of lines of the list; None without one.
        findings: what is wrong: the first 1,000.
        finding_count: the number of all; 0 where nothing is wrong.
        out_of_use: how many of its certificates are revoked or not in use, which is no finding.
    """

    certificates: int = 0
    keys: int = 0
    others: int = 0
    listed: int | None = None
    findings: list[RunFinding] = field(default_factory=list)
    finding_count: int = 0
    out_of_use: OutOfUse = field(default_factory=OutOfUse)

    def add(self, finding: Callable[[], RunFinding]) -> None:
        """Add a finding; beyond a number, it is counted and not made."""
        self.finding_count += 1
        if len(self.findings) < LISTED_FINDINGS:
            self.findings.append(finding())


def verify(
    estate: Stores,
    run: Run,
    workers: int,
    listed: IdList | None,
    progress: Callable[[int, int], None],
) -> RunVerification:
    """Verify a run.

    Args:
        estate: the run's estate; its passphrase is needed.
        run: the run.
        workers: how many processes.
        listed: the IDs that should have certificates; None to compare with no list.
        progress: called with the number of certificates read, and of all in the estate's runs.

    Raises:
        EstateError: if a tile is missing or was changed, or a worker died.
        InputError: if the list cannot be read.
    """
    verification = RunVerification(out_of_use=out_of_use(estate, run))
    if run.state is not State.DONE:
        message = f"The run is {run.state}: {run.issued} of {run.terms.count} are issued."
        verification.add(lambda: RunFinding("verify.unfinished", message))
    _verify_authorities(estate, run, verification)
    inspector = Inspector(
        estate.statuses.retired(),
        estate.clock.now(),
        compares_ids=listed is not None,
        compares_usages=listed is not None and listed.has_usages,
    )
    with FingerprintFiles() as files:
        if listed is not None:
            verification.listed = _keep_list(files, listed)
        _keep_singles(estate, inspector, files, verification)
        _inspect_tiles(estate, run, workers, inspector, files, verification, progress)
        _compare(estate, run, files, verification)
    return verification


def _verify_authorities(estate: Stores, run: Run, verification: RunVerification) -> None:
    """Verify the certificates of the CAs that issued, each under the one above it."""
    for serial in sorted({section.issuer for section in run.terms.sections}):
        record = _authority(estate, run, serial)
        chain = [record, *estate.certificates.chain(record)]
        for each, signer in zip(chain, [*chain[1:], chain[-1]], strict=True):
            public = view_certificate(signer.der).octets("subjectPublicKeyInfo") or b""
            key, view = load_public_key(public), view_certificate(each.der)
            if key is None or not signature_fits(key, view.signature, view.signed.encoded):
                verification.add(partial(_of_authority, each))


def _authority(estate: Stores, run: Run, serial: str) -> Record:
    record = estate.certificates.by_serial(SerialNumber.parse(serial))
    if record is None:
        raise EstateError("estate.damaged", f"The CA {serial} of run {run.id} is missing.")
    return record


def _keep_list(files: FingerprintFiles, listed: IdList) -> int:
    count, records = 0, Records()
    for count, (line, eui64, usages) in enumerate(listed.entries(), 1):
        for usage in usages:
            value = listed_id(eui64.value, usage)
            records.add(FingerprintKind.LISTED_ID, value, FingerprintOrigin(0, line).packed)
        if count % _PAGE == 0:
            files.keep(records.joined())
            records = Records()
    files.keep(records.joined())
    return count


_PAGE = 2_000
"""The most records that are made before they are written."""


def _keep_singles(
    estate: Stores, inspector: Inspector, files: FingerprintFiles, verification: RunVerification
) -> None:
    """Keep what must be unique of the certificates that were issued alone."""
    for page in estate.certificates.unique_values(_PAGE):
        records = Records()
        for each in page:
            origin = FingerprintOrigin(0, each.number).packed
            records.add(FingerprintKind.SERIAL, each.serial, origin)
            if inspector.is_out(each.serial, each.not_after):
                continue
            records.add(FingerprintKind.KEY, each.key_id[:16], origin)
            if each.eui64 is not None:
                places = Places(each.family, each.hierarchy, each.role, each.usage)
                place = places.of(each.eui64, each.label)
                records.add(FingerprintKind.PLACE, place, origin)
        files.keep(records.joined())
        verification.others += len(page)


def _inspect_tiles(
    estate: Stores,
    run: Run,
    workers: int,
    inspector: Inspector,
    files: FingerprintFiles,
    verification: RunVerification,
    progress: Callable[[int, int], None],
) -> None:
    runs = estate.runs.all()
    done, total = 0, sum(each.issued for each in runs)
    tasks = (task for each in runs for task in _tasks(estate, each, is_inspected=each.id == run.id))
    tiles = unordered(
        *(workers, inspect, tasks, begin, inspector),
        while_waiting=lambda: progress(done, total),
    )
    with explained_death("nothing was changed", "Repeat the command."):
        for task, inspected in tiles:
            files.keep(inspected.records)
            for finding in inspected.findings:
                verification.add(partial(_of_certificate, finding))
            verification.keys += inspected.keys
            if task.tile.run == run.id:
                verification.certificates += task.tile.count
            else:
                verification.others += task.tile.count
            done += task.tile.count
            progress(done, total)


def _tasks(estate: Stores, run: Run, *, is_inspected: bool) -> Iterator[TileTask]:
    sealing_key = estate.runs.secrets(run.id).sealing_key if is_inspected else None
    issuers = {
        section.issuer: _authority(estate, run, section.issuer).der if is_inspected else None
        for section in run.terms.sections
    }
    for tile in finished_tiles(estate.tiles, run):
        section = run.terms.section(tile.section)
        yield TileTask(
            tile,
            estate.tiles.path(tile),
            issuers[section.issuer],
            estate.library.environment(section.environment).family,
            str(estate.library.profile(section.profile).hierarchy),
            section.role_code,
            run.terms.label_template or run.terms.label,
            None if section.usage is None else section.usage.value,
            sealing_key,
        )


def _compare(
    estate: Stores, run: Run, files: FingerprintFiles, verification: RunVerification
) -> None:
    """Find what is there twice, and what is not in both the run and the list."""
    for kind, origins in files.repeated():
        if any(origin.run == run.id for origin in origins):
            verification.add(partial(_repeated, estate, run, kind, origins))
    if verification.listed is not None:
        for kind, value, origin in files.unmatched():
            verification.add(partial(_unmatched, estate, kind, value, origin))


def _of_authority(record: Record) -> RunFinding:
    message = f"The certificate of the CA {record.label} does not verify under the one above it."
    return RunFinding("verify.signature", message, record.serial)


def _of_certificate(finding: TileFinding) -> RunFinding:
    eui64 = None if finding.eui64 is None else Eui64(finding.eui64)
    message = f"{finding.serial}: {finding.message}"
    return RunFinding(finding.code, message, finding.serial, eui64)


def _repeated(
    estate: Stores, run: Run, kind: FingerprintKind, origins: list[FingerprintOrigin]
) -> RunFinding:
    code, noun = _TWICE[kind]
    own = next(origin for origin in origins if origin.run == run.id)
    record = _certificate(estate, own)
    others = [origin for origin in origins if origin != own]
    where = ", ".join(_where(estate, origin) for origin in others[:3])
    more = f" and {len(others) - 3} more" if len(others) > 3 else ""
    message = f"{noun} of {record.serial} is also that of {where}{more}."
    return RunFinding(code, message, record.serial, record.eui64)


def _unmatched(
    estate: Stores, kind: FingerprintKind, value: bytes, origin: FingerprintOrigin
) -> RunFinding:
    eui64, usage = id_and_usage(value)
    device = f"{eui64} ({usage})" if usage else str(eui64)
    if kind is FingerprintKind.LISTED_ID:
        message = f"{device}, on line {origin.row} of the list, has no certificate in the run."
        return RunFinding("verify.missing", message, eui64=eui64, line=origin.row)
    serial = _certificate(estate, origin).serial
    message = f"{device}, which has the certificate {serial}, is not in the list."
    return RunFinding("verify.not_listed", message, serial, eui64)


def _certificate(estate: Stores, origin: FingerprintOrigin) -> Record:
    if origin.run:
        record = estate.run_certificates.at_row(origin.run, origin.row)
    else:
        record = estate.certificates.numbered(origin.row)
    if record is None:
        raise EstateError(
            "estate.changing",
            "The estate was changed while the run was verified.",
            "Verify it again.",
        )
    return record


def _where(estate: Stores, origin: FingerprintOrigin) -> str:
    serial = _certificate(estate, origin).serial
    return f"{serial} of run {origin.run}" if origin.run else f"{serial}, issued alone"
