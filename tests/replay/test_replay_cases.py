"""Every worked case through the real path: files in, dataflow, alert file out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from case_files import OWN_CASES, SHARED_CASES, Case, case_name, cases_in, differences
from replay.command_line import run_fencewatch

from geofences.instant import instant_ms
from pipeline.runtime.replay import ReplayRequest, replay
from pipeline.sites.load import load_site

needs_shared = pytest.mark.skipif(
    not SHARED_CASES.is_dir(), reason="no ../shared/data/cases beside the checkout"
)


def check(case: Case, out: Path, *, workers: int = 1, batch_rows: int = 1 << 16) -> None:
    """Alerts and rejects of a case are as it says, and no row is lost."""
    alerts, rejects = out / "alerts.ndjson", out / "rejects.ndjson"
    summary = replay(
        ReplayRequest(
            load_site(case.site),
            case.pings,
            case.confirmations,
            alerts,
            rejects,
            case.until_ms,
            workers,
            batch_rows,
        )
    )
    reasons = [json.loads(line)["reason"] for line in rejects.read_bytes().splitlines()]
    assert differences(case, alerts.read_bytes().splitlines(), reasons) == []
    assert summary.rows == summary.accepted + sum(summary.rejected.values())
    assert sum(summary.rejected.values()) == len(reasons)


@pytest.mark.smoke
@pytest.mark.parametrize("case", cases_in(OWN_CASES), ids=case_name)
def test_own_case(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


@pytest.mark.parametrize("case", cases_in(SHARED_CASES), ids=case_name)
def test_shared_case(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


@needs_shared
def test_shared_cases_row_by_row_on_two_workers(tmp_path: Path) -> None:
    """The first batch may hold a whole case: here no two rows travel together."""
    for case in cases_in(SHARED_CASES)[::4]:
        check(case, tmp_path, workers=2, batch_rows=1)


@needs_shared
def test_the_shared_cases_are_there() -> None:
    assert cases_in(SHARED_CASES), "an empty folder of cases would prove nothing"


@pytest.mark.smoke
def test_the_command_replays_a_case_from_anywhere(tmp_path: Path) -> None:
    case = next(case for case in cases_in(OWN_CASES) if case.confirmations)
    done = run_fencewatch(*words_for(case), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    alerts = (tmp_path / "alerts.ndjson").read_bytes().splitlines()
    reasons = [json.loads(line)["reason"] for line in (tmp_path / "rejects.ndjson").read_bytes().splitlines()]
    assert differences(case, alerts, reasons) == []
    summary = json.loads(done.stdout)
    assert sum(summary["alerts"].values()) == len(alerts)
    assert case.until_ms is None or instant_ms(summary["until"]) == case.until_ms


def words_for(case: Case) -> list[str | Path]:
    """``replay`` of a case, as one types it."""
    words: list[str | Path] = ["replay", "--site", case.site, "--alerts", "alerts.ndjson", "--json"]
    words += [word for path in case.pings for word in ("--pings", path)]
    words += [word for path in case.confirmations for word in ("--confirmations", path)]
    until = case.folder / "args.json"
    words += ["--until", json.loads(until.read_text())["until"]] if until.exists() else []
    return [*words, "--rejects", "rejects.ndjson"]
