"""An operating point told to the application on MicroPython, through a real Mosquitto: status and alert have it."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_sender import KEY
from test_firmware_application import Bench, noise
from vibnode import messages, signing
from vibnode.operating_point import speed_steps

from lab.rigs.firmware import Host, needs_micropython, wait_for

pytestmark = needs_micropython
TOPIC = "vibnode/v1/demo/motor-1/point"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def said(speed_rpm: float, **more: Any) -> str:
    return json.dumps(
        {"v": 1, "speed_rpm": speed_rpm, "load": 0.62, "time": int(time.time()), "holds_s": 600} | more
    )


def wait_for_speed(host: Host, speed_rpm: float) -> dict[str, Any]:
    millihz = messages.from_log2(speed_steps(speed_rpm))
    wait_for(
        "a status says the speed",
        lambda: bool(host.statuses) and host.statuses[-1].get("speed_millihz") == millihz,
    )
    return host.statuses[-1]


def test_what_is_told_is_in_the_status_and_in_an_alert(bench: Bench) -> None:
    host = bench.listen()
    host.say("point", said(1480.5).encode())  # retained: there when the device subscribes
    items = ("healthy", noise(1, 100, 50_000), 10), ("fault", noise(2, 400, 5120), 1e6)
    bench.start(bench.configure(*items, pace=2, point_told=True))
    status = wait_for_speed(host, 1480.5)
    assert (status["load_permille"], status["point_source"], status["pulse"]) == (620, "told", None)
    host.say("point", said(1700).encode())
    wait_for_speed(host, 1700)
    wait_for("the fault is alerted", lambda: bool(host.alerts))
    alert = host.alerts[0]
    assert alert["speed_millihz"] == messages.from_log2(speed_steps(1700))
    assert (alert["load_permille"], alert["point_source"]) == (620, "told")


def test_with_a_key_nothing_unsigned_moves_it_and_what_is_signed_does(bench: Bench) -> None:
    host = bench.listen()
    items = (("healthy", noise(1, 100, 50_000), 1e6),)
    bench.start(bench.configure(*items, pace=2, point_told=True, command_key=KEY.hex()))
    wait_for("it runs", lambda: bool(host.statuses) and host.statuses[-1]["windows"] > 0)
    host.say("point", said(1480.5).encode())
    wait_for("it is refused", lambda: host.statuses[-1]["refused"] == 1)
    assert host.statuses[-1]["speed_millihz"] is None and host.statuses[-1]["point_source"] == "none"
    host.say("point", signing.seal(KEY, TOPIC, said(1480.5)))
    assert wait_for_speed(host, 1480.5)["refused"] == 1


def test_a_device_that_is_not_to_be_told_takes_nothing(bench: Bench) -> None:
    host = bench.listen()
    host.say("point", said(1480.5).encode())
    bench.start(bench.configure(("healthy", noise(1, 100, 50_000), 1e6), pace=2, shaft_rpm=900))
    status = wait_for_speed(host, 900)
    assert (status["point_source"], status["load_permille"], status["refused"]) == ("constant", None, 0)


def test_a_probe_that_the_board_cannot_have_fails_the_check_and_keeps_nothing_from_running(
    bench: Bench,
) -> None:
    host = bench.listen()
    path = bench.configure(("healthy", noise(1, 100, 50_000), 1e6), pace=2, pulse={"pin": 4}, point_told=True)
    done = bench.run("--check", path)
    assert done.returncode == 1
    assert "error: pulse.pin: 4; accepted: a pin at which this board takes interrupts" in done.stdout
    host.say("point", said(1480.5).encode())
    device = bench.start(path)
    assert wait_for_speed(host, 1480.5)["pulse"] is None
    assert device.printed("vibnode: pulse.pin: 4: this board takes no pulses there")
