"""Makes CSRs of every kind and with every fault, independently of the package's own encoder."""

from __future__ import annotations

import base64
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

SUPPLIER_ID = bytes.fromhex("90b3d51f30010000")
DEVICE_ID = bytes.fromhex("00db120000000005")
HW_TYPE = "1.2.826.0.1.8641679.1.2.2.1"

ECDSA_WITH_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
ECDSA_WITH_SHA256_NULL = bytes.fromhex("300c06082a8648ce3d0403020500")
ECDSA_WITH_SHA384 = bytes.fromhex("300a06082a8648ce3d040303")
SHA256_WITH_RSA_NO_NULL = bytes.fromhex("300b06092a864886f70d01010b")
SHA256_WITH_RSA = bytes.fromhex("300d06092a864886f70d01010b0500")

COMMON_NAME = "550403"
ORGANISATION = "55040a"
ROLE = "55040b"
IDENTIFIER = "55042d"
KEY_USAGE = "551d0f"
ALTERNATIVE_NAME = "551d11"

DIGITAL_SIGNATURE = bytes.fromhex("03020780")
KEY_AGREEMENT = bytes.fromhex("03020308")
BOTH_USAGES = bytes.fromhex("03020388")

_EXTENSION_REQUEST = "2a864886f70d01090e"


def tlv(tag, *parts):
    content = b"".join(parts)
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(octets))) + octets + content


def attribute(oid, value, tag=0x0C):
    """One RDN of one attribute; a tag of 3 makes it a BIT STRING of whole octets."""
    content = b"\x00" + value if tag == 0x03 else value
    return tlv(0x31, tlv(0x30, tlv(0x06, bytes.fromhex(oid)), tlv(tag, content)))


def extension(oid, value, *, critical=True):
    flag = b"\x01\x01\xff" if critical else b""
    return tlv(0x30, tlv(0x06, bytes.fromhex(oid)), flag, tlv(0x04, value))


def alternative_name(device_id=DEVICE_ID, *more, hw_type="2a863a0001848fb90f01020201"):
    """A GeneralNames of one hardwareModuleName, and whatever else is given."""
    module = tlv(0x30, tlv(0x06, bytes.fromhex(hw_type)), tlv(0x04, device_id))
    name = tlv(0xA0, tlv(0x06, bytes.fromhex("2b06010505070804")), tlv(0xA0, module))
    return tlv(0x30, name, *more)


def requested(*extensions):
    """The attribute that asks for extensions."""
    values = tlv(0x31, tlv(0x30, *extensions))
    return tlv(0x30, tlv(0x06, bytes.fromhex(_EXTENSION_REQUEST)), values)


def spki(key):
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def new_key(curve=None):
    return ec.generate_private_key(curve or ec.SECP256R1())


@cache
def rsa_key(bits=2048):
    """An RSA key, the same in all tests of a run: making one takes a while."""
    return rsa.generate_private_key(65537, bits)


def sign(info, key, algorithm=None, digest=None):
    """The CSR of a CertificationRequestInfo, signed by a key."""
    digest = digest or hashes.SHA256()
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(info, padding.PKCS1v15(), digest)
        algorithm = algorithm or SHA256_WITH_RSA
    else:
        signature = key.sign(info, ec.ECDSA(digest, deterministic_signing=True))
        algorithm = algorithm or ECDSA_WITH_SHA256
    return tlv(0x30, info, algorithm, tlv(0x03, b"\x00", signature))


def raw(
    key,
    subject=(),
    extensions=(),
    *,
    version=0,
    attributes=None,
    public_key=None,
    algorithm=None,
    digest=None,
    in_order=True,
):
    """A CSR put together by hand from RDNs and extensions, self-signed.

    Its attributes come in the order of DER, or in that given.
    """
    asked = [requested(*extensions)] if attributes is None else attributes
    info = tlv(
        0x30,
        tlv(0x02, bytes((version,))),
        tlv(0x30, *subject),
        public_key or spki(key),
        tlv(0xA0, *(sorted(asked) if in_order else asked)),
    )
    return sign(info, key, algorithm, digest)


def organisation_subject(eui64=SUPPLIER_ID, role=b"02", common_name=None):
    named = [] if common_name is None else [attribute(COMMON_NAME, common_name)]
    return [*named, attribute(ROLE, role), attribute(IDENTIFIER, eui64, 0x03)]


def device_extensions(device_id=DEVICE_ID, usage=KEY_AGREEMENT, *, critical=True):
    return [
        extension(KEY_USAGE, usage, critical=critical),
        extension(ALTERNATIVE_NAME, alternative_name(device_id), critical=critical),
    ]


def iki_subject(name=b"Supplier One", role=b"02", system=b"adhoc-1"):
    return [attribute(ORGANISATION, name), attribute(ROLE, role), attribute(COMMON_NAME, system)]


def organisation(key, *, eui64=SUPPLIER_ID, role="02", usage="ds", common_name=None):
    """An Organisation CSR as ``cryptography`` makes it."""
    names = [] if common_name is None else [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    names += [
        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, role),
        x509.NameAttribute(
            NameOID.X500_UNIQUE_IDENTIFIER, b"\x00" + eui64, _type=_ASN1Type.BitString
        ),
    ]
    return _built(key, names, _key_usage(usage))


def device(key, *, device_id=DEVICE_ID, hw_type=HW_TYPE, usage="ka", critical=True):
    """A Device CSR as ``cryptography`` makes it."""
    arcs = x509.ObjectIdentifier(hw_type)
    # Another structure that holds an OID, to have its DER.
    encoded = x509.ExtendedKeyUsage([arcs]).public_bytes()[2:]
    module = tlv(0x30, encoded, tlv(0x04, device_id))
    other = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.5.5.7.8.4"), module)
    return _built(
        key, [], _key_usage(usage), x509.SubjectAlternativeName([other]), critical=critical
    )


def iki(key, *, name="Supplier One", role="02", system="adhoc-1"):
    """An IKI CSR as ``cryptography`` makes it."""
    names = [
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, name),
        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, role),
        x509.NameAttribute(NameOID.COMMON_NAME, system),
    ]
    return _built(key, names, _key_usage("ds"))


def _built(key, names, *extensions, critical=True):
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names))
    for one in extensions:
        builder = builder.add_extension(one, critical=critical)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def _key_usage(usage):
    return x509.KeyUsage(
        digital_signature=usage == "ds",
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=usage == "ka",
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def pem(der, *, header="CERTIFICATE REQUEST", width=64, end="\n"):
    """The DER as text; no header for an empty one, no line breaks for a width of 0."""
    text = base64.b64encode(der).decode()
    lines = [text[i : i + width] for i in range(0, len(text), width)] if width else [text]
    if header:
        lines = [f"-----BEGIN {header}-----", *lines, f"-----END {header}-----"]
    return (end.join(lines) + end).encode()


def text_forms(der):
    """Every form in which the Portal takes a CSR, by a name for it."""
    forms = {"der": der, "one line, no end of line": base64.b64encode(der)}
    for header in ("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST", ""):
        for width in (0, 64, 76):
            for name, end in (("LF", "\n"), ("CRLF", "\r\n")):
                title = f"{header or 'no header'}, width {width or 'any'}, {name}"
                forms[title] = pem(der, header=header, width=width, end=end)
    return forms


def requested_attribute(oid, value):
    """An attribute of a CSR with one value, DER."""
    return tlv(0x30, tlv(0x06, bytes.fromhex(oid)), tlv(0x31, value))


def windows_attributes():
    """What certreq adds to every CSR: OS version, request client info and enrolment CSP."""
    client = tlv(0x30, b"\x02\x01\x09", tlv(0x0C, b"pc.lab"), tlv(0x0C, b"LAB\\pc"))
    provider = tlv(0x30, b"\x02\x01\x01", tlv(0x1E, "KSP".encode("utf-16-be")), b"\x03\x01\x00")
    return [
        requested_attribute("2b0601040182370d0203", tlv(0x16, b"10.0.26100.2")),
        requested_attribute("2b0601040182371514", client),
        requested_attribute("2b0601040182370d0202", provider),
    ]


def raw_signature(der):
    """A CSR on P-256 with its signature written as r and s, 32 octets each, side by side."""
    request = x509.load_der_x509_csr(der)
    r, s = decode_dss_signature(request.signature)
    signature = tlv(0x03, b"\x00", r.to_bytes(32), s.to_bytes(32))
    return tlv(0x30, request.tbs_certrequest_bytes, ECDSA_WITH_SHA256, signature)
