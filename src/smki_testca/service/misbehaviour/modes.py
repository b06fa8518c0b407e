"""The ways in which the services misbehave, as data: what each does, and to which requests."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from smki_testca.errors import InputError
from smki_testca.text import shown, use_one_of

if TYPE_CHECKING:
    from collections.abc import Sequence

SERVICES = ("adhoc", "batched", "repository", "portal")
"""The services that can misbehave. The control listener does not: it ends all of it."""
SUBMIT, RESULT = "*/SubmitCSRBatch", "*/CSRBatchResult"
"""The paths of the Batched service (SEC App. M C and D)."""

DEFAULT_SECONDS = 10.0
MAX_SECONDS = 3600.0
"""The time that a slow answer takes by default, and at most."""


class Layer(StrEnum):
    """The layers at which misbehaviour shows, each of which does its own."""

    TLS = "TLS"
    TRANSPORT = "transport"
    CONTENT = "content"


@dataclass(frozen=True, slots=True)
class RequestPattern:
    """The requests that a mode can change.

    Attributes:
        service: one of ``SERVICES``.
        path: a pattern of paths.
    """

    service: str
    path: str = "*"

    def has(self, service: str, path: str) -> bool:
        """Whether a request is one of them."""
        return self.service == service and fnmatchcase(path, self.path)


@dataclass(frozen=True, slots=True)
class MisbehaviourKind:
    """A way to misbehave.

    Attributes:
        name: as rules write it.
        does: what it does, in a sentence or two.
        layer: where it shows.
        patterns: the requests that it can change.
        argument: what follows the name in a rule, as documents write it; empty for nothing.
        basis: the clause by which a client must be ready for it, where there is one.
    """

    name: str
    does: str
    layer: Layer
    patterns: tuple[RequestPattern, ...]
    argument: str = ""
    basis: str = ""

    @property
    def form(self) -> str:
        """The form in which a rule writes it, such as ``alert:NAME``."""
        return self.name + self.argument


@dataclass(frozen=True, slots=True)
class Alert:
    """A fatal alert of TLS.

    Attributes:
        name: as RFC 5246 and its successors write it.
        number: in the record.
        is_early: whether it answers the ClientHello. Any other answers the client's certificate.
    """

    name: str
    number: int
    is_early: bool = False


@dataclass(frozen=True, slots=True)
class ErrorStatus:
    """A status of Appendix M other than success.

    Attributes:
        status: as the messages have it.
        prefix: of its error codes; empty for one that has no code.
        patterns: the requests that are answered with it.
        is_of_batch: whether the result of a batch has it as a whole. Where only its CSRs can have
            it, each of them does.
        basis: the table of SEC App. M.
    """

    status: str
    prefix: str
    patterns: tuple[RequestPattern, ...]
    basis: str
    is_of_batch: bool = False


_ADHOC, _SUBMIT, _RESULT = (
    RequestPattern("adhoc"),
    RequestPattern("batched", SUBMIT),
    RequestPattern("batched", RESULT),
)
_ALL = tuple(map(RequestPattern, SERVICES))
_XML = (
    RequestPattern("adhoc"),
    RequestPattern("batched"),
    RequestPattern("repository", "/services/*"),
)
_RETRIEVE = RequestPattern("repository", "/services/retrievecertificate")
_A, _C, _D = "SEC App. M A", "SEC App. M C", "SEC App. M D"

ERRORS = {
    each.status: each
    for each in (
        ErrorStatus("UNKNOWN_DEVICE", "UD", (_ADHOC,), _A),
        ErrorStatus("ISSUANCE_ANOMALY", "CA", (_ADHOC, _RESULT), f"{_A} and D"),
        ErrorStatus("CSR_ERROR", "CR", (_ADHOC, _RESULT), f"{_A} and D"),
        ErrorStatus("CA_ERROR", "CA", (_ADHOC, _RESULT), f"{_A} and D"),
        ErrorStatus(
            *("FORMAT_ERROR", "FM", (_ADHOC, _SUBMIT, _RESULT), f"{_A}, C and D"), is_of_batch=True
        ),
        ErrorStatus(
            *("WORKFLOW_ERROR", "WF", (_ADHOC, _SUBMIT, _RESULT), f"{_A}, C and D"),
            is_of_batch=True,
        ),
        ErrorStatus("INELIGIBLE", "IN", (_RESULT,), _D),
        *(
            ErrorStatus(status, "", (_RESULT,), _D, is_of_batch=True)
            for status in ("REJECTED", "PARSING", "QUEUED", "PROCESSING", "PAUSED", "TAMPERED")
        ),
    )
}
"""By status: what ``error:STATUS`` answers."""

EACH = ("ISSUANCE_ANOMALY", "INELIGIBLE", "CSR_ERROR", "CA_ERROR", "WORKFLOW_ERROR")
"""The statuses that a CSR of a batch may have (SEC App. M D)."""

ALERTS = {
    each.name: each
    for each in (
        Alert("unexpected_message", 10, is_early=True),
        Alert("bad_record_mac", 20),
        Alert("record_overflow", 22),
        Alert("handshake_failure", 40, is_early=True),
        Alert("bad_certificate", 42),
        Alert("unsupported_certificate", 43),
        Alert("certificate_revoked", 44),
        Alert("certificate_expired", 45),
        Alert("certificate_unknown", 46),
        Alert("illegal_parameter", 47, is_early=True),
        Alert("unknown_ca", 48),
        Alert("access_denied", 49),
        Alert("decode_error", 50, is_early=True),
        Alert("decrypt_error", 51),
        Alert("protocol_version", 70, is_early=True),
        Alert("insufficient_security", 71, is_early=True),
        Alert("internal_error", 80),
        Alert("inappropriate_fallback", 86, is_early=True),
        Alert("unrecognized_name", 112, is_early=True),
        Alert("certificate_required", 116),
        Alert("no_application_protocol", 120, is_early=True),
    )
}
"""By name: the alerts that a server can send; those that only clients send are left out."""

KINDS = {
    each.name: each
    for each in (
        MisbehaviourKind("reset", "Drops the connection. Nothing is done.", Layer.TRANSPORT, _ALL),
        MisbehaviourKind(
            "reset-after",
            "Does what is asked, and then drops the connection: the client cannot tell.",
            Layer.TRANSPORT,
            _ALL,
        ),
        MisbehaviourKind(
            "short",
            "Does what is asked, sends half of the answer's body behind a Content-Length for all"
            " of it, and closes the connection.",
            Layer.TRANSPORT,
            _ALL,
            basis="RFC 9112 8",
        ),
        MisbehaviourKind(
            "slow",
            "Does what is asked, and sends the answer's body in small parts over a time such as 5s"
            f" (by default {DEFAULT_SECONDS:g}s).",
            Layer.TRANSPORT,
            _ALL,
            "[:TIME]",
        ),
        MisbehaviourKind(
            "never",
            "Never answers. Nothing is done. It ends once the client hangs up, or the services"
            " end.",
            Layer.TRANSPORT,
            _ALL,
        ),
        MisbehaviourKind(
            "503",
            "Answers HTTP 503 with Retry-After. Nothing is done.",
            Layer.TRANSPORT,
            _ALL,
            basis="RFC 9110 15.6.4",
        ),
        MisbehaviourKind(
            "bad-xml",
            "Does what is asked, and answers with XML that ends within its last tag.",
            Layer.TRANSPORT,
            _XML,
            basis="XML 1.0 2.1",
        ),
        MisbehaviourKind(
            "wrong-certificate",
            "Answers with a certificate of another public key: an older one of the same Device,"
            " or the issuing CA's own.",
            Layer.CONTENT,
            (_ADHOC, _RESULT, _RETRIEVE),
            basis="SEC L11.6",
        ),
        MisbehaviourKind(
            "other-device",
            "Answers with the certificate of another Device.",
            Layer.CONTENT,
            (_ADHOC, _RESULT, _RETRIEVE),
            basis="SEC L11.6",
        ),
        MisbehaviourKind(
            "stale-crl",
            "Answers with a revocation list whose nextUpdate is past.",
            Layer.CONTENT,
            (RequestPattern("repository", "*/crl/*"),),
            basis="RFC 5280 5.1.2.5",
        ),
        MisbehaviourKind(
            "pending",
            "Says that the batch is PENDING, whatever became of it.",
            Layer.CONTENT,
            (_RESULT,),
            basis=_D,
        ),
        MisbehaviourKind(
            "error",
            "Answers with an error or status of SEC App. M. Nothing is done. In the result of a"
            " batch, each CSR has the status where a batch cannot have it.",
            Layer.CONTENT,
            (_ADHOC, _SUBMIT, _RESULT),
            ":STATUS[:CODE]",
            "SEC App. M A, C and D",
        ),
        MisbehaviourKind(
            "each",
            "Answers with the result of a batch in which each CSR has the status.",
            Layer.CONTENT,
            (_RESULT,),
            ":STATUS[:CODE]",
            _D,
        ),
        MisbehaviourKind(
            "alert",
            "Ends the handshake with a fatal alert.",
            Layer.TLS,
            _ALL,
            ":NAME",
            "RFC 5246 7.2",
        ),
        MisbehaviourKind(
            "expired-server-certificate",
            "Presents a server certificate that expired a day ago.",
            Layer.TLS,
            _ALL,
            basis="RFC 5280 6.1.3",
        ),
        MisbehaviourKind(
            "wrong-host-certificate",
            "Presents a server certificate of another host.",
            Layer.TLS,
            _ALL,
            basis="RFC 9525 6",
        ),
        MisbehaviourKind(
            "untrusted-server-certificate",
            "Presents a server certificate of a CA that no client trusts.",
            Layer.TLS,
            _ALL,
            basis="RFC 5280 6.1",
        ),
    )
}
"""By name: every way to misbehave."""

_CODE = re.compile(r"[A-Z]{2}:[A-Za-z0-9]{1,7}")
"""An ErrorCode: 10 characters at most (SEC App. M B and E)."""
_SECONDS = re.compile(r"([0-9]+(?:\.[0-9]+)?)s")


@dataclass(frozen=True, slots=True)
class Mode:
    """A way to misbehave, with its arguments.

    Attributes:
        kind: the way.
        seconds: how long a slow answer takes.
        alert: of TLS, for an alert.
        error: of Appendix M, for an error.
        code: the ErrorCode of the error; empty for a status that has none.
    """

    kind: MisbehaviourKind
    seconds: float = DEFAULT_SECONDS
    alert: Alert | None = None
    error: ErrorStatus | None = None
    code: str = ""

    @property
    def name(self) -> str:
        """The name of its kind."""
        return self.kind.name

    @property
    def status(self) -> str:
        """The status of Appendix M that is answered; empty where it is none."""
        return "" if self.error is None else self.error.status

    @property
    def is_for_each_csr(self) -> bool:
        """Whether it is each CSR of a batch that has the status, and not the batch."""
        return self.error is not None and (self.name == "each" or not self.error.is_of_batch)

    @property
    def patterns(self) -> tuple[RequestPattern, ...]:
        """The requests that it can change."""
        if self.error is None or self.name == "each":
            return self.kind.patterns
        return self.error.patterns

    def __str__(self) -> str:
        """The mode as rules write it."""
        if self.alert is not None:
            return f"{self.name}:{self.alert.name}"
        if self.error is not None:
            return ":".join(filter(None, (self.name, self.status, self.code)))
        if self.name == "slow":
            return f"slow:{self.seconds:g}s"
        return self.name

    @classmethod
    def of(cls, words: Sequence[str], service: str | None = None) -> Mode:
        """Read a mode from its name and arguments.

        Args:
            words: the name, and what follows it.
            service: that is to misbehave; None for all.

        Raises:
            InputError: if there is none of that name, or the arguments are not its own.
        """
        name, *arguments = words
        kind = KINDS.get(name)
        if kind is None:
            raise _mode_error(
                f"There is no misbehaviour {shown(name)}.", use_one_of(KINDS, given=name)
            )
        match name, arguments:
            case "alert", [given]:
                return cls(kind, alert=_alert(given))
            case "error" | "each", [status, *code]:
                is_each = name == "each"
                own = EACH if is_each else _statuses(service)
                error = _error(status, EACH if is_each else tuple(ERRORS), own)
                return cls(kind, error=error, code=_code(error, ":".join(code)))
            case "slow", [seconds]:
                return cls(kind, _seconds(seconds))
            case _, [] if name not in {"alert", "error", "each"}:
                return cls(kind)
        given = shown(":".join(words))
        raise _mode_error(f"{given} is not how {name} is written.", f"Write {kind.form}.")


def _alert(name: str) -> Alert:
    if name not in ALERTS:
        raise _mode_error(
            f"There is no alert {shown(name)} that a server sends.", use_one_of(ALERTS, given=name)
        )
    return ALERTS[name]


def _statuses(service: str | None) -> list[str]:
    """The statuses with which a service can answer; all of them for one that has none."""
    own = [
        status
        for status, error in ERRORS.items()
        if any(pattern.service == service for pattern in error.patterns)
    ]
    return own or list(ERRORS)


def _error(status: str, known: Sequence[str], own: Sequence[str]) -> ErrorStatus:
    """The status of a name; an error names those of the service's own."""
    if status not in known:
        raise _mode_error(
            f"There is no status {shown(status)} to answer with.",
            use_one_of(own, given=status),
        )
    return ERRORS[status]


def _code(error: ErrorStatus, given: str) -> str:
    if not error.prefix:
        if given:
            raise _mode_error(f"{error.status} has no error code.", f"Write error:{error.status}.")
        return ""
    code = given or f"{error.prefix}:TEST"
    if not _CODE.fullmatch(code) or not code.startswith(error.prefix):
        raise _mode_error(
            f"{shown(given)} is not an error code of {error.status}.",
            f"Write {error.prefix}: and 1 to 7 letters or digits.",
        )
    return code


def _seconds(given: str) -> float:
    match = _SECONDS.fullmatch(given)
    if match is None or not 0 < float(match[1]) <= MAX_SECONDS:
        raise _mode_error(
            f"{shown(given)} is not a time that an answer can take.",
            f"Write up to {MAX_SECONDS:g} seconds, such as slow:30s.",
        )
    return float(match[1])


def _mode_error(message: str, remedy: str) -> InputError:
    return InputError("misbehaviour.mode", message, remedy)
