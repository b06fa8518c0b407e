"""Builds the profile of a certificate or CRL from its file, or reports the row at fault."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NoReturn

from smki_testca.clock import parse_instant
from smki_testca.errors import InputError
from smki_testca.identifiers import parse_object_identifier
from smki_testca.profiles.inputs import (
    INPUT_TYPES,
    SIGNIFIER,
    USAGE,
    InputType,
    SubjectInput,
    own_input,
)
from smki_testca.profiles.model import (
    POLICY,
    Constant,
    Derived,
    DocumentProfile,
    Fill,
    Frequency,
    Hierarchy,
    HierarchyDefinition,
    Holds,
    Identity,
    Input,
    Profile,
    RevocationListProfile,
    Row,
    Severity,
    Tier,
)
from smki_testca.profiles.subject import Subject
from smki_testca.profiles.text_pattern import PatternError, TextPattern
from smki_testca.roles import Basis
from smki_testca.text import plain, shown, use_one_of
from smki_testca.toml_places import Place
from smki_testca.x509 import names
from smki_testca.x509.fields import FIELDS, REVOCATION_LIST_FIELDS, Field, FieldKind, Value

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from smki_testca.profiles.documents import (
        FillTable,
        HoldsTable,
        ProfileFile,
        RevocationListFile,
        RowTable,
    )

INPUTS: Final = {
    name: input_type.kinds for name, input_type in INPUT_TYPES.items() if input_type.kinds
} | {USAGE: (FieldKind.NAMED_BITS,)}
"""The inputs that every profile can name, and the kinds of field each can fill."""

DERIVED: Final = {
    "serial-number": (FieldKind.INTEGER,),
    "issuer-key-algorithm": (FieldKind.ENCODED,),
    "issuer-subject": (FieldKind.ENCODED,),
    "midnight": (FieldKind.TIME,),
    "now": (FieldKind.TIME,),
    "not-after": (FieldKind.TIME,),
    "public-key": (FieldKind.ENCODED,),
    "key-identifier-method-1": (FieldKind.OCTETS,),
    "key-identifier-method-2": (FieldKind.OCTETS,),
    "issuer-key-identifier": (FieldKind.OCTETS,),
    "environment-policy": (FieldKind.OID,),
    "ca-name": (FieldKind.TEXT,),
    "signifier": (FieldKind.TEXT,),
    "participant-name": (FieldKind.TEXT,),
}
"""The values that the CA computes, and the kinds of field each can fill."""

REVOCATION_LIST_DERIVED: Final = {
    "issuer-key-algorithm": (FieldKind.ENCODED,),
    "issuer-subject": (FieldKind.ENCODED,),
    "now": (FieldKind.TIME,),
    "next-update": (FieldKind.TIME,),
    "issuer-key-identifier": (FieldKind.OCTETS,),
    "crl-number": (FieldKind.INTEGER,),
    "revoked-serial": (FieldKind.INTEGER,),
    "revocation-date": (FieldKind.TIME,),
    "reason": (FieldKind.TEXT,),
}
"""The values that the CA computes for a CRL, and the kinds of field each can fill."""

_OF_ENTRIES: Final = ("revoked-serial", "revocation-date", "reason")
"""Those of them that differ from entry to entry."""

_SPANS: Final = {"not-after": ("years",), "next-update": ("years", "hours")}
"""The derived times that lie a span after another, and the units of the span."""


@dataclass(frozen=True, slots=True)
class _Language:
    """The names that the rows of one type of document can use.

    Attributes:
        always: the fields that every such document has.
    """

    document: str
    fields: Mapping[str, Field]
    inputs: Mapping[str, tuple[FieldKind, ...]]
    derived: Mapping[str, tuple[FieldKind, ...]]
    always: tuple[str, ...]


_ALWAYS: Final = (
    "version",
    "serialNumber",
    "signature",
    "issuer",
    "validity.notBefore",
    "validity.notAfter",
    "subjectPublicKeyInfo",
)

_CERTIFICATE: Final = _Language("certificate", FIELDS, INPUTS, DERIVED, _ALWAYS)
_REVOCATION_LIST: Final = _Language(
    "CRL",
    REVOCATION_LIST_FIELDS,
    {},
    REVOCATION_LIST_DERIVED,
    (
        "version",
        "signature",
        "issuer",
        "thisUpdate",
        "nextUpdate",
        "revokedCertificates.userCertificate",
        "revokedCertificates.revocationDate",
    ),
)

_SEVERITY: Final = {
    Basis.SPECIFIED: Severity.ERROR,
    Basis.OBSERVED: Severity.WARNING,
    Basis.ASSUMED: Severity.NOTICE,
}


def profile(document: ProfileFile, hierarchy: HierarchyDefinition, origin: str) -> Profile:
    """Check every row, and the rows against each other.

    Args:
        document: the file's content.
        hierarchy: that it names.
        origin: the file's path.

    Raises:
        InputError: naming the file and the row.
    """
    types = _input_types(document, origin)
    inputs = INPUTS | {
        name: input_type.kinds for name, input_type in types.items() if input_type.kinds
    }
    language = replace(_CERTIFICATE, inputs=inputs)
    rows = _rows(document.row, language, origin)
    is_ca = document.tier is not Tier.END_ENTITY
    identity = None if is_ca else document.identity or _inferred_identity(rows)
    certificate_profile = Profile(
        name=document.name,
        title=document.title,
        hierarchy=hierarchy.name,
        tier=document.tier,
        rows=rows,
        origin=origin,
        role_field=hierarchy.role_field,
        csr_terms=hierarchy.csr_terms,
        key_type=document.key_type,
        identity=identity,
        subject_inputs=() if is_ca else _subject_inputs(rows, types, document, identity),
        summary=_of_help(document.summary or f"{document.title}."),
        example=_of_help(document.example),
    )
    filled = _check_together(certificate_profile, language)
    _check_certificate(certificate_profile, filled)
    _check_inputs(certificate_profile, document)
    return certificate_profile


def _input_types(document: ProfileFile, origin: str) -> dict[str, InputType]:
    """The inputs that the rows can name: those of every profile, and the profile's own."""
    types = dict(INPUT_TYPES)
    for name, table in document.inputs.items():
        where = Place(origin).within("inputs", name)
        known = types.get(name)
        if known is not None and table.type is not None:
            _fail(where.within("type"), "every profile has this input; leave its type out")
        if known is not None:
            types[name] = known.described(
                text=_of_help(table.help or ""), metavar=_of_help(table.metavar or "")
            )
            continue
        if table.type is None or table.help is None:
            _fail(where, "a new input needs a type and a help")
        if not _is_name(name) or name in _TAKEN_OPTIONS or _is_taken_in_python(name):
            _fail(where, "the name of a new input is malformed or reserved")
        metavar = _of_help(table.metavar or "")
        types[name] = own_input(name, table.type, _of_help(table.help), metavar)
    return types


def _of_help(text: str) -> str:
    """A text for help on one line, which no terminal takes for a command."""
    return plain(" ".join(text.split()))


_MAX_OWN_INPUT: Final = 64
_OWN_INPUT: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", re.ASCII)
_TAKEN_OPTIONS: Final = frozenset(
    {
        *("participant", "purpose", "environment", "delivery", "label", "usage", "usages", "id"),
        *("not-before", "not-after", "profile", "public-key-file", "csr-file", "help", "type"),
        *("count", "step", "first-id", "roles", "environments", "environment-step", "token"),
        *("inputs", "copy", "validity", "seed", "all-or-nothing", "workers", "engine"),
        *("scheduler", "tls-cert", "tls-key", "tls-ca", "again", "skip-existing", "replace"),
        *("days", "dry-run", "force", "out", "with-key", "export-passphrase-file", "as"),
        *("key", "key-passphrase-file", "participant-name", "cell-usage", "manifest"),
        *("estate", "profiles", "passphrase-file", "json", "no-config", "clock", "version"),
        *("token-module", "token-pin-file"),
    }
)
"""Names that commands, requests, manifests and kits use for something else."""


def _is_name(name: str) -> bool:
    return len(name) <= _MAX_OWN_INPUT and _OWN_INPUT.fullmatch(name) is not None


def _is_taken_in_python(name: str) -> bool:
    """Whether an input could be neither a keyword argument nor an attribute of a subject."""
    key = name.replace("-", "_")
    return keyword.iskeyword(key) or key == "self" or hasattr(Subject, key)


def _inferred_identity(rows: tuple[Row, ...]) -> Identity | None:
    """The identity that the rows imply, for a file that does not state one."""
    names = {row.fill.name for row in rows if isinstance(row.fill, Input | Derived)}
    for name, identity in _IDENTIFIED_BY.items():
        if name in names:
            return identity
    return None


_IDENTIFIED_BY: Final = {
    "eui64": Identity.USER_ID,
    "device-id": Identity.DEVICE_ID,
    "signifier": Identity.SIGNIFIER,
    "role": Identity.ROLE,
}


def _subject_inputs(
    rows: tuple[Row, ...],
    types: Mapping[str, InputType],
    document: ProfileFile,
    identity: Identity | None,
) -> tuple[SubjectInput, ...]:
    """The inputs in the order of the command line's options.

    Those that the file describes come first, in its order; then identifiers, other required
    inputs, optional inputs.
    """
    subject_inputs = [
        SubjectInput(types[row.fill.name], row.fill.optional, row.field.path)
        for row in rows
        if isinstance(row.fill, Input) and row.fill.name != USAGE
    ]
    derived = {row.fill.name for row in rows if isinstance(row.fill, Derived)}
    if identity is Identity.SIGNIFIER or SIGNIFIER in derived:
        subject_inputs.append(SubjectInput(types[SIGNIFIER], optional=True, path=None))
    described = list(document.inputs)

    def rank(subject_input: SubjectInput) -> tuple[int, bool, bool]:
        name = subject_input.type.name
        first = described.index(name) if name in described else len(described)
        return first, not subject_input.type.is_identifier, subject_input.optional

    return tuple(sorted(subject_inputs, key=rank))


def _check_inputs(profile: Profile, document: ProfileFile) -> None:
    """Check that the inputs, their descriptions and the identity are consistent."""
    if profile.tier is not Tier.END_ENTITY:
        if document.identity is not None:
            where = Place(profile.origin).within("identity")
        elif document.inputs:
            where = Place(profile.origin).within("inputs")
        elif profile.inputs:
            where = _last_filled(profile, profile.inputs)
        else:
            return
        _fail(where, "a CA's certificate has no inputs and no identity")
    names = [subject_input.type.name for subject_input in profile.subject_inputs]
    for name in document.inputs:
        if name not in names:
            _fail(Place(profile.origin).within("inputs", name), "no row is filled from it")
    for name in names:
        if names.count(name) > 1:
            _fail(_last_filled(profile, {name}), f"two rows are filled from the input {name}")
    identifiers = {each.type.name for each in profile.subject_inputs if each.type.is_identifier}
    if len(identifiers) > 1:
        _fail(
            _last_filled(profile, identifiers),
            "a certificate embeds one EUI-64: eui64 or device-id",
        )
    if profile.identity is None:
        _fail(
            profile.origin,
            "the profile states no identity of the holder, and its rows imply none",
            use_one_of(Identity, "identity"),
        )
    needed = {
        Identity.USER_ID: "eui64",
        Identity.DEVICE_ID: "device-id",
        Identity.ROLE: "role",
    }.get(profile.identity)
    needs = {
        subject_input.type.name
        for subject_input in profile.subject_inputs
        if not subject_input.optional
    }
    if needed is not None and needed not in needs:
        _fail(
            profile.origin
            if document.identity is None
            else Place(profile.origin).within("identity"),
            f"identity = {profile.identity.value!r} needs a row that is filled from the input"
            f" {needed}, which is not optional",
        )


def _last_filled(profile: Profile, inputs: Collection[str]) -> Place:
    """The place of the last row that is filled from one of some inputs."""
    number, path = max(
        (row.number, row.field.path)
        for row in profile.rows
        if isinstance(row.fill, Input) and row.fill.name in inputs
    )
    return _place(profile.origin, number, path).within("fill")


def revocation_list_profile(document: RevocationListFile, origin: str) -> RevocationListProfile:
    """Check every row of a CRL's profile, and the rows against each other.

    Raises:
        InputError: naming the file and the row.
    """
    table = document.frequency
    soon = table.within_hours_of_revocation
    crl_profile = RevocationListProfile(
        name=document.name,
        title=document.title,
        hierarchy=Hierarchy(document.hierarchy),
        tier=document.tier,
        rows=_rows(document.row, _REVOCATION_LIST, origin),
        origin=origin,
        frequency=Frequency(
            timedelta(hours=table.at_least_every_hours),
            None if soon is None else timedelta(hours=soon),
            table.basis,
            table.source,
        ),
    )
    filled = _check_together(crl_profile, _REVOCATION_LIST)
    _check_revocation_list(crl_profile, filled)
    return crl_profile


def _rows(tables: list[RowTable], language: _Language, origin: str) -> tuple[Row, ...]:
    return tuple(
        _row(number, table, language, _place(origin, number, table.field))
        for number, table in enumerate(tables, 1)
    )


def _place(origin: str, number: int, path: str) -> Place:
    """The place of a row in its file; it is called by its number and field in messages."""
    return Place(origin).within("row", number - 1, noun=f"row {number} ({path})")


def _fail(where: str | Place, message: str, remedy: str = "") -> NoReturn:
    raise InputError("profile.row", f"{where}: {message}.", remedy)


def _row(number: int, table: RowTable, language: _Language, where: Place) -> Row:
    field = language.fields.get(table.field)
    if field is None:
        _fail(
            where.within("field"),
            f"there is no field {shown(table.field)}",
            "docs/profiles.md lists them.",
        )
    if table.encode is not None and table.encode not in field.encodings:
        _fail(
            where.within("encode"),
            f"it is written as {' or '.join(field.encodings)}, not {table.encode}",
        )
    if table.critical is not None and not field.is_whole_extension:
        _fail(where.within("critical"), "only an extension has a criticality")
    holds = _holds(table.holds, field, where.within("holds"))
    fill = None if table.fill is None else _fill(table.fill, field, language, where.within("fill"))
    if fill is not None and holds.absent:
        _fail(where.within("fill"), "a field that must be absent cannot be filled")
    if holds.optional and (fill is not None or holds.absent):
        _fail(
            where.within("holds", "optional"),
            "a field that is filled, or must be absent, is not optional",
        )
    parts = (fill, table.encode, table.critical)
    if all(part is None for part in parts) and holds == Holds():
        _fail(where, "it neither fills nor checks the field")
    return Row(
        number,
        field,
        fill,
        table.encode,
        table.critical,
        holds,
        table.severity or _SEVERITY[table.basis],
        table.basis,
        table.source,
        table.note,
    )


def _fill(table: FillTable, field: Field, language: _Language, where: Place) -> Fill:
    sources = [table.constant is not None, table.input is not None, table.derived is not None]
    if sum(sources) != 1:
        _fail(where, "fill takes exactly one of constant, input and derived")
    if table.optional and table.input is None:
        _fail(where.within("optional"), "only an input is optional")
    _check_span(table, where)
    if table.backdate is not None and (table.derived, field.path) != ("now", "validity.notBefore"):
        _fail(
            where.within("backdate"), "backdate is only for validity.notBefore with derived = 'now'"
        )
    if table.constant is not None:
        return Constant(_constant(table.constant, field, where.within("constant")))
    is_input = table.input is not None
    vocabulary = language.inputs if is_input else language.derived
    name = table.input if is_input else table.derived
    kinds = vocabulary.get(name or "")
    if name is None or kinds is None:
        key = where.within("input" if is_input else "derived")
        _fail(
            key, f"nothing is called {shown(name or '')}", use_one_of(vocabulary, given=name or "")
        )
    if field.kind not in kinds:
        _fail(where, f"{name} cannot fill it: the field holds {field.kind.value}")
    if is_input:
        return Input(name, table.optional)
    return Derived(name, table.years, table.hours, table.backdate)


def _check_span(table: FillTable, where: Place) -> None:
    """Check that a derived time that lies a span after another states the span."""
    units = _SPANS.get(table.derived or "", ())
    stated = [unit for unit in ("years", "hours") if getattr(table, unit) is not None]
    if not units and not stated:
        return
    if len(stated) != 1 or stated[0] not in units:
        unit_names = " or ".join(units or stated)
        takers = (
            [table.derived]
            if units
            else [n for n, allowed in _SPANS.items() if stated[0] in allowed]
        )
        whose = " or ".join(repr(name) for name in takers)
        _fail(where, f"{unit_names} is only for derived = {whose}")


_VOCABULARIES = {
    FieldKind.ENCODED: names.SIGNATURE_ALGORITHMS,
    FieldKind.NAMED_BITS: names.KEY_USAGE_BITS,
}
"""The names that a constant of some kinds of field may have."""


def _constant(value: object, field: Field, where: Place) -> Value:
    converted: object = value
    match field.kind, value:
        case (FieldKind.ENCODED, str()) if value in names.SIGNATURE_ALGORITHMS:
            converted = names.SIGNATURE_ALGORITHMS[value].encoded
        case (FieldKind.OCTETS | FieldKind.BITS, str()) if re.fullmatch(
            r"([0-9a-fA-F]{2})+", value
        ):
            converted = bytes.fromhex(value)
        case (FieldKind.NAMED_BITS, list()) if value and all(
            v in names.KEY_USAGE_BITS for v in value
        ):
            converted = tuple(name for name in names.KEY_USAGE_BITS if name in value)
        case (FieldKind.OIDS, list()) if value:
            converted = tuple(_key_purpose(purpose, where) for purpose in value)
        case (FieldKind.OID, str()):
            converted = _object_identifier(value, where)
        case (FieldKind.INTEGER, int()) if value < 0:
            converted = None
        case (FieldKind.TIME, str() | datetime()):
            try:
                converted = parse_instant(value if isinstance(value, str) else value.isoformat())
            except InputError as error:
                _fail(where, error.message.rstrip("."))
    if isinstance(converted, str | int | bytes | tuple | datetime) and field.accepts(converted):
        return converted
    _fail(
        where,
        f"{shown(str(value))} is not a value for it: the field holds {field.kind.value}",
        use_one_of(_VOCABULARIES.get(field.kind, ())),
    )


def _key_purpose(value: object, where: Place) -> str:
    if isinstance(value, str) and value in names.KEY_PURPOSES:
        return value
    oid = _object_identifier(str(value), where)
    return names.KEY_PURPOSE_NAMES.get(oid, oid)


def _object_identifier(text: str, where: Place) -> str:
    try:
        return parse_object_identifier(text)
    except InputError as error:
        _fail(where, error.message.rstrip("."))


_KINDS_OF_CHECKS: Final = {
    "octets": (FieldKind.INTEGER, FieldKind.OCTETS, FieldKind.BITS),
    "max_octets": (FieldKind.INTEGER, FieldKind.OCTETS, FieldKind.BITS),
    "max_characters": (FieldKind.TEXT,),
    "matches": (FieldKind.TEXT, FieldKind.OID),
    "one_of": (FieldKind.TEXT, FieldKind.OID),
    "exactly_one_of": (FieldKind.NAMED_BITS, FieldKind.OIDS),
    "positive": (FieldKind.INTEGER,),
    "not_negative": (FieldKind.INTEGER,),
    "no_unused_bits": (FieldKind.BITS,),
    "identifies": (FieldKind.OCTETS, FieldKind.BITS),
    "in_row_order": (FieldKind.ORDER,),
    "role_code": (FieldKind.TEXT,),
    "max_years": (FieldKind.TIME,),
    "max_hours": (FieldKind.TIME,),
    "sole": (FieldKind.PRESENCE,),
}
"""The kinds of field of which a check says something, by the attribute of the table."""


def _holds(table: HoldsTable, field: Field, where: Place) -> Holds:
    for name, kinds in _KINDS_OF_CHECKS.items():
        if getattr(table, name) and field.kind not in kinds:
            label = name.replace("_", "-")
            _fail(
                where.within(label),
                f"{label} says nothing of a field that holds {field.kind.value}",
            )
    if table.optional and field.extension is None:
        _fail(where.within("optional"), "only an extension and its parts are optional")
    if table.last and field.attribute is None:
        _fail(where.within("last"), "only a subject attribute is last or not")
    if table.max_years and field.path not in {"validity.notAfter", "nextUpdate"}:
        _fail(where.within("max-years"), "max-years is only for validity.notAfter and nextUpdate")
    if table.max_hours and field.path != "nextUpdate":
        _fail(where.within("max-hours"), "max-hours is only for nextUpdate")
    if table.equals is not None and field.path == "revokedCertificates.userCertificate":
        _fail(where.within("equals"), "entries have different serials; none equals all of them")
    holds = Holds(
        one_of=None if table.one_of is None else tuple(table.one_of),
        exactly_one_of=_alternatives(table.exactly_one_of, field, where.within("exactly-one-of")),
        octets=table.octets,
        max_octets=table.max_octets,
        max_characters=table.max_characters,
        positive=table.positive,
        not_negative=table.not_negative,
        absent=table.absent,
        optional=table.optional,
        last=table.last,
        no_unused_bits=table.no_unused_bits,
        identifies=table.identifies,
        in_row_order=table.in_row_order,
        role_code=table.role_code,
        sole=table.sole,
        max_years=table.max_years,
        max_hours=table.max_hours,
    )
    if table.equals is not None:
        holds = replace(holds, equals=_constant(table.equals, field, where.within("equals")))
    if table.matches is not None:
        try:
            holds = replace(holds, matches=TextPattern.parse(table.matches))
        except PatternError as error:
            _fail(
                where.within("matches"),
                f"{shown(table.matches)} is not a regular expression ({error})",
            )
    return holds


def _alternatives(
    alternatives: list[str] | None, field: Field, where: Place
) -> tuple[str, ...] | None:
    if alternatives is None:
        return None
    if field.kind is FieldKind.OIDS:
        return tuple(_key_purpose(alternative, where) for alternative in alternatives)
    for alternative in alternatives:
        if alternative not in names.KEY_USAGE_BITS:
            _fail(
                where,
                f"{shown(alternative)} is not a key usage",
                use_one_of(names.KEY_USAGE_BITS, given=alternative),
            )
    return tuple(alternatives)


def _check_together(profile: DocumentProfile, language: _Language) -> dict[str, Row]:
    """Check that no two rows fill one field, and that every mandatory field is filled.

    Returns:
        The row that fills each field.
    """
    filled: dict[str, Row] = {}
    encoded: dict[str, Row] = {}
    for row in profile.rows:
        path = row.field.path
        if row.fill is not None:
            if path in filled:
                where = _place(profile.origin, row.number, path)
                _fail(where.within("fill"), f"row {filled[path].number} fills it already")
            filled[path] = row
        if row.encoding is not None:
            if path in encoded and encoded[path].encoding != row.encoding:
                where = _place(profile.origin, row.number, path)
                _fail(
                    where.within("encode"),
                    f"row {encoded[path].number} encodes it as {encoded[path].encoding}",
                )
            encoded[path] = row
    for row in profile.rows:
        path = row.field.path
        below = f"{path}."
        within = [other for other in filled if other == path or other.startswith(below)]
        if row.holds.absent and within:
            where = _place(profile.origin, row.number, path)
            _fail(where, f"it must be absent, yet row {filled[within[0]].number} fills it")
        if row.critical is not None and not within and not row.holds.optional:
            where = _place(profile.origin, row.number, path)
            _fail(where, "an extension that no row fills has no criticality")
    for path in language.always:
        if path not in filled:
            _fail(profile.origin, f"no row fills {path}, which every {language.document} has")
    return filled


def _check_revocation_list(profile: RevocationListProfile, filled: Mapping[str, Row]) -> None:
    for path, row in filled.items():
        if row.field.entry in {"userCertificate", "revocationDate"} and isinstance(
            row.fill, Constant
        ):
            where = _place(profile.origin, row.number, path)
            _fail(where.within("fill"), "it differs from entry to entry; a constant cannot fill it")
        is_of_entry = isinstance(row.fill, Derived) and row.fill.name in _OF_ENTRIES
        if isinstance(row.fill, Derived) and is_of_entry != (row.field.entry is not None):
            where = _place(profile.origin, row.number, path)
            whose = "each entry has its own" if is_of_entry else "entries have none of their own"
            _fail(where.within("fill"), f"{row.fill.name} cannot fill it: {whose}")
    if profile.tier is Tier.END_ENTITY:
        _fail(
            Place(profile.origin).within("tier"),
            "an end entity signs no CRL; the tier is root or issuing",
        )


_KEY_IDENTIFIER: Final = "extensions.subjectKeyIdentifier"


def _check_certificate(profile: Profile, filled: Mapping[str, Row]) -> None:
    alternative = "extensions.subjectAltName.hardwareModuleName"
    halves = [f"{alternative}.{part}" in filled for part in ("hwType", "hwSerialNum")]
    if any(halves) and not all(halves):
        half = filled[f"{alternative}.{'hwType' if halves[0] else 'hwSerialNum'}"]
        where = _place(profile.origin, half.number, half.field.path)
        _fail(where.within("field"), f"{alternative} takes both hwType and hwSerialNum")
    end, start = filled["validity.notAfter"], filled["validity.notBefore"]
    if isinstance(end.fill, Derived) and end.fill.years and end.number < start.number:
        where = _place(profile.origin, end.number, end.field.path)
        _fail(where, f"it is computed from {start.field.path}, whose row must come first")
    authority = filled.get("extensions.basicConstraints.cA")
    length = filled.get("extensions.basicConstraints.pathLenConstraint")
    if length is not None and authority is None:
        where = _place(profile.origin, length.number, length.field.path)
        _fail(where, "it needs a row that fills extensions.basicConstraints.cA")
    policy = filled.get(POLICY)
    if policy is not None and isinstance(policy.fill, Input):
        where = _place(profile.origin, policy.number, policy.field.path)
        _fail(
            where.within("fill"),
            "a request cannot choose it: fill it with a constant or environment-policy",
        )
    if profile.tier is not Tier.END_ENTITY and _KEY_IDENTIFIER not in filled:
        _fail(profile.origin, f"no row fills {_KEY_IDENTIFIER}, which every CA's certificate has")
    is_ca = authority is not None and authority.fill == Constant(value=True)
    if is_ca != (profile.tier is not Tier.END_ENTITY):
        _fail(
            Place(profile.origin).within("tier"),
            f"tier {profile.tier} and basicConstraints contradict each other",
        )
