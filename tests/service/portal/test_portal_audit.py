"""The page Audit: pages, filters, entries, and whether the log is whole."""

import re
import shutil

import pytest

from estates import opened
from smki_testca.authority.revocation import Reason
from smki_testca.estate.audit_owners import AuditOwners
from smki_testca.estate.batch_requests import Origin, Submission
from smki_testca.estate.certificates import Selection
from smki_testca.estate.status import Status
from smki_testca.register.requests import Delivery
from smki_testca.service.portal.pages import audit
from visitors import visitor_of

SUBMISSION = Submission(
    origin=Origin.PORTAL,
    reference="meters.zip",
    participant="meters-one",
    environment="ZAZ1",
    purpose="uept",
    delivery=Delivery.LOCAL,
    peer={"address": "127.0.0.1", "viewer": "account two"},
    csrs=1,
    content=b"PK",
)


def _numbers(page):
    return [int(each) for each in re.findall(r'<a href="/audit/(\d+)">', page.html)]


def _all(visitor, path):
    """The entries of all pages, and the number of pages."""
    numbers, pages = [], 0
    while path:
        page = visitor.get(path)
        assert page.status == 200
        numbers += _numbers(page)
        pages += 1
        path = next((link for link in page.links if "before=" in link), None)
    return numbers, pages


def test_every_entry_is_on_one_page_the_newest_first(portal, operator, monkeypatch):
    monkeypatch.setattr(audit, "SIZE", 7)
    with portal.open() as estate:
        count = len(estate.audit.entries())
    numbers, pages = _all(operator, "/audit")
    assert numbers == list(range(count, 0, -1))
    assert pages == -(-count // 7)


@pytest.mark.parametrize(
    ("query", "actions"),
    [
        ("action=issue", {"issue"}),
        ("action=register", {"register.import"}),
        ("action=register.import", {"register.import"}),
        ("action=authority.create", {"authority.create"}),
        ("action=nothing", set()),
    ],
)
def test_entries_are_filtered_by_action(portal, operator, query, actions):
    with portal.open() as estate:
        entries = {entry.number: entry.action for entry in estate.audit.entries()}
    page = operator.get(f"/audit?{query}")
    assert {entries[number] for number in _numbers(page)} == actions
    assert ("No entry fits." in page.text) == (not actions)


@pytest.mark.slow
def test_the_operator_filters_by_participant(portal, operator):
    numbers, _ = _all(operator, "/audit?participant=rdp-one&action=issue")
    with portal.open() as estate:
        entries = [
            entry.number
            for entry in estate.audit.entries_of("issue")
            if entry.body["request"]["participant"] == "rdp-one"
        ]
    assert numbers == entries[::-1]


def test_a_page_that_read_enough_says_that_it_goes_on(operator, monkeypatch):
    monkeypatch.setattr(audit, "MAX_READ", 10)
    monkeypatch.setattr(audit, "_AT_A_TIME", 5)
    page = operator.get("/audit?participant=rdp-one")
    assert (
        "the search goes on on the next page" in page.text or "The next page goes on" in page.text
    )
    numbers, pages = _all(operator, "/audit?participant=rdp-one")
    assert pages > 1
    monkeypatch.undo()
    assert numbers == _all(operator, "/audit?participant=rdp-one")[0]


def test_an_entry_has_a_page_with_all_of_it(portal, operator):
    with portal.open() as estate:
        (record,) = estate.select(Selection(label="ESME-ds"))
        entry = estate.audit.entry(record.audit)
    page = operator.get(f"/audit/{record.audit}")
    assert entry.digest in page.text
    assert f"/certificates/{record.serial}" in page.links
    for word in ("meters-one", "granted", "device_id", entry.body["agreement"]):
        assert word in page.text


@pytest.mark.parametrize("number", ["0", "999999", "-1", "x", "9" * 30, "1.5", "%31%30%30%30%30"])
def test_an_entry_that_there_is_not_is_a_page(operator, number):
    page = operator.get(f"/audit/{number}")
    assert page.status == 404
    assert page.headers.get_content_type() == "text/html"


def test_the_log_is_verified_and_the_page_says_when_and_what(portal, operator):
    answer = operator.submit("/audit", "/audit/verify", {})
    assert (answer.status, answer.location) == (303, "/audit#verification")
    with portal.open() as estate:
        head = estate.audit.head()
    text = operator.get("/audit").text
    assert f"whole at its end: entry {head.number}, digest {head.digest}" in text
    assert re.search(r"whole from its first entry to its last, .* as of \d{4}-", text)


@pytest.mark.slow
def test_a_log_that_was_changed_is_told(portal_original, tmp_path, serve):
    directory = tmp_path / "changed"
    shutil.copytree(portal_original, directory)
    with opened(directory) as estate:
        change = "UPDATE audit SET body = replace(body, 'ZAZ1', 'ZAZ9') WHERE number = 5"
        with estate.transaction():
            database = estate._database  # noqa: SLF001 - no API changes the log
            (trigger,) = database.rows(
                "SELECT sql FROM sqlite_master WHERE name = 'audit_is_not_changed'"
            )
            for statement in ("DROP TRIGGER audit_is_not_changed", change, trigger["sql"]):
                database.execute(statement)
    operator = visitor_of(serve(directory, issue_clients=False))
    assert "was not verified since the services were started" in operator.get("/audit").text
    assert operator.submit("/audit", "/audit/verify", {}).status == 303
    assert "failed: The audit log" in operator.get("/audit").text
    assert "broken at entry 5" in operator.get("/audit").text


def test_whose_an_entry_is(estate):
    estate.accounts.add("ann", "a long password", "supplier-one")
    estate.revoke(Selection(label="Z1-supplier-ds"), Reason.SUPERSEDED)
    estate.revoke(Selection(label=("Z1-supplier-ka", "Z1-networkOperator-ka")), Reason.SUPERSEDED)
    estate.set_status(Selection(label="ESME-ds"), Status.NOT_IN_USE)
    estate.register.set_suspended("RDP-2020-001", suspended=True)
    estate.issue_revocation_lists()
    now = estate.clock.now()
    with estate.transaction():
        batch = estate.batch_requests.add(SUBMISSION, now)
        estate.batch_requests.begin_parsing(batch, now)
        estate.batch_requests.reject(batch, now, {"reason": "none"})
    owners = AuditOwners(estate)
    of = {}
    for entry in estate.audit.entries():
        of.setdefault(entry.action, []).append(owners.of(entry))
    assert of["account.add"] == [{"supplier-one"}]
    assert of["revoke"] == [{"supplier-one"}, {"supplier-one", "network-one"}]
    assert of["status.set"] == [{"meters-one"}]
    assert of["agreement.suspend"] == [{"rdp-one"}]
    for action in ("service.portal", "batch_request.parsing", "batch_request.rejected"):
        assert of[action] == [{"meters-one"}]
    assert set(of["crl.issue"]) == {frozenset()}
    assert set(of["authority.create"]) == {frozenset()}
    assert all(len(each) > 1 for each in of["register.import"])
