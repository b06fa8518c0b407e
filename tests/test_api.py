import ast
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

import smki_testca
from api_reference import GROUPS, manual
from smki_testca import (
    DeviceSubject,
    Estate,
    EstateError,
    Eui64,
    FixedClock,
    Hierarchy,
    InputError,
    KeyUsage,
    OrganisationSubject,
    SeededEntropy,
    Selection,
    back_up,
    change_passphrase,
    export,
    export_files,
    restore,
)
from smki_testca.entropy import KeyedEntropy

ROOT = Path(__file__).parent.parent
PARTICIPANTS = ROOT / "examples" / "participants.toml"
SUPPLIER = {"id": "90-B3-D5-1F-30-01-00-00", "role": "supplier"}
BOTH = (KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_AGREEMENT)
PHRASE = "long enough"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
P256_HIERARCHIES = (Hierarchy.ORGANISATION, Hierarchy.DEVICE)


def _make(directory, **options):
    estate = Estate.create(directory, "secret", clock=FixedClock(NOON), **options)
    estate.add_environment("ZAZ1", hierarchies=P256_HIERARCHIES)
    estate.register.import_file(PARTICIPANTS.read_bytes(), PARTICIPANTS.name)
    return estate


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    with _make(tmp_path_factory.mktemp("api") / "estate") as estate:
        yield estate


def _issue(estate, usages=BOTH[:1]):
    supplier = estate.subject("organisation", **SUPPLIER)
    records, _ = estate.issue(estate.request("supplier-one", "uept", supplier, usages))
    return records


def test_importing_the_package_imports_no_other_module_of_it():
    code = (
        "import sys; before = set(sys.modules); import smki_testca; new = set(sys.modules) - before"
        "; print([name for name in new if name.startswith(('smki_testca.', 'importlib.metadata'))])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout == "[]\n"


def test_every_public_name_is_there_and_listed():
    for name in smki_testca.__all__:
        assert getattr(smki_testca, name).__name__ == name
    assert set(smki_testca.__all__) <= set(dir(smki_testca))
    assert sorted(smki_testca.__all__) == smki_testca.__all__
    assert sorted(name for names in GROUPS.values() for name in names) == smki_testca.__all__


def test_type_checkers_see_the_names_that_the_program_finds():
    tree = ast.parse(Path(smki_testca.__file__).read_text("utf-8"))
    guarded: Any = next(one for one in tree.body if isinstance(one, ast.If))
    seen = {
        one.module.removeprefix("smki_testca."): tuple(sorted(name.name for name in one.names))
        for one in guarded.body
    }
    assert seen == vars(smki_testca)["_MODULES"]
    assert sorted(name for names in seen.values() for name in names) == smki_testca.__all__
    assert files("smki_testca").joinpath("py.typed").is_file()


def test_the_version_is_that_of_the_metadata_and_unknown_without_any(tmp_path):
    assert smki_testca.__version__ == version("smki-testca")
    assert "__version__" in dir(smki_testca)
    package = tmp_path / "smki_testca"
    package.mkdir()
    shutil.copy(smki_testca.__file__, package)
    code = "import sys; sys.path.insert(0, sys.argv[1]); import smki_testca as package"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"{code}; print(package.__version__)", tmp_path],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "0+unknown\n"


USERS_SCRIPT = """
from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import smki_testca as ca


def work(estate: ca.Estate, out: Path) -> dict[str, bytes]:
    meter = ca.Eui64.parse("00-DB-12-00-00-00-00-05")
    rows: list[dict[str, str | ca.Eui64 | None]] = [{"device_id": meter, "label": None}]
    outcome = estate.batches.issue(rows, ca.BatchOptions(existing=ca.Existing.SKIP), workers=2)
    problems: list[ca.RowProblem] = list(outcome.problems)
    print(*(problem.error.code for problem in problems))
    run: ca.Run | None = outcome.run
    if run is None:
        return {}
    keys = [key for _, key in estate.batches.records_with_keys(run.id) if key is not None]
    print(sum(map(len, keys)), estate.batches.delivery_note(run.id).first_id)
    findings: list[ca.RunFinding] = estate.batches.verify(run.id).findings
    print([finding.serial for finding in findings])
    options = ca.RunExportOptions(with_keys=True, key_form=ca.KeyForm.RAW)
    place = out / "devices.csv"
    written: ca.RunExport = ca.export_run(estate, run.id, "device-csv", place, options)
    print(written.devices)
    terms = ca.SigningOptions(participant="meters-one", purpose="uept")
    signed: ca.SignedBatch = estate.batches.sign({"one": b"-----"}, terms)
    errors: dict[str, ca.SmkiTestcaError] = signed.refused
    print(errors, signed.certificates["one"].hex())
    kit: ca.Kit = ca.load_kit(ca.kit_names()[0])
    plan: ca.KitPlan = ca.apply_kit(estate, kit, within=timedelta(days=1), dry_run=True)
    differences: list[ca.KitDifference] = plan.changed
    print([each.remedy for each in differences], ca.make_kit(kit, out).exports.folders)
    selection = ca.Selection(label=ca.LabelPattern("meter-*"), serial=ca.SerialPrefix("0102030"))
    records = list(estate.select(selection))
    print([record.subject for record in records])
    for description in ca.describe_documents(records[0].der):
        print(description.fields["serialNumber"].upper())
    severities: set[ca.Severity] = {
        each.severity for linted in ca.lint_documents(out) for each in linted.findings
    }
    print(severities)
    # These are mistakes: a type checker tells.
    estate.batches.issue([{"device_id": 5}])  # type: ignore[dict-item]
    estate.batches.resume("1")  # type: ignore[arg-type]
    ca.export_files(estate, records, form=1)  # type: ignore[arg-type]
    return ca.export_files(estate, records, "pem")
"""


# Of the package itself, its own configuration says what is checked.
FOLLOWED = "--follow-imports=silent"


@pytest.mark.slow
def test_a_users_script_is_checked_strictly(tmp_path):
    pytest.importorskip("mypy")
    script = tmp_path / "work.py"
    script.write_text(USERS_SCRIPT)
    source = Path(smki_testca.__file__).parents[1]
    # mypy finds an installed package by itself, and refuses its folder here.
    path = {} if source.name == "site-packages" else {"MYPYPATH": str(source)}
    done = subprocess.run(
        [*(sys.executable, "-m", "mypy", "--strict", "--config-file="), FOLLOWED, script],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, **path, "MYPY_CACHE_DIR": str(tmp_path / "cache")},
        check=False,
    )
    assert done.stdout.startswith("Success"), done.stdout + done.stderr


def test_a_name_that_is_not_public_is_missing():
    with pytest.raises(AttributeError, match="no attribute 'Estates'"):
        _ = smki_testca.Estates  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "name", ["Subject", "State", "TakenAs", "Remarks", "KitAgreement", "KitRequest", "KitDevices"]
)
def test_what_public_signatures_take_and_give_is_public(name):
    assert name in smki_testca.__all__
    assert f"### `{name}`" in manual()


def test_what_is_no_part_of_the_api_is_in_no_signature_of_its_values():
    text = manual()
    for name in ("Facts", "Listing", "Asked", "View", "Terms", "portal.Report", "Input"):
        assert not re.search(rf": {re.escape(name)}\b", text), name
    assert "`    " not in text


def test_the_reference_page_is_what_the_source_says():
    said = (ROOT / "docs" / "api.md").read_text("utf-8")
    assert said == manual(), "run: python tools/api_reference.py > docs/api.md"


@pytest.mark.slow
def test_the_examples_at_the_top_of_the_reference_run_in_order(tmp_path, monkeypatch):
    (tmp_path / "examples").symlink_to(ROOT / "examples", target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    head = manual().split("## What holds for every name")[0]
    names = {}
    for number, lines in enumerate(re.findall(r"```python\n(.*?)```", head, re.DOTALL)):
        exec(compile(lines, f"api.md, example {number}", "exec"), names)  # noqa: S102 - our own
    assert str(names["record"].eui64) == "90-B3-D5-1F-30-01-00-00"
    assert (names["outcome"].count, names["outcome"].problems) == (18, ())
    assert names["signed"].usage == "key-agreement"
    assert {each.kind for each in names["plan"].additions} > {"certificate"}
    written = {path.relative_to("out").as_posix() for path in Path("out").rglob("*.*")}
    exported = {name for name in written if Path("out", name).is_file()}
    assert len(exported) > 4
    assert Path("devices.csv").is_file()


def test_a_passphrase_is_text_or_what_gives_it(tmp_path):
    with Estate.create(str(tmp_path / "estate"), lambda: "secret") as estate:
        estate.add_environment("ZAZ1", hierarchies=[Hierarchy.DEVICE])
        (authority, _) = estate.certificates.authorities()
    with Estate.open(str(tmp_path / "estate"), "secret") as estate:
        assert estate.authorities.able(authority).certificate == authority.der
    with (
        Estate.open(tmp_path / "estate", "another") as estate,
        pytest.raises(EstateError, match="does not open"),
    ):
        estate.authorities.able(authority)


@pytest.mark.slow
def test_an_estate_is_backed_up_restored_and_given_another_passphrase(tmp_path):
    with _make(tmp_path / "estate") as estate:
        first = back_up(estate, "secret", str(tmp_path / "first.backup"))
        _issue(estate)
        later = back_up(estate, "other", tmp_path / "later.backup", since=tmp_path / "first.backup")
        assert later.earlier == (first.identity,)
        assert later.entries > first.entries
        assert change_passphrase(estate, "secret", "new phrase") is None
        with pytest.raises(EstateError) as error:
            change_passphrase(estate, "secret", "third")
        assert error.value.code == "estate.passphrase"
    files = [str(tmp_path / "first.backup"), tmp_path / "later.backup"]
    restored = restore(files, str(tmp_path / "restored"), "secret", ["other"])
    assert restored.directory == tmp_path / "restored"
    assert (restored.entries, restored.head) == (later.entries, later.head)
    with Estate.open(restored.directory, "secret") as estate:
        estate.unlock()
    with Estate.open(tmp_path / "estate", "new phrase") as estate:
        estate.unlock()


def test_the_hierarchies_left_out_can_be_made_later(tmp_path):
    with Estate.create(tmp_path / "estate", "secret") as estate:
        estate.add_environment("ZAZ1", hierarchies=[Hierarchy.DEVICE])
        with pytest.raises(InputError) as error:
            estate.add_environment("ZAZ1", hierarchies=P256_HIERARCHIES)
        assert error.value.code == "environment.present"
        made = estate.add_environment("ZAZ1", hierarchies=[Hierarchy.ORGANISATION])
        assert [one.label for one in made] == ["ZA", "Z1"]


def test_a_subject_is_told_as_on_the_command_line(own):
    roles = own.library.roles
    eui64 = Eui64.parse(SUPPLIER["id"])
    assert own.subject("organisation", **SUPPLIER) == OrganisationSubject(
        eui64, roles.remote_party_role("supplier")
    )
    assert own.subject("organisation", id=eui64, role="02", common_name="One").common_name == "One"
    device = own.subject("device", device_id="00db120000000005", hw_type="1.2.3")
    assert device == DeviceSubject(Eui64.parse("00-DB-12-00-00-00-00-05"), "1.2.3")
    assert own.subject("dccki", common_name="a", dns="b").dns == "b"
    assert own.subject("iki", system_name="s", role="supplier").system_name == "s"


def test_a_particular_that_is_missing_stray_or_wrong_is_told(own):
    with pytest.raises(InputError, match="needs role"):
        own.subject("organisation", id=SUPPLIER["id"])
    with pytest.raises(TypeError, match="profile device takes no 'role'"):
        own.subject("device", device_id="00db120000000005", hw_type="1.2.3", role="supplier")
    with pytest.raises(TypeError, match="takes no 'serial'"):
        own.subject("iki", system_name="s", role="supplier", serial="1")
    with pytest.raises(InputError, match="not an EUI-64"):
        own.subject("organisation", id="90:B3", role="supplier")
    with pytest.raises(InputError) as error:
        own.subject("meter", role="supplier")
    assert error.value.code == "request.profile"


def test_a_credential_has_the_certificate_its_key_and_the_cas_above_it(own):
    (record,) = _issue(own)
    credential = own.credential(record)
    certificate, (issuing, root) = credential.certificate, credential.issuers
    certificate.verify_directly_issued_by(issuing)
    issuing.verify_directly_issued_by(root)
    assert certificate.serial_number == record.serial.value
    signature = credential.private_key.sign(b"data", ec.ECDSA(hashes.SHA256()))
    certificate.public_key().verify(signature, b"data", ec.ECDSA(hashes.SHA256()))
    assert credential.chain_pem.startswith(credential.pem)
    assert credential.chain_pem.count(b"-----BEGIN CERTIFICATE") == 2
    assert credential.der == record.der


def test_openssl_verifies_what_a_credential_says_in_pem(own, tmp_path):
    credential = own.credential(_issue(own)[0])
    for name in ("chain_pem", "root_pem", "key_pem"):
        (tmp_path / name).write_bytes(getattr(credential, name))

    def openssl(*words):
        return subprocess.run(
            ["openssl", *words], capture_output=True, check=True, cwd=tmp_path
        ).stdout

    trusted = ("-CAfile", "root_pem", "-untrusted", "chain_pem")
    assert openssl("verify", "-x509_strict", *trusted, "chain_pem") == b"chain_pem: OK\n"
    of_key = openssl("pkey", "-in", "key_pem", "-pubout")
    of_certificate = openssl("x509", "-in", "chain_pem", "-noout", "-pubkey")
    assert of_key == of_certificate


def test_a_ca_and_a_key_that_was_brought_have_no_private_key_to_give(own):
    supplier = own.subject("organisation", **SUPPLIER)
    request = own.request("supplier-one", "uept", supplier, BOTH[:1])
    brought = _issue(own)[0]
    key = own.credential(brought).certificate.public_key()
    (record,), _ = own.issue(request, public_key=_point_of(ec.generate_private_key(key.curve)))
    for one in (record, own.certificates.authorities()[0]):
        credential = own.credential(one)
        for name in ("private_key", "key_pem"):
            with pytest.raises(InputError) as error:
                getattr(credential, name)
            assert error.value.code == "credential.no_key"
    root = own.credential(own.certificates.authorities()[0])
    assert root.issuers == ()
    assert root.root_pem == root.pem == root.chain_pem


def _point_of(key):
    from smki_testca.x509.private_keys import public_key_info  # noqa: PLC0415

    return public_key_info(key)


def test_a_credential_is_printed_without_its_key(own):
    credential = own.credential(_issue(own)[0])
    assert re.fullmatch(
        r"<Credential organisation 90-B3-D5-1F-30-01-00-00 digital-signature serial [0-9A-F]{32}>",
        repr(credential),
    )


def test_an_export_to_memory_has_the_files_that_export_writes(own, tmp_path):
    records = _issue(own, BOTH)
    for form in ("pem", "der", "csv", "jwks"):
        files = export_files(own, records, form, with_keys=True)
        paths = export(own, records, form, tmp_path / form, with_keys=True)
        written = {path.relative_to(tmp_path / form).as_posix(): path for path in paths}
        assert files == {name: path.read_bytes() for name, path in written.items()}


def test_an_export_to_memory_protects_keys_and_leaves_out_what_was_renewed(tmp_path):
    with _make(tmp_path / "estate") as estate:
        (record,) = _issue(estate)
        estate.renew(Selection(serial=record.serial))
        records = list(estate.select(Selection(participant="supplier-one")))
        every = export_files(estate, records, "pem")
        current = export_files(estate, records, "pem", current_only=True)
        assert every.keys() > current.keys()
        protected = export_files(estate, records, "pem", with_keys=True, passphrase=PHRASE)
    keys = [octets for name, octets in protected.items() if name.endswith(".key")]
    assert len(keys) == 2
    assert all(octets.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY") for octets in keys)


@pytest.mark.parametrize(
    ("form", "picked", "code"),
    [("jpeg", slice(None), "export.format"), ("pem", slice(0), "export.nothing")],
)
def test_what_cannot_be_exported_to_memory_is_told(own, form, picked, code):
    with pytest.raises(InputError) as error:
        export_files(own, _issue(own)[picked], form)
    assert error.value.code == code


def test_export_writes_what_the_command_does(own, tmp_path):
    records = _issue(own, BOTH)
    paths = export(own, records, "pem", str(tmp_path / "out"), with_keys=True)
    names = {path.name for path in paths}
    usages = ("digital-signature", "key-agreement")
    assert {f"90b3d51f30010000-supplier-{usage}.key" for usage in usages} < names
    assert all(path.is_file() for path in paths)


@pytest.mark.parametrize(
    ("form", "picked", "code"),
    [("jpeg", slice(None), "export.format"), ("pem", slice(0), "export.nothing")],
)
def test_what_cannot_be_exported_is_told(own, tmp_path, form, picked, code):
    with pytest.raises(InputError) as error:
        export(own, _issue(own)[picked], form, tmp_path / "out")
    assert error.value.code == code
    assert not (tmp_path / "out").exists()


def test_keys_from_a_seed_are_told_not_to_be_secret(own, tmp_path):
    (secret,) = _issue(own)
    with _make(tmp_path / "estate", entropy=SeededEntropy(b"seed")) as estate:
        records = _issue(estate)
        found = list(estate.select(Selection(participant="supplier-one")))
        paths = export(estate, found, "pem", tmp_path / "out", with_keys=True)
    assert found == records
    assert [one.as_json().get("keys_secret", True) for one in (secret, *found)] == [True, False]
    assert "KEYS-ARE-NOT-SECRET.txt" in {path.name for path in paths}


@given(
    st.binary(min_size=8, max_size=64),
    st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.integers(1, 70)), max_size=6),
)
def test_what_is_drawn_under_a_label_does_not_depend_on_what_was_drawn_before(seed, draws):
    entropy, other = KeyedEntropy(seed), KeyedEntropy(seed)
    for label, count in draws:
        with entropy.keyed(label):
            drawn = entropy.octets(count)
        with other.keyed(label):
            assert other.octets(70)[:count] == drawn
        assert entropy.octets(3) == other.octets(3)


def test_streams_of_other_seeds_and_labels_differ():
    drawn = set()
    for seed in (b"seed one", b"seed two"):
        entropy = KeyedEntropy(seed)
        drawn.add(entropy.octets(32))
        for label in (b"a", b"b"):
            with entropy.keyed(label):
                drawn.add(entropy.octets(32))
    assert len(drawn) == 6
    assert not KeyedEntropy.secret
