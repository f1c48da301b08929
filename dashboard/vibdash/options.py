"""Options that several commands of `vibdash` have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

BrokerUrl = Annotated[
    str,
    typer.Option(
        envvar="VIBDASH_BROKER",
        metavar="URL",
        help="mqtt://[user:password@]host[:port], or mqtts:// for TLS. "
        "A password is better in the environment variable than on the command line.",
    ),
]
CaFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Certificates (PEM) to trust for mqtts://.  [default: the system's]"),
]
PasswordFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Its first line is the password for the broker.  [default: none]"),
]
StartBroker = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Run Mosquitto, too, with this configuration.  [default: it runs elsewhere]"),
]
Demonstrate = Annotated[
    bool, typer.Option("--demo", help="Also run three virtual sensors on a simulated machine, marked as such.")
]
DatabaseUrl = Annotated[
    str, typer.Option("--db", envvar="VIBDASH_DB", metavar="URL", help="Database, as an SQLAlchemy URL.")
]
Site = Annotated[str | None, typer.Option(help="Only this site.  [default: every site]")]
ClientId = Annotated[
    str | None,
    typer.Option(
        help="Name of the MQTT session, under which the broker keeps messages while this program is down. "
        "Keep it the same from run to run, and different for each ingest.  [default: vibdash-SITE]"
    ),
]
Share = Annotated[
    str | None,
    typer.Option(
        metavar="GROUP",
        help="Share the alerts with every ingest that names the same group. Each needs a --client-id of its own.",
    ),
]
PageHost = Annotated[
    str, typer.Option(help="Address to serve on. One that others can reach needs a user: vibdash user add.")
]
PagePort = Annotated[int, typer.Option(min=0, max=65535, help="Port to serve on; 0 takes a free one.")]
SilentAfter = Annotated[
    float,
    typer.Option(
        min=1.0,
        metavar="SECONDS",
        help="A sensor that does not tell its interval is shown as silent after this long without a message.",
    ),
]
ZoneLimits = Annotated[
    str | None,
    typer.Option(
        "--zones",
        metavar="A,B,C",
        help="Upper ends of the zones A, B and C of ISO 20816 in mm/s, e.g. 1.4,2.8,4.5, drawn behind the "
        "velocity.  [default: none; they depend on the kind of machine]",
    ),
]
ThinAfter = Annotated[
    int, typer.Option(min=1, metavar="DAYS", help="Of older statuses, one an hour is kept: the highest score.")
]
DeleteAfter = Annotated[int, typer.Option(min=1, metavar="DAYS", help="Older statuses are deleted; alerts never.")]
NotifyRules = Annotated[
    Path | None,
    typer.Option(
        "--notify", metavar="FILE", help="TOML file that says who is told of which alerts.  [default: nobody]"
    ),
]

DEFAULT_BROKER = "mqtt://127.0.0.1:1883"
DEFAULT_DATABASE = "sqlite:///vibdash.db"
DEFAULT_SILENT_AFTER_S = 7500.0
DEFAULT_THIN_AFTER_DAYS = 30
DEFAULT_DELETE_AFTER_DAYS = 1825
