"""One class name means one thing, one module name one noun, and a value is named after what it is.

CONTRIBUTING.md says how names are chosen. The sets below list what a rule cannot tell: a test fails
where a new name meets another, and where a listed one is gone.
"""

import ast
from collections import defaultdict
from pathlib import Path

import smki_testca
from source_trees import nodes

SOURCE = Path(smki_testca.__file__).parent

SHARED_CLASSES = {"Device"}
"""A Device of the tests' fixture, and the model of one; both are in the documents."""

MIRRORS = (
    "cli/",
    "service/portal/pages/",
    "corpus/defects/",
    "corpus/oddities/",
    "importers/",
    "exporters/",
)
"""Their modules are named after the nouns of other packages: a command, a page, what a defect
breaks, a format that is read or written."""

ONE_NOUN_AT_TWO_LEVELS = {
    "app": "the application of a listener",
    "authorities": "CAs: stored, made and rolled over, filled from a kit",
    "certificates": "of the CA; stored",
    "crl": "made; checked",
    "csr": "made and taken; checked",
    "device_answers": "a rule of the profiles, and a defect's answer by it",
    "documents": "the shape of a package's own files, as msgspec classes",
    "register": "its state; stored",
    "revocation": "of one certificate: its terms; the operation",
    "whois": "of an ID in the register; in the estate",
}
"""The module names that two packages share besides, with the noun."""

EMPTY = {
    *("asked", "found", "made", "one", "said", "standing", "stored", "told", "wanted", "what"),
    *("door", "house", "room"),
}
"""They tell a newcomer nothing about a value, or are a metaphor."""

EMPTY_BUT_FIXED = {
    "cli/quickstart.py found",  # a key of its options
    "corpus/case.py wanted",
    "corpus/delivery/documents.py wanted",
    "corpus/run/documents.py wanted",  # a key of a case's JSON
    "corpus/run/reports/matrix.py asked",
    "kits/plan.py asked",  # a key of a plan's JSON
}


def _place(path):
    return path.relative_to(SOURCE).as_posix()


def _modules():
    return [path for path in SOURCE.rglob("*.py") if "shipped" not in path.parts]


def test_a_public_class_name_means_one_thing():
    places = defaultdict(set)
    for path in _modules():
        for node in ast.iter_child_nodes(nodes(path)[0]):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].add(_place(path))
    assert len(places) > 500
    assert {name for name, files in places.items() if len(files) > 1} == SHARED_CLASSES


def test_two_modules_of_one_name_hold_one_noun():
    places = defaultdict(set)
    for path in _modules():
        if path.name != "__init__.py" and not _place(path).startswith(MIRRORS):
            places[path.stem].add(_place(path))
    shared = {name for name, files in places.items() if len(files) > 1}
    assert shared == set(ONE_NOUN_AT_TWO_LEVELS)


def _bound(node):
    """The name that a node binds, as a variable, a parameter or a function; None for none."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return node.id
    if isinstance(node, ast.arg):
        return node.arg
    return node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else None


def test_a_value_is_named_after_what_it_is():
    empty = {
        f"{_place(path)} {_bound(node)}"
        for path in _modules()
        for node in nodes(path)
        if _bound(node) in EMPTY
    }
    assert empty == EMPTY_BUT_FIXED
