"""Delivers a corpus as a folder: documents, their index, C, PKCS#7, sums, and a page to search.

``layout`` gives each document its file name, ``corpus_index`` writes ``corpus.json``, ``documents``
has its form, ``pkcs7``, ``c_source`` and ``corpus_page`` are other forms of the same cases, and
``folder`` puts them together.
"""
