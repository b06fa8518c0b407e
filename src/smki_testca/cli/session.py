"""The global options, and the estate and profiles that they name."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from smki_testca.cli.configuration import (
    FILE_NAME,
    KEYS,
    Configuration,
    Setting,
    SettingSource,
    is_named,
    locate,
)
from smki_testca.cli.input_files import MAX_OCTETS
from smki_testca.cli.secret import PASSPHRASE, PIN, given_or_typed, is_ready
from smki_testca.collector import without_collector
from smki_testca.errors import EstateError, SmkiTestcaError, UsageError
from smki_testca.estate_files import PASSPHRASE_FILE
from smki_testca.input_files import read_regular
from smki_testca.text import shown

if TYPE_CHECKING:
    from smki_testca.api import Estate
    from smki_testca.authority.signers.tokens.access import TokenAccess
    from smki_testca.cli.anchoring import Anchors
    from smki_testca.clock import Clock
    from smki_testca.lifecycle.anchoring import Anchoring
    from smki_testca.profiles import Library

_ESTATE_VARIABLE = "SMKI_TESTCA_ESTATE"
_MODULE_VARIABLE = "SMKI_TESTCA_PKCS11_MODULE"
_VARIABLES = {"estate": _ESTATE_VARIABLE, "token-module": _MODULE_VARIABLE}
"""The variables that give what an option does."""


@dataclass
class Session:
    """One run of the command: the global options, and what stands in for those not given.

    Attributes:
        given: the values of the global options that the line has, by option.
        ahead: those that stand further on in the line and are not read yet.
        as_json: whether the output is JSON.
        no_config: whether no configuration file is read.
        dry_run: whether to take back all that is done with the estate.
        if_needed: whether the command succeeds where the state is already as it would make it.
        anchorings: what anchors estates at the end of the command, by their directories.
    """

    given: dict[str, str] = field(default_factory=dict)
    ahead: dict[str, str] = field(default_factory=dict)
    as_json: bool = False
    no_config: bool = False
    dry_run: bool = False
    if_needed: bool = False
    anchorings: dict[Path, Anchoring] = field(default_factory=dict)
    _libraries: dict[tuple[Path, ...], Library] = field(default_factory=dict)
    _pin_of_variable: str | None = field(default=None, repr=False)

    def give(self, name: str, value: str) -> None:
        """Take the value of a global option.

        Raises:
            UsageError: if the option has another value already.
        """
        before = self.given.setdefault(name, value)
        if before != value:
            raise UsageError(
                "usage",
                f"--{name} is given twice: {shown(before)} and {shown(value)}.",
                "Give it once, before the command or after it.",
            )

    def setting(self, name: str) -> Setting:
        """Return a value of ``configuration.KEYS`` and where it comes from.

        An option comes before a variable, and both before the configuration file.
        """
        value = self.given.get(name, self.ahead.get(name))
        if value is not None:
            return Setting(value, SettingSource.OPTION, f"--{name}")
        variable = _VARIABLES.get(name)
        if variable is not None and (value := os.environ.get(variable)):
            return Setting(value, SettingSource.VARIABLE, variable)
        return self.configuration.settings.get(name) or Setting(None, SettingSource.DEFAULT)

    def configured_in(self, message: str) -> list[str]:
        """Return, for an error, the values of the configuration file that it names: a line each."""
        try:
            settings = {name: self.setting(name) for name in KEYS}
        except SmkiTestcaError:  # the file is what is wrong
            return []
        return [
            f"note: {name} is {shown(setting.value)} by {setting.place}."
            for name, setting in settings.items()
            if setting.source is SettingSource.FILE and setting.value and setting.value in message
        ]

    @cached_property
    def configuration(self) -> Configuration:
        """The configuration file; without one, nothing is configured.

        Raises:
            InputError: if it cannot be read, or is not to be trusted.
        """
        path = None if self.no_config else locate()
        if path is None:
            return Configuration()
        return Configuration.parse(read_regular(path, MAX_OCTETS), path)

    @property
    def estate(self) -> str | None:
        """The directory of the estate."""
        return self.setting("estate").value

    @property
    def profiles(self) -> str | None:
        """The operator's profile directory."""
        return self.setting("profiles").value

    @property
    def profiles_directory(self) -> Path | None:
        """The operator's profile directory as a path."""
        profiles = self.profiles
        return None if profiles is None else Path(profiles)

    def clock(self) -> Clock | None:
        """Return the fixed clock of ``--clock``; None if the option is not given."""
        time = self.given.get("clock")
        if time is None:
            return None
        from smki_testca.clock import FixedClock, parse_instant

        return FixedClock(parse_instant(time))

    def clock_or_system(self) -> Clock:
        """Return the fixed clock of ``--clock``, or else the system's."""
        from smki_testca.clock import SystemClock

        return self.clock() or SystemClock()

    def profile_directories(self) -> list[Path]:
        """Return the operator's profile directories: that of ``--profiles``, then the estate's."""
        own, estate = self.profiles_directory, self.estate
        directories = [] if own is None else [own]
        if estate is not None and (Path(estate) / "profiles").is_dir():
            directories.append(Path(estate) / "profiles")
        return directories

    def library(self) -> Library:
        """Load the profiles, once, without opening the estate's file."""
        from smki_testca.profiles import Library

        directories = tuple(self.profile_directories())
        if directories not in self._libraries:
            self._libraries[directories] = Library(*directories)
        return self._libraries[directories]

    def open(self, *, needs_keys: bool = False, must_continue: bool = False) -> Estate:
        """Open the estate.

        Where a file of anchors is configured, the estate must continue the newest of them. The
        commands of ``INVESTIGATING`` open any; nothing that they do with such an estate stays.

        Args:
            needs_keys: whether its private keys are needed while other processes wait for it.
            must_continue: whether even such a command does not open it.

        Raises:
            UsageError: if none was named.
            EstateError: if it cannot be opened, or does not continue its newest anchor.
        """
        with without_collector():
            from smki_testca.api import Estate
            from smki_testca.cli.anchoring import tolerated_fault
            from smki_testca.custody.passphrase_change import settle_file

        directory = self.estate_directory()
        anchoring = self.anchors.of(directory)
        fault = None
        if anchoring is not None:
            fault = tolerated_fault(anchoring, must_continue=must_continue)
        estate = Estate.open(
            directory,
            lambda: self.passphrase(directory),
            profiles=self.profiles_directory,
            clock=self.clock(),
            dry_run=self.dry_run or fault is not None,
            token_access=self.token_access(),
        )
        # A change of the passphrase that was interrupted left two in the estate's file.
        if fault is None:
            with contextlib.suppress(OSError, SmkiTestcaError):
                settle_file(estate)
        if anchoring is not None and fault is None and not self.dry_run:
            anchoring.follow(estate)
        if needs_keys:
            self.unlock_first(estate)
        return estate

    def open_unlocked(self) -> tuple[Estate, str]:
        """Open the estate and unlock its keys; gives also the passphrase, which is asked for once.

        Raises:
            UsageError: if none was named.
            EstateError: if it cannot be opened, or the passphrase is wrong.
        """
        estate = self.open()
        try:
            return estate, estate.estate_key.unlock_with(self.passphrase(estate.directory))
        except BaseException:  # also Ctrl-C at the prompt: nobody else has the estate to close it
            estate.close()
            raise

    @property
    def anchor_file(self) -> Path | None:
        """The file that gets an anchor of the audit log after each command; None for none."""
        path = self.setting("audit.anchor").value
        return None if path is None else Path(path)

    @property
    def anchors(self) -> Anchors:
        """The anchors that the command checks and adds; copies of a session share their state."""
        from smki_testca.cli.anchoring import Anchors

        return Anchors(
            self.anchor_file, self.estate, self.clock_or_system, self.passphrase, self.anchorings
        )

    def is_named_estate(self, directory: Path) -> bool:
        """Whether a directory is that of the estate that an option or the configuration names."""
        from smki_testca.cli.anchoring import is_same_place

        return self.estate is not None and is_same_place(self.estate, directory)

    def estate_directory(self) -> Path:
        """Return the directory of the estate.

        Raises:
            UsageError: if none was named.
        """
        if self.estate is None:
            raise UsageError(
                "usage",
                "No estate is named.",
                f"Add --estate DIR, set {_ESTATE_VARIABLE}, or write it into {FILE_NAME}.",
            )
        return Path(self.estate)

    def unlock_first(self, estate: Estate) -> None:
        """Ask for the passphrase now if somebody has to type it or write it to a pipe.

        Otherwise it is asked for when it is needed, with the estate's write lock held: others
        would wait as long as that takes.
        """
        if not self.has_passphrase_ready(estate.directory):
            try:
                estate.unlock()
            except BaseException:  # also Ctrl-C at the prompt: the caller never gets the estate
                estate.close()
                raise

    def has_passphrase_ready(self, directory: Path) -> bool:
        """Whether nobody has to type the passphrase, or write it to a pipe."""
        return is_ready(self.passphrase_setting(directory))

    def passphrase_setting(self, directory: Path | None = None) -> Setting:
        """Return the file of the passphrase and where that comes from; see ``Secret.setting``.

        The file that quickstart left in an estate comes before the one that is configured, which
        may be another estate's.

        Args:
            directory: of the estate; None if there is none.
        """
        left = None if directory is None else directory / PASSPHRASE_FILE
        return PASSPHRASE.setting(self.setting, left)

    def passphrase(self, directory: Path, *, confirm: bool = False) -> str:
        """Return the passphrase of an estate, from the first place that gives it.

        The places are ``--passphrase-file``, the environment variable, the file that quickstart
        leaves in the estate, the file that is configured, and a prompt on a terminal.

        Raises:
            EstateError: if none of them gives it.
        """
        setting = self.passphrase_setting(directory)
        question = f"Passphrase of {directory}"
        passphrase = given_or_typed(setting, question, confirm=confirm, may_be_mark=not confirm)
        if passphrase is None:
            raise EstateError(
                "estate.passphrase", "The estate's passphrase is needed.", PASSPHRASE.remedy
            )
        return passphrase

    @property
    def has_token_module(self) -> bool:
        """Whether a PKCS#11 module is named."""
        return bool(self.setting("token-module").value)

    def token_access(self) -> TokenAccess:
        """Return how to reach PKCS#11 tokens; nothing is read or asked for before it is needed."""
        from smki_testca.authority.signers.tokens.access import TokenAccess

        return TokenAccess(self._token_module, cache(self._pin))

    def _token_module(self) -> Path:
        """Return the path of the PKCS#11 module.

        Raises:
            UsageError: if none is named.
            InputError: if a configuration file that was found names one that may have come with it.
        """
        setting = self.setting("token-module")
        if not setting.value:
            raise UsageError(
                "token.module",
                "A key in a PKCS#11 token is needed, and no PKCS#11 module is named.",
                f"Add --token-module FILE, set {_MODULE_VARIABLE}, or write token-module into"
                f" {FILE_NAME}.",
            )
        path = Path(setting.value)
        if (
            setting.source is SettingSource.FILE
            and not is_named()
            and self.configuration.path is not None
        ):
            from smki_testca.cli.token_module import check_found

            check_found(path, setting, self.configuration.path)
        return path

    def pin_setting(self) -> Setting:
        """Return the file of the PIN and where that comes from; see ``Secret.setting``."""
        return PIN.setting(self.setting)

    def _pin(self, token: str) -> str:
        """Return the PIN of a token, from the first place that gives it.

        The places are ``--token-pin-file``, the environment variable, the file that is configured,
        and a prompt on a terminal. The variable is hidden then: workers have no use for it.

        Args:
            token: the label of the token.

        Raises:
            EstateError: if none of them gives it.
        """
        if self._pin_of_variable is not None:
            return self._pin_of_variable
        setting = self.pin_setting()
        pin = given_or_typed(setting, f"PIN of the token {token}")
        if pin is None:
            raise EstateError(
                "token.pin", f"The PIN of the token {shown(token)} is needed.", PIN.remedy
            )
        if setting.source is SettingSource.VARIABLE and PIN.hide():
            self._pin_of_variable = str(pin)
        return str(pin)
