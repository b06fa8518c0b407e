"""Lists the export formats, each a module of this package that declares its traits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smki_testca.errors import InputError
from smki_testca.exporters.c_header import CHeader
from smki_testca.exporters.c_table import CTable
from smki_testca.exporters.capath import CaPath
from smki_testca.exporters.csv_inventory import CsvInventory
from smki_testca.exporters.der import DerTree
from smki_testca.exporters.gbcs_parser import GbcsParserFolder
from smki_testca.exporters.java import JavaStores
from smki_testca.exporters.jwks import JwkSet
from smki_testca.exporters.keystore_json import JsonKeyStore
from smki_testca.exporters.org_crypto import OrganisationZip
from smki_testca.exporters.pem import PemTree
from smki_testca.exporters.pkcs7 import Pkcs7Bundle
from smki_testca.exporters.pkcs12 import Pkcs12Stores
from smki_testca.exporters.run_formats.csv_table import CsvTable
from smki_testca.exporters.run_formats.der_stream import DerStream
from smki_testca.exporters.run_formats.device_csv import DeviceCsv
from smki_testca.exporters.run_formats.device_file import DeviceFile
from smki_testca.exporters.run_formats.device_folders import DeviceFolders
from smki_testca.exporters.run_formats.device_parquet import DeviceParquet
from smki_testca.exporters.run_formats.device_sqlite import DeviceSqlite
from smki_testca.exporters.run_formats.parquet_table import ParquetTable
from smki_testca.exporters.run_formats.pem_folders import PemFolders
from smki_testca.exporters.signing_tool import SigningToolFolder
from smki_testca.text import shown, use_one_of

if TYPE_CHECKING:
    from smki_testca.exporters.format import Format
    from smki_testca.exporters.run_formats.run_format import RunFormat

FORMATS: Final[dict[str, Format]] = {
    form.traits.name: form
    for form in (
        PemTree(),
        DerTree(),
        Pkcs12Stores(),
        Pkcs7Bundle(),
        JavaStores(),
        JsonKeyStore(),
        SigningToolFolder(),
        GbcsParserFolder(),
        OrganisationZip(),
        CHeader(),
        CTable(),
        CaPath(),
        JwkSet(),
        CsvInventory(),
    )
}
"""The formats of ``export``, by the name on the command line, in the order of the documentation."""

RUN_FORMATS: Final[dict[str, RunFormat]] = {
    form.traits.name: form
    for form in (
        PemFolders(),
        DerStream(),
        CsvTable(),
        ParquetTable(),
        DeviceFolders(),
        DeviceFile(),
        DeviceCsv(),
        DeviceParquet(),
        DeviceSqlite(),
    )
}
"""The formats of ``batch export``, by the name on the command line."""


def check_format(name: str) -> None:
    """Check that a format exists.

    Raises:
        InputError: if no format has this name.
    """
    if name not in FORMATS:
        raise InputError(
            "export.format",
            f"There is no format {shown(name)}.",
            use_one_of(FORMATS, given=name),
        )
