"""Changes one line that enforces a rule of the regime, and runs the tests listed under the rule.

    python benchmarks/rule_mutants.py [R12 …]

One of the tests must fail for each change. A change that they all let through, or that can no
longer be made, is printed, and the exit code is 1 if there is one. The changes are in
``rule_mutants.toml``, the tests in ``src/smki_testca/traceability/requirements.toml``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import TYPE_CHECKING

from smki_testca.traceability.requirement import find

if TYPE_CHECKING:
    from types import CodeType

ROOT = Path(__file__).parent.parent
VARIABLE = "RULE_MUTANT"
"""In the process of the tests, the number of the change to make."""


@dataclass(frozen=True)
class Mutant:
    """A change of the program.

    Attributes:
        rules: that it breaks, with spaces between.
        old: the text that is replaced where it first occurs.
        new: what replaces it.
        module: in which the change is.
    """

    rules: str
    old: str
    new: str
    module: str

    @property
    def is_possible(self) -> bool:
        """Whether the module still has the text that is replaced."""
        path = (ROOT / "src" / "smki_testca").joinpath(*self.module.split("."))
        return self.old in path.with_suffix(".py").read_text("utf-8")

    def changed(self, text: str) -> str:
        """The text of the module, changed."""
        return text.replace(self.old, self.new, 1)

    def is_noticed(self, rule: str) -> bool:
        """Whether a test that is listed under a rule fails: the quick ones are asked first."""
        if not self.is_possible:
            return False
        (requirement,) = find([rule])
        environment = {
            **os.environ,
            VARIABLE: str(MUTANTS.index(self)),
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "src", ROOT / "benchmarks"))),
        }
        call = (
            *(sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "--no-cov"),
            *("-p", "no:cacheprovider", "-p", "rule_mutants"),
        )
        for which in ("not slow", "slow"):
            outcome = subprocess.run(
                (*call, "-m", which, *requirement.tests),
                cwd=ROOT,
                env=environment,
                capture_output=True,
                check=False,
            )
            if outcome.returncode == 1:
                return True
        return False


def _mutants() -> tuple[Mutant, ...]:
    table = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
    return tuple(
        Mutant(rules, old, new, module)
        for module in table
        for rules, old, new in table[module]["changes"]
    )


MUTANTS = _mutants()


def _make(mutant: Mutant) -> None:
    """Change a module when it is imported."""
    get_code = SourceFileLoader.get_code

    def changed(self: SourceFileLoader, name: str) -> CodeType | None:
        if name != f"smki_testca.{mutant.module}":
            return get_code(self, name)
        source = self.get_data(self.path).decode("utf-8")
        return compile(mutant.changed(source), self.path, "exec", dont_inherit=True)

    setattr(SourceFileLoader, "get_code", changed)  # noqa: B010 - mypy takes no other


def main() -> None:
    """Try the mutants of some rules, or of all, and print which nothing noticed."""
    wanted = set(sys.argv[1:])
    tried = [
        (rule, mutant)
        for mutant in MUTANTS
        for rule in mutant.rules.split()
        if not wanted or rule in wanted
    ]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        noticed = list(pool.map(lambda pair: pair[1].is_noticed(pair[0]), tried))
    missed = [pair for pair, is_noticed in zip(tried, noticed, strict=True) if not is_noticed]
    for rule, mutant in missed:
        is_there = "" if mutant.is_possible else " (cannot be made any more: write it anew)"
        print(
            f"{rule}: {mutant.module}: {mutant.old.strip()!r} to {mutant.new.strip()!r}{is_there}"
        )
    print(f"{len(tried)} changes, {len(missed)} unnoticed")
    sys.exit(1 if missed else 0)


if number := os.environ.get(VARIABLE):
    _make(MUTANTS[int(number)])
elif __name__ == "__main__":
    main()
