"""A real browser walks every page: with scripts and without, narrow and wide, by certificate."""

from __future__ import annotations

import shutil
from contextlib import contextmanager

import pytest

import csrs
import submissions
from smki_testca.estate.batch_requests import BatchState
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


@pytest.fixture(scope="module")
def paths(serving):
    """The addresses to walk: also of a batch, of entries, and of certificates with and without CSR.

    All but those of ``PAGES`` are supplier-one's.
    """
    surplus = csrs.extension("551d0e", csrs.tlv(0x04, bytes(20)), critical=False)
    usage = csrs.extension(csrs.KEY_USAGE, csrs.DIGITAL_SIGNATURE)
    csr = csrs.raw(csrs.new_key(), csrs.organisation_subject(), (surplus, usage))
    members = {"1 good.csr": submissions.device_csr(0xB0), "2 bad.csr": "AAAA"}
    with serving.open() as estate:
        signed, _ = estate.sign(csr, "supplier-one", "uept", taken_as="test-ca")
        (plain,) = estate.select(Selection(label="Z1-supplier-ds"))
        number = submissions.submit_zip(estate, "night.zip", submissions.zipped(members))
        waiting = submissions.submit_zip(estate, "next.zip", submissions.zipped(members))
        processing = submissions.processing(estate)
        while estate.batch_requests.get(number).state is not BatchState.COMPLETED:
            processing.work()
        own = (
            *(f"/batches/{each}" for each in (number, waiting)),
            *(f"/certificates/{each.serial}" for each in (signed, plain)),
            *(f"/audit/{each.audit}" for each in (signed, plain)),
        )
    return (*PAGES, *own)


def _look(page, path, width=None):
    """Look at what is shown: of a width, it must not be wider, and axe must find nothing."""
    assert page.locator("h1").count() == 1, path
    assert page.locator(".test-only").is_visible(), path
    if width is not None:
        inner = page.evaluate("document.documentElement.scrollWidth")
        assert inner <= width, (path, inner)
        # Nor does anybody have to scroll a table or a picture sideways to see all of it.
        assert page.evaluate(_WIDER) == [], path
        found = axe.Axe().run(page)
        assert found.violations_count == 0, (path, found.generate_report())


@pytest.mark.parametrize(("width", "scripts"), [*((each, True) for each in WIDTHS), (1400, False)])
def test_every_page_is_shown_whole_and_axe_finds_nothing(browser, serving, paths, width, scripts):
    size = {"width": width, "height": 900}
    with _page(
        browser, serving.services["portal"]["url"], viewport=size, java_script_enabled=scripts
    ) as page:
        for path in paths:
            page.goto(path)
            _look(page, path, width if scripts else None)


@pytest.mark.parametrize("width", WIDTHS)
def test_so_it_is_with_what_is_answered_to_a_form(browser, serving, width):
    device = bytes.fromhex(f"00DB1200000{width:04d}9")
    good = csrs.device(csrs.new_key(), device_id=device)
    zipped = submissions.zipped({"1 a.csr": submissions.device_csr(width)})
    broken = b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"
    with _page(
        browser,
        serving.services["portal"]["url"],
        viewport={"width": width, "height": 900},
    ) as page:
        for pasted, file, title in (
            (csrs.pem(good).decode(), None, "The certificate is issued"),
            ("nonsense", None, "The CSR cannot be used"),
            ("", None, "Submit"),
            ("", ("night.zip", zipped), None),
        ):
            page.goto("/submit")
            page.get_by_label("Participant").select_option("meters-one")
            page.get_by_label("Testing Service").select_option("device-and-user-system-tests")
            page.locator("#csr").fill(pasted)
            if file is not None:
                _choose(page, *file)
            page.get_by_role("button", name="Submit").click()
            if title is not None:
                assert title in page.locator("h1").inner_text()
            _look(page, f"/submit, {title}", width)
        for name, octets in (
            ("broken.pem", broken),
            ("csr.pem", csrs.pem(good)),
            ("text.txt", b"nothing"),
        ):
            page.goto("/lint")
            _choose(page, name, octets)
            page.get_by_role("button", name="Lint").click()
            _look(page, f"/lint, {name}", width)


def _choose(page, name, octets):
    page.locator("#file").set_input_files(
        {"name": name, "mimeType": "application/octet-stream", "buffer": octets}
    )


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


def _with_certificate(serving):
    """The base of addresses over HTTPS, and how the browser presents supplier-one's certificate."""
    adhoc, base = serving.services["adhoc"], serving.services["portal"]["https_url"]
    own = {"certPath": adhoc["client_certificate"], "keyPath": adhoc["client_key"]}
    return base, [{"origin": base, **own}]


@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_is_shown_whole_to_a_client_certificate(browser, serving, paths, width):
    base, certificates = _with_certificate(serving)
    size = {"width": width, "height": 900}
    with _page(browser, base, viewport=size, client_certificates=certificates) as page:
        for path in paths:
            answer = page.goto(path)
            assert answer.ok or path in PAGES, path
            if path == "/":
                assert "participant supplier-one" in page.locator(".viewer").inner_text()
            _look(page, path, width)


def test_an_iki_certificate_shows_its_participant_alone(browser, serving):
    base, certificates = _with_certificate(serving)
    with _page(browser, base, client_certificates=certificates) as page:
        page.goto("/register")
        assert page.locator("tbody th").all_inner_texts() == ["supplier-one"]
        page.goto("/register/network-one")
        assert page.locator("h1").inner_text() == "The register has no such participant."


def test_a_file_is_linted_with_its_findings_beside_the_fields(browser, serving):
    defect = b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"
    with _page(browser, serving.services["portal"]["url"]) as page:
        page.goto("/lint")
        _choose(page, "broken.pem", defect)
        page.get_by_role("button", name="Lint").click()
        assert "broken.pem" in page.locator("h1").inner_text()
        assert page.locator(".status-error").count() > 0
