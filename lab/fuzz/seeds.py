"""Where the fuzzers begin: real models of every kind, and streams of valid configurations."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterator

import numpy as np
import vib
from vibtrain.features import config
from vibtrain.models import fit
from vibtrain.packaging import convert

from lab.rigs.small_model import small_config, small_windows

Seed = tuple[str, bytes]

BY_ANGLE = {
    "by_angle": 1,
    "order_bands": 4,
    "order_envelope_bands": 4,
    "order_lo_milliorders": 700,
    "mesh1_milliorders": 7000,
    "side1_milliorders": 2000,
}
SLOW = {"slow_window": 1, "slow_bands": 4, "slow_orders": 3}
AGAIN = b"\xfc\x40"
GAP = b"\xff"
SHAFT = b"\xfe" + struct.pack("<I", 50_000)  # 50 Hz
COURSE = b"\xfd\x02" + struct.pack("<I5H", 48_000, 0, 1000, 2000, 4000, 3000)
COMMAND_COUNTS = 8  # bytes off the bus for each count of a command's byte
NEAR = 3  # flags: configuration and format are brought into range


def models() -> Iterator[Seed]:
    """model.bin of each kind, with and without a classifier, small so that the fuzzer is quick."""
    for kind in config.KINDS:
        for classifier in (True, False):
            chosen = small_config(kind=kind, classifier=classifier)
            isolation = config.IsolationChoice(trees=3, samples=16)
            anomaly = dataclasses.replace(chosen.anomaly, isolation=isolation)
            trees = dataclasses.replace(chosen.classifier, trees=min(3, chosen.classifier.trees))
            model = fit.fit(small_windows(), dataclasses.replace(chosen, anomaly=anomaly, classifier=trees))
            yield f"{kind}-{'classifier' if classifier else 'alone'}", convert.convert(model).binary


def _config(number: int) -> bytes:
    """A valid configuration, odd numbers with an envelope and a bearing."""
    window = 64 << number % 2
    envelope = (4, 200, 600) if number % 2 else (0, 0, 0)
    shaft = (3, 3585, 5415, 2357, 398) if number % 2 else (2, 0, 0, 0, 0)
    fields = [3_200_000, window, window // 2, 1 + number % 3, 38_245_935, 4, 100, 1500, *envelope, *shaft]
    more = dict.fromkeys(vib.CONFIG_FIELDS[16:], 0) | (BY_ANGLE if number % 4 == 3 else {})
    fields += more.values()
    return struct.pack(f"<{len(fields)}I", *fields)


def streams() -> Iterator[Seed]:
    """Configurations and FIFO formats that chips have, noise in lumps of several sizes, a gap."""
    random = np.random.default_rng(1)
    formats = {
        "native": (16, 2, 0, 0),
        "adxl345": (13, 2, 0, 0),
        "big-endian": (12, 2, 1, 0),
        "left": (12, 2, 2, 0),
        "20-bit": (20, 3, 3, 0),
        "tagged": (16, 2, 0, 1),
    }
    for number, (name, sample_format) in enumerate(formats.items()):
        head = _config(number) + bytes(sample_format)
        commands = COURSE if number % 2 else SHAFT
        for count in (1, 60, 30):
            commands += bytes([count]) + random.bytes(count * COMMAND_COUNTS)
        yield name, bytes([0]) + head + commands
        yield f"{name}-flat", bytes([0]) + head + bytes([100]) + bytes(100 * COMMAND_COUNTS)
        yield f"{name}-near", bytes([NEAR]) + head + commands[:300] + GAP + commands
    slow = _config(0)[: -4 * len(SLOW)] + struct.pack(f"<{len(SLOW)}I", *SLOW.values())
    lump = b"\x64" + random.bytes(100 * COMMAND_COUNTS)
    for flags, sample_format in ((NEAR, (16, 2, 0, 0)), (NEAR, (20, 3, 3, 0))):
        yield f"slow-{sample_format[0]}", bytes([flags]) + slow + bytes(sample_format) + SHAFT + lump + AGAIN


def batches() -> Iterator[Seed]:
    """Noise and impulses, and silence in some windows of a batch."""
    random = np.random.default_rng(1)
    for number in range(6):
        head = _config(number) + SHAFT[1:]
        impulse = bytes(400) + b"\xff\x7f" + bytes(400)
        for name, samples in {
            "noise": random.bytes(900),
            "impulse": impulse,
            "both": impulse + random.bytes(90),
        }.items():
            yield f"{name}-{number}", bytes([number % 2]) + head + samples


SEEDS = {"model": models, "stream": streams, "lanes": batches}
