"""The examples for firmware: Mbed TLS takes the tables and the corpus from C."""

import subprocess
from pathlib import Path
from shutil import which

import pytest

from compilers import compiled
from smki_testca.corpus.build import corpus
from smki_testca.corpus.defect import Need
from smki_testca.corpus.delivery.c_source import c_files
from smki_testca.estate.certificates import Selection
from smki_testca.exporters.export import export

pytestmark = [
    pytest.mark.interop,
    pytest.mark.slow,
    pytest.mark.skipif(which("gcc") is None, reason="gcc is not installed"),
    pytest.mark.skipif(
        not Path("/usr/include/mbedtls/x509_crt.h").exists(), reason="Mbed TLS is not installed"
    ),
]
EXAMPLES = Path(__file__).parents[2] / "examples" / "firmware"
LIBRARIES = ("-lmbedx509", "-lmbedcrypto")
CC = ("gcc", "-std=c99")


def test_every_certificate_of_the_tables_is_verified_to_its_root(estate, tmp_path):
    records = list(estate.select(Selection()))
    export(estate, records, "c-table", tmp_path)
    units = [EXAMPLES / "verify_tables.c", *tmp_path.glob("*.c")]
    program = compiled(CC, units, tmp_path / "program", "-I", tmp_path, *LIBRARIES)
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert done.stdout == f"{len(records)} verified, 0 refused\n"
    assert done.returncode == 0


def test_the_corpus_is_asked_and_every_good_certificate_taken(tmp_path):
    cases = {case.id: case for case in corpus()}
    for name, text in c_files(list(cases.values()), "0").items():
        (tmp_path / name).write_text(text, "ascii")
    units = [EXAMPLES / "test_cases.c", tmp_path / "corpus_device.c"]
    program = compiled(CC, units, tmp_path / "program", "-I", tmp_path, *LIBRARIES)
    done = subprocess.run([program], capture_output=True, text=True, check=True)
    answers = dict(line.split()[2:] for line in done.stdout.splitlines())
    assert answers["good-device"] == answers["good-device-ka"] == "accept"
    asked = {
        case.id
        for case in cases.values()
        if case.profile == "device"
        and case.kind == "certificate"
        and not {Need.CRL, Need.TIME} & set(case.needs)
    }
    assert set(answers) == asked
    assert {answer for name, answer in answers.items() if not cases[name].is_good} > {"reject"}
