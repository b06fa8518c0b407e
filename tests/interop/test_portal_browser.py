"""A real browser walks every page: with scripts and without, narrow and wide, by certificate."""

from __future__ import annotations

import shutil
from contextlib import contextmanager

import pytest

import csrs
from smki_testca.estate.certificates import Selection

playwright = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

pytestmark = [pytest.mark.interop, pytest.mark.slow]
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
WIDTHS = (360, 1400)
PAGES = (
    *("/", "/submit", "/certificates", "/batches", "/register", "/register/supplier-one"),
    *("/register/ask", "/register/ask?profile=device", "/lint", "/audit", "/sign-in", "/nowhere"),
    "/register/ask?profile=device&participant=network-one&device-id=zz",
    (
        "/register/ask?profile=device&participant=network-one&purpose=uept&environment=ZAZ1"
        "&device-id=00-DB-12-00-00-00-00-05&hw-type=1.2.3&usage=key-agreement"
    ),
)

_WIDER = """[...document.querySelectorAll('.scroll')]
    .filter(each => each.scrollWidth > each.clientWidth)
    .map(each => each.getAttribute('aria-label'))"""


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with playwright.sync_playwright() as library:
        browser = library.chromium.launch(
            executable_path=CHROMIUM,
            headless=True,
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        )
        yield browser
        browser.close()


@contextmanager
def _page(browser, base, **options):
    context = browser.new_context(base_url=base, ignore_https_errors=True, **options)
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    # The browser itself says of each answer that is no success that it failed.
    assert [fault for fault in faults if "status of 4" not in fault] == []
    context.close()


def _serial(serving):
    with serving.open() as estate:
        (record,) = estate.select(Selection(label="ESME-ds"))
        return str(record.serial)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scripts", [True, False])
def test_every_page_is_shown_whole_and_axe_finds_nothing(browser, serving, width, scripts):
    paths = (*PAGES, f"/certificates/{_serial(serving)}")
    size = {"width": width, "height": 900}
    with _page(
        browser, serving.services["portal"]["url"], viewport=size, java_script_enabled=scripts
    ) as page:
        for path in paths:
            page.goto(path)
            assert page.locator("h1").count() == 1, path
            assert page.locator(".test-only").is_visible(), path
            if scripts:
                inner = page.evaluate("document.documentElement.scrollWidth")
                assert inner <= width, (path, inner)
                # Nor does anybody have to scroll a table or a picture sideways to see all of it.
                assert page.evaluate(_WIDER) == [], path
                found = axe.Axe().run(page)
                assert found.violations_count == 0, (path, found.generate_report())


def test_the_navigation_leads_everywhere_by_keyboard(browser, serving):
    with _page(browser, serving.services["portal"]["url"]) as page:
        page.goto("/")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        titles = page.locator("nav[aria-label=Pages] a").all_inner_texts()
        assert titles == [
            *("Overview", "Submit", "Certificates", "Batches", "Register", "Lint", "Audit"),
        ]
        for title in titles:
            page.locator("nav[aria-label=Pages]").get_by_role("link", name=title).click()
            assert page.locator("[aria-current=page]").inner_text() == title


@pytest.mark.parametrize("scripts", [True, False])
def test_a_csr_is_submitted_and_its_certificate_downloaded(browser, serving, scripts, tmp_path):
    device = bytes.fromhex(f"00DB12000000{int(scripts):02X}99")
    csr = csrs.pem(csrs.device(csrs.new_key(), device_id=device)).decode()
    with _page(browser, serving.services["portal"]["url"], java_script_enabled=scripts) as page:
        page.goto("/submit")
        page.get_by_label("Participant").select_option("meters-one")
        page.get_by_label("Testing Service").select_option("device-and-user-system-tests")
        page.locator("#csr").fill(csr)
        page.get_by_role("button", name="Submit").click()
        assert page.locator("h1").inner_text() == "The certificate is issued"
        page.locator("main a.octets").click()
        with page.expect_download() as download:
            page.locator(".downloads a").first.click()
        download.value.save_as(tmp_path / "certificate")
        assert (tmp_path / "certificate").stat().st_size > 300
        # The same CSR again: the reason, and what to do, are told.
        page.goto("/submit?participant=meters-one&purpose=uept")
        page.locator("#csr").fill("nonsense")
        page.get_by_role("button", name="Submit").click()
        assert page.locator("h1").inner_text() == "The CSR cannot be used"


def test_an_iki_certificate_shows_its_participant_alone(browser, serving):
    adhoc = serving.services["adhoc"]
    base = serving.services["portal"]["https_url"]
    certificates = [
        {
            "origin": base,
            "certPath": adhoc["client_certificate"],
            "keyPath": adhoc["client_key"],
        }
    ]
    with _page(browser, base, client_certificates=certificates) as page:
        page.goto("/")
        assert "participant supplier-one" in page.locator(".viewer").inner_text()
        page.goto("/register")
        assert page.locator("tbody th").all_inner_texts() == ["supplier-one"]
        page.goto("/register/network-one")
        assert page.locator("h1").inner_text() == "The register has no such participant."


def test_a_file_is_linted_with_its_findings_beside_the_fields(browser, serving):
    defect = b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"
    with _page(browser, serving.services["portal"]["url"]) as page:
        page.goto("/lint")
        page.locator("#file").set_input_files(
            {"name": "broken.pem", "mimeType": "text/plain", "buffer": defect}
        )
        page.get_by_role("button", name="Lint").click()
        assert "broken.pem" in page.locator("h1").inner_text()
        assert page.locator(".status-error").count() > 0
