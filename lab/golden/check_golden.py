"""Compares the golden vectors with what this interpreter's `vib` computes. Runs on MicroPython and CPython alike."""

import struct
from array import array

import vib

MODELS = ("mahalanobis", "gaussian-mixture", "isolation-forest")
FIELDS = [
    "rate_millihz",
    "window",
    "hop",
    "axes",
    "lsb_nm_s2",
    "bands",
    "band_lo_hz",
    "band_hi_hz",
    "envelope_bands",
    "envelope_lo_hz",
    "envelope_hi_hz",
    "orders",
    "bpfo_milliorders",
    "bpfi_milliorders",
    "bsf_milliorders",
    "ftf_milliorders",
]


MORE_FIELDS = [
    "by_angle",
    "order_bands",
    "order_envelope_bands",
    "order_lo_milliorders",
    "mesh1_milliorders",
    "side1_milliorders",
    "mesh2_milliorders",
    "side2_milliorders",
    "mesh3_milliorders",
    "side3_milliorders",
    "slow_window",
    "slow_bands",
    "slow_orders",
]


def read_array(stream, n):
    values = array("h", bytes(2 * n))
    stream.readinto(values)
    return values


def check_windows(stream):
    """Number of windows in the stream; the first that differs is an error."""
    count = 0
    while True:
        head = stream.read(72)
        if not head:
            return count
        head = struct.unpack("<18I", head)
        config = dict(zip(FIELDS, head))  # noqa: B905 - MicroPython has no strict
        core = vib.Core(config)
        samples = read_array(stream, config["window"] * config["axes"])
        expected = read_array(stream, head[17])
        core.shaft(head[16])
        core.push(samples)
        got = array("h", bytes(2 * core.n_features))
        core.features(got)
        assert got == expected, (count, list(got), list(expected))
        core.gap()
        core.push(samples)
        got = array("h", bytes(2 * core.n_features))
        while not core.step(got, 1):
            pass
        assert got == expected, (count, "in steps", list(got), list(expected))
        count += 1


def read_words(stream, n):
    return struct.unpack("<" + str(n) + "I", stream.read(4 * n))


def check_streams(stream):
    """Number of streams; the first window that differs is an error."""
    count = 0
    while True:
        head = stream.read(4)
        if not head:
            return count
        fields = read_words(stream, struct.unpack("<I", head)[0])
        config = dict(zip(FIELDS + MORE_FIELDS, fields))  # noqa: B905
        speeds = read_words(stream, read_words(stream, 1)[0])
        frames, windows = read_words(stream, 2)
        core = vib.Core(config)
        samples = read_array(stream, frames * config["axes"])
        if len(speeds) == 1:
            core.shaft(speeds[0])
        taken, got = 0, array("h", bytes(2 * core.n_features))
        for window in range(windows):
            taken += core.push(samples, taken)
            if len(speeds) > 1:
                core.course(array("I", speeds))
            while not core.step(got, 1 << 30 if window % 2 else 1):
                taken += core.push(samples, taken)
            expected = read_array(stream, core.n_features)
            assert got == expected, (count, window, list(got), list(expected))
        count += 1


def check_scores(name):
    """Number of rows of that model's file."""
    with open(name + ".bin", "rb") as stream:
        model = vib.Model(stream.read())
    with open(name + ".scores", "rb") as stream:
        n, rows = struct.unpack("<2I", stream.read(8))
        baseline = read_array(stream, n)
        for row in range(rows):
            features = read_array(stream, n)
            answers = list(read_array(stream, 6))
            got = [model.score(features), model.score(features, baseline), model.classify(features)]
            got += [int(model.outside(features)), model.place(features), model.far(features, baseline)]
            assert got == answers, (name, row, got, answers)
    return rows


def main():
    with open("windows.bin", "rb") as stream:
        windows = check_windows(stream)
    with open("streams.bin", "rb") as stream:
        streams = check_streams(stream)
    print(
        "golden:",
        windows,
        "windows",
        streams,
        "streams",
        sum([check_scores(name) for name in MODELS]),
        "rows",
    )


main()
