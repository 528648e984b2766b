"""Checkpoints on disk: the last two of each part, whole or not at all, and what grows written once."""

from __future__ import annotations

import random
import shutil
import time
from contextlib import suppress
from errno import ENOSPC
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest

from pipeline.checkpoint import STORED, Checkpoint
from pipeline.engine.growing_columns import Columns
from pipeline.host.disk import put_file
from pipeline.runtime import checkpoints
from pipeline.runtime.checkpoints import CheckpointStore, StateFile, read_state
from pipeline.runtime.row_files import CheckpointDamaged, RowFile
from sinks.durable import Rest


def whole(state: bytes) -> Checkpoint:
    """A state in which nothing grows."""
    return Checkpoint(state, {})


def numbers(*rows: int) -> Columns:
    columns = Columns({"number": np.int64, "name": np.object_})
    add(columns, *rows)
    return columns


def add(columns: Columns, *rows: int) -> None:
    names = np.array([*map(str, rows), None], object)[:-1]
    columns.append({"number": np.array(rows, np.int64), "name": names})


def stored_numbers(store: CheckpointStore, token: str) -> list[int]:
    """What another process finds: whoever gets a state goes on from it."""
    rows = CheckpointStore(store._directory).get(token).rows["log"]
    assert rows["name"].tolist() == [str(number) for number in rows["number"].tolist()]
    return list(rows["number"].tolist())


def row_bytes(directory: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in directory.glob("*.rows")}


def test_the_last_two_of_each_part_can_be_had(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path / "states")
    tokens = [store.put("shard-1", whole(b"%d" % number)) for number in range(5)]
    other = store.put("shard-10", whole(b"another part whose name begins alike"))
    assert [store.get(token).whole for token in tokens[-2:]] == [b"3", b"4"]
    assert store.get(other).whole == b"another part whose name begins alike"
    with pytest.raises(CheckpointDamaged):
        store.get(tokens[2])
    assert len(list((tmp_path / "states").iterdir())) == 3


def test_a_new_process_goes_on_counting(tmp_path: Path) -> None:
    first = CheckpointStore(tmp_path).put("intake", whole(b"before"))
    second = CheckpointStore(tmp_path).put("intake", whole(b"after"))
    assert first != second
    assert [CheckpointStore(tmp_path).get(token).whole for token in (first, second)] == [b"before", b"after"]


def test_a_half_written_state_is_none(tmp_path: Path) -> None:
    """What a crash left while writing is neither found nor in the way."""
    store = CheckpointStore(tmp_path)
    (tmp_path / "intake-0000000000.writing").write_bytes(b"hal")
    token = store.put("intake", whole(b"whole\nand more"))
    assert store.get(token).whole == b"whole\nand more"


def test_rows_are_written_once(tmp_path: Path) -> None:
    """Each put adds what is new to the file; both tokens see as many rows as there were."""
    store, log = CheckpointStore(tmp_path), numbers()
    nothing = store.put("shard-1", Checkpoint(b"0", {"log": log}))
    assert stored_numbers(store, nothing) == []
    add(log, *range(10_000))
    many = store.put("shard-1", Checkpoint(b"1", {"log": log}))
    (name, size), *_ = row_bytes(tmp_path).items()
    add(log, 10_000, 10_001)
    more = store.put("shard-1", Checkpoint(b"2", {"log": log}))
    assert row_bytes(tmp_path)[name] - size < 1_000, "two rows, not all of them"
    same = store.put("shard-1", Checkpoint(b"3", {"log": log}))
    assert len(row_bytes(tmp_path)) == 1
    assert stored_numbers(store, more) == stored_numbers(store, same) == list(range(10_002))
    with pytest.raises(CheckpointDamaged):
        store.get(many)


def test_rows_that_changed_are_written_anew(tmp_path: Path) -> None:
    """The old file stays as long as a state can be asked for that names it."""
    store, log = CheckpointStore(tmp_path), numbers(1, 2, 3, 4)
    before = store.put("shard-1", Checkpoint(b"0", {"log": log}))
    log.keep(log["number"] > 2)
    add(log, 5)
    after = store.put("shard-1", Checkpoint(b"1", {"log": log}))
    assert [stored_numbers(store, token) for token in (before, after)] == [[1, 2, 3, 4], [3, 4, 5]]
    assert len(row_bytes(tmp_path)) == 2
    store.put("shard-1", Checkpoint(b"2", {"log": log}))
    assert len(row_bytes(tmp_path)) == 1


def test_rows_behind_the_last_state_do_not_count(tmp_path: Path) -> None:
    """A process was killed between the rows and the state: the next one goes on from the state before."""
    store, log = CheckpointStore(tmp_path), numbers(1, 2)
    token = store.put("shard-1", Checkpoint(b"0", {"log": log}))
    rows = next(tmp_path.glob("*.rows"))
    rows.write_bytes(rows.read_bytes() + b'{"columns": ["number"')
    resumed = CheckpointStore(tmp_path)
    assert stored_numbers(resumed, token) == [1, 2]
    again = Columns.of(resumed.get(token).rows["log"])
    add(again, 3)
    following = resumed.put("shard-1", Checkpoint(b"1", {"log": again}))
    assert stored_numbers(resumed, following) == [1, 2, 3]
    assert stored_numbers(resumed, token) == [1, 2]


def test_a_new_process_goes_on_with_the_rows_of_the_one_before(tmp_path: Path) -> None:
    """What that one had written and not told of gives way, its state first."""
    store, log = CheckpointStore(tmp_path), numbers(*range(10_000))
    told = store.put("shard-1", Checkpoint(b"0", {"log": log}))
    (name, size), *_ = row_bytes(tmp_path).items()
    add(log, *range(90_000, 100_000))
    untold = store.put("shard-1", Checkpoint(b"1", {"log": log}))
    resumed = CheckpointStore(tmp_path)
    again = Columns.of(resumed.get(told).rows["log"], STORED)
    add(again, 10_000)
    tokens = [resumed.put("shard-1", Checkpoint(b"2", {"log": again})) for _ in range(2)]
    assert list(row_bytes(tmp_path)) == [name]
    assert row_bytes(tmp_path)[name] - size < 1_000, "one row, not all of them"
    for token in tokens:
        assert stored_numbers(CheckpointStore(tmp_path), token) == [*range(10_001)]
    with pytest.raises(CheckpointDamaged):
        resumed.get(untold)


def test_rows_that_were_changed_as_they_were_restored_are_written_anew(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    token = store.put("shard-1", Checkpoint(b"0", {"log": numbers(1, 2, 3)}))
    resumed = CheckpointStore(tmp_path)
    again = Columns.of(resumed.get(token).rows["log"], STORED)
    again.keep(again["number"] > 1)
    following = resumed.put("shard-1", Checkpoint(b"1", {"log": again}))
    assert [stored_numbers(CheckpointStore(tmp_path), each) for each in (token, following)] == [
        [1, 2, 3],
        [2, 3],
    ]


def test_rows_of_a_version_that_did_not_say_where_they_end_are_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def written_before(files: dict[str, RowFile], *rest: Any) -> StateFile:
        return StateFile(
            {name: RowFile(file.name, file.count, file.sum) for name, file in files.items()}, *rest
        )

    with monkeypatch.context() as patched:
        patched.setattr(checkpoints, "StateFile", written_before)
        token = CheckpointStore(tmp_path).put("shard-1", Checkpoint(b"0", {"log": numbers(1, 2)}))
    resumed = CheckpointStore(tmp_path)
    again = Columns.of(resumed.get(token).rows["log"], STORED)
    add(again, 3)
    following = resumed.put("shard-1", Checkpoint(b"1", {"log": again}))
    assert len(row_bytes(tmp_path)) == 2
    assert stored_numbers(CheckpointStore(tmp_path), following) == [1, 2, 3]


def test_written_behind_a_token_is_that_of_the_state_before(tmp_path: Path) -> None:
    """Until no epoch follows; a process that goes on begins with the token it got."""
    store = CheckpointStore(tmp_path)
    store.write_behind()
    tokens = [store.keep("intake", whole(b"%d" % number)) for number in range(5)]
    store.catch_up()
    tokens.append(store.keep("intake", whole(b"the last")))
    assert tokens[0] is None, "there was none before"
    found = [CheckpointStore(tmp_path).get(token).whole for token in tokens[-2:] if token is not None]
    assert found == [b"3", b"the last"]
    assert len(list(tmp_path.iterdir())) == 2, "what nobody can ask for is gone"
    resumed = CheckpointStore(tmp_path)
    assert resumed.get(tokens[-1] or "").whole == b"the last"
    resumed.write_behind()
    assert resumed.keep("intake", whole(b"on")) == tokens[-1]
    resumed.catch_up()


def test_what_is_taken_down_does_not_change_while_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, log, others, may_write = CheckpointStore(tmp_path), numbers(1, 2), {"shard-1": 1}, Event()
    write = CheckpointStore._write

    def late(*arguments: Any) -> str:
        may_write.wait(30)
        return write(*arguments)

    monkeypatch.setattr(CheckpointStore, "_write", late)
    store.write_behind()
    store.keep("intake", Checkpoint(b"0", {"log": log}, 1, others))
    log.put("number", np.array([9, 2]))
    others["shard-1"] = 2
    may_write.set()
    store.catch_up()
    token = store.keep("intake", Checkpoint(b"1", {"log": log}, 2, others))
    assert token is not None
    before = next(path for path in tmp_path.glob("*.state") if not token.startswith(path.stem))
    state, found = read_state(before)
    was = CheckpointStore(tmp_path).get(f"{before.stem}.{found:08x}")
    assert (was.rows["log"]["number"].tolist(), state.others) == ([1, 2], {"shard-1": 1})


def test_writing_begins_when_all_parts_are_taken_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would slow down what the stream waits for. Who needs an unwritten state gets it."""
    store, happened = CheckpointStore(tmp_path), list[str]()
    write = CheckpointStore._write

    def told(self: CheckpointStore, stem: str, *arguments: Any) -> str:
        happened.append(f"wrote {stem.partition('-')[0]}")
        return write(self, stem, *arguments)

    monkeypatch.setattr(CheckpointStore, "_write", told)
    store.write_behind()
    for part in ("intake", "judge", "sink"):
        store.keep(part, whole(b"0"))
        time.sleep(0.02)
        happened.append(f"took {part}")
    store.keep("intake", whole(b"1"))
    store.catch_up()
    took = [f"took {part}" for part in ("intake", "judge", "sink")]
    assert happened == [*took, "wrote intake", "wrote judge", "wrote sink", "wrote intake"]


def test_a_disk_that_does_not_take_it_is_told_of_at_the_next_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes, rest: Rest) -> None:
        if path.name == "intake-0000000002.state":
            raise OSError(ENOSPC, "No space left on device")
        put_file(path, content, rest)

    monkeypatch.setattr(checkpoints, "put_file", full)
    store = CheckpointStore(tmp_path)
    store.write_behind()
    store.keep("intake", whole(b"0"))
    store.keep("intake", whole(b"1"))
    good = store.keep("intake", whole(b"2"))
    with pytest.raises(OSError, match="No space left"):
        store.keep("intake", whole(b"3"))
    store.catch_up()
    assert CheckpointStore(tmp_path).get(good or "").whole == b"1"


class Rests(Event):
    """Nobody waits; how long was rested."""

    def __init__(self) -> None:
        super().__init__()
        self.rested_s: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.rested_s.append(timeout or 0.0)
        return True


def test_what_is_written_behind_leaves_the_disk_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rest after every megabyte, which ends where somebody waits for the state."""
    monkeypatch.setattr(checkpoints, "_TAKING_S", 0.0)
    store, content = CheckpointStore(tmp_path), b"s" * (3 << 20)
    store._is_awaited = rests = Rests()
    store.put("intake", whole(content))
    assert rests.rested_s == [], "whoever puts waits for it"
    store.write_behind()
    store.keep("intake", whole(content))
    store.catch_up()
    assert [round(rest_s, 3) for rest_s in rests.rested_s] == [0.01, 0.01, 0.01, 0.0]
    assert rests.is_set()


@pytest.mark.parametrize("seed", range(2))
def test_at_every_moment_the_last_two_tokens_name_states(seed: int, tmp_path: Path) -> None:
    """As after a kill: the directory is copied while states are written, and read by another process."""
    dice = random.Random(seed)
    store, parts = CheckpointStore(tmp_path / "states"), ("intake", "shard-1", "shard-2")
    logs = {part: numbers(0) for part in parts}
    handed: dict[str, list[tuple[str | None, int]]] = {part: [] for part in parts}
    store.write_behind()
    for epoch in range(15):
        for part in parts:
            if dice.random() < 0.2:
                logs[part].keep(logs[part]["number"] % 2 == 0)
            add(logs[part], *range(dice.randrange(300)))
            token = store.keep(part, Checkpoint(b"", {"log": logs[part]}, place=epoch))
            handed[part].append((token, epoch - 1))
            copy = copied(tmp_path / "states", tmp_path / f"copy-{epoch}-{part}")
            for named, place in (pair for told in handed.values() for pair in told[-2:]):
                if named is not None:
                    assert CheckpointStore(copy).get(named).place == place, f"{named} in {copy.name}"
    store.catch_up()


def copied(directory: Path, to: Path) -> Path:
    """What a crash would leave: files as they are at this moment, some of them half written."""
    to.mkdir()
    for path in directory.iterdir():
        with suppress(FileNotFoundError):  # nobody asks for it any more
            shutil.copyfile(path, to / path.name)
    return to


def test_a_part_does_not_remove_rows_of_another(tmp_path: Path) -> None:
    store, log = CheckpointStore(tmp_path), numbers(7)
    tokens = [store.put(part, Checkpoint(b"", {"log": log})) for part in ("shard-1", "shard-10", "shard-1-0")]
    for number in range(3):
        tokens[0] = store.put("shard-1", Checkpoint(b"%d" % number, {"log": log}))
    assert [stored_numbers(store, token) for token in tokens] == [[7], [7], [7]]


def test_no_changed_bit_goes_unnoticed(tmp_path: Path) -> None:
    """Every bit of a state and of its rows, one at a time; so is a file that is cut, longer or gone."""
    store, log = CheckpointStore(tmp_path), numbers(1, 2)
    store.put("shard-1", Checkpoint(b"0", {"log": log}))
    add(log, 3)
    token = store.put("shard-1", Checkpoint(b"1", {"log": log}, place=7, others={"shard-2": 5}))
    state, rows = tmp_path / f"{token.partition('.')[0]}.state", next(tmp_path.glob("*.rows"))
    for path in (state, rows):
        whole_bytes = path.read_bytes()
        spoiled = [_flipped(whole_bytes, bit) for bit in range(8 * len(whole_bytes))]
        for content in [*spoiled, b"", whole_bytes[:-1], *([whole_bytes + b"0"] if path == state else [])]:
            path.write_bytes(content)
            with pytest.raises(CheckpointDamaged, match=path.name):
                CheckpointStore(tmp_path).get(token)
        path.unlink()
        with pytest.raises(CheckpointDamaged, match=path.name):
            CheckpointStore(tmp_path).get(token)
        path.write_bytes(whole_bytes)
    assert stored_numbers(store, token) == [1, 2, 3]
    assert (store.get(token).place, store.get(token).others) == (7, {"shard-2": 5})


def test_a_changed_token_names_no_state(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    before, token = store.put("shard-1", whole(b"0")), store.put("shard-1", whole(b"1"))
    stem, told = token.split(".")
    for wrong in (
        f"{stem}.{int(told, 16) ^ 1:08x}",
        f"{before.split('.')[0]}.{told}",
        stem,
        "",
        "shard-2-0.",
    ):
        with pytest.raises(CheckpointDamaged):
            CheckpointStore(tmp_path).get(wrong)


def test_whole_files_of_another_moment_are_noticed(tmp_path: Path) -> None:
    """Each frame is sound; what they say together is not what was kept."""
    stores = [CheckpointStore(tmp_path / name) for name in ("here", "there")]
    logs = [numbers(1, 2), numbers(1, 3)]
    here, there = (
        store.put("shard-1", Checkpoint(b"", {"log": log})) for store, log in zip(stores, logs, strict=True)
    )
    rows = next((tmp_path / "there").glob("*.rows"))
    (tmp_path / "here" / rows.name).write_bytes(rows.read_bytes())
    with pytest.raises(CheckpointDamaged, match="not those of the state"):
        CheckpointStore(tmp_path / "here").get(here)
    assert stored_numbers(stores[1], there) == [1, 3]


def _flipped(content: bytes, bit: int) -> bytes:
    return content[: bit // 8] + bytes([content[bit // 8] ^ 1 << bit % 8]) + content[bit // 8 + 1 :]
