"""Writes the list of rules as Markdown.

It is kept in the repository: ``python tools/findings_reference.py > docs/findings.md``.
"""

from __future__ import annotations

import re
import sys
from itertools import groupby
from typing import TYPE_CHECKING

from smki_testca.der.ber import MAX_HEADERS
from smki_testca.der.read import MAX_DEPTH, MAX_ELEMENTS, MAX_OCTETS
from smki_testca.importers.archive import MAX_ZIP_ENTRIES, MAX_ZIP_OCTETS
from smki_testca.importers.pkcs7 import MAX_CERTIFICATES
from smki_testca.importers.sources import MAX_DOCUMENTS, MAX_FILE_OCTETS, MAX_STREAM_DOCUMENTS
from smki_testca.importers.zip_directory import MAX_DIRECTORY_OCTETS
from smki_testca.lint.catalogue import rules
from smki_testca.profiles import Library
from smki_testca.x509 import entries

if TYPE_CHECKING:
    from collections.abc import Iterable

    from smki_testca.lint.rule import Rule

_HEAD = f"""\
# Findings

For everybody who checks certificates, CSRs and CRLs with `lint`, and for those who read its \
report. You can look up what a finding means, which source its rule comes from, and what to do.

```sh
smki-testca lint cert.pem
smki-testca lint explain subject.commonName.encoding
smki-testca lint rules
```

`lint explain CODE` shows one rule with a good and a bad example. `lint rules` prints the same \
list as this page, which is generated: `python tools/findings_reference.py > docs/findings.md`.

A finding has a code, a severity, the path of the field, the octet where it is (none where the \
element is missing), a message, a basis, the source of its rule, and a remedy. \
Codes are stable; messages may be reworded.

| severity | basis | meaning |
|---|---|---|
| error | specified | it breaks a rule of the SEC, GBCS or an RFC |
| warning | observed | it differs from published test certificates, or its time is over |
| notice | assumed | it differs from a default that nobody could check, or is worth knowing |

A rule may have another severity; the tables below state it. The code of a field's rule begins \
with the field: `subject.commonName.encoding` is the encoding of `subject.commonName`. \
A code may be listed more than once, because profiles have different rules.

## What is read

`lint`, `show`, `import`, `compare`, `crl verify` and `--trust` read the same files; the octets \
of a file decide what it is, never its name.

| form | what is read |
|---|---|
| DER | one document, or certificates one after the other, as `batch export` writes them |
| PEM | the document in each block; of `TRUSTED CERTIFICATE` the certificate alone |
| bare base64, hexadecimal | the DER in it; of hexadecimal with any spaces and colons |
| PKCS#7, in DER or BER, or as `PKCS7`, `CMS` or `PKCS #7 SIGNED DATA` in PEM | its certificates |
| `keystore.json` | its certificates |
| ZIP, a folder, `-` for standard input | the documents in the files that it holds |

A file that you name must hold a document, and so must a folder or ZIP. \
Other files in a folder or ZIP are skipped and counted: \
keys, PKCS#12 and Java key stores, texts, and what macOS and Windows keep beside files. \
A broken document is a finding wherever it is. \
A file or folder that cannot be read is a finding, too: the rest is linted, and the exit code is 4.

`--trust` takes certificates only: a CSR, a CRL or anything else in a file that you name is an \
error.

## Limits

What is over a limit is not read, and gives a finding.

| limit | value |
|---|---|
| octets of a file, except certificates in DER one after the other | {MAX_FILE_OCTETS:,} |
| documents in a file | {MAX_DOCUMENTS:,} |
| documents in DER one after the other in a file | {MAX_STREAM_DOCUMENTS:,} |
| certificates of a PKCS#7 bundle | {MAX_CERTIFICATES:,} |
| headers of elements that are read of a PKCS#7 bundle in BER | {MAX_HEADERS:,} |
| files in a ZIP | {MAX_ZIP_ENTRIES:,} |
| octets that a ZIP unpacks to | {MAX_ZIP_OCTETS:,} |
| octets of a ZIP's directory | {MAX_DIRECTORY_OCTETS:,} |
| octets of a document | {MAX_OCTETS:,} |
| elements of a document | {MAX_ELEMENTS:,} |
| octets of a CRL | {entries.MAX_OCTETS:,} |
| entries of a CRL, which do not count as elements | {entries.MAX_ENTRIES:,} |
| depth of its elements | {MAX_DEPTH:,} |
"""

_TITLES = {
    "document": "Files that cannot be used",
    "der": "Encoding",
    "structure": "Structures",
    "signature": "Signatures",
    "issuer": "Issuers",
    "validity": "Validity",
    "serial": "Serial numbers",
    "eui64": "EUI-64 IDs",
    "device_id": "Device IDs",
    "set": "Documents together",
    "csr": "CSRs",
    "crl": "CRLs",
    "internal": "Faults of the program",
    "subjectPublicKeyInfo": "Public keys",
    "version": "Version",
    "serialNumber": "Serial numbers, by profile",
    "subject": "Subjects",
    "thisUpdate": "Times of CRLs",
    "nextUpdate": "Times of CRLs, the next",
    "revokedCertificates": "Entries of CRLs",
    "issuerUniqueID": "Unique identifiers of issuers",
    "subjectUniqueID": "Unique identifiers of subjects",
    "extensions": "Extensions",
}


def manual(library: Library) -> str:
    """Return every rule of the library as Markdown, those of one part of a document together."""
    parts = [_HEAD]
    order = list(_TITLES)
    ordered = sorted(rules(library), key=lambda rule: (_rank(order, rule), rule.code))
    for part, group in groupby(ordered, key=_part):
        parts.append(f"## {_TITLES.get(part, part)}\n\n{_table(group)}")
    return "\n".join(parts)


def _part(rule: Rule) -> str:
    return rule.code.split(".", 1)[0]


def _rank(order: list[str], rule: Rule) -> int:
    return order.index(_part(rule)) if _part(rule) in order else len(order)


def _table(group: Iterable[Rule]) -> str:
    lines = ["| code | severity | basis | profiles | meaning | remedy | source |"]
    lines.append("|---|---|---|---|---|---|---|")
    for rule in group:
        profiles = ", ".join(rule.profiles)
        source = rule.source if rule.since is None else f"{rule.source}; since {rule.since}"
        texts = (profiles, rule.meaning, rule.remedy, source)
        cells = (f"`{rule.code}`", rule.severity, rule.basis, *map(_cell, texts))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    # A pattern of a row must not become a link or lose its backslashes.
    return re.sub(r"[\\|*<\[\]]", r"\\\g<0>", text)


if __name__ == "__main__":
    sys.stdout.write(manual(Library()))
