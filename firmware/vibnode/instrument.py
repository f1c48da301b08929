"""Whether a window's samples can be trusted, apart from what they say about the machine."""

from .messages import to_log2

CLIPPED_SHARE = 200  # one sample in so many at full scale: clipped
STUCK_NOISE_COUNTS = 0.5  # a sensor whose noise is less than this may well stand still at rest
FLAT_STEPS = 512  # a quarter of the sensor's own noise: it is not connected to its proof mass any more
# Every axis as loud as this and white is no machine. Over a narrow band machines do sound white, so it takes both.
NOISE_STEPS = 1024  # 16 times the sensor's own noise
NOISE_UNDER_FULL_SCALE_STEPS = 768  # an eighth of full scale
WHITE_FLATNESS = -256  # a window of 1024 frames of white noise has -213, give or take 15
RATE_LIMIT_PPM = 50000


class Instrument:
    """Judges window by window. Faults: ``stuck``, ``flat``, ``clipped``, ``noise``, ``rate``."""

    def __init__(self, driver, names) -> None:
        """`names`: of the features, in order."""
        self._rms = _named(names, ".rms")
        self._flatness = _named(names, ".flatness")
        full_scale = to_log2(driver.full_scale_counts * driver.lsb_nm_s2 / 1000)
        noise = driver.noise_um_s2
        self._noise = None if noise is None else to_log2(noise)
        self._loud = full_scale - NOISE_UNDER_FULL_SCALE_STEPS
        if self._noise is not None:
            self._loud = max(self._loud, self._noise + NOISE_STEPS)
        self._may_stand_still = noise is not None and noise * 1000 < STUCK_NOISE_COUNTS * driver.lsb_nm_s2

    def judge(self, features, ppm: "int | None", clipped: int, samples: int) -> str:
        """The fault that a window shows, or ``ok``: `clipped` of the last `samples`, at a rate off by `ppm`."""
        fault = self._too_quiet(features)
        if fault:
            return fault
        if clipped * CLIPPED_SHARE > samples:
            return "clipped"
        if self._is_noise(features):
            return "noise"
        return "rate" if ppm is not None and abs(ppm) > RATE_LIMIT_PPM else "ok"

    def _too_quiet(self, features) -> "str | None":
        if self._may_stand_still:
            return None
        for i in self._rms:
            if features[i] == 0:
                return "stuck"
            if self._noise is not None and features[i] < self._noise - FLAT_STEPS:
                return "flat"
        return None

    def _is_noise(self, features) -> bool:
        if self._noise is None:
            return False
        for i in self._rms:
            if features[i] < self._loud:
                return False
        for i in self._flatness:  # noqa: SIM110 - all() of a generator takes memory
            if features[i] < WHITE_FLATNESS:
                return False
        return True


def _named(names, ending: str) -> tuple:
    return tuple([i for i, name in enumerate(names) if name.endswith(ending)])
