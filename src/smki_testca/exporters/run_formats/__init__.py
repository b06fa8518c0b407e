"""The formats for the certificates of a run, one module each."""
