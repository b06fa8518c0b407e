"""The rules whose breaches the readers detect, before any checker runs.

``importers.sources`` detects those of files, ``der.read`` and ``x509.view`` those of documents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.lint.findings import Breach
from smki_testca.lint.rule import LIMIT, rule
from smki_testca.profiles.model import Severity
from smki_testca.roles import Basis

if TYPE_CHECKING:
    from smki_testca.der.read import Anomaly, DerError
    from smki_testca.importers.content import FileProblem

DER = "X.690 10 and 11; RFC 5280 4.1"
ENCODE_AGAIN = "Encode the document again as DER and sign it again."


@rule(
    "document.unknown_kind", Severity.ERROR, Basis.SPECIFIED, "RFC 5280; RFC 2986",
    meaning="It is not a certificate, CSR, CRL or bundle of them.",
    remedy="Give the certificate itself; a private key or a text is not linted.",
    good="a PEM CERTIFICATE block", bad="a PEM block of an unknown label",
)  # fmt: skip
@rule(
    "document.nothing", Severity.ERROR, Basis.SPECIFIED, "RFC 5280; RFC 2986",
    meaning="The folder or archive holds no document.",
    remedy="Name the certificates themselves, or the folder that holds them.",
    good="a folder with a certificate and its private key", bad="an empty folder",
)  # fmt: skip
@rule(
    "document.unreadable", Severity.ERROR, Basis.SPECIFIED, "the operating system",
    meaning="The system cannot read a file or folder; everything else was linted.",
    remedy="Correct its name or its permissions, and lint it again.",
    good="a file that you may read", bad="a name without a file",
)  # fmt: skip
@rule(
    "document.hexadecimal", Severity.ERROR, Basis.SPECIFIED, "RFC 7468; X.690",
    meaning="Its hexadecimal cannot be decoded.", remedy="Export it again; a digit is lost.",
    good="30 82 01 a8 …", bad="30 82 01 a",
)  # fmt: skip
@rule(
    "document.base64", Severity.ERROR, Basis.SPECIFIED, "RFC 7468 3",
    meaning="Its base64 cannot be decoded.", remedy="Export it again.",
    good="lines of 64 base64 characters", bad="a line cut off in the middle of a group",
)  # fmt: skip
@rule(
    "document.too_long", Severity.ERROR, Basis.ASSUMED, LIMIT,
    meaning="It is longer than what is read.",
    remedy="A certificate has a few hundred octets; check what else is in the file.",
    good="a Device Certificate of 430 octets", bad="a file of 10 MB",
)  # fmt: skip
@rule(
    "document.zip", Severity.ERROR, Basis.SPECIFIED, "SEC App. M F",
    meaning="The ZIP is broken, encrypted or over the limits.",
    remedy="Make the ZIP again, with at most 50,000 files at its root.",
    good="a ZIP of 100 .csr files", bad="a ZIP that unpacks to gigabytes",
)  # fmt: skip
def of_file(problem: FileProblem) -> Breach:
    """Turn the problem of a file, or of a part of one, into a breach."""
    return Breach(problem.code, None, problem.message, "")


@rule(
    "der.structure", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 4.1; RFC 2986 4; RFC 5280 5.1",
    meaning="The outermost elements are not those of a certificate, CSR or CRL.",
    remedy="Write each element of the document once, in its order and type, and sign it again.",
    good="SEQUENCE { tbs, algorithm, signature }", bad="a SEQUENCE of two elements",
)  # fmt: skip
@rule(
    "der.truncated", Severity.ERROR, Basis.SPECIFIED, DER,
    meaning="An element ends before its length says.",
    remedy="Export it again; part of it is lost.",
    good="30 03 02 01 05", bad="30 03 02 01",
)  # fmt: skip
@rule(
    "der.length", Severity.ERROR, Basis.SPECIFIED, DER,
    meaning="A length cannot be read.", remedy=ENCODE_AGAIN,
    good="81 80", bad="89 followed by nine octets",
)  # fmt: skip
@rule(
    "der.tag", Severity.ERROR, Basis.SPECIFIED, DER,
    meaning="A tag is not allowed in such a document.", remedy=ENCODE_AGAIN,
    good="30", bad="3f 81 00",
)  # fmt: skip
@rule(
    "der.too_deep", Severity.ERROR, Basis.ASSUMED, LIMIT,
    meaning="Elements nest deeper than is read.", remedy=ENCODE_AGAIN,
    good="9 levels, as in a Device Certificate", bad="33 levels",
)  # fmt: skip
@rule(
    "der.too_many", Severity.ERROR, Basis.ASSUMED, LIMIT,
    meaning="There are more elements than are read.", remedy=ENCODE_AGAIN,
    good="60 elements", bad="20,001 elements",
)  # fmt: skip
def of_error(error: DerError) -> Breach:
    """Turn the error of octets that are no document into a breach."""
    return Breach(error.code, error.offset, error.problem, "")


@rule(
    "der.length_not_minimal", Severity.ERROR, Basis.SPECIFIED, "X.690 10.1",
    meaning="A length is written in more octets than it needs.", remedy=ENCODE_AGAIN,
    good="30 05", bad="30 81 05",
)  # fmt: skip
@rule(
    "der.length_indefinite", Severity.ERROR, Basis.SPECIFIED, "X.690 10.1",
    meaning="A length is indefinite.", remedy=ENCODE_AGAIN,
    good="30 05 …", bad="30 80 … 00 00",
)  # fmt: skip
@rule(
    "der.trailing_octets", Severity.ERROR, Basis.SPECIFIED, DER,
    meaning="Octets follow the end of the document or of a wrapped element.",
    remedy="Remove them; they are not signed.",
    good="30 03 02 01 05", bad="30 03 02 01 05 00",
)  # fmt: skip
def of_anomaly(anomaly: Anomaly) -> Breach:
    """Turn octets that can be read but are not DER into a breach."""
    return Breach(anomaly.code, anomaly.offset, anomaly.message)
