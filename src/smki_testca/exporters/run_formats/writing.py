"""Writes the certificates of a run in a format: one file or folder, or numbered parts; or sealed.

Every output appears whole, or not at all.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, Any

from smki_testca.errors import InputError, UsageError
from smki_testca.estate.out_of_use import OutOfUse
from smki_testca.exporters.format import FormatNeed
from smki_testca.exporters.run_formats.run_content import Certificates, Devices
from smki_testca.exporters.run_formats.run_format import (
    ExportContext,
    FileFormat,
    Keys,
    PathFormat,
    RunFormat,
    check_column,
)
from smki_testca.exporters.run_formats.sealed_file import SealedFile
from smki_testca.files import (
    check_free,
    exists_error,
    give_name,
    output,
    sync_file,
    sync_folder,
    write_error,
)
from smki_testca.folders import output_folder
from smki_testca.numbers import check_number
from smki_testca.streams import check_no_terminal, is_standard_output, is_stream
from smki_testca.unfinished import sweep, unfinished_folder
from smki_testca.x509.exported_keys import KeyEncryption, KeyForm
from smki_testca.x509.private_keys import check_passphrase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cryptography.hazmat.primitives.asymmetric import ec

    from smki_testca.estate.run_rows import RunRows
    from smki_testca.exporters.run_formats.run_content import Part, RunContent
    from smki_testca.profiles import Library


@dataclass(frozen=True, slots=True, kw_only=True)
class RunExportOptions:
    """The options with which a run is exported.

    Attributes:
        with_keys: whether private keys are written.
        key_form: their form, ``pkcs8``, ``sec1`` or ``raw``; None for the format's own.
        passphrase: encrypts them.
        name_by: the operator's own column that names Devices.
        split: the most units of a file or folder, 1 or more; None for one of all.
        line: the public key (P-256) that the export is sealed to; None to leave it open.
        environment, profile: of the Devices; any if None.
        force: whether existing files are overwritten.

    Raises:
        InputError: for parts of no unit.
        ValueError: for another form of keys.
    """

    with_keys: bool = False
    key_form: KeyForm | None = None
    passphrase: str | None = None
    name_by: str | None = None
    split: int | None = None
    line: ec.EllipticCurvePublicKey | None = None
    environment: str | None = None
    profile: str | None = None
    force: bool = False

    def __post_init__(self) -> None:
        if self.key_form is not None:
            # From programs without type checks, the name of a member is welcome, too.
            object.__setattr__(self, "key_form", KeyForm(self.key_form))
        if self.split is not None:
            check_number("The number of units in a part", self.split, 1)


@dataclass(frozen=True, slots=True)
class RunExport:
    """The result of the export of a run.

    Attributes:
        certificates: how many.
        devices: how many; None in a format of certificates.
        left_out: how many certificates of the run the format does not hold.
        parts: how many files or folders.
        out_of_use: how many certificates of the run are revoked or not in use, whether the export
            has them or not.
    """

    certificates: int
    devices: int | None
    left_out: int
    parts: int
    out_of_use: OutOfUse = field(default_factory=OutOfUse)


def check(form: RunFormat, options: RunExportOptions, out: Path) -> None:
    """Check that a format can do what is asked, before anything is read.

    Raises:
        InputError: if it cannot.
        UsageError: if it is a folder and is to be written to standard output.
    """
    traits = form.traits
    if options.passphrase is not None:
        check_passphrase(options.passphrase)
    writes_keys = options.with_keys and traits.keys is not FormatNeed.NEVER
    if options.key_form is not None and options.key_form not in traits.key_forms:
        raise InputError(
            "export.key_form",
            f"The format {traits.name} cannot hold keys as {options.key_form}.",
            f"Use --key-form {' or '.join(traits.key_forms)}.",
        )
    form_of_keys = options.key_form or traits.key_forms[0]
    encrypts = writes_keys and options.passphrase is not None
    if encrypts and form_of_keys not in traits.encrypted_forms:
        raise InputError(
            "export.cannot_encrypt",
            f"The format {traits.name} cannot encrypt keys as {form_of_keys}.",
            f"Use --key-form {' or '.join(traits.encrypted_forms)}, or the format device-file.",
        )
    if options.line is not None and not traits.can_seal:
        raise InputError(
            "export.cannot_seal",
            f"The format {traits.name} cannot be sealed.",
            "Leave --seal-to out, or choose a format of one file, such as device-file.",
        )
    if options.name_by is not None and not traits.can_name:
        raise UsageError(
            "usage",
            f"The format {traits.name} does not name Devices by a column.",
            "Leave --name-by out, or choose device-folders or device-file.",
        )
    if not traits.of_devices and (options.environment or options.profile):
        raise UsageError(
            "usage",
            f"The format {traits.name} always holds every certificate of the run.",
            "Leave --environment and --profile out, or choose a format of Devices.",
        )
    if is_standard_output(out) and options.split is not None:
        raise UsageError("usage", "Parts are written to a folder.", "Name one with --out.")


def write(
    form: RunFormat,
    rows: RunRows,
    library: Library,
    out: Path,
    options: RunExportOptions,
    progress: Callable[[int, int], None],
) -> RunExport:
    """Write the certificates of a run: all of them, or nothing.

    Args:
        form: the format; ``check`` has passed.
        rows: of the run.
        library: of the profiles that it issued from.
        out: the file or folder to write; a folder of parts if they are asked for.
        options: of the export.
        progress: called with the number of certificates or Devices written, and of all.

    Raises:
        InputError: if the format holds none of the certificates, or not one of them; if a file
            exists and is not to be overwritten, or one cannot be written.
        OutputError: if the disk is full or fails.
    """
    traits = form.traits
    content: RunContent[Any]
    if traits.of_devices:
        content = Devices(rows, library, options.environment, options.profile)
        if not len(content):
            raise InputError(
                "export.none_fit",
                f"The format {traits.name} can hold none of the run's certificates.",
                "It holds those of Devices, for digital signature and for key agreement.",
            )
    else:
        content = Certificates(rows)
    if options.name_by is not None:
        check_column(options.name_by, rows.columns())
    size = options.split or len(content)
    if traits.limit is not None and size > traits.limit:
        raise InputError(
            "export.split",
            f"A {traits.name} holds at most {traits.limit} Devices; this one would have {size}.",
            f"Add --split {traits.limit}.",
        )
    context = ExportContext(
        rows, _keys(form, options, is_secret=not rows.run.terms.seeded), options.name_by
    )
    parts = content.parts(options.split, progress)
    if options.split is None:
        _write_whole(form, next(parts), context, out, options)
        count = 1
    else:
        count = -(-len(content) // options.split)
        _check_higher_parts(out, form.traits.suffix, count)
        _write_parts(form, parts, context, out, options)
    devices = len(content) if traits.of_devices else None
    return RunExport(content.certificates, devices, content.left_out, count)


def _keys(form: RunFormat, options: RunExportOptions, *, is_secret: bool) -> Keys:
    are_written = options.with_keys and form.traits.keys is not FormatNeed.NEVER
    encryption = None
    if are_written and options.passphrase is not None:
        encryption = KeyEncryption(options.passphrase)
    return Keys(options.key_form or form.traits.key_forms[0], encryption, are_written, is_secret)


def _write_whole(
    form: RunFormat, part: Part[Any], context: ExportContext, out: Path, options: RunExportOptions
) -> None:
    """Write one file or folder."""
    if isinstance(form, FileFormat):
        is_text = form.is_text and options.line is None
        with output(out, force=options.force, text=is_text) as file:
            _fill(form, file, part, context, options)
    elif isinstance(form, PathFormat) and form.traits.suffix:
        with _new_file(out, force=options.force) as path:
            form.make(path, part, context)
    elif isinstance(form, PathFormat):
        with output_folder(out, force=options.force) as work:
            form.make(work, part, context)


def _write_parts(
    form: RunFormat,
    parts: Iterator[Part[Any]],
    context: ExportContext,
    out: Path,
    options: RunExportOptions,
) -> None:
    """Write numbered files or folders below a folder, which appear together.

    Raises:
        InputError: if files of an earlier export would stay in the folder of a part.
    """
    with output_folder(out, force=options.force) as work:
        for number, part in enumerate(parts, 1):
            path = work / f"{number:06d}{form.traits.suffix}"
            if isinstance(form, PathFormat):
                if not form.traits.suffix:
                    path.mkdir(mode=0o700)
                form.make(path, part, context)
            elif isinstance(form, FileFormat):
                is_text = form.is_text and options.line is None
                with output(path, force=False, text=is_text) as file:
                    _fill(form, file, part, context, options)
        for path in work.iterdir():
            for old in (out / path.name).rglob("*"):
                if not os.path.lexists(work / old.relative_to(out)):
                    raise _mixed_parts(old)


def _check_higher_parts(out: Path, suffix: str, count: int) -> None:
    """Check that a folder has no part of an earlier export that had more of them.

    Raises:
        InputError: if it has one.
    """
    name = re.compile(r"([0-9]{6,})" + re.escape(suffix), re.ASCII)
    try:
        existing = sorted(out.iterdir())
    except OSError:  # it is new, or no folder
        return
    for path in existing:
        match = name.fullmatch(path.name)
        if match is not None and int(match[1]) > count:
            raise _mixed_parts(path)


def _mixed_parts(path: Path) -> InputError:
    return InputError(
        "export.mixed_parts",
        f"{path} is of an earlier export, and would stay among the new parts. Nothing is written.",
        "Remove what is in the folder, or name a new one with --out.",
    )


def _fill(
    form: FileFormat,
    file: IO[Any],
    part: Part[Any],
    context: ExportContext,
    options: RunExportOptions,
) -> None:
    """Write a file, sealed if that is asked for."""
    if options.line is None:
        form.write(file, part, context)
        return
    sealed: Any = SealedFile(file, options.line)
    if form.is_text:
        text = io.TextIOWrapper(sealed, encoding="utf-8", newline="")
        form.write(text, part, context)
        text.flush()
        text.detach()
    else:
        form.write(sealed, part, context)
    sealed.finish()


@contextlib.contextmanager
def _new_file(out: Path, *, force: bool) -> Iterator[Path]:
    """Yield the path of a file to make; it gets its name when the block ends without an error.

    Raises:
        InputError: if it exists and ``force`` is not set, cannot be made, or is an estate's own.
        OutputError: if the disk is full or fails.
    """
    check_no_terminal(out)
    check_free(out, force=force)
    try:
        if is_stream(out):
            with TemporaryDirectory() as folder, output(out, force=force) as file:
                path = Path(folder, "whole")
                yield path
                with path.open("rb") as whole:
                    shutil.copyfileobj(whole, file)
            return
        sweep(out.parent)
        with unfinished_folder(out.parent, out.name) as place:
            path = place / "whole"
            yield path
            sync_file(path)
            give_name(path, out, force=force)
            sync_folder(out.parent)
    except FileExistsError as error:
        raise exists_error(out, "Name another, or add --force.") from error
    except OSError as error:
        raise write_error("export.unwritable", f"{out} cannot be written", error) from error
