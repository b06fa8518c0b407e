"""Our errors in the terms of Appendix M: a status, an error code, and a text.

Appendix M states the first two letters of the codes of each status. Of whole codes, it has those of
its examples; the others are ours. The codes for faults of a CSR, and for what the gate refuses, are
those of the Portal's report.
"""

from __future__ import annotations

from dataclasses import dataclass

from smki_testca.errors import EstateError, InputError, Refusal, SmkiTestcaError
from smki_testca.issuance.batch import portal
from smki_testca.roles import Basis
from smki_testca.service.device_csr.csr_answers import (
    AdHocStatus,
    BatchStatus,
    CsrStatus,
    ErrorElement,
)


@dataclass(frozen=True, slots=True)
class AnswerCode:
    """An error code of Appendix M for an error of ours.

    Attributes:
        status: that it belongs to.
        code: the error code.
        basis: ``specified`` where an example of Appendix M has it, ``assumed`` where it is ours.
    """

    status: str
    code: str
    basis: Basis


CODES = {
    "csr_message.invalid": AnswerCode("FORMAT_ERROR", "FM:AA1", Basis.SPECIFIED),
    "csr_message.too_many": AnswerCode("FORMAT_ERROR", "FM:AA2", Basis.SPECIFIED),
    "csr_message.batch_id": AnswerCode("FORMAT_ERROR", "FM:AA3", Basis.SPECIFIED),
    "csr_message.base64": AnswerCode("FORMAT_ERROR", "FM:BASE64", Basis.ASSUMED),
    "device_id.first": AnswerCode("UNKNOWN_DEVICE", "UD:FIRST", Basis.ASSUMED),
    "renew.purpose": AnswerCode("WORKFLOW_ERROR", "WF:PURPOSE", Basis.ASSUMED),
}
"""The codes of errors that are neither faults of a CSR nor the gate's, by our codes."""
SUBMISSION_FAULT = AnswerCode("WORKFLOW_ERROR", "WF:BB2", Basis.SPECIFIED)
"""That a batch is not accepted because of an internal error."""
RESULT_FAULT = AnswerCode("WORKFLOW_ERROR", "WF:BB1", Basis.SPECIFIED)
"""That there is no result because of an internal error."""

_OF_ESTATE = "CA:ESTATE"
_OF_FAULT = "CA:FAULT"
_OF_US = "Submit it again; if that does not help, the server's output says more."
_IN_ADHOC = {
    portal.ReportedOutcome.ERROR: AdHocStatus.CSR_ERROR,
    portal.ReportedOutcome.ANOMALY: AdHocStatus.ISSUANCE_ANOMALY,
    # The service has no INELIGIBLE.
    portal.ReportedOutcome.INELIGIBLE: AdHocStatus.WORKFLOW_ERROR,
}
_IN_BATCH = {
    portal.ReportedOutcome.ERROR: CsrStatus.CSR_ERROR,
    portal.ReportedOutcome.ANOMALY: CsrStatus.ISSUANCE_ANOMALY,
    portal.ReportedOutcome.INELIGIBLE: CsrStatus.INELIGIBLE,
}


def of_request(error: Exception) -> ErrorElement[AdHocStatus]:
    """The answer of the Ad Hoc service to a request for which no certificate is issued."""
    text = text_of(error)
    known = CODES.get(error.code) if isinstance(error, SmkiTestcaError) else None
    if known is not None:
        return ErrorElement(AdHocStatus(known.status), known.code, text)
    if isinstance(error, InputError | Refusal):
        outcome, code = portal.outcome(error)
        status = _IN_ADHOC[outcome]
        return ErrorElement(status, _with_prefix(code, status), text)
    code = _OF_ESTATE if isinstance(error, EstateError) else _OF_FAULT
    return ErrorElement(AdHocStatus.CA_ERROR, code, text)


def of_csr(status: portal.ReportedOutcome, code: str, text: str) -> ErrorElement[CsrStatus]:
    """The answer of the Batched service to a CSR for which no certificate is issued.

    Args:
        status: in the Portal's report of the batch.
        code: in the same.
        text: what is wrong, and what to do about it.
    """
    return ErrorElement(_IN_BATCH[status], code, text)


def of_submission(error: Exception) -> ErrorElement[BatchStatus]:
    """The answer of the Batched service to a batch that is not accepted."""
    return _of_batch(error, SUBMISSION_FAULT)


def of_query(error: Exception) -> ErrorElement[BatchStatus]:
    """The answer of the Batched service to a query to which there is no result."""
    return _of_batch(error, RESULT_FAULT)


def _of_batch(error: Exception, fault: AnswerCode) -> ErrorElement[BatchStatus]:
    known = CODES.get(error.code, fault) if isinstance(error, SmkiTestcaError) else fault
    return ErrorElement(BatchStatus(known.status), known.code, text_of(error))


def text_of(error: Exception) -> str:
    """The text of an error: what is wrong, every reason of a refusal, and what to do.

    Of what is wrong with the estate, a client learns no more than the code; and of an error that
    nobody foresaw, that there was one.
    """
    if isinstance(error, EstateError):
        return f"The CA cannot issue now [{error.code}]. {_OF_US}"
    if not isinstance(error, SmkiTestcaError):
        return f"An internal error. {_OF_US}"
    return portal.message_of(error)


def _with_prefix(code: str, status: AdHocStatus) -> str:
    """A code of the Portal's report under the status that it has here."""
    return code if status is not AdHocStatus.WORKFLOW_ERROR else f"WF:{code.partition(':')[2]}"
