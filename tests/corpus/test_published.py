"""Each defect that was seen in published certificates has a case of its own."""

import pytest

from published_defects import PUBLISHED
from smki_testca.corpus.defect import Level, Verdict


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
