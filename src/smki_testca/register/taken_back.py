"""Finds what an import takes back: what was corrected, withdrawn or made exclusive.

A file that is older than the register says again what was put right since. Nothing is wrong with
that by itself; whoever imports it has to know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from smki_testca.register.participants import Participant


@dataclass(frozen=True, slots=True)
class PastCorrection:
    """A correction of a participant, as the audit log has it.

    Attributes:
        audit: the number of the entry.
        before, after: the participant as it was and as it was from then on; see
            ``Participant.as_json``.
    """

    audit: int
    before: dict[str, Any]
    after: dict[str, Any]

    def took_away(self, key: str, identity: str, value: str) -> bool:
        """Whether it took something from a list, such as ``ranges``, that one key identifies."""
        was, is_now = ({each[identity] for each in side[key]} for side in (self.before, self.after))
        return value in was - is_now


def taken_back(
    before: Participant, after: Participant, corrections: Collection[PastCorrection]
) -> Iterator[str]:
    """A line for each thing that an update of a participant takes back.

    Args:
        before: the participant as it was.
        after: as it is with the update.
        corrections: of that participant.

    Raises:
        AttributeError, LookupError, TypeError: if a correction has not the shape of one.
    """
    name = after.id
    for entry in sorted(before.exclusive_entries - after.exclusive_entries, key=str):
        yield f"The Registry Entry {entry} of {name} is exclusive no longer (R24)."
    newest_first = sorted(corrections, key=lambda each: each.audit, reverse=True)
    for correction in newest_first:
        named, corrected = correction.before["name"], correction.after["name"]
        if after.name != before.name and after.name == named != corrected:
            yield (
                f"The name of {name} is {after.name} again, which was corrected"
                f" (audit entry {correction.audit})."
            )
            break
    known = {organisation.range.first for organisation in before.ranges}
    for organisation in after.ranges:
        first = organisation.range.first
        past = next(
            (
                correction
                for correction in newest_first
                if correction.took_away("ranges", "first", str(first))
            ),
            None,
        )
        if first not in known and past is not None:
            yield (
                f"The range {organisation.range} is {name}'s again, which was corrected"
                f" (audit entry {past.audit})."
            )
    for allocated in after.ids:
        text = str(allocated.eui64)
        past = next(
            (
                correction
                for correction in newest_first
                if correction.took_away("ids", "eui64", text)
            ),
            None,
        )
        if before.allocated(allocated.eui64) is None and past is not None:
            yield (
                f"The ID {text} is allocated to {name} again, which was withdrawn"
                f" (audit entry {past.audit})."
            )
