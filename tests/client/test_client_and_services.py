"""The client against the real services, well-behaved and not."""

from __future__ import annotations

import csv

import pytest

import csrs
from smki_testca.estate.certificates import Selection
from smki_testca.profiles.model import Hierarchy, Tier
from smki_testca.service.misbehaviour.rule_plan import MisbehaviourRule

KNOWN = bytes.fromhex("00db120000000001")
"""A Device of the quickstart's estate that has certificates."""


@pytest.fixture
def csr(tmp_path):
    """The file of a CSR that replaces a certificate."""
    path = tmp_path / "known.csr"
    path.write_bytes(csrs.pem(csrs.device(csrs.new_key(), device_id=KNOWN)))
    return path


@pytest.fixture
def requests(tmp_path):
    """A folder of CSRs of new Devices."""
    folder = tmp_path / "requests"
    folder.mkdir()
    for number in range(3):
        octets = csrs.device(
            csrs.new_key(), device_id=b"\x00\xdb\x12\x00\x00\x00\x70" + bytes([number])
        )
        (folder / f"{number}.csr").write_bytes(csrs.pem(octets))
    return folder


@pytest.fixture
def call(command, serving):
    """Runs a command of the client against a service, over TLS."""

    def run(name, service, *words, url="url"):
        given = serving.services[service]
        options = ["--url", given[url], "--ca", given["ca"], "--timeout", 20]
        if "client_key" in given:
            options += ["--cert", given["client_certificate"], "--key", given["client_key"]]
        return command("--json", "client", name, *words, *options)

    return run


@pytest.fixture
def misbehave(serving):
    """Makes the services misbehave for the rest of a test."""
    plan = serving.running.services.context.misbehaviour

    async def add(rule):
        plan.add(MisbehaviourRule.parse(rule))

    async def clear():
        plan.clear()

    yield lambda rule: serving.running.call(lambda: add(rule))
    serving.running.call(clear)


@pytest.fixture
def api_key(tmp_path):
    path = tmp_path / "api-key"
    path.write_text("any\n")
    return ("--api-key-file", path)


def test_a_certificate_is_replaced_ad_hoc(call, csr):
    outcome = call("adhoc", "adhoc", csr)
    assert outcome.code == 0, outcome.out
    assert outcome.json["certificate"]["device"] == "00-DB-12-00-00-00-00-01"
    tls = outcome.json["connection"]["tls"]
    assert tls["version"] == "TLSv1.2"
    assert tls["client_certificate_asked_for"]
    assert "adhoc" in tls["client_certificate_sent"]


@pytest.mark.slow
def test_a_device_that_never_had_a_certificate_is_refused(call, tmp_path):
    path = tmp_path / "new.csr"
    path.write_bytes(csrs.device(csrs.new_key(), device_id=bytes.fromhex("00db1200000077ff")))
    outcome = call("adhoc", "adhoc", path)
    assert outcome.code == 3
    assert outcome.json["error"]["service"]["status"] == "UNKNOWN_DEVICE"
    error = outcome.json["error"]
    assert f"{error['message']} {error['remedy']}".count("Portal") == 1


@pytest.mark.slow
def test_a_batch_is_done_and_can_be_fetched_again_and_by_nobody_else(call, requests, tmp_path):
    outcome = call("batch", "batched", requests, "--out", tmp_path / "out", "--poll", "0.2")
    assert outcome.code == 0, outcome.out
    assert outcome.json["success"] == 3
    issued = outcome.json["certificates"]
    assert {each["name"] for each in issued} == {"0.csr", "1.csr", "2.csr"}
    assert all((tmp_path / "out" / each["file"]).is_file() and each["serial"] for each in issued)
    with (tmp_path / "out" / "report.csv").open(newline="") as file:
        assert {row["status"] for row in csv.DictReader(file)} == {"SUCCESS"}
    again = ("--batch-id", outcome.json["batch_id"], "--out", tmp_path / "again")
    assert call("batch", "batched", requests, *again).json["success"] == 3
    unknown = call("batch", "batched", "--batch-id", 10**9, "--out", tmp_path / "none")
    assert unknown.code == 3
    assert unknown.json["error"]["code"] == "client.batch_unknown"


@pytest.mark.parametrize("url", ["url", "https_url"])
@pytest.mark.shows("¶26", "R5")
def test_what_a_search_finds_can_be_retrieved(call, api_key, url):
    found = call("search", "repository", "00-DB-12-00-00-00-00-01", *api_key, url=url)
    assert found.code == 0, found.out
    serial = found.json["results"][0]["serial"]
    gotten = call("retrieve", "repository", serial.lstrip("0").lower(), *api_key, url=url)
    assert gotten.json["certificate"]["serial"] == serial
    nothing = call("retrieve", "repository", "ABCDEF", *api_key, url=url)
    assert (nothing.code, nothing.json["error"]["code"]) == (3, "client.nothing_found")


def test_the_examples_of_a_search_need_no_api_key(call):
    found = call("search", "repository", "00-DB-12-00-00-00-00-01")
    assert found.code == 0, found.out
    assert call("retrieve", "repository", found.json["results"][0]["serial"]).code == 0
    by_name = call("search", "repository", "Z1")
    assert by_name.code == 0, by_name.out


def test_an_organisation_is_found_by_its_eui64(call, serving):
    with serving.open() as estate:
        holder = next(iter(estate.select(Selection(profile="organisation"))))
    assert call("search", "repository", holder.eui64).code == 3
    found = call("search", "repository", holder.eui64, "--organisation")
    assert str(holder.serial) in {each["serial"] for each in found.json["results"]}


def test_the_certificate_of_one_service_does_not_open_another(command, serving, csr):
    adhoc, batched = serving.services["adhoc"], serving.services["batched"]
    outcome = command(
        *("--json", "client", "adhoc", csr, "--url", adhoc["url"], "--ca", adhoc["ca"]),
        *("--cert", batched["client_certificate"], "--key", batched["client_key"]),
    )
    assert (outcome.code, outcome.json["error"]["code"]) == (3, "client.denied")
    assert "which is not one of the Ad Hoc" in outcome.json["error"]["message"]
    assert "Call it with" not in outcome.out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "code"),
    [
        ("reset", "client.reset"),
        ("reset-after", "client.reset"),
        ("short", "client.short"),
        ("503", "client.http_status"),
        ("bad-xml", "client.not_xml"),
        ("wrong-certificate", "client.other_csr"),
        ("other-device", "client.other_device"),
        ("alert:certificate_revoked", "client.certificate_refused"),
        ("alert:certificate_expired", "client.certificate_refused"),
        ("alert:unknown_ca", "client.certificate_refused"),
        ("alert:access_denied", "client.certificate_refused"),
        ("alert:handshake_failure", "client.tls_suite"),
        ("alert:protocol_version", "client.tls_version"),
        ("alert:internal_error", "client.tls_alert"),
        ("expired-server-certificate", "client.server_expired"),
        ("wrong-host-certificate", "client.server_name"),
        ("untrusted-server-certificate", "client.server_untrusted"),
        *(
            (f"error:{status}", "client.service_refused")
            for status in (
                *("UNKNOWN_DEVICE", "ISSUANCE_ANOMALY", "CSR_ERROR", "CA_ERROR"),
                *("FORMAT_ERROR", "WORKFLOW_ERROR"),
            )
        ),
    ],
)
def test_each_misbehaviour_has_an_error_code_of_its_own(call, misbehave, csr, mode, code):
    is_tls = mode.startswith("alert") or mode.endswith("-server-certificate") or "host" in mode
    misbehave(f"adhoc={mode}" if is_tls else f"adhoc:*={mode}")
    outcome = call("adhoc", "adhoc", csr)
    assert outcome.json["error"]["code"] == code, outcome.out
    assert outcome.code in {3, 6}
    assert "_ssl.c" not in outcome.out
    assert "<string>" not in outcome.out


@pytest.mark.slow
def test_an_answer_that_never_comes_is_waited_for_no_longer_than_asked(
    command, serving, misbehave, csr
):
    misbehave("adhoc:*=never")
    given = serving.services["adhoc"]
    outcome = command(
        *("--json", "client", "adhoc", csr, "--url", given["url"], "--ca", given["ca"]),
        *("--cert", given["client_certificate"], "--key", given["client_key"], "--timeout", 2),
    )
    assert outcome.code == 6
    assert outcome.json["error"]["code"] == "client.timeout"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "code"),
    [
        ("error:REJECTED", "client.batch_rejected"),
        ("error:TAMPERED", "client.batch_tampered"),
        ("error:WORKFLOW_ERROR", "client.service_refused"),
        ("pending", "client.batch_waiting"),
        ("short", "client.short"),
    ],
)
def test_each_misbehaviour_of_a_batch_has_an_error_code_of_its_own(
    call, misbehave, requests, tmp_path, mode, code
):
    submitted = call("batch", "batched", requests, "--submit-only")
    misbehave(f"batched:*/CSRBatchResult={mode}")
    fetch = ("--batch-id", submitted.json["batch_id"], "--out", tmp_path / "out")
    outcome = call("batch", "batched", *fetch, "--poll", "0.1", "--wait", "0.3")
    assert outcome.json["error"]["code"] == code, outcome.out


@pytest.mark.slow
def test_the_list_of_a_ca_is_downloaded_and_checked_and_a_stale_one_is_not_taken(
    command, serve, quickstart
):
    serving = serve(misbehaviours=["repository:*/crl/*=stale-crl:1"])
    with serving.open() as estate:
        estate.issue_revocation_list(Hierarchy.ORGANISATION, Tier.ISSUING)
    ca = quickstart / "export" / "pem" / "ZAZ1" / "organisation" / "ca" / "Z1.pem"
    url = serving.services["repository"]["url"] + "/ca/ZAZ1/organisation/Z1/crl/latest.crl"
    call = ("--json", "client", "crl", "--url", url, "--issuer", ca)
    stale, right = command(*call), command(*call)
    assert (stale.code, stale.json["error"]["code"]) == (6, "client.list_stale")
    assert right.code == 0, right.out
    assert right.json["list"]["issuer"] == "OU=07, CN=Z1"
    assert right.json["list"]["signature_checked"]
    unknown = command(*call[:4], url.replace("Z1/crl", "ZZ/crl"))
    assert unknown.json["error"]["code"] == "client.http_status"
    assert "There is no CA" in unknown.json["error"]["message"]
