import os

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ORGANISATION = (
    *("organisation", "--participant", "supplier-one", "--purpose", "uept"),
    *("--id", "90-B3-D5-1F-30-01-00-00", "--role", "supplier", "--usage", "digital-signature"),
)
DEVICE = (
    *("device", "--participant", "meters-one", "--purpose", "device-and-user-system-tests"),
    *("--device-id", "00-DB-12-00-00-00-00-05", "--hw-type", "1.2.3", "--usage", "key-agreement"),
)
DCCKI = (
    *("dccki", "--participant", "supplier-one", "--purpose", "srept"),
    *("--common-name", "gw.supplier-one.test", "--dns", "gw.supplier-one.test"),
)
IKI = (
    *("iki", "--participant", "supplier-one", "--purpose", "srept"),
    *("--system-name", "adhoc-csr", "--role", "supplier"),
)
REQUESTS = {"organisation": ORGANISATION, "device": DEVICE, "dccki": DCCKI, "iki": IKI}

RECORD = {
    *("serial", "profile", "hierarchy", "tier", "environment", "category", "participant"),
    *("eui64", "role", "usage", "label", "issuer", "not_before", "not_after", "issued_at"),
    *("sha256", "name", "subject"),
}


def _changed(request, option, value):
    """The request with the value of one option changed, or with that option, too."""
    if option not in request:
        return (*request, option, value)
    place = request.index(option) + 1
    return (*request[:place], value, *request[place + 1 :])


def _count(command, quickstart):
    return len(command("--estate", quickstart, "--json", "list").json["certificates"])


@pytest.fixture(scope="module")
def key():
    return ec.generate_private_key(ec.SECP256R1())


def _device_csr(key, device_id="00db120000000005"):
    module = bytes.fromhex(f"300e06022a030408{device_id}")
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .add_extension(
            x509.KeyUsage(True, *[False] * 8),  # noqa: FBT003 - the bits in their order
            critical=True,
        )
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.OtherName(x509.ObjectIdentifier("1.3.6.1.5.5.7.8.4"), module)]
            ),
            critical=True,
        )
        .sign(key, hashes.SHA256())
    )


@pytest.mark.parametrize("profile", REQUESTS)
def test_check_says_under_what_a_request_would_be_granted_and_issues_nothing(
    command, quickstart, profile
):
    before = _count(command, quickstart)
    outcome = command("--estate", quickstart, "check", *REQUESTS[profile])
    assert outcome.code == 0
    assert outcome.out.startswith("granted under agreement ")
    said = command("--estate", quickstart, "--json", "check", *REQUESTS[profile])
    assert said.code == 0
    granted = said.json["authorisation"]
    assert set(granted) == {
        *("granted", "request", "category", "agreement", "environment", "warnings"),
    }
    assert granted["granted"] is True
    assert granted["environment"] == "ZAZ1"
    assert granted["request"]["profile"] == profile
    assert _count(command, quickstart) == before


@pytest.mark.slow
@pytest.mark.parametrize("profile", REQUESTS)
@pytest.mark.shows("3-issue-4", "R5")
def test_issue_gives_the_record_and_the_certificate_itself(command, quickstart, profile):
    outcome = command(
        "--estate", quickstart, "--json", "issue", *REQUESTS[profile], "--label", "mine"
    )
    assert outcome.code == 0
    assert set(outcome.json) == {"certificates", "warnings"}
    (one,) = outcome.json["certificates"]
    assert set(one) == RECORD | {"pem"}
    certificate = x509.load_pem_x509_certificate(one.pop("pem").encode())
    assert certificate.serial_number == int(one["serial"], 16)
    assert certificate.fingerprint(hashes.SHA256()).hex() == one["sha256"]
    assert (one["profile"], one["label"]) == (profile, "mine")
    listed = command("--estate", quickstart, "--json", "list", "--label", "mine").json
    assert listed["certificates"] == [one | {"status": "I"}]


def test_issue_prints_a_table(command, quickstart):
    outcome = command("--estate", quickstart, "issue", *ORGANISATION, "--label", "mine")
    assert outcome.code == 0
    header, line = outcome.out.splitlines()
    assert header.split()[0] == "Label"
    assert line.split()[0] == "mine"


def test_each_usage_asked_for_gives_one_certificate_and_a_repeated_one_no_more(command, quickstart):
    more = ("--usage", "key-agreement", "--usage", "key-agreement")
    outcome = command("--estate", quickstart, "--json", "issue", *ORGANISATION, *more)
    assert [one["usage"] for one in outcome.json["certificates"]] == [
        *("digital-signature", "key-agreement"),
    ]


@pytest.mark.parametrize("role", ["supplier", "Supplier", "02"])
def test_a_role_is_named_or_given_in_hexadecimal(command, quickstart, role):
    request = _changed(ORGANISATION, "--role", role)
    outcome = command("--estate", quickstart, "--json", "issue", *request)
    assert outcome.json["certificates"][0]["role"] == "02"


@pytest.mark.slow
def test_a_certificate_is_issued_in_another_environment_once_its_cas_are_there(command, quickstart):
    request = (*ORGANISATION, "--environment", "UIT-A")
    outcome = command("--estate", quickstart, "--json", "issue", *request)
    assert outcome.code == 5
    assert outcome.json["error"]["code"] == "estate.no_authority"
    assert command("init", quickstart, "--environment", "UIT-A").code == 0
    outcome = command("--estate", quickstart, "--json", "issue", *request)
    assert outcome.code == 0
    pem = outcome.json["certificates"][0]["pem"]
    issuer = x509.load_pem_x509_certificate(pem.encode()).issuer
    assert issuer.rfc4514_string() == "CN=U2,OU=07"


def test_a_usage_never_seen_under_a_role_is_a_warning_on_standard_error(command, quickstart):
    request = (
        *("organisation", "--participant", "dcc", "--purpose", "uept"),
        *("--id", "90-B3-D5-1F-30-00-00-01", "--role", "recovery", "--usage", "key-agreement"),
    )
    outcome = command("--estate", quickstart, "issue", *request)
    assert outcome.code == 0
    assert outcome.err.startswith("warning: ")
    said = command("--estate", quickstart, "--json", "issue", *request)
    assert said.err == ""
    assert f"warning: {said.json['warnings'][0]}\n" == outcome.err


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["check", "issue"])
@pytest.mark.parametrize(
    ("profile", "option", "value", "code"),
    [
        ("organisation", "--participant", "nobody", "participant.unknown"),
        ("organisation", "--participant", "labs-one", "agreement.none"),
        ("organisation", "--purpose", "baking", "purpose.not_a_testing_service"),
        ("organisation", "--id", "90-B3-D5-1F-30-03-00-00", "id.outside_range"),
        ("organisation", "--id", "90-B3-D5-1F-30-01-00-77", "id.not_allocated"),
        ("organisation", "--role", "networkOperator", "id.role_not_held"),
        ("device", "--device-id", "90-B3-D5-1F-30-01-00-00", "device_id.in_sec_registry_entry"),
        (
            "device",
            "--device-id",
            "00-DB-13-00-00-00-00-05",
            "device_id.outside_own_registry_entry",
        ),
        ("device", "--purpose", "uept", "purpose.not_covered"),
        ("dccki", "--participant", "meters-one", "category.not_open"),
        ("iki", "--participant", "labs-one", "category.not_open"),
        ("iki", "--role", "networkOperator", "role.not_held"),
    ],
)
def test_a_refusal_is_3_and_gives_code_rule_reason_and_remedy(
    command, quickstart, verb, profile, option, value, code
):
    before = _count(command, quickstart)
    request = _changed(REQUESTS[profile], option, value)
    outcome = command("--estate", quickstart, "--json", verb, *request)
    assert outcome.code == 3
    assert outcome.err == ""
    assert set(outcome.json) == {"refusal"}
    refusal = outcome.json["refusal"]
    assert set(refusal) == {"code", "rule", "reason", "remedy", "all"}
    assert code in [one["code"] for one in refusal["all"]]
    assert {name: refusal[name] for name in refusal if name != "all"} == refusal["all"][0]
    told = command("--estate", quickstart, verb, *request)
    assert told.code == 3
    assert told.out == ""
    assert told.err.splitlines() == [
        f"refused [{one['code']}, {one['rule']}]: {one['reason']} {one['remedy']}"
        for one in refusal["all"]
    ]
    assert _count(command, quickstart) == before


def test_a_signifier_that_is_not_ones_own_is_refused(command, quickstart):
    request = (*DCCKI, "--signifier", "TPTY-SUPPLIER-TWO")
    outcome = command("--estate", quickstart, "--json", "issue", *request)
    assert outcome.code == 3
    assert outcome.json["refusal"]["code"] == "signifier.not_own"
    request = (*DCCKI, "--signifier", "TPTY-SUPPLIER-ONE")
    assert command("--estate", quickstart, "issue", *request).code == 0


@pytest.mark.parametrize(
    ("environment", "code"), [("live", "live.environment"), ("Mars", "environment.unknown")]
)
def test_an_environment_that_is_none_is_refused(command, quickstart, environment, code):
    request = (*ORGANISATION, "--environment", environment)
    outcome = command("--estate", quickstart, "--json", "check", *request)
    assert outcome.code == 3
    assert [one["code"] for one in outcome.json["refusal"]["all"]] == [code]


def test_remote_delivery_is_refused_where_it_was_not_agreed(command, quickstart):
    outcome = command("--estate", quickstart, "--json", "check", *DEVICE, "--delivery", "remote")
    assert outcome.json["refusal"]["code"] == "delivery.not_agreed"
    outcome = command("--estate", quickstart, "--json", "check", *DCCKI, "--delivery", "remote")
    assert outcome.json["refusal"]["code"] == "delivery.not_open"
    assert command("--estate", quickstart, "check", *IKI, "--delivery", "remote").code == 0


@pytest.mark.parametrize("verb", ["check", "issue"])
@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
@pytest.mark.shows("R3")
def test_a_request_without_a_purpose_is_a_usage_error(command, quickstart, verb, request_):
    place = request_.index("--purpose")
    without = (*request_[:place], *request_[place + 2 :])
    outcome = command("--estate", quickstart, verb, *without)
    assert outcome.code == 2
    assert outcome.err.startswith("error: Missing option '--purpose'.")


def test_all_refusals_of_a_request_come_together(command, quickstart):
    request = (
        *("organisation", "--participant", "labs-one", "--purpose", "baking"),
        *("--id", "90-B3-D5-1F-30-01-00-00", "--role", "supplier", "--usage", "key-agreement"),
        *("--environment", "production"),
    )
    outcome = command("--estate", quickstart, "--json", "check", *request)
    assert {one["code"] for one in outcome.json["refusal"]["all"]} == {
        *("agreement.none", "purpose.not_a_testing_service", "category.not_open"),
        *("id.outside_range", "id.not_allocated", "live.environment"),
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("profile", "option", "value", "code"),
    [
        ("organisation", "--id", "90-B3-D5-1F-30-01-00", "eui64.form"),
        ("organisation", "--id", "90-B3-D5-1F-30-01-00-00-00", "eui64.form"),
        ("organisation", "--id", "90:B3:D5:1F:30:01:00:00", "eui64.form"),
        ("organisation", "--id", "0x90b3d51f30010000", "eui64.form"),
        ("organisation", "--id", " 90b3d51f30010000", "eui64.form"),
        ("organisation", "--id", "90b3d51f30010000\n", "eui64.form"),
        ("organisation", "--id", "90-b3d51f-30-01-00-00", "eui64.form"),
        ("organisation", "--id", "90-B3-D5-1F-30-01-00-0G", "eui64.form"),
        ("organisation", "--id", "\u0669\u0660b3d51f30010000", "eui64.form"),
        ("organisation", "--id", "", "request.incomplete"),
        ("organisation", "--role", "baker", "role.unknown"),
        ("organisation", "--role", "2", "role.unknown"),
        ("organisation", "--role", "0x02", "role.unknown"),
        ("organisation", "--role", "FF", "role.unknown"),
        ("device", "--device-id", "00-DB-12-00-00-05", "eui64.form"),
        ("device", "--hw-type", "meter", "oid.form"),
        ("device", "--hw-type", "1.40.1", "oid.form"),
        ("device", "--hw-type", "1." + "9" * 3000, "oid.form"),
        ("iki", "--system-name", "x" * 65, "request.value"),
        ("dccki", "--common-name", "bell\a", "field.characters"),
        ("dccki", "--common-name", "A\uffffB", "field.characters"),
        ("dccki", "--common-name", "   ", "field.empty"),
        ("organisation", "--common-name", "   ", "field.empty"),
        ("dccki", "--dns", "two words", "request.value"),
        ("dccki", "--dns", "ŝ.test", "field.characters"),
        ("iki", "--system-name", "x" * 10_000, "request.value"),
        ("iki", "--role", "root0", "role.unknown"),
    ],
)
@pytest.mark.shows("¶27", "R4")
def test_an_option_that_cannot_be_used_is_one_line_and_changes_nothing(
    command, quickstart, one_line, file_digest, profile, option, value, code
):
    before = file_digest(quickstart)
    request = _changed(REQUESTS[profile], option, value)
    outcome = command("--estate", quickstart, "issue", *request)
    assert outcome.code == 4
    one_line(outcome)
    said = command("--estate", quickstart, "--json", "issue", *request)
    assert said.code == 4
    assert said.json["error"]["code"] == code
    assert file_digest(quickstart) == before


@pytest.mark.parametrize("option", ["--usage", "--delivery"])
def test_a_choice_that_is_none_is_wrong_usage(command, quickstart, one_line, option):
    outcome = command("--estate", quickstart, "issue", *ORGANISATION, option, "sometimes")
    assert outcome.code == 2
    one_line(outcome)


@pytest.mark.parametrize("profile", REQUESTS)
def test_every_needed_option_left_out_is_wrong_usage(command, quickstart, one_line, profile):
    name, *options = REQUESTS[profile]
    pairs = [options[number : number + 2] for number in range(0, len(options), 2)]
    for left_out in pairs:
        if left_out[0] == "--dns":
            continue
        given = [word for pair in pairs if pair is not left_out for word in pair]
        outcome = command("--estate", quickstart, "issue", name, *given)
        assert outcome.code == 2
        assert left_out[0] in one_line(outcome)


@pytest.mark.parametrize("form", [Encoding.PEM, Encoding.DER])
def test_sign_prints_the_certificate_that_a_csr_asks_for(command, quickstart, tmp_path, key, form):
    path = tmp_path / "meter.csr"
    path.write_bytes(_device_csr(key).public_bytes(form))
    arguments = ("--participant", "meters-one", "--purpose", "device-and-user-system-tests")
    outcome = command("--estate", quickstart, "sign", path, *arguments)
    assert outcome.code == 0
    certificate = x509.load_pem_x509_certificate(outcome.out.encode())
    assert certificate.public_key() == key.public_key()
    assert outcome.out.startswith("-----BEGIN CERTIFICATE-----\n")


def test_sign_reads_standard_input_and_tells_in_json_what_issue_tells(command, quickstart, key):
    outcome = command(
        *("--estate", quickstart, "--json", "sign", "-", "--participant", "meters-one"),
        *("--purpose", "device-and-user-system-tests", "--label", "by-csr"),
        stdin=_device_csr(key).public_bytes(Encoding.PEM),
    )
    assert outcome.code == 0
    (one,) = outcome.json["certificates"]
    assert set(one) == RECORD | {"pem"}
    assert (one["label"], one["eui64"]) == ("by-csr", "00-DB-12-00-00-00-00-05")


def test_sign_leaves_the_estate_without_a_private_key_to_export(command, quickstart, key, tmp_path):
    command(
        *("--estate", quickstart, "sign", "-", "--participant", "meters-one"),
        *("--purpose", "device-and-user-system-tests", "--label", "by-csr"),
        stdin=_device_csr(key).public_bytes(Encoding.PEM),
    )
    outcome = command(
        *("--estate", quickstart, "export", "--format", "pem", "--out", tmp_path / "out"),
        *("--with-keys", "--label", "by-csr"),
    )
    assert outcome.code == 0
    assert list((tmp_path / "out").rglob("*.key")) == []


def test_a_csr_for_somebody_elses_device_is_refused(command, quickstart, key):
    outcome = command(
        *("--estate", quickstart, "--json", "sign", "-", "--participant", "meters-one"),
        *("--purpose", "device-and-user-system-tests"),
        stdin=_device_csr(key, "0011223344556677").public_bytes(Encoding.PEM),
    )
    assert outcome.code == 3
    assert outcome.json["refusal"]["code"] == "device_id.outside_own_registry_entry"


@pytest.mark.shows("R22")
def test_a_refused_csr_gives_every_fault_and_can_be_submitted_again(
    command, quickstart, one_line, file_digest, key
):
    arguments = (
        *("sign", "-", "--participant", "meters-one"),
        *("--purpose", "device-and-user-system-tests"),
    )
    good = _device_csr(key).public_bytes(Encoding.DER)
    usage = bytes.fromhex("0603551d0f0101ff04040302")
    bad = good.replace(usage + b"\x07\x80", usage + b"\x06\x40")
    assert bad != good
    before = file_digest(quickstart)
    outcome = command("--estate", quickstart, "--json", *arguments, stdin=bad)
    assert outcome.code == 4
    error = outcome.json["error"]
    assert set(error) == {"code", "message", "remedy", "all"}
    assert {one["code"] for one in error["all"]} == {"csr.signature", "csr.key_usage"}
    assert all(set(one) == {"code", "message"} for one in error["all"])
    one_line(command("--estate", quickstart, *arguments, stdin=bad))
    assert file_digest(quickstart) == before
    assert command("--estate", quickstart, *arguments, stdin=good).code == 0


def _truncated(csr):
    return csr[: len(csr) // 2]


def _other_curve(_csr):
    return _device_csr(ec.generate_private_key(ec.SECP384R1())).public_bytes(Encoding.DER)


def _no_csr(_csr):
    key = ec.generate_private_key(ec.SECP256R1())
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.slow
@pytest.mark.parametrize(
    "spoil",
    [
        _truncated,
        _other_curve,
        _no_csr,
        lambda csr: csr + b"\x00",
        lambda _: b"",
        lambda _: b"\x30\x80" * 5000,
        lambda _: os.urandom(5000),
        lambda _: bytes(10_000_000),
        lambda _: b"A" * 10_000_000,
        lambda csr: _pem(csr) + _pem(csr),
        lambda csr: _pem(csr).replace(b"M", b"*"),
    ],
    ids=[
        *("truncated", "other-curve", "public-key", "trailing", "empty", "nested", "noise"),
        *("10MB-zeros", "10MB-base64", "two", "broken-base64"),
    ],
)
def test_a_csr_that_cannot_be_used_is_one_line_and_changes_nothing(
    command, quickstart, one_line, file_digest, key, spoil
):
    data = spoil(_device_csr(key).public_bytes(Encoding.DER))
    before = file_digest(quickstart)
    arguments = ("sign", "-", "--participant", "meters-one", "--purpose", "uept")
    outcome = command("--estate", quickstart, *arguments, stdin=data)
    assert outcome.code == 4
    one_line(outcome)
    said = command("--estate", quickstart, "--json", *arguments, stdin=data)
    assert said.code == 4
    assert said.json["error"]["code"].split(".")[0] in {"csr", "der", "input"}
    assert file_digest(quickstart) == before


def _pem(csr):
    return x509.load_der_x509_csr(csr).public_bytes(Encoding.PEM)


def test_the_key_of_a_csr_is_the_only_thing_taken_on_trust(command, quickstart, key):
    """What the CA adds is the CA's, whatever the CSR holds."""
    outcome = command(
        *("--estate", quickstart, "sign", "-", "--participant", "meters-one"),
        *("--purpose", "device-and-user-system-tests"),
        stdin=_device_csr(key).public_bytes(Encoding.PEM),
    )
    certificate = x509.load_pem_x509_certificate(outcome.out.encode())
    point = key.public_key().public_bytes(
        Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    digest = hashes.Hash(hashes.SHA1())  # noqa: S303 - RFC 5280 derives key identifiers by it
    digest.update(point)
    low = digest.finalize()[-8:]
    expected = bytes((0x40 | low[0] & 0x0F,)) + low[1:]
    found = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    assert found.value.digest == expected
