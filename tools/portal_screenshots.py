"""Makes the pictures of the portal in docs/images: a fresh estate, seen in Chromium.

Run it from the checkout, with the extras [test] installed: python tools/portal_screenshots.py
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from smki_testca.service.access import EstateAccess
from smki_testca.service.in_thread import ServicesInThread
from smki_testca.service.settings import Settings

IMAGES = Path(__file__).parent.parent / "docs" / "images"
SHOTS = {
    "overview": "/",
    "certificates": "/certificates?role=supplier",
    "register": "/register/supplier-one",
    "gate": (
        "/register/ask?profile=device&participant=network-one&purpose=uept&environment=ZAZ1"
        "&device-id=00-DB-12-00-00-00-00-05&hw-type=1.2.3&usage=key-agreement"
    ),
    "submit": "/submit",
}
"""The pages by the names of their pictures."""


def main() -> None:
    """Make them all."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        estate = Path(folder, "estate")
        command = [sys.executable, "-m", "smki_testca", "quickstart", str(estate)]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own command
        passphrase = (estate / "passphrase").read_text("utf-8").strip()
        access = EstateAccess(estate, passphrase)
        with ServicesInThread(access, Settings(port_base=0)) as services, sync_playwright() as made:
            browser = made.chromium.launch(
                executable_path=shutil.which("chromium"),
                args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
            )
            page = browser.new_page(
                base_url=services.url("portal"), viewport={"width": 1100, "height": 760}
            )
            for name, path in SHOTS.items():
                page.goto(path)
                page.screenshot(path=IMAGES / f"portal-{name}.png")
            browser.close()


if __name__ == "__main__":
    main()
