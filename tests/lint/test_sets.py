"""What documents say of each other: chains, copies and shared keys, in whatever order they come."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from hypothesis import given, settings
from hypothesis import strategies as st

import csrs
from corpora import document, good_settings
from golden_cases import AT, TRUSTED, documents
from smki_testca.importers.sources import Source
from smki_testca.lint import chain, engine
from smki_testca.lint.linted import LintSettings
from smki_testca.lint.row_checks import span_breaches
from smki_testca.lint.whole_input import lint_all
from smki_testca.profiles import Library
from smki_testca.x509.view import view_certificate

LIBRARY = Library()


@pytest.fixture(autouse=True, scope="module")
def _profiles_are_read_once():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "Library", lambda: LIBRARY)
        yield


def linted(ders, *, trusted=TRUSTED, as_profile=None):
    named = (Source(f"{number}.pem", 0, der) for number, der in enumerate(ders))
    return lint_all(named, LintSettings(AT, (), "ZAZ1", as_profile, trusted))


def codes(ders, **options):
    return [sorted(f.code for f in one.findings) for one in linted(ders, **options)]


GOLDEN = (
    *("o0[1-9]*", "o1[16]*", "set-*", "issuer-*", "key-of-*", "signature-*", "good-*"),
    *("crl-num*", "input-pkcs7"),
)
OF_THE_CORPUS = (
    *("good-organisation-root-ca", "good-organisation-issuing-ca", "good-organisation"),
    *("good-organisation-ka", "good-organisation-csr", "good-organisation-arl"),
    *("good-device-root-ca", "good-device-issuing-ca", "good-device", "good-device-csr"),
    *("good-dccki-root-ca", "good-dccki-issuing-ca", "good-dccki", "good-dccki-arl"),
    *("good-iki-root-ca", "good-iki-issuing-ca", "good-iki", "good-iki-csr", "good-iki-arl"),
    *("good-organisation-crl", "good-dccki-crl", "good-iki-crl", "good-device-policy-of-rtds"),
    *("good-organisation-root-ca-contingency-key", "organisation-crl-revoked-after-the-list"),
    *("good-organisation-root-ca-contingency-key-first", "organisation-crl-by-another-key"),
    *("organisation-crl-of-a-namesake", "dccki-issued-by-root", "device-issued-by-root"),
    *("iki-issued-by-root", "organisation-issued-by-root", "organisation-self-issued"),
    *("organisation-self-signed", "device-of-another-hierarchy", "device-key-of-its-ca"),
    *("organisation-signature-padded", "organisation-algorithm-null-parameters"),
    *("organisation-issuer-string-type", "organisation-self-signed-pretender"),
    *("organisation-issuing-ca-signature-bit", "device-usage-changed", "device-issuer-unknown"),
    *("device-signature-raw", "organisation-expired"),
)
RELATED = [
    *(der for pattern in GOLDEN for der in documents(pattern)),
    *map(document, OF_THE_CORPUS),
]
"""Certificates, CSRs and CRLs that have to do with others, and their CAs, which have namesakes."""


@pytest.mark.slow
@settings(deadline=None, max_examples=30)
@given(st.data(), st.booleans())
def test_the_findings_of_each_file_do_not_depend_on_the_order_of_the_files(data, are_trusted):
    chosen = data.draw(
        st.lists(st.integers(0, len(RELATED) - 1), min_size=2, max_size=12, unique=True)
    )
    # A file and its copy are two files.
    files = [(f"{number}.pem", RELATED[number]) for number in (*chosen, *chosen[:2])]
    files = [(f"copy-of-{n}" if at >= len(chosen) else n, der) for at, (n, der) in enumerate(files)]
    options = LintSettings(AT, environment="ZAZ1", trusted=TRUSTED if are_trusted else ())

    def findings(order):
        found = lint_all((Source(name, 0, der) for name, der in order), options)
        return {one.file: one.findings for one in found}

    assert findings(data.draw(st.permutations(files))) == findings(files)


@pytest.mark.slow
@settings(deadline=None, max_examples=30)
@given(st.data())
def test_nor_do_they_depend_on_the_order_within_a_file(data):
    numbers = st.integers(0, len(RELATED) - 1)
    chosen = data.draw(st.lists(numbers, min_size=2, max_size=12, unique=True))

    def findings(order):
        ders = [RELATED[number] for number in order]
        return sorted(zip(ders, codes(ders), strict=True))

    assert findings(data.draw(st.permutations(chosen))) == findings(chosen)


@pytest.mark.slow
def test_all_of_them_together_are_linted_alike_in_both_directions():
    def findings(ders):
        return sorted(zip(ders, codes(ders), strict=True))

    assert findings(RELATED) == findings(RELATED[::-1])


def test_no_message_names_a_ca_of_the_issuers_name_as_issuer():
    (of_certificate,) = linted(documents("issuer-namesake"))[0].findings
    crl = Source("-", 0, document("organisation-crl-of-a-namesake"))
    (of_crl,) = lint_all(iter([crl]), good_settings())[0].findings
    for finding in (of_certificate, of_crl):
        assert finding.code == "issuer.unknown"
        assert finding.message.endswith("; a CA of its name is, but has another key.")
    (alone,) = linted(documents("issuer-namesake"), trusted=())[0].findings
    assert "of its name" not in alone.message


def test_a_certificate_of_a_namesake_is_found_to_be_right_once_its_issuer_is_there():
    root, z1 = TRUSTED[0], TRUSTED[1]
    good = documents("good-organisation")
    other = documents("issuer-path-length")
    assert codes([*good, *other, root, z1], trusted=()) == [
        [],
        ["issuer.path_length"],
        [],
        [],
    ]


def broken(der):
    """A copy of which the last bit, of the signature, is changed."""
    return der[:-1] + bytes((der[-1] ^ 1,))


@pytest.mark.parametrize("turn", [1, -1])
def test_a_broken_copy_of_a_ca_makes_nothing_below_it_wrong(turn):
    root, z1 = TRUSTED[:2]
    (good,) = documents("good-organisation")
    ders = [root, broken(z1), good, z1][::turn]
    assert codes(ders, trusted=()) == [[], ["signature.invalid"], [], []][::turn]


@pytest.mark.parametrize("turn", [1, -1])
def test_what_is_verified_is_not_blamed_for_what_is_not(turn):
    (good,) = documents("good-organisation")
    identifier = view_certificate(good).octets("extensions.authorityKeyIdentifier.keyIdentifier")
    # Nothing shows that this is a broken copy: it names an issuer that is not at hand.
    copy = good.replace(identifier, b"A" * 8)
    told = ["issuer.unknown", "set.serial_of_another_issuer"]
    assert codes([good, copy][::turn]) == [[], told][::turn]


def test_a_ca_whose_signature_is_invalid_makes_no_signature_invalid():
    root, z1 = TRUSTED[:2]
    (good,) = documents("good-organisation")
    key = chain.PossibleIssuer(z1).spki
    other_key = chain.PossibleIssuer(root).spki
    # Z1 with the root's key in place of its own: its key identifier is still Z1's.
    false = z1.replace(key, other_key)
    assert "signature.invalid" in codes([false], trusted=(root,))[0]
    (unknown,) = (f for f in linted([good, false], trusted=(root,))[0].findings)
    assert unknown.code == "issuer.unknown"
    assert unknown.message.endswith(
        "; a certificate of it is, but that one's own signature is invalid."
    )
    # Where nothing says that it is false, the signature is not by the issuer that is at hand.
    assert "signature.invalid" in codes([good, false], trusted=())[0]


def test_a_path_is_too_long_where_the_ca_in_between_is_only_trusted():
    sub_ca, below = documents("issuer-path-length-above")
    assert codes([below], trusted=(*TRUSTED, sub_ca)) == [["issuer.path_length"]]
    # Without the CA above there is nothing that forbids it.
    assert codes([below], trusted=(sub_ca,)) == [[]]


@pytest.mark.parametrize(
    ("profile", "code"),
    [("organisation", "issuer.self_signed"), ("organisation-root-ca", None)],
)
def test_only_a_root_may_be_signed_with_its_own_key(profile, code):
    (found,) = codes([document("organisation-self-issued")], as_profile=profile)
    assert ("issuer.self_signed" in found) == (code is not None)


def test_a_signature_by_its_own_key_is_told_as_that_whatever_else_is_at_hand():
    ders = [document("organisation-self-signed")]
    for trusted in ((), TRUSTED, good_settings().trusted):
        assert codes(ders, trusted=trusted) == [["issuer.self_signed"]]


def test_a_crl_that_nobody_signed_is_no_evidence_against_another():
    (good,) = documents("good-organisation-crl")
    assert codes([broken(good), good]) == [["signature.invalid"], []]


def test_two_keys_of_one_organisation_are_a_prepayment_pair_and_two_of_a_device_are_not():
    assert codes(documents("o11-key-agreement-pair"))[1] == ["set.key_agreement_pair"]
    assert codes(documents("set-device-twice-keyAgreement"))[1] == ["set.device_twice"]


def test_of_two_certificates_that_begin_at_one_moment_neither_renews_the_other():
    same = documents("set-same-key-same-day")
    later = documents("set-renewal-first")
    (told,), (renewal,) = linted(same)[1].findings, linted(later)[0].findings
    assert "renews" not in told.message
    assert told.message == "It has the key, the subject and the notBefore of 0.pem."
    assert renewal.message == "It renews 1.pem with the same key."


def test_what_is_no_der_is_told_of_another_pkis_certificate_only_where_a_profile_is_named():
    foreign = documents("other-pki-ber")
    assert codes(foreign) == [["certificate.other_pki"]]
    assert "der.bit_string" in codes(foreign, as_profile="device")[0]


@pytest.mark.parametrize("at", [2028, 2060])
def test_of_a_ca_of_two_periods_the_one_that_is_valid_at_the_time_is_the_issuer(at):
    ders = documents("issuer-not-yet-valid-and-renewed")
    named = [Source(f"{number}.pem", 0, der) for number, der in enumerate(ders)]
    options = LintSettings(datetime(at, 1, 1, tzinfo=UTC), environment="ZAZ1")
    told = [finding.code for finding in lint_all(iter(named), options)[0].findings]
    assert ("issuer.expired" in told) == (at == 2060)
    assert "issuer.not_yet_valid" not in told


def test_a_csr_that_names_nobody_says_so():
    (nobody,), (by_name,) = (
        linted([document(f"device-csr-device-{name}")])[0].findings
        for name in ("of-no-name", "by-host-name")
    )
    assert nobody.path == by_name.path == "extensions.subjectAltName"
    assert nobody.message.startswith("Nothing in it says whose it is: it has neither a subject")
    assert "whose" not in by_name.message


def ca(name, issuer, key, signing_key):
    """A CA certificate for a key, signed with another, which its issuer may have."""
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)
    below, above = (
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)]) for text in (name, issuer)
    )
    return (
        x509.CertificateBuilder(above, below, key.public_key(), len(name), start, end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(signing_key, hashes.SHA256())
        .public_bytes(serialization.Encoding.DER)
    )


def test_a_ring_of_cas_and_a_long_chain_of_them_end():
    keys = [csrs.new_key() for _ in range(40)]
    names = ["A" * number for number in range(1, 41)]
    above = [*names[1:], names[0]]
    ring = [ca(*parts) for parts in zip(names, above, keys, [*keys[1:], keys[0]], strict=True)]
    forged = [ca(name, issuer, keys[0], keys[1]) for name, issuer in zip(names, above, strict=True)]
    # Each of the forged is of a CA that is as false as itself: that says nothing.
    for each in (*codes(ring, trusted=()), *codes(forged, trusted=())):
        assert "internal.rule_failed" not in each
        assert "signature.invalid" not in each


def test_so_many_possible_issuers_are_tried_and_so_many_cas_above_considered():
    key = csrs.new_key()
    alike = [ca("Z1", f"root {number}", csrs.new_key(), key) for number in range(70)]
    issuers = chain.gathered(alike)
    (named,) = (
        group for group in issuers.candidates(view_certificate(ca("a", "Z1", key, key))) if group
    )
    assert len(named) == 64
    ring = [ca(f"{n}", f"{(n + 1) % 40}", key, key) for n in range(40)]
    issuers = chain.gathered(ring)
    ((first,),) = (group for group in issuers.candidates(view_certificate(ring[-1])) if group)
    assert len(issuers.path_from(first)) == 16


WITH_YEARS = {
    profile.name: row for profile in LIBRARY.profiles for row in profile.rows if row.holds.max_years
}


@pytest.mark.parametrize("row", WITH_YEARS.values(), ids=WITH_YEARS)
def test_every_profile_allows_its_years_to_the_end_of_the_day(row):
    years = row.holds.max_years
    start = datetime(2026, 1, 26, tzinfo=UTC)
    last = datetime(2026 + years, 1, 26, 23, 59, 59, tzinfo=UTC)
    next_day = datetime(2026 + years, 1, 27, tzinfo=UTC)
    breaches = [
        [breach.code for breach in span_breaches(row, "validity.notBefore", start, end)]
        for end in (last, next_day)
    ]
    assert breaches == [[], ["validity.notAfter.period"]]
