"""The CSRs of a submitted batch: a message of the web service, or a ZIP of the portal."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from smki_testca.estate.batch_requests import Origin
from smki_testca.issuance.batch.csr_sources import ZipOfCsrs
from smki_testca.service.device_csr.submitted_messages import CsrBatch

if TYPE_CHECKING:
    from smki_testca.estate.batch_requests import BatchRequest
    from smki_testca.issuance.batch.csr_sources import CsrSource, IgnoredEntries


class MessageMember(NamedTuple):
    """One CSR of a message.

    Attributes:
        number: its place in the message, from 1.
        name: the ID of its DeviceCSR.
    """

    number: int
    name: str


class CsrsOfMessage:
    """The CSRs of a SubmitCSRBatch; see ``CsrSource``.

    Args:
        path: names the batch in the response that the portal gives.
        message: the message.
    """

    passed_over: tuple[IgnoredEntries, ...] = ()
    is_refused_whole = False

    def __init__(self, path: str, message: CsrBatch) -> None:
        self.path = path
        self.members: list[MessageMember] = []
        self._csrs: list[bytes] = []
        for number, each in enumerate(message.csrs(), 1):
            self.members.append(MessageMember(number, each.id))
            self._csrs.append(each.csr)

    def read(self, number: int) -> bytes:
        """Give a CSR in base64; see ``CsrSource.read``."""
        return self._csrs[number - 1]


def source_of(batch: BatchRequest, content: bytes) -> CsrSource:
    """The CSRs of a batch.

    Args:
        batch: that was submitted.
        content: of the batch, octet for octet as it was.

    Raises:
        InputError: if the batch as a whole is refused.
    """
    if batch.origin is Origin.PORTAL:
        return ZipOfCsrs(batch.reference, content)
    message = CsrBatch(batch.reference, batch.csrs, content)
    return CsrsOfMessage(f"batch-{batch.id}", message)
