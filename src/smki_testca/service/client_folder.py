"""The folder of the clients' files, where none is chosen: it goes with the server.

There are private keys in it. A server that is killed cannot remove its folder: the next one does.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from smki_testca.unfinished import remove, stale, unfinished_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

_STEM = "smki-testca-clients"
_NAME = re.compile(rf"({_STEM})-[0-9a-f]{{16}}")


@contextlib.contextmanager
def client_folder() -> Iterator[Path]:
    """Yield a new folder among the temporary ones, for its owner only; it goes at the end.

    What killed servers of this user left is removed.

    Raises:
        OSError: if it cannot be created.
    """
    parent = Path(tempfile.gettempdir())
    for _, left in stale(parent, _NAME):
        remove(left)
    with unfinished_folder(parent, _STEM, draw=_draw_name) as folder:
        yield folder


def _draw_name(stem: str) -> str:
    return f"{stem}-{secrets.token_hex(8)}"
