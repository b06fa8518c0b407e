"""Makes the pictures of the portal in docs/images: a fresh estate, seen in Chromium.

Run it from the checkout, with the extras [test] installed: python tools/portal_screenshots.py
"""

from __future__ import annotations

import base64
import io
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from playwright.sync_api import FilePayload, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.serving import FIRST_ID, device_csrs

from smki_testca.service.estate_access import EstateAccess
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
    "batches": "/batches/1",
    "audit": "/audit",
}
"""The pages by the names of their pictures."""


def _csrs() -> bytes:
    """A ZIP of CSRs in the Portal's form; one of them is broken."""
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w") as archive:
        for number, csr in enumerate(device_csrs(FIRST_ID, 4), 1):
            broken = csr[:-8] + b"AAAAAAA=" if number == 3 else csr
            archive.writestr(f"{number} meter-{number}.csr", broken)
    return octets.getvalue()


def _submit(page: Page) -> None:
    """Submit a batch, and wait until it is complete."""
    page.goto("/submit")
    page.get_by_label("Participant").select_option("meters-one")
    page.get_by_label("Testing Service").select_option("device-and-user-system-tests")
    zipped: FilePayload = {"name": "meters.zip", "mimeType": "application/zip", "buffer": _csrs()}
    page.locator("#file").set_input_files(zipped)
    page.get_by_role("button", name="Submit").click()
    until = time.monotonic() + 60
    while "COMPLETED" not in page.locator("main").inner_text().upper():
        if time.monotonic() > until:
            raise SystemExit("the batch is not completed")
        time.sleep(0.5)
        page.goto("/batches/1")


def _lint(page: Page) -> None:
    """Lint a CSR whose signature is broken."""
    (csr,) = device_csrs(FIRST_ID, 1)
    page.goto("/lint")
    octets = base64.b64decode(csr)
    page.locator("#file").set_input_files(
        {"name": "meter.csr", "mimeType": "application/pkcs10", "buffer": octets[:-1] + b"\0"}
    )
    page.get_by_role("button", name="Lint").click()


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
            _submit(page)
            for name, path in SHOTS.items():
                page.goto(path)
                page.screenshot(path=IMAGES / f"portal-{name}.png")
            _lint(page)
            page.screenshot(path=IMAGES / "portal-lint.png")
            browser.close()


if __name__ == "__main__":
    main()
