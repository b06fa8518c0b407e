"""The compilers of C and C++ that are installed, each as strict as it can be."""

import subprocess
from shutil import which

import pytest

_STRICT = ("-Wall", "-Wextra", "-Werror", "-pedantic")
_COMMANDS = {
    "gcc-c99": ("gcc", "-std=c99"),
    "gcc-c17": ("gcc", "-std=c17"),
    "g++": ("g++", "-x", "c++", "-std=c++11"),
    "clang-c99": ("clang", "-std=c99"),
    "clang++": ("clang++", "-x", "c++", "-std=c++17"),
}

COMPILERS = [
    pytest.param(
        command,
        id=name,
        marks=[
            pytest.mark.interop,
            pytest.mark.skipif(which(command[0]) is None, reason=f"{command[0]} is not installed"),
        ],
    )
    for name, command in _COMMANDS.items()
]
"""For parametrized tests, which are skipped where a compiler is absent."""


def compiled(command, sources, program, *more):
    """Compile units into a program; no compiler has anything to say of them."""
    done = subprocess.run(
        [*command, *_STRICT, "-o", program, *sources, *more],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return program
