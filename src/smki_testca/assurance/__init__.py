"""Judges whether an SMKI Assessment Report was independent (seed ch. 5, R19).

A record is a TOML file that people keep: the scheme, its reports and their decisions, the persons
who took part, and whom they work for. ``assurance.judgement`` judges it.
"""

from __future__ import annotations

from smki_testca.assurance.judgement import Judgement, judge
from smki_testca.assurance.record_file import read
from smki_testca.assurance.record_rules import ReportVerdict

__all__ = ["Judgement", "ReportVerdict", "judge", "read"]
