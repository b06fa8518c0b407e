"""The terms of a run: sections of similar rows; and the secrets with which it is executed.

A section has everything that its certificates share. Rows differ in the identifier in the subject,
a few texts, and the public key.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import Literal

import msgspec

from smki_testca.errors import EstateError
from smki_testca.estate.database import RESTORE
from smki_testca.identifiers import Eui64
from smki_testca.labels import LabelTemplate
from smki_testca.roles import KeyUsage  # noqa: TC001 - msgspec reads it

TILE_ROWS = 2_000
"""The most certificates in one tile."""
MAX_ROW = (1 << 63) - 1
"""The largest row that SQLite can look for."""


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """Certificates that differ only in their rows.

    Attributes:
        profile: of the certificates.
        issuer: the serial number of the issuing CA's certificate, hexadecimal.
        usage: the key usage; None if the profile fixes it.
        delivery: how the certificates reach their holder, as the gate was asked.
        inputs: the inputs of the profile that all rows share: the fields' text, by name.
        role, hw_type: such inputs of runs that version 0.1.0 began; None in others.
        count: the number of rows.
        first_id: of a range, the EUI-64 of its first row; the others are consecutive.
        experimental: whether the profile weakened a rule (R20).
        columns: the names of the operator's own columns, in the order of each row's values.
    """

    profile: str
    participant: str
    participant_name: str
    signifier: str | None
    purpose: str
    environment: str
    category: str
    agreement: str
    issuer: str
    usage: KeyUsage | None = None
    delivery: str = "local"
    role: int | None = None
    hw_type: str | None = None
    inputs: dict[str, str] = {}
    count: int
    first_id: int | None = None
    experimental: bool = False
    columns: list[str] = []

    @property
    def shared(self) -> dict[str, str]:
        """The inputs that all rows share, whichever version began the run."""
        role = None if self.role is None else f"{self.role:02X}"
        early = {"role": role, "hw-type": self.hw_type}
        return {name: text for name, text in early.items() if text is not None} | self.inputs

    @property
    def role_code(self) -> int | None:
        """The RemotePartyRole code, if the certificates have one."""
        role = self.shared.get("role")
        return None if role is None else int(role, 16)


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """The terms of a whole run.

    Attributes:
        source: where its rows come from.
        at: the instant of issue, UTC, ISO 8601; the same for every row.
        seeded: whether keys come from a seed, and so are not secret.
        label: a name to find the run's certificates by.
        sections: in the order of the run's rows.
        basis: a digest of the register and the library with which the gate was asked about every
            row; empty in runs of earlier versions.
        label_template: in place of the label, of a range: what each certificate's is made from.
        manifest: SHA-256 of the manifest, hexadecimal; empty where there is none.
        options: what the command filled the manifest's cells with, by column.
        replaces: whether each certificate retires those that its Device has in use.
    """

    source: Literal["range", "manifest", "requests"]
    at: str
    seeded: bool
    label: str | None = None
    sections: list[Section]
    basis: str = ""
    label_template: str | None = None
    manifest: str = ""
    options: dict[str, str] = {}
    replaces: bool = False

    @property
    def count(self) -> int:
        """The number of the run's certificates."""
        return sum(section.count for section in self.sections)

    def label_of(self, section: Section, eui64: int | None) -> str | None:
        """The label of a certificate of a section whose row has none of its own."""
        if self.label_template is None:
            return self.label
        values = {} if eui64 is None else {"id": str(Eui64(eui64))}
        if section.usage is not None:
            values["usage"] = section.usage.short
        return LabelTemplate(self.label_template).fill(values)

    def section(self, place: int) -> Section:
        """The section at a place, as a tile names it.

        Raises:
            EstateError: if there is none.
        """
        if not 0 <= place < len(self.sections):
            raise EstateError(
                "estate.damaged",
                f"A tile names section {place} of a run that has {len(self.sections)}.",
                RESTORE,
            )
        return self.sections[place]


class SectionRow(msgspec.Struct, frozen=True, array_like=True):
    """The part of one certificate that its section does not have.

    Attributes:
        line: its number in the manifest or archive, from 1.
        eui64: in the subject, if it has one.
        texts: the other inputs: the fields' text, by name.
        public_key: a SubjectPublicKeyInfo, DER, in place of a fresh key.
        label: a name to find it by.
        columns: the values of the operator's own columns, in the order of the section's names; an
            empty one, or one that is lacking at the end, was not stated.
    """

    line: int
    eui64: int | None = None
    texts: dict[str, str] = {}
    public_key: bytes | None = None
    label: str | None = None
    columns: list[str] = []


class Secrets(msgspec.Struct, frozen=True):
    """The secrets with which a run's tiles are made, beside the CA's key.

    Attributes:
        serial_key: permutes row numbers into serials.
        sealing_key: seals private keys in the tiles.
        seed: the source of keys; None for fresh ones.
    """

    serial_key: bytes
    sealing_key: bytes
    seed: bytes | None = None

    @classmethod
    def of_run(cls, seed: bytes | None) -> Secrets:
        """The secrets of a new run: fresh ones, or those that follow from a seed."""
        sealing_key = os.urandom(32)
        if seed is None:
            return cls(os.urandom(16), sealing_key)
        return cls.from_seed(seed, sealing_key)

    @classmethod
    def from_seed(cls, seed: bytes, sealing_key: bytes) -> Secrets:
        """The secrets of a seeded run: the same seed gives the same serials and keys."""
        serial_key = hmac.digest(seed, b"smki-testca serial numbers", hashlib.sha256)[:16]
        key_seed = hmac.digest(seed, b"smki-testca private keys", hashlib.sha256)
        return cls(serial_key, sealing_key, key_seed)
