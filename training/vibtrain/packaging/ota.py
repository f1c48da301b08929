"""`model.ota`: model.bin with golden windows, in the form that a device tries over the air (SPEC.md 2.2)."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

MAGIC = b"VIBO"
MAX_GOLDEN = 4


def pack(binary: bytes, golden: dict[str, npt.NDArray[Any]]) -> bytes:
    """The file of model.bin `binary` and of up to MAX_GOLDEN of the `golden` windows, spread over all there are.

    `golden`: samples, shape (windows, frames, axes), and what the core answers without a baseline: features, shape
    (windows, features), scores and classes, shape (windows,).
    """
    windows = len(golden["samples"])
    picked = np.unique(np.linspace(0, windows - 1, MAX_GOLDEN).round().astype(int))
    body = struct.pack("<4sIHH", MAGIC, len(binary), len(picked), 0) + binary
    for i in picked:
        for part in ("samples", "features", "scores", "classes"):
            body += np.asarray(golden[part][i], "<i2").tobytes()
    return body + struct.pack("<I", zlib.crc32(body))
