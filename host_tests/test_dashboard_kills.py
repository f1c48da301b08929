"""Under load, what is killed at random moments loses nothing: a short run of what `make load` does fifty times."""

import os
from pathlib import Path

import pytest

from lab.load.kills import kill_at_random

KILLS = 5
SEED = int(os.environ.get("KILL_SEED", "20260114"))


@pytest.mark.parametrize("with_server", [True, False], ids=["postgresql", "sqlite"])
def test_after_kills_the_alerts_are_those_that_were_sent(tmp_path: Path, with_server: bool) -> None:
    outcome = kill_at_random(
        tmp_path, seed=SEED, kills=KILLS, sensors=20, rate_per_s=50.0, with_server=with_server
    )
    print(f"KILL_SEED={SEED}: {outcome}")
    assert outcome.kills.total() == KILLS
    assert outcome.sent > KILLS
    assert (outcome.lost, outcome.not_sent) == (0, 0)
