"""The examples for firmware: Mbed TLS takes the tables and the corpus from C."""

import json
import subprocess
from pathlib import Path
from shutil import which

import pytest

from compilers import compiled
from smki_testca.corpus.build import corpus
from smki_testca.corpus.defect import Need
from smki_testca.corpus.delivery.folder import written
from smki_testca.errors import ExitCode
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


def test_the_corpus_is_asked_and_the_log_is_read_back(command, tmp_path):
    cases = {case.id: case for case in corpus() if case.profile == "device"}
    folder, log = tmp_path / "corpus", tmp_path / "device.log"
    written(list(cases.values()), folder)
    units = [EXAMPLES / "test_cases.c", folder / "c" / "corpus_device.c"]
    program = compiled(CC, units, tmp_path / "program", "-I", folder / "c", *LIBRARIES)
    log.write_bytes(subprocess.run([program], capture_output=True, check=True).stdout)
    run = ("corpus", "run", folder, "--with", f"log:{log}", "--save", tmp_path / "report.json")
    assert command(*run).code == ExitCode.FINDINGS
    told = json.loads((tmp_path / "report.json").read_text())["cases"]
    outcomes = {each["id"]: each["outcome"] for each in told}
    assert outcomes["good-device"] == outcomes["good-device-ka"] == "right"
    asked = {
        case.id
        for case in cases.values()
        if case.kind == "certificate" and not {Need.CRL, Need.TIME} & set(case.needs)
    }
    assert {name for name, outcome in outcomes.items() if outcome != "not-applicable"} == asked
    assert {"right", "wrong"} <= set(outcomes.values())
