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
    "Agreement",
    "AlreadySoError",
    "AnswerStatus",
    "Authorisation",
    "Backup",
    "Basis",
    "BatchOptions",
    "BatchOutcome",
    "CellContent",
    "Correction",
    "Credential",
    "Csr",
    "CsrFaultsError",
    "CsrWithKey",
    "DcckiSubject",
    "Delivery",
    "DeliveryNote",
    "Description",
    "Device",
    "DeviceAnswer",
    "DeviceSubject",
    "DeviceVerdict",
    "Dropped",
    "DueList",
    "Estate",
    "EstateError",
    "Eui64",
    "Existing",
    "Expiring",
    "ExternalRecord",
    "Fault",
    "Finding",
    "FixedClock",
    "Flow",
    "FoundInToken",
    "FoundKey",
    "Hierarchy",
    "IkiSubject",
    "ImportReport",
    "InputError",
    "Intake",
    "KeyForm",
    "KeyUsage",
    "Kit",
    "KitAddition",
    "KitAgreement",
    "KitDevice",
    "KitDevices",
    "KitDifference",
    "KitLeftover",
    "KitPlan",
    "KitRenewal",
    "KitRequest",
    "KitResult",
    "KitRun",
    "LabelPattern",
    "Linted",
    "MadeInToken",
    "Notification",
    "OrganisationSubject",
    "OutOfUse",
    "OutputError",
    "OwnAnswer",
    "Participant",
    "ParticipantKind",
    "Particulars",
    "ReSigning",
    "ReSigningTerms",
    "Reason",
    "Record",
    "Refusal",
    "RefusalReason",
    "Remarks",
    "Renewal",
    "Replacement",
    "Request",
    "Restored",
    "RevocationListRecord",
    "RowProblem",
    "Run",
    "RunExport",
    "RunExportOptions",
    "RunFinding",
    "RunVerification",
    "SeededEntropy",
    "Selection",
    "SerialNumber",
    "SerialPrefix",
    "Severity",
    "SignedBatch",
    "Signifier",
    "SigningOptions",
    "SmkiTestcaError",
    "StandingChange",
    "State",
    "Status",
    "Subject",
    "TakenAs",
    "Tier",
    "TokenAccess",
    "TokenUri",
    "UsageBit",
    "UsageError",
    "Validity",
    "apply_kit",
    "back_up",
    "change_passphrase",
    "compare_with_csr",
    "describe_documents",
    "export",
    "export_files",
    "export_run",
    "kit_names",
    "lint_documents",
    "load_kit",
    "make_csr",
    "make_kit",
    "read_csr",
    "restore",
    "take_in",
]

if TYPE_CHECKING:
    from smki_testca.api import Estate
    from smki_testca.authority.csr import Csr, CsrFaultsError, Fault, Remarks, TakenAs
    from smki_testca.authority.csr_builder import CsrWithKey, make_csr
    from smki_testca.authority.csr_comparison import compare_with_csr, read_csr
    from smki_testca.authority.csr_surplus import Dropped
    from smki_testca.authority.filling import Validity
    from smki_testca.authority.revocation import Reason
    from smki_testca.authority.signers.tokens.access import TokenAccess
    from smki_testca.authority.signers.tokens.tokens import FoundKey
    from smki_testca.authority.signers.tokens.uri import TokenUri
    from smki_testca.clock import FixedClock
    from smki_testca.custody.backup import Backup, back_up
    from smki_testca.custody.passphrase_change import change_passphrase
    from smki_testca.custody.restoring import Restored, restore
    from smki_testca.device.answer import CellContent, DeviceAnswer, DeviceVerdict
    from smki_testca.device.device import Device, Replacement
    from smki_testca.device.own_certificates import OwnAnswer
    from smki_testca.entropy import SeededEntropy
    from smki_testca.errors import (
        AlreadySoError,
        EstateError,
        InputError,
        OutputError,
        Refusal,
        RefusalReason,
        SmkiTestcaError,
        UsageError,
    )
    from smki_testca.estate.certificates import Record, Selection
    from smki_testca.estate.externals import ExternalRecord
    from smki_testca.estate.out_of_use import OutOfUse
    from smki_testca.estate.revocations import RevocationListRecord
    from smki_testca.estate.runs import Run, State
    from smki_testca.estate.status import Status
    from smki_testca.estate.status_changes import StandingChange
    from smki_testca.exporters.credential import Credential
    from smki_testca.exporters.export import export, export_files
    from smki_testca.exporters.run_export import export_run
    from smki_testca.exporters.run_formats.writing import RunExport, RunExportOptions
    from smki_testca.identifiers import Eui64, SerialNumber, SerialPrefix, Signifier
    from smki_testca.importers.intake import Intake, take_in
    from smki_testca.issuance.batch.delivery_note import DeliveryNote
    from smki_testca.issuance.batch.existing import Existing
    from smki_testca.issuance.batch.issuing import BatchOptions
    from smki_testca.issuance.batch.outcome import BatchOutcome
    from smki_testca.issuance.batch.row_requests import RowProblem
    from smki_testca.issuance.batch.signing import SignedBatch, SigningOptions
    from smki_testca.issuance.batch.verification import RunFinding, RunVerification
    from smki_testca.issuance.re_signing import ReSigning, ReSigningTerms
    from smki_testca.issuance.renewal import Renewal
    from smki_testca.kits.kit import Kit, KitAgreement
    from smki_testca.kits.kit_requests import KitDevice, KitDevices, KitRequest
    from smki_testca.kits.operations import apply_kit, kit_names, load_kit, make_kit
    from smki_testca.kits.plan import (
        KitAddition,
        KitDifference,
        KitLeftover,
        KitPlan,
        KitRenewal,
        KitRun,
    )
    from smki_testca.kits.result import KitResult
    from smki_testca.labels import LabelPattern
    from smki_testca.lifecycle.ca_keys import FoundInToken, MadeInToken
    from smki_testca.lifecycle.due_lists import DueList
    from smki_testca.lifecycle.expiry import Expiring
    from smki_testca.lifecycle.importing import ImportReport
    from smki_testca.lint.findings import Finding
    from smki_testca.lint.inspection import Description, describe_documents, lint_documents
    from smki_testca.lint.linted import Linted
    from smki_testca.profiles.device_answers import AnswerStatus
    from smki_testca.profiles.model import Hierarchy, ParticipantKind, Severity, Tier
    from smki_testca.profiles.subject import Subject
    from smki_testca.profiles.typed_subjects import (
        DcckiSubject,
        DeviceSubject,
        IkiSubject,
        OrganisationSubject,
        Particulars,
    )
    from smki_testca.register.agreements import Agreement
    from smki_testca.register.correction import Correction
    from smki_testca.register.gate import Authorisation
    from smki_testca.register.notifications import Flow, Notification
    from smki_testca.register.participants import Participant
    from smki_testca.register.requests import Delivery, Request
    from smki_testca.roles import Basis, KeyUsage
    from smki_testca.x509.exported_keys import KeyForm
    from smki_testca.x509.key_usages import UsageBit
else:
    # Hidden from type checkers, which would otherwise accept any name of this module.
    _MODULES = {
        "api": ("Estate",),
        "authority.csr": ("Csr", "CsrFaultsError", "Fault", "Remarks", "TakenAs"),
        "authority.csr_surplus": ("Dropped",),
        "authority.csr_builder": ("CsrWithKey", "make_csr"),
        "authority.csr_comparison": ("compare_with_csr", "read_csr"),
        "authority.filling": ("Validity",),
        "authority.revocation": ("Reason",),
        "authority.signers.tokens.access": ("TokenAccess",),
        "authority.signers.tokens.tokens": ("FoundKey",),
        "authority.signers.tokens.uri": ("TokenUri",),
        "clock": ("FixedClock",),
        "custody.backup": ("Backup", "back_up"),
        "custody.passphrase_change": ("change_passphrase",),
        "custody.restoring": ("Restored", "restore"),
        "device.answer": ("CellContent", "DeviceAnswer", "DeviceVerdict"),
        "device.device": ("Device", "Replacement"),
        "device.own_certificates": ("OwnAnswer",),
        "entropy": ("SeededEntropy",),
        "errors": (
            "AlreadySoError",
            "EstateError",
            "InputError",
            "OutputError",
            "Refusal",
            "RefusalReason",
            "SmkiTestcaError",
            "UsageError",
        ),
        "estate.certificates": ("Record", "Selection"),
        "estate.externals": ("ExternalRecord",),
        "estate.out_of_use": ("OutOfUse",),
        "estate.revocations": ("RevocationListRecord",),
        "estate.runs": ("Run", "State"),
        "estate.status": ("Status",),
        "estate.status_changes": ("StandingChange",),
        "exporters.credential": ("Credential",),
        "exporters.export": ("export", "export_files"),
        "exporters.run_export": ("export_run",),
        "exporters.run_formats.writing": ("RunExport", "RunExportOptions"),
        "identifiers": ("Eui64", "SerialNumber", "SerialPrefix", "Signifier"),
        "importers.intake": ("Intake", "take_in"),
        "issuance.batch.delivery_note": ("DeliveryNote",),
        "issuance.batch.existing": ("Existing",),
        "issuance.batch.issuing": ("BatchOptions",),
        "issuance.batch.outcome": ("BatchOutcome",),
        "issuance.batch.row_requests": ("RowProblem",),
        "issuance.batch.signing": ("SignedBatch", "SigningOptions"),
        "issuance.batch.verification": ("RunFinding", "RunVerification"),
        "issuance.re_signing": ("ReSigning", "ReSigningTerms"),
        "issuance.renewal": ("Renewal",),
        "kits.kit": ("Kit", "KitAgreement"),
        "kits.kit_requests": ("KitDevice", "KitDevices", "KitRequest"),
        "kits.operations": ("apply_kit", "kit_names", "load_kit", "make_kit"),
        "kits.plan": (
            "KitAddition",
            "KitDifference",
            "KitLeftover",
            "KitPlan",
            "KitRenewal",
            "KitRun",
        ),
        "kits.result": ("KitResult",),
        "labels": ("LabelPattern",),
        "lifecycle.ca_keys": ("FoundInToken", "MadeInToken"),
        "lifecycle.due_lists": ("DueList",),
        "lifecycle.expiry": ("Expiring",),
        "lifecycle.importing": ("ImportReport",),
        "lint.findings": ("Finding",),
        "lint.inspection": ("Description", "describe_documents", "lint_documents"),
        "lint.linted": ("Linted",),
        "profiles.device_answers": ("AnswerStatus",),
        "profiles.model": ("Hierarchy", "ParticipantKind", "Severity", "Tier"),
        "profiles.subject": ("Subject",),
        "profiles.typed_subjects": (
            "DcckiSubject",
            "DeviceSubject",
            "IkiSubject",
            "OrganisationSubject",
            "Particulars",
        ),
        "register.agreements": ("Agreement",),
        "register.correction": ("Correction",),
        "register.gate": ("Authorisation",),
        "register.notifications": ("Flow", "Notification"),
        "register.participants": ("Participant",),
        "register.requests": ("Delivery", "Request"),
        "roles": ("Basis", "KeyUsage"),
        "x509.exported_keys": ("KeyForm",),
        "x509.key_usages": ("UsageBit",),
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
