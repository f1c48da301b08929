"""Hostile messages to the whole application on MicroPython, through a real Mosquitto: counted, and it measures on."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_sender import KEY, Sender
from hostile_payloads import FIXED, Dice, mangled, numbers, payloads
from test_firmware_commands import Commanded
from vibnode import messages

from lab.rigs.firmware import needs_micropython, wait_for

pytestmark = needs_micropython
SEED = 20260712


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Commanded]:
    made = Commanded(tmp_path)
    made.boot()
    made.wait_for_status("it runs", lambda status: status.get("machine") == "running")
    assert made.sender.ask("report")[0]["ok"]
    yield made
    made.close()


def expect_refused(bench: Commanded, refused: int) -> None:
    """Wait until that many were counted, and no more; the device measures on, and its files are as they were."""
    status = bench.wait_for_status("all are counted", lambda status: status.get("refused", 0) >= refused)
    later = bench.wait_for_status("it measures on", lambda later: later["windows"] > status["windows"] + 5)
    assert later["refused"] == refused and later["restarts"] == 0 and later["instrument"] == "ok"


def test_noise_on_cmd_is_counted_and_changes_nothing(bench: Commanded) -> None:
    before, said = bench.files(), len(bench.sender.replies)
    signed = bench.sender.signed("reboot")
    other = Sender(bench.broker, key=bytes(32))
    sent = 0
    for payload in payloads(SEED, 150, other.signed("reboot")):
        bench.sender.publish(payload)
        sent += 1
    for size in (5_000, 50_000, 500_000):
        bench.sender.publish(Dice(size).noise(1000) * (size // 1000))
        bench.sender.publish(signed[:-1] + b" " * size + b"}")
        sent += 2
    other.stop()
    expect_refused(bench, sent)
    assert bench.files() == before and len(bench.sender.replies) == said
    assert bench.sender.send(signed, str(bench.sender.n))[0]["ok"]


def test_noise_on_ack_is_counted_and_drops_no_alert(bench: Commanded) -> None:
    host = bench.host
    assert host
    host.acks = False
    bench.sender.ask("thresholds", warning=-2000, alarm=32000, dwell_windows=1)
    wait_for("an alert came", lambda: bool(host.alerts))
    (alert,) = host.alerts[:1]
    ack = b'{"v":1,"boot":%d,"seq":%d}' % (alert["boot"] + 1, alert["seq"])  # another life's
    before, dice = bench.files(), Dice(SEED)
    acks = Sender(bench.broker)
    acks.topic = bench.sender.topic.replace("/cmd", "/ack")
    wrong = [*FIXED, *numbers(), *(dice.noise(dice.below(200)) for _ in range(50)), b"[" * 500_000]
    for payload in wrong:
        assert messages.parse_ack(payload) is None
        acks.publish(payload)
    expect_refused(bench, len(wrong))
    # MicroPython's JSON does without some commas and colons: what is left of such an ack is another life's.
    for payload in [mangled(ack, dice) for _ in range(150)]:
        acks.publish(payload)
    acks.stop()
    bench.wait_for_status("half of them are counted", lambda status: status["refused"] > len(wrong) + 75)
    assert bench.sender.ask("report")[0]["status"]["restarts"] == 0
    after = bench.files()
    assert after.pop("commands.bin") != before.pop("commands.bin") and after == before
    assert host.statuses[-1]["queued"] >= 1


def test_replayed_and_retained_commands_change_nothing(bench: Commanded) -> None:
    old = bench.sender.signed("learn", windows=200)
    assert bench.sender.send(old, str(bench.sender.n))[0]["ok"]
    new = bench.sender.signed("reboot")
    before = bench.files()
    for _ in range(20):
        bench.sender.publish(old)
    bench.sender.publish(new, retain=True)  # live, it is not marked as retained
    bench.wait_for_status("it came back", lambda status: status.get("reset") == "command")
    after = bench.files()
    assert after.pop("commands.bin") != before.pop("commands.bin") and after == before
    bench.sender.publish(b"", retain=True)


def test_a_model_that_is_not_as_announced_never_runs(bench: Commanded) -> None:
    sender, long = bench.sender, base64.b64encode(bytes(2049)).decode()
    before = bench.files()
    assert sender.ask("model-begin", bytes=4000, sha256="0" * 64)[0]["ok"]
    for fields, said in (
        ({"at": 2048, "data": "AAAA"}, "at: 2048, 3 bytes; accepted: from 0, 4000 in all"),
        ({"at": -1, "data": "AAAA"}, "model-chunk: at: -1"),
        ({"at": 0, "data": long}, "data: 2049 bytes; accepted: 1 to 2048"),
        ({"at": 0, "data": "&&&&"}, "data: "),
        ({"at": 0, "data": ["AAAA"]}, "model-chunk: data: ['AAAA']; accepted: base64"),
    ):
        (refused,) = sender.ask("model-chunk", **fields)
        assert not refused["ok"] and said in refused["error"], refused
    for at in (0, 2000):
        piece = base64.b64encode(bytes(2000)).decode()
        assert sender.ask("model-chunk", at=at, data=piece)[0]["have"] == at + 2000
    (refused,) = sender.ask("model-chunk", at=4000, data="AAAA")
    assert "accepted: from 4000, 4000 in all" in refused["error"]
    (refused,) = sender.ask("model-commit")
    assert refused["error"] == "sha256: not that of the bytes held; send model-begin"
    after = {name: data for name, data in bench.files().items() if not name.endswith(".ota")}
    assert after.pop("commands.bin") != before.pop("commands.bin") and after == before
    expect_refused(bench, 0)
    assert KEY.hex() not in str(sender.replies)
