"""``list`` and the options that select certificates, as a user calls them."""

from __future__ import annotations

import io
import json
import sys

import click
import pytest

from smki_testca.cli.output import Column, print_json_list, print_rows
from smki_testca.errors import EstateError

WORDS = ("revoke", "--reason", "superseded")


@pytest.fixture
def listed(command, quickstart):
    def call(*words, code=0):
        outcome = command("--estate", quickstart, "--json", "list", *words)
        assert outcome.code == code, outcome.out
        return outcome.json["certificates"] if code == 0 else outcome.json["error"]

    return call


def _labels(records):
    return [record["label"] for record in records]


# The options of a selection.


@pytest.mark.slow
@pytest.mark.parametrize(
    ("option", "values", "key"),
    [
        ("--participant", ("rdp-one", "meters-one"), "participant"),
        ("--environment", ("ZAZ1", "UIT-A"), "environment"),
        ("--role", ("xmlSign", "02"), "role"),
        ("--usage", ("key-agreement", "key-encipherment"), "usage"),
        ("--profile", ("dccki", "iki"), "profile"),
        ("--label", ("ESME-ds", "GPF-ka"), "label"),
        ("--eui64", ("90-B3-D5-1F-30-01-00-00", "00-DB-12-00-00-00-00-01"), "eui64"),
    ],
)
def test_an_option_given_twice_means_any_of_its_values(listed, option, values, key):
    every = listed()
    singly = [listed(option, value) for value in values]
    both = listed(option, values[0], option, values[1])
    assert {one["serial"] for one in both} == {one["serial"] for each in singly for one in each}
    assert both == [one for one in every if one in both]
    assert len({one[key] for one in both}) == len([each for each in singly if each])


def test_statuses_and_serials_are_any_of_them_too(command, quickstart, listed):
    given = ("--estate", quickstart, "--json")
    serials = [listed("--label", label)[0]["serial"] for label in ("ESME-ds", "ESME-ka", "GPF-ka")]
    command(*given, "set-status", "pending", "--serial", serials[0])
    command(*given, "set-status", "not-in-use", "--serial", serials[1])
    found = listed("--status", "P", "--status", "not-in-use")
    assert [one["serial"] for one in found] == serials[:2]
    chosen = [word for serial in serials[::-1] for word in ("--serial", serial)]
    assert [one["serial"] for one in listed(*chosen)] == serials


def test_revoke_with_two_serials_revokes_both(command, quickstart, listed):
    serials = [one["serial"] for one in listed("--label", "Z1-supplier-*")]
    chosen = [word for serial in serials for word in ("--serial", serial)]
    revoked = command("--estate", quickstart, "--json", *WORDS, *chosen).json["certificates"]
    assert [one["serial"] for one in revoked] == serials
    assert len(serials) == 2


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["ESME-*"], ["ESME-ds", "ESME-ka"]),
        (["?SME-ds"], ["ESME-ds", "GSME-ds"]),
        (["[!E]SME-ds", "ESME-ka"], ["ESME-ka", "GSME-ds"]),
        (["esme-*"], []),
    ],
)
def test_a_label_may_be_a_pattern(listed, patterns, expected):
    found = listed(*(word for pattern in patterns for word in ("--label", pattern)))
    assert _labels(found) == expected


def test_a_label_with_the_signs_of_a_pattern_is_found_as_it_is_written(command, quickstart, listed):
    words = ("--participant", "supplier-one", "--purpose", "uept", "--common-name", "a.test")
    assert command("--estate", quickstart, "issue", "dccki", *words, "--label", "a[1]").code == 0
    assert _labels(listed("--label", "a[1]")) == ["a[1]"]


@pytest.mark.slow
@pytest.mark.parametrize("label", ["[E]SME-ds", "?SME-ds", "*", "E*", "[!G]SME-ds", "ESME-ds?"])
def test_a_command_changes_the_certificate_of_the_label_as_it_is_written_alone(
    command, quickstart, listed, label
):
    words = ("--participant", "supplier-one", "--purpose", "uept", "--common-name", "a.test")
    assert command("--estate", quickstart, "issue", "dccki", *words, "--label", label).code == 0
    retire = ("--json", "set-status", "not-in-use", "--label", label)
    changed = command("--estate", quickstart, *retire).json["certificates"]
    assert len(changed) == 1
    assert _labels(listed("--status", "not-in-use")) == [label]


def test_the_first_digits_of_a_serial_name_it(command, quickstart, listed):
    one = listed("--label", "ESME-ds")[0]
    for text in (one["serial"][:6].lower(), one["serial"][:31], f"{one['serial'][:2]}:cafe"):
        found = listed("--serial", text)
        assert found == ([] if "cafe" in text else [one])
    shown = command("--estate", quickstart, "--json", "show", one["serial"][:8])
    assert shown.json["record"]["serial"] == one["serial"]
    told = command("--estate", quickstart, "--json", "status", one["serial"][:8])
    assert told.json["serial"] == one["serial"]


def test_digits_that_begin_several_serials_are_refused_where_one_is_needed(
    command, quickstart, listed, monkeypatch, file_digest
):
    first = listed("--label", "Z1-supplier-ds")[0]["serial"]
    # No two serials begin alike; that they do is the case that is made here.
    monkeypatch.setattr("smki_testca.identifiers.SerialPrefix.fits", lambda *_: True)
    before = file_digest(quickstart)
    given = ("--estate", quickstart, "--json")
    for words in ((*WORDS, "--serial", first[:6]), ("status", first[:6]), ("show", first[:6])):
        bounds = (bytes(16), b"\xff" * 16)
        monkeypatch.setattr("smki_testca.identifiers.SerialPrefix.bounds", bounds)
        outcome = command(*given, *words)
        assert (outcome.code, outcome.json["error"]["code"]) == (4, "serial.ambiguous"), words
    assert file_digest(quickstart) == before


def test_too_few_digits_are_refused(listed):
    assert listed("--serial", "12345", code=4)["code"] == "serial.prefix"


def test_nothing_is_changed_where_one_of_several_serials_is_unknown(
    command, quickstart, listed, file_digest
):
    before = file_digest(quickstart)
    known = listed("--label", "Z1-supplier-ds")[0]["serial"]
    for unknown in ("7" * 32, "7777777"):
        words = ("--serial", known, "--serial", unknown)
        outcome = command("--estate", quickstart, "--json", *WORDS, *words)
        assert (outcome.code, outcome.json["error"]["code"]) == (4, "certificate.unknown")
    assert file_digest(quickstart) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("option", "value", "code", "meant"),
    [
        ("--participant", "suplier-one", "participant.unknown", "supplier-one"),
        ("--environment", "UITA", "environment.unknown", "UIT-A"),
        ("--profile", "organization", "profile.unknown", "organisation"),
        ("--role", "suplier", "role.unknown", "supplier"),
        ("--usage", "digital-signatur", "request.usage", "digital-signature"),
        ("--status", "inuse", "status.unknown", "in-use"),
    ],
)
@pytest.mark.parametrize("words", [("list",), WORDS, ("renew",)])
def test_a_filter_that_can_match_nothing_is_asked_after(
    command, quickstart, words, option, value, code, meant
):
    outcome = command("--estate", quickstart, "--json", *words, option, value)
    error = outcome.json["error"]
    assert (outcome.code, error["code"]) == (4, code)
    assert error["remedy"].startswith(f"Did you mean {meant}? Use one of ")


# What a list shows.


def test_dccki_and_iki_rows_show_their_name(command, quickstart, listed):
    (gateway,) = listed("--label", "dccki-supplier-one")
    assert gateway["name"] == "gateway.supplier-one.test"
    assert gateway["subject"].startswith("CN=gateway.supplier-one.test,OU=")
    (system,) = listed("--profile", "iki")
    assert f"CN={system['name']}," in system["subject"]
    for record in (gateway, system):
        table = command("--estate", quickstart, "list", "--serial", record["serial"]).out
        assert record["name"] in table.splitlines()[1]


def test_columns_are_those_asked_for_in_that_order(command, quickstart):
    words = ("list", "--label", "ESME-ds", "--columns", "serial,label", "--columns", "environment")
    header, row = command("--estate", quickstart, *words).out.splitlines()
    assert header.split() == ["Serial", "Label", "Environment"]
    assert row.split()[1:] == ["ESME-ds", "ZAZ1"]
    wrong = command("--estate", quickstart, "--json", "list", "--columns", "labels")
    assert (wrong.code, wrong.json["error"]["code"]) == (2, "usage")
    assert wrong.json["error"]["remedy"].startswith("Did you mean label? Use one of label, ")


def test_a_list_is_sorted_by_columns_upward_or_downward(listed):
    every = listed()
    upward = listed("--sort", "serial")
    assert upward == sorted(every, key=lambda one: one["serial"])
    assert listed("--sort", "-serial") == upward[::-1]
    by_two = listed("--sort", "participant", "--sort", "-label")
    assert by_two == sorted(
        sorted(every, key=lambda one: one["label"] or "", reverse=True),
        key=lambda one: one["participant"] or "",
    )
    assert listed("--sort", "serial", "--limit", "3") == upward[:3]
    assert listed("--limit", "3") == every[:3]


def test_a_sorted_table_has_the_rows_of_the_plain_one(command, quickstart):
    plain = command("--estate", quickstart, "list").out.splitlines()
    in_order = command("--estate", quickstart, "list", "--sort", "-label").out.splitlines()
    assert sorted(plain[1:]) == sorted(in_order[1:])
    assert in_order[0] == plain[0]


def test_a_selection_that_nothing_fits_says_so_on_standard_error(command, quickstart):
    outcome = command("--estate", quickstart, "list", "--label", "nothing")
    assert (outcome.code, outcome.err) == (0, "Nothing fits the selection.\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("usage", "printed"),
    [
        ("digital-signature", {"digital-signature", "digital-signature+key-encipherment"}),
        ("key-agreement", {"key-agreement"}),
        ("key-encipherment", {"digital-signature+key-encipherment"}),
        ("digital-signature+key-encipherment", {"digital-signature+key-encipherment"}),
        ("key-encipherment+digital-signature", {"digital-signature+key-encipherment"}),
        ("crl-sign", {"key-cert-sign+crl-sign"}),
        ("key-cert-sign+crl-sign", {"key-cert-sign+crl-sign"}),
    ],
)
def test_a_usage_selects_what_has_it_and_several_joined_select_exactly_these(
    listed, usage, printed
):
    found = listed("--usage", usage)
    assert {record["usage"] for record in found} == printed
    every = [record["serial"] for record in listed() if record["usage"] in printed]
    assert [record["serial"] for record in found] == every


def test_a_usage_that_no_certificate_type_has_is_refused_with_those_there_are(listed):
    for usage in ("non-repudiation", "digital-signature+crl-sign", "+", ""):
        error = listed("--usage", usage, code=4)
        assert error["code"] == "request.usage"
        assert "key-cert-sign" in error["remedy"]
        assert "digital-signature+key-encipherment" in error["remedy"]


@pytest.mark.slow
def test_usages_select_devices_of_a_run_and_what_was_imported(command, quickstart):
    here = ("--estate", quickstart, "--json")
    device = ("--profile", "device", "--participant", "meters-one", "--hw-type", "1.2.3")
    more = ("--purpose", "device-and-user-system-tests", "--usage", "both")
    first = ("--first-id", "00-DB-12-00-00-00-01-00", "--count", 2, "--label", "run")
    assert command(*here, "batch", "issue", *device, *more, *first).code == 0
    for usage, count in (("digital-signature", 2), ("key-agreement", 2), ("key-encipherment", 0)):
        found = command(*here, "list", "--label", "run", "--usage", usage).json
        assert len(found["certificates"]) == count


def test_a_profile_of_revocation_lists_selects_no_certificate(listed):
    error = listed("--profile", "organisation-crl", code=4)
    assert (error["code"], "crl" in error["remedy"]) == ("profile.unknown", False)
    assert "organisation-root-ca" in error["remedy"]
    assert "crl" not in listed("--profile", "organization", code=4)["remedy"]


@pytest.mark.parametrize(
    "words",
    [
        ("revoke", "--reason", "superseded", "--serial", "1234"),
        ("renew", "--serial", "1234"),
        ("renew", "--within", "1d", "--serial", "1234"),
        ("status", "1234"),
        ("reject", "1234"),
        ("show", "12:34"),
        ("list", "--serial", "1234"),
        ("list", "--external", "--serial", "1234"),
        ("export", "--format", "pem", "--out", "made", "--serial", "12:34"),
        ("set-status", "pending", "--serial", "1234"),
        ("re-sign", "--purpose", "uept", "--serial", "1234"),
    ],
    ids=" ".join,
)
def test_a_serial_number_too_short_has_one_answer_everywhere(command, quickstart, words):
    error = command("--estate", quickstart, "--json", *words).json["error"]
    assert error["code"] == "serial.prefix"
    assert error["message"].endswith("is too short for the beginning of a serial number.")
    assert error["remedy"] == "Give at least its first 6 hexadecimal digits."


# How a table is printed.


class _Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    def of_width(columns):
        screen = _Terminal()
        monkeypatch.setattr(sys, "stdout", screen)
        monkeypatch.setenv("COLUMNS", str(columns))
        return screen

    return of_width


SERIAL, EUI64 = "6763D10DF35E12D0060FE4D82C1A9B37", "90-B3-D5-1F-30-01-00-00"


def _columns():
    return [
        Column("label", "Label", str, 3),
        Column("id", "EUI-64", str, 1),
        Column("role", "Role", str, 5),
        Column("serial", "Serial", str),
        Column("status", "Status", str, 2, {"revoked": "red"}),
    ]


def test_a_narrow_terminal_loses_columns_and_no_serial_is_folded(terminal, capsys):
    row = ("Z1-networkOperator-ka", EUI64, "networkOperator (03)", SERIAL, "revoked")
    for width, lost in ((160, []), (100, ["role"]), (80, ["label", "role"])):
        screen = terminal(width)
        print_rows(_columns(), [row], remedy="Choose a few.")
        lines = [click.unstyle(line) for line in screen.getvalue().splitlines()]
        assert len(lines) == 2
        assert all(len(line) <= width for line in lines)
        assert SERIAL in lines[1]
        assert EUI64 in lines[1]
        told = f"not shown for lack of width: {', '.join(lost)}. Choose a few.\n"
        assert capsys.readouterr().err == (told if lost else "")


def test_columns_asked_for_are_all_there_however_narrow_the_terminal(terminal):
    screen = terminal(40)
    print_rows(_columns(), [("a", EUI64, "b", SERIAL, "c")], whole=True)
    assert all(text in screen.getvalue() for text in (EUI64, SERIAL))


def test_a_status_has_its_colour_on_a_terminal_unless_no_color_is_set(terminal, monkeypatch):
    row = ("a", EUI64, "b", SERIAL, "revoked")
    monkeypatch.delenv("NO_COLOR", raising=False)
    screen = terminal(120)
    print_rows(_columns(), [row])
    assert "\x1b[31mrevoked" in screen.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    screen = terminal(120)
    print_rows(_columns(), [row])
    assert "\x1b" not in screen.getvalue()


def test_text_of_others_is_on_one_line_and_steers_nothing(capsys):
    print_rows(_columns()[:1], [("a\nb\x1b[2J",)])
    assert capsys.readouterr().out.splitlines()[1] == "a\\nb\\x1b[2J"


def test_a_note_on_a_late_row_is_printed_though_none_was_there_before(capsys):
    columns = [Column("serial", "Serial", str), Column("notes", "Notes", str, is_remark=True)]
    print_rows(columns, (("a", "experimental" if place == 900 else "") for place in range(1000)))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Serial"
    assert lines[901].split() == ["a", "experimental"]


def test_rows_are_printed_before_the_last_one_is_known(capsys):
    printed = []

    def rows():
        for place in range(5000):
            if place == 4000:
                printed.append(capsys.readouterr().out.count("\n"))
            yield (str(place),)

    print_rows(_columns()[:1], rows())
    print_json_list("items", (json.dumps(row) for row in rows()))
    assert min(printed) > 3000


def test_a_list_in_json_that_an_error_ends_is_one_document(capsys):
    def documents():
        for place in range(500):
            yield json.dumps({"place": place})
        raise EstateError("bulk.damaged", "A tile was changed.")

    with click.Context(click.Command("list")), pytest.raises(click.exceptions.Exit) as left:
        print_json_list("items", documents())
    document = json.loads(capsys.readouterr().out)
    assert left.value.exit_code == 5
    assert document["error"]["code"] == "bulk.damaged"
    assert len(document["items"]) >= 300


def test_an_empty_list_in_json_is_one_document(capsys):
    print_json_list("items", [])
    assert json.loads(capsys.readouterr().out) == {"items": []}


# Externals.


@pytest.mark.slow
def test_external_certificates_show_the_sha256_that_show_asks_for(command, quickstart, newcomer):
    folder = quickstart / "export" / "pem" / "ZAZ1" / "dccki" / "supplier-one"
    (path,) = (each for each in folder.glob("*.pem") if not each.stem.endswith("-fullchain"))
    given = ("--estate", newcomer)
    assert command(*given, "import", path, "--without-keys").code == 0
    (one,) = command(*given, "--json", "list", "--external").json["externals"]
    table = command(*given, "list", "--external").out
    assert one["sha256"] in table
    assert "gateway.supplier-one.test" in table
    assert one["name"] == "gateway.supplier-one.test"
    assert one["subject"].startswith("CN=gateway.supplier-one.test,")
    shown = command(*given, "--json", "show", one["sha256"]).json
    assert shown["sha256"] == one["sha256"]
    wrong = command(*given, "--json", "list", "--external", "--environment", "ZAZ1")
    assert (wrong.code, wrong.json["error"]["code"]) == (2, "usage")
    few = command(*given, "list", "--external", "--columns", "sha256", "--sort", "label")
    assert few.out.split() == ["SHA-256", one["sha256"]]
