"""Cuts tiles: each a pure function of the run's terms, its secrets, the CA's key and the rows.

Where rows differ in their EUI-64s and P-256 keys alone, the lengths in the template are fixed
once, so that a certificate costs a key, a signature and little more. Other rows (texts of any
length, RSA keys) take the template as it is.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from smki_testca.authority.filling import Filling, Setting, check_inputs, issuer_of, values
from smki_testca.authority.fixed_template import FixedTemplate
from smki_testca.authority.template import Template, compile_template
from smki_testca.der import encode
from smki_testca.entropy import SystemEntropy
from smki_testca.errors import EstateError
from smki_testca.estate import tile
from smki_testca.estate.serials import SerialSequence
from smki_testca.estate.terms import Row
from smki_testca.estate.tile import Extra, Header
from smki_testca.identifiers import SerialNumber
from smki_testca.profiles import Library
from smki_testca.profiles.inputs import USAGE
from smki_testca.x509 import private_keys
from smki_testca.x509.key_usages import USAGE_BITS
from smki_testca.x509.keys import (
    P256_HEAD,
    P256_OCTETS,
    key_identifier,
    load_public_key,
    signature_algorithm,
)
from smki_testca.x509.names import KeyType
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from smki_testca.authority.filling import Values
    from smki_testca.authority.signers import KeyReference, Signer
    from smki_testca.estate.sealing import TransportKey
    from smki_testca.estate.terms import Secrets, Section
    from smki_testca.profiles.model import Profile
    from smki_testca.x509.fields import Value
    from smki_testca.x509.names import SignatureAlgorithm

_CURVE = ec.SECP256R1()
_DER = serialization.Encoding.DER
_PKCS8 = serialization.PrivateFormat.PKCS8
_CLEAR = serialization.NoEncryption()
# The PKCS#8 of a P-256 key has one length: the scalar and the point are always here.
_SCALAR = slice(36, 68)
_POINT = slice(73, 138)
_SPKI_HEAD = P256_HEAD[:-1]
_SPKI_CONTENT = _SPKI_HEAD[2:]
_SAMPLE_KEY = P256_HEAD + bytes(64)
_SHORT_KEY_ID = 8
_SERIAL = "serialNumber"
_KEY = "subjectPublicKeyInfo"
_KEY_ID = "extensions.subjectKeyIdentifier"


@dataclass(frozen=True, slots=True)
class Task:
    """One tile to cut.

    Attributes:
        first: the first row, counted within the section.
        first_row: the same, counted within the run.
        rows: each row's own part, as the estate keeps it; None for a range, whose rows follow
            from the section.
    """

    run: int
    number: int
    section_number: int
    section: Section
    first: int
    first_row: int
    count: int
    rows: bytes | None

    def own_rows(self) -> list[Row] | None:
        """Each row's own part; None for a range."""
        return None if self.rows is None else msgspec.msgpack.decode(self.rows, type=list[Row])


Place = tuple[str, str]
"""An environment and a profile: where an issuing CA is needed."""


@dataclass(frozen=True, slots=True)
class Means:
    """All that the tiles of one run are cut with; it holds secrets, and is never logged.

    Attributes:
        ca_certificates: the issuing CA's certificate for each place, DER.
        ca_keys: references to their private keys, which each worker opens itself.
        transport_key: opens the references.
        at: the instant of issue, UTC.
        profiles: the directories of profiles that come before the shipped ones.
    """

    ca_certificates: dict[Place, bytes] = field(repr=False)
    ca_keys: dict[Place, KeyReference] = field(repr=False)
    transport_key: TransportKey = field(repr=False)
    secrets: Secrets = field(repr=False)
    at: datetime
    profiles: tuple[Path, ...] = ()


class Cutter:
    """Cuts the tiles of one run."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._library = Library(*means.profiles)
        self._certificates = means.ca_certificates
        self._secrets = means.secrets
        self._at = means.at
        self._serials = SerialSequence(means.secrets.serial_key)
        self._signers: dict[Place, Signer] = {}
        self._templates: dict[tuple[str, str, frozenset[str]], Template] = {}
        self._fixed_templates: dict[int, FixedTemplate | None] = {}

    def __reduce__(self) -> tuple[type[Cutter], tuple[Means]]:
        # A process that does not inherit a cutter makes its own.
        return Cutter, (self._means,)

    def prepare(self, task: Task) -> None:
        """Compile the template that a task begins with; what is forked from here on has it."""
        first = _rows(task, task.own_rows(), 1)[0]
        profile = self._library.profile(task.section.profile)
        self._template(task.section, frozenset(row_inputs(profile, task.section, first)))

    def cut(self, task: Task) -> bytes:
        """The octets of a tile."""
        section = task.section
        first_row = task.first_row
        serials = self._serials.serials(first_row, task.count)
        rows = task.own_rows()
        ids, extra = _ids(task, rows), Extra()
        if rows is not None:
            labels = {place: row.label for place, row in enumerate(rows) if row.label}
            extra = Extra(labels, [row.line for row in rows])
        fixed = self._fixed_template(task, rows, serials[0])
        if fixed is None:
            every = _rows(task, rows, task.count)
            ders, private = self._cut_rows(section, serials, every, first_row)
        else:
            given = [None] * task.count if rows is None else [row.public_key for row in rows]
            ders, private = self._cast_rows(fixed, task, serials, ids, given)
        encoded = msgspec.json.encode(extra)
        header = Header(
            run=task.run,
            number=task.number,
            section=task.section_number,
            first_row=first_row,
            count=task.count,
            has_ids=bool(ids),
            der_octets=sum(map(len, ders)),
            extra_octets=len(encoded),
            seeded=self._secrets.seed is not None,
        )
        return tile.assemble(
            header, serials, ids, ders, encoded, private, self._secrets.sealing_key
        )

    def _fixed_template(
        self, task: Task, rows: Sequence[Row] | None, serial: bytes
    ) -> FixedTemplate | None:
        """The template of fixed lengths for all rows of a task; None where their lengths differ."""
        if rows is not None and not all(map(_fits_fixed, rows)):
            return None
        if task.section_number not in self._fixed_templates:
            first = _rows(task, rows, 1)[0]
            self._fixed_templates[task.section_number] = self._fix_lengths(task, first, serial)
        return self._fixed_templates[task.section_number]

    def _fix_lengths(self, task: Task, first: Row, serial: bytes) -> FixedTemplate | None:
        """The template of a section, lengths fixed; None where they cannot be."""
        profile = self._library.profile(task.section.profile)
        id_field = profile.field_of("device-id", "eui64")
        if id_field is None or profile.key_type is not KeyType.P256:
            return None
        template, sample = self._filled(task.section, first, serial, _SAMPLE_KEY)
        own = (_SERIAL, _KEY, _KEY_ID, id_field.path)
        if not set(own) <= sample.keys():
            return None
        fixed = FixedTemplate.of(
            template,
            {path: value for path, value in sample.items() if path not in own},
            {path: sample[path] for path in own},
        )
        return fixed if fixed.spans == own else None

    def _cast_rows(
        self,
        fixed: FixedTemplate,
        task: Task,
        serials: Sequence[bytes],
        ids: Sequence[int],
        given: Sequence[bytes | None],
    ) -> tuple[list[bytes], list[bytes | None]]:
        """Device Certificates, for fresh keys or given ones, as fast as they can be made."""
        fresh = self._random_key if self._secrets.seed is None else self._seeded_key
        pairs = [
            None if public_key else fresh(number).private_bytes(_DER, _PKCS8, _CLEAR)
            for number, public_key in enumerate(given, task.first_row)
        ]
        points = [
            pair[_POINT] if pair else (public_key or b"")[len(_SPKI_HEAD) :]
            for pair, public_key in zip(pairs, given, strict=True)
        ]
        private = [pair and pair[_SCALAR] for pair in pairs]
        method = 2 if fixed.widths[2] == _SHORT_KEY_ID else 1
        contents = (
            serials,
            [_SPKI_CONTENT + point for point in points],
            [key_identifier(point, method=method) for point in points],
            [one.to_bytes(8) for one in ids],
        )
        signer = self._signer((task.section.environment, task.section.profile))
        shell, sign = _Shell(signer.algorithm.encoded), signer.sign
        return [shell.close(tbs, sign(tbs)) for tbs in fixed.render(contents)], private

    def _cut_rows(
        self, section: Section, serials: Sequence[bytes], rows: Sequence[Row], first_row: int
    ) -> tuple[list[bytes], list[bytes | None]]:
        """Certificates of any kind, each through its template."""
        signer = self._signer((section.environment, section.profile))
        shell = _Shell(signer.algorithm.encoded)
        key_type = self._library.profile(section.profile).key_type
        ders: list[bytes] = []
        private: list[bytes | None] = []
        for number, (serial, row) in enumerate(zip(serials, rows, strict=True)):
            public = row.public_key
            kept: bytes | None = None
            if public is None and key_type is KeyType.P256:
                p256 = self._random_key if self._secrets.seed is None else self._seeded_key
                encoded = p256(first_row + number).private_bytes(_DER, _PKCS8, _CLEAR)
                public, kept = _SPKI_HEAD + encoded[_POINT], encoded[_SCALAR]
            elif public is None:
                fresh = private_keys.generate(key_type, SystemEntropy())
                public, kept = private_keys.public_key_info(fresh), private_keys.to_pkcs8(fresh)
            template, found = self._filled(section, row, serial, public)
            tbs = template.render(found)
            template.verify(tbs, found)
            ders.append(shell.close(tbs, signer.sign(tbs)))
            private.append(kept)
        return ders, private

    def _signer(self, place: Place) -> Signer:
        """The signer of an issuing CA, opened by the process that signs: never before a fork."""
        if place not in self._signers:
            # Random signatures are quicker; only a seed asks for the same ones again.
            self._signers[place] = self._means.ca_keys[place].open(
                self._means.transport_key, deterministic=self._secrets.seed is not None
            )
        return self._signers[place]

    def _algorithm(self, place: Place) -> SignatureAlgorithm:
        """The algorithm that an issuing CA signs with."""
        public_key = view_certificate(self._certificates[place]).octets("subjectPublicKeyInfo")
        key = load_public_key(public_key or b"")
        if key is None:
            raise EstateError("estate.damaged", f"The key of the CA for {place} cannot be read.")
        return signature_algorithm(key)

    def _random_key(self, _: int) -> ec.EllipticCurvePrivateKey:
        return ec.generate_private_key(_CURVE)

    def _seeded_key(self, row: int) -> ec.EllipticCurvePrivateKey:
        """The P-256 key that the seed gives a row."""
        stream = hmac.digest(self._secrets.seed or b"", row.to_bytes(8), hashlib.sha512)
        scalar = int.from_bytes(stream[:40]) % (private_keys.P256_ORDER - 1) + 1
        return ec.derive_private_key(scalar, _CURVE)

    def _filled(
        self, section: Section, row: Row, serial: bytes, public_key: bytes
    ) -> tuple[Template, Values]:
        """The template for a row, and the row's values checked against the profile."""
        given = row_inputs(self._library.profile(section.profile), section, row)
        template = self._template(section, frozenset(given))
        found = values(
            template.setting,
            Filling(
                SerialNumber(int.from_bytes(serial)),
                self._at,
                public_key,
                given,
                section.signifier,
                section.participant_name,
            ),
        )
        check_inputs(template.setting.profile, found, self._library.roles)
        return template, found

    def _template(self, section: Section, present: frozenset[str]) -> Template:
        place = (section.environment, section.profile)
        key = (*place, present)
        if key not in self._templates:
            setting = Setting(
                self._library.profile(section.profile),
                self._library.environment(section.environment),
                self._algorithm(place),
                issuer_of(self._certificates[place]),
            )
            self._templates[key] = compile_template(setting, present, self._library.roles)
        return self._templates[key]


class _Shell:
    """What goes around a TBSCertificate: its octets differ only with the signature's length."""

    def __init__(self, algorithm: bytes) -> None:
        self._algorithm = algorithm
        self._known: dict[tuple[int, int], tuple[bytes, bytes]] = {}

    def close(self, tbs: bytes, signature: bytes) -> bytes:
        """The whole certificate."""
        lengths = (len(tbs), len(signature))
        around = self._known.get(lengths)
        if around is None:
            bits = encode.header(encode.BIT_STRING, lengths[1] + 1) + b"\x00"
            after = self._algorithm + bits
            around = (encode.header(encode.SEQUENCE, lengths[0] + len(after) + lengths[1]), after)
            self._known[lengths] = around
        return b"".join((around[0], tbs, around[1], signature))


def _rows(task: Task, rows: Sequence[Row] | None, count: int) -> Sequence[Row]:
    """The first rows of a task; those of a range are made here."""
    if rows is not None:
        return rows[:count]
    first_id = (task.section.first_id or 0) + task.first
    return [Row(1, first_id + n) for n in range(count)]


def _ids(task: Task, rows: Sequence[Row] | None) -> Sequence[int]:
    """The EUI-64s of a task's rows, as far as they have any."""
    if rows is not None:
        return [row.eui64 for row in rows if row.eui64 is not None]
    first_id = (task.section.first_id or 0) + task.first
    return range(first_id, first_id + task.count)


def _fits_fixed(row: Row) -> bool:
    """Whether a row has nothing but an ID, and a P-256 key in the one form, if any."""
    key = row.public_key
    fits = key is None or (key.startswith(P256_HEAD) and len(key) == P256_OCTETS)
    return fits and row.eui64 is not None and not row.texts


def row_inputs(profile: Profile, section: Section, row: Row) -> dict[str, Value]:
    """The inputs of a row and its section, by the names that profiles use."""
    given: dict[str, Value] = {**section.shared, **row.texts}
    if section.usage is not None:
        given[USAGE] = (USAGE_BITS[section.usage.value],)
    if row.eui64 is not None:
        name = next(one.name for one in profile.input_types if one.is_identifier)
        given[name] = row.eui64.to_bytes(8)
    return given
