"""Finds and loads the data files: an operator's before the shipped ones."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import msgspec

from smki_testca.errors import InputError
from smki_testca.identifiers import RegistryEntry, parse_object_identifier
from smki_testca.profiles import documents, rows
from smki_testca.profiles.assurance_terms import (
    NAMED_BY_PROGRAM,
    AssuranceTerms,
    DecisionTerm,
    PartTerm,
    PostTerm,
    Term,
    WindowTerm,
    severity_of,
)
from smki_testca.profiles.device_answers import (
    OWN_CHECKS,
    OWN_STATUSES,
    AnswerStatus,
    DeviceAnswers,
    DeviceRule,
    ReplacementMode,
    UseCase,
)
from smki_testca.profiles.device_types import Cell, DeviceType
from smki_testca.profiles.model import (
    Category,
    CsrTerms,
    Environment,
    Hierarchy,
    HierarchyDefinition,
    Interface,
    LiveMarks,
    Policies,
    Profile,
    Quota,
    RevocationListProfile,
    SecRegistryEntry,
    TestingService,
    Tier,
    folded,
)
from smki_testca.profiles.strictness import weaknesses
from smki_testca.roles import Basis, RemotePartyRole, Roles, UserRole
from smki_testca.shipped import shipped
from smki_testca.text import shown, use_one_of
from smki_testca.toml_places import Place, below
from smki_testca.x509.fields import FIELDS, FieldKind
from smki_testca.x509.names import KeyType

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

T = TypeVar("T")
_Kind = TypeVar("_Kind", bound=Term)

FOLDERS = ("certificates", "revocation-lists", "categories", "kits")
_USUAL_KINDS = {"DCC": "dcc", "RDP": "rdp"}
"""The kind that a User Role belongs to where roles.toml, an operator's of earlier, does not say."""
ALL = "all"
"""The environments of a category that is open in each of them."""
_TEXT_FIELDS = [path for path, field in FIELDS.items() if field.kind is FieldKind.TEXT]
"""The fields that can hold a RemotePartyRole."""
_BOTH = ("number", "name")
FILES = (
    *("hierarchies.toml", "roles.toml", "environments.toml", "testing-services.toml"),
    *("device-types.toml", "device-answers.toml", "interfaces.toml", "assurance-terms.toml"),
)


class Library:
    """The data of one or more directories; each file comes from the first that has it.

    Args:
        overrides: the operator's directories in order of precedence, before the shipped one.

    Raises:
        InputError: if an override is not a directory, or holds a file that is never read.
    """

    def __init__(self, *overrides: Path) -> None:
        for directory in overrides:
            _check_directory(directory)
        self.overrides = overrides
        self.directories = (*overrides, shipped("profiles"))
        self._profiles: dict[str, Profile] = {}
        self._weaknesses: dict[str, tuple[str, ...]] = {}
        self._revocation_list_profiles: dict[str, RevocationListProfile] = {}

    def path_of(self, name: str) -> Path:
        """The path of a file, such as ``certificates/device.toml``, from the first directory."""
        return next(path for d in self.directories if (path := d / name).is_file())

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 over every file that is read, as it is when first asked for."""
        digest = hashlib.sha256()
        for name in self.file_names():
            content = self.path_of(name).read_bytes()
            digest.update(f"{name} {len(content)}\n".encode() + content)
        return digest.digest()

    def file_names(self) -> list[str]:
        """Every file that is read, by its path below its directory."""
        return [*FILES, *(f"{folder}/{n}.toml" for folder in FOLDERS for n in self.names(folder))]

    def names(self, folder: str) -> list[str]:
        """The names of the files in one of the folders, without ``.toml``."""
        return sorted({path.stem for d in self.directories for path in d.glob(f"{folder}/*.toml")})

    def document(self, folder: str, name: str, shape: type[T]) -> tuple[T, str]:
        """Read a file in one of the folders; return its content and its path.

        Args:
            folder: one of ``FOLDERS``.
            name: of the file, without ``.toml``.
            shape: the msgspec class to read it into; unknown keys are errors.

        Raises:
            InputError: if it does not fit the class, or states another name.
        """
        path = self.path_of(f"{folder}/{name}.toml")
        document = documents.decode(path.read_bytes(), shape, str(path))
        stated = getattr(document, "name", name)
        if stated != name:
            raise InputError(
                "profile.name",
                f"{Place(str(path)).within('name')}: the file is named {name}, but says name ="
                f" {shown(stated)}.",
            )
        return document, str(path)

    def _single(self, name: str, shape: type[T]) -> tuple[T, str]:
        path = self.path_of(name)
        return documents.decode(path.read_bytes(), shape, str(path)), str(path)

    @cached_property
    def profile_names(self) -> list[str]:
        """The names of all certificate profiles."""
        return self.names("certificates")

    def profile(self, name: str) -> Profile:
        """A certificate profile.

        Raises:
            InputError: if there is none of that name, or its file is invalid.
        """
        # A batch asks some times for each row.
        profile = self._profiles.get(name)
        if profile is None:
            _known_profile(name, self.profile_names)
            document, origin = self.document("certificates", name, documents.ProfileFile)
            known(
                document.hierarchy, self.hierarchies, Place(origin).within("hierarchy"), "hierarchy"
            )
            hierarchy = self.hierarchies[Hierarchy(document.hierarchy)]
            profile = self._profiles[name] = rows.profile(document, hierarchy, origin)
        return profile

    def end_entity_profile(self, name: str) -> Profile:
        """A certificate profile that requests are made for.

        Raises:
            InputError: if there is none of that name, or it is a CA's.
        """
        if name not in self.profile_names or self.profile(name).tier is not Tier.END_ENTITY:
            raise InputError(
                "request.profile",
                f"Nothing is issued from the profile {shown(name)}.",
                use_one_of((profile.name for profile in self.end_entity_profiles), given=name),
            )
        return self.profile(name)

    def profile_for(self, hierarchy: Hierarchy, tier: Tier) -> Profile:
        """The profile of the CA of a tier, or of the hierarchy's ordinary end entities.

        Raises:
            InputError: if there is no such hierarchy, or its profile is invalid.
        """
        return self._profile_of(self.hierarchy(hierarchy), tier)

    def _profile_of(self, hierarchy: HierarchyDefinition, tier: Tier) -> Profile:
        is_ca = tier is not Tier.END_ENTITY
        name = hierarchy.tiers[tier] if is_ca else hierarchy.end_entity
        if name in self.profile_names:
            profile = self.profile(name)
            if (profile.hierarchy, profile.tier) == (hierarchy.name, tier):
                return profile
        number = list(self.hierarchies).index(hierarchy.name)
        table = Place(str(self.path_of("hierarchies.toml"))).within(
            "hierarchy", number, noun=f"hierarchy {hierarchy.name}"
        )
        where = table.within(*(("tiers", tier.value) if is_ca else ("end-entity",)))
        known(name, self.profile_names, where, "profile")
        profile = self.profile(name)
        raise InputError(
            "profile.reference",
            f"{where}: the profile {name} is of tier {profile.tier.value} of the hierarchy"
            f" {profile.hierarchy}, not of tier {tier.value} of this one.",
        )

    def hierarchy(self, name: str) -> HierarchyDefinition:
        """The hierarchy of that name.

        Raises:
            InputError: if there is none.
        """
        known(name, self.hierarchies, "the hierarchies", "hierarchy")
        return self.hierarchies[Hierarchy(name)]

    @cached_property
    def hierarchies(self) -> dict[Hierarchy, HierarchyDefinition]:
        """The PKIs, by name, in the order of their file."""
        document, origin = self._single("hierarchies.toml", documents.HierarchiesFile)
        _unique([table.name for table in document.hierarchy], origin, "hierarchy", "name")
        shipped_tables = self._shipped_hierarchies(document, origin)
        self._check_role_fields(document, shipped_tables, origin)
        return {
            Hierarchy(table.name): _hierarchy(table, shipped_tables.get(table.name, table))
            for table in document.hierarchy
        }

    def _shipped_hierarchies(
        self, document: documents.HierarchiesFile, origin: str
    ) -> dict[str, documents.HierarchyTable]:
        """The tables of the shipped file, by name; the document may be that file's."""
        path = shipped("profiles") / "hierarchies.toml"
        if not path.samefile(origin):
            document = documents.decode(path.read_bytes(), documents.HierarchiesFile, str(path))
        return {table.name: table for table in document.hierarchy}

    def _check_role_fields(
        self,
        document: documents.HierarchiesFile,
        shipped_tables: Mapping[str, documents.HierarchyTable],
        origin: str,
    ) -> None:
        """Check that each hierarchy's role field exists, and that of a shipped one is its own.

        The gate judges the RemotePartyRole in that field. With another field, certificates would
        have roles that nobody judged.

        Raises:
            InputError: naming the hierarchy.
        """
        for number, table in enumerate(document.hierarchy):
            if table.role_field is None:
                continue
            noun = f"hierarchy {table.name}"
            where = Place(origin).within("hierarchy", number, noun=noun).within("role-field")
            known(table.role_field, _TEXT_FIELDS, where, "field of text")
            field = shipped_tables[table.name].role_field if table.name in shipped_tables else None
            if field is not None and table.role_field != field:
                raise InputError(
                    "profile.role_field",
                    f"{where}: the certificates of the hierarchy {table.name} have their"
                    f" RemotePartyRole in {field}.",
                    f'Write role-field = "{field}", or leave the key out.',
                )

    def check_hierarchies(self) -> None:
        """Check that the profiles which the hierarchies name exist and belong to them.

        Raises:
            InputError: naming the hierarchy and the profile.
        """
        whole = Place(str(self.path_of("hierarchies.toml")))
        for number, hierarchy in enumerate(self.hierarchies.values()):
            noun = f"hierarchy {hierarchy.name}"
            where = whole.within("hierarchy", number, noun=noun)
            for tier in Tier:
                self._profile_of(hierarchy, tier)
            signed = [
                profile.name
                for profile in self.revocation_list_profiles
                if profile.hierarchy == hierarchy.name
            ]
            if sorted(signed) != sorted(hierarchy.revocation_lists):
                raise InputError(
                    "profile.reference",
                    f"{where.within('revocation-lists')} names"
                    f" {', '.join(hierarchy.revocation_lists) or 'none'}, but the CRL profiles"
                    f" of the hierarchy are {', '.join(signed) or 'none'}.",
                )

    def has_rsa_keys(self, hierarchy: Hierarchy) -> bool:
        """Whether a CA or the ordinary end entity of a hierarchy has an RSA key."""
        return any(self.profile_for(hierarchy, tier).key_type is not KeyType.P256 for tier in Tier)

    @cached_property
    def end_entity_profiles(self) -> tuple[Profile, ...]:
        """The certificate profiles that requests are made for, ordinary ones first."""
        ordinary = [hierarchy.end_entity for hierarchy in self.hierarchies.values()]
        issued = [profile for profile in self.profiles if profile.tier is Tier.END_ENTITY]
        places = {name: place for place, name in enumerate(ordinary)}
        return tuple(sorted(issued, key=lambda profile: places.get(profile.name, len(places))))

    @cached_property
    def profiles(self) -> tuple[Profile, ...]:
        """Every certificate profile."""
        return tuple(self.profile(name) for name in self.profile_names)

    @cached_property
    def revocation_list_profile_names(self) -> list[str]:
        """The names of all CRL profiles."""
        return self.names("revocation-lists")

    def revocation_list_profile(self, name: str) -> RevocationListProfile:
        """The profile of a CRL or ARL.

        Raises:
            InputError: if there is none of that name, or its file is invalid.
        """
        if name not in self._revocation_list_profiles:
            _known_profile(name, self.revocation_list_profile_names)
            document, origin = self.document("revocation-lists", name, documents.RevocationListFile)
            known(
                document.hierarchy, self.hierarchies, Place(origin).within("hierarchy"), "hierarchy"
            )
            profile = rows.revocation_list_profile(document, origin)
            if name in self.profile_names:
                where = Place(origin).within("name")
                raise InputError(
                    "profile.duplicate", f"{where}: a certificate profile has that name."
                )
            self._revocation_list_profiles[name] = profile
        return self._revocation_list_profiles[name]

    def any_profile(self, name: str) -> Profile | RevocationListProfile:
        """The certificate or CRL profile of that name.

        Raises:
            InputError: if there is none of that name, or its file is invalid.
        """
        if name in self.revocation_list_profile_names:
            return self.revocation_list_profile(name)
        _known_profile(name, [*self.profile_names, *self.revocation_list_profile_names])
        return self.profile(name)

    def revocation_list_profile_for(
        self, hierarchy: Hierarchy, tier: Tier
    ) -> RevocationListProfile | None:
        """The profile of the CRLs that the CA of a tier signs; None where it signs none.

        Raises:
            InputError: if a file is invalid.
        """
        place = (hierarchy, tier)
        profiles = (
            profile
            for profile in self.revocation_list_profiles
            if (profile.hierarchy, profile.tier) == place
        )
        return next(profiles, None)

    def weaknesses(self, profile: Profile | RevocationListProfile) -> tuple[str, ...]:
        """The reasons for which documents of a profile could pass for others; see strictness."""
        if profile.name not in self._weaknesses:
            self._weaknesses[profile.name] = weaknesses(profile, self._shipped_profile(profile))
        return self._weaknesses[profile.name]

    def _shipped_profile(
        self, profile: Profile | RevocationListProfile
    ) -> Profile | RevocationListProfile | None:
        """The shipped profile of a name; None if there is none, or it is the one that is used."""
        folder = "certificates" if isinstance(profile, Profile) else "revocation-lists"
        path = shipped("profiles") / folder / f"{profile.name}.toml"
        if not path.is_file() or path.samefile(profile.origin):
            return None
        own = Library()
        if isinstance(profile, Profile):
            return own.profile(profile.name)
        return own.revocation_list_profile(profile.name)

    @cached_property
    def revocation_list_profiles(self) -> tuple[RevocationListProfile, ...]:
        """Every CRL profile.

        Raises:
            InputError: if a file is invalid, or two are for one CA.
        """
        profiles = tuple(
            self.revocation_list_profile(name) for name in self.revocation_list_profile_names
        )
        places: dict[tuple[Hierarchy, Tier], RevocationListProfile] = {}
        for profile in profiles:
            other = places.setdefault((profile.hierarchy, profile.tier), profile)
            if other is not profile:
                raise InputError(
                    "profile.duplicate",
                    f"{Place(profile.origin).within('tier')}: {other.name} is already the profile"
                    " for the"
                    f" {profile.tier} CA of the {profile.hierarchy} hierarchy.",
                )
        return profiles

    @cached_property
    def device_types(self) -> dict[str, DeviceType]:
        """The types of Device with their Trust Anchor Cells, by name.

        Raises:
            InputError: if the file is invalid: it defines a type twice, or a cell names a type or
                a role that there is not.
        """
        document, origin = self._single("device-types.toml", documents.DeviceTypesFile)
        names = [table.name for table in document.device_type]
        _unique(names, origin, "device-type", "name")
        cells: dict[str, list[Cell]] = {name: [] for name in names}
        for number, table in enumerate(document.cell):
            where = Place(origin).within("cell", number)
            with met_in(where), below("role"):
                role = self.roles.remote_party_role(table.role)
            for name in table.device_types:
                known(name, names, where.within("device-types"), "type of Device")
                cells[name].append(
                    Cell(role, table.key_usage, table.cell_usage, table.basis, table.source)
                )
        return {
            table.name: DeviceType(
                table.name,
                table.title,
                table.number,
                tuple(cells[table.name]),
                table.complete,
                table.note,
                table.basis,
                table.source,
            )
            for table in document.device_type
        }

    @cached_property
    def device_answers(self) -> DeviceAnswers:
        """The answers of Devices to replacement certificates, and the rules that they check.

        Raises:
            InputError: if the file is invalid: it defines something twice, names a status or a role
                that there is not, or lacks a rule that the model checks itself, or the status 0.
        """
        document, origin = self._single("device-answers.toml", documents.DeviceAnswersFile)
        for table, key in (
            *((f"{kind}status", key) for kind in ("", "own_", "csr_", "join_") for key in _BOTH),
            *(("rule", "code"), ("use_case", "name"), *(("mode", key) for key in _BOTH)),
        ):
            values = [str(getattr(entry, key)) for entry in getattr(document, table)]
            _unique(values, origin, table.replace("_", "-"), key)
        statuses = tuple(map(_answer_status, document.status))
        own_statuses = tuple(map(_answer_status, document.own_status))
        rules = _device_rules(document.rule, origin, statuses)
        _check_model_has_all(rules, statuses, own_statuses, origin)
        return DeviceAnswers(
            statuses,
            own_statuses,
            tuple(map(_answer_status, document.csr_status)),
            tuple(map(_answer_status, document.join_status)),
            rules,
            tuple(
                UseCase(
                    use_case.name,
                    self._roles_named(use_case.roles, origin, "use-case", number),
                    use_case.basis,
                    use_case.source,
                )
                for number, use_case in enumerate(document.use_case)
            ),
            tuple(
                ReplacementMode(
                    mode.number,
                    mode.name,
                    self._roles_named(mode.roles, origin, "mode", number),
                    mode.note,
                    mode.basis,
                    mode.source,
                )
                for number, mode in enumerate(document.mode)
            ),
        )

    @cached_property
    def assurance_terms(self) -> AssuranceTerms:
        """The terms of records of assessments, and how well it is known that they count.

        Raises:
            InputError: if the file is invalid: it defines a term twice, lacks one that the
                program names, or weakens one that is shipped as specified.
        """
        document, origin = self._single("assurance-terms.toml", documents.AssuranceTermsFile)
        for table in document.__struct_fields__:
            names = [term.name for term in getattr(document, table)]
            _unique(names, origin, table, "name")
            if missing := [name for name in NAMED_BY_PROGRAM.get(table, ()) if name not in names]:
                raise InputError(
                    "profile.reference",
                    f"{origin} lacks the {table} {missing[0]}, which assurance check needs.",
                    "Copy it from the shipped file; counts = false switches a term off.",
                )
        terms = AssuranceTerms(
            _terms(document.stage, Term),
            _terms(document.post, PostTerm),
            _terms(document.part, PartTerm),
            _terms(document.decision, DecisionTerm),
            _terms(document.oversight, Term),
            _terms(document.group, Term),
            _terms(document.window, WindowTerm),
            _terms(document.recusal, Term),
        )
        if self._is_overridden("assurance-terms.toml"):
            _check_specified(terms, Library().assurance_terms, document, Place(origin))
        return terms

    @property
    def are_assurance_terms_shipped(self) -> bool:
        """Whether the terms of assessments are those that are shipped, whatever file has them."""
        name = "assurance-terms.toml"
        return not self._is_overridden(name) or self.assurance_terms == Library().assurance_terms

    def _is_overridden(self, name: str) -> bool:
        return self.path_of(name).parent != self.directories[-1]

    def _roles_named(
        self, names: list[str], origin: str, table: str, number: int
    ) -> tuple[RemotePartyRole, ...]:
        roles = []
        for place, name in enumerate(names):
            with met_in(Place(origin).within(table, number)), below("roles", place):
                roles.append(self.roles.remote_party_role(name))
        return tuple(roles)

    @cached_property
    def roles(self) -> Roles:
        """The RemotePartyRoles and User Roles."""
        document, origin = self._single("roles.toml", documents.RolesFile)
        user_roles = tuple(
            UserRole(
                table.code,
                table.name,
                table.basis,
                table.source,
                table.kind or _USUAL_KINDS.get(table.code, "party"),
            )
            for table in document.user_role
        )
        codes = [role.code for role in user_roles]
        _unique(codes, origin, "user-role", "code")
        remote = []
        for number, table in enumerate(document.remote_party_role):
            noun = f"remote-party-role {table.name}"
            where = Place(origin).within("remote-party-role", number, noun=noun)
            for place, code in enumerate(table.held_by):
                known(code, codes, where.within("held-by", place), "User Role")
            remote.append(
                RemotePartyRole(
                    table.code,
                    table.name,
                    tuple(table.held_by),
                    tuple(table.usages),
                    table.basis,
                    table.source,
                )
            )
        _unique([f"{role.code:02X}" for role in remote], origin, "remote-party-role", "code")
        _unique([role.name for role in remote], origin, "remote-party-role", "name")
        return Roles(tuple(remote), user_roles)

    @cached_property
    def testing_services(self) -> dict[str, TestingService]:
        """The purposes for which Test Certificates are provided, by code."""
        document, origin = self._single("testing-services.toml", documents.TestingServicesFile)
        services = document.testing_service
        _unique([service.code for service in services], origin, "testing-service", "code")
        return {
            service.code: TestingService(service.code, service.name, service.basis, service.source)
            for service in services
        }

    @cached_property
    def interfaces(self) -> dict[str, Interface]:
        """The web services for Device CSRs, by name.

        Raises:
            InputError: if the file is invalid, names a User Role that there is not, or lacks one
                of the two.
        """
        document, origin = self._single("interfaces.toml", documents.InterfacesFile)
        _unique([table.name for table in document.interface], origin, "interface", "name")
        codes = [role.code for role in self.roles.user_roles]
        interfaces: dict[str, Interface] = {}
        for number, table in enumerate(document.interface):
            noun = f"interface {table.name}"
            where = Place(origin).within("interface", number, noun=noun)
            for place, code in enumerate(table.user_roles):
                known(code, codes, where.within("user-roles", place), "User Role")
            interfaces[table.name] = Interface(
                table.name,
                table.title,
                tuple(table.systems),
                table.systems_basis,
                tuple(table.kinds),
                tuple(table.user_roles),
                table.basis,
                table.source,
            )
        if missing := {"adhoc", "batched"} - set(interfaces):
            raise InputError(
                "interface.incomplete",
                f"{origin} lacks the interface {', '.join(sorted(missing))}.",
            )
        return interfaces

    @cached_property
    def _environments(self) -> tuple[documents.EnvironmentsFile, str]:
        return self._single("environments.toml", documents.EnvironmentsFile)

    @cached_property
    def environments(self) -> dict[str, Environment]:
        """The test environments, by name."""
        document, origin = self._environments
        families = {family.name: family for family in document.family}
        _unique([family.name for family in document.family], origin, "family", "name")
        names = [environment.name for environment in document.environment]
        _unique(names, origin, "environment", "name")
        environments: dict[str, Environment] = {}
        places = {
            family.name: Place(origin).within("family", number, noun=f"family {family.name}")
            for number, family in enumerate(document.family)
        }
        for number, environment in enumerate(document.environment):
            noun = f"environment {environment.name}"
            where = Place(origin).within("environment", number, noun=noun)
            known(environment.family, families, where.within("family"), "family")
            family = families[environment.family]
            for table in ("ca_names", "policies"):
                stated = getattr(family, table)
                where_stated = places[family.name].within(table.replace("_", "-"))
                for name in stated:
                    known(name, self.hierarchies, where_stated.within(name), "hierarchy")
                if missing := set(self.hierarchies) - set(stated):
                    raise InputError(
                        "environment.incomplete",
                        f"{where_stated}: nothing for {', '.join(sorted(missing))}.",
                    )
            environments[environment.name] = Environment(
                environment.name,
                environment.title,
                environment.family,
                {
                    (Hierarchy(h), tier): getattr(table, tier.value)
                    for h, table in family.ca_names.items()
                    for tier in (Tier.ROOT, Tier.ISSUING)
                },
                {
                    Hierarchy(h): _policies(table, places[family.name].within("policies", h))
                    for h, table in family.policies.items()
                },
                environment.basis,
                environment.source,
                environment.experimental,
            )
        known(document.default, environments, Place(origin).within("default"), "environment")
        return environments

    def check_ca_names(self, family: str) -> None:
        """Check that the CAs of a family of environments have different names.

        Programs find a certificate by the name of its issuer and its serial number, and whoever
        looks at the name alone would take one CA for another.

        Raises:
            InputError: naming the family and the second CA of a name.
        """
        document, origin = self._environments
        number = [each.name for each in document.family].index(family)
        noun = f"family {family}"
        where = Place(origin).within("family", number, noun=noun).within("ca-names")
        owners: dict[str, str] = {}
        for hierarchy, names in document.family[number].ca_names.items():
            for tier in (Tier.ROOT, Tier.ISSUING):
                name: str = getattr(names, tier.value)
                owner = owners.setdefault(folded(name), f"{tier.value} CA of {hierarchy}")
                if owner != f"{tier.value} CA of {hierarchy}":
                    raise InputError(
                        "profile.duplicate",
                        f"{where.within(hierarchy, tier.value)}: the {owner} is called"
                        f" {shown(name)}, too.",
                        "Give each CA a name of its own.",
                    )

    @property
    def default_environment(self) -> Environment:
        """The environment of an estate that is created without naming one."""
        return self.environments[self._environments[0].default]

    def environment(self, name: str) -> Environment:
        """The environment of that name.

        Raises:
            InputError: if there is none.
        """
        environment = self.environments.get(name)
        if environment is None:
            raise InputError(
                "environment.unknown",
                f"There is no environment {shown(name)}.",
                use_one_of(self.environments, given=name),
            )
        return environment

    @cached_property
    def live(self) -> LiveMarks:
        """The marks of live material."""
        table = self._environments[0].live
        return LiveMarks(
            tuple(table.environments),
            tuple(table.policies),
            tuple(table.ca_names),
            table.basis,
            table.source,
        )

    @cached_property
    def sec_registry_entries(self) -> tuple[SecRegistryEntry, ...]:
        """The Registry Entries for User, DCC and RDP IDs."""
        document, origin = self._environments
        entries = []
        for number, table in enumerate(document.sec_registry_entry):
            noun = f"sec-registry-entry {table.value}"
            where = Place(origin).within("sec-registry-entry", number, noun=noun)
            for place, environment in enumerate(table.environments):
                inner = where.within("environments", place)
                known(environment, self.environments, inner, "environment")
            with met_in(where.within("value")):
                entry = RegistryEntry.parse(table.value)
            entries.append(
                SecRegistryEntry(
                    entry, table.title, tuple(table.environments), table.basis, table.source
                )
            )
        return tuple(entries)

    @cached_property
    def categories(self) -> tuple[Category, ...]:
        """The categories of Test Certificates."""
        return tuple(self._category(name) for name in self.names("categories"))

    @cached_property
    def obligations(self) -> tuple[str, ...]:
        """The security obligations that some category has, each once."""
        categories = self.categories
        return tuple(dict.fromkeys(o for category in categories for o in category.obligations))

    def _category(self, name: str) -> Category:
        document, origin = self.document("categories", name, documents.CategoryFile)
        environments = tuple(self.environments)
        if document.environments != ALL:
            environments = tuple(document.environments)
        for key, values, names, noun in (
            ("profiles", document.profiles, self.profile_names, "profile"),
            ("testing-services", document.testing_services, self.testing_services, "purpose"),
            ("environments", environments, self.environments, "environment"),
        ):
            for place, value in enumerate(values):
                known(value, names, Place(origin).within(key, place), noun)
        roles = []
        for place, role in enumerate(document.remote_party_roles):
            with met_in(Place(origin).within("remote-party-roles", place)):
                roles.append(self.roles.remote_party_role(role))
        return Category(
            document.name,
            document.title,
            tuple(document.profiles),
            tuple(roles),
            tuple(document.participants),
            tuple(document.testing_services),
            environments,
            tuple(document.obligations),
            document.remote_delivery,
            Quota(document.quota.per_device_id, document.quota.per_participant),
            document.basis,
            document.source,
        )

    def check(self) -> list[str]:
        """Load every file except the kits, which the kits package reads.

        Returns:
            The files read, in order.

        Raises:
            InputError: for the first file that is invalid.
        """
        loaded = [profile.origin for profile in (*self.profiles, *self.revocation_list_profiles)]
        _ = (self.roles, self.testing_services, self.environments, self.live)
        _ = (self.sec_registry_entries, self.categories, self.device_types)
        _ = (self.device_answers, self.interfaces, self.assurance_terms)
        self.check_hierarchies()
        for family in {environment.family: None for environment in self.environments.values()}:
            self.check_ca_names(family)
        loaded += [str(self.path_of(name)) for name in FILES]
        loaded += [
            str(self.path_of(f"categories/{category.name}.toml")) for category in self.categories
        ]
        return loaded


def _device_rules(
    tables: list[documents.DeviceRuleTable], origin: str, statuses: tuple[AnswerStatus, ...]
) -> tuple[DeviceRule, ...]:
    by_name = {status.name: status for status in statuses}
    rules = []
    for number, table in enumerate(tables):
        where = Place(origin).within("rule", number, "status", noun=f"rule {table.code}")
        known(table.status, list(by_name), where, "status")
        rules.append(
            DeviceRule(
                table.code,
                by_name[table.status],
                tuple(table.findings),
                table.time,
                table.meaning,
                table.basis,
                table.source,
            )
        )
    return tuple(rules)


def _check_model_has_all(
    rules: tuple[DeviceRule, ...],
    statuses: tuple[AnswerStatus, ...],
    own_statuses: tuple[AnswerStatus, ...],
    origin: str,
) -> None:
    """Check that the rules and statuses are there that the model of a Device names itself."""
    codes = {rule.code for rule in rules}
    missing = [f"the rule {code}" for code in OWN_CHECKS if code not in codes]
    for table, numbers, present in (
        ("status", {0}, statuses),
        ("own-status", OWN_STATUSES, own_statuses),
    ):
        lacking = numbers - {status.number for status in present}
        missing += [f"the {table} {number}" for number in sorted(lacking)]
    if missing:
        raise InputError(
            "profile.reference",
            f"{origin} lacks {missing[0]}, which the model of a Device needs.",
            "Copy it from the shipped file; a status of success makes a rule a remark.",
        )


def _terms(tables: Sequence[documents.TermTable], kind: type[_Kind]) -> dict[str, _Kind]:
    """The terms of a table of ``assurance-terms.toml``, by name."""
    terms = {}
    for table in tables:
        stated = msgspec.structs.asdict(table)
        stated["severity"] = severity_of(table.severity, table.basis)
        terms[table.name] = kind(**stated)
    return terms


def _check_specified(
    terms: AssuranceTerms,
    shipped_terms: AssuranceTerms,
    document: documents.AssuranceTermsFile,
    origin: Place,
) -> None:
    """Check that each term that is shipped as specified counts in full, and means the same."""
    for table in document.__struct_fields__:
        own: Mapping[str, Term] = getattr(terms, table)
        names = list(own)
        for name, term in getattr(shipped_terms, table).items():
            if term.basis is not Basis.SPECIFIED:
                continue
            if name not in own:
                raise InputError(
                    "profile.assurance",
                    f"{origin} lacks the {table} {name}, which is specified.",
                    "Copy it from the shipped file.",
                )
            if replace(own[name], source=term.source) != term:
                raise InputError(
                    "profile.assurance",
                    f"{origin.within(table, names.index(name))}: the {table} {name} does not count"
                    f" in full or as shipped, but it is specified: {term.source}.",
                    'Write basis = "specified" and the other keys of the shipped file, and no'
                    " severity.",
                )


def _answer_status(table: documents.AnswerStatusTable) -> AnswerStatus:
    return AnswerStatus(table.number, table.name, table.meaning, table.basis, table.source)


def _hierarchy(
    table: documents.HierarchyTable, shipped_table: documents.HierarchyTable
) -> HierarchyDefinition:
    """A hierarchy; what its table leaves out of roles and CSRs is as in the shipped one's."""
    csr = table.csr or shipped_table.csr or documents.CsrTable()
    return HierarchyDefinition(
        Hierarchy(table.name),
        table.title,
        {Tier.ROOT: table.tiers.root, Tier.ISSUING: table.tiers.issuing},
        tuple(table.revocation_lists),
        table.end_entity,
        table.role_field or shipped_table.role_field,
        CsrTerms(
            csr.described_in,
            must_ask_for_usage=csr.key_usage == "required",
            needs_criticality=csr.criticality == "as-profile",
        ),
        table.basis,
        table.source,
    )


def _known_profile(name: str, known: list[str]) -> None:
    if name not in known:
        raise InputError(
            "profile.unknown",
            f"There is no profile {shown(name)}.",
            f"{use_one_of(known, given=name)} If it is one of your own, name the folder that has"
            " it: --profiles DIR.",
        )


def _policies(table: documents.PoliciesTable, where: Place) -> Policies:
    with met_in(where):
        with below("default"):
            parse_object_identifier(table.default)
        for place, policy in enumerate(table.allowed):
            with below("allowed", place):
                parse_object_identifier(policy)
    if table.default not in table.allowed:
        raise InputError(
            "environment.policy",
            f"{where.within('default')}: the default policy {table.default} is not allowed.",
        )
    return Policies(table.default, tuple(table.allowed))


def _check_directory(directory: Path) -> None:
    if not directory.is_dir():
        raise InputError("profiles.directory", f"{directory} is not a directory.")
    for path in sorted(directory.rglob("*")):
        parts = path.relative_to(directory).parts
        if path.is_dir() and len(parts) == 1 and parts[0] in FOLDERS:
            continue
        if path.is_file() and len(parts) == 2 and parts[0] in FOLDERS and path.suffix == ".toml":
            continue
        if path.is_file() and len(parts) == 1 and parts[0] in FILES:
            continue
        raise InputError(
            "profiles.stray_file",
            f"{path} would not be read.",
            f"A profile directory holds {', '.join(f'{f}/*.toml' for f in FOLDERS)} and"
            f" {', '.join(FILES)}.",
        )


@contextmanager
def met_in(where: str | Place) -> Iterator[None]:
    """Prefix the message of an InputError raised inside with its place."""
    try:
        yield
    except InputError as error:
        place = where.within(*error.key_path) if isinstance(where, Place) else where
        raise InputError(error.code, f"{place}: {error.message}", error.remedy) from error


def _unique(values: list[str], origin: str, table: str, key: str) -> None:
    """Check that a key of some tables is in no two of them the same."""
    for number, value in enumerate(values):
        if value in values[:number]:
            raise InputError(
                "profile.duplicate",
                f"{Place(origin).within(table, number, key)}: the file defines {table} {key}"
                f" {value} twice.",
            )


def known(value: str, names: Iterable[str], where: str | Place, noun: str) -> None:
    """Check that a name is defined.

    Args:
        value: the name.
        names: those that are defined.
        where: the place of the name, for the message.
        noun: the noun for the name, for the message.

    Raises:
        InputError: if it is not; the error lists those that are.
    """
    if value not in names:
        raise InputError(
            "profile.reference",
            f"{where}: unknown {noun} {shown(value)}.",
            use_one_of(names, given=value),
        )
