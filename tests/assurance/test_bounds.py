"""A record within the limits costs steps by its links, and has no more findings than are listed."""

from collections import Counter

import pytest

from records import GOOD, codes, findings, judged
from smki_testca.assurance import judgement
from smki_testca.assurance.period import Period
from smki_testca.profiles.model import Severity

HEAD = GOOD[: GOOD.index("[[person]]")]
REPORT = GOOD[GOOD.index("[[report]]") : GOOD.index("[[report.decision]]")]


def _everybody_manages_everybody(persons, decisions):
    everybody = range(persons)
    text = HEAD
    for one in everybody:
        managers = ", ".join(f'{{ person = "p{other}" }}' for other in everybody if other != one)
        text += f'[[person]]\nid = "p{one}"\nname = "P{one}"\nreports-to = [{managers}]\n'
        text += 'post = [{ kind = "employee", organisation = "dcc" }]\n'
    text += REPORT
    parts = ", ".join(f'{{ person = "p{one}", how = "voted" }}' for one in range(3))
    for number in range(decisions):
        text += f'[[report.decision]]\nid = "d{number}"\nkind = "outcome"\non = 2015-06-10\n'
        text += f"part = [{parts}]\n"
    return text


@pytest.mark.parametrize("persons", [5, 10, 20])
def test_the_steps_grow_with_the_links(persons, monkeypatch):
    steps = Counter()
    covers = Period.covers

    def counting(self, day):
        steps["covers"] += 1
        return covers(self, day)

    monkeypatch.setattr(Period, "covers", counting)
    decisions, links = 6, persons * persons
    judged(_everybody_manages_everybody(persons, decisions))
    assert steps["covers"] <= 4 * decisions * (links + 10)


def test_whoever_is_over_several_persons_is_one_finding_of_each_decision():
    found = findings(judged(_everybody_manages_everybody(6, 2)))
    over = Counter(
        (one.person, one.decision) for one in found if one.code == "independence.oversight"
    )
    assert over == {(f"p{one}", decision): 1 for one in range(6) for decision in ("d0", "d1")}


def test_the_shortest_way_is_named():
    chain = "".join(
        f'[[person]]\nid = "m{n}"\nname = "M{n}"\n'
        f'post = [{{ kind = "employee", organisation = "{"dcc" if n == 2 else "other"}" }}]\n'
        + ("" if n == 2 else f'reports-to = [{{ person = "m{n + 1}" }}]\n')
        for n in range(3)
    )
    oversight = "".join(
        f'[[oversight]]\nof = "{of}"\nkind = "supervised"\nperson = "{by}"\n'
        for of, by in (("a", "m0"), ("a", "m1"))
    )
    found = findings(judged(f"{GOOD}\n{chain}{oversight}"))
    (message,) = [one.message for one in found if one.code == "independence.oversight"]
    assert message.startswith("M2 supervised Ada Assessor through M1, who took part in review")


def test_more_findings_than_are_listed_are_counted(monkeypatch):
    text = _everybody_manages_everybody(4, 10)
    whole = judged(text)
    monkeypatch.setattr(judgement, "MOST_OF_A_RULE", 7)
    cut = judged(text)
    assert (cut.verdict, cut.sentence) == (whole.verdict, whole.sentence)
    of_rule = [one for one in findings(cut) if one.code == "independence.part"]
    assert len(of_rule) == 8
    assert of_rule[-1].message == "23 more of this kind are not listed."
    assert of_rule[-1].severity is Severity.ERROR
    assert codes(text) >= {("independence.oversight", None)}


def test_many_posts_of_one_person_are_compared_in_turn():
    posts = ", ".join(
        f'{{ kind = "employee", organisation = "{("scheme", "other")[n % 2]}" }}' for n in range(40)
    )
    text = f'{GOOD}\n[[person]]\nid = "c"\nname = "C"\npost = [{posts}]\n'
    found = [one for one in findings(judged(text)) if one.code == "assessment.overlap"]
    assert 0 < len(found) < 40
