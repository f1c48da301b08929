"""Which recordings to look at before training on them, why, and what leaving them out changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import vib

from vibtrain.data.survey import Figures, survey
from vibtrain.features.config import TrainingConfig, select_inputs
from vibtrain.features.extraction import Windows
from vibtrain.judging import evaluate
from vibtrain.judging.run_up import run_up_s
from vibtrain.judging.valuation import valuations
from vibtrain.models import fit
from vibtrain.packaging import convert
from vibtrain.recordings import DataError, Entry
from vibtrain.workers import Workers

FLAGGED = "flagged"  # in place of names: all that have findings
FAMILIES = ("rms", "kurtosis", "band", "env")  # compared where a configuration names none
COMPARED = ("window_auc", "recall", "false_alarm_rate", "false_alarms", "episodes_detected")


@dataclass(frozen=True)
class Dropped:
    """Recordings left out, each with the reason, and those that are kept."""

    reasons: dict[str, str]
    kept: list[Windows]


def compared(config: TrainingConfig) -> list[int]:
    """The features by which recordings are held against their neighbours: all that either model hears."""
    families = tuple(dict.fromkeys((*config.anomaly.inputs, *config.classifier.inputs))) or FAMILIES
    return select_inputs(vib.feature_names(config.core_config()), families)


def findings(
    figures: Sequence[Figures], windows: Sequence[Windows], config: TrainingConfig
) -> dict[str, tuple[str, ...]]:
    """What speaks against each recording, by name; empty for a sound one. `windows` may be fewer than `figures`."""
    found = {f.condition.name: f.findings for f in figures}
    for valuation in valuations(windows, compared(config)):
        if valuation.finding:
            found[valuation.name] = (*found.get(valuation.name, ()), valuation.finding)
    return found


def run_ups(windows: Sequence[Windows], config: TrainingConfig) -> dict[str, float]:
    """Seconds for which healthy recordings begin otherwise than they go on, by name; none of those that do not."""
    core = config.core_config()
    hop_s = core["hop"] * 1000 / core["rate_millihz"]
    found = {r.name: run_up_s(r, compared(config), hop_s) for r in windows if r.is_healthy}
    return {name: seconds for name, seconds in found.items() if seconds}


def drop(
    wanted: Sequence[str],
    entries: Sequence[Entry],
    windows: list[Windows],
    config: TrainingConfig,
    workers: Workers,
    progress: Callable[[str], None] = lambda name: None,
) -> Dropped:
    """Leave recordings out: `wanted` names them, or is FLAGGED; `progress` is told each name that was looked at. Of
    snapshots that were put together all go with the one. Raises `DataError` for a name that is none."""
    names = {name for r in windows for name in r.names}
    for name in wanted:
        if name != FLAGGED and name not in names:
            raise DataError(
                f"--drop {name!r}; accepted: {FLAGGED}, or a recording's name such as {min(names)}"
            )
    reasons = {name: "named by --drop" for name in wanted if name != FLAGGED}
    if FLAGGED in wanted:
        found = findings(survey(entries, progress, workers), windows, config)
        reasons |= {name: f"{FLAGGED}: {'; '.join(why)}" for name, why in sorted(found.items()) if why}
    return Dropped(reasons, [r for r in windows if not reasons.keys() & set(r.names)])


def change(dropped: Dropped, windows: list[Windows], config: TrainingConfig) -> dict[str, dict[str, Any]]:
    """A model of all recordings and one of those kept, both judged on those kept. Raises `DataError`."""
    return {
        "with them": _judged(windows, dropped.kept, config),
        "without them": _judged(dropped.kept, dropped.kept, config),
    }


def _judged(trained_on: list[Windows], judged_on: list[Windows], config: TrainingConfig) -> dict[str, Any]:
    model = vib.Model(convert.convert(fit.fit(trained_on, config)).binary)
    summary = evaluate.summary(evaluate.evaluate(model, judged_on, config.train.admits))
    return {"warning": model.meta()["warning"]} | {name: summary[name] for name in (*COMPARED, "episodes")}
