"""Issues the Device Certificates of the Ad Hoc service: each replaces one that there was before.

What is needed of the estate is looked up once for requests that follow each other closely, and
again as soon as anybody else changed anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from smki_testca.errors import InputError, Refusal
from smki_testca.issuance.issuance import Issuance
from smki_testca.register.requests import Delivery
from smki_testca.service.callers import AccessDeniedError, identify, peer_of
from smki_testca.service.device_csr import adhoc_misbehaviour, codes
from smki_testca.service.device_csr.caller_admission import DENIED

if TYPE_CHECKING:
    from datetime import datetime

    from smki_testca.api import Estate
    from smki_testca.authority.csr import Csr
    from smki_testca.estate.certificates import Record
    from smki_testca.estate.device_certificates import DeviceCertificates
    from smki_testca.identifiers import Eui64
    from smki_testca.profiles.model import Interface
    from smki_testca.service.callers import Caller
    from smki_testca.service.device_csr.csr_answers import AdHocStatus, ErrorElement
    from smki_testca.service.misbehaviour.modes import Mode

ACTION = "service.adhoc"
"""The action of the audit entries of requests that have no other entry."""
_KEPT = timedelta(seconds=1)
"""The time for which an answer is used: by then, a certificate may have expired."""


@dataclass(frozen=True, slots=True)
class AdHocRequest:
    """A request for one certificate.

    Attributes:
        certificate: that the client presented, DER; None if it presented none.
        address: that the client calls from.
        csr: what is asked for, or why that cannot be read.
        mode: how to misbehave on purpose, if so.
    """

    certificate: bytes | None
    address: str
    csr: Csr | Exception
    mode: Mode | None = None


@dataclass(frozen=True, slots=True)
class AdHocOutcome:
    """The outcome of a request.

    Attributes:
        transaction: the number of its audit entry.
        result: the certificate, DER, or why there is none.
    """

    transaction: int
    result: bytes | ErrorElement[AdHocStatus]


@dataclass(frozen=True, slots=True)
class _Known:
    """The estate as it was known at one time.

    Attributes:
        at: the time.
        issuance: with the register.
        devices: which certificates there are for Devices.
        callers: by their certificates.
    """

    at: datetime
    issuance: Issuance
    devices: DeviceCertificates
    callers: dict[bytes | None, Caller] = field(default_factory=dict)


class ReplacementIssuer:
    """Issues certificates in place of earlier ones, in the transaction of the desk's writer.

    Args:
        interface: of the service: who may use it.
        purpose: the Testing Service of requests; that of the caller's certificate by default.
    """

    def __init__(self, interface: Interface, purpose: str | None) -> None:
        self._interface = interface
        self._purpose = purpose
        self._known: _Known | None = None
        self._digest = b""

    def answer(self, estate: Estate, request: AdHocRequest) -> AdHocOutcome:
        """Answer a request, and record it in the audit log.

        Raises:
            AccessDeniedError: if the client may not use the service.
            EstateError: if the estate cannot be used; nothing is recorded then.
        """
        try:
            with estate.transaction():
                outcome = self._recorded(estate, request)
                self._digest = estate.audit.newest_digest()
        except BaseException:
            # What was counted for it is taken back with everything else.
            self._known = None
            raise
        if isinstance(outcome, AccessDeniedError):
            raise outcome
        return outcome

    def _recorded(self, estate: Estate, request: AdHocRequest) -> AdHocOutcome | AccessDeniedError:
        """The outcome of a request, with its audit entry; denied access is recorded, too."""
        known = self._up_to_date(estate)
        try:
            caller = self._caller(estate, known, request)
        except (AccessDeniedError, InputError) as error:
            peer = peer_of(estate, request.certificate, request.address)
            if isinstance(error, InputError):
                return _failed(estate, peer, codes.of_request(error))
            _record(estate, {"status": DENIED, "code": error.code, "peer": peer})
            return error
        return self._outcome(estate, known, caller, request)

    def _up_to_date(self, estate: Estate) -> _Known:
        """The estate as it is known; looked up again if others changed it, or after a while."""
        now = estate.clock.now()
        known = self._known
        if (
            known is None
            or not known.at <= now < known.at + _KEPT
            or estate.audit.newest_digest() != self._digest
        ):
            known = self._known = _Known(now, Issuance(estate), estate.device_certificates())
        return known

    def _caller(self, estate: Estate, known: _Known, request: AdHocRequest) -> Caller:
        """The caller of a request; see ``identify``."""
        caller = known.callers.get(request.certificate)
        if caller is None:
            caller = known.callers[request.certificate] = identify(
                estate, request.certificate, request.address, self._interface, self._purpose
            )
        if caller.address == request.address:
            return caller
        return replace(caller, address=request.address)

    def _outcome(
        self, estate: Estate, known: _Known, caller: Caller, request: AdHocRequest
    ) -> AdHocOutcome:
        try:
            failure = adhoc_misbehaviour.failure_of(request.mode)
            if failure is not None:
                return _failed(estate, caller.as_json(), failure)
            if isinstance(request.csr, Exception):
                return _failed(estate, caller.as_json(), codes.of_request(request.csr))
            record = _issue(estate, known, caller, request.csr)
        except Refusal as refusal:
            self._known = None
            # The gate's decision was recorded.
            return AdHocOutcome(estate.audit.head().number, codes.of_request(refusal))
        except InputError as error:
            self._known = None
            return _failed(estate, caller.as_json(), codes.of_request(error))
        return AdHocOutcome(record.audit, adhoc_misbehaviour.given(request.mode, estate, record))


def _issue(estate: Estate, known: _Known, caller: Caller, csr: Csr) -> Record:
    """Issue a certificate for a CSR.

    Raises:
        InputError: if none was issued for the Device before, or this one cannot be.
        Refusal: if the gate refuses the request; that is recorded.
        EstateError: if the estate cannot issue.
    """
    device_id = csr.subject.embedded_id
    if device_id is None:
        raise ValueError("the CSR of a Device has its Device ID")
    _check_issued_before(known, device_id)
    request = estate.request(
        caller.participant,
        caller.purpose,
        csr.subject,
        () if csr.usage is None else (csr.usage,),
        environment=caller.environment,
        delivery=Delivery.REMOTE,
    )
    (record,), _ = known.issuance.issue(request, csr=csr, details={"peer": caller.as_json()})
    return record


def _check_issued_before(known: _Known, device_id: Eui64) -> None:
    """Check that a certificate was issued for a Device before (SEC App. M 2.4.1.3).

    Raises:
        InputError: if none was.
    """
    certificates = known.devices.of({device_id.value})[device_id.value]
    if not any(each.is_issued for each in certificates):
        raise InputError(
            "device_id.first",
            f"No certificate was issued for the Device {device_id} before, and this service only"
            " replaces one.",
            "Ask for the first one in a batch, or through the Portal.",
        )
    known.issuance.history.know({device_id.value: len(certificates)})


def _failed(
    estate: Estate, peer: dict[str, Any], failure: ErrorElement[AdHocStatus]
) -> AdHocOutcome:
    """The answer to a request for which nothing is issued, recorded."""
    body = {"status": failure.status.value, "code": failure.code, "peer": peer}
    return AdHocOutcome(_record(estate, body), failure)


def _record(estate: Estate, body: dict[str, Any]) -> int:
    return estate.audit.append(estate.clock.now(), ACTION, body)
