"""Reads anyone's files into documents and private keys, bounded."""
