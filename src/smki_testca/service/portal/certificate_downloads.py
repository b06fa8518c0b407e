"""The files in which a certificate is downloaded: never with a private key."""

from __future__ import annotations

import io
import zipfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from smki_testca.exporters import export
from smki_testca.exporters.format import FormatNeed
from smki_testca.exporters.item import safe_name
from smki_testca.exporters.registry import FORMATS
from smki_testca.service.portal.unanswered import Unanswered
from smki_testca.x509.pem import to_pem

if TYPE_CHECKING:
    from aiohttp import web

    from smki_testca.api import Estate
    from smki_testca.estate.certificates import Record
    from smki_testca.service.portal.visit import Visit

_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
"""The earliest that a ZIP can state: the same content gives the same octets."""
_PLAIN = {
    "certificate.pem": ("PEM", "application/x-pem-file"),
    "certificate.der": ("DER", "application/pkix-cert"),
    "chain.pem": ("PEM of the certificate and the CAs above it", "application/x-pem-file"),
}
"""The files of a certificate that are no export, with what they are and their types."""
_OF_ONE = {
    "pem": "PEM, with its CAs in folders: OpenSSL, curl, Node, Python",
    "csv": "a table with what identifies it: spreadsheets",
    "pkcs7": "one bundle with its CAs: Windows, keytool",
    "c-table": "a table in C, declared in a header: firmware",
    "jwks": "its public key and its CAs' as a JSON Web Key Set: web programs",
}
"""Summaries of formats for one certificate without a key, where the usual one says more."""


class Download(NamedTuple):
    """A file to download.

    Attributes:
        name: of the file; of an offer, what its address ends in.
        title: what it is, for people.
        content_type: of the file.
        data: its octets; empty in an offer.
    """

    name: str
    title: str
    content_type: str
    data: bytes = b""


def plain_files(record: Record) -> list[Download]:
    """The downloads of any certificate, beside the export formats."""
    is_root = record.issuer == record.serial
    return [
        Download(name, title, content_type)
        for name, (title, content_type) in _PLAIN.items()
        if not (is_root and name == "chain.pem")
    ]


def downloads(estate: Estate, record: Record) -> list[Download]:
    """The export formats that can hold a certificate without its private key."""
    (item,) = export.items(estate, [record], with_keys=False)
    return [
        Download(name, _OF_ONE.get(name, form.traits.summary), "")
        for name, form in FORMATS.items()
        if _needs_no_key(name) and form.misfit(item) is None
    ]


def plain_file(estate: Estate, record: Record, name: str) -> Download:
    """One of ``plain_files``.

    Raises:
        Unanswered: if there is none of that name.
    """
    if name not in _PLAIN:
        raise Unanswered.missing("There is no such file of a certificate.")
    title, content_type = _PLAIN[name]
    is_chain = name == "chain.pem" and record.issuer != record.serial
    above = estate.certificates.chain(record) if is_chain else ()
    ders = [record.der, *(each.der for each in above)]
    data = record.der if name == "certificate.der" else b"".join(map(to_pem, ders))
    return Download(f"{_base_name(record)}-{name}", title, content_type, data)


def exported(estate: Estate, record: Record, form: str) -> Download:
    """A certificate in an export format: its file, or a ZIP of its files.

    Raises:
        Unanswered: if there is no such format, or it needs a key or a passphrase.
        InputError: if the format cannot hold the certificate.
    """
    if not _needs_no_key(form):
        raise Unanswered.missing(
            "Certificates cannot be downloaded in this format.",
            "Private keys and what needs them are exported by the command:"
            " smki-testca export --help",
        )
    files = export.export_files(estate, [record], form)
    if len(files) == 1:
        ((path, data),) = files.items()
        return Download(PurePosixPath(path).name, form, "application/octet-stream", data)
    return Download(f"{_base_name(record)}-{form}.zip", form, "application/zip", _zipped(files))


def download(visit: Visit, file: Download) -> web.StreamResponse:
    """Answer with a file."""
    return visit.download(file.data, file.name, file.content_type)


def _needs_no_key(form: str) -> bool:
    if form not in FORMATS:
        return False
    traits = FORMATS[form].traits
    return FormatNeed.REQUIRED not in {traits.keys, traits.passphrase}


def _base_name(record: Record) -> str:
    return safe_name(record.label or "") or str(record.serial)


def _zipped(files: dict[str, bytes]) -> bytes:
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            archive.writestr(zipfile.ZipInfo(path, _ZIP_DATE), data)
    return octets.getvalue()
