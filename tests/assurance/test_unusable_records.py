"""A record that cannot be used is refused in one line that names the file and the line."""

import contextlib
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records import A_POST, GOOD, changed, judged, shipped_terms
from smki_testca.assurance import documents, judge, read, record_file
from smki_testca.errors import InputError
from smki_testca.profiles.model import Severity

A_REVIEWS = '{ person = "a", how = "reviewed" }'
RECUSAL = """
[[report.recusal]]
person = "b"
on = 2015-05-11
how = "Minutes"
"""


def _refused(text):
    with pytest.raises(InputError) as caught:
        judged(text)
    message = caught.value.message
    assert message.startswith("record.toml")
    assert "\n" not in message
    return caught.value


def _line(text, needle):
    return text[: text.index(needle)].count("\n") + 1


@pytest.mark.parametrize(
    ("old", "new", "at", "code"),
    [
        ('kind = "dcc"\n', 'kind = "dcc"\ncolour = "red"\n', "colour", "toml.shape"),
        ('kind = "dcc"\n', 'kind = "ddc"\n', 'kind = "ddc"', "toml.shape"),
        ('outcome = "approved"', 'outcome = "good"', 'outcome = "good"', "toml.shape"),
        ("2014-09-01", '"last week"', "last week", "toml.shape"),
        ("2014-09-01", "2014-09-01T10:00:00", "2014-09", "toml.shape"),
        ("on = 2015-05-11", "on = 2015-02-30", "2015-02-30", "toml.syntax"),
        ("on = 2015-05-11\n", "", '[[report.decision]]\nid = "review"', "toml.shape"),
        ('id = "dcc"', 'id = "The DCC"', "The DCC", "toml.shape"),
        ("on = 2015-05-11", 'on = "2015-05-11"', '"2015-05-11"', "toml.shape"),
        ('"The DCC"', '"\u200b\u200b"', "\u200b", "toml.shape"),
        ('"The SMKI Services of the DCC"', '"  "', '"  "', "toml.shape"),
        ('id = "dcc"', 'id = "scheme"', 'id = "scheme"\nname = "Ex', "assurance.duplicate"),
        ('id = "b"', 'id = "a"', 'id = "a"\nname = "Bert', "assurance.duplicate"),
        ('id = "outcome"', 'id = "review"', 'id = "review"\nkind = "out', "assurance.duplicate"),
        (A_REVIEWS, A_REVIEWS.replace('"a"', '"c"'), '"c"', "assurance.reference"),
        (A_REVIEWS, A_REVIEWS.replace("reviewed", "slept"), "slept", "assurance.reference"),
        (A_POST, A_POST.replace('"scheme"', '"club"'), '"club"', "assurance.reference"),
        (A_POST, A_POST.replace("employee", "friend"), "friend", "assurance.reference"),
        ('person = "b"\nfrom', 'person = "c"\nfrom', 'person = "c"', "assurance.reference"),
        ('organisation = "scheme"\napp', 'organisation = "x"\napp', '"x"', "assurance.reference"),
        ('organisation = "scheme"\napp', 'organisation = "other"\napp', '"oth', "assurance.scheme"),
        ('stage = "stage-1"', 'stage = "stage-9"', "stage-9", "assurance.reference"),
        ('kind = "review"', 'kind = "revue"', "revue", "assurance.reference"),
        (A_POST, '{ kind = "employee" }', '{ kind = "employee" }', "assurance.post"),
        (A_POST, A_POST.replace("employee", "no-employer"), "no-employer", "assurance.post"),
        (
            *(A_POST, A_POST.replace("2010-01-01", "2010-01-01, until = 2009-12-31")),
            *("2009-12-31", "assurance.period"),
        ),
        (
            *(A_POST, A_POST.replace("2010-01-01", "2010-01-01, accepted = 2010-01-02")),
            *("2010-01-02", "assurance.period"),
        ),
        (
            *(A_POST, A_POST.replace("from = 2010-01-01", "accepted = 2010-01-02")),
            *("2010-01-02", "assurance.period"),
        ),
        (
            *(A_POST, f'{A_POST}]\nreports-to = [{{ person = "a" }}'),
            *("reports-to", "assurance.oversight"),
        ),
    ],
)
def test_what_a_record_cannot_have_is_refused_with_its_line(old, new, at, code):
    text = changed((f"[{old}]" if old == A_POST else old, f"[{new}]" if old == A_POST else new))
    error = _refused(text)
    assert error.code == code
    assert error.remedy or code.startswith("toml.")
    # The first of two with one id is there before.
    assert f"line {_line(text, at)}" in error.message


@pytest.mark.parametrize(
    ("table", "code"),
    [
        ('[[oversight]]\nof = "a"\nkind = "paid"\n', "assurance.oversight"),
        (
            '[[oversight]]\nof = "a"\nkind = "paid"\nperson = "b"\norganisation = "dcc"\n',
            "assurance.oversight",
        ),
        ('[[oversight]]\nof = "a"\nkind = "paid"\nperson = "a"\n', "assurance.oversight"),
        ('[[oversight]]\nof = "a"\nkind = "fed"\nperson = "b"\n', "assurance.reference"),
        (RECUSAL.replace("\non =", "\nrecorded = 2015-05-10\non ="), "assurance.period"),
        (RECUSAL.replace("\non =", '\ndecision = "final"\non ='), "assurance.reference"),
        (RECUSAL.replace('how = "Minutes"\n', ""), "toml.shape"),
        (GOOD[GOOD.index("[[report]]") : GOOD.index("[[report.decision]]")], "assurance.duplicate"),
    ],
)
def test_what_a_further_table_cannot_have_is_refused(table, code):
    error = _refused(f"{GOOD}\n{table}")
    assert error.code == code
    assert error.remedy


def test_the_rule_for_an_id_is_in_words():
    error = _refused(changed(('id = "dcc"', 'id = "The DCC"')))
    assert error.remedy.startswith("Write up to 64 lower-case letters, digits, dots")


def test_a_choice_is_named_for_a_word_that_is_none():
    error = _refused(changed((A_REVIEWS, A_REVIEWS.replace("reviewed", "reviewd"))))
    assert error.remedy.startswith("Did you mean reviewed? Use one of decided, voted")


def test_a_record_needs_a_report():
    without = GOOD[: GOOD.index("[[report]]")]
    assert _refused(without).code == "toml.shape"
    assert _refused(f"report = []\n{without}").code == "assurance.empty"


PARENTS = (
    ('name = "Example Signatures"\n', 'name = "Example Signatures"\nparent = [{ %s }]\n'),
    ('name = "Example Trust Services"\n', 'name = "Example Trust Services"\nparent = [{ %s }]\n'),
)


def _owning_each_other(first, second):
    (old, new), (other_old, other_new) = PARENTS
    return changed(
        (old, new % f'organisation = "provider"{first}'),
        (other_old, other_new % f'organisation = "other"{second}'),
    )


@pytest.mark.parametrize(
    ("first", "second", "is_circle"),
    [
        ("", "", True),
        (", until = 2012-01-01", ", from = 2012-01-01", True),
        (", until = 2011-12-31", ", from = 2012-01-01", False),
        (", from = 2010-01-01, until = 2012-01-01", ", from = 2011-01-01", True),
        (", from = 2012-01-02", ", until = 2012-01-01", False),
    ],
)
def test_organisations_may_not_own_each_other_on_one_day(first, second, is_circle):
    text = _owning_each_other(first, second)
    if is_circle:
        error = _refused(text)
        assert error.code == "assurance.circle"
        assert "line" in error.message
    else:
        judged(text)


def test_an_organisation_may_not_own_itself():
    (old, new), _ = PARENTS
    error = _refused(changed((old, new % 'organisation = "other"')))
    assert (error.code, "its own parent" in error.message) == ("assurance.circle", True)


def _many(table, count):
    return "".join(table.format(number=number) for number in range(count))


ORGANISATION = '[[organisation]]\nid = "o{number}"\nname = "O"\nkind = "other"\n'
PERSON = '[[person]]\nid = "p{number}"\nname = "P"\n'
REPORT = (
    '[[report]]\nid = "r{number}"\nstage = "stage-1"\nsubject = "S"\noutcome = "approved"\n'
    "completed = 2015-01-01\n"
)
DECISION = '[[report.decision]]\nid = "d{number}"\nkind = "draft"\non = 2015-01-01\n'
SEAT = '[[board]]\nperson = "b"\n'


@pytest.mark.parametrize(
    ("table", "most", "there"),
    [
        (ORGANISATION, record_file.MAX_ORGANISATIONS, 4),
        (PERSON, record_file.MAX_PERSONS, 2),
        (REPORT, record_file.MAX_REPORTS, 1),
        (DECISION, record_file.MAX_DECISIONS, 2),
        (SEAT, record_file.MAX_LINKS, 5),
    ],
    ids=["organisations", "persons", "reports", "decisions", "links"],
)
def test_a_record_has_no_more_than_its_limits(table, most, there):
    judged(GOOD + "\n" + _many(table, most - there))
    error = _refused(GOOD + "\n" + _many(table, most - there + 1))
    assert error.code == "assurance.limit"
    assert f"{most + 1} " in error.message
    assert f"at most {most} " in error.message


def test_a_record_has_no_more_octets_than_are_read():
    assert _refused(GOOD + "#" * (1 << 20)).code == "toml.too_long"


def test_a_tie_is_found_through_any_number_of_companies():
    chain = "".join(
        f'[[organisation]]\nid = "o{n}"\nname = "O"\nkind = "other"\n'
        f'parent = [{{ organisation = "{"dcc" if n == 0 else f"o{n - 1}"}" }}]\n'
        for n in range(100)
    )
    people = "".join(
        f'[[person]]\nid = "p{n}"\nname = "P"\npost = [{{ kind = "employee", organisation ='
        f' "o99" }}]\n[[board]]\nperson = "p{n}"\n'
        for n in range(50)
    )
    decisions = _many(DECISION, 100)
    judgement = judged(f"{GOOD}\n{decisions}{chain}{people}")
    (report,) = judgement.reports
    assert report.count(Severity.WARNING) == 50 * 102


@given(st.binary(max_size=200))
def test_octets_that_are_no_record_are_refused(data):
    with pytest.raises(InputError):
        read(data, "record.toml", shipped_terms())


@pytest.mark.parametrize(
    "text",
    [
        "a" * 300 + " = 1",
        "x = " + "[" * 100 + "]" * 100,
        ".".join("a" * 20) + " = 1",
        "scheme = 1",
        "report = 1",
        '[[organisation]]\n[[organisation.parent]]\norganisation = "x"',
        "[scheme]\n[scheme]",
        "\ufeff\ufeff[scheme]",
        'id = "\\ud800"',
    ],
)
def test_hostile_toml_is_refused(text):
    _refused(text)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10) | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "name", "kind", "from", "person"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@pytest.mark.slow
@given(data=st.data())
def test_a_value_of_any_other_kind_is_refused_or_judged(data):
    """Whatever replaces a value of a good record, the answer is a judgement or one line."""
    tree = tomllib.loads(GOOD)
    tables = [tree["scheme"], *tree["organisation"], *tree["person"], *tree["report"]]
    tables += tree["report"][0]["decision"]
    table = data.draw(st.sampled_from(tables))
    table[data.draw(st.sampled_from(sorted(table)))] = data.draw(_VALUES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("smki_testca.toml.tomllib.loads", lambda _: tree)
        with contextlib.suppress(InputError):
            judge(read(GOOD.encode(), "record.toml", shipped_terms()), shipped_terms())


def test_every_table_is_read_strictly():
    for name in dir(documents):
        struct = getattr(documents, name)
        if name.endswith(("Table", "File")):
            assert struct.__struct_config__.forbid_unknown_fields
