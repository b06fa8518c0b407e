"""The fixture smki_services, as the example suite of a head-end uses it."""

import shutil

import pytest

from smki_testca.errors import InputError
from smki_testca.shipped import shipped

pytest_plugins = ["pytester"]


@pytest.mark.slow
def test_the_example_suite_of_a_head_end_passes_and_each_test_finds_services_that_behave(pytester):
    shutil.copy(shipped("examples") / "services" / "test_head_end.py", pytester.path)
    words = ("-p", "no:cacheprovider", "-n", "0")
    pytester.runpytest_subprocess(*words).assert_outcomes(passed=9)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda services: services.url("foo"), "There is no service 'foo'."),
        (lambda services: services.client_context("foo"), "There is no service 'foo'."),
        (lambda services: services.client_context("control"), "The service control has no TLS."),
    ],
)
def test_a_service_that_there_is_not_is_told_with_those_that_there_are(serving, call, says):
    with pytest.raises(InputError) as refused:
        call(serving.running)
    assert refused.value.message == says
    assert "adhoc" in refused.value.remedy
