"""Reports as one HTML page, which loads nothing from elsewhere: of one run, or of several."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from smki_testca.corpus.run.outcomes import CaseOutcome
from smki_testca.corpus.run.reports.matrix import HEADING, IMPORTANCES, REMARK, cell, stages

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from smki_testca.corpus.defect import Importance, Stage
    from smki_testca.corpus.run.report import CaseResult, RunReport

_STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem }
table { border-collapse: collapse } th, td { padding: .3rem .6rem; text-align: left;
  border: 1px solid #8886; vertical-align: top }
h1, p, dd, .case, .answer { overflow-wrap: anywhere }
.wide { overflow: auto; max-height: 90vh; max-width: max-content }
.wide thead { position: sticky; top: 0; z-index: 2 } thead th { background: #e9e9e9 }
td.case { min-width: 15rem; max-width: 24rem } td.answer { min-width: 12rem; max-width: 20rem }
td.number { text-align: right; white-space: nowrap } code { font-size: .9em }
small { display: block; opacity: .8 } dt { font-weight: 600 } dd { margin: 0 0 .4rem 1.5rem }
.bad { background: #ffd9d6 } .warn { background: #fff1cc } .good { background: #e3f4e1 }
.quiet { background: #8881 } tr[hidden] { display: none }
input, select { font: inherit; padding: .2rem .4rem; margin: 0 .6rem .8rem 0; max-width: 100% }
@media (min-width: 48rem) {
  .stub { position: sticky; left: 0; z-index: 1; background: Canvas }
  thead .stub { background: #e9e9e9 }
}
@media (max-width: 48rem) {
  body { margin: 1rem }
  #cases, #cases tbody { display: block } #cases thead { display: none }
  #cases tr:not([hidden]) { display: block; margin-bottom: 1rem; border: 1px solid #8886 }
  #cases td { display: block; min-width: 0; max-width: none; border: 0 }
  #cases td[data-of]::before { content: attr(data-of) ": "; opacity: .8 }
  #cases-box { max-height: none; max-width: none }
}
@media (prefers-color-scheme: dark) {
  thead th, thead .stub { background: #2d2d2d }
  .bad { background: #6b1f1a } .warn { background: #574405 } .good { background: #1d4a22 }
}
"""
_SCRIPT = """
const words = document.getElementById("words"), which = document.getElementById("which");
function show() {
  for (const row of document.querySelectorAll("#cases tbody tr")) {
    const fits = row.textContent.toLowerCase().includes(words.value.toLowerCase());
    row.hidden = !fits || !(which.value === "all" || row.dataset.marks.includes(which.value));
  }
}
words.oninput = which.onchange = show; show();
"""
_CLASSES = {
    CaseOutcome.RIGHT: "good",
    CaseOutcome.EITHER: "quiet",
    CaseOutcome.RIGHT_LATE: "warn",
    CaseOutcome.RIGHT_WRONG_REASON: "warn",
    CaseOutcome.WRONG: "bad",
    CaseOutcome.WRONG_FACTS: "bad",
    CaseOutcome.KNOWN: "warn",
    CaseOutcome.VACUOUS: "quiet",
    CaseOutcome.NOT_APPLICABLE: "quiet",
}

_MEANINGS = {
    CaseOutcome.RIGHT: "The target did what the case demands.",
    CaseOutcome.EITHER: "No rule that was read demands the one or the other.",
    CaseOutcome.RIGHT_LATE: "It refused, at a later stage than it should have.",
    CaseOutcome.RIGHT_WRONG_REASON: "It refused, at a stage before the defect.",
    CaseOutcome.WRONG: "It accepted what it must refuse, refused what it must accept, could not"
    " judge, crashed or hung.",
    CaseOutcome.WRONG_FACTS: "It rightly accepted, and read something else than is there.",
    CaseOutcome.KNOWN: "It is wrong, and the expectations say so, with a reason.",
    CaseOutcome.VACUOUS: "Not asked: it refuses the good base, so a refusal would prove nothing.",
    CaseOutcome.NOT_APPLICABLE: "Not asked: it lacks a capability, or has no answer in its log.",
}

_COLOURS = (
    '<span class="bad">Red</span>: some are wrong that the expectations do not have. <span'
    ' class="warn">Yellow</span>: the expectations have all that are wrong. <span class="good">'
    "Green</span>: none is wrong."
)


def as_html(reports: Sequence[RunReport], subject: str = "corpus run") -> str:
    """The reports of runs as one page: side by side where there are several.

    Args:
        reports: at least one.
        subject: they are together.
    """
    *names, last = (report.title for report in reports)
    title = f"{', '.join(names)} and {last}" if names else last
    title = f"{title}: {subject}"
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        *_summaries(reports),
        *_legend(),
        *_matrix(reports),
        *_differences(reports),
        *_cases(reports),
        f"<script>{_SCRIPT}</script></body></html>",
    ]
    return "\n".join(parts) + "\n"


def _summaries(reports: Sequence[RunReport]) -> Iterator[str]:
    yield '<h2>Outcomes</h2><div class="wide"><table><thead><tr><th class="stub">target</th>'
    yield "<th>run</th><th>level</th>"
    yield from (f"<th>{outcome.value}</th>" for outcome in CaseOutcome)
    yield "</tr></thead><tbody>"
    for report in reports:
        can = ", ".join(report.capabilities) or "nothing besides"
        yield f'<tr><td class="case stub">{escape(report.title)}'
        yield f"<small><code>{escape(report.target)}</code></small>"
        passed = ("bad", "fails") if report.failed else ("good", "passes")
        yield f'<small>can: {escape(can)}</small></td><td class="{passed[0]}">{passed[1]}</td>'
        yield f"<td>{report.level}</td>"
        yield from (f'<td class="number">{count}</td>' for count in report.summary().values())
        yield "</tr>"
    yield "</tbody></table></div>"


def _legend() -> Iterator[str]:
    yield "<details><summary>What the outcomes mean</summary><dl>"
    yield from (f"<dt>{outcome}</dt><dd>{says}</dd>" for outcome, says in _MEANINGS.items())
    yield "</dl></details>"


def _matrix(reports: Sequence[RunReport]) -> Iterator[str]:
    yield f'<h2>{HEADING.capitalize()}</h2><div class="wide"><table><thead><tr>'
    yield '<th class="stub" rowspan=2>stage</th>'
    for report in reports:
        yield f"<th colspan={len(IMPORTANCES) + 1}>{escape(report.title)}</th>"
    yield "</tr><tr>"
    for _ in reports:
        yield from (f"<th>{importance}</th>" for importance in (*IMPORTANCES, "all"))
    yield "</tr></thead><tbody>"
    for stage in (*stages(reports), None):
        yield f'<tr><th class="stub">{stage or "all"}</th>'
        for report in reports:
            yield from (_cell(report, stage, importance) for importance in (*IMPORTANCES, None))
        yield "</tr>"
    yield "</tbody></table></div>"
    yield f"<p>{_COLOURS}</p><p>{REMARK}</p>"


def _cell(report: RunReport, stage: Stage | None, importance: Importance | None) -> str:
    counted = cell(report, stage, importance)
    kind = "quiet"
    if counted.asked:
        kind = "bad" if counted.unknown else "warn" if counted.wrong else "good"
    return f'<td class="number {kind}">{counted}</td>'


def _differences(reports: Sequence[RunReport]) -> Iterator[str]:
    for report in reports:
        if not report.differences:
            continue
        yield f"<h2>{escape(report.title)}: since the last run</h2>"
        yield '<div class="wide"><table><thead><tr><th>case</th><th>then</th><th>now</th></tr>'
        yield "</thead><tbody>"
        for difference in report.differences:
            yield f"<tr><td><code>{escape(difference.id)}</code></td>"
            yield from (
                f'<td class="{"quiet" if outcome is None else _CLASSES[outcome]}">'
                f"{'absent' if outcome is None else outcome.value}</td>"
                for outcome in (difference.before, difference.after)
            )
            yield "</tr>"
        yield "</tbody></table></div>"


def _cases(reports: Sequence[RunReport]) -> Iterator[str]:
    by_target = [{result.id: result for result in report.cases} for report in reports]
    every = {result.id: result for report in reports for result in report.cases}
    yield "<h2>Cases</h2>"
    yield '<input id="words" type="search" placeholder="words" aria-label="words">'
    yield '<select id="which" aria-label="which"><option value="all">all cases</option>'
    yield '<option value="wrong">wrong, known or late</option>'
    if len(reports) > 1:
        yield '<option value="differs">answered in different ways</option>'
    yield '</select><div class="wide" id="cases-box"><table id="cases"><thead><tr>'
    yield '<th class="stub">case</th>'
    yield "<th>stage</th><th>importance</th><th>expected</th>"
    yield from (f"<th>{escape(report.title)}</th>" for report in reports)
    yield "</tr></thead><tbody>"
    for result in every.values():
        results = [results.get(result.id) for results in by_target]
        yield f'<tr data-marks="{_marks(results)}"><td class="case stub">'
        yield f"<code>{escape(result.id)}</code><small>{escape(result.title)}</small>"
        yield f'{_why(result)}</td><td data-of="stage">{result.stage}</td>'
        yield f'<td data-of="importance">{result.importance}</td>'
        yield f'<td data-of="expected">{result.demand}</td>'
        yield from map(_answer, reports, results)
        yield "</tr>"
    yield "</tbody></table></div>"


def _why(result: CaseResult) -> str:
    """The reason for which a case matters; reports of earlier versions have none."""
    if not result.why:
        return ""
    return f"<details><summary>why</summary>{escape(result.why)}</details>"


def _marks(results: Sequence[CaseResult | None]) -> str:
    """By what a row is shown."""
    present = [result for result in results if result is not None]
    is_remarkable = any(_CLASSES[result.outcome] in {"bad", "warn"} for result in present)
    differs = len({result.seen for result in present if result.seen is not None}) > 1
    return f"{'wrong ' * is_remarkable}{'differs' * differs}".strip()


def _answer(report: RunReport, result: CaseResult | None) -> str:
    of = f'data-of="{escape(report.title)}"'
    if result is None:
        return f'<td class="answer quiet" {of}>absent</td>'
    kind = "bad" if result.stale else _CLASSES[result.outcome]
    known = f"<small>known: {escape(result.known)}</small>" if result.known else ""
    content = f"{result.outcome}<small>{escape(result.words)}</small>{known}"
    return f'<td class="answer {kind}" {of}>{content}</td>'
