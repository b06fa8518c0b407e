"""Lints certificates, CSRs and CRLs: each finding names the rule that is broken."""

from __future__ import annotations

from smki_testca.lint.findings import Finding
from smki_testca.lint.row_checks import RowContext, check

__all__ = ["Finding", "RowContext", "check"]
