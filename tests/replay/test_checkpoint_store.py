"""Checkpoints on disk: the last two of each part, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.checkpoints import CheckpointStore


def test_the_last_two_of_each_part_can_be_had(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path / "states")
    tokens = [store.put("shard-1", b"%d" % number) for number in range(5)]
    other = store.put("shard-10", b"another part whose name begins alike")
    assert [store.get(token) for token in tokens[-2:]] == [b"3", b"4"]
    assert store.get(other) == b"another part whose name begins alike"
    with pytest.raises(FileNotFoundError):
        store.get(tokens[2])
    assert len(list((tmp_path / "states").iterdir())) == 3


def test_a_new_process_goes_on_counting(tmp_path: Path) -> None:
    first = CheckpointStore(tmp_path).put("intake", b"before")
    second = CheckpointStore(tmp_path).put("intake", b"after")
    assert first != second
    assert [CheckpointStore(tmp_path).get(token) for token in (first, second)] == [b"before", b"after"]


def test_a_half_written_state_is_none(tmp_path: Path) -> None:
    """What a crash left while writing is neither found nor in the way."""
    store = CheckpointStore(tmp_path)
    (tmp_path / "intake-0000000000.writing").write_bytes(b"hal")
    token = store.put("intake", b"whole")
    assert store.get(token) == b"whole"
