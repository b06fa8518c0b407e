"""Exports the certificates of a run: what ``batch export`` does, for programs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from smki_testca.errors import InputError
from smki_testca.estate.out_of_use import out_of_use
from smki_testca.estate.run_rows import RunRows
from smki_testca.exporters.registry import RUN_FORMATS
from smki_testca.exporters.run_formats.writing import RunExportOptions, check, write
from smki_testca.files import check_free
from smki_testca.text import shown, use_one_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from smki_testca.estate.stores import Stores
    from smki_testca.exporters.run_formats.writing import RunExport


def export_run(
    estate: Stores,
    run: int,
    form: str,
    out: Path | str,
    options: RunExportOptions | None = None,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> RunExport:
    """Write the certificates of a run in a form that a program loads: all of them, or nothing.

    Memory does not grow with the run.

    Args:
        estate: whose run it is.
        run: its number.
        form: a format of ``docs/factory-formats.md``, such as ``device-file``, or of
            ``docs/formats.md``: ``pem-tree``, ``der-stream``, ``csv`` or ``parquet``.
        out: the file or folder to write; a folder where the export is split.
        options: private keys, their form and protection, and the parts.
        progress: called with the number of certificates or Devices written, and of all.

    Raises:
        InputError: if there is no such run or format, the format cannot do what is options or holds
            none of the certificates, or the file exists or cannot be written.
        UsageError: if the options do not go with the format.
        EstateError: if private keys are options for and the passphrase is wrong.
        OutputError: if the disk is full or fails.
    """
    if form not in RUN_FORMATS:
        raise InputError(
            "export.format",
            f"There is no format {shown(form)} for runs.",
            use_one_of(RUN_FORMATS, given=form),
        )
    chosen, place = RUN_FORMATS[form], Path(out)
    options = options or RunExportOptions()
    check(chosen, options, place)
    check_free(place, force=options.force)
    issued_run = estate.runs.get(run)
    rows = RunRows(estate, issued_run, with_keys=options.with_keys)
    written = write(chosen, rows, estate.library, place, options, progress)
    return replace(written, out_of_use=out_of_use(estate, issued_run))
