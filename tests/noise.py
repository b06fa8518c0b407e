"""Damages octets at random, in seeded ways: each mutant has a number and is made again by it.

A kind of damage takes the octets, the chance and the other documents, and gives other octets.
"""

from __future__ import annotations

import random

from nodes import nodes_of, replaced
from smki_testca.der import encode


def mutant(seeds, number):
    """The mutant of a number: the same for the same seeds and number."""
    chance = random.Random(number)
    data = chance.choice(seeds)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        data = chance.choice(_MUTATIONS)(data, chance, seeds)
    return data


def flip_bits(data, chance, seeds):
    """Turn over one to eight bits."""
    del seeds
    changed = bytearray(data)
    for _ in range(chance.randint(1, 8) if changed else 0):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def cut(data, chance, seeds):
    """Lose the end, or the beginning."""
    del seeds
    at = chance.randint(0, len(data))
    return data[at:] if chance.random() < 0.2 else data[:at]


def insert_noise(data, chance, seeds):
    """Put random octets in somewhere."""
    del seeds
    at = chance.randint(0, len(data))
    return data[:at] + chance.randbytes(chance.choice((1, 2, 8, 300))) + data[at:]


def splice(data, chance, seeds):
    """Go on with another document."""
    other = chance.choice(seeds)
    return data[: chance.randint(0, len(data))] + other[chance.randint(0, len(other)) :]


def lie_about_length(data, chance, seeds):
    """Give an element another length than it has."""
    del seeds
    nodes = nodes_of(data)
    if not nodes:
        return data
    at = chance.choice(nodes).offset + 1
    lie = chance.choice(
        [
            bytes((chance.randrange(256),)),
            b"\x80",
            b"\x84\xff\xff\xff\xff",
            b"\x88" + b"\xff" * 8,
            b"\xff",
            b"\x81\x05",
            b"\x82\x00\x05",
        ]
    )
    return data[:at] + lie + data[at + 1 :]


def change_tag(data, chance, seeds):
    """Make an element another type, its content as it was."""
    del seeds
    nodes = nodes_of(data)
    if not nodes:
        return data
    at = chance.choice(nodes).offset
    tags = (0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0C, 0x13, 0x16, 0x17, 0x18, 0x1E, 0x1F, 0x24)
    tag = chance.choice((*tags, 0x30, 0x31, 0x80, 0xA0, 0xA3))
    return data[:at] + bytes((tag,)) + data[at + 1 :]


def rebuild(data, chance, seeds):
    """Repeat, drop, exchange, nest, empty or refill an element, every length put right."""
    del seeds
    nodes = nodes_of(data)
    if not nodes:
        return data
    target = chance.choice(nodes)
    element = target.encoded
    if target.children and chance.random() < 0.3:
        children = [child.encoded for child in target.children]
        chance.shuffle(children)
        new = encode.tlv(target.tag, b"".join(children))
    else:
        new = chance.choice(
            [
                b"",
                element * chance.choice((2, 3, 40)),
                bytes((target.tag, 0)),
                _nested(element, chance.choice((1, 5, 40, 500))),
                encode.tlv(target.tag, chance.randbytes(chance.choice((1, 8, 200, 5000)))),
                encode.tlv(target.tag, b"\x00" + target.content),
                encode.tlv(target.tag, target.content + chance.choice(_NASTY)),
            ]
        )
    return replaced(nodes[0], target, new)


_NASTY = [text.encode() for text in ("\x1b[31m", "\r\n", "\x00", "\u202e", "\uffff", "[/]", "<&>")]
_MUTATIONS = (
    flip_bits,
    flip_bits,
    cut,
    insert_noise,
    splice,
    lie_about_length,
    change_tag,
    rebuild,
    rebuild,
    rebuild,
)


def _nested(element, depth):
    for _ in range(depth):
        element = encode.tlv(encode.SEQUENCE, element)
    return element
