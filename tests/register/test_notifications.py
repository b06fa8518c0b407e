from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smki_testca.errors import EstateError
from smki_testca.register.notifications import COLUMNS, Flow, notify
from smki_testca.text import spreadsheet_cell

AT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
NEW_ID = "90-B3-D5-1F-30-03-00-02"


def changes(estate, flow):
    return estate.register.notify(flow).as_json()["changes"]


def told_all(estate):
    """Everything told once, so that only what changes from here on is left to tell."""
    for flow in Flow:
        estate.register.notify(flow)


def of_supplier_two(text):
    """The example's supplier-two, its table as given."""
    return f"""
[[participant]]
id = "supplier-two"
name = "Supplier Two"
kind = "party"
signifier = "TPTY-SUPPLIER-TWO"
ranges = [{{ registry-entry = "90-B3-D5-1F-3", organisation-number = "003" }}]
{text}
""".encode()


@pytest.mark.shows("¶41", "B1", "R14")
def test_the_first_notification_of_each_flow_lists_everything(estate):
    register = estate.register.load()
    people = register.participants.values()
    panel, party, market = (changes(estate, flow) for flow in Flow)
    assert {one["change"] for one in (*panel, *party, *market)} == {"added"}
    assert {(one["participant"], one["eui64"]) for one in panel} == {
        (one.id, str(allocated.eui64)) for one in people for allocated in one.ids
    }
    assert {(one["eui64"], one["user_role"]) for one in party} == {
        (str(allocated.eui64), role.name)
        for one in people
        for allocated in one.ids
        for role in allocated.user_roles
    }
    assert {(one["scheme"], one["identifier"], one["role_code"]) for one in market} == {
        (mapped.scheme, mapped.identifier, mapped.role_code)
        for one in people
        for mapped in one.market_participant_ids
    }


@pytest.mark.shows("¶38", "R13")
def test_the_panel_says_nothing_of_user_roles_and_the_party_nothing_of_market_ids(estate):
    panel, party, market = (changes(estate, flow) for flow in Flow)
    assert set(panel[0]) == {"change", "participant", "signifier", "eui64"}
    assert set(party[0]) == {*panel[0], "user_role"}
    assert set(market[0]) == {*panel[0], "scheme", "identifier", "role_code"}


def test_the_next_notification_lists_nothing_when_nothing_changed(estate):
    told_all(estate)
    for flow in Flow:
        assert changes(estate, flow) == []


@pytest.mark.shows("¶38", "B2", "R13")
def test_an_allocated_id_is_told_by_the_panel_and_its_user_role_by_the_party(estate):
    told_all(estate)
    assert [str(one) for one in estate.register.allocate("supplier-two", "ES", 1)] == [NEW_ID]
    common = {
        "change": "added",
        "participant": "supplier-two",
        "signifier": "TPTY-SUPPLIER-TWO",
        "eui64": NEW_ID,
    }
    assert changes(estate, Flow.PANEL) == [common]
    assert changes(estate, Flow.PARTY) == [{**common, "user_role": "Export Supplier"}]
    assert changes(estate, Flow.MARKET) == []


@pytest.mark.shows("R13")
def test_an_id_without_a_user_role_is_told_by_the_panel_alone(estate):
    told_all(estate)
    ids = f'ids = [{{ eui64 = "{NEW_ID}" }}]'
    estate.register.import_file(of_supplier_two(ids), "text")
    assert [one["eui64"] for one in changes(estate, Flow.PANEL)] == [NEW_ID]
    assert changes(estate, Flow.PARTY) == []


@pytest.mark.shows("R13")
def test_an_id_given_another_user_role_is_told_by_the_party_alone(estate):
    told_all(estate)
    ids = 'ids = [{ eui64 = "90-B3-D5-1F-30-03-00-00", user-roles = ["Export Supplier"] }]\n'
    market = (
        'market-participant-ids = [{ scheme = "MRA", identifier = "SUP2", role-code = "X",'
        ' ids = ["90-B3-D5-1F-30-03-00-00"] }]'
    )
    estate.register.import_file(of_supplier_two(ids + market), "text")
    assert changes(estate, Flow.PANEL) == []
    told = [(one["change"], one["eui64"], one["user_role"]) for one in changes(estate, Flow.PARTY)]
    assert told == [
        ("removed", "90-B3-D5-1F-30-03-00-00", "Import Supplier"),
        ("added", "90-B3-D5-1F-30-03-00-00", "Export Supplier"),
    ]
    assert changes(estate, Flow.MARKET) == []


@pytest.mark.slow
@pytest.mark.shows("¶35", "B1", "R14")
def test_a_changed_role_code_is_told_in_the_market_flow_alone(estate):
    told_all(estate)
    ids = (
        'ids = [{ eui64 = "90-B3-D5-1F-30-03-00-00", user-roles = ["Import Supplier"] },'
        ' { eui64 = "90-B3-D5-1F-30-03-00-01", user-roles = ["Gas Supplier"] }]\n'
    )
    market = 'market-participant-ids = [{ scheme = "MRA", identifier = "SUP2", role-code = "Y" }]'
    estate.register.import_file(of_supplier_two(ids + market), "text")
    assert changes(estate, Flow.PANEL) == []
    assert changes(estate, Flow.PARTY) == []
    told = [
        (one["change"], one["identifier"], one["role_code"], one["eui64"][-2:])
        for one in changes(estate, Flow.MARKET)
    ]
    assert told == [
        ("removed", "SUP2", "X", "00"),
        ("added", "SUP2", "Y", "00"),
        ("added", "SUP2", "Y", "01"),
    ]


def test_each_flow_counts_its_own_notifications(estate):
    assert estate.register.notify(Flow.PANEL).number == 1
    assert estate.register.notify(Flow.PANEL).number == 2
    assert estate.register.notify(Flow.PARTY).number == 1
    assert estate.register.notify(Flow.PANEL).number == 3


def test_what_one_flow_told_is_still_told_by_the_others(estate):
    told_all(estate)
    estate.register.allocate("supplier-two", "ES", 1)
    estate.register.notify(Flow.PANEL)
    assert [one["eui64"] for one in changes(estate, Flow.PARTY)] == [NEW_ID]


@pytest.mark.shows("¶41", "R14")
def test_the_market_participant_id_of_a_party_without_a_user_id_is_told(estate):
    told_all(estate)
    table = """
[[participant]]
id = "newcomer"
name = "Newcomer"
kind = "party"
signifier = "TPTY-NEWCOMER"
ranges = [{ registry-entry = "90-B3-D5-1F-3", organisation-number = "0F0" }]
market-participant-ids = [{ scheme = "UNC", identifier = "NEW", role-code = "SHP" }]
"""
    estate.register.import_file(table.encode(), "text")
    mapped = {
        "participant": "newcomer",
        "signifier": "TPTY-NEWCOMER",
        "scheme": "UNC",
        "identifier": "NEW",
        "role_code": "SHP",
    }
    assert changes(estate, Flow.MARKET) == [{"change": "added", **mapped, "eui64": ""}]
    assert changes(estate, Flow.PANEL) == []
    (eui64,) = estate.register.allocate("newcomer", "GS", 1)
    assert changes(estate, Flow.MARKET) == [
        {"change": "removed", **mapped, "eui64": ""},
        {"change": "added", **mapped, "eui64": str(eui64)},
    ]


def test_a_notification_that_another_overtook_does_not_count(estate):
    told = estate.register.next_notification(Flow.PANEL)
    estate.register.notify(Flow.PANEL)
    with pytest.raises(EstateError) as caught:
        estate.register.count_as_told(told)
    assert caught.value.code == "estate.changing"
    assert estate.register.next_notification(Flow.PANEL).number == 2


def test_what_changes_while_a_notification_is_printed_is_in_the_next_one(estate):
    told = estate.register.next_notification(Flow.PANEL)
    (eui64,) = estate.register.allocate("supplier-two", "ES", 1)
    estate.register.count_as_told(told)
    (change,) = changes(estate, Flow.PANEL)
    assert (change["change"], change["eui64"]) == ("added", str(eui64))


def test_a_notification_stands_in_the_audit_log(command, quickstart):
    assert command("--estate", quickstart, "register", "notify", "--flow", "panel").code == 0
    told = command("--estate", quickstart, "--json", "audit", "show")
    assert told.code == 0
    assert "register.notify" in told.out


@pytest.mark.parametrize("flow", Flow)
def test_the_command_tells_a_flow_in_json_and_then_nothing_more_in_csv(command, quickstart, flow):
    arguments = ("--estate", quickstart, "register", "notify", "--flow", flow.value)
    told = command(*arguments, "--format", "json").json
    assert told["flow"] == flow.value
    assert told["number"] == 1
    assert told["at"].endswith("Z")
    again = command(*arguments, "--format", "csv")
    assert again.code == 0
    assert list(csv.reader(io.StringIO(again.out))) == [["change", *COLUMNS[flow]]]


entries = st.frozensets(
    st.tuples(st.text(max_size=8), st.text('",\r\n x', max_size=6), st.just("id")), max_size=8
)


@given(entries, entries)
def test_a_notification_turns_what_was_told_into_what_holds(before, now):
    made = notify(Flow.PANEL, 1, AT, before, now)
    assert (before - set(made.removed)) | set(made.added) == now
    assert not set(made.added) & before
    assert set(made.removed) <= before


@pytest.mark.slow
@given(entries, entries)
def test_csv_reads_back_to_what_json_says(before, now):
    made = notify(Flow.PANEL, 1, AT, before, now)
    text = made.as_csv()
    header, *lines = csv.reader(io.StringIO(text, newline=""))
    assert header == ["change", "participant", "signifier", "eui64"]
    # But for the apostrophe before a formula.
    assert [dict(zip(header, line, strict=True)) for line in lines] == [
        {name: spreadsheet_cell(text) for name, text in change.items()}
        for change in made.as_json()["changes"]
    ]
    assert text.startswith("change,participant,signifier,eui64\r\n")
    assert text.endswith("\r\n")
