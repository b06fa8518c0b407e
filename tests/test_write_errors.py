"""Writes that fail, and kills at writes: estates stay whole, and outputs are whole or absent.

A short version of benchmarks/write_errors.py: some calls of each command, drawn.
"""

import random
import shutil
import sys

import pytest

import scripts
from typed import install

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the library is preloaded as on Linux"),
    pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler (cc)"),
]


write_errors = scripts.load("write_errors")


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    # Each case starts several commands: in these, an estate's passphrase is cheap to stretch.
    write_errors.COMMAND = [str(install(tmp_path_factory.mktemp("bin")))]
    return write_errors.Scene.prepared(tmp_path_factory.mktemp("scene"))


# Each command once: with a write that fails, or a kill, by turns.
@pytest.mark.parametrize(
    ("writing", "fails"),
    [
        pytest.param(writing, place % 2 == 0, id=f"{name}-{'killed' if place % 2 else 'fails'}")
        for place, (name, writing) in enumerate(write_errors.WRITINGS.items())
    ],
)
def test_a_write_that_fails_or_is_the_last_leaves_everything_whole(scene, writing, fails):
    drawn = random.Random(f"{writing.name} {fails}")
    kind = write_errors.KINDS[drawn.choice(["eio", "enospc"]) if fails else "kill"]
    at = drawn.randint(1, scene.calls(writing))
    _, wrong = scene.fail(writing, at, kind)
    assert wrong == []
