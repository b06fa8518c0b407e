"""The Portal's batch ZIP (SEC App. M F, Appendix N): what is taken, and what comes back."""

import base64
import binascii
import io
import re
import struct
import warnings
import zipfile
import zlib

import pytest
from cryptography import x509

import csrs
from batches import DEVICE_PURPOSE
from smki_testca.authority import csr as intake
from smki_testca.errors import InputError
from smki_testca.issuance.batch import portal

KEY = csrs.new_key()


def _request(number=5, **options):
    return csrs.pem(csrs.device(KEY, device_id=_id(number), **options))


def _id(number):
    return (0x00DB12 << 40 | number).to_bytes(8)


def _zip(*entries, method=zipfile.ZIP_DEFLATED):
    """A ZIP of names and octets; a name may come twice."""
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", method) as archive:
        warnings.simplefilter("ignore")
        for name, data in entries:
            archive.writestr(name, data)
    return out.getvalue()


def _refused(data):
    with pytest.raises(InputError) as raised:
        portal.read("requests.zip", data)
    assert raised.value.code == "batch.zip"
    assert "requests.zip is refused whole" in raised.value.message
    return raised.value.message


def _sign(command, estate, data, *more, name="meters.zip", participant="meters-one"):
    path = estate.parent / name
    path.write_bytes(data)
    out = estate.parent / "out.zip"
    outcome = command(
        *("--json", "--estate", estate, "batch", "sign", path, "--out", out),
        *("--participant", participant, "--purpose", DEVICE_PURPOSE, *more),
    )
    return outcome, out


def _report(out):
    """The lines of the report, without its head, and the certificates by file name."""
    with zipfile.ZipFile(out) as outer:
        (report,) = [name for name in outer.namelist() if name.endswith(".txt")]
        (inner,) = [name for name in outer.namelist() if name.endswith(".zip")]
        head, *told = outer.read(report).decode().split("\r\n")
        assert told.pop() == ""
        assert head == "Identifier\tFile\tStatus\tErrorCode"
        with zipfile.ZipFile(io.BytesIO(outer.read(inner))) as archive:
            certificates = {name: archive.read(name) for name in archive.namelist()}
    return [line.split("\t") for line in told], certificates


def _changed(data, marker, offset, replacement):
    """The ZIP with octets changed behind each header of one kind."""
    octets = bytearray(data)
    for match in re.finditer(re.escape(marker), data):
        at = match.start() + offset
        octets[at : at + len(replacement)] = replacement
    return bytes(octets)


LOCAL, CENTRAL = b"PK\x03\x04", b"PK\x01\x02"
GOOD = _zip(("a.csr", _request()))


def test_entries_come_in_the_order_of_the_zip_with_their_octets():
    names = ["z.csr", "a.csr", "m.n.csr"]
    data = _zip(*((name, name.encode()) for name in names))
    entries = portal.read("requests.zip", data)
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
    data = _zip(("good.csr", _request()), (placeholder, b"data"))
    _refused(data.replace(placeholder.encode(), name.encode()))


@pytest.mark.parametrize(
    "twice", [("a.csr", "a.csr"), ("a.csr", "A.csr"), ("\u00e9.csr", "\u00c9.csr")]
)
def test_names_that_are_one_name_where_case_does_not_count_are_refused_whole(twice):
    assert "twice" in _refused(_zip(*((name, _request()) for name in twice)))


def test_50_000_files_are_taken_and_one_more_is_refused_whole():
    most = [(f"{n}.csr", b"") for n in range(portal.MAX_REQUESTS)]
    assert portal.MAX_REQUESTS == 50_000
    assert len(portal.read("requests.zip", _zip(*most, method=zipfile.ZIP_STORED))) == 50_000
    message = _refused(_zip(*most, ("more.csr", b""), method=zipfile.ZIP_STORED))
    assert "50001 files" in message
    assert "50000 are allowed" in message


def test_a_zip_without_files_is_refused():
    assert "empty" in _refused(_zip())


@pytest.mark.parametrize("part", ["nothing", "an octet", "a half", "no end", "all but one"])
def test_a_zip_that_is_cut_off_is_refused(part):
    whole = len(GOOD)
    keep = {"nothing": 0, "an octet": 1, "a half": whole // 2, "no end": whole - 30}
    _refused(GOOD[: keep.get(part, whole - 1)])


@pytest.mark.parametrize("data", [b"PK\x03\x04", b"not a ZIP at all", bytes(1000)])
def test_what_is_no_zip_is_refused(data):
    _refused(data)


def test_an_encrypted_zip_is_refused():
    data = _changed(_changed(GOOD, LOCAL, 6, b"\x01\x00"), CENTRAL, 8, b"\x01\x00")
    assert "encrypted" in _refused(data)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_method_of_compression_that_the_portal_never_had_is_refused(method):
    assert "neither stored nor deflated" in _refused(_zip(("a.csr", _request()), method=method))


def test_a_method_of_compression_that_nobody_knows_is_refused():
    data = _changed(_changed(GOOD, LOCAL, 8, b"\x63\x00"), CENTRAL, 10, b"\x63\x00")
    _refused(data)


def test_a_file_longer_than_any_csr_is_refused_whole():
    assert len(portal.read("requests.zip", _zip(("a.csr", bytes(intake.MAX_OCTETS))))) == 1
    message = _refused(_zip(("good.csr", _request()), ("a.csr", bytes(intake.MAX_OCTETS + 1))))
    assert "longer than" in message


def test_a_bomb_of_many_files_each_within_its_bound_is_refused_before_it_is_unpacked():
    each = bytes(intake.MAX_OCTETS)
    count = portal.MAX_ZIP_OCTETS // len(each) + 1
    data = _zip(*((f"{n}.csr", each) for n in range(count)))
    assert len(data) < 2 << 20
    assert "unpacks to more than" in _refused(data)


def test_a_size_that_lies_about_a_bomb_is_refused():
    bomb = _zip(("a.csr", bytes(10 << 20)))
    small = struct.pack("<I", 100)
    _refused(_changed(_changed(bomb, LOCAL, 22, small), CENTRAL, 24, small))


def test_a_size_that_lies_the_other_way_is_refused():
    large = struct.pack("<I", intake.MAX_OCTETS)
    _refused(_changed(_changed(GOOD, LOCAL, 22, large), CENTRAL, 24, large))


def test_octets_that_do_not_fit_their_checksum_are_refused():
    stored = _zip(("a.csr", b"0123456789" * 10), method=zipfile.ZIP_STORED)
    _refused(stored.replace(b"0123456789", b"0123456788", 1))


def test_a_local_name_other_than_that_of_the_directory_is_refused():
    at = GOOD.index(b"a.csr")
    _refused(GOOD[:at] + b"b.csr" + GOOD[at + 5 :])


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
    _refused(local + central + end)


HOSTILE = {
    "nested folders": _zip(("a/b.csr", _request())),
    "one good beside one with a wrong extension": _zip(("a.csr", _request()), ("b.txt", b"")),
    "no ZIP": b"nothing",
    "encrypted": _changed(_changed(GOOD, LOCAL, 6, b"\x01\x00"), CENTRAL, 8, b"\x01\x00"),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_a_batch_refused_whole_changes_nothing_and_writes_nothing(command, quickstart, data):
    before = {path: path.read_bytes() for path in quickstart.rglob("*") if path.is_file()}
    outcome, out = _sign(command, quickstart, data)
    assert outcome.code == 4
    assert outcome.json["error"]["code"] == "batch.zip"
    assert not out.exists()
    after = {path: path.read_bytes() for path in quickstart.rglob("*") if path.is_file()}
    assert before == after


def _requests():
    """One CSR of each fate, by file name: what the report should say, and the CSR."""
    tampered = bytearray(csrs.device(KEY, device_id=_id(7)))
    tampered[-1] ^= 1
    return {
        "meter-1.csr": (("success", ""), _request(5)),
        "meter.2.csr": (("success", ""), _request(6, usage="ds")),
        "signature.csr": (("error", "CR:SIGN"), csrs.pem(bytes(tampered))),
        "garbage.csr": (("error", "CR:FORM"), b"nonsense!"),
        "curve.csr": (
            ("error", "CR:KEY"),
            csrs.pem(csrs.device(csrs.new_key(csrs.ec.SECP384R1()))),
        ),
        "elsewhere.csr": (
            ("ineligible", "IN:R11"),
            csrs.pem(csrs.device(KEY, device_id=csrs.SUPPLIER_ID)),
        ),
        "organisation.csr": (("ineligible", None), csrs.pem(csrs.organisation(KEY))),
        "bare.csr": (("success", ""), base64.b64encode(csrs.device(KEY, device_id=_id(8)))),
    }


def test_each_csr_fares_as_the_report_says_and_the_good_ones_have_certificates(command, quickstart):
    requests = _requests()
    data = _zip(*((name, csr) for name, (_, csr) in requests.items()))
    outcome, out = _sign(command, quickstart, data)
    assert outcome.code == 0
    assert outcome.json == {"run": 1, "out": str(out), "success": 3, "refused": 5}
    report, certificates = _report(out)
    assert [(line[0], line[1]) for line in report] == [
        (str(n), name) for n, name in enumerate(requests, 1)
    ]
    for (_, name, status, code), (expected, _) in zip(report, requests.values(), strict=True):
        assert status == expected[0], name
        if expected[1] is not None:
            assert code == expected[1], name
        assert re.fullmatch(r"[A-Z]{2}:[A-Za-z0-9]+", code) if status != "success" else not code
        assert len(code) <= 10
    assert set(certificates) == {"meter-1.crt", "meter.2.crt", "bare.crt"}
    for name, data in certificates.items():
        csr = requests[name.replace(".crt", ".csr")][1]
        der = intake.to_der(csr)
        asked = x509.load_der_x509_csr(der)
        given = x509.load_pem_x509_certificate(data)
        assert given.public_key() == asked.public_key()
        for kind in (x509.KeyUsage, x509.SubjectAlternativeName):
            assert (
                given.extensions.get_extension_for_class(kind).value
                == asked.extensions.get_extension_for_class(kind).value
            )


def test_the_names_in_the_response_follow_from_the_name_of_the_request(command, quickstart):
    _, out = _sign(command, quickstart, GOOD, name="night.2.zip")
    with zipfile.ZipFile(out) as outer:
        assert sorted(outer.namelist()) == ["night.2-response.txt", "night.2-response.zip"]
    assert out.stat().st_mode & 0o777 == 0o600


def test_over_99_certificates_under_one_device_id_the_rest_are_anomalies(command, quickstart):
    data = _zip(*((f"{n}.csr", _request(50, usage="ds")) for n in range(102)))
    outcome, out = _sign(command, quickstart, data)
    assert outcome.code == 0
    report, certificates = _report(out)
    assert [line[2] for line in report] == ["success"] * 100 + ["anomaly"] * 2
    assert {line[3] for line in report[100:]} == {"CA:LIMIT"}
    assert len(certificates) == 100


def test_a_batch_of_which_nothing_goes_through_still_has_its_response(command, quickstart):
    outcome, out = _sign(command, quickstart, _zip(("a.csr", b"nonsense")))
    assert (outcome.code, outcome.json["success"], outcome.json["run"]) == (0, 0, None)
    report, certificates = _report(out)
    assert [line[2] for line in report] == ["error"]
    assert certificates == {}


def test_the_response_can_be_written_again_from_the_run(command, quickstart, tmp_path):
    data = _zip(("a.csr", _request(1)), ("b.csr", b"nonsense"), ("c.csr", _request(2)))
    outcome, out = _sign(command, quickstart, data)
    run = outcome.json["run"]
    again = tmp_path / "again.zip"
    export = ("--json", "--estate", quickstart, "batch", "export")
    assert command(*export, run, "--format", "response", "--out", again).code == 0
    assert again.read_bytes() == out.read_bytes()


def test_a_run_of_another_source_has_no_response(command, quickstart, tmp_path):
    estate = ("--json", "--estate", quickstart)
    issued = command(
        *estate,
        *("batch", "issue", "--profile", "device", "--participant", "meters-one"),
        *("--purpose", "device-and-user-system-tests", "--hw-type", "1.2.3"),
        *("--usage", "key-agreement", "--first-id", "00-DB-12-01-00-00-00-00", "--count", 2),
    )
    assert issued.code == 0
    path = tmp_path / "none.zip"
    outcome = command(*estate, "batch", "export", 1, "--format", "response", "--out", path)
    assert (outcome.code, outcome.json["error"]["code"]) == (4, "batch.no_response")
    assert not path.exists()


def test_a_participant_that_may_have_nothing_gets_nothing(command, quickstart):
    outcome, out = _sign(command, quickstart, GOOD, participant="labs-one")
    assert outcome.json["success"] == 0
    report, _ = _report(out)
    assert report == [["1", "a.csr", "ineligible", "IN:R2"]]


def test_what_is_signed_from_a_batch_is_found_by_the_csr_files_name(command, quickstart):
    _sign(command, quickstart, _zip(("meter-77.csr", _request(0x77))))
    found = command("--json", "--estate", quickstart, "list", "--label", "meter-77").json
    (one,) = found["certificates"]
    assert one["eui64"] == "00-DB-12-00-00-00-00-77"


def test_a_response_that_is_there_is_kept_unless_forced(command, quickstart):
    _, out = _sign(command, quickstart, GOOD)
    first = out.read_bytes()
    outcome, _ = _sign(command, quickstart, GOOD)
    assert (outcome.code, outcome.json["error"]["code"]) == (4, "export.exists")
    assert out.read_bytes() == first
    outcome, _ = _sign(command, quickstart, GOOD, "--force")
    assert outcome.code == 0
    assert out.read_bytes() != first


def test_a_response_that_cannot_be_written_is_told_of_before_anything_is_signed(
    command, quickstart
):
    for out in (quickstart.parent / "gone" / "out.zip", quickstart.parent):
        outcome, _ = _sign(command, quickstart, GOOD, "--out", out, "--force")
        assert (outcome.code, outcome.json["error"]["code"]) == (4, "export.unwritable")
    runs = command("--json", "--estate", quickstart, "batch", "list").json
    assert runs == {"runs": []}
