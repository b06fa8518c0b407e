"""Linting and describing documents from Python."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from smki_testca import InputError, Severity, describe_documents, lint_documents

GOLDEN = Path(__file__).parents[1] / "golden"
TRUST = GOLDEN / "trust.pem"
DECIMAL_ROLE = GOLDEN / "cases" / "o04-role-decimal.pem"
AT = datetime(2026, 12, 1, tzinfo=UTC)


def test_a_file_is_linted_by_its_path_and_by_its_octets():
    (by_path,) = lint_documents(DECIMAL_ROLE, at=AT, environment="ZAZ1", trusted=[TRUST])
    octets = DECIMAL_ROLE.read_bytes()
    (by_octets,) = lint_documents(octets, at=AT, environment="ZAZ1", trusted=[TRUST.read_bytes()])
    assert (by_path.kind, by_path.file, by_octets.file) == ("organisation", str(DECIMAL_ROLE), "-")
    (finding,) = by_path.findings
    assert finding.code == "subject.organizationalUnitName.role_decimal"
    assert finding.severity is Severity.ERROR
    assert by_octets.findings == by_path.findings


def test_a_folder_is_linted_whole_and_documents_are_compared(tmp_path):
    for name in ("one.pem", "two.pem"):
        (tmp_path / name).write_bytes(DECIMAL_ROLE.read_bytes())
    linted = lint_documents(str(tmp_path), at=AT, trusted=[TRUST])
    assert [Path(document.file).name for document in linted] == ["one.pem", "two.pem"]
    assert all(document.findings for document in linted)


def test_a_profile_can_be_demanded_and_must_exist():
    (linted,) = lint_documents(DECIMAL_ROLE, at=AT, profile="device", trusted=[TRUST])
    assert linted.kind == "device"
    with pytest.raises(InputError, match="no profile 'devise'"):
        lint_documents(DECIMAL_ROLE, profile="devise")
    with pytest.raises(InputError, match="no environment"):
        describe_documents(DECIMAL_ROLE, environment="ZAZ9")


def test_a_document_is_described_field_by_field():
    (description,) = describe_documents(DECIMAL_ROLE, at=AT, trusted=[TRUST])
    assert description.subject == "CN=Supplier One, OU=137, ID=90-B3-D5-1F-30-01-00-00"
    assert description.fields["version"] == "v3"
    assert description.fields["signatureValue"].startswith("ecdsa-with-SHA256, verifies with")
    assert Severity.ERROR in {finding.severity for finding in description.findings}
    assert set(description.as_json()) == {"kind", "subject", "fields", "findings"}


def test_what_cannot_be_read_is_a_finding_of_lint_and_an_error_of_describe(tmp_path):
    missing = tmp_path / "missing.pem"
    (linted,) = lint_documents(missing)
    assert [finding.code for finding in linted.findings] == ["document.unreadable"]
    with pytest.raises(InputError, match=r"missing\.pem cannot be read"):
        describe_documents(missing)


@pytest.mark.parametrize("octets", [b"", b"\x30\x03\x02\x01\x01", b"no certificate"])
def test_only_certificates_are_trusted(octets):
    with pytest.raises(InputError) as caught:
        lint_documents(DECIMAL_ROLE, trusted=[octets])
    assert caught.value.code == "lint.trust"


def test_a_file_called_by_the_sign_for_standard_input_is_a_file(tmp_path, monkeypatch):
    (tmp_path / "-").write_bytes(DECIMAL_ROLE.read_bytes())
    monkeypatch.chdir(tmp_path)
    (linted,) = lint_documents("-", at=AT)
    assert linted.kind == "organisation"
