"""The traits of the export formats tell the truth: what is refused, and what is written."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12
from exported import PHRASE, files, records

from smki_testca.errors import InputError
from smki_testca.exporters.c_arrays import literal
from smki_testca.exporters.export import items, make, takes_passphrase
from smki_testca.exporters.fitting import misfit
from smki_testca.exporters.format import FormatNeed
from smki_testca.exporters.registry import FORMATS, RUN_FORMATS

FORMS = pytest.mark.parametrize("form", list(FORMATS))
NEED_KEYS = [name for name, form in FORMATS.items() if form.traits.keys is FormatNeed.REQUIRED]
CANNOT_ENCRYPT = [
    name
    for name, form in FORMATS.items()
    if form.traits.passphrase is FormatNeed.NEVER and form.traits.keys is not FormatNeed.NEVER
]


def announced(traits, selected, passphrase):
    """The code of the refusal that the traits announce; None where there is none."""
    keys = any(item.private_key for item in selected)
    if traits.keys is FormatNeed.REQUIRED and not keys:
        return "export.needs_keys"
    if traits.passphrase is FormatNeed.REQUIRED and not passphrase:
        return "export.passphrase"
    writes_keys = keys and traits.keys is not FormatNeed.NEVER
    if traits.passphrase is FormatNeed.NEVER and passphrase is not None and writes_keys:
        return "export.cannot_encrypt"
    return None


def shows(data, key):
    """Whether a private key is there in the clear: in DER, PEM, JSON or C."""
    # Whole lines of the PEM, of 48 octets: private are the second of P-256 and the last of RSA.
    start = 48 if len(key) < 200 else 48 * (len(key) // 48 - 1)
    part = key[start : start + 48]
    in_c = ", ".join(f"0x{octet:02x}" for octet in part[:12]).encode()
    # How the last octet of a literal is written depends on the next one.
    in_text = literal(part[:13])[:-8].encode()
    return any(form in data for form in (part, b64encode(part), in_c, in_text))


@pytest.fixture(scope="module")
def everything(quickstart_original):
    """Every certificate of the quickstart estate, with its private key."""
    from smki_testca.api import Estate  # noqa: PLC0415

    passphrase = (quickstart_original / "passphrase").read_text().strip()
    with Estate.open(quickstart_original, lambda: passphrase) as estate:
        return items(estate, records(estate), with_keys=True)


def selections(everything):
    """All, none and some of the keys of: all certificates, each kind alone, each kind and a CA."""
    kinds = {(item.record.profile, item.record.usage): item for item in everything}
    authority = next(item for item in everything if item.is_ca)
    for chosen in (everything, *([kind] for kind in kinds.values())):
        without = [replace(item, private_key=None) for item in chosen]
        yield from (chosen, without, [authority, *chosen], [*without, *chosen[:1]])
        yield [*chosen[::2], *without[1::2]]


@pytest.mark.slow
@FORMS
@pytest.mark.parametrize("passphrase", [None, PHRASE], ids=["without", "with"])
def test_a_format_refuses_what_its_traits_announce_and_nothing_else(form, everything, passphrase):
    traits = FORMATS[form].traits
    for selected in selections(everything):
        fitting = FORMATS[form].fitting(selected)
        expected = announced(traits, selected, passphrase)
        if expected is None and not fitting:
            expected = "export.none_fit"
        if expected is not None:
            with pytest.raises(InputError) as caught:
                make(form, selected, passphrase)
            assert caught.value.code == expected
            continue
        octets = b"".join(file.data for file in make(form, selected, passphrase).files)
        assert octets
        in_the_clear = traits.keys is not FormatNeed.NEVER and passphrase is None
        for item in fitting:
            if item.private_key is not None:
                assert shows(octets, item.private_key) == in_the_clear


@FORMS
def test_a_format_that_fits_nothing_would_write_nothing(form, everything):
    without = [replace(item, private_key=None) for item in everything]
    held = FORMATS[form].fitting(without)
    assert bool(held) == (FORMATS[form].traits.keys is not FormatNeed.REQUIRED)
    if not held:
        assert list(FORMATS[form].files(without, None)) == []


@pytest.mark.slow
@FORMS
def test_what_a_format_never_takes_changes_nothing_in_it(form, everything):
    traits, files_of = FORMATS[form].traits, FORMATS[form].files
    without = [replace(item, private_key=None) for item in everything]
    written = list(files_of(everything, PHRASE))
    assert (written == list(files_of(without, PHRASE))) == (traits.keys is FormatNeed.NEVER)
    if traits.passphrase is FormatNeed.NEVER:
        assert written == list(files_of(everything, None))


@pytest.mark.parametrize("form", takes_passphrase(FormatNeed.REQUIRED))
def test_an_empty_passphrase_is_none(form, everything):
    with pytest.raises(InputError) as caught:
        make(form, everything, "")
    assert caught.value.code == "passphrase.empty"


@pytest.mark.slow
@FORMS
def test_a_store_each_is_announced(form, everything):
    traits = FORMATS[form].traits
    passphrase = PHRASE if traits.passphrase is FormatNeed.REQUIRED else None
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
    assert misfit(other, (item.record.hierarchy,), ("digital-signature",)) == "is of S1SPKI"


class Another(str):
    """The name of a hierarchy that no format knows."""

    __slots__ = ()


# Through the command.


@pytest.mark.slow
@pytest.mark.parametrize("form", [form for form in FORMATS if form not in NEED_KEYS])
def test_no_private_key_is_written_unless_asked_for(export, form):
    outcome, folder = export(form, encrypted=FORMATS[form].traits.passphrase is FormatNeed.REQUIRED)
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


@pytest.mark.slow
@pytest.mark.parametrize("form", CANNOT_ENCRYPT)
def test_formats_that_cannot_encrypt_keys_write_none_where_a_passphrase_is_given(export, form):
    outcome, folder = export(form, "--with-keys", encrypted=True)
    assert (outcome.code, outcome.json["error"]["code"]) == (4, "export.cannot_encrypt")
    assert not folder.exists()
