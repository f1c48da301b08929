"""The loader in an ESP32-C3's ROM at a pseudo-terminal, as far as esptool without its stub uses it.

From Espressif's description of the serial protocol: SLIP packets, registers, flash written in blocks. The flash chip is
asked for its id through the SPI controller's registers.
"""

from __future__ import annotations

import hashlib
import os
import pty
import select
import struct
import threading
import tty
import zlib

END, ESCAPE, ESCAPED_END, ESCAPED_ESCAPE = 0xC0, 0xDB, 0xDC, 0xDD
CHIP_ID = 5
SPI_W0 = 0x60002058
UNSUPPORTED = 5
BLOCK = 0x400
SYNC, WRITE_REG, READ_REG, SPI_SET_PARAMS, SPI_ATTACH, CHANGE_BAUD = 0x08, 0x09, 0x0A, 0x0B, 0x0D, 0x0F
FLASH_BEGIN, FLASH_DATA, FLASH_END, DEFL_BEGIN, DEFL_DATA, DEFL_END = 2, 3, 4, 0x10, 0x11, 0x12
FLASH_MD5, SECURITY_INFO = 0x13, 0x14


class EspRom:
    """Answers at `port` until it is stopped. `flash`: the contents, erased at first."""

    def __init__(self, flash_bytes: int) -> None:
        self.flash = bytearray(b"\xff" * flash_bytes)
        self._size_id = flash_bytes.bit_length() - 1
        self._registers: dict[int, int] = {}
        self._at = 0
        self._inflate = zlib.decompressobj()
        self._own, self._other = pty.openpty()
        tty.setraw(self._other)
        self.port = os.ttyname(self._other)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Pull the plug."""
        self._stopping.set()
        self._thread.join()
        os.close(self._own)
        os.close(self._other)

    def _serve(self) -> None:
        packet, escaped, inside = bytearray(), False, False
        while not self._stopping.is_set():
            if not select.select([self._own], [], [], 0.1)[0]:
                continue
            for byte in os.read(self._own, 65536):
                if byte == END:
                    if inside and packet:
                        self._take(bytes(packet))
                        inside = False
                    else:
                        inside = True
                    packet.clear()
                elif byte == ESCAPE:
                    escaped = True
                elif escaped:
                    packet.append(END if byte == ESCAPED_END else ESCAPE)
                    escaped = False
                else:
                    packet.append(byte)

    def _take(self, packet: bytes) -> None:
        direction, op, length, _ = struct.unpack_from("<BBHI", packet)
        if direction != 0 or len(packet) != 8 + length:
            return
        value, data = self._carry_out(op, packet[8:])
        status = bytes(4) if data is not None else bytes([1, UNSUPPORTED, 0, 0])
        for _ in range(8 if op == SYNC else 1):
            self._send(op, value, (data or b"") + status)

    def _send(self, op: int, value: int, data: bytes) -> None:
        body = struct.pack("<BBHI", 1, op, len(data), value) + data
        body = body.replace(bytes([ESCAPE]), bytes([ESCAPE, ESCAPED_ESCAPE]))
        body = body.replace(bytes([END]), bytes([ESCAPE, ESCAPED_END]))
        os.write(self._own, bytes([END]) + body + bytes([END]))

    def _carry_out(self, op: int, data: bytes) -> tuple[int, bytes | None]:
        """The value and the data of the answer; no data where the ROM knows no such command."""
        if op == SYNC:
            return 0x20120707, b""
        if op == READ_REG:
            return self._read(*struct.unpack("<I", data)), b""
        if op == WRITE_REG:
            address, value = struct.unpack_from("<II", data)
            self._registers[address] = value
            return 0, b""
        if op == SECURITY_INFO:
            return 0, struct.pack("<IB7xII", 0, 0, CHIP_ID, 0)
        if op in (SPI_ATTACH, SPI_SET_PARAMS, CHANGE_BAUD, FLASH_END, DEFL_END):
            return 0, b""
        return 0, self._use_flash(op, data)

    def _read(self, address: int) -> int:
        if address == SPI_W0:  # the answer to "read id": maker, kind, log2 of the size
            return 0xC8 | 0x40 << 8 | self._size_id << 16
        return 0 if address == 0x60002000 else self._registers.get(address, 0)  # a command is done at once

    def _use_flash(self, op: int, data: bytes) -> bytes | None:
        if op in (FLASH_BEGIN, DEFL_BEGIN):
            erase, _, _, self._at = struct.unpack_from("<4I", data)
            self.flash[self._at : self._at + erase] = b"\xff" * erase
            self._inflate = zlib.decompressobj()
        elif op in (FLASH_DATA, DEFL_DATA):
            block = data[16:] if op == FLASH_DATA else self._inflate.decompress(data[16:])
            self.flash[self._at : self._at + len(block)] = block
            self._at += len(block)
        elif op == FLASH_MD5:
            start, size = struct.unpack_from("<II", data)
            return hashlib.md5(self.flash[start : start + size]).hexdigest().encode()
        else:
            return None
        return b""
