"""What began this start: told by the chip, and by a mark on flash where the device itself ended the run before."""

from . import flash

CAUSES = ("power", "watchdog", "crash", "brownout", "command", "sleep", "unknown")
_FILE = "/ended"
# The chip's causes, of which not every port has every name. The ESP32's port calls a brownout a power-on, and a
# panic as well as machine.reset() a hard reset; a reset on purpose has left its mark.
_OF_THE_CHIP = (
    ("PWRON_RESET", "power"),
    ("WDT_RESET", "watchdog"),
    ("DEEPSLEEP_RESET", "sleep"),
    ("HARD_RESET", "crash"),
)


def take(folder: str) -> str:
    """The cause of this start, one of CAUSES; to be asked once, as it takes the mark in `folder` away."""
    cause = peek(folder)
    flash.remove(folder + _FILE)
    return cause


def peek(folder: str) -> str:
    """The same, but the mark stays where it is."""
    mark = _read(folder + _FILE)
    return mark if mark in CAUSES else _from_chip()


def leave(folder: str, cause: str) -> None:
    """Mark that the run ends now for `cause`, so that the next start can tell."""
    try:
        flash.make_folder(folder)
        flash.replace(folder + _FILE, (cause.encode(),))
    except OSError as error:
        print("vibnode: why it restarts could not be noted:", error)


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read(32).decode()
    except (OSError, UnicodeError):
        return ""


def _from_chip() -> str:
    try:
        import machine

        cause = machine.reset_cause()
    except (ImportError, AttributeError):
        return "power"  # a process that left no mark was started, killed, or lost its machine
    for name, meaning in _OF_THE_CHIP:
        if cause == getattr(machine, name, None):
            return meaning
    return "unknown"


def restart() -> None:
    """Start the chip anew. Returns where there is none to start: the caller begins again by itself."""
    try:
        from machine import reset
    except ImportError:
        return
    reset()
