"""One run of the sensor, from a start to its end: what was known when it began, and what its parts tell each other."""

import asyncio

from .supervision import Supervisor


class Run:
    """Handed to each part of the sensor when that is made.

    `bytes_sent`, `refused` (commands and acks that were not taken): counted since the start. `status_due`: a status is
    to go out. `news`: set when that is so, or an alert waits in the outbox. `ended`: set when the run is to end.
    `restart_cause`: why it then begins anew, None where it does not.
    """

    def __init__(
        self,
        device: dict,
        outbox,
        clock,
        reset_cause: str = "unknown",
        model_origin: str = "",
        watchdog=None,
        window_limit: int = 0,
        note: "str | None" = None,
    ) -> None:
        """`device`: the configuration. `reset_cause`: what began this run, one of reset_cause.CAUSES.

        `model_origin`: of a model from afar, as in the status. `watchdog`: fed whenever the instrument was judged.
        `window_limit`: stop after so many windows, 0: never. `note`: why nothing can be measured, None where it can.
        """
        self.device = device
        self.outbox = outbox
        self.clock = clock
        self.reset_cause = reset_cause
        self.model_origin = model_origin or ("file" if device.get("model") else "linked")
        self.watchdog = watchdog
        self.window_limit = window_limit
        self.note = note
        self.supervisor = Supervisor()
        self.bytes_sent = 0
        self.refused = 0
        self.status_due = False
        self.news = asyncio.Event()
        self.ended = asyncio.Event()
        self.restart_cause: str | None = None

    def status_changed(self) -> None:
        """Have a status sent soon."""
        self.status_due = True
        self.news.set()

    def alive(self) -> None:
        """Sampling goes on; feeds the watchdog."""
        if self.watchdog:
            self.watchdog.fed()

    def restart(self, cause: str) -> None:
        """End the run in order and begin anew; `cause` (reset_cause.CAUSES) is what the next one says of it."""
        self.restart_cause = cause
        self.ended.set()
