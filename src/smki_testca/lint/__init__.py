"""Says what is wrong with a certificate, and by which rule."""

from __future__ import annotations

from smki_testca.lint.findings import Finding
from smki_testca.lint.rows import Context, check

__all__ = ["Context", "Finding", "check"]
