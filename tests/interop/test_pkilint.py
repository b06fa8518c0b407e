"""A second opinion: the PKIX linter of pkilint, on good certificates and on every broken one.

Whatever pkilint remarks on must be among our findings of the same certificate. ``AGREED`` tells
which of our codes says the same as each of its codes; ``DIFFERENCES`` lists the rest with the
reasons. A remark that is in neither fails the test. Of the rules of GB profiles pkilint has no
opinion.
"""

from __future__ import annotations

import fnmatch
import logging
import re
import warnings
from datetime import timedelta

import pytest

import golden_cases
from broken import CHANGES, chain_and_leaf
from corpora import every_case, findings_of, is_of_its_document
from judge import AT
from smki_testca.der import encode
from smki_testca.importers.sources import Source, sources
from smki_testca.lint.chain import gathered
from smki_testca.lint.engine import Linter
from smki_testca.lint.linted import LintSettings
from smki_testca.profiles import Library
from smki_testca.profiles.model import Severity
from smki_testca.x509.names import ATTRIBUTES
from smki_testca.x509.view import view_certificate

pytest.importorskip("pkilint", reason="pkilint is not installed")

from pkilint import loader
from pkilint.pkix import certificate, extension, name

pytestmark = pytest.mark.interop

PROFILES = Library().profile_names
UNREADABLE = "cannot be loaded"
SYNTAX = "itu.invalid_asn1_syntax"

# What is no DER in basicConstraints keeps a certificate from being read as a CA's.
NO_DER_IN_CONSTRAINTS = ("der.boolean", "der.integer_not_minimal", "der.trailing_octets")

# Its code, and patterns of ours, one of which must be found. {field} is the field it points at.
AGREED = {
    UNREADABLE: [
        *("der.*", "structure.*", "*.missing", "*.unreadable", "version.value", "signature.value"),
        *("extensions.unknown_critical", "subjectPublicKeyInfo.key"),
    ],
    # Of a root's name, which is there twice, we name the subject.
    SYNTAX: [
        *("der.*", "structure.*", "{field}.*", "subject.*.unreadable", "subject.value_type"),
        *("signature.parameters_null", "extensions.general_name"),
        *("subject.empty_attribute", "subject.multi_valued", "subject.too_long", "subject.country"),
    ],
    "pkix.aki_with_cert_issuer_but_serial_number_absent": [
        "extensions.authorityKeyIdentifier.half",
        "extensions.authorityKeyIdentifier.sole",
    ],
    "pkix.aki_with_serial_number_but_cert_issuer_absent": ["extensions.authorityKeyIdentifier.*"],
    "pkix.authority_key_identifier_critical": [
        "extensions.authorityKeyIdentifier.critical",
        "extensions.must_not_be_critical",
    ],
    "pkix.authority_key_identifier_extension_absent": [
        "extensions.authorityKeyIdentifier.missing",
        # What makes the certificate no root, which alone may leave it out.
        "issuer.self_signed",
        "signature.invalid",
        "subjectPublicKeyInfo.type",
        "extensions.basicConstraints*",
        *NO_DER_IN_CONSTRAINTS,
    ],
    "pkix.authority_key_identifier_keyid_missing": [
        "extensions.authorityKeyIdentifier.keyIdentifier.missing",
        "extensions.authorityKeyIdentifier.half",
        "der.empty_sequence",
    ],
    "pkix.basic_constraints_extension_not_critical": [
        "extensions.basicConstraints.critical",
        # That it has no place there says more.
        "extensions.basicConstraints.end_entity",
        "structure.BasicConstraints",
    ],
    "pkix.basic_constraints_has_pathlen_for_non_ca": ["extensions.basicConstraints*"],
    # Whether it is a CA at all is what is wrong: either of the two extensions may be named.
    "pkix.ca_certificate_keycertsign_keyusage_not_set": [
        "extensions.keyUsage.value",
        "extensions.basicConstraints*",
    ],
    "pkix.ca_certificate_no_ku_extension": ["extensions.keyUsage.missing"],
    "pkix.certificate_name_constraints_extension_not_critical": ["extensions.must_be_critical"],
    "pkix.certificate_negative_validity_period": ["validity.order"],
    "pkix.certificate_policies_policy_has_qualifier": ["extensions.certificatePolicies.sole"],
    "pkix.certificate_serial_number_out_of_range": ["serialNumber.*"],
    "pkix.certificate_signature_algorithm_mismatch": ["signature.algorithms_differ"],
    "pkix.certificate_skid_ca_missing": ["extensions.subjectKeyIdentifier.missing"],
    "pkix.certificate_skid_end_entity_missing": ["extensions.subjectKeyIdentifier.missing"],
    "pkix.certificate_skid_extension_critical": [
        "extensions.subjectKeyIdentifier.critical",
        "extensions.must_not_be_critical",
    ],
    "pkix.certificate_version_is_not_v3": ["version.*"],
    "pkix.distribution_point_does_not_contain_name_or_issuer": [
        "extensions.cRLDistributionPoints.reasons_only",
    ],
    "pkix.duplicate_certificate_policy_oids": [
        "extensions.certificatePolicies.sole",
        "extensions.certificatePolicies.duplicate",
    ],
    "pkix.duplicate_extension": ["extensions.duplicate"],
    "pkix.ee_certificate_keycertsign_keyusage_set": [
        "extensions.keyUsage.value",
        "extensions.keyUsage.signs_certificates",
        "structure.BasicConstraints",
        "extensions.basicConstraints*",
        *NO_DER_IN_CONSTRAINTS,
    ],
    "pkix.end_entity_policy_constraints_extension_present": ["extensions.only_for_cas"],
    "pkix.invalid_email_address_syntax": ["extensions.general_name"],
    "pkix.invalid_uri_syntax": ["extensions.general_name"],
    "pkix.ip_address_wrong_length": ["extensions.general_name"],
    "pkix.issuer_alt_name_extension_critical": ["extensions.critical_unsupported"],
    "pkix.name_constraints_in_ee_certificate": ["extensions.only_for_cas"],
    "pkix.generalizedtime_incorrect_syntax": ["der.time_form", "{field}.unreadable"],
    "pkix.invalid_domain_name_syntax": ["extensions.subjectAltName.dNSName.form"],
    "pkix.invalid_time_syntax": ["der.time_form", "validity.*.unreadable"],
    "pkix.issuer_unique_id_present": ["issuerUniqueID.present"],
    "pkix.key_usage_extension_not_critical": ["extensions.keyUsage.critical"],
    "pkix.key_usage_value_prohibited_for_ec": [
        "subjectPublicKeyInfo.type",
        "extensions.keyUsage.value",
    ],
    "pkix.key_usage_value_prohibited_for_rsa": ["extensions.keyUsage.value"],
    "pkix.name_empty": ["der.empty_sequence"],
    "pkix.public_key_algorithm_unsupported": ["subjectPublicKeyInfo.key"],
    "pkix.no_ku_bits_set": ["extensions.keyUsage.value", "extensions.keyUsage.no_usage"],
    "pkix.san_extension_is_critical_non_empty_subject": [
        "subject.unexpected",
        "extensions.subjectAltName.critical",
        "extensions.subjectAltName.hardware_module",
    ],
    "pkix.san_extension_not_critical_empty_subject": [
        "extensions.subjectAltName.critical",
        "subject.empty",
    ],
    "pkix.subject_unique_id_present": ["subjectUniqueID.present"],
    "pkix.unknown_subject_key_identifier_calculation_method": [
        "extensions.subjectKeyIdentifier.*",
        "extensions.duplicate",
        "subjectPublicKeyInfo.key",
    ],
    "pkix.utctime_incorrect_syntax": ["der.time_form", "{field}.unreadable"],
    "pkix.wrong_time_useful_type": ["{field}.encoding"],
}

# Remarks without a counterpart of ours: its code and the field, and the reason.
DIFFERENCES = {
    (SYNTAX, "subject.x500UniqueIdentifier"): (
        "it takes 2.5.4.45 for a DirectoryString, where X.520 has a BIT STRING"
    ),
    (SYNTAX, "issuer.x500UniqueIdentifier"): "the same, below an Organisation Certificate",
    (SYNTAX, "signature"): "RSA without parameters, which readers must take, too (RFC 4055 5)",
    ("base.unhandled_exception", "*"): (
        "a rule of its own fails, since cryptography does not load the certificate; the defect"
        " that keeps it from loading is among our findings all the same"
    ),
}
# Where it says error and we say less: our code, and the reason.
MILDER = {
    "issuerUniqueID.present": "the row is observed; RFC 5280 4.1.2.8 binds only who generates them",
    "subjectUniqueID.present": "the same",
    "validity.notAfter.*": "the row is observed or assumed in all profiles but that of Devices",
    "extensions.keyUsage.value": "the row is assumed in DCCKI",
    "extensions.subjectKeyIdentifier.missing": "the row is assumed in DCCKI and IKI",
    "extensions.authorityKeyIdentifier.missing": "the same",
    "extensions.authorityKeyIdentifier.keyIdentifier.missing": "the same",
    "extensions.certificatePolicies.policyIdentifier.*": "the policy's row is observed",
    "extensions.basicConstraints.present": "the row is observed: end entities leave it out",
    "extensions.extKeyUsage.unreadable": "the row is assumed",
    "subject.*.unreadable": "the string types of names are observed or assumed",
    "subject.multi_valued": "an RDN of two attributes goes by its first; 2.5.4.45 is the second",
    "subject.*.length": "the lengths of names are observed or assumed",
}


@pytest.fixture(scope="session")
def remarks():
    """What pkilint says of a certificate above INFO: (code, severity, our path of its field)."""
    validator = certificate.create_pkix_certificate_validator_container(
        certificate.create_decoding_validators(
            name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS
        ),
        [
            certificate.create_issuer_validator_container([]),
            certificate.create_validity_validator_container(),
            certificate.create_subject_validator_container([]),
            certificate.create_extensions_validator_container([]),
            certificate.create_spki_validator_container([]),
        ],
    )

    def ask(der):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                document = loader.load_der_certificate(der, "certificate")
            except ValueError:
                return [(UNREADABLE, "FATAL", "")]
            results = validator.validate(document.root)
        view = view_certificate(der)
        return [
            (one.finding.code, one.finding.severity.name, field(view, result.node.path))
            for result in results
            for one in result.finding_descriptions
            if one.finding.severity.name not in {"INFO", "DEBUG"}
        ]

    logging.getLogger("pkilint").setLevel(logging.CRITICAL)
    return ask


def field(view, path):
    """Our path of a field from pkilint's."""
    path = path.removeprefix("certificate.").removeprefix("tbsCertificate.")
    if match := re.match(r"extensions\.(\d+)", path):
        return f"extensions.{view.extension_order[int(match[1])]}"
    if match := re.match(r"(subject|issuer)\.rdnSequence\.(\d+)", path):
        relative = view.fields[match[1]].node.children[int(match[2])]
        arcs = relative.children[0].children[0].encoded
        known = [name for name, oid in ATTRIBUTES.items() if encode.oid(oid) == arcs]
        return ".".join((match[1], *known))
    return ".".join(path.split(".")[:2]) if path.startswith("validity.") else path.split(".")[0]


def counterparts(remark, ours):
    code, _, where = remark
    patterns = [one.format(field=where) for one in AGREED.get(code, [])]
    return [one for one in ours if matches(one.code, patterns)]


def matches(text, patterns):
    return any(fnmatch.fnmatchcase(text, pattern) for pattern in patterns)


def unexplained(found, ours):
    """The remarks that are neither among our findings nor listed above, with what we said."""
    left = []
    for remark in found:
        code, severity, where = remark
        same = counterparts(remark, ours)
        if not same:
            explained = bool({(code, where), (code, "*")} & set(DIFFERENCES))
        else:
            explained = (
                severity not in {"ERROR", "FATAL"}
                or any(one.severity is Severity.ERROR for one in same)
                or any(matches(one.code, MILDER) for one in same)
            )
        if not explained:
            left.append((remark, [one.code for one in same]))
    return left


GOLDEN_CERTIFICATES = [
    pytest.param(one.data, id=f"{path.stem}-{one.index}")
    for path in sorted(golden_cases.CASES.glob("*.pem"))
    for one in sources([str(path)])
    if one.problem is None
]


def is_certificate(linted):
    return linted.kind in PROFILES


@pytest.fixture(scope="session")
def golden_linter():
    return Linter(LintSettings(golden_cases.AT), gathered(golden_cases.TRUSTED))


@pytest.mark.slow
def test_it_finds_nothing_wrong_with_a_quickstart_estate(remarks, quickstart_original):
    found = list(sources([str(quickstart_original / "export" / "pem")]))
    assert len(found) > 40
    for one in found:
        assert unexplained(remarks(one.data), []) == [], one.file


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", ["organisation", "device"])
def test_it_agrees_on_a_broken_certificate(remarks, quickstart_original, kind, change):
    chain, der = chain_and_leaf(quickstart_original, kind)
    linter = Linter(LintSettings(AT + timedelta(days=30)), gathered([chain.root, chain.issuing]))
    der = chain.issue(der, CHANGES[change])
    assert unexplained(remarks(der), linter.lint(Source("-", 0, der)).findings) == []


@pytest.mark.slow
@pytest.mark.parametrize("der", GOLDEN_CERTIFICATES)
def test_it_agrees_on_a_golden_case(remarks, golden_linter, der):
    linted = golden_linter.lint(Source("-", 0, der))
    if is_certificate(linted):
        assert unexplained(remarks(der), linted.findings) == []


@pytest.mark.slow
def test_it_agrees_on_every_certificate_of_the_corpus(remarks):
    left = {
        case.id: unexplained(remarks(case.der), findings_of(case))
        for case in every_case().values()
        if case.kind == "certificate" and is_of_its_document(case)
    }
    assert len(left) > 1_500
    assert {case_id: told for case_id, told in left.items() if told} == {}
