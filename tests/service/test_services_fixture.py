"""The fixture smki_services, as a suite of a head-end uses it."""

pytest_plugins = ["pytester"]

SUITE = """
import http.client, json, ssl
import urllib.request
from urllib.parse import urlsplit

def post(services, name, body, path=None):
    where = urlsplit(services.url(name))
    connection = http.client.HTTPSConnection(
        where.hostname, where.port, context=services.client_context(name), timeout=20
    )
    connection.request("POST", path or where.path, body, {"Content-Type": "application/xml"})
    answer = connection.getresponse()
    return answer.status, answer.read()

def test_the_service_says_what_is_wrong(smki_services):
    status, answer = post(smki_services, "adhoc", b"<nonsense/>")
    assert status == 200
    assert b"<Status>FORMAT_ERROR</Status>" in answer

def test_it_misbehaves_in_this_test(smki_services):
    smki_services.misbehave("adhoc:*=503")
    assert post(smki_services, "adhoc", b"<nonsense/>")[0] == 503

def test_and_behaves_in_the_next(smki_services):
    assert post(smki_services, "adhoc", b"<nonsense/>")[0] == 200

def test_the_repository_finds_what_a_test_issues(smki_services, smki_issue):
    issued = smki_issue("device", device_id="00-DB-12-00-00-00-00-77", usage="digital-signature")
    body = (
        "<CertificateDataRequest><CertificateSerial>%s</CertificateSerial></CertificateDataRequest>"
        % issued.record.serial
    )
    request = urllib.request.Request(
        smki_services.url("repository") + "/services/retrievecertificate?apikey=test",
        body.encode(), {"Content-Type": "application/xml"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert str(issued.record.serial).encode() in answer.read()
"""


def test_services_run_for_a_suite_and_misbehave_for_one_test(pytester):
    pytester.makepyfile(SUITE)
    outcome = pytester.runpytest_subprocess(
        "-p", "no:randomly", "-p", "no:cacheprovider", "-n", "0"
    )
    outcome.assert_outcomes(passed=4)
