"""Estates: one directory with a register, test CAs, all issued certificates and an audit log."""
