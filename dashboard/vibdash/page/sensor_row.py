"""One sensor's row in the fleet table, drawn once and then updated in place."""

from __future__ import annotations

from nicegui import ui

from vibdash.page.states import Clock, Look, instrument_look, machine_look
from vibdash.read.sensors import Link, SensorView
from vibdash.wording import describe_bytes, describe_limits, describe_ratio, describe_score, describe_span

SPARK_WIDTH, SPARK_HEIGHT = 116, 34
TONES = ("alarm", "warning", "good", "quiet", "unheard")


class _StateCell:
    """Symbol, word and second line of one state."""

    def __init__(self, kind: str, heading: str) -> None:
        with ui.element("div").classes(f"cell state {kind}").props(f'data-heading="{heading}"') as self._root:
            self._icon = ui.icon("help").props("aria-hidden=true")
            with ui.element("div").classes("lines"):
                self._word = ui.label().classes("word")
                self._detail = ui.label().classes("detail")

    def show(self, look: Look) -> None:
        self._root.classes(add=look.tone, remove=" ".join(tone for tone in TONES if tone != look.tone))
        self._icon.name = look.icon
        self._word.text = look.word
        self._detail.text = look.detail


class SensorRow:
    """Call `show` inside the page's update; `root` is the row."""

    def __init__(self) -> None:
        self.root = ui.element("div").classes("sensor-row").props("role=row")
        with self.root:
            with ui.element("div").classes("cell name"):
                self._name = ui.link().classes("word")
                self._about = ui.label().classes("detail")
            self._machine = _StateCell("machine", "Machine")
            self._instrument = _StateCell("instrument", "Sensor")
            with ui.element("div").classes("cell score").props('data-heading="From healthy"'):
                self._spark = _Spark()
                with ui.element("div").classes("lines"):
                    self._score = ui.label().classes("word figure")
                    self._limits = ui.label().classes("detail")
            with ui.element("div").classes("cell heard").props('data-heading="Last heard"'):
                self._heard = ui.label().classes("word figure")
                self._heard_at = ui.label().classes("detail")
            with ui.element("div").classes("cell bytes").props('data-heading="Sampled, sent"'):
                self._bytes = ui.label().classes("word figure")
                self._ratio = ui.label().classes("detail")

    def show(self, sensor: SensorView, now_ms: int, clock: Clock, *, with_site: bool) -> None:
        """Bring the row to a sensor; only what differs from what it shows is sent."""
        if sensor.trouble is not None:
            self.show_trouble(sensor, sensor.trouble)
            return
        self.root.props(f"data-device={sensor.device}")
        self._name.text = sensor.device
        self._name.props(f"href=/sensor/{sensor.site}/{sensor.device}")
        online = sensor.link is Link.ONLINE
        self.root.classes(add="" if online else "unheard", remove="unheard" if online else "")
        about = [
            sensor.site if with_site else "",
            f"model {sensor.model_name}" if sensor.model_name else "",
        ]
        self._about.text = ", ".join(part for part in about if part) or "no model"
        self._machine.show(machine_look(sensor))
        self._instrument.show(instrument_look(sensor, clock))
        self._spark.show(sensor, muted=not online)
        self._score.text = "-" if sensor.score is None or not online else describe_score(sensor.score)
        self._limits.text = describe_limits(sensor.warning, sensor.alarm)
        heard = sensor.heard_at_ms
        self._heard.text = "never" if heard is None else _ago(now_ms - heard)
        self._heard_at.text = "" if heard is None else clock(heard)
        self._bytes.text = f"{describe_bytes(sensor.bytes_sampled)} → {describe_bytes(sensor.bytes_sent)}"
        self._ratio.text = describe_ratio(sensor.bytes_sampled, sensor.bytes_sent)

    def show_trouble(self, sensor: SensorView, trouble: str) -> None:
        """Say in place of a sensor's state why that cannot be shown: nothing of it is known."""
        self.root.props(f"data-device={sensor.device}").classes(add="unheard")
        self._name.text = sensor.device
        self._name.props(f"href=/sensor/{sensor.site}/{sensor.device}")
        self._about.text = sensor.site
        self._machine.show(Look("unheard", "help", "Not known", ""))
        self._instrument.show(Look("unheard", "report", "Cannot be shown", trouble))
        self._spark.clear()
        for label in (self._score, self._limits, self._heard, self._heard_at, self._bytes, self._ratio):
            label.text = ""


def _ago(span_ms: int) -> str:
    # No seconds: the exact time stands below, and a page on which nothing happens is not drawn anew.
    return "under 1 min ago" if span_ms < 60_000 else f"{describe_span(max(span_ms, 90_000))} ago"


class _Spark:
    """The course of the score, with the limits as dashed lines."""

    def __init__(self) -> None:
        size = f'viewBox="0 0 {SPARK_WIDTH} {SPARK_HEIGHT}" width={SPARK_WIDTH} height={SPARK_HEIGHT}'
        with ui.element("svg").classes("spark").props(f"{size} role=img aria-label=trend"):
            self._warning = ui.element("path").classes("limit warning")
            self._alarm = ui.element("path").classes("limit alarm")
            self._line = ui.element("path").classes("line")
            self._last = ui.element("circle").classes("last").props("r=2.5")

    def clear(self) -> None:
        for path in (self._warning, self._alarm, self._line):
            path.props('d=""')
        self._last.props("cx=-9 cy=-9")

    def show(self, sensor: SensorView, *, muted: bool) -> None:
        limits = [limit for limit in (sensor.warning, sensor.alarm) if limit is not None]
        scores = [score for score in sensor.trend if score is not None]
        low = min([-128, *scores])
        high = max([256, *(limit * 5 // 4 for limit in limits), *scores])

        def height(score: int) -> float:
            return round(2 + (SPARK_HEIGHT - 4) * (high - score) / (high - low), 1)

        for path, limit in ((self._warning, sensor.warning), (self._alarm, sensor.alarm)):
            path.props(f'd="{f"M0 {height(limit)}H{SPARK_WIDTH}" if limit is not None else ""}"')
        step = (SPARK_WIDTH - 6) / max(1, len(sensor.trend) - 1)
        places = [(2 + i * step, None if s is None else height(s)) for i, s in enumerate(sensor.trend)]
        self._line.props(f'd="{_path(places)}"')
        shown = bool(places) and places[-1][1] is not None and not muted
        x, y = places[-1] if shown else (-9.0, -9.0)
        self._last.props(f"cx={x:.1f} cy={y}")


def _path(places: list[tuple[float, float | None]]) -> str:
    """Return an SVG path through the places, broken where there is none."""
    parts, pen_is_down = [], False
    for x, y in places:
        if y is not None:
            parts.append(f"{'L' if pen_is_down else 'M'}{x:.1f} {y}")
        pen_is_down = y is not None
    return "".join(parts)
