"""A test certificate authority for Great Britain's smart-metering PKIs: SMKI, DCCKI and IKI.

The names in ``__all__`` are the public API; ``docs/api.md`` describes each. They are imported on
first use, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__: str
"""The version in the package's metadata; "0+unknown" where the source runs uninstalled."""

__all__ = [
    "AlreadySoError",
    "Basis",
    "Credential",
    "Csr",
    "CsrFaultsError",
    "CsrWithKey",
    "DcckiSubject",
    "Delivery",
    "Description",
    "DeviceSubject",
    "DueList",
    "Estate",
    "EstateError",
    "Eui64",
    "Expiring",
    "ExternalRecord",
    "Finding",
    "FixedClock",
    "Hierarchy",
    "IkiSubject",
    "ImportReport",
    "InputError",
    "Intake",
    "KeyUsage",
    "Linted",
    "OrganisationSubject",
    "OutputError",
    "Particulars",
    "ReSigning",
    "ReSigningTerms",
    "Reason",
    "Record",
    "Refusal",
    "RefusalReason",
    "Renewal",
    "Request",
    "RevocationListRecord",
    "SeededEntropy",
    "Selection",
    "SerialNumber",
    "Severity",
    "SmkiTestcaError",
    "StandingChange",
    "Status",
    "Tier",
    "Validity",
    "compare_with_csr",
    "describe_documents",
    "export",
    "lint_documents",
    "make_csr",
    "read_csr",
    "take_in",
]

if TYPE_CHECKING:
    from smki_testca.api import Estate
    from smki_testca.authority.csr import Csr, CsrFaultsError
    from smki_testca.authority.csr_builder import CsrWithKey, make_csr
    from smki_testca.authority.csr_comparison import compare_with_csr, read_csr
    from smki_testca.authority.filling import Validity
    from smki_testca.authority.revocation import Reason
    from smki_testca.clock import FixedClock
    from smki_testca.entropy import SeededEntropy
    from smki_testca.errors import (
        AlreadySoError,
        EstateError,
        InputError,
        OutputError,
        Refusal,
        RefusalReason,
        SmkiTestcaError,
    )
    from smki_testca.estate.certificates import Record, Selection
    from smki_testca.estate.externals import ExternalRecord
    from smki_testca.estate.revocations import RevocationListRecord
    from smki_testca.estate.status import Status
    from smki_testca.estate.status_changes import StandingChange
    from smki_testca.exporters.credential import Credential
    from smki_testca.exporters.export import export
    from smki_testca.identifiers import Eui64, SerialNumber
    from smki_testca.importers.intake import Intake, take_in
    from smki_testca.issuance.re_signing import ReSigning, ReSigningTerms
    from smki_testca.issuance.renewal import Renewal
    from smki_testca.lifecycle.due_lists import DueList
    from smki_testca.lifecycle.expiry import Expiring
    from smki_testca.lifecycle.importing import ImportReport
    from smki_testca.lint.findings import Finding
    from smki_testca.lint.inspection import Description, describe_documents, lint_documents
    from smki_testca.lint.linted import Linted
    from smki_testca.profiles.model import Hierarchy, Severity, Tier
    from smki_testca.profiles.typed_subjects import (
        DcckiSubject,
        DeviceSubject,
        IkiSubject,
        OrganisationSubject,
        Particulars,
    )
    from smki_testca.register.requests import Delivery, Request
    from smki_testca.roles import Basis, KeyUsage
else:
    # Hidden from type checkers, which would otherwise accept any name of this module.
    _MODULES = {
        "authority.csr": ("Csr", "CsrFaultsError"),
        "authority.csr_comparison": ("compare_with_csr", "read_csr"),
        "authority.csr_builder": ("CsrWithKey", "make_csr"),
        "authority.filling": ("Validity",),
        "authority.revocation": ("Reason",),
        "clock": ("FixedClock",),
        "entropy": ("SeededEntropy",),
        "errors": (
            "AlreadySoError",
            "EstateError",
            "InputError",
            "OutputError",
            "Refusal",
            "RefusalReason",
            "SmkiTestcaError",
        ),
        "api": ("Estate",),
        "estate.certificates": ("Record", "Selection"),
        "lifecycle.due_lists": ("DueList",),
        "lifecycle.expiry": ("Expiring",),
        "estate.externals": ("ExternalRecord",),
        "lifecycle.importing": ("ImportReport",),
        "issuance.re_signing": ("ReSigning", "ReSigningTerms"),
        "issuance.renewal": ("Renewal",),
        "estate.revocations": ("RevocationListRecord",),
        "estate.status_changes": ("StandingChange",),
        "estate.status": ("Status",),
        "exporters.credential": ("Credential",),
        "exporters.export": ("export",),
        "importers.intake": ("Intake", "take_in"),
        "identifiers": ("Eui64", "SerialNumber"),
        "lint.findings": ("Finding",),
        "lint.inspection": ("Description", "describe_documents", "lint_documents"),
        "lint.linted": ("Linted",),
        "profiles.model": ("Hierarchy", "Severity", "Tier"),
        "profiles.typed_subjects": (
            "DcckiSubject",
            "DeviceSubject",
            "IkiSubject",
            "OrganisationSubject",
            "Particulars",
        ),
        "register.requests": ("Delivery", "Request"),
        "roles": ("Basis", "KeyUsage"),
    }

    def __getattr__(name: str) -> object:
        if name == "__version__":
            return _version()
        for module, names in _MODULES.items():
            if name in names:
                value = getattr(import_module(f"{__name__}.{module}"), name)
                globals()[name] = value
                return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__, "__version__"})

    def _version() -> str:
        metadata = import_module("importlib.metadata")
        try:
            version = metadata.version("smki-testca")
        except metadata.PackageNotFoundError:
            version = "0+unknown"
        globals()["__version__"] = version
        return version
