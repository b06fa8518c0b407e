from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smki_testca.authority import reference_encoder, trial
from smki_testca.authority.filling import Filling, Issuer, values
from smki_testca.authority.template import TemplateMismatchError, compile_template
from smki_testca.der import encode
from smki_testca.identifiers import SerialNumber
from smki_testca.profiles import Library
from smki_testca.profiles.model import Input
from smki_testca.x509.names import KEY_USAGE_BITS

LIBRARY = Library()

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64)
ASCII = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=64)
EDGES = [
    datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC),
    datetime(2039, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(2040, 1, 1, 0, 0, 1, tzinfo=UTC),
    datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(2050, 1, 1, tzinfo=UTC),
    datetime(1949, 12, 31, 23, 59, 59, tzinfo=UTC),
]
INSTANTS = st.sampled_from(EDGES) | st.datetimes(
    datetime(1000, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
    datetime(9949, 12, 31),  # noqa: DTZ001 - the same
    timezones=st.just(UTC),
).map(lambda instant: instant.replace(microsecond=0))
ARCS = st.integers(0, 1 << 80)
OIDS = st.one_of(
    st.tuples(st.integers(0, 1), st.integers(0, 39), st.lists(ARCS, max_size=12)),
    st.tuples(st.just(2), ARCS, st.lists(ARCS, max_size=12)),
).map(lambda arcs: ".".join(str(arc) for arc in (arcs[0], arcs[1], *arcs[2])))
INPUTS = {
    "common-name": TEXTS,
    "role": st.integers(0, 255).map("{:02X}".format),
    "eui64": st.binary(min_size=8, max_size=8),
    "usage": st.sets(st.sampled_from(KEY_USAGE_BITS)).map(
        lambda chosen: tuple(bit for bit in KEY_USAGE_BITS if bit in chosen)
    ),
    "hw-type": OIDS,
    "device-id": st.binary(min_size=8, max_size=8),
    "dns": ASCII,
    "ip": st.lists(st.ip_addresses().map(str), min_size=1, max_size=3).map(",".join),
    "system-name": TEXTS,
}


def _p256(scalar):
    return (
        ec.derive_private_key(scalar, ec.SECP256R1())
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def _rsa(modulus):
    algorithm = encode.sequence(encode.oid("1.2.840.113549.1.1.1"), b"\x05\x00")
    key = encode.sequence(encode.integer(modulus), encode.integer(65537))
    return encode.sequence(algorithm, encode.bit_string(key))


PUBLIC_KEYS = st.one_of(
    st.integers(1, 1 << 255).map(_p256), st.integers(1 << 2047, (1 << 2048) - 1).map(_rsa)
)
SERIALS = st.sampled_from([1, 127, 128, 255, 256, (1 << 127) - 1]) | st.integers(1, (1 << 127) - 1)


@cache
def _template(profile, present):
    return compile_template(trial.setting(LIBRARY, profile), present, LIBRARY.roles)


@st.composite
def fillings(draw, profile, serials=SERIALS):
    inputs = {}
    for row in profile.filling_rows:
        if isinstance(row.fill, Input) and not (row.fill.optional and draw(st.booleans())):
            inputs[row.fill.name] = draw(INPUTS[row.fill.name])
    return Filling(
        SerialNumber(draw(serials)),
        draw(INSTANTS),
        draw(PUBLIC_KEYS),
        inputs,
        draw(ASCII),
        draw(TEXTS),
    )


def _sample(profile, **inputs):
    """A filling with nothing left out but what is not given."""
    given = {
        "role": "02",
        "eui64": bytes.fromhex("90b3d51f30010000"),
        "usage": ("keyAgreement",),
        "hw-type": "1.2.826.0.1.8641679.1.2.2.1",
        "device-id": bytes.fromhex("00db120000000001"),
        "system-name": "adhoc",
        "common-name": "NAME",
        "dns": "gateway.test",
    } | inputs
    return Filling(
        SerialNumber(0x31 << 120 | 0xABCDEF),
        datetime(2026, 11, 23, 9, 30, tzinfo=UTC),
        _p256(7),
        {name: value for name, value in given.items() if name in profile.inputs},
        "TPTY-ONE",
        "One",
    )


def _cut(profile, filling):
    template = _template(profile, frozenset(filling.inputs))
    found = values(template.setting, filling)
    return template, found, template.render(template.elements(found))


profiles = pytest.mark.parametrize("name", LIBRARY.profile_names)


@pytest.mark.slow
@profiles
@given(data=st.data())
@settings(max_examples=40)
def test_template_and_readable_builder_give_the_same_octets(name, data):
    profile = LIBRARY.profile(name)
    template, found, cut = _cut(profile, data.draw(fillings(profile)))
    assert cut == reference_encoder.encode_tbs(profile, found)
    template.verify(cut, template.elements(found))


@pytest.mark.slow
@profiles
@given(data=st.data())
@settings(max_examples=5)
def test_the_two_agree_whatever_the_environment_and_the_issuer(name, data):
    profile = LIBRARY.profile(name)
    filling = data.draw(fillings(profile))
    base = trial.setting(LIBRARY, profile)
    identifier = data.draw(st.binary(min_size=8, max_size=8))
    if base.issuer is not None and len(base.issuer.key_identifier) == 20:
        identifier += bytes(12)
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, data.draw(ASCII))]).public_bytes()
    setting = replace(
        base,
        environment=data.draw(st.sampled_from(list(LIBRARY.environments.values()))),
        issuer=base.issuer and Issuer(issuer, identifier),
    )
    template = compile_template(setting, frozenset(filling.inputs), LIBRARY.roles)
    found = values(setting, filling)
    assert template.render(template.elements(found)) == reference_encoder.encode_tbs(profile, found)


@pytest.mark.slow
@profiles
@pytest.mark.shows("¶27", "R4")
def test_every_single_changed_octet_is_noticed(name):
    profile = LIBRARY.profile(name)
    template, found, cut = _cut(profile, _sample(profile))
    within = _span_positions(template, cut)
    for position in range(len(cut)):
        for mask in (0x01, 0x20, 0x80, 0xFF):
            changed = bytearray(cut)
            changed[position] ^= mask
            with pytest.raises(TemplateMismatchError):
                template.verify(bytes(changed), template.elements(found))
            if position not in within:
                with pytest.raises(TemplateMismatchError):
                    template.spans(bytes(changed))


def _span_positions(template, cut):
    positions, start = set(), 0
    for element in template.spans(cut).values():
        start = cut.index(element, start)
        positions |= set(range(start, start + len(element)))
        start += len(element)
    return positions


@profiles
def test_spans_give_back_what_was_filled_in(name):
    profile = LIBRARY.profile(name)
    template, found, cut = _cut(profile, _sample(profile))
    spans = template.spans(cut)
    assert spans["serialNumber"] == bytes.fromhex("0210") + found["serialNumber"].to_bytes(16)
    assert spans["subjectPublicKeyInfo"] == found["subjectPublicKeyInfo"]


@pytest.mark.slow
@given(data=st.data())
@settings(max_examples=150)
@example(data=None)
def test_octets_cut_off_put_in_or_taken_out_are_noticed(data):
    profile = LIBRARY.profile("organisation")
    template, found, cut = _cut(profile, _sample(profile))
    if data is None:
        changed = cut + b"\x00"
    else:
        start = data.draw(st.integers(0, len(cut)))
        stop = data.draw(st.integers(start, min(len(cut), start + 40)))
        changed = cut[:start] + data.draw(st.binary(max_size=40)) + cut[stop:]
    if changed == cut:
        return
    with pytest.raises(TemplateMismatchError):
        template.verify(changed, template.elements(found))


@pytest.mark.parametrize(
    ("true", "lie"),
    [
        (b"\x30\x82", b"\x30\x83\x00"),  # one length octet more than DER has
        (b"\xa0\x03\x02\x01\x02", b"\xa0\x81\x03\x02\x01\x02"),  # the long form of a short length
        (b"\x02\x10", b"\x02\x11\x00"),  # an INTEGER with a leading zero octet
        (b"\x02\x10", b"\x02\x84\xff\xff\xff\xff"),  # a length past the end
        (b"\x02\x10", b"\x02\x80"),  # an indefinite length
    ],
)
def test_a_lie_about_a_length_is_noticed(true, lie):
    profile = LIBRARY.profile("organisation")
    template, found, cut = _cut(profile, _sample(profile))
    assert true in cut
    with pytest.raises(TemplateMismatchError):
        template.verify(cut.replace(true, lie, 1), template.elements(found))


def test_a_span_filled_with_another_value_is_noticed():
    profile = LIBRARY.profile("organisation")
    template, found, _ = _cut(profile, _sample(profile))
    _, _, other = _cut(profile, _sample(profile, role="03"))
    of_own = template.spans(template.render(template.elements(found)))
    assert template.spans(other).keys() == of_own.keys()
    with pytest.raises(TemplateMismatchError, match="organizationalUnitName"):
        template.verify(other, template.elements(found))


@pytest.mark.parametrize("start", [datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)])
def test_times_change_their_type_between_2049_and_2050(start):
    profile = LIBRARY.profile("organisation")
    _, _, cut = _cut(profile, replace(_sample(profile), now=start))
    assert b"\x17\x0d491231235959Z\x18\x0f20591231235958Z" in cut
    _, _, cut = _cut(profile, replace(_sample(profile), now=datetime(2050, 1, 1, tzinfo=UTC)))
    assert b"\x18\x0f20500101000000Z\x18\x0f20591231235959Z" in cut
