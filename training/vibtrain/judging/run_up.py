"""A machine that still runs up, or warms up, when its recording begins: it is healthy, and not as it will be."""

from __future__ import annotations

import numpy as np

from vibtrain.features.extraction import Windows

LEAST_WINDOWS = 40  # under so many there is no course to be seen
BLOCKS = 24
LEAST_SPREAD = 16.0  # steps: what no two blocks agree in
SETTLED = 3.0  # deviations from the last quarter of the recording, mean over the features

DEVIATION_OF_MAD = 1.4826  # of a normal distribution


def run_up_s(recording: Windows, inputs: list[int], hop_s: float) -> float | None:
    """Seconds from the beginning until the features stay as in the last quarter of the recording; None where they do so
    from the beginning, where they never do, and where the recording is too short to tell.

    Blocks of windows are compared by their medians with the last quarter's, in the spread that windows have within a
    block. What settles after two thirds leaves too little to say that it has.
    """
    X = recording.features[:, inputs].astype(np.float64)
    if len(X) < LEAST_WINDOWS or recording.snapshots:
        return None
    of_block = max(4, len(X) // BLOCKS)
    blocks = X[: len(X) // of_block * of_block].reshape(-1, of_block, len(inputs))
    medians = np.median(blocks, axis=1)
    late = len(blocks) * 3 // 4
    within = np.abs(
        blocks[late:] - medians[late:, None]
    )  # a block's own spread: none of a slow course is in it
    spread = np.maximum(DEVIATION_OF_MAD * np.median(within, axis=(0, 1)), LEAST_SPREAD)
    usual = np.median(medians[late:], axis=0)
    away = np.sqrt(np.mean(((medians - usual) / spread) ** 2, axis=1)) > SETTLED
    if not away[0] or away[len(blocks) * 2 // 3 :].any():
        return None
    return float((np.flatnonzero(away)[-1] + 1) * of_block * hop_s)
