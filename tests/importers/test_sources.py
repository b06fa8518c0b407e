"""Files and folders are read in order, and private keys are passed over."""

from __future__ import annotations

import base64
import builtins
import errno
import os

import pytest
from cryptography.hazmat.primitives import serialization

from material import PHRASE, pem, pkcs8, store, zipped
from smki_testca.errors import InputError
from smki_testca.importers.sources import MAX_FILE_OCTETS, Documents, Source, sources


def test_a_folder_is_walked_in_the_order_of_its_paths(tmp_path, ders):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "1.pem").write_bytes(pem(ders[1]))
    (tmp_path / "a.der").write_bytes(ders[0])
    (tmp_path / "c.cer").write_bytes(base64.b64encode(ders[2]))
    assert list(sources([str(tmp_path)])) == [
        Source(str(tmp_path / "a.der"), 0, ders[0]),
        Source(str(tmp_path / "b" / "1.pem"), 0, ders[1]),
        Source(str(tmp_path / "c.cer"), 0, ders[2]),
    ]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_named_pipe_in_a_folder_is_not_waited_for(tmp_path, ders):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "one.der").write_bytes(ders[0])
    assert [one.data for one in sources([str(tmp_path)])] == [ders[0]]


def test_a_folder_that_links_to_itself_is_walked_once(tmp_path, ders):
    (tmp_path / "one.der").write_bytes(ders[0])
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)
    assert [one.data for one in sources([str(tmp_path)])] == [ders[0]]


def test_the_name_of_a_file_says_nothing_of_what_it_holds(tmp_path, ders):
    (tmp_path / "key.zip").write_bytes(pem(ders[0]))
    assert [one.data for one in sources([str(tmp_path / "key.zip")])] == [ders[0]]


@pytest.mark.parametrize("name", ["missing.pem", "no/such/folder"])
def test_a_file_that_is_not_there_is_an_error(tmp_path, name):
    with pytest.raises(InputError) as caught:
        list(sources([str(tmp_path / name)]))
    assert caught.value.code == "input.unreadable"
    assert name in caught.value.message


@pytest.mark.slow
def test_a_file_that_is_too_long_is_told_and_the_next_one_is_read(tmp_path, ders):
    with (tmp_path / "a").open("wb") as file:
        file.truncate(MAX_FILE_OCTETS + 1)
    (tmp_path / "b").write_bytes(ders[0])
    first, second = sources([str(tmp_path)])
    assert first.problem.code == "document.too_long"
    assert second.data == ders[0]


README = b"These are our certificates.\n"


@pytest.fixture
def mixed(tmp_path, pair):
    """A folder with one certificate among what people have beside them, and their number."""
    der, key = pair
    others = {
        ".DS_Store": b"\x00\x00\x00\x01Bud1" + bytes(100),
        "README.txt": README,
        "a.key": pkcs8(key),
        "b/empty": b"",
        "b/store.p12": store(pair, PHRASE),
        "b/store.jks": bytes.fromhex("feedfeed00000002") + bytes(50),
        "package.json": b'{"name": "one"}',
        "public.pem": pem(
            key.public_key().public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            ),
            header="PUBLIC KEY",
        ),
        "__MACOSX/._z.pem": bytes.fromhex("0005160700020000") + b"Mac OS X" + bytes(50),
        "id_ed25519.pub": b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA one@example.test\n",
        "signed.asc": pem(b"\x85\x01", header="PGP MESSAGE"),
        "utf-16.txt": "text".encode("utf-16"),
    }
    folder = tmp_path / "mixed"
    for name, data in {**others, "z.pem": pem(der)}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder, len(others)


def packed(folder):
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return zipped({str(path.relative_to(folder)): path.read_bytes() for path in files})


def test_what_a_folder_holds_beside_documents_is_passed_over_and_counted(mixed, pair):
    folder, others = mixed
    documents = Documents([str(folder)])
    assert [(one.file, one.data) for one in documents] == [(str(folder / "z.pem"), pair[0])]
    assert documents.passed_over == others


def test_what_a_zip_holds_beside_documents_is_passed_over_and_counted(mixed, pair):
    folder, others = mixed
    documents = Documents(["-"], packed(folder))
    assert [(one.file, one.data) for one in documents] == [("-!z.pem", pair[0])]
    assert documents.passed_over == others


def test_what_is_named_and_holds_no_document_is_a_problem(mixed):
    folder, others = mixed
    (folder / "z.pem").unlink()
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    assert len(files) == others
    for path in files:
        documents = Documents([str(path)])
        (one,) = documents
        assert one.problem.code in {"document.unknown_kind", "document.nothing"}
        assert (one.file, documents.passed_over) == (str(path), 0)


@pytest.mark.parametrize("is_packed", [False, True])
def test_a_folder_or_zip_that_holds_no_document_is_a_problem(mixed, tmp_path, is_packed):
    folder, others = mixed
    (folder / "z.pem").unlink()
    named = folder
    if is_packed:
        named = tmp_path / "a.zip"
        named.write_bytes(packed(folder))
    documents = Documents([str(named)])
    (one,) = documents
    assert one.problem.code == "document.nothing"
    assert f"({others} files)" in one.problem.message
    assert documents.passed_over == others


def test_an_empty_folder_is_a_problem_beside_what_is_good(tmp_path, ders):
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.der").write_bytes(ders[0])
    first, second = sources([str(tmp_path / "empty"), str(tmp_path / "a.der")])
    assert (first.file, first.problem.code) == (str(tmp_path / "empty"), "document.nothing")
    assert second.data == ders[0]


def test_a_document_that_is_broken_is_told_wherever_it_is_come_across(tmp_path, ders):
    (tmp_path / "a.pem").write_bytes(pem(ders[0])[:-20])
    (tmp_path / "b.pem").write_bytes(pem(ders[0]))
    assert [one.problem and one.problem.code for one in sources([str(tmp_path)])] == [
        *("document.base64", None),
    ]


@pytest.fixture
def unreadable(tmp_path, ders, monkeypatch):
    """A folder in which one file and one folder cannot be read, whoever asks."""
    (tmp_path / "a" / "locked").mkdir(parents=True)
    for name in ("a/1.der", "a/2.der", "a/locked/3.der", "a/4.der"):
        (tmp_path / name).write_bytes(ders[0])
    scandir, opened = os.scandir, builtins.open

    def refuse(function, name):
        def called(path, *arguments, **named):
            if str(path).endswith(name):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return function(path, *arguments, **named)

        return called

    monkeypatch.setattr(os, "scandir", refuse(scandir, "locked"))
    monkeypatch.setattr(builtins, "open", refuse(opened, "2.der"))
    return tmp_path / "a"


def test_a_file_and_a_folder_that_cannot_be_read_are_told_and_the_rest_is_read(unreadable):
    found = [(one.file, one.problem and one.problem.code) for one in Documents([str(unreadable)])]
    assert found == [
        (str(unreadable / "1.der"), None),
        (str(unreadable / "2.der"), "document.unreadable"),
        (str(unreadable / "4.der"), None),
        (str(unreadable / "locked"), "document.unreadable"),
    ]
    with pytest.raises(InputError) as caught:
        list(sources([str(unreadable)]))
    assert caught.value.code == "input.unreadable"
    assert caught.value.message == f"{unreadable / '2.der'} cannot be read: Permission denied."


def test_a_link_to_nothing_in_a_folder_is_left_out(tmp_path, ders):
    (tmp_path / "a").symlink_to(tmp_path / "nowhere")
    (tmp_path / "b").write_bytes(ders[0])
    assert [one.data for one in sources([str(tmp_path)])] == [ders[0]]
