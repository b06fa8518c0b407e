"""A real browser shows the first page of the repository, and downloads from it."""

from __future__ import annotations

import shutil

import pytest

from smki_testca.profiles.model import Hierarchy, Tier

playwright = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.interop,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as library:
        browser = library.chromium.launch(
            executable_path=CHROMIUM,
            headless=True,
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        )
        yield browser
        browser.close()


@pytest.fixture
def url(serving):
    """The address of a repository with lists to download."""
    with serving.open() as estate:
        for _ in range(2):
            estate.issue_revocation_list(Hierarchy.ORGANISATION, Tier.ISSUING)
    return serving.services["repository"]["url"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1400])
def test_the_first_page_fits_the_screen_and_axe_finds_nothing(browser, url, width, scheme):
    size = {"width": width, "height": 900}
    context = browser.new_context(viewport=size, color_scheme=scheme)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(url)
    page.locator("summary").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = axe.Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    # The browser asks every server for an icon.
    assert [line for line in said if "404" not in line] == []
    context.close()


def test_a_revocation_list_is_downloaded_from_its_link_without_scripts(browser, serving, url):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(url)
    with page.expect_download() as downloaded:
        page.get_by_role("link", name="latest.crl of Z1").click()
    with serving.open() as estate:
        (newest,) = [
            one
            for one in estate.revocation_lists()
            if (one.hierarchy, one.tier) == (Hierarchy.ORGANISATION, Tier.ISSUING)
        ]
    assert downloaded.value.path().read_bytes() == newest.der
    context.close()
