"""Holds the list of requirements to the source, the documents and the tests, both ways."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import smki_testca
from smki_testca.assurance.record_rules import rules as assurance_rules
from smki_testca.errors import InputError
from smki_testca.lint.catalogue import rules
from smki_testca.profiles import Library
from smki_testca.traceability.requirement import find, requirements
from source_trees import nodes
from traceability_reference import manual

ROOT = Path(__file__).parents[2]
SOURCE = Path(smki_testca.__file__).parent
REQUIREMENTS = requirements()
ENFORCED = [one for one in REQUIREMENTS if one.is_enforced]
RULES = [f"R{number}" for number in range(1, 25)]
PARAGRAPHS = [f"¶{number}" for number in range(25, 43)]
STATEMENTS = {
    *(f"3-issue-{number}" for number in range(1, 5)),
    *("Q29", "3-conclusion-1", "3-conclusion-2", "H14.11", "T6.4-1", "T6.4-2", "T6.4-3"),
    *(f"4-issue-{number}" for number in range(1, 9)),
    *("Q31", "Q32", "4-conclusion", "B1", "B2"),
    *("5-issue-1", "5-issue-2", "Q6", "5-conclusion", "Appendix C"),
}
"""What the chapters say outside their numbered paragraphs, down to the tables of changes."""


def each(requirements):
    return pytest.mark.parametrize("requirement", requirements, ids=lambda one: one.id)


def test_every_rule_paragraph_and_statement_is_listed_once():
    listed = [one.id for one in REQUIREMENTS]
    assert len(listed) == len(set(listed))
    assert [name for name in listed if re.fullmatch(r"R\d+", name)] == RULES
    assert [name for name in listed if name.startswith("¶")] == PARAGRAPHS
    assert set(listed) - {*RULES, *PARAGRAPHS} == STATEMENTS


def test_what_is_enforced_says_where_and_is_shown_and_what_is_not_says_why():
    for one in REQUIREMENTS:
        if one.is_enforced:
            assert one.enforced_in, one.id
            assert one.tests, one.id
            assert one.rules or one.id in RULES, one.id
        else:
            assert (*one.enforced_in, *one.tests, *one.codes, *one.warnings) == (), one.id
            assert one.nothing_to_enforce.endswith("."), one.id
        assert one.summary.rstrip(")").endswith("."), one.id
        assert set(one.rules) <= set(RULES), one.id
        for listed in (one.rules, one.enforced_in, one.tests, one.codes, one.warnings):
            assert len(listed) == len(set(listed)), one.id


@each(ENFORCED)
def test_what_enforces_a_requirement_is_there_and_names_it(requirement):
    names = [requirement.id, *requirement.rules]
    words = [rf"\b{name}\b" for name in names] + [rf'"{re.escape(c)}"' for c in requirement.codes]
    for place in requirement.enforced_in:
        if place.startswith("profiles/"):
            assert (ROOT / place).exists()
            continue
        path = SOURCE.parent.joinpath(*place.split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        assert re.search("|".join(words), path.read_text("utf-8")), (requirement.id, place)


# Tests


@cache
def tree(file):
    return ast.parse((ROOT / file).read_text("utf-8"))


def marks(function):
    """The ids that a test is marked with."""
    return [
        ast.literal_eval(argument)
        for decorator in function.decorator_list
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.shows"
        for argument in decorator.args
    ]


def functions(file):
    """The tests and other functions at the top of a file, by their names."""
    return {
        node.name: node
        for node in tree(file).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


@cache
def marked():
    """The ids that each test of the repository is marked with, by its node id."""
    found = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        if path != Path(__file__) and "pytest.mark.shows" in path.read_text("utf-8"):
            file = path.relative_to(ROOT).as_posix()
            for name, function in functions(file).items():
                if ids := marks(function):
                    found[f"{file}::{name}"] = ids
    return found


@pytest.mark.slow
def test_a_test_is_listed_under_exactly_the_ids_that_it_is_marked_with():
    listed = {}
    for one in REQUIREMENTS:
        for test in one.tests:
            listed.setdefault(test, []).append(one.id)
    assert {test: sorted(ids) for test, ids in listed.items()} == {
        test: sorted(ids) for test, ids in marked().items()
    }


def texts(node):
    """Every text in a piece of code, and every name that it uses."""
    found, names = [], set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            found.append(inner.value)
        elif isinstance(inner, ast.Name):
            names.add(inner.id)
    return found, names


@cache
def said_by(test):
    """Every text in a test, and in what it uses of its own file."""
    file, name = test.split("::")
    defined = dict(functions(file))
    for node in tree(file).body:
        for target in getattr(node, "targets", [getattr(node, "target", None)]):
            if isinstance(target, ast.Name):
                defined[target.id] = node
    said, seen, waiting = [], set(), [name]
    while waiting:
        current = waiting.pop()
        if current in defined and current not in seen:
            seen.add(current)
            found, names = texts(defined[current])
            said += found
            waiting += names
    return said


def test_what_a_test_says_is_found_in_what_it_uses_too():
    assert "id.not_allocated" in said_by(
        "tests/register/test_gate.py::test_each_refusal_names_its_code_rule_reason_and_remedy"
    )
    assert "id.not_allocated" not in said_by(
        "tests/register/test_gate.py::test_an_agreement_may_be_for_one_day"
    )


@pytest.mark.slow
@each(ENFORCED)
def test_a_test_of_a_requirement_says_each_code_of_it(requirement):
    said = [text.split() for test in requirement.tests for text in said_by(test)]
    assert [code for code in requirement.codes if not any(code in one for one in said)] == []


# Codes


def documented(document):
    text = (ROOT / "docs" / document).read_text("utf-8")
    return set(re.findall(r"(?m)^\| `([a-z0-9_.]+)` \|", text))


def test_every_code_is_of_a_refusal_an_error_or_a_finding():
    known = documented("refusals.md") | documented("errors.md")
    known |= {rule.code for rule in (*rules(Library()), *assurance_rules())}
    for one in REQUIREMENTS:
        assert set(one.codes) <= known, one.id


def by_rule(pairs):
    """Codes by the rule that each is said to enforce."""
    found = {}
    for code, rule in pairs:
        found.setdefault(rule, set()).add(code)
    return found


def errors_that_cite_a_rule():
    """The code and the rule of each error in the source whose message ends with ``(R12)``."""
    for path in SOURCE.rglob("*.py"):
        for node in nodes(path):
            if isinstance(node, ast.Call) and len(node.args) > 1:
                code, message = node.args[0], ast.unparse(node.args[1])
                is_error = getattr(node.func, "id", "").endswith("Error")
                if is_error and isinstance(code, ast.Constant):
                    for rule in re.findall(r"\((R\d+)\)", message):
                        yield code.value, rule


@pytest.mark.slow
def test_every_code_that_cites_a_rule_is_listed_under_it():
    refusals = re.findall(
        r"(?m)^\| `([a-z0-9_.]+)` \| (R\d+) \|",
        (ROOT / "docs" / "refusals.md").read_text("utf-8"),
    )
    cited = [*refusals, *errors_that_cite_a_rule()]
    cited += [
        (rule.code, cited_rule)
        for rule in rules(Library())
        if not rule.profiles
        for cited_rule in re.findall(r"\((R\d+)\)", rule.source)
    ]
    cited += [
        (rule.code, cited_rule)
        for rule in assurance_rules()
        for cited_rule in re.findall(r"\((R\d+)\)", rule.source)
    ]
    assert len(cited) > 50
    listed = {one.id: set(one.codes) for one in REQUIREMENTS}
    for rule, codes in by_rule(cited).items():
        assert codes <= listed[rule], rule


@each([one for one in ENFORCED if one.rules])
def test_a_paragraph_has_only_codes_of_its_rules(requirement):
    of_rules = {code for rule in find(requirement.rules) for code in rule.codes}
    assert set(requirement.codes) <= of_rules


@each([one for one in ENFORCED if one.warnings])
def test_a_warning_is_one_of_the_gates(requirement):
    # Written out again, so that a text is on one line.
    gate = ast.unparse(tree("src/smki_testca/register/gate.py"))
    assert all(warning in gate for warning in requirement.warnings)


# What is told of it


def test_the_document_is_what_the_list_says():
    assert (ROOT / "docs" / "traceability.md").read_text("utf-8") == manual()


@pytest.mark.parametrize(
    ("term", "ids"),
    [
        ("R12", ["R12"]),
        ("r12", ["R12"]),
        ("¶33", ["¶33"]),
        ("33", ["¶33"]),
        ("appendix c", ["Appendix C"]),
        ("id.not_allocated", ["R12"]),
        ("device_id.central", ["¶33", "R11"]),
    ],
)
def test_a_requirement_is_found_by_its_id_its_number_or_a_code(term, ids):
    assert [one.id for one in find([term])] == ids


def test_several_terms_are_answered_once_each_in_the_order_of_the_list():
    assert [one.id for one in find(["R12", "33", "R12"])] == ["¶33", "R12"]


@pytest.mark.parametrize("term", ["R25", "24", "43", "", "¶", "R", "no.such_code"])
def test_a_term_that_is_none_is_an_error_that_says_what_to_name(term):
    with pytest.raises(InputError) as caught:
        find(["R1", term])
    assert caught.value.code == "trace.unknown"
    assert repr(term) in caught.value.message
