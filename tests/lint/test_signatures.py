"""A signature of another form is told by its cause."""

from __future__ import annotations

import pytest

from corpora import good, good_settings
from smki_testca.der import encode
from smki_testca.der.read import read
from smki_testca.importers.sources import Source
from smki_testca.lint.chain import gathered
from smki_testca.lint.engine import Linter


def findings(name, signature):
    """The findings of a good document of the corpus with another signature."""
    tbs, algorithm, _ = read(good(name))[0].children
    changed = encode.sequence(tbs.encoded, algorithm.encoded, encode.bit_string(signature))
    settings = good_settings()
    linter = Linter(settings, gathered(settings.trusted))
    return linter.lint(Source("-", 0, changed)).findings


@pytest.mark.parametrize("name", ["device", "organisation-crl"])
@pytest.mark.parametrize("first", [b"\x11", b"\x30"])
def test_r_and_s_side_by_side_are_named_as_the_cause(name, first):
    (finding,) = findings(name, first + bytes(range(100, 163)))
    assert finding.code == "signature.malformed"
    assert "side by side" in finding.message
    assert "DER SEQUENCE of both" in finding.message


@pytest.mark.parametrize("name", ["device", "organisation-crl"])
def test_a_sequence_of_as_many_octets_is_not_called_raw(name):
    number = encode.integer(int.from_bytes(bytes([1] * 18)))
    signature = encode.sequence(number, number, number, b"\x05\x00")
    assert len(signature) == 64
    (finding,) = findings(name, signature)
    assert finding.code == "signature.malformed"
    assert "side by side" not in finding.message
