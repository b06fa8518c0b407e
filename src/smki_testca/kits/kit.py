"""A kit: its participants and agreements, its requests, and Devices in any number."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from smki_testca.kits.device_labels import check_device_labels

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from smki_testca.clock import Clock
    from smki_testca.kits.kit_requests import KitDevice, KitDevices, KitRequest
    from smki_testca.profiles import Library
    from smki_testca.profiles.model import Hierarchy
    from smki_testca.register.agreements import Agreement
    from smki_testca.register.participants import Participant


@dataclass(frozen=True, slots=True)
class KitAgreement:
    """An agreement, its days counted from the day on which the kit is made.

    Attributes:
        terms: the agreement; its own days mean nothing.
        from_days: the days from the kit's making to the agreement's start.
        until_days: the days from the kit's making to its end; None if it has no end.
    """

    terms: Agreement
    from_days: int
    until_days: int | None

    def on(self, day: date) -> Agreement:
        """Return the agreement for a kit made on a day."""
        end = None if self.until_days is None else _days_after(day, self.until_days)
        return replace(self.terms, start=_days_after(day, self.from_days), end=end)


def _days_after(day: date, days: int) -> date:
    """Return the date so many days after a day; where it is out of range, the nearest date."""
    try:
        return day + timedelta(days)
    except OverflowError:
        return date.max if days > 0 else date.min


@dataclass(frozen=True, slots=True)
class Kit:
    """A set of certificates made together.

    Attributes:
        environments: the test environments that it issues in.
        example: the file of ``examples/`` with its participants and agreements, if there is one.
        participants: the participants in the kit file.
        agreements: the agreements in the kit file.
        requests: the requests in order, those of series included.
        devices: the Devices of each type.
        origin: the kit file, for messages.
        hierarchies: those whose CAs it has; None for all.
        register_file: the operator's own file with its participants and agreements, in place of
            one of ``examples/``.
        cells_of: the types of Device for whose Trust Anchor Cells it has a folder each.
    """

    name: str
    title: str
    environments: tuple[str, ...]
    example: str | None
    participants: tuple[Participant, ...]
    agreements: tuple[KitAgreement, ...]
    requests: tuple[KitRequest, ...]
    devices: tuple[KitDevices, ...]
    origin: str
    hierarchies: tuple[Hierarchy, ...] | None = None
    cells_of: tuple[str, ...] = ()
    register_file: Path | None = None

    def hierarchies_of(self, library: Library) -> tuple[Hierarchy, ...]:
        """The hierarchies whose CAs it has, in the library's order."""
        known = library.hierarchies
        return tuple(each for each in known if self.hierarchies is None or each in self.hierarchies)

    def agreements_on(self, clock: Clock) -> list[Agreement]:
        """Its agreements, their days counted from today."""
        today = clock.now().date()
        return [agreement.on(today) for agreement in self.agreements]

    @property
    def count(self) -> int:
        """The number of certificates, without those of ``devices``."""
        return sum(request.count for request in self.requests)

    def device_count(self, count: int | None) -> int:
        """The number of certificates of the Devices; see ``device_certificates``."""
        return sum(
            devices.certificate_count(devices.count if count is None else count)
            for devices in self.devices
        )

    def device_certificates(self, count: int | None) -> Iterator[tuple[KitDevices, KitDevice]]:
        """Yield the certificates of the Devices.

        Args:
            count: the number of Devices of each type in each environment; None for the kit's own
                number.

        Raises:
            InputError: if two would have the same label.
        """
        check_device_labels(self.devices, self.requests, count)
        for devices in self.devices:
            for certificate in devices.certificates(devices.count if count is None else count):
                yield devices, certificate
