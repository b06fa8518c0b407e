"""``cryptography`` under test: load_der_*, then its verifier with an ExtensionPolicy and the time.

The target's own: every extension and the key are read; the verifier has no CRLs, so that one is
verified with the issuer's key, and its dates and entries are read; it verifies no root, so that
one is verified with its own key; a hardwareModuleName is taken apart.
"""

from __future__ import annotations

import binascii
import sys
import warnings
from datetime import datetime

import cryptography
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import NameOID, ObjectIdentifier
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    VerificationError,
)

# A name that is too long is a case, and what is asked here is whether it is taken.
warnings.filterwarnings("ignore", "Attribute's length must be", UserWarning)

HELLO = f"cryptography-{cryptography.__version__.split('.')[0]} chain,time,crl,csr,rsa"
HARDWARE = ObjectIdentifier("1.3.6.1.5.5.7.8.4")
DOES_NOT_LOAD = (
    ValueError,
    TypeError,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    UnsupportedAlgorithm,
)


class RefusedError(Exception):
    """A document is refused; the text is the stage, if it is known, and the reason."""


def judge(der: bytes, context: dict[str, list[str]]) -> str:
    """Judge a document: ``accept`` with facts, ``reject`` with a reason, or ``revoked``."""
    kind = context.get("kind", ["certificate"])[0]
    try:
        if kind == "CSR":
            return judge_request(der)
        if kind == "CRL":
            context = {**context, "crl": [der.hex()]}
            der = bytes.fromhex(context["cert"][0])
        return judge_certificate(der, context)
    except RefusedError as refusal:
        return f"reject {refusal}"
    except DOES_NOT_LOAD as error:
        return f"reject {type(error).__name__} {error}"


def judge_request(der: bytes) -> str:
    """Judge a CSR by its own signature."""
    request = x509.load_der_x509_csr(der)
    list(request.extensions)
    request.public_key()
    if not request.is_signature_valid:
        raise RefusedError("signature is_signature_valid")
    return "accept"


def judge_certificate(der: bytes, context: dict[str, list[str]]) -> str:
    """Judge a certificate by its path, and by the CRL of its issuer if there is one."""
    at = datetime.fromisoformat(context["at"][0])
    certificate = load(der)
    root = load(bytes.fromhex(context["root"][0]))
    chain = [load(bytes.fromhex(each)) for each in context.get("chain", [])]
    if not chain and certificate.subject == certificate.issuer:
        verify_root(certificate, at)
    else:
        verify_path(certificate, chain, root, at)
    for each in context.get("crl", []):
        issuer = [*chain, root][0]
        crl = load_crl(bytes.fromhex(each), certificate, issuer, at)
        if crl.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None:
            return "revoked"
    return f"accept {' '.join(facts(certificate))}"


def load(der: bytes) -> x509.Certificate:
    """Load a certificate with all that is in it."""
    certificate = x509.load_der_x509_certificate(der)
    list(certificate.extensions)
    certificate.public_key()
    return certificate


def verify_path(
    certificate: x509.Certificate,
    chain: list[x509.Certificate],
    root: x509.Certificate,
    at: datetime,
) -> None:
    """Verify a path. The defaults of the verifier are those of web browsers."""
    of_cas = ExtensionPolicy.webpki_defaults_ca().may_be_present(
        x509.CertificatePolicies, Criticality.AGNOSTIC, None
    )
    of_end_entities = ExtensionPolicy.permit_all().may_be_present(
        x509.CertificatePolicies, Criticality.AGNOSTIC, None
    )
    verifier = (
        PolicyBuilder()
        .store(Store([root]))
        .time(at)
        .extension_policies(ca_policy=of_cas, ee_policy=of_end_entities)
        .build_client_verifier()
    )
    try:
        verifier.verify(certificate, chain)
    except VerificationError as error:
        raise RefusedError(f"VerificationError {error}") from error


def verify_root(certificate: x509.Certificate, at: datetime) -> None:
    """Verify a root, which is an anchor to be, with its own key."""
    try:
        certificate.verify_directly_issued_by(certificate)
    except InvalidSignature as error:
        raise RefusedError("signature InvalidSignature") from error
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        raise RefusedError("use not_valid")


def load_crl(
    der: bytes, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime
) -> x509.CertificateRevocationList:
    """Load a CRL, and verify that it is of an issuer, in time, and not for other certificates."""
    crl = x509.load_der_x509_crl(der)
    critical = [each for each in crl.extensions if each.critical]
    entries = [each for entry in crl for each in entry.extensions if each.critical]
    if critical or entries:
        raise RefusedError("use critical_extension")
    if crl.issuer != certificate.issuer:
        raise RefusedError("use issuer")
    if not may_sign_crls(issuer):
        raise RefusedError("path key_usage")
    if not crl.is_signature_valid(issuer.public_key()):  # type: ignore[arg-type]
        raise RefusedError("signature is_signature_valid")
    if crl.next_update_utc is None or not crl.last_update_utc <= at <= crl.next_update_utc:
        raise RefusedError("use not_in_time")
    return crl


def may_sign_crls(issuer: x509.Certificate) -> bool:
    """Whether the keyUsage of a CA has cRLSign."""
    try:
        return issuer.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign
    except x509.ExtensionNotFound:
        return True


def facts(certificate: x509.Certificate) -> list[str]:
    """What is read in a certificate; of what is there twice, nothing is said."""
    subject = certificate.subject
    # The value of a BIT STRING is octets, with that of unused bits in front.
    identities = [
        each.value[1:] if each.value[:1] == b"\0" else b""
        for each in subject.get_attributes_for_oid(NameOID.X500_UNIQUE_IDENTIFIER)
        if isinstance(each.value, bytes)
    ]
    identities += hardware_serials(certificate)
    said = [f"eui64={identities[0].hex()}"] if list(map(len, identities)) == [8] else []
    units = [
        str(each.value) for each in subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    ]
    if len(units) == 1:
        unit = "".join(each if "!" <= each <= "~" else "?" for each in units[0])
        said += [f"role={unit}", f"signifier={unit}"]
    return said + usage(certificate)


def usage(certificate: x509.Certificate) -> list[str]:
    """What the keyUsage says."""
    try:
        bits = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return []
    usages = ["digital-signature"] if bits.digital_signature else []
    usages += ["key-agreement"] if bits.key_agreement else []
    return [f"usage={','.join(usages)}"] if usages else []


def hardware_serials(certificate: x509.Certificate) -> list[bytes]:
    """The serials of hardwareModuleNames, SEQUENCE { OID, OCTET STRING } of below 128 octets."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    values = [
        each.value for each in names.get_values_for_type(x509.OtherName) if each.type_id == HARDWARE
    ]
    return [serial for serial in map(hardware_serial, values) if serial is not None]


def hardware_serial(value: bytes) -> bytes | None:
    """The octets behind the OID of a hardwareModuleName; None if it is not of that form."""
    if len(value) < 4 or value[0] != 0x30 or value[1] != len(value) - 2 or value[2] != 0x06:
        return None
    serial = value[4 + value[3] :]
    if len(serial) < 2 or serial[0] != 0x04 or serial[1] != len(serial) - 2:
        return None
    return serial[2:]


def answer(line: str, context: dict[str, list[str]]) -> str | None:
    """What to say to a line; None for nothing."""
    words = line.split()
    if words[:3] == ["smki", "1", "hello"]:
        return f"smki 1 hello {HELLO}"
    if len(words) != 5 or words[:2] != ["smki", "1"]:
        return None
    _, _, name, value, crc = words
    is_whole = binascii.crc_hqx(line[: -len(crc)].encode(), 0xFFFF) == int(crc, 16)
    if name.startswith("+"):
        context.setdefault(name[1:] if is_whole else "broken", []).append(value)
        return None
    is_broken = not is_whole or "broken" in context
    said = "again" if is_broken else judge(bytes.fromhex(value), context)
    context.clear()
    return f"smki 1 {name} {' '.join(ascii(said)[1:-1].split())}"


def main() -> None:
    """Answer every line."""
    context: dict[str, list[str]] = {}
    for line in sys.stdin:
        said = answer(line.strip(), context)
        if said is not None:
            print(said, flush=True)


if __name__ == "__main__":
    main()
