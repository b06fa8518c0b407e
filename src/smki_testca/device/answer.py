"""A Device's answer to a replacement certificate, with the certificates that it names."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from smki_testca.clock import iso
from smki_testca.der.read import DerError
from smki_testca.identifiers import Eui64
from smki_testca.profiles.device_types import NO_IDENTIFIER
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from smki_testca.profiles.device_answers import AnswerStatus
    from smki_testca.profiles.device_types import Cell
    from smki_testca.roles import Basis

_EUI64_OCTETS = 8


@dataclass(frozen=True, slots=True)
class CellContent:
    """The identity of a certificate in a cell, or of one that is to replace it.

    Attributes:
        eui64: the Entity Identifier in it; 8 zero octets for a certificate without one, such as a
            root's; None where it cannot be read.
        key_identifier: its subjectKeyIdentifier, in hexadecimal; None where there is none.
        serial: its serial number, in hexadecimal; None where it cannot be read.
        not_after: its end, ISO 8601; None where it cannot be read.
        sha256: the digest of its octets, in hexadecimal.
    """

    eui64: str | None
    key_identifier: str | None
    serial: str | None
    not_after: str | None
    sha256: str

    @classmethod
    def of(cls, der: bytes) -> CellContent:
        """Read a certificate, as far as it can be read."""
        sha256 = hashlib.sha256(der).hexdigest()
        try:
            view = view_certificate(der)
        except DerError:
            return cls(None, None, None, None, sha256)
        identifier = view.octets("subject.x500UniqueIdentifier")
        key_identifier = view.octets("extensions.subjectKeyIdentifier")
        serial, end = view.value("serialNumber"), view.instant("validity.notAfter")
        eui64 = None
        if identifier is not None and len(identifier) == _EUI64_OCTETS:
            eui64 = str(Eui64.from_octets(identifier))
        elif "subject.x500UniqueIdentifier" not in view.fields:
            eui64 = NO_IDENTIFIER
        return cls(
            eui64,
            None if key_identifier is None else key_identifier.hex(),
            f"{serial:032X}" if isinstance(serial, int) and serial >= 0 else None,
            None if end is None else iso(end),
            sha256,
        )

    def as_json(self) -> dict[str, Any]:
        """The certificate as a JSON object, its attributes as keys."""
        return {
            "eui64": self.eui64,
            "key_identifier": self.key_identifier,
            "serial": self.serial,
            "not_after": self.not_after,
            "sha256": self.sha256,
        }


@dataclass(frozen=True, slots=True)
class DeviceVerdict:
    """A status and why.

    Attributes:
        status: the status.
        code: the rule that decides, such as ``device.path.issuer``; None for a success.
        message: what is wrong, one sentence; empty for a success.
        basis: how well it is known that a Device answers so.
        source: where that was read or seen.
        findings: the linter's codes that broke the rule.
        remarks: what is odd and no reason to refuse it.
    """

    status: AnswerStatus
    code: str | None
    message: str
    basis: Basis
    source: str
    findings: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The verdict as a JSON object: ``status`` is the number, ``status_name`` its name."""
        return {
            "status": self.status.number,
            "status_name": self.status.name,
            "code": self.code,
            "message": self.message,
            "basis": self.basis.value,
            "source": self.source,
            "findings": list(self.findings),
            "remarks": list(self.remarks),
        }


@dataclass(frozen=True, slots=True)
class DeviceAnswer:
    """The answer of a Device to one replacement certificate.

    Attributes:
        cell: the cell.
        verdict: what it answers to the command as it was.
        time_checks: whether the command applied the checks of time.
        with_time_checks, without_time_checks: what it answers in either case.
        old: what the cell held; None if it was empty.
        new: the replacement certificate, whether the cell has it now or not.
    """

    cell: Cell
    verdict: DeviceVerdict
    time_checks: bool
    with_time_checks: DeviceVerdict
    without_time_checks: DeviceVerdict
    old: CellContent | None
    new: CellContent

    @property
    def status(self) -> int:
        """The number of the status, 0 for success."""
        return self.verdict.status.number

    @property
    def is_replaced(self) -> bool:
        """Whether the cell has the replacement certificate now; otherwise it has the old one."""
        return self.verdict.status.is_success

    def as_json(self) -> dict[str, Any]:
        """The answer as a JSON object."""
        return {
            "cell": cell_as_json(self.cell),
            **self.verdict.as_json(),
            "replaced": self.is_replaced,
            "time_checks": self.time_checks,
            "old": None if self.old is None else self.old.as_json(),
            "new": self.new.as_json(),
            "with_time_checks": self.with_time_checks.as_json(),
            "without_time_checks": self.without_time_checks.as_json(),
        }


def cell_as_json(cell: Cell) -> dict[str, Any]:
    """A cell as a JSON object."""
    return {
        "name": cell.short,
        "role": cell.role.name,
        "role_code": cell.role.hex,
        "key_usage": cell.key_usage.bit,
        "cell_usage": cell.cell_usage.in_messages,
    }
