"""The Batched Device CSR Web Service: what it answers, to whom, and for how long (SEC App. M)."""

import asyncio
import io
import shutil
import sqlite3
import tracemalloc
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import FormData
from aiohttp.test_utils import TestClient, TestServer
from cryptography import x509
from lxml import etree

import submissions
from estates import opened
from smki_testca.clock import FixedClock
from smki_testca.estate import database
from smki_testca.estate.batch_requests import BatchState
from smki_testca.service.context import Context
from smki_testca.service.desk import Desk
from smki_testca.service.device_csr import batched, caller_admission
from smki_testca.service.device_csr.batch_keeper import BatchKeeper
from smki_testca.service.device_csr.schema import MessageSchema
from smki_testca.service.estate_access import EstateAccess
from smki_testca.service.misbehaviour import install
from smki_testca.service.misbehaviour.rule_plan import Plan
from smki_testca.service.paths import RESULT_PATH, SUBMIT_PATH
from smki_testca.service.settings import Settings, Window
from smki_testca.x509.view import view_certificate

BUILD = "9.8.7"
XML = {"Content-Type": "application/xml;charset=UTF-8"}
CALLERS = {
    "supplier-one": "batch-1",
    "supplier-two": "batch-1",
    "network-one": "batch-1",
}
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def original(newcomer_original, tmp_path_factory):
    """An estate whose participants have IKI certificates: its directory, and these by caller."""
    directory = tmp_path_factory.mktemp("batched") / "estate"
    shutil.copytree(newcomer_original, directory)
    certificates = {}
    with opened(directory) as estate:
        for participant, system in CALLERS.items():
            role = "networkOperator" if participant == "network-one" else "supplier"
            subject = estate.subject("iki", role=role, system_name=system)
            request = estate.request(participant, submissions.DEVICE_PURPOSE, subject)
            ((record,), _) = estate.issue(request)
            certificates[participant] = record.der
    return directory, certificates


@pytest.fixture
def service(original, tmp_path, monkeypatch):
    """Runs a test against the service, with the caller's certificate named by a header."""
    directory = tmp_path / "estate"
    shutil.copytree(original[0], directory)
    known = original[1]
    monkeypatch.setattr(
        caller_admission,
        "peer_certificate",
        lambda request: known.get(request.headers.get("Caller")),
    )

    # A process is started by the tests of it; here, the batches are processed in this one.
    monkeypatch.setattr(BatchKeeper, "_start", lambda _self: None)
    return _Service(directory)


@dataclass
class _Service:
    """The service of an estate; called with a test, it runs that against it."""

    directory: Path

    def __call__(self, test, clock=None, **settings):
        asyncio.run(_serve(self.directory, test, clock, settings))


async def _serve(directory, test, clock, settings):
    access = EstateAccess(directory, "phrase", clock=None if clock is None else FixedClock(clock))
    desk = Desk(access.open)
    desk.start()
    try:
        library, now = await desk.read(lambda estate: (estate.library, estate.clock))
        told = []
        wanted = Settings(**settings)
        plan = Plan.parse(wanted.misbehaviours)
        context = Context(wanted, desk, library, now, access, BUILD, plan, told.append)
        application = batched.application(context)
        install(application, "batched")
        async with TestClient(TestServer(application)) as client:
            await test(_Caller(client, directory, told))
    finally:
        await asyncio.to_thread(desk.close)


class _Caller:
    """A client of the service."""

    def __init__(self, client, directory, told):
        self.client = client
        self.directory = directory
        self.told = told

    async def submit(self, body, participant="supplier-one", path=SUBMIT_PATH):
        answer = await self.client.post(
            path, data=io.BytesIO(body), headers=XML | {"Caller": participant}
        )
        return await _xml(answer)

    async def result(self, query, participant="supplier-one", path=RESULT_PATH):
        answer = await self.client.get(f"{path}{query}", headers={"Caller": participant})
        return await _xml(answer)

    async def completed(self, number, **more):
        """The result of a batch once it is complete."""
        await asyncio.to_thread(_process, self.directory)
        root = await self.result(f"?BatchId={number}", **more)
        assert root.findtext("BatchStatus") == "COMPLETED"
        return root

    def entries(self, *actions):
        with opened(self.directory) as estate:
            return estate.audit.entries_of(*actions)


def _process(directory, at=None, window=None):
    """Process the batches of an estate."""
    with opened(directory, at) as estate:
        submissions.processing(estate, window).work()


async def _xml(answer):
    """The root of an answer that is right by the schema."""
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/xml;charset=UTF-8"
    body = await answer.read()
    assert int(answer.headers["Content-Length"]) == len(body)
    root = etree.fromstring(body)
    MessageSchema.BATCHED.validator.assertValid(root)
    assert root.findtext("Version") == "1.0"
    assert root.findtext("Build") == BUILD
    return root


def _error(root):
    return root.findtext("BatchStatus"), root.findtext("Error/ErrorCode"), root.get("ID")


@pytest.mark.slow
def test_a_batch_is_submitted_and_its_certificates_are_fetched(service):
    async def test(caller):
        csr_by_id = submissions.good(2) | {"bad": "AAAA"}
        receipt = await caller.submit(submissions.message(csr_by_id))
        assert receipt.tag == "SubmitCSRBatchStatus"
        assert receipt.get("ID") == "b1999"
        assert receipt.findtext("BatchStatus") == "PENDING"
        number = receipt.findtext("BatchId")
        root = await caller.completed(number)
        assert (root.tag, root.get("ID"), root.findtext("BatchId")) == (
            "CSRBatchResult",
            "b1999",
            number,
        )
        rows = root.findall("DeviceCertificate")
        assert [row.get("ID") for row in rows] == ["ID0", "ID1", "bad"]
        assert [row.findtext("Status") for row in rows] == ["SUCCESS", "SUCCESS", "CSR_ERROR"]
        assert rows[2].findtext("Error/ErrorCode") == "CR:FORM"
        with opened(caller.directory) as estate:
            issued = {der for _, der in estate.run_certificates.numbered(estate.runs.get(1))}
        assert {submissions.decoded(row.findtext("Certificate")) for row in rows[:2]} == issued

    service(test)


def test_every_request_is_in_the_audit_log_with_its_peer(service):
    async def test(caller):
        await caller.submit(submissions.message(submissions.good(1)))
        await caller.submit(b"<no/>")
        await caller.result("?BatchId=77")
        await caller.result("?BatchId=1")
        entries = [each.body for each in caller.entries("service.batched")]
        told = [(each["request"], each["status"], each.get("code")) for each in entries]
        assert told[:3] == [
            ("SubmitCSRBatch", "PENDING", None),
            ("SubmitCSRBatch", "FORMAT_ERROR", "FM:AA1"),
            ("CSRBatchResult", "FORMAT_ERROR", "FM:AA3"),
        ]
        assert (told[3][0], entries[3]["batch"]) == ("CSRBatchResult", 1)
        for each in entries:
            assert each["peer"]["participant"] == "supplier-one"
            assert each["peer"]["system"] == "batch-1"
            assert each["peer"]["address"].startswith("127.0.0.1:")

    service(test)


@pytest.mark.slow
def test_the_root_does_the_same_by_method(service):
    async def test(caller):
        body = submissions.message(submissions.good(1))
        number = (await caller.submit(body, path="/")).findtext("BatchId")
        assert (await caller.completed(number, path="/")).get("ID") == "b1999"

    service(test)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no XML",
        b"<SubmitCSRBatch ID='b1'><Version>1.0</Version></SubmitCSRBatch>",
        submissions.message({"a": "AA=="}).replace(b"1.0</", b"2.0</"),
        submissions.message({"a": "AA==", "b": "AA=="}).replace(b'"b"', b'"a"'),
    ],
    ids=["nothing", "text", "no-csrs", "version", "id-twice"],
)
def test_invalid_xml_is_answered_without_an_id(service, body):
    async def test(caller):
        assert _error(await caller.submit(body)) == ("FORMAT_ERROR", "FM:AA1", None)

    service(test)


@pytest.mark.slow
def test_more_than_50_000_csrs_are_refused_with_the_clients_id(service):
    async def test(caller):
        body = submissions.message({f"ID{number}": "AA==" for number in range(50_001)})
        assert _error(await caller.submit(body)) == ("FORMAT_ERROR", "FM:AA2", "b1999")
        with opened(caller.directory) as estate:
            assert not estate.batch_requests.of(None)

    service(test)


@pytest.mark.slow
@pytest.mark.parametrize(
    "query",
    [
        *("", "?BatchId=", "?BatchId=x", "?BatchId=0", "?BatchId=-1", "?BatchId=2", "?batchid=1"),
        *("?BatchId=1&BatchId=1", f"?BatchId={1 << 70}", "?BatchId=1%20", "?BatchId=%D9%A1"),
    ],
)
def test_an_unknown_or_malformed_batch_id_is_one_answer(service, query):
    with opened(service.directory) as estate:
        submissions.submit(estate, submissions.good(1))

    async def test(caller):
        root = await caller.result(query)
        assert root.tag == "CSRBatchResult"
        assert _error(root) == ("FORMAT_ERROR", "FM:AA3", None)

    service(test)


def test_batches_of_two_participants_are_apart(service):
    async def test(caller):
        mine = await caller.submit(submissions.message(submissions.good(1)))
        theirs = await caller.submit(
            submissions.message(submissions.good(1, first=9), "c2000"), "supplier-two"
        )
        mine, theirs = mine.findtext("BatchId"), theirs.findtext("BatchId")
        await caller.completed(mine)
        await caller.completed(theirs, participant="supplier-two")
        unknown = ("FORMAT_ERROR", "FM:AA3", None)
        assert _error(await caller.result(f"?BatchId={theirs}")) == unknown
        assert _error(await caller.result(f"?BatchId={mine}", "supplier-two")) == unknown

    service(test)


def test_a_batch_of_the_portal_is_unknown_here(service):
    with opened(service.directory) as estate:
        data = submissions.zipped({"1 a.csr": submissions.device_csr(1)})
        submissions.submit_zip(estate, "night.zip", data)

    async def test(caller):
        assert _error(await caller.result("?BatchId=1"))[1] == "FM:AA3"

    service(test)


def test_a_result_is_there_for_thirty_days(service):
    with opened(service.directory, NOON) as estate:
        submissions.submit(estate, submissions.good(1))
    _process(service.directory, NOON)

    async def is_there(caller):
        assert (await caller.result("?BatchId=1")).findtext("DeviceCertificate/Status") == "SUCCESS"

    async def is_gone(caller):
        assert _error(await caller.result("?BatchId=1")) == ("FORMAT_ERROR", "FM:AA3", None)

    service(is_there, NOON + timedelta(days=30, seconds=-1))
    service(is_gone, NOON + timedelta(days=30))


def test_outside_the_window_a_batch_is_paused(service):
    window = Window.parse("20:00-08:00")
    with opened(service.directory, NOON) as estate:
        submissions.submit(estate, submissions.good(1))
    _process(service.directory, NOON, window)

    async def test(caller):
        root = await caller.result("?BatchId=1")
        assert root.findtext("BatchStatus") == "PAUSED"
        assert not root.findall("DeviceCertificate")

    service(test, NOON, batch_window=window)


@pytest.mark.slow
@pytest.mark.parametrize("state", ["PENDING", "PARSING", "REJECTED", "TAMPERED"])
def test_each_state_is_told(service, state):
    with opened(service.directory) as estate:
        number = submissions.submit(estate, submissions.good(1))
        now = estate.clock.now()
        with estate.transaction():
            if state == "PARSING":
                estate.batch_requests.begin_parsing(number, now)
            if state == "REJECTED":
                estate.batch_requests.reject(number, now, {})
            if state == "TAMPERED":
                estate.batch_requests.find_tampered(number, now, None)

    async def test(caller):
        root = await caller.result(f"?BatchId={number}")
        assert root.findtext("BatchStatus") == BatchState(state)
        assert root.findtext("BatchId") == str(number)
        assert not root.findall("DeviceCertificate")

    service(test)


@pytest.mark.parametrize(
    ("participant", "code"), [("nobody", "no certificate"), ("network-one", "may not use")]
)
def test_who_may_not_call_is_told_why_in_one_line(service, participant, code):
    async def test(caller):
        headers = XML | {"Caller": participant}
        for answer in (
            await caller.client.post(SUBMIT_PATH, data=b"<a/>", headers=headers),
            await caller.client.get(f"{RESULT_PATH}?BatchId=1", headers=headers),
        ):
            assert answer.status == 403
            text = await answer.text()
            assert code in text
            assert len(text.splitlines()) == 1
        entries = [each.body for each in caller.entries("service.batched")]
        assert [(each["request"], each["status"]) for each in entries] == [
            ("SubmitCSRBatch", "DENIED"),
            ("CSRBatchResult", "DENIED"),
        ]
        peer = entries[0]["peer"]
        assert peer["address"].startswith("127.0.0.1:")
        known = {} if participant == "nobody" else {"participant": participant, "system": "batch-1"}
        assert peer.items() >= known.items()
        assert ("serial" in peer) is bool(known)

    service(test)


def test_what_is_no_request_of_the_service_gets_a_plain_line(service):
    async def chunks():
        for _ in range(batched.MAX_OCTETS // 1_000_000 + 1):
            yield bytes(1_000_000)

    async def test(caller):
        own = {"Caller": "supplier-one"}
        headers = XML | own
        client = caller.client
        answers = [
            await client.get(SUBMIT_PATH, headers=headers),
            await client.head(RESULT_PATH, headers=headers),
            await client.get("/2.0/PortalCSRBatch/CSRBatchResult", headers=own),
            await client.post(SUBMIT_PATH, data=FormData({"a": "b"}), headers=own),
            await client.post(SUBMIT_PATH, data=chunks(), headers=headers),
        ]
        statuses = [each.status for each in answers]
        assert statuses == [405, 405, 404, 415, 413]
        entries = [each.body for each in caller.entries("service.batched")]
        assert [each["status"] for each in entries] == [f"HTTP {each}" for each in statuses]
        assert {each["peer"]["participant"] for each in entries} == {"supplier-one"}
        # Who calls is looked at first.
        assert (await client.get(SUBMIT_PATH, headers={"Caller": "network-one"})).status == 403
        assert (await caller.result("?BatchId=1")).tag == "CSRBatchResult"

    service(test)


def _head(length):
    """The head of a submission."""
    return (
        f"POST {SUBMIT_PATH} HTTP/1.1\r\nHost: a\r\nCaller: supplier-one\r\n"
        f"Content-Type: application/xml\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def test_a_body_that_is_not_of_its_encoding_is_refused_and_recorded(service):
    async def test(caller):
        headers = XML | {"Caller": "supplier-one", "Content-Encoding": "gzip"}
        answer = await caller.client.post(SUBMIT_PATH, data=io.BytesIO(b"a" * 999), headers=headers)
        assert answer.status == 400
        (entry,) = caller.entries("service.batched")
        assert entry.body["status"] == "HTTP 400"
        assert not caller.told

    service(test)


def test_a_client_that_hangs_up_submits_nothing(service):
    async def test(caller):
        _, writer = await asyncio.open_connection(caller.client.host, caller.client.port)
        writer.write(_head(1_000_000) + bytes(5_000))
        await writer.drain()
        writer.close()
        assert (await caller.result("?BatchId=1")).tag == "CSRBatchResult"
        assert not caller.told

    service(test)


def test_what_announces_too_much_is_refused_before_it_comes(service):
    async def test(caller):
        reader, writer = await asyncio.open_connection(caller.client.host, caller.client.port)
        writer.write(_head(batched.MAX_OCTETS + 1))
        assert b" 413 " in await asyncio.wait_for(reader.readline(), 60)
        writer.close()

    service(test)


@pytest.mark.slow
def test_memory_does_not_grow_with_how_many_submit_at_a_time(service):
    most = 12

    async def test(caller):
        tracemalloc.start()
        try:
            writers = []
            for _ in range(most):
                _, writer = await asyncio.open_connection(caller.client.host, caller.client.port)
                writers.append(writer)
                writer.write(_head(size + 1))
                for _ in range(size // len(part)):
                    writer.write(part)
                    await writer.drain()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        for writer in writers:
            writer.close()
        assert peak < most * size / 2

    part, size = bytes(1 << 16), 1 << 22
    service(test)


def test_an_estate_that_cannot_be_written_is_an_internal_error(service, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    with opened(service.directory) as estate:
        submissions.submit(estate, submissions.good(1))
    monkeypatch.setattr("tempfile.SpooledTemporaryFile", fail)

    async def test(caller):
        assert _error(await caller.result("?BatchId=1")) == ("WORKFLOW_ERROR", "WF:BB1", None)

    service(test)


@pytest.mark.slow
def test_while_the_estate_is_locked_a_batch_is_not_accepted(service, monkeypatch):
    monkeypatch.setattr(database, "WAIT_SECONDS", 0.5)
    with opened(service.directory) as estate:
        submissions.submit(estate, submissions.good(1))

    async def test(caller):
        other = sqlite3.connect(service.directory / "estate.sqlite")
        other.execute("BEGIN IMMEDIATE")
        root = await caller.submit(submissions.message(submissions.good(1)))
        assert _error(root)[:2] == ("WORKFLOW_ERROR", "WF:BB2")
        assert _error(await caller.result("?BatchId=1"))[:2] == ("WORKFLOW_ERROR", "WF:BB1")
        other.close()
        assert (await caller.result("?BatchId=1")).findtext("BatchStatus") == "PENDING"

    service(test)


def test_certificates_are_those_of_the_csrs(service):
    async def test(caller):
        csr_by_id = {
            f"ID{number}": submissions.device_csr(number // 2, ("ka", "ds")[number % 2])
            for number in range(6)
        }
        number = (await caller.submit(submissions.message(csr_by_id))).findtext("BatchId")
        root = await caller.completed(number)
        for row in root.findall("DeviceCertificate"):
            der = submissions.decoded(row.findtext("Certificate"))
            usage = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(
                x509.KeyUsage
            )
            number = int(row.get("ID").removeprefix("ID"))
            assert usage.value.digital_signature is (number % 2 == 1)
            assert (submissions.FIRST + number // 2).to_bytes(8) in der

    service(test)


# Misbehaviour that is asked for.


def _rows(root):
    return {
        row.get("ID"): (row.findtext("Status"), row.findtext("Error/ErrorCode"))
        for row in root.findall("DeviceCertificate")
    }


@pytest.mark.parametrize("status", ["FORMAT_ERROR", "WORKFLOW_ERROR"])
def test_a_submission_can_be_answered_with_each_error(service, status):
    async def test(caller):
        body = submissions.message(submissions.good(1))
        root = await caller.submit(body)
        prefix = {"FORMAT_ERROR": "FM", "WORKFLOW_ERROR": "WF"}[status]
        assert _error(root) == (status, f"{prefix}:TEST", None)
        with opened(caller.directory) as estate:
            assert not estate.batch_requests.of(None)
        assert (await caller.submit(body)).findtext("BatchStatus") == "PENDING"

    service(test, misbehaviours=(f"{SUBMIT_PATH}=error:{status}:1",))


@pytest.mark.slow
@pytest.mark.parametrize(
    "status", ["REJECTED", "PARSING", "QUEUED", "PROCESSING", "PAUSED", "TAMPERED"]
)
def test_a_result_can_be_answered_with_each_state(service, status):
    _complete(service, 1)

    async def test(caller):
        root = await caller.result("?BatchId=1")
        assert (root.findtext("BatchStatus"), root.findtext("BatchId")) == (status, "1")
        assert _rows(root) == {}
        assert _rows(await caller.result("?BatchId=1")) == {"ID0": ("SUCCESS", None)}

    service(test, misbehaviours=(f"{RESULT_PATH}=error:{status}:1",))


def _complete(service, count):
    """A batch that is complete, before the service starts."""
    with opened(service.directory) as estate:
        number = submissions.submit(estate, submissions.good(count))
    _process(service.directory)
    return number


@pytest.mark.parametrize("status", ["FORMAT_ERROR", "WORKFLOW_ERROR"])
def test_a_query_can_be_answered_with_each_error(service, status):
    async def test(caller):
        assert _error(await caller.result("?BatchId=1")) == (status, code, None)

    code = {"FORMAT_ERROR": "FM:7", "WORKFLOW_ERROR": "WF:7"}[status]
    service(test, misbehaviours=(f"{RESULT_PATH}=error:{status}:{code}",))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("error:ISSUANCE_ANOMALY", "CA:TEST"),
        ("error:INELIGIBLE", "IN:TEST"),
        ("error:CSR_ERROR:CR:9999", "CR:9999"),
        ("error:CA_ERROR", "CA:TEST"),
        ("each:WORKFLOW_ERROR", "WF:TEST"),
    ],
)
def test_each_csr_can_be_answered_with_each_error(service, rule, code):
    _complete(service, 1)

    async def test(caller):
        root = await caller.result("?BatchId=1")
        assert root.findtext("BatchStatus") == "COMPLETED"
        assert _rows(root) == {"ID0": (rule.split(":")[1], code)}

    service(test, misbehaviours=(f"{RESULT_PATH}={rule}",))


def test_a_batch_can_be_pending_for_ever(service):
    _complete(service, 1)

    async def test(caller):
        for _ in range(3):
            root = await caller.result("?BatchId=1")
            assert root.findtext("BatchStatus") == "PENDING"
            assert _rows(root) == {}
        (_, _, entry) = caller.entries("service.batched")[-3:]
        assert entry.body["status"] == "PENDING"

    service(test, misbehaviours=(f"{RESULT_PATH}=pending",))


def _devices(root):
    """The Devices in the certificates of a result, by the IDs of their CSRs."""
    found = {}
    for row in root.findall("DeviceCertificate"):
        text = row.findtext("Certificate")
        if text is not None:
            view = view_certificate(submissions.decoded(text))
            found[row.get("ID")] = view.octets(
                "extensions.subjectAltName.hardwareModuleName.hwSerialNum"
            )
    return found


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 3])
def test_certificates_of_other_devices_can_be_answered(service, count):
    _complete(service, 2)
    number = _complete(service, count)

    async def test(caller):
        wrong = _devices(await caller.result(f"?BatchId={number}"))
        right = _devices(await caller.result(f"?BatchId={number}"))
        assert len(right) == len(wrong) == count
        assert all(wrong[name] != right[name] for name in right)
        assert all(wrong.values())

    service(test, misbehaviours=(f"{RESULT_PATH}=other-device:1",))


def test_certificates_of_another_key_can_be_answered(service):
    number = _complete(service, 2)

    async def test(caller):
        wrong = (await caller.result(f"?BatchId={number}")).findall("DeviceCertificate")
        right = (await caller.result(f"?BatchId={number}")).findall("DeviceCertificate")
        for one, other in zip(wrong, right, strict=True):
            keys = [
                view_certificate(submissions.decoded(each.findtext("Certificate"))).octets(
                    "subjectPublicKeyInfo"
                )
                for each in (one, other)
            ]
            assert keys[0] != keys[1]

    service(test, misbehaviours=(f"{RESULT_PATH}=wrong-certificate:1",))
