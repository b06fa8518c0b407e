"""Certificates with one thing changed and signed again, to ask other people's programs about."""

from __future__ import annotations

from nodes import with_field
from rechained import Chain
from smki_testca.der import encode
from smki_testca.der.read import read
from smki_testca.importers.sources import sources
from smki_testca.x509.view import view_certificate


def field(path, new):
    return lambda der: with_field(der, path, bytes.fromhex(new) if isinstance(new, str) else new)


def octets(old, new):
    """Octets in the place of as many others."""
    old, new = bytes.fromhex(old), bytes.fromhex(new)
    assert len(old) == len(new)

    def change(der):
        assert der.count(old) >= 1, old.hex()
        return der.replace(old, new, 1)

    return change


def extensions(change):
    """Other extensions, made from those there are by their names."""

    def changed(der):
        view = view_certificate(der)
        pairs = zip(view.extension_order, view.extension_nodes, strict=True)
        new = encode.sequence(*change({name: node.encoded for name, node in pairs}))
        return with_field(der, "extensions", new)

    return changed


def without(name):
    return extensions(lambda by_name: [one for key, one in by_name.items() if key != name])


def extension(name, criticality=None, value=None):
    """Another criticality or value of the extension of that name."""

    def change(by_name):
        oid, *flag, wrapper = read(by_name[name])[0].children
        is_critical = b"".join(one.encoded for one in flag) if criticality is None else criticality
        content = wrapper.content if value is None else bytes.fromhex(value)
        new = encode.sequence(oid.encoded, is_critical, encode.octet_string(content))
        return [new if key == name else one for key, one in by_name.items()]

    return extensions(change)


def more(oid, criticality, value):
    new = encode.sequence(encode.oid(oid), criticality, encode.octet_string(bytes.fromhex(value)))
    return extensions(lambda by_name: [*by_name.values(), new])


TRUE = b"\x01\x01\xff"
OTHER_KEY = "4123456789abcdef"
POLICY = "300f060d2a863a0001848fb90f01020104"

CHANGES = {
    "unchanged": lambda der: der,
    # DER
    "critical TRUE as 01": octets("0603551d0f0101ff", "0603551d0f010101"),
    "critical FALSE written": extension("subjectKeyIdentifier", b"\x01\x01\x00"),
    "serial padded": field("serialNumber", "021100" + "4711" * 8),
    "time without seconds": field("validity.notBefore", encode.tlv(0x17, b"2601010000Z")),
    "time with an offset": field("validity.notBefore", encode.tlv(0x17, b"260101000000+0100")),
    "time with a fraction": field("validity.notBefore", encode.tlv(0x18, b"20260101000000.5Z")),
    "early GeneralizedTime": field("validity.notBefore", encode.tlv(0x18, b"20260101000000Z")),
    "keyUsage with trailing zeros": extension("keyUsage", value="03020080"),
    "keyUsage with no bits": extension("keyUsage", value="030100"),
    "certificatePolicies empty": extension("certificatePolicies", value="3000"),
    "octets after an extension's value": extension("keyUsage", value="030207800500"),
    # Names and numbers
    "serial negative": field("serialNumber", "0210" + "c711" * 8),
    "serial nought": field("serialNumber", "020100"),
    "serial of 21 octets": field("serialNumber", "0215" + "47" * 21),
    "issuer empty": field("issuer", "3000"),
    "issuer of another name": field("issuer", "300d310b3009060355040313025a39"),
    "dates exchanged": field("validity.notAfter", encode.tlv(0x17, b"200101000000Z")),
    "version v1": field("version", "020100"),
    "version v2": field("version", "020101"),
    # Extensions
    "keyUsage twice": extensions(lambda by_name: [*by_name.values(), by_name["keyUsage"]]),
    "keyUsage not critical": extension("keyUsage", b""),
    "keyUsage missing": without("keyUsage"),
    "keyUsage nonRepudiation": extension("keyUsage", value="03020640"),
    "keyUsage keyCertSign": extension("keyUsage", value="03020204"),
    "keyUsage of another type": extension("keyUsage", value="0400"),
    "subjectKeyIdentifier missing": without("subjectKeyIdentifier"),
    "subjectKeyIdentifier critical": extension("subjectKeyIdentifier", TRUE),
    "subjectKeyIdentifier of another key": extension(
        "subjectKeyIdentifier", value="0408" + OTHER_KEY
    ),
    "authorityKeyIdentifier missing": without("authorityKeyIdentifier"),
    "authorityKeyIdentifier of another key": extension(
        "authorityKeyIdentifier", value="300a8008" + OTHER_KEY
    ),
    "authorityKeyIdentifier critical": extension("authorityKeyIdentifier", TRUE),
    "certificatePolicies not critical": extension("certificatePolicies", b""),
    "certificatePolicies twice the same": extension(
        "certificatePolicies", value="3022" + 2 * POLICY
    ),
    "basicConstraints CA:FALSE": more("2.5.29.19", TRUE, "3000"),
    "basicConstraints cA FALSE written": more("2.5.29.19", TRUE, "3003010100"),
    "basicConstraints CA:TRUE without keyCertSign": more("2.5.29.19", TRUE, "30030101ff"),
    "basicConstraints pathLen in an end entity": more("2.5.29.19", TRUE, "3003020100"),
    "an unknown critical extension": more("1.2.3.4", TRUE, "0500"),
    "no extensions": field("extensions", "3000"),
    # Keys
    "point off the curve": octets("03420004", "03420005"),
}

AUTHORITIES = {"organisation": ("ZA", "Z1"), "device": ("DZ", "DZ1")}
LEAVES = {"organisation": "supplier-one/Z1-supplier-ds.pem", "device": "meters-one/ESME-ds.pem"}


def chain_and_leaf(estate, hierarchy):
    """The CAs of a hierarchy with other keys, and one of its certificates."""
    folder = estate / "export" / "pem" / "ZAZ1" / hierarchy
    root, issuing = (one_in(folder / "ca" / f"{name}.pem") for name in AUTHORITIES[hierarchy])
    return Chain(root, issuing), one_in(folder / LEAVES[hierarchy])


def one_in(path):
    """The certificate in a file."""
    (found,) = sources([str(path)])
    return found.data
