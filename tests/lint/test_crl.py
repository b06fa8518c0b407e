from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from corpora import good_pem, good_settings
from csrs import pem
from golden_cases import AT, TRUSTED, documents, octets
from smki_testca.der import encode
from smki_testca.importers.sources import Source, sources
from smki_testca.lint.chain import gathered
from smki_testca.lint.drawing import asn1_lines, draw
from smki_testca.lint.engine import Linter
from smki_testca.lint.linted import LintSettings
from smki_testca.lint.whole_input import lint_all
from smki_testca.profiles import Library
from smki_testca.x509 import entries
from smki_testca.x509.view import view_revocation_list

TIME = encode.time(datetime(2026, 11, 30, tzinfo=UTC))
KEY_COMPROMISE = bytes.fromhex("300c300a0603551d1504030a0101")
INVALIDITY = encode.sequence(
    encode.sequence(encode.oid("2.5.29.24"), encode.octet_string(b"\x18\x0f20261129000000Z"))
)
CRL = "good-organisation-crl"


def golden_document(name):
    (der,) = documents(name)
    return der


def long_crl(*listed):
    """The good CRL with other entries; nobody signed it."""
    view = view_revocation_list(golden_document(CRL))
    before = view.fields["revokedCertificates"].node
    tbs = view.signed
    inside = b"".join(
        encode.sequence(*listed) if one.offset == before.offset else one.encoded
        for one in tbs.children
    )
    return encode.sequence(
        encode.sequence(inside), view.signature_algorithm.encoded, encode.bit_string(b"\x30\x00")
    )


def entry(number, *extensions):
    return encode.sequence(encode.integer(0x41 << 120 | number), TIME, *extensions)


@pytest.fixture(scope="module")
def linter():
    return Linter(LintSettings(AT, trusted=TRUSTED), gathered(TRUSTED))


def codes(linted):
    return sorted({finding.code for finding in linted.findings})


# A hundred thousand entries


@pytest.fixture(scope="module")
def hundred_thousand():
    extensions = (b"", KEY_COMPROMISE)
    return long_crl(*(entry(number, extensions[number % 2]) for number in range(100_000)))


@pytest.mark.slow
def test_a_hundred_thousand_entries_are_linted_in_a_moment(linter, hundred_thousand):
    start = time.process_time()
    linted = linter.lint(Source("-", 0, hundred_thousand))
    # Far above what it takes.
    assert time.process_time() - start < 10
    assert (linted.kind, codes(linted)) == ("organisation-crl", ["signature.malformed"])


@pytest.mark.slow
def test_a_hundred_thousand_entries_that_are_all_wrong_have_one_finding_for_each_rule(linter):
    wrong = long_crl(*(entry(number % 7, INVALIDITY) for number in range(20_000)))
    linted = linter.lint(Source("-", 0, wrong))
    assert codes(linted) == [
        "crl.serial_twice",
        "revokedCertificates.invalidityDate.present",
        "signature.malformed",
    ]
    assert len(linted.findings) == 3
    (twice,) = (one for one in linted.findings if one.code == "crl.serial_twice")
    assert "and 19,992 others" in twice.message


@pytest.mark.slow
def test_a_hundred_thousand_entries_are_shown_by_the_first_and_their_number(
    linter, hundred_thousand
):
    linted = linter.lint(Source("-", 0, hundred_thousand))
    lines = {line.path: line.value for line in draw(hundred_thousand, linted, linter)}
    assert lines["revokedCertificates"] == "100,000, the first 20 below"
    listed = [path for path in lines if path.startswith("revokedCertificates.")]
    assert listed == [f"revokedCertificates.{number}" for number in range(1, 21)]
    assert lines["revokedCertificates.2"].endswith("2026-11-30 00:00:00Z, keyCompromise")
    assert lines["extensions.cRLNumber"] == "7"


def test_the_elements_of_a_long_crl_are_listed_with_what_is_left_out(hundred_thousand):
    lines = asn1_lines(hundred_thousand)
    assert len(lines) < 250
    (remark,) = (line for line in lines if "remark" in line)
    assert remark["remark"] == "99,980 more entries follow"
    assert lines[-1]["tag"] == "BIT STRING"
    short = long_crl(*(entry(number) for number in range(20)))
    assert not any("remark" in line for line in asn1_lines(short))


def test_the_documented_length_is_read_and_one_octet_more_is_not(linter):
    whole = long_crl(entry(1))
    padding = entries.MAX_OCTETS - len(whole)
    fitting = next(
        made
        for slack in range(12, 40)
        for made in [long_crl(entry(1), encode.octet_string(bytes(padding - slack)))]
        if len(made) == entries.MAX_OCTETS
    )
    (one,) = sources(["-"], fitting)
    assert one.problem is None
    assert codes(linter.lint(one)) == ["crl.entry", "signature.malformed"]
    (more,) = sources(["-"], fitting + b"\x00")
    assert more.problem is not None
    assert more.problem.code == "document.too_long"


# What a run is told


def lint(data, tmp_path, **settings):
    path = tmp_path / "documents.pem"
    path.write_bytes(data)
    return lint_all(sources([str(path)]), LintSettings(settings.pop("at", AT), **settings))


def test_a_crl_is_recognised_by_the_certificate_of_its_ca_that_is_given_with_it(tmp_path):
    trusted = b"".join(pem(der, header="CERTIFICATE") for der in good_settings().trusted)
    *_, crl = lint(trusted + good_pem("iki-arl"), tmp_path, at=good_settings().at)
    assert (crl.kind, crl.findings) == ("iki-arl", ())


@pytest.mark.slow
def test_a_crl_is_recognised_by_the_name_of_its_ca_alone(tmp_path):
    for name in ("organisation-crl", "organisation-arl", "dccki-crl", "iki-arl"):
        (crl,) = lint(good_pem(name), tmp_path, at=good_settings().at)
        assert (crl.kind, codes(crl)) == (name, ["issuer.unknown"])


def test_a_crl_is_held_to_the_profile_that_a_run_names_and_certificates_are_not(tmp_path):
    data = good_pem("organisation") + good_pem("dccki-crl")
    certificate, crl = lint(data, tmp_path, as_profile="iki-crl")
    assert (certificate.kind, crl.kind) == ("organisation", "iki-crl")


def test_a_profile_of_certificates_does_not_hold_crls(tmp_path):
    data = good_pem("organisation") + good_pem("dccki-crl")
    certificate, crl = lint(data, tmp_path, as_profile="device")
    assert (certificate.kind, crl.kind) == ("device", "dccki-crl")


def test_a_crl_follows_the_rows_of_an_operator(tmp_path):
    profile = Library().revocation_list_profile("organisation-crl")
    text = Path(profile.origin).read_text("utf-8")
    folder = tmp_path / "profiles" / "revocation-lists"
    folder.mkdir(parents=True)
    path = folder / "organisation-crl.toml"
    path.write_text(text.replace("max-hours = 48", "max-hours = 24"), "utf-8")
    (crl,) = lint(octets(CRL), tmp_path, profiles=(tmp_path / "profiles",))
    assert codes(crl) == ["issuer.unknown", "nextUpdate.period"]


# Time


@pytest.mark.parametrize(
    ("at", "code"),
    [
        ("2026-11-30T11:59:59", "crl.future"),
        ("2026-11-30T12:00:00", None),
        ("2026-12-02T12:00:00", None),
        ("2026-12-02T12:00:01", "crl.stale"),
    ],
)
def test_a_crl_is_current_from_this_update_to_next_update(tmp_path, at, code):
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    (crl,) = lint(octets(CRL), tmp_path, at=moment)
    assert codes(crl) == sorted([*([code] if code else []), "issuer.unknown"])


# Documents together


def test_a_certificate_is_revoked_from_the_date_on_its_crl_on(tmp_path):
    data = octets("set-revoked")
    for at, expected in (
        (datetime(2026, 11, 29, 23, 59, 59, tzinfo=UTC), []),
        (datetime(2026, 11, 30, tzinfo=UTC), ["validity.revoked"]),
    ):
        certificate, _ = lint(data, tmp_path, at=at, trusted=TRUSTED, environment="ZAZ1")
        assert codes(certificate) == expected


def test_a_crl_whose_signature_nobody_checked_revokes_nothing(tmp_path):
    certificate, crl = lint(octets("set-revoked"), tmp_path)
    assert "validity.revoked" not in codes(certificate)
    assert codes(crl) == ["issuer.unknown"]


def test_the_same_crl_twice_is_no_number_twice(tmp_path):
    for one in lint(octets(CRL) * 2, tmp_path):
        assert codes(one) == ["issuer.unknown"]


def test_numbers_that_rise_with_time_are_right_in_whatever_order_they_come(tmp_path):
    later, earlier = octets("set-revoked-no-more").split(b"-----END X509 CRL-----\n")[:2]
    end = b"-----END X509 CRL-----\n"
    crls = [part[part.index(b"-----BEGIN X509 CRL") :] + end for part in (later, earlier)]
    for order in (crls, crls[::-1]):
        for one in lint(b"".join(order), tmp_path):
            assert codes(one) == ["issuer.unknown"]


def test_crls_are_linted_over_all_cores_as_they_are_on_one(tmp_path, monkeypatch):
    from smki_testca.lint import whole_input  # noqa: PLC0415 - only what it counts from is changed

    data = octets("set-revoked") + octets("set-crl_number") + good_pem("iki-crl")
    alone = lint(data, tmp_path)
    monkeypatch.setattr(whole_input, "_PARALLEL_FROM", 1)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    together = lint(data, tmp_path)
    assert [one.as_json() for one in together] == [one.as_json() for one in alone]


# The octet of a finding in an entry


REASON = encode.oid("2.5.29.21")
UNKNOWN = encode.sequence(encode.oid("1.2.3.4"), b"\x01\x01\xff", encode.octet_string(b"\x05\x00"))


def reasons(*octets):
    each = [encode.sequence(REASON, encode.octet_string(b"\x0a\x01" + one)) for one in octets]
    return encode.sequence(*each)


@pytest.mark.parametrize(
    ("code", "listed", "at"),
    [
        ("crl.reason_unknown", entry(1, reasons(b"\x07")), reasons(b"\x07")[2:]),
        ("crl.reason_unspecified", entry(1, reasons(b"\x00")), reasons(b"\x00")[2:]),
        ("crl.reason_remove", entry(1, reasons(b"\x08")), reasons(b"\x08")[2:]),
        ("extensions.unknown_critical", entry(1, encode.sequence(UNKNOWN)), UNKNOWN),
        (
            "extensions.duplicate",
            entry(1, reasons(b"\x01", b"\x03")),
            reasons(b"\x03")[2:],
        ),
        (
            "revokedCertificates.userCertificate.value",
            encode.sequence(b"\x02\x01\x00", TIME),
            b"\x02\x01\x00",
        ),
        (
            "revokedCertificates.revocationDate.encoding",
            encode.sequence(encode.integer(7), b"\x18\x0f20261130000000Z"),
            b"\x18\x0f20261130000000Z",
        ),
    ],
)
@pytest.mark.parametrize("before", [(), (entry(2),)], ids=["first", "second"])
def test_a_finding_in_an_entry_has_the_octet_of_the_part_at_fault(linter, code, listed, at, before):
    made = long_crl(*before, listed)
    (finding,) = (one for one in linter.lint(Source("-", 0, made)).findings if one.code == code)
    assert finding.offset == made.rindex(at)


def test_an_extension_of_certificates_in_a_crl_is_not_called_unknown(linter):
    constraints = encode.sequence(
        encode.oid("2.5.29.19"), b"\x01\x01\xff", encode.octet_string(encode.sequence())
    )
    made = golden_document(CRL)
    view = view_revocation_list(made)
    last = view.extension_nodes[-1]
    parts = [
        one.encoded
        if one.tag != 0xA0
        else encode.tlv(
            0xA0,
            encode.sequence(*(each.encoded for each in view.extension_nodes), constraints),
        )
        for one in view.signed.children
    ]
    assert last.encoded in parts[-1]
    changed = encode.sequence(
        encode.sequence(*parts), view.signature_algorithm.encoded, encode.bit_string(b"\x30\x00")
    )
    (finding,) = (
        one
        for one in linter.lint(Source("-", 0, changed)).findings
        if one.code == "extensions.unknown_critical"
    )
    assert "basicConstraints is critical, and no CRL has it" in finding.message
