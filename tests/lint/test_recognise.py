from __future__ import annotations

from pathlib import Path

import pytest

from smki_testca.importers.sources import sources
from smki_testca.lint.recognise import Recogniser
from smki_testca.profiles import Library
from smki_testca.x509.view import view_certificate

CASES = Path(__file__).parents[1] / "golden" / "cases"
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
    (source,) = sources([str(CASES / f"good-{name}.pem")])
    assert recognise(view_certificate(source.data)).name == name
