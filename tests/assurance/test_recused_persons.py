"""A recusal takes nobody out of a decision but the person that it names."""

import pytest

from records import changed, codes


@pytest.mark.parametrize(("person", "is_breach"), [("b", False), ("a", True)])
@pytest.mark.shows("R19")
def test_a_recusal_is_of_the_person_that_it_names(person, is_breach):
    text = changed(
        (
            '{ kind = "director", organisation = "other", from = 2010-01-01 }',
            '{ kind = "director", organisation = "dcc" }',
        ),
        ('{ person = "b", how = "voted" }', '{ person = "a", how = "voted" }'),
    )
    text += f'\n[[report.recusal]]\nperson = "{person}"\non = 2015-01-01\nhow = "Minutes"\n'
    assert (("independence.board", "review") in codes(text)) is is_breach
