"""Patterns match as in Python's ``re``, in time proportional to the text."""

from __future__ import annotations

import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smki_testca.profiles.text_pattern import MAX_PATTERN_CHARACTERS, PatternError, TextPattern

HOST = r"(?=.{1,253}$)(\*\.)?([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9_]+"
EVIL = [
    "(a+)+$",
    "(a|a)*$",
    "(a|aa)+$",
    "(.*a){20}$",
    "([a-z]+)*!",
    "(?=(a+)+$)a*",
    "(?!(a+)+$)a*b",
]
PLAIN = [
    *("[0-9A-F]{2}", "[A-Z0-9-]+", HOST, "a|b", "(?!ab)a.", "(?=a)(b|a)", r"[]()|]+", "[^]]"),
    *(r"\{,", r"(?=(a|\)))b?a.?", r"\d+\w\s?", "", "(?=a)", "a{2,3}", r"\(?=a"),
]


@pytest.mark.parametrize("pattern", EVIL)
def test_a_pattern_that_would_backtrack_without_end_is_matched_at_once(pattern):
    found = TextPattern.parse(pattern)
    assert not found.fullmatch("a" * 100_000 + "?")


@pytest.mark.slow
@pytest.mark.parametrize("pattern", PLAIN)
@given(text=st.text(st.sampled_from("abAB01-_.*()|]{,= "), max_size=8))
def test_a_pattern_matches_what_python_would(pattern, text):
    python = re.compile(pattern, re.ASCII)
    assert TextPattern.parse(pattern).fullmatch(text) == bool(python.fullmatch(text))


@pytest.mark.parametrize(
    "pattern",
    [
        *("(", "[A-", "*", "a{99999999999}", "(?=a", "a++", "(?>a)", r"(a)\1", "x(?=a)", "(?<=a)b"),
        *("(?=a)b|c", "a{,5}", "[[:alpha:]]", "((a{1000}){1000}){1000}", r"a\Z", "(?=x(?=a))a"),
        "a" * (MAX_PATTERN_CHARACTERS + 1),
    ],
)
def test_what_cannot_be_matched_in_linear_time_is_refused_when_it_is_read(pattern):
    with pytest.raises(PatternError):
        TextPattern.parse(pattern)


def test_a_pattern_is_a_value():
    pattern = TextPattern.parse(HOST)
    assert pickle.loads(pickle.dumps(pattern)) == pattern  # noqa: S301 - our own
    assert not pattern.fullmatch("\udcff")
