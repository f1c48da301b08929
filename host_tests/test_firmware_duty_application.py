"""A sensor that measures in rounds: what the host sees of it, with a real broker."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from test_firmware_application import Bench, events, noise

from lab.rigs.firmware import needs_micropython, wait_for

pytestmark = needs_micropython


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def test_alerts_and_state_go_right_across_the_rounds_and_the_sleep_looks_like_no_absence(
    bench: Bench,
) -> None:
    host = bench.listen()
    items = (("healthy", noise(1, 100, 130_000), 25), ("fault", noise(2, 400, 130_000), 1000))
    duty = {"every_s": 2, "for_s": 1}
    device = bench.start(bench.configure(*items, pace=10, duty=duty, status_interval_s=3600))
    wait_for("the alert came", lambda: bool(host.alerts))
    assert events(host) == [("raise", "alarm", "anomaly")]
    assert host.statuses[0]["interval_s"] == 3600
    wait_for("the first round's visit and the alert's", lambda: len(device.printed("connected to")) >= 2)
    wait_for("it rests again", lambda: host.statuses[-1]["active"] == ["anomaly"])
    assert {status["state"] for status in host.statuses} == {"online"}
    last = host.statuses[-1]
    assert (last["gaps"], last["restarts"]) == (1, 0)  # from one recording to the next; a rest is none
    windows = host.statuses[-1]["windows"]
    assert host.statuses[0]["windows"] < windows


def test_a_healthy_machine_leads_to_no_visits_but_for_the_status(bench: Bench) -> None:
    host = bench.listen()
    path = bench.configure(
        ("healthy", noise(1, 100, 50_000), 25),
        pace=10,
        learn_windows=0,
        duty={"every_s": 2, "for_s": 1},
        status_interval_s=5,
    )
    device = bench.start(path)
    wait_for("two statuses came", lambda: len(host.statuses) >= 3)
    uptimes = [status["uptime_ms"] for status in host.statuses]
    assert all(later - earlier > 1900 for earlier, later in pairwise(uptimes)), uptimes
    assert len(device.printed("connected to")) <= len(host.statuses)
    assert all(status["state"] == "online" for status in host.statuses)


def test_the_last_words_are_said_even_between_visits(bench: Bench) -> None:
    host = bench.listen()
    path = bench.configure(("healthy", noise(1, 100, 50_000), 25), pace=10, duty={"every_s": 2, "for_s": 1})
    done = bench.run("--windows", 300, path)
    assert done.returncode == 0, done.stdout + done.stderr
    wait_for("it said goodbye", lambda: bool(host.statuses) and host.statuses[-1]["why"] == "shutdown")
    assert host.statuses[-1]["windows"] == 300 and host.alerts == []


LONG_VISITS = """
import sys
from vibnode import config, duty, main
config.LEAST_WATCHDOG_S = 1
duty.VISIT_MS, main.DRAIN_MS = 4000, 500
sys.exit(main.main(["--windows", sys.argv[2], sys.argv[1]]))
"""


def test_a_visit_may_last_longer_than_the_watchdog_waits(bench: Bench) -> None:
    """A broker that does not answer is no sampler that hangs."""
    bench.broker.kill()
    duty = {"every_s": 2, "for_s": 1}
    items = ("healthy", noise(1, 100, 50_000), 25)
    path = bench.configure(items, pace=10, duty=duty, watchdog_s=2)
    windows = 2 * 10 * 5000 // 256  # more than one round of a second has
    done = bench.micropython("-c", LONG_VISITS, path, windows)
    assert done.returncode == 0, done.stdout + done.stderr
