"""What goes wrong, as a user sees it: a line on standard error and an exit code."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import UnsupportedOperation

from geofences.errors import GeofenceError
from pipeline.errors import InputError, PipelineError, SiteError
from simulators.errors import ScenarioError, SendError
from sinks.errors import SinkFailed

FAILED, WRONG_INPUT = 1, 2


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn the errors of a user's mistake or of the machine into exit codes 2 and 1, without traceback."""
    try:
        yield
    except SiteError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        sys.exit(WRONG_INPUT)
    except (InputError, GeofenceError, ScenarioError) as error:
        print("; ".join([str(error), *getattr(error, "__notes__", [])]), file=sys.stderr)
        sys.exit(WRONG_INPUT)
    except (PipelineError, SendError, OSError) as error:
        print(error, file=sys.stderr)
        sys.exit(FAILED)
    except MemoryError:
        print("there is not enough memory; what was durable before is kept", file=sys.stderr)
        sys.exit(FAILED)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(FAILED)
    except Exception as error:
        if (line := _store_fault(error)) is None:
            raise
        print(line, file=sys.stderr)
        sys.exit(FAILED)


def _store_fault(error: BaseException | None) -> str | None:
    """What a store or the disk did, the first line of it; None where the error is none of theirs.

    The runtime of the dataflow wraps what a step raises, so causes are looked through.
    """
    # Whose module was never imported cannot have raised; importing SQLAlchemy here would take half a second.
    libraries = (
        ("sqlite3", "Error"), ("pysqlite3.dbapi2", "Error"), ("sqlalchemy.exc", "SQLAlchemyError"),
    )  # fmt: skip
    kinds = [getattr(sys.modules[module], name) for module, name in libraries if module in sys.modules]
    while error is not None:
        if isinstance(error, MemoryError):
            return "there is not enough memory; what was durable before is kept"
        if isinstance(error, (SinkFailed, OSError, PipelineError, *kinds)):
            return str(error).partition("\n")[0]
        error = error.__cause__
    return None


@contextmanager
def ending_with_the_reader() -> Iterator[None]:
    """A pipe whose reader has left ends the command well: whoever reads `… | head` has seen enough."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered must go nowhere, or the interpreter complains of it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def reader_has_left() -> bool:
    """Whether standard output is a pipe that nobody reads any more, told without writing to it."""
    poll = select.poll()
    try:
        poll.register(sys.stdout.fileno(), 0)  # an error is reported even where nothing is asked for
    except UnsupportedOperation:  # a test's output in memory
        return False
    return any(event & select.POLLERR for _, event in poll.poll(0))
