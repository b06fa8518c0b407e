"""The ZIP of a batch is refused as a whole for each trick that it plays (SEC App. M F)."""

from __future__ import annotations

import binascii
import io
import struct
import zipfile
import zlib
from typing import NamedTuple

import pytest
from csr_zips import CENTRAL, GOOD, LOCAL, changed, csr_zip, device_csr
from hypothesis import example, given
from hypothesis import strategies as st

from smki_testca.authority import csr as intake
from smki_testca.errors import InputError
from smki_testca.issuance.batch import portal_zip


class Entry(NamedTuple):
    number: int
    name: str
    data: bytes


def members(data):
    """Every CSR of a ZIP, unpacked."""
    return [
        Entry(one.number, one.name, portal_zip.unpack("requests.zip", data, one))
        for one in portal_zip.directory("requests.zip", data).members
    ]


def refused(data):
    with pytest.raises(InputError) as raised:
        members(data)
    assert raised.value.code == "batch.zip"
    assert "requests.zip is refused as a whole" in raised.value.message
    return raised.value.message


def test_entries_come_in_the_order_of_the_zip_with_their_octets():
    names = ["z.csr", "a.csr", "m.n.csr"]
    data = csr_zip(*((name, name.encode()) for name in names))
    entries = members(data)
    assert [(one.number, one.name, one.data) for one in entries] == [
        (n, name, name.encode()) for n, name in enumerate(names, 1)
    ]


@pytest.mark.parametrize(
    "name",
    [
        "/a.csr",
        "../a.csr",
        "folder/a.csr",
        "folder/",
        "folder\\a.csr",
        "..\\a.csr",
        "C:\\a.csr",
        ".csr",
        "..csr",
        "a.crt",
        "a.CSR",
        "a.csr.exe",
        "a",
        "a\n.csr",
        "a\x1b[2J.csr",
        f"{'a' * 252}.csr",
    ],
)
def test_a_name_that_is_not_a_plain_csr_file_at_the_root_is_refused_whole(name):
    # zipfile would mend a separator of this system: put in afterwards, it stays.
    placeholder = "x" * len(name)
    data = csr_zip(("good.csr", device_csr()), (placeholder, b"data"))
    refused(data.replace(placeholder.encode(), name.encode()))


@pytest.mark.parametrize(
    "twice", [("a.csr", "a.csr"), ("a.csr", "A.csr"), ("\u00e9.csr", "\u00c9.csr")]
)
def test_names_that_are_one_name_where_case_does_not_count_are_refused_whole(twice):
    assert "twice" in refused(csr_zip(*((name, device_csr()) for name in twice)))


@pytest.mark.slow
def test_50_000_files_are_taken_and_one_more_is_refused_whole():
    most = [(f"{n}.csr", b"") for n in range(portal_zip.MAX_REQUESTS)]
    assert portal_zip.MAX_REQUESTS == 50_000
    assert len(members(csr_zip(*most, method=zipfile.ZIP_STORED))) == 50_000
    message = refused(csr_zip(*most, ("more.csr", b""), method=zipfile.ZIP_STORED))
    assert "50001 files" in message
    assert "50000 are allowed" in message


def test_a_zip_without_files_is_refused():
    assert "empty" in refused(csr_zip())


@pytest.mark.parametrize("part", ["nothing", "an octet", "a half", "no end", "all but one"])
def test_a_zip_that_is_cut_off_is_refused(part):
    whole = len(GOOD)
    keep = {"nothing": 0, "an octet": 1, "a half": whole // 2, "no end": whole - 30}
    refused(GOOD[: keep.get(part, whole - 1)])


@pytest.mark.parametrize("data", [b"PK\x03\x04", b"not a ZIP at all", bytes(1000)])
def test_what_is_no_zip_is_refused(data):
    refused(data)


def test_an_encrypted_zip_is_refused():
    data = changed(changed(GOOD, LOCAL, 6, b"\x01\x00"), CENTRAL, 8, b"\x01\x00")
    assert "encrypted" in refused(data)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_method_of_compression_that_the_portal_never_had_is_refused(method):
    assert "neither stored nor deflated" in refused(csr_zip(("a.csr", device_csr()), method=method))


def test_a_method_of_compression_that_nobody_knows_is_refused():
    data = changed(changed(GOOD, LOCAL, 8, b"\x63\x00"), CENTRAL, 10, b"\x63\x00")
    refused(data)


def test_a_file_longer_than_any_csr_is_refused_whole():
    assert len(members(csr_zip(("a.csr", bytes(intake.MAX_OCTETS))))) == 1
    message = refused(csr_zip(("good.csr", device_csr()), ("a.csr", bytes(intake.MAX_OCTETS + 1))))
    assert "longer than" in message


@pytest.mark.slow
def test_a_bomb_of_many_files_each_within_its_bound_is_refused_before_it_is_unpacked():
    each = bytes(intake.MAX_OCTETS)
    count = portal_zip.MAX_ZIP_OCTETS // len(each) + 1
    data = csr_zip(*((f"{n}.csr", each) for n in range(count)))
    assert len(data) < 2 << 20
    assert "unpacks to more than" in refused(data)


def test_a_size_that_lies_about_a_bomb_is_refused():
    bomb = csr_zip(("a.csr", bytes(10 << 20)))
    small = struct.pack("<I", 100)
    refused(changed(changed(bomb, LOCAL, 22, small), CENTRAL, 24, small))


def test_a_size_that_lies_the_other_way_is_refused():
    large = struct.pack("<I", intake.MAX_OCTETS)
    refused(changed(changed(GOOD, LOCAL, 22, large), CENTRAL, 24, large))


def test_octets_that_do_not_fit_their_checksum_are_refused():
    stored = csr_zip(("a.csr", b"0123456789" * 10), method=zipfile.ZIP_STORED)
    refused(stored.replace(b"0123456789", b"0123456788", 1))


def test_a_local_name_other_than_that_of_the_directory_is_refused():
    at = GOOD.index(b"a.csr")
    refused(GOOD[:at] + b"b.csr" + GOOD[at + 5 :])


def test_files_that_share_their_octets_are_refused():
    """Many names in the directory for one stored file: the bomb that nests nothing."""
    name = b"a.csr"
    body = zlib.compress(bytes(1000))[2:-4]
    crc = binascii.crc32(bytes(1000))
    fields = struct.pack("<HHHHHIII", 20, 0, 8, 0, 33, crc, len(body), 1000)
    local = LOCAL + fields + struct.pack("<HH", len(name), 0) + name + body
    central = b""
    for other in (b"a.csr", b"b.csr"):
        ends = struct.pack("<HHHHHII", len(other), 0, 0, 0, 0, 0, 0)
        central += CENTRAL + b"\x14\x00" + fields + ends + other
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 2, 2, len(central), len(local), 0)
    refused(local + central + end)


def read_or_refused(data):
    try:
        return members(data)
    except InputError as error:
        code = error.code
    assert code == "batch.zip"
    return []


@given(st.binary(max_size=200))
@example(b"PK\x05\x06" + bytes(18))
def test_any_octets_are_read_or_refused(data):
    read_or_refused(data)


TWO = csr_zip(("a.csr", b"first" * 20), ("b.csr", b"second"))


@given(st.lists(st.tuples(st.integers(0, len(TWO) - 1), st.integers(0, 255)), max_size=4))
@example([(TWO.rindex(b"b.csr"), 0)])
def test_a_zip_with_octets_changed_gives_the_csrs_that_were_put_in_or_is_refused(changes):
    octets = bytearray(TWO)
    for at, octet in changes:
        octets[at] = octet
    assert {one.data for one in read_or_refused(bytes(octets))} <= {b"first" * 20, b"second"}


def test_a_local_header_that_says_encrypted_is_refused():
    assert "encrypted" in refused(changed(GOOD, LOCAL, 6, b"\x01\x00"))


def test_a_name_cut_short_by_a_zero_is_refused():
    data = csr_zip(("a.csrxx", b"data"))
    assert "another name" in refused(data.replace(b"a.csrxx", b"a.csr\x00x"))


def test_a_zip_is_written_as_the_standard_library_writes_it():
    files = {"meter-1.crt": b"one" * 100, "z\u00e4hler.crt": b"", "c.crt": bytes(1000)}
    writer, expected = portal_zip.ZipWriter(), io.BytesIO()
    with zipfile.ZipFile(expected, "w") as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name, (2000, 1, 1, 0, 0, 0))
            info.create_system, info.external_attr = 3, 0o600 << 16
            archive.writestr(info, data)
            writer.add(name, data)
    assert writer.close() == expected.getvalue()


def test_what_macos_and_windows_add_is_passed_over_and_told():
    names = ["a.csr", "__MACOSX/._a.csr", ".DS_Store", "b.csr", "Thumbs.db", "._b.csr"]
    data = csr_zip(*((name, name.encode()) for name in names))
    assert [(one.number, one.name) for one in members(data)] == [(1, "a.csr"), (2, "b.csr")]
    passed_over = portal_zip.directory("requests.zip", data).passed_over
    assert passed_over == [name for name in names if name not in {"a.csr", "b.csr"}]


def test_a_zip_of_nothing_else_is_refused_as_empty():
    assert "empty" in refused(csr_zip(("__MACOSX/._a.csr", b"x")))


def _named(raw, extra=b"", flags=0):
    """A ZIP of one file whose name is these octets."""
    placeholder = "x" * len(raw)
    info = zipfile.ZipInfo(placeholder)
    info.extra = extra
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(info, b"a CSR")
    data = out.getvalue().replace(placeholder.encode(), raw)
    bits = struct.pack("<H", flags)
    return changed(changed(data, LOCAL, 6, bits), CENTRAL, 8, bits)


def _unicode_path(raw, path, version=1):
    content = struct.pack("<BL", version, zlib.crc32(raw)) + path
    return struct.pack("<HH", 0x7075, len(content)) + content


ZAEHLER = "Z\u00e4hler 1.csr"
UTF8, CP437 = ZAEHLER.encode(), ZAEHLER.encode("cp437")
NAMES = {
    "UTF-8 with the flag": _named(UTF8, flags=0x800),
    "UTF-8 without the flag, as Info-ZIP and macOS write it": _named(UTF8),
    "code page 437, as APPNOTE has it": _named(CP437),
    "a Unicode Path field": _named(b"Z?hler 1.csr", _unicode_path(b"Z?hler 1.csr", UTF8)),
    "a Unicode Path field of a former name": _named(UTF8, _unicode_path(b"other", b"no.csr")),
    "a Unicode Path field of another version": _named(UTF8, _unicode_path(UTF8, b"no.csr", 2)),
    "other extra fields before it": _named(
        b"Z.csr", b"UT\x01\x00\x00" + _unicode_path(b"Z.csr", UTF8)
    ),
}


@pytest.mark.parametrize("data", NAMES.values(), ids=NAMES)
def test_a_name_is_the_one_that_was_meant(data):
    (one,) = members(data)
    assert one.name == ZAEHLER
    assert one.data == b"a CSR"


BROKEN_PATHS = {
    "not UTF-8": _unicode_path(b"Z.csr", b"\xff.csr"),
    "empty": _unicode_path(b"Z.csr", b""),
    "cut off": struct.pack("<HHB", 0x7075, 1, 1),
}


@pytest.mark.parametrize("field", BROKEN_PATHS.values(), ids=BROKEN_PATHS)
def test_a_broken_unicode_path_is_refused_on_every_version_of_python(field):
    assert "it is broken" in refused(_named(b"Z.csr", field))


@pytest.mark.parametrize("path", [b"../a.csr", b"b/a.csr", b"a.exe", b"a\x00.csr"])
def test_a_unicode_path_is_checked_like_any_name(path):
    refused(_named(b"Z.csr", _unicode_path(b"Z.csr", path)))


@pytest.mark.parametrize("name", ["a\u00a0b.csr", "\u202fn.csr", "Zähler 1!.csr", "計器.csr"])
def test_a_name_with_any_space_or_letter_is_a_name(name):
    data = csr_zip((name, device_csr()))
    assert [member.name for member in members(data)] == [name]


@pytest.mark.parametrize("name", ["a\tb.csr", "a\u2028b.csr", "a\x85b.csr", "a\\b.csr"])
def test_a_name_with_a_control_character_or_a_backslash_is_refused(name):
    assert "refused as a whole" in refused(csr_zip((name, device_csr())))
