"""`make load`: a storm, the limit of the ingest, fifty kills with restarts and locks of the database, a large fleet.

Prints what came out and writes build/load.json.

Exits with 1 where something was lost or a goal is missed.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import sys
import tempfile
from pathlib import Path

from lab.rigs.databases import PostgreSQL

from .ingest_limit import alerts_per_s, cpu_us_per_alert
from .kills import break_at_random
from .large_fleet import measure as measure_page
from .many_sensors import SENSORS, measure_api
from .storm import storm

RESULT = Path(__file__).parents[2] / "build" / "load.json"
LIMITS = {
    "sqlite_ingest_per_s": ("sqlite", 1),
    "postgresql_ingest_per_s": ("postgresql", 1),
    "postgresql_two_ingesters_per_s": ("postgresql", 2),
}
GOALS = {
    "lost": 0,
    "not_sent": 0,
    "unacknowledged": 0,
    "unseen": 0,
    "p95_publish_to_page_ms": 1000,
    "rss_growth_mb": 20,
    "kills.lost": 0,
    "kills.not_sent": 0,
    "kills.frozen": 0,
    "ingest_cpu_us_per_alert": 320,
    "fleet10k_healthz_cpu_ms": 5,
    "fleet10k_metrics_cpu_ms": 150,
    "fleet10k_fleet_page_cpu_ms": 100,
    "fleet10k_first_rows_ms": 2000,
    "fleet10k_search_ms": 500,
    "fleet10k_memory_mb": 300,
}
OF_KILLS = ("sent", "lost", "not_sent", "frozen")
KILL_SENSORS, KILL_RATE_PER_S = 50, 100.0

Figures = dict[str, float]


def measure_storm(asked: argparse.Namespace, folder: Path) -> Figures:
    """Figures of a storm on SQLite, the default database."""
    print(f"storm: {asked.sensors} sensors, {asked.rate:g} alerts/s for {asked.duration_s:g} s", flush=True)
    database = f"sqlite:///{folder}/alerts.db"
    told = storm(database, folder, sensors=asked.sensors, rate_per_s=asked.rate, duration_s=asked.duration_s)
    figures = dataclasses.asdict(told)
    figures |= {
        f"{name}_publish_to_page_ms": figures.pop(f"{name}_ms") for name in ("median", "p95", "longest")
    }
    return {"sensors": asked.sensors, "alerts_per_s": asked.rate, "duration_s": asked.duration_s} | figures


def measure_limits(asked: argparse.Namespace, folder: Path) -> Figures:
    """Alerts a second at the limit, by database and number of ingests."""
    figures: Figures = {}
    for name, (kind, ingests) in LIMITS.items():
        print(f"limit: {kind}, {ingests} ingest{'s' * (ingests > 1)}, {asked.alerts} alerts", flush=True)
        place = folder / name
        place.mkdir()
        server = PostgreSQL(durable=True) if kind == "postgresql" else None
        try:
            database = server.new_database() if server else f"sqlite:///{place}/alerts.db"
            figures[name] = alerts_per_s(database, ingests, asked.alerts, place)
        finally:
            if server:
                server.remove()
    print(f"cpu: {asked.alerts} alerts, the ingest and the bare parts of one", flush=True)
    return figures | cpu_us_per_alert(asked.alerts, folder)


def measure_kills(asked: argparse.Namespace, folder: Path) -> Figures:
    """Figures of the kills, half of them with each database."""
    harm = f"{asked.restarts} restarts, {asked.locks} locks of each database"
    print(f"kills: {asked.kills}, {harm}, --seed {asked.seed}", flush=True)
    figures: Figures = {"kills.seed": asked.seed}
    figures |= dict.fromkeys((f"kills.{name}" for name in OF_KILLS), 0)
    halves = {True: asked.kills - asked.kills // 2, False: asked.kills // 2}
    for with_server, kills in halves.items():
        place = folder / ("postgresql" if with_server else "sqlite")
        place.mkdir()
        outcome = break_at_random(
            place,
            seed=asked.seed,
            kills=kills,
            restarts=asked.restarts,
            locks=asked.locks,
            sensors=KILL_SENSORS,
            rate_per_s=KILL_RATE_PER_S,
            with_server=with_server,
        )
        for name in OF_KILLS:
            figures[f"kills.{name}"] += getattr(outcome, name)
        for fault, times in outcome.faults.items():
            figures[f"kills.of_{fault}"] = figures.get(f"kills.of_{fault}", 0) + times
    return figures


def measure_fleet10k(_asked: argparse.Namespace, folder: Path) -> Figures:
    """With 10,000 sensors: processor time of what is asked of the API, the page in a browser, memory."""
    print(f"fleet10k: {SENSORS:,} sensors", flush=True)
    figures = measure_api(SENSORS, folder)
    (folder / "page").mkdir()
    return figures | {
        f"fleet10k_{name}": value for name, value in measure_page(SENSORS, folder / "page").items()
    }


PARTS = {
    "storm": measure_storm,
    "limits": measure_limits,
    "kills": measure_kills,
    "fleet10k": measure_fleet10k,
}


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="load", description=__doc__)
    parser.add_argument("--only", choices=PARTS, help="one part; the figures of the others stay as they were")
    parser.add_argument("--sensors", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=100.0, help="alerts a second of the storm")
    parser.add_argument("--duration-s", type=float, default=300.0, help="of the storm")
    parser.add_argument("--alerts", type=int, default=20_000, help="stored to find the limit")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--restarts", type=int, default=10, help="of PostgreSQL")
    parser.add_argument("--locks", type=int, default=10, help="of each database, by another program")
    parser.add_argument(
        "--seed", type=int, default=random.SystemRandom().randrange(2**31), help="of the kills"
    )
    asked = parser.parse_args()
    figures: Figures = json.loads(RESULT.read_text()) if asked.only and RESULT.exists() else {}
    for name, measure in PARTS.items():
        if asked.only in (None, name):
            with tempfile.TemporaryDirectory(prefix=f"vibnode-{name}-") as folder:
                found = measure(asked, Path(folder))
            figures |= found
            for label, value in found.items():
                shown = f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"
                print(f"  {label:<34} {shown:>14}", flush=True)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(figures, indent=1) + "\n")
    missed = [name for name, limit in GOALS.items() if figures.get(name, 0) > limit]
    for name in missed:
        print(f"error: {name} is {figures[name]:,.6g}; accepted: up to {GOALS[name]:,}", file=sys.stderr)
    return 1 if missed else 0


sys.exit(main())
