"""What ``show`` draws: fields in words, and the bare elements, of broken octets too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import csrs
from broken import CHANGES, chain_and_leaf, field, one_in
from seeds import revocation_list
from smki_testca.der import encode
from smki_testca.der.read import MAX_DEPTH
from smki_testca.importers.sources import Source
from smki_testca.lint.chain import gathered
from smki_testca.lint.drawing import asn1_lines, draw, policy_names
from smki_testca.lint.engine import Linter
from smki_testca.lint.linted import LintSettings
from smki_testca.x509.names import ATTRIBUTE_NAMES, SHORT_NAMES, name_of_oid
from smki_testca.x509.view import view_certificate


def drawn(der, at, **settings):
    linter = Linter(LintSettings(at, **settings), gathered([]))
    lines = draw(der, linter.lint(Source("-", 0, der)), linter)
    return {line.path: line.value for line in lines}


@pytest.fixture(scope="session")
def organisation(quickstart_original):
    return chain_and_leaf(quickstart_original, "organisation")[1]


@pytest.fixture(scope="session")
def device(quickstart_original):
    return chain_and_leaf(quickstart_original, "device")[1]


@pytest.fixture(scope="session")
def now(organisation):
    return view_certificate(organisation).instant("validity.notBefore") + timedelta(days=1)


def test_an_organisation_certificate_is_drawn_in_words(organisation, now):
    found = drawn(organisation, now)
    serial: Any = view_certificate(organisation).value("serialNumber")
    assert found["serialNumber"] == f"{serial:032X} ({serial})"
    assert found["issuer"] == "OU=07, CN=Z1"
    assert found["subject"] == "CN=SUPPLIER ONE, OU=02, ID=90-B3-D5-1F-30-01-00-00"
    assert found["subject.organizationalUnitName"] == "02 (supplier)"
    assert found["subject.x500UniqueIdentifier"] == "90-B3-D5-1F-30-01-00-00"
    assert found["extensions.keyUsage"] == "digitalSignature (critical)"
    assert "ZAZ1" in found["extensions.certificatePolicies.policyIdentifier"]
    identifier = view_certificate(organisation).octets("extensions.subjectKeyIdentifier")
    assert found["extensions.subjectKeyIdentifier"] == identifier.hex(":").upper()


def test_a_device_certificate_shows_its_id_in_hyphens_and_an_empty_subject(device, now):
    found = drawn(device, now)
    assert found["subject"] == "empty"
    serial = found["extensions.subjectAltName.hardwareModuleName.hwSerialNum"]
    assert serial.startswith("00-DB-12-")
    assert len(serial) == 23
    # It never ends, so nothing is said of how much is left.
    assert "left" not in found["validity.notAfter"]


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("2037-02-01", "(expired 13 months ago)"),
        ("2039-02-01", "(expired 3 years 1 month ago)"),
        ("2036-01-02", "(expired 1 day ago)"),
        ("2036-01-01T05:00:00", "(expired 5 hours ago)"),
        ("2035-12-22", "(10 days left)"),
    ],
)
def test_an_end_is_beside_what_it_means_now(organisation, at, said):
    end = field("validity.notAfter", encode.tlv(0x17, b"360101000000Z"))
    found = drawn(end(organisation), datetime.fromisoformat(at).replace(tzinfo=UTC))
    assert found["validity.notAfter"].endswith(said)


def test_a_beginning_that_has_not_come_is_told(organisation, now):
    assert "begins in" in drawn(organisation, now - timedelta(days=30))["validity.notBefore"]
    assert "begins in" not in drawn(organisation, now)["validity.notBefore"]


def test_a_role_that_there_is_not_is_shown_as_it_stands(organisation, now):
    role = field("subject.organizationalUnitName", encode.text(0x0C, "137"))
    assert drawn(role(organisation), now)["subject.organizationalUnitName"] == "137"


def test_a_policy_of_no_environment_is_called_so(organisation, now):
    path = "extensions.certificatePolicies.policyIdentifier"
    found = drawn(field(path, encode.oid("1.2.3.4"))(organisation), now)
    assert found[path] == "1.2.3.4 (of no environment)"


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_a_broken_certificate_is_drawn_as_far_as_it_goes(quickstart_original, now, change):
    chain, der = chain_and_leaf(quickstart_original, "organisation")
    found = drawn(chain.issue(der, CHANGES[change]), now)
    assert found["subject"].endswith("ID=90-B3-D5-1F-30-01-00-00")


def test_a_csr_and_a_crl_are_drawn(now):
    request = drawn(csrs.organisation(csrs.new_key(), common_name="ONE"), now)
    assert request["subject"] == "CN=ONE, OU=02, ID=90-B3-D5-1F-30-01-00-00"
    crl = drawn(revocation_list(), now)
    assert crl["issuer"] == "OU=07, CN=Z1"
    assert crl["revokedCertificates"] == "2"
    assert crl["extensions.cRLNumber"].startswith("7")


def test_octets_that_are_no_document_have_no_fields(now):
    assert drawn(b"\x30\x03\x02\x01\x05", now) == {}


def test_the_dump_names_each_element_with_its_offset_depth_and_length():
    lines = asn1_lines(bytes.fromhex("300a0201050c026162040104"))
    assert [line["text"] for line in lines] == [
        "     0: SEQUENCE (10)",
        "     2:   INTEGER (1) 05",
        '     5:   UTF8String (2) "ab"',
        "     9:   OCTET STRING (1) 04",
    ]
    assert lines[1] == {
        "offset": 2,
        "depth": 1,
        "tag": "INTEGER",
        "length": 1,
        "content": "05",
        "value": None,
        "text": "     2:   INTEGER (1) 05",
    }


@pytest.mark.parametrize(
    ("element", "told"),
    [
        ("0603550403", "OBJECT IDENTIFIER (3) commonName (2.5.4.3)"),
        ("0603550404", "OBJECT IDENTIFIER (3) surname (2.5.4.4)"),
        ("0603550409", "OBJECT IDENTIFIER (3) streetAddress (2.5.4.9)"),
        ("060355042a", "OBJECT IDENTIFIER (3) givenName (2.5.4.42)"),
        ("06092a864886f70d010901", "OBJECT IDENTIFIER (9) emailAddress (1.2.840"),
        ("06092a864886f70d01010b", "OBJECT IDENTIFIER (9) sha256WithRSAEncryption"),
        ("060453040506", "OBJECT IDENTIFIER (4) 2.3.4.5.6"),
        ("06028080", "OBJECT IDENTIFIER (2) 8080"),
        ("170d3236313132333039333030305a", "UTCTime (13) 2026-11-23 09:30:00Z"),
        ("17023236", "UTCTime (2) 3236"),
        ("820461622e63", '[2] (4) "ab.c"'),
        ("82040102ff03", "[2] (4) 0102ff03"),
        ("1e0400410042", 'tag 1e (4) "AB"'),
        ("0c031b5b41", 'UTF8String (3) "\\x1b[A"'),
        ("0c01ff", "UTF8String (1) ff"),
    ],
)
def test_the_dump_tells_values_in_words_where_it_can_read_them(element, told):
    (line,) = asn1_lines(bytes.fromhex(element))
    assert line["text"].startswith(f"     0: {told}")


def test_the_dump_names_the_policies_of_the_environments(device, library):
    told = [line["value"] for line in asn1_lines(device, policy_names(library))]
    (policy,) = (value for value in told if value and "policy of" in value)
    assert "ZAZ1" in policy
    assert policy.endswith(" (1.2.826.0.1.8641679.1.2.1.4)")


def test_every_attribute_with_a_name_in_text_has_one_in_paths_and_in_the_dump():
    assert set(SHORT_NAMES) <= set(ATTRIBUTE_NAMES.values())
    assert {oid: name_of_oid(oid) for oid in ATTRIBUTE_NAMES} == ATTRIBUTE_NAMES


def test_the_dump_goes_into_what_octet_strings_wrap(device):
    tags = [(line["tag"], line["depth"]) for line in asn1_lines(device)]
    wrapped = [n for n, (tag, _) in enumerate(tags) if tag == "OCTET STRING"]
    assert any(tags[n + 1][1] == tags[n][1] + 1 for n in wrapped if n + 1 < len(tags))


@pytest.mark.parametrize("octets", ["4606b29eb4a0ae58", "0406b29eb4a0ae58", "3006b29eb4a0ae58"])
def test_the_octets_of_a_key_identifier_are_no_elements_whatever_they_look_like(octets):
    identifier = encode.octet_string(bytes.fromhex(octets))
    extension = encode.sequence(encode.oid("2.5.29.14"), encode.octet_string(identifier))
    lines = asn1_lines(extension)
    assert [line["tag"] for line in lines] == [
        "SEQUENCE",
        "OBJECT IDENTIFIER",
        "OCTET STRING",
        "OCTET STRING",
    ]
    assert lines[-1]["text"].endswith(octets)


@pytest.mark.parametrize(
    ("octets", "said", "offset"),
    [
        ("3003020105ff", "octet follows", 5),
        ("300102", "cut off", 2),
        ("3004020105", "claims", 0),
        ("30800201050000", "indefinite", 1),
        ("308103020105", "more than it needs", 1),
        ("3089" + "00" * 9, "out of bounds", 0),
        ("3f8100", "tag number", 0),
    ],
)
def test_the_dump_of_broken_octets_ends_where_it_breaks_and_says_why(octets, said, offset):
    lines = asn1_lines(bytes.fromhex(octets))
    remarks = [line for line in lines if "remark" in line]
    assert len(remarks) == 1
    assert said in remarks[0]["remark"]
    assert remarks[0]["offset"] >= offset
    assert remarks[0]["text"].strip().startswith(f"{remarks[0]['offset']}: !!")


def test_the_dump_lists_what_comes_before_the_break(device):
    whole = [line["offset"] for line in asn1_lines(device)]
    cut = [line["offset"] for line in asn1_lines(device[:200]) if "remark" not in line]
    assert len(cut) > 10
    assert set(cut) <= set(whole)


def _extension(value):
    return encode.sequence(encode.oid("1.2.3"), encode.octet_string(value))


@pytest.mark.parametrize(
    "around",
    [encode.sequence, lambda inner: encode.tlv(0x24, inner), _extension],
    ids=["SEQUENCE", "constructed OCTET STRING", "extension"],
)
def test_the_dump_stops_at_the_documented_depth(around):
    element = b""
    for _ in range(5000 if around is not _extension else 200):
        element = around(element)
    lines = asn1_lines(element)
    assert len(lines) < 2 * MAX_DEPTH
    assert any("deeper" in line.get("remark", "") for line in lines)


@given(data=st.binary(max_size=300))
def test_the_dump_of_random_octets_has_offsets_within_them(data):
    for line in asn1_lines(data):
        assert 0 <= line["offset"] <= len(data)
        assert line["text"].isprintable()


def test_a_certificate_with_a_chain_draws_the_same_as_alone(quickstart_original, organisation, now):
    folder = quickstart_original / "export" / "pem" / "ZAZ1" / "organisation" / "ca"
    issuing = one_in(folder / "Z1.pem")
    assert drawn(organisation, now, trusted=(issuing,)) == drawn(organisation, now)
