"""One MQTT connection, from connect to its end: the only file that knows aiomqttc."""

import asyncio
import struct

import aiomqttc

from .clock import sleep_ms, ticks_diff, ticks_ms
from .lookup import Lookup
from .tls_context import Context, TlsError

CONNECT_TIMEOUT_S = 10
PUBACK_MS = 5000  # of silence, within which a broker has to take a message
PUBACK_POLL_MS = 5
MAX_PAYLOAD = 4096  # of what arrives; more is cut, so that it is too long for whoever reads it
READ_BYTES = 1024
QOS_BITS = 0x06

_lookup = Lookup()


class LinkDown(Exception):
    """The broker cannot be reached, or no longer. Its text is the reason in a few words."""


class _Protocol(aiomqttc.MQTTProtocol):  # type: ignore[misc]
    """What the library leaves out: a bound on what arrives, one writer at a time, and one close of a stream.

    A second close does harm on the unix port: by then another file may have the number of the first one's socket.
    """

    def __init__(self, client) -> None:
        super().__init__(client)
        self._writing = asyncio.Lock()
        self._heard_ms = ticks_ms()

    async def connect(self, *settings):
        try:
            return await super().connect(*settings)
        except Exception:
            self.stream = None  # the library has closed it
            raise

    async def disconnect(self) -> None:
        await self._send_packet(self.DISCONNECT, b"")
        await self.close()

    async def close(self) -> None:
        stream, self.stream = self.stream, None
        if stream:
            await stream.close()

    async def _send_packet(self, packet_type: int, payload) -> None:
        # asyncio's stream loses bytes when one task writes while another waits for room.
        async with self._writing:
            await super()._send_packet(packet_type, payload)

    async def publish(self, topic: str, message: bytes, qos: int, retain: bool) -> bool:
        # The library's own looks for the PUBACK every 100 ms only, and keeps a copy of the message until then.
        pid = self._get_packet_id()
        self._pending_pubacks[pid] = None
        packet = self._encode_string(topic) + struct.pack("!H", pid) + message
        await self._send_packet(self.PUBLISH | qos << 1 | retain, packet)
        self._heard_ms = ticks_ms()
        while pid in self._pending_pubacks:
            # A long message that comes in keeps the PUBACK waiting behind it.
            if ticks_diff(ticks_ms(), self._heard_ms) > PUBACK_MS:
                del self._pending_pubacks[pid]
                return False
            await sleep_ms(PUBACK_POLL_MS)
        return True

    async def _read_packet(self):
        # The library's own reads any length, and holds three copies of it.
        kind = await self.stream.buffered_read(1)
        length = await self._read_length() if kind else None
        if length is None:
            return None
        if kind[0] & 0xF0 != self.PUBLISH:
            return kind[0], await self._read(min(length, READ_BYTES), length)
        await self._read_publish(kind[0], length)
        return 0, b""  # no packet that the library knows

    async def _read_publish(self, kind: int, length: int) -> None:
        topic = await self.stream.buffered_read(2)
        topic = await self.stream.buffered_read(min(struct.unpack("!H", topic)[0], length))
        pid = await self.stream.buffered_read(2) if kind & QOS_BITS else b""
        left = length - 2 - len(topic) - len(pid)
        payload = await self._read(min(left, MAX_PAYLOAD + 1), left)
        if pid:
            await self._send_packet(self.PUBACK, pid)
        await self.client.on_message(self.client, topic.decode(), payload, kind & 1)

    async def _read(self, wanted: int, length: int) -> bytearray:
        """The first `wanted` bytes of the next `length`; the rest is thrown away. Raises EOFError."""
        held = bytearray(wanted)
        at = 0
        while at < length:
            piece = await self.stream.buffered_read(min(length - at, READ_BYTES))
            if not piece:
                raise EOFError
            self._heard_ms = ticks_ms()
            if at < wanted:
                held[at : at + len(piece)] = piece[: wanted - at]
            at += len(piece)
        return held

    async def _read_length(self) -> "int | None":
        length = 0
        for shift in (0, 7, 14, 21):
            byte = await self.stream.buffered_read(1)
            if not byte:
                return None
            length |= (byte[0] & 0x7F) << shift
            if byte[0] < 0x80:
                return length
        raise ValueError("not MQTT")


class Link:
    """Not used again after LinkDown."""

    def __init__(self, mqtt: dict, client_id: str, will_topic: str, will: bytes, clock) -> None:
        """`mqtt`: that section of the device configuration; `clock`: its `dates_hold` is asked."""
        self._mqtt = mqtt
        self._clock = clock
        self._notes: list[str] = []
        aiomqttc.log = self._note  # it prints every packet otherwise
        self._client = client = aiomqttc.MQTTClient(
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
        client.protocol = _Protocol(client)

    async def connect(self, topics, on_message) -> None:
        """Connect and subscribe to `topics`; what arrives goes to `on_message(topic, payload, retained)`.

        Raises LinkDown.
        """

        async def received(client, topic, payload, retained):
            on_message(topic, payload, bool(retained))

        client = self._client
        client.on_message = received
        try:
            if self._mqtt["tls"]:
                client.ssl = Context(self._mqtt["tls"], self._mqtt["host"])
            client.server = await _lookup.address(self._mqtt["host"])
        except TlsError as error:
            raise LinkDown(str(error)) from None
        except OSError as error:
            raise LinkDown(f"its name cannot be looked up ({error})") from None
        if not await client.connect(CONNECT_TIMEOUT_S):
            raise LinkDown(self._reason())
        try:
            for topic in topics:
                await client.subscribe(topic, 1)
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
        error = ""
        for note in self._notes:  # aiomqttc says why in its log alone
            if "CONNACK error: " in note:
                return note.partition("CONNACK error: ")[2]
            if "onnection error: " in note:
                error = " ".join(note.partition("onnection error: ")[2].rpartition("attempts: ")[2].split())
        if "ertificate" in error:
            return self._certificate_refused(error)
        if "fatal alert" in error or "-30592" in error:  # it says that before it hangs up, if there is time
            return _handshake_refused(self._mqtt["tls"])
        if error == "32" or "EPIPE" in error or "ECONNRESET" in error or "CONNACK" in error:
            return _hung_up(self._mqtt["tls"])
        return error or "no answer"

    def _certificate_refused(self, why: str) -> str:
        if not self._clock.dates_hold():
            why += "; the clock is not set, so its dates cannot be checked"
        return "its certificate is refused: " + why


def _handshake_refused(tls: "dict | None") -> str:
    if tls and not tls["cert"]:
        return "it refused the TLS handshake; does it want a certificate of the device (mqtt.tls.cert)?"
    return "it refused the TLS handshake"


def _hung_up(tls: "dict | None") -> str:
    """The reason where the connection ended before the broker answered."""
    if tls is None:
        return "it hung up without an answer; does this port want TLS (mqtt.tls)?"
    also = "" if tls["cert"] else ", or want a certificate of the device (mqtt.tls.cert)"
    return f"it hung up during the TLS handshake; does this port speak no TLS{also}?"
