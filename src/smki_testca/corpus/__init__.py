"""The defect corpus: documents with one change each, for those who test parsers.

``bases`` makes the good documents, ``defects`` and ``oddities`` change one thing in each,
``build`` turns each change into a ``Case``: its octets and what a parser must make of them.
"""
