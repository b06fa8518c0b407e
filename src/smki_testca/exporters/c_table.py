"""Exports tables in C to iterate: declarations in a header, a unit of arrays for each profile."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from smki_testca.exporters.c_arrays import array, text
from smki_testca.exporters.c_names import check_own, fitted
from smki_testca.exporters.format import Format, FormatNeed, Traits
from smki_testca.folders import OutputFile
from smki_testca.x509.outline import outline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from smki_testca.estate.certificates import Record
    from smki_testca.exporters.item import Item

_TEMPLATE = Path(__file__).with_name("c_table.h.in")
_OWN = "smki"
_MOST_ROWS = 1_500
"""The most certificates in a unit: clang++ takes 0.06 MB of memory for each."""
_HEAD = "/* Test Certificates, X.509 in DER. Not for use with live systems. */\n"
_BITS = {"digital-signature": 1, "key-agreement": 2}
_OTHER_USAGE = 4
_P256 = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
"""The start of a SubjectPublicKeyInfo with a point of P-256."""
_POINT_SIZE = 65
_SCALAR = bytes.fromhex("0201010420")
"""The octets before the number in an ECPrivateKey of P-256 (RFC 5915 3)."""


class CTable(Format):
    """``smki.h``, ``smki.c`` and a unit for each profile: tables of certificates, keys and chains.

    Args:
        own: the name of the files, and the first part of every name in them.
    """

    traits = Traits(
        name="c-table",
        summary="tables in C to iterate, declared in a header: firmware",
        keys=FormatNeed.OPTIONAL,
        passphrase=FormatNeed.NEVER,
        c_names=True,
    )

    def __init__(self, own: str = _OWN) -> None:
        self._own = check_own(own)

    def named(self, own: str) -> CTable:
        """The format with a name of the user's own."""
        return CTable(own)

    def files(self, items: Sequence[Item], passphrase: str | None) -> Iterator[OutputFile]:
        """Yield the header, the table of profiles, and the unit of each profile."""
        del passphrase
        for name, content in _Tables(self._own, items).files():
            yield OutputFile(PurePosixPath(name), content.encode("ascii"))


@dataclass(frozen=True)
class _Table:
    """A table of certificates of one profile, and its unit.

    Attributes:
        name: of the table, and of the file of its unit.
        profile: of its certificates.
        rows: each with the name of its place.
    """

    name: str
    profile: str
    rows: list[tuple[str, Item]]

    @property
    def count(self) -> str:
        """The macro of the number of its rows."""
        return f"{self.name.upper()}_COUNT"


class _Tables:
    """The tables of some certificates, by profile.

    Args:
        own: the first part of every name.
        items: the certificates; the CAs above them are in their chains.
    """

    def __init__(self, own: str, items: Sequence[Item]) -> None:
        self._own, self._prefix = own, own.upper()
        profiles: dict[str, list[tuple[str, Item]]] = defaultdict(list)
        for item in items:
            profiles[item.record.profile].append((item.c_name, item))
        self._tables = [
            _Table(self._name(profile, start // _MOST_ROWS), profile, rows[start:][:_MOST_ROWS])
            for profile, rows in profiles.items()
            for start in range(0, len(rows), _MOST_ROWS)
        ]

    def _name(self, profile: str, number: int) -> str:
        plain = f"{self._own}_{profile.replace('-', '_')}"
        return plain if number == 0 else f"{plain}_{number + 1}"

    def files(self) -> Iterator[tuple[str, str]]:
        """The name and the content of each file."""
        yield f"{self._own}.h", self._header()
        rows = ",\n    ".join(
            f'{{"{table.profile}", {table.name}, {table.count}}}' for table in self._tables
        )
        name = f"{self._own}_tables[{self._prefix}_TABLES]"
        yield (
            f"{self._own}.c",
            f"{self._head()}const smki_certificates {name} = {{\n    {rows}\n}};\n",
        )
        for table in self._tables:
            yield f"{table.name}.c", "".join(self._unit(table))

    def _head(self) -> str:
        return f'{_HEAD}#include "{self._own}.h"\n\n'

    def _header(self) -> str:
        tables = []
        for table in self._tables:
            names = (f"{self._prefix}_{name}" for name, _ in table.rows)
            places = ",\n    ".join(fitted(name, name) for name in names)
            tables.append(
                f"/* Profile {table.profile}: the places of certificates in their table. */\n"
                f"enum {table.name}_places {{\n    {places}\n}};\n"
                f"#define {table.count} {len(table.rows)}u\n"
                f"extern const smki_certificate {table.name}[{table.count}];\n"
            )
        values = {
            "@NAME@": self._own,
            "@GUARD@": self._prefix,
            "@COUNT@": str(len(self._tables)),
            "@TABLES@": "\n".join(tables),
        }
        header = _TEMPLATE.read_text("ascii")
        for place, value in values.items():
            header = header.replace(place, value)
        return header

    def _unit(self, table: _Table) -> Iterator[str]:
        """The arrays, then the table."""
        yield self._head()
        above: dict[bytes, str] = {}
        chains: dict[tuple[bytes, ...], str] = {}
        rows = []
        for number, (name, item) in enumerate(table.rows):
            chain = tuple(record.der for record in item.chain)
            for der in chain:
                if der not in above:
                    above[der] = f"a{len(above)}"
                    yield array(above[der], der)
            if chain and chain not in chains:
                chains[chain] = f"l{len(chains)}"
                documents = ", ".join(f"{{{above[der]}, {len(der)}}}" for der in chain)
                yield f"static const smki_octets {chains[chain]}[{len(chain)}] = {{{documents}}};\n"
            yield array(f"c{number}", item.record.der)
            if item.private_key is not None:
                yield array(f"k{number}", item.private_key)
            rows.append(_row(number, name, item, chains.get(chain, "NULL")))
        body = ",\n    ".join(rows)
        yield f"\nconst smki_certificate {table.name}[{table.count}] = {{\n    {body}\n}};\n"


def _row(number: int, name: str, item: Item, chain: str) -> str:
    record, key = item.record, item.private_key
    eui64 = bytes(8) if record.eui64 is None else record.eui64.octets
    point, scalar = _point(record), _scalar(record, key)
    key_of = "{NULL, 0}" if key is None else f"{{k{number}, {len(key)}}}"
    values = (
        f'"{name}"',
        "NULL" if record.label is None else text(record.label),
        f'"{record.serial}"',
        f"{{{', '.join(map(str, eui64))}}}",
        "SMKI_NO_ROLE" if record.role is None else str(record.role),
        str(_usages(record.usage)),
        f"SMKI_{item.status.name}",
        f"{{c{number}, {len(record.der)}}}",
        key_of,
        "NULL" if point is None else f"c{number} + {point}",
        "NULL" if scalar is None else f"k{number} + {scalar}",
        chain,
        str(len(item.chain)),
    )
    return f"{{{', '.join(values)}}}"


def _usages(usage: str) -> int:
    bits = 0
    for name in usage.split("+"):
        bits |= _BITS.get(name, _OTHER_USAGE)
    return bits


def _point(record: Record) -> int | None:
    """The place in a certificate at which the point of the public key begins."""
    key = outline(record.der).public_key
    if not key.startswith(_P256):
        return None
    return record.der.index(key) + len(key) - _POINT_SIZE


def _scalar(record: Record, key: bytes | None) -> int | None:
    """The place in a PKCS#8 at which the number of the private key begins."""
    if key is None or _point(record) is None:
        return None
    return key.index(_SCALAR) + len(_SCALAR)
