"""Templates of labels: text with named placeholders, and nothing else that braces could mean."""

from __future__ import annotations

from dataclasses import dataclass
from string import Formatter
from typing import TYPE_CHECKING, Self

from smki_testca.errors import InputError
from smki_testca.roles import KeyUsage
from smki_testca.text import shown

if TYPE_CHECKING:
    from smki_testca.identifiers import Eui64

USAGES = {KeyUsage.DIGITAL_SIGNATURE: "ds", KeyUsage.KEY_AGREEMENT: "ka"}
"""How a label writes a key usage, as the published ZAZ1 set does."""

ID = "id"
NUMBER = "number"
ROLE = "role"
USAGE = "usage"
ENVIRONMENT = "environment"
TYPE = "type"


@dataclass(frozen=True, slots=True)
class Template:
    """A template that was seen to hold together."""

    text: str
    names: frozenset[str]

    @classmethod
    def parse(cls, text: str, known: tuple[str, ...]) -> Self:
        """Accept text with placeholders of these names only.

        Raises:
            InputError: for another name, a format or conversion, or a brace on its own.
        """
        try:
            parts = list(Formatter().parse(text))
        except ValueError as error:
            raise InputError("kit.label", f"The label {shown(text)} cannot be: {error}.") from error
        names = [name for _, name, _, _ in parts if name is not None]
        plain = all(not form and not conversion for _, _, form, conversion in parts)
        wrong = next((name for name in names if name not in known), None)
        if wrong is not None or not plain:
            what = "has a format or conversion" if wrong is None else f"has {{{wrong}}}"
            raise InputError(
                "kit.label",
                f"The label {shown(text)} {what}.",
                f"Known are {', '.join(f'{{{name}}}' for name in known)}, bare.",
            )
        return cls(text, frozenset(names))

    def fill(  # a placeholder each
        self,
        eui64: Eui64,
        number: int,
        usage: KeyUsage | None,
        environment: str,
        *,
        role: str = "",
        kind: str = "",
    ) -> str:
        """The label of one certificate; the ID in 16 upper-case hexadecimal digits."""
        return self.text.format_map(
            {
                ID: eui64.plain.upper(),
                NUMBER: number,
                ROLE: role,
                USAGE: "" if usage is None else USAGES[usage],
                ENVIRONMENT: environment,
                TYPE: kind,
            }
        )
