"""An estate: one directory with a register, test CAs, every certificate issued, an audit log."""

from __future__ import annotations

from smki_testca.estate.estate import Estate

__all__ = ["Estate"]
