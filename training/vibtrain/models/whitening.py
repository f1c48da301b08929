"""A Gaussian's spread as integers: the factor that turns a difference into independent standard deviations."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vibtrain.models.anomaly import Float, Gaussians

WHITEN_BITS = 24  # |whiten| < 2^24, so that the core's sum fits 64 bits
PROJECTION_STEPS = 4096  # the core's projections are in 2^-12 standard deviations
OFFSET_STEPS = 65536  # offsets are squared distances in 2^-16
MAX_OFFSET = 2**32 - 1


def quantise(factors: Float, means: Float, offsets: Float) -> Gaussians:
    """The core's form of Gaussians, with as many fraction bits as fit.

    factors: lower triangular W with |W d|^2 the squared distance, shape (K, n, n). means: steps, shape (K, n).
    offsets: squared distance that each component starts with, shape (K,).
    """
    packed = [_packed(factor * PROJECTION_STEPS) for factor in factors]
    return Gaussians(
        means=np.rint(means).astype(np.int16),
        rows=np.stack([rows for rows, _ in packed]),
        shifts=np.array([shift for _, shift in packed], np.uint16),
        offsets=np.minimum(np.rint(offsets * OFFSET_STEPS), MAX_OFFSET).astype(np.uint32),
    )


def _packed(factor: Float) -> tuple[npt.NDArray[np.int32], int]:
    shift = min(31, int(np.floor(WHITEN_BITS - 1e-9 - np.log2(np.abs(factor).max()))))
    rows = np.rint(factor * 2.0**shift)[np.tril_indices(len(factor))]
    return rows.astype(np.int32), shift
