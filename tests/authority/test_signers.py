"""CA keys are used through signers: by reference, and opened by the software signer alone."""

from __future__ import annotations

import pickle
import sys
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.serialization import load_der_private_key

import batches
import csrs
from estates import ca_key, opened
from smki_testca.api import Estate
from smki_testca.authority.signers import SigningMeans, software
from smki_testca.authority.signers.software import SealedKey, sealing_label
from smki_testca.errors import EstateError
from smki_testca.estate.certificates import Selection
from smki_testca.estate.sealing import EstateKey, SealingKey, TransportKey
from smki_testca.estate.terms import Secrets
from smki_testca.exporters.export import export
from smki_testca.identifiers import Eui64
from smki_testca.issuance.batch import running
from smki_testca.issuance.batch.engines import LocalEngine
from smki_testca.issuance.batch.planning import BatchPlan
from smki_testca.issuance.batch.tile_maker import TileMaker, TileMaterial
from smki_testca.profiles.model import Hierarchy, Tier
from smki_testca.profiles.typed_subjects import DeviceSubject
from smki_testca.roles import KeyUsage
from smki_testca.x509 import private_keys
from smki_testca.x509.keys import key_id, load_public_key, signature_fits
from smki_testca.x509.view import view_certificate

DATA = b"to be signed"


def sealed(key, sealer):
    identifier = key_id(private_keys.public_key_info(key))
    label = sealing_label(identifier, "authority")
    return SealedKey(identifier, sealer.seal(private_keys.to_pkcs8(key), label), "authority")


def public_key_in(record):
    return view_certificate(record.der).octets("subjectPublicKeyInfo")


def secret_octets(pkcs8):
    """The octets of a private key that nobody else may have: a scalar, or an RSA key's primes."""
    numbers = load_der_private_key(pkcs8, None).private_numbers()
    if hasattr(numbers, "private_value"):
        return [numbers.private_value.to_bytes(32)]
    return [numbers.p.to_bytes(128), numbers.q.to_bytes(128)]


def test_the_signer_of_every_ca_signs_with_the_key_of_its_certificate(estate):
    for record in estate.certificates.authorities():
        signer = estate.authorities.signer(record)
        assert signer.public_key == public_key_in(record)
        assert signature_fits(load_public_key(signer.public_key), signer.sign(DATA), DATA)


@pytest.mark.parametrize("deterministic", [True, False])
def test_a_reference_opens_a_signer_that_repeats_itself_where_asked_to(deterministic):
    sealer = TransportKey()
    signer = sealed(csrs.new_key(), sealer).open(
        SigningMeans.of_worker(sealer), deterministic=deterministic
    )
    assert (signer.sign(DATA) == signer.sign(DATA)) == deterministic


def test_a_reference_of_another_estate_does_not_open(estate, tmp_path):
    with Estate.create(tmp_path / "other", "a passphrase") as other:
        other.add_environment("ZAZ1", hierarchies=[Hierarchy.DEVICE])
        reference = other.key_store.reference(other.certificates.authorities()[0].key_id)
    with pytest.raises(EstateError) as caught:
        estate.key_store.signer(reference)
    assert caught.value.code == "estate.damaged"


def test_a_reference_for_workers_opens_under_their_key_alone():
    old, new = TransportKey(), TransportKey()
    key = csrs.new_key()
    reference = sealed(key, old).for_workers(SigningMeans.of_worker(old), new)
    assert reference.open(SigningMeans.of_worker(new)).public_key == private_keys.public_key_info(
        key
    )
    for sealer in (old, TransportKey(), EstateKey.create("a passphrase")[0]):
        with pytest.raises(EstateError):
            reference.open(SigningMeans.of_worker(sealer))


def test_a_reference_renamed_to_another_key_does_not_open():
    sealer = TransportKey()
    one, other = (sealed(csrs.new_key(), sealer) for _ in range(2))
    with pytest.raises(EstateError):
        SealedKey(one.key_id, other.sealed, one.holder).open(SigningMeans.of_worker(sealer))


def test_neither_pickling_nor_logging_a_reference_or_the_means_tells_a_ca_key(estate):
    records = {
        (record.environment, record.hierarchy.value): record
        for record in estate.certificates.authorities()
        if record.tier is Tier.ISSUING
    }
    references, transport_key = estate.authorities.keys_for_workers(records)
    material = TileMaterial(
        {place: record.der for place, record in records.items()},
        references,
        transport_key,
        Secrets(bytes(16), bytes(32)),
        datetime.now(UTC),
    )
    told = (
        *(pickle.dumps(item) for item in (references, material, TileMaker(material))),
        *(repr(item).encode() for item in (references, material, transport_key)),
    )
    for record in records.values():
        pkcs8 = ca_key(estate, record)
        for secret in (pkcs8, *secret_octets(pkcs8)):
            assert not any(
                form in text for text in told for form in (secret, repr(secret).encode())
            )


def test_a_means_that_was_pickled_opens_the_same_signers(estate):
    record = estate.certificates.generations("ZAZ1", Hierarchy.DEVICE, Tier.ISSUING)[-1][-1]
    keys = estate.authorities.keys_for_workers({("ZAZ1", "device"): record})
    references, transport_key = pickle.loads(pickle.dumps(keys))  # noqa: S301 - our own
    signer = references["ZAZ1", "device"].open(SigningMeans.of_worker(transport_key))
    assert signer.public_key == public_key_in(record)


def test_an_estate_key_cannot_be_pickled():
    with pytest.raises(TypeError):
        pickle.dumps(EstateKey.create("a passphrase")[0])


def test_workers_get_no_key_that_opens_anything_else_of_the_estate(estate):
    record = estate.certificates.generations("ZAZ1", Hierarchy.DEVICE, Tier.ISSUING)[-1][-1]
    _, transport_key = estate.authorities.keys_for_workers({"ca": record})
    with pytest.raises(EstateError):
        estate.key_store.reference(record.key_id).open(SigningMeans.of_worker(transport_key))


def test_the_estate_gives_out_the_keys_of_end_entities_and_of_no_ca(estate):
    records = list(estate.select(Selection()))
    keys = estate.private_keys(records)
    for record in records:
        is_end_entity = record.tier is Tier.END_ENTITY
        assert (record.serial in keys) == is_end_entity
        assert (estate.private_key(record) is not None) == is_end_entity


@pytest.fixture
def watched(monkeypatch):
    """Fails whoever but the software signer opens a CA's key; counts how often that does."""
    ids, opened_by_signer = set(), []
    unseal, load = SealingKey.open, private_keys.from_pkcs8

    def is_software(frame):
        return frame.f_globals["__name__"] == software.__name__

    def note_unsealing(self, octets, label):
        if label[:32] in ids:  # the holder follows
            assert is_software(sys._getframe(1)), "a CA's key is unsealed"  # noqa: SLF001
            opened_by_signer.append(label[:32])
        return unseal(self, octets, label)

    def note_loading(pkcs8):
        key = load(pkcs8)
        if key_id(private_keys.public_key_info(key)) in ids:
            assert is_software(sys._getframe(1)), "a CA's PKCS#8 is read"  # noqa: SLF001
        return key

    monkeypatch.setattr(SealingKey, "open", note_unsealing)
    monkeypatch.setattr(private_keys, "from_pkcs8", note_loading)
    return ids, opened_by_signer


@pytest.mark.slow
def test_nothing_but_the_software_signer_opens_the_key_of_a_ca(quickstart, watched, tmp_path):
    ids, opened_by_signer = watched
    with opened(quickstart) as estate:
        ids.update(record.key_id for record in estate.certificates.authorities())
        estate.add_environment("UIT-A")
        ids.update(record.key_id for record in estate.certificates.authorities())
        for hierarchy in (Hierarchy.ORGANISATION, Hierarchy.DCCKI):
            estate.issue_revocation_list(hierarchy, Tier.ISSUING)
        estate.renew_authority("Z1")
        estate.renew_authority("ZA")
        ids.add(estate.roll_over(Hierarchy.ORGANISATION, "Z1b").key_id)
        for same_key in (False, True):
            estate.renew(Selection(label="Z1-supplier-ka"), same_key=same_key)
        with estate.transaction():
            plan = BatchPlan(estate, "range", None, Secrets.from_seed(bytes(32), bytes(32)))
            subject = DeviceSubject(Eui64.parse(batches.device_id(0x7000)), batches.HW_TYPE)
            request = estate.request(
                "meters-one", batches.DEVICE_PURPOSE, subject, (KeyUsage.KEY_AGREEMENT,)
            )
            plan.add_range(request, 5)
            run = plan.store()
        # The workers are forked, and fail as this process does.
        before = opened_by_signer.copy()
        running.resume(estate, run, LocalEngine(1), lambda *_: None)
        assert len(opened_by_signer) == len(before) + 1, "it is sealed for the worker, no more"
        everything = list(estate.select(Selection()))
        for form in ("pem", "keystore-json"):
            export(estate, everything, form, tmp_path / form, with_keys=True)
        estate.private_keys(everything)
    assert len(set(opened_by_signer)) >= 5
