"""Templates of labels: text with named placeholders, without formats or conversions."""

from __future__ import annotations

from dataclasses import dataclass
from string import Formatter
from typing import TYPE_CHECKING, Self

from smki_testca.errors import InputError
from smki_testca.roles import KeyUsage
from smki_testca.text import shown, use_one_of

if TYPE_CHECKING:
    from smki_testca.identifiers import Eui64

USAGES = {KeyUsage.DIGITAL_SIGNATURE: "ds", KeyUsage.KEY_AGREEMENT: "ka"}
"""The short name of each key usage in a label, as in the published ZAZ1 set."""

ID = "id"
NUMBER = "number"
ROLE = "role"
USAGE = "usage"
ENVIRONMENT = "environment"
TYPE = "type"


@dataclass(frozen=True, slots=True)
class KitLabelTemplate:
    """A template whose placeholders have been checked."""

    text: str
    names: frozenset[str]

    @classmethod
    def parse(cls, text: str, known: tuple[str, ...]) -> Self:
        """Parse text with placeholders of these names only.

        Raises:
            InputError: if there is another name, a format or conversion, or a single brace.
        """
        try:
            parts = list(Formatter().parse(text))
        except ValueError as error:
            raise InputError("kit.label", f"The label {shown(text)} cannot be: {error}.") from error
        names = [name for _, name, _, _ in parts if name is not None]
        plain = all(not form and not conversion for _, _, form, conversion in parts)
        wrong = next((name for name in names if name not in known), None)
        if wrong is not None or not plain:
            mistake = "has a format or conversion" if wrong is None else f"has {{{wrong}}}"
            raise InputError(
                "kit.label",
                f"The label {shown(text)} {mistake}.",
                use_one_of((f"{{{name}}}" for name in known), "placeholder"),
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
        """Return the label of one certificate, with the ID in 16 upper-case hexadecimal digits."""
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
