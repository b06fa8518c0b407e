"""The verdict of a Device CSR service in place of a certificate: status, code and text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from smki_testca.client.answer_documents import text_of
from smki_testca.client.service_errors import ServiceRefusalError, remedy_beside

if TYPE_CHECKING:
    from lxml import etree


@dataclass(frozen=True, slots=True)
class ServiceVerdict:
    """The error with which a service answers (SEC App. M A, C and D).

    Attributes:
        status: such as ``CSR_ERROR``.
        code: such as ``CR:KEY``; empty where the answer has none.
        text: for a person.
    """

    status: str
    code: str
    text: str

    @classmethod
    def of(cls, parent: etree._Element, status: str) -> Self:
        """Read the Error below an element."""
        error = parent.find("Error")
        if error is None:
            return cls(status, "", "")
        return cls(status, text_of(error, "ErrorCode"), text_of(error, "ErrorText"))

    def as_json(self) -> dict[str, Any]:
        """The verdict as JSON: status, code, text."""
        return {"status": self.status, "code": self.code, "text": self.text}

    def error(self, **more: Any) -> ServiceRefusalError:
        """The error that a service refuses.

        Args:
            **more: what else it said, for JSON.
        """
        code = f" {self.code}" if self.code else ""
        text = f": {self.text.rstrip('. ')}" if self.text else ""
        if self.code == _UNKNOWN_BATCH:
            error = ServiceRefusalError(
                "client.batch_unknown",
                f"The service knows no such batch of this client: {self.status}{code}{text}.",
                remedy_beside(
                    self.text,
                    "Compare the BatchId, and use the certificate with which it was submitted.",
                ),
            )
        else:
            error = ServiceRefusalError(
                "client.service_refused",
                f"The service refuses: {self.status}{code}{text}.",
                remedy_beside(self.text, _REMEDIES.get(self.status, "")),
            )
        error.verdict = {**self.as_json(), **more}
        return error


_UNKNOWN_BATCH = "FM:AA3"
_REMEDIES = {
    "UNKNOWN_DEVICE": "Request the Device's first certificate as a batch, or by the Portal.",
    "ISSUANCE_ANOMALY": "Ask the service's operator to look at this Device.",
    "CSR_ERROR": "Correct the CSR and submit it again.",
    "CA_ERROR": "Submit it again.",
    "FORMAT_ERROR": "Correct the request and submit it again.",
    "WORKFLOW_ERROR": "Tell the service's operator the error code.",
}
"""The remedy that Appendix M gives for each status."""
