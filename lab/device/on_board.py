"""Runs on the counting board as main.py: the real application on a chip, a flash and a network that cost nothing.

Reads device.json and chip.json beside it, and prints a line of JSON. Phases, in windows: the application starts, learns
its baseline and connects; then it is counted as it is, then its allocations, then its parts.
"""

import gc
import json
import os
import sys
import time

import vib

import lab

CS, INT1 = 10, 4
FLASH = "/flash"
STEADY, ALLOCATING, PARTS = 20, 5, 5  # windows of each phase

with open("chip.json") as file:
    CHIP = json.load(file)


def load_stream():
    """Frames as they come off the bus, a turning machine's, made by the host: into memory outside of the heap."""
    piece = bytearray(1024)
    with open("stream.bin", "rb") as file:
        while True:
            n = file.readinto(piece)
            if not n:
                return
            lab.add_to_stream(memoryview(piece)[:n])


class Machine:
    """In the place of the module ``machine``."""

    class Pin:
        """Whatever a pin is for."""

        IN, OUT = 0, 1

        def __new__(cls, number, mode=None, value=None):
            if number in (CS, INT1):
                return lab.Pin(Machine.bus, number == INT1)
            return number

    @staticmethod
    def SPI(number, **settings):
        """The chip's."""
        return Machine.bus

    bus = lab.SPI(
        bytearray(CHIP["registers"]),
        CHIP["level_register"],
        CHIP["data_register"],
        CHIP["address_mask"],
        CHIP["level_unit"],
        CHIP["frame_bytes"],
        CHIP["burst_frames"],
        CHIP["ns_a_frame"],
        CHIP["fifo_frames"],
        *CHIP["overrun"],
        CHIP["transfer_ns"],
        CHIP["ns_a_byte"],
    )


class Network:
    """In the place of the module ``socket``."""

    AF_INET = AF_INET6 = SOCK_STREAM = SOCK_DGRAM = 1
    socket = lab.socket

    @staticmethod
    def getaddrinfo(host, port, *rest):
        """One address."""
        return [(1, 1, 0, "", (host, port))]


def put_in_place():
    """A flash, the chip's signal, and the modules that a port brings."""
    load_stream()
    os.VfsLfs2.mkfs(lab.flash)
    os.mount(os.VfsLfs2(lab.flash), FLASH)
    sys.modules["machine"] = Machine
    sys.modules["socket"] = Network


def counted(call):
    """(instructions, result) of a call."""
    start = lab.instructions()
    result = call()
    return lab.instructions() - start, result


class CountedCore:
    """The core with its steps counted."""

    def __init__(self, core):
        self.step = lab.Counted(core.step)
        for name in ("ready", "clipped", "rate", "shaft", "gap", "push", "push_raw"):
            setattr(self, name, getattr(core, name))


class Phases:
    """Takes each window in the place of the node, and knows what to count next."""

    def __init__(self, take, before):
        self.take = take
        self.before = before  # bytes in use without the application
        self.said = {}
        self.begun = None  # window at which counting began

    def window(self, node, features):
        """One window."""
        if self.begun is None:
            node.learning.vouch()  # this machine is none that the model knows
            done = self.take(node, features)
            if node.learning.baseline and node.sampler.knows_rate:
                self.begin(node)
            return done
        at = node.windows - self.begun
        done = self.counted_take(node, features)
        if at == STEADY:
            self.end_steady(node)
        elif at == STEADY + ALLOCATING:
            self.end_allocating(node)
        elif at == STEADY + ALLOCATING + PARTS:
            self.end_parts(node)
            self.pauses(node)
            print("counted:", json.dumps(self.said))
            sys.exit(0)
        return done

    def begin(self, node):
        """It has learnt and is connected."""
        gc.collect()
        self.said["heap_bytes"] = gc.mem_alloc() - self.before
        vib.settle()  # as the sampler does
        self.said["stretch_starting"] = lab.longest_stretch()
        self.counted_take = lab.Counted(self.take)
        self.frames = node.sampler.frames
        self.start = lab.instructions()
        self.begun = node.windows

    def end_steady(self, node):
        """As it is, nothing wrapped but this."""
        self.said["instructions"] = lab.instructions() - self.start
        self.said["frames"] = node.sampler.frames - self.frames
        self.said["node"] = self.counted_take.total
        self.said["stretch_steady"] = lab.longest_stretch()
        gc.collect()
        vib.settle()
        gc.disable()
        self.held = gc.mem_alloc()

    def end_allocating(self, node):
        """What a window leaves behind."""
        self.said["allocated_a_window"] = (gc.mem_alloc() - self.held) // ALLOCATING
        gc.enable()
        sampler = node.sampler
        self.core = sampler._core = CountedCore(sampler._core)
        self.push = sampler._push = lab.Counted(sampler._push)
        self.read = sampler.driver.readinto = lab.Counted(sampler.driver.readinto)
        self.frames = sampler.frames
        self.start = lab.instructions()

    def end_parts(self, node):
        """Bus, push, features."""
        parts = {"bus": self.read.total, "push": self.push.total, "features": self.core.step.total}
        parts["all"] = lab.instructions() - self.start
        parts["frames"] = node.sampler.frames - self.frames
        self.said["parts"] = parts
        self.said["longest_step"] = self.core.step.most

    def pauses(self, node):
        """What stops everything else while it lasts."""
        from vibnode import baseline, detector, status

        said = {}
        said["collect"] = counted(gc.collect)[0]
        said["status"] = counted(lambda: status.message("periodic", node.run, node))[0]
        raised = detector.Transition("raise", "alarm", "anomaly", 700, 300, 0)
        said["alert"] = counted(lambda: node._alert_body(raised))[0]
        body = node._alert_body(raised)
        said["outbox_append"] = counted(lambda: node.run.outbox.append(body))[0]
        try:
            learner = baseline.Learner(30, len(node.sampler.features))
            for _ in range(29):
                learner.add(node.sampler.features)
            said["learn_window"] = counted(lambda: learner.add(node.sampler.features))[0]
            said["baseline"] = counted(learner.baseline)[0]
        except MemoryError:
            pass  # what there is no room for beside this model is not counted
        self.said["pauses"] = said


class Paced:
    """Has the chip sample by a clock that each instruction moves, with a status and an alert now and then, and counts
    what was lost in how long."""

    def __init__(self, take, settings):
        self.take = take
        self.settings = settings
        self.begun = None  # ms
        self.turn = 0

    def window(self, node, features):
        """One window."""
        node.learning.vouch()  # this machine is none that the model knows
        done = self.take(node, features)
        now_ms = time.ticks_ms()
        if self.begun is None:
            if node.learning.baseline and node.sampler.knows_rate:
                lab.pace(self.settings["ps"])
                self.begun = self.said_ms = now_ms
                self.gaps = node.sampler.gaps
                self.frames = node.sampler.frames
                self.windows = node.windows
                self.start = lab.instructions()
                lab.longest_stretch()
            return done
        if time.ticks_diff(now_ms, self.said_ms) >= self.settings["news_ms"]:
            self.said_ms = now_ms
            self.news(node)
        if time.ticks_diff(now_ms, self.begun) >= self.settings["seconds"] * 1000:
            self.end(node)
        return done

    def news(self, node):
        """By turns a status, an alert, and something that keeps the processor."""
        from vibnode import detector

        self.turn += 1
        if self.turn % 2:
            node.run.status_changed()
        else:
            event = "raise" if self.turn % 4 else "clear"
            node._store(detector.Transition(event, "alarm", "anomaly", 700, 300, 0))
        if self.turn == 3 and self.settings["stall_ms"]:
            end_ms = time.ticks_ms() + self.settings["stall_ms"]
            while time.ticks_diff(end_ms, time.ticks_ms()) > 0:
                pass

    def end(self, node):
        """Say it."""
        sampler = node.sampler
        said = {
            "ms": time.ticks_diff(time.ticks_ms(), self.begun),
            "gaps": sampler.gaps - self.gaps,
            "lost_frames": Machine.bus.lost,
            "frames": sampler.frames - self.frames,
            "windows": node.windows - self.windows,
            "instructions": lab.instructions() - self.start,
            "longest_stretch": lab.longest_stretch(),
            "fault": sampler.fault,
            "ppm": sampler.rate.ppm,
            "fed": sampler.driver._fed,
        }
        print("counted:", json.dumps(said))
        sys.exit(0)


def main():
    """Start the application."""
    put_in_place()
    lab.allow_feed(CHIP["feeds"])
    gc.collect()
    before = gc.mem_alloc()
    from vibnode import main, node

    paced = CHIP["paced"]
    phases = Paced(node.Node.window, paced) if paced else Phases(node.Node.window, before)
    node.Node.window = lambda self, features: phases.window(self, features)
    sys.exit(main.main(["device.json"]))


main()
