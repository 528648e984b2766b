"""Every benchmark runs, at toy size, and reports under the names that others read; no time is judged here."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.registry import BENCHMARKS
from benchmarks.worst_scenes import SCENES

#: This one runs each time, and `engine` as the README has it (tests/test_docs.py); the rest in the long form.
QUICK = ("board",)
#: Fewer take less memory than what comes and goes beside them; or have an alert open when it is to come anew.
PEOPLE = {"memory": 2_000, "live": 200}
KEYS = ["name", "machine", "commit", "parameters", "figures", "ratios"]
MACHINE = {"cpu", "cores", "memory_gb", "python", "numpy", "bytewax", "load_average"}

RATIOS = {
    "engine": ["vs_one_ping_at_a_time", "vs_decode_and_lookup"],
    "replay": ["vs_one_ping_at_a_time", "vs_engine", "vs_reference"],
    "worst": [*(f"{scene}_vs_inside" for scene in SCENES[1:]), "seven_zones_vs_one_ping_at_a_time"],
    "scale": [
        "devices_1m_vs_10k",
        "personal_fences_1m_vs_1k",
        "shared_zones_100k_vs_1k",
        "outside_vs_inside",
        "vs_decode_and_lookup",
    ],
    "checkpoint": ["vs_writing_all"],
    "restart": ["vs_judging_anew", "vs_start"],
    "tick": ["vs_one_at_a_time", "windows_vs_one_at_a_time"],
    "memory": ["device_vs_one_at_a_time", "fix_vs_one_at_a_time", "fix_vs_columns"],
    "ingest": ["ndjson_vs_decode", "single_vs_disk"],
    "decode": ["ndjson_vs_msgspec", "body_vs_msgspec"],
    "live": ["vs_quiet", "vs_asked_rate"],
    "board": ["vs_polling"],
    "site_change": ["vs_compiling_anew"],
}
CONTESTANTS = {
    "scale": [
        "devices_1m",
        "devices_10k",
        "personal_fences_1m",
        "personal_fences_1k",
        "shared_zones_100k",
        "shared_zones_1k",
        "outside",
        "decode_and_lookup",
    ],
    "worst": [*SCENES, "seven_zones_one_ping_at_a_time"],
    "engine": ["engine", "one_ping_at_a_time", "decode_and_lookup"],
    "replay": ["replay", "engine", "one_ping_at_a_time", "reference"],
}
FIGURES = {
    name: [
        f"{one}_{measure}" for measure in ("rows_per_s", "rows_per_cpu_s", "peak_mb") for one in contestants
    ]
    for name, contestants in CONTESTANTS.items()
} | {
    "checkpoint": ["pause_s", "all_pause_s", "restore_s", "all_mb"],
    "restart": ["caught_up_s", "start_s", "backlog_rows", "backlog_rows_per_s", "anew_caught_up_s"],
    "tick": [f"million_{what}_{of}" for what in ("deadlines", "windows") for of in ("s", "cpu_s")]
    + [f"{which}{what}_per_s" for which in ("", "one_at_a_time_") for what in ("deadlines", "windows")],
    "memory": ["bytes_per_device", "bytes_per_fix_of_the_horizon"]
    + [f"{what}_mb" for what in ("start", "site", "peak")]
    + ["column_bytes_per_fix", "one_at_a_time_bytes_per_device", "one_at_a_time_bytes_per_fix"],
    "decode": [f"{what}_per_s" for what in ("ndjson_rows", "body_rows", "msgspec_rows", "single_posts")]
    + ["single_p50_s", "single_p99_s"],
    "live": [f"{what}p{share}_s" for what in ("", "quiet_", "answer_") for share in (50, 99)]
    + ["rows_per_s", "judged_rows_per_s"],
    "board": ["stream_bytes_per_s", "poll_bytes_per_s", "first_bytes", "tick_s"],
    "site_change": ["compile_s", "first_import_s", "gateway_start_s"]
    + [
        f"{what}_{share}_s"
        for what in ("answer", "in_force", "alert", "pause", "quiet_pause")
        for share in ("p50", "p99")
    ]
    + ["import_s", "import_pause_s", "import_caught_up_s", "start_s"],
    "ingest": ["decode_rows_per_s", "disk_writes_per_s"]
    + [
        f"rows_{rows}_on_{connections}_{measure}"
        for rows in (1, 100, 10_000)
        for connections in (1, 4)
        for measure in ("per_s", "p50_s", "p99_s")
    ],
}


@pytest.fixture(autouse=True)
def own_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("benchmarks.ingest.CONNECTIONS", (1, 4))
    monkeypatch.setattr("benchmarks.restart.JUDGING_S", 6.0)
    monkeypatch.setattr("benchmarks.restart.DOWN_S", 1.0)
    for phase in ("QUIET_S", "SETTLING_S", "LOADED_S"):
        monkeypatch.setattr(f"benchmarks.live.{phase}", 2.0)
    monkeypatch.setattr("benchmarks.decode.CONNECTIONS", 4)


def test_each_benchmark_is_looked_at_here() -> None:
    assert BENCHMARKS.keys() == RATIOS.keys() == FIGURES.keys()


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.soak) for name in BENCHMARKS]
)
def test_a_benchmark_reports_its_figures(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    people = PEOPLE.get(name, 50)
    assert (
        main([name, "--json", "--people", str(people), "--hours", "0.25", "--runs", "1", "--seed", "7"]) == 0
    )
    report = json.loads(capfd.readouterr().out)
    assert list(report) == KEYS
    assert report["name"] == name
    assert report["machine"].keys() >= MACHINE
    assert {"people": people, "hours": 0.25, "seed": 7}.items() <= report["parameters"].items()
    assert list(report["ratios"]) == RATIOS[name]
    assert list(report["figures"]) == FIGURES[name]
    for figure in report["figures"].values():
        assert figure.keys() == {"value", "unit", "min", "max", "runs"}
        assert 0 < figure["min"] <= figure["value"] <= figure["max"] < math.inf
        assert figure["runs"] == 1


@pytest.mark.parametrize("given", [["no-such"], ["engine", "--people", "0"], ["engine", "--hours", "nan"]])
def test_what_cannot_be_measured_is_refused(given: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(given)
    assert stopped.value.code == 2
