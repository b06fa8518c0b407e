"""Reads the golden cases; tests/golden/README.md tells what one is."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from corpora import good_settings
from smki_testca.clock import parse_instant
from smki_testca.importers.sources import sources
from smki_testca.lint.linted import LintSettings

GOLDEN = Path(__file__).parent / "golden"
CASES = GOLDEN / "cases"
AT = datetime(2026, 12, 1, tzinfo=UTC)
"""The instant at which they are judged, unless they state another."""
HEADS = {"at": "2026-12-01", "environment": "ZAZ1", "as": None, "trust": "trust.pem"}
TRUSTED = tuple(one.data for one in sources([str(GOLDEN / "trust.pem")]))
"""The CAs of the golden cases, DER."""


@cache
def read(path):
    """A case: what it expects, the other lines of its head, its octets."""
    head, _, body = path.read_bytes().partition(b"\n\n")
    expects, heads = [], {}
    for line in head.decode("utf-8").splitlines():
        key, _, text = line.partition(": ")
        if key == "expects":
            *index, code, severity = text.split()
            expects.append((int(index[0]) if index else 0, code, severity))
        else:
            assert key in {"about", *HEADS}, f"nothing is known of {line!r}"
            assert key not in heads
            heads[key] = text
    assert heads.pop("about")
    octets = bytes.fromhex(body[4:].decode("ascii")) if body.startswith(b"hex:") else body
    return sorted(expects), HEADS | heads, octets


def as_settings(heads):
    """The settings of the linter that the head of a case states."""
    trusted = {
        "trust.pem": TRUSTED,
        "corpus": good_settings().trusted,
        "none": (),
    }
    return LintSettings(
        parse_instant(heads["at"]),
        environment=None if heads["environment"] == "none" else heads["environment"],
        as_profile=heads["as"],
        trusted=trusted[heads["trust"]],
    )


def octets(name):
    """The input of the case of that name."""
    return read(CASES / f"{name}.pem")[2]


def documents(pattern):
    """The documents of the cases whose names match, DER."""
    return [
        one.data
        for path in sorted(CASES.glob(f"{pattern}.pem"))
        for one in sources(["-"], read(path)[2])
        if one.problem is None
    ]
