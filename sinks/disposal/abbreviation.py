"""An alert by the beginning of its key, as people type it."""

from __future__ import annotations

import re

from sqlalchemy import Connection, select

from sinks.disposal.errors import AlertUnknown, WrongInput
from sinks.disposal.standing import within_office
from sinks.disposal.tables import alert

#: Fewer digits would name an alert today and several tomorrow.
KEY_DIGITS_LEAST = 6
_KEY_DIGITS = 32
#: How many candidates are worth naming.
_NAMED_MOST = 5


def full_key(connection: Connection, beginning: str, *, office: str | None) -> str:
    """The one key within the office that begins so; AlertUnknown for none, WrongInput for several."""
    digits = beginning.lower()
    if not re.fullmatch(f"[0-9a-f]{{{KEY_DIGITS_LEAST},{_KEY_DIGITS}}}", digits):
        expected = f"{KEY_DIGITS_LEAST} to {_KEY_DIGITS} hexadecimal digits"
        raise WrongInput("alert_key", repr(beginning), expected)
    # A range, which the primary key's index serves; g is the first character behind all digits.
    begins_so = alert.c.alert_key.between(digits, digits + "g")
    chosen = select(alert.c.alert_key).where(begins_so, within_office(office)).order_by(alert.c.alert_key)
    found: list[str] = list(connection.execute(chosen.limit(_NAMED_MOST + 1)).scalars())
    if not found:
        raise AlertUnknown(beginning)
    if len(found) > 1:
        named = ", ".join(found[:_NAMED_MOST]) + (", …" if len(found) > _NAMED_MOST else "")
        raise WrongInput("alert_key", f"{beginning} begins several keys ({named})", "more digits")
    return found[0]
