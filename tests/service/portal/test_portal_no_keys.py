"""Private keys are never served: every route is asked, and no answer has anything of a key."""

import base64
import io
import re
import zipfile

import pytest

from smki_testca.estate.certificates import Selection
from smki_testca.exporters.registry import FORMATS
from smki_testca.service.portal.pages import pages
from smki_testca.x509.private_keys import from_pkcs8

MARKS = (b"PRIVATE KEY", b"KEYS-ARE-NOT-SECRET")


@pytest.fixture(scope="session")
def secrets(portal):
    """What would be in an answer that has a private key: its octets, in each way to write them."""
    with portal.open() as estate:
        records = list(estate.select(Selection()))
        keys = [key for key in map(estate.private_key, records) if key is not None]
    numbers = set()
    for key in keys:
        private = from_pkcs8(key).private_numbers()
        number = getattr(private, "private_value", None) or private.p
        # The first half, so that no way to end it matters.
        octets = number.to_bytes((number.bit_length() + 7) // 8)[:15]
        numbers |= {octets, octets.hex().encode(), octets.hex().upper().encode()}
        numbers.add(base64.b64encode(octets))
        numbers.add(b", ".join(f"0x{octet:02x}".encode() for octet in octets))
    assert len(keys) > 20
    return numbers


def _paths(portal):
    """Every path of every page, with each value that the estate has for its parts."""
    with portal.open() as estate:
        records = list(estate.select(Selection()))
        numbers = [entry.number for entry in estate.audit.entries(8)]
        participants = list(estate.register.load().participants)
    chosen = {record.profile: record for record in records}.values()
    values = {
        "serial": [record.serial for record in chosen],
        "number": numbers,
        "participant": participants,
        "file": ["certificate.pem", "certificate.der", "chain.pem", "key.pem"],
        "form": list(FORMATS),
    }
    for page in pages():
        for route in page.routes:
            if route.method == "GET":
                yield from _filled(route.path, values)


def _filled(path, values):
    part = re.search(r"\{([^}:]*)[^}]*\}", path)
    if part is None:
        yield path
        return
    for value in values.get(part[1], ["1"]):
        yield from _filled(path.replace(part[0], str(value), 1), values)


def _contents(answer):
    yield answer.body
    if answer.body.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
            for name in archive.namelist():
                yield name.encode()
                yield archive.read(name)


@pytest.mark.slow
@pytest.mark.parametrize("who", ["operator", "one"])
def test_no_route_serves_a_private_key(portal, secrets, request, who):
    visitor = request.getfixturevalue(who)
    served = 0
    for path in _paths(portal):
        answer = visitor.get(path)
        assert answer.status in {200, 303, 400, 404}, path
        served += answer.status == 200
        for content in _contents(answer):
            assert not [mark for mark in MARKS if mark in content], path
            assert not [number for number in secrets if number in content], path
    assert served > 50
