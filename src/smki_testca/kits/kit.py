"""What a kit is: certificates, the register they are asked of, and Devices by the number."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.identifiers import Eui64
    from smki_testca.kits.counting import Counting
    from smki_testca.kits.labels import Template
    from smki_testca.profiles.subject import Subject
    from smki_testca.register.agreements import Agreement
    from smki_testca.register.participants import Participant
    from smki_testca.roles import KeyUsage


@dataclass(frozen=True, slots=True)
class KitRequest:
    """One request of a kit, as it would be made on the command line.

    Attributes:
        inputs: of its certificate type: texts by option.
    """

    profile: str
    participant: str
    purpose: str
    usages: tuple[KeyUsage, ...]
    inputs: dict[str, str]
    label: str | None
    environment: str

    @property
    def count(self) -> int:
        """How many certificates it asks for."""
        return max(1, len(self.usages))


@dataclass(frozen=True, slots=True)
class KitDevice:
    """One certificate of a Device."""

    environment: str
    device_id: Eui64
    usage: KeyUsage | None
    label: str


@dataclass(frozen=True, slots=True)
class KitDevices:
    """Devices of one type.

    Attributes:
        type: what they are, such as ``ESME``.
        profile: the certificate type.
        subject: of the first of them; those of the others have another ID.
        count: how many in each environment, unless another number is asked for.
    """

    type: str
    profile: str
    participant: str
    purpose: str
    subject: Subject
    usages: tuple[KeyUsage, ...]
    counting: Counting
    label: Template
    count: int

    def certificates(self, count: int) -> Iterator[KitDevice]:
        """The certificates of so many Devices in each environment."""
        for environment, number, device_id in self.counting.ids(count):
            for usage in self.usages or (None,):
                label = self.label.fill(device_id, number, usage, environment, kind=self.type)
                yield KitDevice(environment, device_id, usage, label)


@dataclass(frozen=True, slots=True)
class KitAgreement:
    """An agreement, its days counted from the day on which the kit is made.

    Attributes:
        terms: all but the days, which mean nothing there.
        until_days: None where it has no end.
    """

    terms: Agreement
    from_days: int
    until_days: int | None

    def on(self, day: date) -> Agreement:
        """The agreement in a kit made on a day."""
        end = None if self.until_days is None else _counted(day, self.until_days)
        return replace(self.terms, start=_counted(day, self.from_days), end=end)


def _counted(day: date, days: int) -> date:
    """So many days on; the first or last day there is, where that is further."""
    try:
        return day + timedelta(days)
    except OverflowError:
        return date.max if days > 0 else date.min


@dataclass(frozen=True, slots=True)
class Kit:
    """A set of certificates made together.

    Attributes:
        environments: where they belong.
        example: the file of ``examples/`` that holds its participants and agreements, if one does.
        participants: its own.
        agreements: its own.
        requests: in order; those of series are among them.
        devices: made by the number.
    """

    name: str
    title: str
    environments: tuple[str, ...]
    example: str | None
    participants: tuple[Participant, ...]
    agreements: tuple[KitAgreement, ...]
    requests: tuple[KitRequest, ...]
    devices: tuple[KitDevices, ...]

    @property
    def count(self) -> int:
        """How many certificates there are without the Devices' by the number."""
        return sum(one.count for one in self.requests)

    def device_certificates(self, count: int | None) -> Iterator[tuple[KitDevices, KitDevice]]:
        """The certificates of Devices.

        Args:
            count: how many Devices of each type in each environment; None for as many as the
                kit says.
        """
        for one in self.devices:
            for certificate in one.certificates(one.count if count is None else count):
                yield one, certificate
