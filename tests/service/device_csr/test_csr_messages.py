"""What clients submit is read strictly, and nothing that they put into it costs much."""

import base64
import codecs
import contextlib
import random
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smki_testca.service.device_csr.submitted_messages import (
    DeviceCsr,
    FormatError,
    SigningRequest,
    csr_batch,
    signing_request,
)

CSR = base64.b64encode(bytes(range(256)) + b"!").decode()
DECLARATION = '<?xml version="1.0" encoding="utf-8"?>'
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


def request(csr=CSR, *, attributes='ID="c1"', prolog=DECLARATION, version="1.0", end=""):
    return (
        f"{prolog}<DeviceCertificateSigningRequest {attributes}><Version>{version}</Version>"
        f"<CertificateSigningRequest>{csr}</CertificateSigningRequest>{end}"
        "</DeviceCertificateSigningRequest>"
    ).encode()


def batch(*csrs, count=0, attributes='ID="b1"', prolog=DECLARATION):
    made = "".join(f'<DeviceCSR ID="I{n}">{CSR}</DeviceCSR>' for n in range(count))
    content = f"<Version>1.0</Version>{''.join(csrs)}{made}"
    return f"{prolog}<SubmitCSRBatch {attributes}>{content}</SubmitCSRBatch>".encode()


def csr(name, value=CSR):
    return f'<DeviceCSR ID="{name}">{value}</DeviceCSR>'


def error_of(read, document):
    with pytest.raises(FormatError) as caught:
        read(document)
    return caught.value


def test_a_request_is_its_id_and_csr():
    assert signing_request(request()) == SigningRequest("c1", CSR.encode())


def test_a_batch_is_its_id_and_csrs_in_order():
    read = csr_batch(batch(csr("z"), csr("a", "AAAA"), csr("é-1")))
    assert (read.id, read.count) == ("b1", 3)
    expected = [("z", CSR.encode()), ("a", b"AAAA"), ("é-1", CSR.encode())]
    assert [(each.id, each.csr) for each in read.csrs()] == expected


@pytest.mark.parametrize(
    "prolog",
    [
        *("", "\ufeff", "\ufeff" + DECLARATION, '<?xml version="1.0"?>'),
        *("<?xml version='1.0' encoding='UTF-8' standalone='yes'?>", DECLARATION + "<!-- a -->"),
        DECLARATION + "<?xml-stylesheet href='http://localhost/x'?>\n",
    ],
)
def test_every_prolog_in_utf_8_is_read(prolog):
    assert signing_request(request(prolog=prolog)).id == "c1"


@pytest.mark.parametrize(
    "value",
    [
        "AAAABBBB",
        "AAAA<!-- comment -->BBBB",
        "AA<?instruction AA?>AABBBB",
        "AAAA<![CDATA[BBBB]]>",
        "&#65;AAA&#x42;BBB",
        "<!---->AAAABBBB<!-- x -->",
    ],
)
def test_no_value_ends_at_a_comment_an_instruction_or_a_reference(value):
    assert signing_request(request(value)).csr == b"AAAABBBB"
    (read,) = csr_batch(batch(csr("a", value))).csrs()
    assert read == DeviceCsr("a", b"AAAABBBB")


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (b"", "it is empty"),
        (b"<", "line 1"),
        (b"Hello", "line 1"),
        (request() + b"<a/>", "line 1"),
        (request()[:-5], "line 1"),
        (request("&nothing;"), "nothing"),
        (request("<a/>"), "CertificateSigningRequest holds an element, a"),
        (request("TUlJ*"), "is not base64"),
        (request("TUlJé"), "is not base64"),
        (request("TUl"), "is not base64"),
        (request("QR=="), "is not base64"),
        (request("-----BEGIN CERTIFICATE REQUEST-----"), "is not base64"),
        (request(version="2.0"), "'2.0' is not an element of the set {'1.0'}"),
        (request(attributes=""), "'ID' is required but missing"),
        (request(attributes='ID=""'), "length of '0'"),
        (request(attributes=f'ID="{"c" * 33}"'), "length of '33'"),
        (request(attributes='ID="c1" Id="c2"'), "'Id' is not allowed"),
        (request(attributes='ID="c1" ID="c2"'), "ID redefined"),
        (request(end="<Version>1.0</Version>"), "'Version': This element is not expected"),
        (request(end="text"), "text between its elements"),
        (batch(count=1), "root element is SubmitCSRBatch instead"),
        (request(attributes='ID="c" xmlns="urn:x"'), "namespace"),
        (request(attributes=f'ID="c" {XSI}'), "namespace"),
        (request(attributes=f'ID="c" {XSI} xsi:nil="true"'), "namespace"),
        (request(attributes=f'ID="c" {XSI} xsi:noNamespaceSchemaLocation="x.xsd"'), "namespace"),
        (request(attributes='ID="c" xml:lang="en"'), "namespace"),
        (
            request('<i:include xmlns:i="http://www.w3.org/2001/XInclude" href="/etc/passwd"/>'),
            "namespace",
        ),
        (request(prolog="<!DOCTYPE DeviceCertificateSigningRequest>"), "DOCTYPE"),
        (request(prolog='<!DOCTYPE a SYSTEM "http://localhost:1/a.dtd">'), "DOCTYPE"),
        (request("&e;", prolog='<!DOCTYPE a [<!ENTITY e "AAAA">]>'), "DOCTYPE"),
        (
            request("&e;", prolog='<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>'),
            "DOCTYPE",
        ),
    ],
)
def test_what_is_no_request_is_told_why_and_has_no_id(document, told):
    error = error_of(signing_request, document)
    assert error.code == "csr_message.invalid"
    assert told in error.message
    assert error.request_id is None


def test_an_entity_bomb_is_refused_before_it_goes_off():
    levels = "".join(f'<!ENTITY e{level} "{f"&e{level - 1};" * 100}">' for level in range(1, 20))
    prolog = f'<!DOCTYPE a [<!ENTITY e0 "AAAA">{levels}]>'
    assert "DOCTYPE" in error_of(signing_request, request("&e19;", prolog=prolog)).message
    in_attribute = request(attributes='ID="&e19;"', prolog=prolog)
    assert "DOCTYPE" in error_of(signing_request, in_attribute).message


@pytest.mark.parametrize(
    "document",
    [
        *(request().decode().encode(name) for name in ("utf-16", "utf-16-le", "utf-16-be")),
        *(request(prolog="").decode().encode(name) for name in ("utf-16-be", "utf-32")),
        codecs.BOM_UTF16_BE + request(),
        request(prolog='<?xml version="1.0" encoding="UTF-16"?>'),
        request(prolog='<?xml version="1.0" encoding="utf-7"?>'),
        request(prolog="<?xml version='1.0' encoding = 'ISO-8859-1' ?>"),
        request(prolog="\ufeff<?xml version='1.0' encoding='ascii'?>"),
        request(attributes='ID="é"').decode().encode("iso-8859-1"),
        request(attributes='ID="\x00"'),
        request().decode().encode("cp500"),
    ],
)
@pytest.mark.parametrize("read", [signing_request, csr_batch])
def test_the_octets_decide_that_a_message_is_not_utf_8(read, document):
    error = error_of(read, document)
    assert error.code == "csr_message.invalid"
    assert "UTF-8" in error.message


@pytest.mark.parametrize(
    "value", [" AAAA", "AAAA\n", "AA\nAA", "AA AA", "&#9;AAAA", "AAAA<!-- --> "]
)
def test_white_space_in_base64_is_refused_by_the_id_of_its_message(value):
    error = error_of(signing_request, request(value))
    assert (error.code, error.request_id) == ("csr_message.base64", "c1")
    error = error_of(csr_batch, batch(csr("a"), csr("b7", value)))
    assert (error.code, error.request_id) == ("csr_message.base64", "b1")
    assert "b7" in error.message


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (batch(), "Expected is ( DeviceCSR )"),
        (batch(csr("a"), csr("b"), csr("a")), "two DeviceCSR elements have the ID a"),
        (batch(csr("a"), csr(" a\n")), "two DeviceCSR elements have the ID a"),
        (batch(csr("a"), csr("1b")), "'1b' is not an XML name"),
        (batch(csr("a"), csr("b" * 101)), "length of '101'"),
        (batch(csr("a"), csr("b", "TUl")), "in the DeviceCSR with the ID b"),
        (batch(csr("a"), csr("b", "TUlJ*")), "the value of DeviceCSR b is not base64"),
        (batch(f"<DeviceCSR>{CSR}</DeviceCSR>"), "'ID' is required but missing"),
        (batch(csr("a"), attributes=f'ID="{"b" * 257}"'), "length of '257'"),
        (batch(csr("a"), "<DeviceCsr/>"), "'DeviceCsr': This element is not expected"),
        (request(), "root element is DeviceCertificateSigningRequest instead"),
    ],
)
def test_what_is_no_batch_is_told_why_and_has_no_id(document, told):
    error = error_of(csr_batch, document)
    assert error.code == "csr_message.invalid"
    assert told in error.message
    assert error.request_id is None


def test_an_id_is_read_as_xml_has_it():
    assert signing_request(request(attributes='ID="&lt;a&#10;&quot; b"')).id == '<a\n" b'
    assert [each.id for each in csr_batch(batch(csr("\n a "))).csrs()] == ["a"]


@pytest.mark.slow
def test_50_000_csrs_are_read_and_one_more_is_refused_before_the_rest_is_read():
    value = "<DeviceCSR ID='{}'>AAAA</DeviceCSR>"
    most = [value.format(f"i{n}") for n in range(50_000)]
    assert csr_batch(batch(*most)).count == 50_000
    # Not even the end of the document is looked at.
    document = batch(*most, value.format("one-more"), " " * 100_000) + b"<"
    error = error_of(csr_batch, document)
    assert (error.code, error.request_id) == ("csr_message.too_many", "b1")
    others = batch(*["<a/>"] * 60_000, " " * 100_000) + b"<"
    assert error_of(csr_batch, others).code == "csr_message.too_many"


@pytest.mark.slow
@pytest.mark.parametrize(
    "document",
    [
        b"<SubmitCSRBatch ID='b'>" + b"<a>" * 1_000_000,
        b"<SubmitCSRBatch ID='b'>" + b"<a ".ljust(20_000_000),
        b"<SubmitCSRBatch %s/>" % b" ".join(b"a%d='1'" % n for n in range(200_000)),
        b"<SubmitCSRBatch ID='%s'/>" % (b"b" * 20_000_000),
        b"<%s/>" % (b"a" * 1_000_000),
        b"<SubmitCSRBatch ID='b'><Version>%s" % (b"&#65;" * 200_000),
        b"<SubmitCSRBatch ID='b'><Version>%s" % (b"<!---->" * 200_000),
    ],
    ids=["deep", "spaces", "attributes", "attribute", "name", "references", "comments"],
)
def test_a_message_that_grows_without_end_is_refused(document):
    error = error_of(csr_batch, document)
    assert error.code == "csr_message.invalid"
    assert len(error.message) < 1_000


@given(st.binary(max_size=200), st.integers(0, 2**32))
def test_whatever_is_submitted_is_read_or_refused(noise, seed):
    dice = random.Random(seed)
    good = dice.choice([request(), batch(count=2)])
    start = dice.randrange(len(good))
    document = good[:start] + noise + good[start + dice.randrange(20) :]
    for read in (signing_request, csr_batch):
        with contextlib.suppress(FormatError):
            read(document)


READ_MANY = """
import resource, sys
from smki_testca.service.device_csr.submitted_messages import csr_batch

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

with open(sys.argv[1], "rb") as file:
    document = file.read()
before = peak()
batch = csr_batch(document)
assert sum(1 for _ in batch.csrs()) == batch.count == 50_000
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems count memory otherwise")
def test_50_000_csrs_take_little_memory_beside_their_message(tmp_path):
    path = tmp_path / "batch.xml"
    path.write_bytes(batch(*[csr(f"i{n}", "MIIB" * 112) for n in range(50_000)]))
    assert path.stat().st_size > 24_000_000
    done = subprocess.run(
        [sys.executable, "-c", READ_MANY, path], check=True, capture_output=True, text=True
    )
    assert int(done.stdout) < 15_000  # KiB


@pytest.mark.parametrize(
    ("read", "document", "says"),
    [
        (csr_batch, batch(count=1, attributes='ID=""'), "the allowed minimum length of '1'"),
        (csr_batch, batch(csr("1a")), "is not an XML name"),
        (signing_request, request(version="2.0"), "not an element of the set {'1.0'}"),
    ],
)
def test_what_the_schema_finds_is_told_without_the_names_of_its_types(read, document, says):
    with pytest.raises(FormatError) as caught:
        read(document)
    assert says in caught.value.message
    assert "type" not in caught.value.message
    assert "facet" not in caught.value.message
