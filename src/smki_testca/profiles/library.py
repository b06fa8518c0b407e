"""Finds the data files, an operator's before the shipped ones, and gives out what they say."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from smki_testca.errors import InputError
from smki_testca.identifiers import RegistryEntry, parse_object_identifier
from smki_testca.profiles import documents, rows
from smki_testca.profiles.model import (
    Category,
    Environment,
    Hierarchy,
    HierarchyDefinition,
    LiveMarks,
    Policies,
    Profile,
    Quota,
    RevocationListProfile,
    SecRegistryEntry,
    TestingService,
    Tier,
)
from smki_testca.roles import RemotePartyRole, Roles, UserRole
from smki_testca.shipped import shipped
from smki_testca.text import shown
from smki_testca.x509.names import KeyType

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

T = TypeVar("T")

FOLDERS = ("certificates", "revocation-lists", "categories", "kits")
FILES = ("hierarchies.toml", "roles.toml", "environments.toml", "testing-services.toml")


class Library:
    """The data of one or more directories; the first that holds a file wins, file by file.

    Args:
        overrides: the operator's directories, the most important first; the shipped one
            comes after them.

    Raises:
        InputError: if an override is no directory, or holds a file that nothing reads.
    """

    def __init__(self, *overrides: Path) -> None:
        for directory in overrides:
            _check_directory(directory)
        self.overrides = overrides
        self.directories = (*overrides, shipped("profiles"))
        self._profiles: dict[str, Profile] = {}
        self._revocation_list_profiles: dict[str, RevocationListProfile] = {}

    def _find(self, name: str) -> Path:
        return next(path for d in self.directories if (path := d / name).is_file())

    def names(self, folder: str) -> list[str]:
        """The names of the files in one of the folders, without ``.toml``."""
        return sorted({path.stem for d in self.directories for path in d.glob(f"{folder}/*.toml")})

    def document(self, folder: str, name: str, shape: type[T]) -> tuple[T, str]:
        """What a file in one of the folders says, and its path.

        Args:
            folder: of ``FOLDERS``.
            name: one of its names.
            shape: the msgspec class that it is read into; unknown keys are errors.

        Raises:
            InputError: if it does not fit the shape, or states another name.
        """
        path = self._find(f"{folder}/{name}.toml")
        document = documents.decode(path.read_bytes(), shape, str(path))
        stated = getattr(document, "name", name)
        if stated != name:
            raise InputError(
                "profile.name", f"{path} is named {name}, but says name = {shown(stated)}."
            )
        return document, str(path)

    def _single(self, name: str, shape: type[T]) -> tuple[T, str]:
        path = self._find(name)
        return documents.decode(path.read_bytes(), shape, str(path)), str(path)

    @cached_property
    def profile_names(self) -> list[str]:
        """The names of all certificate profiles."""
        return self.names("certificates")

    def profile(self, name: str) -> Profile:
        """A certificate profile.

        Raises:
            InputError: if there is none of that name, or its file does not hold together.
        """
        if name not in self._profiles:
            _known_profile(name, self.profile_names)
            document, origin = self.document("certificates", name, documents.ProfileFile)
            known(document.hierarchy, self.hierarchies, f"{origin}, hierarchy", "hierarchy")
            self._profiles[name] = rows.profile(document, origin)
        return self._profiles[name]

    def end_entity_profile(self, name: str) -> Profile:
        """A certificate profile that requests are made for.

        Raises:
            InputError: if there is none of that name, or it is a CA's.
        """
        if self.profile(name).tier is not Tier.END_ENTITY:
            raise InputError(
                "request.profile",
                f"Nothing is issued from the profile {shown(name)}.",
                f"Known are {', '.join(one.name for one in self.end_entity_profiles)}.",
            )
        return self.profile(name)

    def profile_for(self, hierarchy: Hierarchy, tier: Tier) -> Profile:
        """The profile of the CA of a tier, or of the hierarchy's ordinary end entities.

        Raises:
            InputError: if there is no such hierarchy, or its profile does not hold together.
        """
        definition = self.hierarchy(hierarchy)
        is_ca = tier is not Tier.END_ENTITY
        return self.profile(definition.tiers[tier] if is_ca else definition.end_entity)

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
        _unique([one.name for one in document.hierarchy], origin, "hierarchy")
        return {
            Hierarchy(one.name): HierarchyDefinition(
                Hierarchy(one.name),
                one.title,
                {Tier.ROOT: one.tiers.root, Tier.ISSUING: one.tiers.issuing},
                tuple(one.revocation_lists),
                one.end_entity,
                one.basis,
                one.source,
            )
            for one in document.hierarchy
        }

    def _check_hierarchies(self) -> None:
        """See that the profiles which the hierarchies name are there, and theirs."""
        origin = self._find("hierarchies.toml")
        for one in self.hierarchies.values():
            where = f"{origin}, hierarchy {one.name}"
            places = {**one.tiers, Tier.END_ENTITY: one.end_entity}
            for tier, name in places.items():
                known(name, self.profile_names, where, "profile")
                profile = self.profile(name)
                if (profile.hierarchy, profile.tier) != (one.name, tier):
                    raise InputError(
                        "profile.reference",
                        f"{where}: the profile {name} is of tier {profile.tier.value} of the"
                        f" hierarchy {profile.hierarchy}, not of tier {tier.value} of this one.",
                    )
            signed = [
                profile.name
                for profile in self.revocation_list_profiles
                if profile.hierarchy == one.name
            ]
            if sorted(signed) != sorted(one.revocation_lists):
                raise InputError(
                    "profile.reference",
                    f"{where}: revocation-lists names {', '.join(one.revocation_lists) or 'none'},"
                    f" but the CRL profiles of the hierarchy are {', '.join(signed) or 'none'}.",
                )

    def seedable(self, hierarchy: Hierarchy) -> bool:
        """Whether every key of a hierarchy can come from a seed: RSA keys cannot."""
        return all(self.profile_for(hierarchy, tier).key_type is KeyType.P256 for tier in Tier)

    def is_seedable(self, profile: Profile) -> bool:
        """Whether the key of a certificate, and those of the CAs above it, can come from a seed."""
        return profile.key_type is KeyType.P256 and self.seedable(profile.hierarchy)

    @cached_property
    def end_entity_profiles(self) -> tuple[Profile, ...]:
        """The certificate profiles that requests are made for, ordinary ones first."""
        ordinary = [one.end_entity for one in self.hierarchies.values()]
        issued = [one for one in self.profiles if one.tier is Tier.END_ENTITY]
        places = {name: place for place, name in enumerate(ordinary)}
        return tuple(sorted(issued, key=lambda one: places.get(one.name, len(places))))

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
            InputError: if there is none of that name, or its file does not hold together.
        """
        if name not in self._revocation_list_profiles:
            _known_profile(name, self.revocation_list_profile_names)
            document, origin = self.document("revocation-lists", name, documents.RevocationListFile)
            known(document.hierarchy, self.hierarchies, f"{origin}, hierarchy", "hierarchy")
            made = rows.revocation_list_profile(document, origin)
            if name in self.profile_names:
                raise InputError("profile.duplicate", f"{origin}: a certificate has that name.")
            self._revocation_list_profiles[name] = made
        return self._revocation_list_profiles[name]

    def any_profile(self, name: str) -> Profile | RevocationListProfile:
        """The certificate or CRL profile of that name.

        Raises:
            InputError: if there is none of that name, or its file does not hold together.
        """
        if name in self.revocation_list_profile_names:
            return self.revocation_list_profile(name)
        _known_profile(name, [*self.profile_names, *self.revocation_list_profile_names])
        return self.profile(name)

    def revocation_list_profile_for(
        self, hierarchy: Hierarchy, tier: Tier
    ) -> RevocationListProfile | None:
        """The profile of what a CA of this hierarchy and tier signs; None where it signs none.

        Raises:
            InputError: if a file does not hold together.
        """
        place = (hierarchy, tier)
        found = (one for one in self.revocation_list_profiles if (one.hierarchy, one.tier) == place)
        return next(found, None)

    @cached_property
    def revocation_list_profiles(self) -> tuple[RevocationListProfile, ...]:
        """Every CRL profile.

        Raises:
            InputError: if a file does not hold together, or two are for one CA.
        """
        found = tuple(
            self.revocation_list_profile(name) for name in self.revocation_list_profile_names
        )
        places: dict[tuple[Hierarchy, Tier], RevocationListProfile] = {}
        for one in found:
            other = places.setdefault((one.hierarchy, one.tier), one)
            if other is not one:
                raise InputError(
                    "profile.duplicate",
                    f"{one.origin}: {other.name} says already what the {one.tier} CA of the"
                    f" {one.hierarchy} hierarchy signs.",
                )
        return found

    @cached_property
    def roles(self) -> Roles:
        """The RemotePartyRoles and User Roles."""
        document, origin = self._single("roles.toml", documents.RolesFile)
        user_roles = tuple(
            UserRole(one.code, one.name, one.basis, one.source) for one in document.user_role
        )
        codes = [role.code for role in user_roles]
        _unique(codes, origin, "user-role code")
        remote = []
        for one in document.remote_party_role:
            for code in one.held_by:
                known(code, codes, f"{origin}, remote-party-role {one.name}", "User Role")
            remote.append(
                RemotePartyRole(
                    one.code,
                    one.name,
                    tuple(one.held_by),
                    tuple(one.usages),
                    one.basis,
                    one.source,
                )
            )
        _unique([f"{role.code:02X}" for role in remote], origin, "remote-party-role code")
        _unique([role.name for role in remote], origin, "remote-party-role name")
        return Roles(tuple(remote), user_roles)

    @cached_property
    def testing_services(self) -> dict[str, TestingService]:
        """The purposes for which Test Certificates are provided, by code."""
        document, origin = self._single("testing-services.toml", documents.TestingServicesFile)
        services = document.testing_service
        _unique([one.code for one in services], origin, "testing-service code")
        return {s.code: TestingService(s.code, s.name, s.basis, s.source) for s in services}

    @cached_property
    def _environments(self) -> tuple[documents.EnvironmentsFile, str]:
        return self._single("environments.toml", documents.EnvironmentsFile)

    @cached_property
    def environments(self) -> dict[str, Environment]:
        """The test environments, by name."""
        document, origin = self._environments
        families = {family.name: family for family in document.family}
        _unique([family.name for family in document.family], origin, "family name")
        _unique([one.name for one in document.environment], origin, "environment name")
        found: dict[str, Environment] = {}
        for one in document.environment:
            where = f"{origin}, environment {one.name}"
            known(one.family, families, where, "family")
            family = families[one.family]
            for table in ("ca_names", "policies"):
                stated = getattr(family, table)
                for name in stated:
                    where_stated = f"{origin}, family {family.name}, {table.replace('_', '-')}"
                    known(name, self.hierarchies, where_stated, "hierarchy")
                if missing := set(self.hierarchies) - set(stated):
                    raise InputError(
                        "environment.incomplete",
                        f"{origin}, family {family.name}, {table.replace('_', '-')}: nothing for"
                        f" {', '.join(sorted(missing))}.",
                    )
            found[one.name] = Environment(
                one.name,
                one.title,
                one.family,
                {
                    (Hierarchy(h), tier): getattr(table, tier.value)
                    for h, table in family.ca_names.items()
                    for tier in (Tier.ROOT, Tier.ISSUING)
                },
                {Hierarchy(h): _policies(table, where) for h, table in family.policies.items()},
                one.basis,
                one.source,
            )
        known(document.default, found, f"{origin}, default", "environment")
        return found

    @property
    def default_environment(self) -> Environment:
        """The environment of an estate made without naming one."""
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
                "Known are " + ", ".join(self.environments) + ".",
            )
        return environment

    @cached_property
    def live(self) -> LiveMarks:
        """What marks live material."""
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
        for one in document.sec_registry_entry:
            for environment in one.environments:
                where = f"{origin}, sec-registry-entry {one.value}"
                known(environment, self.environments, where, "environment")
        with met_in(f"{origin}, sec-registry-entry"):
            return tuple(
                SecRegistryEntry(
                    RegistryEntry.parse(one.value),
                    one.title,
                    tuple(one.environments),
                    one.basis,
                    one.source,
                )
                for one in document.sec_registry_entry
            )

    @cached_property
    def categories(self) -> tuple[Category, ...]:
        """The categories of Test Certificates."""
        return tuple(self._category(name) for name in self.names("categories"))

    def _category(self, name: str) -> Category:
        document, origin = self.document("categories", name, documents.CategoryFile)
        for profile in document.profiles:
            known(profile, self.profile_names, f"{origin}, profiles", "profile")
        for service in document.testing_services:
            known(service, self.testing_services, f"{origin}, testing-services", "purpose")
        for environment in document.environments:
            known(environment, self.environments, f"{origin}, environments", "environment")
        with met_in(f"{origin}, remote-party-roles"):
            roles = tuple(map(self.roles.remote_party_role, document.remote_party_roles))
        return Category(
            document.name,
            document.title,
            tuple(document.profiles),
            roles,
            tuple(document.participants),
            tuple(document.testing_services),
            tuple(document.environments),
            tuple(document.obligations),
            document.remote_delivery,
            Quota(document.quota.per_device_id, document.quota.per_participant),
            document.basis,
            document.source,
        )

    def check(self) -> list[str]:
        """Load everything there is but the kits, which have a room of their own.

        Returns:
            The files read, in order.

        Raises:
            InputError: for the first file that does not hold together.
        """
        loaded = [one.origin for one in (*self.profiles, *self.revocation_list_profiles)]
        _ = (self.roles, self.testing_services, self.environments, self.live)
        _ = (self.sec_registry_entries, self.categories)
        self._check_hierarchies()
        loaded += [str(self._find(name)) for name in FILES]
        loaded += [str(self._find(f"categories/{one.name}.toml")) for one in self.categories]
        return loaded


def _known_profile(name: str, known: list[str]) -> None:
    if name not in known:
        raise InputError(
            "profile.unknown",
            f"There is no profile {shown(name)}.",
            "Known are " + ", ".join(known) + ".",
        )


def _policies(table: documents.PoliciesTable, where: str) -> Policies:
    with met_in(f"{where}, policies"):
        for policy in (table.default, *table.allowed):
            parse_object_identifier(policy)
    if table.default not in table.allowed:
        raise InputError(
            "environment.policy", f"{where}: the default policy {table.default} is not allowed."
        )
    return Policies(table.default, tuple(table.allowed))


def _check_directory(directory: Path) -> None:
    if not directory.is_dir():
        raise InputError("profiles.directory", f"{directory} is no directory of profiles.")
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
def met_in(where: str) -> Iterator[None]:
    """An error raised inside says where it was met."""
    try:
        yield
    except InputError as error:
        raise InputError(error.code, f"{where}: {error.message}", error.remedy) from error


def _unique(values: list[str], origin: str, what: str) -> None:
    for value in values:
        if values.count(value) > 1:
            raise InputError("profile.duplicate", f"{origin} defines {what} {value} twice.")


def known(value: str, names: Iterable[str], where: str, what: str) -> None:
    """See that a name is one of those there are.

    Raises:
        InputError: that lists them.
    """
    if value not in names:
        raise InputError(
            "profile.reference",
            f"{where}: unknown {what} {shown(value)}.",
            "Known are " + ", ".join(names) + ".",
        )
