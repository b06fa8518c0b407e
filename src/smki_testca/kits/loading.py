"""Reads a kit file, and checks it against the profiles."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import date, timedelta
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from smki_testca.errors import InputError
from smki_testca.identifiers import Eui64
from smki_testca.kits.cell_folders import request_of
from smki_testca.kits.counting import IdSeries
from smki_testca.kits.device_labels import check_device_labels
from smki_testca.kits.documents import DevicesTable, KitFile, RequestTable, SeriesTable, split
from smki_testca.kits.faults import Faults
from smki_testca.kits.kit import Kit, KitAgreement
from smki_testca.kits.kit_requests import KitDevices, KitRequest
from smki_testca.kits.label_templates import (
    ENVIRONMENT,
    ID,
    NUMBER,
    ROLE,
    TYPE,
    USAGE,
    KitLabelTemplate,
)
from smki_testca.labels import check_label
from smki_testca.profiles.device_types import CellUsage
from smki_testca.profiles.documents import decode
from smki_testca.profiles.library import known, met_in
from smki_testca.profiles.model import Hierarchy, Identity
from smki_testca.profiles.subject import Subject
from smki_testca.register import documents as register
from smki_testca.shipped import shipped
from smki_testca.text import shown, use_one_of
from smki_testca.toml_places import KeyPath, Place, below

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from smki_testca.kits.documents import (
        AllocationTable,
        CellUse,
        CountedTable,
        KitAgreementTable,
    )
    from smki_testca.profiles import Library
    from smki_testca.profiles.model import Profile
    from smki_testca.register.participants import Participant
    from smki_testca.roles import KeyUsage

_IN_SERIES = (ID, NUMBER, ROLE, USAGE, ENVIRONMENT)
_OF_DEVICES = (ID, NUMBER, TYPE, USAGE, ENVIRONMENT)
_ANY_DAY = date(2000, 1, 1)

T = TypeVar("T", RequestTable, SeriesTable, DevicesTable)
U = TypeVar("U")


FOLDER = "kits"
MAX_REQUESTS = 20_000
"""The most requests of a kit, those of its series included."""
MAX_ALLOCATIONS = 100_000
"""The most IDs that a kit allocates."""
MAX_OCTETS = 16 << 20
"""The longest kit file, in octets."""


def names(library: Library) -> list[str]:
    """Return the names of all kits."""
    return library.names(FOLDER)


def load(library: Library, name: str) -> Kit:
    """Load a kit.

    Args:
        library: the profiles.
        name: of a kit in ``kits/`` of a profile directory; or the path of a kit file, which ends
            in ``.toml``.

    Raises:
        InputError: if there is no such kit, or its file has mistakes: every message names the
            file and the table.
    """
    if name.endswith(".toml"):
        document, origin = decode(_content(Path(name)), KitFile, name), name
    else:
        if name not in (there := names(library)):
            raise InputError(
                "profile.reference",
                f"There is no kit {shown(name)}.",
                use_one_of(there, given=name),
            )
        document, origin = library.document(FOLDER, name, KitFile)
    return _Reader(document, origin, library).kit()


def _content(path: Path) -> bytes:
    """The octets of a kit file."""
    try:
        if path.is_file():
            with path.open("rb") as file:
                data = file.read(MAX_OCTETS + 1)
            if len(data) <= MAX_OCTETS:
                return data
            raise InputError("input.too_long", f"{path} is longer than {MAX_OCTETS} octets.")
        reason = "it is not a file" if os.path.lexists(path) else "there is no such file"
    except OSError as error:
        reason = error.strerror or str(error)
    raise InputError(
        "input.unreadable",
        f"{path} cannot be read: {reason}.",
        "Name a kit file, or one of the kits that smki-testca kit list lists.",
    )


def check(library: Library) -> list[str]:
    """Load every kit.

    Returns:
        The files read, in order.

    Raises:
        InputError: for the first file with a mistake.
    """
    read = []
    for name in names(library):
        load(library, name)
        read.append(library.document(FOLDER, name, KitFile)[1])
    return read


class _Reader:
    """Makes a Kit from one kit file."""

    def __init__(self, document: KitFile, origin: str, library: Library) -> None:
        self._document = document
        self._origin = origin
        self._library = library
        self._faults = Faults()
        self._environments = tuple(document.environments) or (library.default_environment.name,)

    def kit(self) -> Kit:
        document, whole = self._document, Place(self._origin)
        _check_once(self._environments, whole.within("environments"))
        for environment in self._environments:
            known(
                environment, self._library.environments, whole.within("environments"), "environment"
            )
        example, register_file = self._register(document.register, whole.within("register"))
        self._check_size()
        participants = self._each(
            self._participant, self._document.participant, self._allocations()
        )
        agreements = self._each(self._agreement, document.agreement)
        requests = [*chain.from_iterable(self._each(self._request, document.request))]
        for series in self._each(self._series, document.series):
            requests += series
        self._check_labels(requests)
        devices = self._each(self._devices, document.devices)
        hierarchies = self._hierarchies(whole)
        self._faults.check()
        check_device_labels(devices, requests, None)
        self._check_cells(requests, whole)
        self._faults.check()
        return Kit(
            document.name,
            document.title,
            self._environments,
            example,
            tuple(participants),
            tuple(agreements),
            tuple(requests),
            tuple(devices),
            self._origin,
            hierarchies,
            tuple(document.trust_anchor_cells),
            register_file,
        )

    def _register(self, name: str | None, where: Place) -> tuple[str | None, Path | None]:
        """The file of ``examples/`` that the kit names, or one of the operator's own.

        One beside the kit, or below, comes before one of ``examples/`` of that name.
        """
        if name is None:
            return None, None
        own = Path(self._origin).parent / name
        if own.is_file():
            return None, own
        if Path(name).name != name:
            raise InputError(
                "input.unreadable",
                f"{where}: there is no file {own}.",
                "Name a file from the folder of the kit on.",
            )
        names = sorted(path.name for path in shipped("examples").glob("*.toml"))
        known(name, names, where, "file beside the kit or of examples/")
        return name, None

    def _check_cells(self, requests: list[KitRequest], whole: Place) -> None:
        """Check that each cell of the types of Device named is filled by one request."""
        for number, name in enumerate(self._document.trust_anchor_cells):
            where = whole.within("trust-anchor-cells", number)
            known(name, self._library.device_types, where, "type of Device")
            for cell in self._library.device_types[name].cells:
                for environment in self._environments if not cell.is_root else ():
                    with self._faults.collected(), met_in(where):
                        request_of(cell, requests, self._library, environment)

    def _each(self, make: Callable[..., U], tables: Iterable[Any], *more: Any) -> list[U]:
        """The values of some tables; one with a mistake is left out, and the mistake noted."""
        values = []
        for number, table in enumerate(tables, 1):
            with self._faults.collected():
                values.append(make(table, number, *more))
        return values

    def _hierarchies(self, whole: Place) -> tuple[Hierarchy, ...] | None:
        stated = self._document.hierarchies
        if stated is None:
            return None
        for name in stated:
            known(name, self._library.hierarchies, whole.within("hierarchies"), "hierarchy")
        return tuple(Hierarchy(name) for name in stated)

    def _check_size(self) -> None:
        """Check how many requests and IDs the kit has before any is made.

        Raises:
            InputError: if there are more than ``MAX_REQUESTS`` or ``MAX_ALLOCATIONS``.
        """
        requests = len(self._document.request)
        for number, whole in enumerate(self._document.series, 1):
            try:
                table, _, _ = self._split(whole, SeriesTable, "series", number)
            except InputError:  # it is met again where the series is read
                continue
            each = max(1, len(table.roles)) * max(1, len(table.usages))
            requests += self._counted(table, table.count) * each
        allocations = sum(self._counted(table, table.count) for table in self._document.allocation)
        for noun, count, most in (
            ("requests", requests, MAX_REQUESTS),
            ("allocated IDs", allocations, MAX_ALLOCATIONS),
        ):
            if count > most:
                raise InputError(
                    "kit.count",
                    f"{self._origin} has {count:,} {noun}; a kit has at most {most:,}.",
                    "Make Devices with devices, and others in several kits or with batch issue.",
                )

    def _counted(self, table: CountedTable, count: int) -> int:
        return len(self._environments_or_all(table.environments)) * count

    def _allocations(self) -> dict[str, list[register.IdTable]]:
        """The IDs of each participant, those of the allocations included."""
        ids: dict[str, list[register.IdTable]] = {
            participant.id: list(participant.ids) for participant in self._document.participant
        }
        for number, table in enumerate(self._document.allocation, 1):
            where = self._place("allocation", number)
            with self._faults.collected():
                known(table.participant, ids, where.within("participant"), "participant of the kit")
                ids[table.participant] += self._allocated(table, where)
        return ids

    def _participant(
        self,
        participant: register.ParticipantTable,
        number: int,
        ids: dict[str, list[register.IdTable]],
    ) -> Participant:
        """A participant with the IDs that are allocated to it."""
        # The sort does not parse: an ID that cannot be parsed is an error further down.
        in_order = sorted(
            ids[participant.id], key=lambda table: table.eui64.replace("-", "").lower()
        )
        with_ids = msgspec.structs.replace(participant, ids=in_order)
        where = Place(self._origin).within("participant", number - 1)
        if in_order != participant.ids:
            where = replace(where, is_whole=True)
        return register.located_participant(with_ids, self._library.roles, where)

    def _allocated(self, table: AllocationTable, where: Place) -> list[register.IdTable]:
        counting = self._counting(table, where)
        with met_in(where):
            return [
                register.IdTable(eui64=str(eui64), user_roles=table.user_roles)
                for _, _, eui64 in counting.ids(table.count)
            ]

    def _agreement(self, table: KitAgreementTable, number: int) -> KitAgreement:
        where = Place(self._origin).within("agreement", number - 1)
        end = table.until_days
        terms = register.AgreementTable(
            reference=table.reference,
            participant=table.participant,
            kind=table.kind,
            from_=_ANY_DAY + timedelta(table.from_days),
            until=None if end is None else _ANY_DAY + timedelta(end),
            purposes=table.purposes,
            categories=table.categories,
            environments=list(self._environments_or_all(table.environments)),
            obligations=table.obligations,
            remote_delivery=table.remote_delivery,
        )
        checked = register.checked_agreement(terms, self._library, where)
        return KitAgreement(checked, table.from_days, end)

    def _environments_or_all(self, environments: list[str] | None) -> tuple[str, ...]:
        return self._environments if environments is None else tuple(environments)

    def _counting(self, table: CountedTable, where: Place) -> IdSeries:
        environments = self._environments_or_all(table.environments)
        _check_once(environments, where.within("environments"))
        for environment in environments:
            known(
                environment,
                self._environments,
                where.within("environments"),
                "environment of the kit",
            )
        with met_in(where.within("first-id")):
            first = Eui64.parse(table.first_id)
        return IdSeries(first, table.step, table.environment_step, environments)

    def _place(self, name: str, number: int) -> Place:
        """The place of a table, which is called by its name and number in messages."""
        return Place(self._origin).within(name, number - 1, noun=f"{name} {number}")

    def _split(
        self, whole: dict[str, Any], shape: type[T], name: str, number: int
    ) -> tuple[T, dict[str, str], Place]:
        """Return a table of requests, the inputs that it states, and its place for messages."""
        types = (profile.input_types for profile in self._library.end_entity_profiles)
        options = {input_type.option for input_type in chain.from_iterable(types)}
        where = self._place(name, number)
        table, inputs = split(whole, shape, options, where)
        return table, inputs, where

    def _request(self, whole: dict[str, Any], number: int) -> list[KitRequest]:
        """A request; of one whose label names the usage, one for each."""
        table, inputs, where = self._split(whole, RequestTable, "request", number)
        profile = self._profile(table.profile, table.purpose, where)
        _check_inputs(profile, inputs, where)
        self._check_usages(profile, table.usages, where)
        environment = table.environment or self._environments[0]
        known(
            environment, self._environments, where.within("environment"), "environment of the kit"
        )
        whole_request = KitRequest(
            table.profile,
            table.participant,
            table.purpose,
            tuple(table.usages),
            inputs,
            table.label,
            environment,
            where,
            _cell_usage(table.cell_usage),
        )
        return self._labelled(whole_request, profile)

    def _labelled(self, request: KitRequest, profile: Profile) -> list[KitRequest]:
        """A request with its label filled; one for each usage where the label names that."""
        if request.label is None:
            return [request]
        identifier = next((each.option for each in profile.input_types if each.is_identifier), None)
        stated = request.inputs.get(identifier or "")
        has_role = any(each.option == ROLE for each in profile.input_types)
        names = [USAGE, ENVIRONMENT, *([ROLE] if has_role else []), *([ID] if stated else [])]
        with met_in(request.place.within("label")):
            label = KitLabelTemplate.parse(request.label, tuple(names))
        with met_in(request.place.within(identifier or "")):
            eui64 = Eui64.parse(stated) if stated and ID in label.names else Eui64(0)
        role = request.inputs.get(ROLE, "")
        parts = [request.usages]
        if USAGE in label.names and request.usages:
            parts = [(usage,) for usage in request.usages]
        return [
            replace(
                request,
                usages=usages,
                label=label.fill(
                    eui64, 0, next(iter(usages), None), request.environment, role=role
                ),
            )
            for usages in parts
        ]

    def _series(self, whole: dict[str, Any], number: int) -> list[KitRequest]:
        table, inputs, where = self._split(whole, SeriesTable, "series", number)
        profile = self._profile(table.profile, table.purpose, where)
        embedding = [
            candidate.name
            for candidate in self._library.end_entity_profiles
            if any(each.is_identifier for each in candidate.input_types)
        ]
        known(profile.name, embedding, where.within("profile"), "profile of a series")
        _check_inputs(profile, inputs, where)
        self._check_usages(profile, table.usages, where)
        identifier = next(each.option for each in profile.input_types if each.is_identifier)
        needed = {each.type.option for each in profile.subject_inputs if not each.optional}
        takes_role = "role" in needed
        lacking = needed - inputs.keys() - {identifier, "role"}
        if bool(table.roles) is not takes_role or lacking or "role" in inputs:
            raise InputError(
                "kit.series",
                f"{where}: a series of certificates of profile {profile.name} has"
                f" {_series_keys(needed - {identifier})}.",
            )
        counting = self._counting(table, where)
        with met_in(where):
            named = []
            _check_once(table.roles, where.within("roles"))
            for place, role in enumerate(table.roles):
                with below("roles", place):
                    named.append(self._library.roles.remote_party_role(role).name)
            roles: list[str | None] = [*named] if named else [None]
            with below("label"):
                label = KitLabelTemplate.parse(table.label, _IN_SERIES)
            return [
                _series_request(table, inputs, identifier, role, usage, label, each, where)
                for each in counting.ids(table.count)
                for role in roles
                for usage in table.usages or (None,)
            ]

    def _devices(self, whole: dict[str, Any], number: int) -> KitDevices:
        table, inputs, where = self._split(whole, DevicesTable, "devices", number)
        profile = self._profile(table.profile, table.purpose, where)
        if profile.embedded is not Identity.DEVICE_ID:
            raise InputError(
                "kit.devices",
                f"{where}: certificates of profile {profile.name} are not for Devices.",
                "Write a request or a series for each.",
            )
        self._check_usages(profile, table.usages, where)
        counting = self._counting(table, where)
        with met_in(where):
            with below("label"):
                label = KitLabelTemplate.parse(table.label, _OF_DEVICES)
            if not label.names & {ID, NUMBER}:
                raise InputError(
                    "kit.label",
                    f"The label {shown(table.label)} would be the same for every Device.",
                    "Add {number} or {id}.",
                ).at("label")
            identifier = next(each.option for each in profile.input_types if each.is_identifier)
            texts = {identifier: str(counting.first), **inputs}
            devices = KitDevices(
                table.type,
                profile.name,
                table.participant,
                table.purpose,
                Subject.parse(profile, texts, self._library.roles),
                tuple(table.usages),
                counting,
                label,
                table.count,
                where,
                inputs,
            )
            for first in devices.certificates(1):
                check_label(first.label)
            return devices

    def _check_labels(self, requests: list[KitRequest]) -> None:
        """Check that each request can have its label, and that no two have the same."""
        labels: set[str] = set()
        faulty: set[KeyPath] = set()
        for request in requests:
            if request.label is None or request.place.path in faulty:
                continue
            faulty.add(request.place.path)
            with self._faults.collected():
                where = request.place.within("label")
                with met_in(where):
                    check_label(request.label)
                if request.label in labels:
                    raise InputError(
                        "kit.label",
                        f"{where}: two requests have the label {shown(request.label)}.",
                        "In a series, make them different with {id}, {number}, {role}, {usage},"
                        " {environment}.",
                    )
                faulty.remove(request.place.path)
            labels.add(request.label)

    def _check_usages(self, profile: Profile, usages: list[KeyUsage], where: Place) -> None:
        """Check that a table states a key usage if, and only if, its certificate type takes one."""
        _check_once(usages, where.within("usages"))
        if profile.takes_usage is bool(usages):
            return
        rule = "needs at least one" if profile.takes_usage else "has none to choose"
        raise InputError(
            "toml.shape",
            f"{where.within('usages')}: a certificate of profile {profile.name} {rule}, at"
            f" `$.{where.key_path}.usages`.",
        )

    def _profile(self, name: str, purpose: str, where: Place) -> Profile:
        known(name, self._library.profile_names, where.within("profile"), "profile")
        known(purpose, self._library.testing_services, where.within("purpose"), "purpose")
        with met_in(where.within("profile")):
            profile = self._library.end_entity_profile(name)
        hierarchies = self._document.hierarchies
        if hierarchies is not None:
            noun = f"hierarchy of the kit, which profile {name} is of"
            known(profile.hierarchy, hierarchies, where.within("profile"), noun)
        return profile


def _check_once(values: Sequence[str], where: Place) -> None:
    """Check that a list names nothing twice: certificates would be made twice."""
    twice = next((value for place, value in enumerate(values) if value in values[:place]), None)
    if twice is not None:
        raise InputError(
            "toml.shape", f"{where}: {shown(twice)} is there twice.", "Name each once."
        )


def _check_inputs(profile: Profile, inputs: dict[str, str], where: Place) -> None:
    """Check that a table states no input that its certificate type does not have."""
    options = [input_type.option for input_type in profile.input_types]
    for option in inputs:
        known(option, options, where.within(option), f"input of profile {profile.name}")


def _series_keys(needed: set[str]) -> str:
    """Return the keys that a series needs for a certificate type, in words."""
    others = sorted(needed - {"role"})
    keys = [*(["roles"] if "role" in needed else ["no roles"]), *others]
    return " and ".join(keys)


def _series_request(  # a part of each kind
    table: SeriesTable,
    inputs: dict[str, str],
    identifier: str,
    role: str | None,
    usage: KeyUsage | None,
    label: KitLabelTemplate,
    counted: tuple[str, int, Eui64],
    place: Place,
) -> KitRequest:
    environment, number, eui64 = counted
    embedded = {identifier: str(eui64)} | ({} if role is None else {"role": role})
    return KitRequest(
        table.profile,
        table.participant,
        table.purpose,
        () if usage is None else (usage,),
        embedded | inputs,
        label.fill(eui64, number, usage, environment, role=role or ""),
        environment,
        place,
        _cell_usage(table.cell_usage),
    )


def _cell_usage(stated: CellUse) -> CellUsage | None:
    return None if stated == "none" else CellUsage(stated)
