"""The schema of the TOML files under ``profiles/``: their keys and the types of these.

A key that is unknown, missing or of the wrong type is an error that names its path.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

import msgspec

from smki_testca import toml
from smki_testca.profiles.device_types import CellKeyUsage, CellUsage
from smki_testca.profiles.misfits import convert
from smki_testca.profiles.model import Identity, ParticipantKind, Severity, Tier
from smki_testca.roles import Basis, KeyUsage
from smki_testca.toml_places import Place
from smki_testca.x509.names import KeyType

NonEmpty = Annotated[str, msgspec.Meta(min_length=1)]
FileName = Annotated[
    str,
    msgspec.Meta(
        pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\\Z",
        extra={
            "rule": "Write up to 64 letters, digits, dots, hyphens and underscores; begin with a"
            " letter or digit."
        },
    ),
]
"""The name of a file without ``.toml``: it stands in commands, reports and manifests."""
Alternatives = Annotated[list[str], msgspec.Meta(min_length=1)]
Code = Annotated[int, msgspec.Meta(ge=0, le=255)]
Count = Annotated[int, msgspec.Meta(ge=1, le=1 << 32)]
Years = Annotated[int, msgspec.Meta(ge=1, le=9_998)]
"""At most as many as there are between two dates of the calendar."""
Hours = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
"""At most 114 years."""
Minutes = Annotated[int, msgspec.Meta(ge=1, le=525_600)]
"""At most a year."""


class Document(msgspec.Struct, forbid_unknown_fields=True, rename="kebab", frozen=True):
    """A table of a file; keys are written with hyphens."""


class SourcedTable(Document, frozen=True, kw_only=True):
    """A table with its evidence and source."""

    basis: Basis
    source: NonEmpty


class FillTable(Document, frozen=True):
    """The source of a field's value: exactly one of constant, input and derived."""

    constant: Any = None
    input: str | None = None
    derived: str | None = None
    optional: bool = False
    years: Years | None = None
    hours: Hours | None = None
    backdate: Minutes | None = None


class HoldsTable(Document, frozen=True):
    """The constraints of a row on its field."""

    equals: Any = None
    one_of: Alternatives | None = None
    exactly_one_of: Alternatives | None = None
    matches: str | None = None
    octets: Count | None = None
    max_octets: Count | None = None
    max_characters: Count | None = None
    positive: bool = False
    not_negative: bool = False
    absent: bool = False
    optional: bool = False
    last: bool = False
    no_unused_bits: bool = False
    identifies: bool = False
    in_row_order: bool = False
    role_code: bool = False
    sole: bool = False
    max_years: Years | None = None
    max_hours: Hours | None = None


class RowTable(SourcedTable, frozen=True, kw_only=True):
    """A row of a certificate or CRL profile."""

    field: NonEmpty
    fill: FillTable | None = None
    encode: str | None = None
    critical: bool | None = None
    holds: HoldsTable = HoldsTable()
    severity: Severity | None = None
    note: str = ""


class InputTable(Document, frozen=True, kw_only=True):
    """The description of an input; for one that only this certificate type has, also its type."""

    type: Literal["text", "oid"] | None = None
    help: NonEmpty | None = None
    metavar: NonEmpty | None = None


class ProfileFile(Document, frozen=True, kw_only=True):
    """``certificates/*.toml``."""

    name: FileName
    title: NonEmpty
    hierarchy: NonEmpty
    tier: Tier
    key_type: KeyType
    identity: Identity | None = None
    summary: str = ""
    example: str = ""
    inputs: dict[str, InputTable] = {}
    row: list[RowTable]


class FrequencyTable(SourcedTable, frozen=True, kw_only=True):
    """The frequency of a CRL."""

    at_least_every_hours: Hours
    within_hours_of_revocation: Hours | None = None


class RevocationListFile(Document, frozen=True, kw_only=True):
    """``revocation-lists/*.toml``."""

    name: FileName
    title: NonEmpty
    hierarchy: NonEmpty
    tier: Tier
    frequency: FrequencyTable
    row: list[RowTable]


class QuotaTable(Document, frozen=True):
    """The quota of a category."""

    per_device_id: Count | None = None
    per_participant: Count | None = None


class CategoryFile(SourcedTable, frozen=True, kw_only=True):
    """``categories/*.toml``."""

    name: FileName
    title: NonEmpty
    profiles: list[str]
    remote_party_roles: list[str] = []
    participants: list[ParticipantKind]
    testing_services: list[str]
    environments: list[str] | Literal["all"]
    obligations: list[NonEmpty] = []
    remote_delivery: bool
    quota: QuotaTable = QuotaTable()


class RemotePartyRoleTable(SourcedTable, frozen=True, kw_only=True):
    """A RemotePartyRole."""

    code: Code
    name: NonEmpty
    held_by: list[str]
    usages: list[KeyUsage]


class UserRoleTable(SourcedTable, frozen=True, kw_only=True):
    """A User Role; ``kind`` is that of the participants who may hold it."""

    code: NonEmpty
    name: NonEmpty
    kind: Literal["party", "rdp", "dcc"] | None = None


class RolesFile(Document, frozen=True):
    """``roles.toml``."""

    user_role: list[UserRoleTable]
    remote_party_role: list[RemotePartyRoleTable]


class TestingServiceTable(SourcedTable, frozen=True, kw_only=True):
    """A Testing Service."""

    code: NonEmpty
    name: NonEmpty


class TestingServicesFile(Document, frozen=True):
    """``testing-services.toml``."""

    testing_service: list[TestingServiceTable]


class InterfaceTable(SourcedTable, frozen=True, kw_only=True):
    """A web service for Device CSRs."""

    name: Literal["adhoc", "batched"]
    title: NonEmpty
    systems: list[NonEmpty]
    systems_basis: Basis
    kinds: list[ParticipantKind] = []
    user_roles: list[NonEmpty] = []


class InterfacesFile(Document, frozen=True):
    """``interfaces.toml``."""

    interface: list[InterfaceTable]


class CaNamesTable(Document, frozen=True):
    """The CNs of the two CAs of a hierarchy."""

    root: NonEmpty
    issuing: NonEmpty


class PoliciesTable(Document, frozen=True):
    """The policy OIDs of a hierarchy."""

    default: NonEmpty
    allowed: list[NonEmpty]


class FamilyTable(SourcedTable, frozen=True, kw_only=True):
    """Environments that share their CAs."""

    name: NonEmpty
    ca_names: dict[str, CaNamesTable]
    policies: dict[str, PoliciesTable]


class TiersTable(Document, frozen=True):
    """The certificate profiles of the two CAs of a hierarchy."""

    root: NonEmpty
    issuing: NonEmpty


class CsrTable(Document, frozen=True):
    """Terms for the CSRs of a hierarchy, beyond their profiles."""

    described_in: NonEmpty | None = None
    key_usage: Literal["optional", "required"] = "optional"
    criticality: Literal["as-profile", "any"] = "as-profile"


class HierarchyTable(SourcedTable, frozen=True, kw_only=True):
    """A PKI."""

    name: Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9-]{0,39}\\Z")]
    title: NonEmpty
    tiers: TiersTable
    revocation_lists: list[NonEmpty]
    end_entity: NonEmpty
    role_field: NonEmpty | None = None
    csr: CsrTable | None = None


class HierarchiesFile(Document, frozen=True):
    """``hierarchies.toml``."""

    hierarchy: list[HierarchyTable]


class DeviceTypeTable(SourcedTable, frozen=True, kw_only=True):
    """A type of Device."""

    name: FileName
    title: NonEmpty
    number: Annotated[int, msgspec.Meta(ge=0, le=255)]
    complete: bool
    note: str = ""


class CellTable(SourcedTable, frozen=True, kw_only=True):
    """A Trust Anchor Cell of some types of Device."""

    device_types: list[NonEmpty]
    role: NonEmpty
    key_usage: CellKeyUsage
    cell_usage: CellUsage = CellUsage.MANAGEMENT


class DeviceTypesFile(Document, frozen=True, kw_only=True):
    """``device-types.toml``."""

    device_type: list[DeviceTypeTable]
    cell: list[CellTable]


class AnswerStatusTable(SourcedTable, frozen=True, kw_only=True):
    """A status that a Device answers with."""

    number: Code
    name: NonEmpty
    meaning: NonEmpty


class DeviceRuleTable(SourcedTable, frozen=True, kw_only=True):
    """A rule that a Device is taken to check."""

    code: Annotated[str, msgspec.Meta(pattern="^device(\\.[a-z_]+)+\\Z")]
    status: NonEmpty
    findings: list[NonEmpty] = []
    time: bool = False
    meaning: NonEmpty


class UseCaseTable(SourcedTable, frozen=True, kw_only=True):
    """A use case that replaces certificates; without roles, those of any cell."""

    name: NonEmpty
    roles: list[NonEmpty] = []


class ReplacementModeTable(SourcedTable, frozen=True, kw_only=True):
    """A replacement mode; without roles, it replaces the certificate of any cell."""

    number: Code
    name: NonEmpty
    roles: list[NonEmpty] = []
    note: str = ""


class DeviceAnswersFile(Document, frozen=True, kw_only=True):
    """``device-answers.toml``."""

    status: list[AnswerStatusTable]
    own_status: list[AnswerStatusTable]
    csr_status: list[AnswerStatusTable] = []
    join_status: list[AnswerStatusTable] = []
    rule: list[DeviceRuleTable]
    use_case: list[UseCaseTable]
    mode: list[ReplacementModeTable]


class TermTable(SourcedTable, frozen=True, kw_only=True):
    """A term of ``assurance-terms.toml``; ``severity`` is that of findings that rest on it."""

    name: FileName
    severity: Severity | None = None


class PostTermTable(TermTable, frozen=True, kw_only=True):
    """A kind of post that a person can have; ``employer`` is whether there is one.

    ``work`` is whether it says whom the person works for, or that they work for nobody.
    """

    counts: bool = True
    employer: bool = True
    work: bool = True


class PartTermTable(TermTable, frozen=True, kw_only=True):
    """A way in which a person takes part in a decision, or, with ``recuses``, in none of it."""

    counts: bool = True
    recuses: bool = False


class DecisionTermTable(TermTable, frozen=True, kw_only=True):
    """A kind of decision, and when it is made: before, at or after the outcome."""

    stage: Literal["before", "outcome", "after"]


class WindowTermTable(TermTable, frozen=True, kw_only=True):
    """Days around a decision in which a post counts that does not cover it; for ever without."""

    days: Annotated[int, msgspec.Meta(ge=0, le=36_525)] | None = None


class SwitchedTable(TermTable, frozen=True, kw_only=True):
    """A term that can be switched off."""

    counts: bool = True


class AssuranceTermsFile(Document, frozen=True, kw_only=True):
    """``assurance-terms.toml``."""

    stage: list[TermTable]
    post: list[PostTermTable]
    part: list[PartTermTable]
    decision: list[DecisionTermTable]
    oversight: list[SwitchedTable]
    group: list[SwitchedTable]
    window: list[WindowTermTable]
    recusal: list[SwitchedTable]


class EnvironmentTable(SourcedTable, frozen=True, kw_only=True):
    """A test environment."""

    name: NonEmpty
    title: NonEmpty
    family: NonEmpty
    experimental: bool = False


class LiveTable(SourcedTable, frozen=True, kw_only=True):
    """The marks of live material."""

    environments: list[str]
    policies: list[str]
    ca_names: list[str]


class SecRegistryEntryTable(SourcedTable, frozen=True, kw_only=True):
    """A Registry Entry of the SEC, for some environments or (by default) for all."""

    value: NonEmpty
    title: NonEmpty
    environments: list[str] = []


class EnvironmentsFile(Document, frozen=True):
    """``environments.toml``."""

    default: NonEmpty
    live: LiveTable
    sec_registry_entry: list[SecRegistryEntryTable]
    family: list[FamilyTable]
    environment: list[EnvironmentTable]


T = TypeVar("T")


def decode(data: bytes, shape: type[T], origin: str, *, dates_are_text: bool = True) -> T:
    """Read a TOML file into a struct.

    Args:
        data: its octets, within the limits of ``smki_testca.toml``.
        shape: the type of the struct.
        origin: the file's name, for messages.
        dates_are_text: whether a date may be in quotation marks as well.

    Raises:
        InputError: naming the line, and the key that does not fit.
    """
    place = Place(origin, data=data)
    return convert(toml.parse(data, origin), shape, place, dates_are_text=dates_are_text)
