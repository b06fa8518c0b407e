"""Cases of the corpus in pytest: one by its id, and all that a mark selects."""

import re
import subprocess
import sys

import pytest

from smki_testca.corpus.defect import Stage, Verdict
from smki_testca.errors import InputError


def test_a_case_is_there_by_its_id(smki_defect):
    case = smki_defect("device-san-not-critical")
    assert case.stage is Stage.PROFILE
    assert case.der != smki_defect(case.base).der
    assert smki_defect("device-san-not-critical") is case


@pytest.mark.parametrize("given", [None, 5, b"device-san-missing"])
def test_what_is_no_text_is_no_case(smki_defect, given):
    with pytest.raises(InputError) as caught:
        smki_defect(given)
    assert caught.value.code == "corpus.unknown_case"


@pytest.mark.smki_cases(only="device-san-*", stages="profile", verdicts="reject", level="gbcs")
def test_a_mark_gives_each_case_that_fits(smki_case):
    assert smki_case.stage is Stage.PROFILE
    assert smki_case.expect["gbcs"].verdict is Verdict.REJECT
    assert smki_case.id.startswith("device-san-")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mark", "told"),
    [
        ('only="device-san-no-critical"', "Did you mean"),
        ('stage="profile"', "Did you mean stages?"),
        ('stages="profil"', "Use one of der, structure, profile"),
    ],
)
def test_a_mark_that_selects_nothing_says_so(tmp_path, mark, told):
    (tmp_path / "test_it.py").write_text(
        f"import pytest\n@pytest.mark.smki_cases({mark})\ndef test_it(smki_case): pass\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert told in re.sub(r"\s+", " ", done.stdout + done.stderr)
