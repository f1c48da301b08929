"""What a healthy day costs on the wire, headers and all, against the samples that were taken.

Each kind of event is measured on the loopback with the real sensor and broker, some of them in a row, and multiplied by
how often it happens in a day. Bytes are the payload of TCP both ways and 40 for each segment that the kernel counted,
acknowledgements too; what Wi-Fi adds and repeats is not in it.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from vibnode import config, ntp

from lab.rigs.dashboard import eventually

from .proxy import Connection
from .rig import Rig

DAY_S = 86400
SAMPLED_BYTES = 3200 * 3 * 2 * DAY_S
EVENTS = 4  # of each kind that are measured
NTP_BYTES = 2 * (48 + 28)  # question and answer with UDP and IP headers
NTP_A_DAY = DAY_S * 1000 // ntp.AGAIN_MS
PINGS_A_KEEPALIVE = 2  # aiomqttc pings when half of it has passed
PINGREQ = b"\xc0\x00"


@dataclass
class HealthyDay:
    """Bytes on the wire of one event each, and how many there are in a day."""

    connect_bytes: float
    status_bytes: float
    ping_bytes: float
    statuses: int
    pings: int

    @property
    def bytes(self) -> float:
        """On the wire, in a day."""
        events = self.connect_bytes + self.status_bytes * self.statuses + self.ping_bytes * self.pings
        return float(events + NTP_BYTES * NTP_A_DAY)

    @property
    def reduction(self) -> float:
        """How many times more was sampled than sent."""
        return SAMPLED_BYTES / self.bytes

    def figures(self) -> dict[str, float]:
        """For the report."""
        return asdict(self) | {"bytes": self.bytes, "sampled_bytes": SAMPLED_BYTES}


def measure(folder: Path) -> HealthyDay:
    """Measure with the configuration's own defaults for the intervals."""
    keepalive_s = config.MQTT_FIELDS["keepalive_s"][0]
    interval_s = config.DEVICE_FIELDS["status_interval_s"][0]
    pinging = _events(folder, keepalive_s=2, status_interval_s=DAY_S, sign=PINGREQ)
    saying = _events(folder, keepalive_s=3600, status_interval_s=1, sign=b'"why":"periodic"')
    return HealthyDay(
        connect_bytes=pinging[0],
        ping_bytes=pinging[1],
        status_bytes=saying[1],
        statuses=DAY_S // interval_s,
        pings=PINGS_A_KEEPALIVE * DAY_S // keepalive_s,
    )


def _events(folder: Path, keepalive_s: int, status_interval_s: int, sign: bytes) -> tuple[float, float]:
    """Bytes until the first event, which `sign` in what the sensor sends tells, and then of each."""
    rig = Rig(folder, window_ms=50)
    rig.proxy.keep_what_is_sent = True
    (folder / "stop").touch()  # no alerts
    path = folder / "device.json"
    device = json.loads(path.read_text())
    device |= {"machine": "A healthy day", "status_interval_s": status_interval_s}
    device["mqtt"]["keepalive_s"] = keepalive_s
    path.write_text(json.dumps(device))
    try:
        rig.sensor.start()
        eventually(lambda: rig.proxy.connections, "the sensor connects")
        connection = rig.proxy.connections[0]
        before = _after(connection, 1, sign)
        return before, (_after(connection, 1 + EVENTS, sign) - before) / EVENTS
    finally:
        rig.stop()


def _after(connection: Connection, count: int, sign: bytes) -> float:
    """Bytes on the wire when the event with that number is over: nothing is on its way any more."""
    eventually(lambda: connection.from_sensor.count(sign) >= count, f"event {count}")
    while True:
        counted = connection.wire_bytes()
        time.sleep(0.3)  # longer than a delayed acknowledgement, shorter than until the next event
        if connection.wire_bytes() == counted:
            return counted
