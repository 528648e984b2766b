"""Where compiled kernels are kept: beside the code, in the home, with the data, or only for the moment.

numba ends the program where it can write to none of its own places, as in a read-only installation that runs
as an account without a home.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
import tomllib
from collections.abc import MutableMapping, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

NUMBA_CACHE_DIR = "NUMBA_CACHE_DIR"
#: The folder within a data directory. Whoever may write to it decides what code runs.
KERNELS = "kernels"


def keep_kernels(home: Path, arguments: Sequence[str], environment: MutableMapping[str, str]) -> None:
    """Names a place for kernels where numba would find none; call it before numba is imported.

    ``home`` is the directory that holds the packages, ``arguments`` are those of the command.
    """
    named = environment.get(NUMBA_CACHE_DIR)
    if named is not None and _takes_files(Path(named)):
        return
    if named is None and (_takes_code(home) or _takes_files(_numbas_own(environment))):
        return
    place = data_of(arguments) / KERNELS
    if place.parent.is_dir() and _takes_files(place):
        place.chmod(0o700)
    else:
        place = Path(tempfile.mkdtemp(prefix="fencewatch-kernels-"))
        atexit.register(shutil.rmtree, place, ignore_errors=True)
    environment[NUMBA_CACHE_DIR] = str(place)


def data_of(arguments: Sequence[str]) -> Path:
    """The data directory that a command names, by itself or by its configuration."""
    words = [part for argument in arguments for part in argument.split("=", 1)]
    given = dict(pairwise(words))
    if "--data" in given:
        return Path(given["--data"])
    config = Path(given.get("--config", ""))
    with suppress(OSError, ValueError):
        named = tomllib.loads(config.read_text("utf-8")).get("data")
        if isinstance(named, str):
            return config.parent / named
    return config.parent / "fencewatch-data"


def _takes_code(home: Path) -> bool:
    """Whether kernels can be kept beside each module that has some."""
    kept = {
        path.parent / "__pycache__"
        for name in ("geofences", "pipeline")
        for path in (home / name).rglob("*.py")
    }
    return all(_takes_files(folder) for folder in kept)


def _numbas_own(environment: MutableMapping[str, str]) -> Path:
    known = environment.get("XDG_CACHE_HOME")
    return (Path(known) if known else Path("~/.cache").expanduser()) / "numba"


def _takes_files(folder: Path) -> bool:
    """Whether a file can be made in a folder, which is made first; nothing else tells for sure."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except (OSError, RuntimeError):  # no home is known
        return False
