"""Which certificate has the plain name of a label: the current one, whatever is selected."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12
from exported import PHRASE, device, files, names, records

import batches
from smki_testca.errors import InputError
from smki_testca.estate.certificates import Selection
from smki_testca.exporters.export import OUTDATED, items, make
from smki_testca.exporters.file_names import file_names
from smki_testca.exporters.item import flat_names, safe_name
from smki_testca.profiles.model import Hierarchy, Tier

LABEL = "Z1-supplier-ds"
ID = "90-B3-D5-1F-30-01-00-00"


@pytest.fixture
def run(command, quickstart):
    """Calls the command on the quickstart estate; its JSON."""

    def call(*words):
        outcome = command("--json", "--estate", quickstart, *words)
        assert outcome.code == 0, outcome.out
        return outcome.json

    return call


def issue(run, label, *more, usage=("digital-signature",), holder=("supplier-one", ID, "supplier")):
    participant, eui64, role = holder
    return [
        one["serial"]
        for one in run(
            *("issue", "organisation", "--participant", participant, "--purpose", "uept"),
            *("--id", eui64, "--role", role, "--label", label, *more),
            *(word for each in usage for word in ("--usage", each)),
        )["certificates"]
    ]


def serial_in(path):
    """The serial number of the certificate in a file of any format."""
    data = path.read_bytes()
    if path.suffix == ".p12":
        certificate = pkcs12.load_pkcs12(data, PHRASE.encode()).cert.certificate
    elif path.suffix == ".der":
        certificate = x509.load_der_x509_certificate(data)
    else:
        certificate = x509.load_pem_x509_certificate(data)
    return f"{certificate.serial_number:032X}"


@pytest.mark.slow
@pytest.mark.parametrize("form", ["pem", "der", "pkcs12", "signing-tool"])
def test_after_a_renewal_the_plain_name_holds_the_new_certificate(export, run, form):
    more = ("--with-keys", "--label", LABEL)
    encrypted = form == "pkcs12"
    _, folder = export(form, *more, encrypted=encrypted)
    before = names(folder)
    (path,) = (one for one in folder.rglob(f"{LABEL}.*") if one.suffix != ".key")
    for _ in range(2):
        (new,) = run("renew", "--label", LABEL)["certificates"]
        outcome, _ = export(form, *more, "--force", encrypted=encrypted)
        assert outcome.code == 0, outcome.out
        assert names(folder) == before
        assert serial_in(path) == new["serial"]
    assert {one["reason"] for one in outcome.json["left_out"]} == {OUTDATED}
    assert len(outcome.json["left_out"]) == 2


@pytest.mark.parametrize("option", ["--status", "--serial"])
def test_a_renewed_certificate_is_written_where_it_is_asked_for(export, run, option):
    (new,) = run("renew", "--label", LABEL)["certificates"]
    value = "not-in-use" if option == "--status" else new["predecessor"]
    outcome, folder = export("pem", option, value)
    assert outcome.json["left_out"] == []
    (path,) = files(folder, ".pem")
    assert path.name == f"{LABEL}-{new['predecessor'].lower()}.pem"
    assert serial_in(path) == new["predecessor"]


def test_where_none_is_in_use_the_newest_has_the_name(export, run):
    run("renew", "--label", LABEL)
    run("set-status", "not-in-use", "--label", LABEL)
    outcome, folder = export("pem", "--label", LABEL)
    assert outcome.code == 0
    assert [path.stem for path in files(folder, ".pem")] == [LABEL]


def test_where_the_current_certificate_is_not_selected_the_way_out_is_told(estate):
    estate.renew(Selection(label=LABEL))
    every = items(estate, records(estate, label=LABEL), with_keys=False)
    with pytest.raises(InputError, match="was renewed or replaced") as caught:
        make("pem", [item for item in every if item.is_outdated], None, current_only=True)
    assert "--status" in caught.value.remedy


def test_what_is_issued_under_the_label_of_a_revoked_one_takes_its_name(export, run):
    (old,) = issue(run, "again")
    run("revoke", "--serial", old, "--reason", "superseded")
    (new,) = issue(run, "again")
    outcome, folder = export("pem", "--label", "again")
    (path,) = files(folder, ".pem")
    assert (path.stem, serial_in(path)) == ("again", new)
    assert [one["serial"] for one in outcome.json["left_out"]] == [old]


def test_a_revoked_certificate_that_nothing_replaced_keeps_its_name(export, run):
    run("revoke", "--label", LABEL, "--reason", "superseded")
    outcome, folder = export("pem", "--label", LABEL)
    assert [path.stem for path in files(folder, ".pem")] == [LABEL]
    assert outcome.json["left_out"] == []
    (told,) = outcome.json["not_in_use"]
    assert (told["name"], told["status"]) == (LABEL, "R")


def test_a_warning_tells_what_is_not_in_use_unless_it_is_asked_for(command, quickstart, tmp_path):
    words = ("--estate", quickstart, "export", "--format", "pem", "--participant", "supplier-one")
    assert "in use" not in command(*words, "--out", tmp_path / "before").err
    revoked = ("revoke", "--label", LABEL, "--reason", "superseded")
    assert command("--estate", quickstart, *revoked).code == 0
    outcome = command(*words, "--out", tmp_path / "all")
    assert outcome.code == 0
    assert f"1 certificate of this export is not in use: {LABEL} (revoked)." in outcome.err
    for status in ("revoked", "in-use"):
        asked = command(*words, "--status", status, "--out", tmp_path / status)
        assert (asked.code, "not in use" in asked.err) == (0, False)
    printed = command(*words[:4], "pem", "--label", LABEL, "--out", "-")
    assert "not in use" in printed.err


def test_a_pending_renewal_does_not_take_the_name_of_what_is_in_use(export, run):
    (old,) = issue(run, "both")
    (new,) = issue(run, "both")
    run("set-status", "pending", "--serial", new)
    _, folder = export("pem", "--label", "both")
    found = {path.stem: serial_in(path) for path in files(folder, ".pem")}
    assert found == {"both": old, f"both-{new.lower()}": new}


USAGES = ("digital-signature", "key-agreement")


def test_two_usages_of_a_label_are_told_apart_whatever_is_selected(export, run):
    issue(run, "two", usage=USAGES)
    _, folder = export("pem", "--label", "two")
    assert [path.stem for path in files(folder, ".pem")] == ["two-ds", "two-ka"]
    _, folder = export("pem", "--label", "two", "--usage", "key-agreement", out="part")
    assert [path.stem for path in files(folder, ".pem")] == ["two-ka"]
    new = run("renew", "--label", "two")["certificates"]
    _, folder = export("java", "--label", "two", "--with-keys", out="java", encrypted=True)
    store = pkcs12.load_pkcs12((folder / "ZAZ1" / "keystore.p12").read_bytes(), PHRASE.encode())
    aliases = {
        one.friendly_name: f"{one.certificate.serial_number:032X}"
        for one in (store.cert, *store.additional_certs)
        if one.friendly_name
    }
    assert aliases == {b"two-ds": new[0]["serial"], b"two-ka": new[1]["serial"]}


@pytest.mark.slow
def test_two_environments_of_a_label_are_told_apart(export, run, quickstart):
    run("init", quickstart, "--environment", "UIT-A")
    for environment in ("UIT-A", "UIT-B"):
        issue(run, "same", "--environment", environment)
    _, folder = export("pem", "--label", "same")
    assert [path.stem for path in files(folder, ".pem")] == ["same-UIT-A", "same-UIT-B"]


def test_two_roles_of_a_label_are_told_apart(export, run):
    issue(run, "same")
    issue(run, "same", holder=("supplier-one", ID, "xmlSign"))
    _, folder = export("pem", "--label", "same")
    assert [path.stem for path in files(folder, ".pem")] == ["same-supplier", "same-xmlSign"]


HOLDERS = (
    ("supplier-one", ID, "supplier"),
    ("network-one", "90-B3-D5-1F-30-02-00-00", "networkOperator"),
)


def test_a_label_of_two_holders_is_plain_in_their_folders_and_told_apart_in_one(export, run):
    for holder in HOLDERS:
        issue(run, "same", holder=holder)
    _, folder = export("pem", "--label", "same", "--with-keys")
    assert [path.name for path in files(folder, ".pem")] == ["same.pem"] * 2
    _, folder = export("signing-tool", "--label", "same", "--with-keys", out="flat")
    assert names(folder) == [
        *("same-network-one.key", "same-network-one.pem"),
        *("same-supplier-one.key", "same-supplier-one.pem"),
    ]


def test_a_device_takes_the_name_of_one_that_is_not_in_use_and_both_are_written(
    export, run, command, quickstart
):
    old = device(command, quickstart, "00db12000000000a", "--label", "meter")
    run("set-status", "not-in-use", "--serial", old)
    new = device(command, quickstart, "00db12000000000b", "--label", "meter")
    _, folder = export("pem", "--label", "meter")
    found = {path.stem: serial_in(path) for path in files(folder, ".pem")}
    assert found == {"meter": new, f"meter-{old.lower()}": old}


def test_devices_of_a_run_that_share_its_label_are_told_apart(export, run):
    words = batches.range_of(3)
    run("batch", "issue", *words, "--label", "line 7")
    _, folder = export("pem", "--label", "line 7")
    stems = [path.stem for path in files(folder, ".pem")]
    assert len(stems) == 3
    assert all(stem.startswith("line-7-00db12") for stem in stems)
    one = stems[0].rsplit("-", 1)[1]
    _, folder = export("pem", "--eui64", one, out="one")
    assert [path.stem for path in files(folder, ".pem")] == stems[:1]


@pytest.mark.slow
def test_what_a_run_issued_gives_its_name_to_its_renewal(export, run, tmp_path):
    rows = [batches.dccki(label="gw"), batches.device(label="meter")]
    run("batch", "issue", batches.write(tmp_path / "rows.csv", rows))
    for label in ("gw", "meter"):
        (new,) = run("renew", "--label", label)["certificates"]
        outcome, folder = export("pem", "--label", label, out=label)
        assert {path.stem: serial_in(path) for path in files(folder, ".pem")} == {
            label: new["serial"]
        }
        assert [one["serial"] for one in outcome.json["left_out"]] == [new["predecessor"]]


def test_two_hosts_of_a_label_are_told_apart_by_their_cn(export, run):
    for name in ("one.test", "two.test"):
        run(
            *("issue", "dccki", "--participant", "supplier-one", "--purpose", "uept"),
            *("--common-name", name, "--label", "gw"),
        )
    _, folder = export("pem", "--label", "gw")
    assert [path.stem for path in files(folder, ".pem")] == ["gw-one.test", "gw-two.test"]


def test_no_certificate_has_the_name_of_a_chain(export, run):
    issue(run, "a")
    issue(run, "a-fullchain")
    _, folder = export("pem", "--participant", "supplier-one")
    place = folder / "ZAZ1" / "organisation" / "supplier-one"
    blocks = (place / "a-fullchain.pem").read_bytes().count(b"BEGIN CERTIFICATE")
    assert blocks == 2
    assert (place / "a-fullchain_.pem").read_bytes().count(b"BEGIN CERTIFICATE") == 1


@pytest.mark.slow
def test_certificates_without_a_label_are_named_after_their_cn(export, run):
    for name in ("gw.one.test", "gw.two.test"):
        run(
            *("issue", "dccki", "--participant", "supplier-one", "--purpose", "uept"),
            *("--common-name", name),
        )
    _, folder = export("pem", "--profile", "dccki", "--participant", "supplier-one")
    stems = {path.stem for path in files(folder, ".pem")}
    usage = "digital-signature-key-encipherment"
    assert {f"dccki-gw.one.test-{usage}", f"dccki-gw.two.test-{usage}"} < stems


# Labels that make the same file name.


def exported_as(export, *selection, out):
    """The name of each PEM file of an end entity in an export, with the serial in it."""
    outcome, folder = export("pem", *selection, out=out)
    assert outcome.code == 0, outcome.out
    return {path.stem: serial_in(path) for path in files(folder, ".pem")}


MEETING = [
    ("gas 1", "gas-1", "gas-1-e3521a82"),
    ("Gas", "gas", "gas-2fe840e1"),
    ("Zähler 1", "Zühler 1", "Z-hler-1-3a6bff25"),
    ("a" * 100 + "1", "a" * 100 + "2", "a" * 100 + "-1cb94468"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("first", "second", "name"), MEETING)
def test_labels_that_meet_are_told_apart_whatever_is_selected(export, run, first, second, name):
    plain = safe_name(first)
    (old,), (new,) = issue(run, first), issue(run, second)
    holder = exported_as(export, "--participant", "supplier-one", out="all")
    assert holder.items() >= {plain: old, name: new}.items()
    assert exported_as(export, "--label", first, out="first") == {plain: old}
    assert exported_as(export, "--label", second, out="second") == {name: new}
    # Each keeps its name when it is renewed.
    for label, stem in ((first, plain), (second, name)):
        (renewed,) = run("renew", "--label", label)["certificates"]
        found = exported_as(export, "--label", label, out=f"renewed-{stem}")
        assert found == {stem: renewed["serial"]}


def test_labels_of_a_run_meet_those_of_others(export, run, tmp_path):
    rows = [batches.device(label="Meter 1"), batches.device(number=0x101, label="meter-1")]
    run("batch", "issue", batches.write(tmp_path / "rows.csv", rows))
    every = exported_as(export, "--participant", "meters-one", out="all")
    part = exported_as(export, "--label", "meter-1", out="part")
    assert list(part) == ["meter-1-f8c994c5"]
    assert every.items() > part.items()
    assert "Meter-1" in every


def test_a_label_without_a_portable_character_has_a_name_that_stays(export, run):
    issue(run, "電力")
    (name,) = exported_as(export, "--label", "電力", out="before")
    run("renew", "--label", "電力")
    assert list(exported_as(export, "--label", "電力", out="after")) == [name]


def test_a_label_has_its_name_though_it_is_what_two_usages_of_another_make(export, run):
    issue(run, "two", usage=USAGES)
    (other,) = issue(run, "two-ds")
    every = exported_as(export, "--label", "two*", out="all")
    assert every["two-ds"] == other
    part = exported_as(export, "--label", "two", out="part")
    assert sorted(part) == ["two-ds-3fc4ccfe", "two-ka"]
    assert every.items() > part.items()


# CAs.


def ca_files(folder):
    """The files of CAs and their chains, each with the serials in it."""
    return {
        path.relative_to(folder).as_posix(): [
            one.serial_number for one in x509.load_pem_x509_certificates(path.read_bytes())
        ]
        for path in folder.rglob("ca/*.pem")
    }


def test_a_ca_has_the_same_file_name_in_every_export(export, estate):
    estate.renew_authority("Z1")
    estate.roll_over(Hierarchy.IKI, "Issuing-ICA ZAZ1 Test")
    estate.roll_over(Hierarchy.ORGANISATION, "z1 ")
    _, folder = export("pem")
    every = ca_files(folder)
    for number, selection in enumerate(
        (("--label", LABEL), ("--profile", "iki"), ("--profile", "iki-issuing-ca"))
    ):
        _, folder = export("pem", *selection, out=f"part-{number}")
        part = ca_files(folder)
        assert part
        assert {name: every[name] for name in part} == part


def test_generations_of_one_file_name_are_numbered_as_they_were_made(estate):
    before = {one.serial: one for one in estate.certificates.authorities()}
    first = {name.text for serial, name in file_names(estate, []).items() if serial in before}
    new = estate.roll_over(Hierarchy.IKI, "Issuing-ICA ZAZ1 Test")
    after = file_names(estate, [])
    assert after[new.serial].text == "Issuing-ICA-ZAZ1-Test-2"
    assert {after[serial].text for serial in before} == first


@pytest.mark.slow
def test_a_renewed_ca_keeps_its_file_name_and_alias(export, estate):
    old = next(one for one in estate.certificates.authorities() if one.label == "Z1")
    new = estate.renew_authority("Z1").record
    outcome, folder = export("pem", "--profile", "organisation-issuing-ca")
    (path,) = files(folder, ".pem")
    assert (path.name, serial_in(path)) == ("Z1.pem", str(new.serial))
    assert [one["serial"] for one in outcome.json["left_out"]] == [str(old.serial)]
    _, folder = export("java", "--label", LABEL, out="java", encrypted=True)
    store = pkcs12.load_pkcs12((folder / "ZAZ1" / "truststore.p12").read_bytes(), PHRASE.encode())
    found = {one.friendly_name: one.certificate for one in store.additional_certs}
    assert found[b"Z1"].public_bytes(Encoding.DER) == new.der
    assert set(found) == {b"Z1", b"ZA"}


def test_no_chain_file_begins_with_a_ca_certificate_that_was_renewed(export, estate):
    old = next(one for one in estate.certificates.authorities() if one.label == "Z1")
    estate.renew_authority("Z1")
    _, folder = export("pem", "--serial", str(old.serial))
    assert f"ZAZ1/organisation/ca/Z1-{str(old.serial).lower()}.pem" in names(folder)
    assert not (folder / "ZAZ1" / "organisation" / "ca" / "Z1-chain.pem").exists()


# Any selection.


@pytest.mark.slow
def test_a_selection_changes_no_name(estate, run):
    run("renew", "--participant", "supplier-one")
    issue(run, "two", usage=USAGES)
    every = list(estate.select(Selection()))
    whole = file_names(estate, every)
    assert len(whole) == len(every)
    for record in every:
        assert file_names(estate, [record])[record.serial] == whole[record.serial]


def test_names_in_one_folder_are_different_whatever_the_case(estate):
    (item,) = items(estate, records(estate, label="ESME-ds"), with_keys=False)
    other = replace(
        item, name=item.name.upper(), record=replace(item.record, serial=item.chain[0].serial)
    )
    one, two = flat_names([item, other])
    assert one.lower() != two.lower()


def test_the_client_of_keystore_json_finds_one_entry_after_a_renewal(export, run):
    (new,) = run("renew", "--label", LABEL)["certificates"]
    _, folder = export("keystore-json", "--with-keys", "--label", LABEL)
    store = json.loads((folder / "keystore.json").read_text("utf-8"))
    (entries,) = (usages["digitalSignature"] for usages in store.values())
    assert list(entries) == [str(int(new["serial"], 16))]


def test_kits_and_exports_from_python_may_leave_renewed_ones_out(estate, tmp_path):
    from smki_testca import export  # noqa: PLC0415

    estate.renew(Selection(label=LABEL))
    chosen = list(estate.select(Selection(label=LABEL)))
    written = export(estate, chosen, "pem", tmp_path / "all")
    assert len(files(tmp_path / "all", ".pem")) == 2
    written = export(estate, chosen, "pem", tmp_path / "current", current_only=True)
    assert len(files(tmp_path / "current", ".pem")) == 1
    assert all(path.exists() for path in written)
    assert any(record.tier is Tier.END_ENTITY for record in chosen)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(4))
def test_of_two_renewed_at_once_the_one_with_the_name_hands_it_on(estate, run, number):
    """Whichever of the new serial numbers, which are random, is the greater."""

    def plain_name(records):
        given = file_names(estate, records)
        return next(str(one.serial) for one in records if given[one.serial].text == "twin")

    first, second = (issue(run, "twin")[0] for _ in range(2))
    named = second
    if number % 2:
        run("set-status", "pending", "--serial", second)
        named = first
    for _ in range(2):
        twins = list(estate.select(Selection(label="twin")))
        assert plain_name(twins) == named
        renewed = {
            one["predecessor"]: one["serial"]
            for one in run("renew", "--label", "twin", "--same-key")["certificates"]
        }
        assert len(renewed) == 2
        named = renewed[named]
    twins = list(estate.select(Selection(label="twin")))
    assert plain_name(twins) == plain_name(twins[::-1]) == named
