"""Keeps a batch from doubling what there is: a manifest, a row, or a Device's certificate in use.

What counts for a Device is its ID, the environment, the certificate type and the usage. Of other
certificates a holder may have several, so that only a row that is repeated whole counts.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from smki_testca.errors import InputError
from smki_testca.estate.runs import State
from smki_testca.identifiers import Eui64, SerialNumber
from smki_testca.labels import LabelTemplate
from smki_testca.profiles.model import Identity
from smki_testca.text import counted, is_or_are

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from smki_testca.estate.device_certificates import DeviceCertificate
    from smki_testca.estate.runs import Run
    from smki_testca.estate.stores import Stores
    from smki_testca.issuance.batch.row_requests import RowRequest
    from smki_testca.issuance.history import IssueHistory
    from smki_testca.profiles import Library
    from smki_testca.register.requests import Request
    from smki_testca.roles import KeyUsage

MAX_GAPS = 1_000
"""In how many parts at most a range is issued of which some Devices have a certificate."""
_ANYWAY = (
    "Give --skip-existing to leave it out, --replace to retire what is in use, or --again to issue"
    " another."
)


class Existing(StrEnum):
    """The ways in which a batch treats a certificate that is there already."""

    REFUSE = "refuse"
    AGAIN = "again"
    SKIP = "skip-existing"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True)
class ManifestId:
    """A manifest, as a run records it.

    Attributes:
        sha256: of the file, hexadecimal.
        options: what its empty cells are filled with, by column.
    """

    sha256: str = ""
    options: Mapping[str, str] = field(default_factory=dict)


def check_new(estate: Stores, manifest: ManifestId) -> None:
    """Check that no run of the estate issued a manifest, filled with the same options.

    Raises:
        InputError: if one did, or is about to.
    """
    runs = estate.runs.of_manifest(manifest.sha256, manifest.options)
    if not runs:
        return
    last = runs[-1]
    message = f"Run {last.id} of {last.created} is of the same manifest, octet for octet."
    if last.is_unfinished:
        raise InputError(
            "batch.manifest_again",
            f"{message} It is not complete.",
            f"Continue it: smki-testca batch resume {last.id}",
        )
    raise InputError("batch.manifest_again", message, _ways_out(estate.library, last))


def _ways_out(library: Library, run: Run) -> str:
    """The ways to use the manifest of a run again; some are for Devices alone."""
    profiles = {section.profile for section in run.terms.sections}
    of_devices = {name for name in profiles if _is_of_devices(library, name)}
    if of_devices == profiles:
        return (
            "Give --skip-existing for the Devices that have no certificate, --replace to retire"
            " what is in use, or --again to issue others in addition."
        )
    again = "Give --again to issue others in addition."
    if not of_devices:
        return again
    return (
        f"{again} --skip-existing and --replace are for Devices alone: give those a manifest of"
        " their own."
    )


def _is_of_devices(library: Library, profile: str) -> bool:
    return library.profile(profile).embedded is Identity.DEVICE_ID


class ExistingCertificates:
    """Finds the certificates that the rows of one batch would double, and decides what to do then.

    Args:
        estate: that will issue.
        existing: what is done where there is a certificate already.
        history: learns how many certificates there are for the Devices that are looked up.

    Attributes:
        in_use: how many certificates of use there are of Devices and usages that get another.
        in_progress: how many certificates that runs will still issue are left out of this batch,
            or get another, by run.
    """

    def __init__(self, estate: Stores, existing: Existing, history: IssueHistory) -> None:
        self._library = estate.library
        self._existing = existing
        self._history = history
        self._certificates = estate.device_certificates()
        self._of_devices: dict[str, bool] = {}
        self._known: dict[int, list[DeviceCertificate]] = {}
        self._of_use: set[bytes] = set()
        self._lines: dict[tuple[str, str, str], dict[int, int]] = {}
        self._lines_of_others: dict[bytes, int] = {}
        self._example = ("", "")
        self._is_range = False
        self.in_use = 0
        self.in_progress: Counter[int] = Counter()
        self._runs = estate.runs
        self._left_out: list[int] = []
        self._in_progress_example = ""

    def look_up(self, rows: Iterable[RowRequest]) -> None:
        """Find the certificates of the Devices of some rows at once, before those are judged."""
        ids = {
            eui64.value
            for row in rows
            if self._is_device(row.request) and (eui64 := row.request.subject.embedded_id)
        }
        self._know(self._certificates.of(ids))

    def _know(self, certificates_by_id: dict[int, list[DeviceCertificate]]) -> None:
        self._known = certificates_by_id
        self._of_use = self._certificates.of_use(
            certificate
            for certificates in certificates_by_id.values()
            for certificate in certificates
        )
        self._history.know({value: len(each) for value, each in certificates_by_id.items()})

    def remaining(self, row: RowRequest) -> tuple[KeyUsage | None, ...]:
        """The usages for which a row's certificates are to be issued; none if it is skipped.

        Raises:
            InputError: if it would double something, and that is refused.
        """
        usages = row.request.usages or (None,)
        self._left_out = []
        if not self._is_device(row.request):
            return usages if self._is_new_of_others(row) else ()
        return tuple(usage for usage in usages if self._is_new(row, usage))

    def count_left_out(self) -> None:
        """Count what ``remaining`` left out of a row, once it is known that nothing refuses it."""
        if self._left_out:
            self.in_progress.update(self._left_out)
            self._left_out = []

    def note(self, row: RowRequest, usages: Iterable[KeyUsage | None]) -> None:
        """Note that a row's certificates will be issued, for the rows after it."""
        if self._existing is Existing.AGAIN:
            return
        eui64 = row.request.subject.embedded_id
        if eui64 is None or not self._is_device(row.request):
            self._lines_of_others[_digest(row)] = row.line
            return
        for usage in usages:
            self._lines.setdefault(self._kind(row.request, usage), {})[eui64.value] = row.line

    def gaps(self, request: Request, usage: KeyUsage | None, last: Eui64) -> list[range]:
        """The parts of a range for which a usage is to be issued.

        Args:
            request: its subject has the first ID.
            usage: one of the request's.
            last: the last ID.

        Raises:
            InputError: if a Device has a certificate, and that is refused; or if there are too
                many parts.
        """
        first = request.subject.embedded_id
        if first is None:
            raise ValueError("a range is of certificates that embed an ID")
        if not self._is_device(request):
            return [range(first.value, last.value + 1)]
        taken: list[range] = []
        for certificates_by_id in self._certificates.in_range(first.value, last.value):
            self._know(certificates_by_id)
            taken += [
                range(value, value + 1)
                for value in certificates_by_id
                if not self._is_new_id(request, usage, value)
            ]
            if len(taken) > MAX_GAPS:
                taken = _merged(taken)
                _check_parts(taken)
            self.count_left_out()
            if self._existing is Existing.AGAIN and (self.in_use or self.in_progress):
                self._is_range = True
                break  # one is enough for a warning
        return list(_between(first.value, last.value + 1, _merged(taken)))

    def warnings(self) -> list[str]:
        """One line where Devices get another certificate beside one that is in use.

        And one for each run that will still issue what this batch leaves out, or issues in
        addition.
        """
        if self._existing not in {Existing.AGAIN, Existing.SKIP}:
            return []
        warnings = [self._in_progress_warning(run) for run in sorted(self.in_progress)]
        if self.in_use:
            warnings.append(self._in_use_warning())
        return warnings

    def _in_use_warning(self) -> str:
        device, serial = self._example
        if self._is_range:
            which = "Certificates of the range"
        elif self.in_use > 1:
            which = f"{self.in_use} certificates"
        else:
            return f"The certificate {serial} of {device} is in use: another is issued in addition."
        such_as = f"such as {serial} of {device}"
        return f"{which} are in use already, {such_as}: others are issued in addition."

    def _in_progress_warning(self, number: int) -> str:
        state = self._runs.get(number).state
        run = f"Run {number}, which is {state}, will still issue"
        if self._existing is Existing.AGAIN:
            return f"{run} to {self._in_progress_example}: another is issued in addition."
        count = self.in_progress[number]
        sentence = f"{run} {counted(count, 'certificate')} that {is_or_are(count)} skipped here."
        remedy = f" Continue it: smki-testca batch resume {number}"
        return sentence + remedy if state is State.INTERRUPTED else sentence

    def _is_new(self, row: RowRequest, usage: KeyUsage | None) -> bool:
        eui64 = row.request.subject.embedded_id
        if eui64 is None:
            return True
        if eui64.value not in self._known:
            self.look_up([row])
        earlier = self._lines.get(self._kind(row.request, usage), {}).get(eui64.value)
        if earlier is not None:
            if self._existing is Existing.SKIP:
                return False
            device = _device(eui64.value, usage)
            others = "--skip-existing to issue the first alone, or --again to issue both"
            raise _twice(earlier, device, others)
        return self._is_new_id(row.request, usage, eui64.value)

    def _is_new_id(self, request: Request, usage: KeyUsage | None, value: int) -> bool:
        """Whether a certificate is to be issued for an EUI-64 and a usage."""
        if not self._known[value]:
            return True
        in_use = list(self._in_use(request, usage, value))
        if not in_use:
            return True
        device = _device(value, usage)
        planned, issued = in_use[0], [each for each in in_use if each.is_issued]
        if self._existing in {Existing.SKIP, Existing.AGAIN} and not issued:
            self._left_out.append(planned.run or 0)
            self._in_progress_example = self._in_progress_example or device
            return self._existing is Existing.AGAIN
        if self._existing is Existing.SKIP:
            return False
        if not planned.is_issued and self._existing is not Existing.AGAIN:
            raise InputError(
                "batch.in_progress",
                f"Run {planned.run} will still issue a certificate to {device}.",
                f"Continue it: smki-testca batch resume {planned.run}; or give"
                " --skip-existing to leave the Device out.",
            )
        serial = SerialNumber.from_octets(issued[0].serial)
        if self._existing is Existing.REFUSE:
            raise InputError(
                "batch.in_use", f"The certificate {serial} of {device} is in use.", _ANYWAY
            )
        if not self.in_use:
            self._example = (device, str(serial))
        self.in_use += len(issued)
        return True

    def _in_use(
        self, request: Request, usage: KeyUsage | None, value: int
    ) -> Iterator[DeviceCertificate]:
        """The certificates of use for an EUI-64 and a usage; those still to be issued first."""
        certificates = sorted(self._known[value], key=lambda each: each.is_issued)
        for each in certificates:
            if (
                each.profile == request.subject.profile
                and each.environment == request.environment
                and (usage is None or each.usage == usage.value)
                and each.serial in self._of_use
            ):
                yield each

    def _is_new_of_others(self, row: RowRequest) -> bool:
        if self._existing in {Existing.SKIP, Existing.REPLACE}:
            raise InputError(
                "batch.not_a_device",
                f"The row asks for a certificate of profile {row.request.subject.profile}, of which"
                " a holder may have several.",
                f"Give --{self._existing} for Devices alone, and issue the others in a manifest of"
                " their own.",
            )
        earlier = self._lines_of_others.get(_digest(row)) if self._lines_of_others else None
        if earlier is not None:
            raise _twice(earlier, "the same in every column", "--again to issue both")
        return True

    def _is_device(self, request: Request) -> bool:
        name = request.subject.profile
        is_device = self._of_devices.get(name)
        if is_device is None:
            is_device = self._of_devices[name] = _is_of_devices(self._library, name)
        return is_device

    def _kind(self, request: Request, usage: KeyUsage | None) -> tuple[str, str, str]:
        return request.environment, request.subject.profile, usage or ""


def _twice(earlier: int, recipient: str, options: str) -> InputError:
    return InputError(
        "batch.twice",
        f"The row asks for the same as line {earlier}: {recipient}.",
        f"Remove one of them, or give {options}.",
    )


def _device(value: int, usage: KeyUsage | None) -> str:
    """A Device and a usage."""
    for_usage = f" for {usage}" if usage else ""
    return f"the Device {Eui64(value)}{for_usage}"


def _digest(row: RowRequest) -> bytes:
    """A digest of all that a row states."""
    label = row.label.text if isinstance(row.label, LabelTemplate) else row.label
    request = row.request
    stated = (request.as_json(), row.public_key, label, dict(row.columns))
    return hashlib.blake2b(repr(stated).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _merged(parts: list[range]) -> list[range]:
    """The same numbers in parts that do not touch, in order."""
    merged: list[range] = []
    for each in sorted(parts, key=lambda part: part.start):
        if merged and each.start <= merged[-1].stop:
            merged[-1] = range(merged[-1].start, max(merged[-1].stop, each.stop))
        else:
            merged.append(each)
    return merged


def _check_parts(taken: list[range]) -> None:
    if len(taken) > MAX_GAPS:
        raise InputError(
            "batch.gaps",
            f"The Devices of the range that have a certificate are in over {MAX_GAPS:,} parts.",
            "Ask for shorter ranges, or name the Devices in a manifest.",
        )


def _between(start: int, stop: int, taken: list[range]) -> Iterator[range]:
    """The parts of a range that others, in order, leave free."""
    for each in taken:
        if each.start > start:
            yield range(start, each.start)
        start = max(start, each.stop)
    if start < stop:
        yield range(start, stop)
