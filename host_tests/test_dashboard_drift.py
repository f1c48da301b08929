"""What moves slowly towards its warning level is told before it is there; what only scatters is not."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from vibdash.database.opening import open_database
from vibdash.database.retention import Retention, thin_once
from vibdash.ingest.drift_watch import JUDGED_EVERY_MS, DriftWatch
from vibdash.ingest.store import Received, Store
from vibdash.page.drift_panel import describe_drift
from vibdash.protocol.messages import Sensor
from vibdash.read.drift import DAY_MS, HORIZON_DAYS, Drift, DriftReader
from vibdash.read.machines import Machine, Machines
from vibdash.read.occurrences import OccurrenceReader, State
from vibdash.read.slope import LEAST_DAYS, slope_of

from lab.rigs.dashboard import status_message
from lab.rigs.databases import KINDS, new_database

SENSOR = Sensor("demo", "motor-1")
START_MS = 1_790_000_000_000 // DAY_MS * DAY_MS
WARNING = 353
HOUR_MS = 3_600_000


def scattered(days: int, correlated: float, seed: int, sd: float = 60.0) -> np.ndarray:
    """Noise of a day's mean, each correlated with the day before."""
    random = np.random.default_rng(seed)
    noise = np.empty(days)
    noise[0] = random.normal(0, sd)
    for day in range(1, days):
        noise[day] = correlated * noise[day - 1] + random.normal(0, sd * np.sqrt(1 - correlated**2))
    return noise


def test_a_slope_is_found_in_steps_a_month_and_withstands_a_day_of_storm() -> None:
    days = np.arange(30.0)
    levels = 100 + 5 * days + scattered(30, 0.0, 1, sd=4)
    levels[11] += 900
    found = slope_of(days.tolist(), levels.tolist())
    assert found is not None and found.low < 150 < found.high and abs(found.a_month - 150) < 15
    assert found.days == 30 and abs(found.level - 245) < 10


@pytest.mark.parametrize(("correlated", "least"), [(0.0, 0.98), (0.5, 0.96), (0.8, 0.92)])
def test_the_interval_holds_the_true_slope_nearly_as_often_as_it_says(
    correlated: float, least: float
) -> None:
    """400 courses of 30 days; 99 % are stated. What is too correlated to tell is not told, and not counted."""
    inside = judged = 0
    for seed in range(400):
        found = slope_of(range(30), (3.0 * np.arange(30) + scattered(30, correlated, seed)).tolist())
        if found is not None:
            judged += 1
            inside += found.low <= 90 <= found.high
    assert judged > 200 and inside / judged >= least


def test_too_few_days_are_no_slope() -> None:
    few = LEAST_DAYS - 1
    assert slope_of(range(few), [5.0 * day for day in range(few)]) is None
    assert slope_of(range(LEAST_DAYS), [5.0 * day for day in range(LEAST_DAYS)]) is not None


class Plant:
    """A sensor whose statuses come once an hour, and the watch over its drift."""

    def __init__(self, engine: object) -> None:
        self.engine = engine
        self.store = Store(engine)  # type: ignore[arg-type]
        self.watch = DriftWatch(engine, None)  # type: ignore[arg-type]
        self.day = 0

    def live(self, levels: np.ndarray, **fields: object) -> list[tuple[int, str, str]]:
        """A day for each level, four statuses each; what the watch raised and cleared, by day."""
        told = []
        for level in levels:
            for hour in (0, 6, 12, 18):
                at_ms = START_MS + self.day * DAY_MS + hour * HOUR_MS
                uptime_ms = at_ms - START_MS + 1
                said = status_message(time=at_ms // 1000, score=round(float(level)), uptime_ms=uptime_ms)
                said |= {"warning": WARNING, "alarm": 609, "machine": "running"} | fields
                self.store.take([Received(SENSOR.topic("status"), json.dumps(said).encode(), at_ms)])
            self.day += 1
            told += [(self.day, cause, event) for _, cause, event in self.watch.look(self.now_ms)]
        return told

    @property
    def now_ms(self) -> int:
        return START_MS + self.day * DAY_MS

    def drift(self, quantity: str = "score") -> Drift:
        found = DriftReader(self.engine).of("demo", "motor-1")  # type: ignore[arg-type]
        return next(one for one in found if one.quantity == quantity)


@pytest.fixture(params=KINDS)
def plant(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Plant]:
    engine = open_database(new_database(request.param, tmp_path))
    yield Plant(engine)
    engine.dispose()


def growing(days: int, a_day: float, seed: int = 1) -> np.ndarray:
    return np.asarray(a_day * np.arange(days) + scattered(days, 0.3, seed, sd=15))


def test_a_growing_defect_is_told_weeks_before_its_warning_with_the_date_and_ends_with_a_new_baseline(
    plant: Plant,
) -> None:
    assert plant.live(scattered(20, 0.3, 2, sd=15)) == []
    a_day = 8.0
    told = plant.live(growing(40, a_day))
    reached = 20 + WARNING / a_day
    ((day, cause, event),) = told
    assert (cause, event) == ("trend:score", "raise") and 7 <= reached - day <= HORIZON_DAYS
    one = plant.drift()
    assert one.reach_at_ms and one.earliest_at_ms and one.latest_at_ms
    assert one.earliest_at_ms < START_MS + reached * DAY_MS < one.latest_at_ms
    assert one.slope is not None and abs(one.slope - 30 * a_day) < 60
    (alert,) = OccurrenceReader(plant.engine).all(plant.now_ms)  # type: ignore[arg-type]
    assert (alert.cause, alert.level, alert.state) == ("trend:score", "warning", State.NEW)
    assert alert.class_name and alert.class_name.startswith("20") and " to 20" in alert.class_name
    assert "; at its warning level 20" in describe_drift(one)
    learnt_s = plant.now_ms // 1000
    assert plant.live(np.zeros(1), baseline_time=learnt_s) == [(plant.day, "trend:score", "clear")]
    assert describe_drift(plant.drift()) == "not known yet: 1 days since the baseline"


def test_a_machine_that_only_scatters_is_told_of_in_no_half_year(plant: Plant) -> None:
    assert plant.live(scattered(180, 0.7, 3, sd=60)) == []


def test_what_is_too_slow_to_matter_has_a_slope_and_is_no_alert(plant: Plant) -> None:
    assert plant.live(growing(30, 2.0)) == []
    one = plant.drift()
    assert one.slope_low is not None and one.slope_low > 0 and one.reach_at_ms is not None
    assert one.reach_at_ms - plant.now_ms > 100 * DAY_MS


def test_a_velocity_on_its_way_to_its_zone_is_told_where_the_class_is_known(plant: Plant) -> None:
    machines = Machines(plant.engine)  # type: ignore[arg-type]
    machines.change("demo", "motor-1", Machine("iso20816-3-group2-rigid"), "ada", START_MS)
    told = []
    for day in range(20):  # from 1 mm/s, 5 % a day: 2.8 mm/s are there after 21 days
        told += plant.live(np.zeros(1), velocity_um_s=round(1000 * 1.05**day))
    assert [(cause, event) for _, cause, event in told] == [("trend:velocity", "raise")]


def test_thinning_moves_no_trend(plant: Plant) -> None:
    plant.live(growing(30, 8.0))
    before = plant.drift()
    later_ms = plant.now_ms + JUDGED_EVERY_MS
    while thin_once(plant.engine, Retention(1, 400), later_ms):  # type: ignore[arg-type]
        pass
    plant.watch.look(later_ms)
    after = plant.drift()
    assert after.at_ms == later_ms and after.slope == before.slope


def test_days_at_rest_or_with_a_faulty_sensor_do_not_count(plant: Plant) -> None:
    plant.live(growing(12, 8.0))
    days = plant.drift().days
    plant.live(np.full(3, 0.0), machine="off", score=None)
    plant.live(np.full(3, 2000.0), instrument="stuck")
    assert plant.drift().days == days
