"""Runs parsers under test against the corpus: asks each case of a target, and judges the answers.

``loaded_corpus`` reads a corpus from its folder, ``targets`` ask the parsers, ``asking`` keeps the
order and the restarts, ``outcomes`` judges, ``report`` and ``reports`` say what came of it.
"""
