"""`run` and `serve` over stores that do not fit: each begins, or ends with one line for each thing to do."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from minimal_site import write_site
from replay.command_line import invoked
from stores.kept import made
from stores.test_identity import TABLE, Spoil, of_another

from pipeline.upkeep.store import Store
from pipeline.upkeep.stores import look
from sinks.operations_log import OPERATIONS, OperationsLog

#: Where each of them comes to when the stores are let pass.
WORK = {"run": "fencewatch.running.LiveEngine", "serve": "fencewatch.serving.create_app"}
#: Of each kind of store one that is another directory's.
ANOTHERS = (Store.LOG, Store.STATE, Store.QUEUE, Store.POSITIONS)


class Begun(Exception):  # noqa: N818 - what happened, not that it is wrong
    """A command got beyond the stores."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a site and a configuration beside it."""
    home = tmp_path_factory.mktemp("home")
    made(home / "data")
    (home / "site").mkdir()
    write_site(home / "site")
    return home


@pytest.fixture(autouse=True)
def _no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing runs, whatever the stores are like, and this process keeps its signals."""

    def begun(*_: object, **__: object) -> None:
        raise Begun

    for place in WORK.values():
        monkeypatch.setattr(place, begun)
    monkeypatch.setattr("signal.signal", lambda *_: None)


def copied(home: Path, tmp_path: Path) -> Path:
    data = tmp_path / "data"
    shutil.copytree(home / "data", data)
    (tmp_path / "fencewatch.toml").write_text(f'site = "{home / "site"}"\ndata = "{data}"\n')
    return data


@pytest.mark.parametrize("command", WORK)
def test_what_fits_is_let_pass(home: Path, tmp_path: Path, command: str) -> None:
    copied(home, tmp_path)
    with pytest.raises(Begun):
        invoked(command, "--config", tmp_path / "fencewatch.toml")


#: What is found is the same in each store; here it is what becomes of it.
ENDS = [*{row[:2]: None for row in TABLE if row[4] and (row[0] is not of_another or row[1] in ANOTHERS)}]


@pytest.mark.parametrize(("spoil", "store"), ENDS)
def test_what_does_not_fit_starts_neither_of_them(
    home: Path, tmp_path: Path, spoil: Spoil, store: Store
) -> None:
    data = copied(home, tmp_path)
    spoil(data, store, tmp_path)
    expected = [str(finding) for finding in look(data).findings() if finding.ends]
    assert expected
    for command in WORK:
        done = invoked(command, "--config", tmp_path / "fencewatch.toml")
        said = [line for line in done.stderr.splitlines() if "could be read by others" not in line]
        assert (done.exit_code, said) == (2, expected)
        assert done.stdout == ""
    told = [event for event in OperationsLog(data / OPERATIONS).read().items if event.kind == "store_unfit"]
    assert len(told) == len(WORK) * len(expected)


@pytest.mark.parametrize(("spoil", "store"), [*{row[:2]: None for row in TABLE if not row[4]}])
def test_what_hinders_nobody_is_told_and_both_go_on(
    home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], spoil: Spoil, store: Store
) -> None:
    """By the first of them; what it begins anew is nothing to complain of for the second."""
    data = copied(home, tmp_path)
    spoil(data, store, tmp_path)
    (expected,) = [str(finding) for finding in look(data).findings()]
    for command in WORK:
        with pytest.raises(Begun):
            invoked(command, "--config", tmp_path / "fencewatch.toml")
    told = [event for event in OperationsLog(data / OPERATIONS).read().items if event.kind == "store_unfit"]
    assert f"{told[-1].details['wrong']}; {told[-1].details['todo']}" in expected
