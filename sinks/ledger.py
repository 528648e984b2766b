"""Alerts by key in their latest state, and the alert file they end in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import BinaryIO

from sinks.alert import Alert, alert_line, sort_key


class AlertLedger:
    """The last state of every alert that was ever written to it."""

    def __init__(self) -> None:
        self._alerts: dict[str, Alert] = {}

    def write(self, alerts: Iterable[Alert]) -> None:
        """Take changes in order; a later state of a key replaces an earlier one."""
        self._alerts.update((alert.alert_key, alert) for alert in alerts)

    def alerts(self) -> list[Alert]:
        """All alerts in the order of an alert file."""
        return sorted(self._alerts.values(), key=sort_key)

    def by_kind(self) -> dict[str, int]:
        """How many alerts of each kind, withdrawn ones included, by name."""
        return dict(sorted(Counter(alert.kind for alert in self._alerts.values()).items()))

    def withdrawn(self) -> int:
        """How many are withdrawn."""
        return sum(alert.withdrawn_ms is not None for alert in self._alerts.values())

    def save(self, file: BinaryIO) -> None:
        """Write all of them as an alert file."""
        file.writelines(alert_line(alert) for alert in self.alerts())
