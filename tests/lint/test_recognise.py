from __future__ import annotations

from pathlib import Path

import pytest

from corpora import document, good
from golden_cases import documents
from published_defects import PUBLISHED
from smki_testca.lint.recognise import Recogniser
from smki_testca.profiles import Library
from smki_testca.x509.view import view_certificate

LIBRARY = Library()


@pytest.mark.parametrize("name", ["organisation", "device", "dccki", "iki"])
def test_of_two_types_that_are_alike_the_ordinary_one_of_the_hierarchy_is_recognised(
    name, tmp_path
):
    text = Path(LIBRARY.profile(name).origin).read_text("utf-8")
    (tmp_path / "certificates").mkdir()
    for other in ("aaa", "zzz"):
        copy = text.replace(f'name = "{name}"', f'name = "{other}"', 1)
        (tmp_path / "certificates" / f"{other}.toml").write_text(copy, "utf-8")
    recognise = Recogniser(Library(tmp_path))
    assert recognise(view_certificate(good(name))).name == name


def views_of(name):
    """The certificates of a golden case."""
    return [view_certificate(der) for der in documents(name)]


def test_every_published_defect_leaves_a_certificate_one_of_ours():
    recognise = Recogniser(LIBRARY)
    of_several = documents("o[0-9][0-9]-*")
    ders = [document(name) for names in PUBLISHED.values() for name in names]
    assert len(of_several) >= 9
    assert len(ders) >= 20
    assert all(recognise.knows(view_certificate(der)) for der in (*of_several, *ders))


@pytest.mark.parametrize("name", ["web", "root", "attestation", "module"])
def test_a_certificate_of_another_pki_is_none_of_ours_unless_one_of_ours_signed_it(name):
    recognise = Recogniser(LIBRARY)
    (view,) = views_of(f"other-pki-{name}")
    ours = view_certificate(good("device"))
    assert not recognise.knows(view)
    assert not recognise.knows(view, view)
    assert recognise.knows(view, ours)


def test_a_pki_is_ours_as_soon_as_the_profiles_name_its_cas_or_policies(tmp_path):
    (view,) = views_of("other-pki-web")
    shipped = LIBRARY.directories[-1] / "environments.toml"
    text = shipped.read_text("utf-8")
    for number, (old, new) in enumerate(
        [
            ('issuing = "EII DCCKICA ZAZ1 Test"', 'issuing = "Maker Root R1"'),
            ("policies = []", 'policies = ["2.23.140.1.2.1"]'),
            ("ca-names = []", 'ca-names = ["Maker Root R1"]'),
        ]
    ):
        assert old in text
        directory = tmp_path / str(number)
        directory.mkdir()
        (directory / "environments.toml").write_text(text.replace(old, new), "utf-8")
        assert Recogniser(Library(directory)).knows(view)
