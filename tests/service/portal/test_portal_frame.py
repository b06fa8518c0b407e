"""What all pages have in common: the frame, the headers, and errors as pages."""

import re
from html.parser import HTMLParser

import pytest

from smki_testca.service.portal.pages import pages

TITLED = [page for page in pages() if page.title]


class _Outline(HTMLParser):
    """The tags of a page with their attributes, and those that were left open."""

    VOID = frozenset({"meta", "link", "input", "br", "line", "rect", "hr", "img"})

    def __init__(self):
        super().__init__()
        self.tags = []
        self.open = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


def _outline(page):
    outline = _Outline()
    outline.feed(page.html)
    assert outline.open == []
    return outline.tags


@pytest.mark.parametrize("page", TITLED, ids=lambda page: page.title)
def test_every_page_stands_in_the_frame(operator, page):
    answer = operator.get(page.path)
    assert answer.status == 200
    tags = _outline(answer)
    assert "TEST ONLY" in answer.text
    assert sum(tag == "h1" for tag, _ in tags) == 1
    (first,) = [at for tag, at in tags if tag == "a" and at.get("class") == "skip"]
    assert first["href"] == "#content"
    assert ("main", {"id": "content", "tabindex": "-1"}) in tags
    current = [at["href"] for tag, at in tags if "aria-current" in at]
    assert current == [page.path]


@pytest.mark.parametrize("page", TITLED, ids=lambda page: page.title)
def test_no_page_has_a_script_or_a_style_of_its_own(operator, page):
    for tag, attributes in _outline(operator.get(page.path)):
        assert tag not in {"script", "style", "iframe", "object", "embed", "base"}
        assert not [name for name in attributes if name == "style" or name.startswith("on")]


@pytest.mark.parametrize("page", TITLED, ids=lambda page: page.title)
def test_every_field_has_a_label_and_every_table_a_caption(operator, page):
    tags = _outline(operator.get(page.path))
    labelled = {at.get("for") for tag, at in tags if tag == "label"}
    for tag, at in tags:
        if tag in {"select", "textarea"} or (tag == "input" and at.get("type") != "hidden"):
            assert at["id"] in labelled or "aria-label" in at
        if tag == "th":
            assert at["scope"] in {"col", "row"}
    count = [tag for tag, _ in tags]
    assert count.count("table") == count.count("caption")
    ids = [at["id"] for _, at in tags if "id" in at]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("path", ["/", "/sign-in", "/nothing", "/certificates/00/export/pem"])
def test_every_answer_has_the_headers_that_protect_it(operator, path):
    headers = operator.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "same-origin"


def test_the_style_sheet_is_our_own_and_kept_by_browsers(operator):
    page = operator.get("/")
    (path,) = re.findall(r'rel="stylesheet" href="([^"]+)"', page.html)
    style = operator.get(path)
    assert (style.status, style.headers.get_content_type()) == (200, "text/css")
    assert "immutable" in style.headers["Cache-Control"]
    assert "color-scheme: light dark" in style.html
    assert "@media print" in style.html
    assert "url(" not in style.html
    assert len(style.body) < 20_000


def test_what_is_not_there_is_a_page_that_leads_on(operator):
    page = operator.get("/nothing")
    assert page.status == 404
    assert "There is no such page" in page.text
    assert "/" in page.links
    _outline(page)


def test_a_wrong_method_is_a_page(operator):
    page = operator.ask("DELETE", "/certificates")
    assert page.status == 405
    assert set(page.headers["Allow"].split(",")) == {"GET", "HEAD"}
    assert "cannot be asked for in this way" in page.text


def test_the_head_of_a_page_can_be_asked_for(operator):
    answer = operator.ask("HEAD", "/certificates")
    assert (answer.status, answer.body) == (200, b"")


def test_a_fault_of_ours_is_a_page_without_a_traceback(portal, operator, monkeypatch):
    def fail(*_arguments, **_options):
        raise RuntimeError("a secret of <ours>")

    monkeypatch.setattr("smki_testca.service.portal.pages.overview._collect", fail)
    page = operator.get("/")
    assert page.status == 500
    assert "The portal failed at this page" in page.text
    assert "secret" not in page.html
    assert "Traceback" not in page.html
    assert "portal: internal error: RuntimeError: a secret of <ours>" in portal.told
    monkeypatch.undo()
    assert operator.get("/").status == 200


def test_the_frame_says_who_looks(operator, one):
    assert "You see this as operator (this machine)." in operator.get("/").text
    assert "You see this as participant supplier-one (account one)." in one.get("/").text


def test_each_cell_of_a_table_has_the_name_of_its_column_for_narrow_screens(operator):
    page = operator.get("/certificates?label=ESME-ds").html
    for name in ("Serial number", "Status", "EUI-64", "Not after"):
        assert page.count(f'data-label="{name}"') == 1
    # It comes from the template alone: what looks like a cell in a text is text.
    page = operator.get("/certificates?label=%3Ctd%3E").html
    assert "data-label" not in page
