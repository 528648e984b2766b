"""The house rules that a reader relies on, held by the source text: who imports whom, names and sizes."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Collection, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).resolve().parents[1]

# Each layer with those of ours that it may import; nobody may import benchmarks or tests.
LAYERS = {
    "geofences": set[str](),
    "sinks": set[str](),
    "pipeline": {"geofences", "sinks"},
    "simulators": {"geofences", "pipeline"},
    "console": {"geofences", "sinks", "pipeline"},
    "fencewatch": {"geofences", "sinks", "pipeline", "simulators", "console"},
}
UNSHIPPED = {"benchmarks", "tests"}
OURS = LAYERS.keys() | UNSHIPPED

# The rooms of pipeline/ in the order in which they build on each other: a room imports from those above it.
# What lies in pipeline/ itself every room may import, and it imports no room.
ROOMS = (
    "host",  # what the machine gives: time and durable files
    "rules",  # which rules there are, in words
    "sites",  # who is watched, where, by what rules
    "reading",  # files and bytes to columns
    "log",  # the durable order of everything
    "registry",  # the site as the log has made it
    "ingest",  # what comes in, on its way into the log
    "stream",  # what the engine is fed
    "engine",  # a shard and its state
    "correlation",  # what no shard sees alone
    "runtime",  # what runs it
    "upkeep",  # a data directory as a whole
    "reference",  # the definition
)
# The definition shares with the engine what rules are called, what a site is and how values are read, and
# nothing that judges.
KNOWN_TO_REFERENCE = {"rules", "sites", "reading"}

# What the engine must not reach: it judges by what it is given, at the times that stand in it.
BEYOND_THE_ENGINE = {"asyncio", "io", "os", "pathlib", "pyarrow", "socket", "sqlite3", "subprocess", "time"}

# The only modules that know the engine's library; the judging itself must run without it.
BYTEWAX_ADAPTERS = {
    "pipeline/runtime/dataflow.py",
    "pipeline/runtime/live.py",
    "pipeline/runtime/replay.py",
    "pipeline/runtime/sources.py",
    "pipeline/runtime/steps.py",
}

# Names that say nothing about what is inside.
EMPTY_NAMES = {"utils", "common", "helpers", "base", "manager", "service", "handler", "data"}

# Files of tests may be longer: their tables of cases are read row by row.
FILE_LINES_MAX, FILE_LINES_TYPICAL, TEST_FILE_LINES_MAX = 350, 200, 500
FUNCTION_LINES_MAX, FUNCTION_LINES_OF_NINE_IN_TEN = 60, 20


@cache
def project() -> dict[str, Any]:
    return tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), path.name)


@cache
def nodes(path: Path) -> list[ast.AST]:
    """All of a file's syntax; most of these tests look through all files."""
    return list(ast.walk(tree(path)))


def sources(*tops: str) -> list[Path]:
    return sorted(path for top in tops for path in (CHECKOUT / top).rglob("*.py"))


def shown(path: Path) -> str:
    return path.relative_to(CHECKOUT).as_posix()


@cache
def imports(path: Path) -> list[tuple[int, str]]:
    """Line and full name of every import wherever it stands, under TYPE_CHECKING and by import_module too."""
    return list(_imports(path))


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    for node in nodes(path):
        match node:
            case ast.Import():
                yield from ((node.lineno, alias.name) for alias in node.names)
            case ast.ImportFrom():
                yield node.lineno, "." * node.level + (node.module or "")
            case ast.Call(func=ast.Attribute(attr="import_module") | ast.Name(id="import_module")):
                if isinstance(node.args[0], ast.Constant):
                    yield node.lineno, str(node.args[0].value)


def module(path: Path) -> str:
    """The full name of a module, that of its package for an ``__init__``."""
    return ".".join(path.relative_to(CHECKOUT).with_suffix("").parts).removesuffix(".__init__")


def top(name: str) -> str:
    return name.partition(".")[0]


def function_lines(path: Path) -> Iterator[tuple[str, int]]:
    """Name and length of every function: its body's lines without the docstring."""
    for node in nodes(path):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
            yield f"{shown(path)}:{node.lineno} {node.name}", lines


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_imports_only_what_lies_below(layer: str) -> None:
    allowed = LAYERS[layer] | {layer}
    wrong = [
        f"{shown(path)}:{line} imports {name}"
        for path in sources(layer)
        for line, name in imports(path)
        if top(name) in OURS - allowed or name.startswith(".")
    ]
    assert wrong == []


def room(name: str) -> str | None:
    """The room of a module by its full name; "" for what lies in pipeline/ itself, None outside."""
    head, *rest = name.split(".")
    if head != "pipeline":
        return None
    return rest[0] if rest and (CHECKOUT / "pipeline" / rest[0]).is_dir() else ""


def test_every_folder_of_the_pipeline_is_a_room() -> None:
    folders = {path.parent.relative_to(CHECKOUT / "pipeline").parts[:1] for path in sources("pipeline")}
    assert {name for parts in folders for name in parts} == set(ROOMS)


@pytest.mark.parametrize("mine", ["", *ROOMS])
def test_a_room_imports_only_what_lies_above(mine: str) -> None:
    allowed = {"", *ROOMS[: ROOMS.index(mine) + 1]} if mine else {""}
    if mine == "reference":
        allowed = {"", mine} | KNOWN_TO_REFERENCE
    paths = [path for path in sources("pipeline") if room(module(path)) == mine]
    assert paths, "a room that is not there holds every rule"
    wrong = [
        f"{shown(path)}:{line} imports {name}"
        for path in paths
        for line, name in imports(path)
        if room(name) is not None and room(name) not in allowed
    ]
    assert wrong == []


def test_the_engine_asks_neither_disk_nor_clock() -> None:
    wrong = [
        f"{shown(path)}:{line} imports {name}"
        for path in sources("pipeline/engine")
        for line, name in imports(path)
        if top(name) in BEYOND_THE_ENGINE
    ]
    assert wrong == []


def test_modules_import_each_other_in_no_circle() -> None:
    """Not even for annotations: two modules that need each other are one, or lack a third below them."""
    modules = {module(path): path for path in sources(*LAYERS)}
    graph = {name: imported_modules(path, modules) - {name} for name, path in modules.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as circle:
        pytest.fail(" -> ".join(circle.args[1]))


def imported_modules(path: Path, modules: Collection[str]) -> set[str]:
    """The modules of ours that one imports, where a name is a module's that one rather than its package."""
    found = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            found |= {whole if whole in modules else node.module for whole in names.values()}
    return found & set(modules)


def test_bytewax_stays_in_its_adapters() -> None:
    knowing = {
        shown(path) for path in sources(*LAYERS) for _, name in imports(path) if top(name) == "bytewax"
    }
    assert knowing <= BYTEWAX_ADAPTERS


def test_what_is_imported_is_declared() -> None:
    """A package that only another dependency brings along works until that one drops it."""
    declared = {canonicalize_name(Requirement(line).name) for line in project()["project"]["dependencies"]}
    providers = packages_distributions()
    foreign = {
        (shown(path), top(name))
        for path in sources(*LAYERS)
        for _, name in imports(path)
        if top(name) not in OURS and top(name) not in sys.stdlib_module_names
    }
    wrong = [
        f"{path} imports {name}"
        for path, name in sorted(foreign)
        if not declared & {canonicalize_name(provider) for provider in providers.get(name, [])}
    ]
    assert wrong == []


def test_the_wheel_ships_exactly_the_layers() -> None:
    wheel = project()["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert sorted(wheel["packages"]) == sorted(LAYERS)


def test_the_command_is_the_one_way_in() -> None:
    assert project()["project"]["scripts"] == {"fencewatch": "fencewatch.cli:main"}


@pytest.mark.parametrize("layer", LAYERS)
def test_every_package_is_typed(layer: str) -> None:
    assert (CHECKOUT / layer / "py.typed").is_file()
    folders = {path.parent for path in sources(layer)}
    assert [shown(folder) for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_test_folders_are_no_packages() -> None:
    """They bear the packages' names; one that were a package itself would hide the tested one."""
    assert [shown(path) for path in sources("tests") if path.name == "__init__.py"] == []


def test_names_say_what_is_inside() -> None:
    modules = [path for path in sources(*LAYERS, *UNSHIPPED) if not path.stem.startswith("__")]
    folders = {path.parent for path in modules} - {CHECKOUT / name for name in OURS}
    wrong = [
        shown(path)
        for path in [*modules, *sorted(folders)]
        if path.stem in EMPTY_NAMES or path.stem in sys.stdlib_module_names
    ]
    assert wrong == []


def test_every_module_says_in_one_line_what_it_is_for() -> None:
    summaries = {
        path: (ast.get_docstring(tree(path)) or "").partition("\n\n")[0]
        for path in sources(*LAYERS, *UNSHIPPED)
    }
    assert [shown(path) for path, first in summaries.items() if not first or "\n" in first] == []


def test_no_file_is_long_and_most_are_short() -> None:
    lines = {path: len(path.read_text("utf-8").splitlines()) for path in sources(*LAYERS, *UNSHIPPED)}
    shipped = {path: n for path, n in lines.items() if shown(path).partition("/")[0] in LAYERS}
    wrong = [f"{shown(path)}: {n}" for path, n in shipped.items() if n > FILE_LINES_MAX]
    wrong += [f"{shown(path)}: {n}" for path, n in lines.items() if n > TEST_FILE_LINES_MAX]
    assert wrong == []
    assert median(shipped.values()) <= FILE_LINES_TYPICAL


def test_no_function_is_long_and_most_are_short() -> None:
    everywhere = [found for path in sources(*LAYERS, *UNSHIPPED) for found in function_lines(path)]
    assert [f"{name}: {n}" for name, n in everywhere if n > FUNCTION_LINES_MAX] == []
    shipped = [n for path in sources(*LAYERS) for _, n in function_lines(path)]
    nine_in_ten = quantiles(shipped, n=10, method="inclusive")[8]
    assert nine_in_ten <= FUNCTION_LINES_OF_NINE_IN_TEN
