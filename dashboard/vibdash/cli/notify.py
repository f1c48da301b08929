"""The command `vibdash notify`."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from vibdash.cli.options import DEFAULT_DATABASE, DatabaseUrl
from vibdash.database.opening import open_database
from vibdash.notify.channels import Told, Undelivered
from vibdash.notify.notifier import Notifier
from vibdash.notify.rules import NotifyError, read_rules

_TRIAL = Told("This is a trial of the notifications", "warning", {"text": "trial"})


def notify(
    rules: Annotated[Path, typer.Argument(help="TOML file with channels and rules.")],
    db: DatabaseUrl = DEFAULT_DATABASE,
    trial: Annotated[
        bool, typer.Option("--try", help="Send one message through every channel, and end.")
    ] = False,
) -> None:
    """Tell people of alerts, beside an ingest that runs elsewhere. Run one of these at a time."""
    read = read_rules(rules)
    if trial:
        for name, channel in read.channels.items():
            try:
                channel.deliver("Vibnode: trial", [_TRIAL])
            except Undelivered as error:
                raise NotifyError(f"channel {name}: {error}") from None
            print(f"channel {name}: delivered")
        return
    notifier, ended = Notifier(open_database(db), read), threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    notifier.start()
    print(f"telling of alerts by {len(read.rules)} rules through {len(read.channels)} channels", flush=True)
    ended.wait()
    notifier.stop()
