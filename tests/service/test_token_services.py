"""Services whose CAs have their keys in a token, which goes and comes back."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from lxml import etree

import csrs
import scripts
import submissions
from batches import DEVICE_PURPOSE, HW_TYPE
from serving import Serving
from smki_testca.api import Estate
from smki_testca.errors import EstateError
from smki_testca.estate.batch_requests import BatchState
from smki_testca.identifiers import Eui64
from smki_testca.profiles.typed_subjects import DeviceSubject
from smki_testca.roles import KeyUsage
from smki_testca.service.device_csr import batch_process
from smki_testca.service.estate_access import EstateAccess, TokenSecrets
from smki_testca.service.in_thread import ServicesInThread
from smki_testca.service.paths import SUBMIT_PATH
from smki_testca.service.settings import Settings
from token_estates import PHRASE
from tokens import LABEL, PIN, TrialToken
from visitors import visitor_of

pytestmark = pytest.mark.interop

killing = scripts.load("killing")
PATIENCE = 60
XML = ("--header", "Content-Type: application/xml;charset=UTF-8")
DEVICE = 0x00DB12_00_0000_6000
"""A Device that has a certificate: the Ad Hoc service issues the first one to none."""
FAULTS = ("PKCS11_FAULT", "PKCS11_FAULT_MODULE", "PKCS11_FAULT_LOG", "PKCS11_FAULT_AWAY")


@dataclass(frozen=True)
class TokenServices:
    """A copy of the estate and its token, and what happens between the two.

    Attributes:
        token: of the estate.
        directory: the estate.
        secrets: with which the services reach the token.
        away: a file; while it exists, the token is not there.
        log: the calls of the module.
    """

    token: TrialToken
    directory: Path
    secrets: TokenSecrets
    away: Path
    log: Path

    def access(self, pin=PIN):
        secrets = TokenSecrets(self.secrets.module, {LABEL: pin})
        return EstateAccess(self.directory, PHRASE, tokens=secrets)

    @contextlib.contextmanager
    def serving(self, pin=PIN):
        """The services, as they run."""
        told: list[str] = []
        with ServicesInThread(self.access(pin), Settings(port_base=0), told.append) as running:
            yield Serving(self.directory, PHRASE, running, told)

    def logins(self):
        """How many times a PIN was tried."""
        return self.log.read_text().split().count("C_Login")

    @contextlib.contextmanager
    def removed(self):
        """Without the token."""
        self.away.touch()
        try:
            yield
        finally:
            self.away.unlink()


def _services(original, fault, folder, patch):
    (folder / "token").mkdir()
    token = original.token.copy(folder / "token").use(patch)
    directory = folder / "estate"
    shutil.copytree(original.directory, directory)
    away, log = folder / "away", folder / "calls"
    for name, value in zip(FAULTS, ("", token.module, log, away), strict=True):
        patch.setenv(name, str(value))
    with Estate.open(directory, PHRASE, token_access=token.access()) as estate:
        subject = DeviceSubject(Eui64(DEVICE), HW_TYPE)
        usages = (KeyUsage.KEY_AGREEMENT,)
        estate.issue(estate.request("meters-one", DEVICE_PURPOSE, subject, usages))
    return TokenServices(token, directory, TokenSecrets(fault), away, log)


@pytest.fixture
def services(token_estate_original, pkcs11_fault, tmp_path, monkeypatch):
    """Services of a test's own, which it starts."""
    return _services(token_estate_original, pkcs11_fault, tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def shared(token_estate_original, pkcs11_fault, tmp_path_factory):
    """Services that tests share, and as they run."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("token-services")
        services = _services(token_estate_original, pkcs11_fault, folder, patch)
        with services.serving() as serving:
            yield services, serving


def _csr():
    return csrs.device(csrs.new_key(), device_id=DEVICE.to_bytes(8))


def _asked(serving):
    """The status and the error code with which the Ad Hoc service answers a new CSR."""
    text = base64.b64encode(_csr()).decode()
    body = (
        '<DeviceCertificateSigningRequest ID="c1"><Version>1.0</Version>'
        f"<CertificateSigningRequest>{text}</CertificateSigningRequest>"
        "</DeviceCertificateSigningRequest>"
    )
    answer = serving.curl("adhoc", *XML, "--data-binary", body)
    assert answer.returncode == 0, answer.stderr
    root = etree.fromstring(answer.stdout)
    return root.findtext("Status"), root.findtext("Error/ErrorCode")


SIGNED = ("SUCCESS", None)
NOT_NOW = ("CA_ERROR", "CA:ESTATE")


def _until(is_true):
    until = time.monotonic() + PATIENCE
    while not (found := is_true()):
        assert time.monotonic() < until
        time.sleep(0.05)
    return found


def _token_process(services):
    """The token process of services in this process."""
    (found,) = [pid for pid in killing.children(os.getpid()) if _is_token_process(pid, services)]
    return found


def _is_token_process(pid, services):
    try:
        words, variables = (
            Path("/proc", str(pid), name).read_bytes() for name in ("cmdline", "environ")
        )
    except OSError:  # it has ended
        return False
    configuration = str(services.token.configuration).encode()
    return b"signers.tokens.process" in words and configuration in variables


def test_requests_and_the_portal_are_answered_by_the_token(shared):
    _, serving = shared
    assert _asked(serving) == SIGNED
    fields = {"participant": "meters-one", "purpose": DEVICE_PURPOSE, "csr": ""}
    files = {"file": ("meter.csr", _csr())}
    answer = visitor_of(serving).submit("/submit", "/submit", fields, files)
    assert "The certificate is issued" in answer.text


@pytest.mark.slow
def test_without_the_token_requests_get_the_services_error_until_it_is_back(shared):
    services, serving = shared
    with services.removed():
        assert _asked(serving) == NOT_NOW
        fields = {"participant": "meters-one", "purpose": DEVICE_PURPOSE, "csr": ""}
        files = {"file": ("meter.csr", _csr())}
        answer = visitor_of(serving).submit("/submit", "/submit", fields, files)
        assert "The certificate is issued" not in answer.text
        assert serving.curl("control", path="/health").returncode == 0
    assert _asked(serving) == SIGNED
    with serving.open() as estate:
        assert estate.audit.verify()


@pytest.mark.slow
def test_the_tokens_content_may_be_away_and_come_back(shared):
    services, serving = shared
    assert _asked(serving) == SIGNED
    away = services.directory.with_name("objects")
    away.mkdir()
    places = {path: away / path.name for path in services.token.objects}
    for path, place in places.items():
        path.rename(place)
    assert [_asked(serving) for _ in range(2)] == [NOT_NOW] * 2
    for path, place in places.items():
        place.rename(path)
    assert _asked(serving) == SIGNED


@pytest.mark.slow
def test_the_token_process_may_be_killed(shared):
    services, serving = shared
    _asked(serving)
    killed = _token_process(services)
    os.kill(killed, signal.SIGKILL)
    killing.wait_for_end([killed])
    before = services.logins()
    assert _asked(serving) == SIGNED
    assert _asked(serving) == SIGNED
    assert services.logins() == before + 1


@pytest.mark.slow
def test_a_submitted_batch_is_signed_by_a_process_that_gets_the_pin_by_its_input(shared):
    services, serving = shared
    message = services.directory.parent / "message.xml"
    message.write_bytes(submissions.message(submissions.good(3)))
    answer = serving.curl("batched", *XML, "--data-binary", f"@{message}", path=SUBMIT_PATH)
    assert answer.returncode == 0, answer.stderr

    def is_completed():
        with serving.open() as estate:
            return estate.batch_requests.get(1).state is BatchState.COMPLETED

    _until(is_completed)
    children = [pid for pid in killing.children(os.getpid()) if killing.alive(pid)]
    assert len(children) >= 2  # the token process of the requests, and the batch process
    family = [*children, *(pid for child in children for pid in killing.children(child))]
    for pid in family:
        for name in ("cmdline", "environ"):
            assert PIN.encode() not in Path("/proc", str(pid), name).read_bytes()
    with serving.open() as estate:
        assert estate.runs.get(1).issued == 3
    assert serving.told == [line for line in serving.told if "batch" not in line]


@pytest.mark.slow
def test_a_batch_waits_for_its_token(services):
    with Estate.open(services.directory, PHRASE) as estate:
        submissions.submit(estate, submissions.good(2))
    access = services.access()
    with services.removed():
        process = subprocess.Popen(
            batch_process.command(access, None, 1), stdin=subprocess.PIPE, stderr=subprocess.PIPE
        )
        patience = threading.Timer(PATIENCE, process.kill)
        patience.start()
        try:
            process.stdin.write(batch_process.secret_line(access))
            process.stdin.flush()
            line = process.stderr.readline().decode()
        finally:
            patience.cancel()
            process.kill()
            process.communicate()
    assert line.startswith("batch 1: There is no token pkcs11:token=smki")
    with Estate.open(services.directory, PHRASE) as estate:
        assert not estate.batch_requests.get(1).state.has_ended
        assert estate.runs.all() == []


@pytest.mark.slow
def test_with_a_wrong_pin_the_services_do_not_start_and_it_is_tried_once(services):
    with pytest.raises(EstateError, match="does not accept the PIN"), services.serving("wrong"):
        raise AssertionError
    assert services.logins() == 1


def test_services_that_began_before_a_key_was_in_a_token_sign_nothing_with_it(services):
    before = EstateAccess(services.directory, PHRASE)
    with before.open() as estate:
        subject = DeviceSubject(Eui64(DEVICE), HW_TYPE)
        request = estate.request("meters-one", DEVICE_PURPOSE, subject, (KeyUsage.KEY_AGREEMENT,))
        with pytest.raises(EstateError, match="when the services started") as caught:
            estate.issue(request)
    assert caught.value.code == "token.unprepared"
    assert not services.log.exists()  # the module was not called at all


@pytest.mark.slow
def test_a_pin_that_becomes_wrong_is_tried_once_more_and_not_again(services):
    with services.serving() as serving:
        assert _asked(serving) == SIGNED
        killed = _token_process(services)
        os.kill(killed, signal.SIGKILL)
        killing.wait_for_end([killed])
        services.token.tool("--change-pin", "--new-pin", "another-pin")
        before = services.logins()
        assert [_asked(serving) for _ in range(3)] == [NOT_NOW] * 3
        assert services.logins() == before + 1


@pytest.mark.slow
def test_the_services_start_without_the_token_if_they_need_not_issue(services):
    with services.serving():
        pass  # it has certificates for its clients now
    with services.removed(), services.serving() as serving:
        assert any("There is no token" in line for line in serving.told)
        assert _asked(serving) == NOT_NOW
        services.away.rename(services.log.with_name("elsewhere"))
        assert _asked(serving) == SIGNED
        services.away.touch()


@pytest.mark.slow
def test_serve_does_not_start_with_a_wrong_pin(services, command, monkeypatch):
    monkeypatch.setenv("SMKI_TESTCA_TOKEN_PIN", "wrong")
    monkeypatch.setenv("SMKI_TESTCA_PKCS11_MODULE", str(services.secrets.module))
    outcome = command("--estate", services.directory, "serve", "--port-base", 0)
    assert outcome.code == 5
    (line,) = outcome.err.splitlines()
    assert line.startswith("error: The token 'smki' does not accept the PIN.")
    assert services.logins() == 1


@pytest.mark.slow
def test_serve_reads_the_pin_from_a_file_and_hands_it_to_no_other_process(services, monkeypatch):
    monkeypatch.setenv("SMKI_TESTCA_PKCS11_MODULE", str(services.secrets.module))
    pin_file = services.directory.with_name("pin")
    pin_file.write_text(f"{PIN}\n")
    with Estate.open(services.directory, PHRASE) as estate:
        submissions.submit(estate, submissions.good(2))
    words = ("--json", "--estate", services.directory, "serve", "--port-base", "0")
    with subprocess.Popen(
        [sys.executable, "-m", "smki_testca", *words, "--token-pin-file", pin_file],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        patience = threading.Timer(PATIENCE, process.kill)
        patience.start()
        served = json.loads(process.stdout.readline())["services"]

        def is_completed():
            with Estate.open(services.directory, PHRASE) as estate:
                return estate.batch_requests.get(1).state is BatchState.COMPLETED

        _until(is_completed)
        family = killing.children(process.pid)
        for pid in (process.pid, *family):
            for name in ("cmdline", "environ"):
                assert PIN.encode() not in Path("/proc", str(pid), name).read_bytes()
        family += [each for pid in family for each in killing.children(pid)]
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate()
        patience.cancel()
    assert process.returncode == 0, err
    assert served["adhoc"]["url"].startswith("https://")
    killing.wait_for_end(family)
