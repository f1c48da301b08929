"""vib.Fifo in Python, for an interpreter whose `vib` has none: a chip's FIFO by the numbers of its plan."""

FIELDS = (
    "level_register",
    "level_bytes",
    "level_mask",
    "level_unit",
    "most",
    "never",
    "empty",
    "overrun",
    "overrun_is_full",
    "overrun_is_kept",
    "overrun_register",
    "overrun_bits",
    "lost_level",
    "data_register",
    "one_a_read",
    "tag_mask",
    "tag",
    "frames",
    "frame_bytes",
)


class Fifo:
    """Reads by `bus`. `gap`: samples were lost right before the last burst; `left`: frames that were there after it."""

    late_ms = 0

    def __init__(self, bus, plan) -> None:
        """`plan`: see fifo.plan."""
        self._bus = bus
        self._plan = dict(zip(FIELDS, plan))  # noqa: B905 - MicroPython has no strict
        self._status = bytearray(self._plan["level_bytes"])
        self.begin()

    def begin(self) -> None:
        """The chip begins anew."""
        self.gap = self.left = 0
        self._lost = False

    def level(self) -> int:
        """Frames that are there. Raises OSError for what no living chip says."""
        plan = self._plan
        self._bus.read(plan["level_register"], self._status)
        said = self._status[0] | (self._status[-1] << 8 if len(self._status) > 1 else 0)
        held = (said & plan["level_mask"]) // plan["level_unit"]
        if said & plan["never"] or held > plan["most"] or (said & plan["empty"] and held):
            raise OSError(f"FIFO level: {said:#04x}")
        if said & plan["overrun"]:
            held = plan["frames"] if plan["overrun_is_full"] else held
            if not (plan["overrun_is_kept"] and self.gap and held < plan["frames"]):
                self._lost = True
        if plan["overrun_register"] and held >= plan["frames"]:
            self._lost |= bool(self._bus.read_byte(plan["overrun_register"]) & plan["overrun_bits"])
        if plan["lost_level"] and held >= plan["lost_level"]:
            self._lost = True
        return held

    def fetch(self, buf) -> None:
        """Fill `buf` with the oldest frames, which have to be there."""
        plan = self._plan
        size = plan["frame_bytes"] if plan["one_a_read"] else len(buf)
        whole = memoryview(buf)
        for at in range(0, len(buf), size):
            self._bus.read(plan["data_register"], whole[at : at + size] if size < len(buf) else buf)
        for at in (0, len(buf) - plan["frame_bytes"]):
            if buf[at] & plan["tag_mask"] != plan["tag"]:
                raise OSError(f"FIFO tag: {buf[at]:#04x}")

    def readinto(self, buf) -> int:
        """Fill `buf` with the oldest frames if there are so many: how many, or 0."""
        frames = len(buf) // self._plan["frame_bytes"]
        level = self.level()
        if level < frames:
            return 0
        self.fetch(buf)
        self.left = level - frames
        self.gap, self._lost = int(self._lost), False
        return frames

    def feed(self, bus, frames: int, bursts: int, burst_us: int) -> bool:
        """Nothing here can read outside of Python."""
        return False
