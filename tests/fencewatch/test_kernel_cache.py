"""A read-only installation works for an account without a home: kernels are kept elsewhere."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from replay.command_line import fencewatch_words, surroundings

from fencewatch.kernel_cache import NUMBA_CACHE_DIR, data_of, keep_kernels

#: Where nobody can make a file, root included.
NOWHERE = "/proc/nowhere"


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    """An installation in which no kernels can be kept: files stand where folders would have to."""
    for name in ("geofences", "pipeline"):
        (tmp_path / "home" / name).mkdir(parents=True)
        (tmp_path / "home" / name / "module.py").touch()
        (tmp_path / "home" / name / "__pycache__").touch()
    return tmp_path / "home"


def place(home: Path, environment: dict[str, str], *arguments: str) -> str | None:
    keep_kernels(home, arguments, environment)
    return environment.get(NUMBA_CACHE_DIR)


def test_the_usual_installation_is_left_alone(sealed: Path, tmp_path: Path) -> None:
    for name in ("geofences", "pipeline"):
        (sealed / name / "__pycache__").unlink()
    assert place(sealed, {"XDG_CACHE_HOME": NOWHERE}) is None
    assert place(sealed, {NUMBA_CACHE_DIR: str(tmp_path / "told")}) == str(tmp_path / "told")


def test_a_home_is_enough(sealed: Path, tmp_path: Path) -> None:
    assert place(sealed, {"XDG_CACHE_HOME": str(tmp_path / "cache")}) is None


def test_else_the_data_directory_has_them_and_nobody_else_may_write_there(
    sealed: Path, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    found = place(sealed, {"XDG_CACHE_HOME": NOWHERE}, "queue", "list", "--data", str(tmp_path / "data"))
    assert found == str(tmp_path / "data" / "kernels")
    assert os.stat(found).st_mode & 0o777 == 0o700


@pytest.mark.parametrize("environment", [{"XDG_CACHE_HOME": NOWHERE}, {NUMBA_CACHE_DIR: NOWHERE}])
def test_else_they_are_kept_for_the_moment(sealed: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    found = place(sealed, environment, "--data", str(tmp_path / "none"))
    assert found is not None
    assert "fencewatch-kernels-" in found
    assert os.stat(found).st_mode & 0o777 == 0o700


def test_the_data_directory_is_where_the_command_has_it(tmp_path: Path) -> None:
    config = tmp_path / "fencewatch.toml"
    config.write_text('site = "site"\ndata = "kept/here"\n')
    assert data_of(["run", "--config", str(config)]) == tmp_path / "kept" / "here"
    assert data_of(["run", f"--config={config}"]) == tmp_path / "kept" / "here"
    config.write_text("no TOML at all")
    assert data_of(["run", "--config", str(config)]) == tmp_path / "fencewatch-data"
    assert data_of(["queue", "list"]) == Path("fencewatch-data")


def test_the_command_begins_all_the_same(tmp_path: Path) -> None:
    """With all of numba's own places out of reach, where importing kernels used to end in a traceback."""
    environment = surroundings() | {NUMBA_CACHE_DIR: NOWHERE, "HOME": NOWHERE, "XDG_CACHE_HOME": NOWHERE}
    done = subprocess.run(
        fencewatch_words("site", "check", tmp_path / "none"),
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
