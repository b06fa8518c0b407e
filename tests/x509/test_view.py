from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from smki_testca.api import Estate
from smki_testca.der import DerError, encode
from smki_testca.estate.certificates import Selection
from smki_testca.x509 import names
from smki_testca.x509.view import view_certificate, view_request, view_revocation_list
from strategies import certificate_shapes, elements, object_identifiers, request_shapes

ALGORITHM = encode.sequence(encode.oid("1.2.840.10045.4.3.2"))
START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)


def extension(name, value, critical=b""):
    oid = encode.oid(names.EXTENSIONS.get(name, name))
    return encode.sequence(oid, critical, encode.octet_string(value))


def relative(name, value):
    oid = encode.oid(names.ATTRIBUTES.get(name, name))
    return encode.set_of([encode.sequence(oid, value)])


def certificate(
    *extensions,
    version=b"\xa0\x03\x02\x01\x02",
    serial=b"\x02\x01\x01",
    start=None,
    end=None,
    subject=(),
    extra=b"",
):
    validity = encode.sequence(start or encode.time(START), end or encode.time(END))
    parts = [version, serial, ALGORITHM, encode.sequence(), validity, encode.sequence(*subject)]
    parts += [encode.sequence(), extra]
    if extensions:
        parts.append(encode.tlv(0xA3, encode.sequence(*extensions)))
    return encode.sequence(encode.sequence(*parts), ALGORITHM, encode.bit_string(b"\x30\x00"))


@pytest.fixture(scope="module")
def records(quickstart_original):
    with Estate.open(quickstart_original, lambda: "") as estate:
        return estate.certificates.select(Selection())


# Against the reading of another program


def test_a_view_agrees_with_cryptography_on_every_certificate_of_the_kit(records):
    assert records
    for record in records:
        view = view_certificate(record.der)
        other = x509.load_der_x509_certificate(record.der)
        assert view.anomalies == []
        assert view.value("version") == "v3"
        assert view.value("serialNumber") == other.serial_number
        assert view.octets("issuer") == other.issuer.public_bytes()
        assert view.octets("subject") == other.subject.public_bytes()
        assert view.instant("validity.notBefore") == other.not_valid_before_utc
        assert view.instant("validity.notAfter") == other.not_valid_after_utc
        assert view.signature == other.signature
        assert view.signed.encoded == other.tbs_certificate_bytes
        key = other.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        assert view.octets("subjectPublicKeyInfo") == key
        listed = [(one.oid.dotted_string, one.critical) for one in other.extensions]
        assert [names.EXTENSIONS[name] for name in view.extension_order] == [o for o, _ in listed]
        assert [view.criticality[name] for name in view.extension_order] == [c for _, c in listed]
        identifier = other.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        assert view.octets("extensions.subjectKeyIdentifier") == identifier.value.digest
        oids = [names.ATTRIBUTES[name] for name in view.subject_order]
        assert oids == [one.oid.dotted_string for one in other.subject]


def test_every_field_lies_where_its_element_says(records):
    for record in records:
        view = view_certificate(record.der)
        for found in view.fields.values():
            node = found.node
            assert record.der[node.offset : node.stop] == node.encoded
            assert node.offset > 0


def test_the_fields_of_an_organisation_certificate_are_found(records):
    record = next(one for one in records if one.label == "Z1-supplier-ds")
    view = view_certificate(record.der)
    assert view.text("subject.commonName") == "SUPPLIER ONE"
    assert view.text("subject.organizationalUnitName") == "02"
    assert view.octets("subject.x500UniqueIdentifier") == record.eui64.octets
    assert view.value("extensions.keyUsage") == ("digitalSignature",)
    policy = "extensions.certificatePolicies.policyIdentifier"
    assert view.text(policy) == "1.2.826.0.1.8641679.1.2.1.4"
    assert len(view.octets("extensions.authorityKeyIdentifier.keyIdentifier") or b"") == 8


def test_the_fields_of_a_device_certificate_are_found(records):
    record = next(one for one in records if one.label == "ESME-ka")
    view = view_certificate(record.der)
    module = "extensions.subjectAltName.hardwareModuleName"
    assert view.text(f"{module}.hwType") == "1.2.826.0.1.8641679.1.2.2.1"
    assert view.octets(f"{module}.hwSerialNum") == record.eui64.octets
    assert view.subject_order == []
    assert view.instant("validity.notAfter") == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def test_the_fields_of_a_dccki_certificate_are_found(records):
    record = next(one for one in records if one.label == "dccki-supplier-one")
    view = view_certificate(record.der)
    assert view.text("extensions.subjectAltName.dNSName") == "gateway.supplier-one.test"
    assert view.value("extensions.extKeyUsage") == ("clientAuth", "serverAuth")
    assert view.value("extensions.keyUsage") == ("digitalSignature", "keyEncipherment")


def test_the_fields_of_a_ca_certificate_are_found(records):
    record = next(one for one in records if one.profile == "organisation-issuing-ca")
    view = view_certificate(record.der)
    assert view.value("extensions.basicConstraints.cA") is True
    assert view.value("extensions.basicConstraints.pathLenConstraint") == 0


# Against hostile octets


@given(st.binary(max_size=300))
def test_arbitrary_octets_are_viewed_or_refused(data):
    for view in (view_certificate, view_request, view_revocation_list):
        with contextlib.suppress(DerError):
            view(data)


@pytest.mark.slow
@given(certificate_shapes)
def test_anything_with_the_outline_of_a_certificate_is_viewed(data):
    view = view_certificate(data)
    assert view.root.encoded == data


@pytest.mark.slow
@given(certificate_shapes | request_shapes)
def test_anything_signed_is_viewed_as_a_crl_or_refused(data):
    with contextlib.suppress(DerError):
        assert view_revocation_list(data).kind == "CRL"


@pytest.mark.slow
@given(request_shapes)
def test_anything_with_the_outline_of_a_request_is_viewed(data):
    view = view_request(data)
    assert view.root.encoded == data


@given(data=st.data())
def test_a_certificate_with_some_octets_changed_is_viewed_or_refused(records, data):
    octets = bytearray(data.draw(st.sampled_from([one.der for one in records])))
    for _ in range(data.draw(st.integers(1, 5))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(DerError):
        view_certificate(bytes(octets))


@pytest.mark.slow
@given(elements)
def test_an_extension_may_hold_anything(element):
    for name in names.EXTENSIONS:
        view = view_certificate(certificate(extension(name, element)))
        assert view.extension_order == [name]


@pytest.mark.parametrize("octets", [2000, 100_000])
def test_numbers_of_thousands_of_digits_are_viewed(octets):
    number = encode.tlv(0x02, b"\x01" * octets)
    path_length = encode.sequence(encode.boolean(value=True), number)
    view = view_certificate(
        certificate(
            extension("basicConstraints", path_length),
            version=encode.tlv(0xA0, number),
            serial=number,
        )
    )
    assert view.value("version") is None
    assert "serialNumber" in view.fields


@pytest.mark.parametrize(
    "octets",
    ["", "3000", "0400", "30020500", "300930003000030200ff", "3082ffff", "3006020002000300"],
)
def test_octets_that_are_no_certificate_are_refused_by_name(octets):
    with pytest.raises(DerError, match=r"certificate|cut off|claims"):
        view_certificate(bytes.fromhex(octets))
    with pytest.raises(DerError, match=r"CSR|cut off|claims"):
        view_request(bytes.fromhex(octets))


# Details


@pytest.mark.parametrize(
    ("element", "value"),
    [
        (b"\x17\x0d500101000000Z", datetime(1950, 1, 1, tzinfo=UTC)),
        (b"\x17\x0d491231235959Z", datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (b"\x18\x0f20491231235959Z", datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (b"\x18\x0f99991231235959Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (b"\x17\x0b4912312359Z", None),
        (b"\x17\x11491231235959+0100", None),
        (b"\x17\x0d491331235959Z", None),
        (b"\x17\x0d490230235959Z", None),
        (b"\x17\x0d491231235960Z", None),
        (b"\x17\x0d+91231235959Z", None),
        (b"\x18\x0e99991231235959", None),
        (b"\x18\x1199991231235959.5Z", None),
        (b"\x18\x0f00001231235959Z", None),
        (b"\x18\x0f\xff\xff\xff\xff1231235959Z", None),
        (b"\x02\x01\x01", None),
    ],
)
def test_a_time_is_read_only_in_the_forms_of_rfc_5280(element, value):
    view = view_certificate(certificate(end=element))
    assert view.value("validity.notAfter") == value
    assert "validity.notAfter" in view.fields


def test_a_certificate_without_a_version_has_no_such_field():
    view = view_certificate(certificate(version=b""))
    assert "version" not in view.fields
    assert view.value("serialNumber") == 1


@pytest.mark.parametrize(("number", "text"), [(0, "v1"), (1, "v2"), (2, "v3"), (3, "v4")])
def test_a_version_is_named_as_standards_name_it(number, text):
    view = view_certificate(certificate(version=encode.tlv(0xA0, encode.integer(number))))
    assert view.value("version") == text


@pytest.mark.parametrize(
    ("octets", "critical"),
    [(b"", False), (b"\x01\x01\xff", True), (b"\x01\x01\x01", True), (b"\x01\x01\x00", False)],
)
def test_criticality_is_read_in_der_and_in_ber(octets, critical):
    view = view_certificate(certificate(extension("keyUsage", b"\x03\x02\x07\x80", octets)))
    assert view.criticality == {"keyUsage": critical}


def test_of_an_extension_that_comes_twice_the_first_counts_and_both_are_listed():
    view = view_certificate(
        certificate(
            extension("keyUsage", encode.named_bits([0])),
            extension("keyUsage", encode.named_bits([4])),
        )
    )
    assert view.value("extensions.keyUsage") == ("digitalSignature",)
    assert view.extension_order == ["keyUsage", "keyUsage"]


@given(object_identifiers)
def test_an_unknown_extension_is_listed_by_its_oid(oid):
    view = view_certificate(certificate(extension(oid, encode.tlv(0x05, b""))))
    assert view.extension_order == [names.EXTENSION_NAMES.get(oid, oid)]


def test_a_field_that_cannot_be_read_is_there_without_a_value():
    view = view_certificate(certificate(extension("keyUsage", b"\x05\x00")))
    assert "extensions.keyUsage" in view.fields
    assert view.value("extensions.keyUsage") is None
    view = view_certificate(certificate(extension("subjectKeyIdentifier", b"junk")))
    assert "extensions.subjectKeyIdentifier" in view.fields
    assert view.value("extensions.subjectKeyIdentifier") is None


@pytest.mark.parametrize(
    ("element", "value"),
    [
        (b"\x0c\x03\xe2\x82\xac", "€"),
        (b"\x0c\x01\xff", None),
        (b"\x13\x02Z1", "Z1"),
        (b"\x13\x01\xe9", None),
        (b"\x16\x02Z1", "Z1"),
        (b"\x14\x01\xe9", "é"),
        (b"\x1e\x02\x20\xac", "€"),
        (b"\x1e\x01\x20", None),
        (b"\x04\x02Z1", None),
    ],
)
def test_text_is_read_by_its_string_type(element, value):
    view = view_certificate(certificate(subject=[relative("commonName", element)]))
    assert view.value("subject.commonName") == value
    assert view.subject_order == ["commonName"]


@pytest.mark.parametrize(
    ("element", "value"),
    [
        (b"\x03\x09\x00" + bytes(range(8)), bytes(range(8))),
        (b"\x03\x01\x00", b""),
        (b"\x04\x08" + bytes(range(8)), None),
    ],
)
def test_the_subjects_identifier_is_read_from_a_bit_string_only(element, value):
    view = view_certificate(certificate(subject=[relative("x500UniqueIdentifier", element)]))
    assert view.value("subject.x500UniqueIdentifier") == value


def test_unique_ids_of_the_certificate_itself_are_found():
    for tag, path in ((0x81, "issuerUniqueID"), (0x82, "subjectUniqueID")):
        assert path in view_certificate(certificate(extra=encode.tlv(tag, b"\x00\x01"))).fields
        assert path not in view_certificate(certificate()).fields


def test_a_request_shows_its_attributes_and_the_extensions_it_asks_for():
    usage = extension("keyUsage", encode.named_bits([0]), b"\x01\x01\xff")
    asked = encode.sequence(
        encode.oid(names.EXTENSION_REQUEST), encode.set_of([encode.sequence(usage)])
    )
    challenge = encode.sequence(encode.oid("1.2.840.113549.1.9.7"), encode.set_of([]))
    subject = encode.sequence(relative("organizationalUnitName", b"\x0c\x0202"))
    info = encode.sequence(
        encode.integer(0), subject, encode.sequence(), encode.tlv(0xA0, asked + challenge)
    )
    view = view_request(encode.sequence(info, ALGORITHM, encode.bit_string(b"sig")))
    assert view.value("version") == "v1"
    assert view.text("subject.organizationalUnitName") == "02"
    assert view.attribute_order == [names.EXTENSION_REQUEST, "1.2.840.113549.1.9.7"]
    assert view.value("extensions.keyUsage") == ("digitalSignature",)
    assert view.criticality == {"keyUsage": True}
    assert view.signature == b"sig"
    assert view.signed.encoded == info
