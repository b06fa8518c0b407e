"""Tables of certificates in C: their names last, and any compiler takes them."""

import subprocess
from itertools import islice

import pytest
from cryptography.hazmat.primitives.serialization import load_der_private_key
from cryptography.x509 import load_der_x509_certificate
from exported import names, records

from compilers import COMPILERS, compiled
from estates import opened
from smki_testca.corpus.build import ENVIRONMENT, Builder
from smki_testca.corpus.delivery.c_source import c_files
from smki_testca.corpus.pki import corpus_pki
from smki_testca.errors import ExitCode, InputError
from smki_testca.estate.status import Status
from smki_testca.exporters.c_names import MAX_NAME, check_own, fitted
from smki_testca.exporters.c_table import CTable
from smki_testca.exporters.export import items

_ESME = "00DB120000000001_DS"
_SUPPLIER = "90B3D51F30010000_02_KA"

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
    return items(estate, records(estate, **selection), with_keys=True, with_c_names=True)


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
    wanted = [_printed(item.c_name, item) for item in found]
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


def _named(estate, **selection):
    """The names in C by the labels, of certificates in use or of the selected statuses."""
    found = _selected(estate, **{"status": Status.IN_USE, **selection})
    return {item.record.label: item.c_name for item in found}


def test_another_label_of_another_device_changes_no_name(estate):
    assert _named(estate, label="ESME-ds") == {"ESME-ds": _ESME}
    assert _named(estate, profile="device")["ESME-ds"] == _ESME


def test_of_two_for_one_purpose_the_earlier_one_has_the_plain_name(estate):
    named = _named(estate, participant="supplier-one", profile="organisation")
    assert named["Z1-supplier-ka"] == _SUPPLIER
    assert named["Z1-supplierPP-ka"] == f"{_SUPPLIER}_2"
    assert _named(estate, label="Z1-supplierPP-ka")["Z1-supplierPP-ka"] == f"{_SUPPLIER}_2"


@pytest.mark.slow
def test_no_name_moves_to_another_certificate_when_one_is_revoked(command, quickstart):
    def done(*arguments):
        assert command("--estate", quickstart, *arguments).code == ExitCode.DONE

    def issue(label):
        done(
            *("issue", "organisation", "--participant", "supplier-one", "--purpose", "uept"),
            *("--id", "90-B3-D5-1F-30-01-00-00", "--role", "supplier", "--label", label),
            *("--usage", "key-agreement"),
        )

    def named():
        with opened(quickstart) as estate:
            found = _named(estate, profile="organisation")
            return {label: name for label, name in found.items() if _SUPPLIER in name}

    done("revoke", "--label", "Z1-supplier-ka", "--status", "in-use", "--reason", "superseded")
    assert named() == {"Z1-supplierPP-ka": f"{_SUPPLIER}_2"}
    issue("another")
    assert named() == {"Z1-supplierPP-ka": f"{_SUPPLIER}_2", "another": f"{_SUPPLIER}_3"}
    issue("Z1-supplier-ka")
    assert named()["Z1-supplier-ka"] == _SUPPLIER
    with opened(quickstart) as estate:
        (revoked,) = _selected(estate, label="Z1-supplier-ka", status=Status.REVOKED)
    assert revoked.c_name == f"{_SUPPLIER}_{revoked.record.serial}"


@pytest.mark.slow
def test_what_waits_and_what_is_out_of_use_is_told_apart(command, quickstart):
    def done(*arguments):
        assert command("--estate", quickstart, *arguments).code == ExitCode.DONE

    with opened(quickstart) as estate:
        (old,) = (item.record.serial for item in _selected(estate, label="ESME-ds"))
    done("renew", "--label", "ESME-ds")
    with opened(quickstart) as estate:
        found = _selected(estate, label="ESME-ds")
        (new,) = (item.record.serial for item in found if item.record.serial != old)
    done("set-status", "pending", "--serial", new)
    done("set-status", "in-use", "--serial", old)
    with opened(quickstart) as estate:
        found = {item.record.serial: item.c_name for item in _selected(estate, label="ESME-ds")}
        assert found == {old: _ESME, new: f"{_ESME}_NEXT"}
        (alone,) = _selected(estate, serial=new)
    assert alone.c_name == f"{_ESME}_NEXT"
    done("set-status", "in-use", "--serial", new)
    done("set-status", "not-in-use", "--serial", old)
    with opened(quickstart) as estate:
        found = {item.record.serial: item.c_name for item in _selected(estate, label="ESME-ds")}
    assert found == {old: f"{_ESME}_{old}", new: _ESME}


def test_names_without_an_eui64_begin_with_their_profile(estate):
    named = _named(estate, profile=("dccki", "iki"))
    assert named["dccki-dcc-gateway"] == "DCCKI_GATEWAY_DCC_TEST_DS_KE"
    assert all(name.startswith(("DCCKI_", "IKI_")) for name in named.values())


def test_what_differs_at_the_end_of_a_long_name_is_told_apart():
    one, other = (fitted(f"SMKI_{'A' * 80}{end}", end) for end in "BC")
    assert one != other
    assert len(one) == len(other) == MAX_NAME


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


_OF_OTHERS = ["int", "for", "class", "string", "stdint", "size_t", "main", "memcpy", "unix", "nul"]


@pytest.mark.parametrize("name", ["", "Meter", "9x", "a-b", "x" * 17, "../x", *_OF_OTHERS])
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
