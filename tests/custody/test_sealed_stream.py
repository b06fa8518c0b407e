"""Whatever happens to the chunks of an encrypted stream, it is found."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smki_testca.sealed_stream import (
    TAG_OCTETS,
    OpeningStream,
    SealingStream,
    StreamChangedError,
)

KEY, LABEL, CHUNK = bytes(range(32)), b"a header", 16
SEALED = CHUNK + TAG_OCTETS


def sealed(pieces, key=KEY, label=LABEL):
    file = io.BytesIO()
    stream = SealingStream(file, key, label, CHUNK)
    for piece in pieces:
        stream.write(piece)
    stream.finish()
    return file.getvalue()


def opened(octets, key=KEY, label=LABEL):
    stream = OpeningStream(io.BytesIO(octets), key, label, CHUNK)
    return b"".join(iter(stream.read_chunk, b""))


def chunks(octets):
    return [octets[at : at + SEALED] for at in range(0, len(octets), SEALED)]


CONTENTS = st.binary(min_size=CHUNK + 1, max_size=5 * CHUNK)


@given(st.lists(st.binary(max_size=3 * CHUNK), max_size=6))
def test_what_is_written_in_any_pieces_is_read(pieces):
    assert opened(sealed(pieces)) == b"".join(pieces)


@given(CONTENTS, st.data())
def test_any_octet_that_is_changed_is_found(content, data):
    octets = bytearray(sealed([content]))
    octets[data.draw(st.integers(0, len(octets) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(StreamChangedError):
        opened(bytes(octets))


@given(CONTENTS, st.data())
def test_any_end_that_is_cut_off_or_added_to_is_found(content, data):
    octets = sealed([content])
    cut = octets[: data.draw(st.integers(0, len(octets) - 1))]
    for changed in (cut, octets + data.draw(st.binary(min_size=1, max_size=2 * SEALED))):
        with pytest.raises(StreamChangedError):
            opened(changed)


@given(CONTENTS, st.data())
def test_chunks_that_are_moved_left_out_or_repeated_are_found(content, data):
    parts = chunks(sealed([content]))
    order = data.draw(st.lists(st.sampled_from(range(len(parts))), max_size=len(parts) + 1))
    if order == list(range(len(parts))):
        order.append(0)
    with pytest.raises(StreamChangedError):
        opened(b"".join(parts[place] for place in order))


@given(CONTENTS, CONTENTS, st.data())
def test_a_chunk_of_another_stream_is_found(content, other, data):
    parts = chunks(sealed([content]))
    place = data.draw(st.integers(0, len(parts) - 1))
    of_other = chunks(sealed([other], key=KEY[::-1]) if data.draw(st.booleans())
                      else sealed([other], label=b"another"))  # fmt: skip
    parts[place] = data.draw(st.sampled_from(of_other))
    with pytest.raises(StreamChangedError):
        opened(b"".join(parts))


def test_the_header_that_a_stream_is_bound_to_cannot_be_another():
    with pytest.raises(StreamChangedError):
        opened(sealed([b"content"]), label=b"a headex")
