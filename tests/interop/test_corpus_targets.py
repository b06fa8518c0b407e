"""Libraries are asked every case of the corpus, and get wrong what their expectations say.

An expectations file names the version of the library that it was made with. Another version is
held to less: it takes the good bases that the file does not name.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from shutil import which

import pytest

from corpora import main_cases
from parsers_matrix import LIBRARIES, expectations_of, tables
from smki_testca.corpus.defect import Importance, Level, Stage
from smki_testca.corpus.run.asking import RunSettings, ask_all
from smki_testca.corpus.run.journal import Journal
from smki_testca.corpus.run.loaded_corpus import of_cases
from smki_testca.corpus.run.outcomes import CaseOutcome
from smki_testca.corpus.run.report import ReportTerms, report
from smki_testca.corpus.run.targets.naming import target_of

ROOT = Path(__file__).parents[2]
TARGETS = ROOT / "examples" / "corpus" / "targets"
SECONDS = 120
JARS = Path("/usr/share/java")
BOUNCY_CASTLE = ":".join(str(JARS / f"{name}.jar") for name in ("bcprov", "bcpkix", "bcutil"))
C = {
    "openssl": ("openssl.c", "-lcrypto"),
    "gnutls": ("gnutls.c", "-lgnutls"),
    "mbedtls": ("mbedtls.c", "clock.c", "-lmbedx509", "-lmbedcrypto"),
    "wolfssl": ("wolfssl.c", "clock.c", "-lwolfssl"),
    "nss": (
        "nss.c",
        "-I/usr/include/nss",
        "-I/usr/include/nspr",
        "-lnss3",
        "-lnssutil3",
        "-lnspr4",
    ),
}
"""How docs/parsers.md compiles each, behind what they have in common."""


def _run(*command, cwd):
    return subprocess.run(
        command, capture_output=True, text=True, timeout=SECONDS, check=False, cwd=cwd
    )


def _in_c(library, folder):
    """A target in C, compiled without a warning; skips where its library is not installed."""
    if which("cc") is None:
        pytest.skip("cc is not installed")
    strict = ("-std=c99", "-O1", "-Wall", "-Wextra", "-Werror", "-pedantic")
    common = ("-DSMKI_MAX_OCTETS=65536", "target.c", "../c/smki_target.c")
    program = folder / library
    done = _run("cc", *strict, "-o", program, *common, *C[library], cwd=TARGETS)
    if "No such file" in done.stderr:
        pytest.skip(f"the library of {library} is not installed")
    assert done.returncode == 0, done.stderr
    return [program]


def _in_java(library, folder):
    if which("javac") is None:
        pytest.skip("javac is not installed")
    names = ["Jdk"] if library == "jdk" else ["BouncyCastle"]
    if library == "bouncycastle" and not (JARS / "bcpkix.jar").is_file():
        pytest.skip("BouncyCastle is not installed")
    sources = [f"{name}.java" for name in (*names, "Paths", "Identity", "Lines", "Question")]
    path = f"{folder}:{BOUNCY_CASTLE}" if library == "bouncycastle" else str(folder)
    lint = ("-Xlint:all,-path", "-Werror")
    done = _run("javac", *lint, "-d", folder, "-cp", path, *sources, cwd=TARGETS / "java")
    assert done.returncode == 0, done.stderr
    return ["java", "-XX:TieredStopAtLevel=1", "-cp", path, *names]


def _started(library, folder):
    """The command that starts a target."""
    if library == "cryptography":
        return [sys.executable, TARGETS / "cryptography_target.py"]
    return _in_c(library, folder) if library in C else _in_java(library, folder)


@pytest.fixture(scope="session")
def corpus():
    return of_cases(main_cases())


@pytest.mark.slow
@pytest.mark.interop
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_gets_wrong_what_its_expectations_say_and_nothing_else(
    library, corpus, tmp_path, capfd
):
    name, known = expectations_of(library, corpus.cases)
    command = f"lines:{shlex.join(map(str, _started(library, tmp_path)))}"
    with Journal(tmp_path / "journal", corpus.digest, command, resume=False) as journal:
        asked = ask_all(target_of(command), corpus.cases, RunSettings(), journal)
        terms = ReportTerms(Level.RFC5280, Importance.LOW, strict=False, expectations=known)
        made = report(corpus, corpus.cases, (command, ""), asked, terms)
        journal.remove()
    # What a library warns of is none of the run's business.
    assert "Warning" not in capfd.readouterr().err
    bases = {case.id for case in corpus.cases if case.base is None}
    refused = {
        result.id
        for result in made.cases
        if result.id in bases
        and result.outcome not in {CaseOutcome.RIGHT, CaseOutcome.NOT_APPLICABLE}
    }
    assert refused <= set(known.known)
    if made.name == name:
        device = next(result for result in made.cases if result.id == "good-device")
        assert {"eui64", "usage"} <= set(device.facts)
        assert [f"{it.id}: {it.outcome}, {it.words}" for it in made.cases if it.failed] == []
        unasked = {it.id for it in made.cases if it.outcome is CaseOutcome.VACUOUS}
        assert bool(unasked) == bool(refused)


def test_the_tables_of_the_page_are_those_of_the_expectations(corpus):
    page = (ROOT / "docs" / "parsers.md").read_text("utf-8")
    for table in tables(corpus.cases):
        assert table in page


def test_the_rows_of_the_page_add_up_to_the_expectations(corpus):
    rows = [line.strip("| ").split(" | ") for line in tables(corpus.cases)[0].splitlines()]
    counted = {row[0]: [int(cell.split()[0]) for cell in row[1:]] for row in rows[2:]}
    stages = [counted[stage.value] for stage in Stage]
    assert [sum(column) for column in zip(*stages, strict=True)] == counted["**all**"]
    parts = (
        "**all**",
        "refuses or misreads what it must take",
        "misreads what it may refuse",
    )
    sums = [sum(column) for column in zip(*map(counted.get, parts), strict=True)]
    assert sums == [len(expectations_of(name, corpus.cases)[1].known) for name in LIBRARIES]
