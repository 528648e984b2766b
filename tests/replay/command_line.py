"""The command line as a user types it, in a process and a directory of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import typer.testing
from typer.main import get_command
from typer.testing import CliRunner, Result

import fencewatch
from fencewatch.cli import one_by_one
from fencewatch.commands import app

#: The packages that the tests themselves run on: an installed copy where one is tested.
_HOME = Path(fencewatch.__file__).parents[1]


#: The parsers of all commands take a fifth of a second to make, and are the same each time.
setattr(typer.testing, "_get_command", cache(get_command))  # noqa: B010


def fencewatch_words(*words: str | float | Path) -> list[str]:
    """``fencewatch …`` for this interpreter; nothing is imported from the working directory."""
    return [sys.executable, "-P", "-m", "fencewatch", *map(str, words)]


def surroundings() -> dict[str, str]:
    """The environment of a child process that is to find the same packages."""
    return {**os.environ, "PYTHONPATH": str(_HOME), "COLUMNS": "200"}


def run_fencewatch(*words: str | float | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run it to its end, with what it printed."""
    return subprocess.run(
        fencewatch_words(*words), cwd=cwd, env=surroundings(), capture_output=True, text=True, timeout=240
    )


def invoked(*words: str | Path) -> Result:
    """The same within this process: quick, but nothing is known of imports or the working directory.

    Anything but a wished-for exit is raised: a traceback is what no user may see.
    """
    done = CliRunner().invoke(app, list(one_by_one(map(str, words))), prog_name="fencewatch")
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done
