"""Judges replacement certificates as a Device does: by its root and the path certificates.

The linter says what is wrong; ``device-answers.toml`` says which rule that breaks, and which status
a Device answers with. Octets from outside reach nothing but the linter.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from smki_testca.der.read import DerError
from smki_testca.device.answer import DeviceVerdict
from smki_testca.importers.sources import Source
from smki_testca.lint.chain import NOBODY, SignatureVerdict, gathered, signer_of
from smki_testca.lint.engine import Linter
from smki_testca.lint.guard import guarded
from smki_testca.lint.linted import LintSettings
from smki_testca.profiles.model import Severity
from smki_testca.roles import Basis
from smki_testca.x509.view import is_in_place, view_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from smki_testca.lint.chain import PossibleIssuer
    from smki_testca.lint.findings import Breach
    from smki_testca.profiles import Library
    from smki_testca.profiles.device_answers import DeviceRule
    from smki_testca.profiles.device_types import Cell
    from smki_testca.x509.view import View

_END_ENTITY, _ROOT = "organisation", "organisation-root-ca"
"""The profiles of the certificates in cells."""
_SEEN_TO_DIFFER = ("02", 0x08)
"""The role in a certificate and that of a cell which the vectors show together: a supplier's in a
load controller's cell."""
_NO_RULE = "no rule that was read demands that a Device refuses it"
_ODD = ""
"""In place of a rule's code: what the linter remarks on, and no rule of a Device forbids."""
_SAID_OTHERWISE = frozenset(
    {
        SignatureVerdict.NOT_BY_NAMED_ISSUER,
        SignatureVerdict.NOT_BY_ITSELF,
        SignatureVerdict.BY_ITSELF,
    }
)
"""The verdicts by which the linter finds a signature or an issuer at fault, not the path."""


class Verdicts(NamedTuple):
    """The verdicts on one replacement certificate: with the checks of time, and without."""

    with_time_checks: DeviceVerdict
    without_time_checks: DeviceVerdict


class _Fault(NamedTuple):
    """A breach of a rule: its code, what is wrong, and the linter's code where that found it."""

    code: str
    message: str
    finding: str | None = None


class Judge:
    """Judges certificates by a root and path certificates.

    Args:
        root: the certificate of the Device's root, DER; None if it has none, and then no path ends.
        path: the path certificates of the command, DER.
        at: the time of the Device.
        library: the profiles, and what Devices answer.
        environment: the test environment whose policies are allowed; None for any.
    """

    def __init__(
        self,
        root: bytes | None,
        path: Sequence[bytes],
        at: datetime,
        library: Library,
        environment: str | None = None,
    ) -> None:
        self._anchor = None if root is None else _name_and_key(root)
        self._path = path
        self._trusted = (*([] if root is None else [root]), *path)
        self._names = {each[0] for each in map(_name_and_key, self._trusted) if each is not None}
        self._issuers = gathered(self._trusted, at)
        self._settings = LintSettings(at, library.overrides, environment, trusted=self._trusted)
        self._library = library
        self._linters: dict[str | None, Linter] = {}
        self._faults_of_path: dict[bytes, tuple[_Fault, ...]] = {}
        self._answers = library.device_answers
        self._success = self._answers.success

    def verdicts(self, der: bytes, cell: Cell) -> Verdicts:
        """The verdicts of a Device on a certificate for a cell.

        Args:
            der: the octets of the certificate, whatever they are.
            cell: a cell that the Device has.
        """
        faults = tuple(self._faults(der, cell))
        return Verdicts(
            self.verdict(faults), self.verdict(tuple(f for f in faults if not self._is_of_time(f)))
        )

    def refusal(self, code: str, message: str) -> DeviceVerdict:
        """The verdict of one rule that is broken, whatever the certificate is."""
        return self.verdict((_Fault(code, message),))

    def verdict(self, faults: tuple[_Fault, ...]) -> DeviceVerdict:
        """The verdict that follows from faults: the first rule that is broken decides."""
        codes = {fault.code for fault in faults}
        broken = [rule for rule in self._answers.rules if rule.code in codes]
        remarks = tuple(
            fault.message
            for rule in broken
            if rule.status.is_success
            for fault in faults
            if fault.code == rule.code
        )
        for rule in broken:
            if not rule.status.is_success:
                of_rule = [fault for fault in faults if fault.code == rule.code]
                findings = dict.fromkeys(fault.finding for fault in of_rule if fault.finding)
                return DeviceVerdict(
                    rule.status,
                    rule.code,
                    of_rule[0].message,
                    rule.basis,
                    rule.source,
                    tuple(findings),
                    remarks,
                )
        return self._granted(broken, faults, remarks)

    def _granted(
        self, broken: Sequence[DeviceRule], faults: tuple[_Fault, ...], remarks: tuple[str, ...]
    ) -> DeviceVerdict:
        """The verdict of success, and how well it is known."""
        basis, source = self._success.basis, self._success.source
        if broken:
            basis, source = broken[0].basis, broken[0].source
        elif faults:
            basis, source = Basis.ASSUMED, _NO_RULE
        return DeviceVerdict(self._success, None, "", basis, source, remarks=remarks)

    def _is_of_time(self, fault: _Fault) -> bool:
        return fault.code != _ODD and self._answers.rule(fault.code).time

    def _faults(self, der: bytes, cell: Cell) -> Iterator[_Fault]:
        """Yield every breach of a rule; of one rule, what is said best first."""
        try:
            view = view_certificate(der)
            is_readable = is_in_place(view)
        except DerError:
            is_readable = False
        if is_readable and not cell.is_root:
            yield from self._on_path(view)
        yield from self._found(der, _ROOT if cell.is_root else _END_ENTITY)
        if is_readable:
            yield from _of_cell(view, cell)

    def _found(self, der: bytes, profile: str | None) -> Iterator[_Fault]:
        """Yield what the linter finds that breaks a rule."""
        linter = self._linters.get(profile)
        if linter is None:
            settings = replace(self._settings, as_profile=profile)
            linter = Linter(settings, self._issuers, self._library)
            self._linters[profile] = linter
        linted = linter.lint(Source("-", 0, der))
        if profile is not None and linted.kind not in {profile, "unknown"}:
            yield _Fault("device.der", f"It is not a certificate: its kind is {linted.kind}.")
            return
        for finding in linted.findings:
            is_error = finding.severity is Severity.ERROR
            for rule in self._answers.rules:
                if rule.is_broken_by(finding.code, is_error=is_error):
                    yield _Fault(rule.code, finding.message, finding.code)
                    break
            else:
                yield _Fault(_ODD, finding.message, finding.code)

    def _on_path(self, view: View) -> Iterator[_Fault]:
        """Yield what is wrong with the path from a certificate to the root."""
        breaches: list[Breach] = []
        signer = guarded("issuer", lambda: signer_of(view, self._issuers), breaches) or NOBODY
        is_its_own = signer.verdict is SignatureVerdict.RIGHT and signer.issuer is None
        if is_its_own or signer.verdict in _SAID_OTHERWISE:
            return
        path = guarded("issuer", lambda: self._issuers.path_from(signer.issuer), breaches) or ()
        for authority in path:
            if self._is_anchor(authority):
                yield from self._unused({each.der for each in path})
                return
            yield from self._of_path_certificate(authority.der)
        if not path and view.octets("issuer") not in self._names:
            message = "Its issuer is neither among the path certificates nor the Device's root."
            yield _Fault("device.path.issuer", message, "issuer.unknown")
            return
        message = "A CA of its issuer's name is on the path, but another key or none signed it."
        if path:
            message = "The path from it does not end with the Device's root."
        yield _Fault("device.path.end", message)

    def _is_anchor(self, authority: PossibleIssuer) -> bool:
        """Whether a CA is the root: its name and key are (RFC 5280 6.1.1 (d))."""
        return self._anchor is not None and _name_and_key(authority.der) == self._anchor

    def _unused(self, used: set[bytes]) -> Iterator[_Fault]:
        """Yield which path certificates are at fault that a path does without."""
        for number, der in enumerate(self._path, 1):
            if der not in used and self._of_path_certificate(der):
                message = f"The path does without path certificate {number}, which is at fault."
                yield _Fault("device.path.unused", message)

    def _of_path_certificate(self, der: bytes) -> tuple[_Fault, ...]:
        """The faults of a path certificate, its time left aside."""
        if der not in self._faults_of_path:
            faults = []
            for fault in self._found(der, None):
                if self._is_of_time(fault) or fault.code in {_ODD, "device.path.end"}:
                    continue
                is_signature = fault.code == "device.signature"
                code = "device.path.signature" if is_signature else "device.path.certificate"
                message = f"A path certificate is at fault. {fault.message}"
                faults.append(_Fault(code, message, fault.finding))
            self._faults_of_path[der] = tuple(faults)
        return self._faults_of_path[der]


def _of_cell(view: View, cell: Cell) -> Iterator[_Fault]:
    """Yield where a certificate does not fit its cell, or it is not known what does."""
    if cell.is_root:
        yield _Fault("device.root", "A new root is judged by its own signature and profile alone.")
    usages = view.value("extensions.keyUsage")
    if not isinstance(usages, tuple) or cell.key_usage.bit not in usages:
        yield _Fault("device.usage", f"Its keyUsage is not the {cell.key_usage.bit} of the cell.")
    role = view.text("subject.organizationalUnitName")
    if role is not None and role != cell.role.hex:
        message = f"Its role is {role}, not the {cell.role.hex} ({cell.role.name}) of the cell."
        is_seen = (role, cell.role.code) == _SEEN_TO_DIFFER
        yield _Fault("device.role.supplier" if is_seen else "device.role", message)


def _name_and_key(der: bytes) -> tuple[bytes | None, bytes | None] | None:
    """The subject and the public key of a certificate; None if it cannot be read."""
    try:
        view = view_certificate(der)
    except DerError:
        return None
    return view.octets("subject"), view.octets("subjectPublicKeyInfo")
