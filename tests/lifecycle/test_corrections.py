"""Participants are corrected and removed where nothing issued contradicts it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date

import pytest

import batches
from smki_testca.authority.revocation import Reason
from smki_testca.errors import InputError
from smki_testca.estate.certificates import Selection
from smki_testca.estate.status import Status
from smki_testca.estate.terms import Secrets
from smki_testca.identifiers import Eui64, RegistryEntry, Signifier
from smki_testca.issuance.batch.planning import BatchPlan
from smki_testca.lifecycle.corrections import NAMED
from smki_testca.profiles.model import ParticipantKind
from smki_testca.profiles.typed_subjects import DeviceSubject
from smki_testca.register.correction import Correction, parse_range
from smki_testca.register.notifications import Flow
from smki_testca.roles import KeyUsage
from smki_testca.shipped import shipped

ENTRY = "90-B3-D5-1F-3"
ENDED = date(2020, 12, 31)


def a_range(estate, text, exception=None):
    central = tuple(known.entry for known in estate.library.sec_registry_entries)
    return parse_range(text, exception, central)


def refused(estate, name, correction):
    """The error of a correction, which changes nothing."""
    before = estate.register.load()
    with pytest.raises(InputError) as caught:
        estate.correct_participant(name, correction)
    assert estate.register.load() == before
    return caught.value


def told(estate, flow):
    return [
        (one["change"], one["participant"], one["signifier"])
        for one in estate.register.notify(flow).as_json()["changes"]
    ]


def test_a_wrong_signifier_is_corrected_and_the_dcc_is_told(estate):
    for flow in Flow:
        estate.register.notify(flow)
    before, after = estate.correct_participant(
        "supplier-two", Correction(signifier=Signifier("TPTY-2"))
    )
    assert (str(before.signifier), str(after.signifier)) == ("TPTY-SUPPLIER-TWO", "TPTY-2")
    register = estate.register.load()
    assert register.participant("supplier-two") == after
    assert register.holder_of_signifier(Signifier("TPTY-SUPPLIER-TWO")) is None
    for flow in Flow:
        assert set(told(estate, flow)) == {
            ("removed", "supplier-two", "TPTY-SUPPLIER-TWO"),
            ("added", "supplier-two", "TPTY-2"),
        }
    (entry,) = estate.audit.entries_of("register.correct")
    assert entry.body["before"] == before.as_json()
    assert entry.body["after"] == after.as_json()
    assert estate.audit.verify()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "correction", "labels", "why"),
    [
        (
            "supplier-one",
            Correction(signifier=Signifier("TPTY-1")),
            ["dccki-supplier-one"],
            "have the Signifier TPTY-SUPPLIER-ONE",
        ),
        (
            "supplier-one",
            Correction(name="Supplier 1"),
            ["dccki-supplier-one", "iki-supplier-one"],
            "have the name Supplier One",
        ),
        (
            "network-one",
            Correction(withdrawn=frozenset({Eui64.parse("90-B3-D5-1F-30-02-00-00")})),
            None,
            "have IDs that it would lose",
        ),
        (
            "meters-one",
            Correction(kind=ParticipantKind.RDP, signifier=Signifier("TRDP-2")),
            None,
            "are of a category not open to the kind rdp",
        ),
    ],
)
def test_certificates_that_would_become_untrue_are_named(estate, name, correction, labels, why):
    error = refused(estate, name, correction)
    assert error.code == "participant.contradicted"
    assert why in error.message
    own = {
        str(record.serial): record.label for record in estate.select(Selection(participant=name))
    }
    named = {label for serial, label in own.items() if serial in error.message}
    assert named == set(labels) if labels else len(named) == NAMED
    count = sum(
        1
        for _ in estate.select(
            Selection(participant=name, eui64=next(iter(correction.withdrawn), None))
        )
    )
    assert ("and others" in error.message) == (labels is None and count > NAMED)


def test_what_is_revoked_contradicts_nothing_any_more(estate):
    correction = Correction(signifier=Signifier("TPTY-1"))
    refused(estate, "supplier-one", correction)
    estate.revoke(Selection(label="dccki-supplier-one"), Reason.SUPERSEDED)
    estate.correct_participant("supplier-one", correction)
    assert estate.audit.verify()


def test_a_device_certificate_that_is_not_in_use_contradicts_nothing(estate):
    correction = Correction(kind=ParticipantKind.RDP, signifier=Signifier("TRDP-2"))
    refused(estate, "meters-one", correction)
    estate.set_status(Selection(participant="meters-one"), Status.NOT_IN_USE)
    _, after = estate.correct_participant("meters-one", correction)
    assert (after.kind, str(after.signifier)) == (ParticipantKind.RDP, "TRDP-2")


def test_with_another_range_go_the_ids_and_what_maps_to_them(estate):
    for flow in Flow:
        estate.register.notify(flow)
    correction = Correction(ranges=(a_range(estate, f"{ENTRY}:0A1"),))
    _, after = estate.correct_participant("supplier-two", correction)
    assert (after.ids, after.market_participant_ids) == ((), ())
    assert {change for change, *_ in told(estate, Flow.PANEL)} == {"removed"}
    assert {change for change, *_ in told(estate, Flow.MARKET)} == {"removed"}
    (allocated,) = estate.register.allocate("supplier-two", "Import Supplier", 1)
    assert str(allocated) == "90-B3-D5-1F-30-A1-00-00"
    assert estate.audit.verify()


def test_a_market_participant_id_keeps_the_ids_that_stay(estate):
    gone = Eui64.parse("90-B3-D5-1F-30-01-00-01")
    assert not list(estate.select(Selection(eui64=gone)))
    _, after = estate.correct_participant("supplier-one", Correction(withdrawn=frozenset({gone})))
    (first, second) = after.market_participant_ids
    assert [str(eui64) for eui64 in first.ids] == ["90-B3-D5-1F-30-01-00-00"]
    assert [str(eui64) for eui64 in second.ids] == ["90-B3-D5-1F-30-01-00-02"]


def test_a_party_that_is_a_manufacturer_loses_what_only_a_party_has(estate):
    _, after = estate.correct_participant(
        "supplier-two", Correction(kind=ParticipantKind.MANUFACTURER)
    )
    assert (after.signifier, after.ranges, after.ids, after.market_participant_ids) == (
        *(None, (), (), ()),
    )


@pytest.mark.parametrize(
    ("name", "correction", "code"),
    [
        ("nobody", Correction(name="N"), "participant.unknown"),
        ("supplier-two", Correction(name="Supplier Two"), "participant.unchanged"),
        ("supplier-two", Correction(name=" "), "participant.name"),
        ("supplier-two", Correction(name="N" * 65), "participant.name"),
        ("supplier-two", Correction(signifier=Signifier("TPTY-OTHER-ONE")), "signifier.taken"),
        ("labs-one", Correction(kind=ParticipantKind.PARTY), "participant.signifier"),
        ("labs-one", Correction(signifier=Signifier("L")), "participant.signifier"),
        (
            "supplier-two",
            Correction(withdrawn=frozenset({Eui64.parse("90-B3-D5-1F-30-03-00-77")})),
            "participant.withdrawal",
        ),
    ],
)
def test_what_cannot_be_says_why(estate, name, correction, code):
    assert refused(estate, name, correction).code == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (f"{ENTRY}:001", "id_range.overlap"),
        ("80-B3-D5:001", "id_range.entry"),
        (f"{ENTRY}", "id_range.form"),
        (f"{ENTRY}:", "id_range.form"),
        (f"{ENTRY}:1:", "id_range.form"),
        (f"{ENTRY}:1:2:3", "id_range.form"),
        ("90:1", "registry_entry.form"),
        (f"{ENTRY}:1000", "id_range.organisation_number"),
        (f"{ENTRY}:1:28", "id_range.split"),
    ],
)
def test_a_range_that_cannot_be_says_why(estate, text, code):
    def correct():
        ranges = (a_range(estate, text),)
        estate.correct_participant("supplier-two", Correction(ranges=ranges))

    before = estate.register.load()
    with pytest.raises(InputError) as caught:
        correct()
    assert caught.value.code == code
    assert estate.register.load() == before


def test_a_range_by_exception_has_its_reason(estate):
    outside = a_range(estate, "80-B3-D5:001", "a set of the year before")
    _, after = estate.correct_participant("supplier-two", Correction(ranges=(outside,)))
    assert after.ranges[0].exception == "a set of the year before"
    assert a_range(estate, f"{ENTRY}:001", "why").exception is None


def begun(estate):
    """A run of meters-one that is planned, and of which nothing is made."""
    with estate.transaction():
        plan = BatchPlan(estate, "range", None, Secrets.of_run(None))
        subject = DeviceSubject(Eui64.parse(batches.device_id(0x7000)), batches.HW_TYPE)
        usages = (KeyUsage.KEY_AGREEMENT,)
        request = estate.request("meters-one", batches.DEVICE_PURPOSE, subject, usages)
        plan.add_range(request, 5)
        return plan.store()


def test_while_a_run_issues_to_a_participant_it_is_not_corrected(estate):
    run = begun(estate)
    correction = Correction(name="Meters 1")
    error = refused(estate, "meters-one", correction)
    assert error.code == "participant.batch"
    assert f"batch cancel {run}" in error.remedy
    with pytest.raises(InputError, match="in progress"):
        estate.remove_participant("meters-one")
    with estate.transaction():
        estate.runs.set_state(run, type(estate.runs.state(run)).CANCELLED, estate.clock.now())
    estate.correct_participant("meters-one", correction)


# Removal


def test_a_participant_that_has_nothing_is_removed(estate):
    removed = estate.remove_participant("labs-one")
    assert removed.id == "labs-one"
    assert "labs-one" not in estate.register.load().participants
    (entry,) = estate.audit.entries_of("register.remove")
    assert entry.body == {
        "participant": "labs-one",
        "before": removed.as_json(),
        "agreements": [],
    }
    assert estate.audit.verify()


def test_what_stands_in_the_way_is_named_and_each_step_takes_one_thing_away(estate):
    with pytest.raises(InputError) as caught:
        estate.remove_participant("supplier-two")
    assert caught.value.code == "participant.in_use"
    assert "SEC-2020-003" in caught.value.message
    assert "90-B3-D5-1F-30-03-00-00" in caught.value.message
    assert "certificates" not in caught.value.message
    for step in ("agreement end SEC-2020-003", "register correct supplier-two --withdraw-id all"):
        assert step in caught.value.remedy
    estate.register.notify(Flow.PANEL)
    estate.register.end_agreement("SEC-2020-003", ENDED)
    ids = frozenset(one.eui64 for one in estate.register.load().participant("supplier-two").ids)
    with pytest.raises(InputError) as caught:
        estate.remove_participant("supplier-two")
    assert "SEC-2020-003" not in caught.value.message
    estate.correct_participant("supplier-two", Correction(withdrawn=ids))
    estate.remove_participant("supplier-two")
    register = estate.register.load()
    assert "supplier-two" not in register.participants
    assert "SEC-2020-003" not in register.agreements
    assert {change for change, *_ in told(estate, Flow.PANEL)} == {"removed"}
    (entry,) = estate.audit.entries_of("register.remove")
    assert entry.body["agreements"][0]["until"] == str(ENDED)
    assert estate.audit.verify()


def test_a_participant_with_an_account_stays_until_the_account_is_removed(estate):
    estate.accounts.add("two", "a password", "supplier-two")
    estate.register.end_agreement("SEC-2020-003", ENDED)
    ids = frozenset(one.eui64 for one in estate.register.load().participant("supplier-two").ids)
    estate.correct_participant("supplier-two", Correction(withdrawn=ids))
    with pytest.raises(InputError) as caught:
        estate.remove_participant("supplier-two")
    assert "it has the accounts two" in caught.value.message
    assert caught.value.remedy == "First: smki-testca account remove two"
    estate.accounts.remove("two")
    estate.remove_participant("supplier-two")
    assert estate.audit.verify()


def test_a_participant_with_certificates_stays_even_if_they_are_revoked(estate):
    estate.revoke(Selection(participant="rdp-one"), Reason.SUPERSEDED)
    with pytest.raises(InputError) as caught:
        estate.remove_participant("rdp-one")
    assert "it has the certificates" in caught.value.message
    assert caught.value.remedy == "It stays in the register."


def test_what_is_free_again_can_be_another_participants(estate):
    estate.register.end_agreement("SEC-2020-003", ENDED)
    ids = frozenset(one.eui64 for one in estate.register.load().participant("supplier-two").ids)
    estate.correct_participant("supplier-two", Correction(withdrawn=ids))
    removed = estate.remove_participant("supplier-two")
    estate.correct_participant(
        "labs-one",
        Correction(ParticipantKind.PARTY, None, removed.signifier, removed.ranges),
    )
    assert estate.register.load().participant("labs-one").signifier == removed.signifier


@pytest.mark.slow
def test_certificates_of_runs_count_like_others(command, quickstart, estate):
    estate.register.bring_in([], [like_meters_ones(estate, "labs-one")])
    estate.correct_participant("labs-one", Correction(kind=ParticipantKind.MANUFACTURER))
    entry = RegistryEntry.parse("00-DB-13")
    labs = replace(estate.register.load().participant("labs-one"), registry_entries=(entry,))
    estate.register.bring_in([labs], [])
    run = (
        *("batch", "issue", "--profile", "device", "--participant", "labs-one"),
        *("--purpose", batches.DEVICE_PURPOSE, "--hw-type", batches.HW_TYPE, "--workers", "1"),
        *("--usage", "key-agreement", "--first-id", "00-DB-13-00-00-00-00-01", "--count", "3"),
    )
    assert command("--estate", quickstart, *run).code == 0
    error = refused(
        estate, "labs-one", Correction(kind=ParticipantKind.RDP, signifier=Signifier("L"))
    )
    assert error.code == "participant.contradicted"
    with pytest.raises(InputError, match="it has the certificates"):
        estate.remove_participant("labs-one")
    (record,) = estate.select(Selection(eui64=Eui64.parse("00-DB-13-00-00-00-00-02")))
    answer = command("--estate", quickstart, "--json", "register", "whois", record.serial).json
    assert (answer["participant"], answer["certificate"]["issued_to"]) == ("labs-one",) * 2


def like_meters_ones(estate, participant):
    """The agreement of meters-one, as one of another participant."""
    (agreement,) = estate.register.load().agreements_of("meters-one")
    return replace(agreement, reference="BIL-2", participant=participant)


def revoke_roles(estate, *names):
    for name in names:
        role = estate.library.roles.remote_party_role(name)
        estate.revoke(Selection(participant="dcc", role=role.code), Reason.SUPERSEDED)


def test_a_role_that_the_new_kind_cannot_hold_contradicts_a_correction(estate):
    """Its category may be open to the new kind, as that of dSPXmlSign is to Parties."""
    revoke_roles(estate, "recovery", "accessControlBroker", "transitionalCoS", "wanProvider")
    dcc = estate.register.load().participant("dcc")
    bare = replace(dcc, ids=tuple(replace(each, user_roles=()) for each in dcc.ids))
    estate.register.bring_in([bare], [])
    as_party = Correction(kind=ParticipantKind.PARTY)
    error = refused(estate, "dcc", as_party)
    assert "carry a role that the kind party cannot hold" in error.message
    xml_sign = estate.library.roles.remote_party_role("dSPXmlSign").code
    named = list(estate.select(Selection(participant="dcc", role=xml_sign)))
    assert named
    assert all(str(record.serial) in error.message for record in named)
    revoke_roles(estate, "dSPXmlSign")
    estate.correct_participant("dcc", as_party)


def test_a_role_of_no_id_left_contradicts_a_withdrawal(estate):
    """An IKI certificate carries no ID, and yet rests on what the IDs serve."""
    subject = estate.subject("iki", system_name="adhoc", role="loadController")
    (record,), _ = estate.issue(estate.request("supplier-one", "uept", subject))
    participant = estate.register.load().participant("supplier-one")
    serving = [
        each.eui64 for each in participant.ids if any(role.code == "LC" for role in each.user_roles)
    ]
    assert serving
    for eui64 in serving:
        estate.revoke(Selection(participant="supplier-one", eui64=eui64), Reason.SUPERSEDED)
    correction = Correction(withdrawn=frozenset(serving))
    error = refused(estate, "supplier-one", correction)
    assert f"{record.serial} (iki) carry a role that none of its IDs would serve" in error.message
    estate.revoke(Selection(serial=record.serial), Reason.SUPERSEDED)
    estate.correct_participant("supplier-one", correction)


def withdrawn_after_issue(estate):
    """supplier-two's IDs, which have a revoked certificate, taken from it; and the one ID."""
    (allocated,) = estate.register.load().participant("supplier-two").ids[:1]
    subject = estate.subject("organisation", id=allocated.eui64, role="supplier")
    request = estate.request("supplier-two", "uept", subject, (KeyUsage.DIGITAL_SIGNATURE,))
    estate.issue(request)
    ids = frozenset(one.eui64 for one in estate.register.load().participant("supplier-two").ids)
    for eui64 in ids:
        if list(estate.select(Selection(eui64=eui64))):
            estate.revoke(Selection(eui64=eui64), Reason.SUPERSEDED)
    estate.correct_participant("supplier-two", Correction(withdrawn=ids))
    return allocated


@pytest.mark.shows("R10")
def test_an_id_that_has_certificates_is_never_allocated_again(estate):
    spent = withdrawn_after_issue(estate).eui64
    first, second = estate.register.allocate("supplier-two", "IS", 2)
    assert spent not in {first, second}


@pytest.mark.shows("R12")
def test_an_id_that_has_certificates_gets_no_other_holder(estate):
    allocated = withdrawn_after_issue(estate)
    register = estate.register.load()
    former = register.participant("supplier-two")
    estate.correct_participant(
        "supplier-two", Correction(ranges=(a_range(estate, f"{ENTRY}:0A7"),))
    )
    taker = replace(
        register.participant("supplier-one"),
        ranges=(*register.participant("supplier-one").ranges, *former.ranges),
    )
    estate.register.bring_in([taker], [])
    greedy = replace(taker, ids=tuple(sorted((*taker.ids, allocated), key=lambda each: each.eui64)))
    with pytest.raises(InputError) as caught:
        estate.register.bring_in([greedy], [])
    assert caught.value.code == "allocation.spent"
    assert "issued for it to supplier-two" in caught.value.message
    assert allocated.eui64 not in estate.register.allocate("supplier-one", "IS", 3)


def test_its_own_withdrawn_id_can_be_imported_again(estate):
    allocated = withdrawn_after_issue(estate)
    former = estate.register.load().participant("supplier-two")
    estate.register.bring_in([replace(former, ids=(allocated,))], [])
    assert estate.register.load().participant("supplier-two").allocated(allocated.eui64)


def test_a_new_agreement_has_no_history_of_a_removed_one(estate):
    reference = "SEC-2020-003"
    estate.register.set_suspended(reference, suspended=True)
    estate.register.set_suspended(reference, suspended=False)
    agreement = estate.register.load().agreement(reference)
    estate.register.end_agreement(reference, ENDED)
    ids = frozenset(one.eui64 for one in estate.register.load().participant("supplier-two").ids)
    estate.correct_participant("supplier-two", Correction(withdrawn=ids))
    estate.remove_participant("supplier-two")
    estate.register.bring_in([], [replace(agreement, participant="supplier-one")])
    assert reference not in estate.register.agreement_changes()
    estate.register.set_suspended(reference, suspended=True)
    assert [each.change for each in estate.register.agreement_changes()[reference]] == ["suspend"]


def test_an_import_says_what_it_takes_back(command, quickstart, estate):
    example = (shipped("examples") / "participants.toml").read_text("utf-8")
    path = quickstart.parent / "older.toml"
    path.write_text(example, "utf-8")
    call = ("--estate", quickstart, "register", "import", path)
    assert command(*call).err == ""
    (withdrawn,) = estate.register.load().participant("supplier-two").ids[:1]
    estate.correct_participant(
        "supplier-two",
        Correction(name="Corrected", withdrawn=frozenset({withdrawn.eui64})),
    )
    owner = estate.register.load().participant("meters-one")
    exclusive = replace(owner, exclusive_entries=frozenset(owner.registry_entries))
    estate.register.bring_in([exclusive], [])
    shutil.copytree(quickstart, quickstart.parent / "again")
    outcome = command(*call)
    assert outcome.code == 0
    lines = outcome.err.splitlines()
    assert all(line.startswith("warning: ") for line in lines)
    for said in (
        "The name of supplier-two is Supplier Two again",
        f"The ID {withdrawn.eui64} is allocated to supplier-two again",
        "The Registry Entry 00-DB-12 of meters-one is exclusive no longer",
    ):
        assert sum(said in line for line in lines) == 1
    assert command(*call).err == ""
    again = command("--json", "--estate", quickstart.parent / "again", *call[2:])
    assert [f"warning: {text}" for text in again.json["warnings"]] == lines


def test_an_import_says_when_a_range_comes_back(estate):
    former = estate.register.load().participant("supplier-two")
    estate.correct_participant(
        "supplier-two", Correction(ranges=(a_range(estate, f"{ENTRY}:0A7"),))
    )
    now = estate.register.load().participant("supplier-two")
    said = []
    both = replace(now, ranges=(*now.ranges, *former.ranges))
    estate.register.bring_in([both], [], said.append)
    assert [line for line in said if "is supplier-two's again" in line]


def test_an_import_says_when_certificates_rest_on_a_user_role_that_goes(estate):
    dcc = estate.register.load().participant("dcc")
    bare = replace(dcc, ids=tuple(replace(each, user_roles=()) for each in dcc.ids))
    said = []
    estate.register.bring_in([bare], [], said.append)
    assert len(said) == len(dcc.ids)
    assert all("serves DCC no longer, and certificates were issued for it" in one for one in said)


def test_a_role_made_by_hand_is_checked_as_the_one_that_is_stored(estate):
    party = estate.register.load().participant("supplier-one")
    forged = replace(estate.library.roles.user_role("DCC"), kind="party")
    first = replace(party.ids[0], user_roles=(*party.ids[0].user_roles, forged))
    with pytest.raises(InputError) as caught:
        estate.register.bring_in([replace(party, ids=(first, *party.ids[1:]))], [])
    assert caught.value.code == "user_role.kind"
