"""Arranges the CAs of an estate as trees: family, hierarchy, root, issuing CA, what it issued."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from smki_testca.profiles.model import Tier

if TYPE_CHECKING:
    from smki_testca.api import Estate
    from smki_testca.estate.authorities import AuthorityState
    from smki_testca.estate.inventory import Kind
    from smki_testca.estate.status import Status
    from smki_testca.identifiers import SerialNumber


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate of a CA.

    Attributes:
        state: the certificate, its generation, and whether it issues now.
        below: the CAs that it issued.
        issued: how many certificates of end entities it issued, by the title of their type.
    """

    state: AuthorityState
    status: Status
    below: list[Authority] = field(default_factory=list)
    issued: list[tuple[str, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class HierarchyTree:
    """The roots of a hierarchy."""

    title: str
    roots: list[Authority]


@dataclass(frozen=True, slots=True)
class Family:
    """The hierarchies of a family of environments.

    Attributes:
        environments: that belong to it.
    """

    name: str
    environments: list[str]
    hierarchies: list[HierarchyTree]


def family_trees(estate: Estate, kinds: Counter[Kind]) -> list[Family]:
    """The trees of an estate, in the order in which its families were made.

    Args:
        estate: the estate.
        kinds: the certificates to count below the CAs.
    """
    states = estate.authorities.states()
    statuses = estate.with_statuses(state.record for state in states)
    issued = _issued(estate, kinds)
    nodes = {
        state.record.serial: Authority(
            state, status, issued=sorted(issued.get(state.record.serial, Counter()).items())
        )
        for state, (_, status) in zip(states, statuses, strict=True)
    }
    for node in nodes.values():
        record = node.state.record
        above = nodes.get(record.issuer)
        if record.tier is not Tier.ROOT and above is not None:
            above.below.append(node)
    families: dict[str, dict[str, list[Authority]]] = {}
    for node in nodes.values():
        record = node.state.record
        hierarchies = families.setdefault(record.family, {})
        if record.tier is Tier.ROOT:
            hierarchies.setdefault(str(record.hierarchy), []).append(node)
    environments = estate.library.environments.values()
    return [
        Family(
            family,
            [each.name for each in environments if each.family == family],
            [HierarchyTree(name.upper(), roots) for name, roots in hierarchies.items()],
        )
        for family, hierarchies in families.items()
    ]


def _issued(estate: Estate, kinds: Counter[Kind]) -> dict[SerialNumber, Counter[str]]:
    """The number of end-entity certificates that each CA issued, by the title of their type."""
    issued: dict[SerialNumber, Counter[str]] = {}
    for kind, count in kinds.items():
        if kind.tier is Tier.END_ENTITY:
            title = estate.library.profile(kind.profile).title
            issued.setdefault(kind.issuer, Counter())[title] += count
    return issued
