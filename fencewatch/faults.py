"""What goes wrong, as a user sees it: a line on standard error and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from geofences.errors import GeofenceError
from pipeline.errors import InputError, PipelineError, SiteError
from simulators.errors import ScenarioError, SendError

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
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(FAILED)
