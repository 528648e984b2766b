"""Which office lies below which, as the site says; alerts are looked for by office and all below it."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, bindparam, insert, select, update

from sinks.disposal.tables import event_tail, office


def office_parents(connection: Connection) -> dict[str, str | None]:
    """Every office that was ever told of, with the one above it."""
    return {row.office_id: row.parent_id for row in connection.execute(select(office))}


def offices_from(office_id: str, parents: Mapping[str, str | None]) -> frozenset[str]:
    """An office and all above it: those within which it lies."""
    found: set[str] = set()
    above: str | None = office_id
    while above is not None and above not in found:  # ends a circle, which a site cannot have
        found.add(above)
        above = parents.get(above)
    return frozenset(found)


def put_offices(connection: Connection, parents: Mapping[str, str | None]) -> None:
    """Add and move offices inside the caller's transaction; none is ever taken away."""
    # The writer's lock (see ``timeline``), so that two programs cannot both add one office.
    connection.execute(update(event_tail).values(last_seq=event_tail.c.last_seq))
    stored = office_parents(connection)
    added = [{"office_id": name, "parent_id": above} for name, above in parents.items() if name not in stored]
    moved = [
        {"moved_id": name, "parent_id": above}
        for name, above in parents.items()
        if name in stored and stored[name] != above
    ]
    if added:
        connection.execute(insert(office), added)
    if moved:
        connection.execute(update(office).where(office.c.office_id == bindparam("moved_id")), moved)
