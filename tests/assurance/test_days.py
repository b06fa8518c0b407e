"""The days of posts, seats and recusals: what counts is the day of the decision, ends included."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records import A_POST, GOOD, changed, codes, judged
from smki_testca.assurance import ReportVerdict

REVIEW = date(2015, 5, 11)
"""The day on which a reviews."""
DAYS = st.none() | st.dates(date(2013, 1, 1), date(2017, 12, 31))
YEARS = timedelta(1000)


def _period(start, end):
    stated = "" if start is None else f", from = {start}"
    return stated + ("" if end is None else f", until = {end}")


def _with_post(post, *more):
    return changed((A_POST, ", ".join([A_POST, f"{{ {post} }}", *more])))


def _of_independence(text):
    return {one for one in codes(text) if one[0].startswith("independence.")}


def _employed_by_the_dcc(start=None, end=None, accepted=None):
    stated = "" if accepted is None else f", accepted = {accepted}"
    post = f'kind = "employee", organisation = "dcc"{_period(start, end)}{stated}'
    return _with_post(post)


@given(start=DAYS, end=DAYS)
@pytest.mark.shows("R19")
def test_the_verdict_depends_only_on_whether_a_post_covers_the_day(start, end):
    if start is not None and end is not None and end < start:
        start, end = end, start
    covers = (start is None or start <= REVIEW) and (end is None or end >= REVIEW)
    judgement = judged(_employed_by_the_dcc(start, end))
    assert (judgement.verdict is ReportVerdict.NOT_INDEPENDENT) is covers
    assert (judgement.verdict is ReportVerdict.INDEPENDENT) is not covers


@given(start=DAYS, end=DAYS)
@pytest.mark.shows("R19")
def test_a_parent_counts_only_on_its_days(start, end):
    if start is not None and end is not None and end < start:
        start, end = end, start
    covers = (start is None or start <= REVIEW) and (end is None or end >= REVIEW)
    parent = f'parent = [{{ organisation = "provider"{_period(start, end)} }}]'
    text = changed(
        ('name = "Example Assurance Scheme"', f'name = "Example Assurance Scheme"\n{parent}')
    )
    assert (("independence.group", "review") in codes(text)) is covers


@pytest.mark.parametrize(
    ("days", "code"),
    [(0, "part"), (1, "left"), (365, "left"), (366, None)],
)
@pytest.mark.shows("R19")
def test_a_post_that_ended_counts_for_a_year(days, code):
    found = _of_independence(_employed_by_the_dcc(end=REVIEW - timedelta(days)))
    assert found == (set() if code is None else {(f"independence.{code}", "review")})


@pytest.mark.parametrize(("days", "code"), [(0, "part"), (1, "joins"), (90, "joins"), (91, None)])
@pytest.mark.shows("R19")
def test_a_post_that_begins_counts_for_90_days(days, code):
    found = _of_independence(_employed_by_the_dcc(start=REVIEW + timedelta(days)))
    assert found == (set() if code is None else {(f"independence.{code}", "review")})


@pytest.mark.parametrize(("days", "counts"), [(-1, True), (0, True), (1, False)])
@pytest.mark.shows("R19")
def test_an_offer_counts_from_the_day_on_which_it_is_accepted(days, counts):
    accepted = REVIEW + timedelta(days)
    found = codes(_employed_by_the_dcc(REVIEW + YEARS, None, accepted))
    assert (("independence.offer", "review") in found) is counts


TIED_MEMBER = (
    '{ kind = "director", organisation = "other", from = 2010-01-01 }',
    '{ kind = "director", organisation = "dcc" }',
)
A_DECIDES = ('{ person = "b", how = "voted" }', '{ person = "a", how = "voted" }')


def _recused(on, recorded=None):
    written = "" if recorded is None else f"recorded = {recorded}\n"
    table = f'\n[[report.recusal]]\nperson = "b"\non = {on}\n{written}how = "Minutes"\n'
    return changed(TIED_MEMBER, A_DECIDES) + table


@given(on=DAYS.filter(bool))
@pytest.mark.shows("R19")
def test_a_recusal_counts_from_its_day(on):
    found = codes(_recused(on))
    for decision, day in (("review", REVIEW), ("outcome", date(2015, 6, 10))):
        assert (("independence.board", decision) in found) is (on > day)


@pytest.mark.parametrize(("days", "is_late"), [(0, False), (1, True)])
@pytest.mark.shows("R19")
def test_a_recusal_is_recorded_by_the_day_of_the_decision(days, is_late):
    found = codes(_recused(REVIEW, REVIEW + timedelta(days)))
    assert found == ({("independence.late_record", "review")} if is_late else set())


@given(start=DAYS, end=DAYS)
@pytest.mark.shows("R19")
def test_a_member_of_the_board_needs_a_recusal_only_while_there(start, end):
    if start is not None and end is not None and end < start:
        start, end = end, start
    covers = (start is None or start <= REVIEW) and (end is None or end >= REVIEW)
    seat = "".join(
        f"{key} = {day}\n" for key, day in (("from", start), ("until", end)) if day is not None
    )
    text = changed(TIED_MEMBER, A_DECIDES, ("from = 2014-01-01\n", seat))
    assert (("independence.board", "review") in codes(text)) is covers


@pytest.mark.parametrize(("approved", "is_late"), [("2015-06-10", False), ("2015-06-11", True)])
@pytest.mark.shows("R19")
def test_the_scheme_is_approved_by_the_day_of_the_outcome(approved, is_late):
    text = changed(("2014-09-01", approved))
    assert (("independence.scheme_late", "outcome") in codes(text)) is is_late


@pytest.mark.parametrize(("until", "is_gap"), [("2015-05-31", False), ("2015-05-30", True)])
def test_a_gap_is_a_day_at_least(until, is_gap):
    posts = (
        f'{{ kind = "employee", organisation = "scheme", until = {until} }},'
        ' { kind = "employee", organisation = "other", from = 2015-06-01 }'
    )
    assert (("assessment.gap", None) in codes(changed((A_POST, posts)))) is is_gap


@pytest.mark.parametrize(("until", "is_overlap"), [("2015-05-31", False), ("2015-06-01", True)])
def test_an_overlap_is_a_day_at_least(until, is_overlap):
    posts = (
        f'{{ kind = "employee", organisation = "scheme", until = {until} }},'
        ' { kind = "employee", organisation = "other", from = 2015-06-01 }'
    )
    assert (("assessment.overlap", None) in codes(changed((A_POST, posts)))) is is_overlap


def test_a_gap_is_not_found_behind_a_post_that_covers_it():
    posts = (
        '{ kind = "director", organisation = "other", from = 2010-01-01, until = 2016-12-31 },'
        ' { kind = "employee", organisation = "scheme", from = 2011-01-01, until = 2012-12-31 },'
        ' { kind = "employee", organisation = "scheme", from = 2014-01-01 }'
    )
    assert codes(changed((A_POST, posts))) == set()


def test_the_gravest_of_several_ties_is_named():
    posts = (
        'kind = "contractor", organisation = "provider" }, { kind = "employee", organisation ='
        ' "dcc", until = 2015-05-10 }, { kind = "director", organisation = "provider"'
    )
    assert _of_independence(_with_post(posts)) == {("independence.part", "review")}


def test_the_good_record_is_good():
    assert (codes(GOOD), judged(GOOD).verdict) == (set(), ReportVerdict.INDEPENDENT)
