"""One reader decodes every text that others wrote."""

from __future__ import annotations

import ast
import codecs
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import smki_testca
from smki_testca import text_files
from smki_testca.errors import InputError
from source_trees import nodes

SOURCE = Path(smki_testca.__file__).parent
ENCODINGS = {
    "UTF-8": lambda text: text.encode("utf-8"),
    "UTF-8 with a mark": lambda text: text.encode("utf-8-sig"),
    "UTF-16 LE with a mark, as PowerShell writes": lambda text: (
        codecs.BOM_UTF16_LE + text.encode("utf-16-le")
    ),
    "UTF-16 BE with a mark": lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
    "UTF-32 LE with a mark": lambda text: codecs.BOM_UTF32_LE + text.encode("utf-32-le"),
    "UTF-32 BE with a mark": lambda text: codecs.BOM_UTF32_BE + text.encode("utf-32-be"),
}
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff\0"))
EVERY = pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)


@EVERY
@given(text=TEXTS)
def test_a_text_reads_the_same_however_it_is_encoded(encode, text):
    assert text_files.decode(encode(text), "a file") == text
    assert text_files.utf8(encode(text)).decode("utf-8") == text


@EVERY
def test_a_stream_reads_the_same_as_the_whole(tmp_path, encode):
    path = tmp_path / "file"
    text = "one\r\nZ\u00e4hler\n\nlast"
    path.write_bytes(encode(text))
    with text_files.open_text(path) as file:
        assert file.read() == text
    path.write_bytes(b"")
    with text_files.open_text(path) as file:
        assert file.read() == ""


def test_only_the_first_mark_is_no_content():
    assert text_files.decode(b"\xef\xbb\xbf\xef\xbb\xbfx", "a file") == "\ufeffx"
    assert text_files.decode("a\ufeffb".encode(), "a file") == "a\ufeffb"


WRONG = {
    "Latin-1": (b"one\nZ\xe4hler\n", "line 2 has the octet E4 at position 5"),
    "Latin-1 behind a mark": (b"\xef\xbb\xbfZ\xe4", "line 1 has the octet E4 at position 4"),
    "UTF-16 cut off": ("ab".encode("utf-16")[:-1], "its byte order mark says UTF-16"),
    "a lone surrogate": (b"\xff\xfe\x00\xd8a\x00", "its byte order mark says UTF-16"),
    "a workbook": (b"PK\x03\x04\x14\x00\xff\xfe", "it is a ZIP file"),
    "UTF-16 without a mark": ("profile,\u00e4".encode("utf-16-le"), "it looks like UTF-16"),
    "UTF-16 BE without a mark": ("profile,\u00e4".encode("utf-16-be"), "it looks like UTF-16"),
}


@pytest.mark.parametrize(("data", "cause"), WRONG.values(), ids=WRONG)
def test_octets_that_are_no_text_are_refused_with_the_cause_and_the_cure(tmp_path, data, cause):
    with pytest.raises(InputError) as raised:
        text_files.decode(data, "a file")
    assert raised.value.code == "input.encoding"
    assert raised.value.message.startswith(f"a file is not UTF-8: {cause}")
    assert "UTF-8" in raised.value.remedy
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(UnicodeDecodeError), text_files.open_text(path) as file:
        file.read()
    assert cause in text_files.broken_text(path).message


@given(st.binary())
def test_octets_without_a_mark_stay_as_they_are(data):
    if text_files.encoding_of(data) == ("utf-8", 0):
        assert text_files.utf8(data) == data
    else:
        text_files.utf8(data).decode("utf-8", "replace")


DER = "strings in DER have the encoding that their tag says"
BASE64 = "base64 that this package encoded"
OURS = "written by this package"
SERVED = "what came over a network, whose format says how it is encoded"
TARGET = "what a parser under test prints, which may be anything"
OF_PKCS11 = "a label or serial number of a token, in UTF-8 as PKCS#11 says"
ELSEWHERE = {
    "authority.csr": BASE64,
    "authority.signers.tokens.messages": "MessagePack, in which text is UTF-8",
    "authority.signers.tokens.module": OF_PKCS11,
    "authority.signers.tokens.token_session": OF_PKCS11,
    "authority.signers.tokens.tokens": "a label, cut",
    "authority.signers.tokens.uri": "percent-encoding, which RFC 7512 says is of UTF-8",
    "cli.client.adhoc": OURS,
    "cli.client.crl": OURS,
    "cli.client.repository": OURS,
    "cli.crl": OURS,
    "cli.csr": OURS,
    "cli.drafting": "the drafts of this package",
    "cli.export": OURS,
    "cli.issue": OURS,
    "cli.renewal": OURS,
    "client.repository_account": BASE64,
    "client.address": "a host's name in ASCII",
    "client.adhoc_request": BASE64,
    "client.answer_documents": SERVED,
    "client.caller": SERVED,
    "client.csr_batch": BASE64,
    "corpus.delivery.c_source": "a template of this package",
    "corpus.delivery.folder": "the sums of a corpus, in ASCII",
    "corpus.delivery.corpus_index": "a schema of this package",
    "corpus.delivery.corpus_page": "a template of this package",
    "corpus.issuer_names": DER,
    "corpus.run.targets.channels": TARGET,
    "corpus.run.targets.json_lines": BASE64,
    "corpus.run.targets.log": TARGET,
    "corpus.run.targets.program": TARGET,
    "device.state": BASE64,
    "estate.anchor": BASE64,
    "estate.anchor_store": BASE64,
    "estate.database": "SQLite gives text as octets",
    "estate.tables": OURS,
    "exporters.c_table": "a template of this package",
    "exporters.capath": DER,
    "exporters.jwks": BASE64,
    "exporters.keystore_json": BASE64,
    "exporters.run_formats.csv_table": BASE64,
    "exporters.run_formats.device_file": OURS,
    "exporters.run_formats.writing": "it writes",
    "file_labels": "a name of a file",
    "importers.formats": "digits in hexadecimal",
    "importers.pem": "the label of a PEM block, which is ASCII",
    "importers.private_keys": "a header of a PEM block, which is ASCII",
    "importers.zip_directory": "the names in a ZIP have the encoding that its flags say",
    "issuance.batch.line_signing": OURS,
    "lint.drawing": DER,
    "lint.required": DER,
    "lint.sheet": BASE64,
    "lint.strict": DER,
    "passphrases": "the first line alone, where the others may be anything",
    "pkcs12.reader": DER,
    "profiles.text_pattern": "a reason of the library of patterns",
    "service.device_csr.csr_answers": BASE64,
    "service.device_csr.batch_keeper": "what a process of this package prints",
    "service.example_requests": BASE64,
    "service.portal.form": SERVED,
    "service.repository.account_admission": SERVED,
    "service.repository.index_page": OURS,
    "service.repository.search_messages": BASE64,
    "service.xml": SERVED,
    "unfinished": "a name of a file, cut",
    "workers": "of the system",
    "x509.name_text": DER,
    "x509.pem": BASE64,
    "x509.values": "digits",
    "x509.view": DER,
}
"""The other modules that turn octets into text, and why those are no files that others wrote."""


def _reads_text(call):
    """Whether a call turns octets into text."""
    function = call.func
    if isinstance(function, ast.Name):
        names_encoding = any(keyword.arg == "encoding" for keyword in call.keywords)
        return function.id == "TextIOWrapper" or (function.id == "open" and names_encoding)
    if not isinstance(function, ast.Attribute):
        return False
    owner = ast.unparse(function.value)
    if function.attr == "decode":
        return not owner.startswith(("msgspec.", "documents", "json"))
    if function.attr in {"open", "fdopen"}:
        mode = [ast.unparse(argument) for argument in call.args]
        return any(keyword.arg == "encoding" for keyword in call.keywords) and "'w'" not in mode
    return function.attr in {"read_text", "TextIOWrapper", "getreader", "readlines"}


def _name(path):
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


def test_no_other_module_turns_the_octets_of_files_into_text():
    found = {
        _name(path)
        for path in SOURCE.rglob("*.py")
        if "shipped" not in path.parts
        and any(isinstance(node, ast.Call) and _reads_text(node) for node in nodes(path))
    }
    assert found == {"text_files", *ELSEWHERE}
