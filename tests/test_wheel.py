"""The built wheel works where no checkout is: its content, every import, the command."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
LAYERS = {"geofences", "sinks", "pipeline", "simulators", "console", "fencewatch"}

IMPORT_ALL = """
import importlib, pkgutil, sys
for layer in sys.argv[1:]:
    package = importlib.import_module(layer)
    print(package.__file__)
    for module in pkgutil.walk_packages(package.__path__, layer + "."):
        # Alembic runs env.py; nobody imports it.
        if not module.name.endswith(("__main__", "migrations.env")):
            print(importlib.import_module(module.name).__file__)
"""


def run(*command: str | Path, cwd: Path) -> str:
    """What the command printed; it sees no PYTHONPATH, and fails the test with its complaint if it fails."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", out, cwd=CHECKOUT)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin directory of an environment with the wheel; the dependencies come from the suite's by path."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home, with_pip=False)
    pip: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "--quiet",
        "--disable-pip-version-check",
        "--python",
        home,
    ]
    run(*pip, "install", "--no-deps", "--no-index", wheel, cwd=home)
    # A folder added by path has its own .pth files ignored, so an editable checkout stays out of sight.
    (site_packages,) = home.glob("lib/python*/site-packages")
    (site_packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return home / "bin"


def test_it_holds_the_packages_whole_and_nothing_else(wheel: Path) -> None:
    names = (name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name)
    shipped = {
        name for name in names if "node_modules" not in name
    }  # the page's packages, where they are there
    present = {
        path.relative_to(CHECKOUT).as_posix()
        for layer in LAYERS
        for path in (CHECKOUT / layer).rglob("*")
        if path.is_file() and not {"__pycache__", "node_modules"} & set(path.parts)
    }
    assert shipped == present
    assert {f"{layer}/py.typed" for layer in LAYERS} < shipped


def test_it_carries_the_licence_and_refuses_an_upload(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        assert "Classifier: Private :: Do Not Upload" in archive.read(metadata).decode()
        assert any(name.endswith("/licenses/LICENSE") for name in archive.namelist())


def test_every_module_imports_from_the_installed_copy(installed: Path, tmp_path: Path) -> None:
    files = run(installed / "python", "-c", IMPORT_ALL, *sorted(LAYERS), cwd=tmp_path).split()
    assert len(files) >= len(LAYERS)
    assert [file for file in files if not Path(file).is_relative_to(installed.parent)] == []


def test_the_command_runs_from_an_empty_directory(installed: Path, tmp_path: Path) -> None:
    assert "Usage" in run(installed / "fencewatch", "--help", cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []
