"""Small files with a checksum, replaced whole: the state that has to be right or known to be lost."""

import binascii
import struct

from . import flash


class Damaged(Exception):
    """The file is there and cannot be trusted. Its text is one line that names it."""


def save(path: str, magic: bytes, body: bytes) -> None:
    """Put `body` in the file `path`; a power cut leaves the old contents or the new. Raises OSError."""
    checksum = binascii.crc32(body, binascii.crc32(magic))
    flash.replace(path, (magic, body, struct.pack("<I", checksum)))


def load(path: str, magic: bytes) -> "bytes | None":
    """What `save` put in the file `path`, None where there is no file. Raises Damaged."""
    try:
        with open(path, "rb") as file:
            raw = file.read()
    except OSError as error:
        if flash.exists(path):
            raise Damaged(f"{path}: cannot be read ({error})") from None
        return None
    size = len(magic)
    if len(raw) < size + 4 or raw[:size] != magic:
        raise Damaged(f"{path}: holds something else")
    if struct.unpack("<I", raw[-4:])[0] != binascii.crc32(raw[:-4]):
        raise Damaged(f"{path}: damaged (checksum)")
    return raw[size:-4]
