"""Revocation lists that are due: of which CAs, why, and how they are issued."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from estates import opened
from smki_testca.authority.revocation import Reason
from smki_testca.errors import EstateError, InputError
from smki_testca.estate.certificates import Selection
from smki_testca.lifecycle.due_lists import DueReason
from smki_testca.profiles.model import Hierarchy, Tier

NOW = datetime(2028, 2, 29, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
CRL = (Hierarchy.ORGANISATION, Tier.ISSUING)


@pytest.fixture
def at(quickstart):
    """Opens the estate at a time."""
    return lambda time=NOW: opened(quickstart, time)


def revoke(estate, label, time=None):
    estate.revoke(Selection(label=label), Reason.SUPERSEDED, at=time)


def told(estate, before=None):
    """Of each due list the CA, the reason, when it fell due and how many revocations wait."""
    due = estate.due_revocation_lists(before)
    return [(one.name, one.reason, one.since, one.waiting) for one in due]


def test_a_ca_that_has_nothing_to_say_owes_no_list(at):
    with at() as estate:
        assert told(estate) == []
        assert estate.issue_revocation_lists() == []


def test_a_revocation_makes_a_first_list_due_and_the_list_settles_it(at):
    with at() as estate:
        revoke(estate, "Z1-supplier-ds")
        assert told(estate) == [("Z1", DueReason.NEVER_ISSUED, NOW, 1)]
        estate.issue_revocation_list(*CRL)
        assert told(estate) == []


def test_what_is_revoked_after_a_list_makes_the_next_due(at):
    with at() as estate:
        revoke(estate, "Z1-supplier-ds")
        estate.issue_revocation_list(*CRL)
    later = NOW + timedelta(hours=3)
    with at(later) as estate:
        revoke(estate, "Z1-supplier-ka")
        revoke(estate, "dccki-supplier-one")
        assert told(estate) == [
            ("Z1", DueReason.REVOCATIONS, later, 1),
            ("EII DCCKICA ZAZ1 Test", DueReason.NEVER_ISSUED, later, 1),
        ]


def test_a_list_as_of_a_time_before_a_revocation_lacks_it(at):
    with at() as estate:
        revoke(estate, "Z1-supplier-ds")
        estate.issue_revocation_list(*CRL, at=NOW - timedelta(hours=1))
        assert told(estate) == [("Z1", DueReason.REVOCATIONS, NOW, 1)]
        estate.issue_revocation_list(*CRL)
        assert told(estate) == []


def test_a_list_lacks_what_was_revoked_later_as_of_an_earlier_time(at):
    with at() as estate:
        estate.issue_revocation_list(*CRL)
        revoke(estate, "Z1-supplier-ds", NOW - DAY)
        assert told(estate) == [("Z1", DueReason.REVOCATIONS, NOW, 1)]


def test_a_list_that_has_run_out_is_due_and_one_that_will_only_when_asked(at):
    with at() as estate:
        record = estate.issue_revocation_list(*CRL)
        assert told(estate) == []
        assert told(estate, NOW + DAY) == []
        assert told(estate, NOW + 3 * DAY) == [("Z1", DueReason.RUN_OUT, record.next_update, 0)]
        # The time asked about is never earlier than now.
        assert told(estate, NOW - 3 * DAY) == []
    with at(record.next_update) as estate:
        assert told(estate) == []
    with at(record.next_update + timedelta(seconds=1)) as estate:
        assert told(estate) == [("Z1", DueReason.RUN_OUT, record.next_update, 0)]


def test_a_stale_list_or_one_of_the_future_does_not_stand_in_for_a_current_one(at):
    with at() as estate:
        revoke(estate, "Z1-supplier-ds")
        estate.issue_revocation_list(*CRL, at=NOW + 9 * DAY)
        assert told(estate) == [("Z1", DueReason.NEVER_ISSUED, NOW, 1)]
        stale = estate.issue_revocation_list(*CRL, at=NOW - 9 * DAY)
        assert told(estate) == [("Z1", DueReason.RUN_OUT, stale.next_update, 1)]
        current = estate.issue_revocation_list(*CRL)
        # Stale and future ones may follow: what counts is that a current one has everything.
        estate.issue_revocation_list(*CRL, at=NOW - 9 * DAY)
        estate.issue_revocation_list(*CRL, at=NOW + 9 * DAY)
        assert told(estate) == []
        assert current.number == 3


def test_after_a_roll_over_the_older_ca_owes_the_list_and_both_are_issued(at):
    with at() as estate:
        estate.roll_over(Hierarchy.ORGANISATION, "Z1b")
        revoke(estate, "Z1-supplier-ds")
        empty = estate.issue_revocation_list(*CRL)
        assert (empty.count, estate.by_serial(empty.authority).label) == (0, "Z1b")
        assert told(estate) == [("Z1", DueReason.NEVER_ISSUED, NOW, 1)]
        (record,) = estate.issue_revocation_lists()
        assert (record.count, estate.by_serial(record.authority).label) == (1, "Z1")
        assert told(estate) == []


def test_a_renewed_ca_goes_on_with_its_lists(at):
    with at() as estate:
        revoke(estate, "Z1-supplier-ds")
        estate.issue_revocation_list(*CRL)
    with at(NOW + DAY) as estate:
        renewed = estate.renew_authority("Z1").record
        assert told(estate) == []
        revoke(estate, "Z1-supplier-ka")
        (owed,) = estate.due_revocation_lists()
        assert (owed.authority.serial, owed.number) == (renewed.serial, 1)


def test_the_arl_is_due_when_an_issuing_ca_is_revoked(at):
    with at() as estate:
        revoke(estate, "Z1")
        assert told(estate) == [("ZA", DueReason.NEVER_ISSUED, NOW, 1)]


@pytest.mark.slow
def test_all_lists_are_issued_or_those_of_a_kind(at):
    with at() as estate:
        estate.add_environment("UIT-A")
        every = estate.issue_revocation_lists(also_current=True)
        assert len(every) == 12
        assert {record.tier for record in every} == {Tier.ROOT, Tier.ISSUING}
        of_one = estate.issue_revocation_lists(
            environment="UIT-A",
            hierarchy=Hierarchy.DCCKI,
            tier=Tier.ROOT,
            also_current=True,
        )
        assert [(one.profile, one.number) for one in of_one] == [("dccki-arl", 2)]
        with pytest.raises(EstateError) as error:
            estate.issue_revocation_lists(environment="SIT-A")
        assert error.value.code == "estate.no_authority"


def test_of_all_lists_either_each_is_issued_or_none(at, monkeypatch):
    with at() as estate:
        revoke(estate, "Z1-supplier-ds")
        revoke(estate, "dccki-supplier-one")
        entries = len(estate.audit.entries())
        weaknesses = estate.library.weaknesses
        monkeypatch.setattr(
            type(estate.library),
            "weaknesses",
            lambda _, profile: (
                ["drops a row"] if profile.name == "dccki-crl" else weaknesses(profile)
            ),
        )
        with pytest.raises(InputError) as error:
            estate.issue_revocation_lists()
        assert error.value.code == "profile.weakened"
        assert estate.revocation_lists() == []
        assert len(estate.audit.entries()) == entries


def test_a_time_without_a_zone_is_refused(at):
    with at() as estate, pytest.raises(InputError):
        estate.due_revocation_lists(NOW.replace(tzinfo=None))
