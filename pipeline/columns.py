"""The one table of stream columns: what each holds, in which unit and range, and what it means."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from pipeline.ping import PING

#: What a column holds, deciding how a cell is read and which reason a wrong one has.
(
    DEVICE,
    EVENT_TIME,
    ARRIVAL_TIME,
    LON,
    LAT,
    ACCURACY,
    SOURCE,
    CRS_NAME,
    NUMBER,
    TRUTH,
    TEXT,
    FACE,
    CHALLENGE,
) = range(13)

#: Contents of columns beside whose, when and where: any number of them may be added to the table.
OTHERS = (NUMBER, TRUTH, TEXT)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a stream; ``meaning`` is for the documents.

    A number outside ``least`` to ``most`` tells nothing: a rule gets it as not given.
    """

    name: str
    holds: int
    meaning: str
    least: float = -inf
    most: float = inf


#: A column that a rule judges by is a line here, and its name among the ``columns`` of the rule.
PING_TABLE = (
    Column("device_id", DEVICE, "text; a row of a device that `devices.csv` does not know is rejected"),
    Column("event_time", EVENT_TIME, "when the device made the row, by its own clock"),
    Column("arrival_time", ARRIVAL_TIME, "when it was received; default: `event_time`"),
    Column("lon", LON, "degrees as given in `crs`"),
    Column("lat", LAT, "degrees as given in `crs`"),
    Column("accuracy_m", ACCURACY, "metres, the device's own estimate, 0 or more"),
    Column("source", SOURCE, "`gnss`, `wifi`, `cell`, `fused` or `manual`"),
    Column("crs", CRS_NAME, "as of fences; positions in another system than WGS-84 are converted"),
    Column("speed_mps", NUMBER, "metres a second"),
    Column("battery_pct", NUMBER, "percent, 0 to 100; another number tells nothing", 0, 100),
    Column("charging", TRUTH, "whether the battery is being charged"),
    Column("strap_ok", TRUTH, "false: the strap is open or cut"),
    Column("case_ok", TRUTH, "false: the case is open"),
    Column("worn", TRUTH, "whether the device is worn"),
    Column("mock", TRUTH, "whether the position is made up"),
    Column("power_off", TRUTH, "whether the device is shutting down"),
    Column("sos", TRUTH, "whether its wearer asks for help"),
    Column("moving", TRUTH, "whether the device moves, by its own sensors"),
    Column("permissions_ok", TRUTH, "false: the app may not do what it must"),
    Column("fingerprint", TEXT, "what tells one device from another"),
    Column("app_version", TEXT, "which version of the app made the row"),
    Column("operator", TEXT, "the mobile network"),
    Column("rssi_dbm", NUMBER, "signal strength in dBm"),
)

CONFIRMATION_TABLE = (
    Column("device_id", DEVICE, "as for pings; a file must have this column"),
    Column("event_time", EVENT_TIME, "when the person confirmed; a file must have this column"),
    Column("arrival_time", ARRIVAL_TIME, "default: `event_time`"),
    Column("lon", LON, "a confirmation with a position is also a fix"),
    Column("lat", LAT, "as for pings"),
    Column("accuracy_m", ACCURACY, "as for pings"),
    Column("face_ok", FACE, "whether the face was recognised; not given: false"),
    Column("challenge_id", CHALLENGE, "text that tells confirmations of one moment apart"),
)

#: Name to content.
PING_COLUMNS = {column.name: column.holds for column in PING_TABLE}
CONFIRMATION_COLUMNS = {column.name: column.holds for column in CONFIRMATION_TABLE}

#: The columns beside whose, when and where, which only pings have.
OTHER_COLUMNS = {column.name: column for column in PING_TABLE if column.holds in OTHERS}

#: What a file with columns must have; NDJSON is judged row by row instead.
PING_REQUIRED = ("device_id", "event_time", "lon", "lat")
CONFIRMATION_REQUIRED = ("device_id", "event_time")


def columns_of(kind: int) -> dict[str, int]:
    """Name to content of the columns that a kind of row has."""
    return PING_COLUMNS if kind == PING else CONFIRMATION_COLUMNS


def required_of(kind: int) -> tuple[str, ...]:
    """The columns without which no row of a kind can be used."""
    return PING_REQUIRED if kind == PING else CONFIRMATION_REQUIRED
