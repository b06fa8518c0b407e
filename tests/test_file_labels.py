"""Labels of the names of files keep what tells the files apart."""

from __future__ import annotations

import os
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smki_testca.file_labels import label_of, told_apart
from smki_testca.importers.intake import take_in
from smki_testca.labels import MAX_LABEL_CHARACTERS
from smki_testca.text import is_text


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Z1-supplier-ds", "Z1-supplier-ds"),
        ("meter\u00a01", "meter 1"),
        (os.fsdecode("Z\u00e4hler".encode("latin-1")), "Z\u00e4hler"),
        ("Za\u0308hler", "Z\u00e4hler"),
        ("a!b", "a!b"),
        ("a\\b", "a\\b"),
        ("a\nb\u202e", "a\\nb\\u202e"),
        ("\ud800", "\\ud800"),
        (" a ", "a"),
        ("\u3000", None),
        ("", None),
        ("x" * 300, "x" * MAX_LABEL_CHARACTERS),
    ],
)
def test_a_name_makes_a_label_that_can_be_read_and_typed(name, label):
    assert label_of(name) == label


@given(st.text(st.characters()))
def test_any_name_makes_a_label_of_one_line_or_none(name):
    label = label_of(name)
    assert label is None or (is_text(label) and label.isprintable() and label.strip() == label)
    assert label is None or 1 <= len(label) <= MAX_LABEL_CHARACTERS


def test_labels_that_repeat_one_get_numbers_and_no_other_changes():
    assert told_apart(["a", "b", "a", None, "a", None, "a-2", "b"]) == [
        *("a", "b", "a-3", None, "a-4", None, "a-2", "b-2"),
    ]
    long = "x" * MAX_LABEL_CHARACTERS
    assert told_apart([long, long]) == [long, long[:-2] + "-2"]


@pytest.mark.slow
@given(st.lists(st.one_of(st.none(), st.text(st.sampled_from("a-12"), max_size=4)), max_size=30))
def test_no_two_labels_are_the_same(labels):
    labels = [label or None for label in labels]
    apart = [label for label in told_apart(labels) if label is not None]
    assert len(set(apart)) == len(apart)
    assert {label for label in labels if label is not None} <= set(apart)


@pytest.fixture
def certificates(quickstart):
    """Five certificates in PEM."""
    folder = quickstart / "export"
    found = take_in([str(folder)], with_keys=False).certificates
    return [certificate.der for certificate in found][:5]


def test_files_in_a_folder_have_the_labels_of_their_names(tmp_path, certificates):
    names = ["meter\u00a01.der", "a!b.der", "a!c.der", "x\\y.der", "z\\y.der"]
    folder = tmp_path / "in"
    folder.mkdir()
    for name, der in zip(names, certificates, strict=True):
        (folder / name).write_bytes(der)
    intake = take_in([str(folder)])
    assert {one.label: one.der for one in intake.certificates} == {
        "meter 1": certificates[0],
        "a!b": certificates[1],
        "a!c": certificates[2],
        "x\\y": certificates[3],
        "z\\y": certificates[4],
    }
    assert intake.remarks == ()


@pytest.mark.skipif(os.name == "nt", reason="names of files are text on Windows")
def test_a_name_in_latin_1_makes_a_label_too(tmp_path, certificates):
    folder = tmp_path / "in"
    folder.mkdir()
    try:
        path = os.fsencode(folder) + b"/Z\xe4hler.der"
        with open(path, "wb") as file:  # noqa: PTH123 - a name of octets
            file.write(certificates[0])
    except OSError:
        pytest.skip("this file system has names of text only")
    (one,) = take_in([str(folder)]).certificates
    assert one.label == "Z\u00e4hler"


def test_files_of_one_name_in_several_folders_are_told_apart_and_that_is_told(
    tmp_path, certificates
):
    for folder, der in zip(("a", "b", "c"), certificates, strict=False):
        (tmp_path / "in" / folder).mkdir(parents=True)
        (tmp_path / "in" / folder / "cert.der").write_bytes(der)
    intake = take_in([str(tmp_path / "in")])
    assert [one.label for one in intake.certificates] == ["cert", "cert-2", "cert-3"]
    assert [(one.code, one.source) for one in intake.remarks] == [
        ("import.label", os.path.join("in", "b", "cert.der")),  # noqa: PTH118 - as it is printed
        ("import.label", os.path.join("in", "c", "cert.der")),  # noqa: PTH118 - as it is printed
    ]
    assert "'cert-2'" in intake.remarks[0].message


def test_files_in_an_archive_have_the_labels_of_their_names(tmp_path, certificates):
    path = tmp_path / "some!all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, der in zip(("d/a!b.der", "d/a!c.der", "e.der"), certificates, strict=False):
            archive.writestr(name, der)
    labels = [one.label for one in take_in([str(path)]).certificates]
    assert labels == ["a!b", "a!c", "e"]
