from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import example, given, settings
from hypothesis import strategies as st

import csrs
import smki_testca
from material import pkcs8
from seeds import revocation_list
from smki_testca.authority import csr
from smki_testca.authority.csr import CsrFaultsError
from smki_testca.der import read
from smki_testca.errors import InputError
from smki_testca.identifiers import Eui64
from smki_testca.profiles import Library
from smki_testca.profiles.typed_subjects import DeviceSubject, IkiSubject, OrganisationSubject
from smki_testca.roles import KeyUsage
from smki_testca.x509.view import view_request

LIBRARY = Library()
ROLES = LIBRARY.roles
KEY = csrs.new_key()
USAGE = csrs.extension(csrs.KEY_USAGE, csrs.DIGITAL_SIGNATURE)
NAME = csrs.extension(csrs.ALTERNATIVE_NAME, csrs.alternative_name())
FORMS = list(csrs.text_forms(b"\x30\x00"))
MAKERS: dict[str, Any] = {"organisation": csrs.organisation, "device": csrs.device, "iki": csrs.iki}
SUBMISSION = {
    "organisation": ("supplier-one", "uept"),
    "device": ("meters-one", "device-and-user-system-tests"),
    "iki": ("supplier-one", "srept"),
}


def faults(data):
    """The codes of all faults of a CSR."""
    with pytest.raises(CsrFaultsError) as caught:
        csr.parse(data, LIBRARY)
    return [fault.code for fault in caught.value.faults]


def key_for(kind):
    return csrs.rsa_key() if kind == "iki" else KEY


@cache
def good(kind):
    """One CSR of a kind, always the same octets."""
    return MAKERS[kind](key_for(kind))


def organisation(extensions=(USAGE,), **changed):
    subject = changed.pop("subject", csrs.organisation_subject())
    return csrs.raw(changed.pop("key", KEY), subject, extensions, **changed)


def device(extensions=None, **changed):
    asked = csrs.device_extensions() if extensions is None else extensions
    return csrs.raw(changed.pop("key", KEY), changed.pop("subject", ()), asked, **changed)


def iki(extensions=(USAGE,), **changed):
    subject = changed.pop("subject", csrs.iki_subject())
    return csrs.raw(changed.pop("key", csrs.rsa_key()), subject, extensions, **changed)


# What is accepted.


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("form", FORMS)
def test_every_text_form_is_read(kind, form):
    der = MAKERS[kind](key_for(kind))
    read = csr.parse(csrs.text_forms(der)[form], LIBRARY)
    assert read.view.root.encoded == der


@pytest.mark.parametrize(
    "around", ["\n\n{}\n\n", "\ufeff{}", "Subject: somebody\n{}", "Zähler\n{}"]
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_text_around_a_pem_block_is_passed_over_whatever_its_encoding(around, encoding):
    text = csrs.pem(csrs.device(KEY)).decode()
    data = around.format(text).encode(encoding, "replace")
    assert csr.parse(data, LIBRARY).usage is KeyUsage.KEY_AGREEMENT


def test_a_csr_in_utf_16_without_a_mark_is_refused_with_that_cause():
    text = csrs.pem(csrs.device(KEY)).decode()
    with pytest.raises(CsrFaultsError) as caught:
        csr.parse(text.encode("utf-16-le"), LIBRARY)
    assert caught.value.code == "csr.encoding"
    assert "UTF-16" in caught.value.message


def test_an_organisation_csr_says_id_role_name_and_usage():
    read = csr.parse(csrs.organisation(KEY, common_name="ONE"), LIBRARY)
    role = ROLES.remote_party_role("supplier")
    assert read.subject == OrganisationSubject(Eui64(0x90B3D51F30010000), role, "ONE")
    assert read.usage is KeyUsage.DIGITAL_SIGNATURE
    assert read.public_key == csrs.spki(KEY)


def test_a_device_csr_says_device_id_type_and_usage():
    read = csr.parse(csrs.device(KEY), LIBRARY)
    assert read.subject == DeviceSubject(Eui64(0x00DB120000000005), csrs.HW_TYPE)
    assert read.usage is KeyUsage.KEY_AGREEMENT


def test_an_iki_csr_says_system_and_role():
    read = csr.parse(csrs.iki(csrs.rsa_key()), LIBRARY)
    assert read.subject == IkiSubject("adhoc-1", ROLES.remote_party_role("02"))
    assert read.usage is None


def test_criticality_in_a_device_csr_is_not_validated():
    for critical in (True, False):
        read = csr.parse(csrs.device(KEY, critical=critical), LIBRARY)
        assert read.subject == DeviceSubject(Eui64(0x00DB120000000005), csrs.HW_TYPE)


# Each fault by its code.


def _explicit_false():
    usage = csrs.tlv(
        0x30, bytes.fromhex("0603551d0f"), b"\x01\x01\x00", csrs.tlv(0x04, csrs.KEY_AGREEMENT)
    )
    return device([usage, NAME])


def named(common_name):
    attributes = csrs.organisation_subject()
    return organisation(subject=[csrs.attribute(csrs.COMMON_NAME, common_name), *attributes])


WARNINGS = {
    "csr.algorithm_parameters": {
        "NULL after ecdsa-with-SHA256": lambda: device(algorithm=csrs.ECDSA_WITH_SHA256_NULL),
        "none after sha256WithRSAEncryption": lambda: iki(algorithm=csrs.SHA256_WITH_RSA_NO_NULL),
    }
}
FAULTS = {
    "csr.version": lambda: organisation(version=1),
    "csr.key wrong curve": lambda: device(key=csrs.new_key(ec.SECP384R1())),
    "csr.key secp256k1": lambda: device(key=csrs.new_key(ec.SECP256K1())),
    "csr.key RSA of 1024 bits": lambda: iki(key=csrs.rsa_key(1024)),
    "csr.key RSA of 3072 bits": lambda: iki(key=csrs.rsa_key(3072)),
    "csr.algorithm SHA-384": lambda: device(
        algorithm=csrs.ECDSA_WITH_SHA384, digest=hashes.SHA384()
    ),
    "csr.signature other key": lambda: device(public_key=csrs.spki(csrs.new_key())),
    "csr.signature other digest": lambda: device(digest=hashes.SHA384()),
    "csr.attributes+csr.key_usage none": lambda: organisation(attributes=[]),
    "csr.attributes+csr.extension twice": lambda: organisation(
        attributes=[csrs.requested(USAGE)] * 2
    ),
    "csr.attributes challenge too": lambda: organisation(
        attributes=[
            csrs.requested(USAGE),
            csrs.tlv(
                0x30,
                bytes.fromhex("06092a864886f70d010907"),
                csrs.tlv(0x31, csrs.tlv(0x0C, b"password")),
            ),
        ]
    ),
    "csr.extension basicConstraints": lambda: organisation(
        [USAGE, csrs.extension("551d13", bytes.fromhex("30030101ff"))]
    ),
    "csr.extension twice": lambda: organisation([USAGE, USAGE]),
    "csr.extension unknown": lambda: device(
        [*csrs.device_extensions(), csrs.extension("2a0304", b"\x05\x00")]
    ),
    "csr.extension name for an Organisation": lambda: organisation([USAGE, NAME]),
    "csr.criticality Organisation": lambda: organisation(
        [csrs.extension(csrs.KEY_USAGE, csrs.DIGITAL_SIGNATURE, critical=False)]
    ),
    "csr.criticality IKI": lambda: iki(
        [csrs.extension(csrs.KEY_USAGE, csrs.DIGITAL_SIGNATURE, critical=False)]
    ),
    "csr.subject unknown attribute": lambda: organisation(
        subject=[csrs.attribute("550406", b"GB", 0x13), *csrs.organisation_subject()]
    ),
    "csr.subject twice": lambda: organisation(
        subject=[csrs.attribute(csrs.ROLE, b"02"), *csrs.organisation_subject()]
    ),
    "csr.subject no identifier": lambda: organisation(subject=csrs.organisation_subject()[:-1]),
    "csr.subject no system name": lambda: iki(subject=csrs.iki_subject()[:-1]),
    "csr.subject_order identifier first": lambda: organisation(
        subject=csrs.organisation_subject()[::-1]
    ),
    "csr.subject_order one RDN": lambda: organisation(
        subject=[csrs.tlv(0x31, *(one[2:] for one in csrs.organisation_subject()))]
    ),
    "csr.subject_value empty": lambda: named(b""),
    "csr.subject_value spaces": lambda: named(b"   "),
    "csr.subject_value no character": lambda: named("ONE\uffff".encode()),
    "csr.subject_value too long": lambda: named(b"A" * 65),
    "csr.subject_value NUL": lambda: named(b"ONE\x00TWO"),
    "csr.subject_value line break": lambda: named(b"ONE\nTWO"),
    "csr.subject_value no-break space": lambda: named("ONE\u00a0TWO".encode()),
    "csr.subject_value direction": lambda: named("ONE\u202eOWT".encode()),
    "csr.subject_value trading name too long": lambda: iki(
        subject=[csrs.attribute(csrs.ORGANISATION, b"A" * 65), *csrs.iki_subject()[1:]]
    ),
    "csr.subject_value system name with a control": lambda: iki(
        subject=[*csrs.iki_subject()[:2], csrs.attribute(csrs.COMMON_NAME, b"adhoc\x7f")]
    ),
    "csr.key_usage both": lambda: organisation([csrs.extension(csrs.KEY_USAGE, csrs.BOTH_USAGES)]),
    "csr.key_usage certificate signing": lambda: organisation(
        [csrs.extension(csrs.KEY_USAGE, bytes.fromhex("03020204"))]
    ),
    "csr.key_usage none": lambda: device([NAME]),
    "csr.key_usage key agreement for IKI": lambda: iki(
        [csrs.extension(csrs.KEY_USAGE, csrs.KEY_AGREEMENT)]
    ),
    "csr.role decimal": lambda: organisation(subject=csrs.organisation_subject(role=b"137")),
    "csr.role lower case": lambda: organisation(subject=csrs.organisation_subject(role=b"7f")),
    "csr.role not known": lambda: organisation(subject=csrs.organisation_subject(role=b"FE")),
    "csr.role by name": lambda: iki(subject=csrs.iki_subject(role=b"supplier")),
    "csr.role with a space": lambda: organisation(subject=csrs.organisation_subject(role=b"02 ")),
    "csr.role with an underline": lambda: organisation(
        subject=csrs.organisation_subject(role=b"0_2")
    ),
    "csr.role root": lambda: organisation(subject=csrs.organisation_subject(role=b"00")),
    "csr.role issuing authority": lambda: iki(subject=csrs.iki_subject(role=b"07")),
    "csr.identifier zeros": lambda: organisation(subject=csrs.organisation_subject(bytes(8))),
    "csr.identifier ones": lambda: organisation(subject=csrs.organisation_subject(b"\xff" * 8)),
    "csr.identifier 7 octets": lambda: organisation(subject=csrs.organisation_subject(bytes(7))),
    "csr.identifier 9 octets": lambda: organisation(subject=csrs.organisation_subject(bytes(9))),
    "csr.device_id none": lambda: device([csrs.extension(csrs.KEY_USAGE, csrs.KEY_AGREEMENT)]),
    "csr.device_id zeros": lambda: device(csrs.device_extensions(bytes(8))),
    "csr.device_id ones": lambda: device(csrs.device_extensions(b"\xff" * 8)),
    "csr.device_id hwType 0.0": lambda: csrs.device(KEY, hw_type="0.0"),
    "csr.device_id hwType of two arcs": lambda: csrs.device(KEY, hw_type="1.2"),
    "csr.device_id 7 octets": lambda: device(csrs.device_extensions(bytes(7))),
    "csr.device_id 9 octets": lambda: device(csrs.device_extensions(bytes(9))),
    "csr.device_id a host name too": lambda: device(
        [
            USAGE,
            csrs.extension(
                csrs.ALTERNATIVE_NAME,
                csrs.alternative_name(csrs.DEVICE_ID, csrs.tlv(0x82, b"meter.test")),
            ),
        ]
    ),
    "csr.encoding noise": lambda: b"\xff\xfe noise",
    "csr.encoding empty": lambda: b"",
    "csr.encoding base64 broken": lambda: b"MIIB=AAAA",
    "csr.encoding certificate": lambda: csrs.pem(b"\x30\x00", header="CERTIFICATE"),
    "csr.encoding spaces within": lambda: csrs.pem(device(), header="", width=64, end="\n "),
    "csr.several": lambda: csrs.pem(device()) + csrs.pem(device()),
    "csr.too_long": lambda: bytes(csr.MAX_OCTETS + 1),
    "der.truncated": lambda: device()[:-1],
    "der.trailing_octets": lambda: device() + b"\x00",
    "der.structure": lambda: csrs.tlv(0x30, b"\x02\x01\x00"),
    "der.default_encoded explicit FALSE": _explicit_false,
    "csr.attributes+der.set_order not in order": lambda: organisation(
        attributes=[csrs.requested(USAGE), *csrs.windows_attributes()], in_order=False
    ),
    "structure.CertificationRequestInfo attributes under another tag": lambda: csrs.sign(
        _first_inside(good("device")).replace(b"\xa0\x58\x30", b"\xa1\x58\x30"), KEY
    ),
    "structure.ExtensionRequest two values": lambda: organisation(attributes=[_of_two_values()]),
    "signature.integer_padded": lambda: _padded(good("organisation")),
}


def _of_two_values():
    request, _ = read(csrs.requested(USAGE))
    oid, values = request.children
    return csrs.tlv(0x30, oid.encoded, csrs.tlv(0x31, values.content, values.content))


def _padded(der):
    root, _ = read(der)
    info, algorithm, signature = root.children
    numbers, _ = read(signature.content[1:])
    padded = (csrs.tlv(0x02, b"\x00\x00", number.content) for number in numbers.children)
    bits = csrs.tlv(0x03, b"\x00", csrs.tlv(0x30, *padded))
    return csrs.tlv(0x30, info.encoded, algorithm.encoded, bits)


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.shows("R22")
def test_each_fault_has_its_code_and_no_other_is_told(fault):
    assert faults(FAULTS[fault]()) == fault.split(" ")[0].split("+")


def test_every_code_that_the_source_has_is_tested():
    modules = Path(smki_testca.__file__).parent.rglob("*.py")
    sources = [path.read_text("utf-8") for path in modules]
    codes = {code for text in sources for code in re.findall(r'"(csr\.[a-z_]+)"', text)}
    tested = {code for fault in FAULTS for code in fault.split(" ")[0].split("+")}
    # A mismatch needs a certificate, and what only the strict reader refuses needs a profile that
    # asks for nothing: both have tests of their own below. Types that are alike are an operator's,
    # only a batch can have the same CSR twice, and only web services are for Devices alone.
    own = {"csr.mismatch", "csr.format", "csr.type", "csr.twice", "csr.not_of_device"}
    elsewhere = own | set(WARNINGS)
    assert codes - elsewhere == {code for code in tested if code.startswith("csr.")}


def test_the_strict_reader_refuses_a_csr_without_its_attributes():
    subject = (
        csrs.attribute(csrs.ORGANISATION, b"Supplier One"),
        csrs.attribute(csrs.ROLE, b"SUP1"),
        csrs.attribute(csrs.COMMON_NAME, b"gateway.example"),
    )
    parts = (csrs.tlv(0x02, b"\x00"), csrs.tlv(0x30, *subject), csrs.spki(csrs.rsa_key()))
    data = csrs.sign(csrs.tlv(0x30, *parts), csrs.rsa_key())
    with pytest.raises(CsrFaultsError) as caught:
        csr.parse(data, LIBRARY, LIBRARY.profile("dccki"))
    assert [fault.code for fault in caught.value.faults] == ["csr.format"]


def test_all_faults_are_reported_together(command, tmp_path, quickstart):
    data = organisation(
        [csrs.extension(csrs.KEY_USAGE, csrs.BOTH_USAGES, critical=False)],
        subject=csrs.organisation_subject(bytes(7), b"137"),
        public_key=csrs.spki(csrs.new_key()),
        version=1,
    )
    expected = [
        *("csr.version", "csr.signature", "csr.criticality"),
        *("csr.key_usage", "csr.identifier", "csr.role"),
    ]
    assert faults(data) == expected
    path = tmp_path / "bad.csr"
    path.write_bytes(data)
    arguments = ("sign", path, "--participant", "supplier-one", "--purpose", "uept")
    outcome = command("--json", "--estate", quickstart, *arguments)
    assert outcome.code == 4
    error = outcome.json["error"]
    assert error["code"] == "csr.version"
    assert [one["code"] for one in error["all"]] == expected
    assert "same key" in error["remedy"]
    plain = command("--estate", quickstart, *arguments)
    assert plain.code == 4
    assert all(one["message"] in plain.err for one in error["all"])


def test_a_key_of_another_kind_is_refused():
    private = ed25519.Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert faults(device(public_key=public)) == ["csr.key"]


def test_a_compressed_point_is_refused():
    point = KEY.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
    )
    algorithm = csrs.spki(KEY)[2:23]
    compressed = csrs.tlv(0x30, algorithm, csrs.tlv(0x03, b"\x00", point))
    assert faults(device(public_key=compressed)) == ["csr.key"]


def test_a_point_off_the_curve_is_refused():
    off = csrs.spki(KEY)[:-1] + bytes((csrs.spki(KEY)[-1] ^ 1,))
    assert "csr.key" in faults(device(public_key=off))


@pytest.mark.parametrize("kind", MAKERS)
def test_every_truncation_is_refused(kind):
    der = MAKERS[kind](key_for(kind))
    text = base64.b64encode(der)
    for length in range(len(der)):
        assert faults(der[:length])
    for length in range(0, len(text), 7):
        assert faults(text[:length])


@pytest.mark.parametrize("noise", [b"\x30" * 10_000_000, b"\xa5" * 10_000_000, b"A" * 10_000_000])
def test_ten_megabytes_of_noise_are_refused_at_once(noise):
    assert faults(noise) == ["csr.too_long"]


NOISE = st.binary(max_size=400) | st.binary(max_size=200).map(lambda octets: csrs.tlv(0x30, octets))


@pytest.mark.slow
@given(data=NOISE)
@settings(max_examples=300)
@example(b"0")
@example(b"\x30\x80\x00\x00")
def test_arbitrary_octets_never_raise_anything_undocumented(data):
    with pytest.raises(InputError) as caught:
        csr.parse(data, LIBRARY)
    assert caught.value.code.split(".")[0] in {"csr", "der"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", MAKERS)
@given(data=st.data())
@settings(max_examples=300)
def test_a_mangled_csr_is_refused_or_another_parser_takes_it_too(kind, data):
    der = bytearray(good(kind))
    for _ in range(data.draw(st.integers(1, 3))):
        der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    signed_part = _first_inside(bytes(der))
    if signed_part is not None and data.draw(st.booleans()):
        der = bytearray(csrs.sign(signed_part, key_for(kind)))
    refused_or_taken_by_both(bytes(der))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["organisation", "device"])
def test_a_changed_octet_under_a_fresh_signature_is_refused_or_taken_by_both(kind):
    info = _first_inside(good(kind))
    taken = 0
    for position in range(len(info)):
        for mask in (0x01, 0x02, 0x04, 0x10, 0x20, 0x80, 0xFF, info[position]):
            changed = bytearray(info)
            changed[position] ^= mask
            taken += refused_or_taken_by_both(csrs.sign(bytes(changed), KEY))
    # IDs and names stay what they are, whatever octets they have.
    assert taken > 8 * 8


def refused_or_taken_by_both(der):
    try:
        read = csr.parse(der, LIBRARY)
    except CsrFaultsError:
        return False
    loaded = x509.load_der_x509_csr(der)
    assert loaded.is_signature_valid
    usage = loaded.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature is (read.usage is not KeyUsage.KEY_AGREEMENT)
    assert read.public_key == loaded.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return True


def _first_inside(der):
    """The CertificationRequestInfo, if its header can still be read."""
    start = {0x81: 3, 0x82: 4}.get(der[1], 2)
    inner = der[start:]
    head = {0x81: 3, 0x82: 4}.get(inner[1], 2)
    length = int.from_bytes(inner[2:head]) if head > 2 else inner[1]
    return inner[: head + length] if len(inner) >= head + length else None


# What comes of it.


def submit(command, directory, tmp_path, kind, data, **changed):
    participant, purpose = SUBMISSION[kind]
    path = tmp_path / "request.csr"
    path.write_bytes(data)
    return command(
        *("--json", "--estate", directory, "sign", path),
        *("--participant", changed.get("participant", participant), "--purpose", purpose),
    )


def certificate(outcome):
    assert outcome.code == 0, outcome.out + outcome.err
    (one,) = outcome.json["certificates"]
    return x509.load_pem_x509_certificate(one["pem"].encode())


@pytest.mark.parametrize("kind", MAKERS)
def test_certificate_has_the_key_and_what_was_asked_for(command, quickstart, tmp_path, kind):
    der = MAKERS[kind](key_for(kind))
    issued = certificate(submit(command, quickstart, tmp_path, kind, csrs.pem(der)))
    asked = x509.load_der_x509_csr(der)
    assert issued.public_key() == asked.public_key()
    assert issued.subject == asked.subject
    for extension in asked.extensions:
        copied = issued.extensions.get_extension_for_oid(extension.oid)
        assert copied.value == extension.value
        assert copied.critical
    for added in (x509.SubjectKeyIdentifier, x509.AuthorityKeyIdentifier, x509.CertificatePolicies):
        assert issued.extensions.get_extension_for_class(added)


def test_a_common_name_is_carried_over_and_nothing_else_is(command, quickstart, tmp_path):
    der = csrs.organisation(KEY, common_name="NAMED")
    issued = certificate(submit(command, quickstart, tmp_path, "organisation", der))
    assert issued.subject.rfc4514_string().endswith("CN=NAMED")
    assert len(issued.extensions) == 4


def test_device_certificate_is_right_where_the_csr_was_not_critical(command, quickstart, tmp_path):
    der = csrs.device(KEY, critical=False)
    issued = certificate(submit(command, quickstart, tmp_path, "device", der))
    name = issued.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    usage = issued.extensions.get_extension_for_class(x509.KeyUsage)
    assert (name.critical, usage.critical) == (True, True)


def test_private_key_of_a_csr_is_not_in_the_estate(command, quickstart, tmp_path):
    der = csrs.device(KEY)
    submit(command, quickstart, tmp_path, "device", der)
    out = tmp_path / "out"
    outcome = command(
        *("--estate", quickstart, "export", "--format", "pem", "--out", out, "--with-keys"),
        *("--eui64", csrs.DEVICE_ID.hex()),
    )
    assert outcome.code == 0
    assert list(out.rglob("*.pem"))
    assert not list(out.rglob("*.key"))


@pytest.mark.parametrize(
    ("kind", "made", "code"),
    [
        (
            "organisation",
            lambda: csrs.organisation(KEY, eui64=bytes.fromhex("90b3d51f30030000")),
            "id.outside_range",
        ),
        (
            "device",
            lambda: csrs.device(KEY, device_id=bytes.fromhex("70b3d51f30010000")),
            "device_id.in_sec_registry_entry",
        ),
        (
            "device",
            lambda: csrs.device(KEY, device_id=bytes.fromhex("00db130000000001")),
            "device_id.outside_own_registry_entry",
        ),
        ("organisation", lambda: csrs.organisation(KEY, role="03"), "id.role_not_held"),
        ("iki", lambda: csrs.iki(csrs.rsa_key(), role="03"), "role.not_held"),
    ],
)
@pytest.mark.shows("¶29", "R12", "R22")
def test_a_foreign_id_is_refused_by_the_gate(command, quickstart, tmp_path, kind, made, code):
    outcome = submit(command, quickstart, tmp_path, kind, made())
    assert outcome.code == 3
    assert code in [one["code"] for one in outcome.json["refusal"]["all"]]


@pytest.mark.shows("R22")
def test_the_signature_of_a_csr_is_checked_before_whose_its_id_is(command, quickstart, tmp_path):
    foreign = csrs.organisation(KEY, eui64=bytes.fromhex("90b3d51f30030000"))
    broken = foreign[:-1] + bytes((foreign[-1] ^ 1,))
    outcome = submit(command, quickstart, tmp_path, "organisation", broken)
    assert outcome.code == 4
    assert [one["code"] for one in outcome.json["error"]["all"]] == ["csr.signature"]
    assert submit(command, quickstart, tmp_path, "organisation", foreign).code == 3


@pytest.mark.shows("R22")
def test_a_refused_csr_can_come_again_with_the_same_key(command, quickstart, tmp_path):
    foreign = csrs.organisation(KEY, eui64=bytes.fromhex("90b3d51f30030000"))
    assert submit(command, quickstart, tmp_path, "organisation", foreign).code == 3
    faulty = organisation([csrs.extension(csrs.KEY_USAGE, csrs.BOTH_USAGES)])
    assert submit(command, quickstart, tmp_path, "organisation", faulty).code == 4
    good = csrs.organisation(KEY)
    first = certificate(submit(command, quickstart, tmp_path, "organisation", good))
    again = certificate(submit(command, quickstart, tmp_path, "organisation", good))
    assert first.public_key() == again.public_key() == KEY.public_key()
    assert first.serial_number != again.serial_number


def test_a_certificate_that_would_differ_from_its_csr_is_not_issued(command, quickstart, tmp_path):
    before = hashlib.sha256((quickstart / "estate.sqlite").read_bytes()).digest()
    der = csrs.iki(csrs.rsa_key(), name="Somebody Else Ltd")
    outcome = submit(command, quickstart, tmp_path, "iki", der)
    assert outcome.code == 4
    assert outcome.json["error"]["code"] == "csr.mismatch"
    assert "organisation name" in outcome.json["error"]["message"]
    assert hashlib.sha256((quickstart / "estate.sqlite").read_bytes()).digest() == before


@pytest.mark.parametrize(
    ("path", "other", "told"),
    [
        ("subject", {"eui64": bytes(range(8))}, "the EUI-64 differs"),
        ("role", {"role": "03"}, "the role differs"),
        ("usage", {"usage": "ka"}, "the key usage differs"),
        ("name", {"common_name": "NAMED"}, "the common name differs"),
    ],
)
def test_subscriber_comparison_finds_each_difference(path, other, told):
    asked = csr.parse(csrs.organisation(KEY), LIBRARY).view
    got = csr.parse(csrs.organisation(KEY, **other), LIBRARY).view
    assert csr.differences(asked, asked) == [], path
    assert csr.differences(asked, got) == [told]


def test_an_ou_that_is_no_role_is_not_called_one():
    key = csrs.rsa_key()
    asked = csr.parse(csrs.iki(key), LIBRARY).view
    got = view_request(csrs.iki(key, role="BTPTEAMS"))
    assert csr.differences(asked, got) == ["the organisational unit differs"]


@pytest.mark.parametrize(("profile", "is_named"), [(None, True), ("organisation", False)])
def test_the_refusal_of_a_guessed_type_says_how_to_name_another(profile, is_named):
    asked = None if profile is None else LIBRARY.profile(profile)
    faulty = organisation([csrs.extension(csrs.KEY_USAGE, csrs.BOTH_USAGES)])
    with pytest.raises(csr.CsrFaultsError) as caught:
        csr.parse(faulty, LIBRARY, asked)
    assert ("--profile" in caught.value.remedy) is is_named


def test_subscriber_comparison_finds_another_key_and_another_device():
    asked = csr.parse(csrs.device(KEY), LIBRARY).view
    got = csr.parse(
        csrs.device(csrs.new_key(), device_id=bytes(range(8)), hw_type="1.2.3"), LIBRARY
    ).view
    told = csr.differences(asked, got)
    assert told == ["the public key differs", "the hwType differs", "the Device ID differs"]


@pytest.mark.parametrize("source", ["file", "standard input"])
def test_ten_megabytes_to_the_command_leave_the_estate_as_it_was(
    command, quickstart, tmp_path, source
):
    noise = b"\x30\x84" * 5_000_000
    path = tmp_path / "noise"
    path.write_bytes(noise)
    file = path if source == "file" else "-"
    before = hashlib.sha256((quickstart / "estate.sqlite").read_bytes()).digest()
    outcome = command(
        *("--estate", quickstart, "sign", file, "--participant", "meters-one"),
        *("--purpose", "device-and-user-system-tests"),
        stdin=noise,
    )
    assert outcome.code == 4
    assert len(outcome.err.splitlines()) == 1
    assert hashlib.sha256((quickstart / "estate.sqlite").read_bytes()).digest() == before


def what_else():
    key = csrs.new_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return {
        "a private key": (pkcs8(key), "it holds a private key"),
        "a public key": (
            key.public_key().public_bytes(serialization.Encoding.PEM, form),
            "it holds a public key",
        ),
        "a CRL": (csrs.pem(revocation_list(), header="X509 CRL"), "it holds a CRL"),
        "hexadecimal": (device().hex(":").encode(), "such as hexadecimal; give it in PEM"),
        "UTF-16": (csrs.pem(device()).decode().encode("utf-16-le"), "it is text in UTF-16"),
        "a key store of Java": (bytes.fromhex("feedfeed00000002"), "keytool -importkeystore"),
        "an empty file": (b"\n", "it is empty"),
    }


WHAT_ELSE = what_else()


@pytest.mark.parametrize(("data", "said"), WHAT_ELSE.values(), ids=WHAT_ELSE)
def test_what_is_no_csr_is_told_by_what_it_is(data, said):
    with pytest.raises(CsrFaultsError) as caught:
        csr.parse(data, LIBRARY)
    assert caught.value.code == "csr.encoding"
    assert said in caught.value.message


@pytest.mark.parametrize("first", ["0: Certificate request", "0\t", "00:00 made"])
def test_a_line_above_that_begins_with_the_digit_0_is_text(first):
    data = f"{first}\n".encode() + csrs.pem(device())
    assert csr.parse(data, LIBRARY).usage is KeyUsage.KEY_AGREEMENT
