"""The page Certificates: what is found, what a certificate's page shows, and its downloads."""

import io
import re
import shutil
import zipfile

import pytest

import csrs
from estates import opened
from smki_testca.authority.revocation import Reason
from smki_testca.estate.certificates import Selection
from smki_testca.exporters.format import FormatNeed
from smki_testca.exporters.registry import FORMATS
from smki_testca.service.portal.pages import certificates
from smki_testca.x509.pem import to_pem
from visitors import visitor_of

DEVICE = "00-DB-12-00-00-00-00-01"
DEVICES = "device-and-user-system-tests"


@pytest.fixture
def record(portal):
    """The certificate of the estate with a label."""

    def find(label):
        with portal.open() as estate:
            (record,) = estate.select(Selection(label=label))
        return record

    return find


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "found"),
    [
        (f"eui64={DEVICE}", {"ESME-ds", "ESME-ka"}),
        ("eui64=00db120000000001", {"ESME-ds", "ESME-ka"}),
        ("cn=gateway.", {"dccki-supplier-one", "dccki-rdp-one", "dccki-dcc-gateway"}),
        ("cn=gateway.&participant=dcc", {"dccki-dcc-gateway"}),
        ("label=ESME-*", {"ESME-ds", "ESME-ka"}),
        ("label=CHF-ds", {"CHF-ds"}),
        ("role=recovery", {"Z1-recovery-ds"}),
        ("role=01", {"Z1-recovery-ds"}),
        ("participant=rdp-one&profile=organisation", {"rdp-file-sign-90B3D51F30050000-ds"}),
        ("participant=nobody", set()),
        ("environment=nowhere", set()),
        ("status=revoked", set()),
        ("status=R", set()),
        ("eui64=&label=GPF-ka&status=in-use", {"GPF-ka"}),
    ],
)
def test_certificates_are_found_by_each_field(portal, operator, query, found):
    with portal.open() as estate:
        labels = {record.label for record in estate.select(Selection()) if record.label}
    page = operator.get(f"/certificates?{query}")
    assert page.status == 200
    assert {label for label in labels if f">{label}</td>" in page.html} == found
    if not found:
        assert "No certificate fits every field." in page.text


def test_a_serial_number_is_found_whole_in_decimal_and_by_its_beginning(operator, record):
    serial = record("ESME-ds").serial
    for text in (str(serial), str(serial)[:8], str(serial).lower(), str(serial.value)):
        page = operator.get(f"/certificates?serial={text}")
        assert f"/certificates/{serial}" in page.links


@pytest.mark.parametrize(
    ("query", "field", "message"),
    [
        ("eui64=zz", "eui64", "'zz' is not an EUI-64."),
        ("serial=xyz", "serial", "'xyz' is not a serial number."),
        ("role=king", "role", "king"),
        ("status=gone", "status", "There is no status 'gone'."),
    ],
)
def test_what_cannot_be_read_is_told_at_its_field(operator, query, field, message):
    page = operator.get(f"/certificates?{query}")
    assert page.status == 400
    assert "There is a problem" in page.text
    assert f'href="#{field}"' in page.html
    assert message in page.text
    assert f'aria-describedby="{field}' in page.html or field in {"role", "status"}


def test_a_place_in_the_list_that_somebody_made_up_is_told(operator):
    page = operator.get("/certificates?after=1-2")
    assert page.status == 400
    assert "is not a place in a list" in page.text


def test_a_long_list_has_pages_that_leave_nothing_out(portal, operator, monkeypatch):
    monkeypatch.setattr(certificates, "SIZE", 4)
    with portal.open() as estate:
        organisations = estate.select(Selection(profile="organisation"))
        expected = [str(record.serial) for record in organisations if record.place is None][::-1]
    found, path = [], "/certificates?profile=organisation&environment=ZAZ1"
    while path:
        page = operator.get(path)
        serials = [link.rpartition("/")[2] for link in page.links if "/certificates/" in link]
        assert 0 < len(serials) <= 4
        found += serials
        onward = [link for link in page.links if "after=" in link]
        assert all("profile=organisation" in link for link in onward)
        path = onward[0] if onward else None
    assert found[: len(expected)] == expected
    assert len(expected) > 3 * 4


def test_a_page_shows_what_show_shows(command, portal, operator, record):
    serial = record("Z1-supplier-ds").serial
    shown = command("--json", "--estate", portal.estate, "show", serial).json
    page = operator.get(f"/certificates/{serial}")
    assert page.status == 200
    for path, value in shown["fields"].items():
        assert path in page.text
        assert " ".join(value.split()) in page.text
    for name in ("sha256", "sha1_base64", "serial_decimal"):
        assert shown[name] in page.html
    assert "Nothing is wrong with it." in page.text
    assert "supplier (02)" in page.text
    for label in ("Z1", "ZA"):
        assert f"/certificates/{record(label).serial}" in page.links


@pytest.mark.slow
def test_findings_are_on_the_page_at_their_fields(portal_original, tmp_path, serve):
    directory = tmp_path / "wrong"
    shutil.copytree(portal_original, directory)
    with opened(directory) as estate:
        (known,) = estate.select(Selection(label="ESME-ds"))
        with estate.transaction():
            # As no way of issuing makes one: it is stored as it is.
            broken = bytearray(known.der)
            broken[-1] ^= 1
            estate._database.execute(  # noqa: SLF001 - no API stores a broken certificate
                "UPDATE certificates SET der = ? WHERE serial = ?",
                (bytes(broken), known.serial.octets),
            )
    page = visitor_of(serve(directory, issue_clients=False)).get(f"/certificates/{known.serial}")
    assert page.status == 200
    assert "What the linter finds" in page.text
    assert 'class="status status-error"' in page.html
    assert "does not verify" in page.text


@pytest.mark.slow
def test_the_history_and_the_renewals_of_a_certificate_are_told(portal_original, tmp_path, serve):
    directory = tmp_path / "history"
    shutil.copytree(portal_original, directory)
    with opened(directory) as estate:
        (renewal,) = estate.renew(Selection(label="Z1-supplier-ds"))
        old, new = renewal.predecessor, renewal.record
        estate.revoke(Selection(serial=old.serial), Reason.SUPERSEDED)
    operator = visitor_of(serve(directory, issue_clients=False))
    page = operator.get(f"/certificates/{old.serial}")
    assert f"Renewed by {new.serial}" in page.text
    assert "revoked" in page.text
    assert f"Renews {old.serial}" in operator.get(f"/certificates/{new.serial}").text
    revoked = operator.get("/certificates?status=revoked")
    assert str(old.serial) in revoked.html
    assert str(new.serial) not in revoked.html


@pytest.mark.slow
def test_a_csr_is_beside_its_certificate_with_what_that_does_not_take_from_it(
    portal_original, tmp_path, serve
):
    directory = tmp_path / "csr"
    shutil.copytree(portal_original, directory)
    surplus = csrs.extension("551d0e", csrs.tlv(0x04, bytes(20)), critical=False)
    usage = csrs.extension(csrs.KEY_USAGE, csrs.DIGITAL_SIGNATURE)
    sent = csrs.raw(csrs.new_key(), csrs.organisation_subject(), (surplus, usage))
    with opened(directory) as estate:
        record, _ = estate.sign(sent, "supplier-one", "uept", taken_as="test-ca")
        (other,) = estate.select(Selection(label="Z1-supplier-ds"))
    operator = visitor_of(serve(directory, issue_clients=False))
    page = operator.get(f"/certificates/{record.serial}")
    assert "The CSR that asked for it" in page.text
    assert "Taken as test-ca" in page.text
    at = page.html.index("The CSR, field by field</caption>")
    row = re.search(r"extensions\.subjectKeyIdentifier\b.*?</tr>", page.html[at:], re.DOTALL)
    assert "not taken" in row[0]
    path = f"/certificates/{record.serial}/csr.pem"
    assert path in page.links
    assert operator.get(path).body == csrs.pem(sent)
    assert operator.get(f"/certificates/{other.serial}/csr.pem").status == 404


@pytest.mark.parametrize("label", ["ESME-ka", "Z1-supplier-ds", "iki-supplier-one", "DZ1", "ZA"])
def test_every_format_that_needs_no_key_is_offered_and_can_be_had(operator, record, label):
    certificate = record(label)
    page = operator.get(f"/certificates/{certificate.serial}")
    offered = {link.rpartition("/")[2] for link in page.links if "/export/" in link}
    without_keys = {
        name
        for name, form in FORMATS.items()
        if FormatNeed.REQUIRED not in {form.traits.keys, form.traits.passphrase}
    }
    assert {"pem", "der", "pkcs7"} <= offered <= without_keys
    for name in offered:
        answer = operator.get(f"/certificates/{certificate.serial}/export/{name}")
        assert answer.status == 200
        assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        if answer.headers.get_content_type() == "application/zip":
            with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
                assert archive.testzip() is None
                assert archive.namelist()
    for name in set(FORMATS) - without_keys:
        path = f"/certificates/{certificate.serial}/export/{name}"
        assert operator.get(path).status == 404


def test_a_certificate_is_had_as_it_is_and_with_its_chain(portal, operator, record):
    certificate = record("ESME-ds")
    with portal.open() as estate:
        chain = estate.certificates.chain(certificate)
    path = f"/certificates/{certificate.serial}/files/"
    assert operator.get(path + "certificate.der").body == certificate.der
    assert operator.get(path + "certificate.pem").body == to_pem(certificate.der)
    chained = b"".join(to_pem(each.der) for each in (certificate, *chain))
    answer = operator.get(path + "chain.pem")
    assert answer.body == chained
    assert answer.headers["Content-Disposition"] == 'attachment; filename="ESME-ds-chain.pem"'
    assert operator.get(path + "key.pem").status == 404


@pytest.mark.parametrize("serial", ["zz", "0", "1" * 32, "..%2f..%2fetc%2fpasswd", "%00", "f" * 33])
def test_a_certificate_that_there_is_not_is_a_page(operator, serial):
    page = operator.get(f"/certificates/{serial}")
    assert page.status == 404
    assert page.headers.get_content_type() == "text/html"


@pytest.mark.slow
def test_text_of_others_is_text_and_no_markup(portal_original, tmp_path, serve):
    directory = tmp_path / "markup"
    shutil.copytree(portal_original, directory)
    attack = "<script>alert('x')</script>"
    with opened(directory) as estate:
        subject = estate.subject("iki", system_name=f"{attack}&amp;", role="supplier")
        request = estate.request("supplier-one", "srept", subject)
        (record,), _ = estate.issue(request, label='"><img src=x onerror=alert(1)>')
    operator = visitor_of(serve(directory, issue_clients=False))
    for path in (
        "/",
        "/?years=10",
        "/certificates",
        f"/certificates/{record.serial}",
        f"/audit/{record.audit}",
        "/audit",
        "/certificates?cn=%22%3E%3Cimg%20src=x%3E",
        "/audit?action=%3Cscript%3E",
        "/%3Cscript%3Ealert(1)%3C/script%3E",
        "/sign-in?next=/%22%3E%3Cscript%3E",
    ):
        page = operator.get(path)
        assert "<script" not in page.html
        assert "<img" not in page.html
    page = operator.get(f"/certificates/{record.serial}")
    assert attack in page.text
    name = operator.get(f"/certificates/{record.serial}/files/certificate.pem")
    assert name.headers["Content-Disposition"] == (
        'attachment; filename="img-src-x-onerror-alert-1-certificate.pem"'
    )


@pytest.mark.slow
def test_a_search_in_an_estate_without_certificates_says_what_to_do(
    newcomer_original, tmp_path, serve
):
    directory = tmp_path / "newcomer"
    shutil.copytree(newcomer_original, directory)
    operator = visitor_of(serve(directory, issue_clients=False))
    page = operator.get("/certificates?status=expired")
    assert "No certificate fits every field." in page.text
