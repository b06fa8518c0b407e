from concurrent.futures import ThreadPoolExecutor

import pytest

from smki_testca.errors import InputError
from smki_testca.service.misbehaviour.modes import ALERTS, EACH, ERRORS, KINDS, SERVICES, Layer
from smki_testca.service.misbehaviour.rule_plan import MAX_RULES, MisbehaviourRule, Plan

EXAMPLES = {"slow": "slow:2s", "alert": "alert:unknown_ca", "error": "error:CSR_ERROR:CR:TEST"}
EXAMPLES["each"] = "each:INELIGIBLE:IN:7"


def every_rule():
    for kind in KINDS.values():
        for place in kind.patterns:
            path = "" if kind.layer is Layer.TLS else f":{place.path}"
            mode = EXAMPLES.get(kind.name, kind.name)
            if mode == EXAMPLES["error"] and place.path.endswith("SubmitCSRBatch"):
                mode = "error:FORMAT_ERROR:FM:TEST"
            yield f"{place.service}{path}={mode}"


@pytest.mark.parametrize("text", list(every_rule()))
def test_each_mode_can_be_asked_of_each_of_its_services(text):
    rule = MisbehaviourRule.parse(f"{text}:3@0.5")

    assert (rule.times, rule.probability) == (3, 0.5)
    assert str(rule) == f"{text.replace(':*=', '=')}:3@0.5"
    assert MisbehaviourRule.parse(str(rule)) == rule


@pytest.mark.parametrize("status", ERRORS)
def test_each_status_of_appendix_m_can_be_answered(status):
    mode = MisbehaviourRule.parse(f"*=error:{status}").mode

    assert mode.status == status
    assert mode.code == (f"{ERRORS[status].prefix}:TEST" if ERRORS[status].prefix else "")


@pytest.mark.parametrize("status", EACH)
def test_each_status_of_a_csr_can_be_answered_for_each_csr(status):
    assert MisbehaviourRule.parse(f"batched=each:{status}").mode.is_for_each_csr


def test_a_batch_has_the_status_where_it_can_and_its_csrs_where_it_cannot():
    assert not MisbehaviourRule.parse("batched=error:WORKFLOW_ERROR").mode.is_for_each_csr
    assert MisbehaviourRule.parse("batched=error:INELIGIBLE").mode.is_for_each_csr


@pytest.mark.parametrize("name", ALERTS)
def test_each_alert_can_be_asked_for(name):
    assert MisbehaviourRule.parse(f"adhoc=alert:{name}").mode.alert == ALERTS[name]


@pytest.mark.parametrize(
    ("text", "code", "times"),
    [
        ("*=error:CSR_ERROR:3", "CR:TEST", 3),
        ("*=error:CSR_ERROR:CR:9999", "CR:9999", None),
        ("*=error:CSR_ERROR:CR:9999:3", "CR:9999", 3),
        ("*=503", "", None),
        ("*=503:2", "", 2),
    ],
)
def test_a_number_at_the_end_is_how_often_unless_it_belongs_to_the_code(text, code, times):
    rule = MisbehaviourRule.parse(text)

    assert (rule.mode.code, rule.times) == (code, times)


def test_the_last_equals_sign_ends_the_path():
    assert MisbehaviourRule.parse("/a=b=reset").path == "/a=b"


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("", "rule", "SERVICE"),
        ("adhoc", "rule", "SERVICE"),
        ("=reset", "rule", "SERVICE"),
        ("adhoc=", "rule", "SERVICE"),
        ("x" * 600 + "=reset", "rule", "SERVICE"),
        ("adhok=reset", "service", "Did you mean adhoc?"),
        ("control=reset", "service", "adhoc, batched, repository, portal"),
        ("*=pendin", "mode", "Did you mean pending?"),
        ("*=RESET", "mode", "Did you mean reset?"),
        ("adhoc=alert:certificate_revoke", "mode", "Did you mean certificate_revoked?"),
        ("adhoc=alert", "mode", "Write alert:NAME."),
        ("adhoc=alert:unknown_ca:x", "mode", "Write alert:NAME."),
        ("adhoc=reset:x", "mode", "Write reset."),
        ("adhoc=error:CSR_EROR", "mode", "Did you mean CSR_ERROR?"),
        ("adhoc=error:CSR_ERROR:FM:1", "mode", "Write CR: and 1 to 7 letters or digits."),
        ("adhoc=error:CSR_ERROR:CR:12345678", "mode", "Write CR:"),
        ("batched=error:PAUSED:PA:1", "mode", "Write error:PAUSED."),
        ("batched=each:UNKNOWN_DEVICE", "mode", "INELIGIBLE"),
        ("adhoc=error:NOPE", "mode", "FORMAT_ERROR, WORKFLOW_ERROR."),
        ("adhoc=error:PAUSED", "rule", "It is for batched."),
        ("adhoc=slow:3601s", "mode", "3600 seconds"),
        ("adhoc=slow:5", "rule", "slow:5s for seconds"),
        ("adhoc=slow:0s", "mode", "3600 seconds"),
        ("adhoc=reset:0", "rule", "1 to 1,000,000"),
        ("adhoc=reset:1000001", "rule", "1 to 1,000,000"),
        ("adhoc=reset@0", "rule", "more than 0 and up to 1"),
        ("adhoc=reset@1.5", "rule", "more than 0 and up to 1"),
        ("adhoc=reset@nan", "rule", "more than 0 and up to 1"),
        ("adhoc=reset@often", "rule", "more than 0 and up to 1"),
        ("adhoc:/a=alert:unknown_ca", "rule", "Name the service alone: adhoc=alert:unknown_ca"),
        ("/a=alert:unknown_ca", "rule", "Name the service alone"),
        ("portal=error:CSR_ERROR", "rule", "It is for adhoc, batched."),
        ("repository=pending", "rule", "It is for batched."),
    ],
)
def test_what_cannot_be_read_is_refused_with_one_line_that_says_what_to_write(text, code, words):
    with pytest.raises(InputError) as caught:
        MisbehaviourRule.parse(text)

    assert caught.value.code == f"misbehaviour.{code}"
    (line,) = caught.value.lines()
    assert words in line


def chosen(plan, *requests):
    states = [plan.choose(*request) for request in requests]
    return [state and str(state.rule.mode) for state in states]


def test_a_rule_is_followed_as_often_as_it_says():
    plan = Plan.parse(["adhoc=503:2"])

    assert chosen(plan, *[("adhoc", "/a")] * 4) == ["503", "503", None, None]
    (state,) = plan.states()
    assert (state.seen, state.done, state.left) == (2, 2, 0)


def test_the_first_rule_that_chooses_a_request_has_it():
    plan = Plan.parse(["adhoc=503:1", "adhoc=reset:1", "*=never"])

    assert chosen(plan, *[("adhoc", "/a")] * 3) == ["503", "reset", "never"]


@pytest.mark.parametrize(
    ("rule", "service", "path", "is_chosen"),
    [
        ("/a/*=reset", "adhoc", "/a/b/c", True),
        ("/a/*=reset", "adhoc", "/A/b", False),
        ("/a=reset", "adhoc", "/a/b", False),
        ("repository:/a=reset", "adhoc", "/a", False),
        ("repository=reset", "repository", "/a", True),
        ("*=pending", "adhoc", "/1.0/PortalCSRBatch/CSRBatchResult", False),
        ("*=pending", "batched", "/1.0/PortalCSRBatch/CSRBatchResult", True),
        ("*=pending", "batched", "/1.0/PortalCSRBatch/SubmitCSRBatch", False),
        ("*=error:INELIGIBLE", "batched", "/1.0/PortalCSRBatch/SubmitCSRBatch", False),
        ("*=error:UNKNOWN_DEVICE", "adhoc", "/a", True),
        ("*=alert:unknown_ca", "adhoc", "/a", False),
        ("*=alert:unknown_ca", "adhoc", None, True),
        ("*=reset", "adhoc", None, False),
    ],
)
def test_a_rule_is_for_the_requests_that_it_names_and_its_mode_can_change(
    rule, service, path, is_chosen
):
    assert (Plan.parse([rule]).choose(service, path) is not None) is is_chosen


def test_the_same_seed_gives_the_same_choices_and_another_one_others():
    requests = [("adhoc", "/a")] * 64
    first = chosen(Plan.parse(["*=reset@0.5"], 7), *requests)

    assert first == chosen(Plan.parse(["*=reset@0.5"], 7), *requests)
    assert first != chosen(Plan.parse(["*=reset@0.5"], 8), *requests)
    assert set(first) == {"reset", None}


def test_a_probability_is_about_kept():
    plan = Plan.parse(["*=reset@0.1"])

    done = [plan.choose("adhoc", "/a") for _ in range(2000)]

    assert 140 < sum(state is not None for state in done) < 260


def test_once_all_rules_are_removed_the_next_chooses_as_the_first_did():
    requests = [("adhoc", "/a")] * 20
    plan = Plan.parse(["*=reset@0.5"], 7)
    first = chosen(plan, *requests)
    plan.clear()
    plan.add(MisbehaviourRule.parse("*=reset@0.5"))

    assert chosen(plan, *requests) == first


def test_there_is_an_end_to_the_rules():
    plan = Plan.parse(["*=reset"] * MAX_RULES)

    with pytest.raises(InputError, match="more than 100 rules"):
        plan.add(MisbehaviourRule.parse("*=reset"))
    assert len(plan.states()) == MAX_RULES


def test_a_plan_counts_right_in_many_threads():
    plan = Plan.parse(["*=reset:500"])
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda _: plan.choose("adhoc", "/a"), range(2000)))

    assert sum(state is not None for state in done) == 500
    assert plan.states()[0].done == 500


def test_every_kind_is_for_services_that_are_there():
    assert {place.service for kind in KINDS.values() for place in kind.patterns} <= set(SERVICES)
