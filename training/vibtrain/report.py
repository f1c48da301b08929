"""A report of what a model is worth: one HTML file that needs nothing else, its plots inside."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from vibtrain import report_plots
from vibtrain.evaluate import Evaluation, GroupResult, Scored, summary
from vibtrain.plain_words import duration, interval, number, percent, percents, sentences
from vibtrain.survey import Figures

PLOTTED_GROUPS = 6
_HALF = 0.5  # of its windows over the threshold: fewer look healthy, more look faulty
_CSS = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1a202c; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.7rem; margin-bottom: 0 } h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem }
.under { color: #4a5568; margin-top: .2rem }
.warn { background: #fffaf0; border-left: 4px solid #dd6b20; padding: .6rem 1rem }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(16rem, 1fr)); gap: .8rem; padding: 0 }
.cards li { list-style: none; border: 1px solid #cbd5e0; border-radius: 6px; padding: .6rem .9rem }
.cards b { display: block; font-size: 1.4rem } .cards small, .note { color: #4a5568 }
table { border-collapse: collapse; width: 100%; font-size: .85rem; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .3rem .45rem; border-bottom: 1px solid #e2e8f0; vertical-align: top }
td { white-space: nowrap }
th { color: #4a5568; font-weight: 600 } .wide { overflow-x: auto }
svg { display: block; max-width: 100%; height: auto; margin-bottom: 1rem }
dl { display: grid; grid-template-columns: 12rem 1fr; gap: .2rem 1rem }
dt { color: #4a5568 } dd { margin: 0; overflow-wrap: anywhere }
"""
_METHOD = (
    "Windows are those of the sensor that the model was made for: each recording is resampled with an anti-alias "
    "filter, given the sensor's noise, range and counts, and turned into features by the same C code that the "
    "device runs.",
    "A group is one machine at one speed and load, as one device would see it. Held-out groups were not trained on, "
    "and only they count in the summary where there are any.",
    "The baseline of a group is learnt from its first healthy windows, which are then judged no more.",
    "Alerts are those of the device's own program, with its dwell, hysteresis and messages. Each fault recording is "
    "played to a device that has learnt its baseline; the delay counts from the first faulty sample.",
    "Intervals are 95 %. Those of windows come from drawing recordings anew (1,000 times), not windows; those of "
    "false alarms and of faults found are exact (Poisson, binomial).",
)


def write(path: Path, evaluation: Evaluation, description: dict[str, Any], looked_at: list[Figures]) -> None:
    """Write the report. `description` is the package's model.toml, `looked_at` the survey of the recordings."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.write_text(page(evaluation, description, looked_at), encoding="utf-8")
    new.replace(path)


def page(evaluation: Evaluation, description: dict[str, Any], looked_at: list[Figures]) -> str:
    """The report as HTML."""
    facts = summary(evaluation)
    counted = [s for g in evaluation.counted for s in g.best]
    recordings = sum(len(g.group.members) for g in evaluation.groups)
    parts = [
        f"<h1>{escape(description['name'])}: what the model is worth</h1>",
        f"<p class='under'>Model {escape(description['digest'])}, {recordings} recordings in "
        f"{len(evaluation.groups)} groups. Figures of {escape(facts['counted'])}.</p>",
        _simulated(evaluation),
        *map(_paragraph, sentences(facts)),
        _cards(facts),
        _section("Each machine, speed and load", _groups_table(facts)),
        *_plots(evaluation, description, counted),
        _section("Recordings to look at", _suspicious(evaluation, looked_at)),
        _section("The model", _model(description)),
        _section("How the figures are made", "<ul>" + "".join(f"<li>{m}</li>" for m in _METHOD) + "</ul>"),
    ]
    head = f"<meta charset='utf-8'><title>{escape(description['name'])}</title><style>{_CSS}</style>"
    head += "<meta name='viewport' content='width=device-width, initial-scale=1'>"
    return f"<!doctype html><html lang='en'><head>{head}</head><body>{''.join(parts)}</body></html>\n"


def _paragraph(sentence: str) -> str:
    about, _, rest = sentence.partition(":")
    return f"<p><b>{escape(about)}:</b>{escape(rest)}</p>"


def _simulated(evaluation: Evaluation) -> str:
    sources = {r.source for g in evaluation.groups for r in g.group.members}
    if not any(source.startswith("simulated") for source in sources):
        return ""
    return "<p class='warn'><b>Simulated recordings.</b> These figures say nothing about a real machine.</p>"


def _cards(facts: dict[str, Any]) -> str:
    ends = facts["intervals"]
    delay = facts["delay_s"]
    found = percent(facts["episodes_detected"] / facts["episodes"]) if facts["episodes"] else "-"
    alarms = f"{facts['false_alarms']} in {duration(facts['healthy_s'])}"
    cards = [
        ("False alarms", alarms, f"a day {interval(ends['false_alarms_per_day'])}"),
        ("Faults found", found, percents(facts)),
        ("Median delay", "-" if delay is None else duration(delay), interval(ends["delay_s"])),
        ("AUC of windows", number(facts["window_auc"]), interval(ends["window_auc"])),
        ("Recall at threshold", number(facts["recall"]), interval(ends["recall"])),
        ("Healthy over threshold", number(facts["false_alarm_rate"]), interval(ends["false_alarm_rate"])),
    ]
    items = (
        f"<li>{name}<b>{escape(value)}</b><small>{escape(ends)}</small></li>" for name, value, ends in cards
    )
    return f"<ul class='cards'>{''.join(items)}</ul>"


def _groups_table(facts: dict[str, Any]) -> str:
    heads = ["machine", "rpm", "load", "", "AUC, no baseline", "AUC", "healthy over", "recall", "class acc."]
    heads += ["false alarms", "a day", "faults found", "delay"]
    rows = []
    for g in facts["groups"]:
        rows.append(
            (
                g["machine"],
                "" if g["speed_rpm"] is None else f"{g['speed_rpm']:g}",
                g["load"],
                "trained" if g["trained"] else "held out",
                number(g["without_baseline"]["window_auc"]),
                *(number(g[name]) for name in ("window_auc", "false_alarm_rate", "recall", "class_accuracy")),
                f"{g['false_alarms']} in {duration(g['healthy_s'])}",
                interval(g["intervals"]["false_alarms_per_day"]),
                f"{g['episodes_detected']} of {g['episodes']}",
                "-" if g["delay_s"] is None else duration(g["delay_s"]),
            )
        )
    return _table(heads, rows)


def _plots(evaluation: Evaluation, description: dict[str, Any], counted: list[Scored]) -> list[str]:
    meta, config = description["meta"], description["config"]
    parts = []
    if {s.faulty for s in counted} == {False, True}:
        note = "Detection error: a curve ends where none of the windows at hand is judged wrongly any more."
        parts.append(_section("Windows told apart", report_plots.roc_and_det(evaluation), note))
    hop_s = config["hop"] * 1000 / config["rate_millihz"]
    shown = evaluation.counted[:PLOTTED_GROUPS]
    drawings = [report_plots.scores_over_time(g, meta["warning"], meta["alarm"], hop_s) for g in shown]
    note = "Healthy windows blue, faulty ones orange; 256 steps are twice as far from healthy."
    if len(evaluation.counted) > len(shown):
        note += f" The first {len(shown)} of {len(evaluation.counted)} groups."
    parts.append(_section("Scores over time", "".join(drawings), note))
    if len({s.label for s in counted if s.label in evaluation.classes}) > 1:
        parts.append(_section("Faults named", report_plots.confusion(counted, evaluation.classes)))
    return parts


def _suspicious(evaluation: Evaluation, looked_at: list[Figures]) -> str:
    rows = [
        (f.condition.name, f.condition.fine_label, "; ".join(f.findings)) for f in looked_at if f.findings
    ]
    rows += [row for g in evaluation.groups for row in _out_of_family(g, evaluation.warning)]
    if not rows:
        return "<p>None is clipped, stuck or a duplicate, and every one scores as its label says.</p>"
    return _table(("recording", "label", "why"), rows)


def _out_of_family(result: GroupResult, warning: int) -> list[tuple[str, str, str]]:
    """Recordings that score against their label: badly labelled, or beyond what the model can tell."""
    rows = []
    for s in result.best:
        over = float((s.scores >= warning).mean())
        if s.faulty and over < _HALF:
            rows.append(
                (
                    s.name,
                    s.fine_label,
                    f"scores as healthy: {100 * over:.0f} % of its windows over the threshold",
                )
            )
        if not s.faulty and over > _HALF:
            rows.append(
                (
                    s.name,
                    s.fine_label,
                    f"scores as faulty: {100 * over:.0f} % of its windows over the threshold",
                )
            )
    return rows


def _model(description: dict[str, Any]) -> str:
    core, meta, sensor, size = (description[key] for key in ("config", "meta", "sensor", "size"))
    proof = description["proof"]
    facts = {
        "Kind": description.get("anomaly", {}).get("kind", "mahalanobis"),
        "Sensor": f"{sensor['name']}, {sensor['rate_hz']:g} Hz, {sensor['range_g']} g",
        "Window": f"{core['window']} frames, {core['window'] * 1000 / core['rate_millihz']:.3g} s; one every "
        f"{core['hop'] * 1000 / core['rate_millihz']:.3g} s",
        "Inputs": f"{size['inputs']} features for the score, {size['tree_inputs']} to name the fault",
        "Size": f"{size['bytes']:,} bytes",
        "Names": ", ".join(meta["classes"]) or "no faults",
        "Thresholds": f"warning {meta['warning']}, alarm {meta['alarm']} score steps, each after "
        f"{meta['dwell_windows']} windows",
        "Trained on": f"{len(description['training']['recordings'])} recordings of "
        f"{', '.join(description['training']['sources'])}",
        "Training data": description["training"]["data_digest"],
        "Conversion": f"{proof['windows']} windows compared with the float model: {proof['class_differences']} classes "
        f"differ, scores within {proof['score_error_steps']:.2f} steps",
    }
    rows = (f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in facts.items())
    return f"<dl>{''.join(rows)}</dl>"


def _section(title: str, body: str, note: str = "") -> str:
    under = f"<p class='note'>{escape(note)}</p>" if note else ""
    return f"<h2>{escape(title)}</h2>{under}{body}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<div class='wide'><table><tr>{head}</tr>{body}</table></div>"
