"""The operating point as somebody on the network tells it (SPEC 3.5): a PLC, a SCADA gateway, Home Assistant."""

import binascii

from . import clock as ticks
from . import messages, signing
from .checks import REQUIRED, ConfigError, fill, number, optional, whole
from .operating_point import FULL_LOAD, speed_steps
from .untrusted import read_object

MAX_BYTES = 512
AHEAD_S = 60  # so far the sender's clock may be ahead of the device's
LONGEST_S = 86400
FIELDS = {
    "v": (REQUIRED, whole(messages.VERSION, messages.VERSION)),
    "speed_rpm": (None, optional(number(0, 1000000, "revolutions a minute"))),
    "load": (None, optional(number(0, 2, "shares of the rated load"))),
    "time": (None, optional(whole(0, 1 << 40, "seconds since 1970"))),
    "holds_s": (60, whole(1, LONGEST_S, "seconds")),
}


class PointMessages:
    """Takes what arrives on `point`, and tells it to an operating_point.Told."""

    def __init__(self, run, told, time=ticks) -> None:
        """`run`: a run.Run. Where its configuration has a key, only what is signed with that is taken."""
        self._run = run
        self._told = told
        self._time = time
        device = run.device
        key = device["command_key"]
        self._key = key and binascii.unhexlify(key)
        self._topic = messages.topic(device["site"], device["device"], "point")
        self._newest_s = 0
        self._refused = 0

    def arrived(self, payload: bytes, retained: bool) -> None:
        """Take a message; what is not to be taken is counted in the run's `refused`."""
        try:
            self._take(self._fields(payload), retained)
        except (signing.Refused, ConfigError, ValueError) as error:
            self._run.refused += 1
            self._refused += 1
            if (
                self._refused & (self._refused - 1) == 0
            ):  # the 1st, 2nd, 4th...: a flood must not hold the console
                print(f"vibnode: operating point refused, {self._refused} since the start; the last: {error}")

    def _fields(self, payload: bytes) -> dict:
        if len(payload) > MAX_BYTES:
            raise signing.Refused(f"{len(payload)} bytes; accepted: up to {MAX_BYTES}")
        if self._key:
            payload = signing.opened(self._key, self._topic, payload).encode()
        given = read_object(payload, MAX_BYTES)
        return fill("point", "", {key: given[key] for key in given if key in FIELDS}, FIELDS)

    def _take(self, said: dict, retained: bool) -> None:
        if said["speed_rpm"] is None and said["load"] is None:
            raise signing.Refused("speed_rpm: None; accepted: a number, here or in load")
        age_s = self._age_s(said["time"], retained)
        if age_s >= said["holds_s"]:
            raise signing.Refused(f"time: {age_s} s ago; accepted: within holds_s, {said['holds_s']}")
        self._newest_s = said["time"] or self._newest_s
        speed, load = said["speed_rpm"], said["load"]
        from_ms = self._time.ticks_add(self._time.ticks_ms(), -1000 * age_s)
        self._told.tell(
            None if speed is None else speed_steps(speed),
            None if load is None else int(load * FULL_LOAD + 0.5),
            from_ms,
            self._time.ticks_add(from_ms, 1000 * said["holds_s"]),
        )

    def _age_s(self, time_s: "int | None", retained: bool) -> int:
        """How long ago it was so. Refused where that must be known and cannot be."""
        now_s, _ = self._run.clock.unix_time()
        if time_s is None or now_s is None:
            if self._key or retained:
                lacks = "time: None" if time_s is None else "the device's clock is not set"
                raise signing.Refused(
                    f"{lacks}; accepted, signed or retained: only what is known to hold still"
                )
            return 0
        if time_s < self._newest_s:
            raise signing.Refused(
                f"time: {time_s}; accepted: {self._newest_s}, which was told before, or later"
            )
        if time_s > now_s + AHEAD_S:
            raise signing.Refused(f"time: {time_s}; accepted: up to {now_s + AHEAD_S}, a minute from now")
        return max(0, now_s - time_s)
