from __future__ import annotations

import contextlib
import hashlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyasn1.codec.der.decoder import decode
from pyasn1.codec.der.encoder import encode
from pyasn1.type import char, tag, univ
from pyasn1_modules import rfc5280

from smki_testca.api import Estate
from smki_testca.clock import end_of_years, years_after
from smki_testca.der import DerError
from smki_testca.der import encode as der
from smki_testca.estate.certificates import Selection
from smki_testca.lint import RowContext, check
from smki_testca.lint.row_checks import ASPECTS
from smki_testca.profiles import Library
from smki_testca.profiles.model import Severity
from smki_testca.x509 import names
from smki_testca.x509.keys import key_identifier
from smki_testca.x509.view import view_certificate
from strategies import certificate_shapes

LIBRARY = Library()
ERROR, WARNING, NOTICE = Severity.ERROR, Severity.WARNING, Severity.NOTICE
ORGANISATION, XML_SIGN, DEVICE = "Z1-supplier-ds", "xml-sign-90B3D51F30010000-ds", "ESME-ds"
DCCKI, OCA, DCA = "dccki-supplier-one", "Z1", "DZ1"


@pytest.fixture(scope="module")
def kit(quickstart_original):
    """The certificates of the kit by label, CAs by name, and their issuers by serial."""
    with Estate.open(quickstart_original, lambda: "") as estate:
        records = estate.certificates.select(Selection())
    by_serial = {one.serial: one for one in records}
    return {one.label: (one, by_serial[one.issuer]) for one in records}


def findings(octets, record, issuer):
    environment = LIBRARY.environment("ZAZ1")
    context = RowContext(LIBRARY.roles, environment, view_certificate(issuer.der))
    return check(view_certificate(octets), LIBRARY.profile(record.profile), context)


def broken(octets, change):
    """A certificate with one change to its signed part, signature and all else as they were."""
    certificate, rest = decode(octets, asn1Spec=rfc5280.Certificate())
    assert not rest
    change(certificate["tbsCertificate"])
    return encode(certificate)


# The changes. Each takes the signed part and changes one thing of it.


def setting(field, value):
    def change(tbs):
        tbs[field] = value

    return change


def signature_with(oid, parameters=None):
    def change(tbs):
        algorithm = rfc5280.AlgorithmIdentifier()
        algorithm["algorithm"] = oid
        if parameters is not None:
            algorithm["parameters"] = univ.Any(parameters)
        tbs["signature"] = algorithm

    return change


def time_of(end, kind, text):
    number = {"utcTime": der.UTC_TIME, "generalTime": der.GENERALIZED_TIME}[kind]

    def change(tbs):
        octets = der.text(number, text)
        tbs["validity"][end], _ = decode(octets, asn1Spec=rfc5280.Time())

    return change


def years_later(years):
    """The end so many years after the start, in the right type."""

    def change(tbs):
        start = str(tbs["validity"]["notBefore"]["utcTime"])
        year = 2000 + int(start[:2]) + years
        text = f"{year}{start[2:]}"
        if year < 2050:
            time_of("notAfter", "utcTime", text[2:])(tbs)
        else:
            time_of("notAfter", "generalTime", text)(tbs)

    return change


def start_in_generalized_time(tbs):
    start = str(tbs["validity"]["notBefore"]["utcTime"])
    time_of("notBefore", "generalTime", f"20{start}")(tbs)


def subject_of(rearrange):
    """Another subject from the encoded RDNs of the one before."""

    def change(tbs):
        before = [encode(relative) for relative in tbs["subject"]["rdnSequence"]]
        octets = der.sequence(*rearrange(before))
        tbs["subject"], _ = decode(octets, asn1Spec=rfc5280.Name())

    return change


def relative(name, value):
    return der.set_of([der.sequence(der.oid(names.ATTRIBUTES[name]), encode(value))])


def attribute(name, value):
    """The attribute of that name with another value."""
    oid = der.oid(names.ATTRIBUTES[name])
    return subject_of(lambda rs: [relative(name, value) if oid in r else r for r in rs])


def without_attribute(name):
    oid = der.oid(names.ATTRIBUTES[name])
    return subject_of(lambda rs: [r for r in rs if oid not in r])


def found(tbs, name):
    return next(e for e in tbs["extensions"] if str(e["extnID"]) == names.EXTENSIONS[name])


def criticality(name, *, critical):
    def change(tbs):
        found(tbs, name)["critical"] = critical

    return change


def value_of(name, octets):
    def change(tbs):
        found(tbs, name)["extnValue"] = octets

    return change


def extensions_of(rearrange):
    def change(tbs):
        before = list(tbs["extensions"])
        tbs["extensions"].clear()
        for number, extension in enumerate(rearrange(before)):
            tbs["extensions"][number] = extension

    return change


def without(name):
    oid = names.EXTENSIONS[name]
    return extensions_of(lambda es: [e for e in es if str(e["extnID"]) != oid])


def with_extension(name, octets, *, critical=False):
    extension = rfc5280.Extension()
    extension["extnID"] = names.EXTENSIONS.get(name, name)
    extension["critical"] = critical
    extension["extnValue"] = octets
    return extensions_of(lambda es: [*es, extension])


def unique_id(field, number):
    value = univ.BitString.fromOctetString(b"\x01")
    tagged = value.subtype(implicitTag=tag.Tag(tag.tagClassContext, tag.tagFormatSimple, number))
    return setting(field, tagged)


def policies(*encoded):
    return value_of("certificatePolicies", der.sequence(*encoded))


POLICY = der.oid("1.2.826.0.1.8641679.1.2.1.4")
QUALIFIER = der.sequence(
    der.sequence(der.oid("1.3.6.1.5.5.7.2.1"), der.text(der.IA5_STRING, "https://a.test"))
)
HARDWARE = der.tlv(
    0xA0,
    der.oid(names.HARDWARE_MODULE_NAME)
    + der.tlv(0xA0, der.sequence(der.oid("1.2.3"), der.octet_string(bytes(range(8))))),
)
DNS = der.tlv(0x82, b"meter.test")
RSA = names.SIGNATURE_ALGORITHMS["sha256WithRSAEncryption"].oid
ECDSA = names.SIGNATURE_ALGORITHMS["ecdsa-with-SHA256"].oid
CA_TRUE, CA_FALSE = der.boolean(value=True), der.boolean(value=False)


def hardware(serial):
    module = der.sequence(der.oid("1.2.3"), der.octet_string(serial))
    inner = der.oid(names.HARDWARE_MODULE_NAME) + der.tlv(0xA0, module)
    return value_of("subjectAltName", der.sequence(der.tlv(0xA0, inner)))


CASES = [
    (ORGANISATION, setting("version", "v1"), {"version.missing": ERROR}),
    (ORGANISATION, setting("version", "v2"), {"version.value": ERROR}),
    (ORGANISATION, setting("serialNumber", 0x51 << 112), {"serialNumber.octets": WARNING}),
    (ORGANISATION, setting("serialNumber", -(1 << 126)), {"serialNumber.value": ERROR}),
    (DCCKI, setting("serialNumber", 0x51 << 128), {"serialNumber.octets": NOTICE}),
    (ORGANISATION, signature_with(RSA, b"\x05\x00"), {"signature.value": ERROR}),
    (ORGANISATION, signature_with(ECDSA, b"\x05\x00"), {"signature.parameters_null": ERROR}),
    (
        ORGANISATION,
        start_in_generalized_time,
        {"validity.notBefore.encoding": ERROR},
    ),
    (
        ORGANISATION,
        time_of("notBefore", "utcTime", "261301000000Z"),
        {"validity.notBefore.unreadable": ERROR},
    ),
    (ORGANISATION, years_later(11), {"validity.notAfter.period": WARNING}),
    (ORGANISATION, years_later(10), {}),
    (OCA, years_later(25), {}),
    (
        OCA,
        years_later(26),
        {"validity.notAfter.period": NOTICE},
    ),
    (DEVICE, years_later(10), {"validity.notAfter.value": ERROR}),
    (ORGANISATION, subject_of(lambda rs: [rs[1], rs[0], rs[2]]), {"subject.order": NOTICE}),
    (
        ORGANISATION,
        subject_of(lambda rs: [rs[0], rs[2], rs[1]]),
        {"subject.order": NOTICE, "subject.x500UniqueIdentifier.order": ERROR},
    ),
    (
        ORGANISATION,
        subject_of(lambda rs: [relative("organizationName", char.UTF8String("O")), *rs]),
        {"subject.unexpected": NOTICE},
    ),
    (
        ORGANISATION,
        attribute("commonName", char.PrintableString("SUPPLIER ONE")),
        {"subject.commonName.encoding": NOTICE},
    ),
    (ORGANISATION, attribute("commonName", char.UTF8String("S" * 16)), {}),
    (
        ORGANISATION,
        attribute("commonName", char.UTF8String("S" * 17)),
        {"subject.commonName.length": NOTICE},
    ),
    (ORGANISATION, without_attribute("commonName"), {}),
    (
        ORGANISATION,
        without_attribute("organizationalUnitName"),
        {"subject.organizationalUnitName.missing": ERROR},
    ),
    (
        XML_SIGN,
        attribute("organizationalUnitName", char.UTF8String("135")),
        {"subject.organizationalUnitName.role_decimal": ERROR},
    ),
    (
        ORGANISATION,
        attribute("organizationalUnitName", char.UTF8String("FE")),
        {"subject.organizationalUnitName.role": ERROR},
    ),
    (
        ORGANISATION,
        attribute("organizationalUnitName", char.UTF8String("7f")),
        {"subject.organizationalUnitName.form": ERROR},
    ),
    (
        ORGANISATION,
        without_attribute("x500UniqueIdentifier"),
        {"subject.x500UniqueIdentifier.missing": ERROR},
    ),
    (
        ORGANISATION,
        attribute("x500UniqueIdentifier", univ.OctetString(bytes(8))),
        {"subject.x500UniqueIdentifier.unreadable": ERROR},
    ),
    (
        ORGANISATION,
        attribute("x500UniqueIdentifier", univ.BitString.fromOctetString(bytes(7))),
        {"subject.x500UniqueIdentifier.octets": ERROR},
    ),
    (
        ORGANISATION,
        attribute("x500UniqueIdentifier", univ.BitString((1,) * 60)),
        {"subject.x500UniqueIdentifier.unused_bits": ERROR},
    ),
    (
        DEVICE,
        subject_of(lambda _: [relative("commonName", char.UTF8String("M"))]),
        {"subject.unexpected": ERROR},
    ),
    (
        ORGANISATION,
        criticality("keyUsage", critical=False),
        {"extensions.keyUsage.critical": ERROR},
    ),
    (ORGANISATION, without("keyUsage"), {"extensions.keyUsage.missing": ERROR}),
    (
        DEVICE,
        value_of("keyUsage", der.named_bits([1])),
        {"extensions.keyUsage.value": ERROR},
    ),
    (
        ORGANISATION,
        value_of("keyUsage", der.named_bits([0, 4])),
        {"extensions.keyUsage.value": ERROR},
    ),
    (
        ORGANISATION,
        value_of("keyUsage", der.named_bits([])),
        {"extensions.keyUsage.value": ERROR},
    ),
    (
        ORGANISATION,
        value_of("keyUsage", b"\x05\x00"),
        {"extensions.keyUsage.unreadable": ERROR},
    ),
    (ORGANISATION, value_of("keyUsage", der.named_bits([4])), {}),
    (
        ORGANISATION,
        criticality("subjectKeyIdentifier", critical=True),
        {"extensions.subjectKeyIdentifier.critical": ERROR},
    ),
    (
        ORGANISATION,
        without("subjectKeyIdentifier"),
        {"extensions.subjectKeyIdentifier.missing": ERROR},
    ),
    (
        ORGANISATION,
        value_of("subjectKeyIdentifier", der.octet_string(bytes(20))),
        {"extensions.subjectKeyIdentifier.octets": ERROR},
    ),
    (
        ORGANISATION,
        value_of("subjectKeyIdentifier", der.octet_string(b"\x40" + bytes(7))),
        {"extensions.subjectKeyIdentifier.value": ERROR},
    ),
    (
        ORGANISATION,
        without("authorityKeyIdentifier"),
        {"extensions.authorityKeyIdentifier.missing": ERROR},
    ),
    (
        ORGANISATION,
        criticality("authorityKeyIdentifier", critical=True),
        {"extensions.authorityKeyIdentifier.critical": ERROR},
    ),
    (
        ORGANISATION,
        value_of("authorityKeyIdentifier", der.sequence(der.tlv(0x80, b"\x40" + bytes(7)))),
        {"extensions.authorityKeyIdentifier.keyIdentifier.value": ERROR},
    ),
    (
        ORGANISATION,
        value_of("authorityKeyIdentifier", der.sequence()),
        {
            "extensions.authorityKeyIdentifier.sole": ERROR,
            "extensions.authorityKeyIdentifier.keyIdentifier.missing": ERROR,
        },
    ),
    (
        DEVICE,
        criticality("certificatePolicies", critical=False),
        {"extensions.certificatePolicies.critical": ERROR},
    ),
    (
        ORGANISATION,
        policies(der.sequence(der.oid("2.5.29.32.0"))),
        {"extensions.certificatePolicies.policyIdentifier.policy": WARNING},
    ),
    (
        ORGANISATION,
        policies(der.sequence(POLICY, QUALIFIER)),
        {"extensions.certificatePolicies.sole": ERROR},
    ),
    (
        ORGANISATION,
        policies(der.sequence(POLICY), der.sequence(der.oid("1.2.3"))),
        {"extensions.certificatePolicies.sole": ERROR},
    ),
    (
        ORGANISATION,
        without("certificatePolicies"),
        {"extensions.certificatePolicies.missing": ERROR},
    ),
    (ORGANISATION, extensions_of(lambda es: es[::-1]), {"extensions.order": NOTICE}),
    (
        ORGANISATION,
        with_extension("1.2.3.4", b"\x05\x00"),
        {"extensions.unexpected": NOTICE},
    ),
    (
        ORGANISATION,
        with_extension("basicConstraints", der.sequence(), critical=True),
        {"extensions.basicConstraints.ca_false": NOTICE},
    ),
    (
        ORGANISATION,
        with_extension("extKeyUsage", der.sequence(der.oid("1.3.6.1.5.5.7.3.2"))),
        {"extensions.extKeyUsage.present": WARNING},
    ),
    (
        DEVICE,
        with_extension("cRLDistributionPoints", der.sequence()),
        {"extensions.cRLDistributionPoints.present": WARNING},
    ),
    (
        OCA,
        with_extension("authorityInfoAccess", der.sequence()),
        {"extensions.authorityInfoAccess.present": WARNING},
    ),
    (
        DEVICE,
        with_extension("issuerAltName", der.sequence(DNS)),
        {"extensions.issuerAltName.present": WARNING},
    ),
    (ORGANISATION, unique_id("issuerUniqueID", 1), {"issuerUniqueID.present": WARNING}),
    (ORGANISATION, unique_id("subjectUniqueID", 2), {"subjectUniqueID.present": WARNING}),
    (
        DEVICE,
        criticality("subjectAltName", critical=False),
        {"extensions.subjectAltName.critical": ERROR},
    ),
    (DEVICE, without("subjectAltName"), {"extensions.subjectAltName.missing": ERROR}),
    (
        DEVICE,
        value_of("subjectAltName", der.sequence(HARDWARE, DNS)),
        {"extensions.subjectAltName.sole": ERROR},
    ),
    (
        DEVICE,
        hardware(bytes(7)),
        {"extensions.subjectAltName.hardwareModuleName.hwSerialNum.octets": ERROR},
    ),
    (DEVICE, hardware(bytes(range(8))), {}),
    *(
        (
            DEVICE,
            hardware(octets),
            {"extensions.subjectAltName.hardwareModuleName.hwSerialNum.null": ERROR},
        )
        for octets in (bytes(8), b"\xff" * 8)
    ),
    (
        ORGANISATION,
        attribute("x500UniqueIdentifier", univ.BitString.fromOctetString(bytes(8))),
        {"subject.x500UniqueIdentifier.null": ERROR},
    ),
    *(
        (
            ORGANISATION,
            attribute("organizationalUnitName", char.UTF8String(code)),
            {"subject.organizationalUnitName.role_of_ca": ERROR},
        )
        for code in ("00", "07")
    ),
    *(
        (
            ORGANISATION,
            attribute("organizationalUnitName", char.UTF8String(code)),
            {"subject.organizationalUnitName.role": ERROR},
        )
        # All of these are numbers to Python's int().
        for code in (
            "02 ",
            " 2",
            "0_2",
            "+2",
            "1_3_7",
            "137 ",
            "\u0660\u0662",
            "\uff10\uff12",
            "002 ",
        )
    ),
    (
        DEVICE,
        value_of("subjectAltName", der.sequence(DNS)),
        {
            "extensions.subjectAltName.hardwareModuleName.hwType.missing": ERROR,
            "extensions.subjectAltName.hardwareModuleName.hwSerialNum.missing": ERROR,
        },
    ),
    (
        DCCKI,
        value_of("subjectAltName", der.sequence(der.tlv(0x82, b"gate way.test"))),
        {"extensions.subjectAltName.dNSName.form": ERROR},
    ),
    (DCCKI, without("extKeyUsage"), {"extensions.extKeyUsage.missing": NOTICE}),
    (
        DCCKI,
        value_of("extKeyUsage", der.sequence(der.oid("1.3.6.1.5.5.7.3.9"))),
        {"extensions.extKeyUsage.value": NOTICE},
    ),
    (DCCKI, without("subjectAltName"), {}),
    (
        DCCKI,
        without_attribute("organizationalUnitName"),
        {"subject.organizationalUnitName.missing": NOTICE},
    ),
    (
        OCA,
        value_of("keyUsage", der.named_bits([0, 5, 6])),
        {"extensions.keyUsage.value": ERROR},
    ),
    (
        OCA,
        criticality("basicConstraints", critical=False),
        {"extensions.basicConstraints.critical": ERROR},
    ),
    (
        OCA,
        value_of("basicConstraints", der.sequence(CA_TRUE, der.integer(1))),
        {"extensions.basicConstraints.pathLenConstraint.value": WARNING},
    ),
    (
        OCA,
        value_of("basicConstraints", der.sequence(CA_TRUE)),
        {"extensions.basicConstraints.pathLenConstraint.missing": WARNING},
    ),
    (
        OCA,
        value_of("basicConstraints", der.sequence(CA_FALSE, der.integer(0))),
        {"extensions.basicConstraints.cA.value": ERROR},
    ),
    (
        OCA,
        attribute("organizationalUnitName", char.PrintableString("02")),
        {"subject.organizationalUnitName.value": WARNING},
    ),
    (
        OCA,
        attribute("commonName", char.PrintableString("Z1234")),
        {"subject.commonName.length": WARNING},
    ),
    (
        OCA,
        attribute("commonName", char.UTF8String("Z1")),
        {"subject.commonName.encoding": WARNING},
    ),
    (
        DCA,
        subject_of(
            lambda rs: [relative("organizationalUnitName", char.PrintableString("07")), *rs]
        ),
        {"subject.unexpected": NOTICE},
    ),
]


def test_the_certificates_of_the_kit_have_no_findings(kit):
    for record, issuer in kit.values():
        assert findings(record.der, record, issuer) == [], record.label


@pytest.mark.parametrize(
    ("label", "change", "expected"),
    CASES,
    ids=[f"{number}-{'+'.join(codes) or 'fine'}" for number, (_, _, codes) in enumerate(CASES, 1)],
)
def test_one_change_is_found_as_what_it_is(kit, label, change, expected):
    record, issuer = kit[label]
    octets = broken(record.der, change)
    assert octets != record.der
    made = findings(octets, record, issuer)
    assert {one.code: one.severity for one in made} == expected
    assert len(made) == len(expected)


@pytest.mark.parametrize(("label", "change"), [(label, change) for label, change, _ in CASES])
def test_a_finding_tells_where_it_is_and_which_row_it_breaks(kit, label, change):
    record, issuer = kit[label]
    octets = broken(record.der, change)
    view = view_certificate(octets)
    rows = LIBRARY.profile(record.profile).rows
    for one in findings(octets, record, issuer):
        assert one.path in one.message
        assert one.code.startswith(f"{one.path}.")
        assert any(
            (row.field.path, row.basis, row.source, row.severity)
            == (one.path, one.basis, one.source, one.severity)
            for row in rows
        )
        if one.code.endswith(".missing"):
            assert one.offset is None
        else:
            assert one.offset == view.fields[one.path].node.offset


def test_every_way_to_break_a_row_has_its_case_here():
    shown = {code.rsplit(".", 1)[1] for _, _, codes in CASES for code in codes}
    assert shown == set(ASPECTS)


def test_two_rows_of_one_field_are_two_findings(kit):
    record, issuer = kit[ORGANISATION]
    octets = broken(record.der, setting("serialNumber", 0x51 << 152))
    made = findings(octets, record, issuer)
    assert [(one.code, one.severity) for one in made] == [
        ("serialNumber.octets", ERROR),
        ("serialNumber.octets", WARNING),
    ]


def test_what_is_not_known_beside_the_certificate_is_not_checked(kit):
    record, _ = kit[ORGANISATION]
    octets = broken(record.der, policies(der.sequence(der.oid("2.5.29.32.0"))))
    octets = broken(
        octets,
        value_of("authorityKeyIdentifier", der.sequence(der.tlv(0x80, b"\x40" + bytes(7)))),
    )
    made = check(
        view_certificate(octets), LIBRARY.profile("organisation"), RowContext(LIBRARY.roles)
    )
    assert made == []


def test_each_policy_that_an_environment_allows_is_right(kit):
    record, issuer = kit[DEVICE]
    rtds = broken(record.der, policies(der.sequence(der.oid("1.2.826.0.1.1800000.1.2.1.4"))))
    assert findings(rtds, record, issuer) == []


def test_a_profile_of_an_operator_decides_how_grave_a_breach_is(kit, tmp_path):
    text = (LIBRARY.directories[-1] / "certificates" / "organisation.toml").read_text("utf-8")
    longest = '\nnote = "the longest'
    changed = text.replace(f'severity = "notice"{longest}', f'severity = "error"{longest}')
    assert changed != text
    path = tmp_path / "certificates" / "organisation.toml"
    path.parent.mkdir()
    path.write_text(changed, "utf-8")
    record, _ = kit[ORGANISATION]
    octets = broken(record.der, attribute("commonName", char.UTF8String("S" * 17)))
    profile = Library(tmp_path).profile("organisation")
    (one,) = check(view_certificate(octets), profile, RowContext(LIBRARY.roles))
    assert (one.code, one.severity, one.basis) == ("subject.commonName.length", ERROR, "observed")


# Hostile certificates


@pytest.mark.slow
@given(certificate_shapes, st.sampled_from(LIBRARY.profiles))
def test_anything_with_the_outline_of_a_certificate_is_checked(octets, profile):
    view = view_certificate(octets)
    context = RowContext(LIBRARY.roles, LIBRARY.default_environment, view)
    for one in check(view, profile, context):
        assert one.message.isprintable()


@given(data=st.data())
def test_a_certificate_with_some_octets_changed_is_checked(kit, data):
    record, issuer = kit[data.draw(st.sampled_from(sorted(kit)))]
    octets = bytearray(record.der)
    for _ in range(data.draw(st.integers(1, 3))):
        # Beyond the outer headers, so that most of what is made can be read.
        octets[data.draw(st.integers(12, len(octets) - 80))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(DerError):
        for one in findings(bytes(octets), record, issuer):
            assert one.message.isprintable()


def test_a_certificate_of_the_last_years_there_are_is_checked(kit):
    record, issuer = kit[ORGANISATION]
    octets = broken(record.der, time_of("notBefore", "generalTime", "99950101000000Z"))
    octets = broken(octets, time_of("notAfter", "generalTime", "99991231235959Z"))
    assert findings(octets, record, issuer) == []


def test_a_number_of_thousands_of_digits_is_checked(kit):
    record, issuer = kit[OCA]
    long = der.tlv(der.INTEGER, b"\x01" * 5000)
    octets = broken(record.der, value_of("basicConstraints", der.sequence(CA_TRUE, long)))
    (one,) = findings(octets, record, issuer)
    assert one.path == "extensions.basicConstraints.pathLenConstraint"
    assert len(one.message) < 1000


# What the rows are worked out with


@given(st.binary(min_size=1, max_size=100))
def test_a_key_identifier_is_the_one_of_rfc_5280(key):
    digest = hashlib.sha1(key, usedforsecurity=False).digest()
    assert key_identifier(key, method=1) == digest
    short = key_identifier(key, method=2)
    low = int.from_bytes(digest) & ((1 << 60) - 1)
    assert int.from_bytes(short) == 0b0100 << 60 | low
    assert len(short) == 8


@pytest.mark.parametrize(
    ("start", "years", "end"),
    [
        (datetime(2026, 11, 23, tzinfo=UTC), 10, datetime(2036, 11, 23, tzinfo=UTC)),
        (datetime(2028, 2, 29, tzinfo=UTC), 4, datetime(2032, 2, 29, tzinfo=UTC)),
        (datetime(2028, 2, 29, tzinfo=UTC), 1, datetime(2029, 3, 1, tzinfo=UTC)),
        (datetime(2096, 2, 29, tzinfo=UTC), 4, datetime(2100, 3, 1, tzinfo=UTC)),
    ],
)
def test_years_are_counted_by_the_calendar(start, years, end):
    assert years_after(start, years) == end


@pytest.mark.parametrize(
    ("start", "years", "end"),
    [
        # As 24 of the 54 published Organisation Certificates: midnight to the end of a day.
        (datetime(2016, 1, 26, tzinfo=UTC), 10, datetime(2026, 1, 26, 23, 59, 59, tzinfo=UTC)),
        (
            datetime(2026, 11, 28, 9, 30, tzinfo=UTC),
            2,
            datetime(2028, 11, 28, 23, 59, 59, tzinfo=UTC),
        ),
        (datetime(2024, 2, 29, tzinfo=UTC), 25, datetime(2049, 3, 1, 23, 59, 59, tzinfo=UTC)),
        (datetime(9995, 1, 1, tzinfo=UTC), 50, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_a_span_of_years_lasts_to_the_end_of_its_last_day(start, years, end):
    assert end_of_years(start, years) == end


def test_years_beyond_the_calendar_end_with_it():
    end = years_after(datetime(9995, 1, 1, tzinfo=UTC), 10)
    assert end == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
