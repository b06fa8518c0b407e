"""IDs that follow each other, counted in hexadecimal, in one environment after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from smki_testca.errors import InputError
from smki_testca.identifiers import Eui64

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class IdSeries:
    """The first of some IDs, and the steps from each to the next.

    Attributes:
        first: the first ID in the first environment.
        step: the distance from one ID to the next.
        environment_step: the distance from the first ID in one environment to the first in the
            next; 0 if the environments have the same IDs.
        environments: their names, in order.
    """

    first: Eui64
    step: int
    environment_step: int
    environments: tuple[str, ...]

    def ids(self, count: int) -> Iterator[tuple[str, int, Eui64]]:
        """Yield so many IDs in each environment: the environment, the number from 1, the ID.

        Raises:
            InputError: if they do not fit in 64 bits.
        """
        self.check(count)
        for environment, values in self.ranges(count).items():
            for number, value in enumerate(values, 1):
                yield environment, number, Eui64(value)

    @property
    def most(self) -> int:
        """The most IDs in each environment that fit in 64 bits."""
        last = self.first.value + (len(self.environments) - 1) * self.environment_step
        return max(0, ((1 << 64) - 1 - last) // self.step + 1)

    def check(self, count: int) -> None:
        """Check that so many IDs in each environment fit in 64 bits.

        Raises:
            InputError: if they do not.
        """
        if count > self.most:
            raise InputError(
                "kit.count", f"{count} IDs from {self.first} on do not end within 64 bits."
            )

    def ranges(self, count: int) -> dict[str, range]:
        """The values of so many IDs in each environment."""
        starts = {
            environment: self.first.value + place * self.environment_step
            for place, environment in enumerate(self.environments)
        }
        return {
            environment: range(start, start + count * self.step, self.step)
            for environment, start in starts.items()
        }
