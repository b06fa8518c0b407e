"""Text for people: counts, and what a mistyped word may have meant."""

import pytest

from smki_testca.text import closest, counted, use_one_of


def test_a_number_has_its_noun_in_the_singular_or_plural():
    assert counted(1, "file") == "1 file"
    assert counted(0, "file") == "0 files"
    assert counted(2, "entry", "entries") == "2 entries"
    assert counted(1, "entry", "entries") == "1 entry"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("UITA", "UIT-A"),
        ("uit-b", "UIT-B"),
        ("suplier", "supplier"),
        ("nothing like it", None),
        ("", None),
    ],
)
def test_a_mistyped_word_is_like_one_choice_or_none(given, meant):
    assert closest(given, ["ZAZ1", "UIT-A", "UIT-B", "supplier (02)"]) == meant


def test_of_very_many_choices_the_first_are_named():
    told = use_one_of([f"p{number}" for number in range(100)], given="p99x")
    assert told.startswith("Did you mean p99? Use one of p0, p1, ")
    assert told.endswith("p39 and 60 more.")
