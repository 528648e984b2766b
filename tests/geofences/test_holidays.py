"""The holiday table: what it covers, what it refuses to guess, how a site extends it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from geofences.errors import HolidayError, HolidayYearMissing
from geofences.holidays import load_builtin


def test_agrees_with_the_published_arrangement() -> None:
    published = pytest.importorskip("chinese_calendar.constants")
    table = load_builtin()
    assert table.days == {day for day in published.holidays if day.year <= 2026}
    assert table.years == set(range(2004, 2027))


# day, off, because
DAYS = [
    (date(2025, 1, 1), True, "New Year"),
    (date(2025, 1, 28), True, "New Year's Eve, a day off since 2025"),
    (date(2025, 1, 26), False, "a Sunday worked in exchange"),
    (date(2025, 10, 8), True, "last day of a week of eight"),
    (date(2025, 10, 9), False, "back to work"),
    (date(2025, 7, 19), False, "a plain Saturday is no public holiday"),
]


@pytest.mark.parametrize(("day", "off", "reason"), DAYS)
def test_days(day: date, off: bool, reason: str) -> None:
    assert load_builtin().is_holiday(day) is off, reason


def test_a_year_not_published_is_an_error_not_a_guess() -> None:
    with pytest.raises(HolidayYearMissing, match=r"cn-2026\.1.*2027"):
        load_builtin().is_holiday(date(2027, 1, 1))


def test_a_site_adds_and_replaces_years(tmp_path: Path) -> None:
    file = tmp_path / "holidays.toml"
    file.write_text(
        'version = "site-3"\n[days_off]\n2025 = ["2025-05-01"]\n2027 = ["2027-01-01/2027-01-03"]\n'
    )
    table = load_builtin().extended_by(file)
    assert table.version == "cn-2026.1+site-3"
    assert table.is_holiday(date(2027, 1, 3))
    assert not table.is_holiday(date(2027, 1, 4))
    assert not table.is_holiday(date(2025, 10, 1)), "the whole year is replaced"
    assert table.is_holiday(date(2024, 10, 1)), "other years stay"


# file, where, what the message says
BROKEN = [
    ("version = ", "file", "expected TOML"),
    (f"version = {'9' * 5_000}", "file", "expected TOML"),
    (f"version = {'[' * 5_000}", "file", "expected TOML"),
    ("[days_off]\n2027 = []", "version", "names this edition"),
    ('version = "1"', "days_off", "a table of years"),
    ('version = "1"\nday_off = 1\n[days_off]', "day_off", "unknown key"),
    ('version = "1"\n[days_off]\nnext = []', "days_off.next", "four digits"),
    ('version = "1"\n[days_off]\n2027 = "2027-01-01"', "days_off.2027", "a list"),
    ('version = "1"\n[days_off]\n2027 = ["1 May"]', "days_off.2027", "no day"),
    ('version = "1"\n[days_off]\n2027 = [20270101]', "days_off.2027", "no day"),
    ('version = "1"\n[days_off]\n2027 = ["2026-12-31/2027-01-02"]', "days_off.2027", "does not lie in 2027"),
    ('version = "1"\n[days_off]\n2027 = ["2027-01-03/2027-01-01"]', "days_off.2027", "does not lie in 2027"),
]


@pytest.mark.parametrize(("text", "where", "says"), BROKEN)
def test_a_broken_file_names_the_place(tmp_path: Path, text: str, where: str, says: str) -> None:
    file = tmp_path / "holidays.toml"
    file.write_text(text)
    with pytest.raises(HolidayError) as caught:
        load_builtin().extended_by(file)
    assert caught.value.where == where
    assert says in str(caught.value)
    assert "holidays.toml" in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(HolidayError, match=r"nowhere\.toml"):
        load_builtin().extended_by(tmp_path / "nowhere.toml")
