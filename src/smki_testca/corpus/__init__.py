"""The defect corpus: documents with one change each, for those who test parsers.

``pki`` makes the CAs, and ``bases`` the good documents. ``defects`` and ``oddities`` change one
thing in each, and ``build`` turns each change into a ``Case``: its octets and what a parser must
make of them.
"""
