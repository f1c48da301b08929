"""How many alerts a second an ingest stores, at its limit.

The ingests are stopped (SIGSTOP) while the broker takes a backlog for them, and go on when it is complete: what is
measured is reading, storing and acknowledging, with no sender beside it.
"""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import sqlalchemy as sa
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from lab.rigs.dashboard import Mosquitto, alert_message, eventually

from .processes import BareIngest, IngestProcess
from .sensors import EVENTS, SITE

SENSORS = 1000
LONGEST_S = 300.0
IDLE_MS = 50.0  # of processor time in a second


def alerts_per_s(database: str, ingests: int, alerts: int, folder: Path) -> float:
    """Return the rate at which so many ingests store a backlog of so many alerts of 1,000 sensors."""
    broker = Mosquitto(folder / "broker")
    broker.start()
    running = [
        IngestProcess(broker, database, folder / "ingest.log", name=f"limit-{n}", share=ingests > 1)
        for n in range(ingests)
    ]
    try:
        for one in running:
            assert one.start(), f"the ingest did not start: {folder}/ingest.log"
        for one in running:
            one.send(signal.SIGSTOP)
        _publish(broker.port, alerts)
        start_s = time.monotonic()
        for one in running:
            one.send(signal.SIGCONT)
        _wait_until_stored(database, alerts)
        return alerts / (time.monotonic() - start_s)
    finally:
        for one in running:
            one.stop(signal.SIGKILL)
        broker.stop()


def cpu_us_per_alert(alerts: int, folder: Path) -> dict[str, float]:
    """Return the processor time of an alert of a backlog, µs: of the ingest with SQLite, and of the bare parts."""
    figures = {}
    for name in ("ingest", "bare"):
        place = folder / name
        place.mkdir()
        broker, database, log = Mosquitto(place / "broker"), place / "alerts.db", place / "log"
        broker.start()
        one: IngestProcess | BareIngest = BareIngest(broker, database, log)
        if name == "ingest":
            one = IngestProcess(broker, f"sqlite:///{database}", log)
        try:
            assert one.start(), f"it did not start: {log}"
            one.send(signal.SIGSTOP)
            _publish(broker.port, alerts)
            before_ms = one.cpu_ms()
            one.send(signal.SIGCONT)
            _wait_until_stored(f"sqlite:///{database}", alerts)
            _wait_until_idle(one)
            figures[f"{name}_cpu_us_per_alert"] = (one.cpu_ms() - before_ms) * 1000 / alerts
        finally:
            one.stop(signal.SIGKILL)
            broker.stop()
    return figures


def _wait_until_idle(one: IngestProcess | BareIngest) -> None:
    """Wait until it does next to nothing: its acks are out, and the broker has them."""
    before_ms = -IDLE_MS
    while (now_ms := one.cpu_ms()) - before_ms >= IDLE_MS:
        before_ms = now_ms
        time.sleep(1.0)


def _publish(port: int, alerts: int) -> None:
    client = Client(CallbackAPIVersion.VERSION2)
    client.max_inflight_messages_set(1000)
    client.connect("127.0.0.1", port)
    client.loop_start()
    eventually(client.is_connected, "the sender is connected")
    sent = []
    for n in range(alerts):
        seq = n // SENSORS + 1
        event, level = EVENTS[(seq - 1) % len(EVENTS)]
        payload = json.dumps(alert_message(seq, event=event, level=level))
        sent.append(client.publish(f"vibnode/v1/{SITE}/motor-{n % SENSORS}/alert", payload, qos=1))
    for one in sent:
        one.wait_for_publish(LONGEST_S)
    client.disconnect()
    client.loop_stop()


def _wait_until_stored(database: str, alerts: int) -> None:
    engine = sa.create_engine(database)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        count = sa.text("SELECT count(*) FROM alert")
        eventually(lambda: connection.scalar(count) == alerts, f"{alerts} alerts are stored", LONGEST_S)
    engine.dispose()
