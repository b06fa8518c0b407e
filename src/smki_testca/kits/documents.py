"""``kits/*.toml`` as they are written: which keys there are, and their types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec

from smki_testca.errors import InputError
from smki_testca.profiles.documents import Count, Document, Said
from smki_testca.register.agreements import AgreementKind
from smki_testca.register.documents import Line, ParticipantTable
from smki_testca.roles import KeyUsage

if TYPE_CHECKING:
    from collections.abc import Collection

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
    """One request, the inputs of its certificate type left out."""

    profile: Said
    participant: Said
    purpose: Said
    environment: Said | None = None
    usages: list[KeyUsage] = []
    label: str | None = None


class SeriesTable(CountedTable, frozen=True, kw_only=True):
    """Like requests for IDs one after the other, each in a role and for a usage."""

    profile: Said
    purpose: Said
    count: Length = 1
    roles: list[Said] = []
    usages: list[KeyUsage] = []
    label: Said


class DevicesTable(CountedTable, frozen=True, kw_only=True):
    """Devices of one type, as many as are asked for; ``count`` unless told."""

    profile: Said = "device"
    type: Said
    purpose: Said
    count: Devices = 0
    usages: list[KeyUsage] = []
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
    request: list[dict[str, Any]] = []
    series: list[dict[str, Any]] = []
    devices: list[dict[str, Any]] = []


T = TypeVar("T", RequestTable, SeriesTable, DevicesTable)


def split(
    table: dict[str, Any], shape: type[T], options: Collection[str], origin: str, place: str
) -> tuple[T, dict[str, str]]:
    """A table of requests, and the inputs that it states beside its own keys: texts by option.

    Args:
        table: as the file has it.
        shape: the keys of its own.
        options: the inputs of all certificate types.
        origin: the file, for messages.
        place: of the table in the file, such as ``devices[0]``.

    Raises:
        InputError: if a key is missing, unknown or does not fit.
    """
    own = {one.encode_name for one in msgspec.structs.fields(shape)}
    stated = {key: value for key, value in table.items() if key in options and key not in own}
    try:
        made = msgspec.convert({key: table[key] for key in table if key not in stated}, shape)
        texts = msgspec.convert(stated, dict[str, str])
    except msgspec.ValidationError as error:
        raise InputError("toml.shape", f"{origin} does not fit: {_at(error, place)}.") from error
    return made, texts


def _at(error: msgspec.ValidationError, place: str) -> str:
    """What is wrong with a table, and its path in the file."""
    message, _, path = str(error).partition(" - at `$")
    return f"{message}, at `$.{place}{path.removesuffix('`')}`"
