"""Puts the details of an entry of the audit log into one line of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smki_testca.estate.audit_entry import Entry

_MAX_SHOWN_ITEMS = 4
"""The longest list that is shown in full, in items."""
_MAX_WORD = 40
"""The longest word that is shown in full: a serial number is, and a digest is not."""


def entry_text(entry: Entry, most: int | None = None) -> str:
    """The details of an entry of the audit log on one line; long lists by their length.

    Args:
        entry: the entry.
        most: the most characters; the rest is left out, as an ellipsis says. All by default.
    """
    text = _details(entry.body)
    return text if most is None or len(text) <= most else f"{text[: most - 1]}…"


def _details(body: dict[str, Any]) -> str:
    if "granted" not in body:
        return "; ".join(_named(name, value, ": ") for name, value in body.items() if value)
    if "request" not in body:
        return _group_decision(body)
    request = body["request"]
    request_text = f"{request['profile']} for {request['participant']} ({request['purpose']})"
    if body["granted"]:
        return f"granted {request_text} under {body['agreement']}"
    return f"refused {request_text}: {', '.join(reason['code'] for reason in body['reasons'])}"


def _named(name: str, value: Any, between: str) -> str:
    """A name and its value in words; of what is true, the name alone."""
    name = name.replace("_", " ")
    return name if value is True else f"{name}{between}{_words(value)}"


def _words(value: Any) -> str:
    """A value of JSON in words; a long list, as of serials, only by its length."""
    if isinstance(value, list):
        is_long = len(value) > _MAX_SHOWN_ITEMS
        return f"{len(value)} of them" if is_long else ", ".join(map(_words, value))
    if isinstance(value, dict):
        # What has a serial number is named by it.
        known = {"serial": value["serial"]} if {"serial", "sha256"} == value.keys() else value
        return " ".join(_named(name, each, " ") for name, each in known.items() if each)
    if isinstance(value, str) and len(value) > _MAX_WORD and " " not in value:
        return f"{value[:16]}…"
    return str(value)


def _group_decision(body: dict[str, Any]) -> str:
    """The text of a decision on several certificates at once: a renewal or re-signing."""
    if body["granted"]:
        return f"granted {len(body['certificates'])} of them"
    refused = body.get("refused")
    count = body["count"] if refused is None else len(refused)
    bodies = [body] if refused is None else refused
    codes = dict.fromkeys(reason["code"] for each in bodies for reason in each["reasons"])
    return f"refused{f' {count} of them' if count else ''}: {', '.join(codes)}"
