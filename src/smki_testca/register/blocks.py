"""Blocks of EUI-64s with their holders, and which holder's block overlaps another."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple, Self

from smki_testca.identifiers import Eui64, IdRange, RegistryEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from smki_testca.register.participants import OrganisationRange

_EUI64_BITS = 64


class Block(NamedTuple):
    """Every EUI-64 with the same first bits; of two blocks that overlap, one holds the other.

    Attributes:
        first: the first EUI-64.
        bits: how many bits all have in common.
    """

    first: int
    bits: int

    @classmethod
    def of_entry(cls, entry: RegistryEntry) -> Self:
        """The block of a Registry Entry."""
        return cls(entry.prefix << entry.extension_bits, entry.bits)

    @classmethod
    def of_organisation(cls, organisation: OrganisationRange) -> Self:
        """The block of an organisation number."""
        bits = organisation.entry.bits + organisation.organisation_bits
        return cls(organisation.range.first.value, bits)

    @classmethod
    def of_id(cls, eui64: Eui64) -> Self:
        """The block of one EUI-64."""
        return cls(eui64.value, _EUI64_BITS)

    @property
    def entry(self) -> RegistryEntry:
        """The Registry Entry of which it is the block."""
        return RegistryEntry(self.first >> (_EUI64_BITS - self.bits), self.bits)

    def within(self) -> Iterator[Block]:
        """Yield every block that this one lies in, itself included."""
        for bits in range(self.bits, 0, -1):
            free = _EUI64_BITS - bits
            yield Block(self.first >> free << free, bits)

    @property
    def range(self) -> IdRange:
        """The first and the last EUI-64."""
        return IdRange(Eui64(self.first), Eui64(self.end - 1))

    @property
    def end(self) -> int:
        """Just past the last EUI-64."""
        return self.first + (1 << (_EUI64_BITS - self.bits))


class Blocks:
    """Blocks, each with its holder. Blocks of different holders do not overlap."""

    def __init__(self) -> None:
        self._holders: dict[Block, str] = {}
        self._ordered: list[Block] = []
        # How many blocks there are of each length, and the lengths, the longest first: there are
        # few, so that look-ups are quick.
        self._counts: Counter[int] = Counter()
        self._lengths: tuple[int, ...] = ()

    def add(self, blocks: Iterable[Block], holder: str) -> None:
        """Give blocks to a holder."""
        for block in blocks:
            if block not in self._holders:
                insort(self._ordered, block)
                self._count(block, 1)
            self._holders[block] = holder

    def remove(self, blocks: Iterable[Block]) -> None:
        """Take blocks away from their holder."""
        for block in blocks:
            if self._holders.pop(block, None) is not None:
                del self._ordered[bisect_left(self._ordered, block)]
                self._count(block, -1)

    def _count(self, block: Block, change: int) -> None:
        self._counts[block.bits] += change
        self._lengths = tuple(sorted(+self._counts, reverse=True))

    def holder(self, eui64: Eui64) -> str | None:
        """The holder of the block in which an EUI-64 lies."""
        block = self._block(eui64)
        return None if block is None else self._holders[block]

    def in_range(self, ids: IdRange) -> list[tuple[Block, str]]:
        """The blocks that share an EUI-64 with a range, in order, each with its holder."""
        first = self._block(ids.first)
        if ids.first == ids.last or (first is not None and ids.last.value < first.end):
            blocks = [] if first is None else [first]
        else:
            start = bisect_right(self._ordered, (ids.first.value, _EUI64_BITS))
            stop = bisect_right(self._ordered, (ids.last.value, _EUI64_BITS))
            blocks = [*([] if first is None else [first]), *self._ordered[start:stop]]
        return [(block, self._holders[block]) for block in blocks]

    def _block(self, eui64: Eui64) -> Block | None:
        """The smallest block in which an EUI-64 lies."""
        for bits in self._lengths:
            free = _EUI64_BITS - bits
            block = Block(eui64.value >> free << free, bits)
            if block in self._holders:
                return block
        return None

    def overlapping(self, block: Block, holder: str) -> tuple[Block, str] | None:
        """The first block that overlaps another and that someone else holds, with its holder."""
        for candidate in (*block.within(), *self._inside(block)):
            other = self._holders.get(candidate, holder)
            if other != holder:
                return candidate, other
        return None

    def _inside(self, block: Block) -> Iterator[Block]:
        end = block.end
        for place in range(bisect_left(self._ordered, (block.first, 0)), len(self._ordered)):
            if self._ordered[place].first >= end:
                return
            yield self._ordered[place]
