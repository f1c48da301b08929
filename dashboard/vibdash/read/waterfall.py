"""A sensor's spectra over time, brought to the same bands: of alerts, of spectra asked for, of snapshots."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa

from vibdash.database.opening import for_reading
from vibdash.database.schema import alert
from vibdash.read.alert_views import alert_view
from vibdash.read.replies import ReplyReader
from vibdash.read.snapshots import AXES, join_snapshot
from vibdash.wording import band_edges_hz, band_levels_m_s2, factor

MOST_ROWS = 40
FEATURES_BEFORE_BANDS = 11  # of each axis, SPEC.md 1.2
USUAL_BANDS = (10.0, 16)  # lowest edge in Hz and number, where no message has told the sensor's own
LOWEST_M_S2 = 1e-6  # under it is nothing, SPEC.md 1.2
_Bands = tuple[float, float, int]  # lowest and highest edge in Hz, number


@dataclass(frozen=True)
class SpectrumRow:
    """One spectrum; `kind` says where it is from: alert, spectrum or snapshot."""

    at_ms: int
    kind: str
    levels_m_s2: tuple[float, ...]


@dataclass(frozen=True)
class Waterfall:
    """Spectra of one axis, oldest first, all in the bands between `edges_hz`."""

    edges_hz: tuple[float, ...]
    rows: tuple[SpectrumRow, ...]


class WaterfallReader:
    """Reads what spectra there are of a sensor."""

    def __init__(self, engine: sa.Engine, replies: ReplyReader) -> None:
        self._engine = for_reading(engine)
        self._replies = replies

    def read(self, site: str, device: str, axis: str) -> Waterfall | None:
        """Return the latest spectra of an axis, None where there are none."""
        told = [*self._of_alerts(site, device, axis), *self._of_spectra(site, device, axis)]
        told.sort(key=lambda one: one[1].at_ms)
        bands = told[-1][0] if told else None
        rows = [row for its_bands, row in told if its_bands == bands]
        edges, of_snapshots = self._of_snapshots(site, device, axis, bands)
        rows = sorted([*rows, *of_snapshots], key=lambda row: row.at_ms)[-MOST_ROWS:]
        return Waterfall(tuple(edges), tuple(rows)) if rows else None

    def _of_alerts(self, site: str, device: str, axis: str) -> Iterator[tuple[_Bands, SpectrumRow]]:
        query = (
            sa.select(alert)
            .where(alert.c.site == site, alert.c.device == device, alert.c.event != "clear")
            .order_by(alert.c.id.desc())
            .limit(MOST_ROWS)
        )
        with self._engine.begin() as connection:
            found = [alert_view(row) for row in connection.execute(query)]
        for one in found:
            if one.spectrum is not None and one.spectrum["axis"] == axis:
                levels = tuple(band_levels_m_s2(one.spectrum))
                bands = (one.spectrum["lo_hz"], one.spectrum["hi_hz"], len(levels))
                yield bands, SpectrumRow(one.occurred_at_ms, "alert", levels)

    def _of_spectra(self, site: str, device: str, axis: str) -> Iterator[tuple[_Bands, SpectrumRow]]:
        for _, at_ms, parts in self._replies.answered(site, device, "spectrum", limit=MOST_ROWS):
            read = _bands_of_vector(parts[0], axis) if parts else None
            if read is not None:
                yield read[0], SpectrumRow(at_ms, "spectrum", read[1])

    def _of_snapshots(
        self, site: str, device: str, axis: str, bands: _Bands | None
    ) -> tuple[list[float], list[SpectrumRow]]:
        edges = None if bands is None else _edges(bands)
        rows = []
        for _, at_ms, parts in self._replies.answered(site, device, "snapshot", limit=MOST_ROWS):
            snapshot = join_snapshot(parts)
            if snapshot is None or AXES.index(axis) >= snapshot.axes:
                continue
            if edges is None:
                edges = _edges((USUAL_BANDS[0], snapshot.rate_hz / 2, USUAL_BANDS[1]))
            levels = snapshot.band_levels(AXES.index(axis), np.array(edges))
            rows.append(SpectrumRow(at_ms, "snapshot", tuple(np.maximum(levels, LOWEST_M_S2).tolist())))
        return edges or [], rows


def _bands_of_vector(body: dict[str, Any], axis: str) -> tuple[_Bands, tuple[float, ...]] | None:
    """Return the bands of an axis and their levels from a whole feature vector, None where there are none."""
    try:
        features = np.frombuffer(base64.b64decode(body["features"], validate=True), "<i2")
        bands, axes = int(body["bands"]), int(body["axes"])
        lo_hz, hi_hz = float(body["lo_hz"]), float(body["hi_hz"])
    except (LookupError, TypeError, ValueError, OverflowError, binascii.Error):
        return None
    if (
        not (1 <= bands <= 32 and 1 <= axes <= len(AXES) and 0 < lo_hz < hi_hz < 1e6)
        or AXES.index(axis) >= axes
    ):
        return None
    first = AXES.index(axis) * (len(features) // axes) + FEATURES_BEFORE_BANDS
    levels = features[first : first + bands]
    if len(features) % axes or len(levels) < bands:
        return None
    return (lo_hz, hi_hz, bands), tuple(factor(int(level)) * 1e-6 for level in levels)


def _edges(bands: _Bands) -> list[float]:
    lo_hz, hi_hz, count = bands
    return band_edges_hz({"lo_hz": lo_hz, "hi_hz": hi_hz, "levels": [0] * count})
