"""Profiles, categories, roles and environments: TOML data, loaded strictly into frozen values."""

from __future__ import annotations

from smki_testca.profiles.library import Library

__all__ = ["Library"]
