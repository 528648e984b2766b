"""What a prosecutor reads at the terminal: codes and times, and no words that may hold a name.

The data directory does not say who is watched, so that names in free text cannot be told from other words.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sinks.disposal import Outcome, QueueItem, TimelineEvent, Verdict
from sinks.reasons import Reason

WITHHELD = "[withheld]"
_CODES = {*Reason, *Verdict, *Outcome}


def without_words(item: QueueItem) -> QueueItem:
    """An alert without what people wrote."""
    timeline = tuple(event_without_words(event) for event in item.timeline)
    return replace(item, reason=_code(item.reason), note=_code(item.note), timeline=timeline)


def event_without_words(event: TimelineEvent) -> TimelineEvent:
    """An entry of a timeline likewise; what the engine says holds no names."""
    if event.actor is None:
        return event
    return replace(event, details={name: _code(given) for name, given in event.details.items()})


def _code(given: Any) -> Any:
    if isinstance(given, list):
        return [_code(one) for one in given]
    return WITHHELD if isinstance(given, str) and given and given not in _CODES else given
