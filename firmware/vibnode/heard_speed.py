"""The shaft's speed as two axes agree on it: the strongest line of each is at once, twice or three times that speed.

It is a source of operating points, and the least trusted one. A model says whether the machines that it was trained on
were heard so (`LINE_HEARD`); a gear or a blade may well be louder than the shaft.
"""

from .messages import to_log2
from .operating_point import ESTIMATED
from .shaft_line import COARSE_BINS, NEAR_STEPS

MULTIPLES = (0, 256, 406)  # once, twice and three times, in steps
HERTZ_STEPS = 2551  # 1 Hz re 1 mHz
FASTER_STEPS = 128  # than its features look: a fault makes a machine look faster, and hardly slower


class HeardSpeed:
    """Tells the speed of a window from its features, where two axes agree."""

    def __init__(self, names, core_config: dict, model, line: "tuple[int, int, int]") -> None:
        """`names`: of the features, in order. `model`: whose place on its line says which of two speeds is likelier.

        `line`: its middle, in steps re 1 mHz, and its low and high end from there; beyond, nothing is heard.
        """
        self._lines = [i for i, name in enumerate(names) if name.endswith(".vline_freq")]
        self._model = model
        bins = to_log2(core_config["rate_millihz"]) - to_log2(1000 * core_config["window"])
        self._middle, low, high = line
        self._low = max(self._middle + low, bins + COARSE_BINS + HERTZ_STEPS)
        self._high = self._middle + high

    def fill(self, point, begin_ms: int, end_ms: int, features) -> None:
        """Put the speed into `point`, unless somebody has told it."""
        if point.quality < ESTIMATED:
            speed = self.speed(features)
            if speed:
                point.set_speed(speed, ESTIMATED, "estimated")

    def speed(self, features) -> int:
        """In 256 steps an octave re 1 mHz; 0 where no two axes agree."""
        best, likely = 0, self._model.place(features) + self._middle
        high = min(self._high, likely + FASTER_STEPS)
        for one in self._lines:
            for other in self._lines:
                for multiple in MULTIPLES if one != other else ():
                    speed = features[one] - multiple
                    if _fits(speed, features[other]) and self._low <= speed + HERTZ_STEPS <= high:
                        speed += HERTZ_STEPS
                        if not best or abs(speed - likely) < abs(best - likely):
                            best = speed
        return best


def _fits(speed: int, line: int) -> bool:
    away = line - speed
    return (
        abs(away) <= NEAR_STEPS
        or abs(away - MULTIPLES[1]) <= NEAR_STEPS
        or abs(away - MULTIPLES[2]) <= NEAR_STEPS
    )
