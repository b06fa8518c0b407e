"""The counts of certificates by CA, type, status and expiry, and which of them end first."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from batches import NETWORK_ID, device, device_id, organisation, write
from estates import copied_with_run, opened
from smki_testca.authority.revocation import Reason
from smki_testca.clock import iso
from smki_testca.estate.certificates import Selection
from smki_testca.estate.status import Status
from smki_testca.identifiers import Eui64
from smki_testca.profiles.model import Tier

LATER = datetime(2040, 1, 1, tzinfo=UTC)
ORGANISATIONS = {
    "run-a": organisation(),
    "run-b": organisation(usage="key-agreement"),
    "run-c": organisation(participant="network-one", id=NETWORK_ID, role="networkOperator"),
}


@pytest.fixture(scope="module")
def original(quickstart_original, tmp_path_factory):
    """An estate with a run of Devices and organisations, to which this and that has happened."""
    folder = tmp_path_factory.mktemp("inventory")
    rows = [device(0x7000 + number) for number in range(40)]
    rows += [{**row, "label": label} for label, row in ORGANISATIONS.items()]
    manifest = write(folder / "manifest.csv", rows)
    words = (manifest, "--again", "--workers", "1")
    directory = copied_with_run(quickstart_original, folder / "estate", *words)
    with opened(directory) as estate:
        devices = [Eui64.parse(device_id(0x7000 + number)) for number in range(3)]
        estate.set_status(Selection(eui64=devices), Status.NOT_IN_USE)
        estate.set_status(Selection(label="ESME-ds"), Status.PENDING)
        estate.set_status(Selection(label="ESME-ka"), Status.NOT_IN_USE)
        estate.revoke(Selection(label="Z1-supplierPP-ka"), Reason.SUPERSEDED)
        estate.revoke(Selection(label="run-a"), Reason.SUPERSEDED)
        estate.renew(Selection(label="run-c"))
        estate.renew(Selection(label="Z1-networkOperator-ka"))
    return directory


@pytest.mark.slow
@pytest.mark.parametrize("at", [None, LATER], ids=["now", "later"])
@pytest.mark.parametrize("participant", [None, "supplier-one", "meters-one", "nobody"])
def test_the_counts_are_those_of_the_certificates_one_by_one(original, at, participant):
    with opened(original, at) as estate:
        now = estate.clock.now()
        expected = Counter(
            (record.issuer, record.profile, record.tier, status, iso(record.not_after)[:7])
            for record, status in estate.with_statuses(
                estate.select(Selection(participant=participant))
            )
        )
        kinds = estate.inventory.counts(now, participant)
    found = Counter()
    for kind, count in kinds.items():
        assert count > 0
        found[kind.issuer, kind.profile, kind.tier, kind.status, kind.month] += count
    assert found == expected


@pytest.mark.parametrize("at", [None, LATER], ids=["now", "later"])
def test_what_is_to_be_renewed_is_what_the_command_lists(original, at):
    with opened(original, at) as estate:
        now = estate.clock.now()
        before = now + timedelta(days=365 * 30)
        listed = list(estate.expiring(before))
        endings = estate.inventory.endings(now, before, 1000)
        due = estate.inventory.counts(now)
    assert sum(each.count for each in endings) == len(listed)
    assert {str(each.serial) for each in endings if each.serial} == {
        each.id for each in listed if not each.name.startswith("run-") or each.id in _alone(endings)
    }
    assert [each.not_after for each in endings] == sorted(each.not_after for each in endings)
    months = Counter()
    for kind, count in due.items():
        if kind.is_due and kind.month < iso(before)[:7]:
            months[kind.month] += count
    assert sum(months.values()) == len(listed)


def _alone(endings):
    return {str(each.serial) for each in endings if each.serial}


@pytest.mark.slow
def test_the_first_to_end_are_given_and_no_more(original):
    with opened(original) as estate:
        now = estate.clock.now()
        before = now + timedelta(days=365 * 30)
        every = estate.inventory.endings(now, before, 1000)
        assert estate.inventory.endings(now, before, 3) == every[:3]
        assert estate.inventory.endings(now, now, 3) == []
        own = estate.inventory.endings(now, before, 1000, "network-one")
    assert {each.participant for each in own} == {"network-one"}
    assert all(each.tier is Tier.END_ENTITY for each in own)
