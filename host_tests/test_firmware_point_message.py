"""The operating point as it is told over MQTT: what holds, what is stale, who may tell it. Portable."""

import binascii
import json

from vibnode import clock, signing
from vibnode.operating_point import OperatingPoints, Told, speed_steps
from vibnode.point_message import MAX_BYTES, PointMessages

KEY = bytes(range(32))
TOPIC = "vibnode/v1/plant/motor-1/point"
NOW_S = 1760000000
WRAP_MS = 1 << 30


class Time:
    """Ticks that wrap as MicroPython's do."""

    def __init__(self, now_ms=0):
        self.now_ms = now_ms

    def ticks_ms(self):
        return self.now_ms % WRAP_MS

    def ticks_add(self, ticks, delta):
        return (ticks + delta) % WRAP_MS


class Bench:
    """A device that is told; `now_s` is its calendar time, None while that is not known."""

    refused = 0

    def __init__(self, key=None, now_s=NOW_S):
        self.device = {"site": "plant", "device": "motor-1", "command_key": key and binascii.hexlify(key)}
        self.now_s = now_s
        self.clock = self
        told = Told()
        self.points = OperatingPoints([told])
        self.messages = PointMessages(self, told)

    def unix_time(self):
        return self.now_s, "none" if self.now_s is None else "ntp"

    def arrives(self, retained=False, key=None, topic=TOPIC, **said):
        text = json.dumps(dict({"v": 1}, **said))
        self.messages.arrived(signing.seal(key, topic, text) if key else text.encode(), retained)

    def now(self, after_ms=0):
        """Speed and load of a window of 100 ms whose middle is so long after now."""
        end_ms = clock.ticks_add(clock.ticks_ms(), after_ms + 50)
        point = self.points.at(clock.ticks_add(end_ms, -100), end_ms, None)
        return point.log2_speed if point.quality else None, point.load


def test_speed_and_load_are_told_and_hold_for_their_time():
    bench = Bench()
    bench.arrives(speed_rpm=1480.5, load=0.62, time=NOW_S, holds_s=30)
    assert bench.now(100) == (speed_steps(1480.5), 620)
    assert bench.now(29000) == (speed_steps(1480.5), 620)
    assert bench.now(31000) == (None, None) and bench.refused == 0


def test_without_a_time_it_is_so_when_it_arrives_and_holds_a_minute():
    for now_s in (NOW_S, None):
        bench = Bench(now_s=now_s)
        bench.arrives(speed_rpm=1500)
        assert bench.now(59000) == (speed_steps(1500), None)
        assert bench.now(61000) == (None, None)


def test_a_load_alone():
    bench = Bench()
    bench.arrives(load=1.1)
    assert bench.now(10) == (None, 1100) and bench.refused == 0


def test_what_was_so_some_time_ago_holds_so_much_shorter():
    bench = Bench()
    bench.arrives(speed_rpm=1500, time=NOW_S - 50)
    assert bench.now(9000) == (speed_steps(1500), None)
    assert bench.now(11000) == (None, None)


def test_stale_values_do_not_count():
    bench = Bench()
    bench.arrives(speed_rpm=1500, time=NOW_S - 60)
    bench.arrives(speed_rpm=1500, time=NOW_S - 3600, holds_s=3599, retained=True)
    assert bench.now(10) == (None, None) and bench.refused == 2


def test_a_retained_message_needs_its_time_and_a_clock():
    for now_s, said in ((NOW_S, {}), (None, {"time": NOW_S})):
        bench = Bench(now_s=now_s)
        bench.arrives(speed_rpm=1500, retained=True, **said)
        assert bench.now(10) == (None, None) and bench.refused == 1
    bench = Bench()
    bench.arrives(speed_rpm=1500, retained=True, time=NOW_S - 5)
    assert bench.now(10) == (speed_steps(1500), None)


def test_a_window_is_judged_by_what_held_at_its_middle():
    bench = Bench()
    bench.arrives(speed_rpm=1500, time=NOW_S - 20)
    bench.arrives(speed_rpm=1600, time=NOW_S - 5)
    assert bench.now(-10000) == (speed_steps(1500), None)  # judged late
    assert bench.now(-4000) == (speed_steps(1600), None)
    assert bench.now(-10000) == (None, None)  # windows go on: what was before is forgotten


def test_what_is_older_than_the_last_is_refused():
    bench = Bench()
    bench.arrives(speed_rpm=1500, time=NOW_S - 5)
    bench.arrives(speed_rpm=900, time=NOW_S - 6)
    assert bench.now(10) == (speed_steps(1500), None) and bench.refused == 1


def test_a_clock_ahead_by_a_minute_is_let_pass_and_the_future_is_not():
    bench = Bench()
    bench.arrives(speed_rpm=1500, time=NOW_S + 60)
    assert bench.now(10) == (speed_steps(1500), None)
    bench.arrives(speed_rpm=1600, time=NOW_S + 61)
    assert bench.now(10) == (speed_steps(1500), None) and bench.refused == 1


def test_with_a_key_only_what_is_signed_for_this_topic_and_dated_is_taken():
    bench = Bench(KEY)
    bench.arrives(speed_rpm=1500, time=NOW_S)
    bench.arrives(speed_rpm=1500, time=NOW_S, key=bytes(32))
    bench.arrives(speed_rpm=1500, time=NOW_S, key=KEY, topic="vibnode/v1/plant/motor-2/point")
    bench.arrives(speed_rpm=1500, key=KEY)
    assert bench.refused == 4 and bench.now(10) == (None, None)
    bench.arrives(speed_rpm=1500, time=NOW_S, key=KEY)
    assert bench.refused == 4 and bench.now(10) == (speed_steps(1500), None)


def test_a_signed_command_is_no_operating_point():
    bench = Bench(KEY)
    command = signing.sign(KEY, TOPIC, {"id": "a", "n": NOW_S * 1000, "cmd": "report"})
    bench.messages.arrived(command, False)
    assert bench.refused == 1 and bench.now(10) == (None, None)


def test_without_a_clock_nothing_signed_is_taken():
    bench = Bench(KEY, now_s=None)
    bench.arrives(speed_rpm=1500, time=NOW_S, key=KEY)
    assert bench.refused == 1 and bench.now(10) == (None, None)


def test_what_is_not_as_specified_is_refused_and_changes_nothing():
    bench = Bench()
    bench.arrives(speed_rpm=1500)
    for said in (
        {},
        {"v": 2, "speed_rpm": 1400},
        {"speed_rpm": -1},
        {"speed_rpm": True},
        {"speed_rpm": "1400"},
        {"speed_rpm": 1400, "load": 2.1},
        {"speed_rpm": 1400, "holds_s": 0},
        {"speed_rpm": 1400, "holds_s": 86401},
        {"speed_rpm": 1400, "time": 1.5},
        {"speed_rpm": 1400, "more": "x" * MAX_BYTES},
    ):
        bench.arrives(**said)
    for payload in (b"", b"\xff\xfe", b"[1]", b'{"v":1,"speed_rpm":14'):
        bench.messages.arrived(payload, False)
    assert bench.refused == 14 and bench.now(10) == (speed_steps(1500), None)


def test_unknown_fields_are_ignored():
    bench = Bench()
    bench.arrives(speed_rpm=1500, unit="rpm")
    assert bench.refused == 0 and bench.now(10) == (speed_steps(1500), None)


def test_ticks_that_wrap_meanwhile():
    """The time is the ticks' own: just before they begin anew, what is told holds until after."""
    told = Told()
    bench = Bench()
    time = Time(WRAP_MS - 1000)
    messages = PointMessages(bench, told, time)
    messages.arrived(b'{"v":1,"speed_rpm":1500,"holds_s":10}', False)
    assert told._last[2:] == (WRAP_MS - 1000, 9000)
