"""A model over the air to the real firmware, and what `vibnode` says when broker or sensor refuse."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import vib
from vibnode_fixtures import Done, vibnode
from vibtool import commands
from vibtool.commands import Access, Commander
from vibtool.errors import ToolError
from vibtrain.packaging import ota

from lab.rigs.firmware import Broker, Device, Host, Listening, needs_micropython, wait_for
from lab.rigs.firmware_model import CONFIG, model_bin

pytestmark = needs_micropython
KEY = bytes(range(32))
NEW = "feedfeedfeedfeed"  # digest of the model that is pushed


def write_sensor(folder: Path, broker: Listening) -> Path:
    """A virtual sensor that takes commands; its device.json."""
    folder.mkdir()
    noise = np.random.default_rng(4).normal(0, 300, (5000, 3)).astype("<i2")
    (folder / "a.i16").write_bytes(noise.tobytes())
    playlist = {"rate_hz": 5000, "axes": 3, "lsb_nm_s2": CONFIG["lsb_nm_s2"]}
    (folder / "playlist.json").write_text(
        json.dumps(playlist | {"items": [{"file": "a.i16", "seconds": 600}]})
    )
    (folder / "model.bin").write_bytes(model_bin())
    device = {
        "site": "demo",
        "device": "motor-1",
        "model": "model.bin",
        "sensor": {"driver": "replay", "playlist": "playlist.json"},
        "mqtt": {"host": "127.0.0.1", "port": broker.port},
        "learn_windows": 0,
        "status_interval_s": 1,
        "command_key": KEY.hex(),
    }
    (folder / "device.json").write_text(json.dumps(device))
    return folder / "device.json"


def write_site(folder: Path, broker: Listening) -> Path:
    (folder / "motor-1.key").write_text(KEY.hex() + "\n")
    site = folder / "site.toml"
    site.write_text(
        f'site = "demo"\n[mqtt]\nhost = "127.0.0.1"\nport = {broker.port}\n'
        '[devices.motor-1]\ncommand_key = { file = "motor-1.key" }\n[devices.motor-2]\n'
    )
    return site


def package(folder: Path) -> Path:
    """A package with another model for the same sensor."""
    binary = model_bin(digest=NEW)
    model = vib.Model(binary)
    samples = np.random.default_rng(2).integers(-900, 900, (2, CONFIG["window"], 3), dtype=np.int16)
    features = np.concatenate([vib.extract(window, CONFIG) for window in samples])
    golden = {"samples": samples, "features": features, "scores": vib.score(model, features)}
    golden["classes"] = vib.classify(model, features)
    folder.mkdir()
    (folder / "model.ota").write_bytes(ota.pack(binary, golden))
    return folder


def push(site: Path, new: Path, *options: object) -> Done:
    return vibnode("model", "push", new, "--site", site, *options)


def test_a_model_over_the_air_is_tried_and_kept(broker: Listening, tmp_path: Path) -> None:
    host = Host(broker, acks=True)
    sensor = Device("-m", "vibnode", "--boot", write_sensor(tmp_path / "sensor", broker))
    try:
        wait_for("online", lambda: any(status["state"] == "online" for status in host.statuses))
        done = push(write_site(tmp_path, broker), package(tmp_path / "new"), "--device", "motor-1")
        assert done.code == 0, done.err + "\n".join(sensor.lines[-5:])

        def ran(origin: str) -> bool:
            models = [status["model"] for status in host.statuses if status.get("model")]
            return any((model["digest"], model["origin"]) == (NEW, origin) for model in models)

        wait_for("on trial", lambda: ran("trial"))
        wait_for("kept", lambda: ran("file"))
    finally:
        sensor.kill()
        host.stop()


def test_what_is_missing_is_named(broker: Listening, tmp_path: Path) -> None:
    site, new = write_site(tmp_path, broker), package(tmp_path / "new")
    assert "lists 2 devices; accepted: one of them, named: motor-1, motor-2" in push(site, new).err
    assert (
        "devices.motor-2: has no command_key, so it takes no commands"
        in push(site, new, "--device", "motor-2").err
    )
    assert (
        "'x:y'; accepted: HOST or HOST:PORT" in push(site, new, "--device", "motor-1", "--broker", "x:y").err
    )
    assert "model.ota: cannot be read" in push(site, tmp_path, "--device", "motor-1").err


def test_a_sensor_that_does_not_answer(broker: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "REPLY_TIMEOUT_S", 0.3)
    with (
        Commander(Access("127.0.0.1", broker.port), "demo", "nobody", KEY) as commander,
        pytest.raises(
            ToolError, match=r"demo/nobody/: no answer to report within 0\.3 s: is the sensor online"
        ),
    ):
        commander.send("report")


def test_another_senders_counter_that_is_ahead_is_taken_up(broker: Listening, tmp_path: Path) -> None:
    host = Host(broker, acks=True)
    sensor = Device("-m", "vibnode", "--boot", write_sensor(tmp_path / "sensor", broker))
    try:
        wait_for("online", lambda: any(status["state"] == "online" for status in host.statuses))
        with Commander(Access("127.0.0.1", broker.port), "demo", "motor-1", KEY) as ahead:
            ahead._n = 1 << 50
            assert ahead.send("report")["ok"]
        with Commander(Access("127.0.0.1", broker.port), "demo", "motor-1", KEY) as behind:
            assert behind.send("report")["status"]["why"] == "report"
            with pytest.raises(ToolError, match="demo/motor-1/: refused: learn: windows: 0"):
                behind.send("learn", windows=0)
    finally:
        sensor.kill()
        host.stop()


def test_a_wrong_password_is_told_by_both_ends(tmp_path: Path) -> None:
    """A Mosquitto that asks for one."""
    program = shutil.which("mosquitto_passwd") or "/usr/bin/mosquitto_passwd"
    subprocess.run([program, "-b", "-c", tmp_path / "passwords", "motor-1", "right"], check=True)
    os.chmod(tmp_path / "passwords", 0o644)
    guarded = Broker(tmp_path)
    config = tmp_path / "mosquitto.conf"
    who = getpass.getuser()  # as root it would take on a user that may not read this folder
    config.write_text(
        f"user {who}\nlistener {guarded.port} 127.0.0.1\npassword_file {tmp_path / 'passwords'}\n"
    )
    guarded.start()
    try:
        with pytest.raises(
            ToolError, match=r"refuses: Not authorized: check --user and VIBNODE_MQTT_PASSWORD"
        ):
            Commander(Access("127.0.0.1", guarded.port, "motor-1", "wrong"), "demo", "motor-1", KEY)
        Commander(Access("127.0.0.1", guarded.port, "motor-1", "right"), "demo", "motor-1", KEY).__exit__(
            None, None, None
        )
        path = write_sensor(tmp_path / "sensor", guarded)
        device = json.loads(path.read_text())
        device["mqtt"] |= {"user": "motor-1", "password": "wrong"}
        path.write_text(json.dumps(device))
        sensor = Device("-m", "vibnode", "--boot", path)
        wait_for("it says so", lambda: bool(sensor.printed("trying again until it answers")))
        sensor.kill()
        (line,) = sensor.printed("trying again until it answers")
        assert f"broker 127.0.0.1:{guarded.port}: " in line and "uthori" in line
    finally:
        guarded.kill()
