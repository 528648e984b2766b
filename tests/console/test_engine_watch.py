"""Whether the engine gets on: every way in which it can stop, and what only looks like it, as pictures."""

from __future__ import annotations

import pytest

from console.engine_watch import EngineWatch, Look, Why

# A sign a second. The log: a record comes (|) or none (.). The engine: takes all there is and tells (+),
# tells but takes nothing (t), does nothing (space). Then what is the matter at the end, or nothing.
PICTURES: list[tuple[str, str, str, Why | None]] = [
    ("all is well", "||||||||||", "++++++++++", None),
    ("killed or stopped", "||||||||||", "+++       ", Why.NOT_RUNNING),
    ("for less than five seconds", "|||||||", "+++    ", None),
    ("hangs, and tells of itself all the same", "||||||||||", "+++ttttttt", Why.HANGS),
    ("never started", "||||||||||", "          ", Why.NEVER_STARTED),
    ("never started, and no log either", "..........", "          ", Why.NEVER_STARTED),
    ("started late", "||||||||||", "        ++", None),
    ("gets on again", "||||||||||||", "++         +", None),
    ("slow, but it gets on", "||||||||||||||", "+  +  +  +  + ", None),
    ("nothing waits: a clock that stands still", "|||.......", "+++ttttttt", None),
    (
        "it ended when nothing waited, then something did",
        "|||......||||||",
        "+++            ",
        Why.NOT_RUNNING,
    ),
    ("the last record is the one that waits", "|||........", "++         ", Why.NOT_RUNNING),
    ("killed while it hung", "||||||||||||||", "+++tttttt     ", Why.NOT_RUNNING),
]


def watched(log: str, engine: str, watch: EngineWatch, *, at_s: float = 100.0) -> Why | None:
    """The picture looked at once a second."""
    end = told = 0
    offset: int | None = None
    for second, (coming, doing) in enumerate(zip(log, engine, strict=True)):
        end += coming == "|"
        told += doing in "+t"
        offset = end if doing == "+" else offset
        # A file that was told once stays there.
        look = Look(end, end * 1000, offset, None if offset is None else offset * 1000, told)
        watch.look(look, at_s + second)
    return watch.standing.why


@pytest.mark.parametrize(("log", "engine", "why"), [p[1:] for p in PICTURES], ids=[p[0] for p in PICTURES])
def test_pictures(log: str, engine: str, why: Why | None) -> None:
    watch = EngineWatch(writes_log=False)
    assert watched(log, engine, watch) == why
    assert watch.standing.is_stalled == (why is not None)


def test_an_engine_that_writes_the_log_takes_its_marks_along() -> None:
    """No record waits, but the clock goes on and the log does not: nobody's silence would be told."""
    for writes_log, why in ((False, None), (True, Why.NOT_RUNNING)):
        watch = EngineWatch(writes_log=writes_log)
        for second in range(10):
            watch.look(Look(5, 5_000 + 1_000 * second, 5, 5_000, "once"), float(second))
        assert watch.standing.why == why


def test_a_clock_that_stands_still_stalls_nobody() -> None:
    watch = EngineWatch(writes_log=True)
    for second in range(10):
        watch.look(Look(5, 5_999, 5, 5_000, "once"), float(second))
    assert watch.standing.why is None


def test_our_own_pause_is_not_the_engines() -> None:
    """We were stopped for a minute between two looks; the records of that time wait for a moment."""
    watch = EngineWatch(writes_log=False)
    watch.look(Look(5, 5_000, 5, 5_000, 1), 0.0)
    assert watch.look(Look(60, 60_000, 5, 5_000, 1), 60.0).why is None
    assert watch.look(Look(61, 61_000, 61, 61_000, 2), 61.0).idle_s == 0


def test_it_takes_five_seconds_and_says_how_many() -> None:
    watch = EngineWatch(writes_log=False)
    watch.look(Look(5, 5_000, 5, 5_000, 1), 0.0)
    standing = [watch.look(Look(6, 6_000, 5, 5_000, 1), n / 2) for n in range(1, 13)]
    assert [found.is_stalled for found in standing] == [False] * 9 + [True] * 3
    assert standing[-1].idle_s == 6.0


def test_an_engine_that_resumes_farther_back_gets_on() -> None:
    """After a kill it goes on from its kept state, which is behind what it had told."""
    watch = EngineWatch(writes_log=False)
    for second in range(8):
        watch.look(Look(50 + second, 0, 50, 0, 1), float(second))
    assert watch.standing.why == Why.NOT_RUNNING
    assert watch.look(Look(58, 0, 40, 0, 2), 8.0).why is None
