"""The reference code of a target in C, Python and Java is compiled, and speaks the protocol."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

import small_corpus
from smki_testca.corpus.run.targets.protocol import with_crc

FOLDER = Path(__file__).parents[2] / "examples" / "corpus"
C = FOLDER / "c"
STRICT = ("-Wall", "-Wextra", "-Werror", "-pedantic")
COMPILERS = {
    "gcc C": ("gcc", "-std=c99"),
    "gcc C++": ("g++", "-x", "c++", "-std=c++11"),
    "clang C": ("clang", "-std=c99"),
    "clang C++": ("clang++", "-x", "c++", "-std=c++11"),
}

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the targets are programs of POSIX")


def _need(program):
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return small_corpus.write(tmp_path / "corpus")


@pytest.fixture(params=COMPILERS)
def built(request, tmp_path):
    """The reference target, compiled in one way."""
    compiler = COMPILERS[request.param]
    _need(compiler[0])
    sources = (C / "main.c", C / "smki_target.c")
    target = tmp_path / "target"
    subprocess.run([*compiler, *STRICT, *sources, "-o", target], check=True)
    return target


@pytest.mark.slow
def test_the_reference_in_c_compiles_without_a_warning_and_answers(built, corpus, command):
    outcome = command("corpus", "run", corpus, "--with", f"lines:{built}", "--json")
    seen = {each["id"]: each["seen"] for each in outcome.json["cases"]}
    assert outcome.json["name"] == "lengths-only"
    assert seen["good-one"] == "accepted"
    assert seen["good-two"] is None  # it needs RSA, which the target does not have


@pytest.mark.slow
def test_the_reference_in_c_is_short_and_needs_no_library(tmp_path):
    _need("gcc")
    _need("nm")
    assert len((C / "smki_target.c").read_text().splitlines()) <= 60
    subprocess.run(
        ["gcc", "-std=c99", *STRICT, "-c", C / "smki_target.c", "-o", tmp_path / "it.o"], check=True
    )
    listed = subprocess.run(
        ["nm", "-u", tmp_path / "it.o"], check=True, capture_output=True, text=True
    )
    needed = {name for name in re.findall(r"U (\w+)", listed.stdout) if name[0] != "_"}
    assert needed - {"memcpy"} == {"smki_put", "smki_hello", "smki_context", "smki_judge"}


def _line(text):
    return with_crc(text).decode()


def _said(target, *lines):
    done = subprocess.run(target, input="".join(lines), capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.fixture(params=["c", "python", "java"])
def target(request, tmp_path):
    """Each reference target, as words that start it."""
    if request.param == "python":
        return [sys.executable, str(FOLDER / "python" / "lines_target.py")]
    if request.param == "java":
        _need("java")
        return ["java", str(FOLDER / "java" / "Target.java")]
    _need("gcc")
    built = tmp_path / "target"
    subprocess.run(["gcc", C / "main.c", C / "smki_target.c", "-o", built], check=True)
    return [str(built)]


@pytest.mark.slow
def test_a_reference_target_asks_again_for_what_came_broken(target):
    good = _line("smki 1 a-case 0500")
    said = _said(
        target,
        "smki 1 hello\n",
        good.replace("0500", "0501"),
        good,
        _line("smki 1 +at 2026-07-01T12:00:00Z").replace("2026", "2027"),
        good,
        good,
    )
    assert said[0].startswith("smki 1 hello ")
    assert [line.split()[:4] for line in said[1:]] == [
        ["smki", "1", "a-case", "again"],
        ["smki", "1", "a-case", "reject"],
        ["smki", "1", "a-case", "again"],
        ["smki", "1", "a-case", "reject"],
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "way"),
    [
        ("python/lines_target.py", f"lines:{sys.executable}"),
        ("python/jsonl_target.py", f"jsonl:{sys.executable}"),
        ("java/Target.java", "lines:java"),
    ],
)
def test_the_references_that_read_certificates_take_good_ones(
    program, way, corpus, command, quickstart
):
    _need(way.partition(":")[2])
    path = next((quickstart / "export").rglob("ESME-ds.pem"))
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    small_corpus.replace(corpus, "good-one", certificate.public_bytes(Encoding.DER))
    target = f"{way} {FOLDER / program}"
    outcome = command("corpus", "run", corpus, "--with", target, "--only", "one-*", "--json")
    found = {each["id"]: each for each in outcome.json["cases"]}
    assert found["good-one"]["outcome"] == "right"
    assert found["one-short"]["seen"] == "rejected"
    assert found["one-short"]["code"]
