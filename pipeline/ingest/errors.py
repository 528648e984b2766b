"""What can go wrong with what comes in.

PipelineError
└── GatewayError
    ├── UnreadableMessage   not the rows that were expected, so that nothing can be said of any row
    ├── TooManyRows         more of them than one message may have
    ├── OtherDevice         a device sends for another
    └── WriterStopped       nothing can be made durable at the moment
        ├── ClockInDoubt    whether rows are of the future is known only when the time is
        └── DeskSilent      nobody takes changes of the site at the moment, or has not answered yet
"""

from __future__ import annotations

from pipeline.errors import PipelineError


class GatewayError(PipelineError):
    """Root of the gateway's errors."""


class UnreadableMessage(GatewayError):  # noqa: N818 - the name says what happens
    """Not the rows that were expected, so that nothing can be said of any row."""


class TooManyRows(GatewayError):  # noqa: N818 - the same
    """More rows than one message may have."""


class OtherDevice(GatewayError):  # noqa: N818 - the same
    """A device sends for another."""


class WriterStopped(GatewayError):  # noqa: N818 - the same
    """Nothing can be made durable at the moment."""


class ClockInDoubt(WriterStopped):
    """These rows cannot, until it is known what time it is; sent again later they can."""


class DeskSilent(WriterStopped):
    """No change is taken at the moment. ``may_be_taken``: this one may have been, as its id will tell."""

    def __init__(self, said: str, *, may_be_taken: bool) -> None:
        super().__init__(said)
        self.may_be_taken = may_be_taken


def unanswered(change_id: str) -> DeskSilent:
    """Somebody has begun on a change, and does not come to an end."""
    said = f"no answer yet; whether it was taken is told by asking again with the id {change_id}"
    return DeskSilent(said, may_be_taken=True)
