"""Run by Alembic: applies the steps on the connection that ``sinks.disposal.store`` hands over."""

from __future__ import annotations

from alembic import context

from sinks.disposal.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter a CHECK in place
)
context.run_migrations()
