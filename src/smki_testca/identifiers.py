"""Identifiers: EUI-64s, Registry Entries, ID ranges, Signifiers, serial numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from smki_testca.errors import InputError
from smki_testca.text import counted, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.entropy import Entropy

_EUI64_HYPHENS = re.compile(r"[0-9A-Fa-f]{2}(-[0-9A-Fa-f]{2}){7}", re.ASCII)
_EUI64_PLAIN = re.compile(r"[0-9A-Fa-f]{16}", re.ASCII)
_REGISTRY_ENTRY = re.compile(
    r"[0-9A-Fa-f]{2}-[0-9A-Fa-f]{2}-[0-9A-Fa-f]{2}(-[0-9A-Fa-f]{1,2}(-[0-9A-Fa-f])?)?", re.ASCII
)
_OBJECT_IDENTIFIER = re.compile(r"[0-2](\.(0|[1-9][0-9]{0,38})){1,31}", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Eui64:
    """An EUI-64 identifier, 64 bits, of a User, an RDP, the DCC or a Device (SEC B2, GBCS 12)."""

    value: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one of the two text forms, in either case.

        Args:
            text: ``90-B3-D5-1F-30-01-00-00`` or ``90b3d51f30010000``.

        Raises:
            InputError: for anything else: spaces, ``0x``, 48-bit MACs, 7 or 9 octets.
        """
        if _EUI64_HYPHENS.fullmatch(text):
            return cls(int(text.replace("-", ""), 16))
        if _EUI64_PLAIN.fullmatch(text):
            return cls(int(text, 16))
        raise InputError(
            "eui64.form",
            f"{shown(text)} is not an EUI-64.",
            "Write 8 hyphenated pairs or 16 hexadecimal digits, like 90-B3-D5-1F-30-01-00-00 or"
            " 90b3d51f30010000.",
        )

    @classmethod
    def from_octets(cls, octets: bytes) -> Self:
        """Read the 8 raw octets that a certificate carries.

        Raises:
            InputError: if there are not exactly 8.
        """
        if len(octets) != 8:
            raise InputError(
                "eui64.form", f"An EUI-64 has 8 octets, not {len(octets)} ({octets[:16].hex()})."
            )
        return cls(int.from_bytes(octets))

    @property
    def octets(self) -> bytes:
        """The 8 octets as a certificate carries them."""
        return self.value.to_bytes(8)

    @property
    def plain(self) -> str:
        """16 lower-case hexadecimal digits, the form of file names."""
        return f"{self.value:016x}"

    def __str__(self) -> str:
        return self.octets.hex("-").upper()


def identifies_nobody(octets: bytes) -> bool:
    """Whether the octets of an EUI-64 are all zeros or all ones: nobody's, or everybody's."""
    return len(octets) == 8 and set(octets) in ({0x00}, {0xFF})


@dataclass(frozen=True, slots=True)
class RegistryEntry:
    """An IEEE registry entry: MA-S (36 bits), as the SEC Panel's is (R10), MA-M or MA-L.

    An MA-M has 28 bits, an MA-L 24.
    """

    prefix: int
    bits: int

    KINDS: ClassVar[dict[int, str]] = {24: "MA-L", 28: "MA-M", 36: "MA-S"}

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an entry by its digits: six are an MA-L, seven an MA-M, nine an MA-S.

        Args:
            text: ``00-DB-12``, ``12-34-56-7`` or ``90-B3-D5-1F-3``, either case.

        Raises:
            InputError: for any other number of digits or any other form.
        """
        digits = text.replace("-", "")
        if _REGISTRY_ENTRY.fullmatch(text) and len(digits) * 4 in cls.KINDS:
            return cls(int(digits, 16), len(digits) * 4)
        raise InputError(
            "registry_entry.form",
            f"{shown(text)} is not a Registry Entry.",
            "Write an MA-L like 00-DB-12, an MA-M like 12-34-56-7, an MA-S like 90-B3-D5-1F-3.",
        )

    @property
    def kind(self) -> str:
        """``MA-S``, ``MA-M`` or ``MA-L``."""
        return self.KINDS[self.bits]

    @property
    def extension_bits(self) -> int:
        """The bits left for the organisation to extend the entry to an EUI-64."""
        return 64 - self.bits

    @property
    def range(self) -> IdRange:
        """Every EUI-64 under this entry."""
        first = self.prefix << self.extension_bits
        return IdRange(Eui64(first), Eui64(first + (1 << self.extension_bits) - 1))

    def __contains__(self, eui64: Eui64) -> bool:
        # Without the property: a batch asks a million times.
        return eui64.value >> (64 - self.bits) == self.prefix

    def overlaps(self, other: RegistryEntry) -> bool:
        """Whether one EUI-64 could lie under both entries."""
        return self.range.overlaps(other.range)

    def __str__(self) -> str:
        digits = f"{self.prefix:0{self.bits // 4}X}"
        return "-".join(digits[i : i + 2] for i in range(0, len(digits), 2))


class OrganisationBitsError(InputError):
    """An organisation number of so many bits leaves none under a Registry Entry, or has none."""


@dataclass(frozen=True, slots=True)
class IdRange:
    """The EUI-64s from ``first`` to ``last``, both included (ID Allocation Procedure)."""

    first: Eui64
    last: Eui64

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise InputError(
                "id_range.order",
                f"An ID range cannot end at {self.last}, before it begins at {self.first}.",
            )

    @classmethod
    def of_organisation(cls, entry: RegistryEntry, number: int, organisation_bits: int) -> Self:
        """The range of an organisation number under an entry.

        Args:
            entry: the Registry Entry that the Panel procured.
            number: the organisation number.
            organisation_bits: how many bits after the entry hold that number; the organisation
                chooses the rest.

        Raises:
            OrganisationBitsError: if the split leaves no bits.
            InputError: if the number does not fit.
        """
        if not 0 < organisation_bits < entry.extension_bits:
            raise OrganisationBitsError(
                "id_range.split",
                f"{counted(organisation_bits, 'organisation bit')} do not fit under {entry}"
                f" ({entry.kind}), which leaves {entry.extension_bits} bits in all.",
                f"Choose 1 to {entry.extension_bits - 1}.",
            )
        if not 0 <= number < 1 << organisation_bits:
            raise InputError(
                "id_range.organisation_number",
                f"Organisation number {number:X} does not fit {counted(organisation_bits, 'bit')}.",
            )
        free_bits = entry.extension_bits - organisation_bits
        first = ((entry.prefix << organisation_bits) | number) << free_bits
        return cls(Eui64(first), Eui64(first + (1 << free_bits) - 1))

    def __contains__(self, eui64: Eui64) -> bool:
        return self.first <= eui64 <= self.last

    def __len__(self) -> int:
        return self.last.value - self.first.value + 1

    def overlaps(self, other: IdRange) -> bool:
        """Whether the two ranges share an EUI-64."""
        return self.first <= other.last and other.first <= self.last

    def ascending_after(self, eui64: Eui64 | None) -> Iterator[Eui64]:
        """Every ID of the range once, ascending.

        It begins after ``eui64`` (None: at the first) and, after the last ID of the range,
        continues from the first.
        """
        start = self.first.value if eui64 is None else eui64.value + 1
        for value in range(start, self.last.value + 1):
            yield Eui64(value)
        for value in range(self.first.value, min(start, self.last.value + 1)):
            yield Eui64(value)

    def __str__(self) -> str:
        return f"{self.first} to {self.last}"


@dataclass(frozen=True, slots=True, order=True)
class Signifier:
    """A Party Signifier or RDP Signifier: opaque, SEC-unique, compared exactly (SEC B2).

    1 to 64 printable ASCII characters (assumed: the format is not published).
    """

    text: str

    MAX_CHARACTERS: ClassVar[int] = 64

    @classmethod
    def parse(cls, text: str) -> Self:
        """Accept 1 to 64 printable ASCII characters, unchanged.

        Raises:
            InputError: for any other text.
        """
        if 1 <= len(text) <= cls.MAX_CHARACTERS and text.isascii() and text.isprintable():
            return cls(text)
        raise InputError(
            "signifier.form",
            f"{shown(text)} is not a Signifier, which has 1 to {cls.MAX_CHARACTERS} printable ASCII"
            " characters.",
        )

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, order=True)
class SerialNumber:
    """A certificate serial number: positive, at most 16 content octets (SEC App. B, RFC 5280).

    Real clients look certificates up by serial alone, so one is unique over a whole estate.
    """

    value: int

    MAX_OCTETS: ClassVar[int] = 16
    _HEX: ClassVar[re.Pattern[str]] = re.compile(r"[0-9A-Fa-f]{1,32}", re.ASCII)
    _DECIMAL: ClassVar[re.Pattern[str]] = re.compile(r"[0-9]{33,39}", re.ASCII)

    def __post_init__(self) -> None:
        if not 0 < self.value < 1 << (8 * self.MAX_OCTETS - 1):
            raise InputError(
                "serial.range", "A serial number is positive and has at most 16 content octets."
            )

    @classmethod
    def generate(cls, entropy: Entropy) -> Self:
        """A fresh serial of exactly 16 content octets.

        Its first hexadecimal digit is 1 to 7: positive, and no leading zero for programs
        that drop one.
        """
        octets = bytearray(entropy.octets(16))
        octets[0] = 0x10 + octets[0] % 0x70
        return cls(int.from_bytes(octets))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read up to 32 hexadecimal digits (colons allowed), or 33 to 39 decimal ones.

        A 16-octet serial has at least 38 decimal digits and at most 32 hexadecimal ones, so
        the two cannot be confused.

        Raises:
            InputError: for any other text, zero, or more than 16 octets.
        """
        digits = text.replace(":", "")
        if cls._HEX.fullmatch(digits):
            return cls(int(digits, 16))
        if cls._DECIMAL.fullmatch(text):
            return cls(int(text))
        raise InputError(
            "serial.form",
            f"{shown(text)} is not a serial number.",
            "Write up to 32 hexadecimal digits, or the whole number in decimal.",
        )

    @classmethod
    def from_octets(cls, octets: bytes) -> Self:
        """Read the octets, big-endian."""
        return cls(int.from_bytes(octets))

    @property
    def octets(self) -> bytes:
        """The number in 16 octets, big-endian."""
        return self.value.to_bytes(self.MAX_OCTETS)

    def __str__(self) -> str:
        return f"{self.value:032X}"


@dataclass(frozen=True, slots=True, order=True)
class SerialPrefix:
    """The first digits of a serial number: it fits each serial that begins with them.

    It fits also the number that its digits are, if that is written with zeros before them.

    Attributes:
        digits: hexadecimal, in upper case.
    """

    digits: str

    MIN_DIGITS: ClassVar[int] = 6
    """So short a prefix names one of thousands of certificates, as a rule."""

    @classmethod
    def parse(cls, text: str) -> Self | SerialNumber:
        """Read the beginning of a serial number, or a whole one.

        Args:
            text: 6 to 31 hexadecimal digits (colons allowed) are a beginning; other serial numbers
                are whole ones.

        Raises:
            InputError: if it is no serial number.
        """
        serial = SerialNumber.parse(text)
        digits = text.replace(":", "").upper()
        is_whole = not cls.MIN_DIGITS <= len(digits) < 2 * SerialNumber.MAX_OCTETS
        return serial if is_whole else cls(digits)

    @property
    def bounds(self) -> tuple[bytes, bytes]:
        """The first and the last serial number that begin with it, 16 octets each."""
        width = 2 * SerialNumber.MAX_OCTETS
        first, last = (self.digits.ljust(width, digit) for digit in "0F")
        return bytes.fromhex(first), bytes.fromhex(last)

    @property
    def as_number(self) -> bytes:
        """The number that its digits are, in 16 octets."""
        return int(self.digits, 16).to_bytes(SerialNumber.MAX_OCTETS)

    def fits(self, text: str) -> bool:
        """Whether a serial number in 32 hexadecimal digits fits."""
        width = 2 * SerialNumber.MAX_OCTETS
        return text.startswith(self.digits) or text == self.digits.rjust(width, "0")

    def __str__(self) -> str:
        return self.digits


def parse_object_identifier(text: str) -> str:
    """Accept an OBJECT IDENTIFIER in dotted decimal, such as a Device's hwType.

    Raises:
        InputError: if it is not dotted decimal, or its first two arcs are impossible.
    """
    if _OBJECT_IDENTIFIER.fullmatch(text):
        first, second = text.split(".")[:2]
        if first == "2" or int(second) < 40:
            return text
    raise InputError(
        "oid.form",
        f"{shown(text)} is not an OBJECT IDENTIFIER.",
        "Write it in dotted decimal, like 1.2.826.0.1.8641679.1.2.2.1.",
    )
