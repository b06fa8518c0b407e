"""What a reader must have read in a case is what is in its octets.

A scanner that knows nothing of the structure around them looks the facts up: an OID, and what
stands behind it. It shares no code with the reader that states them.
"""

import re

import pytest

from corpora import every_case, good_bases
from smki_testca.corpus.defect import Level, Verdict

pytestmark = pytest.mark.slow

HARDWARE = re.compile(re.escape(bytes.fromhex("06082b06010505070804")) + b"\xa0(.)", re.DOTALL)
SERIAL = re.compile(b"(?=\x04\x08(.{8}))", re.DOTALL)
EUI64_BITS = re.compile(b"\x06\x03\x55\x04\x2d\x03\x09\x00(.{8})", re.DOTALL)
UNIT = re.compile(b"\x06\x03\x55\x04\x0b[\x0c\x12\x13\x14\x16](.)", re.DOTALL)
KEY_USAGE = re.compile(
    b"\x06\x03\x55\x1d\x0f.{2,9}?\x03(?:\x81|\x82\x00)?[\x02\x03].(.)", re.DOTALL
)
USAGES = {0x80: "digital-signature", 0x08: "key-agreement"}
TWO_SERIALS = {"device-hardware-serial-twice", "device-csr-hardware-serial-twice"}
"""Their second hwSerialNum has another length, which the scanner passes over."""
NOT_SCANNED = {
    "device-hardware-serial-in-parts": "eui64",
    "device-csr-hardware-serial-in-parts": "eui64",
    "organisation-extension-oid-padded": "usage",
    "organisation-attribute-type-padded": "role",
    "dccki-attribute-type-padded": "signifier",
}
"""Facts that are written as BER alone allows."""
FORMS = {
    "eui64": "[0-9A-F]{16}",
    "role": "[0-9A-F]{2}",
    "signifier": "[0-9A-Za-z]+",
    "usage": "digital-signature|key-agreement",
}


def _scanned(case, profile):
    """Every value of each fact that stands somewhere in the octets, well-formed or not."""
    der = case.der
    units = [
        der[match.end() : match.end() + match[1][0]].decode("latin-1")
        for match in UNIT.finditer(der)
    ]
    if profile == "device":
        modules = [der[it.end() :][: it[1][0]] for it in HARDWARE.finditer(der)]
        holders = [it[1] for octets in modules for it in SERIAL.finditer(octets)]
    else:
        holders = [match[1] for match in EUI64_BITS.finditer(der)]
    bits = [match[1][0] for match in KEY_USAGE.finditer(der)]
    return {
        "eui64": {octets.hex().upper() for octets in holders},
        "role": {unit.upper() for unit in units},
        "signifier": set(units),
        "usage": {USAGES[bit] for octet in bits for bit in USAGES if octet & bit},
    }


@pytest.fixture(scope="module")
def read():
    """Each certificate and CSR whose base states a fact, its base's facts, and what is scanned."""
    made = []
    for case in every_case().values():
        base = good_bases()[(case.base or case.id).removeprefix("good-")]
        stated = base.facts.as_json()
        if stated and case.kind != "CRL":
            made.append((case, stated, _scanned(case, base.profile)))
    return made


def test_each_fact_stands_in_the_octets(read):
    assert len(read) > 1500
    for case, _, scanned in read:
        assert all(re.fullmatch(FORMS[name], value) for name, value in case.facts.items())
        wrong = {name for name, value in case.facts.items() if value not in scanned[name]}
        assert wrong <= {NOT_SCANNED.get(case.id)}, case.id


def test_no_fact_is_stated_where_two_stand_side_by_side(read):
    both = [
        (case.id, name)
        for case, _, scanned in read
        for name in ("eui64", "usage")
        if name in case.facts and len(scanned[name]) > 1
    ]
    assert not both


def test_what_a_reader_may_take_states_every_fact_that_stands_in_it(read):
    """A fact that was left out would let a reader pass that reads another."""
    silent = [
        (case.id, name)
        for case, stated, scanned in read
        if case.verdict(Level.RFC5280) is not Verdict.REJECT and case.id not in TWO_SERIALS
        for name in ("eui64", "usage")
        if name in stated and len(scanned[name]) == 1 and name not in case.facts
    ]
    assert not silent


def test_a_defect_that_takes_a_fact_away_or_changes_it_is_not_credited_with_the_bases():
    facts = {name: every_case()[name].facts for name in every_case()}
    assert facts["organisation-csr-role-of-a-ca"]["role"] == "07"
    assert facts["organisation-csr-role-of-the-root"]["role"] == "00"
    assert "role" not in facts["organisation-csr-role-word"]
    assert "role" not in facts["organisation-csr-role-decimal"]
    assert "usage" not in facts["device-key-usage-missing"]
    assert "eui64" not in facts["device-san-empty"]
    assert "eui64" not in facts["organisation-id-twice"]
    assert not facts["organisation-nested-1000"]
    assert not facts["organisation-subject-missing"]
    assert facts["organisation-usage-exchanged"]["usage"] == "key-agreement"
