"""Processes that renew, revoke and issue lists, killed or two at once: nothing is lost."""

import random
import signal
import subprocess
import sys
import time

import pytest
from cryptography import x509

from estates import opened
from smki_testca.estate.certificates import Selection
from smki_testca.estate.status import Status
from smki_testca.identifiers import Eui64, SerialNumber
from smki_testca.profiles.model import Hierarchy, Tier
from smki_testca.profiles.typed_subjects import OrganisationSubject
from smki_testca.roles import KeyUsage

pytestmark = pytest.mark.slow

KILLS = 4
COUNT = 24

# Renews and revokes each certificate, a list after each, then lists without end, and says so.
WORKER = """
import sys
from pathlib import Path
from smki_testca.authority.revocation import Reason
from smki_testca.api import Estate
from smki_testca.estate.certificates import Selection
from smki_testca.identifiers import SerialNumber
from smki_testca.profiles.model import Hierarchy, Tier

directory, endless, *serials = sys.argv[1:]
phrase = (Path(directory) / "passphrase").read_text().strip()
with Estate.open(Path(directory), lambda: phrase) as estate:
    def issue():
        made = estate.issue_revocation_list(Hierarchy.ORGANISATION, Tier.ISSUING)
        print("list", made.number, made.count, flush=True)
    issue()
    for text in serials:
        one = Selection(serial=SerialNumber.parse(text))
        (renewal,) = estate.renew(one)
        print("renewed", text, renewal.record.serial, flush=True)
        estate.revoke(one, Reason.SUPERSEDED)
        print("revoked", text, flush=True)
        issue()
    while endless == "endless":
        issue()
"""


@pytest.fixture
def filled(quickstart):
    """The quickstart estate with some more Organisation Certificates."""
    with opened(quickstart) as estate:
        role = estate.library.roles.remote_party_role("supplier")
        subject = OrganisationSubject(Eui64.parse("90-B3-D5-1F-30-01-00-00"), role, None)
        usages = (KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_AGREEMENT)
        request = estate.request("supplier-one", "uept", subject, usages)
        for _ in range(COUNT // 2):
            estate.issue(request, label="to be revoked")
    return quickstart


def _to_revoke(estate):
    selection = Selection(label="to be revoked", status=Status.IN_USE)
    return [str(one.serial) for one in estate.select(selection)]


def _start(directory, how, serials):
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, str(directory), how, *serials],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _check_renewed(estate, before, after):
    """See that a renewal is whole: the certificate, its key, and what it took the place of."""
    record = estate.by_serial(SerialNumber.parse(after))
    assert estate.private_key(record) is not None
    assert str(estate.renewal_links.predecessor(record.serial)) == before
    predecessor = estate.by_serial(SerialNumber.parse(before))
    assert estate.status(predecessor) in {Status.NOT_IN_USE, Status.REVOKED}
    assert len(estate.renewal_links.successors(predecessor.serial)) == 1


def _check(directory, said, numbers_before):
    """See that all that was said is there, and that the numbers only rose."""
    with opened(directory) as estate:
        lists = estate.revocation_lists(current_only=False)
        numbers = [one.number for one in lists]
        assert numbers == list(range(1, len(numbers) + 1))
        assert numbers[: len(numbers_before)] == numbers_before
        revoked = {str(one.serial) for one in estate.select(Selection(status=Status.REVOKED))}
        for kind, what, *more in said:
            if kind == "renewed":
                _check_renewed(estate, what, more[0])
            else:
                assert what in revoked if kind == "revoked" else int(what) in numbers
        assert estate.audit.verify()
        made = estate.issue_revocation_list(Hierarchy.ORGANISATION, Tier.ISSUING)
        named = {f"{one.serial_number:032X}" for one in x509.load_der_x509_crl(made.der)}
        assert named == revoked
        return [*numbers, made.number]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL")
def test_killed_at_random_moments_no_number_goes_back_and_nothing_reported_is_lost(filled):
    chance = random.Random(20261123)
    numbers = []
    for _ in range(KILLS):
        with opened(filled) as estate:
            serials = _to_revoke(estate)
        with _start(filled, "endless", serials) as process:
            # So much is reported, however slow the machine is; then the moment is a random one.
            first = "".join(process.stdout.readline() for _ in range(chance.randint(1, 12)))
            time.sleep(chance.random() / 100)
            process.kill()
            rest = process.stdout.read()
        # The last line may have been cut off.
        said = [
            line.split() for line in (first + rest).splitlines(keepends=True) if line[-1] == "\n"
        ]
        assert len(said) >= first.count("\n") > 0
        numbers = _check(filled, said, numbers)


def test_two_processes_at_once_lose_nothing_and_use_no_number_twice(filled):
    with opened(filled) as estate:
        serials = _to_revoke(estate)
    running = [_start(filled, "once", serials[place::2]) for place in range(2)]
    said = []
    for process in running:
        out, err = process.communicate()
        assert (process.returncode, err) == (0, "")
        said += [line.split() for line in out.splitlines()]
    _check(filled, said, [])
    issued = [int(line[1]) for line in said if line[0] == "list"]
    assert sorted(issued) == list(range(1, COUNT + 3))
    assert sum(line[0] == "revoked" for line in said) == COUNT
