"""The traits of the export formats tell the truth: what is refused, and what is written."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12
from exported import PHRASE, files, records
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smki_testca.errors import InputError
from smki_testca.exporters import FORMATS, RUN_FORMATS, Need, items, make
from smki_testca.exporters.fitting import misfit

FORMS = pytest.mark.parametrize("form", list(FORMATS))
NEED_KEYS = [name for name, form in FORMATS.items() if form.traits.keys is Need.REQUIRED]
CANNOT_ENCRYPT = [
    name
    for name, form in FORMATS.items()
    if form.traits.passphrase is Need.NEVER and form.traits.keys is not Need.NEVER
]


def announced(traits, selected, passphrase):
    """The code of the refusal that the traits announce; None where there is none."""
    keys = any(item.private_key for item in selected)
    if traits.keys is Need.REQUIRED and not keys:
        return "export.needs_keys"
    if traits.passphrase is Need.REQUIRED and not passphrase:
        return "export.passphrase"
    writes_keys = keys and traits.keys is not Need.NEVER
    if traits.passphrase is Need.NEVER and passphrase is not None and writes_keys:
        return "export.cannot_encrypt"
    return None


def shows(data, key):
    """Whether a private key is there in the clear: in DER, PEM, JSON or C."""
    # The second line of the PEM has half of the private value and the start of the public one.
    line = b64encode(key)[64:128]
    digits = re.sub(rb"0x|[\s,]", b"", data)
    return key in data or line in data or key.hex().encode() in digits


@pytest.fixture(scope="module")
def everything(quickstart_original):
    """Every certificate of the quickstart estate, with its private key."""
    from smki_testca.api import Estate  # noqa: PLC0415

    passphrase = (quickstart_original / "passphrase").read_text().strip()
    with Estate.open(quickstart_original, lambda: passphrase) as estate:
        return items(estate, records(estate), with_keys=True)


@FORMS
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_format_refuses_what_its_traits_announce_and_nothing_else(form, everything, data):
    traits = FORMATS[form].traits
    places = st.integers(0, len(everything) - 1)
    chosen = data.draw(st.dictionaries(places, st.booleans(), min_size=1, max_size=6))
    passphrases = [None, PHRASE, *([""] if traits.passphrase is Need.REQUIRED else [])]
    passphrase = data.draw(st.sampled_from(passphrases))
    selected = [
        everything[place] if keyed else replace(everything[place], private_key=None)
        for place, keyed in chosen.items()
    ]
    expected = announced(traits, selected, passphrase)
    fitting = FORMATS[form].fitting(selected)
    if expected is None and not fitting:
        expected = "export.none_fit"
    if expected is not None:
        with pytest.raises(InputError) as caught:
            make(form, selected, passphrase)
        assert caught.value.code == expected
        return
    made = make(form, selected, passphrase)
    assert made.files
    keys = [item.private_key for item in fitting if item.private_key]
    in_the_clear = traits.keys is not Need.NEVER and passphrase is None
    for key in keys:
        assert any(shows(file.data, key) for file in made.files) == in_the_clear


@FORMS
def test_a_format_that_fits_nothing_would_write_nothing(form, everything):
    without = [replace(item, private_key=None) for item in everything]
    held = FORMATS[form].fitting(without)
    assert bool(held) == (FORMATS[form].traits.keys is not Need.REQUIRED)
    if not held:
        assert list(FORMATS[form].files(without, None)) == []


@FORMS
def test_a_store_each_is_announced(form, everything):
    traits = FORMATS[form].traits
    passphrase = PHRASE if traits.passphrase is Need.REQUIRED else None
    made = make(form, everything, passphrase).files
    stores = [one for one in made if one.path.suffix == ".p12"]
    assert (len(stores) == len(everything)) == traits.store_each


def test_every_format_is_listed_once_under_its_name():
    for formats in (FORMATS, RUN_FORMATS):
        assert [form.traits.name for form in formats.values()] == list(formats)
        assert all(form.traits.summary for form in formats.values())
        assert len({type(form) for form in formats.values()}) == len(formats)


def test_a_certificate_of_another_hierarchy_is_named_by_it(everything):
    (item, *_) = (item for item in everything if item.record.profile == "device")
    other = replace(item, record=replace(item.record, hierarchy=Another("s1spki")))
    assert misfit(other, ("device",), ("digital-signature",)) == "is of S1SPKI"


class Another(str):
    """The name of a hierarchy that no format knows."""

    __slots__ = ()


# Through the command.


@pytest.mark.parametrize("form", [form for form in FORMATS if form not in NEED_KEYS])
def test_no_private_key_is_written_unless_asked_for(export, form):
    outcome, folder = export(form, encrypted=FORMATS[form].traits.passphrase is Need.REQUIRED)
    assert outcome.code == 0
    assert not files(folder, ".key")
    for path in folder.rglob("*"):
        if path.is_file():
            assert b"PRIVATE" not in path.read_bytes()
        if path.suffix == ".p12":
            assert pkcs12.load_pkcs12(path.read_bytes(), PHRASE.encode()).key is None


@pytest.mark.parametrize("form", NEED_KEYS)
def test_formats_that_are_of_no_use_without_keys_say_so(export, form):
    outcome, folder = export(form)
    assert (outcome.code, outcome.json["error"]["code"]) == (4, "export.needs_keys")
    assert "--with-keys" in outcome.json["error"]["remedy"]
    assert not folder.exists()


@pytest.mark.parametrize("form", CANNOT_ENCRYPT)
def test_formats_that_cannot_encrypt_keys_write_none_where_a_passphrase_is_given(export, form):
    outcome, folder = export(form, "--with-keys", encrypted=True)
    assert (outcome.code, outcome.json["error"]["code"]) == (4, "export.cannot_encrypt")
    assert not folder.exists()
