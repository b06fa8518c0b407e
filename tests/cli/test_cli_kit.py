import pytest

from smki_testca.kits import applying

SEED = "00112233445566778899aabbccddeeff"
PURPOSE = "device-and-user-system-tests"


@pytest.mark.slow
def test_kit_list_names_every_kit_and_what_it_holds(command):
    outcome = command("--json", "kit", "list")
    assert outcome.code == 0
    found = {one["name"]: one for one in outcome.json["kits"]}
    assert set(found) == {"device-maker", "quickstart", "supplier", "zaz1"}
    assert (found["zaz1"]["certificates"], found["zaz1"]["devices"]) == (33, 8)
    assert (found["supplier"]["certificates"], found["supplier"]["devices"]) == (960, 0)
    assert found["supplier"]["environments"] == ["UIT-A", "UIT-B", "SIT-A", "SIT-B"]
    table = command("kit", "list").out
    assert all(name in table for name in found)


def test_kit_show_tells_every_certificate_and_makes_nothing(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = command("--json", "kit", "show", "zaz1", "--devices", "1")
    assert outcome.code == 0
    rows = outcome.json["certificates"]
    assert len(rows) == 33 + 2
    assert rows[-1] == {
        "environment": "ZAZ1",
        "label": "ESME-1-ka",
        "profile": "device",
        "participant": "meters-one",
        "eui64": "00-DB-12-00-00-00-00-01",
        "common_name": None,
        "system_name": None,
        "role": None,
        "usage": "key-agreement",
        "inputs": {
            "device-id": "00-DB-12-00-00-00-00-01",
            "hw-type": "1.2.826.0.1.8641679.1.2.2.1",
        },
    }
    table = command("kit", "show", "zaz1", "--devices", "1").out.splitlines()
    assert len(table) == 2 + len(rows)
    assert "Z1-supplierPP-ka" in "\n".join(table)
    assert list(tmp_path.iterdir()) == []


def test_kit_show_tells_the_names_of_what_has_no_id(command):
    rows = command("kit", "show", "quickstart").out
    assert "gateway.supplier-one.test" in rows
    assert "supplier-one-adhoc-csr" in rows


@pytest.mark.slow
def test_kit_make_says_what_it_made_and_where(command, tmp_path):
    out = tmp_path / "kit"
    outcome = command("kit", "make", "device-maker", "--out", out, "--format", "csv")
    assert outcome.code == 0
    assert outcome.err == ""
    assert f"44 certificates are in {out}/estate" in outcome.out
    assert f"{out}/README.txt" in outcome.out
    assert {path.name for path in out.iterdir()} == {
        *("estate", "csv", "revocation-lists", "trust-anchor-cells", "README.txt", ".gitignore")
    }
    assert command("--estate", out / "estate", "list").code == 0


@pytest.mark.slow
def test_kit_make_in_json(command, tmp_path):
    out = tmp_path / "kit"
    options = ("--devices", "2", "--seed", SEED, "--format", "pkcs12", "--format", "csv")
    outcome = command("--json", "kit", "make", "quickstart", "--out", out, *options)
    assert outcome.code == 0
    assert outcome.json == {
        "kit": "quickstart",
        "directory": str(out),
        "estate": str(out / "estate"),
        "passphrase_file": str(out / "estate" / "passphrase"),
        "export_passphrase_file": str(out / "export-passphrase"),
        "environments": ["ZAZ1"],
        "certificates": 38,
        "devices": 0,
        "folders": ["pkcs12", "csv"],
        "notes": outcome.json["notes"],
        "revocation_lists": 6,
        "left_out": [],
        "keys_secret": False,
    }


@pytest.mark.slow
def test_a_seeded_kit_says_that_its_keys_are_not_secret(command, tmp_path):
    outcome = command(
        "kit", "make", "quickstart", "--out", tmp_path / "kit", "--seed", SEED, "--format", "csv"
    )
    assert "they are not secret" in outcome.out
    assert "left out" not in outcome.out


@pytest.mark.slow
def test_a_clock_dates_the_kit(command, tmp_path):
    out = tmp_path / "kit"
    clock = "2031-05-06T07:08:09Z"
    options = ("--out", out, "--seed", SEED, "--format", "csv", "--devices", "1")
    assert command("--clock", clock, "kit", "make", "device-maker", *options).code == 0
    found = command("--estate", out / "estate", "--json", "list").json["certificates"]
    assert {one["issued_at"] for one in found} == {clock}
    shown = command("--estate", out / "estate", "--json", "agreement", "show").json
    assert [one["from"] for one in shown["agreements"]] == ["2030-05-06"] * 4


@pytest.mark.parametrize(
    ("arguments", "code", "exit_code"),
    [
        (("zaz1", "--seed", "00"), "batch.seed", 4),
        (("zaz1", "--devices", "-1"), "kit.devices", 4),
        (("zaz1", "--format", "papyrus"), "export.format", 4),
        (("nothing",), "profile.reference", 4),
    ],
)
def test_what_cannot_be_made_is_one_clear_error_and_leaves_nothing(
    command, tmp_path, arguments, code, exit_code
):
    outcome = command("--json", "kit", "make", *arguments, "--out", tmp_path / "kit")
    assert outcome.code == exit_code
    assert outcome.json["error"]["code"] == code
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_holds_anything_is_refused(command, tmp_path):
    (tmp_path / "diary.txt").write_text("mine")
    outcome = command("--json", "kit", "make", "zaz1", "--out", tmp_path)
    assert outcome.code == 4
    assert outcome.json["error"]["code"] == "kit.not_empty"
    assert [path.name for path in tmp_path.iterdir()] == ["diary.txt"]


@pytest.mark.slow
def test_a_refused_kit_ends_with_the_gates_reasons(command, tmp_path):
    kits = tmp_path / "operator" / "kits"
    kits.mkdir(parents=True)
    (kits / "mine.toml").write_text(
        """
name = "mine"
title = "Ours"

[[participant]]
id = "labs"
name = "Labs"
kind = "other"
registry-entries = ["00-DB-13"]

[[devices]]
type = "IHD"
participant = "labs"
purpose = "uept"
hw-type = "1.2.3"
first-id = "00-DB-13-00-00-00-00-01"
usages = ["key-agreement"]
label = "{type}-{id}"
""",
        "utf-8",
    )
    asked = ("kit", "make", "mine", "--out", tmp_path / "kit", "--seed", SEED)
    outcome = command("--json", "--profiles", kits.parent, *asked, "--devices", "1")
    assert outcome.code == 3
    assert outcome.json["refusal"]["code"] == "agreement.none"
    assert [path.name for path in tmp_path.iterdir()] == ["operator"]
    assert command("--profiles", kits.parent, *asked).code == 0, "it asks for no Devices itself"


@pytest.mark.slow
def test_a_kit_of_over_a_million_certificates_is_shown_in_part_and_counted(command):
    shown = command("--json", "kit", "show", "device-maker", "--devices", 100_000).json
    assert len(shown["certificates"]) == 10_000
    assert shown["certificates_not_listed"] == 1_390_012
    small = command("--json", "kit", "show", "zaz1", "--devices", 1).json
    assert "certificates_not_listed" not in small


# kit apply


@pytest.mark.slow
def test_a_quickstart_estate_is_what_its_kit_says_dccki_and_iki_included(command, quickstart):
    here = ("--estate", quickstart, "kit", "apply", "quickstart")
    for more in ((), ("--dry-run",)):
        outcome = command(*here, *more)
        assert (outcome.code, outcome.err) == (0, "")
        assert outcome.out == "Nothing to do: the estate has all that the kit says.\n"


@pytest.mark.slow
def test_the_plan_is_a_table_of_additions_renewals_and_leftovers(command, quickstart):
    here = ("--estate", quickstart)
    revoke = ("revoke", "--label", "Z1-supplier-ds", "--reason", "key-compromise")
    assert command(*here, *revoke).code == 0
    device = ("issue", "device", "--participant", "meters-one", "--purpose", PURPOSE)
    names = ("--device-id", "00-DB-12-00-00-00-00-05", "--hw-type", "1.2.3", "--label", "beside")
    assert command(*here, *device, *names, "--usage", "digital-signature").code == 0
    plan = command(*here, "kit", "apply", "quickstart", "--dry-run")
    assert plan.code == 0
    rows = [line.split() for line in plan.out.splitlines()]
    (added,) = [row for row in rows if row[0] == "add"]
    assert added[1:4] == ["certificate", "ZAZ1", "Z1-supplier-ds"]
    assert added[-1] == "revoked"
    (left,) = [row for row in rows if row[0] == "leave"]
    assert "beside" in left
    assert "Dry run: nothing is changed. It would add 1 and renew 0." in plan.out
    assert "1 certificate is not in the kit, and left as before." in plan.out
    done = command(*here, "kit", "apply", "quickstart")
    assert "Added 1 and renewed 0." in done.out
    assert "Nothing to do" in command(*here, "kit", "apply", "quickstart").out


@pytest.mark.slow
def test_the_plan_in_json(command, quickstart):
    here = ("--json", "--estate", quickstart, "--clock", "2036-12-01T00:00:00Z")
    plan = command(*here, "kit", "apply", "quickstart", "--within", "500w", "--dry-run").json
    assert set(plan) == {
        *("kit", "dry_run", "before", "additions", "renewals", "leftovers", "changed", "run"),
        *("unfinished", "warnings"),
    }
    assert (plan["kit"], plan["dry_run"], plan["run"]) == ("quickstart", True, None)
    assert len(plan["renewals"]) == 22
    assert {each["successor"] for each in plan["renewals"]} == {None}
    done = command(*here, "kit", "apply", "quickstart", "--within", "500w").json
    assert not done["dry_run"]
    assert all(each["successor"] for each in done["renewals"])
    again = command(*here, "kit", "apply", "quickstart", "--within", "500w").json
    assert (again["additions"], again["renewals"], again["leftovers"]) == ([], [], [])


@pytest.fixture
def interrupted(command, quickstart, monkeypatch):
    """Applies a kit and is ended before the first certificate of its run."""

    def run(*words):
        def stop(*_):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(applying, "complete", stop)
            assert command("--estate", quickstart, "kit", "apply", *words).code == 130

    return run


@pytest.mark.slow
def test_a_dry_run_and_the_application_tell_alike_of_a_run_that_is_resumed(
    command, quickstart, interrupted
):
    words = ("kit", "apply", "device-maker", "--devices", 1)
    interrupted("device-maker", "--devices", 1)
    tried = command("--estate", quickstart, *words, "--dry-run").out
    assert "Dry run: nothing is changed. It would add 14 and renew 0." in tried
    assert "Run 1 of an earlier application would be completed: it has 14 of what" in tried
    done = command("--estate", quickstart, *words)
    assert done.code == 0
    assert "Added 14 and renewed 0.\nRun 1 of an earlier application is completed" in done.out
    assert "Nothing to do" in command("--estate", quickstart, *words).out


@pytest.mark.slow
def test_a_run_that_is_left_is_named_with_the_remedy_and_ends_with_1(
    command, quickstart, interrupted
):
    interrupted("device-maker", "--devices", 2)
    here = ("--estate", quickstart, "kit", "apply", "device-maker", "--devices", 1)
    outcome = command(*here)
    assert outcome.code == 1
    assert (
        "Run 1 is interrupted and left as before: of the 28 certificates that it will still issue,"
        " the kit asks for 14. Complete it: smki-testca batch resume 1; or end it: smki-testca"
        " batch cancel 1, and apply the kit again.\nNothing else to do.\n"
    ) in outcome.out
    (run,) = command("--json", *here).json["unfinished"]
    assert (run["run"], run["remaining"], run["asked"], run["resumed"]) == (1, 28, 14, False)
    assert command("--estate", quickstart, "batch", "cancel", 1).code == 0
    assert command(*here).code == 0


def test_what_differs_is_told_with_its_remedy_and_ends_with_1(command, quickstart, tmp_path):
    kit = tmp_path / "ours.toml"
    kit.write_text(
        'name = "ours"\ntitle = "x"\n[[participant]]\nid = "meters-one"\n'
        'name = "Meters Uno"\nkind = "manufacturer"\nregistry-entries = ["00-DB-12"]\n',
        "utf-8",
    )
    here = ("--estate", quickstart)
    outcome = command(*here, "kit", "apply", kit)
    assert outcome.code == 1
    assert "participant meters-one differs in name: the estate has Meters One" in outcome.out
    assert "register import FILE" in outcome.out
    (told,) = command("--json", *here, "kit", "apply", kit, "--dry-run").json["changed"]
    assert (told["kind"], told["name"], told["key"]) == ("participant", "meters-one", "name")
    assert (told["estate"], told["kit"]) == ("Meters One", "Meters Uno")


def test_a_refused_application_also_says_what_differs(command, quickstart):
    outcome = command("--estate", quickstart, "kit", "apply", "zaz1", "--dry-run")
    assert outcome.code == 3
    assert "participant other-one differs in ranges" in outcome.err
    assert "(otherUser-ds): The ID 00-DB-12-34-56-78-00-04" in outcome.err


@pytest.mark.parametrize(
    ("words", "code", "exit_code"),
    [
        (("nothing",), "profile.reference", 4),
        (("none.toml",), "input.unreadable", 4),
        (("quickstart", "--within", "soon"), "time.period", 4),
        (("quickstart", "--devices", "-1"), "kit.devices", 4),
    ],
)
def test_what_cannot_be_applied_is_one_clear_error(command, quickstart, words, code, exit_code):
    outcome = command("--json", "--estate", quickstart, "kit", "apply", *words)
    assert (outcome.code, outcome.json["error"]["code"]) == (exit_code, code)
