"""Gives the CAs of an estate to another estate: their certificates, and their keys encrypted.

This is the only way by which the private key of a CA leaves an estate, for teams that share a test
PKI. ``smki-testca export ca-keys`` alone takes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from smki_testca.estate.authorities import no_authority
from smki_testca.files import exists_error
from smki_testca.folders import OutputFile, check_folder, taken, write
from smki_testca.profiles.model import Tier
from smki_testca.x509.exported_keys import KeyEncryption
from smki_testca.x509.pem import to_pem

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from smki_testca.estate.certificates import Record
    from smki_testca.estate.stores import Stores
    from smki_testca.profiles.model import Environment, Hierarchy

KEY_SUFFIX = ".key"
CERTIFICATE_SUFFIX = ".crt"


@dataclass(frozen=True, slots=True)
class SharedAuthority:
    """A CA as it is given to another estate.

    Attributes:
        record: its newest certificate.
        encrypted_key: its private key, an EncryptedPrivateKeyInfo (RFC 5958), DER.
    """

    record: Record
    encrypted_key: bytes

    @property
    def files(self) -> tuple[OutputFile, OutputFile]:
        """The key and the certificate, named after the profile as ``init --ca-keys`` reads them."""
        key = to_pem(self.encrypted_key, "ENCRYPTED PRIVATE KEY")
        certificate = to_pem(self.record.der, "CERTIFICATE")
        return (
            OutputFile(PurePosixPath(f"{self.record.profile}{KEY_SUFFIX}"), key),
            OutputFile(PurePosixPath(f"{self.record.profile}{CERTIFICATE_SUFFIX}"), certificate),
        )

    def as_json(self) -> dict[str, Any]:
        """The certificate's record as a JSON object, with the id of the key."""
        return {**self.record.as_json(), "key_id": self.record.key_id.hex()}


@dataclass(frozen=True, slots=True)
class SharedAuthorities:
    """The CAs that were given, and those that could not be.

    Attributes:
        given: those whose keys were written.
        in_tokens: the newest certificates of those whose keys are in tokens, and stay there.
    """

    given: list[SharedAuthority]
    in_tokens: list[Record]


def share_authorities(
    estate: Stores,
    environment: Environment,
    hierarchies: Collection[Hierarchy],
    passphrase: str,
    out: Path,
    *,
    force: bool,
) -> SharedAuthorities:
    """Write the keys of an environment's CAs, encrypted, with their certificates to a folder.

    Of each hierarchy these are the root and the issuing CA of the newest generation, each with its
    newest certificate. The audit log records them before a key leaves the estate. CAs whose keys
    are in tokens are left out, as long as there is another.

    Args:
        estate: the estate that has the CAs.
        environment: of the CAs.
        hierarchies: of the CAs; all that the environment has if empty.
        passphrase: that encrypts the keys.
        out: the folder.
        force: whether to overwrite existing files.

    Raises:
        InputError: if the passphrase cannot be used, or a file cannot be written.
        EstateError: if the estate has no such CA, the keys of all are in tokens, or the estate's
            own passphrase is wrong.
        OutputError: if the disk is full or fails.
    """
    encryption = KeyEncryption(passphrase)
    check_folder(out)
    chosen = _authorities(estate, environment, hierarchies)
    in_tokens = [
        record for record in chosen if estate.key_store.in_tokens.uri(record.key_id) is not None
    ]
    shared = [
        SharedAuthority(
            record,
            estate.key_store.encrypted_authority_key(
                record.key_id, f"the CA {record.label}", encryption.pkcs8
            ),
        )
        # Of those in tokens alone, the first one is refused.
        for record in [each for each in chosen if each not in in_tokens] or chosen
    ]
    files = [file for authority in shared for file in authority.files]
    present = None if force else taken(files, out)
    if present is not None:
        raise exists_error(present, "Name another folder, or add --force.")
    body = {
        "environment": environment.name,
        "authorities": [
            {
                "ca": authority.record.label,
                "profile": authority.record.profile,
                "serial": str(authority.record.serial),
                "key": authority.record.key_id.hex(),
            }
            for authority in shared
        ],
    }
    with estate.transaction():
        estate.audit.append(estate.clock.now(), "authority.export", body)
    write(files, out, force=force)
    return SharedAuthorities(shared, in_tokens)


def _authorities(
    estate: Stores, environment: Environment, hierarchies: Collection[Hierarchy]
) -> list[Record]:
    if not hierarchies:
        present = {
            record.hierarchy
            for record in estate.certificates.authorities()
            if record.family == environment.family
        }
        hierarchies = [name for name in estate.library.hierarchies if name in present]
    if not hierarchies:
        raise no_authority(environment)
    return [
        estate.authorities.newest(environment, hierarchy, tier)
        for hierarchy in hierarchies
        for tier in (Tier.ROOT, Tier.ISSUING)
    ]
