"""What was set from afar (SPEC 3.4, `thresholds` and `learn`), kept on flash over restarts and changes of the model."""

import json

from . import checked_file
from .checks import limits, optional, whole

_MAGIC = b"VST1"
_STEPS = whole(-2048, 32767, "score steps")
CHECKS = {
    "warning": _STEPS,
    "alarm": _STEPS,
    "hysteresis": whole(0, 32767, "score steps"),
    "dwell_windows": whole(1, 32767, "windows"),
    "alarm_dwell_windows": whole(1, 32767, "windows"),
    "clear_windows": whole(1, 32767, "windows"),
    "velocity_limits_mm_s": limits,
}
LEARN_WINDOWS = whole(1, 500, "windows")


class NotAccepted(Exception):
    """A setting that must not be. Its text is one line for a person."""


class Settings:
    """The thresholds of CHECKS, and `learn_windows`: what `learn` asked for last, None where it never did."""

    def __init__(self, path: str, own: dict) -> None:
        """`path`: the file they are kept in; `own`: those as the model and the configuration have them."""
        self._path = path
        self._own = own
        self._set: dict = {}
        self.learn_windows: int | None = None
        try:
            body = checked_file.load(path, _MAGIC)
            if body is not None:
                self._take(json.loads(body.decode()))
        except (checked_file.Damaged, ValueError) as error:
            print(f"vibnode: settings from afar are lost: {error}")

    def in_force(self) -> dict:
        """All of them. A warning that was set for another model's alarm lifts the alarm."""
        return self._joined(self._set)

    def change(self, given: dict) -> None:
        """Set what `given` names, null: back to its own; all or nothing. Raises NotAccepted, OSError."""
        chosen = dict(self._set)
        for field, value in given.items():
            accepted = optional(CHECKS[field])(value)
            if accepted:
                raise NotAccepted(f"{field}: {value!r}; accepted: {accepted}")
            chosen[field] = value
            if value is None:
                del chosen[field]
        warning = chosen.get("warning", self._own["warning"])
        alarm = chosen.get("alarm", self._own["alarm"])
        if warning > alarm:
            raise NotAccepted(f"warning: {warning}; accepted: up to the alarm, which is {alarm}")
        self._save(chosen, self.learn_windows)
        self._set = chosen

    def learn(self, windows: int) -> None:
        """From now on a baseline is learnt from so many windows. Raises OSError."""
        self._save(self._set, windows)
        self.learn_windows = windows

    def _joined(self, chosen: dict) -> dict:
        joined = dict(self._own)
        joined.update(chosen)
        joined["alarm"] = max(joined["warning"], joined["alarm"])
        return joined

    def _save(self, chosen: dict, learn_windows: "int | None") -> None:
        stored = dict(chosen)
        if learn_windows is not None:
            stored["learn_windows"] = learn_windows
        checked_file.save(self._path, _MAGIC, json.dumps(stored).encode())

    def _take(self, stored: dict) -> None:
        for field, value in stored.items():
            if field == "learn_windows" and LEARN_WINDOWS(value) is None:
                self.learn_windows = value
            elif field in CHECKS and CHECKS[field](value) is None:
                self._set[field] = value
            else:
                print(f"vibnode: a setting from afar is left out: {field}: {value!r}")
