"""Makes tiles: each a pure function of the run's terms, its secrets, the CA's key and the rows.

Where rows differ only in their EUI-64s and P-256 keys, the lengths in the template are fixed once:
a certificate then costs a key, a signature and little more. Other rows (texts of any length, RSA
keys) use the template itself.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from smki_testca.authority.filling import Filling, TemplateSetting, check_inputs, issuer_of, values
from smki_testca.authority.fixed_template import FixedTemplate
from smki_testca.authority.signers import SigningMeans
from smki_testca.authority.template import Template, compile_template
from smki_testca.der import encode
from smki_testca.entropy import SeededEntropy, SystemEntropy
from smki_testca.errors import EstateError
from smki_testca.estate import tile
from smki_testca.estate.serials import SerialSequence
from smki_testca.estate.terms import SectionRow
from smki_testca.estate.tile import Extra, Header
from smki_testca.identifiers import SerialNumber
from smki_testca.profiles import Library
from smki_testca.profiles.inputs import USAGE
from smki_testca.x509 import private_keys
from smki_testca.x509.key_usages import USAGE_BITS
from smki_testca.x509.keys import (
    P256_HEAD,
    is_plain_p256,
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
    from smki_testca.entropy import Entropy
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
    """One tile to make.

    Attributes:
        run, number: the tile's run, and its number within the run.
        section_number: the place of the section in the run's terms.
        first: the first row, counted within the section.
        first_row: the first row, counted within the run.
        count: how many rows the tile has.
        rows: a list of ``SectionRow`` in MessagePack; None for a range, whose rows follow from the
            section.
    """

    run: int
    number: int
    section_number: int
    section: Section
    first: int
    first_row: int
    count: int
    rows: bytes | None

    def decoded_rows(self) -> list[SectionRow] | None:
        """The rows; None for a range."""
        return (
            None if self.rows is None else msgspec.msgpack.decode(self.rows, type=list[SectionRow])
        )


Place = tuple[str, str]
"""The names of an environment and of a profile, which together have one issuing CA."""


@dataclass(frozen=True, slots=True)
class TileMaterial:
    """Everything that a run's tiles are made with. It holds secrets and is never logged.

    Attributes:
        ca_certificates: the issuing CA's certificate for each place, DER.
        ca_keys: references to their private keys, which each worker opens itself.
        transport_key: opens the references.
        secrets: the run's serial key, sealing key and seed.
        at: the instant of issue, UTC.
        profiles: the directories of profiles that take precedence over the shipped ones.
    """

    ca_certificates: dict[Place, bytes] = field(repr=False)
    ca_keys: dict[Place, KeyReference] = field(repr=False)
    transport_key: TransportKey = field(repr=False)
    secrets: Secrets = field(repr=False)
    at: datetime
    profiles: tuple[Path, ...] = ()


class TileMaker:
    """Makes the tiles of one run.

    Args:
        material: of the run.
    """

    def __init__(self, material: TileMaterial) -> None:
        self._material = material
        self._library = Library(*material.profiles)
        self._secrets = material.secrets
        self._serials = SerialSequence(material.secrets.serial_key)
        self._signers: dict[Place, _CertificateSigner] = {}
        self._templates: dict[tuple[str, str, frozenset[str]], Template] = {}
        self._fixed_templates: dict[int, FixedTemplate | None] = {}

    def __reduce__(self) -> tuple[type[TileMaker], tuple[TileMaterial]]:
        # A process that does not inherit a tile maker builds its own.
        return TileMaker, (self._material,)

    def prepare(self, task: Task) -> None:
        """Compile the template that a task needs first, so that forked processes inherit it."""
        first = _rows(task, task.decoded_rows(), 1)[0]
        profile = self._library.profile(task.section.profile)
        self._template(task.section, frozenset(_row_inputs(profile, task.section, first)))

    def make(self, task: Task) -> bytes:
        """Make a tile, and give its octets."""
        serials = self._serials.serials(task.first_row, task.count)
        rows = task.decoded_rows()
        ids, extra = _ids(task, rows), Extra()
        if rows is not None:
            labels = {place: row.label for place, row in enumerate(rows) if row.label}
            columns = [row.columns for row in rows] if task.section.columns else []
            extra = Extra(labels, [row.line for row in rows], columns)
        fixed = self._fixed_template(task, rows, serials[0])
        if fixed is None:
            ders, private = self._render(task, serials, _rows(task, rows, task.count))
        else:
            public = [None] * task.count if rows is None else [row.public_key for row in rows]
            ders, private = self._render_fixed(fixed, task, serials, ids, public)
        encoded = msgspec.json.encode(extra)
        header = Header(
            run=task.run,
            number=task.number,
            section=task.section_number,
            first_row=task.first_row,
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
        self, task: Task, rows: Sequence[SectionRow] | None, serial: bytes
    ) -> FixedTemplate | None:
        """The template of fixed lengths for all rows of a task; None where their lengths differ."""
        if rows is not None and not all(map(_fits_fixed, rows)):
            return None
        if task.section_number not in self._fixed_templates:
            first = _rows(task, rows, 1)[0]
            self._fixed_templates[task.section_number] = self._fix_lengths(task, first, serial)
        return self._fixed_templates[task.section_number]

    def _fix_lengths(self, task: Task, first: SectionRow, serial: bytes) -> FixedTemplate | None:
        """The template of a section, lengths fixed; None where they cannot be."""
        profile = self._library.profile(task.section.profile)
        id_field = profile.field_of("device-id", "eui64")
        if id_field is None or profile.key_type is not KeyType.P256:
            return None
        template, sample = self._filled(task.section, first, serial, _SAMPLE_KEY)
        varying = (_SERIAL, _KEY, _KEY_ID, id_field.path)
        if not set(varying) <= sample.keys():
            return None
        fixed = FixedTemplate.of(
            template,
            {path: value for path, value in sample.items() if path not in varying},
            {path: sample[path] for path in varying},
        )
        return fixed if fixed.spans == varying else None

    def _render_fixed(
        self,
        fixed: FixedTemplate,
        task: Task,
        serials: Sequence[bytes],
        ids: Sequence[int],
        public: Sequence[bytes | None],
    ) -> tuple[list[bytes], list[bytes | None]]:
        """Device Certificates from a template of fixed lengths, and their private keys.

        Args:
            fixed: the template.
            task: for its rows and section.
            serials: 16 octets for each row.
            ids: the EUI-64 of each row.
            public: the SubjectPublicKeyInfo of each row, DER; None for a fresh key.
        """
        pairs = [
            None if spki else self._p256_key(row) for row, spki in enumerate(public, task.first_row)
        ]
        points = [
            pair[_POINT] if pair else (spki or b"")[len(_SPKI_HEAD) :]
            for pair, spki in zip(pairs, public, strict=True)
        ]
        method = 2 if fixed.widths[2] == _SHORT_KEY_ID else 1
        contents = (
            serials,
            [_SPKI_CONTENT + point for point in points],
            [key_identifier(point, method=method) for point in points],
            [eui64.to_bytes(8) for eui64 in ids],
        )
        ders = self._signer(task.section).sign_all(list(fixed.render(contents)))
        return ders, [pair and pair[_SCALAR] for pair in pairs]

    def _render(
        self, task: Task, serials: Sequence[bytes], rows: Sequence[SectionRow]
    ) -> tuple[list[bytes], list[bytes | None]]:
        """Certificates of any type, and their private keys; the arguments as above."""
        section = task.section
        key_type = self._library.profile(section.profile).key_type
        tbs_of_rows: list[bytes] = []
        private_of_rows: list[bytes | None] = []
        for number, (serial, row) in enumerate(zip(serials, rows, strict=True), task.first_row):
            public = row.public_key
            private: bytes | None = None
            if public is None and key_type is KeyType.P256:
                pair = self._p256_key(number)
                public, private = _SPKI_HEAD + pair[_POINT], pair[_SCALAR]
            elif public is None:
                fresh = private_keys.generate(key_type, self._entropy(number))
                public, private = private_keys.public_key_info(fresh), private_keys.to_pkcs8(fresh)
            template, field_values = self._filled(section, row, serial, public)
            elements = template.elements(field_values)
            tbs = template.render(elements)
            template.verify(tbs, elements)
            tbs_of_rows.append(tbs)
            private_of_rows.append(private)
        return self._signer(section).sign_all(tbs_of_rows), private_of_rows

    def _signer(self, section: Section) -> _CertificateSigner:
        """The signer of a section's CA. The process that signs opens it: never before a fork."""
        place = (section.environment, section.profile)
        if place not in self._signers:
            # Random signatures are quicker; only a seed needs the same ones again.
            signer = self._material.ca_keys[place].open(
                SigningMeans.of_worker(self._material.transport_key),
                deterministic=self._secrets.seed is not None,
            )
            self._signers[place] = _CertificateSigner(signer)
        return self._signers[place]

    def _p256_key(self, row: int) -> bytes:
        """A P-256 key pair, PKCS#8 DER: a random one, or the one that the seed gives a row."""
        if self._secrets.seed is None:
            key = ec.generate_private_key(_CURVE)
        else:
            stream = hmac.digest(self._secrets.seed, row.to_bytes(8), hashlib.sha512)
            scalar = int.from_bytes(stream[:40]) % (private_keys.P256_ORDER - 1) + 1
            key = ec.derive_private_key(scalar, _CURVE)
        return key.private_bytes(_DER, _PKCS8, _CLEAR)

    def _entropy(self, row: int) -> Entropy:
        """The entropy of a key that is not P-256: the system's, or the seed's for a row."""
        if self._secrets.seed is None:
            return SystemEntropy()
        return SeededEntropy(hmac.digest(self._secrets.seed, row.to_bytes(8), hashlib.sha512))

    def _filled(
        self, section: Section, row: SectionRow, serial: bytes, public_key: bytes
    ) -> tuple[Template, Values]:
        """The template for a row, and the row's values checked against the profile."""
        inputs = _row_inputs(self._library.profile(section.profile), section, row)
        template = self._template(section, frozenset(inputs))
        field_values = values(
            template.setting,
            Filling(
                SerialNumber(int.from_bytes(serial)),
                self._material.at,
                public_key,
                inputs,
                section.signifier,
                section.participant_name,
            ),
        )
        check_inputs(template.setting.profile, field_values, self._library.roles)
        return template, field_values

    def _template(self, section: Section, present: frozenset[str]) -> Template:
        place = (section.environment, section.profile)
        key = (*place, present)
        if key not in self._templates:
            certificate = self._material.ca_certificates[place]
            setting = TemplateSetting(
                self._library.profile(section.profile),
                self._library.environment(section.environment),
                _algorithm(place, certificate),
                issuer_of(certificate),
            )
            self._templates[key] = compile_template(setting, present, self._library.roles)
        return self._templates[key]


class _CertificateSigner:
    """Signs TBSCertificates. What goes around one depends on its length and the signature's."""

    def __init__(self, signer: Signer) -> None:
        self._sign_all = signer.sign_all
        self._algorithm = signer.algorithm.encoded
        self._around: dict[tuple[int, int], tuple[bytes, bytes]] = {}

    def sign_all(self, tbs_certificates: Sequence[bytes]) -> list[bytes]:
        """The certificates, DER, in the order of what is signed."""
        signatures = self._sign_all(tbs_certificates)
        return list(map(self._certificate, tbs_certificates, signatures))

    def _certificate(self, tbs: bytes, signature: bytes) -> bytes:
        lengths = (len(tbs), len(signature))
        around = self._around.get(lengths)
        if around is None:
            bits = encode.header(encode.BIT_STRING, lengths[1] + 1) + b"\x00"
            after = self._algorithm + bits
            around = (encode.header(encode.SEQUENCE, lengths[0] + len(after) + lengths[1]), after)
            self._around[lengths] = around
        return b"".join((around[0], tbs, around[1], signature))


def _algorithm(place: Place, certificate: bytes) -> SignatureAlgorithm:
    """The algorithm that an issuing CA signs with."""
    public_key = view_certificate(certificate).octets("subjectPublicKeyInfo")
    key = load_public_key(public_key or b"")
    if key is None:
        raise EstateError("estate.damaged", f"The key of the CA for {place} cannot be read.")
    return signature_algorithm(key)


def _rows(task: Task, rows: Sequence[SectionRow] | None, count: int) -> Sequence[SectionRow]:
    """The first rows of a task; those of a range follow from its first Device ID."""
    if rows is not None:
        return rows[:count]
    first_id = (task.section.first_id or 0) + task.first
    return [SectionRow(1, first_id + n) for n in range(count)]


def _ids(task: Task, rows: Sequence[SectionRow] | None) -> Sequence[int]:
    """The EUI-64s of a task's rows, as far as they have any."""
    if rows is not None:
        return [row.eui64 for row in rows if row.eui64 is not None]
    first_id = (task.section.first_id or 0) + task.first
    return range(first_id, first_id + task.count)


def _fits_fixed(row: SectionRow) -> bool:
    """Whether a row has only an EUI-64 and, if any, a P-256 key with an uncompressed point."""
    has_fixed_key = row.public_key is None or is_plain_p256(row.public_key)
    return has_fixed_key and row.eui64 is not None and not row.texts


def _row_inputs(profile: Profile, section: Section, row: SectionRow) -> dict[str, Value]:
    """The inputs of a row and its section, by the names that profiles use."""
    inputs: dict[str, Value] = {**section.shared, **row.texts}
    if section.usage is not None:
        inputs[USAGE] = (USAGE_BITS[section.usage.value],)
    if row.eui64 is not None:
        name = next(each.name for each in profile.input_types if each.is_identifier)
        inputs[name] = row.eui64.to_bytes(8)
    return inputs
