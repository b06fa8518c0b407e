"""Files of ten megabytes without a document, and certificates that are crowded with faults."""

from __future__ import annotations

from smki_testca.der import encode

MIB = 1 << 20
HUGE = {
    "noise": bytes(range(256)) * (40 << 10),
    "zeros": bytes(10 * MIB),
    "one long element": b"0\x84\x00\x9f\xff\xfa" + bytes(10 * MIB),
    "indefinite lengths": b"0\x80" * (5 * MIB),
    "base64": b"MIIB" * (5 * MIB // 2),
    "base64 that goes wrong at the end": b"A" * 16 + b" " * 10 * MIB + b"!",
    "base64 that goes wrong at the beginning": b" " * 10 * MIB + b"A!",
    "a PEM block without an end": b"-----BEGIN CERTIFICATE-----" + b"A" * 10 * MIB,
    "PEM beginnings of many labels": b"".join(
        b"-----BEGIN A%d-----" % number for number in range(MIB // 2)
    ),
    "dashes": b"-----BEGIN " + b"-" * 10 * MIB,
    "nested JSON": b'{"a":' * (2 * MIB),
    "JSON of one string": b'{"' + b"a" * 10 * MIB + b'"}',
}
"""Files of ten megabytes that hold no document."""


def extension(oid, value):
    """An extension that is not critical."""
    return encode.sequence(encode.oid(oid), encode.octet_string(value))


CROWDED = {
    "extensions of one kind": {"extensions": [extension("2.5.29.15", b"\x03\x02\x07\x80")] * 4000},
    "extensions of all kinds": {
        "extensions": [extension(f"1.2.3.{number}", b"\x01\x01\x01") for number in range(3000)]
    },
    "bad integers in wrapped elements": {
        "extensions": [
            extension(f"1.2.3.{number}", encode.sequence(b"\x02\x02\x00\x01" * 10_000))
            for number in range(20)
        ]
    },
    "attributes": {
        "subject": [
            encode.tlv(0x31, encode.sequence(encode.oid(f"1.2.3.{number}"), b"\x0c\x01\xff"))
            for number in range(4000)
        ]
    },
}
"""Subjects and extensions of so many parts that each could be a finding."""
