"""Every error in a file of participants or agreements names the file, the line and the key."""

from __future__ import annotations

import ast
import inspect
import re
from functools import partial

import pytest

from smki_testca.errors import InputError
from smki_testca.identifiers import RegistryEntry
from smki_testca.profiles import Library
from smki_testca.profiles.library import met_in
from smki_testca.register import documents, rules
from smki_testca.register import register as registers
from smki_testca.register.register import Register
from smki_testca.toml_places import Place

LIBRARY = Library()
CENTRAL = (RegistryEntry.parse("70-B3-D5-1F-3"), RegistryEntry.parse("90-B3-D5-1F-3"))

DCC = """
[[participant]]
id = "dcc-one"
name = "DCC One"
kind = "dcc"
signifier = "DCC-ONE"
"""

PRESENT = """
[[participant]]
id = "party-one"
name = "Party One"
kind = "party"
signifier = "PARTY-ONE"
ranges = [{ registry-entry = "90-B3-D5-1F-3", organisation-number = "0A1" }]
market-participant-ids = [{ scheme = "MRA", identifier = "ONE1", role-code = "X" }]
registry-entries = [{ value = "00-DB-14", exclusive = true }]

[[agreement]]
reference = "A-1"
participant = "party-one"
kind = "sec-accession"
from = 2026-01-01
purposes = ["uept"]
categories = ["organisation-user"]
environments = ["ZAZ1"]
"""

PARTY = """
# A comment of a participant, with kind, id, ids and ranges in it.
[[participant]]
id = "party-two"
name = "Party Two"
kind = "party"
signifier = "PARTY-TWO"
ranges = [
  { registry-entry = "90-B3-D5-1F-3", organisation-number = "0A2" },
]
ids = [
  { eui64 = "90-B3-D5-1F-30-A2-00-00", user-roles = ["Import Supplier"] },
  { eui64 = "90-B3-D5-1F-30-A2-00-01", user-roles = [
    "Import Supplier",
    "Export Supplier",
  ] },
]
market-participant-ids = [
  { scheme = "MRA", identifier = "TWO1", role-code = "X" },
  { scheme = "MRA", identifier = "TWO2", role-code = "X", ids = [
    "90-B3-D5-1F-30-A2-00-00",
  ] },
]
registry-entries = [
  "00-DB-15",
  { value = "00-DB-16", exclusive = true },
]
"""

AGREEMENT = """
[[agreement]]
reference = "A-2"
participant = "party-one"
kind = "sec-accession"
from = 2026-01-01
until = 2026-12-31
purposes = [
  "uept",
]
categories = ["organisation-user"]
environments = ["ZAZ1"]
obligations = []
"""

OTHER = """
[[participant]]
id = "other-one"
name = "Other"
kind = "other"
"""

ID = '  { eui64 = "90-B3-D5-1F-30-A2-00-0'
RANGE = '  { registry-entry = "90-B3-D5-1F-3", organisation-number = "0A2" }'
MARKET = '  { scheme = "MRA", identifier = "TWO1", role-code = "X" }'

# The code, the key path that is named, the file, what stands in it, and what in place of it; the
# marked line is the one that is named.
WRONG = [
    ("toml.shape", "participant[0].kind", PARTY, '"party"', '"baker" #<'),
    ("toml.shape", "participant[0].colour", PARTY, "ranges =", "colour = 1 #<\nranges ="),
    ("toml.shape", "ids[1].role", PARTY, f'{ID}1", ', f'{ID}1", role = 1, '),
    ("toml.shape", "agreement[0].until", AGREEMENT, "2026-12-31", "'never' #<"),
    ("toml.syntax", "participant[0].name", PARTY, '"Party Two"', "Party Two #<"),
    ("participant.id", "id", PARTY, '"party-two"', '"ca" #<'),
    ("participant.signifier", "kind", PARTY, 'kind = "party"\nsignifier', 'kind = "party" #<\n#'),
    ("participant.signifier", "signifier", OTHER, '"other"', '"other"\nsignifier = "X" #<'),
    ("signifier.form", "signifier", PARTY, '"PARTY-TWO"', '"" #<'),
    ("registry_entry.form", "ranges[0].registry-entry", PARTY, RANGE, RANGE.replace("90", "x")),
    ("registry_entry.form", "registry-entries[0]", PARTY, '"00-DB-15",', '"x", #<'),
    (
        "id_range.organisation_number",
        "ranges[0].organisation-number",
        PARTY,
        RANGE,
        RANGE.replace("0A2", "0G2"),
    ),
    (
        "id_range.organisation_number",
        "ranges[0].organisation-number",
        PARTY,
        RANGE,
        RANGE.replace("0A2", "10A2"),
    ),
    (
        "id_range.split",
        "ranges[0].organisation-bits",
        PARTY,
        RANGE,
        RANGE.replace(" }", ", organisation-bits = 60 }"),
    ),
    ("eui64.form", "ids[1].eui64", PARTY, f"{ID}1", f"{ID}x"),
    ("user_role.unknown", "ids[1].user-roles[1]", PARTY, '"Export Supplier",', '"Baker", #<'),
    (
        "participant.ids",
        "ids",
        OTHER,
        '"other"',
        '"other"\nids = [{ eui64 = "90-B3-D5-1F-30-A2-00-00" }] #<',
    ),
    (
        "participant.id_order",
        "ids[1]",
        PARTY,
        f'{ID}1", user-roles = [',
        f'{ID}0", user-roles = [ #<',
    ),
    ("participant.id_outside_range", "ids[1]", PARTY, f"{ID}1", f"{ID}1".replace("A2", "A3")),
    ("user_role.kind", "ids[1].user-roles[1]", PARTY, '"Export Supplier",', '"DCC", #<'),
    ("participant.role_twice", "ids[1].user-roles[1]", PARTY, '"Export Supplier",', '"IS", #<'),
    ("registry_entry.twice", "registry-entries[1]", PARTY, '"00-DB-16"', '"00-DB-15"'),
    ("participant.blank", "name", PARTY, '"Party Two"', '" " #<'),
    ("participant.text", "name", PARTY, '"Party Two"', '"Party\\u202E Two" #<'),
    (
        "id_range.in_exclusive_entry",
        "ranges[0]",
        OTHER,
        '"other"',
        '"party"\nsignifier = "X"\nranges = [\n'
        + RANGE.replace("90-B3-D5-1F-3", "00-DB-14").replace(" }", ', exception = "x" }, #<\n]'),
    ),
    (
        "participant.blank",
        "ranges[0].exception",
        PARTY,
        RANGE,
        RANGE.replace(" }", ', exception = " " }'),
    ),
    (
        "participant.market_id",
        "market-participant-ids",
        OTHER,
        '"other"',
        '"other"\nmarket-participant-ids = [ #<\n' + MARKET + "]",
    ),
    (
        "participant.market_id",
        "market-participant-ids[1].ids[0]",
        PARTY,
        '    "90-B3-D5-1F-30-A2-00-00",\n',
        '    "90-B3-D5-1F-30-A2-00-09", #<\n',
    ),
    (
        "participant.market_text",
        "market-participant-ids[1].role-code",
        PARTY,
        'TWO2", role-code = "X"',
        'TWO2", role-code = " X"',
    ),
    ("participant.market_twice", "market-participant-ids[1].identifier", PARTY, "TWO2", "TWO1"),
    ("participant.market_taken", "market-participant-ids[1].identifier", PARTY, "TWO2", "ONE1"),
    (
        "participant.twice",
        "participant[1].id",
        OTHER,
        '"other"',
        '"other"' + OTHER.replace('-one"', '-one" #<') + "#",
    ),
    ("id_range.overlap", "ranges[1]", PARTY, f"{RANGE},\n", f"{RANGE},\n{RANGE}, #<\n"),
    (
        "id_range.overlap",
        "ranges[0]",
        OTHER,
        '"other"',
        '"party"\nsignifier = "X"\nranges = [\n' + RANGE.replace("0A2", "0A1") + ", #<\n]",
    ),
    (
        "id_range.exception",
        "ranges[0].exception",
        PARTY,
        RANGE,
        RANGE.replace(" }", ', exception = "old" }'),
    ),
    (
        "id_range.entry",
        "ranges[1].registry-entry",
        PARTY,
        f"{RANGE},\n",
        f"{RANGE},\n{RANGE.replace('90-B3-D5-1F-3', '70-B3-D5-2F-3')}, #<\n",
    ),
    ("registry_entry.central", "registry-entries[1]", PARTY, "00-DB-16", "90-B3-D5-1F-3"),
    ("registry_entry.taken", "registry-entries[1]", PARTY, "00-DB-16", "00-DB-14"),
    ("signifier.taken", "signifier", PARTY, '"PARTY-TWO"', '"PARTY-ONE" #<'),
    (
        "participant.dcc",
        "kind",
        OTHER,
        '"other"',
        '"dcc" #<\nsignifier = "DCC-TWO"',
    ),
    (
        "participant.changed",
        "kind",
        OTHER.replace("other-one", "party-one"),
        '"other"',
        '"other" #<',
    ),
    (
        "participant.changed",
        "id",
        OTHER.replace("other-one", "party-one"),
        'id = "party-one"\nname = "Other"\nkind = "other"',
        'id = "party-one" #<\nname = "X"\nkind = "party"\nsignifier = "PARTY-ONE"',
    ),
    ("agreement.blank", "reference", AGREEMENT, '"A-2"', '" " #<'),
    ("agreement.dates", "until", AGREEMENT, "2026-12-31", "2025-12-31 #<"),
    ("agreement.purpose", "purposes[0]", AGREEMENT, '"uept",', '"lunch", #<'),
    ("agreement.purpose", "purposes", AGREEMENT, '[\n  "uept",\n]', "[] #<"),
    ("agreement.category", "categories[0]", AGREEMENT, '["organisation-user"]', '["x"] #<'),
    ("agreement.environment", "environments[0]", AGREEMENT, '["ZAZ1"]', '["x"] #<'),
    ("agreement.obligation", "obligations[0]", AGREEMENT, "[]", '["x"] #<'),
    ("agreement.twice", "purposes[1]", AGREEMENT, '"uept",', '"uept",\n  "uept", #<'),
    ("agreement.kind", "kind", AGREEMENT, '"sec-accession"', '"rdp-arrangement" #<'),
    ("participant.unknown", "participant", AGREEMENT, '"party-one"', '"nobody" #<'),
    ("agreement.reference", "reference", AGREEMENT, '"A-2"', '"A-1" #<'),
]


def _imported(data, origin, into):
    """The register with a file, as an import makes it."""
    participants, agreements = documents.read_file(data, origin, LIBRARY)
    with met_in(Place(origin, data=data)):
        return into.with_participants(participants).with_agreements(agreements)


def _refused(text, use):
    with pytest.raises(InputError) as caught:
        use(text.encode(), "file.toml")
    return caught.value


def _check(error, code, path, text):
    assert error.code == code
    found = re.match(r"file\.toml, line (\d+)", error.message)
    assert found, error.message
    assert path in error.message
    line = text.split("\n")[int(found[1]) - 1]
    assert "#<" in line or "#<" not in text, (error.message, line)
    keys = re.findall(r"[a-z0-9-]+(?=[.\[]|$)", path)
    # An element of an array may stand on a line of its own.
    assert keys[-1] in line or path.endswith("]"), (error.message, line)


@pytest.mark.parametrize(("code", "path", "text", "old", "new"), WRONG)
def test_an_error_names_the_file_the_line_and_the_key(code, path, text, old, new):
    present = _imported((DCC + PRESENT).encode(), "present.toml", Register(CENTRAL))
    assert text.count(old) >= 1
    wrong = text.replace(old, new, 1)
    if "#<" not in wrong:
        changed = [new_line for new_line in wrong.split("\n") if new_line not in text.split("\n")]
        wrong = wrong.replace(changed[0], f"{changed[0]} #<") if len(changed) == 1 else wrong
    _check(_refused(wrong, partial(_imported, into=present)), code, path, wrong)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "path", "old", "new"),
    [
        ("agreement.unknown", "agreement[0].reference", '"A-2"', '"A-9" #<'),
        ("agreement.participant", "agreement[0].participant", '"party-one"', '"dcc" #<'),
        ("agreement.kind", "agreement[0].kind", '"sec-accession"', '"rdp-arrangement" #<'),
        ("agreement.twice", "purposes[1]", '"uept",', '"uept",\n  "uept", #<'),
    ],
)
def test_an_error_of_a_replacement_names_them_too(estate, code, path, old, new):
    estate.register.import_file((PRESENT + AGREEMENT).encode(), "present.toml")
    wrong = AGREEMENT.replace(old, new)
    _check(_refused(wrong, estate.register.replace_agreements), code, path, wrong)


def test_an_import_to_an_estate_names_them_too(estate):
    wrong = OTHER.replace('"other"', '"dcc" #<\nsignifier = "DCC-TWO"')
    error = _refused(wrong, estate.register.import_file)
    _check(error, "participant.dcc", "participant[0].kind", wrong)


def test_every_code_that_such_a_file_can_cause_is_tried():
    of_commands = {"agreement.state", "allocation.no_range", "allocation.exhausted"}
    of_commands |= {"allocation.taken", "allocation.outside_range"}
    of_replacements = {"agreement.unknown", "agreement.participant"}
    raised = set()
    for module in (documents, rules, registers):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "InputError":
                code = node.args[0]
                if isinstance(code, ast.Constant):
                    raised.add(code.value)
    assert raised - of_commands - of_replacements <= {code for code, *_ in WRONG}
