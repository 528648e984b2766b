"""The database under the queue: opened safe against a power cut, and brought to the present schema."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from sinks.bearing import Witness, witness_of
from sinks.disposal.errors import StoreUnusable
from sinks.disposal.tables import event_tail
from sinks.errors import SinkFailed
from sinks.page_checksums import has_checksums, make_checked, why
from sinks.sqlite import OLDEST, sqlite3

#: How an engine of each database is made: SQLite is the one that all stores use.
_OPTIONS: dict[str, dict[str, Any]] = {"sqlite": {"module": sqlite3}}
#: The newest step of ``migrations/versions``.
REVISION = "0004"
#: How long a connection waits for another process's write before it gives up. Who asked is then told so, and
#: the engine tries again.
_BUSY_TIMEOUT_MS = 5_000
#: A number of our own for PostgreSQL's advisory locks: one migration at a time.
_MIGRATION_LOCK = 7_104_563


class Store:
    """Connections to one database, for reading and for writing, from any thread."""

    def __init__(self, where: str | Path) -> None:
        try:
            url = _url(where)
            self._engine = create_engine(url, **_OPTIONS.get(url.get_backend_name(), {}))
        except (ArgumentError, ImportError) as error:
            raise StoreUnusable(f"{where}: {error}") from error
        self._shown = url.render_as_string(hide_password=True)
        # SQLite has one writer at a time and lets others poll; within a process a lock hands over at once.
        self._turn: AbstractContextManager[Any] = nullcontext()
        self._witness: Witness | None = None
        self._readers = self._engine
        if url.get_backend_name() == "postgresql":
            self._readers = self._engine.execution_options(isolation_level="REPEATABLE READ")
        if url.get_backend_name() == "sqlite":
            self._turn = threading.Lock()
            path = Path(str(url.database))
            self._witness = witness_of(path)
            try:
                make_checked(path)
            except SinkFailed as error:
                raise StoreUnusable(str(error)) from error
            _make_durable(self._engine, path)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent look at the database."""
        with self._readers.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, durable when the block is left; undone if it is left by an error."""
        with self._transaction() as connection:
            yield connection
            seq = int(connection.execute(select(event_tail.c.last_seq)).scalar_one())
        if self._witness is not None:
            self._witness.record(seq)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._turn, self._engine.execution_options(queue_writes=True).begin() as connection:
            yield connection

    def upgrade(self) -> None:
        """Bring the database to the present schema; several programs may try at once."""
        try:
            with self.reading() as connection:
                if _revision(connection) == REVISION:
                    return
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            raise StoreUnusable(f"{self._shown}: {why(_said(error))}") from error
        self._migrate()

    def _migrate(self) -> None:
        # Alembic takes half a second to import, and a queue is opened by every command.
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError

        settings = Config()
        settings.set_main_option("script_location", "sinks.disposal:migrations")
        try:
            with self._transaction() as connection:
                if connection.dialect.name == "postgresql":
                    connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
                settings.attributes["connection"] = connection
                command.upgrade(settings, "head")
        except (SQLAlchemyError, sqlite3.Error, CommandError, OSError) as error:
            raise StoreUnusable(f"{self._shown}: {why(_said(error))}") from error

    def disconnect(self) -> None:
        """Give all connections back."""
        self._engine.dispose()


def _said(error: Exception) -> object:
    """What the database said; SQLAlchemy adds the whole statement, which may be a page long."""
    return getattr(error, "orig", None) or error


def _revision(connection: Connection) -> str | None:
    """The step of the migrations that the database has reached; None for a new one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _url(where: str | Path) -> URL:
    if isinstance(where, str) and "://" in where:
        url = make_url(where)
    else:
        url = URL.create("sqlite", database=str(where))
    if url.get_backend_name() == "sqlite":
        if not url.database or url.database == ":memory:":
            raise StoreUnusable(f"{where}: a queue in memory would lose what people did")
        if sqlite3.sqlite_version_info < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            raise StoreUnusable(f"SQLite {sqlite3.sqlite_version} is too old; {oldest} or newer is needed")
    return url


def _make_durable(engine: Engine, path: Path) -> None:
    """Write-ahead log, synced at every commit; transactions begun by us: the module begins them too late."""

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        for pragma in (f"busy_timeout={_BUSY_TIMEOUT_MS}", "journal_mode=WAL", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("PRAGMA foreign_keys=ON")
        try:
            has_checksums(connection)
        except SinkFailed as error:
            connection.close()
            raise StoreUnusable(f"{path}: {error}") from None

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer that begins as a reader may find its look outdated when it writes, and fails, not waits.
        writes = connection.get_execution_options().get("queue_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
