import contextlib
import http.client
import json

import pytest

from smki_testca.service.misbehaviour.control import MAX_BODY


def test_rules_are_added_counted_and_removed(small):
    status, added = small.control(
        "POST", "/misbehaviour", {"rules": ["repository:/a=503:1", "adhoc=alert:unknown_ca"]}
    )
    assert status == 201
    assert [rule["number"] for rule in added["rules"]] == [1, 2]

    assert small.get(path="/a").status == 503
    assert small.get(path="/a").status == 200
    _, now = small.control("GET", "/misbehaviour")
    assert now["rules"][0] == {
        "number": 1,
        "rule": "repository:/a=503:1",
        "service": "repository",
        "path": "/a",
        "mode": "503",
        "layer": "transport",
        "times": 1,
        "probability": 1.0,
        "seed": 0,
        "seen": 1,
        "done": 1,
        "left": 0,
    }

    _, removed = small.control("DELETE", "/misbehaviour/1")
    assert [rule["number"] for rule in removed["removed"]] == [1]
    _, removed = small.control("DELETE", "/misbehaviour")
    assert [rule["number"] for rule in removed["removed"]] == [2]
    assert small.control("GET", "/misbehaviour") == (200, {"rules": []})


def test_a_seed_may_come_with_the_rules(small):
    outcomes = []
    for _ in range(2):
        small.misbehave("repository=503@0.5", seed=7)
        outcomes.append([small.get().status for _ in range(16)])
        small.control("DELETE", "/misbehaviour")

    assert outcomes[0] == outcomes[1]
    assert set(outcomes[0]) == {200, 503}


def test_health_and_services_are_told(small):
    status, health = small.control("GET", "/health")
    assert (status, health["status"]) == (200, "ok")
    assert health["audit"] > 0

    _, told = small.control("GET", "/services")
    assert told == {"services": small.running.served}


@pytest.mark.parametrize(
    ("method", "path", "content", "headers", "status", "code"),
    [
        ("GET", "/misbehaviour", None, {"Host": "evil.example"}, 403, "control.host"),
        ("GET", "/misbehaviour", None, {"Host": "localhost.evil.example"}, 403, "control.host"),
        ("GET", "/misbehaviour", None, {"Host": "127.0.0.1@evil.example"}, 403, "control.host"),
        ("GET", "/misbehaviour", None, {"Host": ""}, 403, "control.host"),
        ("GET", "/nothing", None, {}, 404, "control.path"),
        ("GET", "/../misbehaviour", None, {}, 404, "control.path"),
        ("PUT", "/misbehaviour", {}, {}, 405, "control.method"),
        ("OPTIONS", "/misbehaviour", None, {"Origin": "http://evil"}, 405, "control.method"),
        ("POST", "/misbehaviour", b"{}", {"Content_Type": "text/plain"}, 415, "control.type"),
        ("POST", "/misbehaviour", b" " * (MAX_BODY + 1), {}, 413, "control.too_long"),
        ("POST", "/misbehaviour", b"{", {}, 400, "control.json"),
        ("POST", "/misbehaviour", b"\xff", {}, 400, "control.json"),
        ("POST", "/misbehaviour", b"[" * 60000, {}, 400, "control.json"),
        ("POST", "/misbehaviour", {"rules": "adhoc=503"}, {}, 400, "control.json"),
        ("POST", "/misbehaviour", {"rule": ["adhoc=503"]}, {}, 400, "control.json"),
        ("POST", "/misbehaviour", {"rules": ["adhoc=50"]}, {}, 400, "misbehaviour.mode"),
        ("POST", "/misbehaviour", {"rules": ["*=503"] * 101}, {}, 400, "misbehaviour.too_many"),
        ("DELETE", "/misbehaviour/9", None, {}, 404, "misbehaviour.number"),
        ("DELETE", "/misbehaviour/x", None, {}, 404, "control.path"),
    ],
)
def test_what_cannot_be_done_is_answered_in_json(
    small, method, path, content, headers, status, code
):
    got, answer = small.control(method, path, content, **headers)

    assert (got, answer["error"]["code"]) == (status, code)
    assert set(answer["error"]) == {"code", "message", "remedy"}
    assert small.control("GET", "/misbehaviour") == (200, {"rules": []})


def test_no_other_origin_is_let_in(small):
    connection = http.client.HTTPConnection("localhost", small.port("control"), timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", "/misbehaviour", headers={"Origin": "http://evil.example"})
        response = connection.getresponse()
        assert json.loads(response.read()) == {"rules": []}

    assert not [name for name in response.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "LOCALHOST:1", "[::1]:8086"])
def test_the_names_of_this_machine_are_answered(small, host):
    assert small.control("GET", "/misbehaviour", Host=host) == (200, {"rules": []})


def test_all_of_several_rules_are_added_or_none(small):
    status, _ = small.control("POST", "/misbehaviour", {"rules": ["adhoc=503", "adhoc=504"]})

    assert status == 400
    assert small.control("GET", "/misbehaviour") == (200, {"rules": []})
