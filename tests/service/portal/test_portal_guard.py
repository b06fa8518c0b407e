"""Who may ask the portal: hosts, origins, tokens and sizes of forms."""

import socket
from urllib.parse import urlsplit

import pytest

from smki_testca.service import listening
from smki_testca.service.portal.page_declaration import MAX_FORM
from smki_testca.service.portal.pages.sign_in import target
from visitors import visitor_of


@pytest.mark.parametrize(
    "host",
    [
        *("attacker.example", "localhost.attacker.example", "attacker.example:80"),
        *("user@localhost", "localhost:0x50", "127.0.0.1.nip.io", "[::1", "localhost/.."),
    ],
)
def test_a_name_that_leads_to_this_machine_is_not_answered(operator, host):
    page = operator.get("/", Host=host)
    assert page.status in {400, 421}
    assert "supplier" not in page.html


def test_a_rebound_name_is_told_what_to_use(operator):
    page = operator.get("/certificates", Host="attacker.example")
    assert page.status == 421
    assert "does not answer for the host 'attacker.example'" in page.text


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST", "192.0.2.7"])
def test_this_machine_is_answered_by_its_names_and_addresses(operator, host):
    port = urlsplit(operator.url).port
    assert operator.get("/", Host=f"{host}:{port}").status == 200


def test_this_machine_is_answered_by_its_host_name(operator):
    assert operator.get("/", Host=socket.gethostname()).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://attacker.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
    ids=str,
)
def test_a_form_of_another_site_changes_nothing(operator, headers):
    page = operator.submit("/audit", "/audit/verify", {}, **headers)
    assert page.status == 403
    assert "by a page of another site" in page.text


def test_a_form_of_ours_is_taken_with_the_headers_of_a_browser(operator):
    headers = {"Origin": operator.url, "Sec_Fetch_Site": "same-origin"}
    assert operator.submit("/audit", "/audit/verify", {}, **headers).status == 303


@pytest.mark.parametrize("token", ["", "0" * 64, "ü"])
def test_a_form_without_its_token_changes_nothing(operator, token):
    operator.get("/audit")
    page = operator.post("/audit/verify", {"token": token})
    assert page.status == 403
    assert "not from this session" in page.text


def test_the_token_of_another_visitor_is_worth_nothing(operator, one):
    page = operator.post("/audit/verify", {"token": one.get("/audit").token})
    assert page.status == 403


def test_a_link_of_another_site_may_lead_here(operator):
    assert operator.get("/", Sec_Fetch_Site="cross-site", Referer="https://a.example").status == 200


def test_a_form_that_is_too_large_is_not_read(operator):
    token = operator.get("/audit").token
    page = operator.post("/audit/verify", {"token": token, "more": "x" * MAX_FORM})
    assert page.status == 413
    assert "larger than the 64 KiB" in page.text


@pytest.mark.slow
def test_a_form_that_does_not_say_its_length_is_cut_off_as_well(operator):
    answer = b""
    parts = urlsplit(operator.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as connection:
        connection.sendall(
            b"POST /audit/verify HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        )
        for _ in range(20):
            connection.sendall(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
            connection.settimeout(0.05)
            try:
                answer = connection.recv(4096)
                break
            except TimeoutError:
                continue
    assert answer.startswith(b"HTTP/1.1 413 ")


def _part(boundary, name):
    return f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n\r\n'


@pytest.mark.parametrize(
    "octets",
    [_part("x", "a").encode() * 400, b"--x\r\n" + b"A: " + b"a" * 20_000, b"\r\n" * 10_000],
    ids=["empty parts", "a head", "nothing"],
)
def test_every_octet_of_a_form_with_files_counts(portal, operator, octets):
    parts, told = urlsplit(operator.url), len(portal.told)
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as connection:
        connection.sendall(
            b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
        )
        connection.sendall(f"{len(octets):x}\r\n".encode() + octets + b"\r\n")
        # The rest of it never comes.
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")
    assert not any("internal" in line for line in portal.told[told:])


@pytest.mark.slow
@pytest.mark.parametrize(
    "content_type", ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded"]
)
def test_a_form_that_does_not_come_in_time_is_told_so(operator, monkeypatch, content_type):
    monkeypatch.setattr(listening, "BODY_SECONDS", 0.5)
    parts = urlsplit(operator.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as connection:
        head = "POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n"
        connection.sendall(f"{head}Content-Type: {content_type}\r\n\r\n--x\r\n".encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("text/plain", "token=x", 415),
        ("application/json", "{}", 415),
        ("application/x-www-form-urlencoded", "&".join(f"n{n}=" for n in range(101)), 400),
        ("application/x-www-form-urlencoded", "name=%FF%FE", 400),
        ("multipart/form-data", "nothing", 400),
        ("multipart/form-data; boundary=b", "--b\r\n\r\nno name\r\n--b--\r\n", 400),
        ("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; na", 400),
        ("multipart/form-data; boundary=b", "--b\r\n" + "A: a\r\n" * 5_000 + "\r\n--b--\r\n", 400),
        ("multipart/form-data; boundary=b", "a" * 60_000 + "\r\n--b--\r\n", 400),
        ("multipart/form-data; boundary=b", "\r\n" * 30_000 + "--b--\r\n", 400),
        (f"multipart/form-data; boundary={'b' * 40}", _part("b" * 40, "_charset_") * 2, 400),
        ("multipart/form-data; boundary=b", _part("b", "same") * 101 + "--b--\r\n", 413),
    ],
)
def test_what_is_no_form_of_ours_is_told_so(operator, content_type, body, status):
    page = operator.ask("POST", "/audit/verify", body, Content_Type=content_type)
    assert page.status == status
    assert page.headers.get_content_type() == "text/html"
    assert operator.get("/").status == 200


def test_a_field_of_a_form_with_files_has_a_limit(operator):
    page = operator.submit("/lint", "/lint", {"text": "x" * 70_000}, files={"file": ("", b"")})
    assert page.status == 413


def test_a_file_that_is_too_large_is_told_however_it_is_sent(operator):
    page = operator.submit("/lint", "/lint", {}, files={"file": ("big.pem", bytes(3 << 20))})
    assert page.status == 413
    assert "larger than the 2 MiB" in page.text
    assert operator.get("/lint").status == 200


@pytest.mark.parametrize("path", ["/certificates?cn=", "/audit?action=", "/certificates?eui64="])
def test_a_value_of_the_query_has_a_limit(operator, path):
    page = operator.get(path + "x" * 201)
    assert page.status == 400
    assert "more than 200 characters" in page.text


@pytest.mark.parametrize(
    "given",
    [
        *("//attacker.example/", "https://attacker.example/", "/\\attacker.example", "attacker"),
        *("javascript:alert(1)", "/a\r\nSet-Cookie: a=b", "/ü", "", "/" + "a" * 2000),
        *("/sign-in", "/sign-out", "\t//attacker.example", "/\t/attacker.example", "http:/a"),
    ],
)
def test_after_signing_in_nobody_is_led_elsewhere(given):
    assert target(given) == "/"


@pytest.mark.parametrize("given", ["/", "/certificates?cn=a&status=in-use", "/audit/7"])
def test_after_signing_in_a_visitor_gets_what_was_asked_for(given):
    assert target(given) == given


@pytest.mark.slow
def test_services_answer_for_the_names_that_they_were_given(serve):
    visitor = visitor_of(serve(host_names=("Test.Example",)))
    assert visitor.get("/", Host="test.example").status == 200
    assert visitor.get("/", Host="other.example").status == 421
