"""The requests of a kit, and its Devices in any number."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.identifiers import Eui64
    from smki_testca.kits.counting import IdSeries
    from smki_testca.kits.label_templates import KitLabelTemplate
    from smki_testca.profiles.device_types import CellUsage
    from smki_testca.profiles.subject import Subject
    from smki_testca.roles import KeyUsage
    from smki_testca.toml_places import Place


@dataclass(frozen=True, slots=True)
class KitRequest:
    """One request of a kit, as it would be made on the command line.

    Attributes:
        inputs: the inputs of its certificate type, texts by option.
        place: of its table in the kit file.
        cell_usage: for which Trust Anchor Cells its certificates are; None for none.
    """

    profile: str
    participant: str
    purpose: str
    usages: tuple[KeyUsage, ...]
    inputs: dict[str, str]
    label: str | None
    environment: str
    place: Place
    cell_usage: CellUsage | None = None

    @property
    def count(self) -> int:
        """The number of certificates it asks for."""
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
        type: the type of Device, such as ``ESME``.
        profile: the certificate type.
        subject: the subject of the first; the others differ in the ID.
        count: the number in each environment, unless another one is asked for.
        place: of its table in the kit file.
        inputs: the inputs of its certificate type beside the ID, texts by option.
    """

    type: str
    profile: str
    participant: str
    purpose: str
    subject: Subject
    usages: tuple[KeyUsage, ...]
    counting: IdSeries
    label: KitLabelTemplate
    count: int
    place: Place
    inputs: dict[str, str] = field(default_factory=dict)

    def certificate_count(self, count: int) -> int:
        """The number of certificates of so many Devices in each environment."""
        return count * len(self.counting.environments) * max(1, len(self.usages))

    def certificates(self, count: int) -> Iterator[KitDevice]:
        """Yield the certificates of so many Devices in each environment."""
        for environment, number, device_id in self.counting.ids(count):
            for usage in self.usages or (None,):
                label = self.label.fill(device_id, number, usage, environment, kind=self.type)
                yield KitDevice(environment, device_id, usage, label)
