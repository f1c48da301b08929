"""How a sensor starts: what it says began this run, what it does when it cannot start, and when its sampling hangs."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_firmware_application import Bench, noise

from lab.rigs.firmware import Device, needs_micropython, wait_for

pytestmark = needs_micropython

RESTART_AT_WINDOW_5 = """
import sys
from vibnode import main, node
take_window = node.Node.window
restarted = []
def watched(self, features):
    if self.windows == 5 and not restarted:
        restarted.append(True)
        self.run.restart("command")
    return take_window(self, features)
node.Node.window = watched
sys.exit(main.main(["--windows", "20", sys.argv[1]]))
"""

# An accelerometer that never answers nor fails, and a watchdog shorter than is accepted, to save time.
HANGING = """
import sys, time
from vibnode import config, main
from vibnode.drivers import replay
config.LEAST_WATCHDOG_S = 1
replay.Replay.readinto = lambda self, buf: time.sleep(60)
sys.exit(main.main([sys.argv[1]]))
"""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def healthy(bench: Bench, **fields: Any) -> Path:
    return bench.configure(("healthy", noise(1, 100, 5120), 3), **fields)


def boots(lines: list[str]) -> list[str]:
    """What each start said began it."""
    return [line.rpartition(" after ")[2] for line in lines if ", boot " in line]


def test_a_restart_on_purpose_ends_in_order_and_begins_anew(bench: Bench) -> None:
    host = bench.listen()
    done = bench.micropython("-c", RESTART_AT_WINDOW_5, healthy(bench, pace=20))
    assert done.returncode == 0, done.stdout + done.stderr
    assert boots(done.stdout.splitlines()) == ["power", "command"]
    wait_for("both runs said goodbye", lambda: [s["why"] for s in host.statuses].count("shutdown") == 2)
    births = [status for status in host.statuses if status["why"] == "birth"]
    assert [status["reset"] for status in births] == ["power", "command"]
    assert births[1]["boot"] == births[0]["boot"] + 1
    assert not (bench.folder / "state/ended").exists()


def test_a_hanging_sampler_is_ended_by_the_watchdog_and_the_next_start_says_so(bench: Bench) -> None:
    done = bench.micropython("-c", HANGING, healthy(bench, watchdog_s=1))
    assert done.returncode == -signal.SIGALRM, done.stdout + done.stderr
    assert "the watchdog bites" in done.stdout
    assert boots(bench.run("--windows", 1, healthy(bench, watchdog_s=10)).stdout.splitlines()) == ["watchdog"]
    assert boots(bench.run("--windows", 1, healthy(bench)).stdout.splitlines()) == ["power"]


def test_a_power_cut_is_called_power(bench: Bench) -> None:
    device = bench.start(healthy(bench, pace=1))
    wait_for("it runs", lambda: bool(device.printed("connected")))
    device.kill()
    assert boots(bench.run("--windows", 1, healthy(bench)).stdout.splitlines()) == ["power"]


def boot(bench: Bench, path: Path) -> Device:
    bench._devices.append(Device("-m", "vibnode", "--boot", path))
    return bench._devices[-1]


def test_what_cannot_start_tells_the_broker_why_and_starts_when_that_is_mended(bench: Bench) -> None:
    host = bench.listen()
    path = healthy(bench, pace=20, learn_windows=0, velocity_limit_mm_s=[1, 2])
    device = boot(bench, path)
    wait_for("the fault is told", lambda: bool(host.statuses))
    status = host.statuses[0]
    assert (status["state"], status["machine"], status["instrument"]) == ("online", "unknown", "config")
    assert "velocity_limit_mm_s: no such field (did you mean velocity_limits_mm_s?)" in status["note"]
    assert status["model"] is None and status["score"] is None and status["reset"] == "power"
    assert len(device.printed("vibnode: error: ")) == 1
    given = json.loads(path.read_text())
    del given["velocity_limit_mm_s"]
    path.write_text(json.dumps(given))
    wait_for("it runs", lambda: host.statuses[-1].get("machine") == "running")
    assert host.statuses[-1]["instrument"] == "ok" and "note" not in host.statuses[-1]
    assert host.statuses[-1]["boot"] == status["boot"] + 1


def test_what_waits_in_the_outbox_is_sent_even_if_the_sensor_cannot_start(bench: Bench) -> None:
    bench.broker.kill()
    items = (("healthy", noise(1, 100, 5120), 3), ("fault", noise(2, 400, 5120), 30))
    assert bench.run("--windows", 400, bench.configure(*items)).returncode == 0
    bench.broker.start()
    host = bench.listen()
    boot(bench, bench.configure(*items, model="none.bin"))
    wait_for("the alert came", lambda: bool(host.alerts))
    assert host.alerts[0]["cause"] == "anomaly" and host.alerts[0]["replay"]


@pytest.mark.parametrize("broken", ['{"site":"demo", "dev', '{"site":"demo","device":"motor-1"}'])
def test_without_a_broker_to_tell_it_is_said_over_serial_alone(bench: Bench, broken: str) -> None:
    path = bench.folder / "device.json"
    path.write_text(broken)
    device = boot(bench, path)
    wait_for("it says so", lambda: bool(device.printed("does not say which broker")))
    assert len(device.printed("vibnode: error: ")) == 1 and device.alive()
    healthy(bench)
    wait_for("the new configuration is tried", lambda: bool(device.printed("connected")))
    assert device.end(signal.SIGINT) == 0, device.lines


def test_ctrl_c_ends_the_safe_mode(bench: Bench) -> None:
    path = bench.folder / "device.json"
    path.write_text("{")
    device = boot(bench, path)
    wait_for("it says so", lambda: bool(device.printed("does not say which broker")))
    assert device.end(signal.SIGINT) == 0, device.lines


def test_a_program_that_crashes_marks_it_for_the_next_start(bench: Bench) -> None:
    """On a board; here it shows that the mark is left and the process ends."""
    path = healthy(bench)
    script = (
        "import sys\nfrom vibnode import main\nmain.CRASH_PAUSE_MS = 1\n"
        "def fails(**options): raise ValueError('a bug')\nmain.run = fails\nmain.boot(sys.argv[1])"
    )
    done = bench.micropython("-c", script, path)
    assert "crashed and starts again: ValueError('a bug'" in done.stdout, done.stdout + done.stderr
    assert boots(bench.run("--windows", 1, path).stdout.splitlines()) == ["crash"]


# A board that starts anew whenever its program ends; the waits are short, to save time.
STARTS_ANEW = """
import sys
from vibnode import failed_starts, main, safe_mode, supervision
main.CRASH_PAUSE_MS = supervision.RESTART_MS = 1
failed_starts.FIRST_WAIT_MS, safe_mode.LOOK_MS = 200, 100
real, starts = main.run, []
def counted(**options):
    starts.append(True)
    print("start", len(starts))
    {how}
    return real(**options)
main.run = counted
while True:
    main.boot(sys.argv[1])
"""
FAILS_AT_ONCE = "if len(starts) < 5: raise MemoryError('memory allocation failed')"
FAILS_AT_THE_FIRST_WINDOW = """
    from vibnode.drivers.replay import Replay
    def fails(self, buf): raise MemoryError("memory allocation failed")
    real_read = globals().setdefault("real_read", Replay.readinto)
    Replay.readinto = fails if len(starts) < 5 else real_read
"""


@pytest.mark.parametrize("how", [FAILS_AT_ONCE, FAILS_AT_THE_FIRST_WINDOW])
def test_starts_that_fail_over_and_over_are_told_and_tried_again_later(bench: Bench, how: str) -> None:
    host = bench.listen()
    script = STARTS_ANEW.format(how=how.strip())
    bench._devices.append(Device("-c", script, healthy(bench, pace=20)))
    device = bench._devices[-1]
    wait_for("it was told", lambda: any(s["instrument"] == "config" for s in host.statuses if "note" in s))
    told = next(status for status in host.statuses if "note" in status)
    assert told["note"].startswith("3 starts in a row failed, the last of them: MemoryError("), told
    assert (told["machine"], told["reset"]) == ("unknown", "crash")
    wait_for("it runs in the end", lambda: host.statuses[-1].get("machine") in ("learning", "running"))
    waits = [line.partition(", or ")[2] for line in device.printed("nothing is measured")]
    assert len(waits) == 2 and len(device.printed("start ")) >= 5, device.lines


def test_status_tells_heap_and_baseline(bench: Bench) -> None:
    host = bench.listen()
    done: subprocess.CompletedProcess[str] = bench.run("--windows", 60, healthy(bench))
    assert done.returncode == 0
    wait_for("it said goodbye", lambda: bool(host.statuses) and host.statuses[-1]["why"] == "shutdown")
    last = host.statuses[-1]
    assert last["baseline"] == 10 and last["heap_free"] > 10_000 and last["refused"] == 0
    assert last["battery_mv"] is None and last["model"]["origin"] == "file"
