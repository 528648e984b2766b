"""Offices at work on a site that runs: their changes when they are due, and who may report by then."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Sequence

import polars as pl

from simulators.office_work import SiteChange
from simulators.sender import Sender


class Offices:
    """Sends changes of the site in their order, each until it is known to be taken or refused."""

    def __init__(self, changes: Sequence[SiteChange], sender: Sender) -> None:
        """``sender`` bears a token that may change what the changes are about."""
        self._due = deque(changes)
        self._sender = sender
        self._number = 0
        #: Devices that are handed out by a change to come.
        self._waiting = {device_id for change in changes for device_id in change.devices}
        #: Changes taken, by what they were; ``refused`` those that were not, as others had changed the site.
        self.done: Counter[str] = Counter()

    def work(self, now_ms: int) -> None:
        """Makes the changes that are due."""
        while self._due and self._due[0].at_ms <= now_ms:
            change = self._due.popleft()
            self._number += 1
            body = {"operations": list(change.operations), "reason": change.reason}
            is_taken = self._sender.change(json.dumps(body).encode(), f"office-work-{self._number}")
            self.done[change.what if is_taken else "refused"] += 1
            self._waiting -= set(change.devices)

    def reporting(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Of rows those of devices that were handed out; the others are still in a drawer."""
        if not self._waiting or not len(rows):
            return rows
        return rows.filter(~pl.col("device_id").is_in(list(self._waiting)))
