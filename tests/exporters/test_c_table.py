"""Tables of certificates in C: their names last, and any compiler takes them."""

import subprocess
from dataclasses import replace
from itertools import islice

import pytest
from cryptography.hazmat.primitives.serialization import load_der_private_key
from cryptography.x509 import load_der_x509_certificate
from exported import names, records

from compilers import COMPILERS, compiled
from smki_testca.corpus.bases import corpus_pki
from smki_testca.corpus.build import ENVIRONMENT, Builder
from smki_testca.corpus.delivery.c_source import c_files
from smki_testca.errors import ExitCode, InputError
from smki_testca.exporters.c_names import check_own, identifiers
from smki_testca.exporters.c_table import CTable
from smki_testca.exporters.export import items

_ESME = "00DB120000000001_DS"

_MAIN = r"""
#include <stdio.h>
#include "smki.h"

static void print(const unsigned char *octets, size_t size)
{
    size_t n;
    for (n = 0; octets != NULL && n < size; n++)
        printf("%02x", octets[n]);
    printf(" ");
}

int main(void)
{
    size_t number, n, above;
    for (number = 0; number < SMKI_TABLES; number++)
        for (n = 0; n < smki_tables[number].count; n++) {
            const smki_certificate *it = &smki_tables[number].table[n];
            printf("%s %s %d %d %d ", it->name, it->serial, it->role, it->usage, it->status);
            print(it->eui64, sizeof it->eui64);
            print(it->certificate.octets, it->certificate.size);
            print(it->key.octets, it->key.size);
            print(it->point, SMKI_POINT_SIZE);
            print(it->scalar, SMKI_SCALAR_SIZE);
            for (above = 0; above < it->chain_count; above++)
                print(it->chain[above].octets, it->chain[above].size);
            printf("\n");
        }
    return 0;
}
"""
_STATUSES = "PINER"


def _selected(estate, **selection):
    return items(estate, records(estate, **selection), with_keys=True)


def _printed(name, item):
    """A line of what the program prints of a certificate."""
    record = item.record
    public = load_der_x509_certificate(record.der).public_key().public_numbers()
    point = scalar = ""
    if hasattr(public, "x"):
        point = f"04{public.x:064x}{public.y:064x}"
        if item.private_key is not None:
            private = load_der_private_key(item.private_key, None)
            scalar = f"{private.private_numbers().private_value:064x}"
    bits = {"digital-signature": 1, "key-agreement": 2}
    usage = 0
    for each in record.usage.split("+"):
        usage |= bits.get(each, 4)
    eui64 = bytes(8) if record.eui64 is None else record.eui64.octets
    key = b"" if item.private_key is None else item.private_key
    octets = (eui64.hex(), record.der.hex(), key.hex(), point, scalar)
    role = -1 if record.role is None else record.role
    status = _STATUSES.index(item.status.value)
    chain = [above.der.hex() for above in item.chain]
    return f"{name} {record.serial} {role} {usage} {status} {' '.join((*octets, *chain))} "


@pytest.mark.slow
@pytest.mark.parametrize("compiler", COMPILERS)
def test_a_program_reads_every_certificate_from_the_tables(export, estate, tmp_path, compiler):
    _, folder = export("c-table", "--with-keys")
    (tmp_path / "main.c").write_text(_MAIN)
    units = [tmp_path / "main.c", *sorted(folder.glob("*.c"))]
    program = compiled(compiler, units, tmp_path / "program", "-I", folder)
    told = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    found = _selected(estate)
    wanted = [_printed(*pair) for pair in zip(identifiers(found), found, strict=True)]
    assert sorted(told.splitlines()) == sorted(wanted)


def test_each_profile_has_a_unit_of_its_own_that_holds_what_is_static(export):
    _, folder = export("c-table", "--profile", "device", "--profile", "organisation")
    assert names(folder) == ["smki.c", "smki.h", "smki_device.c", "smki_organisation.c"]
    unit = (folder / "smki_device.c").read_text("ascii")
    assert "static const unsigned char c0[" in unit
    assert "static" not in (folder / "smki.h").read_text("ascii")


@pytest.mark.slow
def test_a_name_stays_when_its_certificate_is_renewed(command, quickstart, export):
    def place_of(folder):
        lines = (folder / "smki.h").read_text("ascii").splitlines()
        return [line.strip(" ,") for line in lines if "00DB120000000001" in line]

    _, before = export("c-table", "--profile", "device")
    assert command("--estate", quickstart, "renew", "--label", "ESME-ds").code == ExitCode.DONE
    _, after = export("c-table", "--profile", "device", "--force")
    assert sorted(place_of(before)) == sorted(place_of(after))
    assert f"SMKI_{_ESME}" in place_of(after)


def test_another_label_of_another_device_changes_no_name(estate):
    (first,) = _selected(estate, label="ESME-ds")
    (other,) = _selected(estate, label="GSME-ds")
    other = replace(other, name=first.name, record=replace(other.record, label="ESME-ds"))
    assert identifiers([first, other])[0] == identifiers([first])[0] == _ESME


def test_of_two_for_one_purpose_the_earlier_one_has_the_plain_name(estate):
    found = _selected(estate, participant="supplier-one", profile="organisation")
    labelled = {
        item.record.label: name for item, name in zip(found, identifiers(found), strict=True)
    }
    assert labelled["Z1-supplier-ka"] == "90B3D51F30010000_02_KA"
    assert labelled["Z1-supplierPP-ka"] == "90B3D51F30010000_02_KA_2"
    backwards = dict(zip(found[::-1], identifiers(found[::-1]), strict=True))
    assert {item.record.label: name for item, name in backwards.items()} == labelled


def test_what_waits_and_what_is_out_of_use_is_told_apart(estate):
    (item,) = _selected(estate, label="ESME-ds")
    status = type(item.status)
    waiting = replace(item, record=replace(item.record, audit=99), current=item.record)
    waiting = replace(waiting, record=replace(waiting.record, serial=_other(item)))
    old = replace(waiting, status=status.NOT_IN_USE)
    waiting = replace(waiting, status=status.PENDING)
    assert identifiers([item, waiting]) == [_ESME, f"{_ESME}_NEXT"]
    assert identifiers([old, item]) == [f"{_ESME}_{_other(item)}", _ESME]


def _other(item):
    serial = item.record.serial
    return type(serial)(serial.value ^ 1)


def test_very_many_certificates_are_in_several_units(estate, monkeypatch):
    monkeypatch.setattr("smki_testca.exporters.c_table._MOST_ROWS", 3)
    found = _selected(estate, profile="device")
    made = {str(file.path): file.data.decode() for file in CTable().files(found, None)}
    assert [name for name in made if "device" in name] == [
        "smki_device.c",
        "smki_device_2.c",
        "smki_device_3.c",
    ]
    assert made["smki.c"].count('{"device", ') == 3


@pytest.mark.slow
@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("form", ["c-header", "c-table"])
def test_two_sets_with_names_of_their_own_go_into_one_program(export, tmp_path, form, compiler):
    folders = [
        export(form, "--label", label, "--c-name", name, out=name)[1]
        for label, name in (("ESME-ds", "meter"), ("GSME-ds", "gas"))
    ]
    (tmp_path / "main.c").write_text(
        "#include <stddef.h>\n"
        '#include "meter.h"\n#include "gas.h"\n#include "meter.h"\n'
        f"int main(void) {{ return {_USED[form]}; }}\n"
    )
    units = [tmp_path / "main.c", *(unit for folder in folders for unit in folder.glob("*.c"))]
    include = [part for folder in folders for part in ("-I", folder)]
    # What a program does not use of a header with arrays is none of its warnings' business.
    program = compiled(compiler, units, tmp_path / "program", *include, "-Wno-unused")
    assert subprocess.run([program], check=False).returncode == 0


_USED = {
    "c-header": (
        "METER_ESME_DS_CERTIFICATE[0] != 0x30 || GAS_GSME_DS_CERTIFICATE[0] != 0x30"
        " || sizeof METER_DZ1_CERTIFICATE != METER_DZ1_CERTIFICATE_SIZE"
    ),
    "c-table": "meter_device[METER_00DB120000000001_DS].eui64[7] != 1 || gas_tables[0].count != 1",
}


@pytest.mark.parametrize("name", ["", "Meter", "9x", "a-b", "x" * 17, "../x"])
def test_a_name_that_c_could_not_take_is_refused(name):
    with pytest.raises(InputError) as caught:
        check_own(name)
    assert caught.value.code == "export.c_name"


def test_a_name_for_a_format_without_one_is_refused(export):
    outcome, _ = export("pem", "--c-name", "meter")
    assert outcome.code == ExitCode.INPUT
    assert outcome.json["error"]["code"] == "export.c_name"


@pytest.mark.slow
@pytest.mark.parametrize("compiler", COMPILERS[:3])
def test_the_corpus_goes_into_the_same_program(export, tmp_path, compiler):
    _, folder = export("c-table", "--label", "ESME-ds")
    cases = list(islice(Builder(corpus_pki(), ENVIRONMENT).cases(), 3))
    for name, text in c_files(cases, "0").items():
        (tmp_path / name).write_text(text, "ascii")
    (tmp_path / "main.c").write_text(
        '#include "corpus.h"\n#include "smki.h"\nint main(void) {\n'
        "    return smki_tables[0].count != 1 || smki_corpus[0].count < 1;\n}\n"
    )
    units = [*tmp_path.glob("*.c"), *folder.glob("*.c")]
    program = compiled(compiler, units, tmp_path / "program", "-I", folder)
    assert subprocess.run([program], check=False).returncode == 0
