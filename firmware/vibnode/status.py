"""What the sensor says of itself: the one list of the fields of SPEC 3.1, for one that measures and one that cannot."""

import gc

import vib

from . import __version__, messages, standing

MAX_NOTE = 200  # characters
NOWHERE = {"speed_millihz": None, "load_permille": None, "point_source": "none", "pulse": None}


def message(why: str, run, node=None) -> bytes:
    """The status message, sent because of `why`: birth, periodic, change, shutdown."""
    return messages.status(why, facts(run, node))


def facts(run, node=None) -> dict:
    """Every field but those that `messages.status` adds: what it says, and what where nothing is measured.

    `run`: a run.Run; `node`: the node.Node, None where nothing is measured, for the reason `run.note`.
    """
    outbox, device = run.outbox, run.device
    time_s, time_quality = run.clock.unix_time()
    learning = node and node.learning
    learnt = learning and learning.baseline
    round_s = device["duty"]["every_s"] if node and device["duty"] else 0
    fields = {
        "boot": outbox.boot,
        "uptime_ms": run.clock.uptime_ms(),
        "time": time_s,
        "time_quality": time_quality,
        "fw": __version__,
        "core": vib.CORE_VERSION,
        "model": node
        and {"name": node.meta["name"], "digest": node.meta["digest"], "origin": run.model_origin},
        "machine": node.detector.machine if node else "unknown",
        "instrument": node.detector.instrument if node else "config",
        "windows": node.windows if node else 0,
        "bytes_sampled": node.sampler.bytes_sampled() if node else 0,
        "bytes_sent": run.bytes_sent,
        "queued": outbox.queued(),
        "dropped": outbox.dropped,
        "gaps": node.sampler.gaps if node else 0,
        "restarts": run.supervisor.total(),
        "interval_s": max(device["status_interval_s"], round_s),
        "warning": node and node.thresholds["warning"],
        "alarm": node and node.thresholds["alarm"],
        "active": node.detector.active() if node else list(standing.load(device["data_dir"])),
        "reset": run.reset_cause,
        "refused": run.refused,
        "heap_free": heap_free(node is None),
        "baseline": learnt and learnt.windows,
        "baseline_time": learnt and (learnt.time_s or None),
        "baseline_state": learning and learning.state,
        "battery_mv": node and node.battery and node.battery.millivolts(),
    }
    fields.update(node.place() if node else NOWHERE)
    operating = node and node.operating
    fields["coverage_over"] = operating.covers() if operating else None
    fields["coverage"] = operating.coverage() if operating else []
    measured = node.measured() if node else (None, None, None, None)
    fields["score"], fields["class"], fields["velocity_um_s"], fields["rms_mm_s2"] = measured
    if run.note:
        fields["note"] = run.note[:MAX_NOTE]
    return fields


def heap_free(collects: bool) -> "int | None":
    """Bytes that can still be allocated, at least; None on CPython, which does not say.

    `collects`: have what is not in use counted too. A sensor that measures collects at its own times.
    """
    if not hasattr(gc, "mem_free"):
        return None
    if collects:
        gc.collect()
    return gc.mem_free()
