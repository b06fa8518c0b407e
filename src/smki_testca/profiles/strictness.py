"""Compares an operator's profile with the shipped one of its name: whether a rule is weaker.

Rules that are ``specified`` bind everybody; an operator's file may only make them stricter.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Final

from smki_testca.profiles.model import Constant, Derived, Input, Severity
from smki_testca.roles import Basis

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.profiles.model import Fill, Holds, Profile, Row

POLICY: Final = "extensions.certificatePolicies.policyIdentifier"

_RANK: Final = {Severity.NOTICE: 0, Severity.WARNING: 1, Severity.ERROR: 2}
_UPPER_BOUNDS: Final = frozenset({"max_octets", "max_characters", "max_years", "max_hours"})
_ALTERNATIVES: Final = frozenset({"one_of", "exactly_one_of"})


def weaknesses(profile: Profile, shipped: Profile | None) -> tuple[str, ...]:
    """The reasons for which certificates of a profile could pass for others (SEC H14.11).

    Args:
        profile: that a library uses.
        shipped: the profile of the same name that this package ships; None if there is none.

    Returns:
        For each, the rest of a sentence about the profile; none for a profile as good as shipped.
    """
    return tuple(_weaknesses(profile, shipped))


def _weaknesses(profile: Profile, shipped: Profile | None) -> Iterator[str]:
    if not any(row.field.path == POLICY for row in profile.filling_rows):
        yield "fills no certificate policy"
    if shipped is None or shipped.origin == profile.origin:
        return
    for name in ("hierarchy", "tier", "identity"):
        if getattr(profile, name) != getattr(shipped, name):
            yield f"has another {name} than the shipped one"
    for row in shipped.rows:
        if row.basis is Basis.SPECIFIED and not _is_kept(row, profile):
            rule = "; ".join(filter(None, (_filling(row), row.rule)))
            yield f"weakens the rule of {row.field.path} ({rule}; {row.source})"


def _filling(row: Row) -> str:
    return "" if row.fill is None else f"filled from {row.fill}"


def _is_kept(rule: Row, profile: Profile) -> bool:
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
