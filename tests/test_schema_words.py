"""What does not fit is said in plain words, and none of msgspec's own."""

from typing import Annotated, Literal

import msgspec
import pytest

from smki_testca.errors import InputError
from smki_testca.issuance.batch.line_signing import _parsed
from smki_testca.labels import LabelTemplate
from smki_testca.schema_words import in_words, json_in_words

EMPTY = "Write something, or leave the key out where it is optional."
DIGITS = "Write digits without quotation marks."


class _Shape(msgspec.Struct, forbid_unknown_fields=True):
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=3, pattern="^[a-z]*$")] = "a"
    number: Annotated[int, msgspec.Meta(ge=1, le=5)] | None = None
    choice: Literal["x", "y"] = "x"
    names: list[str] = []


@pytest.mark.parametrize(
    ("value", "sentence", "remedy"),
    [
        (
            {"text": ""},
            "it is empty",
            "Write something, or leave the key out where it is optional.",
        ),
        ({"text": "long"}, "it is too long", "Write at most 3."),
        ({"text": 5}, "it is a whole number, not text", "Write it in quotation marks."),
        ({"number": 6}, "it is out of range", "Write at most 5."),
        (
            {"number": True},
            "it is true or false, not a whole number",
            "Write digits without quotation marks.",
        ),
        ({"choice": "z"}, "it is 'z', which is none of its choices", ""),
        ({"choice": "z" * 500}, f"it is '{'z' * 40}…', which is none of its choices", ""),
        ({"names": {}}, "it is a table, not a list", "Write it in brackets."),
        ({"name": 1}, "it is an unknown key", ""),
    ],
)
def test_a_misfit_is_a_sentence_with_what_to_write(value, sentence, remedy):
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(value, _Shape)
    assert in_words(str(caught.value), "it") == (sentence, remedy)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b'{"a": 1}', "a value is a whole number, not text"),
        (b"[]", "it is a list, not an object"),
        (b"{", "it ends too early"),
        (b'{"a": "\xff"}', "it is not UTF-8"),
    ],
)
def test_a_line_of_json_that_cannot_be_read_is_told_in_the_same_words(line, sentence):
    with pytest.raises((msgspec.MsgspecError, UnicodeDecodeError)) as caught:
        msgspec.json.decode(line, type=dict[str, str])
    assert json_in_words(caught.value) == sentence


def test_a_mistyped_key_of_a_line_is_asked_after():
    with pytest.raises(InputError) as caught:
        _parsed(b'{"csr": "A", "idd": 1}')
    assert caught.value.message == "The line cannot be read: 'idd' is an unknown key."
    assert caught.value.remedy == "Did you mean id? The key is one of csr, id, label, profile."


@pytest.mark.parametrize("text", ["{", "}", "{id", "{id!r}", "{id:x}", "{a b}"])
def test_a_wrong_template_is_told_without_words_of_pythons_formats(text):
    with pytest.raises(InputError) as caught:
        LabelTemplate(text)
    assert "format" not in caught.value.message
    assert "encountered" not in caught.value.message
