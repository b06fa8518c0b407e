"""Checks the keys of a run's issuing CAs: where they are, what that rules out, if they work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.errors import EstateError
from smki_testca.estate.token_keys import refuse_seed
from smki_testca.identifiers import SerialNumber
from smki_testca.profiles.model import Tier

if TYPE_CHECKING:
    from collections.abc import Iterable

    from smki_testca.estate.certificates import Record
    from smki_testca.estate.stores import Stores
    from smki_testca.estate.terms import Section
    from smki_testca.issuance.batch.tile_maker import Place

_TRIAL = b"smki-testca tries the key of a CA before a batch"
OF_A_RUN = frozenset({"token.seed", "token.cluster"})
"""The codes of errors that rule out a run as a whole, whatever row they were found by."""


def issuers(estate: Stores, sections: Iterable[Section], run: int) -> dict[Place, Record]:
    """The certificate of the issuing CA for each place that a run issues at.

    Raises:
        EstateError: if one is missing.
    """
    records = {}
    for section in sections:
        record = estate.certificates.by_serial(SerialNumber.parse(section.issuer))
        if record is None or record.tier is not Tier.ISSUING:
            raise EstateError("estate.damaged", f"The CA {section.issuer} of run {run} is missing.")
        records[section.environment, section.profile] = record
    return records


def check_place(
    estate: Stores, issuer: Record, *, is_seeded: bool = False, on_cluster: bool = False
) -> None:
    """Check that a CA's key is where a run can use it. Neither passphrase nor PIN is asked for.

    Args:
        estate: of the CA.
        issuer: the CA's certificate.
        is_seeded: whether the run has a seed.
        on_cluster: whether other machines sign.

    Raises:
        UsageError: if the key is in a token, and the run has a seed.
        EstateError: if the key is in a token, and other machines sign.
    """
    if not is_in_token(estate, issuer):
        return
    if is_seeded:
        raise refuse_seed("The CA's key")
    if on_cluster:
        raise EstateError(
            "token.cluster",
            "The CA's key is in a token of this machine, which the workers of a cluster cannot"
            " reach.",
            "Leave out --engine dask: the certificates are made on this machine then.",
        )


def is_in_token(estate: Stores, issuer: Record) -> bool:
    """Whether a CA's key is in a token."""
    return estate.key_store.in_tokens.uri(issuer.key_id) is not None


def try_tokens(estate: Stores, serials: Iterable[str]) -> None:
    """Sign with the keys of CAs that are in tokens: what is wrong is known before there is a run.

    Args:
        estate: of the CAs.
        serials: of their certificates, hexadecimal.

    Raises:
        EstateError: if a token cannot be used, such as with a wrong PIN.
    """
    for serial in dict.fromkeys(serials):
        record = estate.certificates.by_serial(SerialNumber.parse(serial))
        if record is not None and is_in_token(estate, record):
            estate.authorities.signer(record).sign(_TRIAL)
