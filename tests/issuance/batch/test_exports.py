"""The formats of a run, each read back by other programs."""

import csv
import json
import os
import shutil
import stat
import sys
from base64 import b64decode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key

import batches
from estates import copied_with_run
from smki_testca.exporters.format import FormatNeed
from smki_testca.exporters.registry import RUN_FORMATS
from smki_testca.exporters.run_formats.table import COLUMNS

pytestmark = pytest.mark.slow

FORMS = pytest.mark.parametrize("form", list(RUN_FORMATS))


@pytest.fixture(scope="module")
def issued(quickstart_original, tmp_path_factory):
    """The quickstart estate with a run of a mixed manifest; not to be changed."""
    folder = tmp_path_factory.mktemp("issued")
    manifest = batches.write(folder / "rows.csv", batches.mixed())
    return copied_with_run(quickstart_original, folder / "one", manifest, "--label", "all")


@pytest.fixture
def quickstart(request, tmp_path):
    """A copy of the quickstart estate: with the run in it for a test of that."""
    name = "issued" if "run" in request.fixturenames else "quickstart_original"
    return shutil.copytree(request.getfixturevalue(name), tmp_path / "estate")


@pytest.fixture
def run(command, quickstart):
    """A run of a mixed manifest; its records as the estate lists them, in the run's order."""
    everything = command("--json", "--estate", quickstart, "list").json["certificates"]
    return everything[-len(batches.mixed()) :]


@pytest.fixture
def export(command, quickstart, tmp_path):
    """Exports run 1; gives the outcome and the path."""

    def do(form, *more, out=None):
        path = out or tmp_path / f"out.{form}"
        outcome = command(
            *("--json", "--estate", quickstart, "batch", "export", 1),
            *("--format", form, "--out", path, *more),
        )
        return outcome, path

    return do


def _serials(ders):
    return [f"{x509.load_der_x509_certificate(der).serial_number:032X}" for der in ders]


def _fits(der, key):
    return load_der_private_key(key, None).public_key() == (
        x509.load_der_x509_certificate(der).public_key()
    )


def _told(record):
    return {name: record[name] for name in COLUMNS if name != "keys_secret"}


def test_a_tree_has_a_certificate_and_its_key_for_each_row(run, export):
    outcome, out = export("pem-tree", "--with-keys")
    assert outcome.json == {"run": 1, "out": str(out), "certificates": len(run)}
    files = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}
    for record in run:
        folder = record["eui64"].replace("-", "").lower() if record["eui64"] else record["profile"]
        stem = f"{record['usage']}-{record['serial'].lower()}"
        matching = [name for name in files if name.lower().startswith(f"{folder}/{stem}".lower())]
        assert sorted(name.rsplit(".")[-1] for name in matching) == ["key", "pem"]
        by_kind = {name.rsplit(".")[-1]: files.pop(name) for name in matching}
        certificate = x509.load_pem_x509_certificate(by_kind["pem"].read_bytes())
        assert f"{certificate.serial_number:032X}" == record["serial"]
        key = load_pem_private_key(by_kind["key"].read_bytes(), None)
        assert key.public_key() == certificate.public_key()
    assert not files


def test_a_stream_is_certificates_in_der_one_after_the_other(run, export):
    _, out = export("der-stream")
    rest, ders = out.read_bytes(), []
    while rest:
        assert rest[:2] == b"\x30\x82"
        length = 4 + int.from_bytes(rest[2:4])
        ders.append(rest[:length])
        rest = rest[length:]
    assert _serials(ders) == [record["serial"] for record in run]


def test_a_stream_is_linted_certificate_by_certificate(command, quickstart, run, export):
    _, out = export("der-stream")
    outcome = command("--json", "--estate", quickstart, "lint", out)
    assert outcome.code == 0
    linted = outcome.json["files"]
    assert [one["kind"] for one in linted] == [record["profile"] for record in run]
    assert [one["index"] for one in linted] == list(range(len(run)))
    imported = command("--json", "--estate", quickstart, "import", out)
    assert [one["arrival"] for one in imported.json["certificates"]] == ["own"] * len(run)


def test_csv_has_what_the_estate_tells_of_each_certificate_and_its_key(run, export):
    _, out = export("csv", "--with-keys")
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [*COLUMNS, "certificate", "private_key"]
    told = [{name: row[name] or None for name in _told(run[0])} for row in rows]
    assert told == [_told(record) for record in run]
    assert {row["keys_secret"] for row in rows} == {"True"}
    for row in rows:
        assert _fits(b64decode(row["certificate"]), b64decode(row["private_key"]))


def test_parquet_has_what_the_estate_tells_of_each_certificate_and_its_key(run, export):
    parquet = pytest.importorskip("pyarrow.parquet")
    _, out = export("parquet", "--with-keys")
    rows = parquet.read_table(out).to_pylist()
    assert list(rows[0]) == [*COLUMNS, "certificate", "private_key"]
    assert [_told(row) for row in rows] == [_told(record) for record in run]
    assert {row["keys_secret"] for row in rows} == {True}
    assert all(_fits(row["certificate"], row["private_key"]) for row in rows)


@FORMS
def test_no_private_key_leaves_unless_it_was_asked_for(run, export, form):
    outcome, out = export(form)
    left_out = outcome.json.get("left_out", 0)
    assert outcome.json["certificates"] + left_out == len(run)
    if out.is_dir():
        assert not list(out.rglob("*.key"))
    elif form == "csv":
        with out.open(newline="") as file:
            assert {row["private_key"] for row in csv.DictReader(file)} == {""}
    elif form == "parquet":
        parquet = pytest.importorskip("pyarrow.parquet")
        assert set(parquet.read_table(out)["private_key"].to_pylist()) == {None}


@FORMS
@pytest.mark.usefixtures("run")
def test_a_form_holds_private_keys_if_its_traits_say_so(export, tmp_path, form):
    written = []
    for more in ((), ("--with-keys",)):
        _, out = export(form, *more, out=tmp_path / f"out{len(more)}")
        files = [path for path in sorted([out, *out.rglob("*")]) if path.is_file()]
        written.append([(path.relative_to(out), path.read_bytes()) for path in files])
    assert (written[0] == written[1]) == (RUN_FORMATS[form].traits.keys is FormatNeed.NEVER)


@FORMS
@pytest.mark.usefixtures("run")
def test_what_is_written_is_for_its_owner_only(export, form):
    before = os.umask(0)
    try:
        _, out = export(form, "--with-keys")
    finally:
        os.umask(before)
    for path in [out, *out.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


@pytest.mark.parametrize("form", ["csv", "parquet", "der-stream"])
@pytest.mark.usefixtures("run")
def test_a_file_that_is_there_is_kept_unless_forced_and_then_is_for_its_owner_only(
    export, tmp_path, form
):
    out, elsewhere = tmp_path / "there", tmp_path / "elsewhere"
    elsewhere.write_text("kept")
    out.symlink_to(elsewhere)
    outcome, _ = export(form, "--with-keys", out=out)
    assert (outcome.code, outcome.json["error"]["code"]) == (4, "export.exists")
    assert export(form, "--with-keys", "--force", out=out)[0].code == 0
    assert elsewhere.read_text() == "kept"
    assert stat.S_IMODE(out.lstat().st_mode) == 0o600
    elsewhere.chmod(0o644)
    assert export(form, "--with-keys", "--force", out=elsewhere)[0].code == 0
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o600


@FORMS
@pytest.mark.usefixtures("run")
def test_a_place_that_cannot_be_written_is_one_line(export, tmp_path, form):
    (tmp_path / "file").write_text("")
    outcome, _ = export(form, "--force", out=tmp_path / "file" / "out")
    assert (outcome.code, outcome.json["error"]["code"]) == (4, "export.unwritable")
    place = tmp_path if RUN_FORMATS[form].traits.suffix else tmp_path / "file"
    outcome, _ = export(form, "--force", out=place)
    assert (outcome.code, outcome.json["error"]["code"]) == (4, "export.unwritable")


@pytest.mark.usefixtures("run")
def test_parquet_without_its_extra_says_what_to_install(export, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    outcome, out = export("parquet")
    assert outcome.code == 2
    assert "pip install 'smki-testca[bulk]'" in outcome.json["error"]["remedy"]
    assert not out.exists()


def test_a_run_that_there_is_not_cannot_be_exported(export):
    outcome, out = export("csv")
    assert (outcome.code, outcome.json["error"]["code"]) == (4, "batch.unknown")
    assert not out.exists()


@pytest.mark.parametrize("form", ["pem", "der", "pkcs12", "pkcs7"])
def test_the_formats_of_export_take_certificates_of_runs_too(
    command, quickstart, run, tmp_path, form
):
    phrase = tmp_path / "phrase"
    phrase.write_text("for the keys\n")
    outcome = command(
        *("--json", "--estate", quickstart, "export", "--format", form, "--label", "all"),
        *("--out", tmp_path / "out", "--with-keys", "--export-passphrase-file", phrase),
    )
    assert outcome.code == 0, outcome.out
    labelled = [record for record in run if record["label"] == "all"]
    assert labelled
    if form in {"pem", "der"}:
        keys = [path for path in outcome.json["files"] if path.endswith(".key")]
        assert len(keys) == len(labelled)
    assert json.dumps(outcome.json)
