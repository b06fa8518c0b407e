"""The rules for structures: each element of a document in its place, none missing, none besides."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING

from smki_testca.der import encode
from smki_testca.lint.findings import Breach
from smki_testca.lint.rule import rule
from smki_testca.profiles.model import Severity
from smki_testca.roles import Basis
from smki_testca.x509 import structures

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from smki_testca.lint.rule import Declaring
    from smki_testca.x509.entries import CrlEntry
    from smki_testca.x509.structures import StructureFault
    from smki_testca.x509.view import View

_MOST = 100
"""The most faults of one document, or of one entry of a CRL, that are reported."""


def breaches(view: View) -> Iterator[Breach]:
    """Compare a document with the structures of its kind; the entries of a CRL are left out."""
    faults = chain(
        structures.faults(
            (view.signed, structures.DOCUMENTS[view.kind], ""),
            (view.signature_algorithm, structures.ALGORITHM_IDENTIFIER, "signatureAlgorithm"),
        ),
        structures.extension_faults(view.wrapped, "extensions"),
    )
    yield from _breaches(islice(faults, _MOST))


def entry_breaches(entry: CrlEntry) -> Iterator[Breach]:
    """Compare the extensions of a CRL's entry with their structures."""
    if entry.node is None or entry.problem is not None:
        return
    whole = structures.ENTRY_EXTENSIONS
    faults = chain(
        structures.faults(*((node, whole, whole.path) for node in entry.node.children[2:])),
        structures.extension_faults(entry.wrapped, whole.path),
    )
    yield from _breaches(islice(faults, _MOST))


def _rule_for_each_structure(function: Declaring) -> Declaring:
    for structure in structures.STRUCTURES.values():
        name, content = structure.name, structure.content
        rule(
            structure.code, Severity.ERROR, Basis.SPECIFIED, structure.clause,
            meaning=f"{name} lacks an element, or has one too many, in the wrong place or of"
            " another type.",
            remedy="Write exactly the elements that it has, in their order, and sign again.",
            good=f"{name}: {content or f'an element that begins with {structure.tag:02x}'}",
            bad=f"{name}: {f'{content}, NULL' if content else 'an element of another type'}",
        )  # fmt: skip
    return function


@_rule_for_each_structure
@rule(
    "der.empty_sequence", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 4.1.2.4, 4.1.2.9, 4.2.1",
    meaning="A SEQUENCE that must hold something is empty.", remedy="Fill it or leave it out.",
    good="certificatePolicies with one policy", bad="certificatePolicies 30 00",
)  # fmt: skip
def _breaches(faults: Iterable[StructureFault]) -> Iterator[Breach]:
    for fault in faults:
        if fault.is_empty and fault.structure.tag == encode.SEQUENCE:
            yield Breach("der.empty_sequence", fault.offset, fault.message, fault.path)
        else:
            yield Breach(fault.structure.code, fault.offset, fault.message, fault.path)
