"""Single changes of good documents: each of one element, drawn from a seed and a number."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from smki_testca.corpus.difference import children_of, fields_of, smallest_at
from smki_testca.der.encode import NULL, SEQUENCE, boolean, integer, tlv
from smki_testca.der.read import Node, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from smki_testca.corpus.bases import Base


@dataclass(frozen=True)
class MutableElement:
    """One element of a good document.

    Attributes:
        node: where it is, and its octets.
        above: the elements that hold it, the outermost first.
        field: the smallest field that holds it, such as ``extensions.keyUsage``.
        is_signed: whether the signature covers it.
    """

    node: Node
    above: tuple[Node, ...]
    field: str
    is_signed: bool

    def put(self, new: bytes) -> bytes:
        """The document, or its signed part, with other octets in place of the element.

        The lengths of the elements around it are put right.
        """
        for tag, before, after in self._around:
            new = tlv(tag, before + new + after)
        return new

    @cached_property
    def _around(self) -> list[tuple[int, bytes, bytes]]:
        """The elements that hold it, the innermost first: tags, octets before and after it."""
        around, inside = [], self.node
        for holder in reversed(self.above[1:] if self.is_signed else self.above):
            parts = children_of(holder)
            place = [child.offset for child in parts].index(inside.offset)
            before, after = parts[:place], parts[place + 1 :]
            around.append((holder.tag, _joined(before), _joined(after)))
            inside = holder
        return around


def _joined(nodes: Iterable[Node]) -> bytes:
    return b"".join(node.encoded for node in nodes)


@dataclass(frozen=True)
class Material:
    """A good document with its elements.

    Attributes:
        base: the document.
        der: its octets.
        elements: all of them, those inside extensions' values included.
    """

    base: Base
    der: bytes
    elements: Sequence[MutableElement]

    @classmethod
    def of(cls, base: Base) -> Material:
        """Take a good document apart."""
        der = base.document.der
        root, _ = read(der)
        return cls(base, der, tuple(_elements(root)))


def _elements(root: Node) -> Iterator[MutableElement]:
    signed, fields = root.children[0], fields_of(root.data)
    waiting: list[tuple[Node, tuple[Node, ...]]] = [(root, ())]
    while waiting:
        node, above = waiting.pop()
        yield MutableElement(
            node, above, smallest_at(fields, node.offset), signed in (*above, node)
        )
        waiting.extend((child, (*above, node)) for child in children_of(node))


@dataclass(frozen=True)
class Mutation:
    """One change of one element.

    Attributes:
        material: what is changed.
        element: which element of it.
        operator: the name of what is done, such as ``cut``.
        argument: its octets; what they say depends on the operator.
    """

    material: Material
    element: MutableElement
    operator: str
    argument: bytes

    def der(self) -> bytes:
        """The changed document; signed again if the change is in what the signature covers."""
        changed = self.element.put(OPERATORS[self.operator].apply(self.element.node, self.argument))
        return self.material.base.document.with_tbs(changed) if self.element.is_signed else changed

    def simpler(self) -> Iterator[Mutation]:
        """The same change with smaller arguments, the smallest first."""
        for argument in OPERATORS[self.operator].simpler(self.argument):
            yield replace(self, argument=argument)

    @property
    def may_be_good(self) -> bool:
        """Whether a parser may have to take what comes of it.

        It need not where an element of another type, or one too many, may be in a place.
        """
        return self.operator in _KEEPING_TYPES

    @property
    def title(self) -> str:
        """The change in words, to follow "A Device Certificate"."""
        place = f"in {self.element.field}" if self.element.field else "outside its fields"
        return f"{OPERATORS[self.operator].title} {place}"


@dataclass(frozen=True)
class Operator:
    """One way to change an element.

    Attributes:
        title: what it does, after "A Device Certificate".
        draw: draws an argument for an element; None where the element has nothing to change so.
        apply: the octets in place of the element.
        simpler: smaller arguments, the smallest first.
    """

    title: str
    draw: Callable[[random.Random, MutableElement, Material], bytes | None]
    apply: Callable[[Node, bytes], bytes]
    simpler: Callable[[bytes], Iterator[bytes]]


def mutation(material: Material, seed: int, number: int) -> Mutation:
    """The change of a number: the same for the same document, seed and number."""
    chance = random.Random(f"{material.base.name}:{seed}:{number}")
    names = tuple(OPERATORS)
    while True:
        element = chance.choice(material.elements)
        operator = chance.choice(names)
        argument = OPERATORS[operator].draw(chance, element, material)
        if argument is not None:
            return Mutation(material, element, operator, argument)


# Arguments

_TAGS = bytes.fromhex("010203040506090a0c1213141617181a1b1c1e30318081828384858687a0a1a2a3")
_LENGTHS = tuple(
    map(bytes.fromhex, ("00", "01", "7f", "80", "8100", "8101", "8200ff", "830000ff", "84ffffffff"))
)
_SMALL = (tlv(NULL, b""), boolean(value=False), integer(0), tlv(SEQUENCE, b""))


def _a_tag(chance: random.Random, element: MutableElement, _: Material) -> bytes | None:
    tag = chance.choice(_TAGS)
    return None if tag == element.node.tag else bytes((tag,))


def _a_length(chance: random.Random, element: MutableElement, _: Material) -> bytes | None:
    length = chance.choice((*_LENGTHS, bytes((chance.randrange(256),))))
    node = element.node
    return None if length == node.data[node.offset + 1 : node.start] else length


def _a_bit(chance: random.Random, element: MutableElement, _: Material) -> bytes | None:
    octets = len(element.node.content)
    if not octets or element.node.constructed:
        return None
    return chance.randrange(octets).to_bytes(2) + bytes((1 << chance.randrange(8),))


def _octets(chance: random.Random, element: MutableElement, _: Material) -> bytes | None:
    octets = chance.randbytes(chance.choice((0, 1, 2, 8, 9, 40)))
    return None if octets == element.node.content else octets


def _some(chance: random.Random, _: MutableElement, __: Material) -> bytes:
    return chance.choice((b"\x00", b"\xff", b"\x00\x00", chance.randbytes(chance.choice((1, 4)))))


def _a_count(chance: random.Random, element: MutableElement, _: Material) -> bytes | None:
    octets = len(element.node.content)
    return chance.randint(1, octets).to_bytes(2) if octets else None


def _an_element(chance: random.Random, element: MutableElement, material: Material) -> bytes | None:
    other = chance.choice(material.elements).node.encoded
    encoded = chance.choice((*_SMALL, other))
    return None if encoded == element.node.encoded else encoded


def _nothing(_: random.Random, element: MutableElement, __: Material) -> bytes | None:
    return b"" if element.above else None


def _two_places(chance: random.Random, element: MutableElement, _: Material) -> bytes | None:
    children = children_of(element.node)
    if len(children) < 2:
        return None
    first, second = sorted(chance.sample(range(len(children)), 2))
    same = children[first].encoded == children[second].encoded
    return None if same or second > 255 else bytes((first, second))


# What they do


def _header(node: Node) -> bytes:
    return node.data[node.offset : node.start]


def _with_bit(node: Node, argument: bytes) -> bytes:
    content = bytearray(node.content)
    content[int.from_bytes(argument[:2])] ^= argument[2]
    return _header(node) + bytes(content)


def _exchanged(node: Node, argument: bytes) -> bytes:
    children = [child.encoded for child in children_of(node)]
    first, second = argument
    children[first], children[second] = children[second], children[first]
    return tlv(node.tag, b"".join(children))


# Smaller ones


def _none_smaller(_: bytes) -> Iterator[bytes]:
    yield from ()


def _shorter(argument: bytes) -> Iterator[bytes]:
    """Shorter beginnings, then the same length of zeros."""
    octets = 0
    while octets < len(argument):
        yield argument[:octets]
        octets = octets * 2 or 1
    if any(argument):
        yield bytes(len(argument))


def _fewer(argument: bytes) -> Iterator[bytes]:
    count, fewer = int.from_bytes(argument), 1
    while fewer < count:
        yield fewer.to_bytes(2)
        fewer *= 2


def _small_element(argument: bytes) -> Iterator[bytes]:
    yield from (small for small in _SMALL if len(small) < len(argument))


OPERATORS = {
    "tag": Operator(
        "with another tag", _a_tag, lambda node, tag: tag + node.encoded[1:], _none_smaller
    ),
    "length": Operator(
        "with another length",
        _a_length,
        lambda node, length: bytes((node.tag,)) + length + node.content,
        _none_smaller,
    ),
    "bit": Operator("with a bit turned over", _a_bit, _with_bit, _none_smaller),
    "content": Operator(
        "with other content",
        _octets,
        lambda node, octets: tlv(node.tag, octets),
        _shorter,
    ),
    "append": Operator(
        "with octets at the end",
        _some,
        lambda node, more: tlv(node.tag, node.content + more),
        _shorter,
    ),
    "prepend": Operator(
        "with octets in front",
        _some,
        lambda node, more: tlv(node.tag, more + node.content),
        _shorter,
    ),
    "cut": Operator(
        "with octets cut off",
        _a_count,
        lambda node, count: tlv(node.tag, node.content[: -int.from_bytes(count)]),
        _fewer,
    ),
    "remove": Operator("with an element less", _nothing, lambda _, __: b"", _none_smaller),
    "repeat": Operator(
        "with an element twice",
        _nothing,
        lambda node, _: node.encoded * 2,
        _none_smaller,
    ),
    "insert": Operator(
        "with an element more",
        _an_element,
        lambda node, more: node.encoded + more,
        _small_element,
    ),
    "replace": Operator(
        "with another element", _an_element, lambda _, other: other, _small_element
    ),
    "exchange": Operator("with two elements exchanged", _two_places, _exchanged, _none_smaller),
    "wrap": Operator(
        "with an element wrapped once more",
        _nothing,
        lambda node, _: tlv(SEQUENCE, node.encoded),
        _none_smaller,
    ),
}
"""The ways to change an element, by name. The names and their order are part of what a seed gives:
a new one comes last."""

_KEEPING_TYPES = frozenset({"bit", "content", "append", "prepend", "cut", "remove", "exchange"})
"""Those that put no element of another type anywhere."""
