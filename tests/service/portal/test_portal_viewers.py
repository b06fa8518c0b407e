"""Who looks at the portal and what they see: the operator, accounts, IKI certificates."""

import json
import re
import shutil

import pytest

from estates import opened
from smki_testca.authority.revocation import Reason
from smki_testca.estate.certificates import Selection
from smki_testca.service.portal.pages import pages
from smki_testca.service.portal.viewer import Viewer
from smki_testca.service.settings import Listener
from smki_testca.x509.pem import to_pem
from visitors import unchecked_tls, visitor_of

TITLED = [page.path for page in pages() if page.title]


def test_a_participant_sees_its_own_and_the_operator_all():
    participant, operator = Viewer("supplier-one", "account one"), Viewer(None, "this machine")
    assert participant.sees("supplier-one")
    assert not participant.sees("meters-one")
    assert not participant.sees(None)
    assert not participant.is_operator
    assert all(map(operator.sees, ("supplier-one", "meters-one", None)))
    assert operator.is_operator


@pytest.fixture
def with_certificate(portal, tmp_path):
    """A visitor over HTTPS with a certificate of the estate, by its label."""

    def visit(**selection):
        with portal.open() as estate:
            (record, *_) = estate.select(Selection(**selection))
            key = estate.private_key(record)
        certificate, key_file = tmp_path / "certificate.pem", tmp_path / "key.pem"
        certificate.write_bytes(to_pem(record.der))
        key_file.write_bytes(to_pem(key, "PRIVATE KEY"))
        return visitor_of(portal, Listener.PORTAL_TLS, unchecked_tls(certificate, key_file))

    return visit


def test_an_iki_certificate_opens_the_portal_as_its_participant(with_certificate):
    visitor = with_certificate(label="iki-supplier-one")
    page = visitor.get("/certificates")
    assert page.status == 200
    assert re.search(r"participant supplier-one \(IKI certificate [0-9A-F]{32}\)", page.text)
    assert "meters-one" not in page.html
    assert "supplier-one" in page.text


@pytest.mark.slow
def test_a_revoked_iki_certificate_opens_nothing_from_that_moment(portal_original, tmp_path, serve):
    directory = tmp_path / "revoked"
    shutil.copytree(portal_original, directory)
    serving = serve(directory, issue_clients=False)
    with opened(directory) as estate:
        (record,) = estate.select(Selection(label="iki-supplier-one"))
        certificate, key_file = tmp_path / "certificate.pem", tmp_path / "key.pem"
        certificate.write_bytes(to_pem(record.der))
        key_file.write_bytes(to_pem(estate.private_key(record), "PRIVATE KEY"))
        visitor = visitor_of(serving, Listener.PORTAL_TLS, unchecked_tls(certificate, key_file))
        assert visitor.get("/").status == 200
        estate.revoke(Selection(serial=record.serial), Reason.KEY_COMPROMISE)
    page = visitor.get("/")
    assert page.status == 403
    assert "is revoked" in page.text
    assert "Certificates by type" not in page.text


@pytest.mark.slow
def test_beyond_this_machine_nobody_sees_anything_before_signing_in(beyond):
    assert Listener.PORTAL not in beyond.running.services.context.addresses
    visitor = visitor_of(beyond, Listener.PORTAL_TLS, unchecked_tls())
    assert visitor.get("/", Host="ca.lab.example").status == 303
    for page in pages():
        for route in page.routes:
            path = re.sub(r"\{[^}]*\}", "1", route.path)
            if route.is_open:
                continue
            if route.method == "GET":
                answer = visitor.get(f"{path}?a=b")
                assert (answer.status, answer.body) == (303, b"")
                assert answer.location.startswith("/sign-in?next=")
            else:
                answer = visitor.post(path, {})
                assert answer.status == 401
                assert "You are not signed in" in answer.text
    assert "supplier" not in visitor.get("/nothing").html


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "seen"), [("one", {"supplier-one"}), ("olga", {"supplier-one", "meters-one"})]
)
def test_beyond_this_machine_an_account_sees_what_is_its_own(beyond, name, seen):
    visitor = visitor_of(beyond, Listener.PORTAL_TLS, unchecked_tls())
    answer = visitor.sign_in(name, onward="/certificates?environment=ZAZ1")
    assert answer.location == "/certificates?environment=ZAZ1"
    page = visitor.get(answer.location)
    found = {each for each in ("supplier-one", "meters-one") if f">{each}</td>" in page.html}
    assert found == seen


@pytest.fixture(scope="session")
def secrets_of_others(portal):
    """What meters-one must not see of others: serials, labels and agreements."""
    with portal.open() as estate:
        others = [
            record
            for record in estate.select(Selection())
            if record.participant not in {None, "meters-one"}
        ]
        register = estate.register.load()
        names = {each for each in register.participants if each != "meters-one"}
        references = {
            each.reference for each in register.agreements.values() if each.participant in names
        }
    serials = {str(record.serial) for record in others}
    labels = {record.label for record in others if record.label}
    # The word dcc is on pages for other reasons.
    return serials | references | labels | names - {"dcc"}


@pytest.mark.slow
@pytest.mark.parametrize("path", TITLED)
def test_a_participant_sees_nothing_of_others_on_any_page(two, secrets_of_others, path):
    page = two.get(path)
    assert page.status == 200
    assert not {each for each in secrets_of_others if each in page.html}


def test_a_participant_cannot_have_the_certificate_of_another_by_its_address(portal, one, two):
    with portal.open() as estate:
        (record,) = estate.select(Selection(label="iki-supplier-one"))
    paths = [
        f"/certificates/{record.serial}",
        f"/certificates/{record.serial}/files/certificate.pem",
        f"/certificates/{record.serial}/export/pem",
    ]
    for path in paths:
        assert one.get(path).status == 200
        answer = two.get(path)
        assert answer.status == 404
        # It is answered as one that there is not.
        nobody = two.get(path.replace(str(record.serial), "1" + "0" * 31))
        assert answer.text.replace(str(record.serial), "") == nobody.text.replace(
            "1" + "0" * 31, ""
        )


def test_a_participant_cannot_search_in_what_is_of_others(one, two):
    for query in ("participant=supplier-one", "cn=supplier-one", "label=iki-*", "role=supplier"):
        assert "iki-supplier-one" in one.get(f"/certificates?{query}").text
        page = two.get(f"/certificates?{query}")
        assert page.status == 200
        assert "iki-supplier-one" not in page.text
    assert 'name="participant"' not in two.get("/certificates").html


def test_the_cas_are_for_everybody(portal, two):
    with portal.open() as estate:
        authorities = estate.certificates.authorities()
    overview = two.get("/")
    for record in authorities:
        path = f"/certificates/{record.serial}"
        assert path in overview.links
        assert two.get(path).status == 200


def test_a_participant_sees_the_entries_that_tell_of_it_alone(portal, operator, one, two):
    with portal.open() as estate:
        entries = estate.audit.entries()
    owners = {}
    for entry in entries:
        body = json.dumps(entry.body)
        named = set(re.findall(r'"participant": "([a-z-]+)"', body))
        owners[entry.number] = named if '"participants"' not in body else {"several", *named}
    for visitor, name in ((one, "supplier-one"), (two, "meters-one")):
        own = [number for number, named in owners.items() if named == {name}]
        other = [number for number, named in owners.items() if named - {name}]
        assert own
        assert other
        for number in own[:3]:
            assert visitor.get(f"/audit/{number}").status == 200
        for number in (*other[:3], 1, len(entries) + 1):
            assert visitor.get(f"/audit/{number}").status == 404
    assert operator.get("/audit/1").status == 200
    assert operator.get(f"/audit/{len(entries) + 1}").status == 404


def test_only_the_operator_verifies_the_log(one, operator):
    page = one.post("/audit/verify", {"token": one.get("/sign-in").token})
    assert page.status == 403
    assert "Only the operator" in page.text
    assert operator.submit("/audit", "/audit/verify", {}).status == 303
