"""``corpus run``: what it asks, how it judges, and what it says."""

import hashlib
import json
import os
import random
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import small_corpus
from small_corpus import HELLO, RIGHT, Device, lines_target, over_serial, over_tcp
from smki_testca import folders
from smki_testca.corpus.build import ENVIRONMENT, Builder
from smki_testca.corpus.case_selection import CaseSelection, Catalogue
from smki_testca.corpus.defect import Level, Need
from smki_testca.corpus.delivery.folder import files
from smki_testca.corpus.pki import corpus_pki
from smki_testca.corpus.run import expectations as expectations_file
from smki_testca.corpus.run import resetting
from smki_testca.corpus.run.journal import Journal
from smki_testca.corpus.run.loaded_corpus import load, of_cases
from smki_testca.corpus.run.outcomes import CaseOutcome
from smki_testca.corpus.run.questions import CERTIFICATE, Question
from smki_testca.corpus.run.report import read_report
from smki_testca.corpus.run.target_answers import Behaviour, Hello, TargetAnswer
from smki_testca.corpus.run.targets.channels import MAX_LINE_OCTETS, Lines
from smki_testca.corpus.run.targets.log import Log
from smki_testca.corpus.run.targets.naming import WAYS
from smki_testca.corpus.run.targets.program import PLACEHOLDERS
from smki_testca.corpus.run.targets.protocol import TextDialect, crc16, with_crc
from smki_testca.corpus.run.targets.target_messages import ProtocolError
from smki_testca.errors import SmkiTestcaError

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the targets are programs of POSIX")


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return small_corpus.write(tmp_path / "corpus")


@pytest.fixture
def run(command, corpus):
    """Run the corpus, and return the outcome of the command."""
    return lambda target, *more: command("corpus", "run", corpus, "--with", target, *more)


@pytest.fixture
def results(run):
    """Run the corpus, and return what came of each case."""

    def asked(target, *more):
        outcome = run(target, *more, "--json")
        return {each["id"]: each for each in outcome.json["cases"]}

    return asked


@pytest.fixture
def shell(tmp_path):
    """A target for exec: a script that gets the id of the case as its only argument."""

    def target(script):
        path = tmp_path / "target.sh"
        path.write_text(f"case $1 in\n{script}\nesac\n")
        return f"exec:sh {path} {{id}} {{der}} {{crl}} {{at}}"

    return target


RIGHT_EXITS = """
good-list) exit 3;;
one-short|one-late|two-short|list-stale) echo "no: $1" >&2; exit 1;;
"""


def _outcomes(results):
    return {case: result["outcome"] for case, result in results.items()}


# exec


def test_a_target_that_does_everything_right_passes(run, shell):
    outcome = run(shell(RIGHT_EXITS))
    assert outcome.code == 0, outcome.err
    assert "The run passes." in outcome.out
    assert all(len(line) <= 80 for line in outcome.out.splitlines())


def test_a_case_is_judged_by_the_exit_code(results, shell):
    script = """
    good-list) exit 3;;
    one-short) exit 0;;
    one-late) exit 2;;
    two-short) kill -SEGV $$;;
    good-one-odd) echo "I do not know 9999" >&2; exit 1;;
    list-stale) exit 0;;
    """
    found = results(shell(script))
    seen = {case: result["seen"] for case, result in found.items()}
    assert seen["good-list"] == "revoked"
    assert seen["one-late"] == "error"
    assert seen["two-short"] == "crashed"
    assert "SIGSEGV" in found["two-short"]["reason"]
    assert found["good-one-odd"]["reason"] == "I do not know 9999"
    wrong = {case for case, outcome in _outcomes(found).items() if outcome == "wrong"}
    assert wrong == {"one-short", "one-late", "two-short", "good-one-odd", "list-stale"}
    assert found["one-unsure"]["outcome"] == "either"
    # A revoked certificate passed: that matters most.
    assert found["list-stale"]["importance"] == "critical"


def test_a_program_that_ends_with_1_for_a_crash_has_crashed(results, shell):
    script = 'one-short) echo "Traceback (most recent call last):" >&2; exit 1;;\n*) exit 0;;'
    assert results(shell(script))["one-short"]["seen"] == "crashed"


def test_a_line_on_standard_output_says_the_stage_the_code_and_what_was_read(results, shell):
    script = """
    one-short) echo "smki profile E_SHORT"; exit 1;;
    one-late) echo "smki use E_LATE"; exit 1;;
    two-short) echo "smki E_DER der"; exit 1;;
    good-one-odd) echo "smki eui64=00-db-12-34-56-78-90-a0 usage=key-agreement";;
    good-list) exit 3;;
    """
    found = results(shell(script))
    assert found["two-short"]["outcome"] == "right"
    assert found["two-short"]["code"] == "E_DER"
    assert found["one-late"]["outcome"] == "right-late"
    assert found["one-short"]["outcome"] == "right-late"
    assert found["good-one-odd"]["outcome"] == "wrong-facts"
    assert "usage" in found["good-one-odd"]["note"]
    assert "eui64" not in found["good-one-odd"]["note"]


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ("eui64=00-DB-12-34-56-78-90-A0", "wrong-facts"),
        ("eui64=00DB12345678", "either"),
        ("role=02", "either"),  # the good base says nothing of a role
        ("usage=digital-signature", "either"),
    ],
)
def test_an_identity_that_a_defect_took_away_is_read_by_nobody(
    results, shell, corpus, said, outcome
):
    index = corpus / "corpus.json"
    document = json.loads(index.read_text())
    case = next(each for each in document["cases"] if each["id"] == "one-unsure")
    case["facts"] = {"usage": case["facts"]["usage"]}
    index.write_text(json.dumps(document))
    found = results(shell(f"one-unsure) echo smki {said};;\n{RIGHT_EXITS}"))["one-unsure"]
    assert found["outcome"] == outcome
    if outcome == "wrong-facts":
        assert "it has no eui64, and it read 00-DB-12" in found["note"]


def test_refusing_before_the_defect_is_reached_is_another_reason(results, shell):
    script = 'one-late) echo "smki der"; exit 1;;'
    assert results(shell(script))["one-late"]["outcome"] == "right-wrong-reason"


def test_late_and_other_reasons_fail_a_strict_run_alone(run, shell):
    late = RIGHT_EXITS + "*) exit 0;;"
    target = shell("one-late) echo smki use; exit 1;;" + late)
    assert run(target).code == 0
    assert run(target, "--strict").code == 1


def test_a_base_that_is_refused_makes_its_family_vacuous(results, shell):
    found = results(shell("good-one) exit 1;;\ngood-list) exit 3;;\ntwo-short) exit 1;;"))
    family = {"good-one-odd", "one-short", "one-unsure", "one-late"}
    assert {found[case]["outcome"] for case in family} == {"vacuous"}
    assert found["good-one"]["outcome"] == "wrong"
    assert found["two-short"]["outcome"] == "right"


def test_good_bases_are_asked_first(tmp_path, run, shell):
    target = shell(f'*) echo "$1" >> {tmp_path}/order;;')
    run(target)
    order = (tmp_path / "order").read_text().split()
    assert set(order[:3]) == {"good-one", "good-list", "good-two"}


def test_a_program_gets_what_its_placeholders_name(tmp_path, run, corpus):
    script = tmp_path / "show.sh"
    script.write_text(
        f'[ "$1" = one-short ] || exit 0; shift; cat "$1" > {tmp_path}/der; shift;'
        f'for each in "$@"; do [ -f "$each" ] && cat "$each" || echo "$each"; done > {tmp_path}/all'
    )
    names = ("id", "der", "pem", "chain", "root", "crl", "cert", "at", "kind", "eui64")
    run(f"exec:sh {script} " + " ".join(f"{{{name}}}" for name in names))
    assert (tmp_path / "der").read_bytes() == (corpus / "cases/one-short.der").read_bytes()
    said = (tmp_path / "all").read_text()
    assert said.count("BEGIN CERTIFICATE") == 4  # the document twice, its issuer, its root
    assert said.endswith("2026-07-01T12:00:00Z\ncertificate\n00DB1234567890A0\n")


def test_what_a_program_cannot_be_told_it_is_not_asked(results):
    found = results("exec:true {der}")
    assert _outcomes(found)["good-list"] == "not-applicable"
    assert "crl" in found["good-list"]["note"]
    found = results("exec:true {der}", "--capabilities", "none")
    assert _outcomes(found)["good-two"] == "not-applicable"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--jobs", 2, "--reset", "true"), "--reset would reset a target that other jobs ask"),
        (("--capabilities", "flight"), "'flight' is not a capability. Use one of crl,"),
    ],
)
def test_options_that_do_not_fit_are_wrong_usage(run, one_line, options, said):
    outcome = run("exec:true {der}", *options)
    assert outcome.code == 2
    assert said in one_line(outcome)


def test_jobs_are_for_programs_alone(run, one_line, tmp_path):
    outcome = run(lines_target(tmp_path, RIGHT), "--jobs", 2)
    assert outcome.code == 2
    assert "Only exec: takes --jobs" in one_line(outcome)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("jobs", "number"),
    [(1, signal.SIGINT), (3, signal.SIGINT), (1, signal.SIGTERM), (3, signal.SIGHUP)],
)
def test_an_interrupted_run_ends_its_programs_and_keeps_its_answers(corpus, tmp_path, jobs, number):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    script = tmp_path / "target.sh"
    script.write_text(
        f"[ $1 = one-late ] || exit 0\necho $$ > {tmp_path}/new\n"
        f"mv {tmp_path}/new {tmp_path}/pid\nexec sleep 600\n"
    )
    words = ["corpus", "run", str(corpus), "--with", f"exec:sh {script} {{id}} {{der}}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "smki_testca", *words, "--jobs", str(jobs), "--time-limit", "600"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    while not (tmp_path / "pid").exists():
        assert process.poll() is None
        time.sleep(0.01)
    assert list(temporary.iterdir())
    process.send_signal(number)
    _, err = process.communicate()
    assert process.returncode == 130
    (line,) = err.splitlines()
    assert line.startswith("interrupted: ")
    assert "in corpus-run.journal. Continue with the same command and --resume." in line
    assert not list(temporary.iterdir())
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
    kept = (tmp_path / "corpus-run.journal").read_text()
    assert '"good-one"' in kept
    assert '"one-late"' not in kept


def test_several_jobs_give_the_same_results(results, shell):
    target = shell(RIGHT_EXITS)

    def without_times(found):
        return {case: {**result, "seconds": 0} for case, result in found.items()}

    assert without_times(results(target, "--jobs", 4)) == without_times(results(target))


@pytest.mark.slow
def test_a_program_that_hangs_is_killed_with_what_it_started(results, shell, tmp_path):
    script = f"one-short) (echo $$ > {tmp_path}/pid; exec sleep 600) & sleep 600;;"
    found = results(shell(script), "--time-limit", 0.5, "--only", "one-short")
    assert found["one-short"]["seen"] == "hung"
    assert found["one-short"]["outcome"] == "wrong"
    group = int((tmp_path / "pid").read_text())
    for _ in range(200):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            break
        time.sleep(0.01)
    else:
        pytest.fail("something of the program still runs")


@pytest.mark.slow
@pytest.mark.parametrize(
    "does",
    [
        'rm "$1"',
        'rm "$1"; mkdir "$1"; touch "$1/x"',
        'rm "$1"; ln -s "$VICTIM" "$1"',
        'rm "$2"; ln -s "$VICTIM" "$2"',
        'rm -r "$(dirname "$1")"',
        'rm -r "$(dirname "$1")"; ln -s /nowhere "$(dirname "$1")"',
    ],
)
def test_what_a_program_does_to_its_files_is_nothing_to_the_next(
    results, tmp_path, monkeypatch, does
):
    victim, program = tmp_path / "victim", tmp_path / "program.sh"
    victim.write_bytes(b"precious")
    monkeypatch.setenv("VICTIM", str(victim))
    program.write_text(f'test -s "$1" && test -s "$2" || exit 2\n{does}\nexit 0\n')
    found = results(f"exec:sh {program} {{der}} {{root}}")
    seen = {case["seen"] for case in found.values() if case["seen"] is not None}
    assert seen == {"accepted"}
    assert victim.read_bytes() == b"precious"


def test_a_program_that_removes_the_folder_of_all_files_is_one_line(run, one_line, tmp_path):
    program = tmp_path / "program.sh"
    program.write_text('rm -r "$(dirname "$(dirname "$1")")"\n')
    outcome = run(f"exec:sh {program} {{der}}")
    assert outcome.code == 4
    assert "cannot be written" in one_line(outcome)


@pytest.mark.slow
def test_a_program_that_prints_without_end_is_read_in_part(results, shell):
    found = results(shell("one-short) yes no >&2;;"), "--time-limit", 0.5, "--only", "one-short")
    assert found["one-short"]["seen"] == "hung"


# Targets that stay


def test_a_target_of_lines_is_asked_and_says_its_name_and_codes(run, results, tmp_path):
    found = results(lines_target(tmp_path, RIGHT))
    assert found["two-short"]["code"] == "TOO_SHORT"
    assert found["two-short"]["reason"] == "too short"
    outcome = run(lines_target(tmp_path, RIGHT))
    assert outcome.code == 0
    assert outcome.out.startswith("planned: 9 cases, rfc5280\n")


def test_a_device_is_sent_what_it_is_said_to_be_able_to_use(results):
    device = Device({**RIGHT, "one-short": "!reboot"}, hello="smki 1 hello short\n")
    with over_tcp(device) as target:
        found = results(target, "--capabilities", "chain,time,crl,names,rsa")
    assert found["list-stale"]["outcome"] == "right"
    for case in ("good-one", "two-short"):  # before and after the restart
        assert {"+chain", "+root", "+at", "+eui64"} <= set(device.context[case])


@pytest.mark.parametrize("how", ["!crash", "!exit"])
def test_a_crash_is_one_wrong_case_and_the_target_is_started_again(results, tmp_path, how):
    found = results(lines_target(tmp_path, {**RIGHT, "one-short": how}))
    assert found["one-short"]["seen"] == "crashed"
    assert [case for case, one in _outcomes(found).items() if one == "wrong"] == ["one-short"]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["!hang", "!babble"])
def test_a_hang_is_one_wrong_case_and_the_target_is_started_again(results, tmp_path, how):
    target = lines_target(tmp_path, {**RIGHT, "one-short": how})
    found = results(target, "--time-limit", 1)
    assert found["one-short"]["seen"] == "hung"
    assert [case for case, one in _outcomes(found).items() if one == "wrong"] == ["one-short"]


@pytest.mark.slow
def test_a_target_that_prints_one_line_without_end_hangs(results, tmp_path):
    hello = tmp_path / "hello"
    hello.write_text(HELLO)
    program = tmp_path / "target.sh"
    program.write_text(f"cat {hello}\nyes | tr -d '\\n'\n")
    found = results(f"lines:sh {program}", "--time-limit", 0.5, "--only", "good-one")
    assert found["good-one"]["seen"] == "hung"


@pytest.mark.parametrize(("how", "said"), [("!lie", "somebody-else"), ("!nonsense", "perhaps")])
def test_a_target_that_breaks_the_protocol_ends_the_run_with_a_line(
    run, one_line, tmp_path, how, said
):
    outcome = run(lines_target(tmp_path, {**RIGHT, "one-short": how}))
    assert outcome.code == 4
    line = one_line(outcome)
    assert said in line
    assert "--resume" in line
    kept = (tmp_path / "corpus-run.journal").read_text().splitlines()
    assert "good-one" in "".join(kept)


@pytest.fixture
def one_line():
    def check(outcome):
        assert outcome.err.count("\n") == 1
        assert outcome.err.startswith("error: ")
        return outcome.err

    return check


@pytest.mark.parametrize("der", [b"", b"\x30", bytes(7), bytes(8), b"\x30\x82" + bytes(300)])
@pytest.mark.parametrize("before", ["", "> ", "[12.031] "])
def test_an_echo_of_what_was_asked_is_passed_over(der, before):
    question = Question("one-short", CERTIFICATE, "2026-07-01T12:00:00Z", small_corpus.FACTS, der)
    sent = TextDialect().question(question, Hello(capabilities=frozenset(Need))).decode("ascii")
    lines = sent.splitlines()
    assert lines[-1].startswith("smki 1 one-short ")
    assert [TextDialect().message(before + line) for line in lines] == [None] * len(lines)


def test_what_is_no_echo_and_no_answer_breaks_the_protocol():
    for said in ("3082", "3082 0000", "", "perhaps 29B1"):
        with pytest.raises(ProtocolError):
            TextDialect().message(f"smki 1 one-short {said}".strip())


@pytest.mark.parametrize("noise", ["\0\0", "\ufffd", "]", "log: ", "\x1b[0m\r"])
def test_noise_may_stand_before_a_message(noise):
    assert TextDialect().message(f"{noise}smki 1 hello it") == Hello("it", frozenset())
    assert TextDialect().message(f"{noise}xsmki 1 hello it") is None


@pytest.mark.parametrize("chunk", [1 << 30, 1 << 16, 1000])
def test_a_line_that_is_too_long_is_not_read_however_it_comes(chunk):
    long, longest = b"smki 1 hello long ".ljust(MAX_LINE_OCTETS + 1), b"a" * MAX_LINE_OCTETS
    data = b"first\n" + long + b"\n" + longest + b"\nlast\n"
    pieces = iter([data[place : place + chunk] for place in range(0, len(data), chunk)])

    class Pieces:
        def send(self, data, deadline):
            raise AssertionError(data, deadline)

        def receive(self, deadline):
            del deadline
            return next(pieces)

        def close(self):
            pass

    lines = Lines(Pieces())
    read = [lines.next(float("inf")) for _ in range(3)]
    assert read == ["first", longest.decode(), "last"]


@pytest.mark.parametrize("over", [over_tcp, over_serial])
def test_a_device_is_asked_over_tcp_and_a_serial_line(results, over):
    device = Device(RIGHT)
    with over(device) as target:
        found = results(target, "--time-limit", 5)
    assert set(_outcomes(found).values()) == {"right", "either"}
    assert found["two-short"]["code"] == "TOO_SHORT"


@pytest.mark.slow
@pytest.mark.parametrize("how", ["!crash", "!reboot", "!hang", "!babble"])
def test_a_device_on_tcp_that_fails_is_asked_a_good_case_before_the_next(results, how):
    device = Device({**RIGHT, "one-short": how})
    with over_tcp(device) as target:
        found = results(target, "--time-limit", 0.5)
    place = device.asked.index("one-short")
    assert device.asked[place + 1] == "good-one"
    assert found["one-short"]["seen"] == ("hung" if how in {"!hang", "!babble"} else "crashed")
    wrong = [case for case, outcome in _outcomes(found).items() if outcome == "wrong"]
    assert wrong == ["one-short"]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["!reboot", "!hang", "!babble"])
def test_a_device_on_a_serial_line_that_fails_is_reset_by_a_command(results, tmp_path, how):
    device = Device({**RIGHT, "one-short": how})
    reset = tmp_path / "reset"
    with over_serial(device) as target:
        # The device sees the file, as a relay would cut its power.
        device.reset = reset
        found = results(target, "--time-limit", 0.5, "--reset", f"touch {reset}")
    assert not reset.exists()
    wrong = [case for case, outcome in _outcomes(found).items() if outcome == "wrong"]
    assert wrong == ["one-short"]


@pytest.mark.parametrize("how", ["reject structure", "!crash"])
def test_a_target_that_says_hello_when_it_starts_and_when_asked_is_no_crash(results, tmp_path, how):
    plan = {**RIGHT, "one-short": how, "!boot": ""}
    found = results(lines_target(tmp_path, plan))
    wrong = [case for case, outcome in _outcomes(found).items() if outcome == "wrong"]
    assert wrong == (["one-short"] if how == "!crash" else [])


def test_a_target_of_json_may_say_hello_when_it_starts(results, tmp_path):
    program = tmp_path / "target.py"
    program.write_text(
        "import json, sys\n"
        "hello = json.dumps({'hello': 'j', 'capabilities': ['crl']})\n"
        "print(hello, flush=True)\n"
        "for line in sys.stdin:\n"
        "    asked = json.loads(line)\n"
        "    said = json.dumps({'id': asked.get('id'), 'verdict': 'accept'})\n"
        "    print(hello if 'hello' in asked else said, flush=True)\n"
    )
    found = results(f"jsonl:{sys.executable} -S -E {program}")
    assert found["good-one"]["outcome"] == "right"


@pytest.mark.slow
@pytest.mark.parametrize("how", ["reject structure", "!crash", "!reboot", "!hang"])
def test_a_device_on_tcp_that_says_hello_when_it_starts_is_no_crash(results, how):
    with over_tcp(Device({**RIGHT, "one-short": how, "!boot": ""})) as target:
        found = results(target, "--time-limit", 0.5)
    wrong = [case for case, outcome in _outcomes(found).items() if outcome == "wrong"]
    assert wrong == ([] if how == "reject structure" else ["one-short"])


@pytest.mark.slow
@pytest.mark.parametrize("how", ["reject structure", "!reboot", "!hang"])
def test_a_device_on_a_line_that_says_hello_when_it_starts_is_no_crash(results, tmp_path, how):
    device = Device({**RIGHT, "one-short": how, "!boot": ""})
    with over_serial(device) as target:
        device.reset = tmp_path / "reset"
        found = results(target, "--time-limit", 0.5, "--reset", f"touch {device.reset}")
    wrong = [case for case, outcome in _outcomes(found).items() if outcome == "wrong"]
    assert wrong == ([] if how == "reject structure" else ["one-short"])


def test_a_device_that_crashes_on_the_first_case_has_crashed(results):
    device = Device({**RIGHT, "good-one": "!reboot"})
    with over_serial(device) as target:
        found = results(target, "--time-limit", 5)
    assert found["good-one"]["seen"] == "crashed"
    assert found["two-short"]["outcome"] == "right"


@pytest.mark.slow
def test_a_device_that_does_not_come_back_ends_the_run_and_loses_no_answer(run, one_line, tmp_path):
    device = Device({**RIGHT, "one-short": "!hang"})
    with over_serial(device) as target:
        outcome = run(target, "--time-limit", 0.2)
        assert outcome.code == 4
        assert "3 times in a row" in one_line(outcome)
        assert device.asked.count("one-short") == 1
        device.is_hanging = False
        device.asked.clear()
        outcome = run(target, "--time-limit", 5, "--resume", "--json")
    assert "good-one" not in device.asked
    seen = {each["id"]: each["seen"] for each in outcome.json["cases"]}
    assert seen["one-short"] == "hung"
    assert seen["two-short"] == "rejected"
    assert not (tmp_path / "corpus-run.journal").exists()


def test_a_device_that_lies_ends_the_run(run, one_line):
    device = Device({**RIGHT, "one-short": "!lie"})
    with over_tcp(device) as target:
        outcome = run(target)
    assert outcome.code == 4
    assert "asked one-short, it answered for somebody-else" in one_line(outcome)


def test_a_reset_that_fails_ends_the_run(run, one_line):
    device = Device({**RIGHT, "one-short": "!crash"})
    with over_tcp(device) as target:
        outcome = run(target, "--reset", "false")
    assert outcome.code == 4
    assert "--reset fails: it ended with exit code 1" in one_line(outcome)


@pytest.mark.parametrize(
    ("reset", "said"),
    [
        ("./absent", "The command ./absent of --reset cannot be started: there is no such program"),
        ("'open", "no closing quotation"),
        (" ", "no command is named"),
    ],
)
def test_a_reset_that_is_no_command_is_told_before_anything_is_asked(
    run, one_line, tmp_path, reset, said
):
    asked = tmp_path / "asked"
    outcome = run(f"exec:touch {asked} {{der}}", "--reset", reset)
    assert outcome.code == 4
    assert said in one_line(outcome)
    assert not asked.exists()


def test_a_reset_that_cannot_be_started_is_no_crash(run, one_line, tmp_path):
    reset = tmp_path / "reset"
    reset.write_bytes(b"#!/absent/interpreter\n")
    reset.chmod(0o700)
    device = Device({**RIGHT, "one-short": "!crash"})
    with over_tcp(device) as target:
        outcome = run(target, "--reset", reset)
    assert outcome.code == 4
    assert "of --reset cannot be started" in one_line(outcome)


def test_what_a_reset_starts_stays_and_what_it_prints_is_thrown_away(results, tmp_path):
    started = tmp_path / "pid"
    reset = tmp_path / "reset.sh"
    reset.write_text(f"yes | head -c 1000000\nsleep 600 &\necho $! > {started}\n")
    device = Device({**RIGHT, "one-short": "!crash"})
    with over_tcp(device) as target:
        found = results(target, "--reset", f"sh {reset}")
    assert found["two-short"]["outcome"] == "right"
    os.kill(int(started.read_text()), signal.SIGKILL)  # it fails if nothing runs


@pytest.mark.slow
def test_a_reset_that_takes_too_long_is_killed(run, one_line, monkeypatch):
    monkeypatch.setattr(resetting, "MOST_SECONDS", 0.2)
    device = Device({**RIGHT, "one-short": "!crash"})
    with over_tcp(device) as target:
        outcome = run(target, "--reset", "sleep 600")
    assert outcome.code == 4
    assert "it takes over 0.2 seconds" in one_line(outcome)


def test_a_line_without_pyserial_says_what_to_install(run, one_line, monkeypatch):
    monkeypatch.setitem(sys.modules, "serial", None)
    outcome = run("serial:/dev/ttyUSB0@115200")
    assert outcome.code == 4
    assert "pip install 'smki-testca[serial]'" in one_line(outcome)


def test_a_target_of_json_gets_everything_and_may_answer_everything(results, tmp_path):
    program = tmp_path / "target.py"
    program.write_text(
        "import json, sys\n"
        "for line in sys.stdin:\n"
        "    asked = json.loads(line)\n"
        "    if 'hello' in asked:\n"
        "        print('starting', flush=True)\n"
        "        print(json.dumps({'hello': 'j', 'capabilities': ['crl']}), flush=True)\n"
        "        continue\n"
        "    open(sys.argv[1], 'a').write(line)\n"
        "    said = {'id': asked['id'], 'verdict': 'accept', 'facts': {'usage': 'x'}}\n"
        "    print(json.dumps(said), flush=True)\n"
    )
    log = tmp_path / "asked"
    found = results(f"jsonl:{sys.executable} -S -E {program} {log}")
    assert found["good-one"]["outcome"] == "wrong-facts"
    assert found["good-one"]["facts"] == {"usage": "x"}
    assert found["one-short"]["outcome"] == "wrong"
    assert found["good-two"]["outcome"] == "not-applicable"
    asked = json.loads(log.read_text().splitlines()[0])
    assert set(asked) == {
        *("id", "kind", "at", "expected", "der", "chain", "root", "crls", "cert"),
    }
    assert asked["expected"]["eui64"] == "00DB1234567890A0"


# A log


def _log(tmp_path, answers, end="smki 1 end {}\n"):
    path = tmp_path / "device.log"
    lines = [f"[12:00] smki 1 {case} {said}\r\n" for case, said in answers.items()]
    path.write_text("boot\n" + "".join(lines) + end.format(len(lines)))
    return f"log:{path}"


def test_the_log_of_a_device_is_read_back(results, tmp_path):
    answers = {"good-one": "accept", "one-short": "accept", "one-late": "reject profile"}
    found = results(_log(tmp_path, answers))
    assert found["one-short"]["outcome"] == "wrong"
    assert found["one-late"]["outcome"] == "right"
    assert found["one-unsure"]["outcome"] == "not-applicable"


@pytest.mark.slow
def test_a_log_without_its_end_is_of_a_device_that_crashed(run, one_line, tmp_path):
    outcome = run(_log(tmp_path, {"good-one": "accept"}, end=""))
    assert outcome.code == 4
    assert "its last answer is for good-one" in one_line(outcome)
    outcome = run(_log(tmp_path, {"good-one": "accept"}, end="smki 1 end 7\n"))
    assert "a count of 7, and has 1 answers" in one_line(outcome)


def test_a_log_with_another_corpus_is_told(run, one_line, tmp_path):
    outcome = run(_log(tmp_path, {"good-one": "accept", "nobody": "accept"}))
    assert outcome.code == 4
    assert "nobody, which is not a case of this corpus" in one_line(outcome)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("smki 1 end 1\nsmki 1 good-one accept\n", "an answer for good-one after its end"),
        ("smki 1 good-one accept\nsmki 1 end 1\nsmki 1 end 1\n", "two lines 'smki 1 end COUNT'"),
        ("smki 1 good-one perhaps\nsmki 1 end 1\n", "is not an answer"),
        ("smki 1 good-one accept\nsmki 1 good-one reject\nsmki 1 end 1\n", "two answers for"),
    ],
)
def test_a_log_that_no_device_prints_is_one_line_without_a_way_to_continue(
    run, one_line, tmp_path, text, said
):
    (tmp_path / "device.log").write_text(text)
    outcome = run(f"log:{tmp_path}/device.log")
    assert outcome.code == 4
    line = one_line(outcome)
    assert said in line
    assert "--resume" not in line


def test_lines_of_another_version_of_the_protocol_are_passed_over(results, tmp_path):
    path = tmp_path / "device.log"
    path.write_text("smki 2 good-one what 7\nsmki 2 hello b\nsmki 1 good-one accept\nsmki 1 end 1")
    assert results(f"log:{path}")["good-one"]["outcome"] == "right"


# Runs that ask nothing


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("smki 1 end 0\n", "No case was asked (good-one: the log has no answer for it)."),
        ("smki 1 hello a max=1\nsmki 1 good-one accept\nsmki 1 end 1\n", "takes 1 octets at most"),
        ("smki 1 hello a max=0\nsmki 1 good-one accept\nsmki 1 end 1\n", "'max=0'; a length is"),
    ],
)
def test_a_run_that_asks_nothing_fails(run, one_line, tmp_path, text, said):
    (tmp_path / "device.log").write_text(text)
    outcome = run(f"log:{tmp_path}/device.log")
    assert outcome.code == 4
    assert said in one_line(outcome)


def test_a_longest_document_of_less_than_one_octet_breaks_the_protocol(run, one_line, tmp_path):
    program = tmp_path / "target.sh"
    program.write_text("""echo '{"hello": "j", "max_octets": -5}'; sleep 600""")
    outcome = run(f"jsonl:sh {program}")
    assert outcome.code == 4
    assert "`int` >= 1 - at `$.max_octets`" in one_line(outcome)


# Bad input


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "said", "code"),
    [
        ("exec:./absent {der}", "no such program", 4),
        ("exec:true", "no {der} or {pem}", 2),
        ("exec:true {der} {what}", "{what} in 'true {der} {what}' is not a placeholder", 2),
        ("exec:", "no command is named", 4),
        ("exec:true '{der}", "no closing quotation", 4),
        ("lines:false", "before its hello, it ended with exit code 1", 4),
        ("tcp:localhost", "it is not HOST:PORT", 4),
        ("tcp:a..b:1", "not a name of the DNS", 4),
        (f"tcp:{'a' * 64}:1", "not a name of the DNS", 4),
        ("serial:/dev/absent@9600", "cannot be started", 4),
        ("serial:/dev/absent", "it is not DEVICE@BAUD", 4),
        ("log:absent", "cannot be read", 4),
        ("log:", "no file is named", 4),
        ("exec:./corpus/corpus.json {der}", "it is not executable", 4),
        ("tcp:[::1]:1", "The target tcp:[::1]:1 cannot be started", 4),
        ("telepathy:x", "names no target", 2),
    ],
)
def test_a_target_that_cannot_be_started_is_one_line(run, one_line, target, said, code):
    outcome = run(target, "--time-limit", 0.3)
    assert outcome.code == code
    assert said in one_line(outcome)


@pytest.mark.slow
def test_a_target_that_says_no_hello_is_one_line(run, one_line):
    outcome = run("lines:sleep 600", "--time-limit", 0.3)
    assert outcome.code == 4
    assert "it says no hello within 0.3 s" in one_line(outcome)


@pytest.mark.parametrize("name", ["cases/one-short.der", "chain/root.der"])
def test_a_file_that_changed_on_the_disk_is_one_line(run, one_line, corpus, name):
    path = corpus / name
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    outcome = run("exec:true {der}")
    assert outcome.code == 4
    assert f"{name} is not what the corpus was made with" in one_line(outcome)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text[:-1], "cannot be used as the index"),
        (
            lambda text: text.replace("cases/one-short.der", "../secret"),
            "is not a file of the corpus",
        ),
        (lambda text: text.replace('"stage": "der"', '"stage": "soul"'), "Invalid enum value"),
        (lambda text: text.replace('"one-late"', '"one-short"'), "two cases have one id"),
        (lambda _: '{"cases": ' + "[" * 100_000, "cannot be used as the index"),
        (lambda text: text.replace('"gbcs"', '"gbcz"'), "missing required field `gbcs`"),
        (lambda text: text.replace("2026-07-01", "\u00fc2026-07-01"), "$.cases[0].at"),
        (lambda text: text.replace("2026-07-01T", "2026\\u0000T"), "$.cases[0].at"),
        (lambda text: text.replace("00DB1234567890A0", "\u00fc"), "$.cases[0].facts"),
        (lambda text: text.replace("00DB1234567890A0", "1\\nsmki 1 x"), "$.cases[0].facts"),
        (lambda text: re.sub('"sha256": "[0-9a-f]+"', '"sha256": ""', text), "files.sha256"),
    ],
)
def test_a_broken_index_is_one_line(run, one_line, corpus, change, said):
    index = corpus / "corpus.json"
    index.write_text(change(index.read_text()))
    outcome = run("exec:true {der}")
    assert outcome.code == 4
    assert said in one_line(outcome)


def test_an_index_with_a_byte_order_mark_is_read(run, corpus):
    index = corpus / "corpus.json"
    index.write_bytes(b"\xef\xbb\xbf" + index.read_bytes())
    assert run("exec:true {der}").code == 1


def test_files_without_a_sum_are_refused(run, one_line, corpus):
    (corpus / "SHA256SUMS").unlink()
    outcome = run("exec:true {der}")
    assert outcome.code == 4
    said = one_line(outcome)
    assert "SHA256SUMS has no digest of 'chain/issuer.der'" in said
    assert "smki-testca corpus make" in outcome.err


def test_another_chain_is_another_corpus(corpus):
    before = load(corpus).digest
    chain, sums = corpus / "chain" / "issuer.der", corpus / "SHA256SUMS"
    old = hashlib.sha256(chain.read_bytes()).hexdigest()
    chain.write_bytes(b"0\x00")
    sums.write_text(sums.read_text().replace(old, hashlib.sha256(b"0\x00").hexdigest()))
    assert load(corpus).digest != before


@pytest.mark.parametrize("what", ["report", "journal"])
def test_deep_json_is_one_line(run, one_line, tmp_path, what):
    (tmp_path / "deep").write_text('{"cases": ' + "[" * 100_000 + "\n")
    options = {"report": ("--last", "deep"), "journal": ("--journal", "deep", "--resume")}[what]
    outcome = run("exec:true {der}", *options)
    assert outcome.code == 4
    assert "deep" in one_line(outcome)


# Selections


def test_cases_are_selected_by_id_profile_and_stage_and_bring_their_bases(results):
    target = "exec:true {der} {crl} {at}"
    assert set(results(target, "--only", "one-s*")) == {"good-one", "one-short"}
    assert set(results(target, "--only", "old-one-late")) == {"good-one", "one-late"}
    assert set(results(target, "--profile", "two")) == {"good-two", "two-short"}
    chosen = results(target, "--profile", "one", "--stage", "structure")
    assert set(chosen) == {"good-one", "one-short"}


@pytest.mark.parametrize(
    "options",
    [
        ("--only", "one-shirt", "Did you mean one-short? See: smki-testca corpus list"),
        ("--only", "nothing-like-it", "nothing-like-it'. See: smki-testca corpus list"),
        ("--profile", "tow", "of the profile 'tow'. Use one of list, one, two."),
        ("--only", "one-*", "--stage", "der", "Ask for less."),
    ],
)
def test_a_selection_of_nothing_is_one_line(run, one_line, options):
    *options, remedy = options
    outcome = run("exec:true {der}", *options)
    assert outcome.code == 4
    said = one_line(outcome)
    assert "Nothing is selected" in said
    assert remedy in said
    assert "one-late" not in said


def test_levels_have_their_own_verdicts(results):
    target = "exec:true {der}"
    assert results(target)["one-unsure"]["outcome"] == "either"
    assert results(target, "--level", "gbcs")["one-unsure"]["outcome"] == "wrong"


def test_only_cases_of_some_importance_fail_a_run(run, shell):
    target = shell("good-list) exit 3;;\none-short|two-short|list-stale) exit 1;;")
    assert run(target).code == 1  # one-late, of low importance, is accepted
    outcome = run(target, "--fail-on", "medium")
    assert outcome.code == 0
    assert "Wrong, of less than medium importance:" in outcome.out


# Expectations


@pytest.fixture
def expectations(tmp_path):
    def write(cases, seen="accepted", level="rfc5280", reason="it knows no INTEGER"):
        path = tmp_path / "expectations.toml"
        path.write_text(
            f'level = "{level}"\n[[known]]\nseen = "{seen}"\nreason = "{reason}"\n'
            f"cases = {json.dumps(cases)}\n"
        )
        return ("--expectations", path)

    return write


WRONG_EXITS = "good-list) exit 3;;\none-short|two-short|list-stale) exit 1;;"
"""A target that takes one-late."""


def test_what_is_known_to_be_wrong_does_not_fail_a_run(run, results, shell, expectations):
    target = shell(WRONG_EXITS)
    assert run(target, *expectations(["one-late"])).code == 0
    found = results(target, *expectations(["old-one-late"]))["one-late"]
    assert (found["outcome"], found["known"]) == ("known", "it knows no INTEGER")


def test_what_is_known_to_be_wrong_and_comes_right_fails_a_run(run, shell, expectations):
    outcome = run(shell(WRONG_EXITS), *expectations(["one-late", "one-short"]))
    assert outcome.code == 1
    assert "it is right, and expected to be wrong" in re.sub(r"\s+", " ", outcome.out)


def test_expectations_of_another_target_are_told(run, shell, expectations):
    _, path = expectations(["one-late"])
    path.write_text(f'target = "other-1.0"\n{path.read_text()}')
    outcome = run(shell(WRONG_EXITS), "--expectations", path, "--name", "mine-2.0")
    assert outcome.code == 0
    assert outcome.err == (
        "warning: the expectations are of other-1.0, and the target is mine-2.0.\n"
    )
    assert run(shell(WRONG_EXITS), "--expectations", path, "--name", "other-1.0").err == ""


def test_what_is_wrong_in_another_way_than_known_fails_a_run(run, shell, expectations):
    outcome = run(shell(WRONG_EXITS), *expectations(["one-late"], seen="crashed"))
    assert outcome.code == 1
    assert "expected to be crashed" in outcome.out


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((["one-lite"],), "line 5, known[0].cases[0]: the corpus has no case one-lite. Did you"),
        ((["one-late", "one-late"],), "one-late is there twice"),
        ((["one-late"], "accepted", "gbcs"), "for the level gbcs"),
        ((["one-late"], "maybe"), "accepted"),
        ((["one-late"], "accepted", "rfc5280", ""), "known[0].reason: the reason is blank"),
        ((["one-late"], "accepted", "rfc5280", "  "), "known[0].reason: the reason is blank"),
    ],
)
def test_expectations_that_do_not_fit_are_one_line(run, one_line, expectations, given, said):
    outcome = run("exec:true {der}", *expectations(*given))
    assert outcome.code == 4
    assert said in one_line(outcome)


def test_a_draft_of_expectations_lets_the_run_pass_once_it_has_reasons(run, shell, tmp_path):
    target = shell("one-*) exit 0;;\ngood-list) exit 3;;")
    draft = tmp_path / "draft.toml"
    assert run(target, "--write-expectations", draft).code == 1
    assert run(target, "--expectations", draft).code == 4
    draft.write_text(draft.read_text().replace('reason = ""', 'reason = "not looked into"'))
    assert run(target, "--expectations", draft).code == 0
    again = tmp_path / "again.toml"
    run(target, "--expectations", draft, "--write-expectations", again)
    assert again.read_text().count("not looked into") >= 1
    assert run(target, "--expectations", again).code == 0


# Interrupted runs


@pytest.mark.slow
def test_a_killed_run_is_resumed(corpus, tmp_path, command):
    lock = tmp_path / "wait"
    script = tmp_path / "target.sh"
    script.write_text(
        f"echo $$ > {tmp_path}/pid\necho $1 >> {tmp_path}/asked\n"
        f"[ $1 = one-late ] && [ -f {lock} ] && exec sleep 600\nexit 0\n"
    )
    lock.touch()
    target = f"exec:sh {script} {{id}} {{der}}"
    words = ["corpus", "run", str(corpus), "--with", target]
    process = subprocess.Popen([sys.executable, "-m", "smki_testca", *words], cwd=tmp_path)
    asked = tmp_path / "asked"
    while not asked.exists() or "one-late" not in asked.read_text().split():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    journal = tmp_path / "corpus-run.journal"
    journal.write_text(journal.read_text() + '{"id": "two-sh')  # as a kill may leave it
    before = asked.read_text().split()
    lock.unlink()
    refused = command(*words)
    assert refused.code == 4
    assert "--resume" in refused.err
    command(*words, "--resume")
    after = asked.read_text().split()[len(before) :]
    assert after[0] == "one-late"
    assert not set(after[1:]) & set(before)
    assert not journal.exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such locks")
def test_a_journal_that_a_run_writes_is_not_resumed_by_another(run, one_line, tmp_path, corpus):
    path, target = tmp_path / "corpus-run.journal", "exec:true {der}"
    digest = load(corpus).digest
    for resume in (False, True):  # a run that began it, and one that goes on with it
        with Journal(path, digest, target, resume=resume) as journal:
            journal.keep(f"good-{'two' if resume else 'one'}", TargetAnswer(Behaviour.ACCEPTED))
            kept = path.read_bytes()
            outcome = run(target, "--resume")
            assert outcome.code == 4
            assert "is the journal of a run that goes on" in one_line(outcome)
            assert path.read_bytes() == kept
    run(target, "--resume")
    assert not path.exists()


def test_a_run_of_fewer_cases_does_not_take_the_journal_of_more(run, one_line, tmp_path, corpus):
    path, target = tmp_path / "corpus-run.journal", "exec:true {der}"
    with Journal(path, load(corpus).digest, target, resume=False) as journal:
        journal.keep("good-one", TargetAnswer(Behaviour.ACCEPTED))
        journal.keep("good-two", TargetAnswer(Behaviour.ACCEPTED))
    kept = path.read_bytes()
    outcome = run(target, "--resume", "--only", "one-*")
    assert outcome.code == 4
    assert "1 answer, such as to good-two," in one_line(outcome)
    assert path.read_bytes() == kept
    run(target, "--resume", "--only", "one-*", "--only", "two-*")
    assert not path.exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace('"corpus": "', '"corpus": "0'), "its corpus is another one"),
        (lambda text: text.replace("exec:true", "exec:false"), "its target is exec:false"),
        (lambda text: text.replace('"seen": "accepted"', '"seen": "dreamt"'), "it cannot be read"),
    ],
)
def test_a_journal_of_another_run_is_not_resumed(run, one_line, tmp_path, corpus, change, said):
    path = tmp_path / "corpus-run.journal"
    with Journal(path, load(corpus).digest, "exec:true {der}", resume=False) as journal:
        journal.keep("good-one", TargetAnswer(Behaviour.ACCEPTED))
    path.write_text(change(path.read_text()))
    outcome = run("exec:true {der}", "--resume")
    assert outcome.code == 4
    assert said in one_line(outcome)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace('"journal": 1', '"journal": 9'), "it is of version 9"),
        (lambda text: text + text.splitlines()[1] + "\n", "it has two answers for good-one"),
        (lambda text: text.replace("good-one", "nobody"), "the corpus has no case 'nobody'"),
    ],
)
def test_a_journal_that_no_run_wrote_is_refused_and_stays(
    run, one_line, tmp_path, corpus, change, said
):
    path = tmp_path / "corpus-run.journal"
    with Journal(path, load(corpus).digest, "exec:true {der}", resume=False) as journal:
        journal.keep("good-one", TargetAnswer(Behaviour.ACCEPTED))
    path.write_text(change(path.read_text()))
    before = path.read_bytes()
    outcome = run("exec:true {der}", "--resume")
    assert outcome.code == 4
    assert said in one_line(outcome)
    assert path.read_bytes() == before


@pytest.mark.parametrize("text", ["my notes", "my notes\n", "[]\n", "\n", "{}\nmore"])
@pytest.mark.parametrize("options", [(), ("--resume",)])
def test_a_file_that_is_no_journal_is_neither_changed_nor_removed(
    run, one_line, tmp_path, text, options
):
    path = tmp_path / "notes"
    path.write_text(text)
    outcome = run("exec:true {der}", "--journal", path, *options)
    assert outcome.code == 4
    assert "another file with --journal" in one_line(outcome)
    assert path.read_text() == text


@pytest.mark.parametrize("name", ["passphrase", "estate.sqlite", "bulk"])
def test_a_journal_is_no_file_of_an_estate(run, one_line, quickstart, name):
    path = quickstart / name
    before = path.read_bytes() if path.exists() else None
    for options in ((), ("--resume",)):
        outcome = run("exec:true {der}", "--journal", path, *options)
        assert outcome.code == 4
        assert "is one of the files of the estate" in one_line(outcome)
    assert (path.read_bytes() if path.exists() else None) == before


@pytest.mark.parametrize("octets", [0, 30])
def test_a_journal_whose_first_line_a_kill_cut_off_is_resumed(run, shell, tmp_path, corpus, octets):
    path = tmp_path / "corpus-run.journal"
    target = shell(RIGHT_EXITS)
    with Journal(path, load(corpus).digest, target, resume=False) as journal:
        journal.keep("good-one", TargetAnswer(Behaviour.ACCEPTED))
    path.write_bytes(path.read_bytes()[:octets])
    assert run(target, "--resume").code == 0
    assert not path.exists()


# Reports


def test_every_report_has_every_case(run, shell, tmp_path):
    target = shell("good-list) exit 3;;\none-short) printf 'a <b> & \\033[31m|`c`' >&2; exit 2;;")
    options = [(f"--{form}", tmp_path / form) for form in ("html", "junit", "markdown", "save")]
    outcome = run(target, *(word for pair in options for word in pair))
    assert outcome.code == 1
    suites = ET.parse(tmp_path / "junit").getroot()  # noqa: S314 - we wrote it
    assert len(suites.findall(".//testcase")) == 9
    assert int(suites.get("failures")) + int(suites.get("errors")) == len(
        suites.findall(".//failure") + suites.findall(".//error")
    )
    page = (tmp_path / "html").read_text()
    assert "a &lt;b&gt; &amp; \\x1b[31m|`c`" in page
    assert all(f"<code>{case}</code>" in page for case in small_corpus.GOOD + small_corpus.BAD)
    assert "http" not in page
    assert '<meta name="viewport"' in page
    assert "prefers-color-scheme: dark" in page
    assert all(f"<dt>{outcome}</dt>" in page for outcome in CaseOutcome)
    assert page.count("Somebody must.") == 9
    rows = [
        line for line in (tmp_path / "markdown").read_text().splitlines() if "one-short" in line
    ]
    assert "**error**" in rows[0]
    saved = json.loads((tmp_path / "save").read_text())
    assert saved["failed"] is True
    assert sum(saved["summary"].values()) == len(saved["cases"]) == 9


def test_a_report_is_not_overwritten_unless_forced(run, tmp_path):
    page = tmp_path / "report.html"
    page.write_text("mine")
    outcome = run("exec:true {der}", "--html", page)
    assert outcome.code == 4
    assert page.read_text() == "mine"
    run("exec:true {der}", "--html", page, "--force")
    assert page.read_text() != "mine"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("--html", "report"), ("--junit", "report")),
        (("--save", "report"), ("--markdown", "./report")),
        (("--save", "report"), ("--journal", "link/report")),
        (("--save", "corpus-run.journal"), ()),
        (("--html", "-"), ("--junit", "-")),
    ],
)
def test_two_outputs_of_one_name_are_wrong_usage(run, one_line, tmp_path, one, other):
    (tmp_path / "link").symlink_to(tmp_path)
    before = set(tmp_path.iterdir())
    outcome = run("exec:true {der}", *one, *other, "--force")
    assert outcome.code == 2
    assert " both name " in one_line(outcome)
    assert set(tmp_path.iterdir()) == before


def test_two_pages_of_one_name_are_not_compared_into(run, command, one_line, tmp_path):
    saved = tmp_path / "saved.json"
    run("exec:true {der}", "--save", saved)
    outcome = command("corpus", "compare", saved, "--html", "matrix", "--markdown", "matrix")
    assert outcome.code == 2
    assert "--html and --markdown both name matrix" in one_line(outcome)


@pytest.mark.parametrize("option", ["--html", "--save", "--write-expectations", "--journal"])
def test_an_output_that_cannot_be_written_is_told_before_anything_is_asked(
    run, one_line, tmp_path, option
):
    asked = tmp_path / "asked"
    outcome = run(f"exec:touch {asked} {{der}}", option, "absent/file")
    assert outcome.code == 4
    assert "absent/file cannot be written" in one_line(outcome)
    assert not asked.exists()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is full")
def test_a_report_that_cannot_be_printed_loses_no_answer(corpus, tmp_path):
    asked = tmp_path / "asked"
    words = ["corpus", "run", str(corpus), "--with", f"exec:touch {asked} {{der}}"]
    command = [sys.executable, "-m", "smki_testca", *words]
    with Path("/dev/full").open("w") as full:
        failed = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert failed.returncode not in {0, 1}
    asked.unlink()
    resumed = subprocess.run([*command, "--resume"], capture_output=True, check=False)
    assert b"9 cases" in resumed.stdout
    assert not asked.exists()
    assert not (tmp_path / "corpus-run.journal").exists()


def test_a_report_says_what_differs_from_the_last_run(run, shell, tmp_path):
    last = tmp_path / "last.json"
    run(shell(RIGHT_EXITS), "--save", last)
    outcome = run(shell(WRONG_EXITS), "--last", last, "--html", tmp_path / "page.html")
    assert "one-late: right -> wrong" in outcome.out
    assert "since the last run" in (tmp_path / "page.html").read_text()


def test_targets_are_compared_side_by_side(run, command, shell, tmp_path):
    one, other = tmp_path / "one.json", tmp_path / "other.json"
    run(shell(RIGHT_EXITS), "--save", one, "--name", "strict parser")
    run(shell(WRONG_EXITS), "--save", other, "--name", "lax <parser>")
    page = tmp_path / "matrix.html"
    outcome = command("corpus", "compare", one, other, "--html", page)
    assert outcome.code == 0
    assert "1 case answered in different ways.\n  one-late\n" in outcome.out
    assert "strict parser: rejected, lax <parser>: accepted" in outcome.out
    written = page.read_text()
    assert "<h1>strict parser and lax &lt;parser&gt;: comparison</h1>" in written
    # However many parsers there are, a table scrolls, and not the page.
    assert written.count("<table") == written.count('<div class="wide"')
    compared = command("corpus", "compare", one, other, "--json").json
    assert compared["differing"] == ["one-late"]
    markdown = tmp_path / "matrix.md"
    command("corpus", "compare", one, other, "--markdown", markdown)
    assert "| **accepted** |" in markdown.read_text()
    for text in (written, markdown.read_text(), " ".join(outcome.out.split())):
        assert "wrong, known ones included, of the cases asked" in text.lower()
        assert "The totals of two parsers may differ" in text


def test_what_is_known_is_counted_as_wrong_in_the_matrix_and_told_apart(run, shell, tmp_path):
    known, page = tmp_path / "known.toml", tmp_path / "page.html"
    run(shell(WRONG_EXITS), "--write-expectations", known)
    known.write_text(known.read_text().replace('reason = ""', 'reason = "old"'))
    assert run(shell(WRONG_EXITS), "--expectations", known, "--html", page).code == 0
    written = page.read_text()
    assert '<td class="number warn">1 of 9</td>' in written
    assert '<span class="warn">Yellow</span>: the expectations have all' in written
    assert "could not judge" in written


def test_a_report_of_another_level_is_not_the_last_one(run, tmp_path, one_line):
    last = tmp_path / "last.json"
    run("exec:true {der}", "--save", last)
    asked = tmp_path / "asked"
    outcome = run(f"exec:touch {asked} {{der}}", "--last", last, "--level", "gbcs")
    assert outcome.code == 4
    assert not asked.exists()
    assert "The last report is of the level rfc5280" in one_line(outcome)


def test_reports_of_different_levels_are_not_compared(run, command, tmp_path, one_line):
    one, other = tmp_path / "one.json", tmp_path / "other.json"
    run("exec:true {der}", "--save", one)
    run("exec:true {der}", "--save", other, "--level", "gbcs")
    outcome = command("corpus", "compare", one, other)
    assert outcome.code == 4
    assert f"{one} and {other} were run at different levels" in one_line(outcome)


def test_a_comparison_does_not_overwrite_what_it_compares(run, command, tmp_path, one_line):
    saved = tmp_path / "saved.json"
    run("exec:true {der}", "--save", saved)
    before = saved.read_bytes()
    outcome = command("corpus", "compare", saved, "--html", saved, "--force")
    assert outcome.code == 2
    assert "REPORT and --html both name" in one_line(outcome)
    assert saved.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda cases: cases.append(cases[0]), "good-one 2 times"),
        (lambda cases: cases[0].update(seen=None), "of good-one, right does not go with nothing"),
        (lambda cases: cases[0].update(outcome="vacuous"), "vacuous does not go with accepted"),
    ],
)
def test_a_report_that_no_run_wrote_is_one_line(run, command, tmp_path, one_line, change, said):
    saved = tmp_path / "saved.json"
    run("exec:true {der}", "--save", saved)
    document = json.loads(saved.read_bytes())
    change(document["cases"])
    saved.write_text(json.dumps(document))
    outcome = command("corpus", "compare", saved)
    assert outcome.code == 4
    assert said in one_line(outcome)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_report_is_read_as_windows_writes_it(run, command, tmp_path, encoding):
    saved = tmp_path / "saved.json"
    run("exec:true {der}", "--save", saved)
    saved.write_text(saved.read_text(), encoding=encoding)
    assert command("corpus", "compare", saved).code == 0


def test_what_is_no_report_is_one_line(command, tmp_path, one_line):
    (tmp_path / "a.json").write_text('{"cases": 7}')
    outcome = command("corpus", "compare", tmp_path / "a.json")
    assert outcome.code == 4
    assert "is not a report of a run" in one_line(outcome)


# The corpus itself, and inputs of any kind


@pytest.mark.slow
def test_a_corpus_that_was_made_is_read_as_it_is(tmp_path):
    wanted = CaseSelection(only=("good-device", "device-san-*", "organisation-crl-*"))
    cases = Catalogue(Builder(corpus_pki(), ENVIRONMENT)).select(wanted, with_bases=True)
    folders.write(files(cases), tmp_path / "made", force=False)
    read = load(tmp_path / "made").cases
    assert len(read) > 10
    assert read == of_cases(cases).cases
    device = next(case for case in read if case.id == "good-device")
    assert device.question.root is not None
    assert len(device.question.chain) == 1


def _mutated(data, random):
    """Octets with one to four of them changed, left out or put in."""
    made = bytearray(data)
    for _ in range(random.randint(1, 4)):
        place = random.randrange(len(made))
        change = random.choice(("change", "remove", "insert", "cut"))
        if change == "change":
            made[place] = random.choice(b'{}[]",:0-\n\xff\x00ae')
        elif change == "remove":
            del made[place]
        elif change == "insert":
            made[place:place] = random.choice((b"null", b"[[", b'"', b"-1", b"1e999", b"\xc3"))
        else:
            del made[place : place + 40]
        made = made or bytearray(b"0")
    return bytes(made)


def _resumed(journal, digest):
    with Journal(journal, digest, "exec:true", resume=True):
        pass


@pytest.mark.slow
@pytest.mark.parametrize("what", ["index", "report", "journal", "log", "expectations"])
def test_an_input_of_any_kind_is_read_or_is_one_error(run, corpus, tmp_path, what):
    loaded = load(corpus)
    journal, saved, log = tmp_path / "journal", tmp_path / "saved.json", tmp_path / "log"
    with Journal(journal, loaded.digest, "exec:true", resume=False) as kept:
        kept.keep("good-one", TargetAnswer(Behaviour.ACCEPTED, facts={"usage": "x"}))
    run("exec:true {der}", "--save", saved)
    log.write_text(
        "smki 1 code 7 SEVEN\nsmki 1 hello a rsa max=99\nsmki 1 good-one accept\nsmki 1 end 1\n"
    )
    toml = b'level = "rfc5280"\n[[known]]\nseen = "accepted"\nreason = "a"\ncases = ["one-late"]\n'
    path, data, read = {
        "index": (corpus / "corpus.json", None, lambda _: load(corpus)),
        "report": (saved, None, lambda _: read_report(saved)),
        "journal": (journal, None, lambda _: _resumed(journal, loaded.digest)),
        "log": (log, None, lambda _: Log(str(log)).open(1)),
        "expectations": (
            tmp_path / "known.toml",
            toml,
            lambda octets: expectations_file.read(octets, "-", Level.RFC5280, loaded.cases),
        ),
    }[what]
    good = data or path.read_bytes()
    chance = random.Random(7)
    refused = []
    for _ in range(150):
        octets = _mutated(good, chance)
        path.write_bytes(octets)
        try:
            read(octets)
        except SmkiTestcaError as error:
            refused.append(error.lines()[0])
    assert len(refused) > 10
    assert max(map(len, refused)) < 2000


def _keys(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            if key not in {"facts", "summary"}:
                yield from _keys(inner)
    elif isinstance(value, list):
        for one in value:
            yield from _keys(one)


def test_every_key_of_the_reports_in_json_is_documented(run, command, shell, tmp_path):
    saved = tmp_path / "saved.json"
    run(shell(RIGHT_EXITS), "--save", saved)
    printed = run(shell(WRONG_EXITS), "--last", saved, "--json").json
    compared = command("corpus", "compare", saved, "--json").json
    text = (Path(__file__).parents[2] / "docs" / "json.md").read_text("utf-8")
    section = text.split("\n## corpus run, corpus compare\n")[1].split("\n## ")[0]
    described = set(re.findall(r"`([a-z_-]+)`", section))
    assert {*_keys(printed), *_keys(compared), *printed["summary"]} - described == set()


def test_the_page_of_the_protocol_has_the_crc_and_every_placeholder_is_documented():
    docs = Path(__file__).parents[2] / "docs"
    page = (docs / "corpus-protocol.md").read_text("utf-8")
    assert crc16(b"123456789") == 0x29B1
    assert f"> {with_crc('smki 1 +at 2026-07-01T12:00:00Z').decode()}" in page
    guide = (docs / "corpus-run.md").read_text("utf-8")
    assert all(f"`{{{name}}}`" in guide for name in PLACEHOLDERS)
    assert all(f"`{way}:" in guide for way in WAYS)


def test_a_command_is_split_as_a_shell_does(results, tmp_path):
    path = tmp_path / "with space.sh"
    path.write_text("exit 1\n")
    assert results(f"exec:sh {shlex.quote(str(path))} {{der}}")["good-one"]["seen"] == "rejected"
