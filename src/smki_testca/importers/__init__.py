"""Reads documents and private keys from files of any source, within limits."""
