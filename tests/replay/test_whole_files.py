"""Whole recordings: one alert file, byte for byte, whatever the batches and workers: the reference's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from case_files import SHARED_CASES
from replay.traces_site import geolife, write_traces_site

from pipeline.reference import Distances, judge, read_rows
from pipeline.runtime.replay import ReplayRequest, ReplaySummary, replay
from pipeline.sites.load import load_site
from simulators.scenario import simulate
from sinks.alert import Alert, alert_line

TRACES = SHARED_CASES.parent / "gps_traces.parquet"


@dataclass
class Recording:
    """A site's directory and the files of its streams."""

    site: Path
    pings: Sequence[Path]
    confirmations: Sequence[Path] = ()

    def replayed(self, out: Path, batch_rows: int, workers: int) -> tuple[ReplaySummary, bytes]:
        site = load_site(self.site)
        summary = replay(
            ReplayRequest(site, self.pings, self.confirmations, out, None, None, workers, batch_rows)
        )
        return summary, out.read_bytes()

    def judged(self) -> list[Alert]:
        """By the reference."""
        site = load_site(self.site)
        rows, _ = read_rows(site, self.pings, self.confirmations)
        return judge(site, rows, distances=Distances())


def kinds(alerts: Sequence[Alert]) -> Counter[str]:
    return Counter(alert.kind for alert in alerts)


def assert_one_file(recording: Recording, out: Path, ways: Sequence[tuple[int, int]]) -> list[Alert]:
    """All ways of replaying give the reference's file; returns its alerts."""
    alerts = recording.judged()
    expected = b"".join(alert_line(alert) for alert in alerts)
    for batch_rows, workers in ways:
        summary, got = recording.replayed(out / "alerts.ndjson", batch_rows, workers)
        assert got == expected, f"batches of {batch_rows}, {workers} workers"
        assert summary.alerts == kinds(alerts)
        assert summary.rows == summary.accepted + sum(summary.rejected.values())
    return alerts


def test_a_simulated_county(tmp_path: Path) -> None:
    """Sixty people for 30 hours, with late, doubled and offline rows and leaves approved later."""
    made = simulate("county", 60, 30.0, 4, tmp_path / "county", boundary="made_up")
    recording = Recording(made.site, [made.pings_file], [made.confirmations_file])
    alerts = assert_one_file(recording, tmp_path, [(100, 1), (100_000, 1), (100, 2), (100_000, 2)])
    assert set(kinds(alerts)) == {"boundary_violation", "zone_entry", "missed_confirmation", "silent_device"}


@pytest.mark.soak
@pytest.mark.skipif(not TRACES.exists(), reason=f"no ../shared/data/{TRACES.name} beside the checkout")
def test_recorded_traces(tmp_path: Path) -> None:
    """Years of strangers' lives at one fix a second or so: real gaps, real jumps, real crowds of fixes."""
    rows = geolife(TRACES)
    every_other = rows["device_id"].unique().sort()[::2]
    rows = rows.filter(pl.col("device_id").is_in(every_other.implode()))
    recording = Recording(write_traces_site(rows, tmp_path / "site"), [TRACES])
    alerts = assert_one_file(recording, tmp_path, [(100, 1), (100_000, 2)])
    found = kinds(alerts)
    assert all(found[kind] > 20 for kind in ("boundary_violation", "zone_entry", "silent_device")), found
    assert any(len(alert.evidence) == 20 for alert in alerts), "no run was long"
    assert sum(alert.cleared_ms is not None for alert in alerts) > len(alerts) / 2
