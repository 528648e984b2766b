"""policy.toml: defaults for what is not given, and a fault for every key or value that will not do."""

from __future__ import annotations

from pathlib import Path

import pytest
from minimal_site import WHOLE, Edit, write_site

from pipeline.sites.load import check_site, load_site
from pipeline.sites.policy import BoundaryRule, DailyWindow, Policy

POLICY = "policy.toml"

#: (why, policy, what the one fault's line must hold)
FAULTS: list[tuple[str, str, list[str]]] = [
    ("no TOML", "version =", ["policy.toml: file: is no TOML"]),
    ("a number of thousands of digits", f"a = {'9' * 5_000}", ["policy.toml: file: is no TOML"]),
    ("nested without end", f"a = {'[' * 5_000}", ["policy.toml: file: is no TOML"]),
    ("more fixes than int64", "[boundary]\nclear_fixes = 99999999999999999999",
     ["boundary.clear_fixes: 99999999999999999999 will not do; expected a whole number from 1 to"]),
    ("the zone of whatever machine", 'timezone = "localtime"', ["timezone: 'localtime' will not do"]),
    ("a zone by leap seconds", 'timezone = "right/Asia/Shanghai"', ["timezone: 'right/Asia/Shanghai'"]),
    ("an unknown key", "versoin = 'x'", ["versoin: unknown key", "version"]),
    ("an unknown table", "[speed]\nlimit = 3", ["speed: unknown key"]),
    ("an unknown key in a table", "[boundary]\nfixes = 3", ["boundary.fixes: unknown key", "keep_in"]),
    ("an unknown key within a rule", "[boundary]\nkeep_in = { dwell = 3 }",
     ["boundary.keep_in.dwell: unknown key", "dwell_s"]),
    ("an unknown source", "[accuracy]\nfloor_m = { gps = 3 }", ["accuracy.floor_m.gps: unknown key", "gnss"]),
    ("an unknown device kind", "[silence]\nanklet = [1, 2, 3]",
     ["silence.anklet: unknown key", "phone, wristband"]),
    ("no table", "accuracy = 3", ["accuracy: 3 is no table", "factor"]),
    ("no table of classes", "confirmation = []", ["confirmation: [] is no table"]),
    ("a number for a text", "version = 1", ["version: 1 will not do", "a text"]),
    ("an empty version", "version = ''", ["version: ''"]),
    ("a zone of nowhere", "timezone = 'Asia/Chongking'", ["timezone: 'Asia/Chongking'", "IANA"]),
    ("a folder of zones", "timezone = 'Asia'", ["timezone: 'Asia'"]),
    ("outside the zones", "timezone = '../etc'", ["timezone: '../etc'"]),
    ("a negative factor", "[accuracy]\nfactor = -1", ["accuracy.factor: -1", "at least 0"]),
    ("no number", "[accuracy]\ndefault_m = nan", ["accuracy.default_m: NaN"]),
    ("true is no number", "[accuracy]\ndefault_m = true", ["accuracy.default_m: true"]),
    ("a negative floor", "[accuracy]\nfloor_m = { wifi = -5 }", ["accuracy.floor_m.wifi: -5"]),
    ("a negative tolerance", "[boundary]\nkeep_out = { tolerance_m = -5 }",
     ["boundary.keep_out.tolerance_m: -5"]),
    ("no fix at all", "[boundary]\nkeep_in = { fixes = 0 }", ["boundary.keep_in.fixes: 0", "from 1 to"]),
    ("half a fix", "[boundary]\nkeep_in = { fixes = 2.5 }", ["boundary.keep_in.fixes: 2.5", "whole number"]),
    ("never cleared", "[boundary]\nclear_fixes = 0", ["boundary.clear_fixes: 0"]),
    ("a negative dwell", "[boundary]\nkeep_in = { dwell_s = -1 }",
     ["boundary.keep_in.dwell_s: -1", "seconds"]),
    ("beyond all time", "[boundary]\nbackfill_horizon_s = 1e300", ["boundary.backfill_horizon_s: 1e+300"]),
    ("a text for seconds", "[boundary]\nallowed_lateness_s = '5'", ["boundary.allowed_lateness_s: '5'"]),
    ("two levels", "[silence]\nphone = [1, 2]", ["silence.phone: [1, 2]", "exactly three rising"]),
    ("four levels", "[silence]\nphone = [1, 2, 3, 4]", ["silence.phone: [1, 2, 3, 4]"]),
    ("level levels", "[silence]\nphone = [1, 2, 2]", ["silence.phone: [1, 2, 2]"]),
    ("levels alike in milliseconds", "[silence]\nphone = [1, 2, 2.0001]", ["silence.phone"]),
    ("silent at once", "[silence]\nphone = [0, 1, 2]", ["silence.phone: [0, 1, 2]", "above 0"]),
    ("no levels", "[silence]\nphone = 600", ["silence.phone: 600"]),
    ("a negative grace", "[confirmation]\ngrace_s = -1", ["confirmation.grace_s: -1"]),
    ("neither grace nor class", "[confirmation]\ngrace = 600",
     ["confirmation.grace: unknown key", "grace_s"]),
    ("no window", "[confirmation]\nstrict = ['7-9']",
     ["confirmation.strict: '7-9' is no window", "21:00-22:30"]),
    ("an hour of nowhere", "[confirmation]\nstrict = ['24:00-01:00']", ["'24:00-01:00' is no window"]),
    ("a number for a window", "[confirmation]\nstrict = [7]", ["confirmation.strict: 7 is no window"]),
    ("two windows with one start", "[confirmation]\nnew = ['07:00-08:00', '07:00-09:00']",
     ["confirmation.new: two windows start at 07:00"]),
]  # fmt: skip


def replaced(text: str) -> Edit:
    return POLICY, WHOLE, text


@pytest.mark.parametrize(("text", "words"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_fault(tmp_path: Path, text: str, words: list[str]) -> None:
    faults, _ = check_site(write_site(tmp_path, replaced(text)))
    lines = [str(fault) for fault in faults]
    assert len(lines) == 1, lines
    assert lines[0].startswith("policy.toml: ")
    assert all(word in lines[0] for word in words), lines


#: (why, policy, what is not the default)
SETTINGS: list[tuple[str, str, Policy]] = [
    ("nothing", "", Policy()),
    ("a part of an inline table", "[boundary]\nkeep_in = { fixes = 5 }",
     Policy(keep_in=BoundaryRule(0.0, 5, 120_000))),
    ("one floor", "[accuracy]\nfloor_m = { cell = 800 }",
     Policy(floor_m={"gnss": 20.0, "fused": 50.0, "wifi": 100.0, "cell": 800.0, "manual": 50.0})),
    ("parts of a second", "[boundary]\nallowed_lateness_s = 0.25", Policy(allowed_lateness_ms=250)),
    ("one kind of device", "[silence]\nphone = [1, 2, 3]",
     Policy(silence_ms={"phone": (1000, 2000, 3000), "wristband": (600_000, 1_800_000, 7_200_000)})),
    ("a class of one's own", "[confirmation]\nyoung = ['22:00-06:00', '12:00-12:00', '23:00-24:00']",
     Policy(windows={**Policy().windows,
                     "young": (DailyWindow(1320, 1800), DailyWindow(720, 2160), DailyWindow(1380, 1440))})),
    ("a class that owes nothing", "[confirmation]\nstrict = []",
     Policy(windows={**Policy().windows, "strict": ()})),
]  # fmt: skip


@pytest.mark.parametrize(("text", "policy"), [row[1:] for row in SETTINGS], ids=[row[0] for row in SETTINGS])
def test_what_is_not_given_keeps_its_default(tmp_path: Path, text: str, policy: Policy) -> None:
    assert load_site(write_site(tmp_path, replaced(text))).policy == policy


def test_a_class_of_the_policy_may_be_a_persons(tmp_path: Path) -> None:
    young = replaced("[confirmation]\nyoung = []"), ("people.csv", "general,,", "young,,")
    assert load_site(write_site(tmp_path, *young)).people[0].class_name == "young"


def test_a_class_with_broken_windows_is_still_a_class(tmp_path: Path) -> None:
    young = replaced("[confirmation]\nyoung = ['x']"), ("people.csv", "general,,", "young,,")
    faults, _ = check_site(write_site(tmp_path, *young))
    assert [fault.where for fault in faults] == ["confirmation.young"]
