"""Submit, Batches, Register and Lint: what each tells, and to whom."""

import io
import re
import time
import zipfile
from dataclasses import replace
from datetime import UTC, datetime

import pytest

import csrs
from smki_testca.estate.batch_requests import BatchRequest, BatchState, Origin
from smki_testca.register.requests import Delivery
from smki_testca.service.device_csr import csr_batches

METERS = {"participant": "meters-one", "purpose": "device-and-user-system-tests"}
NEXT_DEVICE = iter(range(0x10, 0x100))


def _csr(number=None):
    number = next(NEXT_DEVICE) if number is None else number
    eui64 = bytes.fromhex(f"00DB1200000077{number:02X}")
    return csrs.device(csrs.new_key(), device_id=eui64)


def _submit(visitor, fields, files=None):
    return visitor.submit("/submit", "/submit", fields, files or {})


def _zip(names):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in names:
            archive.writestr(f"{name}.csr", csrs.pem(_csr()))
    return made.getvalue()


def _ended(visitor, path):
    """The page of a batch once it has ended."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        answer = visitor.get(path)
        if "Download the response ZIP" in answer.html or "REJECTED" in answer.html:
            return answer
        time.sleep(0.1)
    raise AssertionError(answer.text)


@pytest.mark.parametrize("form", ["pem", "base64", "der"])
def test_a_csr_is_answered_with_its_certificate(operator, form):
    der = _csr()
    if form == "der":
        answer = _submit(operator, {**METERS, "csr": ""}, {"file": ("meter.csr", der)})
    else:
        text = csrs.pem(der).decode()
        text = text if form == "pem" else "".join(text.splitlines()[1:-1])
        answer = _submit(operator, {**METERS, "csr": text})
    assert answer.status == 200, answer.text
    assert "The certificate is issued" in answer.text
    (link,) = [link for link in answer.links if link.startswith("/certificates/")]
    assert operator.get(link).status == 200
    with_audit = operator.get("/audit?action=issue").text
    assert "meters-one" in with_audit


def test_a_csr_that_cannot_be_used_is_answered_with_each_fault(operator):
    broken = bytearray(_csr())
    broken[-1] ^= 1
    answer = _submit(operator, {**METERS, "csr": ""}, {"file": ("a.csr", bytes(broken))})
    assert answer.status == 422
    assert "The CSR cannot be used" in answer.text
    assert "csr.signature" in answer.html


def test_what_to_do_about_a_csr_is_what_the_page_has(operator):
    key_id = csrs.extension("551d0e", csrs.tlv(0x04, bytes(20)), critical=False)
    extensions = [*csrs.device_extensions(bytes.fromhex("00DB120000007801")), key_id]
    csr = csrs.pem(csrs.raw(csrs.new_key(), (), extensions)).decode()
    answer = _submit(operator, {**METERS, "csr": csr})
    assert answer.status == 422
    assert "choose under How CSRs are taken: as a test CA" in answer.text
    assert "--as" not in answer.text
    linted = operator.submit("/lint", "/lint", {"text": csr}, {})
    assert "<code>sign --as test-ca</code>" in linted.html
    assert "`" not in linted.text
    assert _submit(operator, {**METERS, "csr": csr, "taken-as": "test-ca"}).status == 200
    assert _submit(operator, {**METERS, "csr": csr, "taken-as": "nobody"}).status == 422


def test_a_participant_is_sent_to_the_operator_for_what_only_the_operator_does(two, operator):
    fields = {**METERS, "purpose": "uept", "csr": csrs.pem(_csr()).decode()}
    assert "Ask the operator. " in _submit(two, fields).text
    assert "Ask the operator. " not in _submit(operator, fields).text


def test_a_refusal_has_every_reason_and_what_to_do(operator):
    fields = {"participant": "labs-one", "purpose": "uept", "csr": csrs.pem(_csr()).decode()}
    answer = _submit(operator, fields)
    assert answer.status == 422
    assert "The gate refuses it" in answer.text
    assert "R" in answer.text
    assert "<code>" in answer.html


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({**METERS, "csr": ""}, "csr", "Paste a CSR here"),
        ({**METERS, "purpose": "", "csr": "x"}, "purpose", "Choose the Testing Service"),
        ({**METERS, "participant": "", "csr": "x"}, "participant", "Choose the participant"),
    ],
)
def test_what_is_missing_is_told_beside_its_field_and_nothing_typed_is_lost(
    operator, fields, field, said
):
    answer = _submit(operator, fields)
    assert answer.status == 422
    assert f'href="#{field}"' in answer.html
    assert said in answer.text
    if fields["csr"]:
        assert f"\n{fields['csr']}</textarea>" in answer.html


def test_a_participant_asks_for_itself_alone(two):
    answer = _submit(two, {**METERS, "csr": csrs.pem(_csr()).decode()})
    assert answer.status == 200, answer.text
    other = {**METERS, "participant": "supplier-one", "csr": csrs.pem(_csr()).decode()}
    answer = _submit(two, other)
    assert answer.status == 422
    assert "Choose a participant that is yours" in answer.text


@pytest.mark.slow
def test_a_zip_becomes_a_batch_that_its_participant_alone_sees(operator, one, two):
    names = ["north", "south", "<b>east"]
    answer = _submit(two, {**METERS, "csr": ""}, {"file": ("<i>meters.zip", _zip(names))})
    assert answer.status == 303, answer.text
    page = _ended(two, answer.location)
    assert "COMPLETED" in page.text
    assert "success 3" in page.text
    assert "<i>meters" not in page.html
    (certificates,) = {link for link in page.links if link.startswith("/certificates?run=")}
    assert len(set(re.findall(r"/certificates/[0-9A-F]{32}", two.get(certificates).html))) == 3
    assert not re.findall(r"/certificates/[0-9A-F]{32}", one.get(certificates).html)
    response = two.get(f"{answer.location}/response")
    with zipfile.ZipFile(io.BytesIO(response.body)) as outer:
        (inner,) = [name for name in outer.namelist() if name.endswith("-response.zip")]
        with zipfile.ZipFile(io.BytesIO(outer.read(inner))) as made:
            assert sorted(made.namelist()) == sorted(f"{name}.crt" for name in names)
    assert response.headers["Content-Disposition"].startswith("attachment")
    assert operator.get(answer.location).status == 200
    # Its participant sees every entry of it, from its submission to its end.
    actions = set(re.findall(r">((?:batch|service)[a-z_.]+)</td>", two.get("/audit").html))
    assert actions >= {
        *("service.portal", "batch_request.parsing", "batch_request.queued", "batch.authorise"),
        *("batch_request.processing", "batch.tile", "batch_request.completed"),
    }
    for path in (answer.location, f"{answer.location}/response"):
        assert one.get(path).status == 404
    assert answer.location not in one.get("/batches").links
    assert answer.location in two.get("/batches").links
    assert one.post(f"{answer.location}/reject", {"token": one.get("/submit").token}).status == 404


def test_a_zip_that_is_none_is_told_beside_its_field(operator):
    answer = _submit(operator, {**METERS, "csr": ""}, {"file": ("meters.zip", b"PK nonsense")})
    assert answer.status == 422
    assert 'href="#file"' in answer.html


BATCH = BatchRequest(
    id=7,
    origin=Origin.PORTAL,
    reference="meters.zip",
    participant="meters-one",
    environment="ZAZ1",
    purpose="uept",
    delivery=Delivery.LOCAL,
    peer={},
    csrs=4,
    digest=bytes(32),
    state=BatchState.PARSING,
    received=datetime(2026, 1, 1, tzinfo=UTC),
    finished=None,
    run=None,
    signable=0,
    issued=0,
)


def test_a_batch_that_is_being_read_says_what_is_known_and_when_to_look_again(
    operator, monkeypatch
):
    monkeypatch.setattr(csr_batches, "find", lambda *_: BATCH)
    text = operator.get("/batches/7").text
    assert "How many of its 4 CSRs get a certificate is known once all are read." in text
    assert "Look again in a few seconds." in text
    assert "Issued:" not in text
    # As the page Submit names it.
    assert re.search(r"Testing Service [^(]+ \(uept\)", text)
    going = replace(BATCH, state=BatchState.PROCESSING, run=3, signable=4, issued=3)
    monkeypatch.setattr(csr_batches, "find", lambda *_: going)
    page = operator.get("/batches/7")
    assert "Issued: 3 of 4" in page.text
    assert re.search(r"Look again in about \d+ minutes", page.text)
    assert "/certificates?run=3" in page.links


def test_another_csr_keeps_what_was_chosen(operator):
    csr = csrs.pem(_csr()).decode()
    answer = _submit(operator, {**METERS, "csr": csr})
    (another,) = [link for link in answer.links if link.startswith("/submit?")]
    page = operator.get(another).html
    for value in METERS.values():
        assert f'<option value="{value}" selected>' in page
    # At first nothing is chosen for anybody.
    assert operator.get("/submit").html.count('<option value="">Choose one</option>') == 2


def test_the_agreements_of_a_participant_have_names_beside_codes(operator):
    text = operator.get("/register/supplier-one").text
    assert re.search(r"[A-Z][\w ]+ \(uept\)", text)


@pytest.mark.parametrize("number", ["0", "99999", "x", "9" * 30])
def test_a_batch_that_there_is_not_is_not_found(operator, number):
    assert operator.get(f"/batches/{number}").status == 404
    assert operator.get(f"/batches/{number}/response").status == 404


def test_the_picture_of_a_participant_has_what_it_holds(operator):
    text = operator.get("/register/supplier-one").text
    places = [
        text.index(part)
        for part in (
            *("TPTY-SUPPLIER-ONE", "90-B3-D5-1F-30-01-00-00", "Import Supplier", "SUP1"),
            "SEC-2020-001",
        )
    ]
    assert places == sorted(places)


def test_a_participant_sees_itself_alone_in_the_register(one, operator):
    assert one.get("/register/supplier-one").status == 200
    assert one.get("/register/meters-one").status == 404
    assert operator.get("/register/nobody").status == 404
    assert "meters-one" not in one.get("/register").text


def _listed_entries(operator):
    """The list of the page Audit, without the time at its foot."""
    return (
        operator.get("/audit").text.partition("Entries, the newest first")[2].partition("A page")[0]
    )


def test_the_gate_answers_and_records_nothing(operator):
    before = _listed_entries(operator)
    ask = (
        "/register/ask?profile=device&purpose=uept&environment=ZAZ1&hw-type=1.2.3"
        "&usage=key-agreement&device-id=00-DB-12-00-00-00-00-05&participant="
    )
    granted = operator.get(ask + "network-one")
    assert granted.status == 200
    assert "granted" in granted.text
    refused = operator.get(ask + "labs-one")
    assert refused.status == 200
    assert "may not have it" in refused.text
    assert _listed_entries(operator) == before


def test_the_gate_tells_a_participant_of_itself_alone(one):
    ask = "/register/ask?profile=iki&system-name=a&role=supplier&purpose=uept&participant="
    assert "granted" in one.get(ask + "supplier-one").text
    assert one.get(ask + "meters-one").status == 404


@pytest.mark.parametrize("profile", ["organisation", "device", "dccki", "iki"])
def test_a_question_that_was_not_asked_yet_has_no_errors(operator, profile):
    answer = operator.get(f"/register/ask?participant=supplier-one&profile={profile}")
    assert answer.status == 200
    assert "There is a problem" not in answer.text
    if profile in {"organisation", "device"}:
        # As the other pages call it.
        assert ">EUI-64</label>" in answer.html


def test_what_is_wrong_with_a_question_is_beside_its_field(operator):
    answer = operator.get("/register/ask?profile=device&participant=network-one&device-id=zz")
    assert answer.status == 400
    assert 'href="#device-id"' in answer.html
    assert 'href="#hw-type"' in answer.html
    assert "Fill in the field hwType." in answer.text


def test_a_file_is_linted_with_the_findings_beside_the_fields(operator):
    der = _csr()
    answer = operator.submit("/lint", "/lint", {"text": ""}, {"file": ("<b>.csr", der)})
    assert answer.status == 200
    assert "&lt;b&gt;.csr" in answer.html
    assert "subjectAltName" in answer.text
    pasted = operator.submit("/lint", "/lint", {"text": csrs.pem(der).decode()}, {})
    assert "subjectAltName" in pasted.text


def _fields(page):
    """The rows of a page's table of fields: each path with what stands beside it."""
    rows = re.findall(r"<tr><th[^>]*>([\w.]+)</th>(.*?)</tr>", page.html, re.DOTALL)
    return {path: "".join(re.split(r"<[^>]*>", rest)) for path, rest in rows}


def test_what_is_wrong_stands_beside_its_field(operator):
    key_id = csrs.extension("551d0e", csrs.tlv(0x04, bytes(20)), critical=False)
    surplus = csrs.raw(csrs.new_key(), (), [*csrs.device_extensions(), key_id])
    lacking = csrs.raw(csrs.new_key(), (), csrs.device_extensions()[:1])
    fields = _fields(operator.submit("/lint", "/lint", {"text": csrs.pem(surplus).decode()}, {}))
    beside = fields["extensions.subjectKeyIdentifier"]
    for words in ("error It asks for the extension", "csr.extension", "Leave it out"):
        assert words in beside
    assert "extensions" not in fields
    # What is missing stands where it belongs.
    fields = _fields(operator.submit("/lint", "/lint", {"text": csrs.pem(lacking).decode()}, {}))
    names = list(fields)
    assert names.index("extensions.subjectAltName") == names.index("extensions.keyUsage") + 1
    assert "csr.device_id" in fields["extensions.subjectAltName"]


@pytest.mark.parametrize("data", [b"", b"\0", b"30" * 50, b"PK\x03\x04", b"0\x84\xff\xff\xff\xff"])
def test_whatever_is_dropped_is_answered(operator, data):
    answer = operator.submit("/lint", "/lint", {"text": ""}, {"file": ("x", data)})
    assert answer.status in {200, 422}
    assert "error" in answer.text.lower()


def test_many_documents_are_cut_off_and_the_page_says_so(operator):
    many = csrs.pem(_csr()) * 60
    answer = operator.submit("/lint", "/lint", {"text": ""}, {"file": ("many.pem", many)})
    assert "Only the first 50 documents are shown" in answer.text
