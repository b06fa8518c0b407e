"""Compares an operator's profile with the shipped one of its name: whether a rule is weaker.

Rules that are ``specified`` bind everybody; an operator's file may only make them stricter.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Final

from smki_testca.profiles.model import (
    POLICY,
    Constant,
    Derived,
    Input,
    Profile,
    RevocationListProfile,
    Severity,
    Tier,
)
from smki_testca.roles import Basis
from smki_testca.x509.fields import FieldKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.profiles.model import DocumentProfile, Fill, Holds, Row

_IDENTIFIERS: Final = frozenset(
    {"subject.x500UniqueIdentifier", "extensions.subjectAltName.hardwareModuleName.hwSerialNum"}
)
"""The fields that hold an EUI-64: the gate judges it where it comes from an input."""
_KEY: Final = "subjectPublicKeyInfo"
_RANK: Final = {Severity.NOTICE: 0, Severity.WARNING: 1, Severity.ERROR: 2}
_UPPER_BOUNDS: Final = frozenset({"max_octets", "max_characters", "max_years", "max_hours"})
_ALTERNATIVES: Final = frozenset({"one_of", "exactly_one_of"})


def weaknesses(profile: DocumentProfile, shipped: DocumentProfile | None) -> tuple[str, ...]:
    """The reasons for which documents of a profile could pass for others (R20; SEC H14.11).

    Args:
        profile: that a library uses.
        shipped: the profile of the same name that this package ships; None if there is none.

    Returns:
        For each, the rest of a sentence about the profile; none for a profile as good as shipped.
    """
    return tuple(_weaknesses(profile, shipped))


def _weaknesses(profile: DocumentProfile, shipped: DocumentProfile | None) -> Iterator[str]:
    if isinstance(profile, Profile) and not any(
        row.field.path == POLICY for row in profile.filling_rows
    ):
        yield "fills no certificate policy"
    for row in profile.filling_rows if profile.tier is Tier.END_ENTITY else ():
        if row.field.path in _IDENTIFIERS and isinstance(row.fill, Constant):
            yield f"fills {row.field.path} with a constant ID, which no request states"
    if shipped is None:
        return
    for name in ("hierarchy", "tier", "identity"):
        if getattr(profile, name, None) != getattr(shipped, name, None):
            yield f"has another {name} than the shipped one"
    for row in shipped.rows:
        # Whoever leaves out what is optional allows less, not more.
        if row.basis is not Basis.SPECIFIED or row.holds.optional:
            continue
        if not _is_kept(row, profile):
            rule = "; ".join(filter(None, (_filling(row), row.rule)))
            yield f"weakens the rule of {row.field.path} ({rule}; {row.source})"
        if row.field.kind is FieldKind.ORDER and (more := _more(row, profile, shipped)):
            yield f"fills {more[0]}, which the shipped one does not ({row.source})"
        if row.field.path == _KEY and _key_type(profile) != _key_type(shipped):
            yield f"has keys of another type than {_key_type(shipped)} ({row.source})"
    if isinstance(profile, RevocationListProfile) and isinstance(shipped, RevocationListProfile):
        yield from _rarer(profile, shipped)


def _more(rule: Row, profile: DocumentProfile, shipped: DocumentProfile) -> list[str]:
    """The parts of a field that a profile fills and the shipped one does not."""
    parts = [
        {row.field.path for row in each.filling_rows if row.field.path.startswith(rule.field.path)}
        for each in (profile, shipped)
    ]
    return sorted(parts[0] - parts[1])


def _key_type(profile: DocumentProfile) -> str | None:
    return profile.key_type.value if isinstance(profile, Profile) else None


def _rarer(profile: RevocationListProfile, shipped: RevocationListProfile) -> Iterator[str]:
    """The reasons of a CRL's profile whose lists come more rarely than the shipped one's."""
    rule, own = shipped.frequency, profile.frequency
    soon = own.within_of_revocation
    is_rarer = own.at_least_every > rule.at_least_every or (
        rule.within_of_revocation is not None and (soon is None or soon > rule.within_of_revocation)
    )
    if rule.basis is Basis.SPECIFIED and is_rarer:
        yield f"has lists more rarely than the shipped one ({rule.source})"


def _filling(row: Row) -> str:
    return "" if row.fill is None else f"filled from {row.fill}"


def _is_kept(rule: Row, profile: DocumentProfile) -> bool:
    """Whether a profile has a rule of the shipped one, or a stricter one."""
    of_field = [row for row in profile.rows if row.field == rule.field]
    if rule.fill is not None and not any(_fills_as(row.fill, rule.fill) for row in of_field):
        return False
    rows = [row for row in of_field if _RANK[row.severity] >= _RANK[rule.severity]]
    return (
        (not isinstance(rule.fill, Constant) or any(row.fill == rule.fill for row in rows))
        and (rule.encoding is None or any(row.encoding == rule.encoding for row in rows))
        and (rule.critical is None or any(row.critical == rule.critical for row in rows))
        and all(
            any(_is_as_strict(name, getattr(row.holds, name), demanded) for row in rows)
            for name, demanded in _demands(rule.holds)
        )
    )


def _fills_as(fill: Fill | None, shipped: Fill) -> bool:
    """Whether a fill takes the value from where the shipped one does; spans are other rules'."""
    match fill, shipped:
        case Input(), Input():
            return fill.name == shipped.name and (shipped.optional or not fill.optional)
        case Derived(), Derived():
            return fill.name == shipped.name
    return fill == shipped


def _demands(holds: Holds) -> Iterator[tuple[str, object]]:
    for part in fields(holds):
        value = getattr(holds, part.name)
        if value is not None and value is not False:
            yield part.name, value


def _is_as_strict(name: str, own: object, demanded: object) -> bool:
    """Whether a constraint allows no more than the shipped one."""
    if own is None:
        return False
    if name in _UPPER_BOUNDS and isinstance(own, int) and isinstance(demanded, int):
        return own <= demanded
    if name in _ALTERNATIVES and isinstance(own, tuple) and isinstance(demanded, tuple):
        return set(own) <= set(demanded)
    return own == demanded
