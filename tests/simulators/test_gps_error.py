"""Receivers: drift as a Gauss-Markov process, sources by surroundings, honest and lying claims."""

from __future__ import annotations

import numpy as np
import pytest

from simulators.chance import settled, stream
from simulators.gps_error import CELL, GNSS, WIFI, Observed, drift, observe
from simulators.roads import CANYON, INDOOR, OPEN


@pytest.mark.parametrize(
    ("step_s", "kept", "reason"),
    [
        (0, 1.0, "no time, no change"),
        (60, np.exp(-0.2), "a minute keeps most of it"),
        (300, np.exp(-1.0), "the time constant"),
        (3_600, 0.0, "an hour forgets"),
    ],
)
def test_drift_forgets_at_its_pace(step_s: int, kept: float, reason: str) -> None:
    rng = stream(1, 0)
    noise = drift(rng.standard_normal((4_000, 2)), np.full((4_000, 5), step_s * 1_000), rng)
    assert noise.std() == pytest.approx(1.0, abs=0.02), "unit variance whatever the steps"
    assert (noise[:, 3] * noise[:, 4]).mean() == pytest.approx(kept, abs=0.05), reason


def seen(surroundings: int, fixes: int = 20_000) -> Observed:
    rng = stream(2, surroundings)
    device, time_ms = np.arange(fixes) % 500, np.arange(fixes) * 1_000_000
    sky = np.full(fixes, surroundings, np.int8)
    return observe(np.zeros((fixes, 2)), sky, rng.standard_normal((fixes, 2)), device, time_ms, 3, rng)


@pytest.mark.parametrize(
    ("surroundings", "source", "share", "half_within_m"),
    [
        (OPEN, GNSS, (0.85, 0.95), (2.5, 6.0)),
        (CANYON, GNSS, (0.70, 0.80), (10.0, 25.0)),
        (INDOOR, WIFI, (0.60, 0.75), (20.0, 60.0)),
    ],
    ids=["open", "canyon", "indoor"],
)
def test_errors_by_surroundings(
    surroundings: int, source: int, share: tuple[float, float], half_within_m: tuple[float, float]
) -> None:
    fixes = seen(surroundings)
    mine = (fixes.source == source) & ~np.isnan(fixes.at_m[:, 0])
    assert share[0] < (fixes.source == source).mean() < share[1]
    assert half_within_m[0] < np.median(np.hypot(*fixes.at_m[mine].T)) < half_within_m[1]


def test_cell_fixes_are_far_off_and_mostly_say_so() -> None:
    fixes = seen(INDOOR)
    cell = (fixes.source == CELL) & ~np.isnan(fixes.at_m[:, 0])
    off_m = np.hypot(*fixes.at_m[cell].T)
    assert off_m.min() > 499
    assert off_m.max() < 1_501
    assert 0.90 < (fixes.accuracy_m[cell] >= off_m).mean() < 0.98


def test_spikes_between_tall_buildings_claim_to_be_good() -> None:
    fixes = seen(CANYON)
    mine = fixes.source == GNSS
    spikes = np.hypot(*fixes.at_m[mine].T) > 4 * fixes.accuracy_m[mine]
    assert 0.003 < spikes.mean() < 0.03


def test_a_source_lasts_for_half_an_hour() -> None:
    time_ms = np.arange(0, 7_200_000, 60_000)
    device = np.full(len(time_ms), 17)
    rng = stream(4, 0)
    noise = rng.standard_normal((len(time_ms), 2))
    sky = np.full(len(time_ms), INDOOR, np.int8)
    fixes = observe(np.zeros((len(time_ms), 2)), sky, noise, device, time_ms, 1, rng)
    assert all(len(set(half_hour)) == 1 for half_hour in fixes.source.reshape(-1, 30).tolist())


def test_settled_numbers_are_even_and_their_own() -> None:
    who = np.arange(100_000)
    numbers = settled(1, 1, who, 5)
    assert np.histogram(numbers, 10, (0, 1))[0] == pytest.approx(10_000, rel=0.05)
    assert (settled(1, 1, who, 5) == numbers).all()
    for other in (settled(2, 1, who, 5), settled(1, 2, who, 5), settled(1, 1, who, 6)):
        assert abs(np.corrcoef(numbers, other)[0, 1]) < 0.02
