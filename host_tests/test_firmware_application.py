"""The whole application in the MicroPython binary: recordings in, alerts at the broker, and errors worth reading."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import vib

from lab.rigs.firmware import MICROPYTHON, ROOT, Broker, Device, Host, needs_micropython, wait_for
from lab.rigs.firmware_model import CONFIG, model_bin

pytestmark = needs_micropython
FROM_SOURCE = f"{ROOT / 'firmware'}:.frozen"
RATE_HZ = CONFIG["rate_millihz"] / 1000


def noise(seed: int, counts: float, frames: int) -> np.ndarray:
    """Noise of an RMS of `counts`, 3 axes, as i16."""
    return np.random.default_rng(seed).normal(0, counts, (frames, 3)).astype("<i2")


class Bench:
    """A folder with one device's files, a broker, and what runs during a test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.broker = Broker(folder)
        self.broker.start()
        self.host: Host | None = None
        self._devices: list[Device] = []
        (folder / "model.bin").write_bytes(model_bin())

    def configure(self, *items: tuple[str, np.ndarray, float], pace: float = 0, **fields: Any) -> Path:
        """Write recordings, playlist.json and device.json, with `fields` in the last, or those in `playlist` there."""
        playlist: dict[str, Any] = {"rate_hz": RATE_HZ, "axes": 3, "lsb_nm_s2": CONFIG["lsb_nm_s2"]}
        playlist["items"] = [{"file": name, "seconds": seconds} for name, _, seconds in items]
        playlist.update(fields.pop("playlist", {}))
        for name, samples, _ in items:
            (self.folder / name).write_bytes(samples.tobytes())
        (self.folder / "playlist.json").write_text(json.dumps(playlist))
        device = {
            "site": "demo",
            "device": "motor-1",
            "model": "model.bin",
            "sensor": {"driver": "replay", "playlist": "playlist.json", "pace": pace},
            "mqtt": {"host": "127.0.0.1", "port": self.broker.port},
            "learn_windows": 10,
            "status_interval_s": 1,
        }
        path = self.folder / "device.json"
        path.write_text(json.dumps(device | fields))
        return path

    def listen(self) -> Host:
        self.host = Host(self.broker, acks=True)
        wait_for("the host listens", self.host.subscribed.is_set)
        return self.host

    def start(self, path: Path) -> Device:
        self._devices.append(Device("-m", "vibnode", path))
        return self._devices[-1]

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run the application to its end."""
        return self.micropython("-m", "vibnode", *arguments)

    def micropython(self, *arguments: object, path: str = FROM_SOURCE) -> subprocess.CompletedProcess[str]:
        """Run MicroPython to its end."""
        return subprocess.run(
            [MICROPYTHON, *map(str, arguments)],
            env={"MICROPYPATH": path},
            capture_output=True,
            text=True,
            timeout=120,
        )

    def close(self) -> None:
        for device in self._devices:
            device.kill()
        if self.host:
            self.host.stop()
        self.broker.kill()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def events(host: Host) -> list[tuple[str, str, str]]:
    return [(alert["event"], alert["level"], alert["cause"]) for alert in host.alerts]


def test_a_fault_leads_to_one_alert_with_its_class_and_features(bench: Bench) -> None:
    host = bench.listen()
    path = bench.configure(("healthy", noise(1, 100, 5120), 3), ("fault", noise(2, 400, 5120), 30))
    done = bench.run("--windows", 400, path)  # a jump of the level is left 10 s to settle: 195 of them
    assert done.returncode == 0, done.stdout + done.stderr
    wait_for("the shutdown came", lambda: bool(host.statuses) and host.statuses[-1]["why"] == "shutdown")
    assert events(host) == [("raise", "alarm", "anomaly")]
    alert = host.alerts[0]
    assert alert["class"] == "outer-race" and alert["model"] == "00112233aabbccdd"
    assert alert["score"] >= alert["threshold"] == 512
    name, value, usual = alert["features"][0]
    assert 400 < value - usual < 620  # four times the amplitude is 512 steps, and every level moved by it
    assert alert["spectrum"]["lo_hz"] == 40 and alert["spectrum"]["axis"] == name[0]
    last = host.statuses[-1]
    assert last["state"] == "offline" and last["windows"] == 400 and last["active"] == ["anomaly"]
    assert last["bytes_sampled"] >= 400 * 256 * 6 and 0 < last["bytes_sent"] < 10_000


def test_a_healthy_machine_leads_to_none(bench: Bench) -> None:
    host = bench.listen()
    done = bench.run("--windows", 300, bench.configure(("healthy", noise(1, 100, 50_000), 20)))
    assert done.returncode == 0, done.stdout + done.stderr
    wait_for("the shutdown came", lambda: bool(host.statuses) and host.statuses[-1]["why"] == "shutdown")
    assert host.alerts == []
    assert host.statuses[-1]["machine"] == "running" and host.statuses[-1]["instrument"] == "ok"


def test_the_trace_is_bit_for_bit_what_the_host_computes(bench: Bench) -> None:
    recording = noise(3, 150, 3000)
    path = bench.configure(("healthy", recording, 100), learn_windows=0)
    done = bench.run("--windows", 33, "--trace", bench.folder / "trace", path)
    assert done.returncode == 0, done.stdout + done.stderr
    model, core = vib.Model(model_bin()), vib.Core(CONFIG)
    trace = np.fromfile(bench.folder / "trace", "<i2").reshape(33, core.n_features + 2)
    features = vib.extract(recording, CONFIG)
    assert len(features) == 3000 // 256
    for i, row in enumerate(trace):
        expected = np.ascontiguousarray(
            features[i % len(features)], "h"
        )  # each seam begins the recording anew
        assert row[:-2].tolist() == expected.tolist()
        assert row[-2] == model.score(expected) and row[-1] == model.classify(expected)


def test_the_configured_speed_of_the_shaft_reaches_the_features(bench: Bench) -> None:
    turning = (1000 * np.sin(2 * np.pi * 100 * np.arange(5120) / RATE_HZ)).astype("<i2")
    item = ("turning", np.stack([turning] * 3, axis=1), 100)
    config = CONFIG | {"orders": 2}
    (bench.folder / "orders.bin").write_bytes(model_bin(config))
    levels = {}
    for rpm in (6000, None):
        path = bench.configure(item, learn_windows=0, model="orders.bin", shaft_rpm=rpm)
        done = bench.run("--windows", 3, "--trace", bench.folder / "trace", path)
        assert done.returncode == 0, done.stdout + done.stderr
        core = vib.Core(config)
        names = [core.feature_name(i) for i in range(core.n_features)]
        features = np.fromfile(bench.folder / "trace", "<i2").reshape(3, -1)[1]
        levels[rpm] = features[names.index("x.order01")], features[names.index("x.rms")]
    assert abs(levels[6000][0] - levels[6000][1]) < 16 and levels[None][0] == 0


def test_without_a_baseline_an_alert_still_names_features(bench: Bench) -> None:
    host = bench.listen()
    path = bench.configure(("fault", noise(2, 800, 5120), 6), learn_windows=0)
    assert bench.run("--windows", 50, path).returncode == 0
    wait_for("the alert came", lambda: bool(host.alerts))
    name, value, usual = host.alerts[0]["features"][0]
    assert name.startswith(("x.", "y.", "z.")) and value and abs(value - usual) > 100


def test_a_learnt_baseline_is_kept_for_the_next_start(bench: Bench) -> None:
    host = bench.listen()
    path = bench.configure(
        ("healthy", noise(1, 160, 50_000), 20), pace=4
    )  # louder than the model's centre: over the warning threshold without a baseline
    device = bench.start(path)
    wait_for("it has learnt", lambda: bool(device.printed("baseline learnt")))
    device.kill()
    wait_for("the will came", lambda: host.statuses[-1]["why"] == "will")
    seen = len(host.statuses)
    bench.start(path)
    wait_for("it runs", lambda: any(s.get("machine") == "running" for s in host.statuses[seen:]))
    wait_for("many windows passed", lambda: host.statuses[-1].get("windows", 0) > 60)
    assert not any(status.get("machine") == "learning" for status in host.statuses[seen:])
    assert host.alerts == []


def test_interrupt_says_goodbye(bench: Bench) -> None:
    host = bench.listen()
    device = bench.start(bench.configure(("healthy", noise(1, 100, 5000), 1), pace=1))
    wait_for("it is there", lambda: any(status["state"] == "online" for status in host.statuses))
    assert device.end(signal.SIGINT) == 0, device.lines
    wait_for("it said goodbye", lambda: host.statuses[-1]["state"] == "offline")
    assert host.statuses[-1]["why"] == "shutdown"


CLOSED_ONCE = """
import asyncio, sys
from vibnode import clock
from vibnode.link import Link, LinkDown
async def main():
    mqtt = {"host": "127.0.0.1", "port": int(sys.argv[1]), "user": None, "password": None}
    mqtt.update({"keepalive_s": 60, "tls": None})
    link = Link(mqtt, "device", "will", b"", clock.Clock(None))
    try:
        await link.connect((), None)
    except LinkDown as error:
        print(error)
    file = open(sys.argv[0], "rb")  # gets the number that the socket had
    await link.close(False)
    print(len(file.read(1)))
asyncio.run(main())
"""


def test_a_refused_connection_closes_nothing_but_itself(bench: Bench) -> None:
    """The outbox or a recording may be opened under the socket's number before the link is given up."""
    bench.broker.kill()
    script = bench.folder / "closed_once.py"
    script.write_text(CLOSED_ONCE)
    done = bench.micropython(script, bench.broker.port)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ECONNREFUSED" in done.stdout and done.stdout.splitlines()[-1] == "1"


def test_a_dead_axis_is_an_instrument_fault_and_no_machine_alert(bench: Bench) -> None:
    host = bench.listen()
    dead = noise(1, 2000, 5120)
    dead[:, 1] = 17
    bench.start(bench.configure(("healthy", noise(1, 100, 5120), 3), ("dead", dead, 100), pace=20))
    wait_for("the alert came", lambda: bool(host.alerts))
    assert events(host) == [("raise", "alarm", "instrument:stuck")]
    wait_for("the status says so", lambda: host.statuses[-1].get("instrument") == "stuck")
    assert host.statuses[-1]["active"] == ["instrument:stuck"]


def test_clipping_is_an_instrument_fault_and_one_peak_is_not(bench: Bench) -> None:
    host = bench.listen()
    one_peak = noise(1, 100, 5120)
    one_peak[::700] = 4095
    clipped = np.clip(noise(2, 4000, 5120), -4095, 4095)
    items = (("peak", one_peak, 6), ("clipped", clipped, 100))
    bench.start(bench.configure(*items, pace=20, learn_windows=80, playlist={"full_scale_counts": 4095}))
    wait_for("the alert came", lambda: bool(host.alerts))
    assert events(host) == [("raise", "alarm", "instrument:clipped")]
    wait_for("the status says so", lambda: host.statuses[-1].get("instrument") == "clipped")
    assert host.statuses[-1]["windows"] > 110


def test_a_sensor_that_goes_and_comes_back_is_told(bench: Bench) -> None:
    host = bench.listen()
    samples = noise(1, 100, 5120)
    bench.start(bench.configure(("healthy", samples, 100), pace=20))
    wait_for("it runs", lambda: bool(host.statuses) and host.statuses[-1].get("machine") == "running")
    (bench.folder / "healthy").write_bytes(b"")
    wait_for("the loss came", lambda: events(host) == [("raise", "alarm", "instrument:gone")])
    (bench.folder / "healthy").write_bytes(samples.tobytes())
    wait_for("it is back", lambda: ("clear", "alarm", "instrument:gone") in events(host))
    wait_for("the status says so", lambda: host.statuses[-1].get("instrument") == "ok")


def test_a_velocity_limit_holds_without_a_baseline(bench: Bench) -> None:
    host = bench.listen()
    hum = (3000 * np.sin(2 * np.pi * 50 * np.arange(5000) / RATE_HZ)).astype("<i2")  # 50 Hz: 4 mm/s RMS
    item = ("hum", np.stack([hum] * 3, axis=1), 100)
    bench.start(bench.configure(item, pace=20, learn_windows=500, velocity_limits_mm_s=[2, 9]))
    wait_for("the alert came", lambda: ("raise", "warning", "velocity") in events(host))
    (alert,) = [one for one in host.alerts if one["cause"] == "velocity"]
    assert alert["threshold"] == pytest.approx(2000, rel=0.01) and 3500 < alert["score"] < 4500


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"playlist": {"rate_hz": 4000}}, "the sensor's rate_hz is 4000; accepted: 5000"),
        ({"playlist": {"axes": 1}}, "the sensor's axes is 1; accepted: 3"),
        ({"playlist": {"lsb_nm_s2": 1000}}, "the sensor's lsb_nm_s2 is 1000; accepted: 598206"),
        ({"playlist": {"items": [{"file": "none", "seconds": 1}]}}, "none"),
        ({"model": "none.bin"}, "none.bin: is no model for this firmware"),
        ({"model": "device.json"}, "device.json: is no model for this firmware"),
        ({"data_dir": "model.bin/state"}, "model.bin/state' cannot be written"),
        ({"learn_windows": 9999}, "learn_windows: 9999; accepted: a whole number from 0 to 500"),
    ],
)
def test_what_cannot_work_is_one_clear_line_and_exit_code_1(
    bench: Bench, fields: dict[str, Any], said: str
) -> None:
    path = bench.configure(("healthy", noise(1, 100, 6000), 1), **fields)
    done = bench.run(path)
    assert done.returncode == 1
    assert done.stderr == "" and len(done.stdout.splitlines()) == 1
    assert done.stdout.startswith("vibnode: error: ") and said in done.stdout


def test_no_model_at_all_is_one_clear_line(bench: Bench) -> None:
    """On CPython, whose `vib` never has one linked in."""
    path = bench.configure(("healthy", noise(1, 100, 6000), 1), model=None)
    done = subprocess.run([sys.executable, "-m", "vibnode", path], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and done.stderr == ""
    assert done.stdout.startswith("vibnode: error: no model is linked into this firmware")


def test_a_recording_shorter_than_a_window_is_refused(bench: Bench) -> None:
    done = bench.run(bench.configure(("short", noise(1, 100, 255), 1)))
    assert done.returncode == 1 and "plays 255 frames; accepted: a window of 256 or more" in done.stdout


def test_check_says_whether_all_is_in_order(bench: Bench) -> None:
    path = bench.configure(("healthy", noise(1, 100, 6000), 1))
    done = bench.run("--check", path)
    assert (done.returncode, done.stdout) == (
        0,
        "vibnode: configuration, sensor, model and broker are in order\n",
    )
    assert not (bench.folder / "state").exists()
    bench.broker.kill()
    done = bench.run("--check", path)
    assert done.returncode == 1
    assert f"broker 127.0.0.1:{bench.broker.port} cannot be reached" in done.stdout
    assert "ECONNREFUSED" in done.stdout and len(done.stdout.splitlines()) == 1


def test_the_heap_stays_as_it_is_over_a_hundred_thousand_windows(bench: Bench) -> None:
    path = bench.configure(("healthy", noise(1, 100, 50_000), 20))
    done = bench.micropython(Path(__file__).with_name("firmware_heap_device.py"), path)
    used = [int(line.split()[2]) for line in done.stdout.splitlines() if line.startswith("heap ")]
    assert len(used) == 10, done.stdout + done.stderr
    assert max(used[1:]) - min(used[1:]) < 2048, used


def test_the_frozen_application_runs_in_a_heap_of_128_kb(bench: Bench) -> None:
    """Of 64-bit pointers: on a chip of 32 bits all but the buffers takes half as much."""
    path = bench.configure(("healthy", noise(1, 100, 5120), 3), ("fault", noise(2, 400, 5120), 3))
    host = bench.listen()
    done = bench.micropython("-X", "heapsize=128k", "-m", "vibnode", "--windows", 300, path, path=".frozen")
    assert done.returncode == 0 and "Error" not in done.stdout + done.stderr, done.stdout + done.stderr
    wait_for("the alert came", lambda: events(host) == [("raise", "alarm", "anomaly")])


def test_wrong_usage_shows_the_usage(bench: Bench) -> None:
    for arguments in ((), ("--speed", "device.json"), ("a.json", "b.json"), ("--windows", "x", "a.json")):
        done = bench.run(*arguments)
        assert done.returncode == 2 and done.stdout.startswith("usage: ")
