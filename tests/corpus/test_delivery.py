"""The folder of a corpus: every document, its index, its sums."""

import base64
import hashlib
import json
import re
import subprocess
import zlib
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from smki_testca.corpus.defect import Importance, Stage
from smki_testca.corpus.delivery import documents
from smki_testca.corpus.delivery.corpus_page import family
from smki_testca.corpus.delivery.folder import files, written
from smki_testca.corpus.delivery.layout import INDEX, SCHEMA, SUMS, layout
from smki_testca.corpus.delivery.marks import mark
from smki_testca.corpus.delivery.symbols import CNames
from smki_testca.corpus.run.loaded_corpus import load
from smki_testca.errors import ExitCode, InputError
from smki_testca.folders import write


@pytest.fixture(scope="module")
def contents(cases):
    """The content of each file by its name."""
    return {str(file.path): file.data for file in files(cases)}


@pytest.fixture(scope="module")
def index(contents):
    return json.loads(contents[INDEX])


def test_every_case_is_in_the_index_with_its_own_octets(cases, contents, index):
    assert [entry["id"] for entry in index["cases"]] == [case.id for case in cases]
    for case, entry in zip(cases, index["cases"], strict=True):
        named = entry["files"]
        assert contents[named["der"]] == case.der
        assert (named["sha256"], named["octets"]) == (case.sha256, len(case.der))
        said = case.as_json()
        left_out = {"crls": [], "about": None, "wanted": said["facts"]}
        left_out |= {"at": index["at"], "main": True, "revision": 1}
        left_out |= {key: value for key, value in said.items() if value in ([], None)}
        whole = {**left_out, **entry}
        assert [contents[name] for name in entry["chain"]] == list(case.chain)
        assert [contents[name] for name in whole["crls"]] == list(case.crls)
        assert (whole["about"] and contents[whole["about"]]) == case.about
        assert {key: whole[key] for key in said} == said


def test_the_index_has_the_form_that_its_schema_states(contents):
    read = msgspec.json.decode(contents[INDEX], type=documents.CorpusTable)
    keys = set(documents.CaseTable.__struct_fields__)
    assert all(set(entry) <= keys for entry in json.loads(contents[INDEX])["cases"])
    assert read.counts.cases == len(read.cases) == read.counts.good + read.counts.defective
    assert sum(read.counts.stages.values()) == len(read.cases)


def test_the_schema_that_ships_is_that_of_the_tables(contents):
    """If not: write ``documents.schema_text()`` to the file beside that module."""
    shipped = Path(documents.__file__).with_name(SCHEMA).read_text("ascii")
    assert shipped == documents.schema_text() == contents[SCHEMA].decode()


def test_each_certificate_around_the_cases_has_one_file_named_by_what_it_is(cases, contents):
    names = layout(cases).certificates
    assert len(set(names.values())) == len(names)
    assert contents["chain/device-issuing-ca.der"] == contents["cases/good-device-issuing-ca.der"]


def test_names_do_not_depend_on_which_cases_there_are(cases):
    good = [case for case in cases if case.base is None]
    every, few = layout(cases), layout(good)
    assert few.certificates.items() <= every.certificates.items()
    assert few.bundles.items() <= every.bundles.items()


@pytest.mark.slow
def test_the_sums_are_those_of_all_files(contents):
    lines = contents[SUMS].decode().splitlines()
    stated = dict(reversed(line.split("  ", 1)) for line in lines)
    assert set(stated) == set(contents) - {SUMS}
    assert all(hashlib.sha256(contents[name]).hexdigest() == stated[name] for name in stated)


@pytest.mark.slow
@pytest.mark.interop
def test_sha256sum_and_openssl_read_what_is_written(cases, tmp_path):
    out = tmp_path / "corpus"
    write(files(cases), out, force=False)
    subprocess.run(["sha256sum", "--quiet", "-c", SUMS], cwd=out, check=True)
    command = ["openssl", "pkcs7", "-inform", "DER", "-print_certs", "-noout", "-in"]
    told = subprocess.run(
        [*command, "chain/device-issuing-ca.p7b"], cwd=out, check=True, capture_output=True
    )
    assert b"DZ1" in told.stdout


def test_a_name_in_c_is_no_longer_than_c99_reads_and_no_two_are_the_same(cases):
    symbols = [CNames().symbol(case.id) for case in cases]
    assert len(set(symbols)) == len(symbols)
    assert max(map(len, symbols)) <= 63
    long = [CNames().symbol(f"organisation-{'x' * 60}-{end}") for end in ("a", "b")]
    assert len(set(long)) == 2
    assert {len(name) for name in long} == {63}


def test_the_page_has_every_case_and_its_octets_and_nothing_of_them_is_html(cases, contents):
    text = contents["index.html"].decode()
    packed = dict(re.findall(r'id="(cases|octets)">([A-Za-z0-9+/=]*)</script>', text))
    data, octets = (zlib.decompress(base64.b64decode(packed[it])) for it in ("cases", "octets"))
    assert octets == b"".join(case.der for case in sorted(cases, key=family))
    assert [entry["id"] for entry in json.loads(data)["cases"]] == [case.id for case in cases]
    assert "innerHTML" not in text
    assert not re.search(r'(src|href)="', text), "it loads nothing"


def test_no_text_of_a_case_is_read_as_html(cases):
    hostile = "</script><img src=x onerror=alert(1)>"
    odd = [replace(case, title=hostile, why=hostile) for case in cases[:3]]
    [written] = [file.data for file in files(odd) if str(file.path) == "index.html"]
    assert b"onerror" not in written


def test_a_mark_is_where_the_octets_of_the_change_are(cases):
    good = {case.id: case.der for case in cases if case.base is None}
    for case in cases:
        if case.change is None or case.der == good[case.base]:
            assert mark(case, good.get(case.base, b"")) is None
        else:
            start, end = mark(case, good[case.base])
            assert case.der[start:end] == case.change.after


@pytest.fixture(scope="module")
def folder(cases, tmp_path_factory):
    out = tmp_path_factory.mktemp("made") / "corpus"
    written(cases[:60], out)
    return out


@pytest.mark.slow
def test_a_corpus_that_is_there_stays_unless_its_place_is_to_be_taken(cases, folder):
    with pytest.raises(InputError) as caught:
        written(cases[:50], folder)
    assert caught.value.code == "export.exists"
    gone, changed, own = (folder / "cases" / f"{name}.der" for name in _ids(cases))
    changed.write_bytes(b"mine")
    own.write_bytes(b"not of the corpus")
    written(cases[:50], folder, force=True)
    assert not gone.exists()
    assert (changed.read_bytes(), own.read_bytes()) == (b"mine", b"not of the corpus")
    assert load(folder).cases[-1].id == cases[49].id


def test_what_is_behind_a_link_in_an_earlier_corpus_is_not_removed(cases, tmp_path):
    corpus, other = tmp_path / "corpus", tmp_path / "other"
    written(cases[:3], corpus)
    other.mkdir()
    (other / "x").write_bytes(b"precious")
    assert not (corpus / "crls").exists()
    (corpus / "crls").symlink_to(other)
    with (corpus / SUMS).open("a") as sums:
        sums.write(f"{hashlib.sha256(b'precious').hexdigest()}  crls/x\n")
    written(cases[:3], corpus, force=True)
    assert (other / "x").read_bytes() == b"precious"


@pytest.mark.parametrize(
    "index", [None, b"{}", b'{"format": 1, "generator": "other 1"}', b'{"a": ' + b"[" * 200_000]
)
def test_nothing_of_a_folder_that_is_no_corpus_is_overwritten_or_removed(cases, tmp_path, index):
    mine = {"c/main.c": b"mine", "index.html": b"my page"}
    sums = "".join(
        f"{hashlib.sha256(octets).hexdigest()}  {name}\n" for name, octets in mine.items()
    )
    mine["SHA256SUMS"] = sums.encode()
    if index is not None:
        mine["corpus.json"] = index
    (tmp_path / "c").mkdir()
    for name, octets in mine.items():
        (tmp_path / name).write_bytes(octets)
    with pytest.raises(InputError) as caught:
        written(cases[:3], tmp_path, force=True)
    assert caught.value.code == "corpus.folder"
    left = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert {file.relative_to(tmp_path).as_posix(): file.read_bytes() for file in left} == mine


def _ids(cases):
    return cases[51].id, cases[52].id, "own"


@pytest.mark.slow
def test_what_is_written_is_what_a_run_reads(cases, tmp_path):
    written(cases, tmp_path / "corpus")
    read = load(tmp_path / "corpus").cases
    for case, loaded in zip(cases, read, strict=True):
        assert (loaded.id, loaded.question.der) == (case.id, case.der)
        assert loaded.question.lists == (case.crls if case.kind != "CRL" else (case.der,))
        assert loaded.question.about == case.about


def test_with_a_name_of_one_s_own_the_index_has_the_names_of_the_header(command, tmp_path):
    out = tmp_path / "corpus"
    options = ("--only", "device-san-not-critical", "--c-name", "meter")
    assert command("corpus", "make", out, *options).code == ExitCode.DONE
    assert {file.name for file in (out / "c").iterdir()} == {"meter.h", "meter.c", "meter_device.c"}
    header = (out / "c" / "meter.h").read_text()
    for case in json.loads((out / "corpus.json").read_text())["cases"]:
        assert case["files"]["symbol"].startswith("METER_CASE_")
        assert case["files"]["symbol"] in header


def test_a_file_that_was_changed_is_found_when_it_is_read(cases, tmp_path):
    written(cases[:3], tmp_path / "corpus")
    file = tmp_path / "corpus" / "cases" / f"{cases[0].id}.der"
    file.write_bytes(file.read_bytes() + b"0")
    with pytest.raises(InputError) as caught:
        load(tmp_path / "corpus")
    assert caught.value.code == "corpus.changed"


def test_the_whole_corpus_has_at_most_3_megabytes(contents):
    assert sum(map(len, contents.values())) <= 3_000_000


def test_the_page_lists_stages_and_importances_in_their_order(contents):
    text = contents["index.html"].decode()
    assert f"const ORDER = {json.dumps([*Stage, *reversed(Importance)])};" in text
    assert not re.findall("@[A-Z]+@", text)


def test_the_page_says_truly_how_many_cases_there_are(index):
    page = (Path(__file__).parents[2] / "docs" / "corpus.md").read_text("utf-8")
    defective, good = map(int, re.findall(r"more than (\d+)", page)[:2])
    counts = index["counts"]
    assert defective < counts["defective"] < 1.1 * defective
    assert good < counts["good"] < 1.1 * good
