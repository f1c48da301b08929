"""Alerts on flash until the host has them: append-only, a CRC a record, bounded, safe against a power cut at any byte.

The file is a row of records: mark, kind, payload length, seq, boot, payload, CRC-32. What does not check is stepped
over byte by byte, so damage costs the records it lies in and no others. The file is made anew (new file, rename)
when it is full or was damaged; the oldest alerts are dropped then, and counted, until the rest leaves some room.

An alert is known by (device, boot, seq). `seq` counts through reboots. `boot` begins at a random multiple of 1000, plus
1, when the outbox is new, so that a device whose flash was erased does not repeat the identities of its former life,
and an acknowledgement meant for that life is not taken for one of this.
"""

import binascii
import os
import struct

from . import flash
from .checks import ConfigError

MAX_PAYLOAD = 1024
_MARK = b"\xa5V"
_HEAD = "<2sBHII"  # mark, kind, payload length, seq, boot
_HEAD_SIZE = 13
_FRAME_SIZE = _HEAD_SIZE + 4
_ALERT, _ACK, _START = 1, 2, 3
_START_PAYLOAD = "<II"  # dropped, first boot of this outbox
_START_SIZE = _FRAME_SIZE + 8


class Outbox:
    """The alerts that the host has not acknowledged yet.

    `boot`: number of this start. `dropped`: alerts lost for want of room since the outbox is there.
    `damaged_bytes`: bytes found unreadable when it was opened (a power cut in mid-write leaves some).
    """

    def __init__(self, path: str, max_bytes: int = 65536) -> None:
        """Open or make the outbox in the file `path`, which never grows over `max_bytes`. Raises OSError."""
        self.path = path
        self.max_bytes = max_bytes
        self.dropped = 0
        self._dropped_noted = 0  # what of it the file knows
        self.boot = 0
        self.first_boot = 0
        self.damaged_bytes = 0
        self._last_seq = 0
        self._size = 0
        self._held: list[tuple[int, int, int, int]] = []  # seq, boot, offset of the payload, its length
        if flash.exists(path):
            self._read()
        self.boot = self.boot + 1 if self.boot else _random_boot()
        self.first_boot = self.first_boot or self.boot
        if self.damaged_bytes or self._size + _START_SIZE > max_bytes or not self._size:
            self._rewrite(0)
        else:
            self._append(self._start_record())

    def append(self, payload: bytes) -> int:
        """Store one alert; on return it is on the medium. Returns its seq.

        Raises ValueError for a payload over MAX_PAYLOAD bytes, OSError where the medium fails; nothing is held then.
        """
        if not 0 < len(payload) <= MAX_PAYLOAD:
            raise ValueError(f"an alert of {len(payload)} bytes; accepted: 1 to {MAX_PAYLOAD}")
        size = _FRAME_SIZE + len(payload)
        noting = _START_SIZE if self.dropped != self._dropped_noted else 0
        if self._size + noting + size > self.max_bytes:
            self._rewrite(size)  # which notes it too
        seq = self._last_seq + 1
        at = self._size + _HEAD_SIZE
        record = _record(_ALERT, seq, self.boot, payload)
        if self.dropped != self._dropped_noted:
            at += _START_SIZE
            record = self._start_record() + record
        self._append(record)
        self._dropped_noted = self.dropped
        self._last_seq = seq
        self._held.append((seq, self.boot, at, len(payload)))
        return seq

    def lose(self) -> None:
        """An alert could not be stored: the medium failed. The count is noted with the next alert that it takes."""
        self.dropped += 1

    def ack(self, boot: int, seq: int) -> bool:
        """The host has everything up to `seq`, said of an alert of `boot`. Returns whether anything was dropped by it.

        An acknowledgement of a boot or seq that this outbox never gave out is somebody else's, and ignored.
        """
        if (
            not self.first_boot <= boot <= self.boot
            or not self._held
            or not self._held[0][0] <= seq <= self._last_seq
        ):
            return False
        if self._size + _FRAME_SIZE > self.max_bytes:
            self._forget(seq)
            self._rewrite(0)
        else:
            self._append(_record(_ACK, seq, self.boot, b""))
            self._forget(seq)
        return True

    def after(self, seq: int) -> "tuple[int, int, bytes] | None":
        """(seq, boot, payload) of the oldest alert later than `seq`, None where there is none."""
        for held_seq, boot, offset, length in self._held:
            if held_seq > seq:
                with open(self.path, "rb") as file:
                    file.seek(offset)
                    return held_seq, boot, file.read(length)
        return None

    def oldest(self) -> "int | None":
        """The lowest seq held."""
        return self._held[0][0] if self._held else None

    def last_seq(self) -> int:
        """The highest seq ever given out, 0 if none was."""
        return self._last_seq

    def queued(self) -> int:
        """How many alerts are held."""
        return len(self._held)

    def _read(self) -> None:
        with open(self.path, "rb") as file:
            file.seek(0, 2)
            self._size = file.tell()
            offset = 0
            while offset < self._size:
                size = self._take(file, offset)
                self.damaged_bytes += 0 if size else 1
                offset += size or 1

    def _take(self, file, offset: int) -> int:
        """Read the record at `offset`; its size, 0 if there is no whole one."""
        file.seek(offset)
        head = file.read(_HEAD_SIZE)
        if len(head) < _HEAD_SIZE or head[:2] != _MARK:
            return 0
        _, kind, length, seq, boot = struct.unpack(_HEAD, head)
        if length > MAX_PAYLOAD:
            return 0
        rest = file.read(length + 4)
        if len(rest) < length + 4 or struct.unpack("<I", rest[length:])[0] != binascii.crc32(
            head + rest[:length]
        ):
            return 0
        self.boot = max(self.boot, boot)
        self._last_seq = max(self._last_seq, seq)
        if kind == _ALERT:
            self._held.append((seq, boot, offset + _HEAD_SIZE, length))
        elif kind == _ACK:
            self._forget(seq)
        elif kind == _START and length == 8:
            self.dropped, self.first_boot = struct.unpack(_START_PAYLOAD, rest[:8])
            self._dropped_noted = self.dropped
        return _FRAME_SIZE + length

    def _forget(self, seq: int) -> None:
        while self._held and self._held[0][0] <= seq:
            self._held.pop(0)

    def _start_record(self) -> bytes:
        return _record(
            _START, self._last_seq, self.boot, struct.pack(_START_PAYLOAD, self.dropped, self.first_boot)
        )

    def _append(self, record: bytes) -> None:
        try:
            flash.append(self.path, record)
        finally:
            # The true one: a write that failed may have left a part behind.
            self._size = os.stat(self.path)[6]

    def _rewrite(self, room: int) -> None:
        """Make the file anew with what is held, dropping the oldest until `room` bytes and some more are free."""
        limit = self.max_bytes - room - (self.max_bytes // 8 if room else 0)
        size = _START_SIZE + sum([_FRAME_SIZE + held[3] for held in self._held])
        keep = 0
        if size > self.max_bytes - room:
            while keep < len(self._held) and size > limit:
                size -= _FRAME_SIZE + self._held[keep][3]
                keep += 1
        held, self.dropped = self._held[keep:], self.dropped + keep
        try:
            flash.replace(self.path, self._records(held))
        except OSError:
            self.dropped -= keep  # the old file is still there, whole
            raise
        self._dropped_noted = self.dropped
        self._held, offset = [], _START_SIZE
        for seq, boot, _, length in held:
            self._held.append((seq, boot, offset + _HEAD_SIZE, length))
            offset += _FRAME_SIZE + length
        self._size = offset

    def _records(self, held):
        yield self._start_record()
        if not held:
            return
        with open(self.path, "rb") as file:
            for seq, boot, offset, length in held:
                file.seek(offset)
                yield _record(_ALERT, seq, boot, file.read(length))


def _record(kind: int, seq: int, boot: int, payload: bytes) -> bytes:
    body = struct.pack(_HEAD, _MARK, kind, len(payload), seq, boot) + payload
    return body + struct.pack("<I", binascii.crc32(body))


def _random_boot() -> int:
    return 1000 * (1 + int.from_bytes(os.urandom(2), "little")) + 1


def open_outbox(device: dict) -> Outbox:
    """The outbox in the configured folder. Raises ConfigError."""
    folder = device["data_dir"]
    try:
        flash.make_folder(folder)
        outbox = Outbox(folder + "/outbox.bin", device["outbox_bytes"])
    except OSError as error:
        raise ConfigError(f"data_dir: {folder!r} cannot be written ({error})") from None
    if outbox.damaged_bytes:
        print(f"vibnode: outbox: {outbox.damaged_bytes} damaged bytes left out")
    return outbox
