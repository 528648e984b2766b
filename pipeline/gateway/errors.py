"""What can go wrong with what comes in.

PipelineError
└── GatewayError
    ├── UnreadableMessage   not the rows that were expected, so that nothing can be said of any row
    ├── OtherDevice         a device sends for another
    └── WriterStopped       nothing can be made durable at the moment
"""

from __future__ import annotations

from pipeline.errors import PipelineError


class GatewayError(PipelineError):
    """Root of the gateway's errors."""


class UnreadableMessage(GatewayError):  # noqa: N818 - the name says what happens
    """Not the rows that were expected, so that nothing can be said of any row."""


class OtherDevice(GatewayError):  # noqa: N818 - the same
    """A device sends for another."""


class WriterStopped(GatewayError):  # noqa: N818 - the same
    """Nothing can be made durable at the moment."""
