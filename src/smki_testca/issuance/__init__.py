"""Issuing certificates: alone, renewed, signed again, and in batches."""
