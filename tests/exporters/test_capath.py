from __future__ import annotations

import datetime as dt
import re
import subprocess
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID
from exported import files, names, needs_openssl, openssl, records
from hypothesis import given
from hypothesis import strategies as st

from smki_testca.der import encode
from smki_testca.exporters.capath import canonical, name_hash
from smki_testca.exporters.export import items
from smki_testca.exporters.registry import FORMATS
from smki_testca.identifiers import SerialNumber
from smki_testca.profiles.model import Hierarchy, Tier

ISRG = [("2.5.4.6", "US"), ("2.5.4.10", "Internet Security Research Group")]
ISRG_ROOT_X1 = [*ISRG, ("2.5.4.3", "ISRG Root X1")]


def name(attributes, tag=encode.PRINTABLE_STRING):
    return encode.sequence(
        *(
            encode.set_of([encode.sequence(encode.oid(kind), encode.text(tag, text))])
            for kind, text in attributes
        )
    )


def test_the_hash_of_a_root_that_every_system_has_is_the_known_one():
    assert name_hash(name(ISRG_ROOT_X1)) == "4042bcee"


words = st.lists(st.text("abcXYZ09", min_size=1, max_size=5), min_size=1, max_size=3)


@given(words, st.sampled_from([encode.UTF8_STRING, encode.PRINTABLE_STRING]))
def test_case_spacing_and_type_of_text_do_not_change_the_hash(parts, tag):
    plain = name([("2.5.4.3", " ".join(parts).lower())], encode.UTF8_STRING)
    spaced = name([("2.5.4.3", f"  {'   '.join(parts)} ")], tag)
    assert name_hash(plain) == name_hash(spaced)


def test_values_that_are_no_text_are_hashed_as_they_are():
    identifier = encode.sequence(
        encode.oid("2.5.4.45"), encode.bit_string(bytes.fromhex("90B3D51F30010000"))
    )
    whole = encode.sequence(encode.set_of([identifier]))
    assert canonical(whole) == encode.set_of([identifier])


ATTRIBUTES: list[list[tuple[Any, ...]]] = [
    [(NameOID.COMMON_NAME, "Zählerprüfung  ÄÖ", _ASN1Type.UTF8String)],
    [(NameOID.COMMON_NAME, " Leading  and trailing ", _ASN1Type.PrintableString)],
    [(NameOID.COMMON_NAME, "Grüße", _ASN1Type.BMPString)],
    [(NameOID.COMMON_NAME, "TeleTex", _ASN1Type.T61String)],
    [(NameOID.DOMAIN_COMPONENT, "Example.ORG", _ASN1Type.IA5String)],
    [(NameOID.SERIAL_NUMBER, "12 34", _ASN1Type.NumericString)],
    [
        (NameOID.COMMON_NAME, "Some\tTabs\nAnd lines", _ASN1Type.UTF8String),
        (NameOID.X500_UNIQUE_IDENTIFIER, b"\x00\x90\xb3", _ASN1Type.BitString),
    ],
]


def certificate(rdns):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.RelativeDistinguishedName(one) for one in rdns])
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )


@pytest.mark.slow
@needs_openssl
@pytest.mark.interop
def test_the_hash_is_the_one_that_openssl_prints():
    made = [
        [x509.NameAttribute(kind, text, _type=type_) for kind, text, type_ in attributes]
        for attributes in ATTRIBUTES
    ]
    # Each attribute in an RDN of its own, and most of them together in one.
    one_by_one = [[[attribute] for attribute in attributes] for attributes in made]
    together = [[[attribute for attributes in made[1:] for attribute in attributes]]]
    for rdns in (*one_by_one, *together):
        one = certificate(rdns)
        pem = one.public_bytes(serialization.Encoding.PEM)
        printed = openssl("x509", "-noout", "-subject_hash", stdin=pem).decode().strip()
        assert name_hash(one.subject.public_bytes()) == printed


def test_the_folder_holds_the_cas_above_whatever_is_selected(export, estate):
    _, folder = export("capath", "--profile", "organisation")
    found = [(folder / one).read_bytes() for one in names(folder)]
    assert all(re.fullmatch(r"[0-9a-f]{8}\.0", one) for one in names(folder))
    loaded = {
        x509.load_pem_x509_certificate(one).public_bytes(serialization.Encoding.DER)
        for one in found
    }
    assert loaded == {one.der for one in records(estate) if one.label in {"ZA", "Z1"}}


def test_cas_of_one_name_are_numbered_and_the_same_one_is_written_once(estate):
    (item,) = items(estate, records(estate, label="Z1"), with_keys=False)
    subject = x509.load_der_x509_certificate(item.record.der).subject
    another = certificate(subject.rdns).public_bytes(serialization.Encoding.DER)
    other = replace(item.record, der=another, serial=SerialNumber(1))
    files = list(FORMATS["capath"].files([item, item, replace(item, record=other)], None))
    digest = name_hash(subject.public_bytes())
    wanted = {f"{digest}.0": item.record.der, f"{digest}.1": another}
    found = {one.path.name: x509.load_pem_x509_certificate(one.data) for one in files}
    assert {one: wanted[one] for one in wanted} == {
        name: one.public_bytes(serialization.Encoding.DER)
        for name, one in found.items()
        if name in wanted
    }
    assert len(files) == 3  # with the root above


def issue_lists(estate):
    return [
        estate.issue_revocation_list(Hierarchy.ORGANISATION, tier).der
        for tier in (Tier.ISSUING, Tier.ROOT)
    ]


def test_the_folder_holds_the_current_lists_of_the_cas(estate, export):
    issue_lists(estate)
    current = issue_lists(estate)
    _, folder = export("capath", "--label", "Z1-supplier-ds")
    lists = [one for one in names(folder) if re.fullmatch(r"[0-9a-f]{8}\.r0", one)]
    assert {one.split(".")[0] for one in lists} == {
        one.split(".")[0] for one in names(folder) if one.endswith(".0")
    }
    loaded = [
        x509.load_pem_x509_crl((folder / one).read_bytes()).public_bytes(serialization.Encoding.DER)
        for one in lists
    ]
    assert sorted(loaded) == sorted(current)
    _, folder = export("capath", "--profile", "device", out="devices")
    assert not [one for one in names(folder) if ".r" in one]


@needs_openssl
@pytest.mark.interop
def test_openssl_verifies_with_the_folder_and_rejects_the_revoked(command, quickstart, export):
    assert (
        command(
            *("--estate", quickstart, "revoke", "--label", "Z1-supplier-ds"),
            *("--reason", "key-compromise"),
        ).code
        == 0
    )
    for more in ((), ("--arl",)):
        assert command("--estate", quickstart, "crl", "issue", *more).code == 0
    _, folder = export("capath", "--profile", "organisation")
    tree = quickstart / "export" / "pem" / "ZAZ1" / "organisation" / "supplier-one"
    only = ("-CApath", folder, "-no-CAfile", "-no-CAstore", "-crl_check_all", "-x509_strict")
    done = subprocess.run(
        ["openssl", "verify", *only, *files(tree, ".pem")],
        capture_output=True,
        text=True,
        check=False,
    )
    good = [path for path in files(tree, ".pem") if path.stem != "Z1-supplier-ds"]
    assert done.stdout.splitlines() == [f"{path}: OK" for path in good]
    assert "certificate revoked" in done.stderr
    assert done.stderr.count("verification failed") == 1
