"""The rules that hold of any certificate beside the rows of its profile."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from smki_testca.x509 import names
from smki_testca.x509.keys import key_type_of, load_public_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from smki_testca.profiles import Library
    from smki_testca.profiles.model import Profile
    from smki_testca.x509.view import View

SOON = timedelta(days=90)
"""How long before its end a certificate is said to run out soon."""
_TYPOS = {"Distributer": "Distributor"}

Breach = tuple[str, int, str]
"""A rule's code, the octet at fault, and what is wrong."""


class Run(Protocol):
    """What a rule may ask of the run that it is part of."""

    library: Library

    @property
    def at(self) -> datetime:
        """The instant that validity is judged at."""
        ...

    def is_in(self, environments: tuple[str, ...]) -> bool:
        """Whether the run is told of one of these environments."""
        ...


def algorithms(run: Run, view: View, profile: Profile | None) -> Iterator[Breach]:
    """The signature algorithm inside and the one outside, which must be the same."""
    del run, profile
    inner = view.fields.get("signature")
    outer = view.signature_algorithm
    if inner is not None and inner.value != outer.encoded:
        message = "the signature algorithm outside differs from the one inside"
        yield "signature.algorithms_differ", outer.offset, message


def _public_key(run: Run, view: View, profile: Profile) -> Iterator[Breach]:
    del run
    found = view.fields.get("subjectPublicKeyInfo")
    if found is None:
        return
    key = load_public_key(found.node.encoded)
    if key is None:
        message = (
            "the public key cannot be used: its kind is unknown, or its point is off the curve"
        )
        yield "subjectPublicKeyInfo.key", found.node.offset, message
    elif key_type_of(key) is not profile.key_type:
        message = f"the key is not {profile.key_type}"
        yield "subjectPublicKeyInfo.type", found.node.offset, message


def _validity(run: Run, view: View, profile: Profile) -> Iterator[Breach]:
    del profile
    start, end = view.instant("validity.notBefore"), view.instant("validity.notAfter")
    if start is None or end is None:
        return
    at = run.at
    offset = view.fields["validity.notAfter"].node.offset
    if end < start:
        yield "validity.order", offset, f"it ends on {end:%Y-%m-%d}, before it begins"
    elif at < start:
        first = view.fields["validity.notBefore"].node.offset
        yield "validity.not_yet_valid", first, f"it is valid only from {start:%Y-%m-%d}"
    elif at > end:
        yield "validity.expired", offset, f"it expired {ago(at - end)} ago, on {end:%Y-%m-%d}"
    elif end - at <= SOON:
        yield "validity.ends_soon", offset, f"it runs out in {(end - at).days} days"


def ago(span: timedelta) -> str:
    """A span of time in the largest unit that is not nought: months of 30 days, days, hours."""
    if span.days >= 60:
        return f"{span.days // 30} months"
    if span.days >= 1:
        return f"{span.days} day{'s' if span.days != 1 else ''}"
    return f"{span.seconds // 3600} hours"


def _extensions_and_attributes(run: Run, view: View, profile: Profile) -> Iterator[Breach]:
    del run, profile
    seen: Counter[str] = Counter()
    for name, node in zip(view.extension_order, view.extension_nodes, strict=True):
        seen[name] += 1
        if seen[name] == 2 and name != "unreadable":
            yield "extensions.duplicate", node.offset, f"the extension {name} is there twice"
        if view.criticality.get(name) and name not in names.EXTENSIONS:
            message = f"the extension {name} is critical, and nobody here knows it"
            yield "extensions.unknown_critical", node.offset, message
    attributes = view.subject_order
    for name in dict.fromkeys(attributes):
        if attributes.count(name) > 1:
            offset = view.fields["subject"].node.offset
            yield "subject.duplicate", offset, f"{name} is there {attributes.count(name)} times"


def _serial(run: Run, view: View, profile: Profile) -> Iterator[Breach]:
    del run, profile
    found = view.fields.get("serialNumber")
    # A first octet of 00 only keeps the number positive: its digits begin with 8 to F.
    if found is not None and b"\x01" <= found.node.content[:1] < b"\x10":
        message = f"the serial {found.node.content.hex()} begins with a zero digit"
        yield "serial.leading_zero_nibble", found.node.start, message


def _typos(run: Run, view: View, profile: Profile) -> Iterator[Breach]:
    del run, profile
    name = view.text("subject.commonName") or ""
    for wrong, right in _TYPOS.items():
        if wrong in name:
            offset = view.fields["subject.commonName"].node.offset
            yield "subject.commonName.typo", offset, f"{wrong!r} stands for {right!r}"


def _identifiers(run: Run, view: View, profile: Profile) -> Iterator[Breach]:
    entries = run.library.sec_registry_entries
    user, device = profile.field_of("eui64"), profile.field_of("device-id")
    field_of_id = user or device
    octets = None if field_of_id is None else view.octets(field_of_id.path)
    if field_of_id is None or octets is None or len(octets) != 8:
        return
    offset = view.fields[field_of_id.path].node.offset
    text = octets.hex("-").upper()
    value = int.from_bytes(octets)
    under = [one for one in entries if value >> one.entry.extension_bits == one.entry.prefix]
    if device is not None and under:
        message = f"{text} is under {under[0].entry}, {under[0].title}"
        yield "device_id.central", offset, message
    elif user is not None and not under:
        yield "eui64.not_central", offset, f"{text} is under no Registry Entry of the SEC"
    elif user is not None and under[0].environments and not run.is_in(under[0].environments):
        yield "eui64.look_alike", offset, f"{text} is under {under[0].entry}, {under[0].title}"


OF_CERTIFICATE: tuple[Callable[[Run, View, Profile], Iterator[Breach]], ...] = (
    algorithms,
    _public_key,
    _validity,
    _extensions_and_attributes,
    _serial,
    _typos,
    _identifiers,
)
"""Every rule of a certificate."""
