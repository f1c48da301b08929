"""Raw samples as they come off the bus, of the chip's axes: a stretch without a gap, as long as memory has room for."""

import binascii
import gc
import json

LINE_BYTES = 768
SHARE_OF_HEAP = 2  # a half for samples
MOST_RESTARTS = 20  # because of gaps


def run(path, rate_hz, range_g, seconds):
    """One stretch of up to `seconds` from the sensor of the configuration `path`.

    `rate_hz`, `range_g`: None for those that the model was made for.
    """
    from vibnode import config, drivers, main

    device = config.load(path)
    sensor = dict(device["sensor"])
    if sensor["driver"] != "replay":
        from vibnode.drivers import chips

        sensor["rate_hz"] = rate_hz or sensor["rate_hz"]
        sensor["range_g"] = range_g or sensor["range_g"]
        sensor = chips.check("--rate-hz, --range-g", sensor)
    needs_model = sensor["driver"] != "replay" and not (sensor["rate_hz"] and sensor["range_g"])
    driver = drivers.open_sensor(sensor, main.model_in_use(device).config() if needs_model else None)
    gc.collect()
    frames = min(int(seconds * driver.rate_hz + 0.5), gc.mem_free() // SHARE_OF_HEAP // driver.frame_bytes)
    samples = room(frames, driver.frame_bytes)
    frames = len(samples) // driver.frame_bytes
    restarts = fill(driver, samples)
    head = {"frames": frames, "rate_hz": driver.rate_hz, "axes": driver.axes, "lsb_nm_s2": driver.lsb_nm_s2}
    head.update(
        {"raw_format": list(driver.raw_format), "frame_bytes": driver.frame_bytes, "restarts": restarts}
    )
    head.update({"driver": sensor["driver"], "device": device["device"], "machine": device["machine"]})
    head.update({"shaft_rpm": device["shaft_rpm"], "orientation": list(sensor.get("orientation", []))})
    print(json.dumps(head))
    view = memoryview(samples)
    for at in range(0, len(samples), LINE_BYTES):
        data = binascii.b2a_base64(view[at : at + LINE_BYTES]).decode().strip()
        print(json.dumps({"at": at, "data": data}))


def room(frames, frame_bytes):
    """As much memory in one piece as there is, for `frames` at most: what is free may be in several."""
    while True:
        try:
            return bytearray(frames * frame_bytes)
        except MemoryError:
            frames = frames * 3 // 4


def fill(driver, samples):
    """Fill `samples` with one stretch without a gap; how often it took a new start."""
    from vibnode.clock import pause_ms

    burst = bytearray(min(driver.burst_frames, len(samples) // driver.frame_bytes, 256) * driver.frame_bytes)
    filled = restarts = 0
    while filled < len(samples):
        got = driver.readinto(burst) * driver.frame_bytes
        if not got:
            pause_ms(driver.poll_ms)
            continue
        if driver.gap and filled:
            filled = 0
            restarts += 1
            if restarts > MOST_RESTARTS:
                raise OSError("samples are lost again and again: this bus or board is too slow for the rate")
        got = min(got, len(samples) - filled)
        samples[filled : filled + got] = memoryview(burst)[:got]
        filled += got
    return restarts
