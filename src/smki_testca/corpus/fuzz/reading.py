"""Reads in a changed document what a parser that takes it must have read in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from smki_testca.corpus.parts import Certificate, Request, RevocationList
from smki_testca.der.read import DerError
from smki_testca.x509.entries import entries
from smki_testca.x509.view import (
    View,
    is_in_place,
    view_certificate,
    view_request,
    view_revocation_list,
)

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base

_VIEWS = {
    Certificate: view_certificate,
    Request: view_request,
    RevocationList: view_revocation_list,
}
_USAGES = {"digitalSignature": "digital-signature", "keyAgreement": "key-agreement"}
_REMOVED = 8
"""The reason removeFromCRL."""
_EUI64 = 8
_WORD = re.compile(r"[0-9A-Za-z]{1,16}")


def view_of(base: Base, der: bytes) -> View | None:
    """The fields of a changed document; None if it is no document of its base's kind any more."""
    try:
        view = _VIEWS[type(base.document)](der)
    except DerError:
        return None
    return view if is_in_place(view) else None


def facts_in(base: Base, view: View) -> dict[str, str | None]:
    """The facts that a good document states, as a change of it has them.

    Args:
        base: the good document.
        view: the changed one's fields.

    Returns:
        The facts of the base, by name; None for one that cannot be read any more.
    """
    names = base.facts.as_json()
    if base.about is not None:
        return {"status": _status(view, base.about.serial)}
    unit = _plain(view.text("subject.organizationalUnitName"))
    found = {"eui64": _identifier(view), "usage": _usage(view), "role": unit, "signifier": unit}
    return {name: found[name] for name in names}


def _identifier(view: View) -> str | None:
    octets = view.octets("extensions.subjectAltName.hardwareModuleName.hwSerialNum")
    octets = octets or view.octets("subject.x500UniqueIdentifier")
    return octets.hex().upper() if octets is not None and len(octets) == _EUI64 else None


def _plain(text: str | None) -> str | None:
    """A text that fits into a command and a line of a protocol; None for any other."""
    return text if text and _WORD.fullmatch(text) else None


def _usage(view: View) -> str | None:
    usages = view.value("extensions.keyUsage")
    alone = usages[0] if isinstance(usages, tuple) and len(usages) == 1 else None
    return _USAGES.get(str(alone))


def _status(view: View, serial: bytes) -> str | None:
    """What a list says of a certificate to somebody who takes it (RFC 5280 6.3.3)."""
    listed = view.fields.get("revokedCertificates")
    if listed is None:
        return "good"
    number = int.from_bytes(serial[2:])
    found = list(entries(listed.node))
    if any(each.problem is not None for each in found):
        return None
    own = (each for each in found if each.serial == number)
    return "revoked" if any(each.reason != _REMOVED for each in own) else "good"
