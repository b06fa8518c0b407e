"""The language of kit files: what a series becomes, and what is no kit."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smki_testca import kits
from smki_testca.clock import FixedClock
from smki_testca.errors import InputError
from smki_testca.identifiers import Eui64
from smki_testca.kits import loading
from smki_testca.kits.counting import IdSeries
from smki_testca.kits.documents import KitFile
from smki_testca.kits.faults import KitFaultsError
from smki_testca.kits.label_templates import KitLabelTemplate
from smki_testca.kits.registering import sources
from smki_testca.profiles import Library
from smki_testca.roles import KeyUsage

MORE_SERIES = """
[[series]]
profile = "organisation"
participant = "supplier-one"
purpose = "device-and-user-system-tests"
first-id = "90-B3-D5-1F-30-01-00-00"
count = 3
roles = ["supplier", "xmlSign"]
usages = ["digital-signature", "key-agreement"]
label = "{environment}-{role}-{number}-{id}-{usage}"
"""


def refused(library, name="zaz1"):
    with pytest.raises(InputError) as caught:
        kits.load(library, name)
    lines = caught.value.lines()
    assert all(line.startswith("error: ") and f"{name}.toml" in line for line in lines)
    assert len(set(lines)) == len(lines)
    return caught.value


OWN_REGISTER = """
[[participant]]
id = "ours"
name = "Ours"
kind = "other"
"""


@pytest.mark.parametrize("name", ["participants.toml", "ours.toml", "./ours.toml", "../ours.toml"])
def test_a_register_beside_the_kit_comes_before_the_programs_own(tmp_path, name):
    folder = tmp_path / "kits"
    folder.mkdir()
    path = folder / "nightly.toml"
    path.write_text(f'name = "nightly"\ntitle = "T"\nregister = "{name}"\n')
    (folder / name).write_text(OWN_REGISTER)
    kit = kits.load(Library(), str(path))
    assert (kit.example, kit.register_file) == (None, folder / name)
    first, _ = sources(kit, Library(), FixedClock(datetime(2026, 11, 23, tzinfo=UTC)))
    assert [each.id for each in first.participants] == ["ours"]


def test_a_register_that_is_not_there_is_refused_with_its_place(tmp_path):
    path = tmp_path / "nightly.toml"
    path.write_text('name = "nightly"\ntitle = "T"\nregister = "./none.toml"\n')
    with pytest.raises(InputError) as caught:
        kits.load(Library(), str(path))
    error = caught.value
    assert error.code == "input.unreadable"
    assert "line 3, register" in error.message


def test_ids_are_counted_in_hexadecimal(library):
    ids = [str(one.eui64) for one in kits.load(library, "supplier").participants[0].ids]
    place = ids.index("70-B3-D5-1F-30-01-00-09")
    assert ids[place + 1] == "70-B3-D5-1F-30-01-00-0A"
    assert ids[place + 7] == "70-B3-D5-1F-30-01-00-10"


def test_a_supplier_has_64_ids_in_each_of_four_environments(library):
    kit = kits.load(library, "supplier")
    (supplier,) = kit.participants
    assert len(supplier.ids) == 256
    held = {}
    for one in kit.requests:
        held.setdefault(one.environment, set()).add(one.inputs["id"])
    assert {name: len(ids) for name, ids in held.items()} == dict.fromkeys(kit.environments, 64)
    assert set.union(*held.values()) == {str(one.eui64) for one in supplier.ids}
    assert kit.count == 960
    assert len({one.label for one in kit.requests}) == 960


def test_a_device_maker_has_as_many_devices_of_each_type_as_are_asked_for(library):
    kit = kits.load(library, "device-maker")
    types = ["ESME", "GSME", "CHF", "GPF", "PPMID", "HCALCS", "IHD"]
    assert [one.type for one in kit.devices] == types
    made = [one for _, one in kit.device_certificates(12)]
    assert len({one.device_id for one in made}) == 12 * len(types)
    assert [one.label for one in made[18:22]] == [
        *("ESME-10-ds", "ESME-10-ka", "ESME-11-ds", "ESME-11-ka")
    ]
    assert str(made[18].device_id) == "00-DB-12-01-00-00-00-0A"
    assert sum(1 for _ in kit.device_certificates(None)) == 28
    assert list(kit.device_certificates(0)) == []


def test_a_series_makes_a_request_for_each_id_role_and_usage(library_with):
    requests = kits.load(library_with("zaz1", more=MORE_SERIES), "zaz1").requests[33:]
    assert [one.label for one in requests[:5]] == [
        "ZAZ1-supplier-1-90B3D51F30010000-ds",
        "ZAZ1-supplier-1-90B3D51F30010000-ka",
        "ZAZ1-xmlSign-1-90B3D51F30010000-ds",
        "ZAZ1-xmlSign-1-90B3D51F30010000-ka",
        "ZAZ1-supplier-2-90B3D51F30010001-ds",
    ]
    assert len(requests) == 12
    assert {one.environment for one in requests} == {"ZAZ1"}
    assert [usage.value for usage in requests[1].usages] == ["key-agreement"]
    assert requests[4].inputs == {"id": "90-B3-D5-1F-30-01-00-01", "role": "supplier"}


def test_environments_have_the_same_ids_unless_a_step_leads_from_one_to_the_next():
    first = Eui64.parse("90-B3-D5-1F-30-01-00-00")
    same = [one.value for _, _, one in IdSeries(first, 2, 0, ("A", "B")).ids(2)]
    assert same == [first.value, first.value + 2] * 2
    apart = list(IdSeries(first, 1, 0x40, ("A", "B")).ids(1))
    assert [(name, number, str(eui64)) for name, number, eui64 in apart] == [
        ("A", 1, "90-B3-D5-1F-30-01-00-00"),
        ("B", 1, "90-B3-D5-1F-30-01-00-40"),
    ]


def test_ids_end_within_64_bits():
    counting = IdSeries(Eui64((1 << 64) - 2), 1, 0, ("A",))
    assert len(list(counting.ids(2))) == 2
    with pytest.raises(InputError) as caught:
        list(counting.ids(3))
    assert caught.value.code == "kit.count"


def test_agreements_are_dated_from_the_day_the_kit_is_made(library):
    agreement = kits.load(library, "zaz1").agreements[0].on(date(2031, 5, 6))
    assert (agreement.start, agreement.end) == (date(2030, 5, 6), None)
    assert kits.load(library, "zaz1").agreements[0].on(date(1, 2, 3)).start == date.min


def test_an_agreement_may_end_some_days_on(library_with):
    library = library_with("zaz1", ("from-days = -365", "from-days = -2\nuntil-days = 3"))
    agreement = kits.load(library, "zaz1").agreements[0].on(date(2031, 1, 1))
    assert (agreement.start, agreement.end) == (date(2030, 12, 30), date(2031, 1, 4))


def test_quickstart_is_a_kit_with_the_register_of_an_example(library):
    kit = kits.load(library, "quickstart")
    assert kit.example == "participants.toml"
    assert kit.environments == (library.default_environment.name,)
    assert kit.count == 30


@pytest.mark.parametrize("name", ["zaz1", "supplier", "device-maker"])
def test_shipped_kits_bring_a_register_of_their_own(library, name):
    kit = kits.load(library, name)
    known = {one.id for one in kit.participants}
    asked: list[Any] = [*kit.requests, *kit.devices]
    assert {one.participant for one in asked} <= known
    assert {one.terms.participant for one in kit.agreements} == known


LONG = "x" * 200

MISTAKES = [
    ('label = "mdr-{usage}"', 'label = "mdr-{0}"', "kit.label", "{0}"),
    ('label = "mdr-{usage}"', 'label = "mdr-{}"', "kit.label", "{}"),
    ('label = "mdr-{usage}"', 'label = "mdr-{usage:>9}"', "kit.label", "a format or conversion"),
    ('label = "mdr-{usage}"', 'label = "mdr-{usage!r}"', "kit.label", "a format or conversion"),
    ('label = "mdr-{usage}"', 'label = "mdr-{usage.name}"', "kit.label", "{usage.name}"),
    ('label = "mdr-{usage}"', 'label = "mdr-{type}"', "kit.label", "{type}"),
    ('label = "mdr-{usage}"', 'label = "mdr-{usage"', "kit.label", "series 21"),
    ('label = "mdr-{usage}"', 'label = "mdr-}"', "kit.label", "series 21"),
    ('label = "mdr-{usage}"', 'label = "mdr"', "kit.label", "two requests have the label 'mdr'"),
    ('label = "mdr-{usage}"', LONG.join(('label = "', '{usage}"')), *(
        "request.label", "202 characters")),
    ('"{type}-{number}-{usage}"', LONG.join('""').replace('x"', 'x{id}"'), *(
        "request.label", "devices 1")),
    ('"{type}-{number}-{usage}"', '"{type}-{usage}"', "kit.label", "for every Device"),
    ('"{type}-{number}-{usage}"', '"{role}-{number}"', "kit.label", "{role}"),
    ('roles = ["recovery"]', "roles = []", "kit.series", "series 1"),
    ('roles = ["recovery"]', 'roles = ["chairman"]', "role.unknown", "series 1"),
    ('profile = "organisation"', 'profile = "iki"', "profile.reference", "profile of a series"),
    ('profile = "organisation"', 'profile = "device"', "kit.series", "series 1"),
    ('"90-B3-D5-1F-30-00-00-01"\nroles', '"90-B3"\nroles', "eui64.form", "series 1"),
    ('"90-B3-D5-1F-30-00-00-01"\nroles', '"FF-FF-FF-FF-FF-FF-FF-FF"\ncount = 2\nroles', *(
        "kit.count", "do not end within 64 bits")),
    ("count = 4", "count = -1", "toml.shape", "devices[0].count"),
    ("count = 4", "step = 0", "toml.shape", "devices[0].step"),
    ("count = 4", "environments = []", "toml.shape", "devices[0].environments"),
    ("count = 4", "number = 4", "toml.shape", "number is an unknown key"),
    ('type = "ESME"', "", "toml.shape", "type"),
    ('usages = ["digital-signature"]', "usages = []", "toml.shape", "series[0].usages"),
    ('title = "The', 'author = "me"\ntitle = "The', "toml.shape", "author is an unknown key"),
    ('environments = ["ZAZ1"]', 'environments = ["ZAZ9"]', "profile.reference", "'ZAZ9'"),
    ("count = 4", 'environments = ["UIT-A"]', "profile.reference", "environment of the kit"),
    ('environments = ["ZAZ1"]', 'register = "none.toml"', "profile.reference", "'none.toml'"),
    ("from-days = -365", "from-days = 2\nuntil-days = 1", "agreement.dates", "ZAZ1-SUPPLIER-ONE"),
    ("from-days = -365", "from = 2020-01-01", "toml.shape", "from"),
    ("from-days = -365", "from-days = -99999999", "toml.shape", "agreement[0].from-days"),
    ('categories = ["device"]', 'categories = ["toys"]', "agreement.category", "'toys'"),
    ('user-roles = ["OU"]', 'user-roles = ["Nobody"]', "user_role.unknown", "other-one"),
    ('00-DB-12-34-56-78-00-04", user', '00-DB-12-34-56-79-00-04", user', *(
        "participant.id_outside_range", "other-one")),
    ('hw-type = "1.2.826.0.1.8641679.1.2.2.1"', 'hw-type = "meter"', "oid.form", "devices 1"),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("old", "new", "code", "said"), MISTAKES)
def test_a_mistake_in_a_kit_is_one_clear_error(library_with, old, new, code, said):
    error = refused(library_with("zaz1", (old, new)))
    assert error.code == code
    assert said in error.message
    assert error.message.count("zaz1.toml") == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "code"),
    [
        (
            ('"supplier-one"\nuser-roles = ["IS"]', '"nobody"\nuser-roles = ["IS"]'),
            "profile.reference",
        ),
        (("count = 16", "count = 17"), "participant.id_order"),
        (("count = 16", "count = 10001"), "toml.shape"),
        (("environment-step = 0x40", "environment-step = 0x20"), "participant.id_order"),
        (('user-roles = ["IS"]', "user-roles = []\nids = 3"), "toml.shape"),
        (
            ('user-roles = ["IS"]', 'user-roles = ["IS", "Import Supplier"]'),
            "participant.role_twice",
        ),
        (('["IS"]', '["DCC"]'), "user_role.kind"),
    ],
)
def test_a_mistake_in_an_allocation_is_one_clear_error(library_with, change, code):
    assert refused(library_with("supplier", change), "supplier").code == code


@given(st.text(alphabet="{}!:.[]idnumberusagtypevo -0", max_size=40))
def test_a_label_is_taken_only_if_it_can_be_filled(text):
    known = ("id", "number", "role", "usage", "environment")
    template = None
    with contextlib.suppress(InputError):
        template = KitLabelTemplate.parse(text, known)
    if template is None:
        return
    filled = template.fill(Eui64(10), 3, KeyUsage.KEY_AGREEMENT, "E", role="R")
    expected = text.replace("{{", "\0").replace("}}", "\1")
    for name, value in zip(known, (f"{10:016X}", "3", "R", "ka", "E"), strict=True):
        expected = expected.replace(f"{{{name}}}", value)
    assert filled == expected.replace("\0", "{").replace("\1", "}")


def test_every_mistake_of_a_kit_is_told_at_once(library_with):
    library = library_with(
        "zaz1",
        ('id = "network-one"', 'id = "Network One"'),
        ('roles = ["wanProvider"]', 'roles = ["nobody"]'),
        ('label = "mdr-{usage}"', 'label = "Z1-supplier-{usage}"'),
    )
    error = refused(library)
    assert isinstance(error, KitFaultsError)
    codes = [each.code for each in error.errors]
    assert {"participant.id", "role.unknown", "kit.label"} <= set(codes)
    assert error.code == codes[0]
    assert [each["error"]["code"] for each in error.as_json()["error"]["all"]] == codes


def test_a_kit_is_also_a_file_by_its_path(library, tmp_path):
    path = tmp_path / "ours.toml"
    path.write_text('name = "any"\ntitle = "x"\nenvironments = ["X"]\n', "utf-8")
    with pytest.raises(InputError) as caught:
        kits.load(library, str(path))
    assert f"{path}, line 3, environments" in caught.value.message
    for missing in (tmp_path / "none.toml", tmp_path / "folder.toml"):
        (tmp_path / "folder.toml").mkdir(exist_ok=True)
        with pytest.raises(InputError) as caught:
            kits.load(library, str(missing))
        assert caught.value.code == "input.unreadable"


def test_every_key_of_the_file_is_in_the_document():
    text = (Path(__file__).parents[2] / "docs" / "kits.md").read_text("utf-8")
    for key in KitFile.__struct_encode_fields__:
        assert f"`{key}`" in text or f"`[[{key}]]`" in text, key


@pytest.mark.parametrize(
    ("old", "new"),
    [("count = 3", "count = 10000"), ("count = 3", "count = 9999\nstep = 2")],
)
def test_a_kit_of_too_many_requests_is_refused_before_any_is_made(
    library_with, monkeypatch, old, new
):
    monkeypatch.setattr(IdSeries, "ids", lambda *_: pytest.fail("it was expanded"))
    more = MORE_SERIES.replace(old, new)
    error = refused(library_with("zaz1", more=more))
    assert error.code == "kit.count"
    assert "requests" in error.message


def test_a_kit_of_too_many_allocated_ids_is_refused(library_with, monkeypatch):
    monkeypatch.setattr(loading, "MAX_ALLOCATIONS", 2)
    error = refused(library_with("supplier"), "supplier")
    assert error.code == "kit.count"
    assert "allocated IDs" in error.message


DEVICES = """
[[devices]]
participant = "meters-one"
purpose = "device-and-user-system-tests"
type = "ESME"
hw-type = "1.2.826.0.1.8641679.1.2.2.1"
first-id = "00-DB-12-02-00-00-00-00"
count = 3
usages = ["digital-signature", "key-agreement"]
label = "{type}-{number}-{usage}"
"""


def with_devices(library_with, *edits, table=DEVICES):
    """The kit device-maker with two more tables of Devices, the second one edited."""
    first = DEVICES.replace("ESME", "MORE")
    second = table.replace("ESME", "MORE")
    for old, new in edits:
        assert old in first or old in second
        first = first.replace(old, new) if old in first and new.startswith("{id}") else first
        second = second.replace(old, new)
    return library_with("device-maker", more=first + second)


@pytest.mark.slow
@pytest.mark.parametrize(
    "edits",
    [
        [],
        [('-00"', '-10"')],
        [("count = 3", "count = 0"), ('-00"', '-10"')],
        [("{type}-{number}-{usage}", "{id}-{usage}"), ('-00"', '-01"')],
        [("{type}-{number}-{usage}", "{id}-{usage}"), ('-00"', '-00"\nstep = 2')],
        [("{type}-{number}-{usage}", "MORE-3-ds")],
    ],
)
def test_no_two_devices_have_the_same_label(library_with, edits):
    edits = [(old, new) for old, new in edits if "MORE-3" not in new]
    error = refused(with_devices(library_with, *edits), "device-maker")
    assert error.code == "kit.label"
    assert "devices 8" in error.message
    assert "devices 9" in error.message


@pytest.mark.parametrize(
    "edits",
    [
        [("MORE", "OTHER"), ('-00"', '-10"')],
        [("{type}-{number}-{usage}", "{id}-{usage}"), ('-00"', '-03"')],
        [
            ("{type}-{number}-{usage}", "{id}"),
            ('["digital-signature", "key-agreement"]', '["key-agreement"]'),
            ('-00"', '-03"'),
        ],
        [("{type}-{number}-{usage}", "second-{id}-{usage}")],
    ],
)
def test_devices_with_other_labels_are_others(library_with, edits):
    kit = kits.load(with_devices(library_with, *edits), "device-maker")
    assert len({one.label for _, one in kit.device_certificates(3)}) > 12


def test_devices_that_overlap_only_in_the_number_asked_for_are_refused_then(library_with):
    edits = [("{type}-{number}-{usage}", "{id}-{usage}"), ('-00"', '-F0"')]
    kit = kits.load(with_devices(library_with, *edits), "device-maker")
    assert list(kit.device_certificates(0xF0))
    with pytest.raises(InputError) as caught:
        list(kit.device_certificates(0xF1))
    assert caught.value.code == "kit.label"


def test_a_device_has_no_label_of_a_request(library_with):
    more = DEVICES.replace("{type}-{number}", "Z1-supplier") + "\n"
    more = more.replace("Z1-supplier-{usage}", "Z{number}-supplier-{usage}")
    error = refused(library_with("zaz1", more=more))
    assert error.code == "kit.label"
    assert "a request has" in error.message


def test_ids_of_devices_beyond_64_bits_are_told_with_the_file_and_the_line(library_with):
    more = DEVICES.replace("00-DB-12-02-00-00-00-00", "FF-FF-FF-FF-FF-FF-FF-FF")
    more = more.replace("ESME", "MORE")
    error = refused(library_with("device-maker", more=more), "device-maker")
    assert error.code == "kit.count"
    assert "first-id" in error.message
    one = more.replace("count = 3", "count = 1")
    kit = kits.load(library_with("device-maker", more=one), "device-maker")
    with pytest.raises(InputError, match="first-id"):
        list(kit.device_certificates(2))


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("environments = [", 'environments = ["ZAZ1", "ZAZ1", ', "environments"),
        (
            'usages = ["digital-signature", "key-agreement"]',
            'usages = ["key-agreement", "key-agreement"]',
            "usages",
        ),
    ],
)
def test_a_list_names_nothing_twice(library_with, old, new, key):
    error = refused(library_with("supplier", (old, new)), "supplier")
    assert f"{key}" in error.message
    assert "is there twice" in error.message


def test_the_label_of_a_request_is_a_template(library_with):
    more = """
[[request]]
profile = "organisation"
participant = "supplier-one"
purpose = "device-and-user-system-tests"
id = "90-B3-D5-1F-30-01-00-00"
role = "supplier"
usages = ["digital-signature", "key-agreement"]
label = "first-{environment}-{role}-{id}-{usage}"
"""

    def added(text):
        requests = kits.load(library_with("zaz1", more=text), "zaz1").requests
        return [one for one in requests if (one.label or "").startswith("first-")]

    assert [(one.label, len(one.usages)) for one in added(more)] == [
        ("first-ZAZ1-supplier-90B3D51F30010000-ds", 1),
        ("first-ZAZ1-supplier-90B3D51F30010000-ka", 1),
    ]
    (request,) = added(more.replace("-{usage}", ""))
    assert len(request.usages) == 2
    error = refused(library_with("zaz1", more=more.replace("{id}", "{number}")))
    assert error.code == "kit.label"
    assert "{usage}" in error.remedy
