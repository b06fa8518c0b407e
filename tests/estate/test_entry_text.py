"""The details of audit entries in words, as people read them."""

import pytest

from smki_testca.estate.audit_entry import Entry
from smki_testca.estate.entry_text import entry_text

PEER = {"address": "127.0.0.1", "participant": "meters-one", "serial": "0A0B", "system": "a"}


def _text(body, most=None):
    return entry_text(Entry(1, "2026-01-01T00:00:00Z", "any", body, "00"), most)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"tables": ["service_certificates"]}, "tables: service_certificates"),
        (
            {"batch": 3, "peer": PEER},
            "batch: 3; peer: address 127.0.0.1 participant meters-one serial 0A0B system a",
        ),
        ({"serials": list("abcde")}, "serials: 5 of them"),
        ({"certificates": [{"serial": "0A", "sha256": "f" * 64}]}, "certificates: serial 0A"),
        ({"sha256": "ab" * 32, "run": None}, "sha256: abababababababab…"),
        ({"imported_key": True, "revoked": False}, "imported key"),
        (
            {"decisions": [{"profile": "device", "granted": True}]},
            "decisions: profile device granted",
        ),
    ],
)
def test_details_are_words(body, text):
    assert _text(body) == text


def test_long_details_are_cut_off():
    assert _text({"note": "a b " * 100}, 20) == "note: a b a b a b a…"
