"""Whether a machine turns at another speed than the one that its baseline was learnt at.

The strongest line in the spectrum of the velocity is, of most machines, the shaft's or a multiple of it. It moves when
the speed does. A fault adds lines, at multiples and fractions of it above all, which may well be stronger, but does not
take it away. So the speed is another one when no axis has its line where it was, and either the bands that it stood in
have fallen silent, or two axes agree on a line elsewhere that is neither a multiple nor a fraction of the old one.
"""

from .messages import to_log2

LEAST_BINS = to_log2(2)  # a line lower down is not told from the noise at the lowest bins
COARSE_BINS = to_log2(8)  # under so many the noise beside a line fills its band: that cannot fall silent
NEAR_STEPS = 21  # 6 %
BIN_AND_A_HALF = 554  # 1.5 bins of a line at bin 1, in steps
NEAR_MULTIPLE_STEPS = 42  # 12 %
MULTIPLES = (256, 406, 512, 594, 662, 719, 768)  # 2 to 8 times, in steps
MOST_OF_BAND_STEPS = 128  # 3 dB: what a line may be under its band and still be most of it
SILENT_STEPS = 384  # 9 dB
SPREADS = 2  # of the line while it was learnt, that it may be off: 9 % at least
BACK_TIMES = (
    3  # as many windows to be sure that it is back: a line that fades in is there before the machine is
)


SURE_WINDOWS = 4  # that it takes to be sure that the speed is another one, or SURE_MS of them if that is more
SURE_MS = 2500


def sure_windows(core_config: dict) -> int:
    """How many windows it takes to be sure."""
    return max(SURE_WINDOWS, SURE_MS * (core_config["rate_millihz"] // 1000) // (1000 * core_config["hop"]))


class ShaftLine:
    """Follows the line from window to window.

    `steady`: whether the baseline has one. `away`: whether the machine turns at another speed. `moving`: whether it may
    be on its way there. All stay False where it has none.
    """

    def __init__(self, names: "list[str]", core_config: dict, baseline, windows: int) -> None:
        """`names`: of the features, in order. `baseline`: a baseline.Baseline. `windows`: that it takes to be sure."""
        self.away = self.moving = False
        self._windows = windows
        self._against = (
            0  # windows in a row, or with others between that say nothing, that speak against `away`
        )
        self._freq = [i for i, name in enumerate(names) if name.endswith(".vline_freq")]
        self._bin = to_log2(core_config["rate_millihz"]) - to_log2(1000 * core_config["window"])
        self._line, axes = self._shared_line(baseline)
        self.steady = self._line > 0
        spread = max([baseline.spread[self._freq[axis]] for axis in axes] or [0])
        self._near = max(SPREADS * spread, self._tolerance(self._line) // 3)  # that is half a bin
        self._bands = self._bands_of_line(names, core_config, axes, baseline.median)

    def take(self, features) -> None:
        """One window of a machine that runs."""
        if not self._line:
            return
        back = self._is_there(features)
        if back or self._is_elsewhere(features):
            self._against = self._against + 1 if back == self.away else 0
        if self._against == self._windows * (BACK_TIMES if self.away else 1):
            self.away, self._against = not self.away, 0
        self.moving = not back and not self.away

    def _shared_line(self, baseline):
        """The steady line that most axes share, and these; 0 and none where there is none.

        One axis alone may have a line that comes and goes with a fault, unless it is the lowest line of all.
        """
        medians = [baseline.median[i] for i in self._freq]
        line, shared = 0, ()
        for steps in medians:
            near = self._tolerance(steps)
            axes = [
                axis
                for axis, i in enumerate(self._freq)
                if abs(medians[axis] - steps) <= near and 2 * baseline.spread[i] <= near
            ]
            if len(axes) > len(shared) and (len(axes) > 1 or steps == min(medians)):
                line, shared = steps, axes
        return (line, shared) if line >= self._bin + LEAST_BINS else (0, ())

    def _bands_of_line(self, names, core_config: dict, axes, median):
        """Of each axis the band that the line is most of, and the level under which that is silent."""
        low, high = to_log2(core_config["band_lo_hz"]), to_log2(core_config["band_hi_hz"])
        bands = core_config["bands"]
        band = min(max((self._line - low) * bands // (high - low), 0), bands - 1)
        found = []
        for axis in axes:
            freq = names[self._freq[axis]]
            i = names.index(freq.replace("vline_freq", f"band{band:02d}"))
            if median[names.index(freq.replace("freq", "level"))] >= median[i] - MOST_OF_BAND_STEPS:
                found.append((i, median[i] - SILENT_STEPS))
        return found

    def _is_there(self, features) -> bool:
        return any([abs(features[i] - self._line) <= self._near for i in self._freq])

    def _is_elsewhere(self, features) -> bool:
        if self._is_silent(features):
            return True
        line = self._agreed(features)
        if not line:
            return False
        multiple = self._multiple(line)
        if multiple > 2:
            return self._line < self._bin + COARSE_BINS
        return multiple == 0  # twice the speed is where misalignment shows, too

    def _agreed(self, features) -> int:
        """A line that two axes have, or the only axis there is; 0 for none."""
        freq = self._freq
        if len(freq) == 1:
            return features[freq[0]]
        for n in range(1, len(freq)):
            line = features[freq[n]]
            for m in range(n):
                if abs(features[freq[m]] - line) <= self._tolerance(line):
                    return line
        return 0

    def _multiple(self, line: int) -> int:
        """How many times one of `line` and the old line is the other, 2 to 8; 0 for no whole number of times."""
        apart = abs(line - self._line)
        for n, steps in enumerate(MULTIPLES):
            if abs(apart - steps) <= NEAR_MULTIPLE_STEPS:
                return n + 2
        return 0

    def _is_silent(self, features) -> bool:
        for i, level in self._bands:
            if features[i] > level:
                return False
        return len(self._bands) > 0

    def _tolerance(self, line: int) -> int:
        """What two readings of a line may differ by: 6 %, or one and a half bins."""
        bins = max(0, line - self._bin)
        return max(NEAR_STEPS, BIN_AND_A_HALF * 256 // ((256 + bins % 256) << bins // 256))
