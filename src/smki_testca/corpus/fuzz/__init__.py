"""Searches for documents that a parser under test and the linter judge differently."""
