"""What the machine's baseline is learnt from, and when not; the last one is kept beside it, and can be put back.

Nothing is learnt that does not hold together or that looks like a fault: where the halves of what was collected differ
in level, where the machine is over the velocity limits of its class, or over the alarm threshold of the model without
a baseline. Whoever says so twice (`force`) has it learnt all the same.
"""

from . import baseline, flash

UNEVEN_STEPS = (
    96  # 2.25 dB between the halves' mean levels: 6 dB for the last three eighths of the time or longer
)
TRIES = 3  # in a row whose halves differ; then the machine is judged without a baseline

# The states: whether there is a baseline, and if not, why not.
NONE = "none"  # none is wanted
LEARNING = "learning"
LEARNT = "learnt"
UNUSABLE = "unusable"  # what is on flash is of other features, or damaged
UNEVEN = "uneven"  # the halves of the last try differed
TOO_FAST = "over-velocity"  # it was over the velocity limits of its class
TOO_FAR = "over-alarm"  # it was over the alarm threshold


class Learning:
    """`baseline`: the machine's, None without one. `learner`: what is collected, None while nothing is. `state`."""

    def __init__(self, folder: str, wanted: int, core_config: dict, n_features: int, levels) -> None:
        """`wanted`: windows to learn at the first start, 0 for none. `levels`: where features stand that say how loud
        the machine is."""
        self.baseline = self.learner = None
        self.state = NONE
        self._path = folder + "/baseline.bin"
        self._core_config = core_config
        self._n = n_features
        self._levels = levels
        self._forced = False
        self._tries = self._fast = self._far = 0
        if wanted and not self._has_stored():
            self._begin(wanted)

    def vouch(self) -> None:
        """Somebody says for the second time that the machine is well: what is collected now is learnt."""
        self._forced = True

    def anew(self, windows: int, keep) -> None:
        """Set the baseline aside and learn another from so many windows; `keep()` first has that outlast a restart.

        Raises OSError, MemoryError: then nothing changed.
        """
        learner = self._learner(windows)
        keep()
        if flash.exists(self._path):
            flash.rename(self._path, self._last())
        self.baseline, self._forced, self._tries = None, False, 0
        self._begin(windows, learner)

    def restore(self) -> None:
        """Put the last baseline back, in place of what is learnt or being learnt. Raises BaselineError, OSError."""
        last = self.last()
        flash.rename(self._last(), self._path)
        self.baseline, self.learner, self.state = last, None, LEARNT

    def last(self) -> baseline.Baseline:
        """The baseline before this one. Raises BaselineError where there is none of use."""
        found = baseline.load(self._last(), self._core_config, self._n)
        if found is None:
            raise baseline.BaselineError("no baseline but the present one is kept")
        return found

    def retuned(self) -> None:
        """Windows from now on are of other bands than those before."""
        if self.learner:
            self._begin(self.learner.windows)

    def take(self, features, fast: bool, far: bool, time_s: "int | None", moved: int = 0) -> bool:
        """Collect one window, `fast` over the velocity limits, `far` over the alarm threshold; `moved`: by how many
        steps the operating point moves its levels.

        True when learning has ended, with a baseline or without; OSError is told, and costs it at the next start.
        """
        self._fast += fast
        self._far += far
        learner = self.learner
        if not learner.add(features, moved):
            return False
        against = "" if self._forced else self._against(learner)
        if against == UNEVEN and self._tries < TRIES - 1:
            self._tries += 1
            print("vibnode: the machine's level changed while its baseline was learnt; learning again")
            self._begin(learner.windows)
            self.state = UNEVEN
            return False
        self.learner = None
        if against:
            self.state = against
            print("vibnode: no baseline is learnt:", against)
            return True
        self.baseline, self.state = learner.baseline(time_s), LEARNT
        try:
            baseline.save(self._path, self.baseline, self._core_config)
            print("vibnode: baseline learnt")
        except OSError as error:
            print("vibnode: the baseline could not be stored, it lasts until the next start:", error)
        return True

    def _against(self, learner: baseline.Learner) -> str:
        """Why what was collected is not to be learnt, empty where it is."""
        if 2 * self._far > learner.taken:
            return TOO_FAR
        if 2 * self._fast > learner.taken:
            return TOO_FAST
        return UNEVEN if learner.apart() > UNEVEN_STEPS else ""

    def _begin(self, windows: int, learner: "baseline.Learner | None" = None) -> None:
        self.learner = learner or self._learner(windows)
        self.state = LEARNING
        self._fast = self._far = 0

    def _learner(self, windows: int) -> baseline.Learner:
        return baseline.Learner(windows, self._n, self._levels)

    def _has_stored(self) -> bool:
        """Take the baseline that is kept. Whether there is one, be it of no use to this model: the machine may have
        changed since it was learnt, so that nothing is learnt in its place unless somebody says so."""
        try:
            self.baseline = baseline.load(self._path, self._core_config, self._n)
        except baseline.BaselineError as error:
            print("vibnode: the stored baseline is of no use, and is kept; send learn for another:", error)
            self.state = UNUSABLE
            return True
        if self.baseline:
            self.state = LEARNT
        return self.baseline is not None

    def _last(self) -> str:
        return self._path + ".last"
