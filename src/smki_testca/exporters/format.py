"""The interface of an export format, and the traits that each format declares."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from smki_testca.estate.certificates import Record
    from smki_testca.exporters.item import Item
    from smki_testca.files import OutputFile

Keyed = tuple["Record", bytes | None]
"""A certificate of a run with its private key, PKCS#8 DER, where keys were asked for."""


class Need(StrEnum):
    """Whether a format takes private keys, or a passphrase."""

    NEVER = "never"
    OPTIONAL = "optional"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """The properties of a format, by which an export is refused, described and documented.

    Attributes:
        name: what it is called on the command line.
        summary: what it holds and who loads it, in one line.
        keys: whether it holds private keys. One that requires them is of no use without.
        passphrase: whether it encrypts private keys. One that requires a passphrase has it
            without keys, too.
        store_each: whether each certificate gets an encrypted store, which takes some 10 ms.
    """

    name: str
    summary: str
    keys: Need
    passphrase: Need
    store_each: bool = False


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A certificate that a format cannot hold.

    Attributes:
        item: the certificate.
        reason: why, as the rest of a sentence that begins with the certificate.
    """

    item: Item
    reason: str


class Format(ABC):
    """A format of ``export``.

    Attributes:
        traits: its name and its needs.
    """

    traits: ClassVar[Traits]

    @abstractmethod
    def files(self, items: Sequence[Item], passphrase: str | None) -> Iterator[OutputFile]:
        """Every file of an export; certificates that the format cannot hold are passed over.

        Args:
            items: the certificates selected.
            passphrase: protects private keys. Whoever calls has seen to the traits: there is one
                where the format requires it, and no keys beside one that it cannot use.
        """

    def misfit(self, item: Item) -> str | None:
        """Why the format cannot hold a certificate, as ``LeftOut.reason``; None where it can."""
        del item
        return None

    def left_out(self, items: Sequence[Item]) -> list[LeftOut]:
        """The certificates that the format cannot hold, each with the reason."""
        reasons = ((item, self.misfit(item)) for item in items)
        return [LeftOut(item, reason) for item, reason in reasons if reason is not None]

    def fitting(self, items: Sequence[Item]) -> list[Item]:
        """The certificates that the format holds."""
        out = {id(one.item) for one in self.left_out(items)}
        return [item for item in items if id(item) not in out]


class RunFormat(ABC):
    """A format of ``batch export``, which writes as it reads: a run may have millions.

    Attributes:
        traits: its name and its needs.
    """

    traits: ClassVar[Traits]

    @abstractmethod
    def write(self, out: Path, certificates: Iterable[Keyed], *, secret: bool) -> int:
        """Write the certificates of a run.

        Args:
            out: the file or folder to write to; files that are there are overwritten.
            certificates: those of the run, in its order.
            secret: whether the keys are: those made from a seed are not.

        Returns:
            How many certificates there were.

        Raises:
            InputError: if a file or folder cannot be written.
        """
