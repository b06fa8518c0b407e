"""The subject of a certificate: the inputs that a request states."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from smki_testca.errors import InputError
from smki_testca.identifiers import Eui64, Signifier
from smki_testca.profiles.inputs import ADDRESS, SIGNIFIER, USAGE
from smki_testca.profiles.model import Tier
from smki_testca.roles import RemotePartyRole
from smki_testca.text import shown
from smki_testca.x509.key_usages import USAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from smki_testca.profiles.inputs import InputType, InputValue
    from smki_testca.profiles.model import Profile
    from smki_testca.roles import KeyUsage, Roles
    from smki_testca.x509.fields import Value
    from smki_testca.x509.view import View


def in_python(option: str) -> str:
    """The name that an option has in Python: ``device_id`` for ``--device-id``."""
    return option.replace("-", "_")


class Subject:
    """The inputs of a request that describe the holder of a certificate.

    Each input is also an attribute, by its name with underscores (``subject.device_id``); an
    optional input that is not stated is None.

    Attributes:
        profile: the name of the certificate type.
        inputs: the parsed inputs, by the names that the profile's rows use.
        embedded_id: the User, RDP, DCC or Device ID that the certificate embeds, if it does.
    """

    __slots__ = ("_types", "embedded_id", "inputs", "profile")

    profile: str
    embedded_id: Eui64 | None
    inputs: Mapping[str, InputValue]

    def __init__(
        self, profile: str, types: tuple[InputType, ...], inputs: Mapping[str, InputValue]
    ) -> None:
        self.profile = profile
        self._types = types
        self.inputs = MappingProxyType(dict(inputs))
        self.embedded_id = None
        for input_type in types:
            if input_type.is_identifier:
                eui64 = self.inputs.get(input_type.name)
                if isinstance(eui64, Eui64) and self.embedded_id is None:
                    self.embedded_id = eui64

    @classmethod
    def parse(
        cls,
        profile: Profile,
        texts: Mapping[str, str | None],
        roles: Roles,
        named: Callable[[str], str] = "--{}".format,
    ) -> Subject:
        """Parse the inputs that a command line, a manifest's row, a kit or a program states.

        Args:
            profile: the certificate type.
            texts: by option; None is not stated.
            roles: to find roles by name or code.
            named: gives the name of an option in messages.

        Raises:
            InputError: if an input is missing, malformed, or not one of the profile's.
        """
        stated = {option: text for option, text in texts.items() if text is not None}
        parsed: dict[str, InputValue] = {}
        for subject_input in profile.subject_inputs:
            text = stated.pop(subject_input.type.option, None)
            # An optional input that is stated and empty is for the profile's rows to judge.
            if text or (subject_input.optional and text is not None):
                parsed[subject_input.type.name] = subject_input.parse(text, roles)
            elif not subject_input.optional:
                raise InputError(
                    "request.incomplete",
                    f"A certificate of profile {profile.name} needs"
                    f" {named(subject_input.type.option)}.",
                )
        if stated:
            options = ", ".join(
                named(subject_input.type.option) for subject_input in profile.subject_inputs
            )
            raise InputError(
                "request.input",
                f"A certificate of profile {profile.name} takes no {named(min(stated))}.",
                f"It takes {options or 'no inputs'}.",
            )
        return cls(profile.name, profile.input_types, parsed)

    @classmethod
    def judged(cls, profile: Profile, subject: Subject, roles: Roles) -> Subject:
        """A subject that a program may have made by hand, by the profile's types and own roles.

        A role that there is not is held by nobody.

        Raises:
            InputError: if an input is missing, of another class, or not one of the profile's.
        """
        # Read once: what is judged is what is issued.
        stated = dict(subject.inputs)
        inputs: dict[str, InputValue] = {}
        for subject_input in profile.subject_inputs:
            name, expected = subject_input.type.name, subject_input.type.of
            value = stated.pop(name, None)
            if value is None and not subject_input.optional:
                raise InputError(
                    "request.incomplete",
                    f"A certificate of profile {profile.name} needs --{subject_input.type.option}.",
                )
            if value is None:
                continue
            # A class made from it could give the certificate another value than it shows.
            if type(value) is not expected:
                raise InputError(
                    "request.input",
                    f"The input {name} of a certificate of profile {profile.name} must be of the"
                    f" class {expected.__name__}, not {type(value).__name__}.",
                    "Make the subject with Estate.subject.",
                )
            if isinstance(value, RemotePartyRole):
                value = roles.by_code(value.code) or replace(value, held_by=())
            inputs[name] = value
        if stated:
            raise InputError(
                "request.input",
                f"A certificate of profile {profile.name} takes no input {shown(min(stated))}.",
                f"It takes {', '.join(each.name for each in profile.input_types) or 'none'}.",
            )
        return Subject(profile.name, profile.input_types, inputs)

    @classmethod
    def from_view(
        cls, profile: Profile, view: View, roles: Roles
    ) -> tuple[Subject, tuple[KeyUsage, ...]]:
        """Read the subject and the usages from a certificate or CSR.

        Args:
            profile: of the certificate or CSR.
            view: of a certificate, or of a CSR without faults.
            roles: to find the RemotePartyRole in it.

        Returns:
            The subject, and the key usages: none where the profile fixes them.

        Raises:
            InputError: if it is a CA's, or a field is missing or unreadable.
        """
        if (
            profile.tier is not Tier.END_ENTITY
            or view.value("extensions.basicConstraints.cA") is True
        ):
            raise InputError(
                "subject.authority", "It is a CA's certificate, which cannot be requested."
            )
        parsed: dict[str, InputValue] = {}
        for subject_input in profile.subject_inputs:
            if subject_input.path is None:
                continue
            value = subject_input.type.from_field(view, subject_input.path, roles)
            if value is not None:
                parsed[subject_input.type.name] = subject_input.once_each(value)
            elif not subject_input.optional:
                raise _unreadable(subject_input.path)
        return cls(profile.name, profile.input_types, parsed), _usages(profile, view)

    def with_identifier(self, eui64: Eui64) -> Subject:
        """The same subject with another EUI-64."""
        # A batch calls this a million times.
        for input_type in self._types:
            if input_type.is_identifier:
                return self.with_input(input_type.name, eui64)
        raise ValueError("the certificate type has no identifier")

    def with_input(self, name: str, value: InputValue) -> Subject:
        """The same subject with another value of one input, by the name that rows use."""
        return Subject(self.profile, self._types, {**self.inputs, name: value})

    @property
    def remote_party_role(self) -> RemotePartyRole | None:
        """The RemotePartyRole asked for, if the certificate type has one."""
        role = self.inputs.get("role")
        return role if isinstance(role, RemotePartyRole) else None

    @property
    def stated_signifier(self) -> Signifier | None:
        """The Signifier that the requester states, if it does."""
        signifier = self.inputs.get(SIGNIFIER)
        return signifier if isinstance(signifier, Signifier) else None

    def field_values(self) -> dict[str, Value]:
        """The values that fill the profile's rows, by input."""
        return {
            input_type.name: input_type.to_field(self.inputs[input_type.name])
            for input_type in self._types
            if input_type.name in self.inputs and input_type.kinds
        }

    def shared_inputs(self) -> dict[str, str]:
        """The field texts of the inputs that the certificates of a batch usually share."""
        return self.inputs_apart()[0]

    def own_inputs(self) -> dict[str, str]:
        """The field texts of the other inputs, without the EUI-64."""
        return self.inputs_apart()[1]

    def inputs_apart(self) -> tuple[dict[str, str], dict[str, str]]:
        """The shared inputs and the others, at once."""
        shared: dict[str, str] = {}
        own: dict[str, str] = {}
        # A loop: a batch calls this a million times.
        for input_type in self._types:
            if input_type.is_identifier:
                continue
            value = self.inputs.get(input_type.name)
            if value is not None and input_type.kinds:
                texts = shared if input_type.is_shared else own
                texts[input_type.name] = str(input_type.to_field(value))
        return shared, own

    def as_json(self) -> dict[str, str | None]:
        """The inputs as a JSON object; one that is not stated is null.

        A Signifier and an IP address are present only where the requester stated one.
        """
        return {
            input_type.key: _as_json(self.inputs.get(input_type.name))
            for input_type in self._types
            if input_type.name in self.inputs or input_type.name not in {SIGNIFIER, ADDRESS}
        }

    def __getattr__(self, name: str) -> Any:
        for input_type in self._types:
            if name == input_type.key:
                return self.inputs.get(input_type.name)
        raise AttributeError(f"a subject of profile {self.profile} has no {name!r}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Subject):
            return NotImplemented
        return self.profile == other.profile and self.inputs == other.inputs

    def __hash__(self) -> int:
        return hash((self.profile, frozenset(self.inputs.items())))

    def __reduce__(self) -> tuple[Any, ...]:
        # A mapping proxy cannot be pickled.
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
        f"Its {path} is missing, or has a value that no request can ask for.",
        "List its faults: smki-testca lint FILE",
    )
