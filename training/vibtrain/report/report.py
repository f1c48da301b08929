"""A report of what a model is worth: one HTML file that needs nothing else, its plots inside; and the same as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import vib

from vibtrain.data import spectra
from vibtrain.data.spectra import Spectrum
from vibtrain.judging.evaluate import Evaluation, GroupResult, summary
from vibtrain.judging.importance import Importance, importance
from vibtrain.packaging.model_card import model_card
from vibtrain.plain_words import duration, interval, number, sentences, tiles
from vibtrain.recordings import Entry
from vibtrain.report import report_model_plots, report_plots
from vibtrain.workers import Workers

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
td { white-space: nowrap } .sentences td:last-child { white-space: normal }
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


@dataclass(frozen=True)
class Material:
    """What a report is made of.

    Attributes:
        evaluation, description: of a package; `description` is its model.toml.
        findings: what speaks against recordings, by name; recordings without any may be left out.
        importance: None where no faulty window was judged against a baseline.
        spectra: of one group's recordings, a healthy one first; empty where there is no such pair.
        search: what `vibtrain search --json` printed; None where it was not run.
    """

    evaluation: Evaluation
    description: dict[str, Any]
    findings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    importance: Importance | None = None
    spectra: Sequence[Spectrum] = ()
    search: dict[str, Any] | None = None


def gather(
    model: vib.Model,
    evaluation: Evaluation,
    description: dict[str, Any],
    entries: Sequence[Entry],
    findings: Mapping[str, tuple[str, ...]],
    workers: Workers,
) -> Material:
    """Material of a package's evaluation; reads the recordings whose spectra are shown. Raises `DataError`."""
    half_rate_hz = description["sensor"]["rate_hz"] / 2
    pictured = [s.up_to(half_rate_hz) for s in spectra.spectra(_pictured(evaluation, entries), workers)]
    return Material(evaluation, description, findings, importance(model, evaluation), pictured)


def _pictured(evaluation: Evaluation, entries: Sequence[Entry]) -> list[Entry]:
    """A healthy recording and one of each fault, of the group that counts and has most faults."""
    by_name = {entry.name: entry for entry in entries}
    chosen: list[Entry] = []
    for result in evaluation.counted:
        members = [by_name[r.name] for r in result.group.members if r.name in by_name]
        healthy = [e for e in members if e.is_healthy]
        faults = {e.fine_label: e for e in reversed(members) if e.is_fault}
        if healthy and len(faults) >= max(1, len(chosen)):
            chosen = [healthy[0], *(faults[label] for label in sorted(faults))]
    return chosen


def write(path: Path, material: Material) -> Path:
    """Write the report, and beside it the same as .json, whose path is returned."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".json")
    for target, text in ((path, page(material)), (beside, json.dumps(data(material)) + "\n")):
        new = target.with_name(target.name + ".new")
        new.write_text(text, encoding="utf-8")
        new.replace(target)
    return beside


def data(material: Material) -> dict[str, Any]:
    """Everything that the page shows, as plain data."""
    scored = [(g.group.name, s) for g in material.evaluation.groups for s in g.best]
    return {
        "summary": summary(material.evaluation),
        "model": material.description,
        "model_card": model_card(material.description, material.evaluation),
        "to_look_at": [
            dict(zip(("recording", "label", "why"), row, strict=True)) for row in suspicious(material)
        ],
        "scores": [
            {"group": group, "recording": s.name, "label": s.fine_label, "faulty": s.faulty}
            | {"scores": s.scores.tolist(), "outside": s.outside.tolist(), "classes": s.classes.tolist()}
            for group, s in scored
        ],
        "importance": material.importance
        and {
            "features": material.importance.features,
            "labels": material.importance.labels,
            "falls_steps": np.round(material.importance.falls, 2).tolist(),
        },
        "spectra": [
            {
                "recording": s.name,
                "label": s.label,
                "axes": s.axes,
                "frequencies_hz": s.frequencies_hz.tolist(),
            }
            | {"density_m_s2_rthz": [[float(f"{v:.4g}") for v in axis] for axis in s.density]}
            for s in material.spectra
        ],
        "search": material.search,
    }


def page(material: Material) -> str:
    """The report as HTML."""
    evaluation, description = material.evaluation, material.description
    facts = summary(evaluation)
    recordings = sum(len(g.group.members) for g in evaluation.groups)
    card = model_card(description, evaluation)
    terms = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in card.items())
    parts = [
        f"<h1>{escape(description['name'])}: what the model is worth</h1>",
        f"<p class='under'>Model {escape(description['digest'])}, {recordings} recordings in "
        f"{len(evaluation.groups)} groups. Figures of {escape(facts['counted'])}.</p>",
        _simulated(evaluation),
        *map(_paragraph, sentences(facts)),
        _cards(facts),
        _section("Each machine, speed and load", _groups_table(facts)),
        *_judging_plots(evaluation, description),
        *_model_plots(material),
        _section("Recordings to look at", _suspicious_table(material)),
        _section("Model card", f"<dl>{terms}</dl>"),
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
    if not any(Path(source).name.startswith("simulated") for source in sources):
        return ""
    return "<p class='warn'><b>Simulated recordings.</b> These figures say nothing about a real machine.</p>"


def _cards(facts: dict[str, Any]) -> str:
    ends = facts["intervals"]
    cards = [
        *((title[:1].upper() + title[1:], figure, under) for title, figure, under in tiles(facts)),
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
    heads += ["false alarms", "a month", "faults found", "delay"]
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
                interval(g["intervals"]["false_alarms_per_month"]),
                f"{g['episodes_detected']} of {g['episodes']}",
                "-" if g["delay_s"] is None else duration(g["delay_s"]),
            )
        )
    return _table(heads, rows)


def _judging_plots(evaluation: Evaluation, description: dict[str, Any]) -> list[str]:
    meta, config = description["meta"], description["config"]
    counted = [s for g in evaluation.counted for s in g.best]
    parts = []
    if {s.faulty for s in counted if len(s.judged)} == {False, True}:
        note = "Detection error: a curve ends where none of the windows at hand is judged wrongly any more."
        parts.append(_section("Windows told apart", report_plots.roc_and_det(evaluation), note))
    hop_s = config["hop"] * 1000 / config["rate_millihz"]
    shown = evaluation.counted[:PLOTTED_GROUPS]
    drawings = [report_plots.scores_over_time(g, meta["warning"], meta["alarm"], hop_s) for g in shown]
    note = (
        "Healthy windows blue, faulty ones orange, a grey cross where the model knows that it does not know; "
    )
    note += "256 steps are twice as far from healthy."
    if len(evaluation.counted) > len(shown):
        note += f" The first {len(shown)} of {len(evaluation.counted)} groups."
    parts.append(_section("Scores over time", "".join(drawings), note))
    if len({s.known_as(evaluation.classes) for s in counted} - {""}) > 1:
        parts.append(_section("Faults named", report_plots.confusion(counted, evaluation.classes)))
    return parts


def _model_plots(material: Material) -> list[str]:
    parts = []
    if len(material.spectra) > 1:
        healthy, *faults = material.spectra
        note = f"Healthy ({healthy.name}) blue, fault orange; of the recordings as they were made, up to half the "
        note += "sensor's rate."
        drawing = report_model_plots.healthy_against_fault(healthy, faults)
        parts.append(_section("Spectra, healthy against fault", drawing, note))
    if material.importance is not None:
        note = "How many steps the scores of faulty windows fall, on average, where these features alone are put back "
        note += "to the healthy baseline: orange hears the fault, violet hides it."
        parts.append(_section("What the model hears", report_model_plots.heard(material.importance), note))
    if material.search is not None:
        flash_bytes = material.description["size"]["bytes"]
        note = f"Models that vibtrain search tried, each {material.search['by']} of the training recordings left out "
        note += "in turn: nothing that is judged above was looked at."
        drawing = report_model_plots.frontier(material.search, flash_bytes)
        parts.append(_section("Size against detection", drawing, note))
    return parts


def _suspicious_table(material: Material) -> str:
    rows = suspicious(material)
    if not rows:
        return "<p>None has findings, and every one scores as its label says.</p>"
    return f"<div class='sentences'>{_table(('recording', 'label', 'why'), rows)}</div>"


def suspicious(material: Material) -> list[tuple[str, str, str]]:
    """Name, label and reason of the recordings that have findings, or score against their label."""
    labels = {r.name: r.fine_label for g in material.evaluation.groups for r in g.group.members}
    rows = [
        (name, labels.get(name, ""), "; ".join(found)) for name, found in material.findings.items() if found
    ]
    warning = material.evaluation.warning
    return rows + [row for g in material.evaluation.groups for row in _against_label(g, warning)]


def _against_label(result: GroupResult, warning: int) -> list[tuple[str, str, str]]:
    """Recordings that score against their label: badly labelled, or beyond what the model can tell."""
    rows = []
    for s in result.best:
        if not len(s.judged):
            continue
        over = float((s.judged >= warning).mean())
        looks = "healthy" if s.faulty and over < _HALF else "faulty" if not s.faulty and over > _HALF else ""
        if looks:
            why = f"scores as {looks}: {100 * over:.0f} % of its windows over the threshold"
            rows.append((s.name, s.fine_label, why))
    return rows


def _section(title: str, body: str, note: str = "") -> str:
    under = f"<p class='note'>{escape(note)}</p>" if note else ""
    return f"<h2>{escape(title)}</h2>{under}{body}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<div class='wide'><table><tr>{head}</tr>{body}</table></div>"
