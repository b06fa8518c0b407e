"""The commands of the documents can be typed as they stand, in their order."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tokens import MODULE, softhsm  # noqa: F401 - a fixture
from typed import Block, blocks, install, is_typed, type_commands

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed"),
]

GUIDES = (
    "testing-participant.md",
    "test-team.md",
    "device-manufacturer.md",
    "factory.md",
    "profile-maintainer.md",
)
OTHERS = (
    "adhoc-service.md",
    "assurance.md",
    "audit.md",
    "backup.md",
    "batched-service.md",
    "batches.md",
    "client.md",
    "corpus-fuzz.md",
    "corpus-run.md",
    "corpus.md",
    "csrs.md",
    "device.md",
    "doctor.md",
    "external.md",
    "factory-formats.md",
    "firmware.md",
    "formats.md",
    "kits.md",
    "manifests.md",
    "portal.md",
    "repository.md",
    "selecting.md",
    "shared-cas.md",
)


@pytest.mark.interop
@pytest.mark.usefixtures("softhsm")
def test_the_commands_about_tokens_work_in_an_empty_folder(tmp_path):
    if Path("/usr/lib/softhsm/libsofthsm2.so") != MODULE:
        pytest.skip("SoftHSM2 is not where the page says that Debian has it")
    _type("tokens.md", tmp_path)


@pytest.mark.parametrize("name", [*GUIDES, *OTHERS])
def test_the_commands_of_a_page_work_in_an_empty_folder(name, tmp_path):
    _type(name, tmp_path)


def _type(name, tmp_path):
    """Type the commands of a page."""
    work = tmp_path / "work"
    work.mkdir()
    install(tmp_path / "bin")
    path = f"{tmp_path / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    text = (DOCS / name).read_text("utf-8")
    assert any(is_typed(block) for block in blocks(text))
    type_commands(text, work, environment={"PATH": path})


def _tracked():
    """The files that Git tracks; none where there is no Git, or it tracks something else."""
    if shutil.which("git") is None:
        return []
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    names = listed.stdout.split("\0")
    return [name for name in names if (ROOT / name).is_file()] if "README.md" in names else []


def _cloned(folder):
    """Copy what a clone holds: what Git tracks; without Git, all that is no by-product."""
    for name in _tracked():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    if not folder.exists():
        by_products = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "dist", "build")
        shutil.copytree(ROOT, folder, ignore=by_products)


def _is_the_suite(block: Block) -> bool:
    """A test suite that runs itself would not end."""
    return "pytest" in block.content


def test_the_readme_works_in_a_fresh_clone(tmp_path):
    asked = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--no-deps", "-d", tmp_path, "hatchling>=1.27"],
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode != 0:
        pytest.skip(f"PyPI is out of reach: {asked.stderr.strip().splitlines()[-1]}")
    clone = tmp_path / "smki-testca"
    _cloned(clone)
    text = (clone / "README.md").read_text("utf-8")
    typed = [block for block in blocks(text) if is_typed(block)]
    assert sum(_is_the_suite(block) for block in typed) == 1
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    type_commands(
        text,
        clone,
        environment={"PATH": path, "PYTHONPATH": ""},
        typed=lambda block: is_typed(block) and not _is_the_suite(block),
    )
