"""The schemas of the messages: one XSD for each of the two web services (SEC App. M B and E)."""

from __future__ import annotations

from enum import Enum
from functools import cached_property
from pathlib import Path

from lxml import etree

VERSION = "1.0"
"""The version of both interfaces: in their addresses, their schemas and their messages."""
_FOLDER = Path(__file__).parent / "schemas"


class MessageSchema(Enum):
    """The schema of one web service; its value is the name of its file."""

    AD_HOC = "ad-hoc-device-csr-1.0.xsd"
    BATCHED = "batched-device-csr-1.0.xsd"

    @property
    def path(self) -> Path:
        """The path of its file."""
        return _FOLDER / self.value

    @cached_property
    def validator(self) -> etree.XMLSchema:
        """The validator of documents by it; several threads may use it at once."""
        return etree.XMLSchema(etree.fromstring(self.path.read_bytes()))
