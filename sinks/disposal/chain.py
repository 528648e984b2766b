"""The timeline's hash chain as it stands in the database, and what it shows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, Text, cast, select

from sinks.disposal.tables import event, event_tail
from sinks.disposal.timeline import LINKED
from sinks.hash_chain import BEGINNING, Break, Head, Linked, first_break

_AT_ONCE = 1000


def timeline_head(connection: Connection) -> Head:
    """How far the timeline reaches."""
    row = connection.execute(select(event_tail.c.last_seq, event_tail.c.last_link)).one()
    return Head(row.last_seq, BEGINNING if row.last_link is None else row.last_link)


def timeline_break(connection: Connection, known: Iterable[Head]) -> Break | None:
    """The first entry that is not as it was written, by the chain and by heads noted elsewhere."""
    return first_break(linked_entries(connection), timeline_head(connection), known)


def linked_entries(connection: Connection) -> Iterator[Linked]:
    """Every entry as the chain has it, by number."""
    # As text, or what is no JSON any more would end the reading instead of being found.
    details = cast(event.c.details, Text).label("details")
    columns = [details if name == "details" else event.c[name] for name in LINKED]
    entries = select(*columns, event.c.salt, event.c.link).order_by(event.c.seq)
    for row in connection.execute(entries.execution_options(yield_per=_AT_ONCE)):
        *fields, kept, salt, link = row
        yield Linked(row.seq, [*fields, _decoded(kept)], salt, link)


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, TypeError):
        return {text}  # a set, which no entry ever held and JSON cannot
