"""From the outbox to the broker: the only file that knows MQTT, and `Link` in it the only class that knows aiomqttc.

An alert leaves the outbox when the host says that it has it (SPEC 3.3). The broker's PUBACK proves only that
the broker is there: it is given for a message that an access list threw away, too.
"""

import asyncio
import random

import aiomqttc

from . import messages
from .clock import sleep_ms, ticks_diff, ticks_ms

FIRST_DELAY_MS = 1000  # between tries to connect; doubles, with jitter
LAST_DELAY_MS = 60000
FIRST_RESEND_MS = 20000  # an alert without the host's ack is sent again after this; doubles too
LAST_RESEND_MS = 1800000
CONNECT_TIMEOUT_S = 10
TICK_S = 0.5  # how often the link is looked at when there is nothing to send


class LinkDown(Exception):
    """The broker cannot be reached, or no longer. Its text is the reason in a few words."""


class Link:
    """One MQTT connection, from connect to its end. It is not used again after LinkDown."""

    def __init__(self, mqtt: dict, client_id: str, will_topic: str, will: bytes) -> None:
        """`mqtt`: that section of the device configuration."""
        self._notes: list[str] = []
        aiomqttc.log = self._note  # it prints every packet otherwise
        self._client = aiomqttc.MQTTClient(
            client_id,
            mqtt["host"],
            mqtt["port"],
            mqtt["user"],
            mqtt["password"],
            mqtt["keepalive_s"],
            will_topic=will_topic,
            will_message=will,
            will_qos=1,
            will_retain=True,
        )

    async def connect(self, topic: str, on_message) -> None:
        """Connect and subscribe to `topic`; `on_message(payload)` is called for what arrives. Raises LinkDown."""

        async def received(protocol, topic, payload, retain):
            on_message(payload)

        self._client.on_message = received
        if not await self._client.connect(CONNECT_TIMEOUT_S):
            raise LinkDown(self._reason())
        try:
            await self._client.subscribe(topic, 1)
        except (OSError, ValueError) as error:
            raise LinkDown(str(error)) from None

    async def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Publish at QoS 1 and wait for the PUBACK. Raises LinkDown."""
        self.check()
        if not await self._client.publish(topic, payload, 1, retain):
            raise LinkDown("no PUBACK")

    def check(self) -> None:
        """Raise LinkDown if the connection has ended."""
        stream = self._client.protocol.stream
        if not self._client.connected or stream is None or stream.at_eof():
            raise LinkDown("the broker closed the connection")

    async def close(self, politely: bool) -> None:
        """End the connection: with DISCONNECT, which takes back the will, or just so."""
        if politely and self._client.connected:
            await self._client.disconnect()
            return
        self._client.connected = False  # so that its own reconnect stays out of it
        try:  # noqa: SIM105 - MicroPython has no contextlib
            await self._client.handle_disconnect()
        except (OSError, ValueError):
            pass  # it was closed already

    def _note(self, text: str = "") -> None:
        self._notes.append(text)
        if len(self._notes) > 4:
            self._notes.pop(0)

    def _reason(self) -> str:
        for note in self._notes:  # aiomqttc says why in its log alone
            if "addrinfo error" in note:
                return "the host name is not known"
            if "CONNACK error: " in note:
                return note.partition("CONNACK error: ")[2]
            if "[Errno " in note:
                return note[note.index("[Errno ") :]
        return "no answer"


class Uplink:
    """Keeps a link up for ever, and sends status and alerts over it."""

    def __init__(self, device: dict, node) -> None:
        """`device`: the configuration; `node`: has `outbox`, `status(why)`, and the count `bytes_sent`."""
        self._mqtt = device["mqtt"]
        self._node = node
        self._outbox = node.outbox
        self._topic = _topic(device)
        self._client_id = "vibnode-{}-{}".format(device["site"], device["device"])
        self._status_interval_ms = device["status_interval_s"] * 1000
        self._wake = asyncio.Event()
        self._change = False
        self._link: Link | None = None
        self._link_is_up = False
        self._leaving = False
        self._publishing = asyncio.Lock()
        self._sent_seq = 0  # the last alert sent over this link, or since the last resend
        self._stored_before = 0  # alerts up to this seq were stored before this connection
        self._waiting_since = ticks_ms()
        self._resend_ms = FIRST_RESEND_MS
        self._status_at = 0

    def status_changed(self) -> None:
        """Have a status sent soon."""
        self._change = True
        self._wake.set()

    def alert_stored(self) -> None:
        """Have the outbox looked at."""
        self._wake.set()

    async def run(self) -> None:
        """Connect, send, and connect again, for ever."""
        delay_ms = FIRST_DELAY_MS
        told = ""
        while True:
            try:
                link = await self._connect()
                print(f"vibnode: connected to {self._broker()}")
                delay_ms, told = FIRST_DELAY_MS, ""
                await self._talk(link)
            except LinkDown as error:
                if self._leaving:
                    return
                if str(error) != told:
                    print(f"vibnode: broker {self._broker()}: {error}; trying again until it answers")
                told = str(error)
            await asyncio.sleep(
                delay_ms * (50 + random.getrandbits(8) * 50 // 255) / 100000
            )  # half to all of it
            delay_ms = min(2 * delay_ms, LAST_DELAY_MS)

    async def drain(self, timeout_ms: int) -> None:
        """Wait until every alert was sent at least once, or for `timeout_ms`."""
        start = ticks_ms()
        while ticks_diff(ticks_ms(), start) < timeout_ms:
            if self._link_is_up and self._sent_seq >= (
                self._outbox.last_seq() if self._outbox.queued() else 0
            ):
                return
            await sleep_ms(50)

    async def shutdown(self) -> None:
        """Say that the device goes offline on purpose, if there is a link; nothing is sent after it."""
        self._leaving = True
        link = self._link
        if link is None or not self._link_is_up:
            return
        async with self._publishing:
            try:
                await link.publish(self._topic + "status", self._node.status("shutdown"), retain=True)
            except LinkDown:
                return  # the will says it
            await self._drop(politely=True)

    async def _connect(self) -> Link:
        await self._drop(politely=False)
        will = messages.status("will", {"boot": self._outbox.boot})
        self._link = link = Link(self._mqtt, self._client_id, self._topic + "status", will)
        self._stored_before = self._outbox.last_seq()
        self._sent_seq = 0
        await link.connect(self._topic + "ack", self._acked)
        self._link_is_up = True
        await self._send_status("birth")
        return link

    async def _drop(self, politely: bool) -> None:
        link, self._link, self._link_is_up = self._link, None, False
        if link:
            await link.close(politely)

    async def _talk(self, link: Link) -> None:
        while True:
            link.check()
            self._wake.clear()
            await self._send_alerts()
            if self._change:
                await self._send_status("change")
            elif ticks_diff(ticks_ms(), self._status_at) >= self._status_interval_ms:
                await self._send_status("periodic")
            try:  # noqa: SIM105 - MicroPython has no contextlib
                await asyncio.wait_for(self._wake.wait(), TICK_S)
            except asyncio.TimeoutError:  # noqa: UP041 - MicroPython knows it by this name only
                pass

    async def _send_alerts(self) -> None:
        waited_ms = ticks_diff(ticks_ms(), self._waiting_since)
        if self._outbox.queued() and self._sent_seq and waited_ms >= self._resend_ms:
            self._sent_seq = 0
            self._resend_ms = min(2 * self._resend_ms, LAST_RESEND_MS)
        while True:
            held = self._outbox.after(self._sent_seq)
            if held is None:
                return
            seq, boot, body = held
            alert = messages.alert(boot, seq, self._outbox.oldest(), seq <= self._stored_before, body)
            await self._publish("alert", alert)
            self._sent_seq = max(seq, self._sent_seq)
            self._waiting_since = ticks_ms()

    def _acked(self, payload: bytes) -> None:
        ack = messages.parse_ack(payload)
        if ack is None:
            print("vibnode: an ack that is none was ignored")
            return
        try:
            taken = self._outbox.ack(*ack)
        except OSError as error:
            print("vibnode: the ack could not be stored:", error)
            return
        if taken:
            self._waiting_since = ticks_ms()
            self._resend_ms = FIRST_RESEND_MS

    async def _send_status(self, why: str) -> None:
        self._change = False
        self._status_at = ticks_ms()
        await self._publish("status", self._node.status(why), retain=True)

    async def _publish(self, kind: str, payload: bytes, retain: bool = False) -> None:
        topic = self._topic + kind
        async with self._publishing:
            if self._leaving or self._link is None:
                raise LinkDown("leaving")
            await self._link.publish(topic, payload, retain)
        self._node.bytes_sent += len(topic) + len(payload)

    def _broker(self) -> str:
        return f"{self._mqtt['host']}:{self._mqtt['port']}"


async def reach(device: dict) -> None:
    """Connect to the broker of the configuration `device` and leave again. Raises LinkDown."""
    topic, client_id = _topic(device), "vibnode-{}-{}-check".format(device["site"], device["device"])
    link = Link(device["mqtt"], client_id, "", b"")
    try:
        await link.connect(topic + "ack", _ignore)
    finally:
        await link.close(politely=True)


def _topic(device: dict) -> str:
    return "vibnode/v1/{}/{}/".format(device["site"], device["device"])


def _ignore(payload: bytes) -> None:
    pass
