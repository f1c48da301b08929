"""The command `vibdash`."""

from __future__ import annotations

import logging
import re
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from vibtrain.cli.extras import needs_extra
from vibtrain.cli.option_groups import flattened
from vibtrain.cli.version import Version

from vibdash.cli.bridge import bridges
from vibdash.cli.care import backup, check, restore
from vibdash.cli.device import devices
from vibdash.cli.init import certificate, init
from vibdash.cli.notify import notify as notify_command
from vibdash.cli.options import (
    DEFAULT_DATABASE,
    BrokerOptions,
    ClientId,
    DatabaseUrl,
    Demonstrate,
    FleetOptions,
    NotifyRules,
    PageOptions,
    RetentionOptions,
    Share,
    Site,
    StartBroker,
)
from vibdash.cli.parts import running
from vibdash.cli.score import import_features_command, score
from vibdash.cli.user import users
from vibdash.database.taken_out import TABLES, refuse_others
from vibdash.errors import OneLineError
from vibdash.site.folder import SiteError, find_site

if TYPE_CHECKING:
    import sqlalchemy as sa

    from vibdash.cli.demo import Demo
    from vibdash.ingest.session import Ingest
    from vibdash.ingest.store import Store
    from vibdash.site.broker import Broker

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="From the MQTT broker into a database, and from there onto a page.\n\n"
    "An alert is committed to the database before the sensor is told that it may forget it. "
    "Run it all in one process with run, or apart with ingest and page.",
    rich_markup_mode=None,
)
app.add_typer(users, name="user")
app.add_typer(devices, name="device")
app.add_typer(bridges, name="bridge")
app.command()(init)
app.command()(certificate)
app.command()(backup)
app.command()(restore)
app.command()(check)
app.command("notify")(notify_command)
app.command()(score)
app.command("import-features")(import_features_command)


@app.callback()
def settle_on_site(
    context: typer.Context,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--in", metavar="FOLDER", help="Folder of a site.  [default: here, or the only one just below]"
        ),
    ] = None,
    version: Version = False,
) -> None:
    """Take the settings of a site's folder as the defaults of every command."""
    if context.invoked_subcommand in ("init", "restore", "check") or context.resilient_parsing:
        return
    site = find_site(folder)
    if site is None:
        return
    context.default_map = _for_each_command(context.command, site.defaults())


@app.command()
@flattened
def run(
    *,
    context: typer.Context,
    connection: BrokerOptions,
    fleet: FleetOptions,
    served: PageOptions,
    start_broker: StartBroker = None,
    client_id: ClientId = None,
    retention: RetentionOptions,
    notify: NotifyRules = None,
    demo: Demonstrate = False,
) -> None:
    """Take messages from the broker and serve the page, in one process."""
    from vibdash.database.retention import Thinning
    from vibdash.database.work_states import WorkStates
    from vibdash.ingest.drift_watch import DriftWatch
    from vibdash.ingest.store import Store
    from vibdash.ingest.watch import Watch
    from vibdash.notify.notifier import Notifier
    from vibdash.notify.rules import read_rules
    from vibdash.site.local_broker import LocalBroker

    rules = read_rules(notify) if notify is not None else None
    engine, serve = _page(served, fleet)
    broker = connection.read()
    parts = (
        WorkStates(engine, _client_id(fleet.site, client_id)),
        LocalBroker(start_broker) if start_broker is not None else None,
        _make_ingest(broker, Store(engine), fleet.site, client_id),
        Watch(engine, fleet.site, fleet.silent_after_ms),
        DriftWatch(engine, fleet.site),
        Thinning(engine, retention.read()),
        Notifier(engine, rules) if rules is not None else None,
        _make_demo(context, fleet.site, engine, broker) if demo else None,
    )
    with running(parts):
        serve()


@app.command()
@flattened
def ingest(
    *,
    connection: BrokerOptions,
    db: DatabaseUrl = DEFAULT_DATABASE,
    site: Site = None,
    client_id: ClientId = None,
    share: Share = None,
    retention: RetentionOptions,
) -> None:
    """Take messages from the broker into the database, without a page."""
    if share is not None and (client_id is None or not re.fullmatch(r"[A-Za-z0-9-]{1,32}", share)):
        needed = "accepted: 1 to 32 of a-z, A-Z, 0-9 and -, and a --client-id that no other ingest has"
        raise typer.BadParameter(f"{share!r}; {needed}", param_hint="--share")
    from vibdash.database.opening import open_database
    from vibdash.database.retention import Thinning
    from vibdash.database.work_states import WorkStates
    from vibdash.ingest.store import Store

    engine = open_database(db)
    broker = connection.read()
    taking = _make_ingest(broker, Store(engine), site, client_id, share)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: taking.ask_to_stop())
    taking.start()
    print(f"taking messages from {broker}", flush=True)
    with running((WorkStates(engine, _client_id(site, client_id)), Thinning(engine, retention.read()))):
        taking.join()


@app.command()
@flattened
def page(*, fleet: FleetOptions, served: PageOptions) -> None:
    """Serve the page from the database that an ingest fills."""
    from vibdash.database.work_states import WorkStates
    from vibdash.ingest.drift_watch import DriftWatch
    from vibdash.ingest.watch import Watch

    engine, serve = _page(served, fleet)
    process = f"page at port {served.port}"
    watches = Watch(engine, fleet.site, fleet.silent_after_ms), DriftWatch(engine, fleet.site)
    with running((WorkStates(engine, process), *watches)):
        serve()


@app.command()
def export(
    table: Annotated[str, typer.Argument(help=f"One of {', '.join(TABLES)}.")],
    file: Annotated[Path, typer.Argument(help="Ends in .csv or .parquet; replaced if it is there.")],
    db: DatabaseUrl = DEFAULT_DATABASE,
) -> None:
    """Write a table to a file, while everything goes on."""
    refuse_others(table, file)
    from vibdash.database.export import export_table
    from vibdash.database.opening import open_database

    count = export_table(open_database(db), table, file)
    print(f"{count} rows in {file}")


def _page(served: PageOptions, fleet: FleetOptions) -> tuple[sa.Engine, Callable[[], None]]:
    """Take the page's address and open the database; the page is served when that is called."""
    from vibdash.access.accounts import Accounts
    from vibdash.access.proxies import parse_prefix, parse_proxies
    from vibdash.database.opening import open_database
    from vibdash.read.zones import parse_zones
    from vibdash.web.address import bind, require_users
    from vibdash.web.server import serve

    zones_mm_s = parse_zones(served.zones) if served.zones is not None else None
    proxies, prefix = parse_proxies(served.proxies), parse_prefix(served.prefix)
    taken = bind(served.host, served.port)
    engine = open_database(fleet.db)
    require_users(taken, Accounts(engine))
    return engine, partial(
        serve,
        taken,
        engine,
        silent_after_ms=fleet.silent_after_ms,
        site=fleet.site,
        zones_mm_s=zones_mm_s,
        proxies=proxies,
        prefix=prefix,
    )


def _for_each_command(command: Any, defaults: dict[str, Any]) -> dict[str, Any]:
    """Return the defaults under the name of each command, inner ones too; a command takes those it has."""
    inner = getattr(command, "commands", None)
    return (
        defaults if inner is None else {name: _for_each_command(one, defaults) for name, one in inner.items()}
    )


def _make_demo(context: typer.Context, site: str | None, engine: sa.Engine, broker: Broker) -> Demo:
    from vibdash.cli.demo import Demo

    folder = find_site(context.find_root().params.get("folder"))
    if folder is None or site is None:
        raise SiteError("--demo: no site here; make one: vibdash init SITE")
    return Demo(folder, site, engine, broker)


def _make_ingest(
    broker: Broker,
    store: Store,
    site: str | None,
    client_id: str | None,
    share: str | None = None,
) -> Ingest:
    if site is not None and not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,31}", site):
        raise typer.BadParameter(f"{site!r}; accepted: 1 to 32 of a-z, 0-9 and -", param_hint="--site")
    from vibdash.ingest.session import Ingest

    return Ingest(broker, store, site=site, client_id=_client_id(site, client_id), share=share)


def _client_id(site: str | None, client_id: str | None) -> str:
    return client_id or f"vibdash-{site or 'all'}"


def main() -> None:
    """Run the command; every foreseeable failure is one line on stderr and exit code 1.

    The code is 1, too, where some work of it could not go on.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s", stream=sys.stderr)
    for name in ("httpx", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        with needs_extra("vibdash", "dashboard"):
            app()
    except OneLineError as error:
        print(f"vibdash: {error}", file=sys.stderr)
        sys.exit(1)
    except SystemExit:
        supervision = sys.modules.get("vibdash.supervision")  # None: no work was begun
        if supervision is not None and supervision.gave_up():
            sys.exit(1)
        raise


if __name__ == "__main__":
    main()
