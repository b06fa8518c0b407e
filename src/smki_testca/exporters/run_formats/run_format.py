"""Defines the interface of a format of ``batch export``, and what each is given.

A format writes as it reads: a run may have millions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, ClassVar, Final

from smki_testca.errors import InputError
from smki_testca.exporters.format import Traits
from smki_testca.text import shown, use_one_of
from smki_testca.x509.exported_keys import KeyForm, in_form

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from smki_testca.estate.certificates import Record
    from smki_testca.estate.run_rows import RunRow, RunRows
    from smki_testca.exporters.run_formats.run_content import Part, RunDevice
    from smki_testca.x509.exported_keys import KeyEncryption

NAME_COLUMN: Final = "serial_number"
"""The operator's own column that names a Device, unless another is asked for."""
SEEDED_NOTE: Final = "KEYS-ARE-NOT-SECRET.txt"
"""The file that a folder has where its private keys were made from a seed."""
SEEDED_TEXT: Final = "The private keys of this run were made from a seed: they are not secret.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTraits(Traits):
    """The properties of a format of ``batch export``.

    Attributes:
        suffix: of the file, with its dot; empty for a folder.
        key_forms: the forms of private keys that it holds, the default first.
        encrypted_forms: those that it can encrypt.
        of_devices: whether its units are Devices; certificates otherwise.
        can_seal: whether it can be sealed to a public key.
        can_name: whether a column of the operator's own can name its Devices.
        limit: the most units of one file or folder; None for no limit.
    """

    suffix: str
    key_forms: tuple[KeyForm, ...] = tuple(KeyForm)
    encrypted_forms: tuple[KeyForm, ...] = (KeyForm.PKCS8,)
    of_devices: bool = True
    can_seal: bool = True
    can_name: bool = False
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Keys:
    """The forms in which private keys are written.

    Attributes:
        form: of each key.
        encryption: of each key; None for keys in the clear.
        are_written: whether there are any.
        are_secret: whether they are secret; keys made from a seed are not.
    """

    form: KeyForm
    encryption: KeyEncryption | None
    are_written: bool
    are_secret: bool

    def of(self, row: RunRow) -> bytes | None:
        """The private key of a certificate as it is written; None without one.

        Raises:
            InputError: if it has no such form.
        """
        if row.key is None:
            return None
        key = in_form(self.form, row.key, row.point)
        return key if self.encryption is None else self.encryption.pkcs8(key)


@dataclass(frozen=True, slots=True)
class ExportContext:
    """The run and the choices that the parts of one export share.

    Attributes:
        rows: of the run, for the CAs above its certificates.
        keys: how private keys are written.
        name_by: the operator's own column that names Devices; None for the format's own choice.
    """

    rows: RunRows
    keys: Keys
    name_by: str | None
    _chains: dict[str, bytes] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """The names of the operator's own columns."""
        return self.rows.columns()

    def chain(self, device: RunDevice) -> bytes:
        """The CAs above the certificates of a Device in DER, one after the other, the root last."""
        section = device.facts.section
        if section.issuer not in self._chains:
            self._chains[section.issuer] = b"".join(ca.der for ca in self.rows.chain(section))
        return self._chains[section.issuer]

    def issuer(self, device: RunDevice) -> Record:
        """The CA that issued the certificates of a Device."""
        return self.rows.chain(device.facts.section)[0]


class RunFormat(ABC):
    """A format of ``batch export``.

    Attributes:
        traits: its name and its needs.
    """

    traits: ClassVar[RunTraits]


class FileFormat(RunFormat):
    """A format that is one file, written from its beginning to its end.

    Attributes:
        is_text: whether it is written as text.
    """

    is_text: ClassVar[bool] = False

    @abstractmethod
    def write(self, file: IO[Any], part: Part[Any], context: ExportContext) -> None:
        """Write the file.

        Args:
            file: to write to; it may be a pipe.
            part: the units of the file.
            context: of the export.

        Raises:
            InputError: if the format cannot hold a unit.
            OSError: if the file cannot be written.
        """


class PathFormat(RunFormat):
    """A format that makes its file or folder itself."""

    @abstractmethod
    def make(self, path: Path, part: Part[Any], context: ExportContext) -> None:
        """Make the file, or fill the folder.

        Args:
            path: of a file that does not exist, or of an empty folder.
            part: the units of the file or folder.
            context: of the export.

        Raises:
            InputError: if the format cannot hold a unit.
            OSError: if it cannot be written.
        """


def name_of(device: RunDevice, column: str) -> str:
    """The name that a column of the operator's own gives a Device.

    Raises:
        InputError: if its row has none.
    """
    name = device.columns.get(column, "")
    if not name:
        raise InputError(
            "export.device_name",
            f"The Device {device.eui64.hex('-').upper()} has no {column}.",
            "Name Devices by a column that each row of the manifest has.",
        )
    return name


def check_column(column: str, columns: Iterable[str]) -> None:
    """Check that a run has a column of the operator's own.

    Raises:
        InputError: if it has not.
    """
    if column not in (known := list(columns)):
        raise InputError(
            "export.device_name",
            f"The run has no column {shown(column)}.",
            use_one_of(known) if known else "Its manifest has no columns of your own.",
        )
