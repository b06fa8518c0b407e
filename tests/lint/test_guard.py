from __future__ import annotations

import pytest

from smki_testca.importers.sources import sources
from smki_testca.lint import certificate, chain, crl, csr, engine, sets, strict
from smki_testca.lint.findings import Breach
from smki_testca.lint.guard import run
from test_golden import GOLDEN, lint, read, told

FAILED = "internal.rule_failed"


def fails(document):
    yield Breach("validity.order", None, "found before the failure", "")
    raise ZeroDivisionError(type(document).__name__)


def goes_on(_):
    yield Breach("validity.expired", None, "found after it", "")


def test_an_exception_is_a_breach_among_those_found_before_and_after_it():
    found = []
    run((fails, goes_on), "a text", found)
    assert [one.code for one in found] == ["validity.order", FAILED, "validity.expired"]
    assert found[1].message == "the rule fails failed: ZeroDivisionError: str"


@pytest.mark.parametrize(
    ("case", "module", "name"),
    [
        ("good-organisation", strict, "_defaults"),
        ("good-organisation", chain, "_signature_test"),
        ("good-organisation", certificate, "key_type_of"),
        ("good-organisation", engine, "check"),
        ("good-organisation", sets, "defaultdict"),
        ("good-csr-device", csr, "public_key_octets"),
        ("good-csr-device", csr, "kind"),
        ("good-organisation-crl", crl, "_of_shape"),
        ("good-organisation-crl", crl, "_shape"),
        ("good-organisation-crl", crl, "check"),
    ],
)
def test_whatever_fails_in_a_rule_is_a_finding_and_the_run_goes_on(
    case, module, name, monkeypatch, tmp_path
):
    def broken(*_args, **_named):
        raise ZeroDivisionError

    path = GOLDEN / "cases" / f"{case}.pem"
    assert read(path)[0] == []
    monkeypatch.setattr(module, name, broken)
    codes = [code for _, code, _ in told(lint(path, tmp_path))]
    assert FAILED in codes
    assert set(codes) <= {FAILED, "issuer.unknown"}
    assert list(sources([str(tmp_path / "case")]))
