"""Serial numbers of a run: a keyed permutation of the row numbers, so that none repeats.

Each has 16 content octets with a first hexadecimal digit of 1 to 7, like that of any certificate.
With the run's serial key, the row of a serial is found without an index.
"""

from __future__ import annotations

from functools import cached_property
from itertools import compress
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_OCTETS = 16
_FIRST = 1 << 124
"""The smallest serial with a first digit of 1; row 0 before it is permuted."""
_WALK_ON = bytes(not 0x10 <= octet < 0x80 for octet in range(256))
"""For the first octet of a block: 0 if the block is a serial, 1 if not."""


class SerialSequence:
    """The serial numbers of one run.

    Args:
        key: 16 octets, stored with the run.
    """

    def __init__(self, key: bytes) -> None:
        # Each block is permuted alone, which is what ECB does.
        self._cipher = Cipher(algorithms.AES128(key), modes.ECB())  # noqa: S305

    @cached_property
    def _encrypt(self) -> Callable[[bytes], bytes]:
        # Made once: a web service asks for one serial at a time, and ECB keeps nothing in between.
        return self._cipher.encryptor().update

    def serials(self, first_row: int, count: int) -> list[bytes]:
        """The serials of consecutive rows, 16 octets each."""
        return self.serials_of(range(first_row, first_row + count))

    def serials_of(self, rows: Iterable[int]) -> list[bytes]:
        """The serials of rows, 16 octets each."""
        blocks = [(_FIRST + row).to_bytes(_OCTETS) for row in rows]
        walking = list(range(len(blocks)))
        while walking:
            output = self._encrypt(b"".join([blocks[place] for place in walking]))
            for place, start in zip(walking, range(0, len(output), _OCTETS), strict=True):
                blocks[place] = output[start : start + _OCTETS]
            # Walk on along the cycle until the block is a serial again: still a permutation.
            first_octets = output[::_OCTETS]
            walking = list(compress(walking, first_octets.translate(_WALK_ON)))
        return blocks

    def row(self, serial: bytes) -> int | None:
        """The row that has a serial; None if no row can have it."""
        return self.rows([serial])[0]

    def rows(self, serials: Sequence[bytes]) -> list[int | None]:
        """The row that has each serial; None for one that no row can have."""
        blocks = list(serials)
        walking = [place for place, block in enumerate(blocks) if 0x10 <= block[0] < 0x80]
        rows: list[int | None] = [None] * len(blocks)
        while walking:
            output = self._cipher.decryptor().update(b"".join([blocks[place] for place in walking]))
            still = []
            for place, start in zip(walking, range(0, len(output), _OCTETS), strict=True):
                block = blocks[place] = output[start : start + _OCTETS]
                if 0x10 <= block[0] < 0x80:
                    rows[place] = int.from_bytes(block) - _FIRST
                else:
                    still.append(place)
            walking = still
        return rows
