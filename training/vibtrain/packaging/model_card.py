"""A model card: what a model is for, what it was made from, what it is known to miss."""

from __future__ import annotations

from typing import Any

from vibtrain.data import registry
from vibtrain.judging.evaluate import Evaluation
from vibtrain.models.anomaly import STEPS_PER_OCTAVE
from vibtrain.plain_words import number, percent
from vibtrain.recordings import DataError

_HALF = 0.5  # of its windows over the threshold: fewer look healthy


def model_card(description: dict[str, Any], evaluation: Evaluation) -> dict[str, str]:
    """Terms and what to say of each. `description` is the package's model.toml."""
    return (
        _use(description)
        | _origin(description)
        | gives_away(description)
        | _limits(evaluation)
        | _technical(description)
    )


def _use(description: dict[str, Any]) -> dict[str, str]:
    classes = description["meta"]["classes"]
    return {
        "Purpose": "Tells a person that a machine's vibration has left its healthy baseline"
        + (f", and which of {len(classes) - 1} faults that looks like." if classes else "."),
        "Not for": "Stopping a machine or protecting people; machines and mountings unlike those below, unless the "
        "sensor has learnt their healthy baseline.",
    }


def _origin(description: dict[str, Any]) -> dict[str, str]:
    training = description["training"]
    selected = "; ".join(f"{field} {_listed(values)}" for field, values in training["select"].items())
    return {
        "Trained on": f"{len(training['recordings'])} recordings of {_listed(training['sources'])}"
        + (f", only {selected}" if selected else ""),
        "Left out": "; ".join(f"{name} ({why})" for name, why in training.get("dropped", {}).items())
        or "None by --drop.",
        "Licence of data": _listed([_licence(source) for source in training["sources"]]),
        "Training data": f"SHA-256 {training['data_digest']}",
    }


def gives_away(description: dict[str, Any]) -> dict[str, str]:
    """What the package tells of its training data to whoever has it."""
    holds = description.get("holds")
    if holds is None:
        return {"Gives away": "Not known: fit it again."}
    parts, leaves = holds["components"], holds.get("leaves")
    told = [f"means and spreads of healthy windows, their line over speed, {_behind('Gaussian', parts)}"]
    if leaves:
        told.append(
            f"answers of the trees, {_behind('one', leaves)}, {holds['rare_leaves']} from one recording alone"
        )
    told.append("warning threshold, from the farthest healthy recording held out")
    told.append(
        "golden windows, " + ("of noise" if holds["least_machines"] > 1 else "raw samples of recordings")
    )
    if holds.get("left_out"):
        told.append(
            f"nothing of {_listed(holds['left_out'])}, which fewer machines showed than --least-machines"
        )
    return {"Gives away": "; ".join(told) + ". Names of recordings and machines stand in model.toml."}


def _behind(what: str, behind: dict[str, int]) -> str:
    counted = [
        f"{behind[name]} {name if behind[name] != 1 else name[:-1]}" for name in ("machines", "recordings")
    ]
    return f"{behind['parts']} in all, behind each {what} {' and '.join(counted)} at least"


def _licence(source: str) -> str:
    try:
        data = registry.dataset(source)
    except DataError:
        return f"{source}: its owner knows"
    return f"{source}: {data.licence_spdx}, commercial use {data.commercial_use}"


def _limits(evaluation: Evaluation) -> dict[str, str]:
    """Conditions that it misses, or calls faulty though they are healthy, among those that count."""
    missed, wrong = [], []
    for result in evaluation.counted:
        for s in result.best:
            if not len(s.judged):
                continue
            over = float((s.judged >= evaluation.warning).mean())
            place = f"{s.fine_label} ({result.group.name}: {percent(over)} of windows)"
            if s.faulty and over < _HALF:
                missed.append(place)
            if not s.faulty and over > 0:
                wrong.append(place)
    healthy = sum(1 for g in evaluation.counted for s in g.best if not s.faulty)
    return {
        "Misses": _listed(missed) if missed else "No fault among those judged.",
        "Calls faulty": _listed(wrong) if wrong else f"None of {healthy} healthy recordings judged.",
    }


def _technical(description: dict[str, Any]) -> dict[str, str]:
    core, meta, sensor, size = (description[key] for key in ("config", "meta", "sensor", "size"))
    proof = description["proof"]
    window_s, hop_s = (core[name] * 1000 / core["rate_millihz"] for name in ("window", "hop"))
    averaged = meta.get("average_windows", 1)
    dwell = meta["dwell_windows"]
    alarm_dwell = meta.get("alarm_dwell_windows", dwell)
    return {
        "Sensor": f"{sensor['name']}, {sensor['rate_hz']:g} Hz, {sensor['range_g']} g, {sensor['axes']} axes",
        "Window": f"{core['window']} frames, {number(window_s)} s; one every {number(hop_s)} s"
        + (f"; the mean of {averaged} in a row is scored" if averaged > 1 else ""),
        "Kind": f"{description['anomaly']['kind']} of {size['inputs']} features; "
        + (f"{size['tree_inputs']} to name the fault" if size["tree_inputs"] else "no classifier"),
        "Size": f"{size['bytes']:,} bytes",
        "Names": _listed(meta["classes"][1:]) or "no faults",
        "Thresholds": f"warning {meta['warning']}, alarm {meta['alarm']} score steps; over them for "
        f"{number(dwell * hop_s)} s and {number(alarm_dwell * hop_s)} s",
        "Over healthy": "; ".join(
            f"{words}, {_gap(description.get('calibration', {}).get(key, {}))}"
            for key, words in (("with_baseline", "with a baseline"), ("without_baseline", "without one"))
        ),
        "Conversion": f"{proof['windows']:,} windows compared with the float model: {proof['class_differences']} "
        f"classes differ, scores within {proof['score_error_steps']:.2f} steps",
        "Versions": f"model {description['digest']}, core {description['core_version']}, "
        f"features {description['feature_version']}",
    }


def _gap(calibration: dict[str, Any]) -> str:
    """How far the warning threshold is over the worst healthy recording that the model did not know."""
    if "gap" not in calibration:
        return "by a margin assumed: no healthy recording could be held out"
    held_out, gap = calibration["held_out"], calibration["gap"]
    worst = f"the worst of {held_out} healthy recordings held out" if held_out > 1 else "the one held out"
    place = "under" if gap < 0 else "over"
    return f"the warning threshold is {abs(gap)} steps ({number(abs(gap) / STEPS_PER_OCTAVE)} octaves) {place} {worst}"


def _listed(values: Any) -> str:
    return ", ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in values)
