"""The rules for the attributes of a subject, whatever the profile."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from smki_testca.lint.findings import Breach
from smki_testca.lint.rule import PUBLISHED, rule
from smki_testca.profiles.model import Severity
from smki_testca.roles import Basis
from smki_testca.text import is_only_spaces, plain
from smki_testca.x509.view import labelled_attributes, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from smki_testca.lint.certificate import CheckedCertificate
    from smki_testca.x509.view import View

_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Zl", "Zp"})
"""The categories of characters that are not shown: controls, formats such as directions, breaks,
and those without a meaning: noncharacters, unassigned ones and those for private use."""


@rule(
    "subject.empty_attribute", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 A.1: SIZE (1..MAX)",
    meaning="An attribute of the subject is an empty text, or only spaces.",
    remedy="Leave it out.",
    good="no CN", bad="a CN of no characters, or of three spaces",
)  # fmt: skip
def empty_attributes(certificate: CheckedCertificate) -> Iterator[Breach]:
    """Find each attribute of the subject that is an empty text, or only spaces."""
    for label, offset, fault in empty(certificate.view):
        message = f"the subject's {label} is {fault}"
        yield Breach("subject.empty_attribute", offset, message, f"subject.{label}")


@rule(
    "subject.characters", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 7.1; RFC 4518 2.2, 2.4",
    meaning="An attribute of the subject holds invisible characters, which a comparison of names"
    " ignores or must reject: NUL, other controls, marks of direction,"
    " noncharacters such as U+FFFF, unassigned characters or those for private use.",
    remedy="Leave them out.",
    good="CN=Supplier One", bad="CN=Supplier One, with U+202E in it",
)  # fmt: skip
def characters(certificate: CheckedCertificate) -> Iterator[Breach]:
    """Find each attribute of the subject that holds characters that are not shown."""
    for label, offset, character in unseen(certificate.view):
        message = f"the subject's {label} holds the character {character}, which is not shown"
        yield Breach("subject.characters", offset, message, f"subject.{label}")


@rule(
    "subject.multi_valued", Severity.WARNING, Basis.OBSERVED, PUBLISHED,
    meaning="Two attributes of the subject are in one RDN, which makes it another name.",
    remedy="Write each attribute as an RDN of its own.",
    good="OU=02, ID=90-B3-D5-1F-30-01-00-00", bad="OU=02 + ID=90-B3-D5-1F-30-01-00-00",
)  # fmt: skip
def multi_valued(certificate: CheckedCertificate) -> Iterator[Breach]:
    """Find an RDN of several attributes in a subject that holds a User, RDP or DCC ID."""
    # Only these were seen. What other subjects look like is assumed.
    identifier = certificate.profile.field_of("eui64")
    if identifier is None or identifier.attribute is None:
        return
    for labels, offset in shared_rdns(certificate.view):
        message = f"the subject holds {' and '.join(labels)} in one RDN"
        yield Breach("subject.multi_valued", offset, message, "subject")


def empty(view: View) -> Iterator[tuple[str, int, str]]:
    """Each attribute of a subject without a text to read: name, offset, and what it is instead."""
    for label, text, offset in _attributes(view):
        if text is not None and is_only_spaces(text):
            yield label, offset, "only spaces" if text else "empty"


def unseen(view: View) -> Iterator[tuple[str, int, str]]:
    """Each attribute of a subject with a character that is not shown: name, offset, character."""
    for label, text, offset in _attributes(view):
        for character in text or "":
            if unicodedata.category(character) in _UNSEEN:
                yield label, offset, plain(character)
                break


def shared_rdns(view: View) -> Iterator[tuple[list[str], int]]:
    """The names of the attributes in each RDN of several, and its offset."""
    subject = view.fields.get("subject")
    for relative in () if subject is None else subject.node.children:
        if len(relative.children) > 1:
            yield [label for label, _ in labelled_attributes(relative)], relative.offset


def _attributes(view: View) -> Iterator[tuple[str, str | None, int]]:
    subject = view.fields.get("subject")
    for relative in () if subject is None else subject.node.children:
        for label, value in labelled_attributes(relative):
            yield label, text_of(value), value.offset


CHECKERS: tuple[Callable[[CheckedCertificate], Iterator[Breach]], ...] = (
    empty_attributes,
    characters,
    multi_valued,
)
"""The checkers of a certificate's subject."""
