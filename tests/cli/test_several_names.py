"""Several host names and IP addresses in one certificate: ``--dns`` and ``--ip``."""

from __future__ import annotations

import ipaddress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from smki_testca.errors import InputError
from smki_testca.kits.documents import RequestTable, split
from smki_testca.toml_places import Place

ASKED = ("--participant", "supplier-one", "--purpose", "uept", "--common-name", "a.test")
HOSTS = ["a.test", "b.test", "*.c.test"]
ADDRESSES = ["192.0.2.1", "2001:db8::1"]
GIVEN = (
    *(word for host in HOSTS for word in ("--dns", host)),
    *(word for address in ADDRESSES for word in ("--ip", address)),
)


def _names(pem):
    certificate = x509.load_pem_x509_certificate(pem.encode())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return names.get_values_for_type(x509.DNSName), [
        str(address) for address in names.get_values_for_type(x509.IPAddress)
    ]


@pytest.fixture
def run(command, quickstart):
    def call(*words, code=0, **options):
        outcome = command("--estate", quickstart, "--json", *words, **options)
        assert outcome.code == code, outcome.out + outcome.err
        return outcome.json

    return call


@pytest.mark.slow
def test_each_name_given_is_in_the_certificate_in_its_order(run):
    assert run("check", "dccki", *ASKED, *GIVEN)["authorisation"]
    (issued,) = run("issue", "dccki", *ASKED, *GIVEN)["certificates"]
    assert _names(issued["pem"]) == (HOSTS, ADDRESSES)
    fields = run("show", issued["serial"])
    assert fields["fields"]["extensions.subjectAltName.dNSName"] == ",".join(HOSTS)
    assert fields["fields"]["extensions.subjectAltName.iPAddress"] == ",".join(ADDRESSES)
    assert not [one for one in fields["findings"] if one["severity"] == "error"]
    (renewed,) = run("renew", "--serial", issued["serial"])["certificates"]
    again = run("show", renewed["serial"])["fields"]
    assert again["extensions.subjectAltName.dNSName"] == ",".join(HOSTS)


def test_a_csr_asks_for_all_of_them_and_sign_takes_them(run, tmp_path):
    out, key = tmp_path / "gw.csr", tmp_path / "gw.key"
    words = ("--common-name", "a.test", "--participant-name", "Supplier One")
    run("csr", "dccki", *words, *GIVEN, "--out", out, "--key", key)
    who = ("--participant", "supplier-one", "--purpose", "uept")
    (signed,) = run("sign", out, *who)["certificates"]
    assert _names(signed["pem"]) == (HOSTS, ADDRESSES)


def test_a_csr_of_another_program_may_have_several_hosts(run):
    names = x509.SubjectAlternativeName(
        [*map(x509.DNSName, HOSTS), x509.IPAddress(ipaddress.ip_address(ADDRESSES[0]))]
    )
    key = rsa.generate_private_key(65537, 2048)
    attributes = [
        x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Supplier One"),
        x509.NameAttribute(x509.NameOID.COMMON_NAME, "a.test"),
    ]
    asked = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(attributes))
    pem = asked.add_extension(names, critical=False).sign(key, hashes.SHA256())
    who = ("--participant", "supplier-one", "--purpose", "uept", "--profile", "dccki")
    stdin = pem.public_bytes(Encoding.PEM)
    (signed,) = run("sign", "-", *who, "--as", "test-ca", stdin=stdin)["certificates"]
    assert _names(signed["pem"]) == (HOSTS, ADDRESSES[:1])


@pytest.mark.slow
def test_a_manifest_has_them_with_commas_between(run, tmp_path):
    manifest = tmp_path / "rows.csv"
    manifest.write_text(
        "profile,participant,purpose,common-name,dns,ip,label\n"
        f'dccki,supplier-one,uept,a.test,"{",".join(HOSTS)}",{";".join(ADDRESSES)},several\n'
        "dccki,supplier-one,uept,b.test,b.test,,one\n"
    )
    run("batch", "issue", manifest)
    for label, dns, ip in (("several", HOSTS, ADDRESSES), ("one", ["b.test"], None)):
        (record,) = run("list", "--label", label)["certificates"]
        fields = run("show", record["serial"])["fields"]
        assert fields["extensions.subjectAltName.dNSName"] == ",".join(dns)
        told = fields.get("extensions.subjectAltName.iPAddress")
        assert told == (None if ip is None else ",".join(ip))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "code"),
    [
        (("--dns", "a.test", "--dns", "not a host"), "request.value"),
        (("--dns", "a.test", "--dns", ""), "request.input"),
        (("--ip", "192.0.2.1", "--ip", "192.0.2.256"), "address.form"),
        (tuple(w for n in range(101) for w in ("--dns", f"h{n}.test")), "request.input"),
    ],
)
def test_each_of_them_is_held_to_the_rows(run, given, code):
    assert run("issue", "dccki", *ASKED, *given, code=4)["error"]["code"] == code


def test_the_same_name_twice_is_there_once(run):
    words = ("--dns", "a.test", "--dns", "a.test", "--ip", "2001:DB8::1", "--ip", "2001:db8:0::1")
    (issued,) = run("issue", "dccki", *ASKED, *words)["certificates"]
    assert _names(issued["pem"]) == (["a.test"], ["2001:db8::1"])


def test_a_kit_has_them_as_a_list():
    table = {"profile": "dccki", "participant": "p", "purpose": "uept", "dns": HOSTS}
    _, inputs = split(table, RequestTable, {"dns", "ip"}, Place("kit.toml"))
    assert inputs == {"dns": ",".join(HOSTS)}
    with pytest.raises(InputError) as caught:
        split(table | {"dns": ["a.test", 5]}, RequestTable, {"dns", "ip"}, Place("kit.toml"))
    assert caught.value.code == "toml.shape"
