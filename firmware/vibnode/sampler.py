"""From the driver to windows of features: reads bursts, counts gaps, and says when samples are not to be trusted."""

from array import array

from .clock import sleep_ms
from .detector import FeatureLayout, largest
from .messages import to_log2

BURSTS_PER_HOP = 4
RATE_TOLERANCE = 0.01  # of the rate that the model was made for
RETRY_MS = 1000  # between tries at a sensor that does not answer
NEAR_FULL_SCALE_STEPS = (
    82  # 256 * log2(1 / 0.8): a peak within 20 % of full scale is worth a look at the samples
)
CLIPPED_SHARE = 200  # one sample in so many at full scale: clipped
STARVED_GAPS = 3  # so many gaps with no whole window between them: the samples are useless


class SensorMismatch(Exception):
    """The sensor does not give what the model was made for. Its text is one line for the user."""


class Sampler:
    """Pushes a driver's samples through a ``vib.Core``.

    `names`: of the features, in order. `frames`, `gaps`: counted since start. `fault`: ``ok``, ``gap`` (samples are
    lost before any window is whole), ``stuck`` (an axis did not move for a window), ``clipped`` (many samples at full
    scale) or ``gone``.
    """

    def __init__(self, driver, core, core_config: dict) -> None:
        """Raises SensorMismatch."""
        check_fit(driver, core_config)
        self.frames = 0
        self.gaps = 0
        self.fault = "ok"
        self._driver = driver
        self._core = core
        self._features = array("h", [0] * core.n_features)
        self.names = [core.feature_name(i) for i in range(core.n_features)]
        self._layout = FeatureLayout(self.names)
        self._buf = array("h", [0] * (max(1, core_config["hop"] // BURSTS_PER_HOP) * driver.axes))
        self._gaps_in_a_row = 0
        full_scale_um_s2 = driver.full_scale_counts * driver.lsb_nm_s2 / 1000
        self._suspicious_peak = to_log2(full_scale_um_s2) - NEAR_FULL_SCALE_STEPS
        self._suspicious = False  # the last window came near full scale: count the samples that are there
        self._at_full_scale = 0
        self._looked_at = 0

    def bytes_sampled(self) -> int:
        """Bytes of samples read since start."""
        return self.frames * 2 * self._driver.axes

    async def run(self, on_window, on_fault) -> None:
        """Sample until `on_window` returns True.

        `on_window(features)` is called for each good window; `on_fault(fault)` in place of it, or at each failed try,
        as long as the instrument is at fault. The features belong to the sampler and change with the next window.
        """
        while True:
            try:
                frames = self._driver.readinto(self._buf)
            except OSError as error:
                self._gone(error, on_fault)
                await sleep_ms(RETRY_MS)
                continue
            if not frames:
                await sleep_ms(self._driver.poll_ms)
                continue
            if self._take(frames, on_window, on_fault):
                return
            await sleep_ms(0)

    def _take(self, frames: int, on_window, on_fault) -> bool:
        if self._driver.gap:
            self._gap(on_fault)
        self.frames += frames
        samples = frames * self._driver.axes
        burst = self._buf if samples == len(self._buf) else memoryview(self._buf)[:samples]
        if self._suspicious:
            self._count_full_scale(samples)
        start = 0
        while start < frames:
            start += self._core.push(burst, start)
            if self._core.ready() and self._window(on_window, on_fault):
                return True
        return False

    def _window(self, on_window, on_fault) -> bool:
        self._core.features(self._features)
        self._gaps_in_a_row = 0
        self.fault = self._judge()
        if self.fault == "ok":
            return bool(on_window(self._features))
        on_fault(self.fault)
        return False

    def _judge(self) -> str:
        features = self._features
        clipped = self._at_full_scale * CLIPPED_SHARE > self._looked_at
        self._suspicious = largest(features, self._layout.peak) >= self._suspicious_peak
        self._at_full_scale = self._looked_at = 0
        for i in self._layout.rms:
            if features[i] == 0:
                return "stuck"
        return "clipped" if clipped else "ok"

    def _count_full_scale(self, samples: int) -> None:
        limit = self._driver.full_scale_counts
        for i in range(samples):
            if not -limit < self._buf[i] < limit:
                self._at_full_scale += 1
        self._looked_at += samples

    def _gap(self, on_fault) -> None:
        self._core.gap()
        self.gaps += 1
        self._gaps_in_a_row += 1
        if self._gaps_in_a_row >= STARVED_GAPS:
            self.fault = "gap"
            on_fault(self.fault)

    def _gone(self, error: OSError, on_fault) -> None:
        if self.fault != "gone":
            print("vibnode: the sensor does not answer:", error)
            self._core.gap()
            self.gaps += 1
        self.fault = "gone"
        on_fault(self.fault)


def check_fit(driver, core_config: dict) -> None:
    """Raise SensorMismatch unless `driver` gives what a model with `core_config` was made for."""
    needed_hz = core_config["rate_millihz"] / 1000
    for field, given, needed, fits in (
        ("rate_hz", driver.rate_hz, needed_hz, abs(driver.rate_hz - needed_hz) <= RATE_TOLERANCE * needed_hz),
        ("axes", driver.axes, core_config["axes"], driver.axes == core_config["axes"]),
        (
            "lsb_nm_s2",
            driver.lsb_nm_s2,
            core_config["lsb_nm_s2"],
            driver.lsb_nm_s2 == core_config["lsb_nm_s2"],
        ),
    ):
        if not fits:
            text = f"the sensor's {field} is {given:g}; accepted: {needed:g}, for which the model was made"
            raise SensorMismatch(text)
    shortest = getattr(driver, "shortest_frames", None)
    if shortest:
        path, frames = shortest()
        if frames < core_config["window"]:
            window = core_config["window"]
            raise SensorMismatch(f"{path}: plays {frames} frames; accepted: a window of {window} or more")
