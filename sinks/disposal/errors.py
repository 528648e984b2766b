"""What can go wrong with the disposal queue.

DisposalError
├── AlertUnknown         no such alert, or none within the asker's office
├── TransitionRefused    the alert's state, or its holder, does not allow the step
├── WrongInput           an argument that could never be right, whatever the alert's state
└── StoreUnusable        the database cannot be opened, or is newer than this program
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinks.errors import SinkFailed

if TYPE_CHECKING:
    from sinks.disposal.items import QueueItem


class DisposalError(Exception):
    """Root of all errors of this package."""


class AlertUnknown(DisposalError):  # noqa: N818 - the name says what is the matter
    """There is no such alert where the asker may look; outside of it is as good as not there."""

    def __init__(self, alert_key: str) -> None:
        super().__init__(f"no alert {alert_key}")
        self.alert_key = alert_key


class TransitionRefused(DisposalError):  # noqa: N818 - the same
    """Another was first, or the state does not allow the step; ``item`` is the alert as it stands."""

    def __init__(self, transition: str, item: QueueItem) -> None:
        held = f", held by {item.holder}" if item.holder else ""
        super().__init__(f"cannot {transition} alert {item.alert.alert_key}: it is {item.state}{held}")
        self.transition = transition
        self.item = item

    @property
    def state(self) -> str:
        """The state that stood in the way."""
        return str(self.item.state)

    @property
    def holder(self) -> str | None:
        """Who is at work on the alert, if anybody."""
        return self.item.holder


class WrongInput(DisposalError):  # noqa: N818 - the same
    """``field`` says which argument, ``wrong`` and ``expected`` what is the matter with it."""

    def __init__(self, field: str, wrong: str, expected: str) -> None:
        super().__init__(f"{field}: {wrong}; expected {expected}")
        self.field = field
        self.wrong = wrong
        self.expected = expected


class StoreUnusable(DisposalError, SinkFailed):  # noqa: N818 - the same
    """The database is missing, foreign, too old a SQLite or written by a newer program."""
