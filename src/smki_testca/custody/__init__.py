"""Keeps estates safe: changes their passphrases, makes backups of them and restores those."""
