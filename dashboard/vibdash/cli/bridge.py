"""The commands `vibdash bridge ...`: the fleet for other systems that speak MQTT."""

from __future__ import annotations

import logging
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Protocol

import typer
from vibtrain.cli.option_groups import flattened

from vibdash.cli.options import BrokerOptions, FleetOptions
from vibdash.cli.parts import running

if TYPE_CHECKING:
    import sqlalchemy as sa
    from paho.mqtt.client import Client

    from vibdash.read.fleet import FleetReader
    from vibdash.site.broker import Broker
    from vibdash.supervision import Record

LOOK_EVERY_S = 1.0
RECONNECT_AFTER_S = 2.0
CONNECT_TIMEOUT_S = 10.0

log = logging.getLogger("vibdash.bridge")

bridges = typer.Typer(
    no_args_is_help=True, help="The fleet for other systems that speak MQTT.", rich_markup_mode=None
)


class _Bridge(Protocol):
    def publish_news(self, now_ms: int) -> None: ...


@bridges.command("homeassistant")
@flattened
def to_home_assistant(
    connection: BrokerOptions,
    fleet: FleetOptions,
    prefix: Annotated[str, typer.Option(help="Home Assistant's discovery prefix.")] = "homeassistant",
) -> None:
    """Describe every sensor to Home Assistant, which then reads the sensors' own messages. The same broker for both."""
    from vibdash.bridges.homeassistant import HomeAssistantBridge
    from vibdash.database.opening import open_database
    from vibdash.database.work_states import WorkStates
    from vibdash.supervision import new_record

    engine, where = open_database(fleet.db), connection.read()
    reader, client = _reader(engine, fleet), _client(where)
    bridge = HomeAssistantBridge(
        client, reader, prefix=_level("--prefix", prefix), silent_after_s=int(fleet.silent_after_s)
    )
    states = WorkStates(engine, f"bridge homeassistant, {prefix}")
    with _until_told_to_end() as ended, running((states,)), _connected(client, where):
        _keep_publishing(bridge, ended, lambda: True, new_record("bridge"))


@bridges.command("sparkplug")
@flattened
def to_sparkplug(
    connection: BrokerOptions,
    fleet: FleetOptions,
    group: Annotated[str, typer.Option(help="Sparkplug group.")] = "vibnode",
    node: Annotated[str, typer.Option(help="Sparkplug edge node; each bridge its own.")] = "vibdash",
) -> None:
    """Be a Sparkplug B edge node, with a device for each sensor that is heard."""
    from vibdash.bridges.sparkplug import SparkplugBridge
    from vibdash.database.opening import open_database
    from vibdash.database.work_states import WorkStates
    from vibdash.supervision import new_record

    engine, where = open_database(fleet.db), connection.read()
    reader, record = _reader(engine, fleet), new_record("bridge")
    names = {"group": _level("--group", group), "node": _level("--node", node)}
    bd_seq = int(time.time())  # another in each connection
    with _until_told_to_end() as ended, running((WorkStates(engine, f"bridge sparkplug, {node}"),)):
        while not ended.is_set():
            client = _client(where)
            bridge = SparkplugBridge(client, reader, **names, bd_seq=bd_seq, now_ms=_now_ms())
            with _connected(client, where):
                _keep_publishing(bridge, ended, client.is_connected, record)
                bridge.say_goodbye(_now_ms())
            bd_seq += 1
            _wait_for(where, ended)


def _reader(engine: sa.Engine, fleet: FleetOptions) -> FleetReader:
    from vibdash.read.fleet import FleetReader

    return FleetReader(engine, silent_after_ms=fleet.silent_after_ms, site=fleet.site)


def _client(broker: Broker) -> Client:
    from paho.mqtt.client import Client
    from paho.mqtt.enums import CallbackAPIVersion

    client = Client(CallbackAPIVersion.VERSION2)
    if broker.user is not None:
        client.username_pw_set(broker.user, broker.password)
    if broker.tls:
        client.tls_set(ca_certs=str(broker.ca_file) if broker.ca_file else None)
    return client


@contextmanager
def _connected(client: Client, broker: Broker) -> Iterator[None]:
    from vibdash.site.broker import BrokerError

    client.connect_timeout = CONNECT_TIMEOUT_S
    try:
        client.connect(broker.host, broker.port)
    except (OSError, ValueError) as error:
        raise BrokerError(f"broker {broker}: {error}") from None
    client.loop_start()
    deadline = time.monotonic() + CONNECT_TIMEOUT_S
    while not client.is_connected() and time.monotonic() < deadline:
        time.sleep(0.02)
    print(f"bridging to {broker}", flush=True)
    yield
    client.disconnect()
    client.loop_stop()


@contextmanager
def _until_told_to_end() -> Iterator[threading.Event]:
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    yield ended


def _wait_for(broker: Broker, ended: threading.Event) -> None:
    """Return when a broker that was lost listens again."""
    while not ended.is_set():
        try:
            socket.create_connection((broker.host, broker.port), CONNECT_TIMEOUT_S).close()
            return
        except OSError as error:
            log.warning("broker %s: %s; trying again", broker, error)
            ended.wait(RECONNECT_AFTER_S)


def _keep_publishing(
    bridge: _Bridge, ended: threading.Event, goes_on: Callable[[], bool], record: Record
) -> None:
    from vibdash.supervision import FORESEEN

    while not ended.is_set() and goes_on():
        try:
            bridge.publish_news(_now_ms())
        except FORESEEN as error:  # what nobody foresaw ends the process
            record.note_failure(error)
            ended.wait(record.retry_after_s())
        else:
            record.note_working()
            ended.wait(LOOK_EVERY_S)


def _level(option: str, text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", text):
        raise typer.BadParameter(
            f"{text!r}; accepted: 1 to 64 of a-z, A-Z, 0-9, _, . and -", param_hint=option
        )
    return text


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
