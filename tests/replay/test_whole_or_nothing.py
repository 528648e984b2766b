"""A replay that fails in the middle leaves the files of the one before as they were."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from forked import run_forked
from minimal_site import Edit, write_site

WORDS = ("replay", "--site", "site", "--pings", "p.parquet", "--alerts", "alerts.ndjson")
REJECTS = ("--rejects", "rejects.ndjson")
SOUND, EVENING = "2025-07-14T00:00:00Z", "2031-07-14T14:30:00Z"
ON_HOLIDAYS: Edit = ("fences.geojson", '"Mo-Fr 22:00-06:00"', '"Mo-Fr 22:00-06:00", "PH off"')


def pings(path: Path, event_time: str) -> None:
    """One row, and many times the same, so that the file has several pages."""
    texts = {"device_id": "D1", "event_time": event_time}
    degrees = {"lon": 106.5, "lat": 29.5}
    columns = {name: pa.array([value] * 5_000) for name, value in {**texts, **degrees}.items()}
    pq.write_table(pa.table(columns), path, compression="none", use_dictionary=False)


def broken_inside(path: Path) -> None:
    """Opens well, and turns out to be damaged only when its rows are read."""
    pings(path, SOUND)
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + bytes(2_000) + whole[2_004:])


def of_an_unknown_year(path: Path) -> None:
    """Asks for public holidays that nobody has published."""
    pings(path, EVENING)


@pytest.mark.parametrize("damage", [broken_inside, of_an_unknown_year], ids=lambda damage: damage.__name__)
def test_a_failed_replay_leaves_what_stood_there(damage: Callable[[Path], None], tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    write_site(tmp_path / "site", ON_HOLIDAYS)
    pings(tmp_path / "p.parquet", SOUND)
    assert run_forked(*WORDS, *REJECTS, cwd=tmp_path).returncode == 0
    before = {name: (tmp_path / name).read_bytes() for name in ("alerts.ndjson", "rejects.ndjson")}
    assert before["rejects.ndjson"].count(b"duplicate") == 4_999

    damage(tmp_path / "p.parquet")
    failed = run_forked(*WORDS, *REJECTS, cwd=tmp_path)
    assert failed.returncode == 2
    assert "Traceback" not in failed.stderr
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    assert {path.name for path in tmp_path.iterdir()} == {"site", "p.parquet", *before}
