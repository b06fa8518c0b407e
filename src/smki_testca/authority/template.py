"""Compiled templates: a certificate type as constant octets with spans to fill in.

A template is compiled from the reference encoding of a sample, which is first checked against
every row of the profile (R4). Certificates rendered from it differ from the sample in the spans
only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from smki_testca.authority.filling import Filling, TemplateSetting, values
from smki_testca.der import DerError, encode
from smki_testca.der.read import read, read_wrapped
from smki_testca.errors import InputError
from smki_testca.identifiers import SerialNumber
from smki_testca.lint.row_checks import RowContext, check
from smki_testca.profiles.inputs import USAGE
from smki_testca.profiles.model import Constant, Derived, Input, Profile
from smki_testca.x509.fields import FIELDS, Value, check_characters, encode_value
from smki_testca.x509.names import KeyType
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from smki_testca.authority.filling import Values
    from smki_testca.der import Node
    from smki_testca.roles import Roles

_SHARED = frozenset({"issuer-key-algorithm", "issuer-subject", "issuer-key-identifier"}) | {
    "environment-policy",
    "ca-name",
}
"""Derived values that are the same in every certificate of one setting."""


@dataclass(frozen=True, slots=True)
class Span:
    """The place of one field's element, or of its elements if it has several."""

    path: str


@dataclass(frozen=True, slots=True)
class Wrapper:
    """An element whose length depends on the spans in it."""

    tag: int
    parts: tuple[Part, ...]


Part = bytes | Span | Wrapper


class TemplateMismatchError(Exception):
    """A certificate differs from its template outside the spans: a fault in this package."""


@dataclass(frozen=True)
class Template:
    """A TBSCertificate with spans.

    Attributes:
        setting: that it was compiled for.
        parts: constant octets, spans, and wrappers around them.
    """

    setting: TemplateSetting
    parts: tuple[Part, ...]

    @cached_property
    def varying(self) -> frozenset[str]:
        """The paths of the fields in its spans."""
        return frozenset(_span_paths(self.parts))

    def elements(self, fields: Values) -> dict[str, bytes]:
        """Encode the elements of its spans, by path."""
        return {path: self.element(path, fields) for path in self.varying}

    def render(self, elements: Mapping[str, bytes]) -> bytes:
        """Render a TBSCertificate with these elements in its spans."""
        return _rendered(self.parts, elements)

    def element(self, path: str, fields: Values) -> bytes:
        """Encode the element of one span."""
        field = FIELDS[path]
        return encode_value(field, self.setting.profile.encoding(field), fields[path])

    def verify(self, tbs: bytes, elements: Mapping[str, bytes]) -> None:
        """Check that a TBSCertificate is this template with exactly these elements.

        Raises:
            TemplateMismatchError: where it differs.
        """
        for path, element in self.spans(tbs).items():
            if element != elements[path]:
                raise TemplateMismatchError(f"{path} has another value than asked for")

    def spans(self, tbs: bytes) -> dict[str, bytes]:
        """The elements in the spans of a TBSCertificate rendered from this template, by path.

        Raises:
            TemplateMismatchError: if it differs outside the spans.
        """
        elements: dict[str, bytes] = {}
        try:
            root, anomalies = read(tbs, noun="TBSCertificate")
        except DerError as error:
            raise TemplateMismatchError(error.message) from error
        if anomalies:
            raise TemplateMismatchError(anomalies[0].message)
        if self._take(self.parts, tbs, root.offset, root.stop, elements) != root.stop:
            raise TemplateMismatchError("octets follow the end of the template")
        return elements

    def _take(
        self,
        parts: Iterable[Part],
        data: bytes,
        position: int,
        limit: int,
        elements: dict[str, bytes],
    ) -> int:
        for part in parts:
            if isinstance(part, bytes):
                stop = position + len(part)
                if stop > limit or data[position:stop] != part:
                    raise TemplateMismatchError(f"octets {position} to {stop} are not constant")
                position = stop
                continue
            tag, start, stop = _element_at(data, position, limit)
            if isinstance(part, Span):
                while FIELDS[part.path].is_repeatable and stop < limit and data[stop] == tag:
                    _, _, stop = _element_at(data, stop, limit)
                elements[part.path] = data[position:stop]
            elif tag != part.tag or self._take(part.parts, data, start, stop, elements) != stop:
                raise TemplateMismatchError(f"the element at octet {position} differs")
            position = stop
        return position


def _rendered(parts: Iterable[Part], elements: Mapping[str, bytes]) -> bytes:
    octets = b""
    for part in parts:
        if isinstance(part, bytes):
            octets += part
        elif isinstance(part, Span):
            octets += elements[part.path]
        else:
            octets += encode.tlv(part.tag, _rendered(part.parts, elements))
    return octets


def _span_paths(parts: Iterable[Part]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, Span):
            yield part.path
        elif isinstance(part, Wrapper):
            yield from _span_paths(part.parts)


def _element_at(data: bytes, position: int, limit: int) -> tuple[int, int, int]:
    """The tag, the start of the content and the end of the element at a position."""
    if limit - position < 2:
        raise TemplateMismatchError(f"nothing is left at octet {position}")
    tag, length = data[position], data[position + 1]
    start = position + 2
    if length & 0x80:
        count = length & 0x7F
        start += count
        length = int.from_bytes(data[position + 2 : start])
    if start + length > limit or encode.header(tag, length) != data[position:start]:
        raise TemplateMismatchError(f"the length at octet {position + 1} is wrong")
    return tag, start, start + length


def compile_template(setting: TemplateSetting, present: frozenset[str], roles: Roles) -> Template:
    """Encode a sample, check it against the profile, and compile the template from it.

    Args:
        setting: the profile, the environment and the issuer.
        present: the names of the optional inputs that requests will state.
        roles: for the check.

    Raises:
        InputError: if the sample breaks a row: the rows contradict each other.
    """
    from pyasn1.error import PyAsn1Error  # noqa: PLC0415 - slow to import

    from smki_testca.authority import reference_encoder  # noqa: PLC0415 - it imports pyasn1

    profile = setting.profile
    sample = _sample(profile, present)
    fields = values(setting, sample)
    try:
        for path, value in fields.items():
            check_characters(FIELDS[path], profile.encoding(FIELDS[path]), value)
        tbs = reference_encoder.encode_tbs(profile, fields)
    except (InputError, PyAsn1Error) as error:
        raise InputError(
            "profile.contradiction",
            f"{profile.origin} contradicts itself: its sample cannot be encoded: {error}",
            "Correct the row that fills the field.",
        ) from error
    document = encode.sequence(tbs, setting.algorithm.encoded, encode.bit_string(b"\x30\x00"))
    view = view_certificate(document)
    free = {row.field.path for row in profile.filling_rows if isinstance(row.fill, Input)}
    for finding in check(view, profile, RowContext(roles, setting.environment)):
        if finding.path not in free:
            raise InputError(
                "profile.contradiction",
                f"{profile.origin} contradicts itself: in its sample, {finding.message}",
                "Correct the row of that field, or the row that fills it.",
            )
    spans = {
        view.fields[row.field.path].node.offset: row.field.path
        for row in profile.filling_rows
        if row.field.path in fields and _varies(row.fill)
    }
    return Template(setting, tuple(_joined(_cut(view.signed, spans))))


def _varies(fill: object) -> bool:
    if isinstance(fill, Constant):
        return False
    return not (isinstance(fill, Derived) and fill.name in _SHARED)


def _sample(profile: Profile, present: frozenset[str]) -> Filling:
    samples: dict[str, Value] = {
        input_type.name: input_type.sample for input_type in profile.input_types
    }
    samples[USAGE] = ("digitalSignature",)
    required = {
        row.fill.name
        for row in profile.filling_rows
        if isinstance(row.fill, Input) and not row.fill.optional
    }
    return Filling(
        SerialNumber(0x5A << 120),
        datetime(2026, 1, 1, tzinfo=UTC),
        _SAMPLE_KEYS[profile.key_type],
        {name: value for name, value in samples.items() if name in required | present},
        "Sample",
        "Sample",
    )


_SAMPLE_KEYS = {
    KeyType.P256: encode.sequence(
        encode.sequence(encode.oid("1.2.840.10045.2.1"), encode.oid("1.2.840.10045.3.1.7")),
        encode.bit_string(b"\x04" + bytes(64)),
    ),
    KeyType.RSA2048: encode.sequence(
        encode.sequence(encode.oid("1.2.840.113549.1.1.1"), b"\x05\x00"),
        encode.bit_string(encode.sequence(encode.integer((1 << 2047) + 1), encode.integer(65537))),
    ),
}


def _cut(node: Node, spans: Mapping[int, str]) -> Iterator[Part]:
    if node.offset in spans:
        yield Span(spans[node.offset])
        return
    inside = any(node.start <= offset < node.end for offset in spans)
    if not inside:
        yield node.encoded
        return
    children = node.children
    if not node.constructed:
        inner, _ = read_wrapped(node)
        children = [inner] if inner is not None else []
    yield Wrapper(
        node.tag, tuple(_joined(part for child in children for part in _cut(child, spans)))
    )


def _joined(parts: Iterable[Part]) -> Iterator[Part]:
    """The parts with adjacent constants joined."""
    constant = b""
    for part in parts:
        if isinstance(part, bytes):
            constant += part
            continue
        if constant:
            yield constant
        constant = b""
        yield part
    if constant:
        yield constant
