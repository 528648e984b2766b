"""Where rows come in: decoded, stamped with their arrival, made durable, and only then acknowledged.

Knows nothing of HTTP: ``console/ingest_routes.py`` is that side of it.
"""

from pipeline.ingest.errors import GatewayError, OtherDevice, TooManyRows, UnreadableMessage, WriterStopped
from pipeline.ingest.journal_writer import JournalWriter

__all__ = [
    "GatewayError",
    "JournalWriter",
    "OtherDevice",
    "TooManyRows",
    "UnreadableMessage",
    "WriterStopped",
]
