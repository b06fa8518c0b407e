from __future__ import annotations

import pytest

from smki_testca.errors import ExitCode, InputError
from smki_testca.profiles import Library
from smki_testca.register import documents
from smki_testca.shipped import shipped

EXAMPLE = shipped("examples") / "participants.toml"

PARTY = """
[[participant]]
id = "party-one"
name = "Party One"
kind = "party"
signifier = "TPTY-ONE"
ranges = [{ registry-entry = "90-B3-D5-1F-3", organisation-number = "0A1" }]
ids = [
  { eui64 = "90-B3-D5-1F-30-A1-00-08", user-roles = ["IS"] },
  { eui64 = "90b3d51f30a10009", user-roles = ["export supplier", "Gas Supplier"] },
  { eui64 = "90-b3-d5-1f-30-a1-00-0a" },
]
market-participant-ids = [
  { scheme = "MRA", identifier = "ONE1", role-code = "X", ids = ["90-B3-D5-1F-30-A1-00-08"] },
]
registry-entries = ["00-DB-14"]
"""

AGREEMENT = """
[[agreement]]
reference = "SEC-1"
participant = "party-one"
kind = "sec-accession"
from = 2026-01-01
until = 2026-12-31
purposes = ["uept"]
categories = ["organisation-user"]
environments = ["ZAZ1"]
obligations = ["security-requirements-of-the-etad"]
"""


def read(text, library):
    return documents.read_file(text.encode(), "file.toml", library)


def refused(text, library):
    with pytest.raises(InputError) as caught:
        read(text, library)
    assert caught.value.exit_code is ExitCode.INPUT
    assert "file.toml" in caught.value.message
    assert len(caught.value.lines()) == 1
    return caught.value


def test_a_participant_is_read_with_all_it_has(library):
    ((party,), agreements) = read(PARTY, library)
    assert agreements == []
    assert party.as_json() == {
        "id": "party-one",
        "name": "Party One",
        "kind": "party",
        "signifier": "TPTY-ONE",
        "ranges": [
            {
                "registry_entry": "90-B3-D5-1F-3",
                "organisation_number": "0A1",
                "organisation_bits": 12,
                "first": "90-B3-D5-1F-30-A1-00-00",
                "last": "90-B3-D5-1F-30-A1-FF-FF",
            }
        ],
        "ids": [
            {
                "eui64": "90-B3-D5-1F-30-A1-00-08",
                "user_roles": ["Import Supplier"],
                "user_role_codes": ["IS"],
            },
            {
                "eui64": "90-B3-D5-1F-30-A1-00-09",
                "user_roles": ["Export Supplier", "Gas Supplier"],
                "user_role_codes": ["ES", "GS"],
            },
            {"eui64": "90-B3-D5-1F-30-A1-00-0A", "user_roles": [], "user_role_codes": []},
        ],
        "market_participant_ids": [
            {
                "scheme": "MRA",
                "identifier": "ONE1",
                "role_code": "X",
                "ids": ["90-B3-D5-1F-30-A1-00-08"],
            }
        ],
        "registry_entries": ["00-DB-14"],
    }


def test_an_agreement_is_read_with_all_it_has(library):
    (_, (agreement,)) = read(PARTY + AGREEMENT, library)
    assert agreement.as_json() == {
        "reference": "SEC-1",
        "participant": "party-one",
        "kind": "sec-accession",
        "from": "2026-01-01",
        "until": "2026-12-31",
        "suspended": False,
        "purposes": ["uept"],
        "categories": ["organisation-user"],
        "environments": ["ZAZ1"],
        "obligations": ["security-requirements-of-the-etad"],
        "remote_delivery": False,
    }


def test_what_the_estate_keeps_reads_back_the_same(library):
    texts = [PARTY + AGREEMENT, EXAMPLE.read_text(encoding="utf-8")]
    split = PARTY.replace('"0A1" }', '"1", organisation-bits = 3 }')
    texts.append(split.replace("30-A1", "32-00").replace("30-a1", "32-00").replace("30a1", "3200"))
    for text in texts:
        participants, agreements = read(text, library)
        assert participants
        for one in participants:
            record = documents.participant_to_record(one)
            assert documents.participant_from_record(record, library.roles) == one
        for one in agreements:
            assert documents.agreement_from_record(documents.agreement_to_record(one)) == one


def test_the_split_of_a_range_can_be_chosen(library):
    text = PARTY.replace('"0A1" }', '"A", organisation-bits = 8 }')
    ((party,), _) = read(text, library)
    assert party.as_json()["ranges"][0] == {
        "registry_entry": "90-B3-D5-1F-3",
        "organisation_number": "0A",
        "organisation_bits": 8,
        "first": "90-B3-D5-1F-30-A0-00-00",
        "last": "90-B3-D5-1F-30-AF-FF-FF",
    }


def test_the_example_has_the_participants_of_the_published_layout(library):
    participants, agreements = read(EXAMPLE.read_text(encoding="utf-8"), library)
    kinds = {one.id: one.kind.value for one in participants}
    assert kinds == {
        "supplier-one": "party",
        "network-one": "party",
        "supplier-two": "party",
        "other-one": "party",
        "rdp-one": "rdp",
        "dcc": "dcc",
        "meters-one": "manufacturer",
        "labs-one": "other",
    }
    ids = {
        (one.id, role.code): str(allocated.eui64)
        for one in participants
        for allocated in one.ids
        for role in allocated.user_roles
    }
    assert ids["supplier-one", "IS"] == "90-B3-D5-1F-30-01-00-00"
    assert ids["supplier-one", "LC"] == "90-B3-D5-1F-30-01-00-08"
    assert ids["supplier-one", "MDR"] == "90-B3-D5-1F-30-01-00-09"
    assert ids["network-one", "ED"] == "90-B3-D5-1F-30-02-00-00"
    assert ids["supplier-two", "IS"] == "90-B3-D5-1F-30-03-00-00"
    assert {role for name, role in ids if name == "supplier-one"} == {"IS", "ES", "GS", "LC", "MDR"}
    dcc = next(one for one in participants if one.id == "dcc")
    assert all(str(one.eui64).startswith("90-B3-D5-1F-30-00-00-0") for one in dcc.ids)
    meters = next(one for one in participants if one.id == "meters-one")
    assert [str(entry) for entry in meters.registry_entries] == ["00-DB-12"]
    bound = {one.participant for one in agreements}
    assert bound == set(kinds) - {"labs-one"}
    signifiers = [one.signifier for one in participants if one.signifier]
    assert len(set(signifiers)) == len(signifiers) == 6


PARTICIPANTS = [
    ('id = "party-one"', 'id = "Party One"', "participant.id", "'Party One'"),
    ('id = "party-one"', 'id = "-one"', "participant.id", "'-one'"),
    ('id = "party-one"', f'id = "{"a" * 65}"', "participant.id", "not a participant id"),
    ('signifier = "TPTY-ONE"\n', "", "participant.signifier", "kind party needs a Signifier"),
    ('"TPTY-ONE"', '""', "signifier.form", "not a Signifier"),
    ('"TPTY-ONE"', f'"{"T" * 65}"', "signifier.form", "1 to 64"),
    ('"TPTY-ONE"', '"TPTY\\tONE"', "signifier.form", "printable"),
    ('"90-B3-D5-1F-3"', '"90-B3-D5-1F"', "registry_entry.form", "'90-B3-D5-1F'"),
    ('"0A1"', '"1000"', "id_range.organisation_number", "1000 does not fit 12 bits"),
    ('"0A1"', '"XYZ"', "id_range.organisation_number", "'XYZ'"),
    ('"0A1"', '"-1"', "id_range.organisation_number", "'-1'"),
    ('"0A1" }', '"0A1", organisation-bits = 28 }', "id_range.split", "28 bits in all"),
    ("30-A1-00-08", "30-A1-00", "eui64.form", "'90-B3-D5-1F-30-A1-00'"),
    ("30-A1-00-08", "30-A1-00-08-00", "eui64.form", "not an EUI-64"),
    ("90b3d51f30a10009", "0x90b3d51f30a10009", "eui64.form", "not an EUI-64"),
    ('"IS"', '"Importer"', "user_role.unknown", "'Importer'"),
    ("30-A1-00-08", "30-A2-00-08", "participant.id_order", "90-B3-D5-1F-30-A1-00-09 follows"),
    ("00-0a", "00-09", "participant.id_order", "90-B3-D5-1F-30-A1-00-09 is listed twice"),
    ("00-0a", "00-00", "participant.id_order", "follows 90-B3-D5-1F-30-A1-00-09"),
    (
        "30-a1-00-0a",
        "30-a2-00-00",
        "participant.id_outside_range",
        "30-A2-00-00 lies outside the ranges of the organisation (R12): 90-B3-D5-1F-30-A1-00-00 to",
    ),
    (
        'ranges = [{ registry-entry = "90-B3-D5-1F-3", organisation-number = "0A1" }]\n',
        "",
        "participant.id_outside_range",
        "it has none",
    ),
    ('"00-DB-14"', '"00-DB-14-1-2"', "registry_entry.form", "'00-DB-14-1-2'"),
]


@pytest.mark.parametrize(("old", "new", "code", "said"), PARTICIPANTS)
@pytest.mark.shows("R12")
def test_a_mistake_in_a_participant_is_an_error_that_names_it(library, old, new, code, said):
    assert old in PARTY
    error = refused(PARTY.replace(old, new, 1), library)
    assert error.code == code
    assert "participant " in error.message
    assert said in error.message


@pytest.mark.parametrize(
    ("kind", "extra", "code"),
    [
        ("manufacturer", 'signifier = "T"', "participant.signifier"),
        ("other", 'signifier = "T"', "participant.signifier"),
        ("rdp", "", "participant.signifier"),
        ("dcc", "", "participant.signifier"),
        (
            "manufacturer",
            'ranges = [{ registry-entry = "90-B3-D5-1F-3", organisation-number = "0" }]',
            "participant.ids",
        ),
        ("other", 'ids = [{ eui64 = "90-B3-D5-1F-30-A1-00-08" }]', "participant.ids"),
    ],
)
@pytest.mark.shows("4-issue-7", "¶39", "R7", "R8", "R18")
def test_each_kind_of_participant_has_what_belongs_to_it(library, kind, extra, code):
    text = f'[[participant]]\nid = "one"\nname = "One"\nkind = "{kind}"\n{extra}\n'
    error = refused(text, library)
    assert error.code == code
    assert f"kind {kind}" in error.message


AGREEMENTS = [
    ("until = 2026-12-31", "until = 2025-12-31", "agreement.dates", "ends on 2025-12-31, before"),
    ('["uept"]', '["UEPT"]', "agreement.purpose", "the unknown purpose 'UEPT'"),
    ('["organisation-user"]', '["organisation"]', "agreement.category", "category 'organisation'"),
    ('["ZAZ1"]', '["ZAZ1", "ZAZ2"]', "agreement.environment", "the unknown environment 'ZAZ2'"),
    ('-of-the-etad"]', '-of-the-etad", "care"]', "agreement.obligation", "obligation 'care'"),
    ('["uept"]', "[]", "agreement.purpose", "names no purpose"),
    ('["organisation-user"]', "[]", "agreement.category", "names no category"),
    ('["ZAZ1"]', "[]", "agreement.environment", "names no environment"),
    ('["uept"]', '["uept", "uept"]', "agreement.twice", "the purpose 'uept' twice"),
    ('["ZAZ1"]', '["ZAZ1", "ZAZ1"]', "agreement.twice", "the environment 'ZAZ1' twice"),
]


@pytest.mark.parametrize(("old", "new", "code", "said"), AGREEMENTS)
def test_a_mistake_in_an_agreement_is_an_error_that_names_it(library, old, new, code, said):
    error = refused(AGREEMENT.replace(old, new, 1), library)
    assert error.code == code
    assert "agreement SEC-1" in error.message
    assert said in error.message


@pytest.mark.parametrize("blank", [" ", "\u00a0", "\u200b"])
def test_an_agreement_has_a_reference_that_shows_something(library, blank):
    error = refused(AGREEMENT.replace('"SEC-1"', f'"{blank}"'), library)
    assert error.code == "agreement.blank"
    assert "an agreement of party-one" in error.message


@pytest.mark.shows("¶28", "R6")
def test_an_obligation_is_one_of_some_category(library, tmp_path):
    own = AGREEMENT.replace('-of-the-etad"]', '-of-the-etad", "two-person-rule"]')
    text = (shipped("profiles") / "categories" / "device.toml").read_text("utf-8")
    path = tmp_path / "categories" / "device.toml"
    path.parent.mkdir()
    path.write_text(text.replace('-of-the-etad"]', '-of-the-etad", "two-person-rule"]'), "utf-8")
    assert refused(own, library).code == "agreement.obligation"
    (_, (agreement,)) = read(own, Library(tmp_path))
    assert "two-person-rule" in agreement.obligations
    # None need be accepted.
    none = AGREEMENT.replace('obligations = ["security-requirements-of-the-etad"]\n', "")
    assert read(none, library)[1][0].obligations == ()


def test_an_agreement_may_last_one_day_or_have_no_end(library):
    one_day = AGREEMENT.replace("2026-12-31", "2026-01-01")
    assert read(one_day, library)[1][0].start == read(one_day, library)[1][0].end
    assert read(AGREEMENT.replace("until = 2026-12-31\n", ""), library)[1][0].end is None


SHAPES = [
    ("id =", "ID =", "ID is an unknown key"),
    ('name = "Party One"\n', "", "no key 'name'"),
    ('"Party One"', f'"{"x" * 65}"', "name"),
    ('kind = "party"', 'kind = "partner"', "kind"),
    ("user-roles =", "user_roles =", "user_roles is an unknown key"),
    ("organisation-number =", "number =", "number is an unknown key"),
    ('"0A1" }', '"0A1", organisation-bits = 0 }', "organisation-bits"),
    ('scheme = "MRA"', 'scheme = "BSC"', "scheme"),
    ("from = 2026-01-01", 'from = "soon"', "from"),
    ("from = 2026-01-01\n", "", "no key 'from'"),
    ('kind = "sec-accession"', 'kind = "handshake"', "kind"),
    ("until =", "to =", "to is an unknown key"),
    ('purposes = ["uept"]', 'purposes = "uept"', "purposes"),
    ("[[agreement]]", "[[agreements]]", "agreements is an unknown key"),
    ("[[participant]]", "[participant]", "participant"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("old", "new", "key"), SHAPES)
def test_a_key_that_does_not_fit_is_an_error_that_names_it(library, old, new, key):
    text = PARTY + AGREEMENT
    assert old in text
    error = refused(text.replace(old, new, 1), library)
    assert error.code == "toml.shape"
    assert key in error.message


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"[[participant]\n", "toml.syntax"),
        (b"\xff", "toml.encoding"),
        (b"#" * (1 << 20) + b"\n", "toml.too_long"),
        (b"\x00", "toml.syntax"),
    ],
)
def test_a_file_that_is_no_toml_is_an_error(library, data, code):
    with pytest.raises(InputError) as caught:
        documents.read_file(data, "file.toml", library)
    assert caught.value.code == code
    assert "file.toml" in caught.value.message


def test_an_empty_file_brings_nothing(library):
    assert read("", library) == ([], [])
