"""The disposal queue: alerts as work that one person at a time claims, verifies, disposes of and closes."""

from sinks.disposal.abbreviation import KEY_DIGITS_LEAST
from sinks.disposal.alerted import AlertedPerson
from sinks.disposal.arguments import LEASE_MS, LEASE_MS_MAX
from sinks.disposal.changes import AlertChange
from sinks.disposal.disposal_queue import DisposalQueue
from sinks.disposal.errors import AlertUnknown, DisposalError, StoreUnusable, TransitionRefused, WrongInput
from sinks.disposal.items import (
    AlertPage,
    PeoplePage,
    PersonAlerts,
    QueueItem,
    QueueStats,
    TimelineEvent,
    WatchedEvent,
)
from sinks.disposal.listing import EVERYTHING, PAGE_MAX, PEOPLE_MAX, AlertFilter, Order, Search
from sinks.disposal.office_load import OfficeLoad
from sinks.disposal.offices import offices_from
from sinks.disposal.rewinding import Rewinding
from sinks.disposal.settling import Settlement, has_passed
from sinks.disposal.states import (
    MEASURES,
    PLAIN_OUTCOMES,
    TRANSITIONS,
    Outcome,
    State,
    Transition,
    Verdict,
    fitting_outcomes,
)
from sinks.disposal.written import event_json, item_json, stats_json
from sinks.reasons import Reason

__all__ = [
    "EVERYTHING",
    "KEY_DIGITS_LEAST",
    "LEASE_MS",
    "LEASE_MS_MAX",
    "MEASURES",
    "PAGE_MAX",
    "PEOPLE_MAX",
    "PLAIN_OUTCOMES",
    "TRANSITIONS",
    "AlertChange",
    "AlertFilter",
    "AlertPage",
    "AlertUnknown",
    "AlertedPerson",
    "DisposalError",
    "DisposalQueue",
    "OfficeLoad",
    "Order",
    "Outcome",
    "PeoplePage",
    "PersonAlerts",
    "QueueItem",
    "QueueStats",
    "Reason",
    "Rewinding",
    "Search",
    "Settlement",
    "State",
    "StoreUnusable",
    "TimelineEvent",
    "Transition",
    "TransitionRefused",
    "Verdict",
    "WatchedEvent",
    "WrongInput",
    "event_json",
    "fitting_outcomes",
    "has_passed",
    "item_json",
    "offices_from",
    "stats_json",
]
