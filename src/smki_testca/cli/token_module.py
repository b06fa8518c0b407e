"""The PKCS#11 module that a configuration file names which was found, not named.

It is a program that runs with the user's rights. A folder that somebody else made, such as a clone,
can have a configuration file in it; it must not be able to bring that program along.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from smki_testca.cli.configuration import VARIABLE, why_shared, why_untrusted
from smki_testca.errors import InputError
from smki_testca.text import shown

if TYPE_CHECKING:
    from smki_testca.cli.configuration import Setting

_WORKING_COPIES = (".git", ".hg", ".svn", ".jj")
"""The entries by which the folder of a working copy is known."""


def check_found(module: Path, setting: Setting, file: Path) -> None:
    """Check that a module cannot have come with the configuration file that names it.

    Args:
        module: its path.
        setting: that names it.
        file: the configuration file, which was found.

    Raises:
        InputError: if it can have, or others may have changed the module or the file.
    """
    why = _why_refused(module, setting, file)
    if why:
        raise InputError(
            "config.untrusted",
            f"The PKCS#11 module {shown(setting.written)}, named by {setting.place}, is not used:"
            f" {why}.",
            "If you trust it, name it with --token-module or SMKI_TESTCA_PKCS11_MODULE, or name the"
            f" configuration file with {VARIABLE}.",
        )


def _why_refused(module: Path, setting: Setting, file: Path) -> str:
    if not Path(setting.written).is_absolute():
        return "a configuration file that is found must give its whole path"
    folder = _delivered(Path(os.path.realpath(file.parent)))
    # A link leads elsewhere, but whoever made the folder made the link.
    if any(
        place.is_relative_to(folder)
        for place in (Path(os.path.abspath(module)), Path(os.path.realpath(module)))  # noqa: PTH100 - without following links
    ):
        return f"it is below {folder}, and may have come with that file"
    try:
        return why_shared(file) or why_untrusted(module) or why_shared(module)
    except OSError:
        return ""  # it cannot be loaded either, and that is said then


def _delivered(folder: Path) -> Path:
    """Return the folder that somebody may have handed over whole: the working copy around one."""
    for each in (folder, *folder.parents):
        if any(os.path.lexists(each / name) for name in _WORKING_COPIES):
            return each
    return folder
