"""The command `vibdash notify`."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from vibtrain.cli.option_groups import flattened

from vibdash.cli.options import FleetOptions
from vibdash.cli.parts import running

if TYPE_CHECKING:
    from vibdash.notify.rules import Notify


@flattened
def notify(
    rules: Annotated[Path, typer.Argument(help="TOML file with channels and rules.")],
    *,
    fleet: FleetOptions,
    trial: Annotated[
        bool, typer.Option("--try", help="Send one message through every channel, and end.")
    ] = False,
) -> None:
    """Tell people of alerts, beside an ingest that runs elsewhere. Run one of these at a time."""
    from vibdash.database.opening import open_database
    from vibdash.database.work_states import WorkStates
    from vibdash.ingest.watch import Watch
    from vibdash.notify.notifier import Notifier
    from vibdash.notify.rules import read_rules

    read = read_rules(rules)
    if trial:
        _try_channels(read)
        return
    engine, ended = open_database(fleet.db), threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    watch = Watch(engine, fleet.site, fleet.silent_after_ms)
    with running((WorkStates(engine, "notify"), watch, Notifier(engine, read))):
        print(
            f"telling of alerts by {len(read.rules)} rules through {len(read.channels)} channels", flush=True
        )
        ended.wait()


def _try_channels(rules: Notify) -> None:
    from vibdash.notify.channels import Told, Undelivered
    from vibdash.notify.rules import NotifyError

    message = Told("This is a trial of the notifications", "warning", {"text": "trial"})
    for name, channel in rules.channels.items():
        try:
            channel.deliver("Vibnode: trial", [message])
        except Undelivered as error:
            raise NotifyError(f"channel {name}: {error}") from None
        print(f"channel {name}: delivered")
