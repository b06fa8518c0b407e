"""Breaches of the wrapped contingency key that a Root OCA Certificate may have."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, Verdict, defect
from smki_testca.corpus.document_changes import added
from smki_testca.der.encode import NULL, integer, octet_string, oid, sequence, tlv
from smki_testca.x509.names import ROOT_EXTENSIONS

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts

_NAME = "wrappedApexContinKey"
_OID, _PATH = ROOT_EXTENSIONS[_NAME], f"extensions.{_NAME}"
_MAY_IGNORE = "RFC 5280 4.2: an extension that is not critical may be ignored"
_ALGORITHM = sequence(oid("2.16.840.1.101.3.4.1.45"))
_WRAPPED = octet_string(bytes(range(104)))
contingency_defect = partial(
    defect,
    on=("organisation-root-ca",),
    stage=Stage.PROFILE,
    at_least=Stage.USE,
    rfc5280=Verdict.ACCEPT,
    source=_MAY_IGNORE,
    importance=Importance.MEDIUM,
)
_LOST = "On the day that the root is lost, the key that should replace it cannot be unwrapped."


@contingency_defect(
    "contingency-key-without-algorithm",
    title="with a contingency key without its algorithm",
    finding=f"{_PATH}.wrapAlgorithm.missing",
    why=_LOST,
)
def contingency_key_without_algorithm(it: CertificateParts, _: Base) -> CertificateParts:
    """The first element is left out."""
    return added(it, _OID, sequence(_WRAPPED))


@contingency_defect(
    "contingency-key-of-numbered-algorithm",
    title="with a contingency key whose algorithm is a number",
    finding=f"{_PATH}.wrapAlgorithm.unreadable",
    also=("structure.AlgorithmIdentifier",),
    why=_LOST,
)
def contingency_key_of_numbered_algorithm(it: CertificateParts, _: Base) -> CertificateParts:
    """The AlgorithmIdentifier holds an INTEGER."""
    return added(it, _OID, sequence(sequence(integer(1)), _WRAPPED))


@contingency_defect(
    "contingency-key-missing",
    title="with a contingency key of an algorithm alone",
    finding=f"{_PATH}.wrappedContinPubKey.missing",
    why=_LOST,
)
def contingency_key_missing(it: CertificateParts, _: Base) -> CertificateParts:
    """The second element is left out."""
    return added(it, _OID, sequence(_ALGORITHM))


@contingency_defect(
    "contingency-key-empty",
    title="with a contingency key of no octets",
    finding=f"{_PATH}.wrappedContinPubKey.unreadable",
    why=_LOST,
)
def contingency_key_empty(it: CertificateParts, _: Base) -> CertificateParts:
    """The OCTET STRING has no octet."""
    return added(it, _OID, sequence(_ALGORITHM, octet_string(b"")))


@contingency_defect(
    "contingency-key-with-more",
    title="with a third element in its contingency key",
    finding="structure.ApexContingencyKey",
    why="A reader of the last element takes it for the wrapped key.",
)
def contingency_key_with_more(it: CertificateParts, _: Base) -> CertificateParts:
    """A NULL follows the wrapped key."""
    return added(it, _OID, sequence(_ALGORITHM, _WRAPPED, tlv(NULL, b"")))


@contingency_defect(
    "contingency-key-critical",
    title="whose contingency key is critical",
    finding="extensions.unknown_critical",
    also=(f"{_PATH}.critical",),
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2: a reader must reject a critical extension that it does not know; RFC 5934"
    " defines this one, and few know it",
    why="Every reader that does not know it loses the root, and with it everything.",
    importance=Importance.HIGH,
)
def contingency_key_critical(it: CertificateParts, _: Base) -> CertificateParts:
    """The extension is right but for its criticality."""
    return added(it, _OID, sequence(_ALGORITHM, _WRAPPED), critical=True)


@contingency_defect(
    "contingency-key",
    on=("organisation", "organisation-issuing-ca"),
    title="with the contingency key of a root",
    finding="extensions.unexpected",
    why="A reader that takes a contingency key from any certificate lets its holder replace the"
    " root.",
    importance=Importance.HIGH,
)
def contingency_key(it: CertificateParts, _: Base) -> CertificateParts:
    """An extension of roots is in another certificate."""
    return added(it, _OID, sequence(_ALGORITHM, _WRAPPED))
