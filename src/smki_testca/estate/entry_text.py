"""Puts the details of an entry of the audit log into one line of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smki_testca.estate.audit import Entry

_MAX_SHOWN_ITEMS = 4
"""The longest list that is shown in full, in items."""


def entry_text(entry: Entry) -> str:
    """The details of an entry of the audit log on one line; long lists by their length."""
    body = entry.body
    if "granted" not in body:
        return ", ".join(f"{name}: {_value_text(value)}" for name, value in body.items() if value)
    if "request" not in body:
        return _group_decision(body)
    request = body["request"]
    request_text = f"{request['profile']} for {request['participant']} ({request['purpose']})"
    if body["granted"]:
        return f"granted {request_text} under {body['agreement']}"
    return f"refused {request_text}: {', '.join(reason['code'] for reason in body['reasons'])}"


def _value_text(value: Any) -> str:
    """A value of an entry as text; a long list, as of serials, only by its length."""
    if isinstance(value, list) and len(value) > _MAX_SHOWN_ITEMS:
        return f"{len(value)} of them"
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
