"""What ends a command where a file that the system keeps cannot be used."""

from __future__ import annotations


class SinkFailed(Exception):  # noqa: N818 - the name says what is the matter
    """A store on disk is damaged, foreign or cannot be written; the message begins with the file."""
