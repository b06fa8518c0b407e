"""Who may call a web service: by the certificate, the register and the status, as of now."""

import pytest

from estates import opened
from smki_testca.authority.revocation import Reason
from smki_testca.estate.certificates import Selection
from smki_testca.estate.status import Status
from smki_testca.service.callers import AccessDeniedError, identify

ADDRESS = "127.0.0.1:4711"


@pytest.fixture
def iki(estate):
    """Issues an IKI certificate, and gives its record."""

    def issue(system, participant="supplier-one", role="supplier"):
        subject = estate.subject("iki", system_name=system, role=role)
        (record,), _ = estate.issue(estate.request(participant, "srept", subject))
        return record

    return issue


def _identify(estate, der, interface="adhoc", **more):
    return identify(estate, der, ADDRESS, estate.library.interfaces[interface], **more)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("system", "interface"),
    [
        *(("adhoc", "adhoc"), ("AdHoc-7", "adhoc"), ("one ad-hoc head-end", "adhoc")),
        *(("batch", "batched"), ("One's Batched CSRs", "batched")),
    ],
)
def test_the_name_of_the_system_tells_the_interface(estate, iki, system, interface):
    record = iki(system)
    caller = _identify(estate, record.der, interface)
    assert (caller.participant, caller.system, caller.role.name) == (
        "supplier-one",
        system,
        "supplier",
    )
    assert (caller.environment, caller.purpose) == (record.environment, "srept")
    assert caller.as_json() == {
        "address": ADDRESS,
        "participant": "supplier-one",
        "system": system,
        "serial": str(record.serial),
    }
    other = {"adhoc": "batched", "batched": "adhoc"}[interface]
    with pytest.raises(AccessDeniedError, match="not one of the") as denied:
        _identify(estate, record.der, other)
    assert denied.value.code == "access.interface"


def test_the_certificate_of_the_quickstart_opens_the_ad_hoc_service(estate):
    (record,) = estate.select(Selection(label="iki-supplier-one"))
    assert _identify(estate, record.der).system == "supplier-one-adhoc-csr"


@pytest.mark.parametrize("interface", ["adhoc", "batched"])
def test_a_name_of_both_services_opens_neither(estate, iki, interface):
    record = iki("adhoc-and-batch")
    with pytest.raises(AccessDeniedError, match="too; a certificate is for one service") as denied:
        _identify(estate, record.der, interface)
    assert denied.value.code == "access.interface"


def test_the_operator_may_choose_the_purpose(estate, iki):
    assert _identify(estate, iki("adhoc").der, purpose="uept").purpose == "uept"


def test_the_dcc_may_call_and_a_network_operator_may_not(estate, iki):
    dcc = iki("adhoc", "dcc", "accessControlBroker")
    assert _identify(estate, dcc.der).participant == "dcc"
    network = iki("adhoc", "network-one", "networkOperator")
    with pytest.raises(AccessDeniedError, match="none of dcc, IS, GS") as denied:
        _identify(estate, network.der)
    assert denied.value.code == "access.caller"


def test_a_revocation_counts_at_once_without_a_list(estate, iki):
    record = iki("adhoc")
    estate.revoke(Selection(serial=record.serial), Reason.SUPERSEDED)
    with pytest.raises(AccessDeniedError, match="is revoked") as denied:
        _identify(estate, record.der)
    assert denied.value.code == "access.status"


def test_a_certificate_not_in_use_opens_nothing(estate, iki):
    record = iki("adhoc")
    estate.set_status(Selection(serial=record.serial), Status.NOT_IN_USE)
    with pytest.raises(AccessDeniedError, match="is not-in-use"):
        _identify(estate, record.der)


def test_other_certificates_open_nothing(estate):
    with pytest.raises(AccessDeniedError, match="presented no certificate"):
        _identify(estate, None)
    for label, code in (
        ("Z1-supplier-ds", "access.hierarchy"),
        ("ESME-ds", "access.hierarchy"),
    ):
        (record,) = estate.select(Selection(label=label))
        with pytest.raises(AccessDeniedError) as denied:
            _identify(estate, record.der)
        assert denied.value.code == code
    for authority in estate.certificates.authorities():
        with pytest.raises(AccessDeniedError) as denied:
            _identify(estate, authority.der)
        assert denied.value.code == "access.hierarchy"


def test_a_certificate_of_another_estate_is_unknown(estate, newcomer):
    with opened(newcomer) as other:
        subject = other.subject("iki", system_name="adhoc", role="supplier")
        (record,), _ = other.issue(other.request("supplier-one", "srept", subject))
    with pytest.raises(AccessDeniedError) as denied:
        _identify(estate, record.der)
    assert denied.value.code == "access.unknown"
