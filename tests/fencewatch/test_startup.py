"""The start-up check tells packages that lie together from those that do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from fencewatch.startup import PACKAGES, require_one_home

CHECKOUT = Path(__file__).resolve().parents[2]


def make_package(home: Path, name: str, *, init: bool = True) -> None:
    (home / name).mkdir(parents=True)
    if init:
        (home / name / "__init__.py").touch()


@pytest.mark.smoke
def test_ours_lie_together() -> None:
    assert all((require_one_home() / name / "__init__.py").is_file() for name in PACKAGES)


def test_the_check_knows_every_package_of_the_checkout() -> None:
    typed = {path.parent.name for path in CHECKOUT.glob("*/py.typed")}
    assert typed == set(PACKAGES)


def test_two_homes_are_both_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_package(tmp_path / "ours", "fw_where")
    make_package(tmp_path / "ours", "fw_stream")
    make_package(tmp_path / "stray", "fw_stream")
    monkeypatch.syspath_prepend(tmp_path / "ours")
    assert require_one_home(["fw_where", "fw_stream"]) == tmp_path / "ours"

    monkeypatch.syspath_prepend(tmp_path / "stray")  # as the current directory is for `python -m`
    with pytest.raises(SystemExit) as stop:
        require_one_home(["fw_where", "fw_stream"])
    assert f"fw_where: {tmp_path / 'ours'}" in str(stop.value)
    assert f"fw_stream: {tmp_path / 'stray'}" in str(stop.value)


@pytest.mark.parametrize("there", [False, True], ids=["missing", "a mere folder"])
def test_a_package_that_is_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    make_package(tmp_path, "fw_kept")
    if there:
        make_package(tmp_path, "fw_lost", init=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SystemExit, match="fw_lost: not found"):
        require_one_home(["fw_kept", "fw_lost"])
