"""The check made before anything else: all our packages come from one directory."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("geofences", "sinks", "pipeline", "simulators", "console", "fencewatch")


def require_one_home(packages: Iterable[str] = PACKAGES) -> Path:
    """The directory that holds ``packages``; exits with status 1, naming the places, if there is not one.

    Our packages bear plain names. Another distribution's ``pipeline``, or a folder of that name on the
    path, would be imported in place of ours without a word and fail later where nobody looks for it.
    Nothing is imported to find out, so call it before importing from them.
    """
    homes: dict[Path | None, list[str]] = {}
    for name in packages:
        homes.setdefault(_home(name), []).append(name)
    if len(homes) == 1 and None not in homes:
        return next(filter(None, homes))
    places = "\n".join(f"  {', '.join(names)}: {home or 'not found'}" for home, names in homes.items())
    sys.exit(
        f"fencewatch: its packages must come from one directory, but they do not:\n{places}\n"
        "Install it in an environment of its own, and start it from where no such folder stands."
    )


def _home(package: str) -> Path | None:
    """The directory a package lies in; None for one that is missing or, for want of __init__.py, not ours."""
    spec = find_spec(package)
    return Path(spec.origin).resolve().parents[1] if spec and spec.origin else None
