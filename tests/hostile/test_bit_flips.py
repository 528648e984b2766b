"""Single bits changed all over what a system keeps: each is noticed, or what comes of it is the same."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from minimal_site import write_site
from phone_hours import judged, write_log

from geofences.errors import GeofenceError
from pipeline.errors import PipelineError
from pipeline.log.journal import JournalReader
from pipeline.runtime.checkpoints import CheckpointStore
from sinks.errors import SinkFailed

#: What a start or a reader may say of damage; anything else would be a traceback for a user.
TOLD = (PipelineError, GeofenceError, SinkFailed, OSError)
#: Flips of files that can be read by themselves, and of the state by way of a whole start of the engine.
SHORT, SHORT_STARTS = 150, 12
LONG, LONG_STARTS = 2_000, 50


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """A log of six hours of which half is judged, and the alerts of that half."""
    data = tmp_path_factory.mktemp("half")
    (data / "site").mkdir()
    write_site(data / "site")
    write_log(data / "journal", 0, 180)
    lines = judged(data, {})
    write_log(data / "journal", 180, 360)
    return data, lines


def flipped(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def flips(files: list[Path], count: int, seed: int) -> Iterator[tuple[Path, int]]:
    """Bits of files, each file about as often as another however small it is."""
    chance = random.Random(seed)
    sized = [path for path in files if path.stat().st_size]
    for number in range(count):
        path = sized[number % len(sized)]
        yield path, chance.randrange(8 * path.stat().st_size)


def starts_with_flips(half: tuple[Path, dict[str, bytes]], tmp_path: Path, count: int, seed: int) -> int:
    """How many of so many flips of the state a start of the engine noticed; the others changed nothing."""
    data, lines = half
    expected, noticed = judged(_copy(data, tmp_path / "plain"), lines), 0
    assert len(expected) > len(lines) > 0, "both halves have alerts"
    files = sorted(path.relative_to(data) for path in (data / "state").rglob("*") if path.is_file())
    kept = [path for path in files if path.name != "lock"]
    for number, (path, bit) in enumerate(flips([data / name for name in kept], count, seed)):
        here = _copy(data, tmp_path / f"flip-{number}")
        name = path.relative_to(data)
        flipped(here / name, bit)
        try:
            found = judged(here, lines)
        except TOLD:
            noticed += 1
            continue
        finally:
            shutil.rmtree(here)
        assert found == expected, f"bit {bit} of {name} was not noticed"
    return noticed


def _copy(data: Path, target: Path) -> Path:
    shutil.copytree(data, target)
    return target


def test_a_start_from_a_changed_state(half: tuple[Path, dict[str, bytes]], tmp_path: Path) -> None:
    assert starts_with_flips(half, tmp_path, SHORT_STARTS, 1) > 0


@pytest.mark.soak
def test_many_starts_from_a_changed_state(half: tuple[Path, dict[str, bytes]], tmp_path: Path) -> None:
    assert starts_with_flips(half, tmp_path, LONG_STARTS, 2) > LONG_STARTS // 2


@pytest.mark.parametrize("count", [SHORT, pytest.param(LONG, marks=pytest.mark.soak)])
def test_a_changed_log(half: tuple[Path, dict[str, bytes]], tmp_path: Path, count: int) -> None:
    """A reader gives what was written up to the changed bit, and then says where it stands."""
    data, _ = half
    expected = _read(data / "journal")
    copied = _copy(data / "journal", tmp_path / "journal")
    noticed = 0
    for path, bit in flips(sorted(copied.glob("*.journal")), count, 3):
        flipped(path, bit)
        try:
            found = _read(copied)
        except TOLD:
            noticed += 1
        else:
            assert found == expected, f"bit {bit} of {path.name} was not noticed"
        flipped(path, bit)
    assert noticed == count, "every bit of a segment counts"


def _read(journal: Path) -> list[tuple[int, int, int, bytes]]:
    found = []
    with closing(JournalReader(journal)) as reader:
        while records := reader.poll():
            found += [(record.number, record.kind, record.clock_ms, record.payload) for record in records]
        assert len(found) == reader.end_offset
    return found


@pytest.mark.parametrize("count", [SHORT, pytest.param(LONG, marks=pytest.mark.soak)])
def test_a_changed_checkpoint(half: tuple[Path, dict[str, bytes]], tmp_path: Path, count: int) -> None:
    data, _ = half
    kept = _copy(data / "state" / "checkpoints", tmp_path / "checkpoints")
    tokens = [_token(path) for path in sorted(kept.glob("*.state"))]
    expected = _states(kept, tokens)
    for path, bit in flips(sorted(kept.iterdir()), count, 4):
        flipped(path, bit)
        try:
            found = _states(kept, tokens)
        except TOLD:
            found = expected
        assert found == expected, f"bit {bit} of {path.name} was not noticed"
        flipped(path, bit)


def _token(state: Path) -> str:
    """The token that the runtime has of a state: its name and the checksum in its frame."""
    return f"{state.stem}.{int.from_bytes(state.read_bytes()[12:16], 'little'):08x}"


def _states(kept: Path, tokens: list[str]) -> list[tuple[bytes, list[bytes]]]:
    store = CheckpointStore(kept)
    states = [store.get(token) for token in tokens]
    return [
        (state.whole, [cells.tobytes() for rows in state.rows.values() for cells in rows.values()])
        for state in states
    ]
