"""The sensor under test, on MicroPython: the application's own node, detector, outbox and uplink.

``micropython device.py DEVICE_JSON WINDOW_MS``. Only the accelerometer is left out: in place of the sampler a
stream of feature vectors, by which the machine turns bad and good again, so that an alert is raised or cleared every
few windows. What the outbox is asked to do, and what it answers, is printed as a ledger, one JSON list a line.
"""

import json
import os
import sys
from array import array

import vib
from vibnode import clock, config, link, main, node, outbox, uplink
from vibnode.run import Run
from vibnode.watchdog import Watchdog

STOP_FILE = "/stop"  # beside the configuration: no more alerts
LOUD_STEPS = 700  # over the healthy level: an alarm
WINDOWS_OF_A_STATE = 6
DAY_MS, DAY_WINDOWS, DAY_FRAMES = 86_000_000, 1_080_000, 276_480_000  # of a healthy day at 3.2 kHz

# The uplink's waiting times, shortened so that hours of outages pass in minutes; what it does is unchanged.
uplink.FIRST_DELAY_MS = 100
uplink.LAST_DELAY_MS = 1000
uplink.FIRST_RESEND_MS = 2000
uplink.LAST_RESEND_MS = 4000
link.PUBACK_MS = 2000


def say(*words):
    """One line of the ledger."""
    print("ledger", json.dumps(words))


class Ledger(outbox.Outbox):
    """The outbox, with all that goes in and out of it told."""

    def __init__(self, path, max_bytes):
        super().__init__(path, max_bytes)
        say("opened", self.boot, self.dropped, self.seqs())

    def seqs(self):
        """Of the alerts that are held."""
        return [held[0] for held in self._held]

    def append(self, payload):
        """Outbox.append."""
        alert = json.loads(payload)
        say("begin", self.boot, alert["uptime_ms"], alert["event"], alert["score"])
        before = self.seqs()
        try:
            seq = super().append(payload)
        except OSError:
            say("failed", [seq for seq in before if seq not in self.seqs()])
            raise
        say("stored", seq, [one for one in before if self.oldest() > one])
        return seq

    def ack(self, boot, seq):
        """Outbox.ack."""
        taken = super().ack(boot, seq)
        if taken:
            say("acked", seq)
        return taken


class Stream:
    """What the node asks of a sampler: feature vectors of a machine that is bad and good by turns."""

    gaps = 0
    noise_um_s2 = None
    ppm = 0
    knows_rate = True
    link_busy = False

    class loss:
        """None are lost."""

        cause = None

    def __init__(self, core_config, usual, window_ms, stop_file):
        core = vib.Core(core_config)
        self.names = [core.feature_name(i) for i in range(core.n_features)]
        self.frames = 0
        self._features = array("h", [usual] * core.n_features)
        self._usual = usual
        self._window_ms = window_ms
        self._stop_file = stop_file

    def bytes_sampled(self):
        """As the sampler's."""
        return self.frames * 6

    def heard_ms(self):
        """As the sampler's."""
        return clock.ticks_ms()

    def has_all(self):
        """As the sampler's."""
        return True

    async def run(self, on_window, on_fault, rounds):
        """Windows for ever, loud and quiet ones by turns until the stop file is there."""
        i = 0
        while True:
            await clock.sleep_ms(self._window_ms)
            loud = (i // WINDOWS_OF_A_STATE) % 2 and not exists(self._stop_file)
            self._features[0] = self._usual + (LOUD_STEPS if loud else 0)
            self.frames += 256
            i += 1
            on_window(self._features)


def exists(path):
    """Whether there is such a file."""
    try:
        os.stat(path)
    except OSError:
        return False
    return True


def run(path, window_ms):
    """As main.run, but for the stream and the ledger."""
    device = config.load(path)
    model = main.load_model(device["model"])
    stream = Stream(model.config(), 4000, window_ms, path.rpartition("/")[0] + STOP_FILE)
    held = Ledger(device["data_dir"] + "/outbox.bin", device["outbox_bytes"])
    watchdog = Watchdog(device["watchdog_s"], device["data_dir"])
    this = Run(device, held, clock.Clock(), watchdog=watchdog)
    sensor = node.Node(this, model, stream)
    if device["machine"] == "A healthy day":
        sensor.windows, stream.frames = DAY_WINDOWS, DAY_FRAMES
        this.clock._uptime_ms = DAY_MS
    main.run_tasks(sensor, uplink.Uplink(this, sensor))


if __name__ == "__main__":
    run(sys.argv[1], int(sys.argv[2]))
