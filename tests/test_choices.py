"""Whoever writes a word that is in none of some lists is told the whole list."""

from __future__ import annotations

import ast
import typing
from datetime import date
from enum import StrEnum
from pathlib import Path

import msgspec
import pytest

import smki_testca
from smki_testca.authority.revocation import Reason
from smki_testca.errors import SmkiTestcaError
from smki_testca.estate.status import Status
from smki_testca.exporters.registry import FORMATS, check_format
from smki_testca.issuance.batch.column_names import ColumnNames
from smki_testca.kits import documents as kit_documents
from smki_testca.kits.label_templates import KitLabelTemplate
from smki_testca.lifecycle.revocation import parse_reason
from smki_testca.profiles import Library
from smki_testca.profiles import documents as profile_documents
from smki_testca.register import documents as register
from smki_testca.roles import KeyUsage
from smki_testca.text import use_one_of
from smki_testca.toml_places import Place
from source_trees import calls

SOURCE = Path(smki_testca.__file__).parent
LIBRARY = Library()
ENVIRONMENTS = list(LIBRARY.environments)
END_ENTITIES = [profile.name for profile in LIBRARY.end_entity_profiles]


def _agreement(**stated):
    table = {
        "reference": "A",
        "participant": "x",
        "kind": "bilateral",
        "from_": date(2026, 1, 1),
        "purposes": list(LIBRARY.testing_services)[:1],
        "categories": [category.name for category in LIBRARY.categories][:1],
        "environments": ENVIRONMENTS[:1],
    }
    checked = register.AgreementTable(**{**table, **stated})
    return register.checked_agreement(checked, LIBRARY, Place("file"))


WORDS = {
    "a status": (lambda: Status.parse("x"), [status.word for status in Status]),
    "a key usage": (lambda: KeyUsage.parse("x"), KeyUsage),
    "a reason": (lambda: parse_reason("x"), [Reason.KEY_COMPROMISE, Reason.SUPERSEDED]),
    "a format": (lambda: check_format("x"), FORMATS),
    "a RemotePartyRole": (
        lambda: LIBRARY.roles.remote_party_role("x"),
        [role.name for role in LIBRARY.roles.remote_party_roles],
    ),
    "a User Role": (
        lambda: LIBRARY.roles.user_role("x"),
        [role.code for role in LIBRARY.roles.user_roles],
    ),
    "an environment": (lambda: LIBRARY.environment("x"), ENVIRONMENTS),
    "a profile": (lambda: LIBRARY.profile("x"), LIBRARY.profile_names),
    "a profile to issue": (lambda: LIBRARY.end_entity_profile("x"), END_ENTITIES),
    "any profile": (lambda: LIBRARY.any_profile("x"), LIBRARY.revocation_list_profile_names),
    "a hierarchy": (lambda: LIBRARY.hierarchy("x"), LIBRARY.hierarchies),
    "a column": (lambda: ColumnNames(Path("m"), ("a", "b")).named(["a", "{x}"]), ["a", "b"]),
    "a placeholder": (lambda: KitLabelTemplate.parse("{x}", ("id", "role")), ["{id}", "{role}"]),
    "a purpose": (lambda: _agreement(purposes=["x"]), LIBRARY.testing_services),
    "a category": (
        lambda: _agreement(categories=["x"]),
        [category.name for category in LIBRARY.categories],
    ),
    "an environment of an agreement": (lambda: _agreement(environments=["x"]), ENVIRONMENTS),
}


@pytest.mark.parametrize(("parse", "choices"), WORDS.values(), ids=WORDS)
def test_an_unknown_word_is_an_error_that_lists_the_choices(parse, choices):
    with pytest.raises(SmkiTestcaError) as raised:
        parse()
    assert "'x'" in raised.value.message or "{x}" in raised.value.message
    assert all(str(choice) in raised.value.remedy for choice in choices)


def _fields(module):
    """The fields of a module's tables whose values are of a list, with the table's own name."""
    for name, table in vars(module).items():
        if isinstance(table, type) and issubclass(table, msgspec.Struct):
            kind = msgspec.inspect.type_info(table)
            assert isinstance(kind, msgspec.inspect.StructType)
            for field in kind.fields:
                yield from _listed(f"{name}.{field.encode_name}", table, field)


def _listed(name, table, field):
    inspect = msgspec.inspect
    kinds = field.type.types if isinstance(field.type, inspect.UnionType) else [field.type]
    for kind in kinds:
        is_array = isinstance(kind, inspect.ListType)
        word = kind.item_type if is_array else kind
        if isinstance(word, inspect.EnumType):
            choices = [member.value for member in word.cls]
        elif isinstance(word, inspect.LiteralType):
            choices = list(word.values)
        else:
            continue
        yield pytest.param(table, field, is_array, choices, id=name)


FIELDS = [
    *_fields(profile_documents),
    *_fields(register),
    *_fields(kit_documents),
]


@pytest.mark.parametrize(("table", "field", "is_array", "choices"), FIELDS)
def test_every_key_of_a_file_whose_value_is_of_a_list_tells_the_list(
    table, field, is_array, choices
):
    # Only this field: the others of the table would be told of first.
    hint = typing.get_type_hints(table, include_extras=True)[field.name]
    alone = msgspec.defstruct("Alone", [(field.name, hint)], rename="kebab")
    value = '["no such"]' if is_array else '"no such"'
    with pytest.raises(SmkiTestcaError) as raised:
        profile_documents.decode(f"{field.encode_name} = {value}".encode(), alone, "file")
    assert raised.value.code == "toml.shape"
    assert raised.value.message.startswith("file, line 1")
    assert all(str(choice) in raised.value.remedy for choice in choices)


def test_every_list_of_choices_is_made_by_one_function():
    for path in SOURCE.rglob("*.py"):
        if path.name == "text.py":
            continue
        for call in calls(path):
            name = ast.unparse(call.func)
            if not name.endswith(("Error", "_fail", "RefusalReason")):
                continue
            for text in ast.walk(call):
                if isinstance(text, ast.Constant) and isinstance(text.value, str):
                    where = f"{path}, line {text.lineno}"
                    assert "Use one of" not in text.value, where
                    assert "Known are" not in text.value, where


def test_the_remedy_reads_as_a_sentence():
    class Colour(StrEnum):
        RED = "red"

    assert use_one_of(Colour) == "Use one of red."
    assert use_one_of([]) == ""
    assert use_one_of(["a"], "letter") == "The letter is one of a."
