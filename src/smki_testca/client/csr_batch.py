"""A batch of CSRs for the Batched Device CSR Web Service (SEC App. M C and D).

The batch is submitted once and then asked for until it is done. The ID of each CSR in it is its
place, so that the same CSRs have the same IDs when the result is fetched later.
"""

from __future__ import annotations

import base64
import io
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from lxml import etree

from smki_testca.authority.csr import to_der
from smki_testca.client.adhoc_request import XML, contradiction
from smki_testca.client.answer_documents import document_in, octets_of, text_of
from smki_testca.client.caller import ServiceCaller, ServiceRequest, check_status
from smki_testca.client.issued_certificate import IssuedCertificate
from smki_testca.client.service_errors import ServiceFaultError, ServiceRefusalError
from smki_testca.client.trace import Step, Trace
from smki_testca.client.verdict import ServiceVerdict
from smki_testca.der.read import DerError
from smki_testca.errors import InputError
from smki_testca.service.device_csr.csr_answers import BatchStatus, CsrStatus
from smki_testca.service.device_csr.schema import VERSION, MessageSchema
from smki_testca.service.paths import RESULT_PATH, SUBMIT_PATH
from smki_testca.text import counted, is_or_are
from smki_testca.x509.view import view_request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from smki_testca.client.address import Address
    from smki_testca.issuance.batch.csr_sources import CsrSource

MAX_RECEIPT_OCTETS = 1 << 20
"""The longest answer to a submission that is read."""
MAX_RESULT_OCTETS = 256 << 20
"""The longest result that is read; one of 50,000 certificates has about 50 million octets."""
MAX_REFERENCE = 256
"""The longest reference of a batch, in characters."""
PATIENCE = 3
"""The most failures in a row that are waited out while a batch is asked for."""
_SUBMIT, _RESULT = (path.rpartition("/")[2] for path in (SUBMIT_PATH, RESULT_PATH))


@dataclass(frozen=True, slots=True)
class BatchAddresses:
    """The addresses at which a batch is submitted, and its result fetched.

    Attributes:
        submit: takes the CSRs.
        result: gives the result, with the BatchId in the query.
    """

    submit: Address
    result: Address

    @classmethod
    def of(cls, address: Address, result: Address | None = None) -> Self:
        """The two addresses, from a base or from one of them.

        Args:
            address: a base, or the whole URL of one of the two, which is used as it is.
            result: the whole URL of the other; by default the one beside it, by Appendix M's names.

        Raises:
            InputError: if the other does not follow.
        """
        if not address.path:
            submit, derived = replace(address, path=SUBMIT_PATH), replace(address, path=RESULT_PATH)
            return cls(submit, result or derived)
        folder, _, name = address.path.rpartition("/")
        if name == _RESULT and result is None:
            return cls(replace(address, path=f"{folder}/{_SUBMIT}"), address)
        if name == _SUBMIT or result is not None:
            return cls(address, result or replace(address, path=f"{folder}/{_RESULT}"))
        raise InputError(
            "client.result_url",
            f"Where the result of a batch is does not follow from {address}.",
            "Name it with --result-url URL.",
        )


@dataclass(frozen=True, slots=True)
class BatchCsr:
    """One CSR of a batch.

    Attributes:
        id: in the batch.
        name: of its file, or of its row in a table.
        der: the CSR.
    """

    id: str
    name: str
    der: bytes


def csrs_of(
    source: CsrSource, progress: Callable[[int, int], None] = lambda _done, _count: None
) -> list[BatchCsr]:
    """The CSRs of a source; each can be read, whatever it asks for.

    Args:
        source: of the CSRs.
        progress: called with the numbers of those read, and of all.

    Raises:
        InputError: if one cannot be read; nothing has been submitted then.
    """
    outcomes = []
    for member in source.members:
        try:
            der = to_der(source.read(member.number))
        except InputError as error:
            raise InputError(
                "client.csr",
                f"{member.name} in {source.path} cannot be read: {error.message}",
                _CORRECT,
            ) from error
        check_csr(der, f"{member.name} in {source.path}")
        outcomes.append(BatchCsr(f"csr-{member.number:06d}", member.name, der))
        progress(member.number, len(source.members))
    return outcomes


def check_csr(der: bytes, name: str) -> None:
    """Check that octets are a CSR, whatever it asks for.

    Raises:
        InputError: if they are not.
    """
    try:
        view_request(der)
    except DerError as error:
        raise InputError(
            "client.csr", f"{name} is not a CSR: {error.message}.", _CORRECT
        ) from error


_CORRECT = "Correct it or leave it out; nothing was submitted."


@dataclass(frozen=True, slots=True)
class CsrOutcome:
    """The outcome of one CSR of a batch.

    Attributes:
        id: of the CSR in the batch.
        name: of the CSR; its ID where the CSRs are not known.
        certificate: that was issued; None if none was, or it is not for this CSR.
        verdict: why there is none.
    """

    id: str
    name: str
    certificate: IssuedCertificate | None
    verdict: ServiceVerdict | None

    def as_json(self) -> dict[str, Any]:
        """The outcome as JSON: id, name, certificate, service."""
        return {
            "id": self.id,
            "name": self.name,
            "certificate": None if self.certificate is None else self.certificate.as_json(),
            "service": None if self.verdict is None else self.verdict.as_json(),
        }


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """The answer of the service about a batch.

    Attributes:
        status: of the batch.
        root: the whole document.
    """

    status: BatchStatus
    root: etree._Element


_WAITING = frozenset(
    {
        BatchStatus.PENDING,
        BatchStatus.PARSING,
        BatchStatus.QUEUED,
        BatchStatus.PROCESSING,
        BatchStatus.PAUSED,
    }
)


def submit(
    caller: ServiceCaller,
    addresses: BatchAddresses,
    csrs: Sequence[BatchCsr],
    reference: str,
    trace: Trace,
) -> int:
    """Submit a batch; gives its BatchId.

    Args:
        caller: how to call the service.
        addresses: of the service.
        csrs: to submit.
        reference: the client's, of the batch: 1 to 256 characters.
        trace: of the call.

    Raises:
        ServiceRefusalError: if the service refuses the batch.
        ServiceFaultError: if it cannot be reached, or its answer cannot be used.
    """
    body = _document(csrs, reference)
    request = ServiceRequest("POST", addresses.submit, MAX_RECEIPT_OCTETS, body, XML)
    answer = caller.call(request, trace)
    with trace.during(Step.ANSWER):
        check_status(answer)
        root = document_in(answer, "SubmitCSRBatchStatus", MessageSchema.BATCHED)
        status = text_of(root, "BatchStatus")
        if (status == BatchStatus.PENDING) != (root.find("Error") is None):
            raise contradiction(status)
        if status != BatchStatus.PENDING:
            raise ServiceVerdict.of(root, status).error()
        batch = _number(text_of(root, "BatchId"))
    trace.add(Step.CHECK, f"the batch {batch} is accepted")
    return batch


def _number(text: str) -> int:
    """A BatchId; the schema bounds it downwards only.

    Raises:
        ServiceFaultError: if it has more digits than a number of any batch.
    """
    if len(text) > _MOST_DIGITS:
        raise ServiceFaultError(
            "client.batch_id",
            f"The BatchId in the answer has {len(text):,} digits.",
            "Tell the service's operator.",
        )
    return int(text)


_MOST_DIGITS = 18


def _document(csrs: Sequence[BatchCsr], reference: str) -> bytes:
    buffer = io.BytesIO()
    with etree.xmlfile(buffer, encoding="UTF-8") as file:
        file.write_declaration()
        with file.element("SubmitCSRBatch", ID=reference):
            with file.element("Version"):
                file.write(VERSION)
            for each in csrs:
                with file.element("DeviceCSR", ID=each.id):
                    file.write(base64.b64encode(each.der).decode("ascii"))
    return buffer.getvalue()


def ask(caller: ServiceCaller, addresses: BatchAddresses, batch: int, trace: Trace) -> BatchAnswer:
    """Ask what became of a batch.

    Raises:
        ServiceRefusalError: if the service does not know it, or will not process it.
        ServiceFaultError: if the service cannot be reached, or its answer cannot be used.
    """
    address = addresses.result.with_query("BatchId", str(batch))
    answer = caller.call(
        ServiceRequest("GET", address, MAX_RESULT_OCTETS, headers={"Accept": "application/xml"}),
        trace,
    )
    with trace.during(Step.ANSWER):
        check_status(answer)
        root = document_in(answer, "CSRBatchResult", MessageSchema.BATCHED)
        status = BatchStatus(text_of(root, "BatchStatus"))
        _check_state(root, status, batch)
    return BatchAnswer(status, root)


def _check_state(root: etree._Element, status: BatchStatus, batch: int) -> None:
    """Check that a batch goes on, or is done.

    Raises:
        ServiceRefusalError: if it does not.
        ServiceFaultError: if the answer is about another batch, or contradicts itself.
    """
    is_error = status in {BatchStatus.FORMAT_ERROR, BatchStatus.WORKFLOW_ERROR}
    if not is_error and root.find("Error") is not None:
        raise contradiction(status)
    if is_error:
        raise ServiceVerdict.of(root, status).error(batch_id=batch)
    stated = text_of(root, "BatchId")
    if stated and _number(stated) != batch:
        raise ServiceFaultError(
            "client.other_batch",
            f"The answer is about the batch {stated}, and {batch} was asked for.",
            "Tell the service's operator.",
        )
    if status is BatchStatus.REJECTED:
        raise ServiceRefusalError(
            "client.batch_rejected",
            f"The Registration Authority rejected the batch {batch}.",
            "Ask the service's operator why; submit it again once that is settled.",
        )
    if status is BatchStatus.TAMPERED:
        raise ServiceRefusalError(
            "client.batch_tampered",
            f"The service found that the batch {batch} changed after it was uploaded.",
            "Submit it again.",
        )


@dataclass(frozen=True, slots=True)
class WaitingTerms:
    """The terms of waiting for a batch.

    Attributes:
        pause: the seconds between two questions.
        limit: the most seconds in all; None for as long as it takes.
        tell: called with each state, and with each failure that is waited out.
        is_reached: whether the service has answered before; if not, the first failure is the
            last.
        sleep: waits.
        monotonic: tells seconds that never go back.
    """

    pause: float
    limit: float | None
    tell: Callable[[BatchStatus | ServiceFaultError], None]
    is_reached: bool = False
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic


def wait_for(
    caller: ServiceCaller,
    addresses: BatchAddresses,
    batch: int,
    trace: Trace,
    waiting: WaitingTerms,
) -> BatchAnswer:
    """Ask what became of a batch until it is done.

    A service that cannot be reached, or answers wrongly, is asked again ``PATIENCE`` times.

    Args:
        caller: how to call the service.
        addresses: of the service.
        batch: the BatchId.
        trace: of the first call; later ones leave none.
        waiting: how to wait.

    Raises:
        ServiceRefusalError, ServiceFaultError: as ``ask`` does; and if it takes longer than the
            limit.
    """
    begin, failures, is_reached = waiting.monotonic(), 0, waiting.is_reached
    while True:
        try:
            answer = ask(caller, addresses, batch, trace)
        except ServiceFaultError as error:
            failures += 1
            if failures > PATIENCE or not is_reached:
                raise
            waiting.tell(error)
        else:
            if answer.status not in _WAITING:
                return answer
            failures, is_reached = 0, True
            waiting.tell(answer.status)
        if (
            waiting.limit is not None
            and waiting.monotonic() - begin + waiting.pause > waiting.limit
        ):
            raise ServiceFaultError(
                "client.batch_waiting",
                f"The batch {batch} is not done after {waiting.limit:g} s.",
                f"Fetch it later: smki-testca client batch --batch-id {batch} …",
            )
        waiting.sleep(waiting.pause)
        trace = Trace()


def outcomes_of(answer: BatchAnswer, csrs: Sequence[BatchCsr]) -> list[CsrOutcome]:
    """The outcome of each CSR of a batch that is done, checked against the CSRs.

    A certificate that is not for its CSR is in none of them.

    Args:
        answer: of the batch.
        csrs: that were submitted; none if they are not known.

    Raises:
        ServiceFaultError: if the result lacks a CSR, or has others; if a certificate cannot be
            read.
    """
    by_id = {each.id: each for each in csrs}
    elements = answer.root.findall("DeviceCertificate")
    ids = [(element.get("ID") or "").strip() for element in elements]
    if csrs and set(ids) != set(by_id):
        missing = len(set(by_id) - set(ids))
        raise ServiceFaultError(
            "client.batch_incomplete",
            f"The result does not fit the {len(by_id):,} CSRs: it lacks {missing:,} of them, and"
            f" has {len(set(ids) - set(by_id)):,} that are none of them.",
            "Compare the BatchId with the CSRs; they must be the ones that were submitted.",
        )
    return [_outcome(key, element, by_id) for key, element in zip(ids, elements, strict=True)]


def _outcome(key: str, element: etree._Element, by_id: Mapping[str, BatchCsr]) -> CsrOutcome:
    """The outcome of one CSR."""
    csr, status = by_id.get(key), text_of(element, "Status")
    name = key if csr is None else csr.name
    if (status == CsrStatus.SUCCESS) != (element.find("Error") is None):
        raise contradiction(status)
    if status != CsrStatus.SUCCESS:
        return CsrOutcome(key, name, None, ServiceVerdict.of(element, status))
    certificate = IssuedCertificate.read(octets_of(element, "Certificate"), f"The result of {name}")
    if csr is not None:
        try:
            certificate.check(view_request(csr.der), f"{name}: the certificate")
        except ServiceFaultError as error:
            return CsrOutcome(key, name, None, ServiceVerdict(MISMATCH, error.code, error.message))
    return CsrOutcome(key, name, certificate, None)


MISMATCH = "MISMATCH"
"""Our own status of a CSR whose certificate is another's."""


def check_no_mismatch(outcomes: Sequence[CsrOutcome]) -> None:
    """Check that no certificate of a batch was for another CSR.

    Raises:
        ServiceFaultError: if one was.
    """
    wrong = [each.verdict for each in outcomes if each.verdict and each.verdict.status == MISMATCH]
    if wrong:
        raise ServiceFaultError(
            "client.batch_mismatch",
            f"{counted(len(wrong), 'certificate')} of the batch {is_or_are(len(wrong))} not for the"
            f" CSRs: {wrong[0].text}",
            "Reject them: tell the service's operator at once (SEC L11.6).",
        )
