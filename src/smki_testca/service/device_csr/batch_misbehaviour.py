"""Answers of the Batched service where it is to misbehave on purpose."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from smki_testca.estate.batch_requests import BatchState
from smki_testca.estate.certificates import Selection
from smki_testca.issuance.batch import portal
from smki_testca.service.device_csr.csr_answers import (
    BatchStatus,
    CsrAnswer,
    CsrStatus,
    ErrorElement,
)
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from smki_testca.api import Estate
    from smki_testca.service.device_csr.csr_batches import ProcessedCsr
    from smki_testca.service.misbehaviour.modes import Mode

TEXT = "Misbehaviour that was asked for."
"""The ErrorText of every error that is answered on purpose."""
_DEVICE_ID = "extensions.subjectAltName.hardwareModuleName.hwSerialNum"


def failure_of(mode: Mode | None) -> ErrorElement[BatchStatus] | None:
    """The error with which a submission or a query is answered as a whole; None for none."""
    if mode is None or mode.error is None or mode.is_for_each_csr or not mode.code:
        return None
    return ErrorElement(BatchStatus(mode.status), mode.code, TEXT)


def state_of(mode: Mode | None, state: BatchState) -> BatchState:
    """The state of a batch that the service answers with."""
    if mode is None:
        return state
    if mode.name == "pending":
        return BatchState.PENDING
    is_of_batch = mode.error is not None and not mode.is_for_each_csr and not mode.code
    return BatchState(mode.status) if is_of_batch else state


def refused(mode: Mode | None, outcome: ProcessedCsr) -> CsrAnswer | None:
    """The answer on every CSR, where all have one status; None where each has its own."""
    if mode is None or not mode.is_for_each_csr:
        return None
    failure = ErrorElement(CsrStatus(mode.status), mode.code, TEXT)
    return CsrAnswer(outcome.name, failure)


def changed(
    mode: Mode | None, estate: Estate, outcomes: Callable[[], Iterator[ProcessedCsr]]
) -> Iterator[ProcessedCsr]:
    """Yield what came of each CSR, perhaps with certificates that are not theirs.

    Args:
        mode: how to misbehave, if so.
        estate: that has the certificates.
        outcomes: yields what came of each CSR, from the first one on each time.
    """
    if mode is None or mode.name not in {"other-device", "wrong-certificate"}:
        yield from outcomes()
    elif mode.name == "wrong-certificate":
        yield from _of_the_ca(estate, outcomes())
    else:
        yield from _of_other_devices(estate, outcomes)


def _of_the_ca(estate: Estate, outcomes: Iterator[ProcessedCsr]) -> Iterator[ProcessedCsr]:
    """Gives the certificate of the issuing CA to each."""
    for outcome in outcomes:
        if outcome.certificate is None:
            yield outcome
            continue
        issuer = view_certificate(outcome.certificate).octets("issuer")
        authorities = [each.der for each in estate.certificates.authorities()]
        wrong = [der for der in authorities if view_certificate(der).octets("subject") == issuer]
        yield replace(outcome, certificate=wrong[-1] if wrong else authorities[-1])


def _of_other_devices(
    estate: Estate, outcomes: Callable[[], Iterator[ProcessedCsr]]
) -> Iterator[ProcessedCsr]:
    """Gives the first Device's certificate to all others, and that of another one to it."""
    first, other = b"", b""
    for outcome in outcomes():
        if outcome.certificate is not None:
            first = first or outcome.certificate
            if _device(outcome.certificate) != _device(first):
                other = outcome.certificate
                break
    for outcome in outcomes():
        if outcome.status is not portal.ReportedOutcome.SUCCESS or outcome.certificate is None:
            yield outcome
            continue
        is_of_first = _device(outcome.certificate) == _device(first)
        if is_of_first and not other:
            other = _elsewhere(estate, first)
        yield replace(outcome, certificate=other if is_of_first else first)


def _elsewhere(estate: Estate, der: bytes) -> bytes:
    """The certificate of another Device in the estate; this one if there is none."""
    others = estate.select(Selection(profile="device"))
    return next((each.der for each in others if _device(each.der) != _device(der)), der)


def _device(der: bytes) -> bytes | None:
    """The Device ID in a certificate."""
    return view_certificate(der).octets(_DEVICE_ID)
