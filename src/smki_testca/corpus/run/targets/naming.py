"""Names targets on the command line: ``exec:COMMAND``, ``tcp:HOST:PORT`` and so on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.corpus.run.targets.channels import ProcessChannel, serial, tcp
from smki_testca.corpus.run.targets.conversation import Conversation
from smki_testca.corpus.run.targets.json_lines import JsonDialect
from smki_testca.corpus.run.targets.log import Log
from smki_testca.corpus.run.targets.program import Program
from smki_testca.corpus.run.targets.protocol import TextDialect
from smki_testca.errors import UsageError
from smki_testca.text import shown, use_one_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from smki_testca.corpus.run.targets.target import ParserTarget

WAYS: dict[str, Callable[[str], ParserTarget]] = {
    "exec": Program,
    "lines": lambda it: Conversation(it, lambda _: ProcessChannel(it), TextDialect()),
    "jsonl": lambda it: Conversation(it, lambda _: ProcessChannel(it), JsonDialect()),
    "tcp": lambda it: Conversation(f"tcp:{it}", tcp(it), TextDialect()),
    "serial": lambda it: Conversation(f"serial:{it}", serial(it), TextDialect()),
    "log": Log,
}
"""The ways of asking a target, by the word before the colon."""


def target_of(named: str) -> ParserTarget:
    """The target that a text such as ``exec:./verify {der}`` names.

    Raises:
        UsageError: if it names no way of asking.
        InputError: if what follows cannot be used.
    """
    way, colon, rest = named.partition(":")
    if not colon or way not in WAYS:
        raise UsageError(
            "usage",
            f"{shown(named)} names no target.",
            use_one_of([f"{each}:…" for each in WAYS], given=f"{way}:…"),
        )
    return WAYS[way](rest)
