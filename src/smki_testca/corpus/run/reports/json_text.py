"""Reports as JSON, for programs and for ``corpus compare``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smki_testca.corpus.run.report import RunReport


def as_json_text(report: RunReport) -> str:
    """The report of a run as a JSON document, in ASCII."""
    return json.dumps(report.as_json(), indent=1) + "\n"
