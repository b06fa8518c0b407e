"""Reads the rows of a batch: the request that each makes, or its problem."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import serialization

from smki_testca.authority import csr as csrs
from smki_testca.errors import InputError, SmkiTestcaError
from smki_testca.identifiers import Eui64
from smki_testca.issuance.batch.spreadsheet_damage import damage
from smki_testca.labels import LabelTemplate
from smki_testca.profiles.inputs import INPUT_TYPES
from smki_testca.profiles.subject import Subject
from smki_testca.register.requests import Delivery
from smki_testca.roles import BOTH, KeyUsage
from smki_testca.text import use_one_of
from smki_testca.text_files import utf8
from smki_testca.x509 import untrusted
from smki_testca.x509.fields import FieldKind
from smki_testca.x509.keys import load_public_key, public_key_octets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from smki_testca.estate.stores import Stores
    from smki_testca.issuance.batch.manifest import ManifestLine
    from smki_testca.profiles import Library
    from smki_testca.register.requests import Request


@dataclass(frozen=True, slots=True)
class RowRequest:
    """A row that can be read: a certificate for each usage that its request has.

    Attributes:
        line: its number in the manifest or archive, from 1.
        request: for the gate.
        public_key: a SubjectPublicKeyInfo, DER, in place of a fresh key.
        label: a name to find the certificates by, or what it is made from.
        holder_name: the trading name that its CSR states; None if there is none.
        remarks: on its CSR; None if there is none.
        columns: the operator's own, by name.
    """

    line: int
    request: Request
    public_key: bytes | None = None
    label: str | LabelTemplate | None = None
    holder_name: str | None = None
    remarks: csrs.Remarks | None = None
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RowProblem:
    """A row for which no certificate is issued.

    Attributes:
        line: its number in the manifest or archive, from 1.
        error: of the parser or the gate.
    """

    line: int
    error: SmkiTestcaError

    def as_json(self) -> dict[str, Any]:
        """The problem as a JSON object: its line, and the documented error or refusal."""
        return {"line": self.line, **self.error.as_json()}


def from_manifest(
    estate: Stores,
    lines: Iterable[ManifestLine],
    read: Callable[[str], bytes],
    environment: str | None = None,
    *,
    options: Mapping[str, str] = MappingProxyType({}),
    delivery: Delivery = Delivery.LOCAL,
) -> Iterator[RowRequest | RowProblem]:
    """Read the requests of a manifest.

    Args:
        estate: the estate that will issue.
        lines: of the manifest.
        read: reads a file that a line names.
        environment: for lines that name none; the estate's first by default.
        options: by column, for cells that are empty or lacking and that the row's certificate
            type takes.
        delivery: how the certificates reach their holders.

    Yields:
        The request of each line, or its problem.
    """
    reader = _RowReader(
        estate, read, {"environment": estate.environment(environment), **options}, delivery
    )
    texts = _own_texts(estate.library)
    for line in lines:
        try:
            if line.problem:
                raise InputError("manifest.line", f"The row cannot be read: {line.problem}.")
            yield reader.request(line)
        except SmkiTestcaError as error:
            if isinstance(error, InputError) and (cause := damage(line.cells, texts)):
                error.remedy = cause
            yield RowProblem(line.number, error)


def _own_texts(library: Library) -> frozenset[str]:
    """The inputs of type text that certificate types declare themselves, by column."""
    return frozenset(
        input_type.option
        for profile in library.end_entity_profiles
        for input_type in profile.input_types
        if input_type.name not in INPUT_TYPES and FieldKind.TEXT in input_type.kinds
    )


_OF_EVERY_ROW = frozenset(
    {"profile", "participant", "purpose", "environment", "usage", "label", "public-key-file"}
)
_OF_CSR_ROWS = frozenset({"profile", "participant", "purpose", "environment", "label", "csr-file"})
_MAX_KINDS = 1_000
"""The most kinds of rows that are remembered; one kind differs in ID, label or file alone."""


class _RowReader:
    """Reads the requests of rows. Rows of one kind are read in full once.

    Args:
        estate: the estate that will issue.
        read: reads a file that a row names.
        options: for empty cells, by column.
        delivery: how the certificates reach their holders.
    """

    def __init__(
        self,
        estate: Stores,
        read: Callable[[str], bytes],
        options: Mapping[str, str],
        delivery: Delivery,
    ) -> None:
        self._estate = estate
        self._read = read
        self._options = options
        self._delivery = delivery
        self._identifiers = frozenset(
            input_type.option
            for profile in estate.library.end_entity_profiles
            for input_type in profile.input_types
            if input_type.is_identifier
        )
        self._of_kinds: dict[tuple[Any, ...], Request] = {}
        self._labels: dict[str, LabelTemplate | str] = {}

    def request(self, line: ManifestLine) -> RowRequest:
        """The certificates that a row asks for.

        Raises:
            SmkiTestcaError: if it cannot be read.
        """
        cells = dict(line.cells)
        label = self._label(cells.pop("label", None))
        if "csr-file" in cells:
            csr = self._csr(cells)
            request = self._request(cells, csr.subject, () if csr.usage is None else (csr.usage,))
            return RowRequest(
                line.number,
                request,
                csr.public_key,
                label,
                csr.holder_name,
                csr.remarks,
                line.columns,
            )
        key_file = cells.pop("public-key-file", None)
        request = self._stated(cells)
        public_key = None
        if key_file is not None:
            if request.count > 1:
                raise InputError(
                    "manifest.key_usage",
                    "The row has one public key, and asks for a certificate of each usage.",
                    f"State one usage, {' or '.join(KeyUsage)}; give the other a row and a key of"
                    " its own.",
                )
            public_key = _public_key(self._read(key_file))
        return RowRequest(line.number, request, public_key, label, columns=line.columns)

    def _label(self, text: str | None) -> LabelTemplate | str | None:
        if text is None or ("{" not in text and "}" not in text):
            return text
        if text not in self._labels:
            if len(self._labels) >= _MAX_KINDS:
                self._labels.clear()
            self._labels[text] = LabelTemplate(text)
        return self._labels[text]

    def _stated(self, cells: dict[str, str]) -> Request:
        """The request that a row's cells state."""
        identifiers = [name for name in self._identifiers if name in cells]
        if len(identifiers) != 1:
            return self._read_in_full(cells)
        shared = cells.copy()
        text = shared.pop(identifiers[0])
        kind = (*identifiers, *shared, *shared.values())
        first = self._of_kinds.get(kind)
        if first is not None:
            return first.of(first.subject.with_identifier(Eui64.parse(text)))
        request = self._read_in_full(cells)
        if request.subject.embedded_id is not None:
            if len(self._of_kinds) >= _MAX_KINDS:
                self._of_kinds.clear()
            self._of_kinds[kind] = request
        return request

    def _read_in_full(self, stated: Mapping[str, str]) -> Request:
        library = self._estate.library
        cells = self._filled(stated, {"profile", "participant", "purpose", "environment"})
        _check_complete(cells)
        if "profile" not in cells:
            raise InputError("request.profile", "The row has neither a profile nor a CSR.")
        library.profile(cells["profile"])  # an unknown name has a code of its own
        profile = library.end_entity_profile(cells["profile"])
        taken = {input_type.option for input_type in profile.input_types}
        if profile.takes_usage:
            cells = {"usage": BOTH} | self._filled(cells, {*taken, "usage"})
            usages = _usages(cells["usage"])
        elif "usage" in cells:
            raise InputError("request.incomplete", "The row has a usage, which its profile fixes.")
        else:
            cells, usages = self._filled(cells, taken), ()
        inputs = {name: text for name, text in cells.items() if name not in _OF_EVERY_ROW}
        unknown = inputs.keys() - taken
        if unknown:
            raise InputError(
                "manifest.cell", f"The row's profile has no {', '.join(sorted(unknown))}."
            )
        return self._request(cells, Subject.parse(profile, inputs, library.roles), usages)

    def _csr(self, cells: dict[str, str]) -> csrs.Csr:
        """The CSR of a row; the cells that it lacks are filled."""
        redundant = set(cells) - _OF_CSR_ROWS
        if redundant:
            raise InputError(
                "manifest.csr",
                f"The row has a CSR, which already states {', '.join(sorted(redundant))}.",
            )
        cells |= self._filled(cells, {"participant", "purpose", "environment"})
        _check_complete(cells)
        library = self._estate.library
        profile = library.end_entity_profile(cells["profile"]) if "profile" in cells else None
        octets = self._read(cells["csr-file"])
        return csrs.parse(octets, library, profile, remedies=csrs.OF_MANIFEST)

    def _filled(self, cells: Mapping[str, str], names: set[str]) -> dict[str, str]:
        """The cells, and for those of some names that are lacking the command's options."""
        return {name: self._options[name] for name in names & self._options.keys()} | dict(cells)

    def _request(
        self, cells: Mapping[str, str], subject: Subject, usages: tuple[KeyUsage, ...]
    ) -> Request:
        return self._estate.request(
            cells["participant"],
            cells["purpose"],
            subject,
            usages,
            environment=cells.get("environment"),
            delivery=self._delivery,
        )


def _check_complete(cells: Mapping[str, str]) -> None:
    for name in ("participant", "purpose"):
        if name not in cells:
            raise InputError(
                "request.incomplete",
                f"The row has no {name}.",
                f"Add the column, or give --{name} for all rows.",
            )


def _usages(text: str) -> tuple[KeyUsage, ...]:
    """The usages that a cell asks for."""
    if text == BOTH:
        return tuple(KeyUsage)
    try:
        return (KeyUsage.parse(text),)
    except InputError as error:
        error.remedy = use_one_of((*KeyUsage, BOTH))
        raise


def _public_key(data: bytes) -> bytes:
    data = spki = utf8(data)
    if b"-----BEGIN" in data:
        try:
            loaded = untrusted.call(serialization.load_pem_public_key, data)
            spki = loaded.public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        except InputError as error:
            raise InputError("key.unreadable", "It is not a PEM public key.") from error
    key = load_public_key(spki)
    if key is None:
        raise InputError("key.unreadable", "It is not a public key that can be used.")
    return public_key_octets(key)
