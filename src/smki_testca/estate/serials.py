"""Serial numbers of a run: a keyed permutation of the row numbers, so none can come twice.

Each is 16 content octets with a first hexadecimal digit of 1 to 7, as a single certificate's
is. Whoever has the run's serial key finds the row of a serial without any index.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_OCTETS = 16
_FIRST = 1 << 124
"""The smallest serial with a first digit of 1; row 0 before it is permuted."""


class SerialSequence:
    """The serial numbers of one run.

    Args:
        key: 16 octets, kept with the run.
    """

    def __init__(self, key: bytes) -> None:
        # One block at a time is all there is to permute: ECB is AES itself.
        self._cipher = Cipher(algorithms.AES128(key), modes.ECB())  # noqa: S305

    def serials(self, first_row: int, count: int) -> list[bytes]:
        """The serials of rows side by side, 16 octets each."""
        blocks = [(_FIRST + row).to_bytes(_OCTETS) for row in range(first_row, first_row + count)]
        walking = list(range(count))
        while walking:
            encryptor = self._cipher.encryptor()
            output = encryptor.update(b"".join([blocks[place] for place in walking]))
            for number, place in enumerate(walking):
                blocks[place] = output[_OCTETS * number : _OCTETS * number + _OCTETS]
            # Walk on along the cycle until the block is a serial again: still a permutation.
            walking = [place for place in walking if not 0x10 <= blocks[place][0] < 0x80]
        return blocks

    def row(self, serial: bytes) -> int | None:
        """The row that has a serial, if this run could have given it out."""
        if not 0x10 <= serial[0] < 0x80:
            return None
        block = serial
        while True:
            block = self._cipher.decryptor().update(block)
            if 0x10 <= block[0] < 0x80:
                return int.from_bytes(block) - _FIRST
