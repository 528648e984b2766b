"""An empty queue of the present schema, made once: Alembic takes a third of a second for a new file."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from sinks.disposal import DisposalQueue


def put_empty_queue(path: Path) -> None:
    """Write a queue without alerts, as ``DisposalQueue.open`` would make it; what is there already stays."""
    if not path.exists():
        path.write_bytes(_made())


@cache
def _made() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder, "queue.sqlite")
        DisposalQueue.open(path).disconnect()
        assert [one.name for one in Path(folder).glob("queue.sqlite-*")] == [], "all is in the one file"
        return path.read_bytes()
