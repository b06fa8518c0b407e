"""Holds docs/misbehaviour.md to the data of the modes."""

import re
from pathlib import Path

import pytest

from smki_testca.service import listening
from smki_testca.service.misbehaviour import middleware, rule_plan
from smki_testca.service.misbehaviour.control import MAX_BODY
from smki_testca.service.misbehaviour.modes import (
    ALERTS,
    DEFAULT_SECONDS,
    EACH,
    ERRORS,
    KINDS,
    MAX_SECONDS,
    SERVICES,
)
from smki_testca.service.misbehaviour.rule_plan import MisbehaviourRule

PAGE = Path(__file__).parents[3] / "docs" / "misbehaviour.md"


def places(found):
    """Requests as the page writes them."""
    if {place.service for place in found if place.path == "*"} == set(SERVICES):
        return "all"
    names = [f"{place.service} `{place.path}`" for place in found]
    return ", ".join(name.removesuffix(" `*`") for name in names)


def modes():
    return [
        [f"`{kind.form}`", kind.does, str(kind.layer), places(kind.patterns), kind.basis]
        for kind in KINDS.values()
    ]


def errors():
    return [
        [
            f"`{error.status}`",
            f"`{error.prefix}:…`" if error.prefix else "none",
            places(error.patterns),
            error.basis,
        ]
        for error in ERRORS.values()
    ]


def alerts():
    return [
        [
            f"`{alert.name}`",
            str(alert.number),
            "the first message" if alert.is_early else "the certificate",
        ]
        for alert in ALERTS.values()
    ]


def table(heading):
    """The cells of the table whose first line begins with a heading."""
    lines = PAGE.read_text("utf-8").split(f"| {heading} |", 1)[1].splitlines()[2:]
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.split("|")[1:-1]])
    return rows


@pytest.mark.parametrize(
    ("heading", "rows"), [("mode", modes()), ("status", errors()), ("alert | number", alerts())]
)
def test_the_page_has_what_the_data_has(heading, rows):
    assert table(heading) == rows


def test_every_rule_on_the_page_can_be_read():
    text = PAGE.read_text("utf-8")
    rules = [row[0].strip("`") for row in table("rule")]
    rules += re.findall(r"--misbehave '([^']+)'", text)
    for listed in re.findall(r'"rules": \[([^\]]+)\]', text):
        rules += re.findall(r'"([^"]+)"', listed)
    assert len(rules) >= 10
    for rule in rules:
        MisbehaviourRule.parse(rule)


def test_the_page_states_the_limits():
    text = PAGE.read_text("utf-8")
    assert f"up to {MAX_SECONDS:,.0f} seconds" in text
    assert f"in up to {middleware.PARTS} parts" in text
    assert f"up to {rule_plan.MAX_RULES} rules" in text
    assert f"up to {rule_plan.MAX_TIMES:,};" in text
    assert f"up to {MAX_BODY // 1024} KiB" in text
    assert f"(by default {DEFAULT_SECONDS:g}s)" in text
    assert f"handshake may take {listening.HANDSHAKE_SECONDS:g} seconds" in text
    assert f"first request {listening.HEAD_SECONDS:g}," in text
    assert f"body of a request {listening.BODY_SECONDS:g}." in text
    assert f"kept for {listening.KEPT_SECONDS:g} seconds" in text
    assert f"nothing of an answer for {listening.STUCK_SECONDS:g}." in text


def test_the_page_names_the_statuses_of_each():
    *first, last = EACH
    assert f"{', '.join(first)} and {last}" in PAGE.read_text("utf-8")
