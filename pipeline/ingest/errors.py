"""What can go wrong with what comes in.

PipelineError
└── GatewayError
    ├── UnreadableMessage   not the rows that were expected, so that nothing can be said of any row
    ├── TooManyRows         more of them than one message may have
    ├── OtherDevice         a device sends for another
    └── WriterStopped       nothing can be made durable at the moment
        └── ClockInDoubt    whether rows are of the future is known only when the time is

PipelineError
├── ChangedMeanwhile        a row of the site is no longer what whoever changes it has seen
└── DeskSilent              nobody takes changes of the site at the moment, or has not answered yet
"""

from __future__ import annotations

from collections.abc import Mapping

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


class ChangedMeanwhile(PipelineError):  # noqa: N818 - the same
    """Nothing of a change was taken: somebody else changed something of it first.

    ``stale`` gives for each such (table, id) the record that last changed it: 0 where it is as it was
    imported, None where there is none.
    """

    def __init__(self, stale: Mapping[tuple[str, str], int | None]) -> None:
        said = [f"{table} {name} {_stands(record)}" for (table, name), record in stale.items()]
        super().__init__("changed meanwhile: " + "; ".join(said))
        self.stale = dict(stale)


def _stands(record: int | None) -> str:
    return "is not there" if record is None else f"was last changed by record {record}"


class DeskSilent(PipelineError):  # noqa: N818 - the same
    """No change is taken at the moment. ``may_be_taken``: this one may have been, as its id will tell."""

    def __init__(self, said: str, *, may_be_taken: bool) -> None:
        super().__init__(said)
        self.may_be_taken = may_be_taken


class ClockInDoubt(WriterStopped):
    """These rows cannot, until it is known what time it is; sent again later they can."""
