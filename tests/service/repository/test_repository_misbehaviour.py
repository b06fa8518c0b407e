"""What the repository answers where it is to misbehave."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from smki_testca.estate.certificates import Selection
from smki_testca.identifiers import Eui64
from smki_testca.profiles.model import Hierarchy, Tier
from smki_testca.service.misbehaviour.modes import Mode
from smki_testca.service.repository import misbehaving, published, published_authorities

METER = Eui64.parse("00-DB-12-00-00-00-00-01")
Z1 = ("ZAZ1", "organisation", "Z1")


@pytest.fixture
def with_list(estate):
    estate.issue_revocation_list(Hierarchy.ORGANISATION, Tier.ISSUING)
    estate.issue_revocation_list(Hierarchy.ORGANISATION, Tier.ISSUING)
    return estate


def test_a_stale_list_is_past_its_next_update_and_verifies(with_list):
    estate, authority = with_list, published_authorities.find(with_list, Z1)
    head = estate.audit.head().number
    record = misbehaving.stale_list(estate, authority)
    crl = x509.load_der_x509_crl(record.der)
    assert crl.next_update_utc < datetime.now(UTC)
    key = x509.load_der_x509_certificate(authority.record.der).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert crl.is_signature_valid(key)
    number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    assert number == estate.revocations.list_of(authority.issuer).number - 1
    assert record.next_update == crl.next_update_utc
    (entry,) = estate.audit.entries_of("service.stale-crl")
    assert entry.number == head + 1
    assert estate.audit.verify()


def test_a_ca_without_a_list_has_no_stale_one(estate):
    with pytest.raises(web.HTTPNotFound) as caught:
        misbehaving.stale_list(estate, published_authorities.find(estate, Z1))
    assert "has not issued" in caught.value.text


@pytest.fixture
def answered(estate, monkeypatch):
    """A certificate that is retrieved, and what is answered in a mode."""

    def answer(mode, record):
        monkeypatch.setattr(misbehaving, "content_mode", lambda _: Mode.of([mode]))
        wrong = misbehaving.wrong_certificate(make_mocked_request("POST", "/"))
        found = published.by_serial(estate, record.serial)
        return found, wrong(estate, found)

    return answer


def test_another_devices_certificate_is_in_the_answer_for_this_one(estate, answered):
    record = next(iter(estate.select(Selection(eui64=METER))))
    found, wrong = answered("other-device", record)
    assert (wrong.serial, wrong.alt_name) == (found.serial, found.alt_name)
    assert wrong.der != found.der
    other = next(one for one in estate.select(Selection()) if one.der == wrong.der)
    assert other.eui64 != METER


def test_a_wrong_certificate_has_another_key(estate, answered):
    for record in estate.select(Selection(eui64=METER)):
        _, wrong = answered("wrong-certificate", record)
        other = next(one for one in estate.select(Selection()) if one.der == wrong.der)
        assert other.key_id != record.key_id


@pytest.mark.slow
def test_a_rule_makes_one_answer_stale_and_the_next_is_right(serve, client):
    serving = serve(misbehaviours=("repository:*/latest.crl=stale-crl:1",))
    with serving.open() as estate:
        right = estate.issue_revocation_list(Hierarchy.ORGANISATION, Tier.ISSUING)
    path = f"/ca/{'/'.join(Z1)}/crl/latest.crl"
    stale, again = client(serving).get(path), client(serving).get(path)
    assert x509.load_der_x509_crl(stale.body).next_update_utc < datetime.now(UTC)
    assert "max-age=0," in stale.headers["Cache-Control"]
    assert again.body == right.der


@pytest.mark.slow
def test_a_rule_puts_another_devices_certificate_into_a_retrieval(serve, client):
    serving = serve(misbehaviours=("repository:*/retrievecertificate=other-device:1",))
    with serving.open() as estate:
        record = next(iter(estate.select(Selection(eui64=METER))))
    wrong, right = (client(serving).retrieve(record.serial) for _ in range(2))
    assert wrong.status == right.status == 200
    assert wrong.body != right.body
    serials = [one.xml.findtext("CertificateResponse/CertificateSerial") for one in (wrong, right)]
    assert serials == [str(record.serial)] * 2
