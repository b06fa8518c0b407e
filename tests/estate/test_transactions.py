"""Transactions inside others: parts that fail by themselves, and are safe with the whole."""

import contextlib

from smki_testca.api import Estate
from smki_testca.estate.certificates import Selection


def names(estate):
    return [one.reference for one in estate.register.load().agreements.values() if one.suspended]


def test_a_part_that_fails_is_undone_and_the_rest_goes_on(estate):
    with estate.transaction():
        estate.register.set_suspended("SEC-2020-001", suspended=True)
        with contextlib.suppress(KeyError), estate.transaction():
            estate.register.set_suspended("SEC-2020-002", suspended=True)
            raise KeyError
        estate.register.set_suspended("SEC-2020-003", suspended=True)
    assert sorted(names(estate)) == ["SEC-2020-001", "SEC-2020-003"]
    estate.audit.verify()


def test_parts_are_undone_with_the_whole(estate):
    before = len(list(estate.audit.entries()))
    with contextlib.suppress(KeyError), estate.transaction():
        with estate.transaction():
            estate.register.set_suspended("SEC-2020-001", suspended=True)
        raise KeyError
    assert names(estate) == []
    assert len(list(estate.audit.entries())) == before
    assert estate.certificates.select(Selection(label="Z1-supplier-ds"))


def test_the_register_is_read_anew_when_another_process_changed_it(quickstart, estate):

    assert len(estate.register.load().participant("rdp-one").ids) == 1
    with Estate.open(quickstart, lambda: "unused") as other:
        other.register.allocate("rdp-one", "RDP", 1)
    assert len(estate.register.load().participant("rdp-one").ids) == 2
