"""The keys of ``kits/*.toml``, and their types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import msgspec

from smki_testca.profiles.documents import Count, Document, FileName, NonEmpty
from smki_testca.profiles.misfits import convert
from smki_testca.register.agreements import AgreementKind
from smki_testca.register.documents import Line, ParticipantTable
from smki_testca.roles import KeyUsage

if TYPE_CHECKING:
    from collections.abc import Collection

    from smki_testca.toml_places import Place

Days = Annotated[int, msgspec.Meta(ge=-36_525, le=36_525)]
Step = Annotated[int, msgspec.Meta(ge=0, le=1 << 32)]
Length = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
Some = Annotated[list[NonEmpty], msgspec.Meta(min_length=1)]
CellUse = Literal["management", "pre-payment-top-up", "none"]
"""For which Trust Anchor Cells a certificate is."""
Devices = Annotated[int, msgspec.Meta(ge=0, le=100_000)]


class KitAgreementTable(Document, frozen=True, kw_only=True):
    """An agreement whose days are counted from the day on which the kit is made."""

    reference: Line
    participant: NonEmpty
    kind: AgreementKind
    from_days: Days
    until_days: Days | None = None
    purposes: list[NonEmpty]
    categories: list[NonEmpty]
    environments: Some | None = None
    obligations: list[NonEmpty] = []
    remote_delivery: bool = False


class CountedTable(Document, frozen=True, kw_only=True):
    """IDs one after the other, in each of some environments."""

    participant: NonEmpty
    first_id: NonEmpty
    step: Count = 1
    environments: Some | None = None
    environment_step: Step = 0


class AllocationTable(CountedTable, frozen=True, kw_only=True):
    """IDs that the Panel allocated to a participant of the kit, and what they serve."""

    user_roles: list[NonEmpty]
    count: Length = 1


class RequestTable(Document, frozen=True, kw_only=True):
    """One request, without the inputs of its certificate type."""

    profile: NonEmpty
    participant: NonEmpty
    purpose: NonEmpty
    environment: NonEmpty | None = None
    usages: list[KeyUsage] = []
    label: str | None = None
    cell_usage: CellUse = "management"


class SeriesTable(CountedTable, frozen=True, kw_only=True):
    """Requests for IDs one after the other, each in a role and for a usage."""

    profile: NonEmpty
    purpose: NonEmpty
    count: Length = 1
    roles: list[NonEmpty] = []
    usages: list[KeyUsage] = []
    label: NonEmpty
    cell_usage: CellUse = "management"


class DevicesTable(CountedTable, frozen=True, kw_only=True):
    """Devices of one type, as many as are asked for, or else ``count``."""

    profile: NonEmpty = "device"
    type: NonEmpty
    purpose: NonEmpty
    count: Devices = 0
    usages: list[KeyUsage] = []
    label: NonEmpty


class KitFile(Document, frozen=True, kw_only=True):
    """``kits/*.toml``."""

    name: FileName
    title: NonEmpty
    environments: list[NonEmpty] = []
    hierarchies: Some | None = None
    trust_anchor_cells: list[NonEmpty] = []
    register: NonEmpty | None = None
    participant: list[ParticipantTable] = []
    agreement: list[KitAgreementTable] = []
    allocation: list[AllocationTable] = []
    request: list[dict[str, Any]] = []
    series: list[dict[str, Any]] = []
    devices: list[dict[str, Any]] = []


T = TypeVar("T", RequestTable, SeriesTable, DevicesTable)


def split(
    table: dict[str, Any], shape: type[T], options: Collection[str], place: Place
) -> tuple[T, dict[str, str]]:
    """Split a table of requests into its own keys and the inputs beside them: texts by option.

    Args:
        table: the table, as in the file.
        shape: the struct of its own keys.
        options: the inputs of all certificate types.
        place: of the table in its file.

    Raises:
        InputError: if a key is missing, unknown or does not fit.
    """
    own_keys = {field.encode_name for field in msgspec.structs.fields(shape)}
    inputs = {key: _several(table[key]) for key in table if key in options and key not in own_keys}
    own = convert({key: table[key] for key in table if key not in inputs}, shape, place)
    return own, convert(inputs, dict[str, NonEmpty], place)


def _several(value: Any) -> Any:
    """The text of an input that a list gives several values; other values as they are."""
    is_list = isinstance(value, list) and value and all(isinstance(part, str) for part in value)
    return ",".join(value) if is_list else value
