from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from shutil import which

import pytest
from exported import device, names, records

from smki_testca.exporters.export import items
from smki_testca.exporters.registry import FORMATS

compiler = which("cc") or which("gcc") or which("clang")
NAME = "smki_certificates.h"
ARRAY = re.compile(
    r"#define (\w+)_SIZE (\d+)u\nstatic const unsigned char (\w+)\[\w+_SIZE\] = \{\n([^}]*)\n\};"
)


def arrays(text):
    found = {}
    for size_of, size, name, body in ARRAY.findall(text):
        octets = bytes(int(one, 16) for one in body.replace("\n", "").split(","))
        assert (size_of, int(size)) == (name, len(octets))
        assert name not in found
        found[name] = octets
    assert text.count("static const") == len(found)
    return found


def header(folder):
    assert names(folder) == [NAME]
    return (folder / NAME).read_text("ascii")


def test_a_header_holds_each_certificate_and_the_cas_above_it(export, estate):
    _, folder = export("c-header", "--participant", "network-one")
    found = arrays(header(folder))
    wanted = {
        "SMKI_Z1_NETWORKOPERATOR_DS_CERTIFICATE": "Z1-networkOperator-ds",
        "SMKI_Z1_NETWORKOPERATOR_KA_CERTIFICATE": "Z1-networkOperator-ka",
        "SMKI_XML_SIGN_90B3D51F30020000_DS_CERTIFICATE": "xml-sign-90B3D51F30020000-ds",
        "SMKI_Z1_CERTIFICATE": "Z1",
        "SMKI_ZA_CERTIFICATE": "ZA",
    }
    assert found == {name: records(estate, label=label)[0].der for name, label in wanted.items()}


def test_a_header_holds_private_keys_only_where_asked_for(export, estate):
    _, folder = export("c-header", "--label", "ESME-ds", "--with-keys")
    found = arrays(header(folder))
    (item,) = items(estate, records(estate, label="ESME-ds"), with_keys=True)
    assert found.pop("SMKI_ESME_DS_PRIVATE_KEY") == item.private_key
    assert set(found) == {f"SMKI_{name}_CERTIFICATE" for name in ("ESME_DS", "DZ", "DZ1")}


def test_a_comment_before_each_array_tells_serial_and_eui_64(export, estate):
    _, folder = export("c-header", "--label", "ESME-ds")
    (record,) = records(estate, label="ESME-ds")
    comment = header(folder).split("#define SMKI_ESME_DS_CERTIFICATE_SIZE")[0].splitlines()[-1]
    assert comment == (
        f"/* EUI-64 {record.eui64}; serial {record.serial}; device, digital-signature;"
        f" until 9999-12-31T23:59:59Z */"
    )


@pytest.mark.slow
def test_names_that_c_would_not_tell_apart_are_told_apart_by_serial(command, quickstart, export):
    labels = ("a-b", "a.b", "x" * 90 + "1", "x" * 90 + "2")
    serials = [
        device(command, quickstart, "00db12000000000a", f"--label={label}") for label in labels
    ]
    _, folder = export("c-header", "--eui64", "00db12000000000a")
    found = set(arrays(header(folder)))
    assert {f"SMKI_SERIAL_{serial}_CERTIFICATE" for serial in serials} < found
    assert all(len(f"{name}_SIZE") <= 63 for name in found)


def test_no_label_ends_a_comment_or_begins_another_line(command, quickstart, export):
    device(command, quickstart, "00db12000000000a", "--label=*/ int x; /*\n#error ??/")
    _, folder = export("c-header", "--eui64", "00db12000000000a")
    text = header(folder)
    assert "int x" not in text
    assert "#error" not in text
    assert len(arrays(text)) == 3


def test_a_certificate_selected_twice_as_a_ca_and_as_an_issuer_stands_there_once(estate):
    selected = items(estate, records(estate, profile="organisation-issuing-ca"), with_keys=False)
    selected += items(estate, records(estate, label="Z1-supplier-ds"), with_keys=False)
    (file,) = FORMATS["c-header"].files(selected, None)
    assert sorted(arrays(file.data.decode())) == [
        "SMKI_Z1_CERTIFICATE",
        "SMKI_Z1_SUPPLIER_DS_CERTIFICATE",
        "SMKI_ZA_CERTIFICATE",
    ]


def test_the_role_is_told_before_the_end_of_validity(estate):
    selected = items(estate, records(estate, label="Z1-supplier-ds"), with_keys=False)
    (file,) = FORMATS["c-header"].files([replace(selected[0])], None)
    assert b"organisation, digital-signature; role 02; until" in file.data


@pytest.mark.slow
@pytest.mark.interop
@pytest.mark.skipif(compiler is None, reason="no C compiler is installed")
@pytest.mark.parametrize("standard", ["c99", "c17"])
def test_a_header_compiles_without_a_warning_in_two_units_at_once(export, tmp_path, standard):
    _, folder = export("c-header", "--with-keys")
    checks = "".join(
        f"    if (sizeof {name} != {name}_SIZE || {name}[0] != 0x30) return 1;\n"
        for name in arrays(header(folder))
    )
    main = f"#include <{NAME}>\n#include <{NAME}>\nint other(void);\nint main(void) {{\n{checks}"
    (tmp_path / "main.c").write_text(f"{main}    return other();\n}}\n")
    (tmp_path / "other.c").write_text(
        f"#include <{NAME}>\nint other(void);\nint other(void) {{ return 0; }}\n"
    )
    strict = (f"-std={standard}", "-Wall", "-Wextra", "-pedantic", "-Werror")
    program = tmp_path / "program"
    done = subprocess.run(
        [compiler, *strict, "-I", folder, "-o", program, tmp_path / "main.c", tmp_path / "other.c"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert subprocess.run([program], check=False).returncode == 0
