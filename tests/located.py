"""Messages about files of TOML, which state a line."""

from __future__ import annotations

import re


def without_line(message):
    """A message without the line that it states, which it must."""
    found = re.search(r", line [1-9]\d*(?=[, ])", message)
    assert found is not None, message
    return message.replace(found[0], "", 1)
