"""Other people's packages from npm, fetched into a cache outside the repository and never kept.

Set SMKI_TESTCA_NPM to a folder whose ``node_modules`` holds them; otherwise npm is asked once.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from shutil import which

import pytest

KEYSTORE = "@smartdcc/dccboxed-keystore"
SIGNING = "@smartdcc/duis-sign-wrap"
VERSIONS = {KEYSTORE: "0.4.2", SIGNING: "0.1.2"}
_SECONDS = 120


def package(name: str) -> Path:
    """The folder of a package; the test is skipped where it cannot be had."""
    found = _modules() / name
    if not (found / "package.json").is_file():
        pytest.skip(f"{found.parent} does not hold {name}")
    version = json.loads((found / "package.json").read_text("utf-8"))["version"]
    if version != VERSIONS[name]:
        pytest.skip(f"{found} is of version {version}, not {VERSIONS[name]}")
    return found


def _modules() -> Path:
    given = os.environ.get("SMKI_TESTCA_NPM")
    if given:
        folder = Path(given)
        return folder if folder.name == "node_modules" else folder / "node_modules"
    wanted = [f"{name}@{version}" for name, version in VERSIONS.items()]
    digest = hashlib.sha256(" ".join(wanted).encode()).hexdigest()[:16]
    kept = _cache() / f"npm-{digest}"
    if not kept.is_dir():
        _install(wanted, kept)
    return kept / "node_modules"


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    cache = Path(home) / "smki-testca-tests"
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError:
        cache = Path(tempfile.gettempdir()) / "smki-testca-tests"
        cache.mkdir(mode=0o700, exist_ok=True)
    return cache


def _install(wanted: list[str], kept: Path) -> None:
    npm = which("npm")
    if npm is None:
        pytest.skip("npm is not installed, and SMKI_TESTCA_NPM is not set")
    place = Path(tempfile.mkdtemp(dir=kept.parent))
    asked = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund"]
    hurry = ["--fetch-retries=0", "--fetch-timeout=20000", "--prefix", str(place)]
    try:
        done = subprocess.run(
            [*asked, *hurry, *wanted], capture_output=True, timeout=_SECONDS, check=False
        )
        if done.returncode != 0:
            pytest.skip("npm cannot fetch the packages: the registry is out of reach")
        try:
            place.rename(kept)
        except OSError:
            # Another worker was quicker.
            if not kept.is_dir():
                raise
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm did not end within {_SECONDS} s")
    finally:
        shutil.rmtree(place, ignore_errors=True)
