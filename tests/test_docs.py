"""Holds the documents to the code: what one names, the other has."""

import ast
import re
import shlex
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest

import bad_servers
import smki_testca
from smki_testca.cli import cli
from smki_testca.corpus.run import documents as run_documents
from smki_testca.errors import ExitCode, SmkiTestcaError
from smki_testca.exporters.export import takes_passphrase
from smki_testca.exporters.format import FormatNeed
from smki_testca.exporters.registry import FORMATS, RUN_FORMATS
from smki_testca.kits import documents as kit_documents
from smki_testca.lint.catalogue import rules
from smki_testca.profiles import Library, documents
from smki_testca.profiles.library import FILES, FOLDERS
from smki_testca.profiles.model import Identity, Input
from smki_testca.profiles.rows import DERIVED, INPUTS, REVOCATION_LIST_DERIVED
from smki_testca.register import documents as register_documents
from smki_testca.register.notifications import COLUMNS
from smki_testca.x509.fields import FIELDS, REVOCATION_LIST_FIELDS
from source_trees import calls, nodes

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
SOURCE = Path(smki_testca.__file__).parent
EVERY_DOCUMENT = sorted(
    path
    for path in (*ROOT.glob("*.md"), *DOCS.glob("*.md"), *ROOT.glob("examples/**/*.md"))
    if ".venv" not in path.parts
)

RUN_AS_TYPED = (
    DOCS / "audit.md",
    DOCS / "backup.md",
    DOCS / "configuration.md",
    DOCS / "factory.md",
    DOCS / "new-type.md",
    DOCS / "profile-maintainer.md",
    DOCS / "repository.md",
    DOCS / "selecting.md",
    DOCS / "testing-participant.md",
    ROOT / "examples" / "another-pki" / "README.md",
)

CODE = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")
ERROR_MAKERS = (
    *("Fault", "_fault", "RefusalReason", "Remark", "_remark", "AuditedTable", "write_error"),
)


def _text(name):
    return (DOCS / name).read_text("utf-8")


def _table(text, heading):
    """The cells of the table below a heading that its first line begins with."""
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith(f"| {heading} |"):
            break
    else:
        raise AssertionError(f"no table begins with {heading}")
    next(lines)
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return rows


def _quoted(cells):
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def _codes(text, heading="code"):
    """Every code in the first columns of the tables with that heading."""
    found = []
    for part in re.split(r"(?m)^#+ ", text):
        if f"| {heading} |" in part:
            found += _quoted(row[0] for row in _table(part, heading))
    return found


@cache
def _raised():
    """Every call in the source that makes an error or a refusal: who, code, further arguments."""
    raised = []
    for path in SOURCE.rglob("*.py"):
        for call in calls(path):
            name = getattr(call.func, "id", getattr(call.func, "attr", ""))
            if call.args and (name in ERROR_MAKERS or name in _error_names()):
                pattern = _pattern(call.args[0])
                if pattern is not None:
                    raised.append((name, pattern, call.args[1:]))
    return raised


@cache
def _error_names():
    """The classes of errors, read from the source: which modules are imported does not matter."""
    classes = [
        (node.name, {getattr(base, "id", "") for base in node.bases})
        for path in SOURCE.rglob("*.py")
        for node in nodes(path)
        if isinstance(node, ast.ClassDef)
    ]
    found, before = {SmkiTestcaError.__name__}, 0
    while len(found) > before:
        before = len(found)
        found |= {name for name, bases in classes if bases & found}
    return found - {"Refusal"}


def _pattern(argument):
    """A code, or a regular expression of the codes that an f-string makes; None for neither."""
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return re.escape(argument.value) if CODE.fullmatch(argument.value) else None
    if isinstance(argument, ast.JoinedStr):
        return "".join(
            re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"[a-z_]+"
            for part in argument.values
        )
    return None


def _rule_codes():
    return {rule.code for rule in rules(Library())}


def _patterns(*, refusals):
    """The codes that the source may give, as patterns: refusals, or errors.

    A CSR is refused by the rules of a linter, so their codes are error codes, too.
    """
    found = {pattern for name, pattern, _ in _raised() if (name == "RefusalReason") is refusals}
    if not refusals:
        found |= {re.escape(code) for code in _rule_codes() if code.startswith("csr.")}
    return found


@pytest.mark.parametrize(("document", "refusals"), [("refusals.md", True), ("errors.md", False)])
def test_every_code_of_the_source_is_documented_and_every_documented_one_is_there(
    document, refusals
):
    documented = _codes(_text(document))
    assert len(documented) == len(set(documented))
    patterns = _patterns(refusals=refusals)
    assert len(patterns) > 20
    undocumented = [p for p in patterns if not any(re.fullmatch(p, code) for code in documented)]
    assert undocumented == []
    known = patterns if refusals else patterns | set(map(re.escape, _rule_codes()))
    assert [code for code in documented if not any(re.fullmatch(p, code) for p in known)] == []


def test_each_refusal_is_documented_under_its_rule():
    rules = {row[0].strip("`"): row[1] for row in _table(_text("refusals.md"), "code")}
    checked = 0
    for name, pattern, rest in _raised():
        if name == "RefusalReason" and isinstance(rest[0], ast.Constant):
            code = pattern.replace("\\", "")
            assert rules[code] == rest[0].value
            checked += 1
    assert checked > 20
    explained = {row[0] for row in _table(_text("refusals.md"), "rule")}
    assert explained == set(rules.values())


def test_each_error_is_documented_under_its_exit_code():
    kinds = {
        "UsageError": 2,
        "InputError": 4,
        "EstateError": 5,
        "OutputError": 5,
        "ServiceRefusalError": 3,
        "ServiceFaultError": 6,
        "SmkiTestcaError": 70,
        "AuditedTable": 5,
        "ProcessEndedError": 5,
    }
    sections = re.split(r"(?m)^## ", _text("errors.md"))[1:]
    by_exit = {
        int(section.split(":")[0]): set(_section_codes(section))
        for section in sections
        if section[0].isdigit()
    }
    for name, pattern, _ in _raised():
        if name != "RefusalReason":
            code = kinds.get(name, 4)
            assert any(re.fullmatch(pattern, one) for one in by_exit[code]), pattern


def _section_codes(section):
    return [code for part in section.split("\n### ") for code in _codes(part)]


@pytest.mark.parametrize("document", ["README.md", "docs/errors.md"])
def test_the_exit_codes_are_those_of_the_source(document):
    rows = _table((ROOT / document).read_text("utf-8"), "exit code")
    assert [int(row[0]) for row in rows] == [code.value for code in ExitCode]


@pytest.mark.parametrize(
    ("heading", "fields"), [("field", FIELDS), ("field of a CRL", REVOCATION_LIST_FIELDS)]
)
def test_every_field_is_in_the_profile_language_with_what_it_holds(heading, fields):
    rows = _table(_text("profiles.md"), heading)
    documented = {row[0].strip("`"): row[1] for row in rows}
    assert len(documented) == len(rows)
    assert documented == {path: field.kind.value for path, field in fields.items()}
    for row in rows:
        field = fields[row[0].strip("`")]
        if field.encodings != ("Time",):
            assert row[2] == ", ".join(field.encodings)


@pytest.mark.parametrize(
    ("heading", "vocabulary"),
    [
        ("input", INPUTS),
        ("derived", DERIVED),
        ("derived for a CRL", REVOCATION_LIST_DERIVED),
    ],
)
def test_every_input_and_derived_value_is_in_the_profile_language(heading, vocabulary):
    documented = _quoted(row[0] for row in _table(_text("profiles.md"), heading))
    assert documented == list(vocabulary)


def _keys(struct):
    return set(struct.__struct_encode_fields__)


@pytest.mark.parametrize(
    ("document", "heading", "struct"),
    [
        ("profiles.md", "key of a row", documents.RowTable),
        ("profiles.md", "key of `holds`", documents.HoldsTable),
        ("profiles.md", "key of `[frequency]`", documents.FrequencyTable),
        ("profiles.md", "key of `[inputs.NAME]`", documents.InputTable),
        ("profiles.md", "key of `[[hierarchy]]`", documents.HierarchyTable),
        ("profiles.md", "key of `[[user-role]]`", documents.UserRoleTable),
        ("profiles.md", "key of `[[remote-party-role]]`", documents.RemotePartyRoleTable),
        ("kits.md", "key of `[[agreement]]`", kit_documents.KitAgreementTable),
        ("kits.md", "key of `[[allocation]]`", kit_documents.AllocationTable),
        ("corpus-run.md", "key of `expectations.toml`", run_documents.ExpectationsFile),
        ("corpus-run.md", "key of `[[known]]`", run_documents.KnownTable),
        ("formats.md", "key of `[[participant]]`", register_documents.ParticipantTable),
        ("formats.md", "key of `[[agreement]]`", register_documents.AgreementTable),
    ],
)
def test_every_key_of_a_table_is_documented_and_no_other(document, heading, struct):
    assert set(_quoted(row[0] for row in _table(_text(document), heading))) == _keys(struct)


@pytest.mark.parametrize(
    ("name", "struct", "profiles", "given_otherwise"),
    [
        ("request", kit_documents.RequestTable, ("organisation", "device", "dccki", "iki"), ()),
        ("series", kit_documents.SeriesTable, ("organisation", "device"), ("role",)),
        ("devices", kit_documents.DevicesTable, ("device",), ()),
    ],
)
def test_every_key_and_input_of_a_kits_requests_is_documented_and_no_other(
    library, name, struct, profiles, given_otherwise
):
    types = [one for profile in profiles for one in library.profile(profile).input_types]
    # A table of many has its IDs and roles in keys of its own.
    inputs = {one.option for one in types if name == "request" or not one.is_identifier}
    keys = _keys(struct) | (inputs - set(given_otherwise))
    documented = _quoted(row[0] for row in _table(_text("kits.md"), f"key of `[[{name}]]`"))
    assert set(documented) == keys


def test_every_folder_and_file_of_profiles_is_documented_and_no_other():
    documented = _quoted(row[0] for row in _table(_text("profiles.md"), "file"))
    assert sorted(documented) == sorted([*(f"{one}/NAME.toml" for one in FOLDERS), *FILES])


def test_every_identity_is_documented_with_the_input_that_it_needs(library):
    rows = _table(_text("profiles.md"), "value of `identity`")
    assert _quoted(row[0] for row in rows) == list(Identity)
    needed = {one.identity: one for one in library.end_entity_profiles}
    for row in rows:
        for name in _quoted([row[2]]):
            assert name in needed[Identity(row[0].strip("`"))].inputs


def test_the_profiles_that_bring_each_input_are_documented(library):
    for name, _, brought_by in _table(_text("profiles.md"), "input"):
        path = name.strip("`")
        told = dict.fromkeys(re.findall(r"`([a-z-]+)`(?! \(optional\))", brought_by), False)
        told |= dict.fromkeys(re.findall(r"`([a-z-]+)` \(optional\)", brought_by), True)
        rows = {
            profile.name: row.fill.optional
            for profile in library.end_entity_profiles
            for row in profile.filling_rows
            if isinstance(row.fill, Input) and row.fill.name == path
        }
        assert told == rows, name


@pytest.mark.parametrize(
    ("title", "struct"),
    [
        ("Certificate profiles", documents.ProfileFile),
        ("Revocation lists", documents.RevocationListFile),
        ("Categories", documents.CategoryFile),
    ],
)
def test_every_key_of_a_file_is_documented_and_no_other(title, struct):
    section = _text("profiles.md").split(f"\n## {title}\n")[1]
    assert set(_quoted(row[0] for row in _table(section, "key"))) == _keys(struct)


def test_every_key_of_the_environments_file_is_documented():
    text = _text("profiles.md").split("\n## Environments\n")[1].split("\n## ")[0]
    structs = (
        *(documents.EnvironmentsFile, documents.LiveTable, documents.SecRegistryEntryTable),
        *(documents.FamilyTable, documents.EnvironmentTable, documents.QuotaTable),
    )
    whole = text + _text("profiles.md")
    for struct in structs:
        for key in _keys(struct):
            assert re.search(rf"`\[*{key}\b", whole), key


def test_every_export_format_is_documented_and_no_other():
    rows = _table(_text("formats.md"), "format")
    assert _quoted(row[0] for row in rows) == list(FORMATS)


def test_the_needs_of_every_export_format_are_documented():
    rows = _table(_text("formats.md"), "format")
    documented = {_quoted(row[:1])[0]: tuple(row[-2:]) for row in rows}
    assert documented == {
        name: (form.traits.keys, form.traits.passphrase) for name, form in FORMATS.items()
    }
    (row,) = (row for row in _table(_errors_of_exports(), "code") if "`export.passphrase`" in row)
    assert _quoted([row[1]]) == takes_passphrase(FormatNeed.REQUIRED)


def _errors_of_exports():
    text = _text("errors.md")
    start = text.rindex("\n| code |", 0, text.index("`export.passphrase`"))
    return text[start:]


def test_every_format_of_runs_is_documented_with_its_keys():
    section = _text("formats.md").split("\n## What `batch export` writes\n")[1]
    words = {FormatNeed.NEVER: "never", FormatNeed.OPTIONAL: "with `--with-keys`"}
    documented = {_quoted(row[:1])[0]: row[2] for row in _table(section, "format")}
    assert documented.pop("response") == "never"
    assert documented == {name: words[form.traits.keys] for name, form in RUN_FORMATS.items()}


def test_every_flow_is_documented_with_its_columns():
    rows = _table(_text("formats.md"), "flow")
    documented = {row[0].strip("`"): tuple(_quoted([row[2]])) for row in rows}
    assert documented == {flow.value: columns for flow, columns in COLUMNS.items()}


def _json_keys(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            if key not in {"fields", "body", "inputs"}:
                yield from _json_keys(inner)
    elif isinstance(value, list):
        for one in value:
            yield from _json_keys(one)


@pytest.mark.parametrize(
    ("section", "arguments"),
    [
        ("quickstart, init", ("quickstart", "{new}")),
        ("quickstart, init", ("init", "{estate}", "--environment", "SIT-A")),
        ("kit", ("kit", "list")),
        ("kit", ("kit", "show", "quickstart")),
        pytest.param(
            "kit",
            shlex.split("kit make quickstart --out {new} --seed 0011223344556677"),
            marks=pytest.mark.slow,
        ),
        ("register", ("register", "import", "{participants}")),
        ("register", ("register", "show")),
        ("register", ("register", "whois", "TPTY-SUPPLIER-ONE")),
        ("register", ("register", "allocate", "dcc", "--user-role", "DCC")),
        ("register", ("register", "notify", "--flow", "market")),
        ("agreement", ("agreement", "show")),
        ("account", ("account", "add", "a", "--operator", "--password-file", "{participants}")),
        (
            "check, issue, sign",
            shlex.split(
                "check organisation --participant supplier-one --purpose uept --role supplier"
                " --id 90-B3-D5-1F-30-01-00-00 --usage key-agreement"
            ),
        ),
        (
            "check, issue, sign",
            shlex.split(
                "issue dccki --participant supplier-one --purpose uept --common-name a --dns b"
            ),
        ),
        ("list, show, export", ("list",)),
        ("list, show, export", ("show", "{certificate}")),
        ("list, show, export", ("export", "--format", "pkcs7", "--out", "{new}")),
        ("renew, expiring, ca", ("renew", "--label", "Z1-supplier-ds")),
        ("renew, expiring, ca", ("expiring", "--within", "200w")),
        ("renew, expiring, ca", ("ca", "list")),
        ("renew, expiring, ca", ("ca", "renew", "Z1")),
        ("renew, expiring, ca", shlex.split("ca roll-over organisation --name Z1b")),
        (
            "revoke, reject, set-status, status, crl",
            shlex.split("revoke --label Z1-supplier-ds --reason superseded"),
        ),
        (
            "revoke, reject, set-status, status, crl",
            shlex.split("set-status pending --label ESME-ka"),
        ),
        ("revoke, reject, set-status, status, crl", ("crl", "issue")),
        ("revoke, reject, set-status, status, crl", ("crl", "list")),
        ("profiles", ("profiles", "list")),
        ("profiles", ("profiles", "show", "device")),
        ("profiles", ("profiles", "show", "iki-crl")),
        ("profiles", ("profiles", "check")),
        ("device", shlex.split("device load --type esme --device {new}")),
        ("device", ("device", "answers")),
        ("passphrase, backup, restore", ("backup", "{new}")),
        (
            "passphrase, backup, restore",
            ("passphrase", "change", "--new-passphrase-file", "{participants}"),
        ),
        ("trace", ("trace", "R12")),
        ("trace", ("trace", "25")),
        ("audit", ("audit", "show")),
        ("audit", ("audit", "verify")),
        ("estate, doctor", ("estate", "info")),
        ("estate, doctor", ("doctor",)),
        ("Errors and refusals", ("show", "nothing")),
        (
            "Errors and refusals",
            shlex.split(
                "check iki --participant labs-one --purpose uept --system-name l --role supplier"
            ),
        ),
    ],
    ids=lambda one: " ".join(one[:2]) if not isinstance(one, str) else "",
)
def test_every_key_that_a_command_prints_in_json_is_documented(
    command, quickstart, tmp_path, section, arguments
):
    pem = quickstart / "export" / "pem" / "ZAZ1" / "iki" / "supplier-one" / "iki-supplier-one.pem"
    names = {
        "new": tmp_path / "new",
        "estate": quickstart,
        "participants": ROOT / "examples" / "participants.toml",
        "certificate": pem,
    }
    given = [one.format(**names) for one in arguments]
    outcome = command("--estate", quickstart, "--json", *given)
    assert set(_json_keys(outcome.json)) - _keys_described(section) == set()


def _keys_described(*sections):
    """What the document of the JSON names in these sections, and of every record."""
    text = _text("json.md")
    parts = [text.split(f"\n## {one}\n")[1].split("\n## ")[0] for one in (*sections, _RECORD)]
    return set(re.findall(r"[`\"]([a-z0-9_]+)[`\"]", "\n".join(parts)))


_RECORD = "A certificate's record"


def test_every_key_of_external_certificates_in_json_is_documented(command, quickstart, newcomer):
    described = _keys_described("import, re-sign", "Errors and refusals")
    folder = quickstart / "export" / "pem" / "ZAZ1"
    for arguments in (
        ("import", folder, ROOT / "README.md"),
        ("list", "--external"),
        ("delete", "--label", "Z1-supplier-ka"),
        ("re-sign", "--purpose", "uept"),
        ("re-sign", "--purpose", "uept", "--all-or-nothing"),
    ):
        outcome = command("--estate", newcomer, "--json", *arguments)
        assert set(_json_keys(outcome.json)) - described == set(), arguments


def test_every_key_of_a_device_in_json_is_documented(command, quickstart, tmp_path):
    described = _keys_described("device", "Errors and refusals")
    folder = quickstart / "export" / "pem" / "ZAZ1"
    supplier = folder / "organisation" / "supplier-one" / "Z1-supplier-ds.pem"
    meter = folder / "device" / "meters-one" / "ESME-ds.pem"
    file = ("--device", tmp_path / "device.json")
    for arguments in (
        ("load", quickstart, "--type", "chf", *file),
        ("show", *file),
        ("update", supplier, *file),
        ("check", meter, *file),
    ):
        outcome = command("--json", "device", *arguments)
        assert set(_json_keys(outcome.json)) - described == set(), arguments


def test_every_key_of_a_call_of_a_service_in_json_is_documented(command, tmp_path):
    described = _keys_described("client", "Errors and refusals")
    der = bad_servers.revocation_list()
    found = (
        b"<CertificateSearchResponse><ResponseCode>200</ResponseCode><Result/>"
        b"</CertificateSearchResponse>"
    )
    (tmp_path / "ca.pem").write_bytes(bad_servers.authority().pem)
    tls = ("--ca", tmp_path / "ca.pem")
    for octets, *arguments in (
        (bad_servers.response(der), "crl"),
        (bad_servers.response(b"none"), "crl"),
        (bad_servers.response(found), "search", "A"),
        (bad_servers.response(b"", "402 None", ""), "search", "A"),
    ):
        server = bad_servers.context(tmp_path)
        with bad_servers.serving(bad_servers.answers(octets), tls=server) as port:
            url = f"https://localhost:{int(port)}/a"
            outcome = command("--json", "client", *arguments, "--url", url, *tls)
        assert set(_json_keys(outcome.json)) - described == set(), arguments


def test_the_statuses_modes_and_rules_of_devices_are_documented_and_no_others(library):
    answers, text = library.device_answers, _text("device.md")

    def numbers(heading):
        rows = _table(text, heading)
        return {number for row in rows for number in re.findall(r"[0-9]+", row[0])}

    assert numbers("status | name | when the model answers so | basis") == {
        str(status.number) for status in answers.statuses
    }
    assert numbers("mode") == {str(mode.number) for mode in answers.modes}
    names = {name for row in _table(text, "mode") for name in row[1].split(", ")}
    assert names == {mode.name for mode in answers.modes}
    rules = _quoted(row[0] for row in _table(text, "rule"))
    assert rules == ["device.asked_for", *(rule.code for rule in answers.rules)]
    of_statuses = _table(text, "status | name | when the model answers so | basis")
    own = _table(text.split("\n## The Device's own certificate\n")[1], "status")
    assert {name for row in own for name in row[1].split(", ")} == {
        status.name for status in answers.own_statuses
    }
    for rows, statuses in ((of_statuses, answers.statuses), (own, answers.own_statuses)):
        unseen = {str(each.number) for each in statuses if "in no vector" in each.source}
        told = {
            number
            for row in rows
            if "in no vector" in row[3] or row[3] == "as 2"
            for number in re.findall("[0-9]+", row[0])
        }
        assert told == unseen


def _commands_named(path):
    """The words of every call of the command in the shell and console blocks of a document."""
    language = None
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("```"):
            language = line[3:] if language is None else None
        elif language == "sh" or (language == "console" and line.startswith("$ ")):
            call = line.removeprefix("$ ").split("smki-testca ", 1)
            if len(call) == 2:
                yield shlex.split(re.split(r" [|>] ", call[1])[0], comments=True)


def _without_global_options(words):
    known: dict[str, Any] = {name: one for one in cli.params for name in one.opts}
    rest = list(words)
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        assert option in {*known, "--help", "-h"}, words
        if option in known and not known[option].is_flag:
            rest.pop(0)
    return rest


@pytest.mark.parametrize(
    "path",
    # These need files that they make, or what a shell puts in; tests run them as typed.
    [one for one in EVERY_DOCUMENT if one not in RUN_AS_TYPED],
    ids=lambda path: path.name,
)
def test_every_command_in_a_document_is_one_and_takes_its_options(path):
    top = click.Context(cli, info_name="smki-testca", **cli.context_settings)
    for words in _commands_named(path):
        if "…" in words or "COMMAND" in words:
            continue
        rest = _without_global_options(words)
        found: Any = cli
        while rest and isinstance(found, click.Group):
            if found.invoke_without_command and rest[0].startswith("-"):
                break  # it is a command itself
            group, name = found, rest.pop(0)
            found = group.get_command(top, name)
            if found is None and "files" in getattr(group, "commands", {}):
                # A group whose first argument may be a file.
                found, rest = group.get_command(top, "files"), [name, *rest]
            assert found is not None, words
        if not any(word in {"F", "E", "ID", "NAME"} for word in rest):
            found.make_context(found.name, rest, parent=top)


@pytest.mark.parametrize("path", EVERY_DOCUMENT, ids=lambda path: path.name)
def test_every_link_and_file_that_a_document_names_is_there(path):
    text = path.read_text("utf-8")
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        # A pattern in a table may look like a link; a path has none of its characters.
        if "://" not in target and not set(target) & set("[]{}*?"):
            assert (path.parent / target).exists(), target
    for name in re.findall(r"`((?:examples|docs|benchmarks|profiles|tests|src)/[\w./-]+)`", text):
        assert (ROOT / name).exists(), name


def _anchor(heading):
    """What a link to a heading names, as GitHub makes it."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.strip().lower())
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


@pytest.mark.parametrize("path", EVERY_DOCUMENT, ids=lambda path: path.name)
def test_every_heading_that_a_link_names_is_there(path):
    for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", path.read_text("utf-8")):
        text = ((path.parent / target) if target else path).read_text("utf-8")
        prose = re.sub(r"(?ms)^```.*?^```", "", text)
        assert anchor in {_anchor(one) for one in re.findall(r"(?m)^#+ (.*)", prose)}, target


def test_the_readme_leads_to_every_page():
    text = (ROOT / "README.md").read_text("utf-8")
    linked = re.findall(r"\]\(docs/([\w-]+\.md)\)", text)
    assert sorted(set(linked)) == sorted(path.name for path in DOCS.glob("*.md"))


@pytest.mark.parametrize("path", sorted(DOCS.glob("*.md")), ids=lambda path: path.name)
def test_every_page_begins_with_whom_it_is_for(path):
    title, beginning, *_ = path.read_text("utf-8").split("\n\n")
    assert title.startswith("# ")
    assert beginning.startswith(("For ", "You ", "This document is generated"))


def test_the_threat_model_lists_each_document_that_it_rests_on_and_no_other():
    text, listed = _text("threat-model.md").split("### Documents read\n")
    cited = {
        mark
        for marks in re.findall(r"\[([A-Z]\d(?:, [A-Z]\d)*)\]", text)
        for mark in marks.split(", ")
    }
    assert cited == {row[0] for row in _table(listed, "mark")}
    # A point that was not found rests on none, and every other one on a document.
    for point, _, *others in _table(text, "point"):
        for said in others:
            assert "not found" in said or re.search(r"\[[A-Z]\d", said), (point, said)


def test_the_readme_has_at_most_150_lines():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 150


def test_readme_gives_the_two_commands_word_for_word():
    text = (ROOT / "README.md").read_text("utf-8")
    install = "python3 -m venv .venv && .venv/bin/pip install "
    for wanted in (
        f"{install}. && .venv/bin/smki-testca quickstart estate",
        f"{install}'.[test]' && .venv/bin/python -m pytest",
        "pipx install .",
        "uv run",
        r".venv\Scripts\smki-testca quickstart estate",
        r".venv\Scripts\python -m pytest",
    ):
        assert wanted in text


@pytest.mark.slow
def test_the_commands_of_a_living_estate_work_in_their_order(
    command, quickstart, tmp_path, monkeypatch
):
    (tmp_path / "examples").symlink_to(ROOT / "examples", target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    listed = command("--estate", quickstart, "--json", "list", "--participant", "rdp-one").json
    serial = listed["certificates"][0]["serial"]
    text = (ROOT / "docs" / "living.md").read_text("utf-8")
    lines = [
        line
        for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
        for line in block.splitlines()
    ]
    assert len(lines) > 20
    for line in lines:
        words = shlex.split(re.sub(r"\b[0-9A-F]{32}\b", serial, line))
        outcome = command(*words[1:])
        assert outcome.code == 0, (line, outcome.err)


def test_the_map_of_the_source_in_readme_is_true():
    rows = _table((ROOT / "README.md").read_text("utf-8"), "folder")
    listed = {name.rstrip("/") for name in _quoted(row[0] for row in rows)}
    packages = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "src" / "smki_testca").iterdir()
        if path.is_dir() and (path / "__init__.py").exists()
    }
    assert {one for one in listed if one.startswith("src/")} == packages
    for name in listed:
        assert (ROOT / name).is_dir()


def test_the_changelog_begins_with_what_is_unreleased_and_then_the_version_of_the_package():
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    unreleased, version, *_ = re.findall(r"(?m)^## (\S+)", text)
    assert unreleased == "Unreleased"
    assert version == smki_testca.__version__
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == smki_testca.__version__
