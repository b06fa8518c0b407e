"""Certificates, chains and revocation lists are downloaded, and cached as long as they hold."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from html.parser import HTMLParser

import pytest
from aiohttp.test_utils import make_mocked_request
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from smki_testca.api import Estate
from smki_testca.authority.revocation import Reason
from smki_testca.estate.certificates import Selection
from smki_testca.profiles.model import Hierarchy, Tier
from smki_testca.service.repository import caching
from smki_testca.service.repository.published_files import PublishedFile

Z1 = "/ca/ZAZ1/organisation/Z1"
ICA = "/ca/ZAZ1/iki/Issuing-ICA-ZAZ1-Test"


@pytest.fixture(scope="module")
def with_lists(serving):
    """The services that all tests share, with two lists of each CA that issues some."""
    with serving.open() as estate:
        _issue_lists(estate)
        estate.revoke(Selection(label="Z1-supplier-ds"), Reason.SUPERSEDED)
        _issue_lists(estate)
        records = {(one.hierarchy, one.tier): one for one in estate.certificates.authorities()}
        lists = {
            (one.hierarchy, one.tier, one.number): one
            for one in estate.revocation_lists(current_only=False)
        }
    return records, lists


def _issue_lists(estate):
    for profile in estate.library.revocation_list_profiles:
        estate.issue_revocation_list(profile.hierarchy, profile.tier)


def seconds(answer):
    return int(re.search(r"max-age=(\d+)", answer.headers["Cache-Control"])[1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "place"),
    [
        (Z1, (Hierarchy.ORGANISATION, Tier.ISSUING)),
        ("/ca/ZAZ1/organisation/ZA", (Hierarchy.ORGANISATION, Tier.ROOT)),
        ("/ca/ZAZ1/device/DZ1", (Hierarchy.DEVICE, Tier.ISSUING)),
        ("/ca/ZAZ1/dccki/Root-DCCKICA-ZAZ1-Test", (Hierarchy.DCCKI, Tier.ROOT)),
        (ICA, (Hierarchy.IKI, Tier.ISSUING)),
    ],
)
def test_a_cas_certificate_and_chain_are_there_in_every_form(repository, with_lists, path, place):
    records, _ = with_lists
    expected = [records[place].der]
    if place[1] is Tier.ISSUING:
        expected.append(records[place[0], Tier.ROOT].der)
    for below in (path, f"/certificate/{records[place].serial}"):
        certificate = repository.get(f"{below}/certificate.cer")
        assert certificate.headers["Content-Type"] == "application/pkix-cert"
        assert certificate.body == expected[0]
        one = repository.get(f"{below}/certificate.pem")
        assert one.headers["Content-Type"] == "application/x-pem-file"
        assert [_der(each) for each in x509.load_pem_x509_certificates(one.body)] == expected[:1]
        chain = repository.get(f"{below}/chain.pem")
        assert chain.headers["Content-Type"] == "application/pem-certificate-chain"
        assert [_der(each) for each in x509.load_pem_x509_certificates(chain.body)] == expected
        bundle = repository.get(f"{below}/chain.p7c")
        assert bundle.headers["Content-Type"] == "application/pkcs7-mime; smime-type=certs-only"
        found = pkcs7.load_der_pkcs7_certificates(bundle.body)
        assert {_der(each) for each in found} == set(expected)
        root_first = repository.get(f"{below}/chain.pkipath")
        assert root_first.headers["Content-Type"] == "application/pkix-pkipath"
        assert root_first.body.endswith(b"".join(reversed(expected)))


def _der(certificate):
    return certificate.public_bytes(Encoding.DER)


@pytest.mark.slow
def test_the_chain_of_a_device_is_there_by_its_serial_number(repository, serving):
    with serving.open() as estate:
        record = next(iter(estate.select(Selection(profile="device"))))
        above = estate.certificates.chain(record)
    chain = repository.get(f"/certificate/{str(record.serial).lower()}/chain.pem")
    found = [_der(each) for each in x509.load_pem_x509_certificates(chain.body)]
    assert found == [record.der, *(each.der for each in above)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "place"),
    [
        (Z1, (Hierarchy.ORGANISATION, Tier.ISSUING)),
        ("/ca/ZAZ1/organisation/ZA", (Hierarchy.ORGANISATION, Tier.ROOT)),
        (ICA, (Hierarchy.IKI, Tier.ISSUING)),
    ],
)
def test_every_crl_and_arl_is_there_the_latest_and_by_number(repository, with_lists, path, place):
    _, lists = with_lists
    newest = max(number for *other, number in lists if tuple(other) == place)
    for number in (newest - 1, newest):
        answer = repository.get(f"{path}/crl/{number}.crl")
        assert answer.headers["Content-Type"] == "application/pkix-crl"
        assert answer.body == lists[*place, number].der
        assert answer.headers["Cache-Control"].endswith("immutable")
    latest = repository.get(f"{path}/crl/latest.crl")
    assert latest.body == lists[*place, newest].der
    pem = repository.get(f"{path}/crl/latest.pem")
    assert pem.headers["Content-Type"] == "application/x-pem-file"
    assert x509.load_pem_x509_crl(pem.body) == x509.load_der_x509_crl(latest.body)


def test_caches_keep_the_latest_list_up_to_its_next_update(repository, with_lists):
    _, lists = with_lists
    record = max(lists.values(), key=lambda one: (one.authority == _z1(lists), one.number))
    answer = repository.get(f"{Z1}/crl/latest.crl")
    left = (record.next_update - datetime.now(UTC)).total_seconds()
    assert left - 120 < seconds(answer) <= left + 120
    assert answer.headers["Cache-Control"].startswith("public,")
    assert answer.headers["Cache-Control"].endswith("must-revalidate")
    assert parsedate_to_datetime(answer.headers["Last-Modified"]) == record.issued_at


def _z1(lists):
    return next(
        one.authority
        for (hierarchy, tier, _), one in lists.items()
        if (hierarchy, tier) == (Hierarchy.ORGANISATION, Tier.ISSUING)
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (timedelta(hours=2), "max-age=7200, must-revalidate"),
        (timedelta(0), "max-age=0, must-revalidate"),
        (timedelta(days=-3), "max-age=0, must-revalidate"),
        (timedelta(days=9999), "max-age=31536000, must-revalidate"),
        (None, "max-age=31536000, immutable"),
    ],
)
def test_a_file_is_kept_as_long_as_it_holds_and_a_year_at_most(left, expected):
    now = datetime(2027, 1, 4, tzinfo=UTC)
    file = PublishedFile(b"", "text/plain", now, None if left is None else now + left)
    request = make_mocked_request("GET", "/")
    for is_public, scope in ((True, "public"), (False, "private")):
        answer = caching.respond(request, file, now, is_public=is_public)
        assert answer.headers["Cache-Control"] == f"{scope}, {expected}"


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", [f"{Z1}/certificate.cer", f"{Z1}/crl/latest.crl", f"{Z1}/chain.pem"]
)
def test_what_the_client_has_already_is_not_sent_again(repository, with_lists, path):
    assert with_lists
    first = repository.get(path)
    tag, modified = first.headers["ETag"], first.headers["Last-Modified"]
    later = format_datetime(parsedate_to_datetime(modified) + timedelta(days=1), usegmt=True)
    earlier = format_datetime(parsedate_to_datetime(modified) - timedelta(seconds=1), usegmt=True)
    for headers in (
        {"If_None_Match": tag},
        {"If_None_Match": f'"other", W/{tag}'},
        {"If_None_Match": "*"},
        {"If_Modified_Since": modified},
        {"If_Modified_Since": later},
    ):
        again = repository.get(path, **headers)
        assert (again.status, again.body) == (304, b"")
        assert again.headers["ETag"] == tag
        assert again.headers["Cache-Control"].split("=")[0] == "public, max-age"
    for headers in (
        {"If_None_Match": '"other"'},
        {"If_Modified_Since": earlier},
        {"If_Modified_Since": "yesterday"},
        # The tag decides, not the time (RFC 9110 13.1.3).
        {"If_None_Match": '"other"', "If_Modified_Since": later},
    ):
        again = repository.get(path, **headers)
        assert (again.status, again.body) == (200, first.body)


def test_head_tells_everything_but_the_octets(repository):
    for path in (f"{Z1}/certificate.cer", f"{Z1}/chain.p7c", "/"):
        whole, head = repository.get(path), repository.get(path, "HEAD")
        assert (head.status, head.body) == (200, b"")
        for name in ("Content-Type", "Content-Length", "ETag", "Cache-Control"):
            assert head.headers.get(name) == whole.headers.get(name)
        assert int(head.headers["Content-Length"]) == len(whole.body)


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [
        "/ca/ZAZ1/organisation/Z2/certificate.cer",
        "/ca/ZAZ2/organisation/Z1/certificate.cer",
        "/ca/ZAZ1/organisation/Z1/certificate.p12",
        "/ca/ZAZ1/organisation/Z1/crl/99.crl",
        "/ca/ZAZ1/organisation/Z1/crl/999999999999999999.crl",
        "/ca/ZAZ1/organisation/Z1/crl/9999999999999999999999.crl",
        "/ca/ZAZ1/device/DZ1/crl/latest.crl",
        "/ca/ZAZ1/organisation/..%2F..%2Fpassphrase/certificate.cer",
        "/ca/ZAZ1/../../passphrase",
        "/certificate/nothing/certificate.cer",
        "/certificate/1/certificate.cer",
        "/certificate/%ff/certificate.cer",
        "/ocsp",
    ],
)
def test_what_is_not_there_is_not_found_in_one_line(repository, path):
    answer = repository.get(path)
    assert answer.status == 404
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert len(answer.text.splitlines()) == 1


@pytest.mark.slow
def test_a_renewed_ca_stays_where_it_is_and_the_old_certificate_by_its_serial(serve, client):
    serving = serve()
    asked = client(serving)
    before = asked.get(f"{Z1}/certificate.cer").body
    with serving.open() as estate:
        renewal = estate.renew_authority("Z1")
    after = asked.get(f"{Z1}/certificate.cer").body
    assert (before, after) == (renewal.predecessor.der, renewal.record.der)
    for record in (renewal.predecessor, renewal.record):
        by_serial = asked.get(f"/certificate/{record.serial}/certificate.cer")
        assert by_serial.body == record.der
        assert by_serial.headers["Cache-Control"].endswith("immutable")


class _Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.links, self.scripts = [], 0

    def handle_starttag(self, tag, attrs):
        self.scripts += tag == "script"
        if tag == "a":
            self.links.append(dict(attrs)["href"])


@pytest.mark.slow
def test_every_link_of_the_first_page_leads_somewhere(repository, with_lists):
    assert with_lists
    page = repository.get("/")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "TEST ONLY" in page.text
    read = _Links()
    read.feed(page.text)
    assert read.scripts == 0
    assert len(read.links) > 40
    assert all(link.startswith("/") for link in read.links)
    assert {repository.get(link, "HEAD").status for link in read.links} == {200}


@pytest.mark.slow
def test_the_first_page_of_an_estate_without_cas_says_what_to_do(serve, client, tmp_path):
    directory = tmp_path / "empty"
    Estate.create(directory, "phrase").close()
    (directory / "passphrase").write_text("phrase\n")
    serving = serve(directory)
    assert "no CAs yet" in client(serving).get("/").text
