"""``corpus fuzz``: what it changes, how it judges, what it keeps, and what it says."""

import json
import os
import shlex
import subprocess
import sys
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smki_testca.corpus.build import ENVIRONMENT, Builder
from smki_testca.corpus.defect import Level, Need, Verdict
from smki_testca.corpus.delivery.folder import files
from smki_testca.corpus.facts import facts_in, view_of
from smki_testca.corpus.fuzz.cases import cases_of
from smki_testca.corpus.fuzz.disagreements import DisagreementSearch
from smki_testca.corpus.fuzz.mutations import OPERATORS, Material, mutation
from smki_testca.corpus.fuzz.oracle import Oracle, demands
from smki_testca.corpus.pki import corpus_pki
from smki_testca.corpus.run.asking import RunSettings
from smki_testca.corpus.run.loaded_corpus import load, of_cases
from smki_testca.corpus.run.outcomes import CaseOutcome, judge
from smki_testca.corpus.run.target_answers import Behaviour, Hello, TargetAnswer
from smki_testca.der.read import read
from smki_testca.errors import InputError, SmkiTestcaError
from smki_testca.folders import write

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the targets are programs of POSIX")

BASES = ("device", "organisation", "organisation-crl", "device-csr")


@cache
def builder():
    return Builder(corpus_pki(), ENVIRONMENT)


@cache
def material(name):
    return Material.of(builder().bases[name])


class Parser:
    """A target in this process.

    Args:
        answers: what it answers to a change, from the name of its base and its octets.
        hello: what it says of itself.
    """

    is_parallel = False

    def __init__(self, answers, hello=None):
        self.asked = []
        self.answers = answers
        self._hello = hello or Hello("parser")

    def open(self, _seconds, capabilities=None):
        return self._hello.able_to(capabilities)

    def restart(self, _seconds):
        pass

    def close(self):
        pass

    def ask(self, question, _seconds):
        self.asked.append(question)
        if question.id.startswith("good-"):
            taken = Behaviour.REVOKED if question.kind == "CRL" else Behaviour.ACCEPTED
            return TargetAnswer(taken, facts={"usage": question.expected.get("usage", "")})
        return TargetAnswer(self.answers(question.id.split("-fuzz-")[0], question))


@cache
def oracle():
    return Oracle(builder(), frozenset(Need))


def right(level=Level.RFC5280):
    """Answers as the oracle has it."""

    def answer(name, question):
        base = builder().bases[name]
        verdict = oracle().judge(base, question.der).verdicts[level]
        if verdict is Verdict.REJECT:
            return Behaviour.REJECTED
        if question.kind == "CRL":
            is_on = question.expected["status"] == "revoked"
            return Behaviour.REVOKED if is_on else Behaviour.ACCEPTED
        return Behaviour.ACCEPTED

    return answer


def search(answers, count=400, *, names=BASES, seed=3, most=100, hello=None, **settings):
    made = DisagreementSearch(
        builder(), Parser(answers, hello), RunSettings(**settings), seed, names
    )
    made.run(count, most)
    return made


# The changes


def test_a_seed_gives_the_same_documents_and_another_seed_others():
    first, again, other = (
        [mutation(material("device"), seed, number).der() for number in range(50)]
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


@pytest.mark.slow
def test_the_changes_of_a_good_document_do_not_depend_on_the_others():
    alone = search(right(), 20, names=("device",)).target.asked[1:]
    among = search(right(), 40, names=("organisation", "device")).target.asked
    ours = [question.der for question in among if question.id.startswith("device-fuzz")]
    assert ours
    assert [question.der for question in alone] == ours


def _leaves(element, material):
    """The elements without others in them that are neither in an element nor around it."""
    start, stop = element.node.offset, element.node.stop
    holders = {holder.offset for other in material.elements for holder in other.above}
    for other in material.elements:
        node = other.node
        is_apart = node.stop <= start or node.offset >= stop
        if is_apart and node.offset not in holders and other.is_signed == element.is_signed:
            yield node


@given(st.sampled_from(BASES), st.integers(0, 1 << 64), st.integers(0, 1 << 32))
def test_a_change_is_of_exactly_one_element(name, seed, number):
    made = mutation(material(name), seed, number)
    element, der = made.element, made.der()
    assert element.put(element.node.encoded) in material(name).der
    new = OPERATORS[made.operator].apply(element.node, made.argument)
    assert new != element.node.encoded
    place = 0
    for leaf in sorted(_leaves(element, material(name)), key=lambda node: node.offset):
        if place <= 0 and leaf.offset > element.node.offset:
            place = 0
        found = der.find(leaf.encoded, place)
        assert found >= 0
        place = found + len(leaf.encoded)
    assert new in der


def test_a_change_under_the_signature_is_signed_again():
    made = next(
        made
        for made in (mutation(material("device"), 1, number) for number in range(100))
        if made.element.field == "serialNumber" and made.operator == "bit"
    )
    base = builder().bases["device"]
    assert "signature.invalid" not in oracle().judge(base, made.der()).codes
    root, _ = read(made.der())
    broken = made.der()[:-1] + bytes((made.der()[-1] ^ 1,))
    assert root.children[0].encoded in broken
    assert "signature.invalid" in oracle().judge(base, broken).codes


@pytest.mark.parametrize("name", sorted(OPERATORS))
def test_simpler_arguments_are_simpler(name):
    argument = bytes((0, 40)) if name == "cut" else b"\x01" * 40
    simpler = list(OPERATORS[name].simpler(argument))
    assert all(other < argument or len(other) < len(argument) for other in simpler)


# The verdicts


def test_the_facts_of_a_good_document_are_read_in_it():
    for name, base in builder().bases.items():
        view = view_of(base, material(name).der)
        assert view is not None, name
        assert facts_in(base, view) == base.facts.as_json(), name


@pytest.mark.slow
def test_a_code_demands_what_all_defects_of_it_demand():
    made = demands(builder().bases)
    assert made["", "der.boolean"].verdict is Verdict.REJECT
    assert made["", "extensions.order"].verdict is Verdict.ACCEPT
    assert made["", "csr.key"].verdict is Verdict.EITHER
    assert made["CERTIFICATE", "signature.invalid"].verdict is Verdict.REJECT
    assert made["CERTIFICATE", "signature.invalid"].needs >= {Need.CHAIN}


@pytest.mark.slow
def test_a_parser_that_does_as_the_oracle_says_keeps_nothing():
    made = search(right(), 500)
    assert made.asked_changes == 500
    assert not made.disagreements
    assert not search(right(Level.GBCS), 400, level=Level.GBCS).disagreements


@pytest.mark.slow
def test_a_parser_is_not_blamed_for_what_it_cannot_do():
    def blind(name, question):
        codes = oracle().judge(builder().bases[name], question.der).codes
        return Behaviour.ACCEPTED if "signature.invalid" in codes else right()(name, question)

    less = Hello("blind", frozenset(Need) - {Need.CHAIN})
    assert search(blind, 900, names=("device",), seed=6).disagreements
    assert not search(blind, 900, names=("device",), seed=6, hello=less).disagreements


def _lax(name, question):
    """A parser that takes a BOOLEAN that is neither 00 nor FF."""
    codes = oracle().judge(builder().bases[name], question.der).codes
    return Behaviour.ACCEPTED if codes == ("der.boolean",) else right()(name, question)


@pytest.mark.slow
def test_one_known_fault_is_found_once_and_is_small():
    made = search(_lax, 1200, names=("device",))
    assert made.disagreements
    for kind, found in made.disagreements.items():
        assert kind.codes == ("der.boolean",)
        der = found.changed.question.der
        assert abs(len(der) - len(material("device").der)) <= 2
    fields = [kind.field for kind in made.disagreements]
    assert len(fields) == len(set(fields))


@pytest.mark.slow
def test_an_argument_becomes_as_small_as_it_can():
    def afraid_of_long_names(name, question):
        return (
            Behaviour.CRASHED
            if len(question.der) > len(material(name).der) + 3
            else Behaviour.REJECTED
        )

    made = search(afraid_of_long_names, 300, names=("device",), most=3)
    crashed = [
        found for kind, found in made.disagreements.items() if kind.seen is Behaviour.CRASHED
    ]
    assert crashed
    for found in crashed:
        for simpler in found.changed.mutation.simpler():
            assert len(simpler.der()) <= len(material("device").der) + 3 or (
                oracle().judge(builder().bases["device"], simpler.der()).codes
                != found.judgement.codes
            )


@pytest.mark.slow
@pytest.mark.parametrize("answers", [_lax, lambda _name, _question: Behaviour.REJECTED])
def test_a_case_demands_in_a_run_what_the_search_demanded(answers):
    made = search(answers, 600, names=("device", "organisation-crl"), most=12)
    found = {each.changed.question.id: each for each in made.disagreements.values()}
    assert found
    cases = cases_of(builder(), list(made.disagreements.values()))
    assert {case.id for case in cases if case.base} == set(found)
    for loaded in of_cases(cases).cases:
        if loaded.base is not None:
            disagreement = found[loaded.id]
            assert loaded.question == disagreement.changed.question
            assert judge(loaded, disagreement.answer, Level.RFC5280).outcome is CaseOutcome.WRONG
    for case in cases:
        if case.base is not None:
            codes = {each.code for each in (case.finding, *case.also) if each}
            assert codes == set(found[case.id].judgement.codes)
            assert case.change is not None


@pytest.mark.slow
def test_the_search_ends_after_so_many_disagreements():
    assert len(search(lambda _name, _question: Behaviour.REJECTED, 500, most=2).disagreements) == 2


# Crashes


@pytest.mark.slow
def test_a_parser_that_crashes_is_asked_a_good_document_and_goes_on():
    def fragile(name, question):
        return Behaviour.CRASHED if question.der[-1] & 1 else right()(name, question)

    made = search(fragile, 60, names=("device",))
    assert made.asked_changes == 60
    asked = [question.id for question in made.target.asked]
    crashed = [place for place, each in enumerate(made.target.asked) if each.der[-1] & 1]
    later = [asked[place + 1] for place in crashed if asked[place] != "good-device"]
    assert later
    assert set(later) == {"good-device"}


@pytest.mark.slow
def test_a_parser_that_is_lost_ends_the_search_and_what_was_found_is_kept():
    class Dying(Parser):
        is_dead = False

        def ask(self, question, seconds):
            if self.is_dead or len(self.asked) > 10:
                self.is_dead = True
                return TargetAnswer(Behaviour.HUNG)
            return super().ask(question, seconds)

    made = DisagreementSearch(builder(), Dying(right()), RunSettings(), 1, ("device",))
    with pytest.raises(SmkiTestcaError) as error:
        made.run(100, 100)
    assert error.value.code == "corpus.target_lost"
    assert [kind.seen for kind in made.disagreements] == [Behaviour.HUNG]


@pytest.mark.slow
def test_good_documents_that_the_parser_does_not_take_are_left_out():
    class Narrow(Parser):
        def ask(self, question, seconds):
            if question.id == "good-organisation":
                return TargetAnswer(Behaviour.REJECTED)
            return super().ask(question, seconds)

    hello = Hello("narrow", frozenset(Need) - {Need.CSR})
    made = DisagreementSearch(builder(), Narrow(right(), hello), RunSettings(), 1, BASES)
    made.run(30, 100)
    assert made.left_out == {
        "organisation": "the target answers rejected",
        "device-csr": "the target lacks csr",
    }
    assert list(made.bases) == ["device", "organisation-crl"]
    alone = DisagreementSearch(builder(), Narrow(right()), RunSettings(), 1, ("organisation",))
    with pytest.raises(InputError) as error:
        alone.run(30, 100)
    assert error.value.code == "corpus.no_base"


@pytest.mark.slow
def test_documents_that_are_too_long_are_not_asked():
    most = len(material("device").der)
    made = search(right(), 100, names=("device",), hello=Hello("short", max_octets=most))
    assert all(len(question.der) <= most for question in made.target.asked)


# The command


SCRIPT = """
import json, os, signal, sys, time
def say(said): print(json.dumps(said), flush=True)
if os.path.exists("dead"): sys.exit(3)
say({"hello": "script", "capabilities": ["crl", "csr", "time", "chain", "rsa", "names"]})
asked = 0
for line in sys.stdin:
    it = json.loads(line)
    if "hello" in it: continue
    asked += 1
    taken = "revoked" if it["kind"] == "CRL" else "accept"
    verdict = taken if it["id"].startswith("good-") else "reject"
    id = it["id"]
    %s
    say({"id": id, "verdict": verdict})
"""


@pytest.fixture
def script(tmp_path, monkeypatch):
    """A target for jsonl: a program that refuses all changes, but for a few lines of its own."""
    monkeypatch.chdir(tmp_path)

    def target(own="pass"):
        path = tmp_path / "script.py"
        path.write_text(SCRIPT % own)
        return f"jsonl:{shlex.quote(sys.executable)} {path}"

    return target


@pytest.fixture
def fuzz(command):
    """Search with the command, on one good document."""
    return lambda target, *more: command(
        "corpus", "fuzz", "--with", target, "--base", "good-device", *more
    )


@pytest.mark.slow
def test_what_is_found_fails_and_corpus_run_takes_it(fuzz, command, script, tmp_path):
    outcome = fuzz(script(), "--count", "500", "--seed", "5", "--most", "4", "--out", "found")
    assert outcome.code == 1, outcome.err
    assert all(len(line) <= 80 for line in outcome.out.splitlines())
    assert "rejected, and must: accept" in outcome.out
    loaded = load(tmp_path / "found")
    assert len(loaded.cases) == 5
    again = command("corpus", "run", "found", "--with", script(), "--json")
    assert again.code == 1
    assert again.json["summary"]["wrong"] == 4
    fixed = command("corpus", "run", "found", "--with", script("verdict = taken"), "--json")
    assert fixed.code == 0, fixed.out


@pytest.mark.slow
def test_the_json_says_what_was_found(fuzz, script):
    given = ("--count", "500", "--seed", "5", "--most", "2", "--out", "found", "--json")
    outcome = fuzz(script(), *given)
    document = outcome.json
    assert document["target"] == "script"
    assert document["directory"] == "found"
    assert not document["interrupted"]
    assert len(document["disagreements"]) == 2
    first = document["disagreements"][0]
    assert document["bases"] == [first["base"]] == ["good-device"]
    assert (first["seen"], first["expected"]) == ("rejected", "accept")
    assert fuzz(script(), *given, "--force").json == document


@pytest.mark.slow
def test_a_document_that_several_changes_give_is_one_case(tmp_path):
    found = search(
        lambda _name, _question: Behaviour.ACCEPTED, 150, names=("device-csr",), most=5000
    )
    kept = [each.changed.question for each in found.disagreements.values()]
    assert len({question.der for question in kept}) == len(kept)
    write(files(cases_of(builder(), list(found.disagreements.values()))), tmp_path, force=False)
    assert len(load(tmp_path).cases) > len(kept)


def test_an_estate_is_not_searched_into(fuzz, script, quickstart):
    refused = fuzz(script(), "--count", "1", "--out", str(quickstart))
    assert refused.code == 4
    assert "it is an estate" in refused.err
    assert not (quickstart / "corpus.json").exists()


@pytest.mark.slow
def test_nothing_is_written_where_nothing_is_found(fuzz, script, tmp_path):
    own = 'verdict = taken if it["kind"] == "none" else verdict'
    outcome = fuzz(script(own), "--count", "1", "--seed", "4")
    assert outcome.code == 0, outcome.out
    assert "as it must" in outcome.out
    assert not (tmp_path / "corpus-fuzz").exists()


@pytest.mark.slow
def test_a_folder_of_a_corpus_is_not_overwritten(fuzz, script):
    given = ("--count", "300", "--most", "1", "--seed", "5")
    assert fuzz(script(), *given).code == 1
    refused = fuzz(script(), *given)
    assert refused.code == 4
    assert "--force" in refused.err
    assert fuzz(script(), *given, "--force").code == 1


@pytest.mark.slow
def test_a_program_that_crashes_or_hangs_is_started_again(fuzz, script):
    own = "if asked > 4 and 'fuzz' in id: os.abort()"
    crashed = fuzz(script(own), "--count", "12", "--json")
    assert crashed.code == 1
    assert crashed.json["asked"] == 12
    assert {each["seen"] for each in crashed.json["disagreements"]} >= {"crashed"}
    own = "if asked > 4 and 'fuzz' in id: time.sleep(600)"
    given = ("--count", "7", "--most", "1", "--time-limit", "0.4", "--json", "--force")
    hung = fuzz(script(own), *given)
    assert {each["seen"] for each in hung.json["disagreements"]} <= {"hung", "rejected"}


@pytest.mark.slow
def test_a_program_that_stays_lost_ends_the_search_and_what_was_found_is_kept(
    fuzz, script, tmp_path
):
    own = "if asked > 4: open('dead', 'w'); os.abort()"
    outcome = fuzz(script(own), "--count", "100")
    assert outcome.code == 4
    assert "3 times in a row" in outcome.err
    assert "corpus-fuzz" in outcome.err
    assert len(outcome.err.strip().splitlines()) == 1
    assert load(tmp_path / "corpus-fuzz").cases


@pytest.mark.slow
def test_a_program_that_answers_for_another_document_ends_the_search(fuzz, script):
    outcome = fuzz(script("id = id if asked < 5 else 'another'"), "--count", "100")
    assert outcome.code == 4
    assert "breaks the protocol" in outcome.err


def test_a_target_that_takes_nothing_and_one_that_cannot_be_asked(fuzz, script, tmp_path):
    outcome = fuzz(script("verdict = 'reject'"))
    assert outcome.code == 4
    assert "takes none of the good documents" in outcome.err
    (tmp_path / "device.log").write_text("not of a device\n")
    refused = fuzz("log:device.log")
    assert refused.code == 2
    assert "A log answers no other cases" in refused.err
    unknown = fuzz(script(), "--base", "good-devise")
    assert unknown.code == 4
    assert "good-device" in unknown.err


@pytest.mark.slow
def test_an_interrupted_search_keeps_what_it_found(script, tmp_path):
    own = "if asked > 300: os.kill(int(open('pid').read()), signal.SIGINT); time.sleep(60)"
    words = [sys.executable, "-m", "smki_testca", "corpus", "fuzz", "--with", script(own)]
    words += ["--base", "good-device", "--count", "100000", "--json"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, cwd=tmp_path)
    (tmp_path / "pid").write_text(str(process.pid))
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    document = json.loads(out)
    assert document["interrupted"]
    assert document["disagreements"]
    assert load(tmp_path / "corpus-fuzz").cases
