"""Commands to the whole application on MicroPython, through a real Mosquitto: what each does, and what none may do."""

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import vib
from command_sender import KEY, Reply, Sender
from test_firmware_application import RATE_HZ, Bench, noise
from vibnode import reset_cause

from lab.rigs.firmware import Device, Host, needs_micropython, wait_for
from lab.rigs.firmware_model import ALARM, CONFIG, WARNING, model_ota

pytestmark = needs_micropython
RECORDING = noise(1, 100, 50_000)  # 10 s without a seam
THRESHOLDS = {
    "warning": WARNING,
    "alarm": ALARM,
    "hysteresis": 64,
    "dwell_windows": 4,
    "alarm_dwell_windows": 4,
    "clear_windows": 6,
    "velocity_limits_mm_s": None,
}


class Commanded(Bench):
    """A bench with a device that takes commands, and the sender of them."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.sender = Sender(self.broker)
        self.state = folder / "state"

    def boot(
        self, *items: tuple[str, np.ndarray, float], pace: float = 4, **fields: Any
    ) -> tuple[Device, Host]:
        """Start the device on recordings, and wait until it measures."""
        items = items or (("healthy", RECORDING, 1e6),)
        path = self.configure(*items, pace=pace, **{"command_key": KEY.hex()} | fields)
        host = self.host or self.listen()
        device = self.start(path)
        self.wait_for_status("it measures", lambda status: status.get("windows", 0) > 0)
        return device, host

    def wait_for_status(self, what: str, holds: Any) -> Reply:
        """Wait for a status that comes from now on and of which that holds."""
        assert self.host
        statuses, seen = self.host.statuses, len(self.host.statuses)
        wait_for(what, lambda: any(holds(status) for status in statuses[seen:]))
        return next(status for status in statuses[seen:] if holds(status))

    def files(self) -> dict[str, bytes]:
        """What is kept on flash, but for the outbox, which every start writes to, and the time."""
        kept = [path for path in self.state.iterdir() if path.name not in ("outbox.bin", "time.bin")]
        return {path.name: path.read_bytes() for path in kept}

    def close(self) -> None:
        self.sender.stop()
        super().close()
        for device in self._devices:
            print(*device.lines, sep="\n")  # shown where the test fails


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Commanded]:
    made = Commanded(tmp_path)
    yield made
    made.close()


def test_a_report_tells_everything(bench: Commanded) -> None:
    bench.boot()
    bench.wait_for_status("it runs", lambda status: status.get("machine") == "running")
    (report,) = bench.sender.ask("report")
    assert report["ok"] and report["cmd"] == "report" and report["boot"] == report["status"]["boot"]
    assert report["status"]["windows"] >= 10 and report["status"]["model"]["digest"] == "00112233aabbccdd"
    health = report["health"]
    assert health["settings"] == THRESHOLDS and health["boots"] == 1 and health["reset"] == "power"
    assert health["baseline"]["windows"] == 10 and health["tasks"]["commands"] == 0
    assert health["heap_used"] > 10_000 and health["flash_free"] > 10_000 and health["rate_ppm"] is None


def test_thresholds_are_in_force_at_once_and_after_a_restart(bench: Commanded) -> None:
    device, host = bench.boot()
    bench.wait_for_status("it runs", lambda status: status.get("machine") == "running")
    assert bench.sender.ask("thresholds")[0]["settings"] == THRESHOLDS
    changed = {"warning": -2000, "alarm": 32000, "dwell_windows": 2, "velocity_limits_mm_s": [2.8, 7.1]}
    assert bench.sender.ask("thresholds", **changed)[0]["settings"] == THRESHOLDS | changed
    wait_for("a healthy machine is over it", lambda: bool(host.alerts))
    assert (host.alerts[0]["level"], host.alerts[0]["threshold"]) == ("warning", -2000)
    bench.wait_for_status("the status tells it", lambda status: status["warning"] == -2000)
    device.kill()
    bench.boot()
    assert bench.sender.ask("thresholds")[0]["settings"] == THRESHOLDS | changed
    back = bench.sender.ask(
        "thresholds", warning=None, alarm=None, dwell_windows=None, velocity_limits_mm_s=None
    )
    assert back[0]["settings"] == THRESHOLDS


@pytest.mark.parametrize(
    ("command", "fields", "said"),
    [
        ("thresholds", {"warnig": 300}, "thresholds: warnig: no such field (did you mean warning?)"),
        ("thresholds", {"warning": ALARM + 1}, "warning: 513; accepted: up to the alarm, which is 512"),
        ("thresholds", {"warning": "loud"}, "warning: 'loud'; accepted: a whole number from -2048 to 32767"),
        ("thresholds", {"dwell_windows": 0}, "dwell_windows: 0; accepted: a whole number from 1"),
        ("learn", {}, "learn: windows: is missing; accepted: a whole number from 1 to 500"),
        ("learn", {"windows": 501}, "learn: windows: 501"),
        ("learn", {"windows": -1}, "learn: windows: -1"),
        ("learn", {"windows": 9, "force": 1}, "learn: force: 1; accepted: true or false"),
        ("repaired", {"windows": 0}, "repaired: windows: 0; accepted: a whole number from 1 to 500"),
        ("restore", {}, "no baseline but the present one is kept"),
        ("baseline", {"last": True}, "no baseline but the present one is kept"),
        ("snapshot", {"frames": 4097}, "snapshot: frames: 4097; accepted: a whole number from 64 to 4096"),
        ("report", {"loud": 1}, "report: loud: no such field"),
        ("model-begin", {"bytes": 1 << 30, "sha256": "0" * 64}, "model-begin: bytes: 1073741824"),
        (
            "model-begin",
            {"bytes": 1000, "sha256": "xyz"},
            "model-begin: sha256: 'xyz'; accepted: 64 hex digits",
        ),
        ("model-chunk", {"at": 0, "data": "AAAA"}, "no upload is open; send model-begin"),
        ("model-chunk", {"at": 0, "data": "%"}, "data: "),
        ("model-commit", {}, "0 bytes are held; accepted: an upload"),
        ("format-flash", {}, "cmd: no such command; accepted: baseline, learn, model-begin"),
    ],
)
def test_a_signed_command_that_cannot_be_is_answered_and_changes_nothing(
    steady: Commanded, command: str, fields: dict[str, Any], said: str
) -> None:
    before = steady.files()
    (answer,) = steady.sender.ask(command, **fields)
    assert not answer["ok"] and said in answer["error"]
    after = steady.files()
    assert after.pop("commands.bin") != before.pop("commands.bin")  # its number is spent all the same
    assert after == before


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commanded]:
    """A device that stays for many tests; it has learnt, and has taken a first command."""
    made = Commanded(tmp_path_factory.mktemp("steady"))
    made.boot()
    made.wait_for_status("it runs", lambda status: status.get("machine") == "running")
    assert made.sender.ask("report")[0]["ok"]
    yield made
    made.close()


def test_a_baseline_is_told_in_parts(steady: Commanded) -> None:
    parts = steady.sender.ask("baseline")
    assert [part["part"] for part in parts] == [0, 1] and {part["parts"] for part in parts} == {2}
    names = [name for part in parts for name in part["names"]]
    assert names == vib.feature_names(CONFIG)
    median = dict(zip(names, (value for part in parts for value in part["median"]), strict=True))
    spread = [value for part in parts for value in part["spread"]]
    usual = np.median(vib.extract(RECORDING, CONFIG)[:, names.index("x.rms")])
    assert abs(median["x.rms"] - usual) < 32 and min(spread) >= 16 and len(spread) == len(names)


def test_a_spectrum_is_the_features_of_a_window_bit_for_bit(steady: Commanded) -> None:
    (answer,) = steady.sender.ask("spectrum")
    features = np.frombuffer(base64.b64decode(answer["features"]), "<i2")
    recorded = vib.extract(RECORDING, CONFIG)
    assert (recorded == features).all(axis=1).any()
    assert (answer["lo_hz"], answer["hi_hz"], answer["bands"], answer["axes"]) == (40, 2500, 4, 3)
    assert answer["model"] == "00112233aabbccdd" and isinstance(answer["score"], int)


@pytest.mark.parametrize("frames", [64, 1000, 4096])
def test_a_snapshot_is_raw_samples_in_a_row_and_breaks_no_window(steady: Commanded, frames: int) -> None:
    before = steady.sender.ask("report")[0]["status"]
    parts = steady.sender.ask("snapshot", frames=frames)
    assert [part["at"] for part in parts] == list(range(0, frames, 128))
    assert {part["frames"] for part in parts} == {frames} and {part["rate_hz"] for part in parts} == {RATE_HZ}
    raw = b"".join(base64.b64decode(part["data"]) for part in parts)
    assert len(raw) == frames * 6
    recorded = RECORDING.tobytes()
    assert raw in recorded + recorded  # the seam is a gap, where a snapshot begins anew
    after = steady.sender.ask("report")[0]["status"]
    played = (after["bytes_sampled"] - before["bytes_sampled"]) / 6
    seams = after["gaps"] - before["gaps"]
    assert seams <= 1 + played / len(RECORDING)
    assert after["windows"] - before["windows"] >= played / 256 - 2 * (seams + 1)


def test_a_baseline_is_learnt_anew(bench: Commanded) -> None:
    bench.boot()
    bench.wait_for_status("it runs", lambda status: status.get("machine") == "running")
    assert bench.sender.ask("learn", windows=25)[0]["ok"]
    learnt = bench.wait_for_status("it learnt", lambda status: status.get("baseline") == 25)
    assert learnt["machine"] == "running"
    assert not (bench.sender.ask("learn", windows=0)[0])["ok"]


def broken(bench: Commanded) -> Device:
    """A device that has learnt its machine, which then turned bad: the alarm is up."""
    turns_bad = ("healthy", noise(1, 100, 25_000), 5), ("fault", noise(2, 800, 25_000), 1e6)
    device, _ = bench.boot(*turns_bad)
    wait_for("it is an alarm", lambda: spoken_of(bench)[-1:] == [("raise", "alarm")])
    return device


def test_a_fault_is_not_learnt_unless_somebody_insists_and_that_is_taken_back(bench: Commanded) -> None:
    broken(bench)
    before = bench.files()
    (asked,) = bench.sender.ask("learn", windows=10)
    assert "force: false; accepted: true, as an alert is up (anomaly)" in asked["error"]
    assert bench.files()["baseline.bin"] == before["baseline.bin"]
    assert bench.sender.ask("learn", windows=10, force=True)[0]["ok"]
    wait_for("it is usual now", lambda: spoken_of(bench)[-1:] == [("clear", "alarm")])
    last = bench.sender.ask("baseline", last=True)
    told = bench.sender.ask("baseline")
    assert last[0]["median"][0] < told[0]["median"][0] - 600  # 18 dB are 768 steps
    (restored,) = bench.sender.ask("restore")
    assert restored["ok"] and restored["baseline"] == 10
    (nothing,) = bench.sender.ask("restore")
    assert "no baseline but the present one is kept" in nothing["error"]
    wait_for("it is a fault again", lambda: spoken_of(bench)[-1:] == [("raise", "alarm")])
    assert bench.files()["baseline.bin"] == before["baseline.bin"]


def test_a_machine_that_was_repaired_is_well_at_once_and_learnt_anew(bench: Commanded) -> None:
    device = broken(bench)
    old = bench.files()["baseline.bin"]
    bench.sender.ask("thresholds", clear_windows=10_000)  # so that it does not end by itself
    device.kill()
    bench.boot(("mended", noise(3, 120, 25_000), 1e6))  # a little louder than it used to be
    told = bench.wait_for_status("it goes on", lambda status: status.get("windows", 0) > 0)
    assert told["active"] == ["anomaly"]
    assert bench.sender.ask("repaired", windows=20)[0]["ok"]
    learnt = bench.wait_for_status("it has learnt", lambda status: status.get("baseline") == 20)
    assert (learnt["baseline_state"], learnt["active"]) == ("learnt", [])
    assert spoken_of(bench) == [("raise", "alarm"), ("clear", "alarm")]
    assert bench.files()["baseline.bin.last"] == old and bench.files()["baseline.bin"] != old


def test_a_machine_that_is_bad_from_the_first_start_is_not_learnt_and_is_an_alarm(bench: Commanded) -> None:
    """Four times as loud as the model's healthy machines: over its alarm without a baseline."""
    bad = ("bad", noise(2, 400, 25_000), 1e6)
    bench.boot(bad)
    held = bench.wait_for_status("it refuses", lambda status: status.get("baseline_state") == "over-alarm")
    assert held["baseline"] is None and held["machine"] in ("running", "learning")
    wait_for("it is an alarm", lambda: spoken_of(bench) == [("raise", "alarm")])
    assert not bench.sender.ask("learn", windows=10)[0]["ok"]
    assert bench.sender.ask("learn", windows=10, force=True)[0]["ok"]
    learnt = bench.wait_for_status("it has learnt", lambda status: status.get("baseline_state") == "learnt")
    assert learnt["baseline"] == 10 and learnt["baseline_time"] > 1_700_000_000


def test_a_change_of_load_while_it_learns_is_told_and_learnt_again(bench: Commanded) -> None:
    ten_windows_s = 10 * 256 / RATE_HZ
    steps = ("one", noise(1, 60, 25_000), 1.5 * ten_windows_s), ("other", noise(2, 120, 25_000), 1e6)
    bench.boot(*steps, pace=1, learn_windows=20)
    bench.wait_for_status("it tells", lambda status: status.get("baseline_state") == "uneven")
    learnt = bench.wait_for_status("it has learnt", lambda status: status.get("baseline") == 20)
    assert learnt["baseline_state"] == "learnt"


def test_learning_goes_on_after_a_power_cut(bench: Commanded) -> None:
    device, _ = bench.boot(pace=1)
    assert bench.sender.ask("learn", windows=60)[0]["ok"]
    device.kill()
    bench.boot(pace=20)
    bench.wait_for_status("it learnt", lambda status: status.get("baseline") == 60)


def test_reboot_answers_and_comes_back(bench: Commanded) -> None:
    bench.boot()
    boot = bench.sender.ask("report")[0]["boot"]
    assert bench.sender.ask("reboot")[0]["ok"]
    again = bench.wait_for_status("it is back", lambda status: status.get("boot") == boot + 1)
    assert again["reset"] == "command"


def test_a_device_without_a_key_listens_to_nobody(bench: Commanded) -> None:
    bench.boot(command_key=None)
    bench.sender.publish(bench.sender.signed("reboot"))
    bench.sender.publish(b"junk")
    status = bench.wait_for_status("a status after it", lambda status: True)
    status = bench.wait_for_status("another", lambda status: True)
    assert status["refused"] == 0 and bench.sender.replies == []


def test_a_number_is_taken_once_even_over_a_power_cut(bench: Commanded) -> None:
    device, _ = bench.boot()
    payload = bench.sender.signed("learn", windows=30)
    ident = str(bench.sender.n)
    assert bench.sender.send(payload, ident)[0]["ok"]
    for _ in range(2):
        (refused,) = bench.sender.send(payload, ident)
        assert not refused["ok"] and refused["next_n"] == bench.sender.n + 1
        device.kill()
        device, _ = bench.boot()
    bench.sender.n = 0
    (refused,) = bench.sender.ask("report")
    bench.sender.n = refused["next_n"]
    assert bench.sender.ask("report")[0]["status"]["refused"] == 1


def send_model(bench: Commanded, ota: bytes) -> None:
    bench.sender.upload(ota, hashlib.sha256(ota).hexdigest())
    (committed,) = bench.sender.ask("model-commit")
    assert committed["ok"], committed


def test_a_model_is_tried_kept_and_given_up_over_the_air(bench: Commanded) -> None:
    device, _ = bench.boot()
    send_model(bench, model_ota())
    seen: list[tuple[str, str]] = []
    assert bench.host
    wait_for("it is kept", lambda: bool(device.printed("the model on trial is kept")))
    kept = bench.wait_for_status("it says so", lambda status: status["model"]["origin"] == "file")
    seen = [(s["model"]["digest"], s["model"]["origin"]) for s in bench.host.statuses if "model" in s]
    assert kept["model"]["digest"] == "44556677aabbccdd" and kept["reset"] == "command"
    assert ("44556677aabbccdd", "trial") in seen
    device.kill()
    device, _ = bench.boot()
    assert bench.sender.ask("report")[0]["status"]["model"]["digest"] == "44556677aabbccdd"
    assert bench.sender.ask("model-revert")[0]["ok"]
    back = bench.wait_for_status("it is back", lambda status: status["model"]["digest"] == "00112233aabbccdd")
    assert back["reset"] == "command"


def spoken_of(bench: Commanded) -> list[tuple[str, str]]:
    assert bench.host
    return [(alert["event"], alert["level"]) for alert in bench.host.alerts]


def test_an_alarm_stays_up_while_models_come_and_go_and_the_baseline_with_it(bench: Commanded) -> None:
    """The machine is bad all the while; louder than the cold model's centre when it is well, so that only its own
    baseline knows which is which."""
    turns_bad = ("healthy", noise(1, 160, 25_000), 5), ("fault", noise(2, 1600, 25_000), 1e6)
    device, host = bench.boot(*turns_bad)
    wait_for("it is an alarm", lambda: spoken_of(bench)[-1:] == [("raise", "alarm")])
    learnt = (bench.state / "baseline.bin").read_bytes()
    bad = ("fault", noise(2, 1600, 25_000), 1e6)
    bench.configure(bad, pace=4, command_key=KEY.hex())  # what the machine does when the device begins anew
    seen = len(host.statuses)
    send_model(bench, model_ota())
    wait_for("it is kept", lambda: bool(device.printed("the model on trial is kept")))
    bench.wait_for_status("B has judged", lambda s: s.get("windows", 0) > 40 and s["machine"] == "running")
    assert bench.sender.ask("model-revert")[0]["ok"]
    of_a = "00112233aabbccdd"
    bench.wait_for_status("A has", lambda s: s.get("windows", 0) > 40 and s["model"]["digest"] == of_a)
    said = [status for status in host.statuses[seen:] if "model" in status]
    assert {status["model"]["digest"] for status in said} == {of_a, "44556677aabbccdd"}
    assert all(status["active"] == ["anomaly"] and status["baseline"] == 10 for status in said)
    assert not any(status["machine"] == "learning" for status in said)
    assert spoken_of(bench) == [("raise", "alarm")]
    assert (bench.state / "baseline.bin").read_bytes() == learnt
    bench.configure(("healthy", noise(1, 160, 25_000), 1e6), pace=4, command_key=KEY.hex())
    assert bench.sender.ask("reboot")[0]["ok"]
    wait_for("it is well again", lambda: spoken_of(bench)[1:] == [("clear", "alarm")])


def test_a_model_of_other_features_neither_learns_by_itself_nor_costs_the_baseline(bench: Commanded) -> None:
    device, _ = bench.boot()
    bench.wait_for_status("it runs", lambda status: status.get("machine") == "running")
    learnt = (bench.state / "baseline.bin").read_bytes()
    send_model(bench, model_ota(CONFIG | {"band_hi_hz": 1600}))
    wait_for("it is kept", lambda: bool(device.printed("the model on trial is kept")))
    other = bench.wait_for_status("it has judged", lambda s: s.get("windows", 0) > 40)
    assert other["model"]["digest"] == "44556677aabbccdd" and other["baseline"] is None
    assert not device.printed("baseline learnt")[1:]
    assert "band_hi_hz 2500; accepted: 1600" in device.printed("the stored baseline is of no use")[0]
    assert bench.sender.ask("model-revert")[0]["ok"]
    back = bench.wait_for_status("it is back", lambda s: s["model"]["digest"] == "00112233aabbccdd")
    assert back["baseline"] == 10 and (bench.state / "baseline.bin").read_bytes() == learnt


def test_a_model_whose_golden_windows_come_out_otherwise_is_given_up_and_said(bench: Commanded) -> None:
    device, _ = bench.boot()
    send_model(bench, model_ota(wrong_score=1))
    back = bench.wait_for_status("it went back", lambda status: status["model"]["origin"] == "reverted")
    assert back["model"]["digest"] == "00112233aabbccdd"
    assert "golden window 1 of 2 does not come out right" in device.printed("is given up")[0]
    send_model(bench, model_ota())
    bench.wait_for_status(
        "a good one is kept", lambda status: status["model"]["digest"] == "44556677aabbccdd"
    )


def test_a_model_that_the_watchdog_ends_twice_is_given_up(bench: Commanded) -> None:
    slow = 0.1  # a window takes half a second, so that the trial lasts
    device, _ = bench.boot(pace=slow)
    send_model(bench, model_ota())
    on_trial = bench.wait_for_status("it is on trial", lambda status: status["model"]["origin"] == "trial")
    assert on_trial["model"]["digest"] == "44556677aabbccdd"
    for origin, digest in (("trial", "44556677aabbccdd"), ("reverted", "00112233aabbccdd")):
        device.kill()
        reset_cause.leave(str(bench.state), "watchdog")
        device, _ = bench.boot(pace=slow)
        (report,) = bench.sender.ask("report")
        assert (report["status"]["model"]["origin"], report["status"]["model"]["digest"]) == (origin, digest)
        assert report["status"]["reset"] == "watchdog"


def test_a_model_for_another_sensor_is_refused_and_the_device_measures_on(bench: Commanded) -> None:
    bench.boot()
    bench.wait_for_status("it runs", lambda status: status.get("machine") == "running")
    before = bench.files()
    for ota, said in (
        (model_ota(CONFIG | {"rate_millihz": 6_000_000}), "the sensor's rate_hz is 5000; accepted: 6000"),
        (model_ota(version=9), "is made for core version 9; accepted: 1"),
    ):
        bench.sender.upload(ota, hashlib.sha256(ota).hexdigest())
        (refused,) = bench.sender.ask("model-commit")
        assert not refused["ok"] and said in refused["error"]
    after = {name: data for name, data in bench.files().items() if not name.endswith(".ota")}
    assert after.pop("commands.bin") != b"" and after == before
    bench.wait_for_status("it measures on", lambda status: status["windows"] > 0)


def test_it_all_fits_the_heap_of_a_small_chip(bench: Commanded) -> None:
    """On this 64-bit computer most of what the application takes is pointers, half as long on a chip."""
    path = bench.configure(("healthy", RECORDING, 1e6), pace=4, command_key=KEY.hex())
    host = bench.listen()
    device = Device("-X", "heapsize=168k", "-m", "vibnode", path, path=".frozen")
    try:
        wait_for("it runs", lambda: any(s.get("machine") == "running" for s in host.statuses))
        for _ in range(3):
            assert len(bench.sender.ask("snapshot", frames=2048)) == 16
            assert bench.sender.ask("report")[0]["ok"] and bench.sender.ask("baseline")[-1]["ok"]
        (told,) = bench.sender.ask("learn", windows=500)
        assert "accepted: up to" in told["error"] and "for which there is memory now" in told["error"]
        send_model(bench, model_ota())
        wait_for("it is kept", lambda: bool(device.printed("the model on trial is kept")))
        assert not device.printed("failed and is started again") and not device.printed("lost")
    finally:
        device.kill()
        print(*device.lines, sep="\n")
