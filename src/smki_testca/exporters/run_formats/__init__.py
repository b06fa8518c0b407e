"""The formats in which the certificates of a run leave an estate, one module each."""
