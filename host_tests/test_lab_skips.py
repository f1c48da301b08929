"""With --no-missing-tool a skip for want of a tool is a failure, and one for want of what no tool brings is not."""

from pathlib import Path

import pytest

pytest_plugins = ("pytester",)
HERE = Path(__file__).parent

TESTS = """
import pytest
from machine_lacks import machine_needs, skip_for_want_of

def test_lacks_a_tool():
    pytest.skip("recordings, Linux's /proc and vector instructions are on this machine")

@pytest.mark.skipif(True, reason="not a Debian system, and no emulator")
def test_lacks_a_tool_from_the_start(): pass

@pytest.fixture
def recording():
    skip_for_want_of("a recording")

def test_lacks_a_recording(recording): pass

@pytest.mark.parametrize("name", [pytest.param("a", marks=machine_needs("a recording", there=False)), "b"])
def test_lacks_one_of_two(name): pass
"""


def outcomes(pytester: pytest.Pytester, *options: str) -> dict[str, int]:
    pytester.makeconftest((HERE / "conftest.py").read_text())
    pytester.makepyfile(TESTS)
    pytester.syspathinsert(HERE)
    pytester.syspathinsert(HERE.parent)
    return pytester.runpytest_inprocess("-p", "no:xdist", *options).parseoutcomes()


def test_without_the_option_every_skip_is_one(pytester: pytest.Pytester) -> None:
    assert outcomes(pytester) == {"passed": 1, "skipped": 4}


def test_with_it_a_tool_must_be_there_whatever_the_reason_says(pytester: pytest.Pytester) -> None:
    assert outcomes(pytester, "--no-missing-tool") == {"passed": 1, "skipped": 2, "failed": 1, "errors": 1}


def test_with_it_a_python_package_that_a_module_needs_must_be_there(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_module='import pytest\npytest.importorskip("no_such_package")')
    assert outcomes(pytester, "--no-missing-tool") == {"errors": 1}
