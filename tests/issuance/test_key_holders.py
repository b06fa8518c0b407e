"""One key has one holder: a CA's key, or another participant's, is refused at every door."""

from __future__ import annotations

import io
import sqlite3
import zipfile
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_private_key

import batches
import csrs
from estates import any_key, ca_key, opened
from smki_testca.authority.signers.software import sealing_label
from smki_testca.errors import EstateError, InputError
from smki_testca.estate.certificates import Selection
from smki_testca.estate.key_holders import participant_holder
from smki_testca.identifiers import Eui64
from smki_testca.importers.intake import take_in
from smki_testca.issuance.issuance import Issuance, SubjectKey
from smki_testca.issuance.re_signing import ReSigningTerms
from smki_testca.profiles.model import Hierarchy, Tier
from smki_testca.profiles.typed_subjects import DeviceSubject
from smki_testca.roles import KeyUsage
from smki_testca.x509.view import view_certificate

SUPPLIER = ("--participant", "supplier-one", "--purpose", "uept")


def public_key_of(record):
    return view_certificate(record.der).octets("subjectPublicKeyInfo")


def authority(estate, tier=Tier.ISSUING, hierarchy=Hierarchy.DEVICE):
    return estate.certificates.generations("ZAZ1", hierarchy, tier)[-1][-1]


def device_request(estate, number=0x7000, participant="meters-one"):
    return estate.request(
        *(participant, batches.DEVICE_PURPOSE),
        DeviceSubject(Eui64.parse(batches.device_id(number)), batches.HW_TYPE),
        (KeyUsage.KEY_AGREEMENT,),
    )


@pytest.fixture(params=["issuing", "root", "other-hierarchy", "participant"])
def foreign(request, estate):
    """A certificate whose key is not meters-one's, the code of the refusal, its private key."""
    if request.param == "participant":
        record = next(iter(estate.select(Selection(label="Z1-supplier-ka"))))
        return record, "key.held", any_key(estate, record)
    record = {
        "issuing": authority(estate),
        "root": authority(estate, Tier.ROOT),
        "other-hierarchy": authority(estate, hierarchy=Hierarchy.ORGANISATION),
    }[request.param]
    return record, "key.authority", ca_key(estate, record)


def test_the_api_issues_nothing_for_anothers_key(estate, foreign):
    record, code, _ = foreign
    before = len(estate.audit.entries())
    with pytest.raises(InputError) as caught:
        estate.issue(device_request(estate), public_key=public_key_of(record))
    assert caught.value.code == code
    assert len(estate.audit.entries()) == before


def supplier_request(estate):
    subject = estate.subject("organisation", id=batches.SUPPLIER_ID, role="supplier")
    return estate.request("supplier-one", "uept", subject, (KeyUsage.KEY_AGREEMENT,))


def test_a_key_given_to_another_since_it_was_prepared_is_refused_at_the_commit(estate):
    key = SubjectKey(csrs.spki(csrs.new_key()))
    issuance = Issuance(estate)
    prepared = issuance.prepare(device_request(estate), key)
    estate.issue(supplier_request(estate), public_key=key.public)
    with pytest.raises(InputError) as caught:
        issuance.commit_one(prepared, "issue")
    assert caught.value.code == "key.held"


def test_no_csr_for_anothers_key_is_signed(estate, foreign):
    _, code, pkcs8 = foreign
    key = load_der_private_key(pkcs8, None)
    der = csrs.device(key, device_id=Eui64.parse(batches.device_id(0x7000)).octets)
    with pytest.raises(InputError) as caught:
        estate.sign(der, "meters-one", batches.DEVICE_PURPOSE)
    assert caught.value.code == code


@pytest.mark.slow
def test_no_row_of_a_manifest_with_anothers_key_is_issued(command, quickstart, tmp_path, foreign):
    record, code, pkcs8 = foreign
    key = load_der_private_key(pkcs8, None)
    (tmp_path / "key.der").write_bytes(public_key_of(record))
    (tmp_path / "a.csr").write_bytes(
        csrs.device(key, device_id=Eui64.parse(batches.device_id(0x7001)).octets)
    )
    rows = [batches.device(**{"public-key-file": "key.der"}), batches.signed("a.csr")]
    manifest = batches.write(tmp_path / "rows.csv", rows)
    outcome = command("--json", "--estate", quickstart, "batch", "check", manifest)
    assert outcome.json["accepted"] == 0
    assert [problem["error"]["code"] for problem in outcome.json["problems"]] == [code, code]


@pytest.mark.slow
def test_no_csr_of_a_zip_for_anothers_key_is_signed(command, quickstart, tmp_path, foreign):
    _, _, pkcs8 = foreign
    key = load_der_private_key(pkcs8, None)
    der = csrs.device(key, device_id=Eui64.parse(batches.device_id(0x7001)).octets)
    with zipfile.ZipFile(tmp_path / "requests.zip", "w") as zipped:
        zipped.writestr("1.csr", csrs.pem(der))
    outcome = command(
        *("--json", "--estate", quickstart, "batch", "sign", tmp_path / "requests.zip"),
        *("--participant", "meters-one", "--purpose", batches.DEVICE_PURPOSE),
        *("--out", tmp_path / "response.zip"),
    )
    assert (outcome.json["success"], outcome.json["refused"]) == (0, 1)
    octets = io.BytesIO((tmp_path / "response.zip").read_bytes())
    with zipfile.ZipFile(octets) as response:
        assert not any(name.endswith((".pem", ".cer", ".der")) for name in response.namelist())


def test_two_rows_of_a_batch_cannot_give_one_key_to_two(command, quickstart, tmp_path):
    (tmp_path / "key.der").write_bytes(csrs.spki(csrs.new_key()))
    rows = [
        batches.device(**{"public-key-file": "key.der"}),
        batches.device(0x101, **{"public-key-file": "key.der"}),
        batches.organisation(**{"public-key-file": "key.der"}),
    ]
    manifest = batches.write(tmp_path / "rows.csv", rows)
    outcome = command("--json", "--estate", quickstart, "batch", "check", manifest)
    assert outcome.json["accepted"] == 2
    (problem,) = outcome.json["problems"]
    assert (problem["line"], problem["error"]["code"]) == (4, "key.held")


@pytest.mark.slow
def test_a_key_that_was_brought_to_a_run_is_its_participants(command, quickstart, tmp_path):
    public = csrs.spki(csrs.new_key())
    (tmp_path / "key.der").write_bytes(public)
    rows = [batches.device(**{"public-key-file": "key.der"})]
    manifest = batches.write(tmp_path / "rows.csv", rows)
    call = ("--estate", quickstart, "batch", "issue", manifest, "--workers", 1)
    assert command(*call).code == 0
    with opened(quickstart) as estate:
        with pytest.raises(InputError) as caught:
            estate.issue(supplier_request(estate), public_key=public)
        assert caught.value.code == "key.held"
        estate.issue(device_request(estate), public_key=public)


def foreign_certificate(key, number=0x7002):
    """A Device Certificate of another PKI, for a key: made by a test CA that nobody knows."""
    der = csrs.device(key, device_id=Eui64.parse(batches.device_id(number)).octets)
    csr = x509.load_der_x509_csr(der)
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Z2")]))
        .public_key(csr.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
    )
    for extension in csr.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    signed = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.DER)


@pytest.mark.slow
def test_no_certificate_with_anothers_key_is_signed_again(estate, foreign, tmp_path):
    """As others' CAs may have signed it: import takes it, re-sign refuses it."""
    _, code, pkcs8 = foreign
    (tmp_path / "other.der").write_bytes(foreign_certificate(load_der_private_key(pkcs8, None)))
    estate.import_material(take_in([str(tmp_path / "other.der")]))
    outcome = estate.re_sign(
        Selection(), ReSigningTerms(batches.DEVICE_PURPOSE, "meters-one", with_defects=True)
    )
    assert not outcome.re_signed
    assert [item.error.code for item in outcome.left_out] == [code]


def test_another_encoding_of_the_point_does_not_hide_whose_key_it_is(estate):
    ca = load_der_private_key(ca_key(estate, authority(estate)), None)
    point = ca.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
    )
    algorithm = csrs.spki(ca)[2:23]
    spki = csrs.tlv(0x30, algorithm, csrs.tlv(0x03, b"\x00", point))
    with pytest.raises(InputError) as caught:
        estate.issue(device_request(estate), public_key=spki)
    assert caught.value.code == "key.authority"


@pytest.mark.slow
@pytest.mark.parametrize("order", ["owner first", "other first"])
def test_an_imported_private_key_is_its_own_certificates_alone(estate, tmp_path, order):
    key = csrs.new_key()
    for name, number in (("owner", 0x7101), ("other", 0x7102)):
        (tmp_path / f"{name}.der").write_bytes(foreign_certificate(key, number))
    (tmp_path / "owner.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    imports = [["owner.der", "owner.key"], ["other.der"]]
    for names in imports if order == "owner first" else reversed(imports):
        estate.import_material(take_in([str(tmp_path / name) for name in names]))
    owner, other = (
        next(
            record
            for record in estate.externals.select()
            if record.eui64 == Eui64.parse(batches.device_id(number))
        )
        for number in (0x7101, 0x7102)
    )
    assert estate.externals.private_key(owner) is not None
    assert estate.externals.private_key(other) is None
    terms = ReSigningTerms(batches.DEVICE_PURPOSE, "meters-one", with_defects=True)
    outcome = estate.re_sign(Selection(), terms)
    assert [item.external.sha256 for item in outcome.re_signed] == [owner.sha256]
    assert [item.error.code for item in outcome.left_out] == ["key.held"]


def test_a_participant_may_use_its_own_key_again(estate):
    public = csrs.spki(csrs.new_key())
    for number in (0x7000, 0x7001):
        estate.issue(device_request(estate, number), public_key=public)


def test_a_ca_cannot_be_made_with_a_participants_key(estate):
    record = next(iter(estate.select(Selection(label="Z1-supplier-ka"))))
    pem = load_der_private_key(any_key(estate, record), None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    before = len(estate.certificates.authorities())
    with pytest.raises(InputError) as caught:
        estate.add_environment("UIT-A", {(Hierarchy.DEVICE, Tier.ISSUING): pem})
    assert caught.value.code == "key.held"
    assert len(estate.certificates.authorities()) == before


# What the first versions let happen: somebody's record has the key of another.


def test_a_record_that_got_the_key_of_another_gets_no_private_key(estate, quickstart, foreign):
    record, _, _ = foreign
    (ours,), _ = estate.issue(device_request(estate))
    change(
        quickstart,
        ("UPDATE certificates SET key_id = ? WHERE serial = ?", record.key_id, ours.serial.octets),
    )
    with opened(quickstart) as again:
        swapped = again.by_serial(ours.serial)
        assert swapped.key_id == record.key_id
        assert again.private_key(swapped) is None
        assert again.credential(swapped).pkcs8 is None


def change(directory, *statements):
    with closing(sqlite3.connect(directory / "estate.sqlite")) as file, file:
        for statement, *values in statements:
            assert file.execute(statement, values).rowcount == 1


def test_a_key_opens_for_its_holder_only(estate, quickstart):
    (ours,), _ = estate.issue(device_request(estate))
    other = participant_holder("supplier-one")
    change(
        quickstart,
        ("UPDATE keys SET holder = ? WHERE id = ?", other, ours.key_id),
        (
            "UPDATE certificates SET participant = 'supplier-one' WHERE serial = ?",
            ours.serial.octets,
        ),
    )
    with opened(quickstart) as again, pytest.raises(EstateError) as caught:
        again.private_key(again.by_serial(ours.serial))
    assert caught.value.code == "estate.damaged"


def test_a_key_sealed_before_holders_were_named_is_its_first_certificates(estate, quickstart):
    (theirs,) = estate.select(Selection(label="Z1-supplier-ka"))
    (ours,), _ = estate.issue(device_request(estate))
    pkcs8 = any_key(estate, theirs)
    sealed = estate.estate_key.seal(pkcs8, sealing_label(theirs.key_id, None))
    change(
        quickstart,
        ("UPDATE keys SET holder = NULL, sealed = ? WHERE id = ?", sealed, theirs.key_id),
        ("UPDATE certificates SET key_id = ? WHERE serial = ?", theirs.key_id, ours.serial.octets),
    )
    with opened(quickstart) as again:
        assert again.private_key(again.by_serial(theirs.serial)) == pkcs8
        assert again.private_key(again.by_serial(ours.serial)) is None
