"""Templates for a tile of a batch: shared values filled in, and every length fixed.

A few spans of fixed width remain, so that one format operation renders a certificate, and
certificates can differ in the spans only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from smki_testca.authority.template import Span, TemplateMismatchError
from smki_testca.der import encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from smki_testca.authority.filling import Values
    from smki_testca.authority.template import Part, Template


@dataclass(frozen=True, slots=True)
class FixedTemplate:
    """A TBSCertificate as constants with spans between them.

    Attributes:
        constants: one more than there are spans; the identifier and length octets of a span's
            element belong to the constant before it.
        spans: the paths of the fields in the spans, in order.
        widths: of the spans, in content octets.
        length: of the TBSCertificate, in octets.
    """

    constants: tuple[bytes, ...]
    spans: tuple[str, ...]
    widths: tuple[int, ...]
    length: int

    @classmethod
    def of(cls, template: Template, shared: Values, sample: Values) -> FixedTemplate:
        """Fill in the shared values, and take the lengths of the others from a sample.

        Args:
            template: of the certificate type.
            shared: the values that every row of the tile has, by path.
            sample: the other values of one row; those of every row have the same lengths.
        """
        elements = {path: template.element(path, {**sample, **shared}) for path in template.varying}
        constants, spans, widths = [b""], [], []
        for part in _fixed(template.parts, frozenset(shared), elements):
            if isinstance(part, bytes):
                constants[-1] += part
                continue
            element = elements[part.path]
            head = 2 if element[1] < 0x80 else 2 + (element[1] & 0x7F)
            constants[-1] += element[:head]
            spans.append(part.path)
            widths.append(len(element) - head)
            constants.append(b"")
        length = sum(map(len, constants)) + sum(widths)
        return cls(tuple(constants), tuple(spans), tuple(widths), length)

    def render(self, contents: Sequence[Sequence[bytes]]) -> Iterator[bytes]:
        """Render a TBSCertificate for each row.

        Args:
            contents: for each span, in order, the content octets of every row.

        Raises:
            TemplateMismatchError: if the length of a content differs from its span's.
        """
        for width, column in zip(self.widths, contents, strict=True):
            if set(map(len, column)) - {width}:
                raise TemplateMismatchError("a value does not fit its span")
        layout = b"%b".join(constant.replace(b"%", b"%%") for constant in self.constants)
        return map(layout.__mod__, zip(*contents, strict=True))


def _fixed(
    parts: Iterable[Part], shared: frozenset[str], elements: dict[str, bytes]
) -> Iterator[bytes | Span]:
    for part in parts:
        if isinstance(part, bytes):
            yield part
        elif isinstance(part, Span):
            yield elements[part.path] if part.path in shared else part
        else:
            inner = list(_fixed(part.parts, shared, elements))
            length = sum(
                len(piece) if isinstance(piece, bytes) else len(elements[piece.path])
                for piece in inner
            )
            yield encode.header(part.tag, length)
            yield from inner
