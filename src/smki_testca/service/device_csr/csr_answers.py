"""Writes the answers of the two web services (SEC App. M A, C and D).

Whatever text an answer holds, the document is right by its schema: what XML cannot hold is escaped
as in Python.
"""

from __future__ import annotations

import base64
import io
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, TypeVar

from lxml import etree

from smki_testca.service.device_csr.schema import VERSION
from smki_testca.text import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CONTENT_TYPE = "application/xml"
CHARSET = "UTF-8"
MAX_TEXT = 2_000
"""The most characters of a text for a person: a CSR may have hundreds of faults."""
_CHUNK = 1 << 16
"""The fewest octets of a long answer that are given at a time."""


class AdHocStatus(StrEnum):
    """The outcomes of a request for one certificate (SEC App. M A, Response Status)."""

    SUCCESS = "SUCCESS"
    UNKNOWN_DEVICE = "UNKNOWN_DEVICE"
    ISSUANCE_ANOMALY = "ISSUANCE_ANOMALY"
    CSR_ERROR = "CSR_ERROR"
    CA_ERROR = "CA_ERROR"
    FORMAT_ERROR = "FORMAT_ERROR"
    WORKFLOW_ERROR = "WORKFLOW_ERROR"


class CsrStatus(StrEnum):
    """The outcomes of one CSR of a batch (SEC App. M D, Status values)."""

    SUCCESS = "SUCCESS"
    ISSUANCE_ANOMALY = "ISSUANCE_ANOMALY"
    INELIGIBLE = "INELIGIBLE"
    CSR_ERROR = "CSR_ERROR"
    CA_ERROR = "CA_ERROR"
    WORKFLOW_ERROR = "WORKFLOW_ERROR"


class BatchStatus(StrEnum):
    """The state of a batch, or why there is none to tell (SEC App. M D, BatchStatus values).

    A submission is answered with PENDING or one of the last two (SEC App. M C).
    """

    PENDING = "PENDING"
    REJECTED = "REJECTED"
    PARSING = "PARSING"
    QUEUED = "QUEUED"
    PROCESSING = "PROCESSING"
    PAUSED = "PAUSED"
    COMPLETED = "COMPLETED"
    TAMPERED = "TAMPERED"
    FORMAT_ERROR = "FORMAT_ERROR"
    WORKFLOW_ERROR = "WORKFLOW_ERROR"


PREFIXES = {
    "UNKNOWN_DEVICE": "UD",
    "ISSUANCE_ANOMALY": "CA",
    "INELIGIBLE": "IN",
    "CSR_ERROR": "CR",
    "CA_ERROR": "CA",
    "FORMAT_ERROR": "FM",
    "WORKFLOW_ERROR": "WF",
}
"""With what the error code of each status begins (SEC App. M A, C and D)."""
_CODE = re.compile(r"[A-Z]{2}:[A-Za-z0-9]{1,7}", re.ASCII)

S = TypeVar("S", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class ErrorElement(Generic[S]):
    """An Error element, with the status that it belongs to.

    Attributes:
        status: any but success.
        code: two letters that follow from the status, a colon, and one to seven letters or digits.
        text: what is wrong, and what to do about it.
    """

    status: S
    code: str
    text: str

    def __post_init__(self) -> None:
        prefix = PREFIXES.get(self.status.value)
        if not _CODE.fullmatch(self.code) or self.code[:2] != prefix:
            raise ValueError(f"{self.code} is not an error code of {self.status.value}")


@dataclass(frozen=True, slots=True)
class CsrAnswer:
    """The answer on one CSR of a batch: a DeviceCertificate element.

    Attributes:
        id: the client's reference of the CSR.
        outcome: the certificate, DER, or why there is none.
    """

    id: str
    outcome: bytes | ErrorElement[CsrStatus]


def signing_response(
    build: str,
    transaction: int,
    outcome: bytes | ErrorElement[AdHocStatus],
    request_id: str | None = None,
) -> bytes:
    """The DeviceCertificateSigningResponse to one request.

    Args:
        build: the version of this software.
        transaction: our number of the request, from 1.
        outcome: the certificate, DER, or why there is none.
        request_id: the client's reference; None if the request could not be read.
    """
    root = _root("DeviceCertificateSigningResponse", request_id, build)
    _add(root, "TransactionId", str(transaction))
    _add_outcome(root, outcome, AdHocStatus.SUCCESS)
    return _document(root)


def batch_receipt(
    build: str, outcome: int | ErrorElement[BatchStatus], reference: str | None = None
) -> bytes:
    """The SubmitCSRBatchStatus that answers a submission.

    Args:
        build: the version of this software.
        outcome: the BatchId, or why the batch is not accepted: FORMAT_ERROR or WORKFLOW_ERROR.
        reference: the client's, of the batch; None if the submission could not be read.
    """
    root = _root("SubmitCSRBatchStatus", reference, build)
    if isinstance(outcome, ErrorElement):
        _add(root, "BatchStatus", outcome.status)
        _add_error(root, outcome)
    else:
        _add(root, "BatchStatus", BatchStatus.PENDING)
        _add(root, "BatchId", str(outcome))
    return _document(root)


def batch_failure(
    build: str, failure: ErrorElement[BatchStatus], reference: str | None = None
) -> bytes:
    """The CSRBatchResult that answers a query to which there is no result.

    Args:
        build: the version of this software.
        failure: FORMAT_ERROR or WORKFLOW_ERROR.
        reference: the client's, of the batch; None if no batch was found.
    """
    root = _root("CSRBatchResult", reference, build)
    _add(root, "BatchStatus", failure.status)
    _add_error(root, failure)
    return _document(root)


def batch_result(
    build: str,
    batch: int,
    status: BatchStatus,
    reference: str,
    certificates: Iterable[CsrAnswer] = (),
) -> Iterator[bytes]:
    """Yield the parts of the CSRBatchResult of a batch: 50,000 certificates are long.

    Args:
        build: the version of this software.
        batch: the BatchId.
        status: of the batch; none of the two that tell of an error.
        reference: the client's, of the batch.
        certificates: of a completed batch, in the order of its CSRs.
    """
    buffer = io.BytesIO()
    with etree.xmlfile(buffer, encoding=CHARSET) as file:
        file.write_declaration()
        with file.element("CSRBatchResult", ID=reference):
            for name, text in (
                ("Version", VERSION),
                ("Build", plain(build)),
                ("BatchStatus", status.value),
                ("BatchId", str(batch)),
            ):
                with file.element(name):
                    file.write(text)
            for certificate in certificates:
                element = etree.Element("DeviceCertificate", ID=certificate.id)
                _add_outcome(element, certificate.outcome, CsrStatus.SUCCESS)
                file.write(element)
                if buffer.tell() >= _CHUNK:
                    yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: io.BytesIO) -> bytes:
    """Empty a buffer; gives what it held."""
    octets = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return octets


def _root(name: str, reference: str | None, build: str) -> etree._Element:
    """The root element of an answer, with what each begins with."""
    root = etree.Element(name)
    if reference is not None:
        root.set("ID", reference)
    _add(root, "Version", VERSION)
    _add(root, "Build", build)
    return root


def _add_outcome(parent: etree._Element, outcome: bytes | ErrorElement[S], success: S) -> None:
    """Add the Status and what belongs to it."""
    if isinstance(outcome, ErrorElement):
        _add(parent, "Status", outcome.status.value)
        _add_error(parent, outcome)
    else:
        _add(parent, "Status", success.value)
        _add(parent, "Certificate", base64.b64encode(outcome).decode("ascii"))


def _add_error(parent: etree._Element, failure: ErrorElement[S]) -> None:
    error = etree.SubElement(parent, "Error")
    _add(error, "ErrorCode", failure.code)
    text = failure.text
    _add(error, "ErrorText", text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…")


def _add(parent: etree._Element, name: str, text: str) -> None:
    etree.SubElement(parent, name).text = plain(text)


def _document(root: etree._Element) -> bytes:
    return etree.tostring(root, encoding=CHARSET, xml_declaration=True)
