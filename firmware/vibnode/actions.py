"""What each command of SPEC 3.4 does."""

import binascii
import gc

import vib

from . import checks, model_file, sampler, settings, status
from .baseline import BaselineError
from .clock import sleep_ms, ticks_diff, ticks_ms
from .commands import NotDone
from .model_store import CHUNK_BYTES, MAX_BYTES, UploadError, flash_free
from .snapshot import Snapshot

POLL_MS = 50
WAIT_MS = 60000  # for a window, or the frames of a snapshot, and a round of `duty`
PART_BYTES = 768  # of samples in a part: to send it takes five times as much memory for a moment
SPARE_BYTES = 12288  # of memory, for the other tasks meanwhile
PART_FEATURES = 32
_ABSENT = object()
_ENVELOPE = ("id", "n", "cmd")


def _base64(value):
    return None if isinstance(value, str) and value else "base64"


def _yes_or_no(value):
    return None if value is True or value is False else "true or false"


_FIELDS = {
    "thresholds": {field: (_ABSENT, checks.optional(check)) for field, check in settings.CHECKS.items()},
    "learn": {"windows": (checks.REQUIRED, settings.LEARN_WINDOWS), "force": (False, _yes_or_no)},
    "repaired": {"windows": (checks.REQUIRED, settings.LEARN_WINDOWS), "force": (False, _yes_or_no)},
    "baseline": {"last": (False, _yes_or_no)},
    "snapshot": {"frames": (checks.REQUIRED, checks.whole(64, 4096, "frames"))},
    "model-begin": {
        "bytes": (checks.REQUIRED, checks.whole(128, MAX_BYTES)),
        "sha256": (checks.REQUIRED, checks.hex_digits(64)),
    },
    "model-chunk": {
        "at": (checks.REQUIRED, checks.whole(0, MAX_BYTES)),
        "data": (checks.REQUIRED, _base64),
    },
}


class Actions:
    """The commands of one sensor."""

    def __init__(self, node, models) -> None:
        """`node`: a node.Node; `models`: the ModelStore."""
        self._run = node.run
        self._node = node
        self._models = models
        duty = self._run.device["duty"]
        self._wait_ms = WAIT_MS + (duty["every_s"] * 1000 if duty else 0)

    def by_name(self) -> dict:
        """For each command its action, as commands.Commands takes them."""
        own = (
            self.report,
            self.thresholds,
            self.learn,
            self.repaired,
            self.restore,
            self.baseline,
            self.spectrum,
            self.snapshot,
            self.reboot,
        )
        names = (
            "report",
            "thresholds",
            "learn",
            "repaired",
            "restore",
            "baseline",
            "spectrum",
            "snapshot",
            "reboot",
        )
        named = dict(zip(names, own))  # noqa: B905 - MicroPython knows no strict=
        named["model-begin"] = self.model_begin
        named["model-chunk"] = self.model_chunk
        named["model-commit"] = self.model_commit
        named["model-revert"] = self.model_revert
        return named

    async def report(self, command: dict, answer) -> None:
        """Everything the device knows of itself."""
        _fields(command)
        run, node = self._run, self._node
        gc.collect()
        outbox, learnt = run.outbox, node.learning.baseline
        health = {
            "heap_free": gc.mem_free() if hasattr(gc, "mem_free") else None,
            "heap_used": gc.mem_alloc() if hasattr(gc, "mem_alloc") else None,
            "flash_free": flash_free(run.device["data_dir"]),
            "boots": outbox.boot - outbox.first_boot + 1,
            "reset": run.reset_cause,
            "tasks": run.supervisor.restarts,
            "rate_ppm": node.sampler.rate.ppm,
            "settings": node.settings.in_force(),
            "baseline": learnt and {"windows": learnt.windows, "time": learnt.time_s or None},
        }
        said = {"why": "report"}
        said.update(status.facts(run, node))
        await answer({"status": said, "health": health})

    async def thresholds(self, command: dict, answer) -> None:
        """Set thresholds, or only say what they are."""
        given = {field: value for field, value in _fields(command).items() if value is not _ABSENT}
        if given:
            try:
                self._node.settings.change(given)
            except settings.NotAccepted as error:
                raise NotDone(str(error)) from None
            self._node.settings_changed()
        await answer({"settings": self._node.settings.in_force()})

    async def learn(self, command: dict, answer) -> None:
        """Learn the baseline anew; while an alert about the machine is up, only if that is forced."""
        fields, up = _fields(command), self._node.detector.standing()
        machine = [cause for cause in up if not cause.startswith("instrument:")]
        if machine and not fields["force"]:
            raise NotDone(
                f"force: false; accepted: true, as an alert is up ({machine[0]}) and would be learnt as usual"
            )
        self._room_to_learn(fields["windows"])
        self._node.learn_anew(fields["windows"], fields["force"])
        await answer({})

    async def repaired(self, command: dict, answer) -> None:
        """End the alerts about the machine, and learn its baseline anew."""
        fields = _fields(command)
        self._room_to_learn(fields["windows"])
        self._node.repaired(fields["windows"], fields["force"])
        await answer({})

    async def restore(self, command: dict, answer) -> None:
        """Take the baseline back that was set aside last."""
        _fields(command)
        try:
            self._node.restore()
        except BaselineError as error:
            raise NotDone(str(error)) from None
        await answer({"baseline": self._node.learning.baseline.windows})

    def _room_to_learn(self, windows: int) -> None:
        _check_room("windows", windows, 4 * len(self._node.sampler.names))  # twice for a moment

    async def baseline(self, command: dict, answer) -> None:
        """Tell the baseline, or the last one before it."""
        learning, names = self._node.learning, self._node.sampler.names
        learnt = learning.baseline
        last = _fields(command)["last"]
        if last:
            try:
                learnt = learning.last()
            except BaselineError as error:
                raise NotDone(str(error)) from None
        if learnt is None:
            raise NotDone("no baseline is learnt")
        parts = -(-len(names) // PART_FEATURES)
        for part in range(parts):
            first, last = part * PART_FEATURES, (part + 1) * PART_FEATURES
            fields = {"part": part, "parts": parts, "names": names[first:last]}
            fields.update({"time": learnt.time_s or None, "last": last})
            fields.update(
                {"median": list(learnt.median[first:last]), "spread": list(learnt.spread[first:last])}
            )
            await answer(fields)

    async def spectrum(self, command: dict, answer) -> None:
        """Tell all features of the next window."""
        _fields(command)
        node = self._node
        before = node.windows
        await self._wait_for(lambda: node.windows != before, "no window was measured")
        packed = binascii.b2a_base64(bytes(node.sampler.features))
        core = node.config
        fields = {key: core[key] for key in ("bands", "axes")}
        fields.update({"lo_hz": core["band_lo_hz"], "hi_hz": core["band_hi_hz"], "score": node.score})
        fields.update({"features": packed.decode().strip(), "model": node.meta["digest"]})
        await answer(fields)

    async def snapshot(self, command: dict, answer) -> None:
        """Send raw samples."""
        frames = _fields(command)["frames"]
        sensor = self._node.sampler
        driver = sensor.driver
        _check_room("frames", frames, driver.frame_bytes)
        taken = sensor.new_snapshot(frames)
        try:
            await self._wait_for(taken.is_whole, "not so many frames came without a gap")
        finally:
            sensor.snapshot = None
        await self._send_snapshot(taken, sensor, answer)

    async def _send_snapshot(self, taken: Snapshot, sensor, answer) -> None:
        driver = sensor.driver
        rate_hz = driver.rate_hz * (1 + (sensor.rate.ppm or 0) / 1000000)
        length = PART_BYTES // (2 * taken.axes)
        parts = -(-taken.frames // length)
        for part in range(parts):
            first = part * length
            counts = taken.counts(first, min(length, taken.frames - first))
            fields = {"part": part, "parts": parts, "at": first, "frames": taken.frames, "rate_hz": rate_hz}
            fields.update({"axes": taken.axes, "lsb_nm_s2": driver.lsb_nm_s2})
            fields["data"] = binascii.b2a_base64(counts).decode().strip()
            await answer(fields)

    async def model_begin(self, command: dict, answer) -> None:
        """Open an upload."""
        fields = _fields(command)
        self._upload(lambda: self._models.begin(fields["bytes"], fields["sha256"]))
        await answer({"have": 0})

    async def model_chunk(self, command: dict, answer) -> None:
        """Take a part of an upload."""
        fields = _fields(command)
        try:
            data = binascii.a2b_base64(fields["data"])
        except ValueError:
            raise NotDone("data: no base64") from None
        if not 1 <= len(data) <= CHUNK_BYTES:
            raise NotDone(f"data: {len(data)} bytes; accepted: 1 to {CHUNK_BYTES}")
        await answer({"have": self._upload(lambda: self._models.chunk(fields["at"], data))})

    async def model_commit(self, command: dict, answer) -> None:
        """Put what was uploaded on trial, and restart into it."""
        _fields(command)
        driver = self._node.sampler.driver
        self._upload(lambda: self._models.commit(lambda needed: sampler.check_fit(driver, needed)))
        await answer({})
        self._run.restart("command")

    async def model_revert(self, command: dict, answer) -> None:
        """Give models from afar up, and restart."""
        _fields(command)
        if not self._run.device["model"] and vib.linked_model() is None:
            raise NotDone("no other model is linked into this firmware, and the configuration names none")
        self._models.revert()
        await answer({})
        self._run.restart("command")

    async def reboot(self, command: dict, answer) -> None:
        """Restart."""
        _fields(command)
        await answer({})
        self._run.restart("command")

    def _upload(self, step):
        try:
            return step()
        except (UploadError, model_file.ModelError, sampler.SensorMismatch) as error:
            raise NotDone(str(error)) from None

    async def _wait_for(self, condition, otherwise: str) -> None:
        start = ticks_ms()
        while not condition():
            if ticks_diff(ticks_ms(), start) > self._wait_ms:
                raise NotDone(f"{otherwise} within {self._wait_ms // 1000} s")
            await sleep_ms(POLL_MS)


def _check_room(field: str, count: int, each_bytes: int) -> None:
    """Raise NotDone unless there is memory for `count` of what `field` counts."""
    if not hasattr(gc, "mem_free"):
        return
    gc.collect()
    most = max(0, gc.mem_free() - SPARE_BYTES) // each_bytes
    if count > most:
        raise NotDone(f"{field}: {count}; accepted: up to {most}, for which there is memory now")


def _fields(command: dict) -> dict:
    """The command's own fields, checked. Raises NotDone for one that is wrong, missing, or unknown."""
    name = command["cmd"]
    given = {field: value for field, value in command.items() if field not in _ENVELOPE}
    try:
        return checks.fill(name, "", given, _FIELDS.get(name, {}))
    except checks.ConfigError as error:
        raise NotDone(str(error)) from None
