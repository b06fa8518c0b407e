"""Records of assessments for tests: the golden ones, and changes of the good one."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from smki_testca.assurance import judge, read
from smki_testca.profiles import Library

CASES = Path(__file__).parent / "assurance" / "cases"
GOOD = (CASES / "good.toml").read_text("utf-8")
"""One report with two decisions: a reviews on 2015-05-11, and b votes on 2015-06-10."""
A_POST = '{ kind = "employee", organisation = "scheme", from = 2010-01-01 }'
"""The post of a in it."""


@cache
def shipped_terms():
    return Library().assurance_terms


def changed(*changes, text=GOOD):
    """The good record, with each old text that is there once replaced by a new one."""
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def judged(text, terms=None):
    terms = terms or shipped_terms()
    return judge(read(text.encode(), "record.toml", terms), terms)


def findings(judgement):
    return [finding for document in judgement.documents for finding in document.findings]


def codes(text, terms=None):
    """The codes of the findings of a record, each with its decision."""
    return {(finding.code, finding.decision) for finding in findings(judged(text, terms))}


def expected(text):
    """The verdict and the findings that the comments at the top of a golden record state."""
    verdict = re.search(r"(?m)^# verdict: (\S+)$", text)
    assert verdict is not None
    stated = re.findall(r"(?m)^# (\w+): (\S+) (\S+) (\S+) line (\d+)$", text)
    return verdict[1], [tuple(None if one == "-" else one for one in each) for each in stated]
