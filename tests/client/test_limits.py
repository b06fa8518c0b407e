"""How much of an answer is read is bounded, and stated in the documentation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import csrs
from smki_testca.client import adhoc_request, caller, csr_batch, list_download, repository_query
from smki_testca.client.address import Address
from smki_testca.client.caller import ServiceCaller, ServiceRequest
from smki_testca.client.csr_batch import BatchAddresses, BatchCsr
from smki_testca.client.repository_account import RepositoryAccount
from smki_testca.client.repository_query import RepositoryClient
from smki_testca.client.trace import Trace

PAGE = (Path(__file__).parent.parent.parent / "docs" / "client.md").read_text("utf-8")
MIB = 1 << 20
ADDRESS = Address.parse("http://localhost:1/a.crl")
BASE = Address.parse("http://localhost:1")
CSR = csrs.device(csrs.new_key())


class AskedError(Exception):
    """What would have been asked."""


@pytest.fixture
def calls(monkeypatch):
    """The limit of the request that a call makes."""

    def call(_self, request: ServiceRequest, _trace):
        raise AskedError(request.limit)

    monkeypatch.setattr(ServiceCaller, "call", call)

    def limit(function, *arguments):
        with pytest.raises(AskedError) as caught:
            function(*arguments)
        return caught.value.args[0]

    return limit


def stated(row):
    """The sizes that a row of the page states, in octets."""
    (line,) = [each for each in PAGE.splitlines() if each.startswith(f"| {row} |")]
    return [int(number) * MIB for number in re.findall(r"([0-9]+) MiB", line)]


def test_each_call_reads_as_much_as_the_page_says(calls):
    how, trace = ServiceCaller(), Trace()
    both = BatchAddresses.of(BASE)
    batch = [BatchCsr("csr-000001", "a", CSR)]
    repository = RepositoryClient(how, BASE)
    (short,) = stated("the answer to an ad hoc request, or to the submission of a batch")
    assert calls(adhoc_request.submit, how, BASE, CSR, "r", trace) == short
    assert calls(csr_batch.submit, how, both, batch, "r", trace) == short
    assert [calls(csr_batch.ask, how, both, 1, trace)] == stated("the result of a batch")
    answer = stated("the answer of a search or retrieval")
    assert [calls(repository.search, "A", trace)] == answer
    assert [calls(repository.retrieve, "AB", trace)] == answer
    *_, as_pem = stated("a revocation list")
    assert (
        calls(list_download.download, how, ADDRESS, RepositoryAccount(), [], None, trace) == as_pem
    )


def test_the_other_limits_are_those_of_the_page():
    assert csr_batch.PATIENCE == 3
    assert "takes three failures in a row" in PAGE
    assert caller.BODY_TIMES == 10
    assert "may take ten times as long" in PAGE
    assert repository_query.MAX_ANSWER_OCTETS < csr_batch.MAX_RESULT_OCTETS
