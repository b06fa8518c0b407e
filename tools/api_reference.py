"""Writes the reference of the public API as Markdown, from its signatures and docstrings.

It is kept in the repository: ``python tools/api_reference.py > docs/api.md``.
"""

from __future__ import annotations

import inspect
import re
import sys
from enum import Enum
from types import FunctionType
from typing import TYPE_CHECKING, Any

import smki_testca
from smki_testca.estate.audit import AuditLog
from smki_testca.estate.externals import ExternalStore
from smki_testca.estate.register import RegisterStore
from smki_testca.estate.stores import Stores
from smki_testca.issuance.batch.batches import Batches

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

GROUPS = {
    "The estate": ("Estate", "export", "export_files"),
    "Keys in tokens": ("TokenAccess", "TokenUri", "MadeInToken", "FoundInToken", "FoundKey"),
    "Backups and the passphrase": (
        "back_up",
        "Backup",
        "restore",
        "Restored",
        "change_passphrase",
    ),
    "Requests": (
        "Request",
        "Subject",
        "Authorisation",
        "Particulars",
        "OrganisationSubject",
        "DeviceSubject",
        "DcckiSubject",
        "IkiSubject",
        "KeyUsage",
        "Delivery",
        "Validity",
    ),
    "CSRs": (
        "make_csr",
        "CsrWithKey",
        "read_csr",
        "Csr",
        "TakenAs",
        "Remarks",
        "Fault",
        "Dropped",
        "compare_with_csr",
    ),
    "The register": (
        "Participant",
        "ParticipantKind",
        "Signifier",
        "Correction",
        "Agreement",
        "Flow",
        "Notification",
    ),
    "Linting": (
        "lint_documents",
        "describe_documents",
        "Linted",
        "Description",
        "Finding",
        "Severity",
        "Basis",
    ),
    "Batches": (
        "BatchOptions",
        "Existing",
        "BatchOutcome",
        "RowProblem",
        "SigningOptions",
        "SignedBatch",
        "Run",
        "State",
        "RunVerification",
        "RunFinding",
        "DeliveryNote",
        "export_run",
        "RunExportOptions",
        "KeyForm",
        "RunExport",
        "OutOfUse",
    ),
    "Kits": (
        "kit_names",
        "load_kit",
        "make_kit",
        "apply_kit",
        "Kit",
        "KitAgreement",
        "KitRequest",
        "KitDevices",
        "KitDevice",
        "KitResult",
        "KitPlan",
        "KitAddition",
        "KitRenewal",
        "KitLeftover",
        "KitDifference",
        "KitRun",
    ),
    "Certificates": (
        "Record",
        "Credential",
        "Selection",
        "LabelPattern",
        "UsageBit",
        "SerialPrefix",
        "Hierarchy",
        "Tier",
        "Renewal",
        "Expiring",
    ),
    "Status and revocation": (
        "Status",
        "StandingChange",
        "Reason",
        "RevocationListRecord",
        "DueList",
    ),
    "Other people's certificates": (
        "take_in",
        "Intake",
        "ImportReport",
        "ExternalRecord",
        "ReSigningTerms",
        "ReSigning",
    ),
    "A model of a Device": (
        "Device",
        "Replacement",
        "DeviceAnswer",
        "DeviceVerdict",
        "CellContent",
        "AnswerStatus",
        "OwnAnswer",
    ),
    "Identifiers, time and randomness": ("Eui64", "SerialNumber", "FixedClock", "SeededEntropy"),
    "Errors": (
        "SmkiTestcaError",
        "InputError",
        "UsageError",
        "AlreadySoError",
        "EstateError",
        "OutputError",
        "CsrFaultsError",
        "Refusal",
        "RefusalReason",
    ),
}
"""Every public name, in the order of the reference."""

_PARTS = {
    "batches": Batches,
    "register": RegisterStore,
    "audit": AuditLog,
    "externals": ExternalStore,
}
"""Attributes of an estate that are part of the API, and what they are."""

_LEFT_OUT = {
    "AuditLog": ("account_for", "append"),
    "BatchOutcome": ("of",),
    "CellContent": ("of",),
    "RunVerification": ("add",),
    "Kit": ("hierarchies_of", "agreements_on"),
    "KitAddition": (
        "of_authority",
        "of_participant",
        "of_agreement",
        "of_certificate",
        "issued_as",
    ),
    "Stores": (),
    "ExternalRecord": ("fits",),
    "ExternalStore": (
        "add",
        "add_key",
        "audited",
        "authorities",
        "by_digests",
        "digests",
        "key_ids",
        "note_re_signing",
    ),
    "RegisterStore": ("bring_in",),
    "Finding": ("of",),
    "Description": ("of",),
    "Request": ("of",),
    "Selection": ("is_one_place", "where"),
    "SerialNumber": ("from_octets", "octets"),
    "Subject": (
        "from_view",
        "judged",
        "own_inputs",
        "parse",
        "field_values",
        "shared_inputs",
        "stated_signifier",
        "with_identifier",
        "with_input",
    ),
    "Correction": ("of",),
    "Participant": ("allocated", "can_hold", "serves"),
}
"""Members that are not part of the API, by class."""

_HIDDEN = {
    "Backup": ("manifest",),
    "BatchOutcome": ("terms",),
    "Csr": ("view",),
    "Linted": ("facts", "listing", "request"),
    "Run": ("terms",),
    "SignedBatch": ("report",),
}
"""Attributes that are not part of the API, by class."""

_MADE_ELSEWHERE = ("Authorisation", "Backup", "Restored", "Run", "Subject")
"""Classes of which only the package makes instances."""

_ALIASES = {"Input": "Path | str | bytes"}
"""What stands for other types in signatures."""

_HEAD = """\
# The Python API

This document is generated: `python tools/api_reference.py > docs/api.md`.

For developers who issue certificates from Python programs and tests. Every name below is imported \
from `smki_testca`. Start with the examples: they run as they stand, one after the other, in a \
clone of the project.

## Issue a certificate

```python
from smki_testca import Estate, KeyUsage

with Estate.create("estate", "a passphrase") as estate:
    estate.add_environment("ZAZ1")
    with open("examples/participants.toml", "rb") as file:
        estate.register.import_file(file.read(), file.name)

    supplier = estate.subject("organisation", id="90-B3-D5-1F-30-01-00-00", role="supplier")
    request = estate.request("supplier-one", "uept", supplier, (KeyUsage.DIGITAL_SIGNATURE,))
    (record,), warnings = estate.issue(request)

    credential = estate.credential(record)
    credential.certificate, credential.private_key  # objects of the cryptography library
    credential.chain_pem, credential.key_pem  # or PEM
```

The other examples go on with this estate:

```python
estate = Estate.open("estate", "a passphrase")
```

## Issue a batch

A row for each Device, as in [a manifest](manifests.md); or give the path of a manifest. A row \
that cannot be issued does not hold up the others.

```python
from smki_testca import BatchOptions, export_run

defaults = {
    "profile": "device",
    "participant": "meters-one",
    "purpose": "device-and-user-system-tests",
    "hw-type": "1.2.826.0.1.8641679.1.2.2.1",
}
rows = [{"device_id": f"00-DB-12-00-00-00-00-{n:02X}", "serial_number": f"M{n}"} for n in range(9)]

outcome = estate.batches.issue(rows, BatchOptions(label="meter-{id}-{usage}"), defaults=defaults)
for problem in outcome.problems:
    print(problem.line, problem.error)

run = outcome.run.id
for each in estate.batches.records(run):
    print(each.eui64, each.usage, each.columns["serial_number"])
assert not estate.batches.verify(run).findings
export_run(estate, run, "device-csv", "devices.csv")
```

[batch_from_python.py](../examples/batch_from_python.py) does more: a range of Device IDs, private \
keys, a delivery note.

## Sign a CSR

```python
from smki_testca import CsrFaultsError, make_csr

csr = make_csr(
    "device",
    "key-agreement",
    device_id="00-DB-12-00-00-00-01-00",
    hw_type="1.2.826.0.1.8641679.1.2.2.1",
).der
try:
    signed, warnings = estate.sign(csr, "meters-one", "device-and-user-system-tests")
except CsrFaultsError as error:
    print(error)
```

`estate.sign` answers one CSR in a few milliseconds, once `estate.unlock()` has unlocked the keys. \
`estate.batches.sign` takes a ZIP, a folder or a table of CSRs.

## Make or apply a kit

[A kit](kits.md) is a whole set of certificates from one file.

```python
from smki_testca import apply_kit, load_kit

kit = load_kit("device-maker")
plan = apply_kit(estate, kit, devices=1, dry_run=True)
for addition in plan.additions:
    print(addition.kind, addition.label, addition.name)
```

`make_kit("device-maker", "kit")` makes the set in a new directory, with an estate of its own.

## Lint and show

```python
from smki_testca import Severity, describe_documents, lint_documents

for linted in lint_documents(record.der):
    print(linted.kind, [finding.code for finding in linted.findings])

(description,) = describe_documents(record.der)
print(description.subject, description.fields["validity.notAfter"])
```

Both take paths of files and folders, too.

## Export

```python
from smki_testca import Selection, export, export_files

suppliers = list(estate.select(Selection(participant="supplier-one")))
for name, octets in export_files(estate, suppliers, "pem", with_keys=True).items():
    print(name, len(octets))
export(estate, suppliers, "pem", "out", with_keys=True)  # the same, as files

estate.close()
```

## Back up and restore

```python
from smki_testca import back_up, change_passphrase, restore

with Estate.open("estate", "a passphrase") as estate:
    back_up(estate, "a passphrase", "monday.backup")
    change_passphrase(estate, "a passphrase", "another passphrase")

restored = restore(["monday.backup"], "restored", "a passphrase")
print(restored.at, restored.entries, restored.keys)
```

[backup.md](backup.md) says what is in a backup and what a change of the passphrase does not do.

## What the examples leave out

[issue_from_python.py](../examples/issue_from_python.py) goes on to a refusal; \
[pytest.md](pytest.md) describes fixtures that do all this in tests.

## What holds for every name

This page is the public API. Other modules may change with any version, and so may attributes of \
an estate or a value that are not described here. All of it is typed (`py.typed`). An `Estate` \
belongs to one thread; other processes may have the same estate open, and wait for each other. \
Times have the time zone UTC.
"""

_WIDTH = 96
_SECTION = re.compile(r"^(Args|Attributes|Returns|Raises):$", re.MULTILINE)
_ENTRY = re.compile(r"^    (\*{0,2}\w[\w, ]*): ", re.MULTILINE)


def manual() -> str:
    """Return the reference, Markdown."""
    parts = [_HEAD]
    for title, names in GROUPS.items():
        parts.append(f"## {title}\n")
        for name in names:
            parts += _described(name, getattr(smki_testca, name))
            if name == "Estate":
                parts += _members(Stores, "estate")
                for attribute, kind in _PARTS.items():
                    parts.append(f"### `estate.{attribute}`\n")
                    parts += _members(kind, f"estate.{attribute}")
    return "\n".join(parts)


def _described(name: str, target: Any) -> Iterator[str]:
    yield f"### `{name}`\n"
    hidden = _HIDDEN.get(name, ())
    if inspect.isfunction(target):
        yield from _callable(name, target, inspect.signature(target))
        return
    if _has_constructor(target):
        yield _code(_signature(name, _without(inspect.signature(target), hidden), returns=False))
    yield _text(target, hidden)
    rows = [f"| `{name}.{member}` | `{value}` |" for member, value in _constants(target)]
    if rows:
        yield "\n".join(("| member | value |", "|---|---|", *rows)) + "\n"
    yield from _members(target, _value_name(target))


def _constants(kind: type) -> list[tuple[str, str]]:
    """Return the names and values of a class's own members: of an Enum, or its own instances."""
    if issubclass(kind, Enum):
        return [(member.name, str(member.value)) for member in kind]
    return [(name, str(value)) for name, value in vars(kind).items() if type(value) is kind]


def _has_constructor(kind: type) -> bool:
    return not issubclass(kind, Enum | BaseException | dict | str) and (
        kind is not smki_testca.Estate and kind.__name__ not in _MADE_ELSEWHERE
    )


def _without(signature: inspect.Signature, hidden: Collection[str]) -> inspect.Signature:
    """Return a signature without some parameters."""
    shown = [each for name, each in signature.parameters.items() if name not in hidden]
    return signature.replace(parameters=shown)


def _value_name(kind: type) -> str:
    """Return the name of a value of a class: a ``Record`` is a ``record``."""
    if issubclass(kind, BaseException):
        return "error"
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower()


def _members(kind: type, prefix: str) -> Iterator[str]:
    """Describe the public methods and properties that a class defines, in its order."""
    for name, member in vars(kind).items():
        if name.startswith("_") or name in _LEFT_OUT.get(kind.__name__, ()):
            continue
        if isinstance(member, property):
            returned = inspect.signature(member.fget).return_annotation if member.fget else "Any"
            yield f"#### `{prefix}.{name}`\n"
            yield _code(f"{prefix}.{name}: {returned}")
            yield _text(member)
        elif isinstance(member, classmethod):
            yield f"#### `{kind.__name__}.{name}`\n"
            yield from _callable(f"{kind.__name__}.{name}", *_bound(kind, name))
        elif isinstance(member, FunctionType):
            yield f"#### `{prefix}.{name}`\n"
            signature = inspect.signature(member)
            own = list(signature.parameters.values())[1:]
            yield from _callable(f"{prefix}.{name}", member, signature.replace(parameters=own))


def _bound(kind: type, name: str) -> tuple[Any, inspect.Signature]:
    method = getattr(kind, name)
    return method, inspect.signature(method)


def _callable(name: str, target: Any, signature: inspect.Signature) -> Iterator[str]:
    yield _code(_signature(name, signature, returns=True))
    yield _text(target)


def _signature(name: str, signature: inspect.Signature, *, returns: bool) -> str:
    """Return a signature on one line, or with a line for each parameter if that is too long."""
    parts = list(_parameters(signature))
    result = f" -> {signature.return_annotation}" if returns else ""
    line = f"{name}({', '.join(parts)}){result}"
    if len(line) <= _WIDTH:
        return line
    return "\n".join((f"{name}(", *(f"    {part}," for part in parts), f"){result}"))


def _parameters(signature: inspect.Signature) -> Iterator[str]:
    marked = False
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not marked:
            marked = True
            yield "*"
        stars = "**" if parameter.kind is parameter.VAR_KEYWORD else ""
        has_default = parameter.default is not parameter.empty
        default = f" = {_default(parameter.default)}" if has_default else ""
        # A reader has an Estate; the members of Stores are documented as its own.
        annotation = parameter.annotation
        if annotation == Stores.__name__:
            annotation = "Estate"
        for alias, meant in _ALIASES.items():
            annotation = re.sub(rf"\b{alias}\b", meant, str(annotation))
        yield f"{stars}{parameter.name}: {annotation}{default}"


def _default(value: Any) -> str:
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if inspect.isfunction(value):
        return "…"  # it does nothing
    if isinstance(value, tuple) and value:
        return f"({', '.join(map(_default, value))})"
    return repr(value)


def _text(target: Any, hidden: Collection[str] = ()) -> str:
    """Return a docstring as Markdown: its sections become lists, without what is hidden."""
    text = inspect.getdoc(target) or ""
    if not text:
        raise ValueError(f"{target!r} has no docstring")
    opening, *sections = _SECTION.split(text)
    parts = [_inline(opening.strip()) + "\n"]
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        if title == "Returns":
            parts.append(f"Returns: {_inline(_joined(body))}\n")
        else:
            parts.append(f"{title}:\n\n" + "\n".join(_entries(body, hidden)) + "\n")
    return "\n".join(parts)


def _entries(body: str, hidden: Collection[str]) -> Iterator[str]:
    names, texts = _ENTRY.split(body)[1::2], _ENTRY.split(body)[2::2]
    for name, text in zip(names, texts, strict=True):
        if name in hidden:
            continue
        yield f"- `{name}`: {_inline(_joined(text))}"


def _joined(text: str) -> str:
    return " ".join(text.split())


def _inline(text: str) -> str:
    return text.replace("``", "`")


def _code(text: str) -> str:
    return f"```python\n{text}\n```\n"


if __name__ == "__main__":
    sys.stdout.write(manual())
