"""What ``quickstart`` issues, read by two programs that know nothing of this package."""

from __future__ import annotations

import datetime as dt
import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from pyasn1.codec.der.decoder import decode
from pyasn1.codec.der.encoder import encode
from pyasn1.type import char, univ, useful
from pyasn1_modules import rfc5280

KEY_USAGE, POLICIES = "2.5.29.15", "2.5.29.32"
SUBJECT_KEY, AUTHORITY_KEY = "2.5.29.14", "2.5.29.35"
ALTERNATIVE_NAME, CONSTRAINTS = "2.5.29.17", "2.5.29.19"
POLICY_VALUE = bytes.fromhex("3011300f060d2a863a0001848fb90f01020104")
DIGITAL_SIGNATURE, KEY_AGREEMENT = bytes.fromhex("03020780"), bytes.fromhex("03020308")
CERTIFICATE_SIGNING = bytes.fromhex("03020106")
SMKI = ("organisation", "device")


class Read:
    """One certificate of the kit, decoded by pyasn1 and loaded by ``cryptography``."""

    def __init__(self, path):
        self.path = path
        self.label = path.stem
        self.hierarchy, self.owner = path.parts[-3], path.parts[-2]
        self.loaded = x509.load_pem_x509_certificate(path.read_bytes())
        self.der = self.loaded.public_bytes(serialization.Encoding.DER)
        self.asn1, self.rest = decode(self.der, asn1Spec=rfc5280.Certificate())
        self.tbs = self.asn1["tbsCertificate"]
        self.extensions = {
            str(one["extnID"]): (bool(one["critical"]), bytes(one["extnValue"]))
            for one in self.tbs["extensions"]
        }

    @property
    def is_ca(self):
        return self.owner == "ca"

    @property
    def is_root(self):
        return self.is_ca and self.loaded.issuer == self.loaded.subject

    @property
    def kind(self):
        tier = "root" if self.is_root else "issuing" if self.is_ca else "end"
        return f"{self.hierarchy} {tier}"

    @property
    def point(self):
        return self.loaded.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )

    @property
    def subject(self):
        """The RDNs: OID, and the value decoded without any idea of its type."""
        return [
            (str(pair["type"]), decode(bytes(pair["value"]))[0])
            for relative in self.tbs["subject"]["rdnSequence"]
            for pair in relative
        ]


@pytest.fixture(scope="module")
def kit(quickstart_original):
    found = [
        Read(path)
        for path in sorted((quickstart_original / "export").rglob("*.pem"))
        if not path.stem.endswith(("-chain", "-fullchain"))
    ]
    assert len(found) == len({one.der for one in found})
    return found


@pytest.fixture(scope="module")
def smki(kit):
    return [one for one in kit if one.hierarchy in SMKI]


def test_kit_holds_every_kind_that_was_promised(kit):
    held = {}
    for one in kit:
        held.setdefault(one.kind, []).append(one.label)
    assert {kind: len(labels) for kind, labels in held.items()} == {
        **{f"{h} {tier}": 1 for h in (*SMKI, "dccki", "iki") for tier in ("root", "issuing")},
        "organisation end": 18,
        "device end": 8,
        "dccki end": 3,
        "iki end": 1,
    }


def test_pyasn1_writes_every_certificate_as_it_read_it(kit):
    for one in kit:
        assert one.rest == b""
        assert encode(one.asn1) == one.der, one.label


def test_version_and_extensions_are_of_version_3(kit):
    for one in kit:
        assert one.loaded.version is x509.Version.v3
        assert int(one.tbs["version"]) == 2


def test_serials_have_16_content_octets_are_positive_and_unique(kit):
    for one in kit:
        content = encode(one.tbs["serialNumber"])
        assert content[:2] == bytes.fromhex("0210")
        assert 0x10 <= content[2] < 0x80
        assert int(one.tbs["serialNumber"]) == one.loaded.serial_number
    assert len({one.loaded.serial_number for one in kit}) == len(kit)


def test_smki_signs_with_ecdsa_and_parameters_are_absent_in_both_places(smki):
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")
    for one in smki:
        assert encode(one.tbs["signature"]) == algorithm
        assert encode(one.asn1["signatureAlgorithm"]) == algorithm
        assert one.der.count(algorithm) == 2


def test_rsa_signatures_have_null_parameters_in_both_places(kit):
    algorithm = bytes.fromhex("300d06092a864886f70d01010b0500")
    found = [one for one in kit if one.hierarchy not in SMKI]
    assert found
    for one in found:
        assert encode(one.tbs["signature"]) == algorithm
        assert encode(one.asn1["signatureAlgorithm"]) == algorithm
        assert isinstance(one.loaded.public_key(), rsa.RSAPublicKey)
        assert one.loaded.public_key().key_size == 2048


def test_smki_keys_are_uncompressed_points_on_the_named_curve(smki):
    head = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
    for one in smki:
        info = encode(one.tbs["subjectPublicKeyInfo"])
        assert isinstance(one.loaded.public_key().curve, ec.SECP256R1)
        assert info.startswith(head)
        assert info[len(head) - 1 :] == one.point
        assert len(one.point) == 65


def test_smki_key_identifiers_are_of_method_2(smki):
    for one in smki:
        critical, value = one.extensions[SUBJECT_KEY]
        assert not critical
        assert value[:2] == bytes.fromhex("0408")
        assert value[2] >> 4 == 0b0100
        digest = int.from_bytes(hashlib.sha1(one.point, usedforsecurity=False).digest())
        assert int.from_bytes(value[2:]) == (0b0100 << 60) | (digest & ((1 << 60) - 1))


def test_authority_key_identifiers_are_the_issuers_and_nothing_else(kit):
    by_subject = {one.loaded.subject.public_bytes(): one for one in kit if one.is_ca}
    for one in kit:
        if one.is_root:
            assert AUTHORITY_KEY not in one.extensions
            continue
        issuer = by_subject[one.loaded.issuer.public_bytes()]
        critical, value = one.extensions[AUTHORITY_KEY]
        assert not critical
        own = issuer.extensions[SUBJECT_KEY][1][2:]
        assert value == bytes((0x30, len(own) + 2, 0x80, len(own))) + own
        if one.hierarchy in SMKI:
            assert value[:4] == bytes.fromhex("300a8008")
        one.loaded.verify_directly_issued_by(issuer.loaded)


def test_smki_policies_are_critical_and_to_the_octet(smki):
    for one in smki:
        assert one.extensions[POLICIES] == (True, POLICY_VALUE)
        (policy,) = one.loaded.extensions.get_extension_for_class(x509.CertificatePolicies).value
        assert policy.policy_identifier.dotted_string == "1.2.826.0.1.8641679.1.2.1.4"
        assert policy.policy_qualifiers is None


def test_key_usages_are_critical_and_one_bit_for_whoever_is_no_ca(smki):
    for one in smki:
        critical, value = one.extensions[KEY_USAGE]
        assert critical
        if one.is_ca:
            assert value == CERTIFICATE_SIGNING
        else:
            usage = DIGITAL_SIGNATURE if one.label.endswith("-ds") else KEY_AGREEMENT
            assert value == usage, one.label


@pytest.mark.parametrize(
    ("kind", "order"),
    [
        ("organisation root", [KEY_USAGE, CONSTRAINTS, POLICIES, SUBJECT_KEY]),
        ("organisation issuing", [KEY_USAGE, CONSTRAINTS, POLICIES, SUBJECT_KEY, AUTHORITY_KEY]),
        ("organisation end", [KEY_USAGE, SUBJECT_KEY, POLICIES, AUTHORITY_KEY]),
        ("device root", [KEY_USAGE, CONSTRAINTS, POLICIES, SUBJECT_KEY]),
        ("device issuing", [KEY_USAGE, CONSTRAINTS, POLICIES, SUBJECT_KEY, AUTHORITY_KEY]),
        ("device end", [KEY_USAGE, SUBJECT_KEY, ALTERNATIVE_NAME, POLICIES, AUTHORITY_KEY]),
    ],
)
def test_extensions_come_in_the_order_observed_and_no_others(smki, kind, order):
    found = [one for one in smki if one.kind == kind]
    assert found
    for one in found:
        assert list(one.extensions) == order
        assert [one.oid.dotted_string for one in one.loaded.extensions] == order


@pytest.mark.parametrize(
    ("tier", "value"), [("root", "30060101ff020101"), ("issuing", "30060101ff020100")]
)
def test_cas_are_marked_as_such_with_their_path_length(smki, tier, value):
    for hierarchy in SMKI:
        (one,) = (one for one in smki if one.kind == f"{hierarchy} {tier}")
        assert one.extensions[CONSTRAINTS] == (True, bytes.fromhex(value))


def test_organisation_subjects_end_with_the_identifier(smki):
    for one in smki:
        if one.kind != "organisation end":
            continue
        *_, (role_oid, role), (oid, identifier) = one.subject
        assert (role_oid, oid) == ("2.5.4.11", "2.5.4.45")
        assert isinstance(role, char.UTF8String)
        assert isinstance(identifier, univ.BitString)
        assert len(identifier) == 64
        assert int(str(role), 16) < 256
        assert str(role) == str(role).upper()
        assert len(one.tbs["subject"]["rdnSequence"]) == len(one.subject)


@pytest.mark.shows("4-issue-1", "R7")
def test_organisation_identifier_is_to_the_octet(kit):
    (one,) = (one for one in kit if one.label == "Z1-supplier-ds")
    common_name = bytes.fromhex("3115301306035504030c0c") + b"SUPPLIER ONE"
    role = bytes.fromhex("310b3009060355040b0c023032")
    identifier = bytes.fromhex("31123010060355042d03090090b3d51f30010000")
    subject = encode(one.tbs["subject"])
    assert subject[2:] == common_name + role + identifier
    assert one.der.count(subject) == 1


def test_common_name_is_left_out_where_none_was_asked_for(kit):
    (one,) = (one for one in kit if one.label == "Z1-supplier-ka")
    assert [oid for oid, _ in one.subject] == ["2.5.4.11", "2.5.4.45"]
    assert not one.loaded.subject.get_attributes_for_oid(NameOID.COMMON_NAME)


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        ("organisation root", [("2.5.4.11", "00"), ("2.5.4.3", "ZA")]),
        ("organisation issuing", [("2.5.4.11", "07"), ("2.5.4.3", "Z1")]),
        ("device root", [("2.5.4.3", "DZ")]),
        ("device issuing", [("2.5.4.3", "DZ1")]),
    ],
)
def test_ca_names_are_printable_strings_in_their_order(smki, kind, attributes):
    (one,) = (one for one in smki if one.kind == kind)
    assert [(oid, str(value)) for oid, value in one.subject] == attributes
    assert all(isinstance(value, char.PrintableString) for _, value in one.subject)


def test_issuer_is_the_cas_subject_octet_for_octet(kit):
    subjects = {(one.hierarchy, encode(one.tbs["subject"])) for one in kit if one.is_ca}
    for one in kit:
        assert (one.hierarchy, encode(one.tbs["issuer"])) in subjects


def test_device_subjects_are_an_empty_sequence_and_the_name_is_critical(smki):
    found = [one for one in smki if one.kind == "device end"]
    assert found
    for one in found:
        assert encode(one.tbs["subject"]) == b"\x30\x00"
        critical, _ = one.extensions[ALTERNATIVE_NAME]
        assert critical


def test_device_name_is_to_the_octet(kit):
    (one,) = (one for one in kit if one.label == "ESME-ds")
    value = bytes.fromhex(
        "3029a02706082b06010505070804a01b3019060d2a863a0001848fb90f01020201040800db120000000001"
    )
    assert one.extensions[ALTERNATIVE_NAME] == (True, value)
    alternative = one.loaded.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    (name,) = alternative.value
    assert name.type_id.dotted_string == "1.3.6.1.5.5.7.8.4"


def test_device_certificates_never_expire(kit):
    for one in kit:
        if one.kind == "device end":
            end = one.tbs["validity"]["notAfter"].getComponent()
            assert isinstance(end, useful.GeneralizedTime)
            assert encode(end) == b"\x18\x0f99991231235959Z"


@pytest.mark.parametrize(
    ("tier", "years", "time"),
    [("root", 50, useful.GeneralizedTime), ("issuing", 25, None), ("end", 10, None)],
)
def test_organisation_lifetimes_end_a_second_before_the_anniversary(kit, tier, years, time):
    for one in kit:
        if one.kind != f"organisation {tier}":
            continue
        start, end = one.loaded.not_valid_before_utc, one.loaded.not_valid_after_utc
        after = end + dt.timedelta(seconds=1)
        assert (after.year - start.year, after.time()) == (years, start.time())
        # A certificate of 29 February ends before 1 March; 2024 has both days.
        days = abs(after.replace(year=2024) - start.replace(year=2024)).days
        assert days == int((start.month, start.day) == (2, 29))
        if one.is_ca:
            assert f"{start:%H%M%S}{end:%H%M%S}" == "000000235959"
        if time is not None:
            assert isinstance(one.tbs["validity"]["notAfter"].getComponent(), time)


@pytest.mark.slow
def test_issuing_ca_lifetime_is_that_of_the_published_one(command, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("a passphrase\n")
    outcome = command(
        *("--json", "--clock", "2015-10-29T13:14:15Z", "--passphrase-file", secret),
        *("init", tmp_path / "estate"),
    )
    assert outcome.code == 0, outcome.err
    by_profile = {one["profile"]: one for one in outcome.json["certificates"]}
    issuing = by_profile["organisation-issuing-ca"]
    assert issuing["not_before"] == "2015-10-29T00:00:00Z"
    assert issuing["not_after"] == "2040-10-28T23:59:59Z"
    root = by_profile["organisation-root-ca"]
    assert root["not_after"] == "2065-10-28T23:59:59Z"


def test_times_to_2049_are_utc_time(kit):
    for one in kit:
        for end, read in (
            ("notBefore", one.loaded.not_valid_before_utc),
            ("notAfter", one.loaded.not_valid_after_utc),
        ):
            kind = useful.UTCTime if read.year < 2050 else useful.GeneralizedTime
            text = str(one.tbs["validity"][end].getComponent())
            assert type(one.tbs["validity"][end].getComponent()) is kind
            assert text == read.strftime("%y%m%d%H%M%SZ" if read.year < 2050 else "%Y%m%d%H%M%SZ")


def test_no_unique_ids_and_none_of_the_extensions_that_smki_never_has(smki):
    for one in smki:
        assert not one.tbs["issuerUniqueID"].isValue
        assert not one.tbs["subjectUniqueID"].isValue


@pytest.mark.parametrize(
    ("label", "signifier"),
    [
        ("dccki-supplier-one", "TPTY-SUPPLIER-ONE"),
        ("dccki-rdp-one", "TRDP-ONE"),
        ("dccki-dcc-gateway", "TDCC"),
    ],
)
@pytest.mark.shows("4-issue-6", "¶36", "R8", "R18")
def test_dccki_certificates_carry_the_signifier(kit, label, signifier):
    (one,) = (one for one in kit if one.label == label)
    assert [oid for oid, _ in one.subject] == ["2.5.4.10", "2.5.4.11", "2.5.4.3"]
    (unit,) = one.loaded.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    assert unit.value == signifier
    usages = one.loaded.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert {usage._name for usage in usages} == {"clientAuth", "serverAuth"}  # noqa: SLF001
    assert one.extensions[KEY_USAGE] == (True, bytes.fromhex("030205a0"))


def test_iki_certificate_names_company_role_and_system(kit):
    (one,) = (one for one in kit if one.kind == "iki end")
    assert [(oid, str(value)) for oid, value in one.subject] == [
        ("2.5.4.10", "Supplier One"),
        ("2.5.4.11", "02"),
        ("2.5.4.3", "supplier-one-adhoc-csr"),
    ]
    assert one.extensions[KEY_USAGE] == (True, DIGITAL_SIGNATURE)
