"""The locks: everything by hash, nothing by address, the same on both Pythons, and all that is needed."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).resolve().parents[1]
LOCKS = ["py311", "py312"]

PIN = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9-]*)==(?P<version>[0-9][\w.+]*)(?P<hashes>( --hash=sha256:[0-9a-f]{64})+)"
)

# Asked for by a package of which only the data files are read: see the extra `boundaries` in pyproject.toml.
LEFT_OUT = {"geopandas"}


@cache
def pins(lock: str) -> dict[str, str]:
    """Version by name; fails on any line that is not one name, one version and its hashes."""
    text = (CHECKOUT / "requirements" / f"{lock}.txt").read_text("utf-8").replace(" \\\n   ", "")
    found = {}
    for line in text.splitlines():
        match = PIN.fullmatch(line)
        assert match, f"no hashed pin: {line[:80]}"
        found[match["name"]] = match["version"]
    return found


@cache
def direct() -> list[Requirement]:
    said = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))
    lists = [
        said["build-system"]["requires"],
        said["project"]["dependencies"],
        *said["project"]["optional-dependencies"].values(),
        *said["dependency-groups"].values(),
    ]
    return [Requirement(line) for lines in lists for line in lines]


@pytest.mark.smoke
@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_is_a_hashed_pin(lock: str) -> None:
    assert len(pins(lock)) > len(direct())


@pytest.mark.parametrize("lock", LOCKS)
def test_what_pyproject_asks_for_is_pinned_within_its_bounds(lock: str) -> None:
    missing = [
        str(wanted)
        for wanted in direct()
        if pins(lock).get(canonicalize_name(wanted.name), "") not in wanted.specifier
    ]
    assert missing == []


def test_both_pythons_run_the_same_versions() -> None:
    """Or a distance in its last digits, and so an alert, could depend on the Python at hand."""
    assert pins("py311") == pins("py312")


@pytest.mark.parametrize("lock", LOCKS)
def test_what_the_pinned_ask_for_is_pinned_too(lock: str) -> None:
    """Installed with --no-deps, a lock that misses one would fail only where that one is imported."""
    missing = set()
    for name in pins(lock):
        for wanted in map(Requirement, _requires(name)):
            if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                missing |= {canonicalize_name(wanted.name)} - pins(lock).keys()
    assert missing <= LEFT_OUT


def _requires(name: str) -> list[str]:
    try:
        return requires(name) or []
    except PackageNotFoundError:  # the suite also runs in environments without the optional ones
        return []
