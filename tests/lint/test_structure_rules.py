"""Every structure of every document: an element too many is an error that names the structure."""

from __future__ import annotations

import ipaddress
from collections import Counter
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.x509.oid import (
    AuthorityInformationAccessOID,
    NameOID,
    SubjectInformationAccessOID,
)

from corpora import document, good, good_bases, good_settings
from nodes import nodes_of as elements_of
from nodes import rebuilt, replaced
from smki_testca.corpus.bases import ROLES
from smki_testca.der import encode
from smki_testca.der.read import Node, read
from smki_testca.importers.sources import Source
from smki_testca.lint.chain import gathered
from smki_testca.lint.engine import Linter
from smki_testca.x509 import names
from smki_testca.x509.structures import EXTENSIONS, STRUCTURES, extension_faults

NULL = b"\x05\x00"
# What is no structure of its own: the document's three elements, and the entries of a CRL.
NAMED_OTHERWISE = {"der.structure", "crl.entry"}


@pytest.fixture(scope="module")
def lint():
    settings = good_settings()
    linter = Linter(settings, gathered(settings.trusted))
    return lambda der: linter.lint(Source("-", 0, der)).findings


# One of each kind, and the digitalSignature and the keyAgreement of each that has both.
OF_A_ROLE = {f"organisation-{role}{usage}" for role in ROLES for usage in ("", "-ka")}
OF_A_KIND = sorted(good_bases().keys() - OF_A_ROLE)
ODDITIES = (
    "organisation-root-ca-contingency-key",
    "organisation-root-ca-contingency-key-first",
    "device-policy-of-rtds",
)
NAMES = (*OF_A_KIND, *ODDITIES)


def constructed(der: bytes) -> list[Node]:
    """Every element that holds others, those in the values of extensions included."""
    return [node for node in elements_of(der) if node.children and node.tag != encode.OCTET_STRING]


def codes_of(findings) -> set[str]:
    return {
        finding.code
        for finding in findings
        if finding.code.startswith("structure.") or finding.code in NAMED_OTHERWISE
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_an_element_more_anywhere_is_one_error_that_names_the_structure(lint, name):
    der = document(f"good-{name}")
    root = elements_of(der)[0]
    assert lint(der) == ()
    for node in constructed(der):
        # Two, since the first may be the parameters of an AlgorithmIdentifier.
        longer = encode.tlv(node.tag, node.content + NULL + NULL)
        mutant = replaced(root, node, longer)
        findings = lint(mutant)
        assert len(codes_of(findings)) == 1, (node, findings)
        assert all(finding.code != "internal.rule_failed" for finding in findings)
        for finding in findings:
            if finding.code.startswith("structure."):
                assert finding.severity.value == "error"
                assert mutant[finding.offset : finding.offset + 2] == NULL


# How often each structure is there; the subject of a Device is empty. What is no extension in an
# entry of a CRL is an error of the entry.
CERTIFICATE = (
    "TBSCertificate Version Validity SubjectPublicKeyInfo AlgorithmIdentifier*3 Extensions*2"
)
POLICY_AND_KEY = "Extension*5 CertificatePolicies PolicyInformation AuthorityKeyIdentifier"
DEVICE_NAME = "GeneralNames OtherName*2 HardwareModuleName"
NAMES_OF = "Name*{0} RelativeDistinguishedName*{1} AttributeTypeAndValue*{1}"
STRUCTURES_OF = {
    "device": f"{CERTIFICATE} {POLICY_AND_KEY} {DEVICE_NAME} {NAMES_OF.format(1, 1)}",
    "organisation-issuing-ca": f"{CERTIFICATE} {POLICY_AND_KEY} BasicConstraints"
    f" {NAMES_OF.format(2, 4)}",
    "iki": f"{CERTIFICATE} {POLICY_AND_KEY} ExtKeyUsageSyntax {NAMES_OF.format(2, 5)}",
    "organisation-crl": f"TBSCertList AlgorithmIdentifier*2 {NAMES_OF.format(1, 2)}"
    " Extensions*2 Extension*3 AuthorityKeyIdentifier",
    "device-csr": "CertificationRequestInfo AlgorithmIdentifier*2 SubjectPublicKeyInfo"
    f" Attributes Attribute ExtensionRequest Extensions Extension*2 {DEVICE_NAME}",
}


def counted(text: str) -> Counter[str]:
    """The number of each structure in a list such as ``Name Extension*5``."""
    found: Counter[str] = Counter()
    for word in text.split():
        name, _, times = word.partition("*")
        found[name] += int(times or 1)
    return found


@pytest.mark.parametrize("name", STRUCTURES_OF)
def test_each_structure_is_named_as_often_as_it_is_there(lint, name):
    der = document(f"good-{name}")
    root = elements_of(der)[0]
    named: Counter[str] = Counter()
    for node in constructed(der):
        longer = encode.tlv(node.tag, node.content + NULL + NULL)
        (code,) = codes_of(lint(replaced(root, node, longer)))
        if code not in NAMED_OTHERWISE:
            named[code.removeprefix("structure.")] += 1
    assert named == counted(STRUCTURES_OF[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_last_element_of_a_structure_with_a_fixed_number_cannot_be_there_twice(lint, name):
    der = document(f"good-{name}")
    root = elements_of(der)[0]
    for node in constructed(der):
        (code,) = codes_of(
            lint(replaced(root, node, encode.tlv(node.tag, node.content + NULL + NULL)))
        )
        structure = STRUCTURES.get(code.removeprefix("structure."))
        is_fixed = structure is not None and structure.each is None
        if is_fixed and code != "structure.AlgorithmIdentifier":
            again = encode.tlv(node.tag, node.content + node.children[-1].encoded)
            assert code in codes_of(lint(replaced(root, node, again))), node


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_whatever_is_left_out_or_of_another_type_no_rule_fails(lint, name):
    der = document(f"good-{name}")
    root = elements_of(der)[0]
    for node in constructed(der):
        for child in node.children:
            for new in (b"", NULL, b"\x04\x02\x30\x00"):
                findings = lint(replaced(root, child, new))
                assert all(finding.code != "internal.rule_failed" for finding in findings), child


def test_of_ten_thousand_faults_a_hundred_are_reported(lint):
    der = good("organisation")
    crowded = rebuilt(der, subject=[NULL] * 10_000)
    findings = [one for one in lint(crowded) if one.code.startswith("structure.")]
    assert len(findings) == 100


def test_a_document_of_four_elements_is_told_so(lint):
    for name in ("device", "organisation-crl", "device-csr"):
        root = elements_of(document(f"good-{name}"))[0]
        (finding,) = lint(encode.tlv(root.tag, root.content + NULL))
        assert finding.code == "der.structure"
        assert "has three elements; this one has 4" in finding.message
        assert finding.offset > 0


def name_of(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


WHERE = x509.UniformResourceIdentifier("http://test.example/")
EVERY_NAME = [
    x509.RFC822Name("a@test.example"),
    x509.DNSName("test.example"),
    x509.DirectoryName(name_of("Z1")),
    WHERE,
    x509.IPAddress(ipaddress.ip_address("192.0.2.1")),
    x509.RegisteredID(x509.ObjectIdentifier("1.2.3")),
    x509.OtherName(x509.ObjectIdentifier("1.2.3"), b"\x05\x00"),
]
REASONS = frozenset({x509.ReasonFlags.key_compromise, x509.ReasonFlags.ca_compromise})
BY_NAME = x509.DistributionPoint([WHERE], None, REASONS, [x509.DirectoryName(name_of("Z1"))])
RELATIVE = x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.COMMON_NAME, "CRL 1")])
BY_RELATIVE_NAME = x509.DistributionPoint(None, RELATIVE, None, None)
NOTICE = x509.UserNotice(x509.NoticeReference("Somebody", [1, 2]), "Text")
POLICY = x509.ObjectIdentifier("1.2.3.4")
GOOD_EXTENSIONS: dict[str, list[x509.ExtensionType]] = {
    "authorityKeyIdentifier": [
        x509.AuthorityKeyIdentifier(bytes(8), [x509.DirectoryName(name_of("Z1"))], 7),
        x509.AuthorityKeyIdentifier(bytes(8), None, None),
    ],
    "subjectKeyIdentifier": [x509.SubjectKeyIdentifier(bytes(20))],
    "keyUsage": [x509.KeyUsage(*[True] * 9)],
    "certificatePolicies": [
        x509.CertificatePolicies(
            [
                x509.PolicyInformation(POLICY, None),
                x509.PolicyInformation(POLICY, ["http://test.example/", NOTICE]),
            ]
        )
    ],
    "subjectAltName": [x509.SubjectAlternativeName(EVERY_NAME)],
    "issuerAltName": [x509.IssuerAlternativeName(EVERY_NAME)],
    "basicConstraints": [
        x509.BasicConstraints(ca=False, path_length=None),
        x509.BasicConstraints(ca=True, path_length=None),
        x509.BasicConstraints(ca=True, path_length=3),
    ],
    "nameConstraints": [
        x509.NameConstraints([x509.DNSName("a.example")], [x509.DNSName("b.example")]),
        x509.NameConstraints(None, [x509.DirectoryName(name_of("Z1"))]),
    ],
    "policyConstraints": [x509.PolicyConstraints(0, 1), x509.PolicyConstraints(None, 1)],
    "inhibitAnyPolicy": [x509.InhibitAnyPolicy(0)],
    "extKeyUsage": [x509.ExtendedKeyUsage([x509.ObjectIdentifier("1.2.3")])],
    "cRLDistributionPoints": [x509.CRLDistributionPoints([BY_NAME, BY_RELATIVE_NAME])],
    "freshestCRL": [x509.FreshestCRL([BY_NAME])],
    "authorityInfoAccess": [
        x509.AuthorityInformationAccess(
            [x509.AccessDescription(AuthorityInformationAccessOID.OCSP, WHERE)]
        )
    ],
    "subjectInfoAccess": [
        x509.SubjectInformationAccess(
            [x509.AccessDescription(SubjectInformationAccessOID.CA_REPOSITORY, WHERE)]
        )
    ],
    "cRLNumber": [x509.CRLNumber(7)],
    "deltaCRLIndicator": [x509.DeltaCRLIndicator(6)],
    "issuingDistributionPoint": [
        x509.IssuingDistributionPoint([WHERE], None, True, False, REASONS, True, False),  # noqa: FBT003 - as the library has it
        x509.IssuingDistributionPoint(None, RELATIVE, False, True, None, False, False),  # noqa: FBT003 - as the library has it
    ],
    "reasonCode": [x509.CRLReason(x509.ReasonFlags.superseded)],
    "invalidityDate": [x509.InvalidityDate(datetime(2026, 1, 1, tzinfo=UTC))],
    "certificateIssuer": [x509.CertificateIssuer([x509.DirectoryName(name_of("Z1"))])],
}
BY_HAND = {
    "wrappedApexContinKey": ["3011 300b 060960864801650304012d 0402 0102"],
    "policyMappings": ["300c 300a 0603550403 0603550404"],
    "subjectDirectoryAttributes": ["300f 300d 0603550403 3106 0c0141 0c0142"],
}


def values():
    for name, made in GOOD_EXTENSIONS.items():
        for number, one in enumerate(made):
            yield pytest.param(name, one.public_bytes(), id=f"{name}-{number}")
    for name, texts in BY_HAND.items():
        for text in texts:
            yield pytest.param(name, bytes.fromhex(text), id=name)


def test_there_is_a_good_value_of_every_extension():
    assert {*GOOD_EXTENSIONS, *BY_HAND} == EXTENSIONS.keys()
    every = {*names.EXTENSIONS, *names.ROOT_EXTENSIONS}
    every |= {*names.CRL_EXTENSIONS, *names.ENTRY_EXTENSIONS}
    assert every == EXTENSIONS.keys()


@pytest.mark.parametrize(("name", "octets"), list(values()))
def test_what_another_library_writes_is_right_and_an_element_more_of_it_is_not(name, octets):
    root, _ = read(octets)
    assert list(extension_faults({name: root}, "extensions")) == []
    if root.children:
        longer, _ = read(encode.tlv(root.tag, root.content + NULL))
        (fault,) = extension_faults({name: longer}, "extensions")
        assert fault.structure is EXTENSIONS[name]
        assert (fault.offset, fault.path) == (len(octets), f"extensions.{name}")
    other, _ = read(NULL)
    (fault,) = extension_faults({name: other}, "extensions")
    assert fault.structure is EXTENSIONS[name]
