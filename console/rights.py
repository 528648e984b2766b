"""What each role may do, over HTTP and at the terminal."""

from __future__ import annotations

from enum import StrEnum

from sinks.access import Role


class Right(StrEnum):
    """What a role may or may not do."""

    SEND = "send rows"
    SEE = "see alerts, positions and tracks"
    NAME = "see people's names"
    ACT = "work on alerts"
    WATCH = "see how the system is"
    INSPECT = "see who looked at whom"
    CHANGE = "change the site"


#: A prosecutor inspects and so neither acts nor needs names; an operator keeps the system going and sees
#: nobody; a device sends for itself alone.
RIGHTS = {
    Role.OFFICER: frozenset({Right.SEE, Right.NAME, Right.ACT, Right.WATCH, Right.CHANGE}),
    Role.COUNTY: frozenset({Right.SEE, Right.NAME, Right.ACT, Right.WATCH, Right.INSPECT, Right.CHANGE}),
    Role.PROSECUTOR: frozenset({Right.SEE, Right.WATCH, Right.INSPECT}),
    Role.OPERATOR: frozenset({Right.SEND, Right.WATCH}),
    Role.DEVICE: frozenset({Right.SEND}),
}
