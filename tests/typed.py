"""Types the commands of a document into a shell, as its reader does.

A document is read from top to bottom. Blocks that are marked ``sh`` are typed, in one session of
bash. A block below a paragraph that says "Write a file `NAME`" is that file. The paragraph above a
block may say that the command there "ends with 3"; every other command ends with 0. A block that is
marked ``text`` is what the block above it prints: serial numbers, dates, fingerprints and columns
may differ, and "…" stands for anything.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = "=== block"


@dataclass(frozen=True)
class Block:
    """A block of a document, and the paragraph above it."""

    language: str
    content: str
    paragraph: str

    @property
    def exit_code(self) -> int:
        """What the command is said to end with."""
        said = re.findall(r"\bends with (\d+)", self.paragraph)
        return int(said[-1]) if said else 0

    @property
    def file(self) -> str | None:
        """The name of the file that the block is said to be."""
        said = re.search(r"\b[Ww]rite a file `([^`]+)`", self.paragraph)
        return said[1] if said and self.language != "sh" else None


def blocks(text: str) -> Iterator[Block]:
    """Every block of a document, in its order."""
    end = 0
    for found in _BLOCK.finditer(text):
        above = text[end : found.start()].strip().split("\n\n")[-1]
        end = found.end()
        yield Block(found[1], found[2], above)


def is_typed(block: Block) -> bool:
    return block.language == "sh"


def _script(document: list[Block], typed: Callable[[Block], bool]) -> str:
    lines = ["set -eo pipefail"]
    for number, block in enumerate(document):
        lines.append(f"echo '{_MARK} {number}'")
        if block.file is not None:
            lines.append(f"cat > {block.file} <<'END OF FILE'\n{block.content}END OF FILE")
        elif block.language != "sh" or not typed(block):
            continue
        elif block.exit_code == 0:
            lines.append(block.content)
        else:
            assert block.content.count("\n") == 1, "which of the commands ends so?"
            lines.append(
                f"code=0\n{block.content.strip()} || code=$?\ntest $code = {block.exit_code}"
            )
    lines.append(f"echo '{_MARK} {len(document)}'")
    return "\n".join(lines)


def type_commands(
    text: str,
    folder: Path,
    *,
    environment: Mapping[str, str] | None = None,
    typed: Callable[[Block], bool] = is_typed,
) -> None:
    """Type the commands of a document in a folder, and compare what they print."""
    document = list(blocks(text))
    done = subprocess.run(
        ["bash", "-c", _script(document, typed)],
        cwd=folder,
        env={**_surroundings(folder), **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    parts = re.split(rf"(?m)^{_MARK} (\d+)\n", done.stdout)[1:]
    printed = {int(number): said for number, said in zip(parts[::2], parts[1::2], strict=True)}
    last = max(printed)
    assert done.returncode == 0, f"{document[last].content}\nprinted\n{printed[last]}"
    for (number, above), below in pairwise(enumerate(document)):
        if below[1].language == "text" and typed(above):
            _compare(printed[number], below[1].content)


def _surroundings(folder: Path) -> dict[str, str]:
    """The environment of a reader who has nothing of ours set, and is at home in the folder.

    Coverage is not measured there: the commands are those of other tests, and take twice as long.
    """
    ours = ("SMKI_", "COV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "HOME": str(folder), "COLUMNS": "200"}


def _compare(printed: str, said: str) -> None:
    lines = [_likened(line) for line in printed.splitlines() if line.strip()]
    pattern = "".join(
        r"(?:.*\n)*"
        if line.strip() == "…"
        else re.escape(_likened(line)).replace("…", ".*") + r"\n"
        for line in said.splitlines()
        if line.strip()
    )
    whole = "".join(f"{line}\n" for line in lines)
    assert re.fullmatch(pattern, whole), f"it says\n{said}\nand there is\n{printed}"


def _pattern(line: str) -> str:
    return r"(?:.*\n)*" if line == "…" else re.escape(line).replace("…", ".*") + r"\n"


def _likened(line: str) -> str:
    """A line with what differs from run to run taken out, and without padding."""
    line = re.sub(r"\b[0-9A-F]{32}\b", "SERIAL", line)
    line = re.sub(r"\b\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}Z)?\b", "DATE", line)
    line = re.sub(r"\b[0-9a-f]{64}\b", "SHA-256", line)
    return re.sub(r"\s+", " ", line).strip()


def install(folder: Path) -> Path:
    """Put a command ``smki-testca`` into a folder, as a package does. Its estates open at once."""
    program = folder / "smki-testca"
    folder.mkdir(parents=True, exist_ok=True)
    program.write_text(
        f"#!{sys.executable}\n"
        "from smki_testca.cli import main\n"
        "from smki_testca.estate import sealing\n"
        "sealing.COST = sealing.Cost(1 << 10, 8, 1)\n"
        "main()\n"
    )
    program.chmod(0o700)
    return program
