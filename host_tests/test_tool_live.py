"""`vibnode selftest`, `monitor`, `record` and `model` on a board with a simulated accelerometer."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import vib
from board_on_pty import UnixBoard
from time_server import NOON_S, TimeServer
from time_server import time_server as time_server
from vibnode.drivers import orientation
from vibnode.drivers.raw import PLAIN
from vibnode_fixtures import Done, vibnode
from vibnode_fixtures import stock_board as stock_board
from vibtool import recording, scripts
from vibtool.board import Board
from vibtool.monitoring import Live
from vibtrain.data import manifest
from vibtrain.packaging import ota

from lab.rigs.boards import ROOT
from lab.rigs.firmware import Broker, wait_for
from lab.rigs.firmware_model import CONFIG, model_bin

# Slow, so that a busy computer cannot make the FIFO overrun: it holds 1.2 seconds.
SLOW = CONFIG | {"rate_millihz": 417_000, "band_lo_hz": 10, "band_hi_hz": 200, "envelope_hi_hz": 200}
SLOW |= {"envelope_lo_hz": 100}
LSB_G = 0.000061
PINS = {"sck": 12, "mosi": 11, "miso": 13, "cs": 10}


class Bench:
    """A board with an LSM6DSO at rest, configured and with a model, and a broker."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "flash"
        self.folder.mkdir()
        self.broker = Broker(folder)
        self.broker.start()
        self.noise = np.random.default_rng(1).normal(0, 12, (3000, 3)).astype("<i2")
        (self.folder / "chip.i16").write_bytes(self.noise.tobytes())
        (self.folder / "model.bin").write_bytes(model_bin(SLOW))
        self.chip()
        self.configure()
        path = f":{ROOT / 'firmware'}:{ROOT}:.frozen"
        self.board = UnixBoard(self.folder, setup=str(ROOT / "host_tests" / "chip_on_board.py"), path=path)

    def chip(self, **changed: object) -> None:
        said = {"module": "lsm6dso", "class": "Lsm6dso", "lsb_g": LSB_G, **changed}
        (self.folder / "chip.json").write_text(json.dumps(said))

    def configure(self, **changed: object) -> None:
        device = {
            "site": "demo",
            "device": "motor-1",
            "machine": "Pump",
            "model": "model.bin",
            "sensor": {"driver": "lsm6dso", "bus": "spi", **PINS},
            "mqtt": {"host": "127.0.0.1", "port": self.broker.port},
        }
        (self.folder / "device.json").write_text(json.dumps(device | changed))

    def run(self, *arguments: object) -> Done:
        return vibnode(*arguments, "--port", self.board.port)

    def stop(self) -> None:
        self.board.stop()
        self.broker.kill()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.stop()


def verdicts(done: Done) -> dict[str, tuple[str, str]]:
    """Check -> (ok, FAILED or -, the rest of the line)."""
    lines = [line.split(maxsplit=1) for line in done.out.splitlines() if line.strip()]
    return {rest[:14].strip(): (mark, rest[14:].strip()) for mark, rest in lines}


def test_selftest_tries_everything_in_turn(bench: Bench) -> None:
    bench.chip(ppm=20000)
    done = bench.run("selftest")
    assert done.code == 0, done.out + done.err
    said = verdicts(done)
    assert said["arithmetic"] == ("ok", "20 of 20 golden windows to the bit")
    assert said["sensor"] == ("ok", "lsm6dso answers as itself")
    assert said["self-test"][0] == "ok" and "(50 to 1700)" in said["self-test"][1]
    assert said["noise floor"][0] == "ok" and "the sensor's own is 15.6" in said["noise floor"][1]
    measured_hz = float(said["rate"][1].split()[0])
    assert said["rate"][0] == "ok" and abs(measured_hz - 417 * 1.02) < 2
    assert said["broker"][0] == "ok" and f"127.0.0.1:{bench.broker.port} let it in" in said["broker"][1]
    assert said["Wi-Fi"] == ("-", "none configured") and said["time"][0] == "-"


def test_selftest_and_record_tell_the_devices_axes(bench: Bench, tmp_path: Path) -> None:
    """The chip's x up and its axes loud in the order x, y, z; the device's -z up, and loud in the order z, x, y."""
    own = np.random.default_rng(1).normal((16393, 0, 0), (10, 20, 40), (3000, 3)).round().astype("<i2")
    (bench.folder / "chip.i16").write_bytes(own.tobytes())
    names = ["+y", "-z", "-x"]
    bench.configure(sensor={"driver": "lsm6dso", "bus": "spi", **PINS, "orientation": names})
    said = verdicts(bench.run("selftest", "--seconds", 1))
    assert said["axes"][0] == "-"
    assert said["axes"][1].startswith("x = +y, y = -z, z = -x of the chip; at rest x ")
    assert said["axes"][1].endswith("mg: -z points up"), said["axes"]
    levels = dict(part.split() for part in said["noise floor"][1].partition(" mm/s2")[0].split(", "))
    assert float(levels["z"]) < float(levels["x"]) < float(levels["y"])
    assert "moved x 599 mg" in said["self-test"][1], "the chip's own"

    out = tmp_path / "recordings"
    assert bench.run("record", out, "--seconds", 1).code == 0
    table = pq.read_table(next(out.glob("*.parquet")))
    counts = np.stack([column.to_numpy() for column in table.columns], axis=1)
    turned = np.stack([own[:, 1], -own[:, 2], -own[:, 0]], axis=1)
    starts = [i for i in range(len(turned)) if (turned[i] == counts[0]).all()]
    assert any((np.roll(turned, -i, axis=0)[:417] == counts).all() for i in starts)
    assert table.schema.metadata[b"vibnode.orientation"] == b"+y -z -x"


def test_a_model_of_one_axis_is_told_which(bench: Bench, tmp_path: Path) -> None:
    (bench.folder / "model.bin").write_bytes(model_bin(SLOW | {"axes": 1}))
    sensor = {"driver": "lsm6dso", "bus": "spi", **PINS, "orientation": ["-z"]}
    bench.configure(sensor=sensor)
    said = verdicts(bench.run("selftest", "--seconds", 1))
    assert said["axes"][1].startswith("x = -z of the chip; at rest x ") and said["samples"][0] == "ok"
    done = bench.run("record", tmp_path / "out", "--seconds", 1)
    assert done.code == 0, done.err
    (entry,) = manifest.catalogue(tmp_path / "out" / "manifest.csv")
    counts = pq.read_table(tmp_path / "out" / entry.name).column("x").to_numpy()
    assert any((np.roll(-bench.noise[:, 2], -i)[:417] == counts).all() for i in range(3000))
    assert entry.read().data.shape == (417, 1)


@pytest.mark.parametrize("names", [["+y", "-x", "+z"], ["-x", "-y", "+z"], ["-z"], []])
def test_the_host_turns_samples_as_the_device_does(names: list[str]) -> None:
    own = np.random.default_rng(2).integers(-32768, 32768, (64, 3)).astype("<i2")
    own[0] = (-32768, 32767, -1)
    turned = recording.turn(own, names)
    assert turned.dtype == np.int16 and -32768 not in turned[:, [n[0] == "-" for n in names]]
    lies = orientation.Orientation(names or orientation.AS_THE_CHIP)
    indexes = range(64 * lies.axes)
    assert turned.ravel().tolist() == [lies.sample(PLAIN, own.tobytes(), i) for i in indexes]


def test_selftest_names_what_fails(bench: Bench) -> None:
    bench.chip(plugged=False)
    bench.broker.kill()
    done = bench.run("selftest", "--seconds", 1)
    said = verdicts(done)
    assert said["sensor"][0] == "FAILED" and "does not answer (who am I: 0xff" in said["sensor"][1]
    assert said["broker"][0] == "FAILED"
    assert done.code == 1 and done.err.strip().endswith("failed: sensor, broker")
    bench.configure(wifi={"ssid": "machines", "password": "wlan-secret"}, model="none.bin")
    done = bench.run("selftest", "--seconds", 1)
    said = verdicts(done)
    assert said["model"][0] == "FAILED" and "none.bin" in said["model"][1]
    assert said["Wi-Fi"] == ("FAILED", "this board has no Wi-Fi") and "broker" not in said
    (bench.folder / "device.json").write_text("{")
    assert "device.json: is not JSON" in verdicts(bench.run("selftest"))["configuration"][1]


NETWORK = """
import sys
class network:
    STA_IF, STAT_IDLE = 0, 202
    joined = False
    def WLAN(i): return network
    def hostname(name): network.name = name
    def active(on): pass
    def connect(ssid, password): network.joined = password == "right-password"
    def isconnected(): return network.joined
    def config(name): return None
    def status(what=None): return -60 if what else 202
    def ifconfig(): return ("192.0.2.9", "", "", "")
sys.modules["network"] = network
"""


@pytest.mark.parametrize(
    ("password", "ok", "words"),
    [
        ("right-password", True, "192.0.2.9, -60 dBm"),
        ("wrong-password", False, "Wi-Fi 'machines': the password is wrong"),
    ],
)
def test_selftest_says_why_there_is_no_network(bench: Bench, password: str, ok: bool, words: str) -> None:
    """Against a stand-in for ESP32's module `network`."""
    bench.configure(wifi={"ssid": "machines", "password": password}, model="none.bin")
    with Board(bench.board.port) as board:
        board._transport.exec(NETWORK)
        said = {m["check"]: m for m in board.run("selftest", path="device.json", seconds=1, wifi_s=1)}
    assert (said["Wi-Fi"]["ok"], said["Wi-Fi"]["text"]) == (ok, words)
    assert ("broker" in said) == ok and password not in json.dumps(said)


@pytest.mark.parametrize(
    ("answer", "ok", "words"),
    [
        ({}, True, f"{NOON_S} since 1970 by 127.0.0.1"),
        ({1: 16}, False, "127.0.0.1: it does not know the time itself"),
        (None, False, "127.0.0.1: no answer"),
    ],
)
def test_selftest_asks_the_time_server(
    bench: Bench, time_server: TimeServer, answer: dict[int, int] | None, ok: bool, words: str
) -> None:
    bench.configure(ntp_host="127.0.0.1", model="none.bin")
    time_server.answers, time_server.change = answer is not None, answer or {}
    with Board(bench.board.port) as board:
        board._transport.exec(f"from vibnode import ntp\nntp.PORT = {time_server.port}")  # 123 takes root
        said = {m["check"]: m for m in board.run("selftest", path="device.json", seconds=1)}
    assert said["time"]["ok"] is ok and said["time"]["text"].startswith(words), said["time"]
    assert said["broker"]["ok"], "it goes on to what does not need the time"


def test_monitor_shows_each_window(bench: Bench) -> None:
    done = bench.run("monitor", "--windows", 2, "--json")
    assert done.code == 0, done.err
    head, *windows = [json.loads(line) for line in done.out.splitlines()]
    assert head["machine"] == "Pump" and head["warning"] == 256 and not head["baseline"]
    assert len(windows) == 2
    assert all(w["class"] == "healthy" if w["score"] < 256 else w["class"] != "healthy" for w in windows)
    assert windows[0]["rms_mm_s2"] == pytest.approx(12 * LSB_G * 9806.65, rel=0.2)
    drawn = bench.run("monitor", "--windows", 2)
    assert "Pump: tiny, warning 256, alarm 512" in drawn.out and "█" in drawn.out + "█▁"


def test_the_sparkline_grows_with_the_score() -> None:
    live = Live()
    live.take({"warning": 200, "alarm": 400, "machine": "m", "model": "t", "baseline": True, "hop_ms": 100})
    for score in (-2000, 0, 200, 400, 5000):
        said = {"score": score, "class": None, "rms_mm_s2": 1, "velocity_um_s": 1, "off": False}
        live.take(said)
    line = live.sparkline()
    assert line.plain[0] == "▁" and line.plain[-1] == "█" and sorted(line.plain) == list(line.plain)
    assert [span.style for span in line.spans] == ["green", "green", "yellow", "red", "red"]
    live.take({"fault": "gone"})
    assert live.windows == 5


def test_record_writes_what_the_chip_gave_for_training(bench: Bench, tmp_path: Path) -> None:
    out = tmp_path / "recordings"
    for label, options in (("healthy", []), ("imbalance", ["--speed-rpm", 1480, "--load", "full"])):
        done = bench.run("record", out, "--seconds", 1, "--label", label, *options)
        assert done.code == 0, done.err
    entries = manifest.catalogue(out / "manifest.csv")
    assert [entry.label for entry in entries] == ["healthy", "imbalance"]
    assert entries[1].speed_rpm == 1480 and entries[1].load == "full" and entries[1].machine == "Pump"
    counts = np.stack([column.to_numpy() for column in pq.read_table(out / entries[0].name).columns], axis=1)
    assert counts.shape == (417, 3)
    starts = [i for i in range(len(bench.noise)) if (bench.noise[i] == counts[0]).all()]
    assert any((np.roll(bench.noise, -i, axis=0)[:417] == counts).all() for i in starts)
    assert np.allclose(entries[0].read().data, counts * 598206e-9, rtol=1e-6)
    assert tuple(recording.FIELDS) == manifest.FIELDS


def test_record_refuses_before_it_stops_the_sensor(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("file,rate_hz\na.csv,100\n")
    file = tmp_path / "a.txt"
    file.write_text("no folder")
    for folder, words in (
        (tmp_path, "manifest.csv: has other columns"),
        (file, "a.txt is no folder that can be written to"),
        (file / "below", "a.txt is no folder that can be written to"),
    ):
        done = bench.run("record", folder, "--seconds", 0.5)
        assert done.code == 1 and words in done.err and done.err.count("\n") == 1
    assert bench.board.starts == 1 and not list(tmp_path.glob("*.parquet"))


def test_record_takes_no_rate_or_range_that_the_chip_has_not(bench: Bench, tmp_path: Path) -> None:
    for option, words in (
        (
            ("--rate-hz", 500),
            "--rate-hz, --range-g: sensor.rate_hz: 500.0; accepted: one of: 52, 104, 208, 417,",
        ),
        (("--range-g", 3), "--rate-hz, --range-g: sensor.range_g: 3; accepted: one of: 2, 4, 8, 16"),
    ):
        done = bench.run("record", tmp_path / "new", *option)
        assert done.code == 1 and words in done.err and not (tmp_path / "new").exists(), done.err


@pytest.mark.parametrize(
    "raw_format",
    [(16, 2, False, False, 0), (16, 2, True, False, 0), (12, 2, False, True, 1), (14, 2, True, True, 2)],
)
def test_samples_are_read_as_the_core_reads_them(raw_format: tuple[Any, ...]) -> None:
    frames = 256
    raw = np.random.default_rng(3).integers(0, 256, frames * (6 + raw_format[4]), dtype=np.uint8).tobytes()
    said = {"raw_format": raw_format, "frames": frames, "frame_bytes": 6 + raw_format[4]}
    plain, pushed = vib.Core(CONFIG), vib.Core(CONFIG)
    plain.push(recording.counts(raw, said))
    pushed.raw_format(*raw_format)
    pushed.push_raw(raw)
    answers = [np.zeros(plain.n_features, np.int16) for _ in range(2)]
    plain.features(answers[0])
    pushed.features(answers[1])
    assert (answers[0] == answers[1]).all()


def package(folder: Path, config: dict[str, int]) -> Path:
    """A folder with the model.ota of a tiny model for `config`."""
    binary = model_bin(config)
    model = vib.Model(binary)
    samples = np.random.default_rng(2).integers(-900, 900, (2, config["window"], 3), dtype=np.int16)
    features = np.concatenate([vib.extract(window, config) for window in samples])
    golden = {"samples": samples, "features": features, "scores": vib.score(model, features)}
    golden["classes"] = vib.classify(model, features)
    folder.mkdir()
    (folder / "model.ota").write_bytes(ota.pack(binary, golden))
    return folder


def test_model_push_by_cable_goes_on_trial(bench: Bench, tmp_path: Path) -> None:
    assert "a file on the board" in bench.run("model", "info").out
    done = bench.run("model", "push", package(tmp_path / "new", SLOW))
    assert done.code == 0, done.err
    info = bench.run("model", "info").out
    assert "a file, on trial" in info and "417 Hz" in info
    assert not (bench.folder / "model.ota").exists()


def test_a_model_that_does_not_fit_is_refused(bench: Bench, tmp_path: Path) -> None:
    fast = package(tmp_path / "fast", CONFIG)
    done = bench.run("model", "push", fast)
    assert done.code == 1 and "the model was made for 5000 Hz" in done.err.replace("\n", " ")
    damaged = fast / "model.ota"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    assert "damaged" in bench.run("model", "push", fast).err
    (fast / "model.ota").write_bytes(b"something else")
    assert "is no model.ota" in bench.run("model", "push", fast).err
    assert "a file on the board" in bench.run("model", "info").out


def test_a_board_without_the_application_is_told_of(stock_board: UnixBoard, tmp_path: Path) -> None:
    for command in (["selftest"], ["monitor"], ["record", tmp_path]):
        done = vibnode(*command, "--port", stock_board.port)
        assert done.code == 1 and "there is no vibnode on this board yet: vibnode deploy" in done.err


def test_a_watchdog_is_given_time_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    began: list[int] = []
    monkeypatch.setitem(sys.modules, "machine", SimpleNamespace(WDT=lambda timeout: began.append(timeout)))
    monkeypatch.chdir(tmp_path)
    for device, wanted in (
        (None, []),
        ("{", []),
        ('{"watchdog_s": 0}', []),
        ('{"watchdog_s": 30}', [3600000]),
    ):
        if device is not None:
            (tmp_path / "device.json").write_text(device)
        exec(scripts.source("hold_watchdog"), {})
        assert began == wanted


def test_the_board_starts_again_after_each_command(bench: Bench) -> None:
    def resets() -> int:
        return bench.board.printed.count(b"MPY: soft reboot")

    bench.run("model", "info")
    wait_for("fresh for the command, and again after it", lambda: resets() == 2)
    bench.run("model", "info", "--no-start")
    assert resets() == 3
