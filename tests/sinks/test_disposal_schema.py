"""The database itself: migrations end in the tables, nonsense is refused, so is what is no queue."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from disposal_alerts import KEY, NOW_MS, OFFICES, brought_to, told
from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateIndex, CreateTable

from sinks.disposal import DisposalQueue, State, StoreUnusable
from sinks.disposal.store import REVISION
from sinks.disposal.tables import metadata
from sinks.sqlite import sqlite3


@pytest.fixture
def connection(place: str, queue: DisposalQueue) -> Iterator[Connection]:
    """A way into the queue's database past the queue."""
    told(queue, 1)
    url = place if "://" in place else f"sqlite:///{place}"
    module = {} if "postgresql" in url else {"module": sqlite3}
    engine = create_engine(make_url(url), poolclass=NullPool, **module)
    with engine.connect() as opened:
        yield opened


def test_migrations_end_in_the_tables_as_the_program_has_them(connection: Connection) -> None:
    assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_the_program_knows_the_newest_step() -> None:
    settings = Config()
    settings.set_main_option("script_location", "sinks.disposal:migrations")
    assert ScriptDirectory.from_config(settings).get_current_head() == REVISION


def test_migrations_end_in_the_same_checks_and_indexes(tmp_path: Path) -> None:
    """Alembic compares no CHECKs; SQLite keeps each statement as it was written."""
    place = tmp_path / "queue.sqlite"
    DisposalQueue.open(place).disconnect()
    engine = create_engine(f"sqlite:///{place}", poolclass=NullPool, module=sqlite3)
    with engine.connect() as opened:
        rows = opened.execute(text("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")).scalars()
        migrated = {_plain(statement) for statement in rows if "alembic_version" not in statement}
    written = [str(CreateTable(table).compile(engine)) for table in metadata.tables.values()]
    for table in metadata.tables.values():
        written += [str(CreateIndex(index).compile(engine)) for index in table.indexes]
    assert migrated == {_plain(statement) for statement in written}


def _plain(statement: str) -> tuple[str, ...]:
    """A statement's parts whatever the order of its constraints; a table that was copied has quotes."""
    parts = statement.replace('"', "").split(", \n")
    return tuple(sorted(re.sub(r"\s+", " ", part).strip(" ()") for part in parts))


# What nobody may write, from a state that is sound; the CHECK that refuses it.
@pytest.mark.parametrize(
    ("state", "nonsense", "refused_by"),
    [
        ("open", "alert_key = 'short'", "alert_key_length"),
        ("open", "severity = 5", "alert_severity_range"),
        ("open", "level = 0", "alert_level_range"),
        ("open", "revision = -1", "alert_revision_range"),
        ("open", "raised_ms = onset_ms - 1", "alert_raised_after_onset"),
        ("open", "lon = NULL", "alert_position_whole"),
        ("open", "state = 'shelved'", "alert_"),
        ("open", "state = 'self_cleared'", "alert_"),  # is worked out, never written
        ("open", "state = 'claimed'", "alert_"),  # by whom?
        ("open", "holder = 'wang'", "alert_holder_when"),
        ("open", "holder_office = 'O1'", "alert_holder_office_with_holder"),
        ("open", "verdict = 'true'", "alert_verdict_when"),
        ("open", "reason = 'because'", "alert_reason_with_verdict"),
        ("claimed", "holder = NULL", "alert_holder"),
        ("claimed", "lease_until_ms = NULL", "alert_lease_until_ms_when"),
        ("claimed", "lease_until_ms = claimed_ms", "alert_lease_ahead"),
        ("claimed", "act_seq = NULL", "alert_acted_on"),
        ("claimed", "state = 'verified'", "alert_"),
        ("claimed", "state = 'open'", "alert_"),
        ("verified", "verdict = 'maybe'", "alert_verdict_known"),
        ("verified", "verdict = 'false'", "alert_false_has_reason"),  # for no reason
        ("verified", "verified_by = NULL", "alert_verified_by_when"),
        ("verified", "outcome = 'warning'", "alert_outcome_when"),
        ("verified", "state = 'disposed'", "alert_"),
        ("disposed", "outcome = 'shrug'", "alert_outcome_known"),
        ("disposed", "outcome = 'false_alarm'", "alert_false_alarm_found_false"),
        ("disposed", "verdict = 'unverifiable'", "alert_measure_found_true"),
        ("disposed", "note = NULL", "alert_note_when"),
        ("disposed", "holder = 'wang'", "alert_holder_when"),
        ("disposed", "closed_ms = 1", "alert_closed_ms_when"),
        ("closed", "closed_by = NULL", "alert_closed_by_when"),
        ("closed", "state = 'open'", "alert_"),
    ],
)
def test_no_program_can_write_nonsense(
    connection: Connection, queue: DisposalQueue, state: str, nonsense: str, refused_by: str
) -> None:
    brought_to(queue, state)
    with pytest.raises(IntegrityError, match=refused_by):
        connection.execute(text(f"UPDATE alert SET {nonsense}"))


@pytest.mark.parametrize(
    ("values", "refused_by"),
    [
        (f"(9, '{KEY}', 0, 'shrugged', 1, NULL, NULL, '{{}}')", "event_kind_known"),
        (f"(9, '{KEY}', 0, 'claimed', NULL, NULL, NULL, '{{}}')", "event_of_engine_or_person"),  # by nobody
        (f"(9, '{KEY}', 0, 'claimed', 1, 'wang', NULL, '{{}}')", "event_of_engine_or_person"),  # by both
        (f"(9, '{KEY}', 0, 'cleared', 2, NULL, 'O1', '{{}}')", "event_office_with_actor"),
        (f"(9, '{KEY}', 0, 'raised', 1, NULL, NULL, '{{}}')", "UNIQUE|event_fact_once"),  # told twice
        (f"(1, '{KEY}', 0, 'cleared', 2, NULL, NULL, '{{}}')", "UNIQUE|event_pkey"),  # number given twice
    ],
)
def test_no_program_can_write_a_wrong_timeline(connection: Connection, values: str, refused_by: str) -> None:
    columns = "(seq, alert_key, at_ms, kind, revision, actor, office_id, details)"
    with pytest.raises(IntegrityError, match=refused_by):
        connection.execute(text(f"INSERT INTO event {columns} VALUES {values.replace(':', chr(58))}"))


def test_a_queue_opens_again_as_it_was(place: str) -> None:
    with DisposalQueue.open(place) as queue:
        queue.set_offices(OFFICES)
        told(queue, 1)
        brought_to(queue, "claimed")
    with DisposalQueue.open(place) as queue:
        item = queue.alert(KEY, now_ms=NOW_MS)
        assert (item.state, item.holder, item.seq) == (State.CLAIMED, "wang", 2)


def test_the_queue_is_synced_at_every_commit(tmp_path: Path) -> None:
    with (
        DisposalQueue.open(tmp_path / "new" / "queue.sqlite") as queue,
        queue._store.reading() as connection,
    ):
        settings = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def _of_a_newer_program(place: Path) -> None:
    DisposalQueue.open(place).disconnect()
    with sqlite3.connect(place) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()


def _of_another_program(place: Path) -> None:
    with sqlite3.connect(place) as database:
        database.execute("CREATE TABLE alert (song TEXT)")
    database.close()


def test_what_is_no_queue_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a database, but long enough to have a header of its own\n" * 20)
    _of_a_newer_program(tmp_path / "newer")
    _of_another_program(tmp_path / "songs")
    (tmp_path / "folder").mkdir()
    for place in ("text", "newer", "songs", "folder", "text/below"):
        with pytest.raises(StoreUnusable, match=place):
            DisposalQueue.open(tmp_path / place)


@pytest.mark.parametrize("where", [":memory:", "sqlite://", "sqlite:///:memory:", "nonsense://x", "://"])
def test_addresses_of_no_use(where: str) -> None:
    with pytest.raises(StoreUnusable):
        DisposalQueue.open(where)


_OPENING = """
import os, sys
from sinks.disposal import DisposalQueue
children = []
for _ in range(4):
    children.append(os.fork())
    if children[-1] == 0:
        with DisposalQueue.open(sys.argv[1]) as queue:
            os._exit(queue.last_seq())
sys.exit(max(os.waitpid(child, 0)[1] for child in children))
"""


def test_several_programs_may_make_it_at_once(new_place: Callable[[], str]) -> None:
    for _ in range(2):
        subprocess.run([sys.executable, "-c", _OPENING, new_place()], check=True)


def test_the_board_reads_no_more_than_it_must(place: str, queue: DisposalQueue) -> None:
    """The partial indexes serve only where their condition stands in the statement as it is."""
    if "://" in place:
        return
    seen: list[str] = []
    with queue._store.reading() as connection:
        raw = connection.connection.dbapi_connection
        assert raw is not None
        raw.set_trace_callback(seen.append)
    queue.alerts(now_ms=NOW_MS)
    queue.stats(now_ms=NOW_MS)
    raw.set_trace_callback(None)
    selects = [statement for statement in seen if statement.startswith("SELECT")]
    plans = [row[3] for each in selects for row in raw.cursor().execute("EXPLAIN QUERY PLAN " + each)]
    reads = [plan for plan in plans if re.match("(SCAN|SEARCH) alert", plan)]
    assert len(reads) == 5
    assert [plan for plan in reads if not re.search("USING .*INDEX alert_(unfinished|closed)", plan)] == []
