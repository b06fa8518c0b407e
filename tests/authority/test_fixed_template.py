"""Both templates and the readable builder give the same octets, for every profile in batches."""

from datetime import UTC, datetime
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from smki_testca.authority import reference_encoder, trial
from smki_testca.authority.filling import Filling, TemplateSetting, values
from smki_testca.authority.fixed_template import FixedTemplate
from smki_testca.authority.template import TemplateMismatchError, compile_template
from smki_testca.identifiers import SerialNumber
from smki_testca.profiles import Library
from smki_testca.profiles.model import Input, Tier
from smki_testca.x509 import private_keys
from smki_testca.x509.names import ECDSA_WITH_SHA256, SHA256_WITH_RSA, KeyType

LIBRARY = Library()
BATCHED = [one.name for one in LIBRARY.profiles if one.tier is Tier.END_ENTITY]

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=64)
ASCII = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=64)
SERIALS = st.integers(1 << 124, (1 << 127) - 1).map(lambda one: one.to_bytes(16))
INSTANTS = st.datetimes(
    datetime(1950, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
    datetime(2090, 1, 1),  # noqa: DTZ001 - the same
    timezones=st.just(UTC),
).map(lambda instant: instant.replace(microsecond=0))
INPUTS = {
    "common-name": TEXTS,
    "role": st.integers(0, 255).map("{:02X}".format),
    "eui64": st.binary(min_size=8, max_size=8),
    "usage": st.sampled_from([("digitalSignature",), ("keyAgreement",)]),
    "hw-type": st.lists(st.integers(0, 1 << 40), max_size=9).map(
        lambda arcs: ".".join(map(str, (1, 2, *arcs)))
    ),
    "device-id": st.binary(min_size=8, max_size=8),
    "dns": ASCII,
    "ip": st.ip_addresses().map(str),
    "system-name": TEXTS,
}
# What differs from row to row although every row's value is as long.
OWN = {"serialNumber", "subjectPublicKeyInfo", "extensions.subjectKeyIdentifier"}


@cache
def _rsa_keys():
    return [private_keys.public_key_info(rsa.generate_private_key(65537, 2048)) for _ in range(2)]


def _public_keys(key_type):
    if key_type is KeyType.RSA2048:
        return st.sampled_from(_rsa_keys())
    return st.integers(1, 1 << 255).map(
        lambda scalar: private_keys.public_key_info(ec.derive_private_key(scalar, ec.SECP256R1()))
    )


@cache
def _template(name, present):
    return compile_template(trial.setting(LIBRARY, LIBRARY.profile(name)), present, LIBRARY.roles)


@st.composite
def _tiles(draw, name):
    """A template, and the values of a few rows that differ only in what a tile's rows may."""
    profile = LIBRARY.profile(name)
    inputs = {}
    for row in profile.filling_rows:
        if isinstance(row.fill, Input) and not (row.fill.optional and draw(st.booleans())):
            inputs[row.fill.name] = draw(INPUTS[row.fill.name])
    template = _template(name, frozenset(inputs))
    at, signifier, holder = draw(INSTANTS), draw(ASCII), draw(TEXTS)
    rows = []
    for serial in draw(st.lists(SERIALS, min_size=1, max_size=4)):
        own = {one: draw(INPUTS[one]) for one in ("device-id", "eui64") if one in inputs}
        filling = Filling(
            SerialNumber(int.from_bytes(serial)),
            at,
            draw(_public_keys(profile.key_type)),
            inputs | own,
            signifier,
            holder,
        )
        rows.append(values(template.setting, filling))
    return template, rows


def _own(template):
    fields = [template.setting.profile.field_of(name) for name in ("device-id", "eui64")]
    return OWN | {field.path for field in fields if field is not None}


def _content(template, path, found):
    element = template.element(path, found)
    return element[2 if element[1] < 0x80 else 2 + (element[1] & 0x7F) :]


def _poured(template, sample):
    own = _own(template)
    return FixedTemplate.of(
        template,
        {path: value for path, value in sample.items() if path not in own},
        {path: value for path, value in sample.items() if path in own},
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", BATCHED)
@given(data=st.data())
@settings(max_examples=40)
def test_mould_template_and_readable_builder_give_the_same_octets(name, data):
    template, rows = data.draw(_tiles(name))
    fixed = _poured(template, rows[0])
    contents = [[_content(template, path, found) for found in rows] for path in fixed.spans]
    rendered = list(fixed.render(contents))
    assert rendered == [template.render(template.elements(found)) for found in rows]
    assert rendered == [
        reference_encoder.encode_tbs(template.setting.profile, found) for found in rows
    ]
    assert {len(one) for one in rendered} == {fixed.length}


@pytest.mark.slow
@pytest.mark.parametrize("name", BATCHED)
@given(data=st.data())
@settings(max_examples=15)
def test_a_mould_is_open_only_where_the_rows_of_a_tile_differ(name, data):
    template, rows = data.draw(_tiles(name))
    assert set(_poured(template, rows[0]).spans) <= _own(template)


@pytest.mark.slow
@pytest.mark.parametrize("change", [-1, 1])
@given(data=st.data())
@settings(max_examples=15)
def test_content_of_another_width_is_not_cast(change, data):
    template, rows = data.draw(_tiles("device"))
    fixed = _poured(template, rows[0])
    contents = [[bytes(width)] for width in fixed.widths]
    place = data.draw(st.integers(0, len(contents) - 1))
    contents[place] = [bytes(fixed.widths[place] + change)]
    with pytest.raises(TemplateMismatchError):
        list(fixed.render(contents))


def test_a_tile_with_too_few_values_of_one_span_is_not_cast():
    setting = trial.setting(LIBRARY, LIBRARY.profile("device"))
    assert isinstance(setting, TemplateSetting)
    template = compile_template(setting, frozenset(), LIBRARY.roles)
    found = values(
        setting,
        Filling(
            SerialNumber(1 << 124),
            datetime(2026, 1, 1, tzinfo=UTC),
            private_keys.public_key_info(ec.derive_private_key(7, ec.SECP256R1())),
            {"device-id": bytes(8), "hw-type": "1.2.3", "usage": ("keyAgreement",)},
        ),
    )
    fixed = _poured(template, found)
    contents = [[bytes(width)] * 2 for width in fixed.widths]
    assert len(list(fixed.render(contents))) == 2
    contents[-1].pop()
    with pytest.raises(ValueError, match="zip"):
        list(fixed.render(contents))


def test_the_profiles_batched_sign_with_both_kinds_of_key():
    used = {trial.setting(LIBRARY, LIBRARY.profile(name)).algorithm for name in BATCHED}
    assert used <= {ECDSA_WITH_SHA256, SHA256_WITH_RSA}
    assert BATCHED == ["dccki", "dccki-personnel", "device", "iki", "organisation"]
