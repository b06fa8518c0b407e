"""Looks for what is wrong with an estate, and mends what is safe to mend."""
