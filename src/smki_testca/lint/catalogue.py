"""Lists every rule: those declared above their functions, and those that rows of profiles make."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from smki_testca.errors import InputError

# Each of these modules declares its rules when it is imported.
from smki_testca.lint import (
    certificate,
    crl,
    csr,
    distinguished_name,
    guard,
    issuer_rules,
    reading,
    recognise,
    required,
    sets,
    strict,
    structure_rules,
)
from smki_testca.lint.row_checks import aspects, rule_of
from smki_testca.lint.rule import RULES, Rule
from smki_testca.profiles.model import SEVERITY_RANK
from smki_testca.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.profiles import Library

DECLARING = (
    certificate,
    crl,
    csr,
    distinguished_name,
    guard,
    issuer_rules,
    reading,
    recognise,
    required,
    sets,
    strict,
    structure_rules,
)
"""The modules that declare rules."""


def rules(library: Library) -> list[Rule]:
    """Every rule, those of profile rows included, by code and, within a code, by severity."""
    every_rule = [*RULES.values(), *_row_rules(library)]
    return sorted(
        every_rule, key=lambda rule: (rule.code, SEVERITY_RANK[rule.severity], rule.source)
    )


def explain(library: Library, code: str) -> list[Rule]:
    """The rules with a code: several, where profiles differ in severity or source.

    Raises:
        InputError: if no rule has this code.
    """
    matching = [rule for rule in rules(library) if rule.code == code]
    if not matching:
        raise InputError(
            "rule.unknown", f"There is no rule {shown(code)}.", "See: smki-testca lint rules"
        )
    return matching


def _row_rules(library: Library) -> Iterator[Rule]:
    profiles_of: dict[Rule, list[str]] = {}
    for profile in (*library.profiles, *library.revocation_list_profiles):
        for row in profile.rows:
            for aspect in aspects(profile, row):
                profiles = profiles_of.setdefault(rule_of(row, f"{row.field.path}.{aspect}"), [])
                if profile.name not in profiles:
                    profiles.append(profile.name)
    for rule, profiles in profiles_of.items():
        yield replace(rule, profiles=tuple(profiles))
