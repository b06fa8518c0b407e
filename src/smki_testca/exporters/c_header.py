"""Exports one C header of DER arrays, for firmware with built-in certificates."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from smki_testca.clock import iso
from smki_testca.exporters.c_names import check_own
from smki_testca.exporters.format import Format, FormatNeed, Traits
from smki_testca.exporters.item import authorities, flat_names
from smki_testca.folders import OutputFile
from smki_testca.text import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from smki_testca.estate.certificates import Record
    from smki_testca.exporters.item import Item

_FILE = "smki_certificates"
_OWN = "smki"
_MAX_NAME = 40
"""The longest name: C99 5.2.4.1 distinguishes 63 characters of a whole identifier."""
_PER_LINE = 12
_COMMENT_MARK = re.compile(r"(?<=\*)(?=/)|(?<=/)(?=\*)")
"""Between the two characters that begin or end a comment."""
_HEX = [f"0x{octet:02x}" for octet in range(256)]


class CHeader(Format):
    """``smki_certificates.h``: an array for each certificate, each CA above, and each key.

    Args:
        own: the first part of every name.
        file: the name of the header.
    """

    traits = Traits(
        name="c-header",
        summary="DER arrays in C: firmware",
        keys=FormatNeed.OPTIONAL,
        passphrase=FormatNeed.NEVER,
    )

    def __init__(self, own: str = _OWN, file: str = _FILE) -> None:
        self._prefix, self._file = check_own(own).upper(), file

    def named(self, own: str) -> CHeader:
        """The format with a name of the user's own for the header, its guard and its arrays."""
        return CHeader(own, own)

    def files(self, items: Sequence[Item], passphrase: str | None) -> Iterator[OutputFile]:
        """Yield the only file of the export."""
        del passphrase
        text = "".join(_header(items, f"{self._file.upper()}_H", f"{self._prefix}_"))
        path = PurePosixPath(f"{self._file}.h")
        yield OutputFile(path, text.encode("ascii", "backslashreplace"))


def _header(items: Sequence[Item], guard: str, prefix: str) -> Iterator[str]:
    selected = {item.record.serial for item in items}
    named = [(name, ca) for name, ca in authorities(items) if ca.serial not in selected]
    above = [record for _, record in named]
    # The identifier of a current certificate is its name, however many it has replaced.
    own = [
        (f"SERIAL_{item.record.serial}" if item.is_outdated else name, item.record)
        for name, item in zip(flat_names(items), items, strict=True)
    ]
    names = [f"{prefix}{name}" for name in _identifiers([*own, *named])]
    yield (
        "/* Test Certificates, X.509 in DER. Not for use with live systems. */\n"
        f"#ifndef {guard}\n#define {guard}\n"
    )
    for item, name in zip(items, names, strict=False):
        yield _comment(item.record)
        yield _array(f"{name}_CERTIFICATE", item.record.der)
        if item.private_key is not None:
            yield _array(f"{name}_PRIVATE_KEY", item.private_key)
    for record, name in zip(above, names[len(items) :], strict=True):
        yield _comment(record)
        yield _array(f"{name}_CERTIFICATE", record.der)
    yield f"\n#endif /* {guard} */\n"


def _identifiers(named: Iterable[tuple[str, Record]]) -> list[str]:
    """A C identifier for each, in capitals: its name or, of duplicates, its serial number."""
    cut = [(re.sub(r"[^A-Z0-9]", "_", name.upper())[:_MAX_NAME], record) for name, record in named]
    count = Counter(name for name, _ in cut)
    return [name if count[name] == 1 else f"SERIAL_{record.serial}" for name, record in cut]


def _comment(record: Record) -> str:
    parts = [
        f"serial {record.serial}",
        f"{record.profile}, {record.usage}",
        f"until {iso(record.not_after)}",
    ]
    if record.eui64 is not None:
        parts.insert(0, f"EUI-64 {record.eui64}")
    if record.role is not None:
        parts.insert(-1, f"role {record.role:02X}")
    parts += (f"{name} {value}" for name, value in record.columns.items())
    return f"\n/* {_COMMENT_MARK.sub(' ', plain('; '.join(parts)))} */\n"


def _array(name: str, octets: bytes) -> str:
    lines = (
        ", ".join(_HEX[octet] for octet in octets[start : start + _PER_LINE])
        for start in range(0, len(octets), _PER_LINE)
    )
    body = ",\n    ".join(lines)
    return (
        f"#define {name}_SIZE {len(octets)}u\n"
        f"static const unsigned char {name}[{name}_SIZE] = {{\n    {body}\n}};\n"
    )
