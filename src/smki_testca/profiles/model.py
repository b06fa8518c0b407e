"""The data under ``profiles/`` as consistent values.

The values are checked when they are loaded; their users do not check them again.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Final

from smki_testca.profiles.inputs import USAGE
from smki_testca.roles import KeyUsage
from smki_testca.x509.fields import FieldKind, shown_value
from smki_testca.x509.key_usages import names_of_usage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from smki_testca.identifiers import RegistryEntry
    from smki_testca.profiles.inputs import InputType, SubjectInput
    from smki_testca.profiles.text_pattern import TextPattern
    from smki_testca.roles import Basis, RemotePartyRole, Roles
    from smki_testca.x509.fields import Field, Value
    from smki_testca.x509.names import KeyType
    from smki_testca.x509.view import View


POLICY: Final = "extensions.certificatePolicies.policyIdentifier"
"""The field that holds the certificate policy."""


class Severity(StrEnum):
    """The severity of a breach."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


SEVERITY_RANK = {severity: rank for rank, severity in enumerate(Severity)}
"""The place of each severity, the gravest first."""


class Hierarchy(str):
    """The name of a PKI that ``hierarchies.toml`` defines.

    The four shipped ones are attributes: two of SMKI, DCCKI and IKI. For any other, write
    ``Hierarchy("its-name")``.
    """

    __slots__ = ()

    ORGANISATION: ClassVar[Hierarchy]
    DEVICE: ClassVar[Hierarchy]
    DCCKI: ClassVar[Hierarchy]
    IKI: ClassVar[Hierarchy]

    @property
    def value(self) -> str:
        """The name as plain text."""
        return str(self)


Hierarchy.ORGANISATION = Hierarchy("organisation")
Hierarchy.DEVICE = Hierarchy("device")
Hierarchy.DCCKI = Hierarchy("dccki")
Hierarchy.IKI = Hierarchy("iki")


class Tier(StrEnum):
    """The level of a certificate in its hierarchy."""

    ROOT = "root"
    ISSUING = "issuing"
    END_ENTITY = "end-entity"


class Identity(StrEnum):
    """The identifier of the holder in a certificate type; the gate decides by it."""

    USER_ID = "user-id"
    DEVICE_ID = "device-id"
    SIGNIFIER = "signifier"
    ROLE = "role"


class ParticipantKind(StrEnum):
    """The kind of a Testing Participant (R1)."""

    PARTY = "party"
    RDP = "rdp"
    DCC = "dcc"
    MANUFACTURER = "manufacturer"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Constant:
    """A field always filled with the same value."""

    value: Value

    def __str__(self) -> str:
        return f"constant {shown_value(self.value)}"


@dataclass(frozen=True, slots=True)
class Input:
    """A field filled from the request."""

    name: str
    optional: bool

    def __str__(self) -> str:
        return f"input {self.name}" + (" (optional)" if self.optional else "")


@dataclass(frozen=True, slots=True)
class Derived:
    """A field that the CA computes.

    Attributes:
        name: of the computation; see ``docs/profiles.md``.
        years: how long after notBefore or thisUpdate, for ``not-after`` and ``next-update``.
        hours: how long after thisUpdate, for ``next-update``.
        backdate: minutes by which notBefore lies before the instant of issue, for ``now``.
    """

    name: str
    years: int | None = None
    hours: int | None = None
    backdate: int | None = None

    def __str__(self) -> str:
        spans = ((self.years, "years"), (self.hours, "hours"), (self.backdate, "minutes"))
        texts = [f"{count} {unit if count > 1 else unit[:-1]}" for count, unit in spans if count]
        if self.backdate:
            texts = [f"{texts[0]} before"]
        return f"derived {self.name}" + (f" ({texts[0]})" if texts else "")


Fill = Constant | Input | Derived


@dataclass(frozen=True, slots=True)
class Holds:
    """Constraints on a field's value; every constraint that is set must hold."""

    equals: Value | None = None
    one_of: tuple[str, ...] | None = None
    exactly_one_of: tuple[str, ...] | None = None
    matches: TextPattern | None = None
    octets: int | None = None
    max_octets: int | None = None
    max_characters: int | None = None
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
    max_years: int | None = None
    max_hours: int | None = None

    def __str__(self) -> str:
        demands = []
        for part in fields(self):
            value = getattr(self, part.name)
            if value is None or value is False:
                continue
            label = part.name.replace("_", " ")
            if value is True:
                demands.append(label)
            else:
                demands.append(f"{label} {shown_value(getattr(value, 'pattern', value))}")
        return "; ".join(demands)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a profile: it fills a field, checks it, or both.

    Attributes:
        number: its position in the file, from 1.
        fill: the source of the field's value, if this row fills the field.
        encoding: the ASN.1 type it is written in, if this row states it.
        critical: the extension's criticality, if this row states it.
        holds: the constraints.
        severity: of a breach.
        basis: the evidence for the rule.
        source: of the rule, with its clause.
        note: the reason, for a reader.
    """

    number: int
    field: Field
    fill: Fill | None
    encoding: str | None
    critical: bool | None
    holds: Holds
    severity: Severity
    basis: Basis
    source: str
    note: str

    @property
    def rule(self) -> str:
        """The row's constraints in words."""
        demands = [] if self.critical is None else ["critical" if self.critical else "not critical"]
        if self.encoding:
            demands.append(self.encoding)
        if str(self.holds):
            demands.append(str(self.holds))
        return "; ".join(demands)


@dataclass(frozen=True, slots=True)
class CsrTerms:
    """Terms for the CSRs of a hierarchy, beyond the rows of their profiles.

    Attributes:
        described_in: the document that describes them; None where none does.
        must_ask_for_usage: whether a CSR asks for the key usage that its profile fixes.
        needs_criticality: whether an extension is critical in a CSR where it is in the certificate.
    """

    described_in: str | None = None
    must_ask_for_usage: bool = False
    needs_criticality: bool = True


@dataclass(frozen=True, kw_only=True)
class DocumentProfile:
    """One type of signed document, as rows.

    Attributes:
        name: the file's name without ``.toml``.
        rows: in the file's order, which is also the order of subject attributes and of
            extensions in the document.
        origin: the file it came from.
    """

    name: str
    title: str
    hierarchy: Hierarchy
    tier: Tier
    rows: tuple[Row, ...]
    origin: str

    @cached_property
    def filling_rows(self) -> tuple[Row, ...]:
        """The rows that fill a field, one for each field."""
        return tuple(row for row in self.rows if row.fill is not None)

    def encoding(self, field: Field) -> str:
        """The ASN.1 type a field is written in."""
        return self._encodings.get(field.path) or field.encodings[0]

    @cached_property
    def _encodings(self) -> Mapping[str, str]:
        """The ASN.1 types that rows state, by path; the first row of a field counts."""
        return {row.field.path: row.encoding for row in reversed(self.rows) if row.encoding}

    def critical(self, extension: str) -> bool:
        """Whether an extension is marked critical."""
        return any(
            row.critical for row in self.rows if extension in {row.field.extension, row.field.entry}
        )

    def field_of(self, *names: str) -> Field | None:
        """The field that is filled from an input or a derived value of one of these names."""
        for row in self.rows:
            if isinstance(row.fill, Input | Derived) and row.fill.name in names:
                return row.field
        return None

    @property
    def inputs(self) -> frozenset[str]:
        """The names of everything the profile takes from a request."""
        return frozenset(row.fill.name for row in self.rows if isinstance(row.fill, Input))


_OF_IDENTIFIERS: Final = {"eui64": Identity.USER_ID, "device-id": Identity.DEVICE_ID}


@dataclass(frozen=True, kw_only=True)
class Profile(DocumentProfile):
    """One certificate type.

    Attributes:
        key_type: of the subject's key.
        identity: the identifier of its holder; None for a CA's certificate.
        subject_inputs: of a request, in the order of the command line's options; without the
            key usage.
        role_field: the field that holds a RemotePartyRole in its hierarchy; None where none does.
        csr_terms: of its hierarchy.
        summary: a description in one sentence, for help.
        example: options of a request for one, for help.
    """

    key_type: KeyType
    identity: Identity | None = None
    subject_inputs: tuple[SubjectInput, ...] = ()
    role_field: str | None = None
    csr_terms: CsrTerms = CsrTerms()
    summary: str = ""
    example: str = ""

    @property
    def input_types(self) -> tuple[InputType, ...]:
        """The types of its inputs, in the same order."""
        return tuple(subject_input.type for subject_input in self.subject_inputs)

    @cached_property
    def embedded(self) -> Identity | None:
        """The identity whose ID its certificates hold, whatever it states; None if they have none.

        It follows from the input that a row is filled from: ``user-id`` or ``device-id``.
        """
        for input_type in self.input_types:
            if input_type.is_identifier:
                return _OF_IDENTIFIERS[input_type.name]
        return None

    @cached_property
    def free_texts(self) -> tuple[Constant | Input, ...]:
        """The texts of the subject that the CA does not derive, but for common name and role.

        Such a text could be the Signifier of somebody.
        """
        return tuple(
            row.fill
            for row in self.filling_rows
            if row.field.attribute not in {None, "commonName"}
            and row.field.kind is FieldKind.TEXT
            and isinstance(row.fill, Constant | Input)
            and not (isinstance(row.fill, Input) and row.fill.name == "role")
        )

    def role_in(self, view: View, roles: Roles) -> RemotePartyRole | None:
        """The RemotePartyRole that a certificate of the type holds; None where it holds none."""
        return None if self.role_field is None else roles.by_text(view.text(self.role_field) or "")

    def policy(self, environment: Environment) -> str | None:
        """The certificate policy OID that the profile writes in an environment."""
        for row in self.filling_rows:
            if row.field.path == POLICY:
                if isinstance(row.fill, Constant):
                    return str(row.fill.value)
                return environment.policies[self.hierarchy].default
        return None

    @property
    def fixes_end(self) -> bool:
        """Whether a row fixes notAfter to one date, whenever a certificate is issued.

        That of a Device Certificate is 99991231235959Z: it has no well-defined expiry (GBCS s.12,
        RFC 5280 4.1.2.5). So it outlives its CA by the design of its profile.
        """
        return any(
            row.field.path == "validity.notAfter" and isinstance(row.fill, Constant)
            for row in self.filling_rows
        )

    @property
    def takes_usage(self) -> bool:
        """Whether a request states the key usage; it does not where the profile fixes it."""
        return USAGE in self.inputs

    @property
    def usages(self) -> tuple[str, ...]:
        """The key usages of its certificates, each with the names of its bits joined by ``+``."""
        if self.takes_usage:
            return tuple(KeyUsage)
        fills = (row.fill for row in self.rows if row.field.path == "extensions.keyUsage")
        fixed = (fill.value for fill in fills if isinstance(fill, Constant))
        return tuple(map(names_of_usage, fixed))


@dataclass(frozen=True, slots=True)
class HierarchyDefinition:
    """A PKI: its CAs, their revocation lists, and its ordinary certificate type.

    Attributes:
        name: in profiles, environments and commands.
        tiers: the profile of the CA of each tier, the root first.
        revocation_lists: the names of its CRL profiles; none where it has no CRLs.
        end_entity: the name of its ordinary end-entity profile.
        role_field: the field of its certificates that holds a RemotePartyRole; None for none.
        csr_terms: for its CSRs.
    """

    name: Hierarchy
    title: str
    tiers: dict[Tier, str]
    revocation_lists: tuple[str, ...]
    end_entity: str
    role_field: str | None
    csr_terms: CsrTerms
    basis: Basis
    source: str


@dataclass(frozen=True, slots=True)
class Frequency:
    """The frequency with which a CRL must be issued.

    Attributes:
        at_least_every: the longest time between one and the next.
        within_of_revocation: the longest time after a revocation; None where no rule limits it.
    """

    at_least_every: timedelta
    within_of_revocation: timedelta | None
    basis: Basis
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationListProfile(DocumentProfile):
    """One type of CRL or ARL; its tier is that of the CA that signs it.

    Attributes:
        frequency: how often it must be issued.
    """

    frequency: Frequency


@dataclass(frozen=True, slots=True)
class Quota:
    """The numbers of certificates that a category allows; None is no limit.

    Attributes:
        per_device_id: certificates under one Device ID (R21).
        per_participant: certificates of this category for one participant.
    """

    per_device_id: int | None = None
    per_participant: int | None = None


@dataclass(frozen=True, slots=True)
class Category:
    """A category of Test Certificates (R6): the certificates in it, and who may have them."""

    name: str
    title: str
    profiles: tuple[str, ...]
    remote_party_roles: tuple[RemotePartyRole, ...]
    participants: tuple[ParticipantKind, ...]
    testing_services: tuple[str, ...]
    environments: tuple[str, ...]
    obligations: tuple[str, ...]
    remote_delivery: bool
    quota: Quota
    basis: Basis
    source: str

    def holds(self, profile: str, role: RemotePartyRole | None) -> bool:
        """Whether a certificate of this profile and role belongs to the category."""
        return profile in self.profiles and (
            not self.remote_party_roles or role in self.remote_party_roles
        )


@dataclass(frozen=True, slots=True)
class TestingService:
    """A purpose for which Test Certificates are provided (R3)."""

    code: str
    name: str
    basis: Basis
    source: str


@dataclass(frozen=True, slots=True)
class Interface:
    """A web service for Device CSRs: which IKI certificates open it, and who may call it.

    Attributes:
        name: ``adhoc`` or ``batched``.
        title: as SEC App. M has it.
        systems: patterns of the system names (commonName) of IKI certificates that are for it;
            an asterisk is any text, and the case of letters does not matter.
        systems_basis: how well these are known.
        kinds: of the participants that may call.
        user_roles: codes of the User Roles, of which a Party must have one to call.
        basis, source: of who may call.
    """

    name: str
    title: str
    systems: tuple[str, ...]
    systems_basis: Basis
    kinds: tuple[ParticipantKind, ...]
    user_roles: tuple[str, ...]
    basis: Basis
    source: str

    def is_for(self, system: str) -> bool:
        """Whether the IKI certificate of a system opens this interface."""
        return any(fnmatchcase(system.casefold(), each.casefold()) for each in self.systems)


@dataclass(frozen=True, slots=True)
class Policies:
    """The certificate policy OIDs of one hierarchy in one environment."""

    default: str
    allowed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Environment:
    """A test environment.

    Attributes:
        family: the environments of one family share their CAs.
        ca_names: the CN of the root and the issuing CA of each hierarchy.
        policies: of each hierarchy.
        experimental: whether profiles may weaken specified rules there; their certificates are
            marked.
    """

    name: str
    title: str
    family: str
    ca_names: dict[tuple[Hierarchy, Tier], str]
    policies: dict[Hierarchy, Policies]
    basis: Basis
    source: str
    experimental: bool = False

    def ca_name(self, hierarchy: Hierarchy, tier: Tier) -> str | None:
        """The CN of a CA; None for an end entity."""
        return self.ca_names.get((hierarchy, tier))

    def names_of_cas(self, hierarchy: Hierarchy) -> tuple[str, ...]:
        """The CNs of the CAs of a hierarchy, each once, the root's first."""
        names = (name for (of, _), name in self.ca_names.items() if of == hierarchy)
        return tuple(dict.fromkeys(names))


@dataclass(frozen=True, slots=True)
class LiveMarks:
    """The marks of live material, which no Test Certificate may carry (R20)."""

    environments: tuple[str, ...]
    policies: tuple[str, ...]
    ca_names: tuple[str, ...]
    basis: Basis
    source: str

    def names_ca(self, name: str | None) -> bool:
        """Whether a CA of that name would pass for a live one: without regard to case or spaces."""
        return name is not None and folded(name) in map(folded, self.ca_names)


def folded(name: str) -> str:
    """The name of a CA without regard to case or spaces, to compare with others."""
    return "".join(name.casefold().split())


@dataclass(frozen=True, slots=True)
class SecRegistryEntry:
    """A Registry Entry for User, DCC and RDP IDs, never for Devices (R10, R11).

    Attributes:
        environments: the names of those it is for; empty for all.
    """

    entry: RegistryEntry
    title: str
    environments: tuple[str, ...]
    basis: Basis
    source: str

    def is_for(self, environment: Environment) -> bool:
        """Whether IDs under the entry are right in an environment."""
        return not self.environments or environment.name in self.environments
