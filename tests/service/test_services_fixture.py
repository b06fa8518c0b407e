"""The fixture smki_services, as the example suite of a head-end uses it."""

import shutil

import pytest

from smki_testca.shipped import shipped

pytest_plugins = ["pytester"]


@pytest.mark.slow
def test_the_example_suite_of_a_head_end_passes_and_each_test_finds_services_that_behave(pytester):
    shutil.copy(shipped("examples") / "services" / "test_head_end.py", pytester.path)
    words = ("-p", "no:cacheprovider", "-n", "0")
    pytester.runpytest_subprocess(*words).assert_outcomes(passed=9)
