"""What the intake knows is put into its table before it is restored: it then judges as without that."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from pipeline.checkpoint import Checkpoint, Growing, Rows
from pipeline.reading import Challenges
from pipeline.runtime.checkpoints import CheckpointStore
from pipeline.sites.policies import Policies
from pipeline.sites.policy import Policy
from pipeline.stream.duplicates import ENTRY, Entries, KnownRows, first_rows, seen_rows, slot_of
from pipeline.stream.intake import Intake


class Devices:
    generation = 0

    def __init__(self, ids: list[str]) -> None:
        self.ids = ids

    def __len__(self) -> int:
        return len(self.ids)

    def rows_from(self, first: int) -> Rows:
        ids = np.empty(len(self.ids) - first, np.object_)
        ids[:] = self.ids[first:]
        return {"id": ids}


def entries(dice: random.Random, count: int, devices: int, challenges: int) -> Entries:
    rows = np.zeros(count, ENTRY)
    for row in rows:
        row["event_ms"], row["lon_bits"] = dice.randrange(40), dice.randrange(3)
        row["device"], row["challenge"] = dice.randrange(devices), dice.randrange(-1, challenges)
    return np.unique(rows)[np.argsort([dice.random() for _ in range(len(np.unique(rows)))])]


def known(intake: Intake, rows: Entries) -> list[bool]:
    table, slots, _ = intake._known.seen
    return [bool(slots[slot_of.py_func(table, slots, row)] > 0) for row in rows]


def state(intake: Intake, rows: Entries, devices: list[str]) -> Checkpoint:
    kept = intake.checkpoint()
    growing: dict[str, Growing] = {
        **kept.growing,
        "seen": KnownRows(seen_rows(rows)),
        "devices": Devices(devices),
    }
    return Checkpoint(kept.content, growing)


@pytest.mark.parametrize("seed", range(30))
def test_a_table_made_ahead_is_that_of_the_state(seed: int, tmp_path: Path) -> None:
    """Whether the newest state or the one before is asked for, and whatever the numbers are of now."""
    dice = random.Random(seed)
    devices = [f"D{number}" for number in range(5)]
    rows = entries(dice, dice.randrange(2, 400), len(devices), 2)
    before = dice.randrange(1, len(rows))
    writer = Intake(Policies(Policy(), []), Challenges())
    for text in ("a", "b"):
        writer.challenges.code(text)
    store = CheckpointStore(tmp_path)
    tokens = [store.put("intake", state(writer, rows[:count], devices)) for count in (before, len(rows))]
    token = dice.choice(tokens)
    now = dice.choice([devices, [*devices, "D9"], dice.sample(devices, 5), devices[:2]])
    read_before = dice.choice([[], ["a"], ["b", "x"]])

    def restored(*, ahead: bool) -> Intake:
        challenges = Challenges()
        for text in read_before:
            challenges.code(text)
        intake = Intake(Policies(Policy(), []), challenges, devices=Devices(list(now)))
        again = CheckpointStore(tmp_path)
        if ahead:
            again.read_ahead("intake", intake.expect)
        intake.restore(again.get(token))
        return intake

    short, long = restored(ahead=True), restored(ahead=False)
    assert len(short._known) == len(long._known)
    count = len(long._known)
    assert np.array_equal(short._known.seen.entries[:count], long._known.seen.entries[:count])
    asked = entries(dice, 500, 6, 4)
    assert known(short, asked) == known(long, asked)
    assert all(known(short, long._known.seen.entries[:count]))


@pytest.mark.parametrize("seed", range(10))
def test_the_first_rows_of_a_table_stand_where_they_did_without_the_others(seed: int) -> None:
    dice = random.Random(seed)
    rows = entries(dice, 900, 6, 3)
    count = dice.randrange(1, len(rows))
    part, alone = first_rows(seen_rows(rows, 2500), count), seen_rows(rows[:count], 2500)
    assert np.array_equal(part.slots, alone.slots)
    assert (part.used[0], len(part.entries)) == (alone.used[0], len(alone.entries))


def test_a_state_that_cannot_be_read_ahead_is_left_to_whoever_asks(tmp_path: Path) -> None:
    writer = Intake(Policies(Policy(), []), Challenges())
    store = CheckpointStore(tmp_path)
    token = store.put("intake", state(writer, entries(random.Random(1), 50, 3, 1), ["D0", "D1", "D2"]))
    (newer,) = tmp_path.glob("intake-*.state")
    (tmp_path / "intake-0000000007.state").write_bytes(newer.read_bytes()[:-1])
    again, intake = CheckpointStore(tmp_path), Intake(Policies(Policy(), []), Challenges())
    again.read_ahead("intake", intake.expect)
    intake.restore(again.get(token))
    assert len(intake._known) > 0
