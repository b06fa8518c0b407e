"""The pytest plugin: ``smki_`` fixtures that give Test Certificates, good and bad.

It is found by its entry point. Until a test asks for a fixture it imports nothing but pytest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from smki_testca.api import Estate
    from smki_testca.testing import Device, Issued, Revoked, Trust, Workshop

# name: (metavar, what it is)
_OPTIONS = {
    "environment": ("NAME", "the test environment; ZAZ1 by default"),
    "seed": (
        "HEX",
        (
            "16 to 128 hexadecimal digits: each run has the same certificates, whose keys are then"
            " not secret"
        ),
    ),
    "clock": (
        "TIME",
        (
            "what time it is, UTC in ISO 8601; by default 2026-01-01 if a seed is given, else the"
            " system's clock"
        ),
    ),
    "profiles": ("DIR", "a folder of your own profiles, which come before the shipped ones"),
    "register": ("FILE", "participants and agreements, TOML, in place of the examples"),
    "estate": (
        "DIR",
        "an estate to use in place of a new one; what tests ask for is issued and revoked in it",
    ),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, and what stands for them in the configuration file."""
    group = parser.getgroup("smki-testca", "Test Certificates of SMKI, DCCKI and IKI")
    for name, (metavar, said) in _OPTIONS.items():
        group.addoption(f"--smki-{name}", metavar=metavar, default=None, help=f"{said}.")
        parser.addini(f"smki_{name}", f"As --smki-{name}: {said}.", default=None)


def pytest_configure(config: pytest.Config) -> None:
    """See that the options given can be used.

    Raises:
        pytest.UsageError: if one cannot.
    """
    config.stash[_SETTINGS] = _settings(config)


def pytest_report_header(config: pytest.Config) -> str | None:
    """The options given, so that a run can be repeated."""
    given = [f"{name} {_given(config, name)}" for name in _OPTIONS if _given(config, name)]
    return f"smki-testca: {', '.join(given)}" if given else None


@pytest.fixture(scope="session")
def smki_workshop(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workshop]:
    """The estate, and everything the other fixtures do; for tests with type annotations."""
    from smki_testca.errors import SmkiTestcaError
    from smki_testca.testing import Settings, Workshop

    settings = Settings(**request.config.stash[_SETTINGS])
    try:
        workshop = Workshop.open(settings, tmp_path_factory.mktemp("smki"))
    except SmkiTestcaError as error:
        pytest.fail("\n".join(error.lines()), pytrace=False)
    with workshop:
        yield workshop


@pytest.fixture(scope="session")
def smki_estate(smki_workshop: Workshop) -> Estate:
    """The estate: new for this session, with the example participants, or as the options say."""
    return smki_workshop.estate


@pytest.fixture
def smki_now(smki_workshop: Workshop) -> datetime:
    """What time it is for the estate, UTC: the time to verify its certificates at."""
    return smki_workshop.now()


@pytest.fixture(scope="session")
def smki_issue(smki_workshop: Workshop) -> Callable[..., Issued]:
    """A certificate for any participant: ``smki_issue(PROFILE, **asked)``."""
    return smki_workshop.issue


@pytest.fixture(scope="session")
def smki_devices(smki_workshop: Workshop) -> Callable[..., list[Device]]:
    """Devices with a certificate of either usage: ``smki_devices(FIRST_ID, COUNT)``."""
    return smki_workshop.devices


@pytest.fixture(scope="session")
def smki_expired(smki_workshop: Workshop) -> Callable[..., Issued]:
    """A certificate that ended yesterday: ``smki_expired(PROFILE, **asked)``."""
    return smki_workshop.expired


@pytest.fixture(scope="session")
def smki_not_yet_valid(smki_workshop: Workshop) -> Callable[..., Issued]:
    """A certificate that begins tomorrow: ``smki_not_yet_valid(PROFILE, **asked)``."""
    return smki_workshop.not_yet_valid


@pytest.fixture(scope="session")
def smki_revoked(smki_workshop: Workshop) -> Callable[..., Revoked]:
    """A revoked certificate and the CRL that says so: ``smki_revoked(PROFILE, **asked)``."""
    return smki_workshop.revoked


@pytest.fixture(scope="session")
def smki_trust(smki_workshop: Workshop) -> Callable[..., Trust]:
    """The CAs of a hierarchy, and lists that name nobody: ``smki_trust(HIERARCHY)``."""
    return smki_workshop.trust


_SETTINGS = pytest.StashKey[dict[str, Any]]()


def _settings(config: pytest.Config) -> dict[str, Any]:
    """What the options say, by the attributes of ``Settings``."""
    if _given(config, "estate"):
        for name in ("seed", "register"):
            if _given(config, name):
                raise _unusable(name, "is for a new estate: it does not go with --smki-estate.")
    return {
        "environment": _given(config, "environment"),
        "seed": _seed(_given(config, "seed")),
        "instant": _instant(_given(config, "clock")),
        "profiles": _path(config, "profiles"),
        "register": _path(config, "register"),
        "estate": _path(config, "estate"),
    }


def _seed(said: str | None) -> bytes | None:
    if said is None:
        return None
    try:
        seed = bytes.fromhex(said)
    except ValueError:
        seed = b""
    if not 8 <= len(seed) <= 64:
        raise _unusable("seed", "takes 16 to 128 hexadecimal digits.")
    return seed


def _instant(said: str | None) -> datetime | None:
    if said is None:
        return None
    from smki_testca.clock import parse_instant
    from smki_testca.errors import InputError

    try:
        return parse_instant(said)
    except InputError as error:
        raise _unusable("clock", f"cannot be read: {error.message} {error.remedy}") from error


def _given(config: pytest.Config, name: str) -> str | None:
    """What an option says, or the configuration file in its place."""
    said = config.getoption(f"smki_{name}") or config.getini(f"smki_{name}")
    return str(said) if said else None


def _path(config: pytest.Config, name: str) -> Path | None:
    """A path, from where pytest was called or, in the configuration file, from beside that."""
    said = _given(config, name)
    if said is None:
        return None
    beside = config.rootpath if config.inipath is None else config.inipath.parent
    of_command = config.getoption(f"smki_{name}")
    path = (config.invocation_params.dir if of_command else beside) / said
    if not path.exists():
        raise _unusable(name, f"cannot be used: there is no {path}.")
    return path


def _unusable(name: str, why: str) -> pytest.UsageError:
    said = f"--smki-{name} {why}"
    return pytest.UsageError(said)
