"""An operator's experimental environment, in which profiles may weaken specified rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.shipped import shipped

if TYPE_CHECKING:
    from pathlib import Path

ENVIRONMENT = '[[environment]]\nname = "ZAZ1"\n'
EXPERIMENTAL = ENVIRONMENT + "experimental = true\n"


def allow_weaker(directory: Path) -> None:
    """Write an ``environments.toml`` in which ZAZ1 is experimental."""
    text = (shipped("profiles") / "environments.toml").read_text("utf-8")
    assert ENVIRONMENT in text
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "environments.toml").write_text(text.replace(ENVIRONMENT, EXPERIMENTAL), "utf-8")
