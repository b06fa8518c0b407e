"""Targets of a run: how a parser is asked, one module for each way."""
