"""Reads ``keystore.json``: certificates and private keys by EUI-64, key usage and serial number."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from smki_testca.importers.content import Content, ContentKind, something_else
from smki_testca.importers.pem import contents_of_pem

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Entry(msgspec.Struct):
    # Only the certificate is required; the others may be missing or of another type.
    certificate: str
    privateKey: Any = None  # noqa: N815 - as the key store has it
    name: Any = None


_KeyStore = dict[str, dict[str, dict[str, _Entry]]]


def contents_of_keystore_json(data: bytes) -> Iterator[Content]:
    """Yield each certificate of a key store, followed by its private key.

    A file of columns beside a certificate has nothing to yield.
    """
    try:
        key_store = msgspec.json.decode(data, type=_KeyStore)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # An object of texts is what exports write of a manifest's own columns.
        if not _is_of_texts(data):
            yield something_else("it is JSON, but no key store")
        return
    for usages in key_store.values():
        for serials in usages.values():
            for entry in serials.values():
                yield from _contents_of_entry(entry)


def _is_of_texts(data: bytes) -> bool:
    try:
        return bool(msgspec.json.decode(data, type=dict[str, str]))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def _contents_of_entry(entry: _Entry) -> Iterator[Content]:
    name = entry.name if isinstance(entry.name, str) and entry.name else None
    for content in contents_of_pem(entry.certificate.encode("utf-8", "replace")):
        yield replace(content, name=name)
    if isinstance(entry.privateKey, str) and entry.privateKey:
        key = entry.privateKey.encode("utf-8", "replace")
        yield Content(key, kind=ContentKind.KEY_OF_DOCUMENT, name=name)
