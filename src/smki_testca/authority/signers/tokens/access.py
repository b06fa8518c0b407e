"""The way to tokens: the vendor's module, and whoever knows the PINs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class TokenAccess:
    """The way to tokens. Each part is asked for only when a token is used.

    Attributes:
        module: gives the path of the PKCS#11 module; raises UsageError ``token.module`` if none
            is configured.
        pin: gives the PIN of the token with a label, asked for once at most; raises EstateError
            ``token.pin`` if there is none.
    """

    module: Callable[[], Path]
    pin: Callable[[str], str]
