"""The latest position of every device, for maps, and when each was last heard, with its battery."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

from sinks.sqlite_file import SqliteFile

#: West, south, east, north in degrees (RFC 7946, 5); west > east reaches over ±180.
Box = tuple[float, float, float, float]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS position (
    device_id TEXT PRIMARY KEY,
    person_id TEXT NOT NULL,
    office_id TEXT NOT NULL,
    event_ms INTEGER NOT NULL,
    arrival_ms INTEGER NOT NULL,
    lon REAL NOT NULL CHECK (lon BETWEEN -180 AND 180),
    lat REAL NOT NULL CHECK (lat BETWEEN -90 AND 90),
    accuracy_m REAL,
    source TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS position_by_office ON position (office_id);
CREATE INDEX IF NOT EXISTS position_by_arrival ON position (arrival_ms);
CREATE TABLE IF NOT EXISTS contact (
    device_id TEXT PRIMARY KEY,
    person_id TEXT NOT NULL,
    office_id TEXT NOT NULL,
    event_ms INTEGER NOT NULL,
    arrival_ms INTEGER NOT NULL,
    battery_pct REAL CHECK (battery_pct BETWEEN 0 AND 100),
    charging INTEGER CHECK (charging IN (0, 1)),
    battery_ms INTEGER CHECK ((battery_ms IS NULL) = (battery_pct IS NULL))
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a device was last: WGS-84 degrees, metres, milliseconds since 1970; None where not given."""

    device_id: str
    person_id: str
    office_id: str
    event_ms: int
    arrival_ms: int
    lon: float
    lat: float
    accuracy_m: float | None
    source: str | None


@dataclass(frozen=True, slots=True)
class Contact:
    """When a device was last heard while one person carried it for one office; milliseconds since 1970.

    ``event_ms`` is the newest time it told and ``arrival_ms`` the latest arrival, of rows of any kind.
    ``battery_pct`` and ``charging`` (None: not told) are of the row with the newest event time that told a
    percentage, which is ``battery_ms``; all three are None where none did.
    """

    device_id: str
    person_id: str
    office_id: str
    event_ms: int
    arrival_ms: int
    battery_pct: float | None = None
    charging: bool | None = None
    battery_ms: int | None = None


_COLUMNS = [column.name for column in fields(Position)]
_CONTACT_COLUMNS = [column.name for column in fields(Contact)]

# At one event time the later arrival stands; a row that is put again changes nothing.
_PUT = f"""
INSERT INTO position ({", ".join(_COLUMNS)}) VALUES ({", ".join("?" * len(_COLUMNS))})
ON CONFLICT (device_id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[1:])}
WHERE (excluded.event_ms, excluded.arrival_ms) > (position.event_ms, position.arrival_ms)
"""

# Whose a device is follows from the time a row tells, so the newest such time says whose the contact is: of
# another person or office nothing is taken over. Whatever is put again changes nothing. At one event time
# the reading that was put last stands: rows are put in the order of the log.
_IS_SAME = "(excluded.person_id, excluded.office_id) = (contact.person_id, contact.office_id)"
_IS_NEWER = "excluded.battery_ms >= coalesce(contact.battery_ms, excluded.battery_ms)"
_TAKES = f"CASE WHEN NOT ({_IS_SAME}) OR {_IS_NEWER} THEN excluded.{{name}} ELSE contact.{{name}} END"
_HEAR = f"""
INSERT INTO contact ({", ".join(_CONTACT_COLUMNS)}) VALUES ({", ".join("?" * len(_CONTACT_COLUMNS))})
ON CONFLICT (device_id) DO UPDATE SET
    person_id = excluded.person_id,
    office_id = excluded.office_id,
    event_ms = max(excluded.event_ms, contact.event_ms),
    arrival_ms = CASE WHEN {_IS_SAME} THEN max(excluded.arrival_ms, contact.arrival_ms)
        ELSE excluded.arrival_ms END,
    {", ".join(f"{name} = {_TAKES.format(name=name)}" for name in _CONTACT_COLUMNS[5:])}
WHERE {_IS_SAME} OR excluded.event_ms > contact.event_ms
"""


class PositionStore:
    """One row per device and table in a SQLite file; one program writes, any number read."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    @classmethod
    def open(cls, path: Path) -> Self:
        """The store of a file, made where there is none."""
        return cls(SqliteFile(path, _SCHEMA))

    def close(self) -> None:
        """Lets go of the file."""
        self._file.close()

    def reached(self, position: int) -> None:
        """All up to this record of the log is in. Raises SinkFailed."""
        self._file.reached(position)

    def put(self, rows: Sequence[Position], contacts: Sequence[Contact] = ()) -> None:
        """Takes them in any order: the newest by event time stays. Durable on return, all or nothing."""
        if rows or contacts:
            with self._file.writing() as connection:
                connection.executemany(_PUT, map(astuple, rows))
                connection.executemany(_HEAR, map(astuple, contacts))

    def forget(self, device_ids: Collection[str]) -> None:
        """Removes devices whose supervision is over: where they are is nobody's business any more."""
        with self._file.writing() as connection:
            for table in ("position", "contact"):
                connection.execute(
                    f"DELETE FROM {table} WHERE device_id IN (SELECT value FROM json_each(?))",
                    (json.dumps(list(device_ids)),),
                )

    def forget_contacts_after(self, latest_ms: int) -> None:
        """Removes what claims to have been told, or to have come, later than that."""
        with self._file.writing() as connection:
            connection.execute("DELETE FROM contact WHERE max(event_ms, arrival_ms) > ?", (latest_ms,))

    def latest(
        self, *, offices: Collection[str] | None = None, box: Box | None = None, limit: int = 20_000
    ) -> list[Position]:
        """Positions by device id, at most ``limit``; ``offices`` None means all of them."""
        conditions, values = ["1"], list[object]()
        if offices is not None:
            conditions.append("office_id IN (SELECT value FROM json_each(?))")
            values.append(json.dumps(list(offices)))
        if box is not None:
            west, south, east, north = box
            conditions.append("lat BETWEEN ? AND ?")
            conditions.append("lon BETWEEN ? AND ?" if west <= east else "(lon >= ? OR lon <= ?)")
            values += [south, north, west, east]
        wanted = f"SELECT {', '.join(_COLUMNS)} FROM position WHERE {' AND '.join(conditions)}"
        found = self._file.reading().execute(f"{wanted} ORDER BY device_id LIMIT ?", (*values, limit))
        return [Position(*row) for row in found]

    def of_person(self, person_id: str) -> list[Position]:
        """The latest position of each device that was this person's when it last moved."""
        wanted = f"SELECT {', '.join(_COLUMNS)} FROM position WHERE person_id = ? ORDER BY device_id"
        return [Position(*row) for row in self._file.reading().execute(wanted, (person_id,))]

    def contacts_of(self, person_id: str) -> list[Contact]:
        """The last contact of each device that was this person's when it was last heard, by device id."""
        wanted = f"SELECT {', '.join(_CONTACT_COLUMNS)} FROM contact WHERE person_id = ? ORDER BY device_id"
        return [_contact(row) for row in self._file.reading().execute(wanted, (person_id,))]

    def since(self, arrival_ms: int | None) -> list[Position]:
        """Positions that arrived at a time or later, None: all; in no order that means anything."""
        wanted, values = f"SELECT {', '.join(_COLUMNS)} FROM position", list[object]()
        if arrival_ms is not None:
            wanted, values = f"{wanted} WHERE arrival_ms >= ?", [arrival_ms]
        return [Position(*row) for row in self._file.reading().execute(wanted, values)]

    def newest_arrival_ms(self) -> int | None:
        """When the last of these positions arrived; None where there is none."""
        found = self._file.reading().execute("SELECT max(arrival_ms) FROM position").fetchone()
        return None if found[0] is None else int(found[0])


def _contact(row: Iterable[Any]) -> Contact:
    found = Contact(*row)
    return found if found.charging is None else replace(found, charging=bool(found.charging))
