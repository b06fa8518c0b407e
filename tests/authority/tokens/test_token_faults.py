"""Tokens and modules that fail: each is one line under its own code, and nothing is left behind."""

import re
import shutil
from pathlib import Path

import pytest

from csrs import new_key
from smki_testca.authority.signers.tokens import starting
from smki_testca.authority.signers.tokens.access import TokenAccess
from smki_testca.authority.signers.tokens.messages import Opened, Signed
from smki_testca.authority.signers.tokens.signer import TokenSigner
from smki_testca.authority.signers.tokens.tokens import Tokens
from smki_testca.authority.signers.tokens.uri import TokenUri
from smki_testca.errors import SmkiTestcaError, UsageError
from smki_testca.x509.keys import load_public_key, public_key_octets, signature_fits
from smki_testca.x509.names import KeyType
from tokens import PIN, URI

pytestmark = pytest.mark.interop

FINAL_TRY, LOCKED, WRITE_PROTECTED, KEYPAD = 0x20000, 0x40000, 0x2, 0x100


def told(call, *arguments):
    with pytest.raises(SmkiTestcaError) as caught:
        call(*arguments)
    error = caught.value
    assert error.lines() == [f"error: {error.message} {error.remedy}"]
    assert error.remedy
    return error


@pytest.fixture
def made(token):
    """A key pair, and the token that it is in."""
    with token.open() as tokens:
        return tokens.generate(token.uri(), KeyType.P256, "zroot")


def use(token, made):
    """Open a signer and sign ten times, with the token's module as it is."""
    key = load_public_key(made.public_key)
    with token.open() as tokens:
        signer = tokens.signer(made.uri, made.public_key)
        assert all(signature_fits(key, signer.sign(b"data"), b"data") for _ in range(10))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        ("C_Sign:5:0x30", "token.failed", "failed to sign: CKR_DEVICE_ERROR (device error)"),
        ("C_SignInit:5:0x5", "token.failed", "failed to sign: CKR_GENERAL_ERROR (general error)"),
        ("C_Sign:5:0x80000001", "token.failed", "failed to sign: Unmapped error code 0x80000001"),
        ("C_Sign:5:0x50", "token.failed", "CKR_FUNCTION_CANCELED (function canceled)"),
        ("C_Sign:0:gone", "token.gone", "The token 'smki' was removed"),
        ("C_Sign:0:0x32+", "token.gone", "The token 'smki' was removed"),
        ("C_SignInit:5:0xb3+", "token.failed", "CKR_SESSION_HANDLE_INVALID"),
        ("C_FindObjectsInit:0:0x30", "token.failed", "failed to find a key: CKR_DEVICE_ERROR"),
        ("C_FindObjects:0:0x30", "token.failed", "failed to find a key: CKR_DEVICE_ERROR"),
        ("C_GetSlotList:0:0x30+", "token.failed", "failed to list its tokens: CKR_DEVICE_ERROR"),
        ("C_GetTokenInfo:0:0x30+", "token.missing", "CKR_DEVICE_ERROR"),
        ("C_OpenSession:0:0xb1", "token.failed", "failed to log in: CKR_SESSION_COUNT"),
        ("C_Initialize:0:0x30", "token.failed", "does not start: CKR_DEVICE_ERROR"),
        ("C_Sign:0:garbage+", "token.key_other", "does not verify its signature"),
        ("C_Sign:2:garbage+", "token.failed", "that its public key does not verify"),
        ("C_Sign:5:crash", "token.failed", "ended by SIGABRT"),
        ("C_Initialize:0:crash", "token.failed", "ended by SIGABRT"),
    ],
)
def test_an_error_of_the_module_is_told_with_what_it_is(faulty, made, fault, code, words):
    error = told(use, faulty(fault), made)
    assert (error.code, type(error).exit_code) == (code, 5)
    assert words in error.message


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param("C_SignInit:5:0xb3", id="the session is lost"),
        pytest.param("C_SignInit:5:0x101", id="somebody logged out"),
        pytest.param("C_Sign:5:0x32", id="the token was out and is in again"),
        pytest.param("C_SignInit:5:0x60", id="the handle of the key is lost"),
    ],
)
def test_a_session_that_was_lost_is_opened_once_more(faulty, made, fault, tmp_path):
    log = tmp_path / "log"
    use(faulty(fault, log=log), made)
    assert log.read_text().split().count("C_Login") == 2


@pytest.mark.slow
def test_after_an_error_the_same_signer_goes_on(faulty, made):
    token = faulty("C_Sign:5:0x30")
    with token.open() as tokens:
        signer = tokens.signer(made.uri, made.public_key)
        told(signer.sign_all, [b"data"] * 10)
        assert len(signer.sign_all([b"data"] * 10)) == 10


@pytest.mark.slow
def test_after_a_crash_the_next_use_starts_the_module_anew(faulty, made):
    token = faulty("C_Sign:5:crash")
    with token.open() as tokens:
        signer = tokens.signer(made.uri, made.public_key)
        assert told(signer.sign_all, [b"data"] * 10).code == "token.failed"
        key = load_public_key(made.public_key)
        assert signature_fits(key, signer.sign(b"data"), b"data")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("C_Sign:5:hang", "did not answer within 1 second"),
        ("C_Login:0:hang", "did not answer within 1 second"),
        ("C_GetFunctionList:0:hang", "was not loaded within 2 seconds"),
    ],
)
def test_a_module_that_hangs_is_an_error_and_is_ended(faulty, made, fault, words, monkeypatch):
    monkeypatch.setattr(starting, "CALL_SECONDS", 1.0)
    monkeypatch.setattr(starting, "START_SECONDS", 1.0)
    error = told(use, faulty(fault), made)
    assert error.code == "token.failed"
    assert words in error.message


def test_the_time_for_a_call_is_the_one_that_is_documented():
    text = Path(__file__).parents[3].joinpath("docs", "errors.md").read_text("utf-8")
    assert f"no answer within {starting.CALL_SECONDS:g} seconds" in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "flags", "code", "words"),
    [
        ("C_Login:0:0xa0", 0, "token.pin", "does not accept the PIN."),
        ("C_Login:0:0xa0", FINAL_TRY, "token.pin", "PIN. One more wrong PIN locks it."),
        ("C_Login:0:0xa0", LOCKED, "token.pin_locked", "has locked its PIN"),
        ("C_Login:0:0xa1", 0, "token.pin", "such a length, or with such characters"),
        ("C_Login:0:0xa3", 0, "token.pin", "CKR_PIN_EXPIRED"),
        ("C_Login:0:0xa4", 0, "token.pin_locked", "has locked its PIN"),
        ("C_Login:0:0x102", 0, "token.pin", "CKR_USER_PIN_NOT_INITIALIZED"),
    ],
)
def test_a_pin_that_is_not_accepted_is_told_and_tried_once(
    faulty, made, fault, flags, code, words, tmp_path
):
    log = tmp_path / "log"
    token = faulty(fault, flags=flags, log=log)
    with token.open() as tokens:
        for _ in range(3):
            error = told(tokens.signer, made.uri, made.public_key)
            assert error.code == code
            assert words in error.message
    tries = log.read_text().split().count("C_Login")
    assert tries == (0 if flags == LOCKED else 1)


@pytest.mark.slow
def test_a_token_with_a_keypad_of_its_own_is_asked_and_nobody_else(faulty, made, tmp_path):
    def never(_):
        raise AssertionError

    log = tmp_path / "log"
    token = faulty("C_Login:0:0x0", flags=KEYPAD, log=log)
    with Tokens(TokenAccess(lambda: token.module, never)) as tokens:
        # SoftHSM2 has no keypad, so that nobody is logged in, and private keys are not seen.
        assert told(tokens.find, made.uri).code == "token.key_missing"
    assert log.read_text().split().count("C_Login") == 1


@pytest.mark.parametrize(
    ("signatures", "words"),
    [
        ([b"\1" * 63], "63 octets are not an ECDSA signature"),
        ([], "0 signatures for 1"),
        ([b"\1" * 64], "a signature that its public key does not verify"),
    ],
)
def test_what_is_no_signature_is_told(signatures, words):
    def ask(_, kind):
        return Opened(b"", takes_data=False) if kind is Opened else Signed(signatures)

    public_key = public_key_octets(new_key().public_key())
    signer = TokenSigner(ask, lambda: None, TokenUri.parse(URI), public_key)
    error = told(signer.sign, b"data")
    assert error.code == "token.failed"
    assert words in error.message


@pytest.mark.slow
def test_a_wrong_pin_is_told_without_it(token, made):
    wrong = "not-the-pin"
    with token.open(wrong) as tokens:
        error = told(tokens.find, made.uri)
    assert error.code == "token.pin"
    assert wrong not in f"{error!r} {error.message} {error.remedy} {error.as_json()}"


@pytest.mark.slow
def test_a_pin_that_is_no_text_is_told_without_it(token, made):
    with token.open("47\udc81") as tokens:
        error = told(tokens.find, made.uri)
    assert error.code == "token.pin"
    assert "47" not in error.message


@pytest.mark.slow
def test_a_pin_is_asked_for_when_a_token_is_used_and_with_its_label(token, made):
    asked = []

    def pin(label):
        asked.append(label)
        return PIN

    with Tokens(TokenAccess(lambda: token.module, pin)) as tokens:
        assert asked == []
        for _ in range(2):
            tokens.find(made.uri)
    assert asked == ["smki"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "flags", "code", "words"),
    [
        ("C_GenerateKeyPair:0:0xe2", 0, "token.read_only", "is write-protected"),
        ("C_GenerateKeyPair:0:0xb5", 0, "token.read_only", "is write-protected"),
        ("C_OpenSession:1:0xe2", 0, "token.read_only", "is write-protected"),
        ("C_Logout:9:0", WRITE_PROTECTED, "token.read_only", "is write-protected"),
        ("C_GenerateKeyPair:0:0x31", 0, "token.full", "has no memory left"),
        ("C_GenerateKeyPair:0:0xd1", 0, "token.failed", "make a key pair: CKR_TEMPLATE_INCON"),
    ],
)
def test_a_token_in_which_nothing_can_be_made_is_told(faulty, fault, flags, code, words):
    token = faulty(fault, flags=flags)
    with token.open() as tokens:
        error = told(tokens.generate, token.uri(), KeyType.P256, "zroot")
    assert error.code == code
    assert words in error.message
    assert token.objects == []


@pytest.mark.slow
def test_a_token_that_cannot_be_written_signs(faulty, made):
    use(faulty(flags=WRITE_PROTECTED), made)


@pytest.mark.slow
@pytest.mark.parametrize("call", ["C_GetAttributeValue", "C_FindObjectsInit", "C_FindObjects"])
def test_a_key_pair_is_made_whole_or_not_at_all(faulty, call):
    failed = 0
    for number in range(0, 24, 3):
        token = faulty(f"{call}:{number}:0x30")
        before = len(token.objects)
        with token.open() as tokens:
            try:
                tokens.generate(token.uri(), KeyType.P256, "zroot")
                before += 2
            except SmkiTestcaError as error:
                failed += error.code == "token.failed"
        assert len(token.objects) == before
    assert failed


@pytest.mark.slow
def test_a_key_pair_keeps_its_first_id_where_the_token_lets_none_be_changed(faulty):
    token = faulty("C_SetAttributeValue:1:0x10")
    with token.open() as tokens:
        made = tokens.generate(token.uri(), KeyType.P256, "zroot")
        assert len(made.uri.id) == 20
        assert tokens.find(made.uri) == made
    ids = re.findall("ID: +([0-9a-f]+)", token.tool("--list-objects"))
    assert ids == [made.uri.id.hex()] * 2


def all_tell_that_it_is_gone(tokens, signer, made):
    assert told(signer.sign, b"data").code == "token.gone"
    # A fresh process has looked since then: it does not know that the token was there.
    for use in (
        lambda: signer.sign(b"data"),
        lambda: tokens.signer(made.uri, made.public_key),
        lambda: tokens.find(made.uri),
        lambda: tokens.generate(made.uri, KeyType.P256, "other"),
        lambda: tokens.remove(made.uri),
    ):
        assert told(use).code in {"token.gone", "token.missing", "token.failed"}


@pytest.mark.slow
def test_a_token_that_is_deleted_in_the_middle_is_told(token, made):
    with token.open() as tokens:
        signer = tokens.signer(made.uri, made.public_key)
        signer.sign(b"data")
        shutil.rmtree(token.folder / "tokens")
        all_tell_that_it_is_gone(tokens, signer, made)


@pytest.mark.slow
def test_a_token_that_was_out_is_used_again_when_it_is_back(faulty, made, tmp_path):
    away, log = tmp_path / "away", tmp_path / "log"
    token = faulty(log=log, away=away)
    key = load_public_key(made.public_key)
    with token.open() as tokens:
        signer = tokens.signer(made.uri, made.public_key)
        away.touch()
        all_tell_that_it_is_gone(tokens, signer, made)
        away.unlink()
        assert signature_fits(key, signer.sign(b"data"), b"data")
    assert log.read_text().split().count("C_Login") == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("attribute", "words"),
    [
        (0x162, "CKA_EXTRACTABLE is not False"),
        (0x103, "CKA_SENSITIVE is not True"),
        (0x2, "CKA_PRIVATE is not True"),
        (0x105, "CKA_DECRYPT is not False"),
        (0x107, "CKA_UNWRAP is not False"),
        (0x10C, "CKA_DERIVE is not False"),
        (0x109, "CKA_SIGN_RECOVER is not False"),
    ],
)
def test_a_token_that_makes_keys_which_can_leave_it_or_do_more_is_refused(faulty, attribute, words):
    token = faulty(f"C_GenerateKeyPair:0:turn{attribute:#x}")
    with token.open() as tokens:
        error = told(tokens.generate, token.uri(), KeyType.P256, "zroot")
    assert error.code == "token.key_exposed"
    assert words in error.message
    assert token.objects == []


@pytest.mark.slow
def test_a_token_whose_content_was_away_is_used_again_when_it_is_back(
    token, tokens, made, tmp_path
):
    signer = tokens.signer(made.uri, made.public_key)
    signer.sign(b"data")
    places = {path: tmp_path / path.name for path in token.objects}
    for path, place in places.items():
        path.rename(place)
    for _ in range(2):  # each use looks anew
        error = told(signer.sign, b"data")
        assert error.code == "token.gone"
        assert "has nothing in it any more" in error.message
    for path, place in places.items():
        place.rename(path)
    key = load_public_key(made.public_key)
    assert signature_fits(key, signer.sign(b"data"), b"data")


@pytest.mark.slow
def test_a_key_that_is_deleted_in_the_middle_is_told(token, tokens, made):
    signer = tokens.signer(made.uri, made.public_key)
    signer.sign(b"data")
    token.tool("--delete-object", "--type", "privkey", "--id", made.uri.id.hex())
    assert told(signer.sign, b"data").code == "token.key_missing"


@pytest.mark.slow
@pytest.mark.parametrize("module", ["none.so", "text.so"])
@pytest.mark.usefixtures("softhsm")
def test_a_module_that_cannot_be_loaded_is_told(tmp_path, module):
    (tmp_path / "text.so").write_text("this is none")
    path = tmp_path / module
    with Tokens(TokenAccess(lambda: path, lambda _: PIN)) as tokens:
        error = told(tokens.find, TokenUri.parse(URI))
    assert (error.code, type(error)) == ("token.module", UsageError)
    assert str(path) in error.message


def test_without_the_extra_nothing_is_asked_for(monkeypatch):
    def never(*_):
        raise AssertionError

    monkeypatch.setattr(starting, "find_spec", lambda _: None)
    with Tokens(TokenAccess(never, never)) as tokens:
        error = told(tokens.find, TokenUri.parse(URI))
    assert (error.code, type(error)) == ("token.extra", UsageError)
    assert "pip install 'smki-testca[hsm]'" in error.remedy
