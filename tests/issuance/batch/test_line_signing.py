"""CSRs that come as lines of JSON, each answered by a line."""

import base64
import io
import json
import subprocess
import sys

import pytest
from csr_zips import KEY, device_csr, device_id

import csrs
from batches import DEVICE_PURPOSE, PATIENCE
from smki_testca.errors import EstateError
from smki_testca.issuance.batch import line_signing

REQUESTED = ("--participant", "meters-one", "--purpose", DEVICE_PURPOSE)


@pytest.fixture
def stream(command, quickstart):
    """Sends lines; the outcome, and the answers."""

    def run(*lines, more=()):
        outcome = command(
            *("--estate", quickstart, "batch", "sign", "-", *REQUESTED, *more),
            stdin=b"".join(line if isinstance(line, bytes) else line.encode() for line in lines),
        )
        return outcome, [json.loads(line) for line in outcome.out.splitlines()]

    return run


def _ask(number, **more):
    return json.dumps({"csr": device_csr(number).decode(), **more}) + "\n"


def test_each_line_is_answered_with_a_certificate_that_is_in_the_estate(
    stream, command, quickstart
):
    bare = base64.b64encode(csrs.device(KEY, device_id=device_id(2))).decode()
    lines = [_ask(1, id="first", label="m-1"), json.dumps({"csr": bare, "id": 7})]
    outcome, answers = stream(*lines)
    assert outcome.code == 0, outcome.err
    assert outcome.err == "2 of 2 CSRs are signed.\n"
    assert [(answer["line"], answer["id"]) for answer in answers] == [(1, "first"), (2, 7)]
    assert [answer["certificate"]["label"] for answer in answers] == ["m-1", None]
    for answer in answers:
        assert answer["certificate"]["pem"].startswith("-----BEGIN CERTIFICATE-----")
        serial = answer["certificate"]["serial"]
        assert command("--estate", quickstart, "show", serial).code == 0


HOSTILE = {
    "no JSON": (b"nonsense\n", "line.unreadable"),
    "no object": (b"[1]\n", "line.unreadable"),
    "no csr": (b"{}\n", "line.unreadable"),
    "a csr that is no text": (b'{"csr": 1}\n', "line.unreadable"),
    "an unknown key": (b'{"csr": "A", "colour": "red"}\n', "line.unreadable"),
    "no UTF-8": (b'{"csr": "\xff"}\n', "line.unreadable"),
    "a lone surrogate": (b'{"csr": "\\ud800"}\n', "line.unreadable"),
    "deep": (b'{"csr": ' + b"[" * 60_000 + b"\n", "line.unreadable"),
    "no base64": (b'{"csr": "nonsense!"}\n', "csr."),
    "a broken CSR": (b'{"csr": "MAA="}\n', "der."),
    "an unknown profile": (_ask(9, profile="nothing").encode(), "request.profile"),
    "a key twice": (b'{"csr": "A", "csr": "B"}\n', "line.unreadable"),
    "a key twice, once escaped": (b'{"csr": "A", "c\\u0073r": "B"}\n', "line.unreadable"),
    "a label twice": (_ask(9, label="a")[:-2].encode() + b', "label": "b"}\n', "line.unreadable"),
    "a blank label": (_ask(9, label=" ").encode(), "request.label"),
    "too long": (b"x" * 400_000 + b"\n", "line.too_long"),
    "too long by one": (b"x" * (line_signing.MAX_LINE_OCTETS + 1) + b"\n", "line.too_long"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("line", "code"), HOSTILE.values(), ids=HOSTILE)
def test_a_line_that_is_wrong_is_answered_and_the_next_is_signed(stream, line, code):
    outcome, (wrong, right) = stream(line, _ask(1))
    assert outcome.code == 1
    assert (wrong["line"], right["line"]) == (1, 2)
    assert wrong["error"]["code"].startswith(code)
    assert "certificate" in right
    assert outcome.err == "1 of 2 CSRs is signed.\n"


def test_a_byte_order_mark_is_no_content_at_the_beginning_alone(stream):
    mark = "\ufeff"
    outcome, answers = stream(mark + _ask(1), mark + _ask(2), _ask(3))
    assert outcome.code == 1
    assert ["certificate" in answer for answer in answers] == [True, False, True]
    assert "byte order mark" in answers[1]["error"]["message"]


def test_the_same_csr_again_is_refused_with_the_line_of_the_first(stream):
    line = _ask(1)
    outcome, (first, second) = stream(line, line)
    assert outcome.code == 1
    assert "certificate" in first
    assert second["error"]["code"] == "csr.twice"
    assert "line 1" in second["error"]["message"]


def test_a_csr_that_was_refused_may_be_sent_again(stream):
    asked = json.loads(_ask(1))
    _, answers = stream(json.dumps({**asked, "label": " "}) + "\n", json.dumps(asked))
    assert ["certificate" in answer for answer in answers] == [False, True]


def test_a_csr_is_compared_with_so_many_before_it(stream, monkeypatch):
    monkeypatch.setattr("smki_testca.issuance.batch.repeated_csrs.REMEMBERED", 2)
    first = _ask(1)
    _, answers = stream(first, _ask(2), _ask(3), first)
    assert ["certificate" in answer for answer in answers] == [True] * 4


def test_a_refusal_is_answered_with_the_id_of_its_line_and_is_in_the_log(
    stream, command, quickstart
):
    foreign = csrs.pem(csrs.device(KEY, device_id=csrs.SUPPLIER_ID)).decode()
    outcome, (answer,) = stream(json.dumps({"csr": foreign, "id": "x"}))
    assert outcome.code == 1
    assert answer["id"] == "x"
    assert answer["refusal"]["rule"] == "R11"
    shown = command("--json", "--estate", quickstart, "audit", "show", "--last", 1).json
    assert shown["entries"][0]["body"]["granted"] is False


def test_an_id_is_given_back_whatever_else_is_wrong(stream):
    _, (answer,) = stream('{"id": "x", "colour": "red"}')
    assert answer["id"] == "x"


def test_blank_lines_are_passed_over_and_counted(stream):
    outcome, (answer,) = stream("\xef\xbb\xbf".encode("latin-1"), "\n", " \r\n", _ask(1))
    assert (outcome.code, answer["line"]) == (0, 3)


def test_nothing_at_all_ends_well(stream):
    outcome, answers = stream()
    assert (outcome.code, answers, outcome.err) == (0, [], "0 of 0 CSRs are signed.\n")


def test_a_dry_run_answers_with_what_the_gate_says_and_issues_nothing(stream, quickstart):
    before = (quickstart / "estate.sqlite").read_bytes()
    outcome, (good, bad) = stream(_ask(1, id="a"), "nonsense", more=("--dry-run",))
    assert outcome.code == 1
    assert (good["dry_run"], good["id"]) == (True, "a")
    assert good["authorisation"]["granted"] is True
    assert "error" in bad
    assert (quickstart / "estate.sqlite").read_bytes() == before


@pytest.mark.parametrize("more", [("--out", "x.zip"), ("--workers", "2"), ("--engine", "dask")])
def test_an_option_that_does_not_go_with_lines_is_refused(stream, more):
    outcome, answers = stream(_ask(1), more=more)
    assert (outcome.code, answers) == (2, [])


def test_an_estate_that_fails_ends_the_stream_after_an_answer(stream, monkeypatch):
    def fail(*_given, **_named):
        raise EstateError("estate.locked", "Another process held the estate too long.")

    monkeypatch.setattr("smki_testca.issuance.issuance.Issuance.issue", fail)
    outcome, answers = stream(_ask(1), _ask(2))
    assert outcome.code == 5
    assert [answer["error"]["code"] for answer in answers] == ["estate.locked"]
    assert "held the estate too long" in outcome.err


def test_no_more_of_a_long_line_is_kept_than_may_be_in_one():
    class Endless(io.BytesIO):
        left = 50

        def readline(self, size=-1):
            assert 0 < size <= line_signing.MAX_LINE_OCTETS + 1
            self.left -= 1
            return b"x" * size if self.left > 0 else b""

    assert list(line_signing.lines(Endless())) == [(1, None)]


@pytest.mark.slow
def test_an_answer_comes_before_the_next_line_is_sent(quickstart):
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "smki_testca", "--estate", quickstart),
            *("batch", "sign", "-", *REQUESTED),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    for number in (1, 2, 3):
        process.stdin.write(_ask(number))
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["line"] == number
    process.stdin.close()
    assert process.wait(PATIENCE) == 0
    process.stdout.close()


def test_a_line_warns_of_what_its_device_has_in_use(stream):
    outcome, (first, other, again) = stream(_ask(501), _ask(502), _ask(501))
    assert outcome.code == 0, outcome.err
    assert first["warnings"] == other["warnings"]
    (warning,) = [line for line in again["warnings"] if line not in first["warnings"]]
    assert warning.startswith(f"The certificate {first['certificate']['serial']} of the Device")
    _, (tried,) = stream(_ask(502), more=["--dry-run"])
    (warning,) = [line for line in tried["warnings"] if line not in first["warnings"]]
    assert other["certificate"]["serial"] in warning
