"""A keystore.json holds certificates, each with its private key."""

from __future__ import annotations

import json

import pytest

from material import (
    documents_in,
    entry,
    key_store,
    pem,
    pkcs8,
    problem_codes,
    same,
    take,
)
from smki_testca.importers.intake import take_in
from smki_testca.labels import MAX_LABEL_CHARACTERS


def test_a_key_store_holds_its_certificates_in_the_order_of_the_file(ders):
    entries = {
        str(number): {"certificate": pem(der).decode(), "privateKey": "x", "role": 2}
        for number, der in enumerate(ders)
    }
    store = {"00db123456780004": {"digitalSignature": entries}}
    assert documents_in(json.dumps(store, indent=2).encode()) == ders


@pytest.mark.parametrize(
    "text",
    [
        b"{}x",
        b'{"a": 1}',
        b'{"a": {"b": {"c": {}}}}',
        b'{"a": {"b": {"c": {"certificate": 5}}}}',
        b'{"a": "\xff"}',
        b'{"\\ud800": 1}',
        b'{"a":' * 5000,
    ],
)
def test_json_that_is_no_key_store_is_told(text):
    assert problem_codes(text) == ["document.unknown_kind"]


def test_a_key_store_whose_certificate_is_no_pem_is_told():
    store = {"a": {"b": {"c": {"certificate": "nothing \ud7ff"}}}}
    assert problem_codes(json.dumps(store).encode()) == ["document.base64"]
    store["a"]["b"]["c"]["certificate"] = (
        "-----BEGIN CERTIFICATE-----\nMI\u00fc\n-----END CERTIFICATE-----"
    )
    assert problem_codes(json.dumps(store).encode()) == ["document.base64"]


def test_a_key_store_gives_labels_and_keys(tmp_path, pairs):
    entries = {
        str(number): entry(der, pkcs8(key).decode(), f"Z1-{number}")
        for number, (der, key) in enumerate(pairs.values())
    }
    (tmp_path / "keystore.json").write_bytes(key_store(entries))
    found = take_in([str(tmp_path / "keystore.json")])
    assert [one.label for one in found.certificates] == [f"Z1-{n}" for n in range(len(pairs))]
    assert {one.source for one in found.certificates} == {"keystore.json"}
    for one, pair in zip(found.certificates, pairs.values(), strict=True):
        assert same(one, pair)


def test_a_key_beside_a_certificate_that_is_not_its_own_is_remarked_on(pairs):
    (first, its), (second, other), *_ = pairs.values()
    swapped = {
        "1": entry(first, pkcs8(other).decode(), "one"),
        "2": entry(second, pkcs8(its).decode(), "two"),
    }
    found = take(key_store(swapped))
    assert [(one.code, one.source) for one in found.remarks] == [
        ("import.key_mismatch", "- (one)"),
        ("import.key_mismatch", "- (two)"),
    ]
    # Their public keys tell where they belong all the same.
    assert same(found.certificates[0], (first, its))
    assert found.loose_keys == ()


@pytest.mark.parametrize("key", ["x", "-----BEGIN PRIVATE KEY-----", 5, [], "", None])
def test_a_key_store_with_a_broken_key_still_gives_its_certificate(pair, key):
    found = take(key_store({"1": entry(pair[0], key, "a")}))
    assert found.certificates[0].key is None
    broken = isinstance(key, str) and bool(key)
    assert [one.code for one in found.remarks] == ["key.unreadable"] * broken


def test_labels_of_others_are_made_fit_to_print(pair):
    found = take(key_store({"1": entry(pair[0], None, "\x1b[2J" + "x" * 500)}))
    label = found.certificates[0].label
    assert label.isprintable()
    assert len(label) == MAX_LABEL_CHARACTERS
