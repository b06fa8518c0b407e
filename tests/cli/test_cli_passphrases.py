"""A byte order mark is no part of a passphrase; what was made when it was one still opens."""

from __future__ import annotations

import codecs
import os

import pytest

from smki_testca.api import Estate
from smki_testca.cli.session import Session
from smki_testca.errors import EstateError, InputError
from smki_testca.estate import estate_key_store
from smki_testca.importers.intake import take_in
from smki_testca.passphrases import Passphrase, readings

PHRASE = "Schl\u00fcssel 1"
FILES = {
    "UTF-8": f"{PHRASE}\n".encode(),
    "Windows": f"{PHRASE}\r\nmore\r\n".encode(),
    "no line end": PHRASE.encode(),
    "a mark": f"{PHRASE}\n".encode("utf-8-sig"),
    "PowerShell": codecs.BOM_UTF16_LE + f"{PHRASE}\r\n".encode("utf-16-le"),
    "UTF-16 BE": codecs.BOM_UTF16_BE + PHRASE.encode("utf-16-be"),
    "other lines of anything": PHRASE.encode() + b"\n\xff\xff",
}
ISSUE = (
    *("issue", "device", "--participant", "meters-one"),
    *("--purpose", "device-and-user-system-tests", "--device-id", "00-DB-12-00-00-00-07-07"),
    *("--hw-type", "1.2.826.0.1.8641679.1.2.2.1", "--usage", "key-agreement"),
)


@pytest.fixture
def made(command, tmp_path):
    """Makes an estate by a passphrase in a file."""

    def make(data):
        path = tmp_path / "made by"
        path.write_bytes(data)
        estate = tmp_path / "estate"
        called = ("--passphrase-file", path, "init", estate, "--environment", "UIT-A")
        outcome = command(*called)
        assert outcome.code == 0, outcome.err
        return estate

    return make


@pytest.fixture
def opens(tmp_path):
    """Whether a passphrase in a file opens an estate."""

    def check(directory, data):
        path = tmp_path / "opened by"
        path.write_bytes(data)
        session = Session({"estate": str(directory), "passphrase-file": str(path)})
        with session.open() as estate:
            try:
                estate.unlock()
            except EstateError as error:
                return error.code != "estate.passphrase"
        return True

    return check


@pytest.mark.parametrize("data", FILES.values(), ids=FILES)
def test_a_passphrase_is_the_same_in_every_file(data):
    assert Passphrase.of_file(data, "a file") == PHRASE


@pytest.mark.slow
@pytest.mark.parametrize("made_by", ["UTF-8", "a mark", "PowerShell"])
def test_an_estate_opens_by_its_passphrase_however_the_file_is_written(made, opens, made_by):
    estate = made(FILES[made_by])
    assert all(opens(estate, data) for data in FILES.values())
    assert not opens(estate, b"another\n")
    assert not opens(estate, b"\xef\xbb\xbfanother\n")


@pytest.fixture
def earlier(monkeypatch):
    """Does as earlier versions did, for which the mark was content."""

    def read(passphrase):
        return (readings(passphrase)[-1],)

    def run(function, *arguments):
        with monkeypatch.context() as patch:
            patch.setattr(estate_key_store, "readings", read)
            return function(*arguments)

    return run


@pytest.mark.slow
def test_an_estate_whose_passphrase_has_the_mark_still_opens_by_the_same_file(made, opens, earlier):
    estate = earlier(made, FILES["a mark"])
    assert opens(estate, FILES["a mark"])
    assert not opens(estate, FILES["UTF-8"])


def test_an_estate_whose_passphrase_is_nothing_but_a_mark_still_opens(opens, tmp_path, monkeypatch):
    directory = tmp_path / "estate"
    monkeypatch.setattr("smki_testca.api.check_text", lambda *_: None)  # as in earlier versions
    Estate.create(directory, "\ufeff").close()
    assert opens(directory, b"\xef\xbb\xbf\n")
    assert not opens(directory, b"\xef\xbb\xbfx\n")


def test_a_file_of_nothing_but_a_mark_makes_no_estate(command, tmp_path):
    path = tmp_path / "secret"
    path.write_bytes(codecs.BOM_UTF8)
    arguments = ("--passphrase-file", path, "init", tmp_path / "e", "--environment", "UIT-A")
    outcome = command("--json", *arguments)
    assert (outcome.code, outcome.json["error"]["code"]) == (4, "passphrase.empty")


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_the_mark_is_no_content_of_a_variable_either(command, quickstart, monkeypatch, mark):
    passphrase = (quickstart / "passphrase").read_text().strip()
    (quickstart / "passphrase").unlink()
    monkeypatch.setenv("SMKI_TESTCA_PASSPHRASE", f"{mark}{passphrase}")
    assert command("--estate", quickstart, *ISSUE).code == 0


def test_a_variable_that_is_no_text_is_one_line_that_quotes_nothing(
    command, quickstart, one_line, monkeypatch
):
    monkeypatch.setenv("SMKI_TESTCA_PASSPHRASE", os.fsdecode(b"secret\xe4"))
    outcome = command("--estate", quickstart, *ISSUE)
    assert outcome.code == 4
    assert "secret" not in one_line(outcome)


@pytest.mark.parametrize(
    "data", ["Z\u00e4hler".encode("latin-1"), codecs.BOM_UTF16_LE + b"a", b"\xff\xfe\0\xd8"]
)
def test_a_file_that_is_no_text_is_refused_and_nothing_of_it_is_quoted(data):
    with pytest.raises(InputError) as raised:
        Passphrase.of_file(data, "a file")
    assert raised.value.code == "passphrase.encoding"
    assert raised.value.lines() == ["error: a file is not UTF-8. Save it as UTF-8."]
    assert raised.value.__cause__ is None


@pytest.mark.parametrize("form", ["pkcs12", "pem"])
@pytest.mark.parametrize("locked_with_mark", [True, False])
def test_a_store_opens_whether_its_passphrase_has_the_mark_or_not(
    command, quickstart, tmp_path, form, locked_with_mark
):
    secret = tmp_path / "secret"
    # A mark before the mark stands for what others take for content.
    secret.write_bytes(b"\xef\xbb\xbf" * (2 if locked_with_mark else 1) + b"secret\n")
    out = tmp_path / "out"
    exported = command(
        *("--estate", quickstart, "export", "--format", form, "--out", out),
        *("--label", "Z1-supplier-ds", "--with-keys", "--export-passphrase-file", secret),
    )
    assert exported.code == 0, exported.err
    found = take_in([str(out)], passphrase=Passphrase("secret", has_mark=True))
    assert any(one.key is not None for one in found.certificates)
    with pytest.raises(InputError) as raised:
        take_in([str(out)], passphrase=Passphrase("other", has_mark=True))
    assert raised.value.code == "import.passphrase"


SECRET = "kQGV-qz7_Zx9wTm4HdxQpT2b"  # noqa: S105 - of a test
DEVICES = ("--participant", "meters-one", "--purpose", "device-and-user-system-tests")
TAKING_A_FILE = [
    ("agreement", "add", "FILE"),
    ("agreement", "replace", "FILE"),
    ("register", "import", "FILE"),
    ("register", "whois", "FILE"),
    ("sign", "FILE", *DEVICES),
    ("import", "FILE"),
    ("show", "FILE"),
    ("lint", "FILE"),
    ("compare", "FILE", "FILE"),
    ("crl", "verify", "FILE"),
    ("batch", "check", "FILE", *DEVICES),
    ("batch", "sign", "FILE", "--out", "out.zip", *DEVICES),
    ("kit", "show", "FILE"),
]


@pytest.mark.slow
@pytest.mark.parametrize("words", TAKING_A_FILE, ids=lambda words: " ".join(words[:2]))
@pytest.mark.parametrize("form", ["{}", "{}==", "-----BEGIN PRIVATE KEY-----\n{}==\n"])
def test_a_secret_that_is_given_as_another_file_is_not_printed(
    command, quickstart, tmp_path, monkeypatch, words, form
):
    monkeypatch.chdir(tmp_path)
    for suffix in ("", ".csv", ".jsonl", ".toml"):
        path = tmp_path / f"secret{suffix}"
        path.write_text(f"{form.format(SECRET)}\n")
        given = (path if word == "FILE" else word for word in words)
        outcome = command("--estate", quickstart, *given)
        assert outcome.code in {1, 2, 3, 4}
        printed = outcome.out + outcome.err
        assert not any(SECRET[at : at + 5] in printed for at in range(len(SECRET) - 4))


@pytest.mark.parametrize("form", ["pem", "pkcs12", "java"])
def test_a_passphrase_that_no_key_can_have_is_one_line(
    command, quickstart, tmp_path, one_line, form
):
    path = tmp_path / "long"
    path.write_text("x" * 1024)
    outcome = command(
        *("--estate", quickstart, "export", "--format", form, "--out", tmp_path / "out"),
        *("--with-keys", "--export-passphrase-file", path),
    )
    assert outcome.code == 4
    assert "1024 octets; at most 1023" in one_line(outcome)
