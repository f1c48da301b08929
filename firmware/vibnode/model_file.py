"""`model.ota` (SPEC 2.2): a model with the windows that show that this core computes with it what its maker's did."""

import binascii
import struct
from array import array

import vib

_HEAD = "<4sIHH"  # magic, bytes of model.bin, golden windows, zero
_HEAD_BYTES = 12
_MAGIC = b"VIBO"
_MODEL_HEAD = "<4s2I2I16I"  # model.bin up to the configuration (SPEC 2.1)
_MODEL_HEAD_BYTES = 84
_CORE_FIELDS = ("rate_millihz", "window", "hop", "axes", "lsb_nm_s2")
MAX_GOLDEN = 4
READ_BYTES = 512


class ModelError(Exception):
    """The file holds no model for this device. Its text is one line that says why."""


class Parts:
    """Where the parts of a file stand: `model_bytes`, `windows` (golden ones), `golden_bytes` of each of them."""

    def __init__(self, file) -> None:
        """Read the head of the open `file`. Raises ModelError where its length does not fit it."""
        head = file.read(_HEAD_BYTES)
        size = file.seek(0, 2)
        if len(head) < _HEAD_BYTES:
            raise ModelError(f"{size} bytes; accepted: a model.ota")
        magic, self.model_bytes, self.windows, zero = struct.unpack(_HEAD, head)
        if magic != _MAGIC or zero or not 1 <= self.windows <= MAX_GOLDEN:
            raise ModelError("is no model.ota")
        golden = size - _HEAD_BYTES - self.model_bytes - 4
        if self.model_bytes < _MODEL_HEAD_BYTES or golden <= 0 or golden % self.windows:
            raise ModelError(f"{size} bytes do not fit what it says it holds")
        self.golden_bytes = golden // self.windows


def core_config(path: str) -> dict:
    """What the model in `path` wants of core and sensor, as far as a sensor is concerned. Raises ModelError, OSError.

    Reads the whole file once and holds none of it.
    """
    with open(path, "rb") as file:
        parts = Parts(file)
        _check_crc(file)
        file.seek(_HEAD_BYTES)
        fields = struct.unpack(_MODEL_HEAD, file.read(_MODEL_HEAD_BYTES))
    core, features = fields[3], fields[4]
    for name, given, own in (("core", core, vib.CORE_VERSION), ("feature", features, vib.FEATURE_VERSION)):
        if given != own:
            raise ModelError(f"is made for {name} version {given}; accepted: {own}, this firmware's")
    config = dict(zip(_CORE_FIELDS, fields[5:]))  # noqa: B905 - MicroPython knows no strict=
    if parts.golden_bytes <= 2 * config["window"] * config["axes"] + 4:
        raise ModelError("its golden windows are too short")
    return config


def load(path: str):
    """The model in `path`. Raises ModelError, OSError, MemoryError."""
    with open(path, "rb") as file:
        parts = Parts(file)
        _check_crc(file)
        file.seek(_HEAD_BYTES)
        try:
            return vib.Model(file.read(parts.model_bytes))
        except ValueError as error:
            raise ModelError(str(error)) from None


def prove(path: str, model, core) -> None:
    """Have `core` and `model` answer the golden windows in `path`; `core` is as new afterwards. Raises ModelError."""
    config = model.config()
    frames = bytearray(2 * config["window"] * config["axes"])
    features = array("h", bytes(2 * core.n_features))
    answers = bytearray(2 * core.n_features + 4)
    with open(path, "rb") as file:
        parts = Parts(file)
        if parts.golden_bytes != len(frames) + len(answers):
            raise ModelError("its golden windows are not of its own configuration")
        file.seek(_HEAD_BYTES + parts.model_bytes)
        for i in range(parts.windows):
            file.readinto(frames)
            file.readinto(answers)
            core.gap()
            core.push(frames)
            core.features(features)
            if not _is_right(model, features, answers):
                raise ModelError(f"golden window {i} of {parts.windows} does not come out right")
    core.gap()


def _is_right(model, features, answers) -> bool:
    classify = model.meta()["classes"]
    own = struct.pack("<hh", model.score(features), model.classify(features) if classify else 0)
    for i, value in enumerate(features):
        if struct.pack("<h", value) != answers[2 * i : 2 * i + 2]:
            return False
    return own == answers[-4:]


def _check_crc(file) -> None:
    size = file.seek(0, 2) - 4
    file.seek(0)
    crc = 0
    while size:
        piece = file.read(min(size, READ_BYTES))
        crc = binascii.crc32(piece, crc)
        size -= len(piece)
    if struct.unpack("<I", file.read(4))[0] != crc:
        raise ModelError("damaged (checksum)")
