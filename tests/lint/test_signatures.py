"""A signature of another form is told by its cause."""

from __future__ import annotations

from pathlib import Path

import pytest

from smki_testca.clock import parse_instant
from smki_testca.der import encode
from smki_testca.der.read import read
from smki_testca.importers.sources import Source, sources
from smki_testca.lint.chain import gathered
from smki_testca.lint.engine import Linter
from smki_testca.lint.linted import Settings

GOLDEN = Path(__file__).parents[1] / "golden"


def findings(name, signature):
    """The findings of a good document of the corpus with another signature."""
    (source,) = sources([str(GOLDEN / "cases" / f"{name}.pem")])
    tbs, algorithm, _ = read(source.data)[0].children
    changed = encode.sequence(tbs.encoded, algorithm.encoded, encode.bit_string(signature))
    trusted = tuple(one.data for one in sources([str(GOLDEN / "trust.pem")]))
    settings = Settings(parse_instant("2026-12-01"), environment="ZAZ1", trusted=trusted)
    linter = Linter(settings, gathered(trusted))
    return linter.lint(Source("-", 0, changed)).findings


@pytest.mark.parametrize("name", ["good-device", "good-organisation-crl"])
@pytest.mark.parametrize("first", [b"\x11", b"\x30"])
def test_r_and_s_side_by_side_are_named_as_the_cause(name, first):
    (finding,) = findings(name, first + bytes(range(100, 163)))
    assert finding.code == "signature.malformed"
    assert "side by side" in finding.message
    assert "DER SEQUENCE of both" in finding.message


@pytest.mark.parametrize("name", ["good-device", "good-organisation-crl"])
def test_a_sequence_of_as_many_octets_is_not_called_raw(name):
    number = encode.integer(int.from_bytes(bytes([1] * 18)))
    signature = encode.sequence(number, number, number, b"\x05\x00")
    assert len(signature) == 64
    (finding,) = findings(name, signature)
    assert finding.code == "signature.malformed"
    assert "side by side" not in finding.message
