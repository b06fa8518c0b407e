"""Each defect that was seen in published certificates has a case of its own."""

import pytest

from smki_testca.corpus.defect import Level, Verdict

PUBLISHED = {
    "O1": ("device-signature-padded",),
    "O2": ("device-algorithm-null-parameters",),
    "O3": ("organisation-self-signed-pretender", "organisation-issuer-string-type"),
    "O4": ("organisation-other-role-decimal",),
    "O5": ("device-issued-by-end-entity-without-ski",),
    "O6": ("device-signature-bit", "organisation-ca-signature-bit"),
    "O7": ("device-usage-changed",),
    "O8": ("organisation-issuer-unknown",),
    "O9": ("good-organisation-renewed-with-its-key",),
    "O10": ("organisation-expired",),
    "O11": ("good-organisation-ka-prepayment-twin",),
    "O12": ("good-organisation-ca-false",),
    "O13": ("device-policies-not-critical",),
    "O14": ("good-organisation-serial-leading-zero",),
    "O15": ("good-organisation-network-operator-typo",),
    "O16": ("good-organisation-id-counted-in-decimal",),
    "O17": ("organisation-of-the-other-registry-entry",),
    "O18": (
        "organisation-id-first",
        "organisation-id-missing",
        "organisation-id-9-octets",
        "organisation-id-unused-bits",
    ),
}


@pytest.mark.parametrize(
    ("number", "name"), [(number, name) for number, names in PUBLISHED.items() for name in names]
)
def test_a_published_defect_has_a_case(cases, number, name):
    case = next((case for case in cases if case.id == name), None)
    assert case is not None, f"{number} has no case {name}"
    expected = Verdict.ACCEPT if case.is_good else Verdict.REJECT
    if name != "organisation-issuer-string-type":
        assert case.verdict(Level.GBCS) is expected


def test_every_published_defect_is_there():
    assert list(PUBLISHED) == [f"O{number}" for number in range(1, 19)]
