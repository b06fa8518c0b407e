"""A test certificate authority for Great Britain's smart-metering PKIs: SMKI, DCCKI and IKI."""

from __future__ import annotations

__version__ = "0.1.0"
