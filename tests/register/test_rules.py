"""What a participant may be in the register: the rules of an import and of an allocation."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from smki_testca.errors import InputError
from smki_testca.identifiers import RegistryEntry, Signifier
from smki_testca.profiles import Library
from smki_testca.register import documents
from smki_testca.register.register import Register
from smki_testca.register.rules import check_participant
from smki_testca.register.whois import whois_id
from smki_testca.shipped import shipped

CENTRAL = (RegistryEntry.parse("90-B3-D5-1F-3"),)
LIBRARY = Library()
PARTY = """
[[participant]]
id = "{id}"
name = "{name}"
kind = "{kind}"
signifier = "{signifier}"
ranges = [{{ registry-entry = "90-B3-D5-1F-3", organisation-number = "{number}" }}]
ids = [{{ eui64 = "90-B3-D5-1F-3{first}-{rest}-00-00", user-roles = {roles} }}]
{more}
"""
MAKER = """
[[participant]]
id = "{id}"
name = "Maker"
kind = "manufacturer"
registry-entries = {entries}
"""


def text(name="one", number="0A1", kind="party", roles='["IS"]', more="", **other):
    return PARTY.format(
        id=name,
        name=other.get("trading", name),
        kind=kind,
        signifier=other.get("signifier", f"T-{name}"),
        number=number,
        first=number[0],
        rest=number[1:],
        roles=roles,
        more=more,
    )


def registered(*texts, register=None):
    register = register or Register(CENTRAL)
    for one in texts:
        participants, _ = documents.read_file(one.encode(), "file.toml", LIBRARY)
        register = register.with_participants(participants)
    return register


def code(*texts, register=None, said=""):
    with pytest.raises(InputError) as caught:
        registered(*texts, register=register)
    assert len(caught.value.lines()) == 1
    assert said in caught.value.message
    return caught.value.code


OTHERS = {"party": "IS", "dcc": "DCC", "rdp": "RDP"}
USER_ROLES = {"IS", "ES", "GS", "ED", "GT", "OU", "RSA", "MDR", "LC"}


def test_the_data_say_which_kind_each_user_role_belongs_to():
    kinds = {role.code: role.kind for role in LIBRARY.roles.user_roles}
    assert kinds == dict.fromkeys(USER_ROLES, "party") | {"DCC": "dcc", "RDP": "rdp"}


def test_roles_of_an_operator_that_say_no_kind_mean_what_they_meant(tmp_path):
    lines = (shipped("profiles") / "roles.toml").read_text("utf-8").splitlines()
    assert 'kind = "dcc"' in lines
    earlier = "\n".join(line for line in lines if not line.startswith("kind = "))
    (tmp_path / "roles.toml").write_text(earlier, "utf-8")
    assert Library(tmp_path).roles.user_roles == LIBRARY.roles.user_roles


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("role", OTHERS.values())
@pytest.mark.shows("¶40", "R23")
def test_a_user_role_is_for_its_kind_of_participant_alone(kind, role):
    if OTHERS[kind] == role:
        assert registered(text(kind=kind, roles=f'["{role}"]'))
        return
    assert code(text(kind=kind, roles=f'["{role}"]'), said=f"of kind {kind} (R23)") == (
        "user_role.kind"
    )
    assert code(text(kind=kind, roles=f'["{OTHERS[kind]}", "{role}"]')) == "user_role.kind"
    register = registered(text(kind=kind, roles="[]"))
    with pytest.raises(InputError) as caught:
        register.allocate("one", LIBRARY.roles.user_role(role), 1)
    assert caught.value.code == "user_role.kind"


def test_an_update_gives_no_user_role_of_another_kind():
    register = registered(text())
    assert code(text(roles='["DCC"]'), register=register) == "user_role.kind"


@pytest.mark.shows("R23")
def test_there_is_one_dcc():
    dcc, other = text("dcc", kind="dcc", roles="[]"), text("dcc2", "0A2", "dcc", "[]")
    assert code(dcc, other, said="dcc2 cannot be the DCC: dcc is") == "participant.dcc"
    assert code(dcc + other) == "participant.dcc"
    # It may be brought up to date.
    assert registered(dcc, dcc).dccs == ("dcc",)


def test_one_user_role_is_not_listed_twice_under_two_names():
    for roles in ('["IS", "Import Supplier"]', '["IS", "IS"]', '["import-supplier", "GS", "is"]'):
        assert code(text(roles=roles), said="Import Supplier twice") == "participant.role_twice"


def test_a_user_role_that_an_earlier_version_took_twice_is_read_once():
    (party,), _ = documents.read_file(text().encode(), "file.toml", LIBRARY)
    record = json.loads(documents.participant_to_record(party))
    record["ids"][0]["user-roles"] = ["IS", "Import Supplier"]
    assert documents.participant_from_record(json.dumps(record).encode(), LIBRARY.roles) == party


def test_whois_gives_no_role_to_a_user_role_of_another_kind():
    register = registered(text(roles='["IS"]'))
    party = register.participant("one")
    (allocated,) = party.ids
    roles = tuple(map(LIBRARY.roles.user_role, ("IS", "DCC")))
    held = replace(party, ids=(replace(allocated, user_roles=roles),))
    register = replace(register, participants={"one": held})
    answer = whois_id(register, allocated.eui64).as_json(LIBRARY.roles)
    assert answer["user_roles"] == ["Import Supplier", "DCC"]
    assert answer["remote_party_roles"] == ["supplier", "xmlSign"]


def market(*entries):
    listed = ", ".join(
        f'{{ scheme = "{scheme}", identifier = "{identifier}", role-code = "{role}"{more} }}'
        for scheme, identifier, role, more in entries
    )
    return f"market-participant-ids = [{listed}]"


ONE = ("MRA", "ONE1", "X", "")


@pytest.mark.parametrize(
    ("theirs", "taken"),
    [
        (ONE, True),
        (("MRA", "ONE1", "P", ""), True),
        (("UNC", "ONE1", "X", ""), False),
        (("MRA", "ONE2", "X", ""), False),
    ],
)
@pytest.mark.shows("¶41", "R14")
def test_a_market_participant_id_is_one_partys(theirs, taken):
    mine, others = text(more=market(ONE)), text("two", "0A2", more=market(theirs))
    if taken:
        said = "two cannot have the Market Participant ID ONE1 (MRA): it is one's"
        assert code(mine, others, said=said) == "participant.market_taken"
        assert code(mine + others) == "participant.market_taken"
    else:
        assert registered(mine, others)
    # Nor is it in the way of whoever has it, or of another once it was given up.
    assert registered(mine, mine)
    assert registered(mine, text(), others)


@pytest.mark.parametrize("wrong", [" ", "\u00a0", " ONE1", "ONE1 ", "ON\\nE1", "\u200b"])
def test_a_market_participant_id_is_written_as_its_scheme_does(wrong):
    for entry in (("MRA", wrong, "X", ""), ("MRA", "ONE1", wrong, "")):
        assert code(text(more=market(entry))) == "participant.market_text"


def test_a_market_participant_id_is_listed_once():
    twice = 'ids = ["90-B3-D5-1F-30-A1-00-00", "90b3d51f30a10000"]'
    assert code(text(more=market(ONE, ONE))) == "participant.market_twice"
    assert code(text(more=market(("MRA", "A", "X", f", {twice}")))) == "participant.market_twice"
    assert registered(text(more=market(ONE, ("MRA", "ONE1", "P", ""))))


@pytest.mark.shows("R14")
def test_who_can_have_no_user_id_has_no_market_participant_id():
    maker = MAKER.format(id="maker", entries="[]") + market(ONE)
    assert code(maker, said="no Market Participant IDs (R14)") == "participant.market_id"


@pytest.mark.parametrize(
    "blank",
    [
        text(trading="  "),
        text(trading="\u200b"),
        text(signifier=" "),
        text().replace('"90-B3-D5-1F-3", org', '"00-DB-12-3", exception = " ", org'),
    ],
    ids=["name", "name of no width", "signifier", "exception"],
)
def test_no_text_of_a_participant_is_blank(blank):
    blank = blank.replace("90-B3-D5-1F-30-A1", "00-DB-12-30-A1-00") if "DB" in blank else blank
    assert code(blank, said="is blank") == "participant.blank"


@pytest.mark.parametrize(
    "entries",
    [
        '["00-DB-12", "00-db-12"]',
        '["00-DB-12", "00-DB-12-3"]',
        '["00-DB-12-34-5", "00-DB-12-3"]',
        '["00-DB-12", { value = "00-DB-12", exclusive = true }]',
    ],
)
def test_a_registry_entry_is_listed_once(entries):
    assert code(MAKER.format(id="maker", entries=entries)) == "registry_entry.twice"


def test_a_registry_entry_may_be_exclusive_and_is_kept_as_one():
    entries = '["00-DB-12", { value = "00-db-13", exclusive = true }, { value = "00-DB-14" }]'
    register = registered(MAKER.format(id="maker", entries=entries))
    maker = register.participant("maker")
    assert list(map(str, maker.registry_entries)) == ["00-DB-12", "00-DB-13", "00-DB-14"]
    assert list(map(str, maker.exclusive_entries)) == ["00-DB-13"]
    record = documents.participant_to_record(maker)
    assert documents.participant_from_record(record, LIBRARY.roles) == maker
    assert maker.as_json()["registry_entries"] == ["00-DB-12", "00-DB-13", "00-DB-14"]
    assert maker.as_json()["exclusive_registry_entries"] == ["00-DB-13"]
    # What an entry is without the word, an earlier version reads, too.
    entries = '["00-DB-12", "00-DB-13", { value = "00-DB-14" }]'
    register = registered(MAKER.format(id="maker", entries=entries), register=register)
    maker = register.participant("maker")
    assert "exclusive_registry_entries" not in maker.as_json()
    stored = json.loads(documents.participant_to_record(maker))
    assert stored["registry-entries"] == ["00-DB-12", "00-DB-13", "00-DB-14"]


def test_a_table_of_a_registry_entry_has_no_other_keys():
    entries = '[{ value = "00-DB-13", alone = true }]'
    assert code(MAKER.format(id="maker", entries=entries), said="alone") == "toml.shape"
    assert code(MAKER.format(id="m", entries="[{ exclusive = true }]"), said="value") == (
        "toml.shape"
    )


@pytest.mark.parametrize(
    "odd", ["a\nb", "a\x00b", "a\x1b[2J", "a\u202eb", "a\u2066b", "a\u2028b", "a\u200fb"]
)
def test_the_texts_of_a_participant_show_as_they_are(odd):
    (one,) = documents.read_file(text().encode(), "file.toml", LIBRARY)[0]
    for wrong in (
        replace(one, name=odd),
        replace(one, signifier=Signifier(odd)),
        replace(one, ranges=(replace(one.ranges[0], exception=odd),)),
    ):
        with pytest.raises(InputError) as caught:
            check_participant(wrong)
        assert caught.value.code == "participant.text"
        assert caught.value.message.isprintable()


@pytest.mark.parametrize("name", ["Société d'Énergie", "電力", "a\u00a0b", "שלום"])
def test_names_in_other_scripts_are_names(name):
    registered(text(trading=name))
