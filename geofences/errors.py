"""What can be wrong with the settings that say where.

GeofenceError
├── CrsError              a coordinate system nobody here knows
├── ScheduleError         a schedule that cannot be read
├── HolidayError          a holiday table that cannot be read
│   └── HolidayYearMissing    a schedule asks about a year that no table covers
└── BoundaryDataMissing   the optional package with county polygons is not installed
"""

from __future__ import annotations


class GeofenceError(ValueError):
    """Root of every error this package raises on purpose."""


class CrsError(GeofenceError):
    """The named coordinate system is none of those in ``geofences.crs.CRS``."""


class ScheduleError(GeofenceError):
    """A schedule item is unreadable; ``wrong`` and ``expected`` are for a fault line."""

    def __init__(self, wrong: str, expected: str) -> None:
        super().__init__(f"{wrong}; expected {expected}")
        self.wrong = wrong
        self.expected = expected


class HolidayError(GeofenceError):
    """A holiday file is unreadable; ``where`` is the key, ``wrong`` and ``expected`` the fault."""

    def __init__(self, file: str, where: str, wrong: str, expected: str) -> None:
        super().__init__(f"{file}: {where}: {wrong}; expected {expected}")
        self.file = file
        self.where = where
        self.wrong = wrong
        self.expected = expected


class HolidayYearMissing(HolidayError):  # noqa: N818 - the name says what is the matter
    """The holidays of ``year`` are not published in the table; nothing is guessed."""

    def __init__(self, year: int, version: str) -> None:
        super().__init__(
            f"holiday table {version}",
            str(year),
            f"the public holidays of {year} are not in it",
            f"the year under [days_off] in the site's holidays.toml, e.g. {year} = []",
        )
        self.year = year


class BoundaryDataMissing(GeofenceError):  # noqa: N818 - the same
    """County polygons were asked for and their package is not installed."""
