"""Which way a sensor lies: each axis of the device, named by the chip's own axis that points the same way.

``["+y", "-x", "+z"]``: the device's x is the chip's y, its y points against the chip's x.
"""

from array import array

from .. import checks
from .raw import sample

AXES = "xyz"
NAMES = ("+x", "-x", "+y", "-y", "+z", "-z")
AS_THE_CHIP = ("+x", "+y", "+z")
SWAPS = ((1, 0, 2), (0, 2, 1), (2, 1, 0))  # orders of three that exchange two
LARGEST = 32767
ACCEPTED = (
    'x, y and z, each with + or -, such as ["+y", "-x", "+z"]; one, such as ["+z"], for a model of one axis'
)
_check_name = checks.one_of(NAMES)


def check(value) -> "str | None":
    """Check a list of axes. A mirror image is refused: no sensor can be mounted so, a sign or an order is wrong."""
    if not isinstance(value, (list, tuple)) or not 1 <= len(value) <= len(AXES):
        return ACCEPTED
    for name in value:
        refusal = _check_name(name)
        if refusal:
            return "of each axis " + refusal
    if len({name[1] for name in value}) < len(value):
        return "no axis twice; " + ACCEPTED
    if _is_mirrored(value):
        turned = ("+" if value[2][0] == "-" else "-") + value[2][1]
        return f'a turn of the sensor, not its mirror image: perhaps ["{value[0]}", "{value[1]}", "{turned}"]'
    return None


class Orientation:
    """Turns what a chip gives. `axes`: how many the device has; one or two leave the chip's others out.

    `places`, `signs`: for each, which of the chip's axes it is, and 1 or -1.
    """

    def __init__(self, names) -> None:
        """`names`: as `check` accepts them."""
        self.axes = len(names)
        self.places = tuple([AXES.index(name[1]) for name in names])
        self.signs = tuple([-1 if name[0] == "-" else 1 for name in names])

    def columns(self, n_features: int) -> array:
        """For each feature of the device, which of the chip's `n_features` it is.

        Axis by axis; a sign changes none, as each is even in the samples (but for one step of rounding).
        """
        block = n_features // len(AXES)
        return array("H", [place * block + i for place in self.places for i in range(block)])

    def sample(self, raw_format, buf, index: int) -> int:
        """Sample `index` of the device's frames, in counts, from the chip's frames in `buf`."""
        axis = index % self.axes
        at = index // self.axes * len(AXES) + self.places[axis]
        value = sample(raw_format, len(AXES), buf, at)
        return value if self.signs[axis] > 0 else min(-value, LARGEST)


def of(names) -> "Orientation | None":
    """The orientation of `names`, None where the device's axes are the chip's."""
    return None if tuple(names) == AS_THE_CHIP else Orientation(names)


def _is_mirrored(names) -> bool:
    if len(names) < len(AXES):
        return False
    minuses = sum([name[0] == "-" for name in names])
    is_swap = tuple([AXES.index(name[1]) for name in names]) in SWAPS
    return (minuses + is_swap) % 2 == 1
