"""Writes where each rule and paragraph is enforced, as Markdown.

It is kept in the repository: ``python tools/traceability_reference.py > docs/traceability.md``.
"""

from __future__ import annotations

import re
import sys
from itertools import groupby
from typing import TYPE_CHECKING

from smki_testca.traceability.requirement import requirements

if TYPE_CHECKING:
    from collections.abc import Iterable

    from smki_testca.traceability.requirement import Requirement

_HEAD = """\
# Where each rule is enforced

For auditors and reviewers, and for those who change a rule. You can see, for each paragraph of \
chapters 3, 4 and 5 of the Government's response of January 2015 and for each rule R1 to R24 that \
restates them, which module or data enforces it, which test shows it, and which refusal, error or \
finding tells of a breach.

```sh
smki-testca trace
smki-testca trace R12
smki-testca trace 33 T6.4-1
smki-testca trace id.not_allocated --json
```

`trace` takes rules, paragraphs with or without `¶`, the statements that have no number, and \
codes: who met a refusal finds the paragraph behind it. [refusals.md](refusals.md), \
[errors.md](errors.md) and [findings.md](findings.md) say what a code means and what to do. \
[json.md](json.md#trace) has the keys of `--json`.

- A statement without a number has a name: `3-issue-1` is the first of *Summary of Issue* in \
chapter 3, `Q29` a question of the consultation, `T6.4-1` the first line of that table of changes.
- Summaries are in our own words. The rule beside a paragraph restates what of it concerns a \
test CA.
- A summary in parentheses names what of a paragraph is no matter of a program.
- *Nothing to enforce* gives the reason why a test CA has nothing to do.
- No code means that nothing is refused: the test shows what is done instead.

A test compares this page with the list that `trace` reads, and the list with the source, both \
ways: each test that is named here is marked with the ids that it shows, and no other is; one of \
the tests of a requirement says each of its codes; each refusal and each error that cites a rule \
is listed under it. The page is generated: \
`python tools/traceability_reference.py > docs/traceability.md`.
"""


def manual() -> str:
    """Return every requirement as Markdown, a section and a table for each chapter."""
    parts = [_HEAD]
    for chapter, group in groupby(requirements(), key=lambda one: one.chapter):
        parts.append(f"## {chapter}\n\n{_table(group)}")
    return "\n".join(parts)


def _table(group: Iterable[Requirement]) -> str:
    lines = ["| id | what it asks | rules | enforced in | shown by | told by |"]
    lines.append("|---|---|---|---|---|---|")
    for one in group:
        if one.is_enforced:
            tests = "<br>".join(_of_file(one.tests))
            told = [*map(_code, one.codes), *(f"a warning: {_cell(w)}" for w in one.warnings)]
            cells = (
                "<br>".join(map(_place, one.enforced_in)),
                tests,
                "<br>".join(told) or "no code",
            )
        else:
            cells = (f"nothing to enforce: {_cell(one.nothing_to_enforce)}", "", "")
        basis = "" if one.basis == "specified" else f" ({one.basis})"
        row = (one.id, f"{_cell(one.summary)}{basis}", ", ".join(one.rules), *cells)
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines) + "\n"


def _of_file(tests: Iterable[str]) -> Iterable[str]:
    """The names of tests, those of one file after its path."""
    for file, group in groupby(sorted(tests), key=lambda test: test.partition("::")[0]):
        yield f"`{file}`"
        for test in group:
            yield f"`{test.partition('::')[2]}`"


def _place(place: str) -> str:
    """A module or data file, the module without the package's name."""
    return _code(place.removeprefix("smki_testca."))


def _code(text: str) -> str:
    return f"`{text}`"


def _cell(text: str) -> str:
    return re.sub(r"[\\|*<\[\]]", r"\\\g<0>", text)


if __name__ == "__main__":
    sys.stdout.write(manual())
