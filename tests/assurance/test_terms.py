"""What counts is data: an operator's terms decide how grave a finding is, and which there are."""

import pytest

from records import A_POST, CASES, changed, codes, findings, judged, shipped_terms
from smki_testca.assurance import ReportVerdict
from smki_testca.errors import InputError
from smki_testca.profiles import Library
from smki_testca.profiles.model import Severity
from smki_testca.roles import Basis
from smki_testca.shipped import shipped

TERMS = (shipped("profiles") / "assurance-terms.toml").read_text("utf-8")
DRAFTED = ("assurance", "drafted")
CONTRACTOR = """name = "contractor"
basis = "assumed"
source = "not read: the seed names directors and employees only"
"""


def _terms(folder, *changes):
    (folder / "assurance-terms.toml").write_text(changed(*changes, text=TERMS), "utf-8")
    return Library(folder).assurance_terms


def _case(name):
    return (CASES / f"{name}.toml").read_text("utf-8")


def test_an_assumed_term_makes_no_error_as_shipped():
    terms = shipped_terms()
    for table in (terms.post, terms.part, terms.oversight, terms.group, terms.window):
        for term in table.values():
            assert (term.severity is Severity.ERROR) is (term.basis is Basis.SPECIFIED)


def test_a_term_that_is_specified_makes_errors(tmp_path):
    specified = 'name = "contractor"\nbasis = "specified"\nsource = "SEC App. C 9.9"\n'
    judgement = judged(_case("post"), _terms(tmp_path, (CONTRACTOR, specified)))
    (finding,) = findings(judgement)
    assert judgement.verdict is ReportVerdict.NOT_INDEPENDENT
    assert (finding.severity, finding.basis) == (Severity.ERROR, Basis.SPECIFIED)
    assert finding.source == "SEC App. C 9.9"


def test_a_severity_holds_whatever_the_basis(tmp_path):
    terms = _terms(tmp_path, (CONTRACTOR, f'{CONTRACTOR}severity = "notice"\n'))
    judgement = judged(_case("post"), terms)
    assert [one.severity for one in findings(judgement)] == [Severity.NOTICE]
    assert judgement.verdict is ReportVerdict.INDEPENDENT


def test_a_finding_is_as_grave_as_the_least_certain_of_its_terms():
    post = '{ kind = "contractor", organisation = "provider" }'
    how = ('{ person = "a", how = "reviewed" }', '{ person = "a", how = "observed" }')
    (finding, _) = findings(judged(changed((A_POST, post), how)))[::-1]
    assert (finding.code, finding.severity) == ("independence.post", Severity.NOTICE)


@pytest.mark.parametrize(
    ("old", "case"),
    [
        (CONTRACTOR, "post"),
        ('name = "parent"\n', "group"),
        ('name = "paid"\n', "oversight"),
        ('name = "observed"\n', "presence-observed"),
        ('name = "recorded-late"\n', "late_record"),
    ],
)
def test_a_term_that_does_not_count_gives_no_finding(tmp_path, old, case):
    assert codes(_case(case))
    assert codes(_case(case), _terms(tmp_path, (old, f"{old}counts = false\n"))) == set()


@pytest.mark.parametrize(("days", "found"), [(0, False), (1, True)])
def test_how_long_a_post_counts_is_data(tmp_path, days, found):
    terms = _terms(tmp_path, ("days = 365", f"days = {days}"))
    assert bool(codes(_case("left"), terms)) is found


def test_without_days_a_post_counts_for_ever(tmp_path):
    assert codes(_case("left-long-ago")) == set()
    assert codes(_case("left-long-ago"), _terms(tmp_path, ("days = 365\n", "")))


def test_a_term_can_be_added(tmp_path):
    mine = '[[post]]\nname = "apprentice"\nbasis = "assumed"\nsource = "ours"\n\n[[post]]\n'
    terms = _terms(tmp_path, (f"[[post]]\n{CONTRACTOR}", f"{mine}{CONTRACTOR}"))
    text = changed((A_POST, '{ kind = "apprentice", organisation = "dcc" }'))
    (finding,) = findings(judged(text, terms))
    assert (finding.code, finding.source) == ("independence.post", "ours")
    assert "an apprentice of The DCC" in finding.message


@pytest.mark.parametrize(
    ("old", "new", "code", "word"),
    [
        ('name = "employee"\n', 'name = "employee"\ncounts = false\n', "assurance", "employee"),
        (
            'name = "director"\n',
            'name = "director"\nseverity = "notice"\n',
            "assurance",
            "director",
        ),
        ('name = "employee"\n', 'name = "employee"\nemployer = false\n', "assurance", "employee"),
        ('name = "voted"\n', 'name = "voted"\nseverity = "notice"\n', "assurance", "voted"),
        ('name = "chaired"\n', 'name = "chaired"\ncounts = false\n', "assurance", "chaired"),
        ('name = "vetoed"\n', 'name = "vetoed"\nrecuses = true\n', "assurance", "vetoed"),
        ('name = "drafted"\nbasis = "specified"', 'name = "drafted"\nbasis = "assumed"', *DRAFTED),
        ('name = "moderated"', 'name = "mediated"', "assurance", "moderated"),
        ('stage = "outcome"\n', 'stage = "after"\n', "assurance", "outcome"),
        ('name = "sister"', 'name = "cousin"', "reference", "sister"),
        ('name = "secondee"', 'name = "contractor"', "duplicate", "contractor"),
    ],
)
def test_terms_that_the_program_cannot_use_are_refused(tmp_path, old, new, code, word):
    with pytest.raises(InputError) as caught:
        _terms(tmp_path, (old, new))
    assert caught.value.code == f"profile.{code}"
    assert word in caught.value.message
    assert str(tmp_path) in caught.value.message


def test_a_better_source_weakens_no_term(tmp_path):
    source = 'name = "voted"\nbasis = "specified"\nsource = "'
    terms = _terms(tmp_path, (f"{source}seed ch. 5 (R19)", f"{source}SEC App. C 3.2"))
    assert terms.part["voted"].source == "SEC App. C 3.2"


def test_a_copy_of_the_shipped_terms_is_as_shipped(tmp_path):
    _terms(tmp_path)
    assert Library(tmp_path).are_assurance_terms_shipped
    _terms(tmp_path, ("days = 365", "days = 30"))
    assert not Library(tmp_path).are_assurance_terms_shipped
