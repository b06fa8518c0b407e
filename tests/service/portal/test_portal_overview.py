"""The overview: the tree of CAs, the counts, what expires and what is due."""

import re
import shutil
from collections import Counter
from datetime import UTC, datetime

import pytest

from estates import opened
from smki_testca.api import Estate
from smki_testca.authority.revocation import Reason
from smki_testca.estate.certificates import Selection
from smki_testca.service.portal.timeline import HEIGHT, WIDTH, Timeline, spans_from
from visitors import visitor_of

NOW = datetime(2026, 11, 28, 21, 0, tzinfo=UTC)


def test_the_tree_has_every_ca_below_the_one_that_issued_it(portal, operator):
    page = operator.get("/")
    with portal.open() as estate:
        authorities = estate.certificates.authorities()
    for record in authorities:
        assert f"/certificates/{record.serial}" in page.links
    (root,) = [each for each in authorities if each.label == "DZ"]
    # The issuing CA is in the list inside the root's entry, and its certificates inside its own.
    entry = page.html.split(f"/certificates/{root.serial}")[1]
    nested = r">DZ</a>.*?<ul>.*?>DZ1</a>.*?<ul>.*?Device Certificate: \d+"
    assert re.search(nested, entry, re.DOTALL)


def test_the_counts_are_those_of_the_estate(portal, operator):
    with portal.open() as estate:
        counts = Counter(record.profile for record in estate.select(Selection()))
        titles = {name: estate.library.profile(name).title for name in counts}
    text = operator.get("/").text
    for profile, count in counts.items():
        assert re.search(rf"{re.escape(titles[profile])} \w+ 0 {count} 0 0 0 {count}\b", text)


def test_the_counts_of_a_participant_are_its_own(portal, two):
    with portal.open() as estate:
        own = [*estate.select(Selection(participant="meters-one"))]
    text = two.get("/").text
    assert f"Device Certificate device 0 {len(own)} 0 0 0 {len(own)}" in text
    assert "Organisation Certificate organisation" not in text
    assert "Revocation lists that are due" not in text


def test_what_expires_is_a_picture_and_a_table(operator):
    assert "Nothing expires in this time." in operator.get("/").text
    page = operator.get("/?years=2")
    (text,) = re.findall(r'<desc id="timeline-text">([^<]*)</desc>', page.html)
    assert re.fullmatch(r"\d{4}-\d\d: 3\. ", text)
    assert '<svg class="picture"' in page.html
    table = page.text.split("What expires first")[1]
    for label in ("dccki-supplier-one", "dccki-rdp-one", "dccki-dcc-gateway"):
        assert label in table
    assert "iki-supplier-one" not in table
    assert "iki-supplier-one" in operator.get("/?years=10").text


@pytest.mark.parametrize("years", ["0", "-1", "7", "x", "1e9", "99999999999"])
def test_a_time_that_is_not_offered_is_the_first_that_is(operator, years):
    page = operator.get(f"/?years={years}")
    assert page.status == 200
    assert "<strong>1 year</strong>" in page.html


@pytest.mark.slow
def test_a_list_that_is_due_is_told_until_it_is_issued(portal_original, tmp_path, serve):
    directory = tmp_path / "due"
    shutil.copytree(portal_original, directory)
    operator = visitor_of(serve(directory, issue_clients=False))
    text = operator.get("/").text
    assert "No CA has issued a revocation list yet." in text
    assert "smki-testca crl issue --all --also-current" in text
    with opened(directory) as estate:
        estate.revoke(Selection(label="Z1-supplier-ds"), Reason.SUPERSEDED)
    assert "Z1 organisation-crl 1 revocation on no list yet" in operator.get("/").text
    with opened(directory) as estate:
        estate.issue_revocation_lists()
        (record,) = estate.revocations.lists()
    page = operator.get("/")
    assert "No revocation list is due." in page.text
    assert "Z1 CRL 1 1 " in page.text
    der, pem = [link for link in page.links if link.startswith("/revocation-lists/")]
    assert operator.get(der).body == record.der
    assert operator.get(pem).body.startswith(b"-----BEGIN X509 CRL-----\n")
    for nothing in ("/revocation-lists/1/latest.crl", pem.replace(".pem", ".txt")):
        assert operator.get(nothing).status == 404


def test_the_overview_names_the_services_as_serve_does(portal, operator, two):
    page, of_participant = operator.get("/"), two.get("/")
    for name, served in portal.running.services.context.served.items():
        addresses = [served[key] for key in ("submit", "result") if key in served]
        for address in addresses or [served["url"]]:
            assert re.search(rf"\b{name} [^/]* {re.escape(address)} ", page.text), name
            assert (address in of_participant.text) == (name != "control")
    assert portal.running.services.context.served["repository"]["url"] in page.links


def test_months_are_drawn_for_two_years_and_years_beyond():
    assert spans_from(NOW, 1)[::6] == ["2026-11", "2027-05", "2027-11"]
    assert spans_from(NOW, 2)[-1] == "2028-11"
    assert spans_from(NOW, 5) == ["2026", "2027", "2028", "2029", "2030", "2031"]
    assert spans_from(NOW.replace(year=9998), 10)[-1] == "9999"
    assert spans_from(NOW.replace(year=9999), 1) == ["9999-11", "9999-12"]


def test_bars_stay_within_the_picture_and_what_ran_out_is_the_first():
    months = Counter({"2026-01": 2, "2026-11": 1, "2027-02": 100_000, "2031-01": 5})
    timeline = Timeline.of(months, spans_from(NOW, 1))
    assert [(bar.title, bar.count) for bar in timeline.filled] == [
        ("before", 2),
        ("2026-11", 1),
        ("2027-02", 100_000),
    ]
    assert timeline.bars[0].is_past
    assert timeline.total == 100_003
    for bar in timeline.bars:
        assert 0 <= bar.x <= bar.x + bar.width <= WIDTH
        assert 0 <= bar.y <= bar.y + bar.height <= HEIGHT
        assert (bar.height > 0) == (bar.count > 0)


@pytest.mark.slow
def test_an_estate_without_cas_says_what_to_do(tmp_path, serve):
    directory = tmp_path / "empty"
    Estate.create(directory, "a passphrase of the test").close()
    (directory / "passphrase").write_text("a passphrase of the test\n")
    page = visitor_of(serve(directory, issue_clients=False)).get("/")
    assert "The estate has no CAs yet." in page.text
    assert "There are no certificates yet." in page.text
