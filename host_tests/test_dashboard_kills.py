"""Under load, what is killed, restarted or locked at random moments loses nothing: a short run of `make load`."""

import os
from pathlib import Path

import pytest

from lab.load.kills import break_at_random

KILLS = 5
LOCK_S = (11.0, 12.0)  # longer than the ingest waits for SQLite
SEED = int(os.environ.get("KILL_SEED", "20260114"))


@pytest.mark.parametrize("with_server", [True, False], ids=["postgresql", "sqlite"])
def test_after_kills_restarts_and_locks_the_alerts_are_those_that_were_sent(
    tmp_path: Path, with_server: bool
) -> None:
    outcome = break_at_random(
        tmp_path,
        seed=SEED,
        kills=KILLS,
        sensors=20,
        rate_per_s=50.0,
        restarts=2,
        locks=1,
        locks_s=LOCK_S,
        with_server=with_server,
    )
    print(f"KILL_SEED={SEED}: {outcome}")
    assert outcome.faults.total() == KILLS + 1 + 2 * with_server
    assert outcome.sent > KILLS
    assert (outcome.lost, outcome.not_sent, outcome.frozen) == (0, 0, 0)
