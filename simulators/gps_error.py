"""What a receiver makes of a true position: drift, spikes, Wi-Fi and cell fixes, and its own claim."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.sites.policy import SOURCES
from simulators.chance import settled
from simulators.roads import CANYON, INDOOR

GNSS, WIFI, CELL, FUSED = (SOURCES.index(name) for name in ("gnss", "wifi", "cell", "fused"))

#: Error per axis in metres by [surroundings][source]; a cell fix has towers instead.
_SIGMA_M = np.array(
    [
        [3.5, 20.0, 0.0, 6.0, 10.0],
        [14.0, 25.0, 0.0, 12.0, 15.0],
        [25.0, 28.0, 0.0, 15.0, 25.0],
    ]
)

#: Share of fixes up to which a source serves, by surroundings: (gnss, wifi, fused), the rest is cell.
_SERVED = np.array([[0.90, 0.90, 1.0], [0.75, 0.75, 0.96], [0.05, 0.72, 0.93]])

#: 68 % of a round normal error lies within this many of its sigmas.
_CLAIM_SIGMAS = 1.51

#: Drift forgets itself over this time; the source is chosen anew after this one.
_DRIFT_MS, _BLOCK_MS = 300_000.0, 1_800_000

_SPIKE_CHANCE, _SPIKE_M = 0.015, (60.0, 250.0)
_NO_FIX_INDOORS = 0.04
_CELL_M = (500.0, 1_500.0)
_LYING_CELLS = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """Columns of shape (n,) or (n, 2): NaN position where no fix was had (a heartbeat)."""

    at_m: NDArray[np.float64]
    accuracy_m: NDArray[np.float64]
    source: NDArray[np.int8]


def drift(
    before: NDArray[np.float64], elapsed_ms: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """First-order Gauss-Markov noise of unit variance: (n, 2) states and (n, k) steps -> (n, k, 2).

    x[k] = a x[k-1] + sqrt(1 - a^2) w with a = exp(-dt / tau), exact for uneven steps (Gelb, "Applied
    Optimal Estimation", section 3.8). Steps of no or negative length keep the state.
    """
    kept = np.exp(-np.maximum(elapsed_ms, 0) / _DRIFT_MS)
    fresh = rng.standard_normal((*elapsed_ms.shape, 2)) * np.sqrt(1 - kept**2)[..., None]
    state = before
    for step in range(elapsed_ms.shape[1]):
        state = fresh[:, step] = kept[:, step, None] * state + fresh[:, step]
    return np.asarray(fresh)


def observe(
    true_m: NDArray[np.float64],
    surroundings: NDArray[np.int8],
    noise: NDArray[np.float64],
    device: NDArray[np.int64],
    time_ms: NDArray[np.int64],
    seed: int,
    rng: np.random.Generator,
) -> Observed:
    """Fixes of true positions (n, 2), with drift ``noise`` (n, 2) of unit variance.

    Claimed accuracy is honest but for spikes between tall buildings and a few cell fixes.
    """
    source = _source(surroundings, device, time_ms, seed)
    sigma_m = _SIGMA_M[surroundings, source]
    at_m = true_m + noise * sigma_m[:, None]
    accuracy_m = _CLAIM_SIGMAS * sigma_m * np.exp(0.2 * rng.standard_normal(len(source)))
    _spike(at_m, np.flatnonzero((surroundings == CANYON) & (source != CELL)), rng)
    cell = np.flatnonzero(source == CELL)
    at_m[cell], accuracy_m[cell] = _cell(true_m[cell], device[cell], time_ms[cell], seed, rng)
    no_fix = (surroundings == INDOOR) & (rng.random(len(source)) < _NO_FIX_INDOORS)
    at_m[no_fix] = np.nan
    return Observed(at_m, np.maximum(accuracy_m, 2.0), source)


def _source(
    surroundings: NDArray[np.int8], device: NDArray[np.int64], time_ms: NDArray[np.int64], seed: int
) -> NDArray[np.int8]:
    luck = settled(seed, 1, device, time_ms // _BLOCK_MS)
    served = (luck[:, None] >= _SERVED[surroundings]).sum(axis=1)
    return np.asarray(np.array([GNSS, WIFI, FUSED, CELL], dtype=np.int8)[served])


def _spike(at_m: NDArray[np.float64], where: NDArray[np.intp], rng: np.random.Generator) -> None:
    """Reflections: now and then a fix far off that claims to be as good as any."""
    hit = where[rng.random(len(where)) < _SPIKE_CHANCE]
    at_m[hit] += _outward(rng.random(len(hit))) * rng.uniform(*_SPIKE_M, len(hit))[:, None]


def _cell(
    true_m: NDArray[np.float64],
    device: NDArray[np.int64],
    time_ms: NDArray[np.int64],
    seed: int,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two masts take turns at random; the claim covers the error except in a few half-hours."""
    block = time_ms // _BLOCK_MS
    mast = rng.integers(0, 2, len(device))
    away_m = _CELL_M[0] + (_CELL_M[1] - _CELL_M[0]) * settled(seed, 2, device * 2 + mast, block)
    at_m = true_m + _outward(settled(seed, 3, device * 2 + mast, block)) * away_m[:, None]
    lying = settled(seed, 4, device, block) < _LYING_CELLS
    claim = np.where(lying, 0.25, rng.uniform(1.05, 1.5, len(device)))
    return at_m, away_m * claim


def _outward(turn: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([np.cos(2 * np.pi * turn), np.sin(2 * np.pi * turn)], axis=1)
