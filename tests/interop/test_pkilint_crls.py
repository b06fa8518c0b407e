"""A second opinion of CRLs: the PKIX linter of pkilint, on good ones and on every broken one.

Whatever pkilint calls an error must be an error of ours, too, or the case is in ``DIFFERENCES``
with the reason. What it lets pass it has no opinion of.
"""

from __future__ import annotations

import logging

import pytest

import golden_cases
from corpora import every_case, findings_of
from smki_testca.importers.sources import sources
from smki_testca.lint.chain import gathered
from smki_testca.lint.engine import Linter
from smki_testca.lint.linted import LintSettings
from smki_testca.profiles.model import Severity
from smki_testca.x509 import entries

pytest.importorskip("pkilint", reason="pkilint is not installed")

from pkilint import loader
from pkilint.pkix import create_attribute_decoder, create_extension_decoder, crl, extension, name

pytestmark = pytest.mark.interop

DIFFERENCES = {
    "crl-issuer_key_usage": "it takes 2.5.4.45 for a DirectoryString, where X.520 has a BIT STRING",
}
CRLS = [
    pytest.param(one, id=f"{path.stem}-{one.index}")
    for path in sorted(golden_cases.CASES.glob("*.pem"))
    # It takes minutes over a quarter of a million entries.
    if path.stem not in {"crl-too_many_entries", *DIFFERENCES}
    for one in sources([str(path)])
    if one.problem is None and entries.place(one.data) is not None
]


@pytest.fixture(scope="module")
def remarks():
    """The codes that pkilint gives a CRL as errors; None where it cannot be loaded."""
    logging.getLogger("pkilint").setLevel(logging.CRITICAL)
    validator = crl.create_pkix_crl_validator_container(
        [
            create_attribute_decoder(name.ATTRIBUTE_TYPE_MAPPINGS),
            create_extension_decoder(extension.EXTENSION_MAPPINGS),
        ],
        [
            crl.create_issuer_validator_container([]),
            crl.create_validity_validator_container([]),
            crl.create_extensions_validator_container([]),
        ],
    )

    def ask(der):
        try:
            document = loader.load_der_crl(der, "crl")
        except ValueError:
            return None
        return sorted(
            {
                one.finding.code
                for result in validator.validate(document.root)
                for one in result.finding_descriptions
                if one.finding.severity.name in {"ERROR", "FATAL"}
            }
        )

    return ask


@pytest.fixture(scope="module")
def linter():
    return Linter(LintSettings(golden_cases.AT), gathered(golden_cases.TRUSTED))


@pytest.mark.parametrize("source", CRLS)
def test_it_calls_nothing_an_error_that_we_let_pass(remarks, linter, source):
    theirs = remarks(source.data)
    ours = {f.code for f in linter.lint(source).findings if f.severity is Severity.ERROR}
    if theirs != []:
        assert ours, theirs


@pytest.mark.slow
def test_it_calls_nothing_in_the_corpus_an_error_that_we_let_pass(remarks):
    lists = [case for case in every_case().values() if case.kind == "CRL"]
    missed = {
        case.id: theirs
        for case in lists
        if (theirs := remarks(case.der)) != []
        and all(finding.severity is not Severity.ERROR for finding in findings_of(case))
    }
    assert len(lists) > 400
    assert missed == {}
