"""The estate that the doctor looks at, and what is around it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from smki_testca.authority.signers.tokens.access import TokenAccess
    from smki_testca.clock import Clock
    from smki_testca.estate.stores import Stores
    from smki_testca.profiles import Library


class DoctorProgress(Protocol):
    """Shows how far long work is."""

    def __call__(self, done: int, total: int | None = None) -> None:
        """Take the number done, and the number of all if that is known."""


def _silent(activity: str) -> DoctorProgress:
    del activity
    return lambda done, total=None: None  # noqa: ARG005 - nobody looks


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """The estate that the doctor looks at.

    Attributes:
        directory: of the estate.
        passphrase: returns that of the estate; asked only if private keys are to be opened.
        passphrase_files: the files that were named to have it, wherever they are, each by what
            names it, such as ``--passphrase-file``.
        library: loads the profiles.
        clock: tells the time.
        writable: opens the estate as every other command does, to mend it.
        with_keys: whether to open every private key, too.
        token_access: how to reach PKCS#11 tokens; None if no module is named.
        anchors: the file of anchors that is configured; None if there is none.
        progress: makes what shows how far an activity is.
    """

    directory: Path
    passphrase: Callable[[], str]
    library: Callable[[], Library]
    clock: Clock
    writable: Callable[[], AbstractContextManager[Stores]]
    passphrase_files: Mapping[str, Path] = field(default_factory=dict)
    with_keys: bool = False
    token_access: TokenAccess | None = None
    anchors: Path | None = None
    progress: Callable[[str], DoctorProgress] = _silent
