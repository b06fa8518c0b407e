"""CSRs as programs make them: refused by name, as the Portal would, or taken as a CA does."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import SignatureAlgorithmOID

import csrs
from smki_testca.authority import csr
from smki_testca.authority.csr import CsrFaultsError, TakenAs, to_der
from smki_testca.der import encode
from smki_testca.der.read import read
from smki_testca.profiles import Library
from smki_testca.roles import KeyUsage

LIBRARY = Library()
KEY = csrs.new_key()
USAGE = csrs.extension(csrs.KEY_USAGE, csrs.DIGITAL_SIGNATURE)
TLS_USAGE = csrs.extension(csrs.KEY_USAGE, bytes.fromhex("030205a0"))
SKI = csrs.extension("551d0e", csrs.tlv(0x04, bytes(20)), critical=False)
BASIC = csrs.extension("551d13", csrs.tlv(0x30), critical=True)
CHALLENGE = csrs.requested_attribute("2a864886f70d010907", csrs.tlv(0x0C, b"password"))
COUNTRY = csrs.attribute("550406", b"GB", 0x13)
MAIL = csrs.attribute("2a864886f70d010901", b"pki@lab.test", 0x16)
NAME = csrs.alternative_name()


def hosts(*names):
    return csrs.extension(
        csrs.ALTERNATIVE_NAME,
        csrs.tlv(0x30, *(csrs.tlv(0x82, name) for name in names)),
        critical=False,
    )


def organisation(*extensions, subject=None, **changed):
    rdns = csrs.organisation_subject() if subject is None else subject
    return csrs.raw(KEY, rdns, extensions or (USAGE,), **changed)


def device(*more, **changed):
    return csrs.raw(KEY, changed.pop("subject", ()), [*csrs.device_extensions(), *more], **changed)


def dccki(*extensions, unit=b"TPTY-SUPPLIER-ONE", more=(), name=b"Supplier One"):
    units = [] if unit is None else [csrs.attribute(csrs.ROLE, unit)]
    subject = [
        *more,
        csrs.attribute(csrs.ORGANISATION, name),
        *units,
        csrs.attribute(csrs.COMMON_NAME, b"gateway.supplier-one.test"),
    ]
    return csrs.raw(csrs.rsa_key(), subject, extensions or (TLS_USAGE,))


def refusal(data, taken_as=TakenAs.PORTAL, profile=None):
    with pytest.raises(CsrFaultsError) as caught:
        csr.parse(data, LIBRARY, profile, taken_as)
    return caught.value


def taken(data, taken_as=TakenAs.TEST_CA, profile=None):
    return csr.parse(data, LIBRARY, profile, taken_as)


def dropped(data):
    return [each.path for each in taken(data).remarks.dropped]


# NULL parameters


WITH_OTHER_PARAMETERS = {
    "NULL after ecdsa-with-SHA256, as mbedTLS writes it": (
        device(algorithm=csrs.ECDSA_WITH_SHA256_NULL),
        SignatureAlgorithmOID.ECDSA_WITH_SHA256,
    ),
    "none after sha256WithRSAEncryption": (
        csrs.raw(
            csrs.rsa_key(),
            csrs.iki_subject(),
            [USAGE],
            algorithm=csrs.SHA256_WITH_RSA_NO_NULL,
        ),
        SignatureAlgorithmOID.RSA_WITH_SHA256,
    ),
}


@pytest.mark.parametrize("made", WITH_OTHER_PARAMETERS)
@pytest.mark.parametrize("taken_as", TakenAs)
def test_a_csr_whose_algorithm_has_other_parameters_is_taken_with_a_warning(made, taken_as):
    data, _ = WITH_OTHER_PARAMETERS[made]
    remarks = taken(data, taken_as).remarks
    assert [warning.code for warning in remarks.warnings] == ["csr.algorithm_parameters"]
    assert "[csr.algorithm_parameters]" in remarks.texts()[0]


@pytest.mark.parametrize("made", WITH_OTHER_PARAMETERS)
@pytest.mark.shows("R22")
def test_its_signature_is_verified_all_the_same(made):
    data, _ = WITH_OTHER_PARAMETERS[made]
    broken = data[:-1] + bytes((data[-1] ^ 1,))
    assert {fault.code for fault in refusal(broken).faults} == {"csr.signature"}


@pytest.mark.parametrize("made", WITH_OTHER_PARAMETERS)
def test_the_warning_is_told_and_nothing_of_the_algorithm_reaches_the_certificate(
    command, quickstart, tmp_path, made
):
    data, algorithm = WITH_OTHER_PARAMETERS[made]
    participant = "meters-one" if "mbedTLS" in made else "supplier-one"
    purpose = "device-and-user-system-tests" if "mbedTLS" in made else "srept"
    path = tmp_path / "request.csr"
    path.write_bytes(csrs.pem(data))
    words = ("sign", path, "--participant", participant, "--purpose", purpose)
    told = command("--json", "--estate", quickstart, *words).json
    assert [warning["code"] for warning in told["csr_warnings"]] == ["csr.algorithm_parameters"]
    assert any("[csr.algorithm_parameters]" in text for text in told["warnings"])
    assert told["dropped"] == []
    (issued,) = told["certificates"]
    certificate = x509.load_pem_x509_certificate(issued["pem"].encode())
    assert certificate.signature_algorithm_oid == algorithm
    assert certificate.public_key() == (
        KEY.public_key() if "mbedTLS" in made else csrs.rsa_key().public_key()
    )
    plain = command("--estate", quickstart, *words)
    assert "warning: The CSR is taken, but its AlgorithmIdentifier" in plain.err
    assert "[csr.algorithm_parameters]" in plain.err
    assert plain.out.startswith("-----BEGIN CERTIFICATE-----")


# The key goes into the certificate, so it is right to the octet or refused in words.


def spki(point=None, algorithm=None):
    usual = csrs.spki(KEY)
    return csrs.tlv(0x30, algorithm or usual[2:23], csrs.tlv(0x03, b"\x00", point or usual[-65:]))


EC = bytes.fromhex("06072a8648ce3d0201")
CURVE = bytes.fromhex("06082a8648ce3d030107")
POINT = csrs.spki(KEY)[-65:]
PARITY = POINT[-1] & 1
EXPLICIT = csrs.tlv(0x30, b"\x02\x01\x01")

KEYS = {
    "names no curve": spki(algorithm=csrs.tlv(0x30, EC, b"\x05\x00")),
    "names no curve, where": spki(algorithm=csrs.tlv(0x30, EC)),
    "more parameters": spki(algorithm=csrs.tlv(0x30, EC, CURVE, b"\x05\x00")),
    "spells its curve out": spki(algorithm=csrs.tlv(0x30, EC, EXPLICIT)),
    "compressed": spki(bytes((2 + PARITY,)) + POINT[1:33]),
    "hybrid": spki(bytes((6 + PARITY,)) + POINT[1:]),
}


@pytest.mark.parametrize("words", KEYS)
@pytest.mark.parametrize("taken_as", TakenAs)
def test_a_key_in_another_form_is_refused_in_words(words, taken_as):
    error = refusal(device(public_key=KEYS[words]), taken_as)
    (fault,) = [fault for fault in error.faults if fault.code == "csr.key"]
    assert words in fault.message


def test_an_rsa_key_without_its_null_is_refused_in_words():
    usual = csrs.spki(csrs.rsa_key())
    bits = usual[usual.index(b"\x05\x00\x03") + 2 :]
    without = csrs.tlv(0x30, csrs.tlv(0x30, bytes.fromhex("06092a864886f70d010101")), bits)
    made = csrs.raw(csrs.rsa_key(), csrs.iki_subject(), [USAGE], public_key=without)
    (fault,) = refusal(made).faults
    assert "lacks the NULL parameters" in fault.message


# What other programs write: the cause and what to do about it.


def test_an_eui64_as_text_is_named_with_its_cause_and_remedy():
    text = csrs.attribute(csrs.IDENTIFIER, b"90B3D51F30010000")
    made = organisation(subject=[csrs.attribute(csrs.ROLE, b"02"), text])
    for taken_as in TakenAs:
        error = refusal(made, taken_as)
        (fault,) = error.faults
        assert fault.code == "csr.subject"
        assert "is text, all that OpenSSL's command line can write" in fault.message
        assert "BIT STRING" in fault.message
        assert "smki-testca csr" in fault.message
        assert "--as test-ca" not in error.remedy


def test_a_raw_signature_is_named_and_one_by_another_key_is_not_called_raw():
    (fault,) = refusal(csrs.raw_signature(csrs.device(KEY))).faults
    assert fault.code == "csr.signature"
    assert "r and s side by side" in fault.message
    foreign = csrs.raw_signature(csrs.device(KEY))
    foreign = foreign[:-1] + bytes((foreign[-1] ^ 1,))
    (fault,) = refusal(foreign).faults
    assert "not by its own key" in fault.message


@pytest.mark.parametrize(
    "more", [b"\x00", b"\x02\x01\x01"], ids=["octets after", "a third INTEGER"]
)
def test_a_signature_of_another_form_is_malformed_and_not_by_another_key(more):
    tbs, algorithm, signature = read(csrs.device(KEY))[0].children
    pair = signature.content[1:]
    if more != b"\x00":
        pair, more = encode.sequence(pair[2:], more), b""
    longer = csrs.tlv(0x03, b"\x00", pair, more)
    (fault,) = refusal(csrs.tlv(0x30, tbs.encoded, algorithm.encoded, longer)).faults
    assert fault.code == "signature.malformed"
    assert "not a SEQUENCE of two INTEGERs" in fault.message


def test_every_attribute_is_named_and_not_only_counted():
    windows = [*csrs.windows_attributes(), csrs.requested(USAGE), CHALLENGE]
    (fault,) = refusal(organisation(attributes=windows)).faults
    assert fault.code == "csr.attributes"
    for named in (
        "OS version (1.3.6.1.4.1.311.13.2.3)",
        "request client info (1.3.6.1.4.1.311.21.20)",
        "enrolment CSP (1.3.6.1.4.1.311.13.2.2)",
        "extensionRequest",
        "challengePassword",
        "certreq",
    ):
        assert named in fault.message


def test_an_extension_that_a_program_always_adds_is_told_with_that_program():
    for extension, program in ((SKI, "keytool"), (BASIC, "certtool")):
        error = refusal(organisation(USAGE, extension))
        assert program in error.message
        assert "--as test-ca" in error.remedy


# What a test CA drops.


SURPLUS: dict[str, tuple[bytes, list[str]]] = {
    "keytool: its subjectKeyIdentifier, the RDNs in its order": (
        organisation(SKI, USAGE, subject=csrs.organisation_subject(common_name=b"One")[::-1]),
        ["subject", "extensions.subjectKeyIdentifier"],
    ),
    "certtool: its basicConstraints": (organisation(USAGE, BASIC), ["extensions.basicConstraints"]),
    "certreq: Windows' attributes": (
        organisation(attributes=[*csrs.windows_attributes(), csrs.requested(USAGE)]),
        [
            "attributes.1.3.6.1.4.1.311.13.2.3",
            "attributes.1.3.6.1.4.1.311.13.2.2",
            "attributes.1.3.6.1.4.1.311.21.20",
        ],
    ),
    "a password": (
        device(attributes=[CHALLENGE, csrs.requested(*csrs.device_extensions())]),
        ["attributes.1.2.840.113549.1.9.7"],
    ),
    "a country and an address": (
        organisation(subject=[COUNTRY, *csrs.organisation_subject(), MAIL]),
        ["subject.countryName", "subject.emailAddress"],
    ),
    "the subject of a Device": (
        device(subject=[csrs.attribute(csrs.COMMON_NAME, b"meter")]),
        ["subject.commonName"],
    ),
    "an extension nobody knows": (
        device(csrs.extension("2a0304", b"\x05\x00")),
        ["extensions.1.2.3.4"],
    ),
    "a host beside a Device's name": (
        csrs.raw(
            KEY,
            (),
            [
                USAGE,
                csrs.extension(
                    csrs.ALTERNATIVE_NAME,
                    csrs.alternative_name(csrs.DEVICE_ID, csrs.tlv(0x82, b"meter.test")),
                ),
            ],
        ),
        ["extensions.subjectAltName"],
    ),
    "a host twice": (dccki(TLS_USAGE, hosts(b"a.test", b"a.test")), ["extensions.subjectAltName"]),
    "a key usage that no certificate has": (
        organisation(csrs.extension(csrs.KEY_USAGE, bytes.fromhex("030206c0"))),
        ["extensions.keyUsage"],
    ),
    "another key usage than the fixed one": (
        dccki(USAGE, hosts(b"a.test")),
        ["extensions.keyUsage"],
    ),
    "a keyUsage that is not critical": (
        organisation(csrs.extension(csrs.KEY_USAGE, csrs.DIGITAL_SIGNATURE, critical=False)),
        ["extensions.keyUsage"],
    ),
}


@pytest.mark.parametrize("surplus", SURPLUS)
def test_a_test_ca_drops_what_no_certificate_takes_and_names_it(surplus):
    data, paths = SURPLUS[surplus]
    assert dropped(data) == paths
    assert taken(data).remarks.taken_as is TakenAs.TEST_CA


@pytest.mark.parametrize("surplus", [each for each in SURPLUS if "keytool" not in each])
def test_the_portal_refuses_the_same_and_says_how_to_have_it_taken(surplus):
    data, _ = SURPLUS[surplus]
    error = refusal(data)
    assert error.remedy.endswith(
        "Or add --as test-ca, which drops what no certificate takes from a CSR."
    )


STILL_REFUSED = {
    "csr.key_usage both": organisation(csrs.extension(csrs.KEY_USAGE, csrs.BOTH_USAGES), SKI),
    "csr.key_usage none": organisation(SKI),
    "csr.extension twice": organisation(USAGE, USAGE, SKI),
    "csr.subject twice": organisation(
        subject=[csrs.attribute(csrs.ROLE, b"02"), *csrs.organisation_subject()]
    ),
    "csr.subject without an identifier": organisation(
        subject=[csrs.attribute(csrs.ROLE, b"02"), COUNTRY]
    ),
    "csr.role": organisation(SKI, USAGE, subject=csrs.organisation_subject(role=b"supplier")),
    "csr.version": organisation(SKI, USAGE, version=1),
    "csr.signature": organisation(SKI, USAGE, public_key=csrs.spki(csrs.new_key())),
    "csr.key": organisation(SKI, USAGE, public_key=KEYS["compressed"]),
    "csr.device_id": csrs.raw(KEY, (), [csrs.extension(csrs.KEY_USAGE, csrs.KEY_AGREEMENT), SKI]),
}


@pytest.mark.parametrize("fault", STILL_REFUSED)
def test_what_is_missing_or_wrong_is_refused_by_a_test_ca_too(fault):
    error = refusal(STILL_REFUSED[fault], TakenAs.TEST_CA)
    assert fault.split(" ")[0] in [each.code for each in error.faults]
    assert "--as test-ca" not in error.remedy
    assert "--as test-ca" not in refusal(STILL_REFUSED[fault]).remedy


def test_what_is_right_has_nothing_dropped():
    for data in (organisation(), device(), dccki(TLS_USAGE, hosts(b"a.test"))):
        assert taken(data).remarks.dropped == ()
        assert taken(data).subject == taken(data, TakenAs.PORTAL).subject


def test_the_certificate_is_made_from_the_profile_whatever_is_dropped(
    command, quickstart, tmp_path
):
    named = csrs.organisation_subject(common_name=b"One")
    many = [COUNTRY, *named[::-1], MAIL]
    extensions = [SKI, BASIC, csrs.extension("551d25", csrs.tlv(0x30, EC)), USAGE]
    attributes = [*csrs.windows_attributes(), csrs.requested(*extensions)]
    path = tmp_path / "request.csr"
    made = []
    for data in (
        csrs.organisation(KEY, common_name="One"),
        organisation(subject=many, attributes=attributes),
    ):
        path.write_bytes(data)
        outcome = command(
            *("--json", "--estate", quickstart, "sign", path, "--as", "test-ca"),
            *("--participant", "supplier-one", "--purpose", "uept"),
        )
        assert outcome.code == 0, outcome.out
        certificate = x509.load_pem_x509_certificate(
            outcome.json["certificates"][0]["pem"].encode()
        )
        made.append((certificate.subject, list(certificate.extensions), certificate.public_key()))
    assert made[0] == made[1]
    assert len(outcome.json["dropped"]) == 9


def test_what_was_dropped_is_told_in_text_and_recorded(command, quickstart, tmp_path):
    path = tmp_path / "keytool.csr"
    path.write_bytes(organisation(SKI, USAGE))
    words = ("sign", path, "--participant", "supplier-one", "--purpose", "uept")
    refused = command("--estate", quickstart, *words)
    assert refused.code == 4
    outcome = command("--estate", quickstart, *words, "--as", "test-ca")
    assert outcome.code == 0
    assert "dropped: the extension subjectKeyIdentifier" in outcome.err.splitlines()
    assert outcome.out.startswith("-----BEGIN CERTIFICATE-----")
    entries = command("--json", "--estate", quickstart, "audit", "show").json["entries"]
    body = entries[-1]["body"]
    body = json.loads(body) if isinstance(body, str) else body
    sent = base64.b64encode(to_der(path.read_bytes())).decode()
    assert body["csr"] == {
        "der": sent,
        "as": "test-ca",
        "warnings": [],
        "dropped": [
            {
                "path": "extensions.subjectKeyIdentifier",
                "message": "the extension subjectKeyIdentifier",
            }
        ],
    }


def test_a_program_chooses_by_whose_rules_too(estate):
    data = organisation(SKI, USAGE)
    with pytest.raises(CsrFaultsError):
        estate.sign(data, "supplier-one", "uept")
    record, warnings = estate.sign(data, "supplier-one", "uept", taken_as="test-ca")
    assert record.usage == KeyUsage.DIGITAL_SIGNATURE
    assert warnings == ()
    read = estate.read_csr(data, taken_as="test-ca")
    assert [each.path for each in read.remarks.dropped] == ["extensions.subjectKeyIdentifier"]
    again, _ = estate.sign(read, "supplier-one", "uept")
    assert again.serial != record.serial
    with pytest.raises(ValueError, match="browser"):
        estate.read_csr(data, taken_as="browser")


# DCCKI: the Signifier and the trading name come from the register.


def signed(command, quickstart, tmp_path, data, *more) -> Any:
    path = tmp_path / "request.csr"
    path.write_bytes(data)
    return command(
        *("--json", "--estate", quickstart, "sign", path, "--participant", "supplier-one"),
        *("--purpose", "uept", *more),
    )


@pytest.mark.parametrize("unit", [b"TPTY-SUPPLIER-ONE", None], ids=["stated", "left out"])
def test_a_dccki_csr_is_signed_with_the_signifier_of_the_register(
    command, quickstart, tmp_path, unit
):
    data = dccki(TLS_USAGE, hosts(b"gateway.supplier-one.test"), unit=unit)
    outcome = signed(command, quickstart, tmp_path, data)
    assert outcome.code == 0, outcome.out
    (issued,) = outcome.json["certificates"]
    assert issued["profile"] == "dccki"
    certificate = x509.load_pem_x509_certificate(issued["pem"].encode())
    assert certificate.subject.rfc4514_string() == (
        "CN=gateway.supplier-one.test,OU=TPTY-SUPPLIER-ONE,O=Supplier One"
    )
    name = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert name.value.get_values_for_type(x509.DNSName) == ["gateway.supplier-one.test"]


def test_a_dccki_csr_of_no_host_has_none_in_its_certificate(command, quickstart, tmp_path):
    outcome = signed(command, quickstart, tmp_path, dccki())
    certificate = x509.load_pem_x509_certificate(outcome.json["certificates"][0]["pem"].encode())
    with pytest.raises(x509.ExtensionNotFound):
        certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)


@pytest.mark.parametrize("taken_as", TakenAs)
@pytest.mark.shows("R8")
def test_another_signifier_is_refused_in_words(command, quickstart, tmp_path, taken_as):
    data = dccki(unit=b"TPTY-SUPPLIER-TWO")
    outcome = signed(command, quickstart, tmp_path, data, "--as", taken_as.value)
    assert outcome.code == 3
    refusal = outcome.json["refusal"]
    assert refusal["code"] == "signifier.not_own"
    assert "TPTY-SUPPLIER-TWO" in refusal["reason"]
    assert "leave it out" in refusal["remedy"]


def test_an_ou_that_can_be_no_signifier_is_a_fault_of_the_csr():
    (fault,) = refusal(dccki(unit=b"x" * 65)).faults
    assert fault.code == "csr.subject"
    assert "Signifier" in fault.message


def test_another_trading_name_is_refused_in_words(command, quickstart, tmp_path):
    outcome = signed(command, quickstart, tmp_path, dccki(name=b"Somebody Else"))
    assert outcome.code == 4
    error = outcome.json["error"]
    assert error["code"] == "csr.mismatch"
    assert "'Somebody Else'" in error["message"]
    assert "'Supplier One'" in error["message"]


@pytest.mark.parametrize("named", [(), ("--profile", "dccki-personnel")], ids=["found", "named"])
def test_a_persons_csr_is_signed_too(command, quickstart, tmp_path, named):
    subject = [
        csrs.attribute(csrs.ORGANISATION, b"Supplier One"),
        csrs.attribute(csrs.COMMON_NAME, b"Alex Example"),
    ]
    outcome = signed(command, quickstart, tmp_path, csrs.raw(KEY, subject, [USAGE]), *named)
    assert outcome.code == 0, outcome.out
    (issued,) = outcome.json["certificates"]
    assert issued["profile"] == "dccki-personnel"


def test_a_csr_on_p256_is_no_dccki_infrastructure_csr(command, quickstart, tmp_path):
    made = csrs.raw(csrs.new_key(ec.SECP256R1()), csrs.iki_subject(), [TLS_USAGE])
    outcome = signed(command, quickstart, tmp_path, made, "--profile", "dccki")
    assert outcome.code == 4
    assert outcome.json["error"]["code"] == "csr.key"


def test_an_ou_that_is_a_role_makes_a_csr_an_iki_one_whatever_else_it_asks_for():
    asked = [TLS_USAGE, hosts(b"adhoc.test")]
    made = csrs.raw(csrs.rsa_key(), csrs.iki_subject(), asked)
    error = refusal(made)
    assert [fault.code for fault in error.faults] == ["csr.extension", "csr.key_usage"]
    read = taken(made)
    assert read.subject.profile == "iki"
    assert dropped(made) == ["extensions.subjectAltName", "extensions.keyUsage"]
    without_usage = csrs.raw(csrs.rsa_key(), csrs.iki_subject(), attributes=[])
    assert [fault.code for fault in refusal(without_usage).faults] == [
        "csr.attributes",
        "csr.key_usage",
    ]


def test_what_is_dropped_must_be_der_too():
    explicit = csrs.tlv(
        0x30, bytes.fromhex("0603551d0e"), b"\x01\x01\x00", csrs.tlv(0x04, csrs.tlv(0x04, b"id"))
    )
    error = refusal(organisation(explicit, USAGE), TakenAs.TEST_CA)
    assert [fault.code for fault in error.faults] == ["der.default_encoded"]
