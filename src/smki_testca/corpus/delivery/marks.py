"""Finds the place of a case's change in its own octets, to be shown there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smki_testca.corpus.case import Case

_MOST_SHIFT = 16
"""The farthest that the lengths of the elements around a change can move it."""
_FOLLOWING = 8


def mark(case: Case, base: bytes) -> tuple[int, int] | None:
    """The first octet of a case's change and the one after its last; None if it has none.

    The change states its offset in the base. In the case it may be some octets from there: the
    lengths of the elements around it may have become longer or shorter.

    Args:
        case: the case.
        base: the octets of its base.
    """
    change = case.change
    if change is None or case.der == base:
        return None
    after = base[change.offset + len(change.before) :][:_FOLLOWING]
    changed = change.after + (b"" if change.kind == "octets" else after)
    for shift in sorted(range(-_MOST_SHIFT, _MOST_SHIFT + 1), key=abs):
        start = change.offset + shift
        if start >= 0 and case.der.startswith(changed, start):
            return start, start + len(change.after)
    start = case.der.find(change.after, max(change.offset - _MOST_SHIFT, 0))
    return None if start < 0 else (start, start + len(change.after))
