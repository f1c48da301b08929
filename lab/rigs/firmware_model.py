"""A tiny real model for the firmware's tests: scores x.rms alone, and calls what is louder than usual `outer-race`."""

import struct
import zlib

import numpy as np
import vib
from vibtrain.packaging import ota

CONFIG = {
    "rate_millihz": 5_000_000,
    "window": 256,
    "hop": 256,
    "axes": 3,
    "lsb_nm_s2": 598_206,
    "bands": 4,
    "band_lo_hz": 40,
    "band_hi_hz": 2500,
    "envelope_bands": 0,
    "envelope_lo_hz": 500,
    "envelope_hi_hz": 1500,
    "orders": 0,
    "bpfo_milliorders": 0,
    "bpfi_milliorders": 0,
    "bsf_milliorders": 0,
    "ftf_milliorders": 0,
}
FEATURES_PER_AXIS = 11 + CONFIG["bands"]
CENTRE = 4000  # log2 level of x.rms that counts as healthy where no baseline was learnt: about 50 mm/s2
SPREAD = 64  # steps of x.rms that count as one standard deviation
WARNING, ALARM, HYSTERESIS = 256, 512, 64
OFF_RMS = QUIET_RMS = 2500
OFF_BELOW = 512
AVERAGE_WINDOWS = 1
DWELL_WINDOWS, CLEAR_WINDOWS = 4, 6


def model_bin(
    config: dict[str, int] = CONFIG, digest: str = "00112233aabbccdd", version: int = vib.CORE_VERSION
) -> bytes:
    """model.bin (SPEC 2.1) of it, for a sensor as `config` says, of that `digest` and core `version`."""
    name, classes = b"tiny\0", b"healthy\0outer-race\0"
    anomaly = (1, 1, 1, 0, 0, 0)  # inputs, Gaussian, components, path scale, path trees, path nodes
    classifier = (2, 1, 1, 1)  # classes, tree inputs, trees, nodes
    limits: tuple[int, ...] = (WARNING, ALARM, HYSTERESIS, OFF_RMS, DWELL_WINDOWS, CLEAR_WINDOWS)
    limits += (QUIET_RMS, OFF_BELOW, AVERAGE_WINDOWS, 0, 0, 0)  # the last: no speeds known, no line
    n_features = config["axes"] * (FEATURES_PER_AXIS + config["orders"])
    sections = (
        struct.pack(f"<{n_features}h", CENTRE, *[0] * (n_features - 1)),
        struct.pack("<H", 0),  # input
        struct.pack("<h", 0),  # slope
        struct.pack("<i", 0),  # speed gain
        struct.pack("<H", 2**20 // SPREAD),  # cold weight
        bytes(2 * n_features),  # line
        struct.pack("<H", 2**20 // SPREAD),  # far weight
        struct.pack("<h", 0),  # mean
        struct.pack("<H", 0),  # whiten shift
        struct.pack("<I", 0),  # offset
        struct.pack("<i", 4096 // SPREAD),
        b"",  # path roots and nodes
        struct.pack("<H", 0),  # tree input
        struct.pack("<H", 0),  # root
        struct.pack("<4h", 0, 2 * SPREAD, -1, -2),
        name,
        classes,
    )
    body = b"".join(section + bytes(-len(section) % 4) for section in sections)
    head = struct.pack("<2I16I", version, vib.FEATURE_VERSION, *config.values()) + bytes.fromhex(digest)
    head += struct.pack("<10I12h2I2h2I", *anomaly, *classifier, *limits, 0, 0, 0, 0, len(name), len(classes))
    total = 12 + len(head) + len(body) + 4
    whole = struct.pack("<3I", 0x4D424956, 4, total) + head + body
    return whole + struct.pack("<I", zlib.crc32(whole))


def model_ota(
    config: dict[str, int] = CONFIG,
    digest: str = "44556677aabbccdd",
    windows: int = 2,
    version: int = vib.CORE_VERSION,
    wrong_score: int = 0,
) -> bytes:
    """model.ota (SPEC 2.2) of it with golden `windows` of noise, the last with a score wrong by so much."""
    shape = (windows, config["window"], config["axes"])
    samples = np.random.default_rng(1).normal(0, 300, shape).astype(np.int16)
    features = np.concatenate([vib.extract(window, config) for window in samples])
    model = vib.Model(model_bin(config, digest))
    golden = {"samples": samples, "features": features, "scores": vib.score(model, features)}
    golden |= {"classes": vib.classify(model, features)}
    golden["scores"][-1] += wrong_score
    return ota.pack(model_bin(config, digest, version), golden)
