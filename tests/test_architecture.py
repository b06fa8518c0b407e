"""Holds the imports of the source to its architecture: downward, without circles, at the top.

A function imports for three reasons (see CONTRIBUTING.md). The sets below name each case that a
rule cannot tell; a test fails where something new departs, and where a listed one is mended.
"""

import ast
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import smki_testca
from source_trees import calls, nodes

SOURCE = Path(smki_testca.__file__).parent
NAME = "smki_testca"

ORDER = (
    "top-level modules",
    *("der", "x509", "pkcs12", "profiles", "traceability", "importers", "lint", "register"),
    *("authority", "estate", "issuance", "lifecycle", "exporters", "api", "custody", "device"),
    *("kits", "assurance", "corpus", "service", "client", "testing", "pytest_plugin", "cli"),
    "__main__",
)
"""Each imports only what stands before it."""

SLOW = (
    *("cryptography.x509", "distributed", "icalendar", "pyarrow", "pyasn1", "pyasn1_modules"),
    # They import cryptography.x509.
    "cryptography.hazmat.primitives.serialization.pkcs12",
    "cryptography.hazmat.primitives.serialization.pkcs7",
    "Cryptodome",
    "rich",
    # An extra, which only those with a device on a serial line install.
    "serial",
)
"""Third parties that take over 20 ms to import, or may be absent: a function may import them."""

OPTIONAL = (
    *("authority.signers.tokens", "client", "corpus", "issuance.batch", "issuance.batch.cluster"),
    *("kits", "service"),
)
"""Whole packages that many never use, and what needs an extra: a function outside may import them.
"""

LAZY = ("cli", "pytest_plugin")
"""Of these, every function may import: the command starts quickly, and so does any pytest run."""

STARTED_WITHOUT = {
    "api -> issuance.re_signing",
    "api -> lifecycle.importing",
    "authority.template -> authority.reference_encoder",
    "lifecycle.authorities -> lifecycle.taken_certificate",
    "estate.externals -> importers.sources",
    "estate.externals -> lint.linted",
    "estate.externals -> lint.whole_input",
}
"""Imports in functions of our own modules: the linter, the builder on pyasn1, re-signing, import.

Whoever opens an estate to issue starts without them. No other function imports for this reason."""

RELATIVE = "a relative import"
"""Stands for the target of one. There are none, so that every import names its module in full."""

ELSEWHERE = {"issuance.batch.cluster -> logging"}
"""Imports of a function that travels to another machine, alone."""


OPENING = {
    "authority.signers.software.encrypted",
    "authority.signers.software.for_workers",
    "authority.signers.software.open",
    # The secret of the process that has a token, which is no private key.
    "authority.signers.tokens.reference.for_workers",
    "authority.signers.tokens.reference.open",
    "estate.estate_key_store.unseal",
    # Never a CA's key: imported keys, participants' keys, a run's secrets, keys of servers.
    "estate.externals.private_key",
    "estate.externals.verify_keys",
    "estate.key_store.get",
    "estate.runs.secrets",
    "estate.service_certificates.get",
}
"""Functions that open what is sealed in an estate. A CA's key is opened by its signer alone."""

OF_OUR_OWN = {
    "exporters.credential -> load_der_x509_certificate",
    "exporters.java -> load_der_x509_certificate",
    "exporters.pkcs12 -> load_der_x509_certificate",
    "exporters.pkcs7 -> load_der_x509_certificate",
    "service.server_certificate -> load_der_x509_certificate",
    "x509.private_keys -> load_der_private_key",
}
"""Calls of ``cryptography`` with octets that this package signed or sealed. Those from outside go
through ``x509.untrusted``."""


class Import(NamedTuple):
    """One import: by whom, of what, and where."""

    module: str
    target: str
    line: str
    in_function: bool
    for_types: bool

    def __str__(self):
        return f"{self.module} -> {_own(self.target) or self.target}"


def _name(path):
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def _modules():
    """Every module below the package by its name in it, with its path."""
    return {_name(path): path for path in SOURCE.rglob("*.py") if _name(path)}


def _targets(node):
    """The modules that a statement imports; a name of a package may be a module of it."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if node.level:
        return [RELATIVE]
    inside = [f"{node.module}.{alias.name}" for alias in node.names]
    if _own(f"{node.module}.") is None:
        return [one for one in inside if _below(one, SLOW)][:1] or [node.module]
    return [one if _own(one) in _modules() else node.module for one in inside]


def _own(target):
    """The name of a module in our package; None for another party's."""
    return target.removeprefix(f"{NAME}.") if target.startswith(f"{NAME}.") else None


def _imports_below(node, module, lines, *, in_function=False, for_types=False):
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            for target in dict.fromkeys(_targets(child)):
                yield Import(module, target, lines[child.lineno - 1], in_function, for_types)
        elif isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            yield from _imports_below(child, module, lines, for_types=True)
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports_below(
                child, module, lines, in_function=in_function or inside, for_types=for_types
            )


@cache
def _imports():
    found = []
    for module, path in _modules().items():
        text = path.read_text("utf-8")
        found += _imports_below(nodes(path)[0], module, text.splitlines())
    return found


def _rank(module):
    first = module.split(".")[0]
    return ORDER.index(first) if first in ORDER else 0


def _below(module, packages):
    return any(module == one or module.startswith(f"{one}.") for one in packages)


def _graph():
    """The modules that each module imports: when it runs, sooner or later, and for its types."""
    graph = {module: set() for module in _modules()}
    for one in _imports():
        target = _own(one.target)
        if target in graph and target != one.module:
            graph[one.module].add(target)
    return graph


def _circles(graph):
    """The strongly connected modules of more than one, by Tarjan's algorithm."""
    numbers, lowest, stack, found = {}, {}, [], set()

    def visit(module):
        numbers[module] = lowest[module] = len(numbers)
        stack.append(module)
        for target in sorted(graph[module]):
            if target not in numbers:
                visit(target)
            if target in stack:
                lowest[module] = min(lowest[module], lowest[target])
        if lowest[module] == numbers[module]:
            place = stack.index(module)
            members = stack[place:]
            del stack[place:]
            if len(members) > 1:
                found.add(" <-> ".join(sorted(members)))

    for module in sorted(graph):
        if module not in numbers:
            visit(module)
    return found


def _is_allowed_in_a_function(one):
    own = _own(one.target)
    if own is None:
        return _below(one.target, SLOW)
    return _below(own, [each for each in OPTIONAL if not _below(one.module, [each])])


def test_circles_are_found_at_any_distance():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": {"e"}, "e": set(), "f": {"d", "a"}}
    assert _circles(graph) == {"a <-> b <-> c"}


def test_imports_are_found_wherever_they_stand():
    text = """
import json
from smki_testca import errors
if TYPE_CHECKING:
    from smki_testca.api import Estate
def work():
    if True:
        from smki_testca.errors import InputError, UsageError
    import rich.table  # noqa: PLC0415 - slow
from . import roles
from .cli import names
"""
    found = list(_imports_below(ast.parse(text), "text", text.splitlines()))
    assert [(str(one), one.in_function, one.for_types) for one in found] == [
        ("text -> json", False, False),
        ("text -> errors", False, False),
        ("text -> api", False, True),
        ("text -> errors", True, False),
        ("text -> rich.table", True, False),
        ("text -> a relative import", False, False),
        ("text -> a relative import", False, False),
    ]


def test_no_two_files_of_tests_have_one_name():
    # Their folders are no packages: Python could not tell them apart.
    names = sorted(path.name for path in Path(__file__).parent.rglob("*.py"))
    assert len(names) > 50
    assert {name for name in names if names.count(name) > 1} == {"conftest.py"}


def test_every_package_has_its_place_in_the_order():
    packages = {path.name for path in SOURCE.iterdir() if (path / "__init__.py").exists()}
    assert packages - {"shipped"} <= set(ORDER)


def test_nothing_imports_what_stands_later_in_the_order():
    upward = {
        str(one)
        for one in _imports()
        if _own(one.target) is not None and _rank(_own(one.target)) > _rank(one.module)
    }
    assert upward == set()


def test_every_import_names_its_module_in_full():
    assert {one.module for one in _imports() if one.target == RELATIVE} == set()


def test_no_modules_import_each_other_in_a_circle():
    assert _circles(_graph()) == set()


def test_functions_import_only_for_the_reasons_given():
    others = {
        str(one)
        for one in _imports()
        if one.in_function and not _below(one.module, LAZY) and not _is_allowed_in_a_function(one)
    }
    assert others == STARTED_WITHOUT | ELSEWHERE


def test_every_import_in_a_function_gives_its_reason():
    silent = {
        str(one)
        for one in _imports()
        if one.in_function
        and not _below(one.module, LAZY)
        and not re.search(r"# noqa: [A-Z0-9, ]*PLC0415 - \w", one.line)
    }
    assert silent == set()


def _readers_called(every_node):
    """The functions of cryptography that read octets and are called directly, in a module."""
    handed_on = {
        id(inner)
        for call in every_node
        if isinstance(call, ast.FunctionDef) and call.name in _HANDED_ON
        for inner in ast.walk(call)
    }
    for call in every_node:
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute | ast.Name):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id
            reads = re.match("load_(der|pem|ssh|pkcs12|key_and)|from_encoded_point$", name)
            if reads and id(call) not in handed_on:
                yield name


_HANDED_ON = {"_read_with_extensions", "_verify"}
"""Functions that only ``x509.untrusted`` calls."""


def test_readers_that_are_called_directly_are_found():
    text = """
serialization.load_der_public_key(x)
load_pem_x509_crl(x)
untrusted.call(x509.load_der_x509_csr, x)
"""
    found = set(_readers_called(list(ast.walk(ast.parse(text)))))
    assert found == {"load_der_public_key", "load_pem_x509_crl"}


def test_octets_from_outside_reach_cryptography_in_one_way():
    called = {
        f"{module} -> {name}"
        for module, path in _modules().items()
        if not _below(module, ["shipped"])  # examples, which an installed package holds
        for name in _readers_called(nodes(path))
    }
    assert called == OF_OUR_OWN


def test_functions_for_that_way_are_called_in_no_other():
    direct = {
        f"{module} -> {call.func.id}"
        for module, path in _modules().items()
        if not _below(module, ["shipped"])
        for call in calls(path)
        if isinstance(call.func, ast.Name) and call.func.id in _HANDED_ON
    }
    assert direct == set()


def test_toml_is_parsed_in_one_module():
    parsing = {one.module for one in _imports() if one.target == "tomllib"}
    assert parsing == {"toml"}


def test_the_seal_of_a_cas_key_is_opened_by_its_signer_only():
    opening = {
        f"{module}.{function.name}"
        for module, path in _modules().items()
        if not _below(module, ["shipped"])
        for function in nodes(path)
        if isinstance(function, ast.FunctionDef)
        for opener in ast.walk(function)
        if isinstance(opener, ast.Attribute)
        and opener.attr in {"open", "unseal"}
        and re.search(r"sealer|estate_key|transport|\.key\(\)", ast.unparse(opener.value))
    }
    assert opening == OPENING
