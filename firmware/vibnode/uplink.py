"""From the outbox to the broker, and from the broker to those whom a message concerns.

An alert leaves the outbox when the host says that it has it (SPEC 3.3). The broker's PUBACK proves only that
the broker is there: it is given for a message that an access list threw away, too.
"""

import asyncio
import random

from . import messages, status
from .clock import sleep_ms, ticks_diff, ticks_ms
from .link import Link, LinkDown
from .wifi import Wifi

FIRST_DELAY_MS = 1000  # between tries to connect; doubles, with jitter
LAST_DELAY_MS = 60000
FIRST_RESEND_MS = 20000  # an alert without the host's ack is sent again after this; doubles too
LAST_RESEND_MS = 1800000
LOOK_MS = 100  # between looks for something to send
LOOKS = 5  # then the link itself is looked at


class Uplink:
    """Keeps a link up for ever, and sends status and alerts over it. `reached`: the broker was, since the start."""

    def __init__(self, run, node=None, commands=None, points=None) -> None:
        """`run`: a run.Run; `node`: the node.Node, None where nothing is measured, which a status then says;
        `commands`: has `arrived(payload, retained)` for what comes on `cmd`, `points` for what comes on `point`; None:
        nothing is asked for.
        """
        device = run.device
        self._wifi = Wifi(device.get("wifi"), device["device"])
        self._listeners = {"cmd": commands, "point": points}
        self._run = run
        self._node = node
        self._broker = "{}:{}".format(device["mqtt"]["host"], device["mqtt"]["port"])
        self._topic = messages.topic(device["site"], device["device"])
        self._status_interval_ms = device["status_interval_s"] * 1000
        self._link: Link | None = None
        self._link_is_up = False
        self._leaving = False
        self._publishing = asyncio.Lock()
        self._sent_seq = 0  # the last alert sent over this link, or since the last resend
        self._stored_before = 0  # alerts up to this seq were stored before this connection
        self._waiting_since = ticks_ms()
        self._resend_ms = FIRST_RESEND_MS
        self._status_at = 0
        self.reached = False

    async def run(self) -> None:
        """Connect, send, and connect again, for ever."""
        delay_ms = FIRST_DELAY_MS
        told = ""
        while True:
            try:
                link = await self._connect()
                print(f"vibnode: connected to {self._broker}")
                delay_ms, told = FIRST_DELAY_MS, ""
                await self._talk(link)
            except LinkDown as error:
                if self._leaving:
                    return
                reason = self._wifi.trouble() or f"broker {self._broker}: {error}"
                if reason != told:
                    print(f"vibnode: {reason}; trying again until it answers")
                told = reason
            await asyncio.sleep(
                delay_ms * (50 + random.getrandbits(8) * 50 // 255) / 100000
            )  # half to all of it
            delay_ms = min(2 * delay_ms, LAST_DELAY_MS)

    async def reply(self, payload: bytes) -> None:
        """Publish an answer to a command. Without a link it is dropped: by the next one nobody may wait for it."""
        try:
            await self._publish("reply", payload)
        except LinkDown:
            print("vibnode: a reply was lost with the connection")

    async def drain(self, timeout_ms: int) -> None:
        """Wait until every alert was sent at least once, or for `timeout_ms`."""
        start = ticks_ms()
        while ticks_diff(ticks_ms(), start) < timeout_ms:
            if self._link_is_up and self._sent_seq >= (
                self._run.outbox.last_seq() if self._run.outbox.queued() else 0
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
                goodbye = status.message("shutdown", self._run, self._node)
                await link.publish(self._topic + "status", goodbye, retain=True)
            except LinkDown:
                return  # the will says it
            await self._drop(politely=True)

    def is_due(self, silent_ms: int) -> bool:
        """Whether there is something to send, or will be before `silent_ms` are over."""
        silent_ms += ticks_diff(ticks_ms(), self._status_at)
        waits = self._run.status_due or bool(self._run.outbox.queued())
        return waits or not self.reached or silent_ms > self._status_interval_ms

    async def visit(self, limit_ms: int, fed) -> None:
        """Connect, send all there is, wait for its acks or for `limit_ms`, and leave without a word, the radio off.

        `fed()` is called all the while, for the watchdog: nothing is to be judged meanwhile.
        """
        task = asyncio.create_task(self.run())
        start = ticks_ms()
        while ticks_diff(ticks_ms(), start) < limit_ms:
            fed()
            waits = self._run.status_due or self._run.outbox.queued()
            if self._link_is_up and self.reached and not waits:
                break
            await sleep_ms(50)
        async with self._publishing:
            self._leaving = True
            task.cancel()
            await self._drop(politely=True)
        self._leaving = False
        self._wifi.end()

    async def _connect(self) -> Link:
        await self._drop(politely=False)
        try:
            self._wifi.begin()
        except OSError as error:
            raise LinkDown(str(error)) from None
        run = self._run
        will = messages.status("will", {"boot": run.outbox.boot})
        client_id = "vibnode-{}-{}".format(run.device["site"], run.device["device"])
        self._link = link = Link(run.device["mqtt"], client_id, self._topic + "status", will, run.clock)
        self._stored_before = self._run.outbox.last_seq()
        self._sent_seq = 0
        kinds = ["ack"] + [kind for kind in self._listeners if self._listeners[kind]]
        self._tell_sampler(True)
        try:
            await link.connect([self._topic + kind for kind in kinds], self._arrived)
        finally:
            self._tell_sampler(False)
        self._link_is_up = True
        await self._send_status("birth")
        self.reached = True
        return link

    def _tell_sampler(self, busy: bool) -> None:
        """A handshake takes the processor for seconds: what is lost meanwhile is the link's doing."""
        if self._node:
            self._node.sampler.link_busy = busy

    async def _drop(self, politely: bool) -> None:
        link, self._link, self._link_is_up = self._link, None, False
        if link:
            await link.close(politely)

    async def _talk(self, link: Link) -> None:
        while True:
            link.check()
            self._run.news.clear()
            await self._send_alerts()
            if self._run.status_due:
                await self._send_status("change")
            elif ticks_diff(ticks_ms(), self._status_at) >= self._status_interval_ms:
                await self._send_status("periodic")
            for _ in range(LOOKS):  # to wait for the event with a limit takes memory each time
                if self._run.news.is_set():
                    break
                await sleep_ms(LOOK_MS)

    async def _send_alerts(self) -> None:
        waited_ms = ticks_diff(ticks_ms(), self._waiting_since)
        if self._run.outbox.queued() and self._sent_seq and waited_ms >= self._resend_ms:
            self._sent_seq = 0
            self._resend_ms = min(2 * self._resend_ms, LAST_RESEND_MS)
        while True:
            held = self._run.outbox.after(self._sent_seq)
            if held is None:
                return
            seq, boot, body = held
            alert = messages.alert(boot, seq, self._run.outbox.oldest(), seq <= self._stored_before, body)
            await self._publish("alert", alert)
            self._sent_seq = max(seq, self._sent_seq)
            self._waiting_since = ticks_ms()

    def _arrived(self, topic: str, payload: bytes, retained: bool) -> None:
        if topic == self._topic + "ack":
            self._acked(payload)
            return
        listener = self._listeners.get(topic[len(self._topic) :])
        if listener:
            listener.arrived(payload, retained)

    def _acked(self, payload: bytes) -> None:
        ack = messages.parse_ack(payload)
        if ack is None:
            self._run.refused += 1
            return
        try:
            taken = self._run.outbox.ack(*ack)
        except OSError as error:
            print("vibnode: the ack could not be stored:", error)
            return
        if taken:
            self._waiting_since = ticks_ms()
            self._resend_ms = FIRST_RESEND_MS

    async def _send_status(self, why: str) -> None:
        self._run.status_due = False
        self._status_at = ticks_ms()
        await self._publish("status", status.message(why, self._run, self._node), retain=True)

    async def _publish(self, kind: str, payload: bytes, retain: bool = False) -> None:
        topic = self._topic + kind
        async with self._publishing:
            if self._leaving or self._link is None:
                raise LinkDown("leaving")
            await self._link.publish(topic, payload, retain)
        self._run.bytes_sent += len(topic) + len(payload)
