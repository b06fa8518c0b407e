"""CSRs from a folder and from a table, beside the Portal's ZIP."""

import base64
import csv
import io
import os
import zipfile

import pytest
from csr_zips import KEY, csr_zip, device_csr, device_id

import csrs
from batches import DEVICE_PURPOSE
from smki_testca.authority.csr import MAX_OCTETS
from smki_testca.errors import InputError
from smki_testca.issuance.batch import csr_sources


@pytest.fixture
def sign(command, quickstart, tmp_path):
    """Signs a batch; the outcome, and the certificates of the response by name."""

    def run(source, *more):
        out = tmp_path / "response.zip"
        outcome = command(
            *("--json", "--estate", quickstart, "batch", "sign", source, "--out", out),
            *("--participant", "meters-one", "--purpose", DEVICE_PURPOSE, *more),
        )
        return outcome, _certificates(out)

    return run


def _certificates(out):
    if not out.exists():
        return []
    with zipfile.ZipFile(out) as outer:
        (inner,) = [name for name in outer.namelist() if name.endswith(".zip")]
        with zipfile.ZipFile(io.BytesIO(outer.read(inner))) as archive:
            return archive.namelist()


@pytest.fixture
def folder(tmp_path):
    """A folder of two CSRs, one broken, and what else lies in a folder."""
    made = tmp_path / "meters"
    made.mkdir()
    (made / "b.csr").write_bytes(device_csr(2))
    (made / "a.csr").write_bytes(device_csr(1))
    (made / "c.csr").write_bytes(b"nonsense")
    (made / "a.key").write_bytes(b"secret")
    (made / ".hidden.csr").write_bytes(device_csr(3))
    (made / "more").mkdir()
    return made


def _table(path, *rows, columns=("csr", "name"), **options):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, **options)
        writer.writerow(columns)
        writer.writerows(rows)
    return path


def _base64(number):
    return base64.b64encode(csrs.device(KEY, device_id=device_id(number))).decode()


@pytest.mark.parametrize(
    "data",
    [
        csrs.pem(csrs.device(KEY, device_id=device_id(1))),
        b"Subject: a Device\n" + csrs.pem(csrs.device(KEY, device_id=device_id(1))),
        _base64(1).encode(),
        csrs.device(KEY, device_id=device_id(1)),
    ],
    ids=["PEM", "text and PEM", "base64", "DER"],
)
def test_one_csr_is_told_the_command_that_signs_it(sign, tmp_path, data):
    path = tmp_path / "one meter.csr"
    path.write_bytes(data)
    outcome, certificates = sign(path)
    assert outcome.code == 4
    assert outcome.json["error"]["code"] == "batch.zip"
    assert f"smki-testca sign '{path}'" in outcome.json["error"]["remedy"]
    assert certificates == []


def test_the_csrs_of_a_folder_are_signed_and_what_else_is_there_is_told(sign, folder):
    outcome, certificates = sign(folder)
    assert outcome.code == 1
    assert (outcome.json["success"], outcome.json["refused"]) == (2, 1)
    assert outcome.json["passed_over"] == 3
    reasons = {each["file"]: each["reason"] for each in outcome.json["passed_over_files"]}
    assert reasons == {
        ".hidden.csr": "hidden, because the name begins with a full stop",
        "a.key": "the name does not end in .csr",
        "more": "a folder",
    }
    assert [each["file"] for each in outcome.json["problems"]] == ["c.csr"]
    assert certificates == ["a.crt", "b.crt"]


def test_a_file_of_a_folder_that_cannot_be_read_is_its_problem_alone(sign, folder):
    (folder / "c.csr").unlink()
    (folder / "c.csr").mkdir()
    (folder / "d.csr").symlink_to("nowhere")
    (folder / "e.csr").write_bytes(b"A" * (MAX_OCTETS + 1))
    os.mkfifo(folder / "f.csr")
    outcome, certificates = sign(folder)
    problems = {each["file"]: each["code"] for each in outcome.json["problems"]}
    assert problems == {
        "d.csr": "input.unreadable",
        "e.csr": "csr.too_long",
        "f.csr": "input.unreadable",
    }
    assert certificates == ["a.crt", "b.crt"]


def test_a_name_with_a_line_break_adds_no_line_to_the_report(sign, folder, tmp_path):
    (folder / "x\ny.csr").write_bytes(b"nonsense")
    outcome, _ = sign(folder)
    assert outcome.json["problems"][-1]["file"] == "x\\ny.csr"
    with zipfile.ZipFile(tmp_path / "response.zip") as response:
        assert len(response.read("meters-response.txt").decode().splitlines()) == 5


def test_each_file_that_is_passed_over_is_named_with_its_reason(folder, command, quickstart):
    (folder / "z.csr").mkdir()
    outcome = command(
        *("--estate", quickstart, "batch", "sign", folder, "--dry-run"),
        *("--participant", "meters-one", "--purpose", DEVICE_PURPOSE),
    )
    assert "more, z.csr skipped: a folder." in outcome.err
    assert "a.key skipped: the name does not end in .csr." in outcome.err
    assert ".hidden.csr skipped: hidden" in outcome.err


def test_letter_case_of_the_ending_does_not_matter_in_a_folder(sign, tmp_path):
    made = tmp_path / "meters"
    made.mkdir()
    for number, name in enumerate(("B.CSR", "c.Csr", "a.csr", "a.CSR", "d.csr")):
        (made / name).write_bytes(device_csr(number + 1))
    outcome, certificates = sign(made)
    assert (outcome.code, outcome.json["success"], outcome.json["passed_over"]) == (0, 5, 0)
    assert sorted(certificates) == ["B.crt", "a.crt", "a.csr.crt", "c.crt", "d.crt"]
    # Only of a.csr and a.CSR, whose labels would be the same.
    assert {each["file"] for each in outcome.json.get("labels", [])} <= {"a.csr", "a.CSR"}


@pytest.mark.slow
@pytest.mark.parametrize("source", ["folder", "zip", "table"])
def test_the_same_csr_twice_in_a_source_is_refused_with_the_first(sign, tmp_path, source):
    pem = device_csr(1)
    der = base64.b64decode("".join(pem.decode().splitlines()[1:-1]))
    if source == "table":
        path = _table(
            tmp_path / "t.csv", (pem.decode(), "a.csr"), (base64.b64encode(der).decode(), "b.csr")
        )
    elif source == "zip":
        path = tmp_path / "t.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.csr", pem)
            archive.writestr("b.csr", base64.b64encode(der))
    else:
        path = tmp_path / "t"
        path.mkdir()
        (path / "a.csr").write_bytes(pem)
        (path / "b.csr").write_bytes(der)
    outcome, certificates = sign(path)
    assert (outcome.code, certificates) == (1, ["a.crt"])
    (problem,) = outcome.json["problems"]
    assert (problem["file"], problem["code"]) == ("b.csr", "csr.twice")
    assert "a.csr" in problem["message"]


def test_a_folder_without_csrs_is_refused(sign, tmp_path):
    (tmp_path / "empty").mkdir()
    outcome, certificates = sign(tmp_path / "empty")
    assert (outcome.code, outcome.json["error"]["code"]) == (4, "batch.csrs")
    assert certificates == []


def test_the_rows_of_a_table_are_signed_and_named(sign, tmp_path):
    rows = [(_base64(1), "first"), (device_csr(2).decode(), ""), (_base64(3), "third")]
    outcome, certificates = sign(_table(tmp_path / "line.csv", *rows))
    assert (outcome.code, outcome.json["success"]) == (0, 3)
    assert certificates == ["first.crt", "row-2.crt", "third.crt"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("row", "code"),
    [
        (("", "empty"), "manifest.line"),
        (("{csr}", "first"), "manifest.line"),
        (("{csr}", "FIRST"), "manifest.line"),
        (("{csr}", "../first"), "manifest.line"),
        (("{csr}", "a\nb"), "manifest.line"),
        (("{csr}", "x" * 201), "manifest.line"),
        (("nonsense!", "other"), "csr."),
        (("A" * (MAX_OCTETS + 1), "other"), "csr.too_long"),
    ],
)
def test_a_row_that_is_wrong_is_its_problem_alone(sign, tmp_path, row, code):
    wrong = [cell.replace("{csr}", _base64(2)) for cell in row]
    outcome, certificates = sign(_table(tmp_path / "t.csv", (_base64(1), "first"), wrong))
    assert outcome.code == 1
    (problem,) = outcome.json["problems"]
    assert problem["code"].startswith(code)
    assert certificates == ["first.crt"]


def test_a_table_is_read_as_a_spreadsheet_writes_it(sign, tmp_path):
    path = _table(
        tmp_path / "T.CSV", ("a", _base64(1)), ("", ""), columns=("Name", "CSR"), delimiter=";"
    )
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    outcome, certificates = sign(path)
    assert (outcome.code, certificates) == (0, ["a.crt"])


@pytest.mark.parametrize(
    ("text", "code"),
    [("csr,colour\n", "manifest.column"), ("csr\n", "batch.csrs"), ("", "batch.csrs")],
)
def test_a_table_that_is_none_is_refused(sign, tmp_path, text, code):
    (tmp_path / "t.csv").write_text(text)
    outcome, certificates = sign(tmp_path / "t.csv")
    assert (outcome.code, outcome.json["error"]["code"]) == (4, code)
    assert certificates == []


def test_a_source_has_no_more_csrs_than_a_batch(tmp_path, monkeypatch):
    monkeypatch.setattr(csr_sources, "MAX_REQUESTS", 2)
    _table(tmp_path / "t.csv", *[("AAAA", "")] * 3)
    for number in range(3):
        (tmp_path / f"{number}.csr").touch()
    for path in (tmp_path, tmp_path / "t.csv"):
        with pytest.raises(InputError) as raised:
            csr_sources.source_of(str(path), None)
        assert raised.value.code == "batch.csrs"


def test_a_response_to_a_folder_can_be_written_again_from_the_run(
    sign, command, quickstart, folder, tmp_path
):
    sign(folder)
    again = tmp_path / "again.zip"
    outcome = command(
        *("--estate", quickstart, "batch", "export", 1, "--format", "response", "--out", again)
    )
    assert outcome.code == 0
    assert again.read_bytes() == (tmp_path / "response.zip").read_bytes()


def test_a_zip_comes_by_standard_input_too(command, quickstart, tmp_path):
    out = tmp_path / "out.zip"
    outcome = command(
        *("--json", "--estate", quickstart, "batch", "sign", "-", "--out", out),
        *("--participant", "meters-one", "--purpose", DEVICE_PURPOSE),
        stdin=csr_zip(("a.csr", device_csr())),
    )
    assert (outcome.code, outcome.json["success"]) == (0, 1)
    assert _certificates(out) == ["a.crt"]


@pytest.mark.parametrize("source", ["meters", "t.csv", "t.zip"])
def test_a_response_needs_a_place(command, quickstart, source):
    outcome = command(
        *("--estate", quickstart, "batch", "sign", source),
        *("--participant", "meters-one", "--purpose", DEVICE_PURPOSE),
    )
    assert outcome.code == 2
    assert "--out" in outcome.err


def test_a_table_without_the_column_csr_is_one_error(sign, tmp_path):
    path = tmp_path / "t.csv"
    _table(path, ["one"], ["two"], columns=("name",))
    outcome, names = sign(path)
    assert (outcome.code, names) == (4, [])
    assert outcome.json["error"]["code"] == "manifest.column"
    assert "no column csr" in outcome.json["error"]["message"]


def test_no_name_of_a_file_is_a_formula_in_the_response(sign, folder, tmp_path):
    (folder / "c.csr").rename(folder / "=cmd.csr")
    outcome, _ = sign(folder)
    assert outcome.code == 1
    assert outcome.json["problems"][0]["file"] == "=cmd.csr"
    with zipfile.ZipFile(tmp_path / "response.zip") as response:
        (_, row, _) = response.read("meters-problems.tsv").decode().split("\r\n")
    assert row.split("\t")[1] == "'=cmd.csr"
