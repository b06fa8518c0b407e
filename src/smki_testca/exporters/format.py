"""Defines the interface of an export format, and the traits that each format declares."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from smki_testca.errors import InputError
from smki_testca.text import shown

if TYPE_CHECKING:
    from collections.abc import (
        Iterator,
        Sequence,
    )
    from pathlib import PurePosixPath

    from smki_testca.exporters.item import Item
    from smki_testca.folders import OutputFile


FormerFile = tuple["PurePosixPath", str]
"""The folder and the name of a file that an earlier export may have written."""


class FormatNeed(StrEnum):
    """Whether a format takes private keys, or a passphrase."""

    NEVER = "never"
    OPTIONAL = "optional"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """The properties of a format, which checks, help and documents use.

    Attributes:
        name: its name on the command line.
        summary: its contents and the programs that load it, in one line.
        keys: whether it holds private keys. Without them, one that requires keys is refused.
        passphrase: whether it encrypts private keys. One that requires a passphrase needs it
            without keys, too.
        store_each: whether each certificate gets an encrypted store, which takes some 10 ms.
        c_names: whether it needs the names of certificates in C.
    """

    name: str
    summary: str
    keys: FormatNeed
    passphrase: FormatNeed
    store_each: bool = False
    c_names: bool = False


@dataclass(frozen=True, slots=True)
class OmittedItem:
    """A certificate that a format cannot hold.

    Attributes:
        item: the certificate.
        reason: the rest of a sentence that begins with the certificate.
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
        """Yield every file of an export, without the certificates that the format cannot hold.

        Args:
            items: the certificates selected.
            passphrase: encrypts private keys. The caller has checked the traits: it is there if
                the format requires it, and there are no keys if the format cannot use it.
        """

    def named(self, own: str) -> Format:
        """The format with a name of the user's own for its files, and for what is in them.

        Raises:
            InputError: if the format has no such names, or cannot have this one.
        """
        raise InputError(
            "export.c_name",
            f"The format {self.traits.name} takes no name of your own ({shown(own)}).",
            "Leave out --c-name, or choose c-header or c-table.",
        )

    def misfit(self, item: Item) -> str | None:
        """The reason why the format cannot hold a certificate; None where it can."""
        del item
        return None

    def left_out(self, items: Sequence[Item]) -> list[OmittedItem]:
        """The certificates that the format cannot hold, each with the reason."""
        reasons = ((item, self.misfit(item)) for item in items)
        return [OmittedItem(item, reason) for item, reason in reasons if reason is not None]

    def check(self, items: Sequence[Item]) -> None:
        """Check what the format cannot hold together.

        Args:
            items: certificates that fit one by one.

        Raises:
            InputError: naming them, with the way out.
        """
        del items

    def former_files(self, items: Sequence[Item]) -> Iterator[FormerFile]:
        """The files that earlier exports may have written for certificates of the same labels.

        No current certificate has their names now.
        """
        del items
        return iter(())

    def printable(self, items: Sequence[Item], passphrase: str | None) -> list[OutputFile]:
        """The files that go to standard output; only one can."""
        return list(self.files(items, passphrase))

    def fitting(self, items: Sequence[Item]) -> list[Item]:
        """The certificates that the format holds."""
        out = {id(entry.item) for entry in self.left_out(items)}
        return [item for item in items if id(item) not in out]
