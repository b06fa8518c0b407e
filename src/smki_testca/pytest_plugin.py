"""The pytest plugin: ``smki_`` fixtures that give Test Certificates, good and bad.

It is found by its entry point. Until a test asks for a fixture it imports nothing but pytest.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from smki_testca.api import Estate
    from smki_testca.corpus.case import Case
    from smki_testca.corpus.case_selection import CaseSelection, Catalogue
    from smki_testca.service.in_thread import ServicesInThread
    from smki_testca.testing import Device, Issued, Revoked, Trust, Workshop

# Each name with its metavar and its description.
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
    """Add the options, and the settings of the configuration file that take their place."""
    group = parser.getgroup("smki-testca", "Test Certificates of SMKI, DCCKI and IKI")
    for name, (metavar, description) in _OPTIONS.items():
        group.addoption(f"--smki-{name}", metavar=metavar, default=None, help=f"{description}.")
        parser.addini(f"smki_{name}", f"As --smki-{name}: {description}.", default=None)


def pytest_configure(config: pytest.Config) -> None:
    """Check that the options given can be used.

    Raises:
        pytest.UsageError: if one cannot.
    """
    config.stash[_SETTINGS] = _settings(config)
    config.addinivalue_line(
        "markers",
        "smki_cases(only, profiles, stages, importances, verdicts, level, good): run the test for"
        " each case of the corpus that fits; the fixture smki_case gives it",
    )


def pytest_report_header(config: pytest.Config) -> str | None:
    """Return the options given, so that a run can be repeated."""
    given = [f"{name} {_given(config, name)}" for name in _OPTIONS if _given(config, name)]
    return f"smki-testca: {', '.join(given)}" if given else None


@pytest.fixture(scope="session")
def smki_workshop(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workshop]:
    """The estate, and everything the other fixtures do; for tests with type annotations."""
    from smki_testca.errors import SmkiTestcaError
    from smki_testca.testing import PluginOptions, Workshop

    settings = PluginOptions(**request.config.stash[_SETTINGS])
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
    """The time of the estate, UTC, at which to verify its certificates."""
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
    """The CAs of a hierarchy, and lists without entries: ``smki_trust(HIERARCHY)``."""
    return smki_workshop.trust


@pytest.fixture(scope="session")
def _smki_services(
    smki_workshop: Workshop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServicesInThread]:
    """The services of the estate, for the session; started when a test first asks for them."""
    try:
        from smki_testca.service.in_thread import ServicesInThread
        from smki_testca.service.settings import Settings
    except ImportError:
        pytest.skip("smki_services needs the extra [service]: pip install 'smki-testca[service]'")
    settings = Settings(port_base=0, client_folder=tmp_path_factory.mktemp("smki-clients"))
    with ServicesInThread(smki_workshop.access(), settings) as services:
        yield services


@pytest.fixture
def smki_services(_smki_services: ServicesInThread) -> Iterator[ServicesInThread]:
    """The web services, repository and portal on free ports; they behave again after the test."""
    yield _smki_services
    _smki_services.behave()


@pytest.fixture(scope="session")
def smki_defect() -> Callable[[str], Case]:
    """A case of the corpus, good or defective: ``smki_defect(ID)``."""
    return _catalogue().case


@pytest.fixture
def smki_case(request: pytest.FixtureRequest) -> Case:
    """Each case that the mark ``smki_cases`` selects, one after another."""
    if not hasattr(request, "param"):
        pytest.fail("smki_case needs the mark smki_cases above the test.", pytrace=False)
    return _catalogue().case(request.param)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test for each case that its mark selects.

    Raises:
        pytest.UsageError: if the mark selects none, or cannot be read.
    """
    mark = metafunc.definition.get_closest_marker("smki_cases")
    if mark is None or "smki_case" not in metafunc.fixturenames:
        return
    from smki_testca.errors import SmkiTestcaError

    try:
        selected = _catalogue().select(_selection(mark))
    except SmkiTestcaError as error:
        message = f"{metafunc.definition.nodeid}: {' '.join(error.lines())}"
        raise pytest.UsageError(message) from error
    metafunc.parametrize("smki_case", [case.id for case in selected], indirect=True)


@cache
def _catalogue() -> Catalogue:
    """Return every case of the corpus; each is made when it is asked for, once."""
    from smki_testca.corpus.build import ENVIRONMENT, Builder
    from smki_testca.corpus.case_selection import Catalogue
    from smki_testca.corpus.pki import corpus_pki

    return Catalogue(Builder(corpus_pki(), ENVIRONMENT))


def _selection(mark: pytest.Mark) -> CaseSelection:
    """Return the selection of a mark; its arguments take a word or several.

    Raises:
        InputError: if it has another argument or word.
    """
    from smki_testca.corpus.case_selection import CaseSelection
    from smki_testca.corpus.defect import Importance, Level, Stage, Verdict
    from smki_testca.errors import InputError
    from smki_testca.text import shown, use_one_of

    kinds: dict[str, Any] = {
        "only": str,
        "profiles": str,
        "stages": Stage,
        "importances": Importance,
        "verdicts": Verdict,
        "level": Level,
        "good": bool,
    }
    given: dict[str, Any] = {}
    for name, value in mark.kwargs.items():
        kind = kinds.get(name)
        if kind is None:
            raise InputError(
                "corpus.selection",
                f"smki_cases has no argument {shown(name)}.",
                use_one_of(list(kinds), given=name),
            )
        words = (value,) if isinstance(value, str | bool) else tuple(value)
        try:
            parsed = tuple(kind(word) for word in words)
        except ValueError as error:
            message = f"smki_cases cannot take {shown(str(value))} for {name}."
            raise InputError("corpus.selection", message, use_one_of(kind)) from error
        given[name] = parsed[0] if name in {"level", "good"} else parsed
    is_good = given.pop("good", None)
    return CaseSelection(**given, is_good=is_good)


_SETTINGS = pytest.StashKey[dict[str, Any]]()


def _settings(config: pytest.Config) -> dict[str, Any]:
    """Return the values of the options, by the attributes of ``PluginOptions``."""
    if _given(config, "estate"):
        for name in ("seed", "register"):
            if _given(config, name):
                raise _unusable(name, "is for a new estate and cannot be used with --smki-estate.")
    return {
        "environment": _given(config, "environment"),
        "seed": _seed(_given(config, "seed")),
        "instant": _instant(_given(config, "clock")),
        "profiles": _path(config, "profiles"),
        "register": _path(config, "register"),
        "estate": _path(config, "estate"),
    }


def _seed(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        seed = bytes.fromhex(text)
    except ValueError:
        seed = b""
    if not 8 <= len(seed) <= 64:
        raise _unusable("seed", "takes 16 to 128 hexadecimal digits.")
    return seed


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    from smki_testca.clock import parse_instant
    from smki_testca.errors import InputError

    try:
        return parse_instant(text)
    except InputError as error:
        raise _unusable("clock", f"cannot be read: {error.message} {error.remedy}") from error


def _given(config: pytest.Config, name: str) -> str | None:
    """Return the value of an option, or of its setting in the configuration file."""
    value = config.getoption(f"smki_{name}") or config.getini(f"smki_{name}")
    return str(value) if value else None


def _path(config: pytest.Config, name: str) -> Path | None:
    """Return the path in an option.

    An option is relative to the directory where pytest was called, a setting to its file.
    """
    given = _given(config, name)
    if given is None:
        return None
    beside = config.rootpath if config.inipath is None else config.inipath.parent
    option = config.getoption(f"smki_{name}")
    path = (config.invocation_params.dir if option else beside) / given
    if not path.exists():
        raise _unusable(name, f"cannot be used: there is no {path}.")
    return path


def _unusable(name: str, why: str) -> pytest.UsageError:
    message = f"--smki-{name} {why}"
    return pytest.UsageError(message)
