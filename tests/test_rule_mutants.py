"""Holds the changes of ``benchmarks/rule_mutants.toml`` to the source that they change."""

import tomllib
from pathlib import Path

import smki_testca

SOURCE = Path(smki_testca.__file__).parent
CHANGES = Path(__file__).parent.parent / "benchmarks" / "rule_mutants.toml"


def test_each_change_is_of_a_text_that_its_module_has():
    gone = [
        (module, text)
        for module, table in tomllib.loads(CHANGES.read_text("utf-8")).items()
        for _, text, _ in table["changes"]
        if text not in SOURCE.joinpath(*module.split(".")).with_suffix(".py").read_text("utf-8")
    ]
    assert gone == []
