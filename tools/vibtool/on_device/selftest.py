"""Tries everything that a sensor depends on, in the order in which one thing needs another."""

import asyncio
import json
import struct

STILL_FRAMES = 64  # whose mean tells which way is up
UP_MG = 850  # within 30 degrees of it
NM_S2_PER_MG = 9806650
LOUD = 4  # times the sensor's own noise: it does not lie still


def say(check, ok, text):
    """`ok`: None where there is nothing to check."""
    print(json.dumps({"check": check, "ok": ok, "text": text}))


def run(path, seconds, wifi_s=15):
    """Check what the configuration `path` describes; `seconds`: how long to measure, `wifi_s`: to wait for Wi-Fi."""
    from vibnode import checks, config

    try:
        device = config.load(path)
    except checks.ConfigError as error:
        return say("configuration", False, str(error))
    say("configuration", True, "{}/{}, {}".format(device["site"], device["device"], device["machine"]))
    model = check_model(device)
    if model:
        check_sensor(device, model.config(), seconds)
    if check_network(device, wifi_s):
        check_time(device)
        check_broker(device)


def check_model(device):
    """The model, None where there is none."""
    from vibnode import main

    try:
        model = main.model_in_use(device)
    except main.StartError as error:
        return say("model", False, str(error))
    meta = model.meta()
    say("model", True, "{}, digest {}".format(meta["name"], meta["digest"]))
    return model


def check_sensor(device, core_config, seconds):
    """Who it is, its self-test, its noise and its rate."""
    import vib
    from vibnode import checks, drivers, sampler

    try:
        driver = drivers.open_sensor(device["sensor"], core_config)
        taking = sampler.Sampler(driver, vib.Core(core_config), core_config)
        if hasattr(driver, "self_test"):
            check_self_test(device["sensor"]["driver"], driver)
        else:
            say("sensor", None, "a recording in its place")
    except (checks.ConfigError, sampler.SensorMismatch) as error:
        return say("sensor", False, str(error))
    except OSError as error:
        return say("sensor", False, f"does not answer ({error}): check its wires and supply")
    measure(driver, taking, seconds, device["sensor"].get("orientation"))


def check_self_test(name, driver):
    """Its own self-test, by the data sheet's limits, which say nothing of a relative or a copy."""
    results = driver.self_test()
    moved = ", ".join(
        [f"{axis} {change} mg ({least} to {largest})" for axis, change, least, largest, _ in results]
    )
    passed = all([result[4] for result in results])
    if driver.kin is not None:
        say(
            "sensor",
            None,
            f"{name}: answers {driver.kin:#04x}, as a relative or a copy does: taken, but its filter, "
            "noise and self-test are its own",
        )
        say("self-test", passed or None, f"moved {moved}")
        return
    say("sensor", True, f"{name} answers as itself")
    say("self-test", passed, f"moved {moved}" + ("" if passed else ": is the machine at rest?"))


def measure(driver, taking, seconds, orientation):
    """Sample as the application does. `orientation`: the device's axes as the chip's, None for a recording."""
    from vibnode.clock import ticks_diff, ticks_ms

    columns = [i for i, name in enumerate(taking.names) if name.endswith(".rms")]
    quietest = [32767] * len(columns)
    start = ticks_ms()
    faults = []

    def window(features):
        for at, i in enumerate(columns):
            quietest[at] = min(quietest[at], features[i])
        return ticks_diff(ticks_ms(), start) >= seconds * 1000

    async def sample():
        try:
            await asyncio.wait_for(taking.run(window, faults.append), seconds + 5)
        except asyncio.TimeoutError:  # noqa: UP041 - MicroPython knows it by this name only
            pass

    held = taking.new_snapshot(STILL_FRAMES)
    asyncio.run(sample())
    if orientation:
        tell_axes(driver, orientation, held)
    if faults:
        say("samples", False, f"{faults[-1]} ({taking.frames} frames read, {taking.gaps} gaps)")
    else:
        ok = taking.gaps == 0 if driver.backlog is not None else None  # a recording's ends are gaps
        say("samples", ok, f"{taking.frames} frames, {taking.gaps} gaps")
    tell_noise(driver, quietest)
    tell_rate(driver, taking)


def tell_axes(driver, orientation, held):
    """Which of the chip's axes the device's are, and which points up: a sensor at rest feels 1 g that way."""
    pairs = zip("xyz", orientation)  # noqa: B905 - MicroPython knows no strict=
    text = ", ".join([f"{axis} = {own}" for axis, own in pairs]) + " of the chip"
    if not held.is_whole():
        return say("axes", None, text)
    counts = struct.unpack(f"<{STILL_FRAMES * held.axes}h", bytes(held.counts(0, STILL_FRAMES)))
    up = "none points up or down"
    means = []
    for i in range(held.axes):
        mg = (
            sum([counts[at] for at in range(i, len(counts), held.axes)])
            * driver.lsb_nm_s2
            // (STILL_FRAMES * NM_S2_PER_MG)
        )
        means.append("{} {}".format("xyz"[i], mg))
        if abs(mg) >= UP_MG:
            up = "{}{} points up".format("-" if mg < 0 else "+", "xyz"[i])
    say("axes", None, "{}; at rest {} mg: {}".format(text, ", ".join(means), up))


def tell_noise(driver, quietest):
    """The quietest window of each axis."""
    from vibnode.messages import from_log2

    if driver.noise_um_s2 is None or 32767 in quietest:
        return say("noise floor", None, "not known of a recording, or no window was whole")
    levels = [from_log2(level) for level in quietest]
    text = ", ".join([f"{axis} {level / 1000:.1f}" for axis, level in zip("xyz", levels)])  # noqa: B905
    text += f" mm/s2; the sensor's own is {driver.noise_um_s2 / 1000:.1f}"
    if max(levels) > LOUD * driver.noise_um_s2:
        return say("noise floor", None, text + ": it does not lie still")
    say("noise floor", True, text)


def tell_rate(driver, taking):
    """The sensor's own clock against the board's."""
    from vibnode.instrument import RATE_LIMIT_PPM

    ppm = taking.rate.ppm
    if ppm is None:
        return say("rate", None, "a recording has none, or it was not measured for long enough")
    rate_hz = driver.rate_hz * (1 + ppm / 1000000)
    say("rate", abs(ppm) <= RATE_LIMIT_PPM, f"{rate_hz:.1f} Hz, {ppm / 10000:+.2f} % of {driver.rate_hz} Hz")


def check_network(device, wifi_s):
    """Whether there is a network; waits for it up to `wifi_s`."""
    from vibnode.clock import pause_ms
    from vibnode.wifi import Wifi

    if device["wifi"] is None:
        say("Wi-Fi", None, "none configured")
        return True
    wifi = Wifi(device["wifi"], device["device"])
    try:
        wifi.begin()
    except OSError as error:
        say("Wi-Fi", False, str(error))
        return False
    for _ in range(wifi_s * 10):
        trouble = wifi.trouble()
        if trouble is None:
            say("Wi-Fi", True, f"{wifi.address()}, {wifi.rssi_dbm()} dBm")
            return True
        pause_ms(100)
    say("Wi-Fi", False, trouble)
    return False


def check_time(device):
    """The time server."""
    from vibnode import ntp
    from vibnode.clock import Clock
    from vibnode.lookup import Lookup

    clock = Clock(device["data_dir"])
    if device["ntp_host"] is None:
        time, quality = clock.unix_time()
        return say("time", None, f"no ntp_host; the clock says {time}, quality {quality}")
    try:
        unix_ms = asyncio.run(ntp.ask(device["ntp_host"], ntp.PORT, Lookup()))
    except (ntp.NoTime, OSError) as error:
        return say("time", False, "{}: {}".format(device["ntp_host"], error))
    clock.set(unix_ms)
    say("time", True, "{} since 1970 by {}".format(unix_ms // 1000, device["ntp_host"]))


def check_broker(device):
    """There and back: CONNECT and SUBSCRIBE, each answered."""
    from vibnode.clock import ticks_diff, ticks_ms
    from vibnode.link import LinkDown
    from vibnode.self_check import reach

    broker = "{}:{}".format(device["mqtt"]["host"], device["mqtt"]["port"])
    start = ticks_ms()
    try:
        asyncio.run(reach(device))
    except LinkDown as error:
        return say("broker", False, f"{broker}: {error}")
    say("broker", True, f"{broker} let it in and took its subscription in {ticks_diff(ticks_ms(), start)} ms")
