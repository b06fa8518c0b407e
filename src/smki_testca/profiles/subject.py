"""The subject of a certificate: what a request states for the inputs of its certificate type."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from smki_testca.errors import InputError
from smki_testca.identifiers import Eui64, Signifier
from smki_testca.profiles.inputs import SIGNIFIER, USAGE
from smki_testca.profiles.model import Tier
from smki_testca.roles import RemotePartyRole
from smki_testca.x509.key_usages import USAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from smki_testca.profiles.inputs import InputType, InputValue
    from smki_testca.profiles.model import Profile
    from smki_testca.roles import KeyUsage, Roles
    from smki_testca.x509.fields import Value
    from smki_testca.x509.view import View


class Subject:
    """What a request states of the holder of a certificate.

    Each input is an attribute, too, by its name with underscores: ``subject.device_id``; None
    where an optional one is not stated.

    Attributes:
        profile: the name of the certificate type.
        inputs: the parsed inputs, by the names that the profile's rows use.
    """

    __slots__ = ("_types", "inputs", "profile")

    profile: str
    inputs: Mapping[str, InputValue]

    def __init__(
        self, profile: str, types: tuple[InputType, ...], inputs: Mapping[str, InputValue]
    ) -> None:
        self.profile = profile
        self._types = types
        self.inputs = MappingProxyType(dict(inputs))

    @classmethod
    def parse(cls, profile: Profile, given: Mapping[str, str | None], roles: Roles) -> Subject:
        """Read what a command line, a manifest's row, a kit or a program states.

        Args:
            profile: the certificate type.
            given: texts by option; those that are None are not stated.
            roles: to find roles by name or code.

        Raises:
            InputError: if an input is missing, is not one of the profile's, or is not what its
                type takes.
        """
        stated = {option: text for option, text in given.items() if text is not None}
        parsed: dict[str, InputValue] = {}
        for one in profile.subject_inputs:
            text = stated.pop(one.type.option, None)
            # An optional input that is stated and empty is for the profile's rows to judge.
            if text or (one.optional and text is not None):
                parsed[one.type.name] = one.type.parse(text, roles)
            elif not one.optional:
                raise InputError(
                    "request.incomplete",
                    f"A certificate of profile {profile.name} needs --{one.type.option}.",
                )
        if stated:
            options = ", ".join(f"--{one.type.option}" for one in profile.subject_inputs)
            raise InputError(
                "request.input",
                f"A certificate of profile {profile.name} takes no --{min(stated)}.",
                f"It takes {options or 'no inputs'}.",
            )
        return cls(profile.name, profile.input_types, parsed)

    @classmethod
    def from_view(
        cls, profile: Profile, view: View, roles: Roles
    ) -> tuple[Subject, tuple[KeyUsage, ...]]:
        """What a request for an equal certificate would state.

        Args:
            profile: that the certificate or CSR follows.
            view: of a certificate, or of a CSR that is in order.
            roles: to find the RemotePartyRole in it.

        Returns:
            The subject, and the usages to ask for: none where the profile fixes the usage.

        Raises:
            InputError: if it is a CA's, or a part of it is missing or unreadable.
        """
        if (
            profile.tier is not Tier.END_ENTITY
            or view.value("extensions.basicConstraints.cA") is True
        ):
            raise InputError(
                "subject.authority", "It is a CA's certificate: there is no request for those."
            )
        parsed: dict[str, InputValue] = {}
        for one in profile.subject_inputs:
            if one.path is None:
                continue
            value = one.type.from_field(view, one.path, roles)
            if value is not None:
                parsed[one.type.name] = value
            elif not one.optional:
                raise _unreadable(one.path)
        return cls(profile.name, profile.input_types, parsed), _usages(profile, view)

    def with_identifier(self, eui64: Eui64) -> Subject:
        """The same with another EUI-64."""
        name = next(one.name for one in self._types if one.is_identifier)
        return Subject(self.profile, self._types, {**self.inputs, name: eui64})

    @property
    def embedded_id(self) -> Eui64 | None:
        """The User, RDP, DCC or Device ID that the certificate embeds, if it does."""
        stated = (self.inputs.get(one.name) for one in self._types if one.is_identifier)
        return next((one for one in stated if isinstance(one, Eui64)), None)

    @property
    def remote_party_role(self) -> RemotePartyRole | None:
        """The RemotePartyRole asked for, if the certificate type has one."""
        role = self.inputs.get("role")
        return role if isinstance(role, RemotePartyRole) else None

    @property
    def stated_signifier(self) -> Signifier | None:
        """Who the requester says it is, if it says."""
        signifier = self.inputs.get(SIGNIFIER)
        return signifier if isinstance(signifier, Signifier) else None

    def field_values(self) -> dict[str, Value]:
        """The values that fill the profile's rows, by input."""
        return {
            one.name: one.to_field(self.inputs[one.name])
            for one in self._types
            if one.name in self.inputs and one.kinds
        }

    def shared_inputs(self) -> dict[str, str]:
        """The fields' texts of those inputs that the certificates of a batch mostly share."""
        return self._texts(shared=True)

    def own_inputs(self) -> dict[str, str]:
        """The fields' texts of the other inputs, the EUI-64 left out."""
        return self._texts(shared=False)

    def _texts(self, *, shared: bool) -> dict[str, str]:
        return {
            one.name: str(one.to_field(self.inputs[one.name]))
            for one in self._types
            if one.is_shared is shared
            and one.name in self.inputs
            and one.kinds
            and not one.is_identifier
        }

    def as_json(self) -> dict[str, str | None]:
        """The inputs as a JSON object; one that is not stated is null.

        A Signifier is there only where the requester stated one: the register has it.
        """
        return {
            one.key: _as_json(self.inputs.get(one.name))
            for one in self._types
            if one.name in self.inputs or one.name != SIGNIFIER
        }

    def __getattr__(self, name: str) -> Any:
        for one in self._types:
            if name == one.key:
                return self.inputs.get(one.name)
        raise AttributeError(f"a subject of profile {self.profile} has no {name!r}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Subject):
            return NotImplemented
        return self.profile == other.profile and self.inputs == other.inputs

    def __hash__(self) -> int:
        return hash((self.profile, frozenset(self.inputs.items())))

    def __reduce__(self) -> tuple[Any, ...]:
        # A view of a dictionary cannot be sent to another process.
        return Subject, (self.profile, self._types, dict(self.inputs))

    def __repr__(self) -> str:
        stated = ", ".join(f"{name}={value}" for name, value in self.inputs.items())
        return f"Subject({self.profile}: {stated})"


def _as_json(value: InputValue | None) -> str | None:
    if isinstance(value, RemotePartyRole):
        return value.name
    return None if value is None else str(value)


def _usages(profile: Profile, view: View) -> tuple[KeyUsage, ...]:
    field = profile.field_of(USAGE)
    if field is None:
        return ()
    bits = view.value(field.path)
    named = bits if isinstance(bits, tuple) else ()
    if not named or not set(named) <= USAGES.keys():
        raise _unreadable(field.path)
    return tuple(USAGES[bit] for bit in named)


def _unreadable(path: str) -> InputError:
    return InputError(
        "subject.unreadable",
        f"Its {path} is missing, or is not what a request can ask for.",
        "See what is wrong with it: smki-testca lint FILE",
    )
