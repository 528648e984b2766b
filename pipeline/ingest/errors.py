"""What can go wrong with what comes in.

PipelineError
└── GatewayError
    ├── UnreadableMessage   not the rows that were expected, so that nothing can be said of any row
    ├── TooManyRows         more of them than one message may have
    ├── OtherDevice         a device sends for another
    └── WriterStopped       nothing can be made durable at the moment
        └── ClockInDoubt    whether rows are of the future is known only when the time is
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
