"""Exports certificates from an estate: one interface, one module for each format."""
