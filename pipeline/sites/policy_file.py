"""policy.toml and policies/*.toml: unknown keys are faults, what is not given has its default."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, time
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from geofences.instant import BEGIN_MS
from pipeline.sites.cells import TIME_EXPECTED, instant, is_number
from pipeline.sites.findings import Findings, Place, listed, shown
from pipeline.sites.policies import LaterPolicy
from pipeline.sites.policy import DEVICE_KINDS, SOURCES, BoundaryRule, DailyWindow, Policy
from pipeline.sites.table import read_text

T = TypeVar("T", Policy, BoundaryRule)

#: Reads one value into a policy (or a part of one): (value, its key's path, place, policy so far).
Reader = Callable[[Any, str, Place, T], T]

#: Some 300 years: far beyond any setting, and safe in int64 milliseconds.
SECONDS_MOST = 10_000_000_000

#: What lies beside the zones of a machine: its own, which another machine would judge otherwise, the zones
#: once more, and the zones by clocks that count leap seconds.
_NO_ZONES, _OF_OTHER_CLOCKS = ("localtime", "posixrules", "Factory"), ("posix/", "right/")

#: More fixes than anybody counts, and safe in int64.
_COUNT_MOST = 1_000_000_000

_WINDOW = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|(24:00))")


def read_policy(path: Path, findings: Findings) -> Policy | None:
    """The site's policy; all defaults where there is no such file, None where it is no TOML."""
    if not path.exists():
        return Policy()
    text = read_text(path, Place(findings, path.name, "file"))
    return None if text is None else parse_policy(path.name, text, findings)


def parse_policy(name: str, text: str, findings: Findings) -> Policy | None:
    """The policy of the text of a file of this name; None where it is no TOML.

    Keys that are wrong keep their defaults, so that the rest of the site can still be checked.
    """
    table = policy_table(name, text, findings)
    return None if table is None else _read_table(table, "", _TOP, Place(findings, name, ""), Policy())


def policy_table(name: str, text: str, findings: Findings) -> dict[str, Any] | None:
    """What the text of a policy's file holds, its times as texts; None where it is no TOML."""
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: a number of thousands of digits, too
        Place(findings, name, "file").fault("", f"is no TOML: {error}", "TOML")
        return None
    return {
        key: value.isoformat() if isinstance(value, (date, time)) else value for key, value in table.items()
    }


def later_policy(table: Mapping[str, Any], place: Place) -> LaterPolicy | None:
    """The policy of a file of policies/; None where it cannot be said from when on it holds.

    It is a whole policy: what it does not give has its default, whatever the policy before it said.
    """
    begin_ms = _valid_from(table, place)
    if "version" not in table:
        place.fault("version", "is missing", "a text by which alerts name the policy")
    rest = {key: value for key, value in table.items() if key != "valid_from"}
    policy = _read_table(rest, "", _TOP, place, Policy())
    return None if begin_ms is None else LaterPolicy(begin_ms, policy)


def _valid_from(table: Mapping[str, Any], place: Place) -> int | None:
    given = table.get("valid_from")
    if given is None or given == "":
        place.fault("valid_from", "is missing", TIME_EXPECTED)
        return None
    if not isinstance(given, str):
        place.fault("valid_from", f"{shown(given)} is no time with offset", TIME_EXPECTED)
        return None
    return instant(given, "valid_from", place, empty_ms=BEGIN_MS)


def read_window(text: object) -> DailyWindow | None:
    """A window such as ``21:00-22:30``; None where it is none."""
    match = _WINDOW.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    start_min = int(match[1]) * 60 + int(match[2])
    end_min = 1440 if match[5] else int(match[3]) * 60 + int(match[4])
    return DailyWindow(start_min, end_min if end_min > start_min else end_min + 1440)


def _read_table(table: object, path: str, readers: Mapping[str, Reader[T]], place: Place, policy: T) -> T:
    if not isinstance(table, dict):
        place.fault(path, f"{shown(table)} is no table", f"a table of {listed(readers)}")
        return policy
    for key, value in table.items():
        key_path = f"{path}.{key}" if path else key
        if key in readers:
            policy = readers[key](value, key_path, place, policy)
        else:
            place.fault(key_path, "unknown key", f"one of {listed(readers)}")
    return policy


def _within(readers: Mapping[str, Reader[T]]) -> Reader[T]:
    """A table inside a table."""
    return lambda value, path, place, policy: _read_table(value, path, readers, place, policy)


def _setting(
    field: str, accept: Callable[[Any], bool], expected: str, turn: Callable[[Any], Any]
) -> Reader[Any]:
    """A single value: kept in ``field`` as ``turn`` makes it, where ``accept`` takes it."""

    def read(value: Any, path: str, place: Place, policy: T) -> T:
        if accept(value):
            return replace(policy, **{field: turn(value)})
        place.fault(path, f"{shown(value)} will not do", expected)
        return policy

    return read


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _is_duration(value: object) -> bool:
    return is_number(value) and 0 <= value <= SECONDS_MOST  # type: ignore[operator]


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _COUNT_MOST


def _is_timezone(value: object) -> bool:
    if not isinstance(value, str) or value.startswith(_OF_OTHER_CLOCKS) or value in _NO_ZONES:
        return False
    try:
        return bool(ZoneInfo(value))
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder of zones
        return False


def _amount(field: str) -> Reader[Any]:
    return _setting(field, lambda value: is_number(value) and value >= 0, "a number of at least 0", float)


def _duration(field: str) -> Reader[Any]:
    expected = f"seconds, a number from 0 to {SECONDS_MOST}"
    return _setting(field, _is_duration, expected, _milliseconds)


def _count(field: str) -> Reader[Any]:
    return _setting(field, _is_count, f"a whole number from 1 to {_COUNT_MOST}", int)


def _text(field: str) -> Reader[Any]:
    return _setting(field, lambda value: isinstance(value, str) and bool(value), "a text", str)


def _floor(source: str) -> Reader[Policy]:
    def read(value: Any, path: str, place: Place, policy: Policy) -> Policy:
        if is_number(value) and value >= 0:
            return replace(policy, floor_m={**policy.floor_m, source: float(value)})
        place.fault(path, f"{shown(value)} will not do", "metres, a number of at least 0")
        return policy

    return read


def _boundary_rule(field: str) -> Reader[Policy]:
    def read(value: Any, path: str, place: Place, policy: Policy) -> Policy:
        rule = _read_table(value, path, _BOUNDARY_RULE, place, getattr(policy, field))
        return replace(policy, **{field: rule})

    return read


def _silence(kind: str) -> Reader[Policy]:
    expected = "exactly three rising thresholds in seconds, each above 0"

    def read(value: Any, path: str, place: Place, policy: Policy) -> Policy:
        levels = tuple(map(_milliseconds, value)) if _are_durations(value) else ()
        if len(levels) == 3 and 0 < levels[0] < levels[1] < levels[2]:
            return replace(policy, silence_ms={**policy.silence_ms, kind: levels})
        place.fault(path, f"{shown(value)} will not do", expected)
        return policy

    return read


def _are_durations(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_duration, value))


def _confirmation(value: Any, path: str, place: Place, policy: Policy) -> Policy:
    """``grace_s``, and any other key with a list: a class of people and its windows."""
    if not isinstance(value, dict):
        place.fault(path, f"{shown(value)} is no table", "a table of grace_s and classes with windows")
        return policy
    for name, entry in value.items():
        key_path = f"{path}.{name}"
        if name == "grace_s":
            policy = _duration("grace_ms")(entry, key_path, place, policy)
        elif isinstance(entry, list) and name:
            windows = _class_windows(entry, key_path, place)
            policy = replace(policy, windows={**policy.windows, name: windows})
        else:
            expected = 'grace_s, or a class with a list of windows such as ["07:00-09:00"]'
            place.fault(key_path, f"unknown key, {shown(entry)} is no list", expected)
    return policy


def _class_windows(entries: list[Any], path: str, place: Place) -> tuple[DailyWindow, ...]:
    windows: dict[int, DailyWindow] = {}
    for entry in entries:
        window = read_window(entry)
        if window is None:
            place.fault(path, f"{shown(entry)} is no window", 'local times as in "21:00-22:30"')
        elif window.start_min in windows:
            start = f"{window.start_min // 60:02d}:{window.start_min % 60:02d}"
            place.fault(path, f"two windows start at {start}", "one window per start and class")
        else:
            windows[window.start_min] = window
    return tuple(windows.values())


_BOUNDARY_RULE: dict[str, Reader[BoundaryRule]] = {
    "tolerance_m": _amount("tolerance_m"),
    "fixes": _count("fixes"),
    "dwell_s": _duration("dwell_ms"),
}

_TOP: dict[str, Reader[Policy]] = {
    "version": _text("version"),
    "timezone": _setting("timezone", _is_timezone, "an IANA time zone such as Asia/Shanghai", str),
    "accuracy": _within(
        {
            "factor": _amount("accuracy_factor"),
            "default_m": _amount("accuracy_default_m"),
            "floor_m": _within({source: _floor(source) for source in SOURCES}),
        }
    ),
    "boundary": _within(
        {
            "keep_in": _boundary_rule("keep_in"),
            "keep_out": _boundary_rule("keep_out"),
            "clear_fixes": _count("clear_fixes"),
            "allowed_lateness_s": _duration("allowed_lateness_ms"),
            "backfill_horizon_s": _duration("backfill_horizon_ms"),
        }
    ),
    "silence": _within({kind: _silence(kind) for kind in DEVICE_KINDS}),
    "confirmation": _confirmation,
}
