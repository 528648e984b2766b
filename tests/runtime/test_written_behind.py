"""The live engine writes its state behind: stopped dead anywhere, it goes on as if undisturbed."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import pytest
from bytewax.inputs import AbortExecution
from minimal_site import write_site
from phone_hours import judged, write_log

from pipeline.log.journal import ConsumerOffsets, JournalReader
from pipeline.log.journal.embedded import EmbeddedLog
from pipeline.log.protocol import LogReader
from pipeline.log.record import Record
from pipeline.runtime.checkpoints import CheckpointStore, read_state
from pipeline.runtime.live import READER

MINUTES, STOPS = 180, 8
#: Polls of a process that nobody stops.
FOR_EVER = 1 << 30


class Interrupted(EmbeddedLog):
    """A log that comes in pieces, with pauses, until the process is dead."""

    def __init__(self, directory: Path, dice: random.Random, polls: int) -> None:
        super().__init__(directory)
        self.dice = dice
        self.polls = polls

    @property
    def is_dead(self) -> bool:
        """Nothing is written any more either."""
        return self.polls <= 0

    def reader(self, offset: int = 0) -> LogReader:
        return _InPieces(self, offset)


class _InPieces(JournalReader):
    def __init__(self, log: Interrupted, offset: int) -> None:
        super().__init__(log.directory, offset)
        self._log = log

    def poll(self, *_: Any) -> list[Record]:
        self._log.polls -= 1
        if self._log.is_dead:
            raise AbortExecution
        return super().poll(self._log.dice.choice([1, 3, 20])) if self._log.dice.random() < 0.7 else []


@pytest.mark.parametrize("seed", range(2))
def test_stopped_dead_anywhere(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Epochs of one poll, some of them empty; what was still to be written is lost each time."""
    dice, logs = random.Random(seed), [Interrupted(tmp_path, random.Random(seed), 1)]
    write = CheckpointStore._write

    def late(self: CheckpointStore, *arguments: Any) -> str:
        time.sleep(dice.random() * 0.003)
        if logs[-1].is_dead:
            raise OSError("the process is dead")
        return write(self, *arguments)

    def asked(self: CheckpointStore, keeps: bool) -> bool:
        skipped.append(skips(self, keeps))
        return skipped[-1]

    skips, skipped = CheckpointStore.skips, list[bool]()
    monkeypatch.setattr(CheckpointStore, "_write", late)
    monkeypatch.setattr(CheckpointStore, "skips", asked)
    disturbed, beside = data_of(tmp_path / "disturbed"), data_of(tmp_path / "beside")
    write_log(disturbed / "journal", 0, MINUTES)
    found: dict[str, bytes] = {}
    for _ in range(STOPS):
        logs.append(Interrupted(disturbed / "journal", dice, dice.randint(1, 25)))
        found = judged(disturbed, found, logs[-1])
    write_log(disturbed / "journal", MINUTES, MINUTES + 10)
    logs.append(Interrupted(disturbed / "journal", dice, FOR_EVER))
    found = judged(disturbed, found, logs[-1])
    write_log(beside / "journal", 0, MINUTES)
    write_log(beside / "journal", MINUTES, MINUTES + 10)
    assert found == judged(beside, {})
    assert len(found) > 2
    assert 20 < sum(skipped) < len(skipped) - 20, "epochs in which states were still written, and others"


def test_an_engine_told_to_end_has_kept_all(tmp_path: Path) -> None:
    """So the next one reads nothing again."""
    data = data_of(tmp_path / "data")
    write_log(data / "journal", 0, MINUTES)
    judged(data, {})
    states = (data / "state" / "checkpoints").glob("intake-*.state")
    newest = max(states, key=lambda path: path.name)
    assert read_state(newest)[0].place == JournalReader(data / "journal").end_offset


class Endless(Interrupted):
    """A log of which more is to come than ever does."""

    @property
    def end_offset(self) -> int:
        return FOR_EVER


def test_where_nothing_more_comes_all_is_told_of(tmp_path: Path) -> None:
    """Whoever waits for the engine to have kept all of the log does not wait for the next row."""
    data = data_of(tmp_path / "data")
    write_log(data / "journal", 0, 30)
    judged(data, {}, Endless(data / "journal", random.Random(0), 150))
    assert ConsumerOffsets(data / "journal").of(READER) == JournalReader(data / "journal").end_offset


def data_of(data: Path) -> Path:
    """A data directory with a site."""
    (data / "site").mkdir(parents=True)
    write_site(data / "site")
    return data
