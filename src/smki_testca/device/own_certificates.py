"""Judges a certificate of a Device's own, as the command that brings it does (CS02d)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from smki_testca.der.read import DerError
from smki_testca.errors import InputError
from smki_testca.identifiers import Eui64
from smki_testca.importers.sources import Source
from smki_testca.lint.chain import gathered
from smki_testca.lint.engine import Linter
from smki_testca.lint.linted import LintSettings
from smki_testca.profiles.model import Severity
from smki_testca.roles import Basis, KeyUsage
from smki_testca.x509.view import view_certificate, view_request

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from smki_testca.lint.findings import Finding
    from smki_testca.profiles import Library
    from smki_testca.profiles.device_answers import AnswerStatus, DeviceAnswers
    from smki_testca.x509.view import View

_PROFILE = "device"
_ISSUER_UNKNOWN = "issuer.unknown"
_SIGNATURE = "signature.invalid"
"""The finding that the vectors show: the signature does not fit what is signed."""
_BITS = {KeyUsage.DIGITAL_SIGNATURE: "digitalSignature", KeyUsage.KEY_AGREEMENT: "keyAgreement"}
_EUI64_OCTETS = 8


@dataclass(frozen=True, slots=True)
class AwaitedCertificate:
    """The certificate that a Device waits for, as far as it knows; None where unchecked.

    Attributes:
        device_id: its ID.
        usage: the key usage.
        key: the SubjectPublicKeyInfo of its new key pair, DER.
    """

    device_id: Eui64 | None = None
    usage: KeyUsage | None = None
    key: bytes | None = None


@dataclass(frozen=True, slots=True)
class OwnAnswer:
    """The answer of a Device to a certificate of its own.

    Attributes:
        status: the status.
        message: what is wrong, one sentence; empty for a success.
        basis: how well it is known that a Device answers so.
        source: where that was read or seen.
        findings: the linter's codes of what is wrong.
        remarks: what was not checked, and what is odd.
        device_id: the ID in the certificate; None where it cannot be read.
    """

    status: AnswerStatus
    message: str
    basis: Basis
    source: str
    findings: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    device_id: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The answer as a JSON object: ``status`` is the number, ``status_name`` its name."""
        return {
            "status": self.status.number,
            "status_name": self.status.name,
            "message": self.message,
            "basis": self.basis.value,
            "source": self.source,
            "findings": list(self.findings),
            "remarks": list(self.remarks),
            "device_id": self.device_id,
        }


def key_of_request(csr: bytes) -> bytes:
    """The public key of a CSR, a SubjectPublicKeyInfo.

    Raises:
        InputError: if the octets are not a CSR.
    """
    try:
        key = view_request(csr).octets("subjectPublicKeyInfo")
    except DerError as error:
        raise InputError("device.csr", f"The CSR cannot be read: {error.message}.") from error
    return key or b""


def injected(certificate: bytes, status: AnswerStatus) -> OwnAnswer:
    """The answer of a status that was asked for, whatever the certificate is."""
    message = "This answer was asked for, whatever the certificate is."
    return OwnAnswer(
        status, message, status.basis, status.source, device_id=_device_id(_view(certificate))
    )


def judged(
    certificate: bytes,
    expected: AwaitedCertificate,
    path: Sequence[bytes],
    at: datetime,
    library: Library,
    environment: str | None,
) -> OwnAnswer:
    """The answer of a Device to a certificate of its own.

    Args:
        certificate: DER, whatever its octets are.
        expected: what the Device waits for.
        path: the CA certificates above it, DER.
        at: the time of the Device.
        library: the profiles, and what Devices answer.
        environment: the test environment whose policies are allowed; None for any.
    """
    return OwnJudge(path, at, library, environment).judged(certificate, expected)


class OwnJudge:
    """Judges certificates of Devices' own by the same path.

    Args:
        path: the CA certificates above them, DER.
        at: the time of the Device.
        library: the profiles, and what Devices answer.
        environment: the test environment whose policies are allowed; None for any.
    """

    def __init__(
        self, path: Sequence[bytes], at: datetime, library: Library, environment: str | None
    ) -> None:
        settings = LintSettings(at, library.overrides, environment, _PROFILE, tuple(path))
        self._linter = Linter(settings, gathered(path, at))
        self._answers = library.device_answers
        self._has_path = bool(path)

    def judged(self, certificate: bytes, expected: AwaitedCertificate) -> OwnAnswer:
        """The answer of a Device to a certificate of its own.

        Args:
            certificate: DER, whatever its octets are.
            expected: what the Device waits for.
        """
        findings = self._linter.lint(Source("-", 0, certificate)).findings
        return _answer(certificate, expected, findings, self._answers, has_path=self._has_path)


def _answer(
    certificate: bytes,
    expected: AwaitedCertificate,
    findings: Sequence[Finding],
    answers: DeviceAnswers,
    *,
    has_path: bool,
) -> OwnAnswer:
    view = _view(certificate)
    device_id = _device_id(view)
    remarks = tuple(_remarks(findings, has_path=has_path))
    wrong = [each for each in findings if _is_fault(each, has_path=has_path)]
    if wrong or view is None:
        status = answers.own_status("1")
        codes = tuple(dict.fromkeys(each.code for each in wrong))
        message = wrong[0].message if wrong else "It is not a certificate."
        is_seen = _SIGNATURE in codes
        basis, source = (
            (status.basis, status.source) if is_seen else (Basis.ASSUMED, _unread_source(wrong))
        )
        return OwnAnswer(status, message, basis, source, codes, remarks, device_id)
    for number, message in _mismatches(view, expected, device_id):
        status = answers.own_status(number)
        source = f"{status.meaning} {status.source}"
        return OwnAnswer(status, message, Basis.ASSUMED, source, (), remarks, device_id)
    status = answers.own_status("0")
    return OwnAnswer(status, "", status.basis, status.source, (), remarks, device_id)


def _unread_source(findings: Sequence[Finding]) -> str:
    """The source of the first broken rule; that a Device checks the rule was not read."""
    return f"{findings[0].source if findings else 'X.690'}; that a Device checks it was not read"


def _is_fault(finding: Finding, *, has_path: bool) -> bool:
    return finding.severity is Severity.ERROR or (has_path and finding.code == _ISSUER_UNKNOWN)


def _mismatches(
    view: View, expected: AwaitedCertificate, device_id: str | None
) -> Iterator[tuple[str, str]]:
    """Yield what is not as asked: the number of the status, and a message."""
    if expected.device_id is not None and device_id != str(expected.device_id):
        yield "2", f"It is for {device_id or 'no Device'}, not for {expected.device_id}."
    usages = view.value("extensions.keyUsage")
    if expected.usage is not None and usages != (_BITS[expected.usage],):
        usage_words = " and ".join(usages) if isinstance(usages, tuple) else "none"
        yield "3", f"Its keyUsage is {usage_words}, not {_BITS[expected.usage]}."
    if expected.key is not None and view.octets("subjectPublicKeyInfo") != expected.key:
        yield "5", "Its public key is not that of the CSR."


def _remarks(findings: Sequence[Finding], *, has_path: bool) -> Iterator[str]:
    for finding in findings:
        if finding.code == _ISSUER_UNKNOWN and not has_path:
            yield "Its signature is unchecked: no CA certificate above it was given."
        elif finding.severity is Severity.WARNING:
            yield finding.message


def _view(certificate: bytes) -> View | None:
    try:
        return view_certificate(certificate)
    except DerError:
        return None


def _device_id(view: View | None) -> str | None:
    """The Device ID in a certificate."""
    octets = (
        None
        if view is None
        else view.octets("extensions.subjectAltName.hardwareModuleName.hwSerialNum")
    )
    is_whole = octets is not None and len(octets) == _EUI64_OCTETS
    return str(Eui64.from_octets(octets)) if is_whole and octets else None
