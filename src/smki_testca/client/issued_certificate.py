"""Checks a certificate that a service issued against its CSR, as its subscriber must."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from smki_testca.authority.csr import differences
from smki_testca.client.service_errors import ServiceFaultError
from smki_testca.clock import iso
from smki_testca.der.read import DerError
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from smki_testca.x509.view import View

_DEVICE_ID = "extensions.subjectAltName.hardwareModuleName.hwSerialNum"
_REJECT = "Reject it: tell the service's operator at once (SEC L11.6)."


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """A certificate that a service gave.

    Attributes:
        der: the certificate.
        serial: its serial number, hexadecimal.
        device: the Device ID in it; empty if it has none.
        not_after: the end of its validity; empty where it cannot be read.
    """

    der: bytes
    serial: str
    device: str
    not_after: str

    @classmethod
    def read(cls, der: bytes, where: str = "The answer") -> Self:
        """Read a certificate that a service gave.

        Args:
            der: as the service gave it.
            where: it was, to begin a message.

        Raises:
            ServiceFaultError: if it is none.
        """
        try:
            view = view_certificate(der)
        except DerError as error:
            raise ServiceFaultError(
                "client.no_certificate",
                f"{where} holds no certificate: {error.message}.",
                "Tell the service's operator.",
            ) from error
        number, end = view.value("serialNumber"), view.instant("validity.notAfter")
        return cls(
            der,
            f"{number:032X}" if isinstance(number, int) and number >= 0 else "",
            device_of(view),
            "" if end is None else iso(end),
        )

    def check(self, csr: View, where: str = "The certificate") -> None:
        """Check that the certificate is the one that a CSR asks for.

        Args:
            csr: that was submitted.
            where: names the certificate, to begin a message.

        Raises:
            ServiceFaultError: if it is another Device's, or differs in anything else.
        """
        csr_device = device_of(csr)
        if self.device != csr_device:
            raise ServiceFaultError(
                "client.other_device",
                f"{where} {self.serial} is for {self.device or 'no Device'}, and the CSR is of"
                f" {csr_device or 'no Device'}.",
                _REJECT,
            )
        differing = differences(csr, view_certificate(self.der))
        if differing:
            raise ServiceFaultError(
                "client.other_csr",
                f"{where} {self.serial} is not for this CSR: {', '.join(differing)}.",
                _REJECT,
            )

    def as_json(self) -> dict[str, Any]:
        """The certificate as JSON: serial, device, not_after."""
        return {"serial": self.serial, "device": self.device, "not_after": self.not_after}


def device_of(view: View) -> str:
    """The Device ID in a CSR or certificate; empty if it has none."""
    return (view.octets(_DEVICE_ID) or b"").hex("-").upper()
