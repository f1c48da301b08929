"""Options that several commands of `vibdash` have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from vibdash.database.retention import Retention
    from vibdash.site.broker import Broker

DEFAULT_DATABASE = "sqlite:///vibdash.db"

StartBroker = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Run Mosquitto, too, with this configuration.  [default: it runs elsewhere]"
    ),
]
Demonstrate = Annotated[
    bool,
    typer.Option("--demo", help="Also run three virtual sensors on a simulated machine, marked as such."),
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
NotifyRules = Annotated[
    Path | None,
    typer.Option(
        "--notify", metavar="FILE", help="TOML file that says who is told of which alerts.  [default: nobody]"
    ),
]


@dataclass(frozen=True)
class BrokerOptions:
    """The broker to connect to."""

    broker: Annotated[
        str,
        typer.Option(
            envvar="VIBDASH_BROKER",
            metavar="URL",
            help="mqtt://[user:password@]host[:port], or mqtts:// for TLS. "
            "A password is better in the environment variable than on the command line.",
        ),
    ] = "mqtt://127.0.0.1:1883"
    ca_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Certificates (PEM) to trust for mqtts://.  [default: the system's]"
        ),
    ] = None
    password_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Its first line is the password for the broker.  [default: none]"),
    ] = None

    def read(self) -> Broker:
        """Raises `BrokerError` where they name none."""
        from vibdash.site.broker import Broker

        return Broker.from_url(self.broker, self.ca_file, self.password_file)


@dataclass(frozen=True)
class FleetOptions:
    """Which sensors, and when one counts as silent."""

    db: DatabaseUrl = DEFAULT_DATABASE
    site: Site = None
    silent_after_s: Annotated[
        float,
        typer.Option(
            min=1.0,
            metavar="SECONDS",
            help="A sensor that does not tell its interval is shown as silent after this long without a message.",
        ),
    ] = 7500.0

    @property
    def silent_after_ms(self) -> int:
        return round(self.silent_after_s * 1000)


@dataclass(frozen=True)
class PageOptions:
    """Where the page is served, and what it shows."""

    host: Annotated[
        str,
        typer.Option(help="Address to serve on. One that others can reach needs a user: vibdash user add."),
    ] = "127.0.0.1"
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to serve on; 0 takes a free one.")] = 8765
    proxies: Annotated[
        str,
        typer.Option(
            metavar="ADDRESSES",
            help="Proxies that are believed about client, scheme and path, e.g. 127.0.0.1,10.0.0.0/8.  [default: none]",
            show_default=False,
        ),
    ] = ""
    prefix: Annotated[
        str,
        typer.Option(
            metavar="PATH",
            help="Path below which a proxy serves the page, e.g. /vib.  [default: as the proxy says, or none]",
            show_default=False,
        ),
    ] = ""
    zones: Annotated[
        str | None,
        typer.Option(
            "--zones",
            metavar="A,B,C",
            help="Upper ends of the zones A, B and C of ISO 20816 in mm/s, e.g. 1.4,2.8,4.5, drawn behind the "
            "velocity.  [default: none; they depend on the kind of machine]",
        ),
    ] = None


@dataclass(frozen=True)
class RetentionOptions:
    """What becomes of old statuses."""

    thin_after_days: Annotated[
        int,
        typer.Option(
            min=1, metavar="DAYS", help="Of older statuses, one an hour is kept: the highest score."
        ),
    ] = 30
    delete_after_days: Annotated[
        int, typer.Option(min=1, metavar="DAYS", help="Older statuses are deleted; alerts never.")
    ] = 1825

    def read(self) -> Retention:
        from vibdash.database.retention import Retention

        return Retention(self.thin_after_days, self.delete_after_days)
