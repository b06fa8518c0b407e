"""Downloads a revocation list, and checks it: its times, its signature, whose it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from smki_testca.client.caller import ServiceCaller, ServiceRequest, check_status
from smki_testca.client.service_errors import ServiceFaultError
from smki_testca.client.trace import Step
from smki_testca.clock import iso
from smki_testca.der.read import DerError
from smki_testca.errors import InputError
from smki_testca.importers.sources import sources
from smki_testca.lint.chain import SignatureVerdict, gathered, signer_of
from smki_testca.x509 import entries
from smki_testca.x509.name_text import name_text
from smki_testca.x509.view import view_revocation_list

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from smki_testca.client.address import Address
    from smki_testca.client.caller import ServiceAnswer
    from smki_testca.client.repository_account import RepositoryAccount
    from smki_testca.client.trace import Trace
    from smki_testca.x509.view import View

MAX_OCTETS = 2 * entries.MAX_OCTETS
"""The longest answer read: PEM is longer than the list in it."""
_REMEDY = "Have the CA issue its next list, or the repository publish it."


@dataclass(frozen=True, slots=True)
class DownloadedList:
    """A revocation list that holds.

    Attributes:
        der: the list.
        issuer: the CA's name, as text.
        number: its cRLNumber; None if it has none.
        this_update, next_update: its times, UTC.
        entries: how many certificates it names.
        is_verified: whether its signature was checked with the CA's certificate.
    """

    der: bytes
    issuer: str
    number: int | None
    this_update: str
    next_update: str
    entries: int
    is_verified: bool

    def as_json(self) -> dict[str, Any]:
        """The list as JSON."""
        return {
            "issuer": self.issuer,
            "number": self.number,
            "this_update": self.this_update,
            "next_update": self.next_update,
            "entries": self.entries,
            "signature_checked": self.is_verified,
        }


def download(
    caller: ServiceCaller,
    address: Address,
    account: RepositoryAccount,
    issuers: Sequence[bytes],
    now: datetime,
    trace: Trace,
) -> DownloadedList:
    """Download a revocation list, and check it.

    Args:
        caller: how to call the repository.
        address: the whole URL of the list.
        account: that opens downloads.
        issuers: certificates of CAs, DER, of which one must have signed the list; none to leave
            the signature unchecked.
        now: the time at which the list must hold.
        trace: of the call.

    Raises:
        InputError: if the URL has no path, or would send a password without TLS.
        ServiceRefusalError: if the repository refuses.
        ServiceFaultError: if it cannot be reached, or the list does not hold.
    """
    _check(address)
    account.check(address)
    if account.api_key:
        address = address.with_query("apikey", account.api_key)
    answer = caller.call(
        ServiceRequest("GET", address, MAX_OCTETS, headers=account.headers()), trace
    )
    with trace.during(Step.ANSWER):
        check_status(answer)
    with trace.during(Step.CHECK):
        view, der = _list_in(answer)
        begin, end = _times(view, now)
        if issuers:
            _check_signature(view, issuers, now)
    number, revoked = view.value("extensions.cRLNumber"), view.value("revokedCertificates")
    issuer = view.fields.get("issuer")
    download = DownloadedList(
        der,
        "" if issuer is None else name_text(issuer.node),
        number if isinstance(number, int) else None,
        iso(begin),
        iso(end),
        revoked if isinstance(revoked, int) else 0,
        bool(issuers),
    )
    checked = "its signature and times hold" if issuers else "its times hold"
    trace.add(Step.CHECK, f"the revocation list of {download.issuer}: {checked}")
    return download


def _check(address: Address) -> None:
    if not address.path:
        raise InputError(
            "client.url",
            f"{address} does not say which revocation list.",
            "Give its whole URL.",
        )


def _list_in(answer: ServiceAnswer) -> tuple[View, bytes]:
    """The only document in an answer, which must be a revocation list.

    Raises:
        ServiceFaultError: if it is not.
    """
    documents = list(sources(["-"], answer.body))
    problem = f"it holds {len(documents)} documents"
    if len(documents) == 1:
        document = documents[0]
        if document.problem is None:
            try:
                return view_revocation_list(document.data), document.data
            except DerError as error:
                problem = error.message
        else:
            problem = document.problem.message
    raise ServiceFaultError(
        "client.no_list",
        f"The answer is not a revocation list: {problem}.",
        "Compare the address: something else is there.",
    )


def _times(view: View, now: datetime) -> tuple[datetime, datetime]:
    """The times of a list that holds now.

    Raises:
        ServiceFaultError: if it does not.
    """
    begin, end = view.instant("thisUpdate"), view.instant("nextUpdate")
    if begin is None or end is None:
        raise ServiceFaultError(
            "client.list_times",
            "The revocation list does not say until when it holds: it has no nextUpdate.",
            _REMEDY,
        )
    if now < begin:
        raise ServiceFaultError(
            "client.list_future",
            f"The revocation list is not valid yet: its thisUpdate is {iso(begin)}.",
            "Compare this machine's clock with the CA's.",
        )
    if end < now:
        raise ServiceFaultError(
            "client.list_stale",
            f"The revocation list is stale: its nextUpdate was {iso(end)}.",
            _REMEDY,
        )
    return begin, end


def _check_signature(view: View, issuers: Sequence[bytes], now: datetime) -> None:
    """Check that one of some CAs signed a list.

    Raises:
        ServiceFaultError: if none did.
    """
    signer = signer_of(view, gathered(issuers, now))
    if signer.verdict is SignatureVerdict.NOT_BY_NAMED_ISSUER:
        raise ServiceFaultError(
            "client.list_signature",
            "The signature of the revocation list is not that of the CA that it names.",
            "Do not use it. Tell the repository's operator.",
        )
    if signer.issuer is None:
        issuer = view.fields.get("issuer")
        name = "" if issuer is None else name_text(issuer.node)
        raise ServiceFaultError(
            "client.list_issuer",
            f"No certificate that was given is of the CA of the revocation list, {name}.",
            "Name the file of that CA's certificate with --issuer.",
        )
