from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smki_testca.errors import InputError
from smki_testca.identifiers import Eui64, RegistryEntry, Signifier
from smki_testca.profiles import Library
from smki_testca.register import documents
from smki_testca.register.agreements import AgreementKind
from smki_testca.register.register import Register
from smki_testca.shipped import shipped

EXAMPLE = (shipped("examples") / "participants.toml").read_bytes()
CENTRAL = (RegistryEntry.parse("70-B3-D5-1F-3"), RegistryEntry.parse("90-B3-D5-1F-3"))
LIBRARY = Library()


def role(code):
    return LIBRARY.roles.user_role(code)


def party(name="party-one", number="0A1", signifier=None, ids=(), extra="", entry="90-B3-D5-1F-3"):
    """One Party, from the text of its table; IDs are the last four digits."""
    prefix = f"90-B3-D5-1F-3{number[0]}-{number[1:]}"
    listed = ", ".join(
        f'{{ eui64 = "{prefix}-{digits[:2]}-{digits[2:]}", user-roles = ["IS"] }}' for digits in ids
    )
    text = f"""
[[participant]]
id = "{name}"
name = "{name}"
kind = "party"
signifier = "{signifier or name}"
ranges = [{{ registry-entry = "{entry}", organisation-number = "{number}" }}]
ids = [{listed}]
{extra}
"""
    return documents.read_file(text.encode(), "text", LIBRARY)[0][0]


def manufacturer(name, *entries):
    text = f'[[participant]]\nid = "{name}"\nname = "{name}"\nkind = "manufacturer"\n'
    text += f"registry-entries = {list(entries)}\n".replace("'", '"')
    return documents.read_file(text.encode(), "text", LIBRARY)[0][0]


def registered(*participants):
    return Register(CENTRAL).with_participants(participants)


def refused(register, *participants):
    before = dict(register.participants)
    with pytest.raises(InputError) as caught:
        register.with_participants(participants)
    assert register.participants == before
    return caught.value


@pytest.fixture(scope="module")
def example():
    participants, agreements = documents.read_file(EXAMPLE, "example", LIBRARY)
    return Register(CENTRAL).with_participants(participants).with_agreements(agreements)


# Lookups, every way


@pytest.mark.shows("R7")
def test_an_id_leads_to_its_participant_and_its_user_roles(example):
    eui64 = Eui64.parse("90-B3-D5-1F-30-01-00-08")
    holder = example.holder_of_id(eui64)
    assert holder is example.participant("supplier-one")
    assert [one.name for one in holder.allocated(eui64).user_roles] == ["Load Controller"]


def test_an_id_that_was_not_allocated_leads_to_the_owner_of_its_range_only(example):
    eui64 = Eui64.parse("90-B3-D5-1F-30-01-00-07")
    assert example.holder_of_id(eui64) is None
    assert example.holder_of_range(eui64).id == "supplier-one"
    assert example.holder_of_range(Eui64.parse("90-B3-D5-1F-3F-01-00-07")) is None


def test_a_signifier_leads_to_exactly_one_participant(example):
    for one in example.participants.values():
        if one.signifier is not None:
            assert example.holder_of_signifier(one.signifier) is one
    assert example.holder_of_signifier(Signifier("tpty-supplier-one")) is None


def test_a_participant_without_a_signifier_is_found_by_none(example):
    holders = {example.holder_of_signifier(Signifier(text)) for text in ("None", "meters-one")}
    assert holders == {None}


def test_a_market_participant_id_leads_to_its_party(example):
    (holder,) = example.holders_of_market_participant("SUP1")
    assert holder.id == "supplier-one"
    assert example.holders_of_market_participant("sup1") == []


def test_a_device_id_leads_to_the_owner_of_its_registry_entry(example):
    assert example.holder_of_device_id(Eui64.parse("00-DB-12-FF-00-00-00-01")).id == "meters-one"
    assert example.holder_of_device_id(Eui64.parse("00-DB-13-FF-00-00-00-01")) is None


def test_an_agreement_leads_to_its_participant_and_back(example):
    (agreement,) = example.agreements_of("meters-one")
    assert example.agreement(agreement.reference) is agreement
    assert example.agreements_of("labs-one") == []


def test_who_is_not_there_is_an_error(example):
    with pytest.raises(InputError) as caught:
        example.participant("nobody\n")
    assert caught.value.code == "participant.unknown"
    assert r"'nobody\n'" in caught.value.message
    with pytest.raises(InputError) as caught:
        example.agreement("SEC-0")
    assert caught.value.code == "agreement.unknown"


# Apart from each other


@pytest.mark.shows("4-issue-1", "4-issue-7", "¶32", "¶34", "B2", "R9", "R15")
def test_two_participants_cannot_share_a_signifier():
    error = refused(registered(party(signifier="T")), party("party-two", "0A2", "T"))
    assert error.code == "signifier.taken"
    assert "party-two cannot have the Signifier T: it is party-one's" in error.message


def test_two_participants_of_one_file_cannot_share_a_signifier():
    error = refused(registered(), party(signifier="T"), party("party-two", "0A2", "T"))
    assert error.code == "signifier.taken"


def test_signifiers_that_differ_in_case_are_different():
    register = registered(party(signifier="T"), party("party-two", "0A2", "t"))
    assert register.holder_of_signifier(Signifier("t")).id == "party-two"


@pytest.mark.shows("¶29", "R12")
def test_two_participants_cannot_share_an_organisation_number():
    error = refused(registered(party()), party("party-two", "0A1"))
    assert error.code == "id_range.overlap"
    assert "party-two" in error.message
    assert "party-one" in error.message


def test_ranges_of_different_splits_cannot_overlap():
    wide = 'ranges = [{ registry-entry = "90-B3-D5-1F-3", organisation-number = "0A",'
    wide += " organisation-bits = 8 }]"
    text = f'[[participant]]\nid = "wide"\nname = "w"\nkind = "party"\nsignifier = "W"\n{wide}'
    (arriving,), _ = documents.read_file(text.encode(), "text", LIBRARY)
    assert refused(registered(party()), arriving).code == "id_range.overlap"
    assert refused(registered(arriving), party()).code == "id_range.overlap"
    assert registered(arriving, party("party-two", "0B1"))


def test_two_ranges_of_one_participant_cannot_overlap():
    one = 'registry-entry = "90-B3-D5-1F-3", organisation-number = '
    ranges = f'ranges = [{{ {one}"0A1" }}, {{ {one}"0A", organisation-bits = 8 }}]'
    text = f'[[participant]]\nid = "p"\nname = "p"\nkind = "party"\nsignifier = "P"\n{ranges}'
    (arriving,), _ = documents.read_file(text.encode(), "text", LIBRARY)
    error = refused(registered(), arriving)
    assert error.code == "id_range.overlap"
    assert "participant p" in error.message


def test_the_look_alike_registry_entries_do_not_overlap():
    register = registered(party(), party("party-two", "0A1", entry="70-B3-D5-1F-3"))
    assert register.holder_of_range(Eui64.parse("70-B3-D5-1F-30-A1-00-00")).id == "party-two"
    assert register.holder_of_range(Eui64.parse("90-B3-D5-1F-30-A1-00-00")).id == "party-one"


@pytest.mark.shows("4-issue-2", "¶31", "R10")
def test_a_range_lies_under_a_registry_entry_of_the_sec():
    error = refused(registered(), party(entry="00-DB-12"))
    assert error.code == "id_range.entry"
    assert "00-DB-12" in error.message


@pytest.mark.parametrize(
    ("entry", "code"),
    [("90-B3-D5-1F-3", "id_range.exception"), ("90-B3-D5-1", "id_range.entry")],
)
@pytest.mark.shows("R10")
def test_an_exception_is_for_ranges_far_from_the_secs_entries(entry, code):
    (organisation,) = party(entry=entry).ranges
    excepted = replace(organisation, exception="so it is")
    assert refused(registered(), replace(party(), ranges=(excepted,), ids=())).code == code


def test_a_range_elsewhere_is_kept_with_the_exception_that_it_is(library):
    (organisation,) = party(entry="00-DB-12").ranges
    arriving = replace(party(), ranges=(replace(organisation, exception="so it is"),), ids=())
    register = registered(arriving)
    assert register.exceptional == (organisation.range,)
    record = documents.participant_to_record(arriving)
    assert documents.participant_from_record(record, library.roles) == arriving
    assert arriving.as_json()["ranges"][0]["exception"] == "so it is"


@pytest.mark.parametrize("entry", ["90-B3-D5-1F-3", "70-B3-D5-1F-3", "90-B3-D5", "70-B3-D5-1"])
@pytest.mark.shows("¶33", "R11")
def test_a_registry_entry_of_the_sec_is_nobodys_own(entry):
    error = refused(registered(), manufacturer("maker", entry))
    assert error.code == "registry_entry.central"
    assert "R11" in error.message


@pytest.mark.parametrize("entry", ["00-DB-12", "00-DB-12-3", "00-DB-12-34-5"])
def test_two_manufacturers_cannot_share_a_registry_entry(entry):
    error = refused(registered(manufacturer("one", "00-DB-12")), manufacturer("two", entry))
    assert error.code == "registry_entry.taken"
    assert registered(manufacturer("one", "00-DB-12"), manufacturer("two", "00-DB-13"))


def test_one_participant_cannot_be_given_twice():
    error = refused(registered(), party(), party())
    assert error.code == "participant.twice"


# Brought up to date


def test_importing_the_same_again_changes_nothing(example):
    participants, agreements = documents.read_file(EXAMPLE, "example", LIBRARY)
    again = example.with_participants(participants).with_agreements(agreements)
    assert again == example


def test_importing_again_keeps_what_was_allocated_meanwhile():
    arriving = party(ids=["0000", "0008"])
    register, (allocated,) = registered(arriving).allocate("party-one", role("GS"), 1)
    again = register.with_participants([arriving]).participant("party-one")
    assert [str(one.eui64)[-5:] for one in again.ids] == ["00-00", "00-08", "00-09"]
    assert [one.code for one in again.allocated(allocated).user_roles] == ["GS"]


def test_importing_again_adds_ids_in_their_order():
    register = registered(party(ids=["0000", "0008"]))
    text = party(ids=["0004", "0008"])
    (first, second, third) = register.with_participants([text]).participant("party-one").ids
    assert [str(one.eui64)[-2:] for one in (first, second, third)] == ["00", "04", "08"]


def test_importing_again_may_add_and_take_away_market_participant_ids():
    register = registered(party(ids=["0000"]))
    extra = 'market-participant-ids = [{ scheme = "MRA", identifier = "M", role-code = "X" }]'
    arriving = party(ids=["0000"], extra=extra)
    changed = register.with_participants([arriving])
    assert [one.id for one in changed.holders_of_market_participant("M")] == ["party-one"]
    back = changed.with_participants([party(ids=["0000"])])
    assert back.holders_of_market_participant("M") == []


@pytest.mark.shows("¶32", "R9")
def test_a_signifier_cannot_change():
    error = refused(registered(party(signifier="T")), party(signifier="U"))
    assert error.code == "participant.changed"
    assert "Signifier T" in error.message


def test_a_kind_cannot_change():
    error = refused(registered(manufacturer("party-one", "00-DB-12")), party())
    assert error.code == "participant.changed"
    assert "manufacturer" in error.message


def test_an_organisation_number_cannot_change():
    error = refused(registered(party()), party(number="0A2"))
    assert error.code == "participant.changed"
    assert "cannot lose a range" in error.message


def test_another_range_may_be_added():
    more = party().ranges + party(number="0A2").ranges
    text = 'ranges = [{ registry-entry = "90-B3-D5-1F-3", organisation-number = "0A1" }, {'
    text += ' registry-entry = "90-B3-D5-1F-3", organisation-number = "0A2" }]'
    head = (
        '[[participant]]\nid = "party-one"\nname = "p"\nkind = "party"\nsignifier = "party-one"\n'
    )
    (arriving,), _ = documents.read_file((head + text).encode(), "text", LIBRARY)
    assert registered(party()).with_participants([arriving]).participant("party-one").ranges == more


# Agreements


def test_an_agreement_binds_someone_in_the_register():
    _, agreements = documents.read_file(EXAMPLE, "example", LIBRARY)
    with pytest.raises(InputError) as caught:
        registered(party()).with_agreements(agreements)
    assert caught.value.code == "participant.unknown"


@pytest.mark.parametrize(
    ("participant", "kinds"),
    [
        ("supplier-one", {AgreementKind.SEC_ACCESSION, AgreementKind.BILATERAL}),
        ("dcc", {AgreementKind.SEC_ACCESSION, AgreementKind.BILATERAL}),
        ("rdp-one", {AgreementKind.RDP_ARRANGEMENT, AgreementKind.BILATERAL}),
        ("meters-one", {AgreementKind.BILATERAL}),
        ("labs-one", {AgreementKind.BILATERAL}),
    ],
)
@pytest.mark.shows("3-issue-2", "¶40", "R2", "R18")
def test_an_agreement_is_of_a_kind_that_binds_its_participant(example, participant, kinds):
    for kind in AgreementKind:
        terms = replace(
            example.agreement("SEC-2020-001"), reference="NEW", participant=participant, kind=kind
        )
        if kind in kinds:
            assert example.with_agreements([terms]).agreement("NEW") == terms
            continue
        with pytest.raises(InputError) as caught:
            example.with_agreements([terms])
        assert caught.value.code == "agreement.kind"
        # Where an earlier version took it, importing the same again changes nothing.
        held = replace(example, agreements={**example.agreements, "NEW": terms})
        assert held.with_agreements([terms]).agreements == held.agreements


def test_a_reference_cannot_be_used_for_other_terms(example):
    agreement = example.agreement("SEC-2020-001")
    assert example.with_agreements([agreement]) == example
    with pytest.raises(InputError) as caught:
        example.with_agreements([replace(agreement, remote_delivery=False)])
    assert caught.value.code == "agreement.reference"
    assert "SEC-2020-001" in caught.value.message


def test_an_agreement_is_suspended_and_resumed(example):
    suspended = example.with_suspension("SEC-2020-001", suspended=True)
    assert suspended.agreement("SEC-2020-001").suspended
    assert not example.agreement("SEC-2020-001").suspended
    assert suspended.with_suspension("SEC-2020-001", suspended=False) == example


@pytest.mark.parametrize("suspended", [True, False])
def test_an_agreement_is_not_suspended_or_resumed_twice(example, suspended):
    register = example
    if suspended:
        register = example.with_suspension("SEC-2020-001", suspended=True)
    with pytest.raises(InputError) as caught:
        register.with_suspension("SEC-2020-001", suspended=suspended)
    assert caught.value.code == "agreement.state"


# Allocation


def digits(ids):
    return [str(eui64)[-5:] for eui64 in ids]


@pytest.mark.parametrize(
    ("present", "given"),
    [
        ([], ["00-00", "00-01", "00-02"]),
        (["0000"], ["00-01", "00-02", "00-03"]),
        (["0000", "0009"], ["00-0A", "00-0B", "00-0C"]),
        (["000E"], ["00-0F", "00-10", "00-11"]),
        (["00FE"], ["00-FF", "01-00", "01-01"]),
        (["FFFE"], ["FF-FF", "00-00", "00-01"]),
        (["0001", "FFFF"], ["00-00", "00-02", "00-03"]),
    ],
)
@pytest.mark.shows("4-issue-3", "B2", "R10")
def test_ids_are_allocated_in_hexadecimal_order_after_the_highest(present, given):
    _, ids = registered(party(ids=present)).allocate("party-one", role("IS"), 3)
    assert digits(ids) == given


def test_allocated_ids_are_the_participants_and_serve_the_user_role():
    register, ids = registered(party()).allocate("party-one", role("ES"), 2)
    for eui64 in ids:
        holder = register.holder_of_id(eui64)
        assert holder.id == "party-one"
        assert [one.code for one in holder.allocated(eui64).user_roles] == ["ES"]


@pytest.mark.slow
@given(st.lists(st.integers(1, 40), min_size=1, max_size=12))
@pytest.mark.shows("4-issue-3", "B2", "R10")
def test_an_id_is_never_allocated_twice_nor_outside_the_range(counts):
    register, seen = registered(party(ids=["FFF0"])), set()
    for count in counts:
        register, ids = register.allocate("party-one", role("IS"), count)
        assert len(ids) == count
        assert not seen & set(ids)
        seen |= set(ids)
    participant = register.participant("party-one")
    assert all(eui64 in participant.ranges[0].range for eui64 in seen)
    listed = [one.eui64 for one in participant.ids]
    assert listed == sorted(set(listed))
    assert len(listed) == len(seen) + 1


def small_range(*numbers):
    """A Party with ranges of two IDs each."""
    ranges = ", ".join(
        f'{{ registry-entry = "90-B3-D5-1F-3", organisation-number = "{number:X}",'
        " organisation-bits = 27 }"
        for number in numbers
    )
    text = '[[participant]]\nid = "small"\nname = "s"\nkind = "party"\nsignifier = "S"\n'
    return documents.read_file(f"{text}ranges = [{ranges}]".encode(), "text", LIBRARY)[0][0]


@pytest.mark.shows("4-issue-3", "R10")
def test_a_range_can_be_exhausted():
    register, ids = registered(small_range(1)).allocate("small", role("IS"), 2)
    assert digits(ids) == ["00-02", "00-03"]
    with pytest.raises(InputError) as caught:
        register.allocate("small", role("IS"), 1)
    assert caught.value.code == "allocation.exhausted"
    assert "0 IDs left, not 1" in caught.value.message


def test_more_than_what_is_left_allocates_nothing():
    register, _ = registered(small_range(1)).allocate("small", role("IS"), 1)
    with pytest.raises(InputError, match="1 ID left, not 2"):
        register.allocate("small", role("IS"), 2)
    assert len(register.participant("small").ids) == 1


def test_the_next_range_follows_when_the_first_is_used_up():
    register = registered(small_range(1, 8))
    _, ids = register.allocate("small", role("IS"), 4)
    assert digits(ids) == ["00-02", "00-03", "00-10", "00-11"]


@pytest.mark.parametrize("name", ["meters-one", "labs-one"])
def test_who_has_no_range_gets_no_ids(example, name):
    with pytest.raises(InputError) as caught:
        example.allocate(name, role("IS"), 1)
    assert caught.value.code == "allocation.no_range"


def test_allocation_leaves_the_register_it_was_asked_of_as_it_was():
    register = registered(party())
    register.allocate("party-one", role("IS"), 5)
    assert register.participant("party-one").ids == ()


@pytest.mark.shows("¶35", "R14")
def test_a_market_participant_id_maps_to_allocated_ids_only(estate):
    data = (shipped("examples") / "participants.toml").read_bytes()
    old, new = b'03-00-00"] },\n]', b'03-00-0F"] },\n]'
    unallocated = data.replace(
        b'X", ids = ["90-B3-D5-1F-30-' + old, b'X", ids = ["90-B3-D5-1F-30-' + new
    )
    assert unallocated != data
    with pytest.raises(InputError, match="SUP2 of supplier-two maps to") as caught:
        estate.register.import_file(unallocated, "changed.toml")
    assert caught.value.code == "participant.market_id"
    for _ in range(14):
        allocated = estate.register.allocate("supplier-two", "Gas Supplier", 1)
    assert str(allocated[0]) == "90-B3-D5-1F-30-03-00-0F"
    estate.register.import_file(unallocated, "changed.toml")
    (market,) = estate.register.load().participant("supplier-two").market_participant_ids
    assert market.ids == tuple(allocated)


# A range in an exclusive Registry Entry of another's

_GRABBED = """
[[participant]]
id = "grabber"
name = "Grabber"
kind = "party"
signifier = "GRAB"
ranges = [{ registry-entry = "00-DB-12", organisation-number = "000", exception = "because" }]
"""


def grabber():
    return documents.read_file(_GRABBED.encode(), "text", LIBRARY)[0][0]


def with_exclusive(register, *, exclusive=True):
    owner = register.participant("meters-one")
    entries = frozenset(owner.registry_entries if exclusive else ())
    return replace(owner, exclusive_entries=entries)


@pytest.mark.shows("R24")
def test_nobody_has_a_range_in_an_entry_that_another_keeps_to_itself(example):
    register = example.with_participants([with_exclusive(example)])
    error = refused(register, grabber())
    assert error.code == "id_range.in_exclusive_entry"
    assert "the Registry Entry 00-DB-12 of meters-one, which is exclusive" in error.message
    present = replace(grabber(), ranges=())
    with pytest.raises(InputError) as caught:
        register.with_participants([present]).with_correction(grabber())
    assert caught.value.code == "id_range.in_exclusive_entry"


def test_an_entry_that_has_another_s_range_does_not_become_exclusive(example):
    both = example.with_participants([grabber()])
    error = refused(both, with_exclusive(example))
    assert error.code == "id_range.in_exclusive_entry"
    assert "is grabber's" in error.message
    assert refused(example, grabber(), with_exclusive(example)).code == error.code


def test_an_own_exclusive_entry_may_have_an_own_range(example):
    entries = example.participant("meters-one").registry_entries
    bare = replace(example.participant("meters-one"), registry_entries=())
    owner = replace(grabber(), registry_entries=entries, exclusive_entries=frozenset(entries))
    register = example.with_correction(bare).with_participants([owner])
    assert register.participant("grabber") == owner


def test_what_is_exclusive_no_longer_is_open_to_ranges(example):
    register = example.with_participants([with_exclusive(example)])
    register = register.with_participants([with_exclusive(example, exclusive=False), grabber()])
    assert register.participant("grabber") == grabber()


def test_a_register_that_has_such_a_range_already_can_be_brought_up_to_date(example):
    owner = with_exclusive(example)
    known = replace(
        example,
        participants={**example.participants, "grabber": grabber(), "meters-one": owner},
    )
    renamed = [replace(grabber(), name="New"), replace(owner, name="New")]
    assert known.with_participants(renamed).participant("meters-one").name == "New"
    for one in renamed:
        assert known.with_correction(one).participant(one.id).name == "New"
