"""Drops what a CSR holds and its certificate does not take from it, as most CAs do.

The Portal refuses such a CSR (SEC App. M F). Programs that always add something of their own, such
as keytool, certtool and certreq, cannot make another one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from smki_testca.der.read import Node
from smki_testca.lint.csr import asks_for_ca, parts_text, surplus_parts
from smki_testca.x509 import names
from smki_testca.x509.view import FieldValue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.lint.csr import CertificationRequest
    from smki_testca.x509.view import View

_KEY_USAGE = "extensions.keyUsage"


@dataclass(frozen=True, slots=True)
class Dropped:
    """A part of a CSR that its certificate does not take from it.

    Attributes:
        path: of the part: ``attributes.NAME``, ``subject.NAME`` or ``extensions.NAME``.
        message: what it is, in words.
    """

    path: str
    message: str

    def as_json(self) -> dict[str, str]:
        """The part as a JSON object: path, message."""
        return {"path": self.path, "message": self.message}


def without_surplus(request: CertificationRequest) -> tuple[View, tuple[Dropped, ...]]:
    """The fields of a CSR without what its certificate does not take from it.

    What is missing, stated twice or wrong stays as it is, for the rules to find.

    Args:
        request: the CSR and its profile.

    Returns:
        The fields, and the parts that were dropped.
    """
    view = replace(request.view, fields=dict(request.view.fields))
    dropped = (
        *_attributes(view),
        *_subject(view, request),
        *_extensions(view, request),
        *_key_usage(view, request),
        *_names(view, request),
        *_criticality(view, request),
    )
    return view, dropped


def _attributes(view: View) -> Iterator[Dropped]:
    """Drop attributes other than the one that asks for extensions."""
    for oid in view.attribute_order:
        if oid != names.EXTENSION_REQUEST:
            name = names.described(oid)
            yield Dropped(f"attributes.{oid}", f"the attribute {name}")
    view.attribute_order = [oid for oid in view.attribute_order if oid == names.EXTENSION_REQUEST]


def _subject(view: View, request: CertificationRequest) -> Iterator[Dropped]:
    """Drop attributes of the subject that the profile does not take, and their order."""
    kept = []
    for name in view.subject_order:
        if name in request.attributes:
            kept.append(name)
            continue
        view.fields.pop(f"subject.{name}", None)
        yield Dropped(f"subject.{name}", f"the subject's {names.described(name)}")
    in_row_order = sorted(kept, key=list(request.attributes).index)
    if kept != in_row_order:
        yield Dropped("subject", f"the order of the subject's attributes: {', '.join(kept)}")
    view.subject_order = in_row_order


def _extensions(view: View, request: CertificationRequest) -> Iterator[Dropped]:
    """Drop extensions that the profile does not take from a CSR."""
    kept = []
    is_for_ca = {name: asks_for_ca(view, name) for name in view.extension_order}
    for name, node in zip(view.extension_order, view.extension_nodes, strict=True):
        if name in request.requested:
            kept.append((name, node))
            continue
        for path in [path for path in view.fields if f"{path}.".startswith(f"extensions.{name}.")]:
            del view.fields[path]
        purpose = ", which asked for the certificate of a CA" if is_for_ca[name] else ""
        yield Dropped(f"extensions.{name}", f"the extension {names.described(name)}{purpose}")
    view.extension_order = [name for name, _ in kept]
    view.extension_nodes = [node for _, node in kept]


def _key_usage(view: View, request: CertificationRequest) -> Iterator[Dropped]:
    """Drop key usages that the profile does not have, as long as one that it has is left."""
    field, allowed = view.fields.get(_KEY_USAGE), request.usages
    if field is None or allowed is None or not isinstance(field.value, tuple):
        return
    if request.has_fixed_usage:
        taken = allowed
    else:
        taken = tuple(usage for usage in field.value if usage in allowed)
    surplus = [usage for usage in field.value if usage not in taken]
    if not field.value or len(taken) == 0 or set(taken) == set(field.value):
        return
    view.fields[_KEY_USAGE] = FieldValue(taken, field.node)
    usages = ", ".join(surplus or field.value)
    yield Dropped(_KEY_USAGE, f"the key usages asked for: {usages}")


def _names(view: View, request: CertificationRequest) -> Iterator[Dropped]:
    """Drop names of a subjectAltName other than those that the profile takes."""
    for name in request.requested:
        path = f"extensions.{name}"
        surplus = surplus_parts(request, name)
        if surplus:
            field = view.fields[path]
            whole, dropped = field.node, set(map(id, surplus))
            node = Node(whole.data, whole.tag, whole.offset, whole.start)
            node.end, node.stop = whole.end, whole.stop
            node.children = [part for part in whole.children if id(part) not in dropped]
            view.fields[path] = FieldValue(field.value, node)
            are = "name" if len(surplus) == 1 else "names"
            dropped_names = parts_text(name, surplus)
            yield Dropped(
                path, f"{len(surplus)} further {are} in the extension {name}: {dropped_names}"
            )


def _criticality(view: View, request: CertificationRequest) -> Iterator[Dropped]:
    """Drop the criticality that a CSR asks for where the profile has another."""
    if not request.profile.csr_terms.needs_criticality:
        return
    view.criticality = dict(view.criticality)
    for name in view.extension_order:
        if request.profile.critical(name) and not view.criticality.get(name):
            view.criticality[name] = True
            yield Dropped(f"extensions.{name}", f"that the extension {name} is not critical")
