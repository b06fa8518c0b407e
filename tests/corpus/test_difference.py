"""Holds what a case says of its change to the octets that were changed."""

from functools import partial

import pytest

from corpora import every_case
from smki_testca.corpus import elements
from smki_testca.corpus.bases import bases
from smki_testca.corpus.difference import difference
from smki_testca.corpus.pki import corpus_pki
from smki_testca.der.encode import tlv

NULL = tlv(0x05, b"")
BASES = bases(corpus_pki())


def _change_of(base, change, *place):
    document = BASES[base].document
    return difference(document.der, elements.edited(document, change, *place))


@pytest.mark.parametrize(
    ("base", "change", "place", "told"),
    [
        ("device", elements.long_form, ("serialNumber",), ("serialNumber", "0210", "028110")),
        ("device", elements.long_form, ("extensions.keyUsage",), None),
        (
            "organisation",
            lambda octets: elements.retagged(octets, 0x82),
            ("serialNumber",),
            ("serialNumber", "0210", "8210"),
        ),
        (
            "organisation-crl",
            lambda octets: elements.claiming(octets, 1),
            ("revokedCertificates", 0),
            ("revokedCertificates", "2f", "30"),
        ),
    ],
)
def test_only_the_octets_that_changed_are_told(base, change, place, told):
    found = _change_of(base, change, *place)
    assert found.resigned
    if told is None:
        assert (found.path, found.before.hex()) == ("extensions.keyUsage", "0302")
    else:
        assert (found.path, found.before.hex(), found.after.hex()) == told


def test_what_nothing_signs_is_not_signed_again():
    document = BASES["device"].document
    found = difference(document.der, document.der + b"\x00")
    assert (found.resigned, found.before, found.after) == (False, b"", b"\x00")
    assert found.offset == len(document.der)
    assert not _change_of("device", elements.long_form, "signatureValue").resigned


def test_an_element_is_removed_doubled_or_exchanged_and_the_lengths_follow():
    validity = elements.element(BASES["device"].document, "signed", 4)
    start, end = elements.elements_of(validity)
    assert elements.without_element(validity, 0) == tlv(0x30, end)
    assert elements.doubled(validity, 1) == tlv(0x30, start + end + end)
    assert elements.swapped(validity, 0) == tlv(0x30, end + start)


def test_a_case_of_an_edited_extension_keeps_the_rest_of_the_document():
    document = BASES["device"].document
    usage = elements.element(document, "extensions.keyUsage")
    made = elements.edited(document, lambda octets: octets, "extensions.keyUsage")
    assert made == document.der
    longer = elements.edited(document, lambda octets: octets + b"\x00", "extensions.keyUsage")
    assert tlv(0x04, usage + b"\x00") in longer


def _path(base, change, *place):
    return _change_of(base, change, *place).path


def test_what_is_added_is_in_what_it_was_added_to():
    more = partial(elements.appended, more=NULL)
    assert _path("organisation", more, "extensions.certificatePolicies", 0) == (
        "extensions.certificatePolicies"
    )
    assert _path("organisation", more, "extensions") == "extensions"
    assert _path("device-csr", more, "signed", 3) == "attributes"
    assert _path("organisation", more, "signed", 4) == "validity"
    assert _path("organisation-crl", more, "signed") == "tbsCertList"
    assert _path("organisation", more, "document") == ""


def test_what_is_no_field_of_its_own_has_a_name():
    assert _path("device", elements.long_form, "signatureValue") == "signatureValue"
    without = partial(elements.without_element, number=0)
    assert _path("organisation", without, "signed") == "version"


@pytest.mark.slow
def test_a_change_around_the_document_says_in_which():
    changes = [case.change for case in every_case().values() if case.change is not None]
    for change in changes:
        first = change.path.partition(".")[0]
        assert change.document == (first if first.endswith("]") else "der")
    assert {change.document for change in changes} == {"der", "chain[0]", "chain[1]", "crls[0]"}
