"""Years of public holidays that are published, and added, while a system runs."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from geofences.errors import HolidayError
from geofences.holidays import HolidayTable, load_builtin
from geofences.instant import END_MS, EPOCH
from pipeline.sites.change_faults import Code
from pipeline.sites.documents import HOLIDAYS
from pipeline.sites.findings import shown

#: A day begins so long before it does in UTC at most.
_EAST_MOST = timedelta(hours=14)


@dataclass(slots=True)
class WithYears:
    """The text of holidays.toml with years added, from when on they count, and what was wrong with them.

    A fault is (field, wrong, expected, code).
    """

    text: str
    from_ms: int = END_MS
    faults: list[tuple[str, str, str, Code]] = field(default_factory=list)


def with_years(text: str, row: Mapping[str, Any]) -> WithYears:
    """Adds the years of ``row``, a holidays.toml as JSON; years that are known must stay the same."""
    found = WithYears(text)
    given = json_table(row)
    own = tomllib.loads(text) if text else {"days_off": {}}
    try:
        before = load_builtin().extended_by_text(HOLIDAYS, text) if text else load_builtin()
        new = HolidayTable("", frozenset(), frozenset()).extended_by_text(HOLIDAYS, given)
    except HolidayError as error:
        found.faults.append((error.where, error.wrong, error.expected, "malformed"))
        return found
    days_off = dict(own["days_off"])
    for year in sorted(new.years):
        days = {day for day in new.days if day.year == year}
        if year not in before.years:
            days_off[str(year)] = row["days_off"][str(year)]
            begin = datetime(year, 1, 1, tzinfo=EPOCH.tzinfo) - _EAST_MOST
            found.from_ms = min(found.from_ms, (begin - EPOCH) // timedelta(milliseconds=1))
        elif days != {day for day in before.days if day.year == year}:
            wrong = f"the days off of {year} are known already, and others"
            found.faults.append((f"days_off.{year}", wrong, "years that are not known", "not_supported_yet"))
    if days_off != own["days_off"]:
        found.text = json_table({"version": row["version"], "days_off": days_off})
    return found


def json_table(row: Mapping[str, Any]) -> str:
    """A holidays.toml of what one holds; whatever else is given is in it as well, to be complained of."""
    days_off = row.get("days_off")
    lines = [f"{json.dumps(key)} = {_value(value)}" for key, value in row.items() if key != "days_off"]
    if isinstance(days_off, Mapping):
        lines += [
            "[days_off]",
            *(f"{json.dumps(str(year))} = {_value(days)}" for year, days in days_off.items()),
        ]
    elif days_off is not None:
        lines.append(f"days_off = {_value(days_off)}")
    return "\n".join(lines) + "\n"


def _value(value: object) -> str:
    """A value as TOML: texts and lists of them are written as in JSON, anything else as a text of it."""
    plain = isinstance(value, str) or (isinstance(value, list) and all(isinstance(one, str) for one in value))
    return json.dumps(value if plain else shown(value), ensure_ascii=False)
