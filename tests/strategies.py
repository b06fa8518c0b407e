"""What the property tests draw from: identifiers of the field, times, and DER of every shape."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st

from smki_testca.der import encode
from smki_testca.identifiers import Eui64, RegistryEntry
from smki_testca.x509 import names

eui64s = st.builds(Eui64, st.integers(0, (1 << 64) - 1))

registry_entries = st.sampled_from(sorted(RegistryEntry.KINDS)).flatmap(
    lambda bits: st.builds(RegistryEntry, st.integers(0, (1 << bits) - 1), st.just(bits))
)

printable_ascii = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
signifiers = st.text(printable_ascii, min_size=1, max_size=64)

serials = st.integers(1, (1 << 127) - 1)

object_identifiers = st.builds(
    lambda first, rest: ".".join(str(arc) for arc in (*first, *rest)),
    st.one_of(
        st.tuples(st.integers(0, 1), st.integers(0, 39)),
        st.tuples(st.just(2), st.integers(0, 1 << 40)),
    ),
    st.lists(st.integers(0, 1 << 70), max_size=8),
)

instants = st.datetimes(
    datetime(1950, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone itself
    datetime(9999, 12, 31, 23, 59, 59),  # noqa: DTZ001 - the same
    timezones=st.just(UTC),
).map(lambda instant: instant.replace(microsecond=0))

_oids_of_interest = [
    *names.ATTRIBUTES.values(),
    *names.EXTENSIONS.values(),
    *names.KEY_PURPOSES.values(),
    names.HARDWARE_MODULE_NAME,
    names.EXTENSION_REQUEST,
]

primitives = st.one_of(
    st.builds(encode.oid, st.sampled_from(_oids_of_interest)),
    st.builds(
        encode.tlv,
        st.sampled_from([0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0C, 0x13, 0x16, 0x17, 0x18, 0x1E]),
        st.binary(max_size=20),
    ),
    st.builds(encode.tlv, st.sampled_from([0x80, 0x81, 0x82]), st.binary(max_size=20)),
    st.builds(encode.time, instants),
    st.builds(encode.integer, st.integers()),
)


def _around(inner):
    elements = st.lists(inner, max_size=6).map(b"".join)
    constructed = st.builds(
        encode.tlv, st.sampled_from([0x30, 0x31, 0xA0, 0xA1, 0xA2, 0xA3]), elements
    )
    wrapped = st.builds(encode.octet_string, inner)
    return constructed | wrapped


elements = st.recursive(primitives, _around, max_leaves=40)
"""DER elements, nested at will, with the tags and OIDs that certificates have."""

_names = st.lists(
    st.builds(
        lambda oid, value: encode.set_of([encode.sequence(encode.oid(oid), value)]),
        st.sampled_from([*names.ATTRIBUTES.values(), "1.2.3"]),
        primitives,
    ),
    max_size=4,
).map(lambda relatives: encode.sequence(*relatives))

_extensions = st.lists(
    st.builds(
        lambda oid, critical, value: encode.sequence(
            encode.oid(oid), critical, encode.octet_string(value)
        ),
        st.sampled_from([*names.EXTENSIONS.values(), "1.2.3"]),
        st.sampled_from([b"", b"\x01\x01\xff", b"\x01\x01\x00", b"\x01\x01\x01", b"\x01\x00"]),
        elements,
    ),
    max_size=8,
).map(lambda extensions: encode.tlv(0xA3, encode.sequence(*extensions)))


def _document(*parts):
    return encode.sequence(
        encode.sequence(*parts), encode.sequence(), encode.bit_string(b"\x30\x00")
    )


certificate_shapes = st.builds(
    _document,
    elements | st.builds(encode.tlv, st.just(0xA0), primitives),
    elements | primitives,
    elements,
    _names | elements,
    st.builds(encode.sequence, primitives, primitives) | elements,
    _names | elements,
    elements,
    _extensions | elements,
    st.sampled_from([b""]) | elements,
)
"""Documents with the outline of a certificate and anything at all inside."""

request_shapes = st.builds(
    _document,
    primitives,
    _names | elements,
    elements,
    st.builds(
        lambda extensions: encode.tlv(
            0xA0,
            encode.sequence(encode.oid(names.EXTENSION_REQUEST), encode.set_of([extensions])),
        ),
        _extensions.map(lambda explicit: explicit[2:] if explicit[1] < 0x80 else b"\x30\x00"),
    )
    | elements,
)
"""Documents with the outline of a CSR and anything at all inside."""
