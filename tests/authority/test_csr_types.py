"""CSRs of an operator's profiles: the type is recognised among them, or asked for in words."""

from __future__ import annotations

import base64
import io
import shutil
import zipfile

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import csrs
from batches import ROOT
from smki_testca.authority import csr
from smki_testca.authority.csr import CsrFaultsError, TakenAs
from smki_testca.profiles import Library

OVERRIDE = ROOT / "examples" / "profile-override" / "profiles"
LIBRARIES = {"shipped": Library(), "override": Library(OVERRIDE)}
USAGE = csrs.extension(csrs.KEY_USAGE, csrs.DIGITAL_SIGNATURE)
AGREEMENT = csrs.extension(csrs.KEY_USAGE, csrs.KEY_AGREEMENT)
SKI = csrs.extension("551d0e", csrs.tlv(0x04, bytes(20)), critical=False)
ID_AS_TEXT = csrs.attribute(csrs.IDENTIFIER, b"90B3D51F30010000")


def hosts(*names):
    value = csrs.tlv(0x30, *(csrs.tlv(0x82, name) for name in names))
    return csrs.extension(csrs.ALTERNATIVE_NAME, value, critical=False)


def constraints(*content):
    return csrs.extension("551d13", csrs.tlv(0x30, *content))


def gateway(*extensions, key=None):
    subject = [
        csrs.attribute(csrs.ORGANISATION, b"Supplier One"),
        csrs.attribute(csrs.COMMON_NAME, b"gw"),
    ]
    return csrs.raw(key or csrs.new_key(), subject, extensions or (USAGE,))


def zipped():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(3):
            archive.writestr(f"{number}.csr", csrs.pem(gateway()))
    return packed.getvalue()


def refusal(data, library="shipped", **how):
    with pytest.raises(CsrFaultsError) as caught:
        csr.parse(data, LIBRARIES[library], **how)
    return caught.value


@pytest.fixture
def overridden(command, tmp_path):
    estate = tmp_path / "estate"
    shutil.copytree(OVERRIDE, estate / "profiles")
    assert command("quickstart", estate).code == 0
    return estate


@pytest.mark.slow
def test_what_csr_makes_of_an_operators_profile_is_signed_or_its_type_is_asked_for(
    command, overridden, tmp_path
):
    submission = ("--participant", "supplier-one", "--purpose", "uept")
    for name, type_, more in (
        ("host", "dccki", ("--dns", "gw.test")),
        ("gateway", "dccki", ()),
        ("person", "dccki-personnel", ()),
    ):
        path = tmp_path / f"{name}.csr"
        words = ("csr", type_, "--common-name", name, "--participant-name", "Supplier One", *more)
        files = ("--out", path, "--key", tmp_path / f"{name}.key")
        assert command("--estate", overridden, *words, *files).code == 0
        linted = command("--json", "--estate", overridden, "lint", path)
        assert (linted.code, linted.json["summary"]["errors"]) == (0, 0)
        kind = "csr-dccki" if more else "csr-dccki or dccki-personnel"
        assert linted.json["files"][0]["kind"] == kind
        assert command("--estate", overridden, "show", path).code == 0
        signed = command("--json", "--estate", overridden, "sign", path, *submission)
        if more:
            assert signed.json["certificates"][0]["profile"] == type_
            continue
        assert (signed.code, signed.json["error"]["code"]) == (4, "csr.type")
        assert "dccki or dccki-personnel" in signed.json["error"]["message"]
        assert "--profile" in signed.json["error"]["remedy"]
        named = ("--profile", type_)
        signed = command("--json", "--estate", overridden, "sign", path, *submission, *named)
        assert signed.json["certificates"][0]["profile"] == type_


def test_a_faulty_csr_is_judged_as_the_type_whose_key_and_subject_it_has():
    assert refusal(gateway(AGREEMENT, hosts(b"gw.test")), "override").profile == "dccki"
    assert refusal(gateway(AGREEMENT)).profile == "dccki-personnel"
    assert refusal(gateway(USAGE, SKI), "override").code == "csr.type"
    read = csr.parse(
        gateway(USAGE, SKI, hosts(b"gw.test")), LIBRARIES["override"], None, TakenAs.TEST_CA
    )
    assert read.subject.profile == "dccki"
    # With a host name and a key on P-256, nothing of the shipped types fits.
    assert refusal(gateway(USAGE, hosts(b"gw.test"))).profile == "organisation"


@pytest.mark.parametrize("asked", [None, "device"])
def test_an_error_says_as_which_type_the_csr_was_judged(asked):
    profile = asked and LIBRARIES["shipped"].profile(asked)
    error = refusal(csrs.organisation(csrs.new_key(), role="00"), profile=profile)
    assert error.profile == (asked or "organisation")
    assert f"certificate type {error.profile}: " in error.message


@pytest.mark.slow
def test_findings_cite_what_is_known_of_the_type_that_the_csr_is_for(command, tmp_path):
    subject = [csrs.attribute(csrs.ROLE, b"02")]
    for name, data, known in (
        ("dccki", gateway(AGREEMENT), ("assumed", "follows from the profile dccki-personnel")),
        ("smki", csrs.raw(csrs.new_key(), subject, [USAGE]), ("specified", "SEC App. M F, G")),
    ):
        path = tmp_path / f"{name}.csr"
        path.write_bytes(data)
        (finding,) = command("--json", "lint", path).json["files"][0]["findings"]
        assert (finding["basis"], finding["source"]) == known


REMEDIES = {
    "another curve": (csrs.device(csrs.new_key(ec.SECP384R1())), "Make a key pair"),
    "a longer key": (csrs.iki(csrs.rsa_key(4096)), "Make a key pair"),
    "a certificate": (b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----", "Give the"),
    "nothing": (b"", "Give the CSR"),
    "two": (csrs.pem(gateway()) * 2, "Split the file"),
    "a ZIP": (zipped(), "`batch sign`"),
}


@pytest.mark.parametrize(("data", "remedy"), REMEDIES.values(), ids=REMEDIES)
def test_no_remedy_promises_that_the_same_key_pair_will_do_where_it_will_not(data, remedy):
    error = refusal(data)
    assert remedy in error.remedy
    assert "the same key pair will do" not in error.remedy


def test_a_key_in_another_form_and_an_eui64_as_text_keep_their_key_pair():
    subject = [csrs.attribute(csrs.ROLE, b"02"), ID_AS_TEXT]
    error = refusal(csrs.raw(csrs.new_key(), subject, [USAGE]))
    assert "with a new key pair" in error.message
    assert "the same key pair will do" in error.remedy


def test_a_certificate_in_der_is_named_and_not_judged_as_a_csr(quickstart):
    pem = next(quickstart.glob("export/pem/*/ca/*/*.pem"), None)
    pem = pem or next(path for path in quickstart.glob("export/pem/**/*.pem"))
    der = base64.b64decode(b"".join(pem.read_bytes().split(b"-----")[2].split()))
    error = refusal(der)
    assert (error.code, error.message) == (
        "csr.encoding",
        "The CSR cannot be used: It is not a CSR, but a certificate.",
    )


def test_the_remedy_can_be_typed_where_the_csr_was_submitted(command, quickstart, tmp_path):
    (tmp_path / "a.csr").write_bytes(csrs.raw(csrs.new_key(), (), [*csrs.device_extensions(), SKI]))
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(
        "participant,purpose,csr-file\nmeters-one,device-and-user-system-tests,a.csr\n"
    )
    outcome = command("--estate", quickstart, "batch", "issue", manifest)
    told = outcome.out + outcome.err
    assert "Or add --as test-ca" not in told
    assert "`sign --as test-ca`" in told
    for data, remedies, words in (
        (gateway(), csr.OF_ZIP, "`sign --profile`"),
        (gateway(), csr.OF_MANIFEST, "column profile"),
        (csrs.raw(csrs.new_key(), (), [USAGE]), csr.OF_MANIFEST, "column profile"),
    ):
        assert words in refusal(data, "override", remedies=remedies).remedy


def test_an_extension_is_refused_for_the_true_reason():
    subject = csrs.organisation_subject()
    for asked, said in (
        (SKI, "which the CA adds itself; keytool cannot"),
        (constraints(), "which its certificate does not have; certtool cannot"),
        (constraints(b"\x01\x01\xff", b"\x02\x01\x00"), "for the certificate of a CA"),
    ):
        message = refusal(csrs.raw(csrs.new_key(), subject, [USAGE, asked])).message
        assert said in message
        assert ("certtool" in message) == ("certtool" in said)


def dropped(data, library="shipped"):
    read = csr.parse(data, LIBRARIES[library], None, TakenAs.TEST_CA)
    return [each.message for each in read.remarks.dropped]


def test_what_is_dropped_is_named():
    subject = csrs.organisation_subject()
    of_ca = csrs.raw(csrs.new_key(), subject, [USAGE, constraints(b"\x01\x01\xff")])
    assert dropped(of_ca) == [
        "the extension basicConstraints, which asked for the certificate of a CA"
    ]
    two = gateway(USAGE, hosts(b"gw.test", b"gw.test"))
    assert "takes from it: DNS 'gw.test'." in refusal(two, "override").message
    assert dropped(two, "override") == [
        "1 further name in the extension subjectAltName: DNS 'gw.test'"
    ]
    many = gateway(USAGE, hosts(*(b"gw.test" for _ in range(51))))
    (told,) = dropped(many, "override")
    assert told.startswith("50 further names")
    assert told.endswith("and 47 more")
    assert len(told) < 300
    beside = csrs.alternative_name(
        csrs.DEVICE_ID, csrs.tlv(0x87, b"\x0a\x00\x00\x01"), csrs.tlv(0x86, b"https://gw.test")
    )
    extensions = [USAGE, csrs.extension(csrs.ALTERNATIVE_NAME, beside)]
    message = refusal(csrs.raw(csrs.new_key(), (), extensions)).message
    assert "it also holds IP address 10.0.0.1, URI 'https://gw.test'" in message
