"""Writes a corpus as one HTML page, which needs no network and no other file."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smki_testca.corpus.defect import Importance, Stage
from smki_testca.corpus.delivery.marks import mark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smki_testca.corpus.case import Case

_ORDER = [*Stage, *reversed(Importance)]
"""The order in which the page lists stages and importances."""
_TEMPLATE = Path(__file__).with_name("page.html")


def family(case: Case) -> str:
    """The base of a case: in their order, the page has the octets."""
    return case.base or case.id


def page(index: dict[str, Any], cases: Sequence[Case]) -> str:
    """The page: to search and filter cases, and to look at each one's octets.

    What it shows is compressed, in base64: no text of a case can end its element, and a page of
    all cases stays small.

    Args:
        index: of the corpus, whose cases are in the same order.
        cases: of the corpus.
    """
    good = {case.id: case.der for case in cases if case.base is None}
    entries = [
        _entry(entry, mark(case, good.get(case.base or "", b"")))
        for entry, case in zip(index["cases"], cases, strict=True)
    ]
    packed = {
        "@CASES@": json.dumps({**index, "cases": entries}, separators=(",", ":")).encode("ascii"),
        # Side by side, the cases of a base are compressed best.
        "@OCTETS@": b"".join(case.der for case in sorted(cases, key=family)),
    }
    text = _TEMPLATE.read_text("utf-8").replace("@ORDER@", json.dumps(_ORDER))
    for place, octets in packed.items():
        text = text.replace(place, base64.b64encode(zlib.compress(octets, 9)).decode("ascii"))
    return text


def _entry(entry: dict[str, Any], place: tuple[int, int] | None) -> dict[str, Any]:
    """The entry of a case on the page, without what it shows from octets."""
    files = {key: value for key, value in entry["files"].items() if key != "sha256"}
    change = entry["change"]
    if change is not None and place is not None:
        # Both are in the octets of the base and of the case: hexadecimal hardly gets smaller.
        change = {**change, "before": len(change["before"]) // 2, "after": None}
    return {**entry, "files": files, "change": change, "mark": place}
