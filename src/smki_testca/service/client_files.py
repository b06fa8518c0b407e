"""The certificates and keys with which to try the services, in files of the running server.

Each web service needs a client with an IKI certificate of its own. The estate has such
certificates, or the gate is asked for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from smki_testca.errors import InputError, Refusal, SmkiTestcaError
from smki_testca.estate.certificates import Selection
from smki_testca.estate.status import Status
from smki_testca.files import create
from smki_testca.issuance.issuance import Issuance
from smki_testca.profiles.model import Hierarchy, Tier
from smki_testca.service.callers import AccessDeniedError, identify
from smki_testca.service.example_requests import example_request
from smki_testca.x509.pem import to_pem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from smki_testca.api import Estate
    from smki_testca.estate.certificates import Record
    from smki_testca.profiles.model import Interface
    from smki_testca.register.requests import Request

PROFILE = "iki"
CA_FILE = "server-ca.pem"


@dataclass(frozen=True, slots=True)
class ClientFiles:
    """The files of a client, PEM.

    Attributes:
        certificate: its IKI certificate and the issuing CA's.
        key: its private key, not encrypted: only its owner may read the file.
        participant: whose certificate it is.
        is_new: whether it was issued just now.
        request: a request in XML with which to try the service; None where the client may ask for
            none of the newest Devices.
    """

    certificate: Path
    key: Path
    participant: str
    is_new: bool
    request: Path | None


def write_authority(folder: Path, authority: bytes) -> Path:
    """Write the certificate of the servers' CA, which clients trust; gives the file."""
    path = folder / CA_FILE
    _write(path, to_pem(authority))
    return path


def write_client(
    estate: Estate,
    interface: Interface,
    folder: Path,
    *,
    may_issue: bool,
    purpose: str | None = None,
) -> ClientFiles | None:
    """Write the files of a client for a web service.

    Args:
        estate: that has its certificate, or issues it.
        interface: the web service.
        folder: of the files.
        may_issue: whether to ask the gate for a certificate where the estate has none.
        purpose: the Testing Service of requests; that of the certificate by default.

    Returns:
        The files; None if the estate has no certificate with its key that opens the service, and
        the gate grants none to any participant.

    Raises:
        EstateError: if the passphrase is wrong.
        OutputError: if a file cannot be written.
    """
    record, is_new = _existing(estate, interface, purpose), False
    if record is None and may_issue:
        record, is_new = _issued(estate, interface), True
    if record is None:
        return None
    key = estate.private_key(record)
    if key is None:
        return None
    issuer, *_ = estate.certificates.chain(record)
    certificate, private = (folder / f"{interface.name}{end}" for end in (".pem", ".key"))
    _write(certificate, to_pem(record.der) + to_pem(issuer.der))
    _write(private, to_pem(key, "PRIVATE KEY"))
    caller = identify(estate, record.der, "", interface, purpose)
    example = example_request(estate, interface.name, caller)
    request = None if example is None else folder / f"{interface.name}-request.xml"
    if request is not None and example is not None:
        _write(request, example.encode("utf-8"))
    return ClientFiles(certificate, private, caller.participant, is_new, request)


def _write(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, in place of one of an earlier server."""
    path.unlink(missing_ok=True)
    create(path, content)


def _existing(estate: Estate, interface: Interface, purpose: str | None) -> Record | None:
    """The newest certificate of the estate that opens an interface, and whose key it has."""
    statuses = frozenset({Status.IN_USE, Status.PENDING})
    profiles = [
        profile.name
        for profile in estate.library.profiles
        if profile.hierarchy == Hierarchy.IKI and profile.tier is Tier.END_ENTITY
    ]
    chosen = Selection(profile=profiles, status=statuses)
    records = sorted(estate.select(chosen), key=lambda record: record.issued_at, reverse=True)
    for record in records:
        try:
            identify(estate, record.der, "", interface, purpose)
        except (AccessDeniedError, InputError):  # or the log does not say for what purpose it is
            continue
        if estate.private_keys([record]):
            return record
    return None


def _issued(estate: Estate, interface: Interface) -> Record | None:
    """A new certificate that opens an interface, for the first participant that may have one."""
    for request in _requests(estate, interface):
        try:
            Issuance(estate).authorise(request)
        except Refusal:
            continue
        # With the register as it is then: it may have changed meanwhile.
        (record,), _ = Issuance(estate).issue(request)
        return record
    return None


def _system_name(interface: Interface) -> str:
    """The name of a system for which an interface is."""
    stem = interface.systems[0].replace("*", "")
    name = f"{stem}-client"
    return name if interface.is_for(name) else stem


def _requests(estate: Estate, interface: Interface) -> Iterator[Request]:
    """The requests to try, one after another: participants, roles, purposes."""
    library, system = estate.library, _system_name(interface)
    registered = estate.register.load().participants.values()
    # Suppliers first: what they call every day, the DCC rarely does.
    for participant in sorted(registered, key=lambda each: each.kind in interface.kinds):
        own = {role.code for each in participant.ids for role in each.user_roles}
        if participant.kind not in interface.kinds and not own & set(interface.user_roles):
            continue
        for role in library.roles.remote_party_roles:
            if not participant.serves(role):
                continue
            for purpose in library.testing_services:
                try:
                    subject = estate.subject(PROFILE, role=role.name, system_name=system)
                    yield estate.request(participant.id, purpose, subject)
                except SmkiTestcaError:
                    continue
