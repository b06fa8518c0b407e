"""``kits/*.toml`` as they are written: which keys there are, and their types."""

from __future__ import annotations

from typing import Annotated

import msgspec

from smki_testca.profiles.documents import Count, Document, Said
from smki_testca.register.agreements import AgreementKind
from smki_testca.register.documents import Line, ParticipantTable
from smki_testca.roles import KeyUsage

Days = Annotated[int, msgspec.Meta(ge=-36_525, le=36_525)]
Step = Annotated[int, msgspec.Meta(ge=0, le=1 << 32)]
Length = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
Some = Annotated[list[Said], msgspec.Meta(min_length=1)]
Devices = Annotated[int, msgspec.Meta(ge=0, le=100_000)]


class AgreementTable(Document, frozen=True, kw_only=True):
    """An agreement whose days are counted from the day on which the kit is made."""

    reference: Line
    participant: Said
    kind: AgreementKind
    from_days: Days
    until_days: Days | None = None
    purposes: list[Said]
    categories: list[Said]
    environments: Some | None = None
    obligations: list[Said] = []
    remote_delivery: bool = False


class CountedTable(Document, frozen=True, kw_only=True):
    """IDs one after the other, in each of some environments."""

    participant: Said
    first_id: Said
    step: Count = 1
    environments: Some | None = None
    environment_step: Step = 0


class AllocationTable(CountedTable, frozen=True, kw_only=True):
    """IDs that the Panel allocated to a participant of the kit, and what they serve."""

    user_roles: list[Said]
    count: Length = 1


class RequestTable(Document, frozen=True, kw_only=True):
    """One request: the options of ``issue`` as keys."""

    profile: Said
    participant: Said
    purpose: Said
    environment: Said | None = None
    usages: list[KeyUsage] = []
    label: str | None = None
    id: str | None = None
    role: str | None = None
    common_name: str | None = None
    device_id: str | None = None
    hw_type: str | None = None
    dns: str | None = None
    system_name: str | None = None


class SeriesTable(CountedTable, frozen=True, kw_only=True):
    """Like requests for IDs one after the other, each in a role and for a usage."""

    profile: Said
    purpose: Said
    count: Length = 1
    roles: list[Said] = []
    usages: Annotated[list[KeyUsage], msgspec.Meta(min_length=1)]
    label: Said
    common_name: str | None = None
    hw_type: str | None = None


class DevicesTable(CountedTable, frozen=True, kw_only=True):
    """Devices of one type, as many as are asked for; ``count`` unless told."""

    type: Said
    purpose: Said
    hw_type: Said
    count: Devices = 0
    usages: Annotated[list[KeyUsage], msgspec.Meta(min_length=1)]
    label: Said


class KitFile(Document, frozen=True, kw_only=True):
    """``kits/*.toml``."""

    name: Said
    title: Said
    environments: list[Said] = []
    register: Said | None = None
    participant: list[ParticipantTable] = []
    agreement: list[AgreementTable] = []
    allocation: list[AllocationTable] = []
    request: list[RequestTable] = []
    series: list[SeriesTable] = []
    devices: list[DevicesTable] = []
