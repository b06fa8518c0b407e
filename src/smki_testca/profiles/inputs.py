"""The inputs of a certificate type: what a request states, and how each is read and written.

A row of a profile names an input: ``fill = { input = "device-id" }``. Its type gives the input's
name on a command line, in a manifest and in a kit (``option``) and in JSON (``key``), parses its
text, and converts it to the value of the field.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from smki_testca.errors import InputError
from smki_testca.identifiers import Eui64, Signifier, parse_object_identifier
from smki_testca.roles import RemotePartyRole
from smki_testca.text import shown
from smki_testca.x509.fields import FIELDS, SEPARATOR, FieldKind, packed_address

if TYPE_CHECKING:
    from collections.abc import Callable

    from smki_testca.roles import Roles
    from smki_testca.x509.fields import Value
    from smki_testca.x509.view import View

InputValue = str | Eui64 | RemotePartyRole | Signifier
"""A parsed input."""

ADDRESS: Final = "ip"
"""The input that an iPAddress is filled from."""
MAX_VALUES: Final = 100
"""The most values of one input in a certificate."""
USAGE: Final = "usage"
"""The input that a request states outside its subject: one certificate is issued for each."""
SIGNIFIER: Final = "signifier"
"""The input that no row is filled from: certificates take the Signifier from the register."""


@dataclass(frozen=True, slots=True)
class InputType:
    """The names, parser and writer of one input.

    Attributes:
        name: in rows.
        option: its name on command lines, in manifests and in kits.
        key: its name in JSON, the audit log and Python.
        metavar: the placeholder for a value in help.
        help: a description, one sentence.
        kinds: the kinds of field that it can fill.
        parse: reads its text; raises InputError for malformed text.
        to_field: converts a parsed input to the value of the field.
        from_field: reads the input from a certificate or CSR and the path of the field; None
            where the field is missing or has another form.
        sample: a field value for trying out profiles.
        is_identifier: whether it is the EUI-64 that the certificate embeds.
        is_shared: whether the certificates of a batch usually have the same value.
        of: the class of a parsed input.
    """

    name: str
    option: str
    key: str
    metavar: str
    help: str
    kinds: tuple[FieldKind, ...]
    parse: Callable[[str, Roles], InputValue]
    to_field: Callable[[InputValue], Value]
    from_field: Callable[[View, str, Roles], InputValue | None]
    sample: Value
    is_identifier: bool = False
    is_shared: bool = False
    of: type[InputValue] = str

    def described(self, *, text: str = "", metavar: str = "") -> InputType:
        """The same type with the help and metavar of a profile, unless they are empty."""
        return replace(self, help=text or self.help, metavar=metavar or self.metavar)


@dataclass(frozen=True, slots=True)
class SubjectInput:
    """One input of one certificate type.

    Attributes:
        type: its names, parser and writer.
        optional: whether a request may leave it out.
        path: of the field that it fills; None for a Signifier, which the register fills in.
    """

    type: InputType
    optional: bool
    path: str | None

    @property
    def is_repeatable(self) -> bool:
        """Whether a certificate may hold several values of it."""
        return self.path is not None and FIELDS[self.path].is_repeatable

    def once_each(self, value: InputValue) -> InputValue:
        """The value; of one that may be several, each of them once."""
        if not self.is_repeatable:
            return value
        return SEPARATOR.join(dict.fromkeys(str(value).split(SEPARATOR)))

    def parse(self, text: str, roles: Roles) -> InputValue:
        """Parse the text of the input; several values have commas or semicolons between.

        Raises:
            InputError: for malformed text, an empty value among others, or too many values.
        """
        if not self.is_repeatable or not text:
            return self.type.parse(text, roles)
        texts = [each.strip() for each in text.replace(";", SEPARATOR).split(SEPARATOR)]
        if not all(texts):
            raise InputError(
                "request.input", f"A value of --{self.type.option} is empty.", "Leave it out."
            )
        values = dict.fromkeys(str(self.type.parse(each, roles)) for each in texts)
        if len(values) > MAX_VALUES:
            raise InputError(
                "request.input",
                f"There are {len(values)} values of --{self.type.option}.",
                f"A certificate takes at most {MAX_VALUES}.",
            )
        return SEPARATOR.join(values)


def _parse_text(text: str, _: Roles) -> InputValue:
    return text


def _text_of(view: View, path: str, _: Roles) -> InputValue | None:
    return view.text(path) or None


def _as_text(value: InputValue) -> Value:
    return str(value)


def _parse_eui64(text: str, _: Roles) -> InputValue:
    return Eui64.parse(text)


def _eui64_of(view: View, path: str, _: Roles) -> InputValue | None:
    octets = view.octets(path)
    return Eui64.from_octets(octets) if octets is not None and len(octets) == 8 else None


def _as_octets(value: InputValue) -> Value:
    assert isinstance(value, Eui64)  # noqa: S101 - the parser gives nothing else
    return value.octets


def _parse_role(text: str, roles: Roles) -> InputValue:
    return roles.remote_party_role(text)


def _role_of(view: View, path: str, roles: Roles) -> InputValue | None:
    text = view.text(path)
    if not text:
        return None
    role = roles.by_hex(text)
    if role is None:
        raise InputError(
            "subject.role",
            f"Its {path} {shown(text)} is not a RemotePartyRole in two hexadecimal digits.",
        )
    return role


def _as_hex(value: InputValue) -> Value:
    assert isinstance(value, RemotePartyRole)  # noqa: S101 - the parser gives nothing else
    return value.hex


def _parse_oid(text: str, _: Roles) -> InputValue:
    return parse_object_identifier(text)


def _parse_address(text: str, _: Roles) -> InputValue:
    return str(ipaddress.ip_address(packed_address(text)))


def _parse_signifier(text: str, _: Roles) -> InputValue:
    return Signifier.parse(text)


def _not_in_field(_view: View, _path: str, _roles: Roles) -> InputValue | None:
    return None


def _eui64(name: str, option: str, key: str, text: str) -> InputType:
    return InputType(
        name,
        option,
        key,
        "EUI64",
        text,
        (FieldKind.BITS, FieldKind.OCTETS),
        _parse_eui64,
        _as_octets,
        _eui64_of,
        bytes(8),
        is_identifier=True,
        of=Eui64,
    )


def _text(name: str, metavar: str, text: str, sample: str = "Sample") -> InputType:
    key = name.replace("-", "_")
    return InputType(
        name, name, key, metavar, text, (FieldKind.TEXT,), _parse_text, _as_text, _text_of, sample
    )


def _oid(name: str, text: str) -> InputType:
    key = name.replace("-", "_")
    return InputType(
        name, name, key, "OID", text, (FieldKind.OID,), _parse_oid, _as_text, _text_of, "1.2.3"
    )


_ROLE: Final = InputType(
    "role",
    "role",
    "role",
    "NAME|HEX",
    "Such as supplier or 02.",
    (FieldKind.TEXT,),
    _parse_role,
    _as_hex,
    _role_of,
    "02",
    is_shared=True,
    of=RemotePartyRole,
)
_SIGNIFIER: Final = InputType(
    SIGNIFIER,
    SIGNIFIER,
    SIGNIFIER,
    "S",
    "The participant's Signifier. Another one than the register's is refused.",
    (),
    _parse_signifier,
    _as_text,
    _not_in_field,
    "Sample",
    of=Signifier,
)

INPUT_TYPES: Final[dict[str, InputType]] = {
    input_type.name: input_type
    for input_type in (
        _eui64("eui64", "id", "eui64", "The User, RDP or DCC ID."),
        _ROLE,
        _text("common-name", "CN", "An optional name in the subject."),
        _eui64("device-id", "device-id", "device_id", "The Device ID."),
        replace(_oid("hw-type", "The manufacturer's hwType."), is_shared=True),
        _text("dns", "NAME", "A host name for the subjectAltName.", "sample.test"),
        replace(
            _text(ADDRESS, "ADDRESS", "An IP address for the subjectAltName.", "192.0.2.1"),
            kinds=(FieldKind.ADDRESS,),
            parse=_parse_address,
        ),
        _SIGNIFIER,
        _text("system-name", "NAME", "The authorised system."),
    )
}
"""The inputs that every profile can name, in the order of a manifest's columns."""


def own_input(name: str, kind: str, text: str, metavar: str) -> InputType:
    """The type of an input that a profile declares itself.

    Args:
        name: in its rows and on the command line.
        kind: ``text`` or ``oid``.
        text: its description in help.
        metavar: the placeholder for a value in help; ``TEXT`` or ``OID`` if it is empty.
    """
    input_type = _oid(name, text) if kind == "oid" else _text(name, "TEXT", text)
    return input_type.described(metavar=metavar)
